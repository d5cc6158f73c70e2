// SPDX-License-Identifier: Apache-2.0
/*
 * Known answers from the RFCs and FIPS 180-4, and every implementation
 * against OpenSSL's on inputs of all shapes.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "lib/crypto/aead.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/drbg.h"
#include "lib/crypto/hmac.h"
#include "lib/crypto/p256.h"
#include "lib/crypto/sha256.h"
#include "lib/crypto/x25519.h"
#include "tests/tap.h"

static size_t unhex(const char *s, uint8_t *dst)
{
	size_t n = 0;
	unsigned byte;

	for (; s[0] != '\0'; s += 2, n++) {
		if (sscanf(s, "%2x", &byte) != 1)
			break;
		dst[n] = (uint8_t)byte;
	}
	return n;
}

static struct dj_key key_of(const char *s)
{
	struct dj_key k;

	ok(unhex(s, k.b) == sizeof(k.b));
	return k;
}

/* A stream that is the same on every run. */
static void fill(uint8_t *p, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(seed >> 56);
	}
}

/* Once portable, once with all this machine has. */
static void both_ways(void (*fn)(void))
{
	dj_crypto_cpu(0);
	fn();
	dj_crypto_cpu(dj_crypto_cpu_detect());
	fn();
	if (dj_crypto_cpu_detect() == 0)
		skip("no AES or SHA instructions here: portable code only");
}

static void sha256_answers(void)
{
	static const struct {
		const char *msg, *want;
	} t[] = {
		{ "",
			"e3b0c44298fc1c149afbf4c8996fb924"
			"27ae41e4649b934ca495991b7852b855" },
		{ "abc",
			"ba7816bf8f01cfea414140de5dae2223"
			"b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039"
			"a33ce45964ff2167f6ecedd419db06c1" },
	};
	static uint8_t buf[1000], a[32], b[32];
	struct dj_sha256 c;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		dj_sha256(t[i].msg, strlen(t[i].msg), a);
		unhex(t[i].want, b);
		eq_mem(a, b, 32);
	}
	fill(buf, sizeof(buf), 1);
	for (size_t n = 0; n <= 300; n++) {
		size_t cut = n * 7 % (n + 1);

		ok(EVP_Digest(buf, n, b, NULL, EVP_sha256(), NULL) == 1);
		dj_sha256(buf, n, a);
		eq_mem(a, b, 32);
		dj_sha256_init(&c);
		dj_sha256_update(&c, buf, cut);
		dj_sha256_final(&c, a); /* asking in between changes nothing */
		dj_sha256_update(&c, buf + cut, n - cut);
		dj_sha256_final(&c, a);
		eq_mem(a, b, 32);
	}
	dj_sha256_init(&c);
	memset(buf, 'a', sizeof(buf));
	for (size_t i = 0; i < 1000; i++)
		dj_sha256_update(&c, buf, sizeof(buf));
	dj_sha256_final(&c, a);
	unhex("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
		b);
	eq_mem(a, b, 32);
}

static void sha256_gives_known_answers_and_those_of_openssl(void)
{
	both_ways(sha256_answers);
}

/* RFC 5869 A.1 to A.3; RFC 4231 4.2 and 4.7 (a key longer than a block). */
static void hkdf_answers(void)
{
	uint8_t ikm[80], salt[80], info[80], out[82], want[82], mac[32];
	struct dj_key prk, w;
	struct dj_hmac m;

	memset(ikm, 0x0b, 22);
	for (uint8_t i = 0; i < 13; i++)
		salt[i] = i;
	for (uint8_t i = 0; i < 10; i++)
		info[i] = (uint8_t)(0xf0 + i);
	dj_hkdf_extract(salt, 13, ikm, 22, &prk);
	w = key_of("077709362c2e32df0ddc3f0dc47bba63"
		   "90b6c73bb50f9c3122ec844ad7c2b3e5");
	eq_mem(prk.b, w.b, 32);
	dj_hkdf_expand(&prk, info, 10, out, 42);
	unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	      "34007208d5b887185865",
		want);
	eq_mem(out, want, 42);

	for (uint8_t i = 0; i < 80; i++) {
		ikm[i] = i;
		salt[i] = (uint8_t)(0x60 + i);
		info[i] = (uint8_t)(0xb0 + i);
	}
	dj_hkdf_extract(salt, 80, ikm, 80, &prk);
	dj_hkdf_expand(&prk, info, 80, out, 82);
	unhex("b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	      "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	      "cc30c58179ec3e87c14c01d5c1f3434f1d87",
		want);
	eq_mem(out, want, 82);

	memset(ikm, 0x0b, 22);
	dj_hkdf_extract(NULL, 0, ikm, 22, &prk);
	dj_hkdf_expand(&prk, NULL, 0, out, 42);
	unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
	      "9d201395faa4b61a96c8",
		want);
	eq_mem(out, want, 42);

	memset(ikm, 0x0b, 20);
	dj_hmac_init(&m, ikm, 20);
	dj_hmac_update(&m, "Hi ", 3);
	dj_hmac_update(&m, "There", 5);
	dj_hmac_final(&m, mac);
	unhex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		want);
	eq_mem(mac, want, 32);
	{
		static const char msg[] =
			"Test Using Larger Than Block-Size Key - Hash Key First";
		uint8_t long_key[131];

		memset(long_key, 0xaa, sizeof(long_key));
		dj_hmac_init(&m, long_key, sizeof(long_key));
		dj_hmac_update(&m, msg, sizeof(msg) - 1);
		dj_hmac_final(&m, mac);
	}
	unhex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
		want);
	eq_mem(mac, want, 32);
}

static void hmac_and_hkdf_give_the_answers_of_rfc_4231_and_5869(void)
{
	both_ways(hkdf_answers);
}

static void hkdf_gives_zeros_beyond_its_limit(void)
{
	static uint8_t out[DJ_HKDF_MAX + 1];
	static const struct dj_key prk = { { 7 } };

	dj_hkdf_expand(&prk, "x", 1, out, DJ_HKDF_MAX);
	ok(out[DJ_HKDF_MAX - 1] != 0 || out[DJ_HKDF_MAX - 2] != 0);
	dj_hkdf_expand(&prk, "x", 1, out, sizeof(out));
	for (size_t i = 0; i < sizeof(out); i++)
		if (!ok(out[i] == 0))
			break;
}

/* RFC 8439 2.8.2. */
static void chacha20_poly1305_gives_the_answer_of_rfc_8439(void)
{
	static const char msg[] =
		"Ladies and Gentlemen of the class of '99: If I could offer you "
		"only one tip for the future, sunscreen would be it.";
	struct dj_key k = key_of("808182838485868788898a8b8c8d8e8f"
				 "909192939495969798999a9b9c9d9e9f");
	uint8_t nonce[12], aad[12], buf[114], tag[16], want[114];
	struct dj_aead a;

	unhex("070000004041424344454647", nonce);
	unhex("50515253c0c1c2c3c4c5c6c7", aad);
	memcpy(buf, msg, sizeof(buf));
	dj_aead_init(&a, DJ_AEAD_CHACHA20_POLY1305, &k);
	dj_aead_seal(&a, nonce, aad, 12, buf, sizeof(buf), tag);
	unhex("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	      "3ff4def08e4b7a9de576d26586cec64b6116",
		want);
	eq_mem(buf, want, sizeof(buf));
	unhex("1ae10b594f09e26a7e902ecbd0600691", want);
	eq_mem(tag, want, 16);
	eq_u64(dj_aead_open(&a, nonce, aad, 12, buf, sizeof(buf), tag), DJ_OK);
	eq_mem(buf, msg, sizeof(buf));
	dj_aead_done(&a);
}

/* The GCM specification's test case 16 (AES-256, 60 bytes, 20 of AAD). */
static void gcm_answer(void)
{
	struct dj_key k = key_of("feffe9928665731c6d6a8f9467308308"
				 "feffe9928665731c6d6a8f9467308308");
	uint8_t nonce[12], aad[20], buf[60], plain[60], tag[16], want[60];
	struct dj_aead a;

	unhex("cafebabefacedbaddecaf888", nonce);
	unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
	unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		plain);
	memcpy(buf, plain, sizeof(buf));
	dj_aead_init(&a, DJ_AEAD_AES256_GCM, &k);
	dj_aead_seal(&a, nonce, aad, sizeof(aad), buf, sizeof(buf), tag);
	unhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		want);
	eq_mem(buf, want, sizeof(buf));
	unhex("76fc6ece0f4e1768cddf8853bb2d551b", want);
	eq_mem(tag, want, 16);
	eq_u64(dj_aead_open(&a, nonce, aad, sizeof(aad), buf, sizeof(buf), tag),
		DJ_OK);
	eq_mem(buf, plain, sizeof(buf));
}

static void aes_256_gcm_gives_the_answer_of_its_specification(void)
{
	both_ways(gcm_answer);
}

static void openssl_seal(const EVP_CIPHER *cipher, const struct dj_key *k,
	const uint8_t *nonce, const uint8_t *aad, size_t aad_len, uint8_t *buf,
	size_t len, uint8_t *tag)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	ok(EVP_EncryptInit_ex(c, cipher, NULL, k->b, nonce) == 1);
	ok(EVP_EncryptUpdate(c, NULL, &n, aad, (int)aad_len) == 1);
	ok(EVP_EncryptUpdate(c, buf, &n, buf, (int)len) == 1);
	ok(EVP_EncryptFinal_ex(c, buf + len, &n) == 1);
	ok(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1);
	EVP_CIPHER_CTX_free(c);
}

static void compare(enum dj_aead_alg alg, const EVP_CIPHER *cipher)
{
	static uint8_t plain[17000], mine[17000], theirs[17000];
	uint8_t nonce[12], aad[40], tag[16], want[16];
	struct dj_key k;
	struct dj_aead a;

	fill(plain, sizeof(plain), 5);
	for (size_t n = 0; n < 700; n++) {
		size_t len = n < 300 ? n : (n * 2654435761u) % 16400;
		size_t aad_len = n % sizeof(aad);

		fill(k.b, sizeof(k.b), n);
		fill(nonce, sizeof(nonce), n + 1000);
		fill(aad, sizeof(aad), n + 2000);
		memcpy(mine, plain, len);
		memcpy(theirs, plain, len);
		dj_aead_init(&a, alg, &k);
		dj_aead_seal(&a, nonce, aad, aad_len, mine, len, tag);
		openssl_seal(cipher, &k, nonce, aad, aad_len, theirs, len,
			want);
		eq_mem(mine, theirs, len);
		eq_mem(tag, want, 16);
		eq_u64(dj_aead_open(&a, nonce, aad, aad_len, mine, len, tag),
			DJ_OK);
		eq_mem(mine, plain, len);
	}
}

static void compare_all(void)
{
	compare(DJ_AEAD_AES256_GCM, EVP_aes_256_gcm());
	compare(DJ_AEAD_CHACHA20_POLY1305, EVP_chacha20_poly1305());
}

static void both_aeads_agree_with_openssl_for_all_lengths(void)
{
	both_ways(compare_all);
}

static void forgeries(void)
{
	for (int alg = 1; alg <= 2; alg++) {
		uint8_t nonce[12] = { 1 }, aad[8] = { 2 }, buf[100], tag[16];
		struct dj_key k = { { 3 } };
		struct dj_aead a;

		dj_aead_init(&a, (enum dj_aead_alg)alg, &k);
		for (size_t bit = 0; bit < (100 + 16 + 12 + 8) * 8; bit++) {
			uint8_t *where[] = { buf, tag, nonce, aad };
			size_t size[] = { 100, 16, 12, 8 }, i = bit / 8, w = 0;

			memset(buf, 9, sizeof(buf));
			dj_aead_seal(&a, nonce, aad, 8, buf, 100, tag);
			for (; i >= size[w]; w++)
				i -= size[w];
			where[w][i] ^= (uint8_t)(1u << bit % 8);
			eq_u64(dj_aead_open(&a, nonce, aad, 8, buf, 100, tag),
				DJ_E_AUTH);
			for (size_t j = 0; j < 100; j++)
				ok(buf[j] == 0);
			if (w > 1)
				where[w][i] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void a_forgery_is_refused_and_leaves_only_zeros(void)
{
	both_ways(forgeries);
}

/* RFC 7748 5.2 and 6.1. */
static void x25519_gives_the_answers_of_rfc_7748(void)
{
	struct dj_key k, u, r, w;
	uint8_t pub[32];

	k = key_of("a546e36bf0527c9d3b16154b82465edd"
		   "62144c0ac1fc5a18506a2244ba449ac4");
	u = key_of("e6db6867583030db3594c1a424b15f7c"
		   "726624ec26b3353b10a903a6d0ab1c4c");
	w = key_of("c3da55379de9c6908e94ea4df28d084f"
		   "32eccf03491c71f754b4075577a28552");
	eq_u64(dj_x25519(&k, u.b, &r), DJ_OK);
	eq_mem(r.b, w.b, 32);

	/* Iterated, 5.2: 1 and 1,000 times. */
	memset(&k, 0, sizeof(k));
	k.b[0] = 9;
	u = k;
	for (int i = 0; i < 1000; i++) {
		eq_u64(dj_x25519(&k, u.b, &r), DJ_OK);
		u = k;
		k = r;
		if (i == 0) {
			w = key_of("422c8e7a6227d7bca1350b3e2bb7279f"
				   "7897b87bb6854b783c60e80311ae3079");
			eq_mem(k.b, w.b, 32);
		}
	}
	w = key_of("684cf59ba83309552800ef566f2f4d3c"
		   "1c3887c49360e3875f2eb94d99532c51");
	eq_mem(k.b, w.b, 32);

	k = key_of("5dab087e624a8a4b79e17f8b83800ee6"
		   "6f3bb1292618b6fd1c2f8b27ff88e0eb");
	dj_x25519_public(&k, pub);
	w = key_of("de9edb7d7b7dc1b4d35b61c2ece43537"
		   "3f8343c85b78674dadfc7e146f882b4f");
	eq_mem(pub, w.b, 32);
}

static void points_of_low_order_are_refused(void)
{
	static const char *const low[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct dj_key k = { { 5, 5, 5 } }, r = { { 42 } };

	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		struct dj_key p = key_of(low[i]);

		eq_u64(dj_x25519(&k, p.b, &r), DJ_E_INPUT);
		eq_u64(r.b[0], 42);
	}
}

/* RFC 6979 A.2.5, SHA-256, "sample". */
static void p256_takes_the_signature_of_rfc_6979_and_no_other(void)
{
	uint8_t pub[65], sig[64], digest[32];

	pub[0] = 4;
	unhex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
	      "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
		pub + 1);
	unhex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
	      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
		sig);
	dj_sha256("sample", 6, digest);
	eq_u64(dj_p256_verify(pub, digest, sig), DJ_OK);
	for (size_t i = 0; i < sizeof(sig); i++) {
		sig[i] ^= 1;
		eq_u64(dj_p256_verify(pub, digest, sig), DJ_E_AUTH);
		sig[i] ^= 1;
	}
	digest[0] ^= 1;
	eq_u64(dj_p256_verify(pub, digest, sig), DJ_E_AUTH);
	digest[0] ^= 1;
	pub[64] ^= 1; /* not on the curve */
	eq_u64(dj_p256_verify(pub, digest, sig), DJ_E_AUTH);
	pub[64] ^= 1;
	pub[0] = 2;
	eq_u64(dj_p256_verify(pub, digest, sig), DJ_E_AUTH);
	pub[0] = 4;
	memset(sig, 0, sizeof(sig));
	eq_u64(dj_p256_verify(pub, digest, sig), DJ_E_AUTH);
	memset(pub + 1, 0, 64);
	eq_u64(dj_p256_verify(pub, digest, sig), DJ_E_AUTH);
}

/* ---- the generator ---- */

static unsigned draws;
static unsigned fail_at;
static bool is_stuck;

static dj_status source(void *dst, size_t len)
{
	draws++;
	if (fail_at != 0 && draws >= fail_at)
		return DJ_E_HOST;
	fill(dst, len, is_stuck ? 1 : draws);
	return DJ_OK;
}

static void start(unsigned fail, bool stuck)
{
	draws = 0;
	fail_at = fail;
	is_stuck = stuck;
}

static void the_generator_draws_for_every_read(void)
{
	struct dj_drbg d;
	uint8_t a[100], b[100];
	unsigned before;

	start(0, false);
	eq_u64(dj_drbg_init(&d, source), DJ_OK);
	ok(draws >= 4);
	before = draws;
	eq_u64(dj_drbg_read(&d, a, sizeof(a)), DJ_OK);
	eq_u64(dj_drbg_read(&d, b, sizeof(b)), DJ_OK);
	eq_u64(draws, before + 2);
	ok(memcmp(a, b, sizeof(a)) != 0);
	ok(memcmp(a, a + 32, 32) != 0);
}

static void what_was_given_is_not_in_the_state(void)
{
	struct dj_drbg d, copy;
	uint8_t a[64];

	start(0, false);
	eq_u64(dj_drbg_init(&d, source), DJ_OK);
	copy = d;
	eq_u64(dj_drbg_read(&d, a, sizeof(a)), DJ_OK);
	ok(memcmp(d.k.b, copy.k.b, 32) != 0);
	ok(memcmp(d.v.b, copy.v.b, 32) != 0);
	ok(memcmp(a, d.v.b, 32) != 0 && memcmp(a + 32, d.v.b, 32) != 0);
}

static void mixing_changes_what_comes(void)
{
	struct dj_drbg d, e;
	uint8_t a[32], b[32];

	start(0, false);
	eq_u64(dj_drbg_init(&d, source), DJ_OK);
	e = d;
	dj_drbg_mix(&e, "hello", 5);
	draws = 50;
	eq_u64(dj_drbg_read(&d, a, sizeof(a)), DJ_OK);
	draws = 50;
	eq_u64(dj_drbg_read(&e, b, sizeof(b)), DJ_OK);
	ok(memcmp(a, b, 32) != 0);
}

static void a_source_that_fails_once_ends_the_generator(void)
{
	struct dj_drbg d;
	uint8_t a[32];

	for (unsigned at = 1; at <= 8; at++) {
		start(at, false);
		eq_u64(dj_drbg_init(&d, source), DJ_E_HOST);
		eq_u64(dj_drbg_read(&d, a, sizeof(a)), DJ_E_HOST);
	}
	start(9, false);
	eq_u64(dj_drbg_init(&d, source), DJ_OK);
	memset(a, 9, sizeof(a));
	eq_u64(dj_drbg_read(&d, a, sizeof(a)), DJ_E_HOST);
	for (size_t i = 0; i < sizeof(a); i++)
		eq_u64(a[i], 0);
	fail_at = 0;
	eq_u64(dj_drbg_read(&d, a, sizeof(a)), DJ_E_HOST);
}

static void a_source_that_repeats_itself_is_refused(void)
{
	struct dj_drbg d;

	start(0, true);
	eq_u64(dj_drbg_init(&d, source), DJ_E_HOST);
}

/* HMAC_DRBG as SP 800-90A has it, written out a second time with OpenSSL. */
static void hmac_ossl(uint8_t *key, const uint8_t *msg, size_t len)
{
	uint8_t pad[64 + 512], in[32], out[64 + 32];

	memset(pad, 0x36, 64);
	memset(out, 0x5c, 64);
	for (size_t i = 0; i < 32; i++) {
		pad[i] ^= key[i];
		out[i] ^= key[i];
	}
	memcpy(pad + 64, msg, len);
	ok(EVP_Digest(pad, 64 + len, in, NULL, EVP_sha256(), NULL) == 1);
	memcpy(out + 64, in, 32);
	ok(EVP_Digest(out, 96, in, NULL, EVP_sha256(), NULL) == 1);
	memcpy(key, in, 32);
}

static void update_ossl(uint8_t *k, uint8_t *v, const uint8_t *p, size_t len)
{
	uint8_t msg[512], t[32];

	for (uint8_t step = 0; step < (len > 0 ? 2 : 1); step++) {
		memcpy(msg, v, 32);
		msg[32] = step;
		memcpy(msg + 33, p, len);
		hmac_ossl(k, msg, 33 + len);
		memcpy(t, k, 32);
		hmac_ossl(t, v, 32);
		memcpy(v, t, 32);
	}
}

static void the_generator_is_hmac_drbg(void)
{
	uint8_t k[32] = { 0 }, v[32], seed[8 * 48], out[64], want[64], t[32];
	struct dj_drbg d;

	memset(v, 1, sizeof(v));
	start(0, false);
	eq_u64(dj_drbg_init(&d, source), DJ_OK);
	eq_u64(dj_drbg_read(&d, out, sizeof(out)), DJ_OK);
	for (unsigned i = 0; i < 8; i++)
		fill(seed + 48 * i, 48, i + 1);
	update_ossl(k, v, seed, sizeof(seed));
	fill(seed, 48, 9);
	update_ossl(k, v, seed, 48);
	for (size_t i = 0; i < 2; i++) {
		memcpy(t, k, 32);
		hmac_ossl(t, v, 32);
		memcpy(v, t, 32);
		memcpy(want + 32 * i, v, 32);
	}
	eq_mem(out, want, sizeof(out));
	update_ossl(k, v, seed, 0);
	eq_mem(d.k.b, k, 32);
	eq_mem(d.v.b, v, 32);
}

int main(void)
{
	RUN(sha256_gives_known_answers_and_those_of_openssl);
	RUN(hmac_and_hkdf_give_the_answers_of_rfc_4231_and_5869);
	RUN(hkdf_gives_zeros_beyond_its_limit);
	RUN(chacha20_poly1305_gives_the_answer_of_rfc_8439);
	RUN(aes_256_gcm_gives_the_answer_of_its_specification);
	RUN(both_aeads_agree_with_openssl_for_all_lengths);
	RUN(a_forgery_is_refused_and_leaves_only_zeros);
	RUN(x25519_gives_the_answers_of_rfc_7748);
	RUN(points_of_low_order_are_refused);
	RUN(p256_takes_the_signature_of_rfc_6979_and_no_other);
	RUN(the_generator_draws_for_every_read);
	RUN(what_was_given_is_not_in_the_state);
	RUN(mixing_changes_what_comes);
	RUN(a_source_that_fails_once_ends_the_generator);
	RUN(a_source_that_repeats_itself_is_refused);
	RUN(the_generator_is_hmac_drbg);
	return done();
}
