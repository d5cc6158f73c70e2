// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"

#define BUNDLE_MAGIC 0x4b534231 /* "KSB1" */

dj_status dj_evidence_parse(const uint8_t *buf, size_t len,
	struct dj_evidence *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_evidence e = { 0 };
	uint16_t last = 0;

	if (len > DJ_EVIDENCE_MAX)
		return DJ_E_LIMIT;
	e.format = dj_rd_u16be(&r);
	e.purpose = dj_rd_u16be(&r);
	if (e.purpose < DJ_PURPOSE_OFFER || e.purpose > DJ_PURPOSE_RECEIPT)
		dj_rd_fail(&r, DJ_E_INPUT);
	while (r.left > 0) {
		struct dj_evidence_item item;
		uint16_t tag = dj_rd_u16be(&r);

		dj_rd_zero(&r, 2);
		item.len = dj_rd_u32be(&r);
		item.p = dj_rd_bytes(&r, item.len);
		if (tag <= last || tag >= DJ_EVIDENCE_TAGS) {
			dj_rd_fail(&r, DJ_E_INPUT);
			break;
		}
		e.item[tag] = item;
		last = tag;
	}

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = e;
	return DJ_OK;
}

dj_status dj_evidence_write(const struct dj_evidence *e, uint8_t *dst,
	size_t cap, size_t *ret_len)
{
	struct dj_wr w =
		dj_wr_of(dst, cap < DJ_EVIDENCE_MAX ? cap : DJ_EVIDENCE_MAX);

	if (e->purpose < DJ_PURPOSE_OFFER || e->purpose > DJ_PURPOSE_RECEIPT)
		return DJ_E_INPUT;
	dj_wr_u16be(&w, e->format);
	dj_wr_u16be(&w, e->purpose);
	for (unsigned tag = 1; tag < DJ_EVIDENCE_TAGS; tag++) {
		if (e->item[tag].p == NULL)
			continue;
		dj_wr_u16be(&w, (uint16_t)tag);
		dj_wr_zero(&w, 2);
		dj_evidence_crl_write(&w, e->item[tag].p, e->item[tag].len);
	}
	return dj_wr_end(&w, ret_len);
}

bool dj_evidence_crl(struct dj_rd *r, struct dj_evidence_item *ret)
{
	struct dj_evidence_item crl;

	if (r->err != DJ_OK || r->left == 0)
		return false;
	crl.len = dj_rd_u32be(r);
	crl.p = dj_rd_bytes(r, crl.len);
	if (crl.p == NULL)
		return false;
	*ret = crl;
	return true;
}

void dj_evidence_crl_write(struct dj_wr *w, const void *der, size_t len)
{
	if (len > DJ_EVIDENCE_MAX) {
		dj_wr_fail(w, DJ_E_LIMIT);
		return;
	}
	dj_wr_u32be(w, (uint32_t)len);
	dj_wr_bytes(w, der, len);
}

static struct dj_evidence_item part(struct dj_rd *r, size_t len, size_t max)
{
	struct dj_evidence_item item = { .len = len };

	if (len > max)
		dj_rd_fail(r, DJ_E_LIMIT);
	item.p = dj_rd_bytes(r, len);
	return item;
}

dj_status dj_bundle_parse(const uint8_t *buf, size_t len, struct dj_bundle *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_bundle b;

	if (dj_rd_u32be(&r) != BUNDLE_MAGIC)
		dj_rd_fail(&r, DJ_E_INPUT);
	b.hello = part(&r, dj_rd_u32be(&r), DJ_HELLO_MAX);
	b.offer = part(&r, dj_rd_u32be(&r), DJ_OFFER_MAX);
	b.evidence = part(&r, r.left, DJ_EVIDENCE_MAX);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = b;
	return DJ_OK;
}

dj_status dj_bundle_write(const struct dj_bundle *b, uint8_t *dst, size_t cap,
	size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);

	if (b->hello.len > DJ_HELLO_MAX || b->offer.len > DJ_OFFER_MAX ||
		b->evidence.len > DJ_EVIDENCE_MAX)
		return DJ_E_LIMIT;
	dj_wr_u32be(&w, BUNDLE_MAGIC);
	dj_wr_u32be(&w, (uint32_t)b->hello.len);
	dj_wr_bytes(&w, b->hello.p, b->hello.len);
	dj_wr_u32be(&w, (uint32_t)b->offer.len);
	dj_wr_bytes(&w, b->offer.p, b->offer.len);
	dj_wr_bytes(&w, b->evidence.p, b->evidence.len);
	return dj_wr_end(&w, ret_len);
}
