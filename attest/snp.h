// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/judging.h"
#include "lib/evidence/snp.h"

/*
 * What the judge of SEV-SNP (attest/snp.c) has found out about evidence, and
 * the half of it that is about certificates (attest/snp_chain.c).
 *
 * The chain is exactly three certificates: the key that signed the report
 * (VCEK or VLEK), its issuer (ASK or ASVK), and AMD's root of the product
 * (ARK), which is known here by its SHA-256; of emulated evidence it must be a
 * development root of the policy.
 */
enum dj_snp_cert_place {
	DJ_SNP_VEK,
	DJ_SNP_ISSUER,
	DJ_SNP_ROOT,
	DJ_SNP_CHAIN
};

#define DJ_SNP_CSP_MAX 64

struct dj_snp_facts {
	bool has_report;
	struct dj_snp_report report;
	bool has_chain; /* three certificates, whatever they are worth */
	X509 *cert[DJ_SNP_CHAIN];
	/* By the report's family and model, else by the root's name. */
	bool has_product;
	enum dj_snp_product product;
	/* What the VEK's extensions say. */
	bool has_vek;
	uint8_t tcb[DJ_SNP_TCB_PARTS];
	uint8_t chip_id[64];      /* VCEK: HWID, padded with zeros */
	char csp[DJ_SNP_CSP_MAX]; /* VLEK */
};

/* evidence.chain, evidence.validity, evidence.revocation. */
void dj_snp_check_chain(struct dj_judging *j, struct dj_snp_facts *f);
void dj_snp_check_validity(struct dj_judging *j, const struct dj_snp_facts *f);
void dj_snp_check_revocation(struct dj_judging *j,
	const struct dj_snp_facts *f);
void dj_snp_facts_done(struct dj_snp_facts *f);
