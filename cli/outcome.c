// SPDX-License-Identifier: Apache-2.0
#include "cli/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/verdict_print.h"

static const char *const how_names[] = {
	[DJ_EXIT_EXIT] = "exit",
	[DJ_EXIT_TRAP] = "trap",
	[DJ_EXIT_STOPPED] = "stopped",
	[DJ_EXIT_ENGINE] = "engine",
	[DJ_EXIT_LIMIT] = "limit",
	[DJ_EXIT_REFUSED] = "refused",
};

/* The first line of stream 3 that has the key; NULL: none. */
static json_t *diag_line(const struct dj_outcome *o, const char *key)
{
	const char *p = o->diag, *end = p == NULL ? NULL : p + o->diag_len;

	while (p != NULL && p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol == NULL ? end : eol) - p);
		json_t *line = json_loadb(p, len, JSON_REJECT_DUPLICATES, NULL);

		if (json_object_get(line, key) != NULL)
			return line;
		json_decref(line);
		p += len + 1;
	}
	return NULL;
}

static char *clean_value(char *dst, size_t cap, const json_t *line,
	const char *key)
{
	const json_t *v = json_object_get(line, key);
	const char *text = json_string_value(v);

	return dj_clean(dst, cap, text == NULL ? "" : text,
		text == NULL ? 0 : json_string_length(v));
}

/* Why the Keep did not run it: `refused` of stream 3. */
static void explain_refusal(const struct dj_outcome *o, const char **name,
	struct dj_err *err)
{
	json_t *line = diag_line(o, "refused");
	const json_t *offset = json_object_get(line, "offset");
	char text[200], what[200], at[48] = "";

	clean_value(text, sizeof(text), line, "refused");
	clean_value(what, sizeof(what), line, "name");
	if (offset != NULL) {
		*name = "module.invalid";
		(void)snprintf(at, sizeof(at), " at byte %lld",
			(long long)json_integer_value(offset));
	}
	(void)dj_err_set(err, *name, "running the module: %s%s%s%s",
		text[0] == '\0' ? "the Keep refused it" : text,
		what[0] == '\0' ? "" : ": ", what, at);
	json_decref(line);
}

static void explain_trap(const struct dj_outcome *o, const struct dj_exit *e,
	const char *name, struct dj_err *err)
{
	json_t *line = diag_line(o, "trap");
	char text[200];

	clean_value(text, sizeof(text), line, "trap");
	if (text[0] == '\0' && e->how == DJ_EXIT_TRAP &&
		dj_exit_trap_name(e->trap) != NULL)
		(void)snprintf(text, sizeof(text), "%s",
			dj_exit_trap_name(e->trap));
	(void)dj_err_set(err, name, "running the program: %s",
		text[0] == '\0' ? dj_err_find(name)->what : text);
	json_decref(line);
}

static void print_backtrace(const struct dj_outcome *o)
{
	json_t *line = diag_line(o, "trap");
	const json_t *frames = json_object_get(line, "backtrace"), *f;
	size_t i;

	json_array_foreach(frames, i, f)
	{
		char name[200];
		const json_t *offset = json_object_get(f, "offset");

		clean_value(name, sizeof(name), f, "name");
		fprintf(stderr, "  %2zu  %s%s%lld%s", i,
			name[0] == '\0' ? "function " : name,
			name[0] == '\0' ? "" : " (function ",
			(long long)json_integer_value(
				json_object_get(f, "func")),
			name[0] == '\0' ? "" : ")");
		if (offset != NULL)
			fprintf(stderr, " at byte %lld",
				(long long)json_integer_value(offset));
		fputc('\n', stderr);
	}
	json_decref(line);
}

static void explain_exit(const struct dj_outcome *o, const char *name,
	struct dj_err *err)
{
	err->secret_sent = true;
	switch ((enum dj_exit_how)o->exit.how) {
	case DJ_EXIT_REFUSED:
		explain_refusal(o, &name, err);
		return;
	case DJ_EXIT_TRAP:
	case DJ_EXIT_ENGINE:
	case DJ_EXIT_LIMIT:
		explain_trap(o, &o->exit, name, err);
		return;
	case DJ_EXIT_STOPPED:
	case DJ_EXIT_EXIT:
		break;
	}
	if (o->timed_out)
		name = "limit.time";
	(void)dj_err_set(err, name, "running the program: it was ended%s",
		o->timed_out ? " at the time limit" : "");
}

static json_t *exit_json(const struct dj_outcome *o, const struct dj_err *told)
{
	json_t *e = json_object();
	const char *how = "cut";

	if (o->has_exit && o->exit.how <= DJ_EXIT_REFUSED)
		how = how_names[o->exit.how];
	(void)json_object_set_new(e, "how", json_string(how));
	if (o->has_exit && o->exit.how == DJ_EXIT_EXIT)
		(void)json_object_set_new(e, "code",
			json_integer(o->exit.code));
	if (told->info != NULL) {
		(void)json_object_set_new(e, "error",
			json_string(told->info->name));
		(void)json_object_set_new(e, "message",
			json_string(told->text));
	}
	return e;
}

static json_t *hex(const uint8_t *p, size_t len)
{
	char text[129];

	for (size_t i = 0; i < len && i < 64; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[i]);
	return json_string(text);
}

static json_t *outcome_json(const struct dj_visit *v,
	const struct dj_program *program, const struct dj_outcome *o,
	const struct dj_err *told, int status)
{
	json_t *j = json_object(), *part;

	(void)json_object_set_new(j, "schema", json_string("donjon.outcome/1"));
	(void)json_object_set_new(j, "keep", json_string(v->keep));
	(void)json_object_set_new(j, "tee",
		json_string(dj_tee_name(v->verdict.tee)));
	(void)json_object_set_new(j, "protection",
		json_string(v->verdict.hardware ? "hardware" : "none"));
	if (v->adversary[0] != '\0')
		(void)json_object_set_new(j, "adversary",
			json_string(v->adversary));
	(void)json_object_set_new(j, "exit", exit_json(o, told));
	(void)json_object_set_new(j, "status", json_integer(status));
	part = json_object();
	for (int i = 0; i < DJ_VISIT_COUNT; i++)
		(void)json_object_set_new(part, dj_visit_phases[i],
			json_integer(v->ms[i]));
	(void)json_object_set_new(part, "first", json_integer(o->first_ms));
	(void)json_object_set_new(j, "ms", part);
	part = json_object();
	(void)json_object_set_new(part, "in", json_integer((json_int_t)o->in));
	(void)json_object_set_new(part, "out",
		json_integer((json_int_t)o->out + (json_int_t)o->err));
	(void)json_object_set_new(j, "bytes", part);
	part = json_object();
	(void)json_object_set_new(part, "sha256",
		hex(program->module_hash, 32));
	(void)json_object_set_new(part, "bytes",
		json_integer((json_int_t)program->module_len));
	(void)json_object_set_new(j, "module", part);
	(void)json_object_set_new(j, "session", hex(v->session.sid, 16));
	(void)json_object_set_new(j, "attested_again",
		json_integer(o->attested));
	part = diag_line(o, "counters");
	if (part != NULL)
		(void)json_object_set(j, "counters",
			json_object_get(part, "counters"));
	json_decref(part);
	part = diag_line(o, "trap");
	if (part != NULL)
		(void)json_object_set(j, "backtrace",
			json_object_get(part, "backtrace"));
	json_decref(part);
	return j;
}

/* "run exit 0, 1.204 s, 3.1 MB memory" */
static void print_run_line(const struct dj_outcome *o)
{
	json_t *line = diag_line(o, "counters");
	const json_t *memory =
		json_object_get(json_object_get(line, "counters"), "memory");

	fprintf(stderr, "%-8s %s", "run",
		o->exit.how <= DJ_EXIT_REFUSED ? how_names[o->exit.how] : "?");
	if (o->exit.how == DJ_EXIT_EXIT)
		fprintf(stderr, " %u", o->exit.code);
	fprintf(stderr, ", %lld.%03lld s", (long long)o->run_ms / 1000,
		(long long)o->run_ms % 1000);
	if (memory != NULL)
		fprintf(stderr, ", %.1f MB memory",
			(double)json_integer_value(memory) / 1e6);
	if (o->attested > 0)
		fprintf(stderr, ", attested again %u times", o->attested);
	fputc('\n', stderr);
	json_decref(line);
}

static int write_exit_file(const struct dj_cli *cli, const json_t *j)
{
	const char *path = dj_cli_value(cli, "exit-file");
	char shown[512];

	if (path == NULL || json_dump_file(j, path, JSON_INDENT(2)) == 0)
		return 0;
	dj_clean(shown, sizeof(shown), path, strlen(path));
	return dj_cli_failf(cli, "output.write", "writing --exit-file %s: %s",
		shown, strerror(errno));
}

int dj_outcome_none(const struct dj_cli *cli, const struct dj_err *err,
	int status)
{
	json_t *j = dj_cli_error_json(cli, err);

	(void)write_exit_file(cli, j);
	json_decref(j);
	return status;
}

char *dj_outcome_text(const struct dj_visit *v,
	const struct dj_program *program, const struct dj_outcome *o)
{
	struct dj_err told = { 0 };
	const char *name = NULL;
	int status = dj_outcome_status(&o->exit, &name);
	char *text;
	json_t *j;

	if (name != NULL)
		explain_exit(o, name, &told);
	j = outcome_json(v, program, o, &told,
		told.info != NULL ? told.info->run_exit : status);
	text = json_dumps(j, JSON_INDENT(2));
	json_decref(j);
	return text;
}

int dj_outcome_report(const struct dj_cli *cli, const struct dj_visit *v,
	const struct dj_program *program, const struct dj_outcome *o,
	const struct dj_err *err)
{
	struct dj_err told = { 0 };
	const char *name = NULL;
	int status = 0, bad;
	json_t *j;

	if (err == NULL) {
		status = dj_outcome_status(&o->exit, &name);
		if (name != NULL)
			explain_exit(o, name, &told);
	} else {
		told = *err;
	}
	if (told.info != NULL)
		status = told.info->run_exit;
	if (cli->verbose > 0 && o->has_exit)
		print_run_line(o);
	j = outcome_json(v, program, o, &told, status);
	/* What the Keep said is there since before it was released. */
	bad = err == NULL ? 0 : write_exit_file(cli, j);
	if (told.info != NULL) {
		(void)dj_cli_say_error(cli, &told);
		print_backtrace(o);
	}
	if (cli->json) {
		(void)json_dumpf(j, stderr, JSON_COMPACT);
		fputc('\n', stderr);
	}
	json_decref(j);
	return bad != 0 && status == 0 ? bad : status;
}
