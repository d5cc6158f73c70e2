// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"
#include "lib/proto/config.h"

/*
 * What requests ask for, as pure functions: the route of a path and the body
 * of POST /v1/keeps. Both come from strangers.
 */
enum dj_route {
	DJ_ROUTE_NONE, /* 404 */
	DJ_ROUTE_HEALTH,
	DJ_ROUTE_METRICS,
	DJ_ROUTE_AGENT,
	DJ_ROUTE_KEEPS,
	DJ_ROUTE_KEEP,
	DJ_ROUTE_SESSION,
	DJ_ROUTE_EVIDENCE,
	DJ_ROUTE_CONSOLE,
	DJ_ROUTE_KILL,
	DJ_ROUTE_COLLATERAL,
	DJ_ROUTE_KEEP_EVENTS,
	DJ_ROUTE_EVENTS,
};

#define DJ_NAME_MAX 32

enum dj_verb {
	DJ_VERB_GET = 1,
	DJ_VERB_HEAD = 2,
	DJ_VERB_POST = 4,
	DJ_VERB_DELETE = 8,
	DJ_VERB_OTHER = 0,
};

/*
 * name gets the Keep's id or the TEE's name where the route has one. A name
 * too long or with other characters than a-z, 0-9 and - is no route.
 */
enum dj_route dj_route_find(const char *path, char name[static DJ_NAME_MAX]);
/* enum dj_verb bits that the route takes, and as a value for Allow. */
unsigned dj_route_verbs(enum dj_route route);
const char *dj_route_allow(enum dj_route route);
enum dj_verb dj_verb_find(const char *method);

#define DJ_LABELS_MAX 16
#define DJ_TTL_MAX    31622400u /* a leap year */

/* {"tee","emulated","config","ttl","labels"}: config alone is a must. */
struct dj_create {
	char tee[DJ_NAME_MAX];
	bool emulated;
	uint8_t block[DJ_CONFIG_MAX]; /* KCF1, decoded */
	size_t block_len;
	struct dj_config config; /* what the block says */
	uint32_t ttl;            /* seconds, 0: none */
	json_t *labels;          /* object of strings; owned; never NULL */
};

/*
 * DJ_E_INPUT: malformed; *ret_error is the stable name, text one sentence
 * that says what and where. Never fails with *ret half made.
 */
dj_status dj_create_parse(const uint8_t *body, size_t len,
	struct dj_create *ret, const char **ret_error, char text[static 256]);
void dj_create_done(struct dj_create *c);
