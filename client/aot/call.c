// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

#include <stdio.h>
#include <stdlib.h>

/* Calls, and what the engine's helpers do. */
LLVMValueRef help(struct fn *f, enum dj_helper h, LLVMTypeRef ret,
	LLVMValueRef *args, unsigned n)
{
	struct unit *u = f->u;
	LLVMTypeRef types[8], sig;
	LLVMValueRef all[8], callee;

	all[0] = f->ctx;
	types[0] = u->ptr;
	for (unsigned i = 0; i < n; i++) {
		all[i + 1] = args[i];
		types[i + 1] = LLVMTypeOf(args[i]);
	}
	sig = LLVMFunctionType(ret == NULL ? u->void_ : ret, types, n + 1,
		false);
	callee = load_field(u, u->ptr, f->shared,
		DJ_SHARED_HELPERS + 8 * (uint64_t)h, TAG_CONTEXT, true);
	return LLVMBuildCall2(u->b, sig, callee, all, n + 1, "");
}

/* ---- seldom ---- */

static LLVMValueRef helper_of(struct unit *u, LLVMValueRef ctx,
	enum dj_helper h)
{
	LLVMValueRef shared =
		load_field(u, u->ptr, ctx, DJ_CTX_SHARED, TAG_CONTEXT, true);

	return load_field(u, u->ptr, shared,
		DJ_SHARED_HELPERS + 8 * (uint64_t)h, TAG_CONTEXT, true);
}

static LLVMTypeRef cold_sig(const struct unit *u, enum dj_helper h)
{
	LLVMTypeRef types[] = { u->ptr, u->ptr, u->i32 };

	return LLVMFunctionType(u->void_, types, h == DJ_HELP_TYPE ? 3 : 1,
		false);
}

/* link.c knows the names: h and a helper's number, t and a trap's. */
static LLVMValueRef cold_ref(struct unit *u, char kind, unsigned i,
	enum dj_helper h)
{
	char name[MAX_NAME];
	LLVMValueRef f;

	snprintf(name, sizeof(name), "%c%u", kind, i);
	f = LLVMGetNamedFunction(u->mod, name);
	if (f != NULL)
		return f;
	f = LLVMAddFunction(u->mod, name, cold_sig(u, h));
	if (kind == 'h')
		LLVMSetFunctionCallConv(f, u->job->machine->cold_cc);
	add_attributes(u, f);
	add_enum(u, f, "cold");
	return f;
}

static LLVMValueRef begin_cold(struct unit *u, char kind, unsigned i,
	enum dj_helper h)
{
	LLVMValueRef f = cold_ref(u, kind, i, h);

	LLVMPositionBuilderAtEnd(u->b,
		LLVMAppendBasicBlockInContext(u->c, f, ""));
	LLVMSetCurrentDebugLocation2(u->b, NULL);
	return f;
}

static void compile_way(struct unit *u, enum dj_helper h)
{
	LLVMValueRef f = begin_cold(u, 'h', h, h), args[3];

	LLVMGetParams(f, args);
	LLVMBuildCall2(u->b, cold_sig(u, h), helper_of(u, args[0], h), args,
		LLVMCountParams(f), "");
	LLVMBuildRetVoid(u->b);
}

static void compile_trap(struct unit *u, unsigned trap)
{
	LLVMValueRef f = begin_cold(u, 't', trap, DJ_HELP_TRAP);
	LLVMTypeRef types[] = { u->ptr, u->i32 };
	LLVMValueRef args[] = { LLVMGetParam(f, 0),
		int_const(u, u->i32, trap) };

	LLVMBuildCall2(u->b, LLVMFunctionType(u->void_, types, 2, false),
		helper_of(u, args[0], DJ_HELP_TRAP), args, 2, "");
	LLVMBuildUnreachable(u->b);
}

void compile_cold(struct unit *u)
{
	if (u->job->machine->cold_cc == 0)
		return;
	compile_way(u, DJ_HELP_EVENT);
	compile_way(u, DJ_HELP_STACK);
	compile_way(u, DJ_HELP_TYPE);
	for (unsigned t = DJ_TRAP_UNREACHABLE; t <= DJ_TRAP_ARRAY; t++)
		compile_trap(u, t);
}

/* Two that were made one would be at neither's place. */
static void stay_apart(struct fn *f, LLVMValueRef call)
{
	LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex,
		f->u->nomerge);
}

void help_cold(struct fn *f, enum dj_helper h, LLVMValueRef *args, unsigned n)
{
	struct unit *u = f->u;
	LLVMValueRef all[3] = { f->ctx }, call;

	if (u->job->machine->cold_cc == 0) {
		stay_apart(f, help(f, h, NULL, args, n));
		return;
	}
	for (unsigned i = 0; i < n; i++)
		all[i + 1] = args[i];
	call = LLVMBuildCall2(u->b, cold_sig(u, h), cold_ref(u, 'h', h, h), all,
		n + 1, "");
	LLVMSetInstructionCallConv(call, u->job->machine->cold_cc);
	stay_apart(f, call);
}

void help_trap(struct fn *f, enum dj_trap trap)
{
	struct unit *u = f->u;
	LLVMValueRef code = int_const(u, u->i32, trap), call;

	if (u->job->machine->cold_cc == 0)
		call = help(f, DJ_HELP_TRAP, NULL, &code, 1);
	else
		call = LLVMBuildCall2(u->b, cold_sig(u, DJ_HELP_TRAP),
			cold_ref(u, 't', trap, DJ_HELP_TRAP), &f->ctx, 1, "");
	stay_apart(f, call);
	LLVMBuildUnreachable(u->b);
}

/* ---- calls ---- */

static struct callee callee_of(struct fn *f, LLVMValueRef func)
{
	struct unit *u = f->u;
	struct callee c;

	store_field(u, f->ctx, f->shared, DJ_SHARED_CALLER, TAG_SHARED);
	c.code = load_field(u, u->ptr, func, DJ_FUNC_CODE, TAG_TABLE, false);
	c.ctx = load_field(u, u->ptr, func, DJ_FUNC_CTX, TAG_TABLE, false);
	c.base = has_place(u)
		? NULL
		: load_field(u, u->ptr, c.ctx, DJ_CTX_BASE, TAG_TABLE, false);
	c.is_own = false;
	return c;
}

static struct callee direct(struct fn *f, uint32_t index)
{
	struct unit *u = f->u;
	bool is_own = index >= u->m->imported_funcs;
	LLVMValueRef func;

	if (is_own && !u->job->far_calls)
		return (struct callee){ func_ref(u, index), f->ctx, f->base,
			true };
	func = load_field(u, u->ptr, f->ctx, DJ_CTX_FUNCS, TAG_CONTEXT, true);
	func = load_field(u, u->ptr, func, (uint64_t)index * 8, TAG_CONTEXT,
		true);
	if (!is_own)
		return callee_of(f, func);
	func = load_field(u, u->ptr, func, DJ_FUNC_CODE, TAG_CONTEXT, true);
	return (struct callee){ func, f->ctx, f->base, true };
}

/* An index of 64 bits: beyond all tables if it is beyond 32. */
static LLVMValueRef index32(struct fn *f, LLVMValueRef v)
{
	struct unit *u = f->u;
	LLVMValueRef most = int_const(u, u->i64, UINT32_MAX), low;

	if (LLVMTypeOf(v) != u->i64)
		return v;
	low = LLVMBuildTrunc(u->b, v, u->i32, "");
	return LLVMBuildSelect(u->b,
		LLVMBuildICmp(u->b, LLVMIntUGT, v, most, ""),
		int_const(u, u->i32, UINT32_MAX), low, "");
}

/* The function at i of a table, if it is of the type that is asked for. */
static struct callee look_up(struct fn *f, LLVMValueRef i)
{
	struct unit *u = f->u;
	LLVMValueRef t, count, elems, func, id, ids, want, type;
	LLVMBasicBlockRef on;

	at_insn(f, true);
	t = load_field(u, u->ptr, f->ctx, DJ_CTX_TABLES, TAG_CONTEXT, true);
	t = load_field(u, u->ptr, t, (uint64_t)f->i.b * 8, TAG_CONTEXT, true);
	count = load_field(u, u->i32, t, DJ_TABLE_COUNT, TAG_TABLE, false);
	trap_if(f, LLVMBuildICmp(u->b, LLVMIntUGE, i, count, ""),
		DJ_TRAP_TABLE);
	elems = load_field(u, u->ptr, t, DJ_TABLE_ELEMS, TAG_TABLE, false);
	i = LLVMBuildZExt(u->b, i, u->i64, "");
	elems = LLVMBuildInBoundsGEP2(u->b, u->ptr, elems, &i, 1, "");
	func = load_field(u, u->ptr, elems, 0, TAG_TABLE, false);
	trap_if(f, LLVMBuildIsNull(u->b, func, ""), DJ_TRAP_UNINITIALISED);
	ids = load_field(u, u->ptr, f->ctx, DJ_CTX_TYPE_IDS, TAG_CONTEXT, true);
	want = load_field(u, u->i32, ids, (uint64_t)f->i.a * 4, TAG_CONTEXT,
		true);
	id = load_field(u, u->i32, func, DJ_FUNC_TYPE_ID, TAG_TABLE, false);
	/* The engine says whether another type will do. */
	on = branch_cold(f, LLVMBuildICmp(u->b, LLVMIntNE, id, want, ""));
	spill_count(f);
	at_insn(f, true);
	type = int_const(u, u->i32, f->i.a);
	help_cold(f, DJ_HELP_TYPE, (LLVMValueRef[]){ func, type }, 2);
	LLVMBuildBr(u->b, on);
	LLVMPositionBuilderAtEnd(u->b, on);
	return callee_of(f, func);
}

/* The callee takes this frame's place, and its results are ours. */
static void tail_call(struct fn *f, LLVMValueRef call)
{
	if (f->type->result_count == 1 && !by_area(f->u, f->type))
		LLVMBuildRet(f->u->b, call);
	else
		LLVMBuildRetVoid(f->u->b);
	go_dead(f);
}

static LLVMValueRef dispatch_ref(struct unit *u, uint32_t type)
{
	return named_func(u, 'd', type, type);
}

void compile_dispatch(struct unit *u, uint32_t type)
{
	const struct dj_wasm_functype *t = dj_wasm_functype_at(u->m, type);
	struct fn f = { .u = u, .type = t, .i = { .a = type } };
	LLVMValueRef *args = values_of(t), area, i;
	struct callee c;

	f.f = dispatch_ref(u, type);
	go_on_at(&f, new_block(&f, ""));
	LLVMSetCurrentDebugLocation2(u->b, NULL);
	f.ctx = has_place(u) ? own_context(u) : LLVMGetParam(f.f, 0);
	f.shared =
		load_field(u, u->ptr, f.ctx, DJ_CTX_SHARED, TAG_CONTEXT, true);
	abi_params(u, f.f, type, true, args, &area);
	i = LLVMBuildPtrToInt(u->b, LLVMGetParam(f.f, has_place(u) ? 0 : 1),
		u->i32, "");
	c = look_up(&f, i);
	tail_call(&f, abi_call(u, type, &c, area, args, true));
	free(args);
}

static struct callee indirect(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef i = index32(f, pop(f));
	struct callee c;

	if (f->i.b != 0 || !is_plain(u))
		return look_up(f, i);
	i = LLVMBuildZExt(u->b, i, u->i64, "");
	i = LLVMBuildIntToPtr(u->b, i, u->ptr, "");
	c = (struct callee){ .code = dispatch_ref(u, f->i.a) };
	c.ctx = has_place(u) ? i : f->ctx;
	c.base = i;
	return c;
}

static void push_results(struct fn *f, const struct dj_wasm_functype *t,
	LLVMValueRef call, LLVMValueRef area)
{
	struct unit *u = f->u;

	if (t->result_count == 1 && area == NULL) {
		push(f, call, t->results[0]);
		return;
	}
	for (uint32_t i = 0; i < t->result_count; i++) {
		LLVMValueRef v = LLVMBuildLoad2(u->b, type_of(u, t->results[i]),
			at_offset(u, area, (uint64_t)i * 16), "");

		LLVMSetAlignment(v, 8);
		push(f, v, t->results[i]);
	}
}

static struct callee by_reference(struct fn *f)
{
	return callee_of(f, pop_non_null(f));
}

void do_call(struct fn *f)
{
	struct unit *u = f->u;
	uint32_t op = f->i.op;
	bool is_tail = op == DJ_OP_RETURN_CALL ||
		op == DJ_OP_RETURN_CALL_INDIRECT || op == DJ_OP_RETURN_CALL_REF;
	bool is_ref = op == DJ_OP_CALL_REF || op == DJ_OP_RETURN_CALL_REF;
	bool is_direct = op == DJ_OP_CALL || op == DJ_OP_RETURN_CALL;
	uint32_t id = is_direct ? u->m->funcs[f->i.a].type : f->i.a;
	const struct dj_wasm_functype *t = dj_wasm_functype_at(u->m, id);
	struct callee c;
	LLVMValueRef *args, area = NULL, call;

	at_insn(f, false);
	c = is_direct    ? direct(f, f->i.a)
		: is_ref ? by_reference(f)
			 : indirect(f);
	args = fn_alloc(f, ((size_t)t->param_count + 1) * sizeof(LLVMValueRef));
	if (by_area(u, t))
		area = is_tail ? f->ret : scratch(f, 2 * t->result_count);
	for (uint32_t i = 0; i < t->param_count; i++)
		args[i] = f->stack[f->height - t->param_count + i].v;
	f->height -= t->param_count;
	/* Of a loop that counts in a value only a tail call leaves. */
	spill_count(f);
	at_insn(f, true);
	call = abi_call(u, id, &c, area, args, is_tail);
	/* What an index does not name is found out in there, and told of here. */
	if (!is_direct)
		stay_apart(f, call);
	if (is_tail) {
		tail_call(f, call);
		return;
	}
	at_insn(f, false);
	ask_for_exception(f);
	push_results(f, t, call, area);
}

/* ---- the engine's helpers ---- */

static LLVMValueRef u32_of(struct fn *f, uint32_t v)
{
	return visible_const(f->u, f->u->i32, v);
}

/* Pops n operands to args[at..]; those of 64 bits are cut to 32. */
static void pop_args(struct fn *f, LLVMValueRef *args, unsigned at, unsigned n)
{
	for (unsigned i = n; i > 0; i--)
		args[at + i - 1] = index32(f, pop(f));
}

static void memory_size(struct fn *f)
{
	struct unit *u = f->u;
	bool is64 = u->m->memories[f->i.a].is64;
	LLVMValueRef v = load_field(u, u->ptr, f->ctx, DJ_CTX_MEMORIES,
		TAG_CONTEXT, true);

	v = load_field(u, u->ptr, v, (uint64_t)f->i.a * 8, TAG_CONTEXT, true);
	v = load_field(u, u->i64, v, DJ_MEMORY_LEN, TAG_TABLE, false);
	v = LLVMBuildLShr(u->b, v, int_const(u, u->i64, 16), "");
	if (!is64)
		v = LLVMBuildTrunc(u->b, v, u->i32, "");
	push(f, v, is64 ? DJ_WASM_I64 : DJ_WASM_I32);
}

/* The old size, or -1, of as many bits as indexes have. */
static void push_size(struct fn *f, LLVMValueRef v, bool is64)
{
	struct unit *u = f->u;

	if (!is64) {
		push(f, v, DJ_WASM_I32);
		return;
	}
	v = LLVMBuildSelect(u->b,
		LLVMBuildICmp(u->b, LLVMIntEQ, v, u32_of(f, UINT32_MAX), ""),
		int_const(u, u->i64, UINT64_MAX),
		LLVMBuildZExt(u->b, v, u->i64, ""), "");
	push(f, v, DJ_WASM_I64);
}

static void table_size(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef t =
		load_field(u, u->ptr, f->ctx, DJ_CTX_TABLES, TAG_CONTEXT, true);

	t = load_field(u, u->ptr, t, (uint64_t)f->i.a * 8, TAG_CONTEXT, true);
	t = load_field(u, u->i32, t, DJ_TABLE_COUNT, TAG_TABLE, false);
	if (u->m->tables[f->i.a].limits.is64)
		push(f, LLVMBuildZExt(u->b, t, u->i64, ""), DJ_WASM_I64);
	else
		push(f, t, DJ_WASM_I32);
}

/* What gives a value. */
static void do_bulk_value(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef a[6] = { u32_of(f, f->i.a) };

	switch (f->i.op) {
	case DJ_OP_MEMORY_GROW:
		a[1] = pop(f);
		if (LLVMTypeOf(a[1]) == u->i32)
			a[1] = LLVMBuildZExt(u->b, a[1], u->i64, "");
		push_size(f, help(f, DJ_HELP_MEMORY_GROW, u->i32, a, 2),
			u->m->memories[f->i.a].is64);
		break;
	case DJ_OP_TABLE_GROW:
		pop_args(f, a, 1, 2);
		push_size(f, help(f, DJ_HELP_TABLE_GROW, u->i32, a, 3),
			u->m->tables[f->i.a].limits.is64);
		break;
	case DJ_OP_TABLE_GET:
		pop_args(f, a, 1, 1);
		push(f, help(f, DJ_HELP_TABLE_GET, u->ptr, a, 2),
			u->m->tables[f->i.a].elem);
		break;
	default:
		break;
	}
}

void do_bulk(struct fn *f)
{
	LLVMValueRef a[6] = { u32_of(f, f->i.a), u32_of(f, f->i.b) };

	at_insn(f, true);
	switch (f->i.op) {
	case DJ_OP_MEMORY_SIZE:
		memory_size(f);
		break;
	case DJ_OP_TABLE_SIZE:
		table_size(f);
		break;
	case DJ_OP_DATA_DROP:
		(void)help(f, DJ_HELP_DATA_DROP, NULL, a, 1);
		break;
	case DJ_OP_ELEM_DROP:
		(void)help(f, DJ_HELP_ELEM_DROP, NULL, a, 1);
		break;
	case DJ_OP_MEMORY_INIT:
		a[0] = u32_of(f, f->i.b);
		a[1] = u32_of(f, f->i.a);
		pop_args(f, a, 2, 3);
		(void)help(f, DJ_HELP_MEMORY_INIT, NULL, a, 5);
		break;
	case DJ_OP_MEMORY_COPY:
		pop_args(f, a, 2, 3);
		(void)help(f, DJ_HELP_MEMORY_COPY, NULL, a, 5);
		break;
	case DJ_OP_MEMORY_FILL:
		pop_args(f, a, 1, 3);
		(void)help(f, DJ_HELP_MEMORY_FILL, NULL, a, 4);
		break;
	case DJ_OP_TABLE_SET:
		pop_args(f, a, 1, 2);
		(void)help(f, DJ_HELP_TABLE_SET, NULL, a, 3);
		break;
	case DJ_OP_TABLE_FILL:
		pop_args(f, a, 1, 3);
		(void)help(f, DJ_HELP_TABLE_FILL, NULL, a, 4);
		break;
	case DJ_OP_TABLE_INIT:
		/* The segment comes first in the module, the table here. */
		a[0] = u32_of(f, f->i.b);
		a[1] = u32_of(f, f->i.a);
		pop_args(f, a, 2, 3);
		(void)help(f, DJ_HELP_TABLE_INIT, NULL, a, 5);
		break;
	case DJ_OP_TABLE_COPY:
		pop_args(f, a, 2, 3);
		(void)help(f, DJ_HELP_TABLE_COPY, NULL, a, 5);
		break;
	default:
		do_bulk_value(f);
	}
	at_insn(f, false);
}
