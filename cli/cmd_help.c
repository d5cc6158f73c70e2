// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "attest/suggest.h"
#include "cli/help.h"
#include "cli/verbs.h"

/* Every error there is; donjon-errors(7) is made from the JSON. */
static int list_errors(const struct dj_cli *cli)
{
	json_t *o, *list;

	for (size_t i = 0; !cli->json && i < dj_err_count; i++)
		dj_cli_print("%-22s %s\n", dj_errs[i].name, dj_errs[i].what);
	if (!cli->json)
		return dj_cli_end(cli, 0);
	o = json_object();
	list = json_array();
	for (size_t i = 0; i < dj_err_count; i++) {
		const struct dj_err_info *e = &dj_errs[i];

		(void)json_array_append_new(list,
			json_pack("{s:s,s:i,s:i,s:s,s:s,s:s?}", "name", e->name,
				"exit", e->exit, "run_exit", e->run_exit,
				"what", e->what, "why", e->why, "hint",
				e->hint));
	}
	(void)json_object_set_new(o, "schema", json_string("donjon.errors/1"));
	(void)json_object_set_new(o, "errors", list);
	return dj_cli_json(cli, o, 0);
}

static int run(struct dj_cli *cli)
{
	const char *names[256];
	const char *topic = cli->operands[0], *near;
	const struct dj_err_info *info;
	const struct dj_verb *verb;
	struct dj_err err = { 0 };
	char shown[80];
	size_t n = 0;

	if (topic == NULL) {
		dj_help_all();
		return dj_cli_end(cli, 0);
	}
	if (strcmp(topic, "errors") == 0)
		return list_errors(cli);
	verb = dj_verb_find(topic);
	info = dj_err_find(topic);
	if (verb != NULL)
		dj_help_verb(verb);
	else if (info != NULL)
		dj_help_error(info);
	if (verb != NULL || info != NULL)
		return dj_cli_end(cli, 0);

	for (size_t i = 0; dj_verbs[i] != NULL && n < 250; i++)
		names[n++] = dj_verbs[i]->name;
	for (size_t i = 0; i < dj_err_count && n < 250; i++)
		names[n++] = dj_errs[i].name;
	names[n++] = "errors";
	names[n] = NULL;
	near = dj_suggest(topic, names);
	dj_clean(shown, sizeof(shown), topic, strlen(topic));
	(void)dj_err_set(&err, "usage.topic", "there is no help on %s%s%s%s",
		shown, near == NULL ? "" : "; did you mean ",
		near == NULL ? "" : near, near == NULL ? "" : "?");
	return dj_cli_fail(cli, &err);
}

const struct dj_verb dj_verb_help = {
	.name = "help",
	.group = DJ_GROUP_MACHINE,
	.operands = "[VERB|ERROR.NAME|errors]",
	.summary = "what a verb does, what an error means",
	.max_operands = 1,
	.run = run,
};
