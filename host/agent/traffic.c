// SPDX-License-Identifier: Apache-2.0
#include "host/agent/traffic.h"

#include <time.h>

#include "lib/proto/frame.h"

const char *dj_traffic_way_name(enum dj_way way)
{
	return way == DJ_WAY_C2K ? "to-keep" : "to-client";
}

const char *dj_traffic_kind_name(enum dj_traffic_kind kind)
{
	static const char *const names[DJ_TRAFFIC_COUNT] = { "hello", "offer",
		"evidence", "open", "record-256", "record-1024", "record-4096",
		"record-16384", "record-odd", "error" };

	return names[kind];
}

enum dj_traffic_kind dj_traffic_kind_of(uint8_t type, uint32_t len)
{
	switch (type) {
	case DJ_FRAME_HELLO:
		return DJ_TRAFFIC_HELLO;
	case DJ_FRAME_OFFER:
		return DJ_TRAFFIC_OFFER;
	case DJ_FRAME_EVIDENCE:
		return DJ_TRAFFIC_EVIDENCE;
	case DJ_FRAME_OPEN:
		return DJ_TRAFFIC_OPEN;
	case DJ_FRAME_RECORD:
		break;
	default:
		return DJ_TRAFFIC_ERROR;
	}
	switch (len) {
	case 256 + 16:
		return DJ_TRAFFIC_RECORD_256;
	case 1024 + 16:
		return DJ_TRAFFIC_RECORD_1024;
	case 4096 + 16:
		return DJ_TRAFFIC_RECORD_4096;
	case 16384 + 16:
		return DJ_TRAFFIC_RECORD_16384;
	default:
		return DJ_TRAFFIC_RECORD_ODD;
	}
}

void dj_traffic_count(struct dj_traffic *t, enum dj_way way, uint8_t type,
	uint32_t len)
{
	enum dj_traffic_kind kind = dj_traffic_kind_of(type, len);

	t->frames[way][kind]++;
	t->bytes[way][kind] += DJ_FRAME_HEADER + len;
}

static const char *type_name(uint8_t type)
{
	switch (type) {
	case DJ_FRAME_HELLO:
		return "HELLO";
	case DJ_FRAME_OFFER:
		return "OFFER";
	case DJ_FRAME_EVIDENCE:
		return "EVIDENCE";
	case DJ_FRAME_OPEN:
		return "OPEN";
	case DJ_FRAME_RECORD:
		return "RECORD";
	default:
		return "ERROR";
	}
}

void dj_traffic_trace(FILE *to, const char *keep, enum dj_way way, uint8_t type,
	uint32_t len, const uint8_t *first, size_t seen)
{
	char text[33] = "";
	struct timespec now;
	struct tm tm;
	char when[32];

	if (seen > 16)
		seen = 16;
	for (size_t i = 0; i < seen; i++)
		snprintf(text + 2 * i, 3, "%02x", first[i]);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(to,
		"{\"schema\":\"donjon.frame/1\",\"time\":\"%s.%06ldZ\",\"keep\":\"%s\",\"direction\":\"%s\",\"type\":\"%s\",\"size\":%u,\"first\":\"%s\"}\n",
		when, now.tv_nsec / 1000, keep, dj_traffic_way_name(way),
		type_name(type), len, text);
}
