// SPDX-License-Identifier: Apache-2.0
#include "client/aot/loop.h"

#include <string.h>

/*
 * A turn of n copies, as clang unrolls: the accesses of copy c are those of
 * the first, in its order and behind all of the copy before, c n-ths of the
 * group's step further; what it stores is the same operations of what it
 * loads and of what does not change. Nothing else comes of a turn: what is
 * carried to the next one goes up or down by constants, or is what an access
 * loaded one or two copies before, or nobody reads it. So n times as many turns of the first copy are the same accesses in the
 * same order with the same values.
 */
#define MAX_COPIES 16
#define MAX_STEPS  256 /* of a comparison */
#define MAX_ORDER  2   /* copies that a value is carried over */

struct comparison {
	const struct loop *l;
	uint32_t per_copy, copy, steps;
};

static uint32_t access_of(const struct loop *l, LLVMValueRef insn)
{
	uint32_t i = 0;

	while (i < l->in_turn && l->accesses[i].insn != insn)
		i++;
	return i;
}

static bool is_store(const struct access *a)
{
	return LLVMIsAStoreInst(a->insn) != NULL;
}

static LLVMTypeRef type_in(const struct access *a)
{
	return LLVMTypeOf(is_store(a) ? LLVMGetOperand(a->insn, 0) : a->insn);
}

static bool is_intrinsic(LLVMValueRef call)
{
	LLVMValueRef f = LLVMGetCalledValue(call);

	return LLVMIsAFunction(f) != NULL && LLVMGetIntrinsicID(f) != 0;
}

/* What an operation is, besides its operands: is it the same? */
static bool same_operation(LLVMValueRef a, LLVMValueRef b)
{
	LLVMOpcode op = LLVMGetInstructionOpcode(a);

	if (LLVMIsAInstruction(b) == NULL ||
		LLVMGetInstructionOpcode(b) != op ||
		LLVMTypeOf(a) != LLVMTypeOf(b) ||
		LLVMGetNumOperands(a) != LLVMGetNumOperands(b))
		return false;
	if (op == LLVMICmp)
		return LLVMGetICmpPredicate(a) == LLVMGetICmpPredicate(b);
	if (op == LLVMFCmp)
		return LLVMGetFCmpPredicate(a) == LLVMGetFCmpPredicate(b);
	/* The function is an operand. */
	if (op == LLVMCall)
		return is_intrinsic(a);
	return LLVMIsABinaryOperator(a) != NULL || LLVMIsACastInst(a) != NULL ||
		op == LLVMFNeg || op == LLVMSelect;
}

/* Is b what i of the set, as the turn begins, will be some copies later? */
static bool is_later(const struct comparison *c, uint32_t i, LLVMValueRef b)
{
	const struct loop *l = c->l;
	uint32_t order = i < l->n ? l->carried[i].order : 0, k;

	if (order == 0)
		return false;
	if (c->copy < order) {
		k = loop_carried_next(l, i);
		return k < l->n && b == l->phis[k];
	}
	return access_of(l, b) ==
		l->carried[i].access + c->per_copy * (c->copy - order);
}

/* Is b to its copy what a is to the first? */
static bool is_same(struct comparison *c, LLVMValueRef a, LLVMValueRef b)
{
	uint32_t i;

	if (!loop_has(c->l, a))
		return a == b;
	if (c->steps-- == 0)
		return false;
	if (LLVMIsAPHINode(a) != NULL)
		return is_later(c, loop_phi(c->l, a), b);
	if (LLVMIsALoadInst(a) != NULL) {
		i = access_of(c->l, a);
		return access_of(c->l, b) == i + c->per_copy * c->copy;
	}
	if (!same_operation(a, b))
		return false;
	for (i = 0; i < (uint32_t)LLVMGetNumOperands(a); i++)
		if (!is_same(c, LLVMGetOperand(a, i), LLVMGetOperand(b, i)))
			return false;
	return true;
}

/* Behind the group's pointer, of an address that may be in front of it. */
static int64_t place(const struct loop *l, const struct access *a)
{
	const struct group *g = &l->groups[a->group];

	return (int64_t)a->imm + (int32_t)(a->konst - g->form.konst);
}

static bool is_copy_of(struct comparison *c, uint32_t i, uint32_t n)
{
	const struct access *a = &c->l->accesses[i];
	const struct access *b = a + (size_t)c->per_copy * c->copy;
	int32_t step = (int32_t)c->l->groups[a->group].form.step;

	if (a->group != b->group || is_store(a) != is_store(b) ||
		type_in(a) != type_in(b) || step % (int32_t)n != 0 ||
		place(c->l, b) - place(c->l, a) != (int64_t)step / n * c->copy)
		return false;
	return !is_store(a) ||
		is_same(c, LLVMGetOperand(a->insn, 0),
			LLVMGetOperand(b->insn, 0));
}

static bool is_copies(const struct loop *l, uint32_t n)
{
	struct comparison c = { .l = l, .per_copy = l->in_turn / n };

	for (c.copy = 1; c.copy < n; c.copy++)
		for (uint32_t i = 0; i < c.per_copy; i++) {
			c.steps = MAX_STEPS;
			if (!is_copy_of(&c, i, n))
				return false;
		}
	return true;
}

static bool is_trap(LLVMBasicBlockRef bb)
{
	LLVMValueRef end = LLVMGetBasicBlockTerminator(bb);

	return end != NULL && LLVMIsAUnreachableInst(end) != NULL;
}

/* Out of the turn only, or to where an access traps. */
static bool goes_on(const struct loop *l, LLVMBasicBlockRef bb)
{
	LLVMValueRef end = LLVMGetBasicBlockTerminator(bb);

	if (end == NULL || LLVMGetNumSuccessors(end) < 2)
		return true;
	return LLVMIsABranchInst(end) != NULL &&
		(bb == l->back_at || is_trap(LLVMGetSuccessor(end, 0)));
}

/* Does the body do nothing but its accesses, and all of them each turn? */
static bool is_plain_body(const struct loop *l)
{
	for (uint32_t k = 0; k < l->body_blocks; k++) {
		LLVMValueRef v = LLVMGetFirstInstruction(l->blocks[k]);

		if (l->blocks[k] == l->turns_at || is_trap(l->blocks[k]))
			continue;
		if (!goes_on(l, l->blocks[k]))
			return false;
		for (; v != NULL; v = LLVMGetNextInstruction(v)) {
			if (LLVMIsAPHINode(v) != NULL &&
				l->blocks[k] != l->head)
				return false;
			if (LLVMIsACallInst(v) != NULL && !is_intrinsic(v))
				return false;
			if (LLVMIsAStoreInst(v) != NULL &&
				access_of(l, v) == l->in_turn)
				return false;
		}
	}
	return true;
}

/*
 * Does it compute what it stores? What only moves is well served as the
 * compiler has it, and there is much of it: every copy of bytes by words.
 */
static bool computes(const struct loop *l)
{
	for (uint32_t i = 0; i < l->in_turn; i++) {
		const struct access *a = &l->accesses[i];
		LLVMValueRef v;

		if (a->insn == NULL || !is_store(a))
			continue;
		v = LLVMGetOperand(a->insn, 0);
		if (loop_has(l, v) && LLVMIsALoadInst(v) == NULL)
			return true;
	}
	return false;
}

static bool is_i32(LLVMTypeRef t)
{
	return LLVMGetTypeKind(t) == LLVMIntegerTypeKind &&
		LLVMGetIntTypeWidth(t) == 32;
}

uint32_t loop_carried_next(const struct loop *l, uint32_t i)
{
	uint32_t k = 0;

	while (k < l->n &&
		(l->carried[k].access != l->carried[i].access ||
			l->carried[k].order + 1 != l->carried[i].order ||
			l->carried[k].order == 0))
		k++;
	return k;
}

/* Of n copies in a turn: is it what one of the last two loaded? */
static bool is_carried(const struct loop *l, uint32_t i, uint32_t n,
	struct carried *ret)
{
	uint32_t per_copy = l->in_turn / n;
	uint32_t a = access_of(l, l->latch[i]);

	if (a == l->in_turn || is_store(&l->accesses[a]))
		return false;
	ret->order = n - a / per_copy;
	ret->access = a % per_copy;
	return ret->order <= MAX_ORDER;
}

/* Is what the turns make of the set known without them, or is it carried? */
static bool is_set_known(struct loop *l, uint32_t n)
{
	uint32_t step;

	memset(l->carried, 0, l->n * sizeof(*l->carried));
	for (uint32_t i = 0; i + 1 < l->n; i++) {
		if (LLVMGetFirstUse(l->phis[i]) == NULL ||
			l->latch[i] == l->phis[i])
			continue;
		if (is_i32(LLVMTypeOf(l->phis[i])) && loop_step(l, i, &step))
			continue;
		if (!is_carried(l, i, n, &l->carried[i]))
			return false;
	}
	for (uint32_t i = 0; i < l->n; i++)
		if (l->carried[i].order > 1 && loop_carried_next(l, i) == l->n)
			return false;
	return true;
}

uint32_t loop_copies(struct loop *l)
{
	uint32_t n;

	/* What is kept may be of the set, and has no use yet. */
	if (l->traps || l->keeps || l->leaves || l->cond == NULL ||
		l->is_nested || l->access_count != l->in_turn || !computes(l) ||
		!is_plain_body(l))
		return 1;
	for (uint32_t i = 0; i < l->in_turn; i++)
		if (l->accesses[i].insn == NULL)
			return 1;
	n = l->in_turn < MAX_COPIES ? l->in_turn : MAX_COPIES;
	for (; n > 1; n--)
		/* For itself a copy is good for vectors only. */
		if (l->in_turn % n == 0 && !loop_is_strided(l, n) &&
			is_set_known(l, n) && is_copies(l, n))
			return n;
	memset(l->carried, 0, l->n * sizeof(*l->carried));
	return 1;
}
