// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

#include "keep/engine/engine.h"

/* What a shim gives native code, for programs on the host. */
extern const struct dj_native_target hostnative_target;
/* The CPU level that a Keep on this machine would offer (x86-64: 2 or 3). */
uint8_t hostnative_level(void);
dj_status hostnative_exec(void *p, size_t len);
/* Once: faults go to dj_native_fault(), those that are bugs abort. */
void hostnative_begin(void);
