// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * What an evil host does, as text. A plan says all, so that it can be played
 * again. tests/evil plays them in one process, donjond --adversary on real Keeps.
 *
 *   # a comment
 *   seed 7
 *   c2k.record 2 flip 133
 *   call.report 0 set len 16385
 *
 * A line is a point, an occurrence counted from 0 within a session, an action
 * and its arguments, decimal:
 *
 *   c2k.hello c2k.open c2k.record           frames to the Keep
 *   k2c.offer k2c.evidence k2c.record k2c.error   frames to the client
 *   call.line                               the host's line, at a look of the Keep
 *   call.report call.clock call.wait        answers to hostcalls
 *   launch.config launch.image              what the Keep is started from
 *   event                                   a moment at which the host waits
 *   memory                                  right after the Keep copied in
 *   tenant.record                           inside a record, before it is sealed
 *
 *   pass | drop | repeat | swap | replace | close
 *   flip BIT | cut N | grow N | delay N     bits from the first byte, high first
 *   set FIELD VALUE | add FIELD VALUE       modulo the field's size
 *   scribble OFFSET VALUE                   eight bytes of the shared region
 *   kill keep | kill client | kick
 *
 * swap: with the next frame the same way. replace: by the same frame of an
 * earlier session; drop if there was none. What a point has no use for does
 * nothing.
 */
enum dj_plan_point {
	DJ_POINT_HELLO,
	DJ_POINT_OPEN,
	DJ_POINT_C2K,
	DJ_POINT_OFFER,
	DJ_POINT_EVIDENCE,
	DJ_POINT_K2C,
	DJ_POINT_ERROR,
	DJ_POINT_LINE,
	DJ_POINT_REPORT,
	DJ_POINT_CLOCK,
	DJ_POINT_WAIT,
	DJ_POINT_CONFIG,
	DJ_POINT_IMAGE,
	DJ_POINT_EVENT,
	DJ_POINT_MEMORY,
	DJ_POINT_TENANT,
	DJ_POINT_COUNT
};
/* Points before this one are frames. */
#define DJ_POINT_FRAMES DJ_POINT_LINE

enum dj_plan_action {
	DJ_ACT_PASS,
	DJ_ACT_DROP,
	DJ_ACT_REPEAT,
	DJ_ACT_SWAP,
	DJ_ACT_REPLACE,
	DJ_ACT_CLOSE,
	DJ_ACT_FLIP,
	DJ_ACT_CUT,
	DJ_ACT_GROW,
	DJ_ACT_DELAY,
	DJ_ACT_SET,
	DJ_ACT_ADD,
	DJ_ACT_SCRIBBLE,
	DJ_ACT_KILL,
	DJ_ACT_KICK,
	DJ_ACT_COUNT
};

/* Of a frame's header, then of the host's line, then of a report. */
enum dj_plan_field {
	DJ_FIELD_TYPE,
	DJ_FIELD_VERSION,
	DJ_FIELD_SPARE,
	DJ_FIELD_LENGTH,
	DJ_FIELD_MAGIC,
	DJ_FIELD_ATTENTION,
	DJ_FIELD_REPLY_SEQ,
	DJ_FIELD_FAILED,
	DJ_FIELD_IN_HEAD,
	DJ_FIELD_OUT_TAIL,
	DJ_FIELD_LEN,
	DJ_FIELD_ZERO,
	DJ_FIELD_VALUE,
	DJ_FIELD_LABEL, /* of what is signed: 0 offer .. 4 workload */
	DJ_FIELD_COUNT
};

enum dj_plan_who {
	DJ_KILL_KEEP,
	DJ_KILL_CLIENT,
	DJ_KILL_COUNT
};

/* a: BIT, N, OFFSET, who; value: VALUE. Zero where the action has none. */
struct dj_plan_step {
	enum dj_plan_point point;
	uint32_t at;
	enum dj_plan_action action;
	enum dj_plan_field field;
	uint32_t a;
	uint64_t value;
};

#define DJ_PLAN_STEPS 16
#define DJ_PLAN_TEXT  4096

struct dj_plan {
	uint64_t seed;
	size_t count;
	struct dj_plan_step step[DJ_PLAN_STEPS];
};

/*
 * DJ_E_INPUT with *ret_line: that line is none; DJ_E_LIMIT: too many steps or
 * bytes. *ret is then untouched.
 */
dj_status dj_plan_parse(const char *text, size_t len, struct dj_plan *ret,
	unsigned *ret_line);
/* Text that parses to the same plan. DJ_E_LIMIT: cap. */
dj_status dj_plan_write(const struct dj_plan *p, char *dst, size_t cap);

/* 1..8 steps, a function of the seed alone. */
void dj_plan_random(uint64_t seed, struct dj_plan *ret);
/* The next number of a generator whose state is *s. */
uint64_t dj_plan_draw(uint64_t *s);

/* Numbers that are telling for any field; returns how many. */
size_t dj_plan_edges(const uint64_t **ret);

const char *dj_point_name(enum dj_plan_point p);
const char *dj_action_name(enum dj_plan_action a);
