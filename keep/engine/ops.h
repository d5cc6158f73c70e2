// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keep/engine/pairs.h"
#include "keep/engine/simd_ops.h"

/*
 * The internal code: 32-bit words. Word 0 is the handler's offset from the
 * first handler, word 1 the destination slot where there is one, then
 * operands: slots, immediates, branch targets. A target is relative to the
 * word that holds it; so code can be moved as long as it moves whole.
 * Variants stand next to each other, in the order of the enum below; groups
 * are in the order of Wasm's opcodes.
 */
/* clang-format off */
#define DJ_CMP(X, n) \
	X(n##_ss) X(n##_si) X(n##_br_ss) X(n##_br_si) X(n##_bk_ss) \
	X(n##_bk_si)
enum {
	DJ_SS,
	DJ_SI,
	DJ_BR_SS,
	DJ_BR_SI,
	DJ_BK_SS,
	DJ_BK_SI,
	DJ_CMP_SIZE
};

#define DJ_FCMP(X, n) X(n##_ss) X(n##_br) X(n##_brn) X(n##_bk) X(n##_bkn)
enum {
	DJ_F_SS,
	DJ_F_BR,
	DJ_F_BRN,
	DJ_F_BK,
	DJ_F_BKN,
	DJ_FCMP_SIZE
};

#define DJ_BIN(X, n) X(n##_ss) X(n##_si)

#define DJ_INT_CMPS(X, t) \
	DJ_CMP(X, t##_eq) DJ_CMP(X, t##_ne) DJ_CMP(X, t##_lt_s) \
	DJ_CMP(X, t##_lt_u) DJ_CMP(X, t##_gt_s) DJ_CMP(X, t##_gt_u) \
	DJ_CMP(X, t##_le_s) DJ_CMP(X, t##_le_u) DJ_CMP(X, t##_ge_s) \
	DJ_CMP(X, t##_ge_u)

#define DJ_FLOAT_CMPS(X, t) \
	DJ_FCMP(X, t##_eq) DJ_FCMP(X, t##_ne) DJ_FCMP(X, t##_lt) \
	DJ_FCMP(X, t##_gt) DJ_FCMP(X, t##_le) DJ_FCMP(X, t##_ge)

#define DJ_INT_BINS(X, t) \
	DJ_BIN(X, t##_add) DJ_BIN(X, t##_sub) DJ_BIN(X, t##_mul) \
	DJ_BIN(X, t##_div_s) DJ_BIN(X, t##_div_u) DJ_BIN(X, t##_rem_s) \
	DJ_BIN(X, t##_rem_u) DJ_BIN(X, t##_and) DJ_BIN(X, t##_or) \
	DJ_BIN(X, t##_xor) DJ_BIN(X, t##_shl) DJ_BIN(X, t##_shr_s) \
	DJ_BIN(X, t##_shr_u) DJ_BIN(X, t##_rotl) DJ_BIN(X, t##_rotr)

#define DJ_FLOAT_UNS(X, t) \
	X(t##_abs) X(t##_neg) X(t##_ceil) X(t##_floor) X(t##_trunc) \
	X(t##_nearest) X(t##_sqrt)

#define DJ_FLOAT_BINS(X, t) \
	DJ_BIN(X, t##_add) DJ_BIN(X, t##_sub) DJ_BIN(X, t##_mul) \
	DJ_BIN(X, t##_div) DJ_BIN(X, t##_min) DJ_BIN(X, t##_max) \
	DJ_BIN(X, t##_copysign)

/*
 * a + b * c and a - b * c, and operations on what is in memory: m is three
 * words, a slot and a constant, whose sum wraps, and an offset.
 */
#define DJ_FLOAT_FUSED(X, t) \
	X(t##_mul_add) X(t##_mul_add_sm) X(t##_mul_add_mm) \
	X(t##_mul_sub) X(t##_mul_sub_sm) X(t##_mul_sub_mm) \
	X(t##_add_sm) X(t##_sub_sm) X(t##_mul_sm) X(t##_mul_mm)

/* slot = slot + (slot or constant), compare it, and back to the loop. */
#define DJ_STEP(X, n) \
	X(n##_ss) X(n##_si) X(n##_is) X(n##_ii)
#define DJ_STEPS(X) \
	DJ_STEP(X, i32_step_eq) DJ_STEP(X, i32_step_ne) \
	DJ_STEP(X, i32_step_lt_s) DJ_STEP(X, i32_step_lt_u) \
	DJ_STEP(X, i32_step_gt_s) DJ_STEP(X, i32_step_gt_u) \
	DJ_STEP(X, i32_step_le_s) DJ_STEP(X, i32_step_le_u) \
	DJ_STEP(X, i32_step_ge_s) DJ_STEP(X, i32_step_ge_u)

/* Address in a slot, constant, sum of two slots, slot + scaled slot, slot +
 * constant (which wraps, other than the offset). */
#define DJ_LOAD(X, n) X(n##_s) X(n##_abs) X(n##_ss) X(n##_sx) X(n##_sc)
enum {
	DJ_LD_S,
	DJ_LD_ABS,
	DJ_LD_SS,
	DJ_LD_SX,
	DJ_LD_SC,
	DJ_LOAD_SIZE
};

#define DJ_LOADS(X) \
	DJ_LOAD(X, i32_load) DJ_LOAD(X, i64_load) DJ_LOAD(X, f32_load) \
	DJ_LOAD(X, f64_load) DJ_LOAD(X, i32_load8_s) \
	DJ_LOAD(X, i32_load8_u) DJ_LOAD(X, i32_load16_s) \
	DJ_LOAD(X, i32_load16_u) DJ_LOAD(X, i64_load8_s) \
	DJ_LOAD(X, i64_load8_u) DJ_LOAD(X, i64_load16_s) \
	DJ_LOAD(X, i64_load16_u) DJ_LOAD(X, i64_load32_s) \
	DJ_LOAD(X, i64_load32_u)

/* Value in a slot or constant; address as above. */
#define DJ_STORE(X, n) \
	X(n##_s) X(n##_abs) X(n##_ss) X(n##_sx) X(n##_sc) X(n##_si)
enum {
	DJ_ST_S,
	DJ_ST_ABS,
	DJ_ST_SS,
	DJ_ST_SX,
	DJ_ST_SC,
	DJ_ST_SI,
	DJ_STORE_SIZE
};

#define DJ_STORES(X) \
	DJ_STORE(X, i32_store) DJ_STORE(X, i64_store) \
	DJ_STORE(X, f32_store) DJ_STORE(X, f64_store) \
	DJ_STORE(X, i32_store8) DJ_STORE(X, i32_store16) \
	DJ_STORE(X, i64_store8) DJ_STORE(X, i64_store16) \
	DJ_STORE(X, i64_store32)

#define DJ_INT_UNS(X, t) X(t##_clz) X(t##_ctz) X(t##_popcnt)

/* 0xa7 to 0xbf, 0xc0 to 0xc4, 0xfc 0 to 7. */
#define DJ_CONVERSIONS(X) \
	X(i32_wrap_i64) X(i32_trunc_f32_s) X(i32_trunc_f32_u) \
	X(i32_trunc_f64_s) X(i32_trunc_f64_u) X(i64_extend_i32_s) \
	X(i64_extend_i32_u) X(i64_trunc_f32_s) X(i64_trunc_f32_u) \
	X(i64_trunc_f64_s) X(i64_trunc_f64_u) X(f32_convert_i32_s) \
	X(f32_convert_i32_u) X(f32_convert_i64_s) X(f32_convert_i64_u) \
	X(f32_demote_f64) X(f64_convert_i32_s) X(f64_convert_i32_u) \
	X(f64_convert_i64_s) X(f64_convert_i64_u) X(f64_promote_f32)

#define DJ_EXTENDS(X) \
	X(i32_extend8_s) X(i32_extend16_s) X(i64_extend8_s) \
	X(i64_extend16_s) X(i64_extend32_s)

#define DJ_SATURATING(X) \
	X(i32_sat_f32_s) X(i32_sat_f32_u) X(i32_sat_f64_s) \
	X(i32_sat_f64_u) X(i64_sat_f32_s) X(i64_sat_f32_u) \
	X(i64_sat_f64_s) X(i64_sat_f64_u)

#define DJ_OTHERS(X) \
	X(compile) X(exit) X(unreachable) X(mov) X(mov2) X(moven) \
	X(const32) X(const64) X(br) X(bk) X(br_table) X(ret) X(ret1) \
	X(retn) X(call) X(call_far) X(call_host) X(call_indirect) \
	X(select) X(global_get) X(global_set) X(memory_size) \
	X(memory_grow) X(memory_init) X(data_drop) X(memory_copy) \
	X(memory_fill) X(table_get) X(table_set) X(table_init) \
	X(elem_drop) X(table_copy) X(table_grow) X(table_size) \
	X(table_fill) X(i32_add_shl) X(i32_mul_add)

#define DJ_FIELDS(X, n) \
	X(n##_get8_s) X(n##_get8_u) X(n##_get16_s) X(n##_get16_u) \
	X(n##_get32) X(n##_get64) X(n##_get128) \
	X(n##_set8) X(n##_set16) X(n##_set32) X(n##_set64) X(n##_set128)

#define DJ_REFERENCES(X) \
	X(call_ref) X(return_call_ref) X(non_null) X(ref_test) X(ref_cast) \
	X(ref_flip) X(ref_i31) X(i31_get_s) X(i31_get_u) \
	X(struct_new) X(struct_default) DJ_FIELDS(X, struct) \
	X(array_new) X(array_default) X(array_fixed) X(array_new_data) \
	X(array_new_elem) X(array_len) DJ_FIELDS(X, array) X(array_fill) \
	X(array_copy) X(array_init_data) X(array_init_elem)

#define DJ_ENGINE_OPS(X) \
	DJ_OTHERS(X) DJ_INT_CMPS(X, i32) DJ_INT_CMPS(X, i64) \
	DJ_FLOAT_CMPS(X, f32) DJ_FLOAT_CMPS(X, f64) DJ_INT_UNS(X, i32) \
	DJ_INT_BINS(X, i32) DJ_INT_UNS(X, i64) DJ_INT_BINS(X, i64) \
	DJ_FLOAT_UNS(X, f32) DJ_FLOAT_BINS(X, f32) \
	DJ_FLOAT_UNS(X, f64) DJ_FLOAT_BINS(X, f64) DJ_CONVERSIONS(X) \
	DJ_EXTENDS(X) DJ_SATURATING(X) DJ_LOADS(X) DJ_STORES(X) \
	DJ_FLOAT_FUSED(X, f32) DJ_FLOAT_FUSED(X, f64) DJ_STEPS(X) \
	X(return_call) X(return_call_host) X(return_call_indirect) \
	X(throw) X(throw_ref) X(memory) X(address64) X(index64) \
	X(i64_add128) X(i64_sub128) X(i64_mul_wide_s) X(i64_mul_wide_u) \
	DJ_REFERENCES(X) X(const128) X(global_get128) X(global_set128) X(v128_select) \
	DJ_SIMD_NAMES(X)
/* clang-format on */

#define DJ_ENUM(n)    DJ_I_##n,
#define DJ_PAIR(a, b) DJ_I_##a##__##b,
#define DJ_LINK(a, b) DJ_I_##a##_to_##b,
enum dj_engine_op {
	DJ_ENGINE_OPS(DJ_ENUM) DJ_ENGINE_PARTS,
	DJ_ENGINE_LAST_PART = DJ_ENGINE_PARTS - 1, /* pairs come next */
	DJ_PAIRS(DJ_PAIR) DJ_LINKS(DJ_LINK) DJ_ENGINE_OP_COUNT
};
#undef DJ_PAIR
#undef DJ_LINK
#undef DJ_ENUM
