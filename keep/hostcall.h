// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keep/shim.h"
#include "lib/base/status.h"
#include "lib/proto/hostcall.h"

/*
 * The Keep's side of the shared region (lib/proto/hostcall.h): frames in and
 * out of the two rings, and the three calls. Besides dj_shim_copy_in/out
 * nothing else in the core touches shared bytes.
 *
 * The host's line is copied in once per function and judged from the copy:
 * what an honest host cannot write (magic, head - tail over the ring, a frame
 * published in part, a reply to a call not made) halts the Keep with
 * DJ_HALT_HOST; nothing is retried. A frame whose *header* is not one that a
 * Keep takes came from whoever is behind the host: it is skipped, its payload
 * never copied, and the session is told.
 *
 * dj_hc_call() is declared in keep/shim.h, because shims use it too.
 */
#define DJ_HC_FRAME_HEADER 8
/* The largest frame a Keep takes: a RECORD of class 3. */
#define DJ_HC_FRAME_MAX    (DJ_HC_FRAME_HEADER + 16400)

/* What the Keep remembers; private memory, never in the region. */
struct dj_hc {
	uint32_t seq;
	uint32_t in_head;   /* as last copied in */
	uint32_t in_tail;   /* frames copied in up to here ... */
	uint32_t taken;     /* ... and the host was told up to here */
	bool was_full;      /* a host may wait to be told of room */
	uint32_t out_head;  /* bytes are in place up to here ... */
	uint32_t published; /* ... and the host was told up to here */
	uint32_t out_tail;  /* as last copied in */
};

enum dj_hc_in {
	DJ_HC_IN_NONE,  /* no frame waits */
	DJ_HC_IN_FRAME, /* *ret_len bytes are in dst, header and payload */
	DJ_HC_IN_BAD,   /* a frame with a bad header was skipped */
};

/* Writes the Keep's line for the first time. */
void dj_hc_init(void);

/*
 * Takes one frame, copied in once; its header is judged before the payload
 * is taken. dst has room for DJ_HC_FRAME_MAX bytes. The host is told that a
 * frame is taken at the next call, after what the caller put out because of
 * it: so it can tell whose answer that is.
 */
enum dj_hc_in dj_hc_frame_in(uint8_t *dst, size_t *ret_len);

/* Bytes that dj_hc_frame_out would take now without waiting. */
size_t dj_hc_out_room(void);

/*
 * Puts a frame in the ring; waits for the host to make room if it must. The
 * host learns of it at dj_hc_flush() or dj_hc_wait().
 */
void dj_hc_frame_out(const uint8_t *frame, size_t len);

/* Publishes what was put in the ring, and kicks if there was anything. */
void dj_hc_flush(void);

/* The host's clock: 0 realtime, 1 monotonic. Untrusted. */
dj_status dj_hc_clock(uint64_t which, uint64_t *ret_ns);

/*
 * Publishes, then sleeps until the host kicks; deadline in ns on the host's
 * monotonic clock, 0: none. May return for no reason: callers loop.
 */
void dj_hc_wait(uint64_t deadline);
