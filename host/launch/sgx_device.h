// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

#include "lib/evidence/sgx_sigstruct.h"

/*
 * SGX on hardware: /dev/sgx_enclave and the vDSO's way in (Linux 6.0 or
 * later). Never run on hardware; against a driver that checks every structure
 * in tests/unit/test_sgx_loader.c.
 */

/* Builds the enclave in this process. NULL, or what failed, errno set. */
const char *dj_sgx_device_make(int device, int image, uint64_t heap,
	const uint8_t sigstruct[static DJ_SGX_SIGSTRUCT], uint64_t *ret_tcs);

/* Closes said; from here on what the Keep asks for and nothing else. */
const char *dj_sgx_device_jail(int said);

_Noreturn void dj_sgx_device_run(uint64_t tcs);

/*
 * __vdso_sgx_enter_enclave in the vDSO's ELF image; NULL: not there. For
 * tests as well: vdso is any ELF64 file's first page on, as mapped.
 */
void *dj_sgx_vdso_find(const void *vdso, const char *name);
