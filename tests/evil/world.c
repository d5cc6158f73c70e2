// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/judge.h"
#include "host/agent/tap.h"
#include "keep/shim.h"
#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/begin.h"
#include "lib/proto/config.h"
#include "tests/evil/evil.h"
#include "tests/support/evidence.h"
#include "tests/support/fake_shim.h"

/*
 * Invariant of the oracles: fake.host is what an honest host would say; what
 * the plan says instead is in the region alone, and gone after the look or at
 * the next honest word.
 */
#define STEPS_MAX 20000
#define RUNS_MAX  4000
#define FRAME_MAX ((size_t)8 + 262144)

/*
 * (module
 *   (import "wasi_snapshot_preview1" "fd_read" (func $r (param i32 i32 i32 i32) (result i32)))
 *   (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
 *   (import "wasi_snapshot_preview1" "clock_time_get" (func $c (param i32 i64 i32) (result i32)))
 *   (import "wasi_snapshot_preview1" "proc_exit" (func $x (param i32)))
 *   (memory (export "memory") 2)
 *   (data (i32.const 32) "...32 bytes, the last of the module, a canary...")
 *   (func (export "_start") (local $at i32) (local $i i32) (local $n i32)
 *     (drop (call $c (i32.const 0) (i64.const 0) (i32.const 16)))
 *     (loop $next
 *       (i32.store (i32.const 0) (i32.const 1024))
 *       (i32.store (i32.const 4) (i32.const 65536))
 *       (if (call $r (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $x (i32.const 1))))
 *       (local.set $n (i32.load (i32.const 8)))
 *       (if (i32.eqz (local.get $n)) (then (call $x (i32.const 42))))
 *       (local.set $i (i32.const 0))
 *       (loop $b
 *         (i32.store8 offset=1024 (local.get $i)
 *           (i32.xor (i32.load8_u offset=1024 (local.get $i))
 *             (i32.load8_u offset=32 (i32.and (local.get $at) (i32.const 31)))))
 *         (local.set $at (i32.add (local.get $at) (i32.const 1)))
 *         (local.set $i (i32.add (local.get $i) (i32.const 1)))
 *         (br_if $b (i32.lt_u (local.get $i) (local.get $n))))
 *       (i32.store (i32.const 4) (local.get $n))
 *       (if (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)) (then (call $x (i32.const 2))))
 *       (br $next))))
 */
static const uint8_t module[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00,
	0x00, 0x01, 0x17, 0x04, 0x60, 0x04, 0x7f, 0x7f, 0x7f, 0x7f, 0x01, 0x7f,
	0x60, 0x03, 0x7f, 0x7e, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7f, 0x00, 0x60,
	0x00, 0x00, 0x02, 0x8f, 0x01, 0x04, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f,
	0x73, 0x6e, 0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65,
	0x76, 0x69, 0x65, 0x77, 0x31, 0x07, 0x66, 0x64, 0x5f, 0x72, 0x65, 0x61,
	0x64, 0x00, 0x00, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e, 0x61,
	0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76, 0x69, 0x65,
	0x77, 0x31, 0x08, 0x66, 0x64, 0x5f, 0x77, 0x72, 0x69, 0x74, 0x65, 0x00,
	0x00, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e, 0x61, 0x70, 0x73,
	0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31,
	0x0e, 0x63, 0x6c, 0x6f, 0x63, 0x6b, 0x5f, 0x74, 0x69, 0x6d, 0x65, 0x5f,
	0x67, 0x65, 0x74, 0x00, 0x01, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73,
	0x6e, 0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76,
	0x69, 0x65, 0x77, 0x31, 0x09, 0x70, 0x72, 0x6f, 0x63, 0x5f, 0x65, 0x78,
	0x69, 0x74, 0x00, 0x02, 0x03, 0x02, 0x01, 0x03, 0x05, 0x03, 0x01, 0x00,
	0x02, 0x07, 0x13, 0x02, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02,
	0x00, 0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x04, 0x0a, 0x91,
	0x01, 0x01, 0x8e, 0x01, 0x01, 0x03, 0x7f, 0x41, 0x00, 0x42, 0x00, 0x41,
	0x10, 0x10, 0x02, 0x1a, 0x03, 0x40, 0x41, 0x00, 0x41, 0x80, 0x08, 0x36,
	0x02, 0x00, 0x41, 0x04, 0x41, 0x80, 0x80, 0x04, 0x36, 0x02, 0x00, 0x41,
	0x00, 0x41, 0x00, 0x41, 0x01, 0x41, 0x08, 0x10, 0x00, 0x04, 0x40, 0x41,
	0x01, 0x10, 0x03, 0x0b, 0x41, 0x08, 0x28, 0x02, 0x00, 0x21, 0x02, 0x20,
	0x02, 0x45, 0x04, 0x40, 0x41, 0x2a, 0x10, 0x03, 0x0b, 0x41, 0x00, 0x21,
	0x01, 0x03, 0x40, 0x20, 0x01, 0x20, 0x01, 0x2d, 0x00, 0x80, 0x08, 0x20,
	0x00, 0x41, 0x1f, 0x71, 0x2d, 0x00, 0x20, 0x73, 0x3a, 0x00, 0x80, 0x08,
	0x20, 0x00, 0x41, 0x01, 0x6a, 0x21, 0x00, 0x20, 0x01, 0x41, 0x01, 0x6a,
	0x21, 0x01, 0x20, 0x01, 0x20, 0x02, 0x49, 0x0d, 0x00, 0x0b, 0x41, 0x04,
	0x20, 0x02, 0x36, 0x02, 0x00, 0x41, 0x01, 0x41, 0x00, 0x41, 0x01, 0x41,
	0x0c, 0x10, 0x01, 0x04, 0x40, 0x41, 0x02, 0x10, 0x03, 0x0b, 0x0c, 0x00,
	0x0b, 0x0b, 0x0b, 0x26, 0x01, 0x00, 0x41, 0x20, 0x0b, 0x20, 0x44, 0x4f,
	0x4e, 0x4a, 0x4f, 0x4e, 0x2d, 0x45, 0x56, 0x49, 0x4c, 0x2d, 0x44, 0x41,
	0x54, 0x41, 0x2d, 0x43, 0x41, 0x4e, 0x41, 0x52, 0x59, 0x2d, 0x33, 0x32,
	0x2d, 0x42, 0x59, 0x54, 0x45, 0x53 };
#define CODE 42

struct evil_work evil_work;

struct bytes {
	uint8_t *p;
	size_t at, len, cap;
};

static struct {
	const struct dj_plan *plan;
	enum evil_kind kind;
	struct evil_result *result;
	struct dj_tap tap;
	struct bytes from_client, to_keep, to_client, seen;
	bool in_keep, is_dead, is_closed;
	bool is_lying;  /* positions in the region were not true */
	bool must_halt; /* the Keep has seen what no host can say */
	bool is_untrue; /* the tenant sent other data than its own */
	uint32_t look_in, look_out; /* as the Keep saw them last */
	uint8_t image[32];          /* digest of what was started */
	uint8_t config_hash[32];
	uint8_t label_data[64];
	bool label_changed;
	unsigned runs, effects, steps;
	uint8_t read[DJ_HC_REGION_SIZE];
} w;

static struct dj_tap_store recorded;
static uint8_t asked_hash[32]; /* of the block that the tenant asked for */
static const uint8_t image_good[32] = "the image as it was published..";
static struct dj_policy policy;
static uint8_t *frame; /* FRAME_MAX bytes of scratch */

void evil_fault(enum evil_oracle oracle, const char *fmt, ...)
{
	va_list ap;

	if (w.result->fault != EVIL_NONE)
		return;
	w.result->fault = oracle;
	va_start(ap, fmt);
	(void)vsnprintf(w.result->text, sizeof(w.result->text), fmt, ap);
	va_end(ap);
}

bool evil_is_true(void)
{
	return !w.is_untrue;
}

bool evil_is_in_keep(void)
{
	return w.in_keep;
}

const struct dj_plan *evil_plan(void)
{
	return w.plan;
}

uint64_t evil_durable(void)
{
	return w.kind == EVIL_CLIENT ? client_durable() : tenant_durable();
}

/* ---- bytes ---- */

static void push(struct bytes *b, const void *p, size_t len)
{
	if (b->at != 0 && b->cap - b->len < len) {
		memmove(b->p, b->p + b->at, b->len - b->at);
		b->len -= b->at;
		b->at = 0;
	}
	while (b->cap - b->len < len) {
		b->cap = b->cap == 0 ? 65536 : 2 * b->cap;
		b->p = realloc(b->p, b->cap);
		if (b->p == NULL)
			abort();
	}
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

static size_t waiting(const struct bytes *b)
{
	return b->len - b->at;
}

static void empty(struct bytes *b)
{
	b->at = b->len = 0;
}

void evil_link_put(const void *p, size_t len)
{
	push(&w.seen, p, len);
	push(&w.from_client, p, len);
}

size_t evil_link_waiting(void)
{
	return waiting(&w.to_client);
}

size_t evil_link_get(void *p, size_t cap)
{
	size_t n = waiting(&w.to_client) < cap ? waiting(&w.to_client) : cap;

	if (n != 0)
		memcpy(p, w.to_client.p + w.to_client.at, n);
	w.to_client.at += n;
	return n;
}

bool evil_link_is_closed(void)
{
	return w.is_closed;
}

void evil_link_cut(void)
{
	empty(&w.from_client);
	empty(&w.to_client);
	empty(&w.to_keep);
	for (int i = 0; i < DJ_TAP_WAYS; i++) {
		free(w.tap.held[i].frame);
		w.tap.held[i] = (struct dj_tap_held){ 0 };
	}
	w.is_closed = true;
}

bool evil_link_new(void)
{
	if (w.is_dead)
		return false;
	evil_link_cut();
	w.is_closed = w.tap.is_closed = false;
	w.tap.has_changed[DJ_POINT_HELLO] = false;
	w.tap.has_changed[DJ_POINT_OFFER] = false;
	w.tap.has_changed[DJ_POINT_EVIDENCE] = false;
	w.label_changed = false;
	return true;
}

/* ---- hostcalls and the region ---- */

static struct dj_hc_keep keep_line(void)
{
	struct dj_hc_keep k;

	memcpy(&k, fake.region + DJ_HC_KEEP_OFF, sizeof(k));
	return k;
}

static void look(const struct dj_hc_host *h)
{
	struct dj_hc_keep k = keep_line();

	if (k.magic == 0)
		return;
	if (h->magic != DJ_HC_MAGIC || h->zero != 0 ||
		h->in_head - k.in_tail > DJ_HC_RING ||
		h->in_head - k.in_tail < w.look_in - k.in_tail ||
		h->out_tail - w.look_out > k.out_head - w.look_out) {
		w.must_halt = true;
		return;
	}
	w.is_lying |= h->in_head != fake.host.in_head ||
		h->out_tail != fake.host.out_tail;
	w.look_in = h->in_head;
	w.look_out = h->out_tail;
}

static void before_copy_in(size_t off, size_t len)
{
	struct dj_hc_host line;

	(void)len;
	if (off != DJ_HC_HOST_OFF)
		return;
	memcpy(&line, fake.region + DJ_HC_HOST_OFF, sizeof(line));
	if (dj_tap_line(&w.tap, DJ_POINT_LINE, &line))
		memcpy(fake.region + DJ_HC_HOST_OFF, &line, sizeof(line));
	look(&line);
}

static void scribble(const struct dj_plan_step *s)
{
	size_t off = s->a % (DJ_HC_REGION_SIZE - 8);

	/* The Keep does not read its own line, but this host does. */
	if (s->action != DJ_ACT_SCRIBBLE || off < DJ_HC_HOST_OFF)
		return;
	memcpy(fake.region + off, &s->value, 8);
	w.is_lying = true;
}

static bool is_fetched_once(size_t off)
{
	return off >= DJ_HC_CONFIG_OFF && off < DJ_HC_OUT_OFF;
}

static void after_copy_in(size_t off, size_t len)
{
	const struct dj_plan_step *s;

	if (off == DJ_HC_HOST_OFF)
		fake_write_line();
	for (size_t i = off; i < off + len && is_fetched_once(i); i++)
		if (w.read[i]++ != 0 && !w.is_lying)
			evil_fault(EVIL_FETCH, "byte %#zx was fetched again",
				i);
	s = dj_tap_step(&w.tap, DJ_POINT_MEMORY);
	if (s != NULL)
		scribble(s);
}

static void after_copy_out(size_t off, size_t len)
{
	push(&w.seen, fake.region + off, len);
}

/* Genuine evidence that was asked for with another purpose. */
static void sign_other(uint32_t at)
{
	for (size_t i = 0; i < w.plan->count; i++) {
		const struct dj_plan_step *s = &w.plan->step[i];

		if (s->point != DJ_POINT_REPORT || s->at != at ||
			s->field != DJ_FIELD_LABEL || s->action != DJ_ACT_SET)
			continue;
		dj_label((enum dj_label)(s->value % DJ_LABEL_COUNT),
			w.label_data + 32);
	}
	w.label_changed |= memcmp(w.label_data, fake.report_data, 64) != 0;
}

static void serve(const struct dj_hc_keep *call)
{
	enum dj_plan_point point = DJ_POINT_WAIT;
	struct dj_hc_host line;
	uint32_t at = w.tap.seen[DJ_POINT_REPORT];

	fake_serve(call);
	if (call->op == DJ_HC_REPORT) {
		point = DJ_POINT_REPORT;
		memcpy(w.label_data, fake.report_data, 64);
		sign_other(at);
	} else if (call->op == DJ_HC_CLOCK) {
		point = DJ_POINT_CLOCK;
		w.effects += call->arg == 0;
	}
	line = fake.host;
	if (!dj_tap_line(&w.tap, point, &line))
		return;
	memcpy(fake.region + DJ_HC_HOST_OFF, &line, sizeof(line));
	/* No report is longer than the place for it. */
	if (point != DJ_POINT_WAIT && line.reply_seq == call->seq &&
		line.len > DJ_HC_REPORT_MAX)
		w.must_halt = true;
}

/* ---- the Keep ---- */

static void judge_halt(void)
{
	w.is_dead = true;
	if (w.must_halt && fake.halt != DJ_HALT_HOST)
		evil_fault(EVIL_CRASH, "halted with %d, not for its host",
			fake.halt);
	if (fake.halt == DJ_HALT_BUG || fake.halt == DJ_HALT_FAULT ||
		fake.halt == DJ_HALT_RANDOM)
		evil_fault(EVIL_CRASH, "halted with %d", fake.halt);
}

static void run_keep(void)
{
	enum fake_state st;

	if (w.is_dead)
		return;
	if (++w.runs > RUNS_MAX) {
		evil_fault(EVIL_HANG, "the Keep woke %u times", w.runs);
		w.is_dead = w.is_closed = true;
		return;
	}
	w.in_keep = true;
	st = fake_run();
	w.in_keep = false;
	if (st == FAKE_HALTED)
		judge_halt();
	else if (w.must_halt)
		evil_fault(EVIL_ACCEPT,
			"the Keep went on with what no host can say");
	if (w.effects > 1)
		evil_fault(EVIL_ONCE, "the work was started %u times",
			w.effects);
}

/* Frames on their way to the Keep wait with their length before them. */
static void emit_to_keep(void *ctx, const uint8_t *p, size_t len)
{
	uint32_t n = (uint32_t)len;

	(void)ctx;
	push(&w.to_keep, &n, sizeof(n));
	push(&w.to_keep, p, len);
}

static bool deliver(void)
{
	bool any = false;

	while (waiting(&w.to_keep) != 0 && !w.is_dead) {
		uint32_t used = fake.host.in_head - keep_line().in_tail;
		uint32_t n;

		memcpy(&n, w.to_keep.p + w.to_keep.at, sizeof(n));
		if (n <= DJ_HC_RING &&
			(used > DJ_HC_RING || n > DJ_HC_RING - used))
			break;
		/* What never fits is dropped. */
		if (n <= DJ_HC_RING) {
			for (uint32_t i = 0; i < n; i++)
				w.read[DJ_HC_IN_OFF +
					(fake.host.in_head + i) % DJ_HC_RING] =
					0;
			(void)fake_put_frame(w.to_keep.p + w.to_keep.at + 4, n);
		}
		w.to_keep.at += 4 + n;
		any = true;
	}
	return any;
}

static void emit_to_client(void *ctx, const uint8_t *p, size_t len)
{
	(void)ctx;
	push(&w.to_client, p, len);
}

static void send_evidence(void)
{
	static char chain[8192];
	static struct ev ev;
	uint8_t report[DJ_PROCESS_REPORT_SIZE];
	size_t len;

	if (chain[0] == '\0') {
		ev_good(&ev);
		ev_chain(&ev, chain, sizeof(chain));
	}
	memcpy(ev.report.report_data, w.label_data, 64);
	memcpy(ev.report.measurement, w.image, 32);
	memcpy(ev.report.config_hash, w.config_hash, 32);
	ev_report(&ev, report);
	len = ev_pack(&ev, report, sizeof(report), chain, strlen(chain),
		frame + DJ_FRAME_HEADER, FRAME_MAX - DJ_FRAME_HEADER);
	dj_frame_write(frame, DJ_FRAME_EVIDENCE, (uint32_t)len);
	dj_tap_frame(&w.tap, DJ_TAP_K2C, frame, DJ_FRAME_HEADER + len,
		emit_to_client, NULL);
}

static uint8_t out_byte(uint32_t pos)
{
	return fake.region[DJ_HC_OUT_OFF + pos % DJ_HC_RING];
}

/* One frame of the Keep's; false: none. */
static bool collect(void)
{
	uint32_t tail = fake.host.out_tail;
	uint32_t have = keep_line().out_head - tail;
	uint8_t head[4];
	struct dj_rd r = dj_rd_of(head, sizeof(head));
	uint32_t n;

	if (have == 0)
		return false;
	for (uint32_t i = 0; i < 4; i++)
		head[i] = out_byte(tail + 4 + i);
	n = have < 8 ? UINT32_MAX : 8 + dj_rd_u32be(&r);
	if (n > have || n < 8) {
		if (!w.is_lying)
			evil_fault(EVIL_CRASH, "a frame was published in part");
		fake.host.out_tail += have;
		fake_write_line();
		w.is_closed = true;
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		frame[i] = out_byte(tail + i);
	fake.host.out_tail += n;
	fake_write_line();
	if (frame[0] == DJ_FRAME_OFFER) {
		dj_tap_frame(&w.tap, DJ_TAP_K2C, frame, n, emit_to_client,
			NULL);
		send_evidence();
	} else {
		dj_tap_frame(&w.tap, DJ_TAP_K2C, frame, n, emit_to_client,
			NULL);
	}
	return true;
}

/* ---- the client's frames ---- */

static void judge_open(void)
{
	static const enum dj_plan_point before[] = { DJ_POINT_HELLO,
		DJ_POINT_OFFER, DJ_POINT_EVIDENCE, DJ_POINT_CONFIG,
		DJ_POINT_IMAGE };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (w.tap.has_changed[before[i]])
			evil_fault(EVIL_ACCEPT,
				"OPEN was sent although %s was changed",
				dj_point_name(before[i]));
	if (w.label_changed)
		evil_fault(EVIL_ACCEPT,
			"OPEN was sent on evidence of another purpose");
}

static bool take_client_frame(void)
{
	size_t left = waiting(&w.from_client);
	const uint8_t *p;
	struct dj_frame f;

	if (left < DJ_FRAME_HEADER)
		return false;
	p = w.from_client.p + w.from_client.at;
	if (dj_frame_parse(p, DJ_FRAMES_TO_KEEP, &f) != DJ_OK) {
		evil_fault(EVIL_CRASH, "the client sent what is not a frame");
		empty(&w.from_client);
		return false;
	}
	if (left < DJ_FRAME_HEADER + f.len)
		return false;
	if (f.type == DJ_FRAME_OPEN)
		judge_open();
	w.from_client.at += DJ_FRAME_HEADER + f.len;
	dj_tap_frame(&w.tap, DJ_TAP_C2K, p, DJ_FRAME_HEADER + f.len,
		emit_to_keep, NULL);
	return true;
}

void evil_tenant_bytes(uint8_t *text, size_t len)
{
	struct dj_rd r = dj_rd_of(text + 4, 4);
	size_t end = 16 + (size_t)dj_rd_u32be(&r);
	uint8_t was[16384];
	bool is_last = text[0] == DJ_KIND_RELEASE;

	memcpy(was, text, len);
	if (!dj_tap_bytes(&w.tap, DJ_POINT_TENANT, text, len) || is_last)
		return;
	w.is_untrue |= memcmp(was, text, 2) != 0 ||
		memcmp(was + 4, text + 4, 12) != 0 ||
		(end <= len && memcmp(was + 16, text + 16, end - 16) != 0);
	if (memcmp(was + 2, text + 2, 2) != 0 ||
		(end < len && memcmp(was + end, text + end, len - end) != 0))
		watch_refuse();
}

/* ---- the loop ---- */

static void event(void)
{
	const struct dj_plan_step *s = dj_tap_step(&w.tap, DJ_POINT_EVENT);

	if (s == NULL)
		return;
	if (s->action == DJ_ACT_KILL && s->a == DJ_KILL_KEEP)
		w.is_dead = true;
	else if (s->action == DJ_ACT_KILL)
		w.is_closed = true;
	if (s->action != DJ_ACT_KICK)
		return;
	fake.attention = true;
	run_keep();
	run_keep();
	fake.attention = false;
}

static void obey(void)
{
	w.is_dead |= w.tap.is_killed;
	w.is_closed |= w.tap.is_closed;
}

void evil_step(void)
{
	bool moved = true;

	event();
	while (moved && !w.is_closed) {
		moved = false;
		if (++w.steps > STEPS_MAX) {
			evil_fault(EVIL_HANG, "%u steps", w.steps);
			w.is_closed = true;
			return;
		}
		while (take_client_frame())
			moved = true;
		obey();
		moved |= deliver();
		run_keep();
		while (!w.is_closed && collect())
			moved = true;
		obey();
		if (w.is_dead && !moved)
			w.is_closed = true;
	}
}

void evil_stall(void)
{
	bool any = dj_tap_idle(&w.tap, DJ_TAP_C2K, emit_to_keep, NULL);

	any |= dj_tap_idle(&w.tap, DJ_TAP_K2C, emit_to_client, NULL);
	if (!any)
		w.is_closed = true;
}

/* ---- the judge ---- */

bool evil_judge(const uint8_t *hello, size_t hello_len, const uint8_t *offer,
	size_t offer_len, const uint8_t *evidence, size_t evidence_len,
	const uint8_t *keep_id, uint32_t attach_no, struct dj_err *err)
{
	static const struct dj_judge_tee tee = { DJ_TEE_PROCESS, false };
	struct dj_judge_input in = {
		.purpose = DJ_JUDGE_OFFER,
		.hello = hello,
		.hello_len = hello_len,
		.offer = offer,
		.offer_len = offer_len,
		.evidence = evidence,
		.evidence_len = evidence_len,
		.policy = &policy,
		.time = EV_TIME,
		.tees = &tee,
		.tee_count = 1,
		.config_hash = asked_hash,
		.keep_id = keep_id,
		.attach_no = attach_no,
	};
	struct dj_verdict v;
	bool good = dj_judge(&in, &v) == DJ_OK && v.good;

	if (!good)
		(void)dj_err_set(err,
			v.error == NULL ? "internal.memory" : v.error,
			"refused");
	dj_verdict_done(&v);
	return good;
}

/* ---- a session ---- */

static void make_work(void)
{
	struct evil_work *k = &evil_work;
	struct dj_wr wr = dj_wr_of(k->begin, sizeof(k->begin));
	uint8_t in[32], text[32];
	uint64_t s = 0x646f6e6a6f6e;
	uint8_t *data;

	memcpy(k->module, module, sizeof(module));
	k->module_len = sizeof(module);
	data = k->module + sizeof(module) - 32;
	for (int i = 0; i < 32; i++) {
		data[i] = (uint8_t)dj_plan_draw(&s);
		in[i] = (uint8_t)dj_plan_draw(&s);
		text[i] = (uint8_t)(33 + dj_plan_draw(&s) % 90);
	}
	for (size_t i = 0; i < EVIL_INPUT; i++) {
		k->in[i] = in[i % 32];
		k->out[i] = (uint8_t)(in[i % 32] ^ data[i % 32]);
	}
	dj_sha256(k->module, k->module_len, k->module_hash);
	dj_begin_write_head(&wr, k->module_len, k->module_hash, DJ_MODULE_WASM);
	dj_begin_write_arg(&wr, (const char *)text, sizeof(text));
	memcpy(text, "NAME=", 5);
	dj_begin_write_env(&wr, (const char *)text, sizeof(text));
	if (dj_wr_end(&wr, &k->begin_len) != DJ_OK)
		abort();
}

static void make_policy(void)
{
	const char *pem = ev_root_pem();
	struct dj_toml_error err;

	if (dj_policy_first_run(pem, strlen(pem), DJ_TEE_PROCESS, image_good,
		    &policy, &err) != DJ_OK)
		abort();
}

static void launch(void)
{
	const struct dj_config c = { .flags = DJ_CONFIG_RECEIPTS,
		.max_memory_pages = 4,
		.max_module_bytes = 65536,
		.total_memory = (uint64_t)24 << 20 };
	uint8_t block[DJ_CONFIG_MAX];
	size_t len;

	if (dj_config_write(&c, block, sizeof(block), &len) != DJ_OK)
		abort();
	dj_sha256(block, len, asked_hash);
	(void)dj_tap_bytes(&w.tap, DJ_POINT_CONFIG, block, len);
	dj_sha256(block, len, w.config_hash);
	memcpy(w.image, image_good, 32);
	(void)dj_tap_bytes(&w.tap, DJ_POINT_IMAGE, w.image, 32);
	fake_start(dj_keep_main, block, len);
	fake.random_state = w.plan->seed + 1;
	fake.before_copy_in = before_copy_in;
	fake.after_copy_in = after_copy_in;
	fake.after_copy_out = after_copy_out;
	fake.serve = serve;
}

static void begin(const struct dj_plan *plan, struct evil_result *ret,
	struct dj_tap_store *mine)
{
	struct bytes kept[] = { w.from_client, w.to_keep, w.to_client, w.seen };

	if (frame == NULL) {
		frame = malloc(FRAME_MAX);
		make_work();
		make_policy();
	}
	memset(&w, 0, sizeof(w));
	for (size_t i = 0; i < 4; i++)
		empty(&kept[i]);
	w.from_client = kept[0];
	w.to_keep = kept[1];
	w.to_client = kept[2];
	w.seen = kept[3];
	w.plan = plan;
	w.result = ret;
	*ret = (struct evil_result){ 0 };
	dj_tap_init(&w.tap, plan, &recorded, mine);
	watch_begin();
}

static void one(enum evil_kind kind)
{
	struct dj_err err = { 0 };
	bool good;

	w.kind = kind;
	launch();
	run_keep();
	good = kind == EVIL_CLIENT ? client_run(&err) : tenant_run(&err);
	w.result->is_success = good;
	if (!good && err.info == NULL)
		evil_fault(EVIL_ACCEPT, "it failed without a name");
	if (!good && err.info != NULL)
		(void)snprintf(w.result->error, sizeof(w.result->error), "%s",
			err.info->name);
	if (good && kind == EVIL_CLIENT && watch_is_refused())
		evil_fault(EVIL_ACCEPT, "a record with bad padding was taken");
	/* What was sent last is still to be taken. */
	w.is_closed = false;
	evil_step();
}

void evil_run(const struct dj_plan *plan, enum evil_kind kind,
	struct evil_result *ret)
{
	static const struct dj_plan quiet = { .seed = 0x5eed };
	struct evil_result aside;

	/* What `replace` takes is from a session before all others. */
	if (recorded.frame[DJ_POINT_HELLO] == NULL) {
		begin(&quiet, &aside, &recorded);
		one(EVIL_CLIENT);
		(void)watch_end();
		dj_tap_done(&w.tap);
	}
	begin(plan, ret, NULL);
	one(kind);
	ret->scanned += watch_scan(w.seen.p, w.seen.len, "what was sent");
	ret->scanned +=
		watch_scan(fake.region, DJ_HC_REGION_SIZE, "the shared region");
	ret->acted = w.tap.done;
	ret->pairs = watch_end();
	dj_tap_done(&w.tap);
}
