// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/wasi/call.h"

/* The table of descriptors, and what can be asked of and told to one. */

enum dj_errno wasi_fd_get(struct dj_wasi *w, uint32_t fd, uint64_t rights,
	struct fd **ret)
{
	if (fd >= w->fd_count || w->fds[fd].kind == FD_FREE)
		return DJ_EBADF;
	if ((w->fds[fd].base & rights) != rights)
		return DJ_ENOTCAPABLE;
	*ret = &w->fds[fd];
	return DJ_ESUCCESS;
}

enum dj_errno wasi_fd_dir(struct dj_wasi *w, uint32_t fd, uint64_t rights,
	struct fd **ret)
{
	enum dj_errno e = wasi_fd_get(w, fd, 0, ret);

	if (e != DJ_ESUCCESS)
		return e;
	if ((*ret)->kind != FD_NODE || (*ret)->node->type != DJ_VFS_DIR)
		return DJ_ENOTDIR;
	return wasi_fd_get(w, fd, rights, ret);
}

enum dj_errno wasi_fd_free(struct dj_wasi *w, uint32_t *ret)
{
	for (; w->fd_lowest < w->fd_count; w->fd_lowest++) {
		if (w->fds[w->fd_lowest].kind == FD_FREE) {
			*ret = w->fd_lowest;
			return DJ_ESUCCESS;
		}
	}
	return DJ_EMFILE;
}

void wasi_fd_set(struct dj_wasi *w, uint32_t fd, const struct fd *value)
{
	w->fds[fd] = *value;
}

void wasi_fd_close(struct dj_wasi *w, uint32_t fd)
{
	struct fd *f = &w->fds[fd];

	if (f->kind == FD_NODE) {
		/* The last write was a moment ago: the time of it is now. */
		if (f->node->stale != 0)
			dj_vfs_settle(f->node, wasi_now(w));
		dj_vfs_unref(&w->vfs, f->node);
	}
	*f = (struct fd){ .kind = FD_FREE };
	if (fd < w->fd_lowest)
		w->fd_lowest = fd;
}

enum filetype wasi_type(const struct dj_vfs_node *n)
{
	switch (n->type) {
	case DJ_VFS_DIR:
		return TYPE_DIR;
	case DJ_VFS_FILE:
		return TYPE_FILE;
	case DJ_VFS_LINK:
		return TYPE_LINK;
	case DJ_VFS_STREAM:
		break;
	}
	return TYPE_UNKNOWN;
}

/* unstable: u32 nlink right before the size; else u64, aligned. */
size_t wasi_filestat_len(const struct call *c)
{
	return c->unstable ? 56 : FILESTAT_MAX;
}

void wasi_filestat_put(const struct call *c, struct dj_vfs_node *n, uint8_t *p)
{
	if (n->stale != 0)
		dj_vfs_settle(n, wasi_now(c->w));
	memset(p, 0, wasi_filestat_len(c));
	put64(p, n->dev);
	put64(p + 8, n->ino);
	p[16] = (uint8_t)wasi_type(n);
	if (c->unstable) {
		put32(p + 20, n->names);
		p += 24;
	} else {
		put64(p + 24, n->names);
		p += 32;
	}
	put64(p, dj_vfs_size(n));
	put64(p + 8, n->atim);
	put64(p + 16, n->mtim);
	put64(p + 24, n->ctim);
}

enum dj_errno wasi_set_times(struct call *c, struct dj_vfs_node *n,
	uint64_t atim, uint64_t mtim, uint32_t flags)
{
	enum {
		ATIM = 1,
		ATIM_NOW = 2,
		MTIM = 4,
		MTIM_NOW = 8
	};

	if (flags > 15 || (flags & 3) == 3 || (flags & 12) == 12)
		return DJ_EINVAL;
	if (!n->writable)
		return DJ_EROFS;
	n->stale |= DJ_VFS_CTIM;
	if (flags & ATIM_NOW)
		n->stale |= DJ_VFS_ATIM;
	if (flags & MTIM_NOW)
		n->stale |= DJ_VFS_MTIM;
	dj_vfs_settle(n, wasi_now(c->w));
	if (flags & ATIM)
		n->atim = atim;
	if (flags & MTIM)
		n->mtim = mtim;
	return DJ_ESUCCESS;
}

static enum dj_errno fd_close(struct call *c)
{
	struct fd *f;
	enum dj_errno e = wasi_fd_get(c->w, arg32(c, 0), 0, &f);

	if (e == DJ_ESUCCESS)
		wasi_fd_close(c->w, arg32(c, 0));
	return e;
}

static enum dj_errno fd_renumber(struct call *c)
{
	uint32_t from = arg32(c, 0), to = arg32(c, 1);
	struct fd *f, moved;
	enum dj_errno e = wasi_fd_get(c->w, to, 0, &f);

	if (e == DJ_ESUCCESS)
		e = wasi_fd_get(c->w, from, 0, &f);
	if (e != DJ_ESUCCESS || from == to)
		return e;
	wasi_fd_close(c->w, to);
	moved = *f;
	*f = (struct fd){ .kind = FD_FREE };
	wasi_fd_set(c->w, to, &moved);
	if (from < c->w->fd_lowest)
		c->w->fd_lowest = from;
	return DJ_ESUCCESS;
}

static enum dj_errno fd_fdstat_get(struct call *c)
{
	uint8_t *p = wasi_mem(c, arg32(c, 1), 24);
	struct fd *f;
	enum dj_errno e = wasi_fd_get(c->w, arg32(c, 0), 0, &f);

	if (e != DJ_ESUCCESS)
		return e;
	if (p == NULL)
		return DJ_EFAULT;
	memset(p, 0, 24);
	p[0] = (uint8_t)(f->kind == FD_NODE ? wasi_type(f->node)
					    : TYPE_UNKNOWN);
	put16(p + 2, f->flags);
	put64(p + 8, f->base);
	put64(p + 16, f->inheriting);
	return DJ_ESUCCESS;
}

static enum dj_errno fd_fdstat_set_flags(struct call *c)
{
	struct fd *f;
	enum dj_errno e =
		wasi_fd_get(c->w, arg32(c, 0), R_FD_FDSTAT_SET_FLAGS, &f);

	if (e != DJ_ESUCCESS)
		return e;
	if (arg32(c, 1) > FDFLAGS_ALL)
		return DJ_EINVAL;
	f->flags = (uint16_t)arg32(c, 1);
	return DJ_ESUCCESS;
}

static enum dj_errno fd_fdstat_set_rights(struct call *c)
{
	struct fd *f;
	enum dj_errno e = wasi_fd_get(c->w, arg32(c, 0), 0, &f);

	if (e != DJ_ESUCCESS)
		return e;
	if ((arg64(c, 1) & ~f->base) != 0 ||
		(arg64(c, 2) & ~f->inheriting) != 0)
		return DJ_ENOTCAPABLE;
	f->base = arg64(c, 1);
	f->inheriting = arg64(c, 2);
	return DJ_ESUCCESS;
}

static enum dj_errno fd_filestat_get(struct call *c)
{
	uint8_t *p = wasi_mem(c, arg32(c, 1), wasi_filestat_len(c));
	struct fd *f;
	enum dj_errno e = wasi_fd_get(c->w, arg32(c, 0), R_FD_FILESTAT_GET, &f);

	if (e != DJ_ESUCCESS)
		return e;
	if (p == NULL)
		return DJ_EFAULT;
	if (f->kind == FD_NODE) {
		wasi_filestat_put(c, f->node, p);
		return DJ_ESUCCESS;
	}
	memset(p, 0, wasi_filestat_len(c));
	put64(p + 8, f->stream);
	p[c->unstable ? 20 : 24] = 1;
	return DJ_ESUCCESS;
}

static enum dj_errno fd_filestat_set_size(struct call *c)
{
	struct fd *f;
	enum dj_errno e =
		wasi_fd_get(c->w, arg32(c, 0), R_FD_FILESTAT_SET_SIZE, &f);

	if (e != DJ_ESUCCESS)
		return e;
	return dj_vfs_resize(&c->w->vfs, f->node, arg64(c, 1));
}

static enum dj_errno fd_filestat_set_times(struct call *c)
{
	struct fd *f;
	enum dj_errno e =
		wasi_fd_get(c->w, arg32(c, 0), R_FD_FILESTAT_SET_TIMES, &f);

	if (e != DJ_ESUCCESS)
		return e;
	return wasi_set_times(c, f->node, arg64(c, 1), arg64(c, 2),
		arg32(c, 3));
}

static const struct wasi_fn fns[] = {
	{ "fd_close", "i", fd_close, false },
	{ "fd_fdstat_get", "ii", fd_fdstat_get, false },
	{ "fd_fdstat_set_flags", "ii", fd_fdstat_set_flags, false },
	{ "fd_fdstat_set_rights", "iII", fd_fdstat_set_rights, false },
	{ "fd_filestat_get", "ii", fd_filestat_get, false },
	{ "fd_filestat_set_size", "iI", fd_filestat_set_size, false },
	{ "fd_filestat_set_times", "iIIi", fd_filestat_set_times, false },
	{ "fd_renumber", "ii", fd_renumber, false },
};
const struct wasi_group wasi_fd = GROUP(fns);
