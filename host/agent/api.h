// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>

#include "host/agent/agent.h"

/*
 * The HTTP API (docs/api.md): one request on its way through. api.c finds
 * route and caller, api_keeps.c has what concerns Keeps. Every function
 * answers exactly once.
 */
struct dj_call {
	struct dj_agent *agent;
	struct dj_http_conn *conn;
	const struct dj_http_head *head;
	enum dj_verb verb;
	char name[DJ_NAME_MAX]; /* the route's Keep or TEE */
	char caller[DJ_HTTP_CALLER_MAX];
	char request_id[129];
	char line[160]; /* method and path, for the log */
	uint64_t micros;
	int status;
};

/* application/problem+json (RFC 9457). error is the stable name. */
void dj_api_problem(struct dj_call *call, int status, const char *error,
	const char *detail, const char *hint);
/* extra: further header lines. */
void dj_api_problem_with(struct dj_call *call, int status, const char *error,
	const char *detail, const char *hint, const char *extra);
/* Takes the reference of body. */
void dj_api_json(struct dj_call *call, int status, json_t *body,
	const char *extra);
void dj_api_text(struct dj_call *call, int status, const char *type,
	const void *body, size_t len, const char *extra);

/* Why this kind of Keep cannot be had here, or NULL. */
const char *dj_api_unavailable(const struct dj_agent *a,
	const struct dj_tee_kind *kind, bool emulated, char text[static 256]);

void dj_api_create(struct dj_call *call);
void dj_api_list(struct dj_call *call);
void dj_api_keep(struct dj_call *call);
void dj_api_session(struct dj_call *call);
void dj_api_evidence(struct dj_call *call);
void dj_api_console(struct dj_call *call);
void dj_api_kill(struct dj_call *call);
/* call->name: the Keep, or "" for all of the caller's. */
void dj_api_events(struct dj_call *call);

/* Frees Keeps that ended an hour ago, and graves that are old. */
void dj_api_sweep(struct dj_agent *a);
