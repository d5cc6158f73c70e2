// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/agent/plan.h"
#include "lib/proto/hostcall.h"

/*
 * A plan at work on one session: what becomes of a frame or of an answer. No
 * I/O: the frames that go on are handed to emit, in order.
 */
typedef void dj_tap_emit(void *ctx, const uint8_t *frame, size_t len);

enum dj_tap_way {
	DJ_TAP_C2K,
	DJ_TAP_K2C,
	DJ_TAP_WAYS
};

/* Whole frames of an earlier session, by point; what `replace` takes. */
struct dj_tap_store {
	uint8_t *frame[DJ_POINT_FRAMES]; /* malloc'd, NULL: none */
	size_t len[DJ_POINT_FRAMES];
};

struct dj_tap_held {
	uint8_t *frame; /* NULL: none */
	size_t len;
	uint32_t after; /* frames that go first */
};

struct dj_tap {
	const struct dj_plan *plan; /* borrowed; NULL: everything passes */
	struct dj_tap_store *old;   /* borrowed; may be NULL */
	struct dj_tap_store *mine;  /* where this session's go; may be NULL */
	uint32_t seen[DJ_POINT_COUNT];
	struct dj_tap_held held[DJ_TAP_WAYS];
	uint64_t done;                    /* steps that did something */
	bool is_closed;                   /* close, kill client */
	bool is_killed;                   /* kill keep */
	bool has_changed[DJ_POINT_COUNT]; /* other bytes went on there */
};

void dj_tap_init(struct dj_tap *t, const struct dj_plan *plan,
	struct dj_tap_store *old, struct dj_tap_store *mine);
void dj_tap_done(struct dj_tap *t);
void dj_tap_store_done(struct dj_tap_store *s);

/* A whole frame on its way; its header is of a type that goes that way. */
void dj_tap_frame(struct dj_tap *t, enum dj_tap_way way, const uint8_t *frame,
	size_t len, dj_tap_emit *emit, void *ctx);
/* Nothing more comes for now: what is held back goes on. True: some did. */
bool dj_tap_idle(struct dj_tap *t, enum dj_tap_way way, dj_tap_emit *emit,
	void *ctx);

/* Changes bytes in place at a point that is no frame (config, image,
   tenant.record); true: they are others now. */
bool dj_tap_bytes(struct dj_tap *t, enum dj_plan_point point, uint8_t *p,
	size_t len);
/* The host's line at a look or an answer; true: it is another now. */
bool dj_tap_line(struct dj_tap *t, enum dj_plan_point point,
	struct dj_hc_host *line);
/* The step for this occurrence of any other point, or NULL. */
const struct dj_plan_step *dj_tap_step(struct dj_tap *t,
	enum dj_plan_point point);
