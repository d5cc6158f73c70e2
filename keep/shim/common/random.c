// SPDX-License-Identifier: Apache-2.0
#include "keep/shim/common/random.h"
#include "keep/arch/x86_64/cpu.h"
#include "keep/shim.h"
#include "lib/crypto/entropy.h"

static bool draw(uint64_t *ret)
{
	static uint64_t cpu;

	if (cpu == 0)
		cpu = dj_shim_generators();
	if ((cpu & DJ_ARCH_RDSEED) != 0 && dj_arch_rdseed(ret))
		return true;
	return (cpu & DJ_ARCH_RDRAND) != 0 && dj_arch_rdrand(ret);
}

dj_status dj_shim_random(void *dst, size_t len)
{
	static struct dj_entropy entropy;

	return dj_entropy_fill(&entropy, draw, dst, len);
}
