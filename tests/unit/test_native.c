// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/proto/knc.h"
#include "lib/wasm/native.h"
#include "tests/tap.h"

/* Two functions, two types, one of them a function's, three sites. */
static uint8_t body[DJ_NATIVE_PAGE + 8];
static const uint8_t funcs[] = { 0, 0, 0, 16, 0, 0, 0, 32 };
static const uint8_t types[] = { 0, 0, 0, 48, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0,
	0 };
static const uint8_t sites[] = { 16, 80, 4, 2, 12, 1 };
#define FUNCS DJ_NATIVE_HEAD
#define TYPES (FUNCS + sizeof(funcs))
#define SITES (TYPES + sizeof(types))
static struct dj_native whole = {
	.isa = DJ_ISA_X86_64,
	.bounds = DJ_BOUNDS_GUARD,
	.cpu_level = 2,
	.func_count = 2,
	.type_count = 2,
	.code_len = DJ_NATIVE_PAGE,
	.rodata_len = 8,
	.sites_len = sizeof(sites),
	.funcs = funcs,
	.types = types,
	.sites = sites,
	.body = body,
};
static uint8_t image[2 * DJ_NATIVE_PAGE];
static size_t len;

static void mark(enum dj_native_entry kind, uint32_t i, uint32_t at)
{
	dj_native_mark(dj_native_sum(&whole), kind, i,
		body + at - DJ_NATIVE_MARK);
}

static void make(void)
{
	memset(whole.module, 'm', sizeof(whole.module));
	mark(DJ_NATIVE_FUNC, 0, 16);
	mark(DJ_NATIVE_FUNC, 1, 32);
	mark(DJ_NATIVE_ENTER, 0, 48);
	mark(DJ_NATIVE_LEAVE, 0, 64);
	len = dj_native_size(&whole);
	eq_u64(dj_native_write(&whole, image, sizeof(image)), DJ_OK);
}

static dj_status parse(size_t n)
{
	struct dj_native got;
	const char *why = NULL;
	dj_status st = dj_native_parse(image, n, &got, &why);

	ok(st == DJ_OK || why != NULL);
	return st;
}

static void what_is_written_is_read(void)
{
	struct dj_native got;
	const char *why;
	uint32_t at = 0;

	make();
	eq_u64(dj_native_parse(image, len, &got, &why), DJ_OK);
	eq_u64(got.func_count, 2);
	eq_u64(dj_native_func(&got, 1), 32);
	eq_u64(dj_native_leave_at(&got, 0), 64);
	ok(dj_native_is_of(image, len, whole.module));
	ok(!dj_native_is_of(image, len, body));
	ok(!dj_native_is_of(image, DJ_NATIVE_HEAD - 1, whole.module));
	ok(dj_native_is_for(image, len, (uint8_t)whole.isa,
		(uint8_t)whole.bounds, whole.cpu_level));
	ok(!dj_native_is_for(image, DJ_NATIVE_HEAD - 1, (uint8_t)whole.isa,
		(uint8_t)whole.bounds, whole.cpu_level));
	ok(!dj_native_is_for(image, len, (uint8_t)whole.isa + 1,
		(uint8_t)whole.bounds, whole.cpu_level));
	ok(!dj_native_is_for(image, len, (uint8_t)whole.isa,
		(uint8_t)whole.bounds ^ 1, whole.cpu_level));
	ok(!dj_native_is_for(image, len, (uint8_t)whole.isa,
		(uint8_t)whole.bounds, whole.cpu_level + 1));
	ok(!dj_native_site(&got, 15, &at));
	ok(dj_native_site(&got, 16, &at) && at == 40);
	ok(dj_native_site(&got, 21, &at) && at == 41);
	ok(dj_native_site(&got, 4000, &at) && at == 40);
}

static void every_truncation_is_refused(void)
{
	make();
	for (size_t n = 0; n < len; n++) {
		struct dj_native got;
		const char *why = NULL;

		if (dj_native_parse(image, n, &got, &why) == DJ_OK ||
			why == NULL)
			eq_u64(n, len);
	}
	eq_u64(parse(len + 1), DJ_E_INPUT);
}

static void every_field_is_checked(void)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		dj_status st;
	} cases[] = {
		{ "magic", 0, 'X', DJ_E_INPUT },
		{ "version", 5, 9, DJ_E_UNSUPPORTED },
		{ "instruction set", 6, 0, DJ_E_UNSUPPORTED },
		{ "instruction set", 6, 4, DJ_E_UNSUPPORTED },
		{ "bounds", 7, 2, DJ_E_INPUT },
		{ "flags", 9, 2, DJ_E_INPUT },
		{ "abi", 11, 77, DJ_E_UNSUPPORTED },
		{ "code's length", 12, 0x7f, DJ_E_LIMIT },
		{ "code's length", 15, 1, DJ_E_INPUT },
		{ "constants' length", 19, 9, DJ_E_INPUT },
		{ "functions", 20, 0xff, DJ_E_INPUT },
		{ "types", 24, 0xff, DJ_E_INPUT },
		{ "sites' length", 28, 0xff, DJ_E_INPUT },
		{ "module", 40, 0, DJ_E_INPUT },
		{ "a site", SITES, 0x80, DJ_E_INPUT },
		{ "a site that goes nowhere", SITES + 3, 0, DJ_E_INPUT },
		{ "padding", SITES + sizeof(sites), 1, DJ_E_INPUT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make();
		image[cases[i].at] = cases[i].value;
		if (cases[i].at == SITES)
			memset(image + SITES, 0x80, sizeof(sites));
		eq_u64(parse(len), cases[i].st);
	}
}

static void a_site_is_in_the_code(void)
{
	/* 4095 and 4096, in three bytes each; then the same again. */
	static const uint8_t last[] = { 0xff, 0x9f, 0, 2, 0, 1 };
	static const uint8_t behind[] = { 0x80, 0xa0, 0, 2, 0, 1 };

	make();
	memcpy(image + SITES, last, sizeof(last));
	eq_u64(parse(len), DJ_OK);
	memcpy(image + SITES, behind, sizeof(behind));
	eq_u64(parse(len), DJ_E_INPUT);
}

static void no_bit_of_the_header_is_for_nothing(void)
{
	for (size_t i = 0; i < (size_t)DJ_NATIVE_HEAD * 8; i++) {
		make();
		image[i / 8] ^= (uint8_t)(1u << (i % 8));
		if (parse(len) == DJ_OK)
			eq_u64(i, SIZE_MAX);
	}
	/* And sites may not take the zeros behind them, or leave some. */
	for (unsigned n = 0; n <= sizeof(sites) + 10; n++) {
		make();
		image[31] = (uint8_t)n;
		if (n != sizeof(sites) && parse(len) == DJ_OK)
			eq_u64(n, sizeof(sites));
	}
}

static void an_entry_is_where_its_own_mark_is_and_nowhere_else(void)
{
	for (size_t at = FUNCS; at < SITES; at += 4) {
		uint32_t was;

		make();
		was = image[at + 3];
		image[at] = 0x40; /* far outside */
		eq_u64(parse(len), DJ_E_INPUT);
		image[at] = 0;
		for (uint32_t to = 0; to <= DJ_NATIVE_PAGE + 16; to++) {
			image[at + 2] = (uint8_t)(to >> 8);
			image[at + 3] = (uint8_t)to;
			/* A type may have none. */
			if ((parse(len) == DJ_OK) !=
				(to == was || (to == 0 && at >= TYPES)))
				eq_u64(to, was);
		}
	}
}

static void a_mark_at_an_odd_place_is_none(void)
{
	struct dj_native n;
	const char *why;

	whole.isa = DJ_ISA_PPC64LE;
	for (uint32_t at = 16; at < 24; at++) {
		make();
		memset(body, 0, 24);
		mark(DJ_NATIVE_FUNC, 0, at);
		eq_u64(dj_native_write(&whole, image, sizeof(image)), DJ_OK);
		image[FUNCS + 3] = (uint8_t)at;
		eq_u64(dj_native_parse(image, len, &n, &why),
			at % 4 == 0 ? DJ_OK : DJ_E_INPUT);
	}
	whole.isa = DJ_ISA_X86_64;
	make();
	eq_u64(parse(len), DJ_OK);
}

/* Is an instruction forbidden that has bytes of the mark at 4? */
static bool mark_is_run(enum dj_isa isa, const uint8_t *code, size_t n)
{
	size_t step = isa == DJ_ISA_X86_64 ? 1 : isa == DJ_ISA_RISCV64 ? 2 : 4;

	for (size_t at = 0; at < 4 + DJ_NATIVE_MARK; at += step)
		if (dj_native_forbidden(isa, code + at, n - at) == 0 &&
			(at >= 4 ||
				dj_native_forbidden(isa, code + at, 4 - at) !=
					0))
			return true;
	return false;
}

/* Whatever stands before and behind. */
static void a_mark_has_no_forbidden_instruction_and_no_other_mark(void)
{
	static const enum dj_isa isas[] = { DJ_ISA_X86_64, DJ_ISA_RISCV64,
		DJ_ISA_PPC64LE };
	static const uint8_t around[] = { 0x00, 0x01, 0x05, 0x0f, 0x34, 0x44,
		0x50, 0x55, 0x62, 0x73, 0x80, 0xc1, 0xcd, 0xef };
	const size_t n = sizeof(around);
	uint8_t code[DJ_NATIVE_MARK + 8];
	uint32_t sum = 0x12345678;

	for (size_t i = 0; i < n * n * n; i++, sum *= 0x9e3779b1) {
		memset(code, 0x90, sizeof(code));
		for (unsigned k = 0; k < 4; k++) {
			code[k] = around[(i / (k < 2 ? 1 : n)) % n];
			code[sizeof(code) - 1 - k] = around[(i / n / n) % n];
		}
		code[3] = around[i % n];
		dj_native_mark(sum, DJ_NATIVE_FUNC, (uint32_t)i, code + 4);
		for (size_t k = 0; k <= sizeof(code) - DJ_NATIVE_MARK; k++)
			if (dj_native_like_mark(code + k) != (k == 4))
				eq_u64(k, 4);
		for (size_t k = 0; k < 3; k++)
			if (mark_is_run(isas[k], code, sizeof(code)))
				eq_u64(i, SIZE_MAX);
	}
}

static void forbidden_instructions_are_found_at_any_offset(void)
{
	static const uint8_t bad[][3] = { { 0x0f, 0x05, 0x90 },
		{ 0x0f, 0x34, 0x90 }, { 0xcd, 0x80, 0x90 },
		{ 0x0f, 0x01, 0xd7 }, { 0x0f, 0x01, 0xef },
		{ 0x0f, 0x01, 0xc1 }, { 0x0f, 0x01, 0xd9 } };
	uint8_t code[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t at = 0; at <= sizeof(code) - 3; at++) {
			memset(code, 0x90, sizeof(code));
			memcpy(code + at, bad[i], 3);
			if (dj_native_forbidden(DJ_ISA_X86_64, code,
				    sizeof(code)) != at)
				eq_u64(at, sizeof(code));
		}
	memset(code, 0x90, sizeof(code));
	ok(dj_native_forbidden(DJ_ISA_X86_64, code, sizeof(code)) == SIZE_MAX);
}

/* Instructions of four bytes, where the step lets them begin; and not. */
static void words_are(enum dj_isa isa, const uint32_t *words, size_t n,
	bool bad)
{
	size_t step = isa == DJ_ISA_RISCV64 ? 2 : 4;
	uint8_t code[64];

	for (size_t i = 0; i < n; i++)
		for (size_t at = 0; at <= sizeof(code) - 4; at++) {
			memset(code, 0x60, sizeof(code));
			for (unsigned k = 0; k < 4; k++)
				code[at + k] = (uint8_t)(words[i] >> (8 * k));
			eq_u64(dj_native_forbidden(isa, code, sizeof(code)),
				bad && at % step == 0 ? at : SIZE_MAX);
		}
}

static void forbidden_riscv_instructions_are_found(void)
{
	static const uint32_t bad[] = { 0x00000073, 0x00100073, 0x10200073,
		0x30200073, 0x10500073, 0x12000073, 0x12b50073, 0x22000073 };
	/* rdcycle, frcsr, fsrm; addi t1, t1, 7 and its like */
	static const uint32_t good[] = { 0xc0002573, 0x00302573, 0x00251573,
		0x00730313, 0x00000063, 0x00000033 };

	words_are(DJ_ISA_RISCV64, bad, sizeof(bad) / sizeof(*bad), true);
	words_are(DJ_ISA_RISCV64, good, sizeof(good) / sizeof(*good), false);
}

static void forbidden_power_instructions_are_found(void)
{
	/* sc, sc 1, sc 2, scv 0; mtamr of r0 and r31 */
	static const uint32_t bad[] = { 0x44000002, 0x44000022, 0x44000042,
		0x44000001, 0x7c0d03a6, 0x7fed03a6 };
	/* mtctr, mtlr, mfspr of AMR, b, bctr, trap */
	static const uint32_t good[] = { 0x7d8903a6, 0x7c0803a6, 0x7c0d02a6,
		0x48000000, 0x4e800420, 0x7fe00008 };

	words_are(DJ_ISA_PPC64LE, bad, sizeof(bad) / sizeof(*bad), true);
	words_are(DJ_ISA_PPC64LE, good, sizeof(good) / sizeof(*good), false);
}

static void an_envelope_is_read_and_cut_ones_are_not(void)
{
	static const struct dj_knc k = {
		.isa = 1,
		.bounds = 1,
		.cpu_level = 2,
		.compiler = "donjon",
		.compiler_len = 6,
		.wasm_len = 3,
		.image_len = 2,
	};
	uint8_t buf[256];
	struct dj_knc got;
	const char *why = NULL;
	size_t n = 0;

	eq_u64(dj_knc_write_head(&k, buf, sizeof(buf), &n), DJ_OK);
	memcpy(buf + n, "WASMI", 5);
	eq_u64(dj_knc_parse(buf, n + 5, &got, &why), DJ_OK);
	eq_u64(got.wasm_len, 3);
	ok(got.image != NULL && memcmp(got.image, "MI", 2) == 0);
	for (size_t i = 0; i < n + 5; i++) {
		why = NULL;
		if (dj_knc_parse(buf, i, &got, &why) == DJ_OK || why == NULL)
			eq_u64(i, n + 5);
	}
	eq_u64(dj_knc_parse(buf, n + 6, &got, &why), DJ_E_INPUT);
	buf[7] = 1;
	eq_u64(dj_knc_parse(buf, n + 5, &got, &why), DJ_E_INPUT);
	buf[7] = 0;
	buf[8] = 1;
	eq_u64(dj_knc_parse(buf, n + 5, &got, &why), DJ_E_INPUT);
	buf[8] = 0;
	buf[12] = '\n';
	eq_u64(dj_knc_parse(buf, n + 5, &got, &why), DJ_E_INPUT);
}

int main(void)
{
	RUN(what_is_written_is_read);
	RUN(every_truncation_is_refused);
	RUN(every_field_is_checked);
	RUN(a_site_is_in_the_code);
	RUN(no_bit_of_the_header_is_for_nothing);
	RUN(an_entry_is_where_its_own_mark_is_and_nowhere_else);
	RUN(a_mark_at_an_odd_place_is_none);
	RUN(a_mark_has_no_forbidden_instruction_and_no_other_mark);
	RUN(forbidden_instructions_are_found_at_any_offset);
	RUN(forbidden_riscv_instructions_are_found);
	RUN(forbidden_power_instructions_are_found);
	RUN(an_envelope_is_read_and_cut_ones_are_not);
	return done();
}
