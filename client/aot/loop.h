// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client/aot/emit.h"

/* What loop.c and its neighbours know of a loop that may have a fast form. */
#define MAX_BLOCKS   96
#define MAX_ACCESSES 48
#define MAX_GROUPS   16
#define MAX_LEAVES   8
#define MAX_EXITS    4

/* konst + the sum of by * v, and step more in each turn, modulo 2^32. */
struct form {
	bool ok;
	uint32_t konst, step, n;
	struct {
		LLVMValueRef v;
		uint32_t by;
	} leaf[MAX_LEAVES];
};

struct access {
	LLVMValueRef addr; /* NULL: not one of memory 0, of 32 bits */
	LLVMValueRef insn; /* NULL: neither one load nor one store */
	LLVMValueRef fast; /* the same in the fast form */
	uint64_t imm, width;
	uint32_t group; /* MAX_GROUPS: none */
	uint32_t konst;
	uint64_t extra; /* behind the group's pointer */
};

/* What of the set is what an access loaded one or two copies before. */
struct carried {
	uint32_t order, access; /* 0: it is not */
};

/* Accesses whose addresses differ by constants. */
struct group {
	struct form form;
	int32_t low;        /* of konst - form.konst */
	uint64_t end;       /* behind the pointer, of the last */
	LLVMValueRef first; /* the lowest address in the first turn */
	LLVMValueRef p;
};

struct loop {
	enum {
		LOOP_WATCHED,
		LOOP_BETWEEN,
		LOOP_FAST
	} state;
	struct dj_wasm_rd r; /* at the body */
	uint32_t block_number, depth, checks, len;
	LLVMBasicBlockRef choose, head;
	LLVMValueRef *first;     /* of the set, in choose */
	LLVMValueRef *phis;      /* the plain form's */
	LLVMValueRef *latch;     /* what they become */
	struct carried *carried; /* with copies: see reroll.c */
	uint32_t n;
	LLVMValueRef cond, back, fast_back;
	struct {
		LLVMValueRef cond;
		uint32_t at;
	} exits[MAX_EXITS]; /* branches that leave it, if every turn comes by */
	uint32_t exit_count;
	uint32_t counted; /* fast: what ends it, by its place; 0: cond */
	bool leaves, goes_back, is_nested, overflow;
	LLVMBasicBlockRef blocks[MAX_BLOCKS];
	uint32_t block_count;
	struct access accesses[MAX_ACCESSES];
	uint32_t access_count, in_turn;
	uint32_t body_blocks;       /* up to the plain form's latch */
	LLVMBasicBlockRef turns_at; /* that latch */
	LLVMBasicBlockRef back_at;  /* where the branch back is */
	bool traps;                 /* for more than an access */
	bool keeps; /* something on the stack behind the branch back */
	struct group groups[MAX_GROUPS];
	uint32_t group_count;
	uint32_t copies; /* in one turn of what a fast turn does once */
	LLVMValueRef turn, turns, fast_turns, ok;
	bool strided; /* a turn takes more than one of what lies there */
	uint32_t at;  /* fast: the next access */
};

/* ---- form.c ---- */
/* An instruction of the plain form's turns? */
bool loop_has(const struct loop *l, LLVMValueRef v);
/* What is added to phi i in a turn, if that is a constant. */
bool loop_step(const struct loop *l, uint32_t i, uint32_t *ret);
/* The number of a phi of the plain form, or l->n. */
uint32_t loop_phi(const struct loop *l, LLVMValueRef v);
struct form loop_form(const struct loop *l, LLVMValueRef v);
/* The rest emits, in the block in front. A form's value in the first turn. */
LLVMValueRef loop_first(struct fn *f, const struct form *m);
LLVMValueRef loop_i64(struct fn *f, int64_t v);
/* The fast form is gone to only if this is so too. */
void loop_only_if(struct fn *f, LLVMValueRef cond);
/* Sets f->loop->turns, if c is what the branch back, or an exit, asks for. */
bool loop_find_turns(struct fn *f, LLVMValueRef c, bool is_exit);

/* m += by * a */
void loop_add(struct form *m, const struct form *a, uint32_t by);
/* Sets f->loop->turns: as long as p of two forms is so. */
bool loop_turns_of(struct fn *f, LLVMIntPredicate p, struct form a,
	struct form b);

/* ---- loop.c, for nest.c ---- */
/* The block in front of a loop with l->n values, which become its phis. */
void loop_in_front(struct fn *f, struct loop *l, LLVMValueRef *values);
/* One of the loop's, which is watched. */
void loop_put_block(struct loop *l, LLVMBasicBlockRef bb);
bool loop_same_but_constant(const struct form *a, const struct form *b);
/* LLVM is neither to vectorise nor to unroll what branch goes back in. */
void loop_leave_as_is(struct fn *f, LLVMValueRef branch);

/* ---- loop.c, for reroll.c ---- */
/* Does a copy take more, or less, than one of what lies there? */
bool loop_is_strided(const struct loop *l, uint32_t copies);

/* ---- reroll.c ---- */
/*
 * Compilers to Wasm unroll loops: where they do, a turn is n times the same,
 * one place further each, and neither one load from each array nor one store
 * to it. The number of copies that a turn consists of, or 1; all accesses
 * have their groups. The fast form does one copy a turn then, n times as many
 * turns: in that form LLVM has vectors for it.
 */
uint32_t loop_copies(struct loop *l);
/* Which of the set has what i has one copy later; l->n: none has. */
uint32_t loop_carried_next(const struct loop *l, uint32_t i);
