// SPDX-License-Identifier: Apache-2.0
#include "host/agent/api.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/agent/collateral.h"
#include "host/agent/log.h"

void dj_api_text(struct dj_call *call, int status, const char *type,
	const void *body, size_t len, const char *extra)
{
	call->status = status;
	call->micros = dj_http_micros(call->conn);
	dj_http_reply(call->conn,
		&(struct dj_http_answer){ .status = status,
			.type = type,
			.body = body,
			.len = len,
			.extra = extra });
}

void dj_api_json(struct dj_call *call, int status, json_t *body,
	const char *extra)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(body);
	dj_api_text(call, status, "application/json", text == NULL ? "" : text,
		text == NULL ? 0 : strlen(text), extra);
	free(text);
}

void dj_api_problem_with(struct dj_call *call, int status, const char *error,
	const char *detail, const char *hint, const char *extra)
{
	char type[128];
	json_t *j;
	char *text;

	snprintf(type, sizeof(type), "urn:donjon:error:%s", error);
	j = json_pack("{s:s,s:s,s:i,s:s,s:s}", "type", type, "title",
		dj_http_status_text(status), "status", status, "detail", detail,
		"error", error);
	if (j != NULL && hint != NULL)
		json_object_set_new(j, "hint", json_string(hint));
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	dj_api_text(call, status, "application/problem+json",
		text == NULL ? "{}" : text, text == NULL ? 2 : strlen(text),
		extra);
	free(text);
}

void dj_api_problem(struct dj_call *call, int status, const char *error,
	const char *detail, const char *hint)
{
	dj_api_problem_with(call, status, error, detail, hint, NULL);
}

/* Keys of an emulated TEE: the chain's file is made last. */
static bool has_chain(const struct dj_agent *a, const struct dj_tee_kind *kind)
{
	char path[4096 + 64];

	snprintf(path, sizeof(path), "%s/%s-chain.pem", a->opt.emulation,
		kind->name);
	return access(path, R_OK) == 0;
}

const char *dj_api_unavailable(const struct dj_agent *a,
	const struct dj_tee_kind *kind, bool emulated, char text[static 256])
{
	char path[4096 + 64];

	snprintf(path, sizeof(path), "%s/%s.elf", a->image_dir, kind->name);
	if (access(path, R_OK) != 0)
		snprintf(text, 256, "no keep image %.200s", path);
	else if (access(a->launcher, X_OK) != 0)
		snprintf(text, 256, "no launcher %.200s", a->launcher);
	else if (a->adversary.is_on && !emulated && kind->format != 0)
		snprintf(text, 256,
			"this host agent plays an adversary (--adversary): development Keeps only");
	else if (!emulated && kind->format == 0)
		snprintf(text, 256, "%s has no hardware form", kind->name);
	else if ((!emulated || (kind->format == 0 && kind->device != NULL)) &&
		access(kind->device, R_OK | W_OK) != 0)
		snprintf(text, 256, "%s: %s", kind->device, strerror(errno));
	else if (emulated && a->opt.emulation == NULL)
		snprintf(text, 256,
			"emulated TEEs are off (donjond --emulation DIR)");
	else if (emulated && access(a->emulator, X_OK) != 0)
		snprintf(text, 256, "no emulator %.200s", a->emulator);
	else if (emulated && !has_chain(a, kind))
		snprintf(text, 256,
			"no keys for it in the emulation folder (donjon-emu add %s)",
			kind->name);
	else
		return NULL;
	return text;
}

static void on_health(struct dj_call *call)
{
	dj_api_text(call, 200, "text/plain; charset=utf-8", "ok\n", 3, NULL);
}

static void on_metrics(struct dj_call *call)
{
	size_t len = 0;
	char *text = dj_metrics_text(call->agent, &len);

	dj_api_text(call, text == NULL ? 500 : 200,
		"text/plain; version=0.0.4; charset=utf-8", text, len, NULL);
	free(text);
}

static json_t *tee_json(const struct dj_agent *a,
	const struct dj_tee_kind *kind, bool emulated)
{
	char text[256];
	const char *why = dj_api_unavailable(a, kind, emulated, text);
	bool is_real = !emulated && kind->format != 0;
	json_t *j = json_pack("{s:s,s:b,s:b,s:s,s:[i],s:{s:i,s:I}}", "tee",
		kind->name, "emulated", emulated, "available", why == NULL,
		"protection", is_real ? "hardware" : "none", "evidence_formats",
		emulated ? kind->emulated : kind->format, "limits",
		"config_bytes", DJ_CONFIG_MAX, "memory_default",
		(json_int_t)DJ_CONFIG_MEMORY_DEFAULT);

	if (j != NULL && why != NULL)
		json_object_set_new(j, "reason", json_string(why));
	return j;
}

static void on_agent(struct dj_call *call)
{
	const struct dj_agent *a = call->agent;
	json_t *tees = json_array();
	size_t free_keeps = a->is_stopping ? 0 : a->opt.max_keeps - a->live;
	json_t *capacity = json_pack("{s:I,s:I}", "keeps",
		(json_int_t)a->opt.max_keeps, "free", (json_int_t)free_keeps);

	if (a->quota.memory != UINT64_MAX) {
		json_object_set_new(capacity, "memory",
			json_integer((json_int_t)a->quota.memory));
		json_object_set_new(capacity, "memory_free",
			json_integer(
				(json_int_t)(a->quota.memory - a->committed)));
	}
	for (size_t i = 0; i < dj_tee_kind_count; i++) {
		if (dj_tee_kinds[i].format != 0)
			json_array_append_new(tees,
				tee_json(a, &dj_tee_kinds[i], false));
		json_array_append_new(tees,
			tee_json(a, &dj_tee_kinds[i], true));
	}
	dj_api_json(call, 200,
		json_pack("{s:s,s:s,s:[s],s:o,s:o,s:s*}", "schema",
			"donjon.agent/1", "version", DJ_VERSION, "sessions",
			"donjon-session/1", "tees", tees, "capacity", capacity,
			"adversary", a->opt.adversary),
		NULL);
}

/* "ETag: "..."", and whether the caller has that version already. */
static bool make_etag(struct dj_call *call, const char *text, size_t len,
	char extra[static 128])
{
	const char *have = dj_http_field(call->head, "If-None-Match");
	uint8_t d[32] = { 0 };
	char tag[20];

	EVP_Digest(text, len, d, NULL, EVP_sha256(), NULL);
	snprintf(tag, sizeof(tag), "\"%02x%02x%02x%02x%02x%02x%02x%02x\"", d[0],
		d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
	snprintf(extra, 128, "ETag: %s\r\nCache-Control: no-cache\r\n", tag);
	return have != NULL && strcmp(have, tag) == 0;
}

static void on_collateral(struct dj_call *call)
{
	const struct dj_tee_kind *kind = dj_tee_kind_find(call->name);
	json_t *j = kind == NULL ? NULL
				 : dj_collateral_json(&call->agent->opt, kind);
	char *text =
		j == NULL ? NULL : json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	char extra[128];

	if (text == NULL) {
		json_decref(j);
		dj_api_problem(call, 404, "collateral.none",
			"this host has no collateral for that TEE", NULL);
		return;
	}
	if (make_etag(call, text, strlen(text), extra)) {
		json_decref(j);
		dj_api_text(call, 304, NULL, NULL, 0, extra);
	} else {
		dj_api_json(call, 200, j, extra);
	}
	free(text);
}

static bool find_caller(struct dj_call *call)
{
	const char *auth = dj_http_field(call->head, "Authorization");
	const char *id;

	snprintf(call->caller, sizeof(call->caller), "%s",
		dj_http_caller(call->conn));
	if (call->caller[0] != '\0' || !dj_http_is_tls(call->conn))
		return call->caller[0] != '\0';
	if (auth == NULL || strncasecmp(auth, "Bearer ", 7) != 0)
		return false;
	id = dj_tokens_find(call->agent->tokens, auth + 7);
	if (id == NULL)
		return false;
	snprintf(call->caller, sizeof(call->caller), "token:%s", id);
	return true;
}

static void dispatch(struct dj_call *call, enum dj_route route)
{
	switch (route) {
	case DJ_ROUTE_NONE:
		dj_api_problem(call, 404, "http.path", "there is no such path",
			NULL);
		return;
	case DJ_ROUTE_HEALTH:
		on_health(call);
		return;
	case DJ_ROUTE_METRICS:
		on_metrics(call);
		return;
	case DJ_ROUTE_AGENT:
		on_agent(call);
		return;
	case DJ_ROUTE_KEEPS:
		if (call->verb == DJ_VERB_POST)
			dj_api_create(call);
		else
			dj_api_list(call);
		return;
	case DJ_ROUTE_KEEP:
		dj_api_keep(call);
		return;
	case DJ_ROUTE_SESSION:
		dj_api_session(call);
		return;
	case DJ_ROUTE_EVIDENCE:
		dj_api_evidence(call);
		return;
	case DJ_ROUTE_CONSOLE:
		dj_api_console(call);
		return;
	case DJ_ROUTE_KILL:
		dj_api_kill(call);
		return;
	case DJ_ROUTE_COLLATERAL:
		on_collateral(call);
		return;
	case DJ_ROUTE_KEEP_EVENTS:
	case DJ_ROUTE_EVENTS:
		dj_api_events(call);
		return;
	}
}

/* A private agent has one caller, who may. */
static bool is_too_fast(struct dj_call *call)
{
	struct dj_agent *a = call->agent;
	struct timespec now;

	if (a->opt.private_fd >= 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return !dj_rate_allows(&a->rates, call->caller, a->opt.max_rate,
		(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

static void judge(struct dj_call *call)
{
	enum dj_route route = dj_route_find(call->head->path, call->name);
	char allow[64];

	call->verb = dj_verb_find(call->head->method);
	if (route == DJ_ROUTE_NONE) {
		dispatch(call, route);
		return;
	}
	if ((dj_route_verbs(route) & call->verb) == 0) {
		snprintf(allow, sizeof(allow), "Allow: %s\r\n",
			dj_route_allow(route));
		dj_api_problem_with(call, 405, "http.method",
			"this path does not take that method", NULL, allow);
		return;
	}
	if (route != DJ_ROUTE_HEALTH && !find_caller(call)) {
		dj_api_problem_with(call, 401, "auth.missing",
			"no client certificate or bearer token that this agent knows",
			NULL, "WWW-Authenticate: Bearer\r\n");
		return;
	}
	if (route != DJ_ROUTE_HEALTH && is_too_fast(call)) {
		dj_api_problem_with(call, 429, "rate.limited",
			"more requests a second than one caller may make", NULL,
			"Retry-After: 1\r\n");
		return;
	}
	dispatch(call, route);
}

void dj_api_request(struct dj_http_conn *c, void *agent)
{
	struct dj_call call = { .agent = agent,
		.conn = c,
		.head = dj_http_head(c) };
	const char *id = dj_http_field(call.head, "X-Request-Id");

	/* The head is gone once answered. */
	snprintf(call.line, sizeof(call.line), "%.16s %.140s",
		call.head->method, call.head->path);
	if (id != NULL && dj_http_is_id(id))
		snprintf(call.request_id, sizeof(call.request_id), "%s", id);
	judge(&call);
	if (call.status >= 100 && call.status < 600)
		call.agent->requests[call.status / 100]++;
	call.agent->refused_429 += call.status == 429;
	call.agent->refused_503 += call.status == 503;
	dj_log(DJ_LOG_DEBUG, "http.request", "request", call.line, "status",
		dj_log_num((unsigned)call.status), "caller",
		call.caller[0] == '\0' ? NULL : call.caller, "request_id",
		call.request_id[0] == '\0' ? NULL : call.request_id, "us",
		dj_log_num(call.micros), NULL);
}
