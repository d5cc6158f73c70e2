// SPDX-License-Identifier: Apache-2.0
#include "tests/support/judged.h"

#include <stdlib.h>
#include <string.h>

#include "attest/judge.h"

void judged_policy(struct judged *j, const char *text, const char *root)
{
	struct dj_toml_error err;

	if (dj_policy_parse(text, strlen(text), "p", &j->policy, &err) !=
			DJ_OK ||
		dj_policy_set_root(&j->policy, 0, root, strlen(root), &err) !=
			DJ_OK)
		abort();
}

bool judged_good(const struct judged *j, const uint8_t *p, size_t len)
{
	struct dj_judge_input in = { .purpose = DJ_JUDGE_ALONE,
		.evidence = p,
		.evidence_len = len,
		.policy = &j->policy,
		.time = j->time };
	struct dj_verdict v;
	bool good = dj_judge(&in, &v) == DJ_OK;

	if (v.hardware || (v.error == NULL) != good)
		abort();
	dj_verdict_done(&v);
	return good;
}

void judged_edit(struct judged *j, const uint8_t *edits, size_t len)
{
	memcpy(j->changed, j->good, j->good_len);
	for (; len >= 3; edits += 3, len -= 3)
		j->changed[((size_t)edits[0] << 8 | edits[1]) % j->good_len] +=
			edits[2];
	memcpy(j->changed + 2, j->good + 2, 2);
}
