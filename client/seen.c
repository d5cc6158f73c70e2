// SPDX-License-Identifier: Apache-2.0
#include "client/seen.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/proto/frame.h"
#include "lib/proto/record.h"

#define FIRST_BIN_MS 5

static int64_t ms_of(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static enum dj_seen_kind kind_of(uint8_t type, size_t len)
{
	switch (type) {
	case DJ_FRAME_HELLO:
		return DJ_SEEN_HELLO;
	case DJ_FRAME_OFFER:
		return DJ_SEEN_OFFER;
	case DJ_FRAME_EVIDENCE:
		return DJ_SEEN_EVIDENCE;
	case DJ_FRAME_OPEN:
		return DJ_SEEN_OPEN;
	case DJ_FRAME_RECORD:
		break;
	default:
		return DJ_SEEN_ERROR;
	}
	len -= len < DJ_FRAME_HEADER ? len : DJ_FRAME_HEADER;
	return len <= 256 + 16     ? DJ_SEEN_RECORD_256
		: len <= 1024 + 16 ? DJ_SEEN_RECORD_1024
		: len <= 4096 + 16 ? DJ_SEEN_RECORD_4096
				   : DJ_SEEN_RECORD_16384;
}

/* Two bins become one until there is room for `at`. */
static void widen(struct dj_seen *s, int64_t at)
{
	while (at / s->bin_ms >= DJ_SEEN_BINS) {
		for (size_t w = 0; w < DJ_SEEN_WAYS; w++) {
			uint32_t *line = s->line[w];

			for (size_t i = 0; i < DJ_SEEN_BINS / 2; i++)
				line[i] = line[2 * i] + line[2 * i + 1];
			memset(line + DJ_SEEN_BINS / 2, 0,
				DJ_SEEN_BINS / 2 * sizeof(*line));
		}
		s->bin_ms *= 2;
		s->bins = (s->bins + 1) / 2;
	}
}

void dj_seen_count(struct dj_seen *s, enum dj_seen_way way, uint8_t type,
	size_t len)
{
	enum dj_seen_kind kind = kind_of(type, len);
	int64_t now = ms_of(CLOCK_MONOTONIC), at;
	size_t bin;

	if (s->began == 0) {
		s->began = ms_of(CLOCK_REALTIME);
		s->start = now;
		s->bin_ms = FIRST_BIN_MS;
	}
	at = now < s->start ? 0 : now - s->start;
	widen(s, at);
	bin = (size_t)(at / s->bin_ms);
	s->frames[way][kind]++;
	s->bytes[way][kind] += len;
	s->line[way][bin]++;
	if (s->bins <= bin)
		s->bins = bin + 1;
}

static json_t *way_json(const struct dj_seen *s, size_t w)
{
	static const char *const names[DJ_SEEN_KINDS] = { "hello", "offer",
		"evidence", "open", "record-256", "record-1024", "record-4096",
		"record-16384", "error" };
	json_t *o = json_object();

	for (size_t k = 0; k < DJ_SEEN_KINDS; k++) {
		if (s->frames[w][k] == 0)
			continue;
		(void)json_object_set_new(o, names[k],
			json_pack("{s:I,s:I}", "frames",
				(json_int_t)s->frames[w][k], "bytes",
				(json_int_t)s->bytes[w][k]));
	}
	return o;
}

static json_t *line_json(const struct dj_seen *s, size_t w)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->bins; i++)
		(void)json_array_append_new(list, json_integer(s->line[w][i]));
	return list;
}

json_t *dj_seen_json(const struct dj_seen *s)
{
	time_t began = (time_t)(s->began / 1000);
	char when[24] = "", text[48];
	struct tm tm;

	if (gmtime_r(&began, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text, sizeof(text), "%s.%03dZ", when,
		(int)(s->began % 1000));
	return json_pack("{s:s,s:I,s:o,s:o,s:{s:I,s:o,s:o}}", "began", text,
		"ms", (json_int_t)s->bins * s->bin_ms, "to-keep",
		way_json(s, DJ_SEEN_TO_KEEP), "to-client",
		way_json(s, DJ_SEEN_TO_CLIENT), "line", "ms",
		(json_int_t)s->bin_ms, "to-keep", line_json(s, DJ_SEEN_TO_KEEP),
		"to-client", line_json(s, DJ_SEEN_TO_CLIENT));
}
