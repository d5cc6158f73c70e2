// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Who may see the local page (`donjon dash`). It listens on 127.0.0.1 for
 * every program and every web site that this machine's browser shows; only
 * who knows the token of its URL gets in.
 *
 *   Host     127.0.0.1:PORT or localhost:PORT and nothing else: a name that
 *            somebody lets point here (DNS rebinding) is another
 *   Origin, Sec-Fetch-Site   if there, this page itself: no other site's
 *            scripts or frames
 *   method   GET or HEAD: the page changes nothing, ever
 *   token    once in the URL, ?token=, which is answered with the cookie and
 *            the way to the page; then in the cookie
 */
#define DJ_GATE_TOKEN 64 /* hexadecimal digits */

struct dj_gate {
	uint16_t port;
	char token[DJ_GATE_TOKEN + 1];
};

/* Fields as they came; NULL: absent. */
struct dj_gate_request {
	bool is_get; /* or HEAD */
	const char *host, *origin, *site, *cookie;
	const char *query; /* after the ?, undecoded */
};

enum dj_gate_answer {
	DJ_GATE_OPEN,    /* the cookie is right */
	DJ_GATE_ENTER,   /* the URL's token is: set the cookie, redirect */
	DJ_GATE_METHOD,  /* 405 */
	DJ_GATE_HOST,    /* 421: called by another name */
	DJ_GATE_CROSS,   /* 403: another site asks */
	DJ_GATE_STRANGER /* 403: no token, or a wrong one */
};

/* In the order of the names above, first that fails. */
enum dj_gate_answer dj_gate_judge(const struct dj_gate *g,
	const struct dj_gate_request *r);
/* "donjon-PORT=TOKEN; Path=/; HttpOnly; SameSite=Strict" */
void dj_gate_cookie(const struct dj_gate *g, char dst[static 160]);
