// SPDX-License-Identifier: Apache-2.0
/*
 * The handlers of references, structs and arrays; part of handlers.h. What may
 * collect has the frame's end in vm->top.
 */
#define ROOTS() (vm->top = fp + vm->frame->func->frame_slots)
#define NOT_NULL(ref)                \
	if (UNLIKELY((ref) == NULL)) \
		TRAP(DJ_TRAP_NULL);

OP(ref_test)
{
	SET32(dj_ref_is(vm->store, R64(2), pc[3]));
	NEXT(4);
}
OP(ref_cast)
{
	if (UNLIKELY(!dj_ref_is(vm->store, R64(2), pc[3])))
		TRAP(DJ_TRAP_CAST);
	SET64(R64(2));
	NEXT(4);
}
OP(non_null)
{
	NOT_NULL(fp[pc[1]].ref)
	NEXT(2);
}
OP(ref_flip)
{
	SET64(dj_ref_flip(R64(2)));
	NEXT(3);
}
OP(ref_i31)
{
	SET64(dj_i31(R32(2)));
	NEXT(3);
}
OP(i31_get_s)
{
	NOT_NULL(fp[pc[2]].ref)
	SET32(dj_i31_s(R64(2)));
	NEXT(3);
}
OP(i31_get_u)
{
	NOT_NULL(fp[pc[2]].ref)
	SET32(dj_i31_u(R64(2)));
	NEXT(3);
}
OP(call_ref)
{
	struct dj_func *f = fp[pc[1]].ref;

	NOT_NULL(f)
	if (f->host != NULL)
		HOST(f, fp + pc[2], 3)
	m = f->mem->base;
	msz = f->mem->len;
	ENTER(f, fp + pc[2], 3)
	NEXT(0);
}
OP(return_call_ref)
{
	struct dj_func *f = fp[pc[1]].ref;

	NOT_NULL(f)
	if (f->host != NULL)
		RETURN_HOST(f, pc[2])
	REPLACE_FRAME(f, pc[2], pc[3])
}

/* What is at p, into the destination. */
#define FIELD(type, p, set)                 \
	{                                   \
		type v_;                    \
		memcpy(&v_, p, sizeof(v_)); \
		set(v_);                    \
	}
#define SET_S(v) SET32((int32_t)(v))
#define READ_128(p)                        \
	{                                  \
		memcpy(&fp[pc[1]], p, 16); \
	}
#define STRUCT_GET(name, read)                               \
	OP(struct_##name)                                    \
	{                                                    \
		const struct dj_struct *st_ = fp[pc[2]].ref; \
		NOT_NULL(st_)                                \
		read(st_->at + pc[3]) NEXT(4);               \
	}
#define ARRAY_GET(name, read, size)                         \
	OP(array_##name)                                    \
	{                                                   \
		const struct dj_array *a_ = fp[pc[2]].ref;  \
		uint32_t i_ = R32(3);                       \
		NOT_NULL(a_)                                \
		if (UNLIKELY(i_ >= a_->count))              \
			TRAP(DJ_TRAP_ARRAY);                \
		read(a_->at + (size_t)i_ * (size)) NEXT(4); \
	}
#define READ_8S(p)  FIELD(int8_t, p, SET_S)
#define READ_8U(p)  FIELD(uint8_t, p, SET32)
#define READ_16S(p) FIELD(int16_t, p, SET_S)
#define READ_16U(p) FIELD(uint16_t, p, SET32)
#define READ_32(p)  FIELD(uint32_t, p, SET32)
#define READ_64(p)  FIELD(uint64_t, p, SET64)
STRUCT_GET(get8_s, READ_8S)
STRUCT_GET(get8_u, READ_8U)
STRUCT_GET(get16_s, READ_16S)
STRUCT_GET(get16_u, READ_16U)
STRUCT_GET(get32, READ_32)
STRUCT_GET(get64, READ_64)
STRUCT_GET(get128, READ_128)
ARRAY_GET(get8_s, READ_8S, 1)
ARRAY_GET(get8_u, READ_8U, 1)
ARRAY_GET(get16_s, READ_16S, 2)
ARRAY_GET(get16_u, READ_16U, 2)
ARRAY_GET(get32, READ_32, 4)
ARRAY_GET(get64, READ_64, 8)
ARRAY_GET(get128, READ_128, 16)

/* A value's first bytes are all of it: machines are little-endian. */
#define STRUCT_SET(name, size)                             \
	OP(struct_##name)                                  \
	{                                                  \
		struct dj_struct *st_ = fp[pc[1]].ref;     \
		NOT_NULL(st_)                              \
		memcpy(st_->at + pc[3], &fp[pc[2]], size); \
		NEXT(4);                                   \
	}
#define ARRAY_SET(name, size)                                           \
	OP(array_##name)                                                \
	{                                                               \
		struct dj_array *a_ = fp[pc[1]].ref;                    \
		uint32_t i_ = R32(2);                                   \
		NOT_NULL(a_)                                            \
		if (UNLIKELY(i_ >= a_->count))                          \
			TRAP(DJ_TRAP_ARRAY);                            \
		memcpy(a_->at + (size_t)i_ * (size), &fp[pc[3]], size); \
		NEXT(4);                                                \
	}
STRUCT_SET(set8, 1)
STRUCT_SET(set16, 2)
STRUCT_SET(set32, 4)
STRUCT_SET(set64, 8)
STRUCT_SET(set128, 16)
ARRAY_SET(set8, 1)
ARRAY_SET(set16, 2)
ARRAY_SET(set32, 4)
ARRAY_SET(set64, 8)
ARRAY_SET(set128, 16)

OP(array_len)
{
	const struct dj_array *a_ = fp[pc[2]].ref;

	NOT_NULL(a_)
	SET32(a_->count);
	NEXT(3);
}

/* a: the operands; the call makes *o of a type, which comes in their place. */
#define MAKE(kind, call, words)                  \
	{                                        \
		union dj_slot *a = &fp[pc[1]];   \
		struct kind *o;                  \
		enum dj_trap t;                  \
		ROOTS();                         \
		t = call;                        \
		if (UNLIKELY(t != DJ_TRAP_NONE)) \
			TRAP(t);                 \
		a->ref = o;                      \
		NEXT(words);                     \
	}
/* clang-format off */
OP(struct_new)
MAKE(dj_struct, dj_struct_new(vm, pc[2], a, &o), 3)
OP(struct_default)
MAKE(dj_struct, dj_struct_default(vm, pc[2], &o), 3)
OP(array_new)
MAKE(dj_array, dj_array_new(vm, pc[2], a, a[pc[3]].u32, &o), 4)
OP(array_default)
MAKE(dj_array, dj_array_default(vm, pc[2], a->u32, &o), 3)
OP(array_fixed)
MAKE(dj_array, dj_array_fixed(vm, pc[2], a, pc[3], &o), 4)
OP(array_new_data)
MAKE(dj_array, dj_array_new_data(vm, INST, pc[2], pc[3], a[0].u32, a[1].u32, &o), 4)
OP(array_new_elem)
MAKE(dj_array, dj_array_new_elem(vm, INST, pc[2], pc[3], a[0].u32, a[1].u32, &o), 4)

OP(array_fill)
BULK(dj_array_fill(vm->store, pc[2], a[0].ref, a[1].u32, &a[2], a[2 + pc[3]].u32), a[2 + pc[3]].u32, 8, 4)
OP(array_copy)
BULK(dj_array_copy(vm->store, pc[2], a[0].ref, a[1].u32, a[2].ref, a[3].u32, a[4].u32), a[4].u32, 8, 3)
OP(array_init_data)
BULK(dj_array_init_data(INST, pc[2], a[0].ref, a[1].u32, pc[3], a[2].u32, a[3].u32), a[3].u32, 8, 4)
OP(array_init_elem)
BULK(dj_array_init_elem(INST, a[0].ref, a[1].u32, pc[3], a[2].u32, a[3].u32), a[3].u32, 8, 4)
/* clang-format on */
