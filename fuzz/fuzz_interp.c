// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "keep/engine/engine.h"
#include "tests/support/hostmem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* More parameters or results than this are not called. */
#define ARGS 64

static struct dj_store *store;

static enum dj_trap answer(void *ctx, struct dj_instance *caller,
	union dj_value *args)
{
	uint64_t len = 0;

	(void)ctx;
	if (caller != NULL)
		(void)dj_instance_memory(caller, &len);
	args[0].i64 = len;
	return DJ_TRAP_NONE;
}

static dj_status resolve(void *ctx, const struct dj_wasm_import *im,
	struct dj_extern *ret)
{
	union dj_value zero = { .i64 = 0 };

	(void)ctx;
	ret->kind = im->kind;
	switch (im->kind) {
	case DJ_WASM_FUNC:
		return im->func->result_count > 1 ||
				(im->func->result_count == 1 &&
					dj_wasm_is_ref(im->func->results[0]))
			? DJ_E_INPUT
			: dj_func_new_host(store, im->func, answer, NULL,
				  &ret->func);
	case DJ_WASM_TABLE:
		return dj_table_new(store, im->table.elem,
			(uint32_t)im->table.limits.min,
			im->table.limits.has_max,
			(uint32_t)im->table.limits.max, &ret->table);
	case DJ_WASM_MEMORY:
		return dj_memory_new(store, im->memory.min, im->memory.has_max,
			im->memory.max, &ret->memory);
	case DJ_WASM_GLOBAL:
		/* A number would not do for a reference, and zero is null. */
		if (dj_wasm_is_ref(im->global.type) &&
			(im->global.type & DJ_WASM_NON_NULL) != 0)
			return DJ_E_INPUT;
		return dj_global_new(store, im->global.type,
			im->global.is_mutable, zero, &ret->global);
	case DJ_WASM_TAG:
		return DJ_E_INPUT; /* only a module makes one */
	}
	return DJ_E_INPUT;
}

static void call(struct dj_func *f, uint8_t fill)
{
	const struct dj_wasm_functype *t = dj_func_type(f);
	union dj_value args[2 * ARGS]; /* a v128 takes two */
	struct dj_frame frames[16];
	size_t n;

	if (t->param_count > ARGS || t->result_count > ARGS)
		return;
	memset(args, fill, sizeof(args));
	for (uint32_t i = 0, at = 0; i < t->param_count; i++, at++) {
		if (dj_wasm_is_ref(t->params[i])) {
			if ((t->params[i] & DJ_WASM_NON_NULL) != 0)
				return;
			args[at].ref = NULL;
		}
		if (t->params[i] == DJ_WASM_V128)
			at++;
	}
	if (dj_call(store, f, args) == DJ_TRAP_NONE)
		return;
	n = dj_store_backtrace(store, frames, 16);
	MUST(n <= 16);
}

static void run(struct dj_arena *arena, const struct dj_wasm_module *m)
{
	const struct dj_store_config config = {
		.mem = hostmem,
		.max_memory_pages = 8,
		.max_table_elems = 4096,
		.max_call_depth = 64,
		.stack_bytes = 65536,
		.fuel = 20000,
	};
	struct dj_link_error err;
	struct dj_instance *inst;
	struct dj_extern e;

	if (dj_store_init(arena, &config, &store) != DJ_OK)
		return;
	if (dj_instance_new(store, m, resolve, NULL, &inst, &err) == DJ_OK) {
		(void)dj_instance_start(inst);
		for (size_t i = 0; i < dj_wasm_export_count(m); i++) {
			const struct dj_wasm_export *x = dj_wasm_export(m, i);

			MUST(dj_instance_export(inst, x->name.p, x->name.len,
				&e));
			if (e.kind != DJ_WASM_FUNC)
				continue;
			call(e.func, 0);
			call(e.func, 0xff);
			call(e.func, 7);
		}
		MUST(dj_store_fuel_used(store) <= config.fuel + 1);
	}
	dj_store_done(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dj_arena arena;
	struct dj_wasm_error err;
	struct dj_wasm_module *m;

	if (arena.base == NULL)
		MUST(hostmem_arena(&arena, (size_t)16 << 20));
	memset(arena.base, 0, arena.used);
	arena.used = 0;
	if (dj_wasm_load(data, size, &arena, &m, &err) == DJ_OK)
		run(&arena, m);
	return 0;
}
