// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/compile.h"

/* An index or length of 64 bits, at height, into one of 32 that is as far
 * out of bounds. */
static uint32_t narrow(struct dj_compiler *c, uint32_t slot, uint32_t height)
{
	dj_emit_op(c, DJ_I_index64, dj_emit_home(c, height));
	dj_emit_word(c, slot);
	return dj_emit_home(c, height);
}

uint32_t dj_compile_pop_index(struct dj_compiler *c, bool is64)
{
	uint32_t i = dj_emit_pop_slot(c);

	return is64 ? narrow(c, i, c->height) : i;
}

/* One of the top n operands, which are at home; 0 is the lowest. */
static void narrow_top(struct dj_compiler *c, uint32_t n, uint32_t i, bool is64)
{
	uint32_t at = c->height - n + i;

	if (is64)
		(void)narrow(c, dj_emit_home(c, at), at);
}

/* Sums that can be part of an access. */
static unsigned sum_variant(enum dj_engine_op o)
{
	switch ((int)o) {
	case DJ_I_i32_add_ss:
		return DJ_LD_SS;
	case DJ_I_i32_add_shl:
		return DJ_LD_SX;
	case DJ_I_i32_add_si:
		return DJ_LD_SC;
	default:
		return DJ_LD_S;
	}
}

static struct dj_addr pop_addr(struct dj_compiler *c, uint32_t off)
{
	struct dj_addr a = { .variant = DJ_LD_S, .n = 2 };
	struct dj_entry e;
	uint32_t w[WORDS_MAX];

	if (dj_emit_last_makes_top(c) && sum_variant(c->last.op) != DJ_LD_S) {
		a.variant = sum_variant(c->last.op);
		a.n = a.variant == DJ_LD_SX ? 3 : 2;
		(void)dj_emit_pop(c);
		(void)dj_emit_take_last(c, w);
		memcpy(a.w, w + 2, sizeof(a.w));
		return a;
	}
	e = dj_emit_pop(c);
	if (e.kind == CONST &&
		(uint64_t)(uint32_t)e.value + off <= UINT32_MAX) {
		a.variant = DJ_LD_ABS;
		a.n = 0;
		a.w[0] = (uint32_t)e.value;
		return a;
	}
	a.n = 1;
	a.w[0] = dj_emit_slot_of(c, &e, c->height);
	return a;
}

static void emit_addr(struct dj_compiler *c, const struct dj_addr *a,
	uint32_t off)
{
	for (unsigned i = 0; i < a->n; i++)
		dj_emit_word(c, a->w[i]);
	dj_emit_word(c, a->variant == DJ_LD_ABS ? a->w[0] + off : off);
}

struct dj_access dj_compile_read_access(struct dj_compiler *c)
{
	struct dj_wasm_memarg a = dj_wasm_rd_memarg(&c->r);
	struct dj_memory *mem = c->inst->memories[a.mem];

	return (struct dj_access){
		.mem = mem,
		.off = mem->limits.is64 ? 0 : (uint32_t)a.offset,
		.off64 = a.offset,
		.first = mem == c->inst->mem,
	};
}

struct dj_addr dj_compile_pop_address(struct dj_compiler *c,
	const struct dj_access *k)
{
	struct dj_addr a = { .variant = DJ_LD_S, .n = 1 };
	uint32_t from;

	if (!k->mem->limits.is64)
		return pop_addr(c, k->off);
	from = dj_emit_pop_slot(c);
	a.w[0] = dj_emit_home(c, c->height);
	dj_emit_op(c, DJ_I_address64, a.w[0]);
	dj_emit_word(c, from);
	dj_emit_word(c, (uint32_t)k->off64);
	dj_emit_word(c, (uint32_t)(k->off64 >> 32));
	return a;
}

void dj_compile_use_memory(struct dj_compiler *c, struct dj_memory *mem)
{
	dj_emit_op(c, DJ_I_memory, NONE);
	dj_emit_words(c, mem);
}

void dj_compile_load(struct dj_compiler *c, uint32_t wasm)
{
	struct dj_access k = dj_compile_read_access(c);
	struct dj_addr a = dj_compile_pop_address(c, &k);

	if (!k.first)
		dj_compile_use_memory(c, k.mem);
	dj_emit_result(c,
		DJ_I_i32_load_s + (wasm - DJ_OP_LOAD_FIRST) * DJ_LOAD_SIZE +
			a.variant);
	emit_addr(c, &a, k.off);
	dj_emit_push_home(c, 1);
	if (!k.first)
		dj_compile_use_memory(c, c->inst->mem);
}

void dj_compile_store(struct dj_compiler *c, uint32_t wasm)
{
	struct dj_access k = dj_compile_read_access(c);
	enum dj_engine_op o =
		DJ_I_i32_store_s + (wasm - DJ_OP_STORE_FIRST) * DJ_STORE_SIZE;
	bool is64 = wasm == 0x37 || wasm == 0x39 || wasm >= 0x3c;
	bool plain = k.first && !k.mem->limits.is64;
	struct dj_entry v = dj_emit_pop_pinned(c);
	struct dj_addr a;

	if (plain && v.kind == CONST && dj_emit_fits_imm(v.value, is64) &&
		wasm != 0x38 && wasm != 0x39 &&
		c->stack[c->height - 1].kind != CONST) {
		uint32_t at = dj_emit_pop_slot(c);

		dj_emit_op(c, o + DJ_ST_SI, NONE);
		dj_emit_word(c, (uint32_t)v.value);
		dj_emit_word(c, at);
		dj_emit_word(c, k.off);
		return;
	}
	if (v.kind == CONST) {
		uint32_t from = dj_emit_slot_of(c, &v, c->height);

		v.kind = LOCAL;
		v.local = from;
	}
	a = dj_compile_pop_address(c, &k);
	if (!k.first)
		dj_compile_use_memory(c, k.mem);
	dj_emit_op(c, o + a.variant, NONE);
	dj_emit_word(c, v.local);
	emit_addr(c, &a, k.off);
	if (!k.first)
		dj_compile_use_memory(c, c->inst->mem);
}

/* An i32 that was made at the top, to the i64 that a grow gives. */
static void widen_top(struct dj_compiler *c, bool is64)
{
	if (!is64)
		return;
	(void)dj_emit_pop(c);
	dj_emit_unary_at(c, DJ_I_i64_extend_i32_s, dj_emit_home(c, c->height));
}

void dj_compile_table(struct dj_compiler *c, uint32_t wasm)
{
	struct dj_table *t = c->inst->tables[dj_wasm_rd_u32(&c->r)];
	bool is64 = t->limits.is64;
	uint32_t n = wasm == DJ_OP_TABLE_GET ? 1
		: wasm == DJ_OP_TABLE_FILL   ? 3
					     : 2;

	if (wasm != DJ_OP_TABLE_SIZE) {
		dj_emit_flush_top(c, n);
		narrow_top(c, n, wasm == DJ_OP_TABLE_GROW ? 1 : 0, is64);
		narrow_top(c, n, 2, wasm == DJ_OP_TABLE_FILL && is64);
	}
	switch (wasm) {
	case DJ_OP_TABLE_GET:
		dj_emit_rare(c, DJ_I_table_get, n);
		break;
	case DJ_OP_TABLE_SET:
		dj_emit_rare(c, DJ_I_table_set, n);
		break;
	case DJ_OP_TABLE_GROW:
		dj_emit_rare(c, DJ_I_table_grow, n);
		break;
	case DJ_OP_TABLE_SIZE:
		dj_emit_result(c, DJ_I_table_size);
		break;
	case DJ_OP_TABLE_FILL:
		dj_emit_rare(c, DJ_I_table_fill, n);
		break;
	}
	dj_emit_words(c, t);
	if (wasm != DJ_OP_TABLE_SET && wasm != DJ_OP_TABLE_FILL)
		dj_emit_push_home(c, 1);
	widen_top(c, is64 && wasm == DJ_OP_TABLE_GROW);
}

void dj_compile_memory(struct dj_compiler *c, uint32_t wasm)
{
	struct dj_memory *mem = c->inst->memories[dj_wasm_rd_u32(&c->r)];
	bool is64 = mem->limits.is64;
	uint32_t from;

	if (wasm == DJ_OP_MEMORY_SIZE) {
		dj_emit_result(c, DJ_I_memory_size);
		dj_emit_words(c, mem);
		dj_emit_push_home(c, 1);
		return;
	}
	from = dj_compile_pop_index(c, is64);
	dj_emit_result(c, DJ_I_memory_grow);
	dj_emit_word(c, from);
	dj_emit_words(c, mem);
	dj_emit_push_home(c, 1);
	widen_top(c, is64);
}

/* Destination, source, length: each may be of 64 bits. */
static void bulk_operands(struct dj_compiler *c, bool to, bool from,
	bool length)
{
	dj_emit_flush_top(c, 3);
	narrow_top(c, 3, 0, to);
	narrow_top(c, 3, 1, from);
	narrow_top(c, 3, 2, length);
}

void dj_compile_memory_bulk(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t i = wasm == DJ_OP_MEMORY_INIT ? dj_wasm_rd_u32(&c->r) : 0;
	struct dj_memory *to = c->inst->memories[dj_wasm_rd_u32(&c->r)], *from;
	bool is64 = to->limits.is64;

	switch (wasm) {
	case DJ_OP_MEMORY_INIT:
		bulk_operands(c, is64, false, false);
		dj_emit_rare(c, DJ_I_memory_init, 3);
		dj_emit_word(c, i);
		dj_emit_words(c, to);
		break;
	case DJ_OP_MEMORY_COPY:
		from = c->inst->memories[dj_wasm_rd_u32(&c->r)];
		bulk_operands(c, is64, from->limits.is64,
			is64 && from->limits.is64);
		dj_emit_rare(c, DJ_I_memory_copy, 3);
		dj_emit_words(c, to);
		dj_emit_words(c, from);
		break;
	case DJ_OP_MEMORY_FILL:
		bulk_operands(c, is64, false, is64);
		dj_emit_rare(c, DJ_I_memory_fill, 3);
		dj_emit_words(c, to);
		break;
	}
}

void dj_compile_table_bulk(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t i = dj_wasm_rd_u32(&c->r), k = dj_wasm_rd_u32(&c->r);
	struct dj_table *to, *from;

	if (wasm == DJ_OP_TABLE_INIT) {
		to = c->inst->tables[k];
		bulk_operands(c, to->limits.is64, false, false);
		dj_emit_rare(c, DJ_I_table_init, 3);
		dj_emit_word(c, i);
		dj_emit_words(c, to);
		return;
	}
	to = c->inst->tables[i];
	from = c->inst->tables[k];
	bulk_operands(c, to->limits.is64, from->limits.is64,
		to->limits.is64 && from->limits.is64);
	dj_emit_rare(c, DJ_I_table_copy, 3);
	dj_emit_words(c, to);
	dj_emit_words(c, from);
}

void dj_compile_drop_segment(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t i = dj_wasm_rd_u32(&c->r);

	dj_emit_op(c, wasm == DJ_OP_DATA_DROP ? DJ_I_data_drop : DJ_I_elem_drop,
		NONE);
	dj_emit_word(c, i);
}

void dj_compile_global(struct dj_compiler *c, uint32_t wasm)
{
	struct dj_global *g = c->inst->globals[dj_wasm_rd_u32(&c->r)];
	bool wide = g->type.type == DJ_WASM_V128;
	uint32_t from;

	if (wasm == DJ_OP_GLOBAL_GET) {
		dj_emit_result(c, wide ? DJ_I_global_get128 : DJ_I_global_get);
		c->last.wide = wide;
		dj_emit_words(c, g);
		if (wide)
			dj_emit_push_wide(c);
		else
			dj_emit_push_home(c, 1);
		return;
	}
	from = wide ? dj_emit_pop_wide_slot(c) : dj_emit_pop_slot(c);
	dj_emit_op(c, wide ? DJ_I_global_set128 : DJ_I_global_set, NONE);
	dj_emit_word(c, from);
	dj_emit_words(c, g);
}
