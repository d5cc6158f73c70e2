// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/crypto/burn.h"
#include "lib/crypto/ct.h"
#include "lib/crypto/drbg.h"
#include "lib/crypto/hmac.h"

#define DRAWS 8
#define DRAW  48

/* HMAC_DRBG_Update, SP 800-90A 10.1.2.2. */
static void update(struct dj_drbg *d, const void *p, size_t len)
{
	struct dj_hmac m;

	const uint8_t steps = len > 0 ? 2 : 1;

	for (uint8_t step = 0; step < steps; step++) {
		dj_hmac_init(&m, d->k.b, sizeof(d->k.b));
		dj_hmac_update(&m, d->v.b, sizeof(d->v.b));
		dj_hmac_update(&m, &step, 1);
		dj_hmac_update(&m, p, len);
		dj_hmac_final(&m, d->k.b);
		dj_hmac_init(&m, d->k.b, sizeof(d->k.b));
		dj_hmac_update(&m, d->v.b, sizeof(d->v.b));
		dj_hmac_final(&m, d->v.b);
	}
	dj_wipe(&m, sizeof(m));
}

/* A source that repeats itself is broken, whatever it says. */
static bool repeats(const uint8_t *seed, size_t count)
{
	bool any = false;

	for (size_t i = 1; i < count; i++)
		any |= dj_ct_equal(seed + (i - 1) * DRAW, seed + i * DRAW,
			DRAW);
	dj_ct_public(&any, sizeof(any));
	return any;
}

static dj_status draw(struct dj_drbg *d, size_t count)
{
	uint8_t seed[DRAWS * DRAW];

	for (size_t i = 0; i < count && d->is_good; i++)
		if (d->source(seed + i * DRAW, DRAW) != DJ_OK)
			d->is_good = false;
	if (d->is_good && repeats(seed, count))
		d->is_good = false;
	if (d->is_good)
		update(d, seed, count * DRAW);
	dj_wipe(seed, sizeof(seed));
	return d->is_good ? DJ_OK : DJ_E_HOST;
}

dj_status dj_drbg_init(struct dj_drbg *d, dj_drbg_source *source)
{
	memset(d->k.b, 0, sizeof(d->k.b));
	memset(d->v.b, 1, sizeof(d->v.b));
	d->source = source;
	d->is_good = true;
	return draw(d, DRAWS);
}

void dj_drbg_mix(struct dj_drbg *d, const void *p, size_t len)
{
	update(d, p, len);
}

dj_status dj_drbg_read(struct dj_drbg *d, void *dst, size_t len)
{
	struct dj_hmac start, m;
	uint8_t *out = dst;
	size_t n;

	if (!d->is_good || draw(d, 1) != DJ_OK) {
		memset(dst, 0, len);
		return DJ_E_HOST;
	}
	dj_hmac_init(&start, d->k.b, sizeof(d->k.b));
	for (; len > 0; out += n, len -= n) {
		m = start;
		dj_hmac_update(&m, d->v.b, sizeof(d->v.b));
		dj_hmac_final(&m, d->v.b);
		n = len < sizeof(d->v.b) ? len : sizeof(d->v.b);
		memcpy(out, d->v.b, n);
	}
	update(d, NULL, 0);
	dj_wipe(&start, sizeof(start));
	dj_wipe(&m, sizeof(m));
	dj_burn_stack();
	return DJ_OK;
}

void dj_drbg_done(struct dj_drbg *d)
{
	dj_wipe(d, sizeof(*d));
}
