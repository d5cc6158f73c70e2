// SPDX-License-Identifier: Apache-2.0
#include "client/snp_file.h"
#include "tests/support/evidence.h"
#include "tests/support/shared.h"
#include "tests/support/snp_verdict.h"

/*
 * Every bit of a report counts, of genuine ones of others too (DONJON_SHARED);
 * and the forms in which reports and certificates come.
 * tests/integration/evidence_snp.py asks the genuine ones through the command
 * line.
 */
static void bits_of_a_made_report_count(void)
{
	size_t len, at;
	struct sn s;

	sn_good(&s);
	accept(&s, "");
	len = sn_build(&s, evidence, sizeof(evidence));
	eq_str(judge_bytes(evidence, len, SN_TIME), "good");
	at = 4 + 8; /* EVIDENCE's head, and the first item's */
	for (size_t bit = 0; bit < 8 * DJ_SNP_REPORT_SIZE; bit += 13) {
		evidence[at + bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!ok(strcmp(judge_bytes(evidence, len, SN_TIME), "good") !=
			    0))
			printf("# bit %zu\n", bit);
		evidence[at + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static bool slurp(const char *path, struct dj_evidence_part *ret)
{
	static uint8_t pool[1 << 20];
	static size_t used;
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		return false;
	ret->name = "test";
	ret->p = pool + used;
	ret->len = fread(pool + used, 1, sizeof(pool) - used, f);
	used += ret->len;
	(void)fclose(f);
	return true;
}

/* EVIDENCE of a case, and a policy that accepts its measurement. */
static size_t genuine(const char *name, const char *product, const char *snp)
{
	static const char *const cas[] = { "ask", "ark" };
	struct dj_evidence_part report, parts[3];
	struct dj_snp_file f;
	struct dj_err e = { 0 };
	char path[1024];

	(void)snprintf(path, sizeof(path), "%s/evidence/snp/%s/report.bin",
		shared_dir(), name);
	if (!slurp(path, &report))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/evidence/snp/%s/vek.der",
		shared_dir(), name);
	ok(slurp(path, &parts[0]));
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path),
			"%s/evidence/snp/ca/%s-%s.der", shared_dir(), cas[i],
			product);
		ok(slurp(path, &parts[i + 1]));
	}
	ok(dj_snp_file_pack(&report, parts, 3, false, &f, &e));
	memcpy(evidence, f.packed, f.packed_len);
	free(f.packed);
	accept(NULL, snp);
	memcpy(policy.measures[0].bytes, report.p + 0x90, 48);
	return f.packed_len;
}

static void bits_of_genuine_reports_count(void)
{
	static const struct {
		const char *name, *product;
		int64_t time;
		size_t step;
	} cases[] = {
		{ "01-milan-v2", "milan", 1704067200, 3 },
		{ "08-genoa-v3-tsm", "genoa", 1751328000, 17 },
		{ "10-turin-v5", "turin", 1759276800, 17 },
	};
	bool all = getenv("DONJON_LONG") != NULL;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = genuine(cases[i].name, cases[i].product, "");
		int64_t t = cases[i].time;

		if (len == 0) {
			skip("no genuine evidence here (DONJON_SHARED)");
			return;
		}
		eq_str(judge_bytes(evidence, len, t), "good");
		ok(verdict.hardware);
		for (size_t bit = 0; bit < 8 * DJ_SNP_REPORT_SIZE;
			bit += all ? 1 : cases[i].step) {
			uint8_t *p = &evidence[12 + bit / 8];

			*p ^= (uint8_t)(1 << bit % 8);
			if (!ok(strcmp(judge_bytes(evidence, len, t), "good") !=
				    0))
				printf("# %s: bit %zu\n", cases[i].name, bit);
			*p ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void genuine_evidence_is_not_taken_for_emulated(void)
{
	size_t len = genuine("01-milan-v2", "milan", "");

	if (len == 0) {
		skip("no genuine evidence here (DONJON_SHARED)");
		return;
	}
	evidence[0] = 0x81;
	eq_str(judge_bytes(evidence, len, 1704067200), "evidence.chain");
}

/* AMD's list of 2022 revokes the first issuer that Genoa had. */
static void genoas_revoked_issuer_is_found(void)
{
	static const char *const files[] = { "08-genoa-v3-tsm/vek.der",
		"ca/ask-genoa-revoked-0x20001.der", "ca/ark-genoa.der",
		"08-genoa-v3-tsm/report.bin", "ca/crl-genoa-2022-10-31.der" };
	struct dj_evidence e = { .format = DJ_FORMAT_SNP,
		.purpose = DJ_PURPOSE_OFFER };
	struct dj_evidence_part part[5];
	char path[1024], pem[16384] = "";
	uint8_t crl[4096];
	size_t len = 0;
	struct dj_wr w = dj_wr_of(crl, sizeof(crl));

	for (size_t i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "%s/evidence/snp/%s",
			shared_dir(), files[i]);
		if (!slurp(path, &part[i])) {
			skip("no genuine evidence here (DONJON_SHARED)");
			return;
		}
		if (i < 3)
			ev_pem(part[i].p, part[i].len, pem, sizeof(pem));
	}
	dj_evidence_crl_write(&w, part[4].p, part[4].len);
	e.item[DJ_EVIDENCE_REPORT].p = part[3].p;
	e.item[DJ_EVIDENCE_REPORT].len = part[3].len;
	e.item[DJ_EVIDENCE_CHAIN].p = (const uint8_t *)pem;
	e.item[DJ_EVIDENCE_CHAIN].len = strlen(pem);
	e.item[DJ_EVIDENCE_CRLS].p = crl;
	e.item[DJ_EVIDENCE_CRLS].len = 4 + part[4].len;
	eq_u64(dj_evidence_write(&e, evidence, sizeof(evidence), &len), DJ_OK);
	accept(NULL, "");
	memcpy(policy.measures[0].bytes, part[3].p + 0x90, 48);
	eq_str(judge_bytes(evidence, len, 1751328000), "evidence.chain");
	eq_str(dj_verdict_check(&verdict, "evidence.revocation")->got,
		"the key's issuer is revoked");
}

/* What is around a report. */

static size_t hcl(uint8_t *dst, size_t json)
{
	const uint32_t words[] = { 0x414c4348, 2, (uint32_t)(1236 + json), 2 };
	const uint32_t tail[] = { (uint32_t)(20 + json), 1, 2, 1,
		(uint32_t)json };

	memset(dst, 0, 1236 + json + 8);
	memcpy(dst, words, sizeof(words));
	memcpy(dst + 1216, tail, sizeof(tail));
	memset(dst + 1236, '{', json);
	return 1236 + json + 8;
}

static void an_hcl_report_is_read_whole_or_not_at_all(void)
{
	static const uint16_t bad[] = { 0, 4, 8, 12, 16, 20, 31, 1216, 1220,
		1224, 1228, 1232, 1247 };
	uint8_t buf[2048];
	struct dj_snp_hcl h;
	size_t len = hcl(buf, 10);

	eq_u64(dj_snp_hcl_parse(buf, len, &h), DJ_OK);
	eq_u64(h.json_len, 10);
	ok(h.report == buf + 32 && h.json == buf + 1236);
	for (size_t n = 0; n < 1246; n++)
		ok(dj_snp_hcl_parse(buf, n, &h) != DJ_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf[bad[i]] ^= 0x40;
		ok(dj_snp_hcl_parse(buf, len, &h) != DJ_OK);
		buf[bad[i]] ^= 0x40;
	}
}

static void a_certificate_table_stays_within_itself(void)
{
	static const uint8_t vcek[16] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64,
		0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
	struct dj_snp_cert certs[DJ_SNP_CERTS_MAX];
	uint8_t buf[24 * 20] = { 0 };
	size_t n = 99;

	memcpy(buf, vcek, 16);
	buf[16] = 48;
	buf[20] = 4;
	eq_u64(dj_snp_certs_parse(buf, 52, certs, &n), DJ_OK);
	eq_u64(n, 1);
	eq_u64(certs[0].kind, DJ_SNP_CERT_VCEK);
	ok(certs[0].p == buf + 48);
	for (size_t len = 0; len < 52; len++)
		eq_u64(dj_snp_certs_parse(buf, len, certs, &n), DJ_E_INPUT);
	buf[19] = 0xff;
	eq_u64(dj_snp_certs_parse(buf, 52, certs, &n), DJ_E_INPUT);
	buf[19] = 0;
	memcpy(buf + 24, buf, 24);
	eq_u64(dj_snp_certs_parse(buf, 96, certs, &n), DJ_E_INPUT);
	for (size_t i = 0; i < 17; i++) {
		memset(buf + 24 * i, 0, 24);
		buf[24 * i] = 1;
	}
	eq_u64(dj_snp_certs_parse(buf, sizeof(buf), certs, &n), DJ_E_LIMIT);
	memset(buf + 24 * 16, 0, 24);
	eq_u64(dj_snp_certs_parse(buf, sizeof(buf), certs, &n), DJ_OK);
}

struct walk {
	size_t at, n;
};

static void on_field(void *ctx, size_t off, size_t len, const char *name,
	const char *value)
{
	struct walk *w = ctx;

	eq_u64(off, w->at);
	ok(name[0] != '\0' && value[0] != '\0');
	w->at += len;
	w->n++;
}

static void explaining_shows_every_byte_once(void)
{
	struct walk w = { 0, 0 };
	struct sn s;

	sn_good(&s);
	dj_snp_report_fields(s.report, on_field, &w);
	eq_u64(w.at, DJ_SNP_REPORT_SIZE);
	ok(w.n > 30);
}

int main(void)
{
	RUN(bits_of_a_made_report_count);
	RUN(bits_of_genuine_reports_count);
	RUN(genuine_evidence_is_not_taken_for_emulated);
	RUN(genoas_revoked_issuer_is_found);
	RUN(an_hcl_report_is_read_whole_or_not_at_all);
	RUN(a_certificate_table_stays_within_itself);
	RUN(explaining_shows_every_byte_once);
	return done();
}
