// SPDX-License-Identifier: Apache-2.0
/* Dense f64 matrix product, 240 x 240, 6 times: loads, multiply-adds. */
#include <stdio.h>

#define N 240

static double a[N][N], b[N][N], c[N][N];

int main(void)
{
	double sum = 0;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = (i * 7 + j) % 13;
			b[i][j] = (i + j * 5) % 11;
		}
	for (int round = 0; round < 6; round++)
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j++) {
				double s = round;

				for (int k = 0; k < N; k++)
					s += a[i][k] * b[k][j];
				c[i][j] = s;
			}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			sum += c[i][j] * (i - j);
	printf("%.1f\n", sum);
	return 0;
}
