// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/compile.h"

/* Vectors. */
static const uint16_t simd_ops[DJ_OP_COUNT - DJ_OP_SIMD] = {
#define DJ_SIMD_ROW(Y, n, name) [n] = DJ_I_##name,
	DJ_SIMD(DJ_SIMD_ROW, )
#undef DJ_SIMD_ROW
#define DJ_SIMD_ROW(n, name) [n] = DJ_I_##name,
		DJ_RELAXED(DJ_SIMD_ROW)
#undef DJ_SIMD_ROW
};

static enum dj_engine_op simd_op(uint32_t wasm)
{
	return (enum dj_engine_op)simd_ops[wasm - DJ_OP_SIMD];
}

static void simd_memory(struct dj_compiler *c, uint32_t wasm)
{
	const struct dj_wasm_op *o = &dj_wasm_ops[wasm];
	struct dj_access k = dj_compile_read_access(c);
	uint32_t w[WORDS_MAX], v = 0;
	uint32_t lane = o->lanes != 0 ? dj_wasm_rd_u8(&c->r) : 0;
	uint32_t at[3] = { 0, 0, k.off };
	struct dj_addr a;

	if (o->in[1] != 0)
		v = dj_emit_pop_wide_slot(c);
	if (k.mem->limits.is64) {
		a = dj_compile_pop_address(c, &k);
		at[0] = a.w[0];
	} else if (dj_emit_last_makes_top(c) && c->last.op == DJ_I_i32_add_si) {
		(void)dj_emit_pop(c);
		(void)dj_emit_take_last(c, w);
		at[0] = w[2];
		at[1] = w[3];
	} else {
		at[0] = dj_emit_pop_slot(c);
	}
	if (!k.first)
		dj_compile_use_memory(c, k.mem);
	if (o->out != 0) {
		dj_emit_result(c, simd_op(wasm));
		c->last.wide = true;
	} else {
		dj_emit_op(c, simd_op(wasm), NONE);
	}
	if (o->in[1] != 0)
		dj_emit_word(c, v);
	dj_emit_put_words(c, at, 3);
	if (o->lanes != 0)
		dj_emit_word(c, lane);
	if (o->out != 0)
		dj_emit_push_wide(c);
	if (!k.first)
		dj_compile_use_memory(c, c->inst->mem);
}

static void simd_const(struct dj_compiler *c)
{
	dj_emit_push_const(c, dj_wasm_rd_bits(&c->r, 8));
	dj_emit_push_const(c, dj_wasm_rd_bits(&c->r, 8));
	if (!c->failed)
		c->stack[c->height - 1].wide = true;
}

bool dj_compile_is_simd_memory(uint32_t wasm)
{
	return wasm <= DJ_OP_V128_STORE ||
		(wasm >= DJ_OP_LOAD_LANE_FIRST && wasm <= DJ_OP_LOAD_ZERO_LAST);
}

void dj_compile_simd(struct dj_compiler *c, uint32_t wasm)
{
	const struct dj_wasm_op *o = &dj_wasm_ops[wasm];
	uint32_t imm[4], imms = 0, in[3] = { 0 }, n = 0;

	if (wasm == DJ_OP_V128_CONST) {
		simd_const(c);
		return;
	}
	if (dj_compile_is_simd_memory(wasm)) {
		simd_memory(c, wasm);
		return;
	}
	if (wasm == DJ_OP_SHUFFLE) {
		for (; imms < 4; imms++)
			imm[imms] = (uint32_t)dj_wasm_rd_bits(&c->r, 4);
	} else if (o->lanes != 0) {
		imm[imms++] = dj_wasm_rd_u8(&c->r);
	}
	while (n < 3 && o->in[n] != 0)
		n++;
	for (unsigned i = n; i > 0; i--)
		in[i - 1] = o->in[i - 1] == DJ_WASM_V128
			? dj_emit_pop_wide_slot(c)
			: dj_emit_pop_slot(c);
	dj_emit_result(c, simd_op(wasm));
	dj_emit_put_words(c, in, n);
	dj_emit_put_words(c, imm, imms);
	if (o->out == DJ_WASM_V128) {
		c->last.wide = true;
		dj_emit_push_wide(c);
	} else {
		dj_emit_push_home(c, 1);
	}
}
