// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/aot/aot.h"
#include "keep/engine/store.h"
#include "tests/support/hostmem.h"
#include "tests/support/hostnative.h"
#include "tests/wasmdiff/wasmdiff.h"

#define ARENA        ((size_t)2 << 30) /* of address space */
#define SECONDS      20
#define IMPORTS_MAX  4096
#define MEMORIES_MAX 16

/* What runs now. */
static struct {
	struct dj_arena arena;
	struct dj_store *store;
	struct dj_wasm_module *m;
	struct dj_instance *inst;
	uint8_t *image;
	size_t image_len;
	bool trapped;
	const char *after; /* before what is seen: it trapped */
	uint32_t hash;     /* of what host functions were called with */
	uint64_t fuel;     /* of a store; 0: no limit */
	time_t deadline;
	bool is_real; /* others have made it */
	struct text *out;
	const struct dj_wasm_functype *hosts[IMPORTS_MAX];
	uint32_t host_count;
	struct dj_memory *memories[MEMORIES_MAX]; /* imported ones */
	size_t memory_count;
} t;

static enum dj_trap poll(void *ctx)
{
	(void)ctx;
	return time(NULL) > t.deadline ? DJ_TRAP_TIME : DJ_TRAP_NONE;
}

static void mix(uint32_t *h, uint32_t w)
{
	*h = (*h ^ w) * 0x9e3779b1u;
	*h ^= *h >> 15;
}

/* A NaN is a NaN. */
static uint64_t bits_of(uint32_t type, const union dj_value *v)
{
	switch (type) {
	case DJ_WASM_I32:
		return v->i32;
	case DJ_WASM_F32:
		return (v->f32 & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : v->f32;
	case DJ_WASM_F64:
		return (v->f64 & ~((uint64_t)1 << 63)) > UINT64_C(0x7ff) << 52
			? UINT64_C(0x7ff8) << 48
			: v->f64;
	case DJ_WASM_I64:
		return v->i64;
	default:
		return v->ref == NULL ? 0 : 1;
	}
}

static void hash_args(const struct dj_wasm_functype *f,
	const union dj_value *args)
{
	for (uint32_t i = 0; i < f->param_count; i++) {
		uint64_t bits = bits_of(f->params[i], &args[i]);

		mix(&t.hash, (uint32_t)bits);
		mix(&t.hash, (uint32_t)(bits >> 32));
	}
}

/* ctx has the function's type. The same sum is in v8.js. */
static enum dj_trap answer(void *ctx, struct dj_instance *caller,
	union dj_value *args)
{
	const struct dj_wasm_functype *const *type = ctx, *f = *type;

	(void)caller;
	hash_args(f, args);
	for (uint32_t i = 0; i < f->result_count; i++) {
		float narrow;
		double wide;

		mix(&t.hash, i);
		switch (f->results[i]) {
		case DJ_WASM_I32:
			args[i].i32 = t.hash;
			break;
		case DJ_WASM_I64:
			args[i].i64 = (uint64_t)t.hash << 32 | (t.hash ^ 5);
			break;
		case DJ_WASM_F32:
			narrow = (float)(t.hash % 4096) - 100;
			memcpy(&args[i].f32, &narrow, sizeof(narrow));
			break;
		default:
			wide = (double)t.hash / 16 - 100;
			memcpy(&args[i].f64, &wide, sizeof(wide));
		}
	}
	return DJ_TRAP_NONE;
}

static dj_status resolve_memory(const struct dj_wasm_limits *l,
	struct dj_extern *ret)
{
	dj_status st = l->is64 ? dj_memory64_new(t.store, l->min, l->has_max,
					 l->max, &ret->memory)
			       : dj_memory_new(t.store, l->min, l->has_max,
					 l->max, &ret->memory);

	if (st == DJ_OK)
		t.memories[t.memory_count++] = ret->memory;
	return st;
}

static dj_status resolve_table(const struct dj_wasm_table *w,
	struct dj_extern *ret)
{
	const struct dj_wasm_limits *l = &w->limits;

	return l->is64 ? dj_table64_new(t.store, w->elem, l->min, l->has_max,
				 l->max, &ret->table)
		       : dj_table_new(t.store, w->elem, (uint32_t)l->min,
				 l->has_max, (uint32_t)l->max, &ret->table);
}

static dj_status resolve(void *ctx, const struct dj_wasm_import *im,
	struct dj_extern *ret)
{
	union dj_value v;

	(void)ctx;
	ret->kind = im->kind;
	switch (im->kind) {
	case DJ_WASM_FUNC:
		if (t.host_count == IMPORTS_MAX)
			return DJ_E_INPUT;
		t.hosts[t.host_count] = im->func;
		return dj_func_new_host(t.store, im->func, answer,
			&t.hosts[t.host_count++], &ret->func);
	case DJ_WASM_TABLE:
		return resolve_table(&im->table, ret);
	case DJ_WASM_MEMORY:
		return t.memory_count == MEMORIES_MAX
			? DJ_E_INPUT
			: resolve_memory(&im->memory, ret);
	case DJ_WASM_GLOBAL:
		v.i64 = plan_global(im->global.type, im->global.is_mutable);
		return dj_global_new(t.store, im->global.type,
			im->global.is_mutable, v, &ret->global);
	case DJ_WASM_TAG:
		break;
	}
	return DJ_E_INPUT;
}

/* ---- what is seen ---- */

static void value(uint32_t type, const union dj_value *v)
{
	uint64_t bits = bits_of(type, v);

	if ((type == DJ_WASM_F32 && bits == 0x7fc00000) ||
		(type == DJ_WASM_F64 && bits == UINT64_C(0x7ff8) << 48))
		text_add(t.out, " nan");
	else
		text_add(t.out, " %llx", (unsigned long long)bits);
}

static bool end(enum dj_trap trap)
{
	t.trapped = trap != DJ_TRAP_NONE;
	if (t.trapped)
		text_add(t.out, " trap %d\n", (int)trap);
	return t.trapped;
}

static void call(const char *name, struct dj_func *f)
{
	const struct dj_wasm_functype *type = dj_func_type(f);
	union dj_value args[2 * ARGS_MAX] = { 0 };

	for (uint32_t i = 0; i < type->param_count; i++)
		args[i].i64 = plan_arg(type->params[i], i);
	text_add(t.out, "%s", name);
	t.deadline = time(NULL) + SECONDS;
	if (end(dj_call(t.store, f, args)))
		return;
	for (uint32_t i = 0; i < type->result_count; i++)
		value(type->results[i], &args[i]);
	text_add(t.out, "\n");
}

static void memory(const char *name, const struct dj_memory *m)
{
	uint32_t h = 0;

	for (uint64_t i = 0; i < m->len; i += 4) {
		uint32_t w;

		memcpy(&w, m->base + i, 4);
		mix(&h, w);
	}
	text_add(t.out, "%s%s %llx %x\n", t.after, name,
		(unsigned long long)m->len, h);
}

static void table(const char *name, const struct dj_table *tab)
{
	text_add(t.out, "%s%s ", t.after, name);
	for (uint32_t i = 0; i < tab->count && i < 1000; i++)
		text_add(t.out, "%c", tab->elems[i] == NULL ? '-' : 'x');
	text_add(t.out, "\n");
}

static void global(const char *name, const struct dj_global *g)
{
	union dj_value v[2];

	dj_global_read(g, v);
	switch (g->type.type) {
	case DJ_WASM_V128:
		text_add(t.out, ".%s%s %llx %llx\n", t.after, name,
			(unsigned long long)v[0].i64,
			(unsigned long long)v[1].i64);
		return;
	case DJ_WASM_EXNREF:
		return;
	default:
		text_add(t.out, "%s%s", t.after, name);
		value(g->type.type, &v[0]);
		text_add(t.out, "\n");
	}
}

static void look(const char *name)
{
	struct dj_extern e;

	if (!dj_instance_export(t.inst, name, strlen(name), &e))
		return;
	switch (e.kind) {
	case DJ_WASM_FUNC:
		call(name, e.func);
		break;
	case DJ_WASM_MEMORY:
		memory(name, e.memory);
		break;
	case DJ_WASM_TABLE:
		table(name, e.table);
		break;
	case DJ_WASM_GLOBAL:
		global(name, e.global);
		break;
	case DJ_WASM_TAG:
		break;
	}
}

/* The plan's next line; false: that was the last. */
static bool next_line(const char **p, char *kind, char name[static 128])
{
	if (sscanf(*p, "%c %127s", kind, name) != 2)
		return false;
	*p += strcspn(*p, "\n") + 1;
	return true;
}

/* Memories, tables, globals. after: of an instance that trapped. */
static void state(const struct text *plan, const char *after)
{
	const char *p = plan->p;
	char kind, name[128];
	size_t imported = 0;

	t.after = after;
	while (next_line(&p, &kind, name))
		if (kind == 'M')
			memory("import", t.memories[imported++]);
		else if (kind == 'm' || kind == 't' || kind == 'g')
			look(name);
	text_add(t.out, ".%sfuel %llu\n", after,
		(unsigned long long)dj_store_fuel_used(t.store));
}

/* ---- from bytes to an instance ---- */

static bool compile(enum engine e, unsigned optimise, unsigned level)
{
	const struct dj_aot_options options = {
		.bounds = e == GUARD ? DJ_BOUNDS_GUARD : DJ_BOUNDS_CHECKS,
		.optimise = (uint8_t)optimise,
		.cpu_level = (uint8_t)level,
		.threads = 1,
	};
	char why[256] = "";
	dj_status st = dj_aot_compile(t.m, &options, &t.image, &t.image_len,
		why, sizeof(why));

	if (st != DJ_OK)
		text_add(t.out, "no code: %s, %s\n", dj_status_name(st), why);
	return st == DJ_OK;
}

static bool fresh_store(enum engine e)
{
	const struct dj_store_config config = {
		.mem = hostmem,
		.max_memory_pages = t.is_real ? 8192 : 1024,
		.fuel = t.fuel,
		.poll = poll,
		.native = e != INTERPRETER,
		.guard = e == GUARD,
		.exec = hostnative_exec,
	};

	if (t.store != NULL)
		dj_store_done(t.store);
	t.store = NULL;
	t.host_count = 0;
	t.memory_count = 0;
	if (dj_store_init(&t.arena, &config, &t.store) == DJ_OK)
		return true;
	text_add(t.out, "no store\n");
	return false;
}

static bool instantiate(enum engine e)
{
	struct dj_link_error err = { .what = "" };
	dj_status st;

	if (!fresh_store(e))
		return false;
	if (e == INTERPRETER)
		st = dj_instance_new(t.store, t.m, resolve, NULL, &t.inst,
			&err);
	else
		st = dj_instance_new_native(t.store, t.m, t.image, t.image_len,
			&hostnative_target, resolve, NULL, &t.inst, &err);
	if (st == DJ_E_STATE)
		text_add(t.out, "start trap %d\n", (int)err.trap);
	else if (st != DJ_OK)
		text_add(t.out, "no instance: %s, %s\n", dj_status_name(st),
			err.what);
	if (st != DJ_OK)
		return false;
	t.deadline = time(NULL) + SECONDS;
	t.after = "";
	text_add(t.out, "start");
	if (end(dj_instance_start(t.inst)))
		return false;
	text_add(t.out, "\n");
	return true;
}

/* Goes along the plan, as v8.js does: a trap is the end of an instance. */
static void follow(const struct text *plan, enum engine e)
{
	const char *p = plan->p;
	char kind, name[128];

	while (next_line(&p, &kind, name)) {
		if (kind != 'r')
			continue;
		t.trapped = false;
		look(name);
		if (!t.trapped)
			continue;
		state(plan, "~");
		if (!instantiate(e))
			return;
	}
	state(plan, "");
	text_add(t.out, "host %x\n", t.hash);
}

/*
 * The same once more, with so little fuel that many a function does not end;
 * as lines that begin with a dot.
 */
static void run_dry(const struct text *plan, enum engine e, uint64_t fuel)
{
	static struct text dry;
	struct text *out = t.out;

	dry.len = 0;
	dry.p[0] = '\0';
	t.out = &dry;
	t.fuel = fuel;
	t.hash = 0;
	if (instantiate(e))
		follow(plan, e);
	t.out = out;
	for (const char *p = dry.p; *p != '\0';) {
		int n = (int)strcspn(p, "\n");

		text_add(out, "%s%.*s\n", *p == '.' ? "" : ".", n, p);
		p += n + (p[n] == '\n');
	}
}

void engine_run(const uint8_t *bytes, size_t len, enum engine e,
	const struct trial *how, const struct text *plan, struct outcome *ret)
{
	static struct text own;
	struct dj_wasm_error err;

	ret->text.len = 0;
	ret->text.p[0] = '\0';
	ret->lacking = false;
	memset(&t, 0, sizeof(t));
	t.out = &ret->text;
	t.fuel = how->fuel;
	t.is_real = how->fuel != 0;
	if (!hostmem_arena(&t.arena, ARENA))
		abort();
	if (dj_wasm_load(bytes, len, &t.arena, &t.m, &err) != DJ_OK)
		text_add(t.out, "invalid: %s at 0x%zx\n", err.text, err.offset);
	else if (e != INTERPRETER && !compile(e, how->optimise, how->level))
		ret->lacking = true;
	else if (plan == NULL && !plan_write(t.m, &own))
		text_add(t.out, "more than a plan can say\n");
	else if (instantiate(e)) {
		if (plan == NULL)
			plan = &own;
		follow(plan, e);
		if (!t.is_real)
			run_dry(plan, e, 1 + len / 8 % (len % 2 == 0 ? 7 : 61));
	}
	if (t.store != NULL)
		dj_store_done(t.store);
	free(t.image);
	hostmem_arena_done(&t.arena);
}
