// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/snp.h"
#include "tests/support/verdict.h"

/* The policy that takes s, or any root of its own, and these lines of [snp]. */
static void accept(const struct sn *s, const char *snp)
{
	take_policy(sn_policy(snp), s == NULL ? NULL : sn_root(s));
}

/* What is said of evidence that is made of it. */
static inline const char *judge(struct sn *s)
{
	size_t len = sn_build(s, evidence, sizeof(evidence));

	return judge_bytes(evidence, len, SN_TIME);
}
