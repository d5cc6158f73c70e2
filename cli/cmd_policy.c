// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/sgx_doc.h"
#include "cli/common.h"
#include "cli/trust.h"
#include "cli/verbs.h"
#include "client/agent.h"
#include "client/measure.h"
#include "client/tees.h"

/* init */

static const char template[] =
	"# What this tenant accepts as a Keep; see donjon-policy(5).\n"
	"schema = 1\n"
	"name = \"%s\"\n"
	"\n"
	"# Development roots sign Keeps that nothing protects from their host.\n"
	"[development]\n"
	"allow = %s\n"
	"%s"
	"\n"
	"[keep]\n"
	"# The exact code that may run as a Keep, as printed by: donjon measure\n"
	"measurement = [\n"
	"%s"
	"]\n"
	"\n"
	"[session]\n"
	"# 0x0001 X25519, ChaCha20-Poly1305; 0x0002 X25519, AES-256-GCM\n"
	"suites = [0x0002, 0x0001]\n"
	"# Smallest record class towards us: 3 hides all lengths below 16 KiB.\n"
	"minclass = 0\n"
	"\n"
	"# Only these attestation keys (SHA-256 of the key); else any under the "
	"root.\n"
	"# [process]\n"
	"# platforms = [\"...\"]\n";

/* Fit to stand between quotes in TOML as it is? */
static bool is_plain(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '"' ||
			*s == '\\')
			return false;
	}
	return true;
}

static bool root_of(const struct dj_cli *cli, char ret[static DJ_PATH_MAX],
	struct dj_err *err)
{
	const char *root = dj_cli_value(cli, "root");
	char dir[DJ_PATH_MAX], full[DJ_PATH_MAX];

	if (root == NULL) {
		if (!dj_agent_root(dir, err))
			return false;
		if (snprintf(ret, DJ_PATH_MAX, "%s/root.pem", dir) >=
			DJ_PATH_MAX)
			return dj_err_set(err, "policy.read",
				"the state folder's path is too long");
	} else {
		if (realpath(root, full) == NULL)
			return dj_err_set(err, "input.file",
				"--root %.300s: %s", root, strerror(errno));
		memcpy(ret, full, sizeof(full));
	}
	if (!is_plain(ret) || strlen(ret) >= DJ_POLICY_PATH_MAX)
		return dj_err_set(err, "policy.read",
			"the root's path cannot stand in a policy");
	return true;
}

/* A valid one, and all of it: half a policy may be one that asks for less. */
static int write_new(const struct dj_cli *cli, const char *path,
	const char *text)
{
	static struct dj_policy p;
	struct dj_err err = { 0 };

	if (!dj_cli_write_new(path, text, strlen(text)))
		return dj_cli_failf(cli, "output.write",
			"writing the policy %.300s: %s", path, strerror(errno));
	/* A root that was named may be none. */
	if (!dj_trust_policy_file(path, &p, &err)) {
		(void)unlink(path);
		return dj_cli_fail(cli, &err);
	}
	dj_cli_note(cli, "wrote %s; see: donjon policy check %s", path, path);
	return 0;
}

/* A line for each image of this installation. */
static bool measure_lines(const struct dj_cli *cli, char *dst, size_t cap,
	struct dj_err *err)
{
	struct dj_measured m[DJ_MEASURED_COUNT];
	size_t count = dj_trust_measure(cli, m, err), n = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		char digest[97];

		dj_trust_hex(m[i].digest, m[i].len, digest);
		n += (size_t)snprintf(dst + n, n < cap ? cap - n : 0,
			"\t{ tee = \"%s\", %s = \"%s\" },\n",
			dj_tee_name(m[i].tee), m[i].name, digest);
	}
	return count != 0;
}

/* The line about roots: root, and those beside it for emulated TEEs. */
static void roots_line(const char *root, char *dst, size_t cap)
{
	const char *slash = strrchr(root, '/');
	bool is_folder = slash != NULL && strcmp(slash, "/root.pem") == 0;
	size_t n = (size_t)snprintf(dst, cap, "root = [\"%s\"", root);

	for (const struct dj_tee_choice *c = dj_tee_choices;
		c->word != NULL && is_folder && n < cap; c++) {
		char other[DJ_PATH_MAX + 16];

		if (c->add == NULL)
			continue;
		(void)snprintf(other, sizeof(other), "%.*s/%s",
			(int)(slash - root), root, c->root);
		if (access(other, R_OK) == 0)
			n += (size_t)snprintf(dst + n, cap - n, ",\n\t\"%s\"",
				other);
	}
	if (n < cap)
		(void)snprintf(dst + n, cap - n, "]\n");
}

static int init(struct dj_cli *cli)
{
	bool allow = dj_cli_has(cli, "allow-development");
	const char *path = cli->operand_count > 1 ? cli->operands[1] : NULL;
	char text[6 * DJ_PATH_MAX], root[DJ_PATH_MAX] = "", keeps[1024];
	char roots[4 * DJ_PATH_MAX + 64] = "";
	struct dj_err err = { 0 };

	if (!allow && dj_cli_has(cli, "root"))
		return dj_cli_failf(cli, "usage.option",
			"--root goes with --allow-development");
	if (!measure_lines(cli, keeps, sizeof(keeps), &err) ||
		(allow && !root_of(cli, root, &err)))
		return dj_cli_fail(cli, &err);
	if (allow)
		roots_line(root, roots, sizeof(roots));
	(void)snprintf(text, sizeof(text), template,
		allow ? "development" : "tenant", allow ? "true" : "false",
		roots, keeps);
	if (path != NULL)
		return write_new(cli, path, text);
	dj_cli_print("%s", text);
	return dj_cli_end(cli, 0);
}

/* check */

struct warnings {
	json_t *list; /* NULL: print */
	const char *file;
};

static void on_warning(void *ctx, unsigned line, const char *text)
{
	struct warnings *w = ctx;

	if (w->list != NULL)
		(void)json_array_append_new(w->list,
			json_pack("{s:i,s:s}", "line", (int)line, "text",
				text));
	else if (line != 0)
		dj_cli_print("%s:%u: warning: %s\n", w->file, line, text);
	else
		dj_cli_print("%s: warning: %s\n", w->file, text);
}

static int check_json(const struct dj_cli *cli, const struct dj_policy *p,
	const struct dj_err *err)
{
	struct warnings w = { .list = json_array() };
	json_t *o = json_object();
	bool good = err->info == NULL;
	char digest[65] = "";

	(void)json_object_set_new(o, "schema", json_string("donjon.policy/1"));
	(void)json_object_set_new(o, "good", json_boolean(good));
	if (good) {
		dj_trust_hex(p->sha256, 32, digest);
		(void)json_object_set_new(o, "name", json_string(p->name));
		(void)json_object_set_new(o, "sha256", json_string(digest));
		(void)dj_policy_warnings(p, on_warning, &w);
	} else {
		(void)json_object_set_new(o, "error",
			json_string(err->info->name));
		(void)json_object_set_new(o, "message", json_string(err->text));
	}
	(void)json_object_set_new(o, "warnings", w.list);
	return dj_cli_json(cli, o, good ? 0 : 1);
}

static bool load(struct dj_cli *cli, struct dj_policy *p, struct dj_err *err)
{
	if (cli->operand_count > 1)
		return dj_trust_policy_file(cli->operands[1], p, err);
	return dj_trust_policy(cli, p, err);
}

/* A policy with a mistake is an answer, no; one that is not there an error. */
static int check(struct dj_cli *cli)
{
	static struct dj_policy p;
	struct dj_err err = { 0 };
	struct warnings w = { .file = p.file };

	if (!load(cli, &p, &err) &&
		strcmp(err.info->name, "policy.invalid") != 0)
		return dj_cli_fail(cli, &err);
	if (cli->json)
		return check_json(cli, &p, &err);
	if (err.info != NULL) {
		dj_cli_print("%s\n", err.text);
		return dj_cli_end(cli, 1);
	}
	(void)dj_policy_warnings(&p, on_warning, &w);
	dj_cli_print("%s: a valid policy\n", p.file);
	return dj_cli_end(cli, 0);
}

/* explain */

static void explain_roots(const struct dj_policy *p)
{
	char digest[65];

	if (!p->development) {
		dj_cli_print("development Keeps: refused (line %u)\n",
			p->development_line);
		return;
	}
	dj_cli_print("development Keeps: ACCEPTED, nothing protects them "
		     "(line %u), if signed under\n",
		p->development_line);
	for (size_t i = 0; i < p->root_count; i++) {
		dj_trust_hex(p->roots[i].sha256, 32, digest);
		dj_cli_print("  %s (line %u)\n    sha256 %s\n",
			p->roots[i].path, p->roots[i].line, digest);
	}
}

/* What [snp] demands, the defaults too. */
static void explain_snp(const struct dj_policy_snp *p)
{
	const struct dj_policy_snp_tcb *min;

	dj_cli_print("of snp, under AMD's roots of");
	for (int i = 0; i < DJ_SNP_PRODUCTS; i++) {
		enum dj_snp_product product = (enum dj_snp_product)i;

		if ((p->products.bits >> i & 1) == 0)
			continue;
		dj_cli_print(" %s", dj_snp_product_name(product));
		min = dj_policy_snp_min(p, product);
		for (int k = 0; k < DJ_SNP_TCB_PARTS && min != NULL; k++)
			dj_cli_print("%s%s %u", k == 0 ? " (at least " : ", ",
				dj_snp_tcb_name((enum dj_snp_tcb)k),
				min->min[k]);
		if (min != NULL)
			dj_cli_print(", line %u)", min->line);
	}
	dj_cli_print("\n  ");
	for (size_t i = 0; i < DJ_SNP_SWITCHES; i++)
		dj_cli_print("%s%s %s", i == 0 ? "" : ", ",
			dj_policy_snp_demands[i].key,
			p->is[i].on ? "yes" : "no");
	if (p->chips.count == 0)
		dj_cli_print("\n  on any chip\n");
	else
		dj_cli_print("\n  on %zu chips (line %u)\n", p->chips.count,
			p->chips.line);
}

/* What [sgx] demands, the defaults too. */
static void explain_sgx(const struct dj_policy_sgx *p)
{
	char digest[65];

	for (size_t i = 0; i < p->signer_count; i++) {
		dj_trust_hex(p->signers[i].mrsigner, 32, digest);
		dj_cli_print("  sgx signed by %s, isvprodid %u, isvsvn %u or "
			     "above (line %u)\n",
			digest, p->signers[i].isvprodid,
			p->signers[i].min_isvsvn, p->signers[i].line);
	}
	dj_cli_print("of sgx, under Intel's root, on platforms that are");
	for (int i = 0; i < DJ_SGX_REVOKED; i++) {
		if ((p->statuses.bits >> i & 1) != 0)
			dj_cli_print(" %s",
				dj_sgx_status_name((enum dj_sgx_status)i));
	}
	dj_cli_print("\n  advisories:");
	for (size_t i = 0; i < p->advisories.count; i++)
		dj_cli_print(" %s", (const char *)p->advisories.item[i]);
	dj_cli_print("%s\n  debug %s, provision-key %s, einittoken-key %s, smt "
		     "%s\n",
		p->any_advisory                    ? " any"
			: p->advisories.count == 0 ? " none"
						   : "",
		p->debug.on ? "yes" : "no", p->provision_key.on ? "yes" : "no",
		p->einittoken_key.on ? "yes" : "no", p->smt.on ? "yes" : "no");
	if (p->min_evaluation.line != 0)
		dj_cli_print("  TCB evaluation %llu or later (line %u)\n",
			(unsigned long long)p->min_evaluation.value,
			p->min_evaluation.line);
	if (p->ppids.count == 0)
		dj_cli_print("  on any processor\n");
	else
		dj_cli_print("  on %zu processors (line %u)\n", p->ppids.count,
			p->ppids.line);
}

static void explain_keeps(const struct dj_policy *p)
{
	char digest[129];

	dj_cli_print("Keeps that run one of\n");
	for (size_t i = 0; i < p->measure_count; i++) {
		const struct dj_policy_measure *m = &p->measures[i];

		dj_trust_hex(m->bytes, m->len, digest);
		dj_cli_print("  %s %s (line %u)\n", dj_tee_name(m->tee), digest,
			m->line);
	}
	if (dj_policy_wants_tee(p, DJ_TEE_SNP))
		explain_snp(&p->snp);
	if (dj_policy_wants_tee(p, DJ_TEE_SGX))
		explain_sgx(&p->sgx);
	if (p->platform_count == 0) {
		if (p->development)
			dj_cli_print("on any platform under the root\n");
		return;
	}
	dj_cli_print("on one of the platforms\n");
	for (size_t i = 0; i < p->platform_count; i++) {
		dj_trust_hex(p->platforms[i].sha256, 32, digest);
		dj_cli_print("  %s (line %u)\n", digest, p->platforms[i].line);
	}
}

static void explain_session(const struct dj_policy *p)
{
	if (p->suite_count == 0)
		dj_cli_print("over any suite of this client");
	else
		dj_cli_print("over suites");
	for (size_t i = 0; i < p->suite_count; i++)
		dj_cli_print(" 0x%04x", p->suites[i]);
	dj_cli_print(", records towards us of class %u or larger\n",
		p->minclass);
}

static int explain(struct dj_cli *cli)
{
	static struct dj_policy p;
	struct dj_err err = { 0 };
	struct warnings w = { .file = p.file };
	char digest[65];

	if (!load(cli, &p, &err))
		return dj_cli_fail(cli, &err);
	if (cli->json)
		return check_json(cli, &p, &err);
	dj_trust_hex(p.sha256, 32, digest);
	dj_cli_print("%s: policy \"%s\", sha256 %s\naccepts\n", p.file, p.name,
		digest);
	explain_keeps(&p);
	explain_session(&p);
	explain_roots(&p);
	(void)dj_policy_warnings(&p, on_warning, &w);
	return dj_cli_end(cli, 0);
}

static int run(struct dj_cli *cli)
{
	const char *word = cli->operands[0];

	if (strcmp(word, "init") != 0 &&
		(dj_cli_has(cli, "allow-development") ||
			dj_cli_has(cli, "root")))
		return dj_cli_failf(cli, "usage.option",
			"--allow-development and --root go with policy init");
	if (strcmp(word, "init") == 0)
		return init(cli);
	if (strcmp(word, "check") == 0)
		return check(cli);
	return explain(cli);
}

static const char *const words[] = { "init", "check", "explain", NULL };

static const struct dj_option options[] = {
	{ "allow-development", 0, NULL,
		"init: accept this installation's development Keeps" },
	{ "root", 0, "FILE", "init: that development root, not our own" },
	{ 0 },
};

const struct dj_verb dj_verb_policy = {
	.name = "policy",
	.group = DJ_GROUP_TRUST,
	.operands = "init|check|explain [FILE]",
	.summary = "write, check or read aloud a policy",
	.options = options,
	.words = words,
	.min_operands = 1,
	.max_operands = 2,
	.run = run,
};
