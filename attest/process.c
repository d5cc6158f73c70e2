// SPDX-License-Identifier: Apache-2.0
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "attest/cert.h"
#include "attest/judging.h"
#include "lib/evidence/process.h"

/*
 * Evidence of a process or kvm Keep (lib/evidence/process.h): signed by a
 * key of donjon-emu, certified by an installation's development root. It
 * proves that the path works, and protects from nobody.
 */
#define SVN_MIN 1

struct facts {
	bool has_report, has_chain;
	struct dj_process_report report;
	X509 *cert[2]; /* leaf, root */
};

static void check_reserved(struct dj_judging *j, struct facts *f)
{
	const struct dj_evidence *e = &j->evidence;
	const struct dj_evidence_item *r = &e->item[DJ_EVIDENCE_REPORT];
	struct dj_check *c = dj_check_begin(j, "evidence.reserved");

	for (int tag = DJ_EVIDENCE_CRLS; tag < DJ_EVIDENCE_TAGS; tag++) {
		if (e->item[tag].p == NULL)
			continue;
		dj_check_got(j, c, "item %d", tag);
		dj_check_want(j, c, "items 1 and 2 only");
		return;
	}
	if (r->p == NULL || r->len != DJ_PROCESS_REPORT_SIZE) {
		dj_check_got(j, c, "a report of %zu bytes", r->len);
		dj_check_want(j, c, "%d bytes", DJ_PROCESS_REPORT_SIZE);
		return;
	}
	if (dj_process_report_parse(r->p, r->len, &f->report) != DJ_OK) {
		dj_check_got(j, c, "another magic or version");
		dj_check_want(j, c, "a DJPR report, version 1");
		return;
	}
	f->has_report = true;
	if (f->report.tee != j->v->tee) {
		dj_check_got(j, c, "TEE 0x%02x in the report", f->report.tee);
		dj_check_want(j, c, "0x%02x", j->v->tee);
		return;
	}
	dj_check_say(c, DJ_CHECK_OK);
}

/* The policy's root that this certificate is, byte for byte, or NULL. */
static const struct dj_policy_root *trusted(const struct dj_policy *p,
	X509 *root)
{
	uint8_t der[DJ_CERT_DER_MAX];
	size_t len = dj_cert_der(root, der);

	for (size_t i = 0; i < p->root_count && len != 0; i++) {
		if (p->roots[i].der_len == len &&
			memcmp(p->roots[i].der, der, len) == 0)
			return &p->roots[i];
	}
	return NULL;
}

static void want_roots(struct dj_judging *j, struct dj_check *c)
{
	const struct dj_policy *p = j->in->policy;

	for (size_t i = 0; i < p->root_count; i++) {
		char hex[65] = "not loaded";

		for (size_t k = 0; k < 32 && p->roots[i].der_len != 0; k++)
			(void)snprintf(hex + 2 * k, 3, "%02x",
				p->roots[i].sha256[k]);
		dj_check_want(j, c, "root %s", hex);
	}
	c->policy_line =
		p->root_count != 0 ? p->roots[0].line : p->development_line;
}

static void check_root(struct dj_judging *j, struct dj_check *c, X509 *root)
{
	const struct dj_policy_root *r = trusted(j->in->policy, root);
	uint8_t digest[32] = { 0 };
	unsigned len = 0;

	if (r != NULL && j->in->policy->development) {
		c->policy_line = r->line;
		dj_check_say(c, DJ_CHECK_OK);
		return;
	}
	(void)X509_digest(root, EVP_sha256(), digest, &len);
	dj_check_got_hex(j, c, digest, sizeof(digest));
	want_roots(j, c);
	if (c->want_count == 0 || r != NULL)
		dj_check_want(j, c,
			"a development root that the policy allows");
}

static void check_chain(struct dj_judging *j, struct facts *f)
{
	const struct dj_evidence_item *chain =
		&j->evidence.item[DJ_EVIDENCE_CHAIN];
	struct dj_check *c = dj_check_begin(j, "evidence.chain");
	const char *wrong = "no chain";

	if (chain->p != NULL)
		wrong = dj_pem_certs((const char *)chain->p, chain->len, 2,
			f->cert);
	f->has_chain = wrong == NULL;
	if (wrong == NULL)
		wrong = dj_cert_is_root(f->cert[1]);
	if (wrong == NULL)
		wrong = dj_cert_is_leaf(f->cert[0], f->cert[1]);
	if (wrong == NULL) {
		check_root(j, c, f->cert[1]);
		return;
	}
	dj_check_got(j, c, "%s", wrong);
	dj_check_want(j, c,
		"exactly two certificates in PEM: the attestation key's and "
		"its root's");
}

static void check_validity(struct dj_judging *j, const struct facts *f)
{
	static const char *const which[] = { "attestation key", "root" };

	dj_check_validity(j, f->has_chain ? 2 : 0, f->cert, which);
}

static void check_signature(struct dj_judging *j, const struct facts *f)
{
	const char *wrong;

	if (!f->has_chain || !f->has_report) {
		dj_check_na(j, "evidence.signature",
			f->has_chain ? "no report" : "no chain");
		return;
	}
	wrong = dj_cert_ecdsa_verify(f->cert[0], f->report.signature, 32,
		j->evidence.item[DJ_EVIDENCE_REPORT].p,
		DJ_PROCESS_REPORT_SIGNED);
	dj_check_simple(j, "evidence.signature", wrong == NULL, wrong,
		"ECDSA P-256 with SHA-256 under the chain's first key");
}

static void check_config(struct dj_judging *j, const struct facts *f)
{
	const uint8_t *want =
		j->has_offer ? j->offer.config_hash : j->in->config_hash;
	struct dj_check *c;

	if (want == NULL) {
		dj_check_na(j, "evidence.config", "no OFFER to compare with");
		return;
	}
	c = dj_check_begin(j, "evidence.config");
	dj_check_got_hex(j, c, f->report.config_hash, 32);
	dj_check_want_hex(j, c, want, 32);
	if (memcmp(f->report.config_hash, want, 32) == 0)
		dj_check_say(c, DJ_CHECK_OK);
}

static void check_tcb(struct dj_judging *j, const struct facts *f)
{
	struct dj_check *c = dj_check_begin(j, "evidence.tcb");

	dj_check_got(j, c, "%llu", (unsigned long long)f->report.svn);
	dj_check_want(j, c, ">= %d", SVN_MIN);
	if (f->report.svn >= SVN_MIN)
		dj_check_say(c, DJ_CHECK_OK);
}

/* The policy's list, if it has one, says which attestation keys. */
static bool listed(struct dj_judging *j, struct dj_check *c)
{
	const struct dj_policy *p = j->in->policy;
	bool found = p->platform_count == 0;

	if (p->platform_count != 0)
		c->policy_line = p->platforms_line;
	for (size_t i = 0; i < p->platform_count; i++) {
		if (memcmp(p->platforms[i].sha256, j->v->platform, 32) == 0) {
			found = true;
			c->policy_line = p->platforms[i].line;
		}
	}
	for (size_t i = 0; i < p->platform_count && !found; i++)
		dj_check_want_hex(j, c, p->platforms[i].sha256, 32);
	return found;
}

static void check_platform(struct dj_judging *j, const struct facts *f)
{
	struct dj_check *c;
	uint8_t spki[32];

	if (!f->has_chain || !dj_cert_spki_sha256(f->cert[0], spki)) {
		dj_check_na(j, "evidence.platform", "no chain");
		return;
	}
	c = dj_check_begin(j, "evidence.platform");
	dj_check_got_hex(j, c, f->report.platform, 32);
	if (memcmp(spki, f->report.platform, 32) != 0) {
		dj_check_want_hex(j, c, spki, 32);
		return;
	}
	if (listed(j, c))
		dj_check_say(c, DJ_CHECK_OK);
}

static void check_report(struct dj_judging *j, const struct facts *f)
{
	static const char *const names[] = { "evidence.report_data",
		"evidence.measurement", "evidence.config", "evidence.mode",
		"evidence.tcb", "evidence.platform" };

	if (!f->has_report) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			dj_check_na(j, names[i], "no report");
		return;
	}
	memcpy(j->v->measurement, f->report.measurement, 32);
	j->v->measurement_len = 32;
	memcpy(j->v->report_data, f->report.report_data, 64);
	memcpy(j->v->platform, f->report.platform, 32);
	j->v->has_platform = true;

	dj_check_report_data(j, f->report.report_data);
	dj_check_measurement(j, f->report.measurement, 32);
	check_config(j, f);
	dj_check_na(j, "evidence.mode", "such a Keep has no modes");
	check_tcb(j, f);
	check_platform(j, f);
}

static void judge(struct dj_judging *j)
{
	struct facts f = { 0 };

	check_reserved(j, &f);
	check_chain(j, &f);
	check_validity(j, &f);
	dj_check_na(j, "evidence.revocation",
		"a development root has no revocation list");
	check_signature(j, &f);
	check_report(j, &f);
	X509_free(f.cert[0]);
	X509_free(f.cert[1]);
}

static void say_hex(dj_judge_field *say, void *ctx, size_t off,
	const uint8_t *p, size_t len, const char *name)
{
	char hex[129];

	for (size_t i = 0; i < len; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", p[i]);
	say(ctx, off, len, name, hex);
}

static bool explain(const struct dj_evidence *e, dj_judge_field *say, void *ctx)
{
	const struct dj_evidence_item *item = &e->item[DJ_EVIDENCE_REPORT];
	struct dj_process_report r;
	char text[32];

	if (item->p == NULL ||
		dj_process_report_parse(item->p, item->len, &r) != DJ_OK)
		return false;
	say(ctx, 0, 4, "magic", "DJPR");
	say(ctx, 4, 2, "version", "1");
	(void)snprintf(text, sizeof(text), "0x%02x (%s)", r.tee,
		r.tee == DJ_TEE_PROCESS       ? "process"
			: r.tee == DJ_TEE_KVM ? "kvm"
					      : "?");
	say(ctx, 6, 2, "tee", text);
	say_hex(say, ctx, 8, r.measurement, 32, "measurement");
	say_hex(say, ctx, 40, r.config_hash, 32, "config_hash");
	say_hex(say, ctx, 72, r.report_data, 64, "report_data");
	say_hex(say, ctx, 136, r.platform, 32, "platform");
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)r.svn);
	say(ctx, 168, 8, "svn", text);
	say_hex(say, ctx, 176, r.signature, 32, "signature.r");
	say_hex(say, ctx, 208, r.signature + 32, 32, "signature.s");
	return true;
}

const struct dj_format_judge dj_judge_process = {
	.format = DJ_FORMAT_PROCESS,
	.tee = DJ_TEE_PROCESS,
	.judge = judge,
	.explain = explain,
};

const struct dj_format_judge dj_judge_kvm = {
	.format = DJ_FORMAT_KVM,
	.tee = DJ_TEE_KVM,
	.judge = judge,
	.explain = explain,
};
