// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"

/* X25519 (RFC 7748); scalars and points are little-endian as there. */
void dj_x25519_public(const struct dj_key *scalar, uint8_t ret[static 32]);

/* DJ_E_INPUT: the result is all zero (a point of low order). */
dj_status dj_x25519(const struct dj_key *scalar, const uint8_t point[static 32],
	struct dj_key *ret);
