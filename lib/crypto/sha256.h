// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * SHA-256. A context may be copied by assignment; dj_sha256_final() leaves it
 * as it was, so a running hash can be asked in between. A context that hashed
 * a secret is wiped by its owner.
 */
#define DJ_SHA256_SIZE 32

struct dj_sha256 {
	uint32_t h[8];
	uint64_t count; /* bytes so far */
	uint8_t buf[64];
};

void dj_sha256_init(struct dj_sha256 *c);
void dj_sha256_update(struct dj_sha256 *c, const void *p, size_t len);
void dj_sha256_final(const struct dj_sha256 *c, uint8_t ret[static 32]);

void dj_sha256(const void *p, size_t len, uint8_t ret[static 32]);
