// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/errors.h"

/*
 * The host agent as the client sees it: HTTP/1.1 requests with JSON, and one
 * upgrade to a session link (docs/architecture.md). Over TCP libcurl does
 * requests and TLS 1.3 (client/curl.h); over a Unix socket, and over the one
 * connection to a private agent, they are made by hand. Nothing that comes
 * from there is trusted; text of the host reaches people only cleaned and as
 * its word.
 */
struct dj_host_options {
	const char *url; /* unix:PATH or https://NAME[:PORT] */
	const char *ca;  /* files; NULL: none */
	const char *cert;
	const char *key;
	const char *token_file;
	int private_fd; /* not -1: a connected socket; url is ignored */
};

struct dj_curl;
struct dj_host;

/* NULL with err: usage.value (URL), input.file (token). */
struct dj_host *dj_host_open(const struct dj_host_options *options,
	struct dj_err *err);
void dj_host_free(struct dj_host *host);
/* For messages: the URL, or "private agent". */
const char *dj_host_name(const struct dj_host *host);

/*
 * One request. body may be NULL. Any answer in 200..299 is true, with the
 * body's JSON in *ret, NULL if it had none; ret may be NULL. Else an error:
 * host.absent, host.tls, host.denied, host.tee (404 to a POST), host.busy,
 * host.refused, host.answer.
 */
DJ_NODISCARD bool dj_host_request(struct dj_host *host, const char *method,
	const char *path, json_t *body, json_t **ret, struct dj_err *err);

/*
 * A link for session frames: non-blocking bytes both ways, TLS or not.
 * fd is for poll(2) alone; after POLLIN call recv until it says WAIT, since
 * TLS may hold bytes that poll does not see.
 */
struct dj_link {
	int fd;     /* -1: closed */
	void *curl; /* NULL: plain */
	const struct dj_curl *lib;
};

enum dj_link_got {
	DJ_LINK_SOME,   /* *ret_len > 0 */
	DJ_LINK_WAIT,   /* nothing now */
	DJ_LINK_CLOSED, /* the other side ended it, or it broke */
};

enum dj_link_got dj_link_recv(struct dj_link *link, void *buf, size_t cap,
	size_t *ret_len);
enum dj_link_got dj_link_send(struct dj_link *link, const void *buf, size_t len,
	size_t *ret_len);
void dj_link_close(struct dj_link *link);

/*
 * GET path with Upgrade: donjon-session/1. With a private agent its only
 * connection becomes the link and no further request is possible.
 */
DJ_NODISCARD bool dj_host_upgrade(struct dj_host *host, const char *path,
	struct dj_link *ret, struct dj_err *err);

/*
 * GET path for a stream of server-sent events, from the one after last_id on;
 * what comes over the link is the stream. Never with a private agent, whose
 * only connection it would take. Errors as of a request.
 */
DJ_NODISCARD bool dj_host_stream(struct dj_host *host, const char *path,
	const char *last_id, struct dj_link *ret, struct dj_err *err);

/*
 * Heads of answers, read by hand; they end with an empty line, which the
 * caller has found.
 *
 * dj_http_status: the status, 0 for what is not an HTTP/1.1 answer.
 * dj_http_upgrade_status: the same, and 0 for a 101 to another protocol.
 * dj_http_length: Content-Length, there once, at most max, and no
 * Transfer-Encoding.
 */
int dj_http_status(const char *head, size_t len);
int dj_http_upgrade_status(const char *head, size_t len);
bool dj_http_length(const char *head, size_t len, size_t max, size_t *ret);
