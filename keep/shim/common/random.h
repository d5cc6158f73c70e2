// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/*
 * dj_shim_random() where the processor has x86's generators. Which of
 * DJ_ARCH_RDRAND and so on there are is each shim's own.
 */
uint64_t dj_shim_generators(void);
