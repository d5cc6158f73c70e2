// SPDX-License-Identifier: Apache-2.0
#include "host/agent/http_head.h"
#include "tests/tap.h"

static char buf[DJ_HTTP_HEAD_MAX + 2];
static struct dj_http_head h;

/* 0, or the status that the head is refused with. */
static int parse(const char *text, size_t len)
{
	int status = 0;

	memcpy(buf, text, len);
	return dj_http_parse(buf, len, &h, &status) == DJ_OK ? 0 : status;
}

static int parse_text(const char *text)
{
	return parse(text, strlen(text));
}

#define GET "GET / HTTP/1.1\r\nHost: x\r\n"

static void a_good_head_comes_apart(void)
{
	eq_u64(parse_text(
		       "POST /v1/keeps?a=1&b HTTP/1.1\r\nHost: h\r\ncontent-length: 12\r\nA:  b c \t\r\nConnection: keep-alive, Upgrade\r\nExpect: 100-Continue\r\n\r\n"),
		0);
	eq_str(h.method, "POST");
	eq_str(h.path, "/v1/keeps");
	eq_str(h.query, "a=1&b");
	eq_u64(h.body_len, 12);
	eq_str(dj_http_field(&h, "a"), "b c");
	ok(h.wants_upgrade && h.wants_continue && !h.wants_close);
	ok(dj_http_field(&h, "none") == NULL);
	eq_u64(parse_text("GET / HTTP/1.0\r\n\r\n"), 0);
	ok(h.wants_close && h.is_http10 && h.query == NULL);
}

static void a_head_cut_anywhere_is_refused(void)
{
	static const char text[] =
		"GET /a?b HTTP/1.1\r\nHost: x\r\nB: c\r\n\r\n";

	eq_u64(parse(text, sizeof(text) - 1), 0);
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		eq_u64(parse(text, n), 400);
	eq_u64(parse(text, sizeof(text)), 400);
}

static void what_two_readers_could_see_differently_is_refused(void)
{
	static const struct {
		const char *what;
		const char *text;
		int status;
	} bad[] = {
		{ "bare LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400 },
		{ "bare CR", "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400 },
		{ "fold", GET " b\r\n\r\n", 400 },
		{ "space before colon", GET "A : b\r\n\r\n", 400 },
		{ "no colon", GET "A\r\n\r\n", 400 },
		{ "empty name", GET ": b\r\n\r\n", 400 },
		{ "control", GET "A: b\001\r\n\r\n", 400 },
		{ "two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "absolute target",
			"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "star", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "fragment", "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "byte over 7f", "GET /\xc3 HTTP/1.1\r\nHost: x\r\n\r\n",
			400 },
		{ "no version", "GET /\r\nHost: x\r\n\r\n", 400 },
		{ "odd version", "GET / HTTX/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "version 1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505 },
		{ "no Host", "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "two Hosts", GET "Host: y\r\n\r\n", 400 },
		{ "two lengths",
			GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
			400 },
		{ "signed length", GET "Content-Length: +1\r\n\r\n", 400 },
		{ "listed length", GET "Content-Length: 1, 1\r\n\r\n", 400 },
		{ "empty length", GET "Content-Length: \r\n\r\n", 400 },
		{ "huge length",
			GET "Content-Length: 99999999999999999999\r\n\r\n",
			400 },
		{ "over the limit", GET "Content-Length: 1048577\r\n\r\n",
			413 },
		{ "chunked", GET "Transfer-Encoding: chunked\r\n\r\n", 501 },
		{ "Expect", GET "Expect: more\r\n\r\n", 417 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!eq_u64(parse_text(bad[i].text), bad[i].status))
			printf("# %s\n", bad[i].what);
	eq_u64(parse(GET "A: \0b\r\n\r\n", sizeof(GET "A: \0b\r\n\r\n") - 1),
		400);
	eq_u64(parse_text(GET "Content-Length: 1048576\r\n\r\n"), 0);
}

static void fields_and_bytes_are_bounded(void)
{
	static char big[DJ_HTTP_HEAD_MAX + 2];
	size_t n = sizeof(GET) - 1;

	memcpy(big, GET, n);
	for (int i = 0; i < DJ_HTTP_FIELDS_MAX - 1; i++, n += 6)
		memcpy(big + n, "A: b\r\n", 6);
	memcpy(big + n, "\r\n", 2);
	eq_u64(parse(big, n + 2), 0);
	memcpy(big + n, "A: b\r\n\r\n", 8);
	eq_u64(parse(big, n + 8), 431);

	memset(big, 'a', sizeof(big));
	memcpy(big, GET "A: ", sizeof(GET "A: ") - 1);
	memcpy(big + DJ_HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	eq_u64(parse(big, DJ_HTTP_HEAD_MAX), 0);
	memset(big + DJ_HTTP_HEAD_MAX - 4, 'a', 4);
	memcpy(big + DJ_HTTP_HEAD_MAX - 3, "\r\n\r\n", 4);
	eq_u64(parse(big, DJ_HTTP_HEAD_MAX + 1), 431);
}

static void lists_are_searched_by_whole_tokens(void)
{
	ok(dj_http_has_token("a, Upgrade ,b", "upgrade"));
	ok(dj_http_has_token("close", "close"));
	ok(!dj_http_has_token("closed", "close"));
	ok(!dj_http_has_token("xclose", "close"));
	ok(!dj_http_has_token("", "close"));
	ok(!dj_http_has_token(" ,,", "close"));
}

static void a_parameter_is_decoded_and_bounded(void)
{
	char v[5];

	eq_u64(dj_http_query("a=1&b=%41+c", "b", v, sizeof(v)), DJ_OK);
	eq_str(v, "A c");
	eq_u64(dj_http_query("a&b=1", "a", v, sizeof(v)), DJ_OK);
	eq_str(v, "");
	eq_u64(dj_http_query("aa=1", "a", v, sizeof(v)), DJ_E_STATE);
	eq_u64(dj_http_query(NULL, "a", v, sizeof(v)), DJ_E_STATE);
	eq_u64(dj_http_query("a=1&a=1", "a", v, sizeof(v)), DJ_E_INPUT);
	eq_u64(dj_http_query("a=%4", "a", v, sizeof(v)), DJ_E_INPUT);
	eq_u64(dj_http_query("a=%", "a", v, sizeof(v)), DJ_E_INPUT);
	eq_u64(dj_http_query("a=%4&41", "a", v, sizeof(v)), DJ_E_INPUT);
	eq_u64(dj_http_query("a=%00", "a", v, sizeof(v)), DJ_E_INPUT);
	eq_u64(dj_http_query("a=1234", "a", v, sizeof(v)), DJ_OK);
	eq_u64(dj_http_query("a=12345", "a", v, sizeof(v)), DJ_E_LIMIT);
}

static void an_id_is_visible_and_short(void)
{
	char s[130];

	memset(s, 'x', sizeof(s));
	s[128] = '\0';
	ok(dj_http_is_id(s));
	s[128] = 'x';
	s[129] = '\0';
	ok(!dj_http_is_id(s));
	ok(!dj_http_is_id(""));
	ok(!dj_http_is_id("a b"));
	ok(!dj_http_is_id("a\x80"));
	ok(!dj_http_is_id("a\tb"));
}

int main(void)
{
	RUN(a_good_head_comes_apart);
	RUN(a_head_cut_anywhere_is_refused);
	RUN(what_two_readers_could_see_differently_is_refused);
	RUN(fields_and_bytes_are_bounded);
	RUN(lists_are_searched_by_whole_tokens);
	RUN(a_parameter_is_decoded_and_bounded);
	RUN(an_id_is_visible_and_short);
	return done();
}
