// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

#include "lib/evidence/image.h"
#include "lib/evidence/sgx_sigstruct.h"
#include "lib/proto/sgx.h"

/*
 * The loader of SGX Keeps: builds an enclave from an image and then serves it
 * as the process that it lives in. The same for hardware (sgx_device.c) and
 * under an emulated processor (emu/sgx/, which is linked with this). An
 * enclave can read and write all of its process: what runs this has nothing
 * in it but the shared region and two eventfds.
 */

/* Where the enclave is entered; img is only read in the call. */
uint64_t dj_sgx_tcs_addr(const struct dj_image *img);

/*
 * Reserves ELRANGE, adds and measures every page of the walk
 * (lib/evidence/sgx.h), and has the processor judge the result by sigstruct.
 * NULL, or what failed, errno set.
 */
const char *dj_sgx_build(const struct dj_sgx_machine *m,
	const struct dj_image *img,
	const uint8_t sigstruct[static DJ_SGX_SIGSTRUCT]);

/* Maps the region at its place outside of the enclave. As above. */
const char *dj_sgx_map_region(int region);

struct dj_sgx_keep {
	const struct dj_sgx_machine *machine;
	uint64_t tcs;
	uint64_t cpu; /* enum dj_cpu bits: told to the Keep as a hint */
	int to_host, to_keep;
};

/* Runs until the Keep ends; how, as enum dj_halt. */
uint8_t dj_sgx_run(const struct dj_sgx_keep *k);

/*
 * enter() with what C does not keep for it: the enclave may change any
 * register, and AEX leaves R12 to R15 zero. What the enclave left with.
 */
struct dj_sgx_left {
	uint64_t rdi, rsi, rdx, r8, r9;
};
int dj_sgx_enter(vdso_sgx_enter_enclave_t enter, uint64_t rdi,
	unsigned function, struct sgx_enclave_run *run,
	struct dj_sgx_left *ret);
