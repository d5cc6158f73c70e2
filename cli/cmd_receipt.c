// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/judge.h"
#include "cli/trust.h"
#include "cli/verbs.h"
#include "client/policy_file.h"
#include "client/receipt.h"
#include "client/verdict_print.h"
#include "lib/crypto/sha256.h"

static const struct dj_option options[] = {
	{ "module", 0, "FILE", "this module must have run" },
	{ "in", 0, "FILE", "this must have been its standard input" },
	{ "out", 0, "FILE", "this must have been its standard output" },
	{ "err", 0, "FILE", "this must have been its standard error" },
	{ 0 },
};

static bool hash_file(const char *path, uint64_t *ret_len,
	uint8_t ret[static 32], struct dj_err *err)
{
	uint8_t piece[65536];
	struct dj_sha256 h;
	char shown[400];
	size_t n;
	FILE *f = fopen(path, "re");

	dj_sha256_init(&h);
	*ret_len = 0;
	while (f != NULL && (n = fread(piece, 1, sizeof(piece), f)) > 0) {
		dj_sha256_update(&h, piece, n);
		*ret_len += n;
	}
	dj_sha256_final(&h, ret);
	if (f != NULL && ferror(f) == 0) {
		(void)fclose(f);
		return true;
	}
	(void)dj_err_set(err, "input.file", "reading %s: %s",
		dj_clean(shown, sizeof(shown), path, strlen(path)),
		strerror(errno));
	if (f != NULL)
		(void)fclose(f);
	return false;
}

static bool is_stream(const struct dj_receipt_file *f, uint8_t id, uint64_t len,
	const uint8_t hash[static 32])
{
	for (size_t i = 0; i < f->r.stream_count; i++) {
		if (f->streams[i].stream == id)
			return f->streams[i].len == len &&
				memcmp(f->streams[i].hash, hash, 32) == 0;
	}
	/* A stream that was not used is an empty one. */
	return len == 0;
}

/* The files that the caller names are those of the receipt. */
static bool compare(const struct dj_cli *cli, const struct dj_receipt_file *f,
	struct dj_err *err)
{
	static const char *const names[] = { "in", "out", "err", "module" };
	uint8_t hash[32];
	uint64_t len;

	for (uint8_t i = 0; i < 4; i++) {
		const char *path = dj_cli_value(cli, names[i]);
		bool same;

		if (path == NULL)
			continue;
		if (!hash_file(path, &len, hash, err))
			return false;
		same = i == 3 ? memcmp(hash, f->r.module_hash, 32) == 0
			      : is_stream(f, i, len, hash);
		if (!same)
			return dj_err_set(err, "receipt.refused",
				"comparing --%s with the receipt: they differ",
				names[i]);
	}
	return true;
}

static bool judge(const struct dj_cli *cli, const struct dj_receipt_file *f,
	struct dj_verdict *v, struct dj_err *err)
{
	static struct dj_policy policy;
	struct dj_judge_tee tee = { dj_tee_number(f->tee), f->emulated };
	uint8_t report_data[DJ_REPORT_DATA];
	struct dj_judge_input in = {
		.purpose = DJ_JUDGE_RECEIPT,
		.evidence = f->evidence,
		.evidence_len = f->evidence_len,
		.time = time(NULL),
		.tees = &tee,
		.tee_count = 1,
		.config_hash = f->r.config_hash,
		.report_data = report_data,
	};

	if (!dj_trust_policy(cli, &policy, err))
		return false;
	in.policy = &policy;
	dj_receipt_report_data(&f->r, report_data);
	return dj_judge(&in, v) != DJ_E_NOMEM ||
		dj_err_set(err, "internal.memory", "no memory");
}

/* The first 8 bytes of EXIT: how, trap, zero, code. */
static void print_end(const struct dj_receipt_file *f)
{
	static const char *const how[] = { "exit", "trap", "stopped", "engine",
		"limit", "refused" };
	const uint8_t *e = f->r.exit;

	dj_cli_print("  ended: %s", e[0] < 6 ? how[e[0]] : "?");
	if (e[0] == 0)
		dj_cli_print(" %u",
			(unsigned)e[4] << 24 | (unsigned)e[5] << 16 |
				(unsigned)e[6] << 8 | e[7]);
	dj_cli_print("\n");
	for (size_t i = 0; i < f->r.stream_count; i++) {
		dj_cli_print("  stream %u: %llu bytes, sha256 ",
			f->streams[i].stream,
			(unsigned long long)f->streams[i].len);
		for (size_t k = 0; k < 32; k++)
			dj_cli_print("%02x", f->streams[i].hash[k]);
		dj_cli_print("\n");
	}
}

static int say(const struct dj_cli *cli, const struct dj_receipt_file *f,
	const struct dj_verdict *v)
{
	char text[200], name[400];
	const char *path = cli->operands[0];

	if (cli->json)
		return dj_cli_json(cli, dj_verdict_json(v, path, false),
			v->good ? 0 : 1);
	dj_clean(name, sizeof(name), path, strlen(path));
	if (v->good && dj_verdict_banner(v, text, sizeof(text)) != NULL)
		dj_cli_print("donjon: %s\n", text);
	dj_cli_print(v->good ? "good: %s meets %s\n"
			     : "refused: %s does not meet %s\n",
		name, v->policy_file);
	dj_verdict_print(v, cli->verbose > 0, stdout);
	if (v->good)
		print_end(f);
	return dj_cli_end(cli, v->good ? 0 : 1);
}

static int run(struct dj_cli *cli)
{
	struct dj_receipt_file f = { 0 };
	struct dj_verdict v = { 0 };
	struct dj_err err = { 0 };
	char *text = NULL, shown[300];
	size_t len = 0;
	int status;
	bool good;

	if (dj_file_read(cli->operands[0], DJ_RECEIPT_MAX, &text, &len) !=
		DJ_OK)
		return dj_cli_failf(cli, "input.file",
			"reading the receipt %s: %s",
			dj_clean(shown, sizeof(shown), cli->operands[0],
				strlen(cli->operands[0])),
			strerror(errno));
	good = dj_receipt_read(text, len, &f, &err) && compare(cli, &f, &err) &&
		judge(cli, &f, &v, &err);
	status = good ? say(cli, &f, &v) : dj_cli_fail(cli, &err);
	dj_verdict_done(&v);
	dj_receipt_done(&f);
	free(text);
	return status;
}

const struct dj_verb dj_verb_receipt = {
	.name = "receipt",
	.group = DJ_GROUP_TRUST,
	.operands = "FILE",
	.summary = "judge a receipt of a finished run; 0 good, 1 refused",
	.options = options,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
