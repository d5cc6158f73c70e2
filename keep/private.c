// SPDX-License-Identifier: Apache-2.0
#include "keep/private.h"

#include "keep/bug.h"
#include "keep/shim.h"
#include "lib/base/secret.h"
#include "lib/base/size.h"

/*
 * Invariant: every committed byte but those of the list itself is in exactly
 * one extent. Neighbours that were committed in order share one.
 */
struct extent {
	uint8_t *p;
	size_t len;
};

#define LIST_SIZE ((size_t)1 << 20)
#define LIST_MAX  (LIST_SIZE / sizeof(struct extent))
#define STEP      ((size_t)64 << 10)

static struct {
	struct extent *list;
	size_t list_committed;
	size_t count;
	size_t last;        /* the extent that grew last */
	struct extent code; /* what of it cannot be written now */
} mem;

dj_status dj_memory_begin(void)
{
	mem.list = dj_shim_reserve(LIST_SIZE);
	mem.list_committed = 0;
	mem.count = 0;
	mem.last = 0;
	mem.code = (struct extent){ 0 };
	return mem.list == NULL ? DJ_E_NOMEM : DJ_OK;
}

/* Whole pages, at least one: an empty range has an address too. */
static size_t pages(size_t len)
{
	size_t ret;

	if (len == 0)
		return DJ_SHIM_PAGE;

	if (!dj_size_align(len, DJ_SHIM_PAGE, &ret))
		return SIZE_MAX & ~(size_t)(DJ_SHIM_PAGE - 1);
	return ret;
}

void *dj_private_reserve(size_t len)
{
	return dj_shim_reserve(pages(len));
}

/* The extent that ends at p, or NULL. */
static struct extent *ends_at(const uint8_t *p)
{
	struct extent *e;

	if (mem.last < mem.count) {
		e = &mem.list[mem.last];
		if (e->p + e->len == p)
			return e;
	}
	for (size_t i = mem.count; i > 0; i--) {
		e = &mem.list[i - 1];
		if (e->p + e->len == p) {
			mem.last = i - 1;
			return e;
		}
	}
	return NULL;
}

/* Makes sure that one more extent has a place in the list. */
static dj_status list_grow(void)
{
	size_t need = (mem.count + 1) * sizeof(struct extent);
	dj_status st;

	if (mem.count == LIST_MAX)
		return DJ_E_NOMEM;
	if (need <= mem.list_committed)
		return DJ_OK;
	st = dj_shim_commit((uint8_t *)mem.list + mem.list_committed,
		DJ_SHIM_PAGE);
	if (st == DJ_OK)
		mem.list_committed += DJ_SHIM_PAGE;
	return st;
}

dj_status dj_private_commit(void *p, size_t len)
{
	struct extent *e;
	dj_status st;

	if (len == 0)
		return DJ_OK;
	len = pages(len);
	st = list_grow();
	if (st != DJ_OK)
		return st;
	st = dj_shim_commit(p, len);
	if (st != DJ_OK)
		return st;
	e = ends_at(p);
	if (e != NULL) {
		e->len += len;
		return DJ_OK;
	}
	mem.last = mem.count;
	mem.list[mem.count++] = (struct extent){ .p = p, .len = len };
	return DJ_OK;
}

/* Wipes what [from, to) and e share, and drops it from e. */
static void cut(size_t i, uint8_t *from, uint8_t *to)
{
	struct extent *e = &mem.list[i];
	uint8_t *end = e->p + e->len;
	uint8_t *lo = e->p > from ? e->p : from;
	uint8_t *hi = end < to ? end : to;

	if (lo >= hi)
		return;
	dj_wipe(lo, (size_t)(hi - lo));
	if (lo == e->p && hi == end) {
		*e = mem.list[--mem.count];
	} else if (lo == e->p) {
		e->p = hi;
		e->len = (size_t)(end - hi);
	} else {
		e->len = (size_t)(lo - e->p);
		if (hi == end)
			return;
		/* Two neighbouring ranges grew as one; the later one stays. */
		if (list_grow() != DJ_OK)
			dj_bug();
		mem.list[mem.count++] = (struct extent){
			.p = hi,
			.len = (size_t)(end - hi),
		};
	}
}

dj_status dj_private_exec(void *p, size_t len)
{
	dj_status st;

	if (mem.code.p != NULL)
		return DJ_E_LIMIT;
	st = dj_shim_exec(p, len);
	if (st == DJ_OK)
		mem.code = (struct extent){ .p = p, .len = len };
	return st;
}

/* Before memory is wiped, code must be memory again. */
static void unexec(void)
{
	if (mem.code.p != NULL)
		dj_shim_unexec(mem.code.p, mem.code.len);
	mem.code = (struct extent){ 0 };
}

void dj_private_release(void *p, size_t len)
{
	uint8_t *from = p;

	len = pages(len);
	if (mem.code.p >= from && mem.code.p < from + len)
		unexec();
	for (size_t i = mem.count; i > 0; i--)
		cut(i - 1, from, from + len);
	dj_shim_release(p, len);
}

void dj_private_wipe(void)
{
	unexec();
	for (size_t i = 0; i < mem.count; i++)
		dj_wipe(mem.list[i].p, mem.list[i].len);
	dj_wipe(mem.list, mem.list_committed);
}

dj_status dj_buffer_reserve(struct dj_buffer *b, size_t cap)
{
	b->p = dj_private_reserve(cap);
	if (b->p == NULL)
		return DJ_E_NOMEM;
	b->cap = cap;
	b->committed = 0;
	return DJ_OK;
}

dj_status dj_buffer_grow(struct dj_buffer *b, size_t end)
{
	size_t want;
	dj_status st;

	if (end <= b->committed)
		return DJ_OK;
	if (end > b->cap)
		dj_bug();
	if (!dj_size_align(end, STEP, &want) || want > pages(b->cap))
		want = pages(b->cap);
	st = dj_private_commit(b->p + b->committed, want - b->committed);
	if (st == DJ_OK)
		b->committed = want;
	return st;
}

void dj_buffer_free(struct dj_buffer *b)
{
	if (b->p != NULL)
		dj_private_release(b->p, b->cap);
	*b = (struct dj_buffer){ 0 };
}
