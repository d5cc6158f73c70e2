// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/policy.h"

/*
 * Good evidence, and a policy that finds it so: for fuzz targets, which change
 * it. What cannot be abort()s.
 */
struct judged {
	struct dj_policy policy;
	int64_t time;
	uint8_t good[65536], changed[65536];
	size_t good_len;
};

void judged_policy(struct judged *j, const char *text, const char *root);

/* Is this evidence found good? No hardware's ever is. */
bool judged_good(const struct judged *j, const uint8_t *p, size_t len);

/* Fills changed: good with edits of three bytes each, u16 position and what is
 * added there. The purpose, which is not judged alone, stays. */
void judged_edit(struct judged *j, const uint8_t *edits, size_t len);
