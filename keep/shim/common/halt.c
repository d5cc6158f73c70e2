// SPDX-License-Identifier: Apache-2.0
#include "keep/shim/common/halt.h"

#include "keep/shim.h"

void dj_post_halt(enum dj_halt code)
{
	uint64_t arg = code;
	uint32_t op = DJ_HC_HALT;

	dj_shim_copy_out(DJ_HC_KEEP_OFF + offsetof(struct dj_hc_keep, arg),
		&arg, sizeof(arg));
	dj_shim_copy_out(DJ_HC_KEEP_OFF + offsetof(struct dj_hc_keep, op), &op,
		sizeof(op));
}
