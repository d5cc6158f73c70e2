// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "attest/sgx.h"

#define CN_SIGNER "Intel SGX TCB Signing"

/* What differs between the two documents but their content. */
struct kind {
	const char *what;
	enum dj_evidence_tag doc, chain;
	const char *(
		*parse)(const uint8_t *p, size_t len, struct dj_sgx_doc *ret);
	const char *invalid, *bad_signature, *expired;
};

static const struct kind tcb_info = {
	.what = "TCB info",
	.doc = DJ_EVIDENCE_TCB_INFO,
	.chain = DJ_EVIDENCE_TCB_CHAIN,
	.parse = dj_sgx_tcb_info_parse,
	.invalid = "TCB_INFO_INVALID",
	.bad_signature = "TCB_INFO_INVALID_SIGNATURE",
	.expired = "TCB_INFO_EXPIRED",
};
static const struct kind qe_identity = {
	.what = "QE identity",
	.doc = DJ_EVIDENCE_QE_ID,
	.chain = DJ_EVIDENCE_QE_CHAIN,
	.parse = dj_sgx_qe_identity_parse,
	.invalid = "ENCLAVE_IDENTITY_INVALID",
	.bad_signature = "ENCLAVE_IDENTITY_INVALID_SIGNATURE",
	.expired = "ENCLAVE_IDENTITY_EXPIRED",
};

/* Two certificates, signer first; the QE identity's are the TCB info's where
 * none are given. */
static const struct dj_evidence_item *chain_item(const struct dj_judging *j,
	const struct kind *k)
{
	const struct dj_evidence_item *own = &j->evidence.item[k->chain];

	return own->p != NULL ? own : &j->evidence.item[DJ_EVIDENCE_TCB_CHAIN];
}

static void read_one(const struct dj_judging *j, const struct kind *k,
	struct dj_sgx_signed *s)
{
	const struct dj_evidence_item *doc = &j->evidence.item[k->doc];
	const struct dj_evidence_item *chain = chain_item(j, k);
	X509 *cert[2];
	size_t n = 0;

	s->has_doc =
		doc->p != NULL && k->parse(doc->p, doc->len, &s->doc) == NULL;
	if (chain->p == NULL ||
		dj_pem_chain((const char *)chain->p, chain->len, 2, cert, &n) !=
			NULL)
		return;
	if (n == 2) {
		s->signer = cert[0];
		s->root = cert[1];
		s->has_signer = true;
	} else {
		X509_free(cert[0]);
	}
}

void dj_sgx_read_collateral(struct dj_judging *j, struct dj_sgx_facts *f)
{
	read_one(j, &tcb_info, &f->tcb_info);
	read_one(j, &qe_identity, &f->qe);
}

/* The root of the PCK's chain, if there is one, by its key: one anchor for
 * everything. */
static bool same_root(const struct dj_sgx_facts *f, X509 *root)
{
	uint8_t a[32], b[32];

	return !f->has_chain ||
		(dj_cert_spki_sha256(root, a) &&
			dj_cert_spki_sha256(f->cert[DJ_SGX_ROOT], b) &&
			memcmp(a, b, sizeof(a)) == 0);
}

/* NULL or what is wrong with who signed. */
static const char *check_signer(const struct dj_judging *j,
	const struct dj_sgx_facts *f, const struct dj_sgx_signed *s)
{
	char cn[64];

	if (!s->has_signer ||
		!dj_cert_common_name(X509_get_subject_name(s->signer), cn,
			sizeof(cn)) ||
		strcmp(cn, CN_SIGNER) != 0)
		return "TCB_SIGNING_CERT_MISSING";
	if (dj_cert_fits(s->signer, DJ_CERT_P256) != NULL ||
		dj_cert_is_root(s->root) != NULL ||
		dj_cert_is_issued(s->signer, s->root) != NULL)
		return "TCB_SIGNING_CERT_INVALID_ISSUER";
	if (!dj_sgx_is_trusted(j, s->root) || !same_root(f, s->root))
		return "TCB_SIGNING_CERT_CHAIN_UNTRUSTED";
	if (f->root_crl != NULL && dj_crl_lists(f->root_crl, s->signer))
		return "TCB_SIGNING_CERT_REVOKED";
	return NULL;
}

static void check_one(struct dj_judging *j, struct dj_check *c,
	const struct dj_sgx_facts *f, const struct kind *k,
	const struct dj_sgx_signed *s)
{
	const struct dj_evidence_item *item = &j->evidence.item[k->doc];
	const struct dj_sgx_doc *d = &s->doc;
	struct dj_sgx_doc again = { 0 };
	const char *wrong = NULL;
	char from[32], to[32];

	if (!s->has_doc) {
		if (item->p != NULL)
			wrong = k->parse(item->p, item->len, &again);
		dj_check_fault(j, c, 0, k->what, "%s: %s", k->invalid,
			item->p == NULL         ? "there is none"
				: wrong == NULL ? "no memory"
						: wrong);
		dj_sgx_doc_done(&again);
		return;
	}
	wrong = check_signer(j, f, s);
	if (wrong != NULL)
		dj_check_fault(j, c, 0,
			"a signer of the same root, and that root", "%s: of %s",
			wrong, k->what);
	if (!s->has_signer ||
		dj_cert_ecdsa_verify(s->signer, d->signature, 32, d->body,
			d->body_len) != NULL)
		dj_check_fault(j, c, 0, "the signer's word", "%s",
			k->bad_signature);
	dj_time_text(d->issued, from, sizeof(from));
	dj_time_text(d->next, to, sizeof(to));
	if (j->in->time < d->issued || j->in->time > d->next)
		dj_check_fault(j, c, 0,
			"collateral in force at the time of judging",
			"%s: of %s to %s", k->expired, from, to);
}

void dj_sgx_check_collateral(struct dj_judging *j, const struct dj_sgx_facts *f)
{
	struct dj_check *c = dj_check_begin(j, "evidence.collateral");
	const struct dj_sgx_doc *d = &f->tcb_info.doc;

	check_one(j, c, f, &tcb_info, &f->tcb_info);
	check_one(j, c, f, &qe_identity, &f->qe);
	if (f->tcb_info.has_doc && f->has_pck &&
		(memcmp(d->fmspc, f->pck.fmspc, sizeof(d->fmspc)) != 0 ||
			memcmp(d->pceid, f->pck.pceid, sizeof(d->pceid)) != 0))
		dj_check_fault(j, c, 0, "TCB info of the PCK's platform",
			"TCB_INFO_MISMATCH: of another platform");
	dj_check_settle(c);
}

static bool masked_equal(const uint8_t *a, const uint8_t *b,
	const uint8_t *mask, size_t len)
{
	uint8_t differ = 0;

	for (size_t i = 0; i < len; i++)
		differ |= (uint8_t)((a[i] ^ b[i]) & mask[i]);
	return differ == 0;
}

void dj_sgx_check_qe(struct dj_judging *j, const struct dj_sgx_facts *f)
{
	const struct dj_sgx_doc *d = &f->qe.doc;
	const struct dj_sgx_body *b = &f->quote.qe;
	struct dj_check *c;

	if (!f->has_quote || !f->qe.has_doc) {
		dj_check_na(j, "evidence.qe",
			f->has_quote ? "no QE identity" : "no quote");
		return;
	}
	c = dj_check_begin(j, "evidence.qe");
	dj_check_got(j, c, "isvsvn %u", b->isvsvn);
	if (((b->miscselect ^ d->miscselect) & d->miscselect_mask) != 0)
		dj_check_fault(j, c, 0, "that of the QE identity",
			"QE_IDENTITY_MISMATCH: miscselect 0x%x", b->miscselect);
	if (!masked_equal(f->quote.qe_bytes + 48, d->attributes,
		    d->attributes_mask, 16))
		dj_check_fault(j, c, 0, "those of the QE identity",
			"QE_IDENTITY_MISMATCH: attributes 0x%llx",
			(unsigned long long)b->flags);
	if (memcmp(b->mrsigner, d->mrsigner, 32) != 0)
		dj_check_fault(j, c, 0, "that of the QE identity",
			"QE_IDENTITY_MISMATCH: mrsigner");
	if (b->isvprodid != d->isvprodid)
		dj_check_fault(j, c, 0, "that of the QE identity",
			"QE_IDENTITY_MISMATCH: isvprodid %u", b->isvprodid);
	dj_check_settle(c);
}

/* The highest level that the platform reaches, or NULL. */
static const struct dj_sgx_level *platform_level(const struct dj_sgx_facts *f)
{
	const struct dj_sgx_doc *d = &f->tcb_info.doc;

	for (size_t i = 0; i < d->level_count; i++) {
		const struct dj_sgx_level *l = &d->level[i];
		bool reached = f->pck.pcesvn >= l->pcesvn;

		for (size_t k = 0; k < DJ_SGX_COMPONENTS; k++)
			reached = reached && f->pck.svn[k] >= l->svn[k];
		if (reached)
			return l;
	}
	return NULL;
}

static const struct dj_sgx_level *qe_level(const struct dj_sgx_facts *f)
{
	const struct dj_sgx_doc *d = &f->qe.doc;

	for (size_t i = 0; i < d->level_count; i++) {
		if (d->level[i].pcesvn <= f->quote.qe.isvsvn)
			return &d->level[i];
	}
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Both lists, sorted, each name once. */
static void set_advisories(struct dj_judging *j, const json_t *a,
	const json_t *b)
{
	const json_t *lists[] = { a, b };
	struct dj_verdict *v = j->v;
	size_t max = json_array_size(a) + json_array_size(b), n = 0;

	if (max == 0)
		return;
	v->advisory = calloc(max, sizeof(v->advisory[0]));
	for (size_t i = 0; i < 2 && v->advisory != NULL; i++) {
		for (size_t k = 0; k < json_array_size(lists[i]); k++) {
			v->advisory[n] = strdup(
				json_string_value(json_array_get(lists[i], k)));
			if (v->advisory[n] == NULL)
				break;
			v->advisory_count = ++n;
		}
	}
	if (n != max) {
		j->no_memory = true;
		return;
	}
	qsort(v->advisory, n, sizeof(v->advisory[0]), by_name);
	v->advisory_count = 0;
	for (size_t i = 0; i < n; i++) {
		size_t last = v->advisory_count - 1;

		if (i > 0 && strcmp(v->advisory[last], v->advisory[i]) == 0)
			free(v->advisory[i]);
		else
			v->advisory[v->advisory_count++] = v->advisory[i];
	}
}

static void check_advisories(struct dj_judging *j, struct dj_check *c)
{
	const struct dj_policy_sgx *p = &j->in->policy->sgx;

	for (size_t i = 0; i < j->v->advisory_count && !p->any_advisory; i++) {
		char name[DJ_SGX_ADVISORY_MAX] = "";

		(void)snprintf(name, sizeof(name), "%s", j->v->advisory[i]);
		if (!dj_policy_lists(&p->advisories, name, strlen(name) + 1))
			dj_check_fault(j, c,
				p->advisories.line != 0 ? p->advisories.line
							: p->line,
				"advisories that the policy lists", "%s", name);
	}
}

static void check_status(struct dj_judging *j, struct dj_check *c,
	enum dj_sgx_status status)
{
	const struct dj_policy_sgx *p = &j->in->policy->sgx;

	if ((p->statuses.bits >> status & 1) != 0)
		return;
	for (int i = 0; i < DJ_SGX_REVOKED; i++) {
		if ((p->statuses.bits >> i & 1) != 0)
			dj_check_fault(j, c, p->statuses.line,
				dj_sgx_status_name((enum dj_sgx_status)i), "%s",
				dj_sgx_status_name(status));
	}
	if (c->want_count == 0)
		dj_check_fault(j, c, p->statuses.line, "a status of the policy",
			"%s", dj_sgx_status_name(status));
}

static void check_evaluation(struct dj_judging *j, struct dj_check *c,
	const struct dj_sgx_facts *f)
{
	const struct dj_policy_number *min = &j->in->policy->sgx.min_evaluation;
	uint32_t have = f->tcb_info.doc.evaluation;

	if (f->qe.doc.evaluation < have)
		have = f->qe.doc.evaluation;
	if (min->line != 0 && have < min->value)
		dj_check_fault(j, c, min->line, "min-tcb-evaluation",
			"collateral of TCB evaluation %u", have);
}

void dj_sgx_check_tcb(struct dj_judging *j, const struct dj_sgx_facts *f)
{
	const struct dj_sgx_level *platform, *qe;
	enum dj_sgx_status status;
	struct dj_check *c;

	if (!f->has_pck || !f->tcb_info.has_doc || !f->qe.has_doc) {
		dj_check_na(j, "evidence.tcb", "no chain, or no collateral");
		return;
	}
	c = dj_check_begin(j, "evidence.tcb");
	platform = platform_level(f);
	qe = qe_level(f);
	if (platform == NULL || qe == NULL) {
		dj_check_fault(j, c, 0, "a level that the collateral lists",
			"TCB_NOT_SUPPORTED: below every level");
		dj_check_settle(c);
		return;
	}
	status = dj_sgx_converge(platform->status, qe->status);
	j->v->tcb_status = dj_sgx_status_name(status);
	set_advisories(j, platform->advisories, qe->advisories);
	check_status(j, c, status);
	check_advisories(j, c);
	check_evaluation(j, c, f);
	if (c->want_count == 0)
		dj_check_got(j, c, "%s", j->v->tcb_status);
	dj_check_settle(c);
}
