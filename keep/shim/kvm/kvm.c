// SPDX-License-Identifier: Apache-2.0
#include "keep/arch/x86_64/cpu.h"
#include "keep/shim.h"
#include "keep/shim/vm/vm.h"
#include "lib/crypto/cpu.h"

/* What plain KVM adds to the shim of a VM Keep. */
struct dj_shim_info dj_shim_info = {
	.tee = 0x40,
	.isa = 1,
	.bounds = 1,
	.native_code = 1,
};

uint32_t dj_vm_begin(void)
{
	dj_shim_info.cpu_level = dj_arch_level();
	return dj_crypto_cpu_detect();
}
