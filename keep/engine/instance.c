// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/gc.h"
#include "lib/wasm/opcode.h"

dj_status dj_func_new_host(struct dj_store *s,
	const struct dj_wasm_functype *type, dj_host_fn *fn, void *ctx,
	struct dj_func **ret)
{
	struct dj_func *f = dj_arena_new(s->arena, struct dj_func);

	dj_status st;

	if (f == NULL)
		return DJ_E_NOMEM;
	st = dj_types_add_func(s, type, &f->type_id);
	if (st != DJ_OK)
		return st;
	f->type = type;
	f->host = fn;
	f->host_ctx = ctx;
	f->mem = &s->no_memory;
	f->shared = &s->vm.abi;
	*ret = f;
	return DJ_OK;
}

void dj_global_init(struct dj_store *s, struct dj_global *g, uint32_t type,
	bool is_mutable, const uint64_t init[static 2])
{
	g->type.type = type;
	g->type.is_mutable = is_mutable;
	memcpy(g->wide, init, sizeof(g->wide));
	if (dj_wasm_is_ref(type)) {
		g->next = s->globals;
		s->globals = g;
	}
}

/* type: with the store's numbers. */
static dj_status new_global(struct dj_store *s, uint32_t type, bool is_mutable,
	union dj_value init, struct dj_global **ret)
{
	struct dj_global *g = dj_arena_new(s->arena, struct dj_global);
	const uint64_t bits[2] = { init.i64 };

	if (g == NULL)
		return DJ_E_NOMEM;
	dj_global_init(s, g, type, is_mutable, bits);
	*ret = g;
	return DJ_OK;
}

dj_status dj_global_new(struct dj_store *s, uint32_t type, bool is_mutable,
	union dj_value init, struct dj_global **ret)
{
	if (dj_wasm_is_typed(type))
		return DJ_E_INPUT;
	return new_global(s, type, is_mutable, init, ret);
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

/* What changes must be of the very type; what does not, of one below. */
static bool global_fits(const struct dj_store *s,
	const struct dj_wasm_global *have, uint32_t want, bool is_mutable)
{
	if (have->is_mutable != is_mutable)
		return false;
	return is_mutable ? have->type == want
			  : dj_wasm_subtype(&s->types, have->type, want);
}

static bool import_fits(const struct dj_instance *inst,
	const struct dj_wasm_import *im, const struct dj_extern *e)
{
	const struct dj_store *s = inst->store;

	if (e->kind != im->kind)
		return false;
	switch (im->kind) {
	case DJ_WASM_FUNC:
		return dj_func_is(e->func, inst->type_ids[im->type], s);
	case DJ_WASM_TABLE:
		return e->table->type == dj_store_type(inst, im->table.elem) &&
			limits_fit(&e->table->limits, &im->table.limits);
	case DJ_WASM_MEMORY:
		return limits_fit(&e->memory->limits, &im->memory);
	case DJ_WASM_GLOBAL:
		return global_fits(s, &e->global->type,
			dj_store_type(inst, im->global.type),
			im->global.is_mutable);
	case DJ_WASM_TAG:
		return e->tag->type_id == inst->type_ids[im->type];
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
		if (!import_fits(inst, &m->imports[i], &e)) {
			err->what = "incompatible import type";
			return DJ_E_INPUT;
		}
		put(inst, c, &e);
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
	inst->type_ids = dj_arena_new_n(a, m->types.count, uint32_t);
	if (inst->funcs == NULL || inst->tables == NULL ||
		inst->memories == NULL || inst->globals == NULL ||
		inst->tags == NULL || inst->elems == NULL ||
		inst->data_dropped == NULL || inst->type_ids == NULL)
		return DJ_E_NOMEM;
	inst->next = inst->store->instances;
	inst->store->instances = inst;
	return dj_types_add(inst->store, &m->types, inst->type_ids);
}

static void init_func(struct dj_instance *inst, struct dj_func *f,
	uint32_t index)
{
	const struct dj_wasm_module *m = inst->module;
	uint32_t type = m->funcs[index].type, n, results;

	f->type = dj_wasm_functype_at(m, type);
	f->type_id = inst->type_ids[type];
	f->inst = inst;
	f->mem = inst->mem;
	f->index = index;
	f->shared = &inst->store->vm.abi;
	f->native_ctx = inst->ctx;
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
 * A constant expression, from its first byte; it has been validated. Its
 * operands are where a function's would be, so that the collector sees them.
 */
struct eval {
	const struct dj_instance *inst;
	struct dj_vm *vm;
	struct dj_wasm_rd r;
};

static enum dj_trap eval_push(struct eval *e, const union dj_slot *v,
	unsigned n)
{
	struct dj_vm *vm = e->vm;

	if (vm->top + n > vm->stack_max && !dj_vm_more_stack(vm, vm->top + n))
		return DJ_TRAP_STACK;
	memcpy(vm->top, v, n * sizeof(*v));
	vm->top += n;
	return DJ_TRAP_NONE;
}

static enum dj_trap push_bits(struct eval *e, uint64_t bits)
{
	return eval_push(e, &(union dj_slot){ .u64 = bits }, 1);
}

static enum dj_trap push_ref(struct eval *e, const void *ref)
{
	return push_bits(e, (uintptr_t)ref);
}

static enum dj_trap eval_leaf(struct eval *e, uint32_t op)
{
	const struct dj_global *g;
	union dj_slot v[2];

	switch (op) {
	case DJ_OP_I32_CONST:
		return push_bits(e, (uint32_t)dj_wasm_rd_s32(&e->r));
	case DJ_OP_I64_CONST:
		return push_bits(e, (uint64_t)dj_wasm_rd_s64(&e->r));
	case DJ_OP_F32_CONST:
		return push_bits(e, dj_wasm_rd_bits(&e->r, 4));
	case DJ_OP_F64_CONST:
		return push_bits(e, dj_wasm_rd_bits(&e->r, 8));
	case DJ_OP_V128_CONST:
		v[0].u64 = dj_wasm_rd_bits(&e->r, 8);
		v[1].u64 = dj_wasm_rd_bits(&e->r, 8);
		return eval_push(e, v, 2);
	case DJ_OP_REF_NULL:
		(void)dj_wasm_rd_heaptype(&e->r, e->inst->module);
		return push_bits(e, 0);
	case DJ_OP_REF_FUNC:
		return push_ref(e, e->inst->funcs[dj_wasm_rd_u32(&e->r)]);
	default: /* global.get */
		g = e->inst->globals[dj_wasm_rd_u32(&e->r)];
		v[0].u64 = g->wide[0];
		v[1].u64 = g->wide[1];
		return eval_push(e, v, g->type.type == DJ_WASM_V128 ? 2 : 1);
	}
}

static void eval_arithmetic(struct dj_vm *vm, uint32_t op)
{
	uint64_t y = (--vm->top)->u64, *x = &vm->top[-1].u64;
	bool is64 = op >= DJ_OP_I64_ADD;

	switch (op - (is64 ? DJ_OP_I64_ADD : DJ_OP_I32_ADD)) {
	case 0:
		*x += y;
		break;
	case 1:
		*x -= y;
		break;
	default:
		*x *= y;
		break;
	}
	if (!is64)
		*x = (uint32_t)*x;
}

static enum dj_trap eval_struct(struct eval *e, uint32_t type, bool is_default)
{
	struct dj_vm *vm = e->vm;
	struct dj_struct *st;
	uint32_t n = is_default ? 0 : vm->store->layouts[type].slots;
	enum dj_trap t = is_default ? dj_struct_default(vm, type, &st)
				    : dj_struct_new(vm, type, vm->top - n, &st);

	if (t != DJ_TRAP_NONE)
		return t;
	vm->top -= n;
	return push_ref(e, st);
}

static enum dj_trap eval_array(struct eval *e, uint32_t type, uint32_t op)
{
	struct dj_vm *vm = e->vm;
	uint32_t width = vm->store->layouts[type].slots, n;
	struct dj_array *a;
	enum dj_trap t;

	if (op == DJ_OP_ARRAY_NEW_FIXED) {
		n = dj_wasm_rd_u32(&e->r);
		width *= n;
		t = dj_array_fixed(vm, type, vm->top - width, n, &a);
	} else if (op == DJ_OP_ARRAY_NEW) {
		n = vm->top[-1].u32;
		width++;
		t = dj_array_new(vm, type, vm->top - width, n, &a);
	} else {
		n = vm->top[-1].u32;
		width = 1;
		t = dj_array_default(vm, type, n, &a);
	}
	if (t != DJ_TRAP_NONE)
		return t;
	vm->top -= width;
	return push_ref(e, a);
}

/* A type's index, as the store's number. */
static uint32_t eval_type(struct eval *e)
{
	return e->inst->type_ids[dj_wasm_rd_type(&e->r, e->inst->module)];
}

static enum dj_trap eval_op(struct eval *e, uint32_t op)
{
	struct dj_vm *vm = e->vm;

	switch (op) {
	case DJ_OP_I32_ADD ... DJ_OP_I32_ADD + 2:
	case DJ_OP_I64_ADD ... DJ_OP_I64_ADD + 2:
		eval_arithmetic(vm, op);
		return DJ_TRAP_NONE;
	case DJ_OP_STRUCT_NEW:
	case DJ_OP_STRUCT_NEW_DEFAULT:
		return eval_struct(e, eval_type(e),
			op == DJ_OP_STRUCT_NEW_DEFAULT);
	case DJ_OP_ARRAY_NEW ... DJ_OP_ARRAY_NEW_FIXED:
		return eval_array(e, eval_type(e), op);
	case DJ_OP_ANY_CONVERT_EXTERN:
	case DJ_OP_EXTERN_CONVERT_ANY:
		vm->top[-1].u64 = dj_ref_flip(vm->top[-1].u64);
		return DJ_TRAP_NONE;
	case DJ_OP_REF_I31:
		vm->top[-1].u64 = dj_i31(vm->top[-1].u32);
		return DJ_TRAP_NONE;
	default:
		return eval_leaf(e, op);
	}
}

/* ret[1] is the upper half of a v128. *at: behind its end then. */
static enum dj_trap eval_code(const struct dj_instance *inst, uint32_t *at,
	uint64_t ret[static 2])
{
	struct dj_vm *vm = &inst->store->vm;
	struct eval e = { .inst = inst, .vm = vm };
	union dj_slot *base = vm->top;
	enum dj_trap t = DJ_TRAP_NONE;
	uint32_t op;

	e.r = dj_wasm_rd_of(inst->module->bytes, *at, inst->module->len - *at);
	while (t == DJ_TRAP_NONE && (op = dj_wasm_rd_opcode(&e.r)) != DJ_OP_END)
		t = eval_op(&e, op);
	ret[0] = ret[1] = 0;
	if (t == DJ_TRAP_NONE)
		memcpy(ret, base, (size_t)(vm->top - base) * sizeof(*base));
	vm->top = base;
	*at = dj_wasm_rd_off(&e.r);
	return t;
}

static enum dj_trap eval(const struct dj_instance *inst,
	const struct dj_wasm_const *k, uint64_t ret[static 2])
{
	uint32_t at = k->at;

	ret[0] = ret[1] = 0;
	return at == 0 ? DJ_TRAP_NONE : eval_code(inst, &at, ret);
}

/* Where a segment goes; out of every bound if it does not fit 32 bits. */
static uint32_t eval_offset(const struct dj_instance *inst,
	const struct dj_wasm_const *k, bool is64)
{
	uint64_t v[2];

	if (eval(inst, k, v) != DJ_TRAP_NONE)
		return UINT32_MAX; /* numbers alone: only if there is no stack */
	return is64 && v[0] > UINT32_MAX ? UINT32_MAX : (uint32_t)v[0];
}

static dj_status new_table(struct dj_instance *inst,
	const struct dj_wasm_table *t, struct dj_table **ret)
{
	const struct dj_wasm_limits *l = &t->limits;
	struct dj_store *s = inst->store;
	dj_status st;

	if (l->is64)
		st = dj_table64_new(s, DJ_WASM_FUNCREF, l->min, l->has_max,
			l->max, ret);
	else
		st = dj_table_new(s, DJ_WASM_FUNCREF, (uint32_t)l->min,
			l->has_max, (uint32_t)l->max, ret);
	if (st == DJ_OK)
		(*ret)->type = dj_store_type(inst, t->elem);
	return st;
}

static dj_status make_tags(struct dj_instance *inst, struct cursor *c)
{
	const struct dj_wasm_module *m = inst->module;

	while (c->tag < m->tag_count) {
		const struct dj_wasm_functype *t =
			dj_wasm_functype_at(m, m->tags[c->tag]);
		struct dj_tag *tag =
			dj_arena_new(inst->store->arena, struct dj_tag);

		if (tag == NULL)
			return DJ_E_NOMEM;
		tag->type_id = inst->type_ids[m->tags[c->tag]];
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

		st = new_table(inst, t, &inst->tables[c->table++]);
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
		struct dj_global *own = inst->ctx != NULL
			? dj_native_global(inst,
				  c->global - m->imported_globals)
			: dj_arena_new(s->arena, struct dj_global);
		uint64_t init[2];

		if (own == NULL || eval(inst, &g->init, init) != DJ_TRAP_NONE)
			return DJ_E_NOMEM;
		dj_global_init(s, own, dj_store_type(inst, g->type.type),
			g->type.is_mutable, init);
		inst->globals[c->global++] = own;
	}
	return st;
}

/* What fills a table: its elements are there, and functions are. */
static dj_status init_tables(struct dj_instance *inst)
{
	const struct dj_wasm_module *m = inst->module;

	for (uint32_t i = m->imported_tables; i < m->table_count; i++) {
		struct dj_table *t = inst->tables[i];
		uint64_t v[2];

		if (eval(inst, &m->table_inits[i - m->imported_tables], v) !=
			DJ_TRAP_NONE)
			return DJ_E_NOMEM;
		if (v[0] != 0)
			(void)dj_table_fill(t, 0, (void *)(uintptr_t)v[0],
				t->count);
	}
	return DJ_OK;
}

static dj_status make_items(struct dj_instance *inst,
	const struct dj_wasm_elem *e, void **refs)
{
	const struct dj_wasm_module *m = inst->module;
	struct dj_wasm_rd r =
		dj_wasm_rd_of(m->bytes, e->items, m->len - e->items);
	uint32_t at = e->items;
	uint64_t v[2];

	for (uint32_t k = 0; k < e->count; k++) {
		if (!e->is_expr) {
			refs[k] = inst->funcs[dj_wasm_rd_u32(&r)];
			continue;
		}
		if (eval_code(inst, &at, v) != DJ_TRAP_NONE)
			return DJ_E_NOMEM;
		refs[k] = (void *)(uintptr_t)v[0];
	}
	return DJ_OK;
}

static dj_status make_elems(struct dj_instance *inst)
{
	const struct dj_wasm_module *m = inst->module;
	dj_status st = DJ_OK;

	for (uint32_t i = 0; i < m->elem_count && st == DJ_OK; i++) {
		const struct dj_wasm_elem *e = &m->elems[i];

		inst->elems[i] =
			dj_arena_new_n(inst->store->arena, e->count, void *);
		if (inst->elems[i] == NULL)
			return DJ_E_NOMEM;
		st = make_items(inst, e, inst->elems[i]);
	}
	return st;
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

dj_status dj_instance_make(struct dj_store *s,
	const struct dj_wasm_module *module, struct dj_native_code *code,
	dj_resolve_fn *resolve, void *resolve_ctx, struct dj_instance **ret,
	struct dj_link_error *err)
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
	if (st == DJ_OK && code != NULL)
		st = dj_native_context(inst, code);
	if (st == DJ_OK)
		st = make_own(inst, &c);
	if (st == DJ_OK && code != NULL)
		dj_native_link(inst, code);
	if (st == DJ_OK)
		st = init_tables(inst);
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

dj_status dj_instance_new(struct dj_store *s,
	const struct dj_wasm_module *module, dj_resolve_fn *resolve,
	void *resolve_ctx, struct dj_instance **ret, struct dj_link_error *err)
{
	/* A store runs one of the two: code of one never calls the other's. */
	if (s->config.native) {
		*err = (struct dj_link_error){ .what = "native code is due" };
		err->import_index = UINT32_MAX;
		return DJ_E_UNSUPPORTED;
	}
	return dj_instance_make(s, module, NULL, resolve, resolve_ctx, ret,
		err);
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
