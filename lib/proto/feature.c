// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>

#include "lib/proto/feature.h"

const char *dj_feature_name(unsigned bit)
{
	static const char *const names[DJ_FEATURE_COUNT] = {
		[DJ_FEATURE_MVP] = "mvp",
		[DJ_FEATURE_SIGN_EXT] = "sign-extension",
		[DJ_FEATURE_SAT_TRUNC] = "saturating-truncation",
		[DJ_FEATURE_MULTI_VALUE] = "multi-value",
		[DJ_FEATURE_BULK_MEMORY] = "bulk-memory",
		[DJ_FEATURE_REF_TYPES] = "reference-types",
		[DJ_FEATURE_SIMD] = "simd",
		[DJ_FEATURE_MUT_GLOBALS] = "mutable-globals",
		[DJ_FEATURE_EXTENDED_CONST] = "extended-const",
		[DJ_FEATURE_TAIL_CALL] = "tail-call",
		[DJ_FEATURE_RELAXED_SIMD] = "relaxed-simd",
		[DJ_FEATURE_MULTI_MEMORY] = "multi-memory",
		[DJ_FEATURE_MEMORY64] = "memory64",
		[DJ_FEATURE_FUNC_REFS] = "function-references",
		[DJ_FEATURE_GC] = "gc",
		[DJ_FEATURE_EXCEPTIONS] = "exceptions",
		[DJ_FEATURE_LEGACY_EXCEPTIONS] = "legacy-exceptions",
		[DJ_FEATURE_WIDE_ARITHMETIC] = "wide-arithmetic",
	};

	return bit < DJ_FEATURE_COUNT ? names[bit] : NULL;
}
