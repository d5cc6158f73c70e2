// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/sgx.h"
#include "client/sgx_file.h"
#include "tests/support/judged.h"
#include "tests/support/sgx.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * The first byte says what follows: 0 a quote, 1 TCB info, 2 a QE identity, 3
 * a PCK's extension, 4 what people have saved (quote and one part), else edits
 * of good evidence, u16 position and a byte to add each: only the very same
 * bytes may be found good (but for the case of hexadecimal digits).
 */
static struct judged j = { .time = SX_TIME };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sx s;

	sx_good(&s);
	j.good_len = sx_build(&s, j.good, sizeof(j.good));
	judged_policy(&j, sx_policy(""), sx_root());
	(void)argc;
	(void)argv;
	return 0;
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
static void where(void)
{
	for (size_t i = 0; i < j.good_len; i++) {
		if (j.changed[i] != j.good[i])
			(void)fprintf(stderr, "byte %zu of %zu: %u to %u\n", i,
				j.good_len, j.good[i], j.changed[i]);
	}
	abort();
}

static void judge_edits(const uint8_t *data, size_t len)
{
	bool is_same;

	judged_edit(&j, data, len);
	is_same = same(j.changed, j.good, j.good_len);
	if (judged_good(&j, j.changed, j.good_len)
			? !is_same
			: memcmp(j.changed, j.good, j.good_len) == 0)
		where();
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
	if (judged_good(&j, f.packed, f.packed_len))
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
