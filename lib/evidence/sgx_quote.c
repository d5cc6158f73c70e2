// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/sgx_quote.h"

#include "lib/base/rd.h"
#include "lib/base/wr.h"

#define VERSION  3
#define KEY_P256 2
#define TEE_SGX  0
#define BODY_QE  (DJ_SGX_QUOTE_SIGNED + 4 + 64 + 64)
#define FIXED    (64 + 64 + DJ_SGX_REPORT_BODY + 64 + 2 + 2 + 4)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c,
	0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

static void read_body(struct dj_rd *r, struct dj_sgx_body *b)
{
	dj_rd_copy(r, b->cpusvn, sizeof(b->cpusvn));
	b->miscselect = dj_rd_u32le(r);
	dj_rd_zero(r, 12);
	dj_rd_copy(r, b->isvextprodid, sizeof(b->isvextprodid));
	b->flags = dj_rd_u64le(r);
	b->xfrm = dj_rd_u64le(r);
	dj_rd_copy(r, b->mrenclave, sizeof(b->mrenclave));
	dj_rd_zero(r, 32);
	dj_rd_copy(r, b->mrsigner, sizeof(b->mrsigner));
	dj_rd_zero(r, 32);
	dj_rd_copy(r, b->configid, sizeof(b->configid));
	b->isvprodid = dj_rd_u16le(r);
	b->isvsvn = dj_rd_u16le(r);
	b->configsvn = dj_rd_u16le(r);
	dj_rd_zero(r, 42);
	dj_rd_copy(r, b->isvfamilyid, sizeof(b->isvfamilyid));
	dj_rd_copy(r, b->reportdata, sizeof(b->reportdata));
}

dj_status dj_sgx_body_parse(const uint8_t buf[static DJ_SGX_REPORT_BODY],
	struct dj_sgx_body *ret)
{
	struct dj_rd r = dj_rd_of(buf, DJ_SGX_REPORT_BODY);
	struct dj_sgx_body b = { 0 };

	read_body(&r, &b);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = b;
	return DJ_OK;
}

static void write_body(struct dj_wr *w, const struct dj_sgx_body *b)
{
	dj_wr_bytes(w, b->cpusvn, sizeof(b->cpusvn));
	dj_wr_le(w, b->miscselect, 4);
	dj_wr_zero(w, 12);
	dj_wr_bytes(w, b->isvextprodid, sizeof(b->isvextprodid));
	dj_wr_le(w, b->flags, 8);
	dj_wr_le(w, b->xfrm, 8);
	dj_wr_bytes(w, b->mrenclave, sizeof(b->mrenclave));
	dj_wr_zero(w, 32);
	dj_wr_bytes(w, b->mrsigner, sizeof(b->mrsigner));
	dj_wr_zero(w, 32);
	dj_wr_bytes(w, b->configid, sizeof(b->configid));
	dj_wr_le(w, b->isvprodid, 2);
	dj_wr_le(w, b->isvsvn, 2);
	dj_wr_le(w, b->configsvn, 2);
	dj_wr_zero(w, 42);
	dj_wr_bytes(w, b->isvfamilyid, sizeof(b->isvfamilyid));
	dj_wr_bytes(w, b->reportdata, sizeof(b->reportdata));
}

void dj_sgx_body_write(const struct dj_sgx_body *b,
	uint8_t dst[static DJ_SGX_REPORT_BODY])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SGX_REPORT_BODY);

	write_body(&w, b); /* exactly as long as dst */
}

static void read_header(struct dj_rd *r, struct dj_sgx_quote *q)
{
	const uint8_t *who;

	if (dj_rd_u16le(r) != VERSION)
		dj_rd_fail(r, DJ_E_UNSUPPORTED);
	if (dj_rd_u16le(r) != KEY_P256)
		dj_rd_fail(r, DJ_E_UNSUPPORTED);
	if (dj_rd_u32le(r) != TEE_SGX)
		dj_rd_fail(r, DJ_E_UNSUPPORTED);
	q->qe_svn = dj_rd_u16le(r);
	q->pce_svn = dj_rd_u16le(r);
	who = dj_rd_bytes(r, sizeof(vendor));
	if (who != NULL && memcmp(who, vendor, sizeof(vendor)) != 0)
		dj_rd_fail(r, DJ_E_UNSUPPORTED);
	dj_rd_copy(r, q->user_data, sizeof(q->user_data));
}

static void read_signatures(struct dj_rd *r, struct dj_sgx_quote *q)
{
	uint32_t rest = dj_rd_u32le(r);

	/* L speaks of all that follows: nothing more, nothing less. */
	if (r->left != rest)
		dj_rd_fail(r, DJ_E_INPUT);
	q->signature = dj_rd_bytes(r, 64);
	q->key = dj_rd_bytes(r, 64);
	q->qe_bytes = r->p;
	read_body(r, &q->qe);
	q->qe_signature = dj_rd_bytes(r, 64);
	q->auth_len = dj_rd_u16le(r);
	if (q->auth_len > DJ_SGX_QUOTE_AUTH)
		dj_rd_fail(r, DJ_E_INPUT);
	q->auth = dj_rd_bytes(r, q->auth_len);
	q->cert_kind = dj_rd_u16le(r);
	if (r->err == DJ_OK &&
		(q->cert_kind < DJ_SGX_CERT_PPID ||
			q->cert_kind > DJ_SGX_CERT_CHAIN))
		dj_rd_fail(r, DJ_E_UNSUPPORTED);
	q->cert_len = dj_rd_u32le(r);
	q->cert = dj_rd_bytes(r, q->cert_len);
}

dj_status dj_sgx_quote_parse(const uint8_t *buf, size_t len,
	struct dj_sgx_quote *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_sgx_quote q = { .signed_bytes = buf };

	read_header(&r, &q);
	read_body(&r, &q.body);
	read_signatures(&r, &q);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = q;
	return DJ_OK;
}

size_t dj_sgx_quote_len(const uint8_t *buf, size_t len)
{
	struct dj_rd r = dj_rd_of(buf, len);
	uint32_t rest;

	(void)dj_rd_bytes(&r, DJ_SGX_QUOTE_SIGNED);
	rest = dj_rd_u32le(&r);
	if (r.err != DJ_OK || rest > r.left)
		return 0;
	return DJ_SGX_QUOTE_SIGNED + 4 + (size_t)rest;
}

dj_status dj_sgx_quote_write(const struct dj_sgx_quote *q, uint8_t *dst,
	size_t cap, size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);

	if (q->cert_len > UINT32_MAX - FIXED - DJ_SGX_QUOTE_AUTH ||
		q->auth_len > DJ_SGX_QUOTE_AUTH)
		return DJ_E_LIMIT;
	dj_wr_le(&w, VERSION, 2);
	dj_wr_le(&w, KEY_P256, 2);
	dj_wr_le(&w, TEE_SGX, 4);
	dj_wr_le(&w, q->qe_svn, 2);
	dj_wr_le(&w, q->pce_svn, 2);
	dj_wr_bytes(&w, vendor, sizeof(vendor));
	dj_wr_bytes(&w, q->user_data, sizeof(q->user_data));
	write_body(&w, &q->body);
	dj_wr_le(&w, FIXED + q->auth_len + q->cert_len, 4);
	dj_wr_bytes(&w, q->signature, 64);
	dj_wr_bytes(&w, q->key, 64);
	write_body(&w, &q->qe);
	dj_wr_bytes(&w, q->qe_signature, 64);
	dj_wr_le(&w, q->auth_len, 2);
	dj_wr_bytes(&w, q->auth, q->auth_len);
	dj_wr_le(&w, q->cert_kind, 2);
	dj_wr_le(&w, q->cert_len, 4);
	dj_wr_bytes(&w, q->cert, q->cert_len);
	return dj_wr_end(&w, ret_len);
}

/* One report body at `at`, its fields' names after `p`. */
#define BODY(at, p)                                                      \
	{ (at) + 0, 16, DJ_FIELD_BYTES, p "cpusvn" },                    \
		{ (at) + 16, 4, DJ_FIELD_NUMBER, p "miscselect" },       \
		{ (at) + 20, 12, DJ_FIELD_RESERVED, p "reserved" },      \
		{ (at) + 32, 16, DJ_FIELD_BYTES, p "isvextprodid" },     \
		{ (at) + 48, 8, DJ_FIELD_NUMBER, p "attributes.flags" }, \
		{ (at) + 56, 8, DJ_FIELD_NUMBER, p "attributes.xfrm" },  \
		{ (at) + 64, 32, DJ_FIELD_BYTES, p "mrenclave" },        \
		{ (at) + 96, 32, DJ_FIELD_RESERVED, p "reserved" },      \
		{ (at) + 128, 32, DJ_FIELD_BYTES, p "mrsigner" },        \
		{ (at) + 160, 32, DJ_FIELD_RESERVED, p "reserved" },     \
		{ (at) + 192, 64, DJ_FIELD_BYTES, p "configid" },        \
		{ (at) + 256, 2, DJ_FIELD_NUMBER, p "isvprodid" },       \
		{ (at) + 258, 2, DJ_FIELD_NUMBER, p "isvsvn" },          \
		{ (at) + 260, 2, DJ_FIELD_NUMBER, p "configsvn" },       \
		{ (at) + 262, 42, DJ_FIELD_RESERVED, p "reserved" },     \
		{ (at) + 304, 16, DJ_FIELD_BYTES, p "isvfamilyid" },     \
	{                                                                \
		(at) + 320, 64, DJ_FIELD_BYTES, p "reportdata"           \
	}

static const struct dj_field fields[] = {
	{ 0, 2, DJ_FIELD_NUMBER, "version" },
	{ 2, 2, DJ_FIELD_NUMBER, "key_type" },
	{ 4, 4, DJ_FIELD_NUMBER, "tee_type" },
	{ 8, 2, DJ_FIELD_NUMBER, "qe_svn" },
	{ 10, 2, DJ_FIELD_NUMBER, "pce_svn" },
	{ 12, 16, DJ_FIELD_BYTES, "vendor" },
	{ 28, 20, DJ_FIELD_BYTES, "user_data" },
	BODY(48, ""),
	{ 432, 4, DJ_FIELD_NUMBER, "length" },
	{ 436, 32, DJ_FIELD_BYTES, "signature.r" },
	{ 468, 32, DJ_FIELD_BYTES, "signature.s" },
	{ 500, 32, DJ_FIELD_BYTES, "key.x" },
	{ 532, 32, DJ_FIELD_BYTES, "key.y" },
	BODY(BODY_QE, "qe."),
	{ 948, 32, DJ_FIELD_BYTES, "qe.signature.r" },
	{ 980, 32, DJ_FIELD_BYTES, "qe.signature.s" },
	{ 1012, 2, DJ_FIELD_NUMBER, "qe.auth_len" },
};

void dj_sgx_quote_fields(const uint8_t *buf, size_t len, dj_field_say *say,
	void *ctx)
{
	struct dj_sgx_quote q;
	struct dj_field tail[] = {
		{ 1014, 0, DJ_FIELD_BYTES, "qe.auth" },
		{ 0, 2, DJ_FIELD_NUMBER, "cert_kind" },
		{ 0, 4, DJ_FIELD_NUMBER, "cert_len" },
	};

	if (dj_sgx_quote_parse(buf, len, &q) != DJ_OK)
		return;
	tail[0].len = q.auth_len;
	for (size_t i = 1; i < COUNT(tail); i++)
		tail[i].off = (uint16_t)(tail[i - 1].off + tail[i - 1].len);
	dj_fields_show(fields, COUNT(fields), buf, say, ctx);
	dj_fields_show(tail, COUNT(tail), buf, say, ctx);
}
