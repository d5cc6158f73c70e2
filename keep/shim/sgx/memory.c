// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/shim.h"
#include "keep/shim/sgx/sgx.h"

/*
 * Private memory by EDMM: a page is there once EACCEPT has said so, zeroed by
 * the processor. The window's map has a bit for each of its pages that was
 * accepted, and a page is accepted only while its bit is clear: a host that
 * takes a page away and adds another in its place could else hand back an
 * empty one for one with content. What is released is trimmed, which the
 * processor confirms, before its bit is cleared.
 *
 *   the map      for all pages of the window, itself accepted as it is needed
 *   a gap        never accepted: what runs over the stack's end faults
 *   the stack
 *   a gap        then what is reserved, each with a gap behind it
 */
#define RESERVATIONS  1024
#define DEFAULT_LIMIT (UINT64_C(256) << 20) /* KCF1's, if it has no item 1 */
#define PAGE          UINT64_C(4096)
#define WINDOW        ((uint64_t)DJ_SGX_BASE + DJ_SGX_WINDOW)
#define WINDOW_END    ((uint64_t)DJ_SGX_BASE + DJ_SGX_SIZE)
#define WINDOW_PAGES  ((WINDOW_END - WINDOW) / PAGE)
#define MAP_PAGES     (WINDOW_PAGES / 8 / PAGE)
#define MAP_SIZE      (MAP_PAGES * PAGE)
#define STACK_LOW     (WINDOW + MAP_SIZE + PAGE)
#define STACK_TOP     (STACK_LOW + STACK_SIZE)
#define FIRST         (STACK_TOP + PAGE)

_Static_assert(WINDOW_PAGES % (8 * PAGE) == 0, "a map of whole pages");

struct reservation {
	uint64_t addr;
	uint64_t len; /* 0: free */
	uint64_t committed;
	uint64_t high; /* nothing is committed from addr + high on */
};

/* SECINFO: 64 bytes, the flags first. */
struct secinfo {
	uint64_t flags;
	uint64_t zero[7];
} __attribute__((aligned(64)));

static uint8_t *const map = (uint8_t *)WINDOW;
static uint8_t has_map_page[(MAP_PAGES + 7) / 8];
static struct reservation table[RESERVATIONS];
static uint64_t limit = DEFAULT_LIMIT;
static uint64_t committed;
static uint64_t peak;

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

uint64_t dj_sgx_memory_init(void)
{
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
	struct reservation *r = table;
	uint64_t addr = FIRST;
	uint64_t past;

	if (!is_whole(0, len))
		dj_shim_halt(DJ_HALT_BUG);
	while (r < table + RESERVATIONS && r->len != 0)
		r++;
	if (r == table + RESERVATIONS || len > WINDOW_END - FIRST - PAGE)
		return NULL;
	for (;;) {
		if (addr > WINDOW_END - PAGE - len)
			return NULL;
		past = in_the_way(addr, len);
		if (past == 0)
			break;
		addr = past;
	}
	*r = (struct reservation){ .addr = addr, .len = len };
	return (void *)addr;
}

dj_status dj_shim_commit(void *p, size_t len)
{
	uint64_t addr = (uint64_t)(uintptr_t)p;
	struct reservation *r = find(addr, len);

	if (committed > limit || len > limit - committed)
		return DJ_E_NOMEM;
	r->committed += len;
	committed += len;
	if (committed > peak)
		peak = committed;
	if (addr + len - r->addr > r->high)
		r->high = addr + len - r->addr;
	for (uint64_t off = 0; off < len; off += PAGE)
		add(addr + off);
	return DJ_OK;
}

/* No code comes after launch: what is executable was measured. */
dj_status dj_shim_exec(void *p, size_t len)
{
	(void)p;
	(void)len;
	return DJ_E_UNSUPPORTED;
}

void dj_shim_unexec(void *p, size_t len)
{
	(void)p;
	(void)len;
	dj_shim_halt(DJ_HALT_BUG);
}

void dj_shim_release(void *p, size_t len)
{
	struct reservation *r = find((uint64_t)(uintptr_t)p, len);

	if (len != r->len)
		dj_shim_halt(DJ_HALT_BUG);
	trim_range(r->addr, r->addr + r->high);
	committed -= r->committed;
	*r = (struct reservation){ 0 };
}

uint64_t dj_shim_committed(uint64_t *ret_peak)
{
	if (ret_peak != NULL)
		*ret_peak = peak;
	return committed;
}
