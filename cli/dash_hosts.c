// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dash.h"
#include "client/clock.h"
#include "client/feed.h"

/*
 * A thread a host, and nothing shared but text below one lock: a host that
 * hangs, lies or floods holds up its own thread and no page.
 */
#define ASK_MS     2000
#define EVENTS_MAX 500

struct one {
	struct dj_dash_hosts *all;
	struct dj_host *host;
	pthread_t thread;
	/* Below the lock. JSON as text: no reference is shared. */
	char *agent, *keeps, *events;
	char error[400];
	int64_t asked;
	/* The thread's own. */
	struct dj_feed feed;
	json_t *past;
};

struct dj_dash_hosts {
	pthread_mutex_t lock;
	struct one *list[DJ_HOSTS_MAX];
	size_t count;
};

struct dj_dash_hosts *dj_dash_hosts_new(void)
{
	struct dj_dash_hosts *h = calloc(1, sizeof(*h));

	/* Before there are threads: jansson seeds its tables once. */
	json_object_seed(0);
	if (h != NULL)
		(void)pthread_mutex_init(&h->lock, NULL);
	return h;
}

static void put(struct one *o, char **where, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT), *old;

	json_decref(value);
	(void)pthread_mutex_lock(&o->all->lock);
	old = *where;
	*where = text;
	(void)pthread_mutex_unlock(&o->all->lock);
	free(old);
}

static void ask(struct one *o)
{
	struct dj_err err = { 0 };
	json_t *agent = NULL, *keeps = NULL, *list = NULL;

	if (dj_host_request(o->host, "GET", "/v1/agent", NULL, &agent, &err) &&
		dj_host_request(o->host, "GET", "/v1/keeps?limit=1000", NULL,
			&keeps, &err))
		list = json_incref(json_object_get(keeps, "keeps"));
	json_decref(keeps);
	(void)pthread_mutex_lock(&o->all->lock);
	memcpy(o->error, err.text, sizeof(o->error) - 1);
	o->asked = dj_now_ms();
	(void)pthread_mutex_unlock(&o->all->lock);
	put(o, &o->agent, agent);
	put(o, &o->keeps, list);
}

static void take(void *ctx, struct dj_feed *f, json_t *event)
{
	struct one *o = ctx;

	(void)json_object_set_new(event, "source", json_string("host"));
	(void)json_object_set_new(event, "host",
		json_string(dj_host_name(f->host)));
	(void)json_array_append(o->past, event);
	if (json_array_size(o->past) > EVENTS_MAX)
		(void)json_array_remove(o->past, 0);
}

static void *follow(void *arg)
{
	struct one *o = arg;
	int64_t next = 0;

	o->past = json_array();
	dj_feed_init(&o->feed, o->host, "/v1/events", 0, true);
	for (;;) {
		struct pollfd p = { .events = POLLIN };
		struct dj_err ignored = { 0 };
		uint64_t last = o->feed.last_id;
		int64_t left;

		(void)!dj_feed_step(&o->feed, take, o, &ignored);
		if (o->feed.last_id != last)
			put(o, &o->events, json_incref(o->past));
		left = next - dj_now_ms();
		if (left <= 0) {
			ask(o);
			next = dj_now_ms() + ASK_MS;
			left = ASK_MS;
		}
		p.fd = o->feed.link.fd;
		if (p.fd < 0 && dj_feed_due(&o->feed) < left)
			left = dj_feed_due(&o->feed);
		(void)poll(&p, 1, (int)left);
	}
	return NULL;
}

void dj_dash_hosts_ask(struct dj_dash_hosts *h, struct dj_hosts *more)
{
	for (size_t i = 0; i < more->count; i++) {
		const char *name = dj_host_name(more->list[i]);
		struct one *o = NULL;
		bool is_known = false;

		for (size_t k = 0; k < h->count; k++)
			is_known = is_known ||
				strcmp(dj_host_name(h->list[k]->host), name) ==
					0;
		if (!is_known && h->count < DJ_HOSTS_MAX)
			o = calloc(1, sizeof(*o));
		if (o == NULL) {
			dj_host_free(more->list[i]);
			continue;
		}
		o->all = h;
		o->host = more->list[i];
		o->asked = -1;
		if (pthread_create(&o->thread, NULL, follow, o) != 0) {
			dj_host_free(o->host);
			free(o);
			continue;
		}
		h->list[h->count++] = o;
	}
	more->count = 0;
}

size_t dj_dash_hosts_count(struct dj_dash_hosts *h)
{
	return h->count;
}

static json_t *copy(const char *text)
{
	return text == NULL ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);
}

void dj_dash_hosts_said(struct dj_dash_hosts *h, size_t i,
	struct dj_dash_said *ret)
{
	const struct one *o = h->list[i];

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s",
		dj_host_name(o->host));
	(void)pthread_mutex_lock(&h->lock);
	ret->agent = copy(o->agent);
	ret->keeps = copy(o->keeps);
	ret->events = copy(o->events);
	memcpy(ret->error, o->error, sizeof(ret->error));
	ret->age_ms = o->asked < 0 ? -1 : dj_now_ms() - o->asked;
	(void)pthread_mutex_unlock(&h->lock);
}

void dj_dash_said_done(struct dj_dash_said *s)
{
	json_decref(s->agent);
	json_decref(s->keeps);
	json_decref(s->events);
}
