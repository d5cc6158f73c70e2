// SPDX-License-Identifier: Apache-2.0
#include "tests/support/snp.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proto/evidence.h"
#include "lib/proto/hello.h"

#define MUST(x)                                             \
	do {                                                \
		if (!(x)) {                                 \
			fprintf(stderr, "snp.c: %s\n", #x); \
			abort();                            \
		}                                           \
	} while (0)

static EVP_PKEY *key(enum sn_key name)
{
	static EVP_PKEY *keys[SN_KEYS];

	if (keys[name] == NULL)
		keys[name] = name == SN_VEK ? EVP_EC_gen("P-384")
			: name == SN_P256   ? EVP_EC_gen("P-256")
			: name == SN_SMALL  ? EVP_RSA_gen(2048)
					    : EVP_RSA_gen(4096);
	MUST(keys[name] != NULL);
	return keys[name];
}

static EVP_MD_CTX *signer(enum sn_key name, int salt, bool sha256)
{
	const EVP_MD *md = sha256 ? EVP_sha256() : EVP_sha384();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p;

	MUST(EVP_DigestSignInit(ctx, &p, md, NULL, key(name)) == 1);
	if (EVP_PKEY_get_base_id(key(name)) == EVP_PKEY_RSA && salt != 0) {
		MUST(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) >
			0);
		MUST(EVP_PKEY_CTX_set_rsa_mgf1_md(p, md) > 0);
		MUST(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, salt) > 0);
	}
	return ctx;
}

static void raw(X509 *cert, const char *oid, const uint8_t *p, size_t len,
	bool critical)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	MUST(ASN1_OCTET_STRING_set(value, p, (int)len) == 1);
	ext = X509_EXTENSION_create_by_OBJ(NULL, obj, critical, value);
	MUST(X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(obj);
}

static void standard(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	MUST(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

#define OID "1.3.6.1.4.1.3704.1."

static void text(X509 *cert, const char *oid, const char *s)
{
	uint8_t der[80] = { 0x16, (uint8_t)strlen(s) };

	memcpy(der + 2, s, strlen(s));
	raw(cert, oid, der, 2 + strlen(s), false);
}

static void vek_extensions(X509 *cert, const struct sn *s)
{
	uint8_t der[66] = { 2, 1, 0 };
	char oid[64];

	raw(cert, OID "1", der, 3, false);
	text(cert, OID "2", s->product);
	for (int i = 1; i < 10; i++) {
		int v = s->spl[i];

		if (v < 0)
			continue;
		(void)snprintf(oid, sizeof(oid), OID "3.%d", i);
		der[0] = 2;
		der[1] = v < 128 ? 1 : 2;
		der[2] = 0;
		der[1 + der[1]] = (uint8_t)v;
		raw(cert, oid, der, 2U + der[1], false);
	}
	der[0] = 4;
	der[1] = (uint8_t)s->hwid_len;
	memcpy(der + 2, s->hwid, s->hwid_len);
	if (s->hwid_len != 0)
		raw(cert, OID "4", der + (s->hwid_tagged ? 0 : 2),
			s->hwid_len + (s->hwid_tagged ? 2 : 0), false);
	if (s->csp != NULL)
		text(cert, OID "5", s->csp);
}

static X509_NAME *name_of(const char *cn)
{
	X509_NAME *name = X509_NAME_new();

	MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		     (const uint8_t *)cn, -1, -1, 0) == 1);
	return name;
}

static X509 *make(const struct sn_cert *c, const struct sn *vek)
{
	X509_NAME *subject = name_of(c->subject), *issuer = name_of(c->issuer);
	X509 *cert = X509_new();
	EVP_MD_CTX *ctx;

	MUST(X509_set_version(cert, X509_VERSION_3) == 1);
	MUST(ASN1_INTEGER_set(X509_get_serialNumber(cert), c->serial) == 1);
	MUST(X509_set_subject_name(cert, subject) == 1);
	MUST(X509_set_issuer_name(cert, issuer) == 1);
	MUST(ASN1_TIME_set(X509_getm_notBefore(cert), c->from) != NULL);
	MUST(ASN1_TIME_set(X509_getm_notAfter(cert), c->to) != NULL);
	MUST(X509_set_pubkey(cert, key(c->key)) == 1);
	standard(cert, NID_basic_constraints, c->constraints);
	standard(cert, NID_key_usage, c->usage);
	if (c->unknown != NULL)
		raw(cert, c->unknown, (const uint8_t *)"\x05", 2, true);
	if (vek != NULL)
		vek_extensions(cert, vek);
	ctx = signer(c->signer, c->salt, c->sha256);
	MUST(X509_sign_ctx(cert, ctx) > 0);
	EVP_MD_CTX_free(ctx);
	X509_NAME_free(subject);
	X509_NAME_free(issuer);
	return cert;
}

/* Salts are random: what must be the same bytes is made once. */
static X509 *issuer(const struct sn_cert *c)
{
	static struct {
		struct sn_cert recipe;
		X509 *cert;
	} made[64];

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		if (made[i].cert == NULL) {
			made[i].recipe = *c;
			made[i].cert = make(c, NULL);
		}
		if (memcmp(&made[i].recipe, c, sizeof(*c)) == 0)
			return made[i].cert;
	}
	abort();
}

static size_t crl_of(const struct sn_crl *c, uint8_t *dst)
{
	X509_NAME *name = name_of(c->issuer);
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();
	EVP_MD_CTX *ctx = signer(c->signer, 48, false);
	uint8_t *p = dst;

	MUST(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
	MUST(X509_CRL_set_issuer_name(crl, name) == 1);
	MUST(ASN1_TIME_set(t, c->from) != NULL);
	MUST(X509_CRL_set1_lastUpdate(crl, t) == 1);
	if (c->serial != 0) {
		X509_REVOKED *r = X509_REVOKED_new();
		ASN1_INTEGER *n = ASN1_INTEGER_new();

		MUST(ASN1_INTEGER_set(n, c->serial) == 1);
		MUST(X509_REVOKED_set_serialNumber(r, n) == 1);
		MUST(X509_REVOKED_set_revocationDate(r, t) == 1);
		MUST(X509_CRL_add0_revoked(crl, r) == 1);
		ASN1_INTEGER_free(n);
	}
	MUST(ASN1_TIME_set(t, c->to) != NULL);
	MUST(X509_CRL_set1_nextUpdate(crl, t) == 1);
	if (c->delta) {
		ASN1_INTEGER *n = ASN1_INTEGER_new();

		MUST(ASN1_INTEGER_set(n, 1) == 1);
		MUST(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, n, 0, 0) == 1);
		ASN1_INTEGER_free(n);
	}
	MUST(X509_CRL_sign_ctx(crl, ctx) > 0);
	MUST(i2d_X509_CRL(crl, &p) > 0);
	EVP_MD_CTX_free(ctx);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
	X509_NAME_free(name);
	if (c->junk)
		*p++ = 0;
	return (size_t)(p - dst);
}

static void names(struct sn *s, const char *const cn[3])
{
	s->vek.subject = cn[0];
	s->vek.issuer = s->ask.subject = cn[1];
	s->ask.issuer = s->ark.subject = s->ark.issuer = s->crl.issuer = cn[2];
}

void sn_put(struct sn *s, size_t off, size_t len, uint64_t value)
{
	for (size_t i = 0; i < len; i++)
		s->report[off + i] = (uint8_t)(value >> 8 * i);
}

static void put_tcbs(struct sn *s, uint64_t tcb)
{
	sn_put(s, 0x38, 8, tcb);
	sn_put(s, 0x180, 8, tcb);
	sn_put(s, 0x1e0, 8, tcb);
	sn_put(s, 0x1f0, 8, tcb);
}

void sn_good(struct sn *s)
{
	static const char *const genoa[] = { "SEV-VCEK", "SEV-Genoa",
		"ARK-Genoa" };
	struct sn_cert c = { .key = SN_ARK,
		.signer = SN_ARK,
		.serial = 7,
		.from = SN_TIME - 86400,
		.to = SN_TIME + 86400,
		.constraints = "critical,CA:TRUE",
		.usage = "critical,keyCertSign,cRLSign",
		.salt = 48 };

	memset(s, 0, sizeof(*s));
	s->ark = s->ask = s->vek = c;
	s->ask.key = SN_ASK;
	s->ask.serial = 8;
	s->vek.key = SN_VEK;
	s->vek.signer = SN_ASK;
	s->vek.serial = 0;
	s->vek.constraints = s->vek.usage = NULL;
	names(s, genoa);
	s->crl.signer = SN_ARK;
	s->crl.from = SN_TIME - 3600;
	s->crl.to = SN_TIME + 3600;
	s->product = "Genoa";
	for (int i = 0; i < 10; i++)
		s->spl[i] = i >= 4 && i <= 7 ? 0 : i == 9 ? -1 : i + 1;
	s->spl[8] = 200;
	s->hwid_len = 64;
	memset(s->hwid, 0xc4, sizeof(s->hwid));

	s->format = DJ_FORMAT_EMULATED + DJ_FORMAT_SNP;
	s->report_len = DJ_SNP_REPORT_SIZE;
	sn_put(s, 0, 4, 5);
	sn_put(s, 4, 4, 3);
	sn_put(s, 8, 8, 0x30000);
	sn_put(s, 0x34, 4, 1);
	sn_put(s, 0x40, 8, 0x25);
	memset(s->report + 0x90, 0x3e, 48);
	memset(s->report + 0x160, 0xff, 32);
	put_tcbs(s, UINT64_C(0xc804000000000302));
	sn_put(s, 0x188, 3, 0x011119);
	memcpy(s->report + 0x1a0, s->hwid, 64);
	sn_put(s, 0x1e8, 8, UINT64_C(0x0001372b0001372b));
	sn_put(s, 0x1f8, 8, 3);
	sn_put(s, 0x200, 8, 3);
}

void sn_turin(struct sn *s)
{
	static const char *const turin[] = { "SEV-VCEK", "SEV-Turin",
		"ARK-Turin" };

	sn_good(s);
	names(s, turin);
	s->product = "Turin";
	s->spl[4] = -1;
	s->spl[9] = 9;
	s->hwid_len = 8;
	memset(s->report + 0x1a8, 0, 56);
	put_tcbs(s, UINT64_C(0xc800000004030209));
	sn_put(s, 0x188, 3, 0x01021a);
	sn_put(s, 0x40, 8, 0x67);
}

void sn_milan(struct sn *s)
{
	static const char *const milan[] = { "SEV-VCEK", "SEV-Milan",
		"ARK-Milan" };

	sn_good(s);
	names(s, milan);
	s->product = "Milan-B0";
	sn_put(s, 0, 4, 2);
	sn_put(s, 0x188, 3, 0);
	sn_put(s, 0x1f8, 8, 0);
	sn_put(s, 0x200, 8, 0);
}

void sn_vlek(struct sn *s)
{
	static const char *const vlek[] = { "SEV-VLEK", "SEV-VLEK-Genoa",
		"ARK-Genoa" };

	sn_good(s);
	names(s, vlek);
	s->hwid_len = 0;
	s->csp = "CN=cloud.example";
	sn_put(s, 0x48, 4, DJ_SNP_KEY_VLEK << 2);
	memset(s->report + 0x1a0, 0, 64);
}

static void put_number(const BIGNUM *n, uint8_t *dst)
{
	uint8_t be[72];

	MUST(BN_bn2binpad(n, be, sizeof(be)) == sizeof(be));
	for (size_t i = 0; i < sizeof(be); i++)
		dst[i] = be[sizeof(be) - 1 - i];
}

static void sign_report(struct sn *s)
{
	EVP_MD_CTX *ctx = signer(s->vek.key, 48, false);
	uint8_t der[600];
	const uint8_t *at = der;
	size_t n = sizeof(der);
	ECDSA_SIG *sig;

	MUST(EVP_DigestSign(ctx, der, &n, s->report, DJ_SNP_REPORT_SIGNED) ==
		1);
	EVP_MD_CTX_free(ctx);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
	if (sig == NULL) /* an RSA key: no such signature fits */
		return;
	put_number(ECDSA_SIG_get0_r(sig), s->report + 0x2a0);
	put_number(ECDSA_SIG_get0_s(sig), s->report + 0x2e8);
	ECDSA_SIG_free(sig);
}

const char *sn_root(const struct sn *s)
{
	static char pem[8192];
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	size_t n;

	MUST(PEM_write_bio_X509(bio, issuer(&s->ark)) == 1);
	n = (size_t)BIO_get_mem_data(bio, &p);
	MUST(n < sizeof(pem));
	memcpy(pem, p, n);
	pem[n] = '\0';
	BIO_free(bio);
	return pem;
}

size_t sn_build(struct sn *s, uint8_t *dst, size_t cap)
{
	struct dj_evidence e = { .format = s->format,
		.purpose = DJ_PURPOSE_OFFER };
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t crl[4096];
	X509 *vek = make(&s->vek, s);
	size_t len = 0;
	char *pem;

	MUST(PEM_write_bio_X509(bio, vek) == 1);
	MUST(PEM_write_bio_X509(bio, issuer(&s->ask)) == 1);
	MUST(PEM_write_bio_X509(bio, issuer(&s->ark)) == 1);
	X509_free(vek);
	if (!s->keep_signature)
		sign_report(s);
	e.item[DJ_EVIDENCE_REPORT].p = s->report;
	e.item[DJ_EVIDENCE_REPORT].len = s->report_len;
	e.item[DJ_EVIDENCE_CHAIN].len = (size_t)BIO_get_mem_data(bio, &pem);
	e.item[DJ_EVIDENCE_CHAIN].p = (const uint8_t *)pem;
	if (s->crl.there) {
		size_t n = crl_of(&s->crl, crl + 4);
		struct dj_wr w = dj_wr_of(crl, 4);

		dj_wr_u32be(&w, (uint32_t)n);
		e.item[DJ_EVIDENCE_CRLS].p = crl;
		e.item[DJ_EVIDENCE_CRLS].len = 4 + n + s->crl.tail;
		crl[4 + n] = 0;
	}
	MUST(dj_evidence_write(&e, dst, cap, &len) == DJ_OK);
	BIO_free(bio);
	return len;
}

const char *sn_policy(const char *extra)
{
	static char out[8192];
	char hex[97];

	for (size_t i = 0; i < 48; i++)
		memcpy(hex + 2 * i, "3e", 3);
	(void)snprintf(out, sizeof(out),
		"schema = 1\nname = \"test\"\n[development]\nallow = true\n"
		"root = \"root.pem\"\n[keep]\nmeasurement = [ { tee = \"snp\", "
		"sha384 = \"%s\" } ]\n[snp]\n%s\n",
		hex, extra);
	return out;
}
