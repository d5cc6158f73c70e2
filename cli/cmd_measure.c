// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "attest/policy.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "client/measure.h"

static void hex(const uint8_t *p, size_t len, char *dst)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(dst + 2 * i, 3, "%02x", p[i]);
}

static int say(const struct dj_cli *cli, const char *tee,
	const struct dj_measured *m)
{
	char text[97];
	json_t *o, *list;

	hex(m->digest, m->len, text);
	if (!cli->json) {
		dj_cli_print("%s %s %s\n", tee, m->name, text);
		if (cli->verbose > 0)
			dj_cli_print("  %s, %zu pages\n", m->path, m->pages);
		return dj_cli_end(cli, 0);
	}
	o = json_object();
	(void)json_object_set_new(o, "schema", json_string("donjon.measure/1"));
	(void)json_object_set_new(o, "version", json_string(DJ_VERSION));
	list = json_array();
	(void)json_array_append_new(list,
		json_pack("{s:s,s:s,s:s,s:I}", "tee", tee, m->name, text,
			"image", m->path, "pages", (json_int_t)m->pages));
	(void)json_object_set_new(o, "measurements", list);
	return dj_cli_json(cli, o, 0);
}

static int run(struct dj_cli *cli)
{
	const char *tee = dj_cli_value(cli, "tee");
	struct dj_measured m;
	struct dj_err err = { 0 };
	uint8_t number;

	if (tee == NULL)
		tee = dj_tee_name(DJ_TEE_PROCESS);
	number = dj_tee_number(tee);
	if (number == 0)
		return dj_cli_failf(cli, "tee.unknown",
			"--tee: there is no TEE of that name; this build has: "
			"process, kvm, snp, sgx");
	if (!dj_measure(number, dj_cli_value(cli, "image"), &m, &err))
		return dj_cli_fail(cli, &err);
	return say(cli, tee, &m);
}

static const struct dj_option options[] = {
	{ "tee", 0, "TEE",
		"of the Keep image for this TEE: process (default), kvm, snp, sgx" },
	{ "image", 0, "FILE", "of this image, not the installed one" },
	{ 0 },
};

const struct dj_verb dj_verb_measure = {
	.name = "measure",
	.group = DJ_GROUP_TRUST,
	.operands = "",
	.summary = "what a Keep's measurement must be, computed here",
	.options = options,
	.run = run,
};
