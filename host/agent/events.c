// SPDX-License-Identifier: Apache-2.0
#include "host/agent/events.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/agent/agent.h"
#include "host/agent/log.h"

#define LINE_MAX_BYTES 4096

const char *dj_event_name(enum dj_event_kind kind)
{
	static const char *const names[DJ_EVENT_COUNT] = { "created", "offered",
		"claimed", "attached", "detached", "released", "lost" };

	return names[kind];
}

static const char log_name[] = "events.jsonl";
static const char old_name[] = "events.jsonl.1";

static void remember(struct dj_events *e, uint64_t id, const char *keep,
	const char *owner, char *json)
{
	struct dj_event *slot = &e->ring[e->count % DJ_EVENTS_MAX];

	free(slot->json);
	free(slot->owner);
	*slot = (struct dj_event){ .id = id,
		.owner = strdup(owner),
		.json = json };
	snprintf(slot->keep, sizeof(slot->keep), "%s", keep);
	e->count++;
	e->last_id = id;
}

/* Streams. */

static void stream_free(struct dj_stream *s)
{
	LIST_REMOVE(s, next);
	s->agent->events.stream_count--;
	free(s);
}

static void on_stream_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);

	(void)arg;
	evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_stream_event(struct bufferevent *bev, short what, void *arg)
{
	struct dj_stream *s = arg;
	struct dj_http_conn *c = s->conn;

	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	stream_free(s);
	dj_http_close(c);
}

/* Writes, or gives up on one that does not read; s may be gone after. */
static void stream_write(struct dj_stream *s, const char *text, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(s->bev);
	struct dj_http_conn *c = s->conn;

	if (evbuffer_get_length(out) + len <= DJ_STREAM_BEHIND_MAX) {
		evbuffer_add(out, text, len);
		return;
	}
	stream_free(s);
	dj_http_close(c);
}

static void put_event(struct evbuffer *out, const struct dj_event *ev,
	const char *name)
{
	evbuffer_add_printf(out, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n",
		ev->id, name, ev->json);
}

static bool is_for(const struct dj_event *ev, const char *owner,
	const char *keep)
{
	return ev->owner != NULL && ev->json != NULL &&
		strcmp(ev->owner, owner) == 0 &&
		(keep[0] == '\0' || strcmp(ev->keep, keep) == 0);
}

/* The word after "event":" of a line of our own making. */
static void name_of(const struct dj_event *ev, char dst[static 16])
{
	const char *p = strstr(ev->json, "\"event\":\"");

	snprintf(dst, 16, "%.*s", p == NULL ? 0 : (int)strcspn(p + 9, "\""),
		p == NULL ? "" : p + 9);
}

static size_t count_of(const struct dj_agent *a, const char *owner)
{
	const struct dj_stream *s;
	size_t n = 0;

	LIST_FOREACH(s, &a->events.streams, next)
	n += strcmp(s->owner, owner) == 0;
	return n;
}

static struct dj_stream *stream_new(struct dj_agent *a, struct dj_http_conn *c,
	const char *owner, const char *keep, const char *type)
{
	struct dj_stream *s;

	if (a->events.stream_count >= DJ_STREAMS_MAX ||
		count_of(a, owner) >= DJ_STREAMS_CALLER)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->agent = a;
	s->conn = c;
	snprintf(s->owner, sizeof(s->owner), "%s", owner);
	snprintf(s->keep, sizeof(s->keep), "%s", keep);
	s->bev = dj_http_stream(c, type);
	bufferevent_setcb(s->bev, on_stream_read, NULL, on_stream_event, s);
	bufferevent_setwatermark(s->bev, EV_READ, 0, 4096);
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	LIST_INSERT_HEAD(&a->events.streams, s, next);
	a->events.stream_count++;
	return s;
}

bool dj_events_stream(struct dj_agent *a, struct dj_http_conn *c,
	const char *owner, const char *keep, uint64_t since, bool follow)
{
	struct dj_events *e = &a->events;
	uint64_t from = e->count > DJ_EVENTS_MAX ? e->count - DJ_EVENTS_MAX : 0;
	struct dj_stream *s = stream_new(a, c, owner, keep == NULL ? "" : keep,
		"text/event-stream");
	const struct dj_event *ev;
	struct evbuffer *out;
	char name[16];

	if (s == NULL)
		return false;
	out = bufferevent_get_output(s->bev);
	/* A first line at once: a client sees that it is connected. */
	evbuffer_add_printf(out, ": donjon.event/1\n\n");
	for (; from < e->count; from++) {
		ev = &e->ring[from % DJ_EVENTS_MAX];
		if (since == UINT64_MAX || ev->id <= since ||
			!is_for(ev, s->owner, s->keep))
			continue;
		name_of(ev, name);
		put_event(out, ev, name);
	}
	if (!follow) {
		stream_free(s);
		dj_http_finish(c);
	}
	return true;
}

bool dj_console_stream(struct dj_keep *k, struct dj_http_conn *c,
	const char *text, size_t len)
{
	struct dj_stream *s = stream_new(k->agent, c, k->owner, k->id,
		"text/plain; charset=utf-8");

	if (s == NULL)
		return false;
	s->is_console = true;
	evbuffer_add(bufferevent_get_output(s->bev), text, len);
	if (dj_keep_is_over(k) && k->console_fd < 0) {
		stream_free(s);
		dj_http_finish(c);
	}
	return true;
}

void dj_console_line(const struct dj_keep *k, const char *line)
{
	char text[DJ_CONSOLE_LINE_MAX + 64];
	struct dj_stream *s = LIST_FIRST(&k->agent->events.streams);
	struct dj_stream *next;
	int n = snprintf(text, sizeof(text), "%s\n", line);

	for (; s != NULL; s = next) {
		next = LIST_NEXT(s, next);
		if (s->is_console && strcmp(s->keep, k->id) == 0)
			stream_write(s, text, (size_t)n);
	}
}

void dj_console_end(const struct dj_keep *k)
{
	struct dj_stream *s = LIST_FIRST(&k->agent->events.streams);
	struct dj_stream *next;
	struct dj_http_conn *c;

	for (; s != NULL; s = next) {
		next = LIST_NEXT(s, next);
		if (!s->is_console || strcmp(s->keep, k->id) != 0)
			continue;
		c = s->conn;
		stream_free(s);
		dj_http_finish(c);
	}
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
	struct dj_agent *a = arg;
	struct dj_stream *s = LIST_FIRST(&a->events.streams);
	struct dj_stream *next;

	(void)fd;
	(void)what;
	for (; s != NULL; s = next) {
		next = LIST_NEXT(s, next);
		if (!s->is_console)
			stream_write(s, ":\n\n", 3);
	}
}

/* The log. */

static bool log_open(struct dj_agent *a)
{
	struct stat st;

	a->events.log =
		dj_state_file(a, log_name, O_WRONLY | O_CREAT | O_APPEND);
	if (a->events.log < 0 || fstat(a->events.log, &st) != 0)
		return false;
	a->events.log_size = (long)st.st_size;
	return true;
}

static void log_rotate(struct dj_agent *a)
{
	close(a->events.log);
	a->events.log = -1;
	if (renameat(a->state, log_name, a->state, old_name) != 0 ||
		!log_open(a))
		dj_log(DJ_LOG_WARN, "events.not_rotated", "file", log_name,
			"why", strerror(errno), NULL);
}

/* Whole lines only: what cannot be written whole is taken back. */
static void log_write(struct dj_agent *a, const char *line)
{
	struct dj_events *e = &a->events;
	size_t len = strlen(line);
	ssize_t n;

	if (e->log < 0)
		return;
	n = write(e->log, line, len);
	if (n == (ssize_t)len) {
		e->log_size += (long)len;
	} else {
		dj_log(DJ_LOG_WARN, "events.not_written", "why",
			n < 0 ? strerror(errno) : "no room", NULL);
		if (n > 0)
			(void)!ftruncate(e->log, e->log_size);
	}
	if (e->log_size >= DJ_EVENTS_LOG_MAX)
		log_rotate(a);
}

/* A line of the log: as sent, and whose it is. Damaged lines are skipped. */
static bool take_line(struct dj_events *e, const char *line)
{
	json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	const char *keep = json_string_value(json_object_get(j, "keep"));
	const char *owner = json_string_value(json_object_get(j, "owner"));
	json_int_t id = json_integer_value(json_object_get(j, "id"));
	char *owner_copy;
	char *text;

	if (keep == NULL || owner == NULL || id <= 0 || id > DJ_EVENT_ID_MAX ||
		(uint64_t)id <= e->last_id ||
		json_string_value(json_object_get(j, "event")) == NULL) {
		json_decref(j);
		return false;
	}
	owner_copy = strdup(owner);
	json_object_del(j, "owner");
	text = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (text != NULL && owner_copy != NULL)
		remember(e, (uint64_t)id, keep, owner_copy, text);
	else
		free(text);
	free(owner_copy);
	json_decref(j);
	return true;
}

static void log_read(struct dj_agent *a, const char *name)
{
	char line[LINE_MAX_BYTES];
	size_t bad = 0;
	int fd = dj_state_file(a, name, O_RDONLY);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL)
		bad += !take_line(&a->events, line);
	(void)fclose(f);
	if (bad != 0)
		dj_log(DJ_LOG_WARN, "events.damaged", "file", name, "lines",
			dj_log_num(bad), NULL);
}

/* A half line, from an agent that was killed, must not spoil the next. */
static void log_mend(struct dj_agent *a)
{
	char c = '\n';
	int fd = dj_state_file(a, log_name, O_RDONLY);

	if (fd < 0)
		return;
	if (a->events.log_size > 0 &&
		pread(fd, &c, 1, a->events.log_size - 1) == 1 && c != '\n')
		log_write(a, "\n");
	close(fd);
}

/* Events. */

void dj_event_emit(struct dj_keep *k, enum dj_event_kind kind, json_t *detail)
{
	struct dj_events *e = &k->agent->events;
	struct dj_stream *s;
	struct dj_stream *next;
	struct evbuffer *text = evbuffer_new();
	char stamp[32];
	uint64_t id = e->last_id + 1;
	char *json;
	char *line;
	json_t *j;

	dj_agent_time(time(NULL), stamp);
	j = json_pack("{s:s,s:I,s:s,s:s,s:s,s:o}", "schema", "donjon.event/1",
		"id", (json_int_t)id, "time", stamp, "keep", k->id, "event",
		dj_event_name(kind), "detail",
		detail == NULL ? json_object() : detail);
	json = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (json == NULL || text == NULL) {
		free(json);
		json_decref(j);
		if (text != NULL)
			evbuffer_free(text);
		return;
	}
	e->by_kind[kind]++;
	remember(e, id, k->id, k->owner, json);
	if (e->log >= 0) {
		json_object_set_new(j, "owner", json_string(k->owner));
		line = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER);
		evbuffer_add_printf(text, "%s\n", line == NULL ? "" : line);
		free(line);
		evbuffer_add(text, "", 1);
		log_write(k->agent, (const char *)evbuffer_pullup(text, -1));
		evbuffer_drain(text, evbuffer_get_length(text));
	}
	json_decref(j);
	put_event(text, &e->ring[(e->count - 1) % DJ_EVENTS_MAX],
		dj_event_name(kind));
	for (s = LIST_FIRST(&e->streams); s != NULL; s = next) {
		next = LIST_NEXT(s, next);
		if (!s->is_console && strcmp(s->owner, k->owner) == 0 &&
			(s->keep[0] == '\0' || strcmp(s->keep, k->id) == 0))
			stream_write(s, (const char *)evbuffer_pullup(text, -1),
				evbuffer_get_length(text));
	}
	evbuffer_free(text);
}

dj_status dj_events_init(struct dj_agent *a)
{
	struct dj_events *e = &a->events;
	struct timeval beat = { .tv_sec = DJ_HEARTBEAT_SECONDS };

	e->log = -1;
	e->heartbeat = event_new(a->base, -1, EV_PERSIST, on_heartbeat, a);
	if (e->heartbeat == NULL || event_add(e->heartbeat, &beat) != 0)
		return DJ_E_SYS;
	if (a->opt.state_dir != NULL) {
		log_read(a, old_name);
		log_read(a, log_name);
		if (!log_open(a))
			return DJ_E_SYS;
		log_mend(a);
	}
	/* Without a history, later than every id of an earlier agent's. */
	if (e->last_id == 0)
		e->last_id = (uint64_t)time(NULL) << 20;
	return DJ_OK;
}

void dj_events_done(struct dj_agent *a)
{
	struct dj_events *e = &a->events;
	struct dj_stream *s = LIST_FIRST(&e->streams);
	struct dj_stream *next;

	for (; s != NULL; s = next) {
		next = LIST_NEXT(s, next);
		stream_free(s);
	}
	for (size_t i = 0; i < DJ_EVENTS_MAX; i++) {
		free(e->ring[i].json);
		free(e->ring[i].owner);
	}
	if (e->heartbeat != NULL)
		event_free(e->heartbeat);
	if (e->log > 0)
		close(e->log);
}
