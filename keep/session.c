// SPDX-License-Identifier: Apache-2.0
#include "keep/session.h"

#include <string.h>

#include "keep/break.h"
#include "keep/bug.h"
#include "keep/clock.h"
#include "keep/core.h"
#include "keep/flow.h"
#include "keep/hostcall.h"
#include "keep/private.h"
#include "keep/program.h"
#include "lib/base/secret.h"
#include "lib/crypto/burn.h"
#include "lib/proto/begin.h"
#include "lib/proto/error.h"
#include "lib/proto/feature.h"
#include "lib/proto/frame.h"
#include "lib/proto/offer.h"
#include "lib/proto/record.h"
#include "lib/session/binding.h"
#include "lib/session/chain.h"
#include "lib/session/handshake.h"
#include "lib/wasm/feature.h"

enum state {
	FRESH,
	OFFERED,
	KEYED,
	ATTACHED,
	DETACHED,
	STATES
};

enum msg {
	HELLO,
	OPEN,
	RECORD,
	MSGS
};

enum {
	CUR,  /* the ticket that is confirmed */
	PEND, /* the one of the newest attach */
	TICKETS
};

/* Not a peer's error: the client asked for the end of the attach. */
#define ENDED ((enum dj_error)0x100)

/*
 * Invariant: chains are live in KEYED and ATTACHED only, pending in OFFERED
 * only, keys and binding in KEYED only. back() is where they are wiped.
 */
static struct {
	enum state state;
	bool is_owned;
	uint32_t attach_no;
	struct dj_pending pending;
	struct dj_ticket tickets[TICKETS];

	/* From OPEN to the first record. */
	struct dj_keys keys;
	uint8_t binding[32];
	uint32_t ticket_used;

	/* Of the attach. */
	struct dj_chain c2k, k2c;
	struct dj_key again;
	uint8_t minclass;
	bool was_opened;   /* the record in hand opened: errors go inside */
	bool is_confirmed; /* a record came after READY */
	bool exit_sent;
	bool again_due;
	uint8_t again_rd[DJ_AGAIN_SIZE];
	uint64_t steady_ns, steady_next;

	struct dj_buffer frames;
	uint8_t *in, *out; /* a frame each way, in frames */
	size_t in_len;
} ss;

#define FRAME_ROOM ((size_t)5 * DJ_SHIM_PAGE)
_Static_assert(FRAME_ROOM >= DJ_HC_FRAME_MAX, "a frame fits");
_Static_assert(FRAME_ROOM >= DJ_RECORD_FRAME_MAX, "a record fits");

void dj_session_init(void)
{
	dj_wipe(&ss, sizeof(ss));
	if (dj_buffer_reserve(&ss.frames, 2 * FRAME_ROOM) != DJ_OK ||
		dj_buffer_grow(&ss.frames, 2 * FRAME_ROOM) != DJ_OK)
		dj_shim_halt(DJ_HALT_MEMORY);
	ss.in = ss.frames.p;
	ss.out = ss.frames.p + FRAME_ROOM;
}

void dj_session_wipe(void)
{
	dj_wipe(ss.frames.p, ss.frames.committed);
	dj_wipe(&ss, sizeof(ss));
}

/* ---- to the client ---- */

static void send_frame(enum dj_frame_type type, size_t len)
{
	dj_frame_write(ss.out, type, (uint32_t)len);
	dj_hc_frame_out(ss.out, DJ_FRAME_HEADER + len);
	dj_hc_flush();
}

static void send_error(enum dj_error e)
{
	size_t len;

	if (dj_error_write((uint16_t)e, NULL, ss.out + DJ_FRAME_HEADER,
		    DJ_ERROR_MAX, &len) != DJ_OK)
		dj_bug();
	send_frame(DJ_FRAME_ERROR, len);
}

/* The data, len bytes, are in place at out_data(). False: no more numbers. */
static uint8_t *out_data(void)
{
	return ss.out + DJ_CHAIN_DATA_OFF;
}

static bool send_record(enum dj_kind kind, uint8_t stream, uint64_t off,
	size_t len)
{
	size_t size;

	DJ_BREAK(11,
		if (kind == DJ_KIND_DATA && stream == 1 && len != 0)
			out_data()[0] ^= 1);
	DJ_BREAK(2,
		dj_shim_copy_out(DJ_HC_OUT_OFF + DJ_HC_RING / 2, out_data(),
			len));
	if (dj_chain_seal(&ss.k2c, kind, stream, off, out_data(), len,
		    ss.minclass, ss.out, FRAME_ROOM, &size) != DJ_OK)
		return false;
	dj_hc_frame_out(ss.out, size);
	return true;
}

/* ---- the attach and its end ---- */

static void back(void)
{
	dj_pending_wipe(&ss.pending);
	dj_keys_wipe(&ss.keys);
	dj_wipe(ss.binding, sizeof(ss.binding));
	dj_chain_done(&ss.c2k);
	dj_chain_done(&ss.k2c);
	dj_key_wipe(&ss.again);
	dj_wipe(ss.in, FRAME_ROOM);
	dj_wipe(ss.out, FRAME_ROOM);
	ss.again_due = false;
	ss.is_confirmed = false;
	ss.steady_ns = 0;
	ss.state = ss.is_owned ? DETACHED : FRESH;
	dj_burn_stack();
}

/*
 * Says why, where the other side can believe it if it can be made to: inside
 * a record when one was opened. What did not open gets one answer.
 */
static void refuse(enum dj_error e)
{
	if (ss.was_opened && ss.k2c.is_live && e != ENDED) {
		dj_fail_write((uint16_t)e, out_data());
		(void)send_record(DJ_KIND_FAIL, 0, 0, DJ_FAIL_SIZE);
		dj_hc_flush();
	} else if (e != ENDED) {
		send_error(e);
	}
	back();
}

/* session.md 3.3: no report whose second half is not a label of ours. */
static bool make_report(const uint8_t data[static DJ_REPORT_DATA])
{
	uint8_t label[32];

	for (enum dj_label l = DJ_LABEL_OFFER; l <= DJ_LABEL_RECEIPT; l++) {
		dj_label(l, label);
		if (memcmp(data + 32, label, sizeof(label)) == 0)
			return dj_shim_report(data) == DJ_OK;
	}
	dj_bug();
}

/* ---- HELLO, OPEN ---- */

static uint64_t engine_features(void)
{
	_Static_assert((int)DJ_FEATURE_SIMD == (int)DJ_WASM_F_SIMD &&
			(int)DJ_FEATURE_MUT_GLOBALS ==
				(int)DJ_WASM_F_MUT_GLOBALS &&
			(int)DJ_FEATURE_RELAXED_SIMD ==
				(int)DJ_WASM_F_RELAXED_SIMD &&
			(int)DJ_FEATURE_EXCEPTIONS == (int)DJ_WASM_F_EXCEPTIONS,
		"the engine's bits are the protocol's");

	return DJ_WASM_HAVE;
}

static size_t write_info(uint8_t dst[static DJ_OFFER_INFO_SIZE])
{
	struct dj_offer_info info = {
		.has_max_module = true,
		.has_max_memory = true,
		.has_features = true,
		.has_native = true,
		.has_cpu_level = true,
		.max_module = dj_core.config.max_module_bytes,
		.max_memory = (uint64_t)dj_core.config.max_memory_pages << 16,
		.features = engine_features(),
		.native_isa = dj_shim_info.isa,
		.native_bounds = dj_shim_info.bounds,
		.native_accepted = dj_shim_info.native_code,
		.cpu_level = dj_shim_info.cpu_level,
	};
	size_t len;

	if (dj_offer_info_write(&info, dst, DJ_OFFER_INFO_SIZE, &len) != DJ_OK)
		dj_bug();
	return len;
}

static enum dj_error on_hello(void)
{
	const uint8_t *hello = ss.in + DJ_FRAME_HEADER;
	size_t hello_len = ss.in_len - DJ_FRAME_HEADER;
	uint8_t nonce[32], report[DJ_REPORT_DATA], info[DJ_OFFER_INFO_SIZE];
	DJ_SECRET struct dj_key ikm;
	struct dj_face face = {
		.tee = dj_shim_info.tee,
		.state = ss.is_owned ? DJ_KEEP_OWNED : DJ_KEEP_FRESH,
		.attach_no = ss.attach_no,
		.info = info,
		.info_len = write_info(info),
	};
	enum dj_error e;
	size_t len;

	memcpy(face.keep_id, dj_core.keep_id, sizeof(face.keep_id));
	memcpy(face.config_hash, dj_core.config_hash, sizeof(face.config_hash));
	dj_core_random_mix(hello, hello_len);
	dj_core_random(nonce, sizeof(nonce));
	dj_core_random(ikm.b, sizeof(ikm.b));
	e = dj_keep_offer(&ss.pending, &face, hello, hello_len, nonce, &ikm,
		ss.out + DJ_FRAME_HEADER, DJ_OFFER_MAX, &len, report);
	if (e != DJ_ERROR_NONE)
		return e;
	if (!make_report(report))
		return DJ_ERROR_NO_EVIDENCE;
	send_frame(DJ_FRAME_OFFER, len);
	return DJ_ERROR_NONE;
}

static enum dj_error no_offer(void)
{
	return DJ_ERROR_NO_OFFER;
}

static enum dj_error on_open(void)
{
	enum dj_error e;

	ss.minclass = ss.pending.minclass;
	e = dj_keep_open(&ss.pending, ss.in + DJ_FRAME_HEADER,
		ss.in_len - DJ_FRAME_HEADER, ss.tickets, TICKETS, &ss.keys,
		&ss.ticket_used, ss.binding);
	if (e != DJ_ERROR_NONE)
		return e;
	/* The suite was one of ours when it was offered. */
	if (dj_chain_init(&ss.c2k, ss.keys.suite, &ss.keys.c2k) != DJ_OK ||
		dj_chain_init(&ss.k2c, ss.keys.suite, &ss.keys.k2c) != DJ_OK)
		dj_bug();
	DJ_BREAK(3, dj_shim_copy_out(DJ_HC_DATA_OFF, ss.keys.k2c.b, 32));
	dj_key_wipe(&ss.keys.c2k);
	dj_key_wipe(&ss.keys.k2c);
	return DJ_ERROR_NONE;
}

/* ---- the first record ---- */

static enum dj_error check_owner(const struct dj_claim *c)
{
	if ((dj_core.config.flags & DJ_CONFIG_OWNER) == 0)
		return DJ_ERROR_NONE;
	if (c->owner == NULL ||
		dj_owner_verify(c->owner, dj_core.config.owner, ss.binding,
			&ss.keys.auth) != DJ_OK)
		return DJ_ERROR_BAD_OWNER;
	return DJ_ERROR_NONE;
}

static enum dj_error check_resume(const struct dj_claim *c)
{
	uint64_t next;

	for (size_t i = 0; i < c->stream_count; i++) {
		uint8_t stream = dj_claim_stream(c, i, &next);
		enum dj_error e = dj_flow_resume_check(stream, next);

		if (e != DJ_ERROR_NONE)
			return e;
	}
	return DJ_ERROR_NONE;
}

/* Everything was checked: from here on the attach is there. */
static void attach(const struct dj_claim *c)
{
	uint64_t next;

	for (size_t i = 0; i < c->stream_count; i++) {
		uint8_t stream = dj_claim_stream(c, i, &next);

		dj_flow_resume(stream, next);
	}
	dj_flow_attach();
	dj_program_attach();
	dj_clock_attach();
	ss.is_owned = true;
	ss.attach_no++;
	if (ss.tickets[PEND].no != 0 && ss.ticket_used == ss.tickets[PEND].no)
		ss.tickets[CUR] = ss.tickets[PEND];
	ss.tickets[PEND].no = ss.attach_no;
	ss.tickets[PEND].key = ss.keys.ticket;
	ss.again = ss.keys.again;
	ss.exit_sent = false;
	dj_keys_wipe(&ss.keys);
	dj_wipe(ss.binding, sizeof(ss.binding));
}

static enum dj_error send_ready(void)
{
	struct dj_ready r = {
		.attach_no = ss.attach_no,
		.ticket_no = ss.tickets[PEND].no,
		.stdin_next = dj_flow_stdin_next(),
		.phase = (uint8_t)dj_program_phase(),
		.module_next = dj_program_module_next(),
	};

	memcpy(r.keep_id, dj_core.keep_id, sizeof(r.keep_id));
	dj_ready_write(&r, out_data());
	if (!send_record(DJ_KIND_READY, 0, 0, DJ_READY_SIZE))
		return DJ_ERROR_BAD_ORDER;
	dj_hc_flush();
	return DJ_ERROR_NONE;
}

static enum dj_error open_record(struct dj_inner *ret)
{
	enum dj_error e;

	e = dj_chain_open(&ss.c2k, ss.in, ss.in_len, ret);
	ss.was_opened = e != DJ_ERROR_BAD_RECORD;
	if (e != DJ_ERROR_NONE)
		return e;
	DJ_BREAK(1,
		dj_shim_copy_out(DJ_HC_OUT_OFF + DJ_HC_RING / 2, ret->data,
			ret->len));
	DJ_BREAK(4,
		if (ret->kind == DJ_KIND_DATA && ret->len >= 8)
			memcpy(&ss.steady_next, ret->data, 8));
	DJ_BREAK(5, dj_shim_copy_out(DJ_HC_IN_OFF, ret->data, ret->len));
	return e;
}

static enum dj_error on_first(void)
{
	enum dj_kind want =
		ss.keys.mode == DJ_MODE_NEW ? DJ_KIND_CLAIM : DJ_KIND_RESUME;
	struct dj_inner in;
	struct dj_claim claim;
	enum dj_error e;

	e = open_record(&in);
	if (e != DJ_ERROR_NONE)
		return e;
	if (in.kind != want)
		return DJ_ERROR_BAD_ORDER;
	if (in.stream != 0 || in.off != 0 ||
		dj_claim_parse(want, in.data, in.len, &claim) != DJ_OK)
		return DJ_ERROR_BAD_INNER;
	e = check_owner(&claim);
	if (e == DJ_ERROR_NONE)
		e = check_resume(&claim);
	if (e != DJ_ERROR_NONE)
		return e;
	attach(&claim);
	return send_ready();
}

/* ---- records by kind ---- */

static enum dj_error on_begin(const struct dj_inner *in)
{
	if (in->stream != DJ_BEGIN_LAST && in->stream != DJ_BEGIN_MORE)
		return DJ_ERROR_BAD_INNER;
	return dj_program_begin(in->stream == DJ_BEGIN_MORE, in->off, in->data,
		in->len);
}

static enum dj_error on_module(const struct dj_inner *in)
{
	return dj_program_module(in->off, in->data, in->len);
}

static enum dj_error on_run(const struct dj_inner *in)
{
	(void)in;
	return dj_program_run();
}

static enum dj_error on_data(const struct dj_inner *in)
{
	return dj_flow_data(in->stream, in->off, in->data, in->len);
}

static enum dj_error on_end(const struct dj_inner *in)
{
	return dj_flow_end(in->stream, in->off);
}

static enum dj_error on_ack(const struct dj_inner *in)
{
	uint64_t limit;

	if (dj_ack_parse(in, &limit) != DJ_OK)
		return DJ_ERROR_BAD_INNER;
	return dj_flow_ack(in->stream, in->off, limit);
}

static enum dj_error on_signal(const struct dj_inner *in)
{
	if (in->stream != DJ_SIGNAL_STOP)
		return DJ_ERROR_BAD_INNER;
	return dj_program_stop();
}

static enum dj_error on_detach(const struct dj_inner *in)
{
	(void)in;
	return ENDED;
}

static enum dj_error on_again(const struct dj_inner *in)
{
	uint8_t nonce[DJ_AGAIN_SIZE], report[DJ_REPORT_DATA];

	if (dj_again_parse(in->data, in->len, nonce) != DJ_OK)
		return DJ_ERROR_BAD_INNER;
	dj_again_report_data(&ss.again, nonce, ss.attach_no, report);
	if (!make_report(report))
		return DJ_ERROR_NO_EVIDENCE;
	memcpy(ss.again_rd, report, sizeof(ss.again_rd));
	ss.again_due = true;
	return DJ_ERROR_NONE;
}

static enum dj_error on_release(const struct dj_inner *in)
{
	(void)in;
	dj_core_release();
}

static enum dj_error on_noop(const struct dj_inner *in)
{
	if (in->stream != DJ_NOOP_STEADY)
		return DJ_ERROR_NONE;
	if (in->off > DJ_STEADY_MAX_MS)
		return DJ_ERROR_BAD_INNER;
	ss.steady_ns = in->off * 1000000;
	ss.steady_next = 0;
	return DJ_ERROR_NONE;
}

static enum dj_error on_time(const struct dj_inner *in)
{
	if (in->stream != 0 || in->len != 0)
		return DJ_ERROR_BAD_INNER;
	return dj_clock_told(in->off) ? DJ_ERROR_NONE : DJ_ERROR_BAD_ORDER;
}

typedef enum dj_error by_kind(const struct dj_inner *in);

static by_kind *const kinds[] = {
	[DJ_KIND_BEGIN] = on_begin,
	[DJ_KIND_MODULE] = on_module,
	[DJ_KIND_RUN] = on_run,
	[DJ_KIND_DATA] = on_data,
	[DJ_KIND_END] = on_end,
	[DJ_KIND_ACK] = on_ack,
	[DJ_KIND_SIGNAL] = on_signal,
	[DJ_KIND_DETACH] = on_detach,
	[DJ_KIND_AGAIN] = on_again,
	[DJ_KIND_RELEASE] = on_release,
	[DJ_KIND_NOOP] = on_noop,
	[DJ_KIND_TIME] = on_time,
};

static enum dj_error on_record(void)
{
	struct dj_inner in;
	enum dj_error e;

	e = open_record(&in);
	if (e != DJ_ERROR_NONE)
		return e;
	if (!ss.is_confirmed) {
		/* The client has the new ticket: the old one is gone. */
		ss.is_confirmed = true;
		ss.tickets[CUR] = ss.tickets[PEND];
		dj_wipe(&ss.tickets[PEND], sizeof(ss.tickets[PEND]));
	}
	if (in.kind >= sizeof(kinds) / sizeof(kinds[0]) ||
		kinds[in.kind] == NULL)
		return DJ_ERROR_BAD_ORDER;
	return kinds[in.kind](&in);
}

/* ---- the machine, session.md 10 ---- */

typedef enum dj_error handler(void);

static const struct step {
	handler *run;
	enum state next;
} steps[STATES][MSGS] = {
	[FRESH][HELLO] = { on_hello, OFFERED },
	[FRESH][OPEN] = { no_offer, FRESH },
	[OFFERED][HELLO] = { on_hello, OFFERED },
	[OFFERED][OPEN] = { on_open, KEYED },
	[KEYED][HELLO] = { on_hello, OFFERED },
	[KEYED][RECORD] = { on_first, ATTACHED },
	[ATTACHED][HELLO] = { on_hello, OFFERED },
	[ATTACHED][RECORD] = { on_record, ATTACHED },
	[DETACHED][HELLO] = { on_hello, OFFERED },
	[DETACHED][OPEN] = { no_offer, DETACHED },
};

static enum msg msg_of(uint8_t type)
{
	if (type == DJ_FRAME_HELLO)
		return HELLO;
	return type == DJ_FRAME_OPEN ? OPEN : RECORD;
}

static void take(void)
{
	enum msg msg = msg_of(ss.in[0]);
	const struct step *step = &steps[ss.state][msg];
	enum dj_error e = DJ_ERROR_BAD_ORDER;

	ss.was_opened = false;
	DJ_BREAK(12,
		if (msg == OPEN && ss.state == KEYED) step =
			&steps[OFFERED][OPEN]);
	/* HELLO ends what was before, whatever comes of it (3.2). */
	if (msg == HELLO) {
		uint8_t hello[DJ_FRAME_HEADER + DJ_HELLO_MAX];

		memcpy(hello, ss.in, ss.in_len);
		back();
		memcpy(ss.in, hello, ss.in_len);
	}
	if (step->run != NULL)
		e = step->run();
	if (e != DJ_ERROR_NONE)
		refuse(e);
	else
		ss.state = step->next;
}

bool dj_session_step(void)
{
	enum dj_hc_in got;
	bool moved = false;

	while ((got = dj_hc_frame_in(ss.in, &ss.in_len)) != DJ_HC_IN_NONE) {
		moved = true;
		ss.was_opened = false;
		if (got == DJ_HC_IN_BAD)
			refuse(DJ_ERROR_BAD_FRAME);
		else
			take();
	}
	dj_session_pump(true);
	return moved;
}

/* ---- what the Keep sends by itself ---- */

static bool next_exit(struct dj_flow_record *ret)
{
	uint8_t report[DJ_REPORT_DATA];

	if (ss.exit_sent || dj_program_phase() != DJ_PHASE_EXITED ||
		!dj_flow_settled())
		return false;
	ss.exit_sent = true;
	if (dj_program_receipt(report))
		(void)make_report(report);
	dj_program_exit(out_data());
	*ret = (struct dj_flow_record){
		.kind = DJ_KIND_EXIT,
		.len = DJ_EXIT_SIZE,
	};
	return true;
}

static bool next_record(size_t max, bool flush, struct dj_flow_record *ret)
{
	if (ss.again_due) {
		ss.again_due = false;
		memcpy(out_data(), ss.again_rd, sizeof(ss.again_rd));
		*ret = (struct dj_flow_record){
			.kind = DJ_KIND_AGAIN_RD,
			.len = sizeof(ss.again_rd),
		};
		return true;
	}
	*ret = (struct dj_flow_record){ .kind = DJ_KIND_TIME_ASK };
	return dj_clock_next_ask(&ret->off) ||
		dj_flow_next(out_data(), max, flush, ret) || next_exit(ret);
}

static bool send_next(const struct dj_flow_record *r)
{
	if (send_record(r->kind, r->stream, r->off, r->len))
		return true;
	/* Out of record numbers: the attach must end (6.2). */
	back();
	return false;
}

/* One record an interval, whether there is something to say or not. */
static void pump_steady(void)
{
	size_t max = dj_class_size(ss.minclass) - DJ_INNER_HEADER;
	struct dj_flow_record r;
	uint64_t now;

	if (dj_clock_host(&now) != DJ_OK || now < ss.steady_next)
		return;
	if (now - ss.steady_next >= ss.steady_ns)
		ss.steady_next = now;
	ss.steady_next += ss.steady_ns;
	if (!next_record(max, true, &r))
		r = (struct dj_flow_record){ .kind = DJ_KIND_NOOP };
	(void)send_next(&r);
}

void dj_session_pump(bool flush)
{
	struct dj_flow_record r;

	if (ss.state != ATTACHED)
		return;
	if (ss.steady_ns != 0) {
		if (dj_hc_out_room() >= DJ_RECORD_FRAME_MAX)
			pump_steady();
		dj_hc_flush();
		return;
	}
	/* Room for an answer is left, so that a step need not wait. */
	while (dj_hc_out_room() >= (size_t)2 * DJ_RECORD_FRAME_MAX &&
		next_record(DJ_RECORD_DATA, flush, &r)) {
		if (!send_next(&r))
			break;
	}
	dj_hc_flush();
}

bool dj_session_is_steady(void)
{
	return ss.state == ATTACHED && ss.steady_ns != 0;
}

void dj_session_sleep(uint64_t deadline)
{
	uint64_t program = dj_program_deadline();

	if (program < deadline)
		deadline = program;
	if (dj_session_is_steady() && ss.steady_next < deadline)
		deadline = ss.steady_next;
	DJ_BREAK(4, if (deadline == UINT64_MAX) deadline = ss.steady_next);
	dj_hc_wait(deadline == UINT64_MAX ? 0 : deadline);
}
