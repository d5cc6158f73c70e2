// SPDX-License-Identifier: Apache-2.0
/* Gram-Schmidt: an orthogonal base of 400 vectors of 500 f64, by columns. */
#include <math.h>
#include <stdio.h>

#define ROWS 500
#define COLS 400

static double a[ROWS][COLS], q[ROWS][COLS], r[COLS][COLS];

int main(void)
{
	double sum = 0;

	for (int i = 0; i < ROWS; i++)
		for (int j = 0; j < COLS; j++)
			a[i][j] = (i * j % 17) + (i == j) * 40;
	for (int k = 0; k < COLS; k++) {
		double norm = 0;

		for (int i = 0; i < ROWS; i++)
			norm += a[i][k] * a[i][k];
		r[k][k] = sqrt(norm) + 1e-9;
		for (int i = 0; i < ROWS; i++)
			q[i][k] = a[i][k] / r[k][k];
		for (int j = k + 1; j < COLS; j++) {
			double dot = 0;

			for (int i = 0; i < ROWS; i++)
				dot += q[i][k] * a[i][j];
			r[k][j] = dot;
			for (int i = 0; i < ROWS; i++)
				a[i][j] -= q[i][k] * dot;
		}
	}
	for (int k = 0; k < COLS; k++)
		sum += r[k][k];
	printf("%.6e\n", sum);
	return 0;
}
