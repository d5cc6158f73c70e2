// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/clock.h"
#include "keep/core.h"
#include "keep/flow.h"
#include "keep/hostcall.h"
#include "keep/private.h"
#include "keep/program.h"
#include "keep/session.h"
#include "keep/shim.h"
#include "lib/base/secret.h"
#include "lib/crypto/burn.h"
#include "lib/crypto/drbg.h"
#include "lib/crypto/sha256.h"

#define MEMORY_PAGE_BYTES 65536

struct dj_core dj_core;

static struct dj_drbg drbg;

void dj_core_random(void *dst, size_t len)
{
	if (dj_drbg_read(&drbg, dst, len) != DJ_OK)
		dj_shim_halt(DJ_HALT_RANDOM);
}

void dj_core_random_mix(const void *p, size_t len)
{
	dj_drbg_mix(&drbg, p, len);
}

/* Without a block there are the defaults, and nothing is owned or limited. */
static void no_config(void)
{
	dj_core.config.total_memory = DJ_CONFIG_MEMORY_DEFAULT;
	dj_core.config.max_memory_pages =
		DJ_CONFIG_MEMORY_DEFAULT / MEMORY_PAGE_BYTES;
}

/* The block: length once, bytes once, hashed, then parsed. */
static void take_config(void)
{
	uint8_t block[DJ_HC_CONFIG_MAX];
	uint32_t len;

	dj_shim_copy_in(DJ_HC_CONFIG_OFF, &len, sizeof(len));
	if (len > sizeof(block))
		dj_shim_halt(DJ_HALT_CONFIG);
	if (len == 0) {
		no_config();
		return;
	}
	dj_shim_copy_in(DJ_HC_CONFIG_OFF + sizeof(len), block, len);
	if (dj_config_parse(block, len, &dj_core.config) != DJ_OK)
		dj_shim_halt(DJ_HALT_CONFIG);
	dj_sha256(block, len, dj_core.config_hash);
}

void dj_core_init(void)
{
	memset(&dj_core, 0, sizeof(dj_core));
	dj_hc_init();
	take_config();
	dj_shim_memory_limit(dj_core.config.total_memory);
	if (dj_memory_begin() != DJ_OK)
		dj_shim_halt(DJ_HALT_MEMORY);
	if (dj_drbg_init(&drbg, dj_shim_random) != DJ_OK)
		dj_shim_halt(DJ_HALT_RANDOM);
	dj_core_random(dj_core.keep_id, sizeof(dj_core.keep_id));
	dj_clock_init();
	dj_flow_init();
	dj_program_init();
	dj_session_init();
}

_Noreturn void dj_core_release(void)
{
	dj_session_wipe();
	dj_flow_wipe();
	dj_program_init();
	dj_drbg_done(&drbg);
	dj_private_wipe();
	dj_burn_stack();
	dj_shim_halt(DJ_HALT_RELEASED);
}

_Noreturn void dj_keep_main(void)
{
	dj_core_init();
	for (;;) {
		(void)dj_session_step();
		if (dj_program_is_due())
			dj_program_go();
		else
			dj_session_sleep(UINT64_MAX);
	}
}
