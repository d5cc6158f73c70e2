// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

/*
 * Exceptions. They are a state of the store and not a way of unwinding: a
 * call may return with one pending, and whoever made it asks, goes to the
 * nearest try or returns too. Only modules that know exceptions ask.
 */
/* Where an exception goes that arrives here: of the depth outermost blocks. */
static void throw_on(struct fn *f, uint32_t depth)
{
	for (uint32_t i = depth; i > 0; i--) {
		struct block *b = &f->blocks[i - 1];

		if (b->kind != IS_TRY && b->kind != IS_TRY_OLD)
			continue;
		take_way(f, &b->caught, b, NULL, 0);
		if (b->caught.bb == NULL)
			b->caught.bb = new_block(f, "");
		LLVMBuildBr(f->u->b, b->caught.bb);
		return;
	}
	if (f->type->result_count == 1 && !by_area(f->u, f->type))
		LLVMBuildRet(f->u->b,
			LLVMConstNull(type_of(f->u, f->type->results[0])));
	else
		LLVMBuildRetVoid(f->u->b);
}

void ask_for_exception(struct fn *f)
{
	struct unit *u = f->u;
	LLVMBasicBlockRef on;
	LLVMValueRef tag;

	if (!u->job->throws)
		return;
	tag = load_field(u, u->ptr, f->shared, DJ_SHARED_EXN_TAG, TAG_SHARED,
		false);
	on = branch_cold(f, LLVMBuildIsNotNull(u->b, tag, ""));
	throw_on(f, f->depth);
	LLVMPositionBuilderAtEnd(u->b, on);
}

/* To slots of 8 bytes, as the engine has them. */
void put_slots(struct fn *f, LLVMValueRef slots, const uint32_t *types,
	uint32_t n)
{
	struct unit *u = f->u;
	uint64_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		LLVMValueRef v = f->stack[f->height - n + i].v, s;

		if (types[i] == DJ_WASM_F32)
			v = LLVMBuildBitCast(u->b, v, u->i32, "");
		if (types[i] == DJ_WASM_I32 || types[i] == DJ_WASM_F32)
			v = LLVMBuildZExt(u->b, v, u->i64, "");
		s = LLVMBuildStore(u->b, v, at_offset(u, slots, at));
		LLVMSetAlignment(s, 8);
		at += types[i] == DJ_WASM_V128 ? 16 : 8;
	}
}

static void get_slots(struct fn *f, LLVMValueRef slots, const uint32_t *types,
	uint32_t n)
{
	struct unit *u = f->u;
	uint64_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		LLVMValueRef v = LLVMBuildLoad2(u->b, type_of(u, types[i]),
			at_offset(u, slots, at), "");

		LLVMSetAlignment(v, 4);
		push(f, v, types[i]);
		at += types[i] == DJ_WASM_V128 ? 16 : 8;
	}
}

void do_throw(struct fn *f)
{
	struct unit *u = f->u;
	const struct dj_wasm_functype *t;
	LLVMValueRef args[2];

	at_insn(f, true);
	if (f->i.op == DJ_OP_THROW_REF) {
		args[0] = pop(f);
		(void)help(f, DJ_HELP_THROW_REF, NULL, args, 1);
	} else {
		t = dj_wasm_functype_at(u->m, u->m->tags[f->i.a]);
		args[0] = int_const(u, u->i32, f->i.a);
		args[1] = scratch(f, 2 * t->param_count);
		put_slots(f, args[1], t->params, t->param_count);
		f->height -= t->param_count;
		(void)help(f, DJ_HELP_THROW, NULL, args, 2);
	}
	throw_on(f, f->depth);
	go_dead(f);
}

/*
 * The exception is not on its way any more: its values, if the tag is known,
 * are on the stack. Returns it as a value if that is wanted, else nothing.
 */
static LLVMValueRef take_caught(struct fn *f, const uint32_t *tag,
	bool with_ref)
{
	struct unit *u = f->u;
	const struct dj_wasm_functype *t;
	LLVMValueRef with = int_const(u, u->i32, with_ref), values;

	if (tag != NULL) {
		t = dj_wasm_functype_at(u->m, u->m->tags[*tag]);
		values = load_field(u, u->ptr, f->shared, DJ_SHARED_EXN_VALUES,
			TAG_SHARED, false);
		get_slots(f, values, t->params, t->param_count);
	}
	at_insn(f, true);
	return help(f, DJ_HELP_CATCH, u->ptr, &with, 1);
}

/* Goes on where the exception has this tag; returns where it has not. */
static LLVMBasicBlockRef unless_tag(struct fn *f, uint32_t tag)
{
	struct unit *u = f->u;
	LLVMValueRef tags, want, got;

	LLVMSetCurrentDebugLocation2(u->b, NULL);
	got = load_field(u, u->ptr, f->shared, DJ_SHARED_EXN_TAG, TAG_SHARED,
		false);
	tags = load_field(u, u->ptr, f->ctx, DJ_CTX_TAGS, TAG_CONTEXT, true);
	want = load_field(u, u->ptr, tags, (uint64_t)tag * 8, TAG_CONTEXT,
		true);
	return branch_cold(f, LLVMBuildICmp(u->b, LLVMIntEQ, got, want, ""));
}

/*
 * Where exceptions from b's body arrive: one clause after the other, then on
 * to whoever is around. b is not the top block any more; its end comes next.
 */
void catch_all(struct fn *f, struct block *b)
{
	LLVMBasicBlockRef on = NULL;
	LLVMValueRef exn;

	arrive(f, &b->caught, b, NULL, 0);
	if (f->dead)
		return;
	for (uint32_t i = 0; i < b->clause_count; i++) {
		struct dj_wasm_clause c = dj_wasm_rd_clause(&b->clauses);

		f->dead = false;
		f->height = b->height;
		if (c.has_tag)
			on = unless_tag(f, c.tag);
		exn = take_caught(f, c.has_tag ? &c.tag : NULL, c.has_ref);
		if (c.has_ref)
			push(f, exn, DJ_WASM_EXNREF);
		branch_to(f, c.label);
		if (!c.has_tag)
			return;
		LLVMPositionBuilderAtEnd(f->u->b, on);
	}
	f->height = b->height;
	throw_on(f, f->depth);
	go_dead(f);
}

/* ---- the old form ---- */

/* To where exceptions are that no arm before has caught. */
static void go_uncaught(struct fn *f, struct block *b)
{
	f->height = b->height;
	forget_checks(f, b->checks);
	if (b->kind == IS_TRY_OLD) {
		arrive(f, &b->caught, b, NULL, 0);
		b->saved = set_values(f, b, 0);
		b->otherwise = LLVMGetInsertBlock(f->u->b);
		return;
	}
	if (b->otherwise == NULL) {
		go_dead(f);
		return;
	}
	f->dead = false;
	LLVMPositionBuilderAtEnd(f->u->b, b->otherwise);
	put_set(f, b, b->saved);
}

/* catch, catch_all: the next arm. */
void do_catch(struct fn *f)
{
	struct block *b = &f->blocks[f->depth - 1];
	uint32_t *tag = f->i.op == DJ_OP_CATCH ? &f->i.a : NULL;

	end_arm(f, b);
	go_uncaught(f, b);
	b->kind = IS_CATCH;
	b->otherwise = NULL;
	if (f->dead)
		return;
	if (tag != NULL)
		b->otherwise = unless_tag(f, *tag);
	b->exn = take_caught(f, tag, b->rethrows);
}

/* No arm is left; b is not the top block any more. */
void end_catch(struct fn *f, struct block *b, uint32_t outer)
{
	go_uncaught(f, b);
	if (f->dead)
		return;
	throw_on(f, outer);
	go_dead(f);
}

void do_rethrow(struct fn *f)
{
	LLVMValueRef exn = f->blocks[f->depth - 1 - f->i.a].exn;

	at_insn(f, true);
	(void)help(f, DJ_HELP_THROW_REF, NULL, &exn, 1);
	throw_on(f, f->depth);
	go_dead(f);
}
