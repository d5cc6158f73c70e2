// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/shim.h"
#include "keep/shim/vm/vm.h"

/*
 * Private memory: which addresses are reserved, and which frames they have.
 * Both lists are ring 3's; ring 0 holds them to its own bounds (ring0.c).
 *
 * Addresses: first fit, a page between any two, large ones on a multiple of
 * a large page. Frames: next fit; a whole large page of addresses gets one of
 * frames where there is one, so that one entry maps it.
 */
#define RESERVATIONS  1024
#define DEFAULT_LIMIT (UINT64_C(256) << 20) /* KCF1's, if it has no item 1 */
#define PAGE          ((uint64_t)DJ_SHIM_PAGE)
#define LARGE         ((uint64_t)DJ_VM_LARGE)
#define LARGE_PAGES   512

/* What has a frame: nothing yet, nothing any more, or table[n - 1]. */
#define FREE  0
#define DIRTY 0xffff

struct reservation {
	uint64_t addr;
	uint64_t len; /* 0: free */
	uint64_t committed;
	uint64_t high; /* nothing is committed from addr + high on */
};

static uint16_t *const frames = (uint16_t *)DJ_VM_LISTS;
static struct reservation *const table =
	(struct reservation *)(DJ_VM_LISTS + DJ_VM_LARGE);
_Static_assert(DJ_VM_FRAMES_MAX * sizeof(uint16_t) == DJ_VM_LARGE, "fits");
_Static_assert(RESERVATIONS * sizeof(struct reservation) <= DJ_VM_LARGE,
	"fits");

static uint64_t limit = DEFAULT_LIMIT;
static uint64_t committed;
static uint64_t peak;
static uint64_t next; /* where to look for a frame first */
static uint64_t used; /* no frame from here on was ever had */

static bool is_whole(uint64_t addr, size_t len)
{
	return addr % PAGE == 0 && len % PAGE == 0 && len != 0;
}

/* The reservation that has all of [addr, addr + len); there must be one. */
static struct reservation *find(uint64_t addr, size_t len)
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

static uint64_t frame_count(void)
{
	uint64_t whole = (limit + LARGE - 1) / LARGE * LARGE_PAGES;

	return limit / LARGE >= DJ_VM_FRAMES_MAX / LARGE_PAGES
		? DJ_VM_FRAMES_MAX
		: whole;
}

void dj_shim_memory_limit(uint64_t total)
{
	limit = total;
}

/* Where a reservation could go that begins at or after addr: 0 if there, else
 * the end of one that is in its way. */
static uint64_t in_the_way(uint64_t addr, size_t len)
{
	for (size_t i = 0; i < RESERVATIONS; i++) {
		const struct reservation *r = &table[i];

		if (r->len != 0 && addr < r->addr + r->len + PAGE &&
			r->addr < addr + len + PAGE)
			return r->addr + r->len + PAGE;
	}
	return 0;
}

void *dj_shim_reserve(size_t len)
{
	const uint64_t align = len >= LARGE ? LARGE : PAGE;
	struct reservation *r = table;
	uint64_t addr = WINDOW;
	uint64_t past;

	if (!is_whole(0, len))
		dj_shim_halt(DJ_HALT_BUG);
	while (r < table + RESERVATIONS && r->len != 0)
		r++;
	if (r == table + RESERVATIONS || len > WINDOW_END - WINDOW)
		return NULL;
	for (;;) {
		if (addr > WINDOW_END - PAGE - len)
			return NULL;
		past = in_the_way(addr, len);
		if (past == 0)
			break;
		addr = (past + align - 1) & ~(align - 1);
	}
	*r = (struct reservation){ .addr = addr, .len = len };
	return (void *)addr;
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
	struct reservation *r = find(addr, len);
	const uint64_t end = addr + len;
	uint64_t n;

	if (committed > limit || len > limit - committed ||
		len > DJ_VM_FRAMES_MAX * PAGE - committed)
		return DJ_E_NOMEM;
	r->committed += len;
	committed += len;
	if (committed > peak)
		peak = committed;
	if (end - r->addr > r->high)
		r->high = end - r->addr;
	for (; addr < end; addr += n) {
		n = commit_some((uint64_t)(r - table) + 1, addr, end - addr);
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

	(void)find(addr, len);
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
	struct reservation *r = find((uint64_t)(uintptr_t)p, len);
	uint16_t owner = (uint16_t)(r - table + 1);
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
	committed -= r->committed;
	*r = (struct reservation){ 0 };
}

uint64_t dj_shim_committed(uint64_t *ret_peak)
{
	if (ret_peak != NULL)
		*ret_peak = peak;
	return committed;
}
