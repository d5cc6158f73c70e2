// SPDX-License-Identifier: Apache-2.0
#include "lib/base/arena.h"
#include "lib/base/rd.h"
#include "lib/base/secret.h"
#include "lib/base/size.h"
#include "lib/base/wr.h"
#include "tests/tap.h"

static void a_read_past_the_end_sticks_and_gives_zero(void)
{
	static const uint8_t b[] = { 1, 2, 3 };
	struct dj_rd r = dj_rd_of(b, sizeof(b));

	eq_u64(dj_rd_u16be(&r), 0x0102);
	eq_u64(dj_rd_u16be(&r), 0);
	eq_u64(dj_rd_u8(&r), 0);
	ok(dj_rd_bytes(&r, 0) == NULL);
	eq_u64(dj_rd_end(&r), DJ_E_INPUT);
}

static void bytes_left_over_are_refused(void)
{
	static const uint8_t b[] = { 1, 2, 3 };
	struct dj_rd r = dj_rd_of(b, sizeof(b));

	eq_u64(dj_rd_u16le(&r), 0x0201);
	eq_u64(dj_rd_end(&r), DJ_E_INPUT);
}

static void the_first_failure_is_the_one_reported(void)
{
	struct dj_rd r = dj_rd_of("", 0);

	dj_rd_fail(&r, DJ_E_LIMIT);
	eq_u64(dj_rd_u8(&r), 0);
	eq_u64(dj_rd_end(&r), DJ_E_LIMIT);
}

static void reserved_bytes_must_be_zero(void)
{
	static const uint8_t b[] = { 0, 0, 1 };
	struct dj_rd r = dj_rd_of(b, 2);

	dj_rd_zero(&r, 2);
	eq_u64(dj_rd_end(&r), DJ_OK);
	r = dj_rd_of(b, 3);
	dj_rd_zero(&r, 3);
	eq_u64(dj_rd_end(&r), DJ_E_INPUT);
}

static void a_writer_without_room_leaves_the_length_alone(void)
{
	uint8_t b[3] = { 9, 9, 9 };
	struct dj_wr w = dj_wr_of(b, 2);
	size_t len = 77;

	dj_wr_u8(&w, 1);
	dj_wr_u16be(&w, 2);
	dj_wr_u8(&w, 3);
	eq_u64(dj_wr_end(&w, &len), DJ_E_LIMIT);
	eq_u64(len, 77);
	eq_u64(b[0], 1);
	eq_u64(b[2], 9);
}

static void sizes_that_do_not_fit_are_refused(void)
{
	size_t r = 5;

	ok(!dj_size_add(SIZE_MAX, 1, &r));
	ok(!dj_size_mul(SIZE_MAX / 2, 3, &r));
	ok(!dj_size_align(SIZE_MAX - 2, 16, &r));
	eq_u64(r, 5);
	ok(dj_size_align(17, 16, &r));
	eq_u64(r, 32);
	ok(dj_range_ok(4, 4, 8));
	ok(!dj_range_ok(5, 4, 8));
	ok(!dj_range_ok(UINT64_MAX, 2, 8));
}

static void wiping_leaves_nothing_and_comparing_is_exact(void)
{
	uint8_t a[33], b[33];

	memset(a, 7, sizeof(a));
	memset(b, 7, sizeof(b));
	ok(dj_ct_equal(a, b, sizeof(a)));
	b[32] ^= 0x80;
	ok(!dj_ct_equal(a, b, sizeof(a)));
	ok(dj_ct_equal(a, b, 32));
	dj_wipe(a, sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++)
		eq_u64(a[i], 0);
}

static size_t committed;

static dj_status commit_some(void *p, size_t len)
{
	if (committed + len > 2 * DJ_ARENA_STEP)
		return DJ_E_NOMEM;
	memset(p, 0, len);
	committed += len;
	return DJ_OK;
}

static void an_arena_commits_as_it_grows_and_stops_where_told(void)
{
	static _Alignas(64) uint8_t mem[4 * DJ_ARENA_STEP];
	struct dj_arena a;
	uint8_t *p;

	memset(mem, 0xee, sizeof(mem));
	dj_arena_init(&a, mem, sizeof(mem), commit_some);
	p = dj_arena_alloc(&a, 100, 16);
	ok(p != NULL && p[0] == 0 && p[99] == 0);
	eq_u64(committed, DJ_ARENA_STEP);
	ok(dj_arena_alloc(&a, 3 * DJ_ARENA_STEP, 1) == NULL);
	ok(dj_arena_array(&a, SIZE_MAX / 4, 8, 8) == NULL);
	p = dj_arena_alloc(&a, DJ_ARENA_STEP, 64);
	ok(p != NULL && ((uintptr_t)p & 63) == 0);
	eq_u64(committed, 2 * DJ_ARENA_STEP);
}

static size_t past;

static dj_status commit_all(void *p, size_t len)
{
	(void)p;
	past += len;
	return DJ_OK;
}

static void an_arena_ends_where_it_ends(void)
{
	static uint8_t mem[DJ_ARENA_STEP + 100];
	struct dj_arena a;

	/* Memory to commit is no reason to go on. */
	dj_arena_init(&a, mem, sizeof(mem), commit_all);
	ok(dj_arena_alloc(&a, sizeof(mem) + 1, 1) == NULL);
	eq_u64(past, 0);
	ok(dj_arena_alloc(&a, sizeof(mem), 1) == mem);
	eq_u64(past, sizeof(mem));
	ok(dj_arena_alloc(&a, 1, 1) == NULL);
	dj_arena_init(&a, mem, 100, NULL);
	ok(dj_arena_alloc(&a, 99, 1) == mem);
	ok(dj_arena_alloc(&a, 0, 1) == mem + 99);
	ok(dj_arena_alloc(&a, 0, 1) == NULL);
}

int main(void)
{
	RUN(a_read_past_the_end_sticks_and_gives_zero);
	RUN(bytes_left_over_are_refused);
	RUN(the_first_failure_is_the_one_reported);
	RUN(reserved_bytes_must_be_zero);
	RUN(a_writer_without_room_leaves_the_length_alone);
	RUN(sizes_that_do_not_fit_are_refused);
	RUN(wiping_leaves_nothing_and_comparing_is_exact);
	RUN(an_arena_commits_as_it_grows_and_stops_where_told);
	RUN(an_arena_ends_where_it_ends);
	return done();
}
