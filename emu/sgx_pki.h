// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/evidence/sgx_quote.h"

/*
 * Intel's services for SGX, emulated: a root, the CA of PCKs, a PCK with its
 * platform's extension, the TCB signer, both revocation lists, TCB info and QE
 * identity, in the formats and under the common names of Intel's own. The
 * organisation in every name says EMULATED; the key is new each time.
 *
 * A recipe says everything that a relying party could look at, so that tests
 * make every fault by changing one field. dj_emu_sgx_recipe() fills in one
 * whose evidence is good from `now` on.
 */
#define DJ_EMU_SGX_LEVELS 4

struct dj_emu_sgx_span {
	int64_t from, to; /* seconds since 1970 */
};

struct dj_emu_sgx_level {
	uint8_t svn[16]; /* of a QE: unused */
	uint16_t pcesvn; /* of a QE: isvsvn */
	const char *status;
	const char *advisories; /* JSON inside the brackets; NULL: no member */
};

struct dj_emu_sgx_recipe {
	struct dj_emu_sgx_span certs, root_crl, pck_crl, tcb_info, qe_identity;
	const char *cn_root, *cn_ca, *cn_pck, *cn_signer;
	/* The PCK's extension. */
	bool has_platform; /* of the Platform CA: 7 pairs */
	uint8_t ppid[16], fmspc[6], pceid[2], cpusvn[16], svn[16];
	uint16_t pcesvn;
	bool has_smt;
	/* TCB info. */
	uint8_t info_fmspc[6], info_pceid[2];
	unsigned info_version, info_evaluation;
	const char *info_id;
	size_t level_count;
	struct dj_emu_sgx_level level[DJ_EMU_SGX_LEVELS];
	/* QE identity; the QE itself is dj_emu_sgx_qe(). */
	const char *qe_id;
	unsigned qe_version, qe_evaluation;
	uint8_t qe_mrsigner[32];
	uint16_t qe_prodid;
	size_t qe_level_count;
	struct dj_emu_sgx_level qe_level[DJ_EMU_SGX_LEVELS];
	/* Revoked by the list that is about it. */
	bool revoke_ca, revoke_pck, revoke_signer;
	/* Signed by a key of nobody. */
	bool bad_tcb_info, bad_qe_identity, bad_root_crl, bad_pck_crl;
};

void dj_emu_sgx_recipe(struct dj_emu_sgx_recipe *ret, int64_t now);

struct dj_emu_sgx_blob {
	uint8_t *p; /* owned */
	size_t len;
};

struct dj_emu_sgx_pki {
	EVP_PKEY *pck_key;
	struct dj_emu_sgx_blob root;                  /* PEM */
	struct dj_emu_sgx_blob chain;                 /* PEM: PCK, CA, root */
	struct dj_emu_sgx_blob tcb_chain;             /* PEM: signer, root */
	struct dj_emu_sgx_blob tcb_info, qe_identity; /* JSON */
	struct dj_emu_sgx_blob root_crl, pck_crl;     /* DER */
};

/* False: no memory, or a recipe that no certificate can be made of. */
bool dj_emu_sgx_pki_new(const struct dj_emu_sgx_recipe *r,
	struct dj_emu_sgx_pki *ret);
void dj_emu_sgx_pki_free(struct dj_emu_sgx_pki *p); /* a zeroed one is fine */
