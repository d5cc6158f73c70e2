// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

#include <stdlib.h>
#include <string.h>

/*
 * Invariant: while not dead, the builder stands at the end of a block that
 * has no terminator, and locals and stack hold values that dominate it.
 */
#define FIRST_CHUNK 4096

void *fn_alloc(struct fn *f, size_t len)
{
	struct chunk *k = f->chunks;
	void *p;

	len = (len + 7) / 8;
	if (k == NULL || k->cap - k->used < len) {
		size_t cap = len > FIRST_CHUNK ? len : FIRST_CHUNK;

		k = malloc(sizeof(*k) + cap * 8);
		if (k == NULL)
			abort();
		k->next = f->chunks;
		k->cap = cap;
		k->used = 0;
		f->chunks = k;
	}
	p = &k->data[k->used];
	k->used += len;
	return memset(p, 0, len * 8);
}

/* Room for one more of size bytes each. */
static void *more(void *p, uint32_t *cap, uint32_t count, size_t size)
{
	if (count < *cap)
		return p;
	*cap = *cap == 0 ? 16 : *cap * 2;
	p = reallocarray(p, *cap, size);
	if (p == NULL)
		abort();
	return p;
}

void push(struct fn *f, LLVMValueRef v, uint32_t type)
{
	f->stack = more(f->stack, &f->stack_cap, f->height, sizeof(*f->stack));
	f->stack[f->height++] = (struct value){ .v = v, .type = type };
}

LLVMValueRef pop(struct fn *f)
{
	return f->stack[--f->height].v;
}

LLVMBasicBlockRef new_block(struct fn *f, const char *name)
{
	LLVMBasicBlockRef bb =
		LLVMAppendBasicBlockInContext(f->u->c, f->f, name);

	loop_block(f, bb);
	return bb;
}

LLVMBasicBlockRef here(const struct fn *f)
{
	return LLVMGetInsertBlock(f->u->b);
}

void go_on_at(struct fn *f, LLVMBasicBlockRef bb)
{
	LLVMPositionBuilderAtEnd(f->u->b, bb);
}

/* Code that follows is this instruction's, if it matters where it is. */
void at_insn(struct fn *f, bool matters)
{
	LLVMMetadataRef at = NULL;

	if (matters && f->scope != NULL)
		at = LLVMDIBuilderCreateDebugLocation(f->u->c, f->i.at, 0,
			f->scope, NULL);
	LLVMSetCurrentDebugLocation2(f->u->b, at);
}

LLVMBasicBlockRef branch_cold(struct fn *f, LLVMValueRef cond)
{
	LLVMBasicBlockRef cold = new_block(f, ""), on = new_block(f, "");
	LLVMValueRef br = LLVMBuildCondBr(f->u->b, cond, cold, on);

	LLVMSetMetadata(br, f->u->kind_prof, f->u->cold);
	go_on_at(f, cold);
	return on;
}

void go_dead(struct fn *f)
{
	f->dead = true;
	f->skipped = 0;
}

void trap_if(struct fn *f, LLVMValueRef cond, enum dj_trap trap)
{
	LLVMBasicBlockRef on = NULL;

	if (trap != DJ_TRAP_MEMORY)
		loop_trap(f);
	if (cond != NULL) {
		if (LLVMIsAConstantInt(cond) != NULL &&
			LLVMConstIntGetZExtValue(cond) == 0)
			return;
		on = branch_cold(f, cond);
	}
	spill_count(f);
	at_insn(f, true);
	help_trap(f, trap);
	if (on != NULL)
		go_on_at(f, on);
	else
		go_dead(f);
}

/* ---- labels ---- */

static void add_way(struct fn *f, struct label *l, LLVMBasicBlockRef from,
	LLVMValueRef *values)
{
	/* Those that come later have no fewer of these: forget_checks(). */
	if (l->count == 0)
		l->checks = f->check_count;
	l->ways = more(l->ways, &l->cap, l->count, sizeof(*l->ways));
	l->ways[l->count++] = (struct way){ .from = from, .values = values };
}

/* The count of events comes last, where it is a value. */
uint32_t set_size(const struct block *b)
{
	return b->set_count + b->counts;
}

LLVMValueRef *set_values(struct fn *f, const struct block *b, uint32_t extra)
{
	LLVMValueRef *v =
		fn_alloc(f, (set_size(b) + extra) * sizeof(LLVMValueRef));

	for (uint32_t i = 0; i < b->set_count; i++)
		v[i] = f->locals[b->set[i]];
	if (b->counts)
		v[b->set_count] = f->locals[f->local_count];
	return v;
}

/* The way from here, with the top n values of the stack. */
void take_way(struct fn *f, struct label *l, const struct block *b,
	const uint32_t *types, uint32_t n)
{
	LLVMValueRef *v = set_values(f, b, n);

	(void)types;
	for (uint32_t i = 0; i < n; i++)
		v[set_size(b) + i] = f->stack[f->height - n + i].v;
	add_way(f, l, here(f), v);
}

static LLVMValueRef join(struct fn *f, const struct label *l, uint32_t at)
{
	LLVMValueRef v = l->ways[0].values[at], phi;
	bool same = true;

	for (uint32_t i = 1; i < l->count; i++)
		same = same && l->ways[i].values[at] == v;
	if (same)
		return v;
	phi = LLVMBuildPhi(f->u->b, LLVMTypeOf(v), "");
	for (uint32_t i = 0; i < l->count; i++)
		LLVMAddIncoming(phi, &l->ways[i].values[at], &l->ways[i].from,
			1);
	return phi;
}

void put_set(struct fn *f, const struct block *b, LLVMValueRef *v)
{
	for (uint32_t i = 0; i < b->set_count; i++)
		f->locals[b->set[i]] = v[i];
	if (b->counts)
		f->locals[f->local_count] = v[b->set_count];
}

/*
 * All ways into l are known: goes on there, dead if there are none. The
 * values that the ways bring are on the stack then.
 */
void arrive(struct fn *f, struct label *l, const struct block *b,
	const uint32_t *types, uint32_t n)
{
	uint32_t size = set_size(b);
	LLVMValueRef *v;

	f->height = b->height;
	f->dead = l->count == 0;
	if (f->dead) {
		f->skipped = 0;
		free(l->ways);
		l->ways = NULL;
		return;
	}
	LLVMMoveBasicBlockAfter(l->bb, LLVMGetLastBasicBlock(f->f));
	go_on_at(f, l->bb);
	LLVMSetCurrentDebugLocation2(f->u->b, NULL);
	v = fn_alloc(f, (size + n) * sizeof(LLVMValueRef));
	for (uint32_t i = 0; i < size + n; i++)
		v[i] = join(f, l, i);
	put_set(f, b, v);
	for (uint32_t i = 0; i < n; i++)
		push(f, v[size + i], types[i]);
	free(l->ways);
	l->ways = NULL;
}

static LLVMBasicBlockRef label_block(struct fn *f, struct label *l)
{
	if (l->bb == NULL)
		l->bb = new_block(f, "");
	return l->bb;
}

static struct block *block_at(struct fn *f, uint32_t label)
{
	return &f->blocks[f->depth - 1 - label];
}

/* Values that a branch to b takes along. */
static uint32_t branch_types(const struct block *b, const uint32_t **ret)
{
	*ret = b->kind == IS_LOOP ? b->bt.params
				  : dj_wasm_block_results(&b->bt);
	return b->kind == IS_LOOP ? b->bt.param_count : b->bt.result_count;
}

/* Notes the way to a label from here; where to jump. */
static LLVMBasicBlockRef way_to(struct fn *f, uint32_t label)
{
	struct block *b = block_at(f, label);
	const uint32_t *types;
	uint32_t n = branch_types(b, &types);

	loop_way(f, label);
	take_way(f, &b->end, b, types, n);
	return label_block(f, &b->end);
}

/* Out of what counts events in a value: the count goes back to its place. */
static bool stops_counting(struct fn *f, uint32_t label)
{
	return f->counts && !block_at(f, label)->counts;
}

void branch_to(struct fn *f, uint32_t label)
{
	loop_branch(f, label, NULL);
	if (stops_counting(f, label))
		spill_count(f);
	LLVMBuildBr(f->u->b, way_to(f, label));
	go_dead(f);
}

/* ---- blocks ---- */

struct block *open_block(struct fn *f, unsigned kind,
	const struct dj_wasm_block_type *bt, bool planned)
{
	struct block *b;

	f->blocks =
		more(f->blocks, &f->block_cap, f->depth, sizeof(*f->blocks));
	b = &f->blocks[f->depth++];
	*b = (struct block){
		.kind = kind,
		.bt = *bt,
		.height = f->height - bt->param_count,
		.counts = f->counts,
		.checks = f->check_count,
		.end.checks = f->check_count,
	};
	if (planned) {
		const struct plan_block *p = &f->plan.blocks[f->block_number++];

		b->set = f->plan.locals + p->first;
		b->set_count = p->count;
		b->rethrows = p->rethrows;
	}
	return b;
}

/* What was found out about addresses since then is not known any more. */
void forget_checks(struct fn *f, uint32_t mark)
{
	if (f->check_count <= mark)
		return;
	f->check_count = mark;
	/* What takes their places is not what the ways so far had. */
	for (uint32_t i = 0; i < f->depth; i++)
		if (f->blocks[i].end.checks > mark)
			f->blocks[i].end.checks = mark;
}

static void begin_counting(struct fn *f)
{
	f->counts = true;
	reload_count(f);
}

static void end_counting(struct fn *f)
{
	if (!f->dead)
		spill_count(f);
	f->counts = false;
}

static void do_loop(struct fn *f)
{
	bool is_plain = f->plan.blocks[f->block_number].plain;
	LLVMBasicBlockRef from;
	struct block *b;
	LLVMValueRef *v;
	uint32_t n;

	if (is_plain)
		begin_counting(f);
	b = open_block(f, IS_LOOP, &f->i.bt, true);
	n = set_size(b);
	v = set_values(f, b, 0);
	if (is_plain)
		b->loop = loop_begin(f, b, v);
	else
		b->nest = nest_begin(f, b, v);
	from = here(f);
	b->head = new_block(f, "");
	if (b->loop == NULL && b->nest == NULL)
		LLVMBuildBr(f->u->b, b->head);
	go_on_at(f, b->head);
	b->phis = fn_alloc(f, (n + b->bt.param_count) * sizeof(LLVMValueRef));
	for (uint32_t i = 0; i < n; i++) {
		b->phis[i] = LLVMBuildPhi(f->u->b, LLVMTypeOf(v[i]), "");
		LLVMAddIncoming(b->phis[i], &v[i], &from, 1);
	}
	for (uint32_t i = 0; i < b->bt.param_count; i++) {
		struct value *p = &f->stack[b->height + i];

		b->phis[n + i] = LLVMBuildPhi(f->u->b, LLVMTypeOf(p->v), "");
		LLVMAddIncoming(b->phis[n + i], &p->v, &from, 1);
		*p = (struct value){ b->phis[n + i], b->bt.params[i] };
	}
	put_set(f, b, b->phis);
	if (b->nest != NULL)
		nest_head(f, b);
}

static LLVMValueRef as_bool(struct fn *f, LLVMValueRef v)
{
	struct unit *u = f->u;

	if (LLVMIsAZExtInst(v) != NULL &&
		LLVMTypeOf(LLVMGetOperand(v, 0)) == u->i1)
		return LLVMGetOperand(v, 0);
	return LLVMBuildICmp(u->b, LLVMIntNE, v, int_const(u, u->i32, 0), "");
}

static void do_if(struct fn *f)
{
	LLVMValueRef cond = as_bool(f, pop(f));
	struct block *b = open_block(f, IS_IF, &f->i.bt, true);
	uint32_t n = set_size(b);
	LLVMBasicBlockRef then = new_block(f, "");

	b->saved = set_values(f, b, b->bt.param_count);
	for (uint32_t i = 0; i < b->bt.param_count; i++)
		b->saved[n + i] = f->stack[b->height + i].v;
	b->otherwise = new_block(f, "");
	LLVMBuildCondBr(f->u->b, cond, then, b->otherwise);
	go_on_at(f, then);
}

/* The end of an arm: its results go to the block's end. */
void end_arm(struct fn *f, struct block *b)
{
	if (f->dead)
		return;
	take_way(f, &b->end, b, dj_wasm_block_results(&b->bt),
		b->bt.result_count);
	LLVMBuildBr(f->u->b, label_block(f, &b->end));
}

/* Goes on as it was at the `if`. */
static void restore(struct fn *f, struct block *b)
{
	uint32_t n = set_size(b);

	f->dead = false;
	f->height = b->height;
	forget_checks(f, b->checks);
	LLVMMoveBasicBlockAfter(b->otherwise, LLVMGetLastBasicBlock(f->f));
	go_on_at(f, b->otherwise);
	put_set(f, b, b->saved);
	for (uint32_t i = 0; i < b->bt.param_count; i++)
		push(f, b->saved[n + i], b->bt.params[i]);
}

static void do_else(struct fn *f)
{
	struct block *b = block_at(f, 0);

	end_arm(f, b);
	restore(f, b);
	b->kind = IS_ELSE;
}

static void do_try(struct fn *f)
{
	struct block *b;

	if (f->i.op == DJ_OP_TRY) {
		(void)open_block(f, IS_TRY_OLD, &f->i.bt, true);
		return;
	}
	b = open_block(f, IS_TRY, &f->i.bt, true);
	b->clauses = f->i.list;
	b->clause_count = f->i.a;
}

/* All branches to the loop meet at its latch, are counted, and go back. */
static void end_loop(struct fn *f, struct block *b)
{
	bool was_dead = f->dead;
	LLVMBasicBlockRef after = was_dead ? NULL : here(f), from;
	struct value *results;
	uint32_t n = set_size(b), k = b->bt.result_count, height = f->height;
	LLVMValueRef *v = set_values(f, b, 0);

	if (b->end.count == 0) {
		free(b->end.ways);
		return;
	}
	/* What fell out of the loop stays as it is. */
	results = fn_alloc(f, (k + 1) * sizeof(*results));
	for (uint32_t i = 0; !was_dead && i < k; i++)
		results[i] = f->stack[height - k + i];
	arrive(f, &b->end, b, b->bt.params, b->bt.param_count);
	if (b->loop != NULL) {
		loop_latch(f, b);
		goto back;
	}
	if (b->nest != NULL) {
		nest_latch(f, b);
		goto back;
	}
	count_event(f);
	from = here(f);
	for (uint32_t i = 0; i < b->set_count; i++)
		LLVMAddIncoming(b->phis[i], &f->locals[b->set[i]], &from, 1);
	if (b->counts)
		LLVMAddIncoming(b->phis[b->set_count],
			&f->locals[f->local_count], &from, 1);
	for (uint32_t i = 0; i < b->bt.param_count; i++)
		LLVMAddIncoming(b->phis[n + i], &f->stack[b->height + i].v,
			&from, 1);
	LLVMBuildBr(f->u->b, b->head);
back:
	put_set(f, b, v);
	f->height = b->height;
	f->dead = was_dead;
	if (was_dead)
		return;
	for (uint32_t i = 0; i < k; i++)
		push(f, results[i].v, results[i].type);
	from = new_block(f, "");
	go_on_at(f, after);
	LLVMBuildBr(f->u->b, from);
	go_on_at(f, from);
}

/* An end, or a delegate: of a try whose exceptions go on from out there. */
static void do_end(struct fn *f)
{
	uint32_t label = f->i.op == DJ_OP_DELEGATE ? f->i.a : 0;
	struct block b = *block_at(f, 0);

	if (b.kind == IS_LOOP) {
		end_loop(f, &b);
		f->depth--;
		if (f->dead)
			f->height = b.height;
		if (b.loop != NULL)
			loop_end(f, &b);
		if (b.nest != NULL)
			nest_end(f, &b);
		if (b.counts)
			end_counting(f);
		return;
	}
	end_arm(f, &b);
	if (b.kind == IS_IF) {
		restore(f, &b);
		end_arm(f, &b);
	}
	forget_checks(f, b.kind <= IS_ELSE ? b.end.checks : b.checks);
	f->depth--;
	if (b.kind == IS_TRY)
		catch_all(f, &b);
	if (b.kind == IS_TRY_OLD || b.kind == IS_CATCH)
		end_catch(f, &b, f->depth - label);
	arrive(f, &b.end, &b, dj_wasm_block_results(&b.bt), b.bt.result_count);
	if (f->depth == 0 && !f->dead)
		leave_function(f);
}

/* ---- branches ---- */

/* To the label of the instruction at hand if cond, else on. */
void branch_if(struct fn *f, LLVMValueRef cond)
{
	LLVMBasicBlockRef to, on;

	/* Its turns are counted: this is not one that ends it. */
	if (loop_is_counted(f, f->i.a)) {
		if (loop_is_back(f, f->i.a))
			branch_to(f, f->i.a);
		return;
	}
	loop_branch(f, f->i.a, cond);
	on = new_block(f, "");
	if (stops_counting(f, f->i.a)) {
		to = new_block(f, "");
		LLVMBuildCondBr(f->u->b, cond, to, on);
		go_on_at(f, to);
		spill_count(f);
		LLVMBuildBr(f->u->b, way_to(f, f->i.a));
	} else {
		to = way_to(f, f->i.a);
		LLVMBuildCondBr(f->u->b, cond, to, on);
	}
	go_on_at(f, on);
}

static void do_br_table(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef index = pop(f), sw;
	uint32_t n = f->i.a, *labels = fn_alloc(f, (n + 1) * sizeof(*labels));

	for (uint32_t i = 0; i <= n; i++)
		labels[i] = dj_wasm_rd_u32(&f->i.list);
	if (n == 0) {
		branch_to(f, labels[0]);
		return;
	}
	for (uint32_t i = 0; i <= n; i++)
		if (stops_counting(f, labels[i])) {
			spill_count(f);
			break;
		}
	/* A phi has an entry for each edge, so each case is a way. */
	sw = LLVMBuildSwitch(u->b, index, way_to(f, labels[n]), n);
	for (uint32_t i = 0; i < n; i++)
		LLVMAddCase(sw, int_const(u, u->i32, i), way_to(f, labels[i]));
	go_dead(f);
}

void leave_function(struct fn *f)
{
	struct unit *u = f->u;
	uint32_t n = f->type->result_count;

	if (f->depth != 0)
		loop_way(f, f->depth - 1);
	spill_count(f);
	at_insn(f, false);
	if (n == 1 && f->ret == NULL) {
		LLVMBuildRet(u->b, f->stack[f->height - 1].v);
		go_dead(f);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		LLVMValueRef s =
			LLVMBuildStore(u->b, f->stack[f->height - n + i].v,
				at_offset(u, f->ret, (uint64_t)i * 16));

		LLVMSetAlignment(s, 8);
	}
	LLVMBuildRetVoid(u->b);
	go_dead(f);
}

/*
 * ---- events ----
 *
 * They are counted in memory, where calls find the count without a word. Only
 * a loop that has neither calls nor loops in it counts in a value.
 */

void spill_count(struct fn *f)
{
	if (f->counts)
		store_field(f->u, f->locals[f->local_count], f->shared,
			DJ_SHARED_COUNT, TAG_SHARED);
}

void reload_count(struct fn *f)
{
	if (f->counts)
		f->locals[f->local_count] = load_field(f->u, f->u->i32,
			f->shared, DJ_SHARED_COUNT, TAG_SHARED, false);
}

/* One less in memory; when none is left the engine says how it goes on. */
static void count_in_memory(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef left;
	LLVMBasicBlockRef on;

	left = load_field(u, u->i32, f->shared, DJ_SHARED_COUNT, TAG_SHARED,
		false);
	left = LLVMBuildSub(u->b, left, int_const(u, u->i32, 1), "");
	store_field(u, left, f->shared, DJ_SHARED_COUNT, TAG_SHARED);
	on = branch_cold(f,
		LLVMBuildICmp(u->b, LLVMIntEQ, left, int_const(u, u->i32, 0),
			""));
	at_insn(f, true);
	help_cold(f, DJ_HELP_EVENT, NULL, 0);
	LLVMBuildBr(u->b, on);
	go_on_at(f, on);
}

void count_event(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef left, two[2], phi;
	LLVMBasicBlockRef on, from[2];

	if (!f->counts) {
		count_in_memory(f);
		return;
	}
	left = LLVMBuildSub(u->b, f->locals[f->local_count],
		int_const(u, u->i32, 1), "");
	from[0] = here(f);
	on = branch_cold(f,
		LLVMBuildICmp(u->b, LLVMIntEQ, left, int_const(u, u->i32, 0),
			""));
	at_insn(f, true);
	f->locals[f->local_count] = left;
	spill_count(f);
	help_cold(f, DJ_HELP_EVENT, NULL, 0);
	reload_count(f);
	two[0] = left;
	two[1] = f->locals[f->local_count];
	from[1] = here(f);
	LLVMBuildBr(u->b, on);
	go_on_at(f, on);
	phi = LLVMBuildPhi(u->b, u->i32, "");
	LLVMAddIncoming(phi, two, from, 2);
	f->locals[f->local_count] = phi;
}

/* ---- instructions ---- */

static LLVMValueRef zero_of(struct fn *f, uint32_t type)
{
	return LLVMConstNull(type_of(f->u, type));
}

static void do_select(struct fn *f)
{
	LLVMValueRef cond = as_bool(f, pop(f)), b = pop(f);
	uint32_t type = f->stack[f->height - 1].type;
	LLVMValueRef a = pop(f);

	if (f->i.op == DJ_OP_SELECT_T)
		type = f->i.type;
	push(f, LLVMBuildSelect(f->u->b, cond, a, b, ""), type);
}

static void do_local(struct fn *f)
{
	uint32_t i = f->i.a;

	if (f->i.op == DJ_OP_LOCAL_GET)
		push(f, f->locals[i], f->local_types[i]);
	else
		f->locals[i] = f->stack[f->height - 1].v;
	if (f->i.op == DJ_OP_LOCAL_SET)
		(void)pop(f);
}

static void do_const(struct fn *f)
{
	struct unit *u = f->u;
	LLVMTypeRef t = f->i.op == DJ_OP_I32_CONST || f->i.op == DJ_OP_F32_CONST
		? u->i32
		: u->i64;
	LLVMValueRef v = visible_const(u, t, f->i.imm);
	static const uint8_t types[] = { DJ_WASM_I32, DJ_WASM_I64, DJ_WASM_F32,
		DJ_WASM_F64 };
	uint32_t type = types[f->i.op - DJ_OP_I32_CONST];

	if (LLVMTypeOf(v) != type_of(u, type))
		v = LLVMBuildBitCast(u->b, v, type_of(u, type), "");
	push(f, v, type);
}

static void do_ref(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef v, funcs;

	switch (f->i.op) {
	case DJ_OP_REF_NULL:
		push(f, LLVMConstNull(u->ptr), f->i.type);
		break;
	case DJ_OP_REF_IS_NULL:
		v = LLVMBuildIsNull(u->b, pop(f), "");
		push(f, LLVMBuildZExt(u->b, v, u->i32, ""), DJ_WASM_I32);
		break;
	case DJ_OP_REF_FUNC:
		funcs = load_field(u, u->ptr, f->ctx, DJ_CTX_FUNCS, TAG_CONTEXT,
			true);
		v = load_field(u, u->ptr, funcs, (uint64_t)f->i.a * 8,
			TAG_CONTEXT, true);
		push(f, v,
			dj_wasm_typed_ref(f->u->m->funcs[f->i.a].type) |
				DJ_WASM_NON_NULL);
		break;
	}
}

static void do_control(struct fn *f)
{
	switch (f->i.op) {
	case DJ_OP_UNREACHABLE:
		trap_if(f, NULL, DJ_TRAP_UNREACHABLE);
		break;
	case DJ_OP_BLOCK:
		open_block(f, IS_BLOCK, &f->i.bt, true);
		break;
	case DJ_OP_LOOP:
		do_loop(f);
		break;
	case DJ_OP_IF:
		do_if(f);
		break;
	case DJ_OP_ELSE:
		do_else(f);
		break;
	case DJ_OP_TRY:
	case DJ_OP_TRY_TABLE:
		do_try(f);
		break;
	case DJ_OP_CATCH:
	case DJ_OP_CATCH_ALL:
		do_catch(f);
		break;
	case DJ_OP_RETHROW:
		do_rethrow(f);
		break;
	case DJ_OP_END:
	case DJ_OP_DELEGATE:
		do_end(f);
		break;
	case DJ_OP_BR:
		branch_to(f, f->i.a);
		break;
	case DJ_OP_BR_IF:
		branch_if(f, as_bool(f, pop(f)));
		break;
	case DJ_OP_BR_TABLE:
		do_br_table(f);
		break;
	case DJ_OP_RETURN:
		leave_function(f);
		break;
	default:
		break;
	}
}

void do_insn(struct fn *f)
{
	uint32_t op = f->i.op;

	switch (op) {
	case DJ_OP_NOP:
		break;
	case DJ_OP_CALL ... DJ_OP_RETURN_CALL_REF:
		do_call(f);
		break;
	case DJ_OP_THROW:
	case DJ_OP_THROW_REF:
		do_throw(f);
		break;
	case DJ_OP_UNREACHABLE:
	case DJ_OP_BLOCK ... DJ_OP_CATCH:
	case DJ_OP_RETHROW:
	case DJ_OP_END ... DJ_OP_RETURN:
	case DJ_OP_DELEGATE ... DJ_OP_CATCH_ALL:
	case DJ_OP_TRY_TABLE:
		do_control(f);
		break;
	case DJ_OP_DROP:
		(void)pop(f);
		break;
	case DJ_OP_SELECT ... DJ_OP_SELECT_T:
		do_select(f);
		break;
	case DJ_OP_LOCAL_GET ... DJ_OP_LOCAL_TEE:
		do_local(f);
		break;
	case DJ_OP_GLOBAL_GET ... DJ_OP_GLOBAL_SET:
		do_global(f);
		break;
	case DJ_OP_I32_CONST ... DJ_OP_F64_CONST:
		do_const(f);
		break;
	case DJ_OP_REF_NULL ... DJ_OP_REF_FUNC:
		do_ref(f);
		break;
	case DJ_OP_REF_EQ ... DJ_OP_BR_ON_NON_NULL:
	case DJ_OP_GC ... DJ_OP_GC_END - 1:
		do_gc(f);
		break;
	case DJ_OP_LOAD_FIRST ... DJ_OP_LOAD_LAST:
		do_load(f);
		break;
	case DJ_OP_STORE_FIRST ... DJ_OP_STORE_LAST:
		do_store(f);
		break;
	case DJ_OP_TABLE_GET ... DJ_OP_TABLE_SET:
	case DJ_OP_MEMORY_SIZE ... DJ_OP_MEMORY_GROW:
	case DJ_OP_MEMORY_INIT ... DJ_OP_TABLE_FILL:
		do_bulk(f);
		break;
	default:
		if (op >= DJ_OP_SIMD)
			do_simd(f);
		else
			do_num(f);
	}
}

/* Reads on to what can be reached again: the end of the open block. */
void skip_insn(struct fn *f)
{
	switch (f->i.op) {
	case DJ_OP_BLOCK:
	case DJ_OP_LOOP:
	case DJ_OP_IF:
	case DJ_OP_TRY:
	case DJ_OP_TRY_TABLE:
		f->skipped++;
		f->block_number++;
		break;
	case DJ_OP_ELSE:
		if (f->skipped == 0)
			do_else(f);
		break;
	case DJ_OP_CATCH:
	case DJ_OP_CATCH_ALL:
		if (f->skipped == 0)
			do_catch(f);
		break;
	case DJ_OP_END:
	case DJ_OP_DELEGATE:
		if (f->skipped == 0)
			do_end(f);
		else
			f->skipped--;
		break;
	default:
		break;
	}
}

/* ---- a function ---- */

static void add_local(struct fn *f, uint32_t type, LLVMValueRef v)
{
	f->locals[f->local_count] = v;
	f->local_types[f->local_count++] = type;
}

static void read_locals(struct fn *f)
{
	uint32_t groups = dj_wasm_rd_u32(&f->r), total = f->type->param_count;
	struct dj_wasm_rd again = f->r;

	for (uint32_t i = 0; i < groups; i++) {
		total += dj_wasm_rd_u32(&again);
		(void)dj_wasm_rd_valtype(&again, f->u->m);
	}
	f->locals = fn_alloc(f, (total + 1) * sizeof(LLVMValueRef));
	f->local_types = fn_alloc(f, (total + 1) * sizeof(*f->local_types));
	abi_params(f->u, f->f, f->u->m->funcs[f->index].type, false, f->locals,
		&f->ret);
	for (uint32_t i = 0; i < f->type->param_count; i++)
		add_local(f, f->type->params[i], f->locals[i]);
	for (uint32_t i = 0; i < groups; i++) {
		uint32_t n = dj_wasm_rd_u32(&f->r);
		uint32_t type = dj_wasm_rd_valtype(&f->r, f->u->m);

		while (n-- > 0)
			add_local(f, type, zero_of(f, type));
	}
}

LLVMValueRef scratch(struct fn *f, uint32_t slots)
{
	LLVMBasicBlockRef at = here(f);
	struct unit *u = f->u;

	if (f->scratch != NULL && slots <= f->scratch_slots)
		return f->scratch;
	LLVMPositionBuilderBefore(u->b, LLVMGetBasicBlockTerminator(f->entry));
	f->scratch = LLVMBuildAlloca(u->b,
		LLVMArrayType2(u->i64, slots == 0 ? 1 : slots), "");
	LLVMSetAlignment(f->scratch, 16);
	f->scratch_slots = slots;
	go_on_at(f, at);
	return f->scratch;
}

/*
 * Is there stack for this frame? Asked where calls can make a chain, and of what
 * may have a large frame: behind it there is to be room for helpers.
 */
static void check_stack(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef sp, limit;
	LLVMBasicBlockRef on;

	sp = intrinsic(u, "llvm.read_register", &u->i64, 1, &u->sp_name, 1);
	limit = load_field(u, u->i64, f->shared, DJ_SHARED_STACK, TAG_SHARED,
		false);
	on = branch_cold(f, LLVMBuildICmp(u->b, LLVMIntULT, sp, limit, ""));
	at_insn(f, true);
	help_cold(f, DJ_HELP_STACK, NULL, 0);
	LLVMBuildBr(u->b, on);
	go_on_at(f, on);
}

static void begin_function(struct fn *f)
{
	struct unit *u = f->u;
	LLVMBasicBlockRef first;
	bool own = has_place(u);

	f->f = func_ref(u, f->index);
	add_mark(u, f->f);
	f->scope = LLVMDIBuilderCreateFunction(u->di, u->file, "f", 1, "", 0,
		u->file, f->i.at, u->sub_type, false, true, f->i.at,
		LLVMDIFlagZero, true);
	LLVMSetSubprogram(f->f, f->scope);
	f->entry = new_block(f, "");
	first = new_block(f, "");
	go_on_at(f, f->entry);
	at_insn(f, true);
	/*
	 * What functions find by themselves never changes, and LLVM is not to
	 * know: it would be loaded again wherever it is used.
	 */
	f->ctx = own ? own_context(u) : LLVMGetParam(f->f, 0);
	f->base = own
		? load_field(u, u->ptr, f->ctx, DJ_CTX_BASE, TAG_CONTEXT, false)
		: LLVMGetParam(f->f, 1);
	f->shared =
		load_field(u, u->ptr, f->ctx, DJ_CTX_SHARED, TAG_CONTEXT, !own);
	LLVMBuildBr(u->b, first);
	go_on_at(f, first);
	read_locals(f);
	if (f->plan.has_call || !u->is_small)
		check_stack(f);
	count_event(f);
}

static void free_function(struct fn *f)
{
	for (uint32_t i = 0; i < f->depth; i++) {
		free(f->blocks[i].end.ways);
		free(f->blocks[i].caught.ways);
	}
	while (f->chunks != NULL) {
		struct chunk *k = f->chunks;

		f->chunks = k->next;
		free(k);
	}
	free(f->stack);
	free(f->blocks);
	free(f->checks);
	plan_free(&f->plan);
}

void compile_function(struct unit *u, uint32_t index)
{
	const struct dj_wasm_func *func = &u->m->funcs[index];
	const struct dj_wasm_functype *t =
		dj_wasm_functype_at(u->m, func->type);
	struct dj_wasm_block_type bt = {
		.result_count = t->result_count,
		.more = t->results,
	};
	struct fn f = { .u = u, .index = index, .type = t };
	uint32_t at, op;

	if (plan_make(u->m, index, NULL, &f.plan, &at, &op) != DJ_OK) {
		unit_fail(u, "function %u: cannot be read", index);
		return;
	}
	/* In a large one they would be in the way of each other. */
	u->is_small = func->len <= 4096;
	f.r = dj_wasm_rd_of(u->m->bytes, func->body, func->len);
	f.i.at = func->body;
	begin_function(&f);
	open_block(&f, IS_BLOCK, &bt, false);
	while (f.depth != 0 && !u->failed) {
		(void)insn_read(&f.r, u->m, &f.i);
		if (f.dead)
			skip_insn(&f);
		else
			do_insn(&f);
	}
	free_function(&f);
}
