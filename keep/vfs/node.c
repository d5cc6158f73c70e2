// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/vfs/vfs.h"

struct dj_vfs_node *dj_vfs_node_new(struct dj_vfs *v, enum dj_vfs_type type)
{
	struct dj_vfs_node *n = dj_vfs_alloc(v, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->type = type;
	n->ino = v->next_ino++;
	n->stale = DJ_VFS_ATIM | DJ_VFS_MTIM | DJ_VFS_CTIM;
	if (type == DJ_VFS_DIR)
		n->dir.seq = 2; /* 1 and 2 are the cookies of . and .. */
	return n;
}

void dj_vfs_settle(struct dj_vfs_node *n, uint64_t now)
{
	if (n->stale & DJ_VFS_ATIM)
		n->atim = now;
	if (n->stale & DJ_VFS_MTIM)
		n->mtim = now;
	if (n->stale & DJ_VFS_CTIM)
		n->ctim = now;
	n->stale = 0;
}

static void changed(struct dj_vfs_node *dir)
{
	dir->stale |= DJ_VFS_MTIM | DJ_VFS_CTIM;
}

/* Frees a node that nobody holds and no name leads to. */
static void reap(struct dj_vfs *v, struct dj_vfs_node *n)
{
	if (n->refs != 0 || n->names != 0)
		return;
	switch (n->type) {
	case DJ_VFS_FILE:
		dj_vfs_map_trim(v, &n->file.map, 0);
		break;
	case DJ_VFS_LINK:
		if (n->link.owned)
			dj_vfs_free(v, (void *)(uintptr_t)n->link.target,
				n->link.len);
		break;
	case DJ_VFS_STREAM:
	case DJ_VFS_DIR: /* empty, or it would have had its name still */
		break;
	}
	dj_vfs_free(v, n, sizeof(*n));
}

void dj_vfs_ref(struct dj_vfs_node *n)
{
	n->refs++;
}

void dj_vfs_unref(struct dj_vfs *v, struct dj_vfs_node *n)
{
	n->refs--;
	reap(v, n);
}

/* May a name be made here? */
static enum dj_errno may_add(const struct dj_vfs_at *at)
{
	if (at->name == NULL || at->node != NULL)
		return DJ_EEXIST;
	if (at->dir->dir.parent == NULL)
		return DJ_ENOENT;
	return at->dir->writable ? DJ_ESUCCESS : DJ_EROFS;
}

static bool set_target(struct dj_vfs *v, struct dj_vfs_node *n,
	const char *target, size_t len)
{
	char *copy = dj_vfs_alloc(v, len);

	if (copy == NULL)
		return false;
	memcpy(copy, target, len);
	n->link.target = copy;
	n->link.len = len;
	n->link.owned = true;
	return true;
}

enum dj_errno dj_vfs_create(struct dj_vfs *v, const struct dj_vfs_at *at,
	enum dj_vfs_type type, const char *target, size_t target_len,
	struct dj_vfs_node **ret)
{
	enum dj_errno e = may_add(at);
	struct dj_vfs_node *n;

	if (e != DJ_ESUCCESS)
		return e;
	if (at->slash && type != DJ_VFS_DIR)
		return DJ_ENOENT;
	if (type == DJ_VFS_LINK && target_len == 0)
		return DJ_EINVAL;
	if (type == DJ_VFS_LINK && target_len > DJ_VFS_PATH_MAX)
		return DJ_ENAMETOOLONG;
	n = dj_vfs_node_new(v, type);
	if (n == NULL)
		return DJ_ENOSPC;
	n->dev = at->dir->dev;
	n->writable = true;
	if (type == DJ_VFS_DIR)
		n->dir.parent = at->dir;
	if ((type == DJ_VFS_LINK && !set_target(v, n, target, target_len)) ||
		!dj_vfs_name_add(v, at->dir, at->name, at->name_len, n)) {
		reap(v, n);
		return DJ_ENOSPC;
	}
	changed(at->dir);
	*ret = n;
	return DJ_ESUCCESS;
}

enum dj_errno dj_vfs_link(struct dj_vfs *v, struct dj_vfs_node *n,
	const struct dj_vfs_at *to)
{
	enum dj_errno e = may_add(to);

	if (e != DJ_ESUCCESS)
		return e;
	if (n->type == DJ_VFS_DIR)
		return DJ_EPERM;
	if (to->slash)
		return DJ_ENOENT;
	if (n->dev != to->dir->dev)
		return DJ_EXDEV;
	if (n->names == UINT32_MAX)
		return DJ_EMLINK;
	if (!dj_vfs_name_add(v, to->dir, to->name, to->name_len, n))
		return DJ_ENOSPC;
	n->stale |= DJ_VFS_CTIM;
	changed(to->dir);
	return DJ_ESUCCESS;
}

/* What a name led to and no longer does. */
static void dropped(struct dj_vfs *v, struct dj_vfs_node *n)
{
	if (n->type == DJ_VFS_DIR)
		n->dir.parent = NULL;
	n->stale |= DJ_VFS_CTIM;
	reap(v, n);
}

enum dj_errno dj_vfs_remove(struct dj_vfs *v, const struct dj_vfs_at *at,
	bool want_dir)
{
	struct dj_vfs_node *n = at->node;

	if (at->name == NULL)
		return want_dir ? DJ_EINVAL : DJ_EISDIR;
	if (n == NULL)
		return DJ_ENOENT;
	if (want_dir && n->type != DJ_VFS_DIR)
		return DJ_ENOTDIR;
	if (!want_dir && n->type == DJ_VFS_DIR)
		return DJ_EISDIR;
	if (!at->dir->writable)
		return DJ_EROFS;
	if (want_dir && n->dir.count != 0)
		return DJ_ENOTEMPTY;
	dj_vfs_name_del(v, dj_vfs_find(v, at->dir, at->name, at->name_len));
	changed(at->dir);
	dropped(v, n);
	return DJ_ESUCCESS;
}

static bool is_inside(const struct dj_vfs_node *dir,
	const struct dj_vfs_node *of)
{
	for (; dir != NULL; dir = dir->dir.parent) {
		if (dir == of)
			return true;
		if (dir->dir.parent == dir)
			break;
	}
	return false;
}

static enum dj_errno may_rename(const struct dj_vfs_at *from,
	const struct dj_vfs_at *to)
{
	const struct dj_vfs_node *n = from->node, *old = to->node;

	if (from->name == NULL || to->name == NULL)
		return DJ_EBUSY;
	if (n == NULL || to->dir->dir.parent == NULL)
		return DJ_ENOENT;
	if (from->dir->dev != to->dir->dev)
		return DJ_EXDEV;
	if (!from->dir->writable)
		return DJ_EROFS;
	if (n->type != DJ_VFS_DIR) {
		if (old != NULL && old->type == DJ_VFS_DIR)
			return DJ_EISDIR;
		return to->slash ? DJ_ENOTDIR : DJ_ESUCCESS;
	}
	if (is_inside(to->dir, n))
		return DJ_EINVAL;
	if (old != NULL && old->type != DJ_VFS_DIR)
		return DJ_ENOTDIR;
	if (old != NULL && old != n && old->dir.count != 0)
		return DJ_ENOTEMPTY;
	return DJ_ESUCCESS;
}

enum dj_errno dj_vfs_rename(struct dj_vfs *v, const struct dj_vfs_at *from,
	const struct dj_vfs_at *to)
{
	enum dj_errno e = may_rename(from, to);
	struct dj_vfs_node *n = from->node, *old = to->node;

	if (e != DJ_ESUCCESS)
		return e;
	if (old == n) /* two names of one file: both stay, says POSIX */
		return DJ_ESUCCESS;
	if (old != NULL) {
		dj_vfs_find(v, to->dir, to->name, to->name_len)->node = n;
		n->names++;
		old->names--;
	} else if (!dj_vfs_name_add(v, to->dir, to->name, to->name_len, n)) {
		return DJ_ENOSPC;
	}
	dj_vfs_name_del(v,
		dj_vfs_find(v, from->dir, from->name, from->name_len));
	if (n->type == DJ_VFS_DIR)
		n->dir.parent = to->dir;
	n->stale |= DJ_VFS_CTIM;
	changed(from->dir);
	changed(to->dir);
	if (old != NULL)
		dropped(v, old);
	return DJ_ESUCCESS;
}
