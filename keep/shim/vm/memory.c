// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/shim.h"
#include "keep/shim/common/memory.h"
#include "keep/shim/vm/vm.h"
#include "keep/shim/window/window.h"

/*
 * Private memory: which frames the reserved addresses have. Both lists are
 * ring 3's; ring 0 holds them to its own bounds (ring0.c).
 *
 * Large reservations begin on a multiple of a large page. Frames: next fit; a
 * whole large page of addresses gets one of frames where there is one, so
 * that one entry maps it.
 */
#define PAGE        ((uint64_t)DJ_SHIM_PAGE)
#define LARGE       ((uint64_t)DJ_VM_LARGE)
#define LARGE_PAGES 512

/* What has a frame: nothing yet, nothing any more, or reservation n - 1. */
#define FREE  0
#define DIRTY 0xffff

static uint16_t *const frames = (uint16_t *)DJ_VM_LISTS;
struct dj_reservation *const dj_reservations =
	(struct dj_reservation *)(DJ_VM_LISTS + DJ_VM_LARGE);
struct dj_window dj_window = { WINDOW, WINDOW_END, DJ_VM_LARGE };
_Static_assert(DJ_VM_FRAMES_MAX * sizeof(uint16_t) == DJ_VM_LARGE, "fits");
_Static_assert(DJ_RESERVATIONS * sizeof(struct dj_reservation) <= DJ_VM_LARGE,
	"fits");

static uint64_t next; /* where to look for a frame first */
static uint64_t used; /* no frame from here on was ever had */

static uint64_t frame_count(void)
{
	uint64_t limit = dj_reservation_limit();
	uint64_t whole = (limit + LARGE - 1) / LARGE * LARGE_PAGES;

	return limit / LARGE >= DJ_VM_FRAMES_MAX / LARGE_PAGES
		? DJ_VM_FRAMES_MAX
		: whole;
}

static bool is_free(uint64_t frame)
{
	return frames[frame] == FREE || frames[frame] == DIRTY;
}

/* A large page of frames that are all free; the frame count if there is
 * none. */
static uint64_t find_large(void)
{
	uint64_t count = frame_count();

	for (uint64_t f = 0; f < count; f += LARGE_PAGES) {
		uint64_t n = 0;

		while (n < LARGE_PAGES && is_free(f + n))
			n++;
		if (n == LARGE_PAGES)
			return f;
	}
	return count;
}

/* Up to want free frames in a row, in one large page; 0: none at all. */
static uint64_t find_run(uint64_t want, uint64_t *ret_first)
{
	uint64_t count = frame_count();
	uint64_t f = next < count ? next : 0;
	uint64_t n = 0;

	for (uint64_t i = 0; i < count && !is_free(f); i++)
		f = f + 1 == count ? 0 : f + 1;
	while (n < want && f + n < count && is_free(f + n) &&
		(n == 0 || (f + n) % LARGE_PAGES != 0))
		n++;
	*ret_first = f;
	next = f + n;
	return n;
}

/* Maps n frames and makes them zero; what was never had is so already. */
static bool map(uint64_t owner, uint64_t addr, uint64_t first, uint64_t n)
{
	bool is_dirty = false;

	if (dj_vm_gate(DJ_GATE_MAP, addr, DJ_VM_FRAMES + first * PAGE, n) != 0)
		return false;
	for (uint64_t f = first; f < first + n; f++) {
		is_dirty = is_dirty || frames[f] == DIRTY;
		frames[f] = (uint16_t)owner;
	}
	if (first + n > used)
		used = first + n;
	if (is_dirty)
		memset((void *)addr, 0, n * PAGE);
	return true;
}

/* At most what is left of one large page of addresses; 0: nothing to be
 * had. */
static uint64_t commit_some(uint64_t owner, uint64_t addr, uint64_t len)
{
	uint64_t n = (LARGE - addr % LARGE) / PAGE;
	uint64_t first;

	if (n > len / PAGE)
		n = len / PAGE;
	if (n == LARGE_PAGES) {
		first = find_large();
		if (first != frame_count())
			return map(owner, addr, first, n) ? n * PAGE : 0;
	}
	n = find_run(n, &first);
	return n != 0 && map(owner, addr, first, n) ? n * PAGE : 0;
}

/* Back to nothing: the frames of [addr, end) in r, wherever they are. */
static void unmap(uint64_t addr, uint64_t end)
{
	while (addr < end) {
		uint64_t n = (LARGE - addr % LARGE) / PAGE;

		if (n > (end - addr) / PAGE)
			n = (end - addr) / PAGE;
		(void)dj_vm_gate(DJ_GATE_UNMAP, addr, 0, n);
		addr += n * PAGE;
	}
}

dj_status dj_shim_commit(void *p, size_t len)
{
	uint64_t addr = (uint64_t)(uintptr_t)p;
	struct dj_reservation *r = dj_reservation_of(p, len);
	const uint64_t owner = (uint64_t)(r - dj_reservations) + 1;
	const uint64_t end = addr + len;
	uint64_t n;

	if (!dj_reservation_fits(len) ||
		len > DJ_VM_FRAMES_MAX * PAGE - dj_shim_committed(NULL))
		return DJ_E_NOMEM;
	dj_reservation_commit(r, p, len);
	for (; addr < end; addr += n) {
		n = commit_some(owner, addr, end - addr);
		/* There are frames for all that limit allows, so it was a page
		 * table: the Keep cannot go on where it was promised to. */
		if (n == 0)
			dj_shim_halt(DJ_HALT_MEMORY);
	}
	return DJ_OK;
}

static void set_exec(void *p, size_t len, uint64_t on)
{
	uint64_t addr = (uint64_t)(uintptr_t)p, end = addr + len;

	(void)dj_reservation_of(p, len);
	while (addr < end) {
		uint64_t n = (LARGE - addr % LARGE) / PAGE;

		if (n > (end - addr) / PAGE)
			n = (end - addr) / PAGE;
		(void)dj_vm_gate(DJ_GATE_EXEC, addr, on, n);
		addr += n * PAGE;
	}
}

dj_status dj_shim_exec(void *p, size_t len)
{
	if (dj_shim_info.native_code == 0)
		return DJ_E_UNSUPPORTED;
	set_exec(p, len, 1);
	return DJ_OK;
}

void dj_shim_unexec(void *p, size_t len)
{
	set_exec(p, len, 0);
}

void dj_shim_release(void *p, size_t len)
{
	struct dj_reservation *r = dj_reservation_of(p, len);
	uint16_t owner = (uint16_t)(r - dj_reservations + 1);
	uint64_t left = r->committed / PAGE;

	if (len != r->len)
		dj_shim_halt(DJ_HALT_BUG);
	unmap(r->addr, r->addr + r->high);
	for (uint64_t f = 0; f < used && left != 0; f++) {
		if (frames[f] == owner) {
			frames[f] = DIRTY;
			left--;
		}
	}
	dj_reservation_drop(r);
}
