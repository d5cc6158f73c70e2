// SPDX-License-Identifier: Apache-2.0
#include "attest/policy.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "attest/cert.h"
#include "attest/policy_value.h"
#include "attest/sgx_doc.h"
#include "attest/suggest.h"
#include "lib/proto/hello.h"

_Static_assert(DJ_POLICY_ROOT_DER_MAX == DJ_CERT_DER_MAX, "roots fit");

/* Which TEEs this build can judge, and what a measurement of one is called. */
static const struct judged {
	const char *key;
	enum dj_tee tee;
	uint8_t len;
} judged[] = {
	{ "sha256", DJ_TEE_PROCESS, 32 },
	{ "sha256", DJ_TEE_KVM, 32 },
	{ "sha384", DJ_TEE_SNP, 48 },
	{ "mrenclave", DJ_TEE_SGX, 32 },
};

static const uint8_t all_tees[] = { DJ_TEE_SGX, DJ_TEE_SNP, DJ_TEE_TDX,
	DJ_TEE_SANCTUM, DJ_TEE_PEF, DJ_TEE_KVM, DJ_TEE_PROCESS };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

uint8_t dj_tee_number(const char *name)
{
	for (size_t i = 0; i < COUNT(all_tees); i++) {
		if (strcmp(dj_tee_name(all_tees[i]), name) == 0)
			return all_tees[i];
	}
	return 0;
}

static const struct judged *judged_of(uint8_t tee)
{
	for (size_t i = 0; i < COUNT(judged); i++) {
		if (judged[i].tee == tee)
			return &judged[i];
	}
	return NULL;
}

static dj_status no_judge(struct dj_toml_error *err, unsigned line,
	unsigned col, const char *tee)
{
	(void)dj_toml_fail(err, line, col,
		"this build cannot judge %s Keeps; it judges: process, kvm, snp, sgx",
		tee);
	return DJ_E_UNSUPPORTED;
}

/* Sections. */

static dj_status add_root(struct dj_policy *p, const struct dj_toml_value *v,
	struct dj_toml_error *err)
{
	struct dj_policy_root *r = &p->roots[p->root_count];

	if (p->root_count == DJ_POLICY_ROOTS_MAX)
		return dj_value_too_many(v, "root", DJ_POLICY_ROOTS_MAX, err);
	if (dj_value_text(v, "root", r->path, sizeof(r->path), err) != DJ_OK)
		return DJ_E_INPUT;
	r->line = v->line;
	p->root_count++;
	return DJ_OK;
}

static dj_status on_development(struct dj_policy *p,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	static const char *const keys[] = { "allow", "root", NULL };
	const struct dj_toml_value *allow, *root;
	dj_status st = dj_toml_check_keys(t, "[development]", keys, err);

	if (st == DJ_OK)
		st = dj_value_member(t, "allow", DJ_TOML_BOOLEAN, &allow, err);
	if (st != DJ_OK)
		return st;
	if (allow == NULL)
		return dj_toml_fail(err, t->line, t->col,
			"[development]: expected allow = true or false");
	p->development = allow->boolean;
	p->development_line = allow->key_line;
	root = dj_toml_get(t, "root");
	if (root != NULL && root->type == DJ_TOML_ARRAY) {
		for (root = root->first; root != NULL && st == DJ_OK;
			root = root->next)
			st = add_root(p, root, err);
	} else if (root != NULL) {
		st = add_root(p, root, err);
	}
	if (st == DJ_OK && p->development && p->root_count == 0)
		return dj_toml_fail(err, allow->line, allow->col,
			"[development] allows without a root; name the file "
			"of its certificate: root = \"dev-root.pem\"");
	return st;
}

static dj_status add_measure(struct dj_policy *p, const struct dj_toml_value *v,
	struct dj_toml_error *err)
{
	struct dj_policy_measure *m = &p->measures[p->measure_count];
	const struct dj_toml_value *tee, *digest;
	const struct judged *j;
	const char *name;

	if (p->measure_count == DJ_POLICY_MEASURES_MAX)
		return dj_value_too_many(v, "measurement",
			DJ_POLICY_MEASURES_MAX, err);
	if (dj_value_is(v, "measurement", DJ_TOML_TABLE, err) != DJ_OK ||
		dj_value_member(v, "tee", DJ_TOML_STRING, &tee, err) != DJ_OK)
		return DJ_E_INPUT;
	name = dj_toml_text(tee);
	if (name == NULL || dj_tee_number(name) == 0)
		return dj_toml_fail(err, tee == NULL ? v->line : tee->line,
			tee == NULL ? v->col : tee->col,
			"measurement: expected tee = \"process\" or another "
			"TEE's name");
	j = judged_of(dj_tee_number(name));
	if (j == NULL)
		return no_judge(err, tee->line, tee->col, name);
	if (dj_toml_check_keys(v, "measurement",
		    (const char *[]){ "tee", j->key, NULL }, err) != DJ_OK)
		return DJ_E_INPUT;
	digest = dj_toml_get(v, j->key);
	if (digest == NULL)
		return dj_toml_fail(err, v->line, v->col,
			"measurement: expected %s = \"...\" for tee \"%s\"",
			j->key, name);
	m->tee = (uint8_t)j->tee;
	m->len = j->len;
	m->line = v->line;
	p->measure_count++;
	return dj_value_hex(digest, j->key, m->bytes, j->len, err);
}

static dj_status on_keep(struct dj_policy *p, const struct dj_toml_value *t,
	struct dj_toml_error *err)
{
	static const char *const keys[] = { "measurement", "release", NULL };
	const struct dj_toml_value *list, *release;
	dj_status st = dj_toml_check_keys(t, "[keep]", keys, err);

	if (st == DJ_OK)
		st = dj_value_member(t, "measurement", DJ_TOML_ARRAY, &list,
			err);
	if (st == DJ_OK)
		st = dj_value_member(t, "release", DJ_TOML_ARRAY, &release,
			err);
	if (st != DJ_OK)
		return st;
	if (release != NULL) {
		(void)dj_toml_fail(err, release->key_line, release->key_col,
			"release: this client carries no measurements of "
			"releases; list them instead: measurement = [ ... ], "
			"as printed by: donjon measure");
		return DJ_E_UNSUPPORTED;
	}
	p->measures_line = list == NULL ? t->line : list->key_line;
	for (list = list == NULL ? NULL : list->first;
		list != NULL && st == DJ_OK; list = list->next)
		st = add_measure(p, list, err);
	return st;
}

static dj_status on_session(struct dj_policy *p, const struct dj_toml_value *t,
	struct dj_toml_error *err)
{
	static const char *const keys[] = { "suites", "minclass", NULL };
	const struct dj_toml_value *suites, *minclass, *v;
	dj_status st = dj_toml_check_keys(t, "[session]", keys, err);

	if (st == DJ_OK)
		st = dj_value_member(t, "suites", DJ_TOML_ARRAY, &suites, err);
	if (st == DJ_OK)
		st = dj_value_member(t, "minclass", DJ_TOML_INTEGER, &minclass,
			err);
	if (st != DJ_OK)
		return st;
	if (minclass != NULL) {
		if (minclass->integer < 0 || minclass->integer > 3)
			return dj_toml_fail(err, minclass->line, minclass->col,
				"minclass: expected 0 to 3");
		p->minclass = (uint8_t)minclass->integer;
		p->minclass_line = minclass->line;
	}
	if (suites == NULL)
		return DJ_OK;
	p->suites_line = suites->key_line;
	if (suites->count == 0)
		return dj_toml_fail(err, suites->line, suites->col,
			"suites: an empty list accepts nothing");
	for (v = suites->first; v != NULL; v = v->next) {
		if (p->suite_count == DJ_POLICY_SUITES_MAX)
			return dj_value_too_many(v, "suites",
				DJ_POLICY_SUITES_MAX, err);
		if (dj_value_is(v, "suites", DJ_TOML_INTEGER, err) != DJ_OK)
			return DJ_E_INPUT;
		if (v->integer < 0 || v->integer > UINT16_MAX ||
			!dj_suite_known((uint16_t)v->integer))
			return dj_toml_fail(err, v->line, v->col,
				"suites: expected 0x0001, 0x0002, 0x0011 or "
				"0x0012");
		p->suites[p->suite_count++] = (uint16_t)v->integer;
	}
	return DJ_OK;
}

static dj_status on_process(struct dj_policy *p, const struct dj_toml_value *t,
	struct dj_toml_error *err)
{
	static const char *const keys[] = { "platforms", NULL };
	const struct dj_toml_value *list, *v;
	dj_status st = dj_toml_check_keys(t, "[process]", keys, err);

	if (st == DJ_OK)
		st = dj_value_member(t, "platforms", DJ_TOML_ARRAY, &list, err);
	if (st != DJ_OK || list == NULL)
		return st;
	p->platforms_line = list->key_line;
	if (list->count == 0)
		return dj_toml_fail(err, list->line, list->col,
			"platforms: an empty list accepts nothing");
	for (v = list->first; v != NULL; v = v->next) {
		struct dj_policy_platform *pl;

		if (p->platform_count == DJ_POLICY_PLATFORMS_MAX)
			return dj_value_too_many(v, "platforms",
				DJ_POLICY_PLATFORMS_MAX, err);
		pl = &p->platforms[p->platform_count++];
		pl->line = v->line;
		if (dj_value_hex(v, "platforms", pl->sha256, 32, err) != DJ_OK)
			return DJ_E_INPUT;
	}
	return DJ_OK;
}

static dj_status on_snp(struct dj_policy *p, const struct dj_toml_value *t,
	struct dj_toml_error *err)
{
	return dj_policy_snp_read(&p->snp, t, err);
}

static dj_status on_sgx(struct dj_policy *p, const struct dj_toml_value *t,
	struct dj_toml_error *err)
{
	return dj_policy_sgx_read(&p->sgx, t, err);
}

static const struct section {
	const char *name;
	dj_status (*read)(struct dj_policy *p, const struct dj_toml_value *t,
		struct dj_toml_error *err);
} sections[] = {
	{ "development", on_development },
	{ "keep", on_keep },
	{ "session", on_session },
	{ "process", on_process },
	{ "snp", on_snp },
	{ "sgx", on_sgx },
};

static bool has_section(const char *name)
{
	for (size_t i = 0; i < COUNT(sections); i++) {
		if (strcmp(sections[i].name, name) == 0)
			return true;
	}
	return false;
}

static dj_status read_head(struct dj_policy *p, const struct dj_toml_value *top,
	struct dj_toml_error *err)
{
	static const char *const keys[] = { "schema", "name", "development",
		"keep", "session", "process", "sgx", "snp", "tdx", "sanctum",
		"pef", "kvm", NULL };
	const struct dj_toml_value *schema, *name, *v;
	dj_status st = dj_toml_check_keys(top, "the policy", keys, err);

	if (st == DJ_OK)
		st = dj_value_member(top, "schema", DJ_TOML_INTEGER, &schema,
			err);
	if (st != DJ_OK)
		return st;
	if (schema == NULL || schema->integer != 1)
		return dj_toml_fail(err, schema == NULL ? 1 : schema->line,
			schema == NULL ? 1 : schema->col,
			"expected schema = 1");
	name = dj_toml_get(top, "name");
	if (name == NULL)
		return dj_toml_fail(err, 1, 1, "expected name = \"...\"");
	st = dj_value_text(name, "name", p->name, sizeof(p->name), err);
	/* A TEE whose judge is not here, or has nothing to ask for: its demands
	 * cannot be looked at. */
	for (v = top->first; v != NULL && st == DJ_OK; v = v->next) {
		uint8_t tee = dj_tee_number(v->key);

		if (tee != 0 && judged_of(tee) == NULL)
			st = no_judge(err, v->key_line, v->key_col, v->key);
		else if (tee != 0 && !has_section(v->key))
			st = dj_toml_fail(err, v->key_line, v->key_col,
				"[%s]: this build knows no demands on %s Keeps",
				v->key, v->key);
	}
	return st;
}

static dj_status read_policy(struct dj_policy *p,
	const struct dj_toml_value *top, struct dj_toml_error *err)
{
	dj_status st = read_head(p, top, err);

	if (st == DJ_OK)
		st = dj_policy_snp_read(&p->snp, NULL, err);
	if (st == DJ_OK)
		st = dj_policy_sgx_read(&p->sgx, NULL, err);
	for (size_t i = 0; i < COUNT(sections) && st == DJ_OK; i++) {
		const struct dj_toml_value *t;

		st = dj_value_member(top, sections[i].name, DJ_TOML_TABLE, &t,
			err);
		if (st == DJ_OK && t != NULL)
			st = sections[i].read(p, t, err);
	}
	if (st == DJ_OK && p->measure_count == 0 && p->sgx.signer_count == 0)
		return dj_toml_fail(err,
			p->measures_line == 0 ? 1 : p->measures_line, 1,
			"no measurement, so no Keep would be accepted; add "
			"[keep] measurement = [ ... ], as printed by: donjon "
			"measure");
	return st;
}

dj_status dj_policy_parse(const char *text, size_t len, const char *file,
	struct dj_policy *ret, struct dj_toml_error *err)
{
	struct dj_toml *doc = NULL;
	dj_status st;

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->file, sizeof(ret->file), "%s", file);
	if (len > DJ_POLICY_SIZE_MAX) {
		(void)dj_toml_fail(err, 1, 1, "a policy of more than 256 KiB");
		return DJ_E_LIMIT;
	}
	st = dj_toml_parse(text, len, &doc, err);
	if (st == DJ_OK)
		st = read_policy(ret, dj_toml_root(doc), err);
	dj_toml_free(doc);
	if (st == DJ_OK &&
		EVP_Digest(text, len, ret->sha256, NULL, EVP_sha256(), NULL) !=
			1) {
		(void)dj_toml_fail(err, 1, 1, "no memory");
		st = DJ_E_NOMEM;
	}
	if (st != DJ_OK)
		memset(ret, 0, sizeof(*ret));
	return st;
}

dj_status dj_policy_set_root(struct dj_policy *policy, size_t i,
	const char *pem, size_t len, struct dj_toml_error *err)
{
	struct dj_policy_root *r = &policy->roots[i];
	X509 *cert = NULL;
	const char *wrong = dj_pem_certs(pem, len, 1, &cert);

	if (wrong == NULL)
		wrong = dj_cert_is_root(cert);
	if (wrong == NULL) {
		r->der_len = dj_cert_der(cert, r->der);
		if (r->der_len == 0 ||
			EVP_Digest(r->der, r->der_len, r->sha256, NULL,
				EVP_sha256(), NULL) != 1)
			wrong = "no memory";
	}
	X509_free(cert);
	if (wrong == NULL)
		return DJ_OK;
	r->der_len = 0;
	return dj_toml_fail(err, r->line, 1, "root \"%.100s\": %s", r->path,
		wrong);
}

dj_status dj_policy_first_run(const char *root_pem, size_t root_len,
	uint8_t tee, const uint8_t *measurement, struct dj_policy *ret,
	struct dj_toml_error *err)
{
	const struct judged *j = judged_of(tee);
	char text[640], hex[2 * 64 + 1] = "";
	dj_status st;

	for (size_t i = 0; j != NULL && i < j->len; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", measurement[i]);
	(void)snprintf(text, sizeof(text),
		"schema = 1\nname = \"first run\"\n%s[keep]\n"
		"measurement = [ { tee = \"%s\", %s = \"%s\" } ]\n",
		root_pem == NULL ? ""
				 : "[development]\nallow = true\n"
				   "root = \"this installation's\"\n",
		j == NULL ? "?" : dj_tee_name(tee), j == NULL ? "?" : j->key,
		hex);
	st = dj_policy_parse(text, strlen(text), "(first run)", ret, err);
	if (st == DJ_OK && root_pem != NULL)
		st = dj_policy_set_root(ret, 0, root_pem, root_len, err);
	if (st != DJ_OK)
		memset(ret, 0, sizeof(*ret));
	return st;
}

/* A TEE that only a development root signs for. */
static bool is_development(uint8_t tee)
{
	return tee >= DJ_TEE_KVM;
}

static size_t warn_snp(const struct dj_policy *policy, dj_policy_say *say,
	void *ctx)
{
	const struct dj_policy_snp *p = &policy->snp;
	bool old = false;
	size_t n = 0;

	for (int i = DJ_SNP_DEBUG; i <= DJ_SNP_MIGRATION; i++) {
		if (!p->is[i].on)
			continue;
		say(ctx, p->is[i].line,
			"the host may look into such Keeps, or take them "
			"elsewhere");
		n++;
	}
	if (p->chips.count == 0) {
		say(ctx, p->chips.line != 0 ? p->chips.line : p->line,
			"no list of [snp] chips: one attestation key that has "
			"leaked, of any machine, forges evidence");
		n++;
	}
	for (int i = 0; i < DJ_SNP_PRODUCTS && !old; i++)
		old = (p->products.bits >> i & 1) != 0 &&
			dj_policy_snp_min(p, (enum dj_snp_product)i) == NULL;
	if (old) {
		say(ctx, p->line,
			"no [snp] min-tcb for each product: firmware with known holes is "
			"accepted");
		n++;
	}
	if (p->max_crl_age.line == 0) {
		say(ctx, p->line,
			"no [snp] max-crl-age: evidence without a revocation "
			"list is accepted");
		n++;
	}
	return n;
}

static size_t warn_sgx(const struct dj_policy *policy, dj_policy_say *say,
	void *ctx)
{
	const struct dj_policy_sgx *p = &policy->sgx;
	const uint32_t weak = p->statuses.bits &
		~(1U << DJ_SGX_UP_TO_DATE | 1U << DJ_SGX_SW_HARDENING);
	size_t n = 0;

	if (p->debug.on) {
		say(ctx, p->debug.line, "the host may look into such Keeps");
		n++;
	}
	if (p->ppids.count == 0) {
		say(ctx, p->ppids.line != 0 ? p->ppids.line : p->line,
			"no list of [sgx] platforms: one attestation key that "
			"has leaked, of any machine, forges evidence");
		n++;
	}
	if (weak != 0) {
		say(ctx, p->statuses.line,
			"[sgx] tcb-status accepts platforms with known holes");
		n++;
	}
	if (p->any_advisory) {
		say(ctx, p->advisories.line,
			"[sgx] advisories = \"any\": also those that are yet to "
			"be written are accepted");
		n++;
	}
	if (p->min_evaluation.line == 0) {
		say(ctx, p->line,
			"no [sgx] min-tcb-evaluation: a host may show the "
			"oldest collateral that is still in force");
		n++;
	}
	return n;
}

size_t dj_policy_warnings(const struct dj_policy *policy, dj_policy_say *say,
	void *ctx)
{
	bool process = dj_policy_wants_tee(policy, DJ_TEE_PROCESS);
	bool any = policy->development;
	size_t n = 0;

	for (size_t i = 0; i < policy->measure_count; i++)
		any = any || !is_development(policy->measures[i].tee);
	if (policy->development) {
		say(ctx, policy->development_line,
			"development roots are allowed: whoever has such a "
			"root's key can read what is sent; not for production");
		n++;
	}
	if (!any) {
		say(ctx, policy->measures_line,
			"every measurement here is of a development Keep, and "
			"[development] does not allow those: nothing is "
			"accepted");
		n++;
	}
	if (policy->development && process && policy->platform_count == 0) {
		say(ctx, 0,
			"no [process] platforms: any attestation key under "
			"the root is accepted");
		n++;
	}
	if (dj_policy_wants_tee(policy, DJ_TEE_SNP))
		n += warn_snp(policy, say, ctx);
	if (dj_policy_wants_tee(policy, DJ_TEE_SGX))
		n += warn_sgx(policy, say, ctx);
	for (size_t i = 0; i < policy->measure_count; i++) {
		const struct dj_policy_measure *m = &policy->measures[i];
		size_t k = 0;

		while (k < i &&
			(policy->measures[k].tee != m->tee ||
				memcmp(policy->measures[k].bytes, m->bytes,
					m->len) != 0))
			k++;
		if (k == i)
			continue;
		say(ctx, m->line, "this measurement is listed twice");
		n++;
	}
	return n;
}

bool dj_policy_wants_tee(const struct dj_policy *policy, uint8_t tee)
{
	for (size_t i = 0; i < policy->measure_count; i++) {
		if (policy->measures[i].tee == tee)
			return true;
	}
	return tee == DJ_TEE_SGX && policy->sgx.signer_count != 0;
}
