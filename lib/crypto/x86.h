// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"

/*
 * Inner loops for x86-64, used by sha256.c and aead.c when dj_crypto_cpu()
 * said that the instructions exist. Not for anyone else.
 */
#ifdef __x86_64__

/* DJ_CPU_SHA: blocks of 64 bytes into h. */
void dj_x86_sha256(uint32_t h[static 8], const uint8_t *p, size_t blocks);

/* DJ_CPU_AES. Round keys 0..14, then the powers 1..8 of the GHASH key. */
struct dj_x86_gcm {
	_Alignas(16) uint8_t round[15][16];
	_Alignas(16) uint8_t power[8][16];
};

void dj_x86_gcm_init(struct dj_x86_gcm *g, const struct dj_key *key);
/* The tag of ciphertext data. */
void dj_x86_gcm_tag(const struct dj_x86_gcm *g, const uint8_t nonce[static 12],
	const uint8_t *aad, size_t aad_len, const uint8_t *data, size_t len,
	uint8_t ret[static 16]);
/* Encrypts or decrypts: counter mode from 2. */
void dj_x86_gcm_ctr(const struct dj_x86_gcm *g, const uint8_t nonce[static 12],
	uint8_t *data, size_t len);

/* DJ_CPU_AVX2: whole chunks of data. */
#define DJ_X86_CHACHA20_CHUNK ((size_t)512)
void dj_x86_chacha20(const uint8_t key[static 32],
	const uint8_t nonce[static 12], uint32_t counter, uint8_t *data,
	size_t chunks);

#endif
