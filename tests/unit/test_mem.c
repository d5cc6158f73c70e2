// SPDX-License-Identifier: Apache-2.0
#include "tests/tap.h"

/* The image's own functions, under names that leave libc's alone. */
#define memcpy  dj_test_memcpy
#define memmove dj_test_memmove
#define memset  dj_test_memset
#define memcmp  dj_test_memcmp
#define memchr  dj_test_memchr
#define strlen  dj_test_strlen
#ifdef __x86_64__
#include "keep/arch/x86_64/mem.c"
#endif
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen

#ifdef __x86_64__
#define SIZE 2048
static uint8_t a[SIZE], b[SIZE], want[SIZE];

static void fill(void)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < SIZE; i++) {
		x = x * 1664525 + 1013904223;
		a[i] = b[i] = want[i] = (uint8_t)(x >> 24);
	}
}

/* All lengths to past each change of method, then some around the last. */
static size_t next(size_t len)
{
	return len < 100 ? len + 1 : len < 500 ? len + 37 : len + 3;
}

static void copies_are_exact_for_every_length_and_alignment(void)
{
	for (size_t len = 0; len < 600; len = next(len)) {
		for (size_t from = 0; from < 17; from += 3) {
			for (size_t to = 0; to < 17; to += 5) {
				fill();
				memcpy(want + 700 + to, a + from, len);
				ok(dj_test_memcpy(b + 700 + to, a + from,
					   len) == b + 700 + to);
				eq_mem(b, want, SIZE);
			}
		}
	}
}

static void moves_are_exact_for_every_overlap(void)
{
	static const int by[] = { -600, -65, -33, -17, -16, -15, -8, -7, -3, -1,
		0, 1, 2, 5, 8, 9, 15, 16, 17, 31, 33, 64, 599 };

	for (size_t len = 0; len < 600; len = next(len)) {
		for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
			fill();
			memmove(want + 700 + by[i], want + 700, len);
			ok(dj_test_memmove(b + 700 + by[i], b + 700, len) ==
				b + 700 + by[i]);
			eq_mem(b, want, SIZE);
		}
	}
}

static void sets_touch_exactly_their_range(void)
{
	for (size_t len = 0; len < 600; len = next(len)) {
		for (size_t to = 0; to < 17; to++) {
			fill();
			memset(want + 16 + to, 0xc3, len);
			ok(dj_test_memset(b + 16 + to, 0x1c3, len) ==
				b + 16 + to);
			eq_mem(b, want, SIZE);
		}
	}
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void comparisons_have_libc_s_sign_at_every_place(void)
{
	for (size_t len = 0; len < 70; len++) {
		fill();
		eq_u64(dj_test_memcmp(a, b, len), 0);
		for (size_t i = 0; i < len; i++) {
			b[i] ^= 0x80;
			eq_u64(sign(dj_test_memcmp(a, b, len)),
				sign(memcmp(a, b, len)));
			b[i] ^= 0x80;
		}
	}
}

static void searches_find_the_first_or_nothing(void)
{
	static const char text[] = "a\xff"
				   "ab";

	ok(dj_test_memchr(text, 'a', 4) == text);
	ok(dj_test_memchr(text, 'b', 4) == text + 3);
	ok(dj_test_memchr(text, 'b', 3) == NULL);
	ok(dj_test_memchr(text, -1, 4) == text + 1);
	ok(dj_test_memchr(text, 0, 5) == text + 4);
	ok(dj_test_memchr(NULL, 0, 0) == NULL);
	eq_u64(dj_test_strlen(""), 0);
	eq_u64(dj_test_strlen(text), 4);
}
#endif

int main(void)
{
#ifdef __x86_64__
	RUN(copies_are_exact_for_every_length_and_alignment);
	RUN(moves_are_exact_for_every_overlap);
	RUN(sets_touch_exactly_their_range);
	RUN(comparisons_have_libc_s_sign_at_every_place);
	RUN(searches_find_the_first_or_nothing);
	return done();
#else
	puts("1..0 # SKIP not an x86-64 machine");
	return 0;
#endif
}
