// SPDX-License-Identifier: Apache-2.0
#include "keep/arch/x86_64/cpu.h"

/* Intel's manual asks for 10 of RDRAND; RDSEED is shared and runs dry. */
#define RDRAND_TRIES 10
#define RDSEED_TRIES 100

struct leaf {
	uint32_t a, b, c, d;
};

static struct leaf cpuid(uint32_t leaf)
{
	struct leaf r = { .a = leaf };

	__asm__ volatile("cpuid" : "+a"(r.a), "=b"(r.b), "+c"(r.c), "=d"(r.d));
	return r;
}

uint64_t dj_arch_cpu_of(uint32_t one_c, uint32_t seven_b)
{
	return ((one_c & 1u << 30) != 0 ? DJ_ARCH_RDRAND : 0) |
		((seven_b & 1u << 18) != 0 ? DJ_ARCH_RDSEED : 0);
}

uint64_t dj_arch_cpu(void)
{
	return dj_arch_cpu_of(cpuid(1).c, cpuid(0).a >= 7 ? cpuid(7).b : 0);
}

#define FMA     (1u << 12) /* leaf 1, ECX */
#define MOVBE   (1u << 22)
#define OSXSAVE (1u << 27)
#define AVX     (1u << 28)
#define F16C    (1u << 29)
#define BMI1    (1u << 3) /* leaf 7, EBX */
#define AVX2    (1u << 5)
#define BMI2    (1u << 8)
#define LZCNT   (1u << 5) /* leaf 0x80000001, ECX */

static bool has(uint32_t word, uint32_t all)
{
	return (word & all) == all;
}

unsigned dj_arch_level_of(uint32_t one_c, uint32_t seven_b, uint32_t ext_c,
	uint32_t xcr0)
{
	return has(one_c, FMA | MOVBE | OSXSAVE | AVX | F16C) &&
			has(seven_b, BMI1 | AVX2 | BMI2) && has(ext_c, LZCNT) &&
			has(xcr0, 6)
		? 3
		: 2;
}

static uint32_t read_xcr0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

unsigned dj_arch_level(void)
{
	uint32_t one = cpuid(1).c, seven = 0, ext = 0;

	if (cpuid(0).a >= 7)
		seven = cpuid(7).b;
	if (cpuid(0x80000000).a >= 0x80000001)
		ext = cpuid(0x80000001).c;
	return dj_arch_level_of(one, seven, ext,
		has(one, OSXSAVE) ? read_xcr0() : 0);
}

/* 64-bit operands: AMD's erratum of 2025 has the narrow forms give 0. */
bool dj_arch_rdseed(uint64_t *ret)
{
	uint64_t v;
	bool good;

	for (int i = 0; i < RDSEED_TRIES; i++) {
		__asm__ volatile("rdseed %0" : "=r"(v), "=@ccc"(good));
		if (good) {
			*ret = v;
			return true;
		}
		__asm__ volatile("pause");
	}
	return false;
}

bool dj_arch_rdrand(uint64_t *ret)
{
	uint64_t v;
	bool good;

	for (int i = 0; i < RDRAND_TRIES; i++) {
		__asm__ volatile("rdrand %0" : "=r"(v), "=@ccc"(good));
		if (good) {
			*ret = v;
			return true;
		}
	}
	return false;
}
