// SPDX-License-Identifier: Apache-2.0
#include "tests/scan/scanner.h"

#include <err.h>
#include <stdbool.h>
#include <string.h>

#define WINDOW 8
#define TABLE  (1u << 18)
#define SECRET SCANNER_SECRET_MAX

struct window {
	uint64_t v; /* 0: the slot is free (a zero window is never searched) */
	uint64_t tail; /* hex: the next 8 digits, for a window of 8 bytes */
	bool has_tail;
	const char *name;
	const char *shape;
};

static struct window table[TABLE];
static uint8_t filter[1u << 21]; /* one bit a hash: most bytes end here */
static uint32_t used[TABLE / 2]; /* slots, to empty them again */
static uint32_t windows;

static uint64_t mix(uint64_t v)
{
	return v * 0x9e3779b97f4a7c15u;
}

/* Windows of little meaning would be found everywhere. */
static bool is_plain(const uint8_t *p)
{
	unsigned distinct = 0;
	uint8_t seen[256] = { 0 };

	for (int i = 0; i < WINDOW; i++) {
		distinct += seen[p[i]] == 0;
		seen[p[i]] = 1;
	}
	return distinct < 4;
}

static const char *adding;

static void add(const uint8_t *p, size_t len, bool has_tail, const char *shape)
{
	size_t size = has_tail ? 2 * WINDOW : WINDOW;

	for (size_t i = 0; i + size <= len; i++) {
		uint64_t v, h;
		uint64_t tail = 0;
		uint32_t at;

		if (is_plain(p + i))
			continue;
		memcpy(&v, p + i, WINDOW);
		if (has_tail)
			memcpy(&tail, p + i + WINDOW, WINDOW);
		h = mix(v);
		at = (uint32_t)(h >> 46);
		while (table[at].v != 0)
			at = (at + 1) % TABLE;
		if (windows == TABLE / 2)
			errx(2, "too many windows");
		used[windows++] = at;
		table[at] = (struct window){ v, tail, has_tail, adding, shape };
		filter[h >> 43] |= (uint8_t)(1u << ((h >> 40) & 7));
	}
}

static void add_reversed(const uint8_t *p, size_t len, size_t word,
	const char *shape)
{
	uint8_t b[SECRET];

	for (size_t phase = 0; phase < word; phase++) {
		size_t n = phase < len ? (len - phase) / word * word : 0;

		for (size_t i = 0; i < n; i++)
			b[i] = p[phase + i / word * word + word - 1 - i % word];
		add(b, n, false, shape);
	}
}

static void add_text(const uint8_t *p, size_t len)
{
	static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t s[2 * SECRET];
	size_t n;

	for (int upper = 0; upper < 2; upper++) {
		for (size_t i = 0; i < len; i++) {
			const char *d =
				upper ? "0123456789ABCDEF" : "0123456789abcdef";

			s[2 * i] = (uint8_t)d[p[i] >> 4];
			s[2 * i + 1] = (uint8_t)d[p[i] & 15];
		}
		add(s, 2 * len, true, upper ? "HEX" : "hex");
	}
	for (size_t phase = 0; phase < 3; phase++) {
		n = 0;
		for (size_t i = phase; i + 3 <= len; i += 3) {
			uint32_t v = (uint32_t)p[i] << 16 |
				(uint32_t)p[i + 1] << 8 | p[i + 2];

			for (int k = 18; k >= 0; k -= 6)
				s[n++] = (uint8_t)b64[v >> k & 63];
		}
		add(s, n, false, "base64");
	}
}

void scanner_add(const char *name, const uint8_t *p, size_t len)
{
	uint8_t inv[SECRET];

	if (len > SECRET)
		errx(2, "%s is too long", name);
	adding = name;
	for (size_t i = 0; i < len; i++)
		inv[i] = (uint8_t)~p[i];
	add(p, len, false, "raw");
	add(inv, len, false, "complement");
	add_reversed(p, len, 2, "reversed 2");
	add_reversed(p, len, 4, "reversed 4");
	add_reversed(p, len, 8, "reversed 8");
	add_text(p, len);
}

uint32_t scanner_windows(void)
{
	return windows;
}

void scanner_reset(void)
{
	for (uint32_t i = 0; i < windows; i++) {
		filter[mix(table[used[i]].v) >> 43] = 0;
		table[used[i]].v = 0;
	}
	windows = 0;
}

/* The window that begins at p, of which left bytes may be read, or NULL. */
static const struct window *find(const uint8_t *p, size_t left)
{
	uint64_t v, h, tail;
	uint32_t at;

	memcpy(&v, p, WINDOW);
	h = mix(v);
	if ((filter[h >> 43] >> ((h >> 40) & 7) & 1) == 0)
		return NULL;
	for (at = (uint32_t)(h >> 46); table[at].v != 0;
		at = (at + 1) % TABLE) {
		if (table[at].v != v)
			continue;
		if (!table[at].has_tail)
			return &table[at];
		if (left < 2 * WINDOW)
			continue;
		memcpy(&tail, p + WINDOW, WINDOW);
		if (tail == table[at].tail)
			return &table[at];
	}
	return NULL;
}

size_t scanner_scan(const uint8_t *p, size_t len, scanner_hit *hit, void *ctx)
{
	size_t hits = 0;

	for (size_t i = 0; i + WINDOW <= len; i++) {
		const struct window *w = find(p + i, len - i);

		if (w == NULL)
			continue;
		hits++;
		if (hit != NULL)
			hit(ctx, i, w->name, w->shape);
	}
	return hits;
}
