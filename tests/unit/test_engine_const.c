// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/engine.h"
#include "tests/support/hostmem.h"
#include "tests/tap.h"

/* Constants of 64 bits in the left place of an operation. */

static dj_status no_import(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	(void)ctx;
	(void)import;
	(void)ret;
	return DJ_E_INPUT;
}

/* (func (export "f") (param i64) (result i64): const OP (param + 0). */
static uint64_t run(const uint8_t *constant, size_t len, uint8_t op,
	bool compares, uint64_t param)
{
	static const uint8_t head[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 1, 6, 1,
		0x60, 1, 0x7e, 1, 0x7e, 3, 2, 1, 0, 7, 5, 1, 1, 'f', 0, 0 };
	static uint8_t bytes[128];
	const struct dj_store_config config = { .mem = hostmem,
		.max_memory_pages = 1 };
	struct dj_wasm_error err = { .text = "" };
	struct dj_link_error link;
	struct dj_wasm_module *m;
	struct dj_instance *inst;
	struct dj_store *store;
	struct dj_arena arena;
	struct dj_extern f;
	union dj_value v[1] = { { .i64 = param } };
	size_t body = 1 + 1 + len + 2 + 2 + 1 + 1 + compares + 1;
	size_t n = sizeof(head);

	memcpy(bytes, head, n);
	bytes[n++] = 10;
	bytes[n++] = (uint8_t)(body + 2);
	bytes[n++] = 1;
	bytes[n++] = (uint8_t)body;
	bytes[n++] = 0; /* no locals */
	bytes[n++] = 0x42;
	memcpy(bytes + n, constant, len);
	n += len;
	memcpy(bytes + n, (const uint8_t[]){ 0x20, 0, 0x42, 0, 0x7c, op }, 6);
	n += 6;
	if (compares)
		bytes[n++] = 0xad; /* i64.extend_i32_u */
	bytes[n++] = 0x0b;
	if (!hostmem_arena(&arena, (size_t)64 << 20))
		abort();
	eq_u64(dj_wasm_load(bytes, n, &arena, &m, &err), DJ_OK);
	eq_u64(dj_store_init(&arena, &config, &store), DJ_OK);
	eq_u64(dj_instance_new(store, m, no_import, NULL, &inst, &link), DJ_OK);
	ok(dj_instance_export(inst, "f", 1, &f));
	eq_u64(dj_call(store, f.func, v), DJ_TRAP_NONE);
	dj_store_done(store);
	hostmem_arena_done(&arena);
	return v[0].i64;
}

static void a_large_constant_on_the_left_leaves_the_right_alone(void)
{
	/* 2^31 as signed LEB128: not the sign extension of 32 bits. */
	static const uint8_t large[] = { 0x80, 0x80, 0x80, 0x80, 0x08 };
	static const uint8_t small[] = { 5 };
	const uint64_t c = UINT64_C(1) << 31;

	eq_u64(run(large, 5, 0x58, true, 7), 0);     /* 2^31 <= 7 */
	eq_u64(run(large, 5, 0x58, true, c), 1);     /* 2^31 <= 2^31 */
	eq_u64(run(large, 5, 0x54, true, c + 1), 1); /* 2^31 < 2^31 + 1 */
	eq_u64(run(large, 5, 0x7c, false, 7), c + 7);
	eq_u64(run(large, 5, 0x7d, false, 7), c - 7);
	eq_u64(run(large, 5, 0x7e, false, 3), 3 * c);
	eq_u64(run(large, 5, 0x85, false, 7), c ^ 7);
	eq_u64(run(small, 1, 0x58, true, 4), 0);
	eq_u64(run(small, 1, 0x7d, false, 7), (uint64_t)-2);
	eq_u64(run(small, 1, 0x7c, false, 7), 12);
}

int main(void)
{
	RUN(a_large_constant_on_the_left_leaves_the_right_alone);
	return done();
}
