// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lib/wasm/opcode.h"
#include "tests/wasmgen/wasmgen.h"

/* What the files of the generator share. */
#define TYPES_MAX    400
#define VALUES_MAX   8
#define FUNCS_MAX    16
#define LOCALS_MAX   1000
#define LABELS_MAX   64
#define GLOBALS_MAX  12
#define MEMORIES_MAX 3
#define TABLES_MAX   3
#define TAGS_MAX     3
#define SEGMENTS_MAX 3
#define TABLE_SIZE   8
#define PAGE         65536u

struct bytes {
	uint8_t *p;
	size_t len, cap;
};

enum kind {
	KIND_FUNC,
	KIND_STRUCT,
	KIND_ARRAY
};

/* Value types are lib/wasm's, with the module's own numbers of types. */
struct type {
	enum kind kind;
	uint32_t param_count, result_count;
	uint32_t params[VALUES_MAX]; /* fields of a struct, of an array: one */
	uint32_t results[VALUES_MAX];
	bool is_mutable[VALUES_MAX];
	uint32_t super; /* index, or UINT32_MAX */
};

struct label {
	uint32_t count;
	const uint32_t *types; /* of a branch to it */
	bool is_catch;         /* a legacy one: may be rethrown from */
	bool is_closed;        /* no branches to it: a counted loop */
};

/* How much a module is made of, drawn first. */
enum size {
	SIZE_SMALL,
	SIZE_MIDDLE,
	SIZE_LARGE,
	SIZE_HUGE,
	SIZES
};

struct gen {
	struct wasmgen_options opt;
	enum size size;
	uint64_t random, features;
	size_t nodes;
	struct bytes out; /* instructions of the function being made */

	struct type types[TYPES_MAX];
	uint32_t type_count, gc_count; /* the first are structs, arrays */
	uint32_t funcs[FUNCS_MAX];     /* index of their types */
	uint32_t func_count, import_count;
	struct {
		uint32_t type;
		bool is_mutable;
	} globals[GLOBALS_MAX];
	uint32_t global_count; /* the first is the one that counts down */
	struct {
		bool is64;
		uint32_t min, max;
	} memories[MEMORIES_MAX];
	uint32_t memory_count;
	struct {
		uint32_t elem;
		bool is64;
	} tables[TABLES_MAX];
	uint32_t table_count;
	uint32_t tags[TAGS_MAX], tag_count;
	uint32_t data_count, elem_count; /* passive ones */

	uint32_t locals[LOCALS_MAX];
	uint32_t local_count, param_count;
	bool locked[LOCALS_MAX]; /* counts a loop: only read */
	bool hidden[LOCALS_MAX]; /* has a NaN of any bits: not read */
	struct label labels[LABELS_MAX];
	uint32_t label_count;
	uint32_t func; /* being made */
	int depth, budget, counted;
};

/* out.c */
uint32_t gen_draw(struct gen *g, uint32_t n); /* below n */
uint64_t gen_draw64(struct gen *g);
bool gen_chance(struct gen *g, uint32_t percent);
bool gen_has(const struct gen *g, enum dj_wasm_feature f);
void put(struct bytes *b, uint8_t byte);
void put_bytes(struct bytes *b, const void *p, size_t len);
void put_u(struct bytes *b, uint64_t v);
void put_s(struct bytes *b, int64_t v);
void put_op(struct bytes *b, uint32_t op); /* with its prefix */
void put_op_u(struct bytes *b, uint32_t op, uint64_t operand);
void put_type(struct bytes *b, uint32_t type);
void put_heap(struct bytes *b, uint32_t type);
/* A section or a body: its length, then its bytes; from is emptied. */
void put_sized(struct bytes *b, struct bytes *from);

/* module.c */
uint32_t gen_any_type(struct gen *g);    /* of a value in a function */
uint32_t gen_number_type(struct gen *g); /* that a host can see */
/* The index of a function type; made if there is none, UINT32_MAX if full. */
uint32_t gen_func_type(struct gen *g, uint32_t param_count,
	const uint32_t *params, uint32_t result_count, const uint32_t *results);
static inline uint32_t ref_to(uint32_t index)
{
	return DJ_WASM_TYPEDREF | index << DJ_WASM_TYPE_SHIFT;
}

/* expr.c */
void expr(struct gen *g, uint32_t type);
void exprs(struct gen *g, uint32_t count, const uint32_t *types);
/* A constant, for a number any, else the one that every type has. */
void constant(struct gen *g, uint32_t type, bool zero);
/* Every NaN becomes the same one, where its bits could be seen. */
void canonical(struct gen *g, uint32_t type);
/* A local that nothing else uses. */
uint32_t fresh(struct gen *g, uint32_t type);
/* A local of the type that may be read, or written; UINT32_MAX: none. */
uint32_t local_of(struct gen *g, uint32_t type, bool write);
/* What instructions left becomes one value, or none (type 0). */
void keep_one(struct gen *g, uint32_t count, const uint32_t *types,
	uint32_t type);
void block_type(struct gen *g, uint32_t param_count, const uint32_t *params,
	uint32_t result_count, const uint32_t *results);
void push_label(struct gen *g, uint32_t count, const uint32_t *types);
void put_address(struct gen *g, uint32_t memory, uint32_t width);
void memarg(struct gen *g, uint32_t memory, uint32_t width, uint64_t offset);
void index64(struct gen *g, bool is64, uint32_t mask);
/* The head of a loop, or of a function (out: 0): leaves when time is up. */
void count_down(struct gen *g, uint32_t count, const uint32_t *types,
	bool in_loop);
/* A call of something that gives type (0: of anything, results dropped). */
bool call(struct gen *g, uint32_t type);

/* stmt.c */
void stmts(struct gen *g, uint32_t count);
void stmt(struct gen *g);

/* ref.c */
void expr_ref(struct gen *g, uint32_t type);
/* A number out of references; false: there are none. */
bool expr_from_ref(struct gen *g, uint32_t type);
void stmt_ref(struct gen *g);

/* gc.c */
void plan_gc(struct gen *g);
void put_gc_type(const struct type *t, struct bytes *b);
/* A type of a reference to one of them. */
uint32_t gc_type(struct gen *g);
void gc_constant(struct gen *g, uint32_t type);
/* False: there are none, or nothing of that type. */
bool expr_gc(struct gen *g, uint32_t type);
bool expr_from_gc(struct gen *g, uint32_t type);
void stmt_gc(struct gen *g);
