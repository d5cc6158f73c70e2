// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * From words of a hardware generator to random bytes, failing closed
 * (session.md 13). The generator may be missing, stuck or short-lived; that
 * is found. A generator that is bad in a cleverer way cannot be found here.
 *
 * Refused: no word, all zeros, all ones, any of the last 8 words again, and
 * three words in arithmetic progression (a counter). A true generator is
 * refused by chance once in about 2^60 words. Each 32 bytes of output are
 * SHA-256 over 8 words, so no raw word is ever seen.
 */
#define DJ_ENTROPY_HISTORY 8

/* One word, or false: none to be had. */
typedef bool dj_entropy_draw(uint64_t *ret);

/* In place, zero at first; after a failure it fails for ever. */
struct dj_entropy {
	uint64_t last[DJ_ENTROPY_HISTORY];
	size_t count; /* words seen, never wraps in practice */
	bool is_bad;
};

/* DJ_E_HOST: no usable randomness; dst is then zero. */
dj_status dj_entropy_fill(struct dj_entropy *e, dj_entropy_draw *draw,
	void *dst, size_t len);
