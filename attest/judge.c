// SPDX-License-Identifier: Apache-2.0
#include "attest/judge.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/judging.h"
#include "lib/base/zero.h"
#include "lib/session/binding.h"

/* Every format that this build can judge. */
static const struct dj_format_judge *const judges[] = {
	&dj_judge_process,
	&dj_judge_kvm,
	&dj_judge_snp,
	&dj_judge_snp_emulated,
	&dj_judge_sgx,
	&dj_judge_sgx_emulated,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* In the order of judge.h: what stands below evidence.format. */
static const char *const evidence_checks[] = { "evidence.development",
	"evidence.reserved", "evidence.chain", "evidence.validity",
	"evidence.revocation", "evidence.signature", "evidence.report_data",
	"evidence.measurement", "evidence.config", "evidence.mode",
	"evidence.tcb", "evidence.platform" };

static const struct dj_format_judge *judge_of(uint16_t format)
{
	for (size_t i = 0; i < COUNT(judges); i++) {
		if (judges[i]->format == format)
			return judges[i];
	}
	return NULL;
}

static const char *tee_name(uint8_t tee)
{
	const char *name = dj_tee_name(tee);

	return name == NULL ? "an unknown TEE" : name;
}

static void check_format_of_offer(struct dj_judging *j)
{
	struct dj_check *c = dj_check_begin(j, "offer.format");
	struct dj_offer_info info;

	j->has_hello = dj_hello_parse(j->in->hello, j->in->hello_len,
			       &j->hello) == DJ_OK;
	j->has_offer = dj_offer_parse(j->in->offer, j->in->offer_len,
			       &j->offer) == DJ_OK &&
		dj_offer_info_parse(j->offer.info, j->offer.info_len, &info) ==
			DJ_OK;
	if (j->has_hello && j->has_offer) {
		dj_check_say(c, DJ_CHECK_OK);
		return;
	}
	dj_check_got(j, c, "%s of %zu bytes",
		j->has_hello ? "an OFFER" : "a HELLO",
		j->has_hello ? j->in->offer_len : j->in->hello_len);
	dj_check_want(j, c, "one that parses (session.md 3)");
	j->has_offer = false;
}

/* One of HELLO's and of the policy's. */
static void check_suite(struct dj_judging *j)
{
	const struct dj_policy *p = j->in->policy;
	struct dj_check *c = dj_check_begin(j, "offer.suite");
	bool asked = false, allowed = p->suite_count == 0;

	dj_check_got(j, c, "0x%04x", j->offer.suite);
	for (size_t i = 0; i < j->hello.suite_count; i++)
		asked = asked || j->hello.suites[i] == j->offer.suite;
	for (size_t i = 0; i < p->suite_count; i++)
		allowed = allowed || p->suites[i] == j->offer.suite;
	if (!allowed)
		c->policy_line = p->suites_line;
	for (size_t i = 0; i < p->suite_count && !allowed; i++)
		dj_check_want(j, c, "0x%04x", p->suites[i]);
	for (size_t i = 0; i < j->hello.suite_count && allowed; i++)
		dj_check_want(j, c, "0x%04x", j->hello.suites[i]);
	if (asked && allowed)
		dj_check_say(c, DJ_CHECK_OK);
}

static void check_state(struct dj_judging *j)
{
	static const char *const states[] = { "fresh", "owned" };
	const struct dj_offer *o = &j->offer;
	const uint8_t *keep = j->in->keep_id;
	struct dj_check *c = dj_check_begin(j, "offer.state");

	dj_check_got(j, c, "%s, attach %u",
		o->state <= DJ_KEEP_OWNED ? states[o->state] : "?",
		o->attach_no);
	if (j->hello.mode == DJ_MODE_NEW) {
		dj_check_want(j, c, "fresh, attach 0");
		/* A ticket's Keep was wanted, and HELLO did not say so. */
		if (keep == NULL && o->state == DJ_KEEP_FRESH &&
			o->attach_no == 0 && !dj_is_zero(o->keep_id, 32))
			dj_check_say(c, DJ_CHECK_OK);
		return;
	}
	dj_check_want(j, c, "owned, attach %u or later, the same Keep",
		j->in->attach_no);
	if (keep == NULL)
		keep = j->hello.keep_id;
	if (memcmp(j->hello.keep_id, o->keep_id, 32) != 0 ||
		memcmp(keep, o->keep_id, 32) != 0) {
		dj_check_got(j, c, "another Keep");
		return;
	}
	if (o->state == DJ_KEEP_OWNED && o->attach_no >= 1 &&
		o->attach_no >= j->in->attach_no)
		dj_check_say(c, DJ_CHECK_OK);
}

static void check_config(struct dj_judging *j)
{
	static const uint8_t none[32];
	const uint8_t *want = j->in->config_hash;
	struct dj_check *c;

	if (j->in->config_unknown && want == NULL) {
		dj_check_na(j, "offer.config",
			"the block asked for is not known here");
		return;
	}
	if (want == NULL)
		want = none;
	c = dj_check_begin(j, "offer.config");
	dj_check_got_hex(j, c, j->offer.config_hash, 32);
	dj_check_want_hex(j, c, want, 32);
	if (memcmp(want, j->offer.config_hash, 32) == 0)
		dj_check_say(c, DJ_CHECK_OK);
}

/*
 * Is the TEE one that was asked for? The list tells emulated from real ones;
 * OFFER cannot, EVIDENCE's format does.
 */
static void check_tee(struct dj_judging *j, const char *name, uint8_t tee,
	bool emulated, bool by_format)
{
	struct dj_check *c = dj_check_begin(j, name);
	bool found = j->in->tee_count == 0;

	dj_check_got(j, c, "%s%s", tee_name(tee),
		by_format && emulated ? " (emulated)" : "");
	for (size_t i = 0; i < j->in->tee_count; i++) {
		const struct dj_judge_tee *t = &j->in->tees[i];

		dj_check_want(j, c, "%s%s", tee_name(t->tee),
			t->emulated ? " (emulated)" : "");
		if (t->tee == tee && (!by_format || t->emulated == emulated))
			found = true;
	}
	if (found)
		dj_check_say(c, DJ_CHECK_OK);
}

/* OFFER and AGAIN without their session are refused, not judged half. */
static bool no_session(const struct dj_judge_input *in)
{
	return in->purpose == DJ_JUDGE_ALONE ||
		(in->purpose == DJ_JUDGE_RECEIPT && in->hello == NULL &&
			in->offer == NULL);
}

static void check_offer(struct dj_judging *j)
{
	static const char *const names[] = { "offer.format", "offer.suite",
		"offer.state", "offer.config", "offer.tee" };

	if (no_session(j->in)) {
		for (size_t i = 0; i < COUNT(names); i++)
			dj_check_na(j, names[i], "no session");
		return;
	}
	check_format_of_offer(j);
	if (!j->has_offer) {
		for (size_t i = 1; i < COUNT(names); i++)
			dj_check_na(j, names[i], "no OFFER");
		return;
	}
	check_suite(j);
	check_state(j);
	check_config(j);
	check_tee(j, "offer.tee", j->offer.tee, false, false);
}

/* The 64 bytes that report_data must be, and never the caller's where they
 * follow from HELLO and OFFER. */
static void set_want_rd(struct dj_judging *j)
{
	uint8_t b[32];

	if (j->in->purpose == DJ_JUDGE_OFFER) {
		if (!j->has_offer)
			return;
		dj_binding(j->in->hello, j->in->hello_len, j->in->offer,
			j->in->offer_len, b);
		dj_report_data(b, DJ_LABEL_OFFER, j->want_rd);
		j->has_want_rd = true;
	} else if (j->in->report_data != NULL) {
		memcpy(j->want_rd, j->in->report_data, 64);
		j->has_want_rd = true;
	}
}

static bool in_hello(const struct dj_judging *j, uint16_t format)
{
	for (size_t i = 0; i < j->hello.format_count; i++) {
		if (j->hello.formats[i] == format)
			return true;
	}
	return false;
}

static const char *const purposes[] = { "none", "offer", "again", "receipt" };

/* Parses EVIDENCE; the judge of its format, or NULL with the check failed. */
static const struct dj_format_judge *check_format(struct dj_judging *j)
{
	const struct dj_judge_input *in = j->in;
	struct dj_check *c = dj_check_begin(j, "evidence.format");
	const struct dj_evidence *e = &j->evidence;
	const struct dj_format_judge *fj;

	if (dj_evidence_parse(in->evidence, in->evidence_len, &j->evidence) !=
		DJ_OK) {
		dj_check_got(j, c, "%zu bytes that are no EVIDENCE",
			in->evidence_len);
		dj_check_want(j, c, "EVIDENCE that parses (session.md 3.6)");
		return NULL;
	}
	j->v->format = e->format;
	dj_check_got(j, c, "format 0x%04x, purpose %s", e->format,
		e->purpose < COUNT(purposes) ? purposes[e->purpose] : "?");
	if (in->purpose != DJ_JUDGE_ALONE && e->purpose != in->purpose) {
		dj_check_want(j, c, "purpose %s", purposes[in->purpose]);
		return NULL;
	}
	fj = judge_of(e->format);
	if (fj == NULL) {
		dj_check_want(j, c,
			"a format that this build judges: 0x8001, 0x8002, "
			"0x0001, 0x8101, 0x0002, 0x8102");
		return NULL;
	}
	if (j->has_offer && fj->tee != j->offer.tee) {
		dj_check_want(j, c, "the format of %s", tee_name(j->offer.tee));
		return NULL;
	}
	if (j->has_hello && !in_hello(j, e->format)) {
		dj_check_want(j, c, "a format that HELLO lists");
		return NULL;
	}
	j->has_evidence = true;
	j->v->tee = (uint8_t)fj->tee;
	j->v->emulated = e->format >= DJ_FORMAT_EMULATED;
	/* Only a format of a vendor can be signed under a vendor's root. */
	j->v->hardware = !dj_format_is_development(e->format);
	dj_check_say(c, DJ_CHECK_OK);
	return fj;
}

static void check_development(struct dj_judging *j)
{
	const struct dj_policy *p = j->in->policy;
	struct dj_check *c;

	if (!dj_format_is_development(j->evidence.format)) {
		dj_check_na(j, "evidence.development", "a vendor's format");
		return;
	}
	c = dj_check_begin(j, "evidence.development");
	dj_check_got(j, c, "%s, a development format", tee_name(j->v->tee));
	dj_check_want(j, c, "[development] allow = true");
	c->policy_line = p->development_line;
	if (p->development)
		dj_check_say(c, DJ_CHECK_OK);
}

static void check_evidence(struct dj_judging *j)
{
	const struct dj_format_judge *fj = check_format(j);

	if (fj == NULL) {
		for (size_t i = 0; i < COUNT(evidence_checks); i++)
			dj_check_na(j, evidence_checks[i], "no evidence");
		return;
	}
	if (j->in->tee_count != 0)
		check_tee(j, "evidence.tee", j->v->tee, j->v->emulated, true);
	check_development(j);
	fj->judge(j);
}

/* Good only if there are checks, none failed and memory sufficed. */
static dj_status decide(struct dj_judging *j)
{
	struct dj_verdict *v = j->v;

	v->good = false;
	v->error = NULL;
	for (size_t i = 0; i < v->check_count && v->error == NULL; i++) {
		if (v->checks[i].state == DJ_CHECK_FAILED)
			v->error = v->checks[i].name;
	}
	if (j->no_memory) {
		v->error = "internal.memory";
		return DJ_E_NOMEM;
	}
	if (v->error == NULL && !j->has_evidence)
		v->error = "evidence.format";
	v->good = v->error == NULL;
	if (!v->good)
		v->hardware = false;
	return v->good ? DJ_OK : DJ_E_AUTH;
}

dj_status dj_judge(const struct dj_judge_input *in, struct dj_verdict *ret)
{
	struct dj_judging *j = calloc(1, sizeof(*j));
	dj_status st;

	memset(ret, 0, sizeof(*ret));
	ret->error = "internal.memory";
	if (j == NULL)
		return DJ_E_NOMEM;
	j->in = in;
	j->v = ret;
	ret->purpose = in->purpose;
	ret->time = in->time;
	memcpy(ret->policy_file, in->policy->file, sizeof(ret->policy_file));
	memcpy(ret->policy_name, in->policy->name, sizeof(ret->policy_name));
	memcpy(ret->policy_sha256, in->policy->sha256, 32);
	if (EVP_Digest(in->evidence, in->evidence_len, ret->evidence_sha256,
		    NULL, EVP_sha256(), NULL) != 1)
		j->no_memory = true;

	check_offer(j);
	set_want_rd(j);
	check_evidence(j);
	st = decide(j);
	free(j);
	return st;
}

void dj_verdict_done(struct dj_verdict *v)
{
	for (size_t i = 0; i < DJ_CHECKS_MAX; i++) {
		struct dj_check *c = &v->checks[i];

		for (size_t k = 0; k < c->want_count; k++)
			free(c->want[k]);
		free(c->want);
		free(c->got);
	}
	for (size_t i = 0; i < v->advisory_count; i++)
		free(v->advisory[i]);
	free(v->advisory);
	memset(v, 0, sizeof(*v));
}

const struct dj_check *dj_verdict_check(const struct dj_verdict *v,
	const char *name)
{
	for (size_t i = 0; i < v->check_count; i++) {
		if (strcmp(v->checks[i].name, name) == 0)
			return &v->checks[i];
	}
	return NULL;
}

size_t dj_judge_formats(const struct dj_policy *policy, uint8_t tee,
	bool emulated, uint16_t *ret, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT(judges) && n < cap; i++) {
		uint16_t f = judges[i]->format;

		if (judges[i]->tee != tee ||
			(f >= DJ_FORMAT_EMULATED) != emulated ||
			(dj_format_is_development(f) && !policy->development))
			continue;
		ret[n++] = f;
	}
	return n;
}

bool dj_judge_explain(const uint8_t *evidence, size_t len, dj_judge_field *say,
	void *ctx)
{
	const struct dj_format_judge *fj;
	struct dj_evidence e;

	if (dj_evidence_parse(evidence, len, &e) != DJ_OK)
		return false;
	fj = judge_of(e.format);
	return fj != NULL && fj->explain(&e, say, ctx);
}
