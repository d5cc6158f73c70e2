// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Secrets. A 32-byte secret has a type of its own, so that it cannot be
 * passed where plain bytes are meant, and a local one is declared
 *
 *   DJ_SECRET struct dj_key k;
 *
 * which wipes it on every way out of its block.
 */
struct dj_key {
	uint8_t b[32];
};

/* memset to zero that no compiler may leave out. */
void dj_wipe(void *p, size_t len);

/* Compares in time that depends on len alone. */
bool dj_ct_equal(const void *a, const void *b, size_t len);

static inline void dj_key_wipe(struct dj_key *k)
{
	dj_wipe(k, sizeof(*k));
}

#define DJ_SECRET __attribute__((cleanup(dj_key_wipe)))
