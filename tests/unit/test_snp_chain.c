// SPDX-License-Identifier: Apache-2.0
#include "tests/support/snp_verdict.h"

/* Chains of SEV-SNP and revocation lists, each fault that no genuine one has. */
static void other_root_key(struct sn *s)
{
	s->ark.key = s->ark.signer = s->ask.signer = SN_OTHER;
}
static void root_not_by_itself(struct sn *s)
{
	s->ark.signer = SN_OTHER;
}
static void issuer_by_another(struct sn *s)
{
	s->ask.signer = SN_OTHER;
}
static void key_by_another(struct sn *s)
{
	s->vek.signer = SN_OTHER;
}
static void key_by_root(struct sn *s)
{
	s->vek.signer = SN_ARK;
}
static void key_names_another_issuer(struct sn *s)
{
	s->vek.issuer = "SEV-Milan";
}
static void issuer_no_ca(struct sn *s)
{
	s->ask.constraints = "critical,CA:FALSE";
}
static void issuer_may_not_sign(struct sn *s)
{
	s->ask.usage = "critical,digitalSignature";
}
static void issuer_of_pkcs1(struct sn *s)
{
	s->ask.salt = 0;
}
static void key_of_pkcs1(struct sn *s)
{
	s->vek.salt = 0;
}
static void key_of_short_salt(struct sn *s)
{
	s->vek.salt = 32;
}
static void key_of_sha256(struct sn *s)
{
	s->vek.sha256 = true;
}
static void key_of_p256(struct sn *s)
{
	s->vek.key = SN_P256;
}
static void key_of_rsa(struct sn *s)
{
	s->vek.key = SN_OTHER;
}
static void issuer_of_rsa_2048(struct sn *s)
{
	s->ask.key = s->vek.signer = SN_SMALL;
}
static void key_is_a_ca(struct sn *s)
{
	s->vek.constraints = "critical,CA:TRUE";
}
static void key_with_unknown(struct sn *s)
{
	s->vek.unknown = "1.2.3.4";
}
static void issuer_is_for_vleks(struct sn *s)
{
	s->ask.subject = s->vek.issuer = "SEV-VLEK-Genoa";
}
static void issuer_of_another_product(struct sn *s)
{
	s->ask.subject = s->vek.issuer = "SEV-Milan";
}
static void key_called_vlek(struct sn *s)
{
	s->vek.subject = "SEV-VLEK";
}
static void product_milan(struct sn *s)
{
	s->product = "Milan";
}
static void product_longer(struct sn *s)
{
	s->product = "Genoax";
}
static void no_chip(struct sn *s)
{
	s->hwid_len = 0;
}
static void short_chip(struct sn *s)
{
	s->hwid_len = 8;
}
static void chip_and_provider(struct sn *s)
{
	s->csp = "CN=cloud.example";
}
static void no_bootloader(struct sn *s)
{
	s->spl[1] = -1;
}
static void fmc_on_genoa(struct sn *s)
{
	s->spl[9] = 0;
}
static void spl5_set(struct sn *s)
{
	s->spl[5] = 1;
}

static void every_fault_of_a_chain_is_found(void)
{
	static void (*const change[])(struct sn *) = { other_root_key,
		issuer_by_another, key_by_another, key_by_root,
		key_names_another_issuer, issuer_no_ca, issuer_may_not_sign,
		issuer_of_pkcs1, key_of_pkcs1, key_of_short_salt, key_of_sha256,
		key_of_p256, key_of_rsa, issuer_of_rsa_2048, key_is_a_ca,
		key_with_unknown, issuer_is_for_vleks,
		issuer_of_another_product, key_called_vlek, product_milan,
		product_longer, no_chip, short_chip, chip_and_provider,
		no_bootloader, fmc_on_genoa, spl5_set, root_not_by_itself };
	struct sn s;

	for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		sn_good(&s);
		accept(&s, "");
		change[i](&s);
		if (!eq_str(judge(&s), "evidence.chain"))
			printf("# chain %zu\n", i);
	}
}

static void a_vendors_format_needs_the_vendors_root(void)
{
	struct sn s;

	sn_good(&s);
	s.format = DJ_FORMAT_SNP;
	accept(&s, "");
	eq_str(judge(&s), "evidence.chain");
	ok(!verdict.hardware);
}

static void a_development_root_needs_the_policys_leave(void)
{
	struct sn s;

	sn_good(&s);
	accept(&s, "");
	policy.development = false;
	eq_str(judge(&s), "evidence.development");
	eq_u64(dj_verdict_check(&verdict, "evidence.chain")->state,
		DJ_CHECK_FAILED);
}

static void each_certificate_must_be_valid_at_the_time(void)
{
	struct sn s;

	for (int i = 0; i < 6; i++) {
		struct sn_cert *c;

		sn_good(&s);
		c = i % 3 == 0 ? &s.vek : i % 3 == 1 ? &s.ask : &s.ark;
		if (i < 3)
			c->to = SN_TIME - 1;
		else
			c->from = SN_TIME + 1;
		accept(&s, "");
		eq_str(judge(&s), "evidence.validity");
	}
}

static void revocation_lists_are_believed_only_from_the_root(void)
{
	struct sn s;

	sn_good(&s);
	accept(&s, "max-crl-age = \"2h\"");
	s.crl.there = true;
	eq_str(judge(&s), "good");
	s.crl.serial = 8;
	eq_str(judge(&s), "evidence.revocation");
	s.crl.serial = 7;
	eq_str(judge(&s), "evidence.revocation");
	s.crl.serial = 9;
	eq_str(judge(&s), "good");
	s.crl.junk = true;
	eq_str(judge(&s), "evidence.revocation");
	s.crl.junk = false;
	s.crl.tail = true;
	eq_str(judge(&s), "evidence.revocation");
	s.crl.tail = false;
	s.crl.delta = true;
	eq_str(judge(&s), "evidence.revocation");
	s.crl.delta = false;
	s.ark.usage = "critical,keyCertSign";
	accept(&s, "max-crl-age = \"2h\"");
	eq_str(judge(&s), "evidence.revocation");
	s.crl.there = false;
	accept(&s, "");
	eq_str(judge(&s), "good");
	sn_good(&s);
	accept(&s, "max-crl-age = \"2h\"");
	s.crl.there = true;
	s.crl.serial = 9;
	s.crl.signer = SN_OTHER;
	eq_str(judge(&s), "evidence.revocation");
	s.crl.signer = SN_ARK;
	s.crl.issuer = "ARK-Milan";
	eq_str(judge(&s), "evidence.revocation");
	s.crl.issuer = "ARK-Genoa";
	s.crl.from = SN_TIME - 7200;
	eq_str(judge(&s), "good");
	s.crl.from--;
	eq_str(judge(&s), "evidence.revocation");
	s.crl.from = SN_TIME + 1;
	eq_str(judge(&s), "evidence.revocation");
	s.crl.from = SN_TIME - 7200;
	s.crl.to = SN_TIME - 1;
	eq_str(judge(&s), "evidence.revocation");
	/* Whom nobody asked for freshness: old, but what it lists is gone. */
	accept(&s, "");
	eq_str(judge(&s), "good");
	s.crl.serial = 8;
	eq_str(judge(&s), "evidence.revocation");
}

int main(void)
{
	RUN(every_fault_of_a_chain_is_found);
	RUN(a_vendors_format_needs_the_vendors_root);
	RUN(a_development_root_needs_the_policys_leave);
	RUN(each_certificate_must_be_valid_at_the_time);
	RUN(revocation_lists_are_believed_only_from_the_root);
	return done();
}
