// SPDX-License-Identifier: Apache-2.0
#include "host/agent/tap.h"

#include <stdlib.h>
#include <string.h>

#include "lib/proto/frame.h"

#define GROW_MAX ((size_t)1 << 17)

void dj_tap_init(struct dj_tap *t, const struct dj_plan *plan,
	struct dj_tap_store *old, struct dj_tap_store *mine)
{
	*t = (struct dj_tap){ .plan = plan, .old = old, .mine = mine };
}

void dj_tap_done(struct dj_tap *t)
{
	for (int i = 0; i < DJ_TAP_WAYS; i++)
		free(t->held[i].frame);
	*t = (struct dj_tap){ 0 };
}

void dj_tap_store_done(struct dj_tap_store *s)
{
	for (int i = 0; i < DJ_POINT_FRAMES; i++)
		free(s->frame[i]);
	*s = (struct dj_tap_store){ 0 };
}

static void remember(struct dj_tap_store *s, enum dj_plan_point point,
	const uint8_t *frame, size_t len)
{
	uint8_t *p;

	/* A session's first of a kind is the one that fits best elsewhere. */
	if (s == NULL || s->frame[point] != NULL)
		return;
	p = malloc(len);
	if (p == NULL)
		return;
	memcpy(p, frame, len);
	s->frame[point] = p;
	s->len[point] = len;
}

static const struct dj_plan_step *step_for(const struct dj_tap *t,
	enum dj_plan_point point, uint32_t at, size_t *from)
{
	while (t->plan != NULL && *from < t->plan->count) {
		const struct dj_plan_step *s = &t->plan->step[(*from)++];

		if (s->point == point && s->at == at)
			return s;
	}
	return NULL;
}

const struct dj_plan_step *dj_tap_step(struct dj_tap *t,
	enum dj_plan_point point)
{
	size_t from = 0;
	const struct dj_plan_step *s =
		step_for(t, point, t->seen[point]++, &from);

	t->done += s != NULL;
	return s;
}

/* ---- bytes ---- */

static void flip(uint8_t *p, size_t len, uint32_t bit)
{
	if (len != 0)
		p[bit / 8 % len] ^= (uint8_t)(0x80 >> bit % 8);
}

bool dj_tap_bytes(struct dj_tap *t, enum dj_plan_point point, uint8_t *p,
	size_t len)
{
	uint32_t at = t->seen[point]++;
	size_t from = 0;
	const struct dj_plan_step *s;
	uint8_t *was = malloc(len);
	bool any = false;

	if (was != NULL)
		memcpy(was, p, len);
	while ((s = step_for(t, point, at, &from)) != NULL) {
		if (s->action != DJ_ACT_FLIP || len == 0)
			continue;
		flip(p, len, s->a);
		any = true;
		t->done++;
	}
	/* Two flips of one bit are none. */
	if (was != NULL && memcmp(was, p, len) == 0)
		any = false;
	free(was);
	t->has_changed[point] |= any;
	return any;
}

static void change(uint32_t *field, const struct dj_plan_step *s)
{
	*field = (uint32_t)s->value + (s->action == DJ_ACT_ADD ? *field : 0);
}

static void change_line(struct dj_hc_host *h, const struct dj_plan_step *s)
{
	uint32_t *const to[DJ_FIELD_COUNT] = {
		[DJ_FIELD_MAGIC] = &h->magic,
		[DJ_FIELD_ATTENTION] = &h->attention,
		[DJ_FIELD_REPLY_SEQ] = &h->reply_seq,
		[DJ_FIELD_FAILED] = &h->error,
		[DJ_FIELD_IN_HEAD] = &h->in_head,
		[DJ_FIELD_OUT_TAIL] = &h->out_tail,
		[DJ_FIELD_LEN] = &h->len,
		[DJ_FIELD_ZERO] = &h->zero,
	};

	if (s->field == DJ_FIELD_VALUE)
		h->value = s->value + (s->action == DJ_ACT_ADD ? h->value : 0);
	else if (to[s->field] != NULL)
		change(to[s->field], s);
}

bool dj_tap_line(struct dj_tap *t, enum dj_plan_point point,
	struct dj_hc_host *line)
{
	struct dj_hc_host was = *line;
	uint32_t at = t->seen[point]++;
	size_t from = 0;
	const struct dj_plan_step *s;

	while ((s = step_for(t, point, at, &from)) != NULL) {
		if (s->action == DJ_ACT_SET || s->action == DJ_ACT_ADD)
			change_line(line, s);
		else if (s->action == DJ_ACT_FLIP)
			flip((uint8_t *)line, sizeof(*line), s->a);
		else
			continue;
		t->done++;
	}
	if (memcmp(&was, line, sizeof(was)) == 0)
		return false;
	t->has_changed[point] = true;
	return true;
}

/* ---- frames ---- */

static enum dj_plan_point point_of(enum dj_tap_way way, uint8_t type)
{
	if (way == DJ_TAP_C2K && type == DJ_FRAME_HELLO)
		return DJ_POINT_HELLO;
	if (way == DJ_TAP_C2K && type == DJ_FRAME_OPEN)
		return DJ_POINT_OPEN;
	if (way == DJ_TAP_C2K)
		return DJ_POINT_C2K;
	if (type == DJ_FRAME_OFFER)
		return DJ_POINT_OFFER;
	if (type == DJ_FRAME_EVIDENCE)
		return DJ_POINT_EVIDENCE;
	return type == DJ_FRAME_ERROR ? DJ_POINT_ERROR : DJ_POINT_K2C;
}

static void set_header(uint8_t *f, const struct dj_plan_step *s)
{
	static const struct {
		uint8_t off, size;
	} places[] = { { 0, 1 }, { 1, 1 }, { 2, 2 }, { 4, 4 } };
	uint64_t v = s->value;
	uint64_t was = 0;

	if (s->field > DJ_FIELD_LENGTH)
		return;
	for (unsigned i = 0; i < places[s->field].size; i++)
		was = was << 8 | f[places[s->field].off + i];
	if (s->action == DJ_ACT_ADD)
		v += was;
	for (unsigned i = places[s->field].size; i > 0; i--, v >>= 8)
		f[places[s->field].off + i - 1] = (uint8_t)v;
}

/* A frame in hand, with room to grow. */
struct hand {
	uint8_t *p;
	size_t len;
	unsigned copies;
	bool is_held;
	uint32_t after;
};

static void replace(const struct dj_tap *t, enum dj_plan_point point,
	size_t cap, struct hand *h)
{
	if (t->old == NULL || t->old->frame[point] == NULL ||
		t->old->len[point] > cap) {
		h->copies = 0;
		return;
	}
	memcpy(h->p, t->old->frame[point], t->old->len[point]);
	h->len = t->old->len[point];
}

static void act(struct dj_tap *t, enum dj_plan_point point,
	const struct dj_plan_step *s, size_t cap, struct hand *h)
{
	size_t n;

	t->done++;
	switch (s->action) {
	case DJ_ACT_DROP:
		h->copies = 0;
		break;
	case DJ_ACT_REPEAT:
		h->copies = 2;
		break;
	case DJ_ACT_SWAP:
	case DJ_ACT_DELAY:
		h->is_held = true;
		h->after = s->action == DJ_ACT_SWAP ? 1 : s->a % 64;
		break;
	case DJ_ACT_REPLACE:
		replace(t, point, cap, h);
		break;
	case DJ_ACT_CLOSE:
		t->is_closed = true;
		h->copies = 0;
		break;
	case DJ_ACT_FLIP:
		flip(h->p, h->len, s->a);
		break;
	case DJ_ACT_CUT:
		h->len -= s->a < h->len ? s->a : h->len;
		break;
	case DJ_ACT_GROW:
		n = s->a % GROW_MAX;
		n = n < cap - h->len ? n : cap - h->len;
		memset(h->p + h->len, 0x5a, n);
		h->len += n;
		break;
	case DJ_ACT_SET:
	case DJ_ACT_ADD:
		if (h->len >= DJ_FRAME_HEADER)
			set_header(h->p, s);
		break;
	case DJ_ACT_KILL:
		t->is_killed |= s->a == DJ_KILL_KEEP;
		t->is_closed |= s->a == DJ_KILL_CLIENT;
		break;
	case DJ_ACT_PASS:
	case DJ_ACT_SCRIBBLE:
	case DJ_ACT_KICK:
	case DJ_ACT_COUNT:
		break;
	}
}

bool dj_tap_idle(struct dj_tap *t, enum dj_tap_way way, dj_tap_emit *emit,
	void *ctx)
{
	struct dj_tap_held h = t->held[way];

	if (h.frame == NULL)
		return false;
	t->held[way] = (struct dj_tap_held){ 0 };
	emit(ctx, h.frame, h.len);
	free(h.frame);
	return true;
}

/*
 * Does what goes on begin with the frame that came? Bytes behind a whole
 * frame are a frame of their own, and what a cut took off, a second copy may
 * put back by chance.
 */
static bool begins_with(const struct hand *h, const uint8_t *frame, size_t len)
{
	if (h->len * h->copies < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (h->p[i % h->len] != frame[i])
			return false;
	return true;
}

void dj_tap_frame(struct dj_tap *t, enum dj_tap_way way, const uint8_t *frame,
	size_t len, dj_tap_emit *emit, void *ctx)
{
	enum dj_plan_point point = point_of(way, frame[0]);
	uint32_t at = t->seen[point]++;
	size_t cap = len + GROW_MAX;
	struct hand h = { .p = malloc(cap), .len = len, .copies = 1 };
	const struct dj_plan_step *s;
	size_t from = 0;

	remember(t->mine, point, frame, len);
	if (h.p == NULL) {
		t->is_closed = true;
		return;
	}
	memcpy(h.p, frame, len);
	while ((s = step_for(t, point, at, &from)) != NULL)
		act(t, point, s, cap, &h);
	if (h.copies != 0 && !begins_with(&h, frame, len))
		t->has_changed[point] = true;
	if (h.is_held && h.copies != 0 && t->held[way].frame == NULL) {
		t->held[way] = (struct dj_tap_held){ h.p, h.len, h.after };
		return;
	}
	for (unsigned i = 0; i < h.copies && h.len != 0; i++)
		emit(ctx, h.p, h.len);
	free(h.p);
	if (t->held[way].frame != NULL && t->held[way].after-- <= 1)
		(void)dj_tap_idle(t, way, emit, ctx);
}
