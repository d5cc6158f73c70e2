// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "attest/suggest.h"
#include "cli/help.h"
#include "cli/verbs.h"

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
	verb = dj_verb_find(topic);
	info = dj_err_find(topic);
	if (verb != NULL)
		dj_help_verb(verb);
	else if (info != NULL)
		dj_help_error(info);
	if (verb != NULL || info != NULL)
		return dj_cli_end(cli, 0);

	for (size_t i = 0; dj_verbs[i] != NULL && n < 255; i++)
		names[n++] = dj_verbs[i]->name;
	for (size_t i = 0; i < dj_err_count && n < 255; i++)
		names[n++] = dj_errs[i].name;
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
	.operands = "[VERB|ERROR.NAME]",
	.summary = "what a verb does, what an error means",
	.max_operands = 1,
	.run = run,
};
