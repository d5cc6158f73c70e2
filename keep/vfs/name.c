// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/vfs/vfs.h"

/*
 * One table of names for all directories, by linear hashing: it grows by one
 * bucket per name, so there is no moment at which all is moved and no large
 * piece of memory. Bucket b is looked up with bucket_mask; those that are not
 * there yet are still in b without its highest bit.
 */
static uint32_t hash_of(const struct dj_vfs_node *dir, const char *name,
	size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ dir->ino;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}

static uint64_t bucket_of(const struct dj_vfs *v, uint32_t hash)
{
	uint64_t b = hash & v->bucket_mask;

	return b < v->bucket_count ? b : hash & v->bucket_mask >> 1;
}

struct dj_vfs_name *dj_vfs_find(const struct dj_vfs *v,
	const struct dj_vfs_node *dir, const char *name, size_t len)
{
	uint32_t hash = hash_of(dir, name, len);
	struct dj_vfs_name *n = dj_vfs_map_get(&v->names, bucket_of(v, hash));

	for (; n != NULL; n = n->next_in_bucket)
		if (n->hash == hash && n->dir == dir && n->len == len &&
			memcmp(n->text, name, len) == 0)
			return n;
	return NULL;
}

/* Splits one bucket in two; without memory the table just stays shorter. */
static void grow(struct dj_vfs *v)
{
	struct dj_vfs_name **from, *list, *next;
	uint64_t b = v->bucket_count;
	void **old, **new;

	if (b > v->bucket_mask)
		v->bucket_mask = v->bucket_mask << 1 | 1;
	new = dj_vfs_map_at(v, &v->names, b);
	old = dj_vfs_map_at(v, &v->names, b & v->bucket_mask >> 1);
	if (new == NULL || old == NULL)
		return;
	v->bucket_count++;
	list = *old;
	*old = NULL;
	for (; list != NULL; list = next) {
		next = list->next_in_bucket;
		from = (struct dj_vfs_name **)(bucket_of(v, list->hash) == b
				? new
				: old);
		list->next_in_bucket = *from;
		*from = list;
	}
}

bool dj_vfs_name_add(struct dj_vfs *v, struct dj_vfs_node *dir,
	const char *name, size_t len, struct dj_vfs_node *n)
{
	struct dj_vfs_name *e = dj_vfs_alloc(v, sizeof(*e) + len);
	void **bucket;

	if (e == NULL)
		return false;
	e->hash = hash_of(dir, name, len);
	bucket = dj_vfs_map_at(v, &v->names, bucket_of(v, e->hash));
	if (bucket == NULL) {
		dj_vfs_free(v, e, sizeof(*e) + len);
		return false;
	}
	e->next_in_bucket = *bucket;
	*bucket = e;
	e->dir = dir;
	e->node = n;
	e->len = (uint16_t)len;
	memcpy(e->text, name, len);
	e->seq = ++dir->dir.seq;
	e->prev = dir->dir.last;
	if (e->prev != NULL)
		e->prev->next = e;
	else
		dir->dir.first = e;
	dir->dir.last = e;
	dir->dir.count++;
	n->names++;
	if (++v->name_count > v->bucket_count)
		grow(v);
	return true;
}

void dj_vfs_name_del(struct dj_vfs *v, struct dj_vfs_name *e)
{
	struct dj_vfs_node *dir = e->dir;
	struct dj_vfs_name **p;

	p = (struct dj_vfs_name **)dj_vfs_map_at(v, &v->names,
		bucket_of(v, e->hash));
	while (*p != e)
		p = &(*p)->next_in_bucket;
	*p = e->next_in_bucket;
	if (e->prev != NULL)
		e->prev->next = e->next;
	else
		dir->dir.first = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	else
		dir->dir.last = e->prev;
	dir->dir.count--;
	dir->dir.changes++;
	e->node->names--;
	v->name_count--;
	dj_vfs_free(v, e, sizeof(*e) + e->len);
}

const struct dj_vfs_name *dj_vfs_after(const struct dj_vfs_node *dir,
	uint64_t cookie, struct dj_vfs_hint *hint)
{
	const struct dj_vfs_name *e = dir->dir.first;

	if (cookie >= dir->dir.seq)
		return NULL;
	/*
	 * The cookie's entry is where the last call ended or, if that one did
	 * not fit, the one before it.
	 */
	if (hint->at != NULL && hint->changes == dir->dir.changes) {
		const struct dj_vfs_name *h = hint->at;

		if (h->seq <= cookie ||
			(h->prev != NULL && h->prev->seq <= cookie))
			e = h;
	}
	while (e != NULL && e->seq <= cookie)
		e = e->next;
	hint->at = e;
	hint->changes = dir->dir.changes;
	return e;
}
