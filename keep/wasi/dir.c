// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/wasi/call.h"

#define DIRENT_LEN 24

/* The buffer of fd_readdir; an entry that does not fit is cut. */
struct listing {
	uint8_t *p;
	uint32_t len, used;
};

static bool put(struct listing *l, uint64_t next, const struct dj_vfs_node *n,
	const char *name, uint32_t len)
{
	uint8_t head[DIRENT_LEN] = { 0 };
	uint32_t k = l->len - l->used;

	put64(head, next);
	put64(head + 8, n->ino);
	put32(head + 16, len);
	head[20] = (uint8_t)wasi_type(n);
	if (k > DIRENT_LEN)
		k = DIRENT_LEN;
	memcpy(l->p + l->used, head, k);
	l->used += k;
	k = l->len - l->used;
	if (k > len)
		k = len;
	memcpy(l->p + l->used, name, k);
	l->used += k;
	return l->used < l->len;
}

/*
 * At the top of a preopen there is nothing above and names are all there is:
 * . and .. are listed below it only.
 */
static bool put_dots(struct listing *l, const struct dj_vfs_node *dir,
	uint64_t cookie)
{
	const struct dj_vfs_node *parent = dir->dir.parent;

	if (parent == dir)
		return true;
	if (cookie < 1 && !put(l, 1, dir, ".", 1))
		return false;
	return cookie >= 2 || put(l, 2, parent == NULL ? dir : parent, "..", 2);
}

static enum dj_errno fd_readdir(struct call *c)
{
	struct listing l = { .len = arg32(c, 2) };
	uint8_t *result = wasi_mem(c, arg32(c, 4), 4);
	uint64_t cookie = arg64(c, 3);
	const struct dj_vfs_name *e;
	struct fd *f;
	enum dj_errno err = wasi_fd_dir(c->w, arg32(c, 0), R_FD_READDIR, &f);
	bool room;

	if (err != DJ_ESUCCESS)
		return err;
	l.p = wasi_mem(c, arg32(c, 1), l.len);
	if (l.p == NULL || result == NULL)
		return DJ_EFAULT;
	room = l.len != 0 && put_dots(&l, f->node, cookie);
	if (cookie < 2)
		cookie = 2;
	while (room && (e = dj_vfs_after(f->node, cookie, &f->hint)) != NULL) {
		cookie = e->seq;
		room = put(&l, cookie, e->node, e->text, e->len);
	}
	/* It may have gone over the whole folder. */
	c->work = l.used + f->node->dir.count * DIRENT_LEN;
	put32(result, l.used);
	return DJ_ESUCCESS;
}

static enum dj_errno preopen(struct call *c, struct fd **ret)
{
	enum dj_errno e = wasi_fd_get(c->w, arg32(c, 0), 0, ret);

	if (e == DJ_ESUCCESS && (*ret)->preopen == NULL)
		return DJ_EBADF;
	return e;
}

static enum dj_errno fd_prestat_get(struct call *c)
{
	uint8_t *p = wasi_mem(c, arg32(c, 1), 8);
	struct fd *f;
	enum dj_errno e = preopen(c, &f);

	if (e != DJ_ESUCCESS)
		return e;
	if (p == NULL)
		return DJ_EFAULT;
	put32(p, 0); /* a directory */
	put32(p + 4, f->preopen->len);
	return DJ_ESUCCESS;
}

static enum dj_errno fd_prestat_dir_name(struct call *c)
{
	uint32_t cap = arg32(c, 2);
	uint8_t *p = wasi_mem(c, arg32(c, 1), cap);
	struct fd *f;
	enum dj_errno e = preopen(c, &f);

	if (e != DJ_ESUCCESS)
		return e;
	if (cap < f->preopen->len)
		return DJ_ENAMETOOLONG;
	if (p == NULL)
		return DJ_EFAULT;
	if (f->preopen->len != 0)
		memcpy(p, f->preopen->p, f->preopen->len);
	return DJ_ESUCCESS;
}

static const struct wasi_fn fns[] = {
	{ "fd_prestat_dir_name", "iii", fd_prestat_dir_name, false },
	{ "fd_prestat_get", "ii", fd_prestat_get, false },
	{ "fd_readdir", "iiiIi", fd_readdir, false },
};
const struct wasi_group wasi_dir = GROUP(fns);
