// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "lib/proto/evidence.h"

/*
 * Certificates and revocation lists out of files that people have saved, DER
 * or PEM, many in one file or not, in any order. Nothing is judged here.
 */
struct dj_evidence_part { /* one file */
	const char *name; /* a path: for messages, and what it may tell */
	const uint8_t *p;
	size_t len;
};

#define DJ_CERTS_MAX 48
#define DJ_CRLS_MAX  16

struct dj_certs {
	X509 *cert[DJ_CERTS_MAX];
	size_t cert_count;
	X509_CRL *crl[DJ_CRLS_MAX];
	size_t crl_count;
};

/* False: neither, or too many; what came before it stays. */
bool dj_certs_add(struct dj_certs *c, const uint8_t *p, size_t len);
void dj_certs_done(struct dj_certs *c); /* a zeroed one is fine */

/*
 * EVIDENCE's payload, to be freed. Errors: evidence.file (more than a frame
 * takes), internal.memory.
 */
DJ_NODISCARD bool dj_evidence_pack(const struct dj_evidence *e, uint8_t **ret,
	size_t *ret_len, struct dj_err *err);
