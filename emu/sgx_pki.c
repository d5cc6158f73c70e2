// SPDX-License-Identifier: Apache-2.0
#include "emu/sgx_pki.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "emu/sgx_qe.h"
#include "emu/x509.h"

#define YEAR    (365 * INT64_C(86400))
#define ORG     "donjon development EMULATED no protection"
#define OID_SGX "1.2.840.113741.1.13.1"
#define DOC_MAX 16384
#define EXT_MAX 1024

void dj_emu_sgx_recipe(struct dj_emu_sgx_recipe *ret, int64_t now)
{
	/* As old as a day, so that clocks may differ; in force for long, for an
	 * installation has nobody to fetch new collateral from. */
	const struct dj_emu_sgx_span span = { now - 86400, now + 10 * YEAR };

	*ret = (struct dj_emu_sgx_recipe){
		.certs = span,
		.root_crl = span,
		.pck_crl = span,
		.tcb_info = span,
		.qe_identity = span,
		.cn_root = "Intel SGX Root CA",
		.cn_ca = "Intel SGX PCK Platform CA",
		.cn_pck = "Intel SGX PCK Certificate",
		.cn_signer = "Intel SGX TCB Signing",
		.has_platform = true,
		.ppid = "EMULATED-PPID-0",
		.fmspc = { 0xe0, 0, 0, 0, 0, 1 },
		.svn = { 7, 9, 3, 3, 255, 255, 1 },
		.pcesvn = 13,
		.info_fmspc = { 0xe0, 0, 0, 0, 0, 1 },
		.info_version = 3,
		.info_evaluation = 17,
		.info_id = "SGX",
		.level_count = 3,
		.level = {
			{ { 7, 9, 3, 3, 255, 255 }, 13, "UpToDate", NULL },
			{ { 4, 4, 3, 3, 255, 255 }, 11, "OutOfDate",
				"\"INTEL-SA-00000\"" },
			{ { 1 }, 5, "Revoked", NULL },
		},
		.qe_id = "QE",
		.qe_version = 2,
		.qe_evaluation = 17,
		.qe_prodid = 1,
		.qe_level_count = 2,
		.qe_level = {
			{ { 0 }, DJ_EMU_SGX_QE_SVN, "UpToDate", NULL },
			{ { 0 }, 1, "OutOfDate", "\"INTEL-SA-00001\"" },
		},
	};
	dj_emu_sgx_qe_signer(ret->qe_mrsigner);
}

/* DER, innermost first: each wraps what was written into a new element. */

static size_t element(uint8_t *dst, uint8_t tag, const uint8_t *p, size_t len)
{
	size_t n = 0;

	dst[n++] = tag;
	if (len >= 0x100) {
		dst[n++] = 0x82;
		dst[n++] = (uint8_t)(len >> 8);
	} else if (len >= 0x80) {
		dst[n++] = 0x81;
	}
	dst[n++] = (uint8_t)len;
	memcpy(dst + n, p, len);
	return n + len;
}

/* SEQUENCE { OID base.above.number (above 0: base.number), value } */
static size_t pair(uint8_t *dst, uint8_t above, uint8_t number, uint8_t tag,
	const uint8_t *p, size_t len)
{
	uint8_t oid[11] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d,
		0x01 };
	uint8_t both[EXT_MAX];
	size_t n, m = 9;

	if (above != 0)
		oid[m++] = above;
	oid[m++] = number;
	n = element(both, 0x06, oid, m);
	n += element(both + n, tag, p, len);
	return element(dst, 0x30, both, n);
}

static size_t integer(uint8_t *dst, uint8_t above, uint8_t number, uint16_t v)
{
	uint8_t b[3] = { 0, (uint8_t)(v >> 8), (uint8_t)v };
	size_t skip = v < 0x80 ? 2 : v < 0x8000 ? 1 : 0;

	return pair(dst, above, number, 0x02, b + skip, 3 - skip);
}

static size_t boolean(uint8_t *dst, uint8_t number, bool v)
{
	uint8_t b = v ? 0xff : 0;

	return pair(dst, 7, number, 0x01, &b, 1);
}

static size_t pck_extension(const struct dj_emu_sgx_recipe *r,
	uint8_t dst[static EXT_MAX])
{
	static const uint8_t instance[16] = "EMULATED";
	uint8_t all[EXT_MAX], list[EXT_MAX], type = r->has_platform;
	size_t n, m = 0;

	n = pair(all, 0, 1, 0x04, r->ppid, sizeof(r->ppid));
	for (uint8_t i = 0; i < 16; i++)
		m += integer(list + m, 2, (uint8_t)(i + 1), r->svn[i]);
	m += integer(list + m, 2, 17, r->pcesvn);
	m += pair(list + m, 2, 18, 0x04, r->cpusvn, sizeof(r->cpusvn));
	n += pair(all + n, 0, 2, 0x30, list, m);
	n += pair(all + n, 0, 3, 0x04, r->pceid, sizeof(r->pceid));
	n += pair(all + n, 0, 4, 0x04, r->fmspc, sizeof(r->fmspc));
	n += pair(all + n, 0, 5, 0x0a, &type, 1);
	if (r->has_platform) {
		n += pair(all + n, 0, 6, 0x04, instance, sizeof(instance));
		m = boolean(list, 1, false);
		m += boolean(list + m, 2, false);
		m += boolean(list + m, 3, r->has_smt);
		n += pair(all + n, 0, 7, 0x30, list, m);
	}
	return element(dst, 0x30, all, n);
}

/* Certificates. */

struct party {
	EVP_PKEY *key;
	X509 *cert;
};

static bool name(X509_NAME *n, const char *cn)
{
	return dj_emu_x509_name(n, "CN", cn) && dj_emu_x509_name(n, "O", ORG);
}

/* A key and its certificate, but for what is the kind's own. */
static bool begin(struct party *p, const struct party *by, const char *cn,
	const struct dj_emu_sgx_recipe *r)
{
	p->key = EVP_EC_gen("P-256");
	p->cert = X509_new();
	return p->key != NULL && p->cert != NULL &&
		X509_set_version(p->cert, X509_VERSION_3) == 1 &&
		dj_emu_x509_serial(p->cert) &&
		name(X509_get_subject_name(p->cert), cn) &&
		X509_set_issuer_name(p->cert,
			X509_get_subject_name(by->cert)) == 1 &&
		ASN1_TIME_set(X509_getm_notBefore(p->cert),
			(time_t)r->certs.from) != NULL &&
		ASN1_TIME_set(X509_getm_notAfter(p->cert),
			(time_t)r->certs.to) != NULL &&
		X509_set_pubkey(p->cert, p->key) == 1 &&
		dj_emu_x509_extend(p->cert, by->cert,
			NID_subject_key_identifier, "hash") &&
		dj_emu_x509_extend(p->cert, by->cert,
			NID_authority_key_identifier, "keyid:always");
}

static bool end(struct party *p, const struct party *by, const char *basic,
	const char *usage)
{
	return dj_emu_x509_extend(p->cert, by->cert, NID_basic_constraints,
		       basic) &&
		dj_emu_x509_extend(p->cert, by->cert, NID_key_usage, usage) &&
		X509_sign(p->cert, by->key, EVP_sha256()) > 0;
}

static void party_free(struct party *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

/* Revocation lists. */

static bool revoke(X509_CRL *crl, X509 *cert, int64_t when)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)when);
	bool good = entry != NULL && t != NULL &&
		X509_REVOKED_set_serialNumber(entry,
			X509_get_serialNumber(cert)) == 1 &&
		X509_REVOKED_set_revocationDate(entry, t) == 1 &&
		X509_CRL_add0_revoked(crl, entry) == 1;

	ASN1_TIME_free(t);
	if (!good)
		X509_REVOKED_free(entry);
	return good;
}

static bool crl_extensions(X509_CRL *crl, X509 *issuer)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool good = n != NULL && ASN1_INTEGER_set(n, 1) == 1 &&
		X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) == 1;

	ASN1_INTEGER_free(n);
	X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier,
		"keyid:always");
	good = good && ext != NULL && X509_CRL_add_ext(crl, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return good;
}

static X509_CRL *crl_new(const struct party *by, EVP_PKEY *key,
	struct dj_emu_sgx_span span, X509 *const revoked[static 2])
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)span.from);
	ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)span.to);
	bool good = crl != NULL && from != NULL && to != NULL &&
		X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
		X509_CRL_set_issuer_name(crl,
			X509_get_subject_name(by->cert)) == 1 &&
		X509_CRL_set1_lastUpdate(crl, from) == 1 &&
		X509_CRL_set1_nextUpdate(crl, to) == 1 &&
		crl_extensions(crl, by->cert);

	for (int i = 0; i < 2 && good; i++)
		good = revoked[i] == NULL || revoke(crl, revoked[i], span.from);
	good = good && X509_CRL_sort(crl) == 1 &&
		X509_CRL_sign(crl, key, EVP_sha256()) > 0;
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	if (good)
		return crl;
	X509_CRL_free(crl);
	return NULL;
}

static bool crl_blob(X509_CRL *crl, struct dj_emu_sgx_blob *ret)
{
	uint8_t *der = NULL;
	int len = crl == NULL ? -1 : i2d_X509_CRL(crl, &der);

	if (len > 0 && der != NULL)
		ret->p = malloc((size_t)len);
	if (ret->p != NULL && der != NULL) {
		memcpy(ret->p, der, (size_t)len);
		ret->len = (size_t)len;
	}
	OPENSSL_free(der);
	X509_CRL_free(crl);
	return ret->p != NULL;
}

static bool pem_blob(struct dj_emu_sgx_blob *ret, X509 *const *cert, size_t n)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = bio != NULL;
	char *text = NULL;
	long len = 0;

	for (size_t i = 0; i < n && good; i++)
		good = PEM_write_bio_X509(bio, cert[i]) == 1;
	if (good)
		len = BIO_get_mem_data(bio, &text);
	/* One byte more, so that it may be used as text. */
	ret->p = len > 0 ? calloc(1, (size_t)len + 1) : NULL;
	if (ret->p != NULL) {
		memcpy(ret->p, text, (size_t)len);
		ret->len = (size_t)len;
	}
	BIO_free(bio);
	return ret->p != NULL;
}

/* Documents. */

struct text {
	char *p;
	size_t len;
	bool full;
};

static void put(struct text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, DOC_MAX - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= DOC_MAX - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}

static void put_hex(struct text *t, const char *key, const uint8_t *p,
	size_t len)
{
	put(t, "\"%s\":\"", key);
	for (size_t i = 0; i < len; i++)
		put(t, "%02X", p[i]);
	put(t, "\",");
}

static void put_time(struct text *t, const char *key, int64_t when)
{
	time_t w = (time_t)when;
	char s[32] = "";
	struct tm tm;

	if (gmtime_r(&w, &tm) != NULL)
		(void)strftime(s, sizeof(s), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put(t, "\"%s\":\"%s\"", key, s);
}

static void put_span(struct text *t, struct dj_emu_sgx_span span)
{
	put_time(t, "issueDate", span.from);
	put(t, ",");
	put_time(t, "nextUpdate", span.to);
	put(t, ",");
}

static void put_svns(struct text *t, unsigned version,
	const struct dj_emu_sgx_level *l)
{
	if (version == 3)
		put(t, "\"sgxtcbcomponents\":[");
	for (unsigned i = 0; i < 16; i++) {
		if (version == 3)
			put(t, "%s{\"svn\":%u}", i == 0 ? "" : ",", l->svn[i]);
		else
			put(t, "\"sgxtcbcomp%02usvn\":%u,", i + 1, l->svn[i]);
	}
	put(t, "%s\"pcesvn\":%u", version == 3 ? "]," : "", l->pcesvn);
}

/* version 0: of a QE identity */
static void put_levels(struct text *t, unsigned version,
	struct dj_emu_sgx_span span, const struct dj_emu_sgx_level *l,
	size_t count)
{
	put(t, "\"tcbLevels\":[");
	for (size_t i = 0; i < count; i++, l++) {
		put(t, "%s{\"tcb\":{", i == 0 ? "" : ",");
		if (version == 0)
			put(t, "\"isvsvn\":%u", l->pcesvn);
		else
			put_svns(t, version, l);
		put(t, "},");
		put_time(t, "tcbDate", span.from);
		put(t, ",\"tcbStatus\":\"%s\"", l->status);
		if (l->advisories != NULL)
			put(t, ",\"advisoryIDs\":[%s]", l->advisories);
		put(t, "}");
	}
	put(t, "]}");
}

static void tcb_info(struct text *t, const struct dj_emu_sgx_recipe *r)
{
	put(t, "{");
	if (r->info_id != NULL)
		put(t, "\"id\":\"%s\",", r->info_id);
	put(t, "\"version\":%u,", r->info_version);
	put_span(t, r->tcb_info);
	put_hex(t, "fmspc", r->info_fmspc, sizeof(r->info_fmspc));
	put_hex(t, "pceId", r->info_pceid, sizeof(r->info_pceid));
	put(t, "\"tcbType\":0,\"tcbEvaluationDataNumber\":%u,",
		r->info_evaluation);
	put_levels(t, r->info_version, r->tcb_info, r->level, r->level_count);
}

static void qe_identity(struct text *t, const struct dj_emu_sgx_recipe *r)
{
	put(t, "{\"id\":\"%s\",\"version\":%u,", r->qe_id, r->qe_version);
	put_span(t, r->qe_identity);
	put(t,
		"\"tcbEvaluationDataNumber\":%u,\"miscselect\":\"00000000\","
		"\"miscselectMask\":\"FFFFFFFF\","
		"\"attributes\":\"11000000000000000000000000000000\","
		"\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",",
		r->qe_evaluation);
	put_hex(t, "mrsigner", r->qe_mrsigner, sizeof(r->qe_mrsigner));
	put(t, "\"isvprodid\":%u,", r->qe_prodid);
	put_levels(t, 0, r->qe_identity, r->qe_level, r->qe_level_count);
}

/* r || s over the text. */
static bool sign(EVP_PKEY *key, const struct text *t, uint8_t ret[static 64])
{
	uint8_t der[80];
	const uint8_t *p = der;
	size_t len = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *sig = NULL;
	bool good = ctx != NULL &&
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestSign(ctx, der, &len, (const uint8_t *)t->p, t->len) ==
			1;

	if (good)
		sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	good = sig != NULL &&
		BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, 32) == 32 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + 32, 32) == 32;
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return good;
}

static bool document(struct dj_emu_sgx_blob *ret, const char *member,
	void (*body)(struct text *t, const struct dj_emu_sgx_recipe *r),
	const struct dj_emu_sgx_recipe *r, EVP_PKEY *key)
{
	struct text b = { .p = malloc(DOC_MAX) },
		    all = { .p = malloc(DOC_MAX) };
	uint8_t sig[64];
	bool good = b.p != NULL && all.p != NULL;

	if (good) {
		body(&b, r);
		good = sign(key, &b, sig);
	}
	if (good) {
		put(&all, "{\"%s\":%s,\"signature\":\"", member, b.p);
		for (size_t i = 0; i < sizeof(sig); i++)
			put(&all, "%02x", sig[i]);
		put(&all, "\"}");
	}
	free(b.p);
	if (!good || b.full || all.full) {
		free(all.p);
		return false;
	}
	ret->p = (uint8_t *)all.p;
	ret->len = all.len;
	return true;
}

enum {
	ROOT,
	CA,
	PCK,
	SIGNER,
	NOBODY,
	PARTIES
};

static bool make_parties(struct party *p, const struct dj_emu_sgx_recipe *r)
{
	static const char ca[] = "critical,CA:TRUE",
			  leaf[] = "critical,CA:FALSE",
			  certs[] = "critical,keyCertSign,cRLSign",
			  data[] = "critical,digitalSignature,nonRepudiation";
	uint8_t ext[EXT_MAX];
	size_t len = pck_extension(r, ext);

	p[NOBODY].key = EVP_EC_gen("P-256");
	return p[NOBODY].key != NULL &&
		begin(&p[ROOT], &p[ROOT], r->cn_root, r) &&
		end(&p[ROOT], &p[ROOT], ca, certs) &&
		begin(&p[CA], &p[ROOT], r->cn_ca, r) &&
		end(&p[CA], &p[ROOT], ca, certs) &&
		begin(&p[PCK], &p[CA], r->cn_pck, r) &&
		dj_emu_x509_extend_raw(p[PCK].cert, OID_SGX, ext, len) &&
		end(&p[PCK], &p[CA], leaf, data) &&
		begin(&p[SIGNER], &p[ROOT], r->cn_signer, r) &&
		end(&p[SIGNER], &p[ROOT], leaf, data);
}

static bool make_blobs(struct party *p, const struct dj_emu_sgx_recipe *r,
	struct dj_emu_sgx_pki *ret)
{
	X509 *chain[] = { p[PCK].cert, p[CA].cert, p[ROOT].cert };
	X509 *signer[] = { p[SIGNER].cert, p[ROOT].cert };
	X509 *by_root[2] = { r->revoke_ca ? p[CA].cert : NULL,
		r->revoke_signer ? p[SIGNER].cert : NULL };
	X509 *by_ca[2] = { r->revoke_pck ? p[PCK].cert : NULL, NULL };

	return pem_blob(&ret->root, &p[ROOT].cert, 1) &&
		pem_blob(&ret->chain, chain, 3) &&
		pem_blob(&ret->tcb_chain, signer, 2) &&
		crl_blob(crl_new(&p[ROOT],
				 p[r->bad_root_crl ? NOBODY : ROOT].key,
				 r->root_crl, by_root),
			&ret->root_crl) &&
		crl_blob(crl_new(&p[CA], p[r->bad_pck_crl ? NOBODY : CA].key,
				 r->pck_crl, by_ca),
			&ret->pck_crl) &&
		document(&ret->tcb_info, "tcbInfo", tcb_info, r,
			p[r->bad_tcb_info ? NOBODY : SIGNER].key) &&
		document(&ret->qe_identity, "enclaveIdentity", qe_identity, r,
			p[r->bad_qe_identity ? NOBODY : SIGNER].key);
}

bool dj_emu_sgx_pki_new(const struct dj_emu_sgx_recipe *r,
	struct dj_emu_sgx_pki *ret)
{
	struct party p[PARTIES] = { 0 };
	bool good;

	*ret = (struct dj_emu_sgx_pki){ 0 };
	good = make_parties(p, r) && make_blobs(p, r, ret);
	if (good) {
		ret->pck_key = p[PCK].key;
		p[PCK].key = NULL;
	}
	for (size_t i = 0; i < PARTIES; i++)
		party_free(&p[i]);
	if (!good)
		dj_emu_sgx_pki_free(ret);
	return good;
}

void dj_emu_sgx_pki_free(struct dj_emu_sgx_pki *p)
{
	struct dj_emu_sgx_blob *all[] = { &p->root, &p->chain, &p->tcb_chain,
		&p->tcb_info, &p->qe_identity, &p->root_crl, &p->pck_crl };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]->p);
	EVP_PKEY_free(p->pck_key);
	*p = (struct dj_emu_sgx_pki){ 0 };
}
