// SPDX-License-Identifier: Apache-2.0
#include "host/agent/adversary.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/agent/agent.h"
#include "host/agent/log.h"
#include "lib/proto/frame.h"

/* How long a held frame waits for one to go before it. */
#define IDLE_US   100000
#define IMAGE_MAX ((size_t)4 << 20)

struct dj_adversary {
	struct dj_plan plan;
	struct dj_tap tap;
	struct dj_tap_store mine;
	struct event *ev;
	char text[1024];
	int image; /* memfd, -1: none */
};

/* ---- set-up ---- */

dj_status dj_adversary_read(const char *arg, struct dj_adversary_setup *ret,
	char err[static 256])
{
	char text[DJ_PLAN_TEXT + 1];
	unsigned line = 0;
	char *end;
	ssize_t n;
	dj_status st;
	int fd;

	if (arg[0] >= '0' && arg[0] <= '9') {
		errno = 0;
		ret->seed = strtoull(arg, &end, 10);
		if (errno == 0 && *end == '\0') {
			ret->has_seed = ret->is_on = true;
			return DJ_OK;
		}
	}
	fd = open(arg, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (n < 0)
		snprintf(err, 256, "--adversary: %.120s: %s", arg,
			strerror(errno));
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return DJ_E_SYS;
	st = dj_plan_parse(text, (size_t)n, &ret->plan, &line);
	if (st == DJ_OK) {
		ret->is_on = true;
		return DJ_OK;
	}
	if (st == DJ_E_LIMIT)
		snprintf(err, 256,
			"--adversary: %.120s: more than %d bytes or %d steps",
			arg, DJ_PLAN_TEXT, DJ_PLAN_STEPS);
	else
		snprintf(err, 256,
			"--adversary: %.120s:%u: not a step of a plan", arg,
			line);
	return DJ_E_INPUT;
}

void dj_adversary_setup_done(struct dj_adversary_setup *s)
{
	dj_tap_store_done(&s->old);
}

static void describe(struct dj_adversary *a)
{
	char text[DJ_PLAN_TEXT];
	size_t n = 0;

	if (dj_plan_write(&a->plan, text, sizeof(text)) != DJ_OK)
		return;
	for (const char *p = text; *p != '\0' && n + 3 < sizeof(a->text); p++) {
		if (*p != '\n') {
			a->text[n++] = *p;
		} else if (p[1] != '\0') {
			a->text[n++] = ';';
			a->text[n++] = ' ';
		}
	}
	a->text[n] = '\0';
}

static void put_in_ring(void *ctx, const uint8_t *frame, size_t len);
static void put_in_link(void *ctx, const uint8_t *frame, size_t len);

/* close and kill, out of the way of who asked; frames that were held back. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval idle = { .tv_usec = IDLE_US };
	struct dj_keep *k = arg;
	struct dj_adversary *a = k->adversary;

	(void)fd;
	(void)what;
	if (dj_keep_is_over(k))
		return;
	event_add(a->ev, &idle);
	if (a->tap.is_killed) {
		dj_keep_kill(k, "killed by the adversary");
		return;
	}
	if (a->tap.is_closed) {
		a->tap.is_closed = false;
		dj_relay_cut(k);
	}
	if (k->region != NULL && k->serve.is_up)
		(void)dj_tap_idle(&a->tap, DJ_TAP_C2K, put_in_ring, k);
	if (k->bev != NULL)
		(void)dj_tap_idle(&a->tap, DJ_TAP_K2C, put_in_link, k);
}

static void look_after(struct dj_adversary *a)
{
	if (a->tap.is_closed || a->tap.is_killed)
		event_active(a->ev, EV_TIMEOUT, 0);
}

dj_status dj_adversary_begin(struct dj_keep *k)
{
	static const struct timeval idle = { .tv_usec = IDLE_US };
	struct dj_adversary_setup *s = &k->agent->adversary;
	struct dj_adversary *a;

	if (!s->is_on)
		return DJ_OK;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return DJ_E_SYS;
	k->adversary = a;
	a->image = -1;
	a->plan = s->plan;
	if (s->has_seed)
		dj_plan_random(s->seed++, &a->plan);
	describe(a);
	dj_tap_init(&a->tap, &a->plan, &s->old, &a->mine);
	a->ev = event_new(k->agent->base, -1, 0, on_turn, k);
	if (a->ev == NULL || event_add(a->ev, &idle) != 0)
		return DJ_E_SYS;
	dj_log(DJ_LOG_WARN, "adversary.keep", "keep", k->id, "plan", a->text,
		NULL);
	return DJ_OK;
}

void dj_adversary_over(struct dj_keep *k)
{
	struct dj_adversary *a = k->adversary;

	if (a == NULL)
		return;
	event_del(a->ev);
	dj_log(DJ_LOG_WARN, "adversary.done", "keep", k->id, "steps",
		dj_log_num(a->tap.done), NULL);
}

/* The first session that had an OFFER is what later ones replay. */
void dj_adversary_link_over(struct dj_keep *k)
{
	struct dj_adversary *a = k->adversary;
	struct dj_tap_store *old = &k->agent->adversary.old;

	if (a == NULL || a->mine.frame[DJ_POINT_OFFER] == NULL ||
		old->frame[DJ_POINT_OFFER] != NULL)
		return;
	dj_tap_store_done(old);
	*old = a->mine;
	a->mine = (struct dj_tap_store){ 0 };
}

void dj_adversary_end(struct dj_keep *k)
{
	struct dj_adversary *a = k->adversary;

	if (a == NULL)
		return;
	dj_tap_store_done(&a->mine);
	if (a->ev != NULL)
		event_free(a->ev);
	if (a->image >= 0)
		close(a->image);
	dj_tap_done(&a->tap);
	free(a);
	k->adversary = NULL;
}

const char *dj_adversary_text(const struct dj_keep *k)
{
	return k->adversary == NULL ? NULL : k->adversary->text;
}

/* ---- launch ---- */

void dj_adversary_block(struct dj_keep *k, uint8_t *block, size_t len)
{
	if (k->adversary != NULL)
		(void)dj_tap_bytes(&k->adversary->tap, DJ_POINT_CONFIG, block,
			len);
}

/* A changed copy, which the launcher finds by our descriptor's path. */
void dj_adversary_image(struct dj_keep *k, char *dst, size_t cap)
{
	struct dj_adversary *a = k->adversary;
	uint8_t *p = NULL;
	ssize_t n = -1;
	int from;

	if (a == NULL)
		return;
	from = open(dst, O_RDONLY | O_CLOEXEC);
	if (from >= 0)
		p = malloc(IMAGE_MAX);
	if (p != NULL)
		n = read(from, p, IMAGE_MAX);
	if (from >= 0)
		close(from);
	if (n > 0 && dj_tap_bytes(&a->tap, DJ_POINT_IMAGE, p, (size_t)n)) {
		a->image = memfd_create("donjon-image", MFD_CLOEXEC);
		if (a->image >= 0 && write(a->image, p, (size_t)n) == n)
			snprintf(dst, cap, "/proc/%d/fd/%d", (int)getpid(),
				a->image);
	}
	free(p);
}

/* ---- frames ---- */

static void put_in_ring(void *ctx, const uint8_t *frame, size_t len)
{
	struct dj_keep *k = ctx;
	uint32_t room = dj_serve_in_space(&k->serve);
	uint32_t n = len < room ? (uint32_t)len : room;
	struct dj_serve_span s =
		dj_serve_in_span(&k->serve, k->serve.in_head, n);

	memcpy(s.p[0], frame, s.n[0]);
	if (s.n[1] != 0)
		memcpy(s.p[1], frame + s.n[0], s.n[1]);
	dj_serve_publish_in(&k->serve, n);
	dj_keep_frames_in(k);
}

static void put_in_link(void *ctx, const uint8_t *frame, size_t len)
{
	struct dj_keep *k = ctx;

	evbuffer_add(bufferevent_get_output(k->bev), frame, len);
}

void dj_adversary_to_keep(struct dj_keep *k, const uint8_t *frame, size_t len)
{
	dj_tap_frame(&k->adversary->tap, DJ_TAP_C2K, frame, len, put_in_ring,
		k);
	look_after(k->adversary);
}

void dj_adversary_to_client(struct dj_keep *k, const uint8_t *frames,
	size_t len)
{
	/* A copy: what they lie in is the link's own room for more. */
	uint8_t *p = malloc(len);
	struct dj_frame f;
	size_t at = 0;

	if (p == NULL)
		return;
	memcpy(p, frames, len);
	while (at < len &&
		dj_frame_parse(p + at, DJ_FRAMES_TO_CLIENT, &f) == DJ_OK) {
		dj_tap_frame(&k->adversary->tap, DJ_TAP_K2C, p + at,
			DJ_FRAME_HEADER + f.len, put_in_link, k);
		at += DJ_FRAME_HEADER + f.len;
	}
	free(p);
	look_after(k->adversary);
}

/* ---- the shared region ---- */

static void scribble(struct dj_keep *k, const struct dj_plan_step *s)
{
	if (s != NULL && s->action == DJ_ACT_SCRIBBLE)
		memcpy(k->region + s->a % (DJ_HC_REGION_SIZE - 8), &s->value,
			sizeof(s->value));
}

static void on_event(struct dj_adversary *a)
{
	const struct dj_plan_step *s = dj_tap_step(&a->tap, DJ_POINT_EVENT);

	if (s == NULL || s->action != DJ_ACT_KILL)
		return;
	a->tap.is_killed |= s->a == DJ_KILL_KEEP;
	a->tap.is_closed |= s->a == DJ_KILL_CLIENT;
	look_after(a);
}

void dj_adversary_line(struct dj_keep *k, enum dj_plan_point point)
{
	struct dj_adversary *a = k->adversary;
	struct dj_hc_host line;
	bool is_other;

	if (a == NULL || k->region == NULL)
		return;
	if (point == DJ_POINT_WAIT)
		on_event(a);
	memcpy(&line, k->region + DJ_HC_HOST_OFF, sizeof(line));
	is_other = dj_tap_line(&a->tap, point, &line);
	is_other |= dj_tap_line(&a->tap, DJ_POINT_LINE, &line);
	if (is_other)
		memcpy(k->region + DJ_HC_HOST_OFF, &line, sizeof(line));
	scribble(k, dj_tap_step(&a->tap, DJ_POINT_MEMORY));
}
