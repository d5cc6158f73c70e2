// SPDX-License-Identifier: Apache-2.0
#include "attest/toml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/toml_number.h"

/*
 * Who made a table decides who may add to it: a header may open an implied
 * table, once; dotted keys may add to tables that dotted keys or headers
 * further down implied; nobody adds to an inline one.
 */
enum origin {
	IMPLIED = 0, /* by [a.b]: a */
	HEADER,      /* [a], or an element of [[a]] */
	DOTTED,      /* by a.b = 1: a */
	INLINE,      /* { } and [ ] as values */
	TABLES,      /* the array that [[a]] appends to */
};

#define TABLE_KEYS_MAX 4096 /* looking a key up walks the list */
#define CHUNK          ((size_t)16 << 10)

struct chunk {
	struct chunk *next;
	size_t used, cap;
	_Alignas(16) unsigned char bytes[];
};

struct dj_toml {
	struct chunk *chunks;
	struct dj_toml_value *root;
};

struct parser {
	const char *p, *end, *line_start;
	unsigned line;
	struct dj_toml *doc;
	struct dj_toml_error *err;
	dj_status status; /* of the first failure */
};

/* One part of a key, where it stood. */
struct key {
	const char *text;
	size_t len;
	unsigned line, col;
};

static void *alloc(struct parser *ps, size_t size)
{
	struct chunk *c = ps->doc->chunks;
	size_t n = (size + 15) & ~(size_t)15;

	if (c == NULL || c->cap - c->used < n) {
		size_t cap = n > CHUNK ? n : CHUNK;

		c = malloc(sizeof(*c) + cap);
		if (c == NULL) {
			(void)dj_toml_fail(ps->err, ps->line, 1, "no memory");
			ps->status = DJ_E_NOMEM;
			return NULL;
		}
		c->next = ps->doc->chunks;
		c->used = 0;
		c->cap = cap;
		ps->doc->chunks = c;
	}
	c->used += n;
	return memset(c->bytes + c->used - n, 0, n);
}

dj_status dj_toml_fail(struct dj_toml_error *err, unsigned line, unsigned col,
	const char *fmt, ...)
{
	va_list ap;

	err->line = line;
	err->col = col;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	/* Keys are quoted in messages, and a key may hold anything. */
	for (char *c = err->text; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	return DJ_E_INPUT;
}

static unsigned column(const struct parser *ps, const char *at)
{
	return (unsigned)(at - ps->line_start) + 1;
}

/* Fails here; always false. */
static bool bad(struct parser *ps, const char *what)
{
	if (ps->status == DJ_OK)
		ps->status = dj_toml_fail(ps->err, ps->line, column(ps, ps->p),
			"%s", what);
	return false;
}

static bool too_deep(struct parser *ps)
{
	(void)bad(ps, "nested too deeply");
	ps->status = DJ_E_LIMIT;
	return false;
}

/* The byte at p + i, or NUL at the end: a NUL in the text is refused before
 * anything is parsed. */
static char peek(const struct parser *ps, size_t i)
{
	if ((size_t)(ps->end - ps->p) <= i)
		return '\0';
	return ps->p[i];
}

static bool starts(const struct parser *ps, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(ps->end - ps->p) >= n && memcmp(ps->p, s, n) == 0;
}

/* Length of the newline at p, 0 if there is none. */
static size_t newline_len(const struct parser *ps)
{
	if (peek(ps, 0) == '\n')
		return 1;
	return peek(ps, 0) == '\r' && peek(ps, 1) == '\n' ? 2 : 0;
}

static bool take_newline(struct parser *ps)
{
	size_t n = newline_len(ps);

	ps->p += n;
	if (n != 0) {
		ps->line++;
		ps->line_start = ps->p;
	}
	return n != 0;
}

static void skip_blanks(struct parser *ps)
{
	while (peek(ps, 0) == ' ' || peek(ps, 0) == '\t')
		ps->p++;
}

static bool skip_comment(struct parser *ps)
{
	if (peek(ps, 0) != '#')
		return true;
	while (ps->p < ps->end && newline_len(ps) == 0) {
		unsigned char c = (unsigned char)*ps->p;

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return bad(ps, "a control character in a comment");
		ps->p++;
	}
	return true;
}

/* Blanks, comments and newlines, as between the members of an array. */
static bool skip_lines(struct parser *ps)
{
	do {
		skip_blanks(ps);
		if (!skip_comment(ps))
			return false;
	} while (take_newline(ps));
	return true;
}

/* What may follow a header or a key and its value on its line: nothing. */
static bool end_line(struct parser *ps)
{
	skip_blanks(ps);
	if (!skip_comment(ps))
		return false;
	if (ps->p < ps->end && !take_newline(ps))
		return bad(ps, "expected the end of the line");
	return true;
}

/* Strings. A value is never longer than its text: one buffer that size. */

static bool put_utf8(struct parser *ps, uint32_t c, char **dst)
{
	char *d = *dst;

	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return bad(ps, "an escape that is no Unicode scalar value");
	if (c < 0x80) {
		*d++ = (char)c;
	} else if (c < 0x800) {
		*d++ = (char)(0xc0 | c >> 6);
		*d++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*d++ = (char)(0xe0 | c >> 12);
		*d++ = (char)(0x80 | (c >> 6 & 0x3f));
		*d++ = (char)(0x80 | (c & 0x3f));
	} else {
		*d++ = (char)(0xf0 | c >> 18);
		*d++ = (char)(0x80 | (c >> 12 & 0x3f));
		*d++ = (char)(0x80 | (c >> 6 & 0x3f));
		*d++ = (char)(0x80 | (c & 0x3f));
	}
	*dst = d;
	return true;
}

static bool unicode_escape(struct parser *ps, size_t n, char **dst)
{
	uint32_t c = 0;

	for (size_t i = 0; i < n; i++) {
		char x = peek(ps, 0);
		uint32_t d = x >= '0' && x <= '9' ? (uint32_t)(x - '0')
			: x >= 'a' && x <= 'f'    ? (uint32_t)(x - 'a' + 10)
			: x >= 'A' && x <= 'F'    ? (uint32_t)(x - 'A' + 10)
						  : 16;

		if (d == 16)
			return bad(ps,
				n == 4 ? "expected four hexadecimal digits"
				       : "expected eight hexadecimal digits");
		c = c << 4 | d;
		ps->p++;
	}
	return put_utf8(ps, c, dst);
}

/* A backslash at a line's end: it and all white space after it vanish. */
static bool join_lines(struct parser *ps)
{
	skip_blanks(ps);
	if (!take_newline(ps))
		return bad(ps, "expected the end of the line after \\");
	do
		skip_blanks(ps);
	while (take_newline(ps));
	return true;
}

static bool escape(struct parser *ps, bool multi, char **dst)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *at;
	char c;

	ps->p++;
	c = peek(ps, 0);
	if (multi && (c == ' ' || c == '\t' || newline_len(ps) != 0))
		return join_lines(ps);
	if (c == 'u' || c == 'U') {
		ps->p++;
		return unicode_escape(ps, c == 'u' ? 4 : 8, dst);
	}
	at = c == '\0' ? NULL : strchr(from, c);
	if (at == NULL)
		return bad(ps, "expected one of b t n f r \" \\ u U after \\");
	*(*dst)++ = to[at - from];
	ps->p++;
	return true;
}

/*
 * At quotes inside a multi-line string: 1 if they close it (up to two of five
 * belong to the text), 0 if they are text, and taken.
 */
static bool closing_quotes(struct parser *ps, char quote, char **dst)
{
	size_t n = 0;

	while (n < 5 && peek(ps, n) == quote)
		n++;
	ps->p += n;
	for (size_t i = n >= 3 ? 3 : 0; i < n; i++)
		*(*dst)++ = quote;
	return n >= 3;
}

/* After the opening quotes. */
static bool string_body(struct parser *ps, char quote, bool multi, char **dst)
{
	for (;;) {
		unsigned char c = (unsigned char)peek(ps, 0);

		if (ps->p == ps->end)
			return bad(ps, "expected the end of the string");
		if (c == (unsigned char)quote) {
			if (multi && closing_quotes(ps, quote, dst))
				return true;
			if (multi)
				continue;
			ps->p++;
			return true;
		}
		if (c == '\\' && quote == '"') {
			if (!escape(ps, multi, dst))
				return false;
		} else if (newline_len(ps) != 0) {
			if (!multi)
				return bad(ps, "expected the closing quote");
			(void)take_newline(ps);
			*(*dst)++ = '\n';
		} else if ((c < 0x20 && c != '\t') || c == 0x7f) {
			return bad(ps, "a control character in a string");
		} else {
			*(*dst)++ = *ps->p++;
		}
	}
}

/* How much text a string may take: to its end, or the end of the line. */
static size_t string_bound(const struct parser *ps, char quote, bool multi)
{
	const char *s = ps->p;
	size_t run = 0;

	for (; s < ps->end; s++) {
		if (*s == '\\' && quote == '"' && s + 1 < ps->end) {
			s++;
			run = 0;
			continue;
		}
		run = *s == quote ? run + 1 : 0;
		if (!multi && (run == 1 || *s == '\n'))
			break;
		if (multi && run == 3)
			break;
	}
	return (size_t)(s - ps->p) + 4;
}

static bool read_string(struct parser *ps, bool allow_multi, const char **ret,
	size_t *ret_len)
{
	char quote = peek(ps, 0);
	bool multi = peek(ps, 1) == quote && peek(ps, 2) == quote;
	char *buf, *dst;

	if (multi && !allow_multi)
		return bad(ps, "a multi-line string cannot be a key");
	ps->p += multi ? 3 : 1;
	if (multi)
		(void)take_newline(ps);
	buf = alloc(ps, string_bound(ps, quote, multi) + 1);
	if (buf == NULL)
		return false;
	dst = buf;
	if (!string_body(ps, quote, multi, &dst))
		return false;
	*dst = '\0';
	*ret = buf;
	*ret_len = (size_t)(dst - buf);
	return true;
}

/* Keys. */

static bool is_bare(char c)
{
	return dj_toml_is_word(c) && c != '+' && c != '.' && c != ':';
}

static bool read_simple_key(struct parser *ps, struct key *ret)
{
	size_t n = 0;
	char *copy;

	ret->line = ps->line;
	ret->col = column(ps, ps->p);
	if (peek(ps, 0) == '"' || peek(ps, 0) == '\'')
		return read_string(ps, false, &ret->text, &ret->len);
	while (is_bare(peek(ps, n)))
		n++;
	if (n == 0)
		return bad(ps, "expected a key");
	copy = alloc(ps, n + 1);
	if (copy == NULL)
		return false;
	memcpy(copy, ps->p, n);
	ret->text = copy;
	ret->len = n;
	ps->p += n;
	return true;
}

/* A key with its dots; n parts. */
static bool read_key(struct parser *ps, struct key parts[DJ_TOML_DEPTH_MAX],
	size_t *ret_n)
{
	size_t n = 0;

	for (;;) {
		skip_blanks(ps);
		if (n == DJ_TOML_DEPTH_MAX)
			return too_deep(ps);
		if (!read_simple_key(ps, &parts[n++]))
			return false;
		skip_blanks(ps);
		if (peek(ps, 0) != '.')
			break;
		ps->p++;
	}
	*ret_n = n;
	return true;
}

/* Tables. */

static struct dj_toml_value *find(const struct dj_toml_value *table,
	const char *key, size_t len)
{
	struct dj_toml_value *v;

	if (table == NULL || table->type != DJ_TOML_TABLE)
		return NULL;
	for (v = table->first; v != NULL; v = v->next) {
		if (v->key_len == len && memcmp(v->key, key, len) == 0)
			return v;
	}
	return NULL;
}

static struct dj_toml_value *append(struct parser *ps, struct dj_toml_value *to,
	const struct key *key, enum dj_toml_type type, enum origin origin)
{
	struct dj_toml_value *v;

	if (key != NULL && to->count == TABLE_KEYS_MAX) {
		(void)bad(ps, "more than 4096 keys in a table");
		ps->status = DJ_E_LIMIT;
		return NULL;
	}
	v = alloc(ps, sizeof(*v));
	if (v == NULL)
		return NULL;
	v->type = type;
	v->origin = (uint8_t)origin;
	v->line = key != NULL ? key->line : ps->line;
	v->col = key != NULL ? key->col : column(ps, ps->p);
	if (key != NULL) {
		v->key = key->text;
		v->key_len = key->len;
		v->key_line = key->line;
		v->key_col = key->col;
	}
	if (to->last == NULL)
		to->first = v;
	else
		to->last->next = v;
	to->last = v;
	to->count++;
	return v;
}

/* Fails at a key that is there already; always NULL. */
static struct dj_toml_value *twice(struct parser *ps, const struct key *key,
	const struct dj_toml_value *first)
{
	if (ps->status == DJ_OK)
		ps->status = dj_toml_fail(ps->err, key->line, key->col,
			"\"%.60s\" was given before, in line %u", key->text,
			first->key_line);
	return NULL;
}

/* One step of a header's path: into a table, or an array's last one. */
static struct dj_toml_value *step_header(struct parser *ps,
	struct dj_toml_value *at, const struct key *key)
{
	struct dj_toml_value *v = find(at, key->text, key->len);

	if (v == NULL)
		return append(ps, at, key, DJ_TOML_TABLE, IMPLIED);
	if (v->type == DJ_TOML_ARRAY && v->origin == TABLES)
		return v->last;
	if (v->type != DJ_TOML_TABLE || v->origin == INLINE)
		return twice(ps, key, v);
	return v;
}

static struct dj_toml_value *open_table(struct parser *ps,
	struct dj_toml_value *at, const struct key *key)
{
	struct dj_toml_value *v = find(at, key->text, key->len);

	if (v == NULL)
		return append(ps, at, key, DJ_TOML_TABLE, HEADER);
	if (v->type != DJ_TOML_TABLE || v->origin != IMPLIED)
		return twice(ps, key, v);
	v->origin = HEADER;
	v->line = v->key_line = key->line;
	v->col = v->key_col = key->col;
	return v;
}

static struct dj_toml_value *open_element(struct parser *ps,
	struct dj_toml_value *at, const struct key *key)
{
	struct dj_toml_value *v = find(at, key->text, key->len);
	struct dj_toml_value *element;

	if (v == NULL)
		v = append(ps, at, key, DJ_TOML_ARRAY, TABLES);
	else if (v->type != DJ_TOML_ARRAY || v->origin != TABLES)
		return twice(ps, key, v);
	if (v == NULL)
		return NULL;
	element = append(ps, v, NULL, DJ_TOML_TABLE, HEADER);
	if (element != NULL) {
		element->line = key->line;
		element->col = key->col;
	}
	return element;
}

/* [a.b] or [[a.b]]: makes that the table that keys go to. */
static bool read_header(struct parser *ps, struct dj_toml_value **ret,
	unsigned *ret_depth)
{
	struct key parts[DJ_TOML_DEPTH_MAX] = { 0 };
	struct dj_toml_value *at = ps->doc->root;
	bool element = starts(ps, "[[");
	size_t n = 0;

	ps->p += element ? 2 : 1;
	if (!read_key(ps, parts, &n))
		return false;
	if (!starts(ps, element ? "]]" : "]"))
		return bad(ps, element ? "expected ]]" : "expected ]");
	ps->p += element ? 2 : 1;
	for (size_t i = 0; i + 1 < n && at != NULL; i++)
		at = step_header(ps, at, &parts[i]);
	if (at != NULL)
		at = element ? open_element(ps, at, &parts[n - 1])
			     : open_table(ps, at, &parts[n - 1]);
	if (at == NULL)
		return false;
	*ret = at;
	*ret_depth = (unsigned)n;
	return end_line(ps);
}

/* Values. */

static bool read_value(struct parser *ps, struct dj_toml_value *v,
	unsigned depth);

static bool read_pair(struct parser *ps, struct dj_toml_value *table,
	unsigned depth)
{
	struct key parts[DJ_TOML_DEPTH_MAX] = { 0 };
	struct dj_toml_value *at = table, *v;
	size_t n = 0;

	if (!read_key(ps, parts, &n))
		return false;
	if (peek(ps, 0) != '=')
		return bad(ps, "expected = after the key");
	ps->p++;
	skip_blanks(ps);
	for (size_t i = 0; i + 1 < n; i++) {
		v = find(at, parts[i].text, parts[i].len);
		if (v == NULL)
			v = append(ps, at, &parts[i], DJ_TOML_TABLE, DOTTED);
		else if (v->type != DJ_TOML_TABLE ||
			(v->origin != DOTTED && v->origin != IMPLIED))
			v = twice(ps, &parts[i], v);
		if (v == NULL)
			return false;
		v->origin = DOTTED;
		at = v;
	}
	v = find(at, parts[n - 1].text, parts[n - 1].len);
	if (v != NULL)
		return twice(ps, &parts[n - 1], v) != NULL;
	v = append(ps, at, &parts[n - 1], DJ_TOML_TABLE, INLINE);
	return v != NULL && read_value(ps, v, depth + (unsigned)n);
}

static bool read_array(struct parser *ps, struct dj_toml_value *v,
	unsigned depth)
{
	struct dj_toml_value *item;

	v->type = DJ_TOML_ARRAY;
	ps->p++;
	for (;;) {
		if (!skip_lines(ps))
			return false;
		if (peek(ps, 0) == ']')
			break;
		item = append(ps, v, NULL, DJ_TOML_TABLE, INLINE);
		if (item == NULL || !read_value(ps, item, depth + 1) ||
			!skip_lines(ps))
			return false;
		if (peek(ps, 0) == ']')
			break;
		if (peek(ps, 0) != ',')
			return bad(ps, "expected , or ] in the array");
		ps->p++;
	}
	ps->p++;
	return true;
}

static bool read_inline(struct parser *ps, struct dj_toml_value *v,
	unsigned depth)
{
	v->type = DJ_TOML_TABLE;
	ps->p++;
	skip_blanks(ps);
	if (peek(ps, 0) == '}') {
		ps->p++;
		return true;
	}
	for (;;) {
		if (!read_pair(ps, v, depth))
			return false;
		skip_blanks(ps);
		if (peek(ps, 0) == '}')
			break;
		if (peek(ps, 0) != ',')
			return bad(ps, "expected , or } in the inline table");
		ps->p++;
		skip_blanks(ps);
	}
	ps->p++;
	return true;
}

static bool read_word(struct parser *ps, struct dj_toml_value *v)
{
	size_t n = 0;
	const char *wrong;
	char *word;

	while (dj_toml_is_word(peek(ps, n)))
		n++;
	/* The one word with a blank inside: a date, then a time. */
	if (n == 10 && peek(ps, 4) == '-' && peek(ps, 10) == ' ' &&
		peek(ps, 11) >= '0' && peek(ps, 11) <= '9') {
		n = 11;
		while (dj_toml_is_word(peek(ps, n)))
			n++;
	}
	word = alloc(ps, n + 1);
	if (word == NULL)
		return false;
	memcpy(word, ps->p, n);
	wrong = dj_toml_number(word, n, v);
	if (wrong != NULL)
		return bad(ps, wrong);
	ps->p += n;
	if (v->type == DJ_TOML_DATETIME) {
		v->text = word;
		v->len = n;
	}
	return true;
}

static bool read_value(struct parser *ps, struct dj_toml_value *v,
	unsigned depth)
{
	if (depth > DJ_TOML_DEPTH_MAX)
		return too_deep(ps);
	v->line = ps->line;
	v->col = column(ps, ps->p);
	switch (peek(ps, 0)) {
	case '"':
	case '\'':
		v->type = DJ_TOML_STRING;
		return read_string(ps, true, &v->text, &v->len);
	case '[':
		return read_array(ps, v, depth);
	case '{':
		return read_inline(ps, v, depth);
	default:
		return read_word(ps, v);
	}
}

static bool read_document(struct parser *ps)
{
	struct dj_toml_value *table = ps->doc->root;
	unsigned depth = 0;

	for (;;) {
		if (!skip_lines(ps))
			return false;
		if (ps->p == ps->end)
			return true;
		if (peek(ps, 0) == '[') {
			if (!read_header(ps, &table, &depth))
				return false;
		} else if (!read_pair(ps, table, depth) || !end_line(ps)) {
			return false;
		}
	}
}

/* Bytes of the UTF-8 character at s, 0 if it is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1
		: s[0] < 0xc2  ? 0
		: s[0] < 0xe0  ? 2
		: s[0] < 0xf0  ? 3
		: s[0] < 0xf5  ? 4
			       : 0;

	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Overlong, surrogates, beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* The whole text at once, so that nothing later need think of it. */
static bool check_text(struct parser *ps)
{
	struct parser at = *ps;

	while (at.p < at.end) {
		size_t n = utf8_len((const unsigned char *)at.p,
			(size_t)(at.end - at.p));

		if (n == 0 || *at.p == '\0') {
			(void)bad(&at, n == 0 ? "not UTF-8" : "a NUL byte");
			ps->status = at.status;
			return false;
		}
		if (*at.p == '\n') {
			at.line++;
			at.line_start = at.p + 1;
		}
		at.p += n;
	}
	return true;
}

dj_status dj_toml_parse(const char *text, size_t len, struct dj_toml **ret,
	struct dj_toml_error *err)
{
	struct parser ps = { .p = text,
		.end = text + len,
		.line_start = text,
		.line = 1,
		.err = err };

	if (len > DJ_TOML_SIZE_MAX) {
		(void)dj_toml_fail(err, 1, 1, "longer than 1 MiB");
		return DJ_E_LIMIT;
	}
	ps.doc = calloc(1, sizeof(*ps.doc));
	if (ps.doc == NULL) {
		(void)dj_toml_fail(err, 1, 1, "no memory");
		return DJ_E_NOMEM;
	}
	ps.doc->root = alloc(&ps, sizeof(*ps.doc->root));
	if (ps.doc->root != NULL) {
		ps.doc->root->type = DJ_TOML_TABLE;
		ps.doc->root->origin = HEADER;
		ps.doc->root->line = ps.doc->root->col = 1;
		if (check_text(&ps) && read_document(&ps)) {
			*ret = ps.doc;
			return DJ_OK;
		}
	}
	dj_toml_free(ps.doc);
	return ps.status;
}

void dj_toml_free(struct dj_toml *doc)
{
	struct chunk *c, *next;

	if (doc == NULL)
		return;
	for (c = doc->chunks; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(doc);
}

const struct dj_toml_value *dj_toml_root(const struct dj_toml *doc)
{
	return doc->root;
}

const struct dj_toml_value *dj_toml_get(const struct dj_toml_value *table,
	const char *key)
{
	return find(table, key, strlen(key));
}

const char *dj_toml_text(const struct dj_toml_value *v)
{
	if (v == NULL || v->type != DJ_TOML_STRING || strlen(v->text) != v->len)
		return NULL;
	return v->text;
}

const char *dj_toml_type_name(enum dj_toml_type type)
{
	static const char *const names[] = {
		[DJ_TOML_STRING] = "string",
		[DJ_TOML_INTEGER] = "integer",
		[DJ_TOML_FLOAT] = "float",
		[DJ_TOML_BOOLEAN] = "boolean",
		[DJ_TOML_DATETIME] = "date or time",
		[DJ_TOML_ARRAY] = "array",
		[DJ_TOML_TABLE] = "table",
	};

	return names[type];
}
