// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A layout shown to people: a report or quote, field by field. Each layout is
 * a table; nothing here judges.
 */
enum dj_field_shown {
	DJ_FIELD_NUMBER,   /* little-endian: 0x and digits, no leading zeros */
	DJ_FIELD_BYTES,    /* as they stand */
	DJ_FIELD_RESERVED, /* 0x0, and bytes only where there should be none */
};

#define DJ_FIELD_MAX 368 /* bytes of one */

struct dj_field {
	uint16_t off, len; /* at most DJ_FIELD_MAX */
	enum dj_field_shown shown;
	const char *name;
};

typedef void dj_field_say(void *ctx, size_t off, size_t len, const char *name,
	const char *value);

/* Calls say for each of count fields of buf, which holds all of them. */
void dj_fields_show(const struct dj_field *fields, size_t count,
	const uint8_t *buf, dj_field_say *say, void *ctx);
