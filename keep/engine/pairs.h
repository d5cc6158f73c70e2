// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Pairs of instructions that one handler does. The code stays as it was, word
 * for word, but for the first one's handler: a branch to the second, a trap
 * in it and a call from it are as ever. So any two neighbours may be a pair;
 * these are the frequent ones, counted over CoreMark, Lua, SQLite, zstd,
 * bzip2 and BearSSL. In a link the second takes the first one's result
 * from a register, which its operand (word w; 0: it has none) must name. All
 * lists are sorted by name.
 */
/* clang-format off */
/* What can be first: X(name). */
#define DJ_FIRSTS(X) \
	X(const32) X(const64) X(f64_add_sm) X(f64_add_ss) X(f64_load_s) \
	X(f64_load_sc) X(f64_mul_add) X(f64_mul_add_mm) X(f64_mul_add_sm) \
	X(f64_mul_sm) X(f64_mul_ss) X(f64_store_s) X(f64_sub_ss) \
	X(global_get) X(global_set) X(i32_add_shl) X(i32_add_si) \
	X(i32_add_ss) X(i32_and_si) X(i32_and_ss) X(i32_eq_br_si) \
	X(i32_eq_br_ss) X(i32_gt_u_ss) X(i32_load16_u_s) X(i32_load16_u_sc) \
	X(i32_load8_u_s) X(i32_load8_u_sc) X(i32_load_s) X(i32_load_sc) \
	X(i32_load_ss) X(i32_load_sx) X(i32_lt_s_br_si) X(i32_lt_s_ss) \
	X(i32_lt_u_br_ss) X(i32_mul_si) X(i32_mul_ss) X(i32_ne_br_si) \
	X(i32_ne_br_ss) X(i32_ne_ss) X(i32_or_ss) X(i32_rotl_si) \
	X(i32_shl_si) X(i32_shr_u_si) X(i32_store8_s) X(i32_store_s) \
	X(i32_sub_ss) X(i32_xor_si) X(i32_xor_ss) X(i64_add_si) \
	X(i64_add_ss) X(i64_and_si) X(i64_and_ss) X(i64_load_s) \
	X(i64_load_sc) X(i64_mul_ss) X(i64_or_ss) X(i64_rotl_si) \
	X(i64_shl_si) X(i64_shr_u_si) X(i64_store_s) X(i64_xor_ss) X(mov) \
	X(mov2) X(select)

/* What can be second: X(name, w, may words 2 and 3 change places?). */
#define DJ_SECONDS(X) \
	X(bk, 0, 0) X(br, 0, 0) X(br_table, 1, 0) X(call, 0, 0) \
	X(const32, 0, 0) X(const64, 0, 0) X(f64_add_sm, 2, 0) \
	X(f64_add_ss, 2, 0) X(f64_load_s, 2, 0) X(f64_load_sc, 2, 0) \
	X(f64_mul_add_sm, 2, 0) X(f64_mul_sm, 2, 0) X(f64_mul_ss, 2, 0) \
	X(f64_store_s, 1, 0) X(global_set, 1, 0) X(i32_add_shl, 2, 0) \
	X(i32_add_si, 2, 0) X(i32_add_ss, 2, 1) X(i32_and_si, 2, 0) \
	X(i32_and_ss, 2, 1) X(i32_eq_br_si, 1, 0) X(i32_eq_br_ss, 1, 0) \
	X(i32_ge_s_br_ss, 1, 0) X(i32_ge_u_br_si, 1, 0) \
	X(i32_ge_u_br_ss, 1, 0) X(i32_load16_u_s, 2, 0) \
	X(i32_load16_u_sc, 2, 0) X(i32_load8_u_s, 2, 0) \
	X(i32_load8_u_sc, 2, 0) X(i32_load_s, 2, 0) X(i32_load_sc, 2, 0) \
	X(i32_lt_s_br_si, 1, 0) X(i32_lt_s_ss, 2, 0) \
	X(i32_lt_u_br_ss, 1, 0) X(i32_mul_ss, 2, 1) X(i32_ne_bk_si, 1, 0) \
	X(i32_ne_bk_ss, 1, 0) X(i32_ne_br_si, 1, 0) X(i32_ne_br_ss, 1, 0) \
	X(i32_or_ss, 2, 1) X(i32_rotl_si, 2, 0) X(i32_shl_si, 2, 0) \
	X(i32_shr_u_si, 2, 0) X(i32_step_ne_ii, 0, 0) X(i32_store8_s, 1, 0) \
	X(i32_store_s, 1, 0) X(i32_sub_ss, 2, 0) X(i32_xor_si, 2, 0) \
	X(i32_xor_ss, 2, 1) X(i64_add_si, 2, 0) X(i64_add_ss, 2, 1) \
	X(i64_and_si, 2, 0) X(i64_and_ss, 2, 1) X(i64_eq_br_si, 1, 0) \
	X(i64_load_s, 2, 0) X(i64_load_sc, 2, 0) X(i64_mul_ss, 2, 1) \
	X(i64_or_ss, 2, 1) X(i64_rotl_si, 2, 0) X(i64_shl_si, 2, 0) \
	X(i64_shr_u_si, 2, 0) X(i64_store_s, 1, 0) X(i64_xor_ss, 2, 1) \
	X(mov, 2, 0) X(ret, 0, 0) X(ret1, 1, 0) X(select, 4, 0)

#define DJ_PAIRS(X) \
	X(const32, bk) X(const32, br) X(const32, call) X(const32, const32) \
	X(const32, i32_eq_br_si) X(const32, mov) X(const32, select) \
	X(f64_add_sm, const64) X(f64_add_sm, f64_load_sc) \
	X(f64_store_s, f64_load_s) X(f64_store_s, i32_add_si) \
	X(f64_store_s, i32_step_ne_ii) X(global_set, i32_load_s) \
	X(global_set, ret) X(global_set, ret1) X(i32_add_si, bk) \
	X(i32_add_si, br) X(i32_add_si, const32) X(i32_add_si, f64_add_sm) \
	X(i32_add_si, f64_mul_sm) X(i32_add_si, i32_add_si) \
	X(i32_add_si, i32_add_ss) X(i32_add_si, i32_and_si) \
	X(i32_add_si, i32_load8_u_s) X(i32_add_si, i32_load8_u_sc) \
	X(i32_add_si, i32_load_s) X(i32_add_si, i32_ne_bk_ss) \
	X(i32_add_si, i32_step_ne_ii) X(i32_add_si, i32_store_s) \
	X(i32_add_si, i64_add_si) X(i32_add_si, i64_load_sc) \
	X(i32_add_si, mov) X(i32_add_ss, bk) X(i32_add_ss, const32) \
	X(i32_add_ss, f64_mul_sm) X(i32_add_ss, i32_add_si) \
	X(i32_add_ss, i32_add_ss) X(i32_add_ss, i32_load_s) \
	X(i32_add_ss, i32_load_sc) X(i32_and_si, i32_shr_u_si) \
	X(i32_and_si, i32_store_s) X(i32_and_si, select) \
	X(i32_eq_br_si, br_table) X(i32_eq_br_si, i32_add_si) \
	X(i32_eq_br_si, i32_eq_br_si) X(i32_eq_br_si, i32_load8_u_s) \
	X(i32_eq_br_si, i32_load_s) X(i32_eq_br_si, mov) \
	X(i32_eq_br_ss, i32_load_s) X(i32_load16_u_s, i32_load16_u_s) \
	X(i32_load8_u_s, i32_and_si) X(i32_load8_u_s, i32_load8_u_s) \
	X(i32_load8_u_s, i32_store8_s) X(i32_load_s, br) \
	X(i32_load_s, const32) X(i32_load_s, i32_add_si) \
	X(i32_load_s, i32_add_ss) X(i32_load_s, i32_load8_u_s) \
	X(i32_load_s, i32_load_s) X(i32_load_s, i32_lt_s_br_si) \
	X(i32_load_s, i32_store_s) X(i32_load_s, mov) \
	X(i32_load_sc, i32_load_s) X(i32_load_sc, i32_load_sc) \
	X(i32_lt_s_br_si, i32_load_s) X(i32_lt_u_br_ss, i32_and_si) \
	X(i32_ne_br_si, i32_add_si) X(i32_ne_br_si, i32_load8_u_s) \
	X(i32_ne_br_si, i32_load_s) X(i32_ne_br_si, i32_ne_br_si) \
	X(i32_ne_br_si, i64_load_s) X(i32_ne_br_ss, i32_add_si) \
	X(i32_rotl_si, i32_rotl_si) X(i32_shr_u_si, i32_and_si) \
	X(i32_store8_s, br) X(i32_store8_s, i32_add_si) \
	X(i32_store8_s, i32_load8_u_s) X(i32_store8_s, i32_load_s) \
	X(i32_store8_s, i32_step_ne_ii) X(i32_store_s, br) \
	X(i32_store_s, const32) X(i32_store_s, i32_add_si) \
	X(i32_store_s, i32_add_ss) X(i32_store_s, i32_load16_u_sc) \
	X(i32_store_s, i32_load_s) X(i32_store_s, i32_store_s) \
	X(i32_store_s, mov) X(i32_store_s, ret) X(i32_xor_si, i32_shr_u_si) \
	X(i32_xor_ss, i32_rotl_si) X(i32_xor_ss, i32_shr_u_si) \
	X(i64_add_ss, i64_mul_ss) X(i64_mul_ss, i64_mul_ss) \
	X(i64_or_ss, i64_shl_si) X(i64_or_ss, i64_shr_u_si) \
	X(i64_rotl_si, i64_rotl_si) X(i64_shl_si, const64) \
	X(i64_shr_u_si, const64) X(i64_store_s, i32_add_si) \
	X(i64_store_s, i32_load8_u_s) X(i64_store_s, i64_load_s) \
	X(i64_store_s, i64_store_s) X(i64_xor_ss, i64_and_ss) \
	X(i64_xor_ss, i64_xor_ss) X(mov, bk) X(mov, br) X(mov, call) \
	X(mov, const32) X(mov, i32_add_si) X(mov, i32_load_s) \
	X(mov, i32_ne_bk_si) X(mov, i32_ne_bk_ss) X(mov, i32_step_ne_ii) \
	X(mov2, br) X(mov2, i32_add_si) X(mov2, mov) X(select, i32_add_si)

#define DJ_LINKS(X) \
	X(const64, i64_and_ss) X(f64_add_sm, f64_add_sm) \
	X(f64_add_sm, f64_add_ss) X(f64_add_sm, f64_mul_ss) \
	X(f64_add_sm, f64_store_s) X(f64_add_ss, f64_add_sm) \
	X(f64_add_ss, f64_add_ss) X(f64_add_ss, f64_mul_ss) \
	X(f64_add_ss, f64_store_s) X(f64_load_s, f64_store_s) \
	X(f64_load_sc, f64_add_ss) X(f64_mul_add, f64_store_s) \
	X(f64_mul_add_mm, f64_store_s) X(f64_mul_add_sm, f64_mul_add_sm) \
	X(f64_mul_add_sm, f64_store_s) X(f64_mul_sm, f64_add_sm) \
	X(f64_mul_sm, f64_store_s) X(f64_mul_ss, f64_add_sm) \
	X(f64_mul_ss, f64_mul_ss) X(f64_mul_ss, f64_store_s) \
	X(f64_sub_ss, f64_add_ss) X(f64_sub_ss, f64_mul_ss) \
	X(f64_sub_ss, f64_store_s) X(global_get, i32_add_si) \
	X(i32_add_shl, i32_load8_u_s) X(i32_add_shl, i32_load_s) \
	X(i32_add_si, br_table) X(i32_add_si, global_set) \
	X(i32_add_si, i32_add_si) X(i32_add_si, i32_add_ss) \
	X(i32_add_si, i32_and_si) X(i32_add_si, i32_eq_br_si) \
	X(i32_add_si, i32_load16_u_s) X(i32_add_si, i32_load8_u_s) \
	X(i32_add_si, i32_load_s) X(i32_add_si, i32_lt_s_ss) \
	X(i32_add_si, i32_ne_bk_ss) X(i32_add_si, i32_ne_br_si) \
	X(i32_add_si, i32_shr_u_si) X(i32_add_si, i32_store_s) \
	X(i32_add_si, i64_load_s) X(i32_add_ss, f64_load_s) \
	X(i32_add_ss, i32_add_si) X(i32_add_ss, i32_add_ss) \
	X(i32_add_ss, i32_and_si) X(i32_add_ss, i32_load8_u_s) \
	X(i32_add_ss, i32_load8_u_sc) X(i32_add_ss, i32_load_s) \
	X(i32_add_ss, i32_load_sc) X(i32_add_ss, i32_rotl_si) \
	X(i32_add_ss, i32_shr_u_si) X(i32_add_ss, i32_store_s) \
	X(i32_add_ss, i32_xor_ss) X(i32_and_si, i32_add_shl) \
	X(i32_and_si, i32_add_si) X(i32_and_si, i32_add_ss) \
	X(i32_and_si, i32_eq_br_si) X(i32_and_si, i32_eq_br_ss) \
	X(i32_and_si, i32_ge_u_br_si) X(i32_and_si, i32_mul_ss) \
	X(i32_and_si, i32_ne_br_si) X(i32_and_si, i32_shl_si) \
	X(i32_and_si, i32_shr_u_si) X(i32_and_si, i32_store8_s) \
	X(i32_and_si, i32_store_s) X(i32_and_si, i32_xor_si) \
	X(i32_and_si, i32_xor_ss) X(i32_and_ss, i32_add_ss) \
	X(i32_and_ss, i32_or_ss) X(i32_and_ss, i32_xor_ss) \
	X(i32_gt_u_ss, select) X(i32_load16_u_s, i32_add_si) \
	X(i32_load16_u_s, i32_add_ss) X(i32_load16_u_s, i32_and_si) \
	X(i32_load16_u_s, i32_eq_br_ss) X(i32_load16_u_sc, i32_add_shl) \
	X(i32_load8_u_s, br_table) X(i32_load8_u_s, i32_add_shl) \
	X(i32_load8_u_s, i32_add_si) X(i32_load8_u_s, i32_add_ss) \
	X(i32_load8_u_s, i32_and_si) X(i32_load8_u_s, i32_eq_br_si) \
	X(i32_load8_u_s, i32_eq_br_ss) X(i32_load8_u_s, i32_ne_bk_si) \
	X(i32_load8_u_s, i32_ne_br_si) X(i32_load8_u_s, i32_ne_br_ss) \
	X(i32_load8_u_s, i32_or_ss) X(i32_load8_u_s, i32_shl_si) \
	X(i32_load8_u_s, i32_store8_s) X(i32_load8_u_s, i32_xor_ss) \
	X(i32_load8_u_sc, i32_and_si) X(i32_load8_u_sc, i32_store8_s) \
	X(i32_load_s, i32_add_shl) X(i32_load_s, i32_add_si) \
	X(i32_load_s, i32_add_ss) X(i32_load_s, i32_and_si) \
	X(i32_load_s, i32_eq_br_si) X(i32_load_s, i32_eq_br_ss) \
	X(i32_load_s, i32_ge_s_br_ss) X(i32_load_s, i32_load16_u_s) \
	X(i32_load_s, i32_load8_u_s) X(i32_load_s, i32_load_s) \
	X(i32_load_s, i32_lt_s_br_si) X(i32_load_s, i32_lt_u_br_ss) \
	X(i32_load_s, i32_ne_bk_si) X(i32_load_s, i32_ne_br_si) \
	X(i32_load_s, i32_ne_br_ss) X(i32_load_s, i32_shl_si) \
	X(i32_load_s, i32_shr_u_si) X(i32_load_s, i32_store_s) \
	X(i32_load_s, i32_sub_ss) X(i32_load_s, i32_xor_ss) \
	X(i32_load_s, i64_load_s) X(i32_load_sc, i32_add_si) \
	X(i32_load_sc, i32_add_ss) X(i32_load_sc, i32_load_s) \
	X(i32_load_sc, i32_rotl_si) X(i32_load_ss, i32_ne_br_ss) \
	X(i32_load_sx, i32_add_ss) X(i32_load_sx, i32_ge_u_br_ss) \
	X(i32_lt_s_ss, select) X(i32_mul_si, i32_add_ss) \
	X(i32_mul_ss, i32_add_ss) X(i32_mul_ss, i32_shr_u_si) \
	X(i32_ne_ss, i32_add_ss) X(i32_or_ss, i32_add_ss) \
	X(i32_or_ss, i32_and_ss) X(i32_or_ss, i32_or_ss) \
	X(i32_or_ss, i32_store_s) X(i32_rotl_si, i32_add_ss) \
	X(i32_rotl_si, i32_xor_ss) X(i32_shl_si, i32_add_ss) \
	X(i32_shl_si, i32_load_sc) X(i32_shl_si, i32_or_ss) \
	X(i32_shl_si, i32_xor_ss) X(i32_shr_u_si, i32_add_ss) \
	X(i32_shr_u_si, i32_and_si) X(i32_shr_u_si, i32_or_ss) \
	X(i32_shr_u_si, i32_sub_ss) X(i32_shr_u_si, i32_xor_ss) \
	X(i32_sub_ss, i32_add_si) X(i32_sub_ss, i32_add_ss) \
	X(i32_sub_ss, i32_store_s) X(i32_xor_si, i32_and_ss) \
	X(i32_xor_ss, i32_add_ss) X(i32_xor_ss, i32_and_si) \
	X(i32_xor_ss, i32_and_ss) X(i32_xor_ss, i32_eq_br_si) \
	X(i32_xor_ss, i32_rotl_si) X(i32_xor_ss, i32_shr_u_si) \
	X(i32_xor_ss, i32_store8_s) X(i32_xor_ss, i32_store_s) \
	X(i64_add_si, i64_and_ss) X(i64_add_ss, i64_add_ss) \
	X(i64_add_ss, i64_mul_ss) X(i64_add_ss, i64_rotl_si) \
	X(i64_add_ss, i64_store_s) X(i64_and_si, i64_or_ss) \
	X(i64_and_ss, i64_and_ss) X(i64_and_ss, i64_eq_br_si) \
	X(i64_and_ss, i64_or_ss) X(i64_and_ss, i64_xor_ss) \
	X(i64_load_s, i64_store_s) X(i64_load_s, i64_xor_ss) \
	X(i64_load_sc, i64_add_ss) X(i64_load_sc, i64_store_s) \
	X(i64_load_sc, i64_xor_ss) X(i64_mul_ss, i64_add_ss) \
	X(i64_or_ss, i64_or_ss) X(i64_or_ss, i64_shl_si) \
	X(i64_or_ss, i64_shr_u_si) X(i64_or_ss, i64_store_s) \
	X(i64_rotl_si, i64_xor_ss) X(i64_shl_si, i64_or_ss) \
	X(i64_shr_u_si, i64_add_ss) X(i64_shr_u_si, i64_and_si) \
	X(i64_shr_u_si, i64_xor_ss) X(i64_xor_ss, i64_add_ss) \
	X(i64_xor_ss, i64_and_ss) X(i64_xor_ss, i64_rotl_si) \
	X(i64_xor_ss, i64_shr_u_si) X(i64_xor_ss, i64_store_s) \
	X(i64_xor_ss, i64_xor_ss) X(mov, i32_add_si) X(mov, i32_load_s) \
	X(select, i32_add_si) X(select, i32_add_ss) X(select, i32_shr_u_si) \
	X(select, i32_store_s)

#define DJ_PAIR_NAME(a, b) a##__##b
#define DJ_LINK_NAME(a, b) a##_to_##b
/* clang-format on */
