// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

/*
 * Vectors travel as <4 x i32>; an operation sees lanes by a bit cast. Relaxed
 * instructions have the results of the deterministic profile.
 */
enum shape {
	I8,
	I16,
	I32,
	I64,
	F32,
	F64
};

static LLVMTypeRef lane_type(const struct unit *u, enum shape s)
{
	LLVMTypeRef const types[] = { u->i8, u->i16, u->i32, u->i64, u->f32,
		u->f64 };

	return types[s];
}

static unsigned lanes_of(enum shape s)
{
	static const uint8_t n[] = { 16, 8, 4, 2, 4, 2 };

	return n[s];
}

static LLVMTypeRef vec(const struct unit *u, enum shape s)
{
	return LLVMVectorType(lane_type(u, s), lanes_of(s));
}

static LLVMValueRef pop_as(struct fn *f, enum shape s)
{
	return LLVMBuildBitCast(f->u->b, pop(f), vec(f->u, s), "");
}

static void push_vec(struct fn *f, LLVMValueRef v)
{
	push(f, LLVMBuildBitCast(f->u->b, v, f->u->v128, ""), DJ_WASM_V128);
}

/* Lanes first, first + step, ... of a and b side by side; n of them. */
static LLVMValueRef lanes(struct fn *f, LLVMValueRef a, LLVMValueRef b,
	unsigned first, unsigned step, unsigned n)
{
	struct unit *u = f->u;
	LLVMValueRef mask[16];

	for (unsigned i = 0; i < n; i++)
		mask[i] = int_const(u, u->i32, first + i * step);
	return LLVMBuildShuffleVector(u->b, a, b, LLVMConstVector(mask, n), "");
}

static LLVMValueRef splat(struct fn *f, LLVMValueRef v, unsigned n)
{
	struct unit *u = f->u;
	LLVMTypeRef t = LLVMVectorType(LLVMTypeOf(v), n);
	LLVMValueRef zero = int_const(u, u->i32, 0), one;

	one = LLVMBuildInsertElement(u->b, LLVMGetPoison(t), v, zero, "");
	return lanes(f, one, LLVMGetPoison(t), 0, 0, n);
}

static LLVMValueRef splat_int(struct fn *f, enum shape s, uint64_t v)
{
	return splat(f, int_const(f->u, lane_type(f->u, s), v), lanes_of(s));
}

static LLVMValueRef call1(struct fn *f, const char *name, LLVMValueRef v)
{
	LLVMTypeRef t = LLVMTypeOf(v);

	return intrinsic(f->u, name, &t, 1, &v, 1);
}

static LLVMValueRef call2(struct fn *f, const char *name, LLVMValueRef a,
	LLVMValueRef b)
{
	LLVMTypeRef t = LLVMTypeOf(a);
	LLVMValueRef args[] = { a, b };

	return intrinsic(f->u, name, &t, 1, args, 2);
}

/* ---- memory ---- */

static void load_wide(struct fn *f, uint32_t n)
{
	struct unit *u = f->u;
	enum shape from = (enum shape)((n - 1) / 2);
	unsigned count = lanes_of(from) / 2;
	LLVMTypeRef t = LLVMVectorType(lane_type(u, from), count);
	LLVMTypeRef to = vec(u, (enum shape)(from + 1));
	LLVMValueRef v = load_at(f, t, address(f, pop(f), 8));

	push_vec(f,
		(n & 1) != 0 ? LLVMBuildSExt(u->b, v, to, "")
			     : LLVMBuildZExt(u->b, v, to, ""));
}

static void load_lane(struct fn *f, enum shape s)
{
	struct unit *u = f->u;
	LLVMValueRef v = pop_as(f, s), p, lane;

	p = address(f, pop(f), 16 / lanes_of(s));
	lane = load_at(f, lane_type(u, s), p);
	push_vec(f,
		LLVMBuildInsertElement(u->b, v, lane,
			int_const(u, u->i32, f->i.lane), ""));
}

static void store_lane(struct fn *f, enum shape s)
{
	struct unit *u = f->u;
	LLVMValueRef v = pop_as(f, s);

	v = LLVMBuildExtractElement(u->b, v, int_const(u, u->i32, f->i.lane),
		"");
	store_at(f, v, address(f, pop(f), 16 / lanes_of(s)));
}

static void load_zero(struct fn *f, enum shape s)
{
	struct unit *u = f->u;
	LLVMValueRef p = address(f, pop(f), 16 / lanes_of(s));
	LLVMValueRef v = load_at(f, lane_type(u, s), p);

	push_vec(f,
		LLVMBuildInsertElement(u->b, LLVMConstNull(vec(u, s)), v,
			int_const(u, u->i32, 0), ""));
}

static void do_memory(struct fn *f, uint32_t n)
{
	struct unit *u = f->u;
	LLVMValueRef v;

	at_insn(f, true);
	switch (n) {
	case 0x00:
		v = load_at(f, u->v128, address(f, pop(f), 16));
		push(f, v, DJ_WASM_V128);
		break;
	case 0x01 ... 0x06:
		load_wide(f, n);
		break;
	case 0x07 ... 0x0a:
		v = address(f, pop(f), (uint64_t)1 << (n - 7));
		v = load_at(f, lane_type(u, (enum shape)(n - 7)), v);
		push_vec(f, splat(f, v, lanes_of((enum shape)(n - 7))));
		break;
	case 0x0b:
		v = pop(f);
		store_at(f, v, address(f, pop(f), 16));
		break;
	case 0x54 ... 0x57:
		load_lane(f, (enum shape)(n - 0x54));
		break;
	case 0x58 ... 0x5b:
		store_lane(f, (enum shape)(n - 0x58));
		break;
	default:
		load_zero(f, n == 0x5c ? I32 : I64);
		break;
	}
	at_insn(f, false);
}

/* ---- lanes ---- */

static uint64_t bytes_le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static void do_const(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef v[4], c;

	for (unsigned i = 0; i < 4; i++)
		v[i] = int_const(u, u->i32,
			bytes_le(f->i.bytes + (size_t)4 * i, 4));
	/* What is taken out of a vector that LLVM knows is in the code. */
	c = LLVMConstVector(v, 4);
	push(f, u->variant == 0 ? c : opaque(u, c), DJ_WASM_V128);
}

static void shuffle(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef b = pop_as(f, I8), a = pop_as(f, I8), mask[16];

	for (unsigned i = 0; i < 16; i++)
		mask[i] = int_const(u, u->i32, f->i.bytes[i]);
	push_vec(f,
		LLVMBuildShuffleVector(u->b, a, b, LLVMConstVector(mask, 16),
			""));
}

/* A lane number beyond the last gives 0. */
static void swizzle(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef at = pop_as(f, I8), v = pop_as(f, I8), r, args[2];

	if (u->job->opt.isa == DJ_ISA_X86_64) {
		at = call2(f, "llvm.uadd.sat", at, splat_int(f, I8, 0x70));
		args[0] = v;
		args[1] = at;
		push_vec(f,
			intrinsic(u, "llvm.x86.ssse3.pshuf.b.128", NULL, 0,
				args, 2));
		return;
	}
	r = LLVMConstNull(vec(u, I8));
	for (unsigned i = 0; i < 16; i++) {
		LLVMValueRef k = int_const(u, u->i32, i), n, lane, far;

		n = LLVMBuildExtractElement(u->b, at, k, "");
		far = LLVMBuildICmp(u->b, LLVMIntUGT, n,
			int_const(u, u->i8, 15), "");
		n = LLVMBuildAnd(u->b, n, int_const(u, u->i8, 15), "");
		lane = LLVMBuildExtractElement(u->b, v, n, "");
		lane = LLVMBuildSelect(u->b, far, int_const(u, u->i8, 0), lane,
			"");
		r = LLVMBuildInsertElement(u->b, r, lane, k, "");
	}
	push_vec(f, r);
}

static void do_splat(struct fn *f, enum shape s)
{
	LLVMValueRef v = pop(f);

	if (s == I8 || s == I16)
		v = LLVMBuildTrunc(f->u->b, v, lane_type(f->u, s), "");
	push_vec(f, splat(f, v, lanes_of(s)));
}

/* 0x15 to 0x22: extract (signed, unsigned), replace. */
static void do_lane(struct fn *f, uint32_t n)
{
	static const struct {
		uint8_t shape, what; /* 0: extract, 1: signed, 2: replace */
	} ops[] = { { I8, 1 }, { I8, 0 }, { I8, 2 }, { I16, 1 }, { I16, 0 },
		{ I16, 2 }, { I32, 0 }, { I32, 2 }, { I64, 0 }, { I64, 2 },
		{ F32, 0 }, { F32, 2 }, { F64, 0 }, { F64, 2 } };
	enum shape s = (enum shape)ops[n - 0x15].shape;
	unsigned what = ops[n - 0x15].what;
	struct unit *u = f->u;
	LLVMValueRef at = int_const(u, u->i32, f->i.lane), v, x = NULL;

	if (what == 2) {
		x = pop(f);
		if (s <= I16)
			x = LLVMBuildTrunc(u->b, x, lane_type(u, s), "");
	}
	v = pop_as(f, s);
	if (what == 2) {
		push_vec(f, LLVMBuildInsertElement(u->b, v, x, at, ""));
		return;
	}
	v = LLVMBuildExtractElement(u->b, v, at, "");
	if (s <= I16)
		v = what == 1 ? LLVMBuildSExt(u->b, v, u->i32, "")
			      : LLVMBuildZExt(u->b, v, u->i32, "");
	push(f, v, dj_wasm_ops[f->i.op].out);
}

/* ---- compares and bits ---- */

static void mask_of(struct fn *f, enum shape s, LLVMValueRef cond)
{
	enum shape bits = s == F32 ? I32 : s == F64 ? I64 : s;

	push_vec(f, LLVMBuildSExt(f->u->b, cond, vec(f->u, bits), ""));
}

static void compare(struct fn *f, enum shape s, unsigned i)
{
	static const LLVMIntPredicate preds[] = { LLVMIntEQ, LLVMIntNE,
		LLVMIntSLT, LLVMIntULT, LLVMIntSGT, LLVMIntUGT, LLVMIntSLE,
		LLVMIntULE, LLVMIntSGE, LLVMIntUGE };
	LLVMValueRef b = pop_as(f, s), a = pop_as(f, s);

	mask_of(f, s, LLVMBuildICmp(f->u->b, preds[i], a, b, ""));
}

static void compare_float(struct fn *f, enum shape s, unsigned i)
{
	static const LLVMRealPredicate preds[] = { LLVMRealOEQ, LLVMRealUNE,
		LLVMRealOLT, LLVMRealOGT, LLVMRealOLE, LLVMRealOGE };
	LLVMValueRef b = pop_as(f, s), a = pop_as(f, s);

	mask_of(f, s, LLVMBuildFCmp(f->u->b, preds[i], a, b, ""));
}

static LLVMValueRef select_bits(struct fn *f)
{
	LLVMBuilderRef b = f->u->b;
	LLVMValueRef mask = pop(f), y = pop(f), x = pop(f);

	x = LLVMBuildAnd(b, x, mask, "");
	y = LLVMBuildAnd(b, y, LLVMBuildNot(b, mask, ""), "");
	return LLVMBuildOr(b, x, y, "");
}

/* 0x4d to 0x53 */
static void do_bits(struct fn *f, uint32_t n)
{
	struct unit *u = f->u;
	LLVMBuilderRef b = u->b;
	LLVMTypeRef wide = LLVMIntTypeInContext(u->c, 128);
	LLVMValueRef x, y;

	if (n == 0x52) {
		push(f, select_bits(f), DJ_WASM_V128);
		return;
	}
	y = pop(f);
	if (n == 0x4d) {
		push(f, LLVMBuildNot(b, y, ""), DJ_WASM_V128);
		return;
	}
	if (n == 0x53) {
		y = LLVMBuildBitCast(b, y, wide, "");
		y = LLVMBuildICmp(b, LLVMIntNE, y, LLVMConstNull(wide), "");
		push(f, LLVMBuildZExt(b, y, u->i32, ""), DJ_WASM_I32);
		return;
	}
	x = pop(f);
	if (n == 0x4f)
		y = LLVMBuildNot(b, y, "");
	push(f,
		n == 0x50           ? LLVMBuildOr(b, x, y, "")
			: n == 0x51 ? LLVMBuildXor(b, x, y, "")
				    : LLVMBuildAnd(b, x, y, ""),
		DJ_WASM_V128);
}

/* As many bits as lanes, as an i32. */
static LLVMValueRef lane_bits(struct fn *f, LLVMValueRef cond, enum shape s)
{
	struct unit *u = f->u;
	LLVMTypeRef t = LLVMIntTypeInContext(u->c, lanes_of(s));

	return LLVMBuildZExt(u->b, LLVMBuildBitCast(u->b, cond, t, ""), u->i32,
		"");
}

static void all_true(struct fn *f, enum shape s)
{
	struct unit *u = f->u;
	LLVMValueRef v = pop_as(f, s);
	uint64_t all = ((uint64_t)1 << lanes_of(s)) - 1;

	v = LLVMBuildICmp(u->b, LLVMIntNE, v, LLVMConstNull(vec(u, s)), "");
	v = LLVMBuildICmp(u->b, LLVMIntEQ, lane_bits(f, v, s),
		int_const(u, u->i32, all), "");
	push(f, LLVMBuildZExt(u->b, v, u->i32, ""), DJ_WASM_I32);
}

static void bitmask(struct fn *f, enum shape s)
{
	struct unit *u = f->u;
	LLVMValueRef v = pop_as(f, s);

	v = LLVMBuildICmp(u->b, LLVMIntSLT, v, LLVMConstNull(vec(u, s)), "");
	push(f, lane_bits(f, v, s), DJ_WASM_I32);
}

/* ---- integers ---- */

static void narrow(struct fn *f, enum shape to, bool is_signed)
{
	struct unit *u = f->u;
	enum shape from = (enum shape)(to + 1);
	unsigned n = lanes_of(to), bits = 128 / n;
	int64_t high = is_signed ? ((int64_t)1 << (bits - 1)) - 1
				 : ((int64_t)1 << bits) - 1;
	int64_t low = is_signed ? -((int64_t)1 << (bits - 1)) : 0;
	LLVMTypeRef wide = lane_type(u, from);
	LLVMValueRef b = pop_as(f, from), a = pop_as(f, from), v;

	v = lanes(f, a, b, 0, 1, n);
	v = call2(f, "llvm.smax", v,
		splat(f, LLVMConstInt(wide, (uint64_t)low, true), n));
	v = call2(f, "llvm.smin", v,
		splat(f, LLVMConstInt(wide, (uint64_t)high, true), n));
	push_vec(f, LLVMBuildTrunc(u->b, v, vec(u, to), ""));
}

/* Half of v's lanes at twice the width. */
static LLVMValueRef widen(struct fn *f, LLVMValueRef v, enum shape to,
	bool is_high, bool is_signed)
{
	struct unit *u = f->u;
	unsigned n = lanes_of(to);

	v = lanes(f, v, v, is_high ? n : 0, 1, n);
	return is_signed ? LLVMBuildSExt(u->b, v, vec(u, to), "")
			 : LLVMBuildZExt(u->b, v, vec(u, to), "");
}

static void extend(struct fn *f, enum shape to, unsigned i)
{
	LLVMValueRef v = pop_as(f, (enum shape)(to - 1));

	push_vec(f, widen(f, v, to, (i & 1) != 0, i < 2));
}

static void extmul(struct fn *f, enum shape to, unsigned i)
{
	enum shape from = (enum shape)(to - 1);
	LLVMValueRef b = pop_as(f, from), a = pop_as(f, from);

	a = widen(f, a, to, (i & 1) != 0, i < 2);
	b = widen(f, b, to, (i & 1) != 0, i < 2);
	push_vec(f, LLVMBuildMul(f->u->b, a, b, ""));
}

/* Neighbours of v, already wide, added. */
static LLVMValueRef add_pairs(struct fn *f, LLVMValueRef v, unsigned n)
{
	return LLVMBuildAdd(f->u->b, lanes(f, v, v, 0, 2, n),
		lanes(f, v, v, 1, 2, n), "");
}

static LLVMValueRef ext_all(struct fn *f, LLVMValueRef v, enum shape from,
	enum shape to, bool is_signed)
{
	struct unit *u = f->u;
	LLVMTypeRef t = LLVMVectorType(lane_type(u, to), lanes_of(from));

	return is_signed ? LLVMBuildSExt(u->b, v, t, "")
			 : LLVMBuildZExt(u->b, v, t, "");
}

static void pairwise(struct fn *f, enum shape to, bool is_signed)
{
	enum shape from = (enum shape)(to - 1);
	LLVMValueRef v = ext_all(f, pop_as(f, from), from, to, is_signed);

	push_vec(f, add_pairs(f, v, lanes_of(to)));
}

static void dot(struct fn *f)
{
	LLVMValueRef b = ext_all(f, pop_as(f, I16), I16, I32, true);
	LLVMValueRef a = ext_all(f, pop_as(f, I16), I16, I32, true);

	push_vec(f, add_pairs(f, LLVMBuildMul(f->u->b, a, b, ""), 4));
}

static void average(struct fn *f, enum shape s)
{
	struct unit *u = f->u;
	enum shape wide = (enum shape)(s + 1);
	unsigned n = lanes_of(s);
	LLVMValueRef one = splat(f, int_const(u, lane_type(u, wide), 1), n);
	LLVMValueRef b = ext_all(f, pop_as(f, s), s, wide, false);
	LLVMValueRef a = ext_all(f, pop_as(f, s), s, wide, false);

	a = LLVMBuildAdd(u->b, LLVMBuildAdd(u->b, a, b, ""), one, "");
	a = LLVMBuildLShr(u->b, a, one, "");
	push_vec(f, LLVMBuildTrunc(u->b, a, vec(u, s), ""));
}

static void q15mulr(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef b = ext_all(f, pop_as(f, I16), I16, I32, true);
	LLVMValueRef a = ext_all(f, pop_as(f, I16), I16, I32, true);

	a = LLVMBuildMul(u->b, a, b, "");
	a = LLVMBuildAdd(u->b, a, splat(f, int_const(u, u->i32, 0x4000), 8),
		"");
	a = LLVMBuildAShr(u->b, a, splat(f, int_const(u, u->i32, 15), 8), "");
	a = call2(f, "llvm.smin", a,
		splat(f, int_const(u, u->i32, INT16_MAX), 8));
	push_vec(f, LLVMBuildTrunc(u->b, a, vec(u, I16), ""));
}

static void shift(struct fn *f, enum shape s, unsigned i)
{
	struct unit *u = f->u;
	LLVMTypeRef t = lane_type(u, s);
	LLVMValueRef n = pop(f), v = pop_as(f, s);

	n = LLVMBuildAnd(u->b, n, int_const(u, u->i32, 128 / lanes_of(s) - 1),
		"");
	n = s == I64      ? LLVMBuildZExt(u->b, n, t, "")
		: s < I32 ? LLVMBuildTrunc(u->b, n, t, "")
			  : n;
	n = splat(f, n, lanes_of(s));
	push_vec(f,
		i == 0           ? LLVMBuildShl(u->b, v, n, "")
			: i == 1 ? LLVMBuildAShr(u->b, v, n, "")
				 : LLVMBuildLShr(u->b, v, n, ""));
}

static void unary_int(struct fn *f, enum shape s, unsigned i)
{
	struct unit *u = f->u;
	LLVMTypeRef t = vec(u, s);
	LLVMValueRef v = pop_as(f, s);
	LLVMValueRef args[] = { v, int_const(u, u->i1, 0) };

	switch (i) {
	case 0:
		v = intrinsic(u, "llvm.abs", &t, 1, args, 2);
		break;
	case 1:
		v = LLVMBuildNeg(u->b, v, "");
		break;
	default:
		v = call1(f, "llvm.ctpop", v);
		break;
	}
	push_vec(f, v);
}

static void binary_int(struct fn *f, enum shape s, unsigned i)
{
	static const char *const names[] = {
		[0x0f] = "llvm.sadd.sat",
		[0x10] = "llvm.uadd.sat",
		[0x12] = "llvm.ssub.sat",
		[0x13] = "llvm.usub.sat",
		[0x16] = "llvm.smin",
		[0x17] = "llvm.umin",
		[0x18] = "llvm.smax",
		[0x19] = "llvm.umax",
	};
	LLVMValueRef b = pop_as(f, s), a = pop_as(f, s), v;

	if (i == 0x0e)
		v = LLVMBuildAdd(f->u->b, a, b, "");
	else if (i == 0x11)
		v = LLVMBuildSub(f->u->b, a, b, "");
	else if (i == 0x15)
		v = LLVMBuildMul(f->u->b, a, b, "");
	else
		v = call2(f, names[i], a, b);
	push_vec(f, v);
}

/* 0x60 to 0xdf, but for the floats that are strewn in. */
static void do_int(struct fn *f, uint32_t n)
{
	enum shape s = (enum shape)((n - 0x60) >> 5);
	unsigned i = n & 0x1f;

	switch (i) {
	case 0x02:
		if (s == I16) {
			q15mulr(f);
			break;
		}
		unary_int(f, s, i);
		break;
	case 0x00 ... 0x01:
		unary_int(f, s, i);
		break;
	case 0x03:
		all_true(f, s);
		break;
	case 0x04:
		bitmask(f, s);
		break;
	case 0x05 ... 0x06:
		narrow(f, s, i == 5);
		break;
	case 0x07 ... 0x0a:
		extend(f, s, i - 7);
		break;
	case 0x0b ... 0x0d:
		shift(f, s, i - 0x0b);
		break;
	case 0x1a:
		dot(f);
		break;
	case 0x1b:
		average(f, s);
		break;
	case 0x1c ... 0x1f:
		extmul(f, s, i - 0x1c);
		break;
	default:
		binary_int(f, s, i);
		break;
	}
}

/* ---- floats ---- */

static void round_lanes(struct fn *f, enum shape s, const char *name)
{
	push_vec(f, float_round(f, name, pop_as(f, s)));
}

static LLVMValueRef hide(struct fn *f, LLVMValueRef v)
{
	return LLVMIsConstant(v) ? opaque(f->u, v) : v;
}

/* add sub mul div min max pmin pmax */
static void binary_float(struct fn *f, enum shape s, unsigned i)
{
	static const LLVMOpcode ops[] = { LLVMFAdd, LLVMFSub, LLVMFMul,
		LLVMFDiv };
	struct unit *u = f->u;
	LLVMValueRef b = pop_as(f, s), a = pop_as(f, s), v, less;

	switch (i) {
	case 0 ... 3:
		v = LLVMBuildBinOp(u->b, ops[i], hide(f, a), hide(f, b), "");
		break;
	case 4:
	case 5:
		v = float_min_max(f, a, b, i == 5);
		break;
	default:
		less = i == 6 ? LLVMBuildFCmp(u->b, LLVMRealOLT, b, a, "")
			      : LLVMBuildFCmp(u->b, LLVMRealOLT, a, b, "");
		v = LLVMBuildSelect(u->b, less, b, a, "");
		break;
	}
	push_vec(f, v);
}

static void unary_float(struct fn *f, enum shape s, unsigned i)
{
	LLVMValueRef v = pop_as(f, s);

	if (i == 1)
		v = LLVMBuildFNeg(f->u->b, v, "");
	else
		v = call1(f, i == 0 ? "llvm.fabs" : "llvm.sqrt", v);
	push_vec(f, v);
}

static LLVMValueRef low_half(struct fn *f, LLVMValueRef v)
{
	return lanes(f, v, v, 0, 1, 2);
}

/* Two lanes, and two that are zero. */
static LLVMValueRef with_zeros(struct fn *f, LLVMValueRef v)
{
	return lanes(f, v, LLVMConstNull(LLVMTypeOf(v)), 0, 1, 4);
}

static void saturate(struct fn *f, enum shape from, bool is_signed)
{
	struct unit *u = f->u;
	LLVMValueRef v = pop_as(f, from);
	LLVMTypeRef over[] = { LLVMVectorType(u->i32, lanes_of(from)),
		vec(u, from) };

	v = intrinsic(u, is_signed ? "llvm.fptosi.sat" : "llvm.fptoui.sat",
		over, 2, &v, 1);
	push_vec(f, from == F64 ? with_zeros(f, v) : v);
}

static void convert(struct fn *f, uint32_t n)
{
	struct unit *u = f->u;
	LLVMTypeRef t = vec(u, n < 0xfe ? F32 : F64);
	LLVMValueRef v = pop_as(f, I32);

	if (n >= 0xfe)
		v = low_half(f, v);
	push_vec(f,
		(n & 1) == 0 ? LLVMBuildSIToFP(u->b, v, t, "")
			     : LLVMBuildUIToFP(u->b, v, t, ""));
}

/* 0x5e, 0x5f, 0xe0 to 0xff */
static void do_float(struct fn *f, uint32_t n)
{
	struct unit *u = f->u;
	LLVMValueRef v;

	switch (n) {
	case 0x5e:
		v = LLVMBuildFPTrunc(u->b, pop_as(f, F64),
			LLVMVectorType(u->f32, 2), "");
		push_vec(f, with_zeros(f, v));
		break;
	case 0x5f:
		v = low_half(f, pop_as(f, F32));
		push_vec(f, float_promote(f, v, vec(u, F64)));
		break;
	case 0xe0 ... 0xe3:
		unary_float(f, F32, n - 0xe0);
		break;
	case 0xe4 ... 0xeb:
		binary_float(f, F32, n - 0xe4);
		break;
	case 0xec ... 0xef:
		unary_float(f, F64, n - 0xec);
		break;
	case 0xf0 ... 0xf7:
		binary_float(f, F64, n - 0xf0);
		break;
	case 0xf8 ... 0xf9:
		saturate(f, F32, n == 0xf8);
		break;
	case 0xfc ... 0xfd:
		saturate(f, F64, n == 0xfc);
		break;
	default:
		convert(f, n);
		break;
	}
}

/* ---- relaxed ---- */

/* A product and a sum, rounded each. */
static void multiply_add(struct fn *f, enum shape s, bool is_negative)
{
	struct unit *u = f->u;
	LLVMValueRef c = pop_as(f, s), b = pop_as(f, s), a = pop_as(f, s);

	a = LLVMBuildFMul(u->b, hide(f, a), hide(f, b), "");
	push_vec(f,
		is_negative ? LLVMBuildFSub(u->b, hide(f, c), a, "")
			    : LLVMBuildFAdd(u->b, hide(f, c), a, ""));
}

static LLVMValueRef dot_i8(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef b = ext_all(f, pop_as(f, I8), I8, I32, true);
	LLVMValueRef a = ext_all(f, pop_as(f, I8), I8, I32, true);

	return add_pairs(f, LLVMBuildMul(u->b, a, b, ""), 8);
}

static LLVMValueRef clamp16(struct fn *f, LLVMValueRef v, unsigned n)
{
	LLVMTypeRef t = f->u->i32;

	v = call2(f, "llvm.smax", v,
		splat(f, LLVMConstInt(t, (uint64_t)INT16_MIN, true), n));
	return call2(f, "llvm.smin", v,
		splat(f, LLVMConstInt(t, INT16_MAX, true), n));
}

static void do_relaxed(struct fn *f, uint32_t n)
{
	struct unit *u = f->u;
	LLVMValueRef v, c;

	switch (n) {
	case 0x100:
		swizzle(f);
		break;
	case 0x101 ... 0x102:
		saturate(f, F32, n == 0x101);
		break;
	case 0x103 ... 0x104:
		saturate(f, F64, n == 0x103);
		break;
	case 0x105 ... 0x108:
		multiply_add(f, n < 0x107 ? F32 : F64, (n & 1) == 0);
		break;
	case 0x109 ... 0x10c:
		push(f, select_bits(f), DJ_WASM_V128);
		break;
	case 0x10d ... 0x110:
		binary_float(f, n < 0x10f ? F32 : F64, 4 + ((n & 1) == 0));
		break;
	case 0x111:
		q15mulr(f);
		break;
	case 0x112:
		v = clamp16(f, dot_i8(f), 8);
		push_vec(f, LLVMBuildTrunc(u->b, v, vec(u, I16), ""));
		break;
	default: /* whole sums, as on every machine */
		c = pop_as(f, I32);
		v = add_pairs(f, dot_i8(f), 4);
		push_vec(f, LLVMBuildAdd(u->b, v, c, ""));
		break;
	}
}

void do_simd(struct fn *f)
{
	uint32_t n = f->i.op - DJ_OP_SIMD;

	switch (n) {
	case 0x00 ... 0x0b:
	case 0x54 ... 0x5d:
		do_memory(f, n);
		break;
	case 0x0c:
		do_const(f);
		break;
	case 0x0d:
		shuffle(f);
		break;
	case 0x0e:
		swizzle(f);
		break;
	case 0x0f ... 0x14:
		do_splat(f, (enum shape)(n - 0x0f));
		break;
	case 0x15 ... 0x22:
		do_lane(f, n);
		break;
	case 0x23 ... 0x40:
		compare(f, (enum shape)((n - 0x23) / 10), (n - 0x23) % 10);
		break;
	case 0x41 ... 0x4c:
		compare_float(f, n < 0x47 ? F32 : F64, (n - 0x41) % 6);
		break;
	case 0x4d ... 0x53:
		do_bits(f, n);
		break;
	case 0x67:
	case 0x74:
		round_lanes(f, n == 0x67 ? F32 : F64, "llvm.ceil");
		break;
	case 0x68:
	case 0x75:
		round_lanes(f, n == 0x68 ? F32 : F64, "llvm.floor");
		break;
	case 0x69:
	case 0x7a:
		round_lanes(f, n == 0x69 ? F32 : F64, "llvm.trunc");
		break;
	case 0x6a:
	case 0x94:
		round_lanes(f, n == 0x6a ? F32 : F64, "llvm.roundeven");
		break;
	case 0x7c ... 0x7f:
		pairwise(f, n < 0x7e ? I16 : I32, (n & 1) == 0);
		break;
	case 0xd6 ... 0xd7:
		compare(f, I64, n - 0xd6);
		break;
	case 0xd8 ... 0xdb:
		compare(f, I64, 2 * (n - 0xd8) + 2);
		break;
	case 0x5e ... 0x5f:
	case 0xe0 ... 0xff:
		do_float(f, n);
		break;
	case 0x60 ... 0x66:
	case 0x6b ... 0x73:
	case 0x76 ... 0x79:
	case 0x7b:
	case 0x80 ... 0x93:
	case 0x95 ... 0xd5:
	case 0xdc ... 0xdf:
		do_int(f, n);
		break;
	default:
		if (n >= 0x100)
			do_relaxed(f, n);
	}
}
