// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/judge.h"
#include "attest/sgx.h"
#include "client/sgx_file.h"
#include "tests/support/sgx.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * The first byte says what follows: 0 a quote, 1 TCB info, 2 a QE identity, 3
 * a PCK's extension, 4 what people have saved (quote and one part), else edits
 * of good evidence, u16 position and a byte to add each: only the very same
 * bytes may be found good (but for the case of hexadecimal digits).
 */
static struct dj_policy policy;
static uint8_t good[65536];
static size_t good_len;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct dj_toml_error err;
	const char *text = sx_policy("");
	struct sx s;

	sx_good(&s);
	good_len = sx_build(&s, good, sizeof(good));
	if (dj_policy_parse(text, strlen(text), "p", &policy, &err) != DJ_OK ||
		dj_policy_set_root(&policy, 0, sx_root(), strlen(sx_root()),
			&err) != DJ_OK)
		abort();
	(void)argc;
	(void)argv;
	return 0;
}

static bool is_good(const uint8_t *p, size_t len)
{
	struct dj_judge_input in = { .purpose = DJ_JUDGE_ALONE,
		.evidence = p,
		.evidence_len = len,
		.policy = &policy,
		.time = SX_TIME };
	struct dj_verdict v;
	bool good_one = dj_judge(&in, &v) == DJ_OK;

	if (v.hardware || (v.error == NULL) != good_one)
		abort();
	dj_verdict_done(&v);
	return good_one;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (a[i] != b[i] &&
			(!isxdigit(a[i]) || tolower(a[i]) != tolower(b[i])))
			return false;
	}
	return true;
}

/* Keys are new in each run, so the input alone does not tell it again. */
static void where(const uint8_t *changed)
{
	for (size_t i = 0; i < good_len; i++) {
		if (changed[i] != good[i])
			(void)fprintf(stderr, "byte %zu of %zu: %u to %u\n", i,
				good_len, good[i], changed[i]);
	}
	abort();
}

static void judge_edits(const uint8_t *data, size_t len)
{
	static uint8_t changed[sizeof(good)];
	bool is_same;

	memcpy(changed, good, good_len);
	for (; len >= 3; data += 3, len -= 3)
		changed[((size_t)data[0] << 8 | data[1]) % good_len] += data[2];
	/* The purpose is not judged alone. */
	changed[2] = good[2];
	changed[3] = good[3];
	is_same = same(changed, good, good_len);
	if (is_good(changed, good_len) ? !is_same
				       : memcmp(changed, good, good_len) == 0)
		where(changed);
}

static void field(void *ctx, size_t off, size_t len, const char *name,
	const char *value)
{
	size_t *at = ctx;

	if (off != *at || name[0] == '\0' || (len != 0 && value[0] == '\0'))
		abort();
	*at += len;
}

static void quote(const uint8_t *data, size_t len)
{
	static uint8_t again[65536];
	struct dj_sgx_quote q;
	size_t at = 0, n = 0;

	if (dj_sgx_quote_parse(data, len, &q) != DJ_OK)
		return;
	if (q.cert + q.cert_len != data + len ||
		dj_sgx_quote_len(data, len) != len)
		abort();
	dj_sgx_quote_fields(data, len, field, &at);
	if (at != len - q.cert_len)
		abort();
	if (len <= sizeof(again) &&
		(dj_sgx_quote_write(&q, again, sizeof(again), &n) != DJ_OK ||
			n != len || memcmp(again, data, len) != 0))
		abort();
}

static void document(const char *(*parse)(const uint8_t *p, size_t len,
			     struct dj_sgx_doc *ret),
	const uint8_t *data, size_t len)
{
	static struct dj_sgx_doc d;

	if (parse(data, len, &d) == NULL &&
		(d.body < data || d.body + d.body_len > data + len ||
			d.level_count == 0))
		abort();
	dj_sgx_doc_done(&d);
}

static void extension(const uint8_t *data, size_t len)
{
	struct dj_sgx_pck p;

	if (dj_sgx_pck_parse(data, len, &p) == NULL && p.type > 2)
		abort();
}

static void saved(const uint8_t *data, size_t len)
{
	size_t cut = len == 0 ? 0 : data[0] * len / 256;
	struct dj_evidence_part r = { "quote.bin", data, cut },
				p = { "part", data + cut, len - cut };
	struct dj_sgx_file f;
	struct dj_err err = { 0 };

	if (!dj_sgx_file_pack(&r, &p, 1, false, &f, &err))
		return;
	if (is_good(f.packed, f.packed_len))
		abort();
	free(f.packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t what;

	if (len == 0)
		return 0;
	what = *data++;
	len--;
	if (what == 0)
		quote(data, len);
	else if (what == 1)
		document(dj_sgx_tcb_info_parse, data, len);
	else if (what == 2)
		document(dj_sgx_qe_identity_parse, data, len);
	else if (what == 3)
		extension(data, len);
	else if (what == 4)
		saved(data, len);
	else
		judge_edits(data, len);
	return 0;
}
