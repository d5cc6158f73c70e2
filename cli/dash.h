// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "client/gate.h"
#include "client/hosts.h"

/*
 * The local page (donjon-dash in donjon(1)): what this client knows of its
 * Keeps, judged by itself, and beside it what hosts say. It reads and never
 * changes anything.
 *
 *   cmd_dash.c     the verb
 *   dash_server.c  HTTP by libevent, who may come in (client/gate.h)
 *   dash_hosts.c   a thread for each host: one that hangs costs nothing
 *   dash_view.c    pages; dash_keep.c that of one Keep
 *   dash/          style sheet and script, put into the program as they are
 */

/* ---- hosts ---- */

struct dj_dash_hosts;

/* What one host said last. All of it is its word. */
struct dj_dash_said {
	char name[256];
	json_t *agent;   /* donjon.agent/1, NULL: none */
	json_t *keeps;   /* array of donjon.keep/1, NULL: none */
	json_t *events;  /* array of donjon.event/1, oldest first */
	char error[400]; /* "": it answers */
	int64_t age_ms;  /* since it was asked; -1: not yet */
};

struct dj_dash_hosts *dj_dash_hosts_new(void);
/* Takes the hosts over and asks them from now on, each in its own thread. */
void dj_dash_hosts_ask(struct dj_dash_hosts *h, struct dj_hosts *more);
size_t dj_dash_hosts_count(struct dj_dash_hosts *h);
/* A copy, to be released with dj_dash_said_done(). */
void dj_dash_hosts_said(struct dj_dash_hosts *h, size_t i,
	struct dj_dash_said *ret);
void dj_dash_said_done(struct dj_dash_said *s);

/* ---- pages ---- */

struct dj_dash {
	struct dj_gate gate;
	struct dj_dash_hosts *hosts;
	const char
		*policy; /* --policy: judge by this one; NULL: each its own */
};

/* Each writes a whole document. False: there is no such page. */
void dj_dash_overview(const struct dj_dash *d, FILE *out);
bool dj_dash_keep(const struct dj_dash *d, const char *name, FILE *out);
bool dj_dash_help(const char *topic, FILE *out);
void dj_dash_error(int status, const char *title, const char *text, FILE *out);

/* Beginning and end of a document. refresh: it changes, so it is got again. */
void dj_dash_begin(FILE *out, const char *title, bool refresh);
void dj_dash_end(FILE *out);
/* "1.2 KB", "3 min": in words for people. */
void dj_dash_size(FILE *out, uint64_t bytes);
void dj_dash_ago(FILE *out, int64_t seconds);
/* A time of RFC 3339, as people read it. */
void dj_dash_time(FILE *out, const char *time);
/* One host's event or one of ours, as a list item. */
void dj_dash_event(FILE *out, const json_t *event, bool with_name);

/* ---- server ---- */

/* Never returns unless it cannot listen: err. Prints nothing. */
struct dj_dash_server;
DJ_NODISCARD bool dj_dash_listen(struct dj_dash *d, uint16_t port,
	struct dj_dash_server **ret, struct dj_err *err);
void dj_dash_serve(struct dj_dash_server *s);

/* ---- what is in dash/ ---- */

extern const char dj_dash_css[], dj_dash_css_end[];
extern const char dj_dash_js[], dj_dash_js_end[];
extern const char dj_dash_svg[], dj_dash_svg_end[];
