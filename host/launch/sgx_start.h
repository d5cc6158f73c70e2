// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/launch/jail.h"
#include "lib/evidence/sgx_sigstruct.h"
#include "lib/proto/emu.h"

/*
 * An SGX Keep in the launcher's jail: under donjon-emu-sgx, which takes the
 * child's place, or on hardware, where the child itself becomes the loader.
 */
struct dj_sgx_start {
	int image;
	int program; /* donjon-emu-sgx; -1: hardware */
	int device;  /* /dev/sgx_enclave; -1: emulated */
	/* One for each enclave that can be made of the image. */
	uint8_t sigstructs[DJ_SGX_SIGSTRUCTS][DJ_SGX_SIGSTRUCT];
	size_t sigstruct_count;
	struct dj_emu_sgx_fuses fuses;
	/* Of the enclave that is made: dj_sgx_start_choose(). */
	uint64_t heap;
	const uint8_t *sigstruct;
	/* Made between the parts. */
	int start;
	uint64_t tcs;
};

/*
 * Opens what the jail hides: SIGSTRUCTs beside the image (its name with .sig
 * for .elf), and donjon-emu-sgx beside this program or the device. NULL, or
 * what failed, errno set.
 */
const char *dj_sgx_start_open(const char *image_path, bool is_emulated,
	struct dj_sgx_start *ret);

/*
 * After fuses are there: with SGX2 memory comes as it is needed, and
 * measurement stays as it is; with SGX1 it is in the enclave from the start,
 * measured so. Finds the SIGSTRUCT. NULL, or what failed, errno set.
 */
const char *dj_sgx_start_choose(struct dj_sgx_start *s, int image,
	uint64_t total, uint8_t measurement[static 32]);

/* The jail's three steps; s outlives the body. */
void dj_sgx_start_body(struct dj_sgx_start *s, struct dj_jail_body *body);

/* Beside what the launch block grants: tables, and the image itself. */
#define DJ_SGX_DATA_OVERHEAD (UINT64_C(40) << 20)
