// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/judging.h"
#include "attest/sgx_doc.h"
#include "lib/evidence/sgx_quote.h"

/*
 * What the judge of SGX (attest/sgx.c) has found out about evidence, and the
 * half of it that is about certificates and collateral (attest/sgx_chain.c,
 * attest/sgx_pck.c, attest/sgx_tcb.c). docs/tees/sgx.md has the order.
 *
 * Items of EVIDENCE: 1 the quote, whose certification data is the chain of the
 * key that certified its quoting enclave (PCK, its CA, the root); 4 and 5 TCB
 * info and its signer's chain; 6 and 7 the same of the QE identity (7 may be
 * left out where it is 5 again); 8 and 9 the revocation lists of the root and
 * of the PCK's CA. 10, the chain of list 9, is carried for others: here the
 * list must be of the very CA that signed the PCK.
 *
 * Intel's root is known by its key: two certificates of it are about. Every
 * fault is called by the name that Intel's own library gives it.
 */
enum dj_sgx_cert_place {
	DJ_SGX_PCK,
	DJ_SGX_CA,
	DJ_SGX_ROOT,
	DJ_SGX_CHAIN,
};

/* SGX extension of a PCK's certificate, 1.2.840.113741.1.13.1. */
struct dj_sgx_pck {
	uint8_t ppid[16], cpusvn[16], pceid[2], fmspc[6];
	uint8_t svn[DJ_SGX_COMPONENTS];
	uint16_t pcesvn;
	uint8_t type; /* 0 standard, 1 scalable, 2 scalable with integrity */
	/* Of the Platform CA alone. */
	bool has_platform, is_dynamic, has_cached_keys, has_smt;
	uint8_t instance[16];
};

/* NULL or what is wrong. */
const char *dj_sgx_pck_parse(const uint8_t *buf, size_t len,
	struct dj_sgx_pck *ret);

/* A document, its signer and that one's root. */
struct dj_sgx_signed {
	bool has_doc, has_signer;
	struct dj_sgx_doc doc;
	X509 *signer, *root;
};

struct dj_sgx_facts {
	bool has_quote;
	struct dj_sgx_quote quote;
	bool has_chain; /* three certificates, whatever they are worth */
	X509 *cert[DJ_SGX_CHAIN];
	bool has_pck;
	struct dj_sgx_pck pck;
	struct dj_sgx_signed tcb_info, qe;
	X509_CRL *root_crl; /* NULL: none that can be read */
};

/* evidence.chain, evidence.validity, evidence.revocation. */
void dj_sgx_check_chain(struct dj_judging *j, struct dj_sgx_facts *f);
void dj_sgx_check_validity(struct dj_judging *j, const struct dj_sgx_facts *f);
void dj_sgx_check_revocation(struct dj_judging *j, struct dj_sgx_facts *f);
/* Is this root certificate one that evidence of this kind may lead to? */
bool dj_sgx_is_trusted(const struct dj_judging *j, X509 *root);

/* evidence.collateral; evidence.qe; evidence.tcb. */
void dj_sgx_read_collateral(struct dj_judging *j, struct dj_sgx_facts *f);
void dj_sgx_check_collateral(struct dj_judging *j,
	const struct dj_sgx_facts *f);
void dj_sgx_check_qe(struct dj_judging *j, const struct dj_sgx_facts *f);
void dj_sgx_check_tcb(struct dj_judging *j, const struct dj_sgx_facts *f);

void dj_sgx_facts_done(struct dj_sgx_facts *f);
