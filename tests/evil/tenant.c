// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/sha256.h"
#include "lib/proto/begin.h"
#include "lib/proto/error.h"
#include "lib/proto/frame.h"
#include "lib/proto/hello.h"
#include "lib/session/handshake.h"
#include "tests/evil/evil.h"

/*
 * A client that dies while output is on its way, and comes back with what it
 * had made durable: ticket, Keep, offsets, output. It comes back after every
 * break, up to ATTACHES times.
 */
#define ATTACHES  5
#define WAITS_MAX 2000
#define INFO      "session.protocol"

static struct {
	/* Durable. */
	struct dj_ticket ticket;
	uint8_t keep_id[32];
	uint32_t attach_no;
	uint8_t out[EVIL_INPUT];
	size_t out_len;

	/* Of this life. */
	uint64_t random;
	unsigned attach, waits;
	struct dj_chain tx, rx;
	uint8_t hello[DJ_HELLO_MAX];
	size_t hello_len;
	uint8_t offer[DJ_OFFER_MAX];
	size_t offer_len;
	struct dj_keys keys;
	struct dj_ready ready;
	uint64_t next[4]; /* wanted, by output stream */
	bool ended[4];
	uint64_t sent, limit;
	bool end_sent, has_exit;
	uint8_t *frame; /* 8 + 262144 bytes */
	size_t frame_len;
	struct dj_err *err;
} t;

static bool fail(const char *what)
{
	return dj_err_set(t.err, INFO, "%s", what);
}

static void draw(uint8_t ret[static 32])
{
	for (int i = 0; i < 32; i++)
		ret[i] = (uint8_t)dj_plan_draw(&t.random);
}

/* ---- frames ---- */

static bool take(uint8_t *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n;

		if (++t.waits > WAITS_MAX) {
			evil_fault(EVIL_HANG, "the tenant waited %u times",
				t.waits);
			return false;
		}
		n = evil_link_get(p + at, len - at);
		at += n;
		if (n != 0)
			continue;
		if (evil_link_is_closed())
			return false;
		evil_step();
		if (evil_link_waiting() == 0 && !evil_link_is_closed()) {
			evil_stall();
			evil_step();
		}
	}
	return true;
}

static bool frame_in(enum dj_frame_type want)
{
	struct dj_frame f;

	if (!take(t.frame, DJ_FRAME_HEADER) ||
		dj_frame_parse(t.frame,
			DJ_FRAME_BIT(want) | DJ_FRAME_BIT(DJ_FRAME_ERROR),
			&f) != DJ_OK ||
		!take(t.frame + DJ_FRAME_HEADER, f.len))
		return fail("the line");
	t.frame_len = DJ_FRAME_HEADER + f.len;
	return f.type == want || fail("the host says no");
}

static void frame_out(enum dj_frame_type type, const uint8_t *p, size_t len)
{
	uint8_t head[DJ_FRAME_HEADER];

	dj_frame_write(head, type, (uint32_t)len);
	evil_link_put(head, sizeof(head));
	evil_link_put(p, len);
}

static bool record(enum dj_kind kind, uint8_t stream, uint64_t off,
	const void *data, size_t len)
{
	uint8_t out[DJ_RECORD_FRAME_MAX];
	size_t n;

	if (dj_chain_seal(&t.tx, kind, stream, off, data, len, 0, out,
		    sizeof(out), &n) != DJ_OK)
		return fail("sealing");
	evil_link_put(out, n);
	return true;
}

/* ---- handshake ---- */

static bool hello(enum dj_mode mode)
{
	struct dj_hello h = { .mode = (uint8_t)mode,
		.suite_count = 1,
		.format_count = 1,
		.suites = { DJ_SUITE_X25519_CHACHA20 },
		.formats = { DJ_FORMAT_PROCESS } };

	draw(h.nonce);
	if (mode == DJ_MODE_REATTACH)
		memcpy(h.keep_id, t.keep_id, 32);
	if (dj_hello_write(&h, t.hello, sizeof(t.hello), &t.hello_len) != DJ_OK)
		abort();
	frame_out(DJ_FRAME_HELLO, t.hello, t.hello_len);
	if (!frame_in(DJ_FRAME_OFFER))
		return false;
	t.offer_len = t.frame_len - DJ_FRAME_HEADER;
	memcpy(t.offer, t.frame + DJ_FRAME_HEADER, t.offer_len);
	return frame_in(DJ_FRAME_EVIDENCE) &&
		evil_judge(t.hello, t.hello_len, t.offer, t.offer_len,
			t.frame + DJ_FRAME_HEADER,
			t.frame_len - DJ_FRAME_HEADER,
			mode == DJ_MODE_REATTACH ? t.keep_id : NULL,
			t.attach_no, t.err);
}

static bool open_it(enum dj_mode mode)
{
	struct dj_key ephemeral;
	uint8_t open[DJ_OPEN_MAX], binding[32];
	size_t len;

	draw(ephemeral.b);
	if (dj_client_open(t.hello, t.hello_len, t.offer, t.offer_len,
		    &ephemeral, mode == DJ_MODE_NEW ? NULL : &t.ticket, open,
		    sizeof(open), &len, &t.keys, binding) != DJ_ERROR_NONE)
		return fail("the offer");
	frame_out(DJ_FRAME_OPEN, open, len);
	return dj_chain_init(&t.tx, t.keys.suite, &t.keys.c2k) == DJ_OK &&
		dj_chain_init(&t.rx, t.keys.suite, &t.keys.k2c) == DJ_OK;
}

static bool first(enum dj_mode mode)
{
	struct dj_resume_stream list[] = { { 1, t.next[1] }, { 2, t.next[2] },
		{ 3, t.next[3] } };
	uint8_t body[64];
	size_t len;

	if (dj_claim_write(NULL, list, mode == DJ_MODE_NEW ? 0 : 3, body,
		    sizeof(body), &len) != DJ_OK)
		abort();
	return record(mode == DJ_MODE_NEW ? DJ_KIND_CLAIM : DJ_KIND_RESUME, 0,
		0, body, len);
}

static bool ready(enum dj_mode mode)
{
	struct dj_offer offer;
	struct dj_inner in;

	if (!frame_in(DJ_FRAME_RECORD))
		return false;
	if (dj_chain_open(&t.rx, t.frame, t.frame_len, &in) != DJ_ERROR_NONE ||
		in.kind != DJ_KIND_READY ||
		dj_ready_parse(in.data, in.len, &t.ready) != DJ_OK ||
		dj_offer_parse(t.offer, t.offer_len, &offer) != DJ_OK ||
		memcmp(t.ready.keep_id, offer.keep_id, 32) != 0 ||
		(mode == DJ_MODE_REATTACH && t.ready.attach_no <= t.attach_no))
		return fail("READY");
	memcpy(t.keep_id, t.ready.keep_id, 32);
	t.attach_no = t.ready.attach_no;
	t.ticket = (struct dj_ticket){ t.ready.ticket_no, t.keys.ticket };
	return true;
}

/* ---- the work ---- */

static bool load(void)
{
	bool good = true;

	if (t.ready.phase == DJ_PHASE_EMPTY)
		good = record(DJ_KIND_BEGIN, DJ_BEGIN_LAST, 0, evil_work.begin,
			evil_work.begin_len);
	if (t.ready.phase > DJ_PHASE_LOADING)
		return true;
	if (t.ready.module_next > evil_work.module_len)
		return fail("module_next");
	return good &&
		record(DJ_KIND_MODULE, 0, t.ready.module_next,
			evil_work.module + t.ready.module_next,
			evil_work.module_len - (size_t)t.ready.module_next) &&
		record(DJ_KIND_RUN, 0, 0, NULL, 0);
}

static bool send_input(void)
{
	while (t.sent < EVIL_INPUT) {
		size_t n = EVIL_INPUT - (size_t)t.sent;

		n = n < 4000 ? n : 4000;
		if (!record(DJ_KIND_DATA, 0, t.sent, evil_work.in + t.sent, n))
			return false;
		t.sent += n;
	}
	return record(DJ_KIND_END, 0, EVIL_INPUT, NULL, 0);
}

static bool on_data(const struct dj_inner *in)
{
	size_t old;

	if (in->stream < 1 || in->stream > 3 || in->off > t.next[in->stream] ||
		t.ended[in->stream])
		return fail("data out of order");
	old = (size_t)(t.next[in->stream] - in->off);
	old = old < in->len ? old : in->len;
	if (in->stream == 1) {
		if (in->len - old > EVIL_INPUT - t.out_len) {
			if (evil_is_true())
				evil_fault(EVIL_ONCE,
					"more output than there is");
			return fail("too much");
		}
		memcpy(t.out + t.out_len, in->data + old, in->len - old);
		t.out_len += in->len - old;
		if (evil_is_true() &&
			memcmp(t.out, evil_work.out, t.out_len) != 0)
			evil_fault(EVIL_ONCE,
				"output is no prefix of the truth");
	}
	t.next[in->stream] += in->len - old;
	return true;
}

static bool ack(uint8_t stream)
{
	uint8_t body[DJ_ACK_SIZE];

	dj_ack_write(t.next[stream] + DJ_STREAM_WINDOW, body);
	return record(DJ_KIND_ACK, stream, t.next[stream], body, sizeof(body));
}

static bool on_exit_record(const struct dj_inner *in)
{
	struct dj_exit e;
	uint8_t hash[32];

	dj_sha256(t.out, t.out_len, hash);
	if (dj_exit_parse(in->data, in->len, &e) != DJ_OK || !t.ended[1] ||
		e.stdout_len != t.out_len ||
		memcmp(e.stdout_hash, hash, 32) != 0 ||
		memcmp(e.module_hash, evil_work.module_hash, 32) != 0)
		return fail("EXIT");
	if (evil_is_true() &&
		(t.out_len != EVIL_INPUT || e.how != DJ_EXIT_EXIT ||
			e.code != 42))
		evil_fault(EVIL_ACCEPT, "success with another outcome");
	t.has_exit = true;
	return record(DJ_KIND_RELEASE, 0, 0, NULL, 0);
}

static bool on_record(void)
{
	struct dj_inner in;

	if (dj_chain_open(&t.rx, t.frame, t.frame_len, &in) != DJ_ERROR_NONE)
		return fail("a record does not open");
	switch (in.kind) {
	case DJ_KIND_DATA:
		/* In the first two lives it dies before it acknowledges. */
		return on_data(&in) &&
			(in.stream == 1 && t.attach < 2 && in.len > 1000
					? fail("killed")
					: ack(in.stream));
	case DJ_KIND_END:
		if (in.stream < 1 || in.stream > 3 ||
			in.off != t.next[in.stream])
			return fail("END");
		t.ended[in.stream] = true;
		return true;
	case DJ_KIND_ACK:
		return true;
	case DJ_KIND_EXIT:
		return on_exit_record(&in);
	default:
		return fail("a record that has no place here");
	}
}

static bool attach(void)
{
	enum dj_mode mode = t.ticket.no == 0 ? DJ_MODE_NEW : DJ_MODE_REATTACH;

	memset(t.ended, 0, sizeof(t.ended));
	if (!hello(mode) || !open_it(mode) || !first(mode) || !ready(mode) ||
		!load())
		return false;
	t.sent = t.ready.stdin_next;
	if (t.sent > EVIL_INPUT)
		return fail("stdin_next");
	if (t.ready.phase < DJ_PHASE_EXITED && !send_input())
		return false;
	while (!t.has_exit)
		if (!frame_in(DJ_FRAME_RECORD) || !on_record())
			return false;
	return true;
}

bool tenant_run(struct dj_err *err)
{
	uint8_t *frame = t.frame;

	memset(&t, 0, sizeof(t));
	t.frame = frame != NULL ? frame : malloc((size_t)8 + 262144);
	if (t.frame == NULL)
		abort();
	t.random = evil_plan()->seed ^ 0x7e4a47;
	t.err = err;
	for (t.attach = 0; t.attach < ATTACHES; t.attach++) {
		if (t.attach != 0 && !evil_link_new())
			return false;
		*err = (struct dj_err){ 0 };
		if (attach())
			return true;
	}
	return false;
}

uint64_t tenant_durable(void)
{
	return t.out_len;
}
