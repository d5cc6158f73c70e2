// SPDX-License-Identifier: Apache-2.0
#include "tests/tap.h"

#include "attest/suggest.h"
#include "attest/toml.h"

/* What TOML is, is asked of Python in tests/integration/test_toml.py; here is
 * what that cannot see: places, limits, messages. */
static struct dj_toml_error err;

static struct dj_toml *parse(const char *text, size_t len)
{
	struct dj_toml *doc = NULL;

	memset(&err, 0, sizeof(err));
	return dj_toml_parse(text, len, &doc, &err) == DJ_OK ? doc : NULL;
}

static void values_know_where_they_stood(void)
{
	static const char text[] =
		"a = 1\n[t]\n  \"b c\" = [ 2,\n\t{x.y = 3}]\n"
		"[[u]]\nz = \"\"\"\n\n\"\"\" \nw = 07:32:00";
	struct dj_toml *doc = parse(text, sizeof(text) - 1);
	const struct dj_toml_value *v;

	if (!ok(doc != NULL))
		return;
	v = dj_toml_get(dj_toml_root(doc), "a");
	eq_u64(v->line * 100 + v->col, 105);
	eq_u64(v->key_line * 100 + v->key_col, 101);
	v = dj_toml_get(dj_toml_get(dj_toml_root(doc), "t"), "b c");
	eq_u64(v->line * 100 + v->col, 311);
	eq_u64(v->key_line * 100 + v->key_col, 303);
	v = v->first->next;
	eq_u64(v->line * 100 + v->col, 402);
	v = dj_toml_get(dj_toml_get(v, "x"), "y");
	eq_u64(v->key_line * 100 + v->key_col, 405);
	v = dj_toml_get(dj_toml_root(doc), "u");
	eq_u64(v->count, 1);
	v = dj_toml_get(v->first, "w");
	eq_u64(v->key_line, 9);
	eq_str(v->text, "07:32:00");
	dj_toml_free(doc);
}

static void errors_say_where_and_what_was_expected(void)
{
	static const struct {
		const char *text, *say;
		unsigned line, col;
	} cases[] = {
		{ "a = 1\nb 2\n", "expected = after the key", 2, 3 },
		{ "a = [1 2]", "expected , or ] in the array", 1, 8 },
		{ "[a]\n[b]\n[a]\n", "\"a\" was given before, in line 1", 3,
			2 },
		{ "x = \"a\\q\"",
			"expected one of b t n f r \" \\ u U after \\", 1, 8 },
		{ "x = 1 y = 2", "expected the end of the line", 1, 7 },
		{ "x = yes",
			"expected a value: a string in quotes, a number, "
			"true, false, a date, [ or {",
			1, 5 },
		{ "x = 9223372036854775808",
			"an integer that does not fit in 64 bits", 1, 5 },
		{ "x = 010", "a number with a leading zero", 1, 5 },
		{ "\n\nx = '\x80'", "not UTF-8", 3, 6 },
		{ "\"a\\u001b\" = 1\n\"a\\u001b\" = 2",
			"\"a?\" was given before, in line 1", 2, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(parse(cases[i].text, strlen(cases[i].text)) == NULL);
		eq_str(err.text, cases[i].say);
		eq_u64(err.line, cases[i].line);
		eq_u64(err.col, cases[i].col);
	}
}

static dj_status nested(size_t depth, const char *open, const char *close)
{
	static char text[DJ_TOML_DEPTH_MAX * 16];
	struct dj_toml *doc = NULL;
	dj_status st;

	strcpy(text, "a = ");
	for (size_t i = 0; i < depth; i++)
		strcat(text, open);
	strcat(text, "1");
	for (size_t i = 0; i < depth; i++)
		strcat(text, close);
	st = dj_toml_parse(text, strlen(text), &doc, &err);
	dj_toml_free(doc);
	return st;
}

static void nesting_has_a_limit(void)
{
	eq_u64(nested(DJ_TOML_DEPTH_MAX - 1, "[", "]"), DJ_OK);
	eq_u64(nested(DJ_TOML_DEPTH_MAX, "[", "]"), DJ_E_LIMIT);
	eq_u64(nested(DJ_TOML_DEPTH_MAX - 1, "{b=", "}"), DJ_OK);
	eq_u64(nested(DJ_TOML_DEPTH_MAX, "{b=", "}"), DJ_E_LIMIT);
	eq_u64(nested(DJ_TOML_DEPTH_MAX * 2, "[", ""), DJ_E_LIMIT);
}

static void size_and_key_count_have_limits(void)
{
	size_t size = DJ_TOML_SIZE_MAX + 1;
	char *text = malloc(size);
	struct dj_toml *doc;
	size_t len = 0;

	memset(text, '\n', size);
	doc = parse(text, size - 1);
	ok(doc != NULL);
	dj_toml_free(doc);
	ok(parse(text, size) == NULL);
	for (int i = 0; i < 4096; i++)
		len += (size_t)sprintf(text + len, "k%d=1\n", i);
	doc = parse(text, len);
	ok(doc != NULL);
	dj_toml_free(doc);
	len += (size_t)sprintf(text + len, "one_more=1\n");
	ok(parse(text, len) == NULL);
	free(text);
}

static void a_string_with_a_nul_is_no_text(void)
{
	struct dj_toml *doc = parse("a = \"x\\u0000y\"\nb = 'x'", 22);

	if (!ok(doc != NULL))
		return;
	eq_u64(dj_toml_get(dj_toml_root(doc), "a")->len, 3);
	ok(dj_toml_text(dj_toml_get(dj_toml_root(doc), "a")) == NULL);
	eq_str(dj_toml_text(dj_toml_get(dj_toml_root(doc), "b")), "x");
	ok(dj_toml_text(NULL) == NULL);
	dj_toml_free(doc);
}

static const char *const words[] = { "measurement", "release", "run", "receipt",
	"rm", NULL };

static void the_nearest_word_is_suggested(void)
{
	eq_str(dj_suggest("mesurement", words), "measurement");
	eq_str(dj_suggest("measurements", words), "measurement");
	eq_str(dj_suggest("realese", words), "release");
	eq_str(dj_suggest("RUN", words), "run");
	eq_str(dj_suggest("urn", words), "run");
	eq_str(dj_suggest("rum", words), "run");
	ok(dj_suggest("x", words) == NULL);
	ok(dj_suggest("", words) == NULL);
	ok(dj_suggest("something else", words) == NULL);
	ok(dj_suggest(
		   "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
		   "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr",
		   words) == NULL);
}

static void an_unknown_key_is_named_with_its_neighbour(void)
{
	struct dj_toml *doc = parse("run = 1\n realese = 2", 20);

	if (!ok(doc != NULL))
		return;
	eq_u64(dj_toml_check_keys(dj_toml_root(doc), "[keep]", words, &err),
		DJ_E_INPUT);
	eq_str(err.text,
		"unknown key \"realese\" in [keep]; did you mean \"release\"?");
	eq_u64(err.line * 100 + err.col, 202);
	dj_toml_free(doc);
}

int main(void)
{
	RUN(values_know_where_they_stood);
	RUN(errors_say_where_and_what_was_expected);
	RUN(nesting_has_a_limit);
	RUN(size_and_key_count_have_limits);
	RUN(a_string_with_a_nul_is_no_text);
	RUN(the_nearest_word_is_suggested);
	RUN(an_unknown_key_is_named_with_its_neighbour);
	return done();
}
