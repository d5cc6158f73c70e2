// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lib/evidence/sgx_layout.h"

/*
 * The SGX shim's own. The thread's page, at GS:0: measured as zeros, and so
 * all that entry.S knows when it is entered for the first time.
 */
#define T_STATE       0
#define T_STACK       8 /* ours, while we are out */
/* The host's, to go back with: of the program's entry, of the handler's. */
#define T_HOST_RSP    16
#define T_HOST_RBP    24
#define T_HOST_RIP    32
#define T_HANDLER_RSP 40
#define T_HANDLER_RBP 48
#define T_HANDLER_RIP 56

#define STATE_NEW  0 /* never entered */
#define STATE_IN   1 /* the program's thread runs */
#define STATE_OUT  2 /* it called the host and waits for EENTER */
#define STATE_DEAD 3 /* it faulted: nothing runs any more */

/* Where what is not measured is: no code of the image. */
#define WINDOW     ((uint64_t)DJ_SGX_BASE + DJ_SGX_WINDOW)
#define WINDOW_END ((uint64_t)DJ_SGX_BASE + DJ_SGX_SIZE)

/* SSA frame: GPRSGX at its end, EXINFO below (SDM tables 38-7 to 38-13). */
#define SSA_GPR      (DJ_SGX_SSA_PAGES * DJ_SGX_PAGE_SIZE - 184)
#define SSA_RDX      (SSA_GPR + 16)
#define SSA_RBP      (SSA_GPR + 40)
#define SSA_RSI      (SSA_GPR + 48)
#define SSA_RDI      (SSA_GPR + 56)
#define SSA_RFLAGS   (SSA_GPR + 128)
#define SSA_RIP      (SSA_GPR + 136)
#define SSA_EXITINFO (SSA_GPR + 160)
#define SSA_MADDR    (SSA_GPR - 16)

#define EXIT_VALID (UINT64_C(1) << 31)
#define EXIT_TYPE  UINT64_C(0x7ff)   /* vector and kind */
#define EXIT_PF    UINT64_C(0x30e)   /* hardware's, of vector 14 */
#define EXIT_FLAGS UINT64_C(0x44400) /* DF, NT, AC: as C wants them */

#define FAULT 6 /* DJ_HALT_FAULT */

#define HANDLER_STACK 0x2000
#define BOOT_STACK    0x2000
#define STACK_SIZE    0x100000

#ifndef __ASSEMBLER__
#include <stdint.h>

/* The thread's page, the same memory as GS:0. */
struct dj_sgx_thread {
	uint64_t state;
	uint64_t stack;
	uint64_t host[3], handler[3];
	uint8_t zero[DJ_SGX_THREAD_HEAP - 64];
	uint64_t heap; /* SGX1: its bytes; measured, never written */
};

/* Leaves the enclave and comes back with the host's answer, unjudged. */
uint64_t dj_sgx_call(uint64_t call, uint64_t a, uint64_t b, uint64_t c);

/* ENCLU with leaf in EAX. RAX afterwards; the leaf itself if it sets none. */
uint64_t dj_sgx_enclu(uint64_t leaf, const volatile void *rbx,
	const volatile void *rcx, volatile void *rdx);

/* Where a thread that has faulted stands: it faults again. */
void dj_sgx_dead(void);

/* Where one goes on that faulted in native code, with dj_sgx_on_fault()'s
 * arguments in their registers. */
void dj_sgx_fault(void);

/* memory.c: accepts the map and the stack, or takes the heap that is there;
 * the stack's end. */
uint64_t dj_sgx_memory_init(uint64_t heap);

/*
 * Called from entry.S, which calls nothing else. boot runs on a small stack
 * of the image and gives the one that main is called on. exception runs while
 * the thread is interrupted; the host says when, so it believes SSA alone. It
 * answers the call to leave with. on_fault is the thread's again, on the first
 * stack.
 */
uint64_t dj_sgx_boot(uint64_t cpu);
_Noreturn void dj_sgx_main(void);
uint64_t dj_sgx_exception(void);
_Noreturn void dj_sgx_on_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp);
#endif
