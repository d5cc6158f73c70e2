// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/crypto/hmac.h"

void dj_hmac_init(struct dj_hmac *m, const void *key, size_t key_len)
{
	uint8_t pad[64] = { 0 };

	if (key_len > sizeof(pad))
		dj_sha256(key, key_len, pad);
	else if (key_len > 0)
		memcpy(pad, key, key_len);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	dj_sha256_init(&m->inner);
	dj_sha256_update(&m->inner, pad, sizeof(pad));
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	dj_sha256_init(&m->outer);
	dj_sha256_update(&m->outer, pad, sizeof(pad));
	dj_wipe(pad, sizeof(pad));
}

void dj_hmac_update(struct dj_hmac *m, const void *p, size_t len)
{
	dj_sha256_update(&m->inner, p, len);
}

void dj_hmac_final(const struct dj_hmac *m, uint8_t ret[static 32])
{
	struct dj_sha256 outer = m->outer;
	uint8_t inner[32];

	dj_sha256_final(&m->inner, inner);
	dj_sha256_update(&outer, inner, sizeof(inner));
	dj_sha256_final(&outer, ret);
	dj_wipe(&outer, sizeof(outer));
	dj_wipe(inner, sizeof(inner));
}

void dj_hkdf_extract(const void *salt, size_t salt_len, const void *ikm,
	size_t ikm_len, struct dj_key *ret)
{
	struct dj_hmac m;

	dj_hmac_init(&m, salt, salt_len);
	dj_hmac_update(&m, ikm, ikm_len);
	dj_hmac_final(&m, ret->b);
	dj_wipe(&m, sizeof(m));
}

void dj_hkdf_expand(const struct dj_key *prk, const void *info, size_t info_len,
	void *dst, size_t len)
{
	DJ_SECRET struct dj_key t = { 0 };
	struct dj_hmac start, m;
	uint8_t *out = dst, i = 0;
	size_t n;

	if (len > DJ_HKDF_MAX) {
		memset(dst, 0, len);
		return;
	}
	dj_hmac_init(&start, prk->b, sizeof(prk->b));
	while (len > 0) {
		m = start;
		if (i > 0)
			dj_hmac_update(&m, t.b, sizeof(t.b));
		i++;
		dj_hmac_update(&m, info, info_len);
		dj_hmac_update(&m, &i, 1);
		dj_hmac_final(&m, t.b);
		n = len < sizeof(t.b) ? len : sizeof(t.b);
		memcpy(out, t.b, n);
		out += n;
		len -= n;
	}
	dj_wipe(&start, sizeof(start));
	dj_wipe(&m, sizeof(m));
}
