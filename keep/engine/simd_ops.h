// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Vector instructions that have a handler each: the number behind 0xfd, the
 * handler's name. v128.const is no instruction here, and the relaxed ones
 * that are not listed do what a plain one does: the deterministic profile.
 */
/* clang-format off */
/* X(Y, number, name), so that Y can be a macro of names alone. */
#define DJ_SIMD(X, Y) \
	X(Y, 0, v128_load) X(Y, 1, v128_load8x8_s) X(Y, 2, v128_load8x8_u) \
	X(Y, 3, v128_load16x4_s) X(Y, 4, v128_load16x4_u) \
	X(Y, 5, v128_load32x2_s) X(Y, 6, v128_load32x2_u) \
	X(Y, 7, v128_load8_splat) X(Y, 8, v128_load16_splat) \
	X(Y, 9, v128_load32_splat) X(Y, 10, v128_load64_splat) \
	X(Y, 11, v128_store) X(Y, 13, i8x16_shuffle) X(Y, 14, i8x16_swizzle) \
	X(Y, 15, i8x16_splat) X(Y, 16, i16x8_splat) X(Y, 17, i32x4_splat) \
	X(Y, 18, i64x2_splat) X(Y, 19, f32x4_splat) X(Y, 20, f64x2_splat) \
	X(Y, 21, i8x16_extract_lane_s) X(Y, 22, i8x16_extract_lane_u) \
	X(Y, 23, i8x16_replace_lane) X(Y, 24, i16x8_extract_lane_s) \
	X(Y, 25, i16x8_extract_lane_u) X(Y, 26, i16x8_replace_lane) \
	X(Y, 27, i32x4_extract_lane) X(Y, 28, i32x4_replace_lane) \
	X(Y, 29, i64x2_extract_lane) X(Y, 30, i64x2_replace_lane) \
	X(Y, 31, f32x4_extract_lane) X(Y, 32, f32x4_replace_lane) \
	X(Y, 33, f64x2_extract_lane) X(Y, 34, f64x2_replace_lane) \
	X(Y, 35, i8x16_eq) X(Y, 36, i8x16_ne) X(Y, 37, i8x16_lt_s) \
	X(Y, 38, i8x16_lt_u) X(Y, 39, i8x16_gt_s) X(Y, 40, i8x16_gt_u) \
	X(Y, 41, i8x16_le_s) X(Y, 42, i8x16_le_u) X(Y, 43, i8x16_ge_s) \
	X(Y, 44, i8x16_ge_u) X(Y, 45, i16x8_eq) X(Y, 46, i16x8_ne) \
	X(Y, 47, i16x8_lt_s) X(Y, 48, i16x8_lt_u) X(Y, 49, i16x8_gt_s) \
	X(Y, 50, i16x8_gt_u) X(Y, 51, i16x8_le_s) X(Y, 52, i16x8_le_u) \
	X(Y, 53, i16x8_ge_s) X(Y, 54, i16x8_ge_u) X(Y, 55, i32x4_eq) \
	X(Y, 56, i32x4_ne) X(Y, 57, i32x4_lt_s) X(Y, 58, i32x4_lt_u) \
	X(Y, 59, i32x4_gt_s) X(Y, 60, i32x4_gt_u) X(Y, 61, i32x4_le_s) \
	X(Y, 62, i32x4_le_u) X(Y, 63, i32x4_ge_s) X(Y, 64, i32x4_ge_u) \
	X(Y, 65, f32x4_eq) X(Y, 66, f32x4_ne) X(Y, 67, f32x4_lt) \
	X(Y, 68, f32x4_gt) X(Y, 69, f32x4_le) X(Y, 70, f32x4_ge) \
	X(Y, 71, f64x2_eq) X(Y, 72, f64x2_ne) X(Y, 73, f64x2_lt) \
	X(Y, 74, f64x2_gt) X(Y, 75, f64x2_le) X(Y, 76, f64x2_ge) \
	X(Y, 77, v128_not) X(Y, 78, v128_and) X(Y, 79, v128_andnot) \
	X(Y, 80, v128_or) X(Y, 81, v128_xor) X(Y, 82, v128_bitselect) \
	X(Y, 83, v128_any_true) X(Y, 84, v128_load8_lane) \
	X(Y, 85, v128_load16_lane) X(Y, 86, v128_load32_lane) \
	X(Y, 87, v128_load64_lane) X(Y, 88, v128_store8_lane) \
	X(Y, 89, v128_store16_lane) X(Y, 90, v128_store32_lane) \
	X(Y, 91, v128_store64_lane) X(Y, 92, v128_load32_zero) \
	X(Y, 93, v128_load64_zero) X(Y, 94, f32x4_demote_f64x2_zero) \
	X(Y, 95, f64x2_promote_low_f32x4) X(Y, 96, i8x16_abs) \
	X(Y, 97, i8x16_neg) X(Y, 98, i8x16_popcnt) X(Y, 99, i8x16_all_true) \
	X(Y, 100, i8x16_bitmask) X(Y, 101, i8x16_narrow_i16x8_s) \
	X(Y, 102, i8x16_narrow_i16x8_u) X(Y, 103, f32x4_ceil) \
	X(Y, 104, f32x4_floor) X(Y, 105, f32x4_trunc) \
	X(Y, 106, f32x4_nearest) X(Y, 107, i8x16_shl) X(Y, 108, i8x16_shr_s) \
	X(Y, 109, i8x16_shr_u) X(Y, 110, i8x16_add) \
	X(Y, 111, i8x16_add_sat_s) X(Y, 112, i8x16_add_sat_u) \
	X(Y, 113, i8x16_sub) X(Y, 114, i8x16_sub_sat_s) \
	X(Y, 115, i8x16_sub_sat_u) X(Y, 116, f64x2_ceil) \
	X(Y, 117, f64x2_floor) X(Y, 118, i8x16_min_s) X(Y, 119, i8x16_min_u) \
	X(Y, 120, i8x16_max_s) X(Y, 121, i8x16_max_u) X(Y, 122, f64x2_trunc) \
	X(Y, 123, i8x16_avgr_u) X(Y, 124, i16x8_extadd_pairwise_i8x16_s) \
	X(Y, 125, i16x8_extadd_pairwise_i8x16_u) \
	X(Y, 126, i32x4_extadd_pairwise_i16x8_s) \
	X(Y, 127, i32x4_extadd_pairwise_i16x8_u) X(Y, 128, i16x8_abs) \
	X(Y, 129, i16x8_neg) X(Y, 130, i16x8_q15mulr_sat_s) \
	X(Y, 131, i16x8_all_true) X(Y, 132, i16x8_bitmask) \
	X(Y, 133, i16x8_narrow_i32x4_s) X(Y, 134, i16x8_narrow_i32x4_u) \
	X(Y, 135, i16x8_extend_low_i8x16_s) \
	X(Y, 136, i16x8_extend_high_i8x16_s) \
	X(Y, 137, i16x8_extend_low_i8x16_u) \
	X(Y, 138, i16x8_extend_high_i8x16_u) X(Y, 139, i16x8_shl) \
	X(Y, 140, i16x8_shr_s) X(Y, 141, i16x8_shr_u) X(Y, 142, i16x8_add) \
	X(Y, 143, i16x8_add_sat_s) X(Y, 144, i16x8_add_sat_u) \
	X(Y, 145, i16x8_sub) X(Y, 146, i16x8_sub_sat_s) \
	X(Y, 147, i16x8_sub_sat_u) X(Y, 148, f64x2_nearest) \
	X(Y, 149, i16x8_mul) X(Y, 150, i16x8_min_s) X(Y, 151, i16x8_min_u) \
	X(Y, 152, i16x8_max_s) X(Y, 153, i16x8_max_u) X(Y, 155, i16x8_avgr_u) \
	X(Y, 156, i16x8_extmul_low_i8x16_s) \
	X(Y, 157, i16x8_extmul_high_i8x16_s) \
	X(Y, 158, i16x8_extmul_low_i8x16_u) \
	X(Y, 159, i16x8_extmul_high_i8x16_u) X(Y, 160, i32x4_abs) \
	X(Y, 161, i32x4_neg) X(Y, 163, i32x4_all_true) \
	X(Y, 164, i32x4_bitmask) X(Y, 167, i32x4_extend_low_i16x8_s) \
	X(Y, 168, i32x4_extend_high_i16x8_s) \
	X(Y, 169, i32x4_extend_low_i16x8_u) \
	X(Y, 170, i32x4_extend_high_i16x8_u) X(Y, 171, i32x4_shl) \
	X(Y, 172, i32x4_shr_s) X(Y, 173, i32x4_shr_u) X(Y, 174, i32x4_add) \
	X(Y, 177, i32x4_sub) X(Y, 181, i32x4_mul) X(Y, 182, i32x4_min_s) \
	X(Y, 183, i32x4_min_u) X(Y, 184, i32x4_max_s) X(Y, 185, i32x4_max_u) \
	X(Y, 186, i32x4_dot_i16x8_s) X(Y, 188, i32x4_extmul_low_i16x8_s) \
	X(Y, 189, i32x4_extmul_high_i16x8_s) \
	X(Y, 190, i32x4_extmul_low_i16x8_u) \
	X(Y, 191, i32x4_extmul_high_i16x8_u) X(Y, 192, i64x2_abs) \
	X(Y, 193, i64x2_neg) X(Y, 195, i64x2_all_true) \
	X(Y, 196, i64x2_bitmask) X(Y, 199, i64x2_extend_low_i32x4_s) \
	X(Y, 200, i64x2_extend_high_i32x4_s) \
	X(Y, 201, i64x2_extend_low_i32x4_u) \
	X(Y, 202, i64x2_extend_high_i32x4_u) X(Y, 203, i64x2_shl) \
	X(Y, 204, i64x2_shr_s) X(Y, 205, i64x2_shr_u) X(Y, 206, i64x2_add) \
	X(Y, 209, i64x2_sub) X(Y, 213, i64x2_mul) X(Y, 214, i64x2_eq) \
	X(Y, 215, i64x2_ne) X(Y, 216, i64x2_lt_s) X(Y, 217, i64x2_gt_s) \
	X(Y, 218, i64x2_le_s) X(Y, 219, i64x2_ge_s) \
	X(Y, 220, i64x2_extmul_low_i32x4_s) \
	X(Y, 221, i64x2_extmul_high_i32x4_s) \
	X(Y, 222, i64x2_extmul_low_i32x4_u) \
	X(Y, 223, i64x2_extmul_high_i32x4_u) X(Y, 224, f32x4_abs) \
	X(Y, 225, f32x4_neg) X(Y, 227, f32x4_sqrt) X(Y, 228, f32x4_add) \
	X(Y, 229, f32x4_sub) X(Y, 230, f32x4_mul) X(Y, 231, f32x4_div) \
	X(Y, 232, f32x4_min) X(Y, 233, f32x4_max) X(Y, 234, f32x4_pmin) \
	X(Y, 235, f32x4_pmax) X(Y, 236, f64x2_abs) X(Y, 237, f64x2_neg) \
	X(Y, 239, f64x2_sqrt) X(Y, 240, f64x2_add) X(Y, 241, f64x2_sub) \
	X(Y, 242, f64x2_mul) X(Y, 243, f64x2_div) X(Y, 244, f64x2_min) \
	X(Y, 245, f64x2_max) X(Y, 246, f64x2_pmin) X(Y, 247, f64x2_pmax) \
	X(Y, 248, i32x4_trunc_sat_f32x4_s) X(Y, 249, i32x4_trunc_sat_f32x4_u) \
	X(Y, 250, f32x4_convert_i32x4_s) X(Y, 251, f32x4_convert_i32x4_u) \
	X(Y, 252, i32x4_trunc_sat_f64x2_s_zero) \
	X(Y, 253, i32x4_trunc_sat_f64x2_u_zero) \
	X(Y, 254, f64x2_convert_low_i32x4_s) \
	X(Y, 255, f64x2_convert_low_i32x4_u) X(Y, 261, f32x4_relaxed_madd) \
	X(Y, 262, f32x4_relaxed_nmadd) X(Y, 263, f64x2_relaxed_madd) \
	X(Y, 264, f64x2_relaxed_nmadd) X(Y, 274, i16x8_relaxed_dot_i8x16_s) \
	X(Y, 275, i32x4_relaxed_dot_i8x16_add_s)

#define DJ_RELAXED(X) \
	X(256, i8x16_swizzle) X(257, i32x4_trunc_sat_f32x4_s) \
	X(258, i32x4_trunc_sat_f32x4_u) X(259, i32x4_trunc_sat_f64x2_s_zero) \
	X(260, i32x4_trunc_sat_f64x2_u_zero) X(265, v128_bitselect) \
	X(266, v128_bitselect) X(267, v128_bitselect) \
	X(268, v128_bitselect) X(269, f32x4_min) \
	X(270, f32x4_max) X(271, f64x2_min) \
	X(272, f64x2_max) X(273, i16x8_q15mulr_sat_s)
#define DJ_SIMD_NAME(Y, n, name) Y(name)
#define DJ_SIMD_NAMES(Y)         DJ_SIMD(DJ_SIMD_NAME, Y)
/* clang-format on */
