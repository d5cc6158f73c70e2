// SPDX-License-Identifier: Apache-2.0
#include "attest/cert.h"

#include <limits.h>
#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END   "-----END CERTIFICATE-----\n"
#define LINE  64 /* RFC 7468 */
#define WIDE  76 /* MIME */

/* What a curve's signatures are made of: order (FIPS 186-4, D.1.2). */
static const struct curve {
	size_t size;
	const char *name;
	const EVP_MD *(*hash)(void);
	uint8_t order[48];
} curves[] = {
	{ 32, SN_X9_62_prime256v1, EVP_sha256,
		{ 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
			0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
			0x25, 0x51 } },
	{ 48, SN_secp384r1, EVP_sha384,
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81,
			0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48,
			0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5,
			0x29, 0x73 } },
};

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

/*
 * One certificate's lines at *p; its length in dst, 0 if it is none. is_loose:
 * lines may be as wide as MIME's, and the last need not end.
 */
static size_t pem_one(const char **p, const char *end, bool is_loose,
	uint8_t dst[static DJ_CERT_DER_MAX + 3])
{
	const char *s = *p;
	size_t len = 0, n = 3, width = LINE, full, tail = strlen(END) - 1;

	if ((size_t)(end - s) < strlen(BEGIN) ||
		memcmp(s, BEGIN, strlen(BEGIN)) != 0)
		return 0;
	s += strlen(BEGIN);
	if (is_loose && end - s > WIDE && s[WIDE] == '\n')
		width = WIDE;
	full = width;
	while (s < end && *s != '-') {
		size_t line = 0;

		/* Nothing follows a line that was not full. */
		if (full != width)
			return 0;
		while (line < width && end - s >= 4 && *s != '\n') {
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
	if ((size_t)(end - s) < tail || memcmp(s, END, tail) != 0)
		return 0;
	s += tail;
	if (s < end && *s == '\n')
		s++;
	else if (!is_loose)
		return 0;
	*p = s;
	return len > DJ_CERT_DER_MAX ? 0 : len;
}

X509 *dj_der_cert(const uint8_t *der, size_t len)
{
	const uint8_t *p = der;
	uint8_t again[DJ_CERT_DER_MAX];
	X509 *cert =
		len > DJ_CERT_DER_MAX ? NULL : d2i_X509(NULL, &p, (long)len);

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
		n = pem_one(&p, end, false, der);
		ret[have] = n == 0 ? NULL : dj_der_cert(der, n);
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

const char *dj_pem_chain(const char *pem, size_t len, size_t max, X509 **ret,
	size_t *ret_count)
{
	const char *p = pem, *end = pem + len, *wrong = NULL;
	size_t have = 0, n;
	uint8_t der[DJ_CERT_DER_MAX + 3];

	/* Not in a line feed's place: one text, one meaning. */
	if (len > 1 && end[-1] == '\0' && end[-2] == '\n')
		end--;
	while (p != end && wrong == NULL) {
		if (have == max) {
			wrong = "too many certificates";
			break;
		}
		n = pem_one(&p, end, true, der);
		ret[have] = n == 0 ? NULL : dj_der_cert(der, n);
		if (ret[have] != NULL)
			have++;
		else
			wrong = n == 0 ? "not a strict PEM certificate"
				       : "not a DER certificate";
	}
	if (wrong == NULL && have == 0)
		wrong = "no certificate";
	while (wrong != NULL && have > 0)
		X509_free(ret[--have]);
	*ret_count = have;
	return wrong;
}

size_t dj_cert_der(X509 *cert, uint8_t ret[static DJ_CERT_DER_MAX])
{
	int len = i2d_X509(cert, NULL);

	if (len <= 0 || len > DJ_CERT_DER_MAX)
		return 0;
	return i2d_X509(cert, &ret) == len ? (size_t)len : 0;
}

/* An uncompressed point on the curve, which is given by its name. */
static bool is_on_curve(X509 *cert, const struct curve *curve)
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
		strcmp(name, curve->name) != 0)
		return false;
	if (X509_PUBKEY_get0_param(NULL, &bits, &bits_len, &alg, spki) != 1)
		return false;
	X509_ALGOR_get0(NULL, &type, &param, alg);
	return type == V_ASN1_OBJECT &&
		(size_t)bits_len == 1 + 2 * curve->size && bits[0] == 4;
}

static bool is_rsa_4096(X509 *cert)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	BIGNUM *e = NULL;
	bool good = key != NULL && EVP_PKEY_get_id(key) == EVP_PKEY_RSA &&
		EVP_PKEY_get_bits(key) == 4096 &&
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
		BN_is_word(e, RSA_F4);

	BN_free(e);
	return good;
}

static bool is_sha384(const X509_ALGOR *alg)
{
	const ASN1_OBJECT *oid;
	int type;

	if (alg == NULL)
		return false;
	X509_ALGOR_get0(&oid, &type, NULL, alg);
	return OBJ_obj2nid(oid) == NID_sha384 &&
		(type == V_ASN1_NULL || type == V_ASN1_UNDEF);
}

/* RSASSA-PSS with SHA-384, MGF1 with SHA-384, salt 48, usual trailer. */
static bool is_pss_sha384(const X509_ALGOR *alg)
{
	const ASN1_OBJECT *oid;
	const void *param;
	RSA_PSS_PARAMS *pss;
	X509_ALGOR *mask = NULL;
	int type;
	bool good;

	X509_ALGOR_get0(&oid, &type, &param, alg);
	if (OBJ_obj2nid(oid) != NID_rsassaPss || type != V_ASN1_SEQUENCE)
		return false;
	pss = ASN1_item_unpack(param, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	if (pss == NULL)
		return false;
	if (pss->maskGenAlgorithm != NULL) {
		X509_ALGOR_get0(&oid, &type, &param, pss->maskGenAlgorithm);
		if (OBJ_obj2nid(oid) == NID_mgf1 && type == V_ASN1_SEQUENCE)
			mask = ASN1_item_unpack(param,
				ASN1_ITEM_rptr(X509_ALGOR));
	}
	good = is_sha384(pss->hashAlgorithm) && is_sha384(mask) &&
		pss->saltLength != NULL &&
		ASN1_INTEGER_get(pss->saltLength) == 48 &&
		(pss->trailerField == NULL ||
			ASN1_INTEGER_get(pss->trailerField) == 1);
	X509_ALGOR_free(mask);
	RSA_PSS_PARAMS_free(pss);
	return good;
}

static bool knows(X509_EXTENSION *ext, const int *known)
{
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

	while (*known != NID_undef && *known != nid)
		known++;
	return *known != NID_undef;
}

static const char *extensions_of(X509 *cert)
{
	static const int known[] = { NID_basic_constraints, NID_key_usage,
		NID_subject_key_identifier, NID_authority_key_identifier,
		NID_undef };

	if ((X509_get_extension_flags(cert) & EXFLAG_INVALID) != 0)
		return "a malformed extension";
	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		X509_EXTENSION *ext = X509_get_ext(cert, i);

		if (X509_EXTENSION_get_critical(ext) && !knows(ext, known))
			return "an unknown critical extension";
	}
	return NULL;
}

static const char *signed_with_pss(X509 *cert)
{
	const X509_ALGOR *alg;

	X509_get0_signature(NULL, &alg, cert);
	return is_pss_sha384(alg)
		? NULL
		: "not signed with RSASSA-PSS, SHA-384 and a salt of 48";
}

const char *dj_cert_fits(X509 *cert, enum dj_cert_profile profile)
{
	const char *wrong = NULL;

	if (X509_get_version(cert) != X509_VERSION_3)
		return "not a version 3 certificate";
	switch (profile) {
	case DJ_CERT_P256:
		if (!is_on_curve(cert, &curves[0]))
			wrong = "a key that is not on P-256";
		else if (X509_get_signature_nid(cert) != NID_ecdsa_with_SHA256)
			wrong = "not signed with ecdsa-with-SHA256";
		break;
	case DJ_CERT_RSA_PSS:
		wrong = is_rsa_4096(cert)
			? signed_with_pss(cert)
			: "a key that is not RSA of 4096 bits";
		break;
	case DJ_CERT_P384_PSS:
		wrong = is_on_curve(cert, &curves[1])
			? signed_with_pss(cert)
			: "a key that is not on P-384";
		break;
	}
	if (wrong == NULL)
		wrong = extensions_of(cert);
	ERR_clear_error();
	return wrong;
}

const char *dj_cert_is_issuer(X509 *cert)
{
	uint32_t flags = X509_get_extension_flags(cert);

	if ((flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) == 0)
		return "no CA certificate";
	if ((flags & EXFLAG_KUSAGE) == 0 ||
		(X509_get_key_usage(cert) & KU_KEY_CERT_SIGN) == 0)
		return "its key usage does not allow to sign certificates";
	return NULL;
}

const char *dj_cert_is_issued(X509 *cert, X509 *issuer)
{
	const char *wrong = NULL;

	if (X509_check_issued(issuer, cert) != X509_V_OK)
		wrong = "not issued by the next certificate";
	else if (X509_verify(cert, X509_get0_pubkey(issuer)) != 1)
		wrong = "the issuer's signature does not hold";
	ERR_clear_error();
	return wrong;
}

const char *dj_cert_is_root(X509 *root)
{
	const EVP_PKEY *key = X509_get0_pubkey(root);
	bool rsa = key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
	const char *wrong =
		dj_cert_fits(root, rsa ? DJ_CERT_RSA_PSS : DJ_CERT_P256);

	if (wrong == NULL)
		wrong = dj_cert_is_issuer(root);
	if (wrong == NULL && dj_cert_is_issued(root, root) != NULL)
		wrong = "not signed by itself";
	return wrong;
}

const char *dj_cert_is_leaf(X509 *leaf, X509 *root)
{
	const char *wrong = dj_cert_fits(leaf, DJ_CERT_P256);
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

bool dj_cert_common_name(const X509_NAME *name, char *dst, size_t cap)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const ASN1_STRING *text;
	size_t len;

	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return false;
	text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	len = (size_t)ASN1_STRING_length(text);
	if ((ASN1_STRING_type(text) != V_ASN1_UTF8STRING &&
		    ASN1_STRING_type(text) != V_ASN1_PRINTABLESTRING) ||
		len >= cap ||
		memchr(ASN1_STRING_get0_data(text), 0, len) != NULL)
		return false;
	memcpy(dst, ASN1_STRING_get0_data(text), len);
	dst[len] = '\0';
	return true;
}

const uint8_t *dj_cert_extension(const X509 *cert, const char *oid,
	size_t *ret_len)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	int at = obj == NULL ? -1 : X509_get_ext_by_OBJ(cert, obj, -1);
	bool one = at >= 0 && X509_get_ext_by_OBJ(cert, obj, at) < 0;
	const ASN1_OCTET_STRING *value;

	ASN1_OBJECT_free(obj);
	if (!one)
		return NULL;
	value = X509_EXTENSION_get_data(X509_get_ext(cert, at));
	*ret_len = (size_t)ASN1_STRING_length(value);
	return ASN1_STRING_get0_data(value);
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
static bool in_range(const uint8_t *v, const struct curve *curve)
{
	static const uint8_t zero[sizeof(curve->order)];

	return memcmp(v, zero, curve->size) != 0 &&
		memcmp(v, curve->order, curve->size) < 0;
}

static bool verify_der(EVP_PKEY *key, const EVP_MD *hash, const uint8_t *sig,
	size_t sig_len, const void *data, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL &&
		EVP_DigestVerifyInit(ctx, NULL, hash, NULL, key) == 1 &&
		EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

/* key is one on that curve. */
static const char *verify_rs(EVP_PKEY *key, const struct curve *curve,
	const uint8_t *rs, const void *data, size_t len)
{
	const char *wrong = "the signature does not hold";
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	uint8_t *der = NULL;
	int der_len;

	if (!in_range(rs, curve) || !in_range(rs + curve->size, curve))
		return "r or s is not within 1..n-1";
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(rs, (int)curve->size, NULL);
	s = BN_bin2bn(rs + curve->size, (int)curve->size, NULL);
	if (sig == NULL || r == NULL || s == NULL ||
		ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return "no memory";
	}
	der_len = i2d_ECDSA_SIG(sig, &der);
	if (der_len > 0 &&
		verify_der(key, curve->hash(), der, (size_t)der_len, data, len))
		wrong = NULL;
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	return wrong;
}

const char *dj_cert_ecdsa_verify(X509 *cert, const uint8_t *rs, size_t size,
	const void *data, size_t len)
{
	const struct curve *curve = &curves[size == curves[1].size];

	if (!is_on_curve(cert, curve))
		return "the key is on another curve";
	return verify_rs(X509_get0_pubkey(cert), curve, rs, data, len);
}

/* NULL for coordinates that are no point of P-256. */
static EVP_PKEY *p256_key(const uint8_t xy[static 64])
{
	char group[] = SN_X9_62_prime256v1;
	uint8_t point[65] = { 4 };
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
			group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
			point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	memcpy(point + 1, xy, 64);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return key;
}

const char *dj_cert_p256_verify(const uint8_t key[static 64],
	const uint8_t rs[static 64], const void *data, size_t len)
{
	EVP_PKEY *k = p256_key(key);
	const char *wrong = k == NULL ? "the key is no point of P-256"
				      : verify_rs(k, &curves[0], rs, data, len);

	EVP_PKEY_free(k);
	return wrong;
}

X509_CRL *dj_der_crl(const uint8_t *der, size_t len)
{
	const uint8_t *p = der;
	uint8_t *again = NULL;
	X509_CRL *crl =
		len > INT_MAX ? NULL : d2i_X509_CRL(NULL, &p, (long)len);
	int n = crl == NULL ? -1 : i2d_X509_CRL(crl, &again);

	if (n < 0 || (size_t)n != len || memcmp(again, der, len) != 0) {
		X509_CRL_free(crl);
		crl = NULL;
	}
	OPENSSL_free(again);
	ERR_clear_error();
	return crl;
}

const char *dj_crl_is_of(X509_CRL *crl, X509 *issuer,
	enum dj_cert_profile profile)
{
	static const int known[] = { NID_crl_number,
		NID_authority_key_identifier, NID_undef };
	const X509_ALGOR *alg;
	const char *wrong = NULL;

	X509_CRL_get0_signature(crl, NULL, &alg);
	if (X509_NAME_cmp(X509_CRL_get_issuer(crl),
		    X509_get_subject_name(issuer)) != 0)
		wrong = "a list of another issuer";
	else if ((X509_get_key_usage(issuer) & KU_CRL_SIGN) == 0)
		wrong = "the issuer may not sign lists";
	else if (profile == DJ_CERT_P256
			? OBJ_obj2nid(alg->algorithm) != NID_ecdsa_with_SHA256
			: !is_pss_sha384(alg))
		wrong = "a list signed with another algorithm";
	else if (X509_CRL_verify(crl, X509_get0_pubkey(issuer)) != 1)
		wrong = "the list's signature does not hold";
	for (int i = 0; i < X509_CRL_get_ext_count(crl) && wrong == NULL; i++) {
		X509_EXTENSION *ext = X509_CRL_get_ext(crl, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

		if ((X509_EXTENSION_get_critical(ext) && !knows(ext, known)) ||
			nid == NID_delta_crl ||
			nid == NID_issuing_distribution_point)
			wrong = "a partial list";
	}
	ERR_clear_error();
	return wrong;
}

bool dj_crl_lists(X509_CRL *crl, X509 *cert)
{
	X509_REVOKED *entry = NULL;

	/* 2 is removeFromCRL, which only partial lists have: still listed. */
	return X509_CRL_get0_by_cert(crl, &entry, cert) != 0;
}

static bool seconds(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*ret = timegm(&tm);
	return true;
}

bool dj_crl_dates(const X509_CRL *crl, int64_t *ret_from, int64_t *ret_to)
{
	return seconds(X509_CRL_get0_lastUpdate(crl), ret_from) &&
		seconds(X509_CRL_get0_nextUpdate(crl), ret_to);
}
