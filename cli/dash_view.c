// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/dash.h"
#include "cli/dash_judge.h"
#include "cli/keeps.h"
#include "client/html.h"
#include "client/journal.h"

#define KEEPS_MAX  500
#define RECENT_MAX 15

void dj_dash_begin(FILE *out, const char *title, bool refresh)
{
	(void)fputs("<!doctype html>\n<html lang=\"en\"><head>"
		    "<meta charset=\"utf-8\">"
		    "<meta name=\"viewport\" content=\"width=device-width\">"
		    "<title>",
		out);
	dj_html_str(out, title);
	(void)fputs(" - donjon</title>"
		    "<link rel=\"icon\" href=\"/dash.svg\">"
		    "<link rel=\"stylesheet\" href=\"/dash.css\">",
		out);
	if (refresh)
		(void)fputs("<script src=\"/dash.js\" defer></script>"
			    "<noscript><meta http-equiv=\"refresh\" "
			    "content=\"5\"></noscript>",
			out);
	(void)fputs(
		"</head><body><a class=\"skip\" href=\"#main\">"
		"Skip to the page</a><header><a class=\"brand\" href=\"/\">"
		"donjon</a><p>Judged here, by this client. What only a host "
		"says is marked <span class=\"says\">host says</span>"
		"</p></header>\n<main id=\"main\" tabindex=\"-1\">\n",
		out);
}

void dj_dash_end(FILE *out)
{
	(void)fputs(
		"</main>\n<footer><p>Keys: <kbd>j</kbd> <kbd>k</kbd> row, "
		"<kbd>Enter</kbd> open, <kbd>o</kbd> overview, "
		"<kbd>1</kbd>-<kbd>4</kbd> part of a keep's page. This page "
		"reads and changes nothing.</p></footer></body></html>\n",
		out);
}

void dj_dash_size(FILE *out, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	size_t i = 0;

	if (bytes < 1024) {
		(void)fprintf(out, "%llu bytes", (unsigned long long)bytes);
		return;
	}
	for (v /= 1024; v >= 1024 && i < 3; i++)
		v /= 1024;
	(void)fprintf(out, v < 10 ? "%.1f %s" : "%.0f %s", v, units[i]);
}

void dj_dash_ago(FILE *out, int64_t s)
{
	if (s < 0)
		s = 0;
	if (s < 90)
		(void)fprintf(out, "%lld s", (long long)s);
	else if (s < 5400)
		(void)fprintf(out, "%lld min", (long long)s / 60);
	else if (s < 129600)
		(void)fprintf(out, "%lld h", (long long)s / 3600);
	else
		(void)fprintf(out, "%lld days", (long long)s / 86400);
}

void dj_dash_time(FILE *out, const char *t)
{
	(void)fputs("<time datetime=\"", out);
	dj_html_str(out, t);
	(void)fputs("\">", out);
	if (strlen(t) > 11 && t[10] == 'T') {
		dj_html_text(out, t, 10);
		(void)fputc(' ', out);
		dj_html_text(out, t + 11, strcspn(t + 11, "Z"));
	} else {
		dj_html_str(out, t);
	}
	(void)fputs("</time>", out);
}

void dj_dash_error(int status, const char *title, const char *text, FILE *out)
{
	dj_dash_begin(out, title, false);
	(void)fprintf(out, "<h1>%d ", status);
	dj_html_str(out, title);
	(void)fputs("</h1><p>", out);
	dj_html_str(out, text);
	(void)fputs("</p>", out);
	dj_dash_end(out);
}

bool dj_dash_help(const char *topic, FILE *out)
{
	const struct dj_err_info *e = dj_err_find(topic);

	if (e == NULL)
		return false;
	dj_dash_begin(out, topic, false);
	(void)fputs("<h1><code>", out);
	dj_html_str(out, e->name);
	(void)fputs("</code></h1><p class=\"lead\">", out);
	dj_html_str(out, e->what);
	(void)fputs("</p><p>", out);
	dj_html_str(out, e->why);
	(void)fputs("</p>", out);
	if (e->hint != NULL) {
		(void)fputs("<p>Next: <code>", out);
		dj_html_str(out, e->hint);
		(void)fputs("</code></p>", out);
	}
	(void)fprintf(out, "<p>Exit status %d, of run %d.</p>", e->exit,
		e->run_exit);
	dj_dash_end(out);
	return true;
}

/* ---- events ---- */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

void dj_dash_event(FILE *out, const json_t *e, bool with_name)
{
	bool is_host = strcmp(text_of(e, "source"), "host") == 0;
	const char *name = text_of(e, "name"), *key;
	json_t *v;

	(void)fprintf(out, "<li class=\"%s\">", is_host ? "by-host" : "by-us");
	dj_dash_time(out, text_of(e, "time"));
	(void)fputc(' ', out);
	if (with_name) {
		(void)fputs("<span class=\"who\">", out);
		dj_html_str(out, name[0] != '\0' ? name : text_of(e, "keep"));
		(void)fputs("</span> ", out);
	}
	(void)fputs("<b>", out);
	dj_html_str(out, text_of(e, "event"));
	(void)fputs("</b>", out);
	if (is_host)
		(void)fputs(" <span class=\"says\">host says</span>", out);
	json_object_foreach(json_object_get(e, "detail"), key, v)
	{
		if (!json_is_string(v) && !json_is_integer(v))
			continue;
		(void)fputs(" <span class=\"quiet\">", out);
		dj_html_str(out, key);
		(void)fputs(": ", out);
		if (json_is_string(v))
			dj_html_text(out, json_string_value(v),
				json_string_length(v));
		else
			(void)fprintf(out, "%lld",
				(long long)json_integer_value(v));
		(void)fputs("</span>", out);
	}
	(void)fputs("</li>\n", out);
}

/* ---- hosts ---- */

static long long number_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void put_tees(FILE *out, const json_t *tees)
{
	const json_t *t;
	size_t i, n = 0;

	json_array_foreach(tees, i, t)
	{
		bool is_real =
			strcmp(text_of(t, "protection"), "hardware") == 0;

		if (!json_is_true(json_object_get(t, "available")))
			continue;
		(void)fprintf(out, "%s<span class=\"tag %s\">",
			n++ == 0 ? "" : " ", is_real ? "good" : "bad");
		dj_html_str(out, text_of(t, "tee"));
		(void)fputs(is_real ? "</span>" : " (emulated)</span>", out);
	}
	if (n == 0)
		(void)fputs("no TEE", out);
}

static void put_host(FILE *out, const struct dj_dash_said *s)
{
	const json_t *c = json_object_get(s->agent, "capacity");

	(void)fprintf(out, "<article class=\"host%s\"><h3>",
		s->error[0] != '\0' ? " down" : "");
	dj_html_str(out, s->name);
	(void)fputs("</h3>", out);
	if (s->error[0] != '\0') {
		(void)fputs("<p class=\"no\">does not answer: ", out);
		dj_html_str(out, s->error);
		(void)fputs("</p></article>\n", out);
		return;
	}
	if (s->agent == NULL) {
		(void)fputs("<p>being asked</p></article>\n", out);
		return;
	}
	(void)fputs("<p><span class=\"says\">host says</span> donjond ", out);
	dj_html_str(out, text_of(s->agent, "version"));
	(void)fprintf(out, ", room for %lld of %lld keeps, ",
		number_of(c, "free"), number_of(c, "keeps"));
	dj_dash_size(out, (uint64_t)number_of(c, "memory_free"));
	(void)fputs(" free</p>", out);
	if (json_object_get(s->agent, "adversary") != NULL)
		(void)fputs("<p class=\"no\">ADVERSARY: it attacks every keep, "
			    "for tests</p>",
			out);
	(void)fputs("<p>", out);
	put_tees(out, json_object_get(s->agent, "tees"));
	(void)fputs("</p></article>\n", out);
}

/* ---- keeps ---- */

struct view {
	const struct dj_dash *d;
	struct dj_dash_said said[DJ_HOSTS_MAX];
	size_t said_count;
	json_t *recent; /* events of all, in no order */
	json_t *names;  /* of Keeps, by the hosts' names for them */
	size_t bare;    /* live Keeps that nothing protects */
	size_t live;
};

json_t *dj_dash_said_keep(const struct dj_dash_said *s, size_t count,
	const char *host, const char *id)
{
	json_t *k;
	size_t n;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(s[i].name, host) != 0)
			continue;
		json_array_foreach(s[i].keeps, n, k)
		{
			if (strcmp(text_of(k, "id"), id) == 0)
				return k;
		}
	}
	return NULL;
}

static const char *class_of(const char *state)
{
	if (strcmp(state, "running") == 0)
		return "run";
	if (strcmp(state, "exited 0") == 0)
		return "good";
	if (strcmp(state, "new") == 0 || strcmp(state, "unknown") == 0)
		return "na";
	return "bad";
}

void dj_dash_state(FILE *out, const char *state)
{
	(void)fprintf(out, "<span class=\"tag %s\">", class_of(state));
	dj_html_str(out, state);
	(void)fputs("</span>", out);
}

static void put_verdict(FILE *out, const struct dj_dash_judged *g)
{
	if (g->error[0] != '\0') {
		(void)fputs("<span class=\"tag na\">not judged</span> "
			    "<span class=\"quiet\">",
			out);
		dj_html_str(out, g->error);
		(void)fputs("</span>", out);
		return;
	}
	(void)fprintf(out, "<span class=\"tag %s\">%s</span> ",
		g->v.good ? "good" : "bad", g->v.good ? "good" : "refused");
	if (!g->v.good) {
		(void)fputs("<code>", out);
		dj_html_str(out, g->v.error);
		(void)fputs("</code> ", out);
	}
	(void)fputs("<span class=\"quiet\">evidence of ", out);
	dj_dash_ago(out, g->age);
	(void)fputs(" ago</span>", out);
}

static void put_digest(FILE *out, const char *hex)
{
	(void)fprintf(out, "<code title=\"");
	dj_html_str(out, hex);
	(void)fputs("\">", out);
	dj_html_text(out, hex, strlen(hex) > 12 ? 12 : strlen(hex));
	(void)fputs("</code>", out);
}

static void put_row(struct view *w, FILE *out, const struct dj_record *r,
	const json_t *j)
{
	const char *state = text_of(j, "state");
	char tee[40];
	bool is_bare = strcmp(text_of(j, "protection"), "hardware") != 0;
	const json_t *says = json_object_get(j, "host_says");
	struct dj_dash_judged g;
	bool is_live = json_object_get(j, "ticket") != NULL &&
		json_object_get(j, "result") == NULL;

	w->live += is_live;
	w->bare += is_live && is_bare;
	dj_dash_judge(w->d, r, &g);
	(void)fputs("<tr><th scope=\"row\"><a data-row href=\"/keep/", out);
	dj_html_str(out, r->name);
	(void)fputs("\">", out);
	dj_html_str(out, r->name);
	(void)fputs("</a></th><td>", out);
	dj_dash_state(out, state);
	if (says != NULL) {
		(void)fputs("<br><span class=\"says\">host says</span> ", out);
		dj_html_str(out, text_of(says, "state"));
	}
	(void)fputs("</td><td>", out);
	dj_html_str(out, dj_keep_tee(j, tee, sizeof(tee)));
	if (is_bare)
		(void)fputs("<br><span class=\"tag bad\">no protection</span>",
			out);
	(void)fputs("</td><td>", out);
	put_verdict(out, &g);
	(void)fputs("</td><td>", out);
	put_digest(out, text_of(json_object_get(j, "module"), "sha256"));
	(void)fputs("</td><td>", out);
	dj_dash_time(out, text_of(j, "started"));
	(void)fputs("</td><td>", out);
	dj_html_str(out, text_of(j, "host"));
	(void)fputs("</td></tr>\n", out);
	dj_dash_judged_done(&g);
}

static void add_journal(struct view *w, const struct dj_record *r)
{
	uint64_t at = 0;
	json_t *lines = dj_journal_read(r, &at);
	size_t n = json_array_size(lines);

	for (size_t i = n > RECENT_MAX ? n - RECENT_MAX : 0; i < n; i++)
		(void)json_array_append(w->recent, json_array_get(lines, i));
	json_decref(lines);
}

static void put_keeps(struct view *w, FILE *out)
{
	char **names = dj_record_list();
	size_t n = 0;

	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		struct dj_err ignored = { 0 };
		struct dj_record r;
		json_t *j, *says;

		if (n == KEEPS_MAX || !dj_record_peek(&r, names[i], &ignored))
			continue;
		if (n++ == 0)
			(void)fputs(
				"<div class=\"wide\"><table><thead><tr><th>Keep"
				"</th><th>State</th><th>TEE</th><th>Verdict</th>"
				"<th>Program</th><th>Started</th><th>Host</th>"
				"</tr></thead><tbody>\n",
				out);
		j = dj_keep_json(&r, NULL);
		says = dj_dash_said_keep(w->said, w->said_count,
			text_of(j, "host"), text_of(j, "id"));
		if (says != NULL) {
			json_decref(j);
			j = dj_keep_json(&r, says);
		}
		(void)json_object_set(w->names, text_of(j, "id"),
			json_object_get(j, "name"));
		put_row(w, out, &r, j);
		add_journal(w, &r);
		json_decref(j);
		dj_record_close(&r);
	}
	dj_record_list_free(names);
	if (n == 0)
		(void)fputs(
			"<p>None yet. Those that can be come back to are shown: "
			"<code>donjon --host URL --policy FILE start --out FILE "
			"MODULE</code></p>",
			out);
	else
		(void)fputs("</tbody></table></div>\n", out);
}

/* ---- all of it ---- */

int dj_dash_by_time(const void *a, const void *b)
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

json_t **dj_dash_sorted(const json_t *list)
{
	size_t n = json_array_size(list);
	json_t **ret = calloc(n + 1, sizeof(json_t *));

	for (size_t i = 0; ret != NULL && i < n; i++)
		ret[i] = json_array_get(list, i);
	if (ret != NULL)
		qsort(ret, n, sizeof(json_t *), dj_dash_by_time);
	return ret;
}

static void add_said(struct view *w, json_t *e)
{
	json_t *name = json_object_get(w->names, text_of(e, "keep"));

	if (name != NULL)
		(void)json_object_set(e, "name", name);
	(void)json_array_append(w->recent, e);
}

static void put_recent(struct view *w, FILE *out)
{
	json_t **list;
	size_t n;

	for (size_t i = 0; i < w->said_count; i++) {
		size_t all = json_array_size(w->said[i].events);

		for (size_t k = all > RECENT_MAX ? all - RECENT_MAX : 0;
			k < all; k++)
			add_said(w, json_array_get(w->said[i].events, k));
	}
	list = dj_dash_sorted(w->recent);
	n = json_array_size(w->recent);
	(void)fputs("<h2>What happened last</h2>", out);
	if (n == 0 || list == NULL)
		(void)fputs("<p>Nothing yet.</p>", out);
	else
		(void)fputs("<ol class=\"events\">\n", out);
	for (size_t i = n; list != NULL && i > 0 && i + RECENT_MAX > n; i--)
		dj_dash_event(out, list[i - 1], true);
	if (n != 0 && list != NULL)
		(void)fputs("</ol>", out);
	free(list);
}

void dj_dash_overview(const struct dj_dash *d, FILE *out)
{
	struct view *w = calloc(1, sizeof(*w));
	char *table = NULL;
	size_t len = 0;
	FILE *later = open_memstream(&table, &len);

	dj_dash_begin(out, "keeps", true);
	if (w == NULL || later == NULL) {
		(void)fputs("<p>no memory</p>", out);
	} else {
		w->d = d;
		w->recent = json_array();
		w->names = json_object();
		w->said_count = dj_dash_hosts_count(d->hosts);
		for (size_t i = 0; i < w->said_count; i++)
			dj_dash_hosts_said(d->hosts, i, &w->said[i]);
		put_keeps(w, later);
		(void)fflush(later);
		if (w->bare > 0)
			(void)fprintf(out,
				"<p class=\"band\" role=\"status\">EMULATED: "
				"nothing protects %zu of %zu running keeps from "
				"their hosts (development root)</p>\n",
				w->bare, w->live);
		(void)fputs("<h1>Keeps</h1>\n", out);
		(void)fwrite(table, 1, len, out);
		(void)fputs("<h2>Hosts</h2><div class=\"hosts\">\n", out);
		for (size_t i = 0; i < w->said_count; i++)
			put_host(out, &w->said[i]);
		if (w->said_count == 0)
			(void)fputs("<p>None: name one with --host.</p>", out);
		(void)fputs("</div>\n", out);
		put_recent(w, out);
		for (size_t i = 0; i < w->said_count; i++)
			dj_dash_said_done(&w->said[i]);
		json_decref(w->recent);
		json_decref(w->names);
	}
	dj_dash_end(out);
	if (later != NULL)
		(void)fclose(later);
	free(table);
	free(w);
}
