// SPDX-License-Identifier: Apache-2.0
/*
 * FIPS 180-4 6.2 on the SHA extensions. The instructions want the state as
 * the two vectors (A, B, E, F) and (C, D, G, H), first letter highest.
 */
#ifdef __x86_64__
#include <immintrin.h>

#include "lib/crypto/x86.h"

static const _Alignas(16) uint32_t k[64] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

__attribute__((target("sha,ssse3,sse4.1"))) void dj_x86_sha256(
	uint32_t h[static 8], const uint8_t *p, size_t blocks)
{
	const __m128i swap =
		_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i abef, cdgh, t;

	t = _mm_shuffle_epi32(_mm_loadu_si128((const void *)h), 0xb1);
	cdgh = _mm_shuffle_epi32(_mm_loadu_si128((const void *)(h + 4)), 0x1b);
	abef = _mm_alignr_epi8(t, cdgh, 8);
	cdgh = _mm_blend_epi16(cdgh, t, 0xf0);

	for (; blocks > 0; blocks--, p += 64) {
		__m128i abef0 = abef, cdgh0 = cdgh, w[4];

#pragma GCC unroll 16
		for (size_t i = 0; i < 16; i++) {
			__m128i *x = &w[i & 3];

			if (i < 4)
				*x = _mm_shuffle_epi8(_mm_loadu_si128(
							      (const void *)(p +
								      16 * i)),
					swap);
			else
				*x = _mm_sha256msg2_epu32(
					_mm_add_epi32(_mm_sha256msg1_epu32(*x,
							      w[(i + 1) & 3]),
						_mm_alignr_epi8(w[(i + 3) & 3],
							w[(i + 2) & 3], 4)),
					w[(i + 3) & 3]);
			t = _mm_add_epi32(*x,
				_mm_load_si128((const void *)(k + 4 * i)));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, t);
			abef = _mm_sha256rnds2_epu32(abef, cdgh,
				_mm_shuffle_epi32(t, 0x0e));
		}
		abef = _mm_add_epi32(abef, abef0);
		cdgh = _mm_add_epi32(cdgh, cdgh0);
	}

	t = _mm_shuffle_epi32(abef, 0x1b);
	cdgh = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((void *)h, _mm_blend_epi16(t, cdgh, 0xf0));
	_mm_storeu_si128((void *)(h + 4), _mm_alignr_epi8(cdgh, t, 8));
}
#endif
