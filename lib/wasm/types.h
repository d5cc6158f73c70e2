// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lib/wasm/module.h"

/*
 * A space of types, where equal types have one number. Types come in groups
 * whose members may refer to each other; two groups are equal if their members
 * are, one by one, references inside the group being compared by place. A
 * module has a space, and a store has one for all its modules.
 *
 *   dj_wasm_types_open()    room for n members; their numbers are count and on
 *   (fill them in)          value types refer to these numbers, or lower ones
 *   dj_wasm_types_close()   the numbers they have: new, or of their equals
 *
 * Types live in the space's arena and never go; `all` moves when it grows.
 */
#define DJ_WASM_NO_TYPE   UINT32_MAX
#define DJ_WASM_MAX_DEPTH 63u /* supertypes of a type */
/*
 * Groups in one place of the hash table. By chance there are ten in a million
 * types; a module that is made so would take the square of its length.
 */
#define DJ_WASM_MAX_ALIKE 100u

enum dj_wasm_form { /* the binary encoding */
	DJ_WASM_FORM_FUNC = 0x60,
	DJ_WASM_FORM_STRUCT = 0x5f,
	DJ_WASM_FORM_ARRAY = 0x5e,
};

struct dj_wasm_field {
	uint32_t type; /* a value type, DJ_WASM_I8 or DJ_WASM_I16 */
	bool is_mutable;
};

struct dj_wasm_type {
	enum dj_wasm_form form;
	bool is_final;
	uint32_t super; /* or DJ_WASM_NO_TYPE */
	uint32_t depth; /* of supertypes above it */
	uint32_t group, group_size;
	uint32_t hash, next;          /* of the group, in its first member */
	struct dj_wasm_functype func; /* of the form that it has */
	uint32_t field_count;         /* an array has one, its elements' */
	const struct dj_wasm_field *fields;
};

struct dj_wasm_types {
	struct dj_arena *arena;
	struct dj_wasm_type *all;
	uint32_t count, cap;
	uint32_t *heads; /* hash table: first member of a group, plus one */
	uint32_t head_cap, groups;
};

/* The n members, zeroed, or NULL when the arena is full. */
struct dj_wasm_type *dj_wasm_types_open(struct dj_wasm_types *t, uint32_t n);
/*
 * DJ_OK and the number of the first; *ret_new: there was no equal. DJ_E_LIMIT:
 * DJ_WASM_MAX_ALIKE.
 */
dj_status dj_wasm_types_close(struct dj_wasm_types *t, uint32_t n,
	uint32_t *ret_first, bool *ret_new);

/* Is type id sub, or does it have sup above it? */
bool dj_wasm_type_extends(const struct dj_wasm_types *t, uint32_t sub,
	uint32_t sup);
/* Is every value of type a one of type b? */
bool dj_wasm_subtype(const struct dj_wasm_types *t, uint32_t a, uint32_t b);
/*
 * Is what sub says of itself no less than what its supertype says? The
 * supertype's finality apart.
 */
bool dj_wasm_type_fits_super(const struct dj_wasm_types *t, uint32_t sub);

/*
 * A reference to something whose type is not known, in code that is never
 * reached: below all references.
 */
#define DJ_WASM_BOTREF 0x62u

static inline uint32_t dj_wasm_typed_ref(uint32_t id)
{
	return id << DJ_WASM_TYPE_SHIFT | DJ_WASM_TYPEDREF;
}

static inline bool dj_wasm_is_typed(uint32_t type)
{
	return (type & 0x7f) == DJ_WASM_TYPEDREF;
}

/* The number in a type of which dj_wasm_is_typed() holds. */
static inline uint32_t dj_wasm_type_id(uint32_t type)
{
	return type >> DJ_WASM_TYPE_SHIFT;
}

/* What is read from a field of this type. */
static inline uint32_t dj_wasm_unpacked(uint32_t type)
{
	return type == DJ_WASM_I8 || type == DJ_WASM_I16 ? DJ_WASM_I32 : type;
}

/* Has it a value that variables begin with? */
static inline bool dj_wasm_defaultable(uint32_t type)
{
	return !dj_wasm_is_ref(type) || (type & DJ_WASM_NON_NULL) == 0;
}

/* Bytes that a field of this type takes in a struct or an array. */
uint32_t dj_wasm_field_width(uint32_t type);
/*
 * Where a field is that comes behind *size bytes of others: at a multiple of
 * its width, of at most eight. *size includes it then.
 */
uint32_t dj_wasm_field_place(uint32_t type, uint32_t *size);

/* The type of all references that can be cast to this one; may be null. */
uint32_t dj_wasm_top(const struct dj_wasm_types *t, uint32_t type);
