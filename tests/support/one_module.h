// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client/aot/aot.h"
#include "keep/engine/engine.h"
#include "lib/wasm/layout.h"
#include "tests/support/hostmem.h"
#include "tests/support/hostnative.h"
#include "tests/tap.h"

/*
 * For unit tests of the engine: one module without imports in a store of its
 * own. one_start() makes it ready, one_stop() takes all of it away; between
 * them exports are called by name. The checks count in the test that calls.
 *
 * What stands behind IN_EACH_ENGINE is run interpreted and as native code of
 * both kinds, by another level of optimisation each.
 */
#define ONE __attribute__((unused)) static

static struct dj_arena one_arena;
static struct dj_store *one_store;
static struct dj_instance *one_inst;

#pragma weak dj_aot_compile
static enum {
	ONE_INTERPRETER,
	ONE_GUARD,
	ONE_CHECKS,
	ONE_ENGINES
} one_engine;

ONE void native_code_of_the_same(void)
{
	skip("no compiler in a build with sanitizers");
}

ONE bool one_has_engine(void)
{
	static const char *const names[] = { "interpreted",
		"native, guard pages", "native, explicit checks" };
	bool there = one_engine == ONE_INTERPRETER ||
		(one_engine < ONE_ENGINES && dj_aot_compile != NULL);

	if (there)
		printf("# %s\n", names[one_engine]);
	else if (one_engine == ONE_GUARD)
		RUN(native_code_of_the_same);
	if (one_engine == ONE_GUARD && there)
		hostnative_begin();
	if (!there)
		one_engine = ONE_INTERPRETER;
	return there;
}
#define IN_EACH_ENGINE \
	for (one_engine = ONE_INTERPRETER; one_has_engine(); one_engine++)

ONE dj_status one_no_import(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	(void)ctx;
	(void)import;
	(void)ret;
	return DJ_E_INPUT;
}

/* Native code is made once for an engine, and again for other bytes. */
ONE dj_status one_native(const struct dj_wasm_module *m,
	struct dj_link_error *link)
{
	const struct dj_aot_options options = {
		.bounds = one_engine == ONE_GUARD ? DJ_BOUNDS_GUARD
						  : DJ_BOUNDS_CHECKS,
		.cpu_level = one_engine == ONE_GUARD ? hostnative_level() : 0,
		.optimise = one_engine == ONE_GUARD ? 1 : 2,
		.threads = 1,
	};
	static struct {
		const uint8_t *of;
		uint8_t *p;
		size_t len;
	} images[ONE_ENGINES];
	char why[256] = "";

	if (images[one_engine].of != m->bytes) {
		free(images[one_engine].p);
		images[one_engine].p = NULL;
		images[one_engine].of = m->bytes;
	}
	if (images[one_engine].p == NULL &&
		dj_aot_compile(m, &options, &images[one_engine].p,
			&images[one_engine].len, why, sizeof(why)) != DJ_OK)
		printf("# %s\n", why);
	return dj_instance_new_native(one_store, m, images[one_engine].p,
		images[one_engine].len, &hostnative_target, one_no_import, NULL,
		&one_inst, link);
}

/* config: what is the host's in it is set here. */
ONE void one_start(const uint8_t *module, size_t len,
	struct dj_store_config config)
{
	struct dj_wasm_error err;
	struct dj_link_error link;
	struct dj_wasm_module *m;

	config.mem = hostmem;
	config.native = one_engine != ONE_INTERPRETER;
	config.guard = one_engine == ONE_GUARD;
	config.exec = hostnative_exec;
	if (!hostmem_arena(&one_arena, (size_t)4 << 20))
		abort();
	eq_u64(dj_wasm_load(module, len, &one_arena, &m, &err), DJ_OK);
	eq_u64(dj_store_init(&one_arena, &config, &one_store), DJ_OK);
	eq_u64(one_engine == ONE_INTERPRETER
			? dj_instance_new(one_store, m, one_no_import, NULL,
				  &one_inst, &link)
			: one_native(m, &link),
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
