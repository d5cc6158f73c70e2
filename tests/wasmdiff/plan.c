// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/wasm/layout.h"
#include "tests/wasmdiff/wasmdiff.h"

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, sizeof(t->p) - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n;
	if (t->len >= sizeof(t->p))
		t->len = sizeof(t->p) - 1;
}

uint64_t plan_arg(uint32_t type, uint32_t i)
{
	static const uint64_t ints[] = { 0, 7, UINT64_MAX, 4097, 65536,
		UINT64_C(0x8000000080000000) };
	static const uint32_t floats[] = { 0, 0x3fc00000, 0xc2c80000,
		0x4f000000 };
	static const uint64_t doubles[] = { 0, UINT64_C(0x3ff8) << 48,
		UINT64_C(0xc059) << 48, UINT64_C(0x41e0) << 48 };

	switch (type) {
	case DJ_WASM_F32:
		return floats[i % 4];
	case DJ_WASM_F64:
		return doubles[i % 4];
	case DJ_WASM_I32:
		return (uint32_t)ints[i % 6];
	case DJ_WASM_I64:
		return ints[i % 6];
	default:
		return 0; /* null */
	}
}

static char letter(uint32_t type)
{
	switch (type) {
	case DJ_WASM_I32:
		return 'i';
	case DJ_WASM_I64:
		return 'I';
	case DJ_WASM_F32:
		return 'f';
	case DJ_WASM_F64:
		return 'd';
	case DJ_WASM_V128:
	case DJ_WASM_EXNREF:
	case DJ_WASM_NULLEXNREF:
		return '?'; /* JavaScript cannot have them */
	default:
		return (type & DJ_WASM_NON_NULL) != 0 ? '?' : 'r';
	}
}

/* A word that has nothing to mistake for the plan's own. */
static bool is_plain(const struct dj_wasm_name *n)
{
	if (n->len == 0 || n->len > 100)
		return false;
	for (uint32_t i = 0; i < n->len; i++)
		if (n->p[i] <= ' ' || n->p[i] > '~')
			return false;
	return true;
}

static bool types(struct text *t, uint32_t count, const uint32_t *list,
	bool refs)
{
	if (count > ARGS_MAX)
		return false;
	text_add(t, " -");
	for (uint32_t i = 0; i < count; i++) {
		char c = letter(list[i]);

		if (c == '?' || (c == 'r' && !refs))
			return false;
		text_add(t, "%c", c);
	}
	return true;
}

uint64_t plan_global(uint32_t type, bool is_mutable)
{
	/* Most that change are stack pointers, most that do not are bases. */
	return type == DJ_WASM_F32 || type == DJ_WASM_F64 || !is_mutable
		? 0
		: 65536;
}

static void limits(struct text *t, const struct dj_wasm_limits *l)
{
	text_add(t, " %llu %lld %c", (unsigned long long)l->min,
		l->has_max ? (long long)l->max : -1, l->is64 ? 'I' : 'i');
}

static bool import(struct text *t, const struct dj_wasm_import *im)
{
	static const char kinds[] = "iTMG?";
	char c;

	if (!is_plain(&im->module) || !is_plain(&im->name))
		return false;
	text_add(t, "%c %.*s %.*s", kinds[im->kind], (int)im->module.len,
		im->module.p, (int)im->name.len, im->name.p);
	switch (im->kind) {
	case DJ_WASM_FUNC:
		if (!types(t, im->func->param_count, im->func->params, false) ||
			!types(t, im->func->result_count, im->func->results,
				false))
			return false;
		break;
	case DJ_WASM_TABLE:
		if (im->table.elem != DJ_WASM_FUNCREF)
			return false;
		limits(t, &im->table.limits);
		break;
	case DJ_WASM_MEMORY:
		limits(t, &im->memory);
		break;
	case DJ_WASM_GLOBAL:
		c = letter(im->global.type);
		if (c == '?' || c == 'r')
			return false;
		text_add(t, " %c %d %llx", c, (int)im->global.is_mutable,
			(unsigned long long)plan_global(im->global.type,
				im->global.is_mutable));
		break;
	case DJ_WASM_TAG:
		return false;
	}
	text_add(t, "\n");
	return true;
}

/* What makes modules of wasm-opt end: it is set before each call. */
static const char hang_limit[] = "hangLimitInitializer";

static bool has_hang_limit(const struct dj_wasm_module *m)
{
	for (size_t i = 0; i < dj_wasm_export_count(m); i++) {
		const struct dj_wasm_export *e = dj_wasm_export(m, i);

		if (e->kind == DJ_WASM_FUNC &&
			e->name.len == sizeof(hang_limit) - 1 &&
			memcmp(e->name.p, hang_limit, e->name.len) == 0)
			return true;
	}
	return false;
}

static bool func(struct text *t, const struct dj_wasm_module *m,
	const struct dj_wasm_export *e, bool resets)
{
	const struct dj_wasm_functype *f = dj_wasm_func_type(m, e->index);

	if (resets)
		text_add(t, "r %s - -\n", hang_limit);
	text_add(t, "r %.*s", (int)e->name.len, e->name.p);
	if (!types(t, f->param_count, f->params, true) ||
		!types(t, f->result_count, f->results, true))
		return false;
	for (uint32_t i = 0; i < f->param_count; i++)
		text_add(t, " %llx",
			(unsigned long long)plan_arg(f->params[i], i));
	text_add(t, "\n");
	return true;
}

/* What cannot be called or seen from outside is left alone by all. */
static void export(struct text *t, const struct dj_wasm_module *m,
	const struct dj_wasm_export *e, bool resets)
{
	int len = (int)e->name.len;
	size_t mark = t->len;
	uint32_t type;

	if (!is_plain(&e->name))
		return;
	switch (e->kind) {
	case DJ_WASM_FUNC:
		if (!func(t, m, e, resets))
			t->len = mark;
		break;
	case DJ_WASM_MEMORY:
		text_add(t, "m %.*s\n", len, e->name.p);
		break;
	case DJ_WASM_TABLE:
		if (letter(m->tables[e->index].elem & ~DJ_WASM_NON_NULL) == 'r')
			text_add(t, "t %.*s\n", len, e->name.p);
		break;
	case DJ_WASM_GLOBAL:
		type = m->globals[e->index].type.type & ~DJ_WASM_NON_NULL;
		text_add(t, "g %.*s %c\n", len, e->name.p, letter(type));
		break;
	case DJ_WASM_TAG:
		break;
	}
	t->p[t->len] = '\0';
}

bool plan_write(const struct dj_wasm_module *m, struct text *ret)
{
	bool resets = has_hang_limit(m);

	ret->len = 0;
	ret->p[0] = '\0';
	for (size_t i = 0; i < dj_wasm_import_count(m); i++)
		if (!import(ret, dj_wasm_import(m, i)))
			return false;
	for (size_t i = 0; i < dj_wasm_export_count(m); i++)
		export(ret, m, dj_wasm_export(m, i), resets);
	return true;
}
