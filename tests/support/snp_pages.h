// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "lib/proto/vm.h"

static inline bool snp_page(uintptr_t at, uint8_t **ret)
{
	void *p = mmap((void *)at, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	*ret = p;
	return p == (void *)at;
}

/*
 * The pages of an SEV-SNP guest that its ring 3 knows, where it has them.
 * False: these addresses are in use in this process.
 */
static inline bool snp_pages(uint8_t **ret_secrets, uint8_t **ret_cpuid,
	uint8_t **ret_request, uint8_t **ret_response)
{
	return snp_page(DJ_VM_SECRETS, ret_secrets) &&
		snp_page(DJ_VM_CPUID, ret_cpuid) &&
		snp_page(DJ_VM_REQUEST, ret_request) &&
		snp_page(DJ_VM_RESPONSE, ret_response);
}
