// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/types.h"

#include <string.h>

/*
 * Invariant: value types in a closed group name types of that group by the
 * numbers it has, and others by lower ones.
 */
struct dj_wasm_type *dj_wasm_types_open(struct dj_wasm_types *t, uint32_t n)
{
	uint64_t want = (uint64_t)t->count + n;
	uint64_t cap = t->cap < 16 ? 16 : t->cap;
	struct dj_wasm_type *p;

	while (cap < want)
		cap *= 2;
	if (want >
		1u << (32 - DJ_WASM_TYPE_SHIFT)) /* what a value type holds */
		return NULL;
	if (cap != t->cap) {
		p = dj_arena_new_n(t->arena, cap, struct dj_wasm_type);
		if (p == NULL)
			return NULL;
		if (t->count != 0)
			memcpy(p, t->all, t->count * sizeof(*p));
		t->all = p;
		t->cap = (uint32_t)cap;
	}
	p = t->all + t->count;
	for (uint32_t i = 0; i < n; i++)
		p[i] = (struct dj_wasm_type){ .super = DJ_WASM_NO_TYPE };
	return p;
}

/* A number, as one inside the group or not, told apart by the parity. */
static uint32_t place(uint32_t id, uint32_t first, uint32_t n)
{
	return id >= first && id - first < n ? (id - first) * 2 + 1 : id * 2;
}

/* A value type, as equal ones of two groups have it. */
static uint64_t relative(uint32_t type, uint32_t first, uint32_t n)
{
	if (!dj_wasm_is_typed(type))
		return type;
	return (uint64_t)place(dj_wasm_type_id(type), first, n)
		<< DJ_WASM_TYPE_SHIFT |
		(type & 0xff);
}

static uint32_t mix(uint32_t h, uint64_t v)
{
	h = (h ^ (uint32_t)v) * 0x9e3779b1u;
	h = (h ^ (uint32_t)(v >> 32)) * 0x85ebca6bu;
	return h ^ h >> 15;
}

static uint32_t mix_types(uint32_t h, const uint32_t *types, uint32_t count,
	uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < count; i++)
		h = mix(h, relative(types[i], first, n));
	return mix(h, count);
}

static uint32_t hash_of(const struct dj_wasm_types *t, uint32_t first,
	uint32_t n)
{
	uint32_t h = n;

	for (uint32_t i = first; i < first + n; i++) {
		const struct dj_wasm_type *x = &t->all[i];

		h = mix(h, (uint32_t)x->form | (x->is_final ? 256u : 0));
		if (x->super != DJ_WASM_NO_TYPE)
			h = mix(h, place(x->super, first, n));
		h = mix_types(h, x->func.params, x->func.param_count, first, n);
		h = mix_types(h, x->func.results, x->func.result_count, first,
			n);
		for (uint32_t k = 0; k < x->field_count; k++)
			h = mix(h,
				relative(x->fields[k].type, first, n) << 1 |
					x->fields[k].is_mutable);
	}
	return h;
}

static bool same_types(const uint32_t *a, const uint32_t *b, uint32_t count,
	uint32_t first_a, uint32_t first_b, uint32_t n)
{
	for (uint32_t i = 0; i < count; i++) {
		if (relative(a[i], first_a, n) != relative(b[i], first_b, n))
			return false;
	}
	return true;
}

static bool same_type(const struct dj_wasm_type *a,
	const struct dj_wasm_type *b, uint32_t first_a, uint32_t first_b,
	uint32_t n)
{
	if (a->form != b->form || a->is_final != b->is_final ||
		(a->super == DJ_WASM_NO_TYPE) !=
			(b->super == DJ_WASM_NO_TYPE) ||
		a->func.param_count != b->func.param_count ||
		a->func.result_count != b->func.result_count ||
		a->field_count != b->field_count)
		return false;
	if (a->super != DJ_WASM_NO_TYPE &&
		place(a->super, first_a, n) != place(b->super, first_b, n))
		return false;
	for (uint32_t i = 0; i < a->field_count; i++) {
		if (a->fields[i].is_mutable != b->fields[i].is_mutable ||
			relative(a->fields[i].type, first_a, n) !=
				relative(b->fields[i].type, first_b, n))
			return false;
	}
	return same_types(a->func.params, b->func.params, a->func.param_count,
		       first_a, first_b, n) &&
		same_types(a->func.results, b->func.results,
			a->func.result_count, first_a, first_b, n);
}

static bool same_group(const struct dj_wasm_types *t, uint32_t a, uint32_t b,
	uint32_t n)
{
	if (t->all[b].group_size != n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!same_type(&t->all[a + i], &t->all[b + i], a, b, n))
			return false;
	}
	return true;
}

/* Twice the heads, when there are as many groups. */
static dj_status rehash(struct dj_wasm_types *t)
{
	uint32_t cap = t->head_cap == 0 ? 64 : t->head_cap * 2, *heads;

	heads = dj_arena_new_n(t->arena, cap, uint32_t);
	if (heads == NULL)
		return DJ_E_NOMEM;
	for (uint32_t i = 0; i < t->count; i += t->all[i].group_size) {
		uint32_t *head = &heads[t->all[i].hash & (cap - 1)];

		t->all[i].next = *head;
		*head = i + 1;
	}
	t->heads = heads;
	t->head_cap = cap;
	return DJ_OK;
}

dj_status dj_wasm_types_close(struct dj_wasm_types *t, uint32_t n,
	uint32_t *ret_first, bool *ret_new)
{
	uint32_t first = t->count, hash = hash_of(t, first, n), *head;
	uint32_t alike = 0;

	*ret_new = false;
	*ret_first = first;
	if (n == 0)
		return DJ_OK;
	if (t->groups == t->head_cap && rehash(t) != DJ_OK)
		return DJ_E_NOMEM;
	head = &t->heads[hash & (t->head_cap - 1)];
	for (uint32_t i = *head; i != 0; i = t->all[i - 1].next) {
		if (t->all[i - 1].hash == hash &&
			same_group(t, first, i - 1, n)) {
			*ret_first = i - 1;
			return DJ_OK;
		}
		if (++alike == DJ_WASM_MAX_ALIKE)
			return DJ_E_LIMIT;
	}
	for (uint32_t i = 0; i < n; i++) {
		t->all[first + i].group = first;
		t->all[first + i].group_size = n;
	}
	t->all[first].hash = hash;
	t->all[first].next = *head;
	*head = first + 1;
	t->count += n;
	t->groups++;
	*ret_new = true;
	return DJ_OK;
}

bool dj_wasm_type_extends(const struct dj_wasm_types *t, uint32_t sub,
	uint32_t sup)
{
	while (sub != sup) {
		sub = t->all[sub].super;
		if (sub == DJ_WASM_NO_TYPE)
			return false;
	}
	return true;
}

/* The abstract type right above; 0 above the tops. */
static uint32_t above(const struct dj_wasm_types *t, uint32_t heap)
{
	if (dj_wasm_is_typed(heap)) {
		switch (t->all[dj_wasm_type_id(heap)].form) {
		case DJ_WASM_FORM_FUNC:
			return DJ_WASM_FUNCREF;
		case DJ_WASM_FORM_STRUCT:
			return DJ_WASM_STRUCTREF;
		case DJ_WASM_FORM_ARRAY:
			return DJ_WASM_ARRAYREF;
		}
	}
	switch (heap) {
	case DJ_WASM_NULLEXNREF:
		return DJ_WASM_EXNREF;
	case DJ_WASM_NULLFUNCREF:
		return DJ_WASM_FUNCREF;
	case DJ_WASM_NULLEXTERNREF:
		return DJ_WASM_EXTERNREF;
	case DJ_WASM_NULLREF: /* below all of these, but that is asked first */
	case DJ_WASM_I31REF:
	case DJ_WASM_STRUCTREF:
	case DJ_WASM_ARRAYREF:
		return DJ_WASM_EQREF;
	case DJ_WASM_EQREF:
		return DJ_WASM_ANYREF;
	default:
		return 0;
	}
}

uint32_t dj_wasm_top(const struct dj_wasm_types *t, uint32_t type)
{
	uint32_t heap = type & ~DJ_WASM_NON_NULL, up;

	while ((up = above(t, heap)) != 0)
		heap = up;
	return heap;
}

bool dj_wasm_subtype(const struct dj_wasm_types *t, uint32_t a, uint32_t b)
{
	uint32_t heap = a & ~DJ_WASM_NON_NULL, want = b & ~DJ_WASM_NON_NULL;

	if (a == b)
		return true;
	if (!dj_wasm_is_ref(a) || !dj_wasm_is_ref(b) ||
		(dj_wasm_defaultable(a) && !dj_wasm_defaultable(b)))
		return false;
	if (heap == want || heap == DJ_WASM_BOTREF)
		return true;
	if (heap == DJ_WASM_NULLREF)
		return dj_wasm_top(t, want) == DJ_WASM_ANYREF;
	if (heap == DJ_WASM_NULLFUNCREF)
		return dj_wasm_top(t, want) == DJ_WASM_FUNCREF;
	if (dj_wasm_is_typed(heap) && dj_wasm_is_typed(want))
		return dj_wasm_type_extends(t, dj_wasm_type_id(heap),
			dj_wasm_type_id(want));
	while (heap != 0 && heap != want)
		heap = above(t, heap);
	return heap == want;
}

static bool fields_fit(const struct dj_wasm_types *t,
	const struct dj_wasm_field *a, const struct dj_wasm_field *b)
{
	if (a->is_mutable != b->is_mutable)
		return false;
	return a->is_mutable ? a->type == b->type
			     : dj_wasm_subtype(t, a->type, b->type);
}

static bool funcs_fit(const struct dj_wasm_types *t,
	const struct dj_wasm_functype *a, const struct dj_wasm_functype *b)
{
	if (a->param_count != b->param_count ||
		a->result_count != b->result_count)
		return false;
	for (uint32_t i = 0; i < a->param_count; i++) {
		if (!dj_wasm_subtype(t, b->params[i], a->params[i]))
			return false;
	}
	for (uint32_t i = 0; i < a->result_count; i++) {
		if (!dj_wasm_subtype(t, a->results[i], b->results[i]))
			return false;
	}
	return true;
}

bool dj_wasm_type_fits_super(const struct dj_wasm_types *t, uint32_t sub)
{
	const struct dj_wasm_type *a = &t->all[sub], *b = &t->all[a->super];

	if (a->form != b->form || a->field_count < b->field_count)
		return false;
	for (uint32_t i = 0; i < b->field_count; i++) {
		if (!fields_fit(t, &a->fields[i], &b->fields[i]))
			return false;
	}
	return a->form != DJ_WASM_FORM_FUNC || funcs_fit(t, &a->func, &b->func);
}

uint32_t dj_wasm_field_width(uint32_t type)
{
	switch (type) {
	case DJ_WASM_I8:
		return 1;
	case DJ_WASM_I16:
		return 2;
	case DJ_WASM_I32:
	case DJ_WASM_F32:
		return 4;
	case DJ_WASM_V128:
		return 16;
	default:
		return 8;
	}
}

uint32_t dj_wasm_field_place(uint32_t type, uint32_t *size)
{
	uint32_t w = dj_wasm_field_width(type), align = w < 8 ? w : 8;
	uint32_t at = (*size + align - 1) & ~(align - 1);

	*size = at + w;
	return at;
}
