// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Where an SGX Keep has what, and what its shim (keep/shim/sgx/) and its
 * loader (host/launch/) agree on. Also read by the assembler and by the
 * linker script's assertions, so numbers only. docs/tees/sgx.md has the
 * reasons.
 *
 * ELRANGE is the same for every memory size. In it, ascending:
 *
 *   BASE         the image's segments, at their own addresses
 *   image's end  TCS; SSA frames 0 and 1; the thread's page: what FS and GS
 *                point to inside
 *   BASE+WINDOW  the heap: no page of it exists before the Keep accepts one;
 *                its map first, then the stack, then what is reserved
 *
 * All that exists at the start is measured: for each page EADD, then EEXTEND
 * of its sixteen parts.
 *
 * Without SGX2 (SGX1) no page can come later. The heap is there from the
 * start, so many bytes as the measured thread's page says at THREAD_HEAP: EADD
 * of each, so that how many there are is measured; no EEXTEND, so their content
 * is the host's choice until the Keep has overwritten it.
 *
 * Outside, in the loader's process: the shared region at REGION. The kernel
 * may put the loader's heap up to a GiB behind the loader, so neither is near.
 */
#define DJ_SGX_BASE   0x1000000000
#define DJ_SGX_SIZE   0x0800000000 /* 32 GiB; all hardware has as much */
#define DJ_SGX_WINDOW 0x0040000000
#define DJ_SGX_REGION 0x0800000000

#define DJ_SGX_PAGE_SIZE   4096
#define DJ_SGX_SSA_PAGES   1 /* of a frame: SSAFRAMESIZE */
#define DJ_SGX_SSA_FRAMES  2 /* one for the program, one for the handler */
/* Pages from the image's end. */
#define DJ_SGX_TAIL_TCS    0
#define DJ_SGX_TAIL_SSA    1
#define DJ_SGX_TAIL_THREAD 3
#define DJ_SGX_TAIL_PAGES  4

/* In the thread's page: u64, 0 with SGX2. */
#define DJ_SGX_THREAD_HEAP 0xff8

/* Memory of an SGX1 Keep: a power of two between these. */
#define DJ_SGX1_MIN 0x1000000
#define DJ_SGX1_MAX 0x40000000

#define DJ_SGX_XFRM       0x3 /* x87 and SSE: what a keep image is built for */
/* EXINFO: faults tell their address inside. 0 with SGX1, which has none. */
#define DJ_SGX_MISCSELECT 0x1

/*
 * Calls. The Keep leaves by EEXIT with RDI the call, RSI and RDX its
 * arguments, every other register as at EENTER or zero; the loader enters
 * again with the answer in RDI. In brackets what the loader answers.
 *
 *   KICK      wakes the host [0]
 *   WAIT      sleeps until the host kicks [0]
 *   HALT      RSI enum dj_halt; is not entered again
 *   PROTECT   RSI address, RDX length, R8 PROT_ bits: page tables of accepted
 *             pages [0 or 1]
 *   RESTRICT  the same: takes permissions away, the Keep accepts [0 or 1]
 *   TRIM      RSI address, RDX length: pages change their type [0 or 1]
 *   REMOVE    the same, after the Keep has accepted that [0 or 1]
 *   HANDLED   the answer of the exception entry: resume
 *
 * At the first entry RDI is what this processor has, enum dj_cpu of
 * lib/crypto/cpu.h, from a host who may lie: too much faults, too little is
 * slow.
 */
#define DJ_SGX_CALL_KICK     1
#define DJ_SGX_CALL_WAIT     2
#define DJ_SGX_CALL_HALT     3
#define DJ_SGX_CALL_PROTECT  4
#define DJ_SGX_CALL_RESTRICT 5
#define DJ_SGX_CALL_TRIM     6
#define DJ_SGX_CALL_REMOVE   7
#define DJ_SGX_CALL_HANDLED  8

/* ENCLU leaves (SDM, chapter 38). */
#define DJ_SGX_EREPORT     0
#define DJ_SGX_EGETKEY     1
#define DJ_SGX_EENTER      2
#define DJ_SGX_ERESUME     3
#define DJ_SGX_EEXIT       4
#define DJ_SGX_EACCEPT     5
#define DJ_SGX_EMODPE      6
#define DJ_SGX_EACCEPTCOPY 7

/* SECINFO.FLAGS. */
#define DJ_SGX_R        0x001
#define DJ_SGX_W        0x002
#define DJ_SGX_X        0x004
#define DJ_SGX_PENDING  0x008
#define DJ_SGX_MODIFIED 0x010
#define DJ_SGX_PR       0x020
#define DJ_SGX_TCS      0x100
#define DJ_SGX_REG      0x200
#define DJ_SGX_TRIM     0x400
#define DJ_SGX_TYPE     0xff00
