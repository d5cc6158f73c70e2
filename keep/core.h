// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/proto/config.h"

/*
 * What the whole core knows: set once by dj_core_init() in main.c, before
 * anything else runs, and constant from then on.
 *
 * Who calls whom:
 *
 *   main.c      takes the launch block, then loops: session step, program
 *   session.c   frames, handshake, records; state machine of session.md 10
 *   stream.c    flow control both ways; what WASI reads and writes
 *   program.c   BEGIN, MODULE, RUN; engine and WASI; how it ended
 *   diag.c      what the client is told about that, JSON
 *   clock.c     time policies
 *   private.c   private memory, wiped before it is given back
 *   hostcall.c  the shared region
 *
 * All state is static, one struct a file, and set to its beginning by that
 * file's init function; a hosted test runs dj_keep_main() again and again.
 */
struct dj_core {
	struct dj_config config;
	uint8_t config_hash[32]; /* zero: there was no block */
	uint8_t keep_id[32];
};

extern struct dj_core dj_core;

/* Everything to its beginning; halts if the block or the machine is unfit. */
void dj_core_init(void);

/* From the Keep's own generator; halts if there is no randomness. */
void dj_core_random(void *dst, size_t len);
/* Mixes in what a stranger sent; harmless (lib/crypto/drbg.h). */
void dj_core_random_mix(const void *p, size_t len);

/* RELEASE: wipes everything that is wiped nowhere else, and halts. */
_Noreturn void dj_core_release(void);
