// SPDX-License-Identifier: Apache-2.0
/* Sieve of Eratosthenes to 4,000,000, 3 times: byte stores, short loops. */
#include <stdio.h>
#include <string.h>

#define N 4000000

static unsigned char composite[N + 1];

int main(void)
{
	unsigned long primes = 0;

	for (int round = 0; round < 3; round++) {
		memset(composite, 0, sizeof(composite));
		for (unsigned i = 2; i * i <= N; i++) {
			if (composite[i])
				continue;
			for (unsigned j = i * i; j <= N; j += i)
				composite[j] = 1;
		}
		for (unsigned i = 2; i <= N; i++)
			primes += !composite[i];
	}
	printf("%lu\n", primes);
	return 0;
}
