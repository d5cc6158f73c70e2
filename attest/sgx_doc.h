// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Intel's signed JSON about SGX platforms: TCB info (versions 2 and 3) and
 * the identity of the quoting enclave (version 2). One object of two members,
 * the body and its signature, r || s in hexadecimal, under a key of Intel's
 * TCB signer over the body's bytes exactly as they stand.
 *
 * A document that was laid out anew no longer verifies, and is refused: what
 * is not signed is not read. Members that nobody here knows are ignored, for
 * they are signed; a member twice is not JSON of Intel's.
 */
enum dj_sgx_status { /* the best first; the order is no ranking otherwise */
	DJ_SGX_UP_TO_DATE,
	DJ_SGX_SW_HARDENING,
	DJ_SGX_CONFIGURATION,
	DJ_SGX_CONFIGURATION_SW_HARDENING,
	DJ_SGX_OUT_OF_DATE,
	DJ_SGX_OUT_OF_DATE_CONFIGURATION,
	DJ_SGX_REVOKED,
	DJ_SGX_STATUSES
};

/* "SWHardeningNeeded" and so on. */
const char *dj_sgx_status_name(enum dj_sgx_status s);
/* False for text that is none. */
bool dj_sgx_status_of(const char *text, enum dj_sgx_status *ret);
/* What a platform's level and its quoting enclave's come to together. */
enum dj_sgx_status dj_sgx_converge(enum dj_sgx_status platform,
	enum dj_sgx_status qe);

#define DJ_SGX_LEVELS_MAX   256
#define DJ_SGX_COMPONENTS   16
#define DJ_SGX_ADVISORY_MAX 32 /* bytes of one's name, with NUL */

struct dj_sgx_level {
	uint8_t svn[DJ_SGX_COMPONENTS]; /* of a QE identity: unused */
	uint16_t pcesvn;                /* of a QE identity: isvsvn */
	enum dj_sgx_status status;
	const json_t *advisories; /* array of names, borrowed; NULL: none */
};

struct dj_sgx_doc {
	json_t *root; /* owned */
	const uint8_t *body;
	size_t body_len;
	uint8_t signature[64];
	int64_t issued, next; /* seconds since 1970 */
	uint32_t evaluation;  /* tcbEvaluationDataNumber */
	size_t level_count;   /* highest first, none twice */
	struct dj_sgx_level level[DJ_SGX_LEVELS_MAX];
	/* TCB info. */
	uint8_t fmspc[6], pceid[2];
	/* QE identity. */
	uint32_t miscselect, miscselect_mask;
	uint8_t attributes[16], attributes_mask[16], mrsigner[32];
	uint16_t isvprodid;
};

/*
 * NULL, or what is wrong; *ret is the caller's to release in either case. The
 * bytes are borrowed. Signature and dates are the judge's to look at.
 */
const char *dj_sgx_tcb_info_parse(const uint8_t *p, size_t len,
	struct dj_sgx_doc *ret);
const char *dj_sgx_qe_identity_parse(const uint8_t *p, size_t len,
	struct dj_sgx_doc *ret);
void dj_sgx_doc_done(struct dj_sgx_doc *d); /* a zeroed one is fine */
