// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llvm-c/TargetMachine.h>

#include "client/aot/aot.h"

/* Kinds of values, as calls see them. */
enum reg_kind {
	REG_INT, /* references too */
	REG_FLOAT,
	REG_DOUBLE,
	REG_VECTOR,
	REG_KINDS
};

/* What LLVM must be told of a machine. */
struct machine {
	enum dj_isa isa;
	uint8_t level; /* of the processor, as an OFFER has it */
	uint8_t fill;  /* of code that is nobody's: it traps */
	const char *triple, *cpu, *features;
	const char *abi; /* of calls to the engine; NULL: there is one only */
	const char *sp;  /* the stack pointer's name */
	LLVMCodeModel model;
	/*
	 * How functions are called (client/aot/abi.c): LLVM's convention, and
	 * how many registers of each kind all functions have as parameters.
	 * Without any the convention has them as it likes.
	 */
	unsigned cc, tail_cc; /* the other, if it is not 0, for tail calls */
	unsigned cold_cc;     /* for calls that change no register; 0: none */
	uint8_t regs[REG_KINDS];
	/* Constraints of assembly that gives what it gets; NULL: none fits. */
	const char *float_reg, *vector_reg;
	/* The largest frame where prologues do not touch what they step over
	 * (0: they do): it must end in the engine's margin. */
	unsigned max_frame;
	/*
	 * Where its code is not what Wasm says: ceil and its like give a
	 * signalling NaN back as it is; so does a promotion to f64, which is
	 * no instruction at all; and there is none for roundeven, but one for
	 * the rounding mode, which is that.
	 */
	bool rounds_keep_nan, promotes_keep_nan, nearest_is_rint;
	bool rounds_twice; /* i64 to f32 goes by way of f64 */
	/*
	 * For what processor code is chosen: the first unless it has forbidden
	 * bytes. x86-64-v2's own has rotations by SHLD, slow on AMD's: BearSSL
	 * took 0.17 s in place of 0.12 on an EPYC.
	 */
	const char *tunes[6];
};

/*
 * Finds the machine that the options ask for and sets in them what they left
 * open. DJ_E_UNSUPPORTED: there is none; err says so.
 */
dj_status choose_target(struct dj_aot_options *o, const struct machine **ret,
	LLVMTargetRef *ret_target, char *err, size_t cap);
