// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * SIGSTRUCT, 1808 bytes: what the signer of an enclave says of it, and what
 * EINIT holds the enclave to (SDM volume 3, chapter 38.13). Little-endian,
 * its RSA numbers too. RSASSA-PKCS1-v1_5 with SHA-256, 3072 bits, exponent 3,
 * over bytes 0..127 and 900..1027.
 */
/* In the file beside an image: with SGX2, and for each memory with SGX1. */
#define DJ_SGX_SIGSTRUCTS       8
#define DJ_SGX_SIGSTRUCT        1808
#define DJ_SGX_SIGSTRUCT_SIGNED 256
#define DJ_SGX_RSA              384

struct dj_sgx_sigstruct {
	uint32_t vendor; /* 0 or 0x8086 */
	uint32_t date;   /* BCD: 0x20261126 */
	uint32_t swdefined;
	uint32_t miscselect, miscmask;
	uint8_t isvfamilyid[16], isvextprodid[16];
	uint64_t flags, xfrm;           /* ATTRIBUTES */
	uint64_t flags_mask, xfrm_mask; /* those of them that must be so */
	uint8_t mrenclave[32];
	uint16_t isvprodid, isvsvn;
	uint8_t modulus[DJ_SGX_RSA], signature[DJ_SGX_RSA];
	uint8_t q1[DJ_SGX_RSA], q2[DJ_SGX_RSA];
};

/* DJ_E_INPUT: a header, a reserved byte or the exponent is not as above. */
dj_status dj_sgx_sigstruct_parse(const uint8_t *buf, size_t len,
	struct dj_sgx_sigstruct *ret);
void dj_sgx_sigstruct_write(const struct dj_sgx_sigstruct *s,
	uint8_t dst[static DJ_SGX_SIGSTRUCT]);

/* The bytes that are signed; only the fields that are in them are read. */
void dj_sgx_sigstruct_signed(const struct dj_sgx_sigstruct *s,
	uint8_t dst[static DJ_SGX_SIGSTRUCT_SIGNED]);

/*
 * Is the signature the modulus's over these fields, and are q1 and q2 what
 * makes s^3 mod n without division? As EINIT does it.
 */
bool dj_sgx_sigstruct_verify(const struct dj_sgx_sigstruct *s);

/* The same for a digest instead of the fields. */
bool dj_sgx_rsa_verify(const struct dj_sgx_sigstruct *s,
	const uint8_t digest[static 32]);

/* Sets q1 = s*s / n and q2 = (s*s mod n) * s / n; false if s >= n or n is not
 * of 3072 bits. */
bool dj_sgx_sigstruct_quotients(struct dj_sgx_sigstruct *s);

/* SHA-256 of the modulus as it stands. */
void dj_sgx_mrsigner(const struct dj_sgx_sigstruct *s, uint8_t ret[static 32]);
