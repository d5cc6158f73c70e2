// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * A strict reader of TOML 1.0 (https://toml.io/en/v1.0.0), for policies and
 * Donjon.toml. Strict: what the specification calls invalid is refused, with
 * line, column and what was expected; a key given twice is refused; nothing
 * is guessed. Dates and times are checked and kept as text. Text must be
 * UTF-8; a byte-order mark is not accepted.
 *
 * A document owns all values; they live until dj_toml_free(). Input text is
 * not kept. Every value and key knows where it began, lines and columns from
 * 1, columns in bytes.
 */
#define DJ_TOML_SIZE_MAX  ((size_t)1 << 20)
#define DJ_TOML_DEPTH_MAX 32 /* arrays and tables inside each other */

enum dj_toml_type {
	DJ_TOML_STRING,
	DJ_TOML_INTEGER,
	DJ_TOML_FLOAT,
	DJ_TOML_BOOLEAN,
	DJ_TOML_DATETIME, /* any of the four kinds; text as written */
	DJ_TOML_ARRAY,
	DJ_TOML_TABLE,
};

struct dj_toml_value {
	enum dj_toml_type type;
	unsigned line, col;
	/* STRING, DATETIME: len bytes and a NUL after them. A string may hold
	 * a NUL of its own (\u0000); dj_toml_text() refuses those. */
	const char *text;
	size_t len;
	int64_t integer;
	double number;
	bool boolean;
	/* ARRAY, TABLE: members in the order of the text, a linked list. */
	struct dj_toml_value *first;
	size_t count;
	/* Of a member of a table: its key, as text; NULL in arrays. */
	const char *key;
	size_t key_len;
	unsigned key_line, key_col;
	struct dj_toml_value *next;
	/* The parser's own. */
	struct dj_toml_value *last;
	uint8_t origin;
};

struct dj_toml_error {
	unsigned line, col;
	char text[200];
};

struct dj_toml;

/*
 * Reads a whole document. DJ_E_INPUT: not TOML; DJ_E_LIMIT: longer or deeper
 * than the limits, DJ_E_NOMEM. *err is set on every failure, *ret on success.
 */
dj_status dj_toml_parse(const char *text, size_t len, struct dj_toml **ret,
	struct dj_toml_error *err);
void dj_toml_free(struct dj_toml *doc); /* NULL is fine */

/* The top table. */
const struct dj_toml_value *dj_toml_root(const struct dj_toml *doc);

/* The member of that name, or NULL; table may be NULL. */
const struct dj_toml_value *dj_toml_get(const struct dj_toml_value *table,
	const char *key);

/* A string without a NUL in it, or NULL for anything else. */
const char *dj_toml_text(const struct dj_toml_value *v);

/* "string", "integer", ... for messages. */
const char *dj_toml_type_name(enum dj_toml_type type);

/* Sets *err to a place and a printf text; returns DJ_E_INPUT. */
dj_status dj_toml_fail(struct dj_toml_error *err, unsigned line, unsigned col,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
