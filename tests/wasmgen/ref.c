// SPDX-License-Identifier: Apache-2.0
#include "tests/wasmgen/gen.h"

static uint32_t table_of(struct gen *g, uint32_t type)
{
	uint32_t from = gen_draw(g, g->table_count + 1);

	for (uint32_t i = 0; i < g->table_count; i++) {
		uint32_t t = (from + i) % g->table_count;

		if (g->tables[t].elem == type)
			return t;
	}
	return UINT32_MAX;
}

static void place(struct gen *g, uint32_t table)
{
	if (gen_chance(g, 4))
		expr(g, g->tables[table].is64 ? DJ_WASM_I64 : DJ_WASM_I32);
	else
		index64(g, g->tables[table].is64, TABLE_SIZE - 1);
}

static void func_of_type(struct gen *g, uint32_t index)
{
	uint32_t from = gen_draw(g, g->func_count);

	for (uint32_t i = 0; i < g->func_count; i++) {
		uint32_t f = (from + i) % g->func_count;

		if (g->funcs[f] != index)
			continue;
		put_op_u(&g->out, DJ_OP_REF_FUNC, f);
		return;
	}
	constant(g, ref_to(index), true);
}

void expr_ref(struct gen *g, uint32_t type)
{
	uint32_t table = table_of(g, type);

	if (table != UINT32_MAX && gen_chance(g, 60)) {
		place(g, table);
		put_op_u(&g->out, DJ_OP_TABLE_GET, table);
	} else if (gen_chance(g, 85) && expr_gc(g, type)) {
		return;
	} else if (type == DJ_WASM_FUNCREF && gen_chance(g, 80)) {
		put_op_u(&g->out, DJ_OP_REF_FUNC, gen_draw(g, g->func_count));
	} else if ((type & 0x7f) == DJ_WASM_TYPEDREF &&
		g->types[type >> DJ_WASM_TYPE_SHIFT].kind == KIND_FUNC &&
		gen_chance(g, 85)) {
		func_of_type(g, type >> DJ_WASM_TYPE_SHIFT);
	} else {
		constant(g, type, true);
	}
}

static uint32_t any_ref(struct gen *g)
{
	if (gen_has(g, DJ_WASM_F_FUNC_REFS) && gen_chance(g, 40))
		return ref_to(g->funcs[gen_draw(g, g->func_count)]);
	return gen_chance(g, 70) ? DJ_WASM_FUNCREF : DJ_WASM_EXTERNREF;
}

bool expr_from_ref(struct gen *g, uint32_t type)
{
	uint32_t table = gen_draw(g, g->table_count + 1);

	if (!gen_has(g, DJ_WASM_F_REF_TYPES))
		return false;
	if (gen_chance(g, 60) && expr_from_gc(g, type))
		return true;
	if (table < g->table_count &&
		type == (g->tables[table].is64 ? DJ_WASM_I64 : DJ_WASM_I32) &&
		gen_chance(g, 40)) {
		if (gen_chance(g, 50)) {
			put_op_u(&g->out, DJ_OP_TABLE_SIZE, table);
			return true;
		}
		expr(g, g->tables[table].elem);
		index64(g, g->tables[table].is64, 3);
		put_op_u(&g->out, DJ_OP_TABLE_GROW, table);
		return true;
	}
	if (type != DJ_WASM_I32)
		return false;
	expr(g, any_ref(g));
	put_op(&g->out, DJ_OP_REF_IS_NULL);
	return true;
}

/* Out of a block by a reference that is null, or by one that is not. */
static void branch_on_null(struct gen *g)
{
	uint32_t index = g->funcs[gen_draw(g, g->func_count)];
	uint32_t type = ref_to(index);
	bool non_null = gen_chance(g, 50);

	put_op(&g->out, DJ_OP_BLOCK);
	block_type(g, 0, NULL, non_null ? 1 : 0, &type);
	push_label(g, non_null ? 1 : 0, &type);
	expr(g, type);
	put_op_u(&g->out, non_null ? DJ_OP_BR_ON_NON_NULL : DJ_OP_BR_ON_NULL,
		0);
	if (!non_null)
		put_op(&g->out, DJ_OP_DROP);
	stmts(g, 1);
	if (non_null)
		constant(g, type, true);
	g->label_count--;
	put_op(&g->out, DJ_OP_END);
	if (non_null)
		put_op(&g->out, DJ_OP_DROP);
}

static void typed(struct gen *g)
{
	if (gen_chance(g, 60)) {
		branch_on_null(g);
		return;
	}
	expr(g, ref_to(g->funcs[gen_draw(g, g->func_count)]));
	put_op(&g->out, DJ_OP_REF_AS_NON_NULL);
	put_op(&g->out, DJ_OP_DROP);
}

static void bulk(struct gen *g, uint32_t to)
{
	uint32_t from = table_of(g, g->tables[to].elem);

	place(g, to);
	if (gen_chance(g, 30)) {
		expr(g, g->tables[to].elem);
		index64(g, g->tables[to].is64, 3);
		put_op_u(&g->out, DJ_OP_TABLE_FILL, to);
	} else if (g->elem_count == 0 ||
		g->tables[to].elem != DJ_WASM_FUNCREF || gen_chance(g, 50)) {
		place(g, from);
		index64(g, g->tables[to].is64 && g->tables[from].is64, 3);
		put_op_u(&g->out, DJ_OP_TABLE_COPY, to);
		put_u(&g->out, from);
	} else {
		uint32_t elem = gen_draw(g, g->elem_count);

		index64(g, false, 3);
		index64(g, false, 3);
		put_op_u(&g->out, DJ_OP_TABLE_INIT, elem);
		put_u(&g->out, to);
		if (gen_chance(g, 30))
			put_op_u(&g->out, DJ_OP_ELEM_DROP, elem);
	}
}

void stmt_ref(struct gen *g)
{
	uint32_t table = gen_draw(g, g->table_count + 1);

	if (g->gc_count != 0 && gen_chance(g, 50)) {
		stmt_gc(g);
	} else if (gen_has(g, DJ_WASM_F_FUNC_REFS) && gen_chance(g, 40)) {
		typed(g);
	} else if (table == g->table_count) {
		expr(g, any_ref(g));
		put_op(&g->out, DJ_OP_DROP);
	} else if (gen_has(g, DJ_WASM_F_BULK_MEMORY) && gen_chance(g, 50)) {
		bulk(g, table);
	} else {
		place(g, table);
		expr(g, g->tables[table].elem);
		put_op_u(&g->out, DJ_OP_TABLE_SET, table);
	}
}
