// SPDX-License-Identifier: Apache-2.0
#include <bearssl.h>
#include <string.h>

#include "lib/crypto/ct.h"
#include "lib/crypto/x25519.h"

void dj_x25519_public(const struct dj_key *scalar, uint8_t ret[static 32])
{
	static const uint8_t base[32] = { 9 };

	memcpy(ret, base, sizeof(base));
	/* Clamps the scalar itself; fails only for other lengths. */
	br_ec_c25519_m31.mul(ret, 32, scalar->b, sizeof(scalar->b),
		BR_EC_curve25519);
}

dj_status dj_x25519(const struct dj_key *scalar, const uint8_t point[static 32],
	struct dj_key *ret)
{
	static const uint8_t zero[32];
	DJ_SECRET struct dj_key r;
	bool is_zero;

	memcpy(r.b, point, sizeof(r.b));
	br_ec_c25519_m31.mul(r.b, sizeof(r.b), scalar->b, sizeof(scalar->b),
		BR_EC_curve25519);
	/* BearSSL reports success for points of low order too. */
	is_zero = dj_ct_equal(r.b, zero, sizeof(zero));
	dj_ct_public(&is_zero, sizeof(is_zero));
	if (is_zero)
		return DJ_E_INPUT;
	*ret = r;
	return DJ_OK;
}
