// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/agent/http_head.h"
#include "host/agent/request.h"
#include "host/agent/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* A Keep that writes its line as it likes, again and again. */
static void fuzz_line(const uint8_t *p, size_t len)
{
	static _Alignas(64) uint8_t region[DJ_HC_REGION_SIZE];
	struct dj_serve s;
	struct dj_hc_keep line;
	struct dj_serve_seen seen;
	const char *why;

	MUST(dj_serve_init(&s, region, NULL, 0) == DJ_OK);
	for (; len >= sizeof(line); p += sizeof(line), len -= sizeof(line)) {
		dj_serve_publish_in(&s, p[40] % (dj_serve_in_space(&s) + 1));
		memcpy(region + DJ_HC_KEEP_OFF, p, sizeof(line));
		dj_serve_copy(&s, &line);
		if (dj_serve_decode(&s, &line, &seen, &why) != DJ_OK) {
			MUST(why != NULL);
			return;
		}
		dj_serve_accept(&s, &seen);
		MUST(dj_serve_out_len(&s) <= DJ_HC_RING);
		MUST(dj_serve_in_space(&s) <= DJ_HC_RING);
		MUST(seen.op <= DJ_HC_HALT);
		MUST(!seen.is_call || seen.op != DJ_HC_NONE);
		dj_serve_release_out(&s, dj_serve_out_len(&s) / 2);
	}
}

static void fuzz_body(const uint8_t *p, size_t len)
{
	struct dj_create c;
	const char *error = NULL;
	char text[256] = "";

	if (dj_create_parse(p, len, &c, &error, text) != DJ_OK) {
		MUST(error != NULL && memchr(text, 0, sizeof(text)) != NULL);
		return;
	}
	MUST(c.tee[0] != '\0' && memchr(c.tee, 0, sizeof(c.tee)) != NULL);
	MUST(c.block_len >= DJ_CONFIG_HEAD && c.block_len <= DJ_CONFIG_MAX);
	MUST(c.ttl <= DJ_TTL_MAX);
	MUST(json_is_object(c.labels));
	dj_create_done(&c);
}

static void fuzz_head(const uint8_t *p, size_t len)
{
	static char buf[DJ_HTTP_HEAD_MAX + 1];
	struct dj_http_head h;
	char name[DJ_NAME_MAX];
	char value[16];
	int status = 0;

	if (len > sizeof(buf))
		len = sizeof(buf);
	memcpy(buf, p, len);
	if (dj_http_parse(buf, len, &h, &status) != DJ_OK) {
		MUST(status >= 400 && status <= 505);
		return;
	}
	MUST(h.path[0] == '/' && strpbrk(h.path, " \r\n#?") == NULL);
	MUST(h.body_len <= DJ_HTTP_BODY_MAX);
	MUST(dj_http_field(&h, "Transfer-Encoding") == NULL);
	for (size_t i = 0; i < h.field_count; i++)
		MUST(strpbrk(h.fields[i].value, "\r\n") == NULL);
	if (dj_route_find(h.path, name) != DJ_ROUTE_NONE)
		MUST(strpbrk(name, "/.%") == NULL);
	if (dj_http_query(h.query, "a", value, sizeof(value)) == DJ_OK)
		MUST(memchr(value, 0, sizeof(value)) != NULL);
}

/* The first byte chooses the parser. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'l')
		fuzz_line(data + 1, size - 1);
	else if (data[0] == 'b')
		fuzz_body(data + 1, size - 1);
	else
		fuzz_head(data + 1, size - 1);
	return 0;
}
