// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>

#include "keep/stream.h"
#include "keep/wasi/call.h"
#include "keep/wasi/wasi.h"
#include "tests/support/hostmem.h"
#include "tests/support/mktar.h"
#include "tests/tap.h"

#define MEMORY 131072 /* the program's: two pages */
#define END    MEMORY

/* ---- the session's side of the program, as the test wants it ---- */

static struct {
	uint8_t in[64], out[256];
	size_t in_len, in_at, out_len;
	bool ended, stop, no_clock;
	uint64_t now, room;
	unsigned waits;
	uint8_t stream; /* of the last read or write */
	unsigned clocks, wake_after;
} fake;

dj_status dj_stream_write(uint8_t stream, const void *p, size_t len)
{
	fake.stream = stream;
	if (fake.stop)
		return DJ_E_STATE;
	if (len > sizeof(fake.out) - fake.out_len)
		return DJ_E_HOST;
	memcpy(fake.out + fake.out_len, p, len);
	fake.out_len += len;
	return DJ_OK;
}

dj_status dj_stream_read(uint8_t stream, void *p, size_t cap, size_t *ret_len)
{
	size_t n = fake.in_len - fake.in_at;

	fake.stream = stream;
	if (fake.stop)
		return DJ_E_STATE;
	if (n > cap)
		n = cap;
	memcpy(p, fake.in + fake.in_at, n);
	fake.in_at += n;
	*ret_len = n;
	return DJ_OK;
}

uint64_t dj_stream_readable(uint8_t stream, bool *ret_ended)
{
	(void)stream;
	*ret_ended = fake.ended;
	return fake.in_len - fake.in_at;
}

uint64_t dj_stream_writable(uint8_t stream)
{
	(void)stream;
	return fake.room;
}

dj_status dj_stream_wait(uint64_t deadline)
{
	if (fake.stop || ++fake.waits > 100)
		return DJ_E_STATE;
	if (fake.waits == fake.wake_after)
		fake.ended = true;
	if (deadline != UINT64_MAX && fake.now < deadline)
		fake.now = deadline;
	return DJ_OK;
}

dj_status dj_clock_realtime(uint64_t *ret_ns)
{
	if (fake.no_clock)
		return DJ_E_UNSUPPORTED;
	fake.clocks++;
	*ret_ns = 1000000000000 + fake.now;
	return DJ_OK;
}

dj_status dj_clock_recent(uint64_t *ret_ns)
{
	return dj_clock_realtime(ret_ns);
}

dj_status dj_clock_monotonic(uint64_t *ret_ns)
{
	if (fake.no_clock)
		return DJ_E_UNSUPPORTED;
	fake.clocks++;
	*ret_ns = fake.now;
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
static struct dj_wasi *w;
static struct mktar tar;
static uint8_t *mem;
static bool unstable;
static enum dj_trap trap;
static const struct dj_wasi_stream *named;
static size_t named_count;

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

/* Descriptors 3: an empty tree, 4: a packed one, 5: a packed one, writable. */
static void open_with(uint64_t max_file_bytes, uint32_t max_files)
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

	memset(&fake, 0, sizeof(fake));
	fake.room = 1000;
	fake.now = 5000;
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

static void open_program(void)
{
	open_with(1 << 20, 0);
}

static void close_program(void)
{
	dj_wasi_done(w);
	dj_store_done(store);
	hostmem_arena_done(&arena);
	mktar_free(&tar);
}

static const struct wasi_group *const groups[] = { &wasi_args, &wasi_clock,
	&wasi_fd, &wasi_io, &wasi_dir, &wasi_path, &wasi_poll, &wasi_proc,
	&wasi_random, &wasi_sock };

static const struct wasi_fn *find(const char *name)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (size_t i = 0; i < groups[g]->count; i++)
			if (strcmp(groups[g]->fns[i].name, name) == 0)
				return &groups[g]->fns[i];
	abort();
}

static enum dj_errno run(const struct wasi_fn *fn, const uint64_t *args)
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
	return e;
}

/* Arguments are uint64_t each. */
static enum dj_errno call(const char *name, ...)
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

#define U(x) ((uint64_t)(x))

/* Where the test keeps things in the program's memory. */
enum {
	PATH = 1024,
	PATH2 = 8192,
	BUF = 16384,
	IOV = 32768,
	RES = 40000
};

static uint64_t put(uint32_t at, const char *s)
{
	memcpy(mem + at, s, strlen(s));
	return strlen(s);
}

static void iov(uint32_t i, uint32_t at, uint32_t len)
{
	put32(mem + IOV + 8 * i, at);
	put32(mem + IOV + 8 * i + 4, len);
}

static enum dj_errno open_at(uint64_t dir, const char *path, uint64_t how,
	uint64_t rights, uint64_t flags, uint32_t *ret)
{
	enum dj_errno e = call("path_open", dir, U(1), U(PATH), put(PATH, path),
		how, rights, U(0), flags, U(RES));

	if (e == DJ_ESUCCESS)
		*ret = get32(mem + RES);
	return e;
}

#define RW (R_FD_READ | R_FD_WRITE | R_FD_SEEK | R_FD_TELL | R_FD_FILESTAT_GET)

static enum dj_errno write_to(uint64_t fd, const char *s)
{
	iov(0, BUF, (uint32_t)put(BUF, s));
	return call("fd_write", fd, U(IOV), U(1), U(RES));
}

static enum dj_errno read_from(uint64_t fd, uint32_t cap)
{
	memset(mem + BUF, 0, 256);
	iov(0, BUF, cap);
	return call("fd_read", fd, U(IOV), U(1), U(RES));
}

static void arguments_and_environment_come_out_as_given(void)
{
	open_program();
	eq_u64(call("args_sizes_get", U(0), U(4)), 0);
	eq_u64(get32(mem), 3);
	eq_u64(get32(mem + 4), 5 + 1 + 4);
	eq_u64(call("args_get", U(0), U(100)), 0);
	eq_u64(get32(mem), 100);
	eq_u64(get32(mem + 4), 105);
	eq_u64(get32(mem + 8), 106);
	eq_mem(mem + 100, "prog\0\0two\0", 10);
	eq_u64(call("environ_sizes_get", U(0), U(4)), 0);
	eq_u64(get32(mem), 1);
	eq_u64(get32(mem + 4), 4);
	eq_u64(call("environ_get", U(0), U(100)), 0);
	eq_mem(mem + 100, "K=V\0", 4);
	eq_u64(call("args_get", U(0), U(END - 9)), DJ_EFAULT);
	eq_u64(call("args_get", U(END - 11), U(0)), DJ_EFAULT);
	eq_u64(call("args_sizes_get", U(END - 3), U(0)), DJ_EFAULT);
	eq_u64(call("args_sizes_get", U(0), U(0xfffffffc)), DJ_EFAULT);
	close_program();
}

/* Written here again from the specification, not from the tables. */
static const char *const types[] = { "args_get ii", "args_sizes_get ii",
	"environ_get ii", "environ_sizes_get ii", "clock_res_get ii",
	"clock_time_get iIi", "fd_advise iIIi", "fd_allocate iII", "fd_close i",
	"fd_datasync i", "fd_fdstat_get ii", "fd_fdstat_set_flags ii",
	"fd_fdstat_set_rights iII", "fd_filestat_get ii",
	"fd_filestat_set_size iI", "fd_filestat_set_times iIIi",
	"fd_pread iiiIi", "fd_prestat_get ii", "fd_prestat_dir_name iii",
	"fd_pwrite iiiIi", "fd_read iiii", "fd_readdir iiiIi", "fd_renumber ii",
	"fd_seek iIii", "fd_sync i", "fd_tell ii", "fd_write iiii",
	"path_create_directory iii", "path_filestat_get iiiii",
	"path_filestat_set_times iiiiIIi", "path_link iiiiiii",
	"path_open iiiiiIIii", "path_readlink iiiiii",
	"path_remove_directory iii", "path_rename iiiiii", "path_symlink iiiii",
	"path_unlink_file iii", "poll_oneoff iiii", "proc_exit i",
	"proc_raise i", "random_get ii", "sched_yield ", "sock_accept iii",
	"sock_recv iiiiii", "sock_send iiiii", "sock_shutdown ii" };
#define TYPES (sizeof(types) / sizeof(types[0]))

static void every_function_of_both_interfaces_resolves_with_its_type(void)
{
	static const char *const modules[] = { "wasi_snapshot_preview1",
		"wasi_unstable" };
	struct dj_wasm_import import = { .kind = DJ_WASM_FUNC };
	struct dj_extern e;

	open_program();
	for (size_t m = 0; m < 2; m++) {
		import.module.p = modules[m];
		import.module.len = (uint32_t)strlen(modules[m]);
		for (size_t i = 0; i < TYPES; i++) {
			const char *space = strchr(types[i], ' ');
			const struct dj_wasm_functype *t;
			bool exit = strncmp(types[i], "proc_exit", 9) == 0;

			import.name.p = types[i];
			import.name.len = (uint32_t)(space - types[i]);
			if (!eq_u64(dj_wasi_resolve(w, &import, &e), DJ_OK)) {
				printf("# %s\n", types[i]);
				continue;
			}
			t = dj_func_type(e.func);
			eq_u64(t->param_count, strlen(space + 1));
			for (size_t k = 0; k < t->param_count; k++)
				eq_u64(t->params[k],
					space[1 + k] == 'I' ? DJ_WASM_I64
							    : DJ_WASM_I32);
			eq_u64(t->result_count, exit ? 0 : 1);
			if (!exit)
				eq_u64(t->results[0], DJ_WASM_I32);
		}
	}
	import.name.p = "fd_write_";
	import.name.len = 9;
	eq_u64(dj_wasi_resolve(w, &import, &e), DJ_E_INPUT);
	import.module.p = "env";
	import.module.len = 3;
	import.name.len = 8;
	eq_u64(dj_wasi_resolve(w, &import, &e), DJ_E_INPUT);
	close_program();
}

static void no_arguments_crash_a_call(void)
{
	static const uint32_t odd[] = { 0, 1, 3, 4, 5, 7, 8, 64, PATH, BUF, IOV,
		END - 1, END, END + 1, 0x7fffffff, 0x80000000, 0xfffffff8,
		0xffffffff };
	uint32_t seed = 7;

	open_program();
	for (int i = 0; i < 60000; i++) {
		const char *type = types[seed % TYPES];
		char name[32];
		uint64_t args[9];
		enum dj_errno e;

		snprintf(name, sizeof(name), "%.*s",
			(int)(strchr(type, ' ') - type), type);
		for (size_t k = 0; k < 9; k++) {
			seed = seed * 1664525 + 1013904223;
			args[k] = odd[(seed >> 16) %
				(sizeof(odd) / sizeof(odd[0]))];
			if (seed >> 30 == 3)
				args[k] = (seed >> 12) % 8;
		}
		seed = seed * 1664525 + 1013904223;
		put(PATH, "./dir/file");
		put32(mem + (seed >> 8) % (MEMORY - 8), seed);
		fake.waits = 0;
		fake.out_len = 0;
		unstable = (seed & 1024) != 0;
		e = run(find(name), args);
		if (!ok(e <= DJ_ENOTCAPABLE)) {
			printf("# %s\n", name);
			break;
		}
		seed = seed >> 3 ^ (uint32_t)i * 2654435761u;
	}
	close_program();
}

static void files_are_made_written_and_read(void)
{
	uint32_t fd;

	open_program();
	eq_u64(open_at(3, "f", 1, RW, 0, &fd), 0);
	eq_u64(fd, 6);
	eq_u64(write_to(fd, "hello world"), 0);
	eq_u64(get32(mem + RES), 11);
	eq_u64(call("fd_tell", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES), 11);
	eq_u64(call("fd_seek", U(fd), U(-5), U(1), U(RES)), 0);
	eq_u64(get64(mem + RES), 6);
	eq_u64(read_from(fd, 100), 0);
	eq_u64(get32(mem + RES), 5);
	eq_mem(mem + BUF, "world", 5);
	eq_u64(read_from(fd, 100), 0);
	eq_u64(get32(mem + RES), 0);
	eq_u64(call("fd_seek", U(fd), U(-12), U(2), U(RES)), DJ_EINVAL);
	eq_u64(call("fd_seek", U(fd), U(0), U(3), U(RES)), DJ_EINVAL);
	eq_u64(call("fd_seek", U(fd), U(INT64_MAX), U(2), U(RES)),
		DJ_EOVERFLOW);
	/* Scattered and at a place of its own. */
	iov(0, BUF, 2);
	iov(1, BUF + 10, 0);
	iov(2, BUF + 20, 3);
	eq_u64(call("fd_pread", U(fd), U(IOV), U(3), U(1), U(RES)), 0);
	eq_u64(get32(mem + RES), 5);
	eq_mem(mem + BUF, "el", 2);
	eq_mem(mem + BUF + 20, "lo ", 3);
	eq_u64(call("fd_pwrite", U(fd), U(IOV), U(3), U(20), U(RES)), 0);
	eq_u64(call("fd_filestat_get", U(fd), U(RES)), 0);
	eq_u64(mem[RES + 16], TYPE_FILE);
	eq_u64(get64(mem + RES + 24), 1);
	eq_u64(get64(mem + RES + 32), 25);
	eq_u64(call("fd_close", U(fd)), 0);
	eq_u64(call("fd_close", U(fd)), DJ_EBADF);
	eq_u64(open_at(3, "f", 0, RW, FDFLAG_APPEND, &fd), 0);
	eq_u64(write_to(fd, "!"), 0);
	eq_u64(call("fd_tell", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES), 26);
	close_program();
}

static void bad_pointers_are_efault_and_nothing_happens(void)
{
	uint32_t fd;
	uint64_t len;

	open_program();
	len = put(PATH, "f");
	eq_u64(call("path_open", U(3), U(0), U(PATH), len, U(1), RW, U(0), U(0),
		       U(END - 3)),
		DJ_EFAULT);
	eq_u64(open_at(3, "f", 0, RW, 0, &fd), DJ_ENOENT);
	eq_u64(call("path_create_directory", U(3), U(END - 1), U(2)),
		DJ_EFAULT);
	eq_u64(call("path_create_directory", U(3), U(0xffffffff), U(2)),
		DJ_EFAULT);
	eq_u64(open_at(3, "f", 1, RW, 0, &fd), 0);
	put(BUF, "data");
	iov(0, BUF, 4);
	iov(1, END - 1, 2);
	eq_u64(call("fd_write", U(fd), U(IOV), U(2), U(RES)), DJ_EFAULT);
	eq_u64(call("fd_write", U(fd), U(IOV), U(1), U(END - 2)), DJ_EFAULT);
	eq_u64(call("fd_write", U(fd), U(END - 8), U(2), U(RES)), DJ_EFAULT);
	eq_u64(call("fd_write", U(fd), U(IOV), U(1025), U(RES)), DJ_EINVAL);
	eq_u64(call("fd_filestat_get", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES + 32), 0);
	eq_u64(call("random_get", U(END - 4), U(5)), DJ_EFAULT);
	eq_u64(call("fd_prestat_get", U(3), U(END - 7)), DJ_EFAULT);
	eq_u64(call("clock_time_get", U(0), U(0), U(END - 7)), DJ_EFAULT);
	close_program();
}

static void a_vector_that_is_overwritten_stays_in_memory(void)
{
	uint32_t fd;

	open_program();
	eq_u64(open_at(3, "f", 1, RW, 0, &fd), 0);
	memset(mem + BUF, 0xff, 64);
	iov(0, BUF, 64);
	eq_u64(call("fd_write", U(fd), U(IOV), U(1), U(RES)), 0);
	eq_u64(call("fd_seek", U(fd), U(0), U(0), U(RES)), 0);
	/* The first buffer is the second element of the vector. */
	iov(0, IOV + 8, 8);
	iov(1, BUF, 8);
	eq_u64(call("fd_read", U(fd), U(IOV), U(2), U(RES)), 0);
	eq_u64(get32(mem + RES), 8);
	close_program();
}

static void paths_do_not_leave_their_preopen(void)
{
	static const struct {
		uint64_t dir;
		const char *path;
		enum dj_errno e;
	} cases[] = {
		{ 4, "dir/file", DJ_ESUCCESS },
		{ 4, "in", DJ_ESUCCESS },
		{ 4, "dir/../in", DJ_ESUCCESS },
		{ 4, "out", DJ_ENOTCAPABLE },
		{ 4, "../tmp", DJ_ENOTCAPABLE },
		{ 4, "/ro/dir/file", DJ_ENOTCAPABLE },
		{ 4, "dir/file/", DJ_ENOTDIR },
		{ 4, "none", DJ_ENOENT },
		{ 4, "", DJ_ENOENT },
		{ 4, "bad\xff", DJ_EILSEQ },
		{ 99, "x", DJ_EBADF },
		{ 0xffffffff, "x", DJ_EBADF },
		{ 1, "x", DJ_ENOTDIR },
	};
	uint32_t fd;

	open_program();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!eq_u64(open_at(cases[i].dir, cases[i].path, 0, R_FD_READ,
				    0, &fd),
			    cases[i].e))
			printf("# %s\n", cases[i].path);
	memset(mem + PATH, 'a', 5000);
	eq_u64(call("path_open", U(4), U(0), U(PATH), U(4097), U(0), U(0), U(0),
		       U(0), U(RES)),
		DJ_ENAMETOOLONG);
	memcpy(mem + PATH, "dir\0x", 5);
	eq_u64(call("path_open", U(4), U(0), U(PATH), U(5), U(0), U(0), U(0),
		       U(0), U(RES)),
		DJ_EILSEQ);
	eq_u64(call("path_symlink", U(PATH), put(PATH, "/abs"), U(3), U(PATH2),
		       put(PATH2, "l")),
		DJ_ENOTCAPABLE);
	close_program();
}

static void opening_answers_as_posix_does(void)
{
	enum {
		CREAT = 1,
		DIRECTORY = 2,
		EXCL = 4,
		TRUNC = 8
	};
	static const struct {
		uint64_t dir;
		const char *path;
		uint64_t how, rights;
		enum dj_errno e;
	} cases[] = {
		{ 5, "dir", DIRECTORY, R_FD_READ, DJ_ESUCCESS },
		{ 5, "dir", 0, 0, DJ_ESUCCESS },
		{ 5, "dir", 0, R_FD_WRITE, DJ_EISDIR },
		{ 5, "dir", CREAT, 0, DJ_EISDIR },
		{ 5, "dir/file", DIRECTORY, 0, DJ_ENOTDIR },
		{ 5, "dir/file", CREAT | EXCL, 0, DJ_EEXIST },
		{ 5, "in", CREAT | EXCL, 0, DJ_EEXIST },
		{ 5, "new", CREAT | DIRECTORY, 0, DJ_EINVAL },
		{ 5, "new", 16, 0, DJ_EINVAL },
		{ 5, "new/", CREAT, 0, DJ_ENOENT },
		{ 5, "new", CREAT | EXCL, R_FD_WRITE, DJ_ESUCCESS },
		{ 5, "dir/file", TRUNC, R_FD_READ, DJ_ESUCCESS },
		{ 4, "dir/file", TRUNC, R_FD_READ, DJ_EROFS },
		{ 4, "dir/file", 0, R_FD_WRITE, DJ_EROFS },
		{ 4, "dir/file", CREAT, R_FD_READ, DJ_ESUCCESS },
		{ 4, "new", CREAT, R_FD_READ, DJ_EROFS },
	};
	uint32_t fd;

	open_program();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!eq_u64(open_at(cases[i].dir, cases[i].path, cases[i].how,
				    cases[i].rights, 0, &fd),
			    cases[i].e))
			printf("# %zu %s\n", i, cases[i].path);
	/* Without following: a link is not opened. */
	eq_u64(call("path_open", U(5), U(0), U(PATH), put(PATH, "in"), U(0),
		       U(0), U(0), U(0), U(RES)),
		DJ_ELOOP);
	/* Emptied above, in 5; the same bytes in 4 are as they were. */
	eq_u64(open_at(5, "in", 0, R_FD_READ, 0, &fd), 0);
	eq_u64(read_from(fd, 100), 0);
	eq_u64(get32(mem + RES), 0);
	eq_u64(open_at(4, "in", 0, R_FD_READ, 0, &fd), 0);
	eq_u64(read_from(fd, 100), 0);
	eq_mem(mem + BUF, "contents", 8);
	close_program();
}

static void rights_only_shrink(void)
{
	uint32_t fd, dir;

	open_program();
	eq_u64(open_at(3, "f", 1, R_FD_READ | R_FD_WRITE, 0, &fd), 0);
	eq_u64(write_to(fd, "x"), 0);
	eq_u64(call("fd_seek", U(fd), U(0), U(0), U(RES)), DJ_ENOTCAPABLE);
	eq_u64(call("fd_filestat_get", U(fd), U(RES)), DJ_ENOTCAPABLE);
	eq_u64(call("fd_fdstat_set_rights", U(fd), R_FD_READ, U(0)), 0);
	eq_u64(write_to(fd, "x"), DJ_ENOTCAPABLE);
	eq_u64(call("fd_fdstat_set_rights", U(fd), R_FD_READ | R_FD_WRITE,
		       U(0)),
		DJ_ENOTCAPABLE);
	eq_u64(call("fd_fdstat_get", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES + 8), R_FD_READ);
	/* A directory passes on no more than it may. */
	eq_u64(call("path_create_directory", U(3), U(PATH), put(PATH, "d")), 0);
	eq_u64(call("path_open", U(3), U(0), U(PATH), U(1), U(2),
		       R_PATH_OPEN | R_PATH_CREATE_FILE, R_FD_READ, U(0),
		       U(RES)),
		0);
	dir = get32(mem + RES);
	eq_u64(open_at(dir, "g", 1, R_FD_READ, 0, &fd), 0);
	eq_u64(open_at(dir, "g", 0, R_FD_WRITE, 0, &fd), DJ_ENOTCAPABLE);
	eq_u64(open_at(dir, "g", 8, R_FD_READ, 0, &fd), DJ_ENOTCAPABLE);
	eq_u64(call("path_unlink_file", U(dir), U(PATH), put(PATH, "g")),
		DJ_ENOTCAPABLE);
	close_program();
}

/* Lists a directory through a buffer of len bytes; names joined by commas. */
static const char *list(uint64_t fd, uint32_t len)
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

static void directories_are_listed_in_pieces(void)
{
	static const char *const want = ".,..,file,a,bb,ccc,dddd,eeeee,ffffff,";
	uint32_t fd;
	uint32_t dir;

	open_program();
	eq_str(list(4, 1000), "dir,out,in,");
	eq_u64(call("path_open", U(5), U(0), U(PATH), put(PATH, "dir"), U(2),
		       R_FD_READDIR | R_PATH_OPEN | R_PATH_CREATE_FILE, RW,
		       U(0), U(RES)),
		0);
	dir = get32(mem + RES);
	for (char name[8] = "a"; strlen(name) < 7;) {
		size_t n = strlen(name);

		eq_u64(open_at(dir, name, 1, 0, 0, &fd), 0);
		memset(name, 'a' + (int)n, n + 1);
		name[n + 1] = '\0';
	}
	for (uint32_t len = 30; len < 300; len++)
		if (strcmp(list(dir, len), want) != 0) {
			eq_str(list(dir, len), want);
			break;
		}
	eq_u64(call("fd_readdir", U(dir), U(BUF), U(0), U(0), U(RES)), 0);
	eq_u64(get32(mem + RES), 0);
	eq_u64(call("fd_readdir", U(dir), U(BUF), U(99), U(0) - 1, U(RES)), 0);
	eq_u64(get32(mem + RES), 0);
	eq_u64(call("fd_readdir", U(fd), U(BUF), U(99), U(0), U(RES)),
		DJ_ENOTDIR);
	close_program();
}

static void preopens_say_their_names(void)
{
	open_program();
	eq_u64(call("fd_prestat_get", U(3), U(RES)), 0);
	eq_u64(get32(mem + RES), 0);
	eq_u64(get32(mem + RES + 4), 4);
	eq_u64(call("fd_prestat_dir_name", U(3), U(BUF), U(4)), 0);
	eq_mem(mem + BUF, "/tmp", 4);
	eq_u64(call("fd_prestat_dir_name", U(3), U(BUF), U(3)),
		DJ_ENAMETOOLONG);
	eq_u64(call("fd_prestat_get", U(6), U(RES)), DJ_EBADF);
	eq_u64(call("fd_prestat_get", U(0), U(RES)), DJ_EBADF);
	close_program();
}

static void descriptors_are_the_lowest_free_and_bounded(void)
{
	uint32_t fd;

	open_with(1 << 20, 8);
	eq_u64(open_at(3, "f", 1, RW, 0, &fd), 0);
	eq_u64(fd, 6);
	eq_u64(open_at(3, "f", 0, RW, 0, &fd), 0);
	eq_u64(fd, 7);
	eq_u64(open_at(3, "f", 0, RW, 0, &fd), DJ_EMFILE);
	eq_u64(open_at(3, "new", 1, RW, 0, &fd), DJ_EMFILE);
	eq_u64(call("fd_close", U(0)), 0);
	eq_u64(open_at(3, "f", 0, RW, 0, &fd), 0);
	eq_u64(fd, 0);
	eq_u64(call("fd_renumber", U(7), U(6)), 0);
	eq_u64(call("fd_renumber", U(7), U(6)), DJ_EBADF);
	eq_u64(call("fd_renumber", U(6), U(7)), DJ_EBADF);
	eq_u64(call("fd_renumber", U(6), U(6)), 0);
	eq_u64(open_at(3, "new", 0, RW, 0, &fd), DJ_ENOENT);
	eq_u64(open_at(3, "f", 0, RW, 0, &fd), 0);
	eq_u64(fd, 7);
	close_program();
}

static void a_full_disk_is_enospc(void)
{
	char name[16];
	uint32_t fd;
	enum dj_errno e = 0;

	open_with(64 << 10, 0);
	eq_u64(open_at(3, "f", 1, RW | R_FD_ALLOCATE, 0, &fd), 0);
	iov(0, 0, 5000);
	for (int i = 0; i < 20 && e == 0; i++)
		e = call("fd_write", U(fd), U(IOV), U(1), U(RES));
	eq_u64(e, DJ_ENOSPC);
	eq_u64(call("fd_allocate", U(fd), U(0), U(1 << 20)), DJ_ENOSPC);
	e = DJ_ESUCCESS;
	/* A page cut for names before may have room for some still. */
	for (int i = 0; i < 500 && e == 0; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		e = call("path_create_directory", U(3), U(PATH),
			put(PATH, name));
	}
	eq_u64(e, DJ_ENOSPC);
	eq_u64(call("path_unlink_file", U(3), U(PATH), put(PATH, "f")), 0);
	eq_u64(call("fd_close", U(fd)), 0);
	eq_u64(call("path_create_directory", U(3), U(PATH), put(PATH, "last")),
		0);
	close_program();
}

static void streams_are_read_and_written(void)
{
	open_program();
	memcpy(fake.in, "some input", 10);
	fake.in_len = 10;
	iov(0, BUF, 4);
	iov(1, BUF + 4, 100);
	eq_u64(call("fd_read", U(0), U(IOV), U(2), U(RES)), 0);
	eq_u64(get32(mem + RES), 10);
	eq_mem(mem + BUF, "some input", 10);
	eq_u64(call("fd_fdstat_set_flags", U(0), U(FDFLAG_NONBLOCK)), 0);
	eq_u64(read_from(0, 4), DJ_EAGAIN);
	fake.ended = true;
	eq_u64(read_from(0, 4), 0);
	eq_u64(get32(mem + RES), 0);
	iov(0, BUF, (uint32_t)put(BUF, "out"));
	iov(1, BUF, 2);
	eq_u64(call("fd_write", U(1), U(IOV), U(2), U(RES)), 0);
	eq_u64(get32(mem + RES), 5);
	eq_mem(fake.out, "outou", 5);
	eq_u64(call("fd_fdstat_set_flags", U(1), U(FDFLAG_NONBLOCK)), 0);
	fake.room = 4;
	eq_u64(call("fd_write", U(1), U(IOV), U(1), U(RES)), 0);
	eq_u64(get32(mem + RES), 3);
	fake.room = 2;
	eq_u64(call("fd_write", U(1), U(IOV), U(1), U(RES)), 0);
	eq_u64(get32(mem + RES), 2);
	fake.room = 0;
	eq_u64(call("fd_write", U(1), U(IOV), U(1), U(RES)), DJ_EAGAIN);
	eq_u64(write_to(0, "x"), DJ_ENOTCAPABLE);
	eq_u64(read_from(1, 1), DJ_ENOTCAPABLE);
	eq_u64(call("fd_seek", U(1), U(0), U(1), U(RES)), DJ_ESPIPE);
	eq_u64(call("fd_pread", U(0), U(IOV), U(1), U(0), U(RES)), DJ_ESPIPE);
	close_program();
}

static void named_streams_are_files_in_a_folder_of_their_own(void)
{
	static const uint64_t want_in = R_STREAM | R_FD_READ;
	const struct dj_wasi_stream streams[] = {
		{ { "db", 2 }, 40, true, false },
		{ { "log", 3 }, 41, false, true },
		{ { "two", 3 }, 42, true, true },
	};
	uint32_t fd, dir;

	named = streams;
	named_count = 3;
	open_program();
	named_count = 0;
	dir = 3;
	while (call("fd_prestat_get", U(dir), U(RES)) == 0 &&
		get32(mem + RES + 4) != 7)
		dir++;
	eq_u64(call("fd_prestat_dir_name", U(dir), U(BUF), U(7)), 0);
	eq_mem(mem + BUF, "/stream", 7);
	eq_u64(call("fd_prestat_get", U(dir + 1), U(RES)), DJ_EBADF);
	eq_str(list(dir, 4096), "db,log,two,");

	eq_u64(open_at(dir, "db", 0, R_ALL & ~R_SOCK, 0, &fd), DJ_EACCES);
	eq_u64(open_at(dir, "log", 0, R_FD_READ, 0, &fd), DJ_EACCES);
	eq_u64(open_at(dir, "db", 2, R_FD_READ, 0, &fd), DJ_ENOTDIR);
	eq_u64(open_at(dir, "db/x", 0, R_FD_READ, 0, &fd), DJ_ENOTDIR);
	eq_u64(open_at(dir, "db", 1 | 4, R_FD_READ, 0, &fd), DJ_EEXIST);
	eq_u64(open_at(dir, "new", 1, R_FD_WRITE, 0, &fd), DJ_EROFS);
	eq_u64(call("path_unlink_file", U(dir), U(BUF), put(BUF, "db")),
		DJ_EROFS);

	eq_u64(open_at(dir, "db", 0, R_FILE & ~R_FD_WRITE, 0, &fd), 0);
	eq_u64(call("fd_fdstat_get", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES + 8), want_in);
	memcpy(fake.in, "secret", 6);
	fake.in_len = 6;
	fake.in_at = 0;
	eq_u64(read_from(fd, 100), 0);
	eq_u64(fake.stream, 40);
	eq_mem(mem + BUF, "secret", 6);
	eq_u64(write_to(fd, "x"), DJ_ENOTCAPABLE);
	eq_u64(call("fd_seek", U(fd), U(0), U(0), U(RES)), DJ_ESPIPE);
	eq_u64(call("fd_close", U(fd)), 0);

	/* fopen(..., "w") makes and cuts what is there. */
	eq_u64(open_at(dir, "log", 1 | 8, R_FILE & ~R_FD_READ, 0, &fd), 0);
	fake.out_len = 0;
	eq_u64(write_to(fd, "line"), 0);
	eq_u64(fake.stream, 41);
	eq_mem(fake.out, "line", 4);
	eq_u64(open_at(dir, "two", 0, R_FD_READ | R_FD_WRITE, 0, &fd), 0);
	eq_u64(call("path_filestat_get", U(dir), U(0), U(BUF), put(BUF, "two"),
		       U(RES)),
		0);
	eq_u64(mem[RES + 16], TYPE_UNKNOWN);
	eq_u64(get64(mem + RES + 32), 0);
	eq_u64(call("path_rename", U(dir), U(BUF), put(BUF, "two"), U(3),
		       U(BUF + 16), put(BUF + 16, "y")),
		DJ_EXDEV);
	close_program();
}

static void a_stop_unwinds_the_program(void)
{
	open_program();
	fake.stop = true;
	(void)write_to(1, "x");
	eq_u64(trap, DJ_TRAP_STOPPED);
	(void)read_from(0, 1);
	eq_u64(trap, DJ_TRAP_STOPPED);
	memset(mem + BUF, 0, 48);
	mem[BUF + 8] = 1; /* stdin */
	(void)call("poll_oneoff", U(BUF), U(BUF + 4096), U(1), U(RES));
	eq_u64(trap, DJ_TRAP_STOPPED);
	close_program();
}

static void exit_ends_the_program_with_its_code(void)
{
	open_program();
	(void)call("proc_exit", U(0xfffffffe));
	eq_u64(trap, DJ_TRAP_EXIT);
	eq_u64(dj_wasi_exit_code(w), 0xfffffffe);
	eq_u64(call("proc_raise", U(1)), DJ_ENOSYS);
	eq_u64(call("sched_yield"), 0);
	eq_u64(call("sock_accept", U(3), U(0), U(RES)), DJ_ENOTSOCK);
	eq_u64(call("sock_shutdown", U(99), U(0)), DJ_EBADF);
	eq_u64(call("random_get", U(BUF), U(32)), 0);
	eq_u64(mem[BUF + 31], 0x5a);
	close_program();
}

static void clocks_answer(void)
{
	open_program();
	fake.now = 7000;
	eq_u64(call("clock_time_get", U(0), U(0), U(RES)), 0);
	eq_u64(get64(mem + RES), 1000000007000);
	eq_u64(call("clock_time_get", U(1), U(0), U(RES)), 0);
	eq_u64(get64(mem + RES), 7000);
	eq_u64(call("clock_time_get", U(2), U(0), U(RES)), 0);
	eq_u64(get64(mem + RES), 2000);
	eq_u64(call("clock_time_get", U(4), U(0), U(RES)), DJ_EINVAL);
	for (uint64_t id = 0; id < 4; id++) {
		eq_u64(call("clock_res_get", id, U(RES)), 0);
		eq_u64(get64(mem + RES), 1000);
	}
	eq_u64(call("clock_res_get", U(4), U(RES)), DJ_EINVAL);
	fake.no_clock = true;
	eq_u64(call("clock_time_get", U(0), U(0), U(RES)), DJ_ENOTSUP);
	close_program();
}

static void subscribe_clock(uint32_t i, uint64_t user, uint32_t id, uint64_t ns,
	uint16_t flags)
{
	uint8_t *p = mem + BUF + 48 * i;

	memset(p, 0, 48);
	put64(p, user);
	put32(p + 16, id);
	put64(p + 24, ns);
	put16(p + 40, flags);
}

static void subscribe_fd(uint32_t i, uint64_t user, uint8_t kind, uint32_t fd)
{
	uint8_t *p = mem + BUF + 48 * i;

	memset(p, 0, 48);
	put64(p, user);
	p[8] = kind;
	put32(p + 16, fd);
}

static enum dj_errno poll(uint32_t n)
{
	return call("poll_oneoff", U(BUF), U(BUF + 4096), U(n), U(RES));
}

static const uint8_t *event(uint32_t i)
{
	return mem + BUF + 4096 + 32 * i;
}

static void poll_waits_for_the_first_of_its_events(void)
{
	open_program();
	eq_u64(poll(0), DJ_EINVAL);
	subscribe_clock(0, 11, 1, 400, 0);
	subscribe_clock(1, 12, 0, 300, 0);
	subscribe_fd(2, 13, 1, 0);
	eq_u64(poll(3), 0);
	eq_u64(get32(mem + RES), 1);
	eq_u64(get64(event(0)), 12);
	eq_u64(fake.now, 5300);
	/* Absolute, on both clocks; past ones are due at once. */
	subscribe_clock(0, 1, 1, 5600, 1);
	eq_u64(poll(1), 0);
	eq_u64(fake.now, 5600);
	subscribe_clock(0, 1, 0, 1000000006000, 1);
	eq_u64(poll(1), 0);
	eq_u64(fake.now, 6000);
	eq_u64(poll(1), 0);
	eq_u64(fake.now, 6000);
	/* What is ready wins over what is not yet. */
	fake.in_len = 3;
	subscribe_clock(0, 1, 1, 1000, 0);
	subscribe_fd(1, 2, 1, 0);
	subscribe_fd(2, 3, 2, 1);
	subscribe_fd(3, 4, 1, 77);
	subscribe_clock(4, 5, 9, 1, 0);
	eq_u64(poll(5), 0);
	eq_u64(get32(mem + RES), 4);
	eq_u64(get64(event(0)), 2);
	eq_u64(get64(event(0) + 16), 3);
	eq_u64(get64(event(1)), 3);
	eq_u64(get64(event(1) + 16), 1000);
	eq_u64(event(2)[8], DJ_EBADF);
	eq_u64(event(3)[8], DJ_EINVAL);
	fake.in_at = 3;
	fake.ended = true;
	subscribe_fd(0, 1, 1, 0);
	eq_u64(poll(1), 0);
	eq_u64(event(0)[24], 1); /* hung up */
	subscribe_fd(0, 1, 3, 0);
	eq_u64(poll(1), DJ_EINVAL);
	eq_u64(poll(8193), DJ_EINVAL);
	eq_u64(call("poll_oneoff", U(BUF), U(BUF + 8), U(1), U(RES)),
		DJ_EINVAL);
	eq_u64(call("poll_oneoff", U(END - 47), U(BUF), U(1), U(RES)),
		DJ_EFAULT);
	close_program();
}

/* With stream.c's: a wait is one hostcall, and a look at the clock is one. */
static void poll_sleeps_once_and_looks_at_the_clock_once_each_side(void)
{
	open_program();
	for (uint32_t i = 0; i < 60; i++)
		subscribe_clock(i, i, 1, 1000 + i, 0);
	for (uint32_t i = 60; i < 80; i++)
		subscribe_fd(i, i, 1, 0);
	fake.clocks = fake.waits = 0;
	eq_u64(poll(80), 0);
	eq_u64(get32(mem + RES), 1);
	eq_u64(fake.waits, 1);
	eq_u64(fake.clocks, 2);
	/* Streams alone need no clock. */
	fake.clocks = fake.waits = 0;
	fake.wake_after = 3;
	for (uint32_t i = 0; i < 80; i++)
		subscribe_fd(i, i, 1, 0);
	eq_u64(poll(80), 0);
	eq_u64(get32(mem + RES), 80);
	eq_u64(fake.waits, 3);
	eq_u64(fake.clocks, 0);
	/* What is due does not sleep. */
	fake.clocks = fake.waits = 0;
	subscribe_clock(0, 1, 1, 0, 0);
	eq_u64(poll(1), 0);
	eq_u64(fake.waits, 0);
	eq_u64(fake.clocks, 1);
	close_program();
}

static void names_are_linked_renamed_and_removed(void)
{
	uint32_t fd;

	open_program();
	eq_u64(open_at(3, "f", 1, RW, 0, &fd), 0);
	eq_u64(write_to(fd, "abc"), 0);
	eq_u64(call("path_link", U(3), U(0), U(PATH), put(PATH, "f"), U(3),
		       U(PATH2), put(PATH2, "g")),
		0);
	eq_u64(call("path_symlink", U(PATH), put(PATH, "g"), U(3), U(PATH2),
		       put(PATH2, "s")),
		0);
	eq_u64(call("path_readlink", U(3), U(PATH), put(PATH, "s"), U(BUF),
		       U(10), U(RES)),
		0);
	eq_u64(get32(mem + RES), 1);
	eq_u64(mem[BUF], 'g');
	eq_u64(call("path_readlink", U(3), U(PATH), put(PATH, "g"), U(BUF),
		       U(10), U(RES)),
		DJ_EINVAL);
	eq_u64(call("path_filestat_get", U(3), U(1), U(PATH), put(PATH, "s"),
		       U(RES)),
		0);
	eq_u64(mem[RES + 16], TYPE_FILE);
	eq_u64(get64(mem + RES + 24), 2);
	eq_u64(call("path_filestat_get", U(3), U(0), U(PATH), U(1), U(RES)), 0);
	eq_u64(mem[RES + 16], TYPE_LINK);
	eq_u64(call("path_filestat_get", U(3), U(2), U(PATH), U(1), U(RES)),
		DJ_EINVAL);
	eq_u64(call("path_rename", U(3), U(PATH), put(PATH, "g"), U(3),
		       U(PATH2), put(PATH2, "h")),
		0);
	eq_u64(call("path_rename", U(3), U(PATH), put(PATH, "h"), U(5),
		       U(PATH2), put(PATH2, "h")),
		DJ_EXDEV);
	eq_u64(call("path_unlink_file", U(3), U(PATH), put(PATH, "h")), 0);
	eq_u64(call("path_unlink_file", U(3), U(PATH), U(1)), DJ_ENOENT);
	eq_u64(call("path_create_directory", U(3), U(PATH), put(PATH, "d")), 0);
	eq_u64(call("path_create_directory", U(3), U(PATH), U(1)), DJ_EEXIST);
	eq_u64(call("path_remove_directory", U(3), U(PATH), U(1)), 0);
	close_program();
}

static void times_are_set_and_told(void)
{
	uint32_t fd;

	open_program();
	eq_u64(open_at(3, "f", 1, R_FILE, 0, &fd), 0);
	fake.now = 100;
	eq_u64(call("fd_filestat_get", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES + 48), 1000000000100);
	eq_u64(call("fd_filestat_set_times", U(fd), U(5), U(6), U(1 | 4)), 0);
	eq_u64(call("fd_filestat_get", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES + 40), 5);
	eq_u64(get64(mem + RES + 48), 6);
	fake.now = 200;
	eq_u64(write_to(fd, "x"), 0);
	fake.now = 300;
	eq_u64(call("fd_close", U(fd)), 0);
	fake.now = 400;
	eq_u64(call("path_filestat_get", U(3), U(0), U(PATH), put(PATH, "f"),
		       U(RES)),
		0);
	eq_u64(get64(mem + RES + 40), 5);
	eq_u64(get64(mem + RES + 48), 1000000000300);
	eq_u64(call("path_filestat_set_times", U(3), U(0), U(PATH), U(1), U(0),
		       U(9), U(4 | 8)),
		DJ_EINVAL);
	eq_u64(call("path_filestat_set_times", U(3), U(0), U(PATH), U(1), U(0),
		       U(9), U(16)),
		DJ_EINVAL);
	eq_u64(call("path_filestat_set_times", U(4), U(0), U(PATH),
		       put(PATH, "in"), U(0), U(9), U(4)),
		DJ_EROFS);
	/* Packed files have the archive's time. */
	eq_u64(call("path_filestat_get", U(4), U(1), U(PATH), U(2), U(RES)), 0);
	eq_u64(get64(mem + RES + 48), 100000000000);
	close_program();
}

static void preview_0_has_its_own_layouts(void)
{
	uint32_t fd;

	open_program();
	eq_u64(open_at(3, "f", 1, R_FILE, 0, &fd), 0);
	eq_u64(write_to(fd, "hello"), 0);
	unstable = true;
	eq_u64(call("fd_seek", U(fd), U(1), U(2), U(RES)), 0); /* SET */
	eq_u64(get64(mem + RES), 1);
	eq_u64(call("fd_seek", U(fd), U(1), U(0), U(RES)), 0); /* CUR */
	eq_u64(get64(mem + RES), 2);
	eq_u64(call("fd_seek", U(fd), U(0), U(1), U(RES)), 0); /* END */
	eq_u64(get64(mem + RES), 5);
	memset(mem + RES, 0xee, 64);
	eq_u64(call("fd_filestat_get", U(fd), U(RES)), 0);
	eq_u64(mem[RES + 16], TYPE_FILE);
	eq_u64(get32(mem + RES + 20), 1);
	eq_u64(get64(mem + RES + 24), 5);
	eq_u64(mem[RES + 56], 0xee);
	/* A clock's subscription has a name of its own in front. */
	memset(mem + BUF, 0, 56);
	put64(mem + BUF, 42);
	put32(mem + BUF + 24, 1);
	put64(mem + BUF + 32, 250);
	fake.now = 1000;
	eq_u64(poll(1), 0);
	eq_u64(get64(event(0)), 42);
	eq_u64(fake.now, 1250);
	close_program();
}

static void what_cannot_be_opened_is_refused_at_the_start(void)
{
	struct dj_wasi_text bad = { "a\0b", 3 };
	struct dj_wasi_preopen pre = { DJ_WASI_PACKED, { "/x", 2 },
		(const uint8_t *)"short", 5, false };
	struct dj_wasi_error err = { .what = NULL };
	struct dj_wasi_config config = { .mem = hostmem, .error = &err };
	struct dj_wasi *x;

	if (!hostmem_arena(&arena, (size_t)16 << 20))
		abort();
	eq_u64(dj_wasi_new(&arena, &config, &x), DJ_OK);
	dj_wasi_done(x);
	config.args = &bad;
	config.arg_count = 1;
	eq_u64(dj_wasi_new(&arena, &config, &x), DJ_E_INPUT);
	config.arg_count = 0;
	config.preopens = &pre;
	config.preopen_count = 1;
	eq_u64(dj_wasi_new(&arena, &config, &x), DJ_E_INPUT);
	eq_str(err.what, "cut short");
	pre.kind = 9;
	eq_u64(dj_wasi_new(&arena, &config, &x), DJ_E_INPUT);
	mktar_header(&tar, "hard", '1', 0, "link");
	mktar_end(&tar);
	pre = (struct dj_wasi_preopen){ DJ_WASI_OVERLAY, { "/x", 2 }, tar.p,
		tar.len, false };
	eq_u64(dj_wasi_new(&arena, &config, &x), DJ_E_UNSUPPORTED);
	eq_str(err.name, "hard");
	pre.kind = DJ_WASI_MEMORY;
	config.max_open_files = 3;
	eq_u64(dj_wasi_new(&arena, &config, &x), DJ_E_LIMIT);
	config.max_open_files = 0;
	config.max_file_bytes = UINT64_MAX;
	eq_u64(dj_wasi_new(&arena, &config, &x), DJ_E_NOMEM);
	mktar_free(&tar);
	hostmem_arena_done(&arena);
}

int main(void)
{
	RUN(arguments_and_environment_come_out_as_given);
	RUN(every_function_of_both_interfaces_resolves_with_its_type);
	RUN(no_arguments_crash_a_call);
	RUN(files_are_made_written_and_read);
	RUN(bad_pointers_are_efault_and_nothing_happens);
	RUN(a_vector_that_is_overwritten_stays_in_memory);
	RUN(paths_do_not_leave_their_preopen);
	RUN(opening_answers_as_posix_does);
	RUN(rights_only_shrink);
	RUN(directories_are_listed_in_pieces);
	RUN(preopens_say_their_names);
	RUN(descriptors_are_the_lowest_free_and_bounded);
	RUN(a_full_disk_is_enospc);
	RUN(streams_are_read_and_written);
	RUN(named_streams_are_files_in_a_folder_of_their_own);
	RUN(a_stop_unwinds_the_program);
	RUN(exit_ends_the_program_with_its_code);
	RUN(clocks_answer);
	RUN(poll_waits_for_the_first_of_its_events);
	RUN(poll_sleeps_once_and_looks_at_the_clock_once_each_side);
	RUN(names_are_linked_renamed_and_removed);
	RUN(times_are_set_and_told);
	RUN(preview_0_has_its_own_layouts);
	RUN(what_cannot_be_opened_is_refused_at_the_start);
	return done();
}
