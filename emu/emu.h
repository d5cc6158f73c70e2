// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/evidence/snp.h"

/*
 * donjon-emu: attestation hardware that is not there, for development. What
 * it signs chains to a root made per installation and proves nothing about
 * protection; every name in its certificates says EMULATED.
 *
 * Both print one line on stderr when they fail and give an exit code of
 * sysexits(3).
 */

/* Makes dir with a new root and keys. Refuses to touch an existing one. */
int dj_emu_init(const char *dir);

/*
 * Adds to such a folder what the emulated secure processor needs, whose keys
 * take longer to make: snp.key, snp.model, snp-root.pem (an ARK, which a policy
 * names as it names root.pem) and snp-chain.pem. What is there stays as it is.
 */
int dj_emu_add_snp(const char *dir, enum dj_snp_product product,
	uint32_t version);

/* The same for an emulated SGX platform: emu/sgx_keep.h lists the files. */
int dj_emu_add_sgx(const char *dir);

/* Is this the name of a TEE that is emulated here? */
bool dj_emu_knows(const char *tee);

/* Serves one Keep of that TEE on descriptor 3 (lib/proto/emu.h) until it is
 * closed. */
int dj_emu_serve(const char *tee, const char *dir);

/* From here on only what serving needs; anything else kills. No core dump, no
 * new rights. */
bool dj_emu_filter(void);

/*
 * An attestation key as dj_emu_init writes it: SEC 1 in PEM, P-256. Read
 * without OpenSSL, whose start costs more than everything else here.
 */
struct dj_emu_key {
	uint8_t secret[32];
	uint8_t public_key[65]; /* 0x04, x, y */
};

/* NULL, or what is wrong with the file's text. Wipes nothing. */
const char *dj_emu_key_parse(const char *pem, size_t len,
	struct dj_emu_key *ret);

/* SHA-256 of the key's SubjectPublicKeyInfo, DER. */
void dj_emu_key_platform(const struct dj_emu_key *key, uint8_t ret[static 32]);

/* ECDSA with SHA-256 over p, r || s. */
void dj_emu_key_sign(const struct dj_emu_key *key, const void *p, size_t len,
	uint8_t ret[static 64]);
