// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/job.h"
#include "client/sink.h"
#include "lib/crypto/sha256.h"

/*
 * Inside client/job*.c: one program in a session, as it runs. job.c has the
 * connection's flow, time and signals; job_send.c what goes to the Keep,
 * job_take.c what comes from it, job_receipt.c the receipt.
 */
#define INPUT_MAX  ((size_t)128 << 10)
#define DIAG_MAX   ((size_t)256 << 10)
#define FOREVER    INT64_MAX
#define AGAIN_MS   60000
#define RECEIPT_MS 30000
#define OUTPUTS    4 /* streams 1, 2, 3, 4 */
#define SINKS      (OUTPUTS + DJ_NAMED_MAX)
#define FEEDS      (1 + DJ_NAMED_MAX)

enum stage {
	STAGE_BEGIN,
	STAGE_MODULE,
	STAGE_TREES,
	STAGE_RUN,
	STAGE_STREAMS,
	STAGE_RECEIPT, /* EXIT held, its receipt is on the way */
	STAGE_RELEASE, /* the result is recorded */
	STAGE_OVER,
};

/* A stream to the Keep. */
struct source {
	uint64_t sent;
	uint64_t limit;
	uint64_t acked; /* what the Keep has of it, as of its last ACK */
	bool is_ended;
	struct dj_sha256 hash;
};

#define PLACES 80

struct place {
	uint64_t len;
	uint8_t hash[32];
};

/* What is read here and sent: standard input, and named streams. */
struct feed {
	int fd; /* -1: nothing more to read */
	uint8_t stream;
	struct source to;
	uint8_t *buf; /* [at, len) is read and unsent */
	size_t at, len;
	bool is_over;                /* all was read */
	bool is_asking;              /* the first ACK says where it goes on */
	struct place places[PLACES]; /* a ring; place_at counts on */
	size_t place_at;
};

struct run {
	struct dj_session *s;
	const struct dj_job *job;
	struct dj_outcome *out;
	struct dj_err *err;

	enum stage stage;
	size_t begin_at, module_at, tree;
	struct source trees_to[DJ_TREES_MAX];
	struct feed feeds[FEEDS]; /* standard input, then the named ones */
	size_t feed_count;
	size_t chunk; /* most data in a record */
	bool is_full; /* there was more to send than room for it */

	struct dj_sink sinks[SINKS]; /* the named ones last */
	size_t sink_count;

	int signals;
	bool stop_due;  /* SIGNAL is to be sent */
	bool leave_due; /* DETACH is */
	bool leave_asked;
	bool steady_due; /* the Keep is to be told */

	bool again_due, again_open, again_rd, again_evidence;
	uint8_t nonce[32], report_data[64], again_hash[32];

	bool time_asked; /* the Keep wants the time, not before time_at */
	uint64_t time_at;
	int64_t start, began, tick, again_at, deadline;
	int64_t first; /* when output first came; 0: not yet */
};

static inline size_t job_least(size_t a, uint64_t b)
{
	return b < a ? (size_t)b : a;
}

/* job.c: milliseconds that only go on; this side's time of day, ns. */
int64_t job_now(void);
uint64_t job_time_of_day(void);

/*
 * job_send.c: all there is to say goes into the wire's buffer, or with steady
 * traffic one record a tick.
 */
bool job_produce(struct run *r, int64_t now);
bool job_all_is_sent(const struct run *r);

/* job_take.c: what came is taken, written and answered for. */
bool job_receive(struct run *r);
bool job_take_frames(struct run *r);
bool job_flush_sinks(struct run *r);
uint8_t job_sink_stream(const struct run *r, size_t i);
struct feed *job_feed_of(struct run *r, uint8_t stream);
/* What the Keep has of an input, read again for its hash. */
bool job_hash_input(struct run *r, struct feed *f, uint64_t base, uint64_t len);
/* Stream 3 as text, into the outcome. */
void job_take_diag(struct run *r);
/* The result is on the disk before the Keep is told to forget it. */
bool job_record_result(struct run *r);
/* session.protocol; false. */
bool job_bad(struct run *r, const char *what);

/* job_receipt.c */
void job_note_place(struct run *r, struct feed *f);
/* Evidence that is one; before EXIT or after, once an attach. */
bool job_on_receipt(struct run *r, const uint8_t *p, size_t len);
bool job_judge_receipt(struct run *r);
