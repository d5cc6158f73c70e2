// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static bool is_run(const struct dj_cli *cli)
{
	return cli->verb != NULL && strcmp(cli->verb->name, "run") == 0;
}

static int status_of(const struct dj_cli *cli, const struct dj_err *err)
{
	const char *verb = cli->verb == NULL ? "" : cli->verb->name;
	bool is_program = is_run(cli) || strcmp(verb, "start") == 0 ||
		strcmp(verb, "attach") == 0;

	return is_program ? err->info->run_exit : err->info->exit;
}

/* A command line as the array of its words: hints have no quoting. */
static json_t *words(const char *line)
{
	json_t *list = json_array();

	while (*line != '\0') {
		size_t len = strcspn(line, " ");

		(void)json_array_append_new(list, json_stringn(line, len));
		line += len + (line[len] == ' ');
	}
	return list;
}

int dj_cli_say_error(const struct dj_cli *cli, const struct dj_err *err)
{
	const char *hint = err->hint[0] != '\0' ? err->hint : err->info->hint;

	(void)fflush(stdout);
	fprintf(stderr, "%serror[%s]%s: %s\n", cli->color ? "\033[1;31m" : "",
		err->info->name, cli->color ? "\033[0m" : "", err->text);
	if (hint != NULL && !cli->quiet)
		fprintf(stderr, "  next: %s\n", hint);
	return status_of(cli, err);
}

json_t *dj_cli_error_json(const struct dj_cli *cli, const struct dj_err *err)
{
	const char *hint = err->hint[0] != '\0' ? err->hint : err->info->hint;
	json_t *o = json_object();

	(void)json_object_set_new(o, "schema", json_string("donjon.error/1"));
	(void)json_object_set_new(o, "error", json_string(err->info->name));
	(void)json_object_set_new(o, "message", json_string(err->text));
	(void)json_object_set_new(o, "hint", words(hint == NULL ? "" : hint));
	(void)json_object_set_new(o, "secret_sent",
		json_boolean(err->secret_sent));
	(void)json_object_set_new(o, "exit", json_integer(status_of(cli, err)));
	return o;
}

int dj_cli_fail(const struct dj_cli *cli, const struct dj_err *err)
{
	int status = dj_cli_say_error(cli, err);

	if (cli->json) {
		json_t *o = dj_cli_error_json(cli, err);
		/* stdout of run is the program's. */
		FILE *to = is_run(cli) ? stderr : stdout;

		(void)json_dumpf(o, to, JSON_COMPACT);
		(void)fputc('\n', to);
		(void)fflush(to);
		json_decref(o);
	}
	return status;
}

int dj_cli_failf(const struct dj_cli *cli, const char *name, const char *fmt,
	...)
{
	struct dj_err err = { 0 };
	char text[sizeof(err.text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)dj_err_set(&err, name, "%s", text);
	return dj_cli_fail(cli, &err);
}

int dj_cli_json(const struct dj_cli *cli, json_t *object, int status)
{
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(object);
	return dj_cli_end(cli, status);
}

void dj_cli_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
}

int dj_cli_end(const struct dj_cli *cli, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	return dj_cli_failf(cli,
		errno == EPIPE            ? "output.closed"
			: errno == ENOSPC ? "output.full"
					  : "output.write",
		"writing to standard output: %s", strerror(errno));
}

void dj_cli_note(const struct dj_cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->quiet)
		return;
	fputs("donjon: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}
