// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "tests/wasmgen/gen.h"

#define DEPTH_MAX 7

uint32_t fresh(struct gen *g, uint32_t type)
{
	if (g->local_count == LOCALS_MAX)
		abort();
	g->locals[g->local_count] = type;
	g->locked[g->local_count] = false;
	g->hidden[g->local_count] = false;
	return g->local_count++;
}

uint32_t local_of(struct gen *g, uint32_t type, bool write)
{
	uint32_t from = gen_draw(g, g->local_count + 1);

	for (uint32_t i = 0; i < g->local_count; i++) {
		uint32_t l = (from + i) % g->local_count;

		if (g->locals[l] == type && !g->hidden[l] &&
			(!write || !g->locked[l]))
			return l;
	}
	return UINT32_MAX;
}

/* ---- constants ---- */

static uint64_t number(struct gen *g, unsigned bits)
{
	static const uint64_t some[] = { 0, 1, 2, 3, 7, 8, 16, 31, 32, 33, 63,
		64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
		0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x7fffffffffffffff, 0x8000000000000000 };
	uint64_t v = some[gen_draw(g, sizeof(some) / sizeof(*some))];

	switch (gen_draw(g, 6)) {
	case 0:
		v = gen_draw(g, 20);
		break;
	case 1:
		v = -v;
		break;
	case 2:
		v = gen_draw64(g);
		break;
	case 3:
		v = UINT64_C(1) << gen_draw(g, bits);
		break;
	default:
		break;
	}
	return v;
}

static void put_float(struct gen *g, bool wide, bool zero)
{
	static const double some[] = { 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5,
		2.5, 2147483647.0, 2147483648.0, -2147483648.0, -2147483649.0,
		4294967295.0, 4294967296.0, 9223372036854775808.0,
		-9223372036854775808.0, 18446744073709551616.0, __builtin_inf(),
		-__builtin_inf(), 1e-310, 5e-324, 1e-40, 1e-45, 3.4028234e38,
		3.5e38, 1.7976931348623157e308 };
	double d = some[gen_draw(g, sizeof(some) / sizeof(*some))];
	uint64_t bits = gen_draw64(g);

	if (gen_chance(g, 30))
		d = (double)(int32_t)gen_draw(g, 200) - 100;
	if (zero)
		d = 0;
	if (!zero && gen_chance(g, 8)) {
		/* any bits, NaNs of all kinds among them */
		if (gen_chance(g, 50))
			bits |= wide ? UINT64_C(0x7ff0) << 48 : 0x7f800000;
		put_bytes(&g->out, &bits, wide ? 8 : 4);
	} else if (wide) {
		put_bytes(&g->out, &d, 8);
	} else {
		float f = (float)d;

		put_bytes(&g->out, &f, 4);
	}
}

static void put_vector(struct gen *g, bool zero)
{
	uint64_t v[2] = { 0, 0 };
	uint32_t shape = gen_draw(g, 4);

	if (!zero) {
		v[0] = gen_draw64(g);
		v[1] = gen_draw64(g);
		if (shape == 0)
			v[0] = v[1] = number(g, 64);
		else if (shape == 1)
			for (unsigned i = 0; i < 16; i++)
				((uint8_t *)v)[i] = (uint8_t)number(g, 8);
	}
	put_bytes(&g->out, v, 16);
}

static void ref_constant(struct gen *g, uint32_t type)
{
	if ((type & DJ_WASM_NON_NULL) != 0)
		abort(); /* no such local, label or global is made */
	put_op(&g->out, DJ_OP_REF_NULL);
	put_heap(&g->out, type);
}

void constant(struct gen *g, uint32_t type, bool zero)
{
	switch (type) {
	case DJ_WASM_I32:
		put_op(&g->out, DJ_OP_I32_CONST);
		put_s(&g->out, zero ? 0 : (int32_t)number(g, 32));
		break;
	case DJ_WASM_I64:
		put_op(&g->out, DJ_OP_I64_CONST);
		put_s(&g->out, zero ? 0 : (int64_t)number(g, 64));
		break;
	case DJ_WASM_F32:
	case DJ_WASM_F64:
		put_op(&g->out,
			type == DJ_WASM_F32 ? DJ_OP_F32_CONST
					    : DJ_OP_F64_CONST);
		put_float(g, type == DJ_WASM_F64, zero);
		break;
	case DJ_WASM_V128:
		put_op(&g->out, DJ_OP_V128_CONST);
		put_vector(g, zero);
		break;
	default:
		ref_constant(g, type);
	}
}

static void i32_const(struct gen *g, uint32_t v)
{
	put_op(&g->out, DJ_OP_I32_CONST);
	put_s(&g->out, (int32_t)v);
}

/* ---- NaNs ---- */

/* x == x ? x : NaN, in all lanes; eq compares them. */
static void canonical_vector(struct gen *g, uint32_t eq)
{
	static const uint32_t f32_nan = 0x7fc00000;
	static const uint64_t f64_nan = UINT64_C(0x7ff8) << 48;
	uint32_t l = fresh(g, DJ_WASM_V128);

	g->hidden[l] = true;
	put_op_u(&g->out, DJ_OP_LOCAL_TEE, l);
	put_op(&g->out, DJ_OP_V128_CONST);
	for (unsigned i = 0; i < 4; i++)
		put_bytes(&g->out,
			eq == 0x241 ? (const uint8_t *)&f32_nan
				    : (const uint8_t *)&f64_nan + i % 2 * 4,
			4);
	put_op_u(&g->out, DJ_OP_LOCAL_GET, l);
	put_op_u(&g->out, DJ_OP_LOCAL_GET, l);
	put_op(&g->out, eq);
	put_op(&g->out, 0x252); /* v128.bitselect */
}

void canonical(struct gen *g, uint32_t type)
{
	static const uint32_t f32_nan = 0x7fc00000;
	static const uint64_t f64_nan = UINT64_C(0x7ff8) << 48;
	uint32_t l;

	if (type != DJ_WASM_F32 && type != DJ_WASM_F64)
		return;
	l = fresh(g, type);
	put_op_u(&g->out, DJ_OP_LOCAL_TEE, l);
	if (type == DJ_WASM_F32) {
		put_op(&g->out, DJ_OP_F32_CONST);
		put_bytes(&g->out, &f32_nan, 4);
	} else {
		put_op(&g->out, DJ_OP_F64_CONST);
		put_bytes(&g->out, &f64_nan, 8);
	}
	put_op_u(&g->out, DJ_OP_LOCAL_GET, l);
	put_op_u(&g->out, DJ_OP_LOCAL_GET, l);
	put_op(&g->out, type == DJ_WASM_F32 ? 0x5b : 0x61); /* eq */
	put_op(&g->out, DJ_OP_SELECT);
}

/* Do the bits of operand i of op go where they can be seen? */
static bool shows_bits(uint32_t op, unsigned i)
{
	switch (op) {
	case 0xbc: /* reinterpret */
	case 0xbd:
	case 0x213: /* splat */
	case 0x214:
		return true;
	case 0x98: /* copysign: of the second only the sign */
	case 0xa6:
	case 0x220: /* replace_lane */
	case 0x222:
		return i == 1;
	default:
		return false;
	}
}

/* The comparison that finds NaNs in what a vector operation gives, or 0. */
static uint32_t makes_nan(uint32_t op)
{
	switch (op) {
	case 0x25e: /* f32x4.demote */
	case 0x267 ... 0x26a:
	case 0x2e3 ... 0x2e9:
	case 0x305 ... 0x306:
	case 0x30d ... 0x30e:
		return 0x241; /* f32x4.eq */
	case 0x25f:           /* f64x2.promote */
	case 0x274 ... 0x275:
	case 0x27a:
	case 0x294:
	case 0x2ef ... 0x2f5:
	case 0x307 ... 0x308:
	case 0x30f ... 0x310:
		return 0x247; /* f64x2.eq */
	default:
		return 0;
	}
}

/* ---- plain instructions ---- */

static bool is_plain(uint32_t op)
{
	const struct dj_wasm_op *o = &dj_wasm_ops[op];

	if (o->out == 0 || o->in[0] == 0)
		return false;
	return !(op >= DJ_OP_LOAD_FIRST && op <= DJ_OP_STORE_LAST) &&
		!(op >= DJ_OP_V128_LOAD && op <= DJ_OP_V128_STORE) &&
		!(op >= DJ_OP_LOAD_LANE_FIRST && op <= DJ_OP_LOAD_ZERO_LAST);
}

static bool may_use(const struct gen *g, uint32_t op)
{
	if (op >= 0xc0 && op <= DJ_OP_NUM_LAST)
		return gen_has(g, DJ_WASM_F_SIGN_EXT);
	if (op >= DJ_OP_TRUNC_SAT_FIRST && op <= DJ_OP_TRUNC_SAT_LAST)
		return gen_has(g, DJ_WASM_F_SAT_TRUNC);
	if (op >= DJ_OP_RELAXED_FIRST)
		return gen_has(g, DJ_WASM_F_RELAXED_SIMD);
	return op < DJ_OP_SIMD || gen_has(g, DJ_WASM_F_SIMD);
}

static uint32_t plain_op(struct gen *g, uint32_t type)
{
	static uint16_t list[5][DJ_OP_COUNT], count[5];
	uint32_t i = DJ_WASM_I32 - type, op;

	if (count[0] == 0)
		for (op = 0; op < DJ_OP_COUNT; op++)
			if (is_plain(op)) {
				uint32_t of = DJ_WASM_I32 - dj_wasm_ops[op].out;

				list[of][count[of]++] = (uint16_t)op;
			}
	for (;;) {
		op = list[i][gen_draw(g, count[i])];
		/* Numbers out of vectors are many and rarely wanted. */
		if (may_use(g, op) &&
			(type == DJ_WASM_V128 || op < DJ_OP_SIMD ||
				gen_chance(g, 40)))
			return op;
	}
}

/* Most divisions and conversions do not trap. */
static uint32_t tame(struct gen *g, uint32_t op)
{
	bool is64 = op >= 0x7f && op <= 0x82;

	if (is64 || (op >= 0x6d && op <= 0x70)) {
		if (gen_chance(g, 4))
			return op;
		put_op(&g->out, is64 ? DJ_OP_I64_CONST : DJ_OP_I32_CONST);
		put_s(&g->out, 1 + (int)gen_draw(g, 16));
		put_op(&g->out, is64 ? 0x84 : 0x72); /* or */
		return op;
	}
	if (gen_has(g, DJ_WASM_F_SAT_TRUNC) && gen_chance(g, 75)) {
		if (op >= 0xa8 && op <= 0xab)
			return op - 0xa8 + 0x100;
		if (op >= 0xae && op <= 0xb1)
			return op - 0xae + 0x104;
	}
	return op;
}

static void plain(struct gen *g, uint32_t type)
{
	uint32_t op = plain_op(g, type), eq;
	const struct dj_wasm_op *o = &dj_wasm_ops[op];

	for (unsigned i = 0; i < 3 && o->in[i] != 0; i++) {
		if (i == 1 && gen_chance(g, 15))
			constant(g, o->in[i], false);
		else
			expr(g, o->in[i]);
		if (shows_bits(op, i))
			canonical(g, o->in[i]);
	}
	op = tame(g, op);
	put_op(&g->out, op);
	if (op == DJ_OP_SHUFFLE)
		for (unsigned i = 0; i < 16; i++)
			put(&g->out, (uint8_t)gen_draw(g, 32));
	else if (o->lanes != 0)
		put(&g->out, (uint8_t)gen_draw(g, o->lanes));
	eq = makes_nan(op);
	if (eq != 0)
		canonical_vector(g, eq);
}

/* ---- memory ---- */

static uint32_t address_type(const struct gen *g, uint32_t memory)
{
	return g->memories[memory].is64 ? DJ_WASM_I64 : DJ_WASM_I32;
}

void index64(struct gen *g, bool is64, uint32_t mask)
{
	expr(g, is64 ? DJ_WASM_I64 : DJ_WASM_I32);
	put_op(&g->out, is64 ? DJ_OP_I64_CONST : DJ_OP_I32_CONST);
	put_s(&g->out, mask);
	put_op(&g->out, is64 ? 0x83 : 0x71); /* and */
}

void put_address(struct gen *g, uint32_t memory, uint32_t width)
{
	static const uint32_t masks[] = { 0x3f, 0xff, 0x7ff, 0x7fff };
	uint32_t mask = masks[gen_draw(g, 4)];

	if (gen_chance(g, 3)) {
		expr(g, address_type(g, memory));
		return;
	}
	if (gen_chance(g, 3))
		mask = 0x1ffff;
	index64(g, g->memories[memory].is64, mask & ~width);
}

void memarg(struct gen *g, uint32_t memory, uint32_t width, uint64_t offset)
{
	put_u(&g->out, gen_draw(g, width + 1) | (memory != 0 ? 0x40 : 0));
	if (memory != 0)
		put_u(&g->out, memory);
	put_u(&g->out, offset);
}

static uint64_t any_offset(struct gen *g, uint32_t memory)
{
	uint32_t n = gen_draw(g, 200);

	if (n < 130)
		return gen_draw(g, 64);
	if (n < 190)
		return gen_draw(g, 8192);
	if (n < 197)
		return gen_draw(g, 2 * PAGE);
	return g->memories[memory].is64 && n == 199
		? gen_draw64(g)
		: UINT32_MAX - gen_draw(g, 3);
}

static uint32_t load_op(struct gen *g, uint32_t type)
{
	uint32_t op;

	do {
		op = DJ_OP_LOAD_FIRST + gen_draw(g, 14);
		if (type == DJ_WASM_V128) {
			op = DJ_OP_V128_LOAD + gen_draw(g, 17);
			if (op > DJ_OP_V128_LOAD_SPLAT64)
				op = op - 0x20b + DJ_OP_LOAD_LANE_FIRST;
			if (op >= DJ_OP_STORE_LANE_FIRST)
				op = op - DJ_OP_STORE_LANE_FIRST + 0x25c;
		}
	} while (dj_wasm_ops[op].out != type);
	return op;
}

static void load(struct gen *g, uint32_t type)
{
	uint32_t op = load_op(g, type);
	uint32_t memory = gen_draw(g, g->memory_count);
	const struct dj_wasm_op *o = &dj_wasm_ops[op];

	put_address(g, memory, 0);
	if (o->lanes != 0)
		expr(g, DJ_WASM_V128);
	put_op(&g->out, op);
	memarg(g, memory, o->width, any_offset(g, memory));
	if (o->lanes != 0)
		put(&g->out, (uint8_t)gen_draw(g, o->lanes));
}

/* ---- control ---- */

void push_label(struct gen *g, uint32_t count, const uint32_t *types)
{
	if (g->label_count == LABELS_MAX)
		abort();
	g->labels[g->label_count++] = (struct label){
		.count = count,
		.types = types,
	};
}

void block_type(struct gen *g, uint32_t param_count, const uint32_t *params,
	uint32_t result_count, const uint32_t *results)
{
	if (param_count == 0 && result_count == 0)
		put(&g->out, 0x40);
	else if (param_count == 0 && result_count == 1)
		put_type(&g->out, results[0]);
	else
		put_s(&g->out,
			(int64_t)gen_func_type(g, param_count, params,
				result_count, results));
}

void count_down(struct gen *g, uint32_t count, const uint32_t *types,
	bool in_loop)
{
	put_op_u(&g->out, DJ_OP_GLOBAL_GET, 0);
	put_op(&g->out, DJ_OP_I32_EQZ);
	put_op(&g->out, DJ_OP_IF);
	put(&g->out, 0x40);
	for (uint32_t i = 0; i < count; i++)
		constant(g, types[i], true);
	if (in_loop)
		put_op_u(&g->out, DJ_OP_BR, 2);
	else
		put_op(&g->out, DJ_OP_RETURN);
	put_op(&g->out, DJ_OP_END);
	put_op_u(&g->out, DJ_OP_GLOBAL_GET, 0);
	i32_const(g, 1);
	put_op(&g->out, 0x6b); /* sub */
	put_op_u(&g->out, DJ_OP_GLOBAL_SET, 0);
}

/* Values go in and come out again, in a block or loop. */
static uint32_t some_params(struct gen *g, uint32_t *types)
{
	uint32_t n = 0;

	if (gen_has(g, DJ_WASM_F_MULTI_VALUE) && gen_chance(g, 30))
		for (n = 0; n <= gen_draw(g, 2); n++)
			types[n] = gen_any_type(g);
	return n;
}

static void block(struct gen *g, uint32_t type)
{
	uint32_t params[VALUES_MAX], n = some_params(g, params);

	exprs(g, n, params);
	put_op(&g->out, DJ_OP_BLOCK);
	block_type(g, n, params, 1, &type);
	push_label(g, 1, &type);
	stmts(g, 2);
	keep_one(g, n, params, 0);
	expr(g, type);
	g->label_count--;
	put_op(&g->out, DJ_OP_END);
}

static void loop(struct gen *g, uint32_t type)
{
	uint32_t params[VALUES_MAX], n = some_params(g, params);

	put_op(&g->out, DJ_OP_BLOCK);
	block_type(g, 0, NULL, 1, &type);
	push_label(g, 1, &type);
	exprs(g, n, params);
	put_op(&g->out, DJ_OP_LOOP);
	block_type(g, n, params, 1, &type);
	push_label(g, n, params);
	count_down(g, 1, &type, true);
	stmts(g, 3);
	keep_one(g, n, params, 0);
	expr(g, type);
	g->label_count -= 2;
	put_op(&g->out, DJ_OP_END);
	put_op(&g->out, DJ_OP_END);
}

static void if_else(struct gen *g, uint32_t type)
{
	expr(g, DJ_WASM_I32);
	put_op(&g->out, DJ_OP_IF);
	block_type(g, 0, NULL, 1, &type);
	push_label(g, 1, &type);
	stmts(g, 2);
	expr(g, type);
	put_op(&g->out, DJ_OP_ELSE);
	expr(g, type);
	g->label_count--;
	put_op(&g->out, DJ_OP_END);
}

/* A branch that takes its value along, or leaves it. */
static bool branch_with(struct gen *g, uint32_t type)
{
	uint32_t from = gen_draw(g, g->label_count);

	for (uint32_t i = 0; i < g->label_count; i++) {
		uint32_t at = (from + i) % g->label_count;
		const struct label *l = &g->labels[at];

		if (l->is_closed || l->count != 1 || l->types[0] != type)
			continue;
		expr(g, type);
		expr(g, DJ_WASM_I32);
		put_op_u(&g->out, DJ_OP_BR_IF, g->label_count - 1 - at);
		return true;
	}
	return false;
}

void keep_one(struct gen *g, uint32_t count, const uint32_t *types,
	uint32_t type)
{
	uint32_t keep = UINT32_MAX;

	if (count == 1 && types[0] == type)
		return;
	while (count-- > 0) {
		uint32_t t = types[count];

		if (t == type && keep == UINT32_MAX) {
			keep = fresh(g, t);
			put_op_u(&g->out, DJ_OP_LOCAL_SET, keep);
		} else if (gen_chance(g, 50)) {
			put_op(&g->out, DJ_OP_DROP);
		} else {
			put_op_u(&g->out, DJ_OP_LOCAL_SET, fresh(g, t));
		}
	}
	if (type != 0)
		put_op_u(&g->out, DJ_OP_LOCAL_GET, keep);
}

/* A function that gives type, UINT32_MAX if none was found. */
static uint32_t func_giving(struct gen *g, uint32_t type)
{
	uint32_t from = gen_draw(g, g->func_count);

	for (uint32_t i = 0; i < g->func_count; i++) {
		uint32_t f = (from + i) % g->func_count;
		const struct type *t = &g->types[g->funcs[f]];

		if (type == 0)
			return f;
		for (uint32_t k = 0; k < t->result_count; k++)
			if (t->results[k] == type)
				return f;
	}
	return UINT32_MAX;
}

static uint32_t table_of_funcs(struct gen *g)
{
	uint32_t from = gen_draw(g, g->table_count + 1);

	for (uint32_t i = 0; i < g->table_count; i++) {
		uint32_t t = (from + i) % g->table_count;

		if (g->tables[t].elem == DJ_WASM_FUNCREF)
			return t;
	}
	return UINT32_MAX;
}

bool call(struct gen *g, uint32_t type)
{
	uint32_t f = func_giving(g, type), table;
	const struct type *t;

	if (f == UINT32_MAX)
		return false;
	t = &g->types[g->funcs[f]];
	exprs(g, t->param_count, t->params);
	table = table_of_funcs(g);
	if (gen_has(g, DJ_WASM_F_FUNC_REFS) && gen_chance(g, 20)) {
		expr(g, ref_to(g->funcs[f]));
		put_op_u(&g->out, DJ_OP_CALL_REF, g->funcs[f]);
	} else if (table != UINT32_MAX && gen_chance(g, 40)) {
		/* A table has every function once, from the start. */
		if (gen_chance(g, 70))
			put_op(&g->out,
				g->tables[table].is64 ? DJ_OP_I64_CONST
						      : DJ_OP_I32_CONST),
				put_s(&g->out, f % TABLE_SIZE);
		else
			index64(g, g->tables[table].is64, TABLE_SIZE - 1);
		put_op_u(&g->out, DJ_OP_CALL_INDIRECT, g->funcs[f]);
		put_u(&g->out, table);
	} else {
		put_op_u(&g->out, DJ_OP_CALL, f);
	}
	keep_one(g, t->result_count, t->results, type);
	return true;
}

static void pick(struct gen *g, uint32_t type)
{
	expr(g, type);
	expr(g, type);
	expr(g, DJ_WASM_I32);
	if (!dj_wasm_is_ref(type) &&
		(type != DJ_WASM_V128 || gen_chance(g, 50))) {
		put_op(&g->out, DJ_OP_SELECT);
		return;
	}
	put_op_u(&g->out, DJ_OP_SELECT_T, 1);
	put_type(&g->out, type);
}

/* ---- all ---- */

static void leaf(struct gen *g, uint32_t type)
{
	uint32_t l = local_of(g, type, false);
	uint32_t from = gen_draw(g, g->global_count);

	if (l != UINT32_MAX && gen_chance(g, 70)) {
		put_op_u(&g->out, DJ_OP_LOCAL_GET, l);
		return;
	}
	for (uint32_t i = 0; i < g->global_count && gen_chance(g, 50); i++) {
		uint32_t at = (from + i) % g->global_count;

		/* What is left of the count is nobody's business. */
		if (at == 0 || g->globals[at].type != type)
			continue;
		put_op_u(&g->out, DJ_OP_GLOBAL_GET, at);
		return;
	}
	constant(g, type, false);
}

static void sizes(struct gen *g, uint32_t type)
{
	uint32_t m = gen_draw(g, g->memory_count);

	if (address_type(g, m) != type) {
		leaf(g, type);
	} else if (gen_chance(g, 60)) {
		put_op_u(&g->out, DJ_OP_MEMORY_SIZE, m);
	} else {
		index64(g, g->memories[m].is64, 1);
		put_op_u(&g->out, DJ_OP_MEMORY_GROW, m);
	}
}

static void one(struct gen *g, uint32_t type)
{
	uint32_t n = gen_draw(g, 100);
	bool is_ref = dj_wasm_is_ref(type);

	if (n < 3) {
		block(g, type);
	} else if (n < 6) {
		if_else(g, type);
	} else if (n < 8) {
		loop(g, type);
	} else if (n < 11) {
		pick(g, type);
	} else if (n < 15 && call(g, type)) {
		return;
	} else if (n < 17 && branch_with(g, type)) {
		return;
	} else if (n < 20) {
		/* What is on the stack must outlive this. */
		expr(g, type);
		stmt(g);
	} else if (n < 23 && local_of(g, type, true) != UINT32_MAX) {
		expr(g, type);
		put_op_u(&g->out, DJ_OP_LOCAL_TEE, local_of(g, type, true));
	} else if (n < 30 && !is_ref) {
		load(g, type);
	} else if (n < 33 && (type == DJ_WASM_I32 || type == DJ_WASM_I64)) {
		sizes(g, type);
	} else if (n < 38 && expr_from_ref(g, type)) {
		return;
	} else if (n < 52) {
		leaf(g, type);
	} else if (is_ref) {
		expr_ref(g, type);
	} else {
		plain(g, type);
	}
}

void expr(struct gen *g, uint32_t type)
{
	size_t node = g->nodes++, mark = g->out.len;

	g->depth++;
	if (g->depth > DEPTH_MAX || g->budget <= 0) {
		leaf(g, type);
	} else {
		g->budget--;
		one(g, type);
	}
	g->depth--;
	if (node < g->opt.drop_count && g->opt.drop[node]) {
		g->out.len = mark;
		constant(g, type, true);
	}
}

void exprs(struct gen *g, uint32_t count, const uint32_t *types)
{
	for (uint32_t i = 0; i < count; i++)
		expr(g, types[i]);
}
