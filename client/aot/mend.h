// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * x86-64 code that may have forbidden bytes, and room in it for jumps and for
 * instructions: at both of its ends, for in large code a distance to one of
 * them is forbidden from 64 KiB on end.
 */
#define MEND_ROOMS 2

struct mend {
	uint8_t *code;
	uint32_t len;
	struct {
		uint32_t at, end; /* what is left of it */
	} rooms[MEND_ROOMS];
};

/*
 * Does away with the forbidden bytes at `at`, in a function whose instructions
 * begin at `from`, by another form of what has them. False: they are none that
 * this can, and nothing has changed. After the first dj_aot_compile(), which
 * begins LLVM.
 */
bool mend_forbidden(struct mend *m, uint32_t from, uint32_t at);
