// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/opcode.h"

#define I DJ_WASM_I32
#define L DJ_WASM_I64
#define F DJ_WASM_F32
#define D DJ_WASM_F64
#define V DJ_WASM_V128

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

#define EXTRACT(t, n)                               \
	{                                           \
		.in = { V }, .out = t, .lanes = (n) \
	}
#define REPLACE(t, n)                                  \
	{                                              \
		.in = { V, t }, .out = V, .lanes = (n) \
	}
#define LOAD_LANE(w, n)                                            \
	{                                                          \
		.in = { I, V }, .out = V, .width = w, .lanes = (n) \
	}
#define STORE_LANE(w, n)                                 \
	{                                                \
		.in = { I, V }, .width = w, .lanes = (n) \
	}
#define SHIFT                            \
	{                                \
		.in = { V, I }, .out = V \
	}
#define TERNARY                             \
	{                                   \
		.in = { V, V, V }, .out = V \
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

	[0x200] = LOAD(V, 4),
	[0x201 ... 0x206] = LOAD(V, 3),
	[0x207] = LOAD(V, 0),
	[0x208] = LOAD(V, 1),
	[0x209] = LOAD(V, 2),
	[0x20a] = LOAD(V, 3),
	[0x20b] = STORE(V, 4),
	[0x20c] = { .out = V },
	[0x20d] = { .in = { V, V }, .out = V, .lanes = 32 },
	[0x20e] = BINARY(V, V),
	[0x20f ... 0x211] = UNARY(I, V),
	[0x212] = UNARY(L, V),
	[0x213] = UNARY(F, V),
	[0x214] = UNARY(D, V),
	[0x215 ... 0x216] = EXTRACT(I, 16),
	[0x217] = REPLACE(I, 16),
	[0x218 ... 0x219] = EXTRACT(I, 8),
	[0x21a] = REPLACE(I, 8),
	[0x21b] = EXTRACT(I, 4),
	[0x21c] = REPLACE(I, 4),
	[0x21d] = EXTRACT(L, 2),
	[0x21e] = REPLACE(L, 2),
	[0x21f] = EXTRACT(F, 4),
	[0x220] = REPLACE(F, 4),
	[0x221] = EXTRACT(D, 2),
	[0x222] = REPLACE(D, 2),
	[0x223 ... 0x24c] = BINARY(V, V),
	[0x24d] = UNARY(V, V),
	[0x24e ... 0x251] = BINARY(V, V),
	[0x252] = TERNARY,
	[0x253] = UNARY(V, I),
	[0x254] = LOAD_LANE(0, 16),
	[0x255] = LOAD_LANE(1, 8),
	[0x256] = LOAD_LANE(2, 4),
	[0x257] = LOAD_LANE(3, 2),
	[0x258] = STORE_LANE(0, 16),
	[0x259] = STORE_LANE(1, 8),
	[0x25a] = STORE_LANE(2, 4),
	[0x25b] = STORE_LANE(3, 2),
	[0x25c] = LOAD(V, 2),
	[0x25d] = LOAD(V, 3),
	[0x25e ... 0x262] = UNARY(V, V),
	[0x263 ... 0x264] = UNARY(V, I),
	[0x265 ... 0x266] = BINARY(V, V),
	[0x267 ... 0x26a] = UNARY(V, V),
	[0x26b ... 0x26d] = SHIFT,
	[0x26e ... 0x273] = BINARY(V, V),
	[0x274 ... 0x275] = UNARY(V, V),
	[0x276 ... 0x279] = BINARY(V, V),
	[0x27a] = UNARY(V, V),
	[0x27b] = BINARY(V, V),
	[0x27c ... 0x281] = UNARY(V, V),
	[0x282] = BINARY(V, V),
	[0x283 ... 0x284] = UNARY(V, I),
	[0x285 ... 0x286] = BINARY(V, V),
	[0x287 ... 0x28a] = UNARY(V, V),
	[0x28b ... 0x28d] = SHIFT,
	[0x28e ... 0x293] = BINARY(V, V),
	[0x294] = UNARY(V, V),
	[0x295 ... 0x299] = BINARY(V, V),
	[0x29b ... 0x29f] = BINARY(V, V),
	[0x2a0 ... 0x2a1] = UNARY(V, V),
	[0x2a3 ... 0x2a4] = UNARY(V, I),
	[0x2a7 ... 0x2aa] = UNARY(V, V),
	[0x2ab ... 0x2ad] = SHIFT,
	[0x2ae] = BINARY(V, V),
	[0x2b1] = BINARY(V, V),
	[0x2b5 ... 0x2ba] = BINARY(V, V),
	[0x2bc ... 0x2bf] = BINARY(V, V),
	[0x2c0 ... 0x2c1] = UNARY(V, V),
	[0x2c3 ... 0x2c4] = UNARY(V, I),
	[0x2c7 ... 0x2ca] = UNARY(V, V),
	[0x2cb ... 0x2cd] = SHIFT,
	[0x2ce] = BINARY(V, V),
	[0x2d1] = BINARY(V, V),
	[0x2d5 ... 0x2df] = BINARY(V, V),
	[0x2e0 ... 0x2e1] = UNARY(V, V),
	[0x2e3] = UNARY(V, V),
	[0x2e4 ... 0x2eb] = BINARY(V, V),
	[0x2ec ... 0x2ed] = UNARY(V, V),
	[0x2ef] = UNARY(V, V),
	[0x2f0 ... 0x2f7] = BINARY(V, V),
	[0x2f8 ... 0x2ff] = UNARY(V, V),
	[0x300] = BINARY(V, V),
	[0x301 ... 0x304] = UNARY(V, V),
	[0x305 ... 0x30c] = TERNARY,
	[0x30d ... 0x312] = BINARY(V, V),
	[0x313] = TERNARY,
};

/* The feature that an opcode came with. */
static enum dj_wasm_feature feature_of(uint8_t op)
{
	switch (op) {
	case DJ_OP_THROW:
	case DJ_OP_THROW_REF:
	case DJ_OP_TRY_TABLE:
		return DJ_WASM_F_EXCEPTIONS;
	case 0x12 ... 0x13:
		return DJ_WASM_F_TAIL_CALL;
	case 0x14 ... 0x15:
	case 0xd4 ... 0xd6:
		return DJ_WASM_F_FUNC_REFS;
	case DJ_OP_TRY ... DJ_OP_CATCH:
	case DJ_OP_RETHROW:
	case DJ_OP_DELEGATE ... DJ_OP_CATCH_ALL:
		return DJ_WASM_F_LEGACY_EXCEPTIONS;
	case DJ_OP_SELECT_T:
	case DJ_OP_TABLE_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_REF_NULL ... DJ_OP_REF_FUNC:
		return DJ_WASM_F_REF_TYPES;
	case 0xc0 ... 0xc4:
		return DJ_WASM_F_SIGN_EXT;
	case 0xd3:
	case 0xfb:
		return DJ_WASM_F_GC;
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

	if (op >= DJ_OP_MISC_COUNT || op + 0x100 == DJ_OP_TABLE_FILL + 1) {
		dj_wasm_rd_malformed(r, "illegal opcode");
		return 0;
	}
	op += 0x100;
	if (op <= DJ_OP_TRUNC_SAT_LAST)
		f = DJ_WASM_F_SAT_TRUNC;
	else if (op <= DJ_OP_TABLE_COPY)
		f = DJ_WASM_F_BULK_MEMORY;
	else if (op >= DJ_OP_ADD128)
		f = DJ_WASM_F_WIDE_ARITHMETIC;
	return dj_wasm_rd_needs(r, f, "illegal opcode") ? op : 0;
}

static uint32_t read_simd(struct dj_wasm_rd *r)
{
	static const char text[] = "illegal opcode";
	uint32_t op;

	if (!dj_wasm_rd_needs(r, DJ_WASM_F_SIMD, text))
		return 0;
	op = dj_wasm_rd_u32(r);
	if (op >= DJ_OP_COUNT - DJ_OP_SIMD ||
		dj_wasm_ops[DJ_OP_SIMD + op].out +
				dj_wasm_ops[DJ_OP_SIMD + op].in[0] ==
			0) {
		dj_wasm_rd_malformed(r, text);
		return 0;
	}
	op += DJ_OP_SIMD;
	if (op >= DJ_OP_RELAXED_FIRST &&
		!dj_wasm_rd_needs(r, DJ_WASM_F_RELAXED_SIMD, text))
		return 0;
	return op;
}

static uint32_t read_gc(struct dj_wasm_rd *r)
{
	uint32_t op;

	if (!dj_wasm_rd_needs(r, DJ_WASM_F_GC, "illegal opcode"))
		return 0;
	op = dj_wasm_rd_u32(r);
	if (op >= DJ_OP_GC_END - DJ_OP_GC) {
		dj_wasm_rd_malformed(r, "illegal opcode");
		return 0;
	}
	return DJ_OP_GC + op;
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
	if (b == 0xfd)
		return read_simd(r);
	if (b == 0xfb)
		return read_gc(r);
	f = feature_of(b);
	if (f != DJ_WASM_F_MVP && !dj_wasm_rd_needs(r, f, "illegal opcode"))
		return 0;
	return b;
}

uint32_t dj_wasm_rd_type(struct dj_wasm_rd *r, const struct dj_wasm_module *m)
{
	uint32_t i = dj_wasm_rd_u32(r);

	if (r->st == DJ_OK && i >= m->type_count)
		dj_wasm_rd_invalid(r, "unknown type");
	return r->st == DJ_OK ? m->type_ids[i] : 0;
}

/* The feature that an abstract type came with. */
static enum dj_wasm_feature feature_of_heap(uint8_t code)
{
	switch (code) {
	case DJ_WASM_FUNCREF: /* in tables it was ever */
		return DJ_WASM_F_MVP;
	case DJ_WASM_EXTERNREF:
		return DJ_WASM_F_REF_TYPES;
	case DJ_WASM_EXNREF:
	case DJ_WASM_NULLEXNREF:
		return DJ_WASM_F_EXCEPTIONS;
	default:
		return DJ_WASM_F_GC;
	}
}

static bool is_abstract(uint8_t code)
{
	return code >= DJ_WASM_EXNREF && code <= DJ_WASM_NULLEXNREF;
}

static uint32_t abstract(struct dj_wasm_rd *r, const char *malformed)
{
	uint8_t code = *r->p++;

	(void)dj_wasm_rd_needs(r, feature_of_heap(code), malformed);
	return code;
}

uint32_t dj_wasm_rd_heaptype(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m)
{
	static const char text[] = "malformed heap type";
	int64_t i;

	if (r->p != r->end && is_abstract(*r->p))
		return abstract(r, text);
	if (!dj_wasm_rd_needs(r, DJ_WASM_F_FUNC_REFS, text))
		return DJ_WASM_FUNCREF;
	i = dj_wasm_rd_signed(r, 33);
	if (i < 0)
		dj_wasm_rd_malformed(r, text);
	else if (i >= m->type_count)
		dj_wasm_rd_invalid(r, "unknown type");
	if (r->st != DJ_OK)
		return DJ_WASM_FUNCREF;
	return dj_wasm_typed_ref(m->type_ids[i]);
}

uint32_t dj_wasm_rd_reftype(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m)
{
	static const char text[] = "malformed reference type";
	uint8_t b;

	if (r->p != r->end && is_abstract(*r->p))
		return abstract(r, text);
	b = dj_wasm_rd_u8(r);
	if (b != 0x63 && b != 0x64)
		dj_wasm_rd_malformed(r, text);
	if (!dj_wasm_rd_needs(r, DJ_WASM_F_FUNC_REFS, text))
		return DJ_WASM_FUNCREF;
	return dj_wasm_rd_heaptype(r, m) | (b == 0x64 ? DJ_WASM_NON_NULL : 0);
}

uint32_t dj_wasm_rd_valtype(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m)
{
	static const char text[] = "malformed value type";
	uint8_t b = r->p == r->end ? 0 : *r->p;

	switch (b) {
	case I:
	case L:
	case F:
	case D:
		r->p++;
		return b;
	case V:
		r->p++;
		(void)dj_wasm_rd_needs(r, DJ_WASM_F_SIMD, text);
		return b;
	case DJ_WASM_FUNCREF:
		(void)dj_wasm_rd_needs(r, DJ_WASM_F_REF_TYPES, text);
		break;
	default:
		if (b != 0x63 && b != 0x64 && !is_abstract(b))
			dj_wasm_rd_malformed(r,
				r->p == r->end ? "unexpected end" : text);
	}
	return dj_wasm_rd_reftype(r, m);
}

struct dj_wasm_block_type dj_wasm_rd_block_type(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m)
{
	struct dj_wasm_block_type bt = { 0 };
	const struct dj_wasm_type *t;
	int64_t i;

	if (r->p != r->end && *r->p == 0x40) {
		r->p++;
		return bt;
	}
	if (r->p != r->end && (*r->p & 0xc0) == 0x40) {
		bt.result = dj_wasm_rd_valtype(r, m);
		bt.result_count = 1;
		return bt;
	}
	if (!dj_wasm_rd_needs(r, DJ_WASM_F_MULTI_VALUE, "malformed block type"))
		return bt;
	i = dj_wasm_rd_signed(r, 33);
	if (r->st != DJ_OK)
		return bt;
	t = i < 0 || i >= m->type_count ? NULL : &m->types.all[m->type_ids[i]];
	if (t == NULL || t->form != DJ_WASM_FORM_FUNC) {
		dj_wasm_rd_invalid(r, "unknown type");
		return bt;
	}
	bt.param_count = t->func.param_count;
	bt.result_count = t->func.result_count;
	bt.params = t->func.params;
	bt.more = t->func.results;
	return bt;
}

struct dj_wasm_cast_branch dj_wasm_rd_cast_branch(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m)
{
	struct dj_wasm_cast_branch b = { 0 };
	uint8_t flags = dj_wasm_rd_u8(r);

	if (flags > 3)
		dj_wasm_rd_malformed(r, "malformed br_on_cast flags");
	b.label = dj_wasm_rd_u32(r);
	b.from = dj_wasm_rd_heaptype(r, m);
	b.to = dj_wasm_rd_heaptype(r, m);
	if ((flags & 1) == 0)
		b.from |= DJ_WASM_NON_NULL;
	if ((flags & 2) == 0)
		b.to |= DJ_WASM_NON_NULL;
	return b;
}

uint32_t dj_wasm_cast_rest(uint32_t from, uint32_t to)
{
	return (to & DJ_WASM_NON_NULL) == 0 ? from | DJ_WASM_NON_NULL : from;
}

struct dj_wasm_memarg dj_wasm_rd_memarg(struct dj_wasm_rd *r)
{
	bool multi = dj_wasm_rd_knows(r, DJ_WASM_F_MULTI_MEMORY);
	struct dj_wasm_memarg a = { .align = dj_wasm_rd_u32(r) };

	if (a.align >= (multi ? 128 : 32))
		dj_wasm_rd_malformed(r, "malformed memop flags");
	if (a.align >= 64) {
		a.align -= 64;
		a.mem = dj_wasm_rd_u32(r);
	}
	a.offset = dj_wasm_rd_knows(r, DJ_WASM_F_MEMORY64) ? dj_wasm_rd_u64(r)
							   : dj_wasm_rd_u32(r);
	return a;
}

struct dj_wasm_clause dj_wasm_rd_clause(struct dj_wasm_rd *r)
{
	uint8_t kind = dj_wasm_rd_u8(r);
	struct dj_wasm_clause c = {
		.has_tag = kind < 2,
		.has_ref = (kind & 1) != 0,
	};

	if (kind > 3)
		dj_wasm_rd_malformed(r, "malformed catch clause");
	if (c.has_tag)
		c.tag = dj_wasm_rd_u32(r);
	c.label = dj_wasm_rd_u32(r);
	return c;
}
