// SPDX-License-Identifier: Apache-2.0
#include <bearssl.h>
#include <string.h>

#include "emu/emu.h"
#include "emu/pem.h"
#include "lib/base/secret.h"
#include "lib/crypto/sha256.h"

/* ECPrivateKey of RFC 5915 for P-256, all lengths known: 121 bytes. */
#define DER_SIZE 121
static const uint8_t der_head[] = { 0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20 };
static const uint8_t der_mid[] = { 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48,
	0xce, 0x3d, 0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00 };
/* SubjectPublicKeyInfo of RFC 5480 up to the point. */
static const uint8_t spki_head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a,
	0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
	0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };
const char *dj_emu_key_parse(const char *pem, size_t len,
	struct dj_emu_key *ret)
{
	struct dj_emu_key key;
	uint8_t der[DER_SIZE];
	const uint8_t *mid = der + sizeof(der_head) + 32;
	const uint8_t *pub = mid + sizeof(der_mid);
	const char *wrong = dj_emu_pem_key(pem, len, der, sizeof(der));

	if (wrong == NULL &&
		(memcmp(der, der_head, sizeof(der_head)) != 0 ||
			memcmp(mid, der_mid, sizeof(der_mid)) != 0 ||
			pub[0] != 4))
		wrong = "this is not a P-256 key as donjon-emu writes it";
	if (wrong == NULL) {
		memcpy(key.secret, der + sizeof(der_head), 32);
		memcpy(key.public_key, pub, 65);
		*ret = key;
	}
	dj_wipe(der, sizeof(der));
	dj_wipe(&key, sizeof(key));
	return wrong;
}

void dj_emu_key_platform(const struct dj_emu_key *key, uint8_t ret[static 32])
{
	struct dj_sha256 sha;

	dj_sha256_init(&sha);
	dj_sha256_update(&sha, spki_head, sizeof(spki_head));
	dj_sha256_update(&sha, key->public_key, sizeof(key->public_key));
	dj_sha256_final(&sha, ret);
}

void dj_emu_key_sign(const struct dj_emu_key *key, const void *p, size_t len,
	uint8_t ret[static 64])
{
	uint8_t secret[32];
	br_ec_private_key sk = {
		.curve = BR_EC_secp256r1,
		.x = secret,
		.xlen = sizeof(secret),
	};
	uint8_t digest[32];

	memcpy(secret, key->secret, sizeof(secret));
	dj_sha256(p, len, digest);
	/* Fails only for a curve that it does not know. */
	if (br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, digest,
		    &sk, ret) != 64)
		memset(ret, 0, 64);
	dj_wipe(secret, sizeof(secret));
}
