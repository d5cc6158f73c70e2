// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "cli/cli.h"
#include "cli/verbs.h"

/* Options and words have no character that a shell gives a meaning to. */
static void put_options(const struct dj_option *o, const char *before)
{
	for (; o != NULL && o->name != NULL; o++) {
		dj_cli_print("%s--%s", before, o->name);
		if (o->letter != 0)
			dj_cli_print("%s-%c", before, o->letter);
	}
}

static void put_words(const struct dj_verb *v)
{
	for (size_t i = 0; v->words != NULL && v->words[i] != NULL; i++)
		dj_cli_print(" %s", v->words[i]);
}

static void bash(void)
{
	dj_cli_print("_donjon()\n{\n"
		     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb= w\n"
		     "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		     "\t\tcase $w in\n");
	dj_cli_print("\t\t");
	for (size_t i = 0; dj_verbs[i] != NULL; i++)
		dj_cli_print("%s%s", i == 0 ? "" : "|", dj_verbs[i]->name);
	dj_cli_print(") verb=$w; break ;;\n\t\tesac\n\tdone\n"
		     "\tlocal words=\n\tcase $verb in\n");
	for (size_t i = 0; dj_verbs[i] != NULL; i++) {
		dj_cli_print("\t%s) words=\"", dj_verbs[i]->name);
		put_words(dj_verbs[i]);
		put_options(dj_verbs[i]->options, " ");
		dj_cli_print("\" ;;\n");
	}
	dj_cli_print("\t'') words=\"");
	for (size_t i = 0; dj_verbs[i] != NULL; i++)
		dj_cli_print(" %s", dj_verbs[i]->name);
	dj_cli_print("\" ;;\n\tesac\n\twords+=\"");
	put_options(dj_common_options, " ");
	dj_cli_print(
		"\"\n"
		"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"; compgen -f -- \"$cur\")\n"
		"}\ncomplete -o filenames -F _donjon donjon\n");
}

/* Summaries may hold an apostrophe, which zsh and fish would end at. */
static void put_quoted(const char *text)
{
	for (; *text != '\0'; text++)
		dj_cli_print("%c", *text == '\'' ? '`' : *text);
}

static void zsh_options(const struct dj_option *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		dj_cli_print(" \\\n\t\t'--%s%s[", o->name,
			o->arg != NULL ? "=" : "");
		put_quoted(o->help);
		dj_cli_print("]%s%s%s'", o->arg != NULL ? ":" : "",
			o->arg != NULL ? "value" : "",
			o->arg != NULL ? ":_files" : "");
	}
}

static void zsh(void)
{
	dj_cli_print("#compdef donjon\n_donjon()\n{\n\tlocal -a verbs\n"
		     "\tverbs=(\n");
	for (size_t i = 0; dj_verbs[i] != NULL; i++) {
		dj_cli_print("\t\t'%s:", dj_verbs[i]->name);
		put_quoted(dj_verbs[i]->summary);
		dj_cli_print("'\n");
	}
	dj_cli_print("\t)\n\tif (( CURRENT == 2 )); then\n"
		     "\t\t_describe verb verbs\n\t\t_files\n\t\treturn\n\tfi\n"
		     "\tcase $words[2] in\n");
	for (size_t i = 0; dj_verbs[i] != NULL; i++) {
		dj_cli_print("\t%s) _arguments", dj_verbs[i]->name);
		zsh_options(dj_verbs[i]->options);
		zsh_options(dj_common_options);
		dj_cli_print(" \\\n\t\t'*:file:_files' ;;\n");
	}
	dj_cli_print("\tesac\n}\n_donjon \"$@\"\n");
}

static void fish_options(const struct dj_option *o, const char *verb)
{
	for (; o != NULL && o->name != NULL; o++) {
		dj_cli_print("complete -c donjon");
		if (verb != NULL)
			dj_cli_print(" -n '__fish_seen_subcommand_from %s'",
				verb);
		dj_cli_print(" -l %s", o->name);
		if (o->letter != 0)
			dj_cli_print(" -s %c", o->letter);
		dj_cli_print("%s -d '", o->arg != NULL ? " -r" : "");
		put_quoted(o->help);
		dj_cli_print("'\n");
	}
}

static void fish(void)
{
	for (size_t i = 0; dj_verbs[i] != NULL; i++) {
		dj_cli_print(
			"complete -c donjon -n __fish_use_subcommand -a %s -d '",
			dj_verbs[i]->name);
		put_quoted(dj_verbs[i]->summary);
		dj_cli_print("'\n");
		if (dj_verbs[i]->words != NULL) {
			dj_cli_print(
				"complete -c donjon -n '__fish_seen_subcommand_from %s' -a '",
				dj_verbs[i]->name);
			put_words(dj_verbs[i]);
			dj_cli_print("'\n");
		}
		fish_options(dj_verbs[i]->options, dj_verbs[i]->name);
	}
	fish_options(dj_common_options, NULL);
}

static const char *const shells[] = { "bash", "zsh", "fish", NULL };

static int run(struct dj_cli *cli)
{
	static void (*const scripts[])(void) = { bash, zsh, fish };

	for (size_t i = 0; shells[i] != NULL; i++) {
		if (strcmp(shells[i], cli->operands[0]) == 0)
			scripts[i]();
	}
	return dj_cli_end(cli, 0);
}

const struct dj_verb dj_verb_completion = {
	.name = "completion",
	.group = DJ_GROUP_MACHINE,
	.operands = "bash|zsh|fish",
	.summary = "a script that completes verbs and options in a shell",
	.words = shells,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
