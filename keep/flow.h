// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"
#include "lib/proto/begin.h"
#include "lib/proto/error.h"
#include "lib/proto/record.h"
#include "lib/session/binding.h"

/*
 * The session's side of the streams (stream.c): what DATA, END and ACK do,
 * and which of them is to be sent next. The program's side is keep/stream.h.
 *
 * To the program: stdin is a ring of DJ_STREAM_WINDOW bytes; the client may
 * send that much beyond what the program has read. Trees are kept whole.
 * From the program: stdout, stderr and diagnostics are rings of the same size
 * that keep every byte until the client has acknowledged it; a full ring, or
 * the client's own limit, holds the program back. Named streams are as stdin
 * and stdout. Memory is committed as it is first used.
 */
void dj_flow_init(void);
void dj_flow_wipe(void);

/* What the client sends. stream: any byte at all. */
enum dj_error dj_flow_data(uint8_t stream, uint64_t off, const uint8_t *p,
	size_t len);
enum dj_error dj_flow_end(uint8_t stream, uint64_t off);
enum dj_error dj_flow_ack(uint8_t stream, uint64_t off, uint64_t limit);

/*
 * A new attach. The client's `next` of each output stream that RESUME names:
 * check all, then take all. Then nothing counts as sent beyond what is
 * acknowledged, and every stream from the client gets an ACK.
 */
enum dj_error dj_flow_resume_check(uint8_t stream, uint64_t next);
void dj_flow_resume(uint8_t stream, uint64_t next);
void dj_flow_attach(void);

/* Next stdin byte wanted, for READY. */
uint64_t dj_flow_stdin_next(void);

/*
 * The next record to send, or false: there is none. Data goes to dst, room
 * for max bytes, max being what a record of the class in use carries. Without
 * flush only a full record of output is taken, and no part of one.
 */
struct dj_flow_record {
	enum dj_kind kind;
	uint8_t stream;
	uint64_t off;
	size_t len;
};
bool dj_flow_next(uint8_t *dst, size_t max, bool flush,
	struct dj_flow_record *ret);

/* A stream of BEGIN's item 4. DJ_E_LIMIT: DJ_NAMED_MAX are open. */
dj_status dj_flow_named_open(uint8_t stream, enum dj_stream_dir dir);
/* No BEGIN holds: named streams and trees are forgotten. */
void dj_flow_begin_undo(void);

/*
 * Trees: open one for DATA; have all ended?; the bytes of one that has ended.
 */
dj_status dj_flow_tree_open(uint8_t stream);
bool dj_flow_trees_ended(void);
const uint8_t *dj_flow_tree(uint8_t stream, size_t *ret_len);

/* Trees come back: stream 4 is there from now on. */
void dj_flow_returned_open(void);

/*
 * The program ended: output streams get their END, input is counted and
 * dropped from here on, trees are given back.
 */
void dj_flow_finish(void);
/* Everything was sent and acknowledged, after dj_flow_finish(). */
bool dj_flow_settled(void);

/*
 * Length and SHA-256 of a stream so far, one way; false: never used. A named
 * one to the program counts as used.
 */
bool dj_flow_sum(uint8_t stream, enum dj_stream_dir dir,
	struct dj_receipt_stream *ret);

/* Memory that the rings have now, and when all are full. */
uint64_t dj_flow_committed(void);
uint64_t dj_flow_most(void);

/*
 * Diagnostics: never waits, so that nothing that goes wrong at the end of a
 * run can hang it. What finds no room in the ring is dropped; all that a run
 * says (diag.h) has room.
 */
void dj_flow_diag(const void *p, size_t len);
