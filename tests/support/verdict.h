// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string.h>

#include "attest/judge.h"
#include "tests/tap.h"

/*
 * One verdict at a time: take_policy(), then judge_bytes() as often as wanted.
 * For the tests of judges; all of it is a program's own.
 */
static uint8_t evidence[65536]; /* room for it */
static struct dj_policy policy;
static struct dj_toml_error err;   /* of a policy that is none */
static struct dj_verdict verdict;  /* the last one */
static const uint8_t *config_hash; /* of the judge's input, or NULL */

/* root: PEM of the development root, or NULL. */
static void take_policy(const char *text, const char *root)
{
	if (!ok(dj_policy_parse(text, strlen(text), "p.toml", &policy, &err) ==
		    DJ_OK))
		printf("# %u: %s\n", err.line, err.text);
	if (root != NULL)
		eq_u64(dj_policy_set_root(&policy, 0, root, strlen(root), &err),
			DJ_OK);
}

/* "good", or the check that failed first. */
static const char *judge_bytes(const uint8_t *p, size_t len, int64_t time)
{
	struct dj_judge_input in = { .purpose = DJ_JUDGE_ALONE,
		.evidence = p,
		.evidence_len = len,
		.policy = &policy,
		.config_hash = config_hash,
		.time = time };
	dj_status st;

	dj_verdict_done(&verdict);
	st = dj_judge(&in, &verdict);
	ok((st == DJ_OK) == verdict.good);
	ok(verdict.good == (verdict.error == NULL));
	return verdict.error == NULL ? "good" : verdict.error;
}
