// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/sgx_files.h"
#include "tests/support/shared.h"
#include "tests/tap.h"

#include <stdlib.h>

#include "attest/cert.h"
#include "attest/sgx.h"
#include "client/sgx_file.h"
#include "tests/support/sgx.h"
#include "tests/support/verdict.h"

/*
 * The judge of SGX: every fault that no genuine sample has, made by the
 * emulator's services under a root of the test; and genuine quotes of others
 * (DONJON_SHARED) with every bit flipped. tests/integration/evidence_sgx.py
 * asks the genuine ones through the command line.
 */
static const char *judge_at(const struct sx *s, const char *sgx, int64_t time)
{
	size_t len = sx_build(s, evidence, sizeof(evidence));

	take_policy(sx_policy(sgx), sx_root());
	return judge_bytes(evidence, len, time);
}

static const char *judge(const struct sx *s, const char *sgx)
{
	return judge_at(s, sgx, SX_TIME);
}

static void what_the_emulator_makes_is_good(void)
{
	struct sx s;

	sx_good(&s);
	eq_str(judge(&s, ""), "good");
	ok(!verdict.hardware && verdict.emulated);
	eq_u64(verdict.tee, DJ_TEE_SGX);
	eq_u64(verdict.measurement_len, 32);
	eq_str(verdict.tcb_status, "UpToDate");
	eq_u64(verdict.advisory_count, 0);
	s.own_qe_chain = true;
	eq_str(judge(&s, ""), "good");
	/* A processor of the other CA, and the older layout. */
	s.pki.cn_ca = "Intel SGX PCK Processor CA";
	s.pki.has_platform = false;
	eq_str(judge(&s, ""), "good");
	s.pki.info_version = 2;
	s.pki.info_id = NULL;
	eq_str(judge(&s, ""), "good");
}

static bool fails(const char *check)
{
	const struct dj_check *c = dj_verdict_check(&verdict, check);

	return c != NULL && c->state == DJ_CHECK_FAILED;
}

static void every_fault_is_refused_by_its_name(void)
{
	struct sx s;

	for (int i = 0; i < FAULTS; i++) {
		const struct dj_check *c;
		bool found;

		sx_good(&s);
		sx_break(&s, (enum sx_fault)i);
		if (!ok(strcmp(judge(&s, ""), sx_faults[i].check) == 0))
			printf("# %s: %s\n", sx_faults[i].name,
				verdict.error == NULL ? "good" : verdict.error);
		c = dj_verdict_check(&verdict, sx_faults[i].check);
		found = c != NULL && c->got != NULL &&
			strstr(c->got, sx_faults[i].says) != NULL;
		if (!ok(found))
			printf("# %s: got %s\n", sx_faults[i].name,
				c == NULL || c->got == NULL ? "nothing"
							    : c->got);
	}
}

/* All of it, or what fits into make check. */
static bool is_long(void)
{
	return getenv("DONJON_LONG") != NULL;
}

/* Two faults that make something good of another kind. */
static bool is_no_fault(int i, int k)
{
	return (i == F_platform && k == F_processor) ||
		(i == F_second_chain && k == F_cert_kind);
}

static void two_faults_are_both_found(void)
{
	struct sx s;
	size_t pairs = 0;

	for (int i = 0; i < FAULTS; i++) {
		for (int k = i + 1; k < FAULTS; k++) {
			if (is_no_fault(i, k) ||
				(!is_long() && (i + k) % 7 != 0))
				continue;
			sx_good(&s);
			sx_break(&s, (enum sx_fault)i);
			sx_break(&s, (enum sx_fault)k);
			pairs++;
			/* The one may take the other's input away. */
			(void)judge(&s, "");
			if (!ok(!verdict.good &&
				    (fails(sx_faults[i].check) ||
					    fails(sx_faults[k].check))))
				printf("# %s and %s\n", sx_faults[i].name,
					sx_faults[k].name);
		}
	}
	ok(pairs > 200);
}

static void every_status_is_what_the_collateral_says(void)
{
	static const struct {
		const char *platform, *qe, *want;
	} cases[] = {
		{ "UpToDate", "UpToDate", "UpToDate" },
		{ "SWHardeningNeeded", "UpToDate", "SWHardeningNeeded" },
		{ "ConfigurationNeeded", "UpToDate", "ConfigurationNeeded" },
		{ "ConfigurationAndSWHardeningNeeded", "UpToDate",
			"ConfigurationAndSWHardeningNeeded" },
		{ "OutOfDate", "UpToDate", "OutOfDate" },
		{ "OutOfDateConfigurationNeeded", "UpToDate",
			"OutOfDateConfigurationNeeded" },
		{ "Revoked", "UpToDate", "Revoked" },
		{ "UpToDate", "OutOfDate", "OutOfDate" },
		{ "SWHardeningNeeded", "OutOfDate", "OutOfDate" },
		{ "ConfigurationNeeded", "OutOfDate",
			"OutOfDateConfigurationNeeded" },
		{ "ConfigurationAndSWHardeningNeeded", "OutOfDate",
			"OutOfDateConfigurationNeeded" },
		{ "OutOfDate", "OutOfDate", "OutOfDate" },
		{ "OutOfDateConfigurationNeeded", "OutOfDate",
			"OutOfDateConfigurationNeeded" },
		{ "Revoked", "OutOfDate", "Revoked" },
		{ "UpToDate", "Revoked", "Revoked" },
		{ "OutOfDate", "Revoked", "Revoked" },
	};
	char accept[128];
	struct sx s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool fine = strcmp(cases[i].want, "UpToDate") == 0;

		sx_good(&s);
		s.pki.level[0].status = cases[i].platform;
		s.pki.qe_level[0].status = cases[i].qe;
		eq_str(judge(&s, ""), fine ? "good" : "evidence.tcb");
		eq_str(verdict.tcb_status, cases[i].want);
		(void)snprintf(accept, sizeof(accept), "tcb-status = \"%s\"",
			cases[i].want);
		if (strcmp(cases[i].want, "Revoked") != 0)
			eq_str(judge(&s, accept), "good");
	}
}

static void levels_are_looked_for_from_the_highest(void)
{
	struct sx s;

	/* One component, then PCESVN, just below the first level. */
	for (int i = 0; i < 2; i++) {
		sx_good(&s);
		if (i == 0)
			s.pki.svn[3]--;
		else
			s.pki.pcesvn--;
		s.pki.level[1].svn[3] = 2;
		eq_str(judge(&s, ""), "evidence.tcb");
		eq_str(verdict.tcb_status, "OutOfDate");
		eq_u64(verdict.advisory_count, 1);
		eq_str(verdict.advisory[0], "INTEL-SA-00000");
		eq_str(judge(&s, "tcb-status = \"OutOfDate\""), "evidence.tcb");
		eq_str(judge(&s,
			       "tcb-status = \"OutOfDate\"\n"
			       "advisories = \"INTEL-SA-00000\""),
			"good");
		eq_str(judge(&s,
			       "tcb-status = \"OutOfDate\"\n"
			       "advisories = \"any\""),
			"good");
	}
	/* Listed the other way round. */
	sx_good(&s);
	s.pki.level[2] = s.pki.level[0];
	s.pki.level[0] = s.pki.level[1];
	s.pki.level[1].svn[0] = 5;
	eq_str(judge(&s, ""), "good");
	/* Advisories of both, each once, sorted. */
	sx_good(&s);
	s.pki.level[0].advisories =
		"\"INTEL-SA-00615\",\"INTEL-SA-00002\",\"INTEL-SA-00615\"";
	s.pki.qe_level[0].advisories = "\"INTEL-SA-00615\",\"INTEL-SA-00001\"";
	eq_str(judge(&s, ""), "evidence.tcb");
	eq_u64(verdict.advisory_count, 3);
	eq_str(verdict.advisory[0], "INTEL-SA-00001");
	eq_str(verdict.advisory[2], "INTEL-SA-00615");
	eq_str(judge(&s,
		       "advisories = [\"INTEL-SA-00615\", \"INTEL-SA-00001\"]"),
		"evidence.tcb");
	eq_str(judge(&s,
		       "advisories = [\"INTEL-SA-00615\", \"INTEL-SA-00001\", "
		       "\"INTEL-SA-00002\"]"),
		"good");
}

static void both_ends_of_every_span_hold(void)
{
	static const struct {
		size_t off;
		const char *check;
	} spans[] = {
		{ offsetof(struct sx, pki.certs), "evidence.validity" },
		{ offsetof(struct sx, pki.root_crl), "evidence.revocation" },
		{ offsetof(struct sx, pki.pck_crl), "evidence.revocation" },
		{ offsetof(struct sx, pki.tcb_info), "evidence.collateral" },
		{ offsetof(struct sx, pki.qe_identity), "evidence.collateral" },
	};
	struct sx s;

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		const struct dj_emu_sgx_span span = { SX_TIME, SX_TIME + 1000 };

		sx_good(&s);
		memcpy((char *)&s + spans[i].off, &span, sizeof(span));
		eq_str(judge_at(&s, "", SX_TIME), "good");
		eq_str(judge_at(&s, "", SX_TIME + 1000), "good");
		eq_str(judge_at(&s, "", SX_TIME - 1), spans[i].check);
		eq_str(judge_at(&s, "", SX_TIME + 1001), spans[i].check);
	}
}

static void a_policy_with_a_mistake_says_where(void)
{
	static const char *const texts[] = { "debug = 1", "tcb-status = []",
		"tcb-status = \"Revoked\"", "tcb-status = \"UptoDate\"",
		"signers = [ { mrsigner = \"00\" } ]",
		"signers = [ { isvprodid = 1 } ]", "platforms = \"5a\"",
		"min-isvsvn = 65536", "xfrm = -1", "fmspc = 7",
		"advisories = [1]", "unknown = true" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text = sx_policy(texts[i]);

		memset(&err, 0, sizeof(err));
		if (!ok(dj_policy_parse(text, strlen(text), "p.toml", &policy,
				&err) == DJ_E_INPUT))
			printf("# %s\n", texts[i]);
		eq_u64(err.line, 9);
	}
}

static void bounds_and_lists_hold_from_both_sides(void)
{
	static const struct {
		const char *good, *bad, *check;
	} rows[] = {
		{ "min-isvsvn = 5", "min-isvsvn = 6", "evidence.mode" },
		{ "xfrm = 7", "xfrm = 3", "evidence.mode" },
		{ "smt = true", "smt = false", "evidence.platform" },
		{ "min-tcb-evaluation = 17", "min-tcb-evaluation = 18",
			"evidence.tcb" },
		{ "fmspc = \"e00000000001\"", "fmspc = \"e00000000002\"",
			"evidence.platform" },
		{ "platforms = \"454d554c415445442d505049442d3000\"",
			"platforms = \"454d554c415445442d505049442d3001\"",
			"evidence.platform" },
		{ "min-config-svn = 0", "min-config-svn = 1",
			"evidence.config" },
		{ "family-id = \"00000000000000000000000000000000\"",
			"family-id = \"00000000000000000000000000000001\"",
			"evidence.mode" },
		{ "ext-prod-id = \"00000000000000000000000000000000\"",
			"ext-prod-id = \"00000000000000000000000000000001\"",
			"evidence.mode" },
	};
	struct sx s;

	sx_good(&s);
	s.pki.ppid[15] = 0;
	s.pki.has_smt = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!ok(strcmp(judge(&s, rows[i].good), "good") == 0))
			printf("# %s: %s\n", rows[i].good, verdict.error);
		if (!ok(strcmp(judge(&s, rows[i].bad), rows[i].check) == 0))
			printf("# %s: %s\n", rows[i].bad,
				verdict.error == NULL ? "good" : verdict.error);
	}
	s.pki.has_smt = false;
	eq_str(judge(&s, "smt = false"), "good");
	/* A Processor CA does not say. */
	s.pki.cn_ca = "Intel SGX PCK Processor CA";
	s.pki.has_platform = false;
	eq_str(judge(&s, "smt = false"), "evidence.platform");
	/* Only what is asked for is let through. */
	sx_good(&s);
	s.body.flags |= DJ_SGX_ATTR(DJ_SGX_ATTR_DEBUG);
	eq_str(judge(&s, "debug = true"), "good");
	s.body.flags |= DJ_SGX_ATTR(DJ_SGX_ATTR_PROVISIONKEY);
	eq_str(judge(&s, "debug = true"), "evidence.mode");
	eq_str(judge(&s, "debug = true\nprovision-key = true"), "good");
}

static void CONFIGID_is_nothing_or_the_configurations_hash(void)
{
	static const struct {
		size_t at; /* the byte that differs; 64: none */
		const char *want;
	} rows[] = { { 64, "good" }, { 0, "evidence.config" },
		{ 31, "evidence.config" }, { 32, "evidence.config" },
		{ 63, "evidence.config" } };
	uint8_t hash[32];
	struct sx s;

	memset(hash, 0x6b, sizeof(hash));
	sx_good(&s);
	config_hash = hash;
	eq_str(judge(&s, ""), "good");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(s.body.configid, 0, 64);
		memcpy(s.body.configid, hash, 32);
		if (rows[i].at < 64)
			s.body.configid[rows[i].at] ^= 1;
		eq_str(judge(&s, ""), rows[i].want);
	}
	config_hash = NULL;
}

static void a_signer_stands_for_his_enclaves(void)
{
	static const struct {
		unsigned prodid, svn;
		const char *want;
	} rows[] = { { 3, 5, "good" }, { 3, 6, "evidence.measurement" },
		{ 2, 5, "evidence.measurement" }, { 3, 0, "good" } };
	char text[256];
	struct sx s;

	sx_good(&s);
	memset(s.body.mrenclave, 0x11, 32);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = (size_t)snprintf(text, sizeof(text),
			"signers = { mrsigner = \"");

		for (int k = 0; k < 32; k++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "a5");
		(void)snprintf(text + n, sizeof(text) - n,
			"\", isvprodid = %u, min-isvsvn = %u }", rows[i].prodid,
			rows[i].svn);
		eq_str(judge(&s, text), rows[i].want);
	}
	memset(s.body.mrsigner, 0xa6, 32);
	eq_str(judge(&s, text), "evidence.measurement");
}

static void every_flipped_bit_of_emulated_evidence_is_refused(void)
{
	struct sx s;
	size_t len, step = is_long() ? 1 : 61;

	sx_good(&s);
	eq_str(judge(&s, ""), "good");
	len = sx_build(&s, evidence, sizeof(evidence));
	eq_u64(dj_policy_set_root(&policy, 0, sx_root(), strlen(sx_root()),
		       &err),
		DJ_OK);
	eq_str(judge_bytes(evidence, len, SX_TIME), "good");
	/* Purpose is not judged alone; hexadecimal has two cases. */
	for (size_t bit = 32; bit < 8 * len; bit += step) {
		uint8_t was = evidence[bit / 8];
		bool letter = (was >= 'a' && was <= 'f') ||
			(was >= 'A' && was <= 'F');

		evidence[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!(letter && bit % 8 == 5) &&
			!ok(strcmp(judge_bytes(evidence, len, SX_TIME),
				    "good") != 0))
			printf("# byte %zu bit %zu\n", bit / 8, bit % 8);
		evidence[bit / 8] = was;
	}
}

static void chains_are_read_as_quotes_carry_them(void)
{
	static char text[16384];
	X509 *cert[4] = { NULL };
	struct sx s;
	size_t n = 9, len, at;

	sx_good(&s);
	(void)sx_build(&s, evidence, sizeof(evidence));
	len = (size_t)snprintf(text, sizeof(text), "%s%s%s", sx_root(),
		sx_root(), sx_root());
	at = len / 3;
	/* A slot too few: nothing is written behind the last. */
	cert[2] = (X509 *)text;
	ok(dj_pem_chain(text, len, 2, cert, &n) != NULL);
	eq_u64(n, 0);
	ok(cert[2] == (X509 *)text);
	ok(dj_pem_chain(text, len, 3, cert, &n) == NULL);
	eq_u64(n, 3);
	while (n > 0)
		X509_free(cert[--n]);
	ok(dj_pem_chain(text, 0, 3, cert, &n) != NULL);
	/* Without a line feed between or at the end; NUL only after one. */
	ok(dj_pem_chain(text, at - 1, 3, cert, &n) == NULL);
	eq_u64(n, 1);
	X509_free(cert[0]);
	ok(dj_pem_chain(text, at + 1, 3, cert, &n) != NULL);
	text[at] = '\0';
	ok(dj_pem_chain(text, at + 1, 3, cert, &n) == NULL);
	X509_free(cert[0]);
	text[at - 1] = '\0';
	ok(dj_pem_chain(text, at, 3, cert, &n) != NULL);
	text[at] = '\n';
	ok(dj_pem_chain(text, at + 1, 3, cert, &n) != NULL);
}

/* Genuine quotes. */

static uint8_t *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = malloc(1 << 20);

	*len = f == NULL || p == NULL ? 0 : fread(p, 1, 1 << 20, f);
	if (f != NULL)
		fclose(f);
	return p;
}

static bool load(const char *name, size_t *ret_len, size_t *ret_quote)
{
	struct dj_evidence_part parts[8], quote = { 0 };
	struct dj_sgx_file f = { 0 };
	struct dj_err e = { 0 };
	char path[8][512], hex[65] = "", text[512];
	uint8_t *bytes[8] = { NULL };
	size_t n = 0;
	bool good;

	for (; n < DJ_SGX_FILES; n++) {
		(void)snprintf(path[n], sizeof(path[n]),
			"%s/evidence/sgx/%s/%s", shared_dir(), name,
			dj_sgx_files[n].name);
		bytes[n] = slurp(path[n], &parts[n].len);
		parts[n].p = bytes[n];
		parts[n].name = path[n];
	}
	(void)snprintf(path[n], sizeof(path[n]), "%s/evidence/sgx/%s/quote.bin",
		shared_dir(), name);
	bytes[n] = slurp(path[n], &quote.len);
	quote.p = bytes[n];
	quote.name = path[n];
	/* One name is not there: that of a chain of its own. */
	parts[3] = parts[n - 1];
	good = quote.len != 0 &&
		ok(dj_sgx_file_pack(&quote, parts, n - 1, false, &f, &e));
	if (good) {
		memcpy(evidence, f.packed, f.packed_len);
		*ret_len = f.packed_len;
		*ret_quote = quote.len - f.cut;
		for (int i = 0; i < 32; i++)
			(void)snprintf(hex + 2 * i, 3, "%02x",
				quote.p[112 + i]);
		(void)snprintf(text, sizeof(text),
			"schema = 1\nname = \"t\"\n[keep]\nmeasurement = [ { "
			"tee = \"sgx\", mrenclave = \"%s\" } ]\n[sgx]\n"
			"tcb-status = [\"UpToDate\", \"SWHardeningNeeded\", "
			"\"ConfigurationAndSWHardeningNeeded\"]\n"
			"advisories = \"any\"\n",
			hex);
		take_policy(text, NULL);
	}
	free(f.packed);
	for (size_t i = 0; i <= n; i++)
		free(bytes[i]);
	return good;
}

/* Item 1 begins after the head of EVIDENCE and its own. */
#define QUOTE_AT 12

static void every_flipped_bit_of_genuine_quotes_is_refused(void)
{
	static const struct {
		const char *name;
		int64_t time;
	} quotes[] = { { "s01-icelake-uptodate-2022-06", 1656633600 },
		{ "s04-client-cfg-swhardening-2025-06", 1751328000 } };
	size_t step = is_long() ? 1 : 41;

	for (size_t i = 0; i < 2; i++) {
		size_t len = 0, quote = 0;

		if (!load(quotes[i].name, &len, &quote)) {
			skip("no genuine evidence here (DONJON_SHARED)");
			return;
		}
		eq_str(judge_bytes(evidence, len, quotes[i].time), "good");
		ok(verdict.hardware);
		for (size_t bit = 0; bit < 8 * quote; bit += step) {
			uint8_t *at = &evidence[QUOTE_AT + bit / 8];

			*at ^= (uint8_t)(1 << bit % 8);
			if (!ok(strcmp(judge_bytes(evidence, len,
					       quotes[i].time),
					"good") != 0))
				printf("# %s byte %zu bit %zu\n",
					quotes[i].name, bit / 8, bit % 8);
			*at ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void genuine_evidence_is_not_taken_for_emulated(void)
{
	size_t len = 0, quote;

	if (!load("s01-icelake-uptodate-2022-06", &len, &quote)) {
		skip("no genuine evidence here (DONJON_SHARED)");
		return;
	}
	evidence[0] |= 0x80;
	ok(strcmp(judge_bytes(evidence, len, 1656633600), "good") != 0);
	ok(fails("evidence.chain"));
}

int main(void)
{
	RUN(what_the_emulator_makes_is_good);
	RUN(every_fault_is_refused_by_its_name);
	RUN(two_faults_are_both_found);
	RUN(every_status_is_what_the_collateral_says);
	RUN(levels_are_looked_for_from_the_highest);
	RUN(both_ends_of_every_span_hold);
	RUN(a_policy_with_a_mistake_says_where);
	RUN(bounds_and_lists_hold_from_both_sides);
	RUN(a_signer_stands_for_his_enclaves);
	RUN(CONFIGID_is_nothing_or_the_configurations_hash);
	RUN(every_flipped_bit_of_emulated_evidence_is_refused);
	RUN(chains_are_read_as_quotes_carry_them);
	RUN(every_flipped_bit_of_genuine_quotes_is_refused);
	RUN(genuine_evidence_is_not_taken_for_emulated);
	dj_verdict_done(&verdict);
	return done();
}
