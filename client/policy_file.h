// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

#include "attest/policy.h"
#include "client/file.h"
#include "lib/base/status.h"

/*
 * Reads a policy file and the roots it names (attest/policy.h), and a file as
 * a whole, bounded.
 *
 * On failure err->text is the whole reason, without the file's name for a
 * fault inside the policy (err->line is then not 0: print file:line:col), with
 * the path for a file that cannot be read (DJ_E_SYS, errno set).
 */
dj_status dj_policy_load(const char *path, struct dj_policy *ret,
	struct dj_toml_error *err);
