// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/snp_launch.h"

#include <string.h>

#include "lib/base/wr.h"
#include "lib/crypto/sha384.h"
#include "lib/proto/vm.h"

#define PAGE_INFO 0x70

void dj_snp_launch_init(struct dj_snp_launch *l)
{
	memset(l, 0, sizeof(*l));
}

void dj_snp_launch_page(struct dj_snp_launch *l, enum dj_snp_page_type type,
	uint64_t gpa, const uint8_t *content)
{
	uint8_t info[PAGE_INFO], hash[DJ_SNP_DIGEST] = { 0 };
	struct dj_wr w = dj_wr_of(info, sizeof(info));

	if (type == DJ_SNP_PAGE_NORMAL || type == DJ_SNP_PAGE_VMSA)
		dj_sha384(content, DJ_SNP_PAGE, hash);
	dj_wr_bytes(&w, l->digest, sizeof(l->digest));
	dj_wr_bytes(&w, hash, sizeof(hash));
	dj_wr_le(&w, sizeof(info), 2);
	dj_wr_u8(&w, (uint8_t)type);
	dj_wr_zero(&w, 5); /* no migration image, no rights of other VMPLs */
	dj_wr_le(&w, gpa, 8);
	dj_sha384(info, sizeof(info), l->digest);
	l->pages++;
}

/* What KVM does to a state before the firmware has it, and what it adds. */
#define EFER_SVME UINT64_C(0x1000)
#define CR4_MCE   UINT64_C(0x40)
#define CR0_CACHE UINT64_C(0x60000000) /* CD, NW */
#define SNP_ON    1

static void put(uint8_t *page, size_t off, uint64_t value, size_t len)
{
	struct dj_wr w = dj_wr_of(page + off, len);

	dj_wr_le(&w, value, len);
}

static void put_segment(uint8_t *page, size_t off,
	const struct dj_snp_segment *s)
{
	put(page, off, s->selector, 2);
	put(page, off + 2, s->attrib, 2);
	put(page, off + 4, s->limit, 4);
	put(page, off + 8, s->base, 8);
}

void dj_snp_vmsa_write(const struct dj_snp_vmsa *v,
	uint8_t dst[static DJ_SNP_PAGE])
{
	const struct dj_snp_segment *segments[] = { &v->data, &v->cs, &v->data,
		&v->data, &v->data, &v->data, &v->gdtr, &v->ldtr, &v->idtr,
		&v->tr };

	memset(dst, 0, DJ_SNP_PAGE);
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++)
		put_segment(dst, 16 * i, segments[i]);
	put(dst, 0x0d0, v->efer | EFER_SVME, 8);
	put(dst, 0x148, v->cr4 | CR4_MCE, 8);
	put(dst, 0x150, v->cr3, 8);
	put(dst, 0x158, v->cr0 & ~CR0_CACHE, 8);
	put(dst, 0x160, 0x400, 8);      /* DR7 */
	put(dst, 0x168, 0xffff0ff0, 8); /* DR6 */
	put(dst, 0x170, v->rflags, 8);
	put(dst, 0x178, v->rip, 8);
	put(dst, 0x1d8, v->rsp, 8);
	put(dst, 0x268, UINT64_C(0x0007040600070406), 8); /* PAT */
	put(dst, 0x310, v->rdx, 8);
	put(dst, 0x330, v->rsi, 8);
	put(dst, 0x3b0, SNP_ON, 8);
	put(dst, 0x3e8, 1, 8);      /* XCR0 */
	put(dst, 0x408, 0x1f80, 4); /* MXCSR */
	put(dst, 0x410, 0x37f, 2);  /* FCW */
}

void dj_snp_vmsa_of(uint64_t entry, struct dj_snp_vmsa *ret)
{
	*ret = (struct dj_snp_vmsa){
		.cs = { 0x08, 0xc9b, UINT32_MAX, 0 },
		.data = { 0x10, 0xc93, UINT32_MAX, 0 },
		.gdtr = { 0, 0, 0xffff, 0 },
		.idtr = { 0, 0, 0xffff, 0 },
		.ldtr = { 0, 0x82, 0xffff, 0 },
		.tr = { 0, 0x8b, 0xffff, 0 },
		.cr0 = 0x11, /* PE, ET */
		.rflags = 2,
		.rip = entry,
	};
}

struct walk {
	dj_snp_visit *visit;
	void *ctx;
};

static dj_status on_page(void *ctx, const struct dj_image_page *page)
{
	const struct walk *w = ctx;

	return w->visit(w->ctx,
		page->content == NULL ? DJ_SNP_PAGE_ZERO : DJ_SNP_PAGE_NORMAL,
		page->addr, page->content);
}

dj_status dj_snp_launch_walk(const struct dj_image *img, dj_snp_visit *visit,
	void *ctx)
{
	struct walk w = { .visit = visit, .ctx = ctx };
	struct dj_snp_vmsa v;
	uint8_t page[DJ_SNP_PAGE];
	dj_status st = dj_image_walk(img, on_page, &w);

	if (st == DJ_OK)
		st = visit(ctx, DJ_SNP_PAGE_CPUID, DJ_VM_CPUID, NULL);
	if (st == DJ_OK)
		st = visit(ctx, DJ_SNP_PAGE_SECRETS, DJ_VM_SECRETS, NULL);
	if (st != DJ_OK)
		return st;
	dj_snp_vmsa_of(img->entry, &v);
	dj_snp_vmsa_write(&v, page);
	return visit(ctx, DJ_SNP_PAGE_VMSA, DJ_SNP_VMSA_GPA, page);
}

static dj_status measure(void *ctx, enum dj_snp_page_type type, uint64_t gpa,
	const uint8_t *content)
{
	dj_snp_launch_page(ctx, type, gpa, content);
	return DJ_OK;
}

dj_status dj_snp_measure(const struct dj_image *img, struct dj_snp_launch *ret)
{
	struct dj_snp_launch l;
	dj_status st;

	dj_snp_launch_init(&l);
	st = dj_snp_launch_walk(img, measure, &l);
	if (st == DJ_OK)
		*ret = l;
	return st;
}
