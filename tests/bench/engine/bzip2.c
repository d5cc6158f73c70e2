// SPDX-License-Identifier: Apache-2.0
/* bzip2's library over data like logs, and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bzlib.h"

#define SIZE (3u << 20)

void bz_internal_error(int code)
{
	fprintf(stderr, "bzip2: error %d\n", code);
	exit(1);
}

static void fill(char *p, size_t len)
{
	unsigned seed = 9, word = 0;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		word = i % 7 == 0 ? seed >> 20 : word * 5 + 3;
		p[i] = (char)(32 + (word % 61 + (seed >> 27)) % 90);
	}
}

int main(void)
{
	unsigned n = SIZE + SIZE / 50 + 600, m = SIZE;
	char *in = malloc(SIZE), *out = malloc(n), *back = malloc(SIZE);

	if (in == NULL || out == NULL || back == NULL)
		return 1;
	fill(in, SIZE);
	if (BZ2_bzBuffToBuffCompress(out, &n, in, SIZE, 9, 0, 0) != BZ_OK ||
		BZ2_bzBuffToBuffDecompress(back, &m, out, n, 0, 0) != BZ_OK ||
		m != SIZE || memcmp(in, back, SIZE) != 0)
		return 1;
	printf("%u\n", n);
	return 0;
}
