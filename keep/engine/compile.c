// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/ops.h"
#include "keep/engine/store.h"
#include "lib/wasm/opcode.h"

/*
 * One pass over a validated body. The operand stack exists here only: an
 * entry is in its home slot (locals + its height), or is a local not yet
 * read, or a constant. Invariants:
 *
 * - an entry of kind LOCAL is on its local's list, so that a write to the
 *   local finds all entries that still mean the old value, and only them;
 * - entries below `clean` are at home; whoever opens a block brings all
 *   home, so that every path into a label finds the same;
 * - `last` is the latest instruction, if no label lies behind it: its
 *   destination may be changed, or it may be fused away; `before` has those
 *   in front of it, which come forth when it is.
 */
#define NONE      UINT32_MAX
#define WIDE      (1u << 31)
#define WORDS_MAX 12 /* of an instruction with a destination */

struct entry {
	enum {
		HOME,
		LOCAL,
		CONST
	} kind;
	bool wide; /* the upper half of a v128, the lower one is below */
	uint32_t local, above, below; /* neighbours on the local's list */
	uint64_t value;
};

struct block {
	enum {
		BLOCK,
		LOOP,
		IF,
		ELSE,
		TRY
	} kind;
	uint32_t height;          /* below the parameters */
	uint32_t params, results; /* slots */
	struct dj_wasm_block_type bt;
	uint32_t start;     /* loop: where to branch */
	uint32_t exits;     /* branches to be patched, linked by their words */
	uint32_t otherwise; /* if: the branch to else */
	uint32_t from;      /* try: first word that it covers */
	const uint8_t *clauses;
	uint32_t clause_count;
};

struct made {             /* an instruction in place */
	uint32_t at, dst; /* NONE: unknown */
	enum dj_engine_op op;
	bool wide; /* it makes a v128 */
};

struct compiler {
	struct dj_store *s;
	struct dj_func *f;
	struct dj_instance *inst;
	const struct dj_wasm_module *m;
	struct dj_wasm_rd r;

	uint32_t *code;
	uint32_t len, cap;
	struct entry *stack;
	uint32_t height, stack_cap, max_height, clean;
	struct block *blocks;
	uint32_t depth, block_cap;
	uint32_t *heads; /* per slot of a local: its topmost entry, or NONE */
	uint32_t *map;   /* per local: its slot; WIDE for a v128 */
	uint32_t locals; /* slots */

	struct made last, before[2];
	bool dead, failed;

	uint32_t handlers;    /* in the store's buffer */
	uint32_t find, found; /* dj_compile()'s */
};

static uint32_t home(const struct compiler *c, uint32_t height)
{
	return c->locals + height;
}

/* Room for n more words. */
static bool room(struct compiler *c, uint32_t n)
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

static void word(struct compiler *c, uint32_t w)
{
	if (room(c, 1))
		c->code[c->len++] = w;
}

static void words(struct compiler *c, const void *p)
{
	uint64_t v = (uint64_t)(uintptr_t)p;

	word(c, (uint32_t)v);
	word(c, (uint32_t)(v >> 32));
}

/* Begins an instruction; dst: NONE if word 1 is no destination. */
static void op(struct compiler *c, enum dj_engine_op o, uint32_t dst)
{
	c->before[1] = c->before[0];
	c->before[0] = c->last;
	c->last = (struct made){ .at = c->len, .dst = dst, .op = o };
	word(c, (uint32_t)c->s->ops[o]);
	if (dst != NONE)
		word(c, dst);
}

static void forget_last(struct compiler *c)
{
	c->last = c->before[0] = c->before[1] =
		(struct made){ .at = NONE, .dst = NONE };
}

static void unlink_entry(struct compiler *c, uint32_t i)
{
	struct entry *e = &c->stack[i];

	if (e->above != NONE)
		c->stack[e->above].below = e->below;
	else
		c->heads[e->local] = e->below;
	if (e->below != NONE)
		c->stack[e->below].above = e->above;
}

static struct entry *push(struct compiler *c)
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
	c->stack[c->height] = (struct entry){ .kind = HOME };
	c->height++;
	if (c->height > c->max_height)
		c->max_height = c->height;
	return &c->stack[c->height - 1];
}

static void push_home(struct compiler *c, uint32_t n)
{
	while (n-- > 0 && !c->failed)
		(void)push(c);
}

static void push_wide(struct compiler *c)
{
	(void)push(c);
	push(c)->wide = true;
}

static void push_types(struct compiler *c, const uint8_t *types, uint32_t n)
{
	for (uint32_t i = 0; i < n && !c->failed; i++) {
		if (types[i] == DJ_WASM_V128)
			push_wide(c);
		else
			push_home(c, 1);
	}
}

static void push_const(struct compiler *c, uint64_t value)
{
	struct entry *e = push(c);

	e->kind = CONST;
	e->value = value;
}

static void push_local(struct compiler *c, uint32_t local)
{
	struct entry *e = push(c);

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

static struct entry pop(struct compiler *c)
{
	struct entry e;

	if (c->height == 0 || c->failed) { /* only after a failure */
		c->failed = true;
		return (struct entry){ .kind = CONST };
	}
	if (c->stack[c->height - 1].kind == LOCAL)
		unlink_entry(c, c->height - 1);
	e = c->stack[--c->height];
	if (c->clean > c->height)
		c->clean = c->height;
	return e;
}

static void drop_to(struct compiler *c, uint32_t height)
{
	while (c->height > height && !c->failed)
		(void)pop(c);
}

static void emit_const(struct compiler *c, uint32_t dst, uint64_t value)
{
	bool wide = value > UINT32_MAX;

	op(c, wide ? DJ_I_const64 : DJ_I_const32, dst);
	word(c, (uint32_t)value);
	if (wide)
		word(c, (uint32_t)(value >> 32));
}

/* Two moves in a row are one instruction. */
static void emit_mov(struct compiler *c, uint32_t dst, uint32_t src)
{
	if (c->last.at != NONE && c->last.op == DJ_I_mov && !c->failed) {
		c->code[c->last.at] = (uint32_t)c->s->ops[DJ_I_mov2];
		c->last.op = DJ_I_mov2;
		c->last.dst = NONE;
		word(c, dst);
		word(c, src);
		return;
	}
	op(c, DJ_I_mov, dst);
	word(c, src);
}

/* Entry e, which is or was at height i, into dst. */
static void emit_entry(struct compiler *c, const struct entry *e, uint32_t i,
	uint32_t dst)
{
	if (e->kind == CONST)
		emit_const(c, dst, e->value);
	else if (e->kind == LOCAL)
		emit_mov(c, dst, e->local);
	else if (home(c, i) != dst)
		emit_mov(c, dst, home(c, i));
}

static void bring_home(struct compiler *c, uint32_t i)
{
	struct entry e = c->stack[i];

	if (e.kind == HOME)
		return;
	if (e.kind == LOCAL)
		unlink_entry(c, i);
	c->stack[i].kind = HOME;
	emit_entry(c, &e, i, home(c, i));
}

static void flush_top(struct compiler *c, uint32_t n)
{
	for (uint32_t i = c->height - n; i < c->height && !c->failed; i++)
		bring_home(c, i);
}

static void flush_all(struct compiler *c)
{
	for (uint32_t i = c->clean; i < c->height && !c->failed; i++)
		bring_home(c, i);
	c->clean = c->height;
}

/* The slot that holds what was popped; constants are made there now. */
static uint32_t slot_of(struct compiler *c, const struct entry *e, uint32_t i)
{
	if (e->kind == LOCAL)
		return e->local;
	if (e->kind == CONST)
		emit_const(c, home(c, i), e->value);
	return home(c, i);
}

static uint32_t pop_slot(struct compiler *c)
{
	struct entry e = pop(c);

	return slot_of(c, &e, c->height);
}

/* Does the latest instruction do nothing but make the top entry? */
static bool last_makes_top(const struct compiler *c)
{
	return c->last.at != NONE && c->height > 0 &&
		c->stack[c->height - 1].kind == HOME &&
		c->last.dst == home(c, c->height - 1);
}

/*
 * Takes the latest instruction off; its words stay readable in out. The one
 * before it is the latest then.
 */
static uint32_t take_last(struct compiler *c, uint32_t out[static WORDS_MAX])
{
	uint32_t n = c->len - c->last.at;

	memcpy(out, c->code + c->last.at, n * sizeof(*out));
	c->len = c->last.at;
	c->last = c->before[0];
	c->before[0] = c->before[1];
	c->before[1] = (struct made){ .at = NONE, .dst = NONE };
	return n;
}

static void put_words(struct compiler *c, const uint32_t *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		word(c, w[i]);
}

static void put_back(struct compiler *c, enum dj_engine_op o, const uint32_t *w,
	uint32_t n, uint32_t dst)
{
	op(c, o, dst);
	put_words(c, w + 2, n - 2);
}

/* Entries that mean local's old value get it before it is overwritten. */
static void preserve(struct compiler *c, uint32_t local)
{
	while (c->heads[local] != NONE && !c->failed)
		bring_home(c, c->heads[local]);
}

static void set_local(struct compiler *c, uint32_t local, bool tee)
{
	uint32_t w[WORDS_MAX], n;
	enum dj_engine_op o;
	struct entry e;

	if (c->failed)
		return;
	if (last_makes_top(c)) {
		o = c->last.op;
		(void)pop(c);
		n = take_last(c, w);
		preserve(c, local);
		put_back(c, o, w, n, local);
		if (tee)
			push_local(c, local);
		return;
	}
	e = pop(c);
	if (e.kind != LOCAL || e.local != local) {
		preserve(c, local);
		emit_entry(c, &e, c->height, local);
	}
	if (!tee)
		return;
	if (e.kind == CONST)
		push_const(c, e.value);
	else
		push_local(c, local);
}

static bool top_is_wide(const struct compiler *c)
{
	return c->height > 1 && c->stack[c->height - 1].wide;
}

static void push_local_wide(struct compiler *c, uint32_t local)
{
	push_local(c, local);
	push_local(c, local + 1);
	if (!c->failed)
		c->stack[c->height - 1].wide = true;
}

static void emit_const128(struct compiler *c, uint32_t dst, uint64_t low,
	uint64_t high)
{
	op(c, DJ_I_const128, dst);
	c->last.wide = true;
	word(c, (uint32_t)low);
	word(c, (uint32_t)(low >> 32));
	word(c, (uint32_t)high);
	word(c, (uint32_t)(high >> 32));
}

/* A v128 that was popped, at height i, into dst and the slot behind it. */
static void emit_wide(struct compiler *c, const struct entry e[static 2],
	uint32_t i, uint32_t dst)
{
	if (e[0].kind == CONST && e[1].kind == CONST) {
		emit_const128(c, dst, e[0].value, e[1].value);
		return;
	}
	emit_entry(c, &e[0], i, dst);
	emit_entry(c, &e[1], i + 1, dst + 1);
}

static void pop_wide(struct compiler *c, struct entry e[static 2])
{
	e[1] = pop(c);
	e[0] = pop(c);
}

/* The first of the two slots that hold it. */
static uint32_t pop_wide_slot(struct compiler *c)
{
	struct entry e[2];

	pop_wide(c, e);
	if (e[0].kind == LOCAL && e[1].kind == LOCAL &&
		e[1].local == e[0].local + 1)
		return e[0].local;
	emit_wide(c, e, c->height, home(c, c->height));
	return home(c, c->height);
}

static void set_local_wide(struct compiler *c, uint32_t local, bool tee)
{
	uint32_t w[WORDS_MAX], n;
	enum dj_engine_op o = c->last.op;
	struct entry e[2];

	if (c->failed || c->height < 2)
		return;
	if (c->last.at != NONE && c->last.wide &&
		c->stack[c->height - 1].kind == HOME &&
		c->stack[c->height - 2].kind == HOME &&
		c->last.dst == home(c, c->height - 2)) {
		pop_wide(c, e);
		n = take_last(c, w);
		preserve(c, local);
		preserve(c, local + 1);
		put_back(c, o, w, n, local);
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
		push_local_wide(c, local);
}

static void on_local(struct compiler *c, uint32_t wasm)
{
	uint32_t i = c->map[dj_wasm_rd_u32(&c->r)];
	bool tee = wasm == DJ_OP_LOCAL_TEE;

	if ((i & WIDE) == 0) {
		if (wasm == DJ_OP_LOCAL_GET)
			push_local(c, i);
		else
			set_local(c, i, tee);
		return;
	}
	i &= ~WIDE;
	if (wasm == DJ_OP_LOCAL_GET)
		push_local_wide(c, i);
	else
		set_local_wide(c, i, tee);
}

/* A branch to here, or to a label that is not placed yet: *list. */
static void target(struct compiler *c, uint32_t *list)
{
	uint32_t prev = *list;

	*list = c->len;
	word(c, prev);
}

static void target_back(struct compiler *c, uint32_t start)
{
	word(c, start - c->len);
}

static void place(struct compiler *c, uint32_t *list)
{
	while (*list != NONE && !c->failed) {
		uint32_t at = *list;

		*list = c->code[at];
		c->code[at] = c->len - at;
	}
	forget_last(c);
}

/* Conditions: a compare that is to be fused with a branch. */
struct cond {
	enum dj_engine_op group; /* its first variant */
	bool is_float, is_imm;
	uint32_t a, b;
};

static const uint8_t inverse[10] = { 1, 0, 8, 9, 6, 7, 4, 5, 2, 3 };
static const uint8_t swapped[10] = { 0, 1, 4, 5, 2, 3, 8, 9, 6, 7 };

static bool in_group(enum dj_engine_op o, enum dj_engine_op first,
	unsigned count, unsigned size)
{
	return o >= first && o < first + count * size;
}

static bool int_cmp_base(enum dj_engine_op o, enum dj_engine_op *ret)
{
	if (in_group(o, DJ_I_i32_eq_ss, 10, DJ_CMP_SIZE))
		*ret = DJ_I_i32_eq_ss;
	else if (in_group(o, DJ_I_i64_eq_ss, 10, DJ_CMP_SIZE))
		*ret = DJ_I_i64_eq_ss;
	else
		return false;
	return true;
}

static bool float_cmp(enum dj_engine_op o)
{
	return in_group(o, DJ_I_f32_eq_ss, 6, DJ_FCMP_SIZE) ||
		in_group(o, DJ_I_f64_eq_ss, 6, DJ_FCMP_SIZE);
}

static struct cond pop_cond(struct compiler *c)
{
	struct cond k = { .group = DJ_I_i32_ne_ss, .is_imm = true };
	enum dj_engine_op base;
	uint32_t w[WORDS_MAX];

	if (last_makes_top(c) &&
		(int_cmp_base(c->last.op, &base) || float_cmp(c->last.op))) {
		k.is_float = float_cmp(c->last.op);
		k.group = c->last.op;
		k.is_imm = false;
		if (!k.is_float) {
			k.is_imm = (c->last.op - base) % DJ_CMP_SIZE == DJ_SI;
			k.group -= k.is_imm ? 1 : 0;
		}
		(void)pop(c);
		(void)take_last(c, w);
		k.a = w[2];
		k.b = w[3];
		return k;
	}
	k.a = pop_slot(c);
	return k;
}

/*
 * Is the latest instruction the step of the loop that o, a compare of i32 in
 * its first variant, goes round? Then both are one.
 */
static bool fuse_step(struct compiler *c, enum dj_engine_op o,
	const struct cond *k)
{
	uint32_t w[WORDS_MAX];
	unsigned imm;

	if (c->last.at == NONE || c->last.dst != k->a ||
		!in_group(o, DJ_I_i32_eq_ss, 10, DJ_CMP_SIZE) ||
		(c->last.op != DJ_I_i32_add_ss &&
			c->last.op != DJ_I_i32_add_si))
		return false;
	imm = c->last.op == DJ_I_i32_add_si ? 2 : 0;
	(void)take_last(c, w);
	o = DJ_I_i32_step_eq_ss + (o - DJ_I_i32_eq_ss) / DJ_CMP_SIZE * 4 + imm +
		(k->is_imm ? 1 : 0);
	op(c, o, NONE);
	put_words(c, w + 1, 3);
	word(c, k->b);
	return true;
}

/* The branch when k is as `sense` says; its target word is still to come. */
static void emit_cond(struct compiler *c, const struct cond *k, bool sense,
	bool back)
{
	enum dj_engine_op o = k->group, base = k->group;

	if (k->is_float) {
		o += back ? (sense ? DJ_F_BK : DJ_F_BKN)
			  : (sense ? DJ_F_BR : DJ_F_BRN);
	} else {
		(void)int_cmp_base(k->group, &base);
		if (!sense)
			o = base +
				(unsigned)inverse[(k->group - base) /
					DJ_CMP_SIZE] *
					DJ_CMP_SIZE;
		if (back && fuse_step(c, o, k))
			return;
		o += (back ? DJ_BK_SS : DJ_BR_SS) + (k->is_imm ? 1 : 0);
	}
	op(c, o, NONE);
	word(c, k->a);
	word(c, k->b);
}

/* Blocks. */
static const uint8_t *skip_clauses(struct dj_wasm_rd *r, uint32_t *ret_count)
{
	const uint8_t *p;

	*ret_count = dj_wasm_rd_u32(r);
	p = r->p;
	for (uint32_t i = 0; i < *ret_count && r->st == DJ_OK; i++)
		(void)dj_wasm_rd_clause(r);
	return p;
}

static void open_block(struct compiler *c, uint32_t kind)
{
	struct dj_wasm_block_type bt = dj_wasm_rd_block_type(&c->r, c->m);
	struct dj_buf *buf = &c->s->blocks;
	struct block *b;
	uint32_t params = dj_slots(bt.params, bt.param_count);
	const uint8_t *clauses = NULL;
	uint32_t clause_count = 0;
	struct cond k;

	if (c->depth == c->block_cap) {
		if (dj_buf_grow(c->s, buf,
			    ((size_t)c->depth + 1) * sizeof(*b)) != DJ_OK) {
			c->failed = true;
			return;
		}
		c->blocks = buf->p;
		c->block_cap = (uint32_t)(buf->cap / sizeof(*b));
	}
	if (kind == IF)
		k = pop_cond(c);
	if (kind == TRY)
		clauses = skip_clauses(&c->r, &clause_count);
	flush_all(c);
	b = &c->blocks[c->depth++];
	*b = (struct block){
		.kind = kind,
		.height = c->height - params,
		.params = params,
		.results = dj_slots(bt.results, bt.result_count),
		.bt = bt,
		.exits = NONE,
		.otherwise = NONE,
		.clauses = clauses,
		.clause_count = clause_count,
	};
	if (kind == TRY) {
		forget_last(c);
		b->from = c->len;
	}
	if (kind == IF) {
		emit_cond(c, &k, false, false);
		target(c, &b->otherwise);
	}
	if (kind == LOOP) {
		forget_last(c);
		b->start = c->len;
	}
}

static struct block *label(struct compiler *c, uint32_t n)
{
	return &c->blocks[c->depth - 1 - n];
}

static uint32_t arity(const struct block *b)
{
	return b->kind == LOOP ? b->params : b->results;
}

static void emit_branch(struct compiler *c, struct block *b)
{
	op(c, b->kind == LOOP ? DJ_I_bk : DJ_I_br, NONE);
	if (b->kind == LOOP)
		target_back(c, b->start);
	else
		target(c, &b->exits);
}

/* Must values move for a branch to b? */
static bool moves(const struct compiler *c, const struct block *b)
{
	return arity(b) != 0 && c->height - arity(b) != b->height;
}

/* The top values to where b wants them; the stack here stays as it is. */
static void emit_moves(struct compiler *c, const struct block *b)
{
	uint32_t n = arity(b), from = c->height - n;

	if (n > 4) {
		op(c, DJ_I_moven, NONE);
		word(c, home(c, b->height));
		word(c, home(c, from));
		word(c, n);
		return;
	}
	for (uint32_t i = 0; i < n && !c->failed; i++)
		emit_entry(c, &c->stack[from + i], from + i,
			home(c, b->height + i));
}

/* Before a branch: what need not or cannot be done on the way. */
static void settle(struct compiler *c, const struct block *b)
{
	if (arity(b) > 4 || !moves(c, b))
		flush_top(c, arity(b));
}

static void emit_return(struct compiler *c)
{
	uint32_t n = c->blocks[0].results;

	if (n == 1) {
		struct entry e = c->stack[c->height - 1];
		uint32_t from = slot_of(c, &e, c->height - 1);

		op(c, DJ_I_ret1, NONE);
		word(c, from);
	} else if (n == 0) {
		op(c, DJ_I_ret, NONE);
	} else {
		flush_top(c, n);
		op(c, DJ_I_retn, NONE);
		word(c, home(c, c->height - n));
		word(c, n);
	}
}

static void set_dead(struct compiler *c)
{
	c->dead = true;
	drop_to(c, c->blocks[c->depth - 1].height);
	forget_last(c);
}

static void on_br(struct compiler *c)
{
	struct block *b = label(c, dj_wasm_rd_u32(&c->r));

	if (b == &c->blocks[0]) {
		emit_return(c);
	} else {
		settle(c, b);
		if (moves(c, b))
			emit_moves(c, b);
		emit_branch(c, b);
	}
	set_dead(c);
}

static void on_br_if(struct compiler *c)
{
	struct block *b = label(c, dj_wasm_rd_u32(&c->r));
	struct cond k = pop_cond(c);
	uint32_t skip = NONE;

	settle(c, b);
	if (!moves(c, b)) {
		emit_cond(c, &k, true, b->kind == LOOP);
		if (b->kind == LOOP)
			target_back(c, b->start);
		else
			target(c, &b->exits);
		return;
	}
	emit_cond(c, &k, false, false);
	target(c, &skip);
	forget_last(c);
	emit_moves(c, b);
	emit_branch(c, b);
	place(c, &skip);
}

static void on_br_table(struct compiler *c)
{
	uint32_t n = dj_wasm_rd_u32(&c->r), i = pop_slot(c), first;
	const uint8_t *labels = c->r.p;
	struct block *b;

	b = label(c, dj_wasm_rd_u32(&c->r));
	flush_top(c, arity(b));
	op(c, DJ_I_br_table, NONE);
	word(c, i);
	word(c, n);
	first = c->len;
	c->r.p = labels;
	for (i = 0; i <= n && !c->failed; i++) {
		b = label(c, dj_wasm_rd_u32(&c->r));
		if (moves(c, b))
			word(c, 0);
		else if (b->kind == LOOP)
			target_back(c, b->start);
		else
			target(c, &b->exits);
	}
	c->r.p = labels;
	for (i = 0; i <= n && !c->failed; i++) {
		b = label(c, dj_wasm_rd_u32(&c->r));
		if (!moves(c, b))
			continue;
		c->code[first + i] = c->len - (first + i);
		forget_last(c);
		emit_moves(c, b);
		emit_branch(c, b);
	}
	set_dead(c);
}

static void on_else(struct compiler *c)
{
	struct block *b = &c->blocks[c->depth - 1];

	if (!c->dead) {
		flush_all(c);
		emit_branch(c, b);
	}
	place(c, &b->otherwise);
	b->kind = ELSE;
	drop_to(c, b->height);
	push_types(c, b->bt.params, b->bt.param_count);
	c->dead = false;
}

static void add_handler(struct compiler *c, const struct dj_handler *h)
{
	struct dj_buf *b = &c->s->handlers;

	if (dj_buf_grow(c->s, b, ((size_t)c->handlers + 1) * sizeof(*h)) !=
		DJ_OK) {
		c->failed = true;
		return;
	}
	((struct dj_handler *)b->p)[c->handlers++] = *h;
}

/* Where a clause's values are when it has caught: what its label wants. */
static void emit_caught(struct compiler *c, struct block *to)
{
	uint32_t n = arity(to);

	if (to->height + n > c->max_height)
		c->max_height = to->height + n;
	if (to != &c->blocks[0]) {
		emit_branch(c, to);
		return;
	}
	op(c, DJ_I_retn, NONE);
	word(c, home(c, 0));
	word(c, n);
}

/*
 * The end of a try_table: its handlers, those of inner ones are there
 * already, and for each a branch to its label. The way through jumps over.
 */
static void end_try(struct compiler *c)
{
	struct block *b = &c->blocks[c->depth - 1];
	const uint8_t *end = c->r.p;
	uint32_t to;

	if (!c->dead) {
		flush_all(c);
		emit_branch(c, b);
		set_dead(c);
	}
	forget_last(c);
	to = c->len;
	c->r.p = b->clauses;
	for (uint32_t i = 0; i < b->clause_count && !c->failed; i++) {
		struct dj_wasm_clause k = dj_wasm_rd_clause(&c->r);
		struct block *l = label(c, k.label + 1);
		const struct dj_handler h = {
			.tag = k.has_tag ? c->inst->tags[k.tag] : NULL,
			.from = b->from,
			.to = to,
			.target = c->len,
			.dst = home(c, l->height),
			.has_ref = k.has_ref,
		};

		add_handler(c, &h);
		emit_caught(c, l);
		forget_last(c);
	}
	c->r.p = end;
}

static void on_throw(struct compiler *c, uint32_t wasm)
{
	struct dj_tag *tag;
	uint32_t from;

	if (wasm == DJ_OP_THROW_REF) {
		from = pop_slot(c);
		op(c, DJ_I_throw_ref, NONE);
		word(c, from);
	} else {
		tag = c->inst->tags[dj_wasm_rd_u32(&c->r)];
		flush_top(c, tag->slots);
		op(c, DJ_I_throw, NONE);
		words(c, tag);
		word(c, home(c, c->height - tag->slots));
	}
	set_dead(c);
}

static void on_end(struct compiler *c)
{
	struct block *b = &c->blocks[c->depth - 1];
	bool joins;

	if (b->kind == TRY)
		end_try(c);
	joins = b->exits != NONE || b->otherwise != NONE;
	if (c->depth == 1 && !joins) {
		if (!c->dead)
			emit_return(c);
		c->depth = 0;
		return;
	}
	if (joins || c->dead) {
		if (!c->dead)
			flush_all(c);
		place(c, &b->otherwise);
		place(c, &b->exits);
		drop_to(c, b->height);
		push_types(c, b->bt.results, b->bt.result_count);
	}
	c->dead = false;
	if (c->depth == 1)
		emit_return(c);
	c->depth--;
}

/* Calls. */
static void results_of(struct compiler *c, const struct dj_wasm_functype *t)
{
	drop_to(c, c->height - dj_slots(t->params, t->param_count));
	push_types(c, t->results, t->result_count);
	c->last.dst = NONE;
}

/* A call in whose place the callee's own frame comes. */
static void on_return_call(struct compiler *c)
{
	struct dj_func *f = c->inst->funcs[dj_wasm_rd_u32(&c->r)];
	uint32_t n = dj_slots(f->type->params, f->type->param_count);

	flush_top(c, n);
	op(c, f->host != NULL ? DJ_I_return_call_host : DJ_I_return_call, NONE);
	words(c, f);
	word(c, home(c, c->height - n));
	word(c, n);
	set_dead(c);
}

static void on_call(struct compiler *c)
{
	struct dj_func *f = c->inst->funcs[dj_wasm_rd_u32(&c->r)];
	uint32_t n = dj_slots(f->type->params, f->type->param_count);

	flush_top(c, n);
	op(c,
		f->host != NULL              ? DJ_I_call_host
			: f->inst != c->inst ? DJ_I_call_far
					     : DJ_I_call,
		NONE);
	words(c, f);
	word(c, home(c, c->height - n));
	results_of(c, f->type);
}

/* An index or length of 64 bits, at height, into one of 32 that is as far
 * out of bounds. */
static uint32_t narrow(struct compiler *c, uint32_t slot, uint32_t height)
{
	op(c, DJ_I_index64, home(c, height));
	word(c, slot);
	return home(c, height);
}

static uint32_t pop_index(struct compiler *c, bool is64)
{
	uint32_t i = pop_slot(c);

	return is64 ? narrow(c, i, c->height) : i;
}

/* One of the top n operands, which are at home; 0 is the lowest. */
static void narrow_top(struct compiler *c, uint32_t n, uint32_t i, bool is64)
{
	uint32_t at = c->height - n + i;

	if (is64)
		(void)narrow(c, home(c, at), at);
}

static void on_call_indirect(struct compiler *c, bool is_return)
{
	uint32_t type = dj_wasm_rd_u32(&c->r);
	struct dj_table *table = c->inst->tables[dj_wasm_rd_u32(&c->r)];
	const struct dj_wasm_functype *t = &c->m->types[type];
	uint32_t n = dj_slots(t->params, t->param_count);
	uint32_t i = pop_index(c, table->limits.is64);

	flush_top(c, n);
	op(c, is_return ? DJ_I_return_call_indirect : DJ_I_call_indirect, NONE);
	word(c, i);
	words(c, table);
	word(c, c->inst->type_ids[type]);
	word(c, home(c, c->height - n));
	if (is_return) {
		word(c, n);
		set_dead(c);
	} else {
		results_of(c, t);
	}
}

/* Plain operations. */
static bool fits_imm(uint64_t v, bool is64)
{
	return !is64 || v == (uint64_t)(int64_t)(int32_t)v;
}

static void result(struct compiler *c, enum dj_engine_op o)
{
	op(c, o, home(c, c->height));
}

static void unary_at(struct compiler *c, enum dj_engine_op o, uint32_t a)
{
	result(c, o);
	word(c, a);
	push_home(c, 1);
}

static void unary(struct compiler *c, enum dj_engine_op o)
{
	unary_at(c, o, pop_slot(c));
}

/* o is the slot-slot variant; the one with an immediate follows it. */
static void emit_binary(struct compiler *c, enum dj_engine_op o,
	const struct entry *x, const struct entry *y, bool imm, uint32_t value)
{
	uint32_t a, b;

	a = slot_of(c, x, c->height);
	b = imm ? value : slot_of(c, y, c->height + 1);
	result(c, o + (imm ? 1 : 0));
	word(c, a);
	word(c, b);
	push_home(c, 1);
}

static bool commutes(enum dj_engine_op o)
{
	switch ((int)o) {
	case DJ_I_i32_add_ss:
	case DJ_I_i32_mul_ss:
	case DJ_I_i32_and_ss:
	case DJ_I_i32_or_ss:
	case DJ_I_i32_xor_ss:
	case DJ_I_i64_add_ss:
	case DJ_I_i64_mul_ss:
	case DJ_I_i64_and_ss:
	case DJ_I_i64_or_ss:
	case DJ_I_i64_xor_ss:
		return true;
	default:
		return false;
	}
}

/* Pops an entry whose slot does not depend on where it will be used. */
static struct entry pop_pinned(struct compiler *c)
{
	struct entry e = pop(c);

	if (e.kind == HOME) {
		e.kind = LOCAL;
		e.local = home(c, c->height);
	}
	return e;
}

/* local + (index << n), and index * size + base. */
static bool fuse_add(struct compiler *c)
{
	enum dj_engine_op o = c->last.op;
	uint32_t w[WORDS_MAX], other;
	struct entry x;

	if (!last_makes_top(c) ||
		(o != DJ_I_i32_shl_si && o != DJ_I_i32_mul_ss))
		return false;
	if (c->height < 2 || c->stack[c->height - 2].kind == CONST)
		return false;
	(void)pop(c);
	x = pop(c);
	other = x.kind == LOCAL ? x.local : home(c, c->height);
	(void)take_last(c, w);
	if (o == DJ_I_i32_shl_si) {
		result(c, DJ_I_i32_add_shl);
		word(c, other);
		word(c, w[2]);
		word(c, w[3] & 31);
	} else {
		result(c, DJ_I_i32_mul_add);
		word(c, w[2]);
		word(c, w[3]);
		word(c, other);
	}
	push_home(c, 1);
	return true;
}

static void binary(struct compiler *c, enum dj_engine_op o, bool is64)
{
	struct entry x, y, t;

	if (o == DJ_I_i32_add_ss && fuse_add(c))
		return;
	y = pop_pinned(c);
	x = pop_pinned(c);
	/* A constant that needs a slot must keep its own: y may be in the
	 * one that it would be put into after the exchange. */
	if (x.kind == CONST && y.kind != CONST && commutes(o) &&
		fits_imm(x.value, is64)) {
		t = x;
		x = y;
		y = t;
	}
	if (y.kind == CONST && fits_imm(y.value, is64)) {
		if (o == DJ_I_i32_sub_ss ||
			(o == DJ_I_i64_sub_ss &&
				(int32_t)y.value != INT32_MIN)) {
			o = o == DJ_I_i32_sub_ss ? DJ_I_i32_add_ss
						 : DJ_I_i64_add_ss;
			y.value = -y.value;
		}
		emit_binary(c, o, &x, &y, true, (uint32_t)y.value);
		return;
	}
	emit_binary(c, o, &x, &y, false, 0);
}

static void compare(struct compiler *c, enum dj_engine_op base, uint32_t which,
	bool is64)
{
	struct entry y = pop_pinned(c);
	struct entry x = pop_pinned(c);

	if (x.kind == CONST && y.kind != CONST && fits_imm(x.value, is64)) {
		struct entry t = x;

		x = y;
		y = t;
		which = swapped[which];
	}
	emit_binary(c, base + which * DJ_CMP_SIZE, &x, &y,
		y.kind == CONST && fits_imm(y.value, is64), (uint32_t)y.value);
}

/* !(a < b) is a >= b for integers; a float compare stays as it is. */
static bool fuse_eqz(struct compiler *c)
{
	enum dj_engine_op base, o = c->last.op;
	uint32_t w[WORDS_MAX], n, which;

	if (!last_makes_top(c) || !int_cmp_base(o, &base))
		return false;
	which = (o - base) / DJ_CMP_SIZE;
	(void)pop(c);
	n = take_last(c, w);
	o = base + inverse[which] * (unsigned)DJ_CMP_SIZE +
		(o - base) % DJ_CMP_SIZE;
	put_back(c, o, w, n, home(c, c->height));
	push_home(c, 1);
	return true;
}

static void on_eqz(struct compiler *c, enum dj_engine_op base)
{
	if (base == DJ_I_i32_eq_ss && fuse_eqz(c))
		return;
	push_const(c, 0);
	compare(c, base, 0, base == DJ_I_i64_eq_ss);
}

/* A float read that a float operation can do itself: slot + constant. */
static bool reads_float(const struct compiler *c, bool is64)
{
	enum dj_engine_op base = is64 ? DJ_I_f64_load_s : DJ_I_f32_load_s;

	return c->last.op == base + DJ_LD_S || c->last.op == base + DJ_LD_SC;
}

/* Takes such a read off; its address in three words. */
static void take_read(struct compiler *c, uint32_t at[static 3])
{
	uint32_t w[WORDS_MAX];
	bool sc = take_last(c, w) == 5;

	at[0] = w[2];
	at[1] = sc ? w[3] : 0;
	at[2] = sc ? w[4] : w[3];
}

/* As last_makes_top(), for the entry below a local on top. */
static bool last_makes_second(const struct compiler *c)
{
	return c->last.at != NONE && c->height > 1 &&
		c->stack[c->height - 1].kind == LOCAL &&
		c->stack[c->height - 2].kind == HOME &&
		c->last.dst == home(c, c->height - 2);
}

/*
 * The other operand of what is about to be fused: below the top, or, when
 * the two change places, the local on top.
 */
static uint32_t pop_other(struct compiler *c, bool second)
{
	struct entry y = pop(c), x = pop(c);

	return second ? y.local : slot_of(c, &x, c->height);
}

/* Product and sum, rounded twice as ever. */
static bool fuse_product(struct compiler *c, enum dj_engine_op o,
	enum dj_engine_op mul_add, bool second)
{
	enum dj_engine_op f = DJ_I_f64_add_ss, mul = c->last.op;
	uint32_t w[WORDS_MAX], n, other;
	unsigned form;

	if (mul_add == DJ_I_f32_mul_add)
		f = DJ_I_f32_add_ss;
	if (mul == f + (DJ_I_f64_mul_ss - DJ_I_f64_add_ss))
		form = 0;
	else if (mul == mul_add + (DJ_I_f64_mul_sm - DJ_I_f64_mul_add))
		form = 1;
	else if (mul == mul_add + (DJ_I_f64_mul_mm - DJ_I_f64_mul_add))
		form = 2;
	else
		return false;
	n = take_last(c, w);
	other = pop_other(c, second);
	result(c, mul_add + form + (o == f ? 0u : 3u));
	word(c, other);
	put_words(c, w + 2, n - 2);
	push_home(c, 1);
	return true;
}

/* add, sub and mul with what a read or a product just made. */
static bool fuse_float(struct compiler *c, enum dj_engine_op o, bool is64)
{
	enum dj_engine_op add = is64 ? DJ_I_f64_add_ss : DJ_I_f32_add_ss;
	enum dj_engine_op mul_add = is64 ? DJ_I_f64_mul_add : DJ_I_f32_mul_add;
	unsigned which = (unsigned)(o - add) / 2;
	bool second = which != 1 && last_makes_second(c);
	uint32_t y[3], x[3], other;

	if (which > 2 || !(second || last_makes_top(c)))
		return false;
	if (which != 2 && fuse_product(c, o, mul_add, second))
		return true;
	if (!reads_float(c, is64))
		return false;
	take_read(c, y);
	mul_add += DJ_I_f64_add_sm - DJ_I_f64_mul_add;
	if (which == 2 && !second && c->last.at != NONE &&
		c->stack[c->height - 2].kind == HOME &&
		c->last.dst == home(c, c->height - 2) && reads_float(c, is64)) {
		take_read(c, x);
		drop_to(c, c->height - 2);
		result(c, mul_add + 3);
		put_words(c, x, 3);
	} else {
		other = pop_other(c, second);
		result(c, mul_add + which);
		word(c, other);
	}
	put_words(c, y, 3);
	push_home(c, 1);
	return true;
}

static void float_binary(struct compiler *c, enum dj_engine_op o, bool is64)
{
	struct entry y, x;
	bool imm;

	if (c->height >= 2 && fuse_float(c, o, is64))
		return;
	y = pop(c);
	x = pop(c);
	imm = y.kind == CONST && (!is64 || (uint32_t)y.value == 0);
	emit_binary(c, o, &x, &y, imm,
		(uint32_t)(is64 ? y.value >> 32 : y.value));
}

static void float_compare(struct compiler *c, enum dj_engine_op o)
{
	struct entry y = pop(c), x = pop(c);

	emit_binary(c, o, &x, &y, false, 0);
}

/* An address: which variant, and up to three words. */
struct addr {
	unsigned variant, n;
	uint32_t w[3];
};

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

static struct addr pop_addr(struct compiler *c, uint32_t off)
{
	struct addr a = { .variant = DJ_LD_S, .n = 2 };
	struct entry e;
	uint32_t w[WORDS_MAX];

	if (last_makes_top(c) && sum_variant(c->last.op) != DJ_LD_S) {
		a.variant = sum_variant(c->last.op);
		a.n = a.variant == DJ_LD_SX ? 3 : 2;
		(void)pop(c);
		(void)take_last(c, w);
		memcpy(a.w, w + 2, sizeof(a.w));
		return a;
	}
	e = pop(c);
	if (e.kind == CONST &&
		(uint64_t)(uint32_t)e.value + off <= UINT32_MAX) {
		a.variant = DJ_LD_ABS;
		a.n = 0;
		a.w[0] = (uint32_t)e.value;
		return a;
	}
	a.n = 1;
	a.w[0] = slot_of(c, &e, c->height);
	return a;
}

static void emit_addr(struct compiler *c, const struct addr *a, uint32_t off)
{
	for (unsigned i = 0; i < a->n; i++)
		word(c, a->w[i]);
	word(c, a->variant == DJ_LD_ABS ? a->w[0] + off : off);
}

/*
 * Handlers know the first memory only, and addresses of 32 bits. Around an
 * access to another memory it takes the first one's place; a wider address
 * is added up and checked before. Memories of 64 bits have no more than 4 GiB
 * here, so that what does not fit 32 bits is out of bounds.
 */
struct access {
	struct dj_memory *mem;
	uint32_t off;
	uint64_t off64;
	bool first;
};

static struct access read_access(struct compiler *c)
{
	struct dj_wasm_memarg a = dj_wasm_rd_memarg(&c->r);
	struct dj_memory *mem = c->inst->memories[a.mem];

	return (struct access){
		.mem = mem,
		.off = mem->limits.is64 ? 0 : (uint32_t)a.offset,
		.off64 = a.offset,
		.first = mem == c->inst->mem,
	};
}

static struct addr pop_address(struct compiler *c, const struct access *k)
{
	struct addr a = { .variant = DJ_LD_S, .n = 1 };
	uint32_t from;

	if (!k->mem->limits.is64)
		return pop_addr(c, k->off);
	from = pop_slot(c);
	a.w[0] = home(c, c->height);
	op(c, DJ_I_address64, a.w[0]);
	word(c, from);
	word(c, (uint32_t)k->off64);
	word(c, (uint32_t)(k->off64 >> 32));
	return a;
}

static void use_memory(struct compiler *c, struct dj_memory *mem)
{
	op(c, DJ_I_memory, NONE);
	words(c, mem);
}

static void on_load(struct compiler *c, uint32_t wasm)
{
	struct access k = read_access(c);
	struct addr a = pop_address(c, &k);

	if (!k.first)
		use_memory(c, k.mem);
	result(c,
		DJ_I_i32_load_s + (wasm - DJ_OP_LOAD_FIRST) * DJ_LOAD_SIZE +
			a.variant);
	emit_addr(c, &a, k.off);
	push_home(c, 1);
	if (!k.first)
		use_memory(c, c->inst->mem);
}

static void on_store(struct compiler *c, uint32_t wasm)
{
	struct access k = read_access(c);
	enum dj_engine_op o =
		DJ_I_i32_store_s + (wasm - DJ_OP_STORE_FIRST) * DJ_STORE_SIZE;
	bool is64 = wasm == 0x37 || wasm == 0x39 || wasm >= 0x3c;
	bool plain = k.first && !k.mem->limits.is64;
	struct entry v = pop_pinned(c);
	struct addr a;

	if (plain && v.kind == CONST && fits_imm(v.value, is64) &&
		wasm != 0x38 && wasm != 0x39 &&
		c->stack[c->height - 1].kind != CONST) {
		uint32_t at = pop_slot(c);

		op(c, o + DJ_ST_SI, NONE);
		word(c, (uint32_t)v.value);
		word(c, at);
		word(c, k.off);
		return;
	}
	if (v.kind == CONST) {
		uint32_t from = slot_of(c, &v, c->height);

		v.kind = LOCAL;
		v.local = from;
	}
	a = pop_address(c, &k);
	if (!k.first)
		use_memory(c, k.mem);
	op(c, o + a.variant, NONE);
	word(c, v.local);
	emit_addr(c, &a, k.off);
	if (!k.first)
		use_memory(c, c->inst->mem);
}

static void on_select(struct compiler *c)
{
	struct entry y, x;
	uint32_t k = pop_slot(c), a, b;

	if (top_is_wide(c)) {
		b = pop_wide_slot(c);
		a = pop_wide_slot(c);
		result(c, DJ_I_v128_select);
		c->last.wide = true;
		word(c, a);
		word(c, b);
		word(c, k);
		push_wide(c);
		return;
	}
	y = pop(c);
	b = slot_of(c, &y, c->height);
	x = pop(c);
	a = slot_of(c, &x, c->height);
	result(c, DJ_I_select);
	word(c, a);
	word(c, b);
	word(c, k);
	push_home(c, 1);
}

/* Operands to consecutive slots, then [op, first slot]. */
static void rare(struct compiler *c, enum dj_engine_op o, uint32_t n)
{
	flush_top(c, n);
	drop_to(c, c->height - n);
	op(c, o, NONE);
	word(c, home(c, c->height));
}

/* An i32 that was made at the top, to the i64 that a grow gives. */
static void widen_top(struct compiler *c, bool is64)
{
	if (!is64)
		return;
	(void)pop(c);
	unary_at(c, DJ_I_i64_extend_i32_s, home(c, c->height));
}

static void on_table(struct compiler *c, uint32_t wasm)
{
	struct dj_table *t = c->inst->tables[dj_wasm_rd_u32(&c->r)];
	bool is64 = t->limits.is64;
	uint32_t n = wasm == DJ_OP_TABLE_GET ? 1
		: wasm == DJ_OP_TABLE_FILL   ? 3
					     : 2;

	if (wasm != DJ_OP_TABLE_SIZE) {
		flush_top(c, n);
		narrow_top(c, n, wasm == DJ_OP_TABLE_GROW ? 1 : 0, is64);
		narrow_top(c, n, 2, wasm == DJ_OP_TABLE_FILL && is64);
	}
	switch (wasm) {
	case DJ_OP_TABLE_GET:
		rare(c, DJ_I_table_get, n);
		break;
	case DJ_OP_TABLE_SET:
		rare(c, DJ_I_table_set, n);
		break;
	case DJ_OP_TABLE_GROW:
		rare(c, DJ_I_table_grow, n);
		break;
	case DJ_OP_TABLE_SIZE:
		result(c, DJ_I_table_size);
		break;
	case DJ_OP_TABLE_FILL:
		rare(c, DJ_I_table_fill, n);
		break;
	}
	words(c, t);
	if (wasm != DJ_OP_TABLE_SET && wasm != DJ_OP_TABLE_FILL)
		push_home(c, 1);
	widen_top(c, is64 && wasm == DJ_OP_TABLE_GROW);
}

static void on_memory(struct compiler *c, uint32_t wasm)
{
	struct dj_memory *mem = c->inst->memories[dj_wasm_rd_u32(&c->r)];
	bool is64 = mem->limits.is64;
	uint32_t from;

	if (wasm == DJ_OP_MEMORY_SIZE) {
		result(c, DJ_I_memory_size);
		words(c, mem);
		push_home(c, 1);
		return;
	}
	from = pop_index(c, is64);
	result(c, DJ_I_memory_grow);
	word(c, from);
	words(c, mem);
	push_home(c, 1);
	widen_top(c, is64);
}

/* Destination, source, length: each may be of 64 bits. */
static void bulk_operands(struct compiler *c, bool to, bool from, bool length)
{
	flush_top(c, 3);
	narrow_top(c, 3, 0, to);
	narrow_top(c, 3, 1, from);
	narrow_top(c, 3, 2, length);
}

static void on_memory_bulk(struct compiler *c, uint32_t wasm)
{
	uint32_t i = wasm == DJ_OP_MEMORY_INIT ? dj_wasm_rd_u32(&c->r) : 0;
	struct dj_memory *to = c->inst->memories[dj_wasm_rd_u32(&c->r)], *from;
	bool is64 = to->limits.is64;

	switch (wasm) {
	case DJ_OP_MEMORY_INIT:
		bulk_operands(c, is64, false, false);
		rare(c, DJ_I_memory_init, 3);
		word(c, i);
		words(c, to);
		break;
	case DJ_OP_MEMORY_COPY:
		from = c->inst->memories[dj_wasm_rd_u32(&c->r)];
		bulk_operands(c, is64, from->limits.is64,
			is64 && from->limits.is64);
		rare(c, DJ_I_memory_copy, 3);
		words(c, to);
		words(c, from);
		break;
	case DJ_OP_MEMORY_FILL:
		bulk_operands(c, is64, false, is64);
		rare(c, DJ_I_memory_fill, 3);
		words(c, to);
		break;
	}
}

static void on_table_bulk(struct compiler *c, uint32_t wasm)
{
	uint32_t i = dj_wasm_rd_u32(&c->r), k = dj_wasm_rd_u32(&c->r);
	struct dj_table *to, *from;

	if (wasm == DJ_OP_TABLE_INIT) {
		to = c->inst->tables[k];
		bulk_operands(c, to->limits.is64, false, false);
		rare(c, DJ_I_table_init, 3);
		word(c, i);
		words(c, to);
		return;
	}
	to = c->inst->tables[i];
	from = c->inst->tables[k];
	bulk_operands(c, to->limits.is64, from->limits.is64,
		to->limits.is64 && from->limits.is64);
	rare(c, DJ_I_table_copy, 3);
	words(c, to);
	words(c, from);
}

static void on_drop_segment(struct compiler *c, uint32_t wasm)
{
	uint32_t i = dj_wasm_rd_u32(&c->r);

	op(c, wasm == DJ_OP_DATA_DROP ? DJ_I_data_drop : DJ_I_elem_drop, NONE);
	word(c, i);
}

static void on_global(struct compiler *c, uint32_t wasm)
{
	struct dj_global *g = c->inst->globals[dj_wasm_rd_u32(&c->r)];
	bool wide = g->type.type == DJ_WASM_V128;
	uint32_t from;

	if (wasm == DJ_OP_GLOBAL_GET) {
		result(c, wide ? DJ_I_global_get128 : DJ_I_global_get);
		c->last.wide = wide;
		words(c, g);
		if (wide)
			push_wide(c);
		else
			push_home(c, 1);
		return;
	}
	from = wide ? pop_wide_slot(c) : pop_slot(c);
	op(c, wide ? DJ_I_global_set128 : DJ_I_global_set, NONE);
	word(c, from);
	words(c, g);
}

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

static void simd_memory(struct compiler *c, uint32_t wasm)
{
	const struct dj_wasm_op *o = &dj_wasm_ops[wasm];
	struct access k = read_access(c);
	uint32_t w[WORDS_MAX], v = 0;
	uint32_t lane = o->lanes != 0 ? dj_wasm_rd_u8(&c->r) : 0;
	uint32_t at[3] = { 0, 0, k.off };
	struct addr a;

	if (o->in[1] != 0)
		v = pop_wide_slot(c);
	if (k.mem->limits.is64) {
		a = pop_address(c, &k);
		at[0] = a.w[0];
	} else if (last_makes_top(c) && c->last.op == DJ_I_i32_add_si) {
		(void)pop(c);
		(void)take_last(c, w);
		at[0] = w[2];
		at[1] = w[3];
	} else {
		at[0] = pop_slot(c);
	}
	if (!k.first)
		use_memory(c, k.mem);
	if (o->out != 0) {
		result(c, simd_op(wasm));
		c->last.wide = true;
	} else {
		op(c, simd_op(wasm), NONE);
	}
	if (o->in[1] != 0)
		word(c, v);
	put_words(c, at, 3);
	if (o->lanes != 0)
		word(c, lane);
	if (o->out != 0)
		push_wide(c);
	if (!k.first)
		use_memory(c, c->inst->mem);
}

static void simd_const(struct compiler *c)
{
	push_const(c, dj_wasm_rd_bits(&c->r, 8));
	push_const(c, dj_wasm_rd_bits(&c->r, 8));
	if (!c->failed)
		c->stack[c->height - 1].wide = true;
}

static bool is_simd_memory(uint32_t wasm)
{
	return wasm <= DJ_OP_V128_STORE ||
		(wasm >= DJ_OP_LOAD_LANE_FIRST && wasm <= DJ_OP_LOAD_ZERO_LAST);
}

static void on_simd(struct compiler *c, uint32_t wasm)
{
	const struct dj_wasm_op *o = &dj_wasm_ops[wasm];
	uint32_t imm[4], imms = 0, in[3] = { 0 }, n = 0;

	if (wasm == DJ_OP_V128_CONST) {
		simd_const(c);
		return;
	}
	if (is_simd_memory(wasm)) {
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
		in[i - 1] = o->in[i - 1] == DJ_WASM_V128 ? pop_wide_slot(c)
							 : pop_slot(c);
	result(c, simd_op(wasm));
	put_words(c, in, n);
	put_words(c, imm, imms);
	if (o->out == DJ_WASM_V128) {
		c->last.wide = true;
		push_wide(c);
	} else {
		push_home(c, 1);
	}
}

/* The low half of a slot is what an i32 is: wrapping is nothing to do. */
static void on_wrap(struct compiler *c)
{
	struct entry *e = &c->stack[c->height - 1];

	if (e->kind == CONST)
		e->value = (uint32_t)e->value;
}

static void on_numeric(struct compiler *c, uint32_t w)
{
	switch (w) {
	case 0x45:
		on_eqz(c, DJ_I_i32_eq_ss);
		break;
	case 0x46 ... 0x4f:
		compare(c, DJ_I_i32_eq_ss, w - 0x46, false);
		break;
	case 0x50:
		on_eqz(c, DJ_I_i64_eq_ss);
		break;
	case 0x51 ... 0x5a:
		compare(c, DJ_I_i64_eq_ss, w - 0x51, true);
		break;
	case 0x5b ... 0x60:
		float_compare(c, DJ_I_f32_eq_ss + (w - 0x5b) * DJ_FCMP_SIZE);
		break;
	case 0x61 ... 0x66:
		float_compare(c, DJ_I_f64_eq_ss + (w - 0x61) * DJ_FCMP_SIZE);
		break;
	case 0x67 ... 0x69:
		unary(c, DJ_I_i32_clz + (w - 0x67));
		break;
	case 0x6a ... 0x78:
		binary(c, DJ_I_i32_add_ss + (w - 0x6a) * 2, false);
		break;
	case 0x79 ... 0x7b:
		unary(c, DJ_I_i64_clz + (w - 0x79));
		break;
	case 0x7c ... 0x8a:
		binary(c, DJ_I_i64_add_ss + (w - 0x7c) * 2, true);
		break;
	case 0x8b ... 0x91:
		unary(c, DJ_I_f32_abs + (w - 0x8b));
		break;
	case 0x92 ... 0x98:
		float_binary(c, DJ_I_f32_add_ss + (w - 0x92) * 2, false);
		break;
	case 0x99 ... 0x9f:
		unary(c, DJ_I_f64_abs + (w - 0x99));
		break;
	case 0xa0 ... 0xa6:
		float_binary(c, DJ_I_f64_add_ss + (w - 0xa0) * 2, true);
		break;
	case 0xa7:
		on_wrap(c);
		break;
	case 0xa8 ... 0xbb:
		unary(c, DJ_I_i32_wrap_i64 + (w - 0xa7));
		break;
	case 0xbc ... 0xbf:
		break; /* reinterpretations: a slot is its bits */
	case 0xc0 ... 0xc4:
		unary(c, DJ_I_i32_extend8_s + (w - 0xc0));
		break;
	case DJ_OP_TRUNC_SAT_FIRST ... DJ_OP_TRUNC_SAT_LAST:
		unary(c, DJ_I_i32_sat_f32_s + (w - DJ_OP_TRUNC_SAT_FIRST));
		break;
	}
}

static void on_const(struct compiler *c, uint32_t w)
{
	switch (w) {
	case DJ_OP_I32_CONST:
		push_const(c, (uint32_t)dj_wasm_rd_s32(&c->r));
		break;
	case DJ_OP_I64_CONST:
		push_const(c, (uint64_t)dj_wasm_rd_s64(&c->r));
		break;
	case DJ_OP_F32_CONST:
		push_const(c, dj_wasm_rd_bits(&c->r, 4));
		break;
	case DJ_OP_F64_CONST:
		push_const(c, dj_wasm_rd_bits(&c->r, 8));
		break;
	case DJ_OP_REF_NULL:
		(void)dj_wasm_rd_u8(&c->r);
		push_const(c, 0);
		break;
	case DJ_OP_REF_FUNC:
		push_const(c, (uintptr_t)c->inst->funcs[dj_wasm_rd_u32(&c->r)]);
		break;
	}
}

static void on_control(struct compiler *c, uint32_t w)
{
	switch (w) {
	case DJ_OP_UNREACHABLE:
		op(c, DJ_I_unreachable, NONE);
		set_dead(c);
		break;
	case DJ_OP_BLOCK:
		open_block(c, BLOCK);
		break;
	case DJ_OP_LOOP:
		open_block(c, LOOP);
		break;
	case DJ_OP_IF:
		open_block(c, IF);
		break;
	case DJ_OP_ELSE:
		on_else(c);
		break;
	case DJ_OP_END:
		on_end(c);
		break;
	case DJ_OP_THROW:
	case DJ_OP_THROW_REF:
		on_throw(c, w);
		break;
	case DJ_OP_BR:
		on_br(c);
		break;
	case DJ_OP_BR_IF:
		on_br_if(c);
		break;
	case DJ_OP_BR_TABLE:
		on_br_table(c);
		break;
	case DJ_OP_RETURN:
		emit_return(c);
		set_dead(c);
		break;
	case DJ_OP_CALL:
		on_call(c);
		break;
	case DJ_OP_CALL_INDIRECT:
	case DJ_OP_RETURN_CALL_INDIRECT:
		on_call_indirect(c, w == DJ_OP_RETURN_CALL_INDIRECT);
		break;
	case DJ_OP_RETURN_CALL:
		on_return_call(c);
		break;
	}
}

static void on_op(struct compiler *c, uint32_t w)
{
	switch (w) {
	case DJ_OP_DROP:
		drop_to(c, c->height - (top_is_wide(c) ? 2 : 1));
		break;
	case DJ_OP_SELECT_T:
		(void)dj_wasm_rd_u32(&c->r);
		(void)dj_wasm_rd_u8(&c->r);
		on_select(c);
		break;
	case DJ_OP_SELECT:
		on_select(c);
		break;
	case DJ_OP_TRY_TABLE:
		open_block(c, TRY);
		break;
	case DJ_OP_LOCAL_GET ... DJ_OP_LOCAL_TEE:
		on_local(c, w);
		break;
	case DJ_OP_GLOBAL_GET:
	case DJ_OP_GLOBAL_SET:
		on_global(c, w);
		break;
	case DJ_OP_TABLE_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_TABLE_GROW ... DJ_OP_TABLE_FILL:
		on_table(c, w);
		break;
	case DJ_OP_LOAD_FIRST ... DJ_OP_LOAD_LAST:
		on_load(c, w);
		break;
	case DJ_OP_STORE_FIRST ... DJ_OP_STORE_LAST:
		on_store(c, w);
		break;
	case DJ_OP_MEMORY_SIZE ... DJ_OP_MEMORY_GROW:
		on_memory(c, w);
		break;
	case DJ_OP_I32_CONST ... DJ_OP_F64_CONST:
	case DJ_OP_REF_NULL:
	case DJ_OP_REF_FUNC:
		on_const(c, w);
		break;
	case DJ_OP_REF_IS_NULL:
		on_eqz(c, DJ_I_i64_eq_ss);
		break;
	case DJ_OP_DATA_DROP:
	case DJ_OP_ELEM_DROP:
		on_drop_segment(c, w);
		break;
	case DJ_OP_MEMORY_INIT:
	case DJ_OP_MEMORY_COPY ... DJ_OP_MEMORY_FILL:
		on_memory_bulk(c, w);
		break;
	case DJ_OP_TABLE_INIT:
	case DJ_OP_TABLE_COPY:
		on_table_bulk(c, w);
		break;
	default:
		if (w <= DJ_OP_CONTROL_LAST)
			on_control(c, w);
		else if (w >= DJ_OP_SIMD)
			on_simd(c, w);
		else
			on_numeric(c, w);
	}
}

static void skip_simd(struct dj_wasm_rd *r, uint32_t w)
{
	if (is_simd_memory(w))
		(void)dj_wasm_rd_memarg(r);
	if (w == DJ_OP_V128_CONST || w == DJ_OP_SHUFFLE)
		(void)dj_wasm_rd_bytes(r, 16);
	else if (dj_wasm_ops[w].lanes != 0)
		(void)dj_wasm_rd_u8(r);
}

/* Reads past an instruction's immediates. */
static void skip(struct dj_wasm_rd *r, const struct dj_wasm_module *m,
	uint32_t w)
{
	uint32_t n;

	if (w >= DJ_OP_SIMD)
		skip_simd(r, w);
	switch (w) {
	case DJ_OP_BLOCK ... DJ_OP_IF:
		(void)dj_wasm_rd_block_type(r, m);
		break;
	case DJ_OP_TRY_TABLE:
		(void)dj_wasm_rd_block_type(r, m);
		(void)skip_clauses(r, &n);
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
	case DJ_OP_SELECT_T:
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
	case DJ_OP_THROW:
	case DJ_OP_LOCAL_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_MEMORY_SIZE ... DJ_OP_MEMORY_GROW:
	case DJ_OP_REF_NULL:
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

/* Code that no path reaches: on to the block's else or end. */
static uint32_t next_live(struct compiler *c)
{
	uint32_t nested = 0;

	for (;;) {
		uint32_t w = dj_wasm_rd_opcode(&c->r);

		if (c->r.st != DJ_OK)
			return DJ_OP_END;
		if (nested == 0 && (w == DJ_OP_ELSE || w == DJ_OP_END))
			return w;
		if ((w >= DJ_OP_BLOCK && w <= DJ_OP_IF) || w == DJ_OP_TRY_TABLE)
			nested++;
		if (w == DJ_OP_END)
			nested--;
		skip(&c->r, c->m, w);
	}
}

static void walk(struct compiler *c)
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
static void add_locals(struct compiler *c, uint32_t *at, uint32_t n,
	uint8_t type)
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

static void read_locals(struct compiler *c)
{
	const struct dj_wasm_functype *t = c->f->type;
	uint32_t groups, at = 0;

	c->locals = 0;
	for (uint32_t i = 0; i < t->param_count && !c->failed; i++)
		add_locals(c, &at, 1, t->params[i]);
	groups = dj_wasm_rd_u32(&c->r);
	for (uint32_t i = 0; i < groups && !c->failed; i++) {
		uint32_t n = dj_wasm_rd_u32(&c->r);

		add_locals(c, &at, n, dj_wasm_rd_u8(&c->r));
	}
	if (dj_buf_grow(c->s, &c->s->heads, ((size_t)c->locals + 1) * 4) !=
		DJ_OK) {
		c->failed = true;
		return;
	}
	c->heads = c->s->heads.p;
	memset(c->heads, 0xff, (size_t)c->locals * 4);
}

static void begin(struct compiler *c)
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
	c->blocks[0] = (struct block){
		.kind = BLOCK,
		.results = dj_slots(t->results, t->result_count),
		.bt = {
			.result_count = t->result_count,
			.results = t->results,
		},
		.exits = NONE,
		.otherwise = NONE,
	};
	c->depth = 1;
	forget_last(c);
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

static enum dj_trap finish(struct compiler *c)
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
	struct compiler c = {
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
