// SPDX-License-Identifier: Apache-2.0
#include "host/agent/tees.h"

#include <string.h>

#include "lib/proto/offer.h"

const struct dj_tee_kind dj_tee_kinds[] = {
	{ "sgx", DJ_TEE_SGX, 1, 0x8101, "/dev/sgx_enclave" },
	{ "snp", DJ_TEE_SNP, 2, 0x8102, "/dev/sev" },
	{ "tdx", DJ_TEE_TDX, 3, 0x8103, "/dev/tdx_guest" },
	{ "sanctum", DJ_TEE_SANCTUM, 4, 0x8104, "/dev/sanctum" },
	{ "pef", DJ_TEE_PEF, 5, 0x8105, "/dev/pef" },
	{ "kvm", DJ_TEE_KVM, 0, 0x8002, "/dev/kvm" },
	{ "process", DJ_TEE_PROCESS, 0, 0x8001, NULL },
};
const size_t dj_tee_kind_count = sizeof(dj_tee_kinds) / sizeof(dj_tee_kinds[0]);

const struct dj_tee_kind *dj_tee_kind_find(const char *name)
{
	for (size_t i = 0; i < dj_tee_kind_count; i++)
		if (strcmp(dj_tee_kinds[i].name, name) == 0)
			return &dj_tee_kinds[i];
	return NULL;
}
