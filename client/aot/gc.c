// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

/*
 * References, structs and arrays. What makes an object or asks for a type is
 * the engine's helper; fields and elements are read and written in place. A
 * reference is a pointer in a register or on the stack, where the collector
 * finds it: code without references does nothing for it. An element is only
 * ever reached behind a look at the array's length, which is read again after
 * each call, so that an array is held as long as it is used.
 */
#define FLIPPED (UINT64_C(1) << 63) /* a host's value as an anyref */

static LLVMValueRef u32_of(struct fn *f, uint32_t v)
{
	return visible_const(f->u, f->u->i32, v);
}

static const struct dj_wasm_type *type_at(const struct fn *f, uint32_t id)
{
	return &f->u->m->types.all[id];
}

static uint32_t element_type(const struct fn *f, uint32_t id)
{
	return type_at(f, id)->fields->type;
}

LLVMValueRef pop_non_null(struct fn *f)
{
	const struct value *top = &f->stack[f->height - 1];

	if ((top->type & DJ_WASM_NON_NULL) == 0)
		trap_if(f, LLVMBuildIsNull(f->u->b, top->v, ""), DJ_TRAP_NULL);
	return pop(f);
}

static void push_bool(struct fn *f, LLVMValueRef v)
{
	push(f, LLVMBuildZExt(f->u->b, v, f->u->i32, ""), DJ_WASM_I32);
}

static LLVMValueRef to_int(struct fn *f, LLVMValueRef ref)
{
	return LLVMBuildPtrToInt(f->u->b, ref, f->u->i64, "");
}

/* ---- fields ---- */

static LLVMTypeRef memory_type(const struct fn *f, uint32_t type)
{
	if (type == DJ_WASM_I8)
		return f->u->i8;
	if (type == DJ_WASM_I16)
		return f->u->i16;
	return type_of(f->u, type);
}

static void finish_access(struct fn *f, LLVMValueRef access, uint32_t type)
{
	uint32_t w = dj_wasm_field_width(type);

	LLVMSetAlignment(access, w < 8 ? w : 8);
	set_tag(f->u, access, TAG_OBJECT);
}

static void push_field(struct fn *f, LLVMValueRef p, uint32_t type,
	bool is_signed)
{
	struct unit *u = f->u;
	uint32_t out = dj_wasm_unpacked(type);
	LLVMValueRef v = LLVMBuildLoad2(u->b, memory_type(f, type), p, "");

	finish_access(f, v, type);
	if (out != type)
		v = is_signed ? LLVMBuildSExt(u->b, v, u->i32, "")
			      : LLVMBuildZExt(u->b, v, u->i32, "");
	push(f, v, out);
}

static void store_in(struct fn *f, LLVMValueRef v, LLVMValueRef p,
	uint32_t type)
{
	struct unit *u = f->u;

	if (dj_wasm_unpacked(type) != type)
		v = LLVMBuildTrunc(u->b, v, memory_type(f, type), "");
	finish_access(f, LLVMBuildStore(u->b, v, p), type);
}

static LLVMValueRef field_at(struct fn *f, LLVMValueRef ref, uint32_t id,
	uint32_t field)
{
	struct unit *u = f->u;
	const struct dj_wasm_type *t = type_at(f, id);
	uint32_t size = 0, at = 0;
	LLVMValueRef off;

	for (uint32_t i = 0; i <= field; i++)
		at = dj_wasm_field_place(t->fields[i].type, &size);
	off = visible_const(u, u->i64, DJ_STRUCT_FIELDS + (uint64_t)at);
	return LLVMBuildInBoundsGEP2(u->b, u->i8, ref, &off, 1, "");
}

static LLVMValueRef array_length(struct fn *f, LLVMValueRef a)
{
	return load_field(f->u, f->u->i32, a, DJ_ARRAY_COUNT, TAG_HEAD, false);
}

/* i is known to be inside. */
static LLVMValueRef element_at(struct fn *f, LLVMValueRef a, LLVMValueRef i,
	uint32_t type)
{
	struct unit *u = f->u;
	LLVMTypeRef t = LLVMArrayType2(u->i8, dj_wasm_field_width(type));

	i = LLVMBuildZExt(u->b, i, u->i64, "");
	a = at_offset(u, a, DJ_ARRAY_ELEMS);
	return LLVMBuildInBoundsGEP2(u->b, t, a, &i, 1, "");
}

/* ---- making ---- */

static uint32_t ref_to(uint32_t id)
{
	return dj_wasm_typed_ref(id) | DJ_WASM_NON_NULL;
}

static LLVMValueRef new_array(struct fn *f, LLVMValueRef n, LLVMValueRef value)
{
	LLVMValueRef a[] = { u32_of(f, f->i.a), n,
		value == NULL ? LLVMConstNull(f->u->ptr) : value };

	return help(f, DJ_HELP_ARRAY_NEW, f->u->ptr, a, 3);
}

/* The top value as what an array is filled with. */
static LLVMValueRef pop_to_slot(struct fn *f, uint32_t type)
{
	uint32_t out = dj_wasm_unpacked(type);
	LLVMValueRef slot = scratch(f, 2);

	put_slots(f, slot, &out, 1);
	(void)pop(f);
	return slot;
}

static void struct_new(struct fn *f)
{
	const struct dj_wasm_type *t = type_at(f, f->i.a);
	uint32_t n = f->i.op == DJ_OP_STRUCT_NEW ? t->field_count : 0;
	LLVMValueRef id = u32_of(f, f->i.a), ref;

	at_insn(f, true);
	ref = help(f, DJ_HELP_STRUCT_NEW, f->u->ptr, &id, 1);
	at_insn(f, false);
	for (uint32_t i = 0; i < n; i++)
		store_in(f, f->stack[f->height - n + i].v,
			field_at(f, ref, f->i.a, i), t->fields[i].type);
	f->height -= n;
	push(f, ref, ref_to(f->i.a));
}

static void array_new_fixed(struct fn *f)
{
	uint32_t n = f->i.b, type = element_type(f, f->i.a);
	LLVMValueRef ref = new_array(f, u32_of(f, n), NULL);

	for (uint32_t i = 0; i < n; i++)
		store_in(f, f->stack[f->height - n + i].v,
			element_at(f, ref, u32_of(f, i), type), type);
	f->height -= n;
	push(f, ref, ref_to(f->i.a));
}

static void array_new_segment(struct fn *f)
{
	LLVMValueRef a[4] = { u32_of(f, f->i.a), u32_of(f, f->i.b) };
	enum dj_helper h = f->i.op == DJ_OP_ARRAY_NEW_DATA ? DJ_HELP_ARRAY_DATA
							   : DJ_HELP_ARRAY_ELEM;

	a[3] = pop(f);
	a[2] = pop(f);
	push(f, help(f, h, f->u->ptr, a, 4), ref_to(f->i.a));
}

static void array_new(struct fn *f)
{
	LLVMValueRef n, value = NULL;

	at_insn(f, true);
	switch (f->i.op) {
	case DJ_OP_ARRAY_NEW_FIXED:
		array_new_fixed(f);
		break;
	case DJ_OP_ARRAY_NEW_DATA:
	case DJ_OP_ARRAY_NEW_ELEM:
		array_new_segment(f);
		break;
	default:
		n = pop(f);
		if (f->i.op == DJ_OP_ARRAY_NEW)
			value = pop_to_slot(f, element_type(f, f->i.a));
		push(f, new_array(f, n, value), ref_to(f->i.a));
	}
	at_insn(f, false);
}

/* ---- using ---- */

static void struct_access(struct fn *f)
{
	uint32_t type = type_at(f, f->i.a)->fields[f->i.b].type;
	bool is_set = f->i.op == DJ_OP_STRUCT_SET;
	LLVMValueRef v = is_set ? pop(f) : NULL, p;

	p = field_at(f, pop_non_null(f), f->i.a, f->i.b);
	if (is_set)
		store_in(f, v, p, type);
	else
		push_field(f, p, type, f->i.op == DJ_OP_STRUCT_GET_S);
}

static void array_access(struct fn *f)
{
	uint32_t type = element_type(f, f->i.a);
	bool is_set = f->i.op == DJ_OP_ARRAY_SET;
	LLVMValueRef v = is_set ? pop(f) : NULL, i = pop(f), a, p;

	a = pop_non_null(f);
	trap_if(f,
		LLVMBuildICmp(f->u->b, LLVMIntUGE, i, array_length(f, a), ""),
		DJ_TRAP_ARRAY);
	p = element_at(f, a, i, type);
	if (is_set)
		store_in(f, v, p, type);
	else
		push_field(f, p, type, f->i.op == DJ_OP_ARRAY_GET_S);
}

static void array_fill(struct fn *f)
{
	LLVMValueRef a[5] = { u32_of(f, f->i.a) };

	a[4] = pop(f);
	a[3] = pop_to_slot(f, element_type(f, f->i.a));
	a[2] = pop(f);
	a[1] = pop(f);
	(void)help(f, DJ_HELP_ARRAY_FILL, NULL, a, 5);
}

static void array_copy(struct fn *f)
{
	LLVMValueRef a[6] = { u32_of(f, f->i.a) };

	for (unsigned i = 5; i > 0; i--)
		a[i] = pop(f);
	(void)help(f, DJ_HELP_ARRAY_COPY, NULL, a, 6);
}

static void array_init(struct fn *f)
{
	bool is_data = f->i.op == DJ_OP_ARRAY_INIT_DATA;
	LLVMValueRef a[6] = { u32_of(f, f->i.a) };

	a[5] = pop(f);
	a[4] = pop(f);
	a[3] = u32_of(f, f->i.b);
	a[2] = pop(f);
	a[1] = pop(f);
	if (is_data)
		(void)help(f, DJ_HELP_ARRAY_INIT_DATA, NULL, a, 6);
	else
		(void)help(f, DJ_HELP_ARRAY_INIT_ELEM, NULL, a + 1, 5);
}

static void array_bulk(struct fn *f)
{
	at_insn(f, true);
	if (f->i.op == DJ_OP_ARRAY_FILL)
		array_fill(f);
	else if (f->i.op == DJ_OP_ARRAY_COPY)
		array_copy(f);
	else
		array_init(f);
	at_insn(f, false);
}

/* ---- casts ---- */

static LLVMValueRef ask_engine(struct fn *f, LLVMValueRef ref, uint32_t type)
{
	struct unit *u = f->u;
	LLVMValueRef a[] = { ref, u32_of(f, type) };

	return LLVMBuildICmp(u->b, LLVMIntNE,
		help(f, DJ_HELP_REF_IS, u->i32, a, 2), int_const(u, u->i32, 0),
		"");
}

/* Is ref, which is not null, an object of this very type? */
static LLVMValueRef is_exactly(struct fn *f, LLVMValueRef ref, uint32_t id)
{
	struct unit *u = f->u;
	LLVMValueRef ids = load_field(u, u->ptr, f->ctx, DJ_CTX_TYPE_IDS,
		TAG_CONTEXT, true);
	LLVMValueRef want =
		load_field(u, u->i32, ids, (uint64_t)id * 4, TAG_CONTEXT, true);

	return LLVMBuildICmp(u->b, LLVMIntEQ, want,
		load_field(u, u->i32, ref, DJ_OBJECT_TYPE, TAG_HEAD, false),
		"");
}

/*
 * Is ref of a struct's or array's type? Most are of that very type, which is
 * seen here; the engine knows the rest.
 */
static LLVMValueRef is_object(struct fn *f, LLVMValueRef ref, uint32_t type)
{
	struct unit *u = f->u;
	LLVMBasicBlockRef look = new_block(f, ""), ask = new_block(f, "");
	LLVMBasicBlockRef on = new_block(f, ""), from[2];
	LLVMValueRef bits, phi, found[2];

	/* Null, an i31 or a host's value: the engine. */
	bits = LLVMBuildAnd(u->b, to_int(f, ref),
		int_const(u, u->i64, FLIPPED | 1), "");
	bits = LLVMBuildOr(u->b,
		LLVMBuildICmp(u->b, LLVMIntNE, bits, int_const(u, u->i64, 0),
			""),
		LLVMBuildIsNull(u->b, ref, ""), "");
	LLVMBuildCondBr(u->b, bits, ask, look);
	LLVMPositionBuilderAtEnd(u->b, look);
	found[0] = int_const(u, u->i1, 1);
	from[0] = look;
	LLVMBuildCondBr(u->b, is_exactly(f, ref, dj_wasm_type_id(type)), on,
		ask);
	LLVMPositionBuilderAtEnd(u->b, ask);
	found[1] = ask_engine(f, ref, type);
	from[1] = ask;
	LLVMBuildBr(u->b, on);
	LLVMPositionBuilderAtEnd(u->b, on);
	phi = LLVMBuildPhi(u->b, u->i1, "");
	LLVMAddIncoming(phi, found, from, 2);
	return phi;
}

/* Is the reference on top of this type? It stays. */
static LLVMValueRef top_is(struct fn *f, uint32_t type)
{
	LLVMValueRef ref = f->stack[f->height - 1].v;

	at_insn(f, true);
	if (dj_wasm_is_typed(type) &&
		type_at(f, dj_wasm_type_id(type))->form != DJ_WASM_FORM_FUNC)
		return is_object(f, ref, type);
	return ask_engine(f, ref, type);
}

static void do_cast(struct fn *f)
{
	struct value *top = &f->stack[f->height - 1];
	LLVMValueRef is = top_is(f, f->i.type);

	if (f->i.op <= DJ_OP_REF_TEST_NULL) {
		(void)pop(f);
		push_bool(f, is);
		return;
	}
	trap_if(f, LLVMBuildNot(f->u->b, is, ""), DJ_TRAP_CAST);
	top->type = f->i.type;
}

static void br_on_cast(struct fn *f)
{
	struct value *top = &f->stack[f->height - 1];
	LLVMValueRef is = top_is(f, f->i.type);

	if (f->i.op == DJ_OP_BR_ON_CAST) {
		branch_if(f, is);
		return;
	}
	branch_if(f, LLVMBuildNot(f->u->b, is, ""));
	top->type = f->i.type;
}

static void br_on_null(struct fn *f)
{
	struct value top = f->stack[f->height - 1];

	if (f->i.op == DJ_OP_BR_ON_NON_NULL) {
		branch_if(f, LLVMBuildIsNotNull(f->u->b, top.v, ""));
		(void)pop(f);
		return;
	}
	(void)pop(f);
	branch_if(f, LLVMBuildIsNull(f->u->b, top.v, ""));
	push(f, top.v, top.type | DJ_WASM_NON_NULL);
}

/* ---- values ---- */

/* any.convert_extern and back: the top bit, but null stays null. */
static void convert(struct fn *f)
{
	struct unit *u = f->u;
	uint32_t flags = f->stack[f->height - 1].type & DJ_WASM_NON_NULL;
	LLVMValueRef ref = pop(f), v;

	v = LLVMBuildXor(u->b, to_int(f, ref), int_const(u, u->i64, FLIPPED),
		"");
	v = LLVMBuildIntToPtr(u->b, v, u->ptr, "");
	v = LLVMBuildSelect(u->b, LLVMBuildIsNull(u->b, ref, ""), ref, v, "");
	push(f, v,
		(f->i.op == DJ_OP_ANY_CONVERT_EXTERN ? DJ_WASM_ANYREF
						     : DJ_WASM_EXTERNREF) |
			flags);
}

static void do_i31(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef v, one = int_const(u, u->i32, 1);

	if (f->i.op == DJ_OP_REF_I31) {
		/* The top bit goes: the rest is shifted by one. */
		v = LLVMBuildShl(u->b, pop(f), one, "");
		v = LLVMBuildOr(u->b, v, one, "");
		v = LLVMBuildZExt(u->b, v, u->i64, "");
		push(f, LLVMBuildIntToPtr(u->b, v, u->ptr, ""),
			DJ_WASM_I31REF | DJ_WASM_NON_NULL);
		return;
	}
	v = LLVMBuildTrunc(u->b, to_int(f, pop_non_null(f)), u->i32, "");
	if (f->i.op == DJ_OP_I31_GET_S)
		v = LLVMBuildAShr(u->b, v, one, "");
	else
		v = LLVMBuildLShr(u->b, v, one, "");
	push(f, v, DJ_WASM_I32);
}

static void ref_eq(struct fn *f)
{
	LLVMValueRef b = pop(f), a = pop(f);

	push_bool(f, LLVMBuildICmp(f->u->b, LLVMIntEQ, a, b, ""));
}

static void as_non_null(struct fn *f)
{
	uint32_t type = f->stack[f->height - 1].type;

	push(f, pop_non_null(f), type | DJ_WASM_NON_NULL);
}

void do_gc(struct fn *f)
{
	switch (f->i.op) {
	case DJ_OP_REF_EQ:
		ref_eq(f);
		break;
	case DJ_OP_REF_AS_NON_NULL:
		as_non_null(f);
		break;
	case DJ_OP_BR_ON_NULL:
	case DJ_OP_BR_ON_NON_NULL:
		br_on_null(f);
		break;
	case DJ_OP_STRUCT_NEW ... DJ_OP_STRUCT_NEW_DEFAULT:
		struct_new(f);
		break;
	case DJ_OP_STRUCT_GET ... DJ_OP_STRUCT_SET:
		struct_access(f);
		break;
	case DJ_OP_ARRAY_NEW ... DJ_OP_ARRAY_NEW_ELEM:
		array_new(f);
		break;
	case DJ_OP_ARRAY_GET ... DJ_OP_ARRAY_SET:
		array_access(f);
		break;
	case DJ_OP_ARRAY_LEN:
		push(f, array_length(f, pop_non_null(f)), DJ_WASM_I32);
		break;
	case DJ_OP_ARRAY_FILL ... DJ_OP_ARRAY_INIT_ELEM:
		array_bulk(f);
		break;
	case DJ_OP_REF_TEST ... DJ_OP_REF_CAST_NULL:
		do_cast(f);
		break;
	case DJ_OP_BR_ON_CAST ... DJ_OP_BR_ON_CAST_FAIL:
		br_on_cast(f);
		break;
	case DJ_OP_ANY_CONVERT_EXTERN ... DJ_OP_EXTERN_CONVERT_ANY:
		convert(f);
		break;
	case DJ_OP_REF_I31 ... DJ_OP_I31_GET_U:
		do_i31(f);
		break;
	default:
		break;
	}
}
