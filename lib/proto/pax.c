// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/pax.h"

#include <string.h>

#define BLOCK      DJ_PAX_BLOCK
#define FIELD      100                    /* of a name or target in a header */
#define SIZE_MAX_8 UINT64_C(077777777777) /* eleven octal digits */

_Static_assert(2 * (DJ_PAX_NAME_MAX + 32) + 64 + 3 * BLOCK <= DJ_PAX_HEADER_MAX,
	"the longest member has room");

static void octal(uint8_t *dst, size_t width, uint64_t v)
{
	for (size_t i = width - 1; i > 0; i--, v >>= 3)
		dst[i - 1] = (uint8_t)('0' + (v & 7));
	dst[width - 1] = '\0';
}

static size_t at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

/* A ustar header; a name that is too long is cut, its x-header has it all. */
static void header(uint8_t *h, const struct dj_pax *m, char type, uint64_t size)
{
	static const char magic[8] = "ustar\00000";
	unsigned sum = 0;
	size_t n = at_most(m->path_len, FIELD);

	memset(h, 0, BLOCK);
	memcpy(h, m->path, n);
	if (type == '5' && n < FIELD)
		h[n] = '/';
	octal(h + 100, 8, m->mode & 0777);
	octal(h + 108, 8, 0);
	octal(h + 116, 8, 0);
	octal(h + 124, 12, size);
	octal(h + 136, 12, m->mtime > SIZE_MAX_8 ? 0 : m->mtime);
	memset(h + 148, ' ', 8);
	h[156] = (uint8_t)type;
	if (type == '2')
		memcpy(h + 157, m->target, at_most(m->target_len, FIELD));
	memcpy(h + 257, magic, sizeof(magic));
	octal(h + 329, 8, 0);
	octal(h + 337, 8, 0);
	for (size_t i = 0; i < BLOCK; i++)
		sum += h[i];
	octal(h + 148, 7, sum);
}

static size_t digits_of(uint64_t v)
{
	size_t n = 1;

	for (; v >= 10; v /= 10)
		n++;
	return n;
}

static size_t decimal(uint8_t *dst, uint64_t v)
{
	size_t n = digits_of(v);

	for (size_t i = n; i > 0; i--, v /= 10)
		dst[i - 1] = (uint8_t)('0' + v % 10);
	return n;
}

/* "LEN key=value\n", where LEN counts itself. */
static size_t record(uint8_t *dst, const char *key, const char *value,
	size_t len, const char *end)
{
	size_t rest = strlen(key) + len + strlen(end) + 3, at;
	size_t digits = digits_of(rest + digits_of(rest));

	at = decimal(dst, rest + digits);
	dst[at++] = ' ';
	memcpy(dst + at, key, strlen(key));
	at += strlen(key);
	dst[at++] = '=';
	memcpy(dst + at, value, len);
	at += len;
	memcpy(dst + at, end, strlen(end));
	at += strlen(end);
	dst[at++] = '\n';
	return at;
}

/* The x-header's contents; 0: none is needed. */
static size_t records(const struct dj_pax *m, uint8_t *dst)
{
	const char *slash = m->type == '5' ? "/" : "";
	uint8_t number[20];
	size_t at = 0;

	if (m->path_len + strlen(slash) > FIELD)
		at += record(dst, "path", m->path, m->path_len, slash);
	if (m->type == '2' && m->target_len > FIELD)
		at += record(dst + at, "linkpath", m->target, m->target_len,
			"");
	if (m->type == '0' && m->size > SIZE_MAX_8)
		at += record(dst + at, "size", (const char *)number,
			decimal(number, m->size), "");
	return at;
}

size_t dj_pax_header(const struct dj_pax *m,
	uint8_t dst[static DJ_PAX_HEADER_MAX])
{
	static const struct dj_pax extended = { .path = "pax",
		.path_len = 3,
		.mode = 0644 };
	uint64_t size = m->type == '0' ? m->size : 0;
	size_t at = 0, len;

	if (m->path_len > DJ_PAX_NAME_MAX ||
		(m->type == '2' && m->target_len > DJ_PAX_NAME_MAX))
		return 0;
	len = records(m, dst + BLOCK);
	if (len != 0) {
		header(dst, &extended, 'x', len);
		memset(dst + BLOCK + len, 0, dj_pax_padding(len));
		at = BLOCK + len + dj_pax_padding(len);
	}
	header(dst + at, m, m->type, size > SIZE_MAX_8 ? 0 : size);
	return at + BLOCK;
}
