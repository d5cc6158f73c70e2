// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/keeps.h"
#include "cli/native.h"
#include "cli/outcome.h"
#include "cli/verbs.h"
#include "client/program.h"
#include "client/stay.h"
#include "client/tees.h"
#include "lib/proto/begin.h"

/* Of run and of start: they differ in what comes last. */
// clang-format off
#define COMMON_OPTIONS \
	{ "tee", 0, "LIST", "any, " DJ_TEE_WORDS "; the first that can be had" }, \
	{ "env", 'e', "NAME=VALUE", "a variable of the program" }, \
	{ "env-file", 0, "FILE", "variables, one a line" }, \
	{ "dir", 0, "HOST::GUEST", "a folder that comes back; :ro to be read" }, \
	{ "no-tmp", 0, NULL, "no empty /tmp in memory" }, \
	{ "stream", 0, "NAME=FILE", "FILE as /stream/NAME, to be read" }, \
	{ "stream-out", 0, "NAME=FILE", "/stream/NAME, written, as FILE" }, \
	{ "argv0", 0, "NAME", "the program's name, if not the file's" }, \
	{ "memory", 'm', "SIZE", "all memory of the keep, 256MiB" }, \
	{ "time", 't', "TIME", "end it after so long, such as 10min" }, \
	{ "engine", 0, "interp|aot", "aot: native code, compiled here first" }, \
	{ "clock", 0, "POLICY", "host, client, counting, fixed:TIME" }, \
	{ "fuel", 0, "N", "end it after so many steps" }, \
	{ "owner", 0, "FILE", "P-256 key: the keep serves nobody else" }, \
	{ "again", 0, "SECONDS", "attest again every so often" }, \
	{ "one-size", 0, NULL, "records of one size only" }, \
	{ "steady", 0, "MS", "a record every MS milliseconds, always" }, \
	{ "exit-file", 0, "FILE", "how it ended, as JSON" }, \
	{ "config", 0, "FILE", "in place of ./Donjon.toml" }, \
	{ "receipt", 0, "FILE", "save the keep's receipt of the result" }, \
	{ "name", 0, "NAME", "what to call the keep here" }
// clang-format on

static const struct dj_option options[] = {
	COMMON_OPTIONS,
	{ 0 },
};

static const struct dj_option start_options[] = {
	COMMON_OPTIONS,
	{ "out", 'o', "FILE", "where standard output goes" },
	{ "err", 0, "FILE", "where standard error goes, not to attach" },
	{ "discard", 0, NULL, "no standard output" },
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
	struct dj_stay stay;
	bool is_start;
	int opened[2];
	/* Borrowed strings. */
	char **env, **env_files, **dirs, **ins, **outs;
	size_t env_count, env_file_count, dir_count, in_count, out_count;
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

	*ret = 0;
	if (text == NULL || dj_time_parse(text, ret))
		return true;
	return dj_cli_bad_setting(s, DJ_SET_TIME,
		"a time such as 30s, 500ms, 10min, 2h", err);
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
		!collect(r, "dir", NULL, &r->dirs, &r->dir_count) ||
		!collect(r, "stream", &r->settings.v[DJ_SET_STREAMS_IN],
			&r->ins, &r->in_count) ||
		!collect(r, "stream-out", &r->settings.v[DJ_SET_STREAMS_OUT],
			&r->outs, &r->out_count))
		return dj_err_set(err, "internal.memory", "no memory");
	o.env = (const char *const *)r->env;
	o.env_count = r->env_count;
	o.env_files = (const char *const *)r->env_files;
	o.env_file_count = r->env_file_count;
	o.dirs = (const char *const *)r->dirs;
	o.dir_count = r->dir_count;
	o.no_tmp = dj_cli_has(cli, "no-tmp");
	o.streams_in = (const char *const *)r->ins;
	o.stream_in_count = r->in_count;
	o.streams_out = (const char *const *)r->outs;
	o.stream_out_count = r->out_count;
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

static char *describe(void *ctx, const struct dj_outcome *o)
{
	struct invocation *r = ctx;

	r->visit.ms[DJ_VISIT_RUN] = o->run_ms;
	return dj_outcome_text(&r->visit, &r->program, o);
}

/* What start cannot do is said before a host is asked. */
static bool check_stay(struct invocation *r, struct dj_err *err)
{
	const struct dj_cli *cli = r->cli;
	bool has_host = r->visit_options.host_count > 0;

	if (r->is_start && !has_host)
		return dj_err_set(err, "usage.option",
			"start: a private agent ends with this client, and the Keep with it; name a host agent with --host");
	if (r->is_start && r->program.returned_count > 0)
		return dj_err_set(err, "usage.option",
			"start: a folder can come back only to the client that sent it; give it with :ro");
	if (r->is_start &&
		!dj_stay_named(r->program.named, r->program.named_count))
		return dj_err_set(err, "usage.option",
			"start: a named stream must be a file, so that another client can go on with it");
	if (!has_host && dj_cli_has(cli, "name"))
		return dj_err_set(err, "usage.option",
			"--name: without --host nobody can come back to the Keep");
	if (r->is_start && dj_cli_has(cli, "out") == dj_cli_has(cli, "discard"))
		return dj_err_set(err, "usage.option",
			"start: say where the output goes, with --out FILE or --discard");
	return true;
}

static int open_output(const char *path, mode_t mode, struct dj_err *err)
{
	char shown[512];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	if (fd < 0)
		(void)dj_err_set(err, "output.write", "opening %s: %s",
			dj_clean(shown, sizeof(shown), path, strlen(path)),
			strerror(errno));
	return fd;
}

/*
 * Only now that there is a Keep to write them, under a name of its own: till
 * then they may be those of another that runs, which could not go on with them.
 */
static bool empty_outputs(const struct invocation *r, struct dj_err *err)
{
	struct stat st;

	for (int i = 0; i < 2; i++) {
		int fd = r->opened[i];

		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
			ftruncate(fd, 0) < 0)
			return dj_err_set(err, "output.write",
				"emptying %s: %s", i == 0 ? "--out" : "--err",
				strerror(errno));
	}
	return true;
}

/* What another Keep of ours is to write is not for two: whoever attaches to the
   first one could not go on with it. */
static bool is_free(int fd, struct dj_err *err)
{
	char path[DJ_PATH_MAX];
	char **names;
	uint64_t at;

	if (fd < 0 || !dj_stay_file(fd, path, &at))
		return true;
	names = dj_record_list();
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		struct dj_err none = { 0 };
		struct dj_ticket_file t;
		struct dj_record other;

		if (!dj_record_peek(&other, names[i], &none))
			continue;
		if (dj_record_has(&other, "ticket") &&
			!dj_record_has(&other, "result") &&
			dj_record_about(&other, &t) &&
			(strcmp(t.text[DJ_TICKET_OUT], path) == 0 ||
				strcmp(t.text[DJ_TICKET_ERR], path) == 0)) {
			(void)dj_err_set(err, "output.write",
				"opening %s: the Keep %s has its output there",
				path, names[i]);
			dj_err_hint(err, "donjon attach %s", names[i]);
		}
		dj_record_close(&other);
	}
	dj_record_list_free(names);
	return err->info == NULL;
}

static bool open_outputs(struct invocation *r, struct dj_err *err)
{
	const char *out = dj_cli_value(r->cli, "out");
	const char *errs = dj_cli_value(r->cli, "err");

	r->opened[0] = open_output(out == NULL ? "/dev/null" : out, 0666, err);
	r->job.out_fd = r->opened[0];
	if (errs != NULL)
		r->opened[1] = open_output(errs, 0666, err);
	r->job.err_fd = r->opened[1];
	return r->job.out_fd >= 0 && (errs == NULL || r->job.err_fd >= 0) &&
		is_free(r->job.out_fd, err) && is_free(r->job.err_fd, err);
}

/* Can another process go on where this one is? Then it may have to. */
static bool can_return(const struct invocation *r)
{
	char out[DJ_PATH_MAX], errs[DJ_PATH_MAX];
	uint64_t at;

	if (r->visit_options.host_count == 0 || r->program.returned_count > 0 ||
		!dj_stay_named(r->program.named, r->program.named_count))
		return false;
	if (!dj_stay_file(r->job.out_fd, out, &at))
		return false;
	/* Two streams in one file are in no order that could be kept. */
	return !dj_stay_file(r->job.err_fd, errs, &at) ||
		strcmp(out, errs) != 0;
}

static bool make_folder(struct invocation *r, struct dj_err *err)
{
	const char *name = dj_cli_value(r->cli, "name");

	dj_stay_init(&r->stay);
	r->stay.describe = describe;
	r->stay.ctx = r;
	if (!r->is_start && !can_return(r)) {
		if (r->visit_options.host_count > 0)
			dj_cli_note(r->cli,
				r->program.returned_count > 0
					? "a folder is to come back here: if this client dies, nobody can come back to the keep"
					: "standard output is no file of its own: if this client dies, nobody can come back to the keep");
		return true;
	}
	return name == NULL || dj_stay_make(&r->stay, name, true, err);
}

static bool begin_stay(struct invocation *r, struct dj_err *err)
{
	const struct dj_cli *cli = r->cli;
	char errs[DJ_PATH_MAX];

	if (r->stay.record.fd < 0 && (r->is_start || can_return(r)) &&
		!dj_stay_make(&r->stay, r->visit.keep, false, err))
		return false;
	if (!empty_outputs(r, err))
		return false;
	if (r->is_start && r->job.err_fd < 0) {
		if (!dj_record_path(&r->stay.record, "stderr", errs))
			return dj_err_set(err, "state.write",
				"making a file for standard error: its path is too long");
		r->job.err_fd = r->opened[1] = open_output(errs, 0600, err);
		if (r->opened[1] < 0)
			return false;
	}
	r->job.leaves = r->job.detaches = r->is_start;
	return dj_stay_path(&r->stay, DJ_TICKET_EXIT_FILE,
		       dj_cli_value(cli, "exit-file"), err) &&
		dj_stay_path(&r->stay, DJ_TICKET_RECEIPT,
			dj_cli_value(cli, "receipt"), err) &&
		dj_stay_begin(&r->stay, &r->visit, &r->job, err);
}

static bool prepare(struct invocation *r, struct dj_err *err)
{
	uint64_t again, steady;

	if (!dj_cli_settings(r->cli, &r->settings, err) ||
		!dj_cli_visit(r->cli, &r->settings, &r->visit_options, err) ||
		!dj_cli_number(r->cli, "again", 1, 1000000, &again, err) ||
		!dj_cli_number(r->cli, "steady", 1, DJ_STEADY_MAX_MS, &steady,
			err) ||
		!dj_cli_engine(&r->settings, err) || !load_program(r, err))
		return false;
	r->visit_options.time_ms = r->job.time_ms;
	r->job.again_ms = (uint32_t)again * 1000;
	r->job.steady_ms = (uint32_t)steady;
	dj_program_job(&r->program, &r->job);
	r->job.returned_max = r->visit_options.memory * DJ_RETURN_FACTOR;
	/* How much native code there will be is not known yet. */
	r->visit_options.module_max =
		dj_cli_is_native(&r->settings) ? 0 : r->program.module_len;
	r->visit_options.receipts = dj_cli_has(r->cli, "receipt");
	if (strcmp(dj_settings_get(&r->settings, DJ_SET_STDIN), "null") == 0)
		r->job.in_fd = -1;
	if (!check_stay(r, err))
		return false;
	if (r->is_start)
		return open_outputs(r, err) &&
			dj_visit_prepare(&r->visit, &r->visit_options,
				dj_cli_watch, r->cli, err);
	r->job.out_fd = output(&r->settings, DJ_SET_STDOUT, STDOUT_FILENO);
	r->job.err_fd = output(&r->settings, DJ_SET_STDERR, STDERR_FILENO);
	return dj_visit_prepare(&r->visit, &r->visit_options, dj_cli_watch,
		r->cli, err);
}

/* The name is what start is for: it is said when the Keep is left alone. */
static int say_started(const struct invocation *r)
{
	json_t *o;

	if (!r->cli->json) {
		dj_cli_print("%s\n", r->stay.record.name);
		return dj_cli_end(r->cli, 0);
	}
	o = dj_keep_json(&r->stay.record, NULL);
	return dj_cli_json(r->cli, o, 0);
}

/* After these nobody would want to come back. */
static bool is_final(const struct dj_err *err)
{
	static const char *const names[] = { "program.killed", "limit.time",
		"session.output", "again.refused" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (err->info != NULL && strcmp(err->info->name, names[i]) == 0)
			return true;
	}
	return false;
}

static int over(struct invocation *r, bool good, struct dj_err *err)
{
	const char *name = r->stay.record.name;
	bool has_folder = r->stay.record.fd >= 0;
	bool left = good && r->outcome.detached;
	int status;

	if (is_final(err))
		r->visit.is_kept = false;
	if (left && !r->is_start) {
		(void)dj_err_set(err, "session.cut",
			"running the program: it was left to run at a signal");
		good = false;
	}
	if (has_folder && r->visit.is_kept && !good)
		dj_err_hint(err, "donjon attach %s", name);
	if (good && r->is_start)
		status = say_started(r);
	else
		status = dj_outcome_report(r->cli, &r->visit, &r->program,
			&r->outcome, good ? NULL : err);
	if (good && !left)
		r->visit.is_kept = false;
	dj_stay_end(&r->stay, good && !left,
		has_folder && !r->visit.is_kept && !(good && r->is_start));
	return status;
}

/* What the Keep takes is known now: native code is made for it. */
static bool make_native(struct invocation *r, struct dj_err *err)
{
	if (!dj_cli_make_native(r->cli, &r->settings, &r->visit, &r->program,
		    err))
		return false;
	dj_program_job(&r->program, &r->job);
	return true;
}

/* An exit file from before would tell of another run. */
static int not_begun(const struct invocation *r, const struct dj_err *err)
{
	int status = dj_cli_refused(r->cli, &r->visit, err);

	return r->is_start ? status : dj_outcome_none(r->cli, err, status);
}

/* How it ended is written at its end: no program is to run for hours first. */
static bool can_tell(const struct invocation *r, struct dj_err *err)
{
	static const char *const names[] = { "exit-file", "receipt" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *path = dj_cli_value(r->cli, names[i]);
		char dir[DJ_PATH_MAX];
		struct stat st;

		if (path == NULL)
			continue;
		errno = EISDIR;
		if (!dj_path_folder(dir, path) ||
			access(dir, W_OK | X_OK) < 0 ||
			(stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
			return dj_err_set(err, "output.write", "--%s %s: %s",
				names[i], path, strerror(errno));
	}
	return true;
}

static int walk(struct invocation *r)
{
	struct dj_err err = { 0 };
	bool good;

	if (!can_tell(r, &err))
		return dj_cli_fail(r->cli, &err);
	if (!prepare(r, &err) || !make_folder(r, &err))
		return not_begun(r, &err);
	if (!dj_visit_keep(&r->visit, &err)) {
		dj_stay_end(&r->stay, false, r->stay.record.fd >= 0);
		return not_begun(r, &err);
	}
	dj_cli_quiet_line();
	dj_cli_banner(&r->visit);
	good = make_native(r, &err) && begin_stay(r, &err) &&
		dj_visit_run(&r->visit, &r->job, &r->outcome, &err);
	dj_cli_quiet_line();
	return over(r, good, &err);
}

static int run_or_start(struct dj_cli *cli, bool is_start)
{
	struct invocation *r = calloc(1, sizeof(*r));
	int status;

	if (r == NULL)
		return dj_cli_failf(cli, "internal.memory", "no memory");
	r->cli = cli;
	r->is_start = is_start;
	r->opened[0] = r->opened[1] = -1;
	r->stay.record.fd = -1;
	r->visit.agent.fd = r->visit.agent.log = -1;
	status = walk(r);
	dj_outcome_done(&r->outcome);
	dj_visit_done(&r->visit);
	dj_program_done(&r->program);
	dj_settings_done(&r->settings);
	for (int i = 0; i < 2; i++) {
		if (r->opened[i] >= 0)
			close(r->opened[i]);
	}
	free(r->env);
	free(r->env_files);
	free(r->dirs);
	free(r->ins);
	free(r->outs);
	free(r);
	return status;
}

static int run(struct dj_cli *cli)
{
	return run_or_start(cli, false);
}

static int start(struct dj_cli *cli)
{
	return run_or_start(cli, true);
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

const struct dj_verb dj_verb_start = {
	.name = "start",
	.group = DJ_GROUP_EVERYDAY,
	.operands = "MODULE [ARGS...]",
	.summary = "the same, but detach; prints the keep's name",
	.options = start_options,
	.max_operands = SIZE_MAX,
	.run = start,
};
