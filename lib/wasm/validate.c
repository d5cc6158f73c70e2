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

struct block {
	struct dj_wasm_block_type bt;
	uint32_t height;
	bool is_loop, is_if, unreachable;
};

struct dj_wasm_validator {
	const struct dj_wasm_module *m;
	struct dj_arena *arena;
	struct dj_wasm_rd *r;
	uint8_t *operands;
	struct block *blocks;
	uint8_t *locals;
	uint32_t height, height_cap;
	uint32_t depth, depth_cap;
	uint32_t local_count, local_cap;
};

struct dj_wasm_validator *dj_wasm_validator_new(const struct dj_wasm_module *m,
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

static void push(struct dj_wasm_validator *v, uint8_t type)
{
	if (v->height == v->height_cap) {
		uint8_t *p = grow(v, v->operands, &v->height_cap, v->height + 1,
			DJ_WASM_MAX_HEIGHT, 1);

		if (p == NULL)
			return;
		v->operands = p;
	}
	v->operands[v->height++] = type;
}

static void push_all(struct dj_wasm_validator *v, const uint8_t *types,
	uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		push(v, types[i]);
}

static uint8_t pop(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[v->depth - 1];

	if (v->height > b->height)
		return v->operands[--v->height];
	if (!b->unreachable)
		invalid(v, "type mismatch");
	return ANY;
}

static void pop_of(struct dj_wasm_validator *v, uint8_t type)
{
	uint8_t got = pop(v);

	if (got != type && got != ANY)
		invalid(v, "type mismatch");
}

static void pop_all(struct dj_wasm_validator *v, const uint8_t *types,
	uint32_t n)
{
	for (uint32_t i = n; i > 0; i--)
		pop_of(v, types[i - 1]);
}

/* The top operands have these types; the stack stays. */
static void check_top(struct dj_wasm_validator *v, const uint8_t *types,
	uint32_t n)
{
	const struct block *b = &v->blocks[v->depth - 1];
	uint32_t have = v->height - b->height;

	if (have < n && !b->unreachable) {
		invalid(v, "type mismatch");
		return;
	}
	for (uint32_t i = 1; i <= n && i <= have; i++) {
		uint8_t got = v->operands[v->height - i];

		if (got != types[n - i] && got != ANY) {
			invalid(v, "type mismatch");
			return;
		}
	}
}

static void enter(struct dj_wasm_validator *v, struct dj_wasm_block_type bt,
	uint32_t opcode)
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
		.is_loop = opcode == DJ_OP_LOOP,
		.is_if = opcode == DJ_OP_IF,
	};
	push_all(v, bt.params, bt.param_count);
}

static void mark_unreachable(struct dj_wasm_validator *v)
{
	struct block *b = &v->blocks[v->depth - 1];

	v->height = b->height;
	b->unreachable = true;
}

static void finish_arm(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[v->depth - 1];

	pop_all(v, b->bt.results, b->bt.result_count);
	if (v->height != b->height)
		invalid(v, "type mismatch");
}

static void on_block(struct dj_wasm_validator *v, uint32_t op)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(v->r, v->m);

	if (op == DJ_OP_IF)
		pop_of(v, DJ_WASM_I32);
	pop_all(v, bt.params, bt.param_count);
	if (!failed(v))
		enter(v, bt, op);
}

static void on_else(struct dj_wasm_validator *v)
{
	struct block *b = &v->blocks[v->depth - 1];

	if (!b->is_if) {
		dj_wasm_rd_malformed(v->r, "else opcode without if");
		return;
	}
	finish_arm(v);
	b->is_if = false;
	b->unreachable = false;
	push_all(v, b->bt.params, b->bt.param_count);
}

static void on_end(struct dj_wasm_validator *v)
{
	struct block b = v->blocks[v->depth - 1];

	finish_arm(v);
	if (b.is_if &&
		(b.bt.param_count != b.bt.result_count ||
			(b.bt.param_count != 0 &&
				memcmp(b.bt.params, b.bt.results,
					b.bt.param_count) != 0))) {
		invalid(v, "type mismatch");
		return;
	}
	v->depth--;
	if (v->depth != 0 && !failed(v))
		push_all(v, b.bt.results, b.bt.result_count);
}

/* What a branch to label takes; false after a failure. */
static bool label_types(struct dj_wasm_validator *v, uint32_t label,
	const uint8_t **ret_types, uint32_t *ret_count)
{
	const struct block *b;

	if (failed(v))
		return false;
	if (label >= v->depth) {
		invalid(v, "unknown label");
		return false;
	}
	b = &v->blocks[v->depth - 1 - label];
	*ret_types = b->is_loop ? b->bt.params : b->bt.results;
	*ret_count = b->is_loop ? b->bt.param_count : b->bt.result_count;
	return true;
}

static const struct dj_wasm_functype *tag_at(struct dj_wasm_validator *v,
	uint32_t i)
{
	if (i >= v->m->tag_count) {
		invalid(v, "unknown tag");
		return NULL;
	}
	return &v->m->types[v->m->tags[i]];
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
	const uint8_t *types;
	uint32_t n, params;

	if (c.has_tag)
		t = tag_at(v, c.tag);
	params = t == NULL ? 0 : t->param_count;
	if (!label_types(v, c.label, &types, &n))
		return;
	if (n != params + c.has_ref ||
		(params != 0 && memcmp(types, t->params, params) != 0) ||
		(c.has_ref && types[n - 1] != DJ_WASM_EXNREF))
		invalid(v, "type mismatch");
}

static void on_try_table(struct dj_wasm_validator *v)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(v->r, v->m);
	uint32_t n = dj_wasm_rd_count(v->r, 2);

	pop_all(v, bt.params, bt.param_count);
	for (uint32_t i = 0; i < n && !failed(v); i++)
		clause(v);
	if (!failed(v))
		enter(v, bt, DJ_OP_TRY_TABLE);
}

static void on_br(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t label = dj_wasm_rd_u32(v->r), n;
	const uint8_t *types;

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
	const uint8_t *types, *before = NULL;
	/* Until there were subtypes, all labels had one type. */
	bool one = !dj_wasm_rd_knows(v->r, DJ_WASM_F_REF_TYPES);

	pop_of(v, DJ_WASM_I32);
	for (uint32_t i = 0; i <= count; i++) {
		if (!label_types(v, dj_wasm_rd_u32(v->r), &types, &n))
			return;
		if (i != 0 &&
			(n != arity ||
				(one && n != 0 &&
					memcmp(types, before, n) != 0))) {
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

static void on_return(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[0];

	pop_all(v, b->bt.results, b->bt.result_count);
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

static uint8_t index_type(bool is64)
{
	return is64 ? DJ_WASM_I64 : DJ_WASM_I32;
}

/* What results of the callee of a tail call must be. */
static void return_type(struct dj_wasm_validator *v,
	const struct dj_wasm_functype *t)
{
	const struct dj_wasm_block_type *bt = &v->blocks[0].bt;

	if (t->result_count != bt->result_count ||
		(t->result_count != 0 &&
			memcmp(t->results, bt->results, t->result_count) != 0))
		invalid(v, "type mismatch");
	pop_all(v, t->params, t->param_count);
	mark_unreachable(v);
}

static void on_call(struct dj_wasm_validator *v, uint32_t op)
{
	const struct dj_wasm_module *m = v->m;
	uint32_t i = dj_wasm_rd_u32(v->r);
	const struct dj_wasm_functype *type = NULL;
	const struct dj_wasm_table *t;

	if (op == DJ_OP_CALL || op == DJ_OP_RETURN_CALL) {
		if (i < m->func_count)
			type = &m->types[m->funcs[i].type];
		else
			invalid(v, "unknown function");
	} else {
		if (dj_wasm_rd_knows(v->r, DJ_WASM_F_REF_TYPES)) {
			t = table_at(v, dj_wasm_rd_u32(v->r));
		} else {
			zero_byte(v);
			t = table_at(v, 0);
		}
		if (t != NULL && t->elem != DJ_WASM_FUNCREF)
			invalid(v, "type mismatch");
		if (i < m->type_count)
			type = &m->types[i];
		else
			invalid(v, "unknown type");
		pop_of(v, index_type(t != NULL && t->limits.is64));
	}
	if (failed(v) || type == NULL)
		return;
	if (op == DJ_OP_CALL || op == DJ_OP_CALL_INDIRECT)
		call_type(v, type);
	else
		return_type(v, type);
}

static bool is_ref(uint8_t type)
{
	return type == DJ_WASM_FUNCREF || type == DJ_WASM_EXTERNREF ||
		type == DJ_WASM_EXNREF;
}

static void on_select(struct dj_wasm_validator *v)
{
	uint8_t a, b;

	pop_of(v, DJ_WASM_I32);
	a = pop(v);
	b = pop(v);
	if (is_ref(a) || is_ref(b) || (a != b && a != ANY && b != ANY))
		invalid(v, "type mismatch");
	push(v, a == ANY ? b : a);
}

static void on_select_typed(struct dj_wasm_validator *v)
{
	uint8_t t;

	if (dj_wasm_rd_u32(v->r) != 1)
		invalid(v, "invalid result arity");
	t = (uint8_t)dj_wasm_rd_valtype(v->r);
	pop_of(v, DJ_WASM_I32);
	pop_of(v, t);
	pop_of(v, t);
	push(v, t);
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
		push(v, (uint8_t)g->type);
		return;
	}
	if (!g->is_mutable)
		invalid(v, "global is immutable");
	pop_of(v, (uint8_t)g->type);
}

static uint8_t address_of(struct dj_wasm_validator *v, uint32_t mem)
{
	if (mem >= v->m->memory_count) {
		invalid(v, "unknown memory");
		return DJ_WASM_I32;
	}
	return index_type(v->m->memories[mem].is64);
}

/* A memory index, which was a zero byte until there could be several. */
static uint8_t memory_at(struct dj_wasm_validator *v)
{
	if (dj_wasm_rd_knows(v->r, DJ_WASM_F_MULTI_MEMORY))
		return address_of(v, dj_wasm_rd_u32(v->r));
	zero_byte(v);
	return address_of(v, 0);
}

/* Returns the type of the address. */
static uint8_t memarg(struct dj_wasm_validator *v, uint8_t width)
{
	struct dj_wasm_memarg a = dj_wasm_rd_memarg(v->r);
	uint8_t type = address_of(v, a.mem);

	if (a.align > width)
		invalid(v, "alignment must not be larger than natural");
	if (type == DJ_WASM_I32 && a.offset > UINT32_MAX)
		invalid(v, "offset out of range");
	return type;
}

/* first: what the first operand is. */
static void apply(struct dj_wasm_validator *v, const struct dj_wasm_op *o,
	uint8_t first)
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
	uint8_t first = o->in[0];

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
	uint8_t first = o->in[0];

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
static uint8_t lesser(uint8_t a, uint8_t b)
{
	return a == DJ_WASM_I64 ? b : a;
}

static void on_memory(struct dj_wasm_validator *v, uint32_t op)
{
	uint8_t to, from;

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
	if (e->type != t->elem)
		invalid(v, "type mismatch");
	pop_of(v, DJ_WASM_I32);
	pop_of(v, DJ_WASM_I32);
	pop_of(v, index_type(t->limits.is64));
}

static void table_copy(struct dj_wasm_validator *v)
{
	const struct dj_wasm_table *dst = table_at(v, dj_wasm_rd_u32(v->r));
	const struct dj_wasm_table *src = table_at(v, dj_wasm_rd_u32(v->r));
	uint8_t to, from;

	if (dst == NULL || src == NULL)
		return;
	if (dst->elem != src->elem)
		invalid(v, "type mismatch");
	to = index_type(dst->limits.is64);
	from = index_type(src->limits.is64);
	pop_of(v, lesser(to, from));
	pop_of(v, from);
	pop_of(v, to);
}

static void on_table(struct dj_wasm_validator *v, uint32_t op)
{
	const struct dj_wasm_table *t = table_at(v, dj_wasm_rd_u32(v->r));
	uint8_t index;

	if (t == NULL)
		return;
	index = index_type(t->limits.is64);
	switch (op) {
	case DJ_OP_TABLE_GET:
		pop_of(v, index);
		push(v, (uint8_t)t->elem);
		break;
	case DJ_OP_TABLE_SET:
		pop_of(v, (uint8_t)t->elem);
		pop_of(v, index);
		break;
	case DJ_OP_TABLE_GROW:
		pop_of(v, index);
		pop_of(v, (uint8_t)t->elem);
		push(v, index);
		break;
	case DJ_OP_TABLE_SIZE:
		push(v, index);
		break;
	case DJ_OP_TABLE_FILL:
		pop_of(v, index);
		pop_of(v, (uint8_t)t->elem);
		pop_of(v, index);
		break;
	}
}

static void on_ref(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t i;
	uint8_t t;

	switch (op) {
	case DJ_OP_REF_NULL:
		push(v, (uint8_t)dj_wasm_rd_reftype(v->r));
		break;
	case DJ_OP_REF_IS_NULL:
		t = pop(v);
		if (t != ANY && !is_ref(t))
			invalid(v, "type mismatch");
		push(v, DJ_WASM_I32);
		break;
	case DJ_OP_REF_FUNC:
		i = dj_wasm_rd_u32(v->r);
		if (i >= v->m->func_count)
			invalid(v, "unknown function");
		else if (!v->m->declared_refs[i])
			invalid(v, "undeclared function reference");
		push(v, DJ_WASM_FUNCREF);
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
	case DJ_OP_CALL ... DJ_OP_RETURN_CALL_INDIRECT:
		on_call(v, op);
		break;
	default:
		dj_wasm_rd_malformed(v->r, "illegal opcode");
	}
}

static void on_op(struct dj_wasm_validator *v, uint32_t op)
{
	switch (op) {
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
	case DJ_OP_REF_NULL ... DJ_OP_REF_FUNC:
		on_ref(v, op);
		break;
	default:
		if (op <= DJ_OP_CONTROL_LAST)
			on_control(v, op);
		else if (op >= DJ_OP_SIMD)
			on_simd(v, op);
		else
			on_plain(v, op);
	}
}

static void add_locals(struct dj_wasm_validator *v, const uint8_t *type,
	uint32_t n, bool same)
{
	uint32_t count = v->local_count + n;

	if (count > v->local_cap) {
		uint8_t *p = grow(v, v->locals, &v->local_cap, count,
			DJ_WASM_MAX_LOCALS * 2, 1);

		if (p == NULL)
			return;
		v->locals = p;
	}
	if (n == 0)
		return;
	if (same)
		memset(v->locals + v->local_count, *type, n);
	else
		memcpy(v->locals + v->local_count, type, n);
	v->local_count = count;
}

static void read_locals(struct dj_wasm_validator *v)
{
	uint32_t groups = dj_wasm_rd_count(v->r, 2);
	uint64_t total = v->local_count;

	/* Too many is a malformed module; more than we take is our limit. */
	for (uint32_t i = 0; i < groups && !failed(v); i++) {
		uint32_t n = dj_wasm_rd_u32(v->r);
		uint8_t type = (uint8_t)dj_wasm_rd_valtype(v->r);

		total += n;
		if (total > UINT32_MAX)
			dj_wasm_rd_malformed(v->r, "too many locals");
		else if (total <= DJ_WASM_MAX_LOCALS && !failed(v))
			add_locals(v, &type, n, true);
	}
	if (total > DJ_WASM_MAX_LOCALS)
		dj_wasm_rd_refuse(v->r, DJ_E_LIMIT, "too many locals");
}

void dj_wasm_validate_body(struct dj_wasm_validator *v, struct dj_wasm_rd *r,
	const struct dj_wasm_functype *type)
{
	struct dj_wasm_block_type bt = {
		.result_count = type->result_count,
		.results = type->results,
	};

	v->r = r;
	v->height = 0;
	v->depth = 0;
	v->local_count = 0;
	add_locals(v, type->params, type->param_count, false);
	read_locals(v);
	if (failed(v))
		return;
	enter(v, bt, DJ_OP_BLOCK);
	while (!failed(v) && v->depth > 0)
		on_op(v, dj_wasm_rd_opcode(r));
	if (!failed(v) && r->p != r->end)
		dj_wasm_rd_malformed(r, "END opcode expected");
}
