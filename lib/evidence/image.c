// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/image.h"

#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/size.h"
#include "lib/base/wr.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/sha256.h"

/* The parts of ELF64 that an image may use (System V ABI, chapter 4-5). */
#define EHDR_SIZE    64
#define PHDR_SIZE    56
#define ET_EXEC      2
#define PT_LOAD      1
#define PT_GNU_STACK 0x6474e551
#define PF_X         1
#define PF_W         2
#define PF_R         4

/* Bytes of user space on every instruction set we know, and then some. */
#define ADDR_END (UINT64_C(1) << 47)

static const uint8_t label[32] = "donjon image v1";

static bool is_machine(uint16_t m)
{
	return m == 62 || m == 243 || m == 21; /* x86-64, RISC-V, PowerPC64 */
}

struct header {
	uint64_t entry;
	uint64_t phoff;
	uint16_t phnum;
};

static dj_status parse_header(const uint8_t *file, size_t len,
	struct header *ret)
{
	static const uint8_t ident[16] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	struct dj_rd r = dj_rd_of(file, len < EHDR_SIZE ? len : EHDR_SIZE);
	const uint8_t *id = dj_rd_bytes(&r, sizeof(ident));
	struct header h;

	if (id == NULL || memcmp(id, ident, sizeof(ident)) != 0)
		dj_rd_fail(&r, DJ_E_INPUT);
	if (dj_rd_u16le(&r) != ET_EXEC || !is_machine(dj_rd_u16le(&r)) ||
		dj_rd_u32le(&r) != 1)
		dj_rd_fail(&r, DJ_E_INPUT);
	h.entry = dj_rd_u64le(&r);
	h.phoff = dj_rd_u64le(&r);
	(void)dj_rd_u64le(&r); /* section headers: for people and debuggers */
	(void)dj_rd_u32le(&r); /* flags: the ISA's ABI, not the loader's */
	if (dj_rd_u16le(&r) != EHDR_SIZE || dj_rd_u16le(&r) != PHDR_SIZE)
		dj_rd_fail(&r, DJ_E_INPUT);
	h.phnum = dj_rd_u16le(&r);
	if (h.phnum == 0 || h.phnum > DJ_IMAGE_SEGMENTS_MAX + 1)
		dj_rd_fail(&r, DJ_E_INPUT);
	(void)dj_rd_bytes(&r, 6);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	if (!dj_range_ok(h.phoff, (uint64_t)h.phnum * PHDR_SIZE, len))
		return DJ_E_INPUT;
	*ret = h;
	return DJ_OK;
}

/* Whole pages, inside user space, above the last one, bytes in the file. */
static bool is_in_order(const struct dj_image *img,
	const struct dj_image_segment *s)
{
	uint64_t from = DJ_IMAGE_PAGE;

	if (img->segment_count != 0) {
		const struct dj_image_segment *last =
			&img->segments[img->segment_count - 1];

		from = last->addr + last->mem_size;
	}
	return s->addr % DJ_IMAGE_PAGE == 0 &&
		s->mem_size % DJ_IMAGE_PAGE == 0 &&
		s->file_off % DJ_IMAGE_PAGE == 0 &&
		s->file_size % DJ_IMAGE_PAGE == 0 && s->mem_size != 0 &&
		s->addr >= from &&
		dj_range_ok(s->addr, s->mem_size, ADDR_END) &&
		s->file_size <= s->mem_size &&
		dj_range_ok(s->file_off, s->file_size, img->file_len);
}

static dj_status parse_segment(struct dj_rd *r, struct dj_image *img)
{
	struct dj_image_segment s = { 0 };
	uint32_t type = dj_rd_u32le(r);
	uint32_t flags = dj_rd_u32le(r);
	uint64_t align, paddr;

	s.file_off = dj_rd_u64le(r);
	s.addr = dj_rd_u64le(r);
	paddr = dj_rd_u64le(r);
	s.file_size = dj_rd_u64le(r);
	s.mem_size = dj_rd_u64le(r);
	align = dj_rd_u64le(r);
	if (r->err != DJ_OK)
		return r->err;

	if (flags > (PF_R | PF_W | PF_X) ||
		(flags & (PF_W | PF_X)) == (PF_W | PF_X))
		return DJ_E_INPUT;
	/* Says that no stack is executable, and nothing else. */
	if (type == PT_GNU_STACK)
		return s.mem_size == 0 && s.file_size == 0 &&
				(flags & PF_X) == 0
			? DJ_OK
			: DJ_E_INPUT;
	if ((flags & PF_W) == 0 && s.file_size != s.mem_size)
		return DJ_E_INPUT;
	if (type != PT_LOAD || (flags & PF_R) == 0 || paddr != s.addr ||
		align != DJ_IMAGE_PAGE ||
		img->segment_count == DJ_IMAGE_SEGMENTS_MAX ||
		!is_in_order(img, &s))
		return DJ_E_INPUT;
	s.perm = (uint8_t)(DJ_IMAGE_R | ((flags & PF_W) != 0 ? DJ_IMAGE_W : 0) |
		((flags & PF_X) != 0 ? DJ_IMAGE_X : 0));
	img->segments[img->segment_count++] = s;
	return DJ_OK;
}

static bool entry_is_code(const struct dj_image *img)
{
	for (size_t i = 0; i < img->segment_count; i++) {
		const struct dj_image_segment *s = &img->segments[i];

		if ((s->perm & DJ_IMAGE_X) != 0 && img->entry >= s->addr &&
			img->entry - s->addr < s->file_size)
			return true;
	}
	return false;
}

dj_status dj_image_parse(const uint8_t *file, size_t len, struct dj_image *ret)
{
	struct dj_image img = { .file = file, .file_len = len };
	struct header h;
	struct dj_rd r;
	uint64_t pages = 0;
	dj_status st;

	st = parse_header(file, len, &h);
	if (st != DJ_OK)
		return st;
	img.entry = h.entry;
	r = dj_rd_of(file + h.phoff, (size_t)h.phnum * PHDR_SIZE);
	for (size_t i = 0; i < h.phnum; i++) {
		st = parse_segment(&r, &img);
		if (st != DJ_OK)
			return st;
	}
	for (size_t i = 0; i < img.segment_count; i++)
		pages += img.segments[i].mem_size / DJ_IMAGE_PAGE;
	if (pages == 0 || pages > DJ_IMAGE_PAGES_MAX || !entry_is_code(&img))
		return DJ_E_INPUT;
	*ret = img;
	return DJ_OK;
}

dj_status dj_image_walk(const struct dj_image *img, dj_image_visit *visit,
	void *ctx)
{
	dj_status st = DJ_OK;

	for (size_t i = 0; i < img->segment_count && st == DJ_OK; i++) {
		const struct dj_image_segment *s = &img->segments[i];
		const uint8_t *bytes = img->file + s->file_off;

		for (uint64_t off = 0; off < s->mem_size && st == DJ_OK;
			off += DJ_IMAGE_PAGE) {
			struct dj_image_page page = {
				.addr = s->addr + off,
				.perm = s->perm,
				.content =
					off < s->file_size ? bytes + off : NULL,
			};

			st = visit(ctx, &page);
		}
	}
	return st;
}

static dj_status measure_page(void *ctx, const struct dj_image_page *page)
{
	uint8_t *digest = ctx;
	uint8_t head[16];
	struct dj_wr w = dj_wr_of(head, sizeof(head));
	struct dj_sha256 sha;

	dj_wr_u64be(&w, page->addr);
	dj_wr_u8(&w, page->perm);
	dj_wr_u8(&w, page->content != NULL);
	dj_wr_zero(&w, 6);
	dj_sha256_init(&sha);
	dj_sha256_update(&sha, digest, 32);
	dj_sha256_update(&sha, head, sizeof(head));
	if (page->content != NULL)
		dj_sha256_update(&sha, page->content, DJ_IMAGE_PAGE);
	dj_sha256_final(&sha, digest);
	return w.err;
}

dj_status dj_image_measure(const struct dj_image *img, uint8_t ret[static 32])
{
	uint8_t head[48];
	struct dj_wr w = dj_wr_of(head, sizeof(head));
	uint8_t digest[32];
	dj_status st;

	dj_wr_bytes(&w, label, sizeof(label));
	dj_wr_u64be(&w, img->entry);
	dj_wr_zero(&w, 8);
	dj_sha256(head, sizeof(head), digest);
	st = dj_image_walk(img, measure_page, digest);
	if (st == DJ_OK)
		memcpy(ret, digest, 32);
	return st;
}

void dj_config_hash(const void *block, size_t len, uint8_t ret[static 32])
{
	if (len == 0)
		memset(ret, 0, 32);
	else
		dj_sha256(block, len, ret);
}

void dj_image_use_cpu(void)
{
	dj_crypto_cpu(dj_crypto_cpu_detect());
}
