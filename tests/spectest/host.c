// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/spectest/spectest.h"

static const uint32_t types[] = { DJ_WASM_I32, DJ_WASM_F32, DJ_WASM_I64,
	DJ_WASM_F64, DJ_WASM_F64 };

/* The suite's words for what the host module has; params index types[]. */
static const struct item {
	const char *name;
	enum dj_wasm_extern_kind kind;
	uint8_t first, count; /* functions: parameters */
	uint8_t type;         /* globals */
	uint64_t bits;
} items[] = {
	{ .name = "print", .kind = DJ_WASM_FUNC },
	{ .name = "print_i32", .kind = DJ_WASM_FUNC, .first = 0, .count = 1 },
	{ .name = "print_i64", .kind = DJ_WASM_FUNC, .first = 2, .count = 1 },
	{ .name = "print_f32", .kind = DJ_WASM_FUNC, .first = 1, .count = 1 },
	{ .name = "print_f64", .kind = DJ_WASM_FUNC, .first = 3, .count = 1 },
	{ .name = "print_i32_f32",
		.kind = DJ_WASM_FUNC,
		.first = 0,
		.count = 2 },
	{ .name = "print_f64_f64",
		.kind = DJ_WASM_FUNC,
		.first = 3,
		.count = 2 },
	{ .name = "global_i32",
		.kind = DJ_WASM_GLOBAL,
		.type = DJ_WASM_I32,
		.bits = 666 },
	{ .name = "global_i64",
		.kind = DJ_WASM_GLOBAL,
		.type = DJ_WASM_I64,
		.bits = 666 },
	{ .name = "global_f32",
		.kind = DJ_WASM_GLOBAL,
		.type = DJ_WASM_F32,
		.bits = 0x4426a666 },
	{ .name = "global_f64",
		.kind = DJ_WASM_GLOBAL,
		.type = DJ_WASM_F64,
		.bits = 0x4084d33333333333 },
	{ .name = "table", .kind = DJ_WASM_TABLE },
	{ .name = "table64", .kind = DJ_WASM_TABLE, .bits = 64 },
	{ .name = "memory", .kind = DJ_WASM_MEMORY },
};
#define ITEM_COUNT (sizeof(items) / sizeof(items[0]))

static enum dj_trap print(void *ctx, struct dj_instance *caller,
	union dj_value *args)
{
	(void)ctx;
	(void)caller;
	(void)args;
	return DJ_TRAP_NONE;
}

static dj_status make(struct script *s, const struct item *item,
	struct dj_extern *ret)
{
	struct dj_wasm_functype *type;
	union dj_value v = { .i64 = item->bits };

	ret->kind = item->kind;
	switch (item->kind) {
	case DJ_WASM_FUNC:
		type = dj_arena_new(&s->arena, struct dj_wasm_functype);
		if (type == NULL)
			return DJ_E_NOMEM;
		type->param_count = item->count;
		type->params = types + item->first;
		return dj_func_new_host(s->store, type, print, NULL,
			&ret->func);
	case DJ_WASM_TABLE:
		if (item->bits == 64)
			return dj_table64_new(s->store, DJ_WASM_FUNCREF, 10,
				true, 20, &ret->table);
		return dj_table_new(s->store, DJ_WASM_FUNCREF, 10, true, 20,
			&ret->table);
	case DJ_WASM_MEMORY:
		return dj_memory_new(s->store, 1, true, 2, &ret->memory);
	case DJ_WASM_GLOBAL:
		return dj_global_new(s->store, item->type, false, v,
			&ret->global);
	case DJ_WASM_TAG:
		break;
	}
	return DJ_E_STATE;
}

dj_status host_init(struct script *s)
{
	_Static_assert(ITEM_COUNT <= sizeof(s->host) / sizeof(s->host[0]),
		"room for every item");

	for (size_t i = 0; i < ITEM_COUNT; i++) {
		dj_status st = make(s, &items[i], &s->host[i]);

		if (st != DJ_OK)
			return st;
	}
	return DJ_OK;
}

dj_status host_resolve(struct script *s, const struct dj_wasm_name *name,
	struct dj_extern *ret)
{
	for (size_t i = 0; i < ITEM_COUNT; i++) {
		if (strlen(items[i].name) == name->len &&
			memcmp(items[i].name, name->p, name->len) == 0) {
			*ret = s->host[i];
			return DJ_OK;
		}
	}
	return DJ_E_INPUT;
}
