// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/burn.h"
#include "lib/base/secret.h"

__attribute__((noinline)) void dj_burn_stack(void)
{
	uint8_t below[4096];

	dj_wipe(below, sizeof(below));
}
