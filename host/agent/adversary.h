// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/agent/plan.h"
#include "host/agent/tap.h"
#include "lib/base/status.h"

/*
 * The evil host, for users to try on their own programs: donjond --adversary
 * SEED|PLAN plays a plan (host/agent/plan.h) on every Keep that it starts. A
 * tenant must see the right output, or an error, and nothing else.
 *
 * Development Keeps only. It is said in the log, in every answer about such a
 * Keep and about the agent, and by the client at every run: this is a test,
 * and somebody who does not know must not take it for a fault of a host. A
 * host that means it says nothing of the sort, of course.
 *
 * What of a plan has no place here: tenant.record (the client's), label (the
 * launcher's). `memory` and `call.line` strike when the Keep is kicked.
 */
struct dj_keep;
struct dj_adversary; /* of one Keep */

struct dj_adversary_setup {
	bool is_on;
	bool has_seed;
	uint64_t seed;           /* the next Keep's */
	struct dj_plan plan;     /* else of all Keeps */
	struct dj_tap_store old; /* what `replace` takes */
};

/* SEED: a number; else a file with a plan. DJ_E_INPUT, DJ_E_SYS with err. */
dj_status dj_adversary_read(const char *arg, struct dj_adversary_setup *ret,
	char err[static 256]);
void dj_adversary_setup_done(struct dj_adversary_setup *s);

/* Gives a Keep its plan, before it is spawned; nothing if there is none. */
dj_status dj_adversary_begin(struct dj_keep *k);
/* A link has ended: its frames may be replayed. */
void dj_adversary_link_over(struct dj_keep *k);
/* The Keep is over; its plan is still told. */
void dj_adversary_over(struct dj_keep *k);
void dj_adversary_end(struct dj_keep *k);
/* The plan as one line: steps and `; ` between them. NULL: none. */
const char *dj_adversary_text(const struct dj_keep *k);

/* The launch block, in place; the image: another path in dst, or nothing. */
void dj_adversary_block(struct dj_keep *k, uint8_t *block, size_t len);
void dj_adversary_image(struct dj_keep *k, char *dst, size_t cap);

/* Whole frames on their way; what comes of them is put where it belongs. */
void dj_adversary_to_keep(struct dj_keep *k, const uint8_t *frame, size_t len);
void dj_adversary_to_client(struct dj_keep *k, const uint8_t *frames,
	size_t len);
/* The host's line in the shared region, just before a kick. */
void dj_adversary_line(struct dj_keep *k, enum dj_plan_point point);
