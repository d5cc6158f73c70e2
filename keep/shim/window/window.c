// SPDX-License-Identifier: Apache-2.0
#include "keep/shim/window/window.h"

#include "keep/shim.h"
#include "keep/shim/common/memory.h"

#define PAGE ((uint64_t)DJ_SHIM_PAGE)

/* Where a reservation could go that begins at or after addr: 0 if there, else
 * the end of one that is in its way. */
static uint64_t in_the_way(uint64_t addr, size_t len)
{
	for (size_t i = 0; i < DJ_RESERVATIONS; i++) {
		const struct dj_reservation *r = &dj_reservations[i];

		if (r->len != 0 && addr < r->addr + r->len + PAGE &&
			r->addr < addr + len + PAGE)
			return r->addr + r->len + PAGE;
	}
	return 0;
}

void *dj_shim_reserve(size_t len)
{
	const uint64_t align = len >= dj_window.large ? dj_window.large : PAGE;
	struct dj_reservation *r = dj_reservation_free(len);
	uint64_t addr = dj_window.first;
	uint64_t past;

	if (r == NULL || len > dj_window.end - dj_window.first - PAGE)
		return NULL;
	for (;;) {
		if (addr > dj_window.end - PAGE - len)
			return NULL;
		past = in_the_way(addr, len);
		if (past == 0)
			break;
		addr = (past + align - 1) & ~(align - 1);
	}
	*r = (struct dj_reservation){ .addr = addr, .len = len };
	return (void *)addr;
}
