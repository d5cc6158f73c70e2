// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/proto/knc.h"
#include "lib/wasm/native.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		(uint32_t)p[2] << 8 | p[3];
}

static void entry(const struct dj_native *n, uint32_t at,
	enum dj_native_entry kind, uint32_t i)
{
	uint8_t mark[DJ_NATIVE_MARK];

	MUST(at >= sizeof(mark) && at < n->code_len);
	dj_native_mark(dj_native_sum(n), kind, i, mark);
	MUST(memcmp(n->body + at - sizeof(mark), mark, sizeof(mark)) == 0);
	MUST(dj_native_like_mark(mark));
}

/* What is accepted is written again as it was, its entries are marked. */
static void judge(const uint8_t *data, size_t len)
{
	const char *why = NULL;
	struct dj_native n;
	uint32_t at;
	uint8_t *copy;

	if (dj_native_parse(data, len, &n, &why) != DJ_OK) {
		MUST(why != NULL);
		return;
	}
	for (uint32_t i = 0; i < n.func_count; i++)
		entry(&n, dj_native_func(&n, i), DJ_NATIVE_FUNC, i);
	for (uint32_t i = 0; i < n.type_count; i++) {
		at = dj_native_enter_at(&n, i);
		if (at != 0)
			entry(&n, at, DJ_NATIVE_ENTER, i);
		at = dj_native_leave_at(&n, i);
		if (at != 0)
			entry(&n, at, DJ_NATIVE_LEAVE, i);
	}
	(void)dj_native_site(&n, n.code_len / 2, &at);
	(void)dj_native_forbidden(n.isa, n.body, n.code_len);
	MUST(dj_native_size(&n) == len);
	if (len > (size_t)1 << 20)
		return;
	copy = malloc(len + 1);
	MUST(copy != NULL && dj_native_write(&n, copy, len) == DJ_OK);
	MUST(memcmp(copy, data, len) == 0);
	free(copy);
}

static void put(uint8_t *image, size_t body, size_t len, uint32_t sum,
	enum dj_native_entry kind, uint32_t i, size_t from)
{
	uint32_t at = u32_at(image + from);

	if (at >= DJ_NATIVE_MARK && body + at <= len)
		dj_native_mark(sum, kind, i,
			image + body + at - DJ_NATIVE_MARK);
}

/*
 * The same with a header of this version and each entry marked, if lengths
 * leave room for that: no fuzzer would come upon a mark.
 */
static bool heal(uint8_t *image, size_t len, uint8_t *ret)
{
	struct dj_native n = { .isa = (enum dj_isa)(1 + image[6] % 3),
		.bounds = (enum dj_bounds)(image[7] & 1),
		.cpu_level = image[8],
		.flags = image[9] & (DJ_NATIVE_THROWS | DJ_NATIVE_TAILS),
		.code_len = DJ_NATIVE_PAGE * (image[14] >> 4),
		.func_count = image[23],
		.type_count = image[27],
		.sites_len = (uint32_t)image[30] << 8 | image[31] };
	size_t types, body;
	uint32_t sum;

	memcpy(n.module, image + 32, sizeof(n.module));
	body = dj_native_size(&n) - n.code_len;
	if (body > len || len - body < n.code_len)
		return false;
	n.rodata_len = (uint32_t)(len - body - n.code_len);
	n.funcs = image + DJ_NATIVE_HEAD;
	n.types = n.funcs + (size_t)n.func_count * 4;
	n.sites = n.types + (size_t)n.type_count * 8;
	n.body = image + body;
	sum = dj_native_sum(&n);
	types = (size_t)(n.types - image);
	for (uint32_t i = 0; i < n.func_count; i++)
		put(image, body, len, sum, DJ_NATIVE_FUNC, i,
			DJ_NATIVE_HEAD + (size_t)i * 4);
	for (uint32_t i = 0; i < 2 * n.type_count; i++)
		put(image, body, len, sum,
			i % 2 == 0 ? DJ_NATIVE_ENTER : DJ_NATIVE_LEAVE, i / 2,
			types + (size_t)i * 4);
	MUST(dj_native_write(&n, ret, len) == DJ_OK);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *why = NULL;
	struct dj_knc k;
	uint8_t *image, *healed;

	if (dj_knc_parse(data, len, &k, &why) == DJ_OK) {
		data = k.image;
		len = (size_t)k.image_len;
	}
	judge(data, len);
	if (len < DJ_NATIVE_HEAD)
		return 0;
	image = malloc(len);
	healed = malloc(len);
	MUST(image != NULL && healed != NULL);
	memcpy(image, data, len);
	if (heal(image, len, healed))
		judge(healed, len);
	free(healed);
	free(image);
	return 0;
}
