// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keep/engine/engine.h"
#include "keep/vfs/vfs.h"
#include "keep/wasi/wasi.h"

/*
 * Inside keep/wasi: one file per group of calls, each with a table of
 * name, type and handler. A handler decodes first (every argument, pointer
 * and right checked, nothing changed) and then acts.
 */

/* Rights, by the specification's bit numbers. */
#define R_FD_DATASYNC             (UINT64_C(1) << 0)
#define R_FD_READ                 (UINT64_C(1) << 1)
#define R_FD_SEEK                 (UINT64_C(1) << 2)
#define R_FD_FDSTAT_SET_FLAGS     (UINT64_C(1) << 3)
#define R_FD_SYNC                 (UINT64_C(1) << 4)
#define R_FD_TELL                 (UINT64_C(1) << 5)
#define R_FD_WRITE                (UINT64_C(1) << 6)
#define R_FD_ADVISE               (UINT64_C(1) << 7)
#define R_FD_ALLOCATE             (UINT64_C(1) << 8)
#define R_PATH_CREATE_DIRECTORY   (UINT64_C(1) << 9)
#define R_PATH_CREATE_FILE        (UINT64_C(1) << 10)
#define R_PATH_LINK_SOURCE        (UINT64_C(1) << 11)
#define R_PATH_LINK_TARGET        (UINT64_C(1) << 12)
#define R_PATH_OPEN               (UINT64_C(1) << 13)
#define R_FD_READDIR              (UINT64_C(1) << 14)
#define R_PATH_READLINK           (UINT64_C(1) << 15)
#define R_PATH_RENAME_SOURCE      (UINT64_C(1) << 16)
#define R_PATH_RENAME_TARGET      (UINT64_C(1) << 17)
#define R_PATH_FILESTAT_GET       (UINT64_C(1) << 18)
#define R_PATH_FILESTAT_SET_SIZE  (UINT64_C(1) << 19)
#define R_PATH_FILESTAT_SET_TIMES (UINT64_C(1) << 20)
#define R_FD_FILESTAT_GET         (UINT64_C(1) << 21)
#define R_FD_FILESTAT_SET_SIZE    (UINT64_C(1) << 22)
#define R_FD_FILESTAT_SET_TIMES   (UINT64_C(1) << 23)
#define R_PATH_SYMLINK            (UINT64_C(1) << 24)
#define R_PATH_REMOVE_DIRECTORY   (UINT64_C(1) << 25)
#define R_PATH_UNLINK_FILE        (UINT64_C(1) << 26)
#define R_POLL_FD_READWRITE       (UINT64_C(1) << 27)
#define R_SOCK                    (UINT64_C(3) << 28)
#define R_ALL                     ((UINT64_C(1) << 30) - 1)

#define R_FILE                                                               \
	(R_FD_DATASYNC | R_FD_READ | R_FD_SEEK | R_FD_FDSTAT_SET_FLAGS |     \
		R_FD_SYNC | R_FD_TELL | R_FD_WRITE | R_FD_ADVISE |           \
		R_FD_ALLOCATE | R_FD_FILESTAT_GET | R_FD_FILESTAT_SET_SIZE | \
		R_FD_FILESTAT_SET_TIMES | R_POLL_FD_READWRITE)
#define R_DIR                                                                  \
	(R_FD_FDSTAT_SET_FLAGS | R_FD_SYNC | R_FD_ADVISE |                     \
		R_PATH_CREATE_DIRECTORY | R_PATH_CREATE_FILE |                 \
		R_PATH_LINK_SOURCE | R_PATH_LINK_TARGET | R_PATH_OPEN |        \
		R_FD_READDIR | R_PATH_READLINK | R_PATH_RENAME_SOURCE |        \
		R_PATH_RENAME_TARGET | R_PATH_FILESTAT_GET |                   \
		R_PATH_FILESTAT_SET_SIZE | R_PATH_FILESTAT_SET_TIMES |         \
		R_FD_FILESTAT_GET | R_FD_FILESTAT_SET_TIMES | R_PATH_SYMLINK | \
		R_PATH_REMOVE_DIRECTORY | R_PATH_UNLINK_FILE |                 \
		R_POLL_FD_READWRITE)
#define R_STREAM \
	(R_FD_FDSTAT_SET_FLAGS | R_FD_FILESTAT_GET | R_POLL_FD_READWRITE)

enum {
	FDFLAG_APPEND = 1,
	FDFLAG_NONBLOCK = 4,
	FDFLAGS_ALL = 31
};

enum filetype {
	TYPE_UNKNOWN = 0,
	TYPE_DIR = 3,
	TYPE_FILE = 4,
	TYPE_LINK = 7,
};

enum fd_kind {
	FD_FREE = 0,
	FD_STREAM,
	FD_NODE
};

struct fd {
	enum fd_kind kind;
	uint8_t stream;
	uint16_t flags;
	uint64_t base, inheriting; /* rights */
	struct dj_vfs_node *node;  /* a reference */
	uint64_t pos;
	const struct dj_wasi_text *preopen; /* guest path, or NULL */
	struct dj_vfs_hint hint;            /* of the last readdir */
};

struct wasi_binding;

struct dj_wasi {
	struct dj_wasi_config config;
	struct dj_store *store;
	struct dj_vfs vfs;
	struct dj_vfs_node **roots;     /* of the preopens; references */
	struct dj_vfs_changes *changes; /* NULL: nothing is returned */
	struct fd *fds;
	uint32_t fd_count;  /* in the table */
	uint32_t fd_lowest; /* none below it is free */
	uint32_t exit_code;
	uint64_t start; /* of the CPU clocks */
	uint64_t last_time;
	struct wasi_binding *bindings; /* a function each, two interfaces */
};

/* One call of the program. */
struct call {
	struct dj_wasi *w;
	struct dj_instance *inst;
	const union dj_value *args;
	bool unstable;     /* wasi_unstable: some layouts differ */
	enum dj_trap trap; /* set to end the program */
	/* About how many bytes it went over: dj_store_worked(). */
	uint64_t work;
};

struct wasi_fn {
	const char *name;
	const char *params; /* i: i32, I: i64 */
	enum dj_errno (*run)(struct call *c);
	bool is_void; /* does not return */
};

struct wasi_group {
	const struct wasi_fn *fns;
	size_t count;
};
extern const struct wasi_group wasi_args, wasi_clock, wasi_fd, wasi_io,
	wasi_dir, wasi_path, wasi_poll, wasi_proc, wasi_random, wasi_sock;

#define GROUP(fns)                                \
	{                                         \
		fns, sizeof(fns) / sizeof(fns[0]) \
	}

/* Arguments; linear memory as bytes, NULL when any of it is outside. */
static inline uint32_t arg32(const struct call *c, size_t i)
{
	return c->args[i].i32;
}

static inline uint64_t arg64(const struct call *c, size_t i)
{
	return c->args[i].i64;
}

uint8_t *wasi_mem(const struct call *c, uint32_t addr, uint64_t len);

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		(uint32_t)p[3] << 24;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static inline void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* fd.c: the table. The descriptor if it is open and has the rights. */
enum dj_errno wasi_fd_get(struct dj_wasi *w, uint32_t fd, uint64_t rights,
	struct fd **ret);
/* The same, and it is a directory. */
enum dj_errno wasi_fd_dir(struct dj_wasi *w, uint32_t fd, uint64_t rights,
	struct fd **ret);
/* The lowest free one: EMFILE if there is none. */
enum dj_errno wasi_fd_free(struct dj_wasi *w, uint32_t *ret);
void wasi_fd_set(struct dj_wasi *w, uint32_t fd, const struct fd *value);
void wasi_fd_close(struct dj_wasi *w, uint32_t fd);

/* fd.c, for path.c too: struct filestat, of either interface. */
#define FILESTAT_MAX 64
size_t wasi_filestat_len(const struct call *c);
void wasi_filestat_put(const struct call *c, struct dj_vfs_node *n, uint8_t *p);
/* fstflags and the two times; EINVAL for both ways at once. */
enum dj_errno wasi_set_times(struct call *c, struct dj_vfs_node *n,
	uint64_t atim, uint64_t mtim, uint32_t flags);
enum filetype wasi_type(const struct dj_vfs_node *n);

/* clock.c: realtime, for files; the last known if the clock is silent. */
uint64_t wasi_now(struct dj_wasi *w);

/* What a stream call said: EIO, or the program is to stop. */
enum dj_errno wasi_stream_failed(struct call *c, dj_status st);
