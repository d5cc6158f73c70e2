// SPDX-License-Identifier: Apache-2.0
#include "client/aot/loop.h"

#include <string.h>

/*
 * Loops that have a second, fast form: emit.h says how. All sums of addresses
 * are of 32 bits and wrap; a value that goes up or down by the same in each
 * turn is known by its value in the first turn, computed as the program would,
 * and its step. What the fast form does is what the plain one would have
 * done: no address of it can be outside, and each turn of it goes on to
 * another, which the plain form begins at the latest.
 */
#define MAX_LEN   1200 /* bytes of a body that is made twice */
#define MIN_TURNS 4
#define SHORT     80 /* bytes of one that may be left in another way */

/* ---- watching the plain form ---- */

void loop_in_front(struct fn *f, struct loop *l, LLVMValueRef *values)
{
	struct unit *u = f->u;
	LLVMBasicBlockRef from = here(f);

	l->r = f->r;
	l->block_number = f->block_number;
	l->depth = f->depth;
	l->choose = new_block(f, "");
	LLVMBuildBr(u->b, l->choose);
	go_on_at(f, l->choose);
	l->first = fn_alloc(f, l->n * sizeof(LLVMValueRef));
	l->latch = fn_alloc(f, l->n * sizeof(LLVMValueRef));
	for (uint32_t i = 0; i < l->n; i++) {
		l->first[i] = LLVMBuildPhi(u->b, LLVMTypeOf(values[i]), "");
		LLVMAddIncoming(l->first[i], &values[i], &from, 1);
		values[i] = l->first[i];
	}
}

struct loop *loop_begin(struct fn *f, struct block *b, LLVMValueRef *values)
{
	struct loop *l;

	if (b->bt.param_count != 0 || f->loop != NULL)
		return NULL;
	l = fn_alloc(f, sizeof(*l));
	l->len = f->plan.blocks[f->block_number - 1].len;
	l->checks = f->check_count;
	l->n = set_size(b);
	l->carried = fn_alloc(f, l->n * sizeof(*l->carried));
	loop_in_front(f, l, values);
	f->loop = l;
	return l;
}

void loop_put_block(struct loop *l, LLVMBasicBlockRef bb)
{
	if (l->block_count == MAX_BLOCKS)
		l->overflow = true;
	else
		l->blocks[l->block_count++] = bb;
}

void loop_block(struct fn *f, LLVMBasicBlockRef bb)
{
	struct loop *l = f->loop;

	nest_block(f, bb);
	if (l != NULL && l->state == LOOP_WATCHED)
		loop_put_block(l, bb);
}

void loop_way(struct fn *f, uint32_t label)
{
	struct loop *l = f->loop;

	if (l != NULL && l->state == LOOP_WATCHED && l->cond == NULL &&
		f->depth - label < l->depth)
		l->leaves = true;
}

/*
 * The branch back, which every turn comes to that does not leave; cond is NULL
 * if it has none. Or one that leaves the loop.
 */
void loop_branch(struct fn *f, uint32_t label, LLVMValueRef cond)
{
	struct loop *l = f->loop;

	nest_branch(f, label, cond);
	if (l == NULL || l->state != LOOP_WATCHED || l->goes_back)
		return;
	if (f->depth - label == l->depth) {
		l->goes_back = true;
		l->is_nested = f->depth != l->depth;
		l->leaves = l->leaves || l->is_nested;
		l->cond = cond;
		l->back_at = here(f);
		l->keeps = f->height != f->blocks[l->depth - 1].height;
		l->in_turn = l->access_count;
	} else if (cond != NULL && f->depth == l->depth &&
		f->depth - label < l->depth && l->exit_count < MAX_EXITS) {
		l->exits[l->exit_count].cond = cond;
		l->exits[l->exit_count++].at = f->i.at;
	}
}

bool loop_is_back(const struct fn *f, uint32_t label)
{
	return f->depth - label == f->loop->depth;
}

bool loop_is_counted(const struct fn *f, uint32_t label)
{
	const struct loop *l = f->loop;

	if (l == NULL || l->state != LOOP_FAST)
		return false;
	return l->counted != 0 ? l->counted == f->i.at : loop_is_back(f, label);
}

static void watch_access(struct fn *f, LLVMValueRef addr, uint64_t width)
{
	struct loop *l = f->loop;
	bool is_plain = f->i.mem == 0 && LLVMTypeOf(addr) == f->u->i32;

	if (l->access_count == MAX_ACCESSES) {
		l->overflow = true;
		return;
	}
	l->accesses[l->access_count++] = (struct access){
		.addr = is_plain ? addr : NULL,
		.imm = f->i.imm,
		.width = width,
		.group = MAX_GROUPS,
	};
}

void loop_access(struct fn *f, LLVMValueRef insn)
{
	struct loop *l = f->loop;

	if (l == NULL)
		return;
	if (l->state == LOOP_WATCHED && l->access_count > 0)
		l->accesses[l->access_count - 1].insn = insn;
	if (l->state == LOOP_FAST && l->at > 0)
		l->accesses[l->at - 1].fast = insn;
}

bool loop_is_copy(const struct fn *f)
{
	const struct loop *l = f->loop;

	return l != NULL && l->state == LOOP_FAST && l->copies > 1 &&
		l->at > l->in_turn / l->copies;
}

void loop_trap(struct fn *f)
{
	if (f->loop != NULL && f->loop->state == LOOP_WATCHED)
		f->loop->traps = true;
}

/* What the turn's end makes of the set, to the phis of to. */
static void give(struct fn *f, const struct block *b, LLVMValueRef *phis)
{
	LLVMBasicBlockRef from = here(f);

	for (uint32_t i = 0; i < b->set_count; i++)
		LLVMAddIncoming(phis[i], &f->locals[b->set[i]], &from, 1);
	LLVMAddIncoming(phis[b->set_count], &f->locals[f->local_count], &from,
		1);
}

/*
 * What the last turn leaves of the set's i-th. What goes up or down by a
 * constant is known without the turns, and had better not be what they add
 * up: LLVM has vectors for sums that somebody wants.
 */
static LLVMValueRef after_turns(struct fn *f, uint32_t i, LLVMValueRef phi,
	LLVMValueRef last)
{
	struct unit *u = f->u;
	struct loop *l = f->loop;
	LLVMValueRef by, turns;
	LLVMOpcode op;
	uint32_t step;

	if (l->carried[i].order != 0)
		return last;
	if (l->copies > 1 && i + 1 < l->n) {
		/* It does not change, or nobody asks for it. */
		if (LLVMTypeOf(phi) != u->i32 || !loop_step(l, i, &step) ||
			step == 0)
			return l->first[i];
		turns = LLVMBuildTrunc(u->b, l->turns, u->i32, "");
		by = LLVMBuildMul(u->b, turns, int_const(u, u->i32, step), "");
		return LLVMBuildAdd(u->b, l->first[i], by, "");
	}
	if (LLVMIsABinaryOperator(last) == NULL)
		return last;
	op = LLVMGetInstructionOpcode(last);
	by = LLVMGetOperand(last, 1);
	if ((op != LLVMAdd && op != LLVMSub) ||
		LLVMGetOperand(last, 0) != phi ||
		LLVMIsAConstantInt(by) == NULL)
		return last;
	turns = LLVMTypeOf(last) == u->i32
		? LLVMBuildTrunc(u->b, l->turns, u->i32, "")
		: l->turns;
	by = LLVMBuildMul(u->b, turns, by, "");
	return LLVMBuildBinOp(u->b, op, l->first[i], by, "");
}

static void fast_latch(struct fn *f, struct block *b)
{
	struct unit *u = f->u;
	struct loop *l = f->loop;
	LLVMValueRef *count = &f->locals[f->local_count], next;
	LLVMBasicBlockRef done = new_block(f, ""), from = here(f);

	/* What it is after one copy, not after all of them. */
	for (uint32_t i = 0; i < b->set_count; i++)
		if (l->carried[i].order != 0)
			f->locals[b->set[i]] = l->carried[i].order == 1
				? l->accesses[l->carried[i].access].fast
				: b->phis[loop_carried_next(l, i)];
	*count = LLVMBuildSub(u->b, *count, int_const(u, u->i32, 1), "");
	next = LLVMBuildNUWAdd(u->b, l->turn, int_const(u, u->i64, 1), "");
	LLVMAddIncoming(l->turn, &next, &from, 1);
	give(f, b, b->phis);
	l->fast_back = LLVMBuildCondBr(u->b,
		LLVMBuildICmp(u->b, LLVMIntEQ, next, l->fast_turns, ""), done,
		b->head);
	go_on_at(f, done);
	for (uint32_t i = 0; i < b->set_count; i++)
		f->locals[b->set[i]] =
			after_turns(f, i, b->phis[i], f->locals[b->set[i]]);
	*count = after_turns(f, b->set_count, b->phis[b->set_count], *count);
	give(f, b, l->phis);
	LLVMBuildBr(u->b, l->head);
}

/* An event that is due leaves the loop, and comes back in front of it. */
void loop_latch(struct fn *f, struct block *b)
{
	struct unit *u = f->u;
	struct loop *l = b->loop;
	LLVMValueRef *count = &f->locals[f->local_count];
	LLVMValueRef zero = int_const(u, u->i32, 0);
	LLVMBasicBlockRef due;

	if (l->state == LOOP_FAST) {
		fast_latch(f, b);
		return;
	}
	l->body_blocks = l->block_count;
	l->turns_at = here(f);
	for (uint32_t i = 0; i < b->set_count; i++)
		l->latch[i] = f->locals[b->set[i]];
	l->latch[b->set_count] = *count;
	*count = LLVMBuildSub(u->b, *count, int_const(u, u->i32, 1), "");
	give(f, b, b->phis);
	due = new_block(f, "");
	l->back = LLVMBuildCondBr(u->b,
		LLVMBuildICmp(u->b, LLVMIntEQ, *count, zero, ""), due, b->head);
	LLVMSetMetadata(l->back, u->kind_prof, u->cold);
	go_on_at(f, due);
	at_insn(f, true);
	*count = zero;
	spill_count(f);
	help_cold(f, DJ_HELP_EVENT, NULL, 0);
	reload_count(f);
	at_insn(f, false);
	give(f, b, l->first);
	LLVMBuildBr(u->b, l->choose);
}

/* ---- addresses ---- */

bool loop_same_but_constant(const struct form *a, const struct form *b)
{
	if (a->step != b->step || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		uint32_t k = 0;

		while (k < b->n && b->leaf[k].v != a->leaf[i].v)
			k++;
		if (k == b->n || b->leaf[k].by != a->leaf[i].by)
			return false;
	}
	return true;
}

static void put_in_group(struct loop *l, struct access *a)
{
	struct form m = { .ok = false };
	struct group *g;
	int32_t at;

	if (a->addr != NULL)
		m = loop_form(l, a->addr);
	if (!m.ok)
		return;
	for (a->group = 0; a->group < l->group_count; a->group++)
		if (loop_same_but_constant(&l->groups[a->group].form, &m))
			break;
	if (a->group == MAX_GROUPS)
		return;
	g = &l->groups[a->group];
	if (a->group == l->group_count) {
		l->group_count++;
		*g = (struct group){ .form = m };
	}
	a->konst = m.konst;
	at = (int32_t)(m.konst - g->form.konst);
	if (at < g->low)
		g->low = at;
}

bool loop_is_strided(const struct loop *l, uint32_t copies)
{
	for (uint32_t i = 0; i < l->in_turn; i++) {
		const struct access *a = &l->accesses[i];
		uint32_t step;

		if (a->group == MAX_GROUPS)
			continue;
		step = l->groups[a->group].form.step;
		if (step != 0 && step != a->width * copies)
			return true;
	}
	return false;
}

/* False: not enough is known for a fast form to be one. */
static bool find_groups(struct fn *f)
{
	struct loop *l = f->loop;
	bool is_checked = f->u->job->opt.bounds == DJ_BOUNDS_CHECKS,
	     any = false;
	bool all = !l->leaves;

	for (uint32_t i = 0; i < l->in_turn; i++) {
		struct access *a = &l->accesses[i];

		put_in_group(l, a);
		any = any || a->group != MAX_GROUPS;
		all = all && a->group != MAX_GROUPS;
	}
	if (!any || (!all && !is_checked))
		return false;
	for (uint32_t i = 0; i < l->in_turn; i++) {
		struct access *a = &l->accesses[i];
		struct group *g = &l->groups[a->group];

		if (a->group == MAX_GROUPS)
			continue;
		a->extra =
			a->imm + (a->konst - g->form.konst - (uint32_t)g->low);
		if (a->extra + a->width > g->end)
			g->end = a->extra + a->width;
	}
	l->copies = all && makes_vectors(f->u) ? loop_copies(l) : 1;
	l->strided = loop_is_strided(l, l->copies);
	return true;
}

/* All of the group's addresses, in all turns but the last, are in memory. */
static void check_group(struct fn *f, struct group *g, LLVMValueRef len,
	LLVMValueRef last)
{
	struct unit *u = f->u;
	int64_t step = (int32_t)g->form.step;
	LLVMValueRef way, high;

	g->form.konst += (uint32_t)g->low;
	g->first = LLVMBuildZExt(u->b, loop_first(f, &g->form), u->i64, "");
	way = LLVMBuildMul(u->b, last, loop_i64(f, step), "");
	high = g->first;
	if (step < 0)
		loop_only_if(f,
			LLVMBuildICmp(u->b, LLVMIntSGE,
				LLVMBuildAdd(u->b, g->first, way, ""),
				loop_i64(f, 0), ""));
	else
		high = LLVMBuildAdd(u->b, high, way, "");
	high = LLVMBuildAdd(u->b, high, loop_i64(f, (int64_t)g->end), "");
	loop_only_if(f, LLVMBuildICmp(u->b, LLVMIntULE, high, len, ""));
}

LLVMValueRef loop_address(struct fn *f, LLVMValueRef addr, uint64_t width)
{
	struct unit *u = f->u;
	struct loop *l = f->loop;
	struct access *a;
	struct group *g;
	LLVMValueRef off, p;

	if (l == NULL)
		return NULL;
	if (l->state == LOOP_WATCHED)
		watch_access(f, addr, width);
	if (l->state != LOOP_FAST)
		return NULL;
	a = &l->accesses[l->at++];
	if (a->group == MAX_GROUPS)
		return NULL;
	g = &l->groups[a->group];
	off = LLVMBuildNSWMul(u->b, l->turn,
		loop_i64(f, (int32_t)g->form.step / (int32_t)l->copies), "");
	p = LLVMBuildInBoundsGEP2(u->b, u->i8, g->p, &off, 1, "");
	return at_offset(u, p, a->extra);
}

/* ---- what LLVM is to do with them ---- */

/* A tuple: a word, and at most two things. */
static LLVMMetadataRef word(struct unit *u, const char *name, LLVMMetadataRef a,
	LLVMMetadataRef b)
{
	LLVMMetadataRef parts[3] = {
		LLVMMDStringInContext2(u->c, name, strlen(name)), a, b
	};

	return LLVMMDNodeInContext2(u->c, parts,
		a == NULL           ? 1
			: b == NULL ? 2
				    : 3);
}

static LLVMMetadataRef number(LLVMTypeRef t, uint64_t v)
{
	return LLVMValueAsMetadata(LLVMConstInt(t, v, false));
}

/* Words for the loop that branch goes back in; NULL: no more. */
static void mark(struct fn *f, LLVMValueRef branch,
	const LLVMMetadataRef words[3])
{
	struct unit *u = f->u;
	LLVMMetadataRef self = LLVMTemporaryMDNode(u->c, NULL, 0);
	LLVMMetadataRef parts[4] = { self }, node;
	unsigned n = 1;

	while (n < 4 && words[n - 1] != NULL) {
		parts[n] = words[n - 1];
		n++;
	}
	node = LLVMMDNodeInContext2(u->c, parts, n);
	LLVMMetadataReplaceAllUsesWith(self, node);
	LLVMSetMetadata(branch, u->kind_loop, LLVMMetadataAsValue(u->c, node));
}

void loop_leave_as_is(struct fn *f, LLVMValueRef branch)
{
	struct unit *u = f->u;

	mark(f, branch,
		(LLVMMetadataRef[3]){ word(u, "llvm.loop.vectorize.enable",
					      number(u->i1, 0), NULL),
			word(u, "llvm.loop.unroll.disable", NULL, NULL) });
}

static void mark_forms(struct fn *f)
{
	static const char after[] = "llvm.loop.vectorize.followup_vectorized",
			  rest[] = "llvm.loop.vectorize.followup_epilogue";
	struct unit *u = f->u;
	struct loop *l = f->loop;
	LLVMMetadataRef no_vectors =
		word(u, "llvm.loop.vectorize.enable", number(u->i1, 0), NULL);
	LLVMMetadataRef as_is = word(u, "llvm.loop.unroll.disable", NULL, NULL);
	LLVMMetadataRef done, copies;

	loop_leave_as_is(f, l->back);
	if (l->strided)
		mark(f, l->fast_back, (LLVMMetadataRef[3]){ no_vectors });
	if (l->copies == 1)
		return;
	/*
	 * Where LLVM has no vectors for it, or they would overlap, the turns
	 * are best as they were.
	 */
	done = word(u, "llvm.loop.isvectorized", number(u->i32, 1), NULL);
	copies = word(u, "llvm.loop.unroll.count", number(u->i32, l->copies),
		NULL);
	mark(f, l->fast_back,
		(LLVMMetadataRef[3]){ copies, word(u, after, done, as_is),
			word(u, rest, done, copies) });
}

/* ---- the fast form ---- */

/* By the branch back, or by one that leaves the loop before. */
static bool find_count(struct fn *f)
{
	struct loop *l = f->loop;

	if (l->leaves && l->len > SHORT && (l->cond == NULL || l->is_nested))
		return false;
	if (loop_find_turns(f, l->cond, false))
		return true;
	for (uint32_t i = 0; l->len <= SHORT && i < l->exit_count; i++)
		if (loop_find_turns(f, l->exits[i].cond, true)) {
			l->counted = l->exits[i].at;
			return true;
		}
	return false;
}

/* In the block in front: l->turns, and l->ok if they can be fast. */
static bool find_fast(struct fn *f, const struct block *b)
{
	struct unit *u = f->u;
	struct loop *l = f->loop;
	LLVMValueRef left, len, last;

	if (l->overflow || b->end.count != 1 || l->len > MAX_LEN ||
		!find_groups(f) || !find_count(f))
		return false;
	left = LLVMBuildSub(u->b, l->first[l->n - 1], int_const(u, u->i32, 1),
		"");
	left = LLVMBuildZExt(u->b, left, u->i64, "");
	l->turns = LLVMBuildSelect(u->b,
		LLVMBuildICmp(u->b, LLVMIntULT, l->turns, left, ""), l->turns,
		left, "");
	loop_only_if(f,
		LLVMBuildICmp(u->b, LLVMIntUGE, l->turns,
			loop_i64(f, MIN_TURNS), ""));
	last = LLVMBuildSub(u->b, l->turns, loop_i64(f, 1), "");
	len = memory_len(f);
	for (uint32_t i = 0; i < l->group_count; i++)
		check_group(f, &l->groups[i], len, last);
	return true;
}

static void begin_fast(struct fn *f, const struct block *plain)
{
	struct unit *u = f->u;
	struct loop *l = f->loop;
	LLVMBasicBlockRef pre = new_block(f, "");
	LLVMValueRef zero = int_const(u, u->i64, 0);
	struct block *b;

	LLVMBuildCondBr(u->b, l->ok, pre, l->head);
	go_on_at(f, pre);
	l->fast_turns =
		LLVMBuildNUWMul(u->b, l->turns, loop_i64(f, l->copies), "");
	for (uint32_t i = 0; i < l->group_count; i++)
		l->groups[i].p = LLVMBuildInBoundsGEP2(u->b, u->i8, f->base,
			&l->groups[i].first, 1, "");
	b = open_block(f, plain->kind, &plain->bt, true);
	b->loop = l;
	b->head = new_block(f, "");
	LLVMBuildBr(u->b, b->head);
	go_on_at(f, b->head);
	b->phis = fn_alloc(f, l->n * sizeof(LLVMValueRef));
	for (uint32_t i = 0; i < l->n; i++) {
		b->phis[i] = LLVMBuildPhi(u->b, LLVMTypeOf(l->first[i]), "");
		LLVMAddIncoming(b->phis[i], &l->first[i], &pre, 1);
	}
	l->turn = LLVMBuildPhi(u->b, u->i64, "");
	LLVMAddIncoming(l->turn, &zero, &pre, 1);
	put_set(f, b, b->phis);
}

static void *copy_of(struct fn *f, const void *p, size_t len)
{
	void *to = fn_alloc(f, len);

	if (len != 0)
		memcpy(to, p, len);
	return to;
}

/* What is there behind a form: where, the set and the results on the stack. */
struct after {
	LLVMBasicBlockRef at; /* NULL: nothing gets there */
	LLVMValueRef *set;
	struct value *results;
	uint32_t n;
};

static struct after what_is_after(struct fn *f, const struct block *b)
{
	struct after a = { .n = f->height - b->height };

	if (f->dead)
		return a;
	a.at = here(f);
	a.set = set_values(f, b, 0);
	a.results = copy_of(f, f->stack + b->height, a.n * sizeof(*a.results));
	return a;
}

static LLVMValueRef meet(struct fn *f, LLVMValueRef a, LLVMBasicBlockRef a_at,
	LLVMValueRef b, LLVMBasicBlockRef b_at)
{
	LLVMValueRef phi;

	if (a == b)
		return a;
	phi = LLVMBuildPhi(f->u->b, LLVMTypeOf(a), "");
	LLVMAddIncoming(phi, &a, &a_at, 1);
	LLVMAddIncoming(phi, &b, &b_at, 1);
	return phi;
}

/* Both forms have an end that is fallen out of: they meet behind it. */
static void meet_after(struct fn *f, const struct block *plain, struct after *p,
	const struct after *fast)
{
	struct unit *u = f->u;
	LLVMBasicBlockRef on = new_block(f, "");

	go_on_at(f, fast->at);
	LLVMBuildBr(u->b, on);
	go_on_at(f, p->at);
	LLVMBuildBr(u->b, on);
	go_on_at(f, on);
	for (uint32_t i = 0; i < set_size(plain); i++)
		p->set[i] = meet(f, p->set[i], p->at, fast->set[i], fast->at);
	for (uint32_t i = 0; i < p->n; i++)
		p->results[i].v = meet(f, p->results[i].v, p->at,
			fast->results[i].v, fast->at);
	p->at = on;
}

/*
 * The body once more. What is known after the plain form is put aside; the
 * fast form ends where that begins, or behind it.
 */
static void make_fast(struct fn *f, const struct block *plain,
	struct after *after)
{
	struct loop *l = f->loop;
	uint32_t checks = f->check_count - l->checks, depth = f->depth;
	struct check *known =
		copy_of(f, f->checks + l->checks, checks * sizeof(*known));
	struct dj_wasm_rd r = f->r;
	struct insn i = f->i;
	struct after fast;

	f->r = l->r;
	f->block_number = l->block_number - 1;
	f->dead = false;
	f->height = plain->height;
	forget_checks(f, l->checks);
	f->counts = true;
	l->state = LOOP_FAST;
	begin_fast(f, plain);
	while (f->depth > depth && !f->u->failed) {
		(void)insn_read(&f->r, f->u->m, &f->i);
		if (f->dead)
			skip_insn(f);
		else
			do_insn(f);
	}
	f->r = r;
	f->i = i;
	f->counts = true;
	forget_checks(f, l->checks);
	fast = what_is_after(f, plain);
	if (fast.at != NULL && after->at != NULL)
		meet_after(f, plain, after, &fast);
	else
		for (uint32_t k = 0; k < checks; k++)
			f->checks[f->check_count++] = known[k];
	mark_forms(f);
	add_string(f->u, f->f, HAS_FAST, "");
	if (l->copies > 1)
		add_string(f->u, f->f, HAS_COPIES, "");
}

void loop_end(struct fn *f, const struct block *b)
{
	struct unit *u = f->u;
	struct loop *l = b->loop;
	struct after after;

	if (l->state != LOOP_WATCHED)
		return;
	after = what_is_after(f, b);
	l->state = LOOP_BETWEEN;
	l->phis = b->phis;
	l->head = b->head;
	nest_inner(f, l);
	go_on_at(f, l->choose);
	LLVMSetCurrentDebugLocation2(u->b, NULL);
	if (find_fast(f, b))
		make_fast(f, b, &after);
	else
		LLVMBuildBr(u->b, l->head);
	f->loop = NULL;
	f->height = b->height;
	f->dead = after.at == NULL;
	if (f->dead)
		return;
	go_on_at(f, after.at);
	put_set(f, b, after.set);
	for (uint32_t i = 0; i < after.n; i++)
		push(f, after.results[i].v, after.results[i].type);
}
