// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/spectest/spectest.h"
#include "tests/support/hostmem.h"
#include "tests/support/hostnative.h"

#define ARENA_SIZE   ((size_t)256 << 20)
#define CALL_SECONDS 60
#define VALUES_MAX   1024

/* A runaway call must not hold up the rest of the suite. */
static time_t deadline;

static enum dj_trap poll_deadline(void *ctx)
{
	(void)ctx;
	return time(NULL) > deadline ? DJ_TRAP_TIME : DJ_TRAP_NONE;
}

__attribute__((format(printf, 2, 3))) static enum outcome because(
	struct script *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return FAILED;
}

static enum outcome lacking(struct script *s, const char *what)
{
	because(s, "%s", what);
	return SKIPPED;
}

static const char *text_at(const json_t *cmd, const char *key)
{
	const char *t = json_string_value(json_object_get(cmd, key));

	return t == NULL ? "" : t;
}

/* Names are bytes: they may hold NUL. */
static struct unit *find(const struct binding *b, const void *p, size_t len)
{
	for (; b != NULL; b = b->next)
		if (b->len == len && memcmp(b->name, p, len) == 0)
			return b->unit;
	return NULL;
}

static void bind_to(struct binding **list, const json_t *name, struct unit *u)
{
	size_t len = json_string_length(name);
	struct binding *b;

	if (name == NULL)
		return;
	b = malloc(sizeof(*b) + len + 1);
	if (b == NULL)
		abort();
	b->next = *list;
	b->unit = u;
	b->len = len;
	memcpy(b->name, json_string_value(name), len + 1);
	*list = b;
}

static void unbind(struct binding **list)
{
	while (*list != NULL) {
		struct binding *b = *list;

		*list = b->next;
		free(b);
	}
}

static struct unit *unit_named(const struct script *s, const json_t *cmd,
	const char *key, const struct binding *list, struct unit *otherwise)
{
	const json_t *name = json_object_get(cmd, key);

	if (name == NULL)
		return otherwise;
	(void)s;
	return find(list, json_string_value(name), json_string_length(name));
}

static struct unit *unit_new(struct script *s)
{
	struct unit **more =
		reallocarray(s->units, s->unit_count + 1, sizeof(*s->units));
	struct unit *u = calloc(1, sizeof(*u));

	if (more == NULL || u == NULL)
		abort();
	s->units = more;
	s->units[s->unit_count++] = u;
	return u;
}

static uint8_t *read_module(struct script *s, const json_t *cmd,
	size_t *ret_len)
{
	char path[4096];
	uint8_t *bytes;

	snprintf(path, sizeof(path), "%s/%s", s->dir, text_at(cmd, "filename"));
	bytes = read_whole(path, ret_len);
	if (bytes == NULL)
		because(s, "%s: %s", path, strerror(errno));
	return bytes;
}

static bool is_text(const json_t *cmd)
{
	return strcmp(text_at(cmd, "module_type"), "text") == 0;
}

static enum outcome load(struct script *s, const json_t *cmd, struct unit *u)
{
	struct dj_wasm_error err = { .text = "" };
	size_t len = 0;
	dj_status st;

	if (is_text(cmd)) {
		u->skip = "the text format";
		return lacking(s, u->skip);
	}
	u->bytes = read_module(s, cmd, &len);
	if (u->bytes == NULL)
		return FAILED;
	st = dj_wasm_load_as(s->features, u->bytes, len, &s->arena, &u->module,
		&err);
	if (st == DJ_E_UNSUPPORTED) {
		u->skip = err.text;
		return lacking(s, err.text);
	}
	if (st != DJ_OK)
		return because(s, "does not load: %s, %s at 0x%zx (%s)",
			dj_status_name(st),
			err.malformed ? "malformed" : "invalid", err.offset,
			err.text);
	return PASSED;
}

static dj_status resolve(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	struct script *s = ctx;
	struct unit *u;

	u = find(s->registered, import->module.p, import->module.len);
	if (u == NULL && import->module.len == 8 &&
		memcmp(import->module.p, "spectest", 8) == 0)
		return host_resolve(s, &import->name, ret);
	if (u == NULL)
		return DJ_E_INPUT;
	if (u->skip != NULL)
		s->link_skip = u->skip;
	if (u->inst == NULL ||
		!dj_instance_export(u->inst, import->name.p, import->name.len,
			ret))
		return DJ_E_INPUT;
	return DJ_OK;
}

static dj_status instantiate_native(struct script *s, struct unit *u,
	const struct dj_wasm_module *m, struct dj_instance **ret,
	struct dj_link_error *err)
{
	dj_status st = image_get(s, u, m, &err->what);

	if (st != DJ_OK) {
		err->import_index = UINT32_MAX;
		return st;
	}
	return dj_instance_new_native(s->store, m, u->image, u->image_len,
		&hostnative_target, resolve, s, ret, err);
}

/* *ret_trap: a segment or the start function trapped; *ret_st otherwise. */
static void instantiate(struct script *s, struct unit *u,
	const struct dj_wasm_module *m, struct dj_instance **ret,
	dj_status *ret_st, struct dj_link_error *err)
{
	s->link_skip = NULL;
	*err = (struct dj_link_error){ .what = "" };
	deadline = time(NULL) + CALL_SECONDS;
	if (s->totals->engine == ENGINE_INTERPRETER)
		*ret_st = dj_instance_new(s->store, m, resolve, s, ret, err);
	else
		*ret_st = instantiate_native(s, u, m, ret, err);
	if (*ret_st == DJ_OK)
		err->trap = dj_instance_start(*ret);
}

static enum outcome make_instance(struct script *s, struct unit *u,
	const struct dj_wasm_module *m)
{
	struct dj_link_error err;
	dj_status st;

	instantiate(s, u, m, &u->inst, &st, &err);
	if (st == DJ_E_UNSUPPORTED || (st != DJ_OK && s->link_skip != NULL)) {
		u->skip = st == DJ_E_UNSUPPORTED ? err.what : s->link_skip;
		return lacking(s, u->skip);
	}
	if (st == DJ_E_STATE || err.trap != DJ_TRAP_NONE)
		return because(s, "does not start: %s", dj_trap_text(err.trap));
	if (st != DJ_OK)
		return because(s, "does not link: %s, import %u: %s",
			dj_status_name(st), err.import_index, err.what);
	return PASSED;
}

static enum outcome on_module(struct script *s, const json_t *cmd)
{
	struct unit *u = unit_new(s);
	enum outcome o;

	s->current = u;
	bind_to(&s->names, json_object_get(cmd, "name"), u);
	o = load(s, cmd, u);
	if (o != PASSED)
		return o;
	return make_instance(s, u, u->module);
}

static enum outcome on_definition(struct script *s, const json_t *cmd)
{
	struct unit *u = unit_new(s);

	s->definition = u;
	bind_to(&s->definitions, json_object_get(cmd, "name"), u);
	return load(s, cmd, u);
}

static enum outcome on_instance(struct script *s, const json_t *cmd)
{
	struct unit *def =
		unit_named(s, cmd, "module", s->definitions, s->definition);
	struct unit *u = unit_new(s);

	s->current = u;
	bind_to(&s->names, json_object_get(cmd, "instance"), u);
	if (def == NULL)
		return because(s, "no such definition");
	if (def->skip != NULL) {
		u->skip = def->skip;
		return lacking(s, def->skip);
	}
	if (def->module == NULL)
		return because(s, "the definition did not load");
	return make_instance(s, u, def->module);
}

static enum outcome on_register(struct script *s, const json_t *cmd)
{
	struct unit *u = unit_named(s, cmd, "name", s->names, s->current);

	if (u == NULL)
		return because(s, "no such module");
	bind_to(&s->registered, json_object_get(cmd, "as"), u);
	if (u->skip != NULL)
		return lacking(s, u->skip);
	return u->inst != NULL ? PASSED : because(s, "it did not instantiate");
}

/* What an action gave: values of these types, or a trap. */
struct result {
	enum dj_trap trap;
	uint32_t count;
	const uint32_t *types;
	union dj_value v[2 * VALUES_MAX];
};

static enum outcome invoke(struct script *s, struct dj_func *f,
	const json_t *args, struct result *r)
{
	const struct dj_wasm_functype *type = dj_func_type(f);
	const json_t *arg;
	size_t i, n, at = 0;

	if (json_array_size(args) != type->param_count)
		return because(s, "takes %u arguments", type->param_count);
	if (type->param_count > VALUES_MAX || type->result_count > VALUES_MAX)
		return because(s, "too many values");
	json_array_foreach(args, i, arg)
	{
		if (!value_parse(s, arg, &r->v[at], &n))
			return SKIPPED;
		at += n;
	}
	deadline = time(NULL) + CALL_SECONDS;
	r->trap = dj_call(s->store, f, r->v);
	r->count = type->result_count;
	r->types = type->results;
	return PASSED;
}

static enum outcome act(struct script *s, const json_t *cmd, struct result *r)
{
	const json_t *action = json_object_get(cmd, "action");
	const json_t *field = json_object_get(action, "field");
	struct unit *u = unit_named(s, action, "module", s->names, s->current);
	struct dj_extern e;

	r->trap = DJ_TRAP_NONE;
	if (u == NULL)
		return because(s, "no such module");
	if (u->skip != NULL)
		return lacking(s, u->skip);
	if (u->inst == NULL)
		return because(s, "its module did not instantiate");
	if (!dj_instance_export(u->inst, json_string_value(field),
		    json_string_length(field), &e)) {
		/* The data lacks modules that are text in the script. */
		if (dj_wasm_export_count(u->module) == 0)
			return lacking(s, "a module that is text");
		return because(s, "no such export");
	}
	if (strcmp(text_at(action, "type"), "invoke") == 0) {
		if (e.kind != DJ_WASM_FUNC)
			return because(s, "not a function");
		return invoke(s, e.func, json_object_get(action, "args"), r);
	}
	if (e.kind != DJ_WASM_GLOBAL)
		return because(s, "not a global");
	dj_global_read(e.global, r->v);
	r->count = 1;
	r->types = NULL;
	return PASSED;
}

/* A global's type is not in the API: the expected one is taken. */
static uint32_t type_of(const struct result *r, size_t i, const json_t *want)
{
	static const struct {
		const char *name;
		uint32_t type;
	} names[] = { { "i32", DJ_WASM_I32 }, { "i64", DJ_WASM_I64 },
		{ "f32", DJ_WASM_F32 }, { "f64", DJ_WASM_F64 },
		{ "v128", DJ_WASM_V128 }, { "externref", DJ_WASM_EXTERNREF } };

	if (r->types != NULL)
		return r->types[i];
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text_at(want, "type"), names[i].name) == 0)
			return names[i].type;
	return DJ_WASM_FUNCREF;
}

static enum outcome on_return(struct script *s, const json_t *cmd)
{
	static struct result r;
	const json_t *expected = json_object_get(cmd, "expected");
	const json_t *want;
	enum outcome o = act(s, cmd, &r);
	char got[64], *text;
	size_t i, at = 0;

	if (o != PASSED)
		return o;
	if (r.trap != DJ_TRAP_NONE)
		return because(s, "trap: %s", dj_trap_text(r.trap));
	if (json_array_size(expected) != r.count)
		return because(s, "%u results, not %zu", r.count,
			json_array_size(expected));
	json_array_foreach(expected, i, want)
	{
		uint32_t type = type_of(&r, i, want);

		const union dj_value *v = &r.v[at];

		at += type == DJ_WASM_V128 ? 2 : 1;
		if (value_matches(s->store, want, type, v))
			continue;
		value_print(got, sizeof(got), type, v);
		text = json_dumps(want, JSON_COMPACT);
		because(s, "result %zu is %s, not %s", i, got,
			text == NULL ? "?" : text);
		free(text);
		return FAILED;
	}
	return PASSED;
}

static enum outcome on_action(struct script *s, const json_t *cmd)
{
	static struct result r;
	enum outcome o = act(s, cmd, &r);

	if (o == PASSED && r.trap != DJ_TRAP_NONE)
		return because(s, "trap: %s", dj_trap_text(r.trap));
	return o;
}

static bool prefix(const char *a, const char *b)
{
	return strncmp(a, b, strlen(a)) == 0;
}

/* One trap of ours has several spellings in the suite, by version. */
static bool same_trap(enum dj_trap trap, const char *text)
{
	static const struct {
		const char *text;
		enum dj_trap trap;
	} also[] = { { "undefined element", DJ_TRAP_TABLE },
		{ "uninitialized", DJ_TRAP_UNINITIALISED },
		{ "indirect call", DJ_TRAP_INDIRECT_TYPE },
		{ "null", DJ_TRAP_NULL }, { "cast failure", DJ_TRAP_CAST },
		{ "out of bounds array", DJ_TRAP_ARRAY },
		{ "data segment does not fit", DJ_TRAP_MEMORY },
		{ "elements segment does not fit", DJ_TRAP_TABLE } };
	const char *ours = dj_trap_text(trap);

	if (prefix(ours, text) || prefix(text, ours))
		return true;
	for (size_t i = 0; i < sizeof(also) / sizeof(also[0]); i++)
		if (also[i].trap == trap && prefix(also[i].text, text))
			return true;
	return false;
}

/*
 * "frames", of our own scripts: [name, offset] of each, innermost first, and
 * there is none besides.
 */
static enum outcome on_frames(struct script *s, const json_t *frames)
{
	struct dj_frame got[64];
	size_t n = dj_store_backtrace(s->store, got, 64);

	if (n != json_array_size(frames))
		return because(s, "%zu frames, not %zu", n,
			json_array_size(frames));
	for (size_t i = 0; i < n; i++) {
		const json_t *want = json_array_get(frames, i);
		const char *name = json_string_value(json_array_get(want, 0));
		json_int_t at = json_integer_value(json_array_get(want, 1));
		struct dj_wasm_name ours;

		if (!dj_wasm_func_name(s->current->module, got[i].func, &ours))
			return because(s, "frame %zu has no name", i);
		if (name == NULL || ours.len != strlen(name) ||
			memcmp(ours.p, name, ours.len) != 0 ||
			got[i].offset != (uint64_t)at)
			return because(s, "frame %zu is %.*s at %u", i,
				(int)ours.len, (const char *)ours.p,
				(unsigned)got[i].offset);
	}
	return PASSED;
}

static enum outcome on_trap(struct script *s, const json_t *cmd)
{
	static struct result r;
	const char *text = text_at(cmd, "text");
	const json_t *frames = json_object_get(cmd, "frames");
	enum outcome o = act(s, cmd, &r);

	if (o != PASSED)
		return o;
	if (r.trap == DJ_TRAP_NONE)
		return because(s, "no trap, but \"%s\" is due", text);
	if (!same_trap(r.trap, text))
		return because(s, "trap \"%s\", not \"%s\"",
			dj_trap_text(r.trap), text);
	return frames == NULL ? PASSED : on_frames(s, frames);
}

static enum outcome on_exception(struct script *s, const json_t *cmd)
{
	static struct result r;
	enum outcome o = act(s, cmd, &r);

	if (o == PASSED && r.trap != DJ_TRAP_EXCEPTION)
		return because(s, "trap \"%s\", not an exception",
			r.trap == DJ_TRAP_NONE ? "none" : dj_trap_text(r.trap));
	return o;
}

static void note_text(struct script *s, const json_t *cmd, const char *ours)
{
	const char *text = text_at(cmd, "text");

	if (s->totals->verbose && !prefix(text, ours) && !prefix(ours, text))
		printf("%s:%lld: note: \"%s\", the suite says \"%s\"\n",
			s->path,
			json_integer_value(json_object_get(cmd, "line")), ours,
			text);
}

static enum outcome judge_refusal(struct script *s, const json_t *cmd,
	dj_status st, const struct dj_wasm_error *err)
{
	bool malformed = strcmp(text_at(cmd, "type"), "assert_malformed") == 0;

	if (st == DJ_OK)
		return because(s, "loads, but \"%s\" is due",
			text_at(cmd, "text"));
	if (st == DJ_E_UNSUPPORTED)
		return lacking(s, err->text);
	if (st != DJ_E_INPUT)
		return because(s, "%s", dj_status_name(st));
	if (err->malformed != malformed)
		return because(s, "%s (%s), but \"%s\" is due",
			err->malformed ? "malformed" : "invalid", err->text,
			text_at(cmd, "text"));
	note_text(s, cmd, err->text);
	return PASSED;
}

static enum outcome on_refused(struct script *s, const json_t *cmd)
{
	/* Rolled back: a refused module leaves nothing behind. */
	struct dj_wasm_error err = { .text = "" };
	struct dj_wasm_module *m;
	struct dj_arena arena;
	uint8_t *bytes, *exact;
	enum outcome o;
	size_t len = 0;

	if (is_text(cmd))
		return lacking(s, "the text format");
	bytes = read_module(s, cmd, &len);
	if (bytes == NULL)
		return FAILED;
	/* An exact copy lets a sanitizer see a read past the end. */
	exact = malloc(len == 0 ? 1 : len);
	if (exact == NULL || !hostmem_arena(&arena, ARENA_SIZE))
		abort();
	memcpy(exact, bytes, len);
	o = judge_refusal(s, cmd,
		dj_wasm_load_as(s->features, exact, len, &arena, &m, &err),
		&err);
	hostmem_arena_done(&arena);
	free(exact);
	free(bytes);
	return o;
}

static enum outcome on_unlinkable(struct script *s, const json_t *cmd)
{
	const char *text = text_at(cmd, "text");
	struct unit *u = unit_new(s);
	struct dj_link_error err;
	enum outcome o = load(s, cmd, u);
	dj_status st;

	if (o != PASSED)
		return o;
	instantiate(s, u, u->module, &u->inst, &st, &err);
	if (st == DJ_OK && err.trap == DJ_TRAP_NONE)
		return because(s, "links, but \"%s\" is due", text);
	/* In 1.0 a segment out of bounds was a link error. */
	if (st == DJ_E_STATE && same_trap(err.trap, text))
		return PASSED;
	if (st != DJ_OK && s->link_skip != NULL)
		return lacking(s, s->link_skip);
	if (st == DJ_E_UNSUPPORTED)
		return lacking(s, err.what);
	if (st != DJ_E_INPUT || err.what == NULL ||
		(!prefix(err.what, text) && !prefix(text, err.what)))
		return because(s, "%s (%s), but \"%s\" is due",
			dj_status_name(st), err.what == NULL ? "" : err.what,
			text);
	return PASSED;
}

static enum outcome on_uninstantiable(struct script *s, const json_t *cmd)
{
	const char *text = text_at(cmd, "text");
	struct unit *u = unit_new(s);
	struct dj_link_error err;
	enum outcome o = load(s, cmd, u);
	dj_status st;

	if (o != PASSED)
		return o;
	instantiate(s, u, u->module, &u->inst, &st, &err);
	if (st != DJ_OK && s->link_skip != NULL)
		return lacking(s, s->link_skip);
	if (st == DJ_E_UNSUPPORTED)
		return lacking(s, err.what);
	if (st != DJ_OK && st != DJ_E_STATE)
		return because(s, "%s (%s), but \"%s\" is due",
			dj_status_name(st), err.what, text);
	if (err.trap == DJ_TRAP_NONE)
		return because(s, "instantiates, but \"%s\" is due", text);
	if (!same_trap(err.trap, text))
		return because(s, "trap \"%s\", not \"%s\"",
			dj_trap_text(err.trap), text);
	return PASSED;
}

static const struct {
	const char *type;
	enum outcome (*run)(struct script *s, const json_t *cmd);
} commands[] = {
	{ "module", on_module },
	{ "module_definition", on_definition },
	{ "module_instance", on_instance },
	{ "register", on_register },
	{ "action", on_action },
	{ "assert_return", on_return },
	{ "assert_trap", on_trap },
	{ "assert_exhaustion", on_trap },
	{ "assert_exception", on_exception },
	{ "assert_invalid", on_refused },
	{ "assert_malformed", on_refused },
	{ "assert_unlinkable", on_unlinkable },
	{ "assert_uninstantiable", on_uninstantiable },
};

static enum outcome run_command(struct script *s, const json_t *cmd)
{
	const char *type = text_at(cmd, "type");

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(type, commands[i].type) == 0)
			return commands[i].run(s, cmd);
	return because(s, "unknown command");
}

/* No test is run: native code is left for what loads. */
static enum outcome leave_native(struct script *s, const json_t *cmd)
{
	struct unit *u = unit_new(s);
	const char *why = "";
	dj_status st;

	if (load(s, cmd, u) != PASSED) {
		s->why[0] = '\0'; /* what must not load is among them */
		return PASSED;
	}
	st = image_leave(s, u, &why);
	if (st == DJ_E_UNSUPPORTED)
		return lacking(s, why);
	return st == DJ_OK ? PASSED
			   : because(s, "%s: %s", dj_status_name(st), why);
}

/*
 * Native code of modules that are linked to each other has to be called in one
 * way, so what they have is known before the first one is made.
 */
static void ask_for_tails(struct script *s, const json_t *list)
{
	const json_t *cmd;
	size_t i;

	json_array_foreach(list, i, cmd)
	{
		struct dj_wasm_module *m;
		struct dj_wasm_error err;
		struct dj_arena arena;
		uint8_t *bytes;
		size_t len;

		if (json_object_get(cmd, "filename") == NULL || is_text(cmd))
			continue;
		bytes = read_module(s, cmd, &len);
		if (bytes != NULL && hostmem_arena(&arena, ARENA_SIZE)) {
			if (dj_wasm_load_as(s->features, bytes, len, &arena, &m,
				    &err) == DJ_OK)
				s->tails = s->tails || image_tails(m);
			hostmem_arena_done(&arena);
		}
		free(bytes);
	}
}

static void run_commands(struct script *s, const json_t *list)
{
	const json_t *cmd;
	enum outcome o;
	size_t i;

	json_array_foreach(list, i, cmd)
	{
		s->why[0] = '\0';
		if (s->totals->to == NULL)
			o = run_command(s, cmd);
		else if (json_object_get(cmd, "filename") != NULL)
			o = leave_native(s, cmd);
		else
			continue;
		s->totals->count[o]++;
		if (o == SKIPPED)
			spectest_count_skip(s->why);
		if (o == PASSED || (o == SKIPPED && !s->totals->verbose))
			continue;
		printf("%s:%lld: %s %s: %s%s\n", s->path,
			json_integer_value(json_object_get(cmd, "line")),
			text_at(cmd, "type"),
			text_at(json_object_get(cmd, "action"), "field"),
			o == SKIPPED ? "skipped: " : "", s->why);
	}
}

static bool open_store(struct script *s)
{
	const struct dj_store_config config = {
		.mem = hostmem,
		.max_memory_pages = s->totals->pages,
		.poll = poll_deadline,
		.native = s->totals->engine != ENGINE_INTERPRETER,
		.guard = s->totals->engine == ENGINE_GUARD,
		.exec = hostnative_exec,
	};

	if (!hostmem_arena(&s->arena, ARENA_SIZE))
		return false;
	if (dj_store_init(&s->arena, &config, &s->store) != DJ_OK)
		return false;
	return host_init(s) == DJ_OK;
}

static void release(struct script *s)
{
	if (s->store != NULL)
		dj_store_done(s->store);
	hostmem_arena_done(&s->arena);
	for (size_t i = 0; i < s->unit_count; i++) {
		free(s->units[i]->bytes);
		free(s->units[i]->image);
		free(s->units[i]);
	}
	free(s->units);
	unbind(&s->names);
	unbind(&s->definitions);
	unbind(&s->registered);
	free(s->dir);
}

uint64_t spectest_version(const char *name, size_t len)
{
	static const struct {
		const char *name;
		uint64_t features;
	} versions[] = { { "1.0", DJ_WASM_1_0 }, { "2.0", DJ_WASM_2_0 },
		{ "3.0", DJ_WASM_3_0 },
		{ "tail-call", DJ_WASM_2_0 | DJ_WASM_BIT(TAIL_CALL) },
		{ "threads", DJ_WASM_2_0 | DJ_WASM_BIT(THREADS) },
		{ "extended-const",
			DJ_WASM_2_0 | DJ_WASM_BIT(EXTENDED_CONST) } };

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strlen(versions[i].name) == len &&
			memcmp(versions[i].name, name, len) == 0)
			return versions[i].features;
	return 0;
}

/* The part of the path nearest to the script that names a version. */
static uint64_t features_of(const char *path)
{
	uint64_t features = DJ_WASM_ANY;

	while (*path != '\0') {
		size_t n = strcspn(path, "/");
		uint64_t f = spectest_version(path, n);

		if (f != 0)
			features = f;
		path += n + (path[n] == '/');
	}
	return features;
}

void spectest_run(const char *path, struct totals *t)
{
	struct script s = {
		.path = path,
		.totals = t,
		.features = t->features != 0 ? t->features : features_of(path),
	};
	const char *slash = strrchr(path, '/');
	json_error_t err;
	json_t *root;

	root = json_load_file(path, JSON_ALLOW_NUL, &err);
	s.dir = slash == NULL ? strdup(".")
			      : strndup(path, (size_t)(slash - path));
	if (root == NULL || s.dir == NULL) {
		printf("%s: %s\n", path, err.text);
		t->count[FAILED]++;
	} else if (!open_store(&s)) {
		printf("%s: no store\n", path);
		t->count[FAILED]++;
	} else {
		if (t->engine != ENGINE_INTERPRETER)
			ask_for_tails(&s, json_object_get(root, "commands"));
		run_commands(&s, json_object_get(root, "commands"));
	}
	release(&s);
	json_decref(root);
}
