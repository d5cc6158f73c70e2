// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/crypto/sha256.h"

/*
 * HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869). A struct dj_hmac holds
 * key material: its owner wipes it.
 */
struct dj_hmac {
	struct dj_sha256 inner, outer;
};

void dj_hmac_init(struct dj_hmac *m, const void *key, size_t key_len);
void dj_hmac_update(struct dj_hmac *m, const void *p, size_t len);
void dj_hmac_final(const struct dj_hmac *m, uint8_t ret[static 32]);

void dj_hkdf_extract(const void *salt, size_t salt_len, const void *ikm,
	size_t ikm_len, struct dj_key *ret);
/* len is at most 255 * 32; more is a bug of the caller and gives zeros. */
#define DJ_HKDF_MAX ((size_t)255 * 32)
void dj_hkdf_expand(const struct dj_key *prk, const void *info, size_t info_len,
	void *dst, size_t len);
