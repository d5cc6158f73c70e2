// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What this agent knows of the kinds of Keep it may be asked for. */
struct dj_tee_kind {
	const char *name;
	uint8_t tee;        /* OFFER.tee */
	uint16_t format;    /* of hardware evidence; 0: there is no hardware */
	uint16_t emulated;  /* of evidence under a development root */
	const char *device; /* that hardware Keeps need; with format 0: that all
			       need, or NULL */
};

extern const struct dj_tee_kind dj_tee_kinds[];
extern const size_t dj_tee_kind_count;

/* NULL: no such name. */
const struct dj_tee_kind *dj_tee_kind_find(const char *name);
