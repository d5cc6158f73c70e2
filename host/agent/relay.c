// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
 * A link without TLS is read here, not by its bufferevent: libevent 2.1
 * reads 4 KiB at a time and asks for the number first.
 *
 * Answers to frames of an earlier link must not reach the present one. A Keep
 * takes a frame off its ring after it has published what it says to it
 * (lib/proto/hostcall.h): the frames of a new link wait until all earlier ones
 * are gone, and what was published by then is dropped; so are records, until
 * this link has its own answer.
 */
#define LINK_IN        (128u << 10) /* bytes waiting for the Keep */
#define LINK_WRITE_MAX (512u << 10) /* bytes waiting for the client */
#define LINK_WRITE_LOW (128u << 10)
#define ONE_WRITE      (256u << 10)
/* Every frame that a client may send, whole. */
#define FRAME_MAX      (DJ_FRAME_HEADER + DJ_RECORD_MAX)

static void begin_clearing(struct dj_keep *k)
{
	k->mark = k->serve.in_head;
	k->is_clearing = k->region != NULL && k->serve.is_up;
}

/*
 * The line was accepted just now: if the ring is empty up to the mark, all
 * answers to what was before it are published, and are dropped here.
 */
void dj_relay_clear(struct dj_keep *k)
{
	if (!k->is_clearing || k->serve.in_tail != k->mark)
		return;
	if (dj_relay_to_client(k, true))
		k->is_clearing = false;
}

static void drop_link(struct dj_keep *k)
{
	if (k->ev_link != NULL)
		event_free(k->ev_link);
	free(k->in);
	k->ev_link = NULL;
	k->in = NULL;
	k->in_at = 0;
	k->in_len = 0;
	k->link = NULL;
	k->bev = NULL;
	begin_clearing(k);
	dj_adversary_link_over(k);
	dj_blob_set(&k->pending, NULL, 0);
	dj_log(DJ_LOG_INFO, "link.closed", "keep", k->id, NULL);
	dj_event_emit(k, DJ_EVENT_DETACHED, NULL);
}

void dj_relay_cut(struct dj_keep *k)
{
	struct dj_http_conn *c = k->link;

	drop_link(k);
	dj_http_close(c);
	/* Nobody reads what is left; a Keep that waits for room goes on. */
	(void)dj_relay_to_client(k, false);
}

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

static void on_link_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
		dj_relay_cut(arg);
}

/* Room behind what waits: where, and how much. */
static uint8_t *in_room(struct dj_keep *k, size_t *ret_room)
{
	if (k->in_at != 0 && LINK_IN - k->in_at - k->in_len < FRAME_MAX) {
		memmove(k->in, k->in + k->in_at, k->in_len);
		k->in_at = 0;
	}
	*ret_room = LINK_IN - k->in_at - k->in_len;
	return k->in + k->in_at + k->in_len;
}

static void on_link_fd(evutil_socket_t fd, short what, void *arg)
{
	struct dj_keep *k = arg;
	size_t room;
	uint8_t *p = in_room(k, &room);
	ssize_t n;

	(void)what;
	if (room == 0) {
		event_del(k->ev_link);
		return;
	}
	n = read(fd, p, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		dj_relay_cut(k);
		return;
	}
	k->in_len += (uint32_t)n;
	dj_relay_to_keep(k);
}

/* Takes what TLS has decrypted, or what came with the request. */
static bool refill(struct dj_keep *k)
{
	struct evbuffer *from = bufferevent_get_input(k->bev);
	size_t room;
	uint8_t *p;
	int n;

	if (evbuffer_get_length(from) == 0)
		return false;
	p = in_room(k, &room);
	n = evbuffer_remove(from, p, room);
	if (n <= 0)
		return false;
	k->in_len += (uint32_t)n;
	return true;
}

void dj_relay_open(struct dj_keep *k, struct dj_http_conn *c)
{
	bool is_plain = !dj_http_is_tls(c);
	uint8_t *in = malloc(LINK_IN);
	struct event *ev = NULL;

	k->bev = dj_http_take(c, "donjon-session/1", NULL);
	if (is_plain)
		ev = event_new(k->agent->base, bufferevent_getfd(k->bev),
			EV_READ | EV_PERSIST, on_link_fd, k);
	if (in == NULL || (is_plain && ev == NULL)) {
		free(in);
		k->bev = NULL;
		dj_http_close(c);
		return;
	}
	k->in = in;
	k->ev_link = ev;
	k->link = c;
	k->links++;
	k->is_offered = false;
	bufferevent_setcb(k->bev, on_link_read, on_link_write, on_link_event,
		k);
	bufferevent_setwatermark(k->bev, EV_READ, 0, LINK_IN);
	bufferevent_setwatermark(k->bev, EV_WRITE, LINK_WRITE_LOW, 0);
	bufferevent_set_max_single_write(k->bev, ONE_WRITE);
	bufferevent_enable(k->bev, EV_WRITE);
	/* Before what the socket has by now: less than there is room for. */
	(void)refill(k);
	if (is_plain) {
		bufferevent_disable(k->bev, EV_READ);
		event_add(ev, NULL);
	} else {
		bufferevent_enable(k->bev, EV_READ);
	}
	dj_log(DJ_LOG_INFO, "link.opened", "keep", k->id, NULL);
	dj_event_emit(k, DJ_EVENT_ATTACHED, NULL);
	/* What earlier links left; the next look may be long in coming. */
	if (k->is_clearing)
		dj_keep_look(k);
	/* Some may have come with the request. */
	if (!dj_keep_is_over(k))
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

static void send_by_adversary(struct dj_keep *k,
	const uint8_t head[static DJ_FRAME_HEADER], const uint8_t *payload,
	size_t len)
{
	uint8_t *whole = malloc(DJ_FRAME_HEADER + len);

	if (whole == NULL)
		return;
	memcpy(whole, head, DJ_FRAME_HEADER);
	memcpy(whole + DJ_FRAME_HEADER, payload, len);
	dj_adversary_to_client(k, whole, DJ_FRAME_HEADER + len);
	free(whole);
}

/* A frame of our own making, to the client. */
static void send_frame(struct dj_keep *k, enum dj_frame_type type,
	const uint8_t *payload, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(k->bev);
	struct dj_frame f = { .type = (uint8_t)type, .len = (uint32_t)len };
	uint8_t head[DJ_FRAME_HEADER];

	dj_frame_write(head, type, f.len);
	if (k->adversary != NULL) {
		send_by_adversary(k, head, payload, len);
	} else {
		evbuffer_add(out, head, sizeof(head));
		evbuffer_add(out, payload, len);
	}
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

enum took {
	TOOK_FRAME,
	TOOK_NONE, /* not whole yet, or no room */
	TOOK_BAD,
};

/*
 * Judges the frame at p, of which left bytes are there and may be passed on
 * if the ring has room for them. *ret_len is its whole length; *ret_pass
 * false if it stays here.
 */
static enum took judge_frame(struct dj_keep *k, const uint8_t *p, uint32_t left,
	uint32_t room, uint32_t *ret_len, bool *ret_pass)
{
	const uint32_t accept =
		DJ_FRAMES_TO_KEEP | DJ_FRAME_BIT(DJ_FRAME_ERROR);
	struct dj_frame f;

	if (left < DJ_FRAME_HEADER)
		return TOOK_NONE;
	if (dj_frame_parse(p, accept, &f) != DJ_OK)
		return TOOK_BAD;
	*ret_len = DJ_FRAME_HEADER + f.len;
	if (left < *ret_len || room < *ret_len)
		return TOOK_NONE;
	/* A client's last word is not the Keep's business. */
	*ret_pass = f.type != DJ_FRAME_ERROR;
	note(k, DJ_WAY_C2K, &f, p + DJ_FRAME_HEADER, f.len);
	if (f.type == DJ_FRAME_HELLO)
		dj_blob_set(&k->asked, p + DJ_FRAME_HEADER, f.len);
	return TOOK_FRAME;
}

static void fill_ring(struct dj_keep *k, const uint8_t *p, uint32_t len)
{
	struct dj_serve_span s =
		dj_serve_in_span(&k->serve, k->serve.in_head, len);

	memcpy(s.p[0], p, s.n[0]);
	if (s.n[1] != 0)
		memcpy(s.p[1], p + s.n[0], s.n[1]);
	dj_serve_publish_in(&k->serve, len);
}

/* An adversary may send two for one. */
static uint32_t ring_room(const struct dj_keep *k)
{
	uint32_t room = dj_serve_in_space(&k->serve);

	return k->adversary == NULL ? room : room / 4;
}

/* One at a time, for each may become something else. */
static void pass_by_adversary(struct dj_keep *k, const uint8_t *p, uint32_t len)
{
	struct dj_frame f;

	for (uint32_t at = 0; at < len; at += DJ_FRAME_HEADER + f.len) {
		if (dj_frame_parse(p + at, DJ_FRAMES_TO_KEEP, &f) != DJ_OK)
			return;
		dj_adversary_to_keep(k, p + at, DJ_FRAME_HEADER + f.len);
	}
}

/* All whole frames that the ring has room for. True: some were passed on. */
static bool pass_frames(struct dj_keep *k, enum took *ret_took)
{
	const uint8_t *p = k->in + k->in_at;
	uint32_t room = ring_room(k);
	uint32_t batch = 0;
	uint32_t n = 0;
	bool pass = true;

	for (;;) {
		*ret_took = judge_frame(k, p + batch, k->in_len - batch,
			room - batch, &n, &pass);
		if (*ret_took != TOOK_FRAME || !pass)
			break;
		batch += n;
	}
	if (batch != 0 && k->adversary != NULL)
		pass_by_adversary(k, p, batch);
	else if (batch != 0)
		fill_ring(k, p, batch);
	k->in_at += batch;
	k->in_len -= batch;
	if (*ret_took == TOOK_FRAME) {
		k->in_at += n;
		k->in_len -= n;
	}
	if (k->in_len == 0)
		k->in_at = 0;
	return batch != 0;
}

void dj_relay_to_keep(struct dj_keep *k)
{
	enum took took = TOOK_NONE;
	bool any = false;

	/* A Keep that has not set up its line yet does so from scratch. */
	if (k->bev == NULL || k->region == NULL || !k->serve.is_up ||
		k->is_clearing)
		return;
	do
		any |= pass_frames(k, &took);
	while (took == TOOK_FRAME || (took == TOOK_NONE && refill(k)));
	if (any)
		dj_keep_frames_in(k);
	if (took == TOOK_BAD)
		dj_relay_end(k, DJ_ERROR_BAD_FRAME, "the client's frame");
	else if (k->ev_link != NULL && k->in_len < LINK_IN)
		event_add(k->ev_link, NULL);
}

/* Keep to client. */

/* Three that belong together: whoever saves them can judge them. */
static void keep_offer(struct dj_keep *k, const uint8_t *offer, size_t len)
{
	if (k->pending.p == NULL)
		return;
	dj_blob_set(&k->hello, k->asked.p, k->asked.len);
	dj_blob_set(&k->offer, offer, len);
	dj_blob_set(&k->evidence, k->pending.p, k->pending.len);
}

static void on_offer(struct dj_keep *k)
{
	if (k->pending.p == NULL) {
		dj_relay_no_evidence(k);
		return;
	}
	send_frame(k, DJ_FRAME_EVIDENCE, k->pending.p, k->pending.len);
	dj_blob_set(&k->pending, NULL, 0);
	dj_event_emit(k, DJ_EVENT_OFFERED, NULL);
}

/* Does this frame of the Keep's go to the present link? */
static bool is_for_link(struct dj_keep *k, uint8_t type)
{
	bool is_answer = type == DJ_FRAME_OFFER || type == DJ_FRAME_ERROR;

	if (k->bev == NULL || k->is_clearing) {
		if (is_answer)
			dj_blob_set(&k->pending, NULL, 0);
		return false;
	}
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

/*
 * Where the Keep's bytes are copied to be judged: straight into the link's
 * output, or, with nobody to hear them, aside.
 */
static uint8_t *out_room(struct dj_keep *k, uint32_t len,
	struct evbuffer_iovec *v)
{
	static uint8_t aside[DJ_HC_RING];

	v->iov_base = NULL;
	if (k->bev != NULL &&
		evbuffer_reserve_space(bufferevent_get_output(k->bev), len, v,
			1) == 1)
		return v->iov_base;
	return aside;
}

static void note_phase(struct dj_keep *k, const uint8_t *p)
{
	/* A fresh Keep's first record is the READY of its first claim. */
	if (k->phase == DJ_PHASE_FRESH && p[0] == DJ_FRAME_RECORD) {
		k->phase = DJ_PHASE_OWNED;
		dj_keep_say(k, "owned by a client");
		dj_event_emit(k, DJ_EVENT_CLAIMED, NULL);
	}
}

/* One run of frames. False: the Keep was caught. */
static bool move_run(struct dj_keep *k, uint32_t len)
{
	struct evbuffer_iovec v;
	uint8_t *buf = out_room(k, len, &v);
	const uint8_t *offer = NULL;
	uint32_t offer_len = 0;
	uint32_t run = 0;
	uint32_t was = dj_serve_out_len(&k->serve);
	bool send = false;

	dj_serve_out_copy(&k->serve, k->serve.out_tail, buf, len);
	if (!judge_run(k, buf, len, &run, &send, &offer, &offer_len)) {
		dj_keep_caught(k, "frame");
		return false;
	}
	note_phase(k, buf);
	if (offer != NULL)
		keep_offer(k, offer, offer_len);
	if (send && k->adversary != NULL) {
		dj_adversary_to_client(k, buf, run);
	} else if (send && v.iov_base != NULL) {
		v.iov_len = run;
		evbuffer_commit_space(bufferevent_get_output(k->bev), &v, 1);
	}
	dj_serve_release_out(&k->serve, run);
	if (was > DJ_HC_RING / 4 &&
		dj_serve_out_len(&k->serve) <= DJ_HC_RING / 4)
		dj_keep_room(k);
	if (offer != NULL)
		on_offer(k);
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
	uint32_t len;

	while (k->region != NULL && (force || !is_backed_up(k))) {
		len = dj_serve_out_len(&k->serve);
		if (len == 0)
			break;
		if (!move_run(k, len))
			return false;
	}
	return k->region != NULL;
}

void dj_relay_evidence(struct dj_keep *k, const uint8_t *payload, size_t len)
{
	if (k->purpose == DJ_PURPOSE_OFFER) {
		dj_blob_set(&k->pending, payload, len);
		return;
	}
	/* What the Keep sent before comes before; a link that has had no answer
	   of its own did not ask for this. */
	if (dj_relay_to_client(k, false) && k->bev != NULL && k->is_offered)
		send_frame(k, DJ_FRAME_EVIDENCE, payload, len);
}

void dj_relay_no_evidence(struct dj_keep *k)
{
	/* What an earlier link asked for is nothing to the present one. */
	if (k->purpose == DJ_PURPOSE_OFFER ? k->is_clearing : !k->is_offered)
		return;
	dj_relay_end(k, DJ_ERROR_NO_EVIDENCE,
		"this host has no evidence for the Keep");
}
