// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/keeps.h"
#include "cli/verbs.h"

static const struct dj_option ps_options[] = {
	{ "all", 'a', NULL, "those that have ended too" },
	{ 0 },
};

/* NULL: the host was not asked, or gave no answer. */
static json_t *ask(const struct dj_record *r)
{
	struct dj_ticket_file *t = calloc(1, sizeof(*t));
	struct dj_err ignored = { 0 };
	json_t *says = NULL;

	if (t != NULL && dj_record_load(r, t, &ignored) &&
		!dj_record_has(r, "result"))
		says = dj_keep_ask(t, "GET", "", &ignored);
	if (t != NULL)
		dj_wipe(t, sizeof(*t));
	free(t);
	return says;
}

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s == NULL ? "-" : s;
}

static void print_line(const json_t *j)
{
	const json_t *says = json_object_get(j, "host_says");
	char shown[40], tee[40];
	const char *said = text_of(says, "state");

	dj_clean(shown, sizeof(shown), said, strlen(said));
	dj_cli_print("%-20s %-10s %-8s %-20s %s%s%s%s\n", text_of(j, "name"),
		text_of(j, "state"), dj_keep_tee(j, tee, sizeof(tee)),
		text_of(j, "started"), text_of(j, "host"),
		says == NULL ? "" : "; the host says ",
		says == NULL ? "" : shown,
		json_object_get(says, "adversary") == NULL
			? ""
			: "; ADVERSARY: attacked, for a test");
}

static bool is_over(const json_t *j)
{
	return json_object_get(j, "result") != NULL ||
		json_object_get(j, "ticket") == NULL;
}

static int ps(struct dj_cli *cli)
{
	char **names = dj_record_list();
	bool all = dj_cli_has(cli, "all");
	json_t *list = json_array();

	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		struct dj_err ignored = { 0 };
		struct dj_record r;
		json_t *says, *j;

		if (!dj_record_peek(&r, names[i], &ignored))
			continue;
		says = ask(&r);
		j = dj_keep_json(&r, says);
		json_decref(says);
		dj_record_close(&r);
		if (all || !is_over(j))
			(void)json_array_append(list, j);
		json_decref(j);
	}
	dj_record_list_free(names);
	if (cli->json)
		return dj_cli_json(cli,
			json_pack("{s:s,s:o}", "schema", "donjon.keeps/1",
				"keeps", list),
			0);
	dj_cli_print("%-20s %-10s %-8s %-20s %s\n", "NAME", "STATE", "TEE",
		"STARTED", "HOST");
	for (size_t i = 0; i < json_array_size(list); i++)
		print_line(json_array_get(list, i));
	json_decref(list);
	return dj_cli_end(cli, 0);
}

static void print_all(json_t *o, int depth)
{
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v)
	{
		char shown[DJ_PATH_MAX];

		if (json_is_object(v)) {
			dj_cli_print("%*s%s\n", depth * 2, "", key);
			print_all(v, depth + 1);
		} else if (json_is_string(v)) {
			dj_cli_print("%*s%-12s %s\n", depth * 2, "", key,
				dj_clean(shown, sizeof(shown),
					json_string_value(v),
					json_string_length(v)));
		} else if (json_is_integer(v)) {
			dj_cli_print("%*s%-12s %lld\n", depth * 2, "", key,
				(long long)json_integer_value(v));
		} else if (json_is_boolean(v)) {
			dj_cli_print("%*s%-12s %s\n", depth * 2, "", key,
				json_is_true(v) ? "true" : "false");
		}
	}
}

static int inspect(struct dj_cli *cli)
{
	struct dj_err err = { 0 };
	struct dj_record r;
	json_t *says, *j;

	if (!dj_record_peek(&r, cli->operands[0], &err))
		return dj_cli_fail(cli, &err);
	says = ask(&r);
	j = dj_keep_json(&r, says);
	json_decref(says);
	dj_record_close(&r);
	if (cli->json)
		return dj_cli_json(cli, j, 0);
	print_all(j, 0);
	json_decref(j);
	return dj_cli_end(cli, 0);
}

const struct dj_verb dj_verb_ps = {
	.name = "ps",
	.group = DJ_GROUP_EVERYDAY,
	.operands = "",
	.summary = "keeps of this client, and what their hosts say of them",
	.options = ps_options,
	.run = ps,
};

const struct dj_verb dj_verb_inspect = {
	.name = "inspect",
	.group = DJ_GROUP_EVERYDAY,
	.operands = "KEEP",
	.summary = "everything known about one keep",
	.min_operands = 1,
	.max_operands = 1,
	.run = inspect,
};
