// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/*
 * dj_shim_reserve() for shims that own a range of addresses: first fit, a
 * page between any two and before the end, which is never committed.
 */
struct dj_window {
	uint64_t first, end;
	uint64_t large; /* what has so much begins on a multiple of it */
};

/* Each shim's own, before the first reservation. */
extern struct dj_window dj_window;
