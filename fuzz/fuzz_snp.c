// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "client/snp_file.h"
#include "lib/evidence/snp.h"
#include "tests/support/judged.h"
#include "tests/support/snp.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * The first byte says what follows: 0 a report, 1 a certificate table, 2 an
 * HCL report, 3 what people have saved (report and parts), 4 a certificate or
 * a revocation list, else edits of good evidence, u16 position and a byte to
 * add each: only the very same bytes may be found good.
 */
static struct judged j = { .time = SN_TIME };

/* Before the first input, whose time is limited: RSA keys are slow to make. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sn s;

	sn_good(&s);
	s.crl.there = true;
	j.good_len = sn_build(&s, j.good, sizeof(j.good));
	judged_policy(&j, sn_policy(""), sn_root(&s));
	(void)argc;
	(void)argv;
	return 0;
}

static void judge_edits(const uint8_t *data, size_t len)
{
	judged_edit(&j, data, len);
	if (judged_good(&j, j.changed, j.good_len) !=
		(memcmp(j.changed, j.good, j.good_len) == 0))
		abort();
}

static void field(void *ctx, size_t off, size_t len, const char *name,
	const char *value)
{
	size_t *at = ctx;

	if (off != *at || name[0] == '\0' || value[0] == '\0')
		abort();
	*at += len;
}

static void report(const uint8_t *data, size_t len)
{
	struct dj_snp_report r;
	uint8_t tcb[DJ_SNP_TCB_PARTS];
	enum dj_snp_product p;
	size_t at = 0;

	if (dj_snp_report_parse(data, len, &r) != DJ_OK)
		return;
	if (len != DJ_SNP_REPORT_SIZE || r.version < 2 || r.version > 5 ||
		(r.version == 2 && r.family != 0) ||
		(r.version < 5 && (r.launch_mit | r.current_mit) != 0))
		abort();
	if (dj_snp_product_of(&r, &p))
		(void)dj_snp_tcb_read(p, r.reported, tcb);
	dj_snp_report_fields(data, field, &at);
	if (at != DJ_SNP_REPORT_SIZE)
		abort();
}

static void table(const uint8_t *data, size_t len)
{
	struct dj_snp_cert certs[DJ_SNP_CERTS_MAX];
	size_t n = 0;

	if (dj_snp_certs_parse(data, len, certs, &n) != DJ_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		if (certs[i].p < data || certs[i].len > len ||
			certs[i].p + certs[i].len > data + len)
			abort();
	}
}

static void hcl(const uint8_t *data, size_t len)
{
	struct dj_snp_hcl h;

	if (dj_snp_hcl_parse(data, len, &h) != DJ_OK)
		return;
	if (h.report != data + 32 || h.json + h.json_len > data + len)
		abort();
}

static void saved(const uint8_t *data, size_t len)
{
	size_t cut = len == 0 ? 0 : data[0] * len / 256;
	struct dj_evidence_part r = { "report", data, cut },
				p = { "part", data + cut, len - cut };
	struct dj_snp_file f;
	struct dj_err err = { 0 };

	if (!dj_snp_file_pack(&r, &p, 1, false, &f, &err))
		return;
	if (judged_good(&j, f.packed, f.packed_len))
		abort();
	free(f.packed);
}

static void der(const uint8_t *data, size_t len)
{
	X509 *cert = dj_der_cert(data, len);
	X509_CRL *crl = dj_der_crl(data, len);
	char cn[64];

	if (cert != NULL) {
		(void)dj_cert_fits(cert, DJ_CERT_RSA_PSS);
		(void)dj_cert_fits(cert, DJ_CERT_P384_PSS);
		(void)dj_cert_is_root(cert);
		(void)dj_cert_common_name(X509_get_subject_name(cert), cn,
			sizeof(cn));
	}
	if (crl != NULL) {
		int64_t from, to;

		(void)dj_crl_dates(crl, &from, &to);
	}
	X509_free(cert);
	X509_CRL_free(crl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const read[])(const uint8_t *, size_t) = { report, table,
		hcl, saved, der };

	if (len == 0)
		return 0;
	if (data[0] < sizeof(read) / sizeof(read[0]))
		read[data[0]](data + 1, len - 1);
	else
		judge_edits(data + 1, len - 1);
	return 0;
}
