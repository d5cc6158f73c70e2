// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wasitest/wasitest.h"

static bool bad(struct wasitest_spec *s, const char *what)
{
	(void)snprintf(s->why, sizeof(s->why), "its JSON: %s", what);
	return false;
}

static bool text(const json_t *o, const char *key, const char **ret)
{
	const json_t *v = json_object_get(o, key);

	if (v == NULL || json_is_null(v))
		return true;
	*ret = json_string_value(v);
	return *ret != NULL;
}

static bool add_dir(struct wasitest_spec *s, const char *host,
	const char *guest)
{
	if (s->dir_count == WASITEST_DIRS_MAX)
		return bad(s, "too many folders");
	s->dirs[s->dir_count].host = host;
	s->dirs[s->dir_count++].guest = guest;
	return true;
}

static bool all_text(struct wasitest_spec *s, json_t *v, const char *what)
{
	json_t *e;
	size_t i;
	const char *k;

	json_array_foreach(v, i, e) if (!json_is_string(e)) return bad(s, what);
	json_object_foreach(v, k, e) if (!json_is_string(e) &&
		!json_is_null(e)) return bad(s, what);
	return true;
}

static bool read_dirs(struct wasitest_spec *s, const json_t *o)
{
	json_t *preopens = json_object_get(o, "preopens");
	json_t *dirs = json_object_get(o, "dirs"), *e;
	const char *guest, *root = NULL;
	size_t i;

	if (!text(o, "root", &root) || !all_text(s, preopens, "preopens") ||
		!all_text(s, dirs, "dirs"))
		return bad(s, "folders");
	if (root != NULL && !add_dir(s, root, "/"))
		return false;
	json_array_foreach(dirs, i,
		e) if (!add_dir(s, json_string_value(e),
			       json_string_value(e))) return false;
	json_object_foreach(preopens, guest,
		e) if (!add_dir(s, json_string_value(e), guest)) return false;
	return true;
}

static bool read_start(struct wasitest_spec *s, const json_t *o)
{
	s->args = json_object_get(o, "args");
	s->env = json_object_get(o, "env");
	s->symlinks = json_object_get(o, "symlinks");
	if (!all_text(s, s->args, "args") || !all_text(s, s->env, "env") ||
		!all_text(s, s->symlinks, "symlinks"))
		return false;
	if (!text(o, "arg0", &s->arg0) || !text(o, "stdin", &s->input))
		return bad(s, "arg0 or stdin");
	return read_dirs(s, o);
}

static bool read_exit(struct wasitest_spec *s, const json_t *o)
{
	const json_t *code = json_object_get(o, "exit_code");

	if (code != NULL && !json_is_integer(code))
		return bad(s, "exit_code");
	s->exit_code = code == NULL ? 0 : (int)json_integer_value(code);
	return true;
}

static bool read_operation(struct wasitest_spec *s, const json_t *o)
{
	const char *type = "", *id = "stdout", *payload = "";

	if (!text(o, "type", &type) || !text(o, "id", &id) ||
		!text(o, "payload", &payload))
		return bad(s, "an operation");
	if (strcmp(type, "run") == 0)
		return read_start(s, o);
	if (strcmp(type, "wait") == 0)
		return read_exit(s, o);
	if (strcmp(type, "read") != 0) {
		s->skip = "operations beyond run, read and wait";
		return true;
	}
	if (strcmp(id, "stderr") == 0)
		s->errors = payload;
	else
		s->output = payload;
	return true;
}

bool wasitest_spec_read(struct wasitest_spec *s, const char *path)
{
	json_t *operations, *o;
	json_error_t err;
	size_t i;

	*s = (struct wasitest_spec){ 0 };
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return true;
	s->json = json_load_file(path, JSON_REJECT_DUPLICATES, &err);
	if (!json_is_object(s->json))
		return bad(s, s->json == NULL ? err.text : "not an object");
	operations = json_object_get(s->json, "operations");
	json_array_foreach(operations, i,
		o) if (!read_operation(s, o)) return false;
	if (operations != NULL)
		return true;
	if (!text(s->json, "stdout", &s->output) ||
		!text(s->json, "stderr", &s->errors))
		return bad(s, "stdout or stderr");
	return read_exit(s, s->json) && read_start(s, s->json);
}

void wasitest_spec_done(struct wasitest_spec *s)
{
	json_decref(s->json);
	s->json = NULL;
}
