// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "keep/vfs/vfs.h"
#include "lib/proto/untar.h"

/* An input tree: what is accepted is clean and lies within the input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t room[1 << 20] __attribute__((aligned(16)));

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_path(const char *p, size_t len)
{
	const char *end = p + len;

	must(len <= DJ_UNTAR_PATH_MAX && dj_utf8_ok(p, len));
	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t n = (size_t)((slash == NULL ? end : slash) - p);

		must(n > 0 && n <= DJ_UNTAR_NAME_MAX);
		must(!(n == 1 && p[0] == '.'));
		must(!(n == 2 && p[0] == '.' && p[1] == '.'));
		if (slash == NULL)
			return;
		p = slash + 1;
		must(p < end);
	}
}

static bool read_members(const uint8_t *data, size_t size)
{
	struct dj_untar_member m;
	struct dj_untar t;

	dj_untar_init(&t, data, size);
	for (;;) {
		if (dj_untar_next(&t, &m) != DJ_OK) {
			must(t.what[0] != '\0' && t.offset <= size);
			return false;
		}
		if (m.type == DJ_UNTAR_END)
			return true;
		check_path(m.path, m.path_len);
		if (m.type == DJ_UNTAR_FILE)
			must(m.data >= data &&
				m.size <= (size_t)(data + size - m.data));
		if (m.type == DJ_UNTAR_LINK)
			must(m.target_len > 0 &&
				dj_utf8_ok(m.target, m.target_len));
	}
}

/* Every node is reached by its path, and its bytes can be read. */
static void visit(struct dj_vfs *v, struct dj_vfs_node *dir, int depth)
{
	struct dj_vfs_hint hint = { 0 };
	const struct dj_vfs_name *e;
	struct dj_vfs_at at;
	uint64_t cookie = 0;
	uint8_t buf[64];

	while ((e = dj_vfs_after(dir, cookie, &hint)) != NULL) {
		must(e->seq > cookie && e->dir == dir);
		cookie = e->seq;
		must(dj_vfs_walk(v, dir, e->text, e->len, false, &at) ==
			DJ_ESUCCESS);
		must(at.node == e->node);
		(void)dj_vfs_walk(v, dir, e->text, e->len, true, &at);
		if (e->node->type == DJ_VFS_FILE)
			(void)dj_vfs_read(e->node, 0, buf, sizeof(buf));
		else if (e->node->type == DJ_VFS_DIR && depth < 100)
			visit(v, e->node, depth + 1);
	}
}

static void try(const uint8_t *data, size_t size)
{
	const struct dj_vfs_pages pages = { .max_bytes = 0 };
	bool whole = read_members(data, size);
	struct dj_vfs_node *root;
	struct dj_vfs_error err = { .what = "" };
	struct dj_arena arena;
	struct dj_vfs v;
	dj_status st;

	dj_arena_init(&arena, room, sizeof(room), NULL);
	must(dj_vfs_init(&v, &arena, &pages) == DJ_OK);
	st = dj_vfs_tree(&v, data, size, false, &root, &err);
	must(whole || st != DJ_OK);
	if (st == DJ_OK)
		visit(&v, root, 0);
	else
		must(st == DJ_E_NOMEM || err.what[0] != '\0');
	dj_vfs_done(&v);
	memset(room, 0, arena.used);
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
