// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/mktar.h"

#define BLOCK 512

static uint8_t *room(struct mktar *t, size_t len)
{
	uint8_t *p = realloc(t->p, t->len + len);

	if (p == NULL)
		abort();
	t->p = p;
	p += t->len;
	t->len += len;
	return memset(p, 0, len);
}

void mktar_sum(struct mktar *t, size_t off)
{
	uint8_t *h = t->p + off;
	unsigned sum = 0;
	char text[16];

	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += h[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h + 148, text, 7);
}

void mktar_header(struct mktar *t, const char *name, char type, uint64_t size,
	const char *link)
{
	uint8_t *h = room(t, BLOCK);
	size_t off = t->len - BLOCK;
	char text[32];

	memcpy(h, name, strlen(name) < 100 ? strlen(name) : 100);
	memcpy(h + 100, "0000644", 7);
	memcpy(h + 108, "0000000", 7);
	memcpy(h + 116, "0000000", 7);
	snprintf(text, sizeof(text), "%011" PRIo64, size);
	memcpy(h + 124, text, 11);
	memcpy(h + 136, "00000000144", 11); /* 100 s after 1970 */
	h[156] = (uint8_t)type;
	if (link != NULL)
		memcpy(h + 157, link, strlen(link) < 100 ? strlen(link) : 100);
	memcpy(h + 257, "ustar", 6);
	memcpy(h + 263, "00", 2);
	mktar_sum(t, off);
}

void mktar_data(struct mktar *t, const void *p, size_t len)
{
	if (len != 0)
		memcpy(room(t, (len + BLOCK - 1) / BLOCK * BLOCK), p, len);
}

void mktar_extended(struct mktar *t, const char *records)
{
	mktar_header(t, "x", 'x', strlen(records), NULL);
	mktar_data(t, records, strlen(records));
}

void mktar_record(char *dst, size_t cap, const char *key, const char *value)
{
	size_t body = strlen(key) + strlen(value) + 3, len = body, before;

	do {
		before = len;
		len = body + (size_t)snprintf(NULL, 0, "%zu", len);
	} while (len != before);
	snprintf(dst, cap, "%zu %s=%s\n", len, key, value);
}

void mktar_file(struct mktar *t, const char *name, const char *contents)
{
	mktar_header(t, name, '0', strlen(contents), NULL);
	mktar_data(t, contents, strlen(contents));
}

void mktar_end(struct mktar *t)
{
	(void)room(t, (size_t)2 * BLOCK);
}

void mktar_free(struct mktar *t)
{
	free(t->p);
	*t = (struct mktar){ 0 };
}
