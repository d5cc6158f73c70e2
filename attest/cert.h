// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "lib/base/status.h"

/*
 * Certificates from strangers, read strictly. OpenSSL parses and verifies;
 * what it would let pass and we do not want is refused here.
 *
 * dj_pem_certs: text that is exactly count certificates in PEM (RFC 7468,
 * strict: lines of 64 characters ended by a line feed, canonical base64,
 * nothing before, between or after). Each is DER without a byte left over
 * that encodes to the same bytes again. On success ret[i] are the caller's to
 * X509_free; on failure none is, and the text says what was expected.
 */
#define DJ_CERT_DER_MAX 2048

const char *dj_pem_certs(const char *pem, size_t len, size_t count, X509 **ret);

/*
 * A chain that came inside something else, 1 to max certificates: the same,
 * but lines may be of 76 characters, the line feed after a certificate may be
 * missing, and a single NUL may follow: all are seen in quotes of SGX.
 */
const char *dj_pem_chain(const char *pem, size_t len, size_t max, X509 **ret,
	size_t *ret_count);

/* The same of DER: one certificate, NULL if it is none. */
X509 *dj_der_cert(const uint8_t *der, size_t len);

/* DER of a certificate, at most DJ_CERT_DER_MAX; 0: longer, or no memory. */
size_t dj_cert_der(X509 *cert, uint8_t ret[static DJ_CERT_DER_MAX]);

/*
 * The kinds of key and signature that a certificate may have, exactly:
 *
 *   P256      P-256 by name, signed with ecdsa-with-SHA256
 *   RSA_PSS   RSA of 4096 bits and exponent 65537, signed with RSASSA-PSS:
 *             SHA-384, MGF1 with SHA-384, salt of 48 bytes
 *   P384_PSS  P-384 by name, signed as RSA_PSS
 */
enum dj_cert_profile {
	DJ_CERT_P256,
	DJ_CERT_RSA_PSS,
	DJ_CERT_P384_PSS,
};

/*
 * Is it what the profile says, of version 3, without an extension marked
 * critical that nobody here knows? NULL or what it is not.
 */
const char *dj_cert_fits(X509 *cert, enum dj_cert_profile profile);

/*
 * Roots of ours: P256 or RSA_PSS, CA, may sign certificates, signed by itself.
 * Leaf: P256, no CA, may sign data and nothing else, issued by that root.
 * Issuer: CA, may sign certificates. Issued: by that issuer, names and
 * signature. NULL or what it is not.
 */
const char *dj_cert_is_root(X509 *root);
const char *dj_cert_is_leaf(X509 *leaf, X509 *root);
const char *dj_cert_is_issuer(X509 *cert);
const char *dj_cert_is_issued(X509 *cert, X509 *issuer);

/* The subject's or issuer's one common name; false: none or several, or not
 * text of less than cap bytes. */
bool dj_cert_common_name(const X509_NAME *name, char *dst, size_t cap);

/*
 * What of an extension without a name in OpenSSL stands inside its OCTET
 * STRING; NULL if there is none or more than one of that OID.
 */
const uint8_t *dj_cert_extension(const X509 *cert, const char *oid,
	size_t *ret_len);

/* Is t within the validity, both ends included? */
bool dj_cert_valid_at(const X509 *cert, int64_t t);
/* The validity as "2026-01-01T00:00:00Z to 2036-..."; "?" if unreadable. */
void dj_cert_validity(const X509 *cert, char *dst, size_t cap);

/* SHA-256 of the SubjectPublicKeyInfo; false: no memory. */
bool dj_cert_spki_sha256(X509 *cert, uint8_t ret[static 32]);

/*
 * Is r || s, size bytes each, a signature over data under the certificate's
 * key: P-256 with SHA-256 for a size of 32, P-384 with SHA-384 for 48? NULL or
 * why not. r and s outside 1..n-1 are refused before anything is computed.
 */
const char *dj_cert_ecdsa_verify(X509 *cert, const uint8_t *rs, size_t size,
	const void *data, size_t len);

/* The same under a bare key of P-256, x || y. */
const char *dj_cert_p256_verify(const uint8_t key[static 64],
	const uint8_t rs[static 64], const void *data, size_t len);

/*
 * Revocation lists, in DER, each without a byte left over. dj_crl_is_of: signed
 * as the profile says (P256 or RSA_PSS) by that issuer, neither indirect nor partial, and no critical
 * extension that is not known here; NULL or what it is not.
 */
X509_CRL *dj_der_crl(const uint8_t *der, size_t len);
const char *dj_crl_is_of(X509_CRL *crl, X509 *issuer,
	enum dj_cert_profile profile);
bool dj_crl_lists(X509_CRL *crl, X509 *cert);
/* Seconds since 1970; false if a date is missing or unreadable. */
bool dj_crl_dates(const X509_CRL *crl, int64_t *ret_from, int64_t *ret_to);

/* RFC 3339 in UTC; dst of at least 32 bytes. */
void dj_time_text(int64_t t, char *dst, size_t cap);
