// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The numbers that an OFFER, KNC1 and a native image have for these. */
enum dj_isa {
	DJ_ISA_X86_64 = 1,
	DJ_ISA_RISCV64 = 2,
	DJ_ISA_PPC64LE = 3,
};

/* How native code keeps to its memory: by tests, or by pages that fault. */
enum dj_bounds {
	DJ_BOUNDS_CHECKS = 0,
	DJ_BOUNDS_GUARD = 1,
};
