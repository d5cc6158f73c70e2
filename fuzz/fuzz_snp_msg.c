// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "emu/snp.h"
#include "lib/evidence/snp_id.h"
#include "lib/evidence/snp_msg.h"

/*
 * What an SNP guest and its secure processor read of each other: guest
 * messages, their payloads, the CPUID page, ID blocks, and the file of an
 * emulated chip. The first byte says which. Sealed bytes are tried as they
 * are, where they must not open, and as the payload of a message that does.
 */
static void must(bool good)
{
	if (!good)
		abort();
}

static void payload(const uint8_t *p, size_t len)
{
	struct dj_snp_report_req r;
	struct dj_snp_key_req k;
	struct dj_key key;
	uint8_t back[DJ_SNP_REPORT_REQ_SIZE];
	const uint8_t *report;
	size_t n;

	if (dj_snp_report_req_parse(p, len, &r) == DJ_OK) {
		dj_snp_report_req_write(&r, back);
		must(len == sizeof(back) && memcmp(p, back, len) == 0);
	}
	if (dj_snp_key_req_parse(p, len, &k) == DJ_OK) {
		dj_snp_key_req_write(&k, back);
		must(len == DJ_SNP_KEY_REQ_SIZE && memcmp(p, back, len) == 0);
	}
	if (dj_snp_report_rsp_parse(p, len, &report, &n) == DJ_OK)
		must(report >= p && n <= len && report + n == p + len);
	(void)dj_snp_key_rsp_parse(p, len, &key);
}

static void message(const uint8_t *p, size_t len)
{
	static const struct dj_key key = { { 1, 2, 3 } };
	struct dj_snp_msg m = { .seqno = 9, .type = 5, .version = 1 }, got;
	uint8_t page[4096] = { 0 };

	memcpy(page, p, len < 4096 ? len : 4096);
	must(dj_snp_msg_open(page, &key, &got) != DJ_OK);
	m.size = len < DJ_SNP_MSG_PAYLOAD ? len : DJ_SNP_MSG_PAYLOAD;
	memcpy(m.payload, p, m.size);
	must(dj_snp_msg_seal(&m, &key, page) == DJ_OK);
	must(dj_snp_msg_open(page, &key, &got) == DJ_OK);
	must(got.size == m.size && memcmp(got.payload, p, m.size) == 0);
}

static void id(const uint8_t *p, size_t len)
{
	uint8_t buf[DJ_SNP_ID_AUTH] = { 0 }, back[DJ_SNP_ID_AUTH];
	struct dj_snp_id i;
	struct dj_snp_id_auth a;

	memcpy(buf, p, len < sizeof(buf) ? len : sizeof(buf));
	if (dj_snp_id_parse(buf, &i) == DJ_OK) {
		dj_snp_id_write(&i, back);
		must(memcmp(buf, back, DJ_SNP_ID_BLOCK) == 0);
	}
	if (dj_snp_id_auth_parse(buf, &a) == DJ_OK) {
		dj_snp_id_auth_write(&a, back);
		must(memcmp(buf, back, sizeof(buf)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct dj_emu_snp_model model;
	uint8_t page[4096] = { 0 };
	uint8_t what;

	if (len == 0)
		return 0;
	what = *p++;
	len--;
	switch (what % 5) {
	case 0:
		payload(p, len);
		break;
	case 1:
		message(p, len);
		break;
	case 2:
		id(p, len);
		break;
	case 3:
		memcpy(page, p, len < 4096 ? len : 4096);
		(void)dj_snp_cpuid_find(page, 0x8000001f, 0);
		break;
	default:
		(void)dj_emu_snp_model_parse((const char *)p, len, &model);
	}
	return 0;
}
