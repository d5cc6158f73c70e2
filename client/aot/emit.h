// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/TargetMachine.h>

#include "client/aot/aot.h"
#include "client/aot/insn.h"
#include "client/aot/target.h"
#include "lib/wasm/trap.h"

/*
 * What the compiler's files share.
 *
 *   aot.c     options, threads, one image out of many objects
 *   target.c  machines
 *   unit.c    one LLVM module: some of the functions, from IR to an object
 *   func.c    a body: instructions, locals, blocks and branches
 *   abi.c     how functions are called
 *   call.c    calls, what the engine's helpers do
 *   throw.c   exceptions
 *   gc.c      references, structs and arrays
 *   loop.c    loops whose count and addresses are known beforehand, with
 *             form.c and reroll.c; nest.c: two of them, one in the other
 *   states.c  loops around a switch that know what it will say
 *   mem.c     loads and stores, globals, tables
 *   num.c     numbers; simd.c: vectors
 *   link.c    objects to code, constants and sites; reloc.c
 *   insn.c    instructions, and what must be known before a body
 *
 * SSA is made straight from Wasm's structure: a local is the value that was
 * last assigned; a label has a phi for each local that its block assigns and
 * that differs on the ways to it.
 */
#define MAX_NAME 24

/*
 * The engine enters functions of the module, and code leaves to what is
 * imported: types of neither need no code for it.
 */
enum way_between {
	WAY_ENTER = 1,
	WAY_LEAVE = 2
};

/* Everything that all units have in common. */
struct job {
	const struct dj_wasm_module *m;
	struct dj_aot_options opt; /* with nothing left to choose */
	LLVMTargetRef target;
	const struct machine *machine;
	uint8_t *ways; /* per type: bits of enum way_between */
	/* Per type: is it called through table 0? See compile_dispatch(). */
	bool *dispatched;
	unsigned cc;    /* LLVM's number of how functions are called */
	bool throws;    /* a function may return with an exception pending */
	bool far_calls; /* ppc64le: functions are called through pointers */
};

enum tag {
	TAG_MEMORY,
	TAG_CONTEXT,
	TAG_SHARED,
	TAG_GLOBAL,
	TAG_TABLE,
	TAG_OBJECT, /* fields and elements */
	TAG_HEAD,   /* an object's type, an array's length */
	TAG_COUNT
};

struct unit {
	const struct job *job;
	const struct dj_wasm_module *m;
	LLVMContextRef c;
	LLVMModuleRef mod;
	LLVMBuilderRef b;
	LLVMDIBuilderRef di;
	LLVMMetadataRef file, sub_type;
	LLVMTypeRef void_, i1, i8, i16, i32, i64, f32, f64, ptr;
	LLVMTypeRef v128;  /* <4 x i32>, as values travel */
	LLVMTypeRef *sigs; /* per type of the module, made when asked for */
	LLVMValueRef tags[TAG_COUNT], empty, cold, sp_name;
	LLVMAttributeRef nomerge;
	unsigned kind_tbaa, kind_invariant, kind_prof, kind_loop;
	unsigned variant; /* other choices, to avoid forbidden bytes */
	bool failed;
	bool is_small; /* opaque values may go in front of loops: not many */
	char why[160];
};

/* A way into a label: from where, and with which values (locals, results). */
struct way {
	LLVMBasicBlockRef from;
	LLVMValueRef *values;
};

struct label {
	LLVMBasicBlockRef bb;
	struct way *ways;
	uint32_t count, cap;
	uint32_t checks; /* those of fn's that all the ways have behind them */
};

struct block {
	enum {
		IS_BLOCK,
		IS_LOOP,
		IS_IF,
		IS_ELSE,
		IS_TRY,
		IS_TRY_OLD, /* before its first catch */
		IS_CATCH
	} kind;
	struct dj_wasm_block_type bt;
	uint32_t height;     /* below the parameters */
	const uint32_t *set; /* locals that it assigns */
	uint32_t set_count;
	bool counts;         /* the count of events is a value in there */
	struct label end;    /* of a loop: its latch, where branches go */
	LLVMValueRef *phis;  /* loop: of set, at its head */
	LLVMValueRef *saved; /* if: of set and the parameters, for else;
				catch: of set, for the next one */
	LLVMBasicBlockRef head, otherwise;
	struct label caught; /* try: where an exception arrives */
	LLVMValueRef exn;    /* catch: what it has caught */
	bool rethrows;       /* and somebody wants it */
	struct dj_wasm_rd clauses;
	uint32_t clause_count;
	uint32_t checks;   /* what was known of addresses before it */
	struct loop *loop; /* loop: if it may have a fast form */
	struct nest *nest; /* loop: if it and the one in it may have one */
};

struct value {
	LLVMValueRef v;
	uint32_t type; /* what is never null says so */
};

/* What a check has shown: address + end is in the memory. */
struct check {
	LLVMValueRef addr;
	uint32_t mem;
	uint64_t end;
};

struct chunk {
	struct chunk *next;
	size_t used, cap;
	uint64_t data[];
};

struct fn {
	struct unit *u;
	const struct dj_wasm_functype *type;
	uint32_t index;
	LLVMValueRef f, ctx, base, ret, shared;
	LLVMBasicBlockRef entry;
	/* The count of events, where it is a value, is the one past the last. */
	LLVMValueRef *locals;
	uint32_t *local_types;
	uint32_t local_count;
	struct value *stack;
	uint32_t height, stack_cap;
	struct block *blocks;
	uint32_t depth, block_cap, block_number;
	struct plan plan;
	struct dj_wasm_rd r;
	struct insn i; /* the instruction at hand */
	LLVMMetadataRef scope;
	bool dead;         /* what comes cannot be reached */
	uint32_t skipped;  /* blocks opened in there */
	bool counts;       /* events are counted in a value: a loop's */
	struct loop *loop; /* the one at hand */
	struct nest *nest;
	bool shown; /* the last address() cannot trap */
	struct check *checks;
	uint32_t check_count, check_cap;
	LLVMValueRef scratch; /* memory for slots */
	uint32_t scratch_slots;
	struct chunk *chunks;
};

/* ---- unit.c ---- */
struct object {
	uint8_t *bytes;
	size_t len;
};
void unit_fail(struct unit *u, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Compiles n functions of the module's own, and with thunks the entries of all
 * types. On failure why, of cap bytes, says it.
 */
struct part {
	const uint32_t *funcs;
	uint32_t n;
	bool thunks;
	unsigned variant;
};
dj_status unit_compile(const struct job *job, const struct part *part,
	struct object *ret, char *why, size_t cap);
LLVMTypeRef type_of(const struct unit *u, uint32_t wasm);
/* A function of a Wasm type that another unit may have; link.c has the names. */
LLVMValueRef named_func(struct unit *u, char kind, uint32_t i, uint32_t type);
LLVMValueRef func_ref(struct unit *u, uint32_t index);
void add_attributes(struct unit *u, LLVMValueRef f);
/* Room in front of a function that is defined, for link.c to put its mark. */
void add_mark(struct unit *u, LLVMValueRef f);
void add_enum(struct unit *u, LLVMValueRef f, const char *name);
void add_string(struct unit *u, LLVMValueRef f, const char *key,
	const char *value);
/* Does LLVM look for vectors in what is compiled, and has the machine any? */
bool makes_vectors(const struct unit *u);
/*
 * Attributes of functions: vectors may be good for it; it has loop_copies();
 * it has a nest of nest.c's; it has just been through thread_states().
 */
#define HAS_FAST   "donjon-fast"
#define HAS_COPIES "donjon-copies"
#define HAS_NEST   "donjon-nest"
#define HAS_STATES "donjon-states"
LLVMValueRef int_const(const struct unit *u, LLVMTypeRef t, uint64_t v);
void set_tag(struct unit *u, LLVMValueRef access, enum tag tag);
LLVMValueRef intrinsic(struct unit *u, const char *name, LLVMTypeRef *over,
	unsigned n_over, LLVMValueRef *args, unsigned n);
/* *(type *)(p + off); invariant: it never changes while code runs. */
LLVMValueRef load_field(struct unit *u, LLVMTypeRef t, LLVMValueRef p,
	uint64_t off, enum tag tag, bool invariant);
LLVMValueRef store_field(struct unit *u, LLVMValueRef v, LLVMValueRef p,
	uint64_t off, enum tag tag);
LLVMValueRef at_offset(struct unit *u, LLVMValueRef p, uint64_t off);
/* Where has_place(): the instance's context. */
LLVMValueRef own_context(struct unit *u);
/* v, and LLVM does not know that it is. */
LLVMValueRef opaque(struct unit *u, LLVMValueRef v);
/* The same for a factor, which LLVM puts together with others, in variants. */
LLVMValueRef hidden(struct unit *u, LLVMValueRef v);
/* A constant of the program, in another form if the last one was no good. */
LLVMValueRef visible_const(struct unit *u, LLVMTypeRef t, uint64_t v);
void compile_enter(struct unit *u, uint32_t type);
void compile_leave(struct unit *u, uint32_t type);

/* ---- abi.c ---- */
LLVMTypeRef sig_of(struct unit *u, uint32_t id);
/* The same, called through a pointer: the context is in front in any case. */
LLVMTypeRef pointer_sig(struct unit *u, uint32_t id);
/* f is called like that, and this parameter is where such calls have it. */
void take_context(struct unit *u, LLVMValueRef f);
/*
 * Are functions called by a convention that has registers as it likes? Else
 * all have the same parameters.
 */
bool is_plain(const struct unit *u);
/* Has the machine registers for vectors? */
bool has_vectors(const struct unit *u);
/*
 * Has the instance's context its place behind the code, where functions find
 * it by themselves? With checks it has not: a function that compares with
 * limits as often as those do has too many distances with forbidden bytes.
 */
bool has_place(const struct unit *u);
/* Do results go through an array of 16-byte places, and not a register? */
bool by_area(const struct unit *u, const struct dj_wasm_functype *t);
/*
 * What to call, and its context and memory's base. Is it known to be a
 * function of the module's own? Where has_place(), it needs neither then, and
 * the base never.
 */
struct callee {
	LLVMValueRef code, ctx, base;
	bool is_own;
};
/* Calls a function of type id; area is NULL unless its results go there. */
LLVMValueRef abi_call(struct unit *u, uint32_t id, const struct callee *c,
	LLVMValueRef area, LLVMValueRef *values, bool is_tail);
/* Room for a value of each parameter; the caller's to free(). */
LLVMValueRef *values_of(const struct dj_wasm_functype *t);
/*
 * What f, of type id, was given, by a call through a pointer or not; *ret_area
 * NULL as above. At its entry.
 */
void abi_params(struct unit *u, LLVMValueRef f, uint32_t id, bool by_pointer,
	LLVMValueRef *ret_values, LLVMValueRef *ret_area);

/* ---- func.c ---- */
void compile_function(struct unit *u, uint32_t index);
void *fn_alloc(struct fn *f, size_t len);
void push(struct fn *f, LLVMValueRef v, uint32_t type);
LLVMValueRef pop(struct fn *f);
LLVMBasicBlockRef new_block(struct fn *f, const char *name);
/* Goes on in a new block unless cond, else to a cold one. */
LLVMBasicBlockRef branch_cold(struct fn *f, LLVMValueRef cond);
/* A trap if cond; NULL: always, and what comes is dead. */
void trap_if(struct fn *f, LLVMValueRef cond, enum dj_trap trap);
void go_dead(struct fn *f);
void branch_to(struct fn *f, uint32_t label);
void branch_if(struct fn *f, LLVMValueRef cond);
void count_event(struct fn *f);
void at_insn(struct fn *f, bool matters);
void take_way(struct fn *f, struct label *l, const struct block *b,
	const uint32_t *types, uint32_t n);
void arrive(struct fn *f, struct label *l, const struct block *b,
	const uint32_t *types, uint32_t n);
LLVMValueRef *set_values(struct fn *f, const struct block *b, uint32_t extra);
void put_set(struct fn *f, const struct block *b, LLVMValueRef *v);
void forget_checks(struct fn *f, uint32_t mark);
void end_arm(struct fn *f, struct block *b);
void leave_function(struct fn *f);
LLVMValueRef scratch(struct fn *f, uint32_t slots);

void do_insn(struct fn *f);
void skip_insn(struct fn *f);
uint32_t set_size(const struct block *b);
LLVMBasicBlockRef here(const struct fn *f);
struct block *open_block(struct fn *f, unsigned kind,
	const struct dj_wasm_block_type *bt, bool planned);
void go_on_at(struct fn *f, LLVMBasicBlockRef bb);

/* ---- loop.c ---- */
/*
 * A loop's two forms. What is emitted first is the plain one: it counts each
 * event and its accesses are checked or may fault. If it turns out that the
 * number of turns is known before, and all or some of the addresses go up or
 * down by the same each turn, a block in front of it asks whether a number of
 * turns is left that none of it traps and no event is due in; a second form
 * of the body, without either, does these, and the plain form the rest.
 */
struct loop *loop_begin(struct fn *f, struct block *b, LLVMValueRef *values);
/* At the plain form's latch, its values in place: counts, goes back. */
void loop_latch(struct fn *f, struct block *b);
void loop_branch(struct fn *f, uint32_t label, LLVMValueRef cond);
void loop_way(struct fn *f, uint32_t label);
/* In the fast form: is what the branch at hand does known of all its turns? */
bool loop_is_counted(const struct fn *f, uint32_t label);
bool loop_is_back(const struct fn *f, uint32_t label);
/* After the plain form's end. */
void loop_end(struct fn *f, const struct block *b);
void loop_block(struct fn *f, LLVMBasicBlockRef bb);
/* An address that is known to be in memory, or NULL. */
LLVMValueRef loop_address(struct fn *f, LLVMValueRef addr, uint64_t width);
/* What the last address was for, if it is one load or one store. */
void loop_access(struct fn *f, LLVMValueRef insn);
/* Is that what another of the fast form's turns does? See reroll.c. */
bool loop_is_copy(const struct fn *f);
/* The instruction at hand can trap, and not for an access. */
void loop_trap(struct fn *f);

/* ---- nest.c ---- */
/*
 * A loop around one innermost loop that makes sums may have a third form, in
 * front of the loop as the fast one is: some of its turns at once. f->r is at
 * its body. The rest is as loop.c's.
 */
struct nest *nest_begin(struct fn *f, struct block *b, LLVMValueRef *values);
/* At the plain form's head. */
void nest_head(struct fn *f, const struct block *b);
void nest_latch(struct fn *f, struct block *b);
void nest_end(struct fn *f, const struct block *b);
void nest_block(struct fn *f, LLVMBasicBlockRef bb);
void nest_branch(struct fn *f, uint32_t label, LLVMValueRef cond);
/* The plain form of l, the innermost loop, is there. */
void nest_inner(struct fn *f, struct loop *l);
/* An address that is known to be in memory, or NULL. */
LLVMValueRef nest_address(struct fn *f, LLVMValueRef addr, uint64_t width);
/* A store to such an address: is it done later? */
bool nest_store(struct fn *f, LLVMValueRef v, LLVMValueRef p);

/* ---- call.c ---- */
/*
 * What each call of this type through table 0 jumps to, where the convention
 * is plain: it looks the function up, checks it and goes on there, all
 * arguments in place; the index comes where a function would have its memory's
 * base, or where has_place() a call through a pointer its context.
 * So there is one lookup per type, not one per call, which made every eighth
 * instruction of SQLite's. It has no frame in a backtrace: entries have none.
 */
void compile_dispatch(struct unit *u, uint32_t type);
void do_call(struct fn *f);
/* Calls a helper; args without the context. NULL if it gives nothing. */
LLVMValueRef help(struct fn *f, enum dj_helper h, LLVMTypeRef ret,
	LLVMValueRef *args, unsigned n);
/*
 * A helper without a result, where code seldom comes. On a machine that has a
 * convention for it the call goes by a function of the image that saves all
 * registers, so that the code around lives as if there were no call. n is the
 * number of arguments besides the context: EVENT and STACK have none, TYPE a
 * function and a type.
 */
void help_cold(struct fn *f, enum dj_helper h, LLVMValueRef *args, unsigned n);
/* The same for TRAP, which does not return. */
void help_trap(struct fn *f, enum dj_trap trap);
/* The functions that those two go by, if there are any. */
void compile_cold(struct unit *u);
void spill_count(struct fn *f);
void reload_count(struct fn *f);

/* ---- throw.c ---- */
void do_throw(struct fn *f);
void do_catch(struct fn *f);
void do_rethrow(struct fn *f);
void catch_all(struct fn *f, struct block *b);
void end_catch(struct fn *f, struct block *b, uint32_t outer);
/* After a call. */
void ask_for_exception(struct fn *f);
/* The top n values to slots of 8 bytes, as the engine has them. */
void put_slots(struct fn *f, LLVMValueRef slots, const uint32_t *types,
	uint32_t n);

/* ---- gc.c ---- */
void do_gc(struct fn *f);
/* The reference on top, which is not null: a trap else. */
LLVMValueRef pop_non_null(struct fn *f);

/* ---- mem.c ---- */
bool is_guarded(const struct fn *f);
LLVMValueRef memory_len(struct fn *f);
void do_load(struct fn *f);
void do_store(struct fn *f);
void do_bulk(struct fn *f);
void do_global(struct fn *f);
/* A place of width bytes in memory that the instruction at hand names. */
LLVMValueRef address(struct fn *f, LLVMValueRef addr, uint64_t width);
LLVMValueRef load_at(struct fn *f, LLVMTypeRef t, LLVMValueRef p);
void store_at(struct fn *f, LLVMValueRef v, LLVMValueRef p);

/* ---- num.c, simd.c ---- */
void do_num(struct fn *f);
void do_simd(struct fn *f);
LLVMValueRef float_min_max(struct fn *f, LLVMValueRef a, LLVMValueRef b,
	bool is_max);
LLVMValueRef float_op(struct fn *f, LLVMOpcode op, LLVMValueRef a,
	LLVMValueRef b);
/* By llvm.ceil, floor, trunc or roundeven. */
LLVMValueRef float_round(struct fn *f, const char *name, LLVMValueRef v);
LLVMValueRef float_promote(struct fn *f, LLVMValueRef v, LLVMTypeRef t);

/* ---- link.c ---- */
/*
 * Puts objects together: the code of all, then the constants. What a later
 * object defines again takes the place of what an earlier one did.
 * DJ_E_SYS: an object is not as expected or lacks a symbol; why says it.
 * DJ_E_STATE: functions have forbidden bytes: bad[i] is set for each, the
 * last one for the entries of types.
 */
dj_status link_objects(const struct job *job, const struct object *objects,
	size_t n, uint8_t **ret, size_t *ret_len, uint8_t *bad, char *why,
	size_t cap);
