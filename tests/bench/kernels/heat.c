// SPDX-License-Identifier: Apache-2.0
/* A stencil of five points over a plane of f64, 600 x 600, 240 steps. */
#include <stdio.h>

#define N 600

static double a[N][N], b[N][N];

static void step(double (*to)[N], double (*from)[N])
{
	for (int i = 1; i < N - 1; i++)
		for (int j = 1; j < N - 1; j++)
			to[i][j] = 0.2 *
				(from[i][j] + from[i][j - 1] + from[i][j + 1] +
					from[i - 1][j] + from[i + 1][j]);
}

int main(void)
{
	double sum = 0;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			a[i][j] = b[i][j] = i * (j + 2) % 100;
	for (int t = 0; t < 120; t++) {
		step(b, a);
		step(a, b);
	}
	for (int i = 0; i < N; i++)
		sum += a[i][i] - a[i][N - 1 - i] * 0.5;
	printf("%.6e\n", sum);
	return 0;
}
