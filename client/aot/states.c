// SPDX-License-Identifier: Apache-2.0
#include "client/aot/states.h"

#include <llvm-c/DebugInfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * A switch asks for a phi; its operands are constants, the states, or other
 * such phis: the web. The region is every block that lies between a phi of the
 * web and the switch. In each of them one phi of the web is the last that the
 * way here came by, whichever way that was, and is what the switch would see:
 * if that does not hold, nothing is done.
 *
 * Then the region has a copy for each state, made as far as it is reached. A
 * constant that comes to a phi of the web leads into its state's copy, in a
 * copy the web is that constant, and the switch is a jump. So each way through
 * the function that is new is one that was there, block for block, and knows
 * what the switch will say.
 *
 * What is defined in the region and used in another block goes by way of
 * memory, so that a copy of a block is the block: LLVM makes values of it
 * again. LLVM's own pass for this (dfa-jump-threading) is known to compile
 * some functions wrongly.
 */
#define MAX_WEB    64
#define MAX_REGION 128
#define MAX_STATES 32
#define MAX_MADE   1500 /* instructions */
#define MAX_WAYS   4096 /* in or out of a block: LLVM takes their square */

/* From block, the web's phi is value. */
struct edge {
	LLVMBasicBlockRef from;
	LLVMValueRef value;
};

struct place {
	LLVMBasicBlockRef bb;
	LLVMValueRef phi;  /* the web's in it, or NULL; later what loads it */
	LLVMValueRef last; /* the web's that the way here came by */
	struct edge *edges;
	uint32_t edge_count, len;
	LLVMBasicBlockRef copies[MAX_STATES];
	bool reached[MAX_STATES];
};

struct threads {
	LLVMValueRef f, by; /* the switch */
	LLVMBuilderRef b;
	LLVMValueRef web[MAX_WEB], states[MAX_STATES];
	uint32_t web_count, state_count;
	struct place places[MAX_REGION];
	uint32_t count, made;
	struct {
		uint32_t place, state;
	} work[MAX_REGION * MAX_STATES];
	uint32_t work_count;
	bool opened; /* choices, for it or another */
};

/* As an index of states or places: none of them. */
#define NONE UINT32_MAX

static LLVMBasicBlockRef block_of(LLVMValueRef v)
{
	return LLVMGetInstructionParent(v);
}

static bool is_in_web(const struct threads *t, LLVMValueRef v)
{
	for (uint32_t i = 0; i < t->web_count; i++)
		if (t->web[i] == v)
			return true;
	return false;
}

static uint32_t state_of(const struct threads *t, LLVMValueRef v)
{
	for (uint32_t i = 0; i < t->state_count; i++)
		if (t->states[i] == v)
			return i;
	return NONE;
}

static uint32_t place_of(const struct threads *t, LLVMBasicBlockRef bb)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->places[i].bb == bb)
			return i;
	return NONE;
}

/* ---- what there is ---- */

static bool add_to_web(struct threads *t, LLVMValueRef phi)
{
	if (is_in_web(t, phi))
		return true;
	if (t->web_count == MAX_WEB)
		return false;
	t->web[t->web_count++] = phi;
	return true;
}

static bool add_state(struct threads *t, LLVMValueRef v)
{
	if (state_of(t, v) != NONE)
		return true;
	if (t->state_count == MAX_STATES)
		return false;
	t->states[t->state_count++] = v;
	return true;
}

static bool is_constant(LLVMValueRef v)
{
	return LLVMIsAConstantInt(v) != NULL;
}

/* One of two, at least one of them a state, chosen for this phi alone. */
static bool is_choice(LLVMValueRef phi, unsigned k)
{
	LLVMValueRef v = LLVMGetIncomingValue(phi, k), end;
	LLVMBasicBlockRef from = LLVMGetIncomingBlock(phi, k);
	static const char loop[] = "llvm.loop";

	if (LLVMIsASelectInst(v) == NULL || block_of(v) != from ||
		LLVMGetNextUse(LLVMGetFirstUse(v)) != NULL)
		return false;
	end = LLVMGetBasicBlockTerminator(from);
	return LLVMGetNumSuccessors(end) == 1 &&
		LLVMGetMetadata(end, LLVMGetMDKindID(loop, sizeof(loop) - 1)) ==
		NULL &&
		(is_constant(LLVMGetOperand(v, 1)) ||
			is_constant(LLVMGetOperand(v, 2)));
}

static bool add_states_of(struct threads *t, LLVMValueRef choice)
{
	for (unsigned i = 1; i < 3; i++) {
		LLVMValueRef v = LLVMGetOperand(choice, i);

		if (is_constant(v) && !add_state(t, v))
			return false;
	}
	return true;
}

/* The web, from what the switch asks for, and the states. */
static bool find_web(struct threads *t)
{
	if (!add_to_web(t, LLVMGetOperand(t->by, 0)))
		return false;
	for (uint32_t i = 0; i < t->web_count; i++) {
		unsigned n = LLVMCountIncoming(t->web[i]);

		for (unsigned k = 0; k < n; k++) {
			LLVMValueRef v = LLVMGetIncomingValue(t->web[i], k);

			if (is_constant(v) && !add_state(t, v))
				return false;
			if (is_choice(t->web[i], k) && !add_states_of(t, v))
				return false;
			if (LLVMIsAPHINode(v) != NULL && !add_to_web(t, v))
				return false;
		}
	}
	return t->state_count > 1;
}

static bool add_place(struct threads *t, LLVMBasicBlockRef bb)
{
	LLVMValueRef i = LLVMGetFirstInstruction(bb);
	struct place *p;

	if (place_of(t, bb) != NONE)
		return true;
	if (t->count == MAX_REGION ||
		LLVMGetNumSuccessors(LLVMGetBasicBlockTerminator(bb)) >
			MAX_WAYS)
		return false;
	p = &t->places[t->count++];
	memset(p, 0, sizeof(*p));
	p->bb = bb;
	for (; i != NULL; i = LLVMGetNextInstruction(i)) {
		p->len++;
		if (!is_in_web(t, i))
			continue;
		if (p->phi != NULL)
			return false;
		p->phi = p->last = i;
	}
	return true;
}

static bool find_edges(struct place *p)
{
	if (LLVMCountIncoming(p->phi) > MAX_WAYS)
		return false;
	p->edge_count = LLVMCountIncoming(p->phi);
	p->edges = malloc(p->edge_count * sizeof(*p->edges));
	if (p->edges == NULL)
		return false;
	for (uint32_t i = 0; i < p->edge_count; i++)
		p->edges[i] = (struct edge){
			.from = LLVMGetIncomingBlock(p->phi, i),
			.value = LLVMGetIncomingValue(p->phi, i),
		};
	return true;
}

/* What the web's phi there is, coming from a block; NULL: it does not. */
static LLVMValueRef comes(const struct place *p, LLVMBasicBlockRef from)
{
	for (uint32_t i = 0; i < p->edge_count; i++)
		if (p->edges[i].from == from)
			return p->edges[i].value;
	return NULL;
}

/* Backwards from the switch, to where the web's phis are no longer others'. */
static bool find_region(struct threads *t)
{
	if (!add_place(t, block_of(t->by)))
		return false;
	for (uint32_t i = 0; i < t->count; i++) {
		struct place *p = &t->places[i];
		LLVMUseRef use = LLVMGetFirstUse(LLVMBasicBlockAsValue(p->bb));

		if (p->phi != NULL && !find_edges(p))
			return false;
		/* The function's entry. */
		if (p->phi == NULL && use == NULL)
			return false;
		for (; use != NULL; use = LLVMGetNextUse(use)) {
			LLVMBasicBlockRef from = block_of(LLVMGetUser(use));

			if (p->phi != NULL && !is_in_web(t, comes(p, from)))
				continue;
			if (!add_place(t, from))
				return false;
		}
	}
	return true;
}

/*
 * One phi for each place. Where ways with different ones meet and there is
 * none of the web, the switch would see neither.
 */
static bool find_last(struct threads *t)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint32_t i = 0; i < t->count; i++) {
			struct place *p = &t->places[i];
			LLVMUseRef use =
				LLVMGetFirstUse(LLVMBasicBlockAsValue(p->bb));

			for (; p->phi == NULL && use != NULL;
				use = LLVMGetNextUse(use)) {
				LLVMBasicBlockRef from =
					block_of(LLVMGetUser(use));
				LLVMValueRef last =
					t->places[place_of(t, from)].last;

				if (last == NULL || last == p->last)
					continue;
				if (p->last != NULL)
					return false;
				p->last = last;
				changed = true;
			}
		}
	}
	return true;
}

static bool is_last_right(const struct threads *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct place *p = &t->places[i];

		if (p->last == NULL)
			return false;
		for (uint32_t k = 0; k < p->edge_count; k++) {
			const struct edge *e = &p->edges[k];

			if (is_in_web(t, e->value) &&
				t->places[place_of(t, e->from)].last !=
					e->value)
				return false;
		}
	}
	return t->places[place_of(t, block_of(t->by))].last ==
		LLVMGetOperand(t->by, 0);
}

/* ---- which copies there will be ---- */

static LLVMBasicBlockRef target(const struct threads *t, uint32_t state)
{
	unsigned n = LLVMGetNumSuccessors(t->by);

	for (unsigned i = 1; i < n; i++)
		if (LLVMGetOperand(t->by, 2 * i) == t->states[state])
			return LLVMGetSuccessor(t->by, i);
	return LLVMGetSuccessor(t->by, 0);
}

/* The state in `to`, if it is `state` in `from`, either may be none. */
static uint32_t next_state(const struct threads *t, LLVMBasicBlockRef from,
	LLVMBasicBlockRef to, uint32_t state)
{
	uint32_t i = place_of(t, to);
	LLVMValueRef v;

	if (i == NONE || t->places[i].phi == NULL)
		return i == NONE ? NONE : state;
	v = comes(&t->places[i], from);
	return is_in_web(t, v) ? state : state_of(t, v);
}

static void reach(struct threads *t, LLVMBasicBlockRef to, uint32_t state)
{
	uint32_t i = place_of(t, to);

	if (i == NONE || state == NONE || t->places[i].reached[state])
		return;
	t->places[i].reached[state] = true;
	t->made += t->places[i].len;
	t->work[t->work_count].place = i;
	t->work[t->work_count++].state = state;
}

static void reach_by(struct threads *t, LLVMBasicBlockRef from,
	LLVMBasicBlockRef to, uint32_t state)
{
	reach(t, to, next_state(t, from, to, state));
}

static void reach_from(struct threads *t, LLVMBasicBlockRef bb, uint32_t state)
{
	LLVMValueRef end = LLVMGetBasicBlockTerminator(bb);
	unsigned n = LLVMGetNumSuccessors(end);

	if (end == t->by) {
		reach_by(t, bb, target(t, state), state);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		reach_by(t, bb, LLVMGetSuccessor(end, i), state);
}

/* Constants that come to the web, and on from there. */
static bool find_reached(struct threads *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		for (uint32_t k = 0; k < t->places[i].edge_count; k++)
			reach(t, t->places[i].bb,
				state_of(t, t->places[i].edges[k].value));
	for (uint32_t i = 0; i < t->work_count && t->made <= MAX_MADE; i++)
		reach_from(t, t->places[t->work[i].place].bb, t->work[i].state);
	return t->made <= MAX_MADE;
}

static void forget(struct threads *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		free(t->places[i].edges);
	t->web_count = t->state_count = 0;
	t->count = t->made = t->work_count = 0;
}

static bool find_threads(struct threads *t)
{
	forget(t);
	return LLVMIsAPHINode(LLVMGetOperand(t->by, 0)) != NULL &&
		find_web(t) && find_region(t) && find_last(t) &&
		is_last_right(t) && find_reached(t);
}

/* ---- choices ---- */

static LLVMBasicBlockRef add_block(struct threads *t)
{
	return LLVMAppendBasicBlockInContext(LLVMGetTypeContext(
						     LLVMTypeOf(t->f)),
		t->f, "");
}

static LLVMValueRef incoming(LLVMValueRef phi, LLVMBasicBlockRef from)
{
	unsigned i = 0;

	while (LLVMGetIncomingBlock(phi, i) != from)
		i++;
	return LLVMGetIncomingValue(phi, i);
}

/* What was chosen comes by two ways. */
static void open_choice(struct threads *t, LLVMValueRef phi, unsigned k)
{
	LLVMBasicBlockRef to = block_of(phi), by = add_block(t);
	LLVMBasicBlockRef from = LLVMGetIncomingBlock(phi, k);
	LLVMValueRef choice = LLVMGetIncomingValue(phi, k), v, cond;
	LLVMValueRef i = LLVMGetFirstInstruction(to);

	for (; LLVMIsAPHINode(i) != NULL; i = LLVMGetNextInstruction(i)) {
		v = i == phi ? LLVMGetOperand(choice, 2) : incoming(i, from);
		LLVMAddIncoming(i, &v, &by, 1);
	}
	LLVMSetOperand(phi, k, LLVMGetOperand(choice, 1));
	LLVMInstructionEraseFromParent(LLVMGetBasicBlockTerminator(from));
	LLVMPositionBuilderAtEnd(t->b, from);
	/* Of what may be poison one may choose, but not go one way. */
	cond = LLVMBuildFreeze(t->b, LLVMGetOperand(choice, 0), "");
	LLVMBuildCondBr(t->b, cond, to, by);
	LLVMPositionBuilderAtEnd(t->b, by);
	LLVMBuildBr(t->b, to);
	LLVMInstructionEraseFromParent(choice);
}

static bool open_choices(struct threads *t)
{
	bool any = false;

	for (uint32_t i = 0; i < t->web_count; i++) {
		unsigned n = LLVMCountIncoming(t->web[i]);

		for (unsigned k = 0; k < n; k++)
			if (is_choice(t->web[i], k)) {
				open_choice(t, t->web[i], k);
				any = true;
			}
	}
	return any;
}

/* ---- by way of memory ---- */

static LLVMValueRef slot_for(struct threads *t, LLVMValueRef v)
{
	LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(t->f);

	LLVMPositionBuilderBefore(t->b, LLVMGetFirstInstruction(entry));
	return LLVMBuildAlloca(t->b, LLVMTypeOf(v), "");
}

/* Once, however many of the ways from there lead to the phi. */
static void store_before_end(struct threads *t, LLVMBasicBlockRef bb,
	LLVMValueRef v, LLVMValueRef slot)
{
	LLVMValueRef end = LLVMGetBasicBlockTerminator(bb);
	LLVMValueRef last = LLVMGetPreviousInstruction(end);

	if (last != NULL && LLVMIsAStoreInst(last) != NULL &&
		LLVMGetOperand(last, 1) == slot)
		return;
	LLVMPositionBuilderBefore(t->b, end);
	LLVMBuildStore(t->b, v, slot);
}

static LLVMValueRef first_after_phis(LLVMBasicBlockRef bb)
{
	LLVMValueRef i = LLVMGetFirstInstruction(bb);

	while (LLVMIsAPHINode(i) != NULL)
		i = LLVMGetNextInstruction(i);
	return i;
}

/* Returns what is there in its place. */
static LLVMValueRef phi_to_memory(struct threads *t, LLVMValueRef phi)
{
	LLVMValueRef slot = slot_for(t, phi), load;
	unsigned n = LLVMCountIncoming(phi);

	for (unsigned i = 0; i < n; i++)
		store_before_end(t, LLVMGetIncomingBlock(phi, i),
			LLVMGetIncomingValue(phi, i), slot);
	LLVMPositionBuilderBefore(t->b, first_after_phis(block_of(phi)));
	load = LLVMBuildLoad2(t->b, LLVMTypeOf(phi), slot, "");
	LLVMReplaceAllUsesWith(phi, load);
	LLVMInstructionEraseFromParent(phi);
	return load;
}

static void phis_to_memory(struct threads *t, LLVMBasicBlockRef bb)
{
	LLVMValueRef i = LLVMGetFirstInstruction(bb), next, load;
	uint32_t p = place_of(t, bb);

	for (; LLVMIsAPHINode(i) != NULL; i = next) {
		next = LLVMGetNextInstruction(i);
		load = phi_to_memory(t, i);
		if (p != NONE && t->places[p].phi == i)
			t->places[p].phi = load;
	}
}

/* A use that is not where the value is defined. */
static LLVMUseRef use_elsewhere(LLVMValueRef v)
{
	LLVMUseRef use = LLVMGetFirstUse(v);

	while (use != NULL && block_of(LLVMGetUser(use)) == block_of(v) &&
		LLVMIsAPHINode(LLVMGetUser(use)) == NULL)
		use = LLVMGetNextUse(use);
	return use;
}

static void set_operands(LLVMValueRef user, LLVMValueRef v, LLVMValueRef to,
	LLVMBasicBlockRef from)
{
	int n = LLVMGetNumOperands(user);

	for (int i = 0; i < n; i++)
		if (LLVMGetOperand(user, (unsigned)i) == v &&
			(from == NULL ||
				LLVMGetIncomingBlock(user, (unsigned)i) ==
					from))
			LLVMSetOperand(user, (unsigned)i, to);
}

/* A phi has it at the end of a block that it comes from. */
static void use_from_memory(struct threads *t, LLVMValueRef user,
	LLVMValueRef v, LLVMValueRef slot)
{
	LLVMBasicBlockRef from = NULL;
	LLVMValueRef before = user;
	unsigned i = 0;

	if (LLVMIsAPHINode(user) != NULL) {
		while (LLVMGetIncomingValue(user, i) != v)
			i++;
		from = LLVMGetIncomingBlock(user, i);
		before = LLVMGetBasicBlockTerminator(from);
	}
	LLVMPositionBuilderBefore(t->b, before);
	set_operands(user, v, LLVMBuildLoad2(t->b, LLVMTypeOf(v), slot, ""),
		from);
}

static void value_to_memory(struct threads *t, LLVMValueRef v)
{
	LLVMValueRef slot = slot_for(t, v);
	LLVMUseRef use;

	while ((use = use_elsewhere(v)) != NULL)
		use_from_memory(t, LLVMGetUser(use), v, slot);
	LLVMPositionBuilderBefore(t->b, LLVMGetNextInstruction(v));
	LLVMBuildStore(t->b, v, slot);
}

static void region_to_memory(struct threads *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		LLVMValueRef end = LLVMGetBasicBlockTerminator(t->places[i].bb);
		unsigned n = LLVMGetNumSuccessors(end);

		phis_to_memory(t, t->places[i].bb);
		for (unsigned k = 0; k < n; k++)
			phis_to_memory(t, LLVMGetSuccessor(end, k));
	}
	for (uint32_t i = 0; i < t->count; i++) {
		LLVMValueRef v = LLVMGetFirstInstruction(t->places[i].bb);

		for (; v != NULL; v = LLVMGetNextInstruction(v))
			if (use_elsewhere(v) != NULL)
				value_to_memory(t, v);
	}
}

/* ---- the copies ---- */

static LLVMBasicBlockRef copy_of(struct threads *t, LLVMBasicBlockRef bb,
	uint32_t state)
{
	uint32_t i = place_of(t, bb);

	if (i == NONE || state == NONE)
		return bb;
	if (t->places[i].copies[state] == NULL)
		t->places[i].copies[state] = add_block(t);
	return t->places[i].copies[state];
}

/* Where the ways out of bb lead; copy is bb, or made of it for the state. */
static void lead(struct threads *t, LLVMBasicBlockRef bb,
	LLVMBasicBlockRef copy, uint32_t state)
{
	LLVMValueRef end = LLVMGetBasicBlockTerminator(copy);
	unsigned n = LLVMGetNumSuccessors(end);

	for (unsigned i = 0; i < n; i++) {
		LLVMBasicBlockRef to = LLVMGetSuccessor(end, i);

		LLVMSetSuccessor(end, i,
			copy_of(t, to, next_state(t, bb, to, state)));
	}
}

struct pair {
	LLVMValueRef old, new;
};

static void map_operands(LLVMValueRef i, const struct pair *map, uint32_t n)
{
	int ops = LLVMGetNumOperands(i);

	for (int k = 0; k < ops; k++)
		for (uint32_t m = 0; m < n; m++)
			if (LLVMGetOperand(i, (unsigned)k) == map[m].old) {
				LLVMSetOperand(i, (unsigned)k, map[m].new);
				break;
			}
}

static void fill_copy(struct threads *t, const struct place *p, uint32_t state,
	struct pair *map)
{
	LLVMValueRef i = LLVMGetFirstInstruction(p->bb), copy;
	uint32_t n = 0;

	LLVMPositionBuilderAtEnd(t->b, p->copies[state]);
	/* Or what is put there would get the builder's, for its own. */
	LLVMSetCurrentDebugLocation2(t->b, NULL);
	for (; i != NULL && i != t->by; i = LLVMGetNextInstruction(i)) {
		if (i == p->phi) {
			map[n++] = (struct pair){ i, t->states[state] };
			continue;
		}
		copy = LLVMInstructionClone(i);
		map_operands(copy, map, n);
		LLVMInsertIntoBuilder(t->b, copy);
		map[n++] = (struct pair){ i, copy };
	}
	if (i != NULL)
		LLVMBuildBr(t->b, target(t, state));
	lead(t, p->bb, p->copies[state], state);
}

static uint32_t longest(const struct threads *t)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		LLVMValueRef v = LLVMGetFirstInstruction(t->places[i].bb);
		uint32_t n = 0;

		for (; v != NULL; v = LLVMGetNextInstruction(v))
			n++;
		most = n > most ? n : most;
	}
	return most;
}

static void make_copies(struct threads *t, struct pair *map)
{
	for (uint32_t i = 0; i < t->work_count; i++) {
		const struct place *p = &t->places[t->work[i].place];

		(void)copy_of(t, p->bb, t->work[i].state);
		fill_copy(t, p, t->work[i].state, map);
	}
	for (uint32_t i = 0; i < t->count; i++) {
		struct place *p = &t->places[i];

		lead(t, p->bb, p->bb, NONE);
		for (uint32_t k = 0; k < p->edge_count; k++)
			if (place_of(t, p->edges[k].from) == NONE)
				lead(t, p->edges[k].from, p->edges[k].from,
					NONE);
	}
}

static void make_threads(struct threads *t)
{
	struct pair *map;

	region_to_memory(t);
	map = calloc((size_t)longest(t) + 1, sizeof(*map));
	if (map != NULL)
		make_copies(t, map);
	free(map);
}

/* Choices that are opened for nothing the passes make of the ways again. */
static bool thread(struct threads *t)
{
	bool opened;

	if (!find_threads(t))
		return false;
	opened = open_choices(t);
	t->opened = t->opened || opened;
	if (opened && !find_threads(t))
		return false;
	make_threads(t);
	return true;
}

bool thread_states(LLVMValueRef f)
{
	struct threads *t = calloc(1, sizeof(*t));
	LLVMBasicBlockRef bb = LLVMGetFirstBasicBlock(f);
	bool done = false;

	if (t == NULL)
		return false;
	t->f = f;
	t->b = LLVMCreateBuilderInContext(LLVMGetTypeContext(LLVMTypeOf(f)));
	for (; bb != NULL && !done; bb = LLVMGetNextBasicBlock(bb)) {
		t->by = LLVMGetBasicBlockTerminator(bb);
		if (LLVMIsASwitchInst(t->by) != NULL)
			done = thread(t);
	}
	forget(t);
	done = done || t->opened;
	LLVMDisposeBuilder(t->b);
	free(t);
	return done;
}
