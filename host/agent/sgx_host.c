// SPDX-License-Identifier: Apache-2.0
#include "host/agent/sgx_host.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/evidence/sgx_files.h"

const char *dj_sgx_host_read(const char *folder, struct dj_sgx_host *ret)
{
	const char *lacks = NULL;
	char path[4096 + 64];

	*ret = (struct dj_sgx_host){ 0 };
	for (size_t i = 0; i < DJ_SGX_FILES; i++) {
		bool good = snprintf(path, sizeof(path), "%s/%s", folder,
				    dj_sgx_files[i].name) < (int)sizeof(path) &&
			dj_blob_read(&ret->item[dj_sgx_files[i].tag], path);

		if (!good && dj_sgx_files[i].is_needed && lacks == NULL)
			lacks = dj_sgx_files[i].name;
	}
	return lacks;
}

void dj_sgx_host_free(struct dj_sgx_host *h)
{
	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++)
		free(h->item[i].p);
}
