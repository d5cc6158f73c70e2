// SPDX-License-Identifier: Apache-2.0
#include "keep/shim.h"
#include "keep/arch/x86_64/cpu.h"
#include "keep/shim/sgx/sgx.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/entropy.h"

/*
 * The SGX shim: what entry.S calls, and the core's calls that leave the
 * enclave. What comes back from a call is the host's word and is looked at in
 * full; most of them answer 0 or nothing.
 */
const struct dj_shim_info dj_shim_info = {
	.tee = 1,
	.isa = 1,
	.bounds = 0,
	.native_code = 0,
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
	return dj_sgx_memory_init();
}

_Noreturn void dj_sgx_main(void)
{
	dj_crypto_cpu(cpu_hint);
	dj_keep_main();
}

static void post_halt(enum dj_halt code)
{
	uint64_t arg = code;
	uint32_t op = DJ_HC_HALT;

	dj_shim_copy_out(DJ_HC_KEEP_OFF + offsetof(struct dj_hc_keep, arg),
		&arg, sizeof(arg));
	dj_shim_copy_out(DJ_HC_KEEP_OFF + offsetof(struct dj_hc_keep, op), &op,
		sizeof(op));
}

/*
 * EXITINFO is the processor's word: valid is a fault of ours, else it was an
 * interrupt, whatever the host says. After a fault the thread never gets
 * further, though the host may resume it.
 */
uint64_t dj_sgx_exception(void)
{
	const uint64_t valid = UINT64_C(1) << 31;

	if ((*ssa(SSA_EXITINFO) & valid) == 0)
		return DJ_SGX_CALL_HANDLED;
	*ssa(SSA_RIP) = (uintptr_t)dj_sgx_dead;
	thread()->state = STATE_DEAD;
	post_halt(DJ_HALT_FAULT);
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
	post_halt(code);
	for (;;)
		(void)dj_sgx_call(DJ_SGX_CALL_HALT, code, 0, 0);
}

/* Every processor with SGX has both; on another, this faults. */
static bool draw(uint64_t *ret)
{
	return dj_arch_rdseed(ret) || dj_arch_rdrand(ret);
}

dj_status dj_shim_random(void *dst, size_t len)
{
	static struct dj_entropy entropy;

	return dj_entropy_fill(&entropy, draw, dst, len);
}
