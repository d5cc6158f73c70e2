// SPDX-License-Identifier: Apache-2.0
#include "keep/shim.h"

/* The secure processor's MSG_KEY_REQ is not asked in this version. */
dj_status dj_shim_seal_now(struct dj_shim_seal *ret)
{
	(void)ret;
	return DJ_E_UNSUPPORTED;
}

dj_status dj_shim_seal_key(const struct dj_shim_seal *s, struct dj_key *ret)
{
	(void)s;
	(void)ret;
	return DJ_E_UNSUPPORTED;
}
