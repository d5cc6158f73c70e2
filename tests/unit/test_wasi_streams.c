// SPDX-License-Identifier: Apache-2.0
#include "tests/wasi/program.h"

static void streams_are_read_and_written(void)
{
	open_program();
	memcpy(peer.in, "some input", 10);
	peer.in_len = 10;
	iov(0, BUF, 4);
	iov(1, BUF + 4, 100);
	eq_u64(call("fd_read", U(0), U(IOV), U(2), U(RES)), 0);
	eq_u64(get32(mem + RES), 10);
	eq_mem(mem + BUF, "some input", 10);
	eq_u64(call("fd_fdstat_set_flags", U(0), U(FDFLAG_NONBLOCK)), 0);
	eq_u64(read_from(0, 4), DJ_EAGAIN);
	peer.ended = true;
	eq_u64(read_from(0, 4), 0);
	eq_u64(get32(mem + RES), 0);
	iov(0, BUF, (uint32_t)put(BUF, "out"));
	iov(1, BUF, 2);
	eq_u64(call("fd_write", U(1), U(IOV), U(2), U(RES)), 0);
	eq_u64(get32(mem + RES), 5);
	eq_mem(peer.out, "outou", 5);
	eq_u64(call("fd_fdstat_set_flags", U(1), U(FDFLAG_NONBLOCK)), 0);
	peer.room = 4;
	eq_u64(call("fd_write", U(1), U(IOV), U(1), U(RES)), 0);
	eq_u64(get32(mem + RES), 3);
	peer.room = 2;
	eq_u64(call("fd_write", U(1), U(IOV), U(1), U(RES)), 0);
	eq_u64(get32(mem + RES), 2);
	peer.room = 0;
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
	memcpy(peer.in, "secret", 6);
	peer.in_len = 6;
	peer.in_at = 0;
	eq_u64(read_from(fd, 100), 0);
	eq_u64(peer.stream, 40);
	eq_mem(mem + BUF, "secret", 6);
	eq_u64(write_to(fd, "x"), DJ_ENOTCAPABLE);
	eq_u64(call("fd_seek", U(fd), U(0), U(0), U(RES)), DJ_ESPIPE);
	eq_u64(call("fd_close", U(fd)), 0);

	/* fopen(..., "w") makes and cuts what is there. */
	eq_u64(open_at(dir, "log", 1 | 8, R_FILE & ~R_FD_READ, 0, &fd), 0);
	peer.out_len = 0;
	eq_u64(write_to(fd, "line"), 0);
	eq_u64(peer.stream, 41);
	eq_mem(peer.out, "line", 4);
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
	peer.stop = true;
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
	eq_u64(peer.now, 5300);
	/* Absolute, on both clocks; past ones are due at once. */
	subscribe_clock(0, 1, 1, 5600, 1);
	eq_u64(poll(1), 0);
	eq_u64(peer.now, 5600);
	subscribe_clock(0, 1, 0, 1000000006000, 1);
	eq_u64(poll(1), 0);
	eq_u64(peer.now, 6000);
	eq_u64(poll(1), 0);
	eq_u64(peer.now, 6000);
	/* What is ready wins over what is not yet. */
	peer.in_len = 3;
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
	peer.in_at = 3;
	peer.ended = true;
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
	peer.clocks = peer.waits = 0;
	eq_u64(poll(80), 0);
	eq_u64(get32(mem + RES), 1);
	eq_u64(peer.waits, 1);
	eq_u64(peer.clocks, 2);
	/* Streams alone need no clock. */
	peer.clocks = peer.waits = 0;
	peer.wake_after = 3;
	for (uint32_t i = 0; i < 80; i++)
		subscribe_fd(i, i, 1, 0);
	eq_u64(poll(80), 0);
	eq_u64(get32(mem + RES), 80);
	eq_u64(peer.waits, 3);
	eq_u64(peer.clocks, 0);
	/* What is due does not sleep. */
	peer.clocks = peer.waits = 0;
	subscribe_clock(0, 1, 1, 0, 0);
	eq_u64(poll(1), 0);
	eq_u64(peer.waits, 0);
	eq_u64(peer.clocks, 1);
	close_program();
}

int main(void)
{
	RUN(streams_are_read_and_written);
	RUN(named_streams_are_files_in_a_folder_of_their_own);
	RUN(a_stop_unwinds_the_program);
	RUN(poll_waits_for_the_first_of_its_events);
	RUN(poll_sleeps_once_and_looks_at_the_clock_once_each_side);
	return done();
}
