// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lib/wasm/reader.h"

/*
 * Opcodes, as in the binary format. One table says what the plain ones take
 * and give; the validator and whoever makes code read the same.
 */
enum dj_wasm_opcode {
	DJ_OP_UNREACHABLE = 0x00,
	DJ_OP_NOP = 0x01,
	DJ_OP_BLOCK = 0x02,
	DJ_OP_LOOP = 0x03,
	DJ_OP_IF = 0x04,
	DJ_OP_ELSE = 0x05,
	DJ_OP_TRY = 0x06, /* this and the next are exceptions as they were */
	DJ_OP_CATCH = 0x07,
	DJ_OP_THROW = 0x08,
	DJ_OP_RETHROW = 0x09, /* legacy */
	DJ_OP_THROW_REF = 0x0a,
	DJ_OP_END = 0x0b,
	DJ_OP_BR = 0x0c,
	DJ_OP_BR_IF = 0x0d,
	DJ_OP_BR_TABLE = 0x0e,
	DJ_OP_RETURN = 0x0f,
	DJ_OP_CALL = 0x10,
	DJ_OP_CALL_INDIRECT = 0x11,
	DJ_OP_RETURN_CALL = 0x12,
	DJ_OP_RETURN_CALL_INDIRECT = 0x13,
	DJ_OP_CALL_REF = 0x14,
	DJ_OP_RETURN_CALL_REF = 0x15,
	DJ_OP_DELEGATE = 0x18,  /* legacy */
	DJ_OP_CATCH_ALL = 0x19, /* legacy */
	DJ_OP_CONTROL_LAST = 0x19,
	DJ_OP_DROP = 0x1a,
	DJ_OP_SELECT = 0x1b,
	DJ_OP_SELECT_T = 0x1c,
	DJ_OP_TRY_TABLE = 0x1f,
	DJ_OP_LOCAL_GET = 0x20,
	DJ_OP_LOCAL_SET = 0x21,
	DJ_OP_LOCAL_TEE = 0x22,
	DJ_OP_GLOBAL_GET = 0x23,
	DJ_OP_GLOBAL_SET = 0x24,
	DJ_OP_TABLE_GET = 0x25,
	DJ_OP_TABLE_SET = 0x26,
	DJ_OP_LOAD_FIRST = 0x28,
	DJ_OP_LOAD_LAST = 0x35,
	DJ_OP_STORE_FIRST = 0x36,
	DJ_OP_STORE_LAST = 0x3e,
	DJ_OP_MEMORY_SIZE = 0x3f,
	DJ_OP_MEMORY_GROW = 0x40,
	DJ_OP_I32_CONST = 0x41,
	DJ_OP_I64_CONST = 0x42,
	DJ_OP_F32_CONST = 0x43,
	DJ_OP_F64_CONST = 0x44,
	DJ_OP_I32_EQZ = 0x45,
	DJ_OP_I64_EQ = 0x51,
	DJ_OP_I32_ADD = 0x6a,
	DJ_OP_I64_ADD = 0x7c,
	DJ_OP_NUM_LAST = 0xc4,
	DJ_OP_REF_NULL = 0xd0,
	DJ_OP_REF_IS_NULL = 0xd1,
	DJ_OP_REF_FUNC = 0xd2,
	DJ_OP_REF_EQ = 0xd3,
	DJ_OP_REF_AS_NON_NULL = 0xd4,
	DJ_OP_BR_ON_NULL = 0xd5,
	DJ_OP_BR_ON_NON_NULL = 0xd6,
	DJ_OP_PREFIX = 0xfc,
	/* 0xfc and a number: 0x100 + the number here. */
	DJ_OP_TRUNC_SAT_FIRST = 0x100,
	DJ_OP_TRUNC_SAT_LAST = 0x107,
	DJ_OP_MEMORY_INIT = 0x108,
	DJ_OP_DATA_DROP = 0x109,
	DJ_OP_MEMORY_COPY = 0x10a,
	DJ_OP_MEMORY_FILL = 0x10b,
	DJ_OP_TABLE_INIT = 0x10c,
	DJ_OP_ELEM_DROP = 0x10d,
	DJ_OP_TABLE_COPY = 0x10e,
	DJ_OP_TABLE_GROW = 0x10f,
	DJ_OP_TABLE_SIZE = 0x110,
	DJ_OP_TABLE_FILL = 0x111,
	DJ_OP_ADD128 = 0x113,
	DJ_OP_SUB128 = 0x114,
	DJ_OP_MUL_WIDE_S = 0x115,
	DJ_OP_MUL_WIDE_U = 0x116,
	DJ_OP_MISC_COUNT = 0x17,
	/* 0xfd and a number: 0x200 + the number. */
	DJ_OP_SIMD = 0x200,
	DJ_OP_V128_LOAD = 0x200,
	DJ_OP_V128_LOAD_SPLAT64 = 0x20a,
	DJ_OP_V128_STORE = 0x20b,
	DJ_OP_V128_CONST = 0x20c,
	DJ_OP_SHUFFLE = 0x20d,
	DJ_OP_EXTRACT_FIRST = 0x215,
	DJ_OP_REPLACE_LAST = 0x222,
	DJ_OP_LOAD_LANE_FIRST = 0x254,
	DJ_OP_STORE_LANE_FIRST = 0x258,
	DJ_OP_STORE_LANE_LAST = 0x25b,
	DJ_OP_LOAD_ZERO_LAST = 0x25d,
	DJ_OP_RELAXED_FIRST = 0x300,
	DJ_OP_COUNT = 0x314,
	/* 0xfb and a number: 0x400 + the number. */
	DJ_OP_GC = 0x400,
	DJ_OP_STRUCT_NEW = 0x400,
	DJ_OP_STRUCT_NEW_DEFAULT = 0x401,
	DJ_OP_STRUCT_GET = 0x402,
	DJ_OP_STRUCT_GET_S = 0x403,
	DJ_OP_STRUCT_GET_U = 0x404,
	DJ_OP_STRUCT_SET = 0x405,
	DJ_OP_ARRAY_NEW = 0x406,
	DJ_OP_ARRAY_NEW_DEFAULT = 0x407,
	DJ_OP_ARRAY_NEW_FIXED = 0x408,
	DJ_OP_ARRAY_NEW_DATA = 0x409,
	DJ_OP_ARRAY_NEW_ELEM = 0x40a,
	DJ_OP_ARRAY_GET = 0x40b,
	DJ_OP_ARRAY_GET_S = 0x40c,
	DJ_OP_ARRAY_GET_U = 0x40d,
	DJ_OP_ARRAY_SET = 0x40e,
	DJ_OP_ARRAY_LEN = 0x40f,
	DJ_OP_ARRAY_FILL = 0x410,
	DJ_OP_ARRAY_COPY = 0x411,
	DJ_OP_ARRAY_INIT_DATA = 0x412,
	DJ_OP_ARRAY_INIT_ELEM = 0x413,
	DJ_OP_REF_TEST = 0x414,
	DJ_OP_REF_TEST_NULL = 0x415,
	DJ_OP_REF_CAST = 0x416,
	DJ_OP_REF_CAST_NULL = 0x417,
	DJ_OP_BR_ON_CAST = 0x418,
	DJ_OP_BR_ON_CAST_FAIL = 0x419,
	DJ_OP_ANY_CONVERT_EXTERN = 0x41a,
	DJ_OP_EXTERN_CONVERT_ANY = 0x41b,
	DJ_OP_REF_I31 = 0x41c,
	DJ_OP_I31_GET_S = 0x41d,
	DJ_OP_I31_GET_U = 0x41e,
	DJ_OP_GC_END = 0x41f,
};

/* Loads, stores, numeric operations; in[0] is 0 for all others. */
struct dj_wasm_op {
	uint8_t in[3]; /* enum dj_wasm_valtype; 0: none */
	uint8_t out;   /* 0: none */
	uint8_t width; /* of a load or store, log2 of the bytes */
	uint8_t lanes; /* of a vector instruction that names a lane */
};
extern const struct dj_wasm_op dj_wasm_ops[DJ_OP_COUNT];

/*
 * Reads an opcode; 0xfc ones come as 0x100 and up, 0xfd ones as 0x200 and
 * up. Unknown ones fail; those of features that we lack with
 * DJ_E_UNSUPPORTED.
 */
uint32_t dj_wasm_rd_opcode(struct dj_wasm_rd *r);

/* A block's type: parameters and results. */
struct dj_wasm_block_type {
	uint32_t param_count, result_count;
	const uint32_t *params;
	const uint32_t *more; /* results; NULL: there is no more than one */
	uint32_t result;
};
static inline const uint32_t *dj_wasm_block_results(
	const struct dj_wasm_block_type *bt)
{
	return bt->more != NULL ? bt->more : &bt->result;
}

/* These know the module's types. A type's index comes as its number. */
struct dj_wasm_block_type dj_wasm_rd_block_type(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m);
uint32_t dj_wasm_rd_type(struct dj_wasm_rd *r, const struct dj_wasm_module *m);
uint32_t dj_wasm_rd_valtype(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m);
uint32_t dj_wasm_rd_reftype(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m);
/* What a reference may be to, as the type of one that may be null. */
uint32_t dj_wasm_rd_heaptype(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m);

/* br_on_cast: from, a supertype of to; the label. */
struct dj_wasm_cast_branch {
	uint32_t label, from, to;
};
struct dj_wasm_cast_branch dj_wasm_rd_cast_branch(struct dj_wasm_rd *r,
	const struct dj_wasm_module *m);
/* What is left of from for a value that is not of type to. */
uint32_t dj_wasm_cast_rest(uint32_t from, uint32_t to);

/* A clause of a try_table; it catches all if it has no tag. */
struct dj_wasm_clause {
	uint32_t tag, label;
	bool has_tag, has_ref;
};
struct dj_wasm_clause dj_wasm_rd_clause(struct dj_wasm_rd *r);

/* What a load or store names: log2 of the alignment, memory, offset. */
struct dj_wasm_memarg {
	uint32_t align, mem;
	uint64_t offset;
};
struct dj_wasm_memarg dj_wasm_rd_memarg(struct dj_wasm_rd *r);

/*
 * The validator, for bodies and constant expressions. Each reads from r and
 * stands behind the last end then.
 */
struct dj_wasm_validator;
struct dj_wasm_validator *dj_wasm_validator_new(struct dj_wasm_module *m,
	struct dj_arena *arena);
void dj_wasm_validate_body(struct dj_wasm_validator *v, struct dj_wasm_rd *r,
	const struct dj_wasm_functype *type);
/* want: the type of the value. What ref.func names is declared by it. */
void dj_wasm_validate_const(struct dj_wasm_validator *v, struct dj_wasm_rd *r,
	uint32_t want);
