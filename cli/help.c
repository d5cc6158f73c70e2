// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

/* A paragraph, broken at spaces before column 78. */
static void paragraph(const char *text, const char *indent)
{
	size_t col = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (col > 0 && col + 1 + len > 76 - strlen(indent)) {
			dj_cli_print("\n");
			col = 0;
		}
		dj_cli_print("%s%.*s", col == 0 ? indent : " ", (int)len, text);
		col += len + (col > 0);
		text += len + (text[len] == ' ');
	}
	dj_cli_print("\n");
}

static void options(const struct dj_option *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "%c%c%c --%s%s%s",
			o->letter != 0 ? '-' : ' ',
			o->letter != 0 ? o->letter : ' ',
			o->letter != 0 ? ',' : ' ', o->name,
			o->arg != NULL ? " " : "",
			o->arg != NULL ? o->arg : "");
		dj_cli_print("  %-24s %s\n", left, o->help);
	}
}

void dj_help_all(void)
{
	dj_cli_print("donjon runs WebAssembly programs in Keeps: places on "
		     "somebody else's machine\nwhose owner cannot look in.\n\n"
		     "usage: donjon [OPTIONS] VERB [OPTIONS] [--] [ARGS]\n"
		     "       donjon [OPTIONS] MODULE.wasm [ARGS]\n");
	for (int g = 0; g < DJ_GROUP_COUNT; g++) {
		dj_cli_print("\n%s\n", dj_group_names[g]);
		for (size_t i = 0; dj_verbs[i] != NULL; i++) {
			const struct dj_verb *v = dj_verbs[i];

			if ((int)v->group == g)
				dj_cli_print("  %-12s %s\n", v->name,
					v->summary);
		}
	}
	dj_cli_print("\nOptions of every verb\n");
	options(dj_common_options);
	dj_cli_print("\nMore: donjon help VERB, donjon help ERROR.NAME, "
		     "donjon(1)\n");
}

void dj_help_verb(const struct dj_verb *v)
{
	dj_cli_print("donjon %s: %s\n\nusage: donjon %s%s%s%s\n", v->name,
		v->summary, v->name, v->options != NULL ? " [OPTIONS]" : "",
		v->operands[0] != '\0' ? " " : "", v->operands);
	if (v->options != NULL && v->options->name != NULL) {
		dj_cli_print("\nOptions of %s\n", v->name);
		options(v->options);
	}
	dj_cli_print("\nOptions of every verb\n");
	options(dj_common_options);
}

void dj_help_error(const struct dj_err_info *info)
{
	dj_cli_print("%s: %s\n\n", info->name, info->what);
	paragraph(info->why, "");
	if (info->hint != NULL)
		dj_cli_print("\nNext: %s\n", info->hint);
	dj_cli_print("\nExit status: %d", info->run_exit);
	if (info->run_exit != info->exit)
		dj_cli_print(" of donjon run, %d of other verbs", info->exit);
	dj_cli_print("\n");
}
