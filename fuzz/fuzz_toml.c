// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/suggest.h"
#include "attest/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t lines;

/* Does the position exist in the text? */
static void check_place(unsigned line, unsigned col)
{
	if (line < 1 || line > lines || col < 1)
		abort();
}

static void walk(const struct dj_toml_value *v, unsigned depth)
{
	size_t n = 0;

	check_place(v->line, v->col);
	if (depth > 2 * DJ_TOML_DEPTH_MAX)
		abort();
	if (v->type == DJ_TOML_STRING || v->type == DJ_TOML_DATETIME) {
		if (v->text[v->len] != '\0')
			abort();
		return;
	}
	if (v->type != DJ_TOML_ARRAY && v->type != DJ_TOML_TABLE)
		return;
	for (const struct dj_toml_value *m = v->first; m != NULL; m = m->next) {
		if ((m->key != NULL) != (v->type == DJ_TOML_TABLE))
			abort();
		if (m->key != NULL) {
			check_place(m->key_line, m->key_col);
			/* No key twice: the first of that name is this one. */
			if (strlen(m->key) == m->key_len &&
				dj_toml_get(v, m->key) != m)
				abort();
		}
		walk(m, depth + 1);
		n++;
	}
	if (n != v->count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const known[] = { "a", "schema", "name", NULL };
	struct dj_toml_error err = { 0 };
	struct dj_toml *doc = NULL;
	dj_status st = dj_toml_parse((const char *)data, len, &doc, &err);

	lines = 1;
	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	if (st != DJ_OK) {
		check_place(err.line, err.col);
		if (doc != NULL || err.text[0] == '\0')
			abort();
		return 0;
	}
	walk(dj_toml_root(doc), 0);
	if (dj_toml_check_keys(dj_toml_root(doc), "it", known, &err) != DJ_OK)
		check_place(err.line, err.col);
	dj_toml_free(doc);
	return 0;
}
