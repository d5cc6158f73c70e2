// SPDX-License-Identifier: Apache-2.0
/*
 * AES-256-GCM (SP 800-38D) on AES-NI and PCLMULQDQ: no table, no branch and
 * no index depends on a secret.
 *
 * GHASH works on byte-swapped blocks, where polynomials are bit-reflected. A
 * product of reflected operands is one bit short; it is made up for by
 * keeping the key's powers multiplied by x. The reduction folds the low half
 * twice by the reflected polynomial.
 */
#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#include "lib/crypto/x86.h"

#define NI    __attribute__((target("aes,pclmul,ssse3,sse4.1")))
#define LANES ((size_t)8)

struct product {
	__m128i lo, mid, hi;
};

static inline NI __m128i load(const void *p)
{
	return _mm_loadu_si128(p);
}

static inline NI __m128i swap(__m128i x)
{
	return _mm_shuffle_epi8(x,
		_mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f));
}

static inline NI void multiply(struct product *s, __m128i x, __m128i h)
{
	s->lo = _mm_xor_si128(s->lo, _mm_clmulepi64_si128(x, h, 0x00));
	s->hi = _mm_xor_si128(s->hi, _mm_clmulepi64_si128(x, h, 0x11));
	s->mid = _mm_xor_si128(s->mid, _mm_clmulepi64_si128(x, h, 0x01));
	s->mid = _mm_xor_si128(s->mid, _mm_clmulepi64_si128(x, h, 0x10));
}

static inline NI __m128i fold(__m128i low, __m128i high)
{
	const __m128i poly = _mm_set_epi64x(0, (int64_t)0xc200000000000000);

	return _mm_xor_si128(_mm_xor_si128(high, _mm_shuffle_epi32(low, 0x4e)),
		_mm_clmulepi64_si128(low, poly, 0x00));
}

static inline NI __m128i reduce(const struct product *s)
{
	return fold(fold(s->lo, s->mid), s->hi);
}

static inline NI __m128i ghash_one(__m128i acc, __m128i block, __m128i h)
{
	struct product s = { _mm_setzero_si128(), _mm_setzero_si128(),
		_mm_setzero_si128() };

	multiply(&s, _mm_xor_si128(acc, block), h);
	return reduce(&s);
}

static NI __m128i ghash(const struct dj_x86_gcm *g, __m128i acc,
	const uint8_t *p, size_t len)
{
	const __m128i h = load(g->power[0]);
	uint8_t last[16] = { 0 };

	for (; len >= 16 * LANES; len -= 16 * LANES, p += 16 * LANES) {
		struct product s = { _mm_setzero_si128(), _mm_setzero_si128(),
			_mm_setzero_si128() };

#pragma GCC unroll 8
		for (size_t i = 0; i < LANES; i++) {
			__m128i x = swap(load(p + 16 * i));

			if (i == 0)
				x = _mm_xor_si128(x, acc);
			multiply(&s, x, load(g->power[LANES - 1 - i]));
		}
		acc = reduce(&s);
	}
	for (; len >= 16; len -= 16, p += 16)
		acc = ghash_one(acc, swap(load(p)), h);
	if (len > 0) {
		memcpy(last, p, len);
		acc = ghash_one(acc, swap(load(last)), h);
	}
	return acc;
}

static inline NI __m128i encrypt_one(const struct dj_x86_gcm *g, __m128i x)
{
	x = _mm_xor_si128(x, load(g->round[0]));
	for (int r = 1; r < 14; r++)
		x = _mm_aesenc_si128(x, load(g->round[r]));
	return _mm_aesenclast_si128(x, load(g->round[14]));
}

/* One word's worth of key expansion, four times over (FIPS 197 5.2). */
static inline NI __m128i spread(__m128i key, __m128i add)
{
	key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
	key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
	return _mm_xor_si128(key, add);
}

#define EXPAND(i, rcon)                                                       \
	a = spread(a,                                                         \
		_mm_shuffle_epi32(_mm_aeskeygenassist_si128(b, rcon), 0xff)); \
	_mm_store_si128((void *)g->round[i], a)
#define EXPAND_ODD(i)                                                      \
	b = spread(b,                                                      \
		_mm_shuffle_epi32(_mm_aeskeygenassist_si128(a, 0), 0xaa)); \
	_mm_store_si128((void *)g->round[i], b)

NI void dj_x86_gcm_init(struct dj_x86_gcm *g, const struct dj_key *key)
{
	__m128i a = load(key->b), b = load(key->b + 16), h, carry;

	_mm_store_si128((void *)g->round[0], a);
	_mm_store_si128((void *)g->round[1], b);
	EXPAND(2, 0x01);
	EXPAND_ODD(3);
	EXPAND(4, 0x02);
	EXPAND_ODD(5);
	EXPAND(6, 0x04);
	EXPAND_ODD(7);
	EXPAND(8, 0x08);
	EXPAND_ODD(9);
	EXPAND(10, 0x10);
	EXPAND_ODD(11);
	EXPAND(12, 0x20);
	EXPAND_ODD(13);
	EXPAND(14, 0x40);

	/* h * x: shift left, and fold the bit that fell out. */
	h = swap(encrypt_one(g, _mm_setzero_si128()));
	carry = _mm_shuffle_epi32(_mm_srai_epi32(h, 31), 0xff);
	h = _mm_or_si128(_mm_slli_epi64(h, 1),
		_mm_slli_si128(_mm_srli_epi64(h, 63), 8));
	h = _mm_xor_si128(h,
		_mm_and_si128(carry,
			_mm_set_epi64x((int64_t)0xc200000000000000, 1)));
	a = h;
	_mm_store_si128((void *)g->power[0], a);
	for (size_t i = 1; i < LANES; i++) {
		a = ghash_one(_mm_setzero_si128(), a, h);
		_mm_store_si128((void *)g->power[i], a);
	}
}

/* nonce || u32 n, as eight little-endian words to count in. */
static inline NI __m128i counter(const uint8_t nonce[static 12], uint8_t n)
{
	uint8_t b[16] = { 0 };

	memcpy(b, nonce, 12);
	b[15] = n;
	return swap(load(b));
}

NI void dj_x86_gcm_tag(const struct dj_x86_gcm *g,
	const uint8_t nonce[static 12], const uint8_t *aad, size_t aad_len,
	const uint8_t *data, size_t len, uint8_t ret[static 16])
{
	const __m128i lens = _mm_set_epi64x((int64_t)((uint64_t)aad_len * 8),
		(int64_t)((uint64_t)len * 8));
	__m128i acc = _mm_setzero_si128();

	acc = ghash(g, acc, aad, aad_len);
	acc = ghash(g, acc, data, len);
	acc = ghash_one(acc, lens, load(g->power[0]));
	_mm_storeu_si128((void *)ret,
		_mm_xor_si128(swap(acc),
			encrypt_one(g, swap(counter(nonce, 1)))));
}

NI void dj_x86_gcm_ctr(const struct dj_x86_gcm *g,
	const uint8_t nonce[static 12], uint8_t *data, size_t len)
{
	const __m128i one = _mm_set_epi32(0, 0, 0, 1);
	__m128i ctr = counter(nonce, 2), x[LANES];
	uint8_t last[16] = { 0 };

	for (; len >= 16 * LANES; len -= 16 * LANES, data += 16 * LANES) {
#pragma GCC unroll 8
		for (size_t i = 0; i < LANES; i++) {
			x[i] = _mm_xor_si128(swap(ctr), load(g->round[0]));
			ctr = _mm_add_epi32(ctr, one);
		}
		for (int r = 1; r < 14; r++) {
			const __m128i key = load(g->round[r]);

#pragma GCC unroll 8
			for (size_t i = 0; i < LANES; i++)
				x[i] = _mm_aesenc_si128(x[i], key);
		}
#pragma GCC unroll 8
		for (size_t i = 0; i < LANES; i++) {
			x[i] = _mm_aesenclast_si128(x[i], load(g->round[14]));
			_mm_storeu_si128((void *)(data + 16 * i),
				_mm_xor_si128(x[i], load(data + 16 * i)));
		}
	}
	for (; len >= 16; len -= 16, data += 16) {
		_mm_storeu_si128((void *)data,
			_mm_xor_si128(load(data), encrypt_one(g, swap(ctr))));
		ctr = _mm_add_epi32(ctr, one);
	}
	if (len > 0) {
		memcpy(last, data, len);
		_mm_storeu_si128((void *)last,
			_mm_xor_si128(load(last), encrypt_one(g, swap(ctr))));
		memcpy(data, last, len);
		dj_wipe(last, sizeof(last));
	}
}
#endif
