// SPDX-License-Identifier: Apache-2.0
#include "tests/wasi/program.h"

#include <stdarg.h>
#include <stdlib.h>

#include "keep/stream.h"
#include "tests/support/hostmem.h"

/* ---- the session's side of the program, as the test wants it ---- */

struct fake_session peer;

dj_status dj_stream_write(uint8_t stream, const void *p, size_t len)
{
	peer.stream = stream;
	if (peer.stop)
		return DJ_E_STATE;
	if (len > sizeof(peer.out) - peer.out_len)
		return DJ_E_HOST;
	memcpy(peer.out + peer.out_len, p, len);
	peer.out_len += len;
	return DJ_OK;
}

dj_status dj_stream_read(uint8_t stream, void *p, size_t cap, size_t *ret_len)
{
	size_t n = peer.in_len - peer.in_at;

	peer.stream = stream;
	if (peer.stop)
		return DJ_E_STATE;
	if (n > cap)
		n = cap;
	memcpy(p, peer.in + peer.in_at, n);
	peer.in_at += n;
	*ret_len = n;
	return DJ_OK;
}

uint64_t dj_stream_readable(uint8_t stream, bool *ret_ended)
{
	(void)stream;
	*ret_ended = peer.ended;
	return peer.in_len - peer.in_at;
}

uint64_t dj_stream_writable(uint8_t stream)
{
	(void)stream;
	return peer.room;
}

dj_status dj_stream_wait(uint64_t deadline)
{
	if (peer.stop || ++peer.waits > 100)
		return DJ_E_STATE;
	if (peer.waits == peer.wake_after)
		peer.ended = true;
	if (deadline != UINT64_MAX && peer.now < deadline)
		peer.now = deadline;
	return DJ_OK;
}

dj_status dj_clock_realtime(uint64_t *ret_ns)
{
	if (peer.no_clock)
		return DJ_E_UNSUPPORTED;
	peer.clocks++;
	*ret_ns = 1000000000000 + peer.now;
	return DJ_OK;
}

dj_status dj_clock_recent(uint64_t *ret_ns)
{
	return dj_clock_realtime(ret_ns);
}

dj_status dj_clock_monotonic(uint64_t *ret_ns)
{
	if (peer.no_clock)
		return DJ_E_UNSUPPORTED;
	peer.clocks++;
	*ret_ns = peer.now;
	return DJ_OK;
}

uint64_t dj_clock_resolution(void)
{
	return 1000;
}

dj_status dj_program_random(void *dst, size_t len)
{
	memset(dst, 0x5a, len);
	return DJ_OK;
}

/* ---- a program's calls ---- */

static struct dj_arena arena;
static struct dj_store *store;
static struct dj_instance *inst;
struct dj_wasi *w;
static struct mktar tar;
uint8_t *mem;
bool unstable;
enum dj_trap trap;
uint64_t work;
const struct dj_wasi_stream *named;
size_t named_count;

static dj_status no_import(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	(void)ctx;
	(void)import;
	(void)ret;
	return DJ_E_INPUT;
}

static void open_store(void)
{
	static const uint8_t bytes[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 5, 3, 1,
		0, 2 };
	const struct dj_store_config config = { .mem = hostmem,
		.max_memory_pages = 16 };
	struct dj_wasm_error err;
	struct dj_link_error link;
	struct dj_wasm_module *m;
	uint64_t len = 0;

	if (!hostmem_arena(&arena, (size_t)256 << 20))
		abort();
	eq_u64(dj_wasm_load(bytes, sizeof(bytes), &arena, &m, &err), DJ_OK);
	eq_u64(dj_store_init(&arena, &config, &store), DJ_OK);
	eq_u64(dj_instance_new(store, m, no_import, NULL, &inst, &link), DJ_OK);
	mem = dj_instance_memory(inst, &len);
	eq_u64(len, MEMORY);
}

static struct dj_wasi_text text(const char *s)
{
	return (struct dj_wasi_text){ s, (uint32_t)strlen(s) };
}

void open_with(uint64_t max_file_bytes, uint32_t max_files)
{
	static struct dj_wasi_text args[3], env[1];
	static struct dj_wasi_preopen pre[3];
	struct dj_wasi_config config = { .args = args,
		.arg_count = 3,
		.env = env,
		.env_count = 1,
		.preopens = pre,
		.preopen_count = 3,
		.mem = hostmem,
		.max_open_files = max_files,
		.max_file_bytes = max_file_bytes,
		.streams = named,
		.stream_count = named_count };

	memset(&peer, 0, sizeof(peer));
	peer.room = 1000;
	peer.now = 5000;
	trap = DJ_TRAP_NONE;
	unstable = false;
	args[0] = text("prog");
	args[1] = text("");
	args[2] = text("two");
	env[0] = text("K=V");
	mktar_header(&tar, "dir", '5', 0, NULL);
	mktar_file(&tar, "dir/file", "contents");
	mktar_header(&tar, "out", '2', 0, "../secret");
	mktar_header(&tar, "in", '2', 0, "dir/file");
	mktar_end(&tar);
	pre[0] = (struct dj_wasi_preopen){ DJ_WASI_MEMORY, text("/tmp"), NULL,
		0, false };
	pre[1] = (struct dj_wasi_preopen){ DJ_WASI_PACKED, text("/ro"), tar.p,
		tar.len, false };
	pre[2] = (struct dj_wasi_preopen){ DJ_WASI_OVERLAY, text("/rw"), tar.p,
		tar.len, false };
	open_store();
	eq_u64(dj_wasi_new(&arena, &config, &w), DJ_OK);
	dj_wasi_set_store(w, store);
}

void open_program(void)
{
	open_with(1 << 20, 0);
}

void close_program(void)
{
	dj_wasi_done(w);
	dj_store_done(store);
	hostmem_arena_done(&arena);
	mktar_free(&tar);
}

static const struct wasi_group *const groups[] = { &wasi_args, &wasi_clock,
	&wasi_fd, &wasi_io, &wasi_dir, &wasi_path, &wasi_poll, &wasi_proc,
	&wasi_random, &wasi_sock };

const struct wasi_fn *find(const char *name)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (size_t i = 0; i < groups[g]->count; i++)
			if (strcmp(groups[g]->fns[i].name, name) == 0)
				return &groups[g]->fns[i];
	abort();
}

enum dj_errno run(const struct wasi_fn *fn, const uint64_t *args)
{
	union dj_value v[9];
	struct call c = { .w = w,
		.inst = inst,
		.args = v,
		.unstable = unstable };
	enum dj_errno e;

	for (size_t i = 0; i < strlen(fn->params); i++)
		v[i].i64 = args[i];
	e = fn->run(&c);
	trap = c.trap;
	work = c.work;
	return e;
}

enum dj_errno call(const char *name, ...)
{
	const struct wasi_fn *fn = find(name);
	uint64_t args[9];
	va_list ap;

	va_start(ap, name);
	for (size_t i = 0; i < strlen(fn->params); i++)
		args[i] = va_arg(ap, uint64_t);
	va_end(ap);
	return run(fn, args);
}

uint64_t put(uint32_t at, const char *s)
{
	memcpy(mem + at, s, strlen(s));
	return strlen(s);
}

void iov(uint32_t i, uint32_t at, uint32_t len)
{
	put32(mem + IOV + 8 * i, at);
	put32(mem + IOV + 8 * i + 4, len);
}

enum dj_errno open_at(uint64_t dir, const char *path, uint64_t how,
	uint64_t rights, uint64_t flags, uint32_t *ret)
{
	enum dj_errno e = call("path_open", dir, U(1), U(PATH), put(PATH, path),
		how, rights, U(0), flags, U(RES));

	if (e == DJ_ESUCCESS)
		*ret = get32(mem + RES);
	return e;
}

enum dj_errno write_to(uint64_t fd, const char *s)
{
	iov(0, BUF, (uint32_t)put(BUF, s));
	return call("fd_write", fd, U(IOV), U(1), U(RES));
}

enum dj_errno read_from(uint64_t fd, uint32_t cap)
{
	memset(mem + BUF, 0, 256);
	iov(0, BUF, cap);
	return call("fd_read", fd, U(IOV), U(1), U(RES));
}

const char *list(uint64_t fd, uint32_t len)
{
	static char names[4096];
	uint64_t cookie = 0;
	size_t n = 0;

	for (int rounds = 0; rounds < 1000; rounds++) {
		uint32_t used, at = 0;
		bool any = false;

		if (call("fd_readdir", fd, U(BUF), U(len), cookie, U(RES)) != 0)
			return "error";
		used = get32(mem + RES);
		while (used - at >= 24) {
			const uint8_t *e = mem + BUF + at;
			uint32_t k = get32(e + 16);

			if (used - at < 24 + k)
				break;
			n += (size_t)snprintf(names + n, sizeof(names) - n,
				"%.*s,", (int)k, (const char *)e + 24);
			cookie = get64(e);
			at += 24 + k;
			any = true;
		}
		if (used < len)
			break;
		if (!any)
			return "stuck";
	}
	names[n] = '\0';
	return names;
}

enum dj_errno poll(uint32_t n)
{
	return call("poll_oneoff", U(BUF), U(BUF + 4096), U(n), U(RES));
}

const uint8_t *event(uint32_t i)
{
	return mem + BUF + 4096 + 32 * i;
}
