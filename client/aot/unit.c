// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"
#include "client/aot/states.h"

#include <llvm-c/Transforms/PassBuilder.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void add_string(struct unit *u, LLVMValueRef f, const char *key,
	const char *value)
{
	LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
		LLVMCreateStringAttribute(u->c, key, (unsigned)strlen(key),
			value, (unsigned)strlen(value)));
}

void add_enum(struct unit *u, LLVMValueRef f, const char *name)
{
	unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));

	LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
		LLVMCreateEnumAttribute(u->c, kind, 0));
}

/* Frame pointers: backtraces follow them. No calls to a C library. */
void add_attributes(struct unit *u, LLVMValueRef f)
{
	const struct machine *m = u->job->machine;
	const size_t tunes = sizeof(m->tunes) / sizeof(*m->tunes);
	char frame[16];

	LLVMSetVisibility(f, LLVMHiddenVisibility);
	add_enum(u, f, "nounwind");
	add_enum(u, f, "noinline");
	add_string(u, f, "frame-pointer", "all");
	add_string(u, f, "no-builtins", "true");
	add_string(u, f, "probe-stack", "inline-asm");
	add_string(u, f, "no-jump-tables", "false");
	add_string(u, f, "target-cpu", m->cpu);
	if (m->features[0] != '\0')
		add_string(u, f, "target-features", m->features);
	if (m->max_frame != 0) {
		snprintf(frame, sizeof(frame), "%u", m->max_frame);
		add_string(u, f, "warn-stack-size", frame);
	}
	add_string(u, f, "tune-cpu", m->tunes[u->variant % tunes]);
}

void add_mark(struct unit *u, LLVMValueRef f)
{
	LLVMSetPrefixData(f, LLVMConstInt(u->i64, 0, false));
}

LLVMValueRef named_func(struct unit *u, char kind, uint32_t i, uint32_t type)
{
	char name[MAX_NAME];
	LLVMValueRef f;

	snprintf(name, sizeof(name), "%c%u", kind, i);
	f = LLVMGetNamedFunction(u->mod, name);
	if (f != NULL)
		return f;
	f = LLVMAddFunction(u->mod, name,
		kind == 'f' ? sig_of(u, type) : pointer_sig(u, type));
	LLVMSetFunctionCallConv(f, u->job->cc);
	add_attributes(u, f);
	if (kind != 'f')
		take_context(u, f);
	return f;
}

LLVMValueRef func_ref(struct unit *u, uint32_t index)
{
	return named_func(u, 'f', index, u->m->funcs[index].type);
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
	LLVMValueRef i = visible_const(u, u->i64, off);

	if (off == 0)
		return p;
	return LLVMBuildInBoundsGEP2(u->b, u->i8, p, &i, 1, "");
}

LLVMValueRef own_context(struct unit *u)
{
	static const char name[] = "o0";
	uint32_t own = u->m->global_count - u->m->imported_globals;
	LLVMValueRef v = LLVMGetNamedGlobal(u->mod, name),
		     off = int_const(u, u->i64, (uint64_t)8 * DJ_NATIVE_LIMITS);

	if (v == NULL) {
		v = LLVMAddGlobal(u->mod,
			LLVMArrayType2(u->i8, DJ_NATIVE_CONTEXT(own)), name);
		LLVMSetVisibility(v, LLVMHiddenVisibility);
		LLVMSetAlignment(v, 16);
	}
	return LLVMConstInBoundsGEP2(u->i8, v, &off, 1);
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

/* v of a type that has a register. */
static LLVMValueRef opaque_reg(struct unit *u, LLVMValueRef v)
{
	LLVMTypeRef t = LLVMTypeOf(v), sig = LLVMFunctionType(t, &t, 1, false);
	LLVMTypeKind k = LLVMGetTypeKind(t);
	const char *how = k == LLVMIntegerTypeKind ? "=r,0"
		: k == LLVMVectorTypeKind          ? u->job->machine->vector_reg
						   : u->job->machine->float_reg;
	static const char *const pure[] = { "memory", "nounwind",
		"willreturn" };
	LLVMValueRef a;

	if (how == NULL) {
		unit_fail(u, "a value without a register");
		return v;
	}
	a = LLVMGetInlineAsm(sig, "", 0, how, strlen(how), false, false,
		LLVMInlineAsmDialectATT, false);
	a = LLVMBuildCall2(u->b, sig, a, &v, 1, "");
	/* It can go in front of a loop, which is vectorised then. */
	for (unsigned i = 0; u->is_small && i < sizeof(pure) / sizeof(*pure);
		i++)
		LLVMAddCallSiteAttribute(a, LLVMAttributeFunctionIndex,
			LLVMCreateEnumAttribute(u->c,
				LLVMGetEnumAttributeKindForName(pure[i],
					strlen(pure[i])),
				0));
	return a;
}

LLVMValueRef opaque(struct unit *u, LLVMValueRef v)
{
	LLVMTypeRef t = LLVMTypeOf(v);
	LLVMValueRef at, lane;

	if (LLVMGetTypeKind(t) != LLVMVectorTypeKind ||
		u->job->machine->vector_reg != NULL)
		return opaque_reg(u, v);
	for (unsigned i = 0; i < LLVMGetVectorSize(t); i++) {
		at = LLVMConstInt(u->i32, i, false);
		lane = LLVMBuildExtractElement(u->b, v, at, "");
		v = LLVMBuildInsertElement(u->b, v, opaque_reg(u, lane), at,
			"");
	}
	return v;
}

/* May it be most of what looks like a mark? */
static bool is_like_mark(uint64_t v)
{
	return ((v ^ 0x505050) & 0xf0f0f0) == 0 ||
		((v >> 32 ^ 0x505050) & 0xf0f0f0) == 0;
}

/* May the constant's bytes, or what is around them, be forbidden ones? */
static bool is_risky(const struct unit *u, uint64_t v)
{
	if (u->job->opt.isa != DJ_ISA_X86_64)
		return true; /* part of an instruction, and who knows how */
	if (is_like_mark(v) || is_like_mark(v >> 8))
		return true;
	for (; v != 0; v >>= 8) {
		uint8_t b = (uint8_t)v;

		if (b == 0x0f || b == 0xcd || b == 0x05 || b == 0x34 ||
			b == 0x80)
			return true;
	}
	return false;
}

LLVMValueRef hidden(struct unit *u, LLVMValueRef v)
{
	return u->variant < 2 || LLVMIsAConstantInt(v) == NULL ? v
							       : opaque(u, v);
}

#define ALL_HIDDEN 4 /* variants from here on */

LLVMValueRef visible_const(struct unit *u, LLVMTypeRef t, uint64_t v)
{
	LLVMValueRef mask = LLVMConstInt(t,
		UINT64_C(0x5a3b6a5958697b68) ^ ((uint64_t)u->variant << 20),
		false);
	LLVMValueRef c = LLVMConstInt(t, v, false);

	/* What LLVM makes of two that are not risky may be. */
	if (u->variant < ALL_HIDDEN && (u->variant == 0 || !is_risky(u, v)))
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
	add_mark(u, f);
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
	LLVMValueRef *args = values_of(t);
	struct callee c = { .ctx = LLVMGetParam(f, 0),
		.base = LLVMGetParam(f, 1),
		.code = LLVMGetParam(f, 2) };
	uint32_t at = 0;

	if (by_area(u, t))
		area = array_of(u, (uint64_t)t->result_count * 16);
	for (uint32_t i = 0; i < t->param_count; i++)
		at += slot_load(u, slots, at, t->params[i], &args[i]);
	call = abi_call(u, type, &c, area, args, false);
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
	LLVMValueRef f =
		add_entry(u, 'l', type, pointer_sig(u, type), u->job->cc);
	LLVMValueRef func = LLVMGetParam(f, 0), slots, v, shared, callee;
	LLVMValueRef *args = values_of(t), area;
	uint64_t most = t->param_count > t->result_count ? t->param_count
							 : t->result_count;
	LLVMTypeRef two[] = { u->ptr, u->ptr };
	uint32_t at = 0;

	take_context(u, f);
	slots = array_of(u, most * 16);
	abi_params(u, f, type, true, args, &area);
	for (uint32_t i = 0; i < t->param_count; i++)
		at += slot_store(u, slots, at, t->params[i], args[i]);
	free(args);
	shared = load_field(u, u->ptr, func, DJ_CTX_SHARED, TAG_CONTEXT, true);
	callee = load_field(u, u->ptr, shared,
		DJ_SHARED_HELPERS + 8 * DJ_HELP_CALL, TAG_CONTEXT, true);
	LLVMBuildCall2(u->b, LLVMFunctionType(u->void_, two, 2, false), callee,
		(LLVMValueRef[]){ func, slots }, 2, "");
	if (t->result_count == 1 && area == NULL) {
		(void)slot_load(u, slots, 0, t->results[0], &v);
		LLVMBuildRet(u->b, v);
		return;
	}
	at = 0;
	for (uint32_t i = 0; i < t->result_count; i++) {
		at += slot_load(u, slots, at, t->results[i], &v);
		(void)slot_store(u, area, 2 * i, t->results[i], v);
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
	parts[0] = text_node(u, u->job->machine->sp);
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

/* LLVM says what it warns of and goes on; here each is a refusal. */
static void on_diagnostic(LLVMDiagnosticInfoRef info, void *ctx)
{
	struct unit *u = ctx;
	char *text = LLVMGetDiagInfoDescription(info);

	if (LLVMGetDiagInfoSeverity(info) <= LLVMDSWarning)
		unit_fail(u, "LLVM: %.140s", text);
	LLVMDisposeMessage(text);
}

static void begin(struct unit *u)
{
	u->c = LLVMContextCreate();
	u->mod = LLVMModuleCreateWithNameInContext("m", u->c);
	u->b = LLVMCreateBuilderInContext(u->c);
	LLVMSetTarget(u->mod, u->job->machine->triple);
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
	u->kind_loop = kind(u, "llvm.loop");
	u->nomerge = LLVMCreateEnumAttribute(u->c,
		LLVMGetEnumAttributeKindForName("nomerge", 7), 0);
	make_tags(u);
	begin_lines(u);
	if (u->job->machine->abi != NULL)
		LLVMAddModuleFlag(u->mod, LLVMModuleFlagBehaviorError,
			"target-abi", 10, text_node(u, u->job->machine->abi));
	LLVMContextSetDiagnosticHandler(u->c, on_diagnostic, u);
}

static void fail_with(struct unit *u, const char *doing, LLVMErrorRef e)
{
	char *text = LLVMGetErrorMessage(e);

	unit_fail(u, "LLVM: %s: %.100s", doing, text);
	LLVMDisposeErrorMessage(text);
}

/*
 * Whoever made the module has optimised it already: what is left is what the
 * translation adds, and what vectors give. default<O2> takes four times as
 * long for no more speed.
 */
#define MAX_MACHINES 4 /* in one function, see states.h */
#define OWN_VARIANTS 6 /* at the level that was asked for */

/*
 * How hard to try. What still has forbidden bytes after some variants, which
 * may lie in how instructions follow each other, is made in other ways.
 */
static unsigned effort(const struct unit *u)
{
	return u->variant <= OWN_VARIANTS ? u->job->opt.optimise
					  : u->variant % 3;
}

bool makes_vectors(const struct unit *u)
{
	return has_vectors(u) && effort(u) > 1;
}

/*
 * For all, and what vectors give on top of it. What checks compare with is
 * loaded, and can be loaded before a loop; without checks there is next to
 * nothing that could.
 */
static const char checked[] = "function(adce,early-cse<memssa>,simplifycfg,"
			      "instcombine<no-verify-fixpoint>,"
			      "loop-mssa(licm),simplifycfg)";
static const char guarded[] = "function(adce,early-cse,simplifycfg,"
			      "instcombine<no-verify-fixpoint>,simplifycfg)";
static const char least[] = "function(adce,early-cse,simplifycfg,"
			    "instcombine<no-verify-fixpoint>)";
static const char vectors[] =
	"function(loop-vectorize,instcombine<no-verify-fixpoint>,simplifycfg)";
/* Behind thread_states(). */
static const char threaded[] = "function(mem2reg,simplifycfg,"
			       "instcombine<no-verify-fixpoint>,simplifycfg)";
/* Only what is marked so. */
static const char copies[] =
	"function(loop-unroll<O2;no-peeling;no-partial;no-runtime>,"
	"instcombine<no-verify-fixpoint>,simplifycfg)";
/*
 * The four turns' addresses are one and what is added to it: for x86-64 that
 * is not looked for elsewhere (target.c).
 */
static const char nests[] = "function(loop(loop-reduce))";

static bool has(LLVMValueRef f, const char *key)
{
	return LLVMGetStringAttributeAtIndex(f, LLVMAttributeFunctionIndex, key,
		       (unsigned)strlen(key)) != NULL;
}

/*
 * Passes leave functions alone that have not this attribute of ours; NULL:
 * none. Returns how many have it.
 */
static unsigned leave_alone(struct unit *u, const char *key)
{
	static const char name[] = "optnone";
	unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
	LLVMValueRef f = LLVMGetFirstFunction(u->mod);
	unsigned n = 0;

	for (; f != NULL; f = LLVMGetNextFunction(f)) {
		if (LLVMIsDeclaration(f))
			continue;
		LLVMRemoveEnumAttributeAtIndex(f, LLVMAttributeFunctionIndex,
			kind);
		if (key != NULL && has(f, key))
			n++;
		else if (key != NULL)
			add_enum(u, f, name);
	}
	return n;
}

static void run_passes(struct unit *u, LLVMTargetMachineRef tm,
	const char *passes)
{
	LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
	LLVMErrorRef e = LLVMRunPasses(u->mod, passes, tm, o);

	if (e != NULL)
		fail_with(u, "passes", e);
	LLVMDisposePassBuilderOptions(o);
}

/* One of each function's, as often as there is another in one. */
static void thread_all(struct unit *u, LLVMTargetMachineRef tm)
{
	LLVMValueRef f;
	bool again = true;

	for (unsigned n = 0; n < MAX_MACHINES && again; n++) {
		again = false;
		for (f = LLVMGetFirstFunction(u->mod); f != NULL;
			f = LLVMGetNextFunction(f)) {
			if (n != 0 && !has(f, HAS_STATES))
				continue;
			LLVMRemoveStringAttributeAtIndex(f,
				LLVMAttributeFunctionIndex, HAS_STATES,
				strlen(HAS_STATES));
			if (!thread_states(f))
				continue;
			add_string(u, f, HAS_STATES, "");
			again = true;
		}
		if (leave_alone(u, HAS_STATES) != 0)
			run_passes(u, tm, threaded);
		(void)leave_alone(u, NULL);
	}
}

static void optimise(struct unit *u, LLVMTargetMachineRef tm)
{
	unsigned how = effort(u);

	if (how == 0)
		return;
	run_passes(u, tm,
		how == 1                                        ? least
			: u->job->opt.bounds == DJ_BOUNDS_GUARD ? guarded
								: checked);
	if (how == 1)
		return;
	thread_all(u, tm);
	if (leave_alone(u, HAS_FAST) != 0)
		run_passes(u, tm, vectors);
	if (leave_alone(u, HAS_COPIES) != 0)
		run_passes(u, tm, copies);
	if (leave_alone(u, HAS_NEST) != 0)
		run_passes(u, tm, nests);
	(void)leave_alone(u, NULL);
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
	const struct machine *m = u->job->machine;
	LLVMTargetMachineRef tm = LLVMCreateTargetMachine(u->job->target,
		m->triple, m->cpu, m->features,
		effort(u) == 0 ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault,
		LLVMRelocPIC, m->model);
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
	if (part->thunks)
		compile_cold(&u);
	for (uint32_t i = 0; part->thunks && i < job->m->types.count; i++) {
		if ((job->ways[i] & WAY_ENTER) != 0)
			compile_enter(&u, i);
		if ((job->ways[i] & WAY_LEAVE) != 0)
			compile_leave(&u, i);
		if (job->dispatched[i] && is_plain(&u))
			compile_dispatch(&u, i);
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
