// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "host/agent/keep.h"
#include "host/agent/serve.h"
#include "lib/proto/evidence.h"
#include "tests/tap.h"

/* The host's side of the region, with a Keep that writes what it likes. */
static _Alignas(4096) uint8_t region[DJ_HC_REGION_SIZE];
static struct dj_serve s;
static struct dj_hc_keep good;

static void start(void)
{
	static const uint8_t block[48] = "KCF1";

	memset(region, 0, sizeof(region));
	eq_u64(dj_serve_init(&s, region, block, sizeof(block)), DJ_OK);
	good = (struct dj_hc_keep){ .magic = DJ_HC_MAGIC };
}

static dj_status judge(struct dj_hc_keep line, struct dj_serve_seen *seen)
{
	struct dj_hc_keep copy;
	const char *why = NULL;
	dj_status st;

	memcpy(region + DJ_HC_KEEP_OFF, &line, sizeof(line));
	dj_serve_copy(&s, &copy);
	eq_mem(&copy, &line, sizeof(line));
	st = dj_serve_decode(&s, &copy, seen, &why);
	ok((st == DJ_OK) == (why == NULL));
	return st;
}

static void the_block_and_the_magic_are_in_place_before_the_start(void)
{
	uint32_t len;
	struct dj_hc_host h;

	start();
	memcpy(&len, region + DJ_HC_CONFIG_OFF, 4);
	memcpy(&h, region + DJ_HC_HOST_OFF, sizeof(h));
	eq_u64(len, 48);
	eq_mem(region + DJ_HC_CONFIG_OFF + 4, "KCF1", 4);
	eq_u64(h.magic, DJ_HC_MAGIC);
	eq_u64(dj_serve_init(&s, region, region, DJ_HC_CONFIG_MAX), DJ_OK);
	eq_u64(dj_serve_init(&s, region, region, DJ_HC_CONFIG_MAX + 1),
		DJ_E_LIMIT);
}

static void a_keep_that_has_not_started_says_nothing(void)
{
	struct dj_serve_seen seen;

	start();
	eq_u64(judge((struct dj_hc_keep){ 0 }, &seen), DJ_OK);
	ok(!seen.is_up && !seen.is_call);
	eq_u64(judge(good, &seen), DJ_OK);
	ok(seen.is_up && !seen.is_call);
	dj_serve_accept(&s, &seen);
	eq_u64(judge((struct dj_hc_keep){ 0 }, &seen), DJ_E_INPUT);
}

#define BAD(field, v)                                \
	do {                                         \
		struct dj_hc_keep l = good;          \
		l.field = (v);                       \
		eq_u64(judge(l, &seen), DJ_E_INPUT); \
	} while (0)

static void what_an_honest_keep_cannot_write_is_refused(void)
{
	struct dj_serve_seen seen = { .op = 77 };

	start();
	BAD(magic, 0x12345678);
	BAD(zero, 1);
	BAD(pad[0], 1);
	BAD(pad[27], 1);
	BAD(out_head, DJ_HC_RING + 1);
	BAD(out_head, UINT32_MAX);
	BAD(in_tail, 1);
	BAD(in_tail, UINT32_MAX);
	eq_u64(seen.op, 77);
	good.out_head = DJ_HC_RING;
	eq_u64(judge(good, &seen), DJ_OK);
}

static void positions_never_go_back_also_across_the_wrap(void)
{
	struct dj_serve_seen seen;

	for (uint64_t base = 0; base < 3; base++) {
		start();
		s.is_up = true;
		s.out_tail = s.out_head = (uint32_t)(base * 0x7ffffff0);
		s.in_tail = s.in_head = s.out_tail;
		s.out_head += 100;
		s.in_head += 100;
		good.out_head = s.out_head;
		good.in_tail = s.in_tail;
		eq_u64(judge(good, &seen), DJ_OK);
		BAD(out_head, s.out_head - 1);
		BAD(out_head, s.out_tail - 1);
		BAD(out_head, s.out_tail + DJ_HC_RING + 1);
		BAD(in_tail, s.in_tail - 1);
		BAD(in_tail, s.in_head + 1);
		good.in_tail = s.in_head;
		good.out_head = s.out_tail + DJ_HC_RING;
		eq_u64(judge(good, &seen), DJ_OK);
		dj_serve_accept(&s, &seen);
		BAD(in_tail, s.in_head - 1);
	}
}

static void only_a_whole_call_is_a_call(void)
{
	struct dj_serve_seen seen;

	start();
	good.op = DJ_HC_CLOCK;
	good.arg = 1;
	good.seq = 1;
	eq_u64(judge(good, &seen), DJ_OK);
	ok(!seen.is_call);
	good.begin = 1;
	eq_u64(judge(good, &seen), DJ_OK);
	ok(seen.is_call && seen.op == DJ_HC_CLOCK && seen.arg == 1);
	dj_serve_accept(&s, &seen);
	eq_u64(judge(good, &seen), DJ_OK);
	ok(!seen.is_call);
	/* The next one, half written over the last: not judged yet. */
	good.begin = 2;
	good.op = DJ_HC_WAIT;
	good.arg = 99;
	eq_u64(judge(good, &seen), DJ_OK);
	ok(!seen.is_call);
	good.seq = 2;
	eq_u64(judge(good, &seen), DJ_OK);
	ok(seen.is_call && seen.op == DJ_HC_WAIT && seen.arg == 99);
}

static void unknown_calls_and_arguments_are_refused(void)
{
	static const struct {
		uint32_t op;
		uint64_t arg;
		dj_status want;
	} calls[] = {
		{ DJ_HC_NONE, 0, DJ_E_INPUT },
		{ DJ_HC_REPORT, 1, DJ_OK },
		{ DJ_HC_REPORT, 2, DJ_E_INPUT }, /* its own, of no length */
		{ DJ_HC_REPORT, 2 | 1 << 8, DJ_OK },
		{ DJ_HC_REPORT, 2 | DJ_HC_OWN_MAX << 8, DJ_OK },
		{ DJ_HC_REPORT, 2 | (DJ_HC_OWN_MAX + 1) << 8, DJ_E_INPUT },
		{ DJ_HC_REPORT, UINT64_MAX << 8 | 2, DJ_E_INPUT },
		{ DJ_HC_REPORT, 3 | 1 << 8, DJ_E_INPUT },
		{ DJ_HC_CLOCK, 1, DJ_OK },
		{ DJ_HC_CLOCK, 2, DJ_E_INPUT },
		{ DJ_HC_CLOCK, UINT64_MAX, DJ_E_INPUT },
		{ DJ_HC_WAIT, UINT64_MAX, DJ_OK },
		{ 5, 0, DJ_E_INPUT },
		{ UINT32_MAX, 0, DJ_E_INPUT },
	};
	struct dj_serve_seen seen;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		start();
		good.seq = good.begin = 7;
		good.op = calls[i].op;
		good.arg = calls[i].arg;
		eq_u64(judge(good, &seen), calls[i].want);
	}
}

static void a_halt_counts_at_any_time_with_a_known_code_only(void)
{
	struct dj_serve_seen seen;

	start();
	good.op = DJ_HC_HALT;
	for (uint64_t code = 0; code <= DJ_HALT_COUNT; code++) {
		good.arg = code;
		eq_u64(judge(good, &seen),
			code < DJ_HALT_COUNT ? DJ_OK : DJ_E_INPUT);
	}
	good = (struct dj_hc_keep){ .op = DJ_HC_HALT, .arg = DJ_HALT_MEMORY };
	eq_u64(judge(good, &seen), DJ_OK);
	ok(seen.is_call && seen.op == DJ_HC_HALT && !seen.is_up);
	good.magic = DJ_HC_MAGIC;
	eq_u64(judge(good, &seen), DJ_OK);
	ok(seen.is_up);
	/* Impossible positions beside it are not taken over. */
	good.out_head = DJ_HC_RING + 5;
	eq_u64(judge(good, &seen), DJ_OK);
	eq_u64(seen.out_head, s.out_head);
}

static void bytes_go_around_the_end_of_a_ring(void)
{
	static uint8_t in[DJ_HC_RING];
	static uint8_t out[DJ_HC_RING];
	struct dj_serve_span sp;

	start();
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + i / 256);
	for (uint32_t pos = DJ_HC_RING - 20; pos < DJ_HC_RING + 3; pos++) {
		sp = dj_serve_out_span(&s, pos, 17);
		eq_u64(sp.n[0] + sp.n[1], 17);
		memcpy(sp.p[0], in, sp.n[0]);
		memcpy(sp.p[1], in + sp.n[0], sp.n[1]);
		dj_serve_out_copy(&s, pos, out, 17);
		eq_mem(out, in, 17);
	}
	sp = dj_serve_in_span(&s, UINT32_MAX - 4, DJ_HC_RING);
	eq_u64(sp.n[0], 5);
	eq_u64(sp.n[1], DJ_HC_RING - 5);
	eq_u64(sp.p[0] - region, DJ_HC_IN_OFF + DJ_HC_RING - 5);
	eq_u64(sp.p[1] - region, DJ_HC_IN_OFF);
}

static void a_reply_is_for_the_call_and_has_its_bytes(void)
{
	struct dj_hc_host h;
	uint8_t bytes[100];

	start();
	s.seq = 5;
	memset(bytes, 0xab, sizeof(bytes));
	dj_serve_reply(&s,
		&(struct dj_serve_reply){ .value = 9,
			.bytes = bytes,
			.len = sizeof(bytes) });
	dj_serve_publish_in(&s, 3);
	dj_serve_release_out(&s, 4);
	dj_serve_attention(&s, true);
	memcpy(&h, region + DJ_HC_HOST_OFF, sizeof(h));
	eq_u64(h.reply_seq, 5);
	eq_u64(h.value, 9);
	eq_u64(h.len, 100);
	eq_u64(h.in_head, 3);
	eq_u64(h.out_tail, 4);
	eq_u64(h.attention, 1);
	eq_mem(region + DJ_HC_REPORT_OFF, bytes, 100);
}

static void the_label_of_a_report_says_its_purpose(void)
{
	uint8_t data[64] = { 0 };

	eq_u64(dj_report_purpose(data), 0);
	strcpy((char *)data + 32, "keep-session-v1 offer");
	eq_u64(dj_report_purpose(data), DJ_PURPOSE_OFFER);
	data[63] = 1;
	eq_u64(dj_report_purpose(data), 0);
	memset(data, 0, sizeof(data));
	strcpy((char *)data + 32, "keep-session-v1 again");
	eq_u64(dj_report_purpose(data), DJ_PURPOSE_AGAIN);
	strcpy((char *)data + 32, "keep-session-v1 receipt");
	eq_u64(dj_report_purpose(data), DJ_PURPOSE_RECEIPT);
	strcpy((char *)data + 32, "keep-session-v1 workload");
	eq_u64(dj_report_purpose(data), 0);
}

static void an_end_is_said_in_words(void)
{
	char text[160];

	dj_wait_text(SIGSYS, text, sizeof(text));
	eq_str(text,
		"killed by SIGSYS: tried a system call that it may not make");
	dj_wait_text(SIGKILL, text, sizeof(text));
	eq_str(text,
		"killed by SIGKILL: out of memory, or killed from outside");
	dj_wait_text(DJ_HALT_RANDOM << 8, text, sizeof(text));
	eq_str(text, "halted: no usable randomness");
	dj_wait_text(99 << 8, text, sizeof(text));
	eq_str(text, "exited with 99 without halting");
	eq_str(dj_halt_text(DJ_HALT_COUNT), "halted: unknown code");
}

int main(void)
{
	RUN(the_block_and_the_magic_are_in_place_before_the_start);
	RUN(a_keep_that_has_not_started_says_nothing);
	RUN(what_an_honest_keep_cannot_write_is_refused);
	RUN(positions_never_go_back_also_across_the_wrap);
	RUN(only_a_whole_call_is_a_call);
	RUN(unknown_calls_and_arguments_are_refused);
	RUN(a_halt_counts_at_any_time_with_a_known_code_only);
	RUN(bytes_go_around_the_end_of_a_ring);
	RUN(a_reply_is_for_the_call_and_has_its_bytes);
	RUN(the_label_of_a_report_says_its_purpose);
	RUN(an_end_is_said_in_words);
	return done();
}
