// SPDX-License-Identifier: Apache-2.0
#include "client/aot/insn.h"
#include "tests/support/hostmem.h"
#include "tests/tap.h"
#include "tests/wasmgen/wasmgen.h"

/*
 * What tests/wasmgen makes: as many modules as make check gives to
 * build/wasmdiff, of the same seeds.
 */
#define MODULES 2000

static uint32_t seen[DJ_OP_GC_END];
static uint64_t bytes;

static bool is_number_or_memory(uint32_t op)
{
	const struct dj_wasm_op *o = &dj_wasm_ops[op];

	return o->in[0] != 0 || o->out != 0;
}

/* Every instruction of lib/wasm/opcode.h. */
static bool is_one(uint32_t op)
{
	static const uint16_t none[] = { 0x16, 0x17, 0x1d, 0x1e, 0x27, 0x112 };

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (op == none[i])
			return false;
	return op <= DJ_OP_F64_CONST || op >= DJ_OP_GC ||
		(op >= DJ_OP_REF_NULL && op <= DJ_OP_BR_ON_NON_NULL) ||
		(op >= DJ_OP_MEMORY_INIT && op <= DJ_OP_MUL_WIDE_U) ||
		(op < DJ_OP_COUNT && is_number_or_memory(op)) ||
		op == DJ_OP_V128_CONST;
}

/* Locals first; then instructions, to the end of the bytes. */
static bool read_body(const struct dj_wasm_module *m,
	const struct dj_wasm_func *f)
{
	struct dj_wasm_rd r = dj_wasm_rd_of(m->bytes, f->body, f->len);
	struct insn i;

	for (uint32_t n = dj_wasm_rd_u32(&r); n > 0; n--) {
		(void)dj_wasm_rd_u32(&r);
		(void)dj_wasm_rd_valtype(&r, m);
	}
	while (dj_wasm_rd_left(&r) != 0) {
		if (!insn_read(&r, m, &i))
			return false;
		seen[i.op]++;
	}
	return true;
}

static bool read_module(uint64_t seed, struct dj_arena *arena)
{
	struct wasmgen_options o = { .seed = seed, .features = DJ_WASM_HAVE };
	struct wasmgen_module gen;
	struct dj_wasm_module *m;
	struct dj_wasm_error err;

	wasmgen_make(&o, &gen);
	bytes += gen.len;
	if (dj_wasm_load(gen.bytes, gen.len, arena, &m, &err) != DJ_OK) {
		printf("# seed %llu: %s at 0x%zx\n", (unsigned long long)seed,
			err.text, err.offset);
		return false;
	}
	for (uint32_t i = m->imported_funcs; i < m->func_count; i++)
		if (!read_body(m, &m->funcs[i])) {
			printf("# seed %llu: function %u\n",
				(unsigned long long)seed, i);
			return false;
		}
	return true;
}

static void two_thousand_modules_are_valid(void)
{
	struct dj_arena arena;

	for (uint64_t seed = 0; seed < MODULES; seed++) {
		if (!hostmem_arena(&arena, (size_t)64 << 20))
			abort();
		ok(read_module(seed, &arena));
		hostmem_arena_done(&arena);
	}
	printf("# of %llu bytes\n", (unsigned long long)bytes);
}

static void every_instruction_is_among_them(void)
{
	uint32_t kinds = 0;

	for (uint32_t op = 0; op < DJ_OP_GC_END; op++) {
		if (!is_one(op))
			continue;
		kinds++;
		if (seen[op] == 0)
			printf("# 0x%x is never made\n", op);
		ok(seen[op] != 0);
	}
	printf("# %u instructions\n", kinds);
}

int main(void)
{
	RUN(two_thousand_modules_are_valid);
	RUN(every_instruction_is_among_them);
	return done();
}
