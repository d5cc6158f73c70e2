// SPDX-License-Identifier: Apache-2.0
#include "keep/shim.h"
#include "keep/shim/mapped/mapped.h"

/*
 * The shared region: nothing outside this file forms an address in it. Each
 * byte is read once, in aligned pieces of 8 where there are such, so that
 * every field of a line is seen whole, in ascending order.
 */
typedef uint64_t word __attribute__((aligned(8), may_alias));
typedef uint32_t half __attribute__((aligned(4), may_alias));

static uintptr_t at(size_t off, size_t len)
{
	if (off > DJ_HC_REGION_SIZE || len > DJ_HC_REGION_SIZE - off)
		dj_shim_halt(DJ_HALT_BUG);
	return dj_mapped_region + off;
}

static size_t step(uintptr_t a, size_t left)
{
	if (a % 8 == 0 && left >= 8)
		return 8;
	return a % 4 == 0 && left >= 4 ? 4 : 1;
}

void dj_shim_copy_in(size_t off, void *dst, size_t len)
{
	uintptr_t a = at(off, len);
	uint8_t *d = dst;

	while (len != 0) {
		size_t n = step(a, len);

		if (n == 8) {
			uint64_t v = *(const volatile word *)a;

			__builtin_memcpy(d, &v, 8);
		} else if (n == 4) {
			uint32_t v = *(const volatile half *)a;

			__builtin_memcpy(d, &v, 4);
		} else {
			*d = *(const volatile uint8_t *)a;
		}
		a += n;
		d += n;
		len -= n;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

void dj_shim_copy_out(size_t off, const void *src, size_t len)
{
	uintptr_t a = at(off, len);
	const uint8_t *s = src;

	__atomic_thread_fence(__ATOMIC_RELEASE);
	while (len != 0) {
		size_t n = step(a, len);

		if (n == 8) {
			uint64_t v;

			__builtin_memcpy(&v, s, 8);
			*(volatile word *)a = v;
		} else if (n == 4) {
			uint32_t v;

			__builtin_memcpy(&v, s, 4);
			*(volatile half *)a = v;
		} else {
			*(volatile uint8_t *)a = *s;
		}
		a += n;
		s += n;
		len -= n;
	}
}

bool dj_shim_attention(void)
{
	const uint32_t *p = (const uint32_t *)(dj_mapped_region +
		DJ_HC_HOST_OFF + offsetof(struct dj_hc_host, attention));

	return __atomic_load_n(p, __ATOMIC_ACQUIRE) != 0;
}
