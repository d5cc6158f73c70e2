// SPDX-License-Identifier: Apache-2.0
#include "client/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/curl.h"

#define HEADER_MAX ((size_t)64 << 10)
#define WAIT_MAX   3600
#define TIMEOUT    60L
#define TOO_MANY   429
#define NOT_NOW    503

struct answer {
	struct dj_fetched got;
	const char *header; /* wanted */
	bool full;          /* more than is taken */
	unsigned wait;
};

static size_t take_body(char *p, size_t size, size_t n, void *ctx)
{
	struct answer *a = ctx;
	size_t len = size * n;
	uint8_t *more;

	if (len > DJ_FETCH_MAX - a->got.len) {
		a->full = true;
		return 0;
	}
	more = realloc(a->got.p, a->got.len + len + 1);
	if (more == NULL)
		return 0;
	memcpy(more + a->got.len, p, len);
	a->got.p = more;
	a->got.len += len;
	more[a->got.len] = '\0';
	return len;
}

/* The value, if the line is that header; its length in *ret. */
static const char *value_of(const char *line, size_t len, const char *name,
	size_t *ret)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	for (line += n + 1, len -= n + 1; len > 0 && *line == ' '; len--)
		line++;
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	*ret = len;
	return line;
}

static size_t take_header(char *p, size_t size, size_t n, void *ctx)
{
	struct answer *a = ctx;
	size_t len = size * n, value_len = 0;
	const char *value = NULL;

	if (a->header != NULL)
		value = value_of(p, len, a->header, &value_len);
	if (value != NULL && value_len <= HEADER_MAX && a->got.header == NULL)
		a->got.header = strndup(value, value_len);
	value = value_of(p, len, "Retry-After", &value_len);
	if (value != NULL && value_len > 0 && value_len < 6) {
		unsigned long s = strtoul(value, NULL, 10);

		a->wait = s > WAIT_MAX ? WAIT_MAX : (unsigned)s;
	}
	return len;
}

static bool judge_status(const char *shown, const struct answer *a, long status,
	struct dj_err *err)
{
	if (status == TOO_MANY || status == NOT_NOW)
		return dj_err_set(err, "collateral.busy",
			"%s asks to be left alone for now (%ld)", shown,
			status);
	if (status != 200 || a->got.p == NULL)
		return dj_err_set(err, "collateral.fetch", "%s answers %ld%s",
			shown, status, status == 200 ? " with nothing" : "");
	return true;
}

bool dj_fetch(const char *url, const char *header, struct dj_fetched *ret,
	unsigned *ret_wait, struct dj_err *err)
{
	const struct dj_curl *lib = dj_curl_load(err);
	CURL *c = lib == NULL ? NULL : lib->init();
	struct answer a = { .header = header };
	char shown[400];
	CURLcode code;
	long status = 0;
	bool good;

	*ret_wait = 0;
	if (lib == NULL)
		return false;
	if (c == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	dj_clean(shown, sizeof(shown), url, strlen(url));
	lib->setopt(c, CURLOPT_URL, url);
	lib->setopt(c, CURLOPT_NOSIGNAL, 1L);
	lib->setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
	lib->setopt(c, CURLOPT_TIMEOUT, TIMEOUT);
	lib->setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	lib->setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	lib->setopt(c, CURLOPT_WRITEDATA, &a);
	lib->setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	lib->setopt(c, CURLOPT_HEADERDATA, &a);
	lib->setopt(c, CURLOPT_USERAGENT, "donjon/" DJ_VERSION);
	code = lib->perform(c);
	(void)lib->getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)
		good = dj_err_set(err, "usage.value",
			"%s: expected a URL of http: or https:", shown);
	else if (code != CURLE_OK)
		good = dj_err_set(err, "collateral.fetch", "%s: %s", shown,
			a.full ? "more than is ever needed"
			       : lib->strerror(code));
	else
		good = judge_status(shown, &a, status, err);
	lib->cleanup(c);
	*ret_wait = a.wait;
	*ret = a.got;
	if (!good)
		dj_fetched_done(ret);
	return good;
}

void dj_fetched_done(struct dj_fetched *f)
{
	free(f->p);
	free(f->header);
	*f = (struct dj_fetched){ 0 };
}
