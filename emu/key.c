// SPDX-License-Identifier: Apache-2.0
#include <bearssl.h>
#include <string.h>

#include "emu/emu.h"
#include "emu/pem.h"
#include "emu/snp.h"
#include "lib/base/secret.h"
#include "lib/crypto/sha256.h"
#include "lib/crypto/sha384.h"

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

/* Fails only for a curve that it does not know: zeros then. */
static void sign(const br_ec_impl *ec, const br_hash_class *hash,
	const br_ec_private_key *sk, const void *digest, void *ret)
{
	if (br_ecdsa_i31_sign_raw(ec, hash, digest, sk, ret) != 2 * sk->xlen)
		memset(ret, 0, 2 * sk->xlen);
	dj_wipe(sk->x, sk->xlen);
}

void dj_emu_key_sign(const struct dj_emu_key *key, const void *p, size_t len,
	uint8_t ret[static 64])
{
	uint8_t secret[32], digest[32];
	const br_ec_private_key sk = { BR_EC_secp256r1, secret, 32 };

	memcpy(secret, key->secret, sizeof(secret));
	dj_sha256(p, len, digest);
	sign(&br_ec_p256_m31, &br_sha256_vtable, &sk, digest, ret);
}

/* ECPrivateKey for P-384: 167 bytes. */
#define DER384_SIZE 167
static const uint8_t der384_head[] = { 0x30, 0x81, 0xa4, 0x02, 0x01, 0x01, 0x04,
	0x30 };
static const uint8_t der384_mid[] = { 0xa0, 0x07, 0x06, 0x05, 0x2b, 0x81, 0x04,
	0x00, 0x22, 0xa1, 0x64, 0x03, 0x62, 0x00, 0x04 };

const char *dj_emu_key384_parse(const char *pem, size_t len,
	struct dj_emu_key384 *ret)
{
	uint8_t der[DER384_SIZE];
	const uint8_t *mid = der + sizeof(der384_head) + 48;
	const char *wrong = dj_emu_pem_key(pem, len, der, sizeof(der));

	if (wrong == NULL &&
		(memcmp(der, der384_head, sizeof(der384_head)) != 0 ||
			memcmp(mid, der384_mid, sizeof(der384_mid)) != 0))
		wrong = "this is not a P-384 key as donjon-emu writes it";
	if (wrong == NULL)
		memcpy(ret->secret, der + sizeof(der384_head), 48);
	dj_wipe(der, sizeof(der));
	return wrong;
}

void dj_emu_key384_sign(const struct dj_emu_key384 *key, const void *p,
	size_t len, uint8_t ret[static 96])
{
	uint8_t secret[48], digest[48];
	const br_ec_private_key sk = { BR_EC_secp384r1, secret, 48 };

	memcpy(secret, key->secret, sizeof(secret));
	dj_sha384(p, len, digest);
	sign(&br_ec_prime_i31, &br_sha384_vtable, &sk, digest, ret);
}
