// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/pax.h"
#include "lib/proto/untar.h"
#include "tests/tap.h"

static uint8_t archive[DJ_PAX_HEADER_MAX + 4 * DJ_PAX_BLOCK];

/* What is read back of one member with no contents and an end. */
static dj_status read_back(const struct dj_pax *m, struct dj_untar *t,
	struct dj_untar_member *ret)
{
	size_t n = dj_pax_header(m, archive);

	memset(archive + n, 0, 2 * DJ_PAX_BLOCK);
	dj_untar_init(t, archive, n + 2 * DJ_PAX_BLOCK);
	return n == 0 ? DJ_E_LIMIT : dj_untar_next(t, ret);
}

static void fill(char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = i % 50 == 49 && i + 1 < len ? '/' : (char)('a' + i % 26);
}

static void names_of_every_length_are_read_back(void)
{
	static char name[DJ_PAX_NAME_MAX + 1];
	bool all = true;

	for (size_t len = 1; len <= DJ_PAX_NAME_MAX; len++) {
		struct dj_untar t;
		struct dj_untar_member got = { 0 };
		struct dj_pax m = { .type = '2',
			.path = name,
			.path_len = len,
			.target = name,
			.target_len = len,
			.mode = 0777 };

		fill(name, len);
		all = all && read_back(&m, &t, &got) == DJ_OK &&
			got.type == DJ_UNTAR_LINK && got.path_len == len &&
			memcmp(got.path, name, len) == 0 &&
			got.target_len == len &&
			memcmp(got.target, name, len) == 0;
		m.type = '5';
		/* A folder has a slash behind it, which counts too. */
		if (len == DJ_PAX_NAME_MAX)
			continue;
		all = all && read_back(&m, &t, &got) == DJ_OK &&
			got.type == DJ_UNTAR_DIR && got.path_len == len &&
			memcmp(got.path, name, len) == 0;
	}
	ok(all);
}

static void a_name_past_the_limit_is_refused(void)
{
	static char name[DJ_PAX_NAME_MAX + 2];
	struct dj_pax m = { .type = '0',
		.path = name,
		.path_len = DJ_PAX_NAME_MAX + 1 };

	fill(name, DJ_PAX_NAME_MAX + 1);
	eq_u64(dj_pax_header(&m, archive), 0);
	m = (struct dj_pax){ .type = '2',
		.path = "a",
		.path_len = 1,
		.target = name,
		.target_len = DJ_PAX_NAME_MAX + 1 };
	eq_u64(dj_pax_header(&m, archive), 0);
}

static void times_and_sizes_are_read_back(void)
{
	static const uint64_t sizes[] = { 0, 1, 511, 512, 513,
		UINT64_C(077777777777), UINT64_C(0100000000000), INT64_MAX };
	struct dj_pax m = { .type = '0',
		.path = "a",
		.path_len = 1,
		.mtime = 1234567890,
		.mode = 0644 };
	struct dj_untar_member got;
	struct dj_untar t;

	eq_u64(read_back(&m, &t, &got), DJ_OK);
	eq_u64(got.mtime, UINT64_C(1234567890000000000));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		m.size = sizes[i];
		eq_u64((sizes[i] + dj_pax_padding(sizes[i])) % 512, 0);
		/* The contents are not there, so the size shows in that. */
		if (sizes[i] > 1024) {
			eq_u64(read_back(&m, &t, &got), DJ_E_INPUT);
			eq_str(t.what, "cut short");
		}
	}
}

int main(void)
{
	RUN(names_of_every_length_are_read_back);
	RUN(a_name_past_the_limit_is_refused);
	RUN(times_and_sizes_are_read_back);
	return done();
}
