// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/cpu.h"

static uint32_t features;

void dj_crypto_cpu(uint32_t f)
{
	features = f;
}

uint32_t dj_crypto_cpu_now(void)
{
	return features;
}

#ifdef __x86_64__
struct leaf {
	uint32_t a, b, c, d;
};

static struct leaf cpuid(uint32_t a, uint32_t c)
{
	struct leaf r;

	__asm__ volatile("cpuid"
			 : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(a), "c"(c));
	return r;
}

#define PCLMUL  (1u << 1)
#define SSSE3   (1u << 9)
#define SSE41   (1u << 19)
#define AES     (1u << 25)
#define OSXSAVE (1u << 27)
#define AVX     (1u << 28)
#define AVX2    (1u << 5)  /* leaf 7, EBX */
#define SHA     (1u << 29) /* leaf 7, EBX */

uint32_t dj_crypto_cpu_of(uint32_t one_c, uint32_t seven_b, uint32_t xcr)
{
	const uint32_t aes = PCLMUL | SSSE3 | SSE41 | AES;
	uint32_t r = 0;

	if ((one_c & aes) == aes)
		r |= DJ_CPU_AES;
	if ((one_c & (SSSE3 | SSE41)) == (SSSE3 | SSE41) &&
		(seven_b & SHA) != 0)
		r |= DJ_CPU_SHA;
	if ((one_c & (OSXSAVE | AVX)) == (OSXSAVE | AVX) && (xcr & 6) == 6 &&
		(seven_b & AVX2) != 0)
		r |= DJ_CPU_AVX2;
	return r;
}

uint32_t dj_crypto_cpu_xcr0(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo;
}

uint32_t dj_crypto_cpu_detect(void)
{
	struct leaf one = cpuid(1, 0), seven = { 0 };

	if (cpuid(0, 0).a >= 7)
		seven = cpuid(7, 0);
	return dj_crypto_cpu_of(one.c, seven.b,
		(one.c & OSXSAVE) != 0 ? dj_crypto_cpu_xcr0() : 0);
}
#else
uint32_t dj_crypto_cpu_detect(void)
{
	return 0;
}
#endif
