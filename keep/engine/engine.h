// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/status.h"
#include "lib/wasm/module.h"
#include "lib/wasm/trap.h"

/*
 * The engine: instances of validated modules, run by the interpreter or, in a
 * store made for it, as native code that client/aot made (lib/wasm/native.h).
 *
 *   dj_wasm_load()          lib/wasm: decode and validate, always
 *   dj_store_init()         what instances share: limits, memory provider
 *   dj_store_add_host()     functions that the surroundings provide
 *   dj_instance_new()       link imports, make memories, tables, globals,
 *                           run segments (start function: dj_instance_start)
 *   dj_instance_export()    look up
 *   dj_call()               run; a trap is a return value, never a jump
 *   dj_store_done()         everything is released together
 *
 * One thread. A store and all in it live in the arena that was given at
 * init; linear memories come from the mem functions of the store, tables and
 * code too. Native code is the only thing that is ever executable, and not
 * writable then. Nothing here knows WASI.
 */

/* "out of bounds memory access" and so on, as the Wasm suite spells them. */
const char *dj_trap_text(enum dj_trap trap);

struct dj_ref; /* opaque; NULL is ref.null */

/* A v128 takes two of them, the lower half first. */
union dj_value {
	uint32_t i32;
	uint64_t i64;
	uint32_t f32; /* bits */
	uint64_t f64; /* bits */
	void *ref;    /* funcref: struct dj_func *; externref: any pointer whose
		      top bit is clear; else opaque, gc.h */
};

struct dj_store;
struct dj_instance;
struct dj_func; /* a function in the store: a wasm or a host one */
struct dj_table;
struct dj_memory;
struct dj_global;
struct dj_tag; /* of exceptions */

/*
 * A host function. args has the parameters, results go to the same array
 * from index 0 (room for the larger of both). A return other than
 * DJ_TRAP_NONE unwinds the program. caller is the calling instance (NULL
 * when called straight from dj_call).
 */
typedef enum dj_trap dj_host_fn(void *ctx, struct dj_instance *caller,
	union dj_value *args);

/* Where linear memories and tables come from; the core's are the shim's. */
struct dj_mem_ops {
	void *(*reserve)(size_t len);
	dj_status (*commit)(void *p, size_t len);
	void (*release)(void *p, size_t len);
};

struct dj_store_config {
	struct dj_mem_ops mem;
	uint64_t max_memory_pages; /* 64 KiB each, every memory; growth fails */
	uint32_t max_table_elems;  /* every table; 0: 10,000,000 */
	/*
	 * 0: 65,536. Exact in the interpreter; native code has a stack of so
	 * many KiB.
	 */
	uint32_t max_call_depth;
	uint64_t max_heap_bytes; /* structs, arrays; 0: as all memories */
	size_t stack_bytes;      /* value stack; 0: 1 MiB of slots */
	/*
	 * Called every poll_interval function entries and loop back-edges
	 * (0: 16,384), and for each MiB that bulk instructions and host
	 * functions go over, at the next of these. Not DJ_TRAP_NONE stops the
	 * program with it.
	 */
	enum dj_trap (*poll)(void *ctx);
	void *poll_ctx;
	uint32_t poll_interval;
	uint64_t fuel; /* 0: no limit; the same count on every machine */
	/*
	 * native: every instance has native code (dj_instance_new_native());
	 * without it none has. guard: what memories cannot have is reserved
	 * behind them and stays inaccessible, so that code without checks may
	 * run; whoever sees a fault then calls dj_native_fault().
	 */
	bool native, guard;
	/* Committed memory becomes code: to be run and not to be written. */
	dj_status (*exec)(void *p, size_t len);
};

/* config is copied; arena is borrowed and outlives the store. */
dj_status dj_store_init(struct dj_arena *arena,
	const struct dj_store_config *config, struct dj_store **ret);
void dj_store_done(struct dj_store *s);

/* What can be imported or exported. */
struct dj_extern {
	enum dj_wasm_extern_kind kind;
	union {
		struct dj_func *func;
		struct dj_table *table;
		struct dj_memory *memory;
		struct dj_global *global;
		struct dj_tag *tag;
	};
};

/*
 * Makes a host function of the given type; ctx is borrowed. Types given here
 * and below name abstract types only: DJ_E_INPUT. A reference to a struct or
 * array that a host function or caller got lasts until the program goes on.
 */
dj_status dj_func_new_host(struct dj_store *s,
	const struct dj_wasm_functype *type, dj_host_fn *fn, void *ctx,
	struct dj_func **ret);
dj_status dj_table_new(struct dj_store *s, uint32_t elem, uint32_t min,
	bool has_max, uint32_t max, struct dj_table **ret);
dj_status dj_memory_new(struct dj_store *s, uint64_t min, bool has_max,
	uint64_t max, struct dj_memory **ret);
/* With indexes and addresses of 64 bits; a memory has less than 4 GiB. */
dj_status dj_table64_new(struct dj_store *s, uint32_t elem, uint64_t min,
	bool has_max, uint64_t max, struct dj_table **ret);
dj_status dj_memory64_new(struct dj_store *s, uint64_t min, bool has_max,
	uint64_t max, struct dj_memory **ret);
dj_status dj_global_new(struct dj_store *s, uint32_t type, bool is_mutable,
	union dj_value init, struct dj_global **ret);

/*
 * Resolves one import; returns DJ_OK and fills *ret, or DJ_E_INPUT for "there
 * is none of that name". Types are checked by the engine afterwards.
 */
typedef dj_status dj_resolve_fn(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret);

/* Why linking or instantiation failed, for a message to the tenant. */
struct dj_link_error {
	uint32_t import_index; /* when status is DJ_E_INPUT/DJ_E_UNSUPPORTED */
	const char *what;  /* "unknown import", "incompatible import type" */
	enum dj_trap trap; /* active segment out of bounds: a trap */
};

/*
 * Makes an instance: links, allocates, evaluates globals, applies active
 * segments. DJ_E_INPUT: an import is missing or of the wrong type ("unknown
 * import", "incompatible import type"). DJ_E_STATE: an active segment trapped
 * (err->trap); what earlier segments wrote to shared tables and memories
 * stays, as the specification says. DJ_E_NOMEM: limits. The start function is
 * not run. The module is borrowed and outlives the store.
 */
dj_status dj_instance_new(struct dj_store *s,
	const struct dj_wasm_module *module, dj_resolve_fn *resolve,
	void *resolve_ctx, struct dj_instance **ret, struct dj_link_error *err);
/*
 * The same in a native store, with the image that was made of this module.
 * DJ_E_INPUT or DJ_E_UNSUPPORTED with err->import_index UINT32_MAX: the image
 * is refused, err->what says why (malformed, made for another machine, other
 * bounds, another module, forbidden bytes). The image may go afterwards.
 */
struct dj_native_target {
	uint8_t isa, cpu_level; /* of this Keep; code must not need more */
};
dj_status dj_instance_new_native(struct dj_store *s,
	const struct dj_wasm_module *module, const uint8_t *image, size_t len,
	const struct dj_native_target *target, dj_resolve_fn *resolve,
	void *resolve_ctx, struct dj_instance **ret, struct dj_link_error *err);
/*
 * For fault handlers: the instruction at pc touched addr and cannot go on; fp
 * is the frame pointer. Does not return if that is a trap of the native code
 * that runs, whatever stack this is called on; returns if it is a bug.
 */
void dj_native_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp);
/* Runs the start function, if there is one. */
enum dj_trap dj_instance_start(struct dj_instance *inst);

/* False if there is no export of that name (name: UTF-8, len bytes). */
bool dj_instance_export(struct dj_instance *inst, const char *name, size_t len,
	struct dj_extern *ret);
const struct dj_wasm_module *dj_instance_module(const struct dj_instance *i);

const struct dj_wasm_functype *dj_func_type(const struct dj_func *f);
union dj_value dj_global_get(const struct dj_global *g);
/* The same for every type: ret[1] is the upper half of a v128. */
void dj_global_read(const struct dj_global *g, union dj_value ret[static 2]);
/*
 * Calls f. args has the parameters on entry and the results on return; room
 * for the larger of both counts, at least 1; a v128 counts as two.
 */
enum dj_trap dj_call(struct dj_store *s, struct dj_func *f,
	union dj_value *args);

/*
 * Memory 0 of an instance, for host functions. NULL if there is none. The
 * base never moves; the length only grows, by memory.grow.
 */
uint8_t *dj_instance_memory(struct dj_instance *inst, uint64_t *ret_len);
/* [addr, addr + len) of memory 0, or NULL if any of it is outside. */
void *dj_mem_at(struct dj_instance *inst, uint64_t addr, uint64_t len);

/* After a trap: the innermost frames, at most cap; returns how many. */
struct dj_frame {
	uint32_t func;   /* function index in its module */
	uint32_t offset; /* of the instruction in the module's bytes */
	const struct dj_instance *inst;
};
size_t dj_store_backtrace(const struct dj_store *s, struct dj_frame *dst,
	size_t cap);

/* For host functions whose work is not little: about so many bytes copied. */
void dj_store_worked(struct dj_store *s, uint64_t bytes);

/* Counters since dj_store_init, for diagnostics. */
uint64_t dj_store_fuel_used(const struct dj_store *s);
