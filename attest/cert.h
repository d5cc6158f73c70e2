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

/* DER of a certificate, at most DJ_CERT_DER_MAX; 0: longer, or no memory. */
size_t dj_cert_der(X509 *cert, uint8_t ret[static DJ_CERT_DER_MAX]);

/*
 * What a certificate of ours must be; NULL or what it is not. Both: version
 * 3, P-256 key by name, signed with ecdsa-with-SHA256, no extension marked
 * critical that we do not know. Root: CA, may sign certificates, signed by
 * itself. Leaf: no CA, may sign data and nothing else, issued by that root.
 */
const char *dj_cert_is_root(X509 *root);
const char *dj_cert_is_leaf(X509 *leaf, X509 *root);

/* Is t within the validity, both ends included? */
bool dj_cert_valid_at(const X509 *cert, int64_t t);
/* The validity as "2026-01-01T00:00:00Z to 2036-..."; "?" if unreadable. */
void dj_cert_validity(const X509 *cert, char *dst, size_t cap);

/* SHA-256 of the SubjectPublicKeyInfo; false: no memory. */
bool dj_cert_spki_sha256(X509 *cert, uint8_t ret[static 32]);

/*
 * Is r || s, 32 bytes each, a P-256 signature with SHA-256 over data under the
 * certificate's key? NULL or why not. r and s outside 1..n-1 are refused
 * before anything is computed.
 */
const char *dj_cert_p256_verify(X509 *cert, const uint8_t rs[static 64],
	const void *data, size_t len);

/* RFC 3339 in UTC; dst of at least 32 bytes. */
void dj_time_text(int64_t t, char *dst, size_t cap);
