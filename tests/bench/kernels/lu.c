// SPDX-License-Identifier: Apache-2.0
/* LU decomposition in place, with pivots, f64, 640 x 640. */
#include <stdio.h>

#define N 640

static double m[N][N];

static int pivot(int k)
{
	int best = k;

	for (int i = k + 1; i < N; i++)
		if (m[i][k] * m[i][k] > m[best][k] * m[best][k])
			best = i;
	return best;
}

int main(void)
{
	unsigned seed = 1;
	double sum = 0;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			seed = seed * 1103515245 + 12345;
			m[i][j] = (double)(seed >> 16 & 1023) - 512;
		}
	for (int k = 0; k < N; k++) {
		int p = pivot(k);

		for (int j = 0; j < N; j++) {
			double t = m[k][j];

			m[k][j] = m[p][j];
			m[p][j] = t;
		}
		for (int i = k + 1; i < N; i++) {
			m[i][k] /= m[k][k];
			for (int j = k + 1; j < N; j++)
				m[i][j] -= m[i][k] * m[k][j];
		}
	}
	for (int i = 0; i < N; i++)
		sum += m[i][i] * (i % 7 - 3);
	printf("%.6e\n", sum);
	return 0;
}
