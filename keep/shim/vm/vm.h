// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Inside the shim of a VM Keep; also read by the assembler.
 *
 * Ring 0 is dj_ring0_*: entry.S and ring0.c, a page or two of code. It makes
 * the page tables, and from then on serves the five calls below and ends the
 * Keep on everything else. All the rest, this shim's lists and choices
 * included, is ring 3 and runs as fast as the processor: where ring 0 is
 * emulated an instruction there costs a microsecond.
 */
#include "lib/proto/vm.h"

/* Kinds of call, in eax; no result of one is ever another. */
#define DJ_GATE_KICK  0x444a0001
#define DJ_GATE_WAIT  0x444a0002
#define DJ_GATE_HALT  0x444a0003 /* a: enum dj_halt */
#define DJ_GATE_MAP   0x444a0004 /* a: address, b: gpa, c: pages */
#define DJ_GATE_UNMAP 0x444a0005 /* a: address, c: pages */
#define DJ_GATE_ASK   0x444a0006 /* SNP: the message in DJ_VM_REQUEST */

#define DJ_GATE_EXEC 0x444a0007 /* a: address, b: 1 code, 0 data, c: pages */

/* Segments: null, code and data of ring 0, data and code of ring 3, TSS. */
#define SEL_CODE0 0x08
#define SEL_DATA0 0x10
#define SEL_DATA3 0x1b
#define SEL_CODE3 0x23
#define SEL_TSS   0x28

/* Fixed places in ring 0's code, so that the IDT is a constant. */
#define RING0_CODE  0x00105000 /* after five pages of its data */
#define RING0_FATAL RING0_CODE
#define RING0_FAULT (RING0_CODE + 8)
#define RING0_GATE  (RING0_CODE + 0x10)
#define RING0_STACK (DJ_VM_TABLES + DJ_VM_TABLES_SIZE)

/*
 * Where committed memory is mapped: below lie the image, the lists, stack
 * and region at their guest-physical addresses.
 */
#define WINDOW     0x40000000
#define WINDOW_END 0x8000000000

#define DJ_VM_FAULT_STACK 0x4000

/* Page table entries, with accessed and dirty set: the processor never
 * writes to one. */
#define PTE_P     0x001
#define PTE_W     0x002
#define PTE_U     0x004
#define PTE_AD    0x060
#define PTE_LARGE 0x080
#define PTE_NX    0x8000000000000000

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Ring 3's one way into ring 0. Map answers 0, or 1: no table left. */
uint64_t dj_vm_gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c);

/*
 * Each TEE's own (keep/shim/kvm/ etc.). In ring 0, which must do little:
 *
 *   cpuid   EBX and, above it, ECX of a leaf, subleaf 0
 *   first   before anything but the image is touched: makes ring 0's tables,
 *           the lists and the stack this Keep's and zero
 *   pages   adds what else the table of the low 2 MiB maps
 *   accept  before the first frame of each large page of frames is mapped:
 *           makes it this Keep's and zero
 *
 * and, jumped to from the gate: wait and kick, which IRET; own, another call
 * than the five; end, al an enum dj_halt, from any state of the processor.
 *
 * private is set in each entry of private memory: SNP's C-bit, or zero.
 */
extern uint64_t dj_ring0_private;
extern uint64_t dj_ring0_pd[512]; /* of the low GiB */
uint64_t dj_ring0_cpuid(uint32_t leaf);
void dj_ring0_first(void);
void dj_ring0_pages(uint64_t *table);
void dj_ring0_accept(uint64_t gpa);

/* In ring 3: enum dj_cpu of lib/crypto/cpu.h, and what else the TEE has to do
 * before the core runs. */
uint32_t dj_vm_begin(void);

/* Called from entry.S. */
uint64_t dj_ring0_features(void);
void dj_ring0_boot(void);
void dj_ring0_flush(void);
/* Words of 8 bytes; one instruction. */
void dj_ring0_zero(uint64_t addr, uint64_t words);
uint64_t dj_ring0_map(uint64_t addr, uint64_t gpa, uint64_t pages);
uint64_t dj_ring0_exec(uint64_t addr, uint64_t on, uint64_t pages);
uint64_t dj_ring0_unmap(uint64_t addr, uint64_t zero, uint64_t pages);
_Noreturn void dj_ring0_fatal(void);
extern uint8_t dj_vm_fault_stack[DJ_VM_FAULT_STACK];
_Noreturn void dj_vm_main(void);
/* Ring 3's end of a page fault of its own, on a stack for that. */
_Noreturn void dj_vm_on_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp);
#endif
