// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "client/changes.h"

/* What comes back from a Keep: what is accepted can be put in a folder. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FOLDERS 2

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Plain names alone; returns how many folders are above. */
static size_t check_path(const char *p)
{
	size_t above = 0;

	for (;; above++) {
		size_t n = strcspn(p, "/");

		must(n > 0 && n <= DJ_UNTAR_NAME_MAX);
		must(strncmp(p, "..", n) != 0 || n > 2);
		if (p[n] == '\0')
			return above;
		p += n + 1;
	}
}

/* Lexically, step by step, never above the folder, and no way back up. */
static void check_target(const struct dj_change *x, size_t above)
{
	const char *p = x->target, *end = p + x->target_len;
	bool down = false;

	must(x->target_len > 0 && *p != '/');
	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t n = (size_t)((slash == NULL ? end : slash) - p);

		if (n == 2 && memcmp(p, "..", 2) == 0) {
			must(!down && above > 0);
			above--;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			down = true;
		}
		p += n + 1;
	}
}

static void try(const uint8_t *data, size_t size)
{
	struct dj_err err = { 0 };
	struct dj_changes c;
	bool good = dj_changes_read(&c, data, size, FOLDERS, &err);

	must(good == (err.info == NULL));
	for (size_t i = 0; good && i < c.count; i++) {
		const struct dj_change *x = &c.v[i];
		size_t above = check_path(x->path);

		must(x->folder < FOLDERS && x->type != DJ_UNTAR_END);
		must(dj_changes_find(&c, x->folder, x->is_gone, x->path,
			     strlen(x->path)) == x);
		if (x->type == DJ_UNTAR_LINK)
			check_target(x, above);
		if (x->type == DJ_UNTAR_FILE)
			must(x->data >= data &&
				x->size <= (size_t)(data + size - x->data));
		if (x->is_gone)
			must(x->type == DJ_UNTAR_FILE && x->size == 0);
	}
	dj_changes_done(&c);
}

/* Headers that were mutated get their checksum again, to come further. */
static void mend(uint8_t *p, size_t len)
{
	for (size_t at = 0; len - at >= 512; at += 512) {
		uint8_t *h = p + at;
		unsigned sum = 0;

		if (memcmp(h + 257, "ustar", 5) != 0)
			continue;
		memset(h + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += h[i];
		for (int i = 5; i >= 0; i--, sum >>= 3)
			h[148 + i] = (uint8_t)('0' + (sum & 7));
		h[154] = 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (copy == NULL)
		return 0;
	if (size != 0)
		memcpy(copy, data, size);
	try(data, size);
	mend(copy, size);
	try(copy, size);
	free(copy);
	return 0;
}
