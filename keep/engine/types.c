// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/gc.h"

/*
 * The types of all modules of a store, so that a function or an object of one
 * means the same to the other. A module's groups are added in their order: what
 * they refer to outside of themselves has its number by then.
 */
uint32_t dj_types_map(uint32_t type, const uint32_t *ids)
{
	if (!dj_wasm_is_typed(type))
		return type;
	return dj_wasm_typed_ref(ids[dj_wasm_type_id(type)]) |
		(type & DJ_WASM_NON_NULL);
}

static bool copy_types(struct dj_arena *arena, const uint32_t **types,
	uint32_t n, const uint32_t *ids)
{
	uint32_t *p = dj_arena_new_n(arena, n, uint32_t);

	if (p == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++)
		p[i] = dj_types_map((*types)[i], ids);
	*types = p;
	return true;
}

static bool copy_fields(struct dj_arena *arena, struct dj_wasm_type *t,
	const uint32_t *ids)
{
	struct dj_wasm_field *p =
		dj_arena_new_n(arena, t->field_count, struct dj_wasm_field);

	if (p == NULL)
		return false;
	for (uint32_t i = 0; i < t->field_count; i++) {
		p[i] = t->fields[i];
		p[i].type = dj_types_map(p[i].type, ids);
	}
	t->fields = p;
	return true;
}

static bool lay_out(struct dj_arena *arena, const struct dj_wasm_type *t,
	struct dj_layout *l)
{
	l->offsets = dj_arena_new_n(arena, t->field_count, uint32_t);
	if (l->offsets == NULL)
		return false;
	for (uint32_t i = 0; i < t->field_count; i++) {
		uint32_t type = t->fields[i].type;

		l->offsets[i] = dj_wasm_field_place(type, &l->size);
		l->slots += type == DJ_WASM_V128 ? 2 : 1;
		l->has_refs |= dj_wasm_is_ref(type);
	}
	return true;
}

/* As many layouts as there are types. */
static dj_status lay_out_all(struct dj_store *s, uint32_t first)
{
	struct dj_layout *p;

	if (s->types.cap != s->layout_cap) {
		p = dj_arena_new_n(s->arena, s->types.cap, struct dj_layout);
		if (p == NULL)
			return DJ_E_NOMEM;
		if (first != 0)
			memcpy(p, s->layouts, first * sizeof(*p));
		s->layouts = p;
		s->layout_cap = s->types.cap;
	}
	for (uint32_t i = first; i < s->types.count; i++) {
		s->layouts[i] = (struct dj_layout){ 0 };
		if (!lay_out(s->arena, &s->types.all[i], &s->layouts[i]))
			return DJ_E_NOMEM;
	}
	return DJ_OK;
}

/* n types of one group; ids has the numbers of those before, and gets theirs. */
static dj_status add_group(struct dj_store *s, const struct dj_wasm_type *from,
	uint32_t n, uint32_t *ids, uint32_t *own)
{
	struct dj_wasm_type *t = dj_wasm_types_open(&s->types, n);
	uint32_t first = s->types.count;
	bool is_new;
	dj_status st;

	if (t == NULL)
		return DJ_E_NOMEM;
	for (uint32_t i = 0; i < n; i++)
		own[i] = first + i;
	for (uint32_t i = 0; i < n; i++) {
		t[i] = from[i];
		if (t[i].super != DJ_WASM_NO_TYPE)
			t[i].super = ids[t[i].super];
		if (!copy_types(s->arena, &t[i].func.params,
			    t[i].func.param_count, ids) ||
			!copy_types(s->arena, &t[i].func.results,
				t[i].func.result_count, ids) ||
			!copy_fields(s->arena, &t[i], ids))
			return DJ_E_NOMEM;
	}
	st = dj_wasm_types_close(&s->types, n, &first, &is_new);
	if (st == DJ_OK && is_new)
		st = lay_out_all(s, first);
	for (uint32_t i = 0; i < n; i++)
		own[i] = first + i;
	return st;
}

dj_status dj_types_add(struct dj_store *s, const struct dj_wasm_types *from,
	uint32_t *ret_ids)
{
	for (uint32_t i = 0, n; i < from->count; i += n) {
		dj_status st;

		n = from->all[i].group_size;
		st = add_group(s, &from->all[i], n, ret_ids, &ret_ids[i]);
		if (st != DJ_OK)
			return st;
	}
	return DJ_OK;
}

dj_status dj_types_add_func(struct dj_store *s,
	const struct dj_wasm_functype *type, uint32_t *ret)
{
	struct dj_wasm_type t = {
		.form = DJ_WASM_FORM_FUNC,
		.is_final = true,
		.super = DJ_WASM_NO_TYPE,
		.func = *type,
	};

	for (uint32_t i = 0; i < type->param_count; i++) {
		if (dj_wasm_is_typed(type->params[i]))
			return DJ_E_INPUT;
	}
	for (uint32_t i = 0; i < type->result_count; i++) {
		if (dj_wasm_is_typed(type->results[i]))
			return DJ_E_INPUT;
	}
	return add_group(s, &t, 1, ret, ret);
}
