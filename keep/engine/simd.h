// SPDX-License-Identifier: Apache-2.0
/*
 * The vector handlers, a part of handlers.h. A v128 takes two slots, which
 * are read and written as bytes: no alignment is asked for. Lane by lane
 * where the compilers' vectors have no operator; they make vectors of it
 * where the machine has them.
 */
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef int64_t i64x2 __attribute__((vector_size(16)));
typedef uint64_t u64x2 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));

#define VGET(T, name, i) \
	T name;          \
	memcpy(&name, &fp[pc[i]], sizeof(name));
#define VSET(v) memcpy(&fp[pc[1]], &(v), 16)

/* One operand, two; e is the whole vector r. */
#define V1(name, T, R, e)     \
	OP(name)              \
	{                     \
		VGET(T, a, 2) \
		R r = (R)(e); \
		VSET(r);      \
		NEXT(3);      \
	}
#define V2(name, T, R, e)     \
	OP(name)              \
	{                     \
		VGET(T, a, 2) \
		VGET(T, b, 3) \
		R r = (R)(e); \
		VSET(r);      \
		NEXT(4);      \
	}
/* The same by lanes: lane k of n, of element type E, is e. */
#define LANES(E, n, e)                     \
	E r[16 / sizeof(E)] = { 0 };       \
	for (unsigned k = 0; k < (n); k++) \
		r[k] = (E)(e);             \
	VSET(r);
#define L1(name, T, E, n, e)   \
	OP(name)               \
	{                      \
		VGET(T, a, 2)  \
		LANES(E, n, e) \
		NEXT(3);       \
	}
#define L2(name, T, E, n, e)   \
	OP(name)               \
	{                      \
		VGET(T, a, 2)  \
		VGET(T, b, 3)  \
		LANES(E, n, e) \
		NEXT(4);       \
	}

/* Memory: the address is three words, as READ's. */
#define VADDR(i, size)                                                \
	uint64_t at = (uint64_t)(R32(i) + pc[(i) + 1]) + pc[(i) + 2]; \
	if (UNLIKELY(at + (size) > msz))                              \
		TRAP(DJ_TRAP_MEMORY);
#define VLOAD(name, T, E, n, e)                \
	OP(name)                               \
	{                                      \
		T a;                           \
		VADDR(2, sizeof(a))            \
		memcpy(&a, m + at, sizeof(a)); \
		LANES(E, n, e)                 \
		NEXT(5);                       \
	}
OP(v128_load)
{
	u64x2 a;
	VADDR(2, sizeof(a))
	memcpy(&a, m + at, sizeof(a));
	VSET(a);
	NEXT(5);
}
OP(v128_store)
{
	VGET(u64x2, a, 1)
	VADDR(2, sizeof(a))
	memcpy(m + at, &a, sizeof(a));
	NEXT(5);
}
struct dj_lanes8 {
	int8_t v[8];
};
struct dj_lanes16 {
	int16_t v[4];
};
struct dj_lanes32 {
	int32_t v[2];
};
VLOAD(v128_load8x8_s, struct dj_lanes8, int16_t, 8, a.v[k])
VLOAD(v128_load8x8_u, struct dj_lanes8, int16_t, 8, (uint8_t)a.v[k])
VLOAD(v128_load16x4_s, struct dj_lanes16, int32_t, 4, a.v[k])
VLOAD(v128_load16x4_u, struct dj_lanes16, int32_t, 4, (uint16_t)a.v[k])
VLOAD(v128_load32x2_s, struct dj_lanes32, int64_t, 2, a.v[k])
VLOAD(v128_load32x2_u, struct dj_lanes32, int64_t, 2, (uint32_t)a.v[k])
VLOAD(v128_load8_splat, uint8_t, uint8_t, 16, a)
VLOAD(v128_load16_splat, uint16_t, uint16_t, 8, a)
VLOAD(v128_load32_splat, uint32_t, uint32_t, 4, a)
VLOAD(v128_load64_splat, uint64_t, uint64_t, 2, a)
VLOAD(v128_load32_zero, uint32_t, uint32_t, 1, a)
VLOAD(v128_load64_zero, uint64_t, uint64_t, 1, a)
/* The vector is in word 2 (load) or 1 (store), the lane in the last. */
#define VLANE(bits, E)                                \
	OP(v128_load##bits##_lane)                    \
	{                                             \
		E r[128 / (bits)];                    \
		memcpy(r, &fp[pc[2]], sizeof(r));     \
		VADDR(3, sizeof(E))                   \
		memcpy(&r[pc[6]], m + at, sizeof(E)); \
		VSET(r);                              \
		NEXT(7);                              \
	}                                             \
	OP(v128_store##bits##_lane)                   \
	{                                             \
		E r[128 / (bits)];                    \
		memcpy(r, &fp[pc[1]], sizeof(r));     \
		VADDR(2, sizeof(E))                   \
		memcpy(m + at, &r[pc[5]], sizeof(E)); \
		NEXT(6);                              \
	}
VLANE(8, uint8_t)
VLANE(16, uint16_t)
VLANE(32, uint32_t)
VLANE(64, uint64_t)

OP(i8x16_shuffle)
{
	uint8_t from[32], r[16];

	memcpy(from, &fp[pc[2]], 16);
	memcpy(from + 16, &fp[pc[3]], 16);
	for (unsigned k = 0; k < 16; k++)
		r[k] = from[pc[4 + k / 4] >> 8 * (k % 4) & 31];
	VSET(r);
	NEXT(8);
}
OP(i8x16_swizzle)
{
	uint8_t from[16], at[16], r[16];

	memcpy(from, &fp[pc[2]], 16);
	memcpy(at, &fp[pc[3]], 16);
	for (unsigned k = 0; k < 16; k++)
		r[k] = at[k] < 16 ? from[at[k]] : 0;
	VSET(r);
	NEXT(4);
}

#define SPLAT(name, E, n, get)   \
	OP(name##_splat)         \
	{                        \
		E a = (E)get(2); \
		LANES(E, n, a)   \
		NEXT(3);         \
	}
#define EXTRACT(name, E, n, set)                  \
	OP(name)                                  \
	{                                         \
		E a[n];                           \
		memcpy(a, &fp[pc[2]], sizeof(a)); \
		set(a[pc[3]]);                    \
		NEXT(4);                          \
	}
#define REPLACE(name, E, n, get)                  \
	OP(name##_replace_lane)                   \
	{                                         \
		E r[n];                           \
		memcpy(r, &fp[pc[2]], sizeof(r)); \
		r[pc[4]] = (E)get(3);             \
		VSET(r);                          \
		NEXT(5);                          \
	}
#define SET32S(v) SET32((int32_t)(v))
SPLAT(i8x16, uint8_t, 16, R32)
SPLAT(i16x8, uint16_t, 8, R32)
SPLAT(i32x4, uint32_t, 4, R32)
SPLAT(i64x2, uint64_t, 2, R64)
SPLAT(f32x4, uint32_t, 4, R32)
SPLAT(f64x2, uint64_t, 2, R64)
EXTRACT(i8x16_extract_lane_s, int8_t, 16, SET32S)
EXTRACT(i8x16_extract_lane_u, uint8_t, 16, SET32)
EXTRACT(i16x8_extract_lane_s, int16_t, 8, SET32S)
EXTRACT(i16x8_extract_lane_u, uint16_t, 8, SET32)
EXTRACT(i32x4_extract_lane, uint32_t, 4, SET32)
EXTRACT(i64x2_extract_lane, uint64_t, 2, SET64)
EXTRACT(f32x4_extract_lane, uint32_t, 4, SET32)
EXTRACT(f64x2_extract_lane, uint64_t, 2, SET64)
REPLACE(i8x16, uint8_t, 16, R32)
REPLACE(i16x8, uint16_t, 8, R32)
REPLACE(i32x4, uint32_t, 4, R32)
REPLACE(i64x2, uint64_t, 2, R64)
REPLACE(f32x4, uint32_t, 4, R32)
REPLACE(f64x2, uint64_t, 2, R64)

#define V_EQ(name, T, R)            \
	V2(name##_eq, T, R, a == b) \
	V2(name##_ne, T, R, a != b)
#define V_ORDER(name, sfx, T, R)         \
	V2(name##_lt##sfx, T, R, a < b)  \
	V2(name##_gt##sfx, T, R, a > b)  \
	V2(name##_le##sfx, T, R, a <= b) \
	V2(name##_ge##sfx, T, R, a >= b)
V_EQ(i8x16, i8x16, i8x16)
V_ORDER(i8x16, _s, i8x16, i8x16)
V_ORDER(i8x16, _u, u8x16, i8x16)
V_EQ(i16x8, i16x8, i16x8)
V_ORDER(i16x8, _s, i16x8, i16x8)
V_ORDER(i16x8, _u, u16x8, i16x8)
V_EQ(i32x4, i32x4, i32x4)
V_ORDER(i32x4, _s, i32x4, i32x4)
V_ORDER(i32x4, _u, u32x4, i32x4)
V_EQ(i64x2, i64x2, i64x2)
V_ORDER(i64x2, _s, i64x2, i64x2)
V_EQ(f32x4, f32x4, i32x4)
V_ORDER(f32x4, , f32x4, i32x4)
V_EQ(f64x2, f64x2, i64x2)
V_ORDER(f64x2, , f64x2, i64x2)

V1(v128_not, u64x2, u64x2, ~a)
V2(v128_and, u64x2, u64x2, a &b)
V2(v128_andnot, u64x2, u64x2, a & ~b)
V2(v128_or, u64x2, u64x2, a | b)
V2(v128_xor, u64x2, u64x2, a ^ b)
OP(v128_bitselect)
{
	VGET(u64x2, a, 2)
	VGET(u64x2, b, 3)
	VGET(u64x2, k, 4)
	u64x2 r = (a & k) | (b & ~k);
	VSET(r);
	NEXT(5);
}
OP(v128_select)
{
	uint32_t from = R32(4) != 0 ? pc[2] : pc[3];
	u64x2 r;
	memcpy(&r, &fp[from], 16);
	VSET(r);
	NEXT(5);
}
OP(v128_any_true)
{
	VGET(u64x2, a, 2)
	SET32((a[0] | a[1]) != 0);
	NEXT(3);
}
OP(const128)
{
	memcpy(&fp[pc[1]], &pc[2], 16);
	NEXT(6);
}
OP(global_get128)
{
	memcpy(&fp[pc[1]], ((struct dj_global *)PTR(2))->wide, 16);
	NEXT(4);
}
OP(global_set128)
{
	memcpy(((struct dj_global *)PTR(2))->wide, &fp[pc[1]], 16);
	NEXT(4);
}

#define V_TESTS(name, T, n)                                \
	OP(name##_all_true)                                \
	{                                                  \
		VGET(T, a, 2)                              \
		uint32_t all = 1;                          \
		for (unsigned k = 0; k < (n); k++)         \
			all &= a[k] != 0;                  \
		SET32(all);                                \
		NEXT(3);                                   \
	}                                                  \
	OP(name##_bitmask)                                 \
	{                                                  \
		VGET(T, a, 2)                              \
		uint32_t mask = 0;                         \
		for (unsigned k = 0; k < (n); k++)         \
			mask |= (uint32_t)(a[k] < 0) << k; \
		SET32(mask);                               \
		NEXT(3);                                   \
	}
V_TESTS(i8x16, i8x16, 16)
V_TESTS(i16x8, i16x8, 8)
V_TESTS(i32x4, i32x4, 4)
V_TESTS(i64x2, i64x2, 2)

#define SHIFTS(name, T, E, U, UE, n, bits)         \
	OP(name##_shl)                             \
	{                                          \
		VGET(U, a, 2)                      \
		uint32_t by = R32(3) % (bits);     \
		LANES(UE, n, (uint64_t)a[k] << by) \
		NEXT(4);                           \
	}                                          \
	OP(name##_shr_s)                           \
	{                                          \
		VGET(T, a, 2)                      \
		uint32_t by = R32(3) % (bits);     \
		LANES(E, n, a[k] >> by)            \
		NEXT(4);                           \
	}                                          \
	OP(name##_shr_u)                           \
	{                                          \
		VGET(U, a, 2)                      \
		uint32_t by = R32(3) % (bits);     \
		LANES(UE, n, a[k] >> by)           \
		NEXT(4);                           \
	}
#define V_INTS(name, T, E, U, UE, n, bits)                       \
	SHIFTS(name, T, E, U, UE, n, bits)                       \
	L1(name##_abs, U, UE, n,                                 \
		(a[k] >> ((bits)-1) & 1) != 0 ? 0 - a[k] : a[k]) \
	V1(name##_neg, U, U, -a)                                 \
	V2(name##_add, U, U, a + b)                              \
	V2(name##_sub, U, U, a - b)
#define V_MIN_MAX(name, sfx, T, E, n)                           \
	L2(name##_min##sfx, T, E, n, a[k] < b[k] ? a[k] : b[k]) \
	L2(name##_max##sfx, T, E, n, a[k] > b[k] ? a[k] : b[k])
V_INTS(i8x16, i8x16, int8_t, u8x16, uint8_t, 16, 8)
V_INTS(i16x8, i16x8, int16_t, u16x8, uint16_t, 8, 16)
V_INTS(i32x4, i32x4, int32_t, u32x4, uint32_t, 4, 32)
V_INTS(i64x2, i64x2, int64_t, u64x2, uint64_t, 2, 64)
V_MIN_MAX(i8x16, _s, i8x16, int8_t, 16)
V_MIN_MAX(i8x16, _u, u8x16, uint8_t, 16)
V_MIN_MAX(i16x8, _s, i16x8, int16_t, 8)
V_MIN_MAX(i16x8, _u, u16x8, uint16_t, 8)
V_MIN_MAX(i32x4, _s, i32x4, int32_t, 4)
V_MIN_MAX(i32x4, _u, u32x4, uint32_t, 4)
V2(i16x8_mul, u16x8, u16x8, a *b)
V2(i32x4_mul, u32x4, u32x4, a *b)
V2(i64x2_mul, u64x2, u64x2, a *b)
L1(i8x16_popcnt, u8x16, uint8_t, 16, dj_popcnt64(a[k]))

#define V_SAT(name, T, E, n, sfx, low, high)                     \
	L2(name##_add_sat##sfx, T, E, n,                         \
		clamp((int32_t)a[k] + (int32_t)b[k], low, high)) \
	L2(name##_sub_sat##sfx, T, E, n,                         \
		clamp((int32_t)a[k] - (int32_t)b[k], low, high))
V_SAT(i8x16, i8x16, int8_t, 16, _s, INT8_MIN, INT8_MAX)
V_SAT(i8x16, u8x16, uint8_t, 16, _u, 0, UINT8_MAX)
V_SAT(i16x8, i16x8, int16_t, 8, _s, INT16_MIN, INT16_MAX)
V_SAT(i16x8, u16x8, uint16_t, 8, _u, 0, UINT16_MAX)
L2(i8x16_avgr_u, u8x16, uint8_t, 16, (a[k] + b[k] + 1u) >> 1)
L2(i16x8_avgr_u, u16x8, uint16_t, 8, (a[k] + b[k] + 1u) >> 1)
L2(i16x8_q15mulr_sat_s, i16x8, int16_t, 8,
	clamp((a[k] * b[k] + 0x4000) >> 15, INT16_MIN, INT16_MAX))
#define NARROW(name, T, E, n, low, high)                         \
	L2(name, T, E, n,                                        \
		k < (n) / 2 ? clamp(a[k % ((n) / 2)], low, high) \
			    : clamp(b[k % ((n) / 2)], low, high))
NARROW(i8x16_narrow_i16x8_s, i16x8, int8_t, 16, INT8_MIN, INT8_MAX)
NARROW(i8x16_narrow_i16x8_u, i16x8, uint8_t, 16, 0, UINT8_MAX)
NARROW(i16x8_narrow_i32x4_s, i32x4, int16_t, 8, INT16_MIN, INT16_MAX)
NARROW(i16x8_narrow_i32x4_u, i32x4, uint16_t, 8, 0, UINT16_MAX)

/* To lanes of twice the width: W; n of them. */
#define WIDEN(to, from, sfx, T, WE, n)                                 \
	L1(to##_extend_low_##from##sfx, T, WE, n, a[k])                \
	L1(to##_extend_high_##from##sfx, T, WE, n, a[(n) + k])         \
	L2(to##_extmul_low_##from##sfx, T, WE, n, (WE)a[k] * (WE)b[k]) \
	L2(to##_extmul_high_##from##sfx, T, WE, n,                     \
		(WE)a[(n) + k] * (WE)b[(n) + k])
#define PAIRWISE(to, from, sfx, T, WE, n)              \
	L1(to##_extadd_pairwise_##from##sfx, T, WE, n, \
		(WE)a[2 * k] + (WE)a[2 * k + 1])
WIDEN(i16x8, i8x16, _s, i8x16, int16_t, 8)
WIDEN(i16x8, i8x16, _u, u8x16, uint16_t, 8)
WIDEN(i32x4, i16x8, _s, i16x8, int32_t, 4)
WIDEN(i32x4, i16x8, _u, u16x8, uint32_t, 4)
WIDEN(i64x2, i32x4, _s, i32x4, int64_t, 2)
WIDEN(i64x2, i32x4, _u, u32x4, uint64_t, 2)
PAIRWISE(i16x8, i8x16, _s, i8x16, int16_t, 8)
PAIRWISE(i16x8, i8x16, _u, u8x16, uint16_t, 8)
PAIRWISE(i32x4, i16x8, _s, i16x8, int32_t, 4)
PAIRWISE(i32x4, i16x8, _u, u16x8, uint32_t, 4)
#define PAIR16(i)                              \
	((uint32_t)(a[2 * (i)] * b[2 * (i)]) + \
		(uint32_t)(a[2 * (i) + 1] * b[2 * (i) + 1]))
L2(i32x4_dot_i16x8_s, i16x8, uint32_t, 4, PAIR16(k))

/* Floats. Signs are bits; a NaN's too. */
#define V_FLOATS(name, T, U, E, n, f)                                     \
	V1(name##_abs, U, U, a & ~(U){ 0 } >> 1)                          \
	V1(name##_neg, U, U, a ^ ~(~(U){ 0 } >> 1))                       \
	V2(name##_add, T, T, a + b)                                       \
	V2(name##_sub, T, T, a - b)                                       \
	V2(name##_mul, T, T, a *b)                                        \
	V2(name##_div, T, T, a / b)                                       \
	L1(name##_sqrt, T, E, n, dj_##f##_sqrt(a[k]))                     \
	L1(name##_ceil, T, E, n, dj_##f##_round(a[k], DJ_ROUND_CEIL))     \
	L1(name##_floor, T, E, n, dj_##f##_round(a[k], DJ_ROUND_FLOOR))   \
	L1(name##_trunc, T, E, n, dj_##f##_round(a[k], DJ_ROUND_TRUNC))   \
	L1(name##_nearest, T, E, n, dj_##f##_round(a[k], DJ_ROUND_EVEN))  \
	L2(name##_min, T, E, n, dj_##f##_min(a[k], b[k]))                 \
	L2(name##_max, T, E, n, dj_##f##_max(a[k], b[k]))                 \
	V2(name##_pmin, T, U, ((U)b & (U)(b < a)) | ((U)a & ~(U)(b < a))) \
	V2(name##_pmax, T, U, ((U)b & (U)(a < b)) | ((U)a & ~(U)(a < b)))
V_FLOATS(f32x4, f32x4, u32x4, float, 4, f32)
V_FLOATS(f64x2, f64x2, u64x2, double, 2, f64)

#define SAT_S32(x)                                      \
	((x) != (x)                         ? 0         \
			: !((x) >= -0x1p31) ? INT32_MIN \
			: !((x) < 0x1p31)   ? INT32_MAX \
					    : (int32_t)(x))
#define SAT_U32(x)                                     \
	((x) != (x)                       ? 0u         \
			: !((x) > -1.0)   ? 0u         \
			: !((x) < 0x1p32) ? UINT32_MAX \
					  : (uint32_t)(x))
L1(i32x4_trunc_sat_f32x4_s, f32x4, int32_t, 4, SAT_S32(a[k]))
L1(i32x4_trunc_sat_f32x4_u, f32x4, uint32_t, 4, SAT_U32(a[k]))
L1(i32x4_trunc_sat_f64x2_s_zero, f64x2, int32_t, 2, SAT_S32(a[k]))
L1(i32x4_trunc_sat_f64x2_u_zero, f64x2, uint32_t, 2, SAT_U32(a[k]))
L1(f32x4_convert_i32x4_s, i32x4, float, 4, a[k])
L1(f32x4_convert_i32x4_u, u32x4, float, 4, a[k])
L1(f64x2_convert_low_i32x4_s, i32x4, double, 2, a[k])
L1(f64x2_convert_low_i32x4_u, u32x4, double, 2, a[k])
L1(f32x4_demote_f64x2_zero, f64x2, float, 2, a[k])
L1(f64x2_promote_low_f32x4, f32x4, double, 2, dj_promote(a[k]))

/* Relaxed: two roundings, whole products, as on every machine. */
#define MADD(name, T, op)     \
	OP(name)              \
	{                     \
		VGET(T, a, 2) \
		VGET(T, b, 3) \
		VGET(T, c, 4) \
		a *= b;       \
		T r = c op a; \
		VSET(r);      \
		NEXT(5);      \
	}
MADD(f32x4_relaxed_madd, f32x4, +)
MADD(f32x4_relaxed_nmadd, f32x4, -)
MADD(f64x2_relaxed_madd, f64x2, +)
MADD(f64x2_relaxed_nmadd, f64x2, -)
L2(i16x8_relaxed_dot_i8x16_s, i8x16, int16_t, 8,
	clamp(a[2 * k] * b[2 * k] + a[2 * k + 1] * b[2 * k + 1], INT16_MIN,
		INT16_MAX))
OP(i32x4_relaxed_dot_i8x16_add_s)
{
	VGET(i8x16, a, 2)
	VGET(i8x16, b, 3)
	VGET(u32x4, c, 4)
	LANES(uint32_t, 4,
		c[k] +
			(uint32_t)(a[4 * k] * b[4 * k] +
				a[4 * k + 1] * b[4 * k + 1] +
				a[4 * k + 2] * b[4 * k + 2] +
				a[4 * k + 3] * b[4 * k + 3]))
	NEXT(5);
}
