// SPDX-License-Identifier: Apache-2.0
#include "tests/support/evidence.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(x)                                                  \
	do {                                                     \
		if (!(x)) {                                      \
			fprintf(stderr, "evidence.c: %s\n", #x); \
			abort();                                 \
		}                                                \
	} while (0)

static EVP_PKEY *key(enum ev_key_name name)
{
	static EVP_PKEY *keys[EV_KEYS];

	if (keys[name] == NULL)
		keys[name] = EVP_EC_gen(name == EV_KEY_P384 ? "P-384"
				: name == EV_KEY_K256       ? "secp256k1"
							    : "P-256");
	MUST(keys[name] != NULL);
	if (name == EV_KEY_EXPLICIT)
		MUST(EVP_PKEY_set_utf8_string_param(keys[name],
			     OSSL_PKEY_PARAM_EC_ENCODING, "explicit") == 1);
	return keys[name];
}

static void extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	MUST(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static void unknown_extension(X509 *cert, const char *oid)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	MUST(ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x05", 2) == 1);
	ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 1, value);
	MUST(X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(obj);
}

static X509_NAME *name_of(const char *cn)
{
	X509_NAME *name = X509_NAME_new();

	MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		     (const uint8_t *)cn, -1, -1, 0) == 1);
	return name;
}

static X509 *make(const struct ev_cert *c)
{
	X509_NAME *subject = name_of(c->subject), *issuer = name_of(c->issuer);
	X509 *cert = X509_new();

	MUST(X509_set_version(cert, c->version) == 1);
	MUST(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1 + c->key) == 1);
	MUST(X509_set_subject_name(cert, subject) == 1);
	MUST(X509_set_issuer_name(cert, issuer) == 1);
	MUST(ASN1_TIME_set(X509_getm_notBefore(cert), c->from) != NULL);
	MUST(ASN1_TIME_set(X509_getm_notAfter(cert), c->to) != NULL);
	MUST(X509_set_pubkey(cert, key(c->key)) == 1);
	extension(cert, cert, NID_basic_constraints, c->constraints);
	extension(cert, cert, NID_key_usage, c->usage);
	if (c->unknown != NULL)
		unknown_extension(cert, c->unknown);
	MUST(X509_sign(cert, key(c->signer),
		     c->sha384 ? EVP_sha384() : EVP_sha256()) > 0);
	X509_NAME_free(subject);
	X509_NAME_free(issuer);
	return cert;
}

X509 *ev_cert(const struct ev_cert *c)
{
	static struct {
		struct ev_cert recipe;
		X509 *cert;
	} made[1024];

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		if (made[i].cert == NULL) {
			made[i].recipe = *c;
			made[i].cert = make(c);
		}
		if (memcmp(&made[i].recipe, c, sizeof(*c)) == 0)
			return made[i].cert;
	}
	abort();
}

static void default_root(struct ev_cert *c)
{
	memset(c, 0, sizeof(*c));
	c->subject = c->issuer = "test root EMULATED no protection";
	c->key = c->signer = EV_KEY_ROOT;
	c->version = X509_VERSION_3;
	c->from = EV_TIME - 86400;
	c->to = EV_TIME + 86400;
	c->constraints = "critical,CA:TRUE,pathlen:0";
	c->usage = "critical,keyCertSign,cRLSign";
}

void ev_good(struct ev *ev)
{
	struct dj_hello h = { .suite_count = 2,
		.format_count = 1,
		.suites = { 0x0002, 0x0001 },
		.formats = { DJ_FORMAT_PROCESS } };
	uint8_t pk[32];
	struct dj_offer o = { .suite = 0x0001,
		.tee = DJ_TEE_PROCESS,
		.state = DJ_KEEP_FRESH,
		.pk = pk,
		.pk_len = sizeof(pk) };

	memset(ev, 0, sizeof(*ev));
	default_root(&ev->root);
	ev->leaf = ev->root;
	ev->leaf.subject = "test key EMULATED no protection";
	ev->leaf.key = EV_KEY_LEAF;
	ev->leaf.constraints = "critical,CA:FALSE";
	ev->leaf.usage = "critical,digitalSignature";
	ev->report_key = EV_KEY_LEAF;
	ev->format = DJ_FORMAT_PROCESS;
	ev->purpose = DJ_PURPOSE_OFFER;
	ev->label = DJ_LABEL_OFFER;
	memset(h.nonce, 0x4e, sizeof(h.nonce));
	memset(pk, 0x09, sizeof(pk));
	memset(o.keep_id, 0x1d, sizeof(o.keep_id));
	memset(o.keep_nonce, 0x6b, sizeof(o.keep_nonce));
	memset(o.config_hash, 0xcf, sizeof(o.config_hash));
	ev_hello(ev, &h);
	ev_offer(ev, &o);
	ev->report.tee = DJ_TEE_PROCESS;
	ev->report.svn = 1;
	memset(ev->report.measurement, 0x3e, 32);
	memset(ev->report.config_hash, 0xcf, 32);
}

void ev_hello(struct ev *ev, const struct dj_hello *h)
{
	MUST(dj_hello_write(h, ev->hello, sizeof(ev->hello), &ev->hello_len) ==
		DJ_OK);
}

void ev_offer(struct ev *ev, const struct dj_offer *o)
{
	MUST(dj_offer_write(o, ev->offer, sizeof(ev->offer), &ev->offer_len) ==
		DJ_OK);
}

void ev_pem(const uint8_t *der, size_t len, char *dst, size_t cap)
{
	BIO *bio = BIO_new(BIO_s_mem());
	size_t have = strlen(dst), n;
	char *text;

	MUST(PEM_write_bio(bio, "CERTIFICATE", "", der, (long)len) > 0);
	n = (size_t)BIO_get_mem_data(bio, &text);
	MUST(have + n < cap);
	memcpy(dst + have, text, n);
	dst[have + n] = '\0';
	BIO_free(bio);
}

static void pem_of(X509 *cert, char *dst, size_t cap)
{
	uint8_t *der = NULL;
	int len = i2d_X509(cert, &der);

	MUST(len > 0);
	ev_pem(der, (size_t)len, dst, cap);
	OPENSSL_free(der);
}

const char *ev_root_pem(void)
{
	static char pem[4096];
	struct ev_cert root;

	default_root(&root);
	if (pem[0] == '\0')
		pem_of(ev_cert(&root), pem, sizeof(pem));
	return pem;
}

void ev_chain(struct ev *ev, char *dst, size_t cap)
{
	X509 *leaf = ev_cert(&ev->leaf), *root = ev_cert(&ev->root);

	dst[0] = '\0';
	pem_of(ev->swapped ? root : leaf, dst, cap);
	if (!ev->only_leaf)
		pem_of(ev->swapped ? leaf : root, dst, cap);
	if (ev->third)
		pem_of(leaf, dst, cap);
}

static void sign(EVP_PKEY *k, const uint8_t *p, size_t len, uint8_t rs[64])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[256];
	const uint8_t *at = der;
	size_t n = sizeof(der);
	ECDSA_SIG *sig;

	MUST(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k) == 1);
	MUST(EVP_DigestSign(ctx, der, &n, p, len) == 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
	MUST(sig != NULL);
	/* A P-384 number does not fit: its low half is as wrong as any. */
	if (BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, 32) != 32)
		memset(rs, 1, 32);
	if (BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + 32, 32) != 32)
		memset(rs + 32, 1, 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

void ev_report(struct ev *ev, uint8_t dst[static DJ_PROCESS_REPORT_SIZE])
{
	struct dj_process_report r = ev->report;
	static const uint8_t zero[64];
	uint8_t *spki = NULL, b[32];
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ev_cert(&ev->leaf)),
		&spki);

	if (memcmp(r.report_data, zero, 64) == 0) {
		dj_binding(ev->hello, ev->hello_len, ev->offer, ev->offer_len,
			b);
		dj_report_data(b, ev->label, r.report_data);
	}
	if (!ev->keep_platform)
		MUST(EVP_Digest(spki, (size_t)n, r.platform, NULL, EVP_sha256(),
			     NULL) == 1);
	OPENSSL_free(spki);
	dj_process_report_write(&r, dst);
	if (!ev->keep_signature) {
		sign(key(ev->report_key), dst, DJ_PROCESS_REPORT_SIGNED,
			r.signature);
		dj_process_report_write(&r, dst);
	}
}

size_t ev_pack(const struct ev *ev, const void *report, size_t report_len,
	const void *chain, size_t chain_len, uint8_t *dst, size_t cap)
{
	struct dj_evidence e = { .format = ev->format, .purpose = ev->purpose };
	size_t len = 0;

	e.item[DJ_EVIDENCE_REPORT].p = report;
	e.item[DJ_EVIDENCE_REPORT].len = report_len;
	e.item[DJ_EVIDENCE_CHAIN].p = chain;
	e.item[DJ_EVIDENCE_CHAIN].len = chain_len;
	MUST(dj_evidence_write(&e, dst, cap, &len) == DJ_OK);
	return len;
}

size_t ev_build(struct ev *ev, uint8_t *dst, size_t cap)
{
	uint8_t report[DJ_PROCESS_REPORT_SIZE];
	char chain[8192];

	ev_report(ev, report);
	ev_chain(ev, chain, sizeof(chain));
	return ev_pack(ev, report, sizeof(report), chain, strlen(chain), dst,
		cap);
}
