// SPDX-License-Identifier: Apache-2.0
#include "keep/shim/vm/vm.h"

/* All memory of a plain VM is its own from the start, and zero. */
void dj_ring0_first(void)
{
}

void dj_ring0_pages(uint64_t *table)
{
	(void)table;
}

void dj_ring0_accept(uint64_t gpa)
{
	(void)gpa;
}

uint64_t dj_ring0_cpuid(uint32_t leaf)
{
	uint32_t a = leaf, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b | (uint64_t)c << 32;
}
