// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/validate.h"

static void on_block(struct dj_wasm_validator *v, uint32_t op)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(v->r, v->m);

	if (op == DJ_OP_IF)
		dj_wasm_v_pop_of(v, DJ_WASM_I32);
	dj_wasm_v_pop_all(v, bt.params, bt.param_count);
	if (!failed(v))
		dj_wasm_v_enter(v, bt,
			op == DJ_OP_LOOP         ? LOOP
				: op == DJ_OP_IF ? IF
						 : BLOCK);
}

static void on_else(struct dj_wasm_validator *v)
{
	struct block *b = &v->blocks[v->depth - 1];

	if (b->kind != IF)
		dj_wasm_rd_malformed(v->r, "else opcode without if");
	else
		dj_wasm_v_next_arm(v, BLOCK, b->bt.params, b->bt.param_count);
}

static void leave(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[v->depth - 1];

	dj_wasm_v_finish_arm(v);
	v->depth--;
	if (v->depth != 0 && !failed(v))
		dj_wasm_v_push_all(v, dj_wasm_block_results(&b->bt),
			b->bt.result_count);
}

static void on_end(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[v->depth - 1];

	if (b->kind == IF) /* the arm that is not there passes all on */
		dj_wasm_v_expect_all(v, b->bt.params, b->bt.param_count,
			dj_wasm_block_results(&b->bt), b->bt.result_count);
	leave(v);
}

/* What a branch to label takes; false after a failure. */
static bool label_types(struct dj_wasm_validator *v, uint32_t label,
	const uint32_t **ret_types, uint32_t *ret_count)
{
	const struct block *b;

	if (failed(v))
		return false;
	if (label >= v->depth) {
		invalid(v, "unknown label");
		return false;
	}
	b = &v->blocks[v->depth - 1 - label];
	*ret_types =
		b->kind == LOOP ? b->bt.params : dj_wasm_block_results(&b->bt);
	*ret_count = b->kind == LOOP ? b->bt.param_count : b->bt.result_count;
	return true;
}

static const struct dj_wasm_functype *tag_at(struct dj_wasm_validator *v,
	uint32_t i)
{
	if (i >= v->m->tag_count) {
		invalid(v, "unknown tag");
		return NULL;
	}
	return dj_wasm_functype_at(v->m, v->m->tags[i]);
}

static void on_throw(struct dj_wasm_validator *v, uint32_t op)
{
	const struct dj_wasm_functype *t;

	if (op == DJ_OP_THROW_REF) {
		dj_wasm_v_pop_of(v, DJ_WASM_EXNREF);
	} else {
		t = tag_at(v, dj_wasm_rd_u32(v->r));
		if (t != NULL)
			dj_wasm_v_pop_all(v, t->params, t->param_count);
	}
	dj_wasm_v_mark_unreachable(v);
}

/* What a clause brings is what its label, of those outside, takes. */
static void clause(struct dj_wasm_validator *v)
{
	struct dj_wasm_clause c = dj_wasm_rd_clause(v->r);
	const struct dj_wasm_functype *t = NULL;
	const uint32_t *types;
	uint32_t n, params;

	if (c.has_tag)
		t = tag_at(v, c.tag);
	params = t == NULL ? 0 : t->param_count;
	if (!label_types(v, c.label, &types, &n))
		return;
	if (n != params + c.has_ref) {
		invalid(v, "type mismatch");
		return;
	}
	if (t != NULL)
		dj_wasm_v_expect_all(v, t->params, params, types, params);
	if (c.has_ref)
		dj_wasm_v_expect(v, DJ_WASM_EXNREF | DJ_WASM_NON_NULL,
			types[n - 1]);
}

static void on_try_table(struct dj_wasm_validator *v)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(v->r, v->m);
	uint32_t n = dj_wasm_rd_count(v->r, 2);

	dj_wasm_v_pop_all(v, bt.params, bt.param_count);
	for (uint32_t i = 0; i < n && !failed(v); i++)
		clause(v);
	if (!failed(v))
		dj_wasm_v_enter(v, bt, BLOCK);
}

/* Exceptions as they were before the standard had them. */
static void on_try(struct dj_wasm_validator *v)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(v->r, v->m);

	dj_wasm_v_pop_all(v, bt.params, bt.param_count);
	if (!failed(v))
		dj_wasm_v_enter(v, bt, TRY);
}

static void on_catch(struct dj_wasm_validator *v, uint32_t op)
{
	const struct block *b = &v->blocks[v->depth - 1];
	const struct dj_wasm_functype *t;

	if (b->kind != TRY && b->kind != CATCH) {
		dj_wasm_rd_malformed(v->r, "catch without try");
	} else if (op == DJ_OP_CATCH_ALL) {
		dj_wasm_v_next_arm(v, CATCH_ALL, NULL, 0);
	} else {
		t = tag_at(v, dj_wasm_rd_u32(v->r));
		if (t != NULL)
			dj_wasm_v_next_arm(v, CATCH, t->params, t->param_count);
	}
}

/* Its label counts from outside of the try that it ends. */
static void on_delegate(struct dj_wasm_validator *v)
{
	uint32_t label = dj_wasm_rd_u32(v->r);

	if (v->blocks[v->depth - 1].kind != TRY)
		dj_wasm_rd_malformed(v->r, "delegate without try");
	else if (label >= v->depth - 1)
		invalid(v, "unknown label");
	else
		leave(v);
}

static void on_rethrow(struct dj_wasm_validator *v)
{
	uint32_t label = dj_wasm_rd_u32(v->r);
	enum block_kind kind;

	if (label >= v->depth) {
		invalid(v, "unknown label");
		return;
	}
	kind = v->blocks[v->depth - 1 - label].kind;
	if (kind != CATCH && kind != CATCH_ALL)
		invalid(v, "invalid rethrow label");
	dj_wasm_v_mark_unreachable(v);
}

static void on_br(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t label = dj_wasm_rd_u32(v->r), n;
	const uint32_t *types;

	if (op == DJ_OP_BR_IF)
		dj_wasm_v_pop_of(v, DJ_WASM_I32);
	if (!label_types(v, label, &types, &n))
		return;
	dj_wasm_v_pop_all(v, types, n);
	if (op == DJ_OP_BR)
		dj_wasm_v_mark_unreachable(v);
	else
		dj_wasm_v_push_all(v, types, n);
}

static void on_br_table(struct dj_wasm_validator *v)
{
	uint32_t count = dj_wasm_rd_count(v->r, 1), n, arity = 0;
	const uint32_t *types, *before = NULL;
	/* Until there were subtypes, all labels had one type. */
	bool one = !dj_wasm_rd_knows(v->r, DJ_WASM_F_REF_TYPES);

	dj_wasm_v_pop_of(v, DJ_WASM_I32);
	for (uint32_t i = 0; i <= count; i++) {
		if (!label_types(v, dj_wasm_rd_u32(v->r), &types, &n))
			return;
		if (i != 0 &&
			(n != arity ||
				(one && n != 0 &&
					memcmp(types, before,
						n * sizeof(*types)) != 0))) {
			invalid(v, "type mismatch");
			return;
		}
		arity = n;
		before = types;
		dj_wasm_v_check_top(v, types, n);
	}
	if (!failed(v))
		dj_wasm_v_mark_unreachable(v);
}

/* A branch that takes a reference when it is null: so it is not, behind. */
static void on_br_on_null(struct dj_wasm_validator *v)
{
	uint32_t label = dj_wasm_rd_u32(v->r), n, ref = dj_wasm_v_pop_ref(v);
	const uint32_t *types;

	if (!label_types(v, label, &types, &n))
		return;
	dj_wasm_v_pop_all(v, types, n);
	dj_wasm_v_push_all(v, types, n);
	dj_wasm_v_push(v, ref | DJ_WASM_NON_NULL);
}

/*
 * A branch that takes values and, last, a reference of type ref, and leaves
 * the values.
 */
static void branch_with(struct dj_wasm_validator *v, uint32_t label,
	uint32_t ref)
{
	const uint32_t *types;
	uint32_t n;

	if (!label_types(v, label, &types, &n))
		return;
	if (n == 0 || !dj_wasm_is_ref(types[n - 1])) {
		invalid(v, "type mismatch");
		return;
	}
	dj_wasm_v_expect(v, ref, types[n - 1]);
	dj_wasm_v_pop_all(v, types, n - 1);
	dj_wasm_v_push_all(v, types, n - 1);
}

static void on_br_on_non_null(struct dj_wasm_validator *v)
{
	uint32_t label = dj_wasm_rd_u32(v->r), ref = dj_wasm_v_pop_ref(v);

	branch_with(v, label, ref | DJ_WASM_NON_NULL);
}

static void on_br_on_cast(struct dj_wasm_validator *v, uint32_t op)
{
	struct dj_wasm_cast_branch b = dj_wasm_rd_cast_branch(v->r, v->m);
	uint32_t rest = dj_wasm_cast_rest(b.from, b.to);
	bool on_fail = op == DJ_OP_BR_ON_CAST_FAIL;

	if (failed(v))
		return;
	dj_wasm_v_expect(v, b.to, b.from);
	dj_wasm_v_pop_of(v, b.from);
	branch_with(v, b.label, on_fail ? rest : b.to);
	dj_wasm_v_push(v, on_fail ? b.to : rest);
}

static void on_return(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[0];

	dj_wasm_v_pop_all(v, dj_wasm_block_results(&b->bt), b->bt.result_count);
	dj_wasm_v_mark_unreachable(v);
}

static void call_type(struct dj_wasm_validator *v,
	const struct dj_wasm_functype *t)
{
	dj_wasm_v_pop_all(v, t->params, t->param_count);
	dj_wasm_v_push_all(v, t->results, t->result_count);
}

/* What results of the callee of a tail call must be. */
static void return_type(struct dj_wasm_validator *v,
	const struct dj_wasm_functype *t)
{
	const struct dj_wasm_block_type *bt = &v->blocks[0].bt;

	dj_wasm_v_expect_all(v, t->results, t->result_count,
		dj_wasm_block_results(bt), bt->result_count);
	dj_wasm_v_pop_all(v, t->params, t->param_count);
	dj_wasm_v_mark_unreachable(v);
}

static const struct dj_wasm_functype *callee(struct dj_wasm_validator *v)
{
	uint32_t i = dj_wasm_rd_u32(v->r);

	if (i < v->m->func_count)
		return dj_wasm_functype_at(v->m, v->m->funcs[i].type);
	invalid(v, "unknown function");
	return NULL;
}

static const struct dj_wasm_functype *callee_in_table(
	struct dj_wasm_validator *v)
{
	uint32_t id;
	const struct dj_wasm_type *type =
		dj_wasm_v_type_at(v, DJ_WASM_FORM_FUNC, &id);
	const struct dj_wasm_table *t;

	if (dj_wasm_rd_knows(v->r, DJ_WASM_F_REF_TYPES)) {
		t = dj_wasm_v_table_at(v, dj_wasm_rd_u32(v->r));
	} else {
		dj_wasm_v_zero_byte(v);
		t = dj_wasm_v_table_at(v, 0);
	}
	if (t != NULL)
		dj_wasm_v_expect(v, t->elem, DJ_WASM_FUNCREF);
	dj_wasm_v_pop_of(v, index_type(t != NULL && t->limits.is64));
	return type == NULL ? NULL : &type->func;
}

static const struct dj_wasm_functype *callee_by_ref(struct dj_wasm_validator *v)
{
	uint32_t id;
	const struct dj_wasm_type *type =
		dj_wasm_v_type_at(v, DJ_WASM_FORM_FUNC, &id);

	if (type == NULL)
		return NULL;
	dj_wasm_v_pop_of(v, dj_wasm_typed_ref(id));
	return &type->func;
}

static void on_call(struct dj_wasm_validator *v, uint32_t op)
{
	const struct dj_wasm_functype *type;

	if (op == DJ_OP_CALL || op == DJ_OP_RETURN_CALL)
		type = callee(v);
	else if (op == DJ_OP_CALL_REF || op == DJ_OP_RETURN_CALL_REF)
		type = callee_by_ref(v);
	else
		type = callee_in_table(v);
	if (failed(v) || type == NULL)
		return;
	if (op == DJ_OP_CALL || op == DJ_OP_CALL_INDIRECT ||
		op == DJ_OP_CALL_REF)
		call_type(v, type);
	else
		return_type(v, type);
}

void dj_wasm_v_control(struct dj_wasm_validator *v, uint32_t op)
{
	switch (op) {
	case DJ_OP_UNREACHABLE:
		dj_wasm_v_mark_unreachable(v);
		break;
	case DJ_OP_NOP:
		break;
	case DJ_OP_BLOCK:
	case DJ_OP_LOOP:
	case DJ_OP_IF:
		on_block(v, op);
		break;
	case DJ_OP_ELSE:
		on_else(v);
		break;
	case DJ_OP_END:
		on_end(v);
		break;
	case DJ_OP_THROW:
	case DJ_OP_THROW_REF:
		on_throw(v, op);
		break;
	case DJ_OP_BR:
	case DJ_OP_BR_IF:
		on_br(v, op);
		break;
	case DJ_OP_BR_TABLE:
		on_br_table(v);
		break;
	case DJ_OP_RETURN:
		on_return(v);
		break;
	case DJ_OP_CALL ... DJ_OP_RETURN_CALL_REF:
		on_call(v, op);
		break;
	case DJ_OP_TRY:
		on_try(v);
		break;
	case DJ_OP_CATCH:
	case DJ_OP_CATCH_ALL:
		on_catch(v, op);
		break;
	case DJ_OP_DELEGATE:
		on_delegate(v);
		break;
	case DJ_OP_RETHROW:
		on_rethrow(v);
		break;
	case DJ_OP_TRY_TABLE:
		on_try_table(v);
		break;
	case DJ_OP_BR_ON_NULL:
		on_br_on_null(v);
		break;
	case DJ_OP_BR_ON_NON_NULL:
		on_br_on_non_null(v);
		break;
	case DJ_OP_BR_ON_CAST:
	case DJ_OP_BR_ON_CAST_FAIL:
		on_br_on_cast(v, op);
		break;
	default:
		dj_wasm_rd_malformed(v->r, "illegal opcode");
	}
}
