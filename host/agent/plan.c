// SPDX-License-Identifier: Apache-2.0
#include "host/agent/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS 5

static const char *const points[DJ_POINT_COUNT] = { "c2k.hello", "c2k.open",
	"c2k.record", "k2c.offer", "k2c.evidence", "k2c.record", "k2c.error",
	"call.line", "call.report", "call.clock", "call.wait", "launch.config",
	"launch.image", "event", "memory", "tenant.record" };

static const char *const fields[DJ_FIELD_COUNT] = { "type", "version",
	"reserved", "length", "magic", "attention", "reply_seq", "error",
	"in_head", "out_tail", "len", "zero", "value", "label" };

static const char *const whos[DJ_KILL_COUNT] = { "keep", "client" };

enum takes {
	TAKES_NOTHING,
	TAKES_NUMBER,
	TAKES_FIELD, /* and a value */
	TAKES_PLACE, /* and a value */
	TAKES_WHO,
};

static const struct {
	const char *name;
	enum takes takes;
} actions[DJ_ACT_COUNT] = {
	[DJ_ACT_PASS] = { "pass", TAKES_NOTHING },
	[DJ_ACT_DROP] = { "drop", TAKES_NOTHING },
	[DJ_ACT_REPEAT] = { "repeat", TAKES_NOTHING },
	[DJ_ACT_SWAP] = { "swap", TAKES_NOTHING },
	[DJ_ACT_REPLACE] = { "replace", TAKES_NOTHING },
	[DJ_ACT_CLOSE] = { "close", TAKES_NOTHING },
	[DJ_ACT_FLIP] = { "flip", TAKES_NUMBER },
	[DJ_ACT_CUT] = { "cut", TAKES_NUMBER },
	[DJ_ACT_GROW] = { "grow", TAKES_NUMBER },
	[DJ_ACT_DELAY] = { "delay", TAKES_NUMBER },
	[DJ_ACT_SET] = { "set", TAKES_FIELD },
	[DJ_ACT_ADD] = { "add", TAKES_FIELD },
	[DJ_ACT_SCRIBBLE] = { "scribble", TAKES_PLACE },
	[DJ_ACT_KILL] = { "kill", TAKES_WHO },
	[DJ_ACT_KICK] = { "kick", TAKES_NOTHING },
};

const char *dj_point_name(enum dj_plan_point p)
{
	return points[p];
}

const char *dj_action_name(enum dj_plan_action a)
{
	return actions[a].name;
}

/* ---- text ---- */

struct word {
	const char *p;
	size_t len;
};

static bool is_word(const struct word *w, const char *name)
{
	return w->len == strlen(name) && memcmp(w->p, name, w->len) == 0;
}

static bool find(const struct word *w, const char *const *names, unsigned count,
	unsigned *ret)
{
	for (unsigned i = 0; i < count; i++) {
		if (is_word(w, names[i])) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool number(const struct word *w, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (w->len == 0 || (w->len > 1 && w->p[0] == '0'))
		return false;
	for (size_t i = 0; i < w->len; i++) {
		if (w->p[i] < '0' || w->p[i] > '9' ||
			__builtin_mul_overflow(v, UINT64_C(10), &v) ||
			__builtin_add_overflow(v, (uint64_t)(w->p[i] - '0'),
				&v))
			return false;
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

/* The words of a line, up to a comment; WORDS + 1: too many. */
static size_t split(const char *p, size_t len, struct word w[static WORDS])
{
	size_t n = 0;
	size_t i = 0;

	for (;;) {
		size_t at;

		while (i < len && (p[i] == ' ' || p[i] == '\t'))
			i++;
		if (i == len || p[i] == '#')
			return n;
		if (n == WORDS)
			return WORDS + 1;
		at = i;
		while (i < len && p[i] != ' ' && p[i] != '\t' && p[i] != '#')
			i++;
		w[n++] = (struct word){ p + at, i - at };
	}
}

static bool read_action(const struct word *w, size_t n, struct dj_plan_step *s)
{
	uint64_t a = 0;
	unsigned i = 0;

	while (i < DJ_ACT_COUNT && !is_word(&w[2], actions[i].name))
		i++;
	if (i == DJ_ACT_COUNT)
		return false;
	s->action = (enum dj_plan_action)i;
	switch (actions[i].takes) {
	case TAKES_NOTHING:
		return n == 3;
	case TAKES_NUMBER:
		if (n != 4 || !number(&w[3], UINT32_MAX, &a))
			return false;
		s->a = (uint32_t)a;
		return true;
	case TAKES_FIELD:
		if (n != 5 || !find(&w[3], fields, DJ_FIELD_COUNT, &i))
			return false;
		s->field = (enum dj_plan_field)i;
		return number(&w[4], UINT64_MAX, &s->value);
	case TAKES_PLACE:
		if (n != 5 || !number(&w[3], UINT32_MAX, &a))
			return false;
		s->a = (uint32_t)a;
		return number(&w[4], UINT64_MAX, &s->value);
	case TAKES_WHO:
		if (n != 4 || !find(&w[3], whos, DJ_KILL_COUNT, &i))
			return false;
		s->a = i;
		return true;
	}
	return false;
}

static bool read_step(const struct word *w, size_t n, struct dj_plan_step *s)
{
	unsigned point;
	uint64_t at;

	if (n < 3 || n > WORDS ||
		!find(&w[0], points, DJ_POINT_COUNT, &point) ||
		!number(&w[1], UINT32_MAX, &at))
		return false;
	*s = (struct dj_plan_step){ .point = (enum dj_plan_point)point,
		.at = (uint32_t)at };
	return read_action(w, n, s);
}

dj_status dj_plan_parse(const char *text, size_t len, struct dj_plan *ret,
	unsigned *ret_line)
{
	struct dj_plan plan = { 0 };
	unsigned line = 0;

	if (len > DJ_PLAN_TEXT)
		return DJ_E_LIMIT;
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end == NULL ? len - at : (size_t)(end - text) - at;
		struct word w[WORDS];
		size_t words = split(text + at, n, w);

		line++;
		at += n + 1;
		if (words == 0)
			continue;
		if (words == 2 && is_word(&w[0], "seed")) {
			if (number(&w[1], UINT64_MAX, &plan.seed))
				continue;
			*ret_line = line;
			return DJ_E_INPUT;
		}
		if (plan.count == DJ_PLAN_STEPS)
			return DJ_E_LIMIT;
		if (!read_step(w, words, &plan.step[plan.count])) {
			*ret_line = line;
			return DJ_E_INPUT;
		}
		plan.count++;
	}
	*ret = plan;
	return DJ_OK;
}

static int write_step(const struct dj_plan_step *s, char *dst, size_t cap)
{
	const char *name = actions[s->action].name;
	int n = 0;

	switch (actions[s->action].takes) {
	case TAKES_NOTHING:
		n = snprintf(dst, cap, "%s %" PRIu32 " %s\n", points[s->point],
			s->at, name);
		break;
	case TAKES_NUMBER:
		n = snprintf(dst, cap, "%s %" PRIu32 " %s %" PRIu32 "\n",
			points[s->point], s->at, name, s->a);
		break;
	case TAKES_FIELD:
		n = snprintf(dst, cap, "%s %" PRIu32 " %s %s %" PRIu64 "\n",
			points[s->point], s->at, name, fields[s->field],
			s->value);
		break;
	case TAKES_PLACE:
		n = snprintf(dst, cap,
			"%s %" PRIu32 " %s %" PRIu32 " %" PRIu64 "\n",
			points[s->point], s->at, name, s->a, s->value);
		break;
	case TAKES_WHO:
		n = snprintf(dst, cap, "%s %" PRIu32 " %s %s\n",
			points[s->point], s->at, name, whos[s->a]);
		break;
	}
	return n;
}

dj_status dj_plan_write(const struct dj_plan *p, char *dst, size_t cap)
{
	int n = snprintf(dst, cap, "seed %" PRIu64 "\n", p->seed);
	size_t at = (size_t)n;

	for (size_t i = 0; n >= 0 && at < cap && i < p->count; i++) {
		n = write_step(&p->step[i], dst + at, cap - at);
		at += (size_t)n;
	}
	return n >= 0 && at < cap ? DJ_OK : DJ_E_LIMIT;
}

/* ---- chance ---- */

uint64_t dj_plan_draw(uint64_t *s)
{
	uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

size_t dj_plan_edges(const uint64_t **ret)
{
	static const uint64_t edges[] = { 0, 1, 2, 7, 8, 9, 255, 0x3fff, 0x4000,
		0x4001, 0x1ffff, 0x20000, 0x20001, INT32_MAX,
		UINT64_C(0x80000000), UINT32_MAX - 1, UINT32_MAX, INT64_MAX,
		UINT64_C(1) << 63, UINT64_MAX };

	*ret = edges;
	return sizeof(edges) / sizeof(edges[0]);
}

static uint32_t below(uint64_t *s, uint32_t n)
{
	return (uint32_t)(dj_plan_draw(s) % n);
}

/* Small ones mostly: what is far away in a session is rarely there. */
static uint32_t small(uint64_t *s, uint32_t max)
{
	uint32_t bits = 1 + below(s, 18);

	return below(s, (UINT32_C(1) << bits)) % (max + 1);
}

static void random_step(uint64_t *s, struct dj_plan_step *ret)
{
	const uint64_t *edges;
	size_t edge_count = dj_plan_edges(&edges);
	bool is_frame;

	*ret = (struct dj_plan_step){ .point = below(s, DJ_POINT_COUNT) };
	is_frame = ret->point < DJ_POINT_FRAMES;
	ret->at = ret->point == DJ_POINT_LINE || ret->point == DJ_POINT_MEMORY
		? below(s, 80)
		: below(s, 10) * below(s, 2);
	ret->action =
		is_frame ? below(s, DJ_ACT_SCRIBBLE) : DJ_ACT_SET + below(s, 2);
	if (ret->point == DJ_POINT_EVENT)
		ret->action = DJ_ACT_KILL + below(s, 2);
	else if (ret->point == DJ_POINT_MEMORY)
		ret->action = DJ_ACT_SCRIBBLE;
	else if (ret->point >= DJ_POINT_CONFIG)
		ret->action = DJ_ACT_FLIP;
	switch (actions[ret->action].takes) {
	case TAKES_NOTHING:
		break;
	case TAKES_NUMBER:
		ret->a = ret->action == DJ_ACT_DELAY ? below(s, 6)
						     : small(s, 131200);
		break;
	case TAKES_FIELD:
		ret->field = is_frame ? DJ_FIELD_TYPE + below(s, 4)
				      : DJ_FIELD_MAGIC + below(s, 10);
		ret->value = below(s, 4) == 0
			? dj_plan_draw(s)
			: edges[below(s, (uint32_t)edge_count)];
		break;
	case TAKES_PLACE:
		ret->a = small(s, 0x47ff8);
		ret->value = below(s, 2) == 0 ? dj_plan_draw(s) : 0;
		break;
	case TAKES_WHO:
		ret->a = below(s, DJ_KILL_COUNT);
		break;
	}
}

void dj_plan_random(uint64_t seed, struct dj_plan *ret)
{
	uint64_t s = seed;

	*ret = (struct dj_plan){ .seed = seed };
	ret->count = 1 + below(&s, 8);
	for (size_t i = 0; i < ret->count; i++)
		random_step(&s, &ret->step[i]);
}
