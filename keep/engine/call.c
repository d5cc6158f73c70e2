// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/gc.h"

/* dj_call() in a host function in dj_call() ...: each uses C stack. */
#define MAX_NESTING 32
/* What takes about as long to copy as the events between two polls. */
#define POLL_BYTES  ((uint64_t)1 << 20)

/*
 * Events are function entries and loop back-edges. One counter serves the
 * poll and the fuel: it runs to whichever comes first.
 */
void dj_vm_arm(struct dj_vm *vm)
{
	const struct dj_store_config *config = &vm->store->config;
	uint64_t n = vm->poll_left;

	if (config->fuel != 0 && config->fuel - vm->used < n)
		n = config->fuel - vm->used + 1;
	vm->quantum = (uint32_t)n;
	vm->abi.count = vm->quantum;
}

/*
 * Events are cheap ones, but a program can have each go over gigabytes. Fuel
 * does not know of that; the poll must, or nothing would end such a program.
 */
void dj_vm_worked(struct dj_vm *vm, uint64_t bytes)
{
	vm->work += bytes;
	if (vm->work < POLL_BYTES)
		return;
	/* The next event is a poll's; those until now count as before. */
	vm->used += vm->quantum - vm->abi.count;
	vm->poll_left = 1;
	dj_vm_arm(vm);
}

void dj_store_worked(struct dj_store *s, uint64_t bytes)
{
	dj_vm_worked(&s->vm, bytes);
}

static enum dj_trap poll(struct dj_vm *vm)
{
	const struct dj_store_config *config = &vm->store->config;
	uint64_t n = vm->work < POLL_BYTES ? 1 : vm->work / POLL_BYTES;
	enum dj_trap t = DJ_TRAP_NONE;

	vm->work %= POLL_BYTES;
	while (config->poll != NULL && t == DJ_TRAP_NONE && n-- > 0)
		t = config->poll(config->poll_ctx);
	return t;
}

enum dj_trap dj_vm_event(struct dj_vm *vm)
{
	const struct dj_store_config *config = &vm->store->config;
	bool is_poll;

	vm->used += vm->quantum;
	if (config->fuel != 0 && vm->used > config->fuel) {
		vm->used = config->fuel;
		dj_vm_arm(vm);
		return DJ_TRAP_FUEL;
	}
	vm->poll_left -= vm->quantum;
	is_poll = vm->poll_left == 0;
	if (is_poll)
		vm->poll_left = config->poll_interval;
	dj_vm_arm(vm);
	return is_poll ? poll(vm) : DJ_TRAP_NONE;
}

uint64_t dj_store_fuel_used(const struct dj_store *s)
{
	return s->vm.used + (s->vm.quantum - s->vm.abi.count);
}

static bool more_frames(struct dj_vm *vm)
{
	const struct dj_mem_ops *mem = &vm->store->config.mem;
	size_t len = vm->frame_committed * sizeof(*vm->frames);

	if (vm->frame_committed == vm->frame_cap)
		return false;
	len = (len + DJ_ARENA_STEP - 1) & ~(DJ_ARENA_STEP - 1);
	if (mem->commit((uint8_t *)vm->frames + len, DJ_ARENA_STEP) != DJ_OK)
		return false;
	len = (len + DJ_ARENA_STEP) / sizeof(*vm->frames);
	vm->frame_committed =
		len < vm->frame_cap ? (uint32_t)len : vm->frame_cap;
	vm->frame_max = vm->frames + vm->frame_committed - 1;
	return true;
}

bool dj_vm_more_stack(struct dj_vm *vm, const union dj_slot *end)
{
	const struct dj_mem_ops *mem = &vm->store->config.mem;
	size_t want = (size_t)(end - vm->stack) * sizeof(*end);
	size_t have = vm->stack_committed * sizeof(*end);

	if ((size_t)(end - vm->stack) > vm->stack_cap)
		return false;
	want = (want + DJ_ARENA_STEP - 1) & ~(DJ_ARENA_STEP - 1);
	if (mem->commit((uint8_t *)vm->stack + have, want - have) != DJ_OK)
		return false;
	vm->stack_committed = want / sizeof(*end);
	vm->stack_max = vm->stack + vm->stack_committed;
	return true;
}

bool dj_vm_more(struct dj_vm *vm, const union dj_slot *end)
{
	if (vm->frame >= vm->frame_max && !more_frames(vm))
		return false;
	return end <= vm->stack_max || dj_vm_more_stack(vm, end);
}

/* Handlers stand innermost first; a delegate passes over some. */
static const struct dj_handler *find_handler(const struct dj_func *f,
	const uint32_t *pc, const struct dj_tag *tag)
{
	uint32_t at = (uint32_t)(pc - f->code), depth = UINT32_MAX;

	for (uint32_t i = 0; i < f->handler_count; i++) {
		const struct dj_handler *h = &f->handlers[i];

		if (at < h->from || at >= h->to || h->depth > depth)
			continue;
		if (h->target == DJ_HANDLER_DELEGATE)
			depth = h->outer;
		else if (h->tag == NULL || h->tag == tag)
			return h;
	}
	return NULL;
}

enum dj_trap dj_vm_throw(struct dj_vm *vm, const uint32_t *pc,
	union dj_slot **fp, const struct dj_tag *tag,
	const union dj_slot *values, struct dj_exn *exn)
{
	struct dj_call_frame *fr = vm->frame;
	const struct dj_handler *h;
	union dj_slot *base = *fp;
	enum dj_trap t;

	vm->top = base + fr->func->frame_slots;
	for (;;) {
		/* Many handlers in each of many frames are one instruction. */
		vm->work += fr->func->handler_count * sizeof(*h);
		if (vm->work >= POLL_BYTES) {
			t = poll(vm);
			if (t != DJ_TRAP_NONE)
				return t;
		}
		h = find_handler(fr->func, pc, tag);
		if (h != NULL)
			break;
		if (fr->is_entry)
			return DJ_TRAP_EXCEPTION;
		pc = fr->pc - 1;
		base = fr->fp;
		fr--;
	}
	if (h->ref != DJ_HANDLER_NO_REF && exn == NULL) {
		t = dj_exn_new(vm, tag, values, &exn);
		if (t != DJ_TRAP_NONE)
			return t;
	}
	if (h->tag != NULL && tag->slots != 0)
		memmove(base + h->dst, values, tag->slots * sizeof(*values));
	if (h->ref != DJ_HANDLER_NO_REF)
		base[h->ref].ref = exn;
	*fp = base;
	vm->frame = fr;
	vm->pc = fr->func->code + h->target;
	return DJ_TRAP_NONE;
}

/* 32-bit values leave a slot with whatever is in its upper half. */
static void take_results(const struct dj_wasm_functype *t,
	const union dj_slot *from, union dj_value *args)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < t->result_count; i++, at++) {
		args[at].i64 = from[at].u64;
		if (t->results[i] == DJ_WASM_I32 ||
			t->results[i] == DJ_WASM_F32)
			args[at].i64 = from[at].u32;
		if (t->results[i] == DJ_WASM_V128) {
			at++;
			args[at].i64 = from[at].u64;
		}
	}
}

static enum dj_trap run(struct dj_vm *vm, struct dj_func *f,
	union dj_value *args)
{
	union dj_slot *fp = vm->top;
	struct dj_call_frame *fr = vm->frame;
	uint32_t n = dj_slots(f->type->params, f->type->param_count);

	if ((fr >= vm->frame_max || fp + f->frame_slots > vm->stack_max) &&
		!dj_vm_more(vm, fp + f->frame_slots))
		return DJ_TRAP_STACK;
	if (--vm->abi.count == 0) {
		enum dj_trap t = dj_vm_event(vm);

		if (t != DJ_TRAP_NONE)
			return t;
	}

	fr[1] = (struct dj_call_frame){
		.pc = &dj_interp_stub[1],
		.fp = fp,
		.func = f,
		.is_entry = true,
	};
	vm->frame = fr + 1;
	for (uint32_t i = 0; i < n; i++)
		fp[i].u64 = args[i].i64;
	for (uint32_t i = f->zero_from; i < f->zero_end; i++)
		fp[i].u64 = 0;
	dj_interp_run(vm, f->code, fp, f->mem);
	if (vm->trap == DJ_TRAP_NONE)
		take_results(f->type, fp, args);
	return vm->trap;
}

enum dj_trap dj_call(struct dj_store *s, struct dj_func *f,
	union dj_value *args)
{
	struct dj_vm *vm = &s->vm;
	struct dj_call_frame *fr = vm->frame;
	union dj_slot *top = vm->top;
	const uint32_t *pc = vm->pc;
	enum dj_trap t;

	s->trapped = 0;
	if (f->host != NULL)
		return f->host(f->host_ctx, NULL, args);
	if (vm->nesting == MAX_NESTING)
		return DJ_TRAP_STACK;
	vm->nesting++;
	t = s->config.native ? dj_native_call(vm, f, args) : run(vm, f, args);
	vm->nesting--;
	if (t != DJ_TRAP_NONE)
		s->trapped = (uint32_t)(vm->frame - vm->frames);
	vm->frame = fr;
	vm->top = top;
	if (vm->nesting != 0)
		vm->pc = pc;
	return t;
}

/* The instruction at pc, which is in f or just behind a call in f. */
static uint32_t offset_of(struct dj_func *f, const uint32_t *pc)
{
	uint32_t at;

	if (pc < f->code || pc > f->code + f->code_words)
		return f->inst->module->funcs[f->index].body;
	at = (uint32_t)(pc - f->code);
	if (dj_compile(f, &at) != DJ_TRAP_NONE)
		return f->inst->module->funcs[f->index].body;
	return at;
}

size_t dj_store_backtrace(const struct dj_store *s, struct dj_frame *dst,
	size_t cap)
{
	const uint32_t *pc = s->vm.pc;
	size_t n = 0;

	if (s->config.native)
		return dj_native_backtrace(s, dst, cap);
	for (uint32_t i = s->trapped; i > 0 && n < cap; i--) {
		const struct dj_call_frame *fr = &s->vm.frames[i];

		dst[n++] = (struct dj_frame){
			.func = fr->func->index,
			.offset = offset_of(fr->func, pc),
			.inst = fr->func->inst,
		};
		if (fr->is_entry)
			break; /* what a host function called */
		pc = fr->pc - 1;
	}
	return n;
}
