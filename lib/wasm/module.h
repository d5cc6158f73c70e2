// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/status.h"
#include "lib/wasm/feature.h"

/*
 * A WebAssembly module, decoded and validated: the one front end of `donjon
 * show`, the interpreter and (later) the native compiler. WebAssembly 3.0 and
 * what else DJ_WASM_HAVE says. Nothing is left for run time to check but what
 * the specification calls a trap.
 *
 * Names, bodies and segments borrow from the module's bytes, which must stay
 * in place; the rest is in the arena given to dj_wasm_load().
 */

/*
 * A value type is 32 bits. Numbers and vectors: the code of the binary format.
 * References: the code of one that may be null, to an abstract type; or
 * DJ_WASM_TYPEDREF in the low byte and the number of a type above it. With
 * DJ_WASM_NON_NULL it is never null. Equal types have equal numbers
 * (lib/wasm/types.h), so value types of one module can be compared as they are.
 */
enum dj_wasm_valtype {
	DJ_WASM_I32 = 0x7f,
	DJ_WASM_I64 = 0x7e,
	DJ_WASM_F32 = 0x7d,
	DJ_WASM_F64 = 0x7c,
	DJ_WASM_V128 = 0x7b,
	DJ_WASM_I8 = 0x78, /* these two in fields and arrays only */
	DJ_WASM_I16 = 0x77,
	DJ_WASM_NULLEXNREF = 0x74,
	DJ_WASM_NULLFUNCREF = 0x73,
	DJ_WASM_NULLEXTERNREF = 0x72,
	DJ_WASM_NULLREF = 0x71,
	DJ_WASM_FUNCREF = 0x70,
	DJ_WASM_EXTERNREF = 0x6f,
	DJ_WASM_ANYREF = 0x6e,
	DJ_WASM_EQREF = 0x6d,
	DJ_WASM_I31REF = 0x6c,
	DJ_WASM_STRUCTREF = 0x6b,
	DJ_WASM_ARRAYREF = 0x6a,
	DJ_WASM_EXNREF = 0x69,
	DJ_WASM_TYPEDREF = 0x63,
};
#define DJ_WASM_NON_NULL   0x80u
#define DJ_WASM_TYPE_SHIFT 8u

static inline bool dj_wasm_is_ref(uint32_t type)
{
	return (type & 0x7f) <= DJ_WASM_NULLEXNREF && type != 0;
}

enum dj_wasm_extern_kind {
	DJ_WASM_FUNC = 0,
	DJ_WASM_TABLE = 1,
	DJ_WASM_MEMORY = 2,
	DJ_WASM_GLOBAL = 3,
	DJ_WASM_TAG = 4,
};

struct dj_wasm_name { /* UTF-8, checked; not terminated */
	const char *p;
	uint32_t len;
};

struct dj_wasm_functype {
	uint32_t param_count;
	uint32_t result_count;
	const uint32_t *params; /* value types */
	const uint32_t *results;
};

struct dj_wasm_limits {
	uint64_t min;
	uint64_t max; /* valid if has_max */
	bool has_max;
	bool is64; /* addresses and indexes are i64 */
};

struct dj_wasm_table {
	uint32_t elem; /* a value type */
	struct dj_wasm_limits limits;
};

struct dj_wasm_global {
	uint32_t type; /* a value type */
	bool is_mutable;
};

struct dj_wasm_import {
	struct dj_wasm_name module, name;
	enum dj_wasm_extern_kind kind;
	uint32_t type; /* functions and tags: its number */
	union {
		const struct dj_wasm_functype *func; /* and of a tag */
		struct dj_wasm_table table;
		struct dj_wasm_limits memory;
		struct dj_wasm_global global;
	};
};

struct dj_wasm_export {
	struct dj_wasm_name name;
	enum dj_wasm_extern_kind kind;
	uint32_t index;
};

/* Where and why a module was refused. */
struct dj_wasm_error {
	size_t offset;    /* in the module's bytes */
	bool malformed;   /* true: does not decode; false: does not validate */
	const char *text; /* "type mismatch": the suite's words; constant */
};

struct dj_wasm_module; /* the rest is lib/wasm's and keep/engine's business */

/*
 * Decodes and validates all of bytes. DJ_E_INPUT: malformed or invalid, *err
 * says where and why. DJ_E_UNSUPPORTED: valid perhaps, but uses a feature
 * this engine lacks (err->text names it). DJ_E_LIMIT: an implementation
 * limit. DJ_E_NOMEM: the arena is full. Linear in len.
 */
dj_status dj_wasm_load(const uint8_t *bytes, size_t len, struct dj_arena *arena,
	struct dj_wasm_module **ret, struct dj_wasm_error *err);
/*
 * The same by the rules of an older or narrower language: features has the
 * bits of what it knows, DJ_WASM_1_0 for one. What it does not know is
 * malformed or invalid, as it was then; what it knows and we lack is
 * DJ_E_UNSUPPORTED. dj_wasm_load() takes DJ_WASM_ANY.
 */
dj_status dj_wasm_load_as(uint64_t features, const uint8_t *bytes, size_t len,
	struct dj_arena *arena, struct dj_wasm_module **ret,
	struct dj_wasm_error *err);

size_t dj_wasm_import_count(const struct dj_wasm_module *m);
const struct dj_wasm_import *dj_wasm_import(const struct dj_wasm_module *m,
	size_t i);
size_t dj_wasm_export_count(const struct dj_wasm_module *m);
const struct dj_wasm_export *dj_wasm_export(const struct dj_wasm_module *m,
	size_t i);
/* The type of what an export names. */
const struct dj_wasm_functype *dj_wasm_func_type(const struct dj_wasm_module *m,
	uint32_t func_index);
/* Memories and tables, imported ones first. */
size_t dj_wasm_memory_count(const struct dj_wasm_module *m);
const struct dj_wasm_limits *dj_wasm_memory(const struct dj_wasm_module *m,
	size_t i);
/* Functions with a body, all functions, bytes of code and data. */
struct dj_wasm_summary {
	uint32_t types, funcs, imported_funcs, tables, memories, globals;
	uint32_t elems, datas;
	uint64_t code_bytes, data_bytes, custom_bytes;
};
void dj_wasm_summary(const struct dj_wasm_module *m,
	struct dj_wasm_summary *ret);
/*
 * The name section's name of a function; false if there is none. A
 * malformed name section is ignored, as the specification asks. Not
 * necessarily clean for a terminal.
 */
bool dj_wasm_func_name(const struct dj_wasm_module *m, uint32_t func_index,
	struct dj_wasm_name *ret);
/* Custom sections, in order; false past the last. */
bool dj_wasm_custom(const struct dj_wasm_module *m, size_t i,
	struct dj_wasm_name *ret_name, const uint8_t **ret, size_t *ret_len);
