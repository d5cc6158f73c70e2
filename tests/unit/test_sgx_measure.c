// SPDX-License-Identifier: Apache-2.0
#include "tests/support/shared.h"
#include "tests/tap.h"

#include "lib/evidence/sgx.h"
#include "lib/evidence/sgx_sigstruct.h"

/*
 * MRENCLAVE by instructions, against values computed by other code (Python,
 * and for V2 C) from the SDM; SIGSTRUCT against files of other signers
 * (DONJON_SHARED/evidence/sgx/sigstruct) and against itself.
 */
#define PAGE DJ_SGX_PAGE_SIZE
#define RX   (DJ_SGX_REG | DJ_SGX_R | DJ_SGX_X)
#define RW   (DJ_SGX_REG | DJ_SGX_R | DJ_SGX_W)

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void unhex(const char *s, uint8_t *dst, size_t len)
{
	for (size_t i = 0; i < len; i++)
		dst[i] =
			(uint8_t)(nibble(s[2 * i]) << 4 | nibble(s[2 * i + 1]));
}

static void eq_hex(const uint8_t *got, const char *want, size_t len)
{
	uint8_t w[64];

	unhex(want, w, len);
	eq_mem(got, w, len);
}

static void add(struct dj_sgx_hash *h, uint64_t at, uint64_t flags,
	const uint8_t *page)
{
	dj_sgx_eadd(h, at, flags);
	for (size_t i = 0; page != NULL && i < PAGE; i += DJ_SGX_CHUNK)
		dj_sgx_eextend(h, at + i, page + i);
}

static uint8_t zero[PAGE], counting[PAGE];

static void final_is(const struct dj_sgx_hash *h, const char *want)
{
	uint8_t got[32];

	dj_sgx_hash_final(h, got);
	eq_hex(got, want, 32);
}

static void ecreate_alone_has_the_known_measurement(void)
{
	struct dj_sgx_hash h;

	dj_sgx_ecreate(&h, 1, 0x10000);
	final_is(&h,
		"03c79954895fe98c9bd1b86ebe8b7b1748b65bfc30085dd387cb4351e7de51e2");
}

static void one_page_has_the_known_measurement(void)
{
	struct dj_sgx_hash h;

	dj_sgx_ecreate(&h, 1, 0x10000);
	add(&h, 0, RW, zero);
	final_is(&h,
		"b7db6b53a591009c9fcdfb265926be6f051286dc557a07bbe8de5c1fdc7954a1");
	dj_sgx_ecreate(&h, 2, 0x10000);
	add(&h, 0, RW, zero);
	final_is(&h,
		"493b8d623d1f4054be93bed00a819fe412553b7f3b817c03ac9f25662fb54183");
}

static void whole(struct dj_sgx_hash *h, bool swapped)
{
	static uint8_t tcs[PAGE];
	struct dj_sgx_tcs t = { .ossa = 0x3000, .nssa = 2 };

	for (size_t i = 0; i < PAGE; i++)
		counting[i] = (uint8_t)i;
	dj_sgx_tcs_write(&t, tcs);
	dj_sgx_ecreate(h, 1, 0x10000);
	if (swapped)
		add(h, 0x1000, RW, NULL);
	add(h, 0, RX, counting);
	if (!swapped)
		add(h, 0x1000, RW, NULL);
	add(h, 0x2000, DJ_SGX_TCS, tcs);
	add(h, 0x3000, RW, zero);
	add(h, 0x4000, RW, zero);
}

static void a_whole_enclave_has_the_known_measurement(void)
{
	struct dj_sgx_hash h;

	whole(&h, false);
	final_is(&h,
		"28e46b736342830c8e341df7c463d575b9ff8d6a0d486ebd25b4665bf1831478");
}

static void the_order_of_pages_is_measured(void)
{
	struct dj_sgx_hash h;

	whole(&h, true);
	final_is(&h,
		"d6395ac60f9665fc04092ae04764086f335ff6948ea9aedc9f1822c85c2e9e40");
}

static void a_tcs_says_only_what_a_loader_may(void)
{
	uint8_t page[PAGE];
	struct dj_sgx_tcs t = { .ossa = 0x1000,
		.oentry = 0x234,
		.ofs = 0x3000,
		.ogs = 0x4000,
		.nssa = 2 };
	struct dj_sgx_tcs got = { 0 };

	dj_sgx_tcs_write(&t, page);
	eq_u64(dj_sgx_tcs_parse(page, &got), DJ_OK);
	eq_mem(&got, &t, sizeof(t));
	for (size_t i = 0; i < PAGE; i++) {
		bool is_ours = (i >= 16 && i < 24) || (i >= 28 && i < 40) ||
			(i >= 48 && i < 72);

		page[i] ^= 1;
		eq_u64(dj_sgx_tcs_parse(page, &got),
			is_ours ? DJ_OK : DJ_E_INPUT);
		page[i] ^= 1;
	}
}

static void every_byte_of_a_targetinfo_is_a_field_or_zero(void)
{
	uint8_t buf[DJ_SGX_TARGETINFO], again[DJ_SGX_TARGETINFO];
	struct dj_sgx_targetinfo t = { .flags = 5,
		.xfrm = 3,
		.configsvn = 0x102,
		.miscselect = 1,
		.configid = { 9 } };
	struct dj_sgx_targetinfo got = { 0 };

	dj_sgx_targetinfo_write(&t, buf);
	for (size_t i = 0; i < sizeof(buf); i++) {
		bool is_field =
			i < 48 || (i >= 50 && i < 56) || (i >= 64 && i < 128);

		buf[i] ^= 0x80;
		eq_u64(dj_sgx_targetinfo_parse(buf, &got),
			is_field ? DJ_OK : DJ_E_INPUT);
		if (is_field) {
			dj_sgx_targetinfo_write(&got, again);
			eq_mem(again, buf, sizeof(buf));
		}
		buf[i] ^= 0x80;
	}
}

static void every_byte_of_a_keyrequest_is_a_field_or_zero(void)
{
	uint8_t buf[DJ_SGX_KEYREQUEST], again[DJ_SGX_KEYREQUEST];
	struct dj_sgx_keyrequest k = { .name = DJ_SGX_KEY_SEAL, .isvsvn = 7 };
	struct dj_sgx_keyrequest got = { 0 };

	dj_sgx_keyrequest_write(&k, buf);
	for (size_t i = 0; i < sizeof(buf); i++) {
		bool is_field = i != 6 && i != 7 && i < 78;

		buf[i] ^= 0x80;
		eq_u64(dj_sgx_keyrequest_parse(buf, &got),
			is_field ? DJ_OK : DJ_E_INPUT);
		if (is_field) {
			dj_sgx_keyrequest_write(&got, again);
			eq_mem(again, buf, sizeof(buf));
		}
		buf[i] ^= 0x80;
	}
}

static bool read_shared(const char *name, uint8_t *dst, size_t len)
{
	char path[4096];
	size_t n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/evidence/sgx/sigstruct/%s",
		shared_dir(), name);
	f = fopen(path, "rb");
	if (f == NULL)
		return false;
	n = fread(dst, 1, len, f);
	(void)fclose(f);
	return n == len;
}

static const struct {
	const char *name, *mrenclave, *mrsigner;
	uint64_t flags_mask, xfrm_mask;
	uint32_t date;
} files[] = {
	{ "rust-sgx.sigstruct",
		"c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d",
		"83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e",
		0xfffffffffffffffd, 0xffffffffffffff1b, 0x20160109 },
	{ "gramine-test.sigstruct",
		"f78170fe28e2e8671d83f5056975d25a27eb2c333dc520c2ccaf4de6b3f9c81b",
		"f98deebef358e407b9a795eda9fe0c67de306084d735339f9454aefaaaa0f264",
		0xffffffffffffffff, 0xfffffffff9ff1bff, 0x20230822 },
};
#define FILES (sizeof(files) / sizeof(files[0]))

static uint8_t bytes[DJ_SGX_SIGSTRUCT];

static void signatures_of_others_verify(void)
{
	uint8_t again[DJ_SGX_SIGSTRUCT], signer[32];
	struct dj_sgx_sigstruct s, other;

	for (size_t i = 0; i < FILES; i++) {
		if (!read_shared(files[i].name, bytes, sizeof(bytes))) {
			skip("no genuine evidence here (DONJON_SHARED)");
			return;
		}
		eq_u64(dj_sgx_sigstruct_parse(bytes, sizeof(bytes), &s), DJ_OK);
		ok(dj_sgx_sigstruct_verify(&s));
		eq_hex(s.mrenclave, files[i].mrenclave, 32);
		dj_sgx_mrsigner(&s, signer);
		eq_hex(signer, files[i].mrsigner, 32);
		eq_u64(s.date, files[i].date);
		eq_u64(s.flags, 4);
		eq_u64(s.flags_mask, files[i].flags_mask);
		dj_sgx_sigstruct_write(&s, again);
		eq_mem(again, bytes, sizeof(bytes));
		other = s;
		memset(other.q1, 0, sizeof(other.q1));
		memset(other.q2, 0, sizeof(other.q2));
		ok(!dj_sgx_sigstruct_verify(&other));
		ok(dj_sgx_sigstruct_quotients(&other));
		eq_mem(other.q1, s.q1, sizeof(s.q1));
		eq_mem(other.q2, s.q2, sizeof(s.q2));
	}
}

static void no_bit_of_a_signed_file_can_change(void)
{
	struct dj_sgx_sigstruct s;
	size_t good = 0;

	if (!read_shared(files[0].name, bytes, sizeof(bytes))) {
		skip("no genuine evidence here (DONJON_SHARED)");
		return;
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		uint8_t bit = (uint8_t)(1u << i % 8);

		bytes[i] ^= bit;
		if (dj_sgx_sigstruct_parse(bytes, sizeof(bytes), &s) == DJ_OK &&
			dj_sgx_sigstruct_verify(&s))
			good++;
		bytes[i] ^= bit;
	}
	eq_u64(good, 0);
}

static void a_shorter_or_longer_file_is_refused(void)
{
	static uint8_t more[DJ_SGX_SIGSTRUCT + 1];
	struct dj_sgx_sigstruct s = { .date = 0x20261126 };

	dj_sgx_sigstruct_write(&s, more);
	for (size_t i = 0; i < sizeof(more); i++)
		eq_u64(dj_sgx_sigstruct_parse(more, i, &s),
			i == DJ_SGX_SIGSTRUCT ? DJ_OK : DJ_E_INPUT);
	eq_u64(dj_sgx_sigstruct_parse(more, sizeof(more), &s), DJ_E_INPUT);
}

static void the_bare_rsa_vector_verifies(void)
{
	struct dj_sgx_sigstruct s = { 0 };
	uint8_t digest[32];

	if (!read_shared("sig1.data.bin", digest, 32) ||
		!read_shared("sig1.key_n.bin", s.modulus, DJ_SGX_RSA) ||
		!read_shared("sig1.sig.bin", s.signature, DJ_SGX_RSA) ||
		!read_shared("sig1.q1.bin", s.q1, DJ_SGX_RSA) ||
		!read_shared("sig1.q2.bin", s.q2, DJ_SGX_RSA)) {
		skip("no genuine evidence here (DONJON_SHARED)");
		return;
	}
	ok(dj_sgx_rsa_verify(&s, digest));
	digest[31] ^= 1;
	ok(!dj_sgx_rsa_verify(&s, digest));
}

static void a_signature_that_is_no_residue_is_refused(void)
{
	struct dj_sgx_sigstruct s = { 0 };
	uint8_t digest[32] = { 0 };

	memset(s.modulus, 0xff, sizeof(s.modulus));
	memset(s.signature, 0xff, sizeof(s.signature));
	ok(!dj_sgx_sigstruct_quotients(&s));
	ok(!dj_sgx_rsa_verify(&s, digest));
	memset(s.modulus, 0x7f, sizeof(s.modulus));
	memset(s.signature, 0, sizeof(s.signature));
	ok(!dj_sgx_sigstruct_quotients(&s));
}

int main(void)
{
	RUN(ecreate_alone_has_the_known_measurement);
	RUN(one_page_has_the_known_measurement);
	RUN(a_whole_enclave_has_the_known_measurement);
	RUN(the_order_of_pages_is_measured);
	RUN(a_tcs_says_only_what_a_loader_may);
	RUN(every_byte_of_a_targetinfo_is_a_field_or_zero);
	RUN(every_byte_of_a_keyrequest_is_a_field_or_zero);
	RUN(signatures_of_others_verify);
	RUN(no_bit_of_a_signed_file_can_change);
	RUN(a_shorter_or_longer_file_is_refused);
	RUN(the_bare_rsa_vector_verifies);
	RUN(a_signature_that_is_no_residue_is_refused);
	return done();
}
