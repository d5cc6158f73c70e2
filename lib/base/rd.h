// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/status.h"

/*
 * The reading cursor: the only way bytes from a stranger become values.
 *
 *   struct dj_rd r = dj_rd_of(buf, len);
 *   x = dj_rd_u32be(&r);
 *   if (x > LIMIT) dj_rd_fail(&r, DJ_E_LIMIT);
 *   if (dj_rd_end(&r) != DJ_OK) return r.err;
 *
 * The first failure sticks; later reads give zero (pointers: NULL) and move
 * nothing, so a parser may run straight through and ask once at the end.
 * Reading past the end is DJ_E_INPUT. Bytes are borrowed, never copied
 * unless asked.
 */
struct dj_rd {
	const uint8_t *p;
	size_t left;
	dj_status err;
};

static inline struct dj_rd dj_rd_of(const void *buf, size_t len)
{
	return (struct dj_rd){ .p = buf, .left = len, .err = DJ_OK };
}

static inline void dj_rd_fail(struct dj_rd *r, dj_status err)
{
	if (r->err == DJ_OK)
		r->err = err;
	r->left = 0;
}

/* len bytes, borrowed; NULL after a failure or if fewer are left. */
static inline const uint8_t *dj_rd_bytes(struct dj_rd *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->err != DJ_OK || r->left < len) {
		dj_rd_fail(r, DJ_E_INPUT);
		return NULL;
	}
	if (len != 0)
		r->p += len;
	r->left -= len;
	return p;
}

static inline void dj_rd_copy(struct dj_rd *r, void *dst, size_t len)
{
	const uint8_t *p = dj_rd_bytes(r, len);

	if (r->err != DJ_OK)
		memset(dst, 0, len);
	else if (len != 0)
		memcpy(dst, p, len);
}

static inline uint64_t dj_rd_be(struct dj_rd *r, size_t len)
{
	const uint8_t *p = dj_rd_bytes(r, len);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint64_t dj_rd_le(struct dj_rd *r, size_t len)
{
	const uint8_t *p = dj_rd_bytes(r, len);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = len; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

static inline uint8_t dj_rd_u8(struct dj_rd *r)
{
	return (uint8_t)dj_rd_be(r, 1);
}

static inline uint16_t dj_rd_u16be(struct dj_rd *r)
{
	return (uint16_t)dj_rd_be(r, 2);
}

static inline uint32_t dj_rd_u32be(struct dj_rd *r)
{
	return (uint32_t)dj_rd_be(r, 4);
}

static inline uint64_t dj_rd_u64be(struct dj_rd *r)
{
	return dj_rd_be(r, 8);
}

static inline uint16_t dj_rd_u16le(struct dj_rd *r)
{
	return (uint16_t)dj_rd_le(r, 2);
}

static inline uint32_t dj_rd_u32le(struct dj_rd *r)
{
	return (uint32_t)dj_rd_le(r, 4);
}

static inline uint64_t dj_rd_u64le(struct dj_rd *r)
{
	return dj_rd_le(r, 8);
}

/* len bytes that must all be zero (reserved fields). */
static inline void dj_rd_zero(struct dj_rd *r, size_t len)
{
	const uint8_t *p = dj_rd_bytes(r, len);
	uint8_t any = 0;

	if (p == NULL)
		return;
	for (size_t i = 0; i < len; i++)
		any |= p[i];
	if (any != 0)
		dj_rd_fail(r, DJ_E_INPUT);
}

/* Did everything hold, and is nothing left over? */
static inline dj_status dj_rd_end(struct dj_rd *r)
{
	if (r->err == DJ_OK && r->left != 0)
		dj_rd_fail(r, DJ_E_INPUT);
	return r->err;
}
