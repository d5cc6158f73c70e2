// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * An arena: allocations that are released together. Memory is zeroed when
 * handed out for the first time and never handed out twice before a reset.
 *
 * The range [base, base + size) belongs to the caller. Where it is only
 * reserved address space, commit makes [p, p + len) usable and zero; it is
 * called with whole DJ_ARENA_STEP steps, ascending. commit == NULL: the whole
 * range is usable and zero from the start.
 */
#define DJ_ARENA_STEP ((size_t)64 << 10)

struct dj_arena {
	uint8_t *base;
	size_t size;
	size_t used;
	size_t committed;
	dj_status (*commit)(void *p, size_t len);
};

void dj_arena_init(struct dj_arena *a, void *base, size_t size,
	dj_status (*commit)(void *p, size_t len));

/*
 * size bytes of zeroed memory at a multiple of align (a power of two), or
 * NULL when the arena is full or commit refused. n == 0 gives a valid unique
 * pointer.
 */
void *dj_arena_alloc(struct dj_arena *a, size_t size, size_t align);

/* n elements of size bytes, with the product checked. */
void *dj_arena_array(struct dj_arena *a, size_t n, size_t size, size_t align);

#define dj_arena_new(a, type) \
	((type *)dj_arena_alloc((a), sizeof(type), _Alignof(type)))
#define dj_arena_new_n(a, n, type) \
	((type *)dj_arena_array((a), (n), sizeof(type), _Alignof(type)))
