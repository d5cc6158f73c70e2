// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/dash.h"
#include "client/record.h"
#include "lib/proto/evidence.h"

#define HEAD_MAX 16384
#define IDLE_S   30

struct dj_dash_server {
	struct dj_dash *dash;
	struct event_base *base;
	struct evhttp *http;
};

/*
 * Nothing but this page's own style sheet and script, from here, may load or
 * run; nobody may frame it; nothing is kept in a cache or sent as a referrer.
 */
static const struct {
	const char *name, *value;
} fields[] = {
	{ "Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cache-Control", "no-store" },
	{ "Server", "donjon" },
};

static void answer(struct evhttp_request *r, int status, const char *reason,
	const char *type, const void *p, size_t len)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(r);
	struct evbuffer *body = evhttp_request_get_output_buffer(r);

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		(void)evhttp_add_header(out, fields[i].name, fields[i].value);
	(void)evhttp_add_header(out, "Content-Type", type);
	(void)evbuffer_add(body, p, len);
	evhttp_send_reply(r, status, reason, NULL);
}

/* A page is made whole in memory before any of it is sent. */
struct page {
	FILE *out;
	char *p;
	size_t len;
};

static bool page_begin(struct page *pg)
{
	*pg = (struct page){ 0 };
	pg->out = open_memstream(&pg->p, &pg->len);
	return pg->out != NULL;
}

static void page_send(struct page *pg, struct evhttp_request *r, int status,
	const char *reason)
{
	static const char none[] = "no memory";
	bool good = fclose(pg->out) == 0 && pg->p != NULL;

	if (good)
		answer(r, status, reason, "text/html; charset=utf-8", pg->p,
			pg->len);
	else
		answer(r, 500, "Internal Server Error",
			"text/plain; charset=utf-8", none, strlen(none));
	free(pg->p);
}

static void refuse(struct evhttp_request *r, int status, const char *reason,
	const char *text)
{
	struct page pg;

	if (!page_begin(&pg)) {
		evhttp_send_error(r, 500, NULL);
		return;
	}
	dj_dash_error(status, reason, text, pg.out);
	page_send(&pg, r, status, reason);
}

static void enter(struct dj_dash *d, struct evhttp_request *r)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(r);
	char cookie[160];

	dj_gate_cookie(&d->gate, cookie);
	(void)evhttp_add_header(out, "Set-Cookie", cookie);
	(void)evhttp_add_header(out, "Location", "/");
	answer(r, 303, "See Other", "text/plain; charset=utf-8", "", 0);
}

/* The bundle as it lies there, to be judged elsewhere. */
static bool send_evidence(struct evhttp_request *r, const char *name)
{
	struct dj_err ignored = { 0 };
	struct dj_record rec;
	char field[120];
	uint8_t *p;
	size_t len = 0;

	if (!dj_record_peek(&rec, name, &ignored))
		return false;
	p = dj_record_read(&rec, "evidence", DJ_BUNDLE_MAX, &len);
	dj_record_close(&rec);
	if (p == NULL)
		return false;
	(void)snprintf(field, sizeof(field),
		"attachment; filename=\"%.63s.evidence\"", name);
	(void)evhttp_add_header(evhttp_request_get_output_headers(r),
		"Content-Disposition", field);
	answer(r, 200, "OK", "application/octet-stream", p, len);
	free(p);
	return true;
}

static bool send_file(struct evhttp_request *r, const char *path)
{
	if (strcmp(path, "/dash.css") == 0)
		answer(r, 200, "OK", "text/css; charset=utf-8", dj_dash_css,
			(size_t)(dj_dash_css_end - dj_dash_css));
	else if (strcmp(path, "/dash.js") == 0)
		answer(r, 200, "OK", "text/javascript; charset=utf-8",
			dj_dash_js, (size_t)(dj_dash_js_end - dj_dash_js));
	else if (strcmp(path, "/dash.svg") == 0)
		answer(r, 200, "OK", "image/svg+xml", dj_dash_svg,
			(size_t)(dj_dash_svg_end - dj_dash_svg));
	else
		return false;
	return true;
}

static bool send_page(struct dj_dash *d, struct evhttp_request *r,
	const char *path)
{
	struct page pg;
	bool good = true;

	if (!page_begin(&pg))
		return false;
	if (strcmp(path, "/") == 0)
		dj_dash_overview(d, pg.out);
	else if (strncmp(path, "/keep/", 6) == 0)
		good = dj_dash_keep(d, path + 6, pg.out);
	else if (strncmp(path, "/help/", 6) == 0)
		good = dj_dash_help(path + 6, pg.out);
	else
		good = false;
	if (good) {
		page_send(&pg, r, 200, "OK");
		return true;
	}
	(void)fclose(pg.out);
	free(pg.p);
	return false;
}

static void route(struct dj_dash *d, struct evhttp_request *r, const char *path)
{
	struct dj_hosts more = { 0 };
	static const char evidence[] = "/evidence/";
	bool good;

	/* Keeps started since bring their hosts with them. */
	dj_hosts_add_tickets(&more);
	dj_dash_hosts_ask(d->hosts, &more);
	if (strncmp(path, evidence, strlen(evidence)) == 0)
		good = send_evidence(r, path + strlen(evidence));
	else
		good = send_file(r, path) || send_page(d, r, path);
	if (!good)
		refuse(r, 404, "Not Found", "There is nothing here.");
}

static void on_request(struct evhttp_request *r, void *arg)
{
	struct dj_dash *d = arg;
	struct evkeyvalq *in = evhttp_request_get_input_headers(r);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r);
	const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
	enum evhttp_cmd_type verb = evhttp_request_get_command(r);
	struct dj_gate_request asked = {
		.is_get = verb == EVHTTP_REQ_GET || verb == EVHTTP_REQ_HEAD,
		.host = evhttp_find_header(in, "Host"),
		.origin = evhttp_find_header(in, "Origin"),
		.site = evhttp_find_header(in, "Sec-Fetch-Site"),
		.cookie = evhttp_find_header(in, "Cookie"),
		.query = uri == NULL ? NULL : evhttp_uri_get_query(uri),
	};

	switch (dj_gate_judge(&d->gate, &asked)) {
	case DJ_GATE_OPEN:
		route(d, r, path == NULL ? "" : path);
		return;
	case DJ_GATE_ENTER:
		enter(d, r);
		return;
	case DJ_GATE_METHOD:
		refuse(r, 405, "Method Not Allowed",
			"This page is for reading only.");
		return;
	case DJ_GATE_HOST:
		refuse(r, 421, "Misdirected Request",
			"This page was asked for by a name that is not its own.");
		return;
	case DJ_GATE_CROSS:
		refuse(r, 403, "Forbidden",
			"Another site has asked for this page.");
		return;
	case DJ_GATE_STRANGER:
		refuse(r, 403, "Forbidden",
			"Open the address that donjon dash has printed: it has a token that lets you in.");
		return;
	}
}

static bool make_token(struct dj_gate *g, struct dj_err *err)
{
	uint8_t random[DJ_GATE_TOKEN / 2];

	if (RAND_priv_bytes(random, sizeof(random)) != 1)
		return dj_err_set(err, "internal.bug",
			"making a token: OpenSSL has no random bytes");
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(g->token + 2 * i, 3, "%02x", random[i]);
	return true;
}

static bool bind_to(struct dj_dash_server *s, uint16_t port, struct dj_err *err)
{
	struct evhttp_bound_socket *b =
		evhttp_bind_socket_with_handle(s->http, "127.0.0.1", port);
	struct sockaddr_in a = { 0 };
	socklen_t len = sizeof(a);

	if (b == NULL ||
		getsockname(evhttp_bound_socket_get_fd(b),
			(struct sockaddr *)&a, &len) != 0)
		return dj_err_set(err, "dash.listen",
			"listening on 127.0.0.1, port %u: %s", port,
			strerror(errno));
	s->dash->gate.port = ntohs(a.sin_port);
	return true;
}

bool dj_dash_listen(struct dj_dash *d, uint16_t port,
	struct dj_dash_server **ret, struct dj_err *err)
{
	struct dj_dash_server *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->dash = d;
		s->base = event_base_new();
		s->http = s->base == NULL ? NULL : evhttp_new(s->base);
	}
	if (s == NULL || s->http == NULL) {
		(void)dj_err_set(err, "internal.memory", "no memory");
	} else if (make_token(&d->gate, err) && bind_to(s, port, err)) {
		/* All methods reach the gate, which says no to most. */
		evhttp_set_allowed_methods(s->http, 0xffff);
		evhttp_set_max_headers_size(s->http, HEAD_MAX);
		evhttp_set_max_body_size(s->http, 0);
		evhttp_set_timeout(s->http, IDLE_S);
		evhttp_set_gencb(s->http, on_request, d);
		*ret = s;
		return true;
	}
	if (s != NULL && s->http != NULL)
		evhttp_free(s->http);
	if (s != NULL && s->base != NULL)
		event_base_free(s->base);
	free(s);
	return false;
}

void dj_dash_serve(struct dj_dash_server *s)
{
	(void)event_base_dispatch(s->base);
}
