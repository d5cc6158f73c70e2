// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string.h>

#include "keep/engine/engine.h"
#include "lib/base/size.h"
#include "lib/wasm/layout.h"
#include "lib/wasm/native.h"

/*
 * What the engine's files share. A slot holds one value, a v128 takes two:
 * locals first, then the operand stack, 64 bits each. Of a 32-bit value only the low half
 * counts; whatever reads a slot as an i32 or f32 must not look at the rest.
 */
union dj_slot {
	uint32_t u32;
	int32_t i32;
	uint64_t u64;
	int64_t i64;
	float f32;
	double f64;
	void *ref;
};

/* Slots, and values of an API call, that n values of these types take. */
static inline uint32_t dj_slots(const uint32_t *types, uint32_t n)
{
	uint32_t slots = n;

	for (uint32_t i = 0; i < n; i++)
		slots += types[i] == DJ_WASM_V128;
	return slots;
}

/* Memory from mem_ops that grows by moving. */
struct dj_buf {
	void *p;
	size_t cap; /* bytes */
};

/*
 * The first five are native code's (lib/wasm/native.h): the first two are
 * where a context has the same, so that a host function can stand for one.
 */
struct dj_func {
	struct dj_native_shared *shared;
	uint8_t *no_base;
	const void *native; /* what to call, with native_ctx; NULL: nothing */
	void *native_ctx;
	uint32_t type_id;     /* number in the store's types */
	const uint32_t *code; /* host functions: NULL */
	uint32_t frame_slots; /* what a frame needs */
	uint32_t zero_from;   /* locals that start as zero */
	uint32_t zero_end;
	struct dj_memory *mem; /* its instance's memory 0; never NULL */
	struct dj_instance *inst;
	const struct dj_wasm_functype *type;
	dj_host_fn *host;
	void *host_ctx;
	uint32_t index;
	uint32_t code_words;
	const struct dj_handler *handlers; /* the innermost first */
	uint32_t handler_count;
};

struct dj_memory {
	uint8_t *base; /* never moves */
	uint64_t len;
	struct dj_wasm_limits limits; /* as declared, in pages */
	uint64_t most;                /* pages that growth may reach */
	size_t reserved;
	struct dj_memory *next;
};

struct dj_table {
	void **elems;
	uint32_t count;
	uint32_t type; /* a value type, with the store's numbers */
	struct dj_wasm_limits limits;
	uint32_t most;
	struct dj_buf buf;
	struct dj_store *store;
	struct dj_table *next;
};

struct dj_global {
	union {
		union dj_slot v;
		uint64_t wide[2]; /* v128 */
	};
	struct dj_wasm_global type; /* with the store's numbers */
	struct dj_global *next;
};

struct dj_tag { /* its address is what it is */
	uint32_t type_id;
	uint32_t slots;
};

struct dj_exn; /* an exception that is a value, keep/engine/gc.h */

/*
 * Code [from, to) of a function: what is caught there goes on at target. Or,
 * if target is DJ_HANDLER_DELEGATE, only handlers of blocks that are no deeper
 * than `outer` may catch it.
 */
#define DJ_HANDLER_DELEGATE UINT32_MAX
#define DJ_HANDLER_NO_REF   UINT32_MAX
struct dj_handler {
	const struct dj_tag *tag; /* NULL: all */
	uint32_t from, to, target;
	uint32_t dst;          /* slot for the values */
	uint32_t ref;          /* slot for the reference, or NO_REF */
	uint32_t depth, outer; /* of blocks */
};

struct dj_instance {
	struct dj_store *store;
	const struct dj_wasm_module *module;
	struct dj_func **funcs;
	struct dj_table **tables;
	struct dj_memory **memories;
	struct dj_global **globals;
	struct dj_tag **tags;
	void ***elems;         /* per segment: references; NULL: dropped */
	uint8_t *data_dropped; /* per segment */
	uint32_t *type_ids;    /* from the module's numbers to the store's */
	struct dj_instance *next;
	struct dj_memory *mem;     /* memory 0, or one of no bytes */
	struct dj_native_ctx *ctx; /* of its native code; NULL: none */
};

/* A call: who was called, and where to go on when it returns. */
struct dj_call_frame {
	const uint32_t *pc; /* the caller's next instruction */
	union dj_slot *fp;  /* the caller's slots */
	struct dj_func *func;
	bool is_entry; /* made by dj_call(): pc is where the host call is */
};

/* More words that may be references, for the collector: a native stack. */
struct dj_gc_roots {
	const void *words;
	size_t count;
	struct dj_gc_roots *next;
};

/* What all native code of a store shares with the engine. */
struct dj_native_shared {
	uint32_t count; /* events until dj_vm_event() */
	uint64_t stack_limit;
	struct dj_native_ctx *caller;
	const struct dj_tag *exn_tag; /* an exception on its way */
	const union dj_slot *exn_values;
	void *args;         /* see lib/wasm/native.h; NULL: not used here */
	const void *target; /* native code's own */
	void (*helpers[DJ_HELP_COUNT])(void);
};

#define DJ_NATIVE_FRAMES 64 /* of a backtrace */

/* Native code's machine: keep/engine/native.c. */
struct dj_native_vm {
	void *sp; /* where the engine's stack was left; NULL: it is not */
	uint8_t *stack;
	size_t stack_len, stack_low; /* committed from stack_low on */
	struct dj_native_code *codes;
	struct dj_buf exn; /* values of a throw */
	struct dj_exn *exn_ref;
	struct dj_gc_roots on_stack, in_exn, ref; /* for the collector */
	uintptr_t frames[DJ_NATIVE_FRAMES];
	uint32_t frame_count;
	bool begun; /* the innermost, whatever place its code has */
};

/* The machine; the interpreter's handlers get a pointer to it. */
struct dj_vm {
	struct dj_native_shared abi;
	struct dj_call_frame *frame;     /* the running call */
	struct dj_call_frame *frame_max; /* the last one that has memory */
	union dj_slot *stack_max;        /* one past the last with memory */
	enum dj_trap trap;
	const uint32_t *pc; /* of the trap or host call */

	struct dj_store *store;
	struct dj_call_frame *frames; /* frames[0] is a sentinel */
	uint32_t frame_cap, frame_committed;
	union dj_slot *stack;
	size_t stack_cap, stack_committed; /* slots */
	size_t frames_len, stack_len;      /* bytes reserved */
	union dj_slot *top; /* first slot that a nested dj_call() may use */
	uint32_t nesting;

	uint32_t quantum; /* what count started from */
	uint64_t poll_left, used;
	uint64_t work; /* bytes that no poll has been made for */
	struct dj_native_vm native;
};

struct dj_chunk { /* of code; at the start of its own memory */
	struct dj_chunk *next;
	size_t len, used;
};

/* Where structs, arrays and exceptions are, keep/engine/heap.c. */
#define DJ_HEAP_SIZES 16
struct dj_heap {
	uint8_t *base;
	size_t reserved, committed;
	uint32_t *blocks; /* what each block is */
	size_t blocks_len, blocks_committed;
	uint64_t count;               /* blocks ever used */
	uint64_t hint, run_hint;      /* no free one before */
	uint32_t free[DJ_HEAP_SIZES]; /* lists of cells */
	uint32_t grey;                /* marked, not looked into */
	uint64_t made, due;           /* bytes since the last collection */
	uint64_t collections;
};

struct dj_store {
	struct dj_store_config config;
	struct dj_arena *arena;
	struct dj_vm vm;
	const int32_t *ops; /* handler offsets, keep/engine/interp.c */

	struct dj_wasm_types types;
	struct dj_layout *layouts; /* per type, keep/engine/gc.h */
	uint32_t layout_cap;
	struct dj_heap heap;
	struct dj_gc_roots *roots;
	struct dj_instance *instances;
	struct dj_global *globals; /* of references */

	struct dj_memory *memories;
	struct dj_table *tables;
	struct dj_memory no_memory;
	struct dj_chunk *chunks;
	/* The compiler's work space, kept from function to function. */
	struct dj_buf code, entries, blocks, heads, map, handlers, marks;
	uint32_t trapped; /* frames in place after a trap */
};

/* Grows b to at least want bytes, keeping its contents. */
dj_status dj_buf_grow(struct dj_store *s, struct dj_buf *b, size_t want);
void dj_buf_free(struct dj_store *s, struct dj_buf *b);

/*
 * Types, keep/engine/types.c. All of a module's into the store's: ret_ids maps
 * its numbers. DJ_E_NOMEM.
 */
dj_status dj_types_add(struct dj_store *s, const struct dj_wasm_types *from,
	uint32_t *ret_ids);
/* A function's type that names abstract types only, else DJ_E_INPUT. */
dj_status dj_types_add_func(struct dj_store *s,
	const struct dj_wasm_functype *type, uint32_t *ret);
/* A value type of the module as one of the store. */
uint32_t dj_types_map(uint32_t type, const uint32_t *ids);
static inline uint32_t dj_store_type(const struct dj_instance *inst,
	uint32_t type)
{
	return dj_types_map(type, inst->type_ids);
}
/* May a function be called as one of type want? */
static inline bool dj_func_is(const struct dj_func *f, uint32_t want,
	const struct dj_store *s)
{
	return f->type_id == want ||
		dj_wasm_type_extends(&s->types, f->type_id, want);
}

/* memory.grow, table.grow: the old size, or UINT32_MAX. */
uint32_t dj_memory_grow(struct dj_memory *mem, struct dj_store *s, uint32_t n);
uint32_t dj_table_grow(struct dj_table *t, uint32_t n, void *init);
/* The bulk operations; all check before they write. */
enum dj_trap dj_memory_init(struct dj_instance *inst, struct dj_memory *mem,
	uint32_t data, uint32_t dst, uint32_t src, uint32_t n);
enum dj_trap dj_memory_copy(struct dj_memory *to, struct dj_memory *from,
	uint32_t dst, uint32_t src, uint32_t n);
enum dj_trap dj_memory_fill(struct dj_memory *mem, uint32_t dst, uint32_t byte,
	uint32_t n);
enum dj_trap dj_table_init(struct dj_instance *inst, struct dj_table *t,
	uint32_t elem, uint32_t dst, uint32_t src, uint32_t n);
enum dj_trap dj_table_copy(struct dj_table *to, struct dj_table *from,
	uint32_t dst, uint32_t src, uint32_t n);
enum dj_trap dj_table_fill(struct dj_table *t, uint32_t dst, void *ref,
	uint32_t n);

/* type: with the store's numbers. */
void dj_global_init(struct dj_store *s, struct dj_global *g, uint32_t type,
	bool is_mutable, const uint64_t init[static 2]);

/* Native code, keep/engine/native.c. */
dj_status dj_native_vm_init(struct dj_store *s);
void dj_native_vm_done(struct dj_store *s);
enum dj_trap dj_native_call(struct dj_vm *vm, struct dj_func *f,
	union dj_value *args);
size_t dj_native_backtrace(const struct dj_store *s, struct dj_frame *dst,
	size_t cap);
/* mem has become longer: so have the limits of those who have it. */
void dj_native_grown(const struct dj_store *s, const struct dj_memory *mem);
/* While an instance is made: its context, then its functions' entries. */
dj_status dj_native_context(struct dj_instance *inst,
	struct dj_native_code *code);
struct dj_global *dj_native_global(struct dj_instance *inst, uint32_t own);
void dj_native_link(struct dj_instance *inst, struct dj_native_code *code);
dj_status dj_instance_make(struct dj_store *s,
	const struct dj_wasm_module *module, struct dj_native_code *code,
	dj_resolve_fn *resolve, void *resolve_ctx, struct dj_instance **ret,
	struct dj_link_error *err);

/*
 * Makes f's internal code. DJ_TRAP_LIMIT when there is no memory for it.
 * With find != NULL nothing is made: *find, an index into the code, becomes
 * the offset in the module's bytes of the instruction there.
 */
enum dj_trap dj_compile(struct dj_func *f, uint32_t *find);

/* The interpreter: starts at pc, returns at exit or trap (vm->trap). */
const int32_t *dj_interp_ops(void);
extern uint32_t dj_interp_stub[2]; /* compile, exit: one word each */
void dj_interp_run(struct dj_vm *vm, const uint32_t *pc, union dj_slot *fp,
	struct dj_memory *mem);
/* Called by handlers: an event count ran out; more stack or frames. */
enum dj_trap dj_vm_event(struct dj_vm *vm);
bool dj_vm_more(struct dj_vm *vm, const union dj_slot *end);
bool dj_vm_more_stack(struct dj_vm *vm, const union dj_slot *end);
void dj_vm_arm(struct dj_vm *vm);
/* One instruction has gone over so many bytes: polls are due for that too. */
void dj_vm_worked(struct dj_vm *vm, uint64_t bytes);
/*
 * Throws from pc in the running frame: finds who catches, gives it the
 * values, and makes its frame the running one; vm->pc and *fp are where to
 * go on. Else a trap. exn: the exception as a value, if it is one yet.
 */
enum dj_trap dj_vm_throw(struct dj_vm *vm, const uint32_t *pc,
	union dj_slot **fp, const struct dj_tag *tag,
	const union dj_slot *values, struct dj_exn *exn);
