// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "host/agent/plan.h"
#include "host/agent/tap.h"
#include "lib/proto/frame.h"
#include "tests/tap.h"

/* Plans as text, and what becomes of frames under them. */

static dj_status parse(const char *text, struct dj_plan *p, unsigned *line)
{
	*line = 0;
	return dj_plan_parse(text, strlen(text), p, line);
}

static void a_plan_is_read_as_it_is_written(void)
{
	static const char text[] = "seed 7\nc2k.record 2 flip 133\n"
				   "call.report 0 set len 16385\n"
				   "memory 3 scribble 32768 255\n"
				   "event 1 kill client\nk2c.offer 0 swap\n";
	char out[DJ_PLAN_TEXT];
	struct dj_plan p;
	unsigned line;

	eq_u64(parse(text, &p, &line), DJ_OK);
	eq_u64(p.count, 5);
	eq_u64(dj_plan_write(&p, out, sizeof(out)), DJ_OK);
	eq_str(out, text);
	eq_u64(dj_plan_write(&p, out, strlen(text)), DJ_E_LIMIT);
}

static void what_is_no_step_is_named_by_its_line(void)
{
	static const char *const bad[] = { "c2k.record 2", "c2k.record 2 flip",
		"c2k.record 2 flip 1 2", "c2k.record x flip 1",
		"c2k.record 02 drop", "c2k.nothing 0 drop",
		"c2k.record 0 nothing", "c2k.record 4294967296 drop",
		"c2k.record 0 set nothing 1", "c2k.record 0 set type",
		"c2k.record 0 set type 18446744073709551616", "event 0 kill me",
		"seed", "seed -1", "c2k.record 0 drop 1",
		"memory 0 scribble 1" };
	struct dj_plan p = { .count = 99 };
	char text[128];
	unsigned line;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "# one\nseed 1\n%s\n",
			bad[i]);
		eq_u64(parse(text, &p, &line), DJ_E_INPUT);
		eq_u64(line, 3);
	}
	eq_u64(p.count, 99);
}

static void a_plan_has_a_limit(void)
{
	char text[DJ_PLAN_TEXT + 2] = "";
	struct dj_plan p;
	unsigned line;

	for (int i = 0; i < DJ_PLAN_STEPS; i++)
		strcat(text, "event 0 kick\n");
	eq_u64(parse(text, &p, &line), DJ_OK);
	strcat(text, "event 0 kick\n");
	eq_u64(parse(text, &p, &line), DJ_E_LIMIT);
	memset(text, '#', DJ_PLAN_TEXT + 1);
	text[DJ_PLAN_TEXT + 1] = '\0';
	eq_u64(parse(text, &p, &line), DJ_E_LIMIT);
	text[DJ_PLAN_TEXT] = '\0';
	eq_u64(parse(text, &p, &line), DJ_OK);
}

static void a_random_plan_is_a_function_of_its_seed(void)
{
	char a[DJ_PLAN_TEXT], b[DJ_PLAN_TEXT];
	struct dj_plan p, q;
	unsigned line;

	for (uint64_t seed = 0; seed < 3000; seed++) {
		dj_plan_random(seed, &p);
		ok(dj_plan_write(&p, a, sizeof(a)) == DJ_OK);
		ok(parse(a, &q, &line) == DJ_OK);
		dj_plan_random(seed, &q);
		ok(dj_plan_write(&q, b, sizeof(b)) == DJ_OK);
		ok(strcmp(a, b) == 0);
	}
}

static char seen[256];

static void note(void *ctx, const uint8_t *frame, size_t len)
{
	(void)ctx;
	(void)snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen),
		"%c%zu ", frame[DJ_FRAME_HEADER], len);
}

/* Three records a, b, c of ten bytes; what comes out at the other end. */
static const char *after(const char *text)
{
	struct dj_plan p;
	struct dj_tap t;
	unsigned line;

	ok(parse(text, &p, &line) == DJ_OK);
	dj_tap_init(&t, &p, NULL, NULL);
	seen[0] = '\0';
	for (char ch = 'a'; ch <= 'c'; ch++) {
		uint8_t f[10] = { DJ_FRAME_RECORD, 1, 0, 0, 0, 0, 0, 2 };

		f[8] = (uint8_t)ch;
		dj_tap_frame(&t, DJ_TAP_C2K, f, sizeof(f), note, NULL);
	}
	while (dj_tap_idle(&t, DJ_TAP_C2K, note, NULL))
		;
	dj_tap_done(&t);
	return seen;
}

static void each_action_does_what_its_name_says(void)
{
	eq_str(after(""), "a10 b10 c10 ");
	eq_str(after("c2k.record 1 pass"), "a10 b10 c10 ");
	eq_str(after("c2k.record 1 drop"), "a10 c10 ");
	eq_str(after("c2k.record 1 repeat"), "a10 b10 b10 c10 ");
	eq_str(after("c2k.record 0 swap"), "b10 a10 c10 ");
	eq_str(after("c2k.record 0 delay 2"), "b10 c10 a10 ");
	eq_str(after("c2k.record 2 swap"), "a10 b10 c10 ");
	eq_str(after("c2k.record 1 flip 71"), "a10 c10 c10 ");
	eq_str(after("c2k.record 1 cut 1"), "a10 b9 c10 ");
	eq_str(after("c2k.record 1 grow 5"), "a10 b15 c10 ");
	eq_str(after("c2k.record 1 replace"), "a10 c10 ");
	eq_str(after("k2c.record 1 drop"), "a10 b10 c10 ");
}

static void two_flips_of_one_bit_are_none(void)
{
	uint8_t b[4] = { 1, 2, 3, 4 };
	struct dj_tap t = { 0 };
	struct dj_plan p;
	unsigned line;

	eq_u64(parse("launch.config 0 flip 1\nlaunch.config 0 flip 1\n"
		     "launch.config 1 flip 1\n",
		       &p, &line),
		DJ_OK);
	t.plan = &p;
	ok(!dj_tap_bytes(&t, DJ_POINT_CONFIG, b, sizeof(b)));
	ok(!t.has_changed[DJ_POINT_CONFIG]);
	ok(dj_tap_bytes(&t, DJ_POINT_CONFIG, b, sizeof(b)));
	ok(t.has_changed[DJ_POINT_CONFIG]);
	eq_u64(b[0], 1 ^ 0x40);
}

static void nothing(void *ctx, const uint8_t *frame, size_t len)
{
	(void)ctx;
	(void)frame;
	(void)len;
}

static void a_second_copy_can_put_back_what_was_cut(void)
{
	uint8_t hello[9] = { DJ_FRAME_HELLO, [8] = DJ_FRAME_HELLO };
	struct dj_tap t = { 0 };
	struct dj_plan p;
	unsigned line;

	eq_u64(parse("c2k.hello 0 repeat\nc2k.hello 0 cut 1\n"
		     "c2k.hello 1 repeat\nc2k.hello 1 cut 1\n",
		       &p, &line),
		DJ_OK);
	t.plan = &p;
	dj_tap_frame(&t, DJ_TAP_C2K, hello, sizeof(hello), nothing, NULL);
	eq_u64(t.done, 2);
	ok(!t.has_changed[DJ_POINT_HELLO]);
	hello[8] = 0;
	dj_tap_frame(&t, DJ_TAP_C2K, hello, sizeof(hello), nothing, NULL);
	ok(t.has_changed[DJ_POINT_HELLO]);
}

int main(void)
{
	RUN(a_plan_is_read_as_it_is_written);
	RUN(what_is_no_step_is_named_by_its_line);
	RUN(a_plan_has_a_limit);
	RUN(a_random_plan_is_a_function_of_its_seed);
	RUN(two_flips_of_one_bit_are_none);
	RUN(a_second_copy_can_put_back_what_was_cut);
	RUN(each_action_does_what_its_name_says);
	return done();
}
