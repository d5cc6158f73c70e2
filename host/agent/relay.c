// SPDX-License-Identifier: Apache-2.0
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

#include "host/agent/agent.h"
#include "host/agent/keep.h"
#include "host/agent/log.h"
#include "lib/proto/error.h"
#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"

/*
 * Frames move whole, many at a wake-up, copied once in each direction:
 * from the link's buffer into the Keep's ring, from the ring into the
 * link's buffer. What waits in a buffer is bounded on both sides, so that
 * a slow reader stops the writer at the other end.
 *
 * Answers to a HELLO of an earlier link must not reach the present one:
 * every HELLO gets one OFFER or ERROR, so `stale` of them are dropped
 * first, and everything else until this link's own answer.
 */
#define LINK_READ_MAX  (512u << 10) /* bytes waiting for the Keep */
#define LINK_WRITE_MAX (512u << 10) /* bytes waiting for the client */
#define LINK_WRITE_LOW (128u << 10)
#define ONE_READ       (256u << 10)

static void on_link_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	dj_relay_to_keep(arg);
}

static void on_link_write(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)dj_relay_to_client(arg, false);
}

static void drop_link(struct dj_keep *k)
{
	k->link = NULL;
	k->bev = NULL;
	k->stale = k->hellos;
	dj_blob_set(&k->pending, NULL, 0);
	dj_log(DJ_LOG_INFO, "link.closed", "keep", k->id, NULL);
}

static void on_link_event(struct bufferevent *bev, short what, void *arg)
{
	struct dj_keep *k = arg;
	struct dj_http_conn *c = k->link;

	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	drop_link(k);
	dj_http_close(c);
	/* Nobody reads what is left; a Keep that waits for room goes on. */
	(void)dj_relay_to_client(k, false);
}

void dj_relay_open(struct dj_keep *k, struct dj_http_conn *c)
{
	k->bev = dj_http_take(c, "donjon-session/1", NULL);
	k->link = c;
	k->links++;
	k->stale = k->hellos;
	k->is_offered = false;
	bufferevent_setcb(k->bev, on_link_read, on_link_write, on_link_event,
		k);
	bufferevent_setwatermark(k->bev, EV_READ, 0, LINK_READ_MAX);
	bufferevent_setwatermark(k->bev, EV_WRITE, LINK_WRITE_LOW, 0);
	bufferevent_set_max_single_read(k->bev, ONE_READ);
	bufferevent_set_max_single_write(k->bev, ONE_READ);
	bufferevent_set_timeouts(k->bev, NULL, NULL);
	bufferevent_enable(k->bev, EV_READ | EV_WRITE);
	dj_log(DJ_LOG_INFO, "link.opened", "keep", k->id, NULL);
	if (k->region != NULL)
		(void)dj_relay_to_client(k, false);
	/* Some may have come with the request. */
	dj_relay_to_keep(k);
}

static void note(struct dj_keep *k, enum dj_way way, const struct dj_frame *f,
	const uint8_t *first, size_t seen)
{
	dj_traffic_count(&k->traffic, way, f->type, f->len);
	dj_traffic_count(&k->agent->traffic, way, f->type, f->len);
	if (k->agent->trace != NULL)
		dj_traffic_trace(k->agent->trace, k->id, way, f->type, f->len,
			first, seen < f->len ? seen : f->len);
}

/* A frame of our own making, to the client. */
static void send_frame(struct dj_keep *k, enum dj_frame_type type,
	const uint8_t *payload, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(k->bev);
	struct dj_frame f = { .type = (uint8_t)type, .len = (uint32_t)len };
	uint8_t head[DJ_FRAME_HEADER];

	dj_frame_write(head, type, f.len);
	evbuffer_add(out, head, sizeof(head));
	evbuffer_add(out, payload, len);
	note(k, DJ_WAY_K2C, &f, payload, len);
}

void dj_relay_end(struct dj_keep *k, uint16_t code, const char *text)
{
	struct dj_http_conn *c = k->link;
	uint8_t payload[DJ_ERROR_MAX];
	size_t len;

	if (c == NULL)
		return;
	if (dj_error_write(code, text, payload, sizeof(payload), &len) == DJ_OK)
		send_frame(k, DJ_FRAME_ERROR, payload, len);
	drop_link(k);
	dj_http_finish(c);
}

/* Client to Keep. */

/* The payload of a frame at the front of in; NULL: no memory. */
static void keep_hello(struct dj_keep *k, struct evbuffer *in, uint32_t len)
{
	uint8_t hello[DJ_FRAME_HEADER + DJ_HELLO_MAX];

	evbuffer_copyout(in, hello, DJ_FRAME_HEADER + len);
	dj_blob_set(&k->hello, hello + DJ_FRAME_HEADER, len);
	k->hellos++;
}

static void note_in(struct dj_keep *k, struct evbuffer *in,
	const struct dj_frame *f)
{
	uint8_t first[DJ_FRAME_HEADER + 16];
	ev_ssize_t n = 0;

	if (k->agent->trace != NULL)
		n = evbuffer_copyout(in, first, sizeof(first));
	note(k, DJ_WAY_C2K, f, first + DJ_FRAME_HEADER,
		n > DJ_FRAME_HEADER ? (size_t)n - DJ_FRAME_HEADER : 0);
}

/* Moves n bytes of in to the ring, batch bytes after what is published. */
static void fill_ring(struct dj_keep *k, struct evbuffer *in, uint32_t batch,
	uint32_t n)
{
	struct dj_serve_span s =
		dj_serve_in_span(&k->serve, k->serve.in_head + batch, n);

	evbuffer_remove(in, s.p[0], s.n[0]);
	if (s.n[1] != 0)
		evbuffer_remove(in, s.p[1], s.n[1]);
}

enum took {
	TOOK_FRAME,
	TOOK_NONE, /* not whole yet, or no room */
	TOOK_BAD,
};

static enum took take_frame(struct dj_keep *k, struct evbuffer *in,
	uint32_t *batch)
{
	const uint32_t accept =
		DJ_FRAMES_TO_KEEP | DJ_FRAME_BIT(DJ_FRAME_ERROR);
	uint8_t head[DJ_FRAME_HEADER];
	struct dj_frame f;
	uint32_t n;

	if (evbuffer_copyout(in, head, sizeof(head)) != sizeof(head))
		return TOOK_NONE;
	if (dj_frame_parse(head, accept, &f) != DJ_OK)
		return TOOK_BAD;
	n = DJ_FRAME_HEADER + f.len;
	if (evbuffer_get_length(in) < n ||
		dj_serve_in_space(&k->serve) - *batch < n)
		return TOOK_NONE;
	note_in(k, in, &f);
	/* A client's last word is not the Keep's business. */
	if (f.type == DJ_FRAME_ERROR) {
		evbuffer_drain(in, n);
		return TOOK_FRAME;
	}
	if (f.type == DJ_FRAME_HELLO)
		keep_hello(k, in, f.len);
	fill_ring(k, in, *batch, n);
	*batch += n;
	return TOOK_FRAME;
}

void dj_relay_to_keep(struct dj_keep *k)
{
	enum took took = TOOK_NONE;
	struct evbuffer *in;
	uint32_t batch = 0;

	if (k->bev == NULL || k->region == NULL)
		return;
	/* A Keep that has not set up its line yet does so from scratch. */
	if (!k->serve.is_up)
		return;
	in = bufferevent_get_input(k->bev);
	do
		took = take_frame(k, in, &batch);
	while (took == TOOK_FRAME);
	if (batch != 0) {
		dj_serve_publish_in(&k->serve, batch);
		dj_keep_frames_in(k);
	}
	if (took == TOOK_BAD)
		dj_relay_end(k, DJ_ERROR_BAD_FRAME, "the client's frame");
}

/* Keep to client. */

static void on_offer(struct dj_keep *k, const uint8_t *payload, uint32_t len)
{
	dj_blob_set(&k->offer, payload, len);
	if (k->pending.p == NULL) {
		dj_relay_no_evidence(k);
		return;
	}
	send_frame(k, DJ_FRAME_EVIDENCE, k->pending.p, k->pending.len);
	dj_blob_set(&k->pending, NULL, 0);
}

/* Does this frame of the Keep's go to the present link? */
static bool is_for_link(struct dj_keep *k, uint8_t type)
{
	bool is_answer = type == DJ_FRAME_OFFER || type == DJ_FRAME_ERROR;

	if (is_answer && k->hellos > 0)
		k->hellos--;
	if (is_answer && k->stale > 0) {
		k->stale--;
		dj_blob_set(&k->pending, NULL, 0);
		return false;
	}
	if (k->bev == NULL)
		return false;
	if (is_answer)
		k->is_offered = true;
	return k->is_offered;
}

/*
 * Judges the frames in a private copy of what the Keep published. *ret_run
 * is the length of the whole frames from the front that all go the same way
 * (*ret_send); the first frame that changes it, or an OFFER, ends the run.
 */
static bool judge_run(struct dj_keep *k, const uint8_t *p, uint32_t len,
	uint32_t *ret_run, bool *ret_send, const uint8_t **ret_offer,
	uint32_t *ret_offer_len)
{
	const uint32_t accept = DJ_FRAMES_TO_CLIENT &
		~(uint32_t)DJ_FRAME_BIT(DJ_FRAME_EVIDENCE);
	struct dj_frame f;
	uint32_t at = 0;
	bool send;

	*ret_offer = NULL;
	while (at < len) {
		if (len - at < DJ_FRAME_HEADER ||
			dj_frame_parse(p + at, accept, &f) != DJ_OK ||
			len - at - DJ_FRAME_HEADER < f.len)
			return false;
		/* OFFER and ERROR change who is listening: alone, first. */
		if (f.type != DJ_FRAME_RECORD && at != 0)
			break;
		send = is_for_link(k, f.type);
		*ret_send = send;
		if (send)
			note(k, DJ_WAY_K2C, &f, p + at + DJ_FRAME_HEADER,
				f.len);
		at += DJ_FRAME_HEADER + f.len;
		if (f.type == DJ_FRAME_RECORD)
			continue;
		if (f.type == DJ_FRAME_OFFER && send) {
			*ret_offer = p + DJ_FRAME_HEADER;
			*ret_offer_len = f.len;
		}
		break;
	}
	*ret_run = at;
	return true;
}

static void note_phase(struct dj_keep *k, const uint8_t *p)
{
	/* A fresh Keep's first record is the READY of its first claim. */
	if (k->phase == DJ_PHASE_FRESH && p[0] == DJ_FRAME_RECORD) {
		k->phase = DJ_PHASE_OWNED;
		dj_keep_say(k, "owned by a client");
	}
}

/* One run of frames. False: the Keep was caught. */
static bool move_run(struct dj_keep *k, uint8_t *buf, uint32_t *len)
{
	const uint8_t *offer = NULL;
	uint32_t offer_len = 0;
	uint32_t run = 0;
	uint32_t was = dj_serve_out_len(&k->serve);
	bool send = false;

	dj_serve_out_copy(&k->serve, k->serve.out_tail, buf, *len);
	if (!judge_run(k, buf, *len, &run, &send, &offer, &offer_len)) {
		dj_keep_caught(k, "frame");
		return false;
	}
	note_phase(k, buf);
	if (send)
		evbuffer_add(bufferevent_get_output(k->bev), buf, run);
	dj_serve_release_out(&k->serve, run);
	if (was > DJ_HC_RING / 4 &&
		dj_serve_out_len(&k->serve) <= DJ_HC_RING / 4)
		dj_keep_room(k);
	if (offer != NULL)
		on_offer(k, offer, offer_len);
	return true;
}

static bool is_backed_up(const struct dj_keep *k)
{
	return k->bev != NULL &&
		evbuffer_get_length(bufferevent_get_output(k->bev)) >=
		LINK_WRITE_MAX;
}

bool dj_relay_to_client(struct dj_keep *k, bool force)
{
	static uint8_t buf[DJ_HC_RING];
	uint32_t len;

	while (k->region != NULL && (force || !is_backed_up(k))) {
		len = dj_serve_out_len(&k->serve);
		if (len == 0)
			break;
		if (!move_run(k, buf, &len))
			return false;
	}
	return k->region != NULL;
}

void dj_relay_evidence(struct dj_keep *k, const uint8_t *payload, size_t len)
{
	dj_blob_set(&k->evidence, payload, len);
	if (k->purpose == DJ_PURPOSE_OFFER) {
		dj_blob_set(&k->pending, payload, len);
		return;
	}
	/* What the Keep sent before comes before. */
	if (dj_relay_to_client(k, false) && k->bev != NULL)
		send_frame(k, DJ_FRAME_EVIDENCE, payload, len);
}

void dj_relay_no_evidence(struct dj_keep *k)
{
	dj_relay_end(k, DJ_ERROR_NO_EVIDENCE,
		"this host has no evidence for the Keep");
}
