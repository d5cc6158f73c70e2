// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/store.h"

dj_status dj_table_new(struct dj_store *s, uint32_t elem, uint32_t min,
	bool has_max, uint32_t max, struct dj_table **ret)
{
	struct dj_table *t;

	if (dj_wasm_is_typed(elem))
		return DJ_E_INPUT;
	t = dj_arena_new(s->arena, struct dj_table);
	if (t == NULL)
		return DJ_E_NOMEM;
	t->type = elem;
	t->limits.has_max = has_max;
	t->limits.max = max;
	t->most = has_max && max < s->config.max_table_elems
		? max
		: s->config.max_table_elems;
	t->store = s;
	t->next = s->tables;
	s->tables = t;
	if (min > t->most || dj_table_grow(t, min, NULL) == UINT32_MAX)
		return DJ_E_NOMEM;
	*ret = t;
	return DJ_OK;
}

dj_status dj_table64_new(struct dj_store *s, uint32_t elem, uint64_t min,
	bool has_max, uint64_t max, struct dj_table **ret)
{
	dj_status st;

	if (min > UINT32_MAX)
		return DJ_E_NOMEM;
	st = dj_table_new(s, elem, (uint32_t)min, has_max,
		max < UINT32_MAX ? (uint32_t)max : UINT32_MAX, ret);
	if (st != DJ_OK)
		return st;
	(*ret)->limits.is64 = true;
	(*ret)->limits.max = max;
	return DJ_OK;
}

uint32_t dj_table_grow(struct dj_table *t, uint32_t n, void *init)
{
	uint32_t old = t->count;

	if (n > t->most - old ||
		dj_buf_grow(t->store, &t->buf,
			((size_t)old + n) * sizeof(void *)) != DJ_OK)
		return UINT32_MAX;
	t->elems = t->buf.p;
	for (uint32_t i = 0; i < n; i++)
		t->elems[old + i] = init;
	t->count = old + n;
	t->limits.min = t->count;
	return old;
}

enum dj_trap dj_table_init(struct dj_instance *inst, struct dj_table *t,
	uint32_t elem, uint32_t dst, uint32_t src, uint32_t n)
{
	void **refs = inst->elems[elem];
	uint32_t len = refs == NULL ? 0 : inst->module->elems[elem].count;

	if (!dj_range_ok(src, n, len) || !dj_range_ok(dst, n, t->count))
		return DJ_TRAP_TABLE;
	if (n != 0)
		memcpy(&t->elems[dst], &refs[src], n * sizeof(void *));
	return DJ_TRAP_NONE;
}

enum dj_trap dj_table_copy(struct dj_table *to, struct dj_table *from,
	uint32_t dst, uint32_t src, uint32_t n)
{
	if (!dj_range_ok(src, n, from->count) ||
		!dj_range_ok(dst, n, to->count))
		return DJ_TRAP_TABLE;
	if (n != 0)
		memmove(&to->elems[dst], &from->elems[src], n * sizeof(void *));
	return DJ_TRAP_NONE;
}

enum dj_trap dj_table_fill(struct dj_table *t, uint32_t dst, void *ref,
	uint32_t n)
{
	if (!dj_range_ok(dst, n, t->count))
		return DJ_TRAP_TABLE;
	for (uint32_t i = 0; i < n; i++)
		t->elems[dst + i] = ref;
	return DJ_TRAP_NONE;
}
