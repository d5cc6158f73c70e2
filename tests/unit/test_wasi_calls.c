// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "tests/support/hostmem.h"
#include "tests/wasi/program.h"

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
		peer.waits = 0;
		peer.out_len = 0;
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

/*
 * (import "wasi_snapshot_preview1" "random_get" (func $r (param i32 i32) ...))
 * (memory 1)
 * (func (export "f") (loop (drop (call $r (i32.const 0) (i32.const 65536)))
 *   (br 0)))
 */
static const uint8_t for_ever[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 1, 10, 2,
	0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0, 2, 37, 1, 22, 'w', 'a', 's',
	'i', '_', 's', 'n', 'a', 'p', 's', 'h', 'o', 't', '_', 'p', 'r', 'e',
	'v', 'i', 'e', 'w', '1', 10, 'r', 'a', 'n', 'd', 'o', 'm', '_', 'g',
	'e', 't', 0, 0, 3, 2, 1, 1, 5, 3, 1, 0, 1, 7, 5, 1, 1, 'f', 0, 1, 10,
	18, 1, 16, 0, 3, 0x40, 0x41, 0, 0x41, 0x80, 0x80, 4, 0x10, 0, 0x1a,
	0x0c, 0, 0x0b, 0x0b };

static enum dj_trap fourth_time(void *ctx)
{
	unsigned *left = ctx;

	return --*left == 0 ? DJ_TRAP_STOPPED : DJ_TRAP_NONE;
}

static dj_status resolve(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	return dj_wasi_resolve(ctx, import, ret);
}

/* Few calls that take long are polls as well, or no limit of time would be
 * seen: without it this one ends by its fuel. */
static void bytes_that_a_call_goes_over_count_for_polls(void)
{
	unsigned left = 4;
	const struct dj_store_config config = { .mem = hostmem,
		.max_memory_pages = 16,
		.poll = fourth_time,
		.poll_ctx = &left,
		.fuel = 20 };
	union dj_value none = { 0 };
	struct dj_wasm_module *m;
	struct dj_wasm_error err;
	struct dj_link_error link;
	struct dj_instance *inst;
	struct dj_store *store;
	struct dj_arena arena;
	struct dj_extern f;

	open_program();
	ok(hostmem_arena(&arena, (size_t)64 << 20));
	eq_u64(dj_wasm_load(for_ever, sizeof(for_ever), &arena, &m, &err),
		DJ_OK);
	eq_u64(dj_store_init(&arena, &config, &store), DJ_OK);
	eq_u64(dj_instance_new(store, m, resolve, w, &inst, &link), DJ_OK);
	dj_wasi_set_store(w, store);
	ok(dj_instance_export(inst, "f", 1, &f));
	eq_u64(dj_call(store, f.func, &none), DJ_TRAP_STOPPED);
	eq_u64(left, 0);
	dj_store_done(store);
	hostmem_arena_done(&arena);
	close_program();
}

static void calls_tell_what_they_went_over(void)
{
	uint32_t fd;

	open_program();
	eq_u64(call("random_get", U(BUF), U(32)), 0);
	ok(work >= 32);
	eq_u64(call("args_get", U(0), U(100)), 0);
	ok(work >= 10);
	eq_u64(open_at(5, "dir/file", 0, RW, 0, &fd), 0);
	ok(work != 0);
	iov(0, BUF, 8);
	eq_u64(call("fd_read", U(fd), U(IOV), U(1), U(RES)), 0);
	eq_u64(work, 8);
	iov(0, BUF, 5);
	eq_u64(call("fd_pread", U(fd), U(IOV), U(1), U(0), U(RES)), 0);
	eq_u64(work, 5);
	eq_u64(call("fd_readdir", U(4), U(BUF), U(400), U(0), U(RES)), 0);
	ok(work >= get32(mem + RES));
	eq_u64(call("sched_yield"), 0);
	eq_u64(work, 0);
	close_program();
}

static void clocks_answer(void)
{
	open_program();
	peer.now = 7000;
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
	peer.no_clock = true;
	eq_u64(call("clock_time_get", U(0), U(0), U(RES)), DJ_ENOTSUP);
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
	peer.now = 1000;
	eq_u64(poll(1), 0);
	eq_u64(get64(event(0)), 42);
	eq_u64(peer.now, 1250);
	close_program();
}

static void what_cannot_be_opened_is_refused_at_the_start(void)
{
	struct dj_arena arena;
	struct mktar tar = { 0 };
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
	RUN(bad_pointers_are_efault_and_nothing_happens);
	RUN(exit_ends_the_program_with_its_code);
	RUN(bytes_that_a_call_goes_over_count_for_polls);
	RUN(calls_tell_what_they_went_over);
	RUN(clocks_answer);
	RUN(preview_0_has_its_own_layouts);
	RUN(what_cannot_be_opened_is_refused_at_the_start);
	return done();
}
