// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "client/sse.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

/*
 * A host's stream of events. The first byte says in which pieces it comes;
 * whole or in pieces it must be the same. Accepted events are read again from
 * what was made of them.
 */
struct taken {
	size_t count;
	uint64_t sum;
};

static void take(void *ctx, const char *data, size_t len)
{
	struct taken *t = ctx;
	uint64_t id = 0, again = 0;
	json_t *o = dj_event_read(data, len, &id), *same;
	char *text;

	MUST(data[len] == '\0' && len < DJ_SSE_LINE_MAX);
	t->count++;
	for (size_t i = 0; i < len; i++)
		t->sum = t->sum * 31 + (uint8_t)data[i];
	if (o == NULL)
		return;
	MUST(id > 0);
	text = json_dumps(o, JSON_COMPACT);
	MUST(text != NULL);
	same = dj_event_read(text, strlen(text), &again);
	MUST(same != NULL && again == id && json_equal(o, same));
	json_decref(same);
	json_decref(o);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct dj_sse s;
	struct taken whole = { 0 }, parts = { 0 };
	const char *p = (const char *)data + 1;
	dj_status first, st = DJ_OK;
	size_t piece;

	if (len == 0)
		return 0;
	len--;
	piece = (size_t)data[0] + 1;
	memset(&s, 0, sizeof(s));
	first = dj_sse_feed(&s, p, len, take, &whole);
	memset(&s, 0, sizeof(s));
	for (size_t i = 0; i < len && st == DJ_OK; i += piece)
		st = dj_sse_feed(&s, p + i, len - i < piece ? len - i : piece,
			take, &parts);
	MUST(st == first && parts.count == whole.count &&
		parts.sum == whole.sum);
	return 0;
}
