// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "cli/cli.h"
#include "client/record.h"

/*
 * What this client knows of a Keep it can come back to, as donjon.keep/1.
 * host_says: the agent's answer, NULL if it was not asked; borrowed.
 */
json_t *dj_keep_json(const struct dj_record *r, json_t *host_says);

/* "exited 0", "running", ...: the state in one word or two. */
void dj_keep_state(const struct dj_record *r, const struct dj_ticket_file *t,
	bool has_ticket, const json_t *host_says, char *dst, size_t cap);

/* "process", "snp (emulated)": the TEE of a donjon.keep/1, for people. */
const char *dj_keep_tee(const json_t *keep, char *buf, size_t cap);

/* The result as it was recorded, NULL: none yet. */
json_t *dj_keep_result(const struct dj_record *r);

/* Asks the agent about it: GET, or POST kill; NULL with err. */
json_t *dj_keep_ask(const struct dj_ticket_file *t, const char *method,
	const char *suffix, struct dj_err *err);
