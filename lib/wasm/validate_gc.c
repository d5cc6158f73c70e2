// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/validate.h"

void dj_wasm_v_ref(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t i;

	switch (op) {
	case DJ_OP_REF_NULL:
		dj_wasm_v_push(v, dj_wasm_rd_heaptype(v->r, v->m));
		break;
	case DJ_OP_REF_IS_NULL:
		(void)dj_wasm_v_pop_ref(v);
		dj_wasm_v_push(v, DJ_WASM_I32);
		break;
	case DJ_OP_REF_FUNC:
		i = dj_wasm_rd_u32(v->r);
		if (i >= v->m->func_count) {
			invalid(v, "unknown function");
			break;
		}
		if (!v->m->declared_refs[i])
			invalid(v, "undeclared function reference");
		dj_wasm_v_push(v,
			dj_wasm_typed_ref(v->m->funcs[i].type) |
				DJ_WASM_NON_NULL);
		break;
	case DJ_OP_REF_EQ:
		dj_wasm_v_pop_of(v, DJ_WASM_EQREF);
		dj_wasm_v_pop_of(v, DJ_WASM_EQREF);
		dj_wasm_v_push(v, DJ_WASM_I32);
		break;
	case DJ_OP_REF_AS_NON_NULL:
		dj_wasm_v_push(v, dj_wasm_v_pop_ref(v) | DJ_WASM_NON_NULL);
		break;
	}
}

/* Structs. */
static void default_fields(struct dj_wasm_validator *v,
	const struct dj_wasm_type *t)
{
	for (uint32_t i = 0; i < t->field_count; i++) {
		if (!dj_wasm_defaultable(t->fields[i].type))
			invalid(v, "field type is not defaultable");
	}
}

static void struct_new(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t id;
	const struct dj_wasm_type *t =
		dj_wasm_v_type_at(v, DJ_WASM_FORM_STRUCT, &id);

	if (t == NULL)
		return;
	if (op == DJ_OP_STRUCT_NEW_DEFAULT)
		default_fields(v, t);
	for (uint32_t i = t->field_count; op == DJ_OP_STRUCT_NEW && i > 0; i--)
		dj_wasm_v_pop_of(v, dj_wasm_unpacked(t->fields[i - 1].type));
	dj_wasm_v_push(v, dj_wasm_typed_ref(id) | DJ_WASM_NON_NULL);
}

/* A sign to extend is named for packed fields, and for no others. */
static void check_packing(struct dj_wasm_validator *v,
	const struct dj_wasm_field *f, bool has_sign)
{
	if ((f->type != dj_wasm_unpacked(f->type)) != has_sign)
		invalid(v,
			has_sign ? "field is not packed" : "field is packed");
}

static void struct_access(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t id, i;
	const struct dj_wasm_type *t =
		dj_wasm_v_type_at(v, DJ_WASM_FORM_STRUCT, &id);
	const struct dj_wasm_field *f;

	i = dj_wasm_rd_u32(v->r);
	if (t == NULL)
		return;
	if (i >= t->field_count) {
		invalid(v, "unknown field");
		return;
	}
	f = &t->fields[i];
	if (op == DJ_OP_STRUCT_SET) {
		if (!f->is_mutable)
			invalid(v, "field is immutable");
		dj_wasm_v_pop_of(v, dj_wasm_unpacked(f->type));
		dj_wasm_v_pop_of(v, dj_wasm_typed_ref(id));
		return;
	}
	check_packing(v, f, op != DJ_OP_STRUCT_GET);
	dj_wasm_v_pop_of(v, dj_wasm_typed_ref(id));
	dj_wasm_v_push(v, dj_wasm_unpacked(f->type));
}

/* Arrays. */

static void pop_i32s(struct dj_wasm_validator *v, unsigned n)
{
	while (n-- > 0)
		dj_wasm_v_pop_of(v, DJ_WASM_I32);
}

/* From the bytes of a data segment come numbers, from the other references. */
static void source(struct dj_wasm_validator *v, const struct dj_wasm_field *f,
	bool is_data)
{
	const struct dj_wasm_elem *e;

	if (is_data) {
		dj_wasm_v_data_at(v);
		if (dj_wasm_is_ref(f->type))
			invalid(v, "array type is not numeric or vector");
		return;
	}
	e = dj_wasm_v_elem_at(v);
	if (e != NULL)
		dj_wasm_v_expect(v, e->type, f->type);
}

static void array_new(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t id, n;
	const struct dj_wasm_type *t =
		dj_wasm_v_type_at(v, DJ_WASM_FORM_ARRAY, &id);

	if (t == NULL)
		return;
	switch (op) {
	case DJ_OP_ARRAY_NEW:
		pop_i32s(v, 1);
		dj_wasm_v_pop_of(v, dj_wasm_unpacked(t->fields->type));
		break;
	case DJ_OP_ARRAY_NEW_DEFAULT:
		default_fields(v, t);
		pop_i32s(v, 1);
		break;
	case DJ_OP_ARRAY_NEW_FIXED:
		n = dj_wasm_rd_u32(v->r);
		if (n > DJ_WASM_MAX_FIELDS)
			dj_wasm_rd_refuse(v->r, DJ_E_LIMIT,
				"fixed array too long");
		while (!failed(v) && n-- > 0)
			dj_wasm_v_pop_of(v, dj_wasm_unpacked(t->fields->type));
		break;
	case DJ_OP_ARRAY_NEW_DATA:
	case DJ_OP_ARRAY_NEW_ELEM:
		source(v, t->fields, op == DJ_OP_ARRAY_NEW_DATA);
		pop_i32s(v, 2);
		break;
	}
	dj_wasm_v_push(v, dj_wasm_typed_ref(id) | DJ_WASM_NON_NULL);
}

static void array_get(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t id;
	const struct dj_wasm_type *t =
		dj_wasm_v_type_at(v, DJ_WASM_FORM_ARRAY, &id);

	if (t == NULL)
		return;
	check_packing(v, t->fields, op != DJ_OP_ARRAY_GET);
	pop_i32s(v, 1);
	dj_wasm_v_pop_of(v, dj_wasm_typed_ref(id));
	dj_wasm_v_push(v, dj_wasm_unpacked(t->fields->type));
}

/* An array that is written to. */
static const struct dj_wasm_type *written_array(struct dj_wasm_validator *v,
	uint32_t *ret_id)
{
	const struct dj_wasm_type *t =
		dj_wasm_v_type_at(v, DJ_WASM_FORM_ARRAY, ret_id);

	if (t != NULL && !t->fields->is_mutable)
		invalid(v, "array is immutable");
	return t;
}

static void array_copy(struct dj_wasm_validator *v)
{
	uint32_t to_id, from_id;
	const struct dj_wasm_type *to = written_array(v, &to_id);
	const struct dj_wasm_type *from =
		dj_wasm_v_type_at(v, DJ_WASM_FORM_ARRAY, &from_id);

	if (to == NULL || from == NULL)
		return;
	if (!dj_wasm_v_fits(v, from->fields->type, to->fields->type))
		invalid(v, "array types do not match");
	pop_i32s(v, 2);
	dj_wasm_v_pop_of(v, dj_wasm_typed_ref(from_id));
	pop_i32s(v, 1);
	dj_wasm_v_pop_of(v, dj_wasm_typed_ref(to_id));
}

static void array_write(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t id;
	const struct dj_wasm_type *t = written_array(v, &id);

	if (t == NULL)
		return;
	switch (op) {
	case DJ_OP_ARRAY_SET:
		dj_wasm_v_pop_of(v, dj_wasm_unpacked(t->fields->type));
		break;
	case DJ_OP_ARRAY_FILL:
		pop_i32s(v, 1);
		dj_wasm_v_pop_of(v, dj_wasm_unpacked(t->fields->type));
		break;
	case DJ_OP_ARRAY_INIT_DATA:
	case DJ_OP_ARRAY_INIT_ELEM:
		source(v, t->fields, op == DJ_OP_ARRAY_INIT_DATA);
		pop_i32s(v, 2);
		break;
	}
	pop_i32s(v, 1);
	dj_wasm_v_pop_of(v, dj_wasm_typed_ref(id));
}

/* What can be cast to a type is whatever has its top above it. */
static void on_cast(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t type = dj_wasm_rd_heaptype(v->r, v->m);

	if (failed(v))
		return;
	dj_wasm_v_pop_of(v, dj_wasm_top(&v->m->types, type));
	if (op == DJ_OP_REF_CAST)
		dj_wasm_v_push(v, type | DJ_WASM_NON_NULL);
	else
		dj_wasm_v_push(v,
			op == DJ_OP_REF_CAST_NULL ? type : DJ_WASM_I32);
}

/* The same value, outside or inside: null stays null. */
static void convert(struct dj_wasm_validator *v, uint32_t from, uint32_t to)
{
	uint32_t type = dj_wasm_v_pop_ref(v);

	dj_wasm_v_expect(v, type, from);
	dj_wasm_v_push(v, to | (type & DJ_WASM_NON_NULL));
}

void dj_wasm_v_gc(struct dj_wasm_validator *v, uint32_t op)
{
	switch (op) {
	case DJ_OP_STRUCT_NEW ... DJ_OP_STRUCT_NEW_DEFAULT:
		struct_new(v, op);
		break;
	case DJ_OP_STRUCT_GET ... DJ_OP_STRUCT_SET:
		struct_access(v, op);
		break;
	case DJ_OP_ARRAY_NEW ... DJ_OP_ARRAY_NEW_ELEM:
		array_new(v, op);
		break;
	case DJ_OP_ARRAY_GET ... DJ_OP_ARRAY_GET_U:
		array_get(v, op);
		break;
	case DJ_OP_ARRAY_LEN:
		dj_wasm_v_pop_of(v, DJ_WASM_ARRAYREF);
		dj_wasm_v_push(v, DJ_WASM_I32);
		break;
	case DJ_OP_ARRAY_COPY:
		array_copy(v);
		break;
	case DJ_OP_ARRAY_SET:
	case DJ_OP_ARRAY_FILL:
	case DJ_OP_ARRAY_INIT_DATA ... DJ_OP_ARRAY_INIT_ELEM:
		array_write(v, op);
		break;
	case DJ_OP_REF_TEST ... DJ_OP_REF_CAST_NULL:
		on_cast(v, op);
		break;
	case DJ_OP_ANY_CONVERT_EXTERN:
		convert(v, DJ_WASM_EXTERNREF, DJ_WASM_ANYREF);
		break;
	case DJ_OP_EXTERN_CONVERT_ANY:
		convert(v, DJ_WASM_ANYREF, DJ_WASM_EXTERNREF);
		break;
	case DJ_OP_REF_I31:
		dj_wasm_v_pop_of(v, DJ_WASM_I32);
		dj_wasm_v_push(v, DJ_WASM_I31REF | DJ_WASM_NON_NULL);
		break;
	case DJ_OP_I31_GET_S ... DJ_OP_I31_GET_U:
		dj_wasm_v_pop_of(v, DJ_WASM_I31REF);
		dj_wasm_v_push(v, DJ_WASM_I32);
		break;
	}
}
