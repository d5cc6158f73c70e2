// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "attest/policy.h"
#include "cli/cli.h"
#include "client/measure.h"

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

/*
 * Every image of this installation, measured. It need not have all of them:
 * what cannot be read is a note. 0 if it has none, or one that is no image;
 * errors as dj_measure().
 */
DJ_NODISCARD size_t dj_trust_measure(const struct dj_cli *cli,
	struct dj_measured ret[static DJ_MEASURED_COUNT], struct dj_err *err);
/* The digest as a policy has it. */
void dj_trust_hex(const uint8_t *p, size_t len, char *dst);
