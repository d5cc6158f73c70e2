// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/engine.h"
#include "tests/support/one_module.h"
#include "tests/tap.h"

/* Exceptions in the form that came before the standard's. */

/*
 * (module
 *   (tag $a (param i64))
 *   (tag $b (param i64 i64))
 *   (func $throw (param $n i64) (result i64)
 *     (if (i64.eq (local.get $n) (i64.const 1)) (then (throw $a (i64.const 10))))
 *     (if (i64.eq (local.get $n) (i64.const 2)) (then (throw $b (i64.const 20) (i64.const 3))))
 *     (local.get $n))
 *   ;; values below, and results from every arm
 *   (func $arms (export "arms") (param $n i64) (result i64)
 *     (i64.const 1000)
 *     (try (result i64)
 *       (do (i64.add (i64.const 5) (call $throw (local.get $n))))
 *       (catch $a (i64.const 1) (i64.add))
 *       (catch $b (i64.sub)))
 *     (i64.add))
 *   (func (export "all") (param $n i64) (result i64)
 *     (try (result i64)
 *       (do (call $throw (local.get $n)))
 *       (catch $a)
 *       (catch_all (i64.const 77))))
 *   ;; the inner one gives it on to the outer
 *   (func (export "again") (param $n i64) (result i64)
 *     (try $outer (result i64)
 *       (do
 *         (try $inner (result i64)
 *           (do (call $throw (local.get $n)))
 *           (catch_all
 *             (try (do (drop (call $throw (i64.const 1)))) (catch_all))
 *             (rethrow $inner))))
 *       (catch $a (i64.const 100) (i64.add))
 *       (catch $b (i64.mul))))
 *   ;; past the one between
 *   (func (export "past") (param $n i64) (result i64)
 *     (try $outer (result i64)
 *       (do
 *         (try $between (result i64)
 *           (do
 *             (try (result i64)
 *               (do (call $throw (local.get $n)))
 *               (delegate $outer)))
 *           (catch_all (i64.const -1))))
 *       (catch $a (i64.const 200) (i64.add))))
 *   ;; out of the function
 *   (func $leave (param $n i64) (result i64)
 *     (try (result i64)
 *       (do
 *         (try $in (result i64)
 *           (do (call $throw (local.get $n)))
 *           (delegate 1)))
 *       (catch_all (i64.const -2))))
 *   (func (export "leave") (param $n i64) (result i64)
 *     (try (result i64)
 *       (do (call $leave (local.get $n)))
 *       (catch $a (i64.const 300) (i64.add))))
 *   (func (export "loop") (param $n i64) (result i64) (local $s i64)
 *     (block $out
 *       (loop $l
 *         (try
 *           (do (br_if $out (i64.eqz (local.get $n))) (throw $a (local.get $n)))
 *           (catch $a
 *             (local.set $s (i64.add (local.get $s)))
 *             (local.set $n (i64.sub (local.get $n) (i64.const 1)))
 *             (br $l)))))
 *     (local.get $s))
 *   (func (export "uncaught") (param $n i64) (result i64)
 *     (try (result i64) (do (call $throw (local.get $n))) (catch $b (drop)))))
 */
/* clang-format off */
static const uint8_t module[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x0f, 0x03, 0x60,
  0x01, 0x7e, 0x00, 0x60, 0x02, 0x7e, 0x7e, 0x00, 0x60, 0x01, 0x7e, 0x01,
  0x7e, 0x03, 0x0a, 0x09, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
  0x02, 0x0d, 0x05, 0x02, 0x00, 0x00, 0x00, 0x01, 0x07, 0x37, 0x07, 0x04,
  0x61, 0x72, 0x6d, 0x73, 0x00, 0x01, 0x03, 0x61, 0x6c, 0x6c, 0x00, 0x02,
  0x05, 0x61, 0x67, 0x61, 0x69, 0x6e, 0x00, 0x03, 0x04, 0x70, 0x61, 0x73,
  0x74, 0x00, 0x04, 0x05, 0x6c, 0x65, 0x61, 0x76, 0x65, 0x00, 0x06, 0x04,
  0x6c, 0x6f, 0x6f, 0x70, 0x00, 0x07, 0x08, 0x75, 0x6e, 0x63, 0x61, 0x75,
  0x67, 0x68, 0x74, 0x00, 0x08, 0x0a, 0xdc, 0x01, 0x09, 0x1e, 0x00, 0x20,
  0x00, 0x42, 0x01, 0x51, 0x04, 0x40, 0x42, 0x0a, 0x08, 0x00, 0x0b, 0x20,
  0x00, 0x42, 0x02, 0x51, 0x04, 0x40, 0x42, 0x14, 0x42, 0x03, 0x08, 0x01,
  0x0b, 0x20, 0x00, 0x0b, 0x18, 0x00, 0x42, 0xe8, 0x07, 0x06, 0x7e, 0x42,
  0x05, 0x20, 0x00, 0x10, 0x00, 0x7c, 0x07, 0x00, 0x42, 0x01, 0x7c, 0x07,
  0x01, 0x7d, 0x0b, 0x7c, 0x0b, 0x0f, 0x00, 0x06, 0x7e, 0x20, 0x00, 0x10,
  0x00, 0x07, 0x00, 0x19, 0x42, 0xcd, 0x00, 0x0b, 0x0b, 0x21, 0x00, 0x06,
  0x7e, 0x06, 0x7e, 0x20, 0x00, 0x10, 0x00, 0x19, 0x06, 0x40, 0x42, 0x01,
  0x10, 0x00, 0x1a, 0x19, 0x0b, 0x09, 0x00, 0x0b, 0x07, 0x00, 0x42, 0xe4,
  0x00, 0x7c, 0x07, 0x01, 0x7e, 0x0b, 0x0b, 0x19, 0x00, 0x06, 0x7e, 0x06,
  0x7e, 0x06, 0x7e, 0x20, 0x00, 0x10, 0x00, 0x18, 0x01, 0x19, 0x42, 0x7f,
  0x0b, 0x07, 0x00, 0x42, 0xc8, 0x01, 0x7c, 0x0b, 0x0b, 0x10, 0x00, 0x06,
  0x7e, 0x06, 0x7e, 0x20, 0x00, 0x10, 0x00, 0x18, 0x01, 0x19, 0x42, 0x7e,
  0x0b, 0x0b, 0x0f, 0x00, 0x06, 0x7e, 0x20, 0x00, 0x10, 0x05, 0x07, 0x00,
  0x42, 0xac, 0x02, 0x7c, 0x0b, 0x0b, 0x28, 0x01, 0x01, 0x7e, 0x02, 0x40,
  0x03, 0x40, 0x06, 0x40, 0x20, 0x00, 0x50, 0x0d, 0x02, 0x20, 0x00, 0x08,
  0x00, 0x07, 0x00, 0x20, 0x01, 0x7c, 0x21, 0x01, 0x20, 0x00, 0x42, 0x01,
  0x7d, 0x21, 0x00, 0x0c, 0x01, 0x0b, 0x0b, 0x0b, 0x20, 0x01, 0x0b, 0x0c,
  0x00, 0x06, 0x7e, 0x20, 0x00, 0x10, 0x00, 0x07, 0x01, 0x1a, 0x0b, 0x0b,
};
/* clang-format on */
static void start(void)
{
	one_start(module, sizeof(module),
		(struct dj_store_config){ .max_memory_pages = 16,
			.max_heap_bytes = (uint64_t)16 << 20 });
}

static void every_arm_gives_the_results(void)
{
	start();
	eq_u64(one_value("arms", 7), 1012);
	eq_u64(one_value("arms", 1), 1011);
	eq_u64(one_value("arms", 2), 1017);
	eq_u64(one_value("all", 5), 5);
	eq_u64(one_value("all", 1), 10);
	eq_u64(one_value("all", 2), 77);
	one_stop();
}

static void what_is_thrown_again_is_what_was_caught(void)
{
	start();
	eq_u64(one_value("again", 5), 5);
	eq_u64(one_value("again", 1), 110);
	eq_u64(one_value("again", 2), 60);
	one_stop();
}

static void a_delegate_passes_over_those_between(void)
{
	start();
	eq_u64(one_value("past", 5), 5);
	eq_u64(one_value("past", 1), 210);
	one_traps("past", 2, DJ_TRAP_EXCEPTION);
	eq_u64(one_value("leave", 5), 5);
	eq_u64(one_value("leave", 1), 310);
	one_traps("leave", 2, DJ_TRAP_EXCEPTION);
	one_traps("uncaught", 1, DJ_TRAP_EXCEPTION);
	eq_u64(one_value("uncaught", 2), 20);
	one_stop();
}

static void many_exceptions_take_no_memory(void)
{
	start();
	eq_u64(one_value("loop", 1000000), UINT64_C(500000500000));
	one_stop();
}

static void the_standard_does_not_know_them(void)
{
	struct dj_wasm_error err;
	struct dj_wasm_module *m;

	if (!hostmem_arena(&one_arena, (size_t)4 << 20))
		abort();
	eq_u64(dj_wasm_load_as(DJ_WASM_3_0, module, sizeof(module), &one_arena,
		       &m, &err),
		DJ_E_INPUT);
	eq_str(err.text, "illegal opcode");
	hostmem_arena_done(&one_arena);
}

int main(void)
{
	IN_EACH_ENGINE
	{
		RUN(every_arm_gives_the_results);
		RUN(what_is_thrown_again_is_what_was_caught);
		RUN(a_delegate_passes_over_those_between);
		RUN(many_exceptions_take_no_memory);
	}
	RUN(the_standard_does_not_know_them);
	return done();
}
