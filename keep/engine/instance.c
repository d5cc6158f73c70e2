// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/store.h"
#include "lib/wasm/opcode.h"

dj_status dj_func_new_host(struct dj_store *s,
	const struct dj_wasm_functype *type, dj_host_fn *fn, void *ctx,
	struct dj_func **ret)
{
	struct dj_func *f = dj_arena_new(s->arena, struct dj_func);

	if (f == NULL || dj_type_intern(s, type, &f->type_id) != DJ_OK)
		return DJ_E_NOMEM;
	f->type = type;
	f->host = fn;
	f->host_ctx = ctx;
	f->mem = &s->no_memory;
	*ret = f;
	return DJ_OK;
}

dj_status dj_global_new(struct dj_store *s, enum dj_wasm_valtype type,
	bool is_mutable, union dj_value init, struct dj_global **ret)
{
	struct dj_global *g = dj_arena_new(s->arena, struct dj_global);

	if (g == NULL)
		return DJ_E_NOMEM;
	g->type.type = type;
	g->type.is_mutable = is_mutable;
	g->v.u64 = init.i64;
	*ret = g;
	return DJ_OK;
}

union dj_value dj_global_get(const struct dj_global *g)
{
	union dj_value v = { .i64 = g->v.u64 };

	if (g->type.type == DJ_WASM_I32 || g->type.type == DJ_WASM_F32)
		v.i64 = g->v.u32;
	return v;
}

void dj_global_read(const struct dj_global *g, union dj_value ret[static 2])
{
	ret[0] = dj_global_get(g);
	ret[1].i64 = g->wide[1];
}

const struct dj_wasm_functype *dj_func_type(const struct dj_func *f)
{
	return f->type;
}

const struct dj_wasm_module *dj_instance_module(const struct dj_instance *i)
{
	return i->module;
}

/* Does what is there (its size now) satisfy what is asked for? */
static bool limits_fit(const struct dj_wasm_limits *have,
	const struct dj_wasm_limits *want)
{
	if (have->min < want->min)
		return false;
	return !want->has_max || (have->has_max && have->max <= want->max);
}

static bool import_fits(const struct dj_wasm_import *im,
	const struct dj_extern *e)
{
	if (e->kind != im->kind)
		return false;
	switch (im->kind) {
	case DJ_WASM_FUNC:
		return dj_type_equal(e->func->type, im->func);
	case DJ_WASM_TABLE:
		return e->table->type == im->table.elem &&
			limits_fit(&e->table->limits, &im->table.limits);
	case DJ_WASM_MEMORY:
		return limits_fit(&e->memory->limits, &im->memory);
	case DJ_WASM_GLOBAL:
		return e->global->type.type == im->global.type &&
			e->global->type.is_mutable == im->global.is_mutable;
	}
	return false;
}

/* Where the next of each kind goes. */
struct cursor {
	uint32_t func, table, memory, global;
};

static void put(struct dj_instance *inst, struct cursor *c,
	const struct dj_extern *e)
{
	switch (e->kind) {
	case DJ_WASM_FUNC:
		inst->funcs[c->func++] = e->func;
		break;
	case DJ_WASM_TABLE:
		inst->tables[c->table++] = e->table;
		break;
	case DJ_WASM_MEMORY:
		inst->memories[c->memory++] = e->memory;
		break;
	case DJ_WASM_GLOBAL:
		inst->globals[c->global++] = e->global;
		break;
	}
}

static dj_status link_imports(struct dj_instance *inst, dj_resolve_fn *resolve,
	void *ctx, struct cursor *c, struct dj_link_error *err)
{
	const struct dj_wasm_module *m = inst->module;

	for (uint32_t i = 0; i < m->import_count; i++) {
		struct dj_extern e = { 0 };
		dj_status st = resolve(ctx, &m->imports[i], &e);

		err->import_index = i;
		if (st != DJ_OK) {
			err->what = "unknown import";
			return st;
		}
		if (!import_fits(&m->imports[i], &e)) {
			err->what = "incompatible import type";
			return DJ_E_INPUT;
		}
		put(inst, c, &e);
	}
	return DJ_OK;
}

static dj_status intern_types(struct dj_instance *inst)
{
	const struct dj_wasm_module *m = inst->module;

	for (uint32_t i = 0; i < m->type_count; i++) {
		dj_status st = dj_type_intern(inst->store, &m->types[i],
			&inst->type_ids[i]);

		if (st != DJ_OK)
			return st;
	}
	return DJ_OK;
}

static dj_status alloc_spaces(struct dj_instance *inst)
{
	const struct dj_wasm_module *m = inst->module;
	struct dj_arena *a = inst->store->arena;

	inst->funcs = dj_arena_new_n(a, m->func_count, struct dj_func *);
	inst->tables = dj_arena_new_n(a, m->table_count, struct dj_table *);
	inst->memories = dj_arena_new_n(a, m->memory_count, struct dj_memory *);
	inst->globals = dj_arena_new_n(a, m->global_count, struct dj_global *);
	inst->elems = dj_arena_new_n(a, m->elem_count, void **);
	inst->data_dropped = dj_arena_new_n(a, m->data_count, uint8_t);
	inst->type_ids = dj_arena_new_n(a, m->type_count, uint32_t);
	if (inst->funcs == NULL || inst->tables == NULL ||
		inst->memories == NULL || inst->globals == NULL ||
		inst->elems == NULL || inst->data_dropped == NULL ||
		inst->type_ids == NULL)
		return DJ_E_NOMEM;
	return intern_types(inst);
}

static void init_func(struct dj_instance *inst, struct dj_func *f,
	uint32_t index)
{
	const struct dj_wasm_module *m = inst->module;
	uint32_t type = m->funcs[index].type, n, results;

	f->type = &m->types[type];
	f->type_id = inst->type_ids[type];
	f->inst = inst;
	f->mem = inst->mem;
	f->index = index;
	f->code = &dj_interp_stub[0];
	n = dj_slots(f->type->params, f->type->param_count);
	results = dj_slots(f->type->results, f->type->result_count);
	f->frame_slots = n > results ? n : results;
}

static dj_status make_funcs(struct dj_instance *inst, struct cursor *c)
{
	const struct dj_wasm_module *m = inst->module;
	uint32_t own = m->func_count - m->imported_funcs;
	struct dj_func *f =
		dj_arena_new_n(inst->store->arena, own, struct dj_func);

	if (f == NULL)
		return DJ_E_NOMEM;
	for (uint32_t i = 0; i < own; i++) {
		init_func(inst, &f[i], c->func);
		inst->funcs[c->func++] = &f[i];
	}
	return DJ_OK;
}

static uint64_t eval(const struct dj_instance *inst,
	const struct dj_wasm_const *k)
{
	switch (k->kind) {
	case DJ_WASM_CONST_BITS:
		return k->bits;
	case DJ_WASM_CONST_GLOBAL:
		return inst->globals[k->index]->v.u64;
	case DJ_WASM_CONST_FUNC:
		return (uintptr_t)inst->funcs[k->index];
	}
	return 0;
}

/* The upper half of a v128. */
static uint64_t eval_high(const struct dj_instance *inst,
	const struct dj_wasm_const *k)
{
	return k->kind == DJ_WASM_CONST_GLOBAL
		? inst->globals[k->index]->wide[1]
		: k->high;
}

static dj_status make_own(struct dj_instance *inst, struct cursor *c)
{
	const struct dj_wasm_module *m = inst->module;
	struct dj_store *s = inst->store;
	dj_status st = DJ_OK;

	while (st == DJ_OK && c->memory < m->memory_count) {
		const struct dj_wasm_limits *l = &m->memories[c->memory];

		st = dj_memory_new(s, l->min, l->has_max, l->max,
			&inst->memories[c->memory++]);
	}
	while (st == DJ_OK && c->table < m->table_count) {
		const struct dj_wasm_table *t = &m->tables[c->table];

		st = dj_table_new(s, t->elem, (uint32_t)t->limits.min,
			t->limits.has_max, (uint32_t)t->limits.max,
			&inst->tables[c->table++]);
	}
	if (st != DJ_OK)
		return st;
	inst->mem = m->memory_count != 0 ? inst->memories[0] : &s->no_memory;
	st = make_funcs(inst, c);
	while (st == DJ_OK && c->global < m->global_count) {
		const struct dj_wasm_global_def *g = &m->globals[c->global];
		union dj_value v = { .i64 = eval(inst, &g->init) };

		st = dj_global_new(s, g->type.type, g->type.is_mutable, v,
			&inst->globals[c->global]);
		if (st == DJ_OK)
			inst->globals[c->global++]->wide[1] =
				eval_high(inst, &g->init);
	}
	return st;
}

/* One item of an element segment; the expressions have been validated. */
static void *read_item(const struct dj_instance *inst,
	const struct dj_wasm_elem *e, struct dj_wasm_rd *r)
{
	uint32_t op, index;

	if (!e->is_expr)
		return inst->funcs[dj_wasm_rd_u32(r)];
	op = dj_wasm_rd_opcode(r);
	index = dj_wasm_rd_u32(r);
	(void)dj_wasm_rd_u8(r);
	if (op == DJ_OP_REF_FUNC)
		return inst->funcs[index];
	if (op == DJ_OP_GLOBAL_GET)
		return inst->globals[index]->v.ref;
	return NULL;
}

static dj_status make_elems(struct dj_instance *inst)
{
	const struct dj_wasm_module *m = inst->module;

	for (uint32_t i = 0; i < m->elem_count; i++) {
		const struct dj_wasm_elem *e = &m->elems[i];
		struct dj_wasm_rd r =
			dj_wasm_rd_of(m->bytes, e->items, m->len - e->items);

		inst->elems[i] =
			dj_arena_new_n(inst->store->arena, e->count, void *);
		if (inst->elems[i] == NULL)
			return DJ_E_NOMEM;
		for (uint32_t k = 0; k < e->count; k++)
			inst->elems[i][k] = read_item(inst, e, &r);
	}
	return DJ_OK;
}

/* 1.0 looked at all segments before it wrote any. */
static enum dj_trap check_segments(const struct dj_instance *inst)
{
	const struct dj_wasm_module *m = inst->module;

	for (uint32_t i = 0; i < m->elem_count; i++) {
		const struct dj_wasm_elem *e = &m->elems[i];

		if (!dj_range_ok((uint32_t)eval(inst, &e->offset), e->count,
			    inst->tables[e->table]->count))
			return DJ_TRAP_TABLE;
	}
	for (uint32_t i = 0; i < m->data_count; i++) {
		const struct dj_wasm_data *d = &m->datas[i];

		if (!dj_range_ok((uint32_t)eval(inst, &d->offset), d->len,
			    inst->mem->len))
			return DJ_TRAP_MEMORY;
	}
	return DJ_TRAP_NONE;
}

static enum dj_trap run_segments(struct dj_instance *inst)
{
	const struct dj_wasm_module *m = inst->module;
	enum dj_trap t = DJ_TRAP_NONE;

	if ((m->features & DJ_WASM_BIT(BULK_MEMORY)) == 0)
		t = check_segments(inst);
	for (uint32_t i = 0; i < m->elem_count && t == DJ_TRAP_NONE; i++) {
		const struct dj_wasm_elem *e = &m->elems[i];

		if (e->mode == DJ_WASM_ACTIVE)
			t = dj_table_init(inst, inst->tables[e->table], i,
				(uint32_t)eval(inst, &e->offset), 0, e->count);
		if (e->mode != DJ_WASM_PASSIVE)
			inst->elems[i] = NULL;
	}
	for (uint32_t i = 0; i < m->data_count && t == DJ_TRAP_NONE; i++) {
		const struct dj_wasm_data *d = &m->datas[i];

		if (d->mode != DJ_WASM_ACTIVE)
			continue;
		t = dj_memory_init(inst, i, (uint32_t)eval(inst, &d->offset), 0,
			d->len);
		inst->data_dropped[i] = 1;
	}
	return t;
}

dj_status dj_instance_new(struct dj_store *s,
	const struct dj_wasm_module *module, dj_resolve_fn *resolve,
	void *resolve_ctx, struct dj_instance **ret, struct dj_link_error *err)
{
	struct dj_instance *inst = dj_arena_new(s->arena, struct dj_instance);
	struct cursor c = { 0 };
	dj_status st;

	*err = (struct dj_link_error){ .what = "out of memory" };
	if (inst == NULL)
		return DJ_E_NOMEM;
	inst->store = s;
	inst->module = module;
	st = alloc_spaces(inst);
	if (st == DJ_OK)
		st = link_imports(inst, resolve, resolve_ctx, &c, err);
	if (st == DJ_OK)
		st = make_own(inst, &c);
	if (st == DJ_OK)
		st = make_elems(inst);
	if (st != DJ_OK)
		return st;
	err->trap = run_segments(inst);
	if (err->trap != DJ_TRAP_NONE) {
		err->what = dj_trap_text(err->trap);
		return DJ_E_STATE;
	}
	*ret = inst;
	return DJ_OK;
}

enum dj_trap dj_instance_start(struct dj_instance *inst)
{
	union dj_value none;

	if (!inst->module->has_start)
		return DJ_TRAP_NONE;
	none.i64 = 0;
	return dj_call(inst->store, inst->funcs[inst->module->start], &none);
}

bool dj_instance_export(struct dj_instance *inst, const char *name, size_t len,
	struct dj_extern *ret)
{
	const struct dj_wasm_module *m = inst->module;

	for (uint32_t i = 0; i < m->export_count; i++) {
		const struct dj_wasm_export *e = &m->exports[i];

		if (e->name.len != len || memcmp(e->name.p, name, len) != 0)
			continue;
		ret->kind = e->kind;
		switch (e->kind) {
		case DJ_WASM_FUNC:
			ret->func = inst->funcs[e->index];
			break;
		case DJ_WASM_TABLE:
			ret->table = inst->tables[e->index];
			break;
		case DJ_WASM_MEMORY:
			ret->memory = inst->memories[e->index];
			break;
		case DJ_WASM_GLOBAL:
			ret->global = inst->globals[e->index];
			break;
		}
		return true;
	}
	return false;
}
