// SPDX-License-Identifier: Apache-2.0
#include "keep/shim.h"
#include "lib/evidence/sgx_layout.h"

/*
 * What an SGX shim must not do, for tests/integration/sgx_look.py: the shared
 * region at any address and in pieces of any size, in place of
 * keep/shim/sgx/region.c.
 */
static volatile uint8_t *at(size_t off)
{
	return (volatile uint8_t *)(uintptr_t)(DJ_SGX_REGION + off);
}

void dj_shim_copy_in(size_t off, void *dst, size_t len)
{
	uint8_t *d = dst;

	for (size_t i = 0; i < len; i++)
		d[i] = at(off)[i];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

void dj_shim_copy_out(size_t off, const void *src, size_t len)
{
	const uint8_t *s = src;

	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (size_t i = 0; i < len; i++)
		at(off)[i] = s[i];
}

bool dj_shim_attention(void)
{
	const size_t off =
		DJ_HC_HOST_OFF + offsetof(struct dj_hc_host, attention);

	return *(volatile uint32_t *)(uintptr_t)(DJ_SGX_REGION + off) != 0;
}
