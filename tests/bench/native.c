// SPDX-License-Identifier: Apache-2.0
/*
 * What a Keep adds to native code, by the program's own clock, a line each:
 * a hostcall, memory when it is grown and when it is first touched, and three
 * kernels after that. The least of many short rounds, which other work on
 * the machine disturbs least.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB    (1 << 20)
#define BIG    (32 * MIB)
#define N      96
#define SIEVE  (MIB / 2)
#define CHASE  (2 * MIB)
#define ROUNDS 100

static double a[N][N], b[N][N], c[N][N];
static unsigned char *memory;
static long long hostcall; /* what looking at the clock takes */

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static double matmul(void)
{
	for (int i = 0; i < N; i++) {
		for (int k = 0; k < N; k++) {
			for (int j = 0; j < N; j++)
				c[i][j] += a[i][k] * b[k][j];
		}
	}
	return c[N / 2][N / 3];
}

/* Over many pages: a miss of the TLB costs a VM more. */
static double sieve(void)
{
	unsigned n = 0;

	memset(memory, 0, SIEVE);
	for (unsigned i = 2; i < 40; i++) {
		for (unsigned k = 2 * i; memory[i] == 0 && k < SIEVE; k += i)
			memory[k] = 1;
		n += memory[i];
	}
	return n;
}

/* All over 2 MiB, no two near each other. */
static double chase(void)
{
	unsigned at = 1, sum = 0;

	for (int i = 0; i < 100000; i++) {
		at = at * 1664525 + 1013904223 + memory[at % CHASE];
		sum += at;
	}
	return sum;
}

static void kernel(const char *name, double (*run)(void))
{
	long long best = 0;
	double sink = 0;

	for (int i = 0; i < ROUNDS; i++) {
		long long t = now();

		for (int k = 0; k < 3; k++)
			sink += run();
		t = now() - t - hostcall;
		if (best == 0 || t < best)
			best = t;
	}
	printf("%s %lld\n", name, sink == 0.5 ? 0 : best);
}

int main(void)
{
	long long t = now();

	for (int i = 0; i < 20; i++) {
		long long then = t;

		for (int k = 0; k < 10; k++)
			t = now();
		if (hostcall == 0 || (t - then) / 10 < hostcall)
			hostcall = (t - then) / 10;
	}
	printf("hostcall %lld\n", hostcall);
	t = now();
	memory = malloc(BIG);
	if (memory == NULL)
		return 1;
	printf("grow %lld\n", (now() - t) / (BIG / MIB));
	t = now();
	for (int i = 0; i < BIG; i += 4096)
		memory[i] = 1;
	printf("touch %lld\n", (now() - t) / (BIG / MIB));
	for (int i = 0; i < N * N; i++) {
		a[i / N][i % N] = i % 7;
		b[i / N][i % N] = i % 11;
	}
	kernel("matmul", matmul);
	kernel("sieve", sieve);
	kernel("chase", chase);
	return 0;
}
