// SPDX-License-Identifier: Apache-2.0
#include "emu/pem.h"

#include <stdbool.h>
#include <string.h>

static const char begin[] = "-----BEGIN EC PRIVATE KEY-----\n";
static const char end[] = "-----END EC PRIVATE KEY-----";

static int sextet(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c == '\0' ? NULL : strchr(digits, c);

	return p == NULL ? -1 : (int)(p - digits);
}

/* Base64 up to the first '-'; false unless it is exactly want bytes. */
static bool decode(const char *p, const char *stop, uint8_t *dst, size_t want)
{
	uint32_t bits = 0;
	size_t n = 0;
	int count = 0;

	for (; p < stop && *p != '-' && *p != '='; p++) {
		int v = sextet(*p);

		if (*p == '\n' || *p == '\r')
			continue;
		if (v < 0 || (n == want && count == 0))
			return false;
		bits = bits << 6 | (uint32_t)v;
		count += 6;
		if (count >= 8) {
			if (n == want)
				return false;
			count -= 8;
			dst[n++] = (uint8_t)(bits >> count);
		}
	}
	return n == want;
}

const char *dj_emu_pem_key(const char *pem, size_t len, uint8_t *dst,
	size_t want)
{
	const size_t skip = sizeof(begin) - 1;

	if (len < skip || memcmp(pem, begin, skip) != 0 ||
		memmem(pem, len, end, sizeof(end) - 1) == NULL)
		return "this is not a PEM file with an EC PRIVATE KEY";
	return decode(pem + skip, pem + len, dst, want)
		? NULL
		: "this is not a key of that size as donjon-emu writes it";
}
