// SPDX-License-Identifier: Apache-2.0
#include "client/gate.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_our_name(const struct dj_gate *g, const char *host,
	const char *scheme)
{
	char want[48];
	static const char *const names[] = { "127.0.0.1", "localhost" };

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(want, sizeof(want), "%s%s:%u", scheme, names[i],
			g->port);
		if (host != NULL && strcasecmp(host, want) == 0)
			return true;
	}
	return false;
}

/* In constant time: guesses must not be told how good they were. */
static bool is_token(const struct dj_gate *g, const char *p, size_t len)
{
	return len == DJ_GATE_TOKEN &&
		CRYPTO_memcmp(p, g->token, DJ_GATE_TOKEN) == 0;
}

static bool has_cookie(const struct dj_gate *g, const char *p)
{
	char name[24];
	size_t n = (size_t)snprintf(name, sizeof(name), "donjon-%u=", g->port);

	while (p != NULL && *p != '\0') {
		size_t len;

		p += strspn(p, " ;");
		len = strcspn(p, ";");
		if (len > n && strncmp(p, name, n) == 0 &&
			is_token(g, p + n, len - n))
			return true;
		p += len;
	}
	return false;
}

enum dj_gate_answer dj_gate_judge(const struct dj_gate *g,
	const struct dj_gate_request *r)
{
	if (!r->is_get)
		return DJ_GATE_METHOD;
	if (!is_our_name(g, r->host, ""))
		return DJ_GATE_HOST;
	if (r->origin != NULL && !is_our_name(g, r->origin, "http://"))
		return DJ_GATE_CROSS;
	if (r->site != NULL && strcmp(r->site, "same-origin") != 0 &&
		strcmp(r->site, "none") != 0)
		return DJ_GATE_CROSS;
	if (r->query != NULL && strncmp(r->query, "token=", 6) == 0)
		return is_token(g, r->query + 6, strlen(r->query + 6))
			? DJ_GATE_ENTER
			: DJ_GATE_STRANGER;
	return has_cookie(g, r->cookie) ? DJ_GATE_OPEN : DJ_GATE_STRANGER;
}

void dj_gate_cookie(const struct dj_gate *g, char dst[static 160])
{
	(void)snprintf(dst, 160,
		"donjon-%u=%s; Path=/; HttpOnly; SameSite=Strict", g->port,
		g->token);
}
