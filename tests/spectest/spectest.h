// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keep/engine/engine.h"
#include "lib/base/arena.h"
#include "lib/wasm/module.h"

/*
 * build/spectest: runs the Wasm test suite's scripts, as JSON, on our engine.
 *
 *   main.c    arguments, folders, totals
 *   script.c  one script: a store, named and registered modules, commands
 *   image.c   native code: made here, left for another machine, or found
 *   value.c   values of the JSON to and from the engine's
 *   host.c    the "spectest" module
 *
 * A script is judged by the rules of the version that its path names, or that
 * --wasm says. One script is one store; everything of it is released at its end.
 */
enum outcome {
	PASSED,
	FAILED,
	SKIPPED
};

struct totals {
	uint64_t count[3];
	bool verbose;
	uint64_t features; /* judge by these; 0: what the path's version says */
	uint64_t pages;    /* that a memory may have */
	enum {
		ENGINE_INTERPRETER,
		ENGINE_GUARD,
		ENGINE_CHECKS
	} engine;
	unsigned optimise; /* of native code */
	uint8_t isa;       /* 0: this machine's */
	/* Folders where native code is left, and found instead of made. */
	const char *to, *from;
};

/* A module of the script, and usually its instance. */
struct unit {
	struct dj_wasm_module *module;
	struct dj_instance *inst;
	const char *skip; /* why it could not be made: a feature we lack */
	uint8_t *bytes;
	uint8_t *image; /* native code */
	size_t image_len;
};

struct binding { /* newest first */
	struct binding *next;
	struct unit *unit;
	size_t len;
	char name[];
};

struct script {
	const char *path;
	char *dir;
	struct totals *totals;
	uint64_t features; /* the language that modules are judged by */
	bool tails;        /* a module has tail calls: all are called so */
	struct dj_arena arena;
	struct dj_store *store;
	struct unit **units;
	size_t unit_count;
	struct unit *current;    /* last instance made */
	struct unit *definition; /* last module_definition */
	struct binding *names, *definitions, *registered;
	const char *link_skip; /* an import leads to a module we lack */
	struct dj_extern host[16];
	char why[512];
};

void spectest_run(const char *path, struct totals *t);
/* The features of "1.0" and so on, len bytes; 0 if there is none such. */
uint64_t spectest_version(const char *name, size_t len);

/* The named skip reason's count goes up; printed at the end. */
void spectest_count_skip(const char *reason);

/*
 * False when the value cannot be passed (s->why says so); *ret_count is what
 * it takes of the array: two for a v128.
 */
bool value_parse(struct script *s, const json_t *v, union dj_value ret[2],
	size_t *ret_count);
/* Does got, of the type the function says, answer want? */
bool value_matches(const struct dj_store *store, const json_t *want,
	uint32_t type, const union dj_value got[2]);
void value_print(char *dst, size_t cap, uint32_t type,
	const union dj_value v[2]);

/* A file, the caller's to free(), and a zero behind it; NULL: see errno. */
uint8_t *read_whole(const char *path, size_t *ret_len);
/*
 * Native code for u's module m, in u->image: made, or found in the folder.
 * DJ_E_UNSUPPORTED: the compiler does not know all of it; *ret_why says what.
 */
dj_status image_get(const struct script *s, struct unit *u,
	const struct dj_wasm_module *m, const char **ret_why);
/* Has it a tail call, and is there a compiler to tell? */
bool image_tails(const struct dj_wasm_module *m);
/* Makes it and leaves it, or why there is none, in the folder t->to. */
dj_status image_leave(const struct script *s, struct unit *u,
	const char **ret_why);

/* Makes the module "spectest" in the script's store. */
dj_status host_init(struct script *s);
dj_status host_resolve(struct script *s, const struct dj_wasm_name *name,
	struct dj_extern *ret);
