// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "client/native.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/offer.h"
#include "tests/tap.h"

static const char id[] = "donjon 0.9 llvm 19.1.7 abi 2.3";
static const uint8_t wasm[] = "\0asm\1\0\0", image[] = "DJNI and more";
static uint8_t buf[512];
static size_t len;

static struct dj_knc sample(void)
{
	struct dj_knc k = { .isa = DJ_ISA_X86_64,
		.bounds = DJ_BOUNDS_GUARD,
		.cpu_level = 2,
		.compiler = id,
		.compiler_len = sizeof(id) - 1,
		.wasm_len = sizeof(wasm),
		.image_len = sizeof(image) };

	dj_sha256(wasm, sizeof(wasm), k.wasm_hash);
	dj_sha256(image, sizeof(image), k.image_hash);
	return k;
}

static void make(const struct dj_knc *k)
{
	eq_u64(dj_knc_write_head(k, buf, sizeof(buf), &len), DJ_OK);
	memcpy(buf + len, wasm, sizeof(wasm));
	memcpy(buf + len + sizeof(wasm), image, sizeof(image));
	len += sizeof(wasm) + sizeof(image);
}

static void what_is_written_is_read(void)
{
	struct dj_knc k = sample();
	const char *why = NULL;
	struct dj_knc p;

	make(&k);
	eq_u64(len, 12 + sizeof(id) - 1 + 80 + sizeof(wasm) + sizeof(image));
	ok(dj_native_is(buf, len));
	ok(dj_native_open(buf, len, &p, &why));
	eq_u64(p.isa, DJ_ISA_X86_64);
	eq_u64(p.bounds, DJ_BOUNDS_GUARD);
	eq_u64(p.cpu_level, 2);
	eq_mem(p.compiler, id, sizeof(id) - 1);
	eq_mem(p.wasm, wasm, sizeof(wasm));
	eq_mem(p.image, image, sizeof(image));
}

static void every_truncation_and_a_byte_more_are_refused(void)
{
	struct dj_knc k = sample();
	const char *why;
	struct dj_knc p;

	make(&k);
	for (size_t i = 0; i < len; i++) {
		why = NULL;
		ok(dj_knc_parse(buf, i, &p, &why) != DJ_OK);
		ok(why != NULL);
	}
	ok(dj_knc_parse(buf, len + 1, &p, &why) != DJ_OK);
}

/* Bytes 4 to 6 are the target: what there is of it is the Keep's to judge. */
static void any_changed_byte_but_of_the_target_is_refused(void)
{
	struct dj_knc k = sample();
	const char *why;
	struct dj_knc p;

	make(&k);
	for (size_t i = 0; i < len; i++) {
		buf[i] ^= 0x80;
		why = NULL;
		ok(dj_native_open(buf, len, &p, &why) == (i >= 4 && i <= 6));
		ok(why != NULL || (i >= 4 && i <= 6));
		buf[i] ^= 0x80;
	}
}

static void each_rule_has_a_name(void)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *why;
	} bad[] = {
		{ 0, 'k', "not an envelope of native code" },
		{ 7, 1, "the envelope's reserved byte is not zero" },
		{ 10, 2, "the compiler's name is too long" },
		{ 12, 7, "the compiler's name is not text" },
		{ 12 + sizeof(id) - 1 + 6, 1,
			"the envelope's Wasm is cut off" },
		{ 12 + sizeof(id) - 1 + 46, 1,
			"the envelope's native code is cut off" },
		{ 12 + sizeof(id) - 1 + 47, 1,
			"something follows the native code" },
		{ 12 + sizeof(id) - 1 + 80, 1,
			"the digest of the module is not the envelope's" },
		{ 12 + sizeof(id) - 1 + 80 + sizeof(wasm), 1,
			"the digest of the native code is not the envelope's" },
	};
	struct dj_knc k = sample();
	const char *why;
	struct dj_knc p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make(&k);
		buf[bad[i].at] = bad[i].value;
		ok(!dj_native_open(buf, len, &p, &why));
		eq_str(why, bad[i].why);
	}
}

static void a_name_may_have_its_most_bytes_and_no_more(void)
{
	char name[DJ_KNC_ID_MAX + 1];
	struct dj_knc k = sample();
	const char *why;
	struct dj_knc p;

	memset(name, 'n', sizeof(name));
	k.compiler = name;
	k.compiler_len = DJ_KNC_ID_MAX;
	make(&k);
	ok(dj_native_open(buf, len, &p, &why));
	k.compiler_len++;
	eq_u64(dj_knc_write_head(&k, buf, sizeof(buf), &len), DJ_E_LIMIT);
	/* Nor is one byte more read: it takes one of the module's. */
	k.compiler_len--;
	make(&k);
	memmove(buf + 12 + DJ_KNC_ID_MAX + 1, buf + 12 + DJ_KNC_ID_MAX,
		len - 12 - DJ_KNC_ID_MAX);
	buf[12 + DJ_KNC_ID_MAX] = 'n';
	buf[11]++;
	ok(dj_knc_parse(buf, len + 1, &p, &why) != DJ_OK);
	eq_str(why, "the compiler's name is too long");
}

static bool fits(const struct dj_knc *k, uint8_t isa, uint8_t bounds,
	uint64_t level, uint8_t accepted)
{
	const struct dj_offer_info info = { .has_native = true,
		.has_cpu_level = true,
		.native_isa = isa,
		.native_bounds = bounds,
		.native_accepted = accepted,
		.cpu_level = level };
	struct dj_err err = { 0 };
	bool good = dj_native_fits(k, &info, &err);

	ok(good || strcmp(err.info->name, "native.unfit") == 0);
	return good;
}

static void code_fits_the_keep_that_it_was_made_for(void)
{
	struct dj_knc k = sample();

	ok(fits(&k, DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 2, 1));
	ok(fits(&k, DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 3, 1));
	ok(!fits(&k, DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 2, 0));
	ok(!fits(NULL, DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 2, 0));
	ok(!fits(&k, DJ_ISA_RISCV64, DJ_BOUNDS_GUARD, 2, 1));
	ok(!fits(&k, DJ_ISA_X86_64, DJ_BOUNDS_CHECKS, 2, 1));
	ok(!fits(&k, DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 1, 1));
	k.bounds = DJ_BOUNDS_CHECKS;
	ok(fits(&k, DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 2, 1));
}

int main(void)
{
	RUN(what_is_written_is_read);
	RUN(every_truncation_and_a_byte_more_are_refused);
	RUN(any_changed_byte_but_of_the_target_is_refused);
	RUN(each_rule_has_a_name);
	RUN(a_name_may_have_its_most_bytes_and_no_more);
	RUN(code_fits_the_keep_that_it_was_made_for);
	return done();
}
