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

size_t dj_trust_measure(const struct dj_cli *cli,
	struct dj_measured ret[static DJ_MEASURED_COUNT], struct dj_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < DJ_MEASURED_COUNT; i++) {
		*err = (struct dj_err){ 0 };
		if (dj_measure(dj_measured_tees[i], NULL, 0, &ret[n], err))
			n++;
		else if (strcmp(err->info->name, "image.read") != 0)
			return 0;
		else
			dj_cli_note(cli, "not measured: %s", err->text);
	}
	return n;
}

void dj_trust_hex(const uint8_t *p, size_t len, char *dst)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(dst + 2 * i, 3, "%02x", p[i]);
}
