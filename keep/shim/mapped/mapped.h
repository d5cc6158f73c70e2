// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/*
 * What shims share whose shared region is ordinary memory at a fixed address:
 * copying in and out, and the attention word.
 */

/* Where the region is; each shim's own. */
extern const uintptr_t dj_mapped_region;
