// SPDX-License-Identifier: Apache-2.0
/*
 * Reads TOML documents from stdin, each after its length in decimal and a
 * newline, and writes one JSON line for each: {"error": "line:col: text"}, or
 * the document with every scalar as {"type": T, "value": TEXT}. For
 * tests/integration/test_toml.py.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "attest/toml.h"

static json_t *scalar(const char *type, const char *text, size_t len)
{
	json_t *v = json_stringn(text, len);

	return json_pack("{s:s,s:o}", "type", type, "value", v);
}

static json_t *value(const struct dj_toml_value *v)
{
	char text[64];
	json_t *out;
	int n = 0;

	switch (v->type) {
	case DJ_TOML_STRING:
		return scalar("string", v->text, v->len);
	case DJ_TOML_DATETIME:
		return scalar("datetime", v->text, v->len);
	case DJ_TOML_INTEGER:
		n = snprintf(text, sizeof(text), "%lld", (long long)v->integer);
		return scalar("integer", text, (size_t)n);
	case DJ_TOML_FLOAT:
		n = snprintf(text, sizeof(text), "%.17g", v->number);
		return scalar("float", text, (size_t)n);
	case DJ_TOML_BOOLEAN:
		return scalar("bool", v->boolean ? "true" : "false",
			v->boolean ? 4 : 5);
	case DJ_TOML_ARRAY:
		out = json_array();
		for (v = v->first; v != NULL; v = v->next)
			(void)json_array_append_new(out, value(v));
		return out;
	case DJ_TOML_TABLE:
		break;
	}
	out = json_object();
	for (v = v->first; v != NULL; v = v->next)
		(void)json_object_setn_new(out, v->key, v->key_len, value(v));
	return out;
}

static void dump(const char *text, size_t len)
{
	struct dj_toml_error err = { 0 };
	struct dj_toml *doc = NULL;
	json_t *out;

	if (dj_toml_parse(text, len, &doc, &err) == DJ_OK)
		out = json_pack("{s:o}", "document", value(dj_toml_root(doc)));
	else
		out = json_pack("{s:i,s:i,s:s}", "line", (int)err.line, "col",
			(int)err.col, "error", err.text);
	(void)json_dumpf(out, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(out);
	dj_toml_free(doc);
}

int main(void)
{
	static char line[32];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		size_t len = strtoul(line, NULL, 10);
		char *text = malloc(len + 1);

		if (text == NULL || fread(text, 1, len, stdin) != len)
			return 1;
		dump(text, len);
		free(text);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
