// SPDX-License-Identifier: Apache-2.0
#include "keep/vfs/vfs.h"

/* A page of pointers resolves 9 bits of the index; 7 levels are 63 bits. */
#define BITS       9
#define FAN        (1u << BITS)
#define HEIGHT_MAX 7

static bool covers(const struct dj_vfs_map *m, uint64_t i)
{
	return m->height == HEIGHT_MAX || i >> (BITS * m->height) == 0;
}

static unsigned digit(uint64_t i, unsigned level)
{
	return (unsigned)(i >> (BITS * level)) & (FAN - 1);
}

void *dj_vfs_map_get(const struct dj_vfs_map *m, uint64_t i)
{
	void *p = m->root;

	if (!covers(m, i))
		return NULL;
	for (unsigned h = m->height; h > 0 && p != NULL; h--)
		p = ((void **)p)[digit(i, h - 1)];
	return p;
}

void **dj_vfs_map_at(struct dj_vfs *v, struct dj_vfs_map *m, uint64_t i)
{
	void **place, **page;

	while (!covers(m, i)) {
		if (m->root != NULL) {
			page = dj_vfs_alloc(v, DJ_VFS_PAGE);
			if (page == NULL)
				return NULL;
			page[0] = m->root;
			m->root = page;
		}
		m->height++;
	}
	place = &m->root;
	for (unsigned h = m->height; h > 0; h--) {
		if (*place == NULL)
			*place = dj_vfs_alloc(v, DJ_VFS_PAGE);
		if (*place == NULL)
			return NULL;
		place = (void **)*place + digit(i, h - 1);
	}
	return place;
}

/* Recursion is at most HEIGHT_MAX deep. */
static void *trim(struct dj_vfs *v, void *p, unsigned height, uint64_t i)
{
	void **page = p;
	uint64_t below;
	unsigned first;

	if (p == NULL)
		return NULL;
	if (height == 0) {
		dj_vfs_free(v, p, DJ_VFS_PAGE);
		return NULL;
	}
	first = digit(i, height - 1);
	below = i & ((UINT64_C(1) << (BITS * (height - 1))) - 1);
	page[first] = trim(v, page[first], height - 1, below);
	for (unsigned k = first + 1; k < FAN; k++)
		page[k] = trim(v, page[k], height - 1, 0);
	for (unsigned k = 0; k < FAN; k++)
		if (page[k] != NULL)
			return page;
	dj_vfs_free(v, page, DJ_VFS_PAGE);
	return NULL;
}

void dj_vfs_map_trim(struct dj_vfs *v, struct dj_vfs_map *m, uint64_t i)
{
	if (!covers(m, i))
		return;
	if (m->height == 0 && i > 0)
		return;
	m->root = trim(v, m->root, m->height, i);
	if (m->root == NULL)
		m->height = 0;
}
