// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/compile.h"

static void on_local(struct dj_compiler *c, uint32_t wasm)
{
	uint32_t i = c->map[dj_wasm_rd_u32(&c->r)];
	bool tee = wasm == DJ_OP_LOCAL_TEE;

	if ((i & WIDE) == 0) {
		if (wasm == DJ_OP_LOCAL_GET)
			dj_emit_push_local(c, i);
		else
			dj_emit_set_local(c, i, tee);
		return;
	}
	i &= ~WIDE;
	if (wasm == DJ_OP_LOCAL_GET)
		dj_emit_push_local_wide(c, i);
	else
		dj_emit_set_local_wide(c, i, tee);
}

static void on_select(struct dj_compiler *c)
{
	struct dj_entry y, x;
	uint32_t k = dj_emit_pop_slot(c), a, b;

	if (dj_emit_top_is_wide(c)) {
		b = dj_emit_pop_wide_slot(c);
		a = dj_emit_pop_wide_slot(c);
		dj_emit_result(c, DJ_I_v128_select);
		c->last.wide = true;
		dj_emit_word(c, a);
		dj_emit_word(c, b);
		dj_emit_word(c, k);
		dj_emit_push_wide(c);
		return;
	}
	y = dj_emit_pop(c);
	b = dj_emit_slot_of(c, &y, c->height);
	x = dj_emit_pop(c);
	a = dj_emit_slot_of(c, &x, c->height);
	dj_emit_result(c, DJ_I_select);
	dj_emit_word(c, a);
	dj_emit_word(c, b);
	dj_emit_word(c, k);
	dj_emit_push_home(c, 1);
}

static void on_const(struct dj_compiler *c, uint32_t w)
{
	switch (w) {
	case DJ_OP_I32_CONST:
		dj_emit_push_const(c, (uint32_t)dj_wasm_rd_s32(&c->r));
		break;
	case DJ_OP_I64_CONST:
		dj_emit_push_const(c, (uint64_t)dj_wasm_rd_s64(&c->r));
		break;
	case DJ_OP_F32_CONST:
		dj_emit_push_const(c, dj_wasm_rd_bits(&c->r, 4));
		break;
	case DJ_OP_F64_CONST:
		dj_emit_push_const(c, dj_wasm_rd_bits(&c->r, 8));
		break;
	case DJ_OP_REF_NULL:
		(void)dj_wasm_rd_heaptype(&c->r, c->m);
		dj_emit_push_const(c, 0);
		break;
	case DJ_OP_REF_FUNC:
		dj_emit_push_const(c,
			(uintptr_t)c->inst->funcs[dj_wasm_rd_u32(&c->r)]);
		break;
	}
}

static void on_op(struct dj_compiler *c, uint32_t w)
{
	switch (w) {
	case DJ_OP_DROP:
		dj_emit_drop_to(c,
			c->height - (dj_emit_top_is_wide(c) ? 2 : 1));
		break;
	case DJ_OP_SELECT_T:
		(void)dj_wasm_rd_u32(&c->r);
		(void)dj_wasm_rd_valtype(&c->r, c->m);
		on_select(c);
		break;
	case DJ_OP_SELECT:
		on_select(c);
		break;
	case DJ_OP_TRY_TABLE:
		dj_compile_open_block(c, TRY);
		break;
	case DJ_OP_LOCAL_GET ... DJ_OP_LOCAL_TEE:
		on_local(c, w);
		break;
	case DJ_OP_GLOBAL_GET:
	case DJ_OP_GLOBAL_SET:
		dj_compile_global(c, w);
		break;
	case DJ_OP_TABLE_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_TABLE_GROW ... DJ_OP_TABLE_FILL:
		dj_compile_table(c, w);
		break;
	case DJ_OP_LOAD_FIRST ... DJ_OP_LOAD_LAST:
		dj_compile_load(c, w);
		break;
	case DJ_OP_STORE_FIRST ... DJ_OP_STORE_LAST:
		dj_compile_store(c, w);
		break;
	case DJ_OP_MEMORY_SIZE ... DJ_OP_MEMORY_GROW:
		dj_compile_memory(c, w);
		break;
	case DJ_OP_I32_CONST ... DJ_OP_F64_CONST:
	case DJ_OP_REF_NULL:
	case DJ_OP_REF_FUNC:
		on_const(c, w);
		break;
	case DJ_OP_ADD128 ... DJ_OP_MUL_WIDE_U:
		dj_compile_wide(c, w);
		break;
	case DJ_OP_REF_IS_NULL:
		dj_compile_eqz(c, DJ_I_i64_eq_ss);
		break;
	case DJ_OP_REF_EQ ... DJ_OP_BR_ON_NON_NULL:
		dj_compile_ref(c, w);
		break;
	case DJ_OP_DATA_DROP:
	case DJ_OP_ELEM_DROP:
		dj_compile_drop_segment(c, w);
		break;
	case DJ_OP_MEMORY_INIT:
	case DJ_OP_MEMORY_COPY ... DJ_OP_MEMORY_FILL:
		dj_compile_memory_bulk(c, w);
		break;
	case DJ_OP_TABLE_INIT:
	case DJ_OP_TABLE_COPY:
		dj_compile_table_bulk(c, w);
		break;
	default:
		if (w <= DJ_OP_CONTROL_LAST)
			dj_compile_control(c, w);
		else if (w >= DJ_OP_GC)
			dj_compile_gc(c, w);
		else if (w >= DJ_OP_SIMD)
			dj_compile_simd(c, w);
		else
			dj_compile_numeric(c, w);
	}
}

static void skip_simd(struct dj_wasm_rd *r, uint32_t w)
{
	if (dj_compile_is_simd_memory(w))
		(void)dj_wasm_rd_memarg(r);
	if (w == DJ_OP_V128_CONST || w == DJ_OP_SHUFFLE)
		(void)dj_wasm_rd_bytes(r, 16);
	else if (dj_wasm_ops[w].lanes != 0)
		(void)dj_wasm_rd_u8(r);
}

static void skip_gc(struct dj_wasm_rd *r, const struct dj_wasm_module *m,
	uint32_t w)
{
	uint32_t n = 0;

	switch (w) {
	case DJ_OP_STRUCT_NEW ... DJ_OP_STRUCT_NEW_DEFAULT:
	case DJ_OP_ARRAY_NEW ... DJ_OP_ARRAY_NEW_DEFAULT:
	case DJ_OP_ARRAY_GET ... DJ_OP_ARRAY_SET:
	case DJ_OP_ARRAY_FILL:
		n = 1;
		break;
	case DJ_OP_STRUCT_GET ... DJ_OP_STRUCT_SET:
	case DJ_OP_ARRAY_NEW_FIXED ... DJ_OP_ARRAY_NEW_ELEM:
	case DJ_OP_ARRAY_COPY ... DJ_OP_ARRAY_INIT_ELEM:
		n = 2;
		break;
	case DJ_OP_REF_TEST ... DJ_OP_REF_CAST_NULL:
		(void)dj_wasm_rd_heaptype(r, m);
		break;
	case DJ_OP_BR_ON_CAST ... DJ_OP_BR_ON_CAST_FAIL:
		(void)dj_wasm_rd_cast_branch(r, m);
		break;
	}
	while (n-- > 0)
		(void)dj_wasm_rd_u32(r);
}

/* Reads past an instruction's immediates. */
static void skip(struct dj_wasm_rd *r, const struct dj_wasm_module *m,
	uint32_t w)
{
	uint32_t n;

	if (w >= DJ_OP_GC)
		skip_gc(r, m, w);
	else if (w >= DJ_OP_SIMD)
		skip_simd(r, w);
	switch (w) {
	case DJ_OP_BLOCK ... DJ_OP_IF:
	case DJ_OP_TRY:
		(void)dj_wasm_rd_block_type(r, m);
		break;
	case DJ_OP_SELECT_T:
		(void)dj_wasm_rd_u32(r);
		(void)dj_wasm_rd_valtype(r, m);
		break;
	case DJ_OP_REF_NULL:
		(void)dj_wasm_rd_heaptype(r, m);
		break;
	case DJ_OP_TRY_TABLE:
		(void)dj_wasm_rd_block_type(r, m);
		(void)dj_compile_skip_clauses(r, &n);
		break;
	case DJ_OP_BR_TABLE:
		n = dj_wasm_rd_u32(r);
		for (uint32_t i = 0; i <= n && r->st == DJ_OK; i++)
			(void)dj_wasm_rd_u32(r);
		break;
	case DJ_OP_LOAD_FIRST ... DJ_OP_STORE_LAST:
		(void)dj_wasm_rd_memarg(r);
		break;
	case DJ_OP_CALL_INDIRECT:
	case DJ_OP_RETURN_CALL_INDIRECT:
	case DJ_OP_MEMORY_INIT:
	case DJ_OP_MEMORY_COPY:
	case DJ_OP_TABLE_INIT:
	case DJ_OP_TABLE_COPY:
		(void)dj_wasm_rd_u32(r);
		(void)dj_wasm_rd_u32(r);
		break;
	case DJ_OP_BR ... DJ_OP_BR_IF:
	case DJ_OP_CALL:
	case DJ_OP_RETURN_CALL:
	case DJ_OP_CALL_REF ... DJ_OP_RETURN_CALL_REF:
	case DJ_OP_THROW:
	case DJ_OP_CATCH:
	case DJ_OP_DELEGATE:
	case DJ_OP_RETHROW:
	case DJ_OP_BR_ON_NULL ... DJ_OP_BR_ON_NON_NULL:
	case DJ_OP_LOCAL_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_MEMORY_SIZE ... DJ_OP_MEMORY_GROW:
	case DJ_OP_REF_FUNC:
	case DJ_OP_DATA_DROP:
	case DJ_OP_MEMORY_FILL:
	case DJ_OP_ELEM_DROP:
	case DJ_OP_TABLE_GROW ... DJ_OP_TABLE_FILL:
		(void)dj_wasm_rd_u32(r);
		break;
	case DJ_OP_I32_CONST:
		(void)dj_wasm_rd_s32(r);
		break;
	case DJ_OP_I64_CONST:
		(void)dj_wasm_rd_s64(r);
		break;
	case DJ_OP_F32_CONST:
		(void)dj_wasm_rd_bytes(r, 4);
		break;
	case DJ_OP_F64_CONST:
		(void)dj_wasm_rd_bytes(r, 8);
		break;
	}
}

/* Does it end what cannot be reached? */
static bool next_arm(uint32_t w)
{
	return w == DJ_OP_ELSE || w == DJ_OP_END || w == DJ_OP_CATCH ||
		w == DJ_OP_CATCH_ALL || w == DJ_OP_DELEGATE;
}

/* Code that no path reaches: on to where it can be again. */
static uint32_t next_live(struct dj_compiler *c)
{
	uint32_t nested = 0;

	for (;;) {
		uint32_t w = dj_wasm_rd_opcode(&c->r);

		if (c->r.st != DJ_OK)
			return DJ_OP_END;
		if (nested == 0 && next_arm(w))
			return w;
		if ((w >= DJ_OP_BLOCK && w <= DJ_OP_IF) || w == DJ_OP_TRY ||
			w == DJ_OP_TRY_TABLE)
			nested++;
		if (w == DJ_OP_END || w == DJ_OP_DELEGATE)
			nested--;
		skip(&c->r, c->m, w);
	}
}

static void walk(struct dj_compiler *c)
{
	while (!c->failed && c->depth > 0) {
		uint32_t off = dj_wasm_rd_off(&c->r);

		if (c->dead)
			on_op(c, next_live(c));
		else
			on_op(c, dj_wasm_rd_opcode(&c->r));
		if (c->r.st != DJ_OK)
			c->failed = true;
		if (c->len > c->find && c->found == NONE)
			c->found = off;
	}
}

/* n more locals of a type, from number *at on. */
static void add_locals(struct dj_compiler *c, uint32_t *at, uint32_t n,
	uint32_t type)
{
	uint32_t want = *at + n;

	if (dj_buf_grow(c->s, &c->s->map, (size_t)want * 4) != DJ_OK) {
		c->failed = true;
		return;
	}
	c->map = c->s->map.p;
	for (; *at < want; (*at)++) {
		c->map[*at] = c->locals | (type == DJ_WASM_V128 ? WIDE : 0);
		c->locals += type == DJ_WASM_V128 ? 2 : 1;
	}
}

static void read_locals(struct dj_compiler *c)
{
	const struct dj_wasm_functype *t = c->f->type;
	uint32_t groups, at = 0;

	c->locals = 0;
	for (uint32_t i = 0; i < t->param_count && !c->failed; i++)
		add_locals(c, &at, 1, t->params[i]);
	groups = dj_wasm_rd_u32(&c->r);
	for (uint32_t i = 0; i < groups && !c->failed; i++) {
		uint32_t n = dj_wasm_rd_u32(&c->r);

		add_locals(c, &at, n, dj_wasm_rd_valtype(&c->r, c->m));
	}
	if (dj_buf_grow(c->s, &c->s->heads, ((size_t)c->locals + 1) * 4) !=
		DJ_OK) {
		c->failed = true;
		return;
	}
	c->heads = c->s->heads.p;
	memset(c->heads, 0xff, (size_t)c->locals * 4);
}

static void begin(struct dj_compiler *c)
{
	const struct dj_wasm_functype *t = c->f->type;

	if (dj_buf_grow(c->s, &c->s->entries, 64 * sizeof(*c->stack)) !=
			DJ_OK ||
		dj_buf_grow(c->s, &c->s->blocks, 64 * sizeof(*c->blocks)) !=
			DJ_OK) {
		c->failed = true;
		return;
	}
	c->stack = c->s->entries.p;
	c->stack_cap = (uint32_t)(c->s->entries.cap / sizeof(*c->stack));
	c->blocks = c->s->blocks.p;
	c->block_cap = (uint32_t)(c->s->blocks.cap / sizeof(*c->blocks));
	c->code = c->s->code.p;
	c->cap = (uint32_t)(c->s->code.cap / 4);
	c->blocks[0] = (struct dj_block){
		.kind = BLOCK,
		.results = dj_slots(t->results, t->result_count),
		.bt = {
			.result_count = t->result_count,
			.more = t->results,
		},
		.exits = NONE,
		.otherwise = NONE,
	};
	c->depth = 1;
	dj_emit_forget_last(c);
	read_locals(c);
}

/* Where code stays; chunks are released with the store. */
#define CHUNK ((size_t)256 << 10)

static uint32_t *keep_code(struct dj_store *s, uint32_t len)
{
	size_t need = (size_t)len * 4, size;
	struct dj_chunk *k = s->chunks;
	uint32_t *p;

	if (k == NULL || k->len - k->used < need) {
		size = need + sizeof(*k) > CHUNK ? need + sizeof(*k) : CHUNK;
		size = (size + DJ_ARENA_STEP - 1) & ~(DJ_ARENA_STEP - 1);
		k = s->config.mem.reserve(size);
		if (k == NULL)
			return NULL;
		if (s->config.mem.commit(k, size) != DJ_OK) {
			s->config.mem.release(k, size);
			return NULL;
		}
		*k = (struct dj_chunk){
			.next = s->chunks,
			.len = size,
			.used = sizeof(*k),
		};
		s->chunks = k;
	}
	p = (uint32_t *)(void *)((uint8_t *)k + k->used);
	k->used += need;
	return p;
}

static enum dj_trap finish(struct dj_compiler *c)
{
	struct dj_func *f = c->f;
	uint32_t slots = c->locals + c->max_height + 1;
	uint32_t results = c->blocks[0].results;
	uint32_t *p = keep_code(c->s, c->len);
	size_t handlers = c->handlers * sizeof(*f->handlers);
	void *h = dj_arena_array(c->s->arena, c->handlers, sizeof(*f->handlers),
		8);

	if (p == NULL || h == NULL)
		return DJ_TRAP_LIMIT;
	if (handlers != 0)
		memcpy(h, c->s->handlers.p, handlers);
	f->handlers = h;
	f->handler_count = c->handlers;
	dj_pair(c);
	memcpy(p, c->code, (size_t)c->len * 4);
	f->code = p;
	f->code_words = c->len;
	f->frame_slots = slots > results ? slots : results;
	f->zero_from = dj_slots(f->type->params, f->type->param_count);
	f->zero_end = c->locals;
	return DJ_TRAP_NONE;
}

enum dj_trap dj_compile(struct dj_func *f, uint32_t *find)
{
	const struct dj_wasm_module *m = f->inst->module;
	const struct dj_wasm_func *def = &m->funcs[f->index];
	struct dj_compiler c = {
		.s = f->inst->store,
		.f = f,
		.inst = f->inst,
		.m = m,
		.r = dj_wasm_rd_of(m->bytes, def->body, def->len),
		.find = find == NULL ? NONE : *find,
		.found = NONE,
	};

	c.r.features = m->features;
	begin(&c);
	walk(&c);
	if (c.failed)
		return DJ_TRAP_LIMIT;
	if (find == NULL)
		return finish(&c);
	if (c.found != NONE)
		*find = c.found;
	return DJ_TRAP_NONE;
}
