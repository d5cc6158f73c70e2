// SPDX-License-Identifier: Apache-2.0
#include "keep/shim/common/memory.h"
#include "keep/shim.h"
#include "keep/shim/process/sys.h"

/*
 * Private memory: reservations are inaccessible mappings, so that releasing
 * one gives back exactly what was committed in it.
 */
static struct dj_reservation table[DJ_RESERVATIONS];
struct dj_reservation *const dj_reservations = table;

void *dj_shim_reserve(size_t len)
{
	struct dj_reservation *r = dj_reservation_free(len);
	int64_t p;

	if (r == NULL)
		return NULL;
	p = dj_process_syscall(SYS_MMAP, 0, len, PROT_NONE, MAP_RESERVE,
		(uint64_t)-1, 0);
	if (p < 0)
		return NULL;
	*r = (struct dj_reservation){ .addr = (uint64_t)p, .len = len };
	return (void *)r->addr;
}

dj_status dj_shim_commit(void *p, size_t len)
{
	struct dj_reservation *r = dj_reservation_of(p, len);

	if (!dj_reservation_fits(len) ||
		sys3(SYS_MPROTECT, (uintptr_t)p, len, PROT_RW) != 0)
		return DJ_E_NOMEM;
	dj_reservation_commit(r, p, len);
	return DJ_OK;
}

dj_status dj_shim_exec(void *p, size_t len)
{
	(void)dj_reservation_of(p, len);
	return sys3(SYS_MPROTECT, (uintptr_t)p, len, PROT_RX) == 0 ? DJ_OK
								   : DJ_E_NOMEM;
}

void dj_shim_unexec(void *p, size_t len)
{
	(void)dj_reservation_of(p, len);
	if (sys3(SYS_MPROTECT, (uintptr_t)p, len, PROT_RW) != 0)
		dj_shim_halt(DJ_HALT_BUG);
}

void dj_shim_release(void *p, size_t len)
{
	struct dj_reservation *r = dj_reservation_of(p, len);

	if (len != r->len || sys3(SYS_MUNMAP, r->addr, r->len, 0) != 0)
		dj_shim_halt(DJ_HALT_BUG);
	dj_reservation_drop(r);
}
