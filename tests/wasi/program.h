// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdio.h>
#include <string.h>

#include "keep/wasi/call.h"
#include "keep/wasi/wasi.h"
#include "tests/support/mktar.h"
#include "tests/tap.h"

/*
 * For tests of keep/wasi: a program's memory and calls, without a program, over
 * a session that does as the test says (keep/stream.h is replaced).
 *
 *   open_program(); ... call("fd_write", ...); ... close_program();
 */
#define MEMORY 131072 /* the program's: two pages */
#define END    MEMORY

/* Cleared by open_with(). */
struct fake_session {
	uint8_t in[64], out[256];
	size_t in_len, in_at, out_len;
	bool ended, stop, no_clock;
	uint64_t now, room;
	unsigned waits;
	uint8_t stream; /* of the last read or write */
	unsigned clocks, wake_after;
};
extern struct fake_session peer;

extern struct dj_wasi *w;
extern uint8_t *mem;
extern bool unstable;     /* the calls are wasi_unstable's */
extern enum dj_trap trap; /* of the last call */
extern uint64_t work;     /* what it said it went over */
/* Set before a program is opened. */
extern const struct dj_wasi_stream *named;
extern size_t named_count;

/*
 * Descriptors 3: an empty tree, 4: a packed one, 5: the same, writable. They
 * have dir/file ("contents"), in -> dir/file, out -> ../secret.
 */
void open_with(uint64_t max_file_bytes, uint32_t max_files);
void open_program(void);
void close_program(void);

const struct wasi_fn *find(const char *name);
enum dj_errno run(const struct wasi_fn *fn, const uint64_t *args);
/* Arguments are uint64_t each. */
enum dj_errno call(const char *name, ...);
#define U(x) ((uint64_t)(x))

/* Where the test keeps things in the program's memory. */
enum {
	PATH = 1024,
	PATH2 = 8192,
	BUF = 16384,
	IOV = 32768,
	RES = 40000
};

/* A text at a place; its length. Buffer i of the vector at IOV. */
uint64_t put(uint32_t at, const char *s);
void iov(uint32_t i, uint32_t at, uint32_t len);

#define RW (R_FD_READ | R_FD_WRITE | R_FD_SEEK | R_FD_TELL | R_FD_FILESTAT_GET)
/* Links are followed; nothing is passed on. */
enum dj_errno open_at(uint64_t dir, const char *path, uint64_t how,
	uint64_t rights, uint64_t flags, uint32_t *ret);
enum dj_errno write_to(uint64_t fd, const char *s);
/* Into BUF. */
enum dj_errno read_from(uint64_t fd, uint32_t cap);
/* Lists a directory through a buffer of len bytes; names joined by commas. */
const char *list(uint64_t fd, uint32_t len);
/* poll_oneoff of what is at BUF; its events. */
enum dj_errno poll(uint32_t n);
const uint8_t *event(uint32_t i);
