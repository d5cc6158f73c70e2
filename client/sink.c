// SPDX-License-Identifier: Apache-2.0
#include "client/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/secret.h"

/*
 * A pipe is written without blocking, so that a slow reader stops neither
 * input nor signals. O_NONBLOCK belongs to the open file, which a parent may
 * share: so it is opened once more. Where that is refused, writes block.
 */
static int reopen_pipe(int fd)
{
	char path[32];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

void dj_sink_init(struct dj_sink *s, const char *name, int fd)
{
	*s = (struct dj_sink){ .name = name, .fd = fd };
	s->own_fd = reopen_pipe(fd);
	dj_sha256_init(&s->hash);
}

void dj_sink_done(struct dj_sink *s)
{
	if (s->buf != NULL)
		dj_wipe(s->buf, s->cap);
	free(s->buf);
	s->buf = NULL;
	if (s->own_fd >= 0)
		close(s->own_fd);
	s->own_fd = -1;
}

int dj_sink_fd(const struct dj_sink *s)
{
	return s->own_fd >= 0 ? s->own_fd : s->fd;
}

bool dj_sink_put(struct dj_sink *s, const void *p, size_t len,
	struct dj_err *err)
{
	if (len == 0)
		return true;
	if (s->fd < 0) /* never written: hashed as it comes */
		dj_sha256_update(&s->hash, p, len);
	if (s->at > 0 && s->cap - s->len < len) {
		memmove(s->buf, s->buf + s->at, s->len - s->at);
		s->len -= s->at;
		s->at = 0;
	}
	if (s->cap - s->len < len) {
		size_t cap = s->cap == 0 ? 65536 : s->cap;
		uint8_t *grown;

		while (cap - s->len < len)
			cap *= 2;
		grown = malloc(cap);
		if (grown == NULL)
			return dj_err_set(err, "internal.memory",
				"keeping output: no memory");
		if (s->buf != NULL) {
			memcpy(grown, s->buf, s->len);
			dj_wipe(s->buf, s->cap);
			free(s->buf);
		}
		s->buf = grown;
		s->cap = cap;
	}
	memcpy(s->buf + s->len, p, len);
	s->len += len;
	s->next += len;
	return true;
}

static bool fail_write(const struct dj_sink *s, struct dj_err *err)
{
	const char *name = "output.write";

	if (errno == EPIPE)
		name = "output.closed";
	else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		name = "output.full";
	return dj_err_set(err, name, "writing the program's output to %s: %s",
		s->name, strerror(errno));
}

/* In memory: what is beyond keep_max is counted and dropped. */
static bool keep(struct dj_sink *s)
{
	s->written = s->next;
	if (s->len > s->keep_max)
		s->len = s->keep_max;
	return true;
}

bool dj_sink_flush(struct dj_sink *s, struct dj_err *err)
{
	if (s->fd < 0)
		return keep(s);
	s->is_full = false;
	while (s->at < s->len) {
		ssize_t n =
			write(dj_sink_fd(s), s->buf + s->at, s->len - s->at);

		if (n < 0 && errno == EINTR)
			return true; /* a signal is to be looked at */
		if (n < 0 && errno == EAGAIN) {
			s->is_full = true;
			return true;
		}
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return fail_write(s, err);
		}
		dj_sha256_update(&s->hash, s->buf + s->at, (size_t)n);
		s->at += (size_t)n;
		s->written += (uint64_t)n;
	}
	s->at = s->len = 0;
	return true;
}

bool dj_sink_reload(struct dj_sink *s, uint64_t base, struct dj_err *err)
{
	uint8_t piece[16384];
	off_t at = (off_t)base;
	ssize_t n;

	while ((n = pread(s->fd, piece, sizeof(piece), at)) > 0) {
		dj_sha256_update(&s->hash, piece, (size_t)n);
		at += n;
	}
	dj_wipe(piece, sizeof(piece));
	if (n < 0 || lseek(s->fd, at, SEEK_SET) < 0)
		return dj_err_set(err, "output.read",
			"reading what is here of %s: %s", s->name,
			strerror(errno));
	s->next = s->written = s->acked = (uint64_t)at - base;
	return true;
}

bool dj_sink_sync(struct dj_sink *s, struct dj_err *err)
{
	return !s->is_durable || fdatasync(s->fd) == 0 || fail_write(s, err);
}
