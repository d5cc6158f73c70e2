// SPDX-License-Identifier: Apache-2.0
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "attest/judge.h"
#include "host/agent/snp_host.h"
#include "host/launch/snp_id.h"
#include "lib/proto/evidence.h"
#include "lib/proto/hello.h"
#include "tests/support/shared.h"
#include "tests/support/snp.h"
#include "tests/tap.h"

/*
 * What a host with SEV-SNP staples to its Keeps' reports, and the ID block
 * that it launches them with: from files as a machine would have them, with
 * certificates made here.
 */
#define CAP 65536

static char folder[] = "/tmp/donjon-snp-host-XXXXXX";
static uint8_t made[CAP];
static struct dj_evidence good;
static uint8_t *der[3]; /* VEK, issuer, root */
static int der_len[3];
static const uint8_t *crl;
static size_t crl_len;

static void drop(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)unlink(path);
}

static void put(const char *name, const void *p, size_t len)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(p, 1, len, f) != len || fclose(f) != 0)
		abort();
}

static void clean(void)
{
	static const char *const names[] = { "certs.bin", "vek.der",
		"cert_chain.pem", "crl.der", "id-block.bin", "id-auth.bin" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		drop(names[i]);
}

/* Good evidence, and what its items are made of. */
static void make(void (*recipe)(struct sn *))
{
	struct dj_evidence_item list;
	struct dj_rd r;
	struct sn s;
	BIO *bio;

	clean();
	recipe(&s);
	s.crl.there = true;
	if (dj_evidence_parse(made, sn_build(&s, made, sizeof(made)), &good) !=
		DJ_OK)
		abort();
	bio = BIO_new_mem_buf(good.item[DJ_EVIDENCE_CHAIN].p,
		(int)good.item[DJ_EVIDENCE_CHAIN].len);
	for (int i = 0; i < 3; i++) {
		X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

		OPENSSL_free(der[i]);
		der[i] = NULL;
		der_len[i] = i2d_X509(x, &der[i]);
		X509_free(x);
	}
	BIO_free(bio);
	r = dj_rd_of(good.item[DJ_EVIDENCE_CRLS].p,
		good.item[DJ_EVIDENCE_CRLS].len);
	ok(dj_evidence_crl(&r, &list));
	crl = list.p;
	crl_len = list.len;
}

static struct dj_verdict verdict;
static struct dj_policy policy;

/* The report with what the folder has for it, judged: "good" or a check. */
static const char *judged(int64_t time, const char **ret_why)
{
	static uint8_t packed[CAP];
	struct dj_snp_host host;
	struct dj_evidence e = good;
	struct dj_judge_input in = { .purpose = DJ_JUDGE_ALONE,
		.evidence = packed,
		.policy = &policy,
		.time = time };

	*ret_why = dj_snp_host_read(folder, &host);
	e.item[DJ_EVIDENCE_CHAIN] =
		(struct dj_evidence_item){ host.chain.p, host.chain.len };
	e.item[DJ_EVIDENCE_CRLS] =
		(struct dj_evidence_item){ host.crls.p, host.crls.len };
	eq_u64(dj_evidence_write(&e, packed, sizeof(packed), &in.evidence_len),
		DJ_OK);
	dj_verdict_done(&verdict);
	(void)dj_judge(&in, &verdict);
	free(host.chain.p);
	free(host.crls.p);
	return verdict.error == NULL ? "good" : verdict.error;
}

static const char *stapled(const char *policy_text, const char **ret_why)
{
	const char *text = sn_policy(policy_text);
	struct dj_toml_error err;
	struct sn s;

	sn_good(&s);
	ok(dj_policy_parse(text, strlen(text), "p", &policy, &err) == DJ_OK);
	ok(dj_policy_set_root(&policy, 0, sn_root(&s), strlen(sn_root(&s)),
		   &err) == DJ_OK);
	return judged(SN_TIME, ret_why);
}

/* ARK and ASK as AMD's service gives them: issuer, then root, in PEM. */
static void put_chain(void)
{
	const char *pem = (const char *)good.item[DJ_EVIDENCE_CHAIN].p;
	size_t len = good.item[DJ_EVIDENCE_CHAIN].len;
	const char *second = memmem(pem + 1, len - 1, "-----BEGIN", 10);

	put("cert_chain.pem", second, len - (size_t)(second - pem));
}

static void put_files(void)
{
	put("vek.der", der[0], (size_t)der_len[0]);
	put("crl.der", crl, crl_len);
	put_chain();
}

/* The table; without (1 << i) of VEK, ASK, ARK, CRL. */
static void put_table(unsigned without, bool is_vlek)
{
	static const uint8_t guids[5][16] = {
		{ 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5,
			0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd },
		{ 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f,
			0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82 },
		{ 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43,
			0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae },
		{ 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff,
			0xd1, 0x9f, 0x88, 0xdc, 0x67, 0xea },
		{ 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6,
			0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1 },
	};
	const uint8_t *p[4] = { der[0], der[1], der[2], crl };
	size_t len[4] = { (size_t)der_len[0], (size_t)der_len[1],
		(size_t)der_len[2], crl_len };
	static uint8_t table[CAP];
	size_t n = 0;
	uint32_t at = 24 * 5;

	memset(table, 0, sizeof(table));
	for (size_t i = 0; i < 4; i++) {
		uint32_t size = (uint32_t)len[i];

		if ((without >> i & 1) != 0)
			continue;
		memcpy(table + 24 * n, guids[i == 0 && is_vlek ? 4 : i], 16);
		memcpy(table + 24 * n + 16, &at, 4);
		memcpy(table + 24 * n + 20, &size, 4);
		memcpy(table + at, p[i], size);
		at += size;
		n++;
	}
	put("certs.bin", table, at);
}

#define LIST "max-crl-age = \"30d\""

static void what_donjon_collateral_fetched_makes_a_report_good(void)
{
	const char *why;

	make(sn_good);
	put_files();
	eq_str(stapled(LIST, &why), "good");
	ok(why == NULL);
}

static void so_does_the_table_of_a_host_with_a_vcek_or_a_vlek(void)
{
	const char *why;

	make(sn_good);
	put_table(0, false);
	eq_str(stapled(LIST, &why), "good");
	ok(why == NULL);
	make(sn_vlek);
	put_table(0, true);
	eq_str(stapled("", &why), "good");
	ok(why == NULL);
}

static void what_lacks_in_a_table_comes_from_files(void)
{
	const char *why;

	for (unsigned without = 1; without < 16; without++) {
		make(sn_good);
		put_table(without, false);
		put_files();
		eq_str(stapled(LIST, &why), "good");
		ok(why == NULL);
	}
}

static void what_lacks_at_all_is_said_and_refused(void)
{
	const char *why;

	make(sn_good);
	eq_str(stapled("", &why), "evidence.chain");
	ok(why != NULL && strstr(why, "vek.der") != NULL);
	put_files();
	drop("cert_chain.pem");
	eq_str(stapled("", &why), "evidence.chain");
	ok(why != NULL && strstr(why, "cert_chain.pem") != NULL);
	put_chain();
	drop("crl.der");
	eq_str(stapled("", &why), "good");
	ok(why == NULL);
	eq_str(stapled(LIST, &why), "evidence.revocation");
	drop("vek.der");
	put("certs.bin", "not a table", 11);
	eq_str(stapled("", &why), "evidence.chain");
	ok(why != NULL);
}

/* ---- reports of real chips ---- */

/* Appends to a file of the folder; false: there is no such sample. */
static bool copy(const char *from, const char *name)
{
	char path[256];
	static uint8_t all[CAP];
	static size_t len;
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/evidence/snp/%s", shared_dir(),
		from);
	f = fopen(path, "rb");
	if (f == NULL)
		return false;
	if (name[0] != '+')
		len = 0;
	n = fread(all + len, 1, sizeof(all) - len, f);
	(void)fclose(f);
	len += n;
	put(name[0] == '+' ? name + 1 : name, all, len);
	memcpy(made, all, len);
	return len == n || name[0] == '+';
}

static bool copy_case(const char *sample, const char *file, const char *name)
{
	char from[128];

	(void)snprintf(from, sizeof(from), "%s/%s", sample, file);
	return copy(from, name);
}

static void accept_measurement(const uint8_t *report, const char *snp)
{
	struct dj_toml_error err;
	char text[400], hex[97];

	for (size_t i = 0; i < 48; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", report[0x90 + i]);
	(void)snprintf(text, sizeof(text),
		"schema = 1\nname = \"t\"\n[keep]\nmeasurement = [ { tee = "
		"\"snp\", sha384 = \"%s\" } ]\n[snp]\n%s\n",
		hex, snp);
	ok(dj_policy_parse(text, strlen(text), "p", &policy, &err) == DJ_OK);
}

static void genuine_reports_are_good_with_what_their_host_would_have(void)
{
	static const struct {
		const char *sample, *issuer, *root, *snp;
		int64_t time;
		bool is_table;
	} t[] = {
		{ "01-milan-v2", "ask-milan", "ark-milan", "", 1704067200,
			false },
		{ "05-milan-v3-vlek-vmpl1", "asvk-milan", "ark-milan",
			"vmpl = [1]", 1748736000, false },
		{ "08-genoa-v3-tsm", "ask-genoa", "ark-genoa", "", 1751328000,
			true },
		{ "09-genoa-v5", "ask-genoa", "ark-genoa", "", 1759276800,
			false },
		{ "10-turin-v5", "ask-turin", "ark-turin", "", 1759276800,
			false },
	};
	static uint8_t report[DJ_SNP_REPORT_SIZE];
	const char *why;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char issuer[32], root[32];

		clean();
		(void)snprintf(issuer, sizeof(issuer), "ca/%s.pem",
			t[i].issuer);
		(void)snprintf(root, sizeof(root), "ca/%s.pem", t[i].root);
		if (!copy_case(t[i].sample, "report.bin", "certs.bin")) {
			skip("no genuine evidence here (DONJON_SHARED)");
			return;
		}
		memcpy(report, made, sizeof(report));
		drop("certs.bin");
		good = (struct dj_evidence){ .format = DJ_FORMAT_SNP,
			.purpose = DJ_PURPOSE_OFFER };
		good.item[DJ_EVIDENCE_REPORT] =
			(struct dj_evidence_item){ report, sizeof(report) };
		accept_measurement(report, t[i].snp);
		eq_str(judged(t[i].time, &why), "evidence.chain");
		ok(copy(issuer, "cert_chain.pem"));
		ok(copy(root, "+cert_chain.pem"));
		ok(copy_case(t[i].sample,
			t[i].is_table ? "auxblob.bin" : "vek.der",
			t[i].is_table ? "certs.bin" : "vek.der"));
		eq_str(judged(t[i].time, &why), "good");
		ok(why == NULL && verdict.hardware);
	}
}

/* ---- the ID block ---- */

static struct dj_launch_id id;

static void put_id(const struct dj_snp_id *block)
{
	uint8_t b[DJ_SNP_ID_BLOCK], a[DJ_SNP_ID_AUTH] = { 1 };

	dj_snp_id_write(block, b);
	a[0x240] = 2; /* the key's curve: P-384 */
	put("id-block.bin", b, sizeof(b));
	put("id-auth.bin", a, sizeof(a));
}

static void an_ID_block_is_two_files_or_none(void)
{
	const struct dj_snp_id block = { .policy = 0x30000, .guest_svn = 7 };
	const uint8_t digest[48] = { 0 };

	clean();
	ok(dj_launch_id_read(folder, &id) == NULL);
	ok(!id.is_there);
	put_id(&block);
	ok(dj_launch_id_read(folder, &id) == NULL);
	ok(id.is_there);
	ok(dj_launch_id_check(&id, digest, 0x30000) == NULL);
	drop("id-auth.bin");
	ok(dj_launch_id_read(folder, &id) != NULL);
	put("id-auth.bin", made, 4095);
	ok(dj_launch_id_read(folder, &id) != NULL);
	put("id-auth.bin", made, 4097);
	ok(dj_launch_id_read(folder, &id) != NULL);
	put_id(&block);
	drop("id-block.bin");
	ok(dj_launch_id_read(folder, &id) != NULL);
	put("id-block.bin", made, 95);
	ok(dj_launch_id_read(folder, &id) != NULL);
}

static void one_that_firmware_would_refuse_is_named(void)
{
	struct dj_snp_id block = { .policy = 0x30000, .digest = { 1 } };
	const uint8_t digest[48] = { 1 }, other[48] = { 2 };

	put_id(&block);
	ok(dj_launch_id_read(folder, &id) == NULL);
	ok(dj_launch_id_check(&id, digest, 0x30000) == NULL);
	ok(strstr(dj_launch_id_check(&id, other, 0x30000), "another image") !=
		NULL);
	ok(strstr(dj_launch_id_check(&id, digest, 0xb0000), "policy") != NULL);
	id.bytes[0x50] = 2;
	ok(strstr(dj_launch_id_check(&id, digest, 0x30000), "version") != NULL);
	id.bytes[0x50] = 1;
	id.bytes[DJ_SNP_ID_BLOCK] = 9;
	ok(strstr(dj_launch_id_check(&id, digest, 0x30000), "P-384") != NULL);
}

int main(void)
{
	if (mkdtemp(folder) == NULL)
		return 1;
	RUN(what_donjon_collateral_fetched_makes_a_report_good);
	RUN(so_does_the_table_of_a_host_with_a_vcek_or_a_vlek);
	RUN(what_lacks_in_a_table_comes_from_files);
	RUN(what_lacks_at_all_is_said_and_refused);
	RUN(genuine_reports_are_good_with_what_their_host_would_have);
	RUN(an_ID_block_is_two_files_or_none);
	RUN(one_that_firmware_would_refuse_is_named);
	clean();
	(void)rmdir(folder);
	return done();
}
