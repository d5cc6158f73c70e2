// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/sgx.h"

#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/crypto/cpu.h"

#define BLOCK 64

static const uint8_t ecreate[8] = "ECREATE";
static const uint8_t eadd[8] = "EADD";
static const uint8_t eextend[8] = "EEXTEND";

static void block(struct dj_sgx_hash *h, struct dj_wr *w,
	uint8_t bytes[static BLOCK])
{
	dj_wr_zero(w, w->cap - w->len);
	dj_sha256_update(&h->sha, bytes, BLOCK);
}

void dj_sgx_ecreate(struct dj_sgx_hash *h, uint32_t ssa_pages, uint64_t size)
{
	uint8_t b[BLOCK];
	struct dj_wr w = dj_wr_of(b, sizeof(b));

	dj_sha256_init(&h->sha);
	dj_wr_bytes(&w, ecreate, sizeof(ecreate));
	dj_wr_le(&w, ssa_pages, 4);
	dj_wr_le(&w, size, 8);
	block(h, &w, b);
}

void dj_sgx_eadd(struct dj_sgx_hash *h, uint64_t offset, uint64_t flags)
{
	uint8_t b[BLOCK];
	struct dj_wr w = dj_wr_of(b, sizeof(b));

	dj_wr_bytes(&w, eadd, sizeof(eadd));
	dj_wr_le(&w, offset, 8);
	dj_wr_le(&w, flags, 8); /* the first of 48 bytes of SECINFO */
	block(h, &w, b);
}

void dj_sgx_eextend(struct dj_sgx_hash *h, uint64_t offset,
	const uint8_t chunk[static DJ_SGX_CHUNK])
{
	uint8_t b[BLOCK];
	struct dj_wr w = dj_wr_of(b, sizeof(b));

	dj_wr_bytes(&w, eextend, sizeof(eextend));
	dj_wr_le(&w, offset, 8);
	block(h, &w, b);
	dj_sha256_update(&h->sha, chunk, DJ_SGX_CHUNK);
}

void dj_sgx_hash_final(const struct dj_sgx_hash *h, uint8_t ret[static 32])
{
	dj_sha256_final(&h->sha, ret);
}

void dj_sgx_tcs_write(const struct dj_sgx_tcs *t,
	uint8_t dst[static DJ_SGX_PAGE_SIZE])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SGX_PAGE_SIZE);

	dj_wr_zero(&w, 16); /* STATE, FLAGS */
	dj_wr_le(&w, t->ossa, 8);
	dj_wr_zero(&w, 4); /* CSSA */
	dj_wr_le(&w, t->nssa, 4);
	dj_wr_le(&w, t->oentry, 8);
	dj_wr_zero(&w, 8); /* AEP */
	dj_wr_le(&w, t->ofs, 8);
	dj_wr_le(&w, t->ogs, 8);
	dj_wr_le(&w, DJ_SGX_PAGE_SIZE - 1, 4);
	dj_wr_le(&w, DJ_SGX_PAGE_SIZE - 1, 4);
	dj_wr_zero(&w, DJ_SGX_PAGE_SIZE - 72);
}

dj_status dj_sgx_tcs_parse(const uint8_t buf[static DJ_SGX_PAGE_SIZE],
	struct dj_sgx_tcs *ret)
{
	struct dj_rd r = dj_rd_of(buf, DJ_SGX_PAGE_SIZE);
	struct dj_sgx_tcs t;

	dj_rd_zero(&r, 16);
	t.ossa = dj_rd_u64le(&r);
	dj_rd_zero(&r, 4);
	t.nssa = dj_rd_u32le(&r);
	t.oentry = dj_rd_u64le(&r);
	dj_rd_zero(&r, 8);
	t.ofs = dj_rd_u64le(&r);
	t.ogs = dj_rd_u64le(&r);
	(void)dj_rd_u64le(&r); /* limits: for 32-bit enclaves */
	dj_rd_zero(&r, DJ_SGX_PAGE_SIZE - 72);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = t;
	return DJ_OK;
}

uint64_t dj_sgx_tail(const struct dj_image *img)
{
	const struct dj_image_segment *last =
		&img->segments[img->segment_count - 1];

	return last->addr + last->mem_size - DJ_SGX_BASE;
}

struct walk {
	dj_sgx_visit *visit;
	void *ctx;
};

static const uint8_t zeroes[DJ_SGX_PAGE_SIZE];

static dj_status visit_image(void *ctx, const struct dj_image_page *page)
{
	const struct walk *w = ctx;
	struct dj_sgx_page p = {
		.offset = page->addr - DJ_SGX_BASE,
		.flags = DJ_SGX_REG | page->perm,
		.content = page->content != NULL ? page->content : zeroes,
		.is_measured = true,
	};

	return w->visit(w->ctx, &p);
}

_Static_assert(DJ_IMAGE_R == DJ_SGX_R && DJ_IMAGE_W == DJ_SGX_W &&
		DJ_IMAGE_X == DJ_SGX_X,
	"the image's permissions are SECINFO's");

static dj_status visit_tail(const struct walk *w, const struct dj_image *img)
{
	const uint64_t tail = dj_sgx_tail(img);
	const uint64_t thread =
		tail + (uint64_t)DJ_SGX_TAIL_THREAD * DJ_SGX_PAGE_SIZE;
	struct dj_sgx_tcs tcs = {
		.ossa = tail + (uint64_t)DJ_SGX_TAIL_SSA * DJ_SGX_PAGE_SIZE,
		.nssa = DJ_SGX_SSA_FRAMES,
		.oentry = img->entry - DJ_SGX_BASE,
		.ofs = thread,
		.ogs = thread,
	};
	uint8_t page[DJ_SGX_PAGE_SIZE], own[DJ_SGX_PAGE_SIZE] = { 0 };
	struct dj_wr heap = dj_wr_of(own + DJ_SGX_THREAD_HEAP, 8);
	dj_status st = DJ_OK;

	dj_sgx_tcs_write(&tcs, page);
	dj_wr_le(&heap, img->heap, 8);
	for (uint64_t i = 0; i < DJ_SGX_TAIL_PAGES && st == DJ_OK; i++) {
		const bool is_tcs = i == DJ_SGX_TAIL_TCS;
		struct dj_sgx_page p = {
			.offset = tail + i * DJ_SGX_PAGE_SIZE,
			.flags = is_tcs ? DJ_SGX_TCS
					: DJ_SGX_REG | DJ_SGX_R | DJ_SGX_W,
			.content = is_tcs                 ? page
				: i == DJ_SGX_TAIL_THREAD ? own
							  : zeroes,
			.is_measured = true,
		};

		st = w->visit(w->ctx, &p);
	}
	return st;
}

static dj_status visit_heap(const struct walk *w, uint64_t heap)
{
	dj_status st = DJ_OK;

	for (uint64_t i = 0; i < heap && st == DJ_OK; i += DJ_SGX_PAGE_SIZE) {
		struct dj_sgx_page p = {
			.offset = DJ_SGX_WINDOW + i,
			.flags = DJ_SGX_REG | DJ_SGX_R | DJ_SGX_W,
			.content = zeroes,
		};

		st = w->visit(w->ctx, &p);
	}
	return st;
}

uint64_t dj_sgx_heap(uint64_t total)
{
	uint64_t step = DJ_SGX1_MIN;

	while (step < total && step <= DJ_SGX1_MAX)
		step *= 2;
	return step > DJ_SGX1_MAX ? 0 : 4 * step + ((uint64_t)64 << 20);
}

dj_status dj_sgx_walk(const struct dj_image *img, dj_sgx_visit *visit,
	void *ctx)
{
	struct walk w = { .visit = visit, .ctx = ctx };
	dj_status st;

	/* Segments ascend, so the first and the last say it of all. */
	if (img->segment_count == 0 || img->segments[0].addr != DJ_SGX_BASE ||
		dj_sgx_tail(img) > DJ_SGX_WINDOW -
				(uint64_t)DJ_SGX_TAIL_PAGES *
					DJ_SGX_PAGE_SIZE ||
		img->heap % DJ_SGX_PAGE_SIZE != 0 ||
		img->heap > DJ_SGX_SIZE - DJ_SGX_WINDOW)
		return DJ_E_INPUT;
	st = dj_image_walk(img, visit_image, &w);
	if (st == DJ_OK)
		st = visit_tail(&w, img);
	return st == DJ_OK ? visit_heap(&w, img->heap) : st;
}

static dj_status measure_page(void *ctx, const struct dj_sgx_page *page)
{
	struct dj_sgx_hash *h = ctx;

	dj_sgx_eadd(h, page->offset, page->flags);
	for (uint64_t i = 0; i < DJ_SGX_PAGE_SIZE && page->is_measured;
		i += DJ_SGX_CHUNK)
		dj_sgx_eextend(h, page->offset + i, page->content + i);
	return DJ_OK;
}

dj_status dj_sgx_measure(const struct dj_image *img, uint8_t ret[static 32])
{
	struct dj_sgx_hash h;
	dj_status st;

	dj_sgx_ecreate(&h, DJ_SGX_SSA_PAGES, DJ_SGX_SIZE);
	st = dj_sgx_walk(img, measure_page, &h);
	if (st == DJ_OK)
		dj_sgx_hash_final(&h, ret);
	return st;
}

void dj_sgx_targetinfo_write(const struct dj_sgx_targetinfo *t,
	uint8_t dst[static DJ_SGX_TARGETINFO])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SGX_TARGETINFO);

	dj_wr_bytes(&w, t->mrenclave, sizeof(t->mrenclave));
	dj_wr_le(&w, t->flags, 8);
	dj_wr_le(&w, t->xfrm, 8);
	dj_wr_zero(&w, 2);
	dj_wr_le(&w, t->configsvn, 2);
	dj_wr_le(&w, t->miscselect, 4);
	dj_wr_zero(&w, 8);
	dj_wr_bytes(&w, t->configid, sizeof(t->configid));
	dj_wr_zero(&w, 384);
}

dj_status dj_sgx_targetinfo_parse(const uint8_t buf[static DJ_SGX_TARGETINFO],
	struct dj_sgx_targetinfo *ret)
{
	struct dj_rd r = dj_rd_of(buf, DJ_SGX_TARGETINFO);
	struct dj_sgx_targetinfo t;

	dj_rd_copy(&r, t.mrenclave, sizeof(t.mrenclave));
	t.flags = dj_rd_u64le(&r);
	t.xfrm = dj_rd_u64le(&r);
	dj_rd_zero(&r, 2);
	t.configsvn = dj_rd_u16le(&r);
	t.miscselect = dj_rd_u32le(&r);
	dj_rd_zero(&r, 8);
	dj_rd_copy(&r, t.configid, sizeof(t.configid));
	dj_rd_zero(&r, 384);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = t;
	return DJ_OK;
}

void dj_sgx_keyrequest_write(const struct dj_sgx_keyrequest *k,
	uint8_t dst[static DJ_SGX_KEYREQUEST])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SGX_KEYREQUEST);

	dj_wr_le(&w, k->name, 2);
	dj_wr_le(&w, k->policy, 2);
	dj_wr_le(&w, k->isvsvn, 2);
	dj_wr_zero(&w, 2);
	dj_wr_bytes(&w, k->cpusvn, sizeof(k->cpusvn));
	dj_wr_le(&w, k->flags_mask, 8);
	dj_wr_le(&w, k->xfrm_mask, 8);
	dj_wr_bytes(&w, k->keyid, sizeof(k->keyid));
	dj_wr_le(&w, k->miscmask, 4);
	dj_wr_le(&w, k->configsvn, 2);
	dj_wr_zero(&w, 434);
}

dj_status dj_sgx_keyrequest_parse(const uint8_t buf[static DJ_SGX_KEYREQUEST],
	struct dj_sgx_keyrequest *ret)
{
	struct dj_rd r = dj_rd_of(buf, DJ_SGX_KEYREQUEST);
	struct dj_sgx_keyrequest k;

	k.name = dj_rd_u16le(&r);
	k.policy = dj_rd_u16le(&r);
	k.isvsvn = dj_rd_u16le(&r);
	dj_rd_zero(&r, 2);
	dj_rd_copy(&r, k.cpusvn, sizeof(k.cpusvn));
	k.flags_mask = dj_rd_u64le(&r);
	k.xfrm_mask = dj_rd_u64le(&r);
	dj_rd_copy(&r, k.keyid, sizeof(k.keyid));
	k.miscmask = dj_rd_u32le(&r);
	k.configsvn = dj_rd_u16le(&r);
	dj_rd_zero(&r, 434);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = k;
	return DJ_OK;
}

uint32_t dj_sgx_cpu_hint(void)
{
	return dj_crypto_cpu_detect();
}
