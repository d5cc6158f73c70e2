// SPDX-License-Identifier: Apache-2.0
#include "host/agent/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/agent/log.h"
#include "host/agent/tls.h"

/* Answers may pile up to here before a client that pipelines must read. */
#define OUTPUT_MAX    (1u << 20)
/* A TCP peer that is gone without a word is found out in this many seconds
   and as many probes, a quarter of it apart: sessions and consoles are silent
   for as long as they like. */
#define ALIVE_SECONDS 60
#define ALIVE_PROBES  4

enum state {
	READ_HEAD,
	READ_BODY,
	HANDLING,
	TAKEN,
	FLUSHING,  /* write what there is, then linger */
	LINGERING, /* nothing more to write: wait for the peer's end */
	DEAD,
};

struct dj_http_conn {
	struct dj_http *http;
	LIST_ENTRY(dj_http_conn) next;
	TAILQ_ENTRY(dj_http_conn) wait;
	bool is_waiting; /* in that list */
	uint64_t peer;   /* hash of uid or address */
	struct bufferevent *bev;
	struct event *timer;
	SSL *ssl; /* the bufferevent's, or NULL */
	bool is_private;
	enum state state;
	char *head_bytes;
	struct dj_http_head head;
	uint8_t *body;
	uint64_t begun; /* of the request, ns */
	char caller[DJ_HTTP_CALLER_MAX];
};

struct dj_http_listener {
	LIST_ENTRY(dj_http_listener) next;
	struct dj_http *http;
	struct evconnlistener *ev;
	struct event *retry;
	SSL_CTX *tls;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void set_timer(struct dj_http_conn *c, int seconds)
{
	struct timeval tv = { .tv_sec = seconds };

	if (seconds == 0)
		event_del(c->timer);
	else
		event_add(c->timer, &tv);
}

static void set_accepting(struct dj_http *h, bool on)
{
	struct dj_http_listener *l;

	h->is_full = !on;
	LIST_FOREACH(l, &h->listeners, next)
	{
		if (on)
			evconnlistener_enable(l->ev);
		else
			evconnlistener_disable(l->ev);
	}
}

static void drop_request(struct dj_http_conn *c)
{
	free(c->head_bytes);
	free(c->body);
	c->head_bytes = NULL;
	c->body = NULL;
	c->head = (struct dj_http_head){ 0 };
}

static void set_waiting(struct dj_http_conn *c, bool on)
{
	struct dj_http *h = c->http;

	if (c->is_waiting) {
		TAILQ_REMOVE(&h->waiting, c, wait);
		h->waiting_count--;
	}
	c->is_waiting = on && !c->is_private;
	if (c->is_waiting) {
		TAILQ_INSERT_TAIL(&h->waiting, c, wait);
		h->waiting_count++;
	}
}

static void conn_free(struct dj_http_conn *c)
{
	struct dj_http *h = c->http;
	bool was_private = c->is_private;

	set_waiting(c, false);
	LIST_REMOVE(c, next);
	h->conn_count--;
	drop_request(c);
	if (c->timer != NULL)
		event_free(c->timer);
	if (c->bev != NULL)
		bufferevent_free(c->bev);
	free(c);
	if (h->is_full && h->conn_count < h->max_conns)
		set_accepting(h, true);
	if (was_private)
		h->ops.on_private_end(h->arg);
}

static void kill_later(struct dj_http_conn *c)
{
	c->state = DEAD;
	set_waiting(c, false);
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
	event_active(c->timer, EV_TIMEOUT, 0);
}

/*
 * Closing with unread input would reset the connection and may take our last
 * words with it, so the peer gets a while to end first.
 */
static void linger(struct dj_http_conn *c)
{
	c->state = LINGERING;
	if (c->ssl != NULL)
		(void)SSL_shutdown(c->ssl);
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	bufferevent_disable(c->bev, EV_WRITE);
	bufferevent_setwatermark(c->bev, EV_READ, 0, 0);
	bufferevent_enable(c->bev, EV_READ);
}

static void advance(struct dj_http_conn *c);
static void on_read(struct bufferevent *bev, void *arg);
static void on_write(struct bufferevent *bev, void *arg);
static void on_event(struct bufferevent *bev, short what, void *arg);

static void flush_and_close(struct dj_http_conn *c, int seconds)
{
	c->state = FLUSHING;
	bufferevent_disable(c->bev, EV_READ);
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	set_timer(c, seconds);
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		linger(c);
}

static void refuse(struct dj_http_conn *c, int status)
{
	char body[256];
	int n = snprintf(body, sizeof(body),
		"{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"error\":\"http.request\"}\n",
		dj_http_status_text(status), status);

	c->head.wants_close = true;
	dj_http_reply(c,
		&(struct dj_http_answer){ .status = status,
			.type = "application/problem+json",
			.body = body,
			.len = (size_t)n });
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dj_http_conn *c = arg;
	bool is_idle;

	(void)fd;
	(void)what;
	is_idle = c->state == READ_HEAD &&
		evbuffer_get_length(bufferevent_get_input(c->bev)) == 0;
	if ((c->state == READ_HEAD && !is_idle) || c->state == READ_BODY)
		refuse(c, 408);
	else
		conn_free(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct dj_http_conn *c = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		dj_tls_caller(c->ssl, c->caller, sizeof(c->caller));
		return;
	}
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		/* A client may end its half and still want its answers. */
		if ((what & BEV_EVENT_EOF) && c->state == READ_HEAD &&
			evbuffer_get_length(bufferevent_get_output(c->bev)) !=
				0)
			flush_and_close(c, DJ_HTTP_CLOSE_SECONDS);
		else
			kill_later(c);
	}
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct dj_http_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	if (c->state == LINGERING)
		evbuffer_drain(in, evbuffer_get_length(in));
	else
		advance(c);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct dj_http_conn *c = arg;

	if (evbuffer_get_length(bufferevent_get_output(bev)) != 0)
		return;
	if (c->state == FLUSHING) {
		linger(c);
	} else if (c->state == READ_HEAD) {
		bufferevent_enable(bev, EV_READ);
		advance(c);
	}
}

/* A whole head in the input, or not yet. */
static bool take_head(struct dj_http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_ptr at = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	size_t len = evbuffer_get_length(in);
	int status;

	if (len != 0 && c->begun == 0) {
		c->begun = now_ns();
		set_timer(c, c->is_private ? 0 : DJ_HTTP_HEAD_SECONDS);
	}
	if (at.pos < 0) {
		if (len >= DJ_HTTP_HEAD_MAX)
			refuse(c, 431);
		return false;
	}
	len = (size_t)at.pos + 4;
	if (len > DJ_HTTP_HEAD_MAX) {
		refuse(c, 431);
		return false;
	}
	c->head_bytes = malloc(len + 1);
	if (c->head_bytes == NULL) {
		kill_later(c);
		return false;
	}
	evbuffer_remove(in, c->head_bytes, len);
	c->head_bytes[len] = '\0';
	if (dj_http_parse(c->head_bytes, len, &c->head, &status) != DJ_OK) {
		refuse(c, status);
		return false;
	}
	c->state = READ_BODY;
	set_timer(c, c->is_private ? 0 : DJ_HTTP_BODY_SECONDS);
	if (c->head.wants_continue && c->head.body_len > 0 &&
		evbuffer_get_length(in) < c->head.body_len)
		evbuffer_add_printf(bufferevent_get_output(c->bev),
			"HTTP/1.1 100 Continue\r\n\r\n");
	return true;
}

static bool take_body(struct dj_http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len = (size_t)c->head.body_len;

	if (evbuffer_get_length(in) < len)
		return false;
	c->body = malloc(len + 1);
	if (c->body == NULL) {
		kill_later(c);
		return false;
	}
	evbuffer_remove(in, c->body, len);
	c->body[len] = '\0';
	c->state = HANDLING;
	set_timer(c, 0);
	return true;
}

static void advance(struct dj_http_conn *c)
{
	for (;;) {
		if (c->state == READ_HEAD) {
			if (evbuffer_get_length(bufferevent_get_output(
				    c->bev)) > OUTPUT_MAX) {
				bufferevent_disable(c->bev, EV_READ);
				return;
			}
			if (!take_head(c))
				return;
		}
		if (c->state != READ_BODY || !take_body(c))
			return;
		c->http->ops.on_request(c, c->http->arg);
		if (c->state == HANDLING) {
			refuse(c, 500);
			return;
		}
	}
}

const char *dj_http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Unknown";
}

/* Ids of the client that travel with its requests, back to it. */
static void echo_ids(struct dj_http_conn *c, struct evbuffer *out)
{
	static const char *const names[] = { "X-Request-Id", "traceparent" };
	const char *v;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		v = dj_http_field(&c->head, names[i]);
		if (v != NULL && dj_http_is_id(v))
			evbuffer_add_printf(out, "%s: %s\r\n", names[i], v);
	}
}

void dj_http_reply(struct dj_http_conn *c, const struct dj_http_answer *a)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	bool is_head =
		c->head.method != NULL && strcmp(c->head.method, "HEAD") == 0;
	bool must_close = c->head.wants_close;

	evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nServer: donjond\r\n",
		a->status, dj_http_status_text(a->status));
	if (a->type != NULL)
		evbuffer_add_printf(out,
			"Content-Type: %s\r\nContent-Length: %zu\r\n", a->type,
			a->len);
	else if (a->status != 204 && a->status != 304)
		evbuffer_add_printf(out, "Content-Length: 0\r\n");
	if (must_close)
		evbuffer_add_printf(out, "Connection: close\r\n");
	evbuffer_add_printf(out, "%s", a->extra == NULL ? "" : a->extra);
	echo_ids(c, out);
	evbuffer_add_printf(out, "\r\n");
	if (a->type != NULL && !is_head)
		evbuffer_add(out, a->body, a->len);

	drop_request(c);
	c->begun = 0;
	c->state = READ_HEAD;
	set_waiting(c, true);
	set_timer(c, c->is_private ? 0 : DJ_HTTP_IDLE_SECONDS);
	if (must_close)
		flush_and_close(c, DJ_HTTP_CLOSE_SECONDS);
}

uint64_t dj_http_micros(const struct dj_http_conn *c)
{
	return c->begun == 0 ? 0 : (now_ns() - c->begun) / 1000;
}

static struct bufferevent *take(struct dj_http_conn *c)
{
	drop_request(c);
	c->state = TAKEN;
	set_waiting(c, false);
	set_timer(c, 0);
	bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
	return c->bev;
}

struct bufferevent *dj_http_take(struct dj_http_conn *c, const char *protocol,
	const char *extra)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	evbuffer_add_printf(out,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s",
		protocol, extra == NULL ? "" : extra);
	echo_ids(c, out);
	evbuffer_add_printf(out, "\r\n");
	return take(c);
}

struct bufferevent *dj_http_stream(struct dj_http_conn *c, const char *type)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	evbuffer_add_printf(out,
		"HTTP/1.1 200 OK\r\nServer: donjond\r\nContent-Type: %s\r\nCache-Control: no-store\r\nConnection: close\r\n",
		type);
	echo_ids(c, out);
	evbuffer_add_printf(out, "\r\n");
	return take(c);
}

void dj_http_finish(struct dj_http_conn *c)
{
	/* No session and no stream any more: it makes room like the others. */
	set_waiting(c, true);
	flush_and_close(c, DJ_HTTP_FINISH_SECONDS);
}

void dj_http_close(struct dj_http_conn *c)
{
	kill_later(c);
}

const struct dj_http_head *dj_http_head(const struct dj_http_conn *c)
{
	return &c->head;
}

const uint8_t *dj_http_body(const struct dj_http_conn *c, size_t *ret_len)
{
	*ret_len = (size_t)c->head.body_len;
	return c->body;
}

const char *dj_http_caller(const struct dj_http_conn *c)
{
	return c->caller;
}

bool dj_http_is_tls(const struct dj_http_conn *c)
{
	return c->ssl != NULL;
}

static void find_uid(struct dj_http_conn *c, int fd)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
		who.uid != (uid_t)-1) {
		c->peer = who.uid;
		snprintf(c->caller, sizeof(c->caller), "uid:%u", who.uid);
	}
}

/* An address without its port; IPv6 by /64, for one host has all of that. */
static uint64_t hash_address(const struct sockaddr *sa)
{
	const uint8_t *p;
	uint64_t h = 0xcbf29ce484222325;
	size_t n;

	if (sa->sa_family == AF_INET) {
		p = (const uint8_t *)&(
			(const struct sockaddr_in *)(const void *)sa)
			    ->sin_addr;
		n = 4;
	} else if (sa->sa_family == AF_INET6) {
		p = ((const struct sockaddr_in6 *)(const void *)sa)
			    ->sin6_addr.s6_addr;
		n = 8;
	} else {
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return h;
}

/* Makes room for c, which has just been accepted, among those that wait. */
static void evict(struct dj_http_conn *c)
{
	struct dj_http *h = c->http;
	struct dj_http_conn *own = NULL;
	struct dj_http_conn *one;
	size_t count = 0;

	TAILQ_FOREACH(one, &h->waiting, wait)
	{
		if (one->peer != c->peer)
			continue;
		if (own == NULL)
			own = one;
		count++;
	}
	one = NULL;
	if (count > h->max_waiting / 2)
		one = own;
	else if (h->waiting_count > h->max_waiting)
		one = TAILQ_FIRST(&h->waiting);
	if (one == NULL)
		return;
	h->evicted_total++;
	kill_later(one);
}

/* Owns fd in any case. */
static struct dj_http_conn *conn_new(struct dj_http *h, int fd, SSL_CTX *tls)
{
	struct dj_http_conn *c = calloc(1, sizeof(*c));
	SSL *ssl = tls == NULL ? NULL : SSL_new(tls);

	if (c == NULL || (tls != NULL && ssl == NULL)) {
		free(c);
		SSL_free(ssl);
		close(fd);
		return NULL;
	}
	c->bev = ssl == NULL
		? bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE)
		: bufferevent_openssl_socket_new(h->base, fd, ssl,
			  BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL) {
		SSL_free(ssl);
		close(fd);
		free(c);
		return NULL;
	}
	c->http = h;
	c->ssl = ssl;
	LIST_INSERT_HEAD(&h->conns, c, next);
	h->conn_count++;
	h->conn_total++;
	c->timer = event_new(h->base, -1, 0, on_timer, c);
	if (c->timer == NULL) {
		conn_free(c);
		return NULL;
	}
	if (ssl == NULL)
		find_uid(c, fd);
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	set_timer(c, DJ_HTTP_HEAD_SECONDS);
	return c;
}

static void on_accept(struct evconnlistener *ev, evutil_socket_t fd,
	struct sockaddr *sa, int salen, void *arg)
{
	struct dj_http_listener *l = arg;
	struct dj_http_conn *c = conn_new(l->http, fd, l->tls);

	(void)ev;
	(void)salen;
	if (c == NULL)
		return;
	if (sa->sa_family != AF_UNIX)
		c->peer = hash_address(sa);
	set_waiting(c, true);
	evict(c);
	if (l->http->conn_count >= l->http->max_conns)
		set_accepting(l->http, false);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct dj_http_listener *l = arg;

	(void)fd;
	(void)what;
	if (!l->http->is_full)
		evconnlistener_enable(l->ev);
}

/* Out of descriptors, most likely: try again in a second, not at once. */
static void on_accept_error(struct evconnlistener *ev, void *arg)
{
	struct dj_http_listener *l = arg;
	struct timeval tv = { .tv_sec = 1 };

	dj_log(DJ_LOG_WARN, "http.accept_failed", "why", strerror(errno), NULL);
	evconnlistener_disable(ev);
	event_add(l->retry, &tv);
}

/* Accepted sockets inherit these; a Unix socket has no such options. */
static void set_tcp(int fd)
{
	const struct {
		int level;
		int name;
		int value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, ALIVE_SECONDS },
		{ IPPROTO_TCP, TCP_KEEPINTVL, ALIVE_SECONDS / ALIVE_PROBES },
		{ IPPROTO_TCP, TCP_KEEPCNT, ALIVE_PROBES },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name,
			&options[i].value, sizeof(options[i].value));
}

dj_status dj_http_listen(struct dj_http *h, int fd, SSL_CTX *tls)
{
	struct dj_http_listener *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return DJ_E_NOMEM;
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	set_tcp(fd);
	l->http = h;
	l->tls = tls;
	l->retry = event_new(h->base, -1, 0, on_retry, l);
	l->ev = evconnlistener_new(h->base, on_accept, l,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (l->retry == NULL || l->ev == NULL) {
		if (l->retry != NULL)
			event_free(l->retry);
		if (l->ev != NULL)
			evconnlistener_free(l->ev);
		free(l);
		return DJ_E_NOMEM;
	}
	evconnlistener_set_error_cb(l->ev, on_accept_error);
	LIST_INSERT_HEAD(&h->listeners, l, next);
	return DJ_OK;
}

dj_status dj_http_serve_fd(struct dj_http *h, int fd)
{
	struct dj_http_conn *c;

	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	c = conn_new(h, fd, NULL);
	if (c == NULL)
		return DJ_E_NOMEM;
	c->is_private = true;
	set_timer(c, 0);
	return DJ_OK;
}

void dj_http_init(struct dj_http *h)
{
	TAILQ_INIT(&h->waiting);
}

void dj_http_done(struct dj_http *h)
{
	struct dj_http_listener *l;
	struct dj_http_conn *next;
	struct dj_http_conn *c;

	while ((l = LIST_FIRST(&h->listeners)) != NULL) {
		LIST_REMOVE(l, next);
		evconnlistener_free(l->ev);
		event_free(l->retry);
		free(l);
	}
	c = LIST_FIRST(&h->conns);
	while (c != NULL) {
		next = LIST_NEXT(c, next);
		c->is_private = false;
		conn_free(c);
		c = next;
	}
}
