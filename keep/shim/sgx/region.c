// SPDX-License-Identifier: Apache-2.0
#include "keep/shim.h"
#include "keep/shim/sgx/sgx.h"

/*
 * The shared region, outside of the enclave: nothing beyond this file forms
 * an address in it. It is read and written in aligned words of 8 bytes alone,
 * for what a smaller or unaligned access leaves in the processor's buffers,
 * or takes from them, could be other bytes than those meant (INTEL-SA-00657,
 * xAPIC stale data; INTEL-SA-00615, MMIO stale data).
 *
 * Where a piece does not fill a word, reading drops the rest of the word, and
 * writing puts the rest back as it was: a word has one writer
 * (lib/proto/hostcall.h), so the rest is ours as well, and of no use if the
 * host has changed it.
 */
typedef uint64_t word __attribute__((aligned(8), may_alias));

#define WORD 8

_Static_assert(DJ_SGX_REGION % WORD == 0 && DJ_HC_REGION_SIZE % WORD == 0,
	"whole words");
_Static_assert(DJ_SGX_REGION + DJ_HC_REGION_SIZE <= DJ_SGX_BASE,
	"the region is outside");

static volatile word *at(size_t off, size_t len)
{
	if (off > DJ_HC_REGION_SIZE || len > DJ_HC_REGION_SIZE - off)
		dj_shim_halt(DJ_HALT_BUG);
	return (volatile word *)(uintptr_t)(DJ_SGX_REGION + off - off % WORD);
}

/* What of len bytes from byte `from` of a word on is in that word. */
static size_t part(size_t from, size_t len)
{
	return len < WORD - from ? len : WORD - from;
}

void dj_shim_copy_in(size_t off, void *dst, size_t len)
{
	volatile word *p = at(off, len);
	size_t from = off % WORD;
	uint8_t *d = dst;

	while (len != 0) {
		size_t n = part(from, len);
		uint64_t v = *p++;

		__builtin_memcpy(d, (const uint8_t *)&v + from, n);
		d += n;
		len -= n;
		from = 0;
	}
	/* Nor does a guess about the bytes outlive this (LVI, Spectre). */
	__asm__ volatile("lfence" : : : "memory");
}

void dj_shim_copy_out(size_t off, const void *src, size_t len)
{
	volatile word *p = at(off, len);
	size_t from = off % WORD;
	const uint8_t *s = src;

	__atomic_thread_fence(__ATOMIC_RELEASE);
	while (len != 0) {
		size_t n = part(from, len);
		uint64_t v = n == WORD ? 0 : *p;

		__builtin_memcpy((uint8_t *)&v + from, s, n);
		*p++ = v;
		s += n;
		len -= n;
		from = 0;
	}
}

bool dj_shim_attention(void)
{
	const size_t off =
		DJ_HC_HOST_OFF + offsetof(struct dj_hc_host, attention);
	uint64_t v = *at(off, sizeof(uint32_t));

	_Static_assert(offsetof(struct dj_hc_host, attention) % WORD == 4,
		"the upper half of a word");
	return v >> 32 != 0;
}
