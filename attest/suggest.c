// SPDX-License-Identifier: Apache-2.0
#include "attest/suggest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define WORD_MAX 64

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment: edits, and swaps of neighbours. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[3][WORD_MAX + 1];

	for (size_t j = 0; j <= nb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *now = row[i % 3], *up = row[(i + 2) % 3];

		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t d = up[j - 1] + !same(a[i - 1], b[j - 1]);

			d = least(d, least(up[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
				same(a[i - 2], b[j - 1]))
				d = least(d, row[(i + 1) % 3][j - 2] + 1);
			now[j] = d;
		}
	}
	return row[na % 3][nb];
}

const char *dj_suggest(const char *word, const char *const *known)
{
	size_t n = strlen(word);
	size_t near = n < 6 ? 1 : n / 3;
	const char *best = NULL;

	if (n == 0 || n > WORD_MAX)
		return NULL;
	for (; *known != NULL; known++) {
		size_t k = strlen(*known);
		size_t d;

		if (k > WORD_MAX)
			continue;
		d = distance(word, n, *known, k);
		if (d <= near && d < n) {
			best = *known;
			if (d == 0)
				break;
			near = d - 1;
		}
	}
	return best;
}

dj_status dj_toml_check_keys(const struct dj_toml_value *table,
	const char *where, const char *const *known, struct dj_toml_error *err)
{
	const struct dj_toml_value *v;

	for (v = table->first; v != NULL; v = v->next) {
		const char *const *k = known;
		const char *near;

		while (*k != NULL &&
			(strlen(*k) != v->key_len ||
				memcmp(*k, v->key, v->key_len) != 0))
			k++;
		if (*k != NULL)
			continue;
		near = dj_suggest(v->key, known);
		return dj_toml_fail(err, v->key_line, v->key_col,
			"unknown key \"%.60s\" in %s%s%s%s", v->key, where,
			near != NULL ? "; did you mean \"" : "",
			near != NULL ? near : "", near != NULL ? "\"?" : "");
	}
	return DJ_OK;
}
