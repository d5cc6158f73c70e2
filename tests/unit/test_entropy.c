// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/entropy.h"
#include "lib/crypto/sha256.h"
#include "tests/tap.h"

static uint64_t state;
static uint64_t draws;

/* xorshift64*: good enough to pass, the same in every run. */
static bool fair(uint64_t *ret)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	*ret = state * UINT64_C(2685821657736338717);
	draws++;
	return true;
}

static bool none(uint64_t *ret)
{
	(void)ret;
	return false;
}

static bool zeros(uint64_t *ret)
{
	*ret = 0;
	return true;
}

static bool ones(uint64_t *ret)
{
	*ret = UINT64_MAX;
	return true;
}

static bool constant(uint64_t *ret)
{
	*ret = 0x1234567890abcdef;
	return true;
}

static bool counter(uint64_t *ret)
{
	*ret = 0x1234567890abcdef + draws++;
	return true;
}

static bool strides(uint64_t *ret)
{
	*ret = 0x1234567890abcdef - draws++ * UINT64_C(0x9e3779b97f4a7c15);
	return true;
}

static uint64_t period;

static bool periodic(uint64_t *ret)
{
	if (draws % period == 0)
		state = 88172645463325252;
	return fair(ret);
}

static uint64_t fail_at;

static bool dies(uint64_t *ret)
{
	return draws < fail_at && fair(ret);
}

static dj_status fill(dj_entropy_draw *draw, uint8_t *dst, size_t len)
{
	struct dj_entropy e = { 0 };

	state = 88172645463325252;
	draws = 0;
	memset(dst, 0xaa, len);
	return dj_entropy_fill(&e, draw, dst, len);
}

static bool is_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;

	while (len-- > 0)
		any |= p[len];
	return any == 0;
}

static void a_fair_generator_is_hashed_eight_words_at_a_time(void)
{
	uint8_t got[70], want[32];
	uint64_t words[8];

	eq_u64(fill(fair, got, sizeof(got)), DJ_OK);
	eq_u64(draws, 24);
	state = 88172645463325252;
	for (size_t i = 0; i < 8; i++)
		(void)fair(&words[i]);
	dj_sha256(words, sizeof(words), want);
	eq_mem(got, want, 32);
	ok(memcmp(got, got + 32, 32) != 0);
	eq_u64(fill(fair, got, 0), DJ_OK);
}

static void no_more_is_written_than_asked(void)
{
	struct dj_entropy e = { 0 };
	uint8_t got[40];

	state = 1;
	memset(got, 0xaa, sizeof(got));
	eq_u64(dj_entropy_fill(&e, fair, got, 33), DJ_OK);
	for (size_t i = 33; i < sizeof(got); i++)
		eq_u64(got[i], 0xaa);
}

static void a_stuck_or_missing_generator_is_refused(void)
{
	static dj_entropy_draw *const bad[] = { none, zeros, ones, constant,
		counter, strides };
	uint8_t got[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		eq_u64(fill(bad[i], got, sizeof(got)), DJ_E_HOST);
		ok(is_zero(got, sizeof(got)));
	}
}

/* As processors did once after sleep: one such word is one too many. */
static uint64_t stuck_word;

static bool stuck_once(uint64_t *ret)
{
	bool good = fair(ret);

	if (draws == 5)
		*ret = stuck_word;
	return good;
}

static void one_word_of_zeros_or_ones_is_refused(void)
{
	uint8_t got[64];

	stuck_word = 0;
	eq_u64(fill(stuck_once, got, sizeof(got)), DJ_E_HOST);
	stuck_word = UINT64_MAX;
	eq_u64(fill(stuck_once, got, sizeof(got)), DJ_E_HOST);
	ok(is_zero(got, sizeof(got)));
	stuck_word = 1;
	eq_u64(fill(stuck_once, got, sizeof(got)), DJ_OK);
}

static void a_short_period_is_refused(void)
{
	uint8_t got[64];

	for (period = 1; period <= DJ_ENTROPY_HISTORY; period++) {
		eq_u64(fill(periodic, got, sizeof(got)), DJ_E_HOST);
		ok(is_zero(got, sizeof(got)));
	}
	/* One past what is remembered passes: that is the limit. */
	eq_u64(fill(periodic, got, sizeof(got)), DJ_OK);
}

static void a_generator_that_dies_midway_gives_nothing(void)
{
	uint8_t got[96];

	for (fail_at = 0; fail_at < 24; fail_at++) {
		eq_u64(fill(dies, got, sizeof(got)), DJ_E_HOST);
		ok(is_zero(got, sizeof(got)));
	}
	eq_u64(fill(dies, got, sizeof(got)), DJ_OK);
}

static void after_a_failure_it_never_works_again(void)
{
	struct dj_entropy e = { 0 };
	uint8_t got[32];

	state = 88172645463325252;
	eq_u64(dj_entropy_fill(&e, zeros, got, 32), DJ_E_HOST);
	eq_u64(dj_entropy_fill(&e, fair, got, 32), DJ_E_HOST);
	ok(is_zero(got, 32));
}

static void repetition_across_calls_is_refused(void)
{
	struct dj_entropy e = { 0 };
	uint8_t got[32];

	state = 88172645463325252;
	eq_u64(dj_entropy_fill(&e, fair, got, 32), DJ_OK);
	state = 88172645463325252;
	eq_u64(dj_entropy_fill(&e, fair, got, 32), DJ_E_HOST);
}

int main(void)
{
	RUN(a_fair_generator_is_hashed_eight_words_at_a_time);
	RUN(no_more_is_written_than_asked);
	RUN(a_stuck_or_missing_generator_is_refused);
	RUN(one_word_of_zeros_or_ones_is_refused);
	RUN(a_short_period_is_refused);
	RUN(a_generator_that_dies_midway_gives_nothing);
	RUN(after_a_failure_it_never_works_again);
	RUN(repetition_across_calls_is_refused);
	return done();
}
