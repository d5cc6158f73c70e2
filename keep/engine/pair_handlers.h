// SPDX-License-Identifier: Apache-2.0
/*
 * Handlers of pairs (pairs.h): what the first does, FIRST_name, which leaves
 * its result in got and pc at the second; then the second, THEN_name(x), with
 * its operand x from the slot (FROM_name) or from got. The first writes its
 * slot in any case: others may read it. No #pragma once: this is text.
 */
#define PAIR(a, b)                           \
	OP(a##__##b)                         \
	{                                    \
		FIRST_##a THEN_##b(FROM_##b) \
	}
#define LINK(a, b)                      \
	OP(a##_to_##b)                  \
	{                               \
		FIRST_##a THEN_##b(got) \
	}

/* clang-format off */
#define F32(expr, words) uint32_t got = (expr); SET32(got); pc += (words);
#define F64(expr, words) uint64_t got = (expr); SET64(got); pc += (words);
#define FF64(expr, words) double got = (expr); SETF64(got); pc += (words);
#define FLOAD(type, ctype, ea, words)                                   \
	type got;                                                       \
	{                                                               \
		uint64_t at = (ea);                                     \
		ctype w;                                                \
		if (UNLIKELY(at + sizeof(w) > msz))                     \
			TRAP(DJ_TRAP_MEMORY);                           \
		memcpy(&w, m + at, sizeof(w));                          \
		got = w;                                                \
	}
#define FLOAD32(ctype, ea, words) \
	FLOAD(uint32_t, ctype, ea, words) SET32(got); pc += (words);
#define FLOAD64(ea, words) \
	FLOAD(uint64_t, uint64_t, ea, words) SET64(got); pc += (words);
#define FLOADF64(ea, words) \
	FLOAD(double, double, ea, words) SETF64(got); pc += (words);
#define FSTORE(ctype, get, words)                                       \
	{                                                               \
		uint64_t at = ADDR_S;                                   \
		ctype w = (ctype)get(1);                                \
		if (UNLIKELY(at + sizeof(w) > msz))                     \
			TRAP(DJ_TRAP_MEMORY);                           \
		memcpy(m + at, &w, sizeof(w));                          \
	}                                                               \
	pc += (words);
/* Goes on at the second if the branch is not taken. */
#define FBRANCH(cond)                                                   \
	if (cond) {                                                     \
		GOTO(3);                                                \
		NEXT(0);                                                \
	}                                                               \
	pc += 4;

#define FIRST_const32     F32(pc[2], 3)
#define FIRST_const64     F64(pc[2] | (uint64_t)pc[3] << 32, 4)
#define FIRST_mov         F64(R64(2), 3)
#define FIRST_mov2        SET64(R64(2)); fp[pc[3]].u64 = R64(4); pc += 5;
#define FIRST_select      F64(R32(4) != 0 ? R64(2) : R64(3), 5)
#define FIRST_global_get  F64(((struct dj_global *)PTR(2))->v.u64, 4)
#define FIRST_global_set \
	((struct dj_global *)PTR(2))->v.u64 = R64(1); pc += 4;

#define FIRST_i32_add_ss   F32(R32(2) + R32(3), 4)
#define FIRST_i32_add_si   F32(R32(2) + pc[3], 4)
#define FIRST_i32_add_shl  F32(R32(2) + (R32(3) << pc[4]), 5)
#define FIRST_i32_sub_ss   F32(R32(2) - R32(3), 4)
#define FIRST_i32_mul_ss   F32(R32(2) * R32(3), 4)
#define FIRST_i32_mul_si   F32(R32(2) * pc[3], 4)
#define FIRST_i32_and_ss   F32(R32(2) & R32(3), 4)
#define FIRST_i32_and_si   F32(R32(2) & pc[3], 4)
#define FIRST_i32_or_ss    F32(R32(2) | R32(3), 4)
#define FIRST_i32_xor_ss   F32(R32(2) ^ R32(3), 4)
#define FIRST_i32_xor_si   F32(R32(2) ^ pc[3], 4)
#define FIRST_i32_shl_si   F32(R32(2) << (pc[3] & 31), 4)
#define FIRST_i32_shr_u_si F32(R32(2) >> (pc[3] & 31), 4)
#define FIRST_i32_rotl_si  F32(dj_rotl32(R32(2), pc[3]), 4)
#define FIRST_i32_ne_ss    F32(R32(2) != R32(3), 4)
#define FIRST_i32_lt_s_ss  F32(RS32(2) < RS32(3), 4)
#define FIRST_i32_gt_u_ss  F32(R32(2) > R32(3), 4)

#define FIRST_i64_add_ss   F64(R64(2) + R64(3), 4)
#define FIRST_i64_add_si   F64(R64(2) + IMM64(3), 4)
#define FIRST_i64_mul_ss   F64(R64(2) * R64(3), 4)
#define FIRST_i64_and_ss   F64(R64(2) & R64(3), 4)
#define FIRST_i64_and_si   F64(R64(2) & IMM64(3), 4)
#define FIRST_i64_or_ss    F64(R64(2) | R64(3), 4)
#define FIRST_i64_xor_ss   F64(R64(2) ^ R64(3), 4)
#define FIRST_i64_shl_si   F64(R64(2) << (pc[3] & 63), 4)
#define FIRST_i64_shr_u_si F64(R64(2) >> (pc[3] & 63), 4)
#define FIRST_i64_rotl_si  F64(dj_rotl64(R64(2), pc[3]), 4)

#define FIRST_f64_add_ss   FF64(RF64(2) + RF64(3), 4)
#define FIRST_f64_sub_ss   FF64(RF64(2) - RF64(3), 4)
#define FIRST_f64_mul_ss   FF64(RF64(2) * RF64(3), 4)
#define FIRST_f64_mul_add \
	double p = RF64(3) * RF64(4); FF64(RF64(2) + p, 5)
#define FIRST_f64_add_sm   READ(double, y, 3) FF64(RF64(2) + y, 6)
#define FIRST_f64_mul_sm   READ(double, y, 3) FF64(RF64(2) * y, 6)
#define FIRST_f64_mul_add_sm \
	READ(double, y, 4) y *= RF64(3); FF64(RF64(2) + y, 7)
#define FIRST_f64_mul_add_mm \
	READ(double, x, 3) READ(double, y, 6) y *= x; FF64(RF64(2) + y, 9)

#define FIRST_i32_load_s      FLOAD32(uint32_t, ADDR_S, 4)
#define FIRST_i32_load_ss     FLOAD32(uint32_t, ADDR_SS, 5)
#define FIRST_i32_load_sc     FLOAD32(uint32_t, ADDR_SC, 5)
#define FIRST_i32_load_sx     FLOAD32(uint32_t, ADDR_SX, 6)
#define FIRST_i32_load8_u_s   FLOAD32(uint8_t, ADDR_S, 4)
#define FIRST_i32_load8_u_sc  FLOAD32(uint8_t, ADDR_SC, 5)
#define FIRST_i32_load16_u_s  FLOAD32(uint16_t, ADDR_S, 4)
#define FIRST_i32_load16_u_sc FLOAD32(uint16_t, ADDR_SC, 5)
#define FIRST_i64_load_s      FLOAD64(ADDR_S, 4)
#define FIRST_i64_load_sc     FLOAD64(ADDR_SC, 5)
#define FIRST_f64_load_s      FLOADF64(ADDR_S, 4)
#define FIRST_f64_load_sc     FLOADF64(ADDR_SC, 5)
#define FIRST_i32_store_s     FSTORE(uint32_t, R32, 4)
#define FIRST_i32_store8_s    FSTORE(uint8_t, R32, 4)
#define FIRST_i64_store_s     FSTORE(uint64_t, R64, 4)
#define FIRST_f64_store_s     FSTORE(uint64_t, R64, 4)

#define FIRST_i32_eq_br_si   FBRANCH(R32(1) == pc[2])
#define FIRST_i32_ne_br_si   FBRANCH(R32(1) != pc[2])
#define FIRST_i32_lt_s_br_si FBRANCH(RS32(1) < IMM_S32(2))
#define FIRST_i32_eq_br_ss   FBRANCH(R32(1) == R32(2))
#define FIRST_i32_ne_br_ss   FBRANCH(R32(1) != R32(2))
#define FIRST_i32_lt_u_br_ss FBRANCH(R32(1) < R32(2))

#define U(x) ((uint32_t)(x))
#define S(x) ((int32_t)(x))
#define THEN32(expr, words) { SET32(expr); NEXT(words); }
#define THEN64(expr, words) { SET64(expr); NEXT(words); }
#define THENF64(expr, words) { double w = (expr); SETF64(w); NEXT(words); }
#define AT_S(x)  ((uint64_t)U(x) + pc[3])
#define AT_SC(x) ((uint64_t)(U(x) + pc[3]) + pc[4])

#define FROM_none 0
#define FROM_bk             FROM_none
#define THEN_bk(x)          { EVENT(); GOTO(1); NEXT(0); }
#define FROM_br             FROM_none
#define THEN_br(x)          { GOTO(1); NEXT(0); }
#define FROM_ret            FROM_none
#define THEN_ret(x)         RETURN()
#define FROM_call           FROM_none
#define THEN_call(x)        { ENTER(PTR(1), fp + pc[3], 4) NEXT(0); }
#define FROM_const32        FROM_none
#define THEN_const32(x)     THEN64(pc[2], 3)
#define FROM_const64        FROM_none
#define THEN_const64(x)     THEN64(pc[2] | (uint64_t)pc[3] << 32, 4)
#define FROM_i32_step_ne_ii FROM_none
#define THEN_i32_step_ne_ii(x) \
	{ uint32_t w = R32(2) + pc[3]; SET32(w); BACK(5, w != pc[4]) }

#define FROM_ret1           R64(1)
#define THEN_ret1(x)        { fp[0].u64 = (x); RETURN() }
#define FROM_global_set     R64(1)
#define THEN_global_set(x) \
	{ ((struct dj_global *)PTR(2))->v.u64 = (x); NEXT(4); }
#define FROM_br_table       R32(1)
#define THEN_br_table(x)    BR_TABLE(U(x))
#define FROM_mov            R64(2)
#define THEN_mov(x)         THEN64(x, 3)
#define FROM_select         R32(4)
#define THEN_select(x)      THEN64(U(x) != 0 ? R64(2) : R64(3), 5)

#define FROM_i32_add_ss     R32(2)
#define THEN_i32_add_ss(x)  THEN32(U(x) + R32(3), 4)
#define FROM_i32_add_si     R32(2)
#define THEN_i32_add_si(x)  THEN32(U(x) + pc[3], 4)
#define FROM_i32_add_shl    R32(2)
#define THEN_i32_add_shl(x) THEN32(U(x) + (R32(3) << pc[4]), 5)
#define FROM_i32_sub_ss     R32(2)
#define THEN_i32_sub_ss(x)  THEN32(U(x) - R32(3), 4)
#define FROM_i32_mul_ss     R32(2)
#define THEN_i32_mul_ss(x)  THEN32(U(x) * R32(3), 4)
#define FROM_i32_and_ss     R32(2)
#define THEN_i32_and_ss(x)  THEN32(U(x) & R32(3), 4)
#define FROM_i32_and_si     R32(2)
#define THEN_i32_and_si(x)  THEN32(U(x) & pc[3], 4)
#define FROM_i32_or_ss      R32(2)
#define THEN_i32_or_ss(x)   THEN32(U(x) | R32(3), 4)
#define FROM_i32_xor_ss     R32(2)
#define THEN_i32_xor_ss(x)  THEN32(U(x) ^ R32(3), 4)
#define FROM_i32_xor_si     R32(2)
#define THEN_i32_xor_si(x)  THEN32(U(x) ^ pc[3], 4)
#define FROM_i32_shl_si     R32(2)
#define THEN_i32_shl_si(x)  THEN32(U(x) << (pc[3] & 31), 4)
#define FROM_i32_shr_u_si   R32(2)
#define THEN_i32_shr_u_si(x) THEN32(U(x) >> (pc[3] & 31), 4)
#define FROM_i32_rotl_si    R32(2)
#define THEN_i32_rotl_si(x) THEN32(dj_rotl32(U(x), pc[3]), 4)
#define FROM_i32_lt_s_ss    R32(2)
#define THEN_i32_lt_s_ss(x) THEN32(S(x) < RS32(3), 4)

#define FROM_i64_add_ss     R64(2)
#define THEN_i64_add_ss(x)  THEN64((x) + R64(3), 4)
#define FROM_i64_add_si     R64(2)
#define THEN_i64_add_si(x)  THEN64((x) + IMM64(3), 4)
#define FROM_i64_mul_ss     R64(2)
#define THEN_i64_mul_ss(x)  THEN64((x) * R64(3), 4)
#define FROM_i64_and_ss     R64(2)
#define THEN_i64_and_ss(x)  THEN64((x) & R64(3), 4)
#define FROM_i64_and_si     R64(2)
#define THEN_i64_and_si(x)  THEN64((x) & IMM64(3), 4)
#define FROM_i64_or_ss      R64(2)
#define THEN_i64_or_ss(x)   THEN64((x) | R64(3), 4)
#define FROM_i64_xor_ss     R64(2)
#define THEN_i64_xor_ss(x)  THEN64((x) ^ R64(3), 4)
#define FROM_i64_shl_si     R64(2)
#define THEN_i64_shl_si(x)  THEN64((x) << (pc[3] & 63), 4)
#define FROM_i64_shr_u_si   R64(2)
#define THEN_i64_shr_u_si(x) THEN64((x) >> (pc[3] & 63), 4)
#define FROM_i64_rotl_si    R64(2)
#define THEN_i64_rotl_si(x) THEN64(dj_rotl64((x), pc[3]), 4)

#define FROM_f64_add_ss     RF64(2)
#define THEN_f64_add_ss(x)  THENF64((x) + RF64(3), 4)
#define FROM_f64_mul_ss     RF64(2)
#define THEN_f64_mul_ss(x)  THENF64((x) * RF64(3), 4)
#define FROM_f64_add_sm     RF64(2)
#define THEN_f64_add_sm(x)  { READ(double, z, 3) THENF64((x) + z, 6) }
#define FROM_f64_mul_sm     RF64(2)
#define THEN_f64_mul_sm(x)  { READ(double, z, 3) THENF64((x) * z, 6) }
#define FROM_f64_mul_add_sm RF64(2)
#define THEN_f64_mul_add_sm(x) \
	{ READ(double, z, 4) z *= RF64(3); THENF64((x) + z, 7) }

#define FROM_i32_load_s         R32(2)
#define THEN_i32_load_s(x)      LOAD_AT(AT_S(x), uint32_t, SET32, uint32_t, 4)
#define FROM_i32_load_sc        R32(2)
#define THEN_i32_load_sc(x)     LOAD_AT(AT_SC(x), uint32_t, SET32, uint32_t, 5)
#define FROM_i32_load8_u_s      R32(2)
#define THEN_i32_load8_u_s(x)   LOAD_AT(AT_S(x), uint8_t, SET32, uint32_t, 4)
#define FROM_i32_load8_u_sc     R32(2)
#define THEN_i32_load8_u_sc(x)  LOAD_AT(AT_SC(x), uint8_t, SET32, uint32_t, 5)
#define FROM_i32_load16_u_s     R32(2)
#define THEN_i32_load16_u_s(x)  LOAD_AT(AT_S(x), uint16_t, SET32, uint32_t, 4)
#define FROM_i32_load16_u_sc    R32(2)
#define THEN_i32_load16_u_sc(x) LOAD_AT(AT_SC(x), uint16_t, SET32, uint32_t, 5)
#define FROM_i64_load_s         R32(2)
#define THEN_i64_load_s(x)      LOAD_AT(AT_S(x), uint64_t, SET64, uint64_t, 4)
#define FROM_i64_load_sc        R32(2)
#define THEN_i64_load_sc(x)     LOAD_AT(AT_SC(x), uint64_t, SET64, uint64_t, 5)
#define FROM_f64_load_s         FROM_i64_load_s
#define THEN_f64_load_s(x)      THEN_i64_load_s(x)
#define FROM_f64_load_sc        FROM_i64_load_sc
#define THEN_f64_load_sc(x)     THEN_i64_load_sc(x)

#define FROM_i32_store_s        R32(1)
#define THEN_i32_store_s(x)     STORE_AT(ADDR_S, uint32_t, x, 4)
#define FROM_i32_store8_s       R32(1)
#define THEN_i32_store8_s(x)    STORE_AT(ADDR_S, uint8_t, x, 4)
#define FROM_i64_store_s        R64(1)
#define THEN_i64_store_s(x)     STORE_AT(ADDR_S, uint64_t, x, 4)
#define FROM_f64_store_s        RF64(1)
#define THEN_f64_store_s(x)     STORE_AT(ADDR_S, double, x, 4)

#define FROM_i32_eq_br_si      R32(1)
#define THEN_i32_eq_br_si(x)   { BRANCH(3, U(x) == pc[2]) }
#define FROM_i32_ne_br_si      R32(1)
#define THEN_i32_ne_br_si(x)   { BRANCH(3, U(x) != pc[2]) }
#define FROM_i32_lt_s_br_si    R32(1)
#define THEN_i32_lt_s_br_si(x) { BRANCH(3, S(x) < IMM_S32(2)) }
#define FROM_i32_ge_u_br_si    R32(1)
#define THEN_i32_ge_u_br_si(x) { BRANCH(3, U(x) >= pc[2]) }
#define FROM_i32_eq_br_ss      R32(1)
#define THEN_i32_eq_br_ss(x)   { BRANCH(3, U(x) == R32(2)) }
#define FROM_i32_ne_br_ss      R32(1)
#define THEN_i32_ne_br_ss(x)   { BRANCH(3, U(x) != R32(2)) }
#define FROM_i32_lt_u_br_ss    R32(1)
#define THEN_i32_lt_u_br_ss(x) { BRANCH(3, U(x) < R32(2)) }
#define FROM_i32_ge_u_br_ss    R32(1)
#define THEN_i32_ge_u_br_ss(x) { BRANCH(3, U(x) >= R32(2)) }
#define FROM_i32_ge_s_br_ss    R32(1)
#define THEN_i32_ge_s_br_ss(x) { BRANCH(3, S(x) >= RS32(2)) }
#define FROM_i64_eq_br_si      R64(1)
#define THEN_i64_eq_br_si(x)   { BRANCH(3, (x) == IMM64(2)) }
#define FROM_i32_ne_bk_si      R32(1)
#define THEN_i32_ne_bk_si(x)   { BACK(3, U(x) != pc[2]) }
#define FROM_i32_ne_bk_ss      R32(1)
#define THEN_i32_ne_bk_ss(x)   { BACK(3, U(x) != R32(2)) }
/* clang-format on */

DJ_PAIRS(PAIR)
DJ_LINKS(LINK)
