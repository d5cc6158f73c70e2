// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

#include "lib/proto/hostcall.h"

/*
 * What shims share whose shared region is ordinary memory at a fixed address
 * and whose processor has RDRAND: copying in and out, the attention word and
 * randomness.
 */

/* Where the region is; each shim's own. */
extern const uintptr_t dj_mapped_region;

/* Which of DJ_ARCH_RDRAND and so on there are; each shim's own. */
uint64_t dj_mapped_generators(void);

/* DJ_HC_HALT in the Keep's line; the caller kicks and goes. */
void dj_mapped_post_halt(enum dj_halt code);
