// SPDX-License-Identifier: Apache-2.0
#include "keep/shim/common/memory.h"

#include "keep/shim.h"

#define DEFAULT_LIMIT (UINT64_C(256) << 20) /* KCF1's, if it has no item 1 */

static uint64_t limit = DEFAULT_LIMIT;
static uint64_t committed;
static uint64_t peak;

static bool is_whole(uint64_t addr, size_t len)
{
	return addr % DJ_SHIM_PAGE == 0 && len % DJ_SHIM_PAGE == 0 && len != 0;
}

struct dj_reservation *dj_reservation_free(size_t len)
{
	if (!is_whole(0, len))
		dj_shim_halt(DJ_HALT_BUG);
	for (size_t i = 0; i < DJ_RESERVATIONS; i++) {
		if (dj_reservations[i].len == 0)
			return &dj_reservations[i];
	}
	return NULL;
}

struct dj_reservation *dj_reservation_of(const void *p, size_t len)
{
	uint64_t addr = (uintptr_t)p;

	if (!is_whole(addr, len))
		dj_shim_halt(DJ_HALT_BUG);
	for (size_t i = 0; i < DJ_RESERVATIONS; i++) {
		struct dj_reservation *r = &dj_reservations[i];

		if (addr >= r->addr && addr - r->addr < r->len &&
			len <= r->len - (addr - r->addr))
			return r;
	}
	dj_shim_halt(DJ_HALT_BUG);
}

uint64_t dj_reservation_limit(void)
{
	return limit;
}

bool dj_reservation_fits(size_t len)
{
	return committed <= limit && len <= limit - committed;
}

void dj_reservation_commit(struct dj_reservation *r, const void *p, size_t len)
{
	uint64_t end = (uintptr_t)p - r->addr + len;

	r->committed += len;
	committed += len;
	if (committed > peak)
		peak = committed;
	if (end > r->high)
		r->high = end;
}

void dj_reservation_drop(struct dj_reservation *r)
{
	committed -= r->committed;
	*r = (struct dj_reservation){ 0 };
}

void dj_shim_memory_limit(uint64_t total)
{
	limit = total;
}

uint64_t dj_shim_committed(uint64_t *ret_peak)
{
	if (ret_peak != NULL)
		*ret_peak = peak;
	return committed;
}
