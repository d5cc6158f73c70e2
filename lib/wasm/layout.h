// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lib/wasm/types.h"

/*
 * What dj_wasm_load() leaves behind, for those who run or compile a module.
 * All of it has been validated: indexes are in range, types fit. Offsets
 * count in the module's bytes.
 */
#define DJ_WASM_PAGE           65536u
#define DJ_WASM_MAX_PAGES      65536u
#define DJ_WASM_MAX_PAGES64    ((uint64_t)1 << 48) /* of the type */
#define DJ_WASM_MAX_TYPES      1000000u            /* of a module */
#define DJ_WASM_MAX_FIELDS     10000u     /* of a struct, a fixed array */
#define DJ_WASM_MAX_ARITY      1000u      /* parameters, results of a type */
#define DJ_WASM_MAX_LOCALS     50000u     /* of a function, parameters too */
#define DJ_WASM_MAX_HEIGHT     (1u << 20) /* operands on the stack */
#define DJ_WASM_MAX_NESTING    (1u << 20) /* blocks in blocks */
#define DJ_WASM_MAX_TABLE_ELEM 10000000u

/* A constant expression; all of them end with an end. */
struct dj_wasm_const {
	uint32_t at; /* offset of the first instruction; 0: there is none */
};

struct dj_wasm_func {
	uint32_t type; /* its number in types */
	uint32_t body; /* offset of the local declarations; 0: imported */
	uint32_t len;  /* up to and with the last end */
};

struct dj_wasm_global_def {
	struct dj_wasm_global type;
	struct dj_wasm_const init; /* own globals only */
};

enum dj_wasm_segment_mode {
	DJ_WASM_ACTIVE,
	DJ_WASM_PASSIVE,
	DJ_WASM_DECLARED,
};

struct dj_wasm_elem {
	enum dj_wasm_segment_mode mode;
	uint32_t type; /* a value type */
	uint32_t table;
	struct dj_wasm_const offset;
	uint32_t count;
	uint32_t items; /* offset of the first item */
	bool is_expr;   /* items are constant expressions, else indexes */
};

struct dj_wasm_data {
	enum dj_wasm_segment_mode mode;
	uint32_t memory;
	struct dj_wasm_const offset;
	uint32_t bytes; /* offset of the first byte */
	uint32_t len;
};

struct dj_wasm_custom_section {
	struct dj_wasm_name name;
	uint32_t at; /* offset of what follows the name */
	uint32_t len;
	struct dj_wasm_custom_section *next;
};

struct dj_wasm_module {
	const uint8_t *bytes;
	size_t len;
	uint64_t features; /* the language it was judged by */

	/*
	 * type_ids maps what the module calls a type to its number in types,
	 * where equal ones are one. All else here has such numbers.
	 */
	struct dj_wasm_types types;
	uint32_t *type_ids;
	uint32_t type_count, type_cap;

	/* Index spaces: the imported ones come first. */
	uint32_t import_count, func_count, table_count;
	uint32_t memory_count, global_count, export_count, elem_count;
	uint32_t data_count, body_count, tag_count, imported_tags;
	uint32_t imported_funcs, imported_tables, imported_memories;
	uint32_t imported_globals;
	struct dj_wasm_import *imports;
	struct dj_wasm_func *funcs;
	struct dj_wasm_table *tables;
	struct dj_wasm_const *table_inits; /* own ones: what fills them */
	struct dj_wasm_limits *memories;
	uint32_t *tags; /* their types */
	struct dj_wasm_global_def *globals;
	struct dj_wasm_export *exports;
	struct dj_wasm_elem *elems;
	struct dj_wasm_data *datas;
	struct dj_wasm_custom_section *customs;

	bool has_start, has_data_count;
	uint32_t start;
	uint32_t declared_datas; /* what the data count section says */
	uint8_t *declared_refs;  /* per function: ref.func may name it */
	uint64_t code_bytes, data_bytes, custom_bytes;
};

/* The type of a function, by its type's number. */
static inline const struct dj_wasm_functype *dj_wasm_functype_at(
	const struct dj_wasm_module *m, uint32_t id)
{
	return &m->types.all[id].func;
}
