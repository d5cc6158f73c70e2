// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asm/sgx.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Between the loader of an SGX Keep (host/launch/sgx.h) and what runs
 * enclaves: Linux's driver, an emulated processor (emu/sgx/), or a test.
 * Requests and structures are the kernel's own (asm/sgx.h); so is the way in
 * (__vdso_sgx_enter_enclave). Each behaves as the call it is named after.
 */
struct dj_sgx_machine {
	void *ctx;
	/* ioctl(2) on the enclave: 0, or -1 with errno. */
	int (*control)(void *ctx, unsigned long request, void *arg);
	/* mmap(2) of the enclave, shared and fixed: false with errno. */
	bool (*map)(void *ctx, uint64_t addr, uint64_t len, int prot);
	/* mprotect(2). */
	bool (*protect)(void *ctx, uint64_t addr, uint64_t len, int prot);
	vdso_sgx_enter_enclave_t enter;
};
