// SPDX-License-Identifier: Apache-2.0
#include <bearssl.h>
#include <string.h>

#include "emu/emu.h"
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
static const char begin[] = "-----BEGIN EC PRIVATE KEY-----\n";
static const char end[] = "-----END EC PRIVATE KEY-----";

static int sextet(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c == '\0' ? NULL : strchr(digits, c);

	return p == NULL ? -1 : (int)(p - digits);
}

/* Base64 up to the first '-'; false unless it is exactly want bytes. */
static bool decode(const char *p, const char *stop, uint8_t *dst, size_t want)
{
	uint32_t bits = 0;
	size_t n = 0;
	int count = 0;

	for (; p < stop && *p != '-' && *p != '='; p++) {
		int v = sextet(*p);

		if (*p == '\n' || *p == '\r')
			continue;
		if (v < 0 || (n == want && count == 0))
			return false;
		bits = bits << 6 | (uint32_t)v;
		count += 6;
		if (count >= 8) {
			if (n == want)
				return false;
			count -= 8;
			dst[n++] = (uint8_t)(bits >> count);
		}
	}
	return n == want;
}

const char *dj_emu_key_parse(const char *pem, size_t len,
	struct dj_emu_key *ret)
{
	const size_t skip = sizeof(begin) - 1;
	struct dj_emu_key key;
	uint8_t der[DER_SIZE];
	const uint8_t *mid = der + sizeof(der_head) + 32;
	const uint8_t *pub = mid + sizeof(der_mid);
	bool good;

	if (len < skip || memcmp(pem, begin, skip) != 0 ||
		memmem(pem, len, end, sizeof(end) - 1) == NULL)
		return "this is not a PEM file with an EC PRIVATE KEY";
	good = decode(pem + skip, pem + len, der, sizeof(der)) &&
		memcmp(der, der_head, sizeof(der_head)) == 0 &&
		memcmp(mid, der_mid, sizeof(der_mid)) == 0 && pub[0] == 4;
	if (good) {
		memcpy(key.secret, der + sizeof(der_head), 32);
		memcpy(key.public_key, pub, 65);
		*ret = key;
	}
	dj_wipe(der, sizeof(der));
	dj_wipe(&key, sizeof(key));
	return good ? NULL : "this is not a P-256 key as donjon-emu writes it";
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
