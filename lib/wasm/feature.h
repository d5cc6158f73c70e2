// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/*
 * What a module may use, a bit a proposal: the numbers of lib/proto/feature.h,
 * where an OFFER says them. A version of the standard is a set of them.
 */
enum dj_wasm_feature {
	DJ_WASM_F_MVP = 0,
	DJ_WASM_F_SIGN_EXT = 1,
	DJ_WASM_F_SAT_TRUNC = 2,
	DJ_WASM_F_MULTI_VALUE = 3,
	DJ_WASM_F_BULK_MEMORY = 4,
	DJ_WASM_F_REF_TYPES = 5,
	DJ_WASM_F_SIMD = 6,
	DJ_WASM_F_MUT_GLOBALS = 7,
	DJ_WASM_F_EXTENDED_CONST = 8,
	DJ_WASM_F_TAIL_CALL = 9,
	DJ_WASM_F_RELAXED_SIMD = 10,
	DJ_WASM_F_MULTI_MEMORY = 11,
	DJ_WASM_F_MEMORY64 = 12,
	DJ_WASM_F_FUNC_REFS = 13,
	DJ_WASM_F_GC = 14,
	DJ_WASM_F_EXCEPTIONS = 15,
	DJ_WASM_F_LEGACY_EXCEPTIONS = 16,
	DJ_WASM_F_WIDE_ARITHMETIC = 17,
	DJ_WASM_F_PAGE_SIZES = 62, /* these are not in an OFFER: for */
	DJ_WASM_F_THREADS = 63,    /* messages only */
};

#define DJ_WASM_BIT(f) ((uint64_t)1 << DJ_WASM_F_##f)

#define DJ_WASM_1_0 (DJ_WASM_BIT(MVP) | DJ_WASM_BIT(MUT_GLOBALS))
#define DJ_WASM_2_0                                                     \
	(DJ_WASM_1_0 | DJ_WASM_BIT(SIGN_EXT) | DJ_WASM_BIT(SAT_TRUNC) | \
		DJ_WASM_BIT(MULTI_VALUE) | DJ_WASM_BIT(BULK_MEMORY) |   \
		DJ_WASM_BIT(REF_TYPES) | DJ_WASM_BIT(SIMD))
#define DJ_WASM_3_0                                                           \
	(DJ_WASM_2_0 | DJ_WASM_BIT(EXTENDED_CONST) | DJ_WASM_BIT(TAIL_CALL) | \
		DJ_WASM_BIT(RELAXED_SIMD) | DJ_WASM_BIT(MULTI_MEMORY) |       \
		DJ_WASM_BIT(MEMORY64) | DJ_WASM_BIT(FUNC_REFS) |              \
		DJ_WASM_BIT(GC) | DJ_WASM_BIT(EXCEPTIONS))
/* Everything: what we lack is refused by its name, not as malformed. */
#define DJ_WASM_ANY (~(uint64_t)0)

/* What lib/wasm takes. */
#define DJ_WASM_HAVE                                    \
	(DJ_WASM_3_0 | DJ_WASM_BIT(LEGACY_EXCEPTIONS) | \
		DJ_WASM_BIT(WIDE_ARITHMETIC))
