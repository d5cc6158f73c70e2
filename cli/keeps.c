// SPDX-License-Identifier: Apache-2.0
#include "cli/keeps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/judge.h"
#include "client/http.h"
#include "client/json.h"

#define RESULT_MAX ((size_t)1 << 20)

json_t *dj_keep_result(const struct dj_record *r)
{
	size_t len = 0;
	uint8_t *p = dj_record_read(r, "result", RESULT_MAX, &len);
	json_t *j = p == NULL
		? NULL
		: json_loadb((char *)p, len, JSON_REJECT_DUPLICATES, NULL);

	free(p);
	return j;
}

const char *dj_keep_tee(const json_t *keep, char *buf, size_t cap)
{
	const char *tee = json_string_value(json_object_get(keep, "tee"));
	const char *protection =
		json_string_value(json_object_get(keep, "protection"));
	bool is_bare = protection != NULL && strcmp(protection, "none") == 0;
	uint8_t number = tee == NULL ? 0 : dj_tee_number(tee);

	/* Those two have no other form. */
	if (number == DJ_TEE_PROCESS || number == DJ_TEE_KVM)
		is_bare = false;
	(void)snprintf(buf, cap, "%s%s", tee == NULL ? "-" : tee,
		is_bare && tee != NULL ? " (emulated)" : "");
	return buf;
}

static const char *said(const json_t *host_says)
{
	const char *s = json_string_value(json_object_get(host_says, "state"));

	return s == NULL ? "" : s;
}

/*
 * Ours is what is recorded here; only where nothing is, the host's word tells
 * whether the Keep is still there.
 */
void dj_keep_state(const struct dj_record *r, const struct dj_ticket_file *t,
	bool has_ticket, const json_t *host_says, char *dst, size_t cap)
{
	const char *word = said(host_says);
	json_t *result = dj_keep_result(r);
	const json_t *e = json_object_get(result, "exit");
	const char *how = json_string_value(json_object_get(e, "how"));
	const json_t *code = json_object_get(e, "code");

	if (result != NULL && code != NULL)
		(void)snprintf(dst, cap, "exited %lld",
			(long long)json_integer_value(code));
	else if (result != NULL)
		(void)snprintf(dst, cap, "%.20s", how == NULL ? "exited" : how);
	else if (!has_ticket)
		(void)snprintf(dst, cap, "lost");
	else if (t->ticket.no == 0)
		(void)snprintf(dst, cap, "new");
	else if (strcmp(word, "owned") == 0)
		(void)snprintf(dst, cap, "running");
	else if (strcmp(word, "gone") == 0 || strcmp(word, "exited") == 0)
		(void)snprintf(dst, cap, "gone");
	else
		(void)snprintf(dst, cap, "unknown");
	json_decref(result);
}

static json_t *hex(const uint8_t *p, size_t len)
{
	char text[65];

	for (size_t i = 0; i < len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[i]);
	return json_string(text);
}

static void add_ticket(json_t *j, const struct dj_record *r,
	const struct dj_ticket_file *t)
{
	char path[DJ_PATH_MAX], when[32];
	time_t begun = (time_t)t->begun;
	struct tm tm;
	json_t *part;

	(void)json_object_set_new(j, "id",
		json_string(t->text[DJ_TICKET_KEEP]));
	(void)json_object_set_new(j, "host",
		json_string(t->text[DJ_TICKET_HOST]));
	(void)json_object_set_new(j, "tee", json_string(dj_tee_name(t->tee)));
	(void)json_object_set_new(j, "protection",
		json_string(t->emulated || t->tee >= DJ_TEE_KVM ? "none"
								: "hardware"));
	(void)json_object_set_new(j, "keep_id", hex(t->keep_id, 32));
	(void)json_object_set_new(j, "attach_no", json_integer(t->attach_no));
	part = json_object();
	(void)json_object_set_new(part, "sha256", hex(t->module_hash, 32));
	(void)json_object_set_new(part, "bytes",
		json_integer((json_int_t)t->module_len));
	(void)json_object_set_new(j, "module", part);
	if (gmtime_r(&begun, &tm) != NULL &&
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		(void)json_object_set_new(j, "started", json_string(when));
	(void)json_object_set_new(j, "policy",
		dj_json_name(t->text[DJ_TICKET_POLICY]));
	if (t->text[DJ_TICKET_OUT][0] != '\0')
		(void)json_object_set_new(j, "out",
			dj_json_name(t->text[DJ_TICKET_OUT]));
	if (dj_record_has(r, "ticket") && dj_record_path(r, "ticket", path)) {
		part = json_object();
		(void)json_object_set_new(part, "no",
			json_integer(t->ticket.no));
		(void)json_object_set_new(part, "file", dj_json_name(path));
		(void)json_object_set_new(j, "ticket", part);
	}
}

json_t *dj_keep_json(const struct dj_record *r, json_t *host_says)
{
	struct dj_ticket_file *t = calloc(1, sizeof(*t));
	struct dj_err ignored = { 0 };
	json_t *j = json_object(), *result = dj_keep_result(r);
	char state[40] = "unknown";
	bool has = t != NULL && dj_record_load(r, t, &ignored);
	bool is_known = has || (t != NULL && dj_record_about(r, t));

	(void)json_object_set_new(j, "schema", json_string("donjon.keep/1"));
	(void)json_object_set_new(j, "name", json_string(r->name));
	if (t != NULL)
		dj_keep_state(r, t, has, host_says, state, sizeof(state));
	(void)json_object_set_new(j, "state", json_string(state));
	if (is_known)
		add_ticket(j, r, t);
	if (host_says != NULL)
		(void)json_object_set(j, "host_says", host_says);
	if (result != NULL)
		(void)json_object_set(j, "result", result);
	json_decref(result);
	if (t != NULL)
		dj_wipe(t, sizeof(*t));
	free(t);
	return j;
}

static const char *or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

json_t *dj_keep_ask(const struct dj_ticket_file *t, const char *method,
	const char *suffix, struct dj_err *err)
{
	struct dj_host_options o = {
		.url = t->text[DJ_TICKET_HOST],
		.ca = or_null(t->text[DJ_TICKET_CA]),
		.cert = or_null(t->text[DJ_TICKET_CERT]),
		.key = or_null(t->text[DJ_TICKET_KEY]),
		.token_file = or_null(t->text[DJ_TICKET_TOKEN_FILE]),
		.private_fd = -1,
	};
	struct dj_host *h = dj_host_open(&o, err);
	json_t *ret = NULL;
	char path[160];

	(void)snprintf(path, sizeof(path), "/v1/keeps/%.80s%s",
		t->text[DJ_TICKET_KEEP], suffix);
	if (h == NULL || !dj_host_request(h, method, path, NULL, &ret, err)) {
		dj_host_free(h);
		return NULL;
	}
	dj_host_free(h);
	return ret == NULL ? json_object() : ret;
}
