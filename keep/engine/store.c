// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/gc.h"

/* A commit's unit; a multiple of every page size that we meet. */
#define STEP DJ_ARENA_STEP

dj_status dj_buf_grow(struct dj_store *s, struct dj_buf *b, size_t want)
{
	size_t cap = b->cap < STEP ? STEP : b->cap;
	void *p;

	if (want <= b->cap)
		return DJ_OK;
	while (cap < want) {
		if (!dj_size_mul(cap, 2, &cap))
			return DJ_E_NOMEM;
	}
	p = s->config.mem.reserve(cap);
	if (p == NULL)
		return DJ_E_NOMEM;
	if (s->config.mem.commit(p, cap) != DJ_OK) {
		s->config.mem.release(p, cap);
		return DJ_E_NOMEM;
	}
	if (b->cap != 0)
		memcpy(p, b->p, b->cap);
	dj_buf_free(s, b);
	b->p = p;
	b->cap = cap;
	return DJ_OK;
}

void dj_buf_free(struct dj_store *s, struct dj_buf *b)
{
	if (b->p != NULL)
		s->config.mem.release(b->p, b->cap);
	*b = (struct dj_buf){ 0 };
}

static size_t round_up(size_t n)
{
	return (n + STEP - 1) & ~(STEP - 1);
}

static dj_status init_vm(struct dj_store *s)
{
	struct dj_vm *vm = &s->vm;
	static struct dj_func nobody; /* the caller of the first frame */
	struct dj_func *f = dj_arena_new(s->arena, struct dj_func);

	if (f == NULL)
		return DJ_E_NOMEM;
	*f = nobody;
	f->mem = &s->no_memory;
	vm->store = s;
	vm->frame_cap = s->config.max_call_depth + 1;
	vm->frames_len = round_up(vm->frame_cap * sizeof(*vm->frames));
	vm->frames = s->config.mem.reserve(vm->frames_len);
	vm->stack_len = round_up(s->config.stack_bytes);
	vm->stack = s->config.mem.reserve(vm->stack_len);
	if (vm->frames == NULL || vm->stack == NULL ||
		s->config.mem.commit(vm->frames, STEP) != DJ_OK ||
		s->config.mem.commit(vm->stack, STEP) != DJ_OK)
		return DJ_E_NOMEM;
	vm->frame_committed = STEP / sizeof(*vm->frames);
	if (vm->frame_committed > vm->frame_cap)
		vm->frame_committed = vm->frame_cap;
	vm->frame_max = vm->frames + vm->frame_committed - 1;
	vm->stack_cap = vm->stack_len / sizeof(*vm->stack);
	vm->stack_committed = STEP / sizeof(*vm->stack);
	vm->stack_max = vm->stack + vm->stack_committed;
	vm->frame = vm->frames;
	vm->frame->func = f;
	vm->frame->is_entry = true;
	vm->top = vm->stack;
	dj_vm_arm(vm);
	return DJ_OK;
}

dj_status dj_store_init(struct dj_arena *arena,
	const struct dj_store_config *config, struct dj_store **ret)
{
	struct dj_store *s = dj_arena_new(arena, struct dj_store);

	if (s == NULL)
		return DJ_E_NOMEM;
	s->config = *config;
	s->arena = arena;
	if (s->config.max_table_elems == 0)
		s->config.max_table_elems = DJ_WASM_MAX_TABLE_ELEM;
	if (s->config.max_call_depth == 0)
		s->config.max_call_depth = 65536;
	if (s->config.max_call_depth > (1u << 24))
		return DJ_E_LIMIT;
	if (s->config.stack_bytes == 0)
		s->config.stack_bytes = sizeof(union dj_slot) << 20;
	if (s->config.stack_bytes > SIZE_MAX / 2)
		return DJ_E_LIMIT;
	if (s->config.poll_interval == 0)
		s->config.poll_interval = 16384;
	if (s->config.max_heap_bytes == 0)
		s->config.max_heap_bytes =
			s->config.max_memory_pages * DJ_WASM_PAGE;
	s->types.arena = arena;
	s->ops = dj_interp_ops();
	s->vm.poll_left = s->config.poll_interval;
	if (init_vm(s) != DJ_OK ||
		(s->config.native && dj_native_vm_init(s) != DJ_OK)) {
		dj_store_done(s);
		return DJ_E_NOMEM;
	}
	*ret = s;
	return DJ_OK;
}

static void release(struct dj_store *s, void *p, size_t len)
{
	if (p != NULL)
		s->config.mem.release(p, len);
}

void dj_store_done(struct dj_store *s)
{
	for (struct dj_memory *m = s->memories; m != NULL; m = m->next)
		release(s, m->base, m->reserved);
	for (struct dj_table *t = s->tables; t != NULL; t = t->next)
		dj_buf_free(s, &t->buf);
	dj_heap_done(s);
	while (s->chunks != NULL) {
		struct dj_chunk *k = s->chunks;

		s->chunks = k->next;
		release(s, k, k->len);
	}
	dj_native_vm_done(s);
	dj_buf_free(s, &s->code);
	dj_buf_free(s, &s->entries);
	dj_buf_free(s, &s->blocks);
	dj_buf_free(s, &s->heads);
	dj_buf_free(s, &s->map);
	dj_buf_free(s, &s->handlers);
	dj_buf_free(s, &s->marks);
	release(s, s->vm.frames, s->vm.frames_len);
	release(s, s->vm.stack, s->vm.stack_len);
	s->memories = NULL;
	s->tables = NULL;
	s->vm.frames = NULL;
	s->vm.stack = NULL;
}
