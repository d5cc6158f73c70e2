// SPDX-License-Identifier: Apache-2.0
#include "tests/tap.h"

#include "attest/judge.h"
#include "tests/support/evidence.h"

/*
 * The judge on evidence made here. No genuine samples exist of a process
 * Keep: what signs is the test, what judges is the product.
 */
#define CAP 16384

struct trial {
	struct ev ev;
	struct dj_policy policy;
	struct dj_judge_tee tee;
	struct dj_judge_input in;
	uint8_t config_hash[32], report_data[64], keep_id[32];
};

static struct dj_toml_error err;
static uint8_t evidence[CAP];

static void start(struct trial *t)
{
	memset(t, 0, sizeof(*t));
	ev_good(&t->ev);
	eq_u64(dj_policy_first_run(ev_root_pem(), strlen(ev_root_pem()),
		       DJ_TEE_PROCESS, t->ev.report.measurement, &t->policy,
		       &err),
		DJ_OK);
	t->tee.tee = DJ_TEE_PROCESS;
	memset(t->config_hash, 0xcf, 32);
	t->in.purpose = DJ_JUDGE_OFFER;
	t->in.policy = &t->policy;
	t->in.time = EV_TIME;
	t->in.tees = &t->tee;
	t->in.tee_count = 1;
	t->in.config_hash = t->config_hash;
}

/* Judges these bytes in place of the recipe's. */
static const char *judge_bytes(struct trial *t, const void *p, size_t len,
	struct dj_verdict *v)
{
	dj_status st;

	t->in.hello = t->ev.hello;
	t->in.hello_len = t->ev.hello_len;
	t->in.offer = t->ev.offer;
	t->in.offer_len = t->ev.offer_len;
	t->in.evidence = p;
	t->in.evidence_len = len;
	st = dj_judge(&t->in, v);
	ok((st == DJ_OK) == v->good);
	ok(v->good == (v->error == NULL));
	return v->error == NULL ? "good" : v->error;
}

static const char *judge(struct trial *t)
{
	size_t len = ev_build(&t->ev, evidence, sizeof(evidence));
	struct dj_verdict v;
	const char *error = judge_bytes(t, evidence, len, &v);

	dj_verdict_done(&v);
	return error;
}

static void good_evidence_is_good_and_says_it_protects_nothing(void)
{
	static const char *const order[] = { "offer.format", "offer.suite",
		"offer.state", "offer.config", "offer.tee", "evidence.format",
		"evidence.tee", "evidence.development", "evidence.reserved",
		"evidence.chain", "evidence.validity", "evidence.revocation",
		"evidence.signature", "evidence.report_data",
		"evidence.measurement", "evidence.config", "evidence.mode",
		"evidence.tcb", "evidence.platform" };
	struct dj_verdict v;
	struct trial t;
	size_t len;

	start(&t);
	len = ev_build(&t.ev, evidence, sizeof(evidence));
	eq_str(judge_bytes(&t, evidence, len, &v), "good");
	ok(v.good);
	ok(!v.hardware);
	eq_u64(v.tee, DJ_TEE_PROCESS);
	eq_u64(v.format, DJ_FORMAT_PROCESS);
	eq_mem(v.measurement, t.ev.report.measurement, 32);
	eq_u64(v.check_count, sizeof(order) / sizeof(order[0]));
	for (size_t i = 0; i < v.check_count; i++)
		eq_str(v.checks[i].name, order[i]);
	eq_u64(dj_verdict_check(&v, "evidence.measurement")->policy_line, 7);
	eq_u64(dj_verdict_check(&v, "evidence.chain")->policy_line, 5);
	dj_verdict_done(&v);
}

/* Faults: each alone is found by its own check. */

static void other_measurement(struct trial *t)
{
	t->ev.report.measurement[31] ^= 1;
}
static void wrong_root_same_name(struct trial *t)
{
	t->ev.root.key = t->ev.root.signer = EV_KEY_OTHER_ROOT;
	t->ev.leaf.signer = EV_KEY_OTHER_ROOT;
}
static void leaf_by_another_root(struct trial *t)
{
	t->ev.leaf.signer = EV_KEY_OTHER_LEAF;
}
static void leaf_issuer_name(struct trial *t)
{
	t->ev.leaf.issuer = "another root";
}
static void same_key_another_root_certificate(struct trial *t)
{
	t->ev.root.to++;
}
static void leaf_expired(struct trial *t)
{
	t->ev.leaf.to = EV_TIME - 1;
}
static void leaf_not_yet_valid(struct trial *t)
{
	t->ev.leaf.from = EV_TIME + 1;
}
static void judged_too_late(struct trial *t)
{
	t->in.time = EV_TIME + 86401;
}
static void root_without_ca(struct trial *t)
{
	t->ev.root.constraints = "critical,CA:FALSE";
}
static void root_without_constraints(struct trial *t)
{
	t->ev.root.constraints = NULL;
}
static void root_without_certsign(struct trial *t)
{
	t->ev.root.usage = "critical,digitalSignature";
}
static void leaf_that_is_a_ca(struct trial *t)
{
	t->ev.leaf.constraints = "critical,CA:TRUE";
}
static void leaf_without_usage(struct trial *t)
{
	t->ev.leaf.usage = NULL;
}
static void leaf_that_may_sign_certificates(struct trial *t)
{
	t->ev.leaf.usage = "critical,digitalSignature,keyCertSign";
}
static void leaf_version_1(struct trial *t)
{
	t->ev.leaf.version = X509_VERSION_1;
}
static void leaf_with_unknown_critical(struct trial *t)
{
	t->ev.leaf.unknown = "1.2.3.4";
}
static void leaf_signed_with_sha384(struct trial *t)
{
	t->ev.leaf.sha384 = true;
}
static void leaf_on_p384(struct trial *t)
{
	t->ev.leaf.key = t->ev.report_key = EV_KEY_P384;
}
static void leaf_on_secp256k1(struct trial *t)
{
	t->ev.leaf.key = t->ev.report_key = EV_KEY_K256;
}
static void leaf_with_its_own_curve(struct trial *t)
{
	t->ev.leaf.key = t->ev.report_key = EV_KEY_EXPLICIT;
}
static void swapped_certificates(struct trial *t)
{
	t->ev.swapped = true;
}
static void only_one_certificate(struct trial *t)
{
	t->ev.only_leaf = true;
}
static void a_third_certificate(struct trial *t)
{
	t->ev.third = true;
}
static void report_by_another_key(struct trial *t)
{
	t->ev.report_key = EV_KEY_OTHER_LEAF;
}
static void report_by_the_root_key(struct trial *t)
{
	t->ev.report_key = EV_KEY_ROOT;
}
static void offer_names_another_config(struct trial *t)
{
	t->ev.offer[80 + 31] ^= 1; /* the last byte of it */
}
static void report_names_another_config(struct trial *t)
{
	t->ev.report.config_hash[31] ^= 1;
}
static void label_again(struct trial *t)
{
	t->ev.label = DJ_LABEL_AGAIN;
}
static void label_workload(struct trial *t)
{
	t->ev.label = DJ_LABEL_WORKLOAD;
}
static void stale_report_data(struct trial *t)
{
	memset(t->ev.report.report_data, 0x55, 64);
}
static void format_of_kvm(struct trial *t)
{
	t->ev.format = DJ_FORMAT_KVM;
}
/* Evidence of one TEE with the offer of another, both of them wanted. */
static void format_of_kvm_with_an_offer_of_process(struct trial *t)
{
	uint8_t *end = t->ev.hello + t->ev.hello_len;

	t->ev.hello[5]++;
	end[0] = DJ_FORMAT_KVM >> 8;
	end[1] = DJ_FORMAT_KVM & 0xff;
	t->ev.hello_len += 2;
	t->in.tee_count = 0;
	t->ev.format = DJ_FORMAT_KVM;
	t->ev.report.tee = DJ_TEE_KVM;
	t->policy.measures[0].tee = DJ_TEE_KVM;
}
static void format_of_snp(struct trial *t)
{
	t->ev.format = DJ_FORMAT_SNP;
}
static void purpose_again(struct trial *t)
{
	t->ev.purpose = DJ_PURPOSE_AGAIN;
}
static void report_of_another_tee(struct trial *t)
{
	t->ev.report.tee = DJ_TEE_SNP;
}
static void offer_of_another_tee(struct trial *t)
{
	t->ev.offer[6] = DJ_TEE_SNP;
}
static void offer_already_attached(struct trial *t)
{
	t->ev.offer[11] = 1;
}
static void offer_owned(struct trial *t)
{
	t->ev.offer[7] = DJ_KEEP_OWNED;
}
static void offer_without_keep_id(struct trial *t)
{
	memset(t->ev.offer + 16, 0, 32);
}
/* Its length is right, its last item's is not. */
static void offer_with_half_an_item(struct trial *t)
{
	static const uint8_t half[] = { 0, 5, 0, 1, 0, 8, 0 };

	memcpy(t->ev.offer + 146, half, sizeof(half));
	t->ev.offer_len = 146 + sizeof(half);
}
static void suite_not_asked_for(struct trial *t)
{
	/* HELLO asks for 0x0002 twice; OFFER has 0x0001. */
	t->ev.hello[72 + 3] = 2;
}
static void suite_not_in_policy(struct trial *t)
{
	t->policy.suites[t->policy.suite_count++] = 0x0002;
}
static void format_not_in_hello(struct trial *t)
{
	t->ev.hello[72 + 5] ^= 3;
}
static void svn_zero(struct trial *t)
{
	t->ev.report.svn = 0;
}
static void platform_of_another_key(struct trial *t)
{
	t->ev.keep_platform = true;
}
static void platform_not_listed(struct trial *t)
{
	memset(t->policy.platforms[0].sha256, 0x99, 32);
	t->policy.platform_count = 1;
}
static void no_development(struct trial *t)
{
	t->policy.development = false;
}
static void no_root_loaded(struct trial *t)
{
	t->policy.roots[0].der_len = 0;
}
static void no_root_at_all(struct trial *t)
{
	t->policy.root_count = 0;
}
static void no_measurement(struct trial *t)
{
	t->policy.measure_count = 0;
}
static void measurement_of_another_tee(struct trial *t)
{
	t->policy.measures[0].tee = DJ_TEE_KVM;
}
static void snp_was_wanted(struct trial *t)
{
	t->tee.tee = DJ_TEE_SNP;
}
static void emulated_process_was_wanted(struct trial *t)
{
	t->tee.emulated = true;
}
static void zero_r(struct trial *t)
{
	t->ev.keep_signature = true;
	memset(t->ev.report.signature + 32, 1, 32);
}
static void zero_s(struct trial *t)
{
	t->ev.keep_signature = true;
	memset(t->ev.report.signature, 1, 32);
}
static void set_to_n(uint8_t *p)
{
	static const uint8_t n[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
		0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc,
		0x63, 0x25, 0x51 };

	memcpy(p, n, 32);
}
static void r_is_n(struct trial *t)
{
	zero_r(t);
	set_to_n(t->ev.report.signature);
}
static void s_is_n(struct trial *t)
{
	zero_s(t);
	set_to_n(t->ev.report.signature + 32);
}
static void r_and_s_are_zero(struct trial *t)
{
	t->ev.keep_signature = true;
	memset(t->ev.report.signature, 0, 64);
}
static void a_block_was_not_asked_for(struct trial *t)
{
	t->in.config_hash = NULL;
}

static const struct fault {
	const char *what;
	void (*make)(struct trial *t);
	const char *error;
} faults[] = {
#define FAULT(f, error)      \
	{                    \
#f, f, error \
	}
	FAULT(other_measurement, "evidence.measurement"),
	FAULT(wrong_root_same_name, "evidence.chain"),
	FAULT(leaf_by_another_root, "evidence.chain"),
	FAULT(leaf_issuer_name, "evidence.chain"),
	FAULT(same_key_another_root_certificate, "evidence.chain"),
	FAULT(leaf_expired, "evidence.validity"),
	FAULT(leaf_not_yet_valid, "evidence.validity"),
	FAULT(judged_too_late, "evidence.validity"),
	FAULT(root_without_ca, "evidence.chain"),
	FAULT(root_without_constraints, "evidence.chain"),
	FAULT(root_without_certsign, "evidence.chain"),
	FAULT(leaf_that_is_a_ca, "evidence.chain"),
	FAULT(leaf_without_usage, "evidence.chain"),
	FAULT(leaf_that_may_sign_certificates, "evidence.chain"),
	FAULT(leaf_version_1, "evidence.chain"),
	FAULT(leaf_with_unknown_critical, "evidence.chain"),
	FAULT(leaf_signed_with_sha384, "evidence.chain"),
	FAULT(leaf_on_p384, "evidence.chain"),
	FAULT(leaf_on_secp256k1, "evidence.chain"),
	FAULT(leaf_with_its_own_curve, "evidence.chain"),
	FAULT(swapped_certificates, "evidence.chain"),
	FAULT(only_one_certificate, "evidence.chain"),
	FAULT(a_third_certificate, "evidence.chain"),
	FAULT(report_by_another_key, "evidence.signature"),
	FAULT(report_by_the_root_key, "evidence.signature"),
	FAULT(offer_names_another_config, "offer.config"),
	FAULT(report_names_another_config, "evidence.config"),
	FAULT(label_again, "evidence.report_data"),
	FAULT(label_workload, "evidence.report_data"),
	FAULT(stale_report_data, "evidence.report_data"),
	FAULT(format_of_kvm, "evidence.format"),
	FAULT(format_of_kvm_with_an_offer_of_process, "evidence.format"),
	FAULT(format_of_snp, "evidence.format"),
	FAULT(purpose_again, "evidence.format"),
	FAULT(report_of_another_tee, "evidence.reserved"),
	FAULT(offer_of_another_tee, "offer.tee"),
	FAULT(offer_already_attached, "offer.state"),
	FAULT(offer_owned, "offer.state"),
	FAULT(offer_without_keep_id, "offer.state"),
	FAULT(offer_with_half_an_item, "offer.format"),
	FAULT(suite_not_asked_for, "offer.suite"),
	FAULT(suite_not_in_policy, "offer.suite"),
	FAULT(format_not_in_hello, "evidence.format"),
	FAULT(svn_zero, "evidence.tcb"),
	FAULT(platform_of_another_key, "evidence.platform"),
	FAULT(platform_not_listed, "evidence.platform"),
	FAULT(no_development, "evidence.development"),
	FAULT(no_root_loaded, "evidence.chain"),
	FAULT(no_root_at_all, "evidence.chain"),
	FAULT(no_measurement, "evidence.measurement"),
	FAULT(measurement_of_another_tee, "evidence.measurement"),
	FAULT(snp_was_wanted, "offer.tee"),
	FAULT(emulated_process_was_wanted, "evidence.tee"),
	FAULT(zero_r, "evidence.signature"),
	FAULT(zero_s, "evidence.signature"),
	FAULT(r_is_n, "evidence.signature"),
	FAULT(s_is_n, "evidence.signature"),
	FAULT(r_and_s_are_zero, "evidence.signature"),
	FAULT(a_block_was_not_asked_for, "offer.config"),
};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static void each_fault_is_refused_by_its_own_check(void)
{
	for (size_t i = 0; i < FAULTS; i++) {
		struct trial t;

		start(&t);
		faults[i].make(&t);
		if (!eq_str(judge(&t), faults[i].error))
			printf("# %s\n", faults[i].what);
	}
}

/* And is the only check that fails, so that a reader sees what is wrong. */
static void a_wrong_measurement_fails_nothing_else(void)
{
	struct dj_verdict v;
	struct trial t;
	size_t len;

	start(&t);
	other_measurement(&t);
	len = ev_build(&t.ev, evidence, sizeof(evidence));
	eq_str(judge_bytes(&t, evidence, len, &v), "evidence.measurement");
	for (size_t i = 0; i < v.check_count; i++)
		ok((v.checks[i].state == DJ_CHECK_FAILED) ==
			(strcmp(v.checks[i].name, "evidence.measurement") ==
				0));
	eq_str(dj_verdict_check(&v, "evidence.measurement")->want[0],
		"3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e"
		"3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e");
	ok(!v.hardware);
	dj_verdict_done(&v);
}

static void no_two_faults_cancel(void)
{
	for (size_t i = 0; i < FAULTS; i++) {
		for (size_t k = i + 1; k < FAULTS; k++) {
			struct trial t;

			start(&t);
			faults[i].make(&t);
			faults[k].make(&t);
			if (!ok(strcmp(judge(&t), "good") != 0))
				printf("# %s, %s\n", faults[i].what,
					faults[k].what);
		}
	}
}

static bool refused(struct trial *t, const void *p, size_t len)
{
	struct dj_verdict v;
	const char *error = judge_bytes(t, p, len, &v);
	bool yes = strncmp(error, "evidence.", 9) == 0 &&
		dj_verdict_check(&v, error)->state == DJ_CHECK_FAILED;

	dj_verdict_done(&v);
	return yes;
}

static void every_bit_of_evidence_counts(void)
{
	struct trial t;
	size_t len;

	start(&t);
	len = ev_build(&t.ev, evidence, sizeof(evidence));
	for (size_t bit = 0; bit < len * 8; bit++) {
		evidence[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!ok(refused(&t, evidence, len)))
			printf("# bit %zu\n", bit);
		evidence[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ok(!refused(&t, evidence, len));
}

static void every_cut_and_every_tail_of_evidence_is_refused(void)
{
	struct trial t;
	size_t len;

	start(&t);
	len = ev_build(&t.ev, evidence, sizeof(evidence));
	for (size_t n = 0; n < len; n++)
		ok(refused(&t, evidence, n));
	memset(evidence + len, 0, 64);
	for (size_t n = 1; n <= 64; n++)
		ok(refused(&t, evidence, len + n));
}

/* The report alone, in evidence that is otherwise well formed. */
static void every_cut_and_every_tail_of_a_report_is_refused(void)
{
	uint8_t report[DJ_PROCESS_REPORT_SIZE + 64] = { 0 };
	char chain[8192];
	struct trial t;

	start(&t);
	ev_report(&t.ev, report);
	ev_chain(&t.ev, chain, sizeof(chain));
	for (size_t n = 0; n <= sizeof(report); n++) {
		size_t len = ev_pack(&t.ev, report, n, chain, strlen(chain),
			evidence, sizeof(evidence));

		ok(refused(&t, evidence, len) == (n != DJ_PROCESS_REPORT_SIZE));
	}
}

static size_t with_der(struct trial *t, const uint8_t *leaf, size_t leaf_len,
	const uint8_t *root, size_t root_len)
{
	uint8_t report[DJ_PROCESS_REPORT_SIZE];
	static char chain[16384];

	ev_report(&t->ev, report);
	chain[0] = '\0';
	ev_pem(leaf, leaf_len, chain, sizeof(chain));
	ev_pem(root, root_len, chain, sizeof(chain));
	return ev_pack(&t->ev, report, sizeof(report), chain, strlen(chain),
		evidence, sizeof(evidence));
}

/* A certificate's DER, changed inside PEM that is well formed. */
static void change_der(bool change_root)
{
	static uint8_t der[2][4096];
	uint8_t *p, *changed = der[change_root];
	size_t len[2];
	struct trial t;

	start(&t);
	p = der[0];
	len[0] = (size_t)i2d_X509(ev_cert(&t.ev.leaf), &p);
	p = der[1];
	len[1] = (size_t)i2d_X509(ev_cert(&t.ev.root), &p);
	for (size_t bit = 0; bit < len[change_root] * 8; bit++) {
		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!ok(refused(&t, evidence,
			    with_der(&t, der[0], len[0], der[1], len[1]))))
			printf("# bit %zu of %s\n", bit,
				change_root ? "root" : "leaf");
		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t n = 1; n <= len[change_root] + 64; n++) {
		size_t l = change_root ? len[0] : n;
		size_t r = change_root ? n : len[1];

		ok(refused(&t, evidence, with_der(&t, der[0], l, der[1], r)) ==
			(n != len[change_root]));
	}
}

static void every_bit_cut_and_tail_of_the_leaf_is_refused(void)
{
	change_der(false);
}

static void every_bit_cut_and_tail_of_the_root_is_refused(void)
{
	change_der(true);
}

/* The outer length in a byte more than it needs: BER, the same certificate. */
static void a_certificate_has_one_encoding(void)
{
	static uint8_t der[2][4096], longer[4096];
	size_t len[2];
	struct trial t;

	start(&t);
	for (int i = 0; i < 2; i++) {
		uint8_t *p = der[i];

		len[i] = (size_t)i2d_X509(ev_cert(i == 0 ? &t.ev.leaf
							 : &t.ev.root),
			&p);
		eq_u64(der[i][1], 0x82);
	}
	ok(!refused(&t, evidence,
		with_der(&t, der[0], len[0], der[1], len[1])));
	for (int i = 0; i < 2; i++) {
		const uint8_t *leaf = i == 0 ? longer : der[0];
		const uint8_t *root = i == 1 ? longer : der[1];

		memcpy(longer, "\x30\x83\x00", 3);
		memcpy(longer + 3, der[i] + 2, len[i] - 2);
		ok(refused(&t, evidence,
			with_der(&t, leaf, len[0] + (i == 0), root,
				len[1] + (i == 1))));
	}
}

/* Text around and inside the PEM blocks that lenient readers pass over. */
static void a_chain_in_pem_has_one_spelling(void)
{
	static const struct {
		const char *from, *to;
	} edits[] = {
		{ "-----BEGIN", " -----BEGIN" },
		{ "-----BEGIN", "text\n-----BEGIN" },
		{ "-----BEGIN", "\n-----BEGIN" },
		{ "CERTIFICATE-----\n", "CERTIFICATE-----\r\n" },
		{ "CERTIFICATE-----\n", "CERTIFICATE-----\n\n" },
		{ "CERTIFICATE-----\n", "CERTIFICATE----- \n" },
		{ "CERTIFICATE-----\n", "CERTIFICATE-----\nA: b\n\n" },
		{ "BEGIN CERTIFICATE", "BEGIN X509 CERTIFICATE" },
		{ "BEGIN CERTIFICATE", "BEGIN TRUSTED CERTIFICATE" },
		{ "-----END CERTIFICATE-----\n", "-----END CERTIFICATE-----" },
		{ "-----END CERTIFICATE-----\n",
			"-----END CERTIFICATE-----\n#\n" },
		{ "-----END", "\n-----END" },
		{ "-----\nMIIB", "-----\nMIIB\n" },
		{ "-----END", "====\n-----END" },
	};
	uint8_t report[DJ_PROCESS_REPORT_SIZE];
	static char chain[8192], edited[8192];
	struct trial t;

	start(&t);
	ev_report(&t.ev, report);
	ev_chain(&t.ev, chain, sizeof(chain));
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		const char *at = strstr(chain, edits[i].from);
		size_t len;

		if (!ok(at != NULL))
			continue;
		snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - chain),
			chain, edits[i].to, at + strlen(edits[i].from));
		len = ev_pack(&t.ev, report, sizeof(report), edited,
			strlen(edited), evidence, sizeof(evidence));
		if (!ok(refused(&t, evidence, len)))
			printf("# edit %zu\n", i);
	}
}

static void every_bit_of_hello_and_offer_counts(void)
{
	struct trial t;
	size_t len;
	struct dj_verdict v;

	start(&t);
	len = ev_build(&t.ev, evidence, sizeof(evidence));
	for (size_t bit = 0; bit < t.ev.hello_len * 8; bit++) {
		t.ev.hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ok(strcmp(judge_bytes(&t, evidence, len, &v), "good") != 0);
		dj_verdict_done(&v);
		t.ev.hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < t.ev.offer_len * 8; bit++) {
		t.ev.offer[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ok(strcmp(judge_bytes(&t, evidence, len, &v), "good") != 0);
		dj_verdict_done(&v);
		t.ev.offer[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	eq_str(judge(&t), "good");
}

/* Alone it is found by no fault above: another root is another chain. */
static void an_expired_root_of_the_policy_is_refused(void)
{
	char pem[8192];
	struct trial t;
	struct ev root;

	for (int i = 0; i < 2; i++) {
		start(&t);
		t.ev.root.to = EV_TIME - i;
		root = t.ev;
		root.leaf = t.ev.root;
		root.only_leaf = true;
		ev_chain(&root, pem, sizeof(pem));
		eq_u64(dj_policy_set_root(&t.policy, 0, pem, strlen(pem), &err),
			DJ_OK);
		eq_str(judge(&t), i == 0 ? "good" : "evidence.validity");
	}
}

static void without_development_the_chain_is_not_trusted_either(void)
{
	struct dj_verdict v;
	struct trial t;
	size_t len;

	start(&t);
	t.policy.development = false;
	len = ev_build(&t.ev, evidence, sizeof(evidence));
	eq_str(judge_bytes(&t, evidence, len, &v), "evidence.development");
	eq_u64(dj_verdict_check(&v, "evidence.chain")->state, DJ_CHECK_FAILED);
	dj_verdict_done(&v);
}

static void items_that_the_format_does_not_have_are_refused(void)
{
	uint8_t report[DJ_PROCESS_REPORT_SIZE];
	char chain[8192];
	struct trial t;

	start(&t);
	ev_report(&t.ev, report);
	ev_chain(&t.ev, chain, sizeof(chain));
	for (int tag = 3; tag < DJ_EVIDENCE_TAGS; tag++) {
		struct dj_evidence e = { .format = DJ_FORMAT_PROCESS,
			.purpose = DJ_PURPOSE_OFFER };
		struct dj_verdict v;
		size_t len = 0;

		e.item[1].p = report;
		e.item[1].len = sizeof(report);
		e.item[2].p = (const uint8_t *)chain;
		e.item[2].len = strlen(chain);
		e.item[tag].p = report;
		e.item[tag].len = 1;
		eq_u64(dj_evidence_write(&e, evidence, sizeof(evidence), &len),
			DJ_OK);
		eq_str(judge_bytes(&t, evidence, len, &v), "evidence.reserved");
		dj_verdict_done(&v);
	}
}

static void validity_includes_its_ends(void)
{
	struct trial t;

	start(&t);
	t.in.time = EV_TIME - 86400;
	eq_str(judge(&t), "good");
	t.in.time--;
	eq_str(judge(&t), "evidence.validity");
	t.in.time = EV_TIME + 86400;
	eq_str(judge(&t), "good");
	t.in.time++;
	eq_str(judge(&t), "evidence.validity");
	t.in.time = -1;
	eq_str(judge(&t), "evidence.validity");
	t.in.time = INT64_C(1) << 40;
	eq_str(judge(&t), "evidence.validity");
}

/* A reattach: HELLO names the Keep, OFFER says owned. */
static void make_reattach(struct trial *t)
{
	struct dj_hello h;

	start(t);
	eq_u64(dj_hello_parse(t->ev.hello, t->ev.hello_len, &h), DJ_OK);
	h.mode = DJ_MODE_REATTACH;
	memset(h.keep_id, 0x1d, 32);
	ev_hello(&t->ev, &h);
	t->ev.offer[7] = DJ_KEEP_OWNED;
	t->ev.offer[11] = 3;
	memset(t->keep_id, 0x1d, 32);
	t->in.keep_id = t->keep_id;
	t->in.attach_no = 3;
}

static void a_reattach_is_to_the_same_keep_and_no_earlier_state(void)
{
	struct trial t;

	make_reattach(&t);
	eq_str(judge(&t), "good");
	t.in.attach_no = 4;
	eq_str(judge(&t), "offer.state");
	make_reattach(&t);
	t.keep_id[0]++;
	eq_str(judge(&t), "offer.state");
	make_reattach(&t);
	t.ev.offer[16]++;
	eq_str(judge(&t), "offer.state");
	make_reattach(&t);
	t.ev.offer[7] = DJ_KEEP_FRESH;
	eq_str(judge(&t), "offer.state");
	make_reattach(&t);
	t.ev.offer[11] = 0;
	t.in.attach_no = 0;
	eq_str(judge(&t), "offer.state");
	/* The ticket says reattach, HELLO forgot to. */
	start(&t);
	memset(t.keep_id, 0x1d, 32);
	t.in.keep_id = t.keep_id;
	eq_str(judge(&t), "offer.state");
}

static void again_and_receipts_are_judged_by_their_own_data(void)
{
	static const enum dj_label labels[] = { DJ_LABEL_AGAIN,
		DJ_LABEL_RECEIPT };
	uint8_t b[32];

	memset(b, 0xb2, sizeof(b));
	for (int i = 0; i < 2; i++) {
		struct trial t;

		start(&t);
		t.in.purpose = i == 0 ? DJ_JUDGE_AGAIN : DJ_JUDGE_RECEIPT;
		t.ev.purpose = (uint16_t)t.in.purpose;
		dj_report_data(b, labels[i], t.report_data);
		memcpy(t.ev.report.report_data, t.report_data, 64);
		/* What the caller must give and did not. */
		eq_str(judge(&t), "evidence.report_data");
		t.in.report_data = t.report_data;
		eq_str(judge(&t), "good");
		t.report_data[63] ^= 1;
		eq_str(judge(&t), "evidence.report_data");
		t.report_data[63] ^= 1;
		t.ev.purpose = DJ_PURPOSE_OFFER;
		eq_str(judge(&t), "evidence.format");
	}
}

static void the_caller_cannot_set_what_an_offer_is_bound_to(void)
{
	struct trial t;

	start(&t);
	memset(t.report_data, 0x55, 64);
	memset(t.ev.report.report_data, 0x55, 64);
	t.in.report_data = t.report_data;
	eq_str(judge(&t), "evidence.report_data");
}

/* Evidence without its session: a receipt, or a report by itself. */
static void an_offer_or_again_without_session_is_refused(void)
{
	struct dj_verdict v;
	struct trial t;
	size_t len;

	start(&t);
	t.ev.report.report_data[0] = 1;
	len = ev_build(&t.ev, evidence, sizeof(evidence));
	t.in.evidence = evidence;
	t.in.evidence_len = len;
	eq_u64(dj_judge(&t.in, &v), DJ_E_AUTH);
	eq_str(v.error, "offer.format");
	dj_verdict_done(&v);
	t.in.purpose = DJ_JUDGE_ALONE;
	eq_u64(dj_judge(&t.in, &v), DJ_OK);
	eq_u64(dj_verdict_check(&v, "evidence.report_data")->state,
		DJ_CHECK_NA);
	dj_verdict_done(&v);
	memset(t.report_data, 0, 64);
	t.in.report_data = t.report_data;
	eq_u64(dj_judge(&t.in, &v), DJ_E_AUTH);
	eq_str(v.error, "evidence.report_data");
	dj_verdict_done(&v);
}

static void a_bundle_without_its_block_says_so(void)
{
	struct dj_verdict v;
	struct trial t;
	size_t len;

	start(&t);
	t.in.config_hash = NULL;
	t.in.config_unknown = true;
	len = ev_build(&t.ev, evidence, sizeof(evidence));
	eq_str(judge_bytes(&t, evidence, len, &v), "good");
	eq_u64(dj_verdict_check(&v, "offer.config")->state, DJ_CHECK_NA);
	dj_verdict_done(&v);
}

static void formats_are_offered_only_where_the_policy_allows(void)
{
	uint16_t formats[8];
	struct trial t;

	start(&t);
	eq_u64(dj_judge_formats(&t.policy, DJ_TEE_PROCESS, false, formats, 8),
		1);
	eq_u64(formats[0], DJ_FORMAT_PROCESS);
	eq_u64(dj_judge_formats(&t.policy, DJ_TEE_PROCESS, true, formats, 8),
		0);
	eq_u64(dj_judge_formats(&t.policy, DJ_TEE_SNP, false, formats, 8), 1);
	eq_u64(formats[0], DJ_FORMAT_SNP);
	eq_u64(dj_judge_formats(&t.policy, DJ_TEE_SNP, true, formats, 8), 1);
	eq_u64(formats[0], DJ_FORMAT_EMULATED + DJ_FORMAT_SNP);
	eq_u64(dj_judge_formats(&t.policy, DJ_TEE_TDX, false, formats, 8), 0);
	eq_u64(dj_judge_formats(&t.policy, DJ_TEE_PROCESS, false, formats, 0),
		0);
	t.policy.development = false;
	eq_u64(dj_judge_formats(&t.policy, DJ_TEE_PROCESS, false, formats, 8),
		0);
}

static size_t explained;

static void on_field(void *ctx, size_t off, size_t len, const char *name,
	const char *value)
{
	(void)ctx;
	ok(name != NULL && value != NULL);
	eq_u64(off, explained);
	explained = off + len;
}

static void explaining_shows_every_byte_of_a_report_once(void)
{
	struct trial t;
	size_t len;

	start(&t);
	len = ev_build(&t.ev, evidence, sizeof(evidence));
	explained = 0;
	ok(dj_judge_explain(evidence, len, on_field, NULL));
	eq_u64(explained, DJ_PROCESS_REPORT_SIZE);
	ok(!dj_judge_explain(evidence, len - 1, on_field, NULL));
}

int main(void)
{
	RUN(good_evidence_is_good_and_says_it_protects_nothing);
	RUN(each_fault_is_refused_by_its_own_check);
	RUN(a_wrong_measurement_fails_nothing_else);
	RUN(no_two_faults_cancel);
	RUN(every_bit_of_evidence_counts);
	RUN(every_cut_and_every_tail_of_evidence_is_refused);
	RUN(every_cut_and_every_tail_of_a_report_is_refused);
	RUN(every_bit_cut_and_tail_of_the_leaf_is_refused);
	RUN(every_bit_cut_and_tail_of_the_root_is_refused);
	RUN(a_certificate_has_one_encoding);
	RUN(a_chain_in_pem_has_one_spelling);
	RUN(every_bit_of_hello_and_offer_counts);
	RUN(an_expired_root_of_the_policy_is_refused);
	RUN(without_development_the_chain_is_not_trusted_either);
	RUN(items_that_the_format_does_not_have_are_refused);
	RUN(validity_includes_its_ends);
	RUN(a_reattach_is_to_the_same_keep_and_no_earlier_state);
	RUN(again_and_receipts_are_judged_by_their_own_data);
	RUN(the_caller_cannot_set_what_an_offer_is_bound_to);
	RUN(an_offer_or_again_without_session_is_refused);
	RUN(a_bundle_without_its_block_says_so);
	RUN(formats_are_offered_only_where_the_policy_allows);
	RUN(explaining_shows_every_byte_of_a_report_once);
	return done();
}
