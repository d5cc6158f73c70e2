// SPDX-License-Identifier: Apache-2.0
#include "tests/support/one_module.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keep/engine/store.h"

/*
 * Images that the compiler made, changed: what the loader says of each byte of
 * the header and of the tables, there being no digest here that would say it.
 */

/*
 * (module (memory 1) (table 2 funcref) (elem (i32.const 0) $load $stop)
 *   (type $t (func (param i64) (result i64)))
 *   (func $load (export "load") (type $t)
 *     (i64.load (i32.wrap_i64 (local.get 0))))
 *   (func $stop (export "stop") (type $t) (call $deep (local.get 0)))
 *   (func $deep (type $t)
 *     (if (i64.eqz (local.get 0)) (then unreachable))
 *     (call_indirect (type $t) (i64.sub (local.get 0) (i64.const 1))
 *       (i32.const 1))))
 */
static const uint8_t module[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00,
	0x00, 0x01, 0x06, 0x01, 0x60, 0x01, 0x7e, 0x01, 0x7e, 0x03, 0x04, 0x03,
	0x00, 0x00, 0x00, 0x04, 0x04, 0x01, 0x70, 0x00, 0x02, 0x05, 0x03, 0x01,
	0x00, 0x01, 0x07, 0x0f, 0x02, 0x04, 0x6c, 0x6f, 0x61, 0x64, 0x00, 0x00,
	0x04, 0x73, 0x74, 0x6f, 0x70, 0x00, 0x01, 0x09, 0x08, 0x01, 0x00, 0x41,
	0x00, 0x0b, 0x02, 0x00, 0x01, 0x0a, 0x25, 0x03, 0x08, 0x00, 0x20, 0x00,
	0xa7, 0x29, 0x03, 0x00, 0x0b, 0x06, 0x00, 0x20, 0x00, 0x10, 0x02, 0x0b,
	0x13, 0x00, 0x20, 0x00, 0x50, 0x04, 0x40, 0x00, 0x0b, 0x20, 0x00, 0x42,
	0x01, 0x7d, 0x41, 0x01, 0x11, 0x00, 0x00, 0x0b };

static const uint8_t *wasm = module;
static size_t wasm_len = sizeof(module);
static const char *said_why; /* by loads(): why */
static uint8_t *image;
static size_t image_len, tables, sites, body;

static bool with_tails; /* make()'s images are called as tail calls need it */

static bool make(enum dj_isa isa, enum dj_bounds bounds)
{
	const struct dj_aot_options options = { .isa = isa,
		.bounds = bounds,
		.optimise = 2,
		.tails = with_tails,
		.threads = 1 };
	struct dj_wasm_error err;
	struct dj_wasm_module *m;
	struct dj_native n;
	const char *said;
	char why[256] = "";
	dj_status st;

	free(image);
	image = NULL;
	if (!hostmem_arena(&one_arena, (size_t)4 << 20))
		abort();
	eq_u64(dj_wasm_load(wasm, wasm_len, &one_arena, &m, &err), DJ_OK);
	st = dj_aot_compile(m, &options, &image, &image_len, why, sizeof(why));
	hostmem_arena_done(&one_arena);
	eq_u64(st, DJ_OK);
	if (st != DJ_OK) {
		printf("# %s\n", why);
		return false;
	}
	eq_u64(dj_native_parse(image, image_len, &n, &said), DJ_OK);
	eq_u64(n.isa, isa);
	tables = (size_t)(n.funcs - image);
	sites = (size_t)(n.sites - image);
	body = (size_t)(n.body - image);
	return true;
}

/* Loads the image into a store; what is refused has a reason. */
static bool loads(void)
{
	const struct dj_store_config config = { .mem = hostmem,
		.native = true,
		.guard = true,
		.exec = hostnative_exec,
		.max_memory_pages = 1 };
	struct dj_wasm_error err;
	struct dj_link_error link = { .what = NULL };
	struct dj_wasm_module *m;
	dj_status st;

	if (!hostmem_arena(&one_arena, (size_t)4 << 20))
		abort();
	if (dj_wasm_load(wasm, wasm_len, &one_arena, &m, &err) != DJ_OK ||
		dj_store_init(&one_arena, &config, &one_store) != DJ_OK)
		abort();
	st = dj_instance_new_native(one_store, m, image, image_len,
		&hostnative_target, one_no_import, NULL, &one_inst, &link);
	said_why = link.what;
	if (st != DJ_OK && (link.what == NULL || link.what[0] == '\0'))
		eq_u64(st, DJ_OK);
	return st == DJ_OK;
}

static void of_another_machine_is_refused(void)
{
	static const enum dj_isa isas[] = { DJ_ISA_X86_64, DJ_ISA_RISCV64,
		DJ_ISA_PPC64LE };

	for (size_t i = 0; i < 3; i++)
		for (unsigned b = 0; b < 2; b++) {
			if (!make(isas[i], (enum dj_bounds)b))
				continue;
			eq_u64(loads(), isas[i] == hostnative_target.isa);
			one_stop();
		}
}

/* The marks of all entries are of the header as it was. */
static void each_bit_of_the_header_is_looked_at(void)
{
	if (!make(hostnative_target.isa, DJ_BOUNDS_CHECKS))
		return;
	for (size_t i = 0; i < (size_t)DJ_NATIVE_HEAD * 8; i++) {
		image[i / 8] ^= (uint8_t)(1u << (i % 8));
		if (loads())
			eq_u64(i, SIZE_MAX);
		one_stop();
		image[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
}

static uint32_t entry(size_t at)
{
	return (uint32_t)image[at] << 24 | (uint32_t)image[at + 1] << 16 |
		(uint32_t)image[at + 2] << 8 | image[at + 3];
}

static void set_entry(size_t at, uint32_t v)
{
	for (unsigned k = 0; k < 4; k++)
		image[at + k] = (uint8_t)(v >> (24 - 8 * k));
}

static unsigned loaded_with(size_t at, uint32_t v)
{
	uint32_t was = entry(at);
	bool good;

	if (v == was)
		return 0;
	set_entry(at, v);
	good = loads();
	if (good)
		printf("# entry at %zu: 0x%x loaded as 0x%x\n", at,
			(unsigned)was, (unsigned)v);
	one_stop();
	set_entry(at, was);
	return good;
}

static void each_byte_of_the_entries_is_looked_at(void)
{
	if (!make(hostnative_target.isa, DJ_BOUNDS_CHECKS))
		return;
	for (size_t i = tables; i < sites; i++)
		for (unsigned k = 1; k < 256; k++) {
			image[i] ^= (uint8_t)k;
			if (loads())
				eq_u64(i, SIZE_MAX);
			one_stop();
			image[i] ^= (uint8_t)k;
		}
}

/*
 * Another entry, of a function of the same type or of a type; the middle of a
 * function, one byte off, the code's ends, data, and what is beyond all.
 */
static void an_entry_that_leads_elsewhere_is_refused(void)
{
	unsigned loaded = 0;
	uint32_t code_len;

	if (!make(hostnative_target.isa, DJ_BOUNDS_CHECKS))
		return;
	code_len = entry(12);
	for (size_t i = tables; i < sites; i += 4) {
		for (size_t k = tables; k < sites; k += 4)
			for (uint32_t off = 0; off < 2 * DJ_NATIVE_MARK; off++)
				loaded += loaded_with(i,
					entry(k) + off - DJ_NATIVE_MARK);
		for (uint32_t off = 0; off < 32; off++) {
			loaded += loaded_with(i, off);
			loaded += loaded_with(i, code_len + 16 - off);
			loaded += loaded_with(i, UINT32_MAX - off);
		}
	}
	eq_u64(loaded, 0);
}

/* The loader asks the module; by itself an image may be without any. */
static void a_type_without_its_way_in_or_out_is_refused(void)
{
	/* (module (import "" "" (func)) (func (param i32))) */
	static const uint8_t with_import[] = { 0x00, 0x61, 0x73, 0x6d, 0x01,
		0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x60, 0x00, 0x00, 0x60,
		0x01, 0x7f, 0x00, 0x02, 0x05, 0x01, 0x00, 0x00, 0x00, 0x00,
		0x03, 0x02, 0x01, 0x01, 0x0a, 0x04, 0x01, 0x02, 0x00, 0x0b };
	struct dj_native n;
	const char *said;

	wasm = with_import;
	wasm_len = sizeof(with_import);
	if (make(hostnative_target.isa, DJ_BOUNDS_CHECKS)) {
		eq_u64(entry(sites - 16), 0); /* the import: out only */
		eq_u64(entry(sites - 4), 0);  /* the function: in only */
		for (size_t at = sites - 12; at <= sites - 8; at += 4) {
			uint32_t was = entry(at);

			ok(was != 0);
			set_entry(at, 0);
			eq_u64(dj_native_parse(image, image_len, &n, &said),
				DJ_OK);
			ok(!loads());
			ok(strcmp(said_why, "native code of another module") ==
				0);
			one_stop();
			set_entry(at, was);
		}
		/* What is left to refuse is that nobody gives the import. */
		ok(!loads());
		ok(strcmp(said_why, "native code of another module") != 0);
		one_stop();
	}
	wasm = module;
	wasm_len = sizeof(module);
}

/*
 * Sites say where a trap was, and are used for nothing else; where they say it
 * was before a function began, its frame is left out.
 */
static void each_byte_of_the_sites_may_lie_and_no_more(void)
{
	unsigned refused = 0, ran = 0;
	struct dj_frame frames[8];
	uint64_t v;

	if (!make(hostnative_target.isa, DJ_BOUNDS_CHECKS))
		return;
	for (size_t i = sites; i < body; i++)
		for (unsigned k = 1; k < 256; k += k) {
			size_t n;

			image[i] ^= (uint8_t)k;
			if (!loads()) {
				refused++;
			} else {
				ran++;
				one_traps("stop", 2, DJ_TRAP_UNREACHABLE);
				n = dj_store_backtrace(one_store, frames, 8);
				if (n > 6)
					eq_u64(n, 6);
				while (n > 0)
					if (frames[--n].func > 2)
						eq_u64(frames[n].func, 2);
				eq_u64(one_run("load", 8, &v), DJ_TRAP_NONE);
				one_traps("load", 65529, DJ_TRAP_MEMORY);
			}
			one_stop();
			image[i] ^= (uint8_t)k;
		}
	printf("# refused %u, ran %u\n", refused, ran);
}

/* A check that is not there, for its limit is gone: nobody hides that. */
static void a_fault_of_code_with_checks_is_no_trap(void)
{
	uint64_t *limits, v;
	int status = 0;
	pid_t child;

	if (!make(hostnative_target.isa, DJ_BOUNDS_CHECKS))
		return;
	ok(loads());
	limits = (void *)one_inst->ctx;
	limits[-8] = UINT64_MAX;
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		(void)one_run("load", 65536, &v);
		_exit(0);
	}
	ok(waitpid(child, &status, 0) == child);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	one_stop();
}

static void tampered_images(void)
{
	skip("no compiler in a build with sanitizers");
}

/*
 * A function of one would return to another's with the stack elsewhere, or
 * look for its context where it is not.
 */
static void two_ways_of_calling_do_not_meet(void)
{
	bool two = hostnative_target.isa == DJ_ISA_X86_64;

	for (unsigned i = 0; i < 16; i++) {
		struct dj_link_error link = { .what = "" };
		struct dj_instance *second;
		uint8_t *first, *other;
		size_t first_len, other_len;
		dj_status st;

		with_tails = (i & 1) != 0;
		if (!make(hostnative_target.isa, (enum dj_bounds)(i >> 1 & 1)))
			return;
		first = image;
		first_len = image_len;
		image = NULL;
		with_tails = (i >> 2 & 1) != 0;
		if (!make(hostnative_target.isa, (enum dj_bounds)(i >> 3)))
			return;
		other = image;
		other_len = image_len;
		image = first;
		image_len = first_len;
		ok(loads());
		st = dj_instance_new_native(one_store, one_inst->module, other,
			other_len, &hostnative_target, one_no_import, NULL,
			&second, &link);
		if (two && (i & 3) != i >> 2) {
			eq_u64(st, DJ_E_UNSUPPORTED);
			ok(strstr(link.what, "called in another way") != NULL);
		} else {
			eq_u64(st, DJ_OK);
		}
		one_stop();
		free(other);
	}
	with_tails = false;
}

/* An image that was made of the like with fewer globals. */
static void a_context_that_does_not_fit_is_refused(void)
{
	/* (module (global i32 (i32.const 0)) (func)) and one without it. */
	static const uint8_t with[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00,
		0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02,
		0x01, 0x00, 0x06, 0x06, 0x01, 0x7f, 0x00, 0x41, 0x00, 0x0b,
		0x0a, 0x04, 0x01, 0x02, 0x00, 0x0b };
	enum {
		GLOBALS_AT = 18,
		GLOBALS = 8
	};
	uint8_t without[sizeof(with) - GLOBALS];

	memcpy(without, with, GLOBALS_AT);
	memcpy(without + GLOBALS_AT, with + GLOBALS_AT + GLOBALS,
		sizeof(without) - GLOBALS_AT);
	for (unsigned b = 0; b < 2; b++) {
		enum dj_bounds bounds = (enum dj_bounds)b;

		wasm = without;
		wasm_len = sizeof(without);
		if (!make(hostnative_target.isa, bounds))
			break;
		ok(loads());
		one_stop();
		wasm = with;
		wasm_len = sizeof(with);
		if (dj_native_has_place(hostnative_target.isa, bounds)) {
			ok(!loads());
			ok(strcmp(said_why,
				   "native code without room for its "
				   "context") == 0);
		} else {
			ok(loads());
		}
		one_stop();
		if (!make(hostnative_target.isa, bounds))
			break;
		ok(loads());
		one_stop();
	}
	wasm = module;
	wasm_len = sizeof(module);
}

int main(void)
{
	if (dj_aot_compile == NULL) {
		RUN(tampered_images);
		return done();
	}
	hostnative_begin();
	RUN(of_another_machine_is_refused);
	RUN(each_bit_of_the_header_is_looked_at);
	RUN(each_byte_of_the_entries_is_looked_at);
	RUN(an_entry_that_leads_elsewhere_is_refused);
	RUN(a_type_without_its_way_in_or_out_is_refused);
	RUN(each_byte_of_the_sites_may_lie_and_no_more);
	RUN(a_fault_of_code_with_checks_is_no_trap);
	RUN(two_ways_of_calling_do_not_meet);
	RUN(a_context_that_does_not_fit_is_refused);
	free(image);
	return done();
}
