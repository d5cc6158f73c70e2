// SPDX-License-Identifier: Apache-2.0
#include "keep/shim.h"
#include "keep/arch/x86_64/cpu.h"
#include "keep/shim/common/halt.h"
#include "keep/shim/common/random.h"
#include "keep/shim/sgx/sgx.h"
#include "lib/crypto/cpu.h"

/*
 * The SGX shim: what entry.S calls, and the core's calls that leave the
 * enclave. What comes back from a call is the host's word and is looked at in
 * full; most of them answer 0 or nothing.
 */
struct dj_shim_info dj_shim_info = {
	.tee = 1,
	.isa = 1,
	.bounds = 0,
	.native_code = 1,
	.cpu_level = 2,
};

_Static_assert(FAULT == DJ_HALT_FAULT, "entry.S says it too");

extern uint8_t dj_image_end[];

static uint32_t cpu_hint;

/* What the loader puts behind the image (lib/evidence/sgx_layout.h). */
static void *tail(size_t pages, size_t off)
{
	return dj_image_end + pages * DJ_SGX_PAGE_SIZE + off;
}

static volatile uint64_t *ssa(size_t off)
{
	return tail(DJ_SGX_TAIL_SSA, off);
}

static volatile struct dj_sgx_thread *thread(void)
{
	return tail(DJ_SGX_TAIL_THREAD, 0);
}

/*
 * The host's word: too much faults, too little is slow. AVX is not in XFRM.
 */
uint64_t dj_sgx_boot(uint64_t cpu)
{
	cpu_hint = (uint32_t)cpu & (DJ_CPU_AES | DJ_CPU_SHA);
	/* Nothing becomes code where the processor has no way to take W away. */
	dj_shim_info.native_code = thread()->heap == 0;
	return dj_sgx_memory_init(thread()->heap);
}

_Noreturn void dj_sgx_main(void)
{
	dj_crypto_cpu(cpu_hint);
	dj_keep_main();
}

/*
 * Native code is all that runs in the window, and a page fault of it may be
 * the program's own: of a frame larger than its stack. What it touched is the
 * processor's word; whether there is something is the core's to know. Once
 * told so, it is not told again: what is in SSA then is not its state.
 */
static bool is_program(void)
{
	const uint64_t info = *ssa(SSA_EXITINFO);
	const uint64_t pc = *ssa(SSA_RIP);

	return thread()->state == STATE_IN && (info & EXIT_TYPE) == EXIT_PF &&
		pc >= WINDOW && pc < WINDOW_END;
}

static void go_to_fault(void)
{
	*ssa(SSA_RDI) = *ssa(SSA_RIP);
	*ssa(SSA_RSI) = *ssa(SSA_MADDR);
	*ssa(SSA_RDX) = *ssa(SSA_RBP);
	*ssa(SSA_RIP) = (uintptr_t)dj_sgx_fault;
	*ssa(SSA_RFLAGS) &= ~EXIT_FLAGS;
	*ssa(SSA_EXITINFO) = 0;
}

/* Does not come back if the core knows how to go on. */
_Noreturn void dj_sgx_on_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp)
{
	dj_keep_fault(pc, addr, fp);
	dj_shim_halt(DJ_HALT_FAULT);
}

/*
 * EXITINFO is the processor's word: valid is a fault of ours, else it was an
 * interrupt, whatever the host says. After one that is not the program's the
 * thread never gets further, though the host may resume it.
 */
uint64_t dj_sgx_exception(void)
{
	if ((*ssa(SSA_EXITINFO) & EXIT_VALID) == 0)
		return DJ_SGX_CALL_HANDLED;
	if (is_program()) {
		go_to_fault();
		return DJ_SGX_CALL_HANDLED;
	}
	*ssa(SSA_RIP) = (uintptr_t)dj_sgx_dead;
	thread()->state = STATE_DEAD;
	dj_post_halt(DJ_HALT_FAULT);
	return DJ_SGX_CALL_HALT;
}

void dj_shim_kick(void)
{
	(void)dj_sgx_call(DJ_SGX_CALL_KICK, 0, 0, 0);
}

void dj_shim_wait(void)
{
	(void)dj_sgx_call(DJ_SGX_CALL_WAIT, 0, 0, 0);
}

_Noreturn void dj_shim_halt(enum dj_halt code)
{
	dj_post_halt(code);
	for (;;)
		(void)dj_sgx_call(DJ_SGX_CALL_HALT, code, 0, 0);
}

/* Every processor with SGX has both; on another, this faults. */
uint64_t dj_shim_generators(void)
{
	return DJ_ARCH_RDSEED | DJ_ARCH_RDRAND;
}
