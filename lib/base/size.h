// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Checked arithmetic on sizes. Each returns true and sets *ret if the result
 * fits, else false with *ret untouched: `if (!dj_size_mul(n, m, &len)) ...`.
 */
static inline bool dj_size_add(size_t a, size_t b, size_t *ret)
{
	size_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*ret = r;
	return true;
}

static inline bool dj_size_mul(size_t a, size_t b, size_t *ret)
{
	size_t r;

	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*ret = r;
	return true;
}

static inline bool dj_u64_add(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*ret = r;
	return true;
}

/* Is [off, off + len) inside [0, size)? Never overflows. */
static inline bool dj_range_ok(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/* a must be a power of two; false if rounding up does not fit. */
static inline bool dj_size_align(size_t n, size_t a, size_t *ret)
{
	size_t r;

	if (!dj_size_add(n, a - 1, &r))
		return false;
	*ret = r & ~(a - 1);
	return true;
}
