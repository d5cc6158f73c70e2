// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "attest/judge.h"

/*
 * A verdict for people and for scripts; `run` and `verify` say the same.
 */

/*
 * The lines below "refused" or "good": one `ok` line that groups what held,
 * a NO line for each failed check with got, want and policy file:line. all:
 * one line a check instead, those not applicable too.
 */
void dj_verdict_print(const struct dj_verdict *v, bool all, FILE *out);

/*
 * The fixed line for an unprotected Keep, without "donjon: " and newline:
 * "EMULATED process keep, no protection (development root)". NULL if hardware
 * protects it.
 */
const char *dj_verdict_banner(const struct dj_verdict *v, char *buf,
	size_t cap);

/* donjon.verdict/1; subject is a file or Keep name, may be NULL. */
json_t *dj_verdict_json(const struct dj_verdict *v, const char *subject,
	bool secret_sent);

/* "process", "snp (emulated)" */
const char *dj_verdict_tee(const struct dj_verdict *v, char *buf, size_t cap);
