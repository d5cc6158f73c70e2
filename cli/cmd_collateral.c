// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/cert.h"
#include "attest/policy.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "client/collateral.h"
#include "client/policy_file.h"
#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"

static int say(const struct dj_cli *cli, const char *tee, const char *folder,
	const struct dj_collateral_done *d)
{
	char until[32];

	dj_time_text(d->until, until, sizeof(until));
	if (cli->json)
		return dj_cli_json(cli,
			json_pack("{s:s,s:s,s:s,s:i,s:i,s:o}", "schema",
				"donjon.collateral/1", "tee", tee, "folder",
				folder, "fetched", (int)d->fetched, "kept",
				(int)d->kept, "until",
				d->until == 0 ? json_null()
					      : json_string(until)),
			0);
	dj_cli_print("%s: %u fetched, %u kept", folder, d->fetched, d->kept);
	if (d->until != 0)
		dj_cli_print(", in force until %s", until);
	dj_cli_print("\n");
	return dj_cli_end(cli, 0);
}

/* The report or quote of a bundle; what is none stands for itself. */
static void open_bundle(const char *file, size_t len, const uint8_t **ret,
	size_t *ret_len)
{
	struct dj_bundle b;
	struct dj_evidence e;

	*ret = (const uint8_t *)file;
	*ret_len = len;
	if (dj_bundle_parse(*ret, len, &b) == DJ_OK &&
		dj_evidence_parse(b.evidence.p, b.evidence.len, &e) == DJ_OK &&
		e.item[DJ_EVIDENCE_REPORT].p != NULL) {
		*ret = e.item[DJ_EVIDENCE_REPORT].p;
		*ret_len = e.item[DJ_EVIDENCE_REPORT].len;
	}
}

static int run(struct dj_cli *cli)
{
	const char *tee = dj_cli_value(cli, "tee");
	uint8_t number = tee == NULL ? 0 : dj_tee_number(tee);
	struct dj_collateral_ask ask = { .url = dj_cli_value(cli, "url"),
		.folder = dj_cli_value(cli, "out"),
		.refresh = dj_cli_has(cli, "refresh"),
		.now = time(NULL) };
	struct dj_collateral_done done;
	struct dj_err err = { 0 };
	const uint8_t *report;
	char *file = NULL;
	size_t len = 0;
	bool good;

	if (number != DJ_TEE_SGX && number != DJ_TEE_SNP)
		return dj_cli_failf(cli,
			tee != NULL && number == 0 ? "tee.unknown"
						   : "tee.unsupported",
			"--tee: expected sgx or snp, whose vendors have such a "
			"service");
	if (ask.folder == NULL)
		return dj_cli_failf(cli, "usage.option",
			"which folder shall it go to? -o DIR");
	if (dj_file_read(cli->operands[0], DJ_BUNDLE_MAX, &file, &len) != DJ_OK)
		return dj_cli_failf(cli, "input.file",
			"reading evidence: cannot read %s as a file",
			cli->operands[0]);
	open_bundle(file, len, &report, &len);
	good = number == DJ_TEE_SGX
		? dj_collateral_sgx(report, len, &ask, &done, &err)
		: dj_collateral_snp(report, len, &ask, &done, &err);
	free(file);
	return good ? say(cli, tee, ask.folder, &done) : dj_cli_fail(cli, &err);
}

static const struct dj_option options[] = {
	{ "tee", 0, "TEE", "sgx or snp" },
	{ "out", 'o', "DIR", "the folder, a cache of what is still in force" },
	{ "url", 0, "URL",
		"another service than the vendor's: a PCCS, a mirror" },
	{ "refresh", 0, NULL, "ask for everything anew, and at once" },
	{ 0 },
};

const struct dj_verb dj_verb_collateral = {
	.name = "collateral",
	.group = DJ_GROUP_TRUST,
	.operands = "FILE",
	.summary = "fetch what a quote or report is judged with",
	.options = options,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
