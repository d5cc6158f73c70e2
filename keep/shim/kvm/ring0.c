// SPDX-License-Identifier: Apache-2.0
#include "keep/shim/vm/vm.h"

/* All memory of a plain VM is its own from the start, and zero. */
void dj_ring0_accept(uint64_t gpa)
{
	(void)gpa;
}
