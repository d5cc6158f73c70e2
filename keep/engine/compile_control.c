// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/compile.h"

const uint8_t *dj_compile_skip_clauses(struct dj_wasm_rd *r,
	uint32_t *ret_count)
{
	const uint8_t *p;

	*ret_count = dj_wasm_rd_u32(r);
	p = r->p;
	for (uint32_t i = 0; i < *ret_count && r->st == DJ_OK; i++)
		(void)dj_wasm_rd_clause(r);
	return p;
}

void dj_compile_open_block(struct dj_compiler *c, uint32_t kind)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(&c->r, c->m);
	struct dj_buf *buf = &c->s->blocks;
	struct dj_block *b;
	uint32_t params = dj_slots(bt.params, bt.param_count);
	const uint8_t *clauses = NULL;
	uint32_t clause_count = 0;
	struct dj_cond k;

	if (c->depth == c->block_cap) {
		if (dj_buf_grow(c->s, buf,
			    ((size_t)c->depth + 1) * sizeof(*b)) != DJ_OK) {
			c->failed = true;
			return;
		}
		c->blocks = buf->p;
		c->block_cap = (uint32_t)(buf->cap / sizeof(*b));
	}
	if (kind == IF)
		k = dj_compile_pop_cond(c);
	if (kind == TRY)
		clauses = dj_compile_skip_clauses(&c->r, &clause_count);
	dj_emit_flush_all(c);
	b = &c->blocks[c->depth++];
	*b = (struct dj_block){
		.kind = kind,
		.height = c->height - params,
		.params = params,
		.results =
			dj_slots(dj_wasm_block_results(&bt), bt.result_count),
		.bt = bt,
		.exits = NONE,
		.otherwise = NONE,
		.clauses = clauses,
		.clause_count = clause_count,
	};
	if (kind == TRY || kind == TRY_LEGACY) {
		dj_emit_forget_last(c);
		b->from = c->len;
	}
	if (kind == IF) {
		dj_compile_cond(c, &k, false, false);
		dj_emit_target(c, &b->otherwise);
	}
	if (kind == LOOP) {
		dj_emit_forget_last(c);
		b->start = c->len;
	}
}

static struct dj_block *label(struct dj_compiler *c, uint32_t n)
{
	return &c->blocks[c->depth - 1 - n];
}

static uint32_t arity(const struct dj_block *b)
{
	return b->kind == LOOP ? b->params : b->results;
}

static void emit_branch(struct dj_compiler *c, struct dj_block *b)
{
	dj_emit_op(c, b->kind == LOOP ? DJ_I_bk : DJ_I_br, NONE);
	if (b->kind == LOOP)
		dj_emit_target_back(c, b->start);
	else
		dj_emit_target(c, &b->exits);
}

/* Must values move for a branch to b? */
static bool moves(const struct dj_compiler *c, const struct dj_block *b)
{
	return arity(b) != 0 && c->height - arity(b) != b->height;
}

/* The top values to where b wants them; the stack here stays as it is. */
static void emit_moves(struct dj_compiler *c, const struct dj_block *b)
{
	uint32_t n = arity(b), from = c->height - n;

	if (n > 4) {
		dj_emit_op(c, DJ_I_moven, NONE);
		dj_emit_word(c, dj_emit_home(c, b->height));
		dj_emit_word(c, dj_emit_home(c, from));
		dj_emit_word(c, n);
		return;
	}
	for (uint32_t i = 0; i < n && !c->failed; i++)
		dj_emit_entry(c, &c->stack[from + i], from + i,
			dj_emit_home(c, b->height + i));
}

/* Before a branch: what need not or cannot be done on the way. */
static void settle(struct dj_compiler *c, const struct dj_block *b)
{
	if (arity(b) > 4 || !moves(c, b))
		dj_emit_flush_top(c, arity(b));
}

static void emit_return(struct dj_compiler *c)
{
	uint32_t n = c->blocks[0].results;

	if (n == 1) {
		struct dj_entry e = c->stack[c->height - 1];
		uint32_t from = dj_emit_slot_of(c, &e, c->height - 1);

		dj_emit_op(c, DJ_I_ret1, NONE);
		dj_emit_word(c, from);
	} else if (n == 0) {
		dj_emit_op(c, DJ_I_ret, NONE);
	} else {
		dj_emit_flush_top(c, n);
		dj_emit_op(c, DJ_I_retn, NONE);
		dj_emit_word(c, dj_emit_home(c, c->height - n));
		dj_emit_word(c, n);
	}
}

static void set_dead(struct dj_compiler *c)
{
	c->dead = true;
	dj_emit_drop_to(c, c->blocks[c->depth - 1].height);
	dj_emit_forget_last(c);
}

static void on_br(struct dj_compiler *c)
{
	struct dj_block *b = label(c, dj_wasm_rd_u32(&c->r));

	if (b == &c->blocks[0]) {
		emit_return(c);
	} else {
		settle(c, b);
		if (moves(c, b))
			emit_moves(c, b);
		emit_branch(c, b);
	}
	set_dead(c);
}

/* To b if k is as `sense` says, with the values on top. */
static void branch_if(struct dj_compiler *c, struct dj_block *b,
	const struct dj_cond *k, bool sense)
{
	uint32_t skip = NONE;

	settle(c, b);
	if (!moves(c, b)) {
		dj_compile_cond(c, k, sense, b->kind == LOOP);
		if (b->kind == LOOP)
			dj_emit_target_back(c, b->start);
		else
			dj_emit_target(c, &b->exits);
		return;
	}
	dj_compile_cond(c, k, !sense, false);
	dj_emit_target(c, &skip);
	dj_emit_forget_last(c);
	emit_moves(c, b);
	emit_branch(c, b);
	dj_emit_place(c, &skip);
}

static void on_br_if(struct dj_compiler *c)
{
	struct dj_block *b = label(c, dj_wasm_rd_u32(&c->r));
	struct dj_cond k = dj_compile_pop_cond(c);

	branch_if(c, b, &k, true);
}

uint32_t dj_compile_top_slot(struct dj_compiler *c)
{
	const struct dj_entry *e = &c->stack[c->height - 1];

	if (e->kind == LOCAL)
		return e->local;
	dj_emit_flush_top(c, 1);
	return dj_emit_home(c, c->height - 1);
}

/*
 * br_on_null leaves the reference on the stack when it goes on;
 * br_on_non_null takes it along.
 */
void dj_compile_br_on_null(struct dj_compiler *c, bool on_null)
{
	struct dj_block *b = label(c, dj_wasm_rd_u32(&c->r));
	struct dj_cond k = { .group = DJ_I_i64_eq_ss, .is_imm = true };
	struct dj_entry ref;

	k.a = dj_compile_top_slot(c);
	if (!on_null) {
		branch_if(c, b, &k, false);
		(void)dj_emit_pop(c);
		return;
	}
	ref = dj_emit_pop(c);
	branch_if(c, b, &k, true);
	if (ref.kind == LOCAL)
		dj_emit_push_local(c, ref.local);
	else
		dj_emit_push_home(c, 1);
}

void dj_compile_br_on_cast(struct dj_compiler *c, bool on_cast)
{
	struct dj_wasm_cast_branch b = dj_wasm_rd_cast_branch(&c->r, c->m);
	struct dj_cond k = { .group = DJ_I_i32_ne_ss, .is_imm = true };
	uint32_t ref;

	/* Its values go home now: they come behind the test else. */
	dj_emit_flush_all(c);
	ref = dj_compile_top_slot(c);
	k.a = dj_emit_home(c, c->height);
	dj_compile_ref_test(c, k.a, ref, b.to);
	dj_emit_forget_last(c);
	branch_if(c, label(c, b.label), &k, on_cast);
}

static void on_br_table(struct dj_compiler *c)
{
	uint32_t n = dj_wasm_rd_u32(&c->r), i = dj_emit_pop_slot(c), first;
	const uint8_t *labels = c->r.p;
	struct dj_block *b;

	b = label(c, dj_wasm_rd_u32(&c->r));
	dj_emit_flush_top(c, arity(b));
	dj_emit_op(c, DJ_I_br_table, NONE);
	dj_emit_word(c, i);
	dj_emit_word(c, n);
	first = c->len;
	c->r.p = labels;
	for (i = 0; i <= n && !c->failed; i++) {
		b = label(c, dj_wasm_rd_u32(&c->r));
		if (moves(c, b))
			dj_emit_word(c, 0);
		else if (b->kind == LOOP)
			dj_emit_target_back(c, b->start);
		else
			dj_emit_target(c, &b->exits);
	}
	c->r.p = labels;
	for (i = 0; i <= n && !c->failed; i++) {
		b = label(c, dj_wasm_rd_u32(&c->r));
		if (!moves(c, b))
			continue;
		c->code[first + i] = c->len - (first + i);
		dj_emit_forget_last(c);
		emit_moves(c, b);
		emit_branch(c, b);
	}
	set_dead(c);
}

static void on_else(struct dj_compiler *c)
{
	struct dj_block *b = &c->blocks[c->depth - 1];

	if (!c->dead) {
		dj_emit_flush_all(c);
		emit_branch(c, b);
	}
	dj_emit_place(c, &b->otherwise);
	b->kind = ELSE;
	dj_emit_drop_to(c, b->height);
	dj_emit_push_types(c, b->bt.params, b->bt.param_count);
	c->dead = false;
}

static void add_handler(struct dj_compiler *c, const struct dj_handler *h)
{
	struct dj_buf *b = &c->s->handlers;

	if (dj_buf_grow(c->s, b, ((size_t)c->handlers + 1) * sizeof(*h)) !=
		DJ_OK) {
		c->failed = true;
		return;
	}
	((struct dj_handler *)b->p)[c->handlers++] = *h;
}

/* Where a clause's values are when it has caught: what its label wants. */
static void emit_caught(struct dj_compiler *c, struct dj_block *to)
{
	uint32_t n = arity(to);

	if (to->height + n > c->max_height)
		c->max_height = to->height + n;
	if (to != &c->blocks[0]) {
		emit_branch(c, to);
		return;
	}
	dj_emit_op(c, DJ_I_retn, NONE);
	dj_emit_word(c, dj_emit_home(c, 0));
	dj_emit_word(c, n);
}

/* The way through goes to the block's end, as a branch would. */
static void leave_arm(struct dj_compiler *c, struct dj_block *b)
{
	if (c->dead)
		return;
	settle(c, b);
	if (moves(c, b))
		emit_moves(c, b);
	emit_branch(c, b);
	set_dead(c);
}

/*
 * The end of a try_table: its handlers, those of inner ones are there
 * already, and for each a branch to its label. The way through jumps over.
 */
static void end_try(struct dj_compiler *c)
{
	struct dj_block *b = &c->blocks[c->depth - 1];
	const uint8_t *end = c->r.p;

	leave_arm(c, b);
	dj_emit_forget_last(c);
	b->to = c->len;
	c->r.p = b->clauses;
	for (uint32_t i = 0; i < b->clause_count && !c->failed; i++) {
		struct dj_wasm_clause k = dj_wasm_rd_clause(&c->r);
		struct dj_block *l = label(c, k.label + 1);
		const struct dj_tag *tag =
			k.has_tag ? c->inst->tags[k.tag] : NULL;
		uint32_t dst = dj_emit_home(c, l->height);
		const struct dj_handler h = {
			.tag = tag,
			.from = b->from,
			.to = b->to,
			.target = c->len,
			.dst = dst,
			.ref = !k.has_ref     ? DJ_HANDLER_NO_REF
				: tag == NULL ? dst
					      : dst + tag->slots,
			.depth = c->depth,
		};

		add_handler(c, &h);
		emit_caught(c, l);
		dj_emit_forget_last(c);
	}
	c->r.p = end;
}

/*
 * catch, catch_all: another arm of a legacy try. The exception is kept below
 * the values, for rethrow; what the arm leaves is moved at its end.
 */
static void on_catch(struct dj_compiler *c, bool all)
{
	uint32_t index = all ? 0 : dj_wasm_rd_u32(&c->r);
	const struct dj_tag *tag = all ? NULL : c->inst->tags[index];
	struct dj_block *b = &c->blocks[c->depth - 1];
	struct dj_handler h = { .tag = tag, .depth = c->depth };

	leave_arm(c, b);
	dj_emit_drop_to(c, b->height);
	dj_emit_forget_last(c);
	if (b->kind == TRY_LEGACY)
		b->to = c->len;
	b->kind = CATCH;
	h.from = b->from;
	h.to = b->to;
	h.target = c->len;
	h.ref = dj_emit_home(c, b->height);
	h.dst = h.ref + 1;
	add_handler(c, &h);
	dj_emit_push_home(c, 1);
	if (tag != NULL) {
		const struct dj_wasm_functype *t =
			dj_wasm_functype_at(c->m, c->m->tags[index]);

		dj_emit_push_types(c, t->params, t->param_count);
	}
	c->dead = false;
}

/* The end of a legacy try without a catch: whom its exceptions go to. */
static void end_delegate(struct dj_compiler *c, uint32_t label_index)
{
	struct dj_block *b = &c->blocks[c->depth - 1];
	const struct dj_handler h = {
		.from = b->from,
		.to = c->len,
		.target = DJ_HANDLER_DELEGATE,
		.depth = c->depth,
		.outer = c->depth - 1 - label_index,
	};

	add_handler(c, &h);
}

static void on_rethrow(struct dj_compiler *c)
{
	const struct dj_block *b = label(c, dj_wasm_rd_u32(&c->r));

	dj_emit_op(c, DJ_I_throw_ref, NONE);
	dj_emit_word(c, dj_emit_home(c, b->height));
	set_dead(c);
}

static void on_throw(struct dj_compiler *c, uint32_t wasm)
{
	struct dj_tag *tag;
	uint32_t from;

	if (wasm == DJ_OP_THROW_REF) {
		from = dj_emit_pop_slot(c);
		dj_emit_op(c, DJ_I_throw_ref, NONE);
		dj_emit_word(c, from);
	} else {
		tag = c->inst->tags[dj_wasm_rd_u32(&c->r)];
		dj_emit_flush_top(c, tag->slots);
		dj_emit_op(c, DJ_I_throw, NONE);
		dj_emit_words(c, tag);
		dj_emit_word(c, dj_emit_home(c, c->height - tag->slots));
	}
	set_dead(c);
}

static void on_end(struct dj_compiler *c)
{
	struct dj_block *b = &c->blocks[c->depth - 1];
	bool joins;

	if (b->kind == TRY)
		end_try(c);
	if (b->kind == CATCH)
		leave_arm(c, b);
	joins = b->exits != NONE || b->otherwise != NONE;
	if (c->depth == 1 && !joins) {
		if (!c->dead)
			emit_return(c);
		c->depth = 0;
		return;
	}
	if (joins || c->dead) {
		if (!c->dead)
			dj_emit_flush_all(c);
		dj_emit_place(c, &b->otherwise);
		dj_emit_place(c, &b->exits);
		dj_emit_drop_to(c, b->height);
		dj_emit_push_types(c, dj_wasm_block_results(&b->bt),
			b->bt.result_count);
	}
	c->dead = false;
	if (c->depth == 1)
		emit_return(c);
	c->depth--;
}

/* Calls. */
static void results_of(struct dj_compiler *c, const struct dj_wasm_functype *t)
{
	dj_emit_drop_to(c, c->height - dj_slots(t->params, t->param_count));
	dj_emit_push_types(c, t->results, t->result_count);
	c->last.dst = NONE;
}

/* A call in whose place the callee's own frame comes. */
static void on_return_call(struct dj_compiler *c)
{
	struct dj_func *f = c->inst->funcs[dj_wasm_rd_u32(&c->r)];
	uint32_t n = dj_slots(f->type->params, f->type->param_count);

	dj_emit_flush_top(c, n);
	dj_emit_op(c,
		f->host != NULL ? DJ_I_return_call_host : DJ_I_return_call,
		NONE);
	dj_emit_words(c, f);
	dj_emit_word(c, dj_emit_home(c, c->height - n));
	dj_emit_word(c, n);
	set_dead(c);
}

static void on_call(struct dj_compiler *c)
{
	struct dj_func *f = c->inst->funcs[dj_wasm_rd_u32(&c->r)];
	uint32_t n = dj_slots(f->type->params, f->type->param_count);

	dj_emit_flush_top(c, n);
	dj_emit_op(c,
		f->host != NULL              ? DJ_I_call_host
			: f->inst != c->inst ? DJ_I_call_far
					     : DJ_I_call,
		NONE);
	dj_emit_words(c, f);
	dj_emit_word(c, dj_emit_home(c, c->height - n));
	results_of(c, f->type);
}

static void on_call_indirect(struct dj_compiler *c, bool is_return)
{
	uint32_t type = dj_wasm_rd_type(&c->r, c->m);
	struct dj_table *table = c->inst->tables[dj_wasm_rd_u32(&c->r)];
	const struct dj_wasm_functype *t = dj_wasm_functype_at(c->m, type);
	uint32_t n = dj_slots(t->params, t->param_count);
	uint32_t i = dj_compile_pop_index(c, table->limits.is64);

	dj_emit_flush_top(c, n);
	dj_emit_op(c,
		is_return ? DJ_I_return_call_indirect : DJ_I_call_indirect,
		NONE);
	dj_emit_word(c, i);
	dj_emit_words(c, table);
	dj_emit_word(c, c->inst->type_ids[type]);
	dj_emit_word(c, dj_emit_home(c, c->height - n));
	if (is_return) {
		dj_emit_word(c, n);
		set_dead(c);
	} else {
		results_of(c, t);
	}
}

static void on_call_ref(struct dj_compiler *c, bool is_return)
{
	uint32_t type = dj_wasm_rd_type(&c->r, c->m);
	const struct dj_wasm_functype *t = dj_wasm_functype_at(c->m, type);
	uint32_t n = dj_slots(t->params, t->param_count);
	uint32_t ref = dj_emit_pop_slot(c);

	dj_emit_flush_top(c, n);
	dj_emit_op(c, is_return ? DJ_I_return_call_ref : DJ_I_call_ref, NONE);
	dj_emit_word(c, ref);
	dj_emit_word(c, dj_emit_home(c, c->height - n));
	if (is_return) {
		dj_emit_word(c, n);
		set_dead(c);
	} else {
		results_of(c, t);
	}
}

void dj_compile_control(struct dj_compiler *c, uint32_t w)
{
	switch (w) {
	case DJ_OP_UNREACHABLE:
		dj_emit_op(c, DJ_I_unreachable, NONE);
		set_dead(c);
		break;
	case DJ_OP_BLOCK:
		dj_compile_open_block(c, BLOCK);
		break;
	case DJ_OP_LOOP:
		dj_compile_open_block(c, LOOP);
		break;
	case DJ_OP_IF:
		dj_compile_open_block(c, IF);
		break;
	case DJ_OP_ELSE:
		on_else(c);
		break;
	case DJ_OP_END:
		on_end(c);
		break;
	case DJ_OP_THROW:
	case DJ_OP_THROW_REF:
		on_throw(c, w);
		break;
	case DJ_OP_BR:
		on_br(c);
		break;
	case DJ_OP_BR_IF:
		on_br_if(c);
		break;
	case DJ_OP_BR_TABLE:
		on_br_table(c);
		break;
	case DJ_OP_RETURN:
		emit_return(c);
		set_dead(c);
		break;
	case DJ_OP_CALL:
		on_call(c);
		break;
	case DJ_OP_CALL_INDIRECT:
	case DJ_OP_RETURN_CALL_INDIRECT:
		on_call_indirect(c, w == DJ_OP_RETURN_CALL_INDIRECT);
		break;
	case DJ_OP_RETURN_CALL:
		on_return_call(c);
		break;
	case DJ_OP_CALL_REF:
	case DJ_OP_RETURN_CALL_REF:
		on_call_ref(c, w == DJ_OP_RETURN_CALL_REF);
		break;
	case DJ_OP_TRY:
		dj_compile_open_block(c, TRY_LEGACY);
		break;
	case DJ_OP_CATCH:
	case DJ_OP_CATCH_ALL:
		on_catch(c, w == DJ_OP_CATCH_ALL);
		break;
	case DJ_OP_DELEGATE:
		end_delegate(c, dj_wasm_rd_u32(&c->r));
		on_end(c);
		break;
	case DJ_OP_RETHROW:
		on_rethrow(c);
		break;
	}
}
