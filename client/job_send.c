// SPDX-License-Identifier: Apache-2.0
#include "client/job_state.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/break.h"
#include "lib/proto/begin.h"
#include "lib/session/binding.h"

/* After that the Keep has had its chance to say it itself. */
#define GRACE_STOP_MS 1000
/* A durable acknowledgement costs a write to the disk. */
#define ACK_QUANTUM   (DJ_STREAM_WINDOW / 4)

/* From BEGIN to RELEASE: each function makes one record, or says why none. */
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
		m = seal(r, DJ_KIND_ACK, job_sink_stream(r, i), upto, body,
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
	r->again_at = job_now() + AGAIN_MS;
	return m;
}

static enum made make_time(struct run *r)
{
	uint64_t now = job_time_of_day();
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
	size_t n = job_least(r->chunk, j->begin_len - r->begin_at);
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
	size_t n = job_least(r->chunk, j->module_len - r->module_at);
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
	size_t n = 0;

	if (r->tree == r->job->tree_count) {
		r->stage = STAGE_RUN;
		return MADE_NONE;
	}
	if (to->sent == to->limit ||
		dj_wire_room(&r->s->wire, DJ_RECORD_FRAME_MAX) == NULL)
		return to->sent == to->limit ? MADE_NONE : MADE_FULL;
	if (!read_tree(r, data, job_least(r->chunk, to->limit - to->sent), &n))
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
	r->began = job_now();
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
	size_t n = job_least(f->len - f->at, to->limit - to->sent);
	enum made m;

	if (f->is_asking)
		return MADE_NONE;
	n = job_least(n, r->chunk);
	if (n > 0) {
		m = seal(r, DJ_KIND_DATA, f->stream, to->sent, f->buf + f->at,
			n);
		if (m == MADE_ONE) {
			if (r->job->receipts)
				job_note_place(r, f);
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

bool job_all_is_sent(const struct run *r)
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
bool job_produce(struct run *r, int64_t now)
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
