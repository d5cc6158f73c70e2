// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "tests/wasmgen/gen.h"

static void i32_const(struct gen *g, uint32_t v)
{
	put_op(&g->out, DJ_OP_I32_CONST);
	put_s(&g->out, (int32_t)v);
}

/* ---- memory ---- */

static uint32_t store_op(struct gen *g)
{
	uint32_t n = gen_draw(g, gen_has(g, DJ_WASM_F_SIMD) ? 14 : 9);

	if (n < 9)
		return DJ_OP_STORE_FIRST + n;
	return n == 9 ? DJ_OP_V128_STORE : DJ_OP_STORE_LANE_FIRST + n - 10;
}

/* The value is on top of the address. */
static void store_as(struct gen *g, uint32_t op, uint32_t memory,
	uint64_t offset)
{
	const struct dj_wasm_op *o = &dj_wasm_ops[op];

	canonical(g, o->in[1]);
	put_op(&g->out, op);
	memarg(g, memory, o->width, offset);
	if (o->lanes != 0)
		put(&g->out, (uint8_t)gen_draw(g, o->lanes));
}

static void store(struct gen *g)
{
	uint32_t op = store_op(g), memory = gen_draw(g, g->memory_count);

	put_address(g, memory, 0);
	expr(g, dj_wasm_ops[op].in[1]);
	store_as(g, op, memory, gen_draw(g, gen_chance(g, 95) ? 100 : 70000));
}

static const uint8_t loads[] = { 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f,
	0x30, 0x34 };

static void load_at(struct gen *g, uint32_t base, uint32_t memory,
	uint32_t offset)
{
	uint32_t op = loads[gen_draw(g, sizeof(loads))];
	uint32_t type = dj_wasm_ops[op].out;

	put_op_u(&g->out, DJ_OP_LOCAL_GET, base);
	put_op(&g->out, op);
	memarg(g, memory, dj_wasm_ops[op].width, offset);
	/* Used, or only looked at: it traps all the same. */
	if (gen_chance(g, 25) || local_of(g, type, true) == UINT32_MAX)
		put_op(&g->out, DJ_OP_DROP);
	else
		put_op_u(&g->out, DJ_OP_LOCAL_SET, local_of(g, type, true));
}

/*
 * Several accesses by one base, near the end of a memory or not: for a
 * compiler that puts their checks together.
 */
static void burst(struct gen *g)
{
	uint32_t memory = gen_draw(g, g->memory_count);
	bool is64 = g->memories[memory].is64;
	uint32_t base = fresh(g, is64 ? DJ_WASM_I64 : DJ_WASM_I32);
	uint32_t n = 2 + gen_draw(g, 5), range = gen_chance(g, 50) ? 40 : 4000;

	put_address(g, memory, 0);
	if (gen_chance(g, 40)) {
		/* From the end of the first page back. */
		put_op(&g->out, is64 ? DJ_OP_I64_CONST : DJ_OP_I32_CONST);
		put_s(&g->out, PAGE - gen_draw(g, 80));
		put_op(&g->out, is64 ? 0x84 : 0x72); /* or */
	}
	put_op_u(&g->out, DJ_OP_LOCAL_SET, base);
	g->locked[base] = true;
	for (uint32_t i = 0; i < n; i++) {
		if (gen_chance(g, 40)) {
			load_at(g, base, memory, gen_draw(g, range));
		} else {
			uint32_t op = store_op(g);

			put_op_u(&g->out, DJ_OP_LOCAL_GET, base);
			expr(g, dj_wasm_ops[op].in[1]);
			store_as(g, op, memory, gen_draw(g, range));
		}
	}
	g->locked[base] = false;
}

static void element(struct gen *g, uint32_t i, uint32_t memory, uint32_t shift)
{
	uint32_t base = local_of(g, DJ_WASM_I32, false);

	put_op_u(&g->out, DJ_OP_LOCAL_GET, i);
	i32_const(g, shift);
	put_op(&g->out, 0x74); /* shl */
	if (base != UINT32_MAX && gen_chance(g, 30)) {
		put_op_u(&g->out, DJ_OP_LOCAL_GET, base);
		i32_const(g, gen_chance(g, 90) ? 0xfff : 0xffff);
		put_op(&g->out, 0x71); /* and */
		put_op(&g->out, DJ_OP_I32_ADD);
	}
	if (g->memories[memory].is64)
		put_op(&g->out, gen_chance(g, 50) ? 0xac : 0xad);
}

/* a[i] = b[i] op c[i], or a sum: what a compiler makes vectors of. */
static void array(struct gen *g, uint32_t i)
{
	static const struct {
		uint8_t load, store, type, ops[4];
	} kinds[] = {
		{ 0x28, 0x36, DJ_WASM_I32, { 0x6a, 0x6b, 0x6c, 0x73 } },
		{ 0x29, 0x37, DJ_WASM_I64, { 0x7c, 0x7d, 0x7e, 0x85 } },
		{ 0x2a, 0x38, DJ_WASM_F32, { 0x92, 0x93, 0x94, 0x97 } },
		{ 0x2b, 0x39, DJ_WASM_F64, { 0xa0, 0xa1, 0xa2, 0xa5 } },
		{ 0x2d, 0x3a, DJ_WASM_I32, { 0x6a, 0x6b, 0x71, 0x76 } },
		{ 0x2e, 0x3b, DJ_WASM_I32, { 0x6a, 0x6c, 0x72, 0x75 } },
	};
	uint32_t k = gen_draw(g, 6), memory = gen_draw(g, g->memory_count);
	uint32_t width = dj_wasm_ops[kinds[k].load].width;
	uint32_t offset =
		gen_chance(g, 90) ? gen_draw(g, 4096) : PAGE - gen_draw(g, 300);
	uint32_t sum = local_of(g, kinds[k].type, true);
	bool stores = sum == UINT32_MAX || gen_chance(g, 60);

	if (stores)
		element(g, i, memory, width);
	else
		put_op_u(&g->out, DJ_OP_LOCAL_GET, sum);
	element(g, i, memory, gen_chance(g, 80) ? width : gen_draw(g, 4));
	put_op(&g->out, kinds[k].load);
	memarg(g, memory, width, gen_draw(g, 4096));
	if (stores)
		expr(g, kinds[k].type);
	put_op(&g->out, kinds[k].ops[gen_draw(g, 4)]);
	if (stores)
		store_as(g, kinds[k].store, memory, offset);
	else
		put_op_u(&g->out, DJ_OP_LOCAL_SET, sum);
}

/* for (i = a; i < n; i += step): it does not take of the count. */
static void counted_loop(struct gen *g)
{
	static const uint8_t until[] = { 0x48, 0x49,
		0x47 }; /* lt_s, lt_u, ne */
	uint32_t i = fresh(g, DJ_WASM_I32), cond = gen_draw(g, 3);
	uint32_t step = cond == 2 ? 1 : 1 + gen_draw(g, 3);
	uint32_t n = 1 + gen_draw(g, g->counted == 0 ? 60 : 6);

	i32_const(g, gen_draw(g, cond == 2 ? n : 4));
	put_op_u(&g->out, DJ_OP_LOCAL_SET, i);
	g->locked[i] = true;
	put_op(&g->out, DJ_OP_LOOP);
	put(&g->out, 0x40);
	push_label(g, 0, NULL);
	g->labels[g->label_count - 1].is_closed = true;
	g->counted++;
	for (uint32_t k = gen_draw(g, 3) + 1; k > 0; k--)
		if (gen_chance(g, 75))
			array(g, i);
		else
			stmt(g);
	g->counted--;
	g->label_count--;
	put_op_u(&g->out, DJ_OP_LOCAL_GET, i);
	i32_const(g, step);
	put_op(&g->out, DJ_OP_I32_ADD);
	put_op_u(&g->out, DJ_OP_LOCAL_TEE, i);
	i32_const(g, n);
	put_op(&g->out, until[cond]);
	put_op_u(&g->out, DJ_OP_BR_IF, 0);
	put_op(&g->out, DJ_OP_END);
	g->locked[i] = false;
}

static void length(struct gen *g, bool is64)
{
	if (gen_chance(g, 4))
		expr(g, is64 ? DJ_WASM_I64 : DJ_WASM_I32);
	else
		index64(g, is64, gen_chance(g, 80) ? 0x3f : 0x3ff);
}

static void bulk(struct gen *g)
{
	uint32_t to = gen_draw(g, g->memory_count);
	uint32_t from = gen_draw(g, g->memory_count);
	uint32_t data = gen_draw(g, g->data_count + 1);

	put_address(g, to, 0);
	if (gen_chance(g, 40)) {
		expr(g, DJ_WASM_I32);
		length(g, g->memories[to].is64);
		put_op_u(&g->out, DJ_OP_MEMORY_FILL, to);
	} else if (data == g->data_count || gen_chance(g, 50)) {
		put_address(g, from, 0);
		length(g, g->memories[to].is64 && g->memories[from].is64);
		put_op_u(&g->out, DJ_OP_MEMORY_COPY, to);
		put_u(&g->out, from);
	} else {
		index64(g, false, 0x7);
		index64(g, false, 0xf);
		put_op_u(&g->out, DJ_OP_MEMORY_INIT, data);
		put_u(&g->out, to);
		if (gen_chance(g, 10))
			put_op_u(&g->out, DJ_OP_DATA_DROP, data);
	}
}

/* ---- control ---- */

static uint32_t any_label(struct gen *g)
{
	uint32_t at;

	do
		at = gen_draw(g, g->label_count);
	while (g->labels[at].is_closed); /* the function's is not */
	return at;
}

static uint32_t depth_of(const struct gen *g, uint32_t label)
{
	return g->label_count - 1 - label;
}

static void branch_if(struct gen *g)
{
	uint32_t at = any_label(g);
	const struct label *l = &g->labels[at];

	exprs(g, l->count, l->types);
	expr(g, DJ_WASM_I32);
	put_op_u(&g->out, DJ_OP_BR_IF, depth_of(g, at));
	keep_one(g, l->count, l->types, 0);
}

static bool same_types(const struct label *a, const struct label *b)
{
	return a->count == b->count &&
		(a->count == 0 ||
			memcmp(a->types, b->types,
				a->count * sizeof(*a->types)) == 0);
}

/* In a block of its own: it may go past it, and never on. */
static void branch_table(struct gen *g)
{
	uint32_t at, n = gen_draw(g, 6), targets[LABELS_MAX], count = 0;

	put_op(&g->out, DJ_OP_BLOCK);
	put(&g->out, 0x40);
	push_label(g, 0, NULL);
	at = gen_chance(g, 70) ? g->label_count - 1 : any_label(g);
	for (uint32_t i = 0; i < g->label_count; i++)
		if (!g->labels[i].is_closed &&
			same_types(&g->labels[i], &g->labels[at]))
			targets[count++] = i;
	exprs(g, g->labels[at].count, g->labels[at].types);
	if (gen_chance(g, 85))
		index64(g, false, 7);
	else
		expr(g, DJ_WASM_I32);
	put_op_u(&g->out, DJ_OP_BR_TABLE, n);
	for (uint32_t i = 0; i <= n; i++)
		put_u(&g->out, depth_of(g, targets[gen_draw(g, count)]));
	g->label_count--;
	put_op(&g->out, DJ_OP_END);
}

/* Leaves for good; what follows is dead code. */
static void leave(struct gen *g)
{
	const struct type *own = &g->types[g->funcs[g->func]];
	uint32_t at, f = gen_draw(g, g->func_count);
	const struct type *t = &g->types[g->funcs[f]];

	switch (gen_draw(g, 6)) {
	case 0:
		put_op(&g->out, DJ_OP_UNREACHABLE);
		return;
	case 1:
		exprs(g, own->result_count, own->results);
		put_op(&g->out, DJ_OP_RETURN);
		return;
	case 2:
	case 3:
		if (!gen_has(g, DJ_WASM_F_TAIL_CALL) ||
			t->result_count != own->result_count ||
			memcmp(t->results, own->results,
				t->result_count * sizeof(*t->results)) != 0)
			break;
		exprs(g, t->param_count, t->params);
		if (g->table_count != 0 && gen_chance(g, 40) &&
			g->tables[0].elem == DJ_WASM_FUNCREF) {
			index64(g, g->tables[0].is64, TABLE_SIZE - 1);
			put_op_u(&g->out, DJ_OP_RETURN_CALL_INDIRECT,
				g->funcs[f]);
			put_u(&g->out, 0);
		} else if (gen_has(g, DJ_WASM_F_FUNC_REFS) &&
			gen_chance(g, 30)) {
			expr(g, ref_to(g->funcs[f]));
			put_op_u(&g->out, DJ_OP_RETURN_CALL_REF, g->funcs[f]);
		} else {
			put_op_u(&g->out, DJ_OP_RETURN_CALL, f);
		}
		return;
	default:
		break;
	}
	at = any_label(g);
	exprs(g, g->labels[at].count, g->labels[at].types);
	put_op_u(&g->out, DJ_OP_BR, depth_of(g, at));
}

static void open_block(struct gen *g, uint32_t op)
{
	put_op(&g->out, op);
	put(&g->out, 0x40);
	push_label(g, 0, NULL);
}

static void close_block(struct gen *g)
{
	g->label_count--;
	put_op(&g->out, DJ_OP_END);
}

/* Under a condition, so that what follows is not always dead. */
static void maybe_leave(struct gen *g)
{
	expr(g, DJ_WASM_I32);
	open_block(g, DJ_OP_IF);
	stmts(g, 1);
	leave(g);
	if (gen_chance(g, 30))
		stmts(g, 1);
	close_block(g);
}

static void if_else(struct gen *g)
{
	expr(g, DJ_WASM_I32);
	open_block(g, DJ_OP_IF);
	stmts(g, 2);
	if (gen_chance(g, 50)) {
		put_op(&g->out, DJ_OP_ELSE);
		stmts(g, 2);
	}
	close_block(g);
}

static void loop(struct gen *g)
{
	open_block(g, DJ_OP_BLOCK);
	open_block(g, DJ_OP_LOOP);
	count_down(g, 0, NULL, true);
	stmts(g, 3);
	if (gen_chance(g, 80)) {
		expr(g, DJ_WASM_I32);
		put_op_u(&g->out, DJ_OP_BR_IF, 0);
	}
	close_block(g);
	close_block(g);
}

/* ---- exceptions ---- */

static void throw_it(struct gen *g)
{
	uint32_t tag = gen_draw(g, g->tag_count);
	const struct type *t = &g->types[g->tags[tag]];

	exprs(g, t->param_count, t->params);
	put_op_u(&g->out, DJ_OP_THROW, tag);
}

static void maybe_throw(struct gen *g)
{
	expr(g, DJ_WASM_I32);
	open_block(g, DJ_OP_IF);
	throw_it(g);
	close_block(g);
}

static void body_that_throws(struct gen *g)
{
	stmts(g, 2);
	if (gen_chance(g, 50))
		maybe_throw(g);
	if (gen_chance(g, 50))
		(void)call(g, 0);
	else
		stmts(g, 1);
	if (gen_chance(g, 25))
		throw_it(g);
}

static void rethrow(struct gen *g)
{
	for (uint32_t i = g->label_count; i-- > 0;)
		if (g->labels[i].is_catch && gen_chance(g, 70)) {
			expr(g, DJ_WASM_I32);
			open_block(g, DJ_OP_IF);
			put_op_u(&g->out, DJ_OP_RETHROW, depth_of(g, i));
			close_block(g);
			return;
		}
}

static void legacy_try(struct gen *g)
{
	uint32_t n = gen_draw(g, 3), tag;

	open_block(g, DJ_OP_TRY);
	body_that_throws(g);
	if (gen_chance(g, 15)) {
		/* Its own label does not count here. */
		g->label_count--;
		put_op_u(&g->out, DJ_OP_DELEGATE, gen_draw(g, g->label_count));
		return;
	}
	g->labels[g->label_count - 1].is_catch = true;
	for (uint32_t i = 0; i < n; i++) {
		tag = gen_draw(g, g->tag_count);
		put_op_u(&g->out, DJ_OP_CATCH, tag);
		keep_one(g, g->types[g->tags[tag]].param_count,
			g->types[g->tags[tag]].params, 0);
		if (gen_chance(g, 30))
			rethrow(g);
		stmts(g, 1);
	}
	if (n == 0 || gen_chance(g, 50)) {
		put_op(&g->out, DJ_OP_CATCH_ALL);
		stmts(g, 1);
	}
	close_block(g);
}

/*
 * A block per clause around the try_table; each is left by its values, which
 * go into locals.
 */
static void try_table(struct gen *g)
{
	uint32_t n = 1 + gen_draw(g, 2), tags[2], types[2][VALUES_MAX + 1];
	uint32_t count[2];
	bool ref[2];

	for (uint32_t i = 0; i < n; i++) {
		const struct type *t;

		tags[i] = gen_draw(g, g->tag_count + 1);
		ref[i] = gen_chance(g, 40);
		count[i] = 0;
		if (tags[i] < g->tag_count) {
			t = &g->types[g->tags[tags[i]]];
			count[i] = t->param_count;
			memcpy(types[i], t->params, sizeof(t->params));
		}
		if (ref[i])
			types[i][count[i]++] = DJ_WASM_EXNREF;
		put_op(&g->out, DJ_OP_BLOCK);
		block_type(g, 0, NULL, count[i], types[i]);
		push_label(g, count[i], types[i]);
	}
	put_op(&g->out, DJ_OP_TRY_TABLE);
	put(&g->out, 0x40);
	put_u(&g->out, n);
	for (uint32_t i = 0; i < n; i++) {
		put(&g->out,
			(uint8_t)((tags[i] == g->tag_count ? 2 : 0) | ref[i]));
		if (tags[i] < g->tag_count)
			put_u(&g->out, tags[i]);
		put_u(&g->out, n - 1 - i);
	}
	push_label(g, 0, NULL);
	body_that_throws(g);
	close_block(g);
	while (n-- > 0) {
		for (uint32_t i = 0; i < count[n]; i++)
			constant(g, types[n][i], true);
		close_block(g);
		if (ref[n] && gen_chance(g, 30)) {
			uint32_t l = fresh(g, DJ_WASM_EXNREF);

			put_op_u(&g->out, DJ_OP_LOCAL_TEE, l);
			put_op(&g->out, DJ_OP_REF_IS_NULL);
			open_block(g, DJ_OP_IF);
			put_op(&g->out, DJ_OP_ELSE);
			put_op_u(&g->out, DJ_OP_LOCAL_GET, l);
			put_op(&g->out, DJ_OP_THROW_REF);
			close_block(g);
			count[n]--;
		}
		keep_one(g, count[n], types[n], 0);
	}
}

static void exceptions(struct gen *g)
{
	bool legacy = gen_has(g, DJ_WASM_F_LEGACY_EXCEPTIONS);

	switch (gen_draw(g, 4)) {
	case 0:
		maybe_throw(g);
		break;
	case 1:
		if (legacy)
			rethrow(g);
		break;
	default:
		if (legacy)
			legacy_try(g);
		else
			try_table(g);
	}
}

/* ---- all ---- */

static void set(struct gen *g)
{
	uint32_t type = gen_any_type(g), l = local_of(g, type, true);
	uint32_t at = 1 + gen_draw(g, g->global_count);

	if (at < g->global_count && g->globals[at].is_mutable &&
		gen_chance(g, 40)) {
		expr(g, g->globals[at].type);
		put_op_u(&g->out, DJ_OP_GLOBAL_SET, at);
		return;
	}
	if (l == UINT32_MAX)
		l = fresh(g, type);
	expr(g, type);
	put_op_u(&g->out, DJ_OP_LOCAL_SET, l);
}

static void wide(struct gen *g)
{
	static const uint32_t types[] = { DJ_WASM_I64, DJ_WASM_I64, DJ_WASM_I64,
		DJ_WASM_I64 };
	uint32_t op = DJ_OP_ADD128 + gen_draw(g, 4);

	exprs(g, op < DJ_OP_MUL_WIDE_S ? 4 : 2, types);
	put_op(&g->out, op);
	keep_one(g, 2, types, 0);
}

static void one(struct gen *g)
{
	uint32_t n = gen_draw(g, 100);

	if (n < 30) {
		set(g);
	} else if (n < 46) {
		store(g);
	} else if (n < 51) {
		burst(g);
	} else if (n < 56 && g->counted < 2) {
		counted_loop(g);
	} else if (n < 59) {
		branch_if(g);
	} else if (n < 62) {
		branch_table(g);
	} else if (n < 65) {
		maybe_leave(g);
	} else if (n < 69) {
		if_else(g);
	} else if (n < 72) {
		loop(g);
	} else if (n < 76) {
		(void)call(g, 0);
	} else if (n < 81 && gen_has(g, DJ_WASM_F_BULK_MEMORY)) {
		bulk(g);
	} else if (n < 87 && g->tag_count != 0) {
		exceptions(g);
	} else if (n < 88 && gen_has(g, DJ_WASM_F_WIDE_ARITHMETIC)) {
		wide(g);
	} else if (n < 94 && gen_has(g, DJ_WASM_F_REF_TYPES)) {
		stmt_ref(g);
	} else if (n < 95) {
		put_op(&g->out, DJ_OP_NOP);
	} else {
		expr(g, gen_any_type(g));
		put_op(&g->out, DJ_OP_DROP);
	}
}

void stmt(struct gen *g)
{
	size_t node = g->nodes++, mark = g->out.len;

	if (g->budget <= 0)
		return;
	g->budget--;
	g->depth++;
	one(g);
	g->depth--;
	if (node < g->opt.drop_count && g->opt.drop[node])
		g->out.len = mark;
}

void stmts(struct gen *g, uint32_t count)
{
	for (uint32_t n = gen_draw(g, count + 1); n > 0; n--)
		stmt(g);
}
