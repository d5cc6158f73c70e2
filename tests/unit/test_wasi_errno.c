// SPDX-License-Identifier: Apache-2.0
#include "tests/wasi/program.h"

/*
 * What each call of preview 1 answers to what it cannot take: a bad
 * descriptor, one of the wrong kind, one without the right, memory that is not
 * the program's, flags that do not exist, too much of something. Beside it what
 * wasmtime answers, as read in its sources (crates/wasi/src/p1.rs, 2025), and
 * why where that is not the same.
 */
enum {
	TRAPS = 1000, /* wasmtime ends the program */
	WORKS,        /* nothing is refused */
};
static const char posix[] = "as POSIX has it for a pipe or a folder";
static const char rights[] = "wasmtime has dropped rights";
static const char more[] = "we have it and wasmtime has not";
static const char before[] = "as wasmtime had it before its preview 2";

/* Descriptors: what open_program() opens, and these. */
enum {
	STDIN = 0,
	STDOUT = 1,
	TMP = 3,
	RO = 4,
	FILE_ = 6,
	DIR_ = 7,
	BARE = 8,     /* a file with no right at all */
	BARE_DIR = 9, /* a folder, likewise */
	RO_FILE = 10,
	NONE = 99,
};
#define LEN  UINT64_MAX       /* of the path at PATH */
#define LEN2 (UINT64_MAX - 1) /* of that at PATH2 */
#define BIG  (UINT64_C(1) << 63)

struct row {
	const char *name;
	uint64_t args[9];
	enum dj_errno want;
	int wasmtime;    /* 0: the same */
	const char *why; /* it is not the same */
	const char *path, *path2;
};

static void open_all(void)
{
	uint32_t fd = 0;

	open_program();
	eq_u64(open_at(TMP, "file", 1, R_FILE, 0, &fd), 0);
	eq_u64(fd, FILE_);
	eq_u64(call("path_create_directory", U(TMP), U(PATH), put(PATH, "dir")),
		0);
	eq_u64(call("path_open", U(TMP), U(0), U(PATH), U(3), U(2), R_DIR,
		       R_ALL & ~R_SOCK, U(0), U(RES)),
		0);
	eq_u64(get32(mem + RES), DIR_);
	eq_u64(open_at(TMP, "file", 0, 0, 0, &fd), 0);
	eq_u64(fd, BARE);
	eq_u64(open_at(TMP, "dir", 2, 0, 0, &fd), 0);
	eq_u64(fd, BARE_DIR);
	eq_u64(open_at(RO, "dir/file", 0, R_FILE & ~R_FD_WRITE, 0, &fd), 0);
	eq_u64(fd, RO_FILE);
	eq_u64(call("path_symlink", U(PATH), put(PATH, "file"), U(TMP),
		       U(PATH2), put(PATH2, "link")),
		0);
}

static enum dj_errno run_row(const struct row *r)
{
	uint64_t len = put(PATH, r->path == NULL ? "file" : r->path);
	uint64_t len2 = put(PATH2, r->path2 == NULL ? "new" : r->path2);
	uint64_t args[9];

	memset(mem + BUF, 0, 48);
	put64(mem + IOV, BUF | UINT64_C(4) << 32);
	for (size_t i = 0; i < 9; i++)
		args[i] = r->args[i] == LEN  ? len
			: r->args[i] == LEN2 ? len2
					     : r->args[i];
	return run(find(r->name), args);
}

static void check(const struct row *rows, size_t n)
{
	open_all();
	for (size_t i = 0; i < n; i++) {
		if (!eq_u64(run_row(&rows[i]), rows[i].want) ||
			!ok((rows[i].wasmtime == 0) == (rows[i].why == NULL)))
			printf("# row %zu: %s\n", i, rows[i].name);
	}
	close_program();
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows[0]))

/* Every call that takes one, in either place. */
static void what_is_not_open_is_ebadf(void)
{
	static const char *const one[] = { "fd_advise", "fd_allocate",
		"fd_close", "fd_datasync", "fd_fdstat_get",
		"fd_fdstat_set_flags", "fd_fdstat_set_rights",
		"fd_filestat_get", "fd_filestat_set_size",
		"fd_filestat_set_times", "fd_pread", "fd_prestat_get",
		"fd_prestat_dir_name", "fd_pwrite", "fd_read", "fd_readdir",
		"fd_renumber", "fd_seek", "fd_sync", "fd_tell", "fd_write",
		"path_create_directory", "path_filestat_get",
		"path_filestat_set_times", "path_link", "path_open",
		"path_readlink", "path_remove_directory", "path_rename",
		"path_unlink_file", "sock_accept", "sock_recv", "sock_send",
		"sock_shutdown" };
	static const uint32_t bad[] = { NONE, 1024, 65536, 0x80000003,
		0xffffffff };
	static const struct row second[] = {
		{ "fd_renumber", { FILE_, NONE }, DJ_EBADF, 0, NULL, NULL,
			NULL },
		{ "path_link", { TMP, 0, PATH, LEN, NONE, PATH2, LEN2 },
			DJ_EBADF, 0, NULL, NULL, NULL },
		{ "path_rename", { TMP, PATH, LEN, NONE, PATH2, LEN2 },
			DJ_EBADF, 0, NULL, NULL, NULL },
		{ "path_symlink", { PATH, LEN, NONE, PATH2, LEN2 }, DJ_EBADF, 0,
			NULL, NULL, NULL },
	};

	open_all();
	for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++)
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			/* All else is as it may be. */
			struct row r = { one[i], { bad[k] }, 0, 0, NULL, NULL,
				NULL };

			if (!eq_u64(run_row(&r), DJ_EBADF))
				printf("# %s\n", one[i]);
		}
	close_program();
	CHECK(second);
}

static void the_wrong_kind_is_named_as_such(void)
{
	static const struct row rows[] = {
		{ "fd_advise", { DIR_ }, DJ_EBADF, 0, NULL, NULL, NULL },
		{ "fd_advise", { STDIN }, DJ_ESPIPE, DJ_EBADF, posix, NULL,
			NULL },
		{ "fd_allocate", { DIR_, 0, 1 }, DJ_EBADF, 0, NULL, NULL,
			NULL },
		{ "fd_allocate", { STDOUT, 0, 1 }, DJ_ESPIPE, DJ_EBADF, posix,
			NULL, NULL },
		{ "fd_datasync", { STDOUT }, DJ_EINVAL, DJ_EBADF, posix, NULL,
			NULL },
		{ "fd_datasync", { DIR_ }, DJ_ESUCCESS, DJ_EBADF, posix, NULL,
			NULL },
		{ "fd_sync", { STDOUT }, DJ_EINVAL, DJ_EBADF, posix, NULL,
			NULL },
		{ "fd_sync", { DIR_ }, DJ_ESUCCESS, DJ_EBADF, posix, NULL,
			NULL },
		{ "fd_fdstat_set_flags", { STDIN, 4 }, DJ_ESUCCESS, DJ_EBADF,
			more, NULL, NULL },
		{ "fd_fdstat_set_flags", { DIR_, 0 }, DJ_ESUCCESS, DJ_EBADF,
			posix, NULL, NULL },
		{ "fd_filestat_set_size", { DIR_, 0 }, DJ_ENOTCAPABLE, DJ_EBADF,
			rights, NULL, NULL },
		{ "fd_filestat_set_size", { STDOUT, 0 }, DJ_ENOTCAPABLE,
			DJ_EBADF, rights, NULL, NULL },
		{ "fd_filestat_set_times", { STDOUT, 0, 0, 0 }, DJ_ENOTCAPABLE,
			DJ_EBADF, rights, NULL, NULL },
		{ "fd_read", { DIR_, IOV, 1, RES }, DJ_EISDIR, DJ_EBADF, posix,
			NULL, NULL },
		{ "fd_write", { DIR_, IOV, 1, RES }, DJ_EISDIR, DJ_EBADF, posix,
			NULL, NULL },
		{ "fd_pread", { DIR_, IOV, 1, 0, RES }, DJ_EISDIR, DJ_EBADF,
			posix, NULL, NULL },
		{ "fd_pwrite", { DIR_, IOV, 1, 0, RES }, DJ_EISDIR, DJ_EBADF,
			posix, NULL, NULL },
		{ "fd_pread", { STDIN, IOV, 1, 0, RES }, DJ_ESPIPE, 0, NULL,
			NULL, NULL },
		{ "fd_pwrite", { STDOUT, IOV, 1, 0, RES }, DJ_ESPIPE, 0, NULL,
			NULL, NULL },
		{ "fd_seek", { STDIN, 0, 0, RES }, DJ_ESPIPE, 0, NULL, NULL,
			NULL },
		{ "fd_seek", { DIR_, 0, 0, RES }, DJ_EBADF, 0, NULL, NULL,
			NULL },
		{ "fd_tell", { STDOUT, RES }, DJ_ESPIPE, 0, NULL, NULL, NULL },
		{ "fd_tell", { DIR_, RES }, DJ_EBADF, 0, NULL, NULL, NULL },
		{ "fd_readdir", { FILE_, BUF, 64, 0, RES }, DJ_ENOTDIR, 0, NULL,
			NULL, NULL },
		{ "fd_readdir", { STDIN, BUF, 64, 0, RES }, DJ_ENOTDIR,
			DJ_EBADF, posix, NULL, NULL },
		{ "fd_prestat_get", { DIR_, RES }, DJ_EBADF, 0, NULL, NULL,
			NULL },
		{ "fd_prestat_dir_name", { DIR_, BUF, 64 }, DJ_EBADF,
			DJ_ENOTDIR, "as fd_prestat_get", NULL, NULL },
		{ "path_create_directory", { FILE_, PATH2, LEN2 }, DJ_ENOTDIR,
			0, NULL, NULL, NULL },
		{ "path_create_directory", { STDIN, PATH2, LEN2 }, DJ_ENOTDIR,
			DJ_EBADF, posix, NULL, NULL },
		{ "path_open", { FILE_, 0, PATH, LEN, 0, 0, 0, 0, RES },
			DJ_ENOTDIR, 0, NULL, NULL, NULL },
		{ "path_filestat_get", { FILE_, 0, PATH, LEN, RES }, DJ_ENOTDIR,
			0, NULL, NULL, NULL },
		{ "path_filestat_set_times", { FILE_, 0, PATH, LEN, 0, 0, 0 },
			DJ_ENOTDIR, 0, NULL, NULL, NULL },
		{ "path_link", { FILE_, 0, PATH, LEN, TMP, PATH2, LEN2 },
			DJ_ENOTDIR, 0, NULL, NULL, NULL },
		{ "path_link", { TMP, 0, PATH, LEN, FILE_, PATH2, LEN2 },
			DJ_ENOTDIR, 0, NULL, NULL, NULL },
		{ "path_readlink", { FILE_, PATH, LEN, BUF, 9, RES },
			DJ_ENOTDIR, 0, NULL, NULL, NULL },
		{ "path_remove_directory", { FILE_, PATH, LEN }, DJ_ENOTDIR, 0,
			NULL, NULL, NULL },
		{ "path_rename", { FILE_, PATH, LEN, TMP, PATH2, LEN2 },
			DJ_ENOTDIR, 0, NULL, NULL, NULL },
		{ "path_rename", { TMP, PATH, LEN, FILE_, PATH2, LEN2 },
			DJ_ENOTDIR, 0, NULL, NULL, NULL },
		{ "path_symlink", { PATH, LEN, FILE_, PATH2, LEN2 }, DJ_ENOTDIR,
			0, NULL, NULL, NULL },
		{ "path_unlink_file", { FILE_, PATH, LEN }, DJ_ENOTDIR, 0, NULL,
			NULL, NULL },
		/* What the path leads to is of the wrong kind. */
		{ "path_link", { TMP, 0, PATH, LEN, TMP, PATH2, LEN2 },
			DJ_EPERM, 0, NULL, "dir", NULL },
		{ "path_readlink", { TMP, PATH, LEN, BUF, 9, RES }, DJ_EINVAL,
			0, NULL, "file", NULL },
		{ "path_remove_directory", { TMP, PATH, LEN }, DJ_ENOTDIR, 0,
			NULL, "file", NULL },
		{ "path_remove_directory", { TMP, PATH, LEN }, DJ_ENOTDIR, 0,
			NULL, "link", NULL },
		{ "path_unlink_file", { TMP, PATH, LEN }, DJ_EISDIR, 0, NULL,
			"dir", NULL },
		{ "path_rename", { TMP, PATH, LEN, TMP, PATH2, LEN2 },
			DJ_EISDIR, 0, NULL, "file", "dir" },
		{ "path_rename", { TMP, PATH, LEN, TMP, PATH2, LEN2 },
			DJ_ENOTDIR, 0, NULL, "dir", "file" },
		{ "path_rename", { TMP, PATH, LEN, TMP, PATH2, LEN2 },
			DJ_EINVAL, 0, NULL, "dir", "dir/sub" },
		{ "path_rename", { TMP, PATH, LEN, RO, PATH2, LEN2 }, DJ_EXDEV,
			0, NULL, "file", "x" },
		{ "path_link", { TMP, 0, PATH, LEN, RO, PATH2, LEN2 }, DJ_EROFS,
			0, NULL, "file", "x" },
		{ "path_create_directory", { TMP, PATH, LEN }, DJ_EEXIST, 0,
			NULL, "link", NULL },
		{ "path_symlink", { PATH2, LEN2, TMP, PATH, LEN }, DJ_EEXIST, 0,
			NULL, "file", NULL },
		/* There are no sockets. */
		{ "sock_accept", { FILE_, 0, RES }, DJ_ENOTSOCK, 0, NULL, NULL,
			NULL },
		{ "sock_recv", { STDIN, IOV, 1, 0, RES, RES }, DJ_ENOTSOCK, 0,
			NULL, NULL, NULL },
		{ "sock_send", { STDOUT, IOV, 1, 0, RES }, DJ_ENOTSOCK, 0, NULL,
			NULL, NULL },
		{ "sock_shutdown", { DIR_, 3 }, DJ_ENOTSOCK, 0, NULL, NULL,
			NULL },
		{ "proc_raise", { 9 }, DJ_ENOSYS, DJ_ENOTSUP, before, NULL,
			NULL },
	};

	CHECK(rows);
}

static void without_the_right_it_is_enotcapable(void)
{
	static const struct row rows[] = {
		{ "fd_advise", { BARE }, 0, 0, NULL, NULL, NULL },
		{ "fd_allocate", { BARE, 0, 1 }, 0, 0, NULL, NULL, NULL },
		{ "fd_datasync", { BARE }, 0, 0, NULL, NULL, NULL },
		{ "fd_fdstat_set_flags", { BARE, 0 }, 0, 0, NULL, NULL, NULL },
		{ "fd_fdstat_set_rights", { BARE, R_FD_READ, 0 }, 0, 0, NULL,
			NULL, NULL },
		{ "fd_filestat_get", { BARE, RES }, 0, 0, NULL, NULL, NULL },
		{ "fd_filestat_set_size", { BARE, 0 }, 0, 0, NULL, NULL, NULL },
		{ "fd_filestat_set_times", { BARE, 0, 0, 0 }, 0, 0, NULL, NULL,
			NULL },
		{ "fd_pread", { BARE, IOV, 1, 0, RES }, 0, 0, NULL, NULL,
			NULL },
		{ "fd_pwrite", { BARE, IOV, 1, 0, RES }, 0, 0, NULL, NULL,
			NULL },
		{ "fd_read", { BARE, IOV, 1, RES }, 0, 0, NULL, NULL, NULL },
		{ "fd_seek", { BARE, 0, 0, RES }, 0, 0, NULL, NULL, NULL },
		{ "fd_sync", { BARE }, 0, 0, NULL, NULL, NULL },
		{ "fd_tell", { BARE, RES }, 0, 0, NULL, NULL, NULL },
		{ "fd_write", { BARE, IOV, 1, RES }, 0, 0, NULL, NULL, NULL },
		{ "fd_readdir", { BARE_DIR, BUF, 64, 0, RES }, 0, 0, NULL, NULL,
			NULL },
		{ "path_create_directory", { BARE_DIR, PATH2, LEN2 }, 0, 0,
			NULL, NULL, NULL },
		{ "path_filestat_get", { BARE_DIR, 0, PATH, LEN, RES }, 0, 0,
			NULL, NULL, NULL },
		{ "path_filestat_set_times", { BARE_DIR, 0, PATH, LEN }, 0, 0,
			NULL, NULL, NULL },
		{ "path_link", { BARE_DIR, 0, PATH, LEN, TMP, PATH2, LEN2 }, 0,
			0, NULL, NULL, NULL },
		{ "path_link", { TMP, 0, PATH, LEN, BARE_DIR, PATH2, LEN2 }, 0,
			0, NULL, NULL, NULL },
		{ "path_open", { BARE_DIR, 0, PATH, LEN, 0, 0, 0, 0, RES }, 0,
			0, NULL, NULL, NULL },
		{ "path_readlink", { BARE_DIR, PATH, LEN, BUF, 9, RES }, 0, 0,
			NULL, NULL, NULL },
		{ "path_remove_directory", { BARE_DIR, PATH, LEN }, 0, 0, NULL,
			NULL, NULL },
		{ "path_rename", { BARE_DIR, PATH, LEN, TMP, PATH2, LEN2 }, 0,
			0, NULL, NULL, NULL },
		{ "path_rename", { TMP, PATH, LEN, BARE_DIR, PATH2, LEN2 }, 0,
			0, NULL, NULL, NULL },
		{ "path_symlink", { PATH, LEN, BARE_DIR, PATH2, LEN2 }, 0, 0,
			NULL, NULL, NULL },
		{ "path_unlink_file", { BARE_DIR, PATH, LEN }, 0, 0, NULL, NULL,
			NULL },
		/* A descriptor of a folder passes on what it was given. */
		{ "path_open",
			{ BARE_DIR, 0, PATH, LEN, 0, R_FD_READ, 0, 0, RES }, 0,
			0, NULL, NULL, NULL },
		{ "fd_write", { STDIN, IOV, 1, RES }, 0, DJ_EBADF, rights, NULL,
			NULL },
		{ "fd_read", { STDOUT, IOV, 1, RES }, 0, DJ_EBADF, rights, NULL,
			NULL },
		{ "fd_write", { RO_FILE, IOV, 1, RES }, 0, DJ_EBADF, rights,
			NULL, NULL },
	};

	open_all();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!eq_u64(run_row(&rows[i]), DJ_ENOTCAPABLE))
			printf("# row %zu: %s\n", i, rows[i].name);
	close_program();
}

/* wasmtime traps, as the specification's text on pointers has it. */
static void memory_that_is_not_the_programs_is_efault(void)
{
	enum {
		OUT = END - 2,
	};
	static const struct {
		const char *name;
		uint64_t args[9];
	} rows[] = {
		{ "args_get", { OUT, BUF } },
		{ "args_get", { BUF, OUT } },
		{ "args_sizes_get", { OUT, BUF } },
		{ "args_sizes_get", { BUF, OUT } },
		{ "environ_get", { OUT, BUF } },
		{ "environ_get", { BUF, OUT } },
		{ "environ_sizes_get", { OUT, BUF } },
		{ "environ_sizes_get", { BUF, OUT } },
		{ "clock_res_get", { 0, OUT } },
		{ "clock_time_get", { 1, 0, OUT } },
		{ "fd_fdstat_get", { FILE_, OUT } },
		{ "fd_filestat_get", { FILE_, OUT } },
		{ "fd_filestat_get", { STDIN, OUT } },
		{ "fd_pread", { FILE_, OUT, 1, 0, RES } },
		{ "fd_pread", { FILE_, IOV, 1, 0, OUT } },
		{ "fd_pwrite", { FILE_, OUT, 1, 0, RES } },
		{ "fd_pwrite", { FILE_, IOV, 1, 0, OUT } },
		{ "fd_read", { FILE_, OUT, 1, RES } },
		{ "fd_read", { FILE_, IOV, 1, OUT } },
		{ "fd_read", { STDIN, IOV, 1, OUT } },
		{ "fd_write", { FILE_, OUT, 1, RES } },
		{ "fd_write", { FILE_, IOV, 1, OUT } },
		{ "fd_write", { STDOUT, IOV, 1, OUT } },
		{ "fd_prestat_get", { TMP, OUT } },
		{ "fd_prestat_dir_name", { TMP, OUT, 4 } },
		{ "fd_readdir", { DIR_, OUT, 24, 0, RES } },
		{ "fd_readdir", { DIR_, BUF, 24, 0, OUT } },
		{ "fd_readdir", { DIR_, BUF, 0xffffffff, 0, RES } },
		{ "fd_seek", { FILE_, 0, 0, OUT } },
		{ "fd_tell", { FILE_, OUT } },
		{ "path_create_directory", { TMP, OUT, 3 } },
		{ "path_create_directory", { TMP, BUF, 0xffffffff } },
		{ "path_filestat_get", { TMP, 0, OUT, 3, RES } },
		{ "path_filestat_get", { TMP, 0, PATH, LEN, OUT } },
		{ "path_filestat_set_times", { TMP, 0, OUT, 3 } },
		{ "path_link", { TMP, 0, OUT, 3, TMP, PATH2, LEN2 } },
		{ "path_link", { TMP, 0, PATH, LEN, TMP, OUT, 3 } },
		{ "path_open", { TMP, 0, OUT, 3, 0, 0, 0, 0, RES } },
		{ "path_open", { TMP, 0, PATH, LEN, 0, 0, 0, 0, OUT } },
		{ "path_readlink", { TMP, OUT, 3, BUF, 9, RES } },
		{ "path_readlink", { TMP, PATH, LEN, OUT, 9, RES } },
		{ "path_readlink", { TMP, PATH, LEN, BUF, 9, OUT } },
		{ "path_remove_directory", { TMP, OUT, 3 } },
		{ "path_rename", { TMP, OUT, 3, TMP, PATH2, LEN2 } },
		{ "path_rename", { TMP, PATH, LEN, TMP, OUT, 3 } },
		{ "path_symlink", { OUT, 3, TMP, PATH2, LEN2 } },
		{ "path_symlink", { PATH, LEN, TMP, OUT, 3 } },
		{ "path_unlink_file", { TMP, OUT, 3 } },
		{ "poll_oneoff", { OUT, BUF, 1, RES } },
		{ "poll_oneoff", { BUF, OUT, 1, RES } },
		{ "poll_oneoff", { BUF, BUF + 4096, 1, OUT } },
		{ "random_get", { OUT, 3 } },
		{ "random_get", { 0, 0xffffffff } },
	};
	static uint8_t was[MEMORY];

	open_all();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row r = { .name = rows[i].name, .path = "link" };

		memcpy(r.args, rows[i].args, sizeof(r.args));
		if (strcmp(r.name, "path_readlink") != 0)
			r.path = "file";
		(void)put(PATH, r.path);
		(void)put(PATH2, "new");
		memset(mem + BUF, 0, 48);
		put64(mem + IOV, BUF | UINT64_C(4) << 32);
		memcpy(was, mem, MEMORY);
		if (!eq_u64(run_row(&r), DJ_EFAULT) ||
			!eq_mem(mem, was, MEMORY))
			printf("# row %zu: %s\n", i, r.name);
	}
	/* Nothing was made. */
	eq_str(list(TMP, 4096), "file,dir,link,");
	close_program();
}

static void what_does_not_exist_is_einval(void)
{
	static const struct row rows[] = {
		{ "clock_res_get", { 4, RES }, DJ_EINVAL, 0, NULL, NULL, NULL },
		{ "clock_time_get", { 4, 0, RES }, DJ_EINVAL, 0, NULL, NULL,
			NULL },
		{ "clock_time_get", { 2, 0, RES }, DJ_ESUCCESS, DJ_EBADF, more,
			NULL, NULL },
		{ "fd_advise", { FILE_, 0, 0, 6 }, DJ_EINVAL, 0, NULL, NULL,
			NULL },
		{ "fd_allocate", { FILE_, 0, 0 }, DJ_EINVAL, DJ_ENOTSUP, more,
			NULL, NULL },
		{ "fd_fdstat_set_flags", { FILE_, 32 }, DJ_EINVAL, 0, NULL,
			NULL, NULL },
		{ "fd_fdstat_set_flags", { FILE_, 2 }, DJ_ESUCCESS, DJ_EINVAL,
			"all that is written is synced here", NULL, NULL },
		{ "fd_fdstat_set_rights", { FILE_, R_FD_READ, 0 }, DJ_ESUCCESS,
			DJ_ENOTSUP, rights, NULL, NULL },
		{ "fd_filestat_set_times", { DIR_, 0, 0, 3 }, DJ_EINVAL, 0,
			NULL, NULL, NULL },
		{ "fd_filestat_set_times", { DIR_, 0, 0, 12 }, DJ_EINVAL, 0,
			NULL, NULL, NULL },
		{ "fd_filestat_set_times", { DIR_, 0, 0, 16 }, DJ_EINVAL, 0,
			NULL, NULL, NULL },
		{ "fd_seek", { RO_FILE, 0, 3, RES }, DJ_EINVAL, 0, NULL, NULL,
			NULL },
		{ "fd_seek", { RO_FILE, U(-9), 0, RES }, DJ_EINVAL, 0, NULL,
			NULL, NULL },
		{ "path_filestat_get", { TMP, 2, PATH, LEN, RES }, DJ_EINVAL, 0,
			NULL, NULL, NULL },
		{ "path_filestat_set_times", { TMP, 2, PATH, LEN, 0, 0, 0 },
			DJ_EINVAL, 0, NULL, NULL, NULL },
		{ "path_filestat_set_times", { TMP, 0, PATH, LEN, 0, 0, 16 },
			DJ_EINVAL, 0, NULL, NULL, NULL },
		{ "path_link", { TMP, 2, PATH, LEN, TMP, PATH2, LEN2 },
			DJ_EINVAL, 0, NULL, NULL, NULL },
		{ "path_open", { TMP, 2, PATH, LEN, 0, 0, 0, 0, RES },
			DJ_EINVAL, 0, NULL, NULL, NULL },
		{ "path_open", { TMP, 0, PATH, LEN, 16, 0, 0, 0, RES },
			DJ_EINVAL, 0, NULL, NULL, NULL },
		{ "path_open", { TMP, 0, PATH, LEN, 0, 0, 0, 32, RES },
			DJ_EINVAL, 0, NULL, NULL, NULL },
		{ "path_open", { TMP, 0, PATH, LEN, 1 | 2, 0, 0, 0, RES },
			DJ_EINVAL, 0, NULL, NULL, NULL },
		{ "poll_oneoff", { BUF, BUF + 4096, 0, RES }, DJ_EINVAL, 0,
			NULL, NULL, NULL },
	};

	CHECK(rows);
}

static char long_name[257], long_path[4098];

static void too_much_is_named_as_such(void)
{
	static const struct row rows[] = {
		{ "fd_allocate", { FILE_, INT64_MAX, 1 }, DJ_EFBIG, DJ_ENOTSUP,
			more, NULL, NULL },
		{ "fd_allocate", { FILE_, UINT64_MAX - 9, 100 }, DJ_EFBIG,
			DJ_ENOTSUP, more, NULL, NULL },
		{ "fd_allocate", { FILE_, 0, INT64_MAX }, DJ_ENOSPC, DJ_ENOTSUP,
			more, NULL, NULL },
		{ "fd_filestat_set_size", { FILE_, BIG }, DJ_EFBIG, DJ_EINVAL,
			"too big is not negative", NULL, NULL },
		{ "fd_pwrite", { FILE_, IOV, 1, BIG - 1, RES }, DJ_EFBIG,
			DJ_EINVAL, "too big is not negative", NULL, NULL },
		{ "fd_read", { FILE_, IOV, 1025, RES }, DJ_EINVAL, WORKS,
			"IOV_MAX; wasmtime reads into the first buffer alone",
			NULL, NULL },
		{ "fd_seek", { RO_FILE, INT64_MAX, 2, RES }, DJ_EOVERFLOW,
			DJ_EINVAL, "as POSIX has it", NULL, NULL },
		{ "fd_prestat_dir_name", { TMP, BUF, 3 }, DJ_ENAMETOOLONG, 0,
			NULL, NULL, NULL },
		{ "path_create_directory", { TMP, PATH, LEN }, DJ_ENAMETOOLONG,
			0, NULL, long_name, NULL },
		{ "path_create_directory", { TMP, PATH, LEN }, DJ_ENAMETOOLONG,
			0, NULL, long_path, NULL },
		{ "path_open", { TMP, 0, PATH, LEN, 1, 0, 0, 0, RES },
			DJ_ENAMETOOLONG, 0, NULL, long_name, NULL },
		{ "path_rename", { TMP, PATH2, LEN2, TMP, PATH, LEN },
			DJ_ENAMETOOLONG, 0, NULL, long_name, "file" },
		{ "path_symlink", { PATH, LEN, TMP, PATH2, LEN2 },
			DJ_ENAMETOOLONG, 0, NULL, long_path, NULL },
		{ "poll_oneoff", { BUF, BUF + 4096, 8193, RES }, DJ_EINVAL,
			TRAPS, "both bound the work of a call", NULL, NULL },
	};

	memset(long_name, 'n', sizeof(long_name) - 1);
	for (size_t i = 0; i < sizeof(long_path) - 1; i++)
		long_path[i] = i % 100 == 99 ? '/' : 'p';
	CHECK(rows);
}

int main(void)
{
	RUN(what_is_not_open_is_ebadf);
	RUN(the_wrong_kind_is_named_as_such);
	RUN(without_the_right_it_is_enotcapable);
	RUN(memory_that_is_not_the_programs_is_efault);
	RUN(what_does_not_exist_is_einval);
	RUN(too_much_is_named_as_such);
	return done();
}
