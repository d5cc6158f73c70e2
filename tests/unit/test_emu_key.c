// SPDX-License-Identifier: Apache-2.0
#include "emu/emu.h"
#include "lib/crypto/p256.h"
#include "lib/crypto/sha256.h"
#include "tests/tap.h"

/* openssl ecparam -name prime256v1 -genkey -noout; used nowhere else. */
static const char pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
			  "MHcCAQEEIAr5bkP5ArjFDArzdc47V7GIVFAiR54NHdol7sTjAy9"
			  "doAoGCCqGSM49\n"
			  "AwEHoUQDQgAEVbbuWVJoksbIGuvpcF1J6GrhsFOwY12rv9vYTKM"
			  "lhjq1OcROFAeQ\n"
			  "fux6cDipJVEXVQdh16XW+x+c/e9FHOGJEg==\n"
			  "-----END EC PRIVATE KEY-----\n";
#define LEN (sizeof(pem) - 1)

/* sha256 of `openssl pkey -pubout -outform DER`. */
static const uint8_t platform[32] = { 0x45, 0x09, 0xf3, 0x4b, 0xb3, 0xd2, 0x92,
	0xd1, 0x93, 0xb7, 0xd9, 0xd2, 0xb1, 0xff, 0x20, 0x79, 0x32, 0x6b, 0xa5,
	0xbe, 0xa3, 0x1e, 0x6a, 0x90, 0x62, 0x80, 0xbc, 0xd0, 0x23, 0x93, 0x45,
	0x85 };

static void a_key_that_openssl_wrote_is_read(void)
{
	struct dj_emu_key k;
	uint8_t h[32];

	ok(dj_emu_key_parse(pem, LEN, &k) == NULL);
	eq_u64(k.secret[0], 0x0a);
	eq_u64(k.secret[31], 0x5d);
	eq_u64(k.public_key[0], 4);
	eq_u64(k.public_key[64], 0x12);
	dj_emu_key_platform(&k, h);
	eq_mem(h, platform, 32);
}

static void every_truncation_is_refused(void)
{
	struct dj_emu_key k;
	size_t accepted = 0;

	/* The last byte is the line's end, which may be missing. */
	for (size_t len = 0; len < LEN - 1; len++)
		accepted += dj_emu_key_parse(pem, len, &k) == NULL;
	eq_u64(accepted, 0);
}

static void only_key_bytes_may_differ(void)
{
	struct dj_emu_key k;
	char bad[LEN];
	size_t accepted = 0;

	for (size_t i = 0; i < LEN; i++) {
		memcpy(bad, pem, LEN);
		bad[i] = bad[i] == '!' ? '?' : '!';
		if (pem[i] != '\n' || i < 32)
			accepted += dj_emu_key_parse(bad, LEN, &k) == NULL;
	}
	/* After the first sign of padding the second is not looked at. */
	eq_u64(accepted, 1);
	memcpy(bad, pem, LEN);
	memcpy(bad + 31, "MIcC", 4);
	ok(dj_emu_key_parse(bad, LEN, &k) != NULL);
}

static void a_signature_holds_and_depends_on_every_byte(void)
{
	uint8_t msg[176], sig[64], digest[32];
	struct dj_emu_key k;

	memset(msg, 7, sizeof(msg));
	ok(dj_emu_key_parse(pem, LEN, &k) == NULL);
	dj_emu_key_sign(&k, msg, sizeof(msg), sig);
	dj_sha256(msg, sizeof(msg), digest);
	eq_u64(dj_p256_verify(k.public_key, digest, sig), DJ_OK);
	msg[175] ^= 1;
	dj_sha256(msg, sizeof(msg), digest);
	eq_u64(dj_p256_verify(k.public_key, digest, sig), DJ_E_AUTH);
}

int main(void)
{
	RUN(a_key_that_openssl_wrote_is_read);
	RUN(every_truncation_is_refused);
	RUN(only_key_bytes_may_differ);
	RUN(a_signature_holds_and_depends_on_every_byte);
	return done();
}
