// SPDX-License-Identifier: Apache-2.0
#include "client/job_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/apply.h"
#include "lib/base/break.h"
#include "lib/proto/begin.h"
#include "lib/proto/error.h"
#include "lib/proto/evidence.h"

#define STREAM_DIAG 3

/* Stream 3 as text: of its file where it has one. */
void job_take_diag(struct run *r)
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
		n = (ssize_t)job_least(DIAG_MAX, diag->len);
		if (n > 0)
			memcpy(text, diag->buf, (size_t)n);
	}
	text[n < 0 ? 0 : n] = '\0';
	r->out->diag = text;
	r->out->diag_len = strlen(text);
}

/* What the Keep has of an input, read again for its hash. */
bool job_hash_input(struct run *r, struct feed *f, uint64_t base, uint64_t len)
{
	uint64_t at = 0;

	if (f->fd < 0)
		return true;
	while (at < len) {
		ssize_t n = pread(f->fd, f->buf, job_least(INPUT_MAX, len - at),
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

bool job_bad(struct run *r, const char *what)
{
	return dj_err_set(r->err, "session.protocol", "talking to the Keep: %s",
		what);
}

uint8_t job_sink_stream(const struct run *r, size_t i)
{
	return i < OUTPUTS ? (uint8_t)(i + 1)
			   : r->job->named[i - OUTPUTS].number;
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
		if (job_sink_stream(r, i) != stream)
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
		return job_bad(r, "data of a stream that it does not have");
	float_to(k, in->off);
	if (k->is_ended || __builtin_add_overflow(in->off, in->len, &end) ||
		end > k->acked + DJ_STREAM_WINDOW)
		return job_bad(r, "data beyond what it may send");
	if (in->off > k->next)
		return job_bad(r, "data is missing before this");
	if (in->stream == DJ_STREAM_RETURNED && end > r->job->returned_max)
		return job_bad(r, "more comes back than its memory could hold");
	if (r->first == 0 && in->len != 0 && in->stream != STREAM_DIAG)
		r->first = job_now();
	/* What we have already is cut off (session.md 6.3). */
	old = job_least(in->len, k->next - in->off);
	return dj_sink_put(k, in->data + old, in->len - old, r->err);
}

static bool on_end(struct run *r, const struct dj_inner *in)
{
	struct dj_sink *k = sink_of(r, in->stream);

	if (k == NULL || in->len != 0)
		return job_bad(r, "the end of a stream that it does not have");
	float_to(k, in->off);
	if (in->off != k->next)
		return job_bad(r, "a stream ends elsewhere than its data");
	k->is_ended = true;
	return true;
}

struct feed *job_feed_of(struct run *r, uint8_t stream)
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
	return job_hash_input(r, f, 0, off);
}

static bool on_ack(struct run *r, const struct dj_inner *in)
{
	const char *const what = "it acknowledges what was not sent";
	struct feed *f = job_feed_of(r, in->stream);
	bool is_tree = in->stream >= DJ_STREAM_TREE_FIRST &&
		in->stream < DJ_STREAM_TREE_FIRST + r->job->tree_count;
	struct source *to;
	uint64_t limit;

	if (f == NULL && !is_tree)
		return job_bad(r, what);
	if (dj_ack_parse(in, &limit) != DJ_OK)
		return job_bad(r, what);
	if (f != NULL && f->is_asking && !go_on(r, f, in->off))
		return false;
	to = f != NULL ? &f->to
		       : &r->trees_to[in->stream - DJ_STREAM_TREE_FIRST];
	/* Trees are sent again from the beginning, which the Keep drops. */
	if (in->off > to->sent && !(r->job->is_resumed && is_tree))
		return job_bad(r, what);
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
		return job_bad(r, "the program ended and its folders did not");
	return dj_apply(r->job->returned, r->job->returned_count,
		r->job->returned_fd, r->err);
}

/* The result is on the disk before the Keep is told to forget it. */
bool job_record_result(struct run *r)
{
	bool good = take_back(r);

	r->out->out = r->sinks[0].written;
	r->out->err = r->sinks[1].written;
	for (size_t i = 0; good && i < r->sink_count; i++)
		good = dj_sink_sync(&r->sinks[i], r->err);
	job_take_diag(r);
	r->out->has_exit = good;
	r->out->has_exit = good &&
		(r->job->record == NULL ||
			r->job->record(r->job->record_ctx, DJ_JOB_RESULT,
				r->out, r->err));
	if (r->out->has_exit)
		r->stage = STAGE_RELEASE;
	return r->out->has_exit;
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
		return job_bad(r,
			"it says how the program ended before it began");
	for (int i = 0; i < 2; i++) {
		struct dj_sink *k = &r->sinks[i];

		if (!k->is_ended || k->written != k->next)
			return job_bad(r,
				"the program ended and its output did not");
		dj_sha256_final(&k->hash, hash[i]);
	}
	if (!named_ended(r))
		return job_bad(r,
			"the program ended and a named stream did not");
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
	r->out->run_ms = job_now() - r->began;
	r->out->first_ms = r->first == 0 ? r->out->run_ms : r->first - r->began;
	if (!r->job->receipts)
		return job_record_result(r);
	r->stage = STAGE_RECEIPT;
	r->deadline = job_now() + RECEIPT_MS;
	return r->out->receipt == NULL || job_judge_receipt(r);
}

static bool judge_again(struct run *r)
{
	if (!r->again_rd || !r->again_evidence)
		return true;
	r->again_open = false;
	r->again_at =
		r->job->again_ms > 0 ? job_now() + r->job->again_ms : FOREVER;
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
		return job_bad(r, "a re-attestation that nobody asked for");
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
		return job_on_receipt(r, p, len);
	if (!r->again_open || r->again_evidence)
		return job_bad(r, "evidence that nobody asked for");
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
		return job_bad(r, "a record does not open");
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
		return job_bad(r, "a record that has no place here");
	}
}

bool job_flush_sinks(struct run *r)
{
	for (size_t i = 0; i < r->sink_count; i++) {
		if (!dj_sink_flush(&r->sinks[i], r->err))
			return false;
	}
	return true;
}

bool job_take_frames(struct run *r)
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
			return job_bad(r, "what came is not a frame");
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

bool job_receive(struct run *r)
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
		if (!job_take_frames(r) || !job_flush_sinks(r))
			return false;
		/* One look each at signals and input between big reads. */
		if (r->stage >= STAGE_RELEASE || r->s->wire.link.curl == NULL)
			return true;
	}
}
