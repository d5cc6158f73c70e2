// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/agent/api.h"
#include "host/agent/log.h"
#include "lib/proto/error.h"

/* Keeps that ended are listed for an hour, this many at most of all callers. */
#define OVER_SECONDS 3600
#define OVER_MAX     1024

static struct dj_keep *find(const struct dj_agent *a, const char *id)
{
	struct dj_keep *k;

	LIST_FOREACH(k, &a->keeps, next)
	if (strcmp(k->id, id) == 0)
		return k;
	return NULL;
}

/* The caller's own Keep, or NULL with 404 or 410 answered. */
static struct dj_keep *own(struct dj_call *call)
{
	struct dj_keep *k = find(call->agent, call->name);
	const struct dj_grave *g;

	if (k != NULL && strcmp(k->owner, call->caller) == 0)
		return k;
	LIST_FOREACH(g, &call->agent->graves, next)
	{
		if (strcmp(g->id, call->name) == 0 &&
			strcmp(g->owner, call->caller) == 0) {
			dj_api_problem(call, 410, "keep.deleted",
				"this Keep was deleted", NULL);
			return NULL;
		}
	}
	dj_api_problem(call, 404, "keep.unknown",
		"you have no Keep of that name here", NULL);
	return NULL;
}

static void bury(struct dj_keep *k)
{
	struct dj_grave *g = calloc(1, sizeof(*g));
	struct dj_agent *a = k->agent;

	if (g != NULL) {
		memcpy(g->id, k->id, sizeof(g->id));
		memcpy(g->owner, k->owner, sizeof(g->owner));
		g->until = time(NULL) + DJ_GRAVE_SECONDS;
		LIST_INSERT_HEAD(&a->graves, g, next);
	}
	dj_keep_unsave(k);
	dj_keep_free(k);
}

/* By caller, and what ended last first. */
static int by_caller(const void *a, const void *b)
{
	const struct dj_keep *x = *(struct dj_keep *const *)a;
	const struct dj_keep *y = *(struct dj_keep *const *)b;
	int order = strcmp(x->owner, y->owner);

	return order != 0 ? order
			  : (x->ended < y->ended) - (x->ended > y->ended);
}

/* The most of one caller's with which all are OVER_MAX: whoever has many loses
   some of them, and nobody else's are touched. */
static size_t fair_share(struct dj_keep *const *over, size_t count)
{
	size_t share = OVER_MAX;
	size_t left = count;

	while (left > OVER_MAX && share > 1) {
		left = 0;
		for (size_t i = 0, at = 0; i < count; i++) {
			at = i != 0 &&
					strcmp(over[i - 1]->owner,
						over[i]->owner) == 0
				? at + 1
				: 1;
			left += at <= share;
		}
		if (left > OVER_MAX)
			share -= share / 8 + (share < 8);
	}
	return share;
}

static void sweep_over(struct dj_agent *a, time_t now)
{
	char owner[DJ_HTTP_CALLER_MAX];
	struct dj_keep **over;
	struct dj_keep *k;
	size_t share;
	size_t at = 0;
	size_t n = 0;

	LIST_FOREACH(k, &a->keeps, next)
	n += dj_keep_is_over(k);
	over = calloc(n + 1, sizeof(struct dj_keep *));
	if (over == NULL)
		return;
	n = 0;
	LIST_FOREACH(k, &a->keeps, next)
	{
		if (!dj_keep_is_over(k))
			continue;
		dj_keep_leave_cgroup(k);
		over[n++] = k;
	}
	qsort(over, n, sizeof(struct dj_keep *), by_caller);
	share = fair_share(over, n);
	for (size_t i = 0; i < n; i++) {
		bool is_same = i != 0 && strcmp(owner, over[i]->owner) == 0;

		at = is_same ? at + 1 : 1;
		if (!is_same)
			memcpy(owner, over[i]->owner, sizeof(owner));
		if (at > share || now - over[i]->ended > OVER_SECONDS)
			bury(over[i]);
	}
	free(over);
}

void dj_api_sweep(struct dj_agent *a)
{
	struct dj_grave *g = LIST_FIRST(&a->graves);
	struct dj_grave *next_g;
	time_t now = time(NULL);
	size_t n = 0;

	sweep_over(a, now);
	for (; g != NULL; g = next_g) {
		next_g = LIST_NEXT(g, next);
		n++;
		if (g->until > now && n <= OVER_MAX)
			continue;
		LIST_REMOVE(g, next);
		free(g);
	}
	/* What many Keeps left in between is the machine's again. */
	(void)malloc_trim(0);
}

/* Only these parameters: a misspelt one must not be taken for absent. */
static bool query_is_known(struct dj_call *call, const char *const *names)
{
	const char *p = call->head->query;
	size_t n;
	bool found;

	while (p != NULL && *p != '\0') {
		n = strcspn(p, "=&");
		found = false;
		for (size_t i = 0; names[i] != NULL; i++)
			found |= strlen(names[i]) == n &&
				strncmp(names[i], p, n) == 0;
		if (!found) {
			dj_api_problem(call, 400, "query.unknown",
				"unknown parameter in the query", NULL);
			return false;
		}
		p = strchr(p, '&');
		p = p == NULL ? NULL : p + 1;
	}
	return true;
}

/* Reads a parameter; false: it was bad, and that is answered. */
static bool query(struct dj_call *call, const char *name, char *dst, size_t cap)
{
	dj_status st = dj_http_query(call->head->query, name, dst, cap);

	if (st == DJ_E_STATE)
		dst[0] = '\0';
	else if (st != DJ_OK)
		dj_api_problem(call, 400, "query.value",
			"a parameter of the query is malformed or too long",
			NULL);
	return st == DJ_OK || st == DJ_E_STATE;
}

static bool has_flag(const struct dj_call *call, const char *name)
{
	char value[8];

	return dj_http_query(call->head->query, name, value, sizeof(value)) ==
		DJ_OK &&
		strcmp(value, "1") == 0;
}

/* POST /v1/keeps */

static void answer_created(struct dj_call *call, const struct dj_keep *k)
{
	char extra[96];

	snprintf(extra, sizeof(extra), "Location: /v1/keeps/%s\r\n", k->id);
	dj_api_json(call, 201, dj_keep_json(k), extra);
}

/* An earlier request with the same key: true if it was answered from it. */
static bool answer_again(struct dj_call *call, const char *key,
	const uint8_t hash[static 32])
{
	struct dj_keep *k;

	LIST_FOREACH(k, &call->agent->keeps, next)
	{
		if (strcmp(k->key, key) != 0 ||
			strcmp(k->owner, call->caller) != 0)
			continue;
		if (memcmp(k->body_hash, hash, 32) == 0)
			answer_created(call, k);
		else
			dj_api_problem(call, 409, "request.key-reused",
				"this Idempotency-Key was used with another body",
				"send a new key");
		return true;
	}
	return false;
}

/* True: refused, and that is answered. */
static bool is_refused(struct dj_call *call, uint64_t memory)
{
	const struct dj_agent *a = call->agent;
	const struct dj_use all = { a->live, a->committed };
	struct dj_refusal no;
	struct dj_use own = { 0 };
	struct dj_keep *k;

	LIST_FOREACH(k, &a->keeps, next)
	{
		if (dj_keep_is_over(k) || strcmp(k->owner, call->caller) != 0)
			continue;
		own.keeps++;
		own.memory += k->ask.config.total_memory;
	}
	if (dj_quota_allows(&a->quota, &all, &own, memory, &no))
		return false;
	dj_log(DJ_LOG_INFO, "keep.refused", "error", no.error, "caller",
		call->caller, NULL);
	/* What can never fit is not worth a retry. */
	dj_api_problem_with(call, no.status, no.error, no.detail,
		no.is_for_ever ? "ask for less memory" : "donjon ps",
		no.is_for_ever ? NULL : "Retry-After: 5\r\n");
	return true;
}

/* Whatever was asked for, nothing stays longer than this host allows. */
static void bound_ttl(const struct dj_agent *a, struct dj_create *ask)
{
	if (a->opt.max_ttl != 0 && (ask->ttl == 0 || ask->ttl > a->opt.max_ttl))
		ask->ttl = a->opt.max_ttl;
}

static void create(struct dj_call *call, struct dj_create *ask, const char *key,
	const uint8_t hash[static 32])
{
	const struct dj_tee_kind *kind = dj_tee_kind_find(ask->tee);
	struct dj_keep *k;
	char text[256];
	dj_status st;

	if (kind == NULL) {
		dj_api_problem(call, 400, "tee.unknown",
			"tee is none of sgx, snp, tdx, sanctum, pef, kvm, process",
			NULL);
		return;
	}
	/* These exist under a development root only. */
	if (kind->format == 0)
		ask->emulated = true;
	if (dj_api_unavailable(call->agent, kind, ask->emulated, text)) {
		dj_api_problem(call, 404, "tee.unavailable", text,
			"donjon doctor");
		return;
	}
	if (is_refused(call, ask->config.total_memory))
		return;
	bound_ttl(call->agent, ask);
	st = dj_keep_new(call->agent, kind, ask, call->caller, &k, text);
	if (st != DJ_OK) {
		dj_log(DJ_LOG_ERROR, "keep.not_started", "why", text, NULL);
		dj_api_problem_with(call, 503, "host.resources", text, NULL,
			"Retry-After: 5\r\n");
		return;
	}
	snprintf(k->key, sizeof(k->key), "%s", key);
	memcpy(k->body_hash, hash, sizeof(k->body_hash));
	answer_created(call, k);
	/* Beside the minute's: many may end in one. */
	if (call->agent->events.by_kind[DJ_EVENT_CREATED] % 256 == 0)
		dj_api_sweep(call->agent);
}

static bool is_json(const char *type)
{
	static const char want[] = "application/json";
	size_t n = sizeof(want) - 1;

	return type != NULL && strncasecmp(type, want, n) == 0 &&
		(type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

void dj_api_create(struct dj_call *call)
{
	const char *key = dj_http_field(call->head, "Idempotency-Key");
	struct dj_create ask;
	const char *error;
	char text[256];
	uint8_t hash[32];
	const uint8_t *body;
	size_t len;

	/* A browser sends no such type across origins without asking. */
	if (!is_json(dj_http_field(call->head, "Content-Type"))) {
		dj_api_problem(call, 415, "http.type",
			"the body must be application/json",
			"add the header Content-Type: application/json");
		return;
	}
	if (key != NULL && !dj_http_is_id(key)) {
		dj_api_problem(call, 400, "request.key",
			"Idempotency-Key is not 1 to 128 visible characters",
			NULL);
		return;
	}
	if (call->agent->is_stopping) {
		dj_api_problem(call, 503, "host.stopping",
			"this agent is stopping", NULL);
		return;
	}
	body = dj_http_body(call->conn, &len);
	EVP_Digest(body, len, hash, NULL, EVP_sha256(), NULL);
	if (key != NULL && answer_again(call, key, hash))
		return;
	if (dj_create_parse(body, len, &ask, &error, text) != DJ_OK) {
		dj_api_problem(call, 400, error, text, NULL);
		return;
	}
	create(call, &ask, key == NULL ? "" : key, hash);
	dj_create_done(&ask);
}

/* GET /v1/keeps */

struct filter {
	char state[16];
	char label[352];
	char after[DJ_KEEP_ID_SIZE];
	size_t limit;
};

static bool has_label(const struct dj_keep *k, const char *label)
{
	const char *eq = strchr(label, '=');
	char key[65];
	const char *value;

	snprintf(key, sizeof(key), "%.*s", eq == NULL ? 64 : (int)(eq - label),
		label);
	value = json_string_value(json_object_get(k->ask.labels, key));
	return value != NULL && (eq == NULL || strcmp(value, eq + 1) == 0);
}

static bool read_filter(struct dj_call *call, struct filter *f)
{
	static const char *const names[] = { "state", "label", "limit", "after",
		NULL };
	char limit[8];
	unsigned long n = 100;

	if (!query_is_known(call, names) ||
		!query(call, "state", f->state, sizeof(f->state)) ||
		!query(call, "label", f->label, sizeof(f->label)) ||
		!query(call, "after", f->after, sizeof(f->after)) ||
		!query(call, "limit", limit, sizeof(limit)))
		return false;
	if (limit[0] != '\0')
		n = limit[strspn(limit, "0123456789")] == '\0'
			? strtoul(limit, NULL, 10)
			: 0;
	if (n < 1 || n > 1000) {
		dj_api_problem(call, 400, "query.value",
			"limit is not a number from 1 to 1000", NULL);
		return false;
	}
	f->limit = n;
	return true;
}

void dj_api_list(struct dj_call *call)
{
	struct filter f;
	json_t *list;
	struct dj_keep *k;
	const char *last = NULL;
	bool is_past;
	bool has_more = false;
	json_t *answer;

	if (!read_filter(call, &f))
		return;
	list = json_array();
	is_past = f.after[0] == '\0';
	LIST_FOREACH(k, &call->agent->keeps, next)
	{
		if (strcmp(k->owner, call->caller) != 0)
			continue;
		if (!is_past) {
			is_past = strcmp(k->id, f.after) == 0;
			continue;
		}
		if ((f.state[0] != '\0' &&
			    strcmp(f.state, dj_phase_name(k->phase)) != 0) ||
			(f.label[0] != '\0' && !has_label(k, f.label)))
			continue;
		if (json_array_size(list) == f.limit) {
			has_more = true;
			break;
		}
		json_array_append_new(list, dj_keep_json(k));
		last = k->id;
	}
	answer = json_pack("{s:s,s:o}", "schema", "donjon.keeps/1", "keeps",
		list);
	if (has_more)
		json_object_set_new(answer, "after", json_string(last));
	dj_api_json(call, 200, answer, NULL);
}

/* /v1/keeps/ID and below */

static void delete_keep(struct dj_call *call, struct dj_keep *k)
{
	static const char *const names[] = { "force", NULL };

	if (!query_is_known(call, names))
		return;
	if (!dj_keep_is_over(k) && !has_flag(call, "force")) {
		dj_api_problem(call, 409, "keep.running",
			"this Keep has not ended", "add ?force=1");
		return;
	}
	if (!dj_keep_is_over(k))
		dj_keep_kill(k, "deleted by its owner");
	bury(k);
	dj_api_text(call, 204, NULL, NULL, 0, NULL);
}

void dj_api_keep(struct dj_call *call)
{
	struct dj_keep *k = own(call);

	if (k == NULL)
		return;
	if (call->verb == DJ_VERB_DELETE)
		delete_keep(call, k);
	else
		dj_api_json(call, 200, dj_keep_json(k), NULL);
}

static bool wants_session(const struct dj_http_head *h)
{
	const char *up = dj_http_field(h, "Upgrade");

	return h->wants_upgrade && up != NULL && !h->is_http10 &&
		dj_http_has_token(up, "donjon-session/1");
}

void dj_api_session(struct dj_call *call)
{
	static const char *const names[] = { "steal", NULL };
	struct dj_keep *k = own(call);

	if (k == NULL || !query_is_known(call, names))
		return;
	if (!wants_session(call->head) || call->head->body_len != 0) {
		dj_api_problem_with(call, 426, "session.upgrade",
			"a session needs Connection: Upgrade, Upgrade: donjon-session/1 and no body",
			NULL,
			"Upgrade: donjon-session/1\r\nConnection: Upgrade\r\n");
		return;
	}
	if (dj_keep_is_over(k)) {
		dj_api_problem(call, 410, "keep.gone", k->reason, NULL);
		return;
	}
	if (k->link != NULL && !has_flag(call, "steal")) {
		dj_api_problem(call, 409, "session.busy",
			"another link to this Keep is open", "add ?steal=1");
		return;
	}
	if (k->link != NULL)
		dj_relay_end(k, DJ_ERROR_BUSY, "another link took its place");
	call->status = 101;
	call->micros = dj_http_micros(call->conn);
	dj_relay_open(k, call->conn);
}

void dj_api_evidence(struct dj_call *call)
{
	struct dj_keep *k = own(call);

	if (k == NULL)
		return;
	if (k->offer.p == NULL || k->evidence.p == NULL) {
		dj_api_problem(call, 404, "evidence.none",
			"this Keep has made no offer yet", NULL);
		return;
	}
	dj_api_json(call, 200,
		json_pack("{s:s,s:s,s:o,s:o,s:o}", "schema",
			"donjon.relayed-evidence/1", "keep", k->id, "hello",
			dj_blob_hex(&k->hello), "offer", dj_blob_hex(&k->offer),
			"evidence", dj_blob_hex(&k->evidence)),
		NULL);
}

static void answer_streams(struct dj_call *call)
{
	if (call->agent->events.stream_count >= DJ_STREAMS_MAX) {
		dj_api_problem_with(call, 503, "events.limit",
			"this host has as many streams open as it may", NULL,
			"Retry-After: 5\r\n");
		return;
	}
	dj_api_problem_with(call, 429, "events.limit",
		"you have as many streams open as one caller may", NULL,
		"Retry-After: 5\r\n");
}

void dj_api_console(struct dj_call *call)
{
	static const char *const names[] = { "follow", NULL };
	struct dj_keep *k = own(call);
	char text[DJ_CONSOLE_LINES * (DJ_CONSOLE_LINE_MAX + 32)];
	size_t len = 0;
	size_t from;

	if (k == NULL || !query_is_known(call, names))
		return;
	from = k->console_count > DJ_CONSOLE_LINES
		? k->console_count - DJ_CONSOLE_LINES
		: 0;
	for (size_t i = from; i < k->console_count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n",
			k->console[i % DJ_CONSOLE_LINES] == NULL
				? ""
				: k->console[i % DJ_CONSOLE_LINES]);
	if (call->verb == DJ_VERB_HEAD || !has_flag(call, "follow")) {
		dj_api_text(call, 200, "text/plain; charset=utf-8", text, len,
			NULL);
		return;
	}
	call->micros = dj_http_micros(call->conn);
	if (dj_console_stream(k, call->conn, text, len))
		call->status = 200;
	else
		answer_streams(call);
}

/* Last-Event-ID; false: malformed, and that is answered. */
static bool read_since(struct dj_call *call, uint64_t absent, uint64_t *ret)
{
	const char *s = dj_http_field(call->head, "Last-Event-ID");

	*ret = absent;
	if (s == NULL)
		return true;
	if (s[0] == '\0' || strlen(s) > 18 ||
		s[strspn(s, "0123456789")] != '\0') {
		dj_api_problem(call, 400, "events.id",
			"Last-Event-ID is not an id of an event here", NULL);
		return false;
	}
	*ret = strtoull(s, NULL, 10);
	return true;
}

void dj_api_events(struct dj_call *call)
{
	static const char *const names[] = { "follow", NULL };
	struct dj_keep *k = call->name[0] == '\0' ? NULL : own(call);
	char follow[8];
	bool ends;
	uint64_t since;

	if ((call->name[0] != '\0' && k == NULL) ||
		!query_is_known(call, names) ||
		!query(call, "follow", follow, sizeof(follow)))
		return;
	ends = strcmp(follow, "0") == 0;
	/* All that is known of one Keep; of all Keeps only if asked for. */
	if (!read_since(call, k != NULL || ends ? 0 : UINT64_MAX, &since))
		return;
	call->micros = dj_http_micros(call->conn);
	if (dj_events_stream(call->agent, call->conn, call->caller,
		    k == NULL ? NULL : k->id, since, !ends))
		call->status = 200;
	else
		answer_streams(call);
}

void dj_api_kill(struct dj_call *call)
{
	struct dj_keep *k = own(call);

	if (k == NULL)
		return;
	if (dj_keep_is_over(k)) {
		dj_api_problem(call, 409, "keep.over", "this Keep has ended",
			NULL);
		return;
	}
	dj_keep_kill(k, "killed by its owner");
	dj_api_json(call, 202, dj_keep_json(k), NULL);
}
