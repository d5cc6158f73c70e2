// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "cli/verbs.h"
#include "client/verdict_print.h"

static const struct dj_option options[] = {
	{ "output", 'o', "FILE", "where the bundle goes; KEEP.evidence" },
	{ "tee", 0, "LIST",
		"any or a list of TEEs; the first that can be had" },
	{ "memory", 'm', "SIZE", "all memory of the keep, 256MiB" },
	{ "owner", 0, "FILE", "P-256 key: the keep would serve nobody else" },
	{ "config", 0, "FILE", "in place of ./Donjon.toml" },
	{ 0 },
};

static bool save(const struct dj_visit *v, const char *path, struct dj_err *err)
{
	size_t len;
	uint8_t *bundle = dj_visit_bundle(v, &len);
	FILE *f;
	bool good;

	if (bundle == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	f = fopen(path, "we");
	good = f != NULL && fwrite(bundle, 1, len, f) == len;
	if (f != NULL && fclose(f) != 0)
		good = false;
	free(bundle);
	return good ||
		dj_err_set(err, "output.write", "writing evidence to %s: %s",
			path, strerror(errno));
}

static int say(const struct dj_cli *cli, const struct dj_visit *v,
	const char *path)
{
	int status = v->verdict.good ? 0 : 1;

	if (cli->json)
		return dj_cli_json(cli,
			dj_verdict_json(&v->verdict, path, false), status);
	fflush(stdout);
	dj_verdict_print(&v->verdict, cli->verbose > 0, stdout);
	dj_cli_print("saved %s; judge it again with: donjon verify -p %s %s\n",
		path, v->o->policy == NULL ? "POLICY" : v->o->policy, path);
	return dj_cli_end(cli, status);
}

static int walk(struct dj_cli *cli, struct dj_settings *s, struct dj_visit *v)
{
	struct dj_visit_options o;
	struct dj_err err = { 0 };
	const char *path = dj_cli_value(cli, "output");
	char name[128];
	bool good;

	if (!dj_cli_settings(cli, s, &err) || !dj_cli_visit(cli, s, &o, &err) ||
		!dj_visit_prepare(v, &o, dj_cli_watch, cli, &err))
		return dj_cli_fail(cli, &err);
	good = dj_visit_keep(v, &err);
	dj_cli_quiet_line();
	if (!good && !v->has_verdict)
		return dj_cli_fail(cli, &err);
	dj_cli_banner(v);
	if (path == NULL) {
		(void)snprintf(name, sizeof(name), "%s.evidence", v->keep);
		path = name;
	}
	err = (struct dj_err){ 0 };
	if (!save(v, path, &err))
		return dj_cli_fail(cli, &err);
	return say(cli, v, path);
}

static int run(struct dj_cli *cli)
{
	struct dj_settings settings = { 0 };
	struct dj_visit *v = calloc(1, sizeof(*v));
	int status;

	if (v == NULL)
		return dj_cli_failf(cli, "internal.memory", "no memory");
	v->agent.fd = v->agent.log = -1;
	status = walk(cli, &settings, v);
	dj_visit_done(v);
	dj_settings_done(&settings);
	free(v);
	return status;
}

const struct dj_verb dj_verb_evidence = {
	.name = "evidence",
	.group = DJ_GROUP_TRUST,
	.operands = "",
	.summary = "start a keep, save its evidence, judge it",
	.options = options,
	.run = run,
};
