// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

#include <llvm-c/Transforms/PassBuilder.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_CC 18u /* llvm::CallingConv::Tail */

void unit_fail(struct unit *u, const char *fmt, ...)
{
	va_list ap;

	if (u->failed)
		return;
	u->failed = true;
	va_start(ap, fmt);
	vsnprintf(u->why, sizeof(u->why), fmt, ap);
	va_end(ap);
}

LLVMTypeRef type_of(const struct unit *u, uint32_t wasm)
{
	switch (wasm) {
	case DJ_WASM_I32:
		return u->i32;
	case DJ_WASM_I64:
		return u->i64;
	case DJ_WASM_F32:
		return u->f32;
	case DJ_WASM_F64:
		return u->f64;
	case DJ_WASM_V128:
		return u->v128;
	default:
		return u->ptr;
	}
}

LLVMTypeRef sig_of(struct unit *u, uint32_t id)
{
	const struct dj_wasm_functype *t = dj_wasm_functype_at(u->m, id);
	LLVMTypeRef *sig = &u->sigs[id], *params, ret = u->void_;
	unsigned n = 0;

	if (*sig != NULL)
		return *sig;
	params = calloc((size_t)t->param_count + 3, sizeof(LLVMTypeRef));
	if (params == NULL)
		abort();
	params[n++] = u->ptr;
	params[n++] = u->ptr;
	if (t->result_count > 1)
		params[n++] = u->ptr;
	for (uint32_t i = 0; i < t->param_count; i++)
		params[n++] = type_of(u, t->params[i]);
	if (t->result_count == 1)
		ret = type_of(u, t->results[0]);
	*sig = LLVMFunctionType(ret, params, n, false);
	free(params);
	return *sig;
}

static void add_string(struct unit *u, LLVMValueRef f, const char *key,
	const char *value)
{
	LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
		LLVMCreateStringAttribute(u->c, key, (unsigned)strlen(key),
			value, (unsigned)strlen(value)));
}

static void add_enum(struct unit *u, LLVMValueRef f, const char *name)
{
	unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));

	LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
		LLVMCreateEnumAttribute(u->c, kind, 0));
}

/* Frame pointers: backtraces follow them. No calls to a C library. */
void add_attributes(struct unit *u, LLVMValueRef f)
{
	static const char *const tunes[] = { "generic", "znver2", "atom",
		"sandybridge", "slm", "haswell" };

	LLVMSetVisibility(f, LLVMHiddenVisibility);
	add_enum(u, f, "nounwind");
	add_enum(u, f, "noinline");
	add_string(u, f, "frame-pointer", "all");
	add_string(u, f, "no-builtins", "true");
	add_string(u, f, "probe-stack", "inline-asm");
	add_string(u, f, "no-jump-tables", "false");
	add_string(u, f, "target-cpu", u->job->cpu);
	if (u->job->cpu_features[0] != '\0')
		add_string(u, f, "target-features", u->job->cpu_features);
	if (u->job->opt.isa == DJ_ISA_X86_64 && u->variant != 0)
		add_string(u, f, "tune-cpu",
			tunes[u->variant % (sizeof(tunes) / sizeof(*tunes))]);
}

LLVMValueRef func_ref(struct unit *u, uint32_t index)
{
	char name[MAX_NAME];
	LLVMValueRef f;

	snprintf(name, sizeof(name), "f%u", index);
	f = LLVMGetNamedFunction(u->mod, name);
	if (f != NULL)
		return f;
	f = LLVMAddFunction(u->mod, name, sig_of(u, u->m->funcs[index].type));
	LLVMSetFunctionCallConv(f, TAIL_CC);
	add_attributes(u, f);
	return f;
}

LLVMValueRef int_const(const struct unit *u, LLVMTypeRef t, uint64_t v)
{
	(void)u;
	return LLVMConstInt(t, v, false);
}

void set_tag(struct unit *u, LLVMValueRef access, enum tag tag)
{
	LLVMSetMetadata(access, u->kind_tbaa, u->tags[tag]);
}

LLVMValueRef intrinsic(struct unit *u, const char *name, LLVMTypeRef *over,
	unsigned n_over, LLVMValueRef *args, unsigned n)
{
	unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
	LLVMValueRef f;

	if (id == 0) {
		unit_fail(u, "LLVM has no %s", name);
		return args[0];
	}
	f = LLVMGetIntrinsicDeclaration(u->mod, id, over, n_over);
	return LLVMBuildCall2(u->b,
		LLVMIntrinsicGetType(u->c, id, over, n_over), f, args, n, "");
}

LLVMValueRef at_offset(struct unit *u, LLVMValueRef p, uint64_t off)
{
	LLVMValueRef i = int_const(u, u->i64, off);

	if (off == 0)
		return p;
	return LLVMBuildInBoundsGEP2(u->b, u->i8, p, &i, 1, "");
}

LLVMValueRef load_field(struct unit *u, LLVMTypeRef t, LLVMValueRef p,
	uint64_t off, enum tag tag, bool invariant)
{
	LLVMValueRef v = LLVMBuildLoad2(u->b, t, at_offset(u, p, off), "");

	LLVMSetAlignment(v, t == u->i32 ? 4 : 8);
	set_tag(u, v, tag);
	if (invariant)
		LLVMSetMetadata(v, u->kind_invariant, u->empty);
	return v;
}

LLVMValueRef store_field(struct unit *u, LLVMValueRef v, LLVMValueRef p,
	uint64_t off, enum tag tag)
{
	LLVMValueRef s = LLVMBuildStore(u->b, v, at_offset(u, p, off));

	LLVMSetAlignment(s, LLVMTypeOf(v) == u->i32 ? 4 : 8);
	set_tag(u, s, tag);
	return s;
}

LLVMValueRef opaque(struct unit *u, LLVMValueRef v)
{
	LLVMTypeRef t = LLVMTypeOf(v), sig = LLVMFunctionType(t, &t, 1, false);
	bool is_int = LLVMGetTypeKind(t) == LLVMIntegerTypeKind;
	const char *how = is_int                   ? "=r,0"
		: u->job->opt.isa == DJ_ISA_X86_64 ? "=x,0"
		: LLVMGetTypeKind(t) == LLVMVectorTypeKind &&
			u->job->opt.isa == DJ_ISA_PPC64LE
		? "=v,0"
		: "=f,0";
	LLVMValueRef a = LLVMGetInlineAsm(sig, "", 0, how, strlen(how), false,
		false, LLVMInlineAsmDialectATT, false);

	return LLVMBuildCall2(u->b, sig, a, &v, 1, "");
}

/* May the constant's bytes, or what is around them, be forbidden ones? */
static bool is_risky(uint64_t v)
{
	for (; v != 0; v >>= 8) {
		uint8_t b = (uint8_t)v;

		if (b == 0x0f || b == 0xcd || b == 0x05 || b == 0x34 ||
			b == 0x80)
			return true;
	}
	return false;
}

LLVMValueRef visible_const(struct unit *u, LLVMTypeRef t, uint64_t v)
{
	LLVMValueRef mask = LLVMConstInt(t,
		UINT64_C(0x5a3b6a5958697b68) ^ ((uint64_t)u->variant << 20),
		false);
	LLVMValueRef c = LLVMConstInt(t, v, false);

	if (u->variant == 0 || !is_risky(v))
		return c;
	c = opaque(u, LLVMConstXor(c, mask));
	return LLVMBuildXor(u->b, c, mask, "");
}

/* ---- entries ---- */

static LLVMValueRef add_entry(struct unit *u, char kind, uint32_t type,
	LLVMTypeRef sig, unsigned cc)
{
	char name[MAX_NAME];
	LLVMValueRef f;

	snprintf(name, sizeof(name), "%c%u", kind, type);
	f = LLVMAddFunction(u->mod, name, sig);
	LLVMSetFunctionCallConv(f, cc);
	add_attributes(u, f);
	LLVMPositionBuilderAtEnd(u->b,
		LLVMAppendBasicBlockInContext(u->c, f, ""));
	LLVMSetCurrentDebugLocation2(u->b, NULL);
	return f;
}

/* One value from or to slots, which are 8 bytes; returns those it takes. */
static uint32_t slot_load(struct unit *u, LLVMValueRef slots, uint32_t at,
	uint32_t type, LLVMValueRef *ret)
{
	*ret = LLVMBuildLoad2(u->b, type_of(u, type),
		at_offset(u, slots, (uint64_t)at * 8), "");
	LLVMSetAlignment(*ret, 8);
	if (type == DJ_WASM_I32 || type == DJ_WASM_F32)
		LLVMSetAlignment(*ret, 4);
	return type == DJ_WASM_V128 ? 2 : 1;
}

static uint32_t slot_store(struct unit *u, LLVMValueRef slots, uint32_t at,
	uint32_t type, LLVMValueRef v)
{
	LLVMValueRef s;

	if (type == DJ_WASM_F32)
		v = LLVMBuildBitCast(u->b, v, u->i32, "");
	if (type == DJ_WASM_I32 || type == DJ_WASM_F32)
		v = LLVMBuildZExt(u->b, v, u->i64, "");
	s = LLVMBuildStore(u->b, v, at_offset(u, slots, (uint64_t)at * 8));
	LLVMSetAlignment(s, 8);
	return type == DJ_WASM_V128 ? 2 : 1;
}

static LLVMValueRef array_of(struct unit *u, uint64_t bytes)
{
	LLVMValueRef a = LLVMBuildAlloca(u->b,
		LLVMArrayType2(u->i8, bytes == 0 ? 8 : bytes), "");

	LLVMSetAlignment(a, 16);
	return a;
}

void compile_enter(struct unit *u, uint32_t type)
{
	const struct dj_wasm_functype *t = dj_wasm_functype_at(u->m, type);
	LLVMTypeRef four[] = { u->ptr, u->ptr, u->ptr, u->ptr };
	LLVMValueRef f = add_entry(u, 'e', type,
		LLVMFunctionType(u->void_, four, 4, false), 0);
	LLVMValueRef slots = LLVMGetParam(f, 3), area = NULL, call, v;
	LLVMValueRef *args =
		calloc((size_t)t->param_count + 3, sizeof(LLVMValueRef));
	uint32_t at = 0;
	unsigned n = 0;

	if (args == NULL)
		abort();
	args[n++] = LLVMGetParam(f, 0);
	args[n++] = LLVMGetParam(f, 1);
	if (t->result_count > 1) {
		area = array_of(u, (uint64_t)t->result_count * 16);
		args[n++] = area;
	}
	for (uint32_t i = 0; i < t->param_count; i++)
		at += slot_load(u, slots, at, t->params[i], &args[n++]);
	call = LLVMBuildCall2(u->b, sig_of(u, type), LLVMGetParam(f, 2), args,
		n, "");
	LLVMSetInstructionCallConv(call, TAIL_CC);
	LLVMSetTailCallKind(call, LLVMTailCallKindNoTail);
	free(args);
	at = 0;
	for (uint32_t i = 0; i < t->result_count; i++) {
		v = call;
		if (area != NULL)
			(void)slot_load(u, area, 2 * i, t->results[i], &v);
		at += slot_store(u, slots, at, t->results[i], v);
	}
	LLVMBuildRetVoid(u->b);
}

void compile_leave(struct unit *u, uint32_t type)
{
	const struct dj_wasm_functype *t = dj_wasm_functype_at(u->m, type);
	LLVMValueRef f = add_entry(u, 'l', type, sig_of(u, type), TAIL_CC);
	LLVMValueRef func = LLVMGetParam(f, 0), slots, v, shared, callee;
	unsigned first = t->result_count > 1 ? 3 : 2;
	uint64_t most = t->param_count > t->result_count ? t->param_count
							 : t->result_count;
	LLVMTypeRef two[] = { u->ptr, u->ptr };
	uint32_t at = 0;

	slots = array_of(u, most * 16);
	for (uint32_t i = 0; i < t->param_count; i++)
		at += slot_store(u, slots, at, t->params[i],
			LLVMGetParam(f, first + i));
	shared = load_field(u, u->ptr, func, DJ_CTX_SHARED, TAG_CONTEXT, true);
	callee = load_field(u, u->ptr, shared,
		DJ_SHARED_HELPERS + 8 * DJ_HELP_CALL, TAG_CONTEXT, true);
	LLVMBuildCall2(u->b, LLVMFunctionType(u->void_, two, 2, false), callee,
		(LLVMValueRef[]){ func, slots }, 2, "");
	if (t->result_count == 1) {
		(void)slot_load(u, slots, 0, t->results[0], &v);
		LLVMBuildRet(u->b, v);
		return;
	}
	at = 0;
	for (uint32_t i = 0; i < t->result_count; i++) {
		at += slot_load(u, slots, at, t->results[i], &v);
		(void)slot_store(u, LLVMGetParam(f, 2), 2 * i, t->results[i],
			v);
	}
	LLVMBuildRetVoid(u->b);
}

/* ---- a module ---- */

static LLVMMetadataRef text_node(struct unit *u, const char *text)
{
	return LLVMMDStringInContext2(u->c, text, strlen(text));
}

/* A root, and beside each other what never overlaps. */
static void make_tags(struct unit *u)
{
	static const char *const names[] = { "memory", "context", "shared",
		"global", "table", "object", "head" };
	LLVMMetadataRef root[1] = { text_node(u, "donjon") }, parts[3];
	LLVMMetadataRef zero =
		LLVMValueAsMetadata(LLVMConstInt(u->i64, 0, false));

	root[0] = LLVMMDNodeInContext2(u->c, root, 1);
	for (unsigned i = 0; i < TAG_COUNT; i++) {
		parts[0] = text_node(u, names[i]);
		parts[1] = root[0];
		parts[2] = zero;
		parts[0] = LLVMMDNodeInContext2(u->c, parts, 3);
		parts[1] = parts[0];
		u->tags[i] = LLVMMetadataAsValue(u->c,
			LLVMMDNodeInContext2(u->c, parts, 3));
	}
	u->empty =
		LLVMMetadataAsValue(u->c, LLVMMDNodeInContext2(u->c, NULL, 0));
	parts[0] = text_node(u, "branch_weights");
	parts[1] = LLVMValueAsMetadata(LLVMConstInt(u->i32, 1, false));
	parts[2] = LLVMValueAsMetadata(LLVMConstInt(u->i32, 100000, false));
	u->cold =
		LLVMMetadataAsValue(u->c, LLVMMDNodeInContext2(u->c, parts, 3));
	parts[0] = text_node(u,
		u->job->opt.isa == DJ_ISA_X86_64            ? "rsp"
			: u->job->opt.isa == DJ_ISA_RISCV64 ? "sp"
							    : "r1");
	u->sp_name =
		LLVMMetadataAsValue(u->c, LLVMMDNodeInContext2(u->c, parts, 1));
}

static unsigned kind(struct unit *u, const char *name)
{
	return LLVMGetMDKindIDInContext(u->c, name, (unsigned)strlen(name));
}

/* Lines are offsets in the module: what becomes the table of sites. */
static void begin_lines(struct unit *u)
{
	u->di = LLVMCreateDIBuilder(u->mod);
	u->file = LLVMDIBuilderCreateFile(u->di, "m", 1, "", 0);
	LLVMDIBuilderCreateCompileUnit(u->di, LLVMDWARFSourceLanguageC99,
		u->file, "", 0, true, "", 0, 0, "", 0,
		LLVMDWARFEmissionLineTablesOnly, 0, false, false, "", 0, "", 0);
	u->sub_type = LLVMDIBuilderCreateSubroutineType(u->di, u->file, NULL, 0,
		LLVMDIFlagZero);
	LLVMAddModuleFlag(u->mod, LLVMModuleFlagBehaviorError,
		"Debug Info Version", 18,
		LLVMValueAsMetadata(LLVMConstInt(u->i32, 3, false)));
	LLVMAddModuleFlag(u->mod, LLVMModuleFlagBehaviorError, "Dwarf Version",
		13, LLVMValueAsMetadata(LLVMConstInt(u->i32, 4, false)));
}

static void begin(struct unit *u)
{
	u->c = LLVMContextCreate();
	u->mod = LLVMModuleCreateWithNameInContext("m", u->c);
	u->b = LLVMCreateBuilderInContext(u->c);
	LLVMSetTarget(u->mod, u->job->triple);
	u->void_ = LLVMVoidTypeInContext(u->c);
	u->i1 = LLVMInt1TypeInContext(u->c);
	u->i8 = LLVMInt8TypeInContext(u->c);
	u->i16 = LLVMInt16TypeInContext(u->c);
	u->i32 = LLVMInt32TypeInContext(u->c);
	u->i64 = LLVMInt64TypeInContext(u->c);
	u->f32 = LLVMFloatTypeInContext(u->c);
	u->f64 = LLVMDoubleTypeInContext(u->c);
	u->ptr = LLVMPointerTypeInContext(u->c, 0);
	u->v128 = LLVMVectorType(u->i32, 4);
	u->kind_tbaa = kind(u, "tbaa");
	u->kind_invariant = kind(u, "invariant.load");
	u->kind_prof = kind(u, "prof");
	make_tags(u);
	begin_lines(u);
}

static void fail_with(struct unit *u, const char *doing, LLVMErrorRef e)
{
	char *text = LLVMGetErrorMessage(e);

	unit_fail(u, "LLVM: %s: %.100s", doing, text);
	LLVMDisposeErrorMessage(text);
}

static const char *passes(const struct job *job)
{
	if (job->opt.optimise == 0)
		return "";
	return job->opt.optimise == 1 ? "default<O1>" : "default<O2>";
}

static void optimise(struct unit *u, LLVMTargetMachineRef tm)
{
	LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
	LLVMErrorRef e;

	LLVMPassBuilderOptionsSetLoopVectorization(o, false);
	LLVMPassBuilderOptionsSetSLPVectorization(o, false);
	LLVMPassBuilderOptionsSetMergeFunctions(o, false);
	if (passes(u->job)[0] != '\0') {
		e = LLVMRunPasses(u->mod, passes(u->job), tm, o);
		if (e != NULL)
			fail_with(u, "passes", e);
	}
	LLVMDisposePassBuilderOptions(o);
}

static void emit(struct unit *u, LLVMTargetMachineRef tm, struct object *ret)
{
	LLVMMemoryBufferRef buf;
	char *text = NULL;

	if (LLVMTargetMachineEmitToMemoryBuffer(tm, u->mod, LLVMObjectFile,
		    &text, &buf) != 0) {
		unit_fail(u, "LLVM: code: %.100s", text == NULL ? "" : text);
		LLVMDisposeMessage(text);
		return;
	}
	ret->len = LLVMGetBufferSize(buf);
	ret->bytes = malloc(ret->len);
	if (ret->bytes == NULL)
		unit_fail(u, "out of memory");
	else
		memcpy(ret->bytes, LLVMGetBufferStart(buf), ret->len);
	LLVMDisposeMemoryBuffer(buf);
}

static void finish(struct unit *u, struct object *ret)
{
	LLVMTargetMachineRef tm = LLVMCreateTargetMachine(u->job->target,
		u->job->triple, u->job->cpu, u->job->cpu_features,
		u->job->opt.optimise == 0 ? LLVMCodeGenLevelNone
					  : LLVMCodeGenLevelDefault,
		LLVMRelocPIC, LLVMCodeModelSmall);
	LLVMTargetDataRef layout;

	LLVMDIBuilderFinalize(u->di);
	if (tm == NULL) {
		unit_fail(u, "LLVM has no such machine");
		return;
	}
	layout = LLVMCreateTargetDataLayout(tm);
	LLVMSetModuleDataLayout(u->mod, layout);
	LLVMDisposeTargetData(layout);
	if (!u->failed)
		optimise(u, tm);
	if (!u->failed)
		emit(u, tm, ret);
	LLVMDisposeTargetMachine(tm);
}

dj_status unit_compile(const struct job *job, const struct part *part,
	struct object *ret, char *why, size_t cap)
{
	struct unit u = { .job = job, .m = job->m, .variant = part->variant };

	u.sigs = calloc((size_t)job->m->types.count + 1, sizeof(LLVMTypeRef));
	if (u.sigs == NULL)
		return DJ_E_NOMEM;
	begin(&u);
	for (uint32_t i = 0; i < part->n && !u.failed; i++)
		compile_function(&u, part->funcs[i]);
	for (uint32_t i = 0; part->thunks && i < job->m->types.count; i++) {
		if (job->m->types.all[i].form != DJ_WASM_FORM_FUNC)
			continue;
		compile_enter(&u, i);
		compile_leave(&u, i);
	}
	if (!u.failed)
		finish(&u, ret);
	LLVMDisposeDIBuilder(u.di);
	LLVMDisposeBuilder(u.b);
	LLVMDisposeModule(u.mod);
	LLVMContextDispose(u.c);
	free(u.sigs);
	if (u.failed)
		snprintf(why, cap, "%s", u.why);
	return u.failed ? DJ_E_SYS : DJ_OK;
}
