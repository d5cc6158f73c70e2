// SPDX-License-Identifier: Apache-2.0
#include "attest/cert.h"

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END   "-----END CERTIFICATE-----\n"
#define LINE  64

/* The order of P-256 (FIPS 186-4, D.1.2.3). */
static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
	0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };

/* Six bits, or -1. */
static int base64(char c)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c == '\0' ? NULL : strchr(set, c);

	return at == NULL ? -1 : (int)(at - set);
}

/*
 * One group of four. Bytes it stands for (1 to 3), or 0: not base64, or with
 * bits set that stand for nothing.
 */
static size_t group(const char s[static 4], uint8_t dst[static 3])
{
	size_t n = s[3] != '=' ? 3 : s[2] != '=' ? 2 : 1;
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int d = i > n ? 0 : base64(s[i]);

		if (d < 0)
			return 0;
		v = v << 6 | (uint32_t)d;
	}
	if ((n == 1 && (v & 0xffff) != 0) || (n == 2 && (v & 0xff) != 0))
		return 0;
	dst[0] = (uint8_t)(v >> 16);
	dst[1] = (uint8_t)(v >> 8);
	dst[2] = (uint8_t)v;
	return n;
}

/* One certificate's lines at *p; its length in dst, 0 if it is none. */
static size_t pem_one(const char **p, const char *end,
	uint8_t dst[static DJ_CERT_DER_MAX + 3])
{
	const char *s = *p;
	size_t len = 0, n = 3, full = LINE;

	if ((size_t)(end - s) < strlen(BEGIN) ||
		memcmp(s, BEGIN, strlen(BEGIN)) != 0)
		return 0;
	s += strlen(BEGIN);
	while (s < end && *s != '-') {
		size_t line = 0;

		/* Nothing follows a line that was not full. */
		if (full != LINE)
			return 0;
		while (line < LINE && end - s >= 4 && *s != '\n') {
			if (n != 3 || len >= DJ_CERT_DER_MAX)
				return 0;
			n = group(s, dst + len);
			if (n == 0)
				return 0;
			len += n;
			s += 4;
			line += 4;
		}
		if (line == 0 || s == end || *s++ != '\n')
			return 0;
		full = line;
	}
	if ((size_t)(end - s) < strlen(END) || memcmp(s, END, strlen(END)) != 0)
		return 0;
	*p = s + strlen(END);
	return len > DJ_CERT_DER_MAX ? 0 : len;
}

static X509 *read_der(const uint8_t *der, size_t len)
{
	const uint8_t *p = der;
	uint8_t again[DJ_CERT_DER_MAX];
	X509 *cert = d2i_X509(NULL, &p, (long)len);

	/* Also finds what follows the certificate, and BER that is no DER. */
	if (cert == NULL || dj_cert_der(cert, again) != len ||
		memcmp(der, again, len) != 0) {
		X509_free(cert);
		ERR_clear_error();
		return NULL;
	}
	return cert;
}

const char *dj_pem_certs(const char *pem, size_t len, size_t count, X509 **ret)
{
	const char *p = pem, *end = pem + len, *wrong = NULL;
	uint8_t der[DJ_CERT_DER_MAX + 3];
	size_t have = 0, n;

	while (have < count && wrong == NULL) {
		n = pem_one(&p, end, der);
		ret[have] = n == 0 ? NULL : read_der(der, n);
		if (ret[have] != NULL)
			have++;
		else
			wrong = n == 0 ? "not a strict PEM certificate"
				       : "not a DER certificate";
	}
	if (wrong == NULL && p != end)
		wrong = "something after the last certificate";
	while (wrong != NULL && have > 0)
		X509_free(ret[--have]);
	return wrong;
}

size_t dj_cert_der(X509 *cert, uint8_t ret[static DJ_CERT_DER_MAX])
{
	int len = i2d_X509(cert, NULL);

	if (len <= 0 || len > DJ_CERT_DER_MAX)
		return 0;
	return i2d_X509(cert, &ret) == len ? (size_t)len : 0;
}

/* An uncompressed point on P-256, the curve given by its name. */
static bool is_p256(X509 *cert)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	X509_PUBKEY *spki = X509_get_X509_PUBKEY(cert);
	const uint8_t *bits;
	char name[32] = "";
	size_t len = 0;
	X509_ALGOR *alg;
	const void *param;
	int type, bits_len;

	if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
		EVP_PKEY_get_group_name(key, name, sizeof(name), &len) != 1 ||
		strcmp(name, SN_X9_62_prime256v1) != 0)
		return false;
	if (X509_PUBKEY_get0_param(NULL, &bits, &bits_len, &alg, spki) != 1)
		return false;
	X509_ALGOR_get0(NULL, &type, &param, alg);
	return type == V_ASN1_OBJECT && bits_len == 65 && bits[0] == 4;
}

static const char *common(X509 *cert)
{
	static const int known[] = { NID_basic_constraints, NID_key_usage,
		NID_subject_key_identifier, NID_authority_key_identifier };

	if (X509_get_version(cert) != X509_VERSION_3)
		return "not a version 3 certificate";
	if (!is_p256(cert))
		return "a key that is not on P-256";
	if (X509_get_signature_nid(cert) != NID_ecdsa_with_SHA256)
		return "not signed with ecdsa-with-SHA256";
	if ((X509_get_extension_flags(cert) & EXFLAG_INVALID) != 0)
		return "a malformed extension";
	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		X509_EXTENSION *ext = X509_get_ext(cert, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));
		size_t k = 0;

		while (k < sizeof(known) / sizeof(known[0]) && known[k] != nid)
			k++;
		if (k == sizeof(known) / sizeof(known[0]) &&
			X509_EXTENSION_get_critical(ext))
			return "an unknown critical extension";
	}
	return NULL;
}

const char *dj_cert_is_root(X509 *root)
{
	const char *wrong = common(root);
	uint32_t flags = X509_get_extension_flags(root);

	if (wrong == NULL &&
		((flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) == 0))
		wrong = "no CA certificate";
	if (wrong == NULL &&
		((flags & EXFLAG_KUSAGE) == 0 ||
			(X509_get_key_usage(root) & KU_KEY_CERT_SIGN) == 0))
		wrong = "its key usage does not allow to sign certificates";
	if (wrong == NULL &&
		(X509_check_issued(root, root) != X509_V_OK ||
			X509_verify(root, X509_get0_pubkey(root)) != 1))
		wrong = "not signed by itself";
	ERR_clear_error();
	return wrong;
}

const char *dj_cert_is_leaf(X509 *leaf, X509 *root)
{
	const char *wrong = common(leaf);
	uint32_t flags = X509_get_extension_flags(leaf);

	if (wrong == NULL && (flags & EXFLAG_CA) != 0)
		wrong = "the attestation key's certificate is a CA";
	if (wrong == NULL &&
		((flags & EXFLAG_KUSAGE) == 0 ||
			X509_get_key_usage(leaf) != KU_DIGITAL_SIGNATURE))
		wrong = "the attestation key's usage is not to sign data";
	if (wrong == NULL && X509_check_issued(root, leaf) != X509_V_OK)
		wrong = "the attestation key was not issued by the root";
	if (wrong == NULL && X509_verify(leaf, X509_get0_pubkey(root)) != 1)
		wrong = "the root's signature does not hold";
	ERR_clear_error();
	return wrong;
}

bool dj_cert_valid_at(const X509 *cert, int64_t t)
{
	int from = ASN1_TIME_cmp_time_t(X509_get0_notBefore(cert), (time_t)t);
	int to = ASN1_TIME_cmp_time_t(X509_get0_notAfter(cert), (time_t)t);

	return (from == -1 || from == 0) && (to == 1 || to == 0);
}

void dj_time_text(int64_t t, char *dst, size_t cap)
{
	time_t when = (time_t)t;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
		strftime(dst, cap, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(dst, cap, "?");
}

static void asn1_time_text(const ASN1_TIME *t, char *dst, size_t cap)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1 ||
		strftime(dst, cap, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(dst, cap, "?");
}

void dj_cert_validity(const X509 *cert, char *dst, size_t cap)
{
	char from[40], to[40];

	asn1_time_text(X509_get0_notBefore(cert), from, sizeof(from));
	asn1_time_text(X509_get0_notAfter(cert), to, sizeof(to));
	(void)snprintf(dst, cap, "%s to %s", from, to);
}

bool dj_cert_spki_sha256(X509 *cert, uint8_t ret[static 32])
{
	uint8_t *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool good = len > 0 &&
		EVP_Digest(der, (size_t)len, ret, NULL, EVP_sha256(), NULL) ==
			1;

	OPENSSL_free(der);
	return good;
}

/* 1..n-1, big-endian: public values, so memcmp will do. */
static bool in_range(const uint8_t v[static 32])
{
	static const uint8_t zero[32];

	return memcmp(v, zero, 32) != 0 && memcmp(v, order, 32) < 0;
}

static bool verify_der(X509 *cert, const uint8_t *sig, size_t sig_len,
	const void *data, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL &&
		EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
			X509_get0_pubkey(cert)) == 1 &&
		EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

const char *dj_cert_p256_verify(X509 *cert, const uint8_t rs[static 64],
	const void *data, size_t len)
{
	const char *wrong = "the signature does not hold";
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	uint8_t *der = NULL;
	int der_len;

	if (!in_range(rs) || !in_range(rs + 32))
		return "r or s is not within 1..n-1";
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(rs, 32, NULL);
	s = BN_bin2bn(rs + 32, 32, NULL);
	if (sig == NULL || r == NULL || s == NULL ||
		ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return "no memory";
	}
	der_len = i2d_ECDSA_SIG(sig, &der);
	if (der_len > 0 && verify_der(cert, der, (size_t)der_len, data, len))
		wrong = NULL;
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	return wrong;
}
