// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"
#include "lib/proto/hostcall.h"

/*
 * The host's side of the shared region (lib/proto/hostcall.h, docs/hostcall.md)
 * as bytes and positions: no descriptor, no clock, no waiting; those are
 * keep.c's. The Keep is not trusted: its line is copied once, everything in
 * the copy is judged before anything changes, and what an honest Keep cannot
 * say ends it.
 *
 *   dj_serve_init(&s, region);
 *   after each kick:
 *     dj_serve_copy(&s, &line);
 *     if (dj_serve_decode(&s, &line, &seen, &why) != DJ_OK) end the Keep;
 *     dj_serve_accept(&s, &seen);
 *     act on seen.is_call, s.out_len, dj_serve_in_space(&s)
 */
struct dj_serve {
	uint8_t *region;   /* DJ_HC_REGION_SIZE bytes, shared; borrowed */
	bool is_up;        /* the Keep has put its magic */
	uint32_t in_head;  /* ours: written to the Keep so far */
	uint32_t in_tail;  /* Keep's, last accepted */
	uint32_t out_tail; /* ours: read from the Keep so far */
	uint32_t out_head; /* Keep's, last accepted */
	uint32_t seq;      /* last call accepted */
};

/* What a line says, once judged. */
struct dj_serve_seen {
	bool is_up;
	uint32_t in_tail;
	uint32_t out_head;
	uint32_t seq;
	bool is_call; /* op and arg are new */
	enum dj_hc_op op;
	uint64_t arg;
};

/* Zeroes the host's line, puts magic and block. block_len is bounded by
   DJ_HC_CONFIG_MAX: DJ_E_LIMIT beyond it. */
dj_status dj_serve_init(struct dj_serve *s, uint8_t *region,
	const uint8_t *block, size_t block_len);

/* The one look at the Keep's line. */
void dj_serve_copy(const struct dj_serve *s, struct dj_hc_keep *ret);

/*
 * DJ_E_INPUT, with *ret_why a constant text: an honest Keep cannot have
 * written this. Changes nothing.
 */
dj_status dj_serve_decode(const struct dj_serve *s,
	const struct dj_hc_keep *line, struct dj_serve_seen *ret,
	const char **ret_why);
void dj_serve_accept(struct dj_serve *s, const struct dj_serve_seen *seen);

/* Bytes the Keep has published and we have not taken. */
static inline uint32_t dj_serve_out_len(const struct dj_serve *s)
{
	return s->out_head - s->out_tail;
}

static inline uint32_t dj_serve_in_space(const struct dj_serve *s)
{
	return DJ_HC_RING - (s->in_head - s->in_tail);
}

/* What the launcher said of its quoting enclave; the reply has the length. */
void dj_serve_target(struct dj_serve *s, const uint8_t *p, uint32_t len);

/* The argument of a report, copied once. */
void dj_serve_report_data(const struct dj_serve *s, uint8_t ret[static 64]);
/* The Keep's own report, of a length that was judged with its call. */
void dj_serve_report_own(const struct dj_serve *s, uint8_t *dst, size_t len);

/*
 * A stretch of a ring, which wraps at most once: n[1] is 0 if it does not.
 * pos is a position, len at most DJ_HC_RING.
 */
struct dj_serve_span {
	uint8_t *p[2];
	size_t n[2];
};
struct dj_serve_span dj_serve_in_span(const struct dj_serve *s, uint32_t pos,
	uint32_t len);
struct dj_serve_span dj_serve_out_span(const struct dj_serve *s, uint32_t pos,
	uint32_t len);

/* Copies len bytes at pos of the out ring to dst. */
void dj_serve_out_copy(const struct dj_serve *s, uint32_t pos, void *dst,
	uint32_t len);

/* Moves our positions on; the caller has moved the bytes. */
void dj_serve_publish_in(struct dj_serve *s, uint32_t len);
void dj_serve_release_out(struct dj_serve *s, uint32_t len);
void dj_serve_attention(struct dj_serve *s, bool on);

/* Answers the accepted call; bytes (report, target info) may be NULL. */
struct dj_serve_reply {
	uint32_t error;
	uint64_t value;
	const uint8_t *bytes;
	uint32_t len;
};
void dj_serve_reply(struct dj_serve *s, const struct dj_serve_reply *reply);
