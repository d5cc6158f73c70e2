// SPDX-License-Identifier: Apache-2.0
#include "keep/shim.h"
#include "keep/shim/vm/vm.h"

/* What plain KVM adds to the shim of a VM Keep. */
const struct dj_shim_info dj_shim_info = {
	.tee = 0x40,
	.isa = 1,
	.bounds = 1,
	.native_code = 0,
	.cpu_level = 2,
};
