// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>

#include "keep/shim.h"
#include "keep/shim/common/halt.h"
#include "keep/shim/mapped/mapped.h"
#include "keep/shim/vm/vm.h"
#include "lib/crypto/cpu.h"

/* The shim's ring 3: the core's calls, in front of the gate. */
const uintptr_t dj_mapped_region = DJ_VM_REGION;

_Noreturn void dj_vm_main(void)
{
	dj_crypto_cpu(dj_vm_begin());
	dj_keep_main();
}

_Alignas(16) uint8_t dj_vm_fault_stack[DJ_VM_FAULT_STACK];

/* Once: the core leaves it for good, or the Keep ends. */
_Noreturn void dj_vm_on_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp)
{
	static bool is_second;

	if (!is_second) {
		is_second = true;
		dj_keep_fault(pc, addr, fp);
	}
	dj_shim_halt(DJ_HALT_FAULT);
}

void dj_shim_kick(void)
{
	(void)dj_vm_gate(DJ_GATE_KICK, 0, 0, 0);
}

void dj_shim_wait(void)
{
	(void)dj_vm_gate(DJ_GATE_WAIT, 0, 0, 0);
}

_Noreturn void dj_shim_halt(enum dj_halt code)
{
	dj_post_halt(code);
	(void)dj_vm_gate(DJ_GATE_HALT, code, 0, 0);
	__builtin_trap();
}
