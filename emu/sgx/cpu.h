// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/evidence/sgx.h"
#include "lib/evidence/sgx_sigstruct.h"
#include "lib/proto/sgx.h"

/*
 * An SGX processor that is not there, and the Linux driver above it, for one
 * enclave in an ordinary process: development, no protection. The process is
 * the loader's; an enclave is its memory at DJ_SGX_BASE. docs/tees/sgx.md
 * says what is emulated and what not.
 *
 * ENCLU is emulated in one of two ways. Trapped: the instruction faults on a
 * processor without SGX, and the handler does what it would have done.
 * Patched: once the enclave is measured, a call stands in the instruction's
 * place; the same functions, without the kernel.
 */

/* Registers, in the order of GPRSGX; gate.c's assembly knows the offsets. */
struct dj_emu_regs {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
	uint64_t r[8]; /* R8 to R15 */
	uint64_t rflags, rip;
	uint64_t fs, gs; /* bases */
	uint8_t *fp;     /* XSAVE area, standard format */
};

#define DJ_EMU_TCS_MAX    4
#define DJ_EMU_RANGES_MAX 256

struct dj_emu_tcs {
	uint64_t offset; /* of the page */
	struct dj_sgx_tcs is;
	bool busy;
	uint32_t cssa;
	uint64_t aep;
};

/* What mmap and mprotect made of a range of ELRANGE; later ones count. */
struct dj_emu_range {
	uint64_t from, to;
	int prot;
};

struct dj_emu_cpu {
	uint8_t fuses[32]; /* what every key is derived from */
	bool is_patched;
	bool is_sgx1; /* no SGX2: neither its leaves nor the driver's calls */
	bool is_created, is_initialised;
	struct dj_sgx_hash hash;
	uint32_t misc, ssa_pages;
	uint64_t flags, xfrm;
	uint8_t mrenclave[32], mrsigner[32];
	uint16_t isvprodid, isvsvn;
	uint16_t
		*epcm; /* a word a page: SECINFO.FLAGS of what is there, or 0 */
	struct dj_emu_tcs tcs[DJ_EMU_TCS_MAX];
	size_t tcs_count;
	struct dj_emu_range ranges[DJ_EMU_RANGES_MAX];
	size_t range_count;
	/* The thread. */
	struct dj_emu_tcs *inside; /* NULL: outside */
	uint64_t host_fs, host_gs;
	uint64_t leaves[16]; /* how often each was done */
	uint64_t exits;      /* AEX */
};

extern struct dj_emu_cpu dj_emu_cpu;

/* Security versions of the processor that is emulated. */
extern const uint8_t dj_emu_cpusvn[16];

/* driver.c: the driver's calls (lib/proto/sgx.h). */
int dj_emu_control(void *ctx, unsigned long request, void *arg);
bool dj_emu_map(void *ctx, uint64_t addr, uint64_t len, int prot);
bool dj_emu_protect(void *ctx, uint64_t addr, uint64_t len, int prot);

/* EPCM's word of the page at offset; NULL outside of ELRANGE. */
uint16_t *dj_emu_page(uint64_t offset);
/* Brings page tables in line after EPCM or a range changed. */
void dj_emu_sync(uint64_t offset, uint64_t len);
/* The processor writes a page that nobody else may; false: it cannot. */
bool dj_emu_fill(uint64_t offset, const uint8_t *from);
/* The driver's answer to a fault on a page that is not there. */
bool dj_emu_eaug(uint64_t offset);

/*
 * enclu.c: one ENCLU with these registers, RIP at the instruction, `len`
 * bytes long. Changes regs to what runs next, here or on the other side.
 */
void dj_emu_enclu(struct dj_emu_regs *regs, uint64_t len);

/* aex.c */
struct dj_emu_event {
	uint8_t vector;
	uint16_t error;
	uint64_t addr;
	bool is_interrupt; /* nothing is told to anybody */
};
void dj_emu_aex(struct dj_emu_regs *regs, const struct dj_emu_event *e);
/* False: there is nothing to resume. */
bool dj_emu_resume(struct dj_emu_regs *regs, struct dj_emu_tcs *t);
/* As the kernel tells a fault at or under ENCLU to the vDSO's caller. */
void dj_emu_report_fault(struct dj_emu_regs *regs, uint64_t leaf,
	const struct dj_emu_event *e);

/* gate.c */
int dj_emu_enter(unsigned long rdi, unsigned long rsi, unsigned long rdx,
	unsigned int function, unsigned long r8, unsigned long r9,
	struct sgx_enclave_run *run);
/* Takes over the signals; false with errno. */
bool dj_emu_gate_init(void);
/* Puts calls in the place of ENCLU in [p, p + len). */
bool dj_emu_patch(uint8_t *p, size_t len);

/*
 * filter.c: from here on what the Keep asks for and emulating takes, writing
 * to one descriptor and reading from the other; anything else kills.
 */
bool dj_emu_sgx_filter(int to_host, int to_keep);
