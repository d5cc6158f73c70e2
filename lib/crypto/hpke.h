// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"

/*
 * HPKE (RFC 9180) as the session uses it: KEM 0x0020 DHKEM(X25519,
 * HKDF-SHA256), KDF 0x0001, AEAD 0xFFFF (Export-Only), modes base and psk.
 * Other KEMs bring their own shared secret to dj_hpke_setup().
 */
#define DJ_KEM_X25519 0x0020
#define DJ_KEM_XWING  0x647a /* not in this build */

/* DeriveKeyPair: a key pair from at least 32 bytes of good randomness. */
void dj_kem_derive(const void *ikm, size_t ikm_len, struct dj_key *ret_sk,
	uint8_t ret_pk[static 32]);

/*
 * Encap with a given ephemeral key, used once, and Decap. DJ_E_INPUT: the
 * other side's key is of low order.
 */
dj_status dj_kem_encap(const uint8_t pk[static 32],
	const struct dj_key *ephemeral, uint8_t ret_enc[static 32],
	struct dj_key *ret_ss);
dj_status dj_kem_decap(const struct dj_key *sk, const uint8_t enc[static 32],
	struct dj_key *ret_ss);

enum dj_hpke_mode {
	DJ_HPKE_BASE = 0,
	DJ_HPKE_PSK = 1,
};

/* Holds a secret: wiped by whoever declared it. */
struct dj_hpke {
	uint16_t kem;
	struct dj_key exporter;
};

/*
 * KeySchedule. psk and psk_id: both empty in base mode, both not in psk mode,
 * else DJ_E_INPUT. psk_id and info are public.
 */
dj_status dj_hpke_setup(struct dj_hpke *h, uint16_t kem, enum dj_hpke_mode mode,
	const struct dj_key *ss, const void *info, size_t info_len,
	const void *psk, size_t psk_len, const void *psk_id, size_t psk_id_len);

/* Context.Export; context is ASCII and public, len at most DJ_HKDF_MAX. */
void dj_hpke_export(const struct dj_hpke *h, const char *context, void *dst,
	size_t len);
void dj_hpke_export_bytes(const struct dj_hpke *h, const void *context,
	size_t context_len, void *dst, size_t len);
