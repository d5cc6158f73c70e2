// SPDX-License-Identifier: Apache-2.0
#include "keep/arch/x86_64/cpu.h"
#include "keep/shim.h"
#include "lib/crypto/entropy.h"

static bool draw(uint64_t *ret)
{
	static uint64_t cpu;

	if (cpu == 0)
		cpu = dj_arch_cpu();
	if ((cpu & DJ_ARCH_RDSEED) != 0 && dj_arch_rdseed(ret))
		return true;
	return (cpu & DJ_ARCH_RDRAND) != 0 && dj_arch_rdrand(ret);
}

dj_status dj_shim_random(void *dst, size_t len)
{
	static struct dj_entropy entropy;

	return dj_entropy_fill(&entropy, draw, dst, len);
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
