// SPDX-License-Identifier: Apache-2.0
#include "client/job.h"

#include <errno.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/apply.h"
#include "client/sink.h"
#include "lib/base/break.h"
#include "lib/proto/begin.h"
#include "lib/proto/error.h"
#include "lib/proto/evidence.h"
#include "lib/session/binding.h"

#define INPUT_MAX     ((size_t)128 << 10)
#define DIAG_MAX      ((size_t)256 << 10)
#define FOREVER       INT64_MAX
/* After these the Keep has had its chance to say it itself. */
#define GRACE_STOP_MS 1000
#define GRACE_END_MS  10000
#define AGAIN_MS      60000
#define GOODBYE_MS    2000
#define RECEIPT_MS    30000
/* A durable acknowledgement costs a write to the disk. */
#define ACK_QUANTUM   (DJ_STREAM_WINDOW / 4)
#define STREAM_DIAG   3
#define OUTPUTS       4 /* streams 1, 2, 3, 4 */
#define SINKS         (OUTPUTS + DJ_NAMED_MAX)
#define FEEDS         (1 + DJ_NAMED_MAX)

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
};

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* This side's time of day, as policy `client` has it in the Keep. */
static uint64_t time_of_day(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static size_t least(size_t a, uint64_t b)
{
	return b < a ? (size_t)b : a;
}

/* ---- to the Keep ---- */

enum made {
	MADE_ONE,
	MADE_NONE, /* nothing to say now */
	MADE_FULL, /* no room in the buffer */
	MADE_BAD,
};

static enum made seal(struct run *r, enum dj_kind kind, uint8_t stream,
	uint64_t off, const void *data, size_t len)
{
	uint8_t *p = dj_wire_room(&r->s->wire, DJ_RECORD_FRAME_MAX);
	size_t n;

	if (p == NULL)
		return MADE_FULL;
	if (dj_chain_seal(&r->s->tx, kind, stream, off, data, len,
		    r->s->minclass, p, DJ_RECORD_FRAME_MAX, &n) != DJ_OK) {
		(void)dj_err_set(r->err, "session.protocol",
			"sending to the Keep: the record numbers are used up");
		return MADE_BAD;
	}
	dj_wire_take(&r->s->wire, n);
	return MADE_ONE;
}

static bool is_ack_due(const struct dj_sink *k)
{
	if (k->acked == k->written || !k->is_durable)
		return k->acked != k->written;
	return k->written - k->acked >= ACK_QUANTUM ||
		(k->is_ended && k->written == k->next);
}

static uint8_t sink_stream(const struct run *r, size_t i)
{
	return i < OUTPUTS ? (uint8_t)(i + 1)
			   : r->job->named[i - OUTPUTS].number;
}

static enum made make_ack(struct run *r)
{
	for (size_t i = 0; i < r->sink_count; i++) {
		struct dj_sink *k = &r->sinks[i];
		uint64_t upto = k->written;
		uint8_t body[DJ_ACK_SIZE];
		enum made m;

		DJ_BREAK(10, upto = k->next);
		if (upto == k->acked || (upto == k->written && !is_ack_due(k)))
			continue;
		if (!dj_sink_sync(k, r->err))
			return MADE_BAD;
		dj_ack_write(upto + DJ_STREAM_WINDOW, body);
		m = seal(r, DJ_KIND_ACK, sink_stream(r, i), upto, body,
			sizeof(body));
		if (m == MADE_ONE)
			k->acked = upto;
		return m;
	}
	return MADE_NONE;
}

static enum made make_again(struct run *r)
{
	enum made m;

	if (RAND_bytes(r->nonce, sizeof(r->nonce)) != 1) {
		(void)dj_err_set(r->err, "internal.bug",
			"making a nonce: OpenSSL has no random bytes");
		return MADE_BAD;
	}
	m = seal(r, DJ_KIND_AGAIN, 0, 0, r->nonce, sizeof(r->nonce));
	if (m != MADE_ONE)
		return m;
	dj_again_report_data(&r->s->again, r->nonce, r->s->attach_no,
		r->report_data);
	r->again_due = false;
	r->again_open = true;
	r->again_rd = r->again_evidence = false;
	r->again_at = now_ms() + AGAIN_MS;
	return m;
}

static enum made make_time(struct run *r)
{
	uint64_t now = time_of_day();
	enum made m;

	if (!r->time_asked || now < r->time_at)
		return MADE_NONE;
	m = seal(r, DJ_KIND_TIME, 0, now, NULL, 0);
	r->time_asked = m != MADE_ONE;
	return m;
}

static enum made make_urgent(struct run *r)
{
	enum made m;

	if (r->steady_due) {
		m = seal(r, DJ_KIND_NOOP, DJ_NOOP_STEADY, r->job->steady_ms,
			NULL, 0);
		r->steady_due = m != MADE_ONE;
		return m;
	}
	if (r->leave_due) {
		m = seal(r, DJ_KIND_DETACH, 0, 0, NULL, 0);
		if (m == MADE_ONE) {
			r->leave_due = false;
			r->out->detached = true;
			r->stage = STAGE_OVER;
		}
		return m;
	}
	if (r->stop_due) {
		m = seal(r, DJ_KIND_SIGNAL, DJ_SIGNAL_STOP, 0, NULL, 0);
		r->stop_due = m != MADE_ONE;
		return m;
	}
	m = make_time(r);
	if (m == MADE_NONE)
		m = make_ack(r);
	if (m != MADE_NONE)
		return m;
	return r->again_due ? make_again(r) : MADE_NONE;
}

static enum made make_begin(struct run *r)
{
	const struct dj_job *j = r->job;
	size_t n = least(r->chunk, j->begin_len - r->begin_at);
	bool is_last = r->begin_at + n == j->begin_len;
	enum made m =
		seal(r, DJ_KIND_BEGIN, is_last ? DJ_BEGIN_LAST : DJ_BEGIN_MORE,
			r->begin_at, j->begin + r->begin_at, n);

	if (m == MADE_ONE) {
		r->begin_at += n;
		r->stage = is_last ? STAGE_MODULE : STAGE_BEGIN;
	}
	return m;
}

static enum made make_module(struct run *r)
{
	const struct dj_job *j = r->job;
	size_t n = least(r->chunk, j->module_len - r->module_at);
	enum made m = seal(r, DJ_KIND_MODULE, 0, r->module_at,
		j->module + r->module_at, n);

	if (m == MADE_ONE) {
		r->module_at += n;
		if (r->module_at == j->module_len)
			r->stage = STAGE_TREES;
	}
	return m;
}

static bool read_tree(struct run *r, uint8_t *dst, size_t cap, size_t *ret_len)
{
	const struct dj_job *j = r->job;
	ssize_t n;

	if (!j->is_durable)
		return dj_tar_read(j->trees[r->tree], dst, cap, ret_len,
			r->err);
	n = pread(j->tree_fds[r->tree], dst, cap,
		(off_t)r->trees_to[r->tree].sent);
	if (n < 0)
		return dj_err_set(r->err, "dir.read",
			"reading a packed folder: %s", strerror(errno));
	*ret_len = (size_t)n;
	return true;
}

static enum made make_tree(struct run *r)
{
	struct source *to = &r->trees_to[r->tree];
	uint8_t stream = (uint8_t)(DJ_STREAM_TREE_FIRST + r->tree);
	uint8_t data[DJ_RECORD_DATA];
	enum made m;
	size_t n;

	if (r->tree == r->job->tree_count) {
		r->stage = STAGE_RUN;
		return MADE_NONE;
	}
	if (to->sent == to->limit ||
		dj_wire_room(&r->s->wire, DJ_RECORD_FRAME_MAX) == NULL)
		return to->sent == to->limit ? MADE_NONE : MADE_FULL;
	if (!read_tree(r, data, least(r->chunk, to->limit - to->sent), &n))
		return MADE_BAD;
	if (n > 0) {
		dj_sha256_update(&to->hash, data, n);
		m = seal(r, DJ_KIND_DATA, stream, to->sent, data, n);
		to->sent += n;
		return m;
	}
	m = seal(r, DJ_KIND_END, stream, to->sent, NULL, 0);
	if (m == MADE_ONE && ++r->tree == r->job->tree_count)
		r->stage = STAGE_RUN;
	return m;
}

static enum made make_run(struct run *r)
{
	enum made m = seal(r, DJ_KIND_RUN, 0, 0, NULL, 0);

	if (m != MADE_ONE)
		return m;
	r->stage = STAGE_STREAMS;
	r->began = now_ms();
	r->out->sent = true;
	r->out->sent_ms = r->began - r->start;
	if (r->job->again_ms > 0)
		r->again_at = r->began + r->job->again_ms;
	if (r->job->time_ms > 0)
		r->deadline =
			r->began + (int64_t)r->job->time_ms + GRACE_STOP_MS;
	if (r->job->report != NULL)
		r->job->report(r->job->ctx, DJ_JOB_SENT);
	return m;
}

/* Where an input stands, for the receipt. */
static void note_place(struct run *r, struct feed *f)
{
	struct place *p = &f->places[f->place_at++ % PLACES];

	p->len = f->to.sent;
	dj_sha256_final(&f->to.hash, p->hash);
	if (f->stream == 0 && r->job->has_input) {
		p->len = r->job->input_len;
		memcpy(p->hash, r->job->input_hash, 32);
	}
}

/* All of it was sent: nobody needs to read it again. */
static bool know_input(struct run *r)
{
	const struct source *to = &r->feeds[0].to;

	r->out->has_input = true;
	r->out->input_len = to->sent;
	dj_sha256_final(&to->hash, r->out->input_hash);
	return r->job->record == NULL ||
		r->job->record(r->job->record_ctx, DJ_JOB_INPUT, r->out,
			r->err);
}

static enum made feed_some(struct run *r, struct feed *f)
{
	struct source *to = &f->to;
	size_t n = least(f->len - f->at, to->limit - to->sent);
	enum made m;

	if (f->is_asking)
		return MADE_NONE;
	n = least(n, r->chunk);
	if (n > 0) {
		m = seal(r, DJ_KIND_DATA, f->stream, to->sent, f->buf + f->at,
			n);
		if (m == MADE_ONE) {
			if (r->job->receipts)
				note_place(r, f);
			dj_sha256_update(&to->hash, f->buf + f->at, n);
			to->sent += n;
			f->at += n;
			r->out->in = r->feeds[0].to.sent;
		}
		return m;
	}
	if (!f->is_over || f->at < f->len || to->is_ended)
		return MADE_NONE;
	if (f->stream == 0 && !r->out->has_input && !know_input(r))
		return MADE_BAD;
	m = seal(r, DJ_KIND_END, f->stream, to->sent, NULL, 0);
	to->is_ended = m == MADE_ONE;
	return m;
}

static enum made make_input(struct run *r)
{
	enum made m = MADE_NONE;

	for (size_t i = 0; m == MADE_NONE && i < r->feed_count; i++)
		m = feed_some(r, &r->feeds[i]);
	return m;
}

static bool all_is_sent(const struct run *r)
{
	for (size_t i = 0; i < r->feed_count; i++)
		if (!r->feeds[i].to.is_ended)
			return false;
	return true;
}

static enum made make_next(struct run *r)
{
	enum made m = make_urgent(r);

	if (m != MADE_NONE)
		return m;
	switch (r->stage) {
	case STAGE_BEGIN:
		return make_begin(r);
	case STAGE_MODULE:
		return make_module(r);
	case STAGE_TREES:
		m = make_tree(r);
		if (m != MADE_NONE || r->stage != STAGE_RUN)
			return m;
		return make_run(r);
	case STAGE_RUN:
		return make_run(r);
	case STAGE_STREAMS:
		return make_input(r);
	case STAGE_RECEIPT:
		return MADE_NONE;
	case STAGE_RELEASE:
		m = seal(r, DJ_KIND_RELEASE, 0, 0, NULL, 0);
		if (m == MADE_ONE)
			r->stage = STAGE_OVER;
		return m;
	case STAGE_OVER:
		break;
	}
	return MADE_NONE;
}

/* All there is to say, or with steady traffic one record a tick. */
static bool produce(struct run *r, int64_t now)
{
	uint32_t every = r->job->steady_ms;
	enum made m;

	if (every == 0) {
		do {
			m = make_next(r);
		} while (m == MADE_ONE);
		r->is_full = m == MADE_FULL;
		return m != MADE_BAD;
	}
	if (now < r->tick)
		return true;
	m = make_next(r);
	if (m == MADE_NONE)
		m = seal(r, DJ_KIND_NOOP, 0, 0, NULL, 0);
	r->tick = r->tick + every > now ? r->tick + every : now + every;
	return m != MADE_BAD;
}

/* ---- what was said before ---- */

/* Stream 3 as text: of its file where it has one. */
static void take_diag(struct run *r)
{
	const struct dj_sink *diag = &r->sinks[STREAM_DIAG - 1];
	char *text;
	ssize_t n;

	if (r->out->diag != NULL || diag->next == 0)
		return;
	text = malloc(DIAG_MAX + 1);
	if (text == NULL)
		return;
	if (diag->fd >= 0) {
		n = pread(diag->fd, text, DIAG_MAX, 0);
	} else {
		n = (ssize_t)least(DIAG_MAX, diag->len);
		if (n > 0)
			memcpy(text, diag->buf, (size_t)n);
	}
	text[n < 0 ? 0 : n] = '\0';
	r->out->diag = text;
	r->out->diag_len = strlen(text);
}

/* What the Keep has of an input, read again for its hash. */
static bool hash_input(struct run *r, struct feed *f, uint64_t base,
	uint64_t len)
{
	uint64_t at = 0;

	if (f->fd < 0)
		return true;
	while (at < len) {
		ssize_t n = pread(f->fd, f->buf, least(INPUT_MAX, len - at),
			(off_t)(base + at));

		if (n <= 0)
			return dj_err_set(r->err, "input.read",
				"reading the program's input again: %s",
				n < 0 ? strerror(errno)
				      : "it is shorter than what was sent");
		dj_sha256_update(&f->to.hash, f->buf, (size_t)n);
		at += (uint64_t)n;
	}
	return lseek(f->fd, (off_t)(base + len), SEEK_SET) >= 0 ||
		dj_err_set(r->err, "input.read",
			"reading the program's input again: %s",
			strerror(errno));
}

/* ---- from the Keep ---- */

static bool bad(struct run *r, const char *what)
{
	return dj_err_set(r->err, "session.protocol", "talking to the Keep: %s",
		what);
}

/* The first that comes says where a discarded stream goes on. */
static void float_to(struct dj_sink *k, uint64_t off)
{
	if (k->floats && k->next == 0)
		k->next = k->written = k->acked = off;
}

/* NULL: there is no such stream from the Keep. */
static struct dj_sink *sink_of(struct run *r, uint8_t stream)
{
	for (size_t i = 0; i < r->sink_count; i++) {
		if (sink_stream(r, i) != stream)
			continue;
		if (stream == DJ_STREAM_RETURNED && r->job->returned_count == 0)
			return NULL;
		if (i >= OUTPUTS && r->sinks[i].fd < 0)
			return NULL;
		return &r->sinks[i];
	}
	return NULL;
}

static bool on_data(struct run *r, const struct dj_inner *in)
{
	struct dj_sink *k = sink_of(r, in->stream);
	uint64_t end;
	size_t old;

	if (k == NULL || r->stage < STAGE_STREAMS)
		return bad(r, "data of a stream that it does not have");
	float_to(k, in->off);
	if (k->is_ended || __builtin_add_overflow(in->off, in->len, &end) ||
		end > k->acked + DJ_STREAM_WINDOW)
		return bad(r, "data beyond what it may send");
	if (in->off > k->next)
		return bad(r, "data is missing before this");
	if (in->stream == DJ_STREAM_RETURNED && end > r->job->returned_max)
		return bad(r, "more comes back than its memory could hold");
	/* What we have already is cut off (session.md 6.3). */
	old = least(in->len, k->next - in->off);
	return dj_sink_put(k, in->data + old, in->len - old, r->err);
}

static bool on_end(struct run *r, const struct dj_inner *in)
{
	struct dj_sink *k = sink_of(r, in->stream);

	if (k == NULL || in->len != 0)
		return bad(r, "the end of a stream that it does not have");
	float_to(k, in->off);
	if (in->off != k->next)
		return bad(r, "a stream ends elsewhere than its data");
	k->is_ended = true;
	return true;
}

static struct feed *feed_of(struct run *r, uint8_t stream)
{
	for (size_t i = 0; i < r->feed_count; i++)
		if (r->feeds[i].stream == stream)
			return &r->feeds[i];
	return NULL;
}

/* Coming back: a named input goes on where the Keep says. */
static bool go_on(struct run *r, struct feed *f, uint64_t off)
{
	f->is_asking = false;
	f->to.sent = off;
	return hash_input(r, f, 0, off);
}

static bool on_ack(struct run *r, const struct dj_inner *in)
{
	const char *const what = "it acknowledges what was not sent";
	struct feed *f = feed_of(r, in->stream);
	bool is_tree = in->stream >= DJ_STREAM_TREE_FIRST &&
		in->stream < DJ_STREAM_TREE_FIRST + r->job->tree_count;
	struct source *to;
	uint64_t limit;

	if (f == NULL && !is_tree)
		return bad(r, what);
	if (dj_ack_parse(in, &limit) != DJ_OK)
		return bad(r, what);
	if (f != NULL && f->is_asking && !go_on(r, f, in->off))
		return false;
	to = f != NULL ? &f->to
		       : &r->trees_to[in->stream - DJ_STREAM_TREE_FIRST];
	/* Trees are sent again from the beginning, which the Keep drops. */
	if (in->off > to->sent && !(r->job->is_resumed && is_tree))
		return bad(r, what);
	to->acked = in->off;
	if (limit > to->limit)
		to->limit = limit;
	return true;
}

/* Only what ended by itself changed anything here. */
static bool take_back(struct run *r)
{
	const struct dj_sink *k = &r->sinks[DJ_STREAM_RETURNED - 1];

	if (r->job->returned_count == 0 || r->out->exit.how != DJ_EXIT_EXIT)
		return true;
	if (!k->is_ended || k->written != k->next)
		return bad(r, "the program ended and its folders did not");
	return dj_apply(r->job->returned, r->job->returned_count,
		r->job->returned_fd, r->err);
}

/* The result is on the disk before the Keep is told to forget it. */
static bool record_result(struct run *r)
{
	bool good = take_back(r);

	r->out->out = r->sinks[0].written;
	r->out->err = r->sinks[1].written;
	for (size_t i = 0; good && i < r->sink_count; i++)
		good = dj_sink_sync(&r->sinks[i], r->err);
	take_diag(r);
	r->out->has_exit = good;
	r->out->has_exit = good &&
		(r->job->record == NULL ||
			r->job->record(r->job->record_ctx, DJ_JOB_RESULT,
				r->out, r->err));
	if (r->out->has_exit)
		r->stage = STAGE_RELEASE;
	return r->out->has_exit;
}

static void add_stream(struct run *r, uint8_t id, uint64_t len,
	const uint8_t hash[static 32])
{
	struct dj_receipt_stream *s = &r->out->streams[r->out->stream_count++];

	s->stream = id;
	s->len = len;
	memcpy(s->hash, hash, 32);
}

static bool sum_tree(struct run *r, size_t i, uint8_t hash[static 32])
{
	struct source *to = &r->trees_to[i];
	ssize_t n = 0;

	if (r->job->is_resumed) {
		to->sent = 0;
		dj_sha256_init(&to->hash);
		while ((n = pread(r->job->tree_fds[i], r->feeds[0].buf,
				INPUT_MAX, (off_t)to->sent)) > 0) {
			dj_sha256_update(&to->hash, r->feeds[0].buf, (size_t)n);
			to->sent += (uint64_t)n;
		}
	}
	dj_sha256_final(&to->hash, hash);
	return n == 0 ||
		dj_err_set(r->err, "dir.read", "reading a packed folder: %s",
			strerror(errno));
}

/* The last ACK said how much of a named input the program could have. */
static void sum_named(struct run *r, const struct dj_named *n,
	const struct dj_sink *k)
{
	const struct feed *f = feed_of(r, n->number);
	uint8_t hash[32];

	for (size_t i = f == NULL ? 0 : f->place_at;
		i > 0 && i + PLACES > f->place_at; i--) {
		const struct place *p = &f->places[(i - 1) % PLACES];

		if (p->len != f->to.acked)
			continue;
		add_stream(r, n->number, p->len, p->hash);
		break;
	}
	dj_sha256_final(&k->hash, hash);
	if (k->next > 0)
		add_stream(r, n->number, k->next, hash);
}

/*
 * session.md 7: every stream used, ascending. How much of the input the Keep
 * had when the program ended is one of the last places where we were: seen
 * is NULL for none of it.
 */
static bool sum_streams(struct run *r, const struct place *seen)
{
	uint8_t hash[32];

	r->out->stream_count = 0;
	if (seen != NULL)
		add_stream(r, 0, seen->len, seen->hash);
	for (uint8_t i = 0; i < OUTPUTS; i++) {
		dj_sha256_final(&r->sinks[i].hash, hash);
		if (r->sinks[i].next > 0)
			add_stream(r, (uint8_t)(i + 1), r->sinks[i].next, hash);
	}
	for (size_t i = 0; i < r->job->tree_count; i++) {
		if (!sum_tree(r, i, hash))
			return false;
		add_stream(r, (uint8_t)(DJ_STREAM_TREE_FIRST + i),
			r->trees_to[i].sent, hash);
	}
	for (size_t i = 0; i < r->job->named_count; i++)
		sum_named(r, &r->job->named[i], &r->sinks[OUTPUTS + i]);
	return true;
}

static bool try_receipt(struct run *r, const struct place *seen,
	struct dj_err *err)
{
	uint8_t exit[DJ_EXIT_SIZE], report_data[DJ_REPORT_DATA];
	struct dj_receipt rc = { .streams = r->out->streams };

	if (!sum_streams(r, seen))
		return false;
	rc.stream_count = r->out->stream_count;
	memcpy(rc.keep_id, r->s->keep_id, 32);
	memcpy(rc.config_hash, r->job->config_hash, 32);
	memcpy(rc.module_hash, r->job->module_hash, 32);
	memcpy(rc.begin_hash, r->job->begin_hash, 32);
	dj_exit_write(&r->out->exit, exit);
	memcpy(rc.exit, exit, sizeof(rc.exit));
	dj_receipt_report_data(&rc, report_data);
	return r->job->judge_receipt(r->job->ctx, r->s, r->out->receipt,
		r->out->receipt_len, report_data, err);
}

static bool judge_receipt(struct run *r)
{
	struct feed *in = &r->feeds[0];
	bool good = false;

	for (size_t i = 0; i < r->feed_count; i++)
		note_place(r, &r->feeds[i]);
	for (size_t i = in->place_at;
		!good && i > 0 && i + PLACES > in->place_at; i--) {
		struct dj_err no = { 0 };

		good = try_receipt(r, &in->places[(i - 1) % PLACES], &no);
	}
	return (good || try_receipt(r, NULL, r->err)) && record_result(r);
}

/* Comes before EXIT or after, once an attach. */
static bool on_receipt(struct run *r, const uint8_t *p, size_t len)
{
	if (r->out->receipt != NULL)
		return bad(r, "a second receipt");
	r->out->receipt = malloc(len + 1);
	if (r->out->receipt == NULL)
		return dj_err_set(r->err, "internal.memory", "no memory");
	memcpy(r->out->receipt, p, len);
	r->out->receipt_len = len;
	return r->stage != STAGE_RECEIPT || judge_receipt(r);
}

static bool named_ended(const struct run *r)
{
	for (size_t i = OUTPUTS; i < r->sink_count; i++) {
		const struct dj_sink *k = &r->sinks[i];

		if (k->fd >= 0 && (!k->is_ended || k->written != k->next))
			return false;
	}
	return true;
}

static bool on_exit_record(struct run *r, const struct dj_inner *in)
{
	struct dj_exit e;
	uint8_t hash[2][32];

	if (r->stage != STAGE_STREAMS ||
		dj_exit_parse(in->data, in->len, &e) != DJ_OK)
		return bad(r, "it says how the program ended before it began");
	for (int i = 0; i < 2; i++) {
		struct dj_sink *k = &r->sinks[i];

		if (!k->is_ended || k->written != k->next)
			return bad(r,
				"the program ended and its output did not");
		dj_sha256_final(&k->hash, hash[i]);
	}
	if (!named_ended(r))
		return bad(r, "the program ended and a named stream did not");
	DJ_BREAK(11, memcpy(hash[0], e.stdout_hash, 32));
	if (e.stdout_len != r->sinks[0].written ||
		e.stderr_len != r->sinks[1].written ||
		(!r->sinks[0].floats &&
			memcmp(e.stdout_hash, hash[0], 32) != 0) ||
		(!r->sinks[1].floats &&
			memcmp(e.stderr_hash, hash[1], 32) != 0))
		return dj_err_set(r->err, "session.output",
			"comparing the output with what the Keep says: they differ");
	if (memcmp(e.module_hash, r->job->module_hash, 32) != 0)
		return dj_err_set(r->err, "session.output",
			"comparing the module with what the Keep says it ran: they differ");
	r->out->exit = e;
	r->out->run_ms = now_ms() - r->began;
	if (!r->job->receipts)
		return record_result(r);
	r->stage = STAGE_RECEIPT;
	r->deadline = now_ms() + RECEIPT_MS;
	return r->out->receipt == NULL || judge_receipt(r);
}

static bool judge_again(struct run *r)
{
	if (!r->again_rd || !r->again_evidence)
		return true;
	r->again_open = false;
	r->again_at =
		r->job->again_ms > 0 ? now_ms() + r->job->again_ms : FOREVER;
	r->leave_due = r->leave_asked;
	r->out->attested++;
	if (r->job->report != NULL)
		r->job->report(r->job->ctx, DJ_JOB_ATTESTED);
	return true;
}

static bool on_again_rd(struct run *r, const struct dj_inner *in)
{
	if (!r->again_open || r->again_rd ||
		dj_again_parse(in->data, in->len, r->again_hash) != DJ_OK)
		return bad(r, "a re-attestation that nobody asked for");
	if (memcmp(r->again_hash, r->report_data, 32) != 0)
		return dj_err_set(r->err, "again.refused",
			"attesting again: the Keep's answer is for another session");
	r->again_rd = true;
	return judge_again(r);
}

static bool on_evidence(struct run *r, const uint8_t *p, size_t len)
{
	if (r->job->receipts && len >= 4 && p[2] == 0 &&
		p[3] == DJ_PURPOSE_RECEIPT)
		return on_receipt(r, p, len);
	if (!r->again_open || r->again_evidence)
		return bad(r, "evidence that nobody asked for");
	if (!r->job->judge(r->job->ctx, r->s, p, len, r->report_data, r->err))
		return false;
	r->again_evidence = true;
	return judge_again(r);
}

static bool on_fail(struct run *r, const struct dj_inner *in)
{
	const char *name = NULL;
	uint16_t code;

	if (dj_fail_parse(in->data, in->len, &code) == DJ_OK)
		name = dj_error_name(code);
	return dj_err_set(r->err,
		name != NULL && code == DJ_ERROR_TOO_BIG && !r->out->sent
			? "module.big"
			: "session.fail",
		"the Keep ended the session: %s",
		name == NULL ? "unknown code" : name);
}

static bool on_record(struct run *r, uint8_t *frame, size_t len)
{
	struct dj_inner in;

	if (dj_chain_open(&r->s->rx, frame, len, &in) != DJ_ERROR_NONE)
		return bad(r, "a record does not open");
	switch (in.kind) {
	case DJ_KIND_DATA:
		return on_data(r, &in);
	case DJ_KIND_END:
		return on_end(r, &in);
	case DJ_KIND_ACK:
		return on_ack(r, &in);
	case DJ_KIND_NOOP:
		return true;
	case DJ_KIND_EXIT:
		return on_exit_record(r, &in);
	case DJ_KIND_AGAIN_RD:
		return on_again_rd(r, &in);
	case DJ_KIND_FAIL:
		return on_fail(r, &in);
	case DJ_KIND_TIME_ASK:
		r->time_asked = true;
		r->time_at = in.off;
		return true;
	default:
		return bad(r, "a record that has no place here");
	}
}

static bool flush_sinks(struct run *r)
{
	for (size_t i = 0; i < r->sink_count; i++) {
		if (!dj_sink_flush(&r->sinks[i], r->err))
			return false;
	}
	return true;
}

static bool take_frames(struct run *r)
{
	uint32_t accept = DJ_FRAME_BIT(DJ_FRAME_RECORD) |
		DJ_FRAME_BIT(DJ_FRAME_EVIDENCE) | DJ_FRAME_BIT(DJ_FRAME_ERROR);
	uint8_t *frame;
	uint8_t type;
	size_t len;

	while (r->stage < STAGE_RELEASE) {
		dj_status st =
			dj_wire_next(&r->s->wire, accept, &type, &frame, &len);

		if (st == DJ_E_STATE)
			return true;
		if (st != DJ_OK)
			return bad(r, "what came is not a frame");
		if (type == DJ_FRAME_ERROR)
			return dj_session_error_frame(frame + DJ_FRAME_HEADER,
				len - DJ_FRAME_HEADER, "session.cut", r->err);
		if (type == DJ_FRAME_EVIDENCE) {
			if (!on_evidence(r, frame + DJ_FRAME_HEADER,
				    len - DJ_FRAME_HEADER))
				return false;
		} else if (!on_record(r, frame, len)) {
			return false;
		}
	}
	return true;
}

static bool receive(struct run *r)
{
	for (;;) {
		switch (dj_wire_fill(&r->s->wire)) {
		case DJ_LINK_SOME:
			break;
		case DJ_LINK_WAIT:
			return true;
		case DJ_LINK_CLOSED:
			if (r->stage >= STAGE_RELEASE)
				return true;
			return dj_err_set(r->err, "session.cut",
				"%s: the line was closed before the Keep said how the program ended",
				r->out->sent ? "running the program"
					     : "sending the program");
		}
		if (!take_frames(r) || !flush_sinks(r))
			return false;
		/* One look each at signals and input between big reads. */
		if (r->stage >= STAGE_RELEASE || r->s->wire.link.curl == NULL)
			return true;
	}
}

/* ---- time, signals, input ---- */

static bool on_signal(struct run *r)
{
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
		if ((r->job->detaches ||
			    (r->job->is_durable && info.ssi_signo == SIGHUP)) &&
			!r->leave_due) {
			r->leave_due = true;
			continue;
		}
		if (r->out->stopped || r->stage < STAGE_STREAMS) {
			r->out->killed = true;
			return dj_err_set(r->err, "program.killed",
				"running the program: ended by a signal");
		}
		r->out->stopped = true;
		r->stop_due = true;
	}
	return true;
}

static bool on_time(struct run *r, int64_t now)
{
	if (r->again_open && now >= r->again_at)
		return dj_err_set(r->err, "again.refused",
			"attesting again: no evidence came in %d s",
			AGAIN_MS / 1000);
	if (!r->again_open && r->stage == STAGE_STREAMS && now >= r->again_at)
		r->again_due = true;
	if (r->stage == STAGE_RECEIPT && now >= r->deadline)
		return dj_err_set(r->err, "receipt.missing",
			"waiting for the receipt: none came in %d s",
			RECEIPT_MS / 1000);
	/* Its answer shows that all that was sent has been taken. */
	if (r->job->leaves && !r->leave_asked && all_is_sent(r) &&
		r->stage == STAGE_STREAMS && !r->again_open)
		r->leave_asked = r->again_due = true;
	if (r->stage != STAGE_STREAMS || now < r->deadline)
		return true;
	if (r->out->timed_out)
		return dj_err_set(r->err, "limit.time",
			"running the program: the time limit of %llu s was reached, and it did not stop",
			(unsigned long long)r->job->time_ms / 1000);
	r->out->timed_out = true;
	r->stop_due = true;
	r->deadline = now + GRACE_END_MS;
	return true;
}

static bool wants_input(const struct run *r, const struct feed *f)
{
	return r->stage == STAGE_STREAMS && !f->is_over && !f->is_asking &&
		f->at == f->len && f->to.sent < f->to.limit;
}

static bool read_input(struct run *r, struct feed *f)
{
	ssize_t n = read(f->fd, f->buf, INPUT_MAX);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n < 0)
		return dj_err_set(r->err, "input.read",
			"reading the program's input: %s", strerror(errno));
	f->at = 0;
	f->len = (size_t)n;
	f->is_over = n == 0;
	return true;
}

/* Milliseconds until the time is to be said, at most an hour. */
static int64_t time_left(const struct run *r)
{
	uint64_t now = time_of_day(), ms;

	if (r->time_at <= now)
		return 0;
	ms = (r->time_at - now) / 1000000 + 1;
	return ms < 3600000 ? (int64_t)ms : 3600000;
}

static int timeout_of(const struct run *r, int64_t now)
{
	int64_t until = FOREVER;

	if (r->job->leaves && !r->leave_asked && all_is_sent(r) &&
		!r->again_open)
		return 0;
	/* Room was what was missing, and now there is some. */
	if (r->is_full && dj_wire_is_flushed(&r->s->wire))
		return 0;
	if (r->job->steady_ms > 0)
		until = r->tick;
	if (r->again_at < until && r->stage == STAGE_STREAMS)
		until = r->again_at;
	if (r->deadline < until)
		until = r->deadline;
	if (r->time_asked && now + time_left(r) < until)
		until = now + time_left(r);
	if (until == FOREVER)
		return -1;
	until -= now;
	return until < 0 ? 0 : until > 3600000 ? 3600000 : (int)until;
}

enum slot {
	SLOT_LINK,
	SLOT_SIGNALS,
	SLOT_INPUT,
	SLOT_OUT = SLOT_INPUT + FEEDS,
	SLOTS = SLOT_OUT + SINKS,
};

/* Who waits for input or for room in an output. */
static void fill_slots(const struct run *r, struct pollfd p[static SLOTS])
{
	for (size_t i = 0; i < r->feed_count; i++)
		if (wants_input(r, &r->feeds[i]))
			p[SLOT_INPUT + i] =
				(struct pollfd){ .fd = r->feeds[i].fd,
					.events = POLLIN };
	for (size_t i = 0; i < r->sink_count; i++)
		if (r->sinks[i].is_full)
			p[SLOT_OUT + i] =
				(struct pollfd){ .fd = dj_sink_fd(&r->sinks[i]),
					.events = POLLOUT };
}

static bool wait_and_take(struct run *r)
{
	struct pollfd p[SLOTS];
	bool has_room = false;

	for (int i = 0; i < SLOTS; i++)
		p[i] = (struct pollfd){ .fd = -1 };
	p[SLOT_LINK] = (struct pollfd){ .fd = r->s->wire.link.fd,
		.events = (short)(POLLIN |
			(dj_wire_is_flushed(&r->s->wire) ? 0 : POLLOUT)) };
	p[SLOT_SIGNALS] = (struct pollfd){ .fd = r->signals, .events = POLLIN };
	fill_slots(r, p);
	if (poll(p, SLOTS, timeout_of(r, now_ms())) < 0 && errno != EINTR)
		return dj_err_set(r->err, "internal.bug", "poll: %s",
			strerror(errno));
	if (p[SLOT_SIGNALS].revents != 0 && !on_signal(r))
		return false;
	for (size_t i = 0; i < r->feed_count; i++)
		if (p[SLOT_INPUT + i].revents != 0 &&
			!read_input(r, &r->feeds[i]))
			return false;
	for (size_t i = SLOT_OUT; i < SLOTS; i++)
		has_room = has_room || p[i].revents != 0;
	if (has_room && !flush_sinks(r))
		return false;
	return p[SLOT_LINK].revents == 0 || receive(r);
}

static bool loop(struct run *r)
{
	/* Of a reattach more than READY may have come at once. */
	if (!take_frames(r) || !flush_sinks(r))
		return false;
	while (r->stage != STAGE_OVER || !dj_wire_is_flushed(&r->s->wire)) {
		int64_t now = now_ms();

		if (!on_time(r, now) || !produce(r, now))
			return false;
		if (!dj_wire_flush(&r->s->wire)) {
			/* RELEASE may be lost; the result is safe here. */
			if (r->stage >= STAGE_RELEASE)
				return true;
			/* What the Keep said before it went may be there. */
			if (!receive(r))
				return false;
			return dj_err_set(r->err, "session.cut",
				"sending to the Keep: the line was closed");
		}
		if (r->stage == STAGE_OVER && dj_wire_is_flushed(&r->s->wire))
			return true;
		if (!wait_and_take(r))
			return false;
	}
	return true;
}

/* A Keep that was released halts and its host closes the line. */
static void goodbye(struct run *r)
{
	int64_t until = now_ms() + GOODBYE_MS;

	for (;;) {
		struct pollfd p = { .fd = r->s->wire.link.fd,
			.events = POLLIN };
		int64_t left = until - now_ms();

		r->s->wire.in_at = r->s->wire.in_len = 0;
		if (left <= 0 || poll(&p, 1, (int)left) <= 0 ||
			dj_wire_fill(&r->s->wire) == DJ_LINK_CLOSED)
			return;
	}
}

static bool is_file(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Where READY and the files say that things stand. */
static bool resume(struct run *r)
{
	const struct dj_ready *ready = &r->s->ready;
	const struct dj_job *j = r->job;
	struct source *in = &r->feeds[0].to;

	r->began = r->start;
	if (j->time_ms > 0)
		r->deadline = r->start + (int64_t)j->time_ms;
	r->stop_due = j->stops;
	r->sinks[0].floats = j->out_floats;
	r->sinks[1].floats = j->err_floats;
	if ((!j->out_floats &&
		    !dj_sink_reload(&r->sinks[0], j->out_base, r->err)) ||
		(!j->err_floats &&
			!dj_sink_reload(&r->sinks[1], j->err_base, r->err)) ||
		!dj_sink_reload(&r->sinks[2], 0, r->err) ||
		!hash_input(r, &r->feeds[0], j->in_base, ready->stdin_next))
		return false;
	for (size_t i = OUTPUTS; i < r->sink_count; i++)
		if (r->sinks[i].fd >= 0 &&
			!dj_sink_reload(&r->sinks[i], 0, r->err))
			return false;
	for (size_t i = 1; i < r->feed_count; i++)
		r->feeds[i].is_asking = ready->phase != DJ_PHASE_EMPTY;
	in->sent = ready->stdin_next;
	if (in->limit < in->sent)
		in->limit = in->sent;
	r->out->in = in->sent;
	r->module_at = ready->module_next;
	switch ((enum dj_phase)ready->phase) {
	case DJ_PHASE_EMPTY:
		r->stage = STAGE_BEGIN;
		break;
	case DJ_PHASE_LOADING:
		r->stage = r->module_at < j->module_len ? STAGE_MODULE
							: STAGE_TREES;
		break;
	case DJ_PHASE_EXITED:
		for (size_t i = 0; i < r->feed_count; i++)
			r->feeds[i].to.is_ended = r->feeds[i].is_over = true;
		__attribute__((fallthrough));
	case DJ_PHASE_RUNNING:
		r->stage = STAGE_STREAMS;
		r->out->sent = true;
		break;
	}
	return true;
}

static void add_feed(struct run *r, uint8_t stream, int fd)
{
	struct feed *f = &r->feeds[r->feed_count++];

	f->stream = stream;
	f->fd = fd;
	f->is_over = fd < 0;
	f->to.limit = DJ_STREAM_WINDOW;
	dj_sha256_init(&f->to.hash);
}

static bool make_buffers(struct run *r)
{
	for (size_t i = 0; i < r->feed_count; i++) {
		r->feeds[i].buf = malloc(INPUT_MAX);
		if (r->feeds[i].buf == NULL)
			return false;
	}
	return true;
}

static void begin(struct run *r)
{
	r->start = r->tick = now_ms();
	r->again_at = r->deadline = FOREVER;
	add_feed(r, 0, r->job->in_fd);
	for (size_t i = 0; i < DJ_TREES_MAX; i++) {
		r->trees_to[i].limit = DJ_STREAM_WINDOW;
		dj_sha256_init(&r->trees_to[i].hash);
	}
	r->chunk = DJ_RECORD_DATA;
	r->steady_due = r->job->steady_ms > 0;
	dj_sink_init(&r->sinks[0], "standard output", r->job->out_fd);
	dj_sink_init(&r->sinks[1], "standard error", r->job->err_fd);
	dj_sink_init(&r->sinks[2], "diagnostics",
		r->job->is_durable ? r->job->diag_fd : -1);
	r->sinks[2].keep_max = DIAG_MAX;
	dj_sink_init(&r->sinks[3], "a file for what comes back",
		r->job->returned_count > 0 ? r->job->returned_fd : -1);
	r->sink_count = OUTPUTS;
	for (size_t i = 0; i < r->job->named_count; i++) {
		const struct dj_named *n = &r->job->named[i];

		if (n->in_fd >= 0)
			add_feed(r, n->number, n->in_fd);
		dj_sink_init(&r->sinks[r->sink_count++], n->name, n->out_fd);
	}
	for (size_t i = 0; i < r->sink_count; i++)
		r->sinks[i].is_durable =
			r->job->is_durable && is_file(r->sinks[i].fd);
	r->out->has_input = r->job->has_input;
	r->out->input_len = r->job->input_len;
	memcpy(r->out->input_hash, r->job->input_hash, 32);
}

static void end(struct run *r)
{
	r->out->out = r->sinks[0].written;
	r->out->err = r->sinks[1].written;
	take_diag(r);
	for (size_t i = 0; i < r->sink_count; i++)
		dj_sink_done(&r->sinks[i]);
	for (size_t i = 0; i < r->feed_count; i++) {
		if (r->feeds[i].buf != NULL)
			dj_wipe(r->feeds[i].buf, INPUT_MAX);
		free(r->feeds[i].buf);
	}
}

bool dj_job_run(struct dj_session *s, const struct dj_job *job,
	struct dj_outcome *ret, struct dj_err *err)
{
	struct run *r = calloc(1, sizeof(*r));
	sigset_t mask, old;
	bool good;

	*ret = (struct dj_outcome){ 0 };
	if (r == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	*r = (struct run){ .s = s, .job = job, .out = ret, .err = err };
	begin(r);
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &mask, &old);
	r->signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	good = make_buffers(r) && r->signals >= 0
		? (!job->is_resumed || resume(r)) && loop(r)
		: dj_err_set(err, "internal.memory", "no memory");
	if (good && !ret->detached)
		goodbye(r);
	err->secret_sent = true;
	end(r);
	if (r->signals >= 0)
		close(r->signals);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	free(r);
	return good;
}

void dj_outcome_done(struct dj_outcome *o)
{
	free(o->diag);
	o->diag = NULL;
	free(o->receipt);
	o->receipt = NULL;
}

int dj_outcome_status(const struct dj_exit *e, const char **ret_name)
{
	static const char *const limits[] = {
		[DJ_LIMIT_FUEL] = "limit.fuel",
		[DJ_LIMIT_WALL] = "limit.time",
		[DJ_LIMIT_MEMORY] = "limit.memory",
	};
	const char *name = "program.engine";

	switch ((enum dj_exit_how)e->how) {
	case DJ_EXIT_EXIT:
		*ret_name = NULL;
		/* A parent sees eight bits; not 0 must not become 0. */
		return e->code != 0 && (e->code & 0xff) == 0
			? 1
			: (int)(e->code & 0xff);
	case DJ_EXIT_TRAP:
		name = "program.trap";
		break;
	case DJ_EXIT_STOPPED:
		name = "program.stopped";
		break;
	case DJ_EXIT_ENGINE:
		break;
	case DJ_EXIT_LIMIT:
		if (e->trap >= DJ_LIMIT_FUEL && e->trap <= DJ_LIMIT_MEMORY)
			name = limits[e->trap];
		break;
	case DJ_EXIT_REFUSED:
		name = "module.refused";
		break;
	}
	*ret_name = name;
	return dj_err_find(name)->run_exit;
}
