// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/*
 * Which implementations lib/crypto may use. The decision comes from outside,
 * once, before anything else here is called: CPUID faults in SGX and is the
 * host's word in a virtual machine. Saying too much crashes, saying too little
 * is slow; every implementation is constant-time and gives the same bytes.
 * Until told, everything is portable C.
 */
enum dj_cpu {
	DJ_CPU_AES = 1,  /* x86-64: AES-NI, PCLMULQDQ, SSSE3, SSE4.1 */
	DJ_CPU_SHA = 2,  /* x86-64: SHA extensions, SSSE3, SSE4.1 */
	DJ_CPU_AVX2 = 4, /* x86-64: AVX2, and its state enabled in XCR0 */
};

void dj_crypto_cpu(uint32_t features);
uint32_t dj_crypto_cpu_now(void);

/*
 * What CPUID and XGETBV say; 0 on other instruction sets. For hosted programs
 * and for shims where both instructions may run. Never called from here.
 */
uint32_t dj_crypto_cpu_detect(void);

/* The same from leaves that are known otherwise: ECX of 1, EBX of 7, XCR0 (0
 * where there is none, else dj_crypto_cpu_xcr0()). x86-64 only. */
uint32_t dj_crypto_cpu_of(uint32_t one_c, uint32_t seven_b, uint32_t xcr);
uint32_t dj_crypto_cpu_xcr0(void);
