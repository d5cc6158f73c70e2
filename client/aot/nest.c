// SPDX-License-Identifier: Apache-2.0
#include "client/aot/loop.h"

#include <string.h>

/*
 * A loop around one innermost loop that makes sums: a product of matrices,
 * say, where each turn of the outer loop is a chain of sums down a column.
 * One sum waits for the one before, and takes a word of each line of cache.
 *
 * The nest form, in front of the outer loop, does JAM of its turns at once:
 * what is in front of the inner loop JAM times, then one inner loop with JAM
 * copies of a turn in it, then JAM times what is behind. JAM sums do not
 * wait for each other, and their words lie in the same lines.
 *
 * That is another order of the accesses. It is the same to everybody if none
 * of them traps and no two turns of the outer loop touch the same byte unless
 * both only read it. The first is known of a body of nothing but operations
 * that never trap, and of addresses that go up by constants in both loops:
 * they are compared with the memory's length in front. For the second
 *   - a group of addresses with a store in it stays where it is in the inner
 *     loop, and goes on in the outer one by no less than it is long;
 *   - what any other group takes is compared with what it takes, in front.
 * So no store of the inner loop is read in it, and only the last turn's is
 * done, behind it. The plain form does the rest, always the last turn, as in
 * loop.c; so events are the interpreter's too: JAM turns are done only if none
 * is due in them.
 */
#define JAM       4
#define MAX_LEN   400 /* bytes of what is made JAM times */
#define MIN_INNER 4
#define MAX_TURNS (1 << 24) /* of each loop: so that no sum overflows */
#define MAX_PAIRS 16        /* of groups that are compared */

/* An address in turn i of the outer loop, k of the inner one. */
struct plane {
	struct form form; /* its step: by i */
	uint32_t inner;   /* by k */
};

struct place {
	LLVMValueRef addr;
	uint64_t imm, width;
	bool is_store, is_inner;
	uint32_t group, konst;
	uint64_t extra; /* behind the group's pointer */
};

struct bundle {
	struct plane plane;
	int32_t low;
	uint64_t from, end; /* behind the pointer: of the first, of the last */
	bool is_stored, is_stored_inner, is_loaded_inner;
	LLVMValueRef low_end, high_end; /* all of it lies between */
	LLVMValueRef start, p;          /* the pointer: in turn 0, in turn i */
};

/* A store of the inner loop, until it is done behind it. */
struct late {
	LLVMValueRef v, p;
	const struct place *to;
};

struct copy {
	LLVMValueRef *set;
	struct value *stack;
	uint32_t height;
	struct late *late;
	uint32_t late_count;
	LLVMValueRef *phis; /* of the inner loop's set */
};

struct nest {
	enum {
		NEST_WATCHED,
		NEST_BETWEEN,
		NEST_FAST
	} state;
	struct loop outer;
	struct loop *inner;
	struct place places[MAX_ACCESSES];
	uint32_t place_count;
	struct bundle groups[MAX_GROUPS];
	uint32_t group_count;
	bool *reads; /* of the set: a turn begins with what it was */
	LLVMValueRef turns, inner_turns, turn, inner_turn;
	LLVMValueRef begun_with; /* events left as a plain turn begins */
	LLVMBasicBlockRef plain; /* where the plain form begins */
	struct copy copies[JAM];
	uint32_t copy, at; /* fast: which one, the next place */
	bool is_inside;    /* fast: in the inner loop */
};

/* ---- what the body is made of ---- */

static bool is_access(uint32_t op)
{
	return op >= DJ_OP_LOAD_FIRST && op <= DJ_OP_STORE_LAST;
}

/* Divisions of integers, and floats to integers. */
static bool may_trap(uint32_t op)
{
	return (op >= 0x6d && op <= 0x70) || (op >= 0x7f && op <= 0x82) ||
		(op >= 0xa8 && op <= 0xab) || (op >= 0xae && op <= 0xb1);
}

/* Does it nothing but compute, without a trap of its own? */
static bool is_simple(const struct fn *f, const struct insn *i)
{
	if (is_access(i->op))
		return i->mem == 0 && !f->u->m->memories[0].is64;
	switch (i->op) {
	case DJ_OP_NOP:
	case DJ_OP_DROP:
	case DJ_OP_SELECT:
	case DJ_OP_SELECT_T:
	case DJ_OP_LOCAL_GET ... DJ_OP_LOCAL_TEE:
	case DJ_OP_I32_CONST ... DJ_OP_F64_CONST:
	case DJ_OP_TRUNC_SAT_FIRST ... DJ_OP_TRUNC_SAT_LAST:
		return true;
	case DJ_OP_I32_EQZ ... DJ_OP_NUM_LAST:
		return !may_trap(i->op);
	default:
		return false;
	}
}

static bool is_next(struct fn *f, struct dj_wasm_rd *r, uint32_t op)
{
	struct insn i;

	return insn_read(r, f->u->m, &i) && i.op == op;
}

/*
 * Simple things, a loop of simple things that ends with the branch back, and
 * simple things up to the branch back of the outer loop: each turn does all
 * of it once, but for the inner loop's turns.
 */
static bool has_shape(struct fn *f)
{
	struct dj_wasm_rd r = f->r;
	unsigned loops = 0, ends = 0;
	struct insn i;

	while (insn_read(&r, f->u->m, &i)) {
		if (i.op == DJ_OP_LOOP) {
			if (loops++ != 0 || i.bt.param_count != 0 ||
				i.bt.result_count != 0)
				return false;
		} else if (i.op == DJ_OP_BR_IF) {
			if (i.a != 0 || loops == 0 ||
				!is_next(f, &r, DJ_OP_END))
				return false;
			if (++ends == 2)
				return true;
		} else if (!is_simple(f, &i)) {
			return false;
		}
	}
	return false;
}

/*
 * Which of the set does a turn read before it assigns it? It does everything
 * in the order in which it is written, and its inner loop once at least.
 */
static void find_reads(struct fn *f, const struct block *b, struct nest *n)
{
	struct dj_wasm_rd r = f->r;
	bool *known = fn_alloc(f, b->set_count * sizeof(*known));
	unsigned ends = 0;
	struct insn i;

	n->reads = fn_alloc(f, b->set_count * sizeof(*n->reads));
	while (ends < 2 && insn_read(&r, f->u->m, &i)) {
		ends += i.op == DJ_OP_BR_IF;
		if (i.op < DJ_OP_LOCAL_GET || i.op > DJ_OP_LOCAL_TEE)
			continue;
		for (uint32_t k = 0; k < b->set_count; k++)
			if (b->set[k] == i.a && !known[k]) {
				known[k] = true;
				n->reads[k] = i.op == DJ_OP_LOCAL_GET;
			}
	}
}

/* ---- watching the plain form ---- */

struct nest *nest_begin(struct fn *f, struct block *b, LLVMValueRef *values)
{
	struct nest *n;

	if (f->nest != NULL || f->loop != NULL || b->bt.param_count != 0 ||
		b->bt.result_count != 0 || !makes_vectors(f->u) ||
		f->plan.blocks[f->block_number - 1].len > MAX_LEN ||
		!has_shape(f))
		return NULL;
	n = fn_alloc(f, sizeof(*n));
	n->outer.n = b->set_count;
	find_reads(f, b, n);
	loop_in_front(f, &n->outer, values);
	f->nest = n;
	return n;
}

void nest_block(struct fn *f, LLVMBasicBlockRef bb)
{
	struct nest *n = f->nest;

	if (n == NULL || n->state != NEST_WATCHED)
		return;
	loop_put_block(&n->outer, bb);
}

void nest_branch(struct fn *f, uint32_t label, LLVMValueRef cond)
{
	struct nest *n = f->nest;

	if (n != NULL && n->state == NEST_WATCHED &&
		f->depth - label == n->outer.depth)
		n->outer.cond = cond;
}

void nest_inner(struct fn *f, struct loop *l)
{
	if (f->nest != NULL && f->nest->state == NEST_WATCHED)
		f->nest->inner = l;
}

static void watch_place(struct fn *f, LLVMValueRef addr, uint64_t width)
{
	struct nest *n = f->nest;

	if (n->place_count == MAX_ACCESSES) {
		n->outer.overflow = true;
		return;
	}
	n->places[n->place_count++] = (struct place){
		.addr = addr,
		.imm = f->i.imm,
		.width = width,
		.is_store = f->i.op >= DJ_OP_STORE_FIRST,
		.is_inner = f->loop != NULL,
	};
}

static LLVMValueRef events_left(struct fn *f)
{
	return load_field(f->u, f->u->i32, f->shared, DJ_SHARED_COUNT,
		TAG_SHARED, false);
}

void nest_head(struct fn *f, const struct block *b)
{
	b->nest->begun_with = events_left(f);
}

/*
 * The outer loop's latch: as other loops', but from a turn in which an event
 * was due to the block in front, for more of them are left then than before.
 */
void nest_latch(struct fn *f, struct block *b)
{
	struct unit *u = f->u;
	struct loop *l = &b->nest->outer;
	LLVMBasicBlockRef front = new_block(f, ""), from;
	LLVMValueRef more, back;

	count_event(f);
	from = here(f);
	for (uint32_t i = 0; i < l->n; i++) {
		l->latch[i] = f->locals[b->set[i]];
		LLVMAddIncoming(b->phis[i], &l->latch[i], &from, 1);
		LLVMAddIncoming(l->first[i], &l->latch[i], &front, 1);
	}
	more = LLVMBuildICmp(u->b, LLVMIntUGT, events_left(f),
		b->nest->begun_with, "");
	back = LLVMBuildCondBr(u->b, more, front, b->head);
	LLVMSetMetadata(back, u->kind_prof, u->cold);
	go_on_at(f, front);
	LLVMBuildBr(u->b, l->choose);
}

/* ---- what is known of its addresses ---- */

/* As loop_form(), of both loops; v is of the inner one's or around it. */
static bool find_plane(const struct nest *n, LLVMValueRef v, bool is_inner,
	struct plane *ret)
{
	const struct loop *in = n->inner;
	struct form m, sum = { .ok = true }, part;

	if (!is_inner) {
		ret->form = loop_form(&n->outer, v);
		ret->inner = 0;
		return ret->form.ok;
	}
	m = loop_form(in, v);
	if (!m.ok)
		return false;
	sum.konst = m.konst;
	for (uint32_t i = 0; i < m.n; i++) {
		v = m.leaf[i].v;
		for (uint32_t k = 0; k < in->n; k++)
			if (in->first[k] == v) {
				/* What the turn of the outer loop gave it. */
				v = LLVMGetIncomingValue(v, 0);
				break;
			}
		part = loop_form(&n->outer, v);
		loop_add(&sum, &part, m.leaf[i].by);
	}
	ret->form = sum;
	ret->inner = m.step;
	return sum.ok;
}

static bool put_in_bundle(struct nest *n, struct place *a)
{
	struct plane m;
	struct bundle *g;
	int32_t at;

	if (a->addr == NULL || !find_plane(n, a->addr, a->is_inner, &m))
		return false;
	for (a->group = 0; a->group < n->group_count; a->group++) {
		g = &n->groups[a->group];
		if (g->plane.inner == m.inner &&
			loop_same_but_constant(&g->plane.form, &m.form))
			break;
	}
	if (a->group == MAX_GROUPS)
		return false;
	g = &n->groups[a->group];
	if (a->group == n->group_count) {
		n->group_count++;
		*g = (struct bundle){ .plane = m, .from = UINT64_MAX };
	}
	a->konst = m.form.konst;
	at = (int32_t)(m.form.konst - g->plane.form.konst);
	if (at < g->low)
		g->low = at;
	g->is_stored = g->is_stored || a->is_store;
	g->is_stored_inner = g->is_stored_inner || (a->is_store && a->is_inner);
	g->is_loaded_inner =
		g->is_loaded_inner || (!a->is_store && a->is_inner);
	return true;
}

/* Does a turn of the outer loop leave alone what another one stores in it? */
static bool keeps_apart(const struct bundle *g)
{
	int64_t step = (int32_t)g->plane.form.step;
	uint64_t by = (uint64_t)(step < 0 ? -step : step);

	if (!g->is_stored)
		return true;
	return g->plane.inner == 0 && g->end - g->from <= by &&
		!(g->is_stored_inner && g->is_loaded_inner);
}

static bool find_bundles(struct nest *n)
{
	uint32_t pairs = 0;

	for (uint32_t i = 0; i < n->place_count; i++)
		if (!put_in_bundle(n, &n->places[i]))
			return false;
	for (uint32_t i = 0; i < n->place_count; i++) {
		struct place *a = &n->places[i];
		struct bundle *g = &n->groups[a->group];

		a->extra = a->imm +
			(a->konst - g->plane.form.konst - (uint32_t)g->low);
		if (a->extra < g->from)
			g->from = a->extra;
		if (a->extra + a->width > g->end)
			g->end = a->extra + a->width;
	}
	for (uint32_t i = 0; i < n->group_count; i++) {
		if (!keeps_apart(&n->groups[i]))
			return false;
		for (uint32_t k = 0; k < i; k++)
			pairs += n->groups[i].is_stored ||
				n->groups[k].is_stored;
	}
	return n->group_count != 0 && pairs <= MAX_PAIRS;
}

/* Is all that a turn of the outer loop begins with known without the others? */
static bool is_set_known(const struct fn *f, const struct nest *n)
{
	const struct loop *l = &n->outer;
	uint32_t step;

	for (uint32_t i = 0; i < l->n; i++)
		if (n->reads[i] &&
			(LLVMTypeOf(l->phis[i]) != f->u->i32 ||
				!loop_step(l, i, &step)))
			return false;
	return true;
}

/*
 * Does the inner loop make a sum that LLVM has no vectors for? Else it is
 * best as it is.
 */
static bool makes_sums(const struct fn *f, const struct loop *l)
{
	uint32_t step;

	for (uint32_t i = 0; i + 1 < l->n; i++) {
		LLVMTypeRef t = LLVMTypeOf(l->phis[i]);

		if (LLVMGetFirstUse(l->phis[i]) == NULL ||
			l->latch[i] == l->phis[i] ||
			(t == f->u->i32 && loop_step(l, i, &step)))
			continue;
		if (t == f->u->f32 || t == f->u->f64 || l->strided)
			return true;
	}
	return false;
}

/* ---- in front ---- */

static LLVMValueRef least(struct fn *f, LLVMValueRef a, LLVMValueRef b)
{
	struct unit *u = f->u;

	return LLVMBuildSelect(u->b, LLVMBuildICmp(u->b, LLVMIntULT, a, b, ""),
		a, b, "");
}

/* Sets inner_turns: those that go on to another one, in each outer turn. */
static bool find_inner_turns(struct fn *f, struct nest *n)
{
	LLVMValueRef c = n->inner->cond;
	struct plane a, b;

	if (c == NULL || LLVMIsAICmpInst(c) == NULL ||
		LLVMTypeOf(LLVMGetOperand(c, 0)) != f->u->i32 ||
		!find_plane(n, LLVMGetOperand(c, 0), true, &a) ||
		!find_plane(n, LLVMGetOperand(c, 1), true, &b) ||
		a.form.step != 0 || b.form.step != 0)
		return false;
	a.form.step = a.inner;
	b.form.step = b.inner;
	if (!loop_turns_of(f, LLVMGetICmpPredicate(c), a.form, b.form))
		return false;
	n->inner_turns = n->outer.turns;
	return true;
}

/* Sets turns, JAM or a multiple, and outer.ok if there are as many. */
static bool find_turns(struct fn *f, struct nest *n)
{
	struct unit *u = f->u;
	LLVMValueRef left, per_turn, turns;

	if (!find_inner_turns(f, n) ||
		!loop_find_turns(f, n->outer.cond, false))
		return false;
	left = LLVMBuildSub(u->b, events_left(f), int_const(u, u->i32, 1), "");
	left = LLVMBuildZExt(u->b, left, u->i64, "");
	per_turn = LLVMBuildAdd(u->b, n->inner_turns, loop_i64(f, 1), "");
	turns = LLVMBuildUDiv(u->b, left, per_turn, "");
	turns = least(f, turns, n->outer.turns);
	turns = least(f, turns, loop_i64(f, MAX_TURNS));
	n->turns = LLVMBuildAnd(u->b, turns, loop_i64(f, -JAM), "");
	loop_only_if(f,
		LLVMBuildICmp(u->b, LLVMIntNE, n->turns, loop_i64(f, 0), ""));
	loop_only_if(f,
		LLVMBuildICmp(u->b, LLVMIntUGE, per_turn,
			loop_i64(f, MIN_INNER), ""));
	loop_only_if(f,
		LLVMBuildICmp(u->b, LLVMIntULE, per_turn,
			loop_i64(f, MAX_TURNS), ""));
	return true;
}

/* The farthest that turns go by a step, to the end that it goes to. */
static void stretch(struct fn *f, struct bundle *g, uint32_t step,
	LLVMValueRef turns)
{
	struct unit *u = f->u;
	int32_t by = (int32_t)step;
	LLVMValueRef *end = by < 0 ? &g->low_end : &g->high_end;

	*end = LLVMBuildAdd(u->b, *end,
		LLVMBuildMul(u->b, turns, loop_i64(f, by), ""), "");
}

/* All that the nest form takes of it is in memory, without coming around. */
static void check_bundle(struct fn *f, struct bundle *g, LLVMValueRef last,
	LLVMValueRef len)
{
	struct unit *u = f->u;

	g->plane.form.konst += (uint32_t)g->low;
	g->start =
		LLVMBuildZExt(u->b, loop_first(f, &g->plane.form), u->i64, "");
	g->low_end = g->start;
	g->high_end = g->start;
	stretch(f, g, g->plane.form.step, last);
	stretch(f, g, g->plane.inner, f->nest->inner_turns);
	g->high_end = LLVMBuildAdd(u->b, g->high_end,
		loop_i64(f, (int64_t)g->end), "");
	loop_only_if(f,
		LLVMBuildICmp(u->b, LLVMIntSGE, g->low_end, loop_i64(f, 0),
			""));
	loop_only_if(f, LLVMBuildICmp(u->b, LLVMIntULE, g->high_end, len, ""));
}

static void check_apart(struct fn *f, const struct bundle *a,
	const struct bundle *b)
{
	struct unit *u = f->u;

	loop_only_if(f,
		LLVMBuildOr(u->b,
			LLVMBuildICmp(u->b, LLVMIntULE, a->high_end, b->low_end,
				""),
			LLVMBuildICmp(u->b, LLVMIntULE, b->high_end, a->low_end,
				""),
			""));
}

static void check_bundles(struct fn *f, struct nest *n)
{
	LLVMValueRef len = memory_len(f);
	LLVMValueRef last = LLVMBuildSub(f->u->b, n->turns, loop_i64(f, 1), "");

	for (uint32_t i = 0; i < n->group_count; i++) {
		struct bundle *g = &n->groups[i];

		check_bundle(f, g, last, len);
		for (uint32_t k = 0; k < i; k++)
			if (g->is_stored || n->groups[k].is_stored)
				check_apart(f, g, &n->groups[k]);
	}
}

/* On if what was asked since then is so, else to the plain form. */
static void on_if_ok(struct fn *f, struct nest *n)
{
	LLVMBasicBlockRef on = new_block(f, "");

	LLVMBuildCondBr(f->u->b, n->outer.ok, on, n->plain);
	go_on_at(f, on);
	n->outer.ok = NULL;
}

/* What the plain form begins with, from here. */
static void to_plain(struct fn *f, struct nest *n, LLVMValueRef *values)
{
	LLVMBasicBlockRef from = here(f);

	for (uint32_t i = 0; i < n->outer.n; i++)
		LLVMAddIncoming(n->outer.phis[i], &values[i], &from, 1);
}

/* ---- the nest form ---- */

LLVMValueRef nest_address(struct fn *f, LLVMValueRef addr, uint64_t width)
{
	struct unit *u = f->u;
	struct nest *n = f->nest;
	const struct place *a;
	const struct bundle *g;
	LLVMValueRef p, off;

	if (n == NULL)
		return NULL;
	if (n->state == NEST_WATCHED &&
		(f->loop == NULL || f->loop->state == LOOP_WATCHED))
		watch_place(f, addr, width);
	if (n->state != NEST_FAST)
		return NULL;
	a = &n->places[n->at++];
	g = &n->groups[a->group];
	off = loop_i64(f,
		(int64_t)(int32_t)g->plane.form.step * (int64_t)n->copy);
	p = LLVMBuildInBoundsGEP2(u->b, u->i8, g->p, &off, 1, "");
	if (n->is_inside && g->plane.inner != 0) {
		off = LLVMBuildNSWMul(u->b, n->inner_turn,
			loop_i64(f, (int32_t)g->plane.inner), "");
		p = LLVMBuildInBoundsGEP2(u->b, u->i8, p, &off, 1, "");
	}
	return at_offset(u, p, a->extra);
}

/* One that the inner loop makes in each turn is left for later. */
bool nest_store(struct fn *f, LLVMValueRef v, LLVMValueRef p)
{
	struct nest *n = f->nest;
	const struct place *a;
	struct copy *c;
	uint32_t k = 0;

	if (n == NULL || n->state != NEST_FAST || !n->is_inside)
		return false;
	a = &n->places[n->at - 1];
	c = &n->copies[n->copy];
	/* What it writes over need not be written. */
	for (uint32_t i = 0; i < c->late_count; i++)
		if (c->late[i].to->group != a->group ||
			c->late[i].to->extra != a->extra ||
			c->late[i].to->width != a->width)
			c->late[k++] = c->late[i];
	c->late[k] = (struct late){ .v = v, .p = p, .to = a };
	c->late_count = k + 1;
	return true;
}

static void save_copy(struct fn *f, const struct block *b, struct copy *c)
{
	c->set = set_values(f, b, 0);
	c->height = f->height - b->height;
	c->stack = fn_alloc(f, c->height * sizeof(*c->stack));
	for (uint32_t i = 0; i < c->height; i++)
		c->stack[i] = f->stack[b->height + i];
}

static void load_copy(struct fn *f, const struct block *b, const struct copy *c)
{
	put_set(f, b, c->set);
	f->height = b->height;
	for (uint32_t i = 0; i < c->height; i++)
		push(f, c->stack[i].v, c->stack[i].type);
}

/* Part of the body, up to an operation that ends it, for each copy. */
static void do_part(struct fn *f, const struct block *b, uint32_t last)
{
	struct nest *n = f->nest;
	struct dj_wasm_rd r = f->r;
	uint32_t at = n->at;

	for (n->copy = 0; n->copy < JAM; n->copy++) {
		struct copy *c = &n->copies[n->copy];

		f->r = r;
		n->at = at;
		load_copy(f, b, c);
		while (insn_read(&f->r, f->u->m, &f->i) && f->i.op != last)
			do_insn(f);
		if (last == DJ_OP_BR_IF)
			(void)pop(f);
		save_copy(f, b, c);
	}
	/* The branch back is the loop's last but its end. */
	if (last == DJ_OP_BR_IF)
		(void)insn_read(&f->r, f->u->m, &f->i);
}

static void begin_nest(struct fn *f, struct nest *n)
{
	struct unit *u = f->u;
	LLVMBasicBlockRef from = here(f), head = new_block(f, "");
	LLVMValueRef zero = loop_i64(f, 0), off, v;
	struct loop *l = &n->outer;
	uint32_t step;

	for (uint32_t i = 0; i < n->group_count; i++)
		n->groups[i].start = LLVMBuildInBoundsGEP2(u->b, u->i8, f->base,
			&n->groups[i].start, 1, "");
	LLVMBuildBr(u->b, head);
	go_on_at(f, head);
	l->head = head;
	for (uint32_t k = 0; k < JAM; k++) {
		n->copies[k].set = fn_alloc(f, l->n * sizeof(LLVMValueRef));
		n->copies[k].late =
			fn_alloc(f, n->place_count * sizeof(struct late));
	}
	for (uint32_t i = 0; i < l->n; i++) {
		v = LLVMBuildPhi(u->b, LLVMTypeOf(l->first[i]), "");
		LLVMAddIncoming(v, &l->first[i], &from, 1);
		n->copies[0].set[i] = v;
	}
	n->turn = LLVMBuildPhi(u->b, u->i64, "");
	LLVMAddIncoming(n->turn, &zero, &from, 1);
	for (uint32_t i = 0; i < l->n; i++)
		for (uint32_t k = 1; k < JAM; k++) {
			v = n->copies[0].set[i];
			if (n->reads[i] && loop_step(l, i, &step) && step != 0)
				v = LLVMBuildAdd(u->b, v,
					int_const(u, u->i32,
						(uint32_t)(step * k)),
					"");
			n->copies[k].set[i] = v;
		}
	for (uint32_t i = 0; i < n->group_count; i++) {
		struct bundle *g = &n->groups[i];

		off = LLVMBuildNSWMul(u->b, n->turn,
			loop_i64(f, (int32_t)g->plane.form.step), "");
		g->p = LLVMBuildInBoundsGEP2(u->b, u->i8, g->start, &off, 1,
			"");
	}
}

/* A turn of the inner loop is one of each copy's. */
static void do_inner(struct fn *f, const struct block *b, struct nest *n)
{
	struct unit *u = f->u;
	const struct plan_block *plan = &f->plan.blocks[n->outer.block_number];
	const uint32_t *set = f->plan.locals + plan->first;
	LLVMBasicBlockRef from = here(f), head = new_block(f, ""), done;
	LLVMValueRef zero = loop_i64(f, 0), next, back;

	LLVMBuildBr(u->b, head);
	go_on_at(f, head);
	n->inner_turn = LLVMBuildPhi(u->b, u->i64, "");
	LLVMAddIncoming(n->inner_turn, &zero, &from, 1);
	for (uint32_t k = 0; k < JAM; k++) {
		struct copy *c = &n->copies[k];

		c->phis = fn_alloc(f, plan->count * sizeof(LLVMValueRef));
		load_copy(f, b, c);
		for (uint32_t i = 0; i < plan->count; i++) {
			LLVMValueRef *v = &f->locals[set[i]];

			c->phis[i] = LLVMBuildPhi(u->b, LLVMTypeOf(*v), "");
			LLVMAddIncoming(c->phis[i], v, &from, 1);
			*v = c->phis[i];
		}
		save_copy(f, b, c);
	}
	n->is_inside = true;
	do_part(f, b, DJ_OP_BR_IF);
	n->is_inside = false;
	done = new_block(f, "");
	from = here(f);
	for (uint32_t k = 0; k < JAM; k++) {
		load_copy(f, b, &n->copies[k]);
		for (uint32_t i = 0; i < plan->count; i++)
			LLVMAddIncoming(n->copies[k].phis[i],
				&f->locals[set[i]], &from, 1);
	}
	next = LLVMBuildNUWAdd(u->b, n->inner_turn, loop_i64(f, 1), "");
	LLVMAddIncoming(n->inner_turn, &next, &from, 1);
	back = LLVMBuildCondBr(u->b,
		LLVMBuildICmp(u->b, LLVMIntUGT, next, n->inner_turns, ""), done,
		head);
	loop_leave_as_is(f, back);
	go_on_at(f, done);
}

static void do_late_stores(struct fn *f, struct nest *n)
{
	for (uint32_t k = 0; k < JAM; k++)
		for (uint32_t i = 0; i < n->copies[k].late_count; i++)
			store_at(f, n->copies[k].late[i].v,
				n->copies[k].late[i].p);
}

/* Behind the last of the turns: what was counted, and the plain form's set. */
static void end_nest(struct fn *f, struct nest *n, LLVMValueRef *phis)
{
	struct unit *u = f->u;
	const struct copy *last = &n->copies[JAM - 1];
	LLVMBasicBlockRef done = new_block(f, ""), from = here(f);
	LLVMValueRef next, back, left, events;

	next = LLVMBuildNUWAdd(u->b, n->turn, loop_i64(f, JAM), "");
	LLVMAddIncoming(n->turn, &next, &from, 1);
	for (uint32_t i = 0; i < n->outer.n; i++)
		LLVMAddIncoming(phis[i], &last->set[i], &from, 1);
	back = LLVMBuildCondBr(u->b,
		LLVMBuildICmp(u->b, LLVMIntEQ, next, n->turns, ""), done,
		n->outer.head);
	loop_leave_as_is(f, back);
	go_on_at(f, done);
	events = LLVMBuildAdd(u->b, n->inner_turns, loop_i64(f, 1), "");
	events = LLVMBuildMul(u->b, events, n->turns, "");
	left = LLVMBuildSub(u->b, events_left(f),
		LLVMBuildTrunc(u->b, events, u->i32, ""), "");
	store_field(u, left, f->shared, DJ_SHARED_COUNT, TAG_SHARED);
	to_plain(f, n, last->set);
	LLVMBuildBr(u->b, n->plain);
}

static void make_nest(struct fn *f, const struct block *b, struct nest *n)
{
	LLVMValueRef *phis;
	struct dj_wasm_rd r = f->r;
	struct insn i = f->i;

	n->state = NEST_FAST;
	begin_nest(f, n);
	phis = n->copies[0].set;
	f->r = n->outer.r;
	n->at = 0;
	do_part(f, b, DJ_OP_LOOP);
	do_inner(f, b, n);
	do_late_stores(f, n);
	do_part(f, b, DJ_OP_BR_IF);
	end_nest(f, n, phis);
	if (n->at != n->place_count)
		unit_fail(f->u, "function %u: a nest of loops", f->index);
	f->r = r;
	f->i = i;
	add_string(f->u, f->f, HAS_FAST, "");
	add_string(f->u, f->f, HAS_NEST, "");
}

static bool is_nest(struct fn *f, struct nest *n)
{
	const struct loop *in = n->inner;

	return in != NULL && !n->outer.overflow && !in->overflow &&
		!in->leaves && !in->traps && !in->is_nested && !in->keeps &&
		n->outer.cond != NULL && is_set_known(f, n) &&
		makes_sums(f, in) && find_bundles(n);
}

void nest_end(struct fn *f, const struct block *b)
{
	struct unit *u = f->u;
	struct nest *n = b->nest;
	LLVMValueRef *after = set_values(f, b, 0);
	LLVMBasicBlockRef at = f->dead ? NULL : here(f);

	n->state = NEST_BETWEEN;
	n->outer.phis = b->phis;
	n->plain = b->head;
	n->outer.state = LOOP_BETWEEN;
	go_on_at(f, n->outer.choose);
	LLVMSetCurrentDebugLocation2(u->b, NULL);
	f->loop = &n->outer;
	if (b->end.count == 1 && at != NULL && is_nest(f, n) &&
		find_turns(f, n)) {
		on_if_ok(f, n);
		check_bundles(f, n);
		to_plain(f, n, n->outer.first);
		on_if_ok(f, n);
		f->loop = NULL;
		make_nest(f, b, n);
	} else {
		LLVMBuildBr(u->b, n->plain);
	}
	f->loop = NULL;
	f->nest = NULL;
	f->height = b->height;
	put_set(f, b, after);
	if (at != NULL)
		go_on_at(f, at);
}
