// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "client/aot/aot.h"
#include "keep/stream.h"
#include "keep/wasi/call.h"
#include "tests/support/hostmem.h"
#include "tests/support/hostnative.h"
#include "tests/support/mktar.h"

/*
 * Any sequence of a program's calls, of both interfaces, over any memory: as
 * the interpreter makes them, then as native code does. A module with every
 * import and a function around each is made here and compiled once.
 *
 * Nothing crashes and no call traps but those that are to end a program; every
 * answer is an error number; EFAULT has changed nothing. What is before and
 * behind linear memory cannot be touched, and what the Keep holds of the
 * tenant's files is on a heap of its own, so that the sanitizer sees any step
 * outside. Descriptors never have rights beyond their kind. Both engines give
 * the same answers, leave the same memory, and the same files come back.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define RETURN_MAX ((size_t)1 << 20)
#define MEMORY     65536
#define CALLS_MAX  256 /* of one input */
#define PARAMS_MAX 9
#define MODULE_MAX 65536
#define EDGE       ((size_t)4096)

#define NAMED_FIRST 32
#define NAMED_LAST  34
static const struct dj_wasi_stream named[] = {
	{ { "in", 2 }, NAMED_FIRST, true, false },
	{ { "out", 3 }, NAMED_FIRST + 1, false, true },
	{ { "both", 4 }, NAMED_LAST, true, true },
};

static uint64_t now;
static unsigned waits;

/* Reads all of it; the last stream's client is gone. */
dj_status dj_stream_write(uint8_t stream, const void *p, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= ((const uint8_t *)p)[i];
	return stream == NAMED_LAST && any != 0 ? DJ_E_HOST : DJ_OK;
}

dj_status dj_stream_read(uint8_t stream, void *p, size_t cap, size_t *ret_len)
{
	*ret_len = cap / 2;
	memset(p, stream, *ret_len);
	return DJ_OK;
}

uint64_t dj_stream_readable(uint8_t stream, bool *ret_ended)
{
	*ret_ended = false;
	return stream == 0 || stream >= NAMED_FIRST ? now % 7 : 0;
}

uint64_t dj_stream_writable(uint8_t stream)
{
	return stream == 1 ? now % 5 : 1;
}

dj_status dj_stream_wait(uint64_t deadline)
{
	if (deadline != UINT64_MAX && now < deadline)
		now = deadline;
	return ++waits > 10 ? DJ_E_STATE : DJ_OK;
}

dj_status dj_clock_realtime(uint64_t *ret_ns)
{
	*ret_ns = ++now;
	return DJ_OK;
}

dj_status dj_clock_recent(uint64_t *ret_ns)
{
	return dj_clock_realtime(ret_ns);
}

dj_status dj_clock_monotonic(uint64_t *ret_ns)
{
	*ret_ns = ++now;
	return DJ_OK;
}

uint64_t dj_clock_resolution(void)
{
	return 1;
}

dj_status dj_program_random(void *dst, size_t len)
{
	memset(dst, 0x5a, len);
	return DJ_OK;
}

/* ---- a module that makes every call ---- */

static const struct wasi_group *const groups[] = { &wasi_args, &wasi_clock,
	&wasi_fd, &wasi_io, &wasi_dir, &wasi_path, &wasi_poll, &wasi_proc,
	&wasi_random, &wasi_sock };
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static size_t fn_count(void)
{
	size_t n = 0;

	for (size_t g = 0; g < GROUPS; g++)
		n += groups[g]->count;
	return n;
}

static const struct wasi_fn *fn_at(size_t n)
{
	for (size_t g = 0; g < GROUPS; g++) {
		if (n < groups[g]->count)
			return &groups[g]->fns[n];
		n -= groups[g]->count;
	}
	abort();
}

struct bytes {
	uint8_t p[MODULE_MAX];
	size_t len;
};

static void byte(struct bytes *b, uint8_t v)
{
	if (b->len == sizeof(b->p))
		abort();
	b->p[b->len++] = v;
}

static void number(struct bytes *b, size_t v)
{
	for (; v > 127; v >>= 7)
		byte(b, (uint8_t)(v | 128));
	byte(b, (uint8_t)v);
}

static void text(struct bytes *b, const char *s)
{
	number(b, strlen(s));
	while (*s != '\0')
		byte(b, (uint8_t)*s++);
}

static void section(struct bytes *to, uint8_t id, struct bytes *b)
{
	byte(to, id);
	number(to, b->len);
	for (size_t i = 0; i < b->len; i++)
		byte(to, b->p[i]);
	b->len = 0;
}

static void put_type(struct bytes *b, const struct wasi_fn *fn)
{
	byte(b, 0x60);
	number(b, strlen(fn->params));
	for (const char *p = fn->params; *p != '\0'; p++)
		byte(b, *p == 'I' ? 0x7e : 0x7f);
	byte(b, fn->is_void ? 0 : 1);
	if (!fn->is_void)
		byte(b, 0x7f);
}

/* (func (param ..) (result ..) local.get.. call import), named so too. */
static void put_body(struct bytes *b, const struct wasi_fn *fn, size_t import)
{
	size_t n = strlen(fn->params);

	number(b, 1 + 2 * n + 1 + (import > 127 ? 2 : 1) + 1);
	byte(b, 0);
	for (size_t i = 0; i < n; i++) {
		byte(b, 0x20);
		byte(b, (uint8_t)i);
	}
	byte(b, 0x10);
	number(b, import);
	byte(b, 0x0b);
}

static void export_name(char name[static 8], size_t i)
{
	(void)snprintf(name, 8, "%zu", i);
}

/* Functions 0.. of preview 1, then the same of preview 0. */
static void make_module(struct bytes *m)
{
	static const char *const of[] = { "wasi_snapshot_preview1",
		"wasi_unstable" };
	static const uint8_t magic[] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
	static struct bytes b;
	size_t n = fn_count(), all = 2 * n;
	char name[8];

	for (size_t i = 0; i < sizeof(magic); i++)
		byte(m, magic[i]);
	number(&b, n);
	for (size_t i = 0; i < n; i++)
		put_type(&b, fn_at(i));
	section(m, 1, &b);
	number(&b, all);
	for (size_t i = 0; i < all; i++) {
		text(&b, of[i / n]);
		text(&b, fn_at(i % n)->name);
		byte(&b, 0);
		number(&b, i % n);
	}
	section(m, 2, &b);
	number(&b, all);
	for (size_t i = 0; i < all; i++)
		number(&b, i % n);
	section(m, 3, &b);
	number(&b, 1);
	byte(&b, 1);
	number(&b, 1);
	number(&b, 1);
	section(m, 5, &b);
	number(&b, all);
	for (size_t i = 0; i < all; i++) {
		export_name(name, i);
		text(&b, name);
		byte(&b, 0);
		number(&b, all + i);
	}
	section(m, 7, &b);
	number(&b, all);
	for (size_t i = 0; i < all; i++)
		put_body(&b, fn_at(i % n), i);
	section(m, 10, &b);
}

/* ---- two engines ---- */

/* As hostmem's, with a page on each side that nobody may touch. */
static void *reserve(size_t len)
{
	uint8_t *p = hostmem.reserve(len + 2 * EDGE);

	return p == NULL ? NULL : p + EDGE;
}

static void release(void *p, size_t len)
{
	hostmem.release((uint8_t *)p - EDGE, len + 2 * EDGE);
}

static struct {
	const struct dj_wasm_module *module;
	uint8_t *image;
	size_t image_len;
	uint8_t *tar; /* exactly as long as it is */
	size_t tar_len;
} common;

static void make_tar(void)
{
	struct mktar t = { 0 };

	mktar_header(&t, "d", '5', 0, NULL);
	mktar_file(&t, "d/f", "contents of a file");
	mktar_header(&t, "d/up", '2', 0, "../l");
	mktar_header(&t, "l", '2', 0, "d/f");
	mktar_header(&t, "out", '2', 0, "../../etc");
	mktar_header(&t, "loop", '2', 0, "loop");
	mktar_file(&t, "z", "");
	mktar_end(&t);
	common.tar_len = t.len;
	common.tar = malloc(t.len);
	if (common.tar == NULL)
		abort();
	memcpy(common.tar, t.p, t.len);
	mktar_free(&t);
}

/*
 * A program in an engine. Instances stay for all inputs, files do not: what
 * is imported leads to the file systems of the input at hand.
 */
struct world {
	struct dj_arena arena;
	struct dj_store *store;
	struct dj_instance *inst;
	struct dj_wasi *w;
	uint8_t *mem;
};
static struct world worlds[2];

struct import {
	struct world *x;
	const struct wasi_fn *fn;
	bool unstable;
	struct dj_wasm_functype type;
	uint32_t params[PARAMS_MAX];
};

/* As keep/wasi/wasi.c enters a call. */
static enum dj_trap enter(void *ctx, struct dj_instance *caller,
	union dj_value *args)
{
	const struct import *i = ctx;
	struct call c = { .w = i->x->w,
		.inst = caller,
		.args = args,
		.unstable = i->unstable,
		.trap = DJ_TRAP_NONE };
	enum dj_errno e = i->fn->run(&c);

	args[0].i64 = 0;
	args[0].i32 = e;
	return c.trap;
}

static const struct wasi_fn *fn_of(const struct dj_wasm_name *name)
{
	for (size_t i = 0; i < fn_count(); i++)
		if (strlen(fn_at(i)->name) == name->len &&
			memcmp(fn_at(i)->name, name->p, name->len) == 0)
			return fn_at(i);
	abort();
}

static dj_status resolve(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	static const uint32_t i32 = DJ_WASM_I32;
	struct world *x = ctx;
	struct import *i = dj_arena_new(&x->arena, struct import);
	uint32_t n = 0;

	if (i == NULL)
		abort();
	i->x = x;
	i->fn = fn_of(&import->name);
	i->unstable = import->module.len == strlen("wasi_unstable");
	for (const char *p = i->fn->params; *p != '\0'; p++)
		i->params[n++] = *p == 'I' ? DJ_WASM_I64 : DJ_WASM_I32;
	i->type = (struct dj_wasm_functype){ .param_count = n,
		.params = i->params,
		.result_count = i->fn->is_void ? 0 : 1,
		.results = &i32 };
	ret->kind = DJ_WASM_FUNC;
	return dj_func_new_host(x->store, &i->type, enter, i, &ret->func);
}

static void make_world(struct world *x, bool native)
{
	const struct dj_store_config config = {
		.mem = { reserve, hostmem.commit, release },
		.max_memory_pages = 1,
		.max_call_depth = 64,
		.stack_bytes = 65536,
		.native = native,
		.exec = hostnative_exec
	};
	struct dj_link_error link = { .what = "no memory" };
	uint64_t len = 0;
	dj_status st = DJ_E_NOMEM;

	if (hostmem_arena(&x->arena, (size_t)16 << 20))
		st = dj_store_init(&x->arena, &config, &x->store);
	if (st == DJ_OK)
		st = native ? dj_instance_new_native(x->store, common.module,
				      common.image, common.image_len,
				      &hostnative_target, resolve, x, &x->inst,
				      &link)
			    : dj_instance_new(x->store, common.module, resolve,
				      x, &x->inst, &link);
	if (st != DJ_OK) {
		fprintf(stderr, "an instance: %s\n", link.what);
		abort();
	}
	x->mem = dj_instance_memory(x->inst, &len);
	if (len != MEMORY)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct bytes m;
	static struct dj_arena arena;
	const struct dj_aot_options options = { .bounds = DJ_BOUNDS_CHECKS,
		.threads = 1 };
	struct dj_wasm_error err = { .text = "" };
	struct dj_wasm_module *module;
	char why[400] = "";

	(void)argc;
	(void)argv;
	make_module(&m);
	make_tar();
	if (!hostmem_arena(&arena, (size_t)64 << 20) ||
		dj_wasm_load(m.p, m.len, &arena, &module, &err) != DJ_OK) {
		fprintf(stderr, "the module: %s\n", err.text);
		abort();
	}
	common.module = module;
	if (dj_aot_compile(module, &options, &common.image, &common.image_len,
		    why, sizeof(why)) != DJ_OK) {
		fprintf(stderr, "native code: %s\n", why);
		abort();
	}
	make_world(&worlds[0], false);
	make_world(&worlds[1], true);
	return 0;
}

static void open_files(struct world *x, struct dj_arena *arena)
{
	static const struct dj_wasi_text args[] = { { "prog", 4 }, { "", 0 } };
	static const struct dj_wasi_text env[] = { { "K=V", 3 } };
	const struct dj_wasi_preopen pre[] = {
		{ DJ_WASI_MEMORY, { "/a", 2 }, NULL, 0, true },
		{ DJ_WASI_MEMORY, { "/b", 2 }, NULL, 0, false },
		{ DJ_WASI_PACKED, { "/c", 2 }, common.tar, common.tar_len,
			false },
		{ DJ_WASI_OVERLAY, { "/d", 2 }, common.tar, common.tar_len,
			true },
	};
	static struct dj_wasi_preopen kept[4];
	const struct dj_wasi_config config = { .args = args,
		.arg_count = 2,
		.env = env,
		.env_count = 1,
		.preopens = kept,
		.preopen_count = 4,
		.streams = named,
		.stream_count = 3,
		.mem = { reserve, hostmem.commit, release },
		.max_open_files = 16,
		.max_file_bytes = 256 << 10 };

	memcpy(kept, pre, sizeof(pre));
	now = 0;
	waits = 0;
	if (dj_wasi_new(arena, &config, &x->w) != DJ_OK)
		abort();
	memset(x->mem, 0, MEMORY);
}

/* ---- one input ---- */

struct said {
	uint32_t result;
	enum dj_trap trap;
};

/* What a run came to: the other engine's must be the same. */
struct story {
	struct said said[CALLS_MAX];
	size_t count;
	uint8_t mem[MEMORY];
	uint8_t returned[RETURN_MAX];
	size_t returned_len;
};

static void check_table(const struct dj_wasi *w)
{
	for (uint32_t i = 0; i < w->fd_count; i++) {
		const struct fd *f = &w->fds[i];
		uint64_t most = R_STREAM | R_FD_READ | R_FD_WRITE;

		if (f->kind == FD_FREE)
			continue;
		if (f->kind == FD_NODE)
			most = f->node->type == DJ_VFS_DIR ? R_DIR : R_FILE;
		if ((f->base & ~most) != 0 ||
			(f->kind == FD_NODE && f->node->refs == 0))
			abort();
	}
}

/* An argument: a small number, an address of the page, or anything. */
static uint64_t argument(const uint8_t **p, const uint8_t *end)
{
	uint64_t v = 0;
	uint8_t how;

	if (end - *p < 3)
		return 0;
	how = *(*p)++;
	v = (uint64_t)(*p)[0] | (uint64_t)(*p)[1] << 8;
	*p += 2;
	switch (how % 8) {
	case 0:
		return v << 48 | v << 16 | v;
	case 1:
		return 0xffffffffu - v;
	case 2:
	case 3:
		return v;
	case 4:
		return UINT64_MAX;
	default:
		return v % 16;
	}
}

static dj_status put(void *ctx, const void *p, size_t len)
{
	struct story *s = ctx;

	if (len > sizeof(s->returned) - s->returned_len)
		abort();
	memcpy(s->returned + s->returned_len, p, len);
	s->returned_len += len;
	return DJ_OK;
}

/* Whatever the program made, an archive comes of it or too much of one. */
static void check_returned(struct dj_wasi *w, struct story *s)
{
	struct dj_untar_member m;
	struct dj_untar t;
	const char *what = NULL;
	dj_status st;

	s->returned_len = 0;
	st = dj_wasi_return(w, put, s, sizeof(s->returned), &what);
	if (st == DJ_E_LIMIT && what != NULL)
		return;
	if (st != DJ_OK)
		abort();
	dj_untar_init(&t, s->returned, s->returned_len);
	do {
		if (dj_untar_next(&t, &m) != DJ_OK)
			abort();
		if (m.type != DJ_UNTAR_END &&
			(m.path_len < 5 || (m.path[0] | 1) != '1' ||
				m.path[1] != '/' ||
				(m.path[2] != '+' && m.path[2] != '-') ||
				m.path[3] != '/'))
			abort();
	} while (m.type != DJ_UNTAR_END);
}

/* Only the end of the program is a trap, and only these calls end it. */
static void check_trap(const struct wasi_fn *fn, enum dj_trap trap)
{
	if (fn->is_void ? trap != DJ_TRAP_EXIT
			: trap != DJ_TRAP_NONE && trap != DJ_TRAP_STOPPED)
		abort();
}

/* Function n of the module; false at the end of the program. */
static bool make_call(struct world *x, size_t n, const uint8_t **p,
	const uint8_t *end, struct story *s)
{
	static uint8_t before[MEMORY];
	const struct wasi_fn *fn = fn_at(n % fn_count());
	struct said *said = &s->said[s->count++];
	union dj_value v[PARAMS_MAX] = { { 0 } };
	struct dj_extern e;
	char name[8];

	export_name(name, n);
	if (!dj_instance_export(x->inst, name, strlen(name), &e))
		abort();
	for (size_t i = 0; i < strlen(fn->params); i++)
		v[i].i64 = fn->params[i] == 'I' ? argument(p, end)
						: (uint32_t)argument(p, end);
	memcpy(before, x->mem, MEMORY);
	waits = 0;
	said->trap = dj_call(x->store, e.func, v);
	said->result = fn->is_void ? 0 : v[0].i32;
	check_trap(fn, said->trap);
	check_table(x->w);
	if (said->trap != DJ_TRAP_NONE)
		return false;
	if (said->result > DJ_ENOTCAPABLE)
		abort();
	if (said->result == DJ_EFAULT && memcmp(before, x->mem, MEMORY) != 0)
		abort();
	return true;
}

static void run(struct world *x, const uint8_t *data, size_t size,
	struct story *s)
{
	static uint8_t room[1 << 20] __attribute__((aligned(65536)));
	const uint8_t *p = data, *end = data + size;
	struct dj_arena arena;
	size_t n = fn_count();
	bool goes_on = true;

	dj_arena_init(&arena, room, sizeof(room), NULL);
	open_files(x, &arena);
	s->count = 0;
	/* Paths and vectors are made of the input itself. */
	memcpy(x->mem, data, size < MEMORY ? size : MEMORY);
	while (goes_on && end - p >= 2 && s->count < CALLS_MAX) {
		size_t i = *p++ % n;

		i += (*p++ & 1) != 0 ? n : 0;
		goes_on = make_call(x, i, &p, end, s);
	}
	memcpy(s->mem, x->mem, MEMORY);
	check_returned(x->w, s);
	dj_wasi_done(x->w);
	memset(room, 0, arena.used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct story a, b;

	run(&worlds[0], data, size, &a);
	run(&worlds[1], data, size, &b);
	if (a.count != b.count || a.returned_len != b.returned_len ||
		memcmp(a.said, b.said, a.count * sizeof(a.said[0])) != 0 ||
		memcmp(a.mem, b.mem, MEMORY) != 0 ||
		memcmp(a.returned, b.returned, a.returned_len) != 0)
		abort();
	return 0;
}
