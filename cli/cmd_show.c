// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/verbs.h"
#include "client/json.h"
#include "client/module.h"
#include "client/policy_file.h"
#include "client/program.h"

#define WASI "wasi_snapshot_preview1"

static const char *type_name(unsigned t)
{
	switch ((enum dj_wasm_valtype)t) {
	case DJ_WASM_I32:
		return "i32";
	case DJ_WASM_I64:
		return "i64";
	case DJ_WASM_F32:
		return "f32";
	case DJ_WASM_F64:
		return "f64";
	case DJ_WASM_V128:
		return "v128";
	case DJ_WASM_I8:
		return "i8";
	case DJ_WASM_I16:
		return "i16";
	case DJ_WASM_NULLEXNREF:
		return "noexn";
	case DJ_WASM_NULLFUNCREF:
		return "nofunc";
	case DJ_WASM_NULLEXTERNREF:
		return "noextern";
	case DJ_WASM_NULLREF:
		return "none";
	case DJ_WASM_FUNCREF:
		return "func";
	case DJ_WASM_EXTERNREF:
		return "extern";
	case DJ_WASM_ANYREF:
		return "any";
	case DJ_WASM_EQREF:
		return "eq";
	case DJ_WASM_I31REF:
		return "i31";
	case DJ_WASM_STRUCTREF:
		return "struct";
	case DJ_WASM_ARRAYREF:
		return "array";
	case DJ_WASM_EXNREF:
		return "exn";
	case DJ_WASM_TYPEDREF:
		return "type";
	}
	return "?";
}

/* As the text format has it: funcref, (ref any), (ref null 3). */
static void put_type(FILE *f, uint32_t type)
{
	bool may_be_null = (type & DJ_WASM_NON_NULL) == 0;
	unsigned heap = type & 0x7f;

	if (!dj_wasm_is_ref(type))
		fprintf(f, "%s", type_name(type));
	else if (heap == DJ_WASM_TYPEDREF)
		fprintf(f, "(ref %s%u)", may_be_null ? "null " : "",
			(unsigned)(type >> DJ_WASM_TYPE_SHIFT));
	else if (!may_be_null)
		fprintf(f, "(ref %s)", type_name(heap));
	else if (strncmp(type_name(heap), "no", 2) == 0)
		fprintf(f, "null%sref",
			heap == DJ_WASM_NULLREF ? "" : type_name(heap) + 2);
	else
		fprintf(f, "%sref", type_name(heap));
}

static void put_types(FILE *f, const uint32_t *types, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		fprintf(f, "%s", i == 0 ? "" : ", ");
		put_type(f, types[i]);
	}
}

static void put_limits(FILE *f, const struct dj_wasm_limits *l,
	const char *unit)
{
	fprintf(f, "%llu", (unsigned long long)l->min);
	if (l->has_max)
		fprintf(f, " to %llu", (unsigned long long)l->max);
	else
		fprintf(f, " or more");
	fprintf(f, " %s", unit);
}

static void put_func(FILE *f, const struct dj_wasm_functype *t)
{
	fprintf(f, "func (");
	put_types(f, t->params, t->param_count);
	fprintf(f, ") -> (");
	put_types(f, t->results, t->result_count);
	fprintf(f, ")");
}

/* What a thing is, as text; to be freed. */
static char *describe(const struct dj_wasm_import *i)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	switch (i->kind) {
	case DJ_WASM_FUNC:
		put_func(f, i->func);
		break;
	case DJ_WASM_TABLE:
		fprintf(f, "table of ");
		put_type(f, i->table.elem);
		fprintf(f, ", ");
		put_limits(f, &i->table.limits, "entries");
		break;
	case DJ_WASM_MEMORY:
		fprintf(f, "memory, ");
		put_limits(f, &i->memory, "pages");
		break;
	case DJ_WASM_GLOBAL:
		fprintf(f, "global %s", i->global.is_mutable ? "mutable " : "");
		put_type(f, i->global.type);
		break;
	case DJ_WASM_TAG:
		fprintf(f, "tag of ");
		put_func(f, i->func);
		break;
	}
	return fclose(f) == 0 ? text : NULL;
}

static const char *kind_name(enum dj_wasm_extern_kind kind)
{
	static const char *const names[] = {
		[DJ_WASM_FUNC] = "func",
		[DJ_WASM_TABLE] = "table",
		[DJ_WASM_MEMORY] = "memory",
		[DJ_WASM_GLOBAL] = "global",
		[DJ_WASM_TAG] = "tag",
	};

	return names[kind];
}

static bool is_wasi(const struct dj_wasm_import *i)
{
	return i->module.len == sizeof(WASI) - 1 &&
		memcmp(i->module.p, WASI, i->module.len) == 0;
}

static void clean_name(char *dst, size_t cap, const struct dj_wasm_name *name)
{
	dj_clean(dst, cap, name->p, name->len);
}

static void print_imports(const struct dj_wasm_module *m)
{
	size_t wasi = 0, others = 0;

	for (size_t i = 0; i < dj_wasm_import_count(m); i++)
		wasi += is_wasi(dj_wasm_import(m, i));
	dj_cli_print("imports %zu, of them %zu WASI calls\n",
		dj_wasm_import_count(m), wasi);
	for (size_t i = 0; i < dj_wasm_import_count(m); i++) {
		const struct dj_wasm_import *in = dj_wasm_import(m, i);
		char module[200], name[200];
		char *what = describe(in);

		clean_name(module, sizeof(module), &in->module);
		clean_name(name, sizeof(name), &in->name);
		dj_cli_print("  %s.%s  %s\n", module, name,
			what == NULL ? "" : what);
		free(what);
		others += !is_wasi(in);
	}
	if (others > 0)
		dj_cli_print("  %zu of them are not " WASI
			     ": a keep may not have them\n",
			others);
}

static void print_module(const struct dj_wasm_module *m, const char *path,
	size_t len)
{
	struct dj_wasm_summary s;
	char name[200];

	dj_wasm_summary(m, &s);
	dj_clean(name, sizeof(name), path, strlen(path));
	dj_cli_print("module  %s, %zu bytes, valid\n", name, len);
	dj_cli_print("code    %llu bytes in %u functions, %llu bytes of data, "
		     "%llu of custom sections\n",
		(unsigned long long)s.code_bytes, s.funcs,
		(unsigned long long)s.data_bytes,
		(unsigned long long)s.custom_bytes);
	for (size_t i = 0; i < dj_wasm_memory_count(m); i++) {
		const struct dj_wasm_limits *l = dj_wasm_memory(m, i);

		dj_cli_print("memory  %llu KiB",
			(unsigned long long)l->min * 64);
		if (l->has_max)
			dj_cli_print(" to %llu KiB",
				(unsigned long long)l->max * 64);
		dj_cli_print(" of linear memory\n");
	}
	print_imports(m);
	dj_cli_print("exports %zu\n", dj_wasm_export_count(m));
	for (size_t i = 0; i < dj_wasm_export_count(m); i++) {
		const struct dj_wasm_export *e = dj_wasm_export(m, i);

		clean_name(name, sizeof(name), &e->name);
		dj_cli_print("  %s  %s\n", name, kind_name(e->kind));
	}
}

static json_t *limits_json(const struct dj_wasm_limits *l)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "min", json_integer((json_int_t)l->min));
	if (l->has_max)
		(void)json_object_set_new(o, "max",
			json_integer((json_int_t)l->max));
	return o;
}

static json_t *imports_json(const struct dj_wasm_module *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < dj_wasm_import_count(m); i++) {
		const struct dj_wasm_import *in = dj_wasm_import(m, i);
		char *what = describe(in);
		json_t *o = json_object();

		(void)json_object_set_new(o, "module",
			json_stringn(in->module.p, in->module.len));
		(void)json_object_set_new(o, "name",
			json_stringn(in->name.p, in->name.len));
		(void)json_object_set_new(o, "kind",
			json_string(kind_name(in->kind)));
		(void)json_object_set_new(o, "type",
			json_string(what == NULL ? "" : what));
		(void)json_array_append_new(list, o);
		free(what);
	}
	return list;
}

static json_t *module_json(const struct dj_wasm_module *m, const char *path,
	size_t len)
{
	json_t *o = json_object(), *list;
	struct dj_wasm_summary s;

	dj_wasm_summary(m, &s);
	(void)json_object_set_new(o, "schema", json_string("donjon.module/1"));
	(void)json_object_set_new(o, "module", dj_json_name(path));
	(void)json_object_set_new(o, "bytes", json_integer((json_int_t)len));
	(void)json_object_set_new(o, "functions", json_integer(s.funcs));
	(void)json_object_set_new(o, "code_bytes",
		json_integer((json_int_t)s.code_bytes));
	(void)json_object_set_new(o, "data_bytes",
		json_integer((json_int_t)s.data_bytes));
	(void)json_object_set_new(o, "imports", imports_json(m));
	list = json_array();
	for (size_t i = 0; i < dj_wasm_export_count(m); i++) {
		const struct dj_wasm_export *e = dj_wasm_export(m, i);
		json_t *x = json_object();

		(void)json_object_set_new(x, "name",
			json_stringn(e->name.p, e->name.len));
		(void)json_object_set_new(x, "kind",
			json_string(kind_name(e->kind)));
		(void)json_array_append_new(list, x);
	}
	(void)json_object_set_new(o, "exports", list);
	list = json_array();
	for (size_t i = 0; i < dj_wasm_memory_count(m); i++)
		(void)json_array_append_new(list,
			limits_json(dj_wasm_memory(m, i)));
	(void)json_object_set_new(o, "memories", list);
	return o;
}

static int show(const struct dj_cli *cli, const char *path,
	const uint8_t *bytes, size_t len)
{
	struct dj_module_view v;
	struct dj_err err = { 0 };
	int status;

	if (!dj_module_view(&v, path, bytes, len, &err)) {
		status = dj_cli_fail(cli, &err);
	} else if (cli->json) {
		status = dj_cli_json(cli, module_json(v.module, path, len), 0);
	} else {
		print_module(v.module, path, len);
		status = dj_cli_end(cli, 0);
	}
	dj_module_view_done(&v);
	return status;
}

static int run(struct dj_cli *cli)
{
	const char *path = cli->operands[0];
	char shown[300];
	char *bytes;
	size_t len;
	int status;

	if (dj_file_read(path, DJ_MODULE_MAX, &bytes, &len) != DJ_OK) {
		dj_clean(shown, sizeof(shown), path, strlen(path));
		return dj_cli_failf(cli,
			errno == ENOENT ? "module.missing" : "module.read",
			"reading the module %s: %s", shown, strerror(errno));
	}
	status = show(cli, path, (uint8_t *)bytes, len);
	free(bytes);
	return status;
}

const struct dj_verb dj_verb_show = {
	.name = "show",
	.group = DJ_GROUP_PROGRAMS,
	.operands = "MODULE",
	.summary = "validate a module; its imports, exports, memory",
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
