// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lib/wasm/opcode.h"

/*
 * The judging of function bodies, for the files that do it and for no
 * others: validate.c walks a body, validate_*.c know a group of
 * instructions each.
 *
 * The algorithm of the specification's appendix: a stack of operand types
 * and a stack of blocks. Both live in the arena and are kept from body to
 * body; they grow by doubling, so what is wasted is less than what is used.
 *
 * Invariant: depth > 0 while a body is read, height >= the top block's.
 */
#define ANY 0 /* an operand of unreachable code */

enum block_kind {
	BLOCK,
	LOOP,
	IF,
	TRY,
	CATCH,
	CATCH_ALL,
};

struct block {
	struct dj_wasm_block_type bt;
	uint32_t height, inits;
	enum block_kind kind;
	bool unreachable;
};

/* Of locals that have no value to begin with: has it one now? */
struct dj_wasm_validator {
	struct dj_wasm_module *m;
	struct dj_arena *arena;
	struct dj_wasm_rd *r;
	uint32_t *operands;
	struct block *blocks;
	uint32_t *locals;
	uint8_t *unset;  /* per local: it has no value yet */
	uint32_t *inits; /* locals that got one, the latest last */
	uint32_t height, height_cap;
	uint32_t depth, depth_cap;
	uint32_t local_count, local_cap, unset_cap;
	uint32_t init_count, init_cap;
};

/* The stacks: validate_stack.c. */
bool dj_wasm_v_fits(const struct dj_wasm_validator *v, uint32_t a, uint32_t b);
void dj_wasm_v_expect(struct dj_wasm_validator *v, uint32_t a, uint32_t b);
void dj_wasm_v_push(struct dj_wasm_validator *v, uint32_t type);
void dj_wasm_v_pop_of(struct dj_wasm_validator *v, uint32_t type);
/* A larger copy of old; NULL after a refusal. */
void *dj_wasm_v_grow(struct dj_wasm_validator *v, const void *old,
	uint32_t *cap, uint32_t want, uint32_t max, size_t size);
/* What comes where that is wanted, one by one. */
void dj_wasm_v_expect_all(struct dj_wasm_validator *v, const uint32_t *a,
	uint32_t a_count, const uint32_t *b, uint32_t b_count);
void dj_wasm_v_push_all(struct dj_wasm_validator *v, const uint32_t *types,
	uint32_t n);
void dj_wasm_v_pop_all(struct dj_wasm_validator *v, const uint32_t *types,
	uint32_t n);
/* Any reference; in unreachable code one of which nothing is known. */
uint32_t dj_wasm_v_pop_ref(struct dj_wasm_validator *v);
/* The top operands have these types; the stack stays. */
void dj_wasm_v_check_top(struct dj_wasm_validator *v, const uint32_t *types,
	uint32_t n);
void dj_wasm_v_enter(struct dj_wasm_validator *v, struct dj_wasm_block_type bt,
	enum block_kind kind);
void dj_wasm_v_mark_unreachable(struct dj_wasm_validator *v);
void dj_wasm_v_finish_arm(struct dj_wasm_validator *v);
/* Another arm of the same block, with what it finds on the stack. */
void dj_wasm_v_next_arm(struct dj_wasm_validator *v, enum block_kind kind,
	const uint32_t *types, uint32_t n);

/* NULL, and failed, if there is none. */
const struct dj_wasm_table *dj_wasm_v_table_at(struct dj_wasm_validator *v,
	uint32_t i);
/* Things by the index that is read next; NULL after a failure. */
const struct dj_wasm_type *dj_wasm_v_type_at(struct dj_wasm_validator *v,
	enum dj_wasm_form form, uint32_t *ret_id);
const struct dj_wasm_elem *dj_wasm_v_elem_at(struct dj_wasm_validator *v);
void dj_wasm_v_data_at(struct dj_wasm_validator *v);
/* The immediate of a load or store; returns the type of its address. */
uint32_t dj_wasm_v_memarg(struct dj_wasm_validator *v, uint8_t width);
void dj_wasm_v_zero_byte(struct dj_wasm_validator *v);

/* An instruction of the group that the file knows, its opcode read. */
void dj_wasm_v_control(struct dj_wasm_validator *v, uint32_t op);
void dj_wasm_v_memory(struct dj_wasm_validator *v, uint32_t op);
void dj_wasm_v_table(struct dj_wasm_validator *v, uint32_t op);
void dj_wasm_v_ref(struct dj_wasm_validator *v, uint32_t op);
void dj_wasm_v_gc(struct dj_wasm_validator *v, uint32_t op);

/* What most instructions do, here so that it is inlined. */
static inline bool failed(const struct dj_wasm_validator *v)
{
	return v->r->st != DJ_OK;
}

static inline void invalid(struct dj_wasm_validator *v, const char *text)
{
	dj_wasm_rd_invalid(v->r, text);
}

static inline uint32_t pop(struct dj_wasm_validator *v)
{
	const struct block *b = &v->blocks[v->depth - 1];

	if (v->height > b->height)
		return v->operands[--v->height];
	if (!b->unreachable)
		invalid(v, "type mismatch");
	return ANY;
}

static inline uint32_t index_type(bool is64)
{
	return is64 ? DJ_WASM_I64 : DJ_WASM_I32;
}
