// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/validate.h"

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

static void on_select(struct dj_wasm_validator *v)
{
	uint32_t a, b;

	dj_wasm_v_pop_of(v, DJ_WASM_I32);
	a = pop(v);
	b = pop(v);
	if (dj_wasm_is_ref(a) || dj_wasm_is_ref(b) ||
		(a != b && a != ANY && b != ANY))
		invalid(v, "type mismatch");
	dj_wasm_v_push(v, a == ANY ? b : a);
}

static void on_select_typed(struct dj_wasm_validator *v)
{
	uint32_t t;

	if (dj_wasm_rd_u32(v->r) != 1)
		invalid(v, "invalid result arity");
	t = dj_wasm_rd_valtype(v->r, v->m);
	dj_wasm_v_pop_of(v, DJ_WASM_I32);
	dj_wasm_v_pop_of(v, t);
	dj_wasm_v_pop_of(v, t);
	dj_wasm_v_push(v, t);
}

/* A local has a value from now on, to the end of the block. */
static void init_local(struct dj_wasm_validator *v, uint32_t i)
{
	if (v->init_count == v->init_cap) {
		uint32_t *p = dj_wasm_v_grow(v, v->inits, &v->init_cap,
			v->init_count + 1, DJ_WASM_MAX_LOCALS * 2, sizeof(*p));

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
		dj_wasm_v_pop_of(v, v->locals[i]);
	if (op == DJ_OP_LOCAL_GET && v->unset[i])
		invalid(v, "uninitialized local");
	else if (v->unset[i])
		init_local(v, i);
	if (op != DJ_OP_LOCAL_SET)
		dj_wasm_v_push(v, v->locals[i]);
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
		dj_wasm_v_push(v, g->type);
		return;
	}
	if (!g->is_mutable)
		invalid(v, "global is immutable");
	dj_wasm_v_pop_of(v, g->type);
}

/* first: what the first operand is. */
static void apply(struct dj_wasm_validator *v, const struct dj_wasm_op *o,
	uint32_t first)
{
	for (unsigned i = 2; i > 0; i--) {
		if (o->in[i] != 0)
			dj_wasm_v_pop_of(v, o->in[i]);
	}
	if (first != 0)
		dj_wasm_v_pop_of(v, first);
	if (o->out != 0)
		dj_wasm_v_push(v, o->out);
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
		first = dj_wasm_v_memarg(v, o->width);
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
		first = dj_wasm_v_memarg(v, o->width);
	for (unsigned i = op == DJ_OP_SHUFFLE ? 16 : o->lanes != 0; i > 0; i--)
		lane(v, o->lanes);
	apply(v, o, first);
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
	dj_wasm_v_push(v, types[op - DJ_OP_I32_CONST]);
}

/* Numbers of 128 bits as two, the lower half first. */
static void on_wide(struct dj_wasm_validator *v, uint32_t op)
{
	unsigned n = op == DJ_OP_ADD128 || op == DJ_OP_SUB128 ? 4 : 2;

	while (n-- > 0)
		dj_wasm_v_pop_of(v, DJ_WASM_I64);
	dj_wasm_v_push(v, DJ_WASM_I64);
	dj_wasm_v_push(v, DJ_WASM_I64);
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
	case DJ_OP_LOCAL_GET ... DJ_OP_LOCAL_TEE:
		on_local(v, op);
		break;
	case DJ_OP_GLOBAL_GET ... DJ_OP_GLOBAL_SET:
		on_global(v, op);
		break;
	case DJ_OP_MEMORY_SIZE ... DJ_OP_MEMORY_GROW:
	case DJ_OP_MEMORY_INIT:
	case DJ_OP_MEMORY_COPY ... DJ_OP_MEMORY_FILL:
		dj_wasm_v_memory(v, op);
		break;
	case DJ_OP_DATA_DROP:
		dj_wasm_v_data_at(v);
		break;
	case DJ_OP_ELEM_DROP:
		(void)dj_wasm_v_elem_at(v);
		break;
	case DJ_OP_TABLE_INIT:
	case DJ_OP_TABLE_COPY:
	case DJ_OP_TABLE_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_TABLE_GROW ... DJ_OP_TABLE_FILL:
		dj_wasm_v_table(v, op);
		break;
	case DJ_OP_I32_CONST ... DJ_OP_F64_CONST:
		on_const(v, op);
		break;
	case DJ_OP_TRY_TABLE:
	case DJ_OP_BR_ON_NULL ... DJ_OP_BR_ON_NON_NULL:
	case DJ_OP_BR_ON_CAST ... DJ_OP_BR_ON_CAST_FAIL:
		dj_wasm_v_control(v, op);
		break;
	case DJ_OP_REF_NULL ... DJ_OP_REF_AS_NON_NULL:
		dj_wasm_v_ref(v, op);
		break;
	default:
		if (op <= DJ_OP_CONTROL_LAST)
			dj_wasm_v_control(v, op);
		else if (op >= DJ_OP_GC)
			dj_wasm_v_gc(v, op);
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
		uint32_t *p = dj_wasm_v_grow(v, v->locals, &v->local_cap, count,
			DJ_WASM_MAX_LOCALS * 2, sizeof(*p));

		if (p == NULL)
			return;
		v->locals = p;
	}
	if (count > v->unset_cap) {
		uint8_t *p = dj_wasm_v_grow(v, v->unset, &v->unset_cap, count,
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
	dj_wasm_v_enter(v, bt, BLOCK);
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
	dj_wasm_v_push(v, m->globals[i].type.type);
}

/* What it names, ref.func may name in bodies. */
static void const_func(struct dj_wasm_validator *v)
{
	struct dj_wasm_rd ahead = *v->r;
	uint32_t i = dj_wasm_rd_u32(&ahead);

	if (ahead.st == DJ_OK && i < v->m->func_count)
		v->m->declared_refs[i] = 1;
	dj_wasm_v_ref(v, DJ_OP_REF_FUNC);
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
	dj_wasm_v_enter(v,
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
