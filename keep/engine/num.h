// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Wasm's numbers where C's differ or a library would be needed. Every
 * arithmetic result that is a NaN is a quiet one; ceil, floor, trunc and
 * nearest work on the bits, so that they do the same on every machine.
 */
static inline uint32_t dj_f32_bits(float f)
{
	uint32_t v;

	memcpy(&v, &f, sizeof(v));
	return v;
}

static inline float dj_f32_of(uint32_t v)
{
	float f;

	memcpy(&f, &v, sizeof(f));
	return f;
}

static inline uint64_t dj_f64_bits(double f)
{
	uint64_t v;

	memcpy(&v, &f, sizeof(v));
	return v;
}

static inline double dj_f64_of(uint64_t v)
{
	double f;

	memcpy(&f, &v, sizeof(f));
	return f;
}

/*
 * On POWER a single is a double in its register: loading a signalling NaN
 * does not quiet it, and compilers take the load for the whole promotion. And
 * QEMU's xscvsxdsp and xscvuxdsp round twice, to a double first: bits that a
 * double cannot have are gathered in one that it has, which changes no result.
 */
#if defined(__powerpc64__)
static inline double dj_promote(float f)
{
	return f == f ? (double)f
		      : dj_f64_of(dj_f64_bits((double)f) | UINT64_C(1) << 51);
}

static inline float dj_f32_of_u64(uint64_t v)
{
	return (float)(v >> 53 == 0
			? v
			: (v | ((v & 0x7ff) + 0x7ff)) & ~UINT64_C(0x7ff));
}

static inline float dj_f32_of_i64(int64_t v)
{
	return v < 0 ? -dj_f32_of_u64(0 - (uint64_t)v)
		     : dj_f32_of_u64((uint64_t)v);
}
#else
static inline double dj_promote(float f)
{
	return (double)f;
}

static inline float dj_f32_of_u64(uint64_t v)
{
	return (float)v;
}

static inline float dj_f32_of_i64(int64_t v)
{
	return (float)v;
}
#endif

enum dj_round {
	DJ_ROUND_CEIL,
	DJ_ROUND_FLOOR,
	DJ_ROUND_TRUNC,
	DJ_ROUND_EVEN
};

/*
 * Rounds the bits of a float with `frac` bits of fraction and the given
 * exponent bias to an integer. The increment may carry into the exponent,
 * which is then the right result.
 */
static inline uint64_t dj_round_bits(uint64_t v, int frac, int bias,
	int exp_bits, enum dj_round how)
{
	uint64_t sign = v >> (frac + exp_bits) & 1;
	int e = (int)(v >> frac & ((1u << exp_bits) - 1)) - bias;
	uint64_t one = (uint64_t)bias << frac, zero = sign << (frac + exp_bits);
	uint64_t mag = v ^ zero, unit, below;
	bool up;

	if (e >= frac) {
		if (e == bias + 1 && (mag & (((uint64_t)1 << frac) - 1)) != 0)
			v |= (uint64_t)1 << (frac - 1);
		return v;
	}
	if (mag == 0)
		return v;
	if (e < 0) {
		up = how == DJ_ROUND_CEIL       ? sign == 0
			: how == DJ_ROUND_FLOOR ? sign == 1
			: how == DJ_ROUND_EVEN
			? mag > one - ((uint64_t)1 << frac)
			: false;
		return up ? zero | one : zero;
	}
	unit = (uint64_t)1 << (frac - e);
	below = v & (unit - 1);
	v -= below;
	switch (how) {
	case DJ_ROUND_CEIL:
		up = below != 0 && sign == 0;
		break;
	case DJ_ROUND_FLOOR:
		up = below != 0 && sign == 1;
		break;
	case DJ_ROUND_EVEN:
		/* At e == 0 the unit is the hidden bit, which is odd. */
		up = below > unit / 2 ||
			(below == unit / 2 && (e == 0 || (v & unit) != 0));
		break;
	case DJ_ROUND_TRUNC:
	default:
		up = false;
		break;
	}
	return up ? v + unit : v;
}

static inline float dj_f32_round(float f, enum dj_round how)
{
	return dj_f32_of(
		(uint32_t)dj_round_bits(dj_f32_bits(f), 23, 127, 8, how));
}

static inline double dj_f64_round(double f, enum dj_round how)
{
	return dj_f64_of(dj_round_bits(dj_f64_bits(f), 52, 1023, 11, how));
}

#if defined(__x86_64__)
static inline float dj_f32_sqrt(float f)
{
	__asm__("sqrtss %1, %0" : "=x"(f) : "x"(f));
	return f;
}

static inline double dj_f64_sqrt(double f)
{
	__asm__("sqrtsd %1, %0" : "=x"(f) : "x"(f));
	return f;
}
#elif defined(__riscv)
static inline float dj_f32_sqrt(float f)
{
	__asm__("fsqrt.s %0, %1" : "=f"(f) : "f"(f));
	return f;
}

static inline double dj_f64_sqrt(double f)
{
	__asm__("fsqrt.d %0, %1" : "=f"(f) : "f"(f));
	return f;
}
#elif defined(__powerpc64__)
static inline float dj_f32_sqrt(float f)
{
	__asm__("fsqrts %0, %1" : "=f"(f) : "f"(f));
	return f;
}

static inline double dj_f64_sqrt(double f)
{
	__asm__("fsqrt %0, %1" : "=d"(f) : "d"(f));
	return f;
}
#else
#error "square root: name this machine's instruction"
#endif

/* NaN if either is (quieted by the addition), and -0 below +0. */
static inline float dj_f32_min(float a, float b)
{
	if (a < b)
		return a;
	if (b < a)
		return b;
	if (a != b)
		return a + b;
	return dj_f32_of(dj_f32_bits(a) | dj_f32_bits(b));
}

static inline float dj_f32_max(float a, float b)
{
	if (a > b)
		return a;
	if (b > a)
		return b;
	if (a != b)
		return a + b;
	return dj_f32_of(dj_f32_bits(a) & dj_f32_bits(b));
}

static inline double dj_f64_min(double a, double b)
{
	if (a < b)
		return a;
	if (b < a)
		return b;
	if (a != b)
		return a + b;
	return dj_f64_of(dj_f64_bits(a) | dj_f64_bits(b));
}

static inline double dj_f64_max(double a, double b)
{
	if (a > b)
		return a;
	if (b > a)
		return b;
	if (a != b)
		return a + b;
	return dj_f64_of(dj_f64_bits(a) & dj_f64_bits(b));
}

static inline uint32_t dj_rotl32(uint32_t v, uint32_t n)
{
	return v << (n & 31) | v >> (-n & 31);
}

static inline uint64_t dj_rotl64(uint64_t v, uint64_t n)
{
	return v << (n & 63) | v >> (-n & 63);
}

static inline uint32_t dj_popcnt64(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555;
	v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (uint32_t)(v * 0x0101010101010101 >> 56);
}

static inline int32_t clamp(int32_t x, int32_t low, int32_t high)
{
	if (x < low)
		return low;
	return x > high ? high : x;
}
