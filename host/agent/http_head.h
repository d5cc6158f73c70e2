// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * The head of an HTTP/1.1 request (RFC 9112) from a stranger, read strictly:
 * everything that two parsers could see differently is refused, so nothing
 * in front of us can be talked into another view. Refused: bare CR or LF,
 * folded lines, space before a colon, control characters, a target that is
 * not a path, more or less than one Host in HTTP/1.1, two Content-Length,
 * any Transfer-Encoding (bodies here are small and have a length).
 */
#define DJ_HTTP_HEAD_MAX   16384
#define DJ_HTTP_FIELDS_MAX 64
#define DJ_HTTP_BODY_MAX   (1u << 20)

struct dj_http_field {
	const char *name;
	const char *value;
};

struct dj_http_head {
	const char *method;
	const char *path;  /* as sent: begins with /, not decoded */
	const char *query; /* after ?, not decoded; NULL if there is none */
	bool is_http10;
	bool wants_close;    /* Connection: close, or HTTP/1.0 */
	bool wants_upgrade;  /* Connection: upgrade */
	bool wants_continue; /* Expect: 100-continue */
	uint64_t body_len;
	size_t field_count;
	struct dj_http_field fields[DJ_HTTP_FIELDS_MAX];
};

/*
 * Reads buf[0..len), a head with its empty line, cutting it into strings in
 * place: *ret points into buf. On failure *ret_status is the HTTP status to
 * answer with (400, 413, 417, 431, 501, 505) and the connection must close.
 */
dj_status dj_http_parse(char *buf, size_t len, struct dj_http_head *ret,
	int *ret_status);

/* Value of the first field of that name, or NULL. */
const char *dj_http_field(const struct dj_http_head *h, const char *name);

/* Is token in a comma separated list (Connection, Upgrade)? */
bool dj_http_has_token(const char *list, const char *token);

/*
 * Value of a query parameter, decoded into dst. DJ_E_STATE: absent;
 * DJ_E_INPUT: bad escape, a NUL, or given twice; DJ_E_LIMIT: over cap - 1.
 */
dj_status dj_http_query(const char *query, const char *name, char *dst,
	size_t cap);

/* 1 to 128 visible ASCII characters: safe to echo and to log. */
bool dj_http_is_id(const char *s);
