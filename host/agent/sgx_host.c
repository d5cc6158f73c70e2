// SPDX-License-Identifier: Apache-2.0
#include "host/agent/sgx_host.h"

#include <stdio.h>
#include <stdlib.h>

static const struct file {
	const char *name;
	uint8_t tag; /* enum dj_evidence_tag */
	bool is_needed;
} files[] = {
	{ "tcb_info.json", DJ_EVIDENCE_TCB_INFO, true },
	{ "tcb_signing_chain.pem", DJ_EVIDENCE_TCB_CHAIN, true },
	{ "qe_identity.json", DJ_EVIDENCE_QE_ID, true },
	{ "qe_identity_signing_chain.pem", DJ_EVIDENCE_QE_CHAIN, false },
	{ "root_ca_crl.der", DJ_EVIDENCE_ROOT_CRL, true },
	{ "pck_crl.der", DJ_EVIDENCE_PCK_CRL, true },
	{ "pck_crl_issuer_chain.pem", DJ_EVIDENCE_PCK_CHAIN, false },
};
#define FILES (sizeof(files) / sizeof(files[0]))

const char *dj_sgx_host_read(const char *folder, struct dj_sgx_host *ret)
{
	const char *lacks = NULL;
	char path[4096 + 64];

	*ret = (struct dj_sgx_host){ 0 };
	for (size_t i = 0; i < FILES; i++) {
		bool good = snprintf(path, sizeof(path), "%s/%s", folder,
				    files[i].name) < (int)sizeof(path) &&
			dj_blob_read(&ret->item[files[i].tag], path);

		if (!good && files[i].is_needed && lacks == NULL)
			lacks = files[i].name;
	}
	return lacks;
}

void dj_sgx_host_free(struct dj_sgx_host *h)
{
	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++)
		free(h->item[i].p);
}
