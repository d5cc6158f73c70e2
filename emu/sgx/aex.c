// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "emu/sgx/cpu.h"

/*
 * Asynchronous exits (SDM volume 3, chapter 39): the state goes to SSA, and
 * what the host sees in its place says nothing.
 */
#define PAGE       ((uint64_t)DJ_SGX_PAGE_SIZE)
#define GPR_SIZE   184
#define EXINFO_OFF (GPR_SIZE + 16) /* from the frame's end */
#define LEGACY     464             /* then 48 bytes of the kernel's own */
#define XSTATE_BV  512
#define HEADER_END 576

static uint8_t *frame(const struct dj_emu_tcs *t, uint32_t n)
{
	return (uint8_t *)(uintptr_t)(DJ_SGX_BASE + t->is.ossa +
		(uint64_t)n * dj_emu_cpu.ssa_pages * PAGE);
}

static uint8_t *frame_end(const struct dj_emu_tcs *t, uint32_t n)
{
	return frame(t, n) + dj_emu_cpu.ssa_pages * PAGE;
}

/* Only with EXINFO do #GP and #PF say anything. */
static bool is_told(uint8_t vector)
{
	static const uint32_t always = 1u << 0 | 1u << 1 | 1u << 3 | 1u << 5 |
		1u << 6 | 1u << 16 | 1u << 17 | 1u << 19;
	static const uint32_t with_exinfo = 1u << 13 | 1u << 14;

	return vector < 32 &&
		((always >> vector & 1) != 0 ||
			((with_exinfo >> vector & 1) != 0 &&
				(dj_emu_cpu.misc & 1) != 0));
}

static void save_registers(uint8_t *gpr, const struct dj_emu_regs *r)
{
	/* RAX to R15, RFLAGS, RIP stand in one order here and there. */
	memcpy(gpr, r, 144);
	memcpy(gpr + 168, &r->fs, 8);
	memcpy(gpr + 176, &r->gs, 8);
}

static void save_vectors(uint8_t *area, const uint8_t *fp)
{
	uint64_t bv;

	memcpy(area, fp, LEGACY);
	memset(area + LEGACY, 0, HEADER_END - LEGACY);
	memcpy(&bv, fp + XSTATE_BV, 8);
	bv &= dj_emu_cpu.xfrm;
	memcpy(area + XSTATE_BV, &bv, 8);
}

static void save_cause(const struct dj_emu_tcs *t, uint32_t n,
	const struct dj_emu_event *e)
{
	uint8_t *end = frame_end(t, n);
	uint32_t info = 0;
	uint32_t error = e->error;

	if (!e->is_interrupt && is_told(e->vector))
		info = 1u << 31 | (e->vector == 3 ? 6u : 3u) << 8 | e->vector;
	memcpy(end - GPR_SIZE + 160, &info, 4);
	memset(end - GPR_SIZE + 164, 0, 4);
	if ((dj_emu_cpu.misc & 1) == 0)
		return;
	memset(end - EXINFO_OFF, 0, 16);
	if (info == 0 || (e->vector != 13 && e->vector != 14))
		return;
	if (e->vector == 14)
		memcpy(end - EXINFO_OFF, &e->addr, 8);
	memcpy(end - EXINFO_OFF + 8, &error, 4);
}

/* What ERESUME needs, and the initial state of everything else. */
static void become_synthetic(struct dj_emu_regs *r, const struct dj_emu_tcs *t)
{
	static const uint32_t mxcsr = 0x1fb0;
	static const uint16_t fcw = 0x37f;
	static const uint64_t cleared =
		0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x800 | 0x10000;
	const uint8_t *gpr = frame_end(t, t->cssa) - GPR_SIZE;
	const uint64_t zero = 0;
	struct dj_emu_regs s = { .rax = DJ_SGX_ERESUME,
		.rbx = DJ_SGX_BASE + t->offset,
		.rcx = t->aep,
		.rip = t->aep,
		.rflags = r->rflags & ~cleared,
		.fs = dj_emu_cpu.host_fs,
		.gs = dj_emu_cpu.host_gs,
		.fp = r->fp };

	memcpy(&s.rsp, gpr + 144, 8);
	memcpy(&s.rbp, gpr + 152, 8);
	memcpy(r->fp + XSTATE_BV, &zero, 8);
	memcpy(r->fp + 24, &mxcsr, 4);
	memcpy(r->fp, &fcw, 2);
	*r = s;
}

void dj_emu_aex(struct dj_emu_regs *r, const struct dj_emu_event *e)
{
	struct dj_emu_cpu *c = &dj_emu_cpu;
	struct dj_emu_tcs *t = c->inside;

	c->exits++;
	save_registers(frame_end(t, t->cssa) - GPR_SIZE, r);
	save_vectors(frame(t, t->cssa), r->fp);
	save_cause(t, t->cssa, e);
	become_synthetic(r, t);
	t->cssa++;
	t->busy = false;
	c->inside = NULL;
	/* An interrupt is the kernel's; a fault it tells the process. */
	if (!e->is_interrupt)
		dj_emu_report_fault(r, DJ_SGX_ERESUME, e);
}

static bool is_area(const uint8_t *area)
{
	uint64_t bv;
	uint32_t mxcsr;

	memcpy(&bv, area + XSTATE_BV, 8);
	memcpy(&mxcsr, area + 24, 4);
	for (size_t i = XSTATE_BV + 8; i < XSTATE_BV + 24; i++) {
		if (area[i] != 0)
			return false;
	}
	return (bv & ~dj_emu_cpu.xfrm) == 0 && (mxcsr & 0xffff0000) == 0;
}

bool dj_emu_resume(struct dj_emu_regs *r, struct dj_emu_tcs *t)
{
	/* Status flags, TF, DF, NT, RF, AC, ID; the others are the kernel's. */
	static const uint64_t flags = 0x254dd5;
	const uint64_t here = r->rflags;
	uint8_t *fp = r->fp;
	const uint8_t *area = frame(t, t->cssa - 1);
	const uint8_t *gpr = frame_end(t, t->cssa - 1) - GPR_SIZE;
	const struct dj_emu_regs outside = *r;

	if (!is_area(area))
		return false;
	memcpy(r, gpr, 144);
	memcpy(&r->fs, gpr + 168, 8);
	memcpy(&r->gs, gpr + 176, 8);
	r->rflags = (here & ~flags) | (r->rflags & flags);
	r->fp = fp;
	memcpy(fp, area, LEGACY);
	memcpy(fp + XSTATE_BV, area + XSTATE_BV, 8);
	t->cssa--;
	/* The frame is free again: it takes the stack of the next AEX. */
	memcpy(frame_end(t, t->cssa) - GPR_SIZE + 144, &outside.rsp, 8);
	memcpy(frame_end(t, t->cssa) - GPR_SIZE + 152, &outside.rbp, 8);
	return true;
}
