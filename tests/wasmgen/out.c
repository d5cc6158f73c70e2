// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "tests/wasmgen/gen.h"

uint64_t gen_draw64(struct gen *g)
{
	uint64_t z;

	/* splitmix64 */
	g->random += UINT64_C(0x9e3779b97f4a7c15);
	z = g->random;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t gen_draw(struct gen *g, uint32_t n)
{
	return (uint32_t)((gen_draw64(g) >> 32) * n >> 32);
}

bool gen_chance(struct gen *g, uint32_t percent)
{
	return gen_draw(g, 100) < percent;
}

bool gen_has(const struct gen *g, enum dj_wasm_feature f)
{
	return (g->features >> (unsigned)f & 1) != 0;
}

void put_bytes(struct bytes *b, const void *p, size_t len)
{
	if (b->cap - b->len < len) {
		size_t cap = 2 * (b->len + len) + 256;
		uint8_t *more = realloc(b->p, cap);

		if (more == NULL)
			abort();
		b->p = more;
		b->cap = cap;
	}
	if (len != 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

void put(struct bytes *b, uint8_t byte)
{
	put_bytes(b, &byte, 1);
}

void put_u(struct bytes *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		put(b, (uint8_t)(v | 0x80));
	put(b, (uint8_t)v);
}

void put_s(struct bytes *b, int64_t v)
{
	for (; v < -0x40 || v >= 0x40; v >>= 7)
		put(b, (uint8_t)((v & 0x7f) | 0x80));
	put(b, (uint8_t)(v & 0x7f));
}

void put_op(struct bytes *b, uint32_t op)
{
	if (op < 0x100) {
		put(b, (uint8_t)op);
		return;
	}
	put(b, op >= DJ_OP_GC ? 0xfb : op >= DJ_OP_SIMD ? 0xfd : 0xfc);
	put_u(b,
		op >= DJ_OP_GC             ? op - DJ_OP_GC
			: op >= DJ_OP_SIMD ? op - DJ_OP_SIMD
					   : op - 0x100);
}

void put_op_u(struct bytes *b, uint32_t op, uint64_t operand)
{
	put_op(b, op);
	put_u(b, operand);
}

void put_heap(struct bytes *b, uint32_t type)
{
	if ((type & 0x7f) == DJ_WASM_TYPEDREF)
		put_s(b, (int64_t)(type >> DJ_WASM_TYPE_SHIFT));
	else
		put(b, type & 0x7f);
}

void put_type(struct bytes *b, uint32_t type)
{
	if (dj_wasm_is_ref(type) && (type & DJ_WASM_NON_NULL) != 0)
		put(b, 0x64);
	else if ((type & 0x7f) == DJ_WASM_TYPEDREF)
		put(b, 0x63);
	put_heap(b, type);
}

void put_sized(struct bytes *b, struct bytes *from)
{
	put_u(b, from->len);
	put_bytes(b, from->p, from->len);
	from->len = 0;
}
