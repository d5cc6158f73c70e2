// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stddef.h>

#include "keep/shim/snp/snp.h"
#include "keep/shim/vm/vm.h"

/*
 * Ring 0 under SEV-SNP: the GHCB, and memory that is accepted once. What the
 * host writes into the GHCB is read once and compared with what it must be;
 * anything else ends the Keep. Emulated, the protocol is the same and an OUT
 * stands for VMGEXIT and for PVALIDATE.
 *
 * Built without vector registers, as all of ring 0.
 */
#define ENTRIES   512
#define PAGE      UINT64_C(0x1000)
#define LARGE     UINT64_C(0x200000)
#define TEMPORARY (DJ_VM_REGION + DJ_VM_LARGE) /* mapped while accepting */

/* GHCB MSR protocol: low 12 bits. */
#define MSR_INFO         UINT64_C(0x001)
#define MSR_INFO_REQ     UINT64_C(0x002)
#define MSR_REGISTER_REQ UINT64_C(0x012)
#define MSR_REGISTER     UINT64_C(0x013)
#define MSR_FEATURES_REQ UINT64_C(0x080)
#define MSR_FEATURES     UINT64_C(0x081)
#define MSR_FEATURE_SNP  (UINT64_C(1) << 12)
#define GHCB_VERSION     2

/* GHCB page: words of 8 bytes. */
#define RAX     (0x1f8 / 8)
#define CODE    (0x390 / 8)
#define INFO_1  (0x398 / 8)
#define INFO_2  (0x3a0 / 8)
#define SCRATCH (0x3a8 / 8)
#define VALID   (0x3f0 / 8) /* two words: a bit for each of those before */
#define BUFFER  (0x800 / 8)
#define USAGE   (0xff8 / 8) /* version at 0xffa, usage at 0xffc: 0 */

#define EXIT_IO      0x7b
#define EXIT_PSC     0x80000010
#define EXIT_REQUEST 0x80000011

#define IO_OUT_8 (1 << 4 | 1 << 9) /* 8 bits of data, 64 of address */

#define PSC_PRIVATE (UINT64_C(1) << 52)
#define PSC_LARGE   (UINT64_C(1) << 56)
#define PSC_ENTRY   (~UINT64_C(0xfff)) /* below: pages done so far */

#define PVALIDATE_SIZE 6 /* the host has it in small pages */

static bool is_real(void)
{
	return dj_ring0_private != 0;
}

static void vmgexit(void)
{
	if (is_real())
		__asm__ volatile("rep; vmmcall" : : : "memory");
	else
		__asm__ volatile("outb %%al, %0"
				 :
				 : "i"(DJ_VM_PORT_VMGEXIT)
				 : "memory");
}

static void set_msr(uint64_t v)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(MSR_GHCB), "a"((uint32_t)v),
			 "d"((uint32_t)(v >> 32))
			 : "memory");
}

static uint64_t msr_call(uint64_t v)
{
	uint32_t lo, hi;

	set_msr(v);
	vmgexit();
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(MSR_GHCB));
	return (uint64_t)hi << 32 | lo;
}

/* Version 2 of the protocol, a host that knows SNP, and our page. */
static void negotiate(void)
{
	uint64_t v = msr_call(MSR_INFO_REQ);

	if ((v & 0xfff) != MSR_INFO || v >> 48 < GHCB_VERSION ||
		(v >> 32 & 0xffff) > GHCB_VERSION)
		dj_ring0_fatal();
	if (is_real() && dj_ring0_private != UINT64_C(1) << (v >> 24 & 0x3f))
		dj_ring0_fatal();
	v = msr_call(MSR_FEATURES_REQ);
	if ((v & 0xfff) != MSR_FEATURES || (v & MSR_FEATURE_SNP) == 0)
		dj_ring0_fatal();
	if (msr_call(MSR_REGISTER_REQ | DJ_VM_GHCB) !=
		(MSR_REGISTER | DJ_VM_GHCB))
		dj_ring0_fatal();
	set_msr(DJ_VM_GHCB);
}

static volatile uint64_t *const ghcb = (volatile uint64_t *)DJ_VM_GHCB;

/* Gives INFO_2; the host saying that the call was none is fatal. */
static uint64_t ghcb_call(uint64_t code, uint64_t info_1, uint64_t info_2)
{
	ghcb[RAX] = 0;
	ghcb[CODE] = code;
	ghcb[INFO_1] = info_1;
	ghcb[INFO_2] = info_2;
	ghcb[SCRATCH] = DJ_VM_GHCB + BUFFER * 8;
	ghcb[VALID] = UINT64_C(1) << RAX;
	ghcb[VALID + 1] = UINT64_C(15) << (CODE - 64);
	ghcb[USAGE] = (uint64_t)GHCB_VERSION << 16;
	vmgexit();
	if ((uint32_t)ghcb[INFO_1] != 0)
		dj_ring0_fatal();
	return ghcb[INFO_2];
}

void dj_snp_out(uint32_t port)
{
	(void)ghcb_call(EXIT_IO, (uint64_t)port << 16 | IO_OUT_8, 0);
}

/* No result is the number of a call (vm.h). */
uint64_t dj_snp_ask(void)
{
	uint64_t v = ghcb_call(EXIT_REQUEST, DJ_VM_REQUEST, DJ_VM_RESPONSE);

	return v == 0 ? 0 : v >> 32 == 2 ? 2 : 1;
}

/* Asks the host to give a large page over. */
static void ask_for(uint64_t gpa)
{
	const uint64_t entry = gpa | PSC_PRIVATE | PSC_LARGE;

	ghcb[BUFFER] = 0; /* first entry and last: 0 */
	ghcb[BUFFER + 1] = entry;
	if (ghcb_call(EXIT_PSC, 0, 0) != 0 || ghcb[BUFFER] != 1 ||
		(ghcb[BUFFER + 1] & PSC_ENTRY) != entry)
		dj_ring0_fatal();
}

/* Carry: it was validated before. The host has given us a page twice. */
static uint32_t pvalidate(uint64_t addr, uint32_t is_large)
{
	uint64_t result = addr;
	bool is_same;

	__asm__ volatile("pvalidate"
			 : "=@ccc"(is_same), "+a"(result)
			 : "c"(is_large), "d"(1)
			 : "memory");
	if (is_same)
		dj_ring0_fatal();
	return (uint32_t)result;
}

/* Lines of the page that the host left in caches go before we write; only
 * the first and last can be there (Linux, sev_evict_cache). Once a page. */
static void evict(uint64_t addr)
{
	if ((dj_ring0_cpuid(0x8000001f) & 1U << 31) != 0)
		return;
	for (uint64_t end = addr + LARGE; addr < end; addr += PAGE) {
		(void)*(volatile uint8_t *)addr;
		(void)*(volatile uint8_t *)(addr + PAGE - 1);
	}
}

static void validate(uint64_t addr)
{
	uint32_t result = pvalidate(addr, 1);

	if (result == PVALIDATE_SIZE) {
		result = 0;
		for (uint64_t i = 0; i < ENTRIES; i++)
			result |= pvalidate(addr + i * PAGE, 0);
	}
	if (result != 0)
		dj_ring0_fatal();
	evict(addr);
	dj_ring0_zero(addr, LARGE / 8);
}

/* A large page that is mapped at addr; each is accepted once, by the callers
 * (first() below; accepted[] in vm/ring0.c). Emulated, memory is zero. */
static void make_private(uint64_t addr, uint64_t gpa)
{
	ask_for(gpa);
	if (is_real())
		validate(addr);
	else
		__asm__ volatile("outl %0, %1"
				 :
				 : "a"((uint32_t)(gpa / PAGE)),
				 "i"(DJ_VM_PORT_PVALIDATE)
				 : "memory");
}

void dj_ring0_first(void)
{
	static const uint32_t places[] = { DJ_VM_TABLES,
		DJ_VM_TABLES + DJ_VM_LARGE, DJ_VM_LISTS,
		DJ_VM_LISTS + DJ_VM_LARGE, DJ_VM_STACK };

	negotiate();
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		make_private(places[i], places[i]);
}

void dj_ring0_pages(uint64_t *table)
{
	const uint64_t entry =
		PTE_P | PTE_U | PTE_AD | PTE_NX | dj_ring0_private;

	table[DJ_VM_SECRETS / PAGE] = DJ_VM_SECRETS | entry | PTE_W;
	table[DJ_VM_CPUID / PAGE] = DJ_VM_CPUID | entry;
}

void dj_ring0_accept(uint64_t gpa)
{
	uint64_t *entry = &dj_ring0_pd[TEMPORARY / LARGE];

	*entry = gpa | PTE_P | PTE_W | PTE_AD | PTE_LARGE | PTE_NX |
		dj_ring0_private;
	make_private(TEMPORARY, gpa);
	*entry = 0;
	dj_ring0_flush();
}

uint64_t dj_ring0_cpuid(uint32_t leaf)
{
	const uint32_t *p = (const uint32_t *)DJ_VM_CPUID;
	uint32_t n = p[0];

	p += 4;
	for (; n != 0 && (uintptr_t)p < DJ_VM_CPUID + PAGE - 48; n--, p += 12) {
		if (p[0] == leaf && p[1] == 0)
			return p[7] | (uint64_t)p[8] << 32;
	}
	return 0;
}
