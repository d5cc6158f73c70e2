// SPDX-License-Identifier: Apache-2.0
#include "client/job.h"

#include <errno.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "client/sink.h"
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
#define STREAM_DIAG   3
#define OUTPUTS       3 /* streams 1, 2, 3 */

enum stage {
	STAGE_BEGIN,
	STAGE_MODULE,
	STAGE_TREES,
	STAGE_RUN,
	STAGE_STREAMS,
	STAGE_RELEASE, /* EXIT held */
	STAGE_OVER,
};

/* A stream to the Keep. */
struct source {
	uint64_t sent;
	uint64_t limit;
	bool is_ended;
};

struct run {
	struct dj_session *s;
	const struct dj_job *job;
	struct dj_outcome *out;
	struct dj_err *err;

	enum stage stage;
	size_t begin_at, module_at, tree;
	struct source stdin_to, trees_to[DJ_TREES_MAX];
	uint8_t *input; /* [input_at, input_len) of stdin, read, unsent */
	size_t input_at, input_len;
	bool input_over;
	size_t chunk; /* most data in a record */
	bool is_full; /* there was more to send than room for it */

	struct dj_sink sinks[OUTPUTS];

	int signals;
	bool stop_due;   /* SIGNAL is to be sent */
	bool steady_due; /* the Keep is to be told */

	bool again_due, again_open, again_rd, again_evidence;
	uint8_t nonce[32], report_data[64], again_hash[32];

	int64_t start, began, tick, again_at, deadline;
};

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
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

static enum made make_ack(struct run *r)
{
	for (uint8_t i = 0; i < OUTPUTS; i++) {
		struct dj_sink *k = &r->sinks[i];
		uint8_t body[DJ_ACK_SIZE];
		enum made m;

		if (k->acked == k->written)
			continue;
		dj_ack_write(k->written + DJ_STREAM_WINDOW, body);
		m = seal(r, DJ_KIND_ACK, (uint8_t)(i + 1), k->written, body,
			sizeof(body));
		if (m == MADE_ONE)
			k->acked = k->written;
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

static enum made make_urgent(struct run *r)
{
	enum made m;

	if (r->steady_due) {
		m = seal(r, DJ_KIND_NOOP, DJ_NOOP_STEADY, r->job->steady_ms,
			NULL, 0);
		r->steady_due = m != MADE_ONE;
		return m;
	}
	if (r->stop_due) {
		m = seal(r, DJ_KIND_SIGNAL, DJ_SIGNAL_STOP, 0, NULL, 0);
		r->stop_due = m != MADE_ONE;
		return m;
	}
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
	if (!dj_tar_read(r->job->trees[r->tree], data,
		    least(r->chunk, to->limit - to->sent), &n, r->err))
		return MADE_BAD;
	if (n > 0) {
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

static enum made make_input(struct run *r)
{
	struct source *to = &r->stdin_to;
	size_t n = least(r->input_len - r->input_at, to->limit - to->sent);
	enum made m;

	n = least(n, r->chunk);
	if (n > 0) {
		m = seal(r, DJ_KIND_DATA, 0, to->sent, r->input + r->input_at,
			n);
		if (m == MADE_ONE) {
			to->sent += n;
			r->input_at += n;
			r->out->in = to->sent;
		}
		return m;
	}
	if (!r->input_over || r->input_at < r->input_len || to->is_ended)
		return MADE_NONE;
	m = seal(r, DJ_KIND_END, 0, to->sent, NULL, 0);
	to->is_ended = m == MADE_ONE;
	return m;
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

/* ---- from the Keep ---- */

static bool bad(struct run *r, const char *what)
{
	return dj_err_set(r->err, "session.protocol", "talking to the Keep: %s",
		what);
}

static bool on_data(struct run *r, const struct dj_inner *in)
{
	struct dj_sink *k;
	uint64_t end;
	size_t old;

	if (in->stream < 1 || in->stream > OUTPUTS || r->stage < STAGE_STREAMS)
		return bad(r, "data of a stream that it does not have");
	k = &r->sinks[in->stream - 1];
	if (k->is_ended || __builtin_add_overflow(in->off, in->len, &end) ||
		end > k->acked + DJ_STREAM_WINDOW)
		return bad(r, "data beyond what it may send");
	if (in->off > k->next)
		return bad(r, "data is missing before this");
	/* What we have already is cut off (session.md 6.3). */
	old = least(in->len, k->next - in->off);
	return dj_sink_put(k, in->data + old, in->len - old, r->err);
}

static bool on_end(struct run *r, const struct dj_inner *in)
{
	struct dj_sink *k;

	if (in->stream < 1 || in->stream > OUTPUTS || in->len != 0)
		return bad(r, "the end of a stream that it does not have");
	k = &r->sinks[in->stream - 1];
	if (in->off != k->next)
		return bad(r, "a stream ends elsewhere than its data");
	k->is_ended = true;
	return true;
}

static bool on_ack(struct run *r, const struct dj_inner *in)
{
	const char *const what = "it acknowledges what was not sent";
	struct source *to;
	uint64_t limit;

	if (in->stream == 0)
		to = &r->stdin_to;
	else if (in->stream >= DJ_STREAM_TREE_FIRST &&
		in->stream < DJ_STREAM_TREE_FIRST + r->job->tree_count)
		to = &r->trees_to[in->stream - DJ_STREAM_TREE_FIRST];
	else
		return bad(r, what);
	if (dj_ack_parse(in, &limit) != DJ_OK || in->off > to->sent)
		return bad(r, what);
	if (limit > to->limit)
		to->limit = limit;
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
	if (e.stdout_len != r->sinks[0].written ||
		e.stderr_len != r->sinks[1].written ||
		memcmp(e.stdout_hash, hash[0], 32) != 0 ||
		memcmp(e.stderr_hash, hash[1], 32) != 0)
		return dj_err_set(r->err, "session.output",
			"comparing the output with what the Keep says: they differ");
	if (memcmp(e.module_hash, r->job->module_hash, 32) != 0)
		return dj_err_set(r->err, "session.output",
			"comparing the module with what the Keep says it ran: they differ");
	r->out->has_exit = true;
	r->out->exit = e;
	r->out->run_ms = now_ms() - r->began;
	r->stage = STAGE_RELEASE;
	return true;
}

static bool judge_again(struct run *r)
{
	if (!r->again_rd || !r->again_evidence)
		return true;
	r->again_open = false;
	r->again_at = now_ms() + r->job->again_ms;
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
	default:
		return bad(r, "a record that has no place here");
	}
}

static bool flush_sinks(struct run *r)
{
	for (int i = 0; i < OUTPUTS; i++) {
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

static bool wants_input(const struct run *r)
{
	return r->stage == STAGE_STREAMS && !r->input_over &&
		r->input_at == r->input_len &&
		r->stdin_to.sent < r->stdin_to.limit;
}

static bool read_input(struct run *r)
{
	ssize_t n = read(r->job->in_fd, r->input, INPUT_MAX);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n < 0)
		return dj_err_set(r->err, "input.read",
			"reading the program's input: %s", strerror(errno));
	r->input_at = 0;
	r->input_len = (size_t)n;
	r->input_over = n == 0;
	return true;
}

static int timeout_of(const struct run *r, int64_t now)
{
	int64_t until = FOREVER;

	/* Room was what was missing, and now there is some. */
	if (r->is_full && dj_wire_is_flushed(&r->s->wire))
		return 0;
	if (r->job->steady_ms > 0)
		until = r->tick;
	if (r->again_at < until && r->stage == STAGE_STREAMS)
		until = r->again_at;
	if (r->deadline < until)
		until = r->deadline;
	if (until == FOREVER)
		return -1;
	until -= now;
	return until < 0 ? 0 : until > 3600000 ? 3600000 : (int)until;
}

enum slot {
	SLOT_LINK,
	SLOT_SIGNALS,
	SLOT_INPUT,
	SLOT_OUT, /* OUTPUTS - 1 of them */
	SLOTS = SLOT_OUT + 2,
};

static bool wait_and_take(struct run *r)
{
	struct pollfd p[SLOTS];

	for (int i = 0; i < SLOTS; i++)
		p[i] = (struct pollfd){ .fd = -1 };
	p[SLOT_LINK] = (struct pollfd){ .fd = r->s->wire.link.fd,
		.events = (short)(POLLIN |
			(dj_wire_is_flushed(&r->s->wire) ? 0 : POLLOUT)) };
	p[SLOT_SIGNALS] = (struct pollfd){ .fd = r->signals, .events = POLLIN };
	if (wants_input(r))
		p[SLOT_INPUT] = (struct pollfd){ .fd = r->job->in_fd,
			.events = POLLIN };
	for (int i = 0; i < 2; i++) {
		if (r->sinks[i].is_full)
			p[SLOT_OUT + i] =
				(struct pollfd){ .fd = dj_sink_fd(&r->sinks[i]),
					.events = POLLOUT };
	}
	if (poll(p, SLOTS, timeout_of(r, now_ms())) < 0 && errno != EINTR)
		return dj_err_set(r->err, "internal.bug", "poll: %s",
			strerror(errno));
	if (p[SLOT_SIGNALS].revents != 0 && !on_signal(r))
		return false;
	if (p[SLOT_INPUT].revents != 0 && !read_input(r))
		return false;
	if ((p[SLOT_OUT].revents != 0 || p[SLOT_OUT + 1].revents != 0) &&
		!flush_sinks(r))
		return false;
	return p[SLOT_LINK].revents == 0 || receive(r);
}

static bool loop(struct run *r)
{
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

static void begin(struct run *r)
{
	r->start = r->tick = now_ms();
	r->again_at = r->deadline = FOREVER;
	r->stdin_to.limit = DJ_STREAM_WINDOW;
	for (size_t i = 0; i < DJ_TREES_MAX; i++)
		r->trees_to[i].limit = DJ_STREAM_WINDOW;
	r->chunk = DJ_RECORD_DATA;
	r->steady_due = r->job->steady_ms > 0;
	r->input_over = r->job->in_fd < 0;
	dj_sink_init(&r->sinks[0], "standard output", r->job->out_fd);
	dj_sink_init(&r->sinks[1], "standard error", r->job->err_fd);
	dj_sink_init(&r->sinks[2], "diagnostics", -1);
	r->sinks[2].keep_max = DIAG_MAX;
}

static void end(struct run *r)
{
	struct dj_sink *diag = &r->sinks[STREAM_DIAG - 1];

	r->out->out = r->sinks[0].written;
	r->out->err = r->sinks[1].written;
	if (diag->len > 0) {
		r->out->diag = strndup((char *)diag->buf, diag->len);
		r->out->diag_len =
			r->out->diag == NULL ? 0 : strlen(r->out->diag);
	}
	for (int i = 0; i < OUTPUTS; i++)
		dj_sink_done(&r->sinks[i]);
	if (r->input != NULL)
		dj_wipe(r->input, INPUT_MAX);
	free(r->input);
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
	r->input = malloc(INPUT_MAX);
	good = r->input != NULL && r->signals >= 0
		? loop(r)
		: dj_err_set(err, "internal.memory", "no memory");
	if (good)
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
