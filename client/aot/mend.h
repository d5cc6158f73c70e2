// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* x86-64 code that may have forbidden bytes, and room in it for jumps. */
struct mend {
	uint8_t *code;
	uint32_t len;
	uint32_t pool, pool_end; /* the room that is left */
};

/*
 * Does away with the forbidden bytes at `at`, in a function whose instructions
 * begin at `from`, by another form of what has them. False: they are none that
 * this can, and nothing has changed. After the first dj_aot_compile(), which
 * begins LLVM.
 */
bool mend_forbidden(struct mend *m, uint32_t from, uint32_t at);
