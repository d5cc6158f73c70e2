// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/wasi/call.h"
#include "lib/proto/untar.h"

enum {
	OPEN_CREAT = 1,
	OPEN_DIRECTORY = 2,
	OPEN_EXCL = 4,
	OPEN_TRUNC = 8
};
#define OPEN_ALL     15
#define WALK_WORK    ((uint64_t)64 << 10)
#define FOLLOW_LINKS 1

/* A path in linear memory, as text that the file system may be asked for. */
static enum dj_errno get_path(const struct call *c, size_t arg,
	const char **ret, uint32_t *ret_len)
{
	*ret_len = arg32(c, arg + 1);
	*ret = (const char *)wasi_mem(c, arg32(c, arg), *ret_len);
	if (*ret == NULL)
		return DJ_EFAULT;
	if (*ret_len > DJ_VFS_PATH_MAX)
		return DJ_ENAMETOOLONG;
	return dj_utf8_ok(*ret, *ret_len) ? DJ_ESUCCESS : DJ_EILSEQ;
}

enum follow {
	NOFOLLOW,
	FOLLOW
};

/* The directory in argument fd_arg and the path in path_arg, walked. */
static enum dj_errno walk(struct call *c, size_t fd_arg, uint64_t rights,
	size_t path_arg, enum follow follow, struct dj_vfs_at *ret)
{
	const char *path;
	uint32_t len;
	struct fd *f;
	enum dj_errno e = wasi_fd_dir(c->w, arg32(c, fd_arg), rights, &f);

	if (e == DJ_ESUCCESS)
		e = get_path(c, path_arg, &path, &len);
	if (e != DJ_ESUCCESS)
		return e;
	/* A path of links can have 80,000 parts. */
	c->work += WALK_WORK;
	return dj_vfs_walk(&c->w->vfs, f->node, path, len, follow == FOLLOW,
		ret);
}

/* The same by lookupflags; to look at `link/` is to look at its target. */
static enum dj_errno look(struct call *c, size_t fd_arg, uint64_t rights,
	size_t path_arg, uint32_t flags, struct dj_vfs_at *ret)
{
	const char *path;
	uint32_t len;
	enum dj_errno e = get_path(c, path_arg, &path, &len);
	bool slash = e == DJ_ESUCCESS && len != 0 && path[len - 1] == '/';

	if (flags & ~(uint32_t)FOLLOW_LINKS)
		return DJ_EINVAL;
	return walk(c, fd_arg, rights, path_arg,
		flags != 0 || slash ? FOLLOW : NOFOLLOW, ret);
}

/* What path_open was asked for. */
struct open {
	struct fd *dir;
	uint32_t look, how, flags;
	uint64_t base, inheriting;
	uint8_t *result;
	struct dj_vfs_at at;
};

static enum dj_errno decode_open(struct call *c, struct open *o)
{
	uint64_t rights = R_PATH_OPEN;
	enum dj_errno e;

	o->look = arg32(c, 1);
	o->how = arg32(c, 4);
	o->base = arg64(c, 5) & R_ALL & ~R_SOCK;
	o->inheriting = arg64(c, 6) & R_ALL & ~R_SOCK;
	o->flags = arg32(c, 7);
	o->result = wasi_mem(c, arg32(c, 8), 4);
	if (o->how > OPEN_ALL || o->flags > FDFLAGS_ALL)
		return DJ_EINVAL;
	if ((o->how & OPEN_CREAT) && (o->how & OPEN_DIRECTORY))
		return DJ_EINVAL;
	if (o->how & OPEN_CREAT)
		rights |= R_PATH_CREATE_FILE;
	if (o->how & OPEN_TRUNC)
		rights |= R_PATH_FILESTAT_SET_SIZE;
	/* O_EXCL: a link in the way is something in the way. */
	if ((o->how & OPEN_CREAT) && (o->how & OPEN_EXCL))
		o->look &= ~(uint32_t)FOLLOW_LINKS;
	e = wasi_fd_dir(c->w, arg32(c, 0), rights, &o->dir);
	if (e != DJ_ESUCCESS)
		return e;
	if (((o->base | o->inheriting) & ~o->dir->inheriting) != 0)
		return DJ_ENOTCAPABLE;
	if (o->result == NULL)
		return DJ_EFAULT;
	return look(c, 0, rights, 2, o->look, &o->at);
}

/* May the node that is there be opened so? */
static enum dj_errno may_open(const struct open *o, const struct dj_vfs_node *n)
{
	if ((o->how & OPEN_CREAT) && (o->how & OPEN_EXCL))
		return DJ_EEXIST;
	switch (n->type) {
	case DJ_VFS_LINK:
		return o->how & OPEN_DIRECTORY ? DJ_ENOTDIR : DJ_ELOOP;
	case DJ_VFS_DIR:
		return (o->base & R_FD_WRITE) != 0 ||
				(o->how & (OPEN_CREAT | OPEN_TRUNC)) != 0
			? DJ_EISDIR
			: DJ_ESUCCESS;
	case DJ_VFS_FILE:
	case DJ_VFS_STREAM:
		break;
	}
	if (o->how & OPEN_DIRECTORY)
		return DJ_ENOTDIR;
	if (n->type == DJ_VFS_STREAM)
		return ((o->base & R_FD_READ) != 0 && !n->stream.is_in) ||
				((o->base & R_FD_WRITE) != 0 &&
					!n->stream.is_out)
			? DJ_EACCES
			: DJ_ESUCCESS;
	if (!n->writable &&
		((o->base & R_FD_WRITE) != 0 || (o->how & OPEN_TRUNC) != 0))
		return DJ_EROFS;
	return DJ_ESUCCESS;
}

static void set_opened(struct dj_wasi *w, uint32_t fd, const struct open *o,
	struct dj_vfs_node *n)
{
	bool dir = n->type == DJ_VFS_DIR;
	struct fd f = { .kind = FD_NODE,
		.flags = (uint16_t)o->flags,
		.base = o->base & (dir ? R_DIR : R_FILE),
		.inheriting = dir ? o->inheriting : 0,
		.node = n };

	if (n->type == DJ_VFS_STREAM) {
		f.kind = FD_STREAM;
		f.stream = n->stream.number;
		f.base = o->base & (R_STREAM | R_FD_READ | R_FD_WRITE);
		f.node = NULL;
	} else {
		dj_vfs_ref(n);
	}
	wasi_fd_set(w, fd, &f);
}

static enum dj_errno path_open(struct call *c)
{
	struct open o;
	struct dj_vfs_node *n;
	uint32_t fd;
	enum dj_errno e = decode_open(c, &o);

	if (e == DJ_ESUCCESS)
		e = wasi_fd_free(c->w, &fd);
	if (e != DJ_ESUCCESS)
		return e;
	n = o.at.node;
	if (n != NULL)
		e = may_open(&o, n);
	else if ((o.how & OPEN_CREAT) == 0)
		e = DJ_ENOENT;
	else
		e = dj_vfs_create(&c->w->vfs, &o.at, DJ_VFS_FILE, NULL, 0, &n);
	if (e == DJ_ESUCCESS && (o.how & OPEN_TRUNC) != 0 &&
		n->type == DJ_VFS_FILE && n->file.size != 0)
		e = dj_vfs_resize(&c->w->vfs, n, 0);
	if (e != DJ_ESUCCESS)
		return e;
	set_opened(c->w, fd, &o, n);
	put32(o.result, fd);
	return DJ_ESUCCESS;
}

static enum dj_errno path_create_directory(struct call *c)
{
	struct dj_vfs_at at;
	struct dj_vfs_node *n;
	enum dj_errno e = walk(c, 0, R_PATH_CREATE_DIRECTORY, 1, NOFOLLOW, &at);

	if (e != DJ_ESUCCESS)
		return e;
	return dj_vfs_create(&c->w->vfs, &at, DJ_VFS_DIR, NULL, 0, &n);
}

static enum dj_errno path_filestat_get(struct call *c)
{
	uint8_t *p = wasi_mem(c, arg32(c, 4), wasi_filestat_len(c));
	struct dj_vfs_at at;
	enum dj_errno e = look(c, 0, R_PATH_FILESTAT_GET, 2, arg32(c, 1), &at);

	if (e != DJ_ESUCCESS)
		return e;
	if (p == NULL)
		return DJ_EFAULT;
	if (at.node == NULL)
		return DJ_ENOENT;
	wasi_filestat_put(c, at.node, p);
	return DJ_ESUCCESS;
}

static enum dj_errno path_filestat_set_times(struct call *c)
{
	struct dj_vfs_at at;
	enum dj_errno e =
		look(c, 0, R_PATH_FILESTAT_SET_TIMES, 2, arg32(c, 1), &at);

	if (e != DJ_ESUCCESS)
		return e;
	if (at.node == NULL)
		return DJ_ENOENT;
	return wasi_set_times(c, at.node, arg64(c, 4), arg64(c, 5),
		arg32(c, 6));
}

static enum dj_errno path_link(struct call *c)
{
	struct dj_vfs_at from, to;
	enum dj_errno e = look(c, 0, R_PATH_LINK_SOURCE, 2, arg32(c, 1), &from);

	if (e == DJ_ESUCCESS)
		e = walk(c, 4, R_PATH_LINK_TARGET, 5, NOFOLLOW, &to);
	if (e != DJ_ESUCCESS)
		return e;
	if (from.node == NULL)
		return DJ_ENOENT;
	return dj_vfs_link(&c->w->vfs, from.node, &to);
}

static enum dj_errno path_readlink(struct call *c)
{
	uint32_t cap = arg32(c, 4), len;
	uint8_t *p = wasi_mem(c, arg32(c, 3), cap);
	uint8_t *result = wasi_mem(c, arg32(c, 5), 4);
	struct dj_vfs_at at;
	enum dj_errno e = walk(c, 0, R_PATH_READLINK, 1, NOFOLLOW, &at);

	if (e != DJ_ESUCCESS)
		return e;
	if (p == NULL || result == NULL)
		return DJ_EFAULT;
	if (at.node == NULL)
		return DJ_ENOENT;
	if (at.node->type != DJ_VFS_LINK)
		return DJ_EINVAL;
	len = cap;
	if (len > at.node->link.len)
		len = (uint32_t)at.node->link.len;
	memcpy(p, at.node->link.target, len);
	put32(result, len);
	return DJ_ESUCCESS;
}

static enum dj_errno path_remove_directory(struct call *c)
{
	struct dj_vfs_at at;
	enum dj_errno e = walk(c, 0, R_PATH_REMOVE_DIRECTORY, 1, NOFOLLOW, &at);

	return e == DJ_ESUCCESS ? dj_vfs_remove(&c->w->vfs, &at, true) : e;
}

static enum dj_errno path_unlink_file(struct call *c)
{
	struct dj_vfs_at at;
	enum dj_errno e = walk(c, 0, R_PATH_UNLINK_FILE, 1, NOFOLLOW, &at);

	return e == DJ_ESUCCESS ? dj_vfs_remove(&c->w->vfs, &at, false) : e;
}

static enum dj_errno path_rename(struct call *c)
{
	struct dj_vfs_at from, to;
	enum dj_errno e = walk(c, 0, R_PATH_RENAME_SOURCE, 1, NOFOLLOW, &from);

	if (e == DJ_ESUCCESS)
		e = walk(c, 3, R_PATH_RENAME_TARGET, 4, NOFOLLOW, &to);
	if (e != DJ_ESUCCESS)
		return e;
	return dj_vfs_rename(&c->w->vfs, &from, &to);
}

/* A link that leads out could never be followed: it is not made. */
static enum dj_errno path_symlink(struct call *c)
{
	struct dj_vfs_node *n;
	struct dj_vfs_at at;
	const char *target;
	uint32_t len;
	enum dj_errno e = get_path(c, 0, &target, &len);

	if (e == DJ_ESUCCESS)
		e = walk(c, 2, R_PATH_SYMLINK, 3, NOFOLLOW, &at);
	if (e != DJ_ESUCCESS)
		return e;
	if (len == 0)
		return DJ_ENOENT;
	if (target[0] == '/')
		return DJ_ENOTCAPABLE;
	return dj_vfs_create(&c->w->vfs, &at, DJ_VFS_LINK, target, len, &n);
}

static const struct wasi_fn fns[] = {
	{ "path_create_directory", "iii", path_create_directory, false },
	{ "path_filestat_get", "iiiii", path_filestat_get, false },
	{ "path_filestat_set_times", "iiiiIIi", path_filestat_set_times,
		false },
	{ "path_link", "iiiiiii", path_link, false },
	{ "path_open", "iiiiiIIii", path_open, false },
	{ "path_readlink", "iiiiii", path_readlink, false },
	{ "path_remove_directory", "iii", path_remove_directory, false },
	{ "path_rename", "iiiiii", path_rename, false },
	{ "path_symlink", "iiiii", path_symlink, false },
	{ "path_unlink_file", "iii", path_unlink_file, false },
};
const struct wasi_group wasi_path = GROUP(fns);
