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
	if (have->is64 != want->is64 || have->min < want->min)
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
	case DJ_WASM_TAG:
		return dj_type_equal(e->tag->type, im->func);
	}
	return false;
}

/* Where the next of each kind goes. */
struct cursor {
	uint32_t func, table, memory, global, tag;
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
	case DJ_WASM_TAG:
		inst->tags[c->tag++] = e->tag;
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
	inst->tags = dj_arena_new_n(a, m->tag_count, struct dj_tag *);
	inst->elems = dj_arena_new_n(a, m->elem_count, void **);
	inst->data_dropped = dj_arena_new_n(a, m->data_count, uint8_t);
	inst->type_ids = dj_arena_new_n(a, m->type_count, uint32_t);
	if (inst->funcs == NULL || inst->tables == NULL ||
		inst->memories == NULL || inst->globals == NULL ||
		inst->tags == NULL || inst->elems == NULL ||
		inst->data_dropped == NULL || inst->type_ids == NULL)
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

/*
 * A constant expression, from its first byte; it has been validated, its
 * height too. ret[1] is the upper half of a v128.
 */
static void eval_code(const struct dj_instance *inst, struct dj_wasm_rd *r,
	uint64_t ret[static 2])
{
	uint64_t stack[DJ_WASM_MAX_CONST][2] = { { 0 } };
	unsigned n = 0;

	for (;;) {
		uint32_t op = dj_wasm_rd_opcode(r);
		uint64_t *top = stack[n < DJ_WASM_MAX_CONST ? n : 0];
		uint64_t *x = stack[n >= 2 ? n - 2 : 0];
		const uint64_t *y = stack[n >= 2 ? n - 1 : 0];
		const struct dj_global *g;

		top[1] = 0;
		switch (op) {
		case DJ_OP_I32_CONST:
			top[0] = (uint32_t)dj_wasm_rd_s32(r);
			break;
		case DJ_OP_I64_CONST:
			top[0] = (uint64_t)dj_wasm_rd_s64(r);
			break;
		case DJ_OP_F32_CONST:
			top[0] = dj_wasm_rd_bits(r, 4);
			break;
		case DJ_OP_V128_CONST:
			top[0] = dj_wasm_rd_bits(r, 8);
			top[1] = dj_wasm_rd_bits(r, 8);
			break;
		case DJ_OP_F64_CONST:
			top[0] = dj_wasm_rd_bits(r, 8);
			break;
		case DJ_OP_REF_NULL:
			(void)dj_wasm_rd_u8(r);
			top[0] = 0;
			break;
		case DJ_OP_REF_FUNC:
			top[0] = (uintptr_t)inst->funcs[dj_wasm_rd_u32(r)];
			break;
		case DJ_OP_GLOBAL_GET:
			g = inst->globals[dj_wasm_rd_u32(r)];
			memcpy(top, g->wide, sizeof(g->wide));
			break;
		case DJ_OP_I32_ADD:
			x[0] = (uint32_t)(x[0] + y[0]);
			n -= 2;
			break;
		case DJ_OP_I32_ADD + 1:
			x[0] = (uint32_t)(x[0] - y[0]);
			n -= 2;
			break;
		case DJ_OP_I32_ADD + 2:
			x[0] = (uint32_t)(x[0] * y[0]);
			n -= 2;
			break;
		case DJ_OP_I64_ADD:
			x[0] += y[0];
			n -= 2;
			break;
		case DJ_OP_I64_ADD + 1:
			x[0] -= y[0];
			n -= 2;
			break;
		case DJ_OP_I64_ADD + 2:
			x[0] *= y[0];
			n -= 2;
			break;
		default: /* end */
			memcpy(ret, stack[0], sizeof(stack[0]));
			return;
		}
		n++;
	}
}

static void eval_wide(const struct dj_instance *inst,
	const struct dj_wasm_const *k, uint64_t ret[static 2])
{
	struct dj_wasm_rd r;

	ret[0] = k->bits;
	ret[1] = k->high;
	switch (k->kind) {
	case DJ_WASM_CONST_BITS:
		break;
	case DJ_WASM_CONST_GLOBAL:
		memcpy(ret, inst->globals[k->index]->wide, 16);
		break;
	case DJ_WASM_CONST_FUNC:
		ret[0] = (uintptr_t)inst->funcs[k->index];
		break;
	case DJ_WASM_CONST_EXPR:
		r = dj_wasm_rd_of(inst->module->bytes, k->index,
			inst->module->len - k->index);
		eval_code(inst, &r, ret);
		break;
	}
}

/* Where a segment goes; out of every bound if it does not fit 32 bits. */
static uint32_t eval_offset(const struct dj_instance *inst,
	const struct dj_wasm_const *k, bool is64)
{
	uint64_t v[2];

	eval_wide(inst, k, v);
	return is64 && v[0] > UINT32_MAX ? UINT32_MAX : (uint32_t)v[0];
}

static dj_status new_table(struct dj_store *s, const struct dj_wasm_table *t,
	struct dj_table **ret)
{
	const struct dj_wasm_limits *l = &t->limits;

	if (l->is64)
		return dj_table64_new(s, t->elem, l->min, l->has_max, l->max,
			ret);
	return dj_table_new(s, t->elem, (uint32_t)l->min, l->has_max,
		(uint32_t)l->max, ret);
}

static dj_status make_tags(struct dj_instance *inst, struct cursor *c)
{
	const struct dj_wasm_module *m = inst->module;

	while (c->tag < m->tag_count) {
		const struct dj_wasm_functype *t = &m->types[m->tags[c->tag]];
		struct dj_tag *tag =
			dj_arena_new(inst->store->arena, struct dj_tag);

		if (tag == NULL)
			return DJ_E_NOMEM;
		tag->type = t;
		tag->slots = dj_slots(t->params, t->param_count);
		inst->tags[c->tag++] = tag;
	}
	return DJ_OK;
}

static dj_status make_own(struct dj_instance *inst, struct cursor *c)
{
	const struct dj_wasm_module *m = inst->module;
	struct dj_store *s = inst->store;
	dj_status st = DJ_OK;

	while (st == DJ_OK && c->memory < m->memory_count) {
		const struct dj_wasm_limits *l = &m->memories[c->memory];

		st = (l->is64 ? dj_memory64_new : dj_memory_new)(s, l->min,
			l->has_max, l->max, &inst->memories[c->memory++]);
	}
	while (st == DJ_OK && c->table < m->table_count) {
		const struct dj_wasm_table *t = &m->tables[c->table];

		st = new_table(s, t, &inst->tables[c->table++]);
	}
	if (st != DJ_OK)
		return st;
	st = make_tags(inst, c);
	if (st != DJ_OK)
		return st;
	inst->mem = m->memory_count != 0 ? inst->memories[0] : &s->no_memory;
	st = make_funcs(inst, c);
	while (st == DJ_OK && c->global < m->global_count) {
		const struct dj_wasm_global_def *g = &m->globals[c->global];
		union dj_value v;
		uint64_t init[2];

		eval_wide(inst, &g->init, init);
		v.i64 = init[0];
		st = dj_global_new(s, g->type.type, g->type.is_mutable, v,
			&inst->globals[c->global]);
		if (st == DJ_OK)
			inst->globals[c->global++]->wide[1] = init[1];
	}
	return st;
}

/* One item of an element segment; the expressions have been validated. */
static void *read_item(const struct dj_instance *inst,
	const struct dj_wasm_elem *e, struct dj_wasm_rd *r)
{
	union {
		uint64_t bits[2];
		void *ref;
	} v;

	if (!e->is_expr)
		return inst->funcs[dj_wasm_rd_u32(r)];
	eval_code(inst, r, v.bits);
	return v.ref;
}

/* What fills a table: its elements are there, and functions are. */
static void init_tables(struct dj_instance *inst)
{
	const struct dj_wasm_module *m = inst->module;
	union {
		uint64_t bits[2];
		void *ref;
	} v;

	for (uint32_t i = m->imported_tables; i < m->table_count; i++) {
		struct dj_table *t = inst->tables[i];

		eval_wide(inst, &m->table_inits[i - m->imported_tables],
			v.bits);
		if (v.ref != NULL)
			(void)dj_table_fill(t, 0, v.ref, t->count);
	}
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

		if (!dj_range_ok(eval_offset(inst, &e->offset, false), e->count,
			    inst->tables[e->table]->count))
			return DJ_TRAP_TABLE;
	}
	for (uint32_t i = 0; i < m->data_count; i++) {
		const struct dj_wasm_data *d = &m->datas[i];

		if (!dj_range_ok(eval_offset(inst, &d->offset, false), d->len,
			    inst->memories[d->memory]->len))
			return DJ_TRAP_MEMORY;
	}
	return DJ_TRAP_NONE;
}

static enum dj_trap put_elem(struct dj_instance *inst,
	const struct dj_wasm_elem *e, uint32_t i)
{
	struct dj_table *t = inst->tables[e->table];

	return dj_table_init(inst, t, i,
		eval_offset(inst, &e->offset, t->limits.is64), 0, e->count);
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
			t = put_elem(inst, e, i);
		if (e->mode != DJ_WASM_PASSIVE)
			inst->elems[i] = NULL;
	}
	for (uint32_t i = 0; i < m->data_count && t == DJ_TRAP_NONE; i++) {
		const struct dj_wasm_data *d = &m->datas[i];
		struct dj_memory *mem;

		if (d->mode != DJ_WASM_ACTIVE)
			continue;
		mem = inst->memories[d->memory];
		t = dj_memory_init(inst, mem, i,
			eval_offset(inst, &d->offset, mem->limits.is64), 0,
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
	if (st == DJ_OK) {
		init_tables(inst);
		st = make_elems(inst);
	}
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
		case DJ_WASM_TAG:
			ret->tag = inst->tags[e->index];
			break;
		}
		return true;
	}
	return false;
}
