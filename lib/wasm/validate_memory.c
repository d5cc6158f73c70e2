// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/validate.h"

void dj_wasm_v_zero_byte(struct dj_wasm_validator *v)
{
	if (dj_wasm_rd_u8(v->r) != 0)
		dj_wasm_rd_malformed(v->r, "zero byte expected");
}

const struct dj_wasm_table *dj_wasm_v_table_at(struct dj_wasm_validator *v,
	uint32_t i)
{
	if (i >= v->m->table_count) {
		invalid(v, "unknown table");
		return NULL;
	}
	return &v->m->tables[i];
}

static uint32_t address_of(struct dj_wasm_validator *v, uint32_t mem)
{
	if (mem >= v->m->memory_count) {
		invalid(v, "unknown memory");
		return DJ_WASM_I32;
	}
	return index_type(v->m->memories[mem].is64);
}

/* A memory index, which was a zero byte until there could be several. */
static uint32_t memory_at(struct dj_wasm_validator *v)
{
	if (dj_wasm_rd_knows(v->r, DJ_WASM_F_MULTI_MEMORY))
		return address_of(v, dj_wasm_rd_u32(v->r));
	dj_wasm_v_zero_byte(v);
	return address_of(v, 0);
}

uint32_t dj_wasm_v_memarg(struct dj_wasm_validator *v, uint8_t width)
{
	struct dj_wasm_memarg a = dj_wasm_rd_memarg(v->r);
	uint32_t type = address_of(v, a.mem);

	if (a.align > width)
		invalid(v, "alignment must not be larger than natural");
	if (type == DJ_WASM_I32 && a.offset > UINT32_MAX)
		invalid(v, "offset out of range");
	return type;
}

void dj_wasm_v_data_at(struct dj_wasm_validator *v)
{
	uint32_t i = dj_wasm_rd_u32(v->r);

	if (failed(v))
		return;
	if (!v->m->has_data_count)
		dj_wasm_rd_malformed(v->r, "data count section required");
	else if (i >= v->m->declared_datas)
		invalid(v, "unknown data segment");
}

const struct dj_wasm_elem *dj_wasm_v_elem_at(struct dj_wasm_validator *v)
{
	uint32_t i = dj_wasm_rd_u32(v->r);

	if (i >= v->m->elem_count) {
		invalid(v, "unknown elem segment");
		return NULL;
	}
	return &v->m->elems[i];
}

/* A length that must fit both. */
static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a == DJ_WASM_I64 ? b : a;
}

void dj_wasm_v_memory(struct dj_wasm_validator *v, uint32_t op)
{
	uint32_t to, from;

	switch (op) {
	case DJ_OP_MEMORY_SIZE:
		dj_wasm_v_push(v, memory_at(v));
		break;
	case DJ_OP_MEMORY_GROW:
		to = memory_at(v);
		dj_wasm_v_pop_of(v, to);
		dj_wasm_v_push(v, to);
		break;
	case DJ_OP_MEMORY_INIT:
		dj_wasm_v_data_at(v);
		to = memory_at(v);
		dj_wasm_v_pop_of(v, DJ_WASM_I32);
		dj_wasm_v_pop_of(v, DJ_WASM_I32);
		dj_wasm_v_pop_of(v, to);
		break;
	case DJ_OP_MEMORY_COPY:
		to = memory_at(v);
		from = memory_at(v);
		dj_wasm_v_pop_of(v, lesser(to, from));
		dj_wasm_v_pop_of(v, from);
		dj_wasm_v_pop_of(v, to);
		break;
	case DJ_OP_MEMORY_FILL:
		to = memory_at(v);
		dj_wasm_v_pop_of(v, to);
		dj_wasm_v_pop_of(v, DJ_WASM_I32);
		dj_wasm_v_pop_of(v, to);
		break;
	}
}

static void table_init(struct dj_wasm_validator *v)
{
	const struct dj_wasm_elem *e = dj_wasm_v_elem_at(v);
	const struct dj_wasm_table *t =
		dj_wasm_v_table_at(v, dj_wasm_rd_u32(v->r));

	if (e == NULL || t == NULL)
		return;
	dj_wasm_v_expect(v, e->type, t->elem);
	dj_wasm_v_pop_of(v, DJ_WASM_I32);
	dj_wasm_v_pop_of(v, DJ_WASM_I32);
	dj_wasm_v_pop_of(v, index_type(t->limits.is64));
}

static void table_copy(struct dj_wasm_validator *v)
{
	const struct dj_wasm_table *dst =
		dj_wasm_v_table_at(v, dj_wasm_rd_u32(v->r));
	const struct dj_wasm_table *src =
		dj_wasm_v_table_at(v, dj_wasm_rd_u32(v->r));
	uint32_t to, from;

	if (dst == NULL || src == NULL)
		return;
	dj_wasm_v_expect(v, src->elem, dst->elem);
	to = index_type(dst->limits.is64);
	from = index_type(src->limits.is64);
	dj_wasm_v_pop_of(v, lesser(to, from));
	dj_wasm_v_pop_of(v, from);
	dj_wasm_v_pop_of(v, to);
}

static void on_one_table(struct dj_wasm_validator *v, uint32_t op)
{
	const struct dj_wasm_table *t =
		dj_wasm_v_table_at(v, dj_wasm_rd_u32(v->r));
	uint32_t index;

	if (t == NULL)
		return;
	index = index_type(t->limits.is64);
	switch (op) {
	case DJ_OP_TABLE_GET:
		dj_wasm_v_pop_of(v, index);
		dj_wasm_v_push(v, t->elem);
		break;
	case DJ_OP_TABLE_SET:
		dj_wasm_v_pop_of(v, t->elem);
		dj_wasm_v_pop_of(v, index);
		break;
	case DJ_OP_TABLE_GROW:
		dj_wasm_v_pop_of(v, index);
		dj_wasm_v_pop_of(v, t->elem);
		dj_wasm_v_push(v, index);
		break;
	case DJ_OP_TABLE_SIZE:
		dj_wasm_v_push(v, index);
		break;
	case DJ_OP_TABLE_FILL:
		dj_wasm_v_pop_of(v, index);
		dj_wasm_v_pop_of(v, t->elem);
		dj_wasm_v_pop_of(v, index);
		break;
	}
}

void dj_wasm_v_table(struct dj_wasm_validator *v, uint32_t op)
{
	if (op == DJ_OP_TABLE_INIT)
		table_init(v);
	else if (op == DJ_OP_TABLE_COPY)
		table_copy(v);
	else
		on_one_table(v, op);
}
