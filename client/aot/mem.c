// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

#include <stdlib.h>

/*
 * Memory. With guard pages an access of a 32-bit memory is not checked: what
 * its 33-bit address can name beyond the memory faults. Its loads are
 * volatile then, for one that traps is not to go or move behind another trap.
 * Everything else is checked first, once for an address and what is behind
 * it as far as a check that dominates has shown: memories never shrink.
 */
#define LOOK_BACK 64

bool is_guarded(const struct fn *f)
{
	return f->u->job->opt.bounds == DJ_BOUNDS_GUARD &&
		!f->u->m->memories[f->i.mem].is64;
}

static bool is_shown(const struct fn *f, LLVMValueRef addr, uint64_t end)
{
	uint32_t n = f->check_count;

	for (uint32_t i = 0; i < n && i < LOOK_BACK; i++) {
		const struct check *k = &f->checks[n - 1 - i];

		if (k->addr == addr && k->mem == f->i.mem && k->end >= end)
			return true;
	}
	return false;
}

static void note_check(struct fn *f, LLVMValueRef addr, uint64_t end)
{
	if (f->check_count == f->check_cap) {
		f->check_cap = f->check_cap == 0 ? 64 : f->check_cap * 2;
		f->checks = reallocarray(f->checks, f->check_cap,
			sizeof(*f->checks));
		if (f->checks == NULL)
			abort();
	}
	f->checks[f->check_count++] = (struct check){
		.addr = addr,
		.mem = f->i.mem,
		.end = end,
	};
}

static LLVMValueRef memory(struct fn *f)
{
	struct unit *u = f->u;
	LLVMValueRef v;

	if (f->i.mem == 0)
		return load_field(u, u->ptr, f->ctx, DJ_CTX_MEMORY, TAG_CONTEXT,
			true);
	v = load_field(u, u->ptr, f->ctx, DJ_CTX_MEMORIES, TAG_CONTEXT, true);
	return load_field(u, u->ptr, v, (uint64_t)f->i.mem * 8, TAG_CONTEXT,
		true);
}

LLVMValueRef memory_len(struct fn *f)
{
	LLVMValueRef m = load_field(f->u, f->u->ptr, f->ctx, DJ_CTX_MEMORY,
		TAG_CONTEXT, true);

	return load_field(f->u, f->u->i64, m, DJ_MEMORY_LEN, TAG_TABLE, false);
}

/* A constant address that is in memory as small as it may be. */
static bool is_always_in(struct fn *f, LLVMValueRef addr, uint64_t past)
{
	uint64_t len = f->u->m->memories[f->i.mem].min * DJ_WASM_PAGE;
	uint64_t at;

	if (LLVMIsAConstantInt(addr) == NULL)
		return false;
	at = LLVMConstIntGetZExtValue(addr);
	return at <= len && past <= len - at;
}

/* addr + past > len, whatever the sum is. */
static LLVMValueRef is_past_end(struct fn *f, LLVMValueRef addr, uint64_t past)
{
	struct unit *u = f->u;
	LLVMTypeRef t = u->i64;
	LLVMValueRef two[2] = { addr, visible_const(u, t, past) };
	LLVMValueRef end, carry, len, out;

	len = load_field(u, t, memory(f), DJ_MEMORY_LEN, TAG_TABLE, false);
	if (!u->m->memories[f->i.mem].is64) {
		end = LLVMBuildNUWAdd(u->b, addr, two[1], "");
		return LLVMBuildICmp(u->b, LLVMIntUGT, end, len, "");
	}
	end = intrinsic(u, "llvm.uadd.with.overflow", &t, 1, two, 2);
	carry = LLVMBuildExtractValue(u->b, end, 1, "");
	end = LLVMBuildExtractValue(u->b, end, 0, "");
	out = LLVMBuildICmp(u->b, LLVMIntUGT, end, len, "");
	return LLVMBuildOr(u->b, carry, out, "");
}

/*
 * What is near an address of memory 0 is checked by one comparison with a
 * word in front of the context: no sum that needs a register, and nothing
 * that would have to be read again after a call.
 */
static void check(struct fn *f, LLVMValueRef addr, uint64_t width)
{
	struct unit *u = f->u;
	LLVMValueRef at = addr, out;
	uint64_t past;

	if (__builtin_add_overflow(f->i.imm, width, &past)) {
		trap_if(f, LLVMConstInt(u->i1, 1, false), DJ_TRAP_MEMORY);
		return;
	}
	if (is_always_in(f, addr, past) || is_shown(f, addr, past))
		return;
	if (LLVMTypeOf(addr) == u->i32)
		at = LLVMBuildZExt(u->b, addr, u->i64, "");
	if (f->i.mem == 0 && past <= DJ_NATIVE_LIMITS)
		out = LLVMBuildICmp(u->b, LLVMIntUGE, at,
			load_field(u, u->i64, f->ctx, 0 - 8 * past, TAG_TABLE,
				false),
			"");
	else
		out = is_past_end(f, at, past);
	trap_if(f, out, DJ_TRAP_MEMORY);
	note_check(f, addr, past);
}

LLVMValueRef address(struct fn *f, LLVMValueRef addr, uint64_t width)
{
	struct unit *u = f->u;
	LLVMValueRef base = f->base, off;

	off = nest_address(f, addr, width);
	if (off == NULL)
		off = loop_address(f, addr, width);
	f->shown = off != NULL;
	if (f->shown)
		return off;
	if (!is_guarded(f))
		check(f, addr, width);
	if (f->i.mem != 0)
		base = load_field(u, u->ptr, memory(f), DJ_MEMORY_BASE,
			TAG_CONTEXT, true);
	if (LLVMTypeOf(addr) == u->i32)
		addr = LLVMBuildZExt(u->b, addr, u->i64, "");
	off = visible_const(u, u->i64, f->i.imm);
	if (u->variant > 2 && f->i.imm != 0)
		off = opaque(u, off);
	/* The constant last: it is folded into the instruction. */
	base = LLVMBuildGEP2(u->b, u->i8, base, &addr, 1, "");
	if (f->i.imm == 0)
		return base;
	return LLVMBuildGEP2(u->b, u->i8, base, &off, 1, "");
}

LLVMValueRef load_at(struct fn *f, LLVMTypeRef t, LLVMValueRef p)
{
	LLVMValueRef v;

	/* Nobody asks for it, and it is further than what was shown. */
	if (loop_is_copy(f))
		return LLVMConstNull(t);
	v = LLVMBuildLoad2(f->u->b, t, p, "");
	LLVMSetAlignment(v, 1);
	LLVMSetVolatile(v, is_guarded(f) && !f->shown);
	set_tag(f->u, v, TAG_MEMORY);
	loop_access(f, v);
	return v;
}

void store_at(struct fn *f, LLVMValueRef v, LLVMValueRef p)
{
	LLVMValueRef s;

	if (loop_is_copy(f) || nest_store(f, v, p))
		return;
	s = LLVMBuildStore(f->u->b, v, p);
	LLVMSetAlignment(s, 1);
	set_tag(f->u, s, TAG_MEMORY);
	loop_access(f, s);
}

static LLVMTypeRef bits(const struct unit *u, unsigned log2)
{
	switch (log2) {
	case 0:
		return u->i8;
	case 1:
		return u->i16;
	case 2:
		return u->i32;
	default:
		return u->i64;
	}
}

void do_load(struct fn *f)
{
	struct unit *u = f->u;
	const struct dj_wasm_op *o = &dj_wasm_ops[f->i.op];
	LLVMTypeRef t = type_of(u, o->out), mem = t;
	LLVMValueRef v;
	/* Sign and zero extension come in turns from i32.load8_s on. */
	bool is_signed = (f->i.op & 1) == 0;

	if (f->i.op >= 0x2c)
		mem = bits(u, o->width);
	at_insn(f, true);
	v = load_at(f, mem, address(f, pop(f), (uint64_t)1 << o->width));
	at_insn(f, false);
	if (mem != t && is_signed)
		v = LLVMBuildSExt(u->b, v, t, "");
	else if (mem != t)
		v = LLVMBuildZExt(u->b, v, t, "");
	push(f, v, o->out);
}

void do_store(struct fn *f)
{
	struct unit *u = f->u;
	const struct dj_wasm_op *o = &dj_wasm_ops[f->i.op];
	LLVMValueRef v = pop(f), p;

	if (f->i.op >= 0x3a)
		v = LLVMBuildTrunc(u->b, v, bits(u, o->width), "");
	at_insn(f, true);
	p = address(f, pop(f), (uint64_t)1 << o->width);
	store_at(f, v, p);
	at_insn(f, false);
}

void do_global(struct fn *f)
{
	struct unit *u = f->u;
	uint32_t i = f->i.a, own = u->m->imported_globals;
	const struct dj_wasm_global *g = &u->m->globals[i].type;
	LLVMTypeRef t = type_of(u, g->type);
	LLVMValueRef p, v;

	if (i >= own) {
		p = at_offset(u, f->ctx,
			DJ_CTX_OWN_GLOBALS +
				(uint64_t)(i - own) * DJ_NATIVE_GLOBAL_SIZE);
	} else {
		p = load_field(u, u->ptr, f->ctx, DJ_CTX_GLOBALS, TAG_CONTEXT,
			true);
		p = load_field(u, u->ptr, p, (uint64_t)i * 8, TAG_CONTEXT,
			true);
	}
	if (f->i.op == DJ_OP_GLOBAL_GET) {
		v = LLVMBuildLoad2(u->b, t, p, "");
		LLVMSetAlignment(v, 4);
		set_tag(u, v, TAG_GLOBAL);
		if (!g->is_mutable)
			LLVMSetMetadata(v, u->kind_invariant, u->empty);
		push(f, v, g->type);
		return;
	}
	v = LLVMBuildStore(u->b, pop(f), p);
	LLVMSetAlignment(v, 4);
	set_tag(u, v, TAG_GLOBAL);
}
