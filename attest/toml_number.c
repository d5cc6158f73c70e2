// SPDX-License-Identifier: Apache-2.0
#include "attest/toml_number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char not_a_value[] =
	"expected a value: a string in quotes, a number, true, false, a date, "
	"[ or {";

bool dj_toml_is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		(c >= 'A' && c <= 'Z') || c == '_' || c == '+' || c == '-' ||
		c == '.' || c == ':';
}

static int digit(char c, int base)
{
	int d = -1;

	if (c >= '0' && c <= '9')
		d = c - '0';
	else if (c >= 'a' && c <= 'f')
		d = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		d = c - 'A' + 10;
	return d < base ? d : -1;
}

/*
 * Digits with single underscores between them, from s on; returns where they
 * end, s itself if there is none or an underscore is out of place.
 */
static const char *digits(const char *s, int base)
{
	const char *p = s;

	while (digit(*p, base) >= 0) {
		p++;
		if (*p == '_' && digit(p[1], base) >= 0)
			p++;
	}
	return p;
}

static const char *read_integer(const char *s, int base, bool negative,
	struct dj_toml_value *ret)
{
	uint64_t v = 0;
	uint64_t max = (uint64_t)INT64_MAX + negative;

	for (; *s != '\0'; s++) {
		uint64_t d;

		if (*s == '_')
			continue;
		d = (uint64_t)digit(*s, base);
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
			__builtin_add_overflow(v, d, &v) || v > max)
			return "an integer that does not fit in 64 bits";
	}
	ret->type = DJ_TOML_INTEGER;
	ret->integer = negative ? (int64_t)(0 - v) : (int64_t)v;
	return NULL;
}

static const char *read_based(const char *s, struct dj_toml_value *ret)
{
	int base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2;
	const char *end = digits(s + 2, base);

	if (end == s + 2 || *end != '\0')
		return base == 16   ? "expected hexadecimal digits after 0x"
			: base == 8 ? "expected octal digits after 0o"
				    : "expected binary digits after 0b";
	return read_integer(s + 2, base, false, ret);
}

/* The grammar was checked: strtod sees what it and TOML agree about. */
static const char *read_float(const char *s, size_t len,
	struct dj_toml_value *ret)
{
	char plain[128];
	size_t n = 0;
	locale_t c;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '_')
			continue;
		if (n + 1 == sizeof(plain))
			return "a float of more than 127 characters";
		plain[n++] = s[i];
	}
	plain[n] = '\0';
	c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	if (c == (locale_t)0)
		return "no memory for a float";
	ret->type = DJ_TOML_FLOAT;
	ret->number = strtod_l(plain, NULL, c);
	freelocale(c);
	return NULL;
}

static const char *read_decimal(const char *word, size_t len,
	struct dj_toml_value *ret)
{
	bool negative = word[0] == '-';
	const char *s = word + (negative || word[0] == '+');
	const char *end = digits(s, 10);
	bool is_float = false;

	if (strcmp(s, "inf") == 0 || strcmp(s, "nan") == 0) {
		double v = s[0] == 'i' ? (double)INFINITY : (double)NAN;

		ret->type = DJ_TOML_FLOAT;
		ret->number = negative ? -v : v;
		return NULL;
	}
	if (end == s)
		return not_a_value;
	if (s[0] == '0' && end > s + 1)
		return "a number with a leading zero";
	if (*end == '\0')
		return read_integer(s, 10, negative, ret);
	if (*end == '.') {
		s = end + 1;
		end = digits(s, 10);
		if (end == s)
			return "expected a digit after the decimal point";
		is_float = true;
	}
	if (*end == 'e' || *end == 'E') {
		s = end + 1;
		s += *s == '+' || *s == '-';
		end = digits(s, 10);
		if (end == s)
			return "expected digits in the exponent";
		is_float = true;
	}
	if (*end != '\0' || !is_float)
		return "a number with something else in it";
	return read_float(word, len, ret);
}

/* Two digits from s within lo..hi, or -1. */
static int two(const char *s, int lo, int hi)
{
	int v;

	if (digit(s[0], 10) < 0 || digit(s[1], 10) < 0)
		return -1;
	v = digit(s[0], 10) * 10 + digit(s[1], 10);
	return v >= lo && v <= hi ? v : -1;
}

/* hh:mm:ss with an optional fraction; where it ends, or NULL. */
static const char *time_of_day(const char *s)
{
	if (two(s, 0, 23) < 0 || s[2] != ':' || two(s + 3, 0, 59) < 0 ||
		s[5] != ':' || two(s + 6, 0, 59) < 0)
		return NULL;
	s += 8;
	if (*s != '.')
		return s;
	s++;
	if (digit(*s, 10) < 0)
		return NULL;
	while (digit(*s, 10) >= 0)
		s++;
	return s;
}

/* yyyy-mm-dd, a day that exists; where it ends, or NULL. */
static const char *date(const char *s)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	int year, month, day, last;

	for (int i = 0; i < 4; i++) {
		if (digit(s[i], 10) < 0)
			return NULL;
	}
	if (s[4] != '-')
		return NULL;
	month = two(s + 5, 1, 12);
	if (month < 0 || s[7] != '-')
		return NULL;
	day = two(s + 8, 1, 31);
	year = two(s, 0, 99) * 100 + two(s + 2, 0, 99);
	last = days[month - 1];
	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		last = 29;
	return day < 0 || day > last || year == 0 ? NULL : s + 10;
}

static bool is_datetime(const char *s)
{
	const char *p = date(s);

	if (p == NULL) {
		p = time_of_day(s);
		return p != NULL && *p == '\0';
	}
	if (*p == '\0')
		return true;
	if (*p != 'T' && *p != 't' && *p != ' ')
		return false;
	p = time_of_day(p + 1);
	if (p == NULL)
		return false;
	if (*p == 'Z' || *p == 'z')
		return p[1] == '\0';
	if (*p == '+' || *p == '-')
		return two(p + 1, 0, 23) >= 0 && p[3] == ':' &&
			two(p + 4, 0, 59) >= 0 && p[6] == '\0';
	return *p == '\0';
}

/* Four digits and a dash: a date or nothing. 1.5e-3 is not. */
static bool is_dated(const char *s)
{
	for (int i = 0; i < 4; i++) {
		if (digit(s[i], 10) < 0)
			return false;
	}
	return s[4] == '-';
}

const char *dj_toml_number(const char *word, size_t len,
	struct dj_toml_value *ret)
{
	if (len == 0)
		return not_a_value;
	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
		ret->type = DJ_TOML_BOOLEAN;
		ret->boolean = word[0] == 't';
		return NULL;
	}
	if (word[0] == '0' &&
		(word[1] == 'x' || word[1] == 'o' || word[1] == 'b'))
		return read_based(word, ret);
	if (is_dated(word) || (len > 2 && word[2] == ':')) {
		if (!is_datetime(word))
			return "not a date or time that exists";
		ret->type = DJ_TOML_DATETIME;
		return NULL;
	}
	return read_decimal(word, len, ret);
}
