// SPDX-License-Identifier: Apache-2.0
/*
 * The program of a session whose Keep is disturbed: reads all of its input,
 * works with it for a while, grows its memory, asks for the time, and prints
 * what tests/vm_session/main.c knows it must.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(void)
{
	static unsigned char in[65536];
	size_t len = fread(in, 1, sizeof(in), stdin);
	uint64_t h = 0xcbf29ce484222325;
	struct timespec ts;

	for (int round = 0; round < 8; round++) {
		unsigned char *p = malloc(1 << 18);

		if (p == NULL || clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
			return 1;
		memset(p, round, 1 << 18);
		for (size_t i = 0; i < 4 * len; i++)
			h = (h ^ in[i % len] ^ p[i]) * 0x100000001b3;
		printf("%016llx\n", (unsigned long long)h);
		fflush(stdout);
	}
	return 0;
}
