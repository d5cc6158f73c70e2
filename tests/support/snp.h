// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/evidence/snp.h"

/*
 * SEV-SNP evidence made in a test under roots of its own, good or with faults:
 * sn_good() fills a recipe, the test changes it, sn_build() makes EVIDENCE.
 * Keys are made once a run, certificates of one recipe are the same bytes.
 */
#define SN_TIME INT64_C(1800000000) /* 2027-01-15T08:00:00Z */

enum sn_key {
	SN_ARK,
	SN_ASK,
	SN_OTHER,
	SN_VEK,
	SN_P256,
	SN_SMALL,
	SN_KEYS
};

struct sn_cert {
	const char *subject, *issuer;
	enum sn_key key, signer;
	long serial;
	int64_t from, to;
	const char *constraints, *usage; /* NULL: no such extension */
	const char *unknown;             /* an OID, critical; or NULL */
	int salt;                        /* 0: PKCS #1 v1.5 */
	bool sha256;
};

struct sn_crl {
	bool there;
	enum sn_key signer;
	const char *issuer;
	long serial; /* revoked; 0: none */
	int64_t from, to;
	bool junk;  /* a byte too many */
	bool tail;  /* the same behind the list */
	bool delta; /* only what is new, and the extension not critical */
};

struct sn {
	struct sn_cert vek, ask, ark;
	/* The VEK's extensions; spl[i] is .3.i, -1 for none. */
	const char *product;
	int spl[10];
	size_t hwid_len; /* 0: none */
	uint8_t hwid[64];
	bool hwid_tagged;
	const char *csp; /* NULL: none */
	struct sn_crl crl;

	uint8_t report[DJ_SNP_REPORT_SIZE];
	size_t report_len;
	bool keep_signature;
	uint16_t format;
};

/* A Genoa, version 5, under the policy of sn_policy(). */
void sn_good(struct sn *s);
/* The same of Turin, of Milan in version 2, and signed by a VLEK. */
void sn_turin(struct sn *s);
void sn_milan(struct sn *s);
void sn_vlek(struct sn *s);

void sn_put(struct sn *s, size_t off, size_t len, uint64_t value);
/* EVIDENCE's payload; its length. */
size_t sn_build(struct sn *s, uint8_t *dst, size_t cap);
/* A policy that accepts sn_good()'s measurement under the test's root; extra
 * is what stands in [snp]. */
const char *sn_policy(const char *extra);
/* The ARK of a recipe, PEM. */
const char *sn_root(const struct sn *s);
