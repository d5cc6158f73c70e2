// SPDX-License-Identifier: Apache-2.0
/* Conway's life on a torus of bytes, 512 x 512, 60 generations. */
#include <stdint.h>
#include <stdio.h>

#define N 512

static uint8_t a[N][N], b[N][N];

static void step(uint8_t (*to)[N], uint8_t (*from)[N])
{
	for (int i = 0; i < N; i++) {
		const uint8_t *up = from[(i + N - 1) % N], *row = from[i];
		const uint8_t *down = from[(i + 1) % N];

		for (int j = 0; j < N; j++) {
			int l = (j + N - 1) % N, r = (j + 1) % N;
			int n = up[l] + up[j] + up[r] + row[l] + row[r] +
				down[l] + down[j] + down[r];

			to[i][j] = n == 3 || (n == 2 && row[j]);
		}
	}
}

int main(void)
{
	unsigned seed = 7, alive = 0;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			seed = seed * 1103515245 + 12345;
			a[i][j] = (seed >> 16) % 3 == 0;
		}
	for (int t = 0; t < 30; t++) {
		step(b, a);
		step(a, b);
	}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			alive += a[i][j];
	printf("%u\n", alive);
	return 0;
}
