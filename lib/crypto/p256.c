// SPDX-License-Identifier: Apache-2.0
#include <bearssl.h>
#include <string.h>

#include "lib/crypto/p256.h"

dj_status dj_p256_verify(const uint8_t pub[static 65],
	const uint8_t digest[static 32], const uint8_t sig[static 64])
{
	uint8_t q[DJ_P256_PUBLIC];
	br_ec_public_key key = { .curve = BR_EC_secp256r1,
		.q = q,
		.qlen = sizeof(q) };

	memcpy(q, pub, sizeof(q));
	if (q[0] != 4)
		return DJ_E_AUTH;
	if (br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, 32, &key, sig,
		    DJ_P256_SIG) != 1)
		return DJ_E_AUTH;
	return DJ_OK;
}
