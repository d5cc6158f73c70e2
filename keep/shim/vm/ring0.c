// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stddef.h>

#include "keep/shim.h"
#include "keep/shim/vm/vm.h"

/*
 * Page tables. Ring 3 asks with addresses of its own choice, so what can be
 * asked for is bounded here: memory of the window, backed by frames and by
 * nothing else, writable or executable and never both. Tables come from ring 0's own
 * memory, are zero when new, and stay where they are once made.
 *
 * Built without vector registers, which hold the caller's values.
 */
#define ENTRIES 512
#define PAGE    UINT64_C(0x1000)
#define LARGE   UINT64_C(0x200000)
#define ADDRESS UINT64_C(0x000ffffffffff000)
#define TABLE   (PTE_P | PTE_W | PTE_U | PTE_AD)

extern uint64_t dj_ring0_pml4[ENTRIES];
extern const uint8_t dj_ring0_data_start[], dj_ring0_text_start[],
	dj_rodata_start[], dj_text_start[], dj_data_start[], dj_image_end[];

uint64_t dj_ring0_private;
static uint64_t tables_end = DJ_VM_TABLES;
static uint8_t accepted[DJ_VM_FRAMES_MAX / ENTRIES];

static uint64_t *at(uint64_t entry)
{
	return (uint64_t *)(entry & ADDRESS & ~dj_ring0_private);
}

void dj_ring0_flush(void)
{
	uint64_t cr3 = (uint64_t)(uintptr_t)dj_ring0_pml4 | dj_ring0_private;

	__asm__ volatile("movq %0, %%cr3" : : "r"(cr3) : "memory");
}

/* CR4, and above it XCR0, zero where there is none: PAE, OSFXSR, OSXMMEXCPT,
 * TSD; SMEP where there is one; x87 and SSE, AVX where there is one. */
uint64_t dj_ring0_features(void)
{
	uint64_t one = dj_ring0_cpuid(1) >> 32;
	uint64_t cr4 = 0x624;
	uint64_t xcr0 = 0;

	if ((dj_ring0_cpuid(7) & 1U << 7) != 0)
		cr4 |= 1U << 20;
	if ((one & 1U << 26) != 0) {
		cr4 |= 1U << 18;
		xcr0 = (one & 1U << 28) != 0 ? 7 : 3;
	}
	return cr4 | xcr0 << 32;
}

/* The table below an entry, a new one if there is none; NULL: none left. */
static uint64_t *below(uint64_t *entry, bool make)
{
	if ((*entry & PTE_P) == 0) {
		if (!make || tables_end == RING0_STACK - PAGE)
			return NULL;
		*entry = tables_end | TABLE | dj_ring0_private;
		tables_end += PAGE;
	}
	return at(*entry);
}

static uint64_t *directory(uint64_t addr, bool make)
{
	uint64_t *pdpt = at(dj_ring0_pml4[0]);
	uint64_t *pd = below(&pdpt[addr >> 30], make);

	return pd == NULL ? NULL : &pd[(addr >> 21) % ENTRIES];
}

/* Little in a round: each instruction counts (vm.h). */
static void fill(uint64_t *pt, uint64_t addr, uint64_t end, uint64_t entry)
{
	const uint64_t past = end | entry;

	pt += addr >> 12;
	for (entry |= addr; entry != past; entry += PAGE)
		*pt++ = entry;
}

void dj_ring0_zero(uint64_t addr, uint64_t words)
{
	__asm__ volatile("rep stosq"
			 : "+D"(addr), "+c"(words)
			 : "a"(UINT64_C(0))
			 : "memory");
}

#define AT(symbol) ((uint64_t)(uintptr_t)(symbol))

void dj_ring0_boot(void)
{
	uint64_t *pt = (uint64_t *)tables_end;
	const uint64_t pa = PTE_P | PTE_AD | dj_ring0_private;

	dj_ring0_first();
	tables_end += PAGE;
	fill(pt, AT(dj_ring0_data_start), AT(dj_ring0_text_start),
		pa | PTE_W | PTE_NX);
	fill(pt, AT(dj_ring0_text_start), AT(dj_rodata_start), pa);
	fill(pt, AT(dj_rodata_start), AT(dj_text_start), pa | PTE_U | PTE_NX);
	fill(pt, AT(dj_text_start), AT(dj_data_start), pa | PTE_U);
	fill(pt, AT(dj_data_start), AT(dj_image_end),
		pa | PTE_U | PTE_W | PTE_NX);
	dj_ring0_pages(pt);
	dj_ring0_pd[0] = AT(pt) | TABLE | dj_ring0_private;
	dj_ring0_flush();
}

/* Whole pages of one large page of the window. */
static void check(uint64_t addr, uint64_t pages)
{
	if (addr < WINDOW || addr >= WINDOW_END || addr % PAGE != 0 ||
		pages == 0 || pages > ENTRIES - (addr >> 12) % ENTRIES)
		dj_ring0_fatal();
}

uint64_t dj_ring0_map(uint64_t addr, uint64_t gpa, uint64_t pages)
{
	const uint64_t rw =
		PTE_P | PTE_W | PTE_U | PTE_AD | PTE_NX | dj_ring0_private;
	uint64_t first = gpa - DJ_VM_FRAMES;
	uint64_t *pde, *pt;

	check(addr, pages);
	if (gpa % PAGE != 0 || first >= DJ_VM_FRAMES_MAX * PAGE ||
		pages > ENTRIES - (gpa >> 12) % ENTRIES)
		dj_ring0_fatal();
	if (accepted[first / LARGE] == 0) {
		accepted[first / LARGE] = 1;
		dj_ring0_accept(gpa & ~(LARGE - 1));
	}
	pde = directory(addr, true);
	if (pde == NULL)
		return 1;
	if (pages == ENTRIES && *pde == 0) {
		*pde = gpa | rw | PTE_LARGE;
		return 0;
	}
	if ((*pde & PTE_LARGE) != 0)
		dj_ring0_fatal();
	pt = below(pde, true);
	if (pt == NULL)
		return 1;
	pt += (addr >> 12) % ENTRIES;
	gpa |= rw;
	for (uint64_t i = 0; i < pages; i++, gpa += PAGE)
		pt[i] = gpa;
	return 0;
}

/* A large page as a table of small ones; NULL: none left. */
static uint64_t *split(uint64_t *pde)
{
	uint64_t entry = *pde & ~(uint64_t)PTE_LARGE;
	uint64_t *pt;

	*pde = 0;
	pt = below(pde, true);
	for (uint64_t i = 0; pt != NULL && i < ENTRIES; i++, entry += PAGE)
		pt[i] = entry;
	return pt;
}

/* Only what is mapped; on: code, which is not writable; else data again. */
uint64_t dj_ring0_exec(uint64_t addr, uint64_t on, uint64_t pages)
{
	uint64_t *pde, *pt;

	check(addr, pages);
	pde = directory(addr, false);
	if (pde == NULL || *pde == 0)
		dj_ring0_fatal();
	pt = (*pde & PTE_LARGE) != 0 ? split(pde) : at(*pde);
	if (pt == NULL)
		dj_ring0_fatal();
	pt += (addr >> 12) % ENTRIES;
	for (uint64_t i = 0; i < pages; i++) {
		if ((pt[i] & PTE_P) == 0)
			dj_ring0_fatal();
		pt[i] &= ~(PTE_W | PTE_NX);
		if (on == 0)
			pt[i] |= PTE_W | PTE_NX;
	}
	dj_ring0_flush();
	return 0;
}

uint64_t dj_ring0_unmap(uint64_t addr, uint64_t zero, uint64_t pages)
{
	uint64_t *pde;

	(void)zero;
	check(addr, pages);
	pde = directory(addr, false);
	if (pde == NULL || *pde == 0)
		return 0;
	if ((*pde & PTE_LARGE) != 0) {
		if (pages != ENTRIES)
			dj_ring0_fatal();
		*pde = 0;
	} else {
		dj_ring0_zero(AT(at(*pde) + (addr >> 12) % ENTRIES), pages);
	}
	dj_ring0_flush();
	return 0;
}
