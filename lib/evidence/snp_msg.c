// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/snp_msg.h"

#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/crypto/aead.h"

/*
 * A (key, number) pair never seals two plaintexts: whoever sends takes care
 * (keep/shim/snp/, emu/). An answer is judged from a copy of its own.
 */
#define SEQNO_OFF 0x20
#define AAD_OFF   0x30
#define AAD_SIZE  0x30
#define ALGO_GCM  1
#define VERSION   1

static void nonce_of(uint64_t seqno, uint8_t ret[static 12])
{
	struct dj_wr w = dj_wr_of(ret, 12);

	dj_wr_le(&w, seqno, 8);
	dj_wr_zero(&w, 4);
}

dj_status dj_snp_msg_seal(const struct dj_snp_msg *m, const struct dj_key *key,
	uint8_t page[static DJ_SNP_MSG_SIZE])
{
	struct dj_wr w = dj_wr_of(page, DJ_SNP_MSG_SIZE);
	struct dj_aead a;
	uint8_t nonce[12];

	if (m->size > DJ_SNP_MSG_PAYLOAD)
		return DJ_E_LIMIT;
	dj_wr_zero(&w, 0x20);
	dj_wr_le(&w, m->seqno, 8);
	dj_wr_zero(&w, 8);
	dj_wr_u8(&w, ALGO_GCM);
	dj_wr_u8(&w, VERSION);
	dj_wr_le(&w, DJ_SNP_MSG_HEADER, 2);
	dj_wr_u8(&w, m->type);
	dj_wr_u8(&w, m->version);
	dj_wr_le(&w, m->size, 2);
	dj_wr_zero(&w, 4);
	dj_wr_u8(&w, m->vmpck);
	dj_wr_zero(&w, 35);
	dj_wr_bytes(&w, m->payload, m->size);
	dj_wr_zero(&w, DJ_SNP_MSG_SIZE - DJ_SNP_MSG_HEADER - m->size);

	nonce_of(m->seqno, nonce);
	dj_aead_init(&a, DJ_AEAD_AES256_GCM, key);
	dj_aead_seal(&a, nonce, page + AAD_OFF, AAD_SIZE,
		page + DJ_SNP_MSG_HEADER, m->size, page);
	dj_aead_done(&a);
	return w.err;
}

void dj_snp_msg_claim(const uint8_t page[static DJ_SNP_MSG_SIZE],
	struct dj_snp_msg_claim *ret)
{
	struct dj_rd r = dj_rd_of(page + SEQNO_OFF, 8);

	ret->seqno = dj_rd_le(&r, 8);
	ret->vmpck = page[0x3c];
}

static bool all_zero(struct dj_rd *r, size_t len)
{
	const uint8_t *p = dj_rd_bytes(r, len);
	uint8_t any = p == NULL;

	for (size_t i = 0; i < len && p != NULL; i++)
		any |= p[i];
	return any == 0;
}

static dj_status parse_header(const uint8_t *page, struct dj_snp_msg *m,
	const uint8_t **ret_tag)
{
	struct dj_rd r = dj_rd_of(page, DJ_SNP_MSG_HEADER);

	*ret_tag = dj_rd_bytes(&r, 16);
	if (!all_zero(&r, 16))
		dj_rd_fail(&r, DJ_E_INPUT);
	m->seqno = dj_rd_le(&r, 8);
	if (!all_zero(&r, 8) || dj_rd_u8(&r) != ALGO_GCM ||
		dj_rd_u8(&r) != VERSION || dj_rd_le(&r, 2) != DJ_SNP_MSG_HEADER)
		dj_rd_fail(&r, DJ_E_INPUT);
	m->type = dj_rd_u8(&r);
	m->version = dj_rd_u8(&r);
	m->size = (size_t)dj_rd_le(&r, 2);
	if (m->size > DJ_SNP_MSG_PAYLOAD)
		dj_rd_fail(&r, DJ_E_LIMIT);
	if (!all_zero(&r, 4))
		dj_rd_fail(&r, DJ_E_INPUT);
	m->vmpck = dj_rd_u8(&r);
	if (m->vmpck >= DJ_SNP_SECRETS_VMPCKS || !all_zero(&r, 35))
		dj_rd_fail(&r, DJ_E_INPUT);
	return dj_rd_end(&r);
}

dj_status dj_snp_msg_open(const uint8_t page[static DJ_SNP_MSG_SIZE],
	const struct dj_key *key, struct dj_snp_msg *ret)
{
	struct dj_aead a;
	uint8_t nonce[12];
	const uint8_t *tag;
	dj_status st;

	memset(ret, 0, sizeof(*ret));
	st = parse_header(page, ret, &tag);
	if (st == DJ_OK) {
		memcpy(ret->payload, page + DJ_SNP_MSG_HEADER, ret->size);
		nonce_of(ret->seqno, nonce);
		dj_aead_init(&a, DJ_AEAD_AES256_GCM, key);
		st = dj_aead_open(&a, nonce, page + AAD_OFF, AAD_SIZE,
			ret->payload, ret->size, tag);
		dj_aead_done(&a);
	}
	if (st != DJ_OK)
		dj_wipe(ret, sizeof(*ret));
	return st;
}

dj_status dj_snp_msg_answer(const uint8_t page[static DJ_SNP_MSG_SIZE],
	const struct dj_key *key, const struct dj_snp_msg *request,
	struct dj_snp_msg *ret)
{
	dj_status st = dj_snp_msg_open(page, key, ret);

	if (st == DJ_OK &&
		(ret->seqno != request->seqno + 1 ||
			ret->type != request->type + 1 ||
			ret->version != request->version ||
			ret->vmpck != request->vmpck)) {
		dj_wipe(ret, sizeof(*ret));
		st = DJ_E_STATE;
	}
	return st;
}

void dj_snp_report_req_write(const struct dj_snp_report_req *r,
	uint8_t dst[static DJ_SNP_REPORT_REQ_SIZE])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SNP_REPORT_REQ_SIZE);

	dj_wr_bytes(&w, r->data, sizeof(r->data));
	dj_wr_le(&w, r->vmpl, 4);
	dj_wr_le(&w, r->key_sel, 4);
	dj_wr_zero(&w, 24);
}

dj_status dj_snp_report_req_parse(const uint8_t *p, size_t len,
	struct dj_snp_report_req *ret)
{
	struct dj_rd r = dj_rd_of(p, len);
	struct dj_snp_report_req req;

	dj_rd_copy(&r, req.data, sizeof(req.data));
	req.vmpl = (uint32_t)dj_rd_le(&r, 4);
	req.key_sel = (uint32_t)dj_rd_le(&r, 4);
	if (req.key_sel > 2 || !all_zero(&r, 24))
		dj_rd_fail(&r, DJ_E_INPUT);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = req;
	return DJ_OK;
}

dj_status dj_snp_report_rsp_parse(const uint8_t *p, size_t len,
	const uint8_t **ret, size_t *ret_len)
{
	struct dj_rd r = dj_rd_of(p, len);
	uint64_t status = dj_rd_le(&r, 4), size = dj_rd_le(&r, 4);
	const uint8_t *report;

	if (r.err == DJ_OK && status != DJ_SNP_RSP_GOOD)
		return DJ_E_HOST;
	(void)dj_rd_bytes(&r, DJ_SNP_RSP_HEAD - 8);
	report = dj_rd_bytes(&r, (size_t)size);
	if (size == 0 || dj_rd_end(&r) != DJ_OK)
		return DJ_E_INPUT;
	*ret = report;
	*ret_len = (size_t)size;
	return DJ_OK;
}

void dj_snp_key_req_write(const struct dj_snp_key_req *r,
	uint8_t dst[static DJ_SNP_KEY_REQ_SIZE])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SNP_KEY_REQ_SIZE);

	dj_wr_le(&w, r->root, 4);
	dj_wr_zero(&w, 4);
	dj_wr_le(&w, r->fields, 8);
	dj_wr_le(&w, r->vmpl, 4);
	dj_wr_le(&w, r->guest_svn, 4);
	dj_wr_le(&w, r->tcb, 8);
}

dj_status dj_snp_key_req_parse(const uint8_t *p, size_t len,
	struct dj_snp_key_req *ret)
{
	struct dj_rd r = dj_rd_of(p, len);
	struct dj_snp_key_req req;

	req.root = (uint32_t)dj_rd_le(&r, 4);
	if (req.root > 1 || !all_zero(&r, 4))
		dj_rd_fail(&r, DJ_E_INPUT);
	req.fields = dj_rd_le(&r, 8);
	if (req.fields > 63)
		dj_rd_fail(&r, DJ_E_INPUT);
	req.vmpl = (uint32_t)dj_rd_le(&r, 4);
	req.guest_svn = (uint32_t)dj_rd_le(&r, 4);
	req.tcb = dj_rd_le(&r, 8);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = req;
	return DJ_OK;
}

dj_status dj_snp_key_rsp_parse(const uint8_t *p, size_t len, struct dj_key *ret)
{
	struct dj_rd r = dj_rd_of(p, len);
	uint64_t status = dj_rd_le(&r, 4);
	DJ_SECRET struct dj_key key;

	(void)dj_rd_bytes(&r, 28);
	dj_rd_copy(&r, key.b, sizeof(key.b));
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	if (status != DJ_SNP_RSP_GOOD)
		return DJ_E_HOST;
	*ret = key;
	return DJ_OK;
}

struct dj_snp_cpuid dj_snp_cpuid_find(const uint8_t page[static 4096],
	uint32_t leaf, uint32_t sub)
{
	struct dj_rd r = dj_rd_of(page, 4096);
	uint64_t n = dj_rd_le(&r, 4);
	struct dj_snp_cpuid c = { 0 };

	(void)dj_rd_bytes(&r, 12);
	for (uint64_t i = 0; i < n && i < DJ_SNP_CPUID_MAX; i++) {
		bool is_it = dj_rd_le(&r, 4) == leaf;

		is_it = dj_rd_le(&r, 4) == sub && is_it;
		(void)dj_rd_bytes(&r, 16);
		c.eax = (uint32_t)dj_rd_le(&r, 4);
		c.ebx = (uint32_t)dj_rd_le(&r, 4);
		c.ecx = (uint32_t)dj_rd_le(&r, 4);
		c.edx = (uint32_t)dj_rd_le(&r, 4);
		(void)dj_rd_bytes(&r, 8);
		if (is_it)
			return c;
	}
	return (struct dj_snp_cpuid){ 0 };
}
