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
		.results = dj_slots(bt.results, bt.result_count),
		.bt = bt,
		.exits = NONE,
		.otherwise = NONE,
		.clauses = clauses,
		.clause_count = clause_count,
	};
	if (kind == TRY) {
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

static void on_br_if(struct dj_compiler *c)
{
	struct dj_block *b = label(c, dj_wasm_rd_u32(&c->r));
	struct dj_cond k = dj_compile_pop_cond(c);
	uint32_t skip = NONE;

	settle(c, b);
	if (!moves(c, b)) {
		dj_compile_cond(c, &k, true, b->kind == LOOP);
		if (b->kind == LOOP)
			dj_emit_target_back(c, b->start);
		else
			dj_emit_target(c, &b->exits);
		return;
	}
	dj_compile_cond(c, &k, false, false);
	dj_emit_target(c, &skip);
	dj_emit_forget_last(c);
	emit_moves(c, b);
	emit_branch(c, b);
	dj_emit_place(c, &skip);
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

/*
 * The end of a try_table: its handlers, those of inner ones are there
 * already, and for each a branch to its label. The way through jumps over.
 */
static void end_try(struct dj_compiler *c)
{
	struct dj_block *b = &c->blocks[c->depth - 1];
	const uint8_t *end = c->r.p;
	uint32_t to;

	if (!c->dead) {
		dj_emit_flush_all(c);
		emit_branch(c, b);
		set_dead(c);
	}
	dj_emit_forget_last(c);
	to = c->len;
	c->r.p = b->clauses;
	for (uint32_t i = 0; i < b->clause_count && !c->failed; i++) {
		struct dj_wasm_clause k = dj_wasm_rd_clause(&c->r);
		struct dj_block *l = label(c, k.label + 1);
		const struct dj_handler h = {
			.tag = k.has_tag ? c->inst->tags[k.tag] : NULL,
			.from = b->from,
			.to = to,
			.target = c->len,
			.dst = dj_emit_home(c, l->height),
			.has_ref = k.has_ref,
		};

		add_handler(c, &h);
		emit_caught(c, l);
		dj_emit_forget_last(c);
	}
	c->r.p = end;
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
		dj_emit_push_types(c, b->bt.results, b->bt.result_count);
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
	uint32_t type = dj_wasm_rd_u32(&c->r);
	struct dj_table *table = c->inst->tables[dj_wasm_rd_u32(&c->r)];
	const struct dj_wasm_functype *t = &c->m->types[type];
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
	}
}
