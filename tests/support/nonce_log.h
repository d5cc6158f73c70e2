// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Remembers each (key, nonce) that is sealed and traps on the second use of
 * one. No product file knows of it: a test's link puts it around
 * dj_aead_seal() with --wrap. In unit tests and fuzz targets fake_start()
 * begins a new log; in build/keep-nonce/process.elf and build/tests/
 * donjon-nonce it is on from the start (tests/integration/nonces.py).
 *
 * An entry is the first half of SHA-256(algorithm || key || nonce): the log of
 * one actor can be joined with another's and tells nobody a key.
 */
#define DJ_NONCE_LOG_MAX (1 << 17)

struct dj_nonce_log {
	bool is_on;
	uint32_t count;
	uint64_t at[DJ_NONCE_LOG_MAX][2]; /* open addressing; 0, 0: free */
};

extern struct dj_nonce_log dj_nonce_log;

/* Called for each new entry; NULL: nobody. */
extern void (*dj_nonce_log_hook)(const uint64_t entry[2]);

/* Forgets all, and is on. */
void dj_nonce_log_start(void);
