// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/vfs/vfs.h"

/*
 * What is still to be walked: the path, and above it the targets of the
 * links met on the way, each with what comes after it below.
 */
struct rest {
	struct {
		const char *p;
		size_t len;
	} part[DJ_VFS_LINKS + 1];
	size_t depth;
	unsigned links;
};

static enum dj_errno push(struct rest *r, const char *p, size_t len)
{
	if (len == 0)
		return DJ_ENOENT;
	if (len > DJ_VFS_PATH_MAX)
		return DJ_ENAMETOOLONG;
	if (p[0] == '/')
		return DJ_ENOTCAPABLE;
	if (r->depth > DJ_VFS_LINKS)
		return DJ_ELOOP;
	r->part[r->depth].p = p;
	r->part[r->depth].len = len;
	r->depth++;
	return DJ_ESUCCESS;
}

/* Takes slashes and used-up parts away; true if there were any slashes. */
static bool skip_slashes(struct rest *r)
{
	bool any = false;

	while (r->depth > 0) {
		size_t top = r->depth - 1;

		while (r->part[top].len > 0 && r->part[top].p[0] == '/') {
			r->part[top].p++;
			r->part[top].len--;
			any = true;
		}
		if (r->part[top].len > 0)
			break;
		r->depth--;
	}
	return any;
}

static size_t take_name(struct rest *r, const char **ret)
{
	size_t top = r->depth - 1, n = 0;

	*ret = r->part[top].p;
	while (n < r->part[top].len && r->part[top].p[n] != '/')
		n++;
	r->part[top].p += n;
	r->part[top].len -= n;
	return n;
}

static bool is_dots(const char *p, size_t len, size_t n)
{
	return len == n && p[0] == '.' && p[n - 1] == '.';
}

static enum dj_errno up(const struct dj_vfs_node *top, struct dj_vfs_node **cur)
{
	if (*cur == top)
		return DJ_ENOTCAPABLE;
	if ((*cur)->dir.parent == NULL)
		return DJ_ENOENT;
	*cur = (*cur)->dir.parent;
	return DJ_ESUCCESS;
}

enum dj_errno dj_vfs_walk(struct dj_vfs *v, struct dj_vfs_node *dir,
	const char *path, size_t len, bool follow, struct dj_vfs_at *ret)
{
	struct rest r = { .depth = 0 };
	struct dj_vfs_at at = { .dir = dir };
	struct dj_vfs_name *entry;
	enum dj_errno e = push(&r, path, len);
	bool last;

	while (e == DJ_ESUCCESS) {
		at.name_len = take_name(&r, &at.name);
		at.slash = skip_slashes(&r);
		last = r.depth == 0;
		if (is_dots(at.name, at.name_len, 1) ||
			is_dots(at.name, at.name_len, 2)) {
			if (at.name_len == 2)
				e = up(dir, &at.dir);
			at.node = at.dir;
			at.name = NULL;
			if (last)
				break;
			continue;
		}
		if (at.name_len > DJ_VFS_NAME_MAX)
			return DJ_ENAMETOOLONG;
		entry = dj_vfs_find(v, at.dir, at.name, at.name_len);
		at.node = entry == NULL ? NULL : entry->node;
		if (at.node != NULL && at.node->type == DJ_VFS_LINK &&
			(follow || !last)) {
			if (++r.links > DJ_VFS_LINKS)
				return DJ_ELOOP;
			/* A slash behind the link is its target's slash. */
			if (last && at.slash)
				e = push(&r, "./", 2);
			if (e == DJ_ESUCCESS)
				e = push(&r, at.node->link.target,
					at.node->link.len);
			continue;
		}
		if (at.node != NULL && at.node->type != DJ_VFS_DIR &&
			(at.slash || !last))
			return DJ_ENOTDIR;
		if (last)
			break;
		if (at.node == NULL)
			return DJ_ENOENT;
		at.dir = at.node;
	}
	if (e == DJ_ESUCCESS)
		*ret = at;
	return e;
}
