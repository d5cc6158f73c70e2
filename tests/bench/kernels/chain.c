// SPDX-License-Identifier: Apache-2.0
/* The best order of a product of 700 matrices: intervals, i64. */
#include <stdint.h>
#include <stdio.h>

#define N 700

static int64_t cost[N][N];
static int dim[N + 1];

int main(void)
{
	for (int i = 0; i <= N; i++)
		dim[i] = 10 + i * 37 % 91;
	for (int len = 1; len < N; len++)
		for (int i = 0; i + len < N; i++) {
			int j = i + len;

			cost[i][j] = INT64_MAX;
			for (int k = i; k < j; k++) {
				int64_t c = cost[i][k] + cost[k + 1][j] +
					(int64_t)dim[i] * dim[k + 1] *
						dim[j + 1];

				if (c < cost[i][j])
					cost[i][j] = c;
			}
		}
	printf("%lld\n", (long long)cost[0][N - 1]);
	return 0;
}
