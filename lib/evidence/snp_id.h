// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * The ID block of an SEV-SNP launch (56860 section 8.18): what the guest's
 * owner wants launched, signed by a key of the owner's. Firmware refuses a
 * launch whose digest or policy is another; the report then has the names, the
 * version and the digest of the key. Little-endian.
 *
 *   ID block, 96 bytes: launch digest[48], family_id[16], image_id[16],
 *   u32 version 1, u32 guest_svn, u64 guest policy.
 *
 *   ID authentication, 4096 bytes: 0 u32 algorithm of the ID key, 1 (P-384 with
 *   SHA-384); 4 u32 of the author key, 0 if there is none; 0x40 signature over
 *   the block; 0x240 ID key; 0x680 signature over the ID key; 0x880 author key.
 */
#define DJ_SNP_ID_BLOCK 96
#define DJ_SNP_ID_AUTH  4096
#define DJ_SNP_ID_KEY   0x404

struct dj_snp_id {
	uint8_t digest[48];
	uint8_t family_id[16], image_id[16];
	uint32_t guest_svn;
	uint64_t policy;
};

void dj_snp_id_write(const struct dj_snp_id *id,
	uint8_t dst[static DJ_SNP_ID_BLOCK]);
/* DJ_E_UNSUPPORTED: another version. */
dj_status dj_snp_id_parse(const uint8_t p[static DJ_SNP_ID_BLOCK],
	struct dj_snp_id *ret);

/* A public key, x || y, big-endian, and its 0x404 bytes. */
struct dj_snp_id_signer {
	const uint8_t *key; /* borrowed, DJ_SNP_ID_KEY bytes */
	uint8_t point[97];  /* 4, x, y */
	uint8_t signature[96];
};

struct dj_snp_id_auth {
	struct dj_snp_id_signer id; /* of the block */
	bool has_author;
	struct dj_snp_id_signer author; /* of the ID key's bytes */
};

/* Reads what signed what; no signature is checked. DJ_E_UNSUPPORTED: another
 * algorithm or curve; DJ_E_INPUT: bytes set that must be zero. */
dj_status dj_snp_id_auth_parse(const uint8_t p[static DJ_SNP_ID_AUTH],
	struct dj_snp_id_auth *ret);
void dj_snp_id_auth_write(const struct dj_snp_id_auth *a,
	uint8_t dst[static DJ_SNP_ID_AUTH]);

/* Is what the signer says its signature over p? */
bool dj_snp_id_verify(const struct dj_snp_id_signer *s, const void *p,
	size_t len);
