// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/fields.h"

#include "lib/base/zero.h"

static const char digits[] = "0123456789abcdef";

static void hex(const uint8_t *p, size_t len, char *dst)
{
	for (size_t i = 0; i < len; i++) {
		*dst++ = digits[p[i] >> 4];
		*dst++ = digits[p[i] & 15];
	}
	*dst = '\0';
}

/* 0x and the digits of a little-endian number, without leading zeros. */
static void number(const uint8_t *p, size_t len, char *dst)
{
	size_t i = 2 * len;

	*dst++ = '0';
	*dst++ = 'x';
	while (i > 1 && (p[(i - 1) / 2] >> ((i - 1) % 2 * 4) & 15) == 0)
		i--;
	for (; i > 0; i--)
		*dst++ = digits[p[(i - 1) / 2] >> ((i - 1) % 2 * 4) & 15];
	*dst = '\0';
}

void dj_fields_show(const struct dj_field *fields, size_t count,
	const uint8_t *buf, dj_field_say *say, void *ctx)
{
	char text[2 * DJ_FIELD_MAX + 1];

	for (size_t i = 0; i < count; i++) {
		const struct dj_field *f = &fields[i];
		const uint8_t *p = buf + f->off;

		if (f->shown == DJ_FIELD_NUMBER)
			number(p, f->len, text);
		else if (f->shown == DJ_FIELD_RESERVED && dj_is_zero(p, f->len))
			number(p, 1, text);
		else
			hex(p, f->len, text);
		say(ctx, f->off, f->len, f->name, text);
	}
}
