// SPDX-License-Identifier: Apache-2.0
#include "keep/vfs/vfs.h"
#include "tests/support/hostmem.h"
#include "tests/support/mktar.h"
#include "tests/tap.h"

static struct dj_arena arena;
static struct dj_vfs vfs;
static struct dj_vfs_node *root;
static struct mktar tar;

static dj_status open_tree(uint64_t max_bytes, bool writable)
{
	const struct dj_vfs_pages pages = { hostmem.reserve, hostmem.commit,
		hostmem.release, max_bytes };
	struct dj_vfs_error err = { .what = "" };
	dj_status st;

	if (!hostmem_arena(&arena, (size_t)64 << 20))
		abort();
	if (dj_vfs_init(&vfs, &arena, &pages) != DJ_OK)
		abort();
	st = dj_vfs_tree(&vfs, tar.p, tar.len, writable, &root, &err);
	if (st != DJ_OK)
		printf("# %s: %s\n", err.name, err.what);
	dj_vfs_seal(&vfs);
	return st;
}

static void close_tree(void)
{
	dj_vfs_done(&vfs);
	hostmem_arena_done(&arena);
	mktar_free(&tar);
}

static enum dj_errno walk_to(const char *path, bool follow,
	struct dj_vfs_at *ret)
{
	return dj_vfs_walk(&vfs, root, path, strlen(path), follow, ret);
}

static struct dj_vfs_node *node_at(const char *path)
{
	struct dj_vfs_at at = { 0 };

	if (walk_to(path, true, &at) != DJ_ESUCCESS)
		return NULL;
	return at.node;
}

static enum dj_errno make(const char *path, enum dj_vfs_type type,
	const char *target, struct dj_vfs_node **ret)
{
	struct dj_vfs_node *n;
	struct dj_vfs_at at;
	enum dj_errno e = walk_to(path, false, &at);

	if (e == DJ_ESUCCESS)
		e = dj_vfs_create(&vfs, &at, type, target,
			target == NULL ? 0 : strlen(target), &n);
	if (e == DJ_ESUCCESS && ret != NULL)
		*ret = n;
	return e;
}

static enum dj_errno take_out(const char *path, bool dir)
{
	struct dj_vfs_at at;
	enum dj_errno e = walk_to(path, false, &at);

	return e == DJ_ESUCCESS ? dj_vfs_remove(&vfs, &at, dir) : e;
}

static enum dj_errno move(const char *from, const char *to)
{
	struct dj_vfs_at a, b;
	enum dj_errno e = walk_to(from, false, &a);

	if (e == DJ_ESUCCESS)
		e = walk_to(to, false, &b);
	return e == DJ_ESUCCESS ? dj_vfs_rename(&vfs, &a, &b) : e;
}

static void pack_some(void)
{
	mktar_file(&tar, "a/b/file", "contents");
	mktar_header(&tar, "a/", '5', 0, NULL);
	mktar_header(&tar, "a/up", '2', 0, "../top");
	mktar_header(&tar, "a/out", '2', 0, "../../top");
	mktar_header(&tar, "a/abs", '2', 0, "/a/b/file");
	mktar_header(&tar, "todir", '2', 0, "a/b/");
	mktar_header(&tar, "dangling", '2', 0, "a/none");
	mktar_header(&tar, "loop1", '2', 0, "loop2");
	mktar_header(&tar, "loop2", '2', 0, "loop1");
	mktar_file(&tar, "top", "top");
	mktar_end(&tar);
}

static void a_packed_tree_holds_what_was_packed(void)
{
	struct dj_vfs_node *n;
	uint8_t buf[16];

	pack_some();
	eq_u64(open_tree(0, false), DJ_OK);
	n = node_at("a/b/file");
	if (ok(n != NULL)) {
		eq_u64(n->type, DJ_VFS_FILE);
		eq_u64(dj_vfs_size(n), 8);
		eq_u64(dj_vfs_read(n, 0, buf, sizeof(buf)), 8);
		eq_mem(buf, "contents", 8);
		eq_u64(dj_vfs_read(n, 3, buf, 2), 2);
		eq_mem(buf, "te", 2);
		eq_u64(dj_vfs_read(n, 8, buf, 1), 0);
		eq_u64(dj_vfs_read(n, UINT64_MAX, buf, 1), 0);
	}
	close_tree();
}

static void a_read_only_tree_cannot_be_changed(void)
{
	struct dj_vfs_node *n;
	size_t len;

	pack_some();
	eq_u64(open_tree(1 << 20, false), DJ_OK);
	n = node_at("top");
	eq_u64(make("new", DJ_VFS_FILE, NULL, NULL), DJ_EROFS);
	eq_u64(make("top", DJ_VFS_FILE, NULL, NULL), DJ_EEXIST);
	eq_u64(take_out("top", false), DJ_EROFS);
	eq_u64(move("top", "new"), DJ_EROFS);
	eq_u64(dj_vfs_write(&vfs, n, 0, "x", 1, &len), DJ_EROFS);
	eq_u64(dj_vfs_resize(&vfs, n, 0), DJ_EROFS);
	eq_u64(dj_vfs_allocate(&vfs, n, 0, 1), DJ_EROFS);
	eq_u64(dj_vfs_size(n), 3);
	close_tree();
}

static void a_member_named_twice_is_refused_by_name(void)
{
	static const struct {
		const char *first, *second;
		char type;
	} cases[] = {
		{ "a", "a", '0' },
		{ "a", "./a", '5' },
		{ "a", "a/b", '0' },
		{ "d/", "d/", '5' },
		{ "./", "./", '5' },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct dj_vfs_pages pages = { .max_bytes = 0 };
		struct dj_vfs_error err = { .what = NULL };
		const char *first = cases[i].first;

		mktar_header(&tar, first,
			first[strlen(first) - 1] == '/' ? '5' : '0', 0, NULL);
		mktar_header(&tar, cases[i].second, cases[i].type, 0, NULL);
		mktar_end(&tar);
		if (!hostmem_arena(&arena, 1 << 20))
			abort();
		eq_u64(dj_vfs_init(&vfs, &arena, &pages), DJ_OK);
		eq_u64(dj_vfs_tree(&vfs, tar.p, tar.len, false, &root, &err),
			DJ_E_INPUT);
		ok(err.what != NULL && err.what[0] != '\0');
		ok(strncmp(cases[i].second, "./", 2) == 0 ||
			strncmp(err.name, cases[i].second, strlen(err.name)) ==
				0);
		close_tree();
	}
}

static void a_tree_that_does_not_fit_is_no_memory(void)
{
	const struct dj_vfs_pages pages = { .max_bytes = 0 };
	char name[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		mktar_file(&tar, name, "");
	}
	mktar_end(&tar);
	if (!hostmem_arena(&arena, 1 << 16))
		abort();
	eq_u64(dj_vfs_init(&vfs, &arena, &pages), DJ_OK);
	eq_u64(dj_vfs_tree(&vfs, tar.p, tar.len, false, &root, NULL),
		DJ_E_NOMEM);
	close_tree();
}

static void no_path_leads_out_of_a_tree(void)
{
	static const struct {
		const char *path;
		enum dj_errno e;
		bool found;
	} cases[] = {
		{ "top", DJ_ESUCCESS, true },
		{ "a/../top", DJ_ESUCCESS, true },
		{ "a/b/../../a/.//b/./file", DJ_ESUCCESS, true },
		{ "a/up", DJ_ESUCCESS, true },
		{ "todir/file", DJ_ESUCCESS, true },
		{ "todir/../up", DJ_ESUCCESS, true },
		{ "todir/", DJ_ESUCCESS, true },
		{ ".", DJ_ESUCCESS, true },
		{ "a/..", DJ_ESUCCESS, true },
		{ "none", DJ_ESUCCESS, false },
		{ "none/", DJ_ESUCCESS, false },
		{ "dangling", DJ_ESUCCESS, false },
		{ "", DJ_ENOENT, false },
		{ "none/x", DJ_ENOENT, false },
		{ "dangling/x", DJ_ENOENT, false },
		{ "top/", DJ_ENOTDIR, false },
		{ "top/x", DJ_ENOTDIR, false },
		{ "top/..", DJ_ENOTDIR, false },
		{ "/top", DJ_ENOTCAPABLE, false },
		{ "/", DJ_ENOTCAPABLE, false },
		{ "..", DJ_ENOTCAPABLE, false },
		{ "../x", DJ_ENOTCAPABLE, false },
		{ "a/../..", DJ_ENOTCAPABLE, false },
		{ "a/b/../../../top", DJ_ENOTCAPABLE, false },
		{ "a/out", DJ_ENOTCAPABLE, false },
		{ "a/abs", DJ_ENOTCAPABLE, false },
		{ "loop1", DJ_ELOOP, false },
		{ "loop1/x", DJ_ELOOP, false },
	};

	pack_some();
	eq_u64(open_tree(0, false), DJ_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dj_vfs_at at = { 0 };

		if (!eq_u64(walk_to(cases[i].path, true, &at), cases[i].e) ||
			!eq_u64(at.node != NULL, cases[i].found))
			printf("# %s\n", cases[i].path);
	}
	close_tree();
}

static void a_directory_is_the_top_of_what_is_walked_from_it(void)
{
	struct dj_vfs_node *a;
	struct dj_vfs_at at;

	pack_some();
	eq_u64(open_tree(0, false), DJ_OK);
	a = node_at("a");
	eq_u64(dj_vfs_walk(&vfs, a, "b/file", 6, true, &at), DJ_ESUCCESS);
	eq_u64(dj_vfs_walk(&vfs, a, "..", 2, true, &at), DJ_ENOTCAPABLE);
	eq_u64(dj_vfs_walk(&vfs, a, "up", 2, true, &at), DJ_ENOTCAPABLE);
	eq_u64(dj_vfs_walk(&vfs, a, "up", 2, false, &at), DJ_ESUCCESS);
	close_tree();
}

static void forty_links_are_followed_and_no_more(void)
{
	char name[16], target[16];

	mktar_file(&tar, "l0", "end");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		mktar_header(&tar, name, '2', 0, target);
	}
	mktar_end(&tar);
	eq_u64(open_tree(0, false), DJ_OK);
	ok(node_at("l40") != NULL);
	ok(node_at("l41") == NULL);
	close_tree();
}

static void long_names_and_paths_are_refused(void)
{
	static char path[DJ_VFS_PATH_MAX + 2];
	struct dj_vfs_at at;

	eq_u64(open_tree(1 << 20, true), DJ_OK);
	memset(path, 'n', 256);
	eq_u64(walk_to(path, true, &at), DJ_ENAMETOOLONG);
	path[255] = '\0';
	eq_u64(make(path, DJ_VFS_FILE, NULL, NULL), DJ_ESUCCESS);
	ok(node_at(path) != NULL);
	for (size_t i = 0; i <= DJ_VFS_PATH_MAX; i++)
		path[i] = i % 2 != 0 ? '/' : '.';
	eq_u64(walk_to(path, true, &at), DJ_ENAMETOOLONG);
	path[DJ_VFS_PATH_MAX] = '\0';
	eq_u64(walk_to(path, true, &at), DJ_ESUCCESS);
	close_tree();
}

static void written_bytes_are_read_back(void)
{
	static uint8_t data[20000], back[sizeof(data)], model[sizeof(data)];
	struct dj_vfs_node *n;
	uint32_t seed = 1;
	uint64_t size = 0;
	size_t len;

	eq_u64(open_tree(1 << 20, true), DJ_OK);
	eq_u64(make("f", DJ_VFS_FILE, NULL, &n), DJ_ESUCCESS);
	for (int i = 0; i < 2000; i++) {
		size_t at, k;

		seed = seed * 1664525 + 1013904223;
		at = (seed >> 8) % sizeof(data);
		k = (seed >> 4) % (sizeof(data) - at);
		if (seed >> 28 == 0) {
			eq_u64(dj_vfs_resize(&vfs, n, at), DJ_ESUCCESS);
			if (at < size)
				memset(model + at, 0, sizeof(model) - at);
			size = at;
			continue;
		}
		memset(data, (int)(seed >> 24), k);
		eq_u64(dj_vfs_write(&vfs, n, at, data, k, &len), DJ_ESUCCESS);
		eq_u64(len, k);
		memcpy(model + at, data, k);
		if (k != 0 && at + k > size)
			size = at + k;
		if (!eq_u64(dj_vfs_size(n), size))
			break;
		if (!eq_u64(dj_vfs_read(n, 0, back, sizeof(back)), size) ||
			!eq_mem(back, model, size))
			break;
	}
	close_tree();
}

static void a_packed_file_is_copied_only_where_it_is_written(void)
{
	static char contents[10001], back[10000];
	struct dj_vfs_node *n;
	uint64_t used;
	size_t len;

	memset(contents, 'c', 10000);
	mktar_file(&tar, "f", contents);
	mktar_end(&tar);
	eq_u64(open_tree(1 << 20, true), DJ_OK);
	n = node_at("f");
	used = vfs.used;
	eq_u64(dj_vfs_write(&vfs, n, 5000, "new", 3, &len), DJ_ESUCCESS);
	ok(vfs.used - used <= (uint64_t)2 * DJ_VFS_PAGE);
	eq_u64(dj_vfs_read(n, 0, back, sizeof(back)), 10000);
	memcpy(contents + 5000, "new", 3);
	eq_mem(back, contents, 10000);
	ok(memcmp(tar.p + 512 + 5000, "ccc", 3) == 0);
	/* What was cut off does not come back. */
	eq_u64(dj_vfs_resize(&vfs, n, 9000), DJ_ESUCCESS);
	eq_u64(dj_vfs_resize(&vfs, n, 10000), DJ_ESUCCESS);
	memset(contents + 9000, 0, 1000);
	eq_u64(dj_vfs_read(n, 0, back, sizeof(back)), 10000);
	eq_mem(back, contents, 10000);
	close_tree();
}

static void files_are_sparse(void)
{
	struct dj_vfs_node *n;
	uint8_t buf[4] = { 1, 1, 1, 1 };
	size_t len;

	eq_u64(open_tree(1 << 20, true), DJ_OK);
	eq_u64(make("f", DJ_VFS_FILE, NULL, &n), DJ_ESUCCESS);
	eq_u64(dj_vfs_write(&vfs, n, (uint64_t)1 << 40, "end", 3, &len),
		DJ_ESUCCESS);
	eq_u64(dj_vfs_size(n), ((uint64_t)1 << 40) + 3);
	eq_u64(dj_vfs_read(n, 1 << 30, buf, 4), 4);
	eq_mem(buf, "\0\0\0", 4);
	eq_u64(dj_vfs_read(n, (uint64_t)1 << 40, buf, 4), 3);
	eq_mem(buf, "end", 3);
	eq_u64(dj_vfs_write(&vfs, n, INT64_MAX - 1, "x", 1, &len), DJ_ESUCCESS);
	eq_u64(dj_vfs_write(&vfs, n, INT64_MAX, "x", 1, &len), DJ_EFBIG);
	eq_u64(dj_vfs_write(&vfs, n, UINT64_MAX, "x", 1, &len), DJ_EFBIG);
	eq_u64(dj_vfs_resize(&vfs, n, (uint64_t)INT64_MAX + 1), DJ_EFBIG);
	eq_u64(dj_vfs_resize(&vfs, n, 1), DJ_ESUCCESS);
	eq_u64(dj_vfs_read(n, 0, buf, 4), 1);
	close_tree();
}

static uint64_t fill_disk(struct dj_vfs_node *n)
{
	static uint8_t block[65536];
	uint64_t at = 0;
	size_t len;

	while (dj_vfs_write(&vfs, n, at, block, sizeof(block), &len) ==
		DJ_ESUCCESS)
		at += len;
	return at;
}

static void a_full_disk_is_enospc_and_removing_makes_room(void)
{
	struct dj_vfs_node *n;
	uint64_t first, again;

	eq_u64(open_tree(1 << 20, true), DJ_OK);
	for (int i = 0; i < 3; i++) {
		eq_u64(make("f", DJ_VFS_FILE, NULL, &n), DJ_ESUCCESS);
		again = fill_disk(n);
		if (i == 0)
			first = again;
		ok(again > 900 << 10 && again <= 1 << 20);
		eq_u64(again, first);
		eq_u64(dj_vfs_allocate(&vfs, n, (uint64_t)1 << 30, 1),
			DJ_ENOSPC);
		eq_u64(dj_vfs_allocate(&vfs, n, 0, (uint64_t)1 << 40),
			DJ_ENOSPC);
		eq_u64(dj_vfs_size(n), again);
		eq_u64(take_out("f", false), DJ_ESUCCESS);
	}
	/* Names use it up too, and nothing half-made is left. */
	for (int i = 0;; i++) {
		char name[256];
		enum dj_errno e;

		memset(name, 'x', sizeof(name));
		snprintf(name, 16, "%014d", i);
		name[14] = 'x';
		name[250] = '\0';
		e = make(name, DJ_VFS_DIR, NULL, NULL);
		if (e != DJ_ESUCCESS) {
			eq_u64(e, DJ_ENOSPC);
			ok(i > 1000);
			ok(node_at(name) == NULL);
			break;
		}
	}
	close_tree();
}

static void without_space_nothing_can_be_made(void)
{
	eq_u64(open_tree(0, true), DJ_OK);
	eq_u64(make("f", DJ_VFS_FILE, NULL, NULL), DJ_ENOSPC);
	eq_u64(make("d", DJ_VFS_DIR, NULL, NULL), DJ_ENOSPC);
	close_tree();
}

static void a_file_lives_as_long_as_somebody_holds_it(void)
{
	struct dj_vfs_node *n;
	uint8_t buf[3];
	size_t len;

	eq_u64(open_tree(1 << 20, true), DJ_OK);
	eq_u64(make("f", DJ_VFS_FILE, NULL, &n), DJ_ESUCCESS);
	dj_vfs_ref(n);
	eq_u64(dj_vfs_write(&vfs, n, 0, "abc", 3, &len), DJ_ESUCCESS);
	eq_u64(take_out("f", false), DJ_ESUCCESS);
	ok(node_at("f") == NULL);
	eq_u64(dj_vfs_read(n, 0, buf, 3), 3);
	eq_mem(buf, "abc", 3);
	dj_vfs_unref(&vfs, n);
	close_tree();
}

static void a_removed_directory_takes_nothing_in(void)
{
	struct dj_vfs_node *d, *n;
	struct dj_vfs_at at;

	eq_u64(open_tree(1 << 20, true), DJ_OK);
	eq_u64(make("d", DJ_VFS_DIR, NULL, &d), DJ_ESUCCESS);
	dj_vfs_ref(d);
	eq_u64(take_out("d", true), DJ_ESUCCESS);
	eq_u64(dj_vfs_walk(&vfs, d, "x", 1, true, &at), DJ_ESUCCESS);
	eq_u64(dj_vfs_create(&vfs, &at, DJ_VFS_FILE, NULL, 0, &n), DJ_ENOENT);
	eq_u64(dj_vfs_walk(&vfs, d, "..", 2, true, &at), DJ_ENOTCAPABLE);
	dj_vfs_unref(&vfs, d);
	close_tree();
}

static void removing_and_renaming_follow_posix(void)
{
	static const struct {
		const char *from, *to;
		enum dj_errno e;
	} cases[] = {
		{ "none", "x", DJ_ENOENT },
		{ "file", "dir", DJ_EISDIR },
		{ "file", "file", DJ_ESUCCESS },
		{ "file", "none/x", DJ_ENOENT },
		{ "file", "new/", DJ_ENOTDIR },
		{ "dir", "file", DJ_ENOTDIR },
		{ "dir", "full", DJ_ENOTEMPTY },
		{ "dir", "dir/sub", DJ_EINVAL },
		{ "full", "full/sub/deep", DJ_EINVAL },
		{ "dir", ".", DJ_EBUSY },
		{ ".", "x", DJ_EBUSY },
		{ "file", "file2", DJ_ESUCCESS },
		{ "full", "dir", DJ_ESUCCESS },
		{ "dir/inside", "inside", DJ_ESUCCESS },
		{ "dir", "moved/", DJ_ESUCCESS },
	};

	eq_u64(open_tree(1 << 20, true), DJ_OK);
	eq_u64(make("file", DJ_VFS_FILE, NULL, NULL), DJ_ESUCCESS);
	eq_u64(make("file2", DJ_VFS_FILE, NULL, NULL), DJ_ESUCCESS);
	eq_u64(make("dir/", DJ_VFS_DIR, NULL, NULL), DJ_ESUCCESS);
	eq_u64(make("full", DJ_VFS_DIR, NULL, NULL), DJ_ESUCCESS);
	eq_u64(make("full/sub", DJ_VFS_DIR, NULL, NULL), DJ_ESUCCESS);
	eq_u64(make("full/inside", DJ_VFS_FILE, NULL, NULL), DJ_ESUCCESS);
	eq_u64(make("link", DJ_VFS_LINK, "full", NULL), DJ_ESUCCESS);
	eq_u64(make("x/", DJ_VFS_FILE, NULL, NULL), DJ_ENOENT);
	eq_u64(take_out("full", true), DJ_ENOTEMPTY);
	eq_u64(take_out("full", false), DJ_EISDIR);
	eq_u64(take_out("file", true), DJ_ENOTDIR);
	eq_u64(take_out("file/", false), DJ_ENOTDIR);
	eq_u64(take_out("link/", true), DJ_ENOTDIR);
	eq_u64(take_out("none", false), DJ_ENOENT);
	eq_u64(take_out(".", true), DJ_EINVAL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!eq_u64(move(cases[i].from, cases[i].to), cases[i].e))
			printf("# %s to %s\n", cases[i].from, cases[i].to);
	ok(node_at("moved/sub") != NULL);
	ok(node_at("moved/sub/../../inside") != NULL);
	ok(node_at("file") == NULL);
	ok(node_at("dir") == NULL);
	close_tree();
}

static void a_link_is_one_more_name(void)
{
	struct dj_vfs_node *n, *d;
	struct dj_vfs_at at;

	eq_u64(open_tree(1 << 20, true), DJ_OK);
	eq_u64(make("f", DJ_VFS_FILE, NULL, &n), DJ_ESUCCESS);
	eq_u64(make("d", DJ_VFS_DIR, NULL, &d), DJ_ESUCCESS);
	eq_u64(walk_to("g", false, &at), DJ_ESUCCESS);
	eq_u64(dj_vfs_link(&vfs, n, &at), DJ_ESUCCESS);
	eq_u64(n->names, 2);
	eq_u64(walk_to("h", false, &at), DJ_ESUCCESS);
	eq_u64(dj_vfs_link(&vfs, d, &at), DJ_EPERM);
	eq_u64(walk_to("h/", false, &at), DJ_ESUCCESS);
	eq_u64(dj_vfs_link(&vfs, n, &at), DJ_ENOENT);
	eq_u64(take_out("f", false), DJ_ESUCCESS);
	ok(node_at("g") == n);
	eq_u64(n->names, 1);
	close_tree();
}

static void trees_do_not_share_names_or_files(void)
{
	struct dj_vfs_node *one, *two, *n;
	struct dj_vfs_at a, b;
	const struct dj_vfs_pages pages = { hostmem.reserve, hostmem.commit,
		hostmem.release, 1 << 20 };

	if (!hostmem_arena(&arena, 1 << 20))
		abort();
	eq_u64(dj_vfs_init(&vfs, &arena, &pages), DJ_OK);
	eq_u64(dj_vfs_tree(&vfs, NULL, 0, true, &one, NULL), DJ_OK);
	eq_u64(dj_vfs_tree(&vfs, NULL, 0, true, &two, NULL), DJ_OK);
	dj_vfs_seal(&vfs);
	eq_u64(dj_vfs_walk(&vfs, one, "f", 1, true, &a), DJ_ESUCCESS);
	eq_u64(dj_vfs_create(&vfs, &a, DJ_VFS_FILE, NULL, 0, &n), DJ_ESUCCESS);
	eq_u64(dj_vfs_walk(&vfs, one, "f", 1, true, &a), DJ_ESUCCESS);
	eq_u64(dj_vfs_walk(&vfs, two, "f", 1, true, &b), DJ_ESUCCESS);
	ok(b.node == NULL);
	eq_u64(dj_vfs_rename(&vfs, &a, &b), DJ_EXDEV);
	eq_u64(dj_vfs_link(&vfs, n, &b), DJ_EXDEV);
	close_tree();
}

static void many_names_are_found_listed_once_and_removed(void)
{
	enum {
		N = 5000
	};
	static uint8_t seen[N];
	struct dj_vfs_hint hint = { 0 };
	const struct dj_vfs_name *e;
	char name[16];
	uint64_t cookie = 0, last = 0;
	unsigned n = 0;

	eq_u64(open_tree(16 << 20, true), DJ_OK);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		if (!eq_u64(make(name, DJ_VFS_FILE, NULL, NULL), DJ_ESUCCESS))
			break;
	}
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		if (!ok(node_at(name) != NULL))
			break;
	}
	/* Every third is removed on the way: the others are seen once. */
	while ((e = dj_vfs_after(root, cookie, &hint)) != NULL) {
		int i = atoi(e->text + 1);

		ok(e->seq > last && e->seq > 2);
		last = cookie = e->seq;
		seen[i]++;
		n++;
		if (i % 3 == 0) {
			snprintf(name, sizeof(name), "n%d", i);
			eq_u64(take_out(name, false), DJ_ESUCCESS);
		}
	}
	eq_u64(n, N);
	for (int i = 0; i < N; i++)
		if (!eq_u64(seen[i], 1))
			break;
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		if (!eq_u64(node_at(name) != NULL, i % 3 != 0))
			break;
	}
	/* Any old cookie, with or without the hint of another place. */
	e = dj_vfs_after(root, 3000, &hint);
	ok(e != NULL && e->seq > 3000 && e->prev->seq <= 3000);
	e = dj_vfs_after(root, 10, &hint);
	ok(e != NULL && e->seq > 10 && e->prev->seq <= 10);
	ok(dj_vfs_after(root, UINT64_MAX, &hint) == NULL);
	close_tree();
}

int main(void)
{
	RUN(a_packed_tree_holds_what_was_packed);
	RUN(a_read_only_tree_cannot_be_changed);
	RUN(a_member_named_twice_is_refused_by_name);
	RUN(a_tree_that_does_not_fit_is_no_memory);
	RUN(no_path_leads_out_of_a_tree);
	RUN(a_directory_is_the_top_of_what_is_walked_from_it);
	RUN(forty_links_are_followed_and_no_more);
	RUN(long_names_and_paths_are_refused);
	RUN(written_bytes_are_read_back);
	RUN(a_packed_file_is_copied_only_where_it_is_written);
	RUN(files_are_sparse);
	RUN(a_full_disk_is_enospc_and_removing_makes_room);
	RUN(without_space_nothing_can_be_made);
	RUN(a_file_lives_as_long_as_somebody_holds_it);
	RUN(a_removed_directory_takes_nothing_in);
	RUN(removing_and_renaming_follow_posix);
	RUN(a_link_is_one_more_name);
	RUN(trees_do_not_share_names_or_files);
	RUN(many_names_are_found_listed_once_and_removed);
	return done();
}
