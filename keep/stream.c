// SPDX-License-Identifier: Apache-2.0
#include "keep/stream.h"

#include <string.h>

#include "keep/bug.h"
#include "keep/clock.h"
#include "keep/core.h"
#include "keep/flow.h"
#include "keep/private.h"
#include "keep/program.h"
#include "keep/session.h"
#include "lib/base/secret.h"
#include "lib/crypto/sha256.h"

/*
 * Invariants, all counts of bytes since the stream began:
 *   input   taken <= recv <= granted <= taken + WINDOW
 *   output  acked <= sent <= produced <= acked + WINDOW
 */
#define WINDOW         DJ_STREAM_WINDOW
#define TREES          (DJ_STREAM_TREE_LAST - DJ_STREAM_TREE_FIRST + 1)
#define INS            (FIRST_NAMED_IN + DJ_NAMED_MAX)
#define OUTS           (sizeof(out_id) + DJ_NAMED_MAX)
/* stdin, then the trees, then what has a name */
#define FIRST_NAMED_IN (1 + TREES)

struct input {
	struct dj_buffer b;
	struct dj_sha256 sum;
	uint64_t recv;
	uint64_t taken;
	uint64_t granted; /* the client may send up to here */
	bool is_open;
	bool is_whole;   /* a tree: kept from its first byte on; else a ring */
	bool is_dropped; /* nobody will read it any more */
	bool is_over;    /* nor count it: what comes now is ignored */
	bool ended;
	bool ack_due;
	bool is_asked; /* by a client that came back: where to go on */
};

struct output {
	struct dj_buffer b;
	struct dj_sha256 sum;
	uint64_t produced;
	uint64_t sent;
	uint64_t acked;
	uint64_t limit; /* the client takes up to here */
	bool is_open;   /* else the client hears nothing of it, not even END */
	bool ended;
	bool end_sent;
};

/* Outputs in the order in which they are sent; those with names follow. */
static const uint8_t out_id[] = { DJ_STREAM_STDERR, DJ_STREAM_STDOUT,
	DJ_STREAM_DIAG, DJ_STREAM_RETURNED };

static struct {
	struct input in[INS];
	struct output out[OUTS];
	uint8_t named[DJ_NAMED_MAX]; /* their numbers */
	size_t named_count;
} flow;

static void in_init(struct input *s, bool is_open)
{
	*s = (struct input){ .is_open = is_open, .granted = WINDOW };
	dj_sha256_init(&s->sum);
}

static void out_init(struct output *s, bool is_open)
{
	*s = (struct output){ .is_open = is_open, .limit = WINDOW };
	dj_sha256_init(&s->sum);
}

void dj_flow_init(void)
{
	flow.named_count = 0;
	for (size_t i = 0; i < INS; i++)
		in_init(&flow.in[i], i == 0);
	for (size_t i = 0; i < OUTS; i++)
		out_init(&flow.out[i],
			i < sizeof(out_id) && out_id[i] != DJ_STREAM_RETURNED);
}

void dj_flow_wipe(void)
{
	dj_wipe(&flow, sizeof(flow));
}

static bool is_named(size_t i)
{
	return i >= FIRST_NAMED_IN;
}

static uint8_t input_id(size_t i)
{
	if (is_named(i))
		return flow.named[i - FIRST_NAMED_IN];
	return i == 0 ? DJ_STREAM_STDIN
		      : (uint8_t)(DJ_STREAM_TREE_FIRST + i - 1);
}

static uint8_t output_id(size_t i)
{
	return i < sizeof(out_id) ? out_id[i] : flow.named[i - sizeof(out_id)];
}

static struct input *input_of(uint8_t stream)
{
	size_t n = FIRST_NAMED_IN + flow.named_count;

	for (size_t i = 0; i < n; i++)
		if (input_id(i) == stream)
			return flow.in[i].is_open ? &flow.in[i] : NULL;
	return NULL;
}

static struct output *output_of(uint8_t stream)
{
	size_t n = sizeof(out_id) + flow.named_count;

	for (size_t i = 0; i < n; i++)
		if (output_id(i) == stream)
			return &flow.out[i];
	return NULL;
}

/* A ring's memory: positions below WINDOW come first, so it grows in place. */
static dj_status ring_grow(struct dj_buffer *b, uint64_t end)
{
	dj_status st;

	if (b->p == NULL) {
		st = dj_buffer_reserve(b, WINDOW);
		if (st != DJ_OK)
			return st;
	}
	return dj_buffer_grow(b, end < WINDOW ? (size_t)end : WINDOW);
}

static void ring_put(uint8_t *ring, uint64_t pos, const uint8_t *p, size_t len)
{
	size_t at = (size_t)(pos % WINDOW);
	size_t first = len < WINDOW - at ? len : WINDOW - at;

	memcpy(ring + at, p, first);
	if (len > first)
		memcpy(ring, p + first, len - first);
}

static void ring_get(const uint8_t *ring, uint64_t pos, uint8_t *p, size_t len)
{
	size_t at = (size_t)(pos % WINDOW);
	size_t first = len < WINDOW - at ? len : WINDOW - at;

	memcpy(p, ring + at, first);
	if (len > first)
		memcpy(p + first, ring, len - first);
}

/* Grants more when a quarter of the window has come free. */
static void grant(struct input *s)
{
	if (s->taken + WINDOW - s->granted < WINDOW / 4)
		return;
	s->granted = s->taken + WINDOW;
	s->ack_due = true;
}

static enum dj_error store(struct input *s, const uint8_t *p, size_t len)
{
	dj_status st;

	if (s->is_dropped) {
		s->taken = s->recv + len;
		return DJ_ERROR_NONE;
	}
	if (s->is_whole) {
		if (len > s->b.cap - s->recv)
			return DJ_ERROR_TOO_BIG;
		st = dj_buffer_grow(&s->b, (size_t)s->recv + len);
		if (st != DJ_OK)
			return DJ_ERROR_TOO_BIG;
		memcpy(s->b.p + s->recv, p, len);
		s->taken = s->recv + len;
		return DJ_ERROR_NONE;
	}
	st = ring_grow(&s->b, s->recv + len);
	if (st != DJ_OK)
		return DJ_ERROR_TOO_BIG;
	ring_put(s->b.p, s->recv, p, len);
	return DJ_ERROR_NONE;
}

enum dj_error dj_flow_data(uint8_t stream, uint64_t off, const uint8_t *p,
	size_t len)
{
	struct input *s = input_of(stream);
	enum dj_error e;

	if (s == NULL)
		return DJ_ERROR_BAD_ORDER;
	if (s->is_over)
		return DJ_ERROR_NONE;
	if (off > s->recv)
		return DJ_ERROR_BAD_ORDER;
	/* What is here already is cut off. */
	if (s->recv - off >= len)
		return DJ_ERROR_NONE;
	p += s->recv - off;
	len -= (size_t)(s->recv - off);
	if (s->ended)
		return DJ_ERROR_BAD_ORDER;
	if (len > s->granted - s->recv)
		return DJ_ERROR_TOO_BIG;
	e = store(s, p, len);
	if (e != DJ_ERROR_NONE)
		return e;
	dj_sha256_update(&s->sum, p, len);
	s->recv += len;
	grant(s);
	return DJ_ERROR_NONE;
}

enum dj_error dj_flow_end(uint8_t stream, uint64_t off)
{
	struct input *s = input_of(stream);

	if (s == NULL)
		return DJ_ERROR_BAD_ORDER;
	if (s->is_over)
		return DJ_ERROR_NONE;
	if (off != s->recv)
		return DJ_ERROR_BAD_ORDER;
	s->ended = true;
	return DJ_ERROR_NONE;
}

enum dj_error dj_flow_ack(uint8_t stream, uint64_t off, uint64_t limit)
{
	struct output *s = output_of(stream);

	if (s == NULL || !s->is_open || off > s->sent || limit < off)
		return DJ_ERROR_BAD_ORDER;
	if (off > s->acked)
		s->acked = off;
	s->limit = limit;
	return DJ_ERROR_NONE;
}

enum dj_error dj_flow_resume_check(uint8_t stream, uint64_t next)
{
	const struct output *s = output_of(stream);

	/* BEGIN may not have come, and the client cannot know. */
	if (s == NULL && stream >= DJ_STREAM_NAMED && next == 0)
		return DJ_ERROR_NONE;
	if (s == NULL || !s->is_open || next < s->acked || next > s->produced)
		return DJ_ERROR_BAD_ORDER;
	return DJ_ERROR_NONE;
}

void dj_flow_resume(uint8_t stream, uint64_t next)
{
	struct output *s = output_of(stream);

	if (s == NULL)
		return;
	s->acked = next;
	/* A limit below what it has would stop it for good. */
	if (s->limit < next + WINDOW)
		s->limit = next + WINDOW;
}

void dj_flow_attach(void)
{
	for (size_t i = 0; i < OUTS; i++) {
		flow.out[i].sent = flow.out[i].acked;
		flow.out[i].end_sent = false;
	}
	/* READY says where stdin goes on; of the named ones only ACK does. */
	for (size_t i = 0; i < INS; i++) {
		struct input *s = &flow.in[i];

		s->ack_due = s->is_open && (s->recv != 0 || is_named(i));
		s->is_asked = s->ack_due && is_named(i);
	}
}

uint64_t dj_flow_stdin_next(void)
{
	return flow.in[0].recv;
}

static bool next_ack(uint8_t *dst, struct dj_flow_record *ret)
{
	for (size_t i = 0; i < INS; i++) {
		struct input *s = &flow.in[i];

		if (!s->ack_due)
			continue;
		s->ack_due = false;
		dj_ack_write(s->granted, dst);
		*ret = (struct dj_flow_record){
			.kind = DJ_KIND_ACK,
			.stream = input_id(i),
			/* What waits here to be taken is not to be sent again:
			 * it may be taken before that comes. */
			.off = s->is_asked ? s->recv : s->taken,
			.len = DJ_ACK_SIZE,
		};
		s->is_asked = false;
		return true;
	}
	return false;
}

static bool next_data(struct output *s, uint8_t id, uint8_t *dst, size_t max,
	bool flush, struct dj_flow_record *ret)
{
	uint64_t wait = s->produced - s->sent;
	uint64_t room = s->limit > s->sent ? s->limit - s->sent : 0;
	size_t len = max;

	if (wait == 0 && s->is_open && s->ended && !s->end_sent) {
		s->end_sent = true;
		*ret = (struct dj_flow_record){
			.kind = DJ_KIND_END,
			.stream = id,
			.off = s->produced,
		};
		return true;
	}
	if (wait < len)
		len = (size_t)wait;
	if (room < len)
		len = (size_t)room;
	if (len == 0 || (len < max && !flush))
		return false;
	ring_get(s->b.p, s->sent, dst, len);
	*ret = (struct dj_flow_record){
		.kind = DJ_KIND_DATA,
		.stream = id,
		.off = s->sent,
		.len = len,
	};
	s->sent += len;
	return true;
}

bool dj_flow_next(uint8_t *dst, size_t max, bool flush,
	struct dj_flow_record *ret)
{
	if (next_ack(dst, ret))
		return true;
	for (size_t i = 0; i < OUTS; i++)
		if (next_data(&flow.out[i], output_id(i), dst, max, flush, ret))
			return true;
	return false;
}

dj_status dj_flow_named_open(uint8_t stream, enum dj_stream_dir dir)
{
	size_t i = flow.named_count;

	if (i == DJ_NAMED_MAX)
		return DJ_E_LIMIT;
	flow.named[i] = stream;
	flow.named_count++;
	in_init(&flow.in[FIRST_NAMED_IN + i], (dir & DJ_DIR_IN) != 0);
	out_init(&flow.out[sizeof(out_id) + i], (dir & DJ_DIR_OUT) != 0);
	return DJ_OK;
}

dj_status dj_flow_tree_open(uint8_t stream)
{
	struct input *s = &flow.in[1 + stream - DJ_STREAM_TREE_FIRST];
	uint64_t cap = dj_core.config.total_memory;

	/* Two preopens may show the same tree. */
	if (s->is_open)
		return DJ_OK;
	in_init(s, true);
	s->is_whole = true;
	return dj_buffer_reserve(&s->b, (size_t)cap);
}

bool dj_flow_trees_ended(void)
{
	for (size_t i = 1; i < FIRST_NAMED_IN; i++)
		if (flow.in[i].is_open && !flow.in[i].ended)
			return false;
	return true;
}

void dj_flow_begin_undo(void)
{
	for (size_t i = 1; i < INS; i++) {
		dj_buffer_free(&flow.in[i].b);
		in_init(&flow.in[i], false);
	}
	for (size_t i = sizeof(out_id); i < OUTS; i++)
		out_init(&flow.out[i], false);
	flow.named_count = 0;
}

const uint8_t *dj_flow_tree(uint8_t stream, size_t *ret_len)
{
	const struct input *s = input_of(stream);

	if (s == NULL || !s->is_whole || !s->ended)
		dj_bug();
	*ret_len = (size_t)s->recv;
	return s->b.p;
}

void dj_flow_finish(void)
{
	for (size_t i = 0; i < INS; i++) {
		struct input *s = &flow.in[i];

		s->is_dropped = true;
		s->taken = s->recv;
		if (s->is_open)
			grant(s);
		/* A last ACK tells how much of it a receipt counts. */
		if (s->is_open && is_named(i))
			s->is_over = s->ack_due = true;
		dj_buffer_free(&s->b);
	}
	for (size_t i = 0; i < OUTS; i++)
		flow.out[i].ended = true;
}

bool dj_flow_settled(void)
{
	for (size_t i = 0; i < OUTS; i++) {
		const struct output *s = &flow.out[i];

		if (s->is_open && (s->acked != s->produced || !s->end_sent))
			return false;
	}
	return true;
}

bool dj_flow_sum(uint8_t stream, enum dj_stream_dir dir,
	struct dj_receipt_stream *ret)
{
	const struct input *in = input_of(stream);
	const struct output *out = output_of(stream);
	bool is_in = dir == DJ_DIR_IN;

	if (is_in ? in == NULL : out == NULL)
		return false;
	ret->stream = stream;
	ret->len = is_in ? in->recv : out->produced;
	dj_sha256_final(is_in ? &in->sum : &out->sum, ret->hash);
	return ret->len != 0 ||
		(is_in && (in->ended || stream >= DJ_STREAM_NAMED));
}

void dj_flow_returned_open(void)
{
	struct output *s = output_of(DJ_STREAM_RETURNED);

	if (s == NULL)
		dj_bug();
	s->is_open = true;
}

uint64_t dj_flow_committed(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < INS; i++)
		if (!flow.in[i].is_whole)
			n += flow.in[i].b.committed;
	for (size_t i = 0; i < OUTS; i++)
		n += flow.out[i].b.committed;
	return n;
}

uint64_t dj_flow_most(void)
{
	uint64_t rings = 1 + sizeof(out_id);

	for (size_t i = 0; i < flow.named_count; i++)
		rings += (uint64_t)flow.in[FIRST_NAMED_IN + i].is_open +
			flow.out[sizeof(out_id) + i].is_open;
	return rings * WINDOW;
}

static uint64_t writable(const struct output *s)
{
	uint64_t end = s->acked + WINDOW;

	if (s->limit < end)
		end = s->limit;
	return end > s->produced ? end - s->produced : 0;
}

/* len is at most writable(). */
static dj_status produce(struct output *s, const uint8_t *p, size_t len)
{
	dj_status st;

	st = ring_grow(&s->b, s->produced + len);
	if (st != DJ_OK)
		return st;
	ring_put(s->b.p, s->produced, p, len);
	dj_sha256_update(&s->sum, p, len);
	s->produced += len;
	return DJ_OK;
}

void dj_flow_diag(const void *p, size_t len)
{
	struct output *s = output_of(DJ_STREAM_DIAG);

	if (s == NULL)
		dj_bug();
	if (len <= s->acked + WINDOW - s->produced)
		(void)produce(s, p, len);
}

/* Sends what there is, and sleeps unless a frame came or it is to stop. */
static dj_status block(uint64_t deadline)
{
	bool moved = dj_session_step();

	if (dj_program_stopping())
		return DJ_E_STATE;
	if (moved)
		return DJ_OK;
	dj_session_sleep(deadline);
	dj_clock_age();
	dj_program_check_time();
	(void)dj_session_step();
	return dj_program_stopping() ? DJ_E_STATE : DJ_OK;
}

dj_status dj_stream_write(uint8_t stream, const void *p, size_t len)
{
	struct output *s = output_of(stream);
	const uint8_t *from = p;
	dj_status st;

	if (s == NULL || !s->is_open)
		return DJ_E_INPUT;
	while (len != 0) {
		uint64_t room = writable(s);
		size_t n = room < len ? (size_t)room : len;

		st = n == 0 ? block(UINT64_MAX) : produce(s, from, n);
		if (st != DJ_OK)
			return st;
		from += n;
		len -= n;
		if (s->produced - s->sent >= DJ_RECORD_DATA)
			dj_session_pump(false);
	}
	return DJ_OK;
}

dj_status dj_stream_read(uint8_t stream, void *p, size_t cap, size_t *ret_len)
{
	struct input *s = input_of(stream);
	uint64_t have;
	dj_status st;

	if (s == NULL || s->is_whole || cap == 0)
		return DJ_E_INPUT;
	while (s->recv == s->taken && !s->ended) {
		st = block(UINT64_MAX);
		if (st != DJ_OK)
			return st;
	}
	have = s->recv - s->taken;
	if (have < cap)
		cap = (size_t)have;
	if (cap != 0)
		ring_get(s->b.p, s->taken, p, cap);
	s->taken += cap;
	grant(s);
	if (s->ack_due)
		dj_session_pump(false);
	*ret_len = cap;
	return DJ_OK;
}

uint64_t dj_stream_readable(uint8_t stream, bool *ret_ended)
{
	const struct input *s = input_of(stream);

	if (s == NULL || s->is_whole) {
		*ret_ended = true;
		return 0;
	}
	*ret_ended = s->ended;
	return s->recv - s->taken;
}

uint64_t dj_stream_writable(uint8_t stream)
{
	const struct output *s = output_of(stream);

	return s == NULL ? 0 : writable(s);
}

dj_status dj_stream_wait(uint64_t deadline)
{
	if (deadline != UINT64_MAX && dj_clock_is_virtual()) {
		(void)dj_session_step();
		dj_clock_skip(deadline);
		return dj_program_stopping() ? DJ_E_STATE : DJ_OK;
	}
	if (deadline != UINT64_MAX && dj_clock_is_clients())
		return dj_clock_wait_client(deadline);
	return block(deadline);
}

dj_status dj_program_random(void *dst, size_t len)
{
	dj_core_random(dst, len);
	return DJ_OK;
}
