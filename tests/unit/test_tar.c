// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/untar.h"
#include "tests/support/mktar.h"
#include "tests/tap.h"

#define MEMBERS_MAX 64

static struct dj_untar_member members[MEMBERS_MAX];
static char paths[MEMBERS_MAX][DJ_UNTAR_PATH_MAX + 1];
static size_t member_count;
static const char *what;

/* All members into members[]; from a copy of exactly that size. */
static dj_status read_all(const uint8_t *p, size_t len)
{
	static uint8_t *exact;
	struct dj_untar t;
	dj_status st;

	free(exact);
	exact = malloc(len + 1);
	if (exact == NULL)
		abort();
	if (len != 0)
		memcpy(exact, p, len);
	exact = realloc(exact, len == 0 ? 1 : len);
	member_count = 0;
	dj_untar_init(&t, exact, len);
	for (;;) {
		struct dj_untar_member *m = &members[member_count];

		st = dj_untar_next(&t, m);
		what = t.what;
		if (st != DJ_OK || m->type == DJ_UNTAR_END)
			return st;
		memcpy(paths[member_count], m->path, m->path_len);
		paths[member_count][m->path_len] = '\0';
		member_count++;
		if (member_count == MEMBERS_MAX)
			abort();
	}
}

static struct mktar good(void)
{
	struct mktar t = { 0 };
	char record[64];

	mktar_header(&t, "./", '5', 0, NULL);
	mktar_header(&t, "dir/", '5', 0, NULL);
	mktar_file(&t, "dir/file", "contents");
	mktar_header(&t, "link", '2', 0, "dir/file");
	mktar_record(record, sizeof(record), "mtime", "12.5");
	mktar_extended(&t, record);
	mktar_file(&t, "./late", "");
	mktar_end(&t);
	return t;
}

static void a_good_archive_reads_as_it_was_written(void)
{
	struct mktar t = good();

	eq_u64(read_all(t.p, t.len), DJ_OK);
	eq_u64(member_count, 5);
	eq_str(paths[0], "");
	eq_str(paths[1], "dir");
	eq_u64(members[1].type, DJ_UNTAR_DIR);
	eq_str(paths[2], "dir/file");
	eq_u64(members[2].type, DJ_UNTAR_FILE);
	eq_u64(members[2].size, 8);
	eq_mem(members[2].data, "contents", 8);
	eq_u64(members[2].mtime, 100000000000);
	eq_u64(members[3].type, DJ_UNTAR_LINK);
	eq_u64(members[3].target_len, 8);
	eq_mem(members[3].target, "dir/file", 8);
	eq_str(paths[4], "late");
	eq_u64(members[4].mtime, 12500000000);
	mktar_free(&t);
}

static void every_truncation_is_refused(void)
{
	struct mktar t = good();

	/* The last block of zeros is the second of two. */
	for (size_t len = 0; len < t.len; len++) {
		if (read_all(t.p, len) == DJ_OK) {
			eq_u64(len, t.len);
			break;
		}
	}
	mktar_free(&t);
}

static void zeros_may_follow_the_end_and_nothing_else(void)
{
	struct mktar t = good();

	mktar_end(&t);
	eq_u64(read_all(t.p, t.len), DJ_OK);
	t.p[t.len - 1] = 1;
	eq_u64(read_all(t.p, t.len), DJ_E_INPUT);
	mktar_free(&t);
}

static void a_changed_header_byte_is_refused(void)
{
	struct mktar t = { 0 };
	unsigned accepted = 0;

	mktar_file(&t, "a", "b");
	mktar_end(&t);
	for (size_t i = 0; i < 512; i++) {
		t.p[i] ^= 1;
		/* The checksum's own ending may be NUL or space. */
		if (read_all(t.p, t.len) == DJ_OK)
			accepted++;
		t.p[i] ^= 1;
	}
	eq_u64(accepted, 0);
	mktar_free(&t);
}

static void types_that_a_keep_has_no_use_for_are_refused(void)
{
	static const char types[] = "1346789gLKSVDMA";

	for (size_t i = 0; types[i] != '\0'; i++) {
		struct mktar t = { 0 };

		mktar_header(&t, "a", types[i], 0, "b");
		mktar_end(&t);
		eq_u64(read_all(t.p, t.len), DJ_E_UNSUPPORTED);
		mktar_free(&t);
	}
}

static void names_are_relative_and_plain(void)
{
	static const struct {
		const char *name;
		dj_status st;
	} cases[] = {
		{ "a", DJ_OK },
		{ "./a", DJ_OK },
		{ "a/b.c/..d/...", DJ_OK },
		{ "\xc3\xa4/\xe2\x82\xac/\xf0\x9f\x8f\xb0", DJ_OK },
		{ "", DJ_E_INPUT },
		{ "/a", DJ_E_INPUT },
		{ "..", DJ_E_INPUT },
		{ "../a", DJ_E_INPUT },
		{ "a/..", DJ_E_INPUT },
		{ "a/../b", DJ_E_INPUT },
		{ "a/./b", DJ_E_INPUT },
		{ "././a", DJ_E_INPUT },
		{ ".//a", DJ_E_INPUT },
		{ "a//b", DJ_E_INPUT },
		{ "a/", DJ_E_INPUT },
		{ ".", DJ_E_INPUT },
		{ "./", DJ_E_INPUT },
		{ "a\xff", DJ_E_INPUT },
		{ "\xc0\xaf", DJ_E_INPUT },
		{ "\xe0\x80\xaf", DJ_E_INPUT },
		{ "\xed\xa0\x80", DJ_E_INPUT },
		{ "\xf4\x90\x80\x80", DJ_E_INPUT },
		{ "\xe2\x82", DJ_E_INPUT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mktar t = { 0 };

		mktar_file(&t, cases[i].name, "x");
		mktar_end(&t);
		if (!eq_u64(read_all(t.p, t.len), cases[i].st))
			printf("# %s\n", cases[i].name);
		mktar_free(&t);
	}
}

static dj_status with_path(const char *path)
{
	static char record[DJ_UNTAR_PATH_MAX + 64];
	struct mktar t = { 0 };
	dj_status st;

	mktar_record(record, sizeof(record), "path", path);
	mktar_extended(&t, record);
	mktar_file(&t, "short", "x");
	mktar_end(&t);
	st = read_all(t.p, t.len);
	mktar_free(&t);
	return st;
}

static void a_name_may_have_255_bytes_and_a_path_4096(void)
{
	static char path[DJ_UNTAR_PATH_MAX + 2];

	memset(path, 'n', 255);
	eq_u64(with_path(path), DJ_OK);
	eq_u64(members[0].path_len, 255);
	path[255] = 'n';
	eq_u64(with_path(path), DJ_E_LIMIT);
	for (size_t i = 0; i < DJ_UNTAR_PATH_MAX; i++)
		path[i] = i % 128 == 127 && i + 1 != DJ_UNTAR_PATH_MAX ? '/'
								       : 'd';
	eq_u64(with_path(path), DJ_OK);
	eq_u64(members[0].path_len, DJ_UNTAR_PATH_MAX);
	path[DJ_UNTAR_PATH_MAX] = 'd';
	eq_u64(with_path(path), DJ_E_LIMIT);
}

static void a_prefix_and_a_name_make_a_path(void)
{
	struct mktar t = { 0 };

	mktar_file(&t, "name", "x");
	memcpy(t.p + 345, "the/prefix", 10);
	mktar_sum(&t, 0);
	mktar_end(&t);
	eq_u64(read_all(t.p, t.len), DJ_OK);
	eq_str(paths[0], "the/prefix/name");
	mktar_free(&t);
}

static void x_headers_are_read_strictly(void)
{
	static const struct {
		const char *records;
		dj_status st;
	} cases[] = {
		{ "10 path=b\n", DJ_OK },
		{ "10 path=b\n10 path=c\n", DJ_OK },
		{ "11 mtime=0\n", DJ_OK },
		{ "12 mtime=-5\n", DJ_OK },
		{ "27 mtime=9999999999999999.5\n", DJ_E_INPUT },
		{ "28 mtime=9999999999999999.5\n", DJ_OK },
		{ "10 size=1\n", DJ_OK },
		{ "10 size=9\n", DJ_OK },
		{ "13 size=9999\n", DJ_E_INPUT },
		{ "10 size=x\n", DJ_E_INPUT },
		{ "9 size=\n", DJ_E_INPUT },
		{ "29 size=18446744073709551615\n", DJ_E_INPUT },
		{ "29 size=18446744073709551616\n", DJ_E_INPUT },
		{ "12 mtime=1.x\n", DJ_E_INPUT },
		{ "9 path=b\n", DJ_OK },
		{ "8 path=b\n", DJ_E_INPUT },
		{ "11 path=b\n", DJ_E_INPUT },
		{ "10 path=b ", DJ_E_INPUT },
		{ "10path=bb\n", DJ_E_INPUT },
		{ "10 pathbbb\n", DJ_E_INPUT },
		{ "8 path\n", DJ_E_INPUT },
		{ "3 \n", DJ_E_INPUT },
		{ "0 path=b\n", DJ_E_INPUT },
		{ " 10 path=b\n", DJ_E_INPUT },
		{ "99999999999999999999 path=b\n", DJ_E_INPUT },
		{ "11 atime=0\n", DJ_E_UNSUPPORTED },
		{ "9 uid=10\n", DJ_E_UNSUPPORTED },
		{ "11 GNU.x=1\n", DJ_E_UNSUPPORTED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mktar t = { 0 };

		mktar_extended(&t, cases[i].records);
		mktar_file(&t, "a", "x");
		mktar_end(&t);
		if (!eq_u64(read_all(t.p, t.len), cases[i].st))
			printf("# %s# %s\n", cases[i].records, what);
		mktar_free(&t);
	}
}

/* What pads a header is none of it, whatever it looks like. */
static void a_record_ends_within_its_x_header(void)
{
	struct mktar t = { 0 };

	mktar_header(&t, "pax", 'x', 9, NULL);
	mktar_data(&t, "10 path=b", 9);
	t.p[512 + 9] = '\n';
	mktar_file(&t, "a", "x");
	mktar_end(&t);
	eq_u64(read_all(t.p, t.len), DJ_E_INPUT);
	mktar_free(&t);
}

static void an_x_header_belongs_to_one_member(void)
{
	struct mktar t = { 0 };

	mktar_extended(&t, "10 path=b\n");
	mktar_extended(&t, "10 path=c\n");
	mktar_file(&t, "a", "x");
	mktar_end(&t);
	eq_u64(read_all(t.p, t.len), DJ_E_INPUT);
	mktar_free(&t);
	mktar_extended(&t, "10 path=b\n");
	mktar_end(&t);
	eq_u64(read_all(t.p, t.len), DJ_E_INPUT);
	mktar_free(&t);
	mktar_extended(&t, "10 path=b\n");
	mktar_file(&t, "a", "x");
	mktar_file(&t, "c", "x");
	mktar_end(&t);
	eq_u64(read_all(t.p, t.len), DJ_OK);
	eq_str(paths[0], "b");
	eq_str(paths[1], "c");
	mktar_free(&t);
}

static void links_lead_anywhere_but_not_nowhere(void)
{
	struct mktar t = { 0 };

	mktar_header(&t, "out", '2', 0, "../../etc/passwd");
	mktar_end(&t);
	eq_u64(read_all(t.p, t.len), DJ_OK);
	mktar_free(&t);
	mktar_header(&t, "empty", '2', 0, "");
	mktar_end(&t);
	eq_u64(read_all(t.p, t.len), DJ_E_INPUT);
	mktar_free(&t);
	mktar_header(&t, "bad", '2', 0, "\xff");
	mktar_end(&t);
	eq_u64(read_all(t.p, t.len), DJ_E_INPUT);
	mktar_free(&t);
}

static void folders_and_links_have_no_contents(void)
{
	static const char types[] = "25";

	for (size_t i = 0; i < 2; i++) {
		struct mktar t = { 0 };

		mktar_header(&t, "a", types[i], 1, "b");
		mktar_data(&t, "x", 1);
		mktar_end(&t);
		eq_u64(read_all(t.p, t.len), DJ_E_INPUT);
		mktar_free(&t);
	}
}

static void base_256_and_other_numbers_are_refused(void)
{
	static const char *const sizes[] = { "\x80\0\0\0\0\0\0\0\0\0\0\1",
		"            ", "0000000000x ", "0000000000 1",
		"-0000000001 " };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct mktar t = { 0 };

		mktar_file(&t, "a", "x");
		memcpy(t.p + 124, sizes[i], 12);
		mktar_sum(&t, 0);
		mktar_end(&t);
		eq_u64(read_all(t.p, t.len), DJ_E_INPUT);
		mktar_free(&t);
	}
}

int main(void)
{
	RUN(a_good_archive_reads_as_it_was_written);
	RUN(every_truncation_is_refused);
	RUN(zeros_may_follow_the_end_and_nothing_else);
	RUN(a_changed_header_byte_is_refused);
	RUN(types_that_a_keep_has_no_use_for_are_refused);
	RUN(names_are_relative_and_plain);
	RUN(a_name_may_have_255_bytes_and_a_path_4096);
	RUN(a_prefix_and_a_name_make_a_path);
	RUN(x_headers_are_read_strictly);
	RUN(a_record_ends_within_its_x_header);
	RUN(an_x_header_belongs_to_one_member);
	RUN(links_lead_anywhere_but_not_nowhere);
	RUN(folders_and_links_have_no_contents);
	RUN(base_256_and_other_numbers_are_refused);
	return done();
}
