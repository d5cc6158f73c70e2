// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/sgx_files.h"

const struct dj_sgx_named dj_sgx_files[DJ_SGX_FILES] = {
	{ "tcb_info.json", DJ_EVIDENCE_TCB_INFO, true },
	{ "tcb_signing_chain.pem", DJ_EVIDENCE_TCB_CHAIN, true },
	{ "qe_identity.json", DJ_EVIDENCE_QE_ID, true },
	{ "qe_identity_signing_chain.pem", DJ_EVIDENCE_QE_CHAIN, false },
	{ "root_ca_crl.der", DJ_EVIDENCE_ROOT_CRL, true },
	{ "pck_crl.der", DJ_EVIDENCE_PCK_CRL, true },
	{ "pck_crl_issuer_chain.pem", DJ_EVIDENCE_PCK_CHAIN, false },
};
