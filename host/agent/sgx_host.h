// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host/agent/keep.h"
#include "lib/proto/evidence.h"

/*
 * What a host has of Intel's collateral for its SGX platform, in the folder of
 * donjond --sgx, as donjon collateral --tee sgx fetches it:
 *
 *   tcb_info.json      tcb_signing_chain.pem
 *   qe_identity.json   qe_identity_signing_chain.pem (may be absent)
 *   root_ca_crl.der    pck_crl.der
 *   pck_crl_issuer_chain.pem (may be absent)
 *
 * The PCK's chain is in the quote. Read anew for each report, for it is in
 * force for a month. Nothing is believed here: the client judges all of it.
 */
struct dj_sgx_host {
	struct dj_blob item[DJ_EVIDENCE_TAGS]; /* by tag */
};

/* NULL; or the name of the first file that lacks, with whatever there is in
 * ret. Free the items in either case. */
const char *dj_sgx_host_read(const char *folder, struct dj_sgx_host *ret);
void dj_sgx_host_free(struct dj_sgx_host *h);
