// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lib/wasm/opcode.h"

/* An instruction with its immediates. What does not apply is zero. */
struct insn {
	uint32_t op;
	uint32_t at;   /* offset in the module's bytes */
	uint32_t a, b; /* indexes: label, local, function, type and table, .. */
	uint64_t imm;  /* bits of a constant; offset of a load or store */
	uint32_t mem;
	uint8_t lane;
	uint32_t type;          /* of ref.null, select, casts */
	const uint8_t *bytes;   /* v128.const and shuffle: 16 */
	struct dj_wasm_rd list; /* labels of br_table, clauses of try_table */
	struct dj_wasm_block_type bt;
};

/* Reads one of a validated body. False: this compiler does not know it. */
bool insn_read(struct dj_wasm_rd *r, const struct dj_wasm_module *m,
	struct insn *ret);

/*
 * What a function's blocks assign, found before code is made: so a label
 * needs no phi for what is the same on every way to it. A block's number is
 * its place among the function's block, loop, if, try and try_table.
 */
struct plan_block {
	uint32_t first, count; /* in struct plan's locals */
	bool rethrows;         /* a rethrow names it */
	uint32_t len;          /* of its instructions, in bytes */
	bool plain;            /* a loop without loops, calls or growth in it */
};

struct plan {
	struct plan_block *blocks;
	uint32_t block_count, block_cap;
	uint32_t *locals;
	size_t local_count, local_cap;
	bool has_loop, has_call, throws;
	bool tails;     /* has a tail call */
	bool jumps_out; /* and one to what may be another module's */
};

/*
 * Sets asked[t] for each type t that the function calls through table 0; NULL:
 * nobody wants to know. DJ_E_NOMEM; DJ_E_UNSUPPORTED: *ret_at and *ret_op are
 * what is not known.
 */
dj_status plan_make(const struct dj_wasm_module *m, uint32_t func, bool *asked,
	struct plan *ret, uint32_t *ret_at, uint32_t *ret_op);
void plan_free(struct plan *p);
