// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/engine.h"
#include "tests/support/hostmem.h"
#include "tests/tap.h"

/*
 * (module
 *   (import "env" "host" (func $host (param i32) (result i32)))
 *   (memory (export "memory") 1 3)
 *   (table 4 funcref)
 *   (elem (i32.const 0) $id $add)
 *   (type $ii (func (param i32) (result i32)))
 *   (type $i (func (param i32 i32) (result i32)))
 *   (func $id (param i32) (result i32) local.get 0)
 *   (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
 *   ;; old value of a local survives its overwriting
 *   (func (export "old") (param i32) (result i32)
 *     local.get 0
 *     local.get 0
 *     i32.const 1
 *     i32.add
 *     local.set 0
 *     local.get 0
 *     i32.const 100
 *     i32.mul
 *     i32.add)
 *   ;; a pending local below a block that overwrites it on one path only
 *   (func (export "path") (param i32 i32) (result i32)
 *     local.get 0
 *     block
 *       local.get 1
 *       br_if 0
 *       i32.const 7
 *       local.set 0
 *     end
 *     local.get 0
 *     i32.const 10
 *     i32.mul
 *     i32.add)
 *   (func (export "swap") (param i32 i32) (result i32 i32)
 *     local.get 1
 *     local.get 0)
 *   (func (export "sum") (param i32) (result i32) (local i32)
 *     loop
 *       (local.set 1 (i32.add (local.get 1) (local.get 0)))
 *       (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
 *     end
 *     local.get 1)
 *   (func $down (export "down") (param i32) (result i32)
 *     (if (result i32) (i32.eqz (local.get 0))
 *       (then (i32.const 0))
 *       (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
 *   (func $inner (param i32) (result i32) (i32.load offset=65533 (local.get 0)))
 *   (func (export "outer") (param i32) (result i32) nop (i32.add (call $inner (local.get 0)) (i32.const 1)))
 *   (func (export "ask") (param i32) (result i32) (i32.add (call $host (local.get 0)) (i32.const 1)))
 *   (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
 *   (func (export "spin") (loop (br 0)))
 *   (func (export "through") (param i32) (result i32) (call_indirect (type $ii) (i32.const 5) (local.get 0)))
 *   (func (export "half") (param i32) (i64.store (local.get 0) (i64.const -1)))
 *   (func (export "ceil") (param f64) (result f64) (f64.ceil (local.get 0)))
 *   (func (export "fmin") (param f64 f64) (result f64) (f64.min (local.get 0) (local.get 1)))
 *   (func (export "one") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 1)))
 * )
 */
/* clang-format off */
static const uint8_t module[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x2a, 0x08, 0x60,
  0x01, 0x7f, 0x01, 0x7f, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x02,
  0x7f, 0x7f, 0x02, 0x7f, 0x7f, 0x60, 0x00, 0x00, 0x60, 0x01, 0x7f, 0x00,
  0x60, 0x01, 0x7c, 0x01, 0x7c, 0x60, 0x02, 0x7c, 0x7c, 0x01, 0x7c, 0x60,
  0x01, 0x7d, 0x01, 0x7d, 0x02, 0x0c, 0x01, 0x03, 0x65, 0x6e, 0x76, 0x04,
  0x68, 0x6f, 0x73, 0x74, 0x00, 0x00, 0x03, 0x12, 0x11, 0x00, 0x01, 0x00,
  0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x04, 0x05,
  0x06, 0x07, 0x04, 0x04, 0x01, 0x70, 0x00, 0x04, 0x05, 0x04, 0x01, 0x01,
  0x01, 0x03, 0x07, 0x6c, 0x0f, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79,
  0x02, 0x00, 0x03, 0x6f, 0x6c, 0x64, 0x00, 0x03, 0x04, 0x70, 0x61, 0x74,
  0x68, 0x00, 0x04, 0x04, 0x73, 0x77, 0x61, 0x70, 0x00, 0x05, 0x03, 0x73,
  0x75, 0x6d, 0x00, 0x06, 0x04, 0x64, 0x6f, 0x77, 0x6e, 0x00, 0x07, 0x05,
  0x6f, 0x75, 0x74, 0x65, 0x72, 0x00, 0x09, 0x03, 0x61, 0x73, 0x6b, 0x00,
  0x0a, 0x04, 0x67, 0x72, 0x6f, 0x77, 0x00, 0x0b, 0x04, 0x73, 0x70, 0x69,
  0x6e, 0x00, 0x0c, 0x07, 0x74, 0x68, 0x72, 0x6f, 0x75, 0x67, 0x68, 0x00,
  0x0d, 0x04, 0x68, 0x61, 0x6c, 0x66, 0x00, 0x0e, 0x04, 0x63, 0x65, 0x69,
  0x6c, 0x00, 0x0f, 0x04, 0x66, 0x6d, 0x69, 0x6e, 0x00, 0x10, 0x03, 0x6f,
  0x6e, 0x65, 0x00, 0x11, 0x09, 0x08, 0x01, 0x00, 0x41, 0x00, 0x0b, 0x02,
  0x01, 0x02, 0x0a, 0xc9, 0x01, 0x11, 0x04, 0x00, 0x20, 0x00, 0x0b, 0x07,
  0x00, 0x20, 0x00, 0x20, 0x01, 0x6a, 0x0b, 0x12, 0x00, 0x20, 0x00, 0x20,
  0x00, 0x41, 0x01, 0x6a, 0x21, 0x00, 0x20, 0x00, 0x41, 0xe4, 0x00, 0x6c,
  0x6a, 0x0b, 0x15, 0x00, 0x20, 0x00, 0x02, 0x40, 0x20, 0x01, 0x0d, 0x00,
  0x41, 0x07, 0x21, 0x00, 0x0b, 0x20, 0x00, 0x41, 0x0a, 0x6c, 0x6a, 0x0b,
  0x06, 0x00, 0x20, 0x01, 0x20, 0x00, 0x0b, 0x19, 0x01, 0x01, 0x7f, 0x03,
  0x40, 0x20, 0x01, 0x20, 0x00, 0x6a, 0x21, 0x01, 0x20, 0x00, 0x41, 0x01,
  0x6b, 0x22, 0x00, 0x0d, 0x00, 0x0b, 0x20, 0x01, 0x0b, 0x15, 0x00, 0x20,
  0x00, 0x45, 0x04, 0x7f, 0x41, 0x00, 0x05, 0x41, 0x01, 0x20, 0x00, 0x41,
  0x01, 0x6b, 0x10, 0x07, 0x6a, 0x0b, 0x0b, 0x09, 0x00, 0x20, 0x00, 0x28,
  0x02, 0xfd, 0xff, 0x03, 0x0b, 0x0a, 0x00, 0x01, 0x20, 0x00, 0x10, 0x08,
  0x41, 0x01, 0x6a, 0x0b, 0x09, 0x00, 0x20, 0x00, 0x10, 0x00, 0x41, 0x01,
  0x6a, 0x0b, 0x06, 0x00, 0x20, 0x00, 0x40, 0x00, 0x0b, 0x07, 0x00, 0x03,
  0x40, 0x0c, 0x00, 0x0b, 0x0b, 0x09, 0x00, 0x41, 0x05, 0x20, 0x00, 0x11,
  0x00, 0x00, 0x0b, 0x09, 0x00, 0x20, 0x00, 0x42, 0x7f, 0x37, 0x03, 0x00,
  0x0b, 0x05, 0x00, 0x20, 0x00, 0x9b, 0x0b, 0x07, 0x00, 0x20, 0x00, 0x20,
  0x01, 0xa4, 0x0b, 0x0a, 0x00, 0x20, 0x00, 0x43, 0x00, 0x00, 0x80, 0x3f,
  0x94, 0x0b, 0x00, 0x55, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x01, 0x1d, 0x05,
  0x00, 0x04, 0x68, 0x6f, 0x73, 0x74, 0x01, 0x02, 0x69, 0x64, 0x02, 0x03,
  0x61, 0x64, 0x64, 0x07, 0x04, 0x64, 0x6f, 0x77, 0x6e, 0x08, 0x05, 0x69,
  0x6e, 0x6e, 0x65, 0x72, 0x02, 0x25, 0x12, 0x00, 0x00, 0x01, 0x00, 0x02,
  0x00, 0x03, 0x00, 0x04, 0x00, 0x05, 0x00, 0x06, 0x00, 0x07, 0x00, 0x08,
  0x00, 0x09, 0x00, 0x0a, 0x00, 0x0b, 0x00, 0x0c, 0x00, 0x0d, 0x00, 0x0e,
  0x00, 0x0f, 0x00, 0x10, 0x00, 0x11, 0x00, 0x04, 0x08, 0x02, 0x00, 0x02,
  0x69, 0x69, 0x01, 0x01, 0x69
};
/* clang-format on */

static struct dj_arena arena;
static struct dj_store *s;
static struct dj_instance *inst;
static struct dj_store_config config;
static unsigned polls;
static enum dj_trap host_answer;

static struct dj_func *func(const char *name)
{
	struct dj_extern e = { 0 };

	ok(dj_instance_export(inst, name, strlen(name), &e));
	return e.func;
}

static enum dj_trap call(const char *name, uint64_t a, uint64_t b,
	union dj_value ret[static 2])
{
	ret[0].i64 = a;
	ret[1].i64 = b;
	return dj_call(s, func(name), ret);
}

/* Calls back into the instance, as deep as the argument says. */
static enum dj_trap host(void *ctx, struct dj_instance *caller,
	union dj_value *args)
{
	union dj_value v[2];

	(void)ctx;
	ok(caller == inst);
	if (host_answer != DJ_TRAP_NONE)
		return host_answer;
	if (args[0].i32 == 0)
		return DJ_TRAP_NONE;
	v[0].i64 = args[0].i32 - 1;
	if (dj_call(s, func("ask"), v) != DJ_TRAP_NONE)
		return DJ_TRAP_STACK;
	args[0].i64 = v[0].i32;
	return DJ_TRAP_NONE;
}

static dj_status resolve(void *ctx, const struct dj_wasm_import *im,
	struct dj_extern *ret)
{
	(void)ctx;
	ret->kind = DJ_WASM_FUNC;
	return dj_func_new_host(s, im->func, host, NULL, &ret->func);
}

static void start(void)
{
	struct dj_wasm_error err;
	struct dj_link_error link;
	struct dj_wasm_module *m;

	if (s != NULL)
		dj_store_done(s);
	hostmem_arena_done(&arena);
	if (!hostmem_arena(&arena, (size_t)4 << 20))
		abort();
	host_answer = DJ_TRAP_NONE;
	config.mem = hostmem;
	if (config.max_memory_pages == 0)
		config.max_memory_pages = 16;
	eq_u64(dj_wasm_load(module, sizeof(module), &arena, &m, &err), DJ_OK);
	eq_u64(dj_store_init(&arena, &config, &s), DJ_OK);
	eq_u64(dj_instance_new(s, m, resolve, NULL, &inst, &link), DJ_OK);
	config = (struct dj_store_config){ 0 };
}

static void a_pending_read_keeps_the_old_value_of_a_local(void)
{
	union dj_value v[2];

	start();
	eq_u64(call("old", 3, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 403);
	eq_u64(call("path", 3, 1, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 33);
	eq_u64(call("path", 3, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 73);
	eq_u64(call("swap", 1, 2, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 2);
	eq_u64(v[1].i32, 1);
}

static void the_call_depth_limit_is_exact(void)
{
	union dj_value v[2];

	config.max_call_depth = 100;
	start();
	eq_u64(call("down", 99, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 99);
	eq_u64(call("down", 100, 0, v), DJ_TRAP_STACK);
	eq_u64(call("down", 99, 0, v), DJ_TRAP_NONE);
	start();
	eq_u64(call("down", 65535, 0, v), DJ_TRAP_NONE);
	eq_u64(call("down", 65536, 0, v), DJ_TRAP_STACK);
}

static void the_value_stack_is_bounded_too(void)
{
	union dj_value v[2];

	config.stack_bytes = 65536;
	config.max_call_depth = 1 << 20;
	start();
	eq_u64(call("down", 1 << 19, 0, v), DJ_TRAP_STACK);
	eq_u64(call("down", 100, 0, v), DJ_TRAP_NONE);
}

static void a_trap_tells_where_it_was(void)
{
	struct dj_frame f[4];
	struct dj_wasm_name name;
	union dj_value v[2];

	start();
	eq_u64(call("outer", 0, 0, v), DJ_TRAP_MEMORY);
	eq_u64(dj_store_backtrace(s, f, 4), 2);
	ok(f[0].inst == inst && f[1].inst == inst);
	ok(dj_wasm_func_name(dj_instance_module(inst), f[0].func, &name));
	eq_mem(name.p, "inner", 5);
	eq_u64(module[f[0].offset], 0x28);
	eq_u64(f[1].func, f[0].func + 1);
	eq_u64(module[f[1].offset], 0x10);
	eq_u64(dj_store_backtrace(s, f, 1), 1);
	eq_u64(call("swap", 1, 2, v), DJ_TRAP_NONE);
	eq_u64(dj_store_backtrace(s, f, 4), 0);
}

static void a_store_that_traps_writes_nothing(void)
{
	union dj_value v[2];
	uint64_t len;
	uint8_t *p;

	start();
	p = dj_instance_memory(inst, &len);
	eq_u64(len, 65536);
	eq_u64(call("half", 65532, 0, v), DJ_TRAP_MEMORY);
	eq_mem(p + 65528, "\0\0\0\0\0\0\0", 8);
	eq_u64(call("half", 65528, 0, v), DJ_TRAP_NONE);
	eq_u64(p[65535], 0xff);
	ok(dj_mem_at(inst, 65536, 0) != NULL);
	ok(dj_mem_at(inst, 65536, 1) == NULL);
	ok(dj_mem_at(inst, UINT64_MAX, 2) == NULL);
}

static void memory_grows_in_place_to_its_limits(void)
{
	union dj_value v[2];
	uint64_t len;
	uint8_t *p;

	start();
	p = dj_instance_memory(inst, &len);
	eq_u64(call("grow", 2, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 1);
	eq_u64(call("grow", 1, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, UINT32_MAX);
	ok(dj_instance_memory(inst, &len) == p);
	eq_u64(len, 3 * 65536);
	config.max_memory_pages = 2;
	start();
	eq_u64(call("grow", 2, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, UINT32_MAX);
	eq_u64(call("grow", 1, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 1);
}

static enum dj_trap count_polls(void *ctx)
{
	(void)ctx;
	return ++polls == 10 ? DJ_TRAP_STOPPED : DJ_TRAP_NONE;
}

static void the_poll_hook_stops_a_program(void)
{
	union dj_value v[2];

	polls = 0;
	config.poll = count_polls;
	config.poll_interval = 1000;
	start();
	eq_u64(call("spin", 0, 0, v), DJ_TRAP_STOPPED);
	eq_u64(polls, 10);
	eq_u64(dj_store_fuel_used(s), 10000);
}

static void fuel_counts_entries_and_back_edges(void)
{
	union dj_value v[2];

	start();
	eq_u64(call("sum", 100, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 5050);
	eq_u64(dj_store_fuel_used(s), 100);
	config.fuel = 100;
	start();
	eq_u64(call("sum", 100, 0, v), DJ_TRAP_NONE);
	eq_u64(call("swap", 0, 0, v), DJ_TRAP_FUEL);
	eq_u64(dj_store_fuel_used(s), 100);
	config.fuel = 99;
	start();
	eq_u64(call("sum", 100, 0, v), DJ_TRAP_FUEL);
}

static void host_functions_may_call_back_but_not_for_ever(void)
{
	union dj_value v[2];

	start();
	eq_u64(call("ask", 5, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 6);
	eq_u64(call("ask", 1000, 0, v), DJ_TRAP_STACK);
	eq_u64(call("ask", 5, 0, v), DJ_TRAP_NONE);
}

static void a_host_function_can_end_the_program(void)
{
	union dj_value v[2];

	start();
	host_answer = DJ_TRAP_EXIT;
	eq_u64(call("ask", 5, 0, v), DJ_TRAP_EXIT);
	host_answer = DJ_TRAP_NONE;
	eq_u64(call("ask", 0, 0, v), DJ_TRAP_NONE);
}

static void calls_through_a_table_are_checked(void)
{
	union dj_value v[2];

	start();
	eq_u64(call("through", 0, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].i32, 5);
	eq_u64(call("through", 1, 0, v), DJ_TRAP_INDIRECT_TYPE);
	eq_u64(call("through", 2, 0, v), DJ_TRAP_UNINITIALISED);
	eq_u64(call("through", 4, 0, v), DJ_TRAP_TABLE);
}

static void signalling_nans_become_quiet(void)
{
	const uint64_t snan = 0x7ff4000000000001;
	union dj_value v[2];

	start();
	eq_u64(call("ceil", snan, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].f64, snan | (uint64_t)1 << 51);
	eq_u64(call("fmin", snan, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].f64 >> 51, 0xfff);
	eq_u64(call("fmin", 0, (uint64_t)1 << 63, v), DJ_TRAP_NONE);
	eq_u64(v[0].f64, (uint64_t)1 << 63);
	eq_u64(call("one", 0x7fa00001, 0, v), DJ_TRAP_NONE);
	eq_u64(v[0].f32, 0x7fe00001);
}

int main(void)
{
	RUN(a_pending_read_keeps_the_old_value_of_a_local);
	RUN(the_call_depth_limit_is_exact);
	RUN(the_value_stack_is_bounded_too);
	RUN(a_trap_tells_where_it_was);
	RUN(a_store_that_traps_writes_nothing);
	RUN(memory_grows_in_place_to_its_limits);
	RUN(the_poll_hook_stops_a_program);
	RUN(fuel_counts_entries_and_back_edges);
	RUN(host_functions_may_call_back_but_not_for_ever);
	RUN(a_host_function_can_end_the_program);
	RUN(calls_through_a_table_are_checked);
	RUN(signalling_nans_become_quiet);
	return done();
}
