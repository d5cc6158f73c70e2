// SPDX-License-Identifier: Apache-2.0
/*
 * Constant time, asked of the compiled code: secrets are marked undefined and
 * everything that claims to be constant-time runs on them under valgrind,
 * which reports each branch and each index that depends on one. Built with
 * DJ_CT, so that dj_ct_public() says what may be told (lib/crypto/ct.h).
 *
 * Argument "leak" branches on a secret on purpose: the test of this test.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/secret.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/ct.h"
#include "lib/crypto/drbg.h"
#include "lib/crypto/hmac.h"
#include "lib/crypto/hpke.h"
#include "lib/crypto/x25519.h"
#include "lib/session/binding.h"
#include "lib/session/chain.h"
#include "lib/session/keys.h"

static struct dj_key secret_key(uint8_t seed)
{
	struct dj_key k;

	memset(k.b, seed, sizeof(k.b));
	dj_ct_secret(k.b, sizeof(k.b));
	return k;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s does not work at all\n", what);
	exit(2);
}

static void compare(void)
{
	struct dj_key a = secret_key(1), b = secret_key(2);
	bool equal = dj_ct_equal(a.b, b.b, sizeof(a.b));

	dj_ct_public(&equal, sizeof(equal));
	must(!equal, "compare");
}

static void x25519(void)
{
	static const uint8_t base[32] = { 9 };
	struct dj_key sk = secret_key(3), r, ss;
	uint8_t enc[32] = { 7 };

	must(dj_x25519(&sk, base, &r) == DJ_OK, "x25519");
	must(dj_kem_decap(&sk, enc, &ss) == DJ_OK, "decap");
	must(dj_kem_encap(base, &sk, enc, &ss) == DJ_OK, "encap");
	dj_kem_derive(r.b, sizeof(r.b), &ss, enc);
}

static void hkdf(void)
{
	struct dj_key prk = secret_key(4), r;
	uint8_t out[100];

	dj_hkdf_extract("salt", 4, prk.b, sizeof(prk.b), &r);
	dj_hkdf_expand(&r, "info", 4, out, sizeof(out));
}

static void keys(void)
{
	struct dj_key ss = secret_key(5);
	struct dj_ticket t = { 1, secret_key(6) };
	uint8_t b[32] = { 1 }, id[32] = { 2 }, nonce[32] = { 3 }, rd[64];
	struct dj_keys k;

	must(dj_keys_derive(1, &ss, b, id, NULL, &k) == DJ_OK, "base");
	must(dj_keys_derive(1, &ss, b, id, &t, &k) == DJ_OK, "psk");
	dj_again_report_data(&k.again, nonce, 1, rd);
	dj_owner_digest(b, &k.auth, rd);
}

static dj_status source(void *dst, size_t len)
{
	static uint8_t n;

	memset(dst, ++n, len);
	dj_ct_secret(dst, len);
	return DJ_OK;
}

static void drbg(void)
{
	struct dj_drbg d;
	uint8_t out[100];

	must(dj_drbg_init(&d, source) == DJ_OK, "generator");
	must(dj_drbg_read(&d, out, sizeof(out)) == DJ_OK, "generator");
}

/* Secret keys and secret data, there and back, and once with a forgery. */
static void records(uint16_t suite)
{
	static uint8_t frame[DJ_RECORD_FRAME_MAX], data[5000];
	struct dj_key s = secret_key(7);
	struct dj_chain tx, rx;
	struct dj_inner in;
	size_t len;

	memset(data, 8, sizeof(data));
	dj_ct_secret(data, sizeof(data));
	must(dj_chain_init(&tx, suite, &s) == DJ_OK, "chain");
	must(dj_chain_init(&rx, suite, &s) == DJ_OK, "chain");
	tx.number = rx.number = 65535;
	for (size_t n = 0; n <= sizeof(data); n += 1250) {
		must(dj_chain_seal(&tx, DJ_KIND_DATA, 1, 0, data, n, 0, frame,
			     sizeof(frame), &len) == DJ_OK,
			"seal");
		/* On the wire, so everyone's. */
		dj_ct_public(frame, len);
		must(dj_chain_open(&rx, frame, len, &in) == DJ_ERROR_NONE,
			"open");
		must(in.len == n, "open");
	}
	must(dj_chain_seal(&tx, DJ_KIND_DATA, 1, 0, data, 9, 0, frame,
		     sizeof(frame), &len) == DJ_OK,
		"seal");
	dj_ct_public(frame, len);
	frame[100] ^= 1;
	must(dj_chain_open(&rx, frame, len, &in) == DJ_ERROR_BAD_RECORD,
		"refuse");
}

int main(int argc, char **argv)
{
	struct dj_key leak = secret_key(9);

	/*
	 * valgrind 3.19 runs AES-NI, PCLMULQDQ and AVX2, but not the SHA
	 * extensions; those have no branches either, but are not asked here.
	 */
	for (int i = 0; i < 2; i++) {
		uint32_t cpu = dj_crypto_cpu_detect() & ~(uint32_t)DJ_CPU_SHA;

		dj_crypto_cpu(i == 0 ? 0 : cpu);
		compare();
		x25519();
		hkdf();
		keys();
		drbg();
		records(1);
		records(2);
	}
	if (argc > 1 && strcmp(argv[1], "leak") == 0 && leak.b[0] == 9)
		puts("leaked");
	return 0;
}
