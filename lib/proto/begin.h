// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"
#include "lib/base/wr.h"

/*
 * BEGIN's body (session.md 6.4): what to run and how. Big-endian.
 *
 *   0  u64 module bytes   8  32 H(module)   40  u8 format   41  7 zero
 *  48  items: u16 tag, u16 length, value
 *
 * A body longer than a record continues in further BEGIN records, whose
 * stream field is 1 while more follows; the parser wants it whole.
 */
#define DJ_BEGIN_HEAD 48
#define DJ_BEGIN_MAX  ((size_t)1 << 20)
/* The stream field of a BEGIN record. */
#define DJ_BEGIN_LAST 0
#define DJ_BEGIN_MORE 1

enum dj_module_format {
	DJ_MODULE_WASM = 0,
	DJ_MODULE_NATIVE = 1, /* for this TEE, holds the Wasm too */
};

enum dj_begin_tag {
	DJ_BEGIN_ARG = 1,
	DJ_BEGIN_ENV = 2,
	DJ_BEGIN_PREOPEN = 3,
	DJ_BEGIN_STREAM = 4,
	DJ_BEGIN_LIMITS = 5,
};

enum dj_preopen_kind {
	DJ_PREOPEN_TREE = 1,    /* packed tree, read-only */
	DJ_PREOPEN_MEMORY = 2,  /* empty, in memory */
	DJ_PREOPEN_OVERLAY = 3, /* packed tree, writable in memory */
};
#define DJ_PREOPEN_RETURN 1 /* flag: send the changes back */
/* What comes back is at most so many times the Keep's memory. */
#define DJ_RETURN_FACTOR  UINT64_C(2)

enum dj_stream_dir {
	DJ_DIR_IN = 1,
	DJ_DIR_OUT = 2,
	DJ_DIR_BOTH = 3,
};

/* 0: none, or the Keep's default. */
struct dj_limits {
	uint64_t fuel;
	uint64_t wall_ms;
	uint32_t open_files;
	uint32_t call_depth;
};

struct dj_begin {
	uint64_t module_len;
	uint8_t module_hash[32];
	uint8_t format; /* enum dj_module_format */
	struct dj_limits limits;
	size_t arg_count, env_count, preopen_count, stream_count;
	/* Sum of the args' and the envs' bytes, without terminators. */
	size_t arg_bytes, env_bytes;
	const uint8_t *items; /* borrowed */
	size_t items_len;
};

/*
 * Checks all of it, so that the iterator below cannot fail. Refused: unknown
 * tags below 0x8000 (DJ_E_UNSUPPORTED); NUL bytes in args, envs, names and
 * paths; an env without '=' or with an empty name; empty names and paths; a
 * tree without a stream of 16..31 or an empty tree with one; a named stream
 * below 32; a stream number, a stream name or LIMITS twice; unknown kinds,
 * flags, directions and formats. DJ_E_LIMIT: more than DJ_BEGIN_MAX bytes.
 */
dj_status dj_begin_parse(const uint8_t *buf, size_t len, struct dj_begin *ret);

struct dj_begin_item {
	enum dj_begin_tag tag;
	/* preopen */
	uint8_t kind, flags;
	/* preopen: the tree's stream or 0; named stream: its number */
	uint8_t stream;
	uint8_t dir;
	/* arg, env, path or name; borrowed, not terminated */
	const char *text;
	size_t text_len;
};

/*
 * The items in order, without LIMITS and without what is to be ignored:
 *
 *   size_t at = 0;
 *   while (dj_begin_next(&b, &at, &item)) ...
 */
bool dj_begin_next(const struct dj_begin *b, size_t *at,
	struct dj_begin_item *ret);

/* Writing: the head, then items in any order, then dj_wr_end(). */
void dj_begin_write_head(struct dj_wr *w, uint64_t module_len,
	const uint8_t module_hash[static 32], enum dj_module_format format);
/* A value over 65,535 bytes is DJ_E_LIMIT, as is a full buffer. */
void dj_begin_write_arg(struct dj_wr *w, const char *p, size_t len);
void dj_begin_write_env(struct dj_wr *w, const char *p, size_t len);
void dj_begin_write_preopen(struct dj_wr *w, enum dj_preopen_kind kind,
	uint8_t flags, uint8_t stream, const char *path, size_t len);
void dj_begin_write_stream(struct dj_wr *w, uint8_t stream,
	enum dj_stream_dir dir, const char *name, size_t len);
void dj_begin_write_limits(struct dj_wr *w, const struct dj_limits *l);
