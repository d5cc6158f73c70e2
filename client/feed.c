// SPDX-License-Identifier: Apache-2.0
#include "client/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/clock.h"

/* A host agent shows every 15 s that the line stands. */
#define SILENCE_MS 60000
#define PAUSE_MS   500
#define PAUSE_MAX  30000

void dj_feed_init(struct dj_feed *f, struct dj_host *host, const char *path,
	uint64_t after, bool follow)
{
	memset(f, 0, sizeof(*f));
	f->host = host;
	(void)snprintf(f->path, sizeof(f->path), "%s", path);
	f->last_id = after;
	f->follow = follow;
	f->link.fd = -1;
}

/* Twice as long each time, up to half a minute. */
static void close_link(struct dj_feed *f)
{
	int64_t pause = PAUSE_MS;

	if (f->link.fd >= 0)
		dj_link_close(&f->link);
	f->sse.line_len = f->sse.data_len = 0;
	f->sse.after_cr = f->sse.has_data = false;
	for (unsigned i = 0; i < f->failures && pause < PAUSE_MAX; i++)
		pause *= 2;
	f->failures++;
	f->again_at = dj_now_ms() + (pause > PAUSE_MAX ? PAUSE_MAX : pause);
	f->is_over = !f->follow;
}

bool dj_feed_open(struct dj_feed *f, struct dj_err *err)
{
	char path[200], last[40];

	/* With no id at all /v1/events has no history: the first is 1. */
	(void)snprintf(last, sizeof(last), "%" PRIu64, f->last_id);
	(void)snprintf(path, sizeof(path), "%s%s", f->path,
		f->follow ? "" : "?follow=0");
	if (!dj_host_stream(f->host, path, last, &f->link, err)) {
		f->link.fd = -1;
		close_link(f);
		return false;
	}
	f->heard = dj_now_ms();
	return true;
}

struct taking {
	struct dj_feed *f;
	dj_feed_take *take;
	void *ctx;
	bool is_bad;
};

static void on_event(void *ctx, const char *data, size_t len)
{
	struct taking *t = ctx;
	uint64_t id = 0;
	json_t *o = dj_event_read(data, len, &id);

	if (o == NULL) {
		t->is_bad = true;
		return;
	}
	/* Ids grow: one that was seen, or a host that goes back, is not news. */
	if (id > t->f->last_id) {
		t->f->last_id = id;
		t->f->failures = 0;
		t->take(t->ctx, t->f, o);
	}
	json_decref(o);
}

static bool broken(struct dj_feed *f, const char *name, const char *why,
	struct dj_err *err)
{
	close_link(f);
	return dj_err_set(err, name, "following the events of %s: %s",
		dj_host_name(f->host), why);
}

bool dj_feed_step(struct dj_feed *f, dj_feed_take *take, void *ctx,
	struct dj_err *err)
{
	struct taking t = { .f = f, .take = take, .ctx = ctx };
	char buf[16384];
	size_t n = 0;

	if (f->is_over)
		return true;
	if (f->link.fd < 0)
		return dj_now_ms() < f->again_at || dj_feed_open(f, err);
	for (;;) {
		switch (dj_link_recv(&f->link, buf, sizeof(buf), &n)) {
		case DJ_LINK_SOME:
			f->heard = dj_now_ms();
			if (dj_sse_feed(&f->sse, buf, n, on_event, &t) !=
					DJ_OK ||
				t.is_bad)
				return broken(f, "host.answer",
					"what came is no stream of events",
					err);
			break;
		case DJ_LINK_WAIT:
			return dj_now_ms() - f->heard < SILENCE_MS ||
				broken(f, "host.absent",
					"nothing came in a minute", err);
		case DJ_LINK_CLOSED:
			close_link(f);
			return !f->follow ||
				dj_err_set(err, "host.absent",
					"following the events of %s: the host closed the line",
					dj_host_name(f->host));
		}
	}
}

int dj_feed_due(const struct dj_feed *f)
{
	int64_t at = f->link.fd < 0 ? f->again_at : f->heard + SILENCE_MS;
	int64_t left = at - dj_now_ms();

	return left < 0 ? 0 : (int)left;
}

void dj_feed_done(struct dj_feed *f)
{
	if (f->link.fd >= 0)
		dj_link_close(&f->link);
	f->link.fd = -1;
}
