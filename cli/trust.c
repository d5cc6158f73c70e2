// SPDX-License-Identifier: Apache-2.0
#include "cli/trust.h"

#include <string.h>

#include "client/policy_file.h"
#include "client/settings.h"

bool dj_trust_policy_file(const char *path, struct dj_policy *ret,
	struct dj_err *err)
{
	struct dj_toml_error where = { 0 };
	char name[400];

	if (dj_policy_load(path, ret, &where) == DJ_OK)
		return true;
	if (where.line == 0)
		return dj_err_set(err, "policy.read", "%s", where.text);
	return dj_err_set(err, "policy.invalid", "%s:%u:%u: %s",
		dj_clean(name, sizeof(name), path, strlen(path)), where.line,
		where.col, where.text);
}

bool dj_trust_policy(const struct dj_cli *cli, struct dj_policy *ret,
	struct dj_err *err)
{
	const char *path = dj_cli_value(cli, "policy");
	struct dj_settings s = { 0 };
	bool good = false;

	if (path != NULL)
		return dj_trust_policy_file(path, ret, err);
	if (dj_settings_load(&s, NULL, err)) {
		path = dj_settings_get(&s, DJ_SET_POLICY);
		if (path != NULL)
			good = dj_trust_policy_file(path, ret, err);
		else
			(void)dj_err_set(err, "policy.missing",
				"judging evidence: no policy was named "
				"(--policy FILE)");
	}
	dj_settings_done(&s);
	return good;
}
