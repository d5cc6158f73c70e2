// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/base/secret.h"

void dj_wipe(void *p, size_t len)
{
	if (len == 0)
		return;
	memset(p, 0, len);
	/* The memory is "read" here, so the stores above are not dead. */
	__asm__ volatile("" : : "r"(p) : "memory");
}

bool dj_ct_equal(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a;
	const uint8_t *y = b;
	uint32_t diff = 0;

	for (size_t i = 0; i < len; i++)
		diff |= (uint32_t)(x[i] ^ y[i]);
	/* Keeps the compiler from leaving the loop at the first difference. */
	__asm__ volatile("" : "+r"(diff));
	return diff == 0;
}
