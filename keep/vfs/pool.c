// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/vfs/vfs.h"

/*
 * Pieces are powers of two, 32 to 4096 bytes; a freed piece goes to the list
 * of its class and stays in it, whole pages excepted: they may be cut anew.
 * A piece is zero when it is handed out.
 */
#define SMALLEST    32
#define COMMIT_STEP ((uint64_t)256 << 10)

struct piece {
	struct piece *next;
};

dj_status dj_vfs_init(struct dj_vfs *v, struct dj_arena *arena,
	const struct dj_vfs_pages *pages)
{
	*v = (struct dj_vfs){ .arena = arena, .pages = *pages };
	v->reserved = pages->max_bytes & ~(uint64_t)(DJ_VFS_PAGE - 1);
	v->bucket_count = 1;
	v->next_ino = 1;
	if (v->reserved == 0)
		return DJ_OK;
	if (v->reserved > SIZE_MAX)
		return DJ_E_LIMIT;
	v->base = v->pages.reserve((size_t)v->reserved);
	return v->base == NULL ? DJ_E_NOMEM : DJ_OK;
}

void dj_vfs_seal(struct dj_vfs *v)
{
	v->arena = NULL;
}

void dj_vfs_done(struct dj_vfs *v)
{
	if (v->base != NULL)
		v->pages.release(v->base, (size_t)v->reserved);
	v->base = NULL;
	v->reserved = 0;
	v->committed = 0;
	v->used = 0;
	memset(v->free, 0, sizeof(v->free));
}

static bool commit_more(struct dj_vfs *v)
{
	uint64_t step = v->reserved - v->committed;

	if (step > COMMIT_STEP)
		step = COMMIT_STEP;
	/* The last of the Keep's memory goes page by page. */
	if (step == 0 ||
		v->pages.commit(v->base + v->committed, (size_t)step) !=
			DJ_OK) {
		if (step <= DJ_VFS_PAGE)
			return false;
		step = DJ_VFS_PAGE;
		if (v->pages.commit(v->base + v->committed, (size_t)step) !=
			DJ_OK)
			return false;
	}
	v->committed += step;
	return true;
}

/* A page given back serves small pieces as well as new ones do. */
static void *new_page(struct dj_vfs *v)
{
	struct piece *old = v->free[DJ_VFS_CLASSES - 1];
	void *p;

	if (old != NULL) {
		v->free[DJ_VFS_CLASSES - 1] = old->next;
		return memset((void *)old, 0, DJ_VFS_PAGE);
	}
	if (v->used == v->committed && !commit_more(v))
		return NULL;
	p = v->base + v->used;
	v->used += DJ_VFS_PAGE;
	return p;
}

static unsigned class_of(size_t size, size_t *ret_size)
{
	unsigned c = 0;
	size_t s = SMALLEST;

	for (; s < size; s <<= 1)
		c++;
	*ret_size = s;
	return c;
}

void *dj_vfs_alloc(struct dj_vfs *v, size_t size)
{
	struct piece *p;
	size_t s;
	unsigned c = class_of(size, &s);

	if (c >= DJ_VFS_CLASSES)
		return NULL;
	p = v->free[c];
	if (p != NULL) {
		v->free[c] = p->next;
		return memset((void *)p, 0, s);
	}
	if (v->arena != NULL)
		return dj_arena_alloc(v->arena, s, 16);
	p = new_page(v);
	if (p == NULL)
		return NULL;
	/* Cut the page: the first piece is the caller's, the rest is listed. */
	for (size_t at = s; at < DJ_VFS_PAGE; at += s)
		dj_vfs_free(v, (uint8_t *)p + at, s);
	return p;
}

void dj_vfs_free(struct dj_vfs *v, void *p, size_t size)
{
	struct piece *f = p;
	size_t s;
	unsigned c = class_of(size, &s);

	if (p == NULL || c >= DJ_VFS_CLASSES)
		return;
	f->next = v->free[c];
	v->free[c] = f;
}
