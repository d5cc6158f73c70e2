// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/gc.h"
#include "keep/engine/native_entry.h"

/*
 * Native code's loader and run time. Code runs on a stack of its own, whose
 * end each function compares its stack pointer with; MARGIN below that end
 * is for what the code calls here. A trap records the frames and leaves the
 * stack as a whole: no C function of ours is in between that needs to know.
 */
#define STEP        ((size_t)1 << 20)   /* the stack grows by it */
#define MARGIN      ((size_t)256 << 10) /* for helpers, host functions */
#define STACK_END   ((size_t)1 << 20)   /* never committed */
#define STACK_MAX   ((size_t)64 << 20)
#define FRAME_BYTES 1024 /* of stack that a call of the limit stands for */
/* A throw may look at any number of handlers: dj_vm_worked(). */
#define THROW_WORK  ((uint64_t)64 << 10)

struct dj_native_ctx {
	struct dj_native_shared *shared;
	uint8_t *base;
	struct dj_memory *mem;
	struct dj_func **funcs;
	struct dj_table **tables;
	struct dj_memory **memories;
	struct dj_global **globals;
	struct dj_tag **tags;
	const uint32_t *type_ids;
	struct dj_instance *inst;
	/* own globals, DJ_NATIVE_GLOBAL_SIZE each */
};

/* What code has a pointer to is the second part. */
struct context {
	uint64_t limits[DJ_NATIVE_LIMITS]; /* n from the end: of n bytes */
	struct dj_native_ctx ctx;
};

struct dj_native_code {
	struct dj_native_code *next;
	struct dj_native n; /* its tables are copies */
	uint8_t *p;         /* code, constants, tables */
	size_t len;
	const struct dj_instance *inst;
};

#define AT(type, field, off) \
	_Static_assert(offsetof(struct type, field) == (off), "ABI")
AT(dj_native_ctx, shared, DJ_CTX_SHARED);
AT(dj_native_ctx, base, DJ_CTX_BASE);
AT(dj_native_ctx, mem, DJ_CTX_MEMORY);
AT(dj_native_ctx, funcs, DJ_CTX_FUNCS);
AT(dj_native_ctx, tables, DJ_CTX_TABLES);
AT(dj_native_ctx, memories, DJ_CTX_MEMORIES);
AT(dj_native_ctx, globals, DJ_CTX_GLOBALS);
AT(dj_native_ctx, tags, DJ_CTX_TAGS);
AT(dj_native_ctx, type_ids, DJ_CTX_TYPE_IDS);
AT(dj_native_ctx, inst, DJ_CTX_INSTANCE);
AT(dj_func, shared, DJ_CTX_SHARED);
AT(dj_func, no_base, DJ_CTX_BASE);
AT(dj_func, native, DJ_FUNC_CODE);
AT(dj_func, native_ctx, DJ_FUNC_CTX);
AT(dj_func, type_id, DJ_FUNC_TYPE_ID);
AT(dj_memory, base, DJ_MEMORY_BASE);
AT(dj_memory, len, DJ_MEMORY_LEN);
AT(dj_table, elems, DJ_TABLE_ELEMS);
AT(dj_table, count, DJ_TABLE_COUNT);
AT(dj_global, v, 0);
AT(dj_object, type, DJ_OBJECT_TYPE);
AT(dj_struct, at, DJ_STRUCT_FIELDS);
AT(dj_array, count, DJ_ARRAY_COUNT);
AT(dj_array, at, DJ_ARRAY_ELEMS);
AT(dj_native_shared, count, DJ_SHARED_COUNT);
AT(dj_native_shared, stack_limit, DJ_SHARED_STACK);
AT(dj_native_shared, caller, DJ_SHARED_CALLER);
AT(dj_native_shared, exn_tag, DJ_SHARED_EXN_TAG);
AT(dj_native_shared, exn_values, DJ_SHARED_EXN_VALUES);
AT(dj_native_shared, args, DJ_SHARED_ARGS);
AT(dj_native_shared, target, DJ_SHARED_TARGET);
AT(dj_native_shared, helpers, DJ_SHARED_HELPERS);
AT(dj_vm, abi, 0);
_Static_assert(sizeof(struct dj_native_ctx) == DJ_CTX_OWN_GLOBALS, "ABI");
AT(context, ctx, (size_t)8 * DJ_NATIVE_LIMITS);
_Static_assert(sizeof(struct context) == DJ_NATIVE_CONTEXT(0), "ABI");
_Static_assert(sizeof(struct dj_global) <= DJ_NATIVE_GLOBAL_SIZE, "ABI");
_Static_assert(DJ_NATIVE_ARGS / 16 == DJ_WASM_MAX_ARITY, "ABI");

static struct dj_vm *running; /* whose native code is on the stack */

/* ---- traps ---- */

static const struct dj_native_code *code_at(const struct dj_vm *vm,
	uintptr_t pc)
{
	const struct dj_native_code *c = vm->native.codes;

	while (c != NULL &&
		(pc < (uintptr_t)c->p || pc - (uintptr_t)c->p >= c->n.code_len))
		c = c->next;
	return c;
}

/* A word of the stack; NULL: it is none. */
static const uintptr_t *word_at(const struct dj_vm *vm, uintptr_t at)
{
	const struct dj_native_vm *n = &vm->native;
	uintptr_t low = (uintptr_t)n->stack + n->stack_low;

	if (at % 8 != 0 || at < low ||
		at > (uintptr_t)n->stack + n->stack_len - 8)
		return NULL;
	return (const uintptr_t *)at;
}

/* Frame pointers lead from frame to frame; what is not ours ends it. */
static void record(struct dj_vm *vm, uintptr_t pc, uintptr_t fp)
{
	struct dj_native_vm *n = &vm->native;

	n->frame_count = 0;
	n->begun = false;
	while (n->frame_count < DJ_NATIVE_FRAMES && code_at(vm, pc) != NULL) {
		const uintptr_t *up = word_at(vm, fp + DJ_NATIVE_UP), *to;

		n->frames[n->frame_count++] = pc;
		if (up == NULL || (*up <= fp && *up != 0))
			return;
		to = word_at(vm,
			(DJ_NATIVE_PC_IN_UP ? *up : fp) + DJ_NATIVE_PC);
		if (to == NULL)
			return;
		/* The call is before where it returns to. */
		pc = *to - 1;
		fp = *up;
	}
}

static _Noreturn void leave(struct dj_vm *vm, enum dj_trap trap)
{
	vm->abi.exn_tag = NULL;
	vm->native.exn_ref = NULL;
	dj_native_leave(vm->native.sp, trap);
}

/*
 * For helpers: where they return to, and the frame of who called them. GCC may
 * make a function of the rare half of a small one, whose caller is the other
 * half: WHOLE says not to.
 */
#if defined(__clang__)
#define WHOLE
#else
#define WHOLE __attribute__((noclone))
#endif
#define HERE(vm)                                                             \
	record((vm), (uintptr_t)__builtin_return_address(0) - 1,             \
		*(const uintptr_t *)((uintptr_t)__builtin_frame_address(0) + \
			DJ_NATIVE_UP))
#define RAISE(vm, trap)            \
	do {                       \
		HERE(vm);          \
		leave((vm), trap); \
	} while (0)

void dj_native_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp)
{
	struct dj_vm *vm = running;
	const struct dj_native_code *c;
	const struct dj_native_vm *n;

	c = vm == NULL ? NULL : code_at(vm, pc);
	if (c == NULL)
		return;
	n = &vm->native;
	if (addr - (uintptr_t)n->stack < n->stack_low) {
		record(vm, pc, fp);
		leave(vm, DJ_TRAP_STACK);
	}
	for (const struct dj_memory *m = vm->store->memories; m != NULL;
		m = m->next) {
		if (addr - (uintptr_t)m->base >= m->reserved)
			continue;
		/*
		 * What is there cannot fault: a host that makes up a page fault
		 * (it can, in a VM) does not make a trap of it. The address is
		 * the processor's, and no fault was before this one. Nor is
		 * there a fault of code that checks before it goes there.
		 */
		if (addr - (uintptr_t)m->base < m->len ||
			c->n.bounds != DJ_BOUNDS_GUARD)
			return;
		record(vm, pc, fp);
		vm->native.begun = true;
		leave(vm, DJ_TRAP_MEMORY);
	}
}

static uint32_t func_at(const struct dj_native_code *c, uint32_t pc,
	uint32_t *ret_at)
{
	uint32_t best = UINT32_MAX, at = 0;

	for (uint32_t i = 0; i < c->n.func_count; i++) {
		uint32_t f = dj_native_func(&c->n, i);

		if (f <= pc && (best == UINT32_MAX || f > at)) {
			best = i;
			at = f;
		}
	}
	*ret_at = at;
	return best;
}

/*
 * Frames of entries, and of what the code goes to helpers by, have no
 * function. One that may not have begun, for its event or its stack was not
 * there, is its call.
 */
static bool frame_of(const struct dj_vm *vm, uintptr_t pc, bool may_not,
	struct dj_frame *ret)
{
	const struct dj_native_code *c = code_at(vm, pc);
	uint32_t at = (uint32_t)(pc - (uintptr_t)c->p), start, i, offset;
	const struct dj_wasm_module *m = c->inst->module;

	i = func_at(c, at, &start);
	if (i == UINT32_MAX)
		return false;
	i += m->imported_funcs;
	if (!dj_native_site(&c->n, at, &offset))
		offset = m->funcs[i].body;
	if (may_not && offset == m->funcs[i].body)
		return false;
	*ret = (struct dj_frame){ .func = i,
		.offset = offset,
		.inst = c->inst };
	return true;
}

size_t dj_native_backtrace(const struct dj_store *s, struct dj_frame *dst,
	size_t cap)
{
	const struct dj_native_vm *n = &s->vm.native;
	size_t count = 0;

	for (uint32_t i = 0; i < n->frame_count && count < cap; i++)
		if (frame_of(&s->vm, n->frames[i], count == 0 && !n->begun,
			    &dst[count]))
			count++;
	return count;
}

/*
 * What the collector must see: all of the stack from the caller's frame on,
 * where its registers are too, and an exception on its way.
 */
static __attribute__((noinline)) void set_roots(struct dj_vm *vm)
{
	struct dj_native_vm *n = &vm->native;
	uintptr_t low = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)7;
	const struct dj_tag *tag = vm->abi.exn_tag;

	n->on_stack.words = (const void *)low;
	n->on_stack.count =
		((uintptr_t)n->stack + n->stack_len - low) / sizeof(void *);
	n->in_exn.words = vm->abi.exn_values;
	n->in_exn.count = tag == NULL ? 0 : tag->slots;
}
#define ROOTS(vm)                        \
	do {                             \
		__builtin_unwind_init(); \
		set_roots(vm);           \
	} while (0)

/* ---- what native code calls ---- */

static struct dj_vm *vm_of(const struct dj_native_ctx *ctx)
{
	return (struct dj_vm *)ctx->shared;
}

static void help_trap(struct dj_native_ctx *ctx, uint32_t trap)
{
	RAISE(vm_of(ctx), (enum dj_trap)trap);
}

static void help_event(struct dj_native_ctx *ctx)
{
	enum dj_trap t = dj_vm_event(vm_of(ctx));

	if (t != DJ_TRAP_NONE)
		RAISE(vm_of(ctx), t);
}

static bool more_stack(struct dj_vm *vm)
{
	struct dj_native_vm *n = &vm->native;

	if (n->stack_low < STACK_END + STEP ||
		vm->store->config.mem.commit(n->stack + n->stack_low - STEP,
			STEP) != DJ_OK)
		return false;
	n->stack_low -= STEP;
	vm->abi.stack_limit -= STEP;
	return true;
}

static void help_stack(struct dj_native_ctx *ctx)
{
	struct dj_vm *vm = vm_of(ctx);
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	while (here < vm->abi.stack_limit)
		if (!more_stack(vm))
			RAISE(vm, DJ_TRAP_STACK);
}

static void help_call(struct dj_func *f, union dj_value *slots)
{
	struct dj_vm *vm = (struct dj_vm *)f->shared;
	const struct dj_native_ctx *caller = vm->abi.caller;
	enum dj_trap t = f->host(f->host_ctx, caller->inst, slots);

	if (t != DJ_TRAP_NONE)
		RAISE(vm, t);
}

static void help_type(struct dj_native_ctx *ctx, const struct dj_func *f,
	uint32_t type)
{
	if (!dj_func_is(f, ctx->type_ids[type], vm_of(ctx)->store))
		RAISE(vm_of(ctx), DJ_TRAP_INDIRECT_TYPE);
}

static uint32_t help_memory_grow(struct dj_native_ctx *ctx, uint32_t mem,
	uint64_t n)
{
	if (n > UINT32_MAX)
		return UINT32_MAX;
	return dj_memory_grow(ctx->memories[mem], vm_of(ctx)->store,
		(uint32_t)n);
}

/* Goes over n elements of size bytes, or of about as many. */
#define CHECKED(ctx, call, n, size)                               \
	do {                                                      \
		enum dj_trap t_ = call;                           \
		if (t_ != DJ_TRAP_NONE)                           \
			RAISE(vm_of(ctx), t_);                    \
		dj_vm_worked(vm_of(ctx), (uint64_t)(n) * (size)); \
	} while (0)

static void help_memory_init(struct dj_native_ctx *ctx, uint32_t mem,
	uint32_t data, uint32_t dst, uint32_t src, uint32_t n)
{
	CHECKED(ctx,
		dj_memory_init(ctx->inst, ctx->memories[mem], data, dst, src,
			n),
		n, 1);
}

static void help_memory_copy(struct dj_native_ctx *ctx, uint32_t to,
	uint32_t from, uint32_t dst, uint32_t src, uint32_t n)
{
	CHECKED(ctx,
		dj_memory_copy(ctx->memories[to], ctx->memories[from], dst, src,
			n),
		n, 1);
}

static void help_memory_fill(struct dj_native_ctx *ctx, uint32_t mem,
	uint32_t dst, uint32_t byte, uint32_t n)
{
	CHECKED(ctx, dj_memory_fill(ctx->memories[mem], dst, byte, n), n, 1);
}

static void help_data_drop(struct dj_native_ctx *ctx, uint32_t data)
{
	ctx->inst->data_dropped[data] = 1;
}

static WHOLE void *help_table_get(struct dj_native_ctx *ctx, uint32_t table,
	uint32_t i)
{
	const struct dj_table *t = ctx->tables[table];

	if (i >= t->count)
		RAISE(vm_of(ctx), DJ_TRAP_TABLE);
	return t->elems[i];
}

static WHOLE void help_table_set(struct dj_native_ctx *ctx, uint32_t table,
	uint32_t i, void *ref)
{
	const struct dj_table *t = ctx->tables[table];

	if (i >= t->count)
		RAISE(vm_of(ctx), DJ_TRAP_TABLE);
	t->elems[i] = ref;
}

static uint32_t help_table_grow(struct dj_native_ctx *ctx, uint32_t table,
	void *ref, uint32_t n)
{
	return dj_table_grow(ctx->tables[table], n, ref);
}

static void help_table_fill(struct dj_native_ctx *ctx, uint32_t table,
	uint32_t dst, void *ref, uint32_t n)
{
	CHECKED(ctx, dj_table_fill(ctx->tables[table], dst, ref, n), n, 8);
}

static void help_table_init(struct dj_native_ctx *ctx, uint32_t table,
	uint32_t elem, uint32_t dst, uint32_t src, uint32_t n)
{
	CHECKED(ctx,
		dj_table_init(ctx->inst, ctx->tables[table], elem, dst, src, n),
		n, 8);
}

static void help_table_copy(struct dj_native_ctx *ctx, uint32_t to,
	uint32_t from, uint32_t dst, uint32_t src, uint32_t n)
{
	CHECKED(ctx,
		dj_table_copy(ctx->tables[to], ctx->tables[from], dst, src, n),
		n, 8);
}

static void help_elem_drop(struct dj_native_ctx *ctx, uint32_t elem)
{
	ctx->inst->elems[elem] = NULL;
}

/* If nobody catches it, the frames are those of the throw. */
static void help_throw(struct dj_native_ctx *ctx, uint32_t i,
	const union dj_slot *values)
{
	struct dj_vm *vm = vm_of(ctx);
	const struct dj_tag *tag = ctx->tags[i];
	size_t len = tag->slots * sizeof(*values);

	HERE(vm);
	dj_vm_worked(vm, THROW_WORK);
	if (dj_buf_grow(vm->store, &vm->native.exn, len) != DJ_OK)
		leave(vm, DJ_TRAP_LIMIT);
	if (len != 0)
		memcpy(vm->native.exn.p, values, len);
	vm->native.exn_ref = NULL;
	vm->abi.exn_values = vm->native.exn.p;
	vm->abi.exn_tag = tag;
}

static void help_throw_ref(struct dj_native_ctx *ctx, struct dj_exn *exn)
{
	struct dj_vm *vm = vm_of(ctx);

	HERE(vm);
	dj_vm_worked(vm, THROW_WORK);
	if (exn == NULL)
		leave(vm, DJ_TRAP_NULL);
	vm->native.exn_ref = exn;
	vm->abi.exn_values = exn->v;
	vm->abi.exn_tag = exn->tag;
}

static struct dj_exn *help_catch(struct dj_native_ctx *ctx, uint32_t with_ref)
{
	struct dj_vm *vm = vm_of(ctx);
	struct dj_exn *exn = vm->native.exn_ref;
	enum dj_trap t;

	if (with_ref != 0 && exn == NULL) {
		ROOTS(vm);
		t = dj_exn_new(vm, vm->abi.exn_tag, vm->abi.exn_values, &exn);
		if (t != DJ_TRAP_NONE)
			RAISE(vm, t);
	}
	vm->native.exn_ref = NULL;
	vm->abi.exn_tag = NULL;
	return exn;
}

static uint32_t help_ref_is(struct dj_native_ctx *ctx, const void *ref,
	uint32_t type)
{
	return dj_ref_is(vm_of(ctx)->store, (uintptr_t)ref,
		dj_types_map(type, ctx->type_ids));
}

/* What makes an object: it may collect, so roots come first. */
#define MAKE(ctx, kind, call)                  \
	do {                                   \
		struct dj_vm *vm = vm_of(ctx); \
		struct kind *made = NULL;      \
		enum dj_trap t_;               \
		ROOTS(vm);                     \
		t_ = call;                     \
		if (t_ != DJ_TRAP_NONE)        \
			RAISE(vm, t_);         \
		return made;                   \
	} while (0)

static void *help_struct_new(struct dj_native_ctx *ctx, uint32_t type)
{
	MAKE(ctx, dj_struct, dj_struct_default(vm, ctx->type_ids[type], &made));
}

static void *help_array_new(struct dj_native_ctx *ctx, uint32_t type,
	uint32_t n, const union dj_slot *value)
{
	uint32_t id = ctx->type_ids[type];

	MAKE(ctx, dj_array,
		value == NULL ? dj_array_default(vm, id, n, &made)
			      : dj_array_new(vm, id, value, n, &made));
}

static void *help_array_data(struct dj_native_ctx *ctx, uint32_t type,
	uint32_t data, uint32_t from, uint32_t n)
{
	MAKE(ctx, dj_array,
		dj_array_new_data(vm, ctx->inst, ctx->type_ids[type], data,
			from, n, &made));
}

static void *help_array_elem(struct dj_native_ctx *ctx, uint32_t type,
	uint32_t elem, uint32_t from, uint32_t n)
{
	MAKE(ctx, dj_array,
		dj_array_new_elem(vm, ctx->inst, ctx->type_ids[type], elem,
			from, n, &made));
}

static void help_array_fill(struct dj_native_ctx *ctx, uint32_t type,
	struct dj_array *a, uint32_t at, const union dj_slot *value, uint32_t n)
{
	CHECKED(ctx,
		dj_array_fill(vm_of(ctx)->store, ctx->type_ids[type], a, at,
			value, n),
		n, 8);
}

static void help_array_copy(struct dj_native_ctx *ctx, uint32_t type,
	struct dj_array *to, uint32_t at, const struct dj_array *from,
	uint32_t from_at, uint32_t n)
{
	CHECKED(ctx,
		dj_array_copy(vm_of(ctx)->store, ctx->type_ids[type], to, at,
			from, from_at, n),
		n, 8);
}

static void help_array_init_data(struct dj_native_ctx *ctx, uint32_t type,
	struct dj_array *a, uint32_t at, uint32_t data, uint32_t from,
	uint32_t n)
{
	CHECKED(ctx,
		dj_array_init_data(ctx->inst, ctx->type_ids[type], a, at, data,
			from, n),
		n, 8);
}

static void help_array_init_elem(struct dj_native_ctx *ctx, struct dj_array *a,
	uint32_t at, uint32_t elem, uint32_t from, uint32_t n)
{
	CHECKED(ctx, dj_array_init_elem(ctx->inst, a, at, elem, from, n), n, 8);
}

#define HELPER(f) ((void (*)(void))(uintptr_t)(f))
static void set_helpers(struct dj_native_shared *s)
{
	s->helpers[DJ_HELP_TRAP] = HELPER(help_trap);
	s->helpers[DJ_HELP_EVENT] = HELPER(help_event);
	s->helpers[DJ_HELP_STACK] = HELPER(help_stack);
	s->helpers[DJ_HELP_CALL] = HELPER(help_call);
	s->helpers[DJ_HELP_TYPE] = HELPER(help_type);
	s->helpers[DJ_HELP_MEMORY_GROW] = HELPER(help_memory_grow);
	s->helpers[DJ_HELP_MEMORY_INIT] = HELPER(help_memory_init);
	s->helpers[DJ_HELP_MEMORY_COPY] = HELPER(help_memory_copy);
	s->helpers[DJ_HELP_MEMORY_FILL] = HELPER(help_memory_fill);
	s->helpers[DJ_HELP_DATA_DROP] = HELPER(help_data_drop);
	s->helpers[DJ_HELP_TABLE_GET] = HELPER(help_table_get);
	s->helpers[DJ_HELP_TABLE_SET] = HELPER(help_table_set);
	s->helpers[DJ_HELP_TABLE_GROW] = HELPER(help_table_grow);
	s->helpers[DJ_HELP_TABLE_FILL] = HELPER(help_table_fill);
	s->helpers[DJ_HELP_TABLE_INIT] = HELPER(help_table_init);
	s->helpers[DJ_HELP_TABLE_COPY] = HELPER(help_table_copy);
	s->helpers[DJ_HELP_ELEM_DROP] = HELPER(help_elem_drop);
	s->helpers[DJ_HELP_THROW] = HELPER(help_throw);
	s->helpers[DJ_HELP_THROW_REF] = HELPER(help_throw_ref);
	s->helpers[DJ_HELP_CATCH] = HELPER(help_catch);
	s->helpers[DJ_HELP_REF_IS] = HELPER(help_ref_is);
	s->helpers[DJ_HELP_STRUCT_NEW] = HELPER(help_struct_new);
	s->helpers[DJ_HELP_ARRAY_NEW] = HELPER(help_array_new);
	s->helpers[DJ_HELP_ARRAY_DATA] = HELPER(help_array_data);
	s->helpers[DJ_HELP_ARRAY_ELEM] = HELPER(help_array_elem);
	s->helpers[DJ_HELP_ARRAY_FILL] = HELPER(help_array_fill);
	s->helpers[DJ_HELP_ARRAY_COPY] = HELPER(help_array_copy);
	s->helpers[DJ_HELP_ARRAY_INIT_DATA] = HELPER(help_array_init_data);
	s->helpers[DJ_HELP_ARRAY_INIT_ELEM] = HELPER(help_array_init_elem);
}

/* ---- the machine ---- */

dj_status dj_native_vm_init(struct dj_store *s)
{
	struct dj_native_vm *n = &s->vm.native;
	size_t len = (size_t)s->config.max_call_depth * FRAME_BYTES;

	if (len > STACK_MAX)
		len = STACK_MAX;
	len = ((len + STEP - 1) & ~(STEP - 1)) + STACK_END + STEP;
	n->stack = s->config.mem.reserve(len);
	if (n->stack == NULL)
		return DJ_E_NOMEM;
	n->stack_len = len;
	n->stack_low = len - STEP;
	if (s->config.mem.commit(n->stack + n->stack_low, STEP) != DJ_OK)
		return DJ_E_NOMEM;
	if (DJ_NATIVE_HAVE_ARGS) {
		s->vm.abi.args =
			dj_arena_array(s->arena, 1, DJ_NATIVE_ARGS, 16);
		if (s->vm.abi.args == NULL)
			return DJ_E_NOMEM;
	}
	s->vm.abi.stack_limit = (uintptr_t)n->stack + n->stack_low + MARGIN;
	set_helpers(&s->vm.abi);
	n->ref.words = &n->exn_ref;
	n->ref.count = 1;
	n->ref.next = s->roots;
	n->in_exn.next = &n->ref;
	n->on_stack.next = &n->in_exn;
	s->roots = &n->on_stack;
	return DJ_OK;
}

void dj_native_vm_done(struct dj_store *s)
{
	struct dj_native_vm *n = &s->vm.native;

	while (n->codes != NULL) {
		struct dj_native_code *c = n->codes;

		n->codes = c->next;
		s->config.mem.release(c->p, c->len);
	}
	if (n->stack != NULL)
		s->config.mem.release(n->stack, n->stack_len);
	n->stack = NULL;
	dj_buf_free(s, &n->exn);
}

enum dj_trap dj_native_call(struct dj_vm *vm, struct dj_func *f,
	union dj_value *args)
{
	struct dj_native_vm *n = &vm->native;
	const struct dj_native_ctx *ctx = f->native_ctx;
	const struct dj_native_code *c = code_at(vm, (uintptr_t)f->native);
	uint32_t type = f->inst->module->funcs[f->index].type;
	struct dj_vm *outer = running;
	void *sp = n->sp;
	enum dj_trap t;

	if (c == NULL)
		return DJ_TRAP_LIMIT; /* a store's functions all have code */
	n->frame_count = 0;
	running = vm;
	t = (enum dj_trap)dj_native_enter(f->native_ctx, ctx->base, f->native,
		args, c->p + dj_native_enter_at(&c->n, type),
		sp == NULL ? n->stack + n->stack_len : NULL, &n->sp);
	n->sp = sp;
	running = outer;
	if (sp == NULL)
		n->on_stack.count = n->in_exn.count = 0;
	if (vm->abi.exn_tag != NULL) {
		vm->abi.exn_tag = NULL;
		n->exn_ref = NULL;
		t = DJ_TRAP_EXCEPTION;
	}
	return t;
}

/* ---- loading ---- */

static bool has_place(const struct dj_native *n)
{
	return dj_native_has_place(n->isa, n->bounds);
}

dj_status dj_native_context(struct dj_instance *inst,
	struct dj_native_code *code)
{
	const struct dj_wasm_module *m = inst->module;
	size_t len = DJ_NATIVE_CONTEXT(m->global_count - m->imported_globals);
	struct dj_native_ctx *ctx;
	struct context *c;

	/* Behind the code, where nothing is code; misfit() saw to the room. */
	if (has_place(&code->n))
		c = memset(code->p + code->n.code_len, 0, len);
	else
		c = dj_arena_array(inst->store->arena, 1, len, 16);
	if (c == NULL)
		return DJ_E_NOMEM;
	ctx = &c->ctx;
	ctx->shared = &inst->store->vm.abi;
	ctx->funcs = inst->funcs;
	ctx->tables = inst->tables;
	ctx->memories = inst->memories;
	ctx->globals = inst->globals;
	ctx->tags = inst->tags;
	ctx->type_ids = inst->type_ids;
	ctx->inst = inst;
	inst->ctx = ctx;
	return DJ_OK;
}

struct dj_global *dj_native_global(struct dj_instance *inst, uint32_t own)
{
	uint8_t *p = (uint8_t *)(inst->ctx + 1);

	return (void *)(p + (size_t)own * DJ_NATIVE_GLOBAL_SIZE);
}

static void set_limits(struct dj_native_ctx *ctx)
{
	struct context *c =
		(void *)((uint8_t *)ctx - offsetof(struct context, ctx));
	uint64_t len = ctx->mem->len;

	for (uint64_t n = 1; n <= DJ_NATIVE_LIMITS; n++)
		c->limits[DJ_NATIVE_LIMITS - n] = len < n ? 0 : len - n + 1;
}

void dj_native_grown(const struct dj_store *s, const struct dj_memory *mem)
{
	const struct dj_instance *i = s->instances;

	for (; i != NULL; i = i->next)
		if (i->ctx != NULL && i->ctx->mem == mem)
			set_limits(i->ctx);
}

void dj_native_link(struct dj_instance *inst, struct dj_native_code *code)
{
	const struct dj_wasm_module *m = inst->module;

	code->inst = inst;
	inst->ctx->mem = inst->mem;
	inst->ctx->base = inst->mem->base;
	set_limits(inst->ctx);
	for (uint32_t i = 0; i < m->func_count; i++) {
		struct dj_func *f = inst->funcs[i];

		if (i >= m->imported_funcs) {
			f->native = code->p +
				dj_native_func(&code->n, i - m->imported_funcs);
		} else if (f->native == NULL) {
			f->native = code->p +
				dj_native_leave_at(&code->n, m->funcs[i].type);
			f->native_ctx = f;
		}
	}
}

/* Is there a way into each of the module's functions, and to its imports? */
static bool has_ways(const struct dj_wasm_module *m, const struct dj_native *n)
{
	for (uint32_t i = 0; i < m->func_count; i++) {
		uint32_t type = m->funcs[i].type;

		if ((i < m->imported_funcs ? dj_native_leave_at(n, type)
					   : dj_native_enter_at(n, type)) == 0)
			return false;
	}
	return true;
}

static const char *misfit(const struct dj_store *s,
	const struct dj_wasm_module *m, const struct dj_native *n,
	const struct dj_native_target *target)
{
	if (!DJ_NATIVE_HAVE || !s->config.native || s->config.exec == NULL)
		return "this Keep takes no native code";
	if (n->isa != target->isa)
		return "native code for another instruction set";
	if (n->cpu_level > target->cpu_level)
		return "native code for a later processor";
	if (n->bounds == DJ_BOUNDS_GUARD && !s->config.guard)
		return "native code without bounds checks, which this Keep "
		       "needs";
	if (n->func_count != m->func_count - m->imported_funcs ||
		n->type_count != m->types.count || !has_ways(m, n))
		return "native code of another module";
	if (has_place(n) &&
		n->rodata_len < DJ_NATIVE_CONTEXT(
					m->global_count - m->imported_globals))
		return "native code without room for its context";
	if (s->vm.native.codes != NULL &&
		(((s->vm.native.codes->n.flags ^ n->flags) & DJ_NATIVE_TAILS) !=
				0 ||
			has_place(&s->vm.native.codes->n) != has_place(n)))
		return "native code that is called in another way than that "
		       "of the modules before";
	if (dj_native_forbidden(n->isa, n->body, n->code_len) != SIZE_MAX)
		return "native code with an instruction that is forbidden";
	return NULL;
}

static const uint8_t *keep(uint8_t **at, const uint8_t *p, size_t len)
{
	uint8_t *to = *at;

	if (len != 0)
		memcpy(to, p, len);
	*at += len;
	return to;
}

/* Copies code, constants and tables; then the code is code. */
static dj_status map(struct dj_store *s, struct dj_native_code *c)
{
	struct dj_native *n = &c->n;
	size_t tables = (size_t)n->func_count * 4 + (size_t)n->type_count * 8 +
		n->sites_len;
	size_t want = (size_t)n->code_len + n->rodata_len + tables;
	uint8_t *at;

	/* At least one: a module of data alone has no code. */
	if (!dj_size_align(want + 1, DJ_ARENA_STEP, &want))
		return DJ_E_NOMEM;
	c->p = s->config.mem.reserve(want);
	if (c->p == NULL)
		return DJ_E_NOMEM;
	c->len = want;
	c->next = s->vm.native.codes;
	s->vm.native.codes = c; /* released with the store from here on */
	if (s->config.mem.commit(c->p, want) != DJ_OK)
		return DJ_E_NOMEM;
	at = c->p;
	n->body = keep(&at, n->body, (size_t)n->code_len + n->rodata_len);
	n->funcs = keep(&at, n->funcs, (size_t)n->func_count * 4);
	n->types = keep(&at, n->types, (size_t)n->type_count * 8);
	n->sites = keep(&at, n->sites, n->sites_len);
	return n->code_len == 0 ? DJ_OK : s->config.exec(c->p, n->code_len);
}

dj_status dj_instance_new_native(struct dj_store *s,
	const struct dj_wasm_module *module, const uint8_t *image, size_t len,
	const struct dj_native_target *target, dj_resolve_fn *resolve,
	void *resolve_ctx, struct dj_instance **ret, struct dj_link_error *err)
{
	struct dj_native_code *c =
		dj_arena_new(s->arena, struct dj_native_code);
	const char *why = NULL;
	dj_status st;

	*err = (struct dj_link_error){ .what = "out of memory" };
	err->import_index = UINT32_MAX;
	if (c == NULL)
		return DJ_E_NOMEM;
	st = dj_native_parse(image, len, &c->n, &why);
	if (st == DJ_OK) {
		why = misfit(s, module, &c->n, target);
		st = why == NULL ? DJ_OK : DJ_E_UNSUPPORTED;
	}
	if (st != DJ_OK) {
		err->what = why;
		return st;
	}
	st = map(s, c);
	if (st != DJ_OK)
		return st;
	return dj_instance_make(s, module, c, resolve, resolve_ctx, ret, err);
}
