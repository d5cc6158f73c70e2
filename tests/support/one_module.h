// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keep/engine/engine.h"
#include "tests/support/hostmem.h"
#include "tests/tap.h"

/*
 * For unit tests of the engine: one module without imports in a store of its
 * own. one_start() makes it ready, one_stop() takes all of it away; between
 * them exports are called by name. The checks count in the test that calls.
 */
#define ONE __attribute__((unused)) static

static struct dj_arena one_arena;
static struct dj_store *one_store;
static struct dj_instance *one_inst;

ONE dj_status one_no_import(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	(void)ctx;
	(void)import;
	(void)ret;
	return DJ_E_INPUT;
}

/* config: its mem is set here. */
ONE void one_start(const uint8_t *module, size_t len,
	struct dj_store_config config)
{
	struct dj_wasm_error err;
	struct dj_link_error link;
	struct dj_wasm_module *m;

	config.mem = hostmem;
	if (!hostmem_arena(&one_arena, (size_t)4 << 20))
		abort();
	eq_u64(dj_wasm_load(module, len, &one_arena, &m, &err), DJ_OK);
	eq_u64(dj_store_init(&one_arena, &config, &one_store), DJ_OK);
	eq_u64(dj_instance_new(one_store, m, one_no_import, NULL, &one_inst,
		       &link),
		DJ_OK);
}

ONE void one_stop(void)
{
	dj_store_done(one_store);
	hostmem_arena_done(&one_arena);
}

/* v: arguments, then results. */
ONE enum dj_trap one_call(const char *name, union dj_value *v)
{
	struct dj_extern e;

	if (!dj_instance_export(one_inst, name, strlen(name), &e))
		abort();
	return dj_call(one_store, e.func, v);
}

/* These are for exports that take an i64 and give one. */
ONE enum dj_trap one_run(const char *name, uint64_t arg, uint64_t *ret)
{
	union dj_value v[1] = { { .i64 = arg } };
	enum dj_trap t = one_call(name, v);

	*ret = v[0].i64;
	return t;
}

ONE uint64_t one_value(const char *name, uint64_t arg)
{
	uint64_t v;

	eq_u64(one_run(name, arg, &v), DJ_TRAP_NONE);
	return v;
}

ONE void one_traps(const char *name, uint64_t arg, enum dj_trap trap)
{
	uint64_t v;

	eq_u64(one_run(name, arg, &v), trap);
}
#undef ONE
