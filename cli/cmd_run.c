// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/outcome.h"
#include "cli/verbs.h"
#include "client/program.h"

static const struct dj_option options[] = {
	{ "tee", 0, "LIST", "any, process, kvm; the first that can be had" },
	{ "env", 'e', "NAME=VALUE", "a variable of the program" },
	{ "env-file", 0, "FILE", "variables, one a line" },
	{ "dir", 0, "HOST::GUEST:ro", "a folder that the program can read" },
	{ "argv0", 0, "NAME", "the program's name, if not the file's" },
	{ "memory", 'm', "SIZE", "all memory of the keep, 256MiB" },
	{ "time", 't', "TIME", "end it after so long, such as 10min" },
	{ "fuel", 0, "N", "end it after so many steps" },
	{ "owner", 0, "FILE", "P-256 key: the keep serves nobody else" },
	{ "again", 0, "SECONDS", "attest again every so often" },
	{ "one-size", 0, NULL, "records of one size only" },
	{ "steady", 0, "MS", "a record every MS milliseconds, always" },
	{ "exit-file", 0, "FILE", "how it ended, as JSON" },
	{ "config", 0, "FILE", "in place of ./Donjon.toml" },
	{ 0 },
};

struct invocation {
	struct dj_cli *cli;
	struct dj_settings settings;
	struct dj_program program;
	struct dj_visit visit;
	struct dj_visit_options visit_options;
	struct dj_job job;
	struct dj_outcome outcome;
	char **env, **env_files, **dirs; /* borrowed strings */
	size_t env_count, env_file_count, dir_count;
};

/* Every value of an option, after those of the settings. */
static bool collect(struct invocation *r, const char *option,
	const struct dj_setting_value *first, char ***ret, size_t *ret_count)
{
	size_t cap = r->cli->given_count + (first == NULL ? 0 : first->count);
	const char *v;
	size_t n = 0;
	char **list = calloc(cap + 1, sizeof(*list));

	if (list == NULL)
		return false;
	for (size_t i = 0; first != NULL && i < first->count; i++)
		list[n++] = first->items[i];
	for (size_t i = 0; (v = dj_cli_next(r->cli, option, &i)) != NULL;)
		memcpy(&list[n++], &v, sizeof(v));
	*ret = list;
	*ret_count = n;
	return true;
}

static bool time_limit(const struct dj_settings *s, uint64_t *ret,
	struct dj_err *err)
{
	const char *text = dj_settings_get(s, DJ_SET_TIME);
	char shown[64];

	*ret = 0;
	if (text == NULL || dj_time_parse(text, ret))
		return true;
	dj_clean(shown, sizeof(shown), text, strlen(text));
	return dj_err_set(err, "usage.value",
		"%s: \"%s\" is not a time such as 30s, 500ms, 10min, 2h",
		s->v[DJ_SET_TIME].origin, shown);
}

static bool load_program(struct invocation *r, struct dj_err *err)
{
	const struct dj_cli *cli = r->cli;
	const struct dj_setting_value *args = &r->settings.v[DJ_SET_ARGS];
	struct dj_program_options o = {
		.module = dj_settings_get(&r->settings, DJ_SET_MODULE),
		.sha256 = dj_settings_get(&r->settings, DJ_SET_SHA256),
		.argv0 = dj_cli_value(cli, "argv0"),
		.args = (const char *const *)args->items,
		.arg_count = args->count,
	};

	if (cli->operand_count > 0) {
		/* Another module than the configured one has its own hash. */
		o.module = cli->operands[0];
		o.sha256 = NULL;
	}
	if (cli->operand_count > 1) {
		o.args = (const char *const *)cli->operands + 1;
		o.arg_count = cli->operand_count - 1;
	}
	if (o.module == NULL)
		return dj_err_set(err, "usage.operand",
			"run: MODULE is missing, and no configuration names one");
	if (!collect(r, "env", &r->settings.v[DJ_SET_ENV], &r->env,
		    &r->env_count) ||
		!collect(r, "env-file", NULL, &r->env_files,
			&r->env_file_count) ||
		!collect(r, "dir", NULL, &r->dirs, &r->dir_count))
		return dj_err_set(err, "internal.memory", "no memory");
	o.env = (const char *const *)r->env;
	o.env_count = r->env_count;
	o.env_files = (const char *const *)r->env_files;
	o.env_file_count = r->env_file_count;
	o.dirs = (const char *const *)r->dirs;
	o.dir_count = r->dir_count;
	if (!dj_cli_number(cli, "fuel", 1, UINT64_MAX, &o.fuel, err) ||
		!time_limit(&r->settings, &o.time_ms, err))
		return false;
	r->job.time_ms = o.time_ms;
	if (!dj_program_load(&r->program, &o, err))
		return false;
	/* Standard input was the module: the program's is empty. */
	r->job.in_fd = strcmp(o.module, "-") == 0 ? -1 : STDIN_FILENO;
	return true;
}

/* /dev/null where Enarx.toml says null; else the descriptor itself. */
static int output(const struct dj_settings *s, enum dj_setting which, int fd)
{
	if (strcmp(dj_settings_get(s, which), "null") != 0)
		return fd;
	return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static bool prepare(struct invocation *r, struct dj_err *err)
{
	uint64_t again, steady;

	if (!dj_cli_settings(r->cli, &r->settings, err) ||
		!dj_cli_visit(r->cli, &r->settings, &r->visit_options, err) ||
		!dj_cli_number(r->cli, "again", 1, 1000000, &again, err) ||
		!dj_cli_number(r->cli, "steady", 1, DJ_STEADY_MAX_MS, &steady,
			err) ||
		!load_program(r, err))
		return false;
	r->job.again_ms = (uint32_t)again * 1000;
	r->job.steady_ms = (uint32_t)steady;
	dj_program_job(&r->program, &r->job);
	r->visit_options.module_max = r->program.module_len;
	if (strcmp(dj_settings_get(&r->settings, DJ_SET_STDIN), "null") == 0)
		r->job.in_fd = -1;
	r->job.out_fd = output(&r->settings, DJ_SET_STDOUT, STDOUT_FILENO);
	r->job.err_fd = output(&r->settings, DJ_SET_STDERR, STDERR_FILENO);
	return dj_visit_prepare(&r->visit, &r->visit_options, dj_cli_watch,
		r->cli, err);
}

static int walk(struct invocation *r)
{
	struct dj_err err = { 0 };
	bool good;

	if (!prepare(r, &err) || !dj_visit_keep(&r->visit, &err))
		return dj_cli_refused(r->cli, &r->visit, &err);
	dj_cli_quiet_line();
	dj_cli_banner(&r->visit);
	good = dj_visit_run(&r->visit, &r->job, &r->outcome, &err);
	dj_cli_quiet_line();
	return dj_outcome_report(r->cli, &r->visit, &r->program, &r->outcome,
		good ? NULL : &err);
}

static int run(struct dj_cli *cli)
{
	struct invocation *r = calloc(1, sizeof(*r));
	int status;

	if (r == NULL)
		return dj_cli_failf(cli, "internal.memory", "no memory");
	r->cli = cli;
	status = walk(r);
	dj_outcome_done(&r->outcome);
	dj_visit_done(&r->visit);
	dj_program_done(&r->program);
	dj_settings_done(&r->settings);
	free(r->env);
	free(r->env_files);
	free(r->dirs);
	free(r);
	return status;
}

const struct dj_verb dj_verb_run = {
	.name = "run",
	.group = DJ_GROUP_EVERYDAY,
	.operands = "MODULE [ARGS...]",
	.summary =
		"start a keep, verify it, send MODULE, stream, return its exit code",
	.options = options,
	.max_operands = SIZE_MAX,
	.run = run,
};
