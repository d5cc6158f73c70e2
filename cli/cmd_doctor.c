// SPDX-License-Identifier: Apache-2.0
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "cli/verbs.h"
#include "client/paths.h"
#include "client/sgx_here.h"
#include "client/snp_here.h"
#include "client/tees.h"

/*
 * What works here is found by doing it: the same functions that run uses,
 * with their errors, up to the point where a program would be sent.
 */
static const struct dj_option options[] = {
	{ "tee", 0, "LIST", "exit 1 unless one of these works" },
	{ "config", 0, "FILE", "in place of ./Donjon.toml" },
	{ 0 },
};

struct row {
	const char *name;
	bool good;
	bool is_tee;
	char text[1024];
	char hint[256];
};

#define ROWS_MAX 32

struct report {
	struct row rows[ROWS_MAX];
	size_t count;
	const char *best; /* a TEE, NULL: none */
};

static struct row *add(struct report *r, const char *name, bool good)
{
	struct row *row = &r->rows[r->count++];

	*row = (struct row){ .name = name, .good = good };
	return row;
}

static void add_error(struct report *r, const char *name, bool is_tee,
	const struct dj_err *err)
{
	struct row *row = add(r, name, false);
	const char *hint = err->hint[0] != '\0' ? err->hint : err->info->hint;

	row->is_tee = is_tee;
	(void)snprintf(row->text, sizeof(row->text), "[%s] %s", err->info->name,
		err->text);
	/* "see donjon doctor" is where we are. */
	if (hint != NULL && strcmp(hint, "donjon doctor") != 0)
		(void)snprintf(row->hint, sizeof(row->hint), "%s", hint);
}

static void check_client(struct report *r, const struct dj_settings *s)
{
	const char *policy = dj_settings_get(s, DJ_SET_POLICY);
	struct row *row = add(r, "client", true);

	(void)snprintf(row->text, sizeof(row->text),
		"donjon %s, OpenSSL %s, policy %s", DJ_VERSION,
		OpenSSL_version(OPENSSL_VERSION_STRING),
		policy == NULL ? "of a first run" : policy);
}

static void check_state(struct report *r)
{
	struct dj_err err = { 0 };
	char path[DJ_PATH_MAX];

	if (!dj_state_make(&err)) {
		add_error(r, "state", false, &err);
		return;
	}
	(void)dj_path_state(path, "");
	(void)snprintf(add(r, "state", true)->text, 1024, "%.900s", path);
}

static void check_programs(struct report *r)
{
	static const char *const names[] = { "donjond", "donjon-launch",
		"donjon-emu" };
	char path[DJ_PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct row *row =
			add(r, names[i], dj_path_program(path, names[i]));

		(void)snprintf(row->text, sizeof(row->text), "%.900s",
			row->good
				? path
				: "not beside donjon, not installed; only needed without --host");
	}
}

/* An attested Keep of that kind, ended again. */
static void check_tee(struct dj_cli *cli, struct report *r,
	const struct dj_settings *s, const char *tee)
{
	const char *const tees[] = { tee, NULL };
	struct dj_visit *v = calloc(1, sizeof(*v));
	struct dj_visit_options o;
	struct dj_err err = { 0 };
	struct row *row;

	if (v == NULL)
		return;
	v->agent.fd = v->agent.log = -1;
	if (dj_cli_visit(cli, s, &o, &err)) {
		o.tees = tees;
		o.tee_count = 1;
		o.owner = NULL;
	}
	if (err.info != NULL ||
		!dj_visit_prepare(v, &o, dj_cli_watch, cli, &err) ||
		!dj_visit_keep(v, &err)) {
		add_error(r, tee, true, &err);
	} else {
		row = add(r, tee, true);
		row->is_tee = true;
		(void)snprintf(row->text, sizeof(row->text),
			"%s; attested in %lld ms",
			v->verdict.hardware ? "protected"
					    : "development only, not protected",
			(long long)(v->ms[DJ_VISIT_KEEP] +
				v->ms[DJ_VISIT_EVIDENCE]));
		if (r->best == NULL)
			r->best = tee;
	}
	dj_visit_done(v);
	free(v);
}

/* Where SGX is: part by part, and if nothing lacks, by doing it. */
static void check_sgx(struct dj_cli *cli, struct report *r,
	const struct dj_settings *s)
{
	/* Tests show it another machine than this. */
	const char *root = getenv("DONJON_DOCTOR_ROOT");
	struct dj_sgx_line lines[DJ_SGX_LINES_MAX];
	char why[256], help[256];
	struct dj_sgx_here h;
	struct row *row;
	size_t n;

	dj_sgx_here_look(root == NULL ? "" : root, &h);
	n = dj_sgx_here_lines(&h, lines);
	for (size_t i = 0; i < n; i++) {
		row = add(r, lines[i].name, lines[i].good);
		(void)snprintf(row->text, sizeof(row->text), "%s",
			lines[i].text);
	}
	if (dj_sgx_here_explain(&h, why, sizeof(why), help, sizeof(help))) {
		check_tee(cli, r, s, "sgx");
		return;
	}
	row = add(r, "sgx", false);
	row->is_tee = true;
	/* A hint is a command; this is nothing that one could do. */
	(void)snprintf(row->text, sizeof(row->text), "%s%s%s", why,
		help[0] == '\0' ? "" : "; needs: ", help);
}

/* The secure processor of SEV-SNP, whether or not a Keep was asked for. */
static void check_sev(struct report *r)
{
	struct row *row;
	char text[512], hint[256];
	struct dj_snp_here h;

	dj_snp_here_look(&dj_snp_device, &h);
	row = add(r, "/dev/sev",
		dj_snp_here_explain(&h, text, sizeof(text), hint,
			sizeof(hint)));
	(void)snprintf(row->text, sizeof(row->text), "%s%s%s", text,
		hint[0] == '\0' ? "" : "; needs: ", hint);
}

static void check_others(struct report *r)
{
	static const char *const names[] = { "tdx", "sanctum", "pef" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct row *row = add(r, names[i], false);

		row->is_tee = true;
		(void)snprintf(row->text, sizeof(row->text),
			"not in this build");
	}
}

static int say(const struct dj_cli *cli, const struct report *r, int status)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		dj_cli_print("%-14s %s  %s\n", row->name,
			row->good ? "OK" : "NO", row->text);
		if (row->hint[0] != '\0')
			dj_cli_print("%-14s     %s\n", "", row->hint);
	}
	dj_cli_print("best: %s\n",
		r->best == NULL ? "nothing works here" : r->best);
	return dj_cli_end(cli, status);
}

static json_t *hint_json(const char *hint)
{
	json_t *list = json_array();

	while (*hint != '\0') {
		size_t len = strcspn(hint, " ");

		(void)json_array_append_new(list, json_stringn(hint, len));
		hint += len + (hint[len] == ' ');
	}
	return list;
}

static int say_json(const struct dj_cli *cli, const struct report *r,
	int status)
{
	json_t *o = json_object(), *checks = json_array(), *tees = json_array();

	for (size_t i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];
		json_t *e = json_object();

		(void)json_object_set_new(e, row->is_tee ? "tee" : "name",
			json_string(row->name));
		(void)json_object_set_new(e, "ok", json_boolean(row->good));
		(void)json_object_set_new(e, "reason", json_string(row->text));
		(void)json_object_set_new(e, "hint", hint_json(row->hint));
		(void)json_array_append_new(row->is_tee ? tees : checks, e);
	}
	(void)json_object_set_new(o, "schema", json_string("donjon.doctor/1"));
	(void)json_object_set_new(o, "client",
		json_pack("{s:s,s:s}", "version", DJ_VERSION, "openssl",
			OpenSSL_version(OPENSSL_VERSION_STRING)));
	(void)json_object_set_new(o, "checks", checks);
	(void)json_object_set_new(o, "tees", tees);
	(void)json_object_set_new(o, "best",
		r->best == NULL ? json_null() : json_string(r->best));
	return dj_cli_json(cli, o, status);
}

/* One of those that were asked for? */
static bool one_works(const struct report *r, const struct dj_judge_tee *wanted,
	size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *word =
			dj_tee_word(wanted[i].tee, wanted[i].emulated);

		for (size_t k = 0; k < r->count; k++) {
			if (r->rows[k].is_tee && r->rows[k].good &&
				strcmp(r->rows[k].name, word) == 0)
				return true;
		}
	}
	return false;
}

static bool is_any(const struct dj_settings *s)
{
	const struct dj_setting_value *v = &s->v[DJ_SET_TEE];

	return v->count == 1 && strcmp(v->items[0], "any") == 0;
}

static int run(struct dj_cli *cli)
{
	struct report *r = calloc(1, sizeof(*r));
	struct dj_settings s;
	struct dj_judge_tee wanted[8];
	struct dj_err err = { 0 };
	size_t n;
	int status;

	if (r == NULL)
		return dj_cli_failf(cli, "internal.memory", "no memory");
	if (!dj_cli_settings(cli, &s, &err)) {
		status = dj_cli_fail(cli, &err);
		goto out;
	}
	check_client(r, &s);
	check_state(r);
	check_programs(r);
	check_tee(cli, r, &s, "process");
	check_tee(cli, r, &s, "kvm");
	check_tee(cli, r, &s, "snp");
	check_sev(r);
	check_tee(cli, r, &s, "snp-emu");
	check_sgx(cli, r, &s);
	check_tee(cli, r, &s, "sgx-emu");
	check_others(r);
	/* A TEE that is not in this build is an answer here, not an error. */
	status = r->best != NULL &&
			dj_tee_choose(
				(const char *const *)s.v[DJ_SET_TEE].items,
				s.v[DJ_SET_TEE].count, NULL, wanted, 8, &n,
				&err) &&
			(is_any(&s) || one_works(r, wanted, n))
		? 0
		: 1;
	if (err.info != NULL && strcmp(err.info->name, "tee.unknown") == 0)
		status = dj_cli_fail(cli, &err);
	else
		status = cli->json ? say_json(cli, r, status)
				   : say(cli, r, status);
out:
	dj_settings_done(&s);
	free(r);
	return status;
}

const struct dj_verb dj_verb_doctor = {
	.name = "doctor",
	.group = DJ_GROUP_MACHINE,
	.operands = "",
	.summary = "what works here, and what would make more work",
	.options = options,
	.run = run,
};
