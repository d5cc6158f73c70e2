// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: data is decrypted only after its tag held. Encrypting and
 * authenticating are separate passes for that; a record stays in the first
 * level cache between them.
 */
#include <bearssl.h>
#include <string.h>

#include "lib/crypto/aead.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/ct.h"
#include "lib/crypto/x86.h"

struct portable_gcm {
	br_aes_ct64_ctr_keys aes;
	uint8_t h[16];
};

_Static_assert(sizeof(struct portable_gcm) <= 512, "fits state");
#ifdef __x86_64__
_Static_assert(sizeof(struct dj_x86_gcm) <= 512, "fits state");
#endif

static bool has_x86_aes(const struct dj_aead *a)
{
	return (a->cpu & DJ_CPU_AES) != 0;
}

static void store_be64(uint8_t dst[static 8], uint64_t v)
{
	for (size_t i = 8; i > 0; i--, v >>= 8)
		dst[i - 1] = (uint8_t)v;
}

/* ---- AES-256-GCM, bit-sliced ---- */

static void gcm_init(struct portable_gcm *g, const struct dj_key *key)
{
	static const uint8_t zero[12];

	br_aes_ct64_ctr_init(&g->aes, key->b, sizeof(key->b));
	memset(g->h, 0, sizeof(g->h));
	br_aes_ct64_ctr_run(&g->aes, zero, 0, g->h, sizeof(g->h));
}

static void gcm_tag(const struct portable_gcm *g,
	const uint8_t nonce[static 12], const void *aad, size_t aad_len,
	const uint8_t *data, size_t len, uint8_t ret[static 16])
{
	uint8_t lens[16];

	memset(ret, 0, 16);
	br_ghash_ctmul64(ret, g->h, aad, aad_len);
	br_ghash_ctmul64(ret, g->h, data, len);
	store_be64(lens, (uint64_t)aad_len * 8);
	store_be64(lens + 8, (uint64_t)len * 8);
	br_ghash_ctmul64(ret, g->h, lens, sizeof(lens));
	br_aes_ct64_ctr_run(&g->aes, nonce, 1, ret, 16);
}

/* ---- ChaCha20-Poly1305 (RFC 8439) ---- */

static uint32_t chacha(const void *key, const void *nonce, uint32_t counter,
	void *data, size_t len)
{
#ifdef __x86_64__
	return br_chacha20_sse2_run(key, nonce, counter, data, len);
#else
	return br_chacha20_ct_run(key, nonce, counter, data, len);
#endif
}

static void chacha_data(const struct dj_aead *a, const uint8_t nonce[static 12],
	uint8_t *data, size_t len)
{
	uint32_t counter = 1;
#ifdef __x86_64__
	size_t chunks = len / DJ_X86_CHACHA20_CHUNK;

	if ((a->cpu & DJ_CPU_AVX2) != 0 && chunks > 0) {
		dj_x86_chacha20(a->state, nonce, counter, data, chunks);
		counter += (uint32_t)(chunks * (DJ_X86_CHACHA20_CHUNK / 64));
		data += chunks * DJ_X86_CHACHA20_CHUNK;
		len -= chunks * DJ_X86_CHACHA20_CHUNK;
	}
#endif
	if (len > 0)
		chacha(a->state, nonce, counter, data, len);
}

/* Block 0 makes the Poly1305 key; the data is none of this one's business. */
static uint32_t key_block_only(const void *key, const void *nonce,
	uint32_t counter, void *data, size_t len)
{
	if (counter == 0)
		return chacha(key, nonce, counter, data, len);
	return counter;
}

static void poly1305_tag(const struct dj_aead *a,
	const uint8_t nonce[static 12], const void *aad, size_t aad_len,
	uint8_t *data, size_t len, uint8_t ret[static 16])
{
	br_poly1305_ctmulq_run(a->state, nonce, data, len, aad, aad_len, ret,
		key_block_only, 0);
}

/* ---- the interface ---- */

static void crypt(const struct dj_aead *a, const uint8_t nonce[static 12],
	uint8_t *data, size_t len)
{
	const struct portable_gcm *g = (const void *)a->state;

	if (a->alg == DJ_AEAD_CHACHA20_POLY1305) {
		chacha_data(a, nonce, data, len);
		return;
	}
#ifdef __x86_64__
	if (has_x86_aes(a)) {
		dj_x86_gcm_ctr((const void *)a->state, nonce, data, len);
		return;
	}
#endif
	br_aes_ct64_ctr_run(&g->aes, nonce, 2, data, len);
}

static void tag_of(const struct dj_aead *a, const uint8_t nonce[static 12],
	const void *aad, size_t aad_len, uint8_t *data, size_t len,
	uint8_t ret[static 16])
{
	if (a->alg == DJ_AEAD_CHACHA20_POLY1305) {
		poly1305_tag(a, nonce, aad, aad_len, data, len, ret);
		return;
	}
#ifdef __x86_64__
	if (has_x86_aes(a)) {
		dj_x86_gcm_tag((const void *)a->state, nonce, aad, aad_len,
			data, len, ret);
		return;
	}
#endif
	gcm_tag((const void *)a->state, nonce, aad, aad_len, data, len, ret);
}

void dj_aead_init(struct dj_aead *a, enum dj_aead_alg alg,
	const struct dj_key *key)
{
	a->alg = alg;
	a->cpu = dj_crypto_cpu_now();
	if (alg == DJ_AEAD_CHACHA20_POLY1305) {
		memcpy(a->state, key->b, sizeof(key->b));
		return;
	}
#ifdef __x86_64__
	if (has_x86_aes(a)) {
		dj_x86_gcm_init((void *)a->state, key);
		return;
	}
#endif
	gcm_init((void *)a->state, key);
}

void dj_aead_done(struct dj_aead *a)
{
	dj_wipe(a, sizeof(*a));
}

void dj_aead_seal(const struct dj_aead *a, const uint8_t nonce[static 12],
	const void *aad, size_t aad_len, uint8_t *data, size_t len,
	uint8_t ret_tag[static 16])
{
	crypt(a, nonce, data, len);
	tag_of(a, nonce, aad, aad_len, data, len, ret_tag);
}

dj_status dj_aead_open(const struct dj_aead *a, const uint8_t nonce[static 12],
	const void *aad, size_t aad_len, uint8_t *data, size_t len,
	const uint8_t tag[static 16])
{
	uint8_t want[16];
	bool is_good;

	tag_of(a, nonce, aad, aad_len, data, len, want);
	is_good = dj_ct_equal(want, tag, sizeof(want));
	dj_ct_public(&is_good, sizeof(is_good));
	if (!is_good) {
		dj_wipe(data, len);
		return DJ_E_AUTH;
	}
	crypt(a, nonce, data, len);
	return DJ_OK;
}
