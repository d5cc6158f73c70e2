// SPDX-License-Identifier: Apache-2.0
#include "keep/shim/common/memory.h"
#include <string.h>

#include "keep/shim.h"
#include "keep/shim/sgx/sgx.h"
#include "keep/shim/window/window.h"

/*
 * Private memory by EDMM: a page is there once EACCEPT has said so, zeroed by
 * the processor. The window's map has a bit for each of its pages that was
 * accepted, and a page is accepted only while its bit is clear: a host that
 * takes a page away and adds another in its place could else hand back an
 * empty one for one with content. What is released is trimmed, which the
 * processor confirms, before its bit is cleared.
 *
 * SGX1: all pages are there from the start, and what was in them the host
 * chose; so each is made zero as it is committed, and nothing goes back.
 *
 *   the map      for all pages of the window, itself accepted as it is needed
 *   a gap        never accepted: what runs over the stack's end faults
 *   the stack
 *   a gap        then what is reserved, each with a gap behind it
 *
 * or, with SGX1, the stack first, and no page of a gap that would fault.
 */
#define PAGE         UINT64_C(4096)
#define WINDOW_PAGES ((WINDOW_END - WINDOW) / PAGE)
#define MAP_PAGES    (WINDOW_PAGES / 8 / PAGE)
#define MAP_SIZE     (MAP_PAGES * PAGE)
#define STACK_LOW    (WINDOW + MAP_SIZE + PAGE)
#define STACK_TOP    (STACK_LOW + STACK_SIZE)

_Static_assert(WINDOW_PAGES % (8 * PAGE) == 0, "a map of whole pages");

/* SECINFO: 64 bytes, the flags first. */
struct secinfo {
	uint64_t flags;
	uint64_t zero[7];
} __attribute__((aligned(64)));

static uint8_t *const map = (uint8_t *)WINDOW;
static uint8_t has_map_page[(MAP_PAGES + 7) / 8];
static struct dj_reservation table[DJ_RESERVATIONS];
struct dj_reservation *const dj_reservations = table;
struct dj_window dj_window = { STACK_TOP + PAGE, WINDOW_END, PAGE };
static bool is_fixed; /* SGX1 */

static bool get(const uint8_t *bits, uint64_t n)
{
	return (bits[n / 8] >> n % 8 & 1) != 0;
}

static void put(uint8_t *bits, uint64_t n, bool on)
{
	uint8_t bit = (uint8_t)(1u << n % 8);

	bits[n / 8] = (uint8_t)(on ? bits[n / 8] | bit : bits[n / 8] & ~bit);
}

static void accept(uint64_t addr, uint64_t flags)
{
	struct secinfo s = { .flags = flags };

	/* Any error is a host that did something else than it was asked. */
	if (dj_sgx_enclu(DJ_SGX_EACCEPT, &s, (const void *)addr, NULL) != 0)
		dj_shim_halt(DJ_HALT_HOST);
}

/* A new page: the host adds it when EACCEPT finds none. */
static void accept_new(uint64_t addr)
{
	accept(addr, DJ_SGX_REG | DJ_SGX_PENDING | DJ_SGX_R | DJ_SGX_W);
}

static uint64_t index_of(uint64_t addr)
{
	return (addr - WINDOW) / PAGE;
}

static bool is_accepted(uint64_t n)
{
	return get(has_map_page, n / 8 / PAGE) && get(map, n);
}

static void add(uint64_t addr)
{
	uint64_t n = index_of(addr);
	uint64_t page = n / 8 / PAGE;

	if (!get(has_map_page, page)) {
		put(has_map_page, page, true);
		accept_new((uint64_t)(uintptr_t)map + page * PAGE);
	}
	if (get(map, n))
		dj_shim_halt(DJ_HALT_BUG);
	put(map, n, true);
	accept_new(addr);
}

uint64_t dj_sgx_memory_init(uint64_t heap)
{
	if (heap != 0) {
		is_fixed = true;
		memset((void *)WINDOW, 0, STACK_SIZE);
		dj_window.first = WINDOW + STACK_SIZE + PAGE;
		dj_window.end = WINDOW + heap;
		return WINDOW + STACK_SIZE;
	}
	for (uint64_t a = STACK_LOW; a < STACK_TOP; a += PAGE)
		add(a);
	return STACK_TOP;
}

/* Gives pages back: all of [addr, addr + n pages) are accepted. */
static void trim(uint64_t addr, uint64_t n)
{
	const uint64_t len = n * PAGE;

	if (dj_sgx_call(DJ_SGX_CALL_TRIM, addr, len, 0) != 0)
		dj_shim_halt(DJ_HALT_HOST);
	for (uint64_t i = 0; i < n; i++)
		accept(addr + i * PAGE, DJ_SGX_TRIM | DJ_SGX_MODIFIED);
	if (dj_sgx_call(DJ_SGX_CALL_REMOVE, addr, len, 0) != 0)
		dj_shim_halt(DJ_HALT_HOST);
	for (uint64_t i = 0; i < n; i++)
		put(map, index_of(addr) + i, false);
}

static void trim_range(uint64_t addr, uint64_t end)
{
	while (addr < end) {
		uint64_t n = 0;

		while (addr + n * PAGE < end && is_accepted(index_of(addr) + n))
			n++;
		if (n != 0)
			trim(addr, n);
		addr += (n + 1) * PAGE;
	}
}

dj_status dj_shim_commit(void *p, size_t len)
{
	uint64_t addr = (uint64_t)(uintptr_t)p;
	struct dj_reservation *r = dj_reservation_of(p, len);

	if (!dj_reservation_fits(len))
		return DJ_E_NOMEM;
	dj_reservation_commit(r, p, len);
	if (is_fixed) {
		memset(p, 0, len);
		return DJ_OK;
	}
	for (uint64_t off = 0; off < len; off += PAGE)
		add(addr + off);
	return DJ_OK;
}

/*
 * From what pages may be now to rights, over what both have, reading: so
 * there is no moment at which one of them could be written and run, neither
 * for the processor nor in the host's page tables. Rights go away by the
 * host's hand, and EACCEPT is where the processor says that they have; more of
 * them only we can give.
 */
static void set_rights(uint64_t addr, uint64_t len, uint64_t rights)
{
	const struct secinfo more = { .flags = DJ_SGX_REG | rights };

	if (dj_sgx_call(DJ_SGX_CALL_RESTRICT, addr, len, DJ_SGX_R) != 0)
		dj_shim_halt(DJ_HALT_HOST);
	for (uint64_t off = 0; off < len; off += PAGE) {
		accept(addr + off, DJ_SGX_REG | DJ_SGX_PR | DJ_SGX_R);
		(void)dj_sgx_enclu(DJ_SGX_EMODPE, &more,
			(const void *)(addr + off), NULL);
	}
	if (dj_sgx_call(DJ_SGX_CALL_PROTECT, addr, len, rights) != 0)
		dj_shim_halt(DJ_HALT_HOST);
}

dj_status dj_shim_exec(void *p, size_t len)
{
	(void)dj_reservation_of(p, len);
	if (is_fixed)
		return DJ_E_UNSUPPORTED;
	set_rights((uintptr_t)p, len, DJ_SGX_R | DJ_SGX_X);
	return DJ_OK;
}

void dj_shim_unexec(void *p, size_t len)
{
	(void)dj_reservation_of(p, len);
	if (is_fixed)
		dj_shim_halt(DJ_HALT_BUG);
	set_rights((uintptr_t)p, len, DJ_SGX_R | DJ_SGX_W);
}

void dj_shim_release(void *p, size_t len)
{
	struct dj_reservation *r = dj_reservation_of(p, len);

	if (len != r->len)
		dj_shim_halt(DJ_HALT_BUG);
	if (!is_fixed)
		trim_range(r->addr, r->addr + r->high);
	dj_reservation_drop(r);
}
