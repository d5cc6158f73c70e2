// SPDX-License-Identifier: Apache-2.0
/*
 * Promise 26: what does not open is answered in one way. Each change of a
 * good record goes to a Keep of its own; the answers are compared whole.
 */
#include <stdlib.h>

#include "keep/core.h"
#include "keep/session.h"
#include "keep/shim.h"
#include "tests/support/ksp_client.h"
#include "tests/tap.h"

static struct ksp_client *c;
static uint8_t good[KSP_FRAME_MAX], other[KSP_FRAME_MAX];
static uint8_t first[64], answer[KSP_FRAME_MAX];
static size_t good_len, other_len, first_len, answer_len, tried;
static uint64_t state = 26, seed;

static uint32_t draw(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % below;
}

static void connect_new(uint16_t suite)
{
	if (c == NULL)
		c = calloc(1, sizeof(*c));
	ksp_init(c);
	c->suite = suite;
	/* Other keys each time: the fake's randomness is always the same. */
	c->seed = ++seed;
	fake_start(dj_keep_main, NULL, 0);
	ok(fake_run() == FAKE_WAITS);
	ok(ksp_connect(c, DJ_MODE_NEW));
}

/* Sends a frame as the first record; the whole answer stays in answer. */
static void try_it(const uint8_t *frame, size_t len)
{
	ksp_send_frame(c, frame, len);
	answer_len = 0;
	if (!fake_get_frame(answer, &answer_len))
		answer_len = 0;
	if (tried++ == 0) {
		ok(answer_len != 0 && answer_len <= sizeof(first));
		first_len = answer_len;
		memcpy(first, answer, first_len);
		eq_u64(answer[0], DJ_FRAME_ERROR);
		eq_u64(answer[8] << 8 | answer[9], DJ_ERROR_BAD_RECORD);
		return;
	}
	eq_u64(answer_len, first_len);
	eq_mem(answer, first, first_len);
}

static void set_len(uint8_t *frame, size_t len)
{
	frame[6] = (uint8_t)((len - 8) >> 8);
	frame[7] = (uint8_t)(len - 8);
}

/* A good record of any kind, class and content; then one thing is wrong. */
static void one_change(uint16_t suite)
{
	static const size_t sizes[] = { 0, 100, 240, 500, 1008, 3000 };
	static const enum dj_kind kinds[] = { DJ_KIND_NOOP, DJ_KIND_DATA,
		DJ_KIND_ACK, DJ_KIND_AGAIN, DJ_KIND_RELEASE };
	static uint8_t data[3000];
	size_t at;

	connect_new(suite);
	ksp_seal(c, kinds[draw(5)], 0, draw(4), data, sizes[draw(6)]);
	good_len = c->record_len;
	memcpy(good, c->record, good_len);
	switch (draw(6)) {
	case 0: /* a bit of the text */
		at = 8 + draw((uint32_t)good_len - 24);
		good[at] ^= (uint8_t)(1 << draw(8));
		break;
	case 1: /* a bit of the tag */
		good[good_len - 1 - draw(16)] ^= (uint8_t)(1 << draw(8));
		break;
	case 2: /* the padding, which is inside too */
		good[good_len - 17] ^= 1;
		break;
	case 3: /* the next one, so this one is missing */
		ksp_seal(c, DJ_KIND_NOOP, 0, 0, NULL, 0);
		good_len = c->record_len;
		memcpy(good, c->record, good_len);
		break;
	case 4: /* of another session */
		good_len = other_len;
		memcpy(good, other, good_len);
		break;
	default: /* another class: cut, or grown by zeros */
		at = good_len == 280 ? 1048 : 280;
		if (at > good_len)
			memset(good + good_len, 0, at - good_len);
		good_len = at;
		set_len(good, good_len);
	}
	try_it(good, good_len);
}

static void whatever_does_not_open_gets_the_same_answer(void)
{
	connect_new(1);
	ksp_seal(c, DJ_KIND_NOOP, 0, 0, NULL, 0);
	other_len = c->record_len;
	memcpy(other, c->record, other_len);
	for (int i = 0; i < 1200; i++)
		one_change((uint16_t)(1 + i % 2));
	eq_u64(tried, 1200);
}

/* The record layer alone, which says it to Keep and client alike. */
static void ten_thousand_changes_have_one_error(void)
{
	static uint8_t copy[KSP_FRAME_MAX];
	struct dj_key secret = { { 26 } };
	struct dj_chain tx, rx;
	struct dj_inner in;
	size_t len = 0;

	for (int i = 0; i < 10000; i++) {
		memcpy(secret.b, &i, sizeof(i));
		ok(dj_chain_init(&tx, (uint16_t)(1 + i % 2), &secret) == DJ_OK);
		rx = tx;
		ok(dj_chain_seal(&tx, DJ_KIND_DATA, 1, 7, answer, draw(2000), 0,
			   copy, sizeof(copy), &len) == DJ_OK);
		copy[8 + draw((uint32_t)len - 8)] ^= (uint8_t)(1 << draw(8));
		eq_u64(dj_chain_open(&rx, copy, len, &in), DJ_ERROR_BAD_RECORD);
		ok(!rx.is_live);
	}
}

int main(void)
{
	RUN(whatever_does_not_open_gets_the_same_answer);
	RUN(ten_thousand_changes_have_one_error);
	return done();
}
