// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/compile.h"

/* Numbers of what can be first and second, in the order of their lists. */
#define NUMBER(n) A_##n,
enum {
	DJ_FIRSTS(NUMBER) FIRST_COUNT
};
#undef NUMBER
#define NUMBER(n, w, c) B_##n,
enum {
	DJ_SECONDS(NUMBER) SECOND_COUNT
};
#undef NUMBER

/* One more than these numbers, 0 for what has none. */
static const uint8_t first[DJ_ENGINE_PARTS] = {
#define ROW(n) [DJ_I_##n] = A_##n + 1,
	DJ_FIRSTS(ROW)
#undef ROW
};
static const uint8_t second[DJ_ENGINE_PARTS] = {
#define ROW(n, w, c) [DJ_I_##n] = B_##n + 1,
	DJ_SECONDS(ROW)
#undef ROW
};
static const struct {
	uint8_t w;
	bool commutes;
} seconds[] = {
#define ROW(n, w, c) { w, c },
	DJ_SECONDS(ROW)
#undef ROW
};

struct row { /* in rising order of key */
	uint16_t key, op;
};
static const struct row pairs[] = {
#define ROW(a, b) { A_##a << 8 | B_##b, DJ_I_##a##__##b },
	DJ_PAIRS(ROW)
#undef ROW
};
static const struct row links[] = {
#define ROW(a, b) { A_##a << 8 | B_##b, DJ_I_##a##_to_##b },
	DJ_LINKS(ROW)
#undef ROW
};

/* 0: there is none (that would be the handler that compiles). */
static unsigned look_up(const struct row *rows, size_t n, unsigned key)
{
	size_t lo = 0;

	while (n > 0) {
		size_t half = n / 2;

		if (rows[lo + half].key < key) {
			lo += half + 1;
			n -= half + 1;
		} else if (rows[lo + half].key == key) {
			return rows[lo + half].op;
		} else {
			n = half;
		}
	}
	return 0;
}

/* The handler for the instructions at a and behind it; whether it is a link. */
static unsigned pair_of(uint32_t *code, const struct dj_mark *a, bool *ret_link)
{
	const struct dj_mark *b = a + 1;
	unsigned key, w, op;

	*ret_link = false;
	if (first[a->op] == 0 || second[b->op] == 0)
		return 0;
	key = (first[a->op] - 1u) << 8 | (second[b->op] - 1u);
	w = seconds[second[b->op] - 1].w;
	if (a->has_dst && seconds[second[b->op] - 1].commutes &&
		code[b->at + 3] == code[a->at + 1]) {
		code[b->at + 3] = code[b->at + 2];
		code[b->at + 2] = code[a->at + 1];
	}
	if (a->has_dst && w != 0 && code[b->at + w] == code[a->at + 1]) {
		op = look_up(links, sizeof(links) / sizeof(*links), key);
		*ret_link = op != 0;
		if (op != 0)
			return op;
	}
	return look_up(pairs, sizeof(pairs) / sizeof(*pairs), key);
}

/*
 * Gives neighbours their common handler, from front to back. A pair does not
 * reach over a label, which is where loops begin: they begin with a pair of
 * their own. A link is worth more than a pair before it.
 */
void dj_pair(struct dj_compiler *c)
{
	const struct dj_mark *m = c->s->marks.p;
	bool link, next;
	unsigned op;

	for (uint32_t i = 0; i + 1 < c->mark_count; i++) {
		if (m[i + 1].is_label)
			continue;
		op = pair_of(c->code, &m[i], &link);
		if (op == 0)
			continue;
		if (!link && i + 2 < c->mark_count && !m[i + 2].is_label) {
			(void)pair_of(c->code, &m[i + 1], &next);
			if (next)
				continue;
		}
		c->code[m[i].at] = (uint32_t)c->s->ops[op];
		i++;
	}
}
