// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keep/engine/store.h"

/*
 * Structs, arrays and exceptions: what lives in the store's heap, and what
 * instructions do with it. Plain functions, for every way to run a program.
 *
 * Whoever calls what may collect (it takes a vm and makes something) has set
 * vm->top behind the last slot in use: from vm->stack to there, each word that
 * looks like a reference is one. So are those in globals, tables, segments
 * and in the ranges of dj_gc_roots. Nothing moves.
 *
 * A reference as a word: null is 0. A function or, in an externref, what the
 * host gave: its pointer, whose top bit is clear. In an anyref: an object's
 * address, or an i31 shifted left by one with the lowest bit set. An anyref as
 * an externref, and the other way round, has the top bit flipped: dj_ref_flip().
 */
#define DJ_REF_FLIPPED ((uint64_t)1 << 63)

struct dj_object {
	uint32_t type; /* number in the store's types, or one of these */
	uint32_t link; /* the collector's */
};
#define DJ_OBJECT_EXN  0x7ffffffeu
#define DJ_OBJECT_FREE 0x7fffffffu

struct dj_struct {
	struct dj_object head;
	uint8_t at[]; /* fields, as the layout says */
};

struct dj_array {
	struct dj_object head;
	uint32_t count, unused;
	uint8_t at[];
};

/* An exception that is a value: exnref. */
struct dj_exn {
	struct dj_object head;
	const struct dj_tag *tag;
	union dj_slot v[];
};

/* Where the fields of a struct are; of an array: its elements. */
struct dj_layout {
	uint32_t size;     /* bytes of all fields, or of one element */
	uint32_t slots;    /* that all fields take as operands */
	uint32_t *offsets; /* per field, from `at` */
	bool has_refs;
};

/* Each sets *ret, or returns DJ_TRAP_LIMIT; fields are in slots. */
enum dj_trap dj_struct_new(struct dj_vm *vm, uint32_t type,
	const union dj_slot *fields, struct dj_struct **ret);
/* Of default values. */
enum dj_trap dj_struct_default(struct dj_vm *vm, uint32_t type,
	struct dj_struct **ret);
enum dj_trap dj_array_default(struct dj_vm *vm, uint32_t type, uint32_t n,
	struct dj_array **ret);
/* n elements that are all `value`, or that are in slots. */
enum dj_trap dj_array_new(struct dj_vm *vm, uint32_t type,
	const union dj_slot *value, uint32_t n, struct dj_array **ret);
enum dj_trap dj_array_fixed(struct dj_vm *vm, uint32_t type,
	const union dj_slot *values, uint32_t n, struct dj_array **ret);
/* From n elements' bytes of a data segment, from n of an element segment. */
enum dj_trap dj_array_new_data(struct dj_vm *vm, struct dj_instance *inst,
	uint32_t type, uint32_t data, uint32_t from, uint32_t n,
	struct dj_array **ret);
enum dj_trap dj_array_new_elem(struct dj_vm *vm, struct dj_instance *inst,
	uint32_t type, uint32_t elem, uint32_t from, uint32_t n,
	struct dj_array **ret);
enum dj_trap dj_exn_new(struct dj_vm *vm, const struct dj_tag *tag,
	const union dj_slot *values, struct dj_exn **ret);

/* These take null for an array, which is a trap. */
enum dj_trap dj_array_fill(struct dj_store *s, uint32_t type,
	struct dj_array *a, uint32_t at, const union dj_slot *value,
	uint32_t n);
enum dj_trap dj_array_copy(struct dj_store *s, uint32_t type,
	struct dj_array *to, uint32_t at, const struct dj_array *from,
	uint32_t from_at, uint32_t n);
enum dj_trap dj_array_init_data(struct dj_instance *inst, uint32_t type,
	struct dj_array *a, uint32_t at, uint32_t data, uint32_t from,
	uint32_t n);
enum dj_trap dj_array_init_elem(struct dj_instance *inst, struct dj_array *a,
	uint32_t at, uint32_t elem, uint32_t from, uint32_t n);

/* Is ref of this value type, whose numbers are the store's? */
bool dj_ref_is(const struct dj_store *s, uint64_t ref, uint32_t type);

static inline uint64_t dj_ref_flip(uint64_t ref)
{
	return ref == 0 ? 0 : ref ^ DJ_REF_FLIPPED;
}

static inline uint64_t dj_i31(uint32_t v)
{
	return (uint64_t)(v & 0x7fffffff) << 1 | 1;
}

static inline uint32_t dj_i31_s(uint64_t ref)
{
	return (uint32_t)((int32_t)(uint32_t)ref >> 1);
}

static inline uint32_t dj_i31_u(uint64_t ref)
{
	return (uint32_t)ref >> 1;
}

/*
 * heap.c: memory in cells and runs of blocks. dj_heap_alloc() gives zeroed
 * memory with this type in its head, after a collection if that is due.
 */
enum dj_trap dj_heap_alloc(struct dj_vm *vm, uint32_t type, uint64_t size,
	struct dj_object **ret);
void dj_heap_done(struct dj_store *s);
/* Collects now. Bytes in use after it, for tests. */
uint64_t dj_gc_collect(struct dj_vm *vm);
