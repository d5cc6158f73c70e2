// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "keep/stream.h"
#include "keep/wasi/call.h"
#include "tests/support/hostmem.h"

/*
 * Any sequence of calls over any memory: nothing crashes, every answer is an
 * error number, memory outside the program's is untouched (the sanitizer
 * sees that), and descriptors never have rights beyond their kind.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RETURN_MAX ((size_t)1 << 20)
#define MEMORY     65536

static uint64_t now;
static unsigned waits;

dj_status dj_stream_write(uint8_t stream, const void *p, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= ((const uint8_t *)p)[i];
	return stream == 7 && any != 0 ? DJ_E_HOST : DJ_OK;
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
	return stream == 0 ? now % 7 : 0;
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

static dj_status no_import(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	(void)ctx;
	(void)import;
	(void)ret;
	return DJ_E_INPUT;
}

/* One instance for all inputs: a module with one page of memory. */
static struct dj_instance *instance(uint8_t **ret_mem)
{
	static const uint8_t bytes[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 5, 3, 1,
		0, 1 };
	static struct dj_instance *inst;
	static struct dj_arena arena;
	const struct dj_store_config config = { .mem = hostmem,
		.max_memory_pages = 1 };
	struct dj_wasm_error err;
	struct dj_link_error link;
	struct dj_wasm_module *m;
	struct dj_store *store;
	uint64_t len;

	if (inst == NULL &&
		(!hostmem_arena(&arena, (size_t)64 << 20) ||
			dj_wasm_load(bytes, sizeof(bytes), &arena, &m, &err) !=
				DJ_OK ||
			dj_store_init(&arena, &config, &store) != DJ_OK ||
			dj_instance_new(store, m, no_import, NULL, &inst,
				&link) != DJ_OK))
		abort();
	*ret_mem = dj_instance_memory(inst, &len);
	return inst;
}

static const struct wasi_group *const groups[] = { &wasi_args, &wasi_clock,
	&wasi_fd, &wasi_io, &wasi_dir, &wasi_path, &wasi_poll, &wasi_proc,
	&wasi_random, &wasi_sock };
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static const struct wasi_fn *pick(uint8_t n)
{
	size_t total = 0;

	for (size_t g = 0; g < GROUPS; g++)
		total += groups[g]->count;
	n = (uint8_t)(n % total);
	for (size_t g = 0; g < GROUPS; g++) {
		if (n < groups[g]->count)
			return &groups[g]->fns[n];
		n = (uint8_t)(n - groups[g]->count);
	}
	abort();
}

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

static uint8_t returned[RETURN_MAX];
static size_t returned_len;

static dj_status put(void *ctx, const void *p, size_t len)
{
	(void)ctx;
	memcpy(returned + returned_len, p, len);
	returned_len += len;
	return DJ_OK;
}

/* Whatever the program made, an archive comes of it or too much of one. */
static void check_returned(struct dj_wasi *w)
{
	struct dj_untar_member m;
	struct dj_untar t;
	const char *what = NULL;
	dj_status st;

	returned_len = 0;
	st = dj_wasi_return(w, put, NULL, sizeof(returned), &what);
	if (st == DJ_E_LIMIT && what != NULL)
		return;
	if (st != DJ_OK)
		abort();
	dj_untar_init(&t, returned, returned_len);
	do {
		if (dj_untar_next(&t, &m) != DJ_OK)
			abort();
		if (m.type != DJ_UNTAR_END &&
			(m.path_len < 5 || memcmp(m.path, "0/+/", 4) != 0))
			abort();
	} while (m.type != DJ_UNTAR_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t room[4 << 20] __attribute__((aligned(16)));
	static const struct dj_wasi_text args[] = { { "prog", 4 } };
	static const struct dj_wasi_preopen pre[] = {
		{ DJ_WASI_MEMORY, { "/a", 2 }, NULL, 0, true },
		{ DJ_WASI_MEMORY, { "/b", 2 }, NULL, 0, false },
	};
	const struct dj_wasi_config config = { .args = args,
		.arg_count = 1,
		.preopens = pre,
		.preopen_count = 2,
		.mem = hostmem,
		.max_open_files = 16,
		.max_file_bytes = 256 << 10 };
	const uint8_t *p = data, *end = data + size;
	struct dj_arena arena;
	struct dj_wasi *w;
	union dj_value v[9];
	struct call c = { .args = v };
	uint8_t *mem;

	c.inst = instance(&mem);
	memset(mem, 0, MEMORY);
	now = 0;
	dj_arena_init(&arena, room, sizeof(room), NULL);
	if (dj_wasi_new(&arena, &config, &w) != DJ_OK)
		abort();
	c.w = w;
	/* Paths and vectors are made of the input itself. */
	memcpy(mem, data, size < MEMORY ? size : MEMORY);
	while (end - p >= 2) {
		const struct wasi_fn *fn = pick(*p++);
		enum dj_errno e;

		c.unstable = (*p++ & 1) != 0;
		c.trap = DJ_TRAP_NONE;
		waits = 0;
		for (size_t i = 0; i < 9; i++)
			v[i].i64 =
				i < strlen(fn->params) ? argument(&p, end) : 0;
		e = fn->run(&c);
		if (e > DJ_ENOTCAPABLE)
			abort();
		check_table(w);
	}
	check_returned(w);
	dj_wasi_done(w);
	memset(room, 0, arena.used);
	return 0;
}
