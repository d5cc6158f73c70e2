// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "cli/verbs.h"
#include "client/clock.h"
#include "client/feed.h"
#include "client/hosts.h"
#include "client/journal.h"

/*
 * What happened to Keeps: the host agents' word, and this client's own. First
 * all of the past in the order of time, then, followed, what comes.
 */
#define LOOK_MS    1000 /* how often the journals are read */
#define HISTORY_MS 30000

static const struct dj_option options[] = {
	{ "follow", 'f', NULL, "go on with what happens next" },
	{ "after", 0, "ID", "only what a host numbered later than this" },
	{ 0 },
};

struct watch {
	struct dj_cli *cli;
	struct dj_hosts hosts;
	struct dj_feed feed[DJ_HOSTS_MAX];
	bool is_down[DJ_HOSTS_MAX];
	const char *name;   /* of the one Keep, or NULL */
	char path[160];     /* what is asked of hosts */
	uint64_t after;     /* --after */
	json_t *names;      /* of Keeps, by the hosts' names for them */
	json_t *read;       /* how far each journal was read */
	json_t *past;       /* while it is gathered; else NULL */
	int64_t next_look;  /* at the journals */
	int64_t names_made; /* when */
};

/* ---- names ---- */

static void learn_name(struct watch *w, const char *record)
{
	struct dj_ticket_file *t = malloc(sizeof(*t));
	struct dj_err ignored = { 0 };
	struct dj_record r;
	uint64_t at = 0;
	json_t *lines;
	const char *keep;

	if (t == NULL || !dj_record_peek(&r, record, &ignored)) {
		free(t);
		return;
	}
	lines = dj_journal_read(&r, &at);
	keep = json_string_value(
		json_object_get(json_array_get(lines, 0), "keep"));
	if (dj_record_load(&r, t, &ignored))
		keep = t->text[DJ_TICKET_KEEP];
	if (keep != NULL)
		(void)json_object_set_new(w->names, keep, json_string(record));
	json_decref(lines);
	dj_record_close(&r);
	dj_wipe(t, sizeof(*t));
	free(t);
}

static const char *name_of(struct watch *w, const char *keep)
{
	const json_t *name = json_object_get(w->names, keep);
	char **list;

	if (name == NULL && dj_now_ms() - w->names_made >= LOOK_MS) {
		w->names_made = dj_now_ms();
		list = dj_record_list();
		for (size_t i = 0; list != NULL && list[i] != NULL; i++)
			learn_name(w, list[i]);
		dj_record_list_free(list);
		name = json_object_get(w->names, keep);
	}
	return json_string_value(name);
}

/* ---- saying it ---- */

static void say_detail(json_t *detail)
{
	const char *key;
	json_t *v;

	json_object_foreach(detail, key, v)
	{
		char shown[300], what[60];

		dj_clean(what, sizeof(what), key, strlen(key));
		if (json_is_string(v))
			dj_cli_print("  %s=%s", what,
				dj_clean(shown, sizeof(shown),
					json_string_value(v),
					json_string_length(v)));
		else if (json_is_integer(v))
			dj_cli_print("  %s=%lld", what,
				(long long)json_integer_value(v));
		else if (json_is_boolean(v))
			dj_cli_print("  %s=%s", what,
				json_is_true(v) ? "true" : "false");
	}
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

static void say(const struct dj_cli *cli, json_t *o)
{
	const char *name = text_of(o, "name");

	if (cli->json) {
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		dj_cli_print("\n");
		return;
	}
	dj_cli_print("%-24s  %-20s  %-8s  %s", text_of(o, "time"),
		name[0] != '\0' ? name : text_of(o, "keep"),
		text_of(o, "event"),
		strcmp(text_of(o, "source"), "host") == 0 ? "the host says"
							  : "seen here");
	say_detail(json_object_get(o, "detail"));
	dj_cli_print("\n");
}

static void take(struct watch *w, json_t *o)
{
	if (w->past != NULL)
		(void)json_array_append(w->past, o);
	else
		say(w->cli, o);
}

static void take_host(void *ctx, struct dj_feed *f, json_t *o)
{
	struct watch *w = ctx;
	const char *name = name_of(w, text_of(o, "keep"));

	(void)json_object_set_new(o, "source", json_string("host"));
	(void)json_object_set_new(o, "host",
		json_string(dj_host_name(f->host)));
	if (name != NULL)
		(void)json_object_set_new(o, "name", json_string(name));
	take(w, o);
}

/* ---- our own ---- */

static void read_journal(struct watch *w, const char *name)
{
	struct dj_err ignored = { 0 };
	struct dj_record r;
	uint64_t at;
	json_t *lines, *o;
	size_t i;

	if (!dj_record_peek(&r, name, &ignored))
		return;
	at = (uint64_t)json_integer_value(json_object_get(w->read, name));
	lines = dj_journal_read(&r, &at);
	(void)json_object_set_new(w->read, name, json_integer((json_int_t)at));
	json_array_foreach(lines, i, o) take(w, o);
	json_decref(lines);
	dj_record_close(&r);
}

static void read_journals(struct watch *w)
{
	char **list;

	w->next_look = dj_now_ms() + LOOK_MS;
	if (w->name != NULL) {
		read_journal(w, w->name);
		return;
	}
	list = dj_record_list();
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		read_journal(w, list[i]);
	dj_record_list_free(list);
}

/* ---- the past ---- */

/* A second's fraction that is not told is its beginning. */
static int by_time(const void *a, const void *b)
{
	const char *x = text_of(*(json_t *const *)a, "time");
	const char *y = text_of(*(json_t *const *)b, "time");
	int first = strncmp(x, y, 19);

	if (first != 0 || strlen(x) < 20 || strlen(y) < 20)
		return first;
	if (x[19] != y[19])
		return x[19] == '.' ? 1 : -1;
	return strcmp(x + 19, y + 19);
}

static void say_past(struct watch *w)
{
	size_t n = json_array_size(w->past);
	json_t **list = calloc(n + 1, sizeof(json_t *));

	for (size_t i = 0; list != NULL && i < n; i++)
		list[i] = json_array_get(w->past, i);
	if (list != NULL)
		qsort(list, n, sizeof(json_t *), by_time);
	for (size_t i = 0; list != NULL && i < n; i++)
		say(w->cli, list[i]);
	free(list);
	json_decref(w->past);
	w->past = NULL;
}

/* All that one host has; false with err if that cannot be had. */
static bool gather(struct watch *w, struct dj_feed *f, struct dj_err *err)
{
	int64_t end = dj_now_ms() + HISTORY_MS;

	if (!dj_feed_open(f, err))
		return false;
	while (!f->is_over) {
		struct pollfd p = { .fd = f->link.fd, .events = POLLIN };

		if (!dj_feed_step(f, take_host, w, err))
			return false;
		if (!f->is_over && dj_now_ms() >= end)
			return dj_err_set(err, "host.absent",
				"asking %s for events: they do not end",
				dj_host_name(f->host));
		if (!f->is_over)
			(void)poll(&p, 1, 500);
	}
	return true;
}

/* How many hosts answered; err has the first that did not. */
static size_t gather_all(struct watch *w, struct dj_err *err)
{
	size_t good = 0;

	for (size_t i = 0; i < w->hosts.count; i++) {
		struct dj_feed *f = &w->feed[i];
		struct dj_err why = { 0 };
		bool is_good;

		dj_feed_init(f, w->hosts.list[i], w->path, w->after, false);
		is_good = gather(w, f, &why);
		dj_feed_done(f);
		dj_feed_init(f, w->hosts.list[i], w->path, f->last_id, true);
		good += is_good;
		w->is_down[i] = !is_good;
		if (!is_good && err->info == NULL)
			*err = why;
	}
	return good;
}

/* ---- what comes ---- */

static void tell_change(struct watch *w, size_t i, const struct dj_err *err)
{
	if (err->info != NULL && !w->is_down[i])
		dj_cli_note(w->cli, "%s; trying again", err->text);
	else if (err->info == NULL && w->is_down[i] && w->feed[i].link.fd >= 0)
		dj_cli_note(w->cli, "%s answers again",
			dj_host_name(w->hosts.list[i]));
	if (err->info != NULL)
		w->is_down[i] = true;
	else if (w->feed[i].link.fd >= 0)
		w->is_down[i] = false;
}

static int follow(struct watch *w)
{
	struct pollfd p[DJ_HOSTS_MAX];
	int status;

	for (;;) {
		int64_t wait = w->next_look - dj_now_ms();

		for (size_t i = 0; i < w->hosts.count; i++) {
			struct dj_err err = { 0 };

			(void)!dj_feed_step(&w->feed[i], take_host, w, &err);
			tell_change(w, i, &err);
			p[i] = (struct pollfd){ .fd = w->feed[i].link.fd,
				.events = POLLIN };
			if (dj_feed_due(&w->feed[i]) < wait)
				wait = dj_feed_due(&w->feed[i]);
		}
		if (wait <= 0 && dj_now_ms() >= w->next_look)
			read_journals(w);
		status = dj_cli_end(w->cli, 0);
		if (status != 0)
			return status;
		if (poll(p, w->hosts.count, wait < 0 ? 0 : (int)wait) < 0 &&
			errno != EINTR)
			return dj_cli_failf(w->cli, "internal.bug",
				"waiting for events: %s", strerror(errno));
	}
}

/* ---- which ---- */

static bool add_named(struct watch *w, struct dj_settings *s,
	struct dj_err *err)
{
	struct dj_visit_options o;

	if (!dj_cli_settings(w->cli, s, err) ||
		!dj_cli_visit(w->cli, s, &o, err))
		return false;
	for (size_t i = 0; i < o.host_count; i++) {
		o.host.url = o.hosts[i];
		if (!dj_hosts_add(&w->hosts, &o.host, err))
			return false;
	}
	return true;
}

/* One Keep: its host, if it is not over, and its journal. */
static bool choose_one(struct watch *w, struct dj_err *err)
{
	struct dj_ticket_file *t = malloc(sizeof(*t));
	struct dj_err ignored = { 0 };
	struct dj_record r;
	bool good = t != NULL;

	if (!good)
		return dj_err_set(err, "internal.memory", "no memory");
	if (!dj_record_peek(&r, w->name, err)) {
		free(t);
		return false;
	}
	if (dj_record_load(&r, t, &ignored)) {
		good = dj_hosts_add_ticket(&w->hosts, t, NULL, err);
		(void)snprintf(w->path, sizeof(w->path),
			"/v1/keeps/%.80s/events", t->text[DJ_TICKET_KEEP]);
	}
	dj_record_close(&r);
	dj_wipe(t, sizeof(*t));
	free(t);
	return good;
}

static bool choose(struct watch *w, struct dj_settings *s, struct dj_err *err)
{
	if (!dj_cli_number(w->cli, "after", 1, 999999999999999999u, &w->after,
		    err))
		return false;
	if (w->name != NULL)
		return choose_one(w, err);
	(void)strcpy(w->path, "/v1/events");
	if (!add_named(w, s, err))
		return false;
	dj_hosts_add_tickets(&w->hosts);
	return true;
}

static int walk(struct watch *w, struct dj_settings *s)
{
	struct dj_err err = { 0 };
	bool is_follow = dj_cli_has(w->cli, "follow");
	size_t good;

	if (!choose(w, s, &err))
		return dj_cli_fail(w->cli, &err);
	good = gather_all(w, &err);
	read_journals(w);
	say_past(w);
	if (err.info != NULL && (!is_follow || good == 0))
		return dj_cli_fail(w->cli, &err);
	if (err.info != NULL)
		dj_cli_note(w->cli, "%s; trying again", err.text);
	return is_follow ? follow(w) : dj_cli_end(w->cli, 0);
}

static int run(struct dj_cli *cli)
{
	struct dj_settings settings = { 0 };
	struct watch *w = calloc(1, sizeof(*w));
	int status;

	if (w == NULL)
		return dj_cli_failf(cli, "internal.memory", "no memory");
	w->cli = cli;
	w->name = cli->operand_count > 0 ? cli->operands[0] : NULL;
	w->names = json_object();
	w->read = json_object();
	w->past = json_array();
	w->names_made = -LOOK_MS;
	status = walk(w, &settings);
	for (size_t i = 0; i < w->hosts.count; i++)
		dj_feed_done(&w->feed[i]);
	dj_hosts_done(&w->hosts);
	json_decref(w->names);
	json_decref(w->read);
	json_decref(w->past);
	dj_settings_done(&settings);
	free(w);
	return status;
}

const struct dj_verb dj_verb_events = {
	.name = "events",
	.group = DJ_GROUP_EVERYDAY,
	.operands = "[KEEP]",
	.summary = "what happened to keeps, by their hosts and as seen here",
	.options = options,
	.max_operands = 1,
	.run = run,
};
