// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "lib/crypto/sha256.h"

/*
 * Where an output stream of the program goes: its bytes as they are, written
 * whole, hashed, and acknowledged to the Keep only when written. What the
 * descriptor does not take now waits here, at most DJ_STREAM_WINDOW bytes,
 * since the Keep may send no more before an acknowledgement.
 *
 * A durable one is a regular file, and what is acknowledged is on the disk:
 * after the death of this process the file's length says what is here.
 */
struct dj_sink {
	const char *name; /* "standard output", for messages */
	int fd;           /* -1: kept in memory up to keep_max (diagnostics) */
	int own_fd;       /* reopened without blocking; -1: none */
	uint8_t *buf;     /* [at, len) waits to be written */
	size_t at, len, cap;
	size_t keep_max;
	uint64_t next; /* next byte wanted from the Keep */
	uint64_t written;
	uint64_t acked; /* what the last ACK said */
	bool is_ended;  /* END was received */
	bool is_full;   /* wait for POLLOUT */
	bool is_durable;
	bool floats;           /* nobody knows how much of it was dropped */
	struct dj_sha256 hash; /* of what was written */
};

void dj_sink_init(struct dj_sink *s, const char *name, int fd);
void dj_sink_done(struct dj_sink *s);
/* For poll(2). */
int dj_sink_fd(const struct dj_sink *s);

/* Takes bytes at offset s->next. internal.memory. */
DJ_NODISCARD bool dj_sink_put(struct dj_sink *s, const void *p, size_t len,
	struct dj_err *err);

/*
 * Writes what it can; sets is_full where the descriptor takes no more now.
 * output.full, output.closed, output.write.
 */
DJ_NODISCARD bool dj_sink_flush(struct dj_sink *s, struct dj_err *err);

/*
 * The stream's bytes so far are those of the file from base on: they are
 * hashed, and the file goes on at its end. fd must be readable. output.read.
 */
DJ_NODISCARD bool dj_sink_reload(struct dj_sink *s, uint64_t base,
	struct dj_err *err);
/* To the disk, where it is durable. output.full, output.write. */
DJ_NODISCARD bool dj_sink_sync(struct dj_sink *s, struct dj_err *err);
