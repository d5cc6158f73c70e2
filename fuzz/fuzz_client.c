// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/errors.h"
#include "client/http.h"
#include "client/session.h"
#include "client/settings.h"

/*
 * What the client reads from strangers and is not in lib/ or attest/. The
 * first byte chooses: a configuration, the head of an answer, text for a
 * terminal, all that a host sends before OPEN.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void settings(const char *text, size_t len)
{
	struct dj_settings s = { 0 };
	struct dj_err err = { 0 };

	if (dj_settings_read(&s, text, len, "./f.toml", &err) !=
		(err.info == NULL))
		abort();
	if (err.info != NULL && strncmp(err.info->name, "config.", 7) != 0)
		abort();
	for (int i = 0; i < DJ_SET_COUNT; i++) {
		for (size_t k = 0; k < s.v[i].count; k++) {
			if (s.v[i].items[k] == NULL)
				abort();
		}
	}
	dj_settings_done(&s);
}

static void head(const char *p, size_t len)
{
	int status = dj_http_upgrade_status(p, len);
	size_t n = 0;

	if (status < 0 || status > 999)
		abort();
	if (dj_http_length(p, len, 1000, &n) ? n > 1000 : n != 0)
		abort();
}

static void text(const char *p, size_t len)
{
	char dst[64];

	dj_clean(dst, sizeof(dst), p, len);
	for (size_t i = 0; dst[i] != '\0'; i++) {
		if ((uint8_t)dst[i] < 0x20 || dst[i] == 0x7f)
			abort();
	}
	if (strlen(dst) >= sizeof(dst) || !dj_is_utf8(dst, strlen(dst)))
		abort();
}

static void before_open(const uint8_t *p, size_t len)
{
	static const uint16_t suites[] = { 2, 1 }, formats[] = { 0x8001 };
	const struct dj_challenge c = {
		.suites = suites,
		.suite_count = 2,
		.formats = formats,
		.format_count = 1,
	};
	struct dj_link link = { .fd = -1 };
	struct dj_session s;
	struct dj_err err = { 0 };
	uint8_t sent[4096];
	int pair[2];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return;
	n = send(pair[1], p, len, MSG_DONTWAIT);
	(void)n;
	(void)shutdown(pair[1], SHUT_WR);
	link.fd = pair[0];
	if (dj_session_challenge(&s, &link, &c, &err) != (err.info == NULL))
		abort();
	if (err.secret_sent)
		abort();
	/* One HELLO and nothing else has left. */
	n = recv(pair[1], sent, sizeof(sent), MSG_DONTWAIT);
	if (n != (ssize_t)(8 + s.hello_len) || sent[0] != DJ_FRAME_HELLO)
		abort();
	dj_session_done(&s);
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *p = (const char *)data + 1;

	if (len == 0)
		return 0;
	switch (data[0] & 3) {
	case 0:
		settings(p, len - 1);
		break;
	case 1:
		head(p, len - 1);
		break;
	case 2:
		text(p, len - 1);
		break;
	default:
		before_open(data + 1, len - 1);
	}
	return 0;
}
