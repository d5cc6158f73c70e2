// SPDX-License-Identifier: Apache-2.0
#include "attest/snp.h"

#include <stdio.h>
#include <string.h>

#include "attest/cert.h"
#include "lib/base/zero.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Evidence of SEV-SNP Keeps, and of other people's SEV-SNP guests
 * (docs/tees/snp.md): AMD's report, the chain of the key that signed it, and
 * revocation lists. The same judge reads emulated evidence, which differs in
 * its root alone.
 */
static void check_reserved(struct dj_judging *j, struct dj_snp_facts *f)
{
	const struct dj_evidence *e = &j->evidence;
	const struct dj_evidence_item *r = &e->item[DJ_EVIDENCE_REPORT];
	const struct dj_policy_set *versions = &j->in->policy->snp.versions;
	struct dj_check *c = dj_check_begin(j, "evidence.reserved");
	dj_status st = DJ_E_INPUT;

	for (int tag = DJ_EVIDENCE_TCB_INFO; tag < DJ_EVIDENCE_TAGS; tag++) {
		if (e->item[tag].p != NULL)
			dj_check_fault(j, c, 0, "items 1, 2 and 3 only",
				"item %d", tag);
	}
	if (r->p == NULL || r->len != DJ_SNP_REPORT_SIZE)
		dj_check_fault(j, c, 0, "1184 bytes", "a report of %zu bytes",
			r->len);
	else
		st = dj_snp_report_parse(r->p, r->len, &f->report);
	f->has_report = st == DJ_OK;
	if (r->p != NULL && r->len == DJ_SNP_REPORT_SIZE && !f->has_report)
		dj_check_fault(j, c, 0,
			"report version 2 to 5, ECDSA P-384, zeros in what is "
			"reserved",
			"%s",
			st == DJ_E_UNSUPPORTED
				? "another version or algorithm"
				: "a reserved byte or bit that is set");
	if (f->has_report && (versions->bits >> f->report.version & 1) == 0)
		dj_check_fault(j, c, versions->line, "another report version",
			"report version %u", f->report.version);
	dj_check_settle(c);
}

static void check_signature(struct dj_judging *j, const struct dj_snp_facts *f)
{
	const char *wrong;

	if (!f->has_chain || !f->has_report) {
		dj_check_na(j, "evidence.signature",
			f->has_chain ? "no report" : "no chain");
		return;
	}
	if (f->report.signing_key == DJ_SNP_KEY_NONE ||
		f->report.is_chip_key_masked)
		wrong = "the report says that it is not signed";
	else
		wrong = dj_cert_ecdsa_verify(f->cert[DJ_SNP_VEK],
			f->report.signature, 48,
			j->evidence.item[DJ_EVIDENCE_REPORT].p,
			DJ_SNP_REPORT_SIGNED);
	dj_check_simple(j, "evidence.signature", wrong == NULL, wrong,
		"ECDSA P-384 with SHA-384 under the chain's first key");
}

/* One of the policy's, if it has such a list. */
static void listed(struct dj_judging *j, struct dj_check *c,
	const struct dj_policy_list *l, const uint8_t *p, size_t len,
	const char *what)
{
	char hex[2 * 64 + 1], want[64];

	if (l->count == 0 || dj_policy_lists(l, p, len))
		return;
	for (size_t i = 0; i < len; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", p[i]);
	(void)snprintf(want, sizeof(want), "a %s of the policy", what);
	dj_check_fault(j, c, l->line, want, "%s %s", what, hex);
}

/*
 * HOST_DATA is the launcher's to fill. In a session it is nothing or the hash
 * of the configuration; a policy may name other values.
 */
static void check_config(struct dj_judging *j, const struct dj_snp_facts *f)
{
	const struct dj_policy_list *l = &j->in->policy->snp.host_data;
	const uint8_t *want =
		j->has_offer ? j->offer.config_hash : j->in->config_hash;
	struct dj_check *c;

	if (l->count == 0 && want == NULL) {
		dj_check_na(j, "evidence.config",
			"no OFFER, and no host-data in the policy");
		return;
	}
	c = dj_check_begin(j, "evidence.config");
	dj_check_got_hex(j, c, f->report.host_data, 32);
	if (l->count != 0)
		listed(j, c, l, f->report.host_data, 32, "host-data");
	else if (!dj_is_zero(f->report.host_data, 32) &&
		memcmp(f->report.host_data, want, 32) != 0)
		dj_check_want_hex(j, c, want, 32);
	dj_check_settle(c);
}

/* What the switches of the policy demand of the bits in a word. */
static void check_bits(struct dj_judging *j, struct dj_check *c, uint64_t word,
	bool is_policy)
{
	const struct dj_policy_snp *p = &j->in->policy->snp;
	const char *what = is_policy ? "guest policy" : "platform info";

	for (size_t i = 0; i < DJ_SNP_SWITCHES; i++) {
		const struct dj_policy_snp_demand *d =
			&dj_policy_snp_demands[i];
		uint64_t set = is_policy ? d->policy_set : d->info_set;
		uint64_t clear = is_policy ? d->policy_clear : d->info_clear;
		char want[64];

		if (p->is[i].on != d->when)
			continue;
		if ((word & set) == set && (word & clear) == 0)
			continue;
		(void)snprintf(want, sizeof(want), "%s = %s", d->key,
			d->when ? "true" : "false");
		dj_check_fault(j, c, p->is[i].line, want,
			"%s 0x%llx: bit 0x%llx is %s", what,
			(unsigned long long)word,
			(unsigned long long)(set | clear),
			set != 0 ? "clear" : "set");
	}
}

static void check_identity(struct dj_judging *j, struct dj_check *c,
	const struct dj_snp_report *r)
{
	const struct dj_policy_snp *p = &j->in->policy->snp;

	if (p->author_keys.count != 0 && !r->has_author_key)
		dj_check_fault(j, c, p->author_keys.line, "an author key",
			"no author key");
	else
		listed(j, c, &p->author_keys, r->author_key_digest, 48,
			"author-key");
	listed(j, c, &p->id_keys, r->id_key_digest, 48, "id-key");
	listed(j, c, &p->family_ids, r->family_id, 16, "family-id");
	listed(j, c, &p->image_ids, r->image_id, 16, "image-id");
	if (p->min_guest_svn.line != 0 && r->guest_svn < p->min_guest_svn.value)
		dj_check_fault(j, c, p->min_guest_svn.line,
			"guest_svn of the policy or above", "guest_svn %u",
			r->guest_svn);
}

static void check_mode(struct dj_judging *j, const struct dj_snp_facts *f)
{
	const struct dj_policy_snp *p = &j->in->policy->snp;
	struct dj_check *c = dj_check_begin(j, "evidence.mode");
	const struct dj_snp_report *r = &f->report;

	dj_check_got(j, c, "guest policy 0x%llx, VMPL %u",
		(unsigned long long)r->policy, r->vmpl);
	check_bits(j, c, r->policy, true);
	if (r->vmpl > 3 || (p->vmpl.bits >> r->vmpl & 1) == 0)
		dj_check_fault(j, c, p->vmpl.line,
			p->vmpl.line == 0 ? "VMPL 0" : "a VMPL of the policy",
			"VMPL %u", r->vmpl);
	check_identity(j, c, r);
	dj_check_settle(c);
}

/* What was compared with the key's certificate is open if there is none. */
static void settle(struct dj_check *c, const struct dj_snp_facts *f)
{
	dj_check_settle(c);
	if (c->state == DJ_CHECK_OK && !f->has_vek)
		dj_check_say(c, DJ_CHECK_NA);
}

static const char *tcb_text(const uint8_t tcb[static DJ_SNP_TCB_PARTS],
	char *dst, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < DJ_SNP_TCB_PARTS && n < cap; i++)
		n += (size_t)snprintf(dst + n, cap - n, "%s%s %u",
			i == 0 ? "" : ", ", dj_snp_tcb_name((enum dj_snp_tcb)i),
			tcb[i]);
	return dst;
}

/* Every part at least that of min? Names the first that is not. */
static bool at_least(const uint8_t tcb[static DJ_SNP_TCB_PARTS],
	const uint8_t min[static DJ_SNP_TCB_PARTS], size_t *ret_part)
{
	for (size_t i = 0; i < DJ_SNP_TCB_PARTS; i++) {
		if (tcb[i] < min[i]) {
			*ret_part = i;
			return false;
		}
	}
	return true;
}

enum which {
	CURRENT,
	REPORTED,
	COMMITTED,
	LAUNCH,
	TCBS
};
static const char *const tcb_names[TCBS] = { "current", "reported", "committed",
	"launch" };

static void check_minimum(struct dj_judging *j, struct dj_check *c,
	const struct dj_snp_facts *f, uint8_t tcb[TCBS][DJ_SNP_TCB_PARTS])
{
	const struct dj_policy_snp_tcb *min =
		dj_policy_snp_min(&j->in->policy->snp, f->product);
	char text[128], want[160];
	size_t part = 0;

	for (size_t i = 0; i < TCBS && min != NULL; i++) {
		if (at_least(tcb[i], min->min, &part))
			continue;
		(void)snprintf(want, sizeof(want), "at least %s",
			tcb_text(min->min, text, sizeof(text)));
		dj_check_fault(j, c, min->line, want, "%s_tcb %s %u",
			tcb_names[i], dj_snp_tcb_name((enum dj_snp_tcb)part),
			tcb[i][part]);
	}
	/* Firmware could go back to what is committed at any time. */
	if (!at_least(tcb[COMMITTED], tcb[REPORTED], &part))
		dj_check_fault(j, c, 0, "nothing reported above the committed",
			"committed_tcb %s %u is below reported_tcb",
			dj_snp_tcb_name((enum dj_snp_tcb)part),
			tcb[COMMITTED][part]);
}

static uint64_t version_of(const uint8_t v[static 3])
{
	return (uint64_t)v[0] << 16 | (uint64_t)v[1] << 8 | v[2];
}

static void check_firmware(struct dj_judging *j, struct dj_check *c,
	const struct dj_snp_report *r)
{
	const struct dj_policy_snp *p = &j->in->policy->snp;
	const uint8_t *v[] = { r->current_version, r->committed_version };

	for (size_t i = 0; i < COUNT(v); i++) {
		if (p->min_firmware.line != 0 &&
			version_of(v[i]) < p->min_firmware.value)
			dj_check_fault(j, c, p->min_firmware.line,
				"min-firmware", "%s firmware %u.%u.%u",
				i == 0 ? "current" : "committed", v[i][0],
				v[i][1], v[i][2]);
	}
	if (!p->is[DJ_SNP_PROVISIONAL].on &&
		(memcmp(v[0], v[1], 3) != 0 ||
			memcmp(r->current, r->committed, 8) != 0))
		dj_check_fault(j, c, p->is[DJ_SNP_PROVISIONAL].line,
			"provisional = false",
			"firmware that is not committed yet");
	if (p->mit_vector.line != 0 &&
		(r->version < 5 ||
			(~(r->launch_mit & r->current_mit) &
				p->mit_vector.value) != 0))
		dj_check_fault(j, c, p->mit_vector.line, "mit-vector",
			"mitigation vectors 0x%llx at launch, 0x%llx now",
			(unsigned long long)r->launch_mit,
			(unsigned long long)r->current_mit);
}

static void check_tcb(struct dj_judging *j, const struct dj_snp_facts *f)
{
	const struct dj_snp_report *r = &f->report;
	const uint8_t *raw[TCBS] = { r->current, r->reported, r->committed,
		r->launch };
	uint8_t tcb[TCBS][DJ_SNP_TCB_PARTS];
	char text[128];
	struct dj_check *c;

	if (!f->has_product) {
		dj_check_na(j, "evidence.tcb", "no product to read it for");
		return;
	}
	c = dj_check_begin(j, "evidence.tcb");
	for (size_t i = 0; i < TCBS; i++) {
		if (!dj_snp_tcb_read(f->product, raw[i], tcb[i]))
			dj_check_fault(j, c, 0, "zeros in what is reserved",
				"%s_tcb has a reserved byte set", tcb_names[i]);
	}
	if (f->has_vek && memcmp(f->tcb, tcb[REPORTED], sizeof(f->tcb)) != 0)
		dj_check_fault(j, c, 0, "reported_tcb in the key's certificate",
			"a key for %s", tcb_text(f->tcb, text, sizeof(text)));
	check_minimum(j, c, f, tcb);
	check_firmware(j, c, r);
	if (c->want_count == 0)
		dj_check_got(j, c, "reported: %s",
			tcb_text(tcb[REPORTED], text, sizeof(text)));
	settle(c, f);
}

static void check_chip(struct dj_judging *j, struct dj_check *c,
	const struct dj_snp_facts *f)
{
	const struct dj_policy_snp *p = &j->in->policy->snp;
	const uint8_t *id = f->report.chip_id;
	bool masked = dj_is_zero(id, 64);

	dj_check_got_hex(j, c, id, 64);
	if (masked && !p->is[DJ_SNP_MASKED_CHIP].on)
		dj_check_fault(j, c, p->is[DJ_SNP_MASKED_CHIP].line,
			"a chip that is named", "the chip's name is masked");
	if (!masked && f->has_vek && memcmp(id, f->chip_id, 64) != 0)
		dj_check_fault(j, c, 0, "the chip of the key's certificate",
			"the report is of another chip");
	listed(j, c, &p->chips, id, 64, "chip");
}

static void check_platform(struct dj_judging *j, const struct dj_snp_facts *f)
{
	const struct dj_policy_snp *p = &j->in->policy->snp;
	struct dj_check *c = dj_check_begin(j, "evidence.platform");

	if (f->report.signing_key == DJ_SNP_KEY_VLEK) {
		dj_check_got(j, c, "%s",
			f->has_vek ? f->csp : "an unknown provider");
		if (p->chips.count != 0)
			dj_check_fault(j, c, p->chips.line, "a VCEK",
				"a VLEK names no chip");
		if (p->csps.count != 0 &&
			(!f->has_vek ||
				!dj_policy_lists(&p->csps, f->csp,
					strlen(f->csp) + 1)))
			dj_check_fault(j, c, p->csps.line,
				"a csp of the policy", "the key of %s",
				f->has_vek ? f->csp : "an unknown provider");
	} else {
		check_chip(j, c, f);
	}
	check_bits(j, c, f->report.platform_info, false);
	settle(c, f);
}

static void check_report(struct dj_judging *j, const struct dj_snp_facts *f)
{
	static const char *const names[] = { "evidence.report_data",
		"evidence.measurement", "evidence.config", "evidence.mode",
		"evidence.tcb", "evidence.platform" };

	if (!f->has_report) {
		for (size_t i = 0; i < COUNT(names); i++)
			dj_check_na(j, names[i], "no report");
		return;
	}
	memcpy(j->v->measurement, f->report.measurement, 48);
	j->v->measurement_len = 48;
	memcpy(j->v->report_data, f->report.report_data, 64);
	if (f->has_chain)
		j->v->has_platform = dj_cert_spki_sha256(f->cert[DJ_SNP_VEK],
			j->v->platform);

	dj_check_report_data(j, f->report.report_data);
	dj_check_measurement(j, f->report.measurement, 48);
	check_config(j, f);
	check_mode(j, f);
	check_tcb(j, f);
	check_platform(j, f);
}

static void judge(struct dj_judging *j)
{
	struct dj_snp_facts f = { 0 };

	check_reserved(j, &f);
	dj_snp_check_chain(j, &f);
	dj_snp_check_validity(j, &f);
	dj_snp_check_revocation(j, &f);
	check_signature(j, &f);
	check_report(j, &f);
	dj_snp_facts_done(&f);
}

static bool explain(const struct dj_evidence *e, dj_judge_field *say, void *ctx)
{
	const struct dj_evidence_item *r = &e->item[DJ_EVIDENCE_REPORT];

	if (r->p == NULL || r->len != DJ_SNP_REPORT_SIZE)
		return false;
	dj_snp_report_fields(r->p, say, ctx);
	return true;
}

const struct dj_format_judge dj_judge_snp = {
	.format = DJ_FORMAT_SNP,
	.tee = DJ_TEE_SNP,
	.judge = judge,
	.explain = explain,
};

const struct dj_format_judge dj_judge_snp_emulated = {
	.format = DJ_FORMAT_EMULATED + DJ_FORMAT_SNP,
	.tee = DJ_TEE_SNP,
	.judge = judge,
	.explain = explain,
};
