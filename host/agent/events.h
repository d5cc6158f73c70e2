// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "host/agent/http.h"
#include "lib/base/status.h"

/*
 * What happens to Keeps, as events that callers can follow: donjon.event/1
 * objects with an id that only grows, also over a restart of the agent. The
 * last DJ_EVENTS_MAX are at hand, for Last-Event-ID; with a --state-dir they
 * are appended to events.jsonl there, which becomes events.jsonl.1 when it
 * is full, and are read back at the start.
 *
 * A stream is a connection that gets events (text/event-stream) or a Keep's
 * console lines (text/plain) as they come. One that does not read is closed;
 * it may come back with its Last-Event-ID.
 */
#define DJ_EVENTS_MAX        4096
#define DJ_EVENTS_LOG_MAX    (4L << 20)
#define DJ_STREAMS_CALLER    16
#define DJ_STREAMS_MAX       512 /* of all callers */
#define DJ_STREAM_BEHIND_MAX (256u << 10)
#define DJ_HEARTBEAT_SECONDS 15
/* The largest that is believed of a log: ids begin at seconds since the epoch
   << 20, and Last-Event-ID has 18 digits at most. */
#define DJ_EVENT_ID_MAX      (INT64_C(1) << 58)

/* What a host can know; running and exited happen inside, sealed. */
enum dj_event_kind {
	DJ_EVENT_CREATED,
	DJ_EVENT_OFFERED,
	DJ_EVENT_CLAIMED,
	DJ_EVENT_ATTACHED,
	DJ_EVENT_DETACHED,
	DJ_EVENT_RELEASED,
	DJ_EVENT_LOST,
	DJ_EVENT_COUNT
};
const char *dj_event_name(enum dj_event_kind kind);

struct dj_agent;
struct dj_keep;

struct dj_event {
	uint64_t id;
	char keep[24];
	char *owner; /* malloc'd, as json */
	char *json;  /* one line */
};

struct dj_stream {
	LIST_ENTRY(dj_stream) next;
	struct dj_agent *agent;
	struct dj_http_conn *conn;
	struct bufferevent *bev;
	char owner[DJ_HTTP_CALLER_MAX];
	char keep[24]; /* "": all of the owner's */
	bool is_console;
};

struct dj_events {
	struct dj_event ring[DJ_EVENTS_MAX];
	uint64_t count; /* ever, in this ring */
	uint64_t last_id;
	uint64_t by_kind[DJ_EVENT_COUNT];
	LIST_HEAD(, dj_stream) streams;
	size_t stream_count;
	int log; /* -1: none */
	long log_size;
	struct event *heartbeat;
};

dj_status dj_events_init(struct dj_agent *a);
void dj_events_done(struct dj_agent *a);

/* detail may be NULL; its reference is taken. */
void dj_event_emit(struct dj_keep *k, enum dj_event_kind kind, json_t *detail);

/*
 * Answers with a stream. keep: NULL for all of the owner's. since: events
 * after that id come first, UINT64_MAX: none. With follow false it ends
 * there. False: this owner has DJ_STREAMS_CALLER of them, or all together
 * DJ_STREAMS_MAX, nothing answered.
 */
bool dj_events_stream(struct dj_agent *a, struct dj_http_conn *c,
	const char *owner, const char *keep, uint64_t since, bool follow);
/* The console's, which begins with text and ends with the Keep's last line. */
bool dj_console_stream(struct dj_keep *k, struct dj_http_conn *c,
	const char *text, size_t len);
void dj_console_line(const struct dj_keep *k, const char *line);
void dj_console_end(const struct dj_keep *k);
