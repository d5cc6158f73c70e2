// SPDX-License-Identifier: Apache-2.0
/*
 * The handlers, for both dispatchers of interp.c: each OP(name) begins a
 * function or a label, NEXT(words) goes on, TRAP(t) leaves. Operands are
 * pc[1], pc[2], ... as ops.h says. No #pragma once: this is text.
 */
#define R32(i)      (fp[pc[i]].u32)
#define RS32(i)     (fp[pc[i]].i32)
#define R64(i)      (fp[pc[i]].u64)
#define RS64(i)     (fp[pc[i]].i64)
#define RF32(i)     (fp[pc[i]].f32)
#define RF64(i)     (fp[pc[i]].f64)
#define IMM64(i)    ((uint64_t)(int64_t)(int32_t)pc[i])
#define PTR(i)      ((void *)(uintptr_t)(pc[i] | (uint64_t)pc[(i) + 1] << 32))
/* Always 64 bits wide: a later 64-bit read must not meet a half store. */
#define SET32(v)    (fp[pc[1]].u64 = (uint32_t)(v))
#define SET64(v)    (fp[pc[1]].u64 = (uint64_t)(v))
#define SETF32(v)   (fp[pc[1]].u64 = dj_f32_bits(v))
#define SETF64(v)   (fp[pc[1]].f64 = (v))
#define UNLIKELY(c) __builtin_expect((c), 0)

#define GOTO(i) (pc += (i) + (intptr_t)(int32_t)pc[i])
#define EVENT()                                    \
	if (UNLIKELY(--vm->abi.count == 0)) {      \
		enum dj_trap t_ = dj_vm_event(vm); \
		if (t_ != DJ_TRAP_NONE)            \
			TRAP(t_);                  \
	}
#define BRANCH(i, cond)  \
	if (cond) {      \
		GOTO(i); \
		NEXT(0); \
	}                \
	NEXT((i) + 1);
#define BACK(i, cond)    \
	if (cond) {      \
		EVENT(); \
		GOTO(i); \
		NEXT(0); \
	}                \
	NEXT((i) + 1);

/* Integer compares and what is fused with them. */
#define INT_CMP(name, get, imm, op)                                       \
	OP(name##_ss)                                                     \
	{                                                                 \
		SET32(get(2) op get(3));                                  \
		NEXT(4);                                                  \
	}                                                                 \
	OP(name##_si)                                                     \
	{                                                                 \
		SET32(get(2) op imm(3));                                  \
		NEXT(4);                                                  \
	}                                                                 \
	OP(name##_br_ss){ BRANCH(3, get(1) op get(2)) } OP(name##_br_si){ \
		BRANCH(3, get(1) op imm(2))                               \
	} OP(name##_bk_ss){ BACK(3, get(1) op get(2)) } OP(name##_bk_si)  \
	{                                                                 \
		BACK(3, get(1) op imm(2))                                 \
	}
#define IMM_U32(i) (pc[i])
#define IMM_S32(i) ((int32_t)pc[i])
#define IMM_S64(i) ((int64_t)(int32_t)pc[i])

INT_CMP(i32_eq, R32, IMM_U32, ==)
INT_CMP(i32_ne, R32, IMM_U32, !=)
INT_CMP(i32_lt_s, RS32, IMM_S32, <)
INT_CMP(i32_lt_u, R32, IMM_U32, <)
INT_CMP(i32_gt_s, RS32, IMM_S32, >)
INT_CMP(i32_gt_u, R32, IMM_U32, >)
INT_CMP(i32_le_s, RS32, IMM_S32, <=)
INT_CMP(i32_le_u, R32, IMM_U32, <=)
INT_CMP(i32_ge_s, RS32, IMM_S32, >=)
INT_CMP(i32_ge_u, R32, IMM_U32, >=)
INT_CMP(i64_eq, R64, IMM64, ==)
INT_CMP(i64_ne, R64, IMM64, !=)
INT_CMP(i64_lt_s, RS64, IMM_S64, <)
INT_CMP(i64_lt_u, R64, IMM64, <)
INT_CMP(i64_gt_s, RS64, IMM_S64, >)
INT_CMP(i64_gt_u, R64, IMM64, >)
INT_CMP(i64_le_s, RS64, IMM_S64, <=)
INT_CMP(i64_le_u, R64, IMM64, <=)
INT_CMP(i64_ge_s, RS64, IMM_S64, >=)
INT_CMP(i64_ge_u, R64, IMM64, >=)

/* A float compare has no inverse (NaN), so it branches both ways. */
#define FLOAT_CMP(name, get, op)                                     \
	OP(name##_ss)                                                \
	{                                                            \
		SET32(get(2) op get(3));                             \
		NEXT(4);                                             \
	}                                                            \
	OP(name##_br){ BRANCH(3, get(1) op get(2)) } OP(name##_brn){ \
		BRANCH(3, !(get(1) op get(2)))                       \
	} OP(name##_bk){ BACK(3, get(1) op get(2)) } OP(name##_bkn)  \
	{                                                            \
		BACK(3, !(get(1) op get(2)))                         \
	}
#define FLOAT_CMPS(t, get)         \
	FLOAT_CMP(t##_eq, get, ==) \
	FLOAT_CMP(t##_ne, get, !=) \
	FLOAT_CMP(t##_lt, get, <)  \
	FLOAT_CMP(t##_gt, get, >)  \
	FLOAT_CMP(t##_le, get, <=) \
	FLOAT_CMP(t##_ge, get, >=)
FLOAT_CMPS(f32, RF32)
FLOAT_CMPS(f64, RF64)

/* Binary: x and y are the operands. */
#define BIN(name, type, get, imm, set, expr) \
	OP(name##_ss)                        \
	{                                    \
		type x = get(2), y = get(3); \
		set(expr);                   \
		NEXT(4);                     \
	}                                    \
	OP(name##_si)                        \
	{                                    \
		type x = get(2), y = imm(3); \
		set(expr);                   \
		NEXT(4);                     \
	}
#define BIN_TRAP(name, type, get, imm, set, check, expr) \
	OP(name##_ss)                                    \
	{                                                \
		type x = get(2), y = get(3);             \
		check set(expr);                         \
		NEXT(4);                                 \
	}                                                \
	OP(name##_si)                                    \
	{                                                \
		type x = get(2), y = imm(3);             \
		check set(expr);                         \
		NEXT(4);                                 \
	}
#define ZERO_TRAPS            \
	if (UNLIKELY(y == 0)) \
		TRAP(DJ_TRAP_DIVIDE);
#define MIN_TRAPS(min)                       \
	ZERO_TRAPS                           \
	if (UNLIKELY(y == -1 && x == (min))) \
		TRAP(DJ_TRAP_OVERFLOW);

#define INT_BINS(t, U, S, get, gets, immu, imms, set, bits, rotl, min) \
	BIN(t##_add, U, get, immu, set, x + y)                         \
	BIN(t##_sub, U, get, immu, set, x - y)                         \
	BIN(t##_mul, U, get, immu, set, x *y)                          \
	BIN_TRAP(t##_div_s, S, gets, imms, set, MIN_TRAPS(min), x / y) \
	BIN_TRAP(t##_div_u, U, get, immu, set, ZERO_TRAPS, x / y)      \
	BIN_TRAP(t##_rem_s, S, gets, imms, set, ZERO_TRAPS,            \
		y == -1 ? 0 : x % y)                                   \
	BIN_TRAP(t##_rem_u, U, get, immu, set, ZERO_TRAPS, x % y)      \
	BIN(t##_and, U, get, immu, set, x &y)                          \
	BIN(t##_or, U, get, immu, set, x | y)                          \
	BIN(t##_xor, U, get, immu, set, x ^ y)                         \
	BIN(t##_shl, U, get, immu, set, x << (y & (bits - 1)))         \
	BIN(t##_shr_s, S, gets, imms, set, x >> (y & (bits - 1)))      \
	BIN(t##_shr_u, U, get, immu, set, x >> (y & (bits - 1)))       \
	BIN(t##_rotl, U, get, immu, set, rotl(x, y))                   \
	BIN(t##_rotr, U, get, immu, set, rotl(x, -y))
INT_BINS(i32, uint32_t, int32_t, R32, RS32, IMM_U32, IMM_S32, SET32, 32,
	dj_rotl32, INT32_MIN)
INT_BINS(i64, uint64_t, int64_t, R64, RS64, IMM64, IMM_S64, SET64, 64,
	dj_rotl64, INT64_MIN)

/* Unary: x is the operand. */
#define UN(name, type, get, set, expr) \
	OP(name)                       \
	{                              \
		type x = get(2);       \
		set(expr);             \
		NEXT(3);               \
	}
UN(i32_clz, uint32_t, R32, SET32, x == 0 ? 32 : __builtin_clz(x))
UN(i32_ctz, uint32_t, R32, SET32, x == 0 ? 32 : __builtin_ctz(x))
UN(i32_popcnt, uint32_t, R32, SET32, dj_popcnt64(x))
UN(i64_clz, uint64_t, R64, SET64, x == 0 ? 64 : __builtin_clzll(x))
UN(i64_ctz, uint64_t, R64, SET64, x == 0 ? 64 : __builtin_ctzll(x))
UN(i64_popcnt, uint64_t, R64, SET64, dj_popcnt64(x))
UN(i32_extend8_s, uint32_t, R32, SET32, (int8_t)x)
UN(i32_extend16_s, uint32_t, R32, SET32, (int16_t)x)
UN(i64_extend8_s, uint64_t, R64, SET64, (int64_t)(int8_t)x)
UN(i64_extend16_s, uint64_t, R64, SET64, (int64_t)(int16_t)x)
UN(i64_extend32_s, uint64_t, R64, SET64, (int64_t)(int32_t)x)
UN(i32_wrap_i64, uint32_t, R32, SET32, x)
UN(i64_extend_i32_s, int32_t, RS32, SET64, (int64_t)x)
UN(i64_extend_i32_u, uint32_t, R32, SET64, x)

#define SIGN32     0x80000000u
#define SIGN64     ((uint64_t)1 << 63)
#define IMM_F32(i) dj_f32_of(pc[i])
/* Only constants whose low half is zero have this form. */
#define IMM_F64(i) dj_f64_of((uint64_t)pc[i] << 32)
#define IMM_D64(i) ((uint64_t)pc[i] << 32)
#define FLOAT_OPS(t, T, get, imm, set, U, getu, immu, setu, sign)      \
	UN(t##_abs, U, getu, setu, x & ~sign)                          \
	UN(t##_neg, U, getu, setu, x ^ sign)                           \
	UN(t##_ceil, T, get, set, dj_##t##_round(x, DJ_ROUND_CEIL))    \
	UN(t##_floor, T, get, set, dj_##t##_round(x, DJ_ROUND_FLOOR))  \
	UN(t##_trunc, T, get, set, dj_##t##_round(x, DJ_ROUND_TRUNC))  \
	UN(t##_nearest, T, get, set, dj_##t##_round(x, DJ_ROUND_EVEN)) \
	UN(t##_sqrt, T, get, set, dj_##t##_sqrt(x))                    \
	BIN(t##_add, T, get, imm, set, x + y)                          \
	BIN(t##_sub, T, get, imm, set, x - y)                          \
	BIN(t##_mul, T, get, imm, set, x *y)                           \
	BIN(t##_div, T, get, imm, set, x / y)                          \
	BIN(t##_min, T, get, imm, set, dj_##t##_min(x, y))             \
	BIN(t##_max, T, get, imm, set, dj_##t##_max(x, y))             \
	BIN(t##_copysign, U, getu, immu, setu, (x & ~sign) | (y & sign))
FLOAT_OPS(f32, float, RF32, IMM_F32, SETF32, uint32_t, R32, IMM_U32, SET32,
	SIGN32)
FLOAT_OPS(f64, double, RF64, IMM_F64, SETF64, uint64_t, R64, IMM_D64, SET64,
	SIGN64)

/* To integers: low and high are the nearest values that do not fit. */
#define TRUNC(name, type, get, set, to, low_ok, high)    \
	OP(name)                                         \
	{                                                \
		type x = get(2);                         \
		if (UNLIKELY(x != x))                    \
			TRAP(DJ_TRAP_CONVERSION);        \
		if (UNLIKELY(!((low_ok) && x < (high)))) \
			TRAP(DJ_TRAP_OVERFLOW);          \
		set((to)x);                              \
		NEXT(3);                                 \
	}
#define SAT(name, type, get, set, to, low_ok, high, min, max) \
	OP(name)                                              \
	{                                                     \
		type x = get(2);                              \
		set(x != x                    ? 0             \
				: !(low_ok)   ? (min)         \
				: !(x < high) ? (max)         \
					      : (to)x);       \
		NEXT(3);                                      \
	}
#define TO_INT(i, sfx, type, get, set, to, low_ok, high, min, max) \
	TRUNC(i##_trunc_##sfx, type, get, set, to, low_ok, high)   \
	SAT(i##_sat_##sfx, type, get, set, to, low_ok, high, min, max)
TO_INT(i32, f32_s, float, RF32, SET32, int32_t, x >= -0x1p31f, 0x1p31f,
	INT32_MIN, INT32_MAX)
TO_INT(i32, f32_u, float, RF32, SET32, uint32_t, x > -1.0f, 0x1p32f, 0,
	UINT32_MAX)
TO_INT(i32, f64_s, double, RF64, SET32, int32_t, x > -2147483649.0, 0x1p31,
	INT32_MIN, INT32_MAX)
TO_INT(i32, f64_u, double, RF64, SET32, uint32_t, x > -1.0, 0x1p32, 0,
	UINT32_MAX)
TO_INT(i64, f32_s, float, RF32, SET64, int64_t, x >= -0x1p63f, 0x1p63f,
	INT64_MIN, INT64_MAX)
TO_INT(i64, f32_u, float, RF32, SET64, uint64_t, x > -1.0f, 0x1p64f, 0,
	UINT64_MAX)
TO_INT(i64, f64_s, double, RF64, SET64, int64_t, x >= -0x1p63, 0x1p63,
	INT64_MIN, INT64_MAX)
TO_INT(i64, f64_u, double, RF64, SET64, uint64_t, x > -1.0, 0x1p64, 0,
	UINT64_MAX)

UN(f32_convert_i32_s, int32_t, RS32, SETF32, (float)x)
UN(f32_convert_i32_u, uint32_t, R32, SETF32, (float)x)
UN(f32_convert_i64_s, int64_t, RS64, SETF32, dj_f32_of_i64(x))
UN(f32_convert_i64_u, uint64_t, R64, SETF32, dj_f32_of_u64(x))
UN(f32_demote_f64, double, RF64, SETF32, (float)x)
UN(f64_convert_i32_s, int32_t, RS32, SETF64, (double)x)
UN(f64_convert_i32_u, uint32_t, R32, SETF64, (double)x)
UN(f64_convert_i64_s, int64_t, RS64, SETF64, (double)x)
UN(f64_convert_i64_u, uint64_t, R64, SETF64, (double)x)
UN(f64_promote_f32, float, RF32, SETF64, dj_promote(x))

/* Memory: the address is 33 bits wide; the whole access is checked first. */
#define LOAD_AT(ea, ctype, set, cast, words)        \
	{                                           \
		uint64_t at = (ea);                 \
		ctype v;                            \
		if (UNLIKELY(at + sizeof(v) > msz)) \
			TRAP(DJ_TRAP_MEMORY);       \
		memcpy(&v, m + at, sizeof(v));      \
		set((cast)v);                       \
		NEXT(words);                        \
	}
/* clang-format off */
#define ADDR_S  ((uint64_t)R32(2) + pc[3])
#define ADDR_SS ((uint64_t)(R32(2) + R32(3)) + pc[4])
#define ADDR_SX ((uint64_t)(R32(2) + (R32(3) << pc[4])) + pc[5])
#define ADDR_SC ((uint64_t)(R32(2) + pc[3]) + pc[4])
#define LOAD(name, ctype, set, cast)                                \
	OP(name##_s) LOAD_AT(ADDR_S, ctype, set, cast, 4)           \
	OP(name##_abs) LOAD_AT(pc[2], ctype, set, cast, 3)          \
	OP(name##_ss) LOAD_AT(ADDR_SS, ctype, set, cast, 5)         \
	OP(name##_sx) LOAD_AT(ADDR_SX, ctype, set, cast, 6)         \
	OP(name##_sc) LOAD_AT(ADDR_SC, ctype, set, cast, 5)
/* clang-format on */
LOAD(i32_load, uint32_t, SET32, uint32_t)
LOAD(i64_load, uint64_t, SET64, uint64_t)
LOAD(f32_load, uint32_t, SET32, uint32_t)
LOAD(f64_load, uint64_t, SET64, uint64_t)
LOAD(i32_load8_s, int8_t, SET32, int32_t)
LOAD(i32_load8_u, uint8_t, SET32, uint32_t)
LOAD(i32_load16_s, int16_t, SET32, int32_t)
LOAD(i32_load16_u, uint16_t, SET32, uint32_t)
LOAD(i64_load8_s, int8_t, SET64, int64_t)
LOAD(i64_load8_u, uint8_t, SET64, uint64_t)
LOAD(i64_load16_s, int16_t, SET64, int64_t)
LOAD(i64_load16_u, uint16_t, SET64, uint64_t)
LOAD(i64_load32_s, int32_t, SET64, int64_t)
LOAD(i64_load32_u, uint32_t, SET64, uint64_t)

#define STORE_AT(ea, ctype, value, words)           \
	{                                           \
		uint64_t at = (ea);                 \
		ctype v = (ctype)(value);           \
		if (UNLIKELY(at + sizeof(v) > msz)) \
			TRAP(DJ_TRAP_MEMORY);       \
		memcpy(m + at, &v, sizeof(v));      \
		NEXT(words);                        \
	}
/* clang-format off */
#define STORE(name, ctype, get)                                     \
	OP(name##_s) STORE_AT(ADDR_S, ctype, get(1), 4)             \
	OP(name##_abs) STORE_AT(pc[2], ctype, get(1), 3)            \
	OP(name##_ss) STORE_AT(ADDR_SS, ctype, get(1), 5)           \
	OP(name##_sx) STORE_AT(ADDR_SX, ctype, get(1), 6)           \
	OP(name##_sc) STORE_AT(ADDR_SC, ctype, get(1), 5)           \
	OP(name##_si) STORE_AT(ADDR_S, ctype, IMM64(1), 4)
/* clang-format on */
STORE(i32_store, uint32_t, R32)
STORE(i64_store, uint64_t, R64)
STORE(f32_store, uint32_t, R32)
STORE(f64_store, uint64_t, R64)
STORE(i32_store8, uint8_t, R32)
STORE(i32_store16, uint16_t, R32)
STORE(i64_store8, uint8_t, R64)
STORE(i64_store16, uint16_t, R64)
STORE(i64_store32, uint32_t, R64)

/* Float operations that read memory; type v of the three words at i. */
#define READ(type, v, i)                                                      \
	type v;                                                               \
	{                                                                     \
		uint64_t at = (uint64_t)(R32(i) + pc[(i) + 1]) + pc[(i) + 2]; \
		if (UNLIKELY(at + sizeof(v) > msz))                           \
			TRAP(DJ_TRAP_MEMORY);                                 \
		memcpy(&v, m + at, sizeof(v));                                \
	}
#define WITH_READ(name, type, get, set, expr) \
	OP(name)                              \
	{                                     \
		type x = get(2);              \
		READ(type, y, 3)              \
		set(expr);                    \
		NEXT(6);                      \
	}
#define PRODUCT(name, type, get, set, op) \
	OP(name)                          \
	{                                 \
		type p = get(3) * get(4); \
		set(get(2) op p);         \
		NEXT(5);                  \
	}                                 \
	OP(name##_sm)                     \
	{                                 \
		type x = get(3);          \
		READ(type, y, 4)          \
		x *= y;                   \
		set(get(2) op x);         \
		NEXT(7);                  \
	}                                 \
	OP(name##_mm)                     \
	{                                 \
		READ(type, x, 3)          \
		READ(type, y, 6)          \
		x *= y;                   \
		set(get(2) op x);         \
		NEXT(9);                  \
	}
#define FLOAT_FUSED(t, type, get, set)               \
	PRODUCT(t##_mul_add, type, get, set, +)      \
	PRODUCT(t##_mul_sub, type, get, set, -)      \
	WITH_READ(t##_add_sm, type, get, set, x + y) \
	WITH_READ(t##_sub_sm, type, get, set, x - y) \
	WITH_READ(t##_mul_sm, type, get, set, x *y)  \
	OP(t##_mul_mm)                               \
	{                                            \
		READ(type, x, 2)                     \
		READ(type, y, 5)                     \
		set(x *y);                           \
		NEXT(8);                             \
	}
FLOAT_FUSED(f32, float, RF32, SETF32)
FLOAT_FUSED(f64, double, RF64, SETF64)

/* A loop's step and its condition. */
#define STEP_TO(step, type, limit, op)        \
	{                                     \
		uint32_t v = R32(2) + (step); \
		SET32(v);                     \
		BACK(5, (type)v op(limit))    \
	}
#define STEP(name, type, get, imm, op)    \
	OP(i32_step_##name##_ss)          \
	STEP_TO(R32(3), type, get(4), op) \
	OP(i32_step_##name##_si)          \
	STEP_TO(R32(3), type, imm(4), op) \
	OP(i32_step_##name##_is)          \
	STEP_TO(pc[3], type, get(4), op)  \
	OP(i32_step_##name##_ii) STEP_TO(pc[3], type, imm(4), op)
STEP(eq, uint32_t, R32, IMM_U32, ==)
STEP(ne, uint32_t, R32, IMM_U32, !=)
STEP(lt_s, int32_t, RS32, IMM_S32, <)
STEP(lt_u, uint32_t, R32, IMM_U32, <)
STEP(gt_s, int32_t, RS32, IMM_S32, >)
STEP(gt_u, uint32_t, R32, IMM_U32, >)
STEP(le_s, int32_t, RS32, IMM_S32, <=)
STEP(le_u, uint32_t, R32, IMM_U32, <=)
STEP(ge_s, int32_t, RS32, IMM_S32, >=)
STEP(ge_u, uint32_t, R32, IMM_U32, >=)

#include "keep/engine/simd.h"

OP(i32_add_shl)
{
	SET32(R32(2) + (R32(3) << pc[4]));
	NEXT(5);
}
OP(i32_mul_add)
{
	SET32(R32(2) * R32(3) + R32(4));
	NEXT(5);
}

OP(mov)
{
	SET64(R64(2));
	NEXT(3);
}
OP(mov2)
{
	SET64(R64(2));
	fp[pc[3]].u64 = R64(4);
	NEXT(5);
}
OP(moven)
{
	memmove(&fp[pc[1]], &fp[pc[2]], (size_t)pc[3] * sizeof(*fp));
	NEXT(4);
}
OP(const32)
{
	SET64(pc[2]);
	NEXT(3);
}
OP(const64)
{
	SET64(pc[2] | (uint64_t)pc[3] << 32);
	NEXT(4);
}
OP(select)
{
	SET64(R32(4) != 0 ? R64(2) : R64(3));
	NEXT(5);
}
OP(global_get)
{
	SET64(((struct dj_global *)PTR(2))->v.u64);
	NEXT(4);
}
OP(global_set)
{
	((struct dj_global *)PTR(2))->v.u64 = R64(1);
	NEXT(4);
}

OP(unreachable)
{
	TRAP(DJ_TRAP_UNREACHABLE);
}
OP(br)
{
	GOTO(1);
	NEXT(0);
}
OP(bk)
{
	EVENT();
	GOTO(1);
	NEXT(0);
}
#define BR_TABLE(index)                     \
	{                                   \
		uint32_t i = (index);       \
		if (i > pc[2])              \
			i = pc[2];          \
		if ((int32_t)pc[3 + i] < 0) \
			EVENT();            \
		GOTO(3 + i);                \
		NEXT(0);                    \
	}
OP(br_table)
BR_TABLE(R32(1))

#define RETURN()                                          \
	{                                                 \
		struct dj_call_frame *fr = vm->frame;     \
		struct dj_memory *mem = fr[-1].func->mem; \
		vm->frame = fr - 1;                       \
		pc = fr->pc;                              \
		fp = fr->fp;                              \
		m = mem->base;                            \
		msz = mem->len;                           \
		NEXT(0);                                  \
	}
OP(ret) RETURN() OP(ret1)
{
	fp[0].u64 = R64(1);
	RETURN()
}
OP(retn)
{
	memmove(fp, &fp[pc[1]], (size_t)pc[2] * sizeof(*fp));
	RETURN()
}

/* The barrier keeps compilers from making a call to memset of this. */
#define ENTER(f, at, words)                                               \
	{                                                                 \
		struct dj_func *f_ = (f);                                 \
		union dj_slot *to = (at);                                 \
		struct dj_call_frame *fr = vm->frame;                     \
		if (UNLIKELY(fr >= vm->frame_max ||                       \
			    to + f_->frame_slots > vm->stack_max) &&      \
			!dj_vm_more(vm, to + f_->frame_slots))            \
			TRAP(DJ_TRAP_STACK);                              \
		EVENT();                                                  \
		fr++;                                                     \
		fr->pc = pc + (words);                                    \
		fr->fp = fp;                                              \
		fr->func = f_;                                            \
		fr->is_entry = false;                                     \
		vm->frame = fr;                                           \
		for (uint32_t k = f_->zero_from; k < f_->zero_end; k++) { \
			to[k].u64 = 0;                                    \
			__asm__ volatile("" ::: "memory");                \
		}                                                         \
		pc = f_->code;                                            \
		fp = to;                                                  \
	}
#define HOST(f, at, words)                              \
	{                                               \
		struct dj_func *f_ = (f);               \
		struct dj_func *self = vm->frame->func; \
		enum dj_trap t;                         \
		vm->pc = pc;                            \
		vm->top = fp + self->frame_slots;       \
		t = f_->host(f_->host_ctx, self->inst,  \
			(union dj_value *)(at));        \
		if (UNLIKELY(t != DJ_TRAP_NONE))        \
			TRAP(t);                        \
		msz = self->mem->len;                   \
		NEXT(words);                            \
	}

OP(call)
{
	ENTER(PTR(1), fp + pc[3], 4)
	NEXT(0);
}
OP(call_far)
{
	struct dj_memory *mem = ((struct dj_func *)PTR(1))->mem;
	ENTER(PTR(1), fp + pc[3], 4)
	m = mem->base;
	msz = mem->len;
	NEXT(0);
}
OP(call_host) HOST(PTR(1), fp + pc[3], 4) OP(call_indirect)
{
	struct dj_table *table = PTR(2);
	uint32_t i = R32(1);
	struct dj_func *f;

	if (UNLIKELY(i >= table->count))
		TRAP(DJ_TRAP_TABLE);
	f = table->elems[i];
	if (UNLIKELY(f == NULL))
		TRAP(DJ_TRAP_UNINITIALISED);
	if (UNLIKELY(f->type_id != pc[4]) && !dj_func_is(f, pc[4], vm->store))
		TRAP(DJ_TRAP_INDIRECT_TYPE);
	if (f->host != NULL)
		HOST(f, fp + pc[5], 6)
	m = f->mem->base;
	msz = f->mem->len;
	ENTER(f, fp + pc[5], 6)
	NEXT(0);
}
/* The callee's frame takes the caller's place; its caller stays. */
#define REPLACE_FRAME(f, from, n)                                         \
	{                                                                 \
		struct dj_func *f_ = (f);                                 \
		if (UNLIKELY(fp + f_->frame_slots > vm->stack_max) &&     \
			!dj_vm_more_stack(vm, fp + f_->frame_slots))      \
			TRAP(DJ_TRAP_STACK);                              \
		EVENT();                                                  \
		memmove(fp, &fp[from], (size_t)(n) * sizeof(*fp));        \
		vm->frame->func = f_;                                     \
		for (uint32_t k = f_->zero_from; k < f_->zero_end; k++) { \
			fp[k].u64 = 0;                                    \
			__asm__ volatile("" ::: "memory");                \
		}                                                         \
		pc = f_->code;                                            \
		m = f_->mem->base;                                        \
		msz = f_->mem->len;                                       \
		NEXT(0);                                                  \
	}
#define RETURN_HOST(f, from)                                                  \
	{                                                                     \
		struct dj_func *f_ = (f);                                     \
		struct dj_func *self = vm->frame->func;                       \
		enum dj_trap t;                                               \
		vm->pc = pc;                                                  \
		vm->top = fp + self->frame_slots;                             \
		t = f_->host(f_->host_ctx, self->inst,                        \
			(union dj_value *)&fp[from]);                         \
		if (UNLIKELY(t != DJ_TRAP_NONE))                              \
			TRAP(t);                                              \
		memmove(fp, &fp[from],                                        \
			dj_slots(f_->type->results, f_->type->result_count) * \
				sizeof(*fp));                                 \
		RETURN()                                                      \
	}
OP(return_call)
REPLACE_FRAME(PTR(1), pc[3], pc[4])
OP(return_call_host) RETURN_HOST(PTR(1), pc[3]) OP(return_call_indirect)
{
	struct dj_table *table = PTR(2);
	uint32_t i = R32(1);
	struct dj_func *f;

	if (UNLIKELY(i >= table->count))
		TRAP(DJ_TRAP_TABLE);
	f = table->elems[i];
	if (UNLIKELY(f == NULL))
		TRAP(DJ_TRAP_UNINITIALISED);
	if (UNLIKELY(f->type_id != pc[4]) && !dj_func_is(f, pc[4], vm->store))
		TRAP(DJ_TRAP_INDIRECT_TYPE);
	if (f->host != NULL)
		RETURN_HOST(f, pc[5])
	REPLACE_FRAME(f, pc[5], pc[6])
}
#define THROW(tag, values, exn)                                               \
	{                                                                     \
		enum dj_trap t_ = dj_vm_throw(vm, pc, &fp, tag, values, exn); \
		struct dj_memory *mem;                                        \
		if (t_ != DJ_TRAP_NONE)                                       \
			TRAP(t_);                                             \
		pc = vm->pc;                                                  \
		mem = vm->frame->func->mem;                                   \
		m = mem->base;                                                \
		msz = mem->len;                                               \
		NEXT(0);                                                      \
	}
OP(throw) THROW(PTR(1), &fp[pc[3]], NULL) OP(throw_ref)
{
	struct dj_exn *exn = fp[pc[1]].ref;

	if (exn == NULL)
		TRAP(DJ_TRAP_NULL);
	THROW(exn->tag, exn->v, exn)
}
/* A function's first call: its frame is there, its size not yet known. */
OP(compile)
{
	struct dj_func *f = vm->frame->func;
	enum dj_trap t = dj_compile(f, NULL);

	if (t == DJ_TRAP_NONE && fp + f->frame_slots > vm->stack_max &&
		!dj_vm_more_stack(vm, fp + f->frame_slots))
		t = DJ_TRAP_STACK;
	if (t != DJ_TRAP_NONE)
		TRAP(t);
	for (uint32_t i = f->zero_from; i < f->zero_end; i++)
		fp[i].u64 = 0;
	pc = f->code;
	NEXT(0);
}
OP(exit)
{
	vm->trap = DJ_TRAP_NONE;
	LEAVE();
}

/* The rest is rare: operands in consecutive slots, the result in the first. */
OP(memory_size)
{
	SET32(((struct dj_memory *)PTR(2))->len >> 16);
	NEXT(4);
}
OP(memory_grow)
{
	SET32(dj_memory_grow(PTR(3), vm->store, R32(2)));
	msz = vm->frame->func->mem->len;
	NEXT(5);
}
OP(memory)
{
	struct dj_memory *mem = PTR(1);

	m = mem->base;
	msz = mem->len;
	NEXT(3);
}
OP(address64)
{
	uint64_t at;

	if (UNLIKELY(__builtin_add_overflow(R64(2),
			     pc[3] | (uint64_t)pc[4] << 32, &at) ||
		    at > UINT32_MAX))
		TRAP(DJ_TRAP_MEMORY);
	SET64(at);
	NEXT(5);
}
OP(index64)
{
	uint64_t i = R64(2);

	SET64(i > UINT32_MAX ? UINT32_MAX : i);
	NEXT(3);
}
/* n elements of size bytes, or of about as many. */
#define BULK(call, n, size, words)                        \
	{                                                 \
		union dj_slot *a = &fp[pc[1]];            \
		enum dj_trap t = call;                    \
		if (UNLIKELY(t != DJ_TRAP_NONE))          \
			TRAP(t);                          \
		dj_vm_worked(vm, (uint64_t)(n) * (size)); \
		NEXT(words);                              \
	}
#define INST (vm->frame->func->inst)
OP(memory_init)
BULK(dj_memory_init(INST, PTR(3), pc[2], a[0].u32, a[1].u32, a[2].u32),
	a[2].u32, 1, 5)
OP(memory_copy)
BULK(dj_memory_copy(PTR(2), PTR(4), a[0].u32, a[1].u32, a[2].u32), a[2].u32, 1,
	6)
OP(memory_fill)
BULK(dj_memory_fill(PTR(2), a[0].u32, a[1].u32, a[2].u32), a[2].u32, 1, 4)
OP(table_init)
BULK(dj_table_init(INST, PTR(3), pc[2], a[0].u32, a[1].u32, a[2].u32), a[2].u32,
	8, 5)
OP(table_copy)
BULK(dj_table_copy(PTR(2), PTR(4), a[0].u32, a[1].u32, a[2].u32), a[2].u32, 8,
	6)
OP(table_fill)
BULK(dj_table_fill(PTR(2), a[0].u32, a[1].ref, a[2].u32), a[2].u32, 8, 4)
OP(data_drop)
{
	INST->data_dropped[pc[1]] = 1;
	NEXT(2);
}
OP(elem_drop)
{
	INST->elems[pc[1]] = NULL;
	NEXT(2);
}
OP(table_get)
{
	struct dj_table *t = PTR(2);
	union dj_slot *a = &fp[pc[1]];

	if (UNLIKELY(a->u32 >= t->count))
		TRAP(DJ_TRAP_TABLE);
	a->ref = t->elems[a->u32];
	NEXT(4);
}
OP(table_set)
{
	struct dj_table *t = PTR(2);
	union dj_slot *a = &fp[pc[1]];

	if (UNLIKELY(a->u32 >= t->count))
		TRAP(DJ_TRAP_TABLE);
	t->elems[a->u32] = a[1].ref;
	NEXT(4);
}
OP(table_grow)
{
	union dj_slot *a = &fp[pc[1]];

	a->u64 = dj_table_grow(PTR(2), a[1].u32, a[0].ref);
	NEXT(4);
}
OP(table_size)
{
	SET32(((struct dj_table *)PTR(2))->count);
	NEXT(4);
}

/* Of 128 bits: two slots in a row, the lower half first. */
#define WIDE128(lo, hi) ((unsigned __int128)(hi) << 64 | (lo))
#define SET128(v)                                \
	{                                        \
		unsigned __int128 v_ = (v);      \
		a[0].u64 = (uint64_t)v_;         \
		a[1].u64 = (uint64_t)(v_ >> 64); \
		NEXT(2);                         \
	}
OP(i64_add128)
{
	union dj_slot *a = &fp[pc[1]];

	SET128(WIDE128(a[0].u64, a[1].u64) + WIDE128(a[2].u64, a[3].u64))
}
OP(i64_sub128)
{
	union dj_slot *a = &fp[pc[1]];

	SET128(WIDE128(a[0].u64, a[1].u64) - WIDE128(a[2].u64, a[3].u64))
}
OP(i64_mul_wide_s)
{
	union dj_slot *a = &fp[pc[1]];

	SET128((unsigned __int128)((__int128)a[0].i64 * a[1].i64))
}
OP(i64_mul_wide_u)
{
	union dj_slot *a = &fp[pc[1]];

	SET128((unsigned __int128)a[0].u64 * a[1].u64)
}

#include "keep/engine/handlers_gc.h"
