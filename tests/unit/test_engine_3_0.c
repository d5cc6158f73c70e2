// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/engine.h"
#include "tests/support/hostmem.h"
#include "tests/tap.h"

/* Tail calls, constants of several instructions, more and wider memories. */

/*
 * (module
 *   (memory 1)
 *   (memory $b 1 3)
 *   (memory $c i64 1)
 *   (data (memory $b) (i32.const 8) "\00\00\00\00\00\00\f0\3f")
 *   (global $base i32 (i32.add (i32.const 3) (i32.mul (i32.const 5) (i32.const 7))))
 *   (func (export "base") (param i64) (result i64) (i64.extend_i32_u (global.get $base)))
 *   ;; deeper than any stack if it were one
 *   (func $tail (export "tail") (param i64) (result i64) (local i64 i64 i64)
 *     (if (i64.eqz (local.get 0)) (then (return (i64.const 7))))
 *     (return_call $tail (i64.sub (local.get 0) (i64.const 1))))
 *   ;; the second memory's access is not taken into an operation on the first
 *   (func (export "float") (param i64) (result i64) (local f64 i32)
 *     (local.set 2 (i32.const 8))
 *     (local.set 1 (f64.add (f64.const 2) (f64.load $b (local.get 2))))
 *     (i64.trunc_f64_s (f64.add (local.get 1) (f64.mul (local.get 1) (f64.load $b (local.get 2))))))
 *   (func (export "grow") (param i64) (result i64)
 *     (drop (memory.grow $b (i32.wrap_i64 (local.get 0))))
 *     (i64.add (i64.mul (i64.extend_i32_u (memory.size $b)) (i64.const 100))
 *       (i64.add (i64.mul (i64.extend_i32_u (memory.size 0)) (i64.const 10)) (memory.size $c))))
 *   (func (export "wide") (param i64) (result i64)
 *     (i64.store $c (local.get 0) (i64.const 5))
 *     (i64.add (i64.load $c (local.get 0)) (i64.load $c offset=8 (local.get 0))))
 *   (func (export "carry") (param i64) (result i64)
 *     (i64.load8_u $c offset=0xffffffff (local.get 0)))
 *   (func (export "big") (param i64) (result i64) (memory.grow $c (local.get 0)))
 *   (func (export "fill") (param i64) (result i64)
 *     (memory.fill $c (i64.const 0) (i32.const 1) (local.get 0)) (i64.const 0)))
 */
/* clang-format off */
static const uint8_t module[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x06, 0x01, 0x60,
  0x01, 0x7e, 0x01, 0x7e, 0x03, 0x09, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x05, 0x08, 0x03, 0x00, 0x01, 0x01, 0x01, 0x03, 0x04,
  0x01, 0x06, 0x0c, 0x01, 0x7f, 0x00, 0x41, 0x03, 0x41, 0x05, 0x41, 0x07,
  0x6c, 0x6a, 0x0b, 0x07, 0x3a, 0x08, 0x04, 0x62, 0x61, 0x73, 0x65, 0x00,
  0x00, 0x04, 0x74, 0x61, 0x69, 0x6c, 0x00, 0x01, 0x05, 0x66, 0x6c, 0x6f,
  0x61, 0x74, 0x00, 0x02, 0x04, 0x67, 0x72, 0x6f, 0x77, 0x00, 0x03, 0x04,
  0x77, 0x69, 0x64, 0x65, 0x00, 0x04, 0x05, 0x63, 0x61, 0x72, 0x72, 0x79,
  0x00, 0x05, 0x03, 0x62, 0x69, 0x67, 0x00, 0x06, 0x04, 0x66, 0x69, 0x6c,
  0x6c, 0x00, 0x07, 0x0a, 0x9a, 0x01, 0x08, 0x05, 0x00, 0x23, 0x00, 0xad,
  0x0b, 0x14, 0x01, 0x03, 0x7e, 0x20, 0x00, 0x50, 0x04, 0x40, 0x42, 0x07,
  0x0f, 0x0b, 0x20, 0x00, 0x42, 0x01, 0x7d, 0x12, 0x01, 0x0b, 0x29, 0x02,
  0x01, 0x7c, 0x01, 0x7f, 0x41, 0x08, 0x21, 0x02, 0x44, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x40, 0x20, 0x02, 0x2b, 0x43, 0x01, 0x00, 0xa0,
  0x21, 0x01, 0x20, 0x01, 0x20, 0x01, 0x20, 0x02, 0x2b, 0x43, 0x01, 0x00,
  0xa2, 0xa0, 0xb0, 0x0b, 0x19, 0x00, 0x20, 0x00, 0xa7, 0x40, 0x01, 0x1a,
  0x3f, 0x01, 0xad, 0x42, 0xe4, 0x00, 0x7e, 0x3f, 0x00, 0xad, 0x42, 0x0a,
  0x7e, 0x3f, 0x02, 0x7c, 0x7c, 0x0b, 0x17, 0x00, 0x20, 0x00, 0x42, 0x05,
  0x37, 0x43, 0x02, 0x00, 0x20, 0x00, 0x29, 0x43, 0x02, 0x00, 0x20, 0x00,
  0x29, 0x43, 0x02, 0x08, 0x7c, 0x0b, 0x0c, 0x00, 0x20, 0x00, 0x31, 0x40,
  0x02, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b, 0x06, 0x00, 0x20, 0x00, 0x40,
  0x02, 0x0b, 0x0d, 0x00, 0x42, 0x00, 0x41, 0x01, 0x20, 0x00, 0xfc, 0x0b,
  0x02, 0x42, 0x00, 0x0b, 0x0b, 0x0f, 0x01, 0x02, 0x01, 0x41, 0x08, 0x0b,
  0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf0, 0x3f,
};
/* clang-format on */
static struct dj_arena arena;
static struct dj_store *s;
static struct dj_instance *inst;

static dj_status no_import(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	(void)ctx;
	(void)import;
	(void)ret;
	return DJ_E_INPUT;
}

static void start(void)
{
	const struct dj_store_config config = { .mem = hostmem,
		.max_memory_pages = 16,
		.max_call_depth = 2 };
	struct dj_wasm_error err;
	struct dj_link_error link;
	struct dj_wasm_module *m;

	if (!hostmem_arena(&arena, (size_t)4 << 20))
		abort();
	eq_u64(dj_wasm_load(module, sizeof(module), &arena, &m, &err), DJ_OK);
	eq_u64(dj_store_init(&arena, &config, &s), DJ_OK);
	eq_u64(dj_instance_new(s, m, no_import, NULL, &inst, &link), DJ_OK);
}

static enum dj_trap run(const char *name, uint64_t arg, uint64_t *ret)
{
	union dj_value v[1] = { { .i64 = arg } };
	struct dj_extern e;
	enum dj_trap t;

	if (!dj_instance_export(inst, name, strlen(name), &e))
		abort();
	t = dj_call(s, e.func, v);
	*ret = v[0].i64;
	return t;
}

static uint64_t value(const char *name, uint64_t arg)
{
	uint64_t v;

	eq_u64(run(name, arg, &v), DJ_TRAP_NONE);
	return v;
}

static void a_constant_can_be_worked_out(void)
{
	eq_u64(value("base", 0), 38);
}

static void a_tail_call_takes_no_stack(void)
{
	eq_u64(value("tail", 100000), 7);
}

static void memories_are_told_apart(void)
{
	eq_u64(value("float", 0), 6);
	eq_u64(value("grow", 2), 311);
	eq_u64(value("grow", 1), 311);
}

static void wide_addresses_are_checked_whole(void)
{
	uint64_t v;

	eq_u64(value("wide", 16), 5);
	eq_u64(run("wide", (UINT64_C(1) << 32) + 16, &v), DJ_TRAP_MEMORY);
	eq_u64(run("wide", 65529, &v), DJ_TRAP_MEMORY);
	/* The sum is 17, but for the carry. */
	eq_u64(run("carry", 0xffffffff00000012, &v), DJ_TRAP_MEMORY);
	eq_u64(run("carry", 1, &v), DJ_TRAP_MEMORY);
	eq_u64(run("fill", (UINT64_C(1) << 32) + 1, &v), DJ_TRAP_MEMORY);
	eq_u64(value("big", UINT64_C(1) << 40), UINT64_MAX);
	eq_u64(value("big", 1), 1);
}

int main(void)
{
	start();
	RUN(a_constant_can_be_worked_out);
	RUN(a_tail_call_takes_no_stack);
	RUN(memories_are_told_apart);
	RUN(wide_addresses_are_checked_whole);
	dj_store_done(s);
	hostmem_arena_done(&arena);
	return done();
}
