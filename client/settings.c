// SPDX-License-Identifier: Apache-2.0
#include "client/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attest/suggest.h"
#include "attest/toml.h"
#include "client/paths.h"
#include "client/policy_file.h"
#include "lib/proto/config.h"

#define FILE_MAX ((size_t)64 << 10)

enum form {
	FORM_TEXT,
	FORM_PATH, /* from the file's folder */
	FORM_URLS, /* one or a list */
	FORM_LIST,
	FORM_TABLE,  /* NAME = "value" */
	FORM_PATHS,  /* NAME = "path", from the file's folder */
	FORM_NUMBER, /* text or a number */
};

static const struct {
	const char *key;
	enum form form;
	const char *variable;
	const char *built_in;
} known[DJ_SET_COUNT] = {
	[DJ_SET_MODULE] = { "program.module", FORM_PATH, NULL, NULL },
	[DJ_SET_ARGS] = { "program.args", FORM_LIST, NULL, NULL },
	[DJ_SET_ENV] = { "program.env", FORM_TABLE, NULL, NULL },
	[DJ_SET_SHA256] = { "program.sha256", FORM_TEXT, NULL, NULL },
	[DJ_SET_TEE] = { "keep.tee", FORM_LIST, "DONJON_TEE", "any" },
	[DJ_SET_MEMORY] = { "keep.memory", FORM_NUMBER, "DONJON_MEMORY",
		"256MiB" },
	[DJ_SET_TIME] = { "keep.time", FORM_NUMBER, "DONJON_TIME", NULL },
	[DJ_SET_ENGINE] = { "keep.engine", FORM_TEXT, "DONJON_ENGINE",
		"interp" },
	[DJ_SET_CLOCK] = { "keep.clock", FORM_TEXT, NULL, "host" },
	[DJ_SET_OWNER] = { "keep.owner", FORM_PATH, "DONJON_OWNER", NULL },
	[DJ_SET_HOST] = { "host.url", FORM_URLS, "DONJON_HOST", NULL },
	[DJ_SET_CA] = { "host.ca", FORM_PATH, "DONJON_CA", NULL },
	[DJ_SET_CERT] = { "host.cert", FORM_PATH, "DONJON_CERT", NULL },
	[DJ_SET_KEY] = { "host.key", FORM_PATH, "DONJON_KEY", NULL },
	[DJ_SET_TOKEN_FILE] = { "host.token-file", FORM_PATH,
		"DONJON_TOKEN_FILE", NULL },
	[DJ_SET_POLICY] = { "policy.file", FORM_PATH, "DONJON_POLICY", NULL },
	[DJ_SET_STREAMS_IN] = { "streams.in", FORM_PATHS, NULL, NULL },
	[DJ_SET_STREAMS_OUT] = { "streams.out", FORM_PATHS, NULL, NULL },
	[DJ_SET_STDIN] = { "files.stdin", FORM_TEXT, NULL, "stdin" },
	[DJ_SET_STDOUT] = { "files.stdout", FORM_TEXT, NULL, "stdout" },
	[DJ_SET_STDERR] = { "files.stderr", FORM_TEXT, NULL, "stderr" },
};

const char *dj_setting_key(enum dj_setting which)
{
	return known[which].key;
}

bool dj_setting_is_list(enum dj_setting which)
{
	enum form f = known[which].form;

	return f == FORM_LIST || f == FORM_TABLE || f == FORM_PATHS ||
		f == FORM_URLS;
}

const char *dj_setting_variable(enum dj_setting which)
{
	return known[which].variable;
}

const char *dj_settings_get(const struct dj_settings *s, enum dj_setting which)
{
	const struct dj_setting_value *v = &s->v[which];

	return v->count == 0 ? NULL : v->items[v->count - 1];
}

static void clear(struct dj_setting_value *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->items[i]);
	free(v->items);
	*v = (struct dj_setting_value){ 0 };
}

void dj_settings_done(struct dj_settings *s)
{
	for (int i = 0; i < DJ_SET_COUNT; i++)
		clear(&s->v[i]);
}

bool dj_settings_set(struct dj_settings *s, enum dj_setting which,
	const char *item, const char *origin, bool append, struct dj_err *err)
{
	struct dj_setting_value *v = &s->v[which];
	char **grown;

	if (!append)
		clear(v);
	grown = reallocarray(v->items, v->count + 2, sizeof(*grown));
	if (grown == NULL)
		goto no_memory;
	v->items = grown;
	grown[v->count + 1] = NULL;
	grown[v->count] = strdup(item);
	if (grown[v->count] == NULL)
		goto no_memory;
	v->count++;
	(void)snprintf(v->origin, sizeof(v->origin), "%s", origin);
	return true;

no_memory:
	return dj_err_set(err, "internal.memory",
		"reading settings: no memory");
}

/* ---- files ---- */

struct file {
	struct dj_settings *s;
	const char *name;
	struct dj_err *err;
};

static bool wrong(const struct file *f, const struct dj_toml_value *at,
	const char *what, const char *want)
{
	char shown[80];

	dj_clean(shown, sizeof(shown), what, strlen(what));
	return dj_err_set(f->err, "config.value", "%s:%u:%u: %s must be %s",
		f->name, at->line, at->col, shown, want);
}

/* A path in a file is meant from the file's folder. */
static char *from_folder(const struct file *f, const char *path)
{
	const char *slash = strrchr(f->name, '/');
	char *full = NULL;

	if (path[0] == '/' || slash == NULL ||
		strncmp(f->name, "./", (size_t)(slash - f->name) + 1) == 0)
		return strdup(path);
	if (asprintf(&full, "%.*s/%s", (int)(slash - f->name), f->name, path) <
		0)
		return NULL;
	return full;
}

static bool put(const struct file *f, enum dj_setting which,
	const struct dj_toml_value *at, const char *text, bool append)
{
	char origin[256];
	char *full;
	bool good;

	(void)snprintf(origin, sizeof(origin), "%s:%u", f->name, at->line);
	if (known[which].form != FORM_PATH)
		return dj_settings_set(f->s, which, text, origin, append,
			f->err);
	full = from_folder(f, text);
	if (full == NULL)
		return dj_err_set(f->err, "internal.memory", "no memory");
	good = dj_settings_set(f->s, which, full, origin, append, f->err);
	free(full);
	return good;
}

static bool take_list(const struct file *f, enum dj_setting which,
	const struct dj_toml_value *v)
{
	const char *text = dj_toml_text(v);

	if (text != NULL && known[which].form == FORM_URLS)
		return put(f, which, v, text, false);
	if (text != NULL && which == DJ_SET_TEE)
		return put(f, which, v, text, false);
	if (v->type != DJ_TOML_ARRAY)
		return wrong(f, v, known[which].key, "a list of strings");
	clear(&f->s->v[which]);
	for (const struct dj_toml_value *i = v->first; i != NULL; i = i->next) {
		text = dj_toml_text(i);
		if (text == NULL)
			return wrong(f, i, known[which].key,
				"a list of strings");
		if (!put(f, which, i, text, true))
			return false;
	}
	return true;
}

/* NAME=value, or NAME=path. */
static char *make_pair(const struct file *f, enum dj_setting which,
	const char *key, const char *value)
{
	char *path = known[which].form == FORM_PATHS ? from_folder(f, value)
						     : strdup(value);
	char *pair = NULL;

	if (path != NULL && asprintf(&pair, "%s=%s", key, path) < 0)
		pair = NULL;
	free(path);
	return pair;
}

static bool take_table(const struct file *f, enum dj_setting which,
	const struct dj_toml_value *v)
{
	if (v->type != DJ_TOML_TABLE)
		return wrong(f, v, known[which].key,
			"a table of names and strings");
	clear(&f->s->v[which]);
	for (const struct dj_toml_value *i = v->first; i != NULL; i = i->next) {
		const char *text = dj_toml_text(i);
		char *pair;
		bool good;

		if (text == NULL || i->key_len == 0 ||
			strlen(i->key) != i->key_len ||
			strchr(i->key, '=') != NULL)
			return wrong(f, i, known[which].key,
				"a table of names and strings");
		pair = make_pair(f, which, i->key, text);
		if (pair == NULL)
			return dj_err_set(f->err, "internal.memory",
				"no memory");
		good = put(f, which, i, pair, true);
		free(pair);
		if (!good)
			return false;
	}
	return true;
}

static bool take(const struct file *f, enum dj_setting which,
	const struct dj_toml_value *v)
{
	const char *text = dj_toml_text(v);
	char number[24];

	switch (known[which].form) {
	case FORM_TEXT:
	case FORM_PATH:
		if (text == NULL)
			return wrong(f, v, known[which].key, "a string");
		return put(f, which, v, text, false);
	case FORM_NUMBER:
		if (v->type == DJ_TOML_INTEGER) {
			(void)snprintf(number, sizeof(number), "%lld",
				(long long)v->integer);
			text = number;
		}
		if (text == NULL)
			return wrong(f, v, known[which].key,
				"a string such as \"256MiB\", \"10min\" or a number");
		return put(f, which, v, text, false);
	case FORM_LIST:
	case FORM_URLS:
		return take_list(f, which, v);
	case FORM_TABLE:
	case FORM_PATHS:
		return take_table(f, which, v);
	}
	return false;
}

static bool unknown(const struct file *f, const struct dj_toml_error *why)
{
	char shown[sizeof(why->text)];

	dj_clean(shown, sizeof(shown), why->text, strlen(why->text));
	return dj_err_set(f->err, "config.key", "%s:%u:%u: %s", f->name,
		why->line, why->col, shown);
}

/* The table [name], whose keys are the settings name.KEY and extra. */
static bool take_section(const struct file *f, const struct dj_toml_value *top,
	const char *name, const char *extra)
{
	const struct dj_toml_value *table = dj_toml_get(top, name);
	const char *keys[DJ_SET_COUNT + 2];
	struct dj_toml_error why;
	char where[32];
	size_t len = strlen(name), n = 0;

	if (table == NULL)
		return true;
	if (table->type != DJ_TOML_TABLE)
		return wrong(f, table, name, "a table");
	for (int i = 0; i < DJ_SET_COUNT; i++) {
		if (strncmp(known[i].key, name, len) == 0 &&
			known[i].key[len] == '.')
			keys[n++] = known[i].key + len + 1;
	}
	if (extra != NULL)
		keys[n++] = extra;
	keys[n] = NULL;
	(void)snprintf(where, sizeof(where), "[%s]", name);
	if (dj_toml_check_keys(table, where, keys, &why) != DJ_OK)
		return unknown(f, &why);
	for (int i = 0; i < DJ_SET_COUNT; i++) {
		const struct dj_toml_value *v;

		if (strncmp(known[i].key, name, len) != 0 ||
			known[i].key[len] != '.')
			continue;
		v = dj_toml_get(table, known[i].key + len + 1);
		if (v != NULL && !take(f, (enum dj_setting)i, v))
			return false;
	}
	return true;
}

/* [[files]]: position is the descriptor number. */
static bool take_file(const struct file *f, const struct dj_toml_value *v,
	size_t position)
{
	static const char *const keys[] = { "kind", "name", "prot", "port",
		"host", "addr", NULL };
	static const char *const names[] = { "stdin", "stdout", "stderr" };
	struct dj_toml_error why;
	const char *kind;

	if (v->type != DJ_TOML_TABLE)
		return wrong(f, v, "files", "a list of tables");
	if (dj_toml_check_keys(v, "[[files]]", keys, &why) != DJ_OK)
		return unknown(f, &why);
	kind = dj_toml_text(dj_toml_get(v, "kind"));
	if (kind == NULL)
		return wrong(f, v, "kind", "there, and a string");
	if (strcmp(kind, "listen") == 0 || strcmp(kind, "connect") == 0)
		return wrong(f, v, "kind",
			"stdin, stdout, stderr or null: this build has no sockets in Keeps");
	if (position > 2 ||
		(strcmp(kind, "null") != 0 &&
			strcmp(kind, names[position]) != 0))
		return wrong(f, v, "files",
			"stdin, stdout, stderr in this order, or null in their place");
	return put(f, (enum dj_setting)(DJ_SET_STDIN + position), v, kind,
		false);
}

static bool take_files(const struct file *f, const struct dj_toml_value *top)
{
	const struct dj_toml_value *list = dj_toml_get(top, "files");
	size_t position = 0;

	if (list == NULL)
		return true;
	if (list->type != DJ_TOML_ARRAY)
		return wrong(f, list, "files", "a list of tables");
	for (const struct dj_toml_value *i = list->first; i != NULL;
		i = i->next, position++) {
		if (!take_file(f, i, position))
			return false;
	}
	/* Enarx.toml: a descriptor that is not listed is not there. */
	for (; position < 3; position++) {
		if (!put(f, (enum dj_setting)(DJ_SET_STDIN + position), list,
			    "null", false))
			return false;
	}
	return true;
}

/* [secrets.NAME]: a file that the program reads as a stream of that name. */
static bool take_secret(const struct file *f, const struct dj_toml_value *v)
{
	static const char *const keys[] = { "file", "kbs", NULL };
	struct dj_toml_error why;
	const char *path;
	char *pair;
	bool good;

	if (v->type != DJ_TOML_TABLE || strlen(v->key) != v->key_len)
		return wrong(f, v, "secrets", "tables such as [secrets.db]");
	if (dj_toml_check_keys(v, "[secrets]", keys, &why) != DJ_OK)
		return unknown(f, &why);
	if (dj_toml_get(v, "kbs") != NULL)
		return wrong(f, v, "a secret",
			"a file: this build asks no key broker");
	path = dj_toml_text(dj_toml_get(v, "file"));
	if (path == NULL)
		return wrong(f, v, "file", "there, and a string");
	pair = make_pair(f, DJ_SET_STREAMS_IN, v->key, path);
	if (pair == NULL)
		return dj_err_set(f->err, "internal.memory", "no memory");
	good = put(f, DJ_SET_STREAMS_IN, v, pair, true);
	free(pair);
	return good;
}

static bool take_secrets(const struct file *f, const struct dj_toml_value *top)
{
	const struct dj_toml_value *list = dj_toml_get(top, "secrets");

	if (list == NULL)
		return true;
	if (list->type != DJ_TOML_TABLE)
		return wrong(f, list, "secrets", "tables such as [secrets.db]");
	for (const struct dj_toml_value *i = list->first; i != NULL;
		i = i->next) {
		if (!take_secret(f, i))
			return false;
	}
	return true;
}

static bool take_top(const struct file *f, const struct dj_toml_value *top)
{
	static const char *const keys[] = { "schema", "program", "keep", "host",
		"policy", "streams", "secrets", "args", "env", "files",
		"steward", NULL };
	const struct dj_toml_value *v;
	struct dj_toml_error why;

	if (dj_toml_check_keys(top, "the file", keys, &why) != DJ_OK)
		return unknown(f, &why);
	v = dj_toml_get(top, "schema");
	if (v != NULL && (v->type != DJ_TOML_INTEGER || v->integer != 1))
		return wrong(f, v, "schema", "1");
	v = dj_toml_get(top, "steward");
	if (v != NULL)
		return dj_err_set(f->err, "config.steward",
			"%s:%u: there is no steward here: this client verifies Keeps itself",
			f->name, v->line);
	v = dj_toml_get(top, "args");
	if (v != NULL && !take(f, DJ_SET_ARGS, v))
		return false;
	v = dj_toml_get(top, "env");
	if (v != NULL && !take(f, DJ_SET_ENV, v))
		return false;
	v = dj_toml_get(dj_toml_get(top, "keep"), "receipt");
	if (v != NULL && (v->type != DJ_TOML_BOOLEAN || v->boolean))
		return wrong(f, v, "keep.receipt",
			"false: receipts are asked for with --receipt FILE");
	return take_files(f, top) && take_section(f, top, "program", NULL) &&
		take_section(f, top, "keep", "receipt") &&
		take_section(f, top, "host", NULL) &&
		take_section(f, top, "policy", NULL) &&
		take_section(f, top, "streams", NULL) && take_secrets(f, top);
}

bool dj_settings_read(struct dj_settings *s, const char *text, size_t len,
	const char *name, struct dj_err *err)
{
	struct file f = { .s = s, .name = name, .err = err };
	struct dj_toml_error why;
	struct dj_toml *doc;
	bool good;

	if (dj_toml_parse(text, len, &doc, &why) != DJ_OK)
		return dj_err_set(err, "config.syntax", "%s:%u:%u: %s", name,
			why.line, why.col, why.text);
	good = take_top(&f, dj_toml_root(doc));
	dj_toml_free(doc);
	return good;
}

/* A link that leads nowhere is there, and cannot be read. */
static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static bool load_file(struct dj_settings *s, const char *path, bool must,
	struct dj_err *err)
{
	char *text;
	size_t len;
	bool good;

	if (!must && !is_there(path))
		return true;
	if (dj_file_read(path, FILE_MAX, &text, &len) != DJ_OK)
		return dj_err_set(err, "config.read",
			"reading the configuration %s: %s", path,
			strerror(errno));
	good = dj_settings_read(s, text, len, path, err);
	free(text);
	return good;
}

static bool load_variables(struct dj_settings *s, struct dj_err *err)
{
	for (int i = 0; i < DJ_SET_COUNT; i++) {
		const char *value;

		if (known[i].variable == NULL)
			continue;
		value = getenv(known[i].variable);
		if (value != NULL && value[0] != '\0' &&
			!dj_settings_set(s, (enum dj_setting)i, value,
				known[i].variable, false, err))
			return false;
	}
	return true;
}

bool dj_settings_load(struct dj_settings *s, const char *file,
	struct dj_err *err)
{
	char path[DJ_PATH_MAX];

	for (int i = 0; i < DJ_SET_COUNT; i++) {
		if (known[i].built_in != NULL &&
			!dj_settings_set(s, (enum dj_setting)i,
				known[i].built_in, "built in", false, err))
			return false;
	}
	if (!load_file(s, "/etc/donjon/config.toml", false, err))
		return false;
	if (dj_path_config(path, "config.toml") &&
		!load_file(s, path, false, err))
		return false;
	if (file != NULL) {
		if (!load_file(s, file, true, err))
			return false;
	} else if (is_there("Donjon.toml")) {
		if (!load_file(s, "./Donjon.toml", true, err))
			return false;
	} else if (!load_file(s, "./Enarx.toml", false, err)) {
		return false;
	}
	return load_variables(s, err);
}

/* ---- units ---- */

static bool scaled(const char *text, const char *const *units,
	const uint64_t *factors, uint64_t *ret)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)text[0]))
		return false;
	for (; isdigit((unsigned char)*text); text++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return false;
	}
	for (size_t i = 0; units[i] != NULL; i++) {
		if (strcmp(text, units[i]) != 0)
			continue;
		if (__builtin_mul_overflow(v, factors[i], &v) || v == 0)
			return false;
		*ret = v;
		return true;
	}
	return false;
}

bool dj_size_parse(const char *text, uint64_t *ret_bytes)
{
	static const char *const units[] = { "", "B", "KiB", "MiB", "GiB", "K",
		"M", "G", NULL };
	static const uint64_t factors[] = { 1, 1, 1 << 10, 1 << 20, 1 << 30,
		1 << 10, 1 << 20, 1 << 30 };

	return scaled(text, units, factors, ret_bytes);
}

bool dj_time_parse(const char *text, uint64_t *ret_ms)
{
	static const char *const units[] = { "", "s", "ms", "min", "h", "d",
		NULL };
	static const uint64_t factors[] = { 1000, 1000, 1, 60000, 3600000,
		86400000 };

	return scaled(text, units, factors, ret_ms);
}

static bool instant(const char *text, uint64_t *ret_ns)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	uint64_t s = 0;
	size_t digits = strspn(text, "0123456789");

	if (end != NULL && *end == '\0') {
		time_t t = timegm(&tm);

		if (t < 0)
			return false;
		s = (uint64_t)t;
	} else if (digits == 0 || digits > 10 || text[digits] != '\0') {
		return false;
	} else {
		s = strtoull(text, NULL, 10);
	}
	*ret_ns = s * 1000000000;
	return true;
}

bool dj_clock_parse(const char *text, uint8_t *ret_policy, uint64_t *ret_ns)
{
	static const char *const names[] = {
		[DJ_TIME_HOST] = "host",
		[DJ_TIME_FIXED] = NULL,
		[DJ_TIME_COUNTING] = "counting",
		[DJ_TIME_CLIENT] = "client",
	};

	*ret_ns = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i] == NULL || strcmp(text, names[i]) != 0)
			continue;
		*ret_policy = (uint8_t)i;
		return true;
	}
	*ret_policy = DJ_TIME_FIXED;
	return strncmp(text, "fixed:", 6) == 0 && instant(text + 6, ret_ns);
}
