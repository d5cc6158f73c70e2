// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "cli/common.h"
#include "cli/dash.h"
#include "cli/verbs.h"

static const struct dj_option options[] = {
	{ "port", 0, "N", "on 127.0.0.1; without it one that is free" },
	{ 0 },
};

static bool add_named(const struct dj_cli *cli, struct dj_settings *s,
	struct dj_hosts *h, struct dj_err *err)
{
	struct dj_visit_options o;

	if (!dj_cli_settings(cli, s, err) || !dj_cli_visit(cli, s, &o, err))
		return false;
	for (size_t i = 0; i < o.host_count; i++) {
		o.host.url = o.hosts[i];
		if (!dj_hosts_add(h, &o.host, err))
			return false;
	}
	return true;
}

static int say(const struct dj_cli *cli, const struct dj_dash *d)
{
	char url[160];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/?token=%s",
		d->gate.port, d->gate.token);
	if (cli->json)
		return dj_cli_json(cli,
			json_pack("{s:s,s:s}", "schema", "donjon.dash/1", "url",
				url),
			0);
	dj_cli_print("%s\n", url);
	dj_cli_note(cli,
		"open this address in a browser here; it ends with Ctrl-C");
	return dj_cli_end(cli, 0);
}

static int walk(const struct dj_cli *cli, struct dj_settings *s,
	struct dj_dash *d)
{
	struct dj_dash_server *server;
	struct dj_hosts named = { 0 };
	struct dj_err err = { 0 };
	uint64_t port;
	int status;

	if (!dj_cli_number(cli, "port", 1, 65535, &port, &err) ||
		!add_named(cli, s, &named, &err) ||
		!dj_dash_listen(d, (uint16_t)port, &server, &err)) {
		dj_hosts_done(&named);
		return dj_cli_fail(cli, &err);
	}
	d->hosts = dj_dash_hosts_new();
	if (d->hosts == NULL)
		return dj_cli_failf(cli, "internal.memory", "no memory");
	d->policy = dj_cli_value(cli, "policy");
	dj_dash_hosts_ask(d->hosts, &named);
	status = say(cli, d);
	if (status == 0)
		dj_dash_serve(server);
	return status;
}

static int run(struct dj_cli *cli)
{
	struct dj_settings settings = { 0 };
	struct dj_dash d = { 0 };
	int status = walk(cli, &settings, &d);

	dj_settings_done(&settings);
	return status;
}

const struct dj_verb dj_verb_dash = {
	.name = "dash",
	.group = DJ_GROUP_MACHINE,
	.operands = "",
	.summary = "a local page: keeps, verdicts, evidence, what hosts see",
	.options = options,
	.run = run,
};
