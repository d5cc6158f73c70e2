// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include "lib/base/wr.h"
#include "lib/wasm/module.h"
#include "tests/support/hostmem.h"
#include "tests/tap.h"

/*
 * (module
 *   (import "m" "f" (func (param i32)))
 *   (import "m" "g" (global i32))
 *   (table 2 8 funcref)
 *   (memory 1 2)
 *   (global (mut i64) (i64.const 5))
 *   (export "run" (func 1))
 *   (start 2)
 *   (elem (i32.const 0) 1)
 *   (func (param i32 i64) (result i64) (local f64)
 *     block (result i64)
 *       local.get 1
 *       local.get 0
 *       br_if 0
 *       drop
 *       i64.const -3
 *     end)
 *   (func)
 *   (data (i32.const 8) "hello"))
 */
/* clang-format off */
static const uint8_t good[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x0e, 0x03, 0x60,
  0x01, 0x7f, 0x00, 0x60, 0x02, 0x7f, 0x7e, 0x01, 0x7e, 0x60, 0x00, 0x00,
  0x02, 0x0e, 0x02, 0x01, 0x6d, 0x01, 0x66, 0x00, 0x00, 0x01, 0x6d, 0x01,
  0x67, 0x03, 0x7f, 0x00, 0x03, 0x03, 0x02, 0x01, 0x02, 0x04, 0x05, 0x01,
  0x70, 0x01, 0x02, 0x08, 0x05, 0x04, 0x01, 0x01, 0x01, 0x02, 0x06, 0x06,
  0x01, 0x7e, 0x01, 0x42, 0x05, 0x0b, 0x07, 0x07, 0x01, 0x03, 0x72, 0x75,
  0x6e, 0x00, 0x01, 0x08, 0x01, 0x02, 0x09, 0x07, 0x01, 0x00, 0x41, 0x00,
  0x0b, 0x01, 0x01, 0x0a, 0x15, 0x02, 0x10, 0x01, 0x01, 0x7c, 0x02, 0x7e,
  0x20, 0x01, 0x20, 0x00, 0x0d, 0x00, 0x1a, 0x42, 0x7d, 0x0b, 0x0b, 0x02,
  0x00, 0x0b, 0x0b, 0x0b, 0x01, 0x00, 0x41, 0x08, 0x0b, 0x05, 0x68, 0x65,
  0x6c, 0x6c, 0x6f, 0x00, 0x0e, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x02, 0x07,
  0x03, 0x00, 0x00, 0x01, 0x00, 0x02, 0x00
};
/* clang-format on */

static struct dj_arena arena;
static struct dj_wasm_module *m;
static struct dj_wasm_error err;
static uint64_t features = DJ_WASM_ANY;

/* An exact copy, so that a sanitizer sees a read past the end. */
static dj_status load(const uint8_t *p, size_t len)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(len == 0 ? 1 : len);
	memcpy(copy, p, len);
	hostmem_arena_done(&arena);
	if (!hostmem_arena(&arena, (size_t)1 << 20))
		abort();
	err = (struct dj_wasm_error){ .text = "" };
	return dj_wasm_load_as(features, copy, len, &arena, &m, &err);
}

/* Header and one section. */
static dj_status load_section(uint8_t id, const uint8_t *p, size_t len)
{
	uint8_t b[256] = { 0, 'a', 's', 'm', 1, 0, 0, 0, id, (uint8_t)len };

	memcpy(b + 10, p, len);
	return load(b, 10 + len);
}

static void a_good_module_loads_and_tells_what_it_has(void)
{
	struct dj_wasm_summary s;
	struct dj_wasm_name name;

	eq_u64(load(good, sizeof(good)), DJ_OK);
	dj_wasm_summary(m, &s);
	eq_u64(s.funcs, 2);
	eq_u64(s.imported_funcs, 1);
	eq_u64(s.tables, 1);
	eq_u64(s.memories, 1);
	eq_u64(s.globals, 2);
	eq_u64(s.data_bytes, 5);
	eq_u64(dj_wasm_import_count(m), 2);
	eq_u64(dj_wasm_import(m, 1)->kind, DJ_WASM_GLOBAL);
	ok(dj_wasm_import(m, 2) == NULL);
	eq_u64(dj_wasm_export(m, 0)->index, 1);
	eq_u64(dj_wasm_func_type(m, 1)->param_count, 2);
	eq_u64(dj_wasm_memory(m, 0)->max, 2);
	ok(!dj_wasm_func_name(m, 99, &name));
}

static void every_truncation_is_malformed_or_a_shorter_module(void)
{
	size_t accepted = 0;

	for (size_t len = 0; len < sizeof(good); len++) {
		dj_status st = load(good, len);

		if (st == DJ_OK) {
			accepted++;
			continue;
		}
		eq_u64(st, DJ_E_INPUT);
		ok(err.malformed);
		ok(err.offset <= len);
	}
	/*
	 * Only where sections end: the header alone; types; imports; the
	 * end of all but the custom section. What lacks its code is refused.
	 */
	ok(accepted >= 3 && accepted <= 6);
}

static void no_single_bad_byte_crashes_the_loader(void)
{
	uint8_t b[sizeof(good)];

	for (size_t i = 0; i < sizeof(good); i++) {
		for (unsigned v = 0; v < 256; v++) {
			memcpy(b, good, sizeof(b));
			b[i] = (uint8_t)v;
			if (load(b, sizeof(b)) != DJ_OK)
				ok(err.text[0] != '\0');
		}
	}
}

static void each_rule_has_its_words(void)
{
	static const struct {
		const char *text;
		uint8_t id, len;
		uint8_t p[24];
	} cases[] = {
		{ "unexpected end", 1, 1, { 1 } },
		{ "unexpected end", 1, 4, { 0xff, 0xff, 0xff, 0x7f } },
		{ "integer representation too long", 1, 6,
			{ 0x80, 0x80, 0x80, 0x80, 0x80, 0 } },
		{ "integer too large", 1, 5, { 0xff, 0xff, 0xff, 0xff, 0x7f } },
		{ "malformed value type", 1, 4, { 1, 0x60, 1, 0x01 } },
		{ "section size mismatch", 1, 2, { 0, 0 } },
		{ "malformed section id", 14, 1, { 0 } },
		{ "unknown type", 3, 2, { 1, 0 } },
		{ "malformed limits flags", 5, 3, { 1, 16, 0 } },
		{ "memory size must be at most 65536 pages (4GiB)", 5, 5,
			{ 1, 0, 0x81, 0x80, 4 } },
		{ "size minimum must not be greater than maximum", 5, 4,
			{ 1, 1, 2, 1 } },
		{ "malformed reference type", 4, 4, { 1, 0x7f, 0, 0 } },
		{ "type mismatch", 6, 6, { 1, 0x7f, 0, 0x42, 0, 0x0b } },
		{ "constant expression required", 6, 5,
			{ 1, 0x7f, 0, 0x01, 0x0b } },
		{ "unknown global", 6, 6, { 1, 0x7f, 0, 0x23, 0, 0x0b } },
		{ "unknown function", 7, 4, { 1, 0, 0, 0 } },
		{ "unknown function", 8, 1, { 0 } },
		{ "unknown table", 9, 6, { 1, 0, 0x41, 0, 0x0b, 0 } },
		{ "unknown memory", 11, 6, { 1, 0, 0x41, 0, 0x0b, 0 } },
		{ "data count and data section have inconsistent lengths", 12,
			1, { 1 } },
		{ "malformed UTF-8 encoding", 0, 3, { 2, 0xc0, 0x80 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		eq_u64(load_section(cases[i].id, cases[i].p, cases[i].len),
			DJ_E_INPUT);
		eq_str(err.text, cases[i].text);
	}
}

/* A module of one function without parameters or results. */
static dj_status load_body(const uint8_t *p, uint8_t len)
{
	uint8_t b[128] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3,
		2, 1, 0, 10, (uint8_t)(len + 2), 1, len };

	memcpy(b + 22, p, len);
	return load(b, 22u + len);
}

static void bodies_are_judged(void)
{
	static const struct {
		const char *text; /* NULL: good */
		uint8_t len;
		uint8_t p[16];
		dj_status st;
	} cases[] = {
		{ NULL, 2, { 0, 0x0b }, DJ_OK },
		{ "END opcode expected", 1, { 0 }, DJ_E_INPUT },
		{ "END opcode expected", 3, { 0, 0x0b, 0x0b }, DJ_E_INPUT },
		{ "type mismatch", 3, { 0, 0x1a, 0x0b }, DJ_E_INPUT },
		{ "type mismatch", 4, { 0, 0x41, 0, 0x0b }, DJ_E_INPUT },
		{ "unknown local", 5, { 0, 0x20, 0, 0x1a, 0x0b }, DJ_E_INPUT },
		{ "unknown label", 4, { 0, 0x0c, 1, 0x0b }, DJ_E_INPUT },
		{ "unknown memory", 6, { 0, 0x3f, 0, 0x1a, 0x0b }, DJ_E_INPUT },
		{ "illegal opcode", 3, { 0, 0x27, 0x0b }, DJ_E_INPUT },
		/* 0xfc: one past the last, a hole, and what looks like 0x300. */
		{ "illegal opcode", 4, { 0, 0xfc, 23, 0x0b }, DJ_E_INPUT },
		{ "illegal opcode", 4, { 0, 0xfc, 18, 0x0b }, DJ_E_INPUT },
		{ "illegal opcode", 5, { 0, 0xfc, 0xfb, 6, 0x0b }, DJ_E_INPUT },
		{ "unexpected end", 5, { 0, 0xfd, 12, 0, 0x0b }, DJ_E_INPUT },
		{ NULL, 4, { 1, 1, 0x7b, 0x0b }, DJ_OK },
		/* A hole in the numbers; a lane too many. */
		{ "illegal opcode", 5, { 0, 0xfd, 0x9a, 1, 0x0b }, DJ_E_INPUT },
		{ "invalid lane index", 12,
			{ 1, 1, 0x7b, 0x20, 0, 0xfd, 0x1d, 2, 0x1a, 0x0b },
			DJ_E_INPUT },
		{ NULL, 4, { 0, 0x12, 0, 0x0b }, DJ_OK },
		{ "threads", 6, { 0, 0xfe, 3, 0, 0x0b }, DJ_E_UNSUPPORTED },
		{ "type mismatch", 4, { 0, 0x14, 0, 0x0b }, DJ_E_INPUT },
		{ NULL, 6, { 1, 0xd0, 0x86, 3, 0x7f, 0x0b }, DJ_OK },
		{ "too many locals", 6, { 1, 0xd1, 0x86, 3, 0x7f, 0x0b },
			DJ_E_LIMIT },
		{ "too many locals", 10,
			{ 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 1, 0x7f,
				0x0b },
			DJ_E_INPUT },
		{ "undeclared function reference", 5,
			{ 0, 0xd2, 0, 0x1a, 0x0b }, DJ_E_INPUT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		eq_u64(load_body(cases[i].p, cases[i].len), cases[i].st);
		if (cases[i].text != NULL)
			eq_str(err.text, cases[i].text);
	}
}

/* Each is 2.0; 1.0 refused it, as malformed or as invalid. */
static void an_older_language_refuses_what_came_later(void)
{
	static const struct {
		const char *text;
		uint8_t id, len;
		uint8_t p[24];
		bool malformed;
	} sections[] = {
		{ "invalid result arity", 1, 6, { 1, 0x60, 0, 2, 0x7f, 0x7f },
			false },
		{ "malformed value type", 1, 5, { 1, 0x60, 1, 0x70, 0 }, true },
		{ "malformed reference type", 4, 4, { 1, 0x6f, 0, 0 }, true },
		{ "multiple tables", 4, 7, { 2, 0x70, 0, 0, 0x70, 0, 0 },
			false },
		{ "malformed section id", 12, 1, { 0 }, true },
		{ .len = 0 },
	};
	static const struct {
		const char *text;
		uint8_t len;
		uint8_t p[24];
	} bodies[] = {
		{ "illegal opcode", 6, { 0, 0x41, 0, 0xc0, 0x1a, 0x0b } },
		{ "illegal opcode", 10,
			{ 0, 0x43, 0, 0, 0, 0, 0xfc, 0, 0x1a, 0x0b } },
		{ "illegal opcode", 5, { 0, 0xd0, 0x70, 0x1a, 0x0b } },
		{ "illegal opcode", 11,
			{ 0, 0x41, 0, 0x41, 0, 0x41, 0, 0x1c, 1, 0x7f, 0x0b } },
		{ "malformed block type", 5, { 0, 0x02, 0, 0x0b, 0x0b } },
		/* Unreachable: labels of two types. */
		{ "type mismatch", 19,
			{ 0, 0x02, 0x7f, 0x02, 0x7d, 0x00, 0x41, 0, 0x0e, 1, 0,
				1, 0x0b, 0x1a, 0x41, 0, 0x0b, 0x1a, 0x0b } },
	};

	for (size_t i = 0; sections[i].len != 0; i++) {
		features = DJ_WASM_2_0;
		eq_u64(load_section(sections[i].id, sections[i].p,
			       sections[i].len),
			DJ_OK);
		features = DJ_WASM_1_0;
		eq_u64(load_section(sections[i].id, sections[i].p,
			       sections[i].len),
			DJ_E_INPUT);
		eq_u64(err.malformed, sections[i].malformed);
		eq_str(err.text, sections[i].text);
	}
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		features = DJ_WASM_1_0;
		eq_u64(load_body(bodies[i].p, bodies[i].len), DJ_E_INPUT);
		eq_str(err.text, bodies[i].text);
	}
	features = DJ_WASM_2_0;
	eq_u64(load_body(bodies[5].p, 19), DJ_OK);
	features = DJ_WASM_ANY;
}

/* A limits flag of threads: a name for who asks for all, else nonsense. */
static void what_a_language_does_not_know_is_malformed_not_unsupported(void)
{
	static const uint8_t shared[] = { 1, 3, 0, 1 };
	static const uint8_t two[] = { 2, 0, 0, 0, 0 };

	eq_u64(load_section(5, shared, sizeof(shared)), DJ_E_UNSUPPORTED);
	eq_str(err.text, "threads");
	eq_u64(load_section(5, two, sizeof(two)), DJ_OK);
	features = DJ_WASM_2_0;
	eq_u64(load_section(5, two, sizeof(two)), DJ_E_INPUT);
	eq_str(err.text, "multiple memories");
	features = DJ_WASM_3_0;
	eq_u64(load_section(5, shared, sizeof(shared)), DJ_E_INPUT);
	ok(err.malformed);
	features = DJ_WASM_ANY;
}

static void a_full_arena_is_no_memory(void)
{
	static uint8_t small[64];
	struct dj_arena a;

	dj_arena_init(&a, small, sizeof(small), NULL);
	eq_u64(dj_wasm_load(good, sizeof(good), &a, &m, &err), DJ_E_NOMEM);
}

#define EXPORTS 60000u

/* What export names were once hashed by. */
static uint64_t fnv(const char *p, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ len;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

/* A number in LEB128, with three bytes always. */
static void leb3(struct dj_wr *w, uint32_t v)
{
	dj_wr_u8(w, (uint8_t)(v | 0x80));
	dj_wr_u8(w, (uint8_t)(v >> 7 | 0x80));
	dj_wr_u8(w, (uint8_t)(v >> 14));
}

/* One function by many names, whose hashes are near each other. */
static void many_exports(struct dj_wr *w, uint32_t n)
{
	static const uint8_t head[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00,
		0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02,
		0x01, 0x00, 0x07 };
	static const uint8_t body[] = { 0x0a, 0x04, 0x01, 0x02, 0x00, 0x0b };
	char name[9];

	dj_wr_bytes(w, head, sizeof(head));
	leb3(w, 3 + n * 11);
	leb3(w, n);
	for (uint32_t i = 0, k = 0; k < n; i++) {
		snprintf(name, sizeof(name), "%08x", i);
		if ((fnv(name, 8) & 0x1ffff) >= EXPORTS / 16)
			continue;
		dj_wr_u8(w, 8);
		dj_wr_bytes(w, name, 8);
		dj_wr_u8(w, 0);
		dj_wr_u8(w, 0);
		k++;
	}
	dj_wr_bytes(w, body, sizeof(body));
}

static void names_of_exports_can_be_any_and_take_no_longer(void)
{
	static uint8_t bytes[(size_t)EXPORTS * 11 + 64];
	struct dj_wr w = dj_wr_of(bytes, sizeof(bytes));
	struct dj_arena a;
	size_t len;
	clock_t start;

	many_exports(&w, EXPORTS);
	eq_u64(dj_wr_end(&w, &len), DJ_OK);
	if (!hostmem_arena(&a, (size_t)8 << 20))
		abort();
	start = clock();
	eq_u64(dj_wasm_load(bytes, len, &a, &m, &err), DJ_OK);
	ok((clock() - start) / CLOCKS_PER_SEC < 2);
	hostmem_arena_done(&a);
}

static void an_exports_name_may_come_once(void)
{
	static uint8_t bytes[100 * 11 + 64];
	struct dj_wr w = dj_wr_of(bytes, sizeof(bytes));
	uint8_t *names = bytes + 19 + 6;
	size_t len;

	many_exports(&w, 100);
	eq_u64(dj_wr_end(&w, &len), DJ_OK);
	eq_u64(load(bytes, len), DJ_OK);
	for (unsigned i = 1; i < 100; i++) {
		uint8_t was[11];

		memcpy(was, names + i * 11, 11);
		memcpy(names + i * 11, names + i / 2 * 11, 11);
		eq_u64(load(bytes, len), DJ_E_INPUT);
		eq_str(err.text, "duplicate export name");
		memcpy(names + i * 11, was, 11);
	}
}

/* How types are hashed, lib/wasm/types.c. */
static uint32_t mix(uint32_t h, uint32_t v)
{
	h = (h ^ v) * 0x9e3779b1u * 0x85ebca6bu;
	return h ^ h >> 15;
}

/*
 * n types of functions, of so many numbers and references; those alone whose
 * hashes are alike in `bits` bits.
 */
static void many_types(struct dj_wr *w, uint32_t n, unsigned bits)
{
	static const uint8_t head[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00,
		0x00, 0x00, 0x01 };
	static const uint8_t types[] = { 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70,
		0x6f };
	enum {
		PARAMS = 12
	};

	dj_wr_bytes(w, head, sizeof(head));
	leb3(w, 3 + n * (PARAMS + 3));
	leb3(w, n);
	for (uint64_t i = 0, left, k = 0; k < n; i++) {
		uint8_t params[PARAMS];
		uint32_t h = mix(1, 0x160);

		left = i;
		for (unsigned j = 0; j < PARAMS; j++, left /= 7) {
			params[j] = types[left % 7];
			h = mix(h, params[j]);
		}
		h = mix(mix(h, PARAMS), 0);
		if ((h & ((1u << bits) - 1)) != 0)
			continue;
		dj_wr_u8(w, 0x60);
		dj_wr_u8(w, PARAMS);
		dj_wr_bytes(w, params, PARAMS);
		dj_wr_u8(w, 0);
		k++;
	}
}

static void types_with_one_hash_are_refused_before_they_take_long(void)
{
	static uint8_t bytes[20000 * 15 + 64];
	struct dj_wr w = dj_wr_of(bytes, sizeof(bytes));
	struct dj_arena a;
	size_t len;

	many_types(&w, 20000, 0);
	eq_u64(dj_wr_end(&w, &len), DJ_OK);
	if (!hostmem_arena(&a, (size_t)32 << 20))
		abort();
	eq_u64(dj_wasm_load(bytes, len, &a, &m, &err), DJ_OK);
	hostmem_arena_done(&a);
	for (unsigned n = 100; n <= 101; n++) {
		w = dj_wr_of(bytes, sizeof(bytes));
		many_types(&w, n, 10);
		eq_u64(dj_wr_end(&w, &len), DJ_OK);
		eq_u64(load(bytes, len), n == 100 ? DJ_OK : DJ_E_LIMIT);
	}
	eq_str(err.text, "too many types with one hash");
}

int main(void)
{
	RUN(a_good_module_loads_and_tells_what_it_has);
	RUN(every_truncation_is_malformed_or_a_shorter_module);
	RUN(no_single_bad_byte_crashes_the_loader);
	RUN(each_rule_has_its_words);
	RUN(bodies_are_judged);
	RUN(an_older_language_refuses_what_came_later);
	RUN(what_a_language_does_not_know_is_malformed_not_unsupported);
	RUN(a_full_arena_is_no_memory);
	RUN(names_of_exports_can_be_any_and_take_no_longer);
	RUN(an_exports_name_may_come_once);
	RUN(types_with_one_hash_are_refused_before_they_take_long);
	return done();
}
