// SPDX-License-Identifier: Apache-2.0
/* zstd's library over data like logs: levels 1, 3 and 9, and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zstd.h"

#define SIZE (6u << 20)

static unsigned seed = 5;

static unsigned next(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 12) % n;
}

/* Lines of words from a small vocabulary, with numbers. */
static void fill(char *p, size_t len)
{
	static char words[256][12];
	size_t at = 0;

	for (int i = 0; i < 256; i++)
		for (unsigned k = 0, n = 3 + next(8); k < n; k++)
			words[i][k] = (char)('a' + next(26));
	while (at + 64 < len) {
		at += (size_t)sprintf(p + at, "%s %u ", words[next(256)],
			next(100000));
		for (unsigned k = next(4); k > 0; k--)
			at += (size_t)sprintf(p + at, "%s ", words[next(64)]);
		p[at - 1] = next(5) == 0 ? '\n' : ' ';
	}
	memset(p + at, '.', len - at);
}

int main(void)
{
	static const int levels[] = { 1, 3, 9 };
	size_t cap = ZSTD_compressBound(SIZE);
	char *in = malloc(SIZE), *out = malloc(cap), *back = malloc(SIZE);

	if (in == NULL || out == NULL || back == NULL)
		return 1;
	fill(in, SIZE);
	for (unsigned i = 0; i < 3; i++) {
		size_t n = ZSTD_compress(out, cap, in, SIZE, levels[i]);

		for (int k = 0; k < 4; k++)
			if (ZSTD_isError(n) ||
				ZSTD_decompress(back, SIZE, out, n) != SIZE ||
				memcmp(in, back, SIZE) != 0)
				return 1;
		/* Sizes differ between machines of 32 and 64 bits. */
		printf("level %d: %s\n", levels[i],
			n < SIZE / 2 ? "under a half" : "more");
	}
	return 0;
}
