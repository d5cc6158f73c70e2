// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attest/judge.h"
#include "cli/trust.h"
#include "cli/verbs.h"
#include "client/policy_file.h"
#include "client/record.h"
#include "client/sgx_file.h"
#include "client/snp_file.h"
#include "client/verdict_print.h"
#include "lib/evidence/sgx_files.h"
#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"

/*
 * Judges saved evidence: a bundle; that of a Keep which this client has; or
 * with --tee a bare report and its chain, which say nothing about freshness or
 * channel.
 */
#define PARTS_MAX 16

struct subject {
	const char *name;
	char *file;            /* owned */
	char *part[PARTS_MAX]; /* owned: what --chain and --crl name */
	size_t part_len[PARTS_MAX];
	const char *part_name[PARTS_MAX];
	size_t part_count;
	char *made_name[PARTS_MAX]; /* owned: names found in a folder */
	size_t made_count;
	size_t cut;      /* bytes after the end of a quote, not judged */
	uint8_t *packed; /* owned: EVIDENCE made of a bare report */
	uint8_t report_data[64];
	struct dj_judge_input in;
	struct dj_judge_tee tee;
	struct dj_ticket_file *about; /* owned: of a Keep; else NULL */
};

static void subject_done(struct subject *s)
{
	free(s->file);
	for (size_t i = 0; i < s->part_count; i++)
		free(s->part[i]);
	for (size_t i = 0; i < s->made_count; i++)
		free(s->made_name[i]);
	free(s->packed);
	free(s->about);
}

/* RFC 3339 in UTC, a date (its first second), or seconds since 1970. */
static bool parse_time(const char *text, int64_t *ret)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };
	char *end;
	long long v;

	for (size_t i = 0; i < 2; i++) {
		struct tm tm = { 0 };
		const char *p = strptime(text, forms[i], &tm);

		if (p != NULL && *p == '\0') {
			*ret = timegm(&tm);
			return true;
		}
	}
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		return false;
	*ret = v;
	return true;
}

static bool read_file(const char *path, size_t max, char **ret, size_t *ret_len,
	struct dj_err *err)
{
	char name[400];

	switch (dj_file_read(path, max, ret, ret_len)) {
	case DJ_OK:
		return true;
	case DJ_E_LIMIT:
		return dj_err_set(err, "evidence.file",
			"%s: more than %zu bytes",
			dj_clean(name, sizeof(name), path, strlen(path)), max);
	case DJ_E_INPUT:
	case DJ_E_AUTH:
	case DJ_E_STATE:
	case DJ_E_HOST:
	case DJ_E_NOMEM:
	case DJ_E_UNSUPPORTED:
	case DJ_E_SYS:
	case DJ_STATUS_COUNT:
		break;
	}
	return dj_err_set(err, "input.file", "reading evidence: %s: %s",
		dj_clean(name, sizeof(name), path, strlen(path)),
		strerror(errno));
}

static bool take_bundle(struct subject *s, size_t len, struct dj_err *err)
{
	struct dj_bundle b;
	char name[400];

	if (dj_bundle_parse((const uint8_t *)s->file, len, &b) != DJ_OK)
		return dj_err_set(err, "evidence.file",
			"%s: this is not an evidence bundle",
			dj_clean(name, sizeof(name), s->name, strlen(s->name)));
	s->in.purpose = DJ_JUDGE_OFFER;
	s->in.hello = b.hello.p;
	s->in.hello_len = b.hello.len;
	s->in.offer = b.offer.p;
	s->in.offer_len = b.offer.len;
	s->in.evidence = b.evidence.p;
	s->in.evidence_len = b.evidence.len;
	s->in.config_unknown = true;
	return true;
}

static bool load_bundle(struct subject *s, struct dj_err *err)
{
	size_t len = 0;

	return read_file(s->name, DJ_BUNDLE_MAX, &s->file, &len, err) &&
		take_bundle(s, len, err);
}

/* What the last attach was judged by, for the TEE and the configuration that
 * were asked for then. */
static bool load_keep(struct subject *s, struct dj_err *err)
{
	struct dj_record r;
	size_t len = 0;
	bool has_about;

	if (!dj_record_peek(&r, s->name, err)) {
		*err = (struct dj_err){ 0 };
		return dj_err_set(err, "input.file",
			"reading evidence: there is no file %s, and this client has no such Keep",
			s->name);
	}
	s->about = calloc(1, sizeof(*s->about));
	has_about = s->about != NULL && dj_record_about(&r, s->about);
	s->file = (char *)dj_record_read(&r, "evidence", DJ_BUNDLE_MAX, &len);
	dj_record_close(&r);
	if (s->file == NULL || !has_about)
		return dj_err_set(err, "evidence.file",
			"the Keep %s: none of its evidence is here", s->name);
	if (!take_bundle(s, len, err))
		return false;
	s->tee = (struct dj_judge_tee){ s->about->tee, s->about->emulated };
	s->in.tees = &s->tee;
	s->in.tee_count = 1;
	s->in.config_unknown = false;
	s->in.config_hash = s->about->config_hash;
	return true;
}

/* By default the one that the Keep was accepted by. */
static bool choose_policy(const struct dj_cli *cli, const struct subject *s,
	struct dj_policy *ret, struct dj_err *err)
{
	if (s->about == NULL || dj_cli_has(cli, "policy"))
		return dj_trust_policy(cli, ret, err);
	if (!dj_trust_policy_file(s->about->text[DJ_TICKET_POLICY], ret, err))
		return false;
	return memcmp(ret->sha256, s->about->policy_hash, 32) == 0 ||
		dj_err_set(err, "keep.policy",
			"the Keep %s: %s is not as it was when it was accepted; name a policy with --policy",
			s->name, s->about->text[DJ_TICKET_POLICY]);
}

static bool pack_process(struct subject *s, size_t report_len,
	struct dj_err *err)
{
	struct dj_evidence e = { .format = s->tee.tee == DJ_TEE_KVM
			? DJ_FORMAT_KVM
			: DJ_FORMAT_PROCESS,
		.purpose = DJ_PURPOSE_OFFER };

	if (s->part_count != 1)
		return dj_err_set(err, "usage.option",
			"a bare report needs --chain FILE, its certificates "
			"in PEM");
	e.item[DJ_EVIDENCE_REPORT].p = (const uint8_t *)s->file;
	e.item[DJ_EVIDENCE_REPORT].len = report_len;
	e.item[DJ_EVIDENCE_CHAIN].p = (const uint8_t *)s->part[0];
	e.item[DJ_EVIDENCE_CHAIN].len = s->part_len[0];
	if (!dj_evidence_pack(&e, &s->packed, &s->in.evidence_len, err))
		return false;
	s->in.evidence = s->packed;
	return true;
}

static bool pack_snp(struct subject *s, size_t report_len, struct dj_err *err)
{
	struct dj_evidence_part parts[PARTS_MAX];
	struct dj_evidence_part report = { s->name, (const uint8_t *)s->file,
		report_len };
	struct dj_snp_file f;

	for (size_t i = 0; i < s->part_count; i++)
		parts[i] = (struct dj_evidence_part){ s->part_name[i],
			(const uint8_t *)s->part[i], s->part_len[i] };
	if (!dj_snp_file_pack(&report, parts, s->part_count, s->tee.emulated,
		    &f, err))
		return false;
	s->packed = f.packed;
	s->in.evidence = f.packed;
	s->in.evidence_len = f.packed_len;
	if (f.is_bound) {
		memcpy(s->report_data, f.report_data, 64);
		s->in.report_data = s->report_data;
	}
	return true;
}

static bool pack_sgx(struct subject *s, size_t quote_len, struct dj_err *err)
{
	struct dj_evidence_part parts[PARTS_MAX];
	struct dj_evidence_part quote = { s->name, (const uint8_t *)s->file,
		quote_len };
	struct dj_sgx_file f;

	for (size_t i = 0; i < s->part_count; i++)
		parts[i] = (struct dj_evidence_part){ s->part_name[i],
			(const uint8_t *)s->part[i], s->part_len[i] };
	if (!dj_sgx_file_pack(&quote, parts, s->part_count, s->tee.emulated, &f,
		    err))
		return false;
	s->packed = f.packed;
	s->in.evidence = f.packed;
	s->in.evidence_len = f.packed_len;
	s->cut = f.cut;
	return true;
}

static bool add_part(struct subject *s, const char *name, const char *option,
	struct dj_err *err)
{
	size_t n = s->part_count;

	if (n == PARTS_MAX)
		return dj_err_set(err, "usage.option",
			"--%s: more than %d files", option, PARTS_MAX);
	s->part_name[n] = name;
	if (!read_file(name, DJ_EVIDENCE_MAX, &s->part[n], &s->part_len[n],
		    err))
		return false;
	s->part_count++;
	return true;
}

/* A folder of collateral: the files of it whose names tell what they are. What
 * is missing, the judge will say. */
static bool add_folder(struct subject *s, const char *folder,
	struct dj_err *err)
{
	static const char *const snp[] = { "vek.der", "cert_chain.pem",
		"crl.der" };
	bool is_sgx = s->tee.tee == DJ_TEE_SGX;
	size_t n = is_sgx ? DJ_SGX_FILES : sizeof(snp) / sizeof(snp[0]);
	bool good = true;

	for (size_t i = 0; i < n && good; i++) {
		char *path;

		if (asprintf(&path, "%s/%s", folder,
			    is_sgx ? dj_sgx_files[i].name : snp[i]) < 0)
			return dj_err_set(err, "internal.memory", "no memory");
		if (access(path, F_OK) == 0) {
			s->made_name[s->made_count++] = path;
			good = add_part(s, path, "collateral", err);
		} else {
			free(path);
		}
	}
	return good;
}

static bool read_collateral(const struct dj_cli *cli, struct subject *s,
	struct dj_err *err)
{
	const char *name;
	struct stat st;
	bool good = true;

	for (size_t i = 0;
		good && (name = dj_cli_next(cli, "collateral", &i)) != NULL;) {
		if (stat(name, &st) == 0 && S_ISDIR(st.st_mode))
			good = s->made_count == 0
				? add_folder(s, name, err)
				: dj_err_set(err, "usage.option",
					  "--collateral: more than one folder");
		else
			good = add_part(s, name, "collateral", err);
	}
	return good;
}

static bool read_parts(const struct dj_cli *cli, struct subject *s,
	const char *option, struct dj_err *err)
{
	const char *name;

	for (size_t i = 0; (name = dj_cli_next(cli, option, &i)) != NULL;) {
		if (!add_part(s, name, option, err))
			return false;
	}
	return true;
}

/* By name, and "-emu" for what a development root has signed. */
static bool which_tee(const char *text, struct dj_judge_tee *ret,
	struct dj_err *err)
{
	ret->tee = dj_tee_number(text);
	ret->emulated = true;
	if (strcmp(text, "snp-emu") == 0)
		ret->tee = DJ_TEE_SNP;
	else if (strcmp(text, "sgx-emu") == 0)
		ret->tee = DJ_TEE_SGX;
	else
		ret->emulated = false;
	if (ret->tee == DJ_TEE_PROCESS || ret->tee == DJ_TEE_KVM ||
		ret->tee == DJ_TEE_SNP || ret->tee == DJ_TEE_SGX)
		return true;
	return dj_err_set(err,
		ret->tee == 0 ? "tee.unknown" : "tee.unsupported",
		"this build judges reports of: process, kvm, snp, snp-emu, "
		"sgx, sgx-emu");
}

static bool load_report(const struct dj_cli *cli, struct subject *s,
	const char *tee, struct dj_err *err)
{
	size_t report_len = 0;

	if (!which_tee(tee, &s->tee, err))
		return false;
	s->in.purpose = DJ_JUDGE_ALONE;
	s->in.tees = &s->tee;
	s->in.tee_count = 1;
	if (!read_file(s->name, DJ_EVIDENCE_MAX, &s->file, &report_len, err) ||
		!read_parts(cli, s, "chain", err) ||
		!read_parts(cli, s, "crl", err))
		return false;
	if (s->tee.tee != DJ_TEE_SGX && s->tee.tee != DJ_TEE_SNP) {
		if (dj_cli_has(cli, "collateral"))
			return dj_err_set(err, "usage.option",
				"--collateral belongs to sgx and snp");
		return pack_process(s, report_len, err);
	}
	if (!read_collateral(cli, s, err))
		return false;
	return s->tee.tee == DJ_TEE_SNP ? pack_snp(s, report_len, err)
					: pack_sgx(s, report_len, err);
}

static bool load(const struct dj_cli *cli, struct subject *s,
	struct dj_err *err)
{
	const char *tee = dj_cli_value(cli, "tee");
	const char *at = dj_cli_value(cli, "at");

	s->name = cli->operands[0];
	s->in.time = time(NULL);
	if (at != NULL && !parse_time(at, &s->in.time))
		return dj_err_set(err, "usage.value",
			"--at: expected 2026-01-31T12:00:00Z, 2026-01-31 or "
			"seconds since 1970");
	if (tee != NULL)
		return load_report(cli, s, tee, err);
	if (dj_cli_has(cli, "chain") || dj_cli_has(cli, "crl") ||
		dj_cli_has(cli, "collateral"))
		return dj_err_set(err, "usage.option",
			"--chain, --crl and --collateral belong to a bare "
			"report: name its TEE with --tee");
	/* A file goes first: that is how it has always been read. */
	return access(s->name, F_OK) != 0 && dj_record_is_name(s->name)
		? load_keep(s, err)
		: load_bundle(s, err);
}

static void print_field(void *ctx, size_t off, size_t len, const char *name,
	const char *value)
{
	(void)ctx;
	dj_cli_print("  %5zu %4zu  %-12s  %s\n", off, len, name, value);
}

static void add_field(void *ctx, size_t off, size_t len, const char *name,
	const char *value)
{
	(void)json_array_append_new(ctx,
		json_pack("{s:I,s:I,s:s,s:s}", "offset", (json_int_t)off,
			"size", (json_int_t)len, "name", name, "value", value));
}

static int say_json(const struct dj_cli *cli, const struct subject *s,
	const struct dj_verdict *v)
{
	json_t *o = dj_verdict_json(v, s->name, false);
	json_t *fields;

	if (s->cut != 0)
		(void)json_object_set_new(o, "ignored_bytes",
			json_integer((json_int_t)s->cut));
	if (dj_cli_has(cli, "explain")) {
		fields = json_array();
		(void)dj_judge_explain(s->in.evidence, s->in.evidence_len,
			add_field, fields);
		(void)json_object_set_new(o, "fields", fields);
	}
	return dj_cli_json(cli, o, v->good ? 0 : 1);
}

static int say(const struct dj_cli *cli, const struct subject *s,
	const struct dj_verdict *v)
{
	char text[200], name[400];

	if (cli->json)
		return say_json(cli, s, v);
	dj_clean(name, sizeof(name), s->name, strlen(s->name));
	if (v->good && dj_verdict_banner(v, text, sizeof(text)) != NULL)
		dj_cli_print("donjon: %s\n", text);
	if (v->good)
		dj_cli_print("good: %s meets %s\n", name, v->policy_file);
	else
		dj_cli_print("refused: %s does not meet %s (%s)\n", name,
			v->policy_file, v->error);
	dj_verdict_print(v, dj_cli_has(cli, "explain") || cli->verbose > 0,
		stdout);
	if (s->cut != 0)
		dj_cli_print("  %zu bytes after the quote's end are signed by "
			     "nothing and were not looked at\n",
			s->cut);
	if (dj_cli_has(cli, "explain")) {
		dj_cli_print("  offset size  field         value\n");
		if (!dj_judge_explain(s->in.evidence, s->in.evidence_len,
			    print_field, NULL))
			dj_cli_print("  (no report that can be read)\n");
	}
	return dj_cli_end(cli, v->good ? 0 : 1);
}

static int run(struct dj_cli *cli)
{
	static struct dj_policy policy;
	struct dj_verdict v = { 0 };
	struct subject s = { 0 };
	struct dj_err err = { 0 };
	int status;

	if (!load(cli, &s, &err) || !choose_policy(cli, &s, &policy, &err)) {
		subject_done(&s);
		return dj_cli_fail(cli, &err);
	}
	s.in.policy = &policy;
	if (dj_judge(&s.in, &v) == DJ_E_NOMEM)
		status = dj_cli_failf(cli, "internal.memory", "no memory");
	else
		status = say(cli, &s, &v);
	dj_verdict_done(&v);
	subject_done(&s);
	return status;
}

static const struct dj_option options[] = {
	{ "at", 0, "TIME", "judge as of this time (UTC), not now" },
	{ "explain", 0, NULL, "show every check and every field" },
	{ "tee", 0, "TEE", "FILE is a bare report of this TEE" },
	{ "chain", 0, "FILE", "the certificates of a bare report" },
	{ "crl", 0, "FILE", "revocation lists of a bare report" },
	{ "collateral", 0, "PATH",
		"what donjon collateral fetched: a folder, or files" },
	{ 0 },
};

const struct dj_verb dj_verb_verify = {
	.name = "verify",
	.group = DJ_GROUP_TRUST,
	.operands = "KEEP|FILE",
	.summary = "judge saved evidence by a policy; 0 good, 1 refused",
	.options = options,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
