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
