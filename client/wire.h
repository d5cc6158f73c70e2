// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/http.h"
#include "client/seen.h"
#include "lib/base/status.h"

/*
 * A session link with its buffers: frames in, frames out (session.md 2), many
 * a system call. The buffers held opened records, so dj_wire_done() wipes
 * them.
 */
struct dj_wire {
	struct dj_link link;
	uint8_t *in; /* DJ_WIRE_IN bytes; [in_at, in_len) is unread */
	size_t in_at, in_len;
	uint8_t *out; /* DJ_WIRE_OUT bytes; [out_at, out_len) is unsent */
	size_t out_at, out_len;
	/* Nobody takes what we send; what was said before may still come. */
	bool is_deaf;
	struct dj_seen seen; /* frames taken and given */
};

#define DJ_WIRE_IN  ((size_t)512 << 10)
#define DJ_WIRE_OUT ((size_t)256 << 10)

/* Takes the link over, also on failure. DJ_E_NOMEM. */
dj_status dj_wire_init(struct dj_wire *w, struct dj_link *link);
void dj_wire_done(struct dj_wire *w);

/* Reads what there is, up to the buffer's end; frames got before die. */
enum dj_link_got dj_wire_fill(struct dj_wire *w);

/*
 * The next whole frame, header included, borrowed from the buffer until the
 * next fill, to be opened in place. DJ_E_STATE: not all there yet. DJ_E_INPUT,
 * DJ_E_LIMIT: not a frame, or of a type not in accept (DJ_FRAME_BITs).
 */
dj_status dj_wire_next(struct dj_wire *w, uint32_t accept, uint8_t *ret_type,
	uint8_t **ret_frame, size_t *ret_len);

/* Room for a frame of len bytes, NULL if there is none now; then take it. */
uint8_t *dj_wire_room(struct dj_wire *w, size_t len);
void dj_wire_take(struct dj_wire *w, size_t len);

/* How long what a deaf link said before is waited for. */
#define DJ_WIRE_HEAR_OUT_MS 10000

/*
 * Sends what it can without waiting. False: it is deaf, and nothing is sent
 * any more. Why may be among what it said before, so that is read first.
 */
DJ_NODISCARD bool dj_wire_flush(struct dj_wire *w);
static inline bool dj_wire_is_flushed(const struct dj_wire *w)
{
	return w->is_deaf || w->out_at == w->out_len;
}
