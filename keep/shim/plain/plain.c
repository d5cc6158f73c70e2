// SPDX-License-Identifier: Apache-2.0
#include "keep/arch/x86_64/cpu.h"
#include "keep/shim.h"
#include "keep/shim/common/random.h"

/*
 * What shims share that stand in no hardware TEE: CPUID may be asked, and the
 * host is asked for reports.
 */
uint64_t dj_shim_generators(void)
{
	return dj_arch_cpu();
}

dj_status dj_shim_report(const uint8_t data[static 64])
{
	uint64_t value;
	uint32_t len;
	dj_status st;

	dj_shim_copy_out(DJ_HC_DATA_OFF, data, 64);
	st = dj_hc_call(DJ_HC_REPORT, 0, &value, &len);
	return st == DJ_OK && len == 0 ? DJ_E_HOST : st;
}

/* A key that a host could derive as well is none. */
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
