// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/keeps.h"
#include "cli/outcome.h"
#include "cli/verbs.h"
#include "client/journal.h"
#include "client/stay.h"

/*
 * Verbs of one Keep that this client can come back to: attach, stop, release.
 * All of them go the same way: open the folder, reattach, take the output to
 * its end, record the result, release.
 */
#define STOP_MS 10000

static const struct dj_option attach_options[] = {
	{ "in", 0, "FILE", "all of the program's input, if it was a pipe" },
	{ 0 },
};

static const struct dj_option stop_options[] = {
	{ "kill", 0, NULL, "end the keep itself; its output stops there" },
	{ 0 },
};

static const struct dj_option release_options[] = {
	{ "forget", 0, NULL,
		"without its result, even where its host is gone for good" },
	{ 0 },
};

struct call {
	struct dj_cli *cli;
	struct dj_stay stay;
	struct dj_visit visit;
	struct dj_visit_options options;
	const char *host, *tee;
	struct dj_program program; /* hash and size only */
	struct dj_job job;
	struct dj_outcome outcome;
	bool was_recorded;
	bool is_unheard; /* the Keep was not told that its result is safe */
};

static char *describe(void *ctx, const struct dj_outcome *o)
{
	struct call *c = ctx;

	c->visit.ms[DJ_VISIT_RUN] = o->run_ms;
	return dj_outcome_text(&c->visit, &c->program, o);
}

static bool come_back(struct call *c, struct dj_err *err)
{
	const struct dj_cli *cli = c->cli;

	if (c->stay.t.ticket.no == 0)
		return dj_err_set(err, "keep.none",
			"coming back to %s: it was never claimed, nothing of the program is there",
			c->stay.record.name);
	dj_stay_options(&c->stay, &c->options, &c->host, &c->tee);
	memcpy(c->program.module_hash, c->stay.t.module_hash, 32);
	c->program.module_len = c->stay.t.module_len;
	return dj_stay_policy(&c->stay, err) &&
		dj_visit_prepare(&c->visit, &c->options, dj_cli_watch, c->cli,
			err) &&
		dj_stay_resume(&c->stay, &c->visit, &c->job,
			dj_cli_value(cli, "in"), err) &&
		dj_visit_return(&c->visit, err);
}

/* Standard error that had no file of the caller's. */
static void show_stderr(const struct dj_record *r)
{
	size_t len = 0;
	uint8_t *p = dj_record_read(r, "stderr", (size_t)1 << 30, &len);
	const uint8_t *from = p;

	while (p != NULL && len > 0) {
		ssize_t n = write(STDERR_FILENO, from, len);

		if (n <= 0 && errno != EINTR)
			break;
		from += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	free(p);
}

/* It ended before: what was recorded is the answer. */
static int say_result(const struct call *c)
{
	json_t *j = dj_keep_result(&c->stay.record);
	const json_t *e = json_object_get(j, "exit");
	const char *name = json_string_value(json_object_get(e, "error"));
	const char *text = json_string_value(json_object_get(e, "message"));
	int status = (int)json_integer_value(json_object_get(j, "status"));
	struct dj_err err = { 0 };

	show_stderr(&c->stay.record);
	if (j == NULL)
		return dj_cli_failf(c->cli, "keep.ticket",
			"reading the result of %s: it is damaged",
			c->stay.record.name);
	if (name != NULL && dj_err_find(name) != NULL) {
		err.secret_sent = true;
		(void)dj_err_set(&err, name, "%s", text == NULL ? "" : text);
		(void)dj_cli_say_error(c->cli, &err);
	}
	if (c->cli->json) {
		(void)json_dumpf(j, stderr, JSON_COMPACT);
		fputc('\n', stderr);
	}
	json_decref(j);
	return status;
}

static int over(struct call *c, bool good, struct dj_err *err)
{
	int status;

	if (good && c->outcome.detached) {
		(void)dj_err_set(err, "session.cut",
			"attached to %s: it was left to run at a signal",
			c->stay.record.name);
		good = false;
	}
	if (!good && strcmp(err->info->name, "output.read") == 0)
		dj_err_hint(err, "donjon stop --kill %s", c->stay.record.name);
	if (!good && err->hint[0] == '\0' && c->visit.is_kept)
		dj_err_hint(err, "donjon attach %s", c->stay.record.name);
	if (good)
		show_stderr(&c->stay.record);
	status = dj_outcome_report(c->cli, &c->visit, &c->program, &c->outcome,
		good ? NULL : err);
	if (good) {
		c->is_unheard = !c->visit.is_released;
		c->visit.is_kept = false;
		dj_stay_end(&c->stay, !c->is_unheard, false);
	}
	return status;
}

/*
 * Its result is here: that the Keep cannot be told changes nothing of it. But
 * the Keep waits to be told, so the way to it stays until it is gone.
 */
static int say_again(struct call *c, bool heard, struct dj_err *err)
{
	const char *name = c->stay.record.name;

	c->visit.is_kept = false;
	c->is_unheard = !heard &&
		(err->info == NULL ||
			strcmp(err->info->name, "session.gone") != 0);
	if (c->is_unheard) {
		dj_cli_note(c->cli,
			"%s ended before; its Keep could not be told that the result is here%s%s",
			name, err->info == NULL ? "" : ": ",
			err->info == NULL ? "" : err->text);
		dj_cli_note(c->cli, "donjon release %s does without it", name);
	}
	*err = (struct dj_err){ 0 };
	if (!dj_stay_publish(&c->stay, err))
		return dj_cli_fail(c->cli, err);
	return say_result(c);
}

static int walk(struct call *c, struct dj_err *err)
{
	bool good;

	if (!come_back(c, err))
		return c->was_recorded ? say_again(c, false, err)
				       : dj_cli_refused(c->cli, &c->visit, err);
	dj_cli_quiet_line();
	dj_cli_banner(&c->visit);
	good = dj_visit_run(&c->visit, &c->job, &c->outcome, err);
	dj_cli_quiet_line();
	return c->was_recorded ? say_again(c, c->visit.is_released, err)
			       : over(c, good, err);
}

static bool open_call(struct call *c, struct dj_err *err)
{
	c->stay.describe = describe;
	c->stay.ctx = c;
	if (!dj_stay_open(&c->stay, c->cli->operands[0], err))
		return false;
	c->was_recorded = dj_record_has(&c->stay.record, "result");
	if (c->was_recorded && !dj_record_has(&c->stay.record, "ticket"))
		return true;
	return dj_record_load(&c->stay.record, &c->stay.t, err) ||
		c->was_recorded;
}

static void close_call(struct call *c)
{
	if (c->was_recorded && !c->is_unheard)
		dj_stay_end(&c->stay, true, false);
	dj_outcome_done(&c->outcome);
	dj_visit_done(&c->visit);
	dj_stay_end(&c->stay, false, false);
	free(c);
}

static struct call *new_call(struct dj_cli *cli)
{
	struct call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->cli = cli;
	c->stay.record.fd = -1;
	c->visit.agent.fd = c->visit.agent.log = -1;
	return c;
}

static int attach(struct dj_cli *cli)
{
	struct call *c = new_call(cli);
	struct dj_err err = { 0 };
	int status;

	if (c == NULL)
		return dj_cli_failf(cli, "internal.memory", "no memory");
	c->job.detaches = true;
	if (!open_call(c, &err)) {
		status = dj_cli_fail(cli, &err);
	} else if (c->was_recorded && c->stay.t.ticket.no == 0) {
		/* One that is there and cannot be used may be mended. */
		c->is_unheard = dj_record_has(&c->stay.record, "ticket");
		status = say_result(c);
	} else {
		status = walk(c, &err);
	}
	close_call(c);
	/* Whatever went wrong, the program may have begun long ago. */
	return status == 125 ? 122 : status;
}

/* The host's word that it is dead is all there can be. */
static int kill_keep(struct call *c)
{
	struct dj_err err = { 0 };
	json_t *answer = dj_keep_ask(&c->stay.t, "POST", "/kill", &err);

	/* 404, 409, 410: it is dead already. */
	if (answer == NULL && strcmp(err.info->name, "host.refused") != 0 &&
		strcmp(err.info->name, "host.tee") != 0)
		return dj_cli_fail(c->cli, &err);
	json_decref(answer);
	dj_record_drop(&c->stay.record, "ticket");
	dj_cli_note(c->cli,
		"%s was killed; what was written of its output stays",
		c->stay.record.name);
	return 0;
}

static int stop_program(struct call *c)
{
	struct dj_err err = { 0 };

	if (!come_back(c, &err))
		return dj_cli_refused(c->cli, &c->visit, &err);
	if (dj_visit_run(&c->visit, &c->job, &c->outcome, &err) &&
		c->outcome.detached)
		(void)dj_err_set(&err, "session.cut",
			"stopping %s: it was left to run at a signal",
			c->stay.record.name);
	if (err.info != NULL)
		return dj_cli_fail(c->cli, &err);
	c->was_recorded = true;
	return 0;
}

/* With --json: what became of it, and how its program ended if that is here. */
static int say_done(const struct call *c, const char *schema, const char *did,
	json_t *outcome)
{
	if (!c->cli->json) {
		json_decref(outcome);
		return 0;
	}
	return dj_cli_json(c->cli,
		json_pack("{s:s,s:s,s:s,s:o*}", "schema", schema, "keep",
			c->cli->operands[0], "did", did, "outcome", outcome),
		0);
}

static int stop(struct dj_cli *cli)
{
	struct call *c = new_call(cli);
	const char *did = "stopped";
	struct dj_err err = { 0 };
	int status = 0;

	if (c == NULL)
		return dj_cli_failf(cli, "internal.memory", "no memory");
	c->job.stops = c->job.detaches = true;
	c->job.time_ms = STOP_MS;
	if (!open_call(c, &err)) {
		status = dj_cli_fail(cli, &err);
	} else if (c->was_recorded) {
		did = "ended";
		dj_cli_note(cli, "%s has ended already", cli->operands[0]);
	} else if (dj_cli_has(cli, "kill")) {
		did = "killed";
		status = kill_keep(c);
	} else {
		status = stop_program(c);
	}
	dj_cli_quiet_line();
	if (status == 0)
		status = say_done(c, "donjon.stop/1", did,
			c->was_recorded ? dj_keep_result(&c->stay.record)
					: NULL);
	/* Nobody asked the Keep: a ticket may still be wanted to release it. */
	c->is_unheard = strcmp(did, "ended") == 0;
	close_call(c);
	return status;
}

/* Did the Keep hear, in an attach before this one, that its result is safe? */
static bool was_released(const struct call *c)
{
	uint64_t at = 0;
	json_t *lines = dj_journal_read(&c->stay.record, &at), *line;
	const char *event;
	bool found = false;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		event = json_string_value(json_object_get(line, "event"));
		found = found || (event != NULL && !strcmp(event, "released"));
	}
	json_decref(lines);
	return found;
}

static int release(struct dj_cli *cli)
{
	struct call *c = new_call(cli);
	struct dj_err err = { 0 };
	bool forgets = dj_cli_has(cli, "forget"), has_ticket, gone = false;
	bool is_released;
	int status = 0;

	if (c == NULL)
		return dj_cli_failf(cli, "internal.memory", "no memory");
	c->stay.describe = describe;
	c->stay.ctx = c;
	if (!dj_stay_open(&c->stay, cli->operands[0], &err)) {
		status = dj_cli_fail(cli, &err);
		close_call(c);
		return status;
	}
	c->was_recorded = dj_record_has(&c->stay.record, "result");
	is_released = was_released(c);
	has_ticket = dj_record_load(&c->stay.record, &c->stay.t, &err);
	if (!has_ticket) {
		/* One that cannot be used may lead to a Keep that lives. */
		gone = forgets || c->was_recorded ||
			strcmp(err.info->name, "keep.none") == 0;
	} else if (c->was_recorded) {
		/* Its end is here: it may wipe itself now. */
		if (come_back(c, &err))
			(void)dj_visit_run(&c->visit, &c->job, &c->outcome,
				&err);
		is_released = c->visit.is_released || is_released;
		c->visit.is_kept = false;
		gone = true;
	} else if (forgets || c->stay.t.ticket.no == 0) {
		json_decref(
			dj_keep_ask(&c->stay.t, "DELETE", "?force=1", &err));
		if (err.info != NULL && forgets)
			dj_cli_note(cli, "the Keep itself may live on: %s",
				err.text);
		gone = true;
	}
	if (gone)
		dj_stay_end(&c->stay, true, true);
	else if (!has_ticket)
		status = dj_cli_fail(cli, &err);
	else
		status = dj_cli_failf(cli, "keep.running",
			"releasing %s: its result is not here",
			cli->operands[0]);
	c->was_recorded = false;
	dj_cli_quiet_line();
	if (status == 0)
		status = say_done(c, "donjon.release/1",
			is_released ? "released" : "forgotten", NULL);
	close_call(c);
	return status;
}

const struct dj_verb dj_verb_attach = {
	.name = "attach",
	.group = DJ_GROUP_EVERYDAY,
	.operands = "KEEP",
	.summary = "come back to a keep; output without loss or repeats",
	.options = attach_options,
	.min_operands = 1,
	.max_operands = 1,
	.run = attach,
};

const struct dj_verb dj_verb_stop = {
	.name = "stop",
	.group = DJ_GROUP_EVERYDAY,
	.operands = "KEEP",
	.summary =
		"ask the program to end, take its output, record how it ended",
	.options = stop_options,
	.min_operands = 1,
	.max_operands = 1,
	.run = stop,
};

const struct dj_verb dj_verb_release = {
	.name = "release",
	.group = DJ_GROUP_EVERYDAY,
	.operands = "KEEP",
	.summary =
		"the result is safe: the keep wipes itself, and is forgotten",
	.options = release_options,
	.min_operands = 1,
	.max_operands = 1,
	.run = release,
};
