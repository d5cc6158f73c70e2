// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/stream.h"
#include "keep/wasi/call.h"

/* Enough for any program's descriptors; bounds the work of one call. */
#define SUBSCRIPTIONS_MAX 8192

enum {
	ON_CLOCK = 0,
	ON_READ = 1,
	ON_WRITE = 2
};
enum {
	REALTIME = 0,
	MONOTONIC = 1
};
#define ABSTIME     1
#define HANGUP      1
#define EVENT_LEN   32
#define SUB_LEN     48
#define SUB_LEN_OLD 56 /* wasi_unstable names each clock's subscription */

struct subscription {
	uint64_t userdata;
	uint8_t kind;
	uint32_t id; /* clock or descriptor */
	uint64_t timeout;
	uint16_t flags;
};

struct event {
	enum dj_errno error;
	uint64_t bytes;
	uint16_t flags;
};

static size_t sub_len(const struct call *c)
{
	return c->unstable ? SUB_LEN_OLD : SUB_LEN;
}

static struct subscription decode(const struct call *c, const uint8_t *p)
{
	struct subscription s = { .userdata = get64(p), .kind = p[8] };
	const uint8_t *u = p + 16;

	if (s.kind == ON_CLOCK && c->unstable)
		u += 8;
	s.id = get32(u);
	if (s.kind == ON_CLOCK) {
		s.timeout = get64(u + 8);
		s.flags = (uint16_t)(get32(u + 24) & 0xffff);
	}
	return s;
}

/* The clock of one look at all subscriptions: read once, if at all. */
struct look {
	uint64_t start; /* of the call, on the monotonic clock */
	uint64_t now;
	bool is_known;     /* now */
	bool has_failed;   /* the clock does not answer */
	uint64_t deadline; /* the earliest that is not due yet */
};

static bool know_now(struct look *l)
{
	if (!l->is_known && !l->has_failed)
		l->has_failed = dj_clock_monotonic(&l->now) != DJ_OK;
	l->is_known = !l->has_failed;
	return l->is_known;
}

/* When a clock subscription is due, on the monotonic clock. */
static enum dj_errno due(const struct subscription *s, struct look *l,
	uint64_t *ret)
{
	uint64_t now = 0, start = l->start, wait = s->timeout;

	if (s->id > MONOTONIC || (s->flags & ~ABSTIME) != 0)
		return DJ_EINVAL;
	if (!know_now(l))
		return DJ_ENOTSUP;
	if (s->flags & ABSTIME) {
		now = l->now;
		if (s->id == REALTIME && dj_clock_realtime(&now) != DJ_OK)
			return DJ_ENOTSUP;
		wait = s->timeout > now ? s->timeout - now : 0;
		/* From now on, not from the start of the call. */
		start = l->now;
	}
	if (__builtin_add_overflow(start, wait, ret))
		*ret = UINT64_MAX;
	return DJ_ESUCCESS;
}

static bool stream_ready(const struct fd *f, uint8_t kind, struct event *ret)
{
	bool ended = false;

	if (kind == ON_READ) {
		ret->bytes = dj_stream_readable(f->stream, &ended);
		if (ended)
			ret->flags = HANGUP;
		return ended || ret->bytes != 0;
	}
	ret->bytes = dj_stream_writable(f->stream);
	return ret->bytes != 0;
}

/* Is a descriptor subscription ready, or never going to be? */
static bool fd_ready(struct call *c, const struct subscription *s,
	struct event *ret)
{
	uint64_t size;
	struct fd *f;

	ret->error = wasi_fd_get(c->w, s->id, R_POLL_FD_READWRITE, &f);
	if (ret->error != DJ_ESUCCESS)
		return true;
	if ((f->base & (s->kind == ON_READ ? R_FD_READ : R_FD_WRITE)) == 0) {
		ret->error = f->kind == FD_NODE && f->node->type == DJ_VFS_DIR
			? DJ_EBADF
			: DJ_ENOTCAPABLE;
		return true;
	}
	if (f->kind == FD_STREAM)
		return stream_ready(f, s->kind, ret);
	if (s->kind == ON_READ) {
		size = dj_vfs_size(f->node);
		ret->bytes = size > f->pos ? size - f->pos : 0;
	}
	return true;
}

static bool is_ready(struct call *c, const struct subscription *s,
	struct look *l, struct event *ret)
{
	uint64_t at;

	*ret = (struct event){ .error = DJ_ESUCCESS };
	if (s->kind != ON_CLOCK)
		return fd_ready(c, s, ret);
	ret->error = due(s, l, &at);
	if (ret->error != DJ_ESUCCESS || l->now >= at)
		return true;
	if (at < l->deadline)
		l->deadline = at;
	return false;
}

static void put_event(uint8_t *p, const struct subscription *s,
	const struct event *e)
{
	memset(p, 0, EVENT_LEN);
	put64(p, s->userdata);
	put16(p + 8, (uint16_t)e->error);
	p[10] = s->kind;
	if (s->kind != ON_CLOCK) {
		put64(p + 16, e->bytes);
		put16(p + 24, e->flags);
	}
}

/* All that are ready; in and out do not overlap. */
static uint32_t collect(struct call *c, const uint8_t *in, uint8_t *out,
	uint32_t n, struct look *l)
{
	uint32_t events = 0;

	l->deadline = UINT64_MAX;
	for (uint32_t i = 0; i < n; i++) {
		struct subscription s = decode(c, in + (size_t)i * sub_len(c));
		struct event e;

		if (is_ready(c, &s, l, &e))
			put_event(out + (size_t)EVENT_LEN * events++, &s, &e);
	}
	return events;
}

static bool has_clock(const struct call *c, const uint8_t *in, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (in[i * sub_len(c) + 8] == ON_CLOCK)
			return true;
	return false;
}

static bool kinds_ok(const struct call *c, const uint8_t *in, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (in[i * sub_len(c) + 8] > ON_WRITE)
			return false;
	return true;
}

static enum dj_errno poll_oneoff(struct call *c)
{
	uint32_t n = arg32(c, 2), in_at = arg32(c, 0), out_at = arg32(c, 1);
	uint64_t in_len = (uint64_t)n * sub_len(c);
	uint64_t out_len = (uint64_t)n * EVENT_LEN;
	const uint8_t *in = wasi_mem(c, in_at, in_len);
	uint8_t *out = wasi_mem(c, out_at, out_len);
	uint8_t *count = wasi_mem(c, arg32(c, 3), 4);
	struct look l = { 0 };
	uint32_t events;
	dj_status st;

	if (n == 0 || n > SUBSCRIPTIONS_MAX)
		return DJ_EINVAL;
	if (in == NULL || out == NULL || count == NULL)
		return DJ_EFAULT;
	/* An event would be written over a subscription still to be read. */
	if (in_at < out_at + out_len && out_at < in_at + in_len)
		return DJ_EINVAL;
	if (!kinds_ok(c, in, n))
		return DJ_EINVAL;
	/* Without a clock only the clock's subscriptions fail. */
	if (has_clock(c, in, n) && know_now(&l))
		l.start = l.now;
	c->work = in_len + out_len;
	while ((events = collect(c, in, out, n, &l)) == 0) {
		st = dj_stream_wait(l.deadline);
		if (st != DJ_OK)
			return wasi_stream_failed(c, st);
		l.is_known = false;
	}
	put32(count, events);
	return DJ_ESUCCESS;
}

static const struct wasi_fn fns[] = {
	{ "poll_oneoff", "iiii", poll_oneoff, false },
};
const struct wasi_group wasi_poll = GROUP(fns);
