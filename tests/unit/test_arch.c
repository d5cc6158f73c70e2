// SPDX-License-Identifier: Apache-2.0
/* What a Keep offers of its processor, against the compiler's own reading. */
#include "keep/arch/x86_64/cpu.h"
#include "tests/tap.h"

/* x86-64-v3 as the psABI has it. */
static const uint32_t one_c =
	1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29;
static const uint32_t seven_b = 1u << 3 | 1u << 5 | 1u << 8;
static const uint32_t ext_c = 1u << 5;

static void level_3_is_all_of_it(void)
{
	eq_u64(dj_arch_level_of(UINT32_MAX, UINT32_MAX, UINT32_MAX, 7), 3);
	eq_u64(dj_arch_level_of(one_c, seven_b, ext_c, 6), 3);
	eq_u64(dj_arch_level_of(0, 0, 0, 0), 2);
	for (unsigned i = 0; i < 32; i++) {
		uint32_t bit = 1u << i;

		eq_u64(dj_arch_level_of(~bit, UINT32_MAX, UINT32_MAX, 7),
			(one_c & bit) != 0 ? 2 : 3);
		eq_u64(dj_arch_level_of(UINT32_MAX, ~bit, UINT32_MAX, 7),
			(seven_b & bit) != 0 ? 2 : 3);
		eq_u64(dj_arch_level_of(UINT32_MAX, UINT32_MAX, ~bit, 7),
			(ext_c & bit) != 0 ? 2 : 3);
	}
}

static void without_the_state_of_avx_it_is_2(void)
{
	for (uint32_t xcr0 = 0; xcr0 < 8; xcr0++)
		eq_u64(dj_arch_level_of(one_c, seven_b, ext_c, xcr0),
			xcr0 >= 6 ? 3 : 2);
}

static void this_machine_has_what_the_compiler_says(void)
{
	eq_u64(dj_arch_level(), __builtin_cpu_supports("x86-64-v3") ? 3 : 2);
}

int main(void)
{
	RUN(level_3_is_all_of_it);
	RUN(without_the_state_of_avx_it_is_2);
	RUN(this_machine_has_what_the_compiler_says);
	return done();
}
