// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/* SHA-384, as dj_sha256 is SHA-256 (lib/crypto/sha256.h). */
#define DJ_SHA384_SIZE 48

struct dj_sha384 {
	_Alignas(8) uint8_t state[256];
};

void dj_sha384_init(struct dj_sha384 *c);
void dj_sha384_update(struct dj_sha384 *c, const void *p, size_t len);
void dj_sha384_final(const struct dj_sha384 *c, uint8_t ret[static 48]);

void dj_sha384(const void *p, size_t len, uint8_t ret[static 48]);
