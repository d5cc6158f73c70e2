// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "keep/hostcall.h"
#include "keep/shim.h"
#include "lib/proto/frame.h"
#include "tests/support/fake_shim.h"
#include "tests/tap.h"

/*
 * keep/hostcall.c alone: the Keep is one function of the test, run in the
 * fake's context, so each host line can be set at an exact point.
 */
static enum dj_hc_in got;
static uint8_t in[DJ_HC_FRAME_MAX];
static size_t in_len;
static dj_status status;
static uint64_t value;
static uint32_t len;

static _Noreturn void rest(void)
{
	for (;;)
		dj_shim_wait();
}

static void take_one(void)
{
	dj_hc_init();
	dj_shim_wait();
	got = dj_hc_frame_in(in, &in_len);
	rest();
}

static void call_clock(void)
{
	dj_hc_init();
	dj_shim_wait();
	status = dj_hc_call(DJ_HC_CLOCK, 1, &value, &len);
	rest();
}

static void (*keep)(void);

static void keep_main(void)
{
	keep();
}

/* Up to its first wait; a test then sets the host's line. */
static void begin(void (*what)(void))
{
	keep = what;
	got = DJ_HC_IN_NONE;
	in_len = 4711;
	value = 4711;
	len = 4711;
	memset(in, '.', sizeof(in));
	fake_start(keep_main, NULL, 0);
	(void)fake_run();
}

static bool halts(void)
{
	return fake_run() == FAKE_HALTED && fake.halt == DJ_HALT_HOST;
}

static const uint32_t edges[] = { 0, 1, 2, 7, 8, 9, 81, 82, 83, DJ_HC_RING - 1,
	DJ_HC_RING, DJ_HC_RING + 1, 0x7fffffff, 0x80000000, 0xfffffffe,
	0xffffffff };

#define EDGES (sizeof(edges) / sizeof(edges[0]))

static const uint8_t hello[8 + 74] = { DJ_FRAME_HELLO, 1, 0, 0, 0, 0, 0, 74,
	'x' };

static void in_head_at_every_edge_gives_the_frame_or_halts(void)
{
	for (size_t i = 0; i < EDGES; i++) {
		uint32_t head = edges[i];

		begin(take_one);
		memcpy(fake.region + DJ_HC_IN_OFF, hello, sizeof(hello));
		fake.host.in_head = head;
		fake_write_line();
		if (head == 0) {
			eq_u64(fake_run(), FAKE_WAITS);
			eq_u64(got, DJ_HC_IN_NONE);
		} else if (head >= sizeof(hello) && head <= DJ_HC_RING) {
			eq_u64(fake_run(), FAKE_WAITS);
			eq_u64(got, DJ_HC_IN_FRAME);
			eq_u64(in_len, sizeof(hello));
			eq_mem(in, hello, sizeof(hello));
		} else {
			ok(halts());
			eq_u64(in_len, 4711);
		}
	}
}

static void a_frame_longer_than_what_was_published_halts(void)
{
	for (uint32_t n = 67; n < 104; n++) {
		uint8_t frame[sizeof(hello)];

		begin(take_one);
		memcpy(frame, hello, sizeof(hello));
		frame[7] = (uint8_t)n;
		ok(fake_put_frame(frame, sizeof(frame)));
		if (n > 74) {
			ok(halts());
			continue;
		}
		eq_u64(fake_run(), FAKE_WAITS);
		eq_u64(got, DJ_HC_IN_FRAME);
		eq_u64(in_len, 8 + n);
	}
}

/* Takes frames for ever: one, then a wait. */
static void take_many(void)
{
	dj_hc_init();
	for (;;) {
		dj_shim_wait();
		got = dj_hc_frame_in(in, &in_len);
	}
}

static void a_frame_that_goes_round_the_ring_is_whole(void)
{
	static uint8_t frame[8 + 16400] = { DJ_FRAME_RECORD, 1, 0, 0, 0, 0,
		0x40, 0x10 };

	begin(take_many);
	for (unsigned n = 0; n < 50; n++) {
		for (size_t i = 8; i < sizeof(frame); i++)
			frame[i] = (uint8_t)(n * 7 + i * 13);
		ok(fake_put_frame(frame, sizeof(frame)));
		eq_u64(fake_run(), FAKE_WAITS);
		eq_u64(got, DJ_HC_IN_FRAME);
		eq_u64(in_len, sizeof(frame));
		eq_mem(in, frame, sizeof(frame));
	}
}

static void magic_and_the_zero_field_are_asked_for(void)
{
	for (int i = 0; i < 32; i++) {
		begin(take_one);
		fake.host.magic ^= 1u << i;
		fake_write_line();
		ok(halts());
		begin(take_one);
		fake.host.zero = 1u << i;
		fake_write_line();
		ok(halts());
	}
}

static void out_tail_beyond_what_was_published_halts(void)
{
	for (size_t i = 1; i < EDGES; i++) {
		begin(take_one);
		fake.host.out_tail = edges[i];
		fake_write_line();
		ok(halts());
	}
}

static struct dj_hc_host answer;

static void answer_with(const struct dj_hc_keep *call)
{
	if (call->op != DJ_HC_CLOCK)
		return;
	answer.magic = DJ_HC_MAGIC;
	fake.host = answer;
	fake_write_line();
}

static void begin_call(void)
{
	begin(call_clock);
	fake.serve = answer_with;
	answer = (struct dj_hc_host){ .reply_seq = 1, .value = 99, .len = 7 };
}

static void a_reply_to_a_call_not_made_halts(void)
{
	for (size_t i = 0; i < EDGES; i++) {
		begin_call();
		answer.reply_seq = edges[i];
		if (edges[i] == 1) {
			eq_u64(fake_run(), FAKE_WAITS);
			eq_u64(status, DJ_OK);
			eq_u64(value, 99);
			eq_u64(len, 7);
		} else if (edges[i] == 0) {
			/* No reply yet: the Keep sleeps, and nothing is set. */
			eq_u64(fake_run(), FAKE_WAITS);
			eq_u64(value, 4711);
			answer.reply_seq = 1;
			fake.host = answer;
			fake_write_line();
			eq_u64(fake_run(), FAKE_WAITS);
			eq_u64(value, 99);
		} else {
			ok(halts());
			eq_u64(value, 4711);
		}
	}
}

static void a_reply_longer_than_a_report_halts(void)
{
	for (size_t i = 0; i < EDGES; i++) {
		begin_call();
		answer.len = edges[i];
		if (edges[i] > DJ_HC_REPORT_MAX) {
			ok(halts());
			continue;
		}
		eq_u64(fake_run(), FAKE_WAITS);
		eq_u64(len, edges[i]);
	}
	begin_call();
	answer.len = DJ_HC_REPORT_MAX + 1;
	ok(halts());
	begin_call();
	answer.len = DJ_HC_REPORT_MAX;
	eq_u64(fake_run(), FAKE_WAITS);
	eq_u64(status, DJ_OK);
}

static void a_call_that_fails_sets_nothing(void)
{
	for (size_t i = 1; i < EDGES; i++) {
		begin_call();
		answer.error = edges[i];
		eq_u64(fake_run(), FAKE_WAITS);
		eq_u64(status, DJ_E_HOST);
		eq_u64(value, 4711);
		eq_u64(len, 4711);
	}
}

static void other_fields_make_no_difference(void)
{
	for (size_t i = 0; i < EDGES; i++) {
		begin_call();
		answer.attention = edges[i];
		memset(answer.pad, (int)edges[i], sizeof(answer.pad));
		eq_u64(fake_run(), FAKE_WAITS);
		eq_u64(value, 99);
	}
}

/* Scribbles over what was just copied: a second look would see it. */
static unsigned looks[DJ_HC_REGION_SIZE];

static void spoil(size_t off, size_t n)
{
	memset(fake.region + off, 0xee, n);
}

static void bytes_that_change_after_the_copy_change_nothing(void)
{
	begin(take_one);
	ok(fake_put_frame(hello, sizeof(hello)));
	fake.after_copy_in = spoil;
	eq_u64(fake_run(), FAKE_WAITS);
	eq_u64(got, DJ_HC_IN_FRAME);
	eq_u64(in_len, sizeof(hello));
	eq_mem(in, hello, sizeof(hello));

	begin_call();
	answer.reply_seq = 0;
	(void)fake_run();
	answer.reply_seq = 1;
	fake.host = answer;
	fake_write_line();
	fake.after_copy_in = spoil;
	eq_u64(fake_run(), FAKE_WAITS);
	eq_u64(value, 99);
}

static void count(size_t off, size_t n)
{
	for (size_t i = 0; i < n; i++)
		looks[off + i]++;
}

static void each_byte_of_a_frame_is_read_once(void)
{
	unsigned most = 0;

	begin(take_one);
	ok(fake_put_frame(hello, sizeof(hello)));
	memset(looks, 0, sizeof(looks));
	fake.after_copy_in = count;
	eq_u64(fake_run(), FAKE_WAITS);
	for (size_t i = 0; i < DJ_HC_REGION_SIZE; i++)
		if (looks[i] > most)
			most = looks[i];
	eq_u64(most, 1);
	eq_u64(looks[DJ_HC_IN_OFF], 1);
	eq_u64(looks[DJ_HC_IN_OFF + sizeof(hello)], 0);
}

static void the_payload_of_a_bad_header_is_not_read(void)
{
	uint8_t frame[sizeof(hello)];

	begin(take_one);
	memcpy(frame, hello, sizeof(hello));
	frame[1] = 2;
	ok(fake_put_frame(frame, sizeof(frame)));
	memset(looks, 0, sizeof(looks));
	fake.after_copy_in = count;
	eq_u64(fake_run(), FAKE_WAITS);
	eq_u64(got, DJ_HC_IN_BAD);
	eq_u64(looks[DJ_HC_IN_OFF + 7], 1);
	eq_u64(looks[DJ_HC_IN_OFF + 8], 0);
}

/* ---- the ring to the host ---- */

static size_t sent;

static void send_many(void)
{
	static uint8_t frame[8 + 16400] = { DJ_FRAME_RECORD, 1, 0, 0, 0, 0,
		0x40, 0x10 };

	dj_hc_init();
	for (sent = 0; sent < 100; sent++) {
		memset(frame + 8, (int)sent, sizeof(frame) - 8);
		dj_hc_frame_out(frame, sizeof(frame));
		if (sent % 3 == 2)
			dj_hc_flush();
	}
	dj_hc_wait(0);
	rest();
}

static void a_slow_host_gets_every_frame_whole_and_in_order(void)
{
	static uint8_t frame[8 + 16400];
	size_t n, taken = 0;

	begin(send_many);
	ok(sent < 8);
	while (taken < 100) {
		size_t before = taken;

		for (int i = 0; i < 3 && fake_get_frame(frame, &n); i++) {
			eq_u64(n, sizeof(frame));
			eq_u64(frame[8], taken);
			eq_u64(frame[16407], taken);
			taken++;
		}
		(void)fake_run();
		if (taken == before && sent == 100)
			break;
	}
	eq_u64(taken, 100);
	eq_u64(fake.state, FAKE_WAITS);
}

static void a_host_that_takes_nothing_back_is_found(void)
{
	static uint8_t frame[8 + 16400];
	size_t n;

	begin(send_many);
	ok(fake_get_frame(frame, &n));
	(void)fake_run();
	/* Room that was given is not taken back. */
	fake.host.out_tail -= 1;
	fake_write_line();
	ok(halts());
}

static void bytes_once_published_stay_published(void)
{
	begin(take_many);
	ok(fake_put_frame(hello, sizeof(hello)));
	ok(fake_put_frame(hello, sizeof(hello)));
	eq_u64(fake_run(), FAKE_WAITS);
	eq_u64(got, DJ_HC_IN_FRAME);
	/* A whole frame less, so that no other rule finds it. */
	fake.host.in_head -= (uint32_t)sizeof(hello);
	fake_write_line();
	ok(halts());
}

int main(void)
{
	RUN(in_head_at_every_edge_gives_the_frame_or_halts);
	RUN(a_frame_longer_than_what_was_published_halts);
	RUN(a_frame_that_goes_round_the_ring_is_whole);
	RUN(magic_and_the_zero_field_are_asked_for);
	RUN(out_tail_beyond_what_was_published_halts);
	RUN(a_reply_to_a_call_not_made_halts);
	RUN(a_reply_longer_than_a_report_halts);
	RUN(a_call_that_fails_sets_nothing);
	RUN(other_fields_make_no_difference);
	RUN(bytes_that_change_after_the_copy_change_nothing);
	RUN(each_byte_of_a_frame_is_read_once);
	RUN(the_payload_of_a_bad_header_is_not_read);
	RUN(a_slow_host_gets_every_frame_whole_and_in_order);
	RUN(a_host_that_takes_nothing_back_is_found);
	RUN(bytes_once_published_stay_published);
	return done();
}
