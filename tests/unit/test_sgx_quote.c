// SPDX-License-Identifier: Apache-2.0
#include "tests/tap.h"

#include "lib/evidence/sgx_quote.h"

/* Bytes of a quote and back. Genuine ones are asked for by test_sgx.c. */
static uint8_t buf[2048];
static size_t len;

static void fill(uint8_t *p, size_t n, uint8_t first)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(first + i);
}

static struct dj_sgx_body body(uint8_t first)
{
	struct dj_sgx_body b = { .miscselect = 1,
		.flags = 5,
		.xfrm = 0xe7,
		.isvprodid = 0x1234,
		.isvsvn = 0x5678,
		.configsvn = 0x9abc };

	fill(b.cpusvn, 16, first);
	fill(b.mrenclave, 32, (uint8_t)(first + 1));
	fill(b.mrsigner, 32, (uint8_t)(first + 2));
	fill(b.reportdata, 64, (uint8_t)(first + 3));
	fill(b.isvextprodid, 16, (uint8_t)(first + 4));
	fill(b.isvfamilyid, 16, (uint8_t)(first + 5));
	fill(b.configid, 64, (uint8_t)(first + 6));
	return b;
}

static void make(uint16_t auth_len, uint32_t cert_len)
{
	static uint8_t sig[64], key[64], qe_sig[64], auth[256], cert[64];
	struct dj_sgx_quote q = { .qe_svn = 7,
		.pce_svn = 8,
		.body = body(1),
		.qe = body(0x80),
		.signature = sig,
		.key = key,
		.qe_signature = qe_sig,
		.auth = auth,
		.auth_len = auth_len,
		.cert_kind = DJ_SGX_CERT_CHAIN,
		.cert = cert,
		.cert_len = cert_len };

	fill(q.user_data, 20, 9);
	fill(sig, 64, 10);
	fill(key, 64, 11);
	fill(qe_sig, 64, 12);
	fill(auth, 256, 0);
	fill(cert, 64, 13);
	eq_u64(dj_sgx_quote_write(&q, buf, sizeof(buf), &len), DJ_OK);
}

static void what_is_written_is_read(void)
{
	struct dj_sgx_body a = body(1), b = body(0x80);
	struct dj_sgx_quote q;
	uint8_t raw[DJ_SGX_REPORT_BODY];

	make(32, 64);
	eq_u64(len, DJ_SGX_QUOTE_MIN + 32 + 64);
	eq_u64(dj_sgx_quote_parse(buf, len, &q), DJ_OK);
	eq_mem(&q.body, &a, sizeof(a));
	eq_mem(&q.qe, &b, sizeof(b));
	eq_u64(q.qe_svn, 7);
	eq_u64(q.pce_svn, 8);
	ok(q.signed_bytes == buf && q.signature == buf + 436);
	ok(q.key == buf + 500 && q.qe_bytes == buf + 564);
	ok(q.qe_signature == buf + 948 && q.auth == buf + 1014);
	ok(q.cert == buf + 1020 + 32);
	eq_u64(q.cert_len, 64);
	dj_sgx_body_write(&a, raw);
	eq_mem(raw, buf + 48, sizeof(raw));
	eq_mem(buf + 564 + 320, b.reportdata, 64);
}

static void every_truncation_and_every_byte_more_is_refused(void)
{
	struct dj_sgx_quote q;

	make(32, 64);
	for (size_t n = 0; n < len; n++)
		ok(dj_sgx_quote_parse(buf, n, &q) == DJ_E_INPUT);
	eq_u64(dj_sgx_quote_parse(buf, len + 1, &q), DJ_E_INPUT);
	eq_u64(dj_sgx_quote_len(buf, len), len);
	eq_u64(dj_sgx_quote_len(buf, len + 67), len);
	eq_u64(dj_sgx_quote_len(buf, len - 1), 0);
	eq_u64(dj_sgx_quote_len(buf, 435), 0);
	/* The smallest there is, and the most authentication data. */
	make(0, 0);
	eq_u64(len, DJ_SGX_QUOTE_MIN);
	eq_u64(dj_sgx_quote_parse(buf, len, &q), DJ_OK);
	make(DJ_SGX_QUOTE_AUTH, 1);
	eq_u64(dj_sgx_quote_parse(buf, len, &q), DJ_OK);
}

static void every_rule_has_a_quote_that_breaks_it(void)
{
	static const struct {
		const char *what;
		size_t off;
		uint8_t change;
		dj_status want;
	} cases[] = {
		{ "version 2", 0, 1, DJ_E_UNSUPPORTED },
		{ "version 259", 1, 1, DJ_E_UNSUPPORTED },
		{ "key type 3", 2, 1, DJ_E_UNSUPPORTED },
		{ "a TDX quote", 4, 0x81, DJ_E_UNSUPPORTED },
		{ "the last byte of the TEE type", 7, 1, DJ_E_UNSUPPORTED },
		{ "another vendor", 12, 1, DJ_E_UNSUPPORTED },
		{ "another vendor's last byte", 27, 1, DJ_E_UNSUPPORTED },
		{ "reserved after MISCSELECT", 48 + 20, 1, DJ_E_INPUT },
		{ "reserved after MRENCLAVE", 48 + 96, 1, DJ_E_INPUT },
		{ "reserved after MRSIGNER", 48 + 191, 1, DJ_E_INPUT },
		{ "reserved after CONFIGSVN", 48 + 262, 1, DJ_E_INPUT },
		{ "reserved before ISVFAMILYID", 48 + 303, 1, DJ_E_INPUT },
		{ "a length too large", 432, 1, DJ_E_INPUT },
		{ "a length of 4 GiB", 435, 0xff, DJ_E_INPUT },
		{ "reserved in the QE's body", 564 + 31, 1, DJ_E_INPUT },
		{ "longer authentication data", 1012, 1, DJ_E_UNSUPPORTED },
		{ "64 KiB of it", 1013, 0xff, DJ_E_INPUT },
		{ "kind 0", 1046, DJ_SGX_CERT_CHAIN, DJ_E_UNSUPPORTED },
		{ "kind 6", 1046, DJ_SGX_CERT_CHAIN ^ 6, DJ_E_UNSUPPORTED },
		{ "kind 261", 1047, 1, DJ_E_UNSUPPORTED },
		{ "less certification data", 1048, 1, DJ_E_INPUT },
		{ "4 GiB of it", 1051, 0xff, DJ_E_INPUT },
	};
	struct dj_sgx_quote q;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(32, 64);
		buf[cases[i].off] ^= cases[i].change;
		if (!ok(dj_sgx_quote_parse(buf, len, &q) == cases[i].want))
			printf("# %s\n", cases[i].what);
	}
}

static void a_buffer_that_is_too_small_is_said(void)
{
	static const uint8_t none[64];
	struct dj_sgx_quote q = { .signature = none,
		.key = none,
		.qe_signature = none };
	size_t n = 99;

	eq_u64(dj_sgx_quote_write(&q, buf, DJ_SGX_QUOTE_MIN - 1, &n),
		DJ_E_LIMIT);
	q.cert_len = UINT32_MAX;
	eq_u64(dj_sgx_quote_write(&q, buf, sizeof(buf), &n), DJ_E_LIMIT);
	q.cert_len = 0;
	q.auth_len = DJ_SGX_QUOTE_AUTH + 1;
	eq_u64(dj_sgx_quote_write(&q, buf, sizeof(buf), &n), DJ_E_LIMIT);
	eq_u64(n, 99);
}

static void follow(void *ctx, size_t off, size_t n, const char *name,
	const char *value)
{
	size_t *at = ctx;

	ok(off == *at && name[0] != '\0' && (n == 0 || value[0] != '\0'));
	*at += n;
}

static void fields_have_no_gap(void)
{
	size_t at = 0;

	make(32, 64);
	dj_sgx_quote_fields(buf, len, follow, &at);
	eq_u64(at, len - 64);
	at = 0;
	dj_sgx_quote_fields(buf, len - 1, follow, &at);
	eq_u64(at, 0);
}

int main(void)
{
	RUN(what_is_written_is_read);
	RUN(every_truncation_and_every_byte_more_is_refused);
	RUN(every_rule_has_a_quote_that_breaks_it);
	RUN(a_buffer_that_is_too_small_is_said);
	RUN(fields_have_no_gap);
	return done();
}
