// SPDX-License-Identifier: Apache-2.0
#include "client/aot/insn.h"

#include <stdlib.h>

static void read_memarg(struct dj_wasm_rd *r, struct insn *i)
{
	struct dj_wasm_memarg a = dj_wasm_rd_memarg(r);

	i->mem = a.mem;
	i->imm = a.offset;
}

static void read_simd(struct dj_wasm_rd *r, struct insn *i)
{
	uint32_t op = i->op;

	if (op <= DJ_OP_V128_STORE ||
		(op >= DJ_OP_LOAD_LANE_FIRST && op <= DJ_OP_LOAD_ZERO_LAST))
		read_memarg(r, i);
	if (op == DJ_OP_V128_CONST || op == DJ_OP_SHUFFLE)
		i->bytes = dj_wasm_rd_bytes(r, 16);
	else if (dj_wasm_ops[op].lanes != 0)
		i->lane = dj_wasm_rd_u8(r);
}

static void read_label_list(struct dj_wasm_rd *r, struct insn *i)
{
	i->a = dj_wasm_rd_u32(r);
	i->list = *r;
	for (uint32_t n = 0; n <= i->a && r->st == DJ_OK; n++)
		(void)dj_wasm_rd_u32(r);
}

static void read_try(struct dj_wasm_rd *r, const struct dj_wasm_module *m,
	struct insn *i)
{
	i->bt = dj_wasm_rd_block_type(r, m);
	i->a = dj_wasm_rd_u32(r);
	i->list = *r;
	for (uint32_t n = 0; n < i->a && r->st == DJ_OK; n++)
		(void)dj_wasm_rd_clause(r);
}

static void read_gc(struct dj_wasm_rd *r, const struct dj_wasm_module *m,
	struct insn *i)
{
	struct dj_wasm_cast_branch cast;

	switch (i->op) {
	case DJ_OP_STRUCT_NEW:
	case DJ_OP_STRUCT_NEW_DEFAULT:
	case DJ_OP_ARRAY_NEW:
	case DJ_OP_ARRAY_NEW_DEFAULT:
	case DJ_OP_ARRAY_GET ... DJ_OP_ARRAY_SET:
	case DJ_OP_ARRAY_FILL:
		i->a = dj_wasm_rd_type(r, m);
		break;
	case DJ_OP_STRUCT_GET ... DJ_OP_STRUCT_SET:
	case DJ_OP_ARRAY_NEW_FIXED ... DJ_OP_ARRAY_NEW_ELEM:
	case DJ_OP_ARRAY_INIT_DATA ... DJ_OP_ARRAY_INIT_ELEM:
		i->a = dj_wasm_rd_type(r, m);
		i->b = dj_wasm_rd_u32(r);
		break;
	case DJ_OP_ARRAY_COPY:
		i->a = dj_wasm_rd_type(r, m);
		i->b = dj_wasm_rd_type(r, m);
		break;
	case DJ_OP_REF_TEST ... DJ_OP_REF_CAST_NULL:
		i->type = dj_wasm_rd_heaptype(r, m);
		if (i->op == DJ_OP_REF_TEST || i->op == DJ_OP_REF_CAST)
			i->type |= DJ_WASM_NON_NULL;
		break;
	case DJ_OP_BR_ON_CAST ... DJ_OP_BR_ON_CAST_FAIL:
		cast = dj_wasm_rd_cast_branch(r, m);
		i->a = cast.label;
		i->type = cast.to;
		break;
	default:
		break;
	}
}

/* False: not one that has immediates of its own kind. */
static bool read_rest(struct dj_wasm_rd *r, const struct dj_wasm_module *m,
	struct insn *i)
{
	uint32_t op = i->op;

	if (op >= DJ_OP_SIMD && op < DJ_OP_COUNT) {
		read_simd(r, i);
		return true;
	}
	if (op >= DJ_OP_LOAD_FIRST && op <= DJ_OP_STORE_LAST) {
		read_memarg(r, i);
		return true;
	}
	if (op >= DJ_OP_GC && op < DJ_OP_GC_END) {
		read_gc(r, m, i);
		return true;
	}
	return (op >= DJ_OP_I32_EQZ && op <= DJ_OP_NUM_LAST) ||
		(op >= DJ_OP_TRUNC_SAT_FIRST && op <= DJ_OP_TRUNC_SAT_LAST) ||
		(op >= DJ_OP_ADD128 && op <= DJ_OP_MUL_WIDE_U);
}

bool insn_read(struct dj_wasm_rd *r, const struct dj_wasm_module *m,
	struct insn *ret)
{
	struct insn i = { .at = dj_wasm_rd_off(r) };

	i.op = dj_wasm_rd_opcode(r);
	switch (i.op) {
	case DJ_OP_UNREACHABLE:
	case DJ_OP_NOP:
	case DJ_OP_ELSE:
	case DJ_OP_END:
	case DJ_OP_RETURN:
	case DJ_OP_DROP:
	case DJ_OP_SELECT:
	case DJ_OP_REF_IS_NULL:
	case DJ_OP_REF_EQ ... DJ_OP_REF_AS_NON_NULL:
	case DJ_OP_THROW_REF:
	case DJ_OP_CATCH_ALL:
		break;
	case DJ_OP_BLOCK:
	case DJ_OP_LOOP:
	case DJ_OP_IF:
	case DJ_OP_TRY:
		i.bt = dj_wasm_rd_block_type(r, m);
		break;
	case DJ_OP_TRY_TABLE:
		read_try(r, m, &i);
		break;
	case DJ_OP_BR:
	case DJ_OP_BR_IF:
	case DJ_OP_CALL:
	case DJ_OP_RETURN_CALL:
	case DJ_OP_THROW:
	case DJ_OP_CATCH:
	case DJ_OP_RETHROW:
	case DJ_OP_DELEGATE:
	case DJ_OP_BR_ON_NULL ... DJ_OP_BR_ON_NON_NULL:
	case DJ_OP_LOCAL_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_MEMORY_SIZE:
	case DJ_OP_MEMORY_GROW:
	case DJ_OP_REF_FUNC:
	case DJ_OP_DATA_DROP:
	case DJ_OP_MEMORY_FILL:
	case DJ_OP_ELEM_DROP:
	case DJ_OP_TABLE_GROW ... DJ_OP_TABLE_FILL:
		i.a = dj_wasm_rd_u32(r);
		break;
	case DJ_OP_CALL_REF:
	case DJ_OP_RETURN_CALL_REF:
		i.a = dj_wasm_rd_type(r, m);
		break;
	case DJ_OP_CALL_INDIRECT:
	case DJ_OP_RETURN_CALL_INDIRECT:
		i.a = dj_wasm_rd_type(r, m);
		i.b = dj_wasm_rd_u32(r);
		break;
	case DJ_OP_MEMORY_INIT:
	case DJ_OP_MEMORY_COPY:
	case DJ_OP_TABLE_INIT:
	case DJ_OP_TABLE_COPY:
		i.a = dj_wasm_rd_u32(r);
		i.b = dj_wasm_rd_u32(r);
		break;
	case DJ_OP_BR_TABLE:
		read_label_list(r, &i);
		break;
	case DJ_OP_SELECT_T:
		(void)dj_wasm_rd_u32(r);
		i.type = dj_wasm_rd_valtype(r, m);
		break;
	case DJ_OP_REF_NULL:
		i.type = dj_wasm_rd_heaptype(r, m);
		break;
	case DJ_OP_I32_CONST:
		i.imm = (uint32_t)dj_wasm_rd_s32(r);
		break;
	case DJ_OP_I64_CONST:
		i.imm = (uint64_t)dj_wasm_rd_s64(r);
		break;
	case DJ_OP_F32_CONST:
		i.imm = dj_wasm_rd_bits(r, 4);
		break;
	case DJ_OP_F64_CONST:
		i.imm = dj_wasm_rd_bits(r, 8);
		break;
	default:
		if (!read_rest(r, m, &i)) {
			*ret = i;
			return false;
		}
	}
	*ret = i;
	return r->st == DJ_OK;
}

/* ---- the plan ---- */

/*
 * Each open block has a list of what it assigns. mark[x] is the innermost
 * open block that has x in its list; an entry keeps the mark before it, so
 * that a block's end gives its list to the one around it without a search.
 */
struct item {
	uint32_t local, before;
};

struct open {
	uint32_t number; /* UINT32_MAX: the function's own */
	uint32_t at;
	bool is_loop, plain;
	struct item *items;
	uint32_t count, cap;
};

struct scan {
	struct plan *p;
	struct open *opens;
	uint32_t depth, cap, imported;
	bool *asked;
	uint32_t *mark; /* per local: depth + 1 of an open block; 0: none */
};

static bool grow(void **p, uint32_t *cap, uint32_t want, size_t size)
{
	uint32_t n = *cap == 0 ? 16 : *cap;
	void *q;

	if (want <= *cap)
		return true;
	while (n < want)
		n *= 2;
	q = realloc(*p, n * size);
	if (q == NULL)
		return false;
	*p = q;
	*cap = n;
	return true;
}

static bool note(struct scan *s, uint32_t depth, uint32_t local)
{
	struct open *o = &s->opens[depth];
	void *items = o->items;

	if (s->mark[local] == depth + 1)
		return true;
	if (!grow(&items, &o->cap, o->count + 1, sizeof(*o->items)))
		return false;
	o->items = items;
	o->items[o->count++] =
		(struct item){ .local = local, .before = s->mark[local] };
	s->mark[local] = depth + 1;
	return true;
}

static bool open_block(struct scan *s, bool is_function, bool is_loop,
	uint32_t at)
{
	struct plan *p = s->p;
	void *opens = s->opens, *blocks = p->blocks;
	uint32_t had = s->cap, number = UINT32_MAX;

	if (!grow(&opens, &s->cap, s->depth + 1, sizeof(*s->opens)))
		return false;
	s->opens = opens;
	for (uint32_t i = had; i < s->cap; i++)
		s->opens[i] = (struct open){ 0 };
	if (!is_function) {
		if (!grow(&blocks, &p->block_cap, p->block_count + 1,
			    sizeof(*p->blocks)))
			return false;
		p->blocks = blocks;
		number = p->block_count++;
		p->blocks[number] = (struct plan_block){ 0 };
	}
	s->opens[s->depth].number = number;
	s->opens[s->depth].at = at;
	s->opens[s->depth].is_loop = is_loop;
	s->opens[s->depth].plain = true;
	s->opens[s->depth].count = 0;
	s->depth++;
	return true;
}

static bool keep_list(struct plan *p, const struct open *o)
{
	struct plan_block *b = &p->blocks[o->number];

	if (p->local_count + o->count > p->local_cap) {
		size_t n = (p->local_count + o->count) * 2;
		uint32_t *q = realloc(p->locals, n * sizeof(*q));

		if (q == NULL)
			return false;
		p->locals = q;
		p->local_cap = n;
	}
	b->first = (uint32_t)p->local_count;
	b->count = o->count;
	for (uint32_t i = 0; i < o->count; i++)
		p->locals[p->local_count++] = o->items[i].local;
	return true;
}

static bool close_block(struct scan *s, uint32_t at)
{
	struct open *o = &s->opens[--s->depth];
	struct plan_block *b;

	if (o->number == UINT32_MAX)
		return true;
	b = &s->p->blocks[o->number];
	b->len = at - o->at;
	b->plain = o->is_loop && o->plain;
	if (o->is_loop || !o->plain)
		s->opens[s->depth - 1].plain = false;
	if (!keep_list(s->p, o))
		return false;
	for (uint32_t i = 0; i < o->count; i++)
		s->mark[o->items[i].local] = o->items[i].before;
	for (uint32_t i = 0; i < o->count; i++)
		if (!note(s, s->depth - 1, o->items[i].local))
			return false;
	return true;
}

static uint32_t count_locals(const struct dj_wasm_module *m, uint32_t func,
	struct dj_wasm_rd *r)
{
	uint32_t n = dj_wasm_functype_at(m, m->funcs[func].type)->param_count;
	uint32_t groups = dj_wasm_rd_u32(r);

	for (uint32_t i = 0; i < groups; i++) {
		n += dj_wasm_rd_u32(r);
		(void)dj_wasm_rd_valtype(r, m);
	}
	return n;
}

static void note_asked(struct scan *s, const struct insn *i)
{
	if (s->asked != NULL && i->b == 0)
		s->asked[i->a] = true;
}

static bool scan_insn(struct scan *s, const struct insn *i)
{
	switch (i->op) {
	case DJ_OP_LOOP:
		s->p->has_loop = true;
		return open_block(s, false, true, i->at);
	case DJ_OP_TRY_TABLE:
	case DJ_OP_TRY:
		s->p->throws = true;
		s->opens[s->depth - 1].plain = false;
		return open_block(s, false, false, i->at);
	case DJ_OP_BLOCK:
	case DJ_OP_IF:
		return open_block(s, false, false, i->at);
	case DJ_OP_END:
	case DJ_OP_DELEGATE:
		return close_block(s, i->at);
	case DJ_OP_LOCAL_SET:
	case DJ_OP_LOCAL_TEE:
		return note(s, s->depth - 1, i->a);
	case DJ_OP_RETHROW:
		s->p->blocks[s->opens[s->depth - 1 - i->a].number].rethrows =
			true;
		__attribute__((fallthrough));
	case DJ_OP_THROW:
	case DJ_OP_THROW_REF:
		s->p->throws = true;
		s->p->has_call = true;
		s->opens[s->depth - 1].plain = false;
		return true;
	case DJ_OP_RETURN_CALL_INDIRECT:
		note_asked(s, i);
		__attribute__((fallthrough));
	case DJ_OP_RETURN_CALL_REF:
		s->p->tails = true;
		s->p->jumps_out = true;
		s->p->has_call = true;
		return true;
	case DJ_OP_RETURN_CALL:
		s->p->tails = true;
		s->p->jumps_out = s->p->jumps_out || i->a < s->imported;
		s->p->has_call = true;
		return true;
	case DJ_OP_CALL_INDIRECT:
		note_asked(s, i);
		__attribute__((fallthrough));
	case DJ_OP_CALL:
	case DJ_OP_CALL_REF:
		s->p->has_call = true;
		s->opens[s->depth - 1].plain = false;
		return true;
	case DJ_OP_TABLE_GET:
	case DJ_OP_TABLE_SET:
	case DJ_OP_MEMORY_GROW:
	case DJ_OP_MEMORY_INIT ... DJ_OP_TABLE_FILL:
	case DJ_OP_GC ... DJ_OP_GC_END - 1:
		s->opens[s->depth - 1].plain = false;
		return true;
	default:
		return true;
	}
}

dj_status plan_make(const struct dj_wasm_module *m, uint32_t func, bool *asked,
	struct plan *ret, uint32_t *ret_at, uint32_t *ret_op)
{
	const struct dj_wasm_func *f = &m->funcs[func];
	struct dj_wasm_rd r = dj_wasm_rd_of(m->bytes, f->body, f->len);
	struct scan s = { .p = ret,
		.imported = m->imported_funcs,
		.asked = asked };
	dj_status st = DJ_E_NOMEM;
	struct insn i;

	*ret = (struct plan){ 0 };
	s.mark = calloc(count_locals(m, func, &r) + 1, sizeof(*s.mark));
	if (s.mark == NULL || !open_block(&s, true, false, f->body))
		goto out;
	while (s.depth != 0) {
		if (!insn_read(&r, m, &i)) {
			*ret_at = i.at;
			*ret_op = i.op;
			st = DJ_E_UNSUPPORTED;
			goto out;
		}
		if (!scan_insn(&s, &i))
			goto out;
	}
	st = DJ_OK;
out:
	for (uint32_t k = 0; k < s.cap; k++)
		free(s.opens[k].items);
	free(s.opens);
	free(s.mark);
	if (st != DJ_OK)
		plan_free(ret);
	return st;
}

void plan_free(struct plan *p)
{
	free(p->blocks);
	free(p->locals);
	*p = (struct plan){ 0 };
}
