// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "keep/engine/store.h"
#include "tests/support/one_module.h"

/*
 * A tenant's limits, the same in every engine: fuel, time, a stop at any
 * moment, memory, tables, segments.
 *
 * (module
 *  (memory 1)
 *  (table $t 4 funcref)
 *  (table $w i64 4 funcref)
 *  (data $d "abcdefgh")
 *  (elem $e func $leaf $leaf $leaf)
 *  (func $leaf (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))
 *  (func $deep (param i64) (result i64)
 *   (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
 *    (else (call $leaf (call $deep (i64.sub (local.get 0) (i64.const 1)))))))
 *  (func (export "work") (param i64) (result i64) (local i64)
 *   (loop $l
 *    (local.set 1 (i64.add (local.get 1) (call $deep (i64.and (local.get 0) (i64.const 3)))))
 *    (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (i64.const 1)))
 *    (br_if $l (i64.ne (i64.const 0) (local.tee 0 (i64.sub (local.get 0) (i64.const 1))))))
 *   (local.get 1))
 *  (func (export "done") (param i64) (result i64) (i64.load (i32.const 8)))
 *  (func (export "spin") (param i64) (result i64)
 *   (loop $l
 *    (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (i64.const 1)))
 *    (br $l))
 *   (unreachable))
 *  (func (export "grow") (param i64) (result i64)
 *   (i64.extend_i32_s (memory.grow (i32.wrap_i64 (local.get 0)))))
 *  (func (export "touch") (param i64) (result i64)
 *   (i64.store (i32.wrap_i64 (local.get 0)) (i64.const 7)) (i64.load (i32.wrap_i64 (local.get 0))))
 *  (func (export "table_grow") (param i64) (result i64)
 *   (i64.extend_i32_s (table.grow $t (ref.func $leaf) (i32.wrap_i64 (local.get 0)))))
 *  (func (export "table64_grow") (param i64) (result i64)
 *   (table.grow $w (ref.func $leaf) (local.get 0)))
 *  (func (export "table64_get") (param i64) (result i64)
 *   (i64.extend_i32_u (ref.is_null (table.get $w (local.get 0)))))
 *  (func (export "table64_fill") (param i64) (result i64)
 *   (table.fill $w (i64.const 1) (ref.func $leaf) (local.get 0)) (i64.const 0))
 *  (func (export "init") (param i64) (result i64)
 *   (memory.init $d (i32.const 0) (i32.const 0) (i32.wrap_i64 (local.get 0))) (i64.const 0))
 *  (func (export "table_init") (param i64) (result i64)
 *   (table.init $t $e (i32.const 0) (i32.const 0) (i32.wrap_i64 (local.get 0))) (i64.const 0))
 * )
 */
/* clang-format off */
static const uint8_t module[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x06, 0x01, 0x60,
  0x01, 0x7e, 0x01, 0x7e, 0x03, 0x0e, 0x0d, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x07, 0x02, 0x70,
  0x00, 0x04, 0x70, 0x04, 0x04, 0x05, 0x03, 0x01, 0x00, 0x01, 0x07, 0x72,
  0x0b, 0x04, 0x77, 0x6f, 0x72, 0x6b, 0x00, 0x02, 0x04, 0x64, 0x6f, 0x6e,
  0x65, 0x00, 0x03, 0x04, 0x73, 0x70, 0x69, 0x6e, 0x00, 0x04, 0x04, 0x67,
  0x72, 0x6f, 0x77, 0x00, 0x05, 0x05, 0x74, 0x6f, 0x75, 0x63, 0x68, 0x00,
  0x06, 0x0a, 0x74, 0x61, 0x62, 0x6c, 0x65, 0x5f, 0x67, 0x72, 0x6f, 0x77,
  0x00, 0x07, 0x0c, 0x74, 0x61, 0x62, 0x6c, 0x65, 0x36, 0x34, 0x5f, 0x67,
  0x72, 0x6f, 0x77, 0x00, 0x08, 0x0b, 0x74, 0x61, 0x62, 0x6c, 0x65, 0x36,
  0x34, 0x5f, 0x67, 0x65, 0x74, 0x00, 0x09, 0x0c, 0x74, 0x61, 0x62, 0x6c,
  0x65, 0x36, 0x34, 0x5f, 0x66, 0x69, 0x6c, 0x6c, 0x00, 0x0a, 0x04, 0x69,
  0x6e, 0x69, 0x74, 0x00, 0x0b, 0x0a, 0x74, 0x61, 0x62, 0x6c, 0x65, 0x5f,
  0x69, 0x6e, 0x69, 0x74, 0x00, 0x0c, 0x09, 0x07, 0x01, 0x01, 0x00, 0x03,
  0x00, 0x00, 0x00, 0x0c, 0x01, 0x01, 0x0a, 0xd2, 0x01, 0x0d, 0x07, 0x00,
  0x20, 0x00, 0x42, 0x03, 0x7e, 0x0b, 0x14, 0x00, 0x20, 0x00, 0x50, 0x04,
  0x7e, 0x42, 0x01, 0x05, 0x20, 0x00, 0x42, 0x01, 0x7d, 0x10, 0x01, 0x10,
  0x00, 0x0b, 0x0b, 0x2e, 0x01, 0x01, 0x7e, 0x03, 0x40, 0x20, 0x01, 0x20,
  0x00, 0x42, 0x03, 0x83, 0x10, 0x01, 0x7c, 0x21, 0x01, 0x41, 0x08, 0x41,
  0x08, 0x29, 0x03, 0x00, 0x42, 0x01, 0x7c, 0x37, 0x03, 0x00, 0x42, 0x00,
  0x20, 0x00, 0x42, 0x01, 0x7d, 0x22, 0x00, 0x52, 0x0d, 0x00, 0x0b, 0x20,
  0x01, 0x0b, 0x07, 0x00, 0x41, 0x08, 0x29, 0x03, 0x00, 0x0b, 0x15, 0x00,
  0x03, 0x40, 0x41, 0x08, 0x41, 0x08, 0x29, 0x03, 0x00, 0x42, 0x01, 0x7c,
  0x37, 0x03, 0x00, 0x0c, 0x00, 0x0b, 0x00, 0x0b, 0x08, 0x00, 0x20, 0x00,
  0xa7, 0x40, 0x00, 0xac, 0x0b, 0x10, 0x00, 0x20, 0x00, 0xa7, 0x42, 0x07,
  0x37, 0x03, 0x00, 0x20, 0x00, 0xa7, 0x29, 0x03, 0x00, 0x0b, 0x0b, 0x00,
  0xd2, 0x00, 0x20, 0x00, 0xa7, 0xfc, 0x0f, 0x00, 0xac, 0x0b, 0x09, 0x00,
  0xd2, 0x00, 0x20, 0x00, 0xfc, 0x0f, 0x01, 0x0b, 0x08, 0x00, 0x20, 0x00,
  0x25, 0x01, 0xd1, 0xad, 0x0b, 0x0d, 0x00, 0x42, 0x01, 0xd2, 0x00, 0x20,
  0x00, 0xfc, 0x11, 0x01, 0x42, 0x00, 0x0b, 0x0f, 0x00, 0x41, 0x00, 0x41,
  0x00, 0x20, 0x00, 0xa7, 0xfc, 0x08, 0x00, 0x00, 0x42, 0x00, 0x0b, 0x0f,
  0x00, 0x41, 0x00, 0x41, 0x00, 0x20, 0x00, 0xa7, 0xfc, 0x0c, 0x00, 0x00,
  0x42, 0x00, 0x0b, 0x0b, 0x0b, 0x01, 0x01, 0x08, 0x61, 0x62, 0x63, 0x64,
  0x65, 0x66, 0x67, 0x68,
};
/* clang-format on */

/*
 * Instructions that go over much memory, each a function of a number of bytes.
 *
 * (module
 *  (memory 16)
 *  (table $t 131072 funcref)
 *  (func (export "fill") (param i64) (result i64)
 *   (memory.fill (i32.const 0) (i32.const 7) (i32.wrap_i64 (local.get 0))) (i64.const 0))
 *  (func (export "copy") (param i64) (result i64)
 *   (memory.copy (i32.const 0) (i32.const 0) (i32.wrap_i64 (local.get 0))) (i64.const 0))
 *  (func (export "table_fill") (param i64) (result i64)
 *   (table.fill $t (i32.const 0) (ref.null func) (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 3)))) (i64.const 0)))
 */
/* clang-format off */
static const uint8_t bulk[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x06, 0x01, 0x60,
  0x01, 0x7e, 0x01, 0x7e, 0x03, 0x04, 0x03, 0x00, 0x00, 0x00, 0x04, 0x06,
  0x01, 0x70, 0x00, 0x80, 0x80, 0x08, 0x05, 0x03, 0x01, 0x00, 0x10, 0x07,
  0x1c, 0x03, 0x04, 0x66, 0x69, 0x6c, 0x6c, 0x00, 0x00, 0x04, 0x63, 0x6f,
  0x70, 0x79, 0x00, 0x01, 0x0a, 0x74, 0x61, 0x62, 0x6c, 0x65, 0x5f, 0x66,
  0x69, 0x6c, 0x6c, 0x00, 0x02, 0x0a, 0x32, 0x03, 0x0e, 0x00, 0x41, 0x00,
  0x41, 0x07, 0x20, 0x00, 0xa7, 0xfc, 0x0b, 0x00, 0x42, 0x00, 0x0b, 0x0f,
  0x00, 0x41, 0x00, 0x41, 0x00, 0x20, 0x00, 0xa7, 0xfc, 0x0a, 0x00, 0x00,
  0x42, 0x00, 0x0b, 0x11, 0x00, 0x41, 0x00, 0xd0, 0x70, 0x20, 0x00, 0x42,
  0x03, 0x88, 0xa7, 0xfc, 0x11, 0x00, 0x42, 0x00, 0x0b,
};
/* clang-format on */

#define ROUNDS    40
#define STOPS_MAX 600
#define SPINS     200

/* What the interpreter did, by the limit; the others do the same. */
static uint64_t rounds_by_fuel[STOPS_MAX], rounds_by_polls[SPINS];
static uint64_t whole;
static unsigned polls_left;

static void start(struct dj_store_config config)
{
	if (config.max_memory_pages == 0)
		config.max_memory_pages = 16;
	one_start(module, sizeof(module), config);
}

/* Address space of this process, in pages. */
static uint64_t space(void)
{
	char text[64] = "";
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fgets(text, sizeof(text), f) == NULL)
		abort();
	fclose(f);
	return strtoull(text, NULL, 10);
}

/* The whole run's fuel, which is the same in all engines. */
static void fuel_is_counted_alike(void)
{
	uint64_t v;

	start((struct dj_store_config){ .fuel = 1000000 });
	eq_u64(one_run("work", ROUNDS, &v), DJ_TRAP_NONE);
	eq_u64(v, 400);
	if (one_engine == ONE_INTERPRETER)
		whole = dj_store_fuel_used(one_store);
	eq_u64(dj_store_fuel_used(one_store), whole);
	ok(whole > 0 && whole < STOPS_MAX);
	one_stop();
}

static void fuel_ends_a_run_where_it_is_used_up(void)
{
	for (uint64_t fuel = 1; fuel <= whole; fuel++) {
		uint64_t v, done;

		start((struct dj_store_config){ .fuel = fuel });
		eq_u64(one_run("work", ROUNDS, &v),
			fuel < whole ? DJ_TRAP_FUEL : DJ_TRAP_NONE);
		memcpy(&done, dj_mem_at(one_inst, 8, 8), sizeof(done));
		if (one_engine == ONE_INTERPRETER)
			rounds_by_fuel[fuel] = done;
		eq_u64(done, rounds_by_fuel[fuel]);
		eq_u64(dj_store_fuel_used(one_store), fuel);
		one_stop();
	}
	eq_u64(rounds_by_fuel[whole], ROUNDS);
}

static enum dj_trap count_polls(void *ctx)
{
	const enum dj_trap *trap = ctx;

	return --polls_left == 0 ? *trap : DJ_TRAP_NONE;
}

/* Both ways that something outside ends a run: told to, or out of time. */
static void a_run_ends_after_any_number_of_polls(void)
{
	static enum dj_trap ends[] = { DJ_TRAP_STOPPED, DJ_TRAP_TIME };

	for (unsigned k = 1; k < SPINS; k++) {
		uint64_t v, done;

		polls_left = k;
		start((struct dj_store_config){
			.poll = count_polls,
			.poll_ctx = &ends[k % 2],
			.poll_interval = 1 + k % 7,
		});
		eq_u64(one_run("spin", 0, &v), ends[k % 2]);
		eq_u64(polls_left, 0);
		memcpy(&done, dj_mem_at(one_inst, 8, 8), sizeof(done));
		if (one_engine == ONE_INTERPRETER)
			rounds_by_polls[k] = done;
		eq_u64(done, rounds_by_polls[k]);
		one_stop();
	}
}

/* Few events that take long are as many as those that take as long. */
static void bytes_that_an_instruction_goes_over_count_for_polls(void)
{
	static const char *const names[] = { "fill", "copy", "table_fill" };
	static enum dj_trap end = DJ_TRAP_STOPPED;
	uint64_t v;

	for (unsigned i = 0; i < 3; i++) {
		polls_left = 8;
		one_start(bulk, sizeof(bulk),
			(struct dj_store_config){
				.max_memory_pages = 16,
				.poll = count_polls,
				.poll_ctx = &end,
				.fuel = 100,
			});
		for (unsigned k = 0; k < 14; k++)
			eq_u64(one_value(names[i], 512 << 10), 0);
		eq_u64(polls_left, 2);
		eq_u64(one_value(names[i], 1 << 20), 0);
		eq_u64(one_run(names[i], 1 << 20, &v), DJ_TRAP_STOPPED);
		eq_u64(dj_store_fuel_used(one_store), 16);
		one_stop();
	}
}

static uint8_t *leb3(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v | 0x80);
	p[1] = (uint8_t)(v >> 7 | 0x80);
	p[2] = (uint8_t)(v >> 14);
	return p + 3;
}

/*
 * (module
 *  (tag $a) (tag $b)
 *  (func (export "f") (param i64) (result i64)
 *   (block $l (try_table (catch $b $l) ... (catch $a $l) (throw $a)))
 *   (local.get 0)))
 */
static size_t many_clauses(uint8_t *to, uint32_t n)
{
	static const uint8_t head[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00,
		0x00, 0x00, 0x01, 0x09, 0x02, 0x60, 0x00, 0x00, 0x60, 0x01,
		0x7e, 0x01, 0x7e, 0x03, 0x02, 0x01, 0x01, 0x0d, 0x05, 0x02,
		0x00, 0x00, 0x00, 0x00, 0x07, 0x05, 0x01, 0x01, 0x66, 0x00,
		0x00, 0x0a };
	static const uint8_t open[] = { 0x00, 0x02, 0x40, 0x1f, 0x40 };
	static const uint8_t end[] = { 0x08, 0x00, 0x0b, 0x0b, 0x20, 0x00,
		0x0b };
	uint32_t len = sizeof(open) + 3 + 3 * n + sizeof(end);
	uint8_t *p = to;

	p = (uint8_t *)memcpy(p, head, sizeof(head)) + sizeof(head);
	p = leb3(p, len + 4);
	*p++ = 1;
	p = leb3(p, len);
	p = (uint8_t *)memcpy(p, open, sizeof(open)) + sizeof(open);
	p = leb3(p, n);
	for (uint32_t i = 1; i <= n; i++, p += 3)
		memcpy(p, (uint8_t[]){ 0, i != n, 0 }, 3);
	p = (uint8_t *)memcpy(p, end, sizeof(end)) + sizeof(end);
	return (size_t)(p - to);
}

/* Native code does not count them: a throw is a sixteenth of a poll. */
static void handlers_that_a_throw_looks_at_count_for_polls(void)
{
	static uint8_t bytes[100000];
	static enum dj_trap end = DJ_TRAP_STOPPED;
	bool counts = one_engine == ONE_INTERPRETER;
	size_t len = many_clauses(bytes, counts ? 30000 : 3);
	uint64_t v = 0;
	unsigned k = 0;

	polls_left = 3;
	one_start(bytes, len,
		(struct dj_store_config){
			.poll = count_polls,
			.poll_ctx = &end,
		});
	while (k < 1000 && one_run("f", 5, &v) == DJ_TRAP_NONE) {
		eq_u64(v, 5);
		k++;
	}
	eq_u64(polls_left, 0);
	eq_u64(k, counts ? 2 : 48);
	one_stop();
}

static uint8_t *bytes_to(uint8_t *p, const void *from, size_t len)
{
	return (uint8_t *)memcpy(p, from, len) + len;
}

/*
 * (module
 *  (memory 1)
 *  (func $leaf (param i64) (result i64)
 *   (v128.load (i32.const 0)) (v128.load offset=16 (i32.const 0)) ...
 *   (loop (br_if 0 (i64.ne (local.tee 0 (i64.sub (local.get 0) (i64.const 1))) (i64.const 0))))
 *   (i64x2.add) ... (i64x2.extract_lane 0))
 *  (func $f (export "f") (param i64) (result i64)
 *   (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 0))
 *    (else (i64.add (call $leaf (i64.const 3)) (call $f (i64.sub (local.get 0) (i64.const 1))))))))
 */
static size_t large_frame(uint8_t *to, uint32_t n)
{
	static const uint8_t head[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00,
		0x00, 0x00, 0x01, 0x06, 0x01, 0x60, 0x01, 0x7e, 0x01, 0x7e,
		0x03, 0x03, 0x02, 0x00, 0x00, 0x05, 0x03, 0x01, 0x00, 0x01,
		0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x01, 0x0a };
	static const uint8_t load[] = { 0x41, 0x00, 0xfd, 0x00, 0x04 };
	static const uint8_t loop[] = { 0x03, 0x40, 0x20, 0x00, 0x42, 0x01,
		0x7d, 0x22, 0x00, 0x42, 0x00, 0x52, 0x0d, 0x00, 0x0b };
	static const uint8_t add[] = { 0xfd, 0xce, 0x01 };
	static const uint8_t end[] = { 0xfd, 0x1d, 0x00, 0x0b };
	static const uint8_t f[] = { 0x17, 0x00, 0x20, 0x00, 0x50, 0x04, 0x7e,
		0x42, 0x00, 0x05, 0x42, 0x03, 0x10, 0x00, 0x20, 0x00, 0x42,
		0x01, 0x7d, 0x10, 0x01, 0x7c, 0x0b, 0x0b };
	uint32_t len = (uint32_t)(1 + sizeof(loop) + sizeof(end)) + n * 8 +
		(n - 1) * 3;
	uint8_t *p = bytes_to(to, head, sizeof(head));

	p = leb3(p, 1 + 3 + len + sizeof(f));
	*p++ = 2;
	p = leb3(p, len);
	*p++ = 0;
	for (uint32_t i = 0; i < n; i++)
		p = leb3(bytes_to(p, load, sizeof(load)), i * 16);
	p = bytes_to(p, loop, sizeof(loop));
	for (uint32_t i = 1; i < n; i++)
		p = bytes_to(p, add, sizeof(add));
	p = bytes_to(p, end, sizeof(end));
	return (size_t)(bytes_to(p, f, sizeof(f)) - to);
}

static size_t least_stack;

static enum dj_trap look_at_stack(void *ctx)
{
	const struct dj_native_vm *n = &one_store->vm.native;
	size_t left = (uintptr_t)__builtin_frame_address(0) -
		(uintptr_t)n->stack - n->stack_low;

	(void)ctx;
	if (left < least_stack)
		least_stack = left;
	return DJ_TRAP_NONE;
}

/* However deep the stack is: of a frame of 32 KiB that calls nothing too. */
static void there_is_always_stack_for_what_the_engine_does(void)
{
	static uint8_t bytes[32000];
	size_t len = large_frame(bytes, 2000);
	uint64_t v;

	least_stack = SIZE_MAX;
	one_start(bytes, len,
		(struct dj_store_config){
			.max_memory_pages = 1,
			.poll = look_at_stack,
			.poll_interval = 1,
		});
	eq_u64(one_run("f", 20000, &v), DJ_TRAP_NONE);
	ok(one_engine == ONE_INTERPRETER || least_stack >= (size_t)240 << 10);
	one_stop();
}

static void what_a_stopped_run_had_is_given_back(void)
{
	static enum dj_trap end = DJ_TRAP_STOPPED;
	uint64_t before = 0, v;

	for (unsigned k = 1; k < 20; k++) {
		polls_left = k;
		start((struct dj_store_config){
			.poll = count_polls,
			.poll_ctx = &end,
			.poll_interval = 3,
		});
		eq_u64(one_run("grow", 8, &v), DJ_TRAP_NONE);
		eq_u64(one_run("spin", 0, &v), DJ_TRAP_STOPPED);
		one_stop();
		if (k == 1)
			before = space();
	}
	eq_u64(space(), before);
}

static void memory_beyond_the_limit_is_refused_and_the_run_goes_on(void)
{
	start((struct dj_store_config){ .max_memory_pages = 4 });
	eq_u64(one_value("grow", 4), UINT64_MAX);
	eq_u64(one_value("grow", UINT32_MAX), UINT64_MAX);
	eq_u64(one_value("grow", 3), 1);
	eq_u64(one_value("grow", 1), UINT64_MAX);
	eq_u64(one_value("touch", 4 * 65536 - 8), 7);
	one_traps("touch", 4 * 65536 - 7, DJ_TRAP_MEMORY);
	eq_u64(one_value("grow", 0), 4);
	one_stop();
}

static void elements_beyond_the_limit_are_refused_and_the_run_goes_on(void)
{
	start((struct dj_store_config){ .max_table_elems = 100 });
	eq_u64(one_value("table_grow", 97), UINT64_MAX);
	eq_u64(one_value("table_grow", UINT32_MAX), UINT64_MAX);
	eq_u64(one_value("table_grow", 96), 4);
	eq_u64(one_value("table_grow", 1), UINT64_MAX);
	one_stop();
}

/* What only fits in 64 bits is not cut to 32. */
static void a_table_of_64_bits_has_limits_of_64_bits(void)
{
	start((struct dj_store_config){ .max_table_elems = 100 });
	eq_u64(one_value("table64_grow", UINT64_C(1) << 32), UINT64_MAX);
	eq_u64(one_value("table64_grow", UINT64_MAX), UINT64_MAX);
	eq_u64(one_value("table64_grow", 2), 4);
	eq_u64(one_value("table64_get", 5), 0);
	eq_u64(one_value("table64_get", 0), 1);
	one_traps("table64_get", 6, DJ_TRAP_TABLE);
	one_traps("table64_get", UINT64_C(1) << 32, DJ_TRAP_TABLE);
	one_traps("table64_fill", (UINT64_C(1) << 32) + 1, DJ_TRAP_TABLE);
	one_traps("table64_fill", UINT64_MAX, DJ_TRAP_TABLE);
	eq_u64(one_value("table64_fill", 5), 0);
	one_stop();
}

static void segments_end_where_they_end(void)
{
	start((struct dj_store_config){ 0 });
	eq_u64(one_value("init", 8), 0);
	one_traps("init", 9, DJ_TRAP_MEMORY);
	one_traps("init", UINT32_MAX, DJ_TRAP_MEMORY);
	eq_u64(one_value("table_init", 3), 0);
	one_traps("table_init", 4, DJ_TRAP_TABLE);
	one_traps("table_init", UINT32_MAX, DJ_TRAP_TABLE);
	one_stop();
}

int main(void)
{
	IN_EACH_ENGINE
	{
		RUN(fuel_is_counted_alike);
		RUN(fuel_ends_a_run_where_it_is_used_up);
		RUN(a_run_ends_after_any_number_of_polls);
		RUN(bytes_that_an_instruction_goes_over_count_for_polls);
		RUN(handlers_that_a_throw_looks_at_count_for_polls);
		RUN(there_is_always_stack_for_what_the_engine_does);
		RUN(what_a_stopped_run_had_is_given_back);
		RUN(memory_beyond_the_limit_is_refused_and_the_run_goes_on);
		RUN(elements_beyond_the_limit_are_refused_and_the_run_goes_on);
		RUN(a_table_of_64_bits_has_limits_of_64_bits);
		RUN(segments_end_where_they_end);
	}
	return done();
}
