// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * ECDSA over P-256 with SHA-256, verification only: pub is the uncompressed
 * point (65 bytes, 0x04 first), sig is r || s, digest the message's SHA-256.
 * All inputs are public. DJ_E_AUTH: does not hold, or the point is none.
 */
#define DJ_P256_PUBLIC 65
#define DJ_P256_SIG    64

dj_status dj_p256_verify(const uint8_t pub[static 65],
	const uint8_t digest[static 32], const uint8_t sig[static 64]);
