// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Makes valid WebAssembly modules that end, out of a number. The same options
 * give the same bytes on every machine.
 *
 *   out.c     bytes, numbers at random
 *   module.c  what a module has: types, functions, memories, tables, tags
 *   expr.c    instructions that leave a value
 *   stmt.c    instructions that leave none
 *   ref.c     references: tables, functions, structs, arrays
 *
 * A module exports functions "r0", "r1", ... without parameters, and its
 * memories "m0", tables "t0" and globals "g0" from there on. It may import
 * functions from "env", whose parameters and results are numbers.
 *
 * It ends because a global counts down at every function's entry and every
 * loop's head; the exported functions set it. A NaN's bits never show in an
 * integer, a memory or the choice of a branch: they are made canonical first.
 */
struct wasmgen_options {
	uint64_t seed;
	uint64_t features; /* bits of lib/wasm/feature.h that it may use */
	/*
	 * To make a counterexample small: node number i, an instruction with
	 * all it takes, is left out if drop[i] is true. The rest is as before.
	 */
	const bool *drop;
	size_t drop_count;
};

struct wasmgen_module {
	const uint8_t *bytes; /* until the next call */
	size_t len;
	uint64_t features; /* that it was made with */
	size_t nodes;      /* numbers to drop */
};

/* Whatever the seed. Aborts when there is no memory. Not for threads. */
void wasmgen_make(const struct wasmgen_options *options,
	struct wasmgen_module *ret);
