// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The processor's generators. What CPUID says is the host's word wherever the
 * host can intercept it: denying a generator halts the Keep, claiming one
 * faults (session.md 13). Not for TEEs where CPUID itself faults (SGX):
 * their shims do not call dj_arch_cpu().
 */
#define DJ_ARCH_RDRAND 1
#define DJ_ARCH_RDSEED 2

uint64_t dj_arch_cpu(void);
/* The same from leaves that are known otherwise: ECX of 1, EBX of 7. */
uint64_t dj_arch_cpu_of(uint32_t one_c, uint32_t seven_b);

/*
 * One word of hardware randomness, after a bounded number of tries; false if
 * there was none. Only where dj_arch_cpu() has the bit. Unchecked:
 * lib/crypto/entropy.h judges the words.
 */
bool dj_arch_rdseed(uint64_t *ret);
bool dj_arch_rdrand(uint64_t *ret);

/*
 * An OFFER's CPU level: 3 where all of x86-64-v3 is there and the state of AVX
 * is enabled in XCR0, else 2. Again the host's word: claiming too much faults,
 * and what faults ends the Keep.
 */
unsigned dj_arch_level(void);
/* The same from leaves that are known otherwise: ECX of 1, EBX of 7, ECX of
 * 0x80000001, and XCR0 (0 where there is none). */
unsigned dj_arch_level_of(uint32_t one_c, uint32_t seven_b, uint32_t ext_c,
	uint32_t xcr0);
