// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/*
 * Engine features, OFFER info item 3: a set bit says that the Keep's engine
 * takes modules that use it. Numbers are never reused (docs/protocol.md).
 */
enum dj_feature {
	DJ_FEATURE_MVP = 0, /* WebAssembly 1.0 */
	DJ_FEATURE_SIGN_EXT = 1,
	DJ_FEATURE_SAT_TRUNC = 2,
	DJ_FEATURE_MULTI_VALUE = 3,
	DJ_FEATURE_BULK_MEMORY = 4,
	DJ_FEATURE_REF_TYPES = 5,
	DJ_FEATURE_SIMD = 6,
	DJ_FEATURE_MUT_GLOBALS = 7, /* import and export of mutable globals */
	DJ_FEATURE_EXTENDED_CONST = 8,
	DJ_FEATURE_TAIL_CALL = 9,
	DJ_FEATURE_RELAXED_SIMD = 10,
	DJ_FEATURE_MULTI_MEMORY = 11,
	DJ_FEATURE_MEMORY64 = 12,
	DJ_FEATURE_FUNC_REFS = 13, /* typed function references */
	DJ_FEATURE_GC = 14,
	DJ_FEATURE_EXCEPTIONS = 15,        /* exnref, try_table */
	DJ_FEATURE_LEGACY_EXCEPTIONS = 16, /* try, catch, delegate, rethrow */
	DJ_FEATURE_WIDE_ARITHMETIC = 17,
	DJ_FEATURE_COUNT
};

#define DJ_FEATURE_BIT(f) (UINT64_C(1) << (f))

/* "simd" and so on; NULL for a bit that has no meaning. */
const char *dj_feature_name(unsigned bit);
