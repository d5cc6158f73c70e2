// SPDX-License-Identifier: Apache-2.0
#include "keep/stream.h"
#include "keep/wasi/call.h"

/*
 * Reading and writing: bytes go straight between linear memory and a tree or
 * stream. A buffer may lie over the vector that names it, so each element is
 * checked again when its turn comes; what a program gets that does so is its
 * own affair, but it stays within its memory.
 */
#define IOV_MAX 1024

static uint8_t *iov_at(const struct call *c, uint32_t iovs, uint32_t i,
	uint32_t *ret_len)
{
	const uint8_t *v = wasi_mem(c, iovs, 8 * ((uint64_t)i + 1));

	if (v == NULL)
		return NULL;
	*ret_len = get32(v + (size_t)8 * i + 4);
	return wasi_mem(c, get32(v + (size_t)8 * i), *ret_len);
}

/* All buffers inside, their sum a count that can be returned. */
static enum dj_errno iov_check(const struct call *c, uint32_t iovs, uint32_t n)
{
	uint64_t total = 0;
	uint32_t len;

	if (n > IOV_MAX)
		return DJ_EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		if (iov_at(c, iovs, i, &len) == NULL)
			return DJ_EFAULT;
		total += len;
	}
	return total > UINT32_MAX ? DJ_EINVAL : DJ_ESUCCESS;
}

/* Waits for the first byte only; takes more while there is more. */
static enum dj_errno stream_read(struct call *c, const struct fd *f,
	uint32_t iovs, uint32_t n, uint32_t *ret_done)
{
	uint32_t done = 0, len;
	bool ended;
	size_t got;
	dj_status st;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *p = iov_at(c, iovs, i, &len);

		if (p == NULL)
			break;
		if (len == 0)
			continue;
		if ((done != 0 || (f->flags & FDFLAG_NONBLOCK) != 0) &&
			dj_stream_readable(f->stream, &ended) == 0) {
			if (done != 0 || ended)
				break;
			return DJ_EAGAIN;
		}
		st = dj_stream_read(f->stream, p, len, &got);
		if (st != DJ_OK)
			return wasi_stream_failed(c, st);
		done += (uint32_t)got;
		if (got < len)
			break;
	}
	*ret_done = done;
	c->work = done;
	return DJ_ESUCCESS;
}

static enum dj_errno stream_write(struct call *c, const struct fd *f,
	uint32_t iovs, uint32_t n, uint32_t *ret_done)
{
	uint32_t done = 0, len, take;
	uint64_t room;
	dj_status st;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = iov_at(c, iovs, i, &len);

		if (p == NULL)
			break;
		take = len;
		if (f->flags & FDFLAG_NONBLOCK) {
			room = dj_stream_writable(f->stream);
			if (room < take)
				take = (uint32_t)room;
			if (take == 0 && len != 0 && done == 0)
				return DJ_EAGAIN;
		}
		if (take != 0) {
			st = dj_stream_write(f->stream, p, take);
			if (st != DJ_OK)
				return wasi_stream_failed(c, st);
		}
		done += take;
		if (take < len)
			break;
	}
	*ret_done = done;
	c->work = done;
	return DJ_ESUCCESS;
}

static enum dj_errno node_read(struct call *c, const struct dj_vfs_node *node,
	uint64_t off, uint32_t iovs, uint32_t n, uint32_t *ret_done)
{
	uint32_t done = 0, len;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *p = iov_at(c, iovs, i, &len);
		size_t got;

		if (p == NULL)
			break;
		got = dj_vfs_read(node, off + done, p, len);
		done += (uint32_t)got;
		if (got < len)
			break;
	}
	*ret_done = done;
	c->work = done;
	return DJ_ESUCCESS;
}

static enum dj_errno node_write(struct call *c, struct dj_vfs_node *node,
	uint64_t off, uint32_t iovs, uint32_t n, uint32_t *ret_done)
{
	enum dj_errno e = DJ_ESUCCESS;
	uint32_t done = 0, len;

	for (uint32_t i = 0; i < n && e == DJ_ESUCCESS; i++) {
		const uint8_t *p = iov_at(c, iovs, i, &len);
		size_t put = 0;

		if (p == NULL)
			break;
		e = dj_vfs_write(&c->w->vfs, node, off + done, p, len, &put);
		done += (uint32_t)put;
		if (put < len)
			break;
	}
	*ret_done = done;
	c->work = done;
	return done != 0 ? DJ_ESUCCESS : e;
}

/* Of the four calls: which descriptor, vector and result. */
struct io {
	struct fd *f;
	uint32_t iovs, n;
	uint8_t *result;
};

static enum dj_errno decode(struct call *c, uint64_t rights, uint32_t result_at,
	struct io *io)
{
	enum dj_errno e = wasi_fd_get(c->w, arg32(c, 0), 0, &io->f);

	if (e != DJ_ESUCCESS)
		return e;
	if (io->f->kind == FD_NODE && io->f->node->type == DJ_VFS_DIR)
		return DJ_EISDIR;
	if (io->f->kind == FD_STREAM && (rights & R_FD_SEEK) != 0)
		return DJ_ESPIPE;
	e = wasi_fd_get(c->w, arg32(c, 0), rights, &io->f);
	if (e != DJ_ESUCCESS)
		return e;
	io->iovs = arg32(c, 1);
	io->n = arg32(c, 2);
	io->result = wasi_mem(c, result_at, 4);
	if (io->result == NULL)
		return DJ_EFAULT;
	return iov_check(c, io->iovs, io->n);
}

static enum dj_errno fd_read(struct call *c)
{
	struct io io;
	uint32_t done = 0;
	enum dj_errno e = decode(c, R_FD_READ, arg32(c, 3), &io);

	if (e != DJ_ESUCCESS)
		return e;
	if (io.f->kind == FD_STREAM) {
		e = stream_read(c, io.f, io.iovs, io.n, &done);
	} else {
		e = node_read(c, io.f->node, io.f->pos, io.iovs, io.n, &done);
		io.f->pos += done;
	}
	if (e == DJ_ESUCCESS)
		put32(io.result, done);
	return e;
}

static enum dj_errno fd_pread(struct call *c)
{
	struct io io;
	uint32_t done = 0;
	enum dj_errno e = decode(c, R_FD_READ | R_FD_SEEK, arg32(c, 4), &io);

	if (e != DJ_ESUCCESS)
		return e;
	if (arg64(c, 3) > INT64_MAX)
		return DJ_EINVAL;
	e = node_read(c, io.f->node, arg64(c, 3), io.iovs, io.n, &done);
	put32(io.result, done);
	return e;
}

static enum dj_errno fd_write(struct call *c)
{
	struct io io;
	uint32_t done = 0;
	enum dj_errno e = decode(c, R_FD_WRITE, arg32(c, 3), &io);

	if (e != DJ_ESUCCESS)
		return e;
	if (io.f->kind == FD_STREAM) {
		e = stream_write(c, io.f, io.iovs, io.n, &done);
	} else {
		if (io.f->flags & FDFLAG_APPEND)
			io.f->pos = io.f->node->file.size;
		e = node_write(c, io.f->node, io.f->pos, io.iovs, io.n, &done);
		io.f->pos += done;
	}
	if (e == DJ_ESUCCESS)
		put32(io.result, done);
	return e;
}

static enum dj_errno fd_pwrite(struct call *c)
{
	struct io io;
	uint32_t done = 0;
	enum dj_errno e = decode(c, R_FD_WRITE | R_FD_SEEK, arg32(c, 4), &io);

	if (e != DJ_ESUCCESS)
		return e;
	if (arg64(c, 3) > INT64_MAX)
		return DJ_EINVAL;
	e = node_write(c, io.f->node, arg64(c, 3), io.iovs, io.n, &done);
	if (e == DJ_ESUCCESS)
		put32(io.result, done);
	return e;
}

enum whence {
	SET,
	CUR,
	END
};

static enum dj_errno whence_of(const struct call *c, enum whence *ret)
{
	static const enum whence now[] = { SET, CUR, END };
	static const enum whence then[] = { CUR, END, SET };

	if (arg32(c, 2) > 2)
		return DJ_EINVAL;
	*ret = c->unstable ? then[arg32(c, 2)] : now[arg32(c, 2)];
	return DJ_ESUCCESS;
}

/* A file whose position may be asked for. */
static enum dj_errno seekable(struct call *c, uint64_t rights, struct fd **ret)
{
	enum dj_errno e = wasi_fd_get(c->w, arg32(c, 0), 0, ret);

	if (e != DJ_ESUCCESS)
		return e;
	if ((*ret)->kind == FD_STREAM)
		return DJ_ESPIPE;
	if ((*ret)->node->type == DJ_VFS_DIR)
		return DJ_EBADF;
	return wasi_fd_get(c->w, arg32(c, 0), rights, ret);
}

static enum dj_errno fd_seek(struct call *c)
{
	uint8_t *p = wasi_mem(c, arg32(c, 3), 8);
	int64_t delta = (int64_t)arg64(c, 1), from = 0, to;
	enum whence whence;
	struct fd *f;
	enum dj_errno e = whence_of(c, &whence);

	if (e == DJ_ESUCCESS)
		e = seekable(c,
			whence == CUR && delta == 0 ? R_FD_TELL : R_FD_SEEK,
			&f);
	/* The right to seek has the right to tell in it. */
	if (e == DJ_ENOTCAPABLE)
		e = seekable(c, R_FD_SEEK, &f);
	if (e != DJ_ESUCCESS)
		return e;
	if (p == NULL)
		return DJ_EFAULT;
	if (whence == CUR)
		from = (int64_t)f->pos;
	else if (whence == END)
		from = (int64_t)f->node->file.size;
	if (__builtin_add_overflow(from, delta, &to))
		return DJ_EOVERFLOW;
	if (to < 0)
		return DJ_EINVAL;
	f->pos = (uint64_t)to;
	put64(p, f->pos);
	return DJ_ESUCCESS;
}

static enum dj_errno fd_tell(struct call *c)
{
	uint8_t *p = wasi_mem(c, arg32(c, 1), 8);
	struct fd *f;
	enum dj_errno e = seekable(c, R_FD_TELL, &f);

	if (e == DJ_ENOTCAPABLE)
		e = seekable(c, R_FD_SEEK, &f);
	if (e != DJ_ESUCCESS)
		return e;
	if (p == NULL)
		return DJ_EFAULT;
	put64(p, f->pos);
	return DJ_ESUCCESS;
}

/* Memory is as durable as a Keep gets: what was written is synced. */
static enum dj_errno sync(struct call *c, uint64_t rights)
{
	struct fd *f;
	enum dj_errno e = wasi_fd_get(c->w, arg32(c, 0), 0, &f);

	if (e != DJ_ESUCCESS)
		return e;
	if (f->kind == FD_STREAM)
		return DJ_EINVAL;
	return (f->base & rights) != 0 ? DJ_ESUCCESS : DJ_ENOTCAPABLE;
}

static enum dj_errno fd_sync(struct call *c)
{
	return sync(c, R_FD_SYNC);
}

static enum dj_errno fd_datasync(struct call *c)
{
	return sync(c, R_FD_DATASYNC | R_FD_SYNC);
}

static enum dj_errno fd_advise(struct call *c)
{
	struct fd *f;
	enum dj_errno e = seekable(c, R_FD_ADVISE, &f);

	if (e != DJ_ESUCCESS)
		return e;
	/* normal, sequential, random, willneed, dontneed, noreuse */
	return arg32(c, 3) <= 5 ? DJ_ESUCCESS : DJ_EINVAL;
}

static enum dj_errno fd_allocate(struct call *c)
{
	struct fd *f;
	enum dj_errno e = seekable(c, R_FD_ALLOCATE, &f);

	if (e != DJ_ESUCCESS)
		return e;
	c->work = arg64(c, 2);
	if (c->work > c->w->vfs.reserved)
		c->work = c->w->vfs.reserved;
	return dj_vfs_allocate(&c->w->vfs, f->node, arg64(c, 1), arg64(c, 2));
}

static const struct wasi_fn fns[] = {
	{ "fd_advise", "iIIi", fd_advise, false },
	{ "fd_allocate", "iII", fd_allocate, false },
	{ "fd_datasync", "i", fd_datasync, false },
	{ "fd_pread", "iiiIi", fd_pread, false },
	{ "fd_pwrite", "iiiIi", fd_pwrite, false },
	{ "fd_read", "iiii", fd_read, false },
	{ "fd_seek", "iIii", fd_seek, false },
	{ "fd_sync", "i", fd_sync, false },
	{ "fd_tell", "ii", fd_tell, false },
	{ "fd_write", "iiii", fd_write, false },
};
const struct wasi_group wasi_io = GROUP(fns);
