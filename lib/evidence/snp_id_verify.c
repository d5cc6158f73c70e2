// SPDX-License-Identifier: Apache-2.0
#include <bearssl.h>
#include <string.h>

#include "lib/crypto/sha384.h"
#include "lib/evidence/snp_id.h"

bool dj_snp_id_verify(const struct dj_snp_id_signer *s, const void *p,
	size_t len)
{
	uint8_t point[sizeof(s->point)];
	br_ec_public_key pk = { .curve = BR_EC_secp384r1,
		.q = point,
		.qlen = sizeof(point) };
	uint8_t digest[48];

	memcpy(point, s->point, sizeof(point));
	dj_sha384(p, len, digest);
	return br_ecdsa_i31_vrfy_raw(&br_ec_prime_i31, digest, sizeof(digest),
		       &pk, s->signature, sizeof(s->signature)) == 1;
}
