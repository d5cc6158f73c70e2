// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/vfs/vfs.h"
#include "lib/proto/untar.h"

_Static_assert(DJ_UNTAR_NAME_MAX == DJ_VFS_NAME_MAX, "one limit on names");

struct builder {
	struct dj_vfs *v;
	struct dj_vfs_node *root;
	bool writable;
	const char *what;
	struct dj_untar tar; /* holds the path of the member at hand */
};

static dj_status refuse(struct builder *b, const char *what)
{
	b->what = what;
	return DJ_E_INPUT;
}

static struct dj_vfs_node *add(struct builder *b, struct dj_vfs_node *dir,
	const char *name, size_t len, enum dj_vfs_type type)
{
	struct dj_vfs_node *n = dj_vfs_node_new(b->v, type);

	if (n == NULL || !dj_vfs_name_add(b->v, dir, name, len, n))
		return NULL;
	n->dev = b->root->dev;
	n->writable = b->writable;
	n->stale = 0;
	if (type == DJ_VFS_DIR) {
		n->dir.parent = dir;
		n->implied = true;
	}
	return n;
}

/* The folder of the path's last part; *path becomes that part. */
static dj_status parent_of(struct builder *b, const char **path, size_t *len,
	struct dj_vfs_node **ret)
{
	struct dj_vfs_node *dir = b->root;
	const char *slash;

	while ((slash = memchr(*path, '/', *len)) != NULL) {
		size_t n = (size_t)(slash - *path);
		struct dj_vfs_name *e = dj_vfs_find(b->v, dir, *path, n);

		dir = e != NULL ? e->node : add(b, dir, *path, n, DJ_VFS_DIR);
		if (dir == NULL)
			return DJ_E_NOMEM;
		if (dir->type != DJ_VFS_DIR)
			return refuse(b, "below something that is no folder");
		*len -= n + 1;
		*path = slash + 1;
	}
	*ret = dir;
	return DJ_OK;
}

static dj_status node_for(struct builder *b, const struct dj_untar_member *m,
	struct dj_vfs_node **ret)
{
	static const enum dj_vfs_type types[] = {
		[DJ_UNTAR_FILE] = DJ_VFS_FILE,
		[DJ_UNTAR_DIR] = DJ_VFS_DIR,
		[DJ_UNTAR_LINK] = DJ_VFS_LINK,
	};
	struct dj_vfs_node *dir, *n = b->root;
	const char *name = m->path;
	size_t len = m->path_len;
	struct dj_vfs_name *e;
	dj_status st;

	if (len != 0) {
		st = parent_of(b, &name, &len, &dir);
		if (st != DJ_OK)
			return st;
		e = dj_vfs_find(b->v, dir, name, len);
		n = e != NULL ? e->node
			      : add(b, dir, name, len, types[m->type]);
		if (n == NULL)
			return DJ_E_NOMEM;
		if (e == NULL) {
			*ret = n;
			return DJ_OK;
		}
	}
	if (m->type != DJ_UNTAR_DIR || n->type != DJ_VFS_DIR || !n->implied)
		return refuse(b, "twice");
	*ret = n;
	return DJ_OK;
}

static dj_status insert(struct builder *b, const struct dj_untar_member *m)
{
	struct dj_vfs_node *n;
	dj_status st = node_for(b, m, &n);

	if (st != DJ_OK)
		return st;
	n->implied = false;
	n->stale = 0;
	n->atim = n->mtim = n->ctim = m->mtime;
	if (m->type == DJ_UNTAR_FILE) {
		n->file.base = m->data;
		n->file.base_len = m->size;
		n->file.size = m->size;
	} else if (m->type == DJ_UNTAR_LINK) {
		n->link.target = m->target;
		n->link.len = m->target_len;
	}
	return DJ_OK;
}

static dj_status fill(struct builder *b, const uint8_t *tar, size_t len,
	struct dj_untar_member *m)
{
	dj_status st;

	dj_untar_init(&b->tar, tar, len);
	for (;;) {
		st = dj_untar_next(&b->tar, m);
		if (st != DJ_OK)
			b->what = b->tar.what;
		if (st != DJ_OK || m->type == DJ_UNTAR_END)
			return st;
		st = insert(b, m);
		if (st != DJ_OK)
			return st;
	}
}

static void tell(struct dj_vfs_error *err, const char *what,
	const struct dj_untar_member *m)
{
	size_t n = m->path == NULL ? 0 : m->path_len;

	*err = (struct dj_vfs_error){ .what = what };
	if (n > sizeof(err->name) - 1)
		n = sizeof(err->name) - 1;
	if (n != 0)
		memcpy(err->name, m->path, n);
}

dj_status dj_vfs_tree(struct dj_vfs *v, const uint8_t *tar, size_t tar_len,
	bool writable, struct dj_vfs_node **ret, struct dj_vfs_error *err)
{
	struct builder b = { .v = v, .writable = writable, .what = "" };
	struct dj_untar_member m = { 0 };
	dj_status st = DJ_OK;

	b.root = dj_vfs_node_new(v, DJ_VFS_DIR);
	if (b.root == NULL)
		return DJ_E_NOMEM;
	b.root->dev = (uint32_t)b.root->ino;
	b.root->names = 1;
	b.root->writable = writable;
	b.root->implied = true;
	b.root->dir.parent = b.root;
	if (tar != NULL)
		st = fill(&b, tar, tar_len, &m);
	if (st == DJ_OK)
		*ret = b.root;
	else if (err != NULL)
		tell(err, b.what, &m);
	return st;
}

dj_status dj_vfs_add_stream(struct dj_vfs *v, struct dj_vfs_node *root,
	const char *name, size_t len, uint8_t number, bool is_in, bool is_out)
{
	struct builder b = { .v = v, .root = root };
	struct dj_vfs_node *n;

	if (len == 0 || len > DJ_VFS_NAME_MAX || !dj_utf8_ok(name, len) ||
		memchr(name, '/', len) != NULL || (len == 1 && *name == '.') ||
		(len == 2 && memcmp(name, "..", 2) == 0) ||
		dj_vfs_find(v, root, name, len) != NULL)
		return DJ_E_INPUT;
	n = add(&b, root, name, len, DJ_VFS_STREAM);
	if (n == NULL)
		return DJ_E_NOMEM;
	n->stream.number = number;
	n->stream.is_in = is_in;
	n->stream.is_out = is_out;
	return DJ_OK;
}
