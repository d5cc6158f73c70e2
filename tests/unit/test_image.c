// SPDX-License-Identifier: Apache-2.0
#include "lib/base/wr.h"
#include "lib/evidence/image.h"
#include "tests/tap.h"

#define PAGE DJ_IMAGE_PAGE

struct segment {
	uint32_t type, flags;
	uint64_t off, addr, paddr, file_size, mem_size, align;
};

/* An image as our linker script makes them: rodata, text, data with bss. */
struct image {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t eflags;
	uint16_t ehsize, phentsize, phnum;
	struct segment seg[12];
};

static const struct image good = {
	.ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 },
	.type = 2,
	.machine = 62,
	.version = 1,
	.entry = 0x401010,
	.phoff = 64,
	.ehsize = 64,
	.phentsize = 56,
	.phnum = 4,
	.seg = {
		{ 1, 4, PAGE, 0x400000, 0x400000, PAGE, PAGE, PAGE },
		{ 1, 5, 2 * PAGE, 0x401000, 0x401000, PAGE, PAGE, PAGE },
		{ 1, 6, 3 * PAGE, 0x402000, 0x402000, PAGE, 3 * PAGE, PAGE },
		{ 0x6474e551, 6, 0, 0, 0, 0, 0, 0 },
	},
};

#define FILE_SIZE (4 * PAGE)
static uint8_t file[FILE_SIZE];

static void put(const struct image *m)
{
	struct dj_wr w = dj_wr_of(file, sizeof(file));

	for (size_t i = 0; i < sizeof(file); i++)
		file[i] = (uint8_t)(i * 7 + i / PAGE);
	dj_wr_bytes(&w, m->ident, 16);
	dj_wr_le(&w, m->type, 2);
	dj_wr_le(&w, m->machine, 2);
	dj_wr_le(&w, m->version, 4);
	dj_wr_le(&w, m->entry, 8);
	dj_wr_le(&w, m->phoff, 8);
	dj_wr_le(&w, m->shoff, 8);
	dj_wr_le(&w, m->eflags, 4);
	dj_wr_le(&w, m->ehsize, 2);
	dj_wr_le(&w, m->phentsize, 2);
	dj_wr_le(&w, m->phnum, 2);
	dj_wr_zero(&w, 6);
	for (size_t i = 0; i < 12; i++) {
		const struct segment *s = &m->seg[i];

		dj_wr_le(&w, s->type, 4);
		dj_wr_le(&w, s->flags, 4);
		dj_wr_le(&w, s->off, 8);
		dj_wr_le(&w, s->addr, 8);
		dj_wr_le(&w, s->paddr, 8);
		dj_wr_le(&w, s->file_size, 8);
		dj_wr_le(&w, s->mem_size, 8);
		dj_wr_le(&w, s->align, 8);
	}
	if (w.err != DJ_OK)
		abort();
}

static dj_status parse(const struct image *m, size_t len, struct dj_image *ret)
{
	put(m);
	return dj_image_parse(file, len, ret);
}

static void a_good_image_is_accepted_with_its_segments(void)
{
	struct dj_image img;

	eq_u64(parse(&good, FILE_SIZE, &img), DJ_OK);
	eq_u64(img.entry, 0x401010);
	eq_u64(img.segment_count, 3);
	eq_u64(img.segments[0].perm, DJ_IMAGE_R);
	eq_u64(img.segments[1].perm, DJ_IMAGE_R | DJ_IMAGE_X);
	eq_u64(img.segments[2].perm, DJ_IMAGE_R | DJ_IMAGE_W);
	eq_u64(img.segments[2].mem_size, 3 * PAGE);
}

static void every_truncation_is_refused(void)
{
	struct dj_image img = { .entry = 99 };
	size_t accepted = 0;

	put(&good);
	for (size_t len = 0; len < FILE_SIZE; len++)
		accepted += dj_image_parse(file, len, &img) == DJ_OK;
	eq_u64(accepted, 0);
	eq_u64(img.entry, 99);
}

#define BAD(what, change)                                        \
	do {                                                     \
		struct image m = good;                           \
		struct dj_image img;                             \
		change;                                          \
		if (parse(&m, FILE_SIZE, &img) != DJ_E_INPUT)    \
			tap_ok(false, what, __FILE__, __LINE__); \
	} while (0)

static void each_bad_field_of_the_header_is_refused(void)
{
	for (size_t i = 0; i < 16; i++)
		BAD("ident", m.ident[i] ^= 1);
	BAD("shared object", m.type = 3);
	BAD("object", m.type = 1);
	BAD("core", m.type = 4);
	BAD("32-bit machine", m.machine = 3);
	BAD("AArch64", m.machine = 183);
	BAD("version", m.version = 2);
	BAD("header size", m.ehsize = 52);
	BAD("entry size", m.phentsize = 32);
	BAD("no program headers", m.phnum = 0);
	BAD("too many", m.phnum = DJ_IMAGE_SEGMENTS_MAX + 2);
	BAD("headers past the end", m.phoff = FILE_SIZE - 3 * 56);
	BAD("headers at the end of numbers", m.phoff = UINT64_MAX - 8);
	BAD("entry in data", m.entry = 0x402000);
	BAD("entry before code", m.entry = 0x400fff);
	BAD("entry after code", m.entry = 0x402000);
	BAD("entry nowhere", m.entry = 0);
}

static void each_bad_segment_is_refused(void)
{
	BAD("interpreter", m.seg[3].type = 3);
	BAD("dynamic", m.seg[3].type = 2);
	BAD("thread-local", m.seg[3].type = 7);
	BAD("note", m.seg[3].type = 4);
	BAD("relro", m.seg[3].type = 0x6474e552);
	BAD("null", m.seg[3].type = 0);
	BAD("executable stack", m.seg[3].flags = 7);
	BAD("executable stack", m.seg[3].flags = 5);
	BAD("stack with a size", m.seg[3].mem_size = PAGE);
	BAD("stack with bytes", m.seg[3].file_size = PAGE);
	BAD("W and X", m.seg[1].flags = 7);
	BAD("W and X without R", m.seg[1].flags = 3);
	BAD("not readable", m.seg[1].flags = 1);
	BAD("no permission", m.seg[0].flags = 0);
	BAD("unknown flag", m.seg[0].flags = 4 | 8);
	BAD("unknown flag", m.seg[0].flags = 4 | 0x80000000);
	BAD("odd address", (m.seg[0].addr++, m.seg[0].paddr++));
	BAD("odd memory size", m.seg[2].mem_size++);
	BAD("odd file size", m.seg[2].file_size--);
	BAD("odd offset", m.seg[2].off--);
	BAD("other physical address", m.seg[0].paddr = 0);
	BAD("larger alignment", m.seg[0].align = 0x200000);
	BAD("no alignment", m.seg[0].align = 0);
	BAD("empty", m.seg[2].mem_size = m.seg[2].file_size = 0);
	BAD("more bytes than memory", m.seg[0].file_size = 2 * PAGE);
	BAD("zero pages that cannot be written", m.seg[0].file_size = 0);
	BAD("zero pages in code", m.seg[1].file_size = 0);
	BAD("bytes past the end", m.seg[2].off = 4 * PAGE);
	BAD("bytes past all numbers", m.seg[2].off = UINT64_MAX - 4095);
	BAD("overlap", m.seg[2].addr = m.seg[2].paddr = 0x401000);
	BAD("descending", m.seg[2].addr = m.seg[2].paddr = 0x300000);
	BAD("page 0", m.seg[0].addr = m.seg[0].paddr = 0);
	BAD("kernel", m.seg[2].addr = m.seg[2].paddr = UINT64_C(1) << 47);
	BAD("kernel", m.seg[2].addr = m.seg[2].paddr = UINT64_MAX - 4095);
	BAD("past user space", m.seg[2].mem_size = UINT64_C(1) << 47);
	BAD("too many pages",
		m.seg[2].mem_size = (uint64_t)DJ_IMAGE_PAGES_MAX * PAGE);
	BAD("nothing to load", (m.phnum = 1, m.seg[0] = m.seg[3]));
}

static void the_limits_themselves_are_accepted(void)
{
	struct image m = good;
	struct dj_image img;

	m.seg[2].mem_size = (uint64_t)(DJ_IMAGE_PAGES_MAX - 2) * PAGE;
	eq_u64(parse(&m, FILE_SIZE, &img), DJ_OK);
	m.seg[2].mem_size += PAGE;
	eq_u64(parse(&m, FILE_SIZE, &img), DJ_E_INPUT);

	m = good;
	m.phnum = DJ_IMAGE_SEGMENTS_MAX;
	for (size_t i = 3; i < DJ_IMAGE_SEGMENTS_MAX; i++) {
		m.seg[i] = m.seg[2];
		m.seg[i].addr = m.seg[i].paddr = 0x402000 + 3 * PAGE * (i - 2);
	}
	eq_u64(parse(&m, FILE_SIZE, &img), DJ_OK);
	eq_u64(img.segment_count, DJ_IMAGE_SEGMENTS_MAX);
	m.phnum++;
	m.seg[8] = m.seg[2];
	m.seg[8].addr = m.seg[8].paddr = 0x500000;
	eq_u64(parse(&m, FILE_SIZE, &img), DJ_E_INPUT);
}

struct seen {
	size_t count;
	uint64_t addr[8];
	bool has[8];
	dj_status stop_with;
};

static dj_status see(void *ctx, const struct dj_image_page *page)
{
	struct seen *s = ctx;

	s->addr[s->count] = page->addr;
	s->has[s->count] = page->content != NULL;
	if (page->content != NULL)
		ok(page->content == file + PAGE + (page->addr - 0x400000));
	s->count++;
	return s->count == 3 ? s->stop_with : DJ_OK;
}

static void the_walk_shows_every_page_once_ascending(void)
{
	struct seen s = { 0 };
	struct dj_image img;

	eq_u64(parse(&good, FILE_SIZE, &img), DJ_OK);
	eq_u64(dj_image_walk(&img, see, &s), DJ_OK);
	eq_u64(s.count, 5);
	for (size_t i = 0; i < 5; i++) {
		eq_u64(s.addr[i], 0x400000 + i * PAGE);
		eq_u64(s.has[i], i < 3);
	}
}

static void the_walk_stops_at_the_first_failure(void)
{
	struct seen s = { .stop_with = DJ_E_LIMIT };
	struct dj_image img;

	eq_u64(parse(&good, FILE_SIZE, &img), DJ_OK);
	eq_u64(dj_image_walk(&img, see, &s), DJ_E_LIMIT);
	eq_u64(s.count, 3);
}

static void measure(const struct image *m, uint8_t ret[static 32])
{
	struct dj_image img;

	eq_u64(parse(m, FILE_SIZE, &img), DJ_OK);
	eq_u64(dj_image_measure(&img, ret), DJ_OK);
}

/* Computed with Python's hashlib from the text of docs/tees/process.md. */
static void the_measurement_has_the_known_value(void)
{
	static const uint8_t want[32] = { 0x8f, 0x78, 0x8c, 0xcc, 0xe5, 0x8f,
		0xb0, 0x83, 0xc0, 0xeb, 0x47, 0x8b, 0x64, 0x48, 0xf3, 0xfc,
		0x07, 0xff, 0x60, 0x54, 0x12, 0x2a, 0x6a, 0x18, 0x82, 0xe9,
		0xde, 0xf8, 0x27, 0xa9, 0x34, 0x93 };
	uint8_t got[32];

	measure(&good, got);
	eq_mem(got, want, 32);
}

static void whatever_reaches_memory_is_measured(void)
{
	uint8_t base[32], other[32];
	struct dj_image img;
	struct image m = good;

	measure(&good, base);
	m.entry++;
	measure(&m, other);
	ok(memcmp(base, other, 32) != 0);
	m = good;
	m.seg[0].flags = 6;
	measure(&m, other);
	ok(memcmp(base, other, 32) != 0);
	m = good;
	m.seg[2].mem_size += PAGE;
	measure(&m, other);
	ok(memcmp(base, other, 32) != 0);
	m = good;
	m.seg[2].addr = m.seg[2].paddr = 0x403000;
	measure(&m, other);
	ok(memcmp(base, other, 32) != 0);

	eq_u64(parse(&good, FILE_SIZE, &img), DJ_OK);
	for (size_t i = PAGE; i < FILE_SIZE; i += 997) {
		file[i] ^= 0x10;
		eq_u64(dj_image_measure(&img, other), DJ_OK);
		ok(memcmp(base, other, 32) != 0);
		file[i] ^= 0x10;
	}
}

static void what_no_loader_reads_is_not_measured(void)
{
	uint8_t base[32], other[32];
	struct image m = good;

	measure(&good, base);
	m.shoff = 12345;
	m.eflags = 7;
	measure(&m, other);
	eq_mem(base, other, 32);
}

static void no_configuration_has_the_zero_hash(void)
{
	/* SHA-256("abc"), FIPS 180-4. */
	static const uint8_t abc[32] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01,
		0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
		0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10,
		0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	static const uint8_t zero[32];
	uint8_t h[32];

	dj_config_hash("abc", 3, h);
	eq_mem(h, abc, 32);
	dj_config_hash(NULL, 0, h);
	eq_mem(h, zero, 32);
}

int main(void)
{
	RUN(a_good_image_is_accepted_with_its_segments);
	RUN(every_truncation_is_refused);
	RUN(each_bad_field_of_the_header_is_refused);
	RUN(each_bad_segment_is_refused);
	RUN(the_limits_themselves_are_accepted);
	RUN(the_walk_shows_every_page_once_ascending);
	RUN(the_walk_stops_at_the_first_failure);
	RUN(the_measurement_has_the_known_value);
	RUN(whatever_reaches_memory_is_measured);
	RUN(what_no_loader_reads_is_not_measured);
	RUN(no_configuration_has_the_zero_hash);
	return done();
}
