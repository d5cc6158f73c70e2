// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "cli/common.h"
#include "cli/verbs.h"

static const struct dj_option options[] = {
	{ "config", 0, "FILE", "in place of ./Donjon.toml" },
	{ 0 },
};

static int say(const struct dj_cli *cli, const struct dj_settings *s)
{
	for (int i = 0; i < DJ_SET_COUNT; i++) {
		const struct dj_setting_value *v = &s->v[i];

		if (v->count == 0)
			continue;
		dj_cli_print("%-16s", dj_setting_key((enum dj_setting)i));
		for (size_t k = 0; k < v->count; k++) {
			char shown[300];

			dj_clean(shown, sizeof(shown), v->items[k],
				strlen(v->items[k]));
			dj_cli_print(" %s", shown);
		}
		dj_cli_print("  (%s)\n", v->origin);
	}
	return dj_cli_end(cli, 0);
}

static int say_json(const struct dj_cli *cli, const struct dj_settings *s)
{
	json_t *o = json_object(), *list = json_array();

	(void)json_object_set_new(o, "schema", json_string("donjon.config/1"));
	for (int i = 0; i < DJ_SET_COUNT; i++) {
		const struct dj_setting_value *v = &s->v[i];
		json_t *entry, *value;

		if (v->count == 0)
			continue;
		entry = json_object();
		value = json_array();
		for (size_t k = 0; k < v->count; k++)
			(void)json_array_append_new(value,
				json_string(v->items[k]));
		(void)json_object_set_new(entry, "key",
			json_string(dj_setting_key((enum dj_setting)i)));
		(void)json_object_set_new(entry, "value", value);
		(void)json_object_set_new(entry, "origin",
			json_string(v->origin));
		(void)json_array_append_new(list, entry);
	}
	(void)json_object_set_new(o, "values", list);
	return dj_cli_json(cli, o, 0);
}

static int run(struct dj_cli *cli)
{
	struct dj_settings s;
	struct dj_err err = { 0 };
	int status;

	if (!dj_cli_settings(cli, &s, &err))
		status = dj_cli_fail(cli, &err);
	else
		status = cli->json ? say_json(cli, &s) : say(cli, &s);
	dj_settings_done(&s);
	return status;
}

const struct dj_verb dj_verb_config = {
	.name = "config",
	.group = DJ_GROUP_MACHINE,
	.operands = "",
	.summary = "every setting and where it came from",
	.options = options,
	.run = run,
};
