// SPDX-License-Identifier: Apache-2.0
#include "client/job_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proto/begin.h"
#include "lib/session/binding.h"

/* Where an input stands, for the receipt. */
void job_note_place(struct run *r, struct feed *f)
{
	struct place *p = &f->places[f->place_at++ % PLACES];

	p->len = f->to.sent;
	dj_sha256_final(&f->to.hash, p->hash);
	if (f->stream == 0 && r->job->has_input) {
		p->len = r->job->input_len;
		memcpy(p->hash, r->job->input_hash, 32);
	}
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
	const struct feed *f = job_feed_of(r, n->number);
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

bool job_judge_receipt(struct run *r)
{
	struct feed *in = &r->feeds[0];
	bool good = false;

	for (size_t i = 0; i < r->feed_count; i++)
		job_note_place(r, &r->feeds[i]);
	for (size_t i = in->place_at;
		!good && i > 0 && i + PLACES > in->place_at; i--) {
		struct dj_err no = { 0 };

		good = try_receipt(r, &in->places[(i - 1) % PLACES], &no);
	}
	return (good || try_receipt(r, NULL, r->err)) && job_record_result(r);
}

/* Comes before EXIT or after, once an attach. */
bool job_on_receipt(struct run *r, const uint8_t *p, size_t len)
{
	if (r->out->receipt != NULL)
		return job_bad(r, "a second receipt");
	r->out->receipt = malloc(len + 1);
	if (r->out->receipt == NULL)
		return dj_err_set(r->err, "internal.memory", "no memory");
	memcpy(r->out->receipt, p, len);
	r->out->receipt_len = len;
	return r->stage != STAGE_RECEIPT || job_judge_receipt(r);
}
