// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"

/*
 * A Keep's random generator: HMAC_DRBG with SHA-256 (SP 800-90A) over the
 * processor's source. Every read draws from the source again (prediction
 * resistance) and ends with an update (what was given cannot be found from a
 * later state). A source that fails once ends the generator: every later read
 * is DJ_E_HOST too and the caller halts.
 */
typedef dj_status dj_drbg_source(void *dst, size_t len);

struct dj_drbg {
	struct dj_key k, v;
	dj_drbg_source *source;
	bool is_good;
};

/* Seeds it with several draws (384 bytes). */
dj_status dj_drbg_init(struct dj_drbg *d, dj_drbg_source *source);

/*
 * Mixes bytes in that nobody vouches for: harmless if the source is good, a
 * help if it is weak. HELLO is such.
 */
void dj_drbg_mix(struct dj_drbg *d, const void *p, size_t len);

/* On failure dst is all zero. */
dj_status dj_drbg_read(struct dj_drbg *d, void *dst, size_t len);
void dj_drbg_done(struct dj_drbg *d);
