// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/base/secret.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/sha256.h"
#include "lib/crypto/x86.h"

/* BearSSL's compression function; its declaration is in a private header. */
void br_sha2small_round(const unsigned char *buf, uint32_t *val);

static void compress(uint32_t h[static 8], const uint8_t *p, size_t blocks)
{
#ifdef __x86_64__
	if ((dj_crypto_cpu_now() & DJ_CPU_SHA) != 0) {
		dj_x86_sha256(h, p, blocks);
		return;
	}
#endif
	for (; blocks > 0; blocks--, p += 64)
		br_sha2small_round(p, h);
}

void dj_sha256_init(struct dj_sha256 *c)
{
	static const struct dj_sha256 start = {
		.h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 },
	};

	*c = start;
}

void dj_sha256_update(struct dj_sha256 *c, const void *p, size_t len)
{
	const uint8_t *src = p;
	size_t have = c->count % 64, n;

	if (len == 0)
		return;
	c->count += len;
	if (have > 0) {
		n = len < 64 - have ? len : 64 - have;
		memcpy(c->buf + have, src, n);
		if (have + n < 64)
			return;
		compress(c->h, c->buf, 1);
		src += n;
		len -= n;
	}
	compress(c->h, src, len / 64);
	if (len % 64 > 0)
		memcpy(c->buf, src + (len - len % 64), len % 64);
}

void dj_sha256_final(const struct dj_sha256 *c, uint8_t ret[static 32])
{
	size_t have = c->count % 64, end = have < 56 ? 64 : 128;
	uint8_t pad[128] = { 0 };
	uint64_t bits = c->count * 8;
	uint32_t h[8];

	memcpy(h, c->h, sizeof(h));
	memcpy(pad, c->buf, have);
	pad[have] = 0x80;
	for (size_t i = 0; i < 8; i++, bits >>= 8)
		pad[end - 1 - i] = (uint8_t)bits;
	compress(h, pad, end / 64);
	for (size_t i = 0; i < 8; i++) {
		ret[4 * i] = (uint8_t)(h[i] >> 24);
		ret[4 * i + 1] = (uint8_t)(h[i] >> 16);
		ret[4 * i + 2] = (uint8_t)(h[i] >> 8);
		ret[4 * i + 3] = (uint8_t)h[i];
	}
	dj_wipe(pad, sizeof(pad));
	dj_wipe(h, sizeof(h));
}

void dj_sha256(const void *p, size_t len, uint8_t ret[static 32])
{
	struct dj_sha256 c;

	dj_sha256_init(&c);
	dj_sha256_update(&c, p, len);
	dj_sha256_final(&c, ret);
	dj_wipe(&c, sizeof(c));
}
