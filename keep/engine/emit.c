// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/compile.h"

/* Room for n more words. */
static bool room(struct dj_compiler *c, uint32_t n)
{
	struct dj_buf *b = &c->s->code;

	if (c->failed)
		return false;
	if (c->cap - c->len >= n)
		return true;
	if (c->len + (uint64_t)n > INT32_MAX / 4 ||
		dj_buf_grow(c->s, b, ((size_t)c->len + n) * 4) != DJ_OK) {
		c->failed = true;
		return false;
	}
	c->code = b->p;
	c->cap = (uint32_t)(b->cap / 4 < INT32_MAX ? b->cap / 4 : INT32_MAX);
	return true;
}

__attribute__((noinline)) void dj_emit_word(struct dj_compiler *c, uint32_t w)
{
	if (room(c, 1))
		c->code[c->len++] = w;
}

void dj_emit_words(struct dj_compiler *c, const void *p)
{
	uint64_t v = (uint64_t)(uintptr_t)p;

	dj_emit_word(c, (uint32_t)v);
	dj_emit_word(c, (uint32_t)(v >> 32));
}

/* Not inlined, that the compiler stays small. */
__attribute__((noinline)) static void mark(struct dj_compiler *c,
	enum dj_engine_op o, bool has_dst)
{
	struct dj_buf *b = &c->s->marks;
	struct dj_mark *m;

	if (((size_t)c->mark_count + 1) * sizeof(*m) > b->cap &&
		dj_buf_grow(c->s, b,
			((size_t)c->mark_count + 1) * sizeof(*m)) != DJ_OK) {
		c->failed = true;
		return;
	}
	m = b->p;
	m[c->mark_count++] = (struct dj_mark){
		.at = c->len,
		.op = (uint16_t)o,
		.has_dst = has_dst,
		.is_label = c->last.at == NONE,
	};
}

__attribute__((noinline)) void dj_emit_op(struct dj_compiler *c,
	enum dj_engine_op o, uint32_t dst)
{
	mark(c, o, dst != NONE);
	c->before[1] = c->before[0];
	c->before[0] = c->last;
	c->last = (struct dj_made){ .at = c->len, .dst = dst, .op = o };
	dj_emit_word(c, (uint32_t)c->s->ops[o]);
	if (dst != NONE)
		dj_emit_word(c, dst);
}

void dj_emit_forget_last(struct dj_compiler *c)
{
	c->last = c->before[0] = c->before[1] =
		(struct dj_made){ .at = NONE, .dst = NONE };
}

static void unlink_entry(struct dj_compiler *c, uint32_t i)
{
	struct dj_entry *e = &c->stack[i];

	if (e->above != NONE)
		c->stack[e->above].below = e->below;
	else
		c->heads[e->local] = e->below;
	if (e->below != NONE)
		c->stack[e->below].above = e->above;
}

__attribute__((noinline)) static struct dj_entry *push(struct dj_compiler *c)
{
	struct dj_buf *b = &c->s->entries;

	if (c->height == c->stack_cap) {
		if (dj_buf_grow(c->s, b,
			    ((size_t)c->height + 1) * sizeof(*c->stack)) !=
			DJ_OK) {
			c->failed = true;
			c->height = 0;
			return &c->stack[0];
		}
		c->stack = b->p;
		c->stack_cap = (uint32_t)(b->cap / sizeof(*c->stack));
	}
	c->stack[c->height] = (struct dj_entry){ .kind = HOME };
	c->height++;
	if (c->height > c->max_height)
		c->max_height = c->height;
	return &c->stack[c->height - 1];
}

void dj_emit_push_home(struct dj_compiler *c, uint32_t n)
{
	while (n-- > 0 && !c->failed)
		(void)push(c);
}

void dj_emit_push_wide(struct dj_compiler *c)
{
	(void)push(c);
	push(c)->wide = true;
}

void dj_emit_push_types(struct dj_compiler *c, const uint32_t *types,
	uint32_t n)
{
	for (uint32_t i = 0; i < n && !c->failed; i++) {
		if (types[i] == DJ_WASM_V128)
			dj_emit_push_wide(c);
		else
			dj_emit_push_home(c, 1);
	}
}

void dj_emit_push_const(struct dj_compiler *c, uint64_t value)
{
	struct dj_entry *e = push(c);

	e->kind = CONST;
	e->value = value;
}

void dj_emit_push_local(struct dj_compiler *c, uint32_t local)
{
	struct dj_entry *e = push(c);

	if (c->failed)
		return;
	e->kind = LOCAL;
	e->local = local;
	e->above = NONE;
	e->below = c->heads[local];
	if (e->below != NONE)
		c->stack[e->below].above = c->height - 1;
	c->heads[local] = c->height - 1;
}

struct dj_entry dj_emit_pop(struct dj_compiler *c)
{
	struct dj_entry e;

	if (c->height == 0 || c->failed) { /* only after a failure */
		c->failed = true;
		return (struct dj_entry){ .kind = CONST };
	}
	if (c->stack[c->height - 1].kind == LOCAL)
		unlink_entry(c, c->height - 1);
	e = c->stack[--c->height];
	if (c->clean > c->height)
		c->clean = c->height;
	return e;
}

void dj_emit_drop_to(struct dj_compiler *c, uint32_t height)
{
	while (c->height > height && !c->failed)
		(void)dj_emit_pop(c);
}

static void emit_const(struct dj_compiler *c, uint32_t dst, uint64_t value)
{
	bool wide = value > UINT32_MAX;

	dj_emit_op(c, wide ? DJ_I_const64 : DJ_I_const32, dst);
	dj_emit_word(c, (uint32_t)value);
	if (wide)
		dj_emit_word(c, (uint32_t)(value >> 32));
}

/* Two moves in a row are one instruction. */
static void emit_mov(struct dj_compiler *c, uint32_t dst, uint32_t src)
{
	struct dj_mark *m;

	if (c->last.at != NONE && c->last.op == DJ_I_mov && !c->failed) {
		c->code[c->last.at] = (uint32_t)c->s->ops[DJ_I_mov2];
		c->last.op = DJ_I_mov2;
		m = c->s->marks.p;
		m[c->mark_count - 1].op = DJ_I_mov2;
		m[c->mark_count - 1].has_dst = false;
		c->last.dst = NONE;
		dj_emit_word(c, dst);
		dj_emit_word(c, src);
		return;
	}
	dj_emit_op(c, DJ_I_mov, dst);
	dj_emit_word(c, src);
}

void dj_emit_entry(struct dj_compiler *c, const struct dj_entry *e, uint32_t i,
	uint32_t dst)
{
	if (e->kind == CONST)
		emit_const(c, dst, e->value);
	else if (e->kind == LOCAL)
		emit_mov(c, dst, e->local);
	else if (dj_emit_home(c, i) != dst)
		emit_mov(c, dst, dj_emit_home(c, i));
}

static void bring_home(struct dj_compiler *c, uint32_t i)
{
	struct dj_entry e = c->stack[i];

	if (e.kind == HOME)
		return;
	if (e.kind == LOCAL)
		unlink_entry(c, i);
	c->stack[i].kind = HOME;
	dj_emit_entry(c, &e, i, dj_emit_home(c, i));
}

void dj_emit_flush_top(struct dj_compiler *c, uint32_t n)
{
	for (uint32_t i = c->height - n; i < c->height && !c->failed; i++)
		bring_home(c, i);
}

void dj_emit_flush_all(struct dj_compiler *c)
{
	for (uint32_t i = c->clean; i < c->height && !c->failed; i++)
		bring_home(c, i);
	c->clean = c->height;
}

uint32_t dj_emit_slot_of(struct dj_compiler *c, const struct dj_entry *e,
	uint32_t i)
{
	if (e->kind == LOCAL)
		return e->local;
	if (e->kind == CONST)
		emit_const(c, dj_emit_home(c, i), e->value);
	return dj_emit_home(c, i);
}

uint32_t dj_emit_pop_slot(struct dj_compiler *c)
{
	struct dj_entry e = dj_emit_pop(c);

	return dj_emit_slot_of(c, &e, c->height);
}

bool dj_emit_last_makes_top(const struct dj_compiler *c)
{
	return c->last.at != NONE && c->height > 0 &&
		c->stack[c->height - 1].kind == HOME &&
		c->last.dst == dj_emit_home(c, c->height - 1);
}

uint32_t dj_emit_take_last(struct dj_compiler *c,
	uint32_t out[static WORDS_MAX])
{
	uint32_t n = c->len - c->last.at;

	memcpy(out, c->code + c->last.at, n * sizeof(*out));
	c->len = c->last.at;
	if (c->mark_count > 0)
		c->mark_count--;
	c->last = c->before[0];
	c->before[0] = c->before[1];
	c->before[1] = (struct dj_made){ .at = NONE, .dst = NONE };
	return n;
}

void dj_emit_put_words(struct dj_compiler *c, const uint32_t *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		dj_emit_word(c, w[i]);
}

void dj_emit_put_back(struct dj_compiler *c, enum dj_engine_op o,
	const uint32_t *w, uint32_t n, uint32_t dst)
{
	dj_emit_op(c, o, dst);
	dj_emit_put_words(c, w + 2, n - 2);
}

/* Entries that mean local's old value get it before it is overwritten. */
static void preserve(struct dj_compiler *c, uint32_t local)
{
	while (c->heads[local] != NONE && !c->failed)
		bring_home(c, c->heads[local]);
}

void dj_emit_set_local(struct dj_compiler *c, uint32_t local, bool tee)
{
	uint32_t w[WORDS_MAX], n;
	enum dj_engine_op o;
	struct dj_entry e;

	if (c->failed)
		return;
	if (dj_emit_last_makes_top(c)) {
		o = c->last.op;
		(void)dj_emit_pop(c);
		n = dj_emit_take_last(c, w);
		preserve(c, local);
		dj_emit_put_back(c, o, w, n, local);
		if (tee)
			dj_emit_push_local(c, local);
		return;
	}
	e = dj_emit_pop(c);
	if (e.kind != LOCAL || e.local != local) {
		preserve(c, local);
		dj_emit_entry(c, &e, c->height, local);
	}
	if (!tee)
		return;
	if (e.kind == CONST)
		dj_emit_push_const(c, e.value);
	else
		dj_emit_push_local(c, local);
}

bool dj_emit_top_is_wide(const struct dj_compiler *c)
{
	return c->height > 1 && c->stack[c->height - 1].wide;
}

void dj_emit_push_local_wide(struct dj_compiler *c, uint32_t local)
{
	dj_emit_push_local(c, local);
	dj_emit_push_local(c, local + 1);
	if (!c->failed)
		c->stack[c->height - 1].wide = true;
}

static void emit_const128(struct dj_compiler *c, uint32_t dst, uint64_t low,
	uint64_t high)
{
	dj_emit_op(c, DJ_I_const128, dst);
	c->last.wide = true;
	dj_emit_word(c, (uint32_t)low);
	dj_emit_word(c, (uint32_t)(low >> 32));
	dj_emit_word(c, (uint32_t)high);
	dj_emit_word(c, (uint32_t)(high >> 32));
}

/* A v128 that was popped, at height i, into dst and the slot behind it. */
static void emit_wide(struct dj_compiler *c, const struct dj_entry e[static 2],
	uint32_t i, uint32_t dst)
{
	if (e[0].kind == CONST && e[1].kind == CONST) {
		emit_const128(c, dst, e[0].value, e[1].value);
		return;
	}
	dj_emit_entry(c, &e[0], i, dst);
	dj_emit_entry(c, &e[1], i + 1, dst + 1);
}

static void pop_wide(struct dj_compiler *c, struct dj_entry e[static 2])
{
	e[1] = dj_emit_pop(c);
	e[0] = dj_emit_pop(c);
}

uint32_t dj_emit_pop_wide_slot(struct dj_compiler *c)
{
	struct dj_entry e[2];

	pop_wide(c, e);
	if (e[0].kind == LOCAL && e[1].kind == LOCAL &&
		e[1].local == e[0].local + 1)
		return e[0].local;
	emit_wide(c, e, c->height, dj_emit_home(c, c->height));
	return dj_emit_home(c, c->height);
}

void dj_emit_set_local_wide(struct dj_compiler *c, uint32_t local, bool tee)
{
	uint32_t w[WORDS_MAX], n;
	enum dj_engine_op o = c->last.op;
	struct dj_entry e[2];

	if (c->failed || c->height < 2)
		return;
	if (c->last.at != NONE && c->last.wide &&
		c->stack[c->height - 1].kind == HOME &&
		c->stack[c->height - 2].kind == HOME &&
		c->last.dst == dj_emit_home(c, c->height - 2)) {
		pop_wide(c, e);
		n = dj_emit_take_last(c, w);
		preserve(c, local);
		preserve(c, local + 1);
		dj_emit_put_back(c, o, w, n, local);
		c->last.wide = true;
	} else {
		pop_wide(c, e);
		if (e[0].kind != LOCAL || e[0].local != local) {
			preserve(c, local);
			preserve(c, local + 1);
			emit_wide(c, e, c->height, local);
		}
	}
	if (tee)
		dj_emit_push_local_wide(c, local);
}

void dj_emit_target(struct dj_compiler *c, uint32_t *list)
{
	uint32_t prev = *list;

	*list = c->len;
	dj_emit_word(c, prev);
}

void dj_emit_target_back(struct dj_compiler *c, uint32_t start)
{
	dj_emit_word(c, start - c->len);
}

void dj_emit_place(struct dj_compiler *c, uint32_t *list)
{
	while (*list != NONE && !c->failed) {
		uint32_t at = *list;

		*list = c->code[at];
		c->code[at] = c->len - at;
	}
	dj_emit_forget_last(c);
}

bool dj_emit_fits_imm(uint64_t v, bool is64)
{
	return !is64 || v == (uint64_t)(int64_t)(int32_t)v;
}

void dj_emit_result(struct dj_compiler *c, enum dj_engine_op o)
{
	dj_emit_op(c, o, dj_emit_home(c, c->height));
}

void dj_emit_unary_at(struct dj_compiler *c, enum dj_engine_op o, uint32_t a)
{
	dj_emit_result(c, o);
	dj_emit_word(c, a);
	dj_emit_push_home(c, 1);
}

void dj_emit_unary(struct dj_compiler *c, enum dj_engine_op o)
{
	dj_emit_unary_at(c, o, dj_emit_pop_slot(c));
}

struct dj_entry dj_emit_pop_pinned(struct dj_compiler *c)
{
	struct dj_entry e = dj_emit_pop(c);

	if (e.kind == HOME) {
		e.kind = LOCAL;
		e.local = dj_emit_home(c, c->height);
	}
	return e;
}

void dj_emit_rare(struct dj_compiler *c, enum dj_engine_op o, uint32_t n)
{
	dj_emit_flush_top(c, n);
	dj_emit_drop_to(c, c->height - n);
	dj_emit_op(c, o, NONE);
	dj_emit_word(c, dj_emit_home(c, c->height));
}
