// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * How functions call each other.
 *
 * x86-64: as C does, each parameter as one of LLVM's; in a module with tail
 * calls by LLVM's tailcc, which takes what is on the stack away before it
 * returns, and something always is: an instruction more after each call, and
 * every fifteenth byte of SQLite's code. In front are context and base; with
 * guard pages neither is, for functions find them (has_place()), and a call
 * through a pointer has the context where C has no parameter.
 *
 * riscv64 and ppc64le have no tailcc, and promise a tail call between
 * functions of one prototype only, none of whose parameters is in memory. So
 * all functions have the same parameters: context, base, and as many integers,
 * floats, doubles and vectors as there are registers for. A value takes the
 * next one of its kind; what is left over, and vectors where there are no
 * registers for them, go through the store's argument area (DJ_SHARED_ARGS),
 * which the callee reads before it does anything else.
 *
 * ppc64le has no promise for calls through a pointer at all, for whoever
 * makes one restores its TOC pointer afterwards. A tail call goes to a
 * function of this object's own instead, whose code is a jump to the address
 * in DJ_SHARED_TARGET, all registers as they are. What comes back from there
 * may have another image's TOC pointer: where tail calls can leave an image,
 * its functions call each other through pointers too (struct job, far_calls).
 */
bool is_plain(const struct unit *u)
{
	return u->job->machine->regs[REG_INT] == 0;
}

bool has_vectors(const struct unit *u)
{
	return is_plain(u) || u->job->machine->regs[REG_VECTOR] != 0;
}

bool has_place(const struct unit *u)
{
	return dj_native_has_place(u->job->opt.isa, u->job->opt.bounds);
}

bool by_area(const struct unit *u, const struct dj_wasm_functype *t)
{
	return t->result_count > 1 ||
		(t->result_count == 1 && t->results[0] == DJ_WASM_V128 &&
			!has_vectors(u));
}

static enum reg_kind kind_of(uint32_t type)
{
	switch (type) {
	case DJ_WASM_F32:
		return REG_FLOAT;
	case DJ_WASM_F64:
		return REG_DOUBLE;
	case DJ_WASM_V128:
		return REG_VECTOR;
	default:
		return REG_INT;
	}
}

static LLVMTypeRef result_of(const struct unit *u,
	const struct dj_wasm_functype *t)
{
	return t->result_count == 1 && !by_area(u, t)
		? type_of(u, t->results[0])
		: u->void_;
}

/* How many parameters are in front of the results and the function's own. */
static unsigned leading(const struct unit *u, bool by_pointer)
{
	return has_place(u) ? by_pointer : 2;
}

static LLVMTypeRef plain_sig(struct unit *u, const struct dj_wasm_functype *t,
	unsigned lead)
{
	LLVMTypeRef *params = calloc((size_t)t->param_count + 3,
			    sizeof(LLVMTypeRef)),
		    sig;
	unsigned n = 0;

	if (params == NULL)
		abort();
	while (n < lead)
		params[n++] = u->ptr;
	if (by_area(u, t))
		params[n++] = u->ptr;
	for (uint32_t i = 0; i < t->param_count; i++)
		params[n++] = type_of(u, t->params[i]);
	sig = LLVMFunctionType(result_of(u, t), params, n, false);
	free(params);
	return sig;
}

#define MAX_REGS 32

/* Where the registers of a kind begin among the parameters. */
static unsigned first_reg(const struct unit *u, enum reg_kind kind)
{
	unsigned n = 2;

	for (unsigned k = 0; k < kind; k++)
		n += u->job->machine->regs[k];
	return n;
}

static LLVMTypeRef same_sig(struct unit *u, const struct dj_wasm_functype *t)
{
	LLVMTypeRef const types[] = { u->i64, u->f32, u->f64, u->v128 };
	LLVMTypeRef params[MAX_REGS] = { u->ptr, u->ptr };
	unsigned n = 2;

	for (unsigned k = 0; k < REG_KINDS; k++)
		for (unsigned i = 0; i < u->job->machine->regs[k]; i++)
			params[n++] = types[k];
	return LLVMFunctionType(result_of(u, t), params, n, false);
}

LLVMTypeRef sig_of(struct unit *u, uint32_t id)
{
	const struct dj_wasm_functype *t = dj_wasm_functype_at(u->m, id);
	LLVMTypeRef *sig = &u->sigs[id];

	if (*sig == NULL)
		*sig = is_plain(u) ? plain_sig(u, t, leading(u, false))
				   : same_sig(u, t);
	return *sig;
}

LLVMTypeRef pointer_sig(struct unit *u, uint32_t id)
{
	return has_place(u)
		? plain_sig(u, dj_wasm_functype_at(u->m, id), leading(u, true))
		: sig_of(u, id);
}

/* LLVM's nest is r10, which no parameter has. */
static LLVMAttributeRef nest(const struct unit *u)
{
	return LLVMCreateEnumAttribute(u->c,
		LLVMGetEnumAttributeKindForName("nest", 4), 0);
}

void take_context(struct unit *u, LLVMValueRef f)
{
	if (has_place(u))
		LLVMAddAttributeAtIndex(f, 1, nest(u));
}

/* ---- values to registers and back ---- */

/* Who gets which parameter; or a place in the argument area. */
struct places {
	unsigned used[REG_KINDS], in_area;
};

/* The parameter's number, or 0: it is *ret_at bytes into the area. */
static unsigned next_place(const struct unit *u, struct places *p,
	enum reg_kind kind, uint64_t *ret_at)
{
	*ret_at = 0;
	if (p->used[kind] < u->job->machine->regs[kind])
		return first_reg(u, kind) + p->used[kind]++;
	*ret_at = (uint64_t)16 * p->in_area++;
	return 0;
}

static LLVMValueRef to_reg(struct unit *u, LLVMValueRef v)
{
	LLVMTypeRef t = LLVMTypeOf(v);

	if (t == u->ptr)
		return LLVMBuildPtrToInt(u->b, v, u->i64, "");
	if (t != u->i32)
		return v;
	/* As 32-bit instructions leave it, so that it costs nothing. */
	return u->job->opt.isa == DJ_ISA_RISCV64
		? LLVMBuildSExt(u->b, v, u->i64, "")
		: LLVMBuildZExt(u->b, v, u->i64, "");
}

static LLVMValueRef from_reg(struct unit *u, LLVMValueRef v, LLVMTypeRef t)
{
	if (t == u->ptr)
		return LLVMBuildIntToPtr(u->b, v, t, "");
	return t == u->i32 ? LLVMBuildTrunc(u->b, v, t, "") : v;
}

static LLVMValueRef area_of(struct unit *u, LLVMValueRef ctx)
{
	LLVMValueRef shared =
		load_field(u, u->ptr, ctx, DJ_CTX_SHARED, TAG_CONTEXT, true);

	return load_field(u, u->ptr, shared, DJ_SHARED_ARGS, TAG_CONTEXT, true);
}

static void set_args(struct unit *u, const struct dj_wasm_functype *t,
	const struct callee *c, LLVMValueRef area, LLVMValueRef *values,
	LLVMValueRef *args)
{
	struct places p = { { 0 }, 0 };
	LLVMValueRef extra = NULL, s;
	uint64_t at;

	args[0] = c->ctx;
	args[1] = c->base;
	if (area != NULL)
		args[next_place(u, &p, REG_INT, &at)] = to_reg(u, area);
	for (uint32_t i = 0; i < t->param_count; i++) {
		unsigned n = next_place(u, &p, kind_of(t->params[i]), &at);

		if (n != 0) {
			args[n] = to_reg(u, values[i]);
			continue;
		}
		if (extra == NULL)
			extra = area_of(u, c->ctx);
		s = LLVMBuildStore(u->b, values[i], at_offset(u, extra, at));
		LLVMSetAlignment(s, 4);
		set_tag(u, s, TAG_SHARED);
	}
}

LLVMValueRef *values_of(const struct dj_wasm_functype *t)
{
	LLVMValueRef *v =
		calloc((size_t)t->param_count + 1, sizeof(LLVMValueRef));

	if (v == NULL)
		abort();
	return v;
}

void abi_params(struct unit *u, LLVMValueRef f, uint32_t id, bool by_pointer,
	LLVMValueRef *ret_values, LLVMValueRef *ret_area)
{
	const struct dj_wasm_functype *t = dj_wasm_functype_at(u->m, id);
	struct places p = { { 0 }, 0 };
	LLVMValueRef extra = NULL;
	unsigned first = leading(u, by_pointer), n;
	uint64_t at;

	*ret_area = NULL;
	if (is_plain(u)) {
		if (by_area(u, t))
			*ret_area = LLVMGetParam(f, first++);
		for (uint32_t i = 0; i < t->param_count; i++)
			ret_values[i] = LLVMGetParam(f, first + i);
		return;
	}
	if (by_area(u, t))
		*ret_area = from_reg(u,
			LLVMGetParam(f, next_place(u, &p, REG_INT, &at)),
			u->ptr);
	for (uint32_t i = 0; i < t->param_count; i++) {
		LLVMTypeRef type = type_of(u, t->params[i]);

		n = next_place(u, &p, kind_of(t->params[i]), &at);
		if (n != 0) {
			ret_values[i] = from_reg(u, LLVMGetParam(f, n), type);
			continue;
		}
		if (extra == NULL)
			extra = area_of(u, LLVMGetParam(f, 0));
		ret_values[i] =
			LLVMBuildLoad2(u->b, type, at_offset(u, extra, at), "");
		LLVMSetAlignment(ret_values[i], 4);
		set_tag(u, ret_values[i], TAG_SHARED);
	}
}

/* ---- calls ---- */

/*
 * ppc64le: goes to where DJ_SHARED_TARGET of the callee's context (r3) says,
 * with that address in r12 as a function's entry wants it.
 */
static LLVMValueRef jump(struct unit *u, LLVMTypeRef sig)
{
	static const char code[] = "ld 12, %u(3)\n\tld 12, %u(12)\n\t"
				   "mtctr 12\n\tbctr";
	LLVMBasicBlockRef here = LLVMGetInsertBlock(u->b);
	LLVMTypeRef none = LLVMFunctionType(u->void_, NULL, 0, false);
	char text[sizeof(code) + 16], name[MAX_NAME];
	LLVMMetadataRef line = LLVMGetCurrentDebugLocation2(u->b);
	LLVMValueRef f, a;
	int len;

	/* One per type of result. */
	snprintf(name, sizeof(name), "jump%u.%u",
		(unsigned)LLVMGetTypeKind(LLVMGetReturnType(sig)),
		LLVMGetTypeKind(LLVMGetReturnType(sig)) == LLVMIntegerTypeKind
			? LLVMGetIntTypeWidth(LLVMGetReturnType(sig))
			: 0);
	f = LLVMGetNamedFunction(u->mod, name);
	if (f != NULL)
		return f;
	f = LLVMAddFunction(u->mod, name, sig);
	LLVMSetFunctionCallConv(f, u->job->cc);
	LLVMSetVisibility(f, LLVMHiddenVisibility);
	add_enum(u, f, "naked");
	add_enum(u, f, "noinline");
	add_enum(u, f, "nounwind");
	LLVMPositionBuilderAtEnd(u->b,
		LLVMAppendBasicBlockInContext(u->c, f, ""));
	LLVMSetCurrentDebugLocation2(u->b, NULL);
	len = snprintf(text, sizeof(text), code, DJ_CTX_SHARED,
		DJ_SHARED_TARGET);
	a = LLVMGetInlineAsm(none, text, (size_t)len, "", 0, true, false,
		LLVMInlineAsmDialectATT, false);
	LLVMBuildCall2(u->b, none, a, NULL, 0, "");
	LLVMBuildUnreachable(u->b);
	LLVMPositionBuilderAtEnd(u->b, here);
	LLVMSetCurrentDebugLocation2(u->b, line);
	return f;
}

static LLVMValueRef plain_call(struct unit *u, uint32_t id,
	const struct callee *c, LLVMValueRef area, LLVMValueRef *values)
{
	const struct dj_wasm_functype *t = dj_wasm_functype_at(u->m, id);
	LLVMValueRef *args =
		calloc((size_t)t->param_count + 3, sizeof(LLVMValueRef));
	LLVMValueRef call;
	unsigned lead = leading(u, !c->is_own), n = 0;

	if (args == NULL)
		abort();
	if (lead > 0)
		args[n++] = c->ctx;
	if (lead > 1)
		args[n++] = c->base;
	if (area != NULL)
		args[n++] = area;
	for (uint32_t i = 0; i < t->param_count; i++)
		args[n++] = values[i];
	call = LLVMBuildCall2(u->b,
		c->is_own ? sig_of(u, id) : pointer_sig(u, id), c->code, args,
		n, "");
	if (has_place(u) && !c->is_own)
		LLVMAddCallSiteAttribute(call, 1, nest(u));
	free(args);
	return call;
}

static LLVMValueRef same_call(struct unit *u, uint32_t id,
	const struct callee *c, LLVMValueRef area, LLVMValueRef *values,
	bool is_tail)
{
	LLVMTypeRef sig = sig_of(u, id), types[MAX_REGS];
	LLVMValueRef args[MAX_REGS], code = c->code, shared;
	unsigned n = LLVMCountParamTypes(sig);

	LLVMGetParamTypes(sig, types);
	for (unsigned i = 0; i < n; i++)
		args[i] = LLVMGetUndef(types[i]);
	set_args(u, dj_wasm_functype_at(u->m, id), c, area, values, args);
	if (is_tail && u->job->opt.isa == DJ_ISA_PPC64LE) {
		shared = load_field(u, u->ptr, c->ctx, DJ_CTX_SHARED,
			TAG_CONTEXT, true);
		store_field(u, code, shared, DJ_SHARED_TARGET, TAG_SHARED);
		code = jump(u, sig);
	}
	return LLVMBuildCall2(u->b, sig, code, args, n, "");
}

LLVMValueRef abi_call(struct unit *u, uint32_t id, const struct callee *c,
	LLVMValueRef area, LLVMValueRef *values, bool is_tail)
{
	LLVMValueRef call = is_plain(u)
		? plain_call(u, id, c, area, values)
		: same_call(u, id, c, area, values, is_tail);

	LLVMSetInstructionCallConv(call, u->job->cc);
	LLVMSetTailCallKind(call,
		is_tail ? LLVMTailCallKindMustTail : LLVMTailCallKindNoTail);
	return call;
}
