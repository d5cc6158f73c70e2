// SPDX-License-Identifier: Apache-2.0
#include "lib/base/arena.h"
#include "lib/base/size.h"

void dj_arena_init(struct dj_arena *a, void *base, size_t size,
	dj_status (*commit)(void *p, size_t len))
{
	*a = (struct dj_arena){ .base = base, .size = size, .commit = commit };
	if (commit == NULL)
		a->committed = size;
}

static bool grow_to(struct dj_arena *a, size_t end)
{
	size_t want;

	if (end <= a->committed)
		return true;
	if (!dj_size_align(end, DJ_ARENA_STEP, &want) || want > a->size)
		want = a->size;
	if (a->commit(a->base + a->committed, want - a->committed) != DJ_OK)
		return false;
	a->committed = want;
	return true;
}

void *dj_arena_alloc(struct dj_arena *a, size_t size, size_t align)
{
	size_t start, end;

	if (!dj_size_align(a->used, align, &start) ||
		!dj_size_add(start, size == 0 ? 1 : size, &end) ||
		end > a->size || !grow_to(a, end))
		return NULL;
	a->used = end;
	return a->base + start;
}

void *dj_arena_array(struct dj_arena *a, size_t n, size_t size, size_t align)
{
	size_t len;

	if (!dj_size_mul(n, size, &len))
		return NULL;
	return dj_arena_alloc(a, len, align);
}
