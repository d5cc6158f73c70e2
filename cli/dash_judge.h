// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/judge.h"
#include "cli/dash.h"
#include "client/record.h"
#include "lib/proto/evidence.h"

/* The evidence of a Keep's last attach, judged again, here and now. */
struct dj_dash_judged {
	char error[300]; /* "": it was judged; else why not */
	struct dj_verdict v;
	int64_t age; /* of the evidence, in seconds */
	uint8_t *bundle;
	struct dj_bundle parts; /* in the bundle */
	bool has_parts;
	bool policy_changed; /* since this Keep was accepted */
};

void dj_dash_judge(const struct dj_dash *d, const struct dj_record *r,
	struct dj_dash_judged *ret);
void dj_dash_judged_done(struct dj_dash_judged *g);

/* ---- what the pages share ---- */

/* Of all that hosts said, this Keep; borrowed, NULL: nothing. */
json_t *dj_dash_said_keep(const struct dj_dash_said *s, size_t count,
	const char *host, const char *id);
void dj_dash_state(FILE *out, const char *state);
int dj_dash_by_time(const void *a, const void *b);
/* The events of a list in the order of time, borrowed, to be freed. */
json_t **dj_dash_sorted(const json_t *list);
