// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "host/agent/http_head.h"
#include "lib/base/status.h"

/*
 * A small HTTP/1.1 server on libevent's bufferevents. libevent's own evhttp
 * is not used: it can serve no descriptor that is already connected (the
 * private agent), cannot bound its connections nor the time a head takes,
 * and offers no way to take a connection over for a session.
 *
 * Each request is answered inside on_request, by dj_http_reply() or by
 * dj_http_take(). Connections are freed from the event loop only, never
 * inside a call of this header, so a caller's pointer stays good until it
 * returns.
 */
struct dj_http_conn;

struct dj_http_ops {
	void (*on_request)(struct dj_http_conn *c, void *arg);
	/* The private connection ended (dj_http_serve_fd). */
	void (*on_private_end)(void *arg);
};

struct dj_http {
	struct event_base *base;
	struct dj_http_ops ops;
	void *arg;
	size_t max_conns;
	size_t conn_count;
	/*
	 * Connections that are no session and no stream wait for a request or
	 * for their end. Beyond max_waiting the oldest is closed, beyond half
	 * of that the oldest of the same peer (uid or address): whoever only
	 * holds connections open loses those first, and nobody else waits.
	 */
	size_t max_waiting;
	size_t waiting_count;
	uint64_t evicted_total;
	TAILQ_HEAD(, dj_http_conn) waiting; /* oldest first */
	uint64_t conn_total;
	bool is_full; /* listeners are off until a connection ends */
	LIST_HEAD(, dj_http_conn) conns;
	LIST_HEAD(, dj_http_listener) listeners;
};

#define DJ_HTTP_CALLER_MAX     256
/* Seconds; the first three are what a slow stranger gets. */
#define DJ_HTTP_HEAD_SECONDS   10
#define DJ_HTTP_BODY_SECONDS   30
#define DJ_HTTP_CLOSE_SECONDS  5
#define DJ_HTTP_IDLE_SECONDS   60
/* For the last bytes of a session. */
#define DJ_HTTP_FINISH_SECONDS 30

/* Serves a listening socket, which is owned from here on; tls may be NULL
   and is borrowed. */
dj_status dj_http_listen(struct dj_http *h, int fd, SSL_CTX *tls);
/* Serves a connected socket; when it ends, ops.on_private_end. */
dj_status dj_http_serve_fd(struct dj_http *h, int fd);
void dj_http_init(struct dj_http *h);
void dj_http_done(struct dj_http *h);

/* The request under way. body is not terminated. */
const struct dj_http_head *dj_http_head(const struct dj_http_conn *c);
const uint8_t *dj_http_body(const struct dj_http_conn *c, size_t *ret_len);
/* "uid:N" or "cert:SUBJECT", or "" if it is not known who that is. */
const char *dj_http_caller(const struct dj_http_conn *c);
/* Is the connection encrypted, so that its socket is the library's? */
bool dj_http_is_tls(const struct dj_http_conn *c);

struct dj_http_answer {
	int status;
	const char *type;  /* NULL: no body */
	const char *extra; /* header lines, each with CRLF; NULL: none */
	const void *body;
	size_t len;
};
void dj_http_reply(struct dj_http_conn *c, const struct dj_http_answer *a);
/* How the last answer went, for the log. */
uint64_t dj_http_micros(const struct dj_http_conn *c);

/*
 * Takes the connection over after a 101: the bufferevent is lent, with no
 * callbacks set and bytes that came early still in its input; end it with
 * dj_http_finish() (flush what was written, then close) or dj_http_close(),
 * after which neither may be touched.
 */
struct bufferevent *dj_http_take(struct dj_http_conn *c, const char *protocol,
	const char *extra);
/*
 * Takes the connection over for an answer without an end that was known: its
 * head is written, the body is what the caller writes to the bufferevent, and
 * its end is the connection's. As with dj_http_take() otherwise.
 */
struct bufferevent *dj_http_stream(struct dj_http_conn *c, const char *type);
void dj_http_finish(struct dj_http_conn *c);
void dj_http_close(struct dj_http_conn *c);

const char *dj_http_status_text(int status);
