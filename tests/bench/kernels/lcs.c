// SPDX-License-Identifier: Apache-2.0
/* Edit distance of two strings of 9,000 letters: rows of a table. */
#include <stdint.h>
#include <stdio.h>

#define N 9000

static uint8_t s[N], t[N];
static int row[2][N + 1];

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

int main(void)
{
	unsigned seed = 3;

	for (int i = 0; i < N; i++) {
		seed = seed * 1103515245 + 12345;
		s[i] = (seed >> 16) % 4;
		seed = seed * 1103515245 + 12345;
		t[i] = (seed >> 16) % 4;
	}
	for (int j = 0; j <= N; j++)
		row[0][j] = j;
	for (int i = 1; i <= N; i++) {
		const int *old = row[(i - 1) % 2];
		int *now = row[i % 2];

		now[0] = i;
		for (int j = 1; j <= N; j++) {
			int best = old[j - 1] + (s[i - 1] != t[j - 1]);

			best = smaller(best, old[j] + 1);
			now[j] = smaller(best, now[j - 1] + 1);
		}
	}
	printf("%d\n", row[N % 2][N]);
	return 0;
}
