// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"
#include "lib/evidence/fields.h"

/*
 * Intel SGX: the body of a REPORT and the DCAP quote version 3 around two of
 * them, evidence format 1 and, under a development root, 0x8101. Little-endian
 * but for signatures and the attestation key, which are big-endian numbers.
 *
 *     0   48  header: u16 version (3), u16 key type (2: ECDSA P-256), u32 TEE
 *             type (0), u16 QE SVN, u16 PCE SVN, vendor (16), user data (20)
 *    48  384  report body of the enclave
 *   432    4  L, length of the rest
 *   436   64  signature r || s by the attestation key, over bytes 0..431
 *   500   64  attestation key x || y
 *   564  384  report body of the quoting enclave (QE)
 *   948   64  signature by the PCK over those 384 bytes
 *  1012    2  A, then A bytes of QE authentication data
 *   ..     2  kind of certification data, u32 C, then C bytes of it
 *
 * L, the kind and C are signed by nothing; all lengths must agree.
 */
#define DJ_SGX_REPORT_BODY  384
#define DJ_SGX_QUOTE_SIGNED 432
#define DJ_SGX_QUOTE_MIN    1020
#define DJ_SGX_QUOTE_AUTH   256 /* most QE authentication data */

enum dj_sgx_attribute { /* bits of ATTRIBUTES' first half */
	DJ_SGX_ATTR_INIT = 0,
	DJ_SGX_ATTR_DEBUG = 1,
	DJ_SGX_ATTR_MODE64BIT = 2,
	DJ_SGX_ATTR_PROVISIONKEY = 4,
	DJ_SGX_ATTR_EINITTOKENKEY = 5,
	DJ_SGX_ATTR_CET = 6,
	DJ_SGX_ATTR_KSS = 7,
	DJ_SGX_ATTR_AEXNOTIFY = 10,
};
#define DJ_SGX_ATTR(bit) (UINT64_C(1) << (bit))

/* What is in the first 384 bytes of a REPORT. */
struct dj_sgx_body {
	uint8_t cpusvn[16];
	uint32_t miscselect;
	uint64_t flags, xfrm; /* ATTRIBUTES */
	uint8_t mrenclave[32], mrsigner[32];
	uint16_t isvprodid, isvsvn;
	uint8_t reportdata[64];
	/* Key separation and sharing (KSS); zero without it. */
	uint8_t isvextprodid[16], isvfamilyid[16], configid[64];
	uint16_t configsvn;
};

/* DJ_E_INPUT: a reserved byte that is not zero. */
dj_status dj_sgx_body_parse(const uint8_t buf[static DJ_SGX_REPORT_BODY],
	struct dj_sgx_body *ret);
void dj_sgx_body_write(const struct dj_sgx_body *b,
	uint8_t dst[static DJ_SGX_REPORT_BODY]);

/* Kinds of certification data. Only the chain stands by itself. */
enum dj_sgx_cert_data {
	DJ_SGX_CERT_PPID = 1,
	DJ_SGX_CERT_PPID_RSA2048 = 2,
	DJ_SGX_CERT_PPID_RSA3072 = 3,
	DJ_SGX_CERT_LEAF = 4,
	DJ_SGX_CERT_CHAIN = 5, /* PEM: PCK, its CA, the root; may end in NUL */
};

struct dj_sgx_quote {
	uint16_t qe_svn, pce_svn;
	uint8_t user_data[20];
	struct dj_sgx_body body, qe;
	/* Borrowed from the quote's bytes. */
	const uint8_t *signed_bytes; /* DJ_SGX_QUOTE_SIGNED */
	const uint8_t *signature;    /* 64 */
	const uint8_t *key;          /* 64 */
	const uint8_t *qe_bytes;     /* DJ_SGX_REPORT_BODY */
	const uint8_t *qe_signature; /* 64 */
	const uint8_t *auth;
	uint16_t auth_len;
	uint16_t cert_kind; /* enum dj_sgx_cert_data */
	const uint8_t *cert;
	uint32_t cert_len;
};

/*
 * Reads a quote that a stranger handed over. DJ_E_UNSUPPORTED: another
 * version, key, TEE, vendor or kind of certification data. DJ_E_INPUT:
 * lengths that do not agree, a reserved byte that is not zero, or bytes after
 * the end. That it is genuine is the judge's business (attest/).
 */
dj_status dj_sgx_quote_parse(const uint8_t *buf, size_t len,
	struct dj_sgx_quote *ret);
/*
 * How long the quote at buf says it is, for who must cut off what a buffer or
 * another format has added behind it; 0 if it does not say.
 */
size_t dj_sgx_quote_len(const uint8_t *buf, size_t len);

/*
 * Writes a quote; every pointer of q but signed_bytes and qe_bytes is read
 * (q->qe and q->body instead). What is to be signed can be had by writing
 * first with any signature. DJ_E_LIMIT: cap is too small.
 */
dj_status dj_sgx_quote_write(const struct dj_sgx_quote *q, uint8_t *dst,
	size_t cap, size_t *ret_len);

/* For people: calls say for every field up to the certification data, in
 * order, without a gap. buf is one that parses. */
void dj_sgx_quote_fields(const uint8_t *buf, size_t len, dj_field_say *say,
	void *ctx);
