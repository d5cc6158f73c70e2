// SPDX-License-Identifier: Apache-2.0
#include "tests/wasi/program.h"

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

static void room_that_is_not_there_takes_none(void)
{
	uint32_t fd;

	open_with(64 << 10, 0);
	iov(0, 0, 5000);
	/* Pages that came back: there may be room for it, who knows. */
	eq_u64(open_at(3, "g", 1, RW, 0, &fd), 0);
	eq_u64(call("fd_write", U(fd), U(IOV), U(1), U(RES)), 0);
	eq_u64(call("fd_close", U(fd)), 0);
	eq_u64(call("path_unlink_file", U(3), U(PATH), put(PATH, "g")), 0);
	eq_u64(open_at(3, "f", 1, RW | R_FD_ALLOCATE, 0, &fd), 0);
	eq_u64(call("fd_allocate", U(fd), U(0), U(64 << 10)), DJ_ENOSPC);
	eq_u64(call("fd_filestat_get", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES + 32), 0);
	eq_u64(open_at(3, "h", 1, RW, 0, &fd), 0);
	eq_u64(call("fd_write", U(fd), U(IOV), U(1), U(RES)), 0);
	eq_u64(get32(mem + RES), 5000);
	close_program();
}

static void times_are_set_and_told(void)
{
	uint32_t fd;

	open_program();
	eq_u64(open_at(3, "f", 1, R_FILE, 0, &fd), 0);
	peer.now = 100;
	eq_u64(call("fd_filestat_get", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES + 48), 1000000000100);
	eq_u64(call("fd_filestat_set_times", U(fd), U(5), U(6), U(1 | 4)), 0);
	eq_u64(call("fd_filestat_get", U(fd), U(RES)), 0);
	eq_u64(get64(mem + RES + 40), 5);
	eq_u64(get64(mem + RES + 48), 6);
	peer.now = 200;
	eq_u64(write_to(fd, "x"), 0);
	peer.now = 300;
	eq_u64(call("fd_close", U(fd)), 0);
	peer.now = 400;
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

int main(void)
{
	RUN(files_are_made_written_and_read);
	RUN(a_vector_that_is_overwritten_stays_in_memory);
	RUN(opening_answers_as_posix_does);
	RUN(rights_only_shrink);
	RUN(descriptors_are_the_lowest_free_and_bounded);
	RUN(a_full_disk_is_enospc);
	RUN(room_that_is_not_there_takes_none);
	RUN(times_are_set_and_told);
	return done();
}
