// SPDX-License-Identifier: Apache-2.0
/*
 * The emulated secure processor: what it measures, refuses and answers, and
 * that the judge takes its evidence exactly as it takes AMD's. Needs the built
 * image.
 */
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "attest/judge.h"
#include "attest/policy.h"
#include "emu/emu.h"
#include "emu/snp.h"
#include "lib/evidence/snp_id.h"
#include "lib/evidence/snp_launch.h"
#include "lib/evidence/snp_msg.h"
#include "lib/proto/evidence.h"
#include "lib/proto/hello.h"
#include "tests/tap.h"

#define IMAGE "build/keep/snp.elf"

static uint8_t image[4 << 20];
static size_t image_len;
static char dir[] = "/tmp/donjon-emu-snp-XXXXXX";
static char sub[128];

static size_t slurp(const char *path, void *dst, size_t cap)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, dst, cap);

	if (fd >= 0)
		close(fd);
	return n < 0 ? 0 : (size_t)n;
}

static size_t slurp_in(const char *name, void *dst, size_t cap)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", sub, name);
	return slurp(path, dst, cap);
}

/* A chip, its keys made by donjon-emu's own code; false: none. */
static bool processor(enum dj_snp_product product, uint32_t version,
	struct dj_emu_snp *ret)
{
	struct dj_emu_snp_model m;
	struct dj_emu_key384 key;
	uint8_t random[DJ_EMU_SNP_RANDOM];
	char text[1024];
	size_t n;

	(void)snprintf(sub, sizeof(sub), "%s/%d-%u", dir, product, version);
	if (access(sub, F_OK) != 0 &&
		!(ok(dj_emu_init(sub) == 0) &&
			ok(dj_emu_add_snp(sub, product, version) == 0)))
		return false;
	n = slurp_in("snp.model", text, sizeof(text));
	if (!ok(dj_emu_snp_model_parse(text, n, &m) == NULL))
		return false;
	n = slurp_in("snp.key", text, sizeof(text));
	if (!ok(dj_emu_key384_parse(text, n, &key) == NULL))
		return false;
	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(i + 1);
	dj_emu_snp_init(ret, &m, &key, random);
	return true;
}

static uint8_t config[DJ_EMU_SNP_CONFIG + DJ_EMU_SNP_ID];
static uint8_t launched[DJ_EMU_SNP_LAUNCHED];

static enum dj_emu_snp_status launch(struct dj_emu_snp *s, uint64_t policy)
{
	memset(config, 0, DJ_EMU_SNP_CONFIG);
	memcpy(config, &policy, 8);
	memset(config + 8, 0x5c, 32);
	return dj_emu_snp_launch(s, config, DJ_EMU_SNP_CONFIG, image, image_len,
		launched);
}

/* The guest: its key is in its secrets page. */
static struct dj_key vmpck(unsigned i)
{
	struct dj_key k;

	memcpy(&k, launched + 48 + 4096 + 0x20 + 32UL * i, 32);
	return k;
}

static uint8_t request[4096], response[4096];

static enum dj_emu_snp_status ask(struct dj_emu_snp *s, struct dj_snp_msg *m)
{
	struct dj_key key = vmpck(m->vmpck);

	eq_u64(dj_snp_msg_seal(m, &key, request), DJ_OK);
	return dj_emu_snp_request(s, request, response);
}

static struct dj_snp_msg report_request(uint64_t seqno)
{
	struct dj_snp_msg m = { .seqno = seqno,
		.type = DJ_SNP_MSG_REPORT_REQ,
		.version = 1,
		.size = DJ_SNP_REPORT_REQ_SIZE };
	struct dj_snp_report_req r = { .vmpl = 0 };

	memset(r.data, 0xda, 64);
	dj_snp_report_req_write(&r, m.payload);
	return m;
}

static bool get_report(struct dj_emu_snp *s, uint64_t seqno,
	uint8_t ret[static DJ_SNP_REPORT_SIZE])
{
	struct dj_snp_msg m = report_request(seqno), got;
	struct dj_key key = vmpck(0);
	const uint8_t *p;
	size_t len;

	if (!ok(ask(s, &m) == DJ_EMU_SNP_GOOD) ||
		!ok(dj_snp_msg_answer(response, &key, &m, &got) == DJ_OK) ||
		!ok(dj_snp_report_rsp_parse(got.payload, got.size, &p, &len) ==
			DJ_OK) ||
		!eq_u64(len, DJ_SNP_REPORT_SIZE))
		return false;
	memcpy(ret, p, len);
	return true;
}

/* ---- judged ---- */

static struct dj_policy policy;
static uint8_t evidence[65536];

static size_t pack(const uint8_t *report)
{
	static uint8_t chain[16384];
	struct dj_evidence e = { .format = DJ_FORMAT_EMULATED + DJ_FORMAT_SNP,
		.purpose = DJ_PURPOSE_OFFER };
	size_t len = 0;

	e.item[DJ_EVIDENCE_REPORT].p = report;
	e.item[DJ_EVIDENCE_REPORT].len = DJ_SNP_REPORT_SIZE;
	e.item[DJ_EVIDENCE_CHAIN].p = chain;
	e.item[DJ_EVIDENCE_CHAIN].len =
		slurp_in("snp-chain.pem", chain, sizeof(chain));
	eq_u64(dj_evidence_write(&e, evidence, sizeof(evidence), &len), DJ_OK);
	return len;
}

static const char *judge(size_t len)
{
	static struct dj_verdict v;
	static const struct dj_judge_tee tee = { DJ_TEE_SNP, true };
	struct dj_judge_input in = { .purpose = DJ_JUDGE_ALONE,
		.evidence = evidence,
		.evidence_len = len,
		.policy = &policy,
		.time = time(NULL),
		.tees = &tee,
		.tee_count = 1 };

	dj_verdict_done(&v);
	in.config_hash = config + 8;
	(void)dj_judge(&in, &v);
	return v.good ? "good" : v.error;
}

static bool make_policy(void)
{
	struct dj_snp_launch l;
	struct dj_image img;
	struct dj_toml_error err;
	char pem[8192];
	size_t n = slurp_in("snp-root.pem", pem, sizeof(pem));

	return ok(dj_image_parse(image, image_len, &img) == DJ_OK) &&
		ok(dj_snp_measure(&img, &l) == DJ_OK) &&
		ok(dj_policy_first_run(pem, n, DJ_TEE_SNP, l.digest, &policy,
			   &err) == DJ_OK);
}

static const struct {
	enum dj_snp_product product;
	uint32_t version;
} chips[] = { { DJ_SNP_MILAN, 2 }, { DJ_SNP_GENOA, 3 }, { DJ_SNP_TURIN, 5 } };

static void reports_of_every_product_and_version_are_judged_good(void)
{
	for (size_t i = 0; i < 3; i++) {
		struct dj_emu_snp s;
		uint8_t report[DJ_SNP_REPORT_SIZE];
		size_t len;

		if (!processor(chips[i].product, chips[i].version, &s))
			return;
		eq_u64(launch(&s, 0x30000), DJ_EMU_SNP_GOOD);
		if (!make_policy() || !get_report(&s, 1, report))
			return;
		eq_u64(report[0], chips[i].version);
		len = pack(report);
		eq_str(judge(len), "good");
		policy.development = false;
		eq_str(judge(len), "evidence.development");
	}
}

/* Every third; DONJON_LONG=1 all 9,472. */
static void no_bit_of_an_emulated_report_can_be_changed(void)
{
	struct dj_emu_snp s;
	uint8_t report[DJ_SNP_REPORT_SIZE];
	bool all = getenv("DONJON_LONG") != NULL;
	size_t len, flipped = 0;

	if (!processor(DJ_SNP_TURIN, 5, &s))
		return;
	eq_u64(launch(&s, 0x30000), DJ_EMU_SNP_GOOD);
	if (!make_policy() || !get_report(&s, 1, report))
		return;
	len = pack(report);
	eq_str(judge(len), "good");
	for (size_t bit = 0; bit < 8 * DJ_SNP_REPORT_SIZE;
		bit += all ? 1 : 17) {
		uint8_t *p = &evidence[12 + bit / 8];

		*p ^= (uint8_t)(1 << bit % 8);
		if (!ok(strcmp(judge(len), "good") != 0))
			printf("# bit %zu\n", bit);
		*p ^= (uint8_t)(1 << bit % 8);
		flipped++;
	}
	printf("# %zu bits, one at a time, all refused\n", flipped);
}

/* ---- launches ---- */

static void the_digest_is_the_one_computed_offline(void)
{
	struct dj_emu_snp s;
	struct dj_snp_launch l;
	struct dj_image img;

	if (!processor(DJ_SNP_TURIN, 5, &s))
		return;
	eq_u64(launch(&s, 0x30000), DJ_EMU_SNP_GOOD);
	eq_u64(dj_image_parse(image, image_len, &img), DJ_OK);
	eq_u64(dj_snp_measure(&img, &l), DJ_OK);
	eq_mem(launched, l.digest, 48);
	ok(l.pages <= 128);
	/* The policy is not in it. */
	ok(processor(DJ_SNP_TURIN, 5, &s));
	eq_u64(launch(&s, 0xb0000), DJ_EMU_SNP_GOOD);
	eq_mem(launched, l.digest, 48);
	/* The table says that this is SEV-SNP. */
	eq_u64(dj_snp_cpuid_find(launched + 48, 0x8000001f, 0).ebx, 51);
}

static void a_guest_is_launched_once(void)
{
	struct dj_emu_snp s;

	if (!processor(DJ_SNP_TURIN, 5, &s))
		return;
	eq_u64(launch(&s, 0x30000), DJ_EMU_SNP_GOOD);
	eq_u64(launch(&s, 0x30000), DJ_EMU_SNP_INVALID_PARAM);
}

static void launches_that_are_malformed_are_refused(void)
{
	struct dj_emu_snp s;

	if (!processor(DJ_SNP_TURIN, 5, &s))
		return;
	memset(config, 0, sizeof(config));
	config[2] = 3;
	for (size_t n = 0; n < DJ_EMU_SNP_CONFIG; n += 97)
		eq_u64(dj_emu_snp_launch(&s, config, n, image, image_len,
			       launched),
			DJ_EMU_SNP_INVALID_PARAM);
	eq_u64(dj_emu_snp_launch(&s, config, DJ_EMU_SNP_CONFIG + 1, image,
		       image_len, launched),
		DJ_EMU_SNP_INVALID_PARAM);
	eq_u64(dj_emu_snp_launch(&s, config, DJ_EMU_SNP_CONFIG, image, 100,
		       launched),
		DJ_EMU_SNP_INVALID_PARAM);
	config[40] = 65; /* leaves */
	eq_u64(dj_emu_snp_launch(&s, config, DJ_EMU_SNP_CONFIG, image,
		       image_len, launched),
		DJ_EMU_SNP_INVALID_PARAM);
	config[40] = 64;
	eq_u64(dj_emu_snp_launch(&s, config, DJ_EMU_SNP_CONFIG, image,
		       image_len, launched),
		DJ_EMU_SNP_GOOD);
	eq_u64(dj_snp_cpuid_find(launched + 48, 0x8000001f, 0).ebx, 51);
}

/* Bit 17 must be set, 26 and above clear; the chip has SMT on, an ABI of 1.55,
 * and none of what bits 22 to 25 insist on. */
static void guest_policies_that_the_platform_cannot_hold_are_refused(void)
{
	static const uint64_t bad[] = { 0x10000, 0x20000, 0x30000 | 1 << 22,
		0x30000 | 1 << 23, 0x30000 | 1 << 24, 0x30000 | 1 << 25,
		0x30000 | 1 << 26, UINT64_C(1) << 63 | 0x30000, 0x30138,
		0x30200 };
	static const uint64_t good[] = { 0x30000, 0x30137, 0x300ff, 0xb0000,
		0x70000, 0x130000, 0x230000 };
	struct dj_emu_snp s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!processor(DJ_SNP_TURIN, 5, &s))
			return;
		if (!eq_u64(launch(&s, bad[i]), DJ_EMU_SNP_POLICY))
			printf("# 0x%llx\n", (unsigned long long)bad[i]);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ok(processor(DJ_SNP_TURIN, 5, &s));
		eq_u64(launch(&s, good[i]), DJ_EMU_SNP_GOOD);
	}
}

/* ---- ID blocks ---- */

static EVP_PKEY *owner[2];

static void sign(EVP_PKEY *key, const uint8_t *p, size_t len,
	struct dj_snp_id_signer *ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[200];
	const uint8_t *at = der;
	size_t n = sizeof(der), pub = sizeof(ret->point);
	ECDSA_SIG *sig;

	ok(EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key) == 1);
	ok(EVP_DigestSign(ctx, der, &n, p, len) == 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
	ok(BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret->signature, 48) == 48);
	ok(BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret->signature + 48, 48) == 48);
	ok(EVP_PKEY_get_octet_string_param(key, "pub", ret->point, pub, &pub) ==
		1);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static void make_id(const struct dj_snp_id *id, bool has_author)
{
	struct dj_snp_id_auth a = { .has_author = has_author };
	uint8_t *block = config + DJ_EMU_SNP_CONFIG, *auth = block + 96;

	for (int i = 0; i < 2 && owner[i] == NULL; i++)
		owner[i] = EVP_EC_gen("P-384");
	dj_snp_id_write(id, block);
	sign(owner[0], block, 96, &a.id);
	dj_snp_id_auth_write(&a, auth);
	if (has_author)
		sign(owner[1], auth + 0x240, DJ_SNP_ID_KEY, &a.author);
	dj_snp_id_auth_write(&a, auth);
}

static enum dj_emu_snp_status launch_id(struct dj_emu_snp *s)
{
	const uint64_t p = 0x30000;

	memset(config, 0, DJ_EMU_SNP_CONFIG);
	memcpy(config, &p, 8);
	return dj_emu_snp_launch(s, config, sizeof(config), image, image_len,
		launched);
}

static void an_id_block_must_be_of_this_launch_and_signed(void)
{
	struct dj_emu_snp s;
	struct dj_snp_launch l;
	struct dj_image img;
	struct dj_snp_id good = { .guest_svn = 7, .policy = 0x30000 }, bad;
	uint8_t report[DJ_SNP_REPORT_SIZE];
	struct dj_snp_report r;

	eq_u64(dj_image_parse(image, image_len, &img), DJ_OK);
	eq_u64(dj_snp_measure(&img, &l), DJ_OK);
	memcpy(good.digest, l.digest, 48);
	memset(good.family_id, 0xfa, 16);
	memset(good.image_id, 0x1d, 16);
	for (int author = 0; author < 2; author++) {
		if (!processor(DJ_SNP_TURIN, 5, &s))
			return;
		make_id(&good, author != 0);
		eq_u64(launch_id(&s), DJ_EMU_SNP_GOOD);
		ok(get_report(&s, 1, report));
		eq_u64(dj_snp_report_parse(report, sizeof(report), &r), DJ_OK);
		eq_u64(r.guest_svn, 7);
		eq_mem(r.family_id, good.family_id, 16);
		eq_mem(r.image_id, good.image_id, 16);
		eq_u64(r.has_author_key, (uint64_t)author);
		ok(r.id_key_digest[0] != 0 || r.id_key_digest[1] != 0);
	}
	bad = good;
	bad.digest[47] ^= 1;
	ok(processor(DJ_SNP_TURIN, 5, &s));
	make_id(&bad, false);
	eq_u64(launch_id(&s), DJ_EMU_SNP_BAD_MEASUREMENT);
	bad = good;
	bad.policy |= 1 << 19;
	make_id(&bad, false);
	eq_u64(launch_id(&s), DJ_EMU_SNP_POLICY);
	make_id(&good, true);
	config[DJ_EMU_SNP_CONFIG + 60] ^= 1; /* image_id */
	eq_u64(launch_id(&s), DJ_EMU_SNP_BAD_SIGNATURE);
	make_id(&good, true);
	config[DJ_EMU_SNP_CONFIG + 96 + 0x680] ^= 1; /* author's signature */
	eq_u64(launch_id(&s), DJ_EMU_SNP_BAD_SIGNATURE);
	make_id(&good, false);
	config[DJ_EMU_SNP_CONFIG + 0x50] = 2; /* version */
	eq_u64(launch_id(&s), DJ_EMU_SNP_INVALID_PARAM);
	make_id(&good, false);
	config[DJ_EMU_SNP_CONFIG + 96 + 0x880] = 1; /* a key not announced */
	eq_u64(launch_id(&s), DJ_EMU_SNP_INVALID_PARAM);
	make_id(&good, false);
	config[DJ_EMU_SNP_CONFIG + 96 + 0x40 + 48] = 1; /* above 48 bytes */
	eq_u64(launch_id(&s), DJ_EMU_SNP_INVALID_PARAM);
	make_id(&good, false);
	eq_u64(launch_id(&s), DJ_EMU_SNP_GOOD);
}

/* ---- messages ---- */

static void messages_count_once_and_in_order(void)
{
	static const uint64_t wrong[] = { 0, 2, 3, 4, UINT64_MAX };
	struct dj_emu_snp s;
	struct dj_snp_msg m;
	uint8_t report[DJ_SNP_REPORT_SIZE];

	if (!processor(DJ_SNP_TURIN, 5, &s))
		return;
	m = report_request(1);
	memset(launched, 0, sizeof(launched));
	eq_u64(ask(&s, &m), DJ_EMU_SNP_INVALID_PARAM); /* no guest yet */
	eq_u64(launch(&s, 0x30000), DJ_EMU_SNP_GOOD);
	for (size_t i = 0; i < 5; i++) {
		m = report_request(wrong[i]);
		eq_u64(ask(&s, &m), DJ_EMU_SNP_INVALID_PARAM);
	}
	ok(get_report(&s, 1, report));
	m = report_request(1);
	eq_u64(ask(&s, &m), DJ_EMU_SNP_INVALID_PARAM); /* once more */
	ok(get_report(&s, 3, report));
	/* Another key has its own numbers; the report says who asked. */
	m = report_request(1);
	m.vmpck = 3;
	eq_u64(ask(&s, &m), DJ_EMU_SNP_GOOD);
	ok(get_report(&s, 5, report));
}

static void messages_that_are_malformed_are_refused(void)
{
	struct dj_emu_snp s;
	struct dj_snp_msg m = report_request(1);
	struct dj_key key;
	unsigned good = 0;

	if (!processor(DJ_SNP_TURIN, 5, &s))
		return;
	eq_u64(launch(&s, 0x30000), DJ_EMU_SNP_GOOD);
	m.version = 2;
	eq_u64(ask(&s, &m), DJ_EMU_SNP_INVALID_PARAM);
	m = report_request(1);
	m.type = 7; /* export: no migration here */
	eq_u64(ask(&s, &m), DJ_EMU_SNP_INVALID_PARAM);
	m = report_request(1);
	key = vmpck(1);
	eq_u64(dj_snp_msg_seal(&m, &key, request), DJ_OK);
	eq_u64(dj_emu_snp_request(&s, request, response),
		DJ_EMU_SNP_BAD_MEASUREMENT);
	key = vmpck(0);
	eq_u64(dj_snp_msg_seal(&m, &key, request), DJ_OK);
	for (size_t bit = 0; bit < 8 * (0x60 + m.size); bit++) {
		request[bit / 8] ^= (uint8_t)(1 << bit % 8);
		good += dj_emu_snp_request(&s, request, response) ==
			DJ_EMU_SNP_GOOD;
		request[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	eq_u64(good, 0);
	eq_u64(dj_emu_snp_request(&s, request, response), DJ_EMU_SNP_GOOD);
}

static uint32_t report_status(struct dj_emu_snp *s, uint64_t seqno, size_t off,
	uint8_t value)
{
	struct dj_snp_msg m = report_request(seqno), got;
	struct dj_key key = vmpck(0);

	m.payload[off] = value;
	eq_u64(ask(s, &m), DJ_EMU_SNP_GOOD);
	eq_u64(dj_snp_msg_answer(response, &key, &m, &got), DJ_OK);
	return got.payload[0];
}

static void requests_are_judged_after_they_opened(void)
{
	struct dj_emu_snp s;

	if (!processor(DJ_SNP_TURIN, 5, &s))
		return;
	eq_u64(launch(&s, 0x30000), DJ_EMU_SNP_GOOD);
	eq_u64(report_status(&s, 1, 0x40, 3), DJ_SNP_RSP_GOOD); /* VMPL 3 */
	eq_u64(report_status(&s, 3, 0x40, 4), DJ_SNP_RSP_INVALID);
	eq_u64(report_status(&s, 5, 0x44, 1), DJ_SNP_RSP_GOOD);   /* VCEK */
	eq_u64(report_status(&s, 7, 0x44, 2), DJ_SNP_RSP_NO_KEY); /* VLEK */
	eq_u64(report_status(&s, 9, 0x44, 3), DJ_SNP_RSP_INVALID);
	eq_u64(report_status(&s, 11, 0x48, 1), DJ_SNP_RSP_INVALID);
}

static uint32_t key_of(struct dj_emu_snp *s, uint64_t seqno,
	const struct dj_snp_key_req *q, uint8_t ret[32])
{
	struct dj_snp_msg m = { .seqno = seqno,
		.type = DJ_SNP_MSG_KEY_REQ,
		.version = 1,
		.size = DJ_SNP_KEY_REQ_SIZE },
			  got;
	struct dj_key key = vmpck(0);

	dj_snp_key_req_write(q, m.payload);
	eq_u64(ask(s, &m), DJ_EMU_SNP_GOOD);
	eq_u64(dj_snp_msg_answer(response, &key, &m, &got), DJ_OK);
	eq_u64(got.size, DJ_SNP_KEY_RSP_SIZE);
	memcpy(ret, got.payload + 0x20, 32);
	return got.payload[0];
}

/* Of the chip and of what was chosen, and of no more than that. */
static void derived_keys_depend_on_what_was_chosen(void)
{
	struct dj_snp_key_req q = { .fields = DJ_SNP_KEY_MEASUREMENT };
	struct dj_emu_snp a, b;
	uint8_t one[32], two[32], zero[32] = { 0 };

	if (!processor(DJ_SNP_TURIN, 5, &a) || !processor(DJ_SNP_TURIN, 5, &b))
		return;
	eq_u64(launch(&a, 0x30000), DJ_EMU_SNP_GOOD);
	eq_u64(key_of(&a, 1, &q, one), 0);
	ok(memcmp(one, zero, 32) != 0);
	eq_u64(launch(&b, 0xb0000), DJ_EMU_SNP_GOOD); /* another policy */
	eq_u64(key_of(&b, 1, &q, two), 0);
	eq_mem(one, two, 32);
	q.fields |= DJ_SNP_KEY_POLICY;
	eq_u64(key_of(&a, 3, &q, one), 0);
	eq_u64(key_of(&b, 3, &q, two), 0);
	ok(memcmp(one, two, 32) != 0);
	q.vmpl = 1;
	eq_u64(key_of(&b, 5, &q, one), 0);
	ok(memcmp(one, two, 32) != 0);
	q.vmpl = 4;
	eq_u64(key_of(&b, 7, &q, one), DJ_SNP_RSP_INVALID);
	eq_mem(one, zero, 32);
	q.vmpl = 0;
	q.guest_svn = 1; /* above the launch's */
	eq_u64(key_of(&b, 9, &q, one), DJ_SNP_RSP_INVALID);
	q.guest_svn = 0;
	q.tcb = UINT64_MAX; /* above what is committed */
	eq_u64(key_of(&b, 11, &q, one), DJ_SNP_RSP_INVALID);
	q.tcb = 0;
	q.root = 1; /* a migration agent's */
	eq_u64(key_of(&b, 13, &q, one), DJ_SNP_RSP_NO_KEY);
	/* Another chip. */
	q = (struct dj_snp_key_req){ .fields = DJ_SNP_KEY_MEASUREMENT };
	ok(processor(DJ_SNP_GENOA, 3, &b));
	eq_u64(launch(&b, 0x30000), DJ_EMU_SNP_GOOD);
	eq_u64(key_of(&b, 1, &q, two), 0);
	ok(processor(DJ_SNP_TURIN, 5, &a));
	eq_u64(launch(&a, 0x30000), DJ_EMU_SNP_GOOD);
	eq_u64(key_of(&a, 1, &q, one), 0);
	ok(memcmp(one, two, 32) != 0);
}

static void files_that_are_no_chip_are_refused(void)
{
	static const char good[] = "product Genoa\nreport 5\nchip ";
	struct dj_emu_snp_model m;
	struct dj_emu_key384 k;
	char text[256];
	size_t len = sizeof(good) - 1, accepted = 0;

	memcpy(text, good, len);
	memset(text + len, '7', 128);
	text[len + 128] = '\n';
	len += 129;
	ok(dj_emu_snp_model_parse(text, len, &m) == NULL);
	eq_u64(m.chip_id[63], 0x77);
	for (size_t i = 0; i < len; i++)
		accepted += dj_emu_snp_model_parse(text, i, &m) == NULL;
	eq_u64(accepted, 0);
	text[21] = '4';
	ok(dj_emu_snp_model_parse(text, len, &m) != NULL);
	text[21] = '2';
	memcpy(text + 8, "Turin", 5);
	ok(dj_emu_snp_model_parse(text, len, &m) != NULL);
	text[21] = '5'; /* its chips have 8 bytes */
	ok(dj_emu_snp_model_parse(text, len, &m) != NULL);
	len = slurp_in("process.key", text, sizeof(text));
	ok(len > 0 && dj_emu_key384_parse(text, len, &k) != NULL);
	len = slurp_in("snp.key", text, sizeof(text));
	accepted = 0;
	for (size_t i = 0; i < len - 1; i++)
		accepted += dj_emu_key384_parse(text, i, &k) == NULL;
	eq_u64(accepted, 0);
}

int main(void)
{
	char gone[200];

	image_len = slurp(IMAGE, image, sizeof(image));
	if (image_len == 0 || mkdtemp(dir) == NULL) {
		printf("1..0 # SKIP no %s\n", IMAGE);
		return 0;
	}
	RUN(reports_of_every_product_and_version_are_judged_good);
	RUN(no_bit_of_an_emulated_report_can_be_changed);
	RUN(the_digest_is_the_one_computed_offline);
	RUN(a_guest_is_launched_once);
	RUN(launches_that_are_malformed_are_refused);
	RUN(guest_policies_that_the_platform_cannot_hold_are_refused);
	RUN(an_id_block_must_be_of_this_launch_and_signed);
	RUN(messages_count_once_and_in_order);
	RUN(messages_that_are_malformed_are_refused);
	RUN(requests_are_judged_after_they_opened);
	RUN(derived_keys_depend_on_what_was_chosen);
	RUN(files_that_are_no_chip_are_refused);
	(void)snprintf(gone, sizeof(gone), "rm -rf %s", dir);
	(void)!system(gone);
	return done();
}
