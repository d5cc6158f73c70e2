// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What anyone on the way can see of a session, its host above all: how many
 * frames of which kind and size went which way, and when. Counted here, by
 * the client, so that it is no host's word. Nothing in it is secret: it is
 * exactly what is not.
 */
enum dj_seen_way {
	DJ_SEEN_TO_KEEP,
	DJ_SEEN_TO_CLIENT,
	DJ_SEEN_WAYS
};

enum dj_seen_kind {
	DJ_SEEN_HELLO,
	DJ_SEEN_OFFER,
	DJ_SEEN_EVIDENCE,
	DJ_SEEN_OPEN,
	DJ_SEEN_RECORD_256,
	DJ_SEEN_RECORD_1024,
	DJ_SEEN_RECORD_4096,
	DJ_SEEN_RECORD_16384,
	DJ_SEEN_ERROR,
	DJ_SEEN_KINDS
};

/* Bins of a time line; when it is full, two become one. */
#define DJ_SEEN_BINS 64

struct dj_seen {
	int64_t began;  /* wall clock, ms since 1970; 0: nothing yet */
	int64_t start;  /* monotonic, ms */
	int64_t bin_ms; /* width of a bin */
	uint64_t frames[DJ_SEEN_WAYS][DJ_SEEN_KINDS];
	uint64_t bytes[DJ_SEEN_WAYS][DJ_SEEN_KINDS]; /* with headers */
	uint32_t line[DJ_SEEN_WAYS][DJ_SEEN_BINS];   /* frames */
	size_t bins;                                 /* used */
};

/* len: of the whole frame. A type of no frame counts as ERROR. */
void dj_seen_count(struct dj_seen *s, enum dj_seen_way way, uint8_t type,
	size_t len);

/*
 * {"began":"time","ms":N,"to-keep":{"record-256":{"frames","bytes"},...},
 * "to-client":{...},"line":{"ms":N,"to-keep":[...],"to-client":[...]}}; the
 * names are those of the host agent's own count.
 */
json_t *dj_seen_json(const struct dj_seen *s);
