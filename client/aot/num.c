// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

#include <string.h>

/*
 * Numbers, where LLVM's rules are not Wasm's. LLVM takes x * 1.0 and the like
 * for x, which leaves a signalling NaN as it is: constants that can be such
 * an identity are hidden from it.
 */
static bool is_identity(LLVMValueRef v)
{
	LLVMBool lost;
	double d;

	if (LLVMIsAConstantFP(v) == NULL)
		return false;
	d = LLVMConstRealGetDouble(v, &lost);
	return d == 0.0 || d == 1.0 || d == -1.0;
}

LLVMValueRef float_op(struct fn *f, LLVMOpcode op, LLVMValueRef a,
	LLVMValueRef b)
{
	struct unit *u = f->u;

	if (is_identity(b))
		b = opaque(u, b);
	else if (is_identity(a))
		a = opaque(u, a);
	return LLVMBuildBinOp(u->b, op, a, b, "");
}

/* The integers of a float's or a vector of floats' size. */
static LLVMTypeRef bits_of(const struct unit *u, LLVMTypeRef t)
{
	LLVMTypeRef one = t;

	if (LLVMGetTypeKind(t) == LLVMVectorTypeKind)
		one = LLVMGetElementType(t);
	one = one == u->f32 ? u->i32 : u->i64;
	if (LLVMGetTypeKind(t) == LLVMVectorTypeKind)
		one = LLVMVectorType(one, LLVMGetVectorSize(t));
	return one;
}

/*
 * Both orders of a select agree unless the two are equal or one is a NaN.
 * Equal ones differ in the sign of a zero at most: bits; a NaN is made quiet
 * by the sum, which llvm.minimum does not do.
 */
LLVMValueRef float_min_max(struct fn *f, LLVMValueRef a, LLVMValueRef b,
	bool is_max)
{
	LLVMBuilderRef bu = f->u->b;
	LLVMRealPredicate p = is_max ? LLVMRealOGT : LLVMRealOLT;
	LLVMTypeRef t = LLVMTypeOf(a), bits = bits_of(f->u, t);
	LLVMValueRef x, y;

	x = LLVMBuildSelect(bu, LLVMBuildFCmp(bu, p, a, b, ""), a, b, "");
	y = LLVMBuildSelect(bu, LLVMBuildFCmp(bu, p, b, a, ""), b, a, "");
	x = LLVMBuildBitCast(bu, x, bits, "");
	y = LLVMBuildBitCast(bu, y, bits, "");
	x = is_max ? LLVMBuildAnd(bu, x, y, "") : LLVMBuildOr(bu, x, y, "");
	x = LLVMBuildBitCast(bu, x, t, "");
	y = LLVMBuildFAdd(bu, a, b, "");
	return LLVMBuildSelect(bu, LLVMBuildFCmp(bu, LLVMRealUNO, a, b, ""), y,
		x, "");
}

static LLVMValueRef one_arg(struct fn *f, const char *name, LLVMValueRef v)
{
	LLVMTypeRef t = LLVMTypeOf(v);

	return intrinsic(f->u, name, &t, 1, &v, 1);
}

static LLVMValueRef two_args(struct fn *f, const char *name, LLVMValueRef a,
	LLVMValueRef b)
{
	LLVMTypeRef t = LLVMTypeOf(a);
	LLVMValueRef args[] = { a, b };

	return intrinsic(f->u, name, &t, 1, args, 2);
}

static void push_bool(struct fn *f, LLVMValueRef v)
{
	push(f, LLVMBuildZExt(f->u->b, v, f->u->i32, ""), DJ_WASM_I32);
}

static void compare(struct fn *f, unsigned i)
{
	static const LLVMIntPredicate preds[] = { LLVMIntEQ, LLVMIntNE,
		LLVMIntSLT, LLVMIntULT, LLVMIntSGT, LLVMIntUGT, LLVMIntSLE,
		LLVMIntULE, LLVMIntSGE, LLVMIntUGE };
	LLVMValueRef b = pop(f), a = pop(f);

	push_bool(f, LLVMBuildICmp(f->u->b, preds[i], a, b, ""));
}

static void compare_float(struct fn *f, unsigned i)
{
	static const LLVMRealPredicate preds[] = { LLVMRealOEQ, LLVMRealUNE,
		LLVMRealOLT, LLVMRealOGT, LLVMRealOLE, LLVMRealOGE };
	LLVMValueRef b = pop(f), a = pop(f), v;

	/*
	 * POWER9's instruction for a > b ? a : b, which LLVM takes for it, gives
	 * a of two zeros. Not so the one for less.
	 */
	if (preds[i] == LLVMRealOGT)
		v = LLVMBuildFCmp(f->u->b, LLVMRealOLT, b, a, "");
	else
		v = LLVMBuildFCmp(f->u->b, preds[i], a, b, "");
	push_bool(f, v);
}

static void count_bits(struct fn *f, unsigned i, uint32_t type)
{
	static const char *const names[] = { "llvm.ctlz", "llvm.cttz",
		"llvm.ctpop" };
	struct unit *u = f->u;
	LLVMTypeRef t = type_of(u, type);
	LLVMValueRef args[] = { pop(f), LLVMConstInt(u->i1, 0, false) };

	push(f, intrinsic(u, names[i], &t, 1, args, i == 2 ? 1 : 2), type);
}

/* div_s, div_u, rem_s, rem_u */
static LLVMValueRef divide(struct fn *f, unsigned i, LLVMValueRef a,
	LLVMValueRef b)
{
	struct unit *u = f->u;
	LLVMTypeRef t = LLVMTypeOf(a);
	uint64_t min = t == u->i32 ? (uint64_t)1 << 31 : (uint64_t)1 << 63;
	LLVMValueRef minus = LLVMConstAllOnes(t), both;

	trap_if(f, LLVMBuildICmp(u->b, LLVMIntEQ, b, int_const(u, t, 0), ""),
		DJ_TRAP_DIVIDE);
	switch (i) {
	case 0:
		both = LLVMBuildAnd(u->b,
			LLVMBuildICmp(u->b, LLVMIntEQ, b, minus, ""),
			LLVMBuildICmp(u->b, LLVMIntEQ, a, int_const(u, t, min),
				""),
			"");
		trap_if(f, both, DJ_TRAP_OVERFLOW);
		return LLVMBuildSDiv(u->b, a, b, "");
	case 1:
		return LLVMBuildUDiv(u->b, a, b, "");
	case 2: /* by -1 it is 0, as by 1; but the processor would fault */
		b = LLVMBuildSelect(u->b,
			LLVMBuildICmp(u->b, LLVMIntEQ, b, minus, ""),
			int_const(u, t, 1), b, "");
		return LLVMBuildSRem(u->b, a, b, "");
	default:
		return LLVMBuildURem(u->b, a, b, "");
	}
}

static LLVMValueRef rotate(struct fn *f, const char *name, LLVMValueRef a,
	LLVMValueRef n)
{
	LLVMTypeRef t = LLVMTypeOf(a);
	LLVMValueRef args[] = { a, a, n };

	return intrinsic(f->u, name, &t, 1, args, 3);
}

static void binary(struct fn *f, unsigned i, uint32_t type)
{
	struct unit *u = f->u;
	LLVMBuilderRef b = u->b;
	LLVMValueRef y = pop(f), x = pop(f), v;
	LLVMTypeRef t = type_of(u, type);
	LLVMValueRef mask = int_const(u, t, t == u->i32 ? 31 : 63);

	switch (i) {
	case 0:
		v = LLVMBuildAdd(b, x, y, "");
		break;
	case 1:
		v = LLVMBuildSub(b, x, y, "");
		break;
	case 2:
		v = LLVMBuildMul(b, x, hidden(u, y), "");
		break;
	case 3 ... 6:
		v = divide(f, i - 3, x, y);
		break;
	case 7:
		v = LLVMBuildAnd(b, x, y, "");
		break;
	case 8:
		v = LLVMBuildOr(b, x, y, "");
		break;
	case 9:
		v = LLVMBuildXor(b, x, y, "");
		break;
	case 10:
		v = LLVMBuildShl(b, x, LLVMBuildAnd(b, y, mask, ""), "");
		break;
	case 11:
		v = LLVMBuildAShr(b, x, LLVMBuildAnd(b, y, mask, ""), "");
		break;
	case 12:
		v = LLVMBuildLShr(b, x, LLVMBuildAnd(b, y, mask, ""), "");
		break;
	case 13:
		v = rotate(f, "llvm.fshl", x, y);
		break;
	default:
		v = rotate(f, "llvm.fshr", x, y);
		break;
	}
	push(f, v, type);
}

LLVMValueRef float_round(struct fn *f, const char *name, LLVMValueRef v)
{
	const struct machine *m = f->u->job->machine;
	LLVMBuilderRef b = f->u->b;
	LLVMValueRef r;

	if (m->nearest_is_rint && strcmp(name, "llvm.roundeven") == 0)
		name = "llvm.rint";
	r = one_arg(f, name, v);
	if (!m->rounds_keep_nan)
		return r;
	return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealUNO, v, v, ""),
		LLVMBuildFAdd(b, v, v, ""), r, "");
}

LLVMValueRef float_promote(struct fn *f, LLVMValueRef v, LLVMTypeRef t)
{
	LLVMBuilderRef b = f->u->b;
	LLVMValueRef r = LLVMBuildFPExt(b, v, t, "");

	if (!f->u->job->machine->promotes_keep_nan)
		return r;
	return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealUNO, r, r, ""),
		LLVMBuildFAdd(b, r, r, ""), r, "");
}

/* abs, neg, ceil, floor, trunc, nearest, sqrt */
static void unary_float(struct fn *f, unsigned i, uint32_t type)
{
	static const char *const names[] = { "llvm.fabs", NULL, "llvm.ceil",
		"llvm.floor", "llvm.trunc", "llvm.roundeven", "llvm.sqrt" };
	LLVMValueRef v = pop(f);

	if (i == 1)
		v = LLVMBuildFNeg(f->u->b, v, "");
	else if (i == 0 || i == 6)
		v = one_arg(f, names[i], v);
	else
		v = float_round(f, names[i], v);
	push(f, v, type);
}

static void binary_float(struct fn *f, unsigned i, uint32_t type)
{
	static const LLVMOpcode ops[] = { LLVMFAdd, LLVMFSub, LLVMFMul,
		LLVMFDiv };
	LLVMValueRef b = pop(f), a = pop(f), v;

	if (i < 4)
		v = float_op(f, ops[i], a, b);
	else if (i < 6)
		v = float_min_max(f, a, b, i == 5);
	else
		v = two_args(f, "llvm.copysign", a, b);
	push(f, v, type);
}

/* What is too small, exclusive (or inclusive), and too large, inclusive. */
struct range {
	double low, high;
	bool low_ok;
};

static struct range range_of(bool from64, bool to64, bool is_signed)
{
	if (!is_signed)
		return (struct range){ -1.0, to64 ? 0x1p64 : 0x1p32, false };
	if (to64)
		return (struct range){ -0x1p63, 0x1p63, true };
	if (from64)
		return (struct range){ -2147483649.0, 0x1p31, false };
	return (struct range){ -0x1p31, 0x1p31, true };
}

static void truncate(struct fn *f, uint8_t from, uint8_t to, bool is_signed)
{
	struct unit *u = f->u;
	LLVMTypeRef t = type_of(u, from), ret = type_of(u, to);
	struct range r =
		range_of(from == DJ_WASM_F64, to == DJ_WASM_I64, is_signed);
	LLVMValueRef v = pop(f), low, high;

	trap_if(f, LLVMBuildFCmp(u->b, LLVMRealUNO, v, v, ""),
		DJ_TRAP_CONVERSION);
	low = LLVMBuildFCmp(u->b, r.low_ok ? LLVMRealOLT : LLVMRealOLE, v,
		LLVMConstReal(t, r.low), "");
	high = LLVMBuildFCmp(u->b, LLVMRealOGE, v, LLVMConstReal(t, r.high),
		"");
	trap_if(f, LLVMBuildOr(u->b, low, high, ""), DJ_TRAP_OVERFLOW);
	v = is_signed ? LLVMBuildFPToSI(u->b, v, ret, "")
		      : LLVMBuildFPToUI(u->b, v, ret, "");
	push(f, v, to);
}

static void saturate(struct fn *f, uint8_t from, uint8_t to, bool is_signed)
{
	struct unit *u = f->u;
	LLVMTypeRef over[] = { type_of(u, to), type_of(u, from) };
	LLVMValueRef v = pop(f);

	v = intrinsic(u, is_signed ? "llvm.fptosi.sat" : "llvm.fptoui.sat",
		over, 2, &v, 1);
	push(f, v, to);
}

/*
 * i64 to f32 in two steps, as qemu's POWER9 has it (keep/engine/num.h): what
 * the first one, to f64, has no room for is kept as one odd bit.
 */
static LLVMValueRef odd_bit(struct fn *f, LLVMValueRef v, bool is_signed)
{
	struct unit *u = f->u;
	LLVMValueRef low = int_const(u, u->i64, 0x7ff), top = v, odd;

	if (is_signed)
		top = LLVMBuildAdd(u->b, v,
			int_const(u, u->i64, UINT64_C(1) << 53), "");
	top = LLVMBuildLShr(u->b, top, int_const(u, u->i64, 53 + is_signed),
		"");
	odd = LLVMBuildAdd(u->b, LLVMBuildAnd(u->b, v, low, ""), low, "");
	odd = LLVMBuildAnd(u->b, LLVMBuildOr(u->b, v, odd, ""),
		LLVMBuildNot(u->b, low, ""), "");
	return LLVMBuildSelect(u->b,
		LLVMBuildICmp(u->b, LLVMIntEQ, top, int_const(u, u->i64, 0),
			""),
		v, odd, "");
}

/* A promotion is exact, and LLVM would drop it with what undoes it. */
static LLVMValueRef demote(struct fn *f, LLVMValueRef v)
{
	struct unit *u = f->u;

	if (LLVMIsAFPExtInst(v) != NULL)
		v = opaque(u, v);
	return LLVMBuildFPTrunc(u->b, v, u->f32, "");
}

/* 0xa7 to 0xbf. */
static void convert(struct fn *f, uint32_t op)
{
	struct unit *u = f->u;
	const struct dj_wasm_op *o = &dj_wasm_ops[op];
	LLVMTypeRef t = type_of(u, o->out);
	bool is_signed = (op & 1) == 0;
	LLVMValueRef v;

	if ((op >= 0xa8 && op <= 0xab) || (op >= 0xae && op <= 0xb1)) {
		truncate(f, o->in[0], o->out, is_signed);
		return;
	}
	v = pop(f);
	if ((op == 0xb4 || op == 0xb5) && u->job->machine->rounds_twice)
		v = odd_bit(f, v, is_signed);
	switch (op) {
	case 0xa7:
		v = LLVMBuildTrunc(u->b, v, t, "");
		break;
	case 0xac:
		v = LLVMBuildSExt(u->b, v, t, "");
		break;
	case 0xad:
		v = LLVMBuildZExt(u->b, v, t, "");
		break;
	case 0xb2:
	case 0xb4:
	case 0xb7:
	case 0xb9:
		v = LLVMBuildSIToFP(u->b, v, t, "");
		break;
	case 0xb3:
	case 0xb5:
	case 0xb8:
	case 0xba:
		v = LLVMBuildUIToFP(u->b, v, t, "");
		break;
	case 0xb6:
		v = demote(f, v);
		break;
	case 0xbb:
		v = float_promote(f, v, t);
		break;
	default: /* reinterpret */
		v = LLVMBuildBitCast(u->b, v, t, "");
		break;
	}
	push(f, v, o->out);
}

static void extend(struct fn *f, uint32_t op)
{
	struct unit *u = f->u;
	LLVMTypeRef from[] = { u->i8, u->i16, u->i8, u->i16, u->i32 };
	uint8_t type = dj_wasm_ops[op].out;
	LLVMValueRef v = LLVMBuildTrunc(u->b, pop(f), from[op - 0xc0], "");

	push(f, LLVMBuildSExt(u->b, v, type_of(u, type), ""), type);
}

static void eqz(struct fn *f)
{
	LLVMValueRef v = pop(f);

	push_bool(f,
		LLVMBuildICmp(f->u->b, LLVMIntEQ, v,
			LLVMConstNull(LLVMTypeOf(v)), ""));
}

/* Two values of 64 bits, the lower half first, as one of 128. */
static LLVMValueRef pop_128(struct fn *f, LLVMTypeRef t)
{
	struct unit *u = f->u;
	LLVMValueRef hi = LLVMBuildZExt(u->b, pop(f), t, "");
	LLVMValueRef lo = LLVMBuildZExt(u->b, pop(f), t, "");

	hi = LLVMBuildShl(u->b, hi, LLVMConstInt(t, 64, false), "");
	return LLVMBuildOr(u->b, hi, lo, "");
}

static void wide(struct fn *f)
{
	struct unit *u = f->u;
	LLVMTypeRef t = LLVMIntTypeInContext(u->c, 128);
	LLVMValueRef a, b, v;

	if (f->i.op <= DJ_OP_SUB128) {
		b = pop_128(f, t);
		a = pop_128(f, t);
		v = LLVMBuildBinOp(u->b,
			f->i.op == DJ_OP_ADD128 ? LLVMAdd : LLVMSub, a, b, "");
	} else {
		LLVMOpcode ext =
			f->i.op == DJ_OP_MUL_WIDE_S ? LLVMSExt : LLVMZExt;

		b = LLVMBuildCast(u->b, ext, pop(f), t, "");
		a = LLVMBuildCast(u->b, ext, pop(f), t, "");
		v = LLVMBuildMul(u->b, a, b, "");
	}
	push(f, LLVMBuildTrunc(u->b, v, u->i64, ""), DJ_WASM_I64);
	v = LLVMBuildLShr(u->b, v, LLVMConstInt(t, 64, false), "");
	push(f, LLVMBuildTrunc(u->b, v, u->i64, ""), DJ_WASM_I64);
}

void do_num(struct fn *f)
{
	uint32_t op = f->i.op;

	switch (op) {
	case DJ_OP_ADD128 ... DJ_OP_MUL_WIDE_U:
		wide(f);
		break;
	case 0x45:
	case 0x50:
		eqz(f);
		break;
	case 0x46 ... 0x4f:
		compare(f, op - 0x46);
		break;
	case 0x51 ... 0x5a:
		compare(f, op - 0x51);
		break;
	case 0x5b ... 0x60:
		compare_float(f, op - 0x5b);
		break;
	case 0x61 ... 0x66:
		compare_float(f, op - 0x61);
		break;
	case 0x67 ... 0x69:
		count_bits(f, op - 0x67, DJ_WASM_I32);
		break;
	case 0x6a ... 0x78:
		binary(f, op - 0x6a, DJ_WASM_I32);
		break;
	case 0x79 ... 0x7b:
		count_bits(f, op - 0x79, DJ_WASM_I64);
		break;
	case 0x7c ... 0x8a:
		binary(f, op - 0x7c, DJ_WASM_I64);
		break;
	case 0x8b ... 0x91:
		unary_float(f, op - 0x8b, DJ_WASM_F32);
		break;
	case 0x92 ... 0x98:
		binary_float(f, op - 0x92, DJ_WASM_F32);
		break;
	case 0x99 ... 0x9f:
		unary_float(f, op - 0x99, DJ_WASM_F64);
		break;
	case 0xa0 ... 0xa6:
		binary_float(f, op - 0xa0, DJ_WASM_F64);
		break;
	case 0xa7 ... 0xbf:
		convert(f, op);
		break;
	case 0xc0 ... 0xc4:
		extend(f, op);
		break;
	case DJ_OP_TRUNC_SAT_FIRST ... DJ_OP_TRUNC_SAT_LAST:
		saturate(f, dj_wasm_ops[op].in[0], dj_wasm_ops[op].out,
			(op & 1) == 0);
		break;
	default:
		unit_fail(f->u, "function %u: instruction 0x%x is not known",
			f->index, op);
	}
}
