// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

#include "lib/evidence/sgx.h"

/*
 * Keys of the emulated processor. Intel's own derivation is not public; this
 * one takes the same inputs, so who gets
 * the same key and who does not is as on hardware.
 */
struct dj_emu_key_input {
	uint16_t name; /* enum dj_sgx_keyname */
	uint16_t policy, isvsvn, isvprodid;
	uint8_t cpusvn[16];
	uint64_t flags, xfrm, flags_mask, xfrm_mask;
	uint32_t misc, miscmask;
	uint8_t mrenclave[32], mrsigner[32], keyid[32];
};

void dj_emu_sgx_key(const uint8_t fuses[static 32],
	const struct dj_emu_key_input *in, uint8_t ret[static 16]);

/* The key that a report for this target is under. */
void dj_emu_sgx_report_key(const uint8_t fuses[static 32],
	const struct dj_sgx_targetinfo *target,
	const uint8_t keyid[static DJ_SGX_KEYID], uint8_t ret[static 16]);

/* AES-128-CMAC (RFC 4493) over whole blocks. */
void dj_emu_cmac(const uint8_t key[static 16], const uint8_t *p, size_t blocks,
	uint8_t ret[static 16]);
