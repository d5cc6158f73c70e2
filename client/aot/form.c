// SPDX-License-Identifier: Apache-2.0
#include "client/aot/loop.h"

/*
 * What of a loop is known in front of it: values that go up or down by the
 * same in each turn, by their value in the first turn, computed as the program
 * would, and their step; and how many turns go on to another one.
 */
#define MAX_DEPTH 12

/* ---- values that are known beforehand ---- */

bool loop_has(const struct loop *l, LLVMValueRef v)
{
	LLVMBasicBlockRef bb;

	if (LLVMIsAInstruction(v) == NULL)
		return false;
	bb = LLVMGetInstructionParent(v);
	for (uint32_t i = 0; i < l->block_count; i++)
		if (l->blocks[i] == bb)
			return true;
	return false;
}

uint32_t loop_phi(const struct loop *l, LLVMValueRef v)
{
	uint32_t i = 0;

	while (i < l->n && l->phis[i] != v)
		i++;
	return i;
}

static bool is_const(LLVMValueRef v, uint32_t *ret)
{
	if (LLVMIsAConstantInt(v) == NULL)
		return false;
	*ret = (uint32_t)LLVMConstIntGetZExtValue(v);
	return true;
}

/* What is added to phi i in a turn. */
bool loop_step(const struct loop *l, uint32_t i, uint32_t *ret)
{
	LLVMValueRef v = l->latch[i];
	uint32_t by = 0, c;

	for (unsigned n = 0; n < MAX_DEPTH; n++) {
		LLVMOpcode op;

		if (v == l->phis[i]) {
			*ret = by;
			return true;
		}
		if (!loop_has(l, v))
			return false;
		op = LLVMGetInstructionOpcode(v);
		if ((op != LLVMAdd && op != LLVMSub) ||
			!is_const(LLVMGetOperand(v, 1), &c))
			return false;
		by += op == LLVMAdd ? c : 0 - c;
		v = LLVMGetOperand(v, 0);
	}
	return false;
}

static void add_leaf(struct form *m, LLVMValueRef v, uint32_t by)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->leaf[i].v == v) {
			m->leaf[i].by += by;
			return;
		}
	if (m->n == MAX_LEAVES) {
		m->ok = false;
		return;
	}
	m->leaf[m->n].v = v;
	m->leaf[m->n++].by = by;
}

static void add_form(const struct loop *l, struct form *m, LLVMValueRef v,
	uint32_t by, unsigned depth);

/* An operation that keeps the form; false: another one. */
static bool add_operation(const struct loop *l, struct form *m, LLVMValueRef v,
	uint32_t by, unsigned depth)
{
	LLVMOpcode op = LLVMGetInstructionOpcode(v);
	LLVMValueRef a, b;
	uint32_t c = 0;
	bool is_known;

	if (op != LLVMAdd && op != LLVMSub && op != LLVMShl && op != LLVMMul)
		return false;
	a = LLVMGetOperand(v, 0);
	b = LLVMGetOperand(v, 1);
	is_known = is_const(b, &c);
	/* Of what does not change, a constant part is worth to be known. */
	if (!is_known && (!loop_has(l, v) || op == LLVMShl || op == LLVMMul))
		return false;
	if (op == LLVMShl && c > 31)
		return false;
	if (op == LLVMShl || op == LLVMMul) {
		by = op == LLVMShl ? by << c : by * c;
		add_form(l, m, a, by, depth);
		return true;
	}
	add_form(l, m, a, by, depth);
	add_form(l, m, b, op == LLVMAdd ? by : 0 - by, depth);
	return true;
}

static void add_form(const struct loop *l, struct form *m, LLVMValueRef v,
	uint32_t by, unsigned depth)
{
	uint32_t i, c;

	if (depth == MAX_DEPTH || !m->ok) {
		m->ok = false;
		return;
	}
	/*
	 * What LLVM says of a constant that traps, behind the trap: in front
	 * of the loop it would be there without one.
	 */
	if (LLVMIsUndef(v)) {
		m->ok = false;
		return;
	}
	if (is_const(v, &c)) {
		m->konst += by * c;
		return;
	}
	i = loop_phi(l, v);
	if (i < l->n) {
		m->ok = m->ok && loop_step(l, i, &c);
		m->step += m->ok ? by * c : 0;
		add_leaf(m, l->first[i], by);
		return;
	}
	if (LLVMIsAInstruction(v) != NULL &&
		add_operation(l, m, v, by, depth + 1))
		return;
	if (loop_has(l, v))
		m->ok = false;
	else
		add_leaf(m, v, by);
}

struct form loop_form(const struct loop *l, LLVMValueRef v)
{
	struct form m = { .ok = true };

	add_form(l, &m, v, 1, 0);
	return m;
}

void loop_add(struct form *m, const struct form *a, uint32_t by)
{
	m->ok = m->ok && a->ok;
	m->konst += by * a->konst;
	m->step += by * a->step;
	for (uint32_t i = 0; m->ok && i < a->n; i++)
		add_leaf(m, a->leaf[i].v, by * a->leaf[i].by);
}

/* The value in the first turn, of 32 bits. */
LLVMValueRef loop_first(struct fn *f, const struct form *m)
{
	struct unit *u = f->u;
	LLVMValueRef sum = int_const(u, u->i32, m->konst), v;

	for (uint32_t i = 0; i < m->n; i++) {
		v = m->leaf[i].v;
		if (m->leaf[i].by != 1)
			v = LLVMBuildMul(u->b, v,
				hidden(u, int_const(u, u->i32, m->leaf[i].by)),
				"");
		sum = LLVMBuildAdd(u->b, sum, v, "");
	}
	return sum;
}

/* ---- how many turns go on to another ---- */

LLVMValueRef loop_i64(struct fn *f, int64_t v)
{
	return int_const(f->u, f->u->i64, (uint64_t)v);
}

void loop_only_if(struct fn *f, LLVMValueRef cond)
{
	struct loop *l = f->loop;

	l->ok = l->ok == NULL ? cond : LLVMBuildAnd(f->u->b, l->ok, cond, "");
}

static uint32_t inverse(uint32_t odd)
{
	uint32_t v = odd;

	for (unsigned i = 0; i < 5; i++)
		v *= 2 - odd * v;
	return v;
}

/* As long as a is not b: until step * turn is what they differ by. */
static void turns_until_equal(struct fn *f, const struct form *a,
	const struct form *b)
{
	struct unit *u = f->u;
	LLVMValueRef x = loop_first(f, a), y = loop_first(f, b), d;
	uint32_t step = a->step - b->step, shift;

	/* The sign as is best: what is left then is small. */
	if ((int32_t)step > 0) {
		d = LLVMBuildSub(u->b, y, x, "");
	} else {
		d = LLVMBuildSub(u->b, x, y, "");
		step = 0 - step;
	}
	shift = (uint32_t)__builtin_ctz(step);
	if (shift != 0) {
		loop_only_if(f,
			LLVMBuildICmp(u->b, LLVMIntEQ,
				LLVMBuildAnd(u->b, d,
					int_const(u, u->i32,
						((uint64_t)1 << shift) - 1),
					""),
				int_const(u, u->i32, 0), ""));
		d = LLVMBuildLShr(u->b, d, int_const(u, u->i32, shift), "");
	}
	if (step >> shift != 1) {
		d = LLVMBuildMul(u->b, d,
			int_const(u, u->i32, inverse(step >> shift)), "");
		d = LLVMBuildAnd(u->b, d,
			int_const(u, u->i32, UINT32_MAX >> shift), "");
	}
	f->loop->turns = LLVMBuildZExt(u->b, d, u->i64, "");
}

struct order {
	bool is_signed, less, or_equal;
};

/* As long as a is on its side of b, without coming around. */
static void turns_until_past(struct fn *f, const struct form *a,
	const struct form *b, struct order o)
{
	struct unit *u = f->u;
	LLVMValueRef x = loop_first(f, a), y = loop_first(f, b), d, beyond;
	int64_t step = (int32_t)a->step;
	int64_t most = o.is_signed ? INT32_MAX : UINT32_MAX;
	int64_t least = o.is_signed ? INT32_MIN : 0;

	x = o.is_signed ? LLVMBuildSExt(u->b, x, u->i64, "")
			: LLVMBuildZExt(u->b, x, u->i64, "");
	y = o.is_signed ? LLVMBuildSExt(u->b, y, u->i64, "")
			: LLVMBuildZExt(u->b, y, u->i64, "");
	if (o.or_equal)
		y = LLVMBuildAdd(u->b, y, loop_i64(f, o.less ? 1 : -1), "");
	if (o.less) {
		loop_only_if(f,
			LLVMBuildICmp(u->b, LLVMIntSLE, y,
				loop_i64(f, most - step + 1), ""));
		d = LLVMBuildSub(u->b, y, x, "");
	} else {
		step = -step;
		loop_only_if(f,
			LLVMBuildICmp(u->b, LLVMIntSGE, y,
				loop_i64(f, least + step - 1), ""));
		d = LLVMBuildSub(u->b, x, y, "");
	}
	beyond = LLVMBuildICmp(u->b, LLVMIntSLE, d, loop_i64(f, 0), "");
	d = LLVMBuildAdd(u->b, d, loop_i64(f, step - 1), "");
	d = LLVMBuildUDiv(u->b, d, loop_i64(f, step), "");
	f->loop->turns = LLVMBuildSelect(u->b, beyond, loop_i64(f, 0), d, "");
}

static bool order_of(LLVMIntPredicate p, struct order *ret)
{
	*ret = (struct order){
		.is_signed = p == LLVMIntSLT || p == LLVMIntSLE ||
			p == LLVMIntSGT || p == LLVMIntSGE,
		.less = p == LLVMIntSLT || p == LLVMIntSLE || p == LLVMIntULT ||
			p == LLVMIntULE,
		.or_equal = p == LLVMIntSLE || p == LLVMIntULE ||
			p == LLVMIntSGE || p == LLVMIntUGE,
	};
	return p != LLVMIntEQ && p != LLVMIntNE;
}

static LLVMIntPredicate opposite(LLVMIntPredicate p)
{
	static const LLVMIntPredicate of[] = {
		[LLVMIntEQ] = LLVMIntNE,
		[LLVMIntNE] = LLVMIntEQ,
		[LLVMIntUGT] = LLVMIntULE,
		[LLVMIntUGE] = LLVMIntULT,
		[LLVMIntULT] = LLVMIntUGE,
		[LLVMIntULE] = LLVMIntUGT,
		[LLVMIntSGT] = LLVMIntSLE,
		[LLVMIntSGE] = LLVMIntSLT,
		[LLVMIntSLT] = LLVMIntSGE,
		[LLVMIntSLE] = LLVMIntSGT,
	};

	return of[p];
}

bool loop_turns_of(struct fn *f, LLVMIntPredicate p, struct form a,
	struct form b)
{
	struct form t;
	struct order o;

	if (p == LLVMIntNE) {
		if (a.step == b.step)
			return false;
		turns_until_equal(f, &a, &b);
		return true;
	}
	if (!order_of(p, &o))
		return false;
	if (a.step == 0) {
		t = a;
		a = b;
		b = t;
		o.less = !o.less;
	}
	if (b.step != 0 || a.step == 0 || o.less != ((int32_t)a.step > 0))
		return false;
	turns_until_past(f, &a, &b, o);
	return true;
}

/* It goes on as long as c is what the branch back wants, or an exit does not. */
bool loop_find_turns(struct fn *f, LLVMValueRef c, bool is_exit)
{
	struct loop *l = f->loop;
	struct form a, b;
	LLVMIntPredicate p;

	if (c == NULL || LLVMIsAICmpInst(c) == NULL ||
		LLVMTypeOf(LLVMGetOperand(c, 0)) != f->u->i32)
		return false;
	a = loop_form(l, LLVMGetOperand(c, 0));
	b = loop_form(l, LLVMGetOperand(c, 1));
	if (!a.ok || !b.ok)
		return false;
	p = LLVMGetICmpPredicate(c);
	return loop_turns_of(f, is_exit ? opposite(p) : p, a, b);
}
