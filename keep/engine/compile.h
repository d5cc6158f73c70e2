// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keep/engine/ops.h"
#include "keep/engine/store.h"
#include "lib/wasm/opcode.h"

/*
 * From a validated body to internal code, for the files that do it and for
 * no others: emit.c keeps the operand stack and writes words, compile_*.c
 * know a group of instructions each, compile.c walks the body.
 *
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

struct dj_entry {
	enum {
		HOME,
		LOCAL,
		CONST
	} kind;
	bool wide; /* the upper half of a v128, the lower one is below */
	uint32_t local, above, below; /* neighbours on the local's list */
	uint64_t value;
};

struct dj_block {
	enum {
		BLOCK,
		LOOP,
		IF,
		ELSE,
		TRY,        /* try_table */
		TRY_LEGACY, /* try, before its first catch */
		CATCH       /* and after it; the exception is at height */
	} kind;
	uint32_t height;          /* below the parameters */
	uint32_t params, results; /* slots */
	struct dj_wasm_block_type bt;
	uint32_t start;     /* loop: where to branch */
	uint32_t exits;     /* branches to be patched, linked by their words */
	uint32_t otherwise; /* if: the branch to else */
	uint32_t from, to;  /* try: the words that it covers */
	const uint8_t *clauses;
	uint32_t clause_count;
};

struct dj_made {          /* an instruction in place */
	uint32_t at, dst; /* NONE: unknown */
	enum dj_engine_op op;
	bool wide; /* it makes a v128 */
};

struct dj_mark { /* where an instruction begins, for dj_pair() */
	uint32_t at;
	uint16_t op;
	bool has_dst, is_label;
};

struct dj_compiler {
	struct dj_store *s;
	struct dj_func *f;
	struct dj_instance *inst;
	const struct dj_wasm_module *m;
	struct dj_wasm_rd r;

	uint32_t *code;
	uint32_t len, cap;
	struct dj_entry *stack;
	uint32_t height, stack_cap, max_height, clean;
	struct dj_block *blocks;
	uint32_t depth, block_cap;
	uint32_t *heads; /* per slot of a local: its topmost entry, or NONE */
	uint32_t *map;   /* per local: its slot; WIDE for a v128 */
	uint32_t locals; /* slots */

	struct dj_made last, before[2];
	uint32_t mark_count; /* in the store's buffer */
	bool dead, failed;

	uint32_t handlers;    /* in the store's buffer */
	uint32_t find, found; /* dj_compile()'s */
};

/* Conditions: a compare that is to be fused with a branch. */
struct dj_cond {
	enum dj_engine_op group; /* its first variant */
	bool is_float, is_imm;
	uint32_t a, b;
};

/* An address: which variant, and up to three words. */
struct dj_addr {
	unsigned variant, n;
	uint32_t w[3];
};

/*
 * Handlers know the first memory only, and addresses of 32 bits. Around an
 * access to another memory it takes the first one's place; a wider address
 * is added up and checked before. Memories of 64 bits have no more than 4 GiB
 * here, so that what does not fit 32 bits is out of bounds.
 */
struct dj_access {
	struct dj_memory *mem;
	uint32_t off;
	uint64_t off64;
	bool first;
};

/* emit.c: the stack, and words of code. */
static inline uint32_t dj_emit_home(const struct dj_compiler *c,
	uint32_t height)
{
	return c->locals + height;
}

void dj_emit_word(struct dj_compiler *c, uint32_t w);
void dj_emit_words(struct dj_compiler *c, const void *p);
/* Begins an instruction; dst: NONE if word 1 is no destination. */
void dj_emit_op(struct dj_compiler *c, enum dj_engine_op o, uint32_t dst);
void dj_emit_forget_last(struct dj_compiler *c);
void dj_emit_push_home(struct dj_compiler *c, uint32_t n);
void dj_emit_push_wide(struct dj_compiler *c);
void dj_emit_push_types(struct dj_compiler *c, const uint32_t *types,
	uint32_t n);
void dj_emit_push_const(struct dj_compiler *c, uint64_t value);
void dj_emit_push_local(struct dj_compiler *c, uint32_t local);
struct dj_entry dj_emit_pop(struct dj_compiler *c);
void dj_emit_drop_to(struct dj_compiler *c, uint32_t height);
/* Entry e, which is or was at height i, into dst. */
void dj_emit_entry(struct dj_compiler *c, const struct dj_entry *e, uint32_t i,
	uint32_t dst);
void dj_emit_flush_top(struct dj_compiler *c, uint32_t n);
void dj_emit_flush_all(struct dj_compiler *c);
/* The slot that holds what was popped; constants are made there now. */
uint32_t dj_emit_slot_of(struct dj_compiler *c, const struct dj_entry *e,
	uint32_t i);
uint32_t dj_emit_pop_slot(struct dj_compiler *c);
/* Does the latest instruction do nothing but make the top entry? */
bool dj_emit_last_makes_top(const struct dj_compiler *c);
/*
 * Takes the latest instruction off; its words stay readable in out. The one
 * before it is the latest then.
 */
uint32_t dj_emit_take_last(struct dj_compiler *c,
	uint32_t out[static WORDS_MAX]);
void dj_emit_put_words(struct dj_compiler *c, const uint32_t *w, uint32_t n);
void dj_emit_put_back(struct dj_compiler *c, enum dj_engine_op o,
	const uint32_t *w, uint32_t n, uint32_t dst);
void dj_emit_set_local(struct dj_compiler *c, uint32_t local, bool tee);
bool dj_emit_top_is_wide(const struct dj_compiler *c);
void dj_emit_push_local_wide(struct dj_compiler *c, uint32_t local);
/* The first of the two slots that hold it. */
uint32_t dj_emit_pop_wide_slot(struct dj_compiler *c);
void dj_emit_set_local_wide(struct dj_compiler *c, uint32_t local, bool tee);
/* A branch to here, or to a label that is not placed yet: *list. */
void dj_emit_target(struct dj_compiler *c, uint32_t *list);
void dj_emit_target_back(struct dj_compiler *c, uint32_t start);
void dj_emit_place(struct dj_compiler *c, uint32_t *list);
/* Is v what 32 bits, sign-extended if is64, can hold? */
bool dj_emit_fits_imm(uint64_t v, bool is64);
void dj_emit_result(struct dj_compiler *c, enum dj_engine_op o);
void dj_emit_unary_at(struct dj_compiler *c, enum dj_engine_op o, uint32_t a);
void dj_emit_unary(struct dj_compiler *c, enum dj_engine_op o);
/* Pops an entry whose slot does not depend on where it will be used. */
struct dj_entry dj_emit_pop_pinned(struct dj_compiler *c);
/* Operands to consecutive slots, then [op, first slot]. */
void dj_emit_rare(struct dj_compiler *c, enum dj_engine_op o, uint32_t n);

/* pair.c: neighbours that have a common handler get it. */
void dj_pair(struct dj_compiler *c);

/* compile_num.c: numbers, compares and the branches made of them. */
struct dj_cond dj_compile_pop_cond(struct dj_compiler *c);
/* The branch when k is as `sense` says; its target word is still to come. */
void dj_compile_cond(struct dj_compiler *c, const struct dj_cond *k, bool sense,
	bool back);
void dj_compile_eqz(struct dj_compiler *c, enum dj_engine_op base);
void dj_compile_numeric(struct dj_compiler *c, uint32_t w);
void dj_compile_wide(struct dj_compiler *c, uint32_t w);

/* compile_control.c: blocks, branches, calls, exceptions. */
const uint8_t *dj_compile_skip_clauses(struct dj_wasm_rd *r,
	uint32_t *ret_count);
void dj_compile_open_block(struct dj_compiler *c, uint32_t kind);
void dj_compile_control(struct dj_compiler *c, uint32_t w);

/* A test of the reference on top, which stays; its slot. */
uint32_t dj_compile_top_slot(struct dj_compiler *c);
/* Branches that look at a reference. */
void dj_compile_br_on_null(struct dj_compiler *c, bool on_null);
void dj_compile_br_on_cast(struct dj_compiler *c, bool on_cast);

/* compile_gc.c: references, structs, arrays. */
void dj_compile_gc(struct dj_compiler *c, uint32_t wasm);
void dj_compile_ref(struct dj_compiler *c, uint32_t wasm);
/* Is what is at slot `from` of this type? Into slot dst. */
void dj_compile_ref_test(struct dj_compiler *c, uint32_t dst, uint32_t from,
	uint32_t type);

/* compile_mem.c: memories, tables, globals, segments. */
uint32_t dj_compile_pop_index(struct dj_compiler *c, bool is64);
struct dj_access dj_compile_read_access(struct dj_compiler *c);
struct dj_addr dj_compile_pop_address(struct dj_compiler *c,
	const struct dj_access *k);
void dj_compile_use_memory(struct dj_compiler *c, struct dj_memory *mem);
void dj_compile_load(struct dj_compiler *c, uint32_t wasm);
void dj_compile_store(struct dj_compiler *c, uint32_t wasm);
void dj_compile_table(struct dj_compiler *c, uint32_t wasm);
void dj_compile_memory(struct dj_compiler *c, uint32_t wasm);
void dj_compile_memory_bulk(struct dj_compiler *c, uint32_t wasm);
void dj_compile_table_bulk(struct dj_compiler *c, uint32_t wasm);
void dj_compile_drop_segment(struct dj_compiler *c, uint32_t wasm);
void dj_compile_global(struct dj_compiler *c, uint32_t wasm);

/* compile_simd.c: vectors. */
bool dj_compile_is_simd_memory(uint32_t wasm);
void dj_compile_simd(struct dj_compiler *c, uint32_t wasm);
