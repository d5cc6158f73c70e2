// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/validate.h"

void *dj_wasm_v_grow(struct dj_wasm_validator *v, const void *old,
	uint32_t *cap, uint32_t want, uint32_t max, size_t size)
{
	uint32_t n = *cap < 64 ? 64 : *cap;
	void *p;

	if (want > max) {
		dj_wasm_rd_refuse(v->r, DJ_E_LIMIT, "function too complex");
		return NULL;
	}
	while (n < want)
		n *= 2;
	p = dj_arena_array(v->arena, n, size, 16);
	if (p == NULL) {
		dj_wasm_rd_refuse(v->r, DJ_E_NOMEM, "out of memory");
		return NULL;
	}
	if (*cap != 0)
		memcpy(p, old, *cap * size);
	*cap = n;
	return p;
}

bool dj_wasm_v_fits(const struct dj_wasm_validator *v, uint32_t a, uint32_t b)
{
	return a == b || a == ANY || dj_wasm_subtype(&v->m->types, a, b);
}

void dj_wasm_v_expect(struct dj_wasm_validator *v, uint32_t a, uint32_t b)
{
	if (!dj_wasm_v_fits(v, a, b))
		invalid(v, "type mismatch");
}

void dj_wasm_v_push(struct dj_wasm_validator *v, uint32_t type)
{
	if (v->height == v->height_cap) {
		uint32_t *p = dj_wasm_v_grow(v, v->operands, &v->height_cap,
			v->height + 1, DJ_WASM_MAX_HEIGHT, sizeof(*p));

		if (p == NULL)
			return;
		v->operands = p;
	}
	v->operands[v->height++] = type;
}

void dj_wasm_v_pop_of(struct dj_wasm_validator *v, uint32_t type)
{
	dj_wasm_v_expect(v, pop(v), type);
}

void dj_wasm_v_expect_all(struct dj_wasm_validator *v, const uint32_t *a,
	uint32_t a_count, const uint32_t *b, uint32_t b_count)
{
	if (a_count != b_count)
		invalid(v, "type mismatch");
	for (uint32_t i = 0; i < a_count && i < b_count; i++)
		dj_wasm_v_expect(v, a[i], b[i]);
}

void dj_wasm_v_push_all(struct dj_wasm_validator *v, const uint32_t *types,
	uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		dj_wasm_v_push(v, types[i]);
}

void dj_wasm_v_pop_all(struct dj_wasm_validator *v, const uint32_t *types,
	uint32_t n)
{
	for (uint32_t i = n; i > 0; i--)
		dj_wasm_v_pop_of(v, types[i - 1]);
}

uint32_t dj_wasm_v_pop_ref(struct dj_wasm_validator *v)
{
	uint32_t type = pop(v);

	if (type == ANY)
		return DJ_WASM_BOTREF | DJ_WASM_NON_NULL;
	if (!dj_wasm_is_ref(type))
		invalid(v, "type mismatch");
	return type;
}

void dj_wasm_v_check_top(struct dj_wasm_validator *v, const uint32_t *types,
	uint32_t n)
{
	const struct block *b = &v->blocks[v->depth - 1];
	uint32_t have = v->height - b->height;

	if (have < n && !b->unreachable) {
		invalid(v, "type mismatch");
		return;
	}
	for (uint32_t i = 1; i <= n && i <= have; i++)
		dj_wasm_v_expect(v, v->operands[v->height - i], types[n - i]);
}

void dj_wasm_v_enter(struct dj_wasm_validator *v, struct dj_wasm_block_type bt,
	enum block_kind kind)
{
	if (v->depth == v->depth_cap) {
		struct block *p = dj_wasm_v_grow(v, v->blocks, &v->depth_cap,
			v->depth + 1, DJ_WASM_MAX_NESTING, sizeof(*p));

		if (p == NULL)
			return;
		v->blocks = p;
	}
	v->blocks[v->depth++] = (struct block){
		.bt = bt,
		.height = v->height,
		.inits = v->init_count,
		.kind = kind,
	};
	dj_wasm_v_push_all(v, bt.params, bt.param_count);
}

void dj_wasm_v_mark_unreachable(struct dj_wasm_validator *v)
{
	struct block *b = &v->blocks[v->depth - 1];

	v->height = b->height;
	b->unreachable = true;
}

/* What got its first value in a block has none again behind it. */
static void forget_inits(struct dj_wasm_validator *v, uint32_t keep)
{
	while (v->init_count > keep)
		v->unset[v->inits[--v->init_count]] = 1;
}

void dj_wasm_v_finish_arm(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[v->depth - 1];

	dj_wasm_v_pop_all(v, dj_wasm_block_results(&b->bt), b->bt.result_count);
	if (v->height != b->height)
		invalid(v, "type mismatch");
	forget_inits(v, b->inits);
}

void dj_wasm_v_next_arm(struct dj_wasm_validator *v, enum block_kind kind,
	const uint32_t *types, uint32_t n)
{
	struct block *b = &v->blocks[v->depth - 1];

	dj_wasm_v_finish_arm(v);
	b->kind = kind;
	b->unreachable = false;
	dj_wasm_v_push_all(v, types, n);
}

/* A type by its index, of the given form; NULL after a failure. */
const struct dj_wasm_type *dj_wasm_v_type_at(struct dj_wasm_validator *v,
	enum dj_wasm_form form, uint32_t *ret_id)
{
	const struct dj_wasm_type *t;

	*ret_id = dj_wasm_rd_type(v->r, v->m);
	if (failed(v))
		return NULL;
	t = &v->m->types.all[*ret_id];
	if (t->form == form)
		return t;
	invalid(v,
		form == DJ_WASM_FORM_STRUCT         ? "unknown struct type"
			: form == DJ_WASM_FORM_FUNC ? "unknown type"
						    : "unknown array type");
	return NULL;
}
