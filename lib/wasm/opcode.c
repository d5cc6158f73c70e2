// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/opcode.h"

#define I DJ_WASM_I32
#define L DJ_WASM_I64
#define F DJ_WASM_F32
#define D DJ_WASM_F64

#define LOAD(t, w)                                \
	{                                         \
		.in = { I }, .out = t, .width = w \
	}
#define STORE(t, w)                        \
	{                                  \
		.in = { I, t }, .width = w \
	}
#define UNARY(from, to)                   \
	{                                 \
		.in = { from }, .out = to \
	}
#define BINARY(from, to)                        \
	{                                       \
		.in = { from, from }, .out = to \
	}

const struct dj_wasm_op dj_wasm_ops[DJ_OP_COUNT] = {
	[0x28] = LOAD(I, 2),
	[0x29] = LOAD(L, 3),
	[0x2a] = LOAD(F, 2),
	[0x2b] = LOAD(D, 3),
	[0x2c ... 0x2d] = LOAD(I, 0),
	[0x2e ... 0x2f] = LOAD(I, 1),
	[0x30 ... 0x31] = LOAD(L, 0),
	[0x32 ... 0x33] = LOAD(L, 1),
	[0x34 ... 0x35] = LOAD(L, 2),
	[0x36] = STORE(I, 2),
	[0x37] = STORE(L, 3),
	[0x38] = STORE(F, 2),
	[0x39] = STORE(D, 3),
	[0x3a] = STORE(I, 0),
	[0x3b] = STORE(I, 1),
	[0x3c] = STORE(L, 0),
	[0x3d] = STORE(L, 1),
	[0x3e] = STORE(L, 2),
	[0x45] = UNARY(I, I),
	[0x46 ... 0x4f] = BINARY(I, I),
	[0x50] = UNARY(L, I),
	[0x51 ... 0x5a] = BINARY(L, I),
	[0x5b ... 0x60] = BINARY(F, I),
	[0x61 ... 0x66] = BINARY(D, I),
	[0x67 ... 0x69] = UNARY(I, I),
	[0x6a ... 0x78] = BINARY(I, I),
	[0x79 ... 0x7b] = UNARY(L, L),
	[0x7c ... 0x8a] = BINARY(L, L),
	[0x8b ... 0x91] = UNARY(F, F),
	[0x92 ... 0x98] = BINARY(F, F),
	[0x99 ... 0x9f] = UNARY(D, D),
	[0xa0 ... 0xa6] = BINARY(D, D),
	[0xa7] = UNARY(L, I),
	[0xa8 ... 0xa9] = UNARY(F, I),
	[0xaa ... 0xab] = UNARY(D, I),
	[0xac ... 0xad] = UNARY(I, L),
	[0xae ... 0xaf] = UNARY(F, L),
	[0xb0 ... 0xb1] = UNARY(D, L),
	[0xb2 ... 0xb3] = UNARY(I, F),
	[0xb4 ... 0xb5] = UNARY(L, F),
	[0xb6] = UNARY(D, F),
	[0xb7 ... 0xb8] = UNARY(I, D),
	[0xb9 ... 0xba] = UNARY(L, D),
	[0xbb] = UNARY(F, D),
	[0xbc] = UNARY(F, I),
	[0xbd] = UNARY(D, L),
	[0xbe] = UNARY(I, F),
	[0xbf] = UNARY(L, D),
	[0xc0 ... 0xc1] = UNARY(I, I),
	[0xc2 ... 0xc4] = UNARY(L, L),
	[0x100 ... 0x101] = UNARY(F, I),
	[0x102 ... 0x103] = UNARY(D, I),
	[0x104 ... 0x105] = UNARY(F, L),
	[0x106 ... 0x107] = UNARY(D, L),
};

/* The feature that an opcode came with. */
static enum dj_wasm_feature feature_of(uint8_t op)
{
	switch (op) {
	case 0x06 ... 0x0a:
	case 0x18 ... 0x19:
	case 0x1f:
		return DJ_WASM_F_EXCEPTIONS;
	case 0x12 ... 0x13:
		return DJ_WASM_F_TAIL_CALL;
	case 0x14 ... 0x15:
	case 0xd4 ... 0xd6:
		return DJ_WASM_F_FUNC_REFS;
	case DJ_OP_SELECT_T:
	case DJ_OP_TABLE_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_REF_NULL ... DJ_OP_REF_FUNC:
		return DJ_WASM_F_REF_TYPES;
	case 0xc0 ... 0xc4:
		return DJ_WASM_F_SIGN_EXT;
	case 0xd3:
	case 0xfb:
		return DJ_WASM_F_GC;
	case 0xfd:
		return DJ_WASM_F_SIMD;
	case 0xfe:
		return DJ_WASM_F_THREADS;
	default:
		return DJ_WASM_F_MVP;
	}
}

static uint32_t read_misc(struct dj_wasm_rd *r)
{
	uint32_t op = dj_wasm_rd_u32(r);
	enum dj_wasm_feature f = DJ_WASM_F_REF_TYPES; /* table.grow and on */

	if (op >= DJ_OP_COUNT - 0x100) {
		dj_wasm_rd_malformed(r, "illegal opcode");
		return 0;
	}
	op += 0x100;
	if (op <= DJ_OP_TRUNC_SAT_LAST)
		f = DJ_WASM_F_SAT_TRUNC;
	else if (op <= DJ_OP_TABLE_COPY)
		f = DJ_WASM_F_BULK_MEMORY;
	return dj_wasm_rd_needs(r, f, "illegal opcode") ? op : 0;
}

uint32_t dj_wasm_rd_opcode(struct dj_wasm_rd *r)
{
	enum dj_wasm_feature f;
	uint8_t b;

	if (r->p == r->end) {
		dj_wasm_rd_malformed(r, "END opcode expected");
		return 0;
	}
	b = *r->p++;
	if (b == DJ_OP_PREFIX)
		return read_misc(r);
	f = feature_of(b);
	if (f != DJ_WASM_F_MVP && !dj_wasm_rd_needs(r, f, "illegal opcode"))
		return 0;
	return b;
}

enum dj_wasm_valtype dj_wasm_rd_valtype(struct dj_wasm_rd *r)
{
	static const char text[] = "malformed value type";
	uint8_t b = dj_wasm_rd_u8(r);

	switch (b) {
	case I:
	case L:
	case F:
	case D:
		break;
	case DJ_WASM_FUNCREF:
	case DJ_WASM_EXTERNREF:
		(void)dj_wasm_rd_needs(r, DJ_WASM_F_REF_TYPES, text);
		break;
	case DJ_WASM_V128:
		(void)dj_wasm_rd_needs(r, DJ_WASM_F_SIMD, text);
		break;
	default:
		dj_wasm_rd_malformed(r, text);
	}
	return (enum dj_wasm_valtype)b;
}

enum dj_wasm_valtype dj_wasm_rd_reftype(struct dj_wasm_rd *r)
{
	uint8_t b = dj_wasm_rd_u8(r);

	if (b != DJ_WASM_FUNCREF && b != DJ_WASM_EXTERNREF)
		dj_wasm_rd_malformed(r, "malformed reference type");
	if (b == DJ_WASM_EXTERNREF)
		(void)dj_wasm_rd_needs(r, DJ_WASM_F_REF_TYPES,
			"malformed element type");
	return (enum dj_wasm_valtype)b;
}

struct dj_wasm_block_type dj_wasm_rd_block_type(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m)
{
	struct dj_wasm_block_type bt = { 0 };
	const struct dj_wasm_functype *t;
	int64_t i;

	if (r->p != r->end && *r->p == 0x40) {
		r->p++;
		return bt;
	}
	if (r->p != r->end && (*r->p & 0xc0) == 0x40) {
		bt.results = r->p;
		bt.result_count = 1;
		(void)dj_wasm_rd_valtype(r);
		return bt;
	}
	if (!dj_wasm_rd_needs(r, DJ_WASM_F_MULTI_VALUE, "malformed block type"))
		return bt;
	i = dj_wasm_rd_signed(r, 33);
	if (r->st != DJ_OK)
		return bt;
	if (i < 0 || i >= m->type_count) {
		dj_wasm_rd_invalid(r, "unknown type");
		return bt;
	}
	t = &m->types[i];
	bt.param_count = t->param_count;
	bt.result_count = t->result_count;
	bt.params = t->params;
	bt.results = t->results;
	return bt;
}
