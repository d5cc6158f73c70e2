// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/wasm/module.h"

/*
 * build/wasmdiff: does a module do the same by our interpreter, as native code
 * and in V8?
 *
 *   main.c    arguments; seeds, one after the other, in a process that may die
 *   check.c   one module by all engines
 *   engine.c  one module by one of ours
 *   plan.c    what is done with a module, for all alike
 *   v8.c      node, as a process that answers for V8 (v8.js)
 *   ttf.c    modules by wasm-opt --translate-to-fuzz
 *   shrink.c  a counterexample with all left out that it does not need
 *
 * What a module does is a text, a line for each thing seen: functions called
 * in order with their results or trap, then what the host was called with,
 * and every memory, table and global, of imports memories alone. A trap is the end of an instance: its
 * state is shown, in lines that begin with ~, and the next function is called
 * in a new one. Lines that begin with a dot are for our engines alone.
 *
 * Modules that others have made need not end: they have fuel, and V8, which
 * has none, is asked for the functions that did end.
 */
#define TEXT_MAX ((size_t)4 << 20)

struct text {
	size_t len;
	char p[TEXT_MAX];
};
__attribute__((format(printf, 2, 3))) void text_add(struct text *t,
	const char *fmt, ...);

enum engine {
	INTERPRETER,
	GUARD,
	CHECKS,
	V8,
	ENGINES
};
extern const char *const engine_names[ENGINES];

/* What there is to see of a module: plan.c. False: more than is supported. */
bool plan_write(const struct dj_wasm_module *m, struct text *ret);
#define ARGS_MAX 64
/* The argument that a parameter of this type gets, by its place. */
uint64_t plan_arg(uint32_t type, uint32_t i);
/* What an imported number is. */
uint64_t plan_global(uint32_t type, bool is_mutable);

struct outcome {
	struct text text;
	bool lacking; /* the compiler has no code for it: text says for what */
};
struct trial;
/* Runs it by one of ours. plan: NULL for plan_write()'s. */
void engine_run(const uint8_t *bytes, size_t len, enum engine e,
	const struct trial *how, const struct text *plan, struct outcome *ret);

/*
 * What node on this machine has, bits of lib/wasm/feature.h; 0: no node.
 * turbofan: by the compiler that optimises from a function's first call on;
 * else by the quick one, and by the other what runs for long.
 */
uint64_t v8_begin(const char *node, bool turbofan);
void v8_end(void);
/* The answer is fetched later. False: node is gone. */
bool v8_send(const uint8_t *bytes, size_t len, const struct text *plan);
bool v8_receive(struct text *ret);

/* One by wasm-opt, of bytes at random; false: it could not be made. */
bool ttf_make(uint64_t seed, uint8_t *dst, size_t cap, size_t *ret_len);

/* How a seed is tried: main.c. */
struct trial {
	uint64_t seed, features;
	unsigned which; /* bits of enum engine */
	unsigned optimise, level;
	bool turbofan; /* v8_begin() */
	bool show;     /* all that the interpreter says */
	uint64_t fuel; /* of each instance; 0: what is run ends by itself */
	const char *node, *dir;
};

/* What became of one module. */
struct verdict {
	bool differs, with_v8;
	bool lacking;      /* native code is not there */
	enum engine other; /* that differs from the interpreter */
};
/* Details of a difference go to stdout, if verbose. */
void check(const uint8_t *bytes, size_t len, const struct trial *how,
	bool verbose, struct verdict *ret);

/* Runs it in a process of its own. */
bool trial_fails(const struct trial *t, const bool *drop, size_t drop_count,
	bool verbose);
void shrink(const struct trial *t);
