// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

#include "keep/engine/engine.h"
#include "lib/base/arena.h"

/* Memory of the host for tests: address space, accessible when committed. */
extern const struct dj_mem_ops hostmem;

/* An arena of len bytes, all of it zero; false if there is no room. */
bool hostmem_arena(struct dj_arena *a, size_t len);
void hostmem_arena_done(struct dj_arena *a);
