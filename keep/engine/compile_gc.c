// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/compile.h"
#include "keep/engine/gc.h"

/* A type's index, as the store's number. */
static uint32_t read_type(struct dj_compiler *c)
{
	return c->inst->type_ids[dj_wasm_rd_type(&c->r, c->m)];
}

void dj_compile_ref_test(struct dj_compiler *c, uint32_t dst, uint32_t from,
	uint32_t type)
{
	dj_emit_op(c, DJ_I_ref_test, dst);
	dj_emit_word(c, from);
	dj_emit_word(c, dj_store_type(c->inst, type));
}

void dj_compile_ref(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t from;

	switch (wasm) {
	case DJ_OP_REF_EQ:
		dj_compile_numeric(c, DJ_OP_I64_EQ);
		break;
	case DJ_OP_REF_AS_NON_NULL:
		from = dj_compile_top_slot(c);
		dj_emit_op(c, DJ_I_non_null, NONE);
		dj_emit_word(c, from);
		break;
	case DJ_OP_BR_ON_NULL:
	case DJ_OP_BR_ON_NON_NULL:
		dj_compile_br_on_null(c, wasm == DJ_OP_BR_ON_NULL);
		break;
	}
}

/* Which of the handlers that stand in the order of ops.h. */
static unsigned get_variant(uint32_t type, bool is_signed)
{
	switch (type) {
	case DJ_WASM_I8:
		return is_signed ? 0 : 1;
	case DJ_WASM_I16:
		return is_signed ? 2 : 3;
	case DJ_WASM_I32:
	case DJ_WASM_F32:
		return 4;
	case DJ_WASM_V128:
		return 6;
	default:
		return 5;
	}
}

static unsigned set_variant(uint32_t type)
{
	unsigned get = get_variant(type, false);

	return get < 4 ? get / 2 : get - 2;
}

static void push_result(struct dj_compiler *c, uint32_t type)
{
	if (type == DJ_WASM_V128) {
		c->last.wide = true;
		dj_emit_push_wide(c);
	} else {
		dj_emit_push_home(c, 1);
	}
}

static uint32_t pop_value(struct dj_compiler *c, uint32_t type)
{
	return type == DJ_WASM_V128 ? dj_emit_pop_wide_slot(c)
				    : dj_emit_pop_slot(c);
}

static void on_struct(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t type = read_type(c), i, from, value;
	const struct dj_layout *l = &c->s->layouts[type];
	const struct dj_wasm_field *f;

	if (wasm == DJ_OP_STRUCT_NEW) {
		dj_emit_rare(c, DJ_I_struct_new, l->slots);
		dj_emit_word(c, type);
		dj_emit_push_home(c, 1);
		return;
	}
	if (wasm == DJ_OP_STRUCT_NEW_DEFAULT) {
		dj_emit_result(c, DJ_I_struct_default);
		dj_emit_word(c, type);
		dj_emit_push_home(c, 1);
		return;
	}
	i = dj_wasm_rd_u32(&c->r);
	f = &c->s->types.all[type].fields[i];
	if (wasm == DJ_OP_STRUCT_SET) {
		value = pop_value(c, f->type);
		from = dj_emit_pop_slot(c);
		dj_emit_op(c, DJ_I_struct_set8 + set_variant(f->type), NONE);
		dj_emit_word(c, from);
		dj_emit_word(c, value);
		dj_emit_word(c, l->offsets[i]);
		return;
	}
	from = dj_emit_pop_slot(c);
	dj_emit_result(c,
		DJ_I_struct_get8_s +
			get_variant(f->type, wasm == DJ_OP_STRUCT_GET_S));
	dj_emit_word(c, from);
	dj_emit_word(c, l->offsets[i]);
	push_result(c, f->type);
}

static void array_access(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t type = read_type(c), value = 0, i, from;
	uint32_t field = c->s->types.all[type].fields->type;

	if (wasm == DJ_OP_ARRAY_SET)
		value = pop_value(c, field);
	i = dj_emit_pop_slot(c);
	from = dj_emit_pop_slot(c);
	if (wasm == DJ_OP_ARRAY_SET) {
		dj_emit_op(c, DJ_I_array_set8 + set_variant(field), NONE);
		dj_emit_word(c, from);
		dj_emit_word(c, i);
		dj_emit_word(c, value);
		return;
	}
	dj_emit_result(c,
		DJ_I_array_get8_s +
			get_variant(field, wasm == DJ_OP_ARRAY_GET_S));
	dj_emit_word(c, from);
	dj_emit_word(c, i);
	push_result(c, field);
}

/* What takes n operands, a type, and for some a number. */
static void array_rare(struct dj_compiler *c, enum dj_engine_op o, uint32_t n,
	uint32_t type)
{
	dj_emit_rare(c, o, n);
	dj_emit_word(c, type);
}

static void array_new(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t type = read_type(c), i;
	uint32_t slots = c->s->layouts[type].slots;

	switch (wasm) {
	case DJ_OP_ARRAY_NEW:
		array_rare(c, DJ_I_array_new, slots + 1, type);
		dj_emit_word(c, slots);
		break;
	case DJ_OP_ARRAY_NEW_DEFAULT:
		array_rare(c, DJ_I_array_default, 1, type);
		break;
	case DJ_OP_ARRAY_NEW_FIXED:
		i = dj_wasm_rd_u32(&c->r);
		array_rare(c, DJ_I_array_fixed, slots * i, type);
		dj_emit_word(c, i);
		break;
	case DJ_OP_ARRAY_NEW_DATA:
	case DJ_OP_ARRAY_NEW_ELEM:
		i = dj_wasm_rd_u32(&c->r);
		array_rare(c,
			wasm == DJ_OP_ARRAY_NEW_DATA ? DJ_I_array_new_data
						     : DJ_I_array_new_elem,
			2, type);
		dj_emit_word(c, i);
		break;
	}
	dj_emit_push_home(c, 1);
}

static void array_bulk(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t type = read_type(c);

	switch (wasm) {
	case DJ_OP_ARRAY_FILL:
		array_rare(c, DJ_I_array_fill, c->s->layouts[type].slots + 3,
			type);
		dj_emit_word(c, c->s->layouts[type].slots);
		break;
	case DJ_OP_ARRAY_COPY: /* both have elements of one size */
		(void)dj_wasm_rd_u32(&c->r);
		array_rare(c, DJ_I_array_copy, 5, type);
		break;
	case DJ_OP_ARRAY_INIT_DATA:
		array_rare(c, DJ_I_array_init_data, 4, type);
		dj_emit_word(c, dj_wasm_rd_u32(&c->r));
		break;
	case DJ_OP_ARRAY_INIT_ELEM:
		array_rare(c, DJ_I_array_init_elem, 4, type);
		dj_emit_word(c, dj_wasm_rd_u32(&c->r));
		break;
	}
}

static void on_cast(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t type = dj_wasm_rd_heaptype(&c->r, c->m);
	uint32_t from = dj_emit_pop_slot(c);

	if (wasm == DJ_OP_REF_TEST || wasm == DJ_OP_REF_CAST)
		type |= DJ_WASM_NON_NULL;
	if (wasm == DJ_OP_REF_TEST || wasm == DJ_OP_REF_TEST_NULL) {
		dj_compile_ref_test(c, dj_emit_home(c, c->height), from, type);
	} else {
		dj_emit_result(c, DJ_I_ref_cast);
		dj_emit_word(c, from);
		dj_emit_word(c, dj_store_type(c->inst, type));
	}
	dj_emit_push_home(c, 1);
}

void dj_compile_gc(struct dj_compiler *c, uint32_t wasm)
{
	switch (wasm) {
	case DJ_OP_STRUCT_NEW ... DJ_OP_STRUCT_SET:
		on_struct(c, wasm);
		break;
	case DJ_OP_ARRAY_NEW ... DJ_OP_ARRAY_NEW_ELEM:
		array_new(c, wasm);
		break;
	case DJ_OP_ARRAY_GET ... DJ_OP_ARRAY_SET:
		array_access(c, wasm);
		break;
	case DJ_OP_ARRAY_LEN:
		dj_emit_unary(c, DJ_I_array_len);
		break;
	case DJ_OP_ARRAY_FILL ... DJ_OP_ARRAY_INIT_ELEM:
		array_bulk(c, wasm);
		break;
	case DJ_OP_REF_TEST ... DJ_OP_REF_CAST_NULL:
		on_cast(c, wasm);
		break;
	case DJ_OP_BR_ON_CAST ... DJ_OP_BR_ON_CAST_FAIL:
		dj_compile_br_on_cast(c, wasm == DJ_OP_BR_ON_CAST);
		break;
	case DJ_OP_ANY_CONVERT_EXTERN ... DJ_OP_EXTERN_CONVERT_ANY:
		dj_emit_unary(c, DJ_I_ref_flip);
		break;
	case DJ_OP_REF_I31 ... DJ_OP_I31_GET_U:
		dj_emit_unary(c, DJ_I_ref_i31 + (wasm - DJ_OP_REF_I31));
		break;
	}
}
