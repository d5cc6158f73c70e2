// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/gc.h"

/*
 * The heap is one range of blocks. A block is free, or has cells of one size,
 * or is part of a run that holds one object. A cell that holds nothing says so
 * in its head and is on its size's list.
 *
 * Collection marks from the roots, with a list through the heads of what is
 * marked and not yet looked into, so that it takes no stack and no memory;
 * then it goes over all blocks. Any word may be taken for a reference: it is
 * one if it points into a cell or run that is in use.
 *
 * Between two collections as much is made as was alive after the first, or
 * more, so their cost is a share of the program's. When the heap may not grow
 * and a collection frees next to nothing, the program has used up its memory.
 */
#define BLOCK     4096u
#define UNIT      16u
#define SMALL_MAX 2048u
#define MARKED    (1u << 31)
#define GROW_MIN  ((uint64_t)4 << 20)
#define HEAP_MAX  ((uint64_t)32 << 30) /* links have 31 bits, of units */

/* Of a block: what it is in the low byte, a number above it. */
enum block_use {
	FREE = 0,
	/* 1 and on: cells of sizes[use - 1] */
	RUN = 0x80,  /* the first of a run, how many */
	REST = 0x81, /* how many before it */
};

static const uint16_t sizes[DJ_HEAP_SIZES] = { 16, 32, 48, 64, 80, 96, 128, 160,
	192, 256, 336, 512, 672, 1024, 1360, 2048 };

static uint32_t use_of(const struct dj_heap *h, uint64_t block)
{
	return h->blocks[block] & 0xff;
}

static struct dj_object *at_link(const struct dj_heap *h, uint32_t link)
{
	return (struct dj_object *)(void *)(h->base +
		(link - 1) * (size_t)UNIT);
}

static uint32_t link_to(const struct dj_heap *h, const struct dj_object *o)
{
	return (uint32_t)(((const uint8_t *)o - h->base) / UNIT) + 1;
}

/* Half of what was wanted, and so on, where there is less address space. */
static dj_status start(struct dj_store *s)
{
	struct dj_heap *h = &s->heap;
	uint64_t want = s->config.max_heap_bytes;

	want = want > HEAP_MAX ? HEAP_MAX : want;
	for (; want >= DJ_ARENA_STEP; want /= 2) {
		want &= ~((uint64_t)DJ_ARENA_STEP - 1);
		h->base = s->config.mem.reserve((size_t)want);
		if (h->base != NULL)
			break;
	}
	if (h->base == NULL)
		return DJ_E_NOMEM;
	h->reserved = (size_t)want;
	h->blocks_len = (size_t)want / BLOCK * sizeof(*h->blocks);
	h->blocks_len =
		(h->blocks_len + DJ_ARENA_STEP - 1) & ~(DJ_ARENA_STEP - 1);
	h->blocks = s->config.mem.reserve(h->blocks_len);
	return h->blocks == NULL ? DJ_E_NOMEM : DJ_OK;
}

void dj_heap_done(struct dj_store *s)
{
	struct dj_heap *h = &s->heap;

	if (h->base != NULL)
		s->config.mem.release(h->base, h->reserved);
	if (h->blocks != NULL)
		s->config.mem.release(h->blocks, h->blocks_len);
	*h = (struct dj_heap){ 0 };
}

/* Commits up to n more blocks behind the last; false if it may not. */
static bool extend(struct dj_store *s, uint64_t n)
{
	struct dj_heap *h = &s->heap;
	uint64_t want = (h->count + n) * BLOCK, table;

	if (want > h->reserved)
		return false;
	if (want > h->committed) {
		want = (want + DJ_ARENA_STEP - 1) & ~(DJ_ARENA_STEP - 1);
		if (s->config.mem.commit(h->base + h->committed,
			    (size_t)(want - h->committed)) != DJ_OK)
			return false;
		h->committed = (size_t)want;
	}
	table = (h->count + n) * sizeof(*h->blocks);
	if (table > h->blocks_committed) {
		table = (table + DJ_ARENA_STEP - 1) & ~(DJ_ARENA_STEP - 1);
		if (s->config.mem.commit((uint8_t *)h->blocks +
				    h->blocks_committed,
			    (size_t)(table - h->blocks_committed)) != DJ_OK)
			return false;
		h->blocks_committed = (size_t)table;
	}
	h->count += n;
	return true;
}

/* n free blocks in a row, from *hint on, which moves; or NULL. */
static uint8_t *find_run(struct dj_heap *h, uint64_t n, uint64_t *hint)
{
	uint64_t run = 0;

	for (uint64_t i = *hint; i < h->count; i++) {
		run = use_of(h, i) == FREE ? run + 1 : 0;
		if (run == n) {
			*hint = i + 1;
			return h->base + (i + 1 - n) * BLOCK;
		}
	}
	*hint = h->count;
	return NULL;
}

static uint8_t *take_blocks(struct dj_store *s, uint64_t n)
{
	struct dj_heap *h = &s->heap;
	uint8_t *p = find_run(h, n, n == 1 ? &h->hint : &h->run_hint);

	if (p != NULL)
		return p;
	if (!extend(s, n))
		return NULL;
	return h->base + (h->count - n) * BLOCK;
}

static void put_free(struct dj_heap *h, struct dj_object *o, unsigned class)
{
	o->type = DJ_OBJECT_FREE;
	o->link = h->free[class];
	h->free[class] = link_to(h, o);
}

static struct dj_object *small(struct dj_store *s, unsigned class)
{
	struct dj_heap *h = &s->heap;
	struct dj_object *o;
	uint8_t *p;

	if (h->free[class] == 0) {
		p = take_blocks(s, 1);
		if (p == NULL)
			return NULL;
		h->blocks[(size_t)(p - h->base) / BLOCK] = class + 1;
		for (uint32_t i = BLOCK / sizes[class]; i > 0; i--)
			put_free(h,
				(void *)(p + (size_t)(i - 1) * sizes[class]),
				class);
	}
	o = at_link(h, h->free[class]);
	h->free[class] = o->link;
	memset(o, 0, sizes[class]);
	h->made += sizes[class];
	return o;
}

static struct dj_object *large(struct dj_store *s, uint64_t size)
{
	struct dj_heap *h = &s->heap;
	uint64_t n = (size + BLOCK - 1) / BLOCK;
	uint8_t *p = take_blocks(s, n);
	size_t first;

	if (p == NULL)
		return NULL;
	first = (size_t)(p - h->base) / BLOCK;
	h->blocks[first] = (uint32_t)n << 8 | RUN;
	for (uint64_t i = 1; i < n; i++)
		h->blocks[first + i] = (uint32_t)i << 8 | REST;
	memset(p, 0, n * BLOCK);
	dj_vm_worked(&s->vm, n * BLOCK);
	h->made += n * BLOCK;
	return (void *)p;
}

static struct dj_object *allocate(struct dj_store *s, uint64_t size)
{
	unsigned class = 0;

	if (size > SMALL_MAX)
		return size > s->heap.reserved ? NULL : large(s, size);
	while (sizes[class] < size)
		class ++;
	return small(s, class);
}

enum dj_trap dj_heap_alloc(struct dj_vm *vm, uint32_t type, uint64_t size,
	struct dj_object **ret)
{
	struct dj_store *s = vm->store;
	struct dj_heap *h = &s->heap;
	struct dj_object *o;

	if (h->blocks == NULL && start(s) != DJ_OK)
		return DJ_TRAP_LIMIT;
	if (h->made >= h->due)
		(void)dj_gc_collect(vm);
	o = allocate(s, size);
	if (o == NULL && h->made >= h->reserved / 64) {
		(void)dj_gc_collect(vm);
		o = allocate(s, size);
	}
	if (o == NULL) {
		h->hint = h->run_hint = 0; /* what was passed over */
		o = allocate(s, size);
	}
	if (o == NULL) {
		h->made = h->due; /* another program may have let go of it */
		return DJ_TRAP_LIMIT;
	}
	o->type = type;
	*ret = o;
	return DJ_TRAP_NONE;
}

/* The object that a word points to or into, or NULL. */
static struct dj_object *object_at(const struct dj_heap *h, uint64_t word)
{
	uint64_t off = (word & ~DJ_REF_FLIPPED) - (uintptr_t)h->base;
	uint64_t block = off / BLOCK, cell;
	struct dj_object *o;
	uint32_t use;

	if (off >= h->count * BLOCK)
		return NULL;
	use = use_of(h, block);
	if (use == FREE)
		return NULL;
	if (use == REST)
		block -= h->blocks[block] >> 8;
	if (use == RUN || use == REST)
		return (void *)(h->base + block * BLOCK);
	cell = off % BLOCK / sizes[use - 1];
	if (cell >= BLOCK / sizes[use - 1])
		return NULL;
	o = (void *)(h->base + block * BLOCK + cell * sizes[use - 1]);
	return o->type == DJ_OBJECT_FREE ? NULL : o;
}

static void mark(struct dj_heap *h, uint64_t word)
{
	struct dj_object *o = object_at(h, word);

	if (o == NULL || (o->type & MARKED) != 0)
		return;
	o->type |= MARKED;
	o->link = h->grey;
	h->grey = link_to(h, o);
}

static void mark_words(struct dj_heap *h, const void *from, size_t n)
{
	const uint64_t *p = from;

	for (size_t i = 0; i < n; i++)
		mark(h, p[i]);
}

static void mark_field(struct dj_heap *h, const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	mark(h, word);
}

static void look_into(struct dj_store *s, const struct dj_object *o)
{
	uint32_t type = o->type & ~MARKED;
	const struct dj_exn *exn = (const void *)o;
	const struct dj_struct *st = (const void *)o;
	const struct dj_array *a = (const void *)o;
	const struct dj_wasm_type *t;
	const struct dj_layout *l;

	if (type == DJ_OBJECT_EXN) {
		mark_words(&s->heap, exn->v, exn->tag->slots);
		return;
	}
	t = &s->types.all[type];
	l = &s->layouts[type];
	if (!l->has_refs)
		return;
	if (t->form == DJ_WASM_FORM_ARRAY) {
		for (uint32_t i = 0; i < a->count; i++)
			mark_field(&s->heap, a->at + (size_t)i * l->size);
		return;
	}
	for (uint32_t i = 0; i < t->field_count; i++) {
		if (dj_wasm_is_ref(t->fields[i].type))
			mark_field(&s->heap, st->at + l->offsets[i]);
	}
}

static void mark_instances(struct dj_store *s)
{
	for (const struct dj_instance *i = s->instances; i != NULL;
		i = i->next) {
		for (uint32_t k = 0; k < i->module->elem_count; k++) {
			if (i->elems[k] != NULL)
				mark_words(&s->heap, i->elems[k],
					i->module->elems[k].count);
		}
	}
}

static void mark_all(struct dj_vm *vm)
{
	struct dj_store *s = vm->store;
	struct dj_heap *h = &s->heap;

	mark_words(h, vm->stack, (size_t)(vm->top - vm->stack));
	for (const struct dj_global *g = s->globals; g != NULL; g = g->next)
		mark(h, g->v.u64);
	for (const struct dj_table *t = s->tables; t != NULL; t = t->next)
		mark_words(h, t->elems, t->count);
	for (const struct dj_gc_roots *r = s->roots; r != NULL; r = r->next)
		mark_words(h, r->words, r->count);
	mark_instances(s);
	while (h->grey != 0) {
		struct dj_object *o = at_link(h, h->grey);

		h->grey = o->link;
		look_into(s, o);
	}
}

/* Frees what is not marked in a block of cells; bytes that stay. */
static uint64_t sweep_cells(struct dj_heap *h, uint64_t block)
{
	unsigned class = use_of(h, block) - 1;
	uint8_t *p = h->base + block * BLOCK;
	uint32_t list = h->free[class];
	uint64_t live = 0;

	for (uint32_t i = 0; i < BLOCK / sizes[class]; i++) {
		struct dj_object *o = (void *)(p + (size_t)i * sizes[class]);

		if ((o->type & MARKED) != 0) {
			o->type &= ~MARKED;
			live += sizes[class];
		} else {
			put_free(h, o, class);
		}
	}
	if (live == 0) {
		h->free[class] = list;
		h->blocks[block] = FREE;
	}
	return live;
}

static uint64_t sweep(struct dj_heap *h)
{
	uint64_t live = 0, n;

	memset(h->free, 0, sizeof(h->free));
	for (uint64_t i = 0; i < h->count; i += n) {
		struct dj_object *o = (void *)(h->base + i * BLOCK);

		n = 1;
		if (use_of(h, i) == FREE)
			continue;
		if (use_of(h, i) != RUN) {
			live += sweep_cells(h, i);
			continue;
		}
		n = h->blocks[i] >> 8;
		if ((o->type & MARKED) != 0) {
			o->type &= ~MARKED;
			live += n * BLOCK;
		} else {
			memset(&h->blocks[i], 0, n * sizeof(*h->blocks));
		}
	}
	return live;
}

uint64_t dj_gc_collect(struct dj_vm *vm)
{
	struct dj_heap *h = &vm->store->heap;
	uint64_t live;

	if (h->blocks == NULL)
		return 0;
	mark_all(vm);
	live = sweep(h);
	h->hint = h->run_hint = 0;
	h->made = 0;
	h->due = live > GROW_MIN ? live : GROW_MIN;
	h->collections++;
	return live;
}
