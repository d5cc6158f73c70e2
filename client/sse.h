// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * A stream of server-sent events (WHATWG HTML 9.2), as a host agent sends
 * them: bytes in any pieces in, events out. All of it is the host's word.
 *
 *   struct dj_sse s = { 0 };
 *   while (bytes come) dj_sse_feed(&s, bytes, len, take, ctx);
 *
 * Fields: data, id; event and retry are read over, for the name stands in the
 * data and how long to wait is ours to say. Lines end with LF, CR or CRLF.
 */
#define DJ_SSE_LINE_MAX 16384 /* also of an event's data */

struct dj_sse {
	char line[DJ_SSE_LINE_MAX];
	size_t line_len;
	bool after_cr;
	char data[DJ_SSE_LINE_MAX];
	size_t data_len;
	bool has_data;
};

/* data: len bytes, a NUL follows; borrowed. */
typedef void dj_sse_take(void *ctx, const char *data, size_t len);

/* DJ_E_LIMIT: a line or an event is too long; the stream is of no more use. */
dj_status dj_sse_feed(struct dj_sse *s, const char *p, size_t len,
	dj_sse_take *take, void *ctx);

/*
 * One donjon.event/1 of a host: only what is known of it, each within its
 * bounds, made anew in the schema's order. detail is the host's object as it
 * is: to be shown cleaned. NULL: it is not one. *ret_id: its number, not 0.
 */
json_t *dj_event_read(const char *data, size_t len, uint64_t *ret_id);
