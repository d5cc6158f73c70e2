// SPDX-License-Identifier: Apache-2.0
#include "attest/sgx.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "lib/base/zero.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Evidence of SGX Keeps, and of other people's enclaves: a DCAP quote and its
 * collateral. The same judge reads emulated evidence, which differs in its
 * root alone.
 */
static void check_items(struct dj_judging *j, struct dj_check *c,
	const struct dj_sgx_facts *f)
{
	const struct dj_evidence *e = &j->evidence;

	if (e->item[DJ_EVIDENCE_CRLS].p != NULL)
		dj_check_fault(j, c, 0, "items 1, 2 and 4 to 10 only",
			"item 3");
	if (f->has_quote && f->quote.cert_kind == DJ_SGX_CERT_CHAIN &&
		e->item[DJ_EVIDENCE_CHAIN].p != NULL)
		dj_check_fault(j, c, 0, "one chain",
			"a second chain, beside the quote's own");
}

static void check_reserved(struct dj_judging *j, struct dj_sgx_facts *f)
{
	const struct dj_evidence_item *r =
		&j->evidence.item[DJ_EVIDENCE_REPORT];
	struct dj_check *c = dj_check_begin(j, "evidence.reserved");
	dj_status st = DJ_E_INPUT;

	if (r->p != NULL)
		st = dj_sgx_quote_parse(r->p, r->len, &f->quote);
	f->has_quote = st == DJ_OK;
	if (!f->has_quote)
		dj_check_fault(j, c, 0,
			"a quote of version 3, ECDSA P-256, lengths that "
			"agree, zeros in what is reserved",
			"UNSUPPORTED_QUOTE_FORMAT: %s",
			r->p == NULL ? "no quote"
				: st == DJ_E_UNSUPPORTED
				? "another version, key, TEE or vendor"
				: "lengths that do not agree, or a reserved "
				  "byte that is set");
	check_items(j, c, f);
	dj_check_settle(c);
}

/* The PCK vouches for the QE, the QE for its key, that key for the enclave. */
static void check_signature(struct dj_judging *j, const struct dj_sgx_facts *f)
{
	const struct dj_sgx_quote *q = &f->quote;
	uint8_t buf[64 + DJ_SGX_QUOTE_AUTH], want[64] = { 0 };
	struct dj_check *c;

	if (!f->has_quote || !f->has_chain) {
		dj_check_na(j, "evidence.signature",
			f->has_quote ? "no chain" : "no quote");
		return;
	}
	c = dj_check_begin(j, "evidence.signature");
	if (dj_cert_ecdsa_verify(f->cert[DJ_SGX_PCK], q->qe_signature, 32,
		    q->qe_bytes, DJ_SGX_REPORT_BODY) != NULL)
		dj_check_fault(j, c, 0, "the PCK's word for the QE",
			"INVALID_QE_REPORT_SIGNATURE");
	memcpy(buf, q->key, 64);
	memcpy(buf + 64, q->auth, q->auth_len);
	if (EVP_Digest(buf, 64 + (size_t)q->auth_len, want, NULL, EVP_sha256(),
		    NULL) != 1 ||
		memcmp(q->qe.reportdata, want, sizeof(want)) != 0)
		dj_check_fault(j, c, 0, "the QE's word for its key",
			"INVALID_QE_REPORT_DATA");
	if (dj_cert_p256_verify(q->key, q->signature, q->signed_bytes,
		    DJ_SGX_QUOTE_SIGNED) != NULL)
		dj_check_fault(j, c, 0, "the key's word for the enclave",
			"INVALID_QUOTE_SIGNATURE");
	dj_check_settle(c);
}

/* By its bytes, or by who signed it and what he calls it. */
static void check_measurement(struct dj_judging *j, const struct dj_sgx_body *b)
{
	const struct dj_policy_sgx *p = &j->in->policy->sgx;
	struct dj_check *c;

	dj_check_measurement(j, b->mrenclave, 32);
	c = &j->v->checks[j->v->check_count - 1];
	for (size_t i = 0; i < p->signer_count; i++) {
		const struct dj_policy_sgx_signer *s = &p->signers[i];

		if (c->state == DJ_CHECK_OK)
			return;
		if (memcmp(s->mrsigner, b->mrsigner, 32) == 0 &&
			s->isvprodid == b->isvprodid &&
			b->isvsvn >= s->min_isvsvn) {
			c->policy_line = s->line;
			dj_check_say(c, DJ_CHECK_OK);
			return;
		}
		dj_check_want(j, c,
			"isvprodid %u, isvsvn %u or above, of a signer of the "
			"policy (line %u)",
			s->isvprodid, s->min_isvsvn, s->line);
	}
}

/* CONFIGID is the launcher's to fill: nothing, the configuration's hash, or
 * what the policy names. */
static void check_config(struct dj_judging *j, const struct dj_sgx_body *b)
{
	const struct dj_policy_sgx *p = &j->in->policy->sgx;
	const uint8_t *want =
		j->has_offer ? j->offer.config_hash : j->in->config_hash;
	struct dj_check *c;

	if (p->config_ids.count == 0 && p->min_config_svn.line == 0 &&
		want == NULL && dj_is_zero(b->configid, 64)) {
		dj_check_na(j, "evidence.config",
			"no OFFER, and no config-id in the policy");
		return;
	}
	c = dj_check_begin(j, "evidence.config");
	dj_check_got_hex(j, c, b->configid, 64);
	if (p->config_ids.count != 0) {
		if (!dj_policy_lists(&p->config_ids, b->configid, 64))
			dj_check_fault(j, c, p->config_ids.line,
				"a config-id of the policy",
				"another CONFIGID");
	} else if (!dj_is_zero(b->configid, 64) &&
		(want == NULL || memcmp(b->configid, want, 32) != 0 ||
			!dj_is_zero(b->configid + 32, 32))) {
		dj_check_want(j, c, "zero, or the configuration's hash");
	}
	if (b->configsvn < p->min_config_svn.value)
		dj_check_fault(j, c, p->min_config_svn.line, "min-config-svn",
			"CONFIGSVN %u", b->configsvn);
	dj_check_settle(c);
}

static void check_flags(struct dj_judging *j, struct dj_check *c,
	const struct dj_sgx_body *b)
{
	static const uint64_t known = DJ_SGX_ATTR(DJ_SGX_ATTR_INIT) |
		DJ_SGX_ATTR(DJ_SGX_ATTR_DEBUG) |
		DJ_SGX_ATTR(DJ_SGX_ATTR_MODE64BIT) |
		DJ_SGX_ATTR(DJ_SGX_ATTR_PROVISIONKEY) |
		DJ_SGX_ATTR(DJ_SGX_ATTR_EINITTOKENKEY) |
		DJ_SGX_ATTR(DJ_SGX_ATTR_KSS) |
		DJ_SGX_ATTR(DJ_SGX_ATTR_AEXNOTIFY);
	const struct dj_policy_sgx *p = &j->in->policy->sgx;
	const struct {
		enum dj_sgx_attribute bit;
		bool may;
		unsigned line;
		const char *key;
	} refused[] = {
		{ DJ_SGX_ATTR_DEBUG, p->debug.on, p->debug.line,
			"debug = false" },
		{ DJ_SGX_ATTR_PROVISIONKEY, p->provision_key.on,
			p->provision_key.line, "provision-key = false" },
		{ DJ_SGX_ATTR_EINITTOKENKEY, p->einittoken_key.on,
			p->einittoken_key.line, "einittoken-key = false" },
	};

	for (size_t i = 0; i < COUNT(refused); i++) {
		if ((b->flags >> refused[i].bit & 1) != 0 && !refused[i].may)
			dj_check_fault(j, c, refused[i].line, refused[i].key,
				"attribute %s",
				refused[i].bit == DJ_SGX_ATTR_DEBUG ? "DEBUG"
					: refused[i].bit ==
						DJ_SGX_ATTR_PROVISIONKEY
					? "PROVISIONKEY"
					: "EINITTOKENKEY");
	}
	if ((b->flags >> DJ_SGX_ATTR_INIT & 1) == 0)
		dj_check_fault(j, c, 0, "attribute INIT",
			"an enclave that is not initialised");
	if ((b->flags >> DJ_SGX_ATTR_MODE64BIT & 1) == 0)
		dj_check_fault(j, c, 0, "attribute MODE64BIT",
			"an enclave of 32 bits");
	if ((b->flags & ~known) != 0)
		dj_check_fault(j, c, 0, "attributes that are known here",
			"attributes 0x%llx", (unsigned long long)b->flags);
}

static void check_mode(struct dj_judging *j, const struct dj_sgx_body *b)
{
	const struct dj_policy_sgx *p = &j->in->policy->sgx;
	struct dj_check *c = dj_check_begin(j, "evidence.mode");

	dj_check_got(j, c, "attributes 0x%llx, XFRM 0x%llx, MISCSELECT 0x%x",
		(unsigned long long)b->flags, (unsigned long long)b->xfrm,
		b->miscselect);
	check_flags(j, c, b);
	if ((b->xfrm & 3) != 3 || (b->xfrm & ~p->xfrm.value) != 0)
		dj_check_fault(j, c, p->xfrm.line,
			"x87 and SSE, and what xfrm allows", "XFRM 0x%llx",
			(unsigned long long)b->xfrm);
	/* EXINFO alone; CPINFO belongs to CET, which has no use here. */
	if ((b->miscselect & ~UINT32_C(1)) != 0)
		dj_check_fault(j, c, 0, "EXINFO at most", "MISCSELECT 0x%x",
			b->miscselect);
	if (b->isvsvn < p->min_isvsvn.value)
		dj_check_fault(j, c, p->min_isvsvn.line, "min-isvsvn",
			"isvsvn %u", b->isvsvn);
	if (p->family_ids.count != 0 &&
		!dj_policy_lists(&p->family_ids, b->isvfamilyid, 16))
		dj_check_fault(j, c, p->family_ids.line,
			"a family-id of the policy", "another ISVFAMILYID");
	if (p->product_ids.count != 0 &&
		!dj_policy_lists(&p->product_ids, b->isvextprodid, 16))
		dj_check_fault(j, c, p->product_ids.line,
			"an ext-prod-id of the policy", "another ISVEXTPRODID");
	dj_check_settle(c);
}

static void check_platform(struct dj_judging *j, const struct dj_sgx_facts *f)
{
	const struct dj_policy_sgx *p = &j->in->policy->sgx;
	const struct dj_sgx_pck *k = &f->pck;
	struct dj_check *c;

	if (!f->has_pck) {
		dj_check_na(j, "evidence.platform", "no PCK's certificate");
		return;
	}
	c = dj_check_begin(j, "evidence.platform");
	dj_check_got_hex(j, c, k->ppid, sizeof(k->ppid));
	if (p->ppids.count != 0 && !dj_policy_lists(&p->ppids, k->ppid, 16))
		dj_check_fault(j, c, p->ppids.line, "a platform of the policy",
			"another PPID");
	if (p->fmspcs.count != 0 && !dj_policy_lists(&p->fmspcs, k->fmspc, 6))
		dj_check_fault(j, c, p->fmspcs.line, "an fmspc of the policy",
			"another FMSPC");
	/* Only a Platform CA says whether there is SMT. */
	if (!p->smt.on && (!k->has_platform || k->has_smt))
		dj_check_fault(j, c, p->smt.line, "smt = false",
			k->has_platform
				? "SMT is on"
				: "the PCK does not say that SMT is off");
	dj_check_settle(c);
}

static void check_body(struct dj_judging *j, const struct dj_sgx_facts *f)
{
	static const char *const names[] = { "evidence.report_data",
		"evidence.measurement", "evidence.config", "evidence.mode" };
	const struct dj_sgx_body *b = &f->quote.body;

	if (!f->has_quote) {
		for (size_t i = 0; i < COUNT(names); i++)
			dj_check_na(j, names[i], "no quote");
		return;
	}
	memcpy(j->v->measurement, b->mrenclave, 32);
	j->v->measurement_len = 32;
	memcpy(j->v->report_data, b->reportdata, 64);
	if (f->has_chain)
		j->v->has_platform = dj_cert_spki_sha256(f->cert[DJ_SGX_PCK],
			j->v->platform);
	dj_check_report_data(j, b->reportdata);
	check_measurement(j, b);
	check_config(j, b);
	check_mode(j, b);
}

static void judge(struct dj_judging *j)
{
	struct dj_sgx_facts *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		j->no_memory = true;
		return;
	}
	check_reserved(j, f);
	dj_sgx_read_collateral(j, f);
	dj_sgx_check_chain(j, f);
	dj_sgx_check_validity(j, f);
	dj_sgx_check_revocation(j, f);
	dj_sgx_check_collateral(j, f);
	check_signature(j, f);
	dj_sgx_check_qe(j, f);
	check_body(j, f);
	dj_sgx_check_tcb(j, f);
	check_platform(j, f);
	dj_sgx_facts_done(f);
	free(f);
}

static bool explain(const struct dj_evidence *e, dj_judge_field *say, void *ctx)
{
	const struct dj_evidence_item *r = &e->item[DJ_EVIDENCE_REPORT];
	struct dj_sgx_quote q;

	if (r->p == NULL || dj_sgx_quote_parse(r->p, r->len, &q) != DJ_OK)
		return false;
	dj_sgx_quote_fields(r->p, r->len, say, ctx);
	return true;
}

const struct dj_format_judge dj_judge_sgx = {
	.format = DJ_FORMAT_SGX,
	.tee = DJ_TEE_SGX,
	.judge = judge,
	.explain = explain,
};

const struct dj_format_judge dj_judge_sgx_emulated = {
	.format = DJ_FORMAT_EMULATED + DJ_FORMAT_SGX,
	.tee = DJ_TEE_SGX,
	.judge = judge,
	.explain = explain,
};
