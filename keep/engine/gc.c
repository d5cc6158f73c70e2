// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/gc.h"

/*
 * Every length and offset is checked against the array or segment before
 * anything is written. Fields are copied as bytes: none is aligned beyond 8.
 */
static void put_field(uint8_t *to, uint32_t type, const union dj_slot *from)
{
	switch (type) {
	case DJ_WASM_I8:
		*to = (uint8_t)from->u32;
		break;
	case DJ_WASM_I16:
		memcpy(to, &(uint16_t){ (uint16_t)from->u32 }, 2);
		break;
	case DJ_WASM_I32:
	case DJ_WASM_F32:
		memcpy(to, &from->u32, 4);
		break;
	case DJ_WASM_V128:
		memcpy(to, from, 16);
		break;
	default:
		memcpy(to, &from->u64, 8);
		break;
	}
}

static uint32_t slots_of(uint32_t type)
{
	return type == DJ_WASM_V128 ? 2 : 1;
}

enum dj_trap dj_struct_default(struct dj_vm *vm, uint32_t type,
	struct dj_struct **ret)
{
	struct dj_object *o;
	enum dj_trap t = dj_heap_alloc(vm, type,
		sizeof(struct dj_struct) +
			(uint64_t)vm->store->layouts[type].size,
		&o);

	if (t == DJ_TRAP_NONE)
		*ret = (struct dj_struct *)(void *)o;
	return t;
}

enum dj_trap dj_struct_new(struct dj_vm *vm, uint32_t type,
	const union dj_slot *fields, struct dj_struct **ret)
{
	const struct dj_wasm_type *t = &vm->store->types.all[type];
	const struct dj_layout *l = &vm->store->layouts[type];
	struct dj_struct *st;
	enum dj_trap trap = dj_struct_default(vm, type, &st);

	if (trap != DJ_TRAP_NONE)
		return trap;
	for (uint32_t i = 0; i < t->field_count; i++) {
		put_field(st->at + l->offsets[i], t->fields[i].type, fields);
		fields += slots_of(t->fields[i].type);
	}
	*ret = st;
	return DJ_TRAP_NONE;
}

enum dj_trap dj_array_default(struct dj_vm *vm, uint32_t type, uint32_t n,
	struct dj_array **ret)
{
	uint64_t size = vm->store->layouts[type].size;
	struct dj_object *o;
	enum dj_trap t =
		dj_heap_alloc(vm, type, sizeof(struct dj_array) + n * size, &o);

	if (t != DJ_TRAP_NONE)
		return t;
	*ret = (struct dj_array *)(void *)o;
	(*ret)->count = n;
	return DJ_TRAP_NONE;
}

static uint8_t *element(const struct dj_store *s, uint32_t type,
	struct dj_array *a, uint32_t i)
{
	return a->at + (size_t)i * s->layouts[type].size;
}

static uint32_t element_type(const struct dj_store *s, uint32_t type)
{
	return s->types.all[type].fields->type;
}

static void fill(const struct dj_store *s, uint32_t type, struct dj_array *a,
	uint32_t at, const union dj_slot *value, uint32_t n)
{
	uint32_t size = s->layouts[type].size, field = element_type(s, type);
	uint8_t *p = element(s, type, a, at);

	for (uint32_t i = 0; i < n; i++, p += size)
		put_field(p, field, value);
}

enum dj_trap dj_array_new(struct dj_vm *vm, uint32_t type,
	const union dj_slot *value, uint32_t n, struct dj_array **ret)
{
	enum dj_trap t = dj_array_default(vm, type, n, ret);

	if (t == DJ_TRAP_NONE)
		fill(vm->store, type, *ret, 0, value, n);
	return t;
}

enum dj_trap dj_array_fixed(struct dj_vm *vm, uint32_t type,
	const union dj_slot *values, uint32_t n, struct dj_array **ret)
{
	const struct dj_store *s = vm->store;
	uint32_t field = element_type(s, type);
	enum dj_trap t = dj_array_default(vm, type, n, ret);

	for (uint32_t i = 0; t == DJ_TRAP_NONE && i < n; i++) {
		put_field(element(s, type, *ret, i), field, values);
		values += slots_of(field);
	}
	return t;
}

/* n elements of a data segment, from byte `from`; NULL: there are not. */
static const uint8_t *data_for(const struct dj_instance *inst, uint32_t type,
	uint32_t data, uint32_t from, uint32_t n)
{
	const struct dj_wasm_data *d = &inst->module->datas[data];
	uint64_t len = (uint64_t)inst->store->layouts[type].size * n;

	if (!dj_range_ok(from, len, inst->data_dropped[data] ? 0 : d->len))
		return NULL;
	return inst->module->bytes + d->bytes + from;
}

static void *const *elem_for(const struct dj_instance *inst, uint32_t elem,
	uint32_t from, uint32_t n)
{
	static void *none;
	void **refs = inst->elems[elem];

	if (!dj_range_ok(from, n,
		    refs == NULL ? 0 : inst->module->elems[elem].count))
		return NULL;
	return refs == NULL ? &none : refs + from;
}

/* Elements of more than a byte are little-endian there. */
static void copy_in(const struct dj_store *s, uint32_t type, uint8_t *to,
	const uint8_t *from, uint32_t n)
{
	if (n != 0)
		memcpy(to, from, (size_t)n * s->layouts[type].size);
}

enum dj_trap dj_array_new_data(struct dj_vm *vm, struct dj_instance *inst,
	uint32_t type, uint32_t data, uint32_t from, uint32_t n,
	struct dj_array **ret)
{
	const uint8_t *p = data_for(inst, type, data, from, n);
	enum dj_trap t;

	if (p == NULL)
		return DJ_TRAP_MEMORY;
	t = dj_array_default(vm, type, n, ret);
	if (t == DJ_TRAP_NONE)
		copy_in(vm->store, type, (*ret)->at, p, n);
	return t;
}

enum dj_trap dj_array_new_elem(struct dj_vm *vm, struct dj_instance *inst,
	uint32_t type, uint32_t elem, uint32_t from, uint32_t n,
	struct dj_array **ret)
{
	void *const *p = elem_for(inst, elem, from, n);
	enum dj_trap t;

	if (p == NULL)
		return DJ_TRAP_TABLE;
	t = dj_array_default(vm, type, n, ret);
	if (t == DJ_TRAP_NONE && n != 0)
		memcpy((*ret)->at, p, n * sizeof(*p));
	return t;
}

enum dj_trap dj_exn_new(struct dj_vm *vm, const struct dj_tag *tag,
	const union dj_slot *values, struct dj_exn **ret)
{
	uint64_t len = tag->slots * sizeof(*values);
	struct dj_object *o;
	enum dj_trap t = dj_heap_alloc(vm, DJ_OBJECT_EXN,
		sizeof(struct dj_exn) + len, &o);

	if (t != DJ_TRAP_NONE)
		return t;
	*ret = (struct dj_exn *)(void *)o;
	(*ret)->tag = tag;
	if (len != 0)
		memcpy((*ret)->v, values, len);
	return DJ_TRAP_NONE;
}

static enum dj_trap check(const struct dj_array *a, uint32_t at, uint32_t n)
{
	if (a == NULL)
		return DJ_TRAP_NULL;
	return dj_range_ok(at, n, a->count) ? DJ_TRAP_NONE : DJ_TRAP_ARRAY;
}

enum dj_trap dj_array_fill(struct dj_store *s, uint32_t type,
	struct dj_array *a, uint32_t at, const union dj_slot *value, uint32_t n)
{
	enum dj_trap t = check(a, at, n);

	if (t == DJ_TRAP_NONE)
		fill(s, type, a, at, value, n);
	return t;
}

enum dj_trap dj_array_copy(struct dj_store *s, uint32_t type,
	struct dj_array *to, uint32_t at, const struct dj_array *from,
	uint32_t from_at, uint32_t n)
{
	size_t size = s->layouts[type].size;
	enum dj_trap t;

	if (from == NULL) /* null first, of both */
		return DJ_TRAP_NULL;
	t = check(to, at, n);
	if (t == DJ_TRAP_NONE)
		t = check(from, from_at, n);
	if (t == DJ_TRAP_NONE && n != 0)
		memmove(to->at + at * size, from->at + from_at * size,
			n * size);
	return t;
}

enum dj_trap dj_array_init_data(struct dj_instance *inst, uint32_t type,
	struct dj_array *a, uint32_t at, uint32_t data, uint32_t from,
	uint32_t n)
{
	const struct dj_store *s = inst->store;
	enum dj_trap t = check(a, at, n);
	const uint8_t *p = data_for(inst, type, data, from, n);

	if (t != DJ_TRAP_NONE)
		return t;
	if (p == NULL)
		return DJ_TRAP_MEMORY;
	copy_in(s, type, element(s, type, a, at), p, n);
	return DJ_TRAP_NONE;
}

enum dj_trap dj_array_init_elem(struct dj_instance *inst, struct dj_array *a,
	uint32_t at, uint32_t elem, uint32_t from, uint32_t n)
{
	enum dj_trap t = check(a, at, n);
	void *const *p = elem_for(inst, elem, from, n);

	if (t != DJ_TRAP_NONE)
		return t;
	if (p == NULL)
		return DJ_TRAP_TABLE;
	if (n != 0)
		memcpy(a->at + at * sizeof(*p), p, n * sizeof(*p));
	return DJ_TRAP_NONE;
}

static const struct dj_object *object_of(uint64_t ref)
{
	return (const struct dj_object *)(uintptr_t)ref;
}

/* A type of the program's own, or one of the abstract ones between. */
static bool object_is(const struct dj_store *s, uint64_t ref, uint32_t type)
{
	bool is_i31 = (ref & 1) != 0;
	uint32_t id;

	if ((ref & DJ_REF_FLIPPED) != 0) /* a host's value as an anyref */
		return false;
	if (type == DJ_WASM_I31REF || type == DJ_WASM_EQREF)
		return is_i31 || type == DJ_WASM_EQREF;
	if (is_i31)
		return false;
	id = object_of(ref)->type;
	if (type == DJ_WASM_STRUCTREF)
		return s->types.all[id].form == DJ_WASM_FORM_STRUCT;
	if (type == DJ_WASM_ARRAYREF)
		return s->types.all[id].form == DJ_WASM_FORM_ARRAY;
	return dj_wasm_type_extends(&s->types, id, dj_wasm_type_id(type));
}

bool dj_ref_is(const struct dj_store *s, uint64_t ref, uint32_t type)
{
	uint32_t heap = type & ~DJ_WASM_NON_NULL;

	if (ref == 0)
		return (type & DJ_WASM_NON_NULL) == 0;
	switch (heap) {
	case DJ_WASM_ANYREF:
	case DJ_WASM_EXTERNREF:
	case DJ_WASM_FUNCREF:
	case DJ_WASM_EXNREF:
		return true;
	case DJ_WASM_NULLREF:
	case DJ_WASM_NULLEXTERNREF:
	case DJ_WASM_NULLFUNCREF:
	case DJ_WASM_NULLEXNREF:
		return false;
	default:
		break;
	}
	if (dj_wasm_is_typed(heap) &&
		s->types.all[dj_wasm_type_id(heap)].form == DJ_WASM_FORM_FUNC)
		return dj_func_is((const struct dj_func *)(uintptr_t)ref,
			dj_wasm_type_id(heap), s);
	return object_is(s, ref, heap);
}
