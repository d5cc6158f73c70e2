// SPDX-License-Identifier: Apache-2.0
#include "keep/stream.h"
#include "keep/wasi/call.h"

#define RANDOM_WORK 16 /* it takes as long as copying so much */

static enum dj_errno random_get(struct call *c)
{
	uint32_t len = arg32(c, 1);
	uint8_t *p = wasi_mem(c, arg32(c, 0), len);

	if (p == NULL)
		return DJ_EFAULT;
	c->work = (uint64_t)len * RANDOM_WORK;
	return dj_program_random(p, len) == DJ_OK ? DJ_ESUCCESS : DJ_EIO;
}

static const struct wasi_fn fns[] = {
	{ "random_get", "ii", random_get, false },
};
const struct wasi_group wasi_random = GROUP(fns);
