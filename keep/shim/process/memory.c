// SPDX-License-Identifier: Apache-2.0
#include "keep/shim.h"
#include "keep/shim/process/sys.h"

/*
 * Private memory: reservations are inaccessible mappings, listed here so
 * that releasing one gives back exactly what was committed in it.
 */
#define RESERVATIONS  1024
#define DEFAULT_LIMIT (UINT64_C(256) << 20) /* KCF1's, if it has no item 1 */

struct reservation {
	uintptr_t addr;
	size_t len; /* 0: free */
	size_t committed;
};

static struct reservation table[RESERVATIONS];
static uint64_t limit = DEFAULT_LIMIT;
static uint64_t committed;
static uint64_t peak;

static bool is_whole(uintptr_t addr, size_t len)
{
	return addr % DJ_SHIM_PAGE == 0 && len % DJ_SHIM_PAGE == 0 && len != 0;
}

/* The reservation that has all of [addr, addr + len); there must be one. */
static struct reservation *find(uintptr_t addr, size_t len)
{
	if (!is_whole(addr, len))
		dj_shim_halt(DJ_HALT_BUG);
	for (size_t i = 0; i < RESERVATIONS; i++) {
		struct reservation *r = &table[i];

		if (addr >= r->addr && addr - r->addr < r->len &&
			len <= r->len - (addr - r->addr))
			return r;
	}
	dj_shim_halt(DJ_HALT_BUG);
}

void dj_shim_memory_limit(uint64_t total)
{
	limit = total;
}

void *dj_shim_reserve(size_t len)
{
	struct reservation *r = table;
	int64_t p;

	if (!is_whole(0, len))
		dj_shim_halt(DJ_HALT_BUG);
	while (r < table + RESERVATIONS && r->len != 0)
		r++;
	if (r == table + RESERVATIONS)
		return NULL;
	p = dj_process_syscall(SYS_MMAP, 0, len, PROT_NONE, MAP_RESERVE,
		(uint64_t)-1, 0);
	if (p < 0)
		return NULL;
	*r = (struct reservation){ .addr = (uintptr_t)p, .len = len };
	return (void *)r->addr;
}

dj_status dj_shim_commit(void *p, size_t len)
{
	struct reservation *r = find((uintptr_t)p, len);

	if (committed > limit || len > limit - committed)
		return DJ_E_NOMEM;
	if (sys3(SYS_MPROTECT, (uintptr_t)p, len, PROT_RW) != 0)
		return DJ_E_NOMEM;
	r->committed += len;
	committed += len;
	if (committed > peak)
		peak = committed;
	return DJ_OK;
}

dj_status dj_shim_exec(void *p, size_t len)
{
	(void)find((uintptr_t)p, len);
	return sys3(SYS_MPROTECT, (uintptr_t)p, len, PROT_RX) == 0 ? DJ_OK
								   : DJ_E_NOMEM;
}

void dj_shim_unexec(void *p, size_t len)
{
	(void)find((uintptr_t)p, len);
	if (sys3(SYS_MPROTECT, (uintptr_t)p, len, PROT_RW) != 0)
		dj_shim_halt(DJ_HALT_BUG);
}

void dj_shim_release(void *p, size_t len)
{
	struct reservation *r = find((uintptr_t)p, len);

	if (len != r->len || sys3(SYS_MUNMAP, r->addr, r->len, 0) != 0)
		dj_shim_halt(DJ_HALT_BUG);
	committed -= r->committed;
	*r = (struct reservation){ 0 };
}

uint64_t dj_shim_committed(uint64_t *ret_peak)
{
	if (ret_peak != NULL)
		*ret_peak = peak;
	return committed;
}
