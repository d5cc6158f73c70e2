// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/base/secret.h"
#include "lib/crypto/entropy.h"
#include "lib/crypto/sha256.h"

#define WORDS 8 /* drawn for one SHA-256 output */

static uint64_t last(const struct dj_entropy *e, size_t back)
{
	return e->last[(e->count - back) % DJ_ENTROPY_HISTORY];
}

static bool is_plausible(const struct dj_entropy *e, uint64_t w)
{
	size_t n =
		e->count < DJ_ENTROPY_HISTORY ? e->count : DJ_ENTROPY_HISTORY;

	if (w == 0 || w == UINT64_MAX)
		return false;
	for (size_t i = 1; i <= n; i++) {
		if (w == last(e, i))
			return false;
	}
	return n < 2 || w - last(e, 1) != last(e, 1) - last(e, 2);
}

static bool next(struct dj_entropy *e, dj_entropy_draw *draw, uint64_t *ret)
{
	uint64_t w;

	if (e->is_bad || !draw(&w) || !is_plausible(e, w)) {
		e->is_bad = true;
		return false;
	}
	e->last[e->count % DJ_ENTROPY_HISTORY] = w;
	e->count++;
	*ret = w;
	return true;
}

dj_status dj_entropy_fill(struct dj_entropy *e, dj_entropy_draw *draw,
	void *dst, size_t len)
{
	struct dj_sha256 sha;
	uint64_t words[WORDS];
	uint8_t block[32];
	dj_status st = DJ_OK;

	for (size_t off = 0; off < len && st == DJ_OK; off += 32) {
		size_t n = len - off < 32 ? len - off : 32;

		for (size_t i = 0; i < WORDS && st == DJ_OK; i++)
			st = next(e, draw, &words[i]) ? DJ_OK : DJ_E_HOST;
		dj_sha256_init(&sha);
		dj_sha256_update(&sha, words, sizeof(words));
		dj_sha256_final(&sha, block);
		memcpy((uint8_t *)dst + off, block, n);
	}
	if (st != DJ_OK)
		dj_wipe(dst, len);
	dj_wipe(&sha, sizeof(sha));
	dj_wipe(words, sizeof(words));
	dj_wipe(block, sizeof(block));
	return st;
}
