// SPDX-License-Identifier: Apache-2.0
/*
 * ChaCha20 (RFC 8439 2.3), eight blocks at once: vector i holds word i of
 * each, so a round needs no shuffle between lanes. The blocks come out by two
 * transpositions of eight by eight words.
 */
#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#include "lib/crypto/x86.h"

#define AVX2  __attribute__((target("avx2")))
#define BLOCK ((size_t)64)
#define LANES 8

static inline AVX2 __m256i rotate(__m256i x, int n)
{
	return _mm256_or_si256(_mm256_slli_epi32(x, n),
		_mm256_srli_epi32(x, 32 - n));
}

static inline AVX2 __m256i rotate16(__m256i x)
{
	return _mm256_shuffle_epi8(x,
		_mm256_set_epi64x(0x0d0c0f0e09080b0a, 0x0504070601000302,
			0x0d0c0f0e09080b0a, 0x0504070601000302));
}

static inline AVX2 __m256i rotate8(__m256i x)
{
	return _mm256_shuffle_epi8(x,
		_mm256_set_epi64x(0x0e0d0c0f0a09080b, 0x0605040702010003,
			0x0e0d0c0f0a09080b, 0x0605040702010003));
}

static inline AVX2 void quarter(__m256i *a, __m256i *b, __m256i *c, __m256i *d)
{
	*a = _mm256_add_epi32(*a, *b);
	*d = rotate16(_mm256_xor_si256(*d, *a));
	*c = _mm256_add_epi32(*c, *d);
	*b = rotate(_mm256_xor_si256(*b, *c), 12);
	*a = _mm256_add_epi32(*a, *b);
	*d = rotate8(_mm256_xor_si256(*d, *a));
	*c = _mm256_add_epi32(*c, *d);
	*b = rotate(_mm256_xor_si256(*b, *c), 7);
}

/* Row j of the result, 32 bytes, goes on top of p + 64 * j. */
static inline AVX2 void xor_transposed(const __m256i x[8], uint8_t *p)
{
	__m256i t[8], u[8];

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
		t[2 * i] = _mm256_unpacklo_epi32(x[2 * i], x[2 * i + 1]);
		t[2 * i + 1] = _mm256_unpackhi_epi32(x[2 * i], x[2 * i + 1]);
	}
#pragma GCC unroll 2
	for (size_t i = 0; i < 8; i += 4) {
		u[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
		u[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
		u[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
		u[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
		uint8_t *lo = p + BLOCK * i, *hi = p + BLOCK * (i + 4);

		_mm256_storeu_si256((void *)lo,
			_mm256_xor_si256(_mm256_loadu_si256((const void *)lo),
				_mm256_permute2x128_si256(u[i], u[i + 4],
					0x20)));
		_mm256_storeu_si256((void *)hi,
			_mm256_xor_si256(_mm256_loadu_si256((const void *)hi),
				_mm256_permute2x128_si256(u[i], u[i + 4],
					0x31)));
	}
}

AVX2 void dj_x86_chacha20(const uint8_t key[static 32],
	const uint8_t nonce[static 12], uint32_t counter, uint8_t *data,
	size_t chunks)
{
	const __m256i step = _mm256_add_epi32(_mm256_set1_epi32((int)counter),
		_mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
	uint32_t word[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	__m256i start[16], x[16];

	memcpy(word + 4, key, 32);
	memcpy(word + 13, nonce, 12);
	for (size_t i = 0; i < 16; i++)
		start[i] = _mm256_set1_epi32((int)word[i]);
	start[12] = step;

	for (; chunks > 0; chunks--, data += DJ_X86_CHACHA20_CHUNK) {
		memcpy(x, start, sizeof(x));
		for (int r = 0; r < 10; r++) {
			quarter(&x[0], &x[4], &x[8], &x[12]);
			quarter(&x[1], &x[5], &x[9], &x[13]);
			quarter(&x[2], &x[6], &x[10], &x[14]);
			quarter(&x[3], &x[7], &x[11], &x[15]);
			quarter(&x[0], &x[5], &x[10], &x[15]);
			quarter(&x[1], &x[6], &x[11], &x[12]);
			quarter(&x[2], &x[7], &x[8], &x[13]);
			quarter(&x[3], &x[4], &x[9], &x[14]);
		}
		for (size_t i = 0; i < 16; i++)
			x[i] = _mm256_add_epi32(x[i], start[i]);
		xor_transposed(x, data);
		xor_transposed(x + 8, data + 32);
		start[12] =
			_mm256_add_epi32(start[12], _mm256_set1_epi32(LANES));
	}
	dj_wipe(word, sizeof(word));
	dj_wipe(start, sizeof(start));
	dj_wipe(x, sizeof(x));
	/* Else every SSE instruction that follows pays for the upper halves. */
	_mm256_zeroupper();
}
#endif
