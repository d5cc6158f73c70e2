// SPDX-License-Identifier: Apache-2.0
/* All shortest paths of a graph of 500 nodes, i32. */
#include <stdio.h>

#define N 500

static int d[N][N];

int main(void)
{
	unsigned sum = 0;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			d[i][j] = i == j ? 0
				: (i + j) % 13 == 0 || (i + j) % 7 == 0
				? 999
				: i * j % 7 + 1 + (i ^ j) % 50;
	for (int k = 0; k < N; k++)
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j++)
				if (d[i][k] + d[k][j] < d[i][j])
					d[i][j] = d[i][k] + d[k][j];
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			sum = sum * 31 + (unsigned)d[i][j];
	printf("%u\n", sum);
	return 0;
}
