// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"

/*
 * Authenticated encryption, in place, 12-byte nonce, 16-byte tag. A key is set
 * up once and used for many messages. Every implementation is constant-time:
 * AES is AES-NI where dj_crypto_cpu() said so, else bit-sliced.
 */
enum dj_aead_alg {
	DJ_AEAD_CHACHA20_POLY1305 = 1,
	DJ_AEAD_AES256_GCM = 2,
};

#define DJ_AEAD_NONCE 12
#define DJ_AEAD_TAG   16

struct dj_aead {
	enum dj_aead_alg alg;
	uint32_t cpu; /* what the key was set up for */
	_Alignas(16) uint8_t state[512];
};

void dj_aead_init(struct dj_aead *a, enum dj_aead_alg alg,
	const struct dj_key *key);
/* Wipes it. Also right for one that is all zero. */
void dj_aead_done(struct dj_aead *a);

void dj_aead_seal(const struct dj_aead *a, const uint8_t nonce[static 12],
	const void *aad, size_t aad_len, uint8_t *data, size_t len,
	uint8_t ret_tag[static 16]);

/*
 * DJ_E_AUTH: the tag does not hold; data is then all zero, so that nothing
 * decrypted is left to use.
 */
dj_status dj_aead_open(const struct dj_aead *a, const uint8_t nonce[static 12],
	const void *aad, size_t aad_len, uint8_t *data, size_t len,
	const uint8_t tag[static 16]);
