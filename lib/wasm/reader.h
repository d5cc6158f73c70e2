// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string.h>

#include "lib/base/size.h"
#include "lib/wasm/layout.h"

/*
 * The cursor over a module's bytes. Like dj_rd, but it knows LEB128, keeps
 * its offset for messages, and a failure has the suite's words. The first
 * failure sticks; later reads give zero.
 */
struct dj_wasm_rd {
	const uint8_t *start, *p, *end;
	dj_status st;
	uint64_t features; /* of the language that is read */
	struct dj_wasm_error err;
};

struct dj_wasm_rd dj_wasm_rd_of(const uint8_t *bytes, size_t off, size_t len);

/* Malformed, invalid; dj_wasm_rd_refuse() for every other status. */
void dj_wasm_rd_malformed(struct dj_wasm_rd *r, const char *text);
void dj_wasm_rd_invalid(struct dj_wasm_rd *r, const char *text);
void dj_wasm_rd_refuse(struct dj_wasm_rd *r, dj_status st, const char *text);
/*
 * What comes needs a feature: false, and a failure, if the language does not
 * know it (malformed, in the given words) or we lack it (by its name).
 */
bool dj_wasm_rd_needs(struct dj_wasm_rd *r, enum dj_wasm_feature f,
	const char *malformed);

static inline bool dj_wasm_rd_knows(const struct dj_wasm_rd *r,
	enum dj_wasm_feature f)
{
	return (r->features >> f & 1) != 0;
}

static inline size_t dj_wasm_rd_left(const struct dj_wasm_rd *r)
{
	return (size_t)(r->end - r->p);
}

static inline uint32_t dj_wasm_rd_off(const struct dj_wasm_rd *r)
{
	return (uint32_t)(r->p - r->start);
}

static inline uint8_t dj_wasm_rd_u8(struct dj_wasm_rd *r)
{
	if (r->p == r->end) {
		dj_wasm_rd_malformed(r, "unexpected end");
		return 0;
	}
	return *r->p++;
}

/* LEB128 that does not fit a byte. */
uint32_t dj_wasm_rd_u32_long(struct dj_wasm_rd *r);
int64_t dj_wasm_rd_signed(struct dj_wasm_rd *r, unsigned bits);

static inline uint32_t dj_wasm_rd_u32(struct dj_wasm_rd *r)
{
	if (r->p != r->end && *r->p < 0x80)
		return *r->p++;
	return dj_wasm_rd_u32_long(r);
}

uint64_t dj_wasm_rd_u64(struct dj_wasm_rd *r);

static inline int32_t dj_wasm_rd_s32(struct dj_wasm_rd *r)
{
	return (int32_t)dj_wasm_rd_signed(r, 32);
}

static inline int64_t dj_wasm_rd_s64(struct dj_wasm_rd *r)
{
	return dj_wasm_rd_signed(r, 64);
}

/* Little-endian, len of 4 or 8: the bits of a float. */
uint64_t dj_wasm_rd_bits(struct dj_wasm_rd *r, size_t len);
/* len bytes, borrowed; NULL after a failure. */
const uint8_t *dj_wasm_rd_bytes(struct dj_wasm_rd *r, size_t len);
struct dj_wasm_name dj_wasm_rd_name(struct dj_wasm_rd *r);
/* A vector's count, of elements of at least min bytes each. */
uint32_t dj_wasm_rd_count(struct dj_wasm_rd *r, size_t min);
bool dj_wasm_utf8_ok(const uint8_t *p, size_t len);
