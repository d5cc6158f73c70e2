// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wasmgen/gen.h"

/* Entries and rounds that an exported function may use up. */
#define COUNT 250

/* ---- types ---- */

uint32_t gen_number_type(struct gen *g)
{
	static const uint8_t types[] = { DJ_WASM_I32, DJ_WASM_I32, DJ_WASM_I32,
		DJ_WASM_I64, DJ_WASM_I64, DJ_WASM_F32, DJ_WASM_F64,
		DJ_WASM_F64 };

	return types[gen_draw(g, sizeof(types))];
}

uint32_t gen_any_type(struct gen *g)
{
	if (gen_has(g, DJ_WASM_F_SIMD) && gen_chance(g, 15))
		return DJ_WASM_V128;
	if (g->gc_count != 0 && gen_chance(g, 8))
		return gc_type(g);
	if (gen_has(g, DJ_WASM_F_FUNC_REFS) && g->func_count != 0 &&
		gen_chance(g, 4))
		return ref_to(g->funcs[gen_draw(g, g->func_count)]);
	if (gen_has(g, DJ_WASM_F_REF_TYPES) && gen_chance(g, 6))
		return gen_chance(g, 65) ? DJ_WASM_FUNCREF : DJ_WASM_EXTERNREF;
	return gen_number_type(g);
}

static bool is_func_type(const struct type *t, uint32_t param_count,
	const uint32_t *params, uint32_t result_count, const uint32_t *results)
{
	return t->kind == KIND_FUNC && t->param_count == param_count &&
		t->result_count == result_count &&
		(param_count == 0 ||
			memcmp(t->params, params,
				param_count * sizeof(*params)) == 0) &&
		(result_count == 0 ||
			memcmp(t->results, results,
				result_count * sizeof(*results)) == 0);
}

uint32_t gen_func_type(struct gen *g, uint32_t param_count,
	const uint32_t *params, uint32_t result_count, const uint32_t *results)
{
	struct type *t = &g->types[g->type_count];

	for (uint32_t i = 0; i < g->type_count; i++)
		if (is_func_type(&g->types[i], param_count, params,
			    result_count, results))
			return i;
	if (g->type_count == TYPES_MAX || param_count > VALUES_MAX ||
		result_count > VALUES_MAX)
		abort();
	t->kind = KIND_FUNC;
	t->param_count = param_count;
	t->result_count = result_count;
	for (uint32_t i = 0; i < param_count; i++)
		t->params[i] = params[i];
	for (uint32_t i = 0; i < result_count; i++)
		t->results[i] = results[i];
	return g->type_count++;
}

static uint32_t some_types(struct gen *g, uint32_t most, uint32_t *types,
	uint32_t (*draw)(struct gen *g))
{
	uint32_t n = gen_draw(g, most + 1);

	for (uint32_t i = 0; i < n; i++)
		types[i] = draw(g);
	return n;
}

static uint32_t a_func_type(struct gen *g, uint32_t (*draw)(struct gen *g))
{
	uint32_t params[VALUES_MAX], results[VALUES_MAX];
	uint32_t most = gen_has(g, DJ_WASM_F_MULTI_VALUE) ? 3 : 1;
	uint32_t n = some_types(g, 4, params, draw);

	if (gen_chance(g, 60))
		most = 1;
	return gen_func_type(g, n, params, some_types(g, most, results, draw),
		results);
}

/* ---- what there is ---- */

/*
 * A small module meets as many pairs of instructions as a large one for the
 * time that it takes, and says more when engines differ; what takes many
 * registers, a far jump or a frame beyond a page takes a large one.
 */
static const struct {
	uint8_t percent;                                 /* of modules */
	uint8_t funcs[2], locals[2], stmts[2], nodes[2]; /* least, and below */
} sizes[SIZES] = {
	[SIZE_SMALL] = { 70, { 1, 3 }, { 1, 4 }, { 1, 4 }, { 5, 18 } },
	[SIZE_MIDDLE] = { 23, { 1, 4 }, { 2, 6 }, { 2, 6 }, { 10, 40 } },
	[SIZE_LARGE] = { 6, { 2, 6 }, { 2, 7 }, { 2, 8 }, { 15, 75 } },
	[SIZE_HUGE] = { 1, { 4, 9 }, { 4, 24 }, { 6, 14 }, { 70, 150 } },
};

static uint32_t between(struct gen *g, const uint8_t range[2])
{
	return range[0] + gen_draw(g, (uint32_t)(range[1] - range[0]));
}

static void choose_size(struct gen *g)
{
	uint32_t n = gen_draw(g, 100);

	g->size = SIZE_SMALL;
	while (n >= sizes[g->size].percent) {
		n -= sizes[g->size].percent;
		g->size++;
	}
}

/* Some of what is allowed: modules with less meet other code paths. */
static void choose_features(struct gen *g)
{
	static const uint64_t old = DJ_WASM_1_0 & ~(uint64_t)1;

	g->features = old | 1;
	for (unsigned i = 0; i < 64; i++)
		if ((g->opt.features >> i & 1) != 0 && gen_chance(g, 70))
			g->features |= (uint64_t)1 << i;
	/* One needs the other; engines take one kind of exceptions at once. */
	if (gen_has(g, DJ_WASM_F_GC))
		g->features |= g->opt.features & DJ_WASM_BIT(FUNC_REFS);
	if (gen_has(g, DJ_WASM_F_FUNC_REFS) || gen_has(g, DJ_WASM_F_EXCEPTIONS))
		g->features |= g->opt.features & DJ_WASM_BIT(REF_TYPES);
	if (!gen_has(g, DJ_WASM_F_SIMD))
		g->features &= ~DJ_WASM_BIT(RELAXED_SIMD);
	if (!gen_has(g, DJ_WASM_F_BULK_MEMORY) ||
		!gen_has(g, DJ_WASM_F_REF_TYPES))
		g->features &= ~(DJ_WASM_BIT(BULK_MEMORY) |
			DJ_WASM_BIT(REF_TYPES) | DJ_WASM_BIT(FUNC_REFS) |
			DJ_WASM_BIT(GC) | DJ_WASM_BIT(EXCEPTIONS));
	if (gen_has(g, DJ_WASM_F_EXCEPTIONS) &&
		gen_has(g, DJ_WASM_F_LEGACY_EXCEPTIONS))
		g->features &= gen_chance(g, 50)
			? ~DJ_WASM_BIT(EXCEPTIONS)
			: ~DJ_WASM_BIT(LEGACY_EXCEPTIONS);
}

static void plan_funcs(struct gen *g)
{
	g->import_count = gen_draw(g, 3);
	for (uint32_t i = 0; i < g->import_count; i++)
		g->funcs[i] = a_func_type(g, gen_number_type);
	g->func_count = g->import_count;
	for (uint32_t n = between(g, sizes[g->size].funcs); n > 0; n--) {
		uint32_t type = a_func_type(g, gen_any_type);

		/* Some of the same type, for calls by reference. */
		if (g->func_count > g->import_count && gen_chance(g, 30))
			type = g->funcs[g->func_count - 1];
		g->funcs[g->func_count++] = type;
	}
}

static void plan_memories(struct gen *g)
{
	g->memory_count =
		gen_has(g, DJ_WASM_F_MULTI_MEMORY) ? 1 + gen_draw(g, 3) : 1;
	for (uint32_t i = 0; i < g->memory_count; i++) {
		g->memories[i].is64 =
			gen_has(g, DJ_WASM_F_MEMORY64) && gen_chance(g, 50);
		g->memories[i].min = gen_chance(g, 95) ? 1 : 0;
		g->memories[i].max = 1 + gen_draw(g, 3);
	}
}

static void plan_tables(struct gen *g)
{
	g->table_count = gen_has(g, DJ_WASM_F_REF_TYPES) ? 1 + gen_draw(g, 3)
							 : gen_draw(g, 2);
	for (uint32_t i = 0; i < g->table_count; i++) {
		g->tables[i].elem = DJ_WASM_FUNCREF;
		if (i != 0 && gen_chance(g, 40))
			g->tables[i].elem = DJ_WASM_EXTERNREF;
		else if (i != 0 && gen_has(g, DJ_WASM_F_FUNC_REFS) &&
			gen_chance(g, 50))
			g->tables[i].elem =
				ref_to(g->funcs[gen_draw(g, g->func_count)]);
		g->tables[i].is64 =
			gen_has(g, DJ_WASM_F_MEMORY64) && gen_chance(g, 30);
	}
}

static void plan(struct gen *g)
{
	bool throws;

	choose_size(g);
	choose_features(g);
	throws = gen_has(g, DJ_WASM_F_EXCEPTIONS) ||
		gen_has(g, DJ_WASM_F_LEGACY_EXCEPTIONS);
	if (gen_has(g, DJ_WASM_F_GC))
		plan_gc(g);
	plan_funcs(g);
	plan_memories(g);
	plan_tables(g);
	g->global_count = 1 + gen_draw(g, 5);
	g->globals[0].type = DJ_WASM_I32;
	g->globals[0].is_mutable = true;
	for (uint32_t i = 1; i < g->global_count; i++) {
		g->globals[i].type = gen_any_type(g);
		g->globals[i].is_mutable = gen_chance(g, 80);
	}
	g->tag_count = throws ? 1 + gen_draw(g, TAGS_MAX) : 0;
	for (uint32_t i = 0; i < g->tag_count; i++) {
		uint32_t types[VALUES_MAX];

		g->tags[i] = gen_func_type(g,
			some_types(g, 3, types, gen_any_type), types, 0, NULL);
	}
	g->data_count = gen_has(g, DJ_WASM_F_BULK_MEMORY) ? gen_draw(g, 3) : 0;
	g->elem_count = gen_has(g, DJ_WASM_F_BULK_MEMORY) &&
			gen_has(g, DJ_WASM_F_REF_TYPES)
		? gen_draw(g, 3)
		: 0;
}

/* ---- bodies ---- */

static void begin_body(struct gen *g, uint32_t func, const struct type *t)
{
	g->out.len = 0;
	g->local_count = 0;
	g->label_count = 0;
	g->depth = 0;
	g->counted = 0;
	g->func = func;
	for (uint32_t i = 0; i < t->param_count; i++)
		(void)fresh(g, t->params[i]);
	g->param_count = g->local_count;
	push_label(g, t->result_count, t->results);
}

/* Locals are known now. */
static void end_body(struct gen *g, struct bytes *code)
{
	struct bytes body = { 0 };

	put_op(&g->out, DJ_OP_END);
	put_u(&body, g->local_count - g->param_count);
	for (uint32_t i = g->param_count; i < g->local_count; i++) {
		put_u(&body, 1);
		put_type(&body, g->locals[i]);
	}
	put_bytes(&body, g->out.p, g->out.len);
	put_sized(code, &body);
	free(body.p);
}

static void body(struct gen *g, uint32_t func, struct bytes *code)
{
	const struct type *t = &g->types[g->funcs[func]];

	begin_body(g, func, t);
	for (uint32_t n = between(g, sizes[g->size].locals); n > 0; n--)
		(void)fresh(g, gen_any_type(g));
	count_down(g, t->result_count, t->results, false);
	g->budget = (int)between(g, sizes[g->size].nodes);
	for (uint32_t n = between(g, sizes[g->size].stmts); n > 0; n--)
		stmt(g);
	if (g->budget < sizes[g->size].nodes[0])
		g->budget = sizes[g->size].nodes[0];
	exprs(g, t->result_count, t->results);
	end_body(g, code);
}

/* What JavaScript can see of a value: a vector as halves, a reference as 0. */
static uint32_t visible(uint32_t type, uint32_t *types)
{
	types[0] = types[1] = DJ_WASM_I64;
	if (type == DJ_WASM_V128)
		return 2;
	types[0] = dj_wasm_is_ref(type) ? DJ_WASM_I32 : type;
	return 1;
}

static void show(struct gen *g, uint32_t local, uint32_t type)
{
	put_op_u(&g->out, DJ_OP_LOCAL_GET, local);
	if (dj_wasm_is_ref(type))
		put_op(&g->out, DJ_OP_REF_IS_NULL);
	if (type != DJ_WASM_V128)
		return;
	put_op_u(&g->out, 0x21d, 0); /* i64x2.extract_lane */
	put_op_u(&g->out, DJ_OP_LOCAL_GET, local);
	put_op_u(&g->out, 0x21d, 1);
}

/* Exported: sets the count, calls func with constants. Its type's index. */
static uint32_t caller(struct gen *g, uint32_t func, struct bytes *code)
{
	const struct type *t = &g->types[g->funcs[func]], *own;
	uint32_t results[2 * VALUES_MAX], locals[VALUES_MAX], n = 0, index;

	for (uint32_t i = 0; i < t->result_count; i++)
		n += visible(t->results[i], results + n);
	index = gen_func_type(g, 0, NULL, n, results);
	own = &g->types[index];
	begin_body(g, func, own);
	put_op(&g->out, DJ_OP_I32_CONST);
	put_s(&g->out, COUNT);
	put_op_u(&g->out, DJ_OP_GLOBAL_SET, 0);
	for (uint32_t i = 0; i < t->param_count; i++)
		constant(g, t->params[i], false);
	put_op_u(&g->out, DJ_OP_CALL, func);
	for (uint32_t i = t->result_count; i-- > 0;) {
		locals[i] = fresh(g, t->results[i]);
		put_op_u(&g->out, DJ_OP_LOCAL_SET, locals[i]);
	}
	for (uint32_t i = 0; i < t->result_count; i++)
		show(g, locals[i], t->results[i]);
	end_body(g, code);
	return index;
}

/* ---- sections ---- */

static void section(struct bytes *b, uint8_t id, struct bytes *from)
{
	put(b, id);
	put_sized(b, from);
}

static void name(struct bytes *b, char kind, uint32_t n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%c%u", kind, n);

	put_u(b, (uint64_t)len);
	put_bytes(b, text, (size_t)len);
}

static void types_section(const struct gen *g, struct bytes *b)
{
	put_u(b, g->type_count);
	for (uint32_t i = 0; i < g->type_count; i++) {
		const struct type *t = &g->types[i];

		if (t->kind != KIND_FUNC) {
			put_gc_type(t, b);
			continue;
		}
		put(b, 0x60);
		put_u(b, t->param_count);
		for (uint32_t k = 0; k < t->param_count; k++)
			put_type(b, t->params[k]);
		put_u(b, t->result_count);
		for (uint32_t k = 0; k < t->result_count; k++)
			put_type(b, t->results[k]);
	}
}

static void imports_section(const struct gen *g, struct bytes *b)
{
	put_u(b, g->import_count);
	for (uint32_t i = 0; i < g->import_count; i++) {
		put_u(b, 3);
		put_bytes(b, "env", 3);
		name(b, 'h', i);
		put(b, DJ_WASM_FUNC);
		put_u(b, g->funcs[i]);
	}
}

static void tables_section(const struct gen *g, struct bytes *b)
{
	put_u(b, g->table_count);
	for (uint32_t i = 0; i < g->table_count; i++) {
		put_type(b, g->tables[i].elem);
		put(b, g->tables[i].is64 ? 5 : 1);
		put_u(b, TABLE_SIZE);
		put_u(b, TABLE_SIZE + 4);
	}
}

static void memories_section(const struct gen *g, struct bytes *b)
{
	put_u(b, g->memory_count);
	for (uint32_t i = 0; i < g->memory_count; i++) {
		put(b, g->memories[i].is64 ? 5 : 1);
		put_u(b, g->memories[i].min);
		put_u(b, g->memories[i].max);
	}
}

static void tags_section(const struct gen *g, struct bytes *b)
{
	put_u(b, g->tag_count);
	for (uint32_t i = 0; i < g->tag_count; i++) {
		put(b, 0);
		put_u(b, g->tags[i]);
	}
}

/* A constant, or a sum of constants. Writes to g->out. */
static void initial(struct gen *g, uint32_t type)
{
	if (g->gc_count != 0 && gen_chance(g, 60))
		gc_constant(g, type);
	else
		constant(g, type, false);
	if (gen_has(g, DJ_WASM_F_EXTENDED_CONST) && gen_chance(g, 40) &&
		(type == DJ_WASM_I32 || type == DJ_WASM_I64)) {
		constant(g, type, false);
		put_op(&g->out,
			(type == DJ_WASM_I32 ? DJ_OP_I32_ADD : DJ_OP_I64_ADD) +
				gen_draw(g, 3));
	}
	put_op(&g->out, DJ_OP_END);
}

static void globals_section(struct gen *g, struct bytes *b)
{
	put_u(b, g->global_count);
	for (uint32_t i = 0; i < g->global_count; i++) {
		put_type(b, g->globals[i].type);
		put(b, g->globals[i].is_mutable ? 1 : 0);
		g->out.len = 0;
		if (i == 0) {
			put_op(&g->out, DJ_OP_I32_CONST);
			put_s(&g->out, COUNT);
			put_op(&g->out, DJ_OP_END);
		} else {
			initial(g, g->globals[i].type);
		}
		put_bytes(b, g->out.p, g->out.len);
	}
}

static void exports_section(struct gen *g, uint32_t callers, struct bytes *b)
{
	const struct {
		char letter;
		enum dj_wasm_extern_kind kind;
		uint32_t from, count;
	} kinds[] = {
		{ 'r', DJ_WASM_FUNC, g->func_count, callers },
		{ 'm', DJ_WASM_MEMORY, 0, g->memory_count },
		{ 't', DJ_WASM_TABLE, 0, g->table_count },
		{ 'g', DJ_WASM_GLOBAL, 0, g->global_count },
	};
	bool mutable = gen_has(g, DJ_WASM_F_MUT_GLOBALS);

	put_u(b,
		callers + g->memory_count + g->table_count +
			(mutable ? g->global_count : 0));
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (uint32_t i = 0; i < kinds[k].count; i++) {
			if (kinds[k].letter == 'g' && !mutable)
				continue;
			name(b, kinds[k].letter, i);
			put(b, kinds[k].kind);
			put_u(b, kinds[k].from + i);
		}
}

static void place(struct bytes *b, bool is64, uint32_t at)
{
	put_op(b, is64 ? DJ_OP_I64_CONST : DJ_OP_I32_CONST);
	put_s(b, at);
	put_op(b, DJ_OP_END);
}

static void func_item(struct bytes *b, uint32_t func, bool null)
{
	if (null) {
		put_op(b, DJ_OP_REF_NULL);
		put(b, DJ_WASM_FUNCREF);
	} else {
		put_op_u(b, DJ_OP_REF_FUNC, func);
	}
	put_op(b, DJ_OP_END);
}

static void elems_section(struct gen *g, struct bytes *b)
{
	bool refs = gen_has(g, DJ_WASM_F_REF_TYPES);
	uint32_t n = g->elem_count + (refs ? 1 : 0);

	for (uint32_t i = 0; i < g->table_count; i++)
		n += g->tables[i].elem == DJ_WASM_FUNCREF;
	put_u(b, n);
	for (uint32_t i = 0; i < g->elem_count; i++) {
		put(b, 5);
		put(b, DJ_WASM_FUNCREF);
		put_u(b, 4);
		for (unsigned k = 0; k < 4; k++)
			func_item(b, gen_draw(g, g->func_count),
				gen_chance(g, 20));
	}
	/* A table has a function at its number: what call() hopes for. */
	for (uint32_t i = 0; i < g->table_count; i++) {
		if (g->tables[i].elem != DJ_WASM_FUNCREF)
			continue;
		put(b, i == 0 ? 0 : 2);
		if (i != 0)
			put_u(b, i);
		place(b, g->tables[i].is64, 0);
		if (i != 0)
			put(b, 0);
		put_u(b, TABLE_SIZE);
		for (uint32_t k = 0; k < TABLE_SIZE; k++)
			put_u(b, k % g->func_count);
	}
	if (!refs)
		return;
	put(b, 3); /* ref.func may name any */
	put(b, 0);
	put_u(b, g->func_count);
	for (uint32_t i = 0; i < g->func_count; i++)
		put_u(b, i);
}

static void some_data(struct gen *g, struct bytes *b)
{
	uint32_t n = 8 + gen_draw(g, 60);

	put_u(b, n);
	while (n-- > 0)
		put(b, (uint8_t)gen_draw64(g));
}

static void datas_section(struct gen *g, struct bytes *b)
{
	uint32_t n = g->data_count;

	for (uint32_t i = 0; i < g->memory_count; i++)
		n += g->memories[i].min;
	put_u(b, n);
	for (uint32_t i = 0; i < g->data_count; i++) {
		put(b, 1);
		some_data(g, b);
	}
	for (uint32_t i = 0; i < g->memory_count; i++) {
		if (g->memories[i].min == 0)
			continue;
		put(b, i == 0 ? 0 : 2);
		if (i != 0)
			put_u(b, i);
		place(b, g->memories[i].is64, gen_draw(g, 64));
		some_data(g, b);
	}
}

/* All of them; code has the bodies already. */
/* One that a module may start with, or UINT32_MAX: mostly. */
static uint32_t start_of(struct gen *g, uint32_t callers,
	const uint32_t *caller_types)
{
	for (uint32_t i = 0; i < callers; i++)
		if (g->types[caller_types[i]].result_count == 0 &&
			gen_chance(g, 15))
			return g->func_count + i;
	return UINT32_MAX;
}

static void write_module(struct gen *g, struct bytes *b, struct bytes *code,
	uint32_t callers, const uint32_t *caller_types)
{
	uint32_t start = start_of(g, callers, caller_types);
	uint32_t own = g->func_count - g->import_count;
	struct bytes s = { 0 };

	put_bytes(b, "\0asm\1\0\0\0", 8);
	types_section(g, &s);
	section(b, 1, &s);
	imports_section(g, &s);
	section(b, 2, &s);
	put_u(&s, own + callers);
	for (uint32_t i = 0; i < own; i++)
		put_u(&s, g->funcs[g->import_count + i]);
	for (uint32_t i = 0; i < callers; i++)
		put_u(&s, caller_types[i]);
	section(b, 3, &s);
	tables_section(g, &s);
	section(b, 4, &s);
	memories_section(g, &s);
	section(b, 5, &s);
	if (g->tag_count != 0) {
		tags_section(g, &s);
		section(b, 13, &s);
	}
	globals_section(g, &s);
	section(b, 6, &s);
	exports_section(g, callers, &s);
	section(b, 7, &s);
	if (start != UINT32_MAX) {
		put_u(&s, start);
		section(b, 8, &s);
	}
	elems_section(g, &s);
	section(b, 9, &s);
	if (g->data_count != 0) {
		put_u(&s, g->data_count);
		for (uint32_t i = 0; i < g->memory_count; i++)
			s.p[0] = (uint8_t)(s.p[0] + g->memories[i].min);
		section(b, 12, &s);
	}
	put_u(&s, own + callers);
	put_bytes(&s, code->p, code->len);
	section(b, 10, &s);
	datas_section(g, &s);
	section(b, 11, &s);
	free(s.p);
}

void wasmgen_make(const struct wasmgen_options *options,
	struct wasmgen_module *ret)
{
	static struct gen g;
	static struct bytes module;
	struct bytes code = { 0 }, out = g.out;
	uint32_t types[2 * FUNCS_MAX], callers = 0;

	memset(&g, 0, sizeof(g));
	g.out = out;
	g.opt = *options;
	g.random = options->seed;
	module.len = 0;
	plan(&g);
	for (uint32_t i = g.import_count; i < g.func_count; i++)
		body(&g, i, &code);
	for (uint32_t i = g.import_count; i < g.func_count; i++)
		for (uint32_t n = g.size == SIZE_SMALL ? 1
						       : 1 + gen_draw(&g, 2);
			n > 0; n--)
			types[callers++] = caller(&g, i, &code);
	write_module(&g, &module, &code, callers, types);
	free(code.p);
	*ret = (struct wasmgen_module){
		.bytes = module.p,
		.len = module.len,
		.features = g.features,
		.nodes = g.nodes,
	};
}
