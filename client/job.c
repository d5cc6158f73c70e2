// SPDX-License-Identifier: Apache-2.0
#include "client/job_state.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/secret.h"

/* After that the Keep has had its chance to say it itself. */
#define GRACE_END_MS 10000
#define GOODBYE_MS   2000

int64_t job_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* This side's time of day, as policy `client` has it in the Keep. */
uint64_t job_time_of_day(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

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
	if (r->job->leaves && !r->leave_asked && job_all_is_sent(r) &&
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
		!r->s->wire.is_deaf && f->at == f->len &&
		f->to.sent < f->to.limit;
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
	uint64_t now = job_time_of_day(), ms;

	if (r->time_at <= now)
		return 0;
	ms = (r->time_at - now) / 1000000 + 1;
	return ms < 3600000 ? (int64_t)ms : 3600000;
}

static int timeout_of(const struct run *r, int64_t now)
{
	int64_t until = FOREVER;

	if (r->job->leaves && !r->leave_asked && job_all_is_sent(r) &&
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

static bool wait_and_take(struct run *r, int timeout)
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
	if (poll(p, SLOTS, timeout) < 0 && errno != EINTR)
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
	if (has_room && !job_flush_sinks(r))
		return false;
	return p[SLOT_LINK].revents == 0 || job_receive(r);
}

/* Why the line does not take more may be among what the Keep said before. */
static bool hear_out(struct run *r)
{
	int64_t until = job_now() + DJ_WIRE_HEAR_OUT_MS;
	int64_t left;

	/* RELEASE may be lost: then the result is safe here. */
	while (r->stage < STAGE_RELEASE) {
		left = until - job_now();
		if (left <= 0)
			return dj_err_set(r->err, "session.cut",
				"sending to the Keep: the line was closed");
		if (!wait_and_take(r, (int)left))
			return false;
	}
	return true;
}

static bool loop(struct run *r)
{
	/* Of a reattach more than READY may have come at once. */
	if (!job_take_frames(r) || !job_flush_sinks(r))
		return false;
	while (r->stage != STAGE_OVER || !dj_wire_is_flushed(&r->s->wire)) {
		int64_t now = job_now();

		if (!on_time(r, now) || !job_produce(r, now))
			return false;
		if (!dj_wire_flush(&r->s->wire))
			return hear_out(r);
		if (r->stage == STAGE_OVER && dj_wire_is_flushed(&r->s->wire))
			return true;
		if (!wait_and_take(r, timeout_of(r, job_now())))
			return false;
	}
	return true;
}

/* A Keep that was released halts and its host closes the line. */
static void goodbye(struct run *r)
{
	int64_t until = job_now() + GOODBYE_MS;

	for (;;) {
		struct pollfd p = { .fd = r->s->wire.link.fd,
			.events = POLLIN };
		int64_t left = until - job_now();

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
		!job_hash_input(r, &r->feeds[0], j->in_base, ready->stdin_next))
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
	r->start = r->tick = job_now();
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
	job_take_diag(r);
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
