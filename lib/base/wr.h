// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/status.h"

/*
 * The writing cursor, mirror of dj_rd: writes into the caller's buffer, the
 * first failure (no room: DJ_E_LIMIT) sticks and later writes do nothing.
 *
 *   struct dj_wr w = dj_wr_of(buf, sizeof(buf));
 *   dj_wr_u32be(&w, n);
 *   return dj_wr_end(&w, ret_len);
 */
struct dj_wr {
	uint8_t *p;
	size_t cap;
	size_t len; /* written so far */
	dj_status err;
};

static inline struct dj_wr dj_wr_of(void *buf, size_t cap)
{
	return (struct dj_wr){ .p = buf, .cap = cap, .len = 0, .err = DJ_OK };
}

static inline void dj_wr_fail(struct dj_wr *w, dj_status err)
{
	if (w->err == DJ_OK)
		w->err = err;
}

/* Room for len bytes, to be filled by the caller; NULL if there is none. */
static inline uint8_t *dj_wr_room(struct dj_wr *w, size_t len)
{
	uint8_t *p;

	if (w->err != DJ_OK || w->cap - w->len < len) {
		dj_wr_fail(w, DJ_E_LIMIT);
		return NULL;
	}
	p = w->p + w->len;
	w->len += len;
	return p;
}

static inline void dj_wr_bytes(struct dj_wr *w, const void *src, size_t len)
{
	uint8_t *p;

	if (len == 0)
		return;
	p = dj_wr_room(w, len);
	if (p != NULL)
		memcpy(p, src, len);
}

static inline void dj_wr_zero(struct dj_wr *w, size_t len)
{
	uint8_t *p = dj_wr_room(w, len);

	if (p != NULL && len != 0)
		memset(p, 0, len);
}

static inline void dj_wr_be(struct dj_wr *w, uint64_t v, size_t len)
{
	uint8_t *p = dj_wr_room(w, len);

	if (p == NULL)
		return;
	for (size_t i = len; i > 0; i--, v >>= 8)
		p[i - 1] = (uint8_t)v;
}

static inline void dj_wr_le(struct dj_wr *w, uint64_t v, size_t len)
{
	uint8_t *p = dj_wr_room(w, len);

	if (p == NULL)
		return;
	for (size_t i = 0; i < len; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static inline void dj_wr_u8(struct dj_wr *w, uint8_t v)
{
	dj_wr_be(w, v, 1);
}

static inline void dj_wr_u16be(struct dj_wr *w, uint16_t v)
{
	dj_wr_be(w, v, 2);
}

static inline void dj_wr_u32be(struct dj_wr *w, uint32_t v)
{
	dj_wr_be(w, v, 4);
}

static inline void dj_wr_u64be(struct dj_wr *w, uint64_t v)
{
	dj_wr_be(w, v, 8);
}

static inline dj_status dj_wr_end(struct dj_wr *w, size_t *ret_len)
{
	if (w->err == DJ_OK)
		*ret_len = w->len;
	return w->err;
}
