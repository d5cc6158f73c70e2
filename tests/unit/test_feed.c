// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "client/seen.h"
#include "client/sse.h"
#include "lib/proto/frame.h"
#include "tests/tap.h"

#define EVENT                                                      \
	"{\"schema\":\"donjon.event/1\",\"id\":7,"                 \
	"\"time\":\"2026-11-26T11:00:00Z\",\"keep\":\"k-0123ab\"," \
	"\"event\":\"claimed\",\"detail\":{\"a\":1}}"

static char got[8 * DJ_SSE_LINE_MAX];

static void take(void *ctx, const char *data, size_t len)
{
	(void)ctx;
	eq_u64(strlen(data), len);
	(void)strcat(got, data);
	(void)strcat(got, "|");
}

static dj_status feed(const char *text, size_t len, size_t piece)
{
	static struct dj_sse s;
	dj_status st = DJ_OK;

	memset(&s, 0, sizeof(s));
	got[0] = '\0';
	for (size_t i = 0; i < len && st == DJ_OK; i += piece)
		st = dj_sse_feed(&s, text + i,
			len - i < piece ? len - i : piece, take, NULL);
	return st;
}

static void a_stream_is_the_same_in_pieces_of_any_size(void)
{
	static const char text[] =
		": hello\n\nid: 1\nevent: x\ndata: one\n\n"
		"data: two\r\ndata:three\r\n\r\ndata\n\n\n\nretry: 5\rdata:  f\r\r"
		"nothing\n\ndata: cut";

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		eq_u64(feed(text, sizeof(text) - 1, piece), DJ_OK);
		eq_str(got, "one|two\nthree|| f|");
	}
}

static void a_line_and_an_event_have_a_limit(void)
{
	static char text[DJ_SSE_LINE_MAX + 16];

	memset(text, 'x', sizeof(text));
	memcpy(text, "data: ", 6);
	eq_u64(feed(text, DJ_SSE_LINE_MAX, 1000), DJ_OK);
	eq_u64(feed(text, DJ_SSE_LINE_MAX + 1, 1000), DJ_E_LIMIT);
	/* A line of the longest, then a byte more of the same event. */
	memcpy(text + DJ_SSE_LINE_MAX - 4, "\n\n", 2);
	eq_u64(feed(text, DJ_SSE_LINE_MAX - 2, 1000), DJ_OK);
	eq_u64(strlen(got), DJ_SSE_LINE_MAX - 10 + 1);
	memcpy(text + DJ_SSE_LINE_MAX - 4, "\ndata:1234\n", 11);
	eq_u64(feed(text, DJ_SSE_LINE_MAX + 7, 1000), DJ_OK);
	memcpy(text + DJ_SSE_LINE_MAX - 4, "\ndata:12345678901\n", 18);
	eq_u64(feed(text, DJ_SSE_LINE_MAX + 14, 1000), DJ_E_LIMIT);
}

static void an_event_is_read_and_made_anew(void)
{
	static const char more[] =
		"{\"new\":[1],\"schema\":\"donjon.event/1\",\"id\":7,"
		"\"time\":\"2026-11-26T11:00:00.5Z\",\"keep\":\"k\","
		"\"event\":\"x-y\",\"detail\":{}}";
	uint64_t id = 0;
	json_t *o = dj_event_read(EVENT, strlen(EVENT), &id);
	char *text = json_dumps(o, JSON_COMPACT);

	eq_u64(id, 7);
	eq_str(text, EVENT);
	free(text);
	json_decref(o);
	o = dj_event_read(more, strlen(more), &id);
	ok(o != NULL && json_object_get(o, "new") == NULL);
	json_decref(o);
}

static void every_truncation_of_an_event_is_refused(void)
{
	uint64_t id = 99;

	for (size_t n = 0; n < strlen(EVENT); n++)
		ok(dj_event_read(EVENT, n, &id) == NULL);
	eq_u64(id, 99);
}

static void what_is_no_event_is_refused(void)
{
	static const struct {
		const char *from, *to;
	} edits[] = {
		{ "event/1", "event/2" },
		{ "\"id\":7", "\"id\":0" },
		{ "\"id\":7", "\"id\":-7" },
		{ "\"id\":7", "\"id\":\"7\"" },
		{ "\"id\":7", "\"id\":7.5" },
		{ "\"id\":7", "\"id\":7,\"id\":8" },
		{ "11:00:00Z", "11:00:00" },
		{ "11:00:00Z", "11:00:00.Z" },
		{ "11:00:00Z", "11:00:00.1234567890Z" },
		{ "11:00:00Z", "1x:00:00Z" },
		{ "k-0123ab", "" },
		{ "k-0123ab", "a/b" },
		{ "k-0123ab", "\\u001b[31m" },
		{ "claimed", "" },
		{ "claimed", "a b" },
		{ "claimed", "aaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "{\"a\":1}", "[]" },
		{ "{\"a\":1}", "{\"a\":1,\"a\":1}" },
	};

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		char text[512];
		const char *at = strstr(EVENT, edits[i].from);
		uint64_t id = 99;
		int n = snprintf(text, sizeof(text), "%.*s%s%s",
			(int)(at - EVENT), EVENT, edits[i].to,
			at + strlen(edits[i].from));

		if (!ok(dj_event_read(text, (size_t)n, &id) == NULL))
			printf("# %s\n", text);
		eq_u64(id, 99);
	}
}

static void frames_are_counted_by_way_kind_and_size(void)
{
	struct dj_seen s = { 0 };
	json_t *o;

	dj_seen_count(&s, DJ_SEEN_TO_KEEP, DJ_FRAME_HELLO, 86);
	dj_seen_count(&s, DJ_SEEN_TO_CLIENT, DJ_FRAME_RECORD, 8 + 272);
	dj_seen_count(&s, DJ_SEEN_TO_CLIENT, DJ_FRAME_RECORD, 8 + 272);
	dj_seen_count(&s, DJ_SEEN_TO_CLIENT, DJ_FRAME_RECORD, 8 + 16400);
	eq_u64(s.frames[DJ_SEEN_TO_CLIENT][DJ_SEEN_RECORD_256], 2);
	eq_u64(s.bytes[DJ_SEEN_TO_CLIENT][DJ_SEEN_RECORD_256], 560);
	eq_u64(s.frames[DJ_SEEN_TO_CLIENT][DJ_SEEN_RECORD_16384], 1);
	o = dj_seen_json(&s);
	ok(json_object_get(json_object_get(o, "to-client"), "record-1024") ==
		NULL);
	eq_u64(json_integer_value(json_object_get(
		       json_object_get(json_object_get(o, "to-client"),
			       "record-256"),
		       "frames")),
		2);
	json_decref(o);
}

static void a_time_line_keeps_every_frame_however_long_it_is(void)
{
	struct dj_seen s = { 0 };
	uint64_t sum = 0;

	dj_seen_count(&s, DJ_SEEN_TO_KEEP, DJ_FRAME_RECORD, 280);
	for (int i = 0; i < 40; i++) {
		/* As if it had begun longer and longer ago. */
		s.start -= (int64_t)1 << i;
		dj_seen_count(&s, DJ_SEEN_TO_KEEP, DJ_FRAME_RECORD, 280);
		ok(s.bins <= DJ_SEEN_BINS);
	}
	for (size_t i = 0; i < DJ_SEEN_BINS; i++)
		sum += s.line[DJ_SEEN_TO_KEEP][i];
	eq_u64(sum, 41);
}

int main(void)
{
	RUN(a_stream_is_the_same_in_pieces_of_any_size);
	RUN(a_line_and_an_event_have_a_limit);
	RUN(an_event_is_read_and_made_anew);
	RUN(every_truncation_of_an_event_is_refused);
	RUN(what_is_no_event_is_refused);
	RUN(frames_are_counted_by_way_kind_and_size);
	RUN(a_time_line_keeps_every_frame_however_long_it_is);
	return done();
}
