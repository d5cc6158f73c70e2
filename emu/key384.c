// SPDX-License-Identifier: Apache-2.0
#include <bearssl.h>
#include <string.h>

#include "emu/pem.h"
#include "emu/snp.h"
#include "lib/base/secret.h"
#include "lib/crypto/sha384.h"

/* ECPrivateKey of RFC 5915 for P-384, all lengths known: 167 bytes. */
#define DER_SIZE 167
static const uint8_t der_head[] = { 0x30, 0x81, 0xa4, 0x02, 0x01, 0x01, 0x04,
	0x30 };
static const uint8_t der_mid[] = { 0xa0, 0x07, 0x06, 0x05, 0x2b, 0x81, 0x04,
	0x00, 0x22, 0xa1, 0x64, 0x03, 0x62, 0x00, 0x04 };

const char *dj_emu_key384_parse(const char *pem, size_t len,
	struct dj_emu_key384 *ret)
{
	uint8_t der[DER_SIZE];
	const uint8_t *mid = der + sizeof(der_head) + 48;
	const char *wrong = dj_emu_pem_key(pem, len, der, sizeof(der));

	if (wrong == NULL &&
		(memcmp(der, der_head, sizeof(der_head)) != 0 ||
			memcmp(mid, der_mid, sizeof(der_mid)) != 0))
		wrong = "this is not a P-384 key as donjon-emu writes it";
	if (wrong == NULL)
		memcpy(ret->secret, der + sizeof(der_head), 48);
	dj_wipe(der, sizeof(der));
	return wrong;
}

void dj_emu_key384_sign(const struct dj_emu_key384 *key, const void *p,
	size_t len, uint8_t ret[static 96])
{
	uint8_t secret[48];
	br_ec_private_key sk = {
		.curve = BR_EC_secp384r1,
		.x = secret,
		.xlen = sizeof(secret),
	};
	uint8_t digest[48];

	memcpy(secret, key->secret, sizeof(secret));
	dj_sha384(p, len, digest);
	/* Fails only for a curve that it does not know. */
	if (br_ecdsa_i31_sign_raw(&br_ec_prime_i31, &br_sha384_vtable, digest,
		    &sk, ret) != 96)
		memset(ret, 0, 96);
	dj_wipe(secret, sizeof(secret));
}
