// SPDX-License-Identifier: Apache-2.0
/* BearSSL in portable C: hashes, ciphers in constant time, curves. */
#include <stdio.h>
#include <string.h>

#include "bearssl.h"

static unsigned char data[65536];

static unsigned hashes(void)
{
	br_sha256_context a;
	br_sha512_context b;
	unsigned char out[96];

	br_sha256_init(&a);
	br_sha512_init(&b);
	for (int i = 0; i < 120; i++) {
		br_sha256_update(&a, data, sizeof(data));
		br_sha512_update(&b, data, sizeof(data));
	}
	br_sha256_out(&a, out);
	br_sha512_out(&b, out + 32);
	return out[0] + 256u * out[32];
}

static unsigned ciphers(void)
{
	br_aes_ct64_ctr_keys k;
	br_gcm_context g;
	unsigned char key[32] = { 1 }, iv[12] = { 2 }, tag[16];

	br_aes_ct64_ctr_init(&k, key, sizeof(key));
	br_gcm_init(&g, &k.vtable, br_ghash_ctmul64);
	for (int i = 0; i < 60; i++) {
		br_gcm_reset(&g, iv, sizeof(iv));
		br_gcm_flip(&g);
		br_gcm_run(&g, 1, data, sizeof(data));
		br_gcm_get_tag(&g, tag);
		br_poly1305_ctmul_run(key, iv, data, sizeof(data), tag, 16, tag,
			br_chacha20_ct_run, 1);
		iv[0] = tag[0];
	}
	return tag[0] + 256u * tag[1];
}

static unsigned curves(void)
{
	unsigned char point[65] = { 9 }, k[32] = { 77, 1, 2, 3 };
	size_t n;

	for (int i = 0; i < 60; i++)
		br_ec_c25519_m31.mul(point, 32, k, sizeof(k), BR_EC_curve25519);
	n = br_ec_p256_m31.mulgen(point, k, sizeof(k), BR_EC_secp256r1);
	for (int i = 0; i < 40; i++)
		br_ec_p256_m31.mul(point, n, k, sizeof(k), BR_EC_secp256r1);
	return point[5] + 256u * point[6];
}

int main(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 31 + i / 256);
	printf("%u\n", hashes());
	printf("%u\n", ciphers());
	printf("%u\n", curves());
	return 0;
}
