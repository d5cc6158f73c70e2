// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "keep/clock.h"
#include "keep/core.h"
#include "keep/flow.h"
#include "keep/hostcall.h"
#include "keep/session.h"
#include "keep/shim.h"
#include "keep/stream.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/config.h"
#include "tests/support/ksp_client.h"
#include "tests/tap.h"

/*
 * keep/stream.c with a program in C: the core is initialised as always, then
 * the test's function runs where Wasm would.
 */
#define MIB ((size_t)1 << 20)

static struct ksp_client c;
static void (*program)(void);
static bool program_done;
static dj_status status;
static uint8_t *data;

static void keep_main(void)
{
	dj_core_init();
	program();
	program_done = true;
	for (;;) {
		(void)dj_session_step();
		dj_session_sleep(UINT64_MAX);
	}
}

static void start_with(void (*what)(void), const struct dj_config *cfg)
{
	uint8_t block[DJ_CONFIG_MAX];
	size_t len = 0;

	if (data == NULL) {
		data = malloc(8 * MIB);
		for (size_t i = 0; i < 8 * MIB; i++)
			data[i] = (uint8_t)(i * 2654435761u >> 24);
	}
	ksp_init(&c);
	program = what;
	program_done = false;
	status = DJ_OK;
	if (cfg != NULL) {
		eq_u64(dj_config_write(cfg, block, sizeof(block), &len), DJ_OK);
		dj_sha256(block, len, c.config_hash);
	}
	fake_start(keep_main, block, len);
	(void)fake_run();
}

static void start(void (*what)(void))
{
	start_with(what, NULL);
}

static void say_hello(void)
{
	bool ended;

	status = dj_stream_write(DJ_STREAM_STDOUT, "hello", 5);
	(void)dj_stream_readable(DJ_STREAM_STDIN, &ended);
	uint8_t b;
	size_t n;

	status = dj_stream_read(DJ_STREAM_STDIN, &b, 1, &n);
}

static void a_lone_line_goes_out_when_the_program_blocks(void)
{
	start(say_hello);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_drain(&c);
	eq_u64(c.out_len[1], 5);
	eq_mem(c.out[1], "hello", 5);
	ok(!program_done);
	ksp_send(&c, DJ_KIND_END, 0, 0, NULL, 0);
	ok(program_done);
	eq_u64(status, DJ_OK);
}

static void pour(void)
{
	for (size_t at = 0; at < 4 * MIB && status == DJ_OK; at += 50000) {
		size_t n = 4 * MIB - at < 50000 ? 4 * MIB - at : 50000;

		status = dj_stream_write(DJ_STREAM_STDOUT, data + at, n);
	}
}

static void much_output_goes_in_records_of_the_largest_class(void)
{
	start(pour);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	memset(c.sizes, 0, sizeof(c.sizes));
	ksp_drain(&c);
	ok(program_done);
	eq_u64(c.out_len[1], 4 * MIB);
	eq_mem(c.out[1], data, 4 * MIB);
	/* 257 full ones and a rest; a few are cut short by the window. */
	ok(c.sizes[3] >= 250 && c.sizes[0] + c.sizes[1] + c.sizes[2] < 20);
}

static void output_without_ACK_stops_at_the_window(void)
{
	start(pour);
	c.auto_ack = false;
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_drain(&c);
	eq_u64(c.out_len[1], MIB);
	ok(!program_done);
	ok(fake.committed < 2 * MIB);
	for (int i = 0; i < 100; i++) {
		ksp_send(&c, DJ_KIND_NOOP, 0, 0, NULL, 0);
		ksp_drain(&c);
	}
	eq_u64(c.out_len[1], MIB);
	while (!program_done) {
		uint64_t before = c.out_len[1];

		ksp_ack(&c, 1);
		ksp_drain(&c);
		if (!ok(c.out_len[1] > before))
			break;
	}
	ksp_ack(&c, 1);
	ksp_drain(&c);
	eq_u64(c.out_len[1], 4 * MIB);
	eq_mem(c.out[1], data, 4 * MIB);
}

static void send_limit(uint8_t stream, uint64_t off, uint64_t limit)
{
	uint8_t ack[DJ_ACK_SIZE];

	dj_ack_write(limit, ack);
	ksp_send(&c, DJ_KIND_ACK, stream, off, ack, sizeof(ack));
	ksp_drain(&c);
}

static void the_clients_limit_is_kept_to_the_byte(void)
{
	start(pour);
	c.auto_ack = false;
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_drain(&c);
	send_limit(1, MIB, MIB + 1);
	eq_u64(c.out_len[1], MIB + 1);
	send_limit(1, MIB + 1, MIB + 1);
	eq_u64(c.out_len[1], MIB + 1);
	send_limit(1, MIB + 1, MIB + 70000);
	eq_u64(c.out_len[1], MIB + 70000);
	/* More than a window is taken, and memory stays bounded. */
	send_limit(1, MIB + 70000, 100 * MIB);
	eq_u64(c.out_len[1], 2 * MIB + 70000);
	ok(fake.committed < 2 * MIB);
	eq_mem(c.out[1], data, 2 * MIB + 70000);
}

static void block_for_ever(void)
{
	uint8_t b[1];
	size_t n;

	status = dj_stream_write(DJ_STREAM_STDOUT, data, 1000);
	do
		status = dj_stream_read(DJ_STREAM_STDIN, b, 1, &n);
	while (status == DJ_OK && n != 0);
}

static void an_ACK_of_what_was_not_sent_is_BAD_ORDER(void)
{
	static const struct {
		uint8_t stream;
		uint64_t off;
	} cases[] = { { 1, 1001 }, { 2, 1 }, { 3, 1 }, { 1, UINT64_MAX },
		{ 0, 0 }, { 4, 0 }, { 16, 0 }, { 255, 0 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(block_for_ever);
		ok(ksp_connect(&c, DJ_MODE_NEW));
		c.auto_ack = false;
		ksp_drain(&c);
		eq_u64(c.out_len[1], 1000);
		send_limit(cases[i].stream, cases[i].off, UINT64_MAX);
		eq_u64(c.error, DJ_ERROR_BAD_ORDER);
		ok(c.was_fail);
	}
}

/* Made and kept, but the host has no room for it: not sent. */
static void an_ACK_of_what_waits_to_be_sent_is_BAD_ORDER(void)
{
	start(pour);
	c.auto_ack = false;
	ok(ksp_connect(&c, DJ_MODE_NEW));
	send_limit(1, MIB, 2 * MIB);
	eq_u64(c.error, DJ_ERROR_BAD_ORDER);
	ok(c.was_fail);
	ok(c.out_len[1] < MIB);
}

static void a_RESUME_below_what_was_ACKed_is_BAD_ORDER(void)
{
	struct dj_resume_stream s = { 1, MIB };

	for (unsigned i = 0; i < 2; i++) {
		start(pour);
		c.auto_ack = false;
		ok(ksp_connect(&c, DJ_MODE_NEW));
		ksp_drain(&c);
		send_limit(1, MIB, 2 * MIB);
		ok(ksp_keyed(&c, DJ_MODE_REATTACH));
		/* Its place in the ring has other bytes by now. */
		s.next = MIB - i;
		ksp_make_first(&c, DJ_MODE_REATTACH, NULL, &s, 1);
		ksp_send_frame(&c, c.record, c.record_len);
		ok(ksp_take_ready(&c) == (i == 0));
		eq_u64(c.error, i == 0 ? 0 : DJ_ERROR_BAD_ORDER);
	}
}

static uint8_t *got;
static size_t got_len;

static void swallow(void)
{
	size_t n;

	got = realloc(got, 8 * MIB);
	got_len = 0;
	do {
		status = dj_stream_read(DJ_STREAM_STDIN, got + got_len, 10000,
			&n);
		got_len += n;
	} while (status == DJ_OK && n != 0);
}

static void input_comes_in_whole_through_the_window(void)
{
	start(swallow);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	eq_u64(ksp_send_stream(&c, 0, 0, data, 5 * MIB, true), 5 * MIB);
	ok(program_done);
	eq_u64(got_len, 5 * MIB);
	eq_mem(got, data, 5 * MIB);
	eq_u64(c.error, 0);
}

static void DATA_below_is_cut_and_DATA_above_is_BAD_ORDER(void)
{
	start(swallow);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_send(&c, DJ_KIND_DATA, 0, 0, data, 100);
	ksp_send(&c, DJ_KIND_DATA, 0, 50, data + 50, 100);
	ksp_send(&c, DJ_KIND_DATA, 0, 0, data, 150);
	ksp_send(&c, DJ_KIND_DATA, 0, 150, NULL, 0);
	ksp_send(&c, DJ_KIND_DATA, 0, 10, data + 10, 141);
	eq_u64(got_len, 151);
	eq_mem(got, data, 151);
	ksp_drain(&c);
	eq_u64(c.error, 0);
	ksp_send(&c, DJ_KIND_DATA, 0, 152, data, 1);
	ksp_drain(&c);
	eq_u64(c.error, DJ_ERROR_BAD_ORDER);
	ok(c.was_fail);
}

static void do_nothing(void)
{
	uint64_t room = dj_stream_writable(DJ_STREAM_STDOUT);

	while (room != 0 && !program_done)
		status = dj_stream_wait(UINT64_MAX);
}

static void DATA_beyond_the_window_is_TOO_BIG(void)
{
	start(do_nothing);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	eq_u64(ksp_send_stream(&c, 0, 0, data, 2 * MIB, false), MIB);
	eq_u64(c.error, 0);
	ksp_send(&c, DJ_KIND_DATA, 0, MIB, data, 1);
	ksp_drain(&c);
	eq_u64(c.error, DJ_ERROR_TOO_BIG);
}

static void what_is_not_a_stream_to_the_Keep_is_BAD_ORDER(void)
{
	for (unsigned s = 1; s < 256; s++) {
		start(do_nothing);
		ok(ksp_connect(&c, DJ_MODE_NEW));
		ksp_send(&c, s % 2 ? DJ_KIND_DATA : DJ_KIND_END, (uint8_t)s, 0,
			NULL, 0);
		ksp_drain(&c);
		eq_u64(c.error, DJ_ERROR_BAD_ORDER);
	}
}

static void END_is_the_end_and_of_the_right_length(void)
{
	start(swallow);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_send(&c, DJ_KIND_DATA, 0, 0, data, 10);
	ok(!program_done);
	ksp_send(&c, DJ_KIND_END, 0, 10, NULL, 0);
	ok(program_done);
	eq_u64(got_len, 10);
	ksp_send(&c, DJ_KIND_END, 0, 10, NULL, 0);
	ksp_drain(&c);
	eq_u64(c.error, 0);
	ksp_send(&c, DJ_KIND_DATA, 0, 10, data, 1);
	ksp_drain(&c);
	eq_u64(c.error, DJ_ERROR_BAD_ORDER);

	for (uint64_t off = 9; off <= 11; off += 2) {
		start(swallow);
		ok(ksp_connect(&c, DJ_MODE_NEW));
		ksp_send(&c, DJ_KIND_DATA, 0, 0, data, 10);
		ksp_send(&c, DJ_KIND_END, 0, off, NULL, 0);
		ksp_drain(&c);
		eq_u64(c.error, DJ_ERROR_BAD_ORDER);
		ok(!program_done);
	}
}

static void stop_ends_a_blocked_read_and_a_blocked_write(void)
{
	start(swallow);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_send(&c, DJ_KIND_SIGNAL, 0, 0, NULL, 0);
	ok(program_done);
	eq_u64(status, DJ_E_STATE);

	start(pour);
	c.auto_ack = false;
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_drain(&c);
	ok(!program_done);
	ksp_send(&c, DJ_KIND_SIGNAL, 0, 0, NULL, 0);
	ok(program_done);
	eq_u64(status, DJ_E_STATE);
}

static void echo(void)
{
	static uint8_t b[30000];
	size_t n;

	for (;;) {
		status = dj_stream_read(DJ_STREAM_STDIN, b, sizeof(b), &n);
		if (status != DJ_OK || n == 0)
			return;
		status = dj_stream_write(DJ_STREAM_STDOUT, b, n);
	}
}

/* A client that loses its line again and again, and what was on its way. */
static void nothing_is_lost_or_doubled_over_many_attaches(void)
{
	uint64_t at = 0;
	unsigned attaches = 0;

	start(echo);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	while (c.out_len[1] < 3 * MIB && attaches < 500) {
		struct dj_inner in;
		uint8_t frame[KSP_FRAME_MAX];
		size_t n;

		for (int i = 0; i < 5 && at < 3 * MIB; i++) {
			if (c.in_limit[0] < at + 16000)
				break;
			n = 3 * MIB - at < 16000 ? 3 * MIB - at : 16000;
			ksp_send(&c, DJ_KIND_DATA, 0, at, data + at, n);
			at += n;
		}
		for (int i = 0; i < 4 && ksp_recv(&c, &in); i++)
			if (in.kind == DJ_KIND_DATA && i % 2 == 0)
				ksp_ack(&c, 1);
		/* The line is cut: what is in it is lost. */
		while (fake_get_frame(frame, &n))
			(void)fake_run();
		if (!ok(ksp_connect(&c, DJ_MODE_REATTACH)))
			return;
		attaches++;
		ok(c.ready.stdin_next <= at);
		at = c.ready.stdin_next;
	}
	eq_u64(c.out_len[1], 3 * MIB);
	eq_mem(c.out[1], data, 3 * MIB);
	ok(attaches > 10);
}

static void output_waits_for_the_client_to_come_back(void)
{
	struct dj_inner in;

	start(echo);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_send(&c, DJ_KIND_DATA, 0, 0, data, 16000);
	/* Received, never acknowledged: the Keep must have it still. */
	while (ksp_recv(&c, &in))
		;
	eq_u64(c.out_len[1], 16000);
	ksp_send(&c, DJ_KIND_DETACH, 0, 0, NULL, 0);
	c.out_len[1] = 5;
	ok(ksp_connect(&c, DJ_MODE_REATTACH));
	ksp_drain(&c);
	eq_u64(c.out_len[1], 16000);
	eq_mem(c.out[1], data, 16000);
}

static void wait_for_time(void)
{
	uint64_t now = 0, end;

	status = dj_clock_monotonic(&now);
	end = now + 5000000000;
	while (status == DJ_OK && now < end) {
		status = dj_stream_wait(end);
		if (status == DJ_OK)
			status = dj_clock_monotonic(&now);
	}
}

static void wait_twice(void)
{
	status = dj_stream_wait(UINT64_MAX);
	program_done = status == DJ_OK;
	status = dj_stream_wait(UINT64_C(99000000000));
}

static void a_wait_is_one_hostcall_and_does_not_spin(void)
{
	unsigned waits;

	start(wait_twice);
	eq_u64(fake.waits, 1);
	eq_u64(fake.clocks, 0);
	ok(!program_done);
	waits = fake.waits;
	(void)fake_run();
	ok(program_done);
	eq_u64(fake.waits, waits + 1);
	eq_u64(fake.deadline, UINT64_C(99000000000));
	eq_u64(fake.clocks, 0);
}

static void a_wait_has_the_deadline_that_was_asked_for(void)
{
	start(wait_for_time);
	eq_u64(fake.deadline, 6000001000);
	(void)fake_run();
	ok(!program_done);
	fake.clock[1] = fake.deadline;
	(void)fake_run();
	ok(program_done);
}

static uint64_t times[6];

static void look_at_clocks(void)
{
	for (int i = 0; i < 6; i += 2) {
		(void)dj_clock_realtime(&times[i]);
		(void)dj_clock_monotonic(&times[i + 1]);
		if (i == 2) {
			fake.clock[0] = 5;
			fake.clock[1] = 5;
		}
	}
	status = dj_stream_wait(UINT64_C(3600000000000));
}

static void host_time_never_goes_backward(void)
{
	start(look_at_clocks);
	for (int i = 2; i < 6; i++)
		ok(times[i] >= times[i - 2]);
	ok(times[4] >= UINT64_C(1700000000000000000));
	ok(!program_done);
}

static void fixed_and_counting_time_ask_nobody(void)
{
	struct dj_config cfg = { .max_memory_pages = 1,
		.total_memory = 8 * MIB,
		.time_policy = DJ_TIME_FIXED,
		.time_ns = 1234567 };

	start_with(look_at_clocks, &cfg);
	for (int i = 0; i < 6; i += 2) {
		eq_u64(times[i], 1234567);
		eq_u64(times[i + 1], 0);
	}
	/* An hour passes at once. */
	ok(program_done);
	eq_u64(fake.clocks, 0);
	cfg.time_policy = DJ_TIME_COUNTING;
	cfg.time_ns = 0;
	start_with(look_at_clocks, &cfg);
	for (int i = 0; i < 6; i++)
		eq_u64(times[i], 1000u * (unsigned)(i + 1));
	ok(program_done);
	eq_u64(fake.clocks, 0);
}

/* Looks, waits an hour, looks; then gives times to files. */
static void look_at_the_clients_time(void)
{
	uint64_t at;

	status = dj_clock_wait_start();
	for (int i = 0; i < 4 && status == DJ_OK; i += 2) {
		status = dj_clock_realtime(&times[i]);
		if (status == DJ_OK)
			status = dj_clock_monotonic(&times[i + 1]);
		at = times[i + 1] + UINT64_C(3600000000000);
		if (i == 0 && status == DJ_OK)
			status = dj_stream_wait(at);
	}
	dj_clock_age();
	(void)dj_clock_recent(&times[4]);
	status = dj_clock_realtime(&times[5]);
}

/* Takes what was sent without waking the Keep. */
static void take_all(void)
{
	struct dj_inner in;

	while (ksp_recv(&c, &in))
		;
}

static void tell(uint64_t ns)
{
	ksp_send(&c, DJ_KIND_TIME, 0, ns, NULL, 0);
	take_all();
}

static void the_clients_time_is_asked_for_and_is_all_there_is(void)
{
	static const uint64_t then = UINT64_C(1900000000000000000);
	static const uint64_t hour = UINT64_C(3600000000000);
	struct dj_config cfg = { .max_memory_pages = 1,
		.total_memory = 8 * MIB,
		.time_policy = DJ_TIME_CLIENT };

	memset(times, 0, sizeof(times));
	start_with(look_at_the_clients_time, &cfg);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_load(&c, "module", 6, NULL);
	eq_u64(c.time_asks, 1);
	eq_u64(c.time_ask, 0);
	tell(then);
	/* It waits: asked for the time in an hour, and not before. */
	eq_u64(times[0], then);
	eq_u64(times[1], 0);
	eq_u64(c.time_asks, 2);
	eq_u64(c.time_ask, then + hour);
	/* Each attach is asked again: frames woke it, so for the time now. */
	ok(ksp_connect(&c, DJ_MODE_REATTACH));
	take_all();
	eq_u64(c.time_asks, 3);
	tell(then + hour + 5);
	eq_u64(times[2], then + hour + 5);
	eq_u64(times[3], hour + 5);
	/* A file's time asks nobody, a look does; time does not go back. */
	eq_u64(times[4], then + hour + 5);
	eq_u64(c.time_asks, 4);
	eq_u64(c.time_ask, 0);
	ok(!program_done);
	tell(5);
	ok(program_done);
	eq_u64(times[5], then + hour + 5);
	eq_u64(fake.clocks, 0);
	ksp_send(&c, DJ_KIND_TIME, 1, 1, NULL, 0);
	ksp_drain(&c);
	eq_u64(c.error, DJ_ERROR_BAD_INNER);
}

static void make_files(void)
{
	uint64_t t;

	for (int i = 0; i < 1000; i++)
		(void)dj_clock_recent(&t);
	dj_clock_age();
	(void)dj_clock_recent(&t);
	program_done = true;
	status = dj_stream_wait(UINT64_MAX);
	(void)dj_clock_recent(&t);
}

static void times_of_files_cost_one_look_at_the_host_in_a_while(void)
{
	start(make_files);
	ok(program_done);
	eq_u64(fake.clocks, 2);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	eq_u64(fake.clocks, 3);
}

/* ---- named streams ---- */

static void echo_by_name(void)
{
	static uint8_t b[30000];
	size_t n;

	/* Until BEGIN has come there are none. */
	status = dj_stream_read(DJ_STREAM_STDIN, b, 1, &n);
	while (status == DJ_OK) {
		status = dj_stream_read(40, b, sizeof(b), &n);
		if (status != DJ_OK || n == 0)
			return;
		status = dj_stream_write(40, b, n);
	}
}

static void begin_streams(struct dj_wr *w)
{
	dj_begin_write_stream(w, 40, DJ_DIR_BOTH, "both", 4);
	dj_begin_write_stream(w, 33, DJ_DIR_IN, "in", 2);
	dj_begin_write_stream(w, 34, DJ_DIR_OUT, "out", 3);
}

static void start_named(void (*what)(void))
{
	start(what);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_load(&c, "module", 6, begin_streams);
	eq_u64(ksp_send_stream(&c, 0, 0, "!", 1, false), 1);
}

static void a_named_stream_goes_both_ways_through_its_windows(void)
{
	start_named(echo_by_name);
	eq_u64(ksp_send_stream(&c, 40, 0, data, 5 * MIB, true), 5 * MIB);
	ok(program_done);
	eq_u64(c.out_len[40], 5 * MIB);
	eq_mem(c.out[40], data, 5 * MIB);
	eq_u64(c.error, 0);
	ok(fake.committed < 4 * MIB);
}

static void a_named_stream_has_its_own_back_pressure(void)
{
	size_t sent;

	start_named(echo_by_name);
	c.auto_ack = false;
	/* Full both ways: what the program wrote, what waits for it. */
	sent = ksp_send_stream(&c, 40, 0, data, 5 * MIB, false);
	ok(sent > MIB && sent <= 2 * MIB + 30000);
	eq_u64(c.out_len[40], MIB);
	eq_u64(c.out_len[1], 0);
	/* Others go on: 33 has a window that nobody reads from. */
	eq_u64(ksp_send_stream(&c, 33, 0, data, 5 * MIB, false), MIB);
	eq_u64(c.error, 0);
	ksp_send(&c, DJ_KIND_DATA, 33, MIB, data, 1);
	ksp_drain(&c);
	eq_u64(c.error, DJ_ERROR_TOO_BIG);
}

static void a_named_stream_goes_one_way_if_it_was_opened_so(void)
{
	static const struct {
		enum dj_kind kind;
		uint8_t stream;
	} cases[] = { { DJ_KIND_DATA, 34 }, { DJ_KIND_END, 34 },
		{ DJ_KIND_ACK, 33 }, { DJ_KIND_DATA, 35 }, { DJ_KIND_ACK, 35 },
		{ DJ_KIND_DATA, 32 }, { DJ_KIND_END, 255 } };
	uint8_t ack[DJ_ACK_SIZE];

	dj_ack_write(0, ack);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_ack = cases[i].kind == DJ_KIND_ACK;

		start_named(echo_by_name);
		ksp_send(&c, cases[i].kind, cases[i].stream, 0,
			is_ack ? ack : NULL, is_ack ? sizeof(ack) : 0);
		ksp_drain(&c);
		eq_u64(c.error, DJ_ERROR_BAD_ORDER);
	}
}

static void no_named_stream_loses_or_doubles_over_many_attaches(void)
{
	uint64_t at = 0;
	unsigned attaches = 0;

	start_named(echo_by_name);
	while (c.out_len[40] < 3 * MIB && attaches < 500) {
		struct dj_inner in;
		uint8_t frame[KSP_FRAME_MAX];
		size_t n;

		for (int i = 0; i < 5 && at < 3 * MIB; i++) {
			if (c.in_limit[40] != 0 && c.in_limit[40] < at + 16000)
				break;
			n = 3 * MIB - at < 16000 ? 3 * MIB - at : 16000;
			ksp_send(&c, DJ_KIND_DATA, 40, at, data + at, n);
			at += n;
		}
		for (int i = 0; i < 4 && ksp_recv(&c, &in); i++)
			if (in.kind == DJ_KIND_DATA && i % 2 == 0)
				ksp_ack(&c, 40);
		while (fake_get_frame(frame, &n))
			(void)fake_run();
		c.in_acked[40] = UINT64_MAX;
		if (!ok(ksp_connect(&c, DJ_MODE_REATTACH)))
			return;
		attaches++;
		/* The ACK of the attach says where it goes on. */
		while (c.in_acked[40] == UINT64_MAX && ksp_recv(&c, &in))
			;
		ok(c.in_acked[40] <= at);
		at = c.in_acked[40];
	}
	eq_u64(c.out_len[40], 3 * MIB);
	eq_mem(c.out[40], data, 3 * MIB);
	ok(attaches > 10);
}

/* What waits may be taken before a client that was told less has sent it
 * again: an ACK would then be of what it has not sent. */
static void who_comes_back_is_told_what_has_come(void)
{
	struct dj_inner in;

	start_named(echo_by_name);
	eq_u64(ksp_send_stream(&c, 33, 0, data, 1000, false), 1000);
	c.in_acked[33] = UINT64_MAX;
	ok(ksp_connect(&c, DJ_MODE_REATTACH));
	while (c.in_acked[33] == UINT64_MAX && ksp_recv(&c, &in))
		;
	eq_u64(c.in_acked[33], 1000);
}

static void sixteen_streams_have_names_and_no_more(void)
{
	start(do_nothing);
	for (unsigned i = 0; i < DJ_NAMED_MAX; i++)
		eq_u64(dj_flow_named_open((uint8_t)(32 + i), DJ_DIR_BOTH),
			DJ_OK);
	eq_u64(dj_flow_named_open(99, DJ_DIR_IN), DJ_E_LIMIT);
	dj_flow_begin_undo();
	eq_u64(dj_flow_named_open(99, DJ_DIR_IN), DJ_OK);
}

static void read_a_little(void)
{
	uint8_t b[10];
	size_t n;

	status = dj_stream_read(DJ_STREAM_STDIN, b, 1, &n);
	status = dj_stream_read(33, b, sizeof(b), &n);
	dj_flow_finish();
}

static void what_comes_after_the_end_is_ignored_and_the_last_ACK_says_so(void)
{
	struct dj_receipt_stream s = { 0 };

	start_named(read_a_little);
	ksp_send(&c, DJ_KIND_DATA, 33, 0, data, 1000);
	ksp_drain(&c);
	ok(program_done);
	eq_u64(c.in_acked[33], 1000);
	ksp_send(&c, DJ_KIND_DATA, 33, 1000, data, 500);
	ksp_send(&c, DJ_KIND_DATA, 33, 4000, data, 500);
	ksp_send(&c, DJ_KIND_END, 33, 77, NULL, 0);
	ksp_drain(&c);
	eq_u64(c.error, 0);
	ok(dj_flow_sum(33, DJ_DIR_IN, &s));
	eq_u64(s.len, 1000);
}

static void no_byte_of_a_stream_is_in_the_shared_region(void)
{
	start(echo);
	ok(ksp_connect(&c, DJ_MODE_NEW));
	ksp_send(&c, DJ_KIND_DATA, 0, 0, data + 4096, 256);
	ok(fake_memory_has(data + 4096, 256));
	ok(!fake_region_has(data + 4096, 256));
	ksp_drain(&c);
	eq_u64(c.out_len[1], 256);
}

int main(void)
{
	RUN(a_lone_line_goes_out_when_the_program_blocks);
	RUN(much_output_goes_in_records_of_the_largest_class);
	RUN(output_without_ACK_stops_at_the_window);
	RUN(the_clients_limit_is_kept_to_the_byte);
	RUN(an_ACK_of_what_was_not_sent_is_BAD_ORDER);
	RUN(an_ACK_of_what_waits_to_be_sent_is_BAD_ORDER);
	RUN(a_RESUME_below_what_was_ACKed_is_BAD_ORDER);
	RUN(input_comes_in_whole_through_the_window);
	RUN(DATA_below_is_cut_and_DATA_above_is_BAD_ORDER);
	RUN(DATA_beyond_the_window_is_TOO_BIG);
	RUN(what_is_not_a_stream_to_the_Keep_is_BAD_ORDER);
	RUN(END_is_the_end_and_of_the_right_length);
	RUN(stop_ends_a_blocked_read_and_a_blocked_write);
	RUN(nothing_is_lost_or_doubled_over_many_attaches);
	RUN(output_waits_for_the_client_to_come_back);
	RUN(a_wait_is_one_hostcall_and_does_not_spin);
	RUN(a_wait_has_the_deadline_that_was_asked_for);
	RUN(host_time_never_goes_backward);
	RUN(fixed_and_counting_time_ask_nobody);
	RUN(the_clients_time_is_asked_for_and_is_all_there_is);
	RUN(times_of_files_cost_one_look_at_the_host_in_a_while);
	RUN(a_named_stream_goes_both_ways_through_its_windows);
	RUN(a_named_stream_has_its_own_back_pressure);
	RUN(a_named_stream_goes_one_way_if_it_was_opened_so);
	RUN(no_named_stream_loses_or_doubles_over_many_attaches);
	RUN(who_comes_back_is_told_what_has_come);
	RUN(sixteen_streams_have_names_and_no_more);
	RUN(what_comes_after_the_end_is_ignored_and_the_last_ACK_says_so);
	RUN(no_byte_of_a_stream_is_in_the_shared_region);
	return done();
}
