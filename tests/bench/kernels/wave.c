// SPDX-License-Identifier: Apache-2.0
/* The wave equation in three dimensions, f32, 64 x 64 x 64, 200 steps. */
#include <stdio.h>

#define N     64
#define STEPS 200

static float u[3][N][N][N];

static void step(float (*next)[N][N], float (*now)[N][N], float (*old)[N][N])
{
	for (int i = 1; i < N - 1; i++)
		for (int j = 1; j < N - 1; j++)
			for (int k = 1; k < N - 1; k++) {
				float sum = now[i - 1][j][k] +
					now[i + 1][j][k] + now[i][j - 1][k] +
					now[i][j + 1][k] + now[i][j][k - 1] +
					now[i][j][k + 1];

				next[i][j][k] = 2 * now[i][j][k] -
					old[i][j][k] +
					0.1f * (sum - 6 * now[i][j][k]);
			}
}

int main(void)
{
	double sum = 0;

	u[0][N / 2][N / 2][N / 3] = u[1][N / 2][N / 2][N / 3] = 1000;
	for (int t = 0; t < STEPS; t++)
		step(u[(t + 2) % 3], u[(t + 1) % 3], u[t % 3]);
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			sum += u[(STEPS + 1) % 3][i][j][(i + j) % N];
	printf("%.3f\n", sum);
	return 0;
}
