// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "client/gate.h"
#include "client/html.h"
#include "tests/tap.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee"

static const struct dj_gate gate = { .port = 8000, .token = TOKEN };

static const struct {
	const char *what;
	struct dj_gate_request r;
	enum dj_gate_answer want;
} cases[] = {
	{ "the cookie",
		{ true, "127.0.0.1:8000", NULL, NULL, "donjon-8000=" TOKEN,
			NULL },
		DJ_GATE_OPEN },
	{ "among others",
		{ true, "localhost:8000", NULL, "same-origin",
			"a=b; donjon-8000=" TOKEN "; c", NULL },
		DJ_GATE_OPEN },
	{ "with our origin",
		{ true, "localhost:8000", "http://localhost:8000", "none",
			"donjon-8000=" TOKEN, "x" },
		DJ_GATE_OPEN },
	{ "the URL's token",
		{ true, "127.0.0.1:8000", NULL, "none", NULL, "token=" TOKEN },
		DJ_GATE_ENTER },
	{ "POST",
		{ false, "127.0.0.1:8000", NULL, NULL, "donjon-8000=" TOKEN,
			NULL },
		DJ_GATE_METHOD },
	{ "no Host", { true, NULL, NULL, NULL, "donjon-8000=" TOKEN, NULL },
		DJ_GATE_HOST },
	{ "another port",
		{ true, "127.0.0.1:8001", NULL, NULL, "donjon-8000=" TOKEN,
			NULL },
		DJ_GATE_HOST },
	{ "no port",
		{ true, "127.0.0.1", NULL, NULL, "donjon-8000=" TOKEN, NULL },
		DJ_GATE_HOST },
	{ "a rebound name",
		{ true, "evil.example:8000", NULL, NULL, "donjon-8000=" TOKEN,
			NULL },
		DJ_GATE_HOST },
	{ "a name that goes on",
		{ true, "127.0.0.1:8000.evil.example", NULL, NULL,
			"donjon-8000=" TOKEN, NULL },
		DJ_GATE_HOST },
	{ "another origin",
		{ true, "127.0.0.1:8000", "http://127.0.0.1:8001", NULL,
			"donjon-8000=" TOKEN, NULL },
		DJ_GATE_CROSS },
	{ "origin null",
		{ true, "127.0.0.1:8000", "null", NULL, "donjon-8000=" TOKEN,
			NULL },
		DJ_GATE_CROSS },
	{ "https",
		{ true, "127.0.0.1:8000", "https://127.0.0.1:8000", NULL,
			"donjon-8000=" TOKEN, NULL },
		DJ_GATE_CROSS },
	{ "another site",
		{ true, "127.0.0.1:8000", NULL, "cross-site",
			"donjon-8000=" TOKEN, NULL },
		DJ_GATE_CROSS },
	{ "another port's page",
		{ true, "127.0.0.1:8000", NULL, "same-site",
			"donjon-8000=" TOKEN, NULL },
		DJ_GATE_CROSS },
	{ "another site with the token",
		{ true, "127.0.0.1:8000", NULL, "cross-site", NULL,
			"token=" TOKEN },
		DJ_GATE_CROSS },
	{ "nothing", { true, "127.0.0.1:8000", NULL, NULL, NULL, NULL },
		DJ_GATE_STRANGER },
	{ "a wrong cookie",
		{ true, "127.0.0.1:8000", NULL, NULL, "donjon-8000=" OTHER,
			NULL },
		DJ_GATE_STRANGER },
	{ "half of it",
		{ true, "127.0.0.1:8000", NULL, NULL, "donjon-8000=0123",
			NULL },
		DJ_GATE_STRANGER },
	{ "more of it",
		{ true, "127.0.0.1:8000", NULL, NULL, "donjon-8000=" TOKEN "0",
			NULL },
		DJ_GATE_STRANGER },
	{ "an empty one",
		{ true, "127.0.0.1:8000", NULL, NULL, "donjon-8000=", NULL },
		DJ_GATE_STRANGER },
	{ "of another port",
		{ true, "127.0.0.1:8000", NULL, NULL, "donjon-8001=" TOKEN,
			NULL },
		DJ_GATE_STRANGER },
	{ "of another name",
		{ true, "127.0.0.1:8000", NULL, NULL, "xdonjon-8000=" TOKEN,
			NULL },
		DJ_GATE_STRANGER },
	{ "a wrong token in the URL",
		{ true, "127.0.0.1:8000", NULL, NULL, "donjon-8000=" TOKEN,
			"token=" OTHER },
		DJ_GATE_STRANGER },
	{ "more in the URL",
		{ true, "127.0.0.1:8000", NULL, NULL, NULL,
			"token=" TOKEN "&a" },
		DJ_GATE_STRANGER },
};

static void who_comes_in_and_who_does_not(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!eq_u64(dj_gate_judge(&gate, &cases[i].r), cases[i].want))
			printf("# %s\n", cases[i].what);
	}
}

static void every_other_token_is_a_strangers(void)
{
	char cookie[100];
	struct dj_gate_request r = { .is_get = true,
		.host = "127.0.0.1:8000",
		.cookie = cookie };

	for (size_t i = 0; i < DJ_GATE_TOKEN; i++) {
		(void)snprintf(cookie, sizeof(cookie), "donjon-8000=%s", TOKEN);
		cookie[12 + i] ^= 1;
		eq_u64(dj_gate_judge(&gate, &r), DJ_GATE_STRANGER);
		(void)snprintf(cookie, sizeof(cookie), "donjon-8000=%.*s",
			(int)i, TOKEN);
		eq_u64(dj_gate_judge(&gate, &r), DJ_GATE_STRANGER);
	}
}

static void the_cookie_is_for_this_page_alone(void)
{
	char text[160];

	dj_gate_cookie(&gate, text);
	eq_str(text,
		"donjon-8000=" TOKEN "; Path=/; HttpOnly; SameSite=Strict");
}

static void text_cannot_leave_its_place_in_a_page(void)
{
	static const char in[] = "<a href='x' b=\"y\">&amp;\x1b\n\x80</a>";
	char *p = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&p, &len);

	dj_html_str(f, in);
	dj_html_str(f, NULL);
	(void)fclose(f);
	eq_str(p,
		"&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;amp;???&lt;/a&gt;");
	free(p);
}

static void long_text_is_cut(void)
{
	static char in[DJ_HTML_TEXT_MAX + 100];
	char *p = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&p, &len);

	memset(in, 'x', sizeof(in));
	dj_html_text(f, in, sizeof(in));
	(void)fclose(f);
	eq_u64(len, DJ_HTML_TEXT_MAX);
	free(p);
}

int main(void)
{
	RUN(who_comes_in_and_who_does_not);
	RUN(every_other_token_is_a_strangers);
	RUN(the_cookie_is_for_this_page_alone);
	RUN(text_cannot_leave_its_place_in_a_page);
	RUN(long_text_is_cut);
	return done();
}
