// SPDX-License-Identifier: Apache-2.0
#include "tests/wasmgen/gen.h"

/* Structs, arrays, i31: module.c has their types first of all. */

static const uint32_t abstract[] = { DJ_WASM_ANYREF, DJ_WASM_EQREF,
	DJ_WASM_I31REF, DJ_WASM_STRUCTREF, DJ_WASM_ARRAYREF };

static uint32_t field_type(struct gen *g, uint32_t before)
{
	switch (gen_draw(g, 10)) {
	case 0:
		return DJ_WASM_I8;
	case 1:
		return DJ_WASM_I16;
	case 2:
		return before != 0 ? ref_to(gen_draw(g, before))
				   : DJ_WASM_ANYREF;
	case 3:
		return abstract[gen_draw(g, 5)];
	case 4:
		return DJ_WASM_FUNCREF;
	case 5:
		if (gen_has(g, DJ_WASM_F_SIMD))
			return DJ_WASM_V128;
		return DJ_WASM_I64;
	default:
		return gen_number_type(g);
	}
}

static void a_struct(struct gen *g)
{
	struct type *t = &g->types[g->type_count];
	uint32_t n = gen_draw(g, 4), super = UINT32_MAX;

	t->kind = KIND_STRUCT;
	if (g->type_count != 0 && gen_chance(g, 50) &&
		g->types[g->type_count - 1].kind == KIND_STRUCT) {
		super = g->type_count - 1;
		*t = g->types[super];
		n = t->param_count + gen_draw(g, 2);
	}
	t->super = super;
	for (uint32_t i = t->param_count; i < n; i++) {
		t->params[i] = field_type(g, g->type_count);
		t->is_mutable[i] = gen_chance(g, 80);
	}
	t->param_count = n;
	g->type_count++;
}

static void an_array(struct gen *g)
{
	struct type *t = &g->types[g->type_count];

	t->kind = KIND_ARRAY;
	t->super = UINT32_MAX;
	t->param_count = 1;
	t->params[0] = field_type(g, g->type_count);
	t->is_mutable[0] = gen_chance(g, 90);
	g->type_count++;
}

void plan_gc(struct gen *g)
{
	for (uint32_t n = 1 + gen_draw(g, 3); n > 0; n--)
		a_struct(g);
	for (uint32_t n = 1 + gen_draw(g, 3); n > 0; n--)
		an_array(g);
	g->gc_count = g->type_count;
}

uint32_t gc_type(struct gen *g)
{
	if (gen_chance(g, 60))
		return ref_to(gen_draw(g, g->gc_count));
	return abstract[gen_draw(g, 5)];
}

static bool is_packed(uint32_t type)
{
	return type == DJ_WASM_I8 || type == DJ_WASM_I16;
}

static uint32_t unpacked(uint32_t type)
{
	return is_packed(type) ? (uint32_t)DJ_WASM_I32 : type;
}

void put_gc_type(const struct type *t, struct bytes *b)
{
	if (t->kind == KIND_STRUCT) {
		put(b, 0x50); /* may have subtypes */
		put_u(b, t->super == UINT32_MAX ? 0 : 1);
		if (t->super != UINT32_MAX)
			put_u(b, t->super);
		put(b, 0x5f);
		put_u(b, t->param_count);
	} else {
		put(b, 0x5e);
	}
	for (uint32_t i = 0; i < t->param_count; i++) {
		put_type(b, t->params[i]);
		put(b, t->is_mutable[i] ? 1 : 0);
	}
}

/* ---- new ones ---- */

/*
 * Few, or more than any engine makes: how many one has room for in between is
 * its own affair.
 */
static void length(struct gen *g)
{
	if (!gen_chance(g, 2)) {
		index64(g, false, 7);
		return;
	}
	expr(g, DJ_WASM_I32);
	put_op(&g->out, DJ_OP_I32_CONST);
	put_s(&g->out, INT32_MIN);
	put_op(&g->out, 0x72); /* or */
}

static void new_fixed(struct gen *g, uint32_t index)
{
	uint32_t n = gen_draw(g, 6);

	for (uint32_t i = 0; i < n; i++)
		expr(g, unpacked(g->types[index].params[0]));
	put_op_u(&g->out, DJ_OP_ARRAY_NEW_FIXED, index);
	put_u(&g->out, n);
}

static void new_array(struct gen *g, uint32_t index)
{
	uint32_t elem = g->types[index].params[0];

	switch (gen_draw(g, 5)) {
	case 0:
		length(g);
		put_op_u(&g->out, DJ_OP_ARRAY_NEW_DEFAULT, index);
		return;
	case 1:
		if (g->data_count == 0 || dj_wasm_is_ref(elem))
			break;
		index64(g, false, 7);
		index64(g, false, 3);
		put_op_u(&g->out, DJ_OP_ARRAY_NEW_DATA, index);
		put_u(&g->out, gen_draw(g, g->data_count));
		return;
	case 2:
		if (g->elem_count == 0 || elem != DJ_WASM_FUNCREF)
			break;
		index64(g, false, 3);
		index64(g, false, 3);
		put_op_u(&g->out, DJ_OP_ARRAY_NEW_ELEM, index);
		put_u(&g->out, gen_draw(g, g->elem_count));
		return;
	case 3:
		expr(g, unpacked(elem));
		length(g);
		put_op_u(&g->out, DJ_OP_ARRAY_NEW, index);
		return;
	default:
		break;
	}
	new_fixed(g, index);
}

static void new_one(struct gen *g, uint32_t index)
{
	const struct type *t = &g->types[index];

	if (t->kind == KIND_ARRAY) {
		new_array(g, index);
	} else if (gen_chance(g, 30)) {
		put_op_u(&g->out, DJ_OP_STRUCT_NEW_DEFAULT, index);
	} else {
		for (uint32_t i = 0; i < t->param_count; i++)
			expr(g, unpacked(t->params[i]));
		put_op_u(&g->out, DJ_OP_STRUCT_NEW, index);
	}
}

/* A constant expression of the type. */
void gc_constant(struct gen *g, uint32_t type)
{
	uint32_t index = type >> DJ_WASM_TYPE_SHIFT;

	if ((type & 0x7f) != DJ_WASM_TYPEDREF || index >= g->gc_count) {
		constant(g, type, true);
	} else if (g->types[index].kind == KIND_ARRAY) {
		constant(g, DJ_WASM_I32, true);
		put_op_u(&g->out, DJ_OP_ARRAY_NEW_DEFAULT, index);
	} else {
		put_op_u(&g->out, DJ_OP_STRUCT_NEW_DEFAULT, index);
	}
}

static uint32_t any_of_kind(struct gen *g, enum kind kind)
{
	uint32_t at = gen_draw(g, g->gc_count);

	while (g->types[at].kind != kind)
		at = (at + 1) % g->gc_count;
	return at;
}

bool expr_gc(struct gen *g, uint32_t type)
{
	uint32_t index = type >> DJ_WASM_TYPE_SHIFT;

	if (g->gc_count == 0)
		return false;
	switch (type) {
	case DJ_WASM_EXTERNREF:
		expr(g, DJ_WASM_ANYREF);
		put_op(&g->out, DJ_OP_EXTERN_CONVERT_ANY);
		return true;
	case DJ_WASM_ANYREF:
		if (gen_chance(g, 10)) {
			expr(g, DJ_WASM_EXTERNREF);
			put_op(&g->out, DJ_OP_ANY_CONVERT_EXTERN);
			return true;
		}
		expr(g, gc_type(g));
		return true;
	case DJ_WASM_EQREF:
		expr(g, ref_to(gen_draw(g, g->gc_count)));
		return true;
	case DJ_WASM_I31REF:
		expr(g, DJ_WASM_I32);
		put_op(&g->out, DJ_OP_REF_I31);
		return true;
	case DJ_WASM_STRUCTREF:
		expr(g, ref_to(any_of_kind(g, KIND_STRUCT)));
		return true;
	case DJ_WASM_ARRAYREF:
		expr(g, ref_to(any_of_kind(g, KIND_ARRAY)));
		return true;
	default:
		break;
	}
	if ((type & 0x7f) != DJ_WASM_TYPEDREF || index >= g->gc_count)
		return false;
	if (gen_chance(g, 6)) {
		expr(g, DJ_WASM_ANYREF);
		put_op(&g->out,
			gen_chance(g, 60) ? DJ_OP_REF_CAST_NULL
					  : DJ_OP_REF_CAST);
		put_heap(&g->out, type);
	} else if (index + 1 < g->gc_count &&
		g->types[index + 1].super == index && gen_chance(g, 30)) {
		expr(g, ref_to(index + 1));
	} else {
		new_one(g, index);
	}
	return true;
}

/* ---- use ---- */

/* One that is there: what came out null is replaced. */
static void some_object(struct gen *g, uint32_t index)
{
	uint32_t type = ref_to(index), l = fresh(g, type);

	expr(g, type);
	put_op_u(&g->out, DJ_OP_LOCAL_TEE, l);
	put_op(&g->out, DJ_OP_REF_IS_NULL);
	put_op(&g->out, DJ_OP_IF);
	block_type(g, 0, NULL, 1, &type);
	gc_constant(g, type);
	put_op(&g->out, DJ_OP_ELSE);
	put_op_u(&g->out, DJ_OP_LOCAL_GET, l);
	put_op(&g->out, DJ_OP_END);
}

/* Mostly. */
static void object(struct gen *g, uint32_t index)
{
	if (gen_chance(g, 5))
		expr(g, ref_to(index));
	else
		some_object(g, index);
}

/* Into bounds, mostly: as many elements are there often enough. */
static void place(struct gen *g)
{
	if (gen_chance(g, 3))
		expr(g, DJ_WASM_I32);
	else
		index64(g, false, gen_chance(g, 80) ? 1 : 7);
}

static void get(struct gen *g, uint32_t index, uint32_t field)
{
	const struct type *t = &g->types[index];
	bool is_array = t->kind == KIND_ARRAY;
	uint32_t op = is_array ? DJ_OP_ARRAY_GET : DJ_OP_STRUCT_GET;

	object(g, index);
	if (is_array)
		place(g);
	if (is_packed(t->params[field]))
		op += 1 + gen_draw(g, 2);
	put_op_u(&g->out, op, index);
	if (!is_array)
		put_u(&g->out, field);
}

static bool get_of(struct gen *g, uint32_t type)
{
	uint32_t from = gen_draw(g, g->gc_count);

	for (uint32_t i = 0; i < g->gc_count; i++) {
		uint32_t index = (from + i) % g->gc_count;
		const struct type *t = &g->types[index];

		for (uint32_t k = 0; k < t->param_count; k++)
			if (unpacked(t->params[k]) == type) {
				get(g, index, k);
				return true;
			}
	}
	return false;
}

bool expr_from_gc(struct gen *g, uint32_t type)
{
	if (g->gc_count == 0)
		return false;
	if (type != DJ_WASM_I32 || gen_chance(g, 40))
		return get_of(g, type);
	switch (gen_draw(g, 4)) {
	case 0:
		object(g, any_of_kind(g, KIND_ARRAY));
		put_op(&g->out, DJ_OP_ARRAY_LEN);
		return true;
	case 1:
		expr(g, DJ_WASM_EQREF);
		expr(g, DJ_WASM_EQREF);
		put_op(&g->out, DJ_OP_REF_EQ);
		return true;
	case 2:
		expr(g, DJ_WASM_ANYREF);
		put_op(&g->out, DJ_OP_REF_TEST + gen_draw(g, 2));
		put_heap(&g->out, gc_type(g));
		return true;
	default:
		expr(g, DJ_WASM_I32);
		put_op(&g->out, DJ_OP_REF_I31);
		put_op(&g->out, DJ_OP_I31_GET_S + gen_draw(g, 2));
		return true;
	}
}

/* Out of a block with what is of a type, or with what is not. */
static void branch_on_cast(struct gen *g)
{
	uint32_t type = gc_type(g), any = DJ_WASM_ANYREF;
	bool fails = gen_chance(g, 40);
	uint32_t *out = fails ? &any : &type;

	put_op(&g->out, DJ_OP_BLOCK);
	block_type(g, 0, NULL, 1, out);
	push_label(g, 1, out);
	expr(g, DJ_WASM_ANYREF);
	put_op(&g->out, fails ? DJ_OP_BR_ON_CAST_FAIL : DJ_OP_BR_ON_CAST);
	/* What is cast may be null; so may that to which, or not. */
	put(&g->out, gen_chance(g, 60) ? 3 : 1);
	put_u(&g->out, 0);
	put_heap(&g->out, DJ_WASM_ANYREF);
	put_heap(&g->out, type);
	put_op(&g->out, DJ_OP_DROP);
	stmts(g, 1);
	constant(g, *out, true);
	g->label_count--;
	put_op(&g->out, DJ_OP_END);
	put_op_u(&g->out, DJ_OP_LOCAL_SET, fresh(g, *out));
}

static void struct_set(struct gen *g)
{
	uint32_t index = any_of_kind(g, KIND_STRUCT);
	const struct type *t = &g->types[index];
	uint32_t field = gen_draw(g, t->param_count + 1);

	if (field == t->param_count || !t->is_mutable[field])
		return;
	object(g, index);
	expr(g, unpacked(t->params[field]));
	put_op_u(&g->out, DJ_OP_STRUCT_SET, index);
	put_u(&g->out, field);
}

static void i32_const(struct gen *g, int32_t v)
{
	put_op(&g->out, DJ_OP_I32_CONST);
	put_s(&g->out, v);
}

/*
 * Out of the array's bounds or out of the segment's, not both: the
 * specification looks at the array first, V8 at the segment.
 */
static void init_elem(struct gen *g, uint32_t index)
{
	if (gen_chance(g, 30)) {
		object(g, index);
		place(g);
		i32_const(g, 0);
		i32_const(g, 0);
	} else {
		i32_const(g, 8);
		put_op_u(&g->out, DJ_OP_ARRAY_NEW_DEFAULT, index);
		for (unsigned i = 0; i < 3; i++)
			index64(g, false, 3);
	}
	put_op_u(&g->out, DJ_OP_ARRAY_INIT_ELEM, index);
	put_u(&g->out, gen_draw(g, g->elem_count));
}

static void array_bulk(struct gen *g, uint32_t index)
{
	uint32_t elem = g->types[index].params[0];
	bool funcs = elem == DJ_WASM_FUNCREF && g->elem_count != 0;
	uint32_t op = DJ_OP_ARRAY_FILL + gen_draw(g, 3);

	if (op == DJ_OP_ARRAY_INIT_DATA &&
		(g->data_count == 0 || dj_wasm_is_ref(elem)))
		op = funcs ? DJ_OP_ARRAY_INIT_ELEM : DJ_OP_ARRAY_FILL;
	if (op == DJ_OP_ARRAY_INIT_ELEM) {
		init_elem(g, index);
		return;
	}
	object(g, index);
	place(g);
	if (op == DJ_OP_ARRAY_FILL)
		expr(g, unpacked(elem));
	/*
	 * Not null: the specification looks at both references first, V8 at
	 * the first one's bounds before the second. Both trap, by other words.
	 */
	if (op == DJ_OP_ARRAY_COPY)
		some_object(g, index);
	if (op != DJ_OP_ARRAY_FILL)
		place(g);
	index64(g, false, 3);
	put_op_u(&g->out, op, index);
	if (op == DJ_OP_ARRAY_COPY)
		put_u(&g->out, index);
	else if (op == DJ_OP_ARRAY_INIT_DATA)
		put_u(&g->out, gen_draw(g, g->data_count));
}

void stmt_gc(struct gen *g)
{
	uint32_t index = any_of_kind(g, KIND_ARRAY);

	if (gen_chance(g, 25)) {
		branch_on_cast(g);
	} else if (gen_chance(g, 40)) {
		struct_set(g);
	} else if (!g->types[index].is_mutable[0]) {
		return;
	} else if (gen_chance(g, 50)) {
		array_bulk(g, index);
	} else {
		object(g, index);
		place(g);
		expr(g, unpacked(g->types[index].params[0]));
		put_op_u(&g->out, DJ_OP_ARRAY_SET, index);
	}
}
