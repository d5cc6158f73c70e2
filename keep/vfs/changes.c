// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/vfs/changes.h"
#include "lib/base/size.h"

/*
 * Nothing is written down while a program runs. At the end the tar that a
 * tree was made of is read once more: what still stands where it stood, with
 * the tar's own bytes and time, is unchanged; a name of the tar that is gone
 * was removed; every other name is new.
 */
static dj_status refuse(struct dj_vfs_changes *c, const char *what)
{
	c->what = what;
	return DJ_E_LIMIT;
}

static dj_status put(struct dj_vfs_changes *c, const void *p, size_t len)
{
	if (len > c->left)
		return refuse(c, "what changed is too much to be returned");
	c->left -= len;
	return c->put(c->ctx, p, len);
}

/* "NUMBER/+/" or "NUMBER/-/" at the front of path. */
static void start_path(struct dj_vfs_changes *c, char kind)
{
	char digits[20];
	uint64_t v = c->number;
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	c->path_len = 0;
	while (n > 0)
		c->path[c->path_len++] = digits[--n];
	c->path[c->path_len++] = '/';
	c->path[c->path_len++] = kind;
	c->path[c->path_len++] = '/';
}

static dj_status append(struct dj_vfs_changes *c, const char *p, size_t len)
{
	if (len >= sizeof(c->path) - c->path_len)
		return refuse(c, "a path is too long to be returned");
	memcpy(c->path + c->path_len, p, len);
	c->path_len += len;
	return DJ_OK;
}

static dj_status put_header(struct dj_vfs_changes *c, struct dj_pax *m)
{
	size_t n;

	m->path = c->path;
	m->path_len = c->path_len;
	n = dj_pax_header(m, c->block);
	if (n == 0)
		return refuse(c, "a path is too long to be returned");
	return put(c, c->block, n);
}

static dj_status put_contents(struct dj_vfs_changes *c,
	const struct dj_vfs_node *n)
{
	dj_status st = DJ_OK;
	uint64_t off = 0;
	size_t len;

	while (st == DJ_OK && off < n->file.size) {
		len = dj_vfs_read(n, off, c->block, DJ_VFS_PAGE);
		st = put(c, c->block, len);
		off += len;
	}
	len = dj_pax_padding(n->file.size);
	memset(c->block, 0, len);
	return st == DJ_OK ? put(c, c->block, len) : st;
}

static dj_status put_node(struct dj_vfs_changes *c, struct dj_vfs_node *n)
{
	struct dj_pax m = { .type = '5', .mode = 0755 };
	dj_status st;

	dj_vfs_settle(n, c->now);
	m.mtime = n->mtim / 1000000000;
	switch (n->type) {
	case DJ_VFS_STREAM: /* never in a tree that is returned */
	case DJ_VFS_DIR:
		break;
	case DJ_VFS_LINK:
		m.type = '2';
		m.target = n->link.target;
		m.target_len = n->link.len;
		break;
	case DJ_VFS_FILE:
		m.type = '0';
		m.mode = 0644;
		m.size = n->file.size;
		/* A sparse file has no end in sight: not even begun. */
		if (m.size > c->left)
			return refuse(c,
				"what changed is too much to be returned");
		break;
	}
	st = put_header(c, &m);
	if (st == DJ_OK && n->type == DJ_VFS_FILE)
		st = put_contents(c, n);
	return st;
}

static bool is_same(const struct dj_vfs_node *n,
	const struct dj_untar_member *m)
{
	switch (m->type) {
	case DJ_UNTAR_DIR:
		return n->type == DJ_VFS_DIR;
	case DJ_UNTAR_LINK:
		return n->type == DJ_VFS_LINK && n->link.target == m->target;
	case DJ_UNTAR_FILE:
		return n->type == DJ_VFS_FILE && n->file.base == m->data &&
			n->file.map.root == NULL && n->file.size == m->size &&
			n->file.base_len == m->size && n->mtim == m->mtime &&
			(n->stale & DJ_VFS_MTIM) == 0;
	case DJ_UNTAR_END:
		break;
	}
	return false;
}

/* What a path of the tar leads to now; folders on the way are not new. */
static struct dj_vfs_name *find(const struct dj_vfs *v,
	const struct dj_vfs_node *dir, const char *path, size_t len)
{
	struct dj_vfs_name *e;
	const char *slash;

	while ((slash = memchr(path, '/', len)) != NULL) {
		e = dj_vfs_find(v, dir, path, (size_t)(slash - path));
		if (e == NULL || e->node->type != DJ_VFS_DIR)
			return NULL;
		e->same = true;
		dir = e->node;
		len -= (size_t)(slash - path) + 1;
		path = slash + 1;
	}
	return dj_vfs_find(v, dir, path, len);
}

static dj_status put_removed(struct dj_vfs_changes *c,
	const struct dj_untar_member *m)
{
	struct dj_pax gone = { .type = '0', .mode = 0644 };
	dj_status st;

	start_path(c, '-');
	st = append(c, m->path, m->path_len);
	return st == DJ_OK ? put_header(c, &gone) : st;
}

static dj_status compare(struct dj_vfs_changes *c, const struct dj_vfs *v,
	const struct dj_vfs_node *root, const struct dj_untar_member *m)
{
	struct dj_vfs_name *e;

	if (m->path_len == 0)
		return DJ_OK;
	e = find(v, root, m->path, m->path_len);
	if (e != NULL)
		e->same = is_same(e->node, m);
	/* A folder where none was, or the reverse, does not just replace. */
	if (e == NULL ||
		(e->node->type == DJ_VFS_DIR) != (m->type == DJ_UNTAR_DIR))
		return put_removed(c, m);
	return DJ_OK;
}

/* All below root that is not the same, folders before what is in them. */
static dj_status put_new(struct dj_vfs_changes *c,
	const struct dj_vfs_node *root)
{
	const struct dj_vfs_name *e = root->dir.first;
	size_t depth = 0, mark;
	dj_status st = DJ_OK;

	start_path(c, '+');
	while (st == DJ_OK) {
		if (e == NULL) {
			if (depth == 0)
				break;
			e = c->above[--depth];
			c->path_len -= e->len + 1u;
			e = e->next;
			continue;
		}
		mark = c->path_len;
		st = append(c, e->text, e->len);
		if (st == DJ_OK && !e->same)
			st = put_node(c, e->node);
		if (st == DJ_OK && e->node->type == DJ_VFS_DIR) {
			st = append(c, "/", 1);
			/* Each took two bytes of the path: there is room. */
			c->above[depth++] = e;
			e = e->node->dir.first;
			continue;
		}
		c->path_len = mark;
		e = e->next;
	}
	return st;
}

dj_status dj_vfs_changes_put(struct dj_vfs_changes *c, struct dj_vfs *v,
	struct dj_vfs_node *root, const uint8_t *tar, size_t tar_len,
	uint64_t number)
{
	struct dj_untar_member m = { .type = DJ_UNTAR_DIR };
	dj_status st = DJ_OK;

	c->number = number;
	if (tar != NULL)
		dj_untar_init(&c->tar, tar, tar_len);
	while (st == DJ_OK && tar != NULL) {
		st = dj_untar_next(&c->tar, &m);
		if (st != DJ_OK || m.type == DJ_UNTAR_END)
			break;
		st = compare(c, v, root, &m);
	}
	return st == DJ_OK ? put_new(c, root) : st;
}

dj_status dj_vfs_changes_end(struct dj_vfs_changes *c)
{
	memset(c->block, 0, (size_t)2 * DJ_PAX_BLOCK);
	return put(c, c->block, (size_t)2 * DJ_PAX_BLOCK);
}
