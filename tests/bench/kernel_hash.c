// SPDX-License-Identifier: Apache-2.0
/*
 * A hash table under a stream of mixed keys: 64-bit multiplies, shifts,
 * calls, unpredictable branches.
 */
#include <stdint.h>
#include <stdio.h>

#define SLOTS (1u << 16)

static uint64_t keys[SLOTS];
static uint32_t counts[SLOTS];

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

__attribute__((noinline)) static uint32_t add(uint64_t key)
{
	uint32_t at = (uint32_t)mix(key) & (SLOTS - 1);

	while (keys[at] != 0 && keys[at] != key)
		at = (at + 1) & (SLOTS - 1);
	keys[at] = key;
	return ++counts[at];
}

int main(void)
{
	uint64_t x = 88172645463325252u;
	uint64_t sum = 0;

	for (int i = 0; i < 4000000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		sum += add(1 + x % 40000);
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
