// SPDX-License-Identifier: Apache-2.0
#include "keep/hostcall.h"

#include "keep/break.h"
#include "lib/base/rd.h"
#include "lib/proto/frame.h"

/*
 * Invariant: nothing that the host wrote is looked at twice. host_line() is
 * the only reader of its line, and each function calls it once per look.
 */
static struct dj_hc hc;

static void put_u32(size_t field, uint32_t v)
{
	dj_shim_copy_out(DJ_HC_KEEP_OFF + field, &v, sizeof(v));
}

#define PUT(field, v) put_u32(offsetof(struct dj_hc_keep, field), (v))

/* Copies the host's line and judges what holds at any time. */
static void host_line(struct dj_hc_host *ret)
{
	struct dj_hc_host h;
	bool is_far;

	dj_shim_copy_in(DJ_HC_HOST_OFF, &h, sizeof(h));
	if (h.magic != DJ_HC_MAGIC || h.zero != 0)
		dj_shim_halt(DJ_HALT_HOST);
	/* Bytes once there do not go away again, nor become too many. */
	is_far = h.in_head - hc.in_tail > DJ_HC_RING ||
		h.in_head - hc.in_tail < hc.in_head - hc.in_tail;
	DJ_BREAK(6, is_far = false);
	if (is_far)
		dj_shim_halt(DJ_HALT_HOST);
	/* The host can have read no further than it was told. */
	if (h.out_tail - hc.out_tail > hc.published - hc.out_tail)
		dj_shim_halt(DJ_HALT_HOST);
	hc.in_head = h.in_head;
	hc.out_tail = h.out_tail;
	*ret = h;
}

void dj_hc_init(void)
{
	static const struct dj_hc_keep first = { .magic = DJ_HC_MAGIC };

	hc = (struct dj_hc){ 0 };
	dj_shim_copy_out(DJ_HC_KEEP_OFF, &first, sizeof(first));
}

static void ring_in(uint32_t pos, uint8_t *dst, size_t len)
{
	size_t at = pos % DJ_HC_RING;
	size_t first = len < DJ_HC_RING - at ? len : DJ_HC_RING - at;

	dj_shim_copy_in(DJ_HC_IN_OFF + at, dst, first);
	if (len > first)
		dj_shim_copy_in(DJ_HC_IN_OFF, dst + first, len - first);
}

static void ring_out(uint32_t pos, const uint8_t *src, size_t len)
{
	size_t at = pos % DJ_HC_RING;
	size_t first = len < DJ_HC_RING - at ? len : DJ_HC_RING - at;

	dj_shim_copy_out(DJ_HC_OUT_OFF + at, src, first);
	if (len > first)
		dj_shim_copy_out(DJ_HC_OUT_OFF, src + first, len - first);
}

/* What the header says of its payload, whoever wrote it. */
static uint32_t claimed_len(const uint8_t header[static DJ_FRAME_HEADER])
{
	struct dj_rd r = dj_rd_of(header + 4, 4);

	return dj_rd_u32be(&r);
}

/* After what the frames gave: the order is the interface's promise. */
static void tell_taken(void)
{
	if (hc.taken == hc.in_tail)
		return;
	dj_hc_flush();
	hc.taken = hc.in_tail;
	PUT(in_tail, hc.in_tail);
	/* A host that found no room waits for this. */
	if (hc.was_full)
		dj_shim_kick();
	hc.was_full = false;
}

enum dj_hc_in dj_hc_frame_in(uint8_t *dst, size_t *ret_len)
{
	struct dj_frame frame;
	struct dj_hc_host h;
	uint32_t avail, n;
	bool good;

	tell_taken();
	host_line(&h);
	avail = h.in_head - hc.in_tail;
	if (avail == 0)
		return DJ_HC_IN_NONE;
	/* Frames are published whole. */
	if (avail < DJ_FRAME_HEADER)
		dj_shim_halt(DJ_HALT_HOST);
	ring_in(hc.in_tail, dst, DJ_FRAME_HEADER);
	n = claimed_len(dst);
	if (n > avail - DJ_FRAME_HEADER)
		dj_shim_halt(DJ_HALT_HOST);
	good = dj_frame_parse(dst, DJ_FRAMES_TO_KEEP, &frame) == DJ_OK;
	DJ_BREAK(7, ring_in(hc.in_tail, dst, DJ_FRAME_HEADER));
	if (good)
		ring_in(hc.in_tail + DJ_FRAME_HEADER, dst + DJ_FRAME_HEADER, n);
	hc.in_tail += DJ_FRAME_HEADER + n;
	hc.was_full = hc.was_full || avail > DJ_HC_RING / 4 * 3;
	if (!good)
		return DJ_HC_IN_BAD;
	*ret_len = DJ_FRAME_HEADER + n;
	return DJ_HC_IN_FRAME;
}

size_t dj_hc_out_room(void)
{
	struct dj_hc_host h;

	host_line(&h);
	return DJ_HC_RING - (hc.out_head - hc.out_tail);
}

void dj_hc_frame_out(const uint8_t *frame, size_t len)
{
	while (DJ_HC_RING - (hc.out_head - hc.out_tail) < len &&
		dj_hc_out_room() < len)
		dj_hc_wait(0);
	ring_out(hc.out_head, frame, len);
	hc.out_head += (uint32_t)len;
}

static void publish(void)
{
	hc.published = hc.out_head;
	PUT(out_head, hc.out_head);
}

void dj_hc_flush(void)
{
	if (hc.published == hc.out_head)
		return;
	publish();
	dj_shim_kick();
}

/* begin, then op and arg, then the seq that makes them a request. */
static void post(enum dj_hc_op op, uint64_t arg)
{
	publish();
	PUT(begin, ++hc.seq);
	PUT(op, op);
	dj_shim_copy_out(DJ_HC_KEEP_OFF + offsetof(struct dj_hc_keep, arg),
		&arg, sizeof(arg));
	PUT(seq, hc.seq);
	dj_shim_kick();
}

dj_status dj_hc_call(enum dj_hc_op op, uint64_t arg, uint64_t *ret_value,
	uint32_t *ret_len)
{
	struct dj_hc_host h;
	uint32_t before;

	host_line(&h);
	before = h.reply_seq;
	post(op, arg);
	for (;;) {
		host_line(&h);
		if (h.reply_seq == hc.seq)
			break;
		if (h.reply_seq != before)
			dj_shim_halt(DJ_HALT_HOST);
		dj_shim_wait();
	}
	if (h.len > DJ_HC_REPORT_MAX)
		dj_shim_halt(DJ_HALT_HOST);
	if (h.error != 0)
		return DJ_E_HOST;
	*ret_value = h.value;
	*ret_len = h.len;
	return DJ_OK;
}

dj_status dj_hc_clock(uint64_t which, uint64_t *ret_ns)
{
	uint32_t len;

	return dj_hc_call(DJ_HC_CLOCK, which, ret_ns, &len);
}

void dj_hc_wait(uint64_t deadline)
{
	post(DJ_HC_WAIT, deadline);
	dj_shim_wait();
}
