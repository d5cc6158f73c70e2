// SPDX-License-Identifier: Apache-2.0
#include "host/agent/request.h"

#include <stdio.h>
#include <string.h>

#include "host/agent/options.h"

static const struct {
	const char *prefix; /* before the name, or the whole path */
	const char *suffix; /* after the name; NULL: there is no name */
	enum dj_route route;
	unsigned verbs;
} routes[] = {
	{ "/healthz", NULL, DJ_ROUTE_HEALTH, DJ_VERB_GET | DJ_VERB_HEAD },
	{ "/metrics", NULL, DJ_ROUTE_METRICS, DJ_VERB_GET | DJ_VERB_HEAD },
	{ "/v1/agent", NULL, DJ_ROUTE_AGENT, DJ_VERB_GET | DJ_VERB_HEAD },
	{ "/v1/keeps", NULL, DJ_ROUTE_KEEPS,
		DJ_VERB_GET | DJ_VERB_HEAD | DJ_VERB_POST },
	{ "/v1/keeps/", "", DJ_ROUTE_KEEP,
		DJ_VERB_GET | DJ_VERB_HEAD | DJ_VERB_DELETE },
	{ "/v1/keeps/", "/session", DJ_ROUTE_SESSION, DJ_VERB_GET },
	{ "/v1/keeps/", "/evidence", DJ_ROUTE_EVIDENCE,
		DJ_VERB_GET | DJ_VERB_HEAD },
	{ "/v1/keeps/", "/console", DJ_ROUTE_CONSOLE,
		DJ_VERB_GET | DJ_VERB_HEAD },
	{ "/v1/keeps/", "/events", DJ_ROUTE_KEEP_EVENTS, DJ_VERB_GET },
	{ "/v1/events", NULL, DJ_ROUTE_EVENTS, DJ_VERB_GET },
	{ "/v1/keeps/", "/kill", DJ_ROUTE_KILL, DJ_VERB_POST },
	{ "/v1/collateral/", "", DJ_ROUTE_COLLATERAL,
		DJ_VERB_GET | DJ_VERB_HEAD },
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

enum dj_route dj_route_find(const char *path, char name[static DJ_NAME_MAX])
{
	const char *at;
	size_t n;

	name[0] = '\0';
	for (size_t i = 0; i < ROUTES; i++) {
		if (routes[i].suffix == NULL) {
			if (strcmp(path, routes[i].prefix) == 0)
				return routes[i].route;
			continue;
		}
		n = strlen(routes[i].prefix);
		if (strncmp(path, routes[i].prefix, n) != 0)
			continue;
		at = path + n;
		n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789-");
		if (n == 0 || n >= DJ_NAME_MAX ||
			strcmp(at + n, routes[i].suffix) != 0)
			continue;
		memcpy(name, at, n);
		name[n] = '\0';
		return routes[i].route;
	}
	return DJ_ROUTE_NONE;
}

unsigned dj_route_verbs(enum dj_route route)
{
	for (size_t i = 0; i < ROUTES; i++)
		if (routes[i].route == route)
			return routes[i].verbs;
	return 0;
}

const char *dj_route_allow(enum dj_route route)
{
	switch (dj_route_verbs(route)) {
	case DJ_VERB_GET:
		return "GET";
	case DJ_VERB_POST:
		return "POST";
	case DJ_VERB_GET | DJ_VERB_HEAD | DJ_VERB_POST:
		return "GET, HEAD, POST";
	case DJ_VERB_GET | DJ_VERB_HEAD | DJ_VERB_DELETE:
		return "GET, HEAD, DELETE";
	default:
		return "GET, HEAD";
	}
}

enum dj_verb dj_verb_find(const char *method)
{
	static const struct {
		const char *name;
		enum dj_verb verb;
	} verbs[] = {
		{ "GET", DJ_VERB_GET },
		{ "HEAD", DJ_VERB_HEAD },
		{ "POST", DJ_VERB_POST },
		{ "DELETE", DJ_VERB_DELETE },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(method, verbs[i].name) == 0)
			return verbs[i].verb;
	return DJ_VERB_OTHER;
}

static int base64_value(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c == '\0' ? NULL : strchr(digits, c);

	return p == NULL ? -1 : (int)(p - digits);
}

/* RFC 4648, padded, nothing else: one text for one block. */
static dj_status base64(const char *s, size_t n, uint8_t *dst, size_t cap,
	size_t *ret_len)
{
	size_t pad = 0;
	size_t len;
	uint32_t acc = 0;
	int v;

	if (n == 0 || n % 4 != 0)
		return DJ_E_INPUT;
	while (pad < 2 && s[n - 1 - pad] == '=')
		pad++;
	len = n / 4 * 3 - pad;
	if (len > cap)
		return DJ_E_LIMIT;
	for (size_t i = 0, at = 0; i < n; i++) {
		v = i >= n - pad ? 0 : base64_value(s[i]);
		if (v < 0)
			return DJ_E_INPUT;
		acc = acc << 6 | (uint32_t)v;
		if (i % 4 != 3)
			continue;
		for (size_t j = 0; j < 3; j++, at++) {
			if (at < len)
				dst[at] = (uint8_t)(acc >> (16 - 8 * j));
			else if ((uint8_t)(acc >> (16 - 8 * j)) != 0)
				return DJ_E_INPUT;
		}
		acc = 0;
	}
	*ret_len = len;
	return DJ_OK;
}

struct refusal {
	const char **error;
	char *text;
};

static dj_status refuse(struct refusal *r, const char *error, const char *what,
	const char *why)
{
	*r->error = error;
	snprintf(r->text, 256, "%.100s %.140s", what, why);
	return DJ_E_INPUT;
}

static dj_status unknown_key(struct refusal *r, const char *key)
{
	static const char *const names[] = { "tee", "emulated", "config", "ttl",
		"labels", NULL };
	const char *near = dj_near_name(key, names);
	size_t n = strnlen(key, 64);

	/* Half a character is no text, and then there would be no answer. */
	while (n > 0 && ((unsigned char)key[n] & 0xc0) == 0x80)
		n--;
	*r->error = "request.unknown-key";
	snprintf(r->text, 256, "no key \"%.*s\"%s%s%s", (int)n, key,
		near == NULL ? "" : "; did you mean \"",
		near == NULL ? "" : near, near == NULL ? "" : "\"?");
	return DJ_E_INPUT;
}

static dj_status on_tee(struct dj_create *c, const json_t *v, struct refusal *r)
{
	if (!json_is_string(v) || json_string_length(v) >= DJ_NAME_MAX)
		return refuse(r, "request.value", "tee", "is not a TEE's name");
	memcpy(c->tee, json_string_value(v), json_string_length(v) + 1);
	return DJ_OK;
}

static dj_status on_emulated(struct dj_create *c, const json_t *v,
	struct refusal *r)
{
	if (!json_is_boolean(v))
		return refuse(r, "request.value", "emulated",
			"is not true or false");
	c->emulated = json_is_true(v);
	return DJ_OK;
}

static dj_status on_config(struct dj_create *c, const json_t *v,
	struct refusal *r)
{
	if (!json_is_string(v) ||
		base64(json_string_value(v), json_string_length(v), c->block,
			sizeof(c->block), &c->block_len) != DJ_OK)
		return refuse(r, "request.config", "config",
			"is not base64 of at most 4096 bytes");
	if (dj_config_parse(c->block, c->block_len, &c->config) != DJ_OK)
		return refuse(r, "request.config", "config",
			"is not a launch configuration block (KCF1)");
	return DJ_OK;
}

static dj_status on_ttl(struct dj_create *c, const json_t *v, struct refusal *r)
{
	if (!json_is_integer(v) || json_integer_value(v) < 1 ||
		json_integer_value(v) > (json_int_t)DJ_TTL_MAX)
		return refuse(r, "request.value", "ttl",
			"is not a number of seconds from 1 to 31622400");
	c->ttl = (uint32_t)json_integer_value(v);
	return DJ_OK;
}

static bool is_label(const char *s, size_t len, size_t max)
{
	if (len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

static dj_status on_labels(struct dj_create *c, const json_t *v,
	struct refusal *r)
{
	const char *key;
	json_t *value;

	if (!json_is_object(v) || json_object_size(v) > DJ_LABELS_MAX)
		return refuse(r, "request.value", "labels",
			"is not an object of at most 16 strings");
	json_object_foreach((json_t *)(uintptr_t)v, key, value)
	{
		if (!is_label(key, strlen(key), 64) || key[0] == '\0' ||
			strchr(key, '=') != NULL || !json_is_string(value) ||
			!is_label(json_string_value(value),
				json_string_length(value), 256))
			return refuse(r, "request.value", "labels",
				"has one that is not plain text (key to 64 bytes, value to 256)");
	}
	json_decref(c->labels);
	c->labels = json_deep_copy(v);
	return DJ_OK;
}

static dj_status on_key(struct dj_create *c, const char *key, const json_t *v,
	struct refusal *r)
{
	static const struct {
		const char *key;
		dj_status (*run)(struct dj_create *, const json_t *,
			struct refusal *);
	} keys[] = {
		{ "tee", on_tee },
		{ "emulated", on_emulated },
		{ "config", on_config },
		{ "ttl", on_ttl },
		{ "labels", on_labels },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].key, key) == 0)
			return keys[i].run(c, v, r);
	return unknown_key(r, key);
}

static dj_status read_object(struct dj_create *c, json_t *root,
	struct refusal *r)
{
	const char *key;
	json_t *value;

	if (!json_is_object(root))
		return refuse(r, "request.json", "body", "is not an object");
	json_object_foreach(root, key,
		value) if (on_key(c, key, value, r) != DJ_OK) return DJ_E_INPUT;
	if (c->tee[0] == '\0')
		return refuse(r, "request.missing", "tee", "is missing");
	if (c->block_len == 0)
		return refuse(r, "request.missing", "config", "is missing");
	return DJ_OK;
}

dj_status dj_create_parse(const uint8_t *body, size_t len,
	struct dj_create *ret, const char **ret_error, char text[static 256])
{
	struct refusal r = { ret_error, text };
	struct dj_create c = { .labels = json_object() };
	json_error_t where;
	json_t *root = json_loadb((const char *)body, len,
		JSON_REJECT_DUPLICATES, &where);
	dj_status st;

	if (root == NULL) {
		*ret_error = "request.json";
		snprintf(text, 256,
			"body is not JSON: line %d, column %d: %.100s",
			where.line, where.column, where.text);
		st = DJ_E_INPUT;
	} else {
		st = read_object(&c, root, &r);
	}
	json_decref(root);
	if (st != DJ_OK) {
		dj_create_done(&c);
		return st;
	}
	*ret = c;
	return DJ_OK;
}

void dj_create_done(struct dj_create *c)
{
	json_decref(c->labels);
	c->labels = NULL;
}
