// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/http.h"
#include "client/sse.h"

/*
 * The events of one host agent (docs/api.md), followed over broken links:
 * after each the feed asks again, from the last event it has seen on.
 *
 *   dj_feed_init(&f, host, path, after);
 *   dj_feed_open(&f, ...)   once, to learn whether the host answers at all
 *   then, whenever poll(2) says so or dj_feed_due() ms have gone by:
 *   dj_feed_step(&f, ...)
 *   dj_feed_done(&f)
 *
 * Without follow the feed ends by itself after the history: is_over.
 */
struct dj_feed {
	struct dj_host *host; /* borrowed */
	char path[160];       /* /v1/events, or a Keep's */
	uint64_t last_id;
	bool follow, is_over;
	struct dj_link link;
	struct dj_sse sse;
	int64_t heard;    /* monotonic ms of the last byte */
	int64_t again_at; /* when to try again; link.fd -1 */
	unsigned failures;
};

/* An event, of dj_event_read(); borrowed. */
typedef void dj_feed_take(void *ctx, struct dj_feed *f, json_t *event);

/* after: the last event that is known; 0: all of the history. */
void dj_feed_init(struct dj_feed *f, struct dj_host *host, const char *path,
	uint64_t after, bool follow);
/* Errors of dj_host_stream(). */
DJ_NODISCARD bool dj_feed_open(struct dj_feed *f, struct dj_err *err);
/*
 * Takes what has come, or tries again if it is time. False with err: the link
 * broke, or there is none again (host.*); followed, the feed goes on trying,
 * otherwise it is over. host.answer also for what is no stream of events.
 */
DJ_NODISCARD bool dj_feed_step(struct dj_feed *f, dj_feed_take *take, void *ctx,
	struct dj_err *err);
/* Milliseconds until the next step is due without anything to read. */
int dj_feed_due(const struct dj_feed *f);
void dj_feed_done(struct dj_feed *f);
