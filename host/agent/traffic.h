// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What the host agent sees of a session: kinds, sizes and times of frames,
 * and with a trace their first 16 bytes. It is kept so that people can be
 * shown how little that is.
 */
enum dj_way {
	DJ_WAY_C2K,
	DJ_WAY_K2C,
	DJ_WAY_COUNT
};

enum dj_traffic_kind {
	DJ_TRAFFIC_HELLO,
	DJ_TRAFFIC_OFFER,
	DJ_TRAFFIC_EVIDENCE,
	DJ_TRAFFIC_OPEN,
	DJ_TRAFFIC_RECORD_256,
	DJ_TRAFFIC_RECORD_1024,
	DJ_TRAFFIC_RECORD_4096,
	DJ_TRAFFIC_RECORD_16384,
	DJ_TRAFFIC_RECORD_ODD, /* no size that an honest end makes */
	DJ_TRAFFIC_ERROR,
	DJ_TRAFFIC_COUNT
};

struct dj_traffic {
	uint64_t frames[DJ_WAY_COUNT][DJ_TRAFFIC_COUNT];
	uint64_t bytes[DJ_WAY_COUNT][DJ_TRAFFIC_COUNT]; /* with headers */
};

const char *dj_traffic_way_name(enum dj_way way);
const char *dj_traffic_kind_name(enum dj_traffic_kind kind);
enum dj_traffic_kind dj_traffic_kind_of(uint8_t type, uint32_t len);

/* len is the payload's. */
void dj_traffic_count(struct dj_traffic *t, enum dj_way way, uint8_t type,
	uint32_t len);

/*
 * One JSON line: time, Keep, direction, type, payload bytes, and the first
 * bytes of the frame after its header (seen of them, at most 16).
 */
void dj_traffic_trace(FILE *to, const char *keep, enum dj_way way, uint8_t type,
	uint32_t len, const uint8_t *first, size_t seen);
