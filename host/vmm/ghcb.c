// SPDX-License-Identifier: Apache-2.0
#include <stdatomic.h>
#include <string.h>

#include "host/vmm/vmm.h"
#include "lib/proto/hostcall.h"
#include "lib/proto/vm.h"

/*
 * KVM's side of the GHCB protocol, for a guest whose SEV is emulated. What the
 * guest does wrong ends it: a real one would have been refused or crashed.
 */
#define MSR_GHCB       0xc0010130
#define MSR_SEV_STATUS 0xc0010131

#define MSR_CODE     UINT64_C(0xfff)
#define INFO_REQ     UINT64_C(0x002)
#define INFO         UINT64_C(0x0002000233000001) /* version 2; C-bit 51 */
#define REGISTER_REQ UINT64_C(0x012)
#define REGISTER     UINT64_C(0x013)
#define FEATURES_REQ UINT64_C(0x080)
#define FEATURES     UINT64_C(0x3081) /* SNP, AP creation */
#define TERMINATE    UINT64_C(0x100)

/* The page. */
#define CODE    0x390
#define INFO_1  0x398
#define INFO_2  0x3a0
#define SCRATCH 0x3a8
#define VALID   0x3f0
#define BUFFER  0x800
#define VERSION 0xffa
#define USAGE   0xffc

#define EXIT_PSC     UINT64_C(0x80000010)
#define EXIT_REQUEST UINT64_C(0x80000011)

/* INFO_1 2: a request that is none; INFO_2 says why. */
#define MALFORMED     2
#define BAD_USAGE     2
#define BAD_SCRATCH   3
#define MISSING_INPUT 4
#define INVALID_INPUT 5
#define INVALID_EVENT 6

#define PSC_GENERIC UINT64_C(0x10000000000)

enum page_state {
	HOSTS = 0, /* shared */
	PRIVATE,
	VALIDATED,
};

static uint64_t get(const uint8_t *p, size_t off, size_t len)
{
	uint64_t v = 0;

	memcpy(&v, p + off, len);
	return v;
}

static void put(uint8_t *p, size_t off, uint64_t v)
{
	memcpy(p + off, &v, 8);
}

static bool is_valid(const uint8_t *page, size_t off)
{
	size_t bit = off / 8;

	return (page[VALID + bit / 8] >> bit % 8 & 1) != 0;
}

/* Is it a large page that this guest may own? */
static uint8_t *state_of(struct dj_vmm_ghcb *g, uint64_t gpa)
{
	bool is_low = gpa >= DJ_VM_TABLES && gpa < DJ_VM_LOW_END;
	bool is_frame = gpa >= DJ_VM_FRAMES && gpa < g->end;

	return gpa % DJ_VM_LARGE == 0 && (is_low || is_frame)
		? &g->state[gpa / DJ_VM_LARGE]
		: NULL;
}

/* One entry, of a large page, to private: all that our shim ever asks for. */
static uint64_t on_psc(struct dj_vmm_ghcb *g, uint8_t *page)
{
	uint64_t entry = get(page, BUFFER + 8, 8);
	uint8_t *state = state_of(g, entry & UINT64_C(0xffffffffff000));

	if (get(page, BUFFER, 8) != 0 || (entry & 0xfff) != 0 ||
		entry >> 52 != 0x11 || state == NULL || *state != HOSTS)
		return PSC_GENERIC;
	*state = PRIVATE;
	put(page, BUFFER + 8, entry | 512);
	put(page, BUFFER, 1);
	return 0;
}

/* Copies, so that what is sent and answered is not what is shared. */
static bool on_request(struct dj_vmm_ghcb *g, const uint8_t *page,
	uint64_t *ret_info)
{
	uint8_t request[4096], response[4096] = { 0 };
	uint32_t error = 0;

	if (get(page, INFO_1, 8) != DJ_VM_REQUEST ||
		get(page, INFO_2, 8) != DJ_VM_RESPONSE)
		return false;
	memcpy(request, g->pages + (DJ_VM_REQUEST - DJ_VM_GHCB), 4096);
	if (!g->ask(g->ctx, request, response, &error))
		error = 1;
	if (error == 0)
		memcpy(g->pages + (DJ_VM_RESPONSE - DJ_VM_GHCB), response,
			4096);
	*ret_info = error;
	return true;
}

static uint64_t missing(const uint8_t *page)
{
	if (!is_valid(page, CODE) || !is_valid(page, INFO_1) ||
		!is_valid(page, INFO_2))
		return MISSING_INPUT;
	return get(page, VERSION, 2) == 2 && get(page, USAGE, 4) == 0
		? 0
		: BAD_USAGE;
}

static void on_page(struct dj_vmm_ghcb *g)
{
	uint8_t *page = g->pages;
	uint64_t why = missing(page), info_2 = 0;

	if (why == 0 && get(page, CODE, 8) == EXIT_PSC) {
		if (!is_valid(page, SCRATCH) ||
			get(page, SCRATCH, 8) != DJ_VM_GHCB + BUFFER)
			why = BAD_SCRATCH;
		else
			info_2 = on_psc(g, page);
	} else if (why == 0 && get(page, CODE, 8) == EXIT_REQUEST) {
		if (!on_request(g, page, &info_2))
			why = INVALID_INPUT;
	} else if (why == 0) {
		why = INVALID_EVENT;
	}
	memset(page + VALID, 0, 16);
	put(page, INFO_1, why == 0 ? 0 : MALFORMED);
	put(page, INFO_2, why == 0 ? info_2 : why);
	atomic_thread_fence(memory_order_release);
}

/* False: the guest asks to be ended, or for nothing that there is. */
static bool on_vmgexit(struct dj_vmm_ghcb *g)
{
	uint64_t code = g->msr & MSR_CODE, gpa = g->msr & ~MSR_CODE;

	if (code == INFO_REQ) {
		g->msr = INFO;
	} else if (code == FEATURES_REQ) {
		g->msr = FEATURES;
	} else if (code == REGISTER_REQ) {
		g->is_registered = gpa == DJ_VM_GHCB;
		g->msr = REGISTER | (g->is_registered ? gpa : ~MSR_CODE);
	} else if (code == 0 && g->is_registered && gpa == DJ_VM_GHCB) {
		on_page(g);
	} else {
		return false;
	}
	return true;
}

static enum dj_vmm_next on_pvalidate(struct dj_vmm_ghcb *g, uint32_t frame)
{
	uint8_t *state = state_of(g, (uint64_t)frame << 12);

	if (state == NULL || *state != PRIVATE)
		return DJ_VMM_END;
	*state = VALIDATED;
	return DJ_VMM_AGAIN;
}

static enum dj_vmm_next on_out(struct dj_vmm_ghcb *g, const struct kvm_run *run,
	uint8_t *ret_code)
{
	const uint8_t *data = (const uint8_t *)run + run->io.data_offset;
	uint32_t value = 0;

	if (run->io.direction == KVM_EXIT_IO_OUT && run->io.count == 1 &&
		run->io.size <= 4)
		memcpy(&value, data, run->io.size);
	else
		return dj_vmm_exit(run, ret_code);
	if (run->io.port == DJ_VM_PORT_VMGEXIT && run->io.size == 1)
		return on_vmgexit(g) ? DJ_VMM_AGAIN : DJ_VMM_END;
	if (run->io.port == DJ_VM_PORT_PVALIDATE && run->io.size == 4)
		return on_pvalidate(g, value);
	return dj_vmm_exit(run, ret_code);
}

enum dj_vmm_next dj_vmm_ghcb_exit(struct dj_vmm_ghcb *g, struct kvm_run *run,
	uint8_t *ret_code)
{
	*ret_code = DJ_HALT_FAULT;
	switch (run->exit_reason) {
	case KVM_EXIT_X86_RDMSR:
		run->msr.error = run->msr.index != MSR_SEV_STATUS &&
			run->msr.index != MSR_GHCB;
		run->msr.data = run->msr.index == MSR_GHCB ? g->msr : 0;
		return DJ_VMM_AGAIN;
	case KVM_EXIT_X86_WRMSR:
		run->msr.error = run->msr.index != MSR_GHCB;
		if (run->msr.index == MSR_GHCB)
			g->msr = run->msr.data;
		return DJ_VMM_AGAIN;
	case KVM_EXIT_IO:
		return on_out(g, run, ret_code);
	default:
		return dj_vmm_exit(run, ret_code);
	}
}
