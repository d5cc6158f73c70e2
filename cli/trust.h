// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "attest/policy.h"
#include "cli/cli.h"

/* What the verbs about trust have in common. */

/*
 * The policy of --policy, DONJON_POLICY or [policy] file. policy.missing,
 * policy.read, policy.invalid (its text begins with file:line:col).
 */
DJ_NODISCARD bool dj_trust_policy(const struct dj_cli *cli,
	struct dj_policy *ret, struct dj_err *err);

/* A policy file by name; errors as above. */
DJ_NODISCARD bool dj_trust_policy_file(const char *path, struct dj_policy *ret,
	struct dj_err *err);
