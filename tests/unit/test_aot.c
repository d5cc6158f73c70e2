// SPDX-License-Identifier: Apache-2.0
#include "client/aot/mend.h"
#include "lib/wasm/native.h"
#include "tests/support/one_module.h"

#pragma weak mend_forbidden

/* The native compiler's images; what they do is in test_engine_*.c. */

/*
 * Constants that have the bytes of SYSCALL, SYSENTER, INT 80 and VMRUN, in a
 * value, in an offset, and in what is behind an access.
 *
 * (module
 *   (memory 1)
 *   (func (export "f") (param i64) (result i64)
 *     (i64.store offset=0x340f (i32.const 8)
 *       (i64.xor (local.get 0) (i64.const 0x80cd050f)))
 *     (i64.store offset=0x507 (i32.wrap_i64 (local.get 0)) (i64.const 0x01d9010f))
 *     (i64.add
 *       (i64.load offset=0x340f (i32.const 8))
 *       (i64.load offset=0x507 (i32.wrap_i64 (local.get 0))))))
 */
/* clang-format off */
static const uint8_t module[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x06, 0x01, 0x60,
  0x01, 0x7e, 0x01, 0x7e, 0x03, 0x02, 0x01, 0x00, 0x05, 0x03, 0x01, 0x00,
  0x01, 0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00, 0x0a, 0x2d, 0x01, 0x2b,
  0x00, 0x41, 0x08, 0x20, 0x00, 0x42, 0x8f, 0x8a, 0xb4, 0x86, 0x08, 0x85,
  0x37, 0x03, 0x8f, 0x68, 0x20, 0x00, 0xa7, 0x42, 0x8f, 0x82, 0xe4, 0x0e,
  0x37, 0x03, 0x87, 0x0a, 0x41, 0x08, 0x29, 0x03, 0x8f, 0x68, 0x20, 0x00,
  0xa7, 0x29, 0x03, 0x87, 0x0a, 0x7c, 0x0b
};
/* clang-format on */

static void it_does_the_same(void)
{
	one_start(module, sizeof(module),
		(struct dj_store_config){ .max_memory_pages = 1 });
	eq_u64(one_value("f", 1), 0x80cd050e + UINT64_C(0x01d9010f));
	one_traps("f", 0xfffffff0, DJ_TRAP_MEMORY);
	one_stop();
}

/*
 * The same, out of a vector that is known: $v is (v128.const i64x2
 * 0x050f7348a83c57cf 0x80cd112233445566).
 *
 * (module
 *   (memory 1)
 *   (func (export "f") (param i64) (result i64)
 *     (i64.store (i32.const 16) (i64x2.extract_lane 0 $v))
 *     (i64.store (i32.const 24) (i64x2.extract_lane 1 $v))
 *     (i64.add (i64.load (i32.const 16)) (i64.load (i32.const 24)))))
 */
/* clang-format off */
static const uint8_t vector[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x06, 0x01, 0x60,
  0x01, 0x7e, 0x01, 0x7e, 0x03, 0x02, 0x01, 0x00, 0x05, 0x03, 0x01, 0x00,
  0x01, 0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00, 0x0a, 0x43, 0x01, 0x41,
  0x00, 0x41, 0x10, 0xfd, 0x0c, 0xcf, 0x57, 0x3c, 0xa8, 0x48, 0x73, 0x0f,
  0x05, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xcd, 0x80, 0xfd, 0x1d, 0x00,
  0x37, 0x03, 0x00, 0x41, 0x18, 0xfd, 0x0c, 0xcf, 0x57, 0x3c, 0xa8, 0x48,
  0x73, 0x0f, 0x05, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xcd, 0x80, 0xfd,
  0x1d, 0x01, 0x37, 0x03, 0x00, 0x41, 0x10, 0x29, 0x03, 0x00, 0x41, 0x18,
  0x29, 0x03, 0x00, 0x7c, 0x0b
};
/* clang-format on */

static void it_does_the_same_with_a_vector(void)
{
	one_start(vector, sizeof(vector),
		(struct dj_store_config){ .max_memory_pages = 1 });
	eq_u64(one_value("f", 1),
		UINT64_C(0x050f7348a83c57cf) + UINT64_C(0x80cd112233445566));
	one_stop();
}

/*
 * What is read and may not be used traps all the same: in no memory at all,
 *
 * (module
 *   (memory 0)
 *   (func (export "f") (param i64) (result i64)
 *     (select (i64.load offset=7529 (i32.const 0)) (i64.const 0)
 *       (i32.wrap_i64 (local.get 0)))))
 */
/* clang-format off */
static const uint8_t unused[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x06, 0x01, 0x60,
  0x01, 0x7e, 0x01, 0x7e, 0x03, 0x02, 0x01, 0x00, 0x05, 0x03, 0x01, 0x00,
  0x00, 0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00, 0x0a, 0x10, 0x01, 0x0e,
  0x00, 0x41, 0x00, 0x29, 0x03, 0xe9, 0x3a, 0x42, 0x00, 0x20, 0x00, 0xa7,
  0x1b, 0x0b
};
/* clang-format on */

static void a_load_traps_that_a_select_leaves(void)
{
	one_start(unused, sizeof(unused),
		(struct dj_store_config){ .max_memory_pages = 1 });
	one_traps("f", 0, DJ_TRAP_MEMORY);
	one_traps("f", 1, DJ_TRAP_MEMORY);
	one_stop();
}

static void no_system_call_in(const uint8_t *wasm, size_t wasm_len)
{
	for (unsigned i = 0; dj_aot_compile != NULL && i < 8; i++) {
		const struct dj_aot_options options = {
			.isa = DJ_ISA_X86_64,
			.bounds =
				i % 2 == 0 ? DJ_BOUNDS_CHECKS : DJ_BOUNDS_GUARD,
			.optimise = (uint8_t)(i / 2),
			.threads = 1,
		};
		struct dj_arena arena;
		struct dj_wasm_module *m;
		struct dj_wasm_error err;
		struct dj_native n;
		uint8_t *image = NULL;
		const char *why = "";
		char text[256] = "";
		size_t len = 0;

		if (!hostmem_arena(&arena, (size_t)1 << 20))
			abort();
		eq_u64(dj_wasm_load(wasm, wasm_len, &arena, &m, &err), DJ_OK);
		eq_u64(dj_aot_compile(m, &options, &image, &len, text,
			       sizeof(text)),
			DJ_OK);
		if (image == NULL)
			printf("# %s\n", text);
		if (image != NULL &&
			eq_u64(dj_native_parse(image, len, &n, &why), DJ_OK))
			eq_u64(dj_native_forbidden(n.isa, n.body, n.code_len),
				SIZE_MAX);
		free(image);
		hostmem_arena_done(&arena);
	}
}

static void a_constant_is_no_system_call(void)
{
	no_system_call_in(module, sizeof(module));
	no_system_call_in(vector, sizeof(vector));
	if (dj_aot_compile == NULL)
		skip("no compiler in a build with sanitizers");
}

/* Forbidden bytes that are done away with where they stand. */
static const struct {
	const char *what;
	uint8_t before[12], after[12];
	uint8_t len, at;
	bool done;
} cases[] = {
	{ "lea ecx, [rdi + rcx + 5]", { 0x8d, 0x4c, 0x0f, 0x05 },
		{ 0x8d, 0x4c, 0x39, 0x05 }, 4, 2, true },
	{ "movzx esi, byte [r15 + rcx + 5]: a bit of the prefix goes along",
		{ 0x41, 0x0f, 0xb6, 0x74, 0x0f, 0x05 },
		{ 0x42, 0x0f, 0xb6, 0x74, 0x39, 0x05 }, 6, 4, true },
	{ "mov eax, [rdi + r9 + 0x34]: and back",
		{ 0x42, 0x8b, 0x44, 0x0f, 0x34 },
		{ 0x41, 0x8b, 0x44, 0x39, 0x34 }, 5, 3, true },
	{ "mov [r15 + r9 + 5], cl: both bits stay",
		{ 0x43, 0x88, 0x4c, 0x0f, 0x05 },
		{ 0x43, 0x88, 0x4c, 0x39, 0x05 }, 5, 3, true },
	{ "mov word [r15 + rcx + 5], si, behind another instruction",
		{ 0x31, 0xc0, 0x66, 0x41, 0x89, 0x74, 0x0f, 0x05 },
		{ 0x31, 0xc0, 0x66, 0x42, 0x89, 0x74, 0x39, 0x05 }, 8, 6,
		true },
	{ "vmovss xmm0, [r15 + rcx + 5]",
		{ 0xc4, 0xc1, 0x7a, 0x10, 0x44, 0x0f, 0x05 },
		{ 0xc4, 0xa1, 0x7a, 0x10, 0x44, 0x39, 0x05 }, 7, 5, true },
	{ "pshufb xmm1, [r15 + rcx + 0x34]",
		{ 0x66, 0x41, 0x0f, 0x38, 0x00, 0x4c, 0x0f, 0x34 },
		{ 0x66, 0x42, 0x0f, 0x38, 0x00, 0x4c, 0x39, 0x34 }, 8, 6,
		true },
	{ "mov r13d, ecx; cmp byte [rbp - 45], 94: the other encoding",
		{ 0x41, 0x89, 0xcd, 0x80, 0x7d, 0xd3, 0x5e },
		{ 0x44, 0x8b, 0xe9, 0x80, 0x7d, 0xd3, 0x5e }, 7, 2, true },
	{ "jle over 15 bytes; add eax, eax: that of the second",
		{ 0x7e, 0x0f, 0x01, 0xc0, 0x90 },
		{ 0x7e, 0x0f, 0x03, 0xc0, 0x90 }, 5, 1, true },
	{ "sub r9, r13: each bit of the prefix goes along",
		{ 0xeb, 0x0f, 0x01, 0xfd, 0x4d, 0x29, 0xe9 },
		{ 0xeb, 0x0f, 0x03, 0xef, 0x4d, 0x29, 0xe9 }, 7, 1, true },
	{ "mov cl, r13b; nop; INT 80 itself, which it has nothing to do with",
		{ 0x44, 0x88, 0xe9, 0x90, 0xcd, 0x80 },
		{ 0x44, 0x88, 0xe9, 0x90, 0xcd, 0x80 }, 6, 4, false },
	{ "or r13d, 0x80808080: a constant has but one encoding",
		{ 0x41, 0x81, 0xcd, 0x80, 0x80, 0x80, 0x80 },
		{ 0x41, 0x81, 0xcd, 0x80, 0x80, 0x80, 0x80 }, 7, 2, false },
	{ "mov eax, 0x00050f04: a constant stays",
		{ 0xb8, 0x04, 0x0f, 0x05, 0x00 },
		{ 0xb8, 0x04, 0x0f, 0x05, 0x00 }, 5, 2, false },
	{ "a call whose distance it is, and no room for a jump",
		{ 0xe8, 0x0f, 0x05, 0x00, 0x00 },
		{ 0xe8, 0x0f, 0x05, 0x00, 0x00 }, 5, 1, false },
	{ "mov ecx, [rip + 0x050f]", { 0x8b, 0x0d, 0x0f, 0x05, 0x00, 0x00 },
		{ 0x8b, 0x0d, 0x0f, 0x05, 0x00, 0x00 }, 6, 2, false },
	{ "mov eax, [rdi + 4 * rcx], whose displacement it is",
		{ 0x8b, 0x84, 0x8f, 0x0f, 0x05, 0x00, 0x00 },
		{ 0x8b, 0x84, 0x8f, 0x0f, 0x05, 0x00, 0x00 }, 7, 3, false },
	{ "a jump over nothing, then SYSCALL itself",
		{ 0xeb, 0x00, 0x0f, 0x05 }, { 0xeb, 0x00, 0x0f, 0x05 }, 4, 2,
		false },
	{ "no instruction at all", { 0x06, 0x0f, 0x05 }, { 0x06, 0x0f, 0x05 },
		3, 1, false },
};

static void instructions_have_other_forms_where_they_can(void)
{
	uint8_t code[12];

	if (mend_forbidden == NULL) {
		skip("no compiler in a build with sanitizers");
		return;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mend m = { code, cases[i].len, { { 0 } } };

		memcpy(code, cases[i].before, sizeof(code));
		if (!ok(mend_forbidden(&m, 0, cases[i].at) == cases[i].done) ||
			!eq_mem(code, cases[i].after, sizeof(code)))
			printf("# %s\n", cases[i].what);
	}
}

static void an_instruction_that_is_cut_off_stays(void)
{
	uint8_t code[12];

	if (mend_forbidden == NULL) {
		skip("no compiler in a build with sanitizers");
		return;
	}
	for (uint32_t len = 4; len <= 5; len++) {
		struct mend m = { code, len, { { 0 } } };

		memcpy(code, cases[1].before, sizeof(code));
		ok(!mend_forbidden(&m, 0, 4));
		eq_mem(code, cases[1].before, sizeof(code));
	}
}

/* Where the jump or call at i of m goes, by way of others. */
static uint32_t goes_to(const struct mend *m, uint32_t i)
{
	for (unsigned n = 0; n < 4; n++) {
		uint32_t end = i + (m->code[i] == 0x0f ? 6 : 5), far;

		memcpy(&far, m->code + end - 4, 4);
		i = end + far;
		if (i >= m->len || m->code[i] != 0xe9)
			break;
	}
	return i;
}

/* Jumps and calls over a forbidden distance; the pool is behind all. */
static void distances_go_by_another_jump(void)
{
	static const struct {
		uint8_t insn[6], n;
		uint32_t far;
		uint8_t at; /* of the forbidden bytes in the distance */
	} jumps[] = {
		{ { 0xe8 }, 5, 0x050f, 0 }, { { 0xe9 }, 5, 0x050f, 0 },
		{ { 0x0f, 0x84 }, 6, 0x050f, 0 },
		{ { 0x0f, 0x8f }, 6, 0x80cd, 0 },
		{ { 0x0f, 0x86 }, 6, 0x340f00, 1 },
		{ { 0xe9 }, 5, 0xffcd80cd, 0 }, /* and another one, back */
	};
	static uint8_t code[0x400000];
	const uint32_t size = sizeof(code), pool = size - 40;

	if (mend_forbidden == NULL) {
		skip("no compiler in a build with sanitizers");
		return;
	}
	for (size_t i = 0; i < sizeof(jumps) / sizeof(*jumps); i++) {
		struct mend m = { code, size, { { pool, size } } };
		uint32_t from = jumps[i].far >> 31 != 0 ? size - 128 : 64;
		uint32_t far = from + jumps[i].n - 4, to;

		memset(code, 0x90, size);
		memcpy(code + from, jumps[i].insn, jumps[i].n);
		memcpy(code + far, &jumps[i].far, 4);
		to = goes_to(&m, from);
		ok(mend_forbidden(&m, from - 8, far + jumps[i].at));
		eq_u64(goes_to(&m, from), to);
		eq_u64(dj_native_forbidden(DJ_ISA_X86_64, code, size),
			SIZE_MAX);
		ok(m.rooms[0].at >= pool + 5 && m.rooms[0].at <= size);
		/* What has no room is as it was. */
		memcpy(code + far, &jumps[i].far, 4);
		m.rooms[0].at = m.rooms[0].end - 4;
		ok(!mend_forbidden(&m, from - 8, far + jumps[i].at));
		ok(memcmp(code + far, &jumps[i].far, 4) == 0);
		eq_u64(m.rooms[0].at, m.rooms[0].end - 4);
	}
}

/* A jump whose own distance would be forbidden stands elsewhere. */
static void the_other_jump_is_clean_too(void)
{
	static uint8_t code[0x9000];
	const uint32_t far = 0x80cd, end = 64 + 5;
	/* From the first place the call would be over 0x050f bytes. */
	struct mend m = { code, sizeof(code),
		{ { end + 0x050f, sizeof(code) } } };

	if (mend_forbidden == NULL) {
		skip("no compiler in a build with sanitizers");
		return;
	}
	memset(code, 0x90, sizeof(code));
	code[64] = 0xe8;
	memcpy(code + 65, &far, 4);
	ok(mend_forbidden(&m, 64, 65));
	eq_u64(goes_to(&m, 64), end + far);
	ok(m.rooms[0].at > end + 0x050f + 5);
	eq_u64(dj_native_forbidden(DJ_ISA_X86_64, code, sizeof(code)),
		SIZE_MAX);
	/* Nowhere but beside other forbidden bytes: nothing has changed. */
	for (uint32_t i = 0x1000; i < sizeof(code); i++)
		code[i] = i % 2 == 0 ? 0x0f : 0x05;
	memcpy(code + 65, &far, 4);
	m.rooms[0].at = 0x2000;
	ok(!mend_forbidden(&m, 64, 65));
	ok(memcmp(code + 65, &far, 4) == 0);
	eq_u64(m.rooms[0].at, 0x2000);
	for (uint32_t i = 0x1000; i < sizeof(code); i++)
		if (code[i] != (i % 2 == 0 ? 0x0f : 0x05))
			ok(!"a byte of the pool");
}

/* Instructions whose operand is a forbidden distance away. */
static const struct {
	const char *what;
	uint8_t insn[12], n, far; /* where its distance is */
	bool done;
} operands[] = {
	{ "mov ecx, [rip]", { 0x8b, 0x0d }, 6, 2, true },
	{ "mov [rip], r9", { 0x4c, 0x89, 0x0d }, 7, 3, true },
	{ "lea rdi, [rip]", { 0x48, 0x8d, 0x3d }, 7, 3, true },
	{ "addsd xmm0, [rip]", { 0xf2, 0x0f, 0x58, 0x05 }, 8, 4, true },
	{ "vmovsd xmm0, [rip]", { 0xc5, 0xfb, 0x10, 0x05 }, 8, 4, true },
	{ "cvtsi2sd xmm0, [rip]", { 0xf2, 0x0f, 0x2a, 0x05 }, 8, 4, true },
	{ "cmp byte [rip], 7: a constant behind the distance",
		{ 0x80, 0x3d, 0, 0, 0, 0, 7 }, 7, 2, true },
	{ "mov dword [rip], 0x12345678",
		{ 0xc7, 0x05, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12 }, 10, 2,
		true },
	{ "jmp [rip]", { 0xff, 0x25 }, 6, 2, true },
	{ "call [rip], which would come back to nowhere", { 0xff, 0x15 }, 6, 2,
		false },
	{ "mov dword [rip], 0x050f: and the constant too",
		{ 0xc7, 0x05, 0, 0, 0, 0, 0x0f, 0x05, 0, 0 }, 10, 2, false },
};

static void operands_are_used_from_elsewhere(void)
{
	static uint8_t code[0x20000];
	const uint32_t size = sizeof(code), pool = size - 60, from = 64;
	const uint32_t fars[] = { 0x050f, 0x80cd, 0x050f00, 0xff80cd00 };

	if (mend_forbidden == NULL) {
		skip("no compiler in a build with sanitizers");
		return;
	}
	for (uint32_t i = 0; i < 4 * sizeof(operands) / sizeof(*operands);
		i++) {
		uint32_t n = operands[i / 4].n, k = operands[i / 4].far;
		uint32_t far = fars[i % 4], at, now;
		struct mend m = { code, size, { { pool, size } } };
		uint8_t insn[12];

		memcpy(insn, operands[i / 4].insn, sizeof(insn));
		memcpy(insn + k, &far, 4);
		memset(code, 0x90, size);
		memcpy(code + from, insn, n);
		if (!ok(mend_forbidden(&m, from - 8, from + k + i % 4 / 2) ==
			    operands[i / 4].done)) {
			printf("# %s\n", operands[i / 4].what);
			continue;
		}
		if (!operands[i / 4].done) {
			eq_mem(code + from, insn, n);
			eq_u64(m.rooms[0].at, pool);
			continue;
		}
		eq_u64(dj_native_forbidden(DJ_ISA_X86_64, code, size),
			SIZE_MAX);
		/* There, the same of the same place, and back behind it. */
		eq_u64(code[from], 0xe9);
		at = goes_to(&m, from);
		ok(at >= pool && at + n + 5 <= m.rooms[0].at &&
			m.rooms[0].at <= size);
		memcpy(&now, code + at + k, 4);
		eq_u64(at + now, from + far);
		memcpy(insn + k, &now, 4);
		eq_mem(code + at, insn, n);
		eq_u64(code[at + n], 0xe9);
		eq_u64(goes_to(&m, at + n), from + n);
		/* What has no room is as it was. */
		memcpy(insn + k, &far, 4);
		memcpy(code + from, insn, n);
		m.rooms[0].at = m.rooms[0].end - n - 4;
		ok(!mend_forbidden(&m, from - 8, from + k + i % 4 / 2));
		eq_mem(code + from, insn, n);
		eq_u64(m.rooms[0].at, m.rooms[0].end - n - 4);
	}
}

/* All of one room is a forbidden distance away. */
static void what_one_room_is_no_good_for_the_other_is(void)
{
	static uint8_t code[0x60000];
	static const uint8_t insns[][6] = {
		{ 0xe8, 0xcd, 0x80, 0, 0 },
		{ 0x8b, 0x0d, 0xcd, 0x80, 0, 0 },
	};
	const uint32_t from = 0x100, there = from + 5 + 0x050f10;

	if (mend_forbidden == NULL) {
		skip("no compiler in a build with sanitizers");
		return;
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct mend m = { code, sizeof(code),
			{ { there, there + 60 }, { 8, 60 } } };

		memset(code, 0x90, sizeof(code));
		memcpy(code + from, insns[i], 6);
		ok(mend_forbidden(&m, from, from + 1 + i));
		eq_u64(dj_native_forbidden(DJ_ISA_X86_64, code, sizeof(code)),
			SIZE_MAX);
		eq_u64(m.rooms[0].at, there);
		ok(m.rooms[1].at > 8 && m.rooms[1].at <= 60);
		ok(i == 0 || (code[from] == 0xe9 && goes_to(&m, from) < 60));
		ok(i == 1 || goes_to(&m, from) == from + 5 + 0x80cd);
	}
}

/* What was said, by whom: the compiler goes on here, and ends. */
static char said[200];
static int times;

static void on_stuck(void *ctx, const char *why)
{
	times++;
	snprintf(said, sizeof(said), "%s", why);
	ok(ctx == said);
}

/* A function that takes LLVM more than a millisecond: 2,000 times x * x + x. */
static size_t long_module(uint8_t *dst)
{
	static const uint8_t head[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00,
		0x00, 0x00, 0x01, 0x06, 0x01, 0x60, 0x01, 0x7f, 0x01, 0x7f,
		0x03, 0x02, 0x01, 0x00, 0x0a };
	static const uint8_t turn[] = { 0x20, 0x00, 0x20, 0x00, 0x6c, 0x20,
		0x00, 0x6a, 0x21, 0x00 };
	uint32_t len = 4 + 2000 * sizeof(turn);
	uint32_t sizes[] = { len + 4, len };
	size_t n = sizeof(head);

	memcpy(dst, head, n);
	for (unsigned i = 0; i < 2; i++) {
		dst[n++] = (uint8_t)(sizes[i] | 0x80);
		dst[n++] = (uint8_t)(sizes[i] >> 7 | 0x80);
		dst[n++] = (uint8_t)(sizes[i] >> 14);
		if (i == 0)
			dst[n++] = 1;
	}
	dst[n++] = 0;
	for (unsigned i = 0; i < 2000; i++, n += sizeof(turn))
		memcpy(dst + n, turn, sizeof(turn));
	dst[n++] = 0x20;
	dst[n++] = 0x00;
	dst[n++] = 0x0b;
	return n;
}

/* Ready to be compiled; NULL: there is no compiler, or it is none. */
static struct dj_wasm_module *load_into(struct dj_arena *arena,
	const uint8_t *bytes, size_t len)
{
	struct dj_wasm_error err = { .text = "" };
	struct dj_wasm_module *m = NULL;

	if (dj_aot_compile == NULL) {
		skip("no compiler in a build with sanitizers");
		return NULL;
	}
	if (!ok(hostmem_arena(arena, 64 << 20)))
		return NULL;
	if (eq_u64(dj_wasm_load(bytes, len, arena, &m, &err), DJ_OK))
		return m;
	printf("# %s at %zu\n", err.text, err.offset);
	hostmem_arena_done(arena);
	return NULL;
}

static void a_part_that_takes_too_long_is_named(void)
{
	static uint8_t bytes[32768];
	struct dj_aot_options o = {
		.optimise = 2,
		.threads = 1,
		.progress_ctx = said,
		.stuck = on_stuck,
		.patience_ms = 1,
	};
	struct dj_wasm_module *m;
	struct dj_arena arena;
	uint8_t *image = NULL;
	char why[160] = "";
	size_t len;

	m = load_into(&arena, bytes, long_module(bytes));
	if (m == NULL)
		return;
	eq_u64(dj_aot_compile(m, &o, &image, &len, why, sizeof(why)), DJ_OK);
	eq_u64(times, 1);
	ok(strncmp(said, "LLVM comes to no end with ", 26) == 0);
	ok(strstr(said, "use --engine interp") != NULL);
	free(image);
	o.patience_ms = 0;
	eq_u64(dj_aot_compile(m, &o, &image, &len, why, sizeof(why)), DJ_OK);
	eq_u64(times, 1);
	free(image);
	hostmem_arena_done(&arena);
}

/*
 * Functions of three types with all that asks the engine for something: what
 * does that has the context's distance in it, and so have entries.
 */
static const uint8_t asking[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00,
	0x00,
	/* types: () -> (), (i32) -> (i32), (i64, f64) -> () */
	0x01, 0x0e, 0x03, 0x60, 0x00, 0x00, 0x60, 0x01, 0x7f, 0x01, 0x7f, 0x60,
	0x02, 0x7e, 0x7c, 0x00,
	/* four functions, a table, a memory */
	0x03, 0x05, 0x04, 0x00, 0x01, 0x02, 0x01, 0x04, 0x04, 0x01, 0x70, 0x00,
	0x01, 0x05, 0x03, 0x01, 0x00, 0x01,
	/* all but the last exported */
	0x07, 0x0d, 0x03, 0x01, 0x61, 0x00, 0x00, 0x01, 0x62, 0x00, 0x01, 0x01,
	0x63, 0x00, 0x02, 0x0a, 0x55, 0x04,
	/* memory.fill, memory.copy, table.fill, table.copy, table.set */
	0x2e, 0x00, 0x41, 0x00, 0x41, 0x00, 0x41, 0x01, 0xfc, 0x0b, 0x00, 0x41,
	0x00, 0x41, 0x00, 0x41, 0x01, 0xfc, 0x0a, 0x00, 0x00, 0x41, 0x00, 0xd0,
	0x70, 0x41, 0x01, 0xfc, 0x11, 0x00, 0x41, 0x00, 0x41, 0x00, 0x41, 0x01,
	0xfc, 0x0e, 0x00, 0x00, 0x41, 0x00, 0xd0, 0x70, 0x26, 0x00, 0x0b,
	/* memory.grow, i32.div_s, table.grow, call_indirect */
	0x19, 0x00, 0x20, 0x00, 0x40, 0x00, 0x41, 0x64, 0x20, 0x00, 0x6d, 0x6a,
	0xd0, 0x70, 0x20, 0x00, 0xfc, 0x0f, 0x00, 0x6a, 0x20, 0x00, 0x11, 0x01,
	0x00, 0x0b,
	/* i32.trunc_f64_s */
	0x06, 0x00, 0x20, 0x01, 0xaa, 0x1a, 0x0b,
	/* unreachable */
	0x03, 0x00, 0x00, 0x0b };

/* Whatever the distance, what has it stands elsewhere: nothing is made again.
 */
static void entries_have_forbidden_distances_mended(void)
{
	/* SYSCALL is 0f 05, SYSENTER 0f 34: distances of 0x50f00 to 0x50fff,
	 * and of 0x340f00 to 0x340fff. */
	static const uint32_t backs[] = { 0x50000 - 4096, 0x340000 - 4096 };
	struct dj_aot_options o = { .isa = DJ_ISA_X86_64,
		.bounds = DJ_BOUNDS_GUARD,
		.optimise = 1,
		.threads = 1,
		.looks = 1 };
	struct dj_wasm_module *m;
	struct dj_arena arena;
	char why[160] = "";
	size_t len;

	m = load_into(&arena, asking, sizeof(asking));
	if (m == NULL)
		return;
	for (unsigned i = 0; i < 2 * 64; i++) {
		uint8_t *image = NULL;

		o.spare_back = backs[i / 64];
		o.spare_front = i % 64 * 64;
		eq_u64(dj_aot_compile(m, &o, &image, &len, why, sizeof(why)),
			DJ_OK);
		free(image);
	}
	hostmem_arena_done(&arena);
}

int main(void)
{
	IN_EACH_ENGINE
	{
		RUN(it_does_the_same);
		RUN(it_does_the_same_with_a_vector);
		RUN(a_load_traps_that_a_select_leaves);
	}
	RUN(a_constant_is_no_system_call);
	RUN(instructions_have_other_forms_where_they_can);
	RUN(an_instruction_that_is_cut_off_stays);
	RUN(distances_go_by_another_jump);
	RUN(the_other_jump_is_clean_too);
	RUN(operands_are_used_from_elsewhere);
	RUN(what_one_room_is_no_good_for_the_other_is);
	RUN(a_part_that_takes_too_long_is_named);
	RUN(entries_have_forbidden_distances_mended);
	return done();
}
