// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/opcode.h"

/*
 * The algorithm of the specification's appendix: a stack of operand types
 * and a stack of blocks. Both live in the arena and are kept from body to
 * body; they grow by doubling, so what is wasted is less than what is used.
 *
 * Invariant: depth > 0 while a body is read, height >= the top block's.
 */
#define ANY 0 /* an operand of unreachable code */

enum block_kind {
	BLOCK,
	LOOP,
	IF,
	TRY,
	CATCH,
	CATCH_ALL,
};

struct block {
	struct dj_wasm_block_type bt;
	uint32_t height, inits;
	enum block_kind kind;
	bool unreachable;
};

/* Of locals that have no value to begin with: has it one now? */
struct dj_wasm_validator {
	struct dj_wasm_module *m;
	struct dj_arena *arena;
	struct dj_wasm_rd *r;
	uint32_t *operands;
	struct block *blocks;
	uint32_t *locals;
	uint8_t *unset;  /* per local: it has no value yet */
	uint32_t *inits; /* locals that got one, the latest last */
	uint32_t height, height_cap;
	uint32_t depth, depth_cap;
	uint32_t local_count, local_cap, unset_cap;
	uint32_t init_count, init_cap;
};

struct dj_wasm_validator *dj_wasm_validator_new(struct dj_wasm_module *m,
	struct dj_arena *arena)
{
	struct dj_wasm_validator *v =
		dj_arena_new(arena, struct dj_wasm_validator);

	if (v == NULL)
		return NULL;
	v->m = m;
	v->arena = arena;
	return v;
}

static bool failed(const struct dj_wasm_validator *v)
{
	return v->r->st != DJ_OK;
}

static void invalid(struct dj_wasm_validator *v, const char *text)
{
	dj_wasm_rd_invalid(v->r, text);
}

/* A larger copy of old; NULL after a refusal. */
static void *grow(struct dj_wasm_validator *v, const void *old, uint32_t *cap,
	uint32_t want, uint32_t max, size_t size)
{
	uint32_t n = *cap < 64 ? 64 : *cap;
	void *p;

	if (want > max) {
		dj_wasm_rd_refuse(v->r, DJ_E_LIMIT, "function too complex");
		return NULL;
	}
	while (n < want)
		n *= 2;
	p = dj_arena_array(v->arena, n, size, 16);
	if (p == NULL) {
		dj_wasm_rd_refuse(v->r, DJ_E_NOMEM, "out of memory");
		return NULL;
	}
	if (*cap != 0)
		memcpy(p, old, *cap * size);
	*cap = n;
	return p;
}

static bool fits(const struct dj_wasm_validator *v, uint32_t a, uint32_t b)
{
	return a == b || a == ANY || dj_wasm_subtype(&v->m->types, a, b);
}

static void expect(struct dj_wasm_validator *v, uint32_t a, uint32_t b)
{
	if (!fits(v, a, b))
		invalid(v, "type mismatch");
}

/* What comes where that is wanted, one by one. */
static void expect_all(struct dj_wasm_validator *v, const uint32_t *a,
	uint32_t a_count, const uint32_t *b, uint32_t b_count)
{
	if (a_count != b_count)
		invalid(v, "type mismatch");
	for (uint32_t i = 0; i < a_count && i < b_count; i++)
		expect(v, a[i], b[i]);
}

static void push(struct dj_wasm_validator *v, uint32_t type)
{
	if (v->height == v->height_cap) {
		uint32_t *p = grow(v, v->operands, &v->height_cap,
			v->height + 1, DJ_WASM_MAX_HEIGHT, sizeof(*p));

		if (p == NULL)
			return;
		v->operands = p;
	}
	v->operands[v->height++] = type;
}

static void push_all(struct dj_wasm_validator *v, const uint32_t *types,
	uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		push(v, types[i]);
}

static uint32_t pop(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[v->depth - 1];

	if (v->height > b->height)
		return v->operands[--v->height];
	if (!b->unreachable)
		invalid(v, "type mismatch");
	return ANY;
}

static void pop_of(struct dj_wasm_validator *v, uint32_t type)
{
	expect(v, pop(v), type);
}

static void pop_all(struct dj_wasm_validator *v, const uint32_t *types,
	uint32_t n)
{
	for (uint32_t i = n; i > 0; i--)
		pop_of(v, types[i - 1]);
}

/* Any reference; in unreachable code one of which nothing is known. */
static uint32_t pop_ref(struct dj_wasm_validator *v)
{
	uint32_t type = pop(v);

	if (type == ANY)
		return DJ_WASM_BOTREF | DJ_WASM_NON_NULL;
	if (!dj_wasm_is_ref(type))
		invalid(v, "type mismatch");
	return type;
}

/* The top operands have these types; the stack stays. */
static void check_top(struct dj_wasm_validator *v, const uint32_t *types,
	uint32_t n)
{
	const struct block *b = &v->blocks[v->depth - 1];
	uint32_t have = v->height - b->height;

	if (have < n && !b->unreachable) {
		invalid(v, "type mismatch");
		return;
	}
	for (uint32_t i = 1; i <= n && i <= have; i++)
		expect(v, v->operands[v->height - i], types[n - i]);
}

static void enter(struct dj_wasm_validator *v, struct dj_wasm_block_type bt,
	enum block_kind kind)
{
	if (v->depth == v->depth_cap) {
		struct block *p = grow(v, v->blocks, &v->depth_cap,
			v->depth + 1, DJ_WASM_MAX_NESTING, sizeof(*p));

		if (p == NULL)
			return;
		v->blocks = p;
	}
	v->blocks[v->depth++] = (struct block){
		.bt = bt,
		.height = v->height,
		.inits = v->init_count,
		.kind = kind,
	};
	push_all(v, bt.params, bt.param_count);
}

static void mark_unreachable(struct dj_wasm_validator *v)
{
	struct block *b = &v->blocks[v->depth - 1];

	v->height = b->height;
	b->unreachable = true;
}

/* What got its first value in a block has none again behind it. */
static void forget_inits(struct dj_wasm_validator *v, uint32_t keep)
{
	while (v->init_count > keep)
		v->unset[v->inits[--v->init_count]] = 1;
}

static void finish_arm(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[v->depth - 1];

	pop_all(v, dj_wasm_block_results(&b->bt), b->bt.result_count);
	if (v->height != b->height)
		invalid(v, "type mismatch");
	forget_inits(v, b->inits);
}

/* Another arm of the same block, with what it finds on the stack. */
static void next_arm(struct dj_wasm_validator *v, enum block_kind kind,
	const uint32_t *types, uint32_t n)
{
	struct block *b = &v->blocks[v->depth - 1];

	finish_arm(v);
	b->kind = kind;
	b->unreachable = false;
	push_all(v, types, n);
}

static void on_block(struct dj_wasm_validator *v, uint32_t op)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(v->r, v->m);

	if (op == DJ_OP_IF)
		pop_of(v, DJ_WASM_I32);
	pop_all(v, bt.params, bt.param_count);
	if (!failed(v))
		enter(v, bt,
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
		next_arm(v, BLOCK, b->bt.params, b->bt.param_count);
}

static void leave(struct dj_wasm_validator *v)
{
	struct block b = v->blocks[v->depth - 1];

	finish_arm(v);
	v->depth--;
	if (v->depth != 0 && !failed(v))
		push_all(v, dj_wasm_block_results(&b.bt), b.bt.result_count);
}

static void on_end(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[v->depth - 1];

	if (b->kind == IF) /* the arm that is not there passes all on */
		expect_all(v, b->bt.params, b->bt.param_count,
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
		pop_of(v, DJ_WASM_EXNREF);
	} else {
		t = tag_at(v, dj_wasm_rd_u32(v->r));
		if (t != NULL)
			pop_all(v, t->params, t->param_count);
	}
	mark_unreachable(v);
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
		expect_all(v, t->params, params, types, params);
	if (c.has_ref)
		expect(v, DJ_WASM_EXNREF | DJ_WASM_NON_NULL, types[n - 1]);
}

static void on_try_table(struct dj_wasm_validator *v)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(v->r, v->m);
	uint32_t n = dj_wasm_rd_count(v->r, 2);

	pop_all(v, bt.params, bt.param_count);
	for (uint32_t i = 0; i < n && !failed(v); i++)
		clause(v);
	if (!failed(v))
		enter(v, bt, BLOCK);
}

/* Exceptions as they were before the standard had them. */
static void on_try(struct dj_wasm_validator *v)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(v->r, v->m);

	pop_all(v, bt.params, bt.param_count);
	if (!failed(v))
		enter(v, bt, TRY);
}

static void on_catch(struct dj_wasm_validator *v, uint32_t op)
{
	const struct block *b = &v->blocks[v->depth - 1];
	const struct dj_wasm_functype *t;

	if (b->kind != TRY && b->kind != CATCH) {
		dj_wasm_rd_malformed(v->r, "catch without try");
	} else if (op == DJ_OP_CATCH_ALL) {
		next_arm(v, CATCH_ALL, NULL, 0);
	} else {
		t = tag_at(v, dj_wasm_rd_u32(v->r));
		if (t != NULL)
			next_arm(v, CATCH, t->params, t->param_count);
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
	mark_unreachable(v);
}

static void on_br(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t label = dj_wasm_rd_u32(v->r), n;
	const uint32_t *types;

	if (op == DJ_OP_BR_IF)
		pop_of(v, DJ_WASM_I32);
	if (!label_types(v, label, &types, &n))
		return;
	pop_all(v, types, n);
	if (op == DJ_OP_BR)
		mark_unreachable(v);
	else
		push_all(v, types, n);
}

static void on_br_table(struct dj_wasm_validator *v)
{
	uint32_t count = dj_wasm_rd_count(v->r, 1), n, arity = 0;
	const uint32_t *types, *before = NULL;
	/* Until there were subtypes, all labels had one type. */
	bool one = !dj_wasm_rd_knows(v->r, DJ_WASM_F_REF_TYPES);

	pop_of(v, DJ_WASM_I32);
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
		check_top(v, types, n);
	}
	if (!failed(v))
		mark_unreachable(v);
}

/* A branch that takes a reference when it is null: so it is not, behind. */
static void on_br_on_null(struct dj_wasm_validator *v)
{
	uint32_t label = dj_wasm_rd_u32(v->r), n, ref = pop_ref(v);
	const uint32_t *types;

	if (!label_types(v, label, &types, &n))
		return;
	pop_all(v, types, n);
	push_all(v, types, n);
	push(v, ref | DJ_WASM_NON_NULL);
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
	expect(v, ref, types[n - 1]);
	pop_all(v, types, n - 1);
	push_all(v, types, n - 1);
}

static void on_br_on_non_null(struct dj_wasm_validator *v)
{
	uint32_t label = dj_wasm_rd_u32(v->r), ref = pop_ref(v);

	branch_with(v, label, ref | DJ_WASM_NON_NULL);
}

static void on_br_on_cast(struct dj_wasm_validator *v, uint32_t op)
{
	struct dj_wasm_cast_branch b = dj_wasm_rd_cast_branch(v->r, v->m);
	uint32_t rest = dj_wasm_cast_rest(b.from, b.to);
	bool on_fail = op == DJ_OP_BR_ON_CAST_FAIL;

	if (failed(v))
		return;
	expect(v, b.to, b.from);
	pop_of(v, b.from);
	branch_with(v, b.label, on_fail ? rest : b.to);
	push(v, on_fail ? b.to : rest);
}

static void on_return(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[0];

	pop_all(v, dj_wasm_block_results(&b->bt), b->bt.result_count);
	mark_unreachable(v);
}

static void call_type(struct dj_wasm_validator *v,
	const struct dj_wasm_functype *t)
{
	pop_all(v, t->params, t->param_count);
	push_all(v, t->results, t->result_count);
}

static void zero_byte(struct dj_wasm_validator *v)
{
	if (dj_wasm_rd_u8(v->r) != 0)
		dj_wasm_rd_malformed(v->r, "zero byte expected");
}

static const struct dj_wasm_table *table_at(struct dj_wasm_validator *v,
	uint32_t i)
{
	if (i >= v->m->table_count) {
		invalid(v, "unknown table");
		return NULL;
	}
	return &v->m->tables[i];
}

static uint32_t index_type(bool is64)
{
	return is64 ? DJ_WASM_I64 : DJ_WASM_I32;
}

/* What results of the callee of a tail call must be. */
static void return_type(struct dj_wasm_validator *v,
	const struct dj_wasm_functype *t)
{
	const struct dj_wasm_block_type *bt = &v->blocks[0].bt;

	expect_all(v, t->results, t->result_count, dj_wasm_block_results(bt),
		bt->result_count);
	pop_all(v, t->params, t->param_count);
	mark_unreachable(v);
}

/* A type by its index, of the given form; NULL after a failure. */
static const struct dj_wasm_type *type_at(struct dj_wasm_validator *v,
	enum dj_wasm_form form, uint32_t *ret_id)
{
	const struct dj_wasm_type *t;

	*ret_id = dj_wasm_rd_type(v->r, v->m);
	if (failed(v))
		return NULL;
	t = &v->m->types.all[*ret_id];
	if (t->form == form)
		return t;
	invalid(v,
		form == DJ_WASM_FORM_STRUCT         ? "unknown struct type"
			: form == DJ_WASM_FORM_FUNC ? "unknown type"
						    : "unknown array type");
	return NULL;
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
	const struct dj_wasm_type *type = type_at(v, DJ_WASM_FORM_FUNC, &id);
	const struct dj_wasm_table *t;

	if (dj_wasm_rd_knows(v->r, DJ_WASM_F_REF_TYPES)) {
		t = table_at(v, dj_wasm_rd_u32(v->r));
	} else {
		zero_byte(v);
		t = table_at(v, 0);
	}
	if (t != NULL)
		expect(v, t->elem, DJ_WASM_FUNCREF);
	pop_of(v, index_type(t != NULL && t->limits.is64));
	return type == NULL ? NULL : &type->func;
}

static const struct dj_wasm_functype *callee_by_ref(struct dj_wasm_validator *v)
{
	uint32_t id;
	const struct dj_wasm_type *type = type_at(v, DJ_WASM_FORM_FUNC, &id);

	if (type == NULL)
		return NULL;
	pop_of(v, dj_wasm_typed_ref(id));
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

static void on_select(struct dj_wasm_validator *v)
{
	uint32_t a, b;

	pop_of(v, DJ_WASM_I32);
	a = pop(v);
	b = pop(v);
	if (dj_wasm_is_ref(a) || dj_wasm_is_ref(b) ||
		(a != b && a != ANY && b != ANY))
		invalid(v, "type mismatch");
	push(v, a == ANY ? b : a);
}

static void on_select_typed(struct dj_wasm_validator *v)
{
	uint32_t t;

	if (dj_wasm_rd_u32(v->r) != 1)
		invalid(v, "invalid result arity");
	t = dj_wasm_rd_valtype(v->r, v->m);
	pop_of(v, DJ_WASM_I32);
	pop_of(v, t);
	pop_of(v, t);
	push(v, t);
}

/* A local has a value from now on, to the end of the block. */
static void init_local(struct dj_wasm_validator *v, uint32_t i)
{
	if (v->init_count == v->init_cap) {
		uint32_t *p = grow(v, v->inits, &v->init_cap, v->init_count + 1,
			DJ_WASM_MAX_LOCALS * 2, sizeof(*p));

		if (p == NULL)
			return;
		v->inits = p;
	}
	v->inits[v->init_count++] = i;
	v->unset[i] = 0;
}

static void on_local(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t i = dj_wasm_rd_u32(v->r);

	if (i >= v->local_count) {
		invalid(v, "unknown local");
		return;
	}
	if (op != DJ_OP_LOCAL_GET)
		pop_of(v, v->locals[i]);
	if (op == DJ_OP_LOCAL_GET && v->unset[i])
		invalid(v, "uninitialized local");
	else if (v->unset[i])
		init_local(v, i);
	if (op != DJ_OP_LOCAL_SET)
		push(v, v->locals[i]);
}

static void on_global(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t i = dj_wasm_rd_u32(v->r);
	const struct dj_wasm_global *g;

	if (i >= v->m->global_count) {
		invalid(v, "unknown global");
		return;
	}
	g = &v->m->globals[i].type;
	if (op == DJ_OP_GLOBAL_GET) {
		push(v, g->type);
		return;
	}
	if (!g->is_mutable)
		invalid(v, "global is immutable");
	pop_of(v, g->type);
}

static uint32_t address_of(struct dj_wasm_validator *v, uint32_t mem)
{
	if (mem >= v->m->memory_count) {
		invalid(v, "unknown memory");
		return DJ_WASM_I32;
	}
	return index_type(v->m->memories[mem].is64);
}

/* A memory index, which was a zero byte until there could be several. */
static uint32_t memory_at(struct dj_wasm_validator *v)
{
	if (dj_wasm_rd_knows(v->r, DJ_WASM_F_MULTI_MEMORY))
		return address_of(v, dj_wasm_rd_u32(v->r));
	zero_byte(v);
	return address_of(v, 0);
}

/* Returns the type of the address. */
static uint32_t memarg(struct dj_wasm_validator *v, uint8_t width)
{
	struct dj_wasm_memarg a = dj_wasm_rd_memarg(v->r);
	uint32_t type = address_of(v, a.mem);

	if (a.align > width)
		invalid(v, "alignment must not be larger than natural");
	if (type == DJ_WASM_I32 && a.offset > UINT32_MAX)
		invalid(v, "offset out of range");
	return type;
}

/* first: what the first operand is. */
static void apply(struct dj_wasm_validator *v, const struct dj_wasm_op *o,
	uint32_t first)
{
	for (unsigned i = 2; i > 0; i--) {
		if (o->in[i] != 0)
			pop_of(v, o->in[i]);
	}
	if (first != 0)
		pop_of(v, first);
	if (o->out != 0)
		push(v, o->out);
}

static void on_plain(struct dj_wasm_validator *v, uint32_t op)
{
	const struct dj_wasm_op *o = &dj_wasm_ops[op];
	uint32_t first = o->in[0];

	if (first == 0) {
		dj_wasm_rd_malformed(v->r, "illegal opcode");
		return;
	}
	if (op >= DJ_OP_LOAD_FIRST && op <= DJ_OP_STORE_LAST)
		first = memarg(v, o->width);
	apply(v, o, first);
}

static void lane(struct dj_wasm_validator *v, uint8_t lanes)
{
	if (dj_wasm_rd_u8(v->r) >= lanes)
		invalid(v, "invalid lane index");
}

static void on_simd(struct dj_wasm_validator *v, uint32_t op)
{
	const struct dj_wasm_op *o = &dj_wasm_ops[op];
	uint32_t first = o->in[0];

	if (op == DJ_OP_V128_CONST)
		(void)dj_wasm_rd_bytes(v->r, 16);
	if (op <= DJ_OP_V128_STORE ||
		(op >= DJ_OP_LOAD_LANE_FIRST && op <= DJ_OP_LOAD_ZERO_LAST))
		first = memarg(v, o->width);
	for (unsigned i = op == DJ_OP_SHUFFLE ? 16 : o->lanes != 0; i > 0; i--)
		lane(v, o->lanes);
	apply(v, o, first);
}

static void data_at(struct dj_wasm_validator *v)
{
	uint32_t i = dj_wasm_rd_u32(v->r);

	if (failed(v))
		return;
	if (!v->m->has_data_count)
		dj_wasm_rd_malformed(v->r, "data count section required");
	else if (i >= v->m->declared_datas)
		invalid(v, "unknown data segment");
}

static const struct dj_wasm_elem *elem_at(struct dj_wasm_validator *v)
{
	uint32_t i = dj_wasm_rd_u32(v->r);

	if (i >= v->m->elem_count) {
		invalid(v, "unknown elem segment");
		return NULL;
	}
	return &v->m->elems[i];
}

/* A length that must fit both. */
static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a == DJ_WASM_I64 ? b : a;
}

static void on_memory(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t to, from;

	switch (op) {
	case DJ_OP_MEMORY_SIZE:
		push(v, memory_at(v));
		break;
	case DJ_OP_MEMORY_GROW:
		to = memory_at(v);
		pop_of(v, to);
		push(v, to);
		break;
	case DJ_OP_MEMORY_INIT:
		data_at(v);
		to = memory_at(v);
		pop_of(v, DJ_WASM_I32);
		pop_of(v, DJ_WASM_I32);
		pop_of(v, to);
		break;
	case DJ_OP_MEMORY_COPY:
		to = memory_at(v);
		from = memory_at(v);
		pop_of(v, lesser(to, from));
		pop_of(v, from);
		pop_of(v, to);
		break;
	case DJ_OP_MEMORY_FILL:
		to = memory_at(v);
		pop_of(v, to);
		pop_of(v, DJ_WASM_I32);
		pop_of(v, to);
		break;
	}
}

static void table_init(struct dj_wasm_validator *v)
{
	const struct dj_wasm_elem *e = elem_at(v);
	const struct dj_wasm_table *t = table_at(v, dj_wasm_rd_u32(v->r));

	if (e == NULL || t == NULL)
		return;
	expect(v, e->type, t->elem);
	pop_of(v, DJ_WASM_I32);
	pop_of(v, DJ_WASM_I32);
	pop_of(v, index_type(t->limits.is64));
}

static void table_copy(struct dj_wasm_validator *v)
{
	const struct dj_wasm_table *dst = table_at(v, dj_wasm_rd_u32(v->r));
	const struct dj_wasm_table *src = table_at(v, dj_wasm_rd_u32(v->r));
	uint32_t to, from;

	if (dst == NULL || src == NULL)
		return;
	expect(v, src->elem, dst->elem);
	to = index_type(dst->limits.is64);
	from = index_type(src->limits.is64);
	pop_of(v, lesser(to, from));
	pop_of(v, from);
	pop_of(v, to);
}

static void on_table(struct dj_wasm_validator *v, uint32_t op)
{
	const struct dj_wasm_table *t = table_at(v, dj_wasm_rd_u32(v->r));
	uint32_t index;

	if (t == NULL)
		return;
	index = index_type(t->limits.is64);
	switch (op) {
	case DJ_OP_TABLE_GET:
		pop_of(v, index);
		push(v, t->elem);
		break;
	case DJ_OP_TABLE_SET:
		pop_of(v, t->elem);
		pop_of(v, index);
		break;
	case DJ_OP_TABLE_GROW:
		pop_of(v, index);
		pop_of(v, t->elem);
		push(v, index);
		break;
	case DJ_OP_TABLE_SIZE:
		push(v, index);
		break;
	case DJ_OP_TABLE_FILL:
		pop_of(v, index);
		pop_of(v, t->elem);
		pop_of(v, index);
		break;
	}
}

static void on_ref(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t i;

	switch (op) {
	case DJ_OP_REF_NULL:
		push(v, dj_wasm_rd_heaptype(v->r, v->m));
		break;
	case DJ_OP_REF_IS_NULL:
		(void)pop_ref(v);
		push(v, DJ_WASM_I32);
		break;
	case DJ_OP_REF_FUNC:
		i = dj_wasm_rd_u32(v->r);
		if (i >= v->m->func_count) {
			invalid(v, "unknown function");
			break;
		}
		if (!v->m->declared_refs[i])
			invalid(v, "undeclared function reference");
		push(v,
			dj_wasm_typed_ref(v->m->funcs[i].type) |
				DJ_WASM_NON_NULL);
		break;
	case DJ_OP_REF_EQ:
		pop_of(v, DJ_WASM_EQREF);
		pop_of(v, DJ_WASM_EQREF);
		push(v, DJ_WASM_I32);
		break;
	case DJ_OP_REF_AS_NON_NULL:
		push(v, pop_ref(v) | DJ_WASM_NON_NULL);
		break;
	case DJ_OP_BR_ON_NULL:
		on_br_on_null(v);
		break;
	case DJ_OP_BR_ON_NON_NULL:
		on_br_on_non_null(v);
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
	const struct dj_wasm_type *t = type_at(v, DJ_WASM_FORM_STRUCT, &id);

	if (t == NULL)
		return;
	if (op == DJ_OP_STRUCT_NEW_DEFAULT)
		default_fields(v, t);
	for (uint32_t i = t->field_count; op == DJ_OP_STRUCT_NEW && i > 0; i--)
		pop_of(v, dj_wasm_unpacked(t->fields[i - 1].type));
	push(v, dj_wasm_typed_ref(id) | DJ_WASM_NON_NULL);
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
	const struct dj_wasm_type *t = type_at(v, DJ_WASM_FORM_STRUCT, &id);
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
		pop_of(v, dj_wasm_unpacked(f->type));
		pop_of(v, dj_wasm_typed_ref(id));
		return;
	}
	check_packing(v, f, op != DJ_OP_STRUCT_GET);
	pop_of(v, dj_wasm_typed_ref(id));
	push(v, dj_wasm_unpacked(f->type));
}

/* Arrays. */

static void pop_i32s(struct dj_wasm_validator *v, unsigned n)
{
	while (n-- > 0)
		pop_of(v, DJ_WASM_I32);
}

/* From the bytes of a data segment come numbers, from the other references. */
static void source(struct dj_wasm_validator *v, const struct dj_wasm_field *f,
	bool is_data)
{
	const struct dj_wasm_elem *e;

	if (is_data) {
		data_at(v);
		if (dj_wasm_is_ref(f->type))
			invalid(v, "array type is not numeric or vector");
		return;
	}
	e = elem_at(v);
	if (e != NULL)
		expect(v, e->type, f->type);
}

static void array_new(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t id, n;
	const struct dj_wasm_type *t = type_at(v, DJ_WASM_FORM_ARRAY, &id);

	if (t == NULL)
		return;
	switch (op) {
	case DJ_OP_ARRAY_NEW:
		pop_i32s(v, 1);
		pop_of(v, dj_wasm_unpacked(t->fields->type));
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
			pop_of(v, dj_wasm_unpacked(t->fields->type));
		break;
	case DJ_OP_ARRAY_NEW_DATA:
	case DJ_OP_ARRAY_NEW_ELEM:
		source(v, t->fields, op == DJ_OP_ARRAY_NEW_DATA);
		pop_i32s(v, 2);
		break;
	}
	push(v, dj_wasm_typed_ref(id) | DJ_WASM_NON_NULL);
}

static void array_get(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t id;
	const struct dj_wasm_type *t = type_at(v, DJ_WASM_FORM_ARRAY, &id);

	if (t == NULL)
		return;
	check_packing(v, t->fields, op != DJ_OP_ARRAY_GET);
	pop_i32s(v, 1);
	pop_of(v, dj_wasm_typed_ref(id));
	push(v, dj_wasm_unpacked(t->fields->type));
}

/* An array that is written to. */
static const struct dj_wasm_type *written_array(struct dj_wasm_validator *v,
	uint32_t *ret_id)
{
	const struct dj_wasm_type *t = type_at(v, DJ_WASM_FORM_ARRAY, ret_id);

	if (t != NULL && !t->fields->is_mutable)
		invalid(v, "array is immutable");
	return t;
}

static void array_copy(struct dj_wasm_validator *v)
{
	uint32_t to_id, from_id;
	const struct dj_wasm_type *to = written_array(v, &to_id);
	const struct dj_wasm_type *from =
		type_at(v, DJ_WASM_FORM_ARRAY, &from_id);

	if (to == NULL || from == NULL)
		return;
	if (!fits(v, from->fields->type, to->fields->type))
		invalid(v, "array types do not match");
	pop_i32s(v, 2);
	pop_of(v, dj_wasm_typed_ref(from_id));
	pop_i32s(v, 1);
	pop_of(v, dj_wasm_typed_ref(to_id));
}

static void array_write(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t id;
	const struct dj_wasm_type *t = written_array(v, &id);

	if (t == NULL)
		return;
	switch (op) {
	case DJ_OP_ARRAY_SET:
		pop_of(v, dj_wasm_unpacked(t->fields->type));
		break;
	case DJ_OP_ARRAY_FILL:
		pop_i32s(v, 1);
		pop_of(v, dj_wasm_unpacked(t->fields->type));
		break;
	case DJ_OP_ARRAY_INIT_DATA:
	case DJ_OP_ARRAY_INIT_ELEM:
		source(v, t->fields, op == DJ_OP_ARRAY_INIT_DATA);
		pop_i32s(v, 2);
		break;
	}
	pop_i32s(v, 1);
	pop_of(v, dj_wasm_typed_ref(id));
}

/* What can be cast to a type is whatever has its top above it. */
static void on_cast(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t type = dj_wasm_rd_heaptype(v->r, v->m);

	if (failed(v))
		return;
	pop_of(v, dj_wasm_top(&v->m->types, type));
	if (op == DJ_OP_REF_CAST)
		push(v, type | DJ_WASM_NON_NULL);
	else
		push(v, op == DJ_OP_REF_CAST_NULL ? type : DJ_WASM_I32);
}

/* The same value, outside or inside: null stays null. */
static void convert(struct dj_wasm_validator *v, uint32_t from, uint32_t to)
{
	uint32_t type = pop_ref(v);

	expect(v, type, from);
	push(v, to | (type & DJ_WASM_NON_NULL));
}

static void on_gc(struct dj_wasm_validator *v, uint32_t op)
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
		pop_of(v, DJ_WASM_ARRAYREF);
		push(v, DJ_WASM_I32);
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
	case DJ_OP_BR_ON_CAST ... DJ_OP_BR_ON_CAST_FAIL:
		on_br_on_cast(v, op);
		break;
	case DJ_OP_ANY_CONVERT_EXTERN:
		convert(v, DJ_WASM_EXTERNREF, DJ_WASM_ANYREF);
		break;
	case DJ_OP_EXTERN_CONVERT_ANY:
		convert(v, DJ_WASM_ANYREF, DJ_WASM_EXTERNREF);
		break;
	case DJ_OP_REF_I31:
		pop_of(v, DJ_WASM_I32);
		push(v, DJ_WASM_I31REF | DJ_WASM_NON_NULL);
		break;
	case DJ_OP_I31_GET_S ... DJ_OP_I31_GET_U:
		pop_of(v, DJ_WASM_I31REF);
		push(v, DJ_WASM_I32);
		break;
	}
}

static void on_const(struct dj_wasm_validator *v, uint32_t op)
{
	static const uint8_t types[] = { DJ_WASM_I32, DJ_WASM_I64, DJ_WASM_F32,
		DJ_WASM_F64 };

	switch (op) {
	case DJ_OP_I32_CONST:
		(void)dj_wasm_rd_s32(v->r);
		break;
	case DJ_OP_I64_CONST:
		(void)dj_wasm_rd_s64(v->r);
		break;
	case DJ_OP_F32_CONST:
		(void)dj_wasm_rd_bytes(v->r, 4);
		break;
	case DJ_OP_F64_CONST:
		(void)dj_wasm_rd_bytes(v->r, 8);
		break;
	}
	push(v, types[op - DJ_OP_I32_CONST]);
}

static void on_control(struct dj_wasm_validator *v, uint32_t op)
{
	switch (op) {
	case DJ_OP_UNREACHABLE:
		mark_unreachable(v);
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
	default:
		dj_wasm_rd_malformed(v->r, "illegal opcode");
	}
}

/* Numbers of 128 bits as two, the lower half first. */
static void on_wide(struct dj_wasm_validator *v, uint32_t op)
{
	unsigned n = op == DJ_OP_ADD128 || op == DJ_OP_SUB128 ? 4 : 2;

	while (n-- > 0)
		pop_of(v, DJ_WASM_I64);
	push(v, DJ_WASM_I64);
	push(v, DJ_WASM_I64);
}

static void on_op(struct dj_wasm_validator *v, uint32_t op)
{
	switch (op) {
	case DJ_OP_ADD128 ... DJ_OP_MUL_WIDE_U:
		on_wide(v, op);
		break;
	case DJ_OP_DROP:
		(void)pop(v);
		break;
	case DJ_OP_SELECT:
		on_select(v);
		break;
	case DJ_OP_SELECT_T:
		on_select_typed(v);
		break;
	case DJ_OP_TRY_TABLE:
		on_try_table(v);
		break;
	case DJ_OP_LOCAL_GET ... DJ_OP_LOCAL_TEE:
		on_local(v, op);
		break;
	case DJ_OP_GLOBAL_GET ... DJ_OP_GLOBAL_SET:
		on_global(v, op);
		break;
	case DJ_OP_MEMORY_SIZE ... DJ_OP_MEMORY_GROW:
	case DJ_OP_MEMORY_INIT:
	case DJ_OP_MEMORY_COPY ... DJ_OP_MEMORY_FILL:
		on_memory(v, op);
		break;
	case DJ_OP_DATA_DROP:
		data_at(v);
		break;
	case DJ_OP_ELEM_DROP:
		(void)elem_at(v);
		break;
	case DJ_OP_TABLE_INIT:
		table_init(v);
		break;
	case DJ_OP_TABLE_COPY:
		table_copy(v);
		break;
	case DJ_OP_TABLE_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_TABLE_GROW ... DJ_OP_TABLE_FILL:
		on_table(v, op);
		break;
	case DJ_OP_I32_CONST ... DJ_OP_F64_CONST:
		on_const(v, op);
		break;
	case DJ_OP_REF_NULL ... DJ_OP_BR_ON_NON_NULL:
		on_ref(v, op);
		break;
	default:
		if (op <= DJ_OP_CONTROL_LAST)
			on_control(v, op);
		else if (op >= DJ_OP_GC)
			on_gc(v, op);
		else if (op >= DJ_OP_SIMD)
			on_simd(v, op);
		else
			on_plain(v, op);
	}
}

static void add_locals(struct dj_wasm_validator *v, uint32_t type, uint32_t n,
	bool unset)
{
	uint32_t count = v->local_count + n;

	if (count > v->local_cap) {
		uint32_t *p = grow(v, v->locals, &v->local_cap, count,
			DJ_WASM_MAX_LOCALS * 2, sizeof(*p));

		if (p == NULL)
			return;
		v->locals = p;
	}
	if (count > v->unset_cap) {
		uint8_t *p = grow(v, v->unset, &v->unset_cap, count,
			DJ_WASM_MAX_LOCALS * 2, 1);

		if (p == NULL)
			return;
		v->unset = p;
	}
	for (uint32_t i = v->local_count; i < count; i++) {
		v->locals[i] = type;
		v->unset[i] = unset;
	}
	v->local_count = count;
}

static void read_locals(struct dj_wasm_validator *v)
{
	uint32_t groups = dj_wasm_rd_count(v->r, 2);
	uint64_t total = v->local_count;

	/* Too many is a malformed module; more than we take is our limit. */
	for (uint32_t i = 0; i < groups && !failed(v); i++) {
		uint32_t n = dj_wasm_rd_u32(v->r);
		uint32_t type = dj_wasm_rd_valtype(v->r, v->m);

		total += n;
		if (total > UINT32_MAX)
			dj_wasm_rd_malformed(v->r, "too many locals");
		else if (total <= DJ_WASM_MAX_LOCALS && !failed(v))
			add_locals(v, type, n, !dj_wasm_defaultable(type));
	}
	if (total > DJ_WASM_MAX_LOCALS)
		dj_wasm_rd_refuse(v->r, DJ_E_LIMIT, "too many locals");
}

static void begin(struct dj_wasm_validator *v, struct dj_wasm_rd *r)
{
	v->r = r;
	v->height = 0;
	v->depth = 0;
	v->local_count = 0;
	v->init_count = 0;
}

void dj_wasm_validate_body(struct dj_wasm_validator *v, struct dj_wasm_rd *r,
	const struct dj_wasm_functype *type)
{
	struct dj_wasm_block_type bt = {
		.result_count = type->result_count,
		.more = type->results,
	};

	begin(v, r);
	for (uint32_t i = 0; i < type->param_count; i++)
		add_locals(v, type->params[i], 1, false);
	read_locals(v);
	if (failed(v))
		return;
	enter(v, bt, BLOCK);
	while (!failed(v) && v->depth > 0)
		on_op(v, dj_wasm_rd_opcode(r));
	if (!failed(v) && r->p != r->end)
		dj_wasm_rd_malformed(r, "END opcode expected");
}

/* Until 3.0 a constant could name imported globals only. */
static void const_global(struct dj_wasm_validator *v)
{
	const struct dj_wasm_module *m = v->m;
	uint32_t i = dj_wasm_rd_u32(v->r);

	if (i >= (dj_wasm_rd_knows(v->r, DJ_WASM_F_GC) ? m->global_count
						       : m->imported_globals)) {
		invalid(v, "unknown global");
		return;
	}
	if (m->globals[i].type.is_mutable)
		invalid(v, "constant expression required");
	push(v, m->globals[i].type.type);
}

/* What it names, ref.func may name in bodies. */
static void const_func(struct dj_wasm_validator *v)
{
	struct dj_wasm_rd ahead = *v->r;
	uint32_t i = dj_wasm_rd_u32(&ahead);

	if (ahead.st == DJ_OK && i < v->m->func_count)
		v->m->declared_refs[i] = 1;
	on_ref(v, DJ_OP_REF_FUNC);
}

static bool is_const(const struct dj_wasm_validator *v, uint32_t op)
{
	switch (op) {
	case DJ_OP_I32_CONST ... DJ_OP_F64_CONST:
	case DJ_OP_V128_CONST:
	case DJ_OP_REF_NULL:
	case DJ_OP_END:
		return true;
	case DJ_OP_I32_ADD ... DJ_OP_I32_ADD + 2: /* sub, mul */
	case DJ_OP_I64_ADD ... DJ_OP_I64_ADD + 2:
		return dj_wasm_rd_knows(v->r, DJ_WASM_F_EXTENDED_CONST);
	case DJ_OP_STRUCT_NEW ... DJ_OP_STRUCT_NEW_DEFAULT:
	case DJ_OP_ARRAY_NEW ... DJ_OP_ARRAY_NEW_FIXED:
	case DJ_OP_ANY_CONVERT_EXTERN ... DJ_OP_REF_I31:
		return true;
	default:
		return false;
	}
}

void dj_wasm_validate_const(struct dj_wasm_validator *v, struct dj_wasm_rd *r,
	uint32_t want)
{
	begin(v, r);
	enter(v,
		(struct dj_wasm_block_type){ .result_count = 1,
			.result = want },
		BLOCK);
	while (!failed(v) && v->depth > 0) {
		uint32_t op = dj_wasm_rd_opcode(r);

		if (op == DJ_OP_GLOBAL_GET)
			const_global(v);
		else if (op == DJ_OP_REF_FUNC)
			const_func(v);
		else if (is_const(v, op))
			on_op(v, op);
		else
			invalid(v, "constant expression required");
	}
}
