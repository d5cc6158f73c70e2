// SPDX-License-Identifier: Apache-2.0
#include "keep/vfs/changes.h"
#include "tests/support/hostmem.h"
#include "tests/support/mktar.h"
#include "tests/tap.h"

#define MAX (UINT64_C(64) << 20)

static struct dj_arena arena;
static struct dj_vfs vfs;
static struct dj_vfs_node *root;
static struct mktar tar;
static struct dj_vfs_changes changes;
static uint8_t *got; /* the archive */
static size_t got_len;

static void begin(const uint8_t *p, size_t len)
{
	const struct dj_vfs_pages pages = { hostmem.reserve, hostmem.commit,
		hostmem.release, MAX };
	struct dj_vfs_error err = { .what = "" };

	if (!hostmem_arena(&arena, (size_t)64 << 20) ||
		dj_vfs_init(&vfs, &arena, &pages) != DJ_OK)
		abort();
	eq_u64(dj_vfs_tree(&vfs, p, len, true, &root, &err), DJ_OK);
	dj_vfs_seal(&vfs);
}

static void begin_full(void)
{
	static const char target[] = "a";

	mktar_file(&tar, "a", "contents of a");
	mktar_header(&tar, "d/", '5', 0, NULL);
	mktar_file(&tar, "d/b", "");
	mktar_header(&tar, "d/e/", '5', 0, NULL);
	mktar_file(&tar, "d/e/c", "c");
	mktar_header(&tar, "l", '2', 0, target);
	mktar_file(&tar, "implied/x", "x");
	mktar_end(&tar);
	begin(tar.p, tar.len);
}

static void end(void)
{
	dj_vfs_done(&vfs);
	hostmem_arena_done(&arena);
	mktar_free(&tar);
	free(got);
	got = NULL;
	got_len = 0;
}

static dj_status take(void *ctx, const void *p, size_t len)
{
	uint8_t *grown = realloc(got, got_len + len + 1);

	(void)ctx;
	if (grown == NULL)
		abort();
	got = grown;
	memcpy(got + got_len, p, len);
	got_len += len;
	return DJ_OK;
}

static dj_status pack(uint64_t max)
{
	dj_status st;

	changes.put = take;
	changes.now = UINT64_C(5000000000);
	changes.left = max;
	changes.what = "";
	st = dj_vfs_changes_put(&changes, &vfs, root, tar.p, tar.len, 7);
	return st == DJ_OK ? dj_vfs_changes_end(&changes) : st;
}

/* The members as one text: "7/+/a=contents;7/+/d/;" */
static const char *listed(void)
{
	static char text[4096];
	struct dj_untar t;
	struct dj_untar_member m;
	size_t n = 0;
	dj_status st;

	text[0] = '\0';
	dj_untar_init(&t, got, got_len);
	while ((st = dj_untar_next(&t, &m)) == DJ_OK &&
		m.type != DJ_UNTAR_END) {
		bool link = m.type == DJ_UNTAR_LINK;
		int len = link ? (int)m.target_len : (int)m.size;

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s%s%.*s;",
			(int)m.path_len, m.path,
			m.type == DJ_UNTAR_DIR ? "/"
				: link         ? ">"
					       : "=",
			len,
			link ? m.target
				: m.type == DJ_UNTAR_DIR
				? ""
				: (const char *)m.data);
		if (n > 4000)
			abort();
	}
	return st == DJ_OK ? text : t.what;
}

static struct dj_vfs_at at(const char *path)
{
	struct dj_vfs_at a = { 0 };

	if (dj_vfs_walk(&vfs, root, path, strlen(path), false, &a) !=
		DJ_ESUCCESS)
		abort();
	return a;
}

static struct dj_vfs_node *make(const char *path, enum dj_vfs_type type,
	const char *target)
{
	struct dj_vfs_at a = at(path);
	struct dj_vfs_node *n = NULL;

	eq_u64(dj_vfs_create(&vfs, &a, type, target,
		       target == NULL ? 0 : strlen(target), &n),
		DJ_ESUCCESS);
	return n;
}

static void put(const char *path, const char *contents)
{
	struct dj_vfs_node *n = at(path).node;
	size_t len;

	if (n == NULL)
		n = make(path, DJ_VFS_FILE, NULL);
	eq_u64(dj_vfs_write(&vfs, n, 0, contents, strlen(contents), &len),
		DJ_ESUCCESS);
}

static void take_out(const char *path, bool dir)
{
	struct dj_vfs_at a = at(path);

	eq_u64(dj_vfs_remove(&vfs, &a, dir), DJ_ESUCCESS);
}

static void move(const char *from, const char *to)
{
	struct dj_vfs_at a = at(from), b = at(to);

	eq_u64(dj_vfs_rename(&vfs, &a, &b), DJ_ESUCCESS);
}

static void a_tree_that_nothing_changed_gives_nothing(void)
{
	begin_full();
	eq_u64(pack(MAX), DJ_OK);
	eq_u64(got_len, 1024);
	eq_str(listed(), "");
	end();
}

static void what_is_new_or_written_comes_back_whole(void)
{
	begin_full();
	put("a", "C");
	put("new", "n");
	make("nd", DJ_VFS_DIR, NULL);
	make("nd/s", DJ_VFS_LINK, "../a");
	put("d/e/z", "z");
	eq_u64(pack(MAX), DJ_OK);
	eq_str(listed(),
		"7/+/a=Contents of a;7/+/d/e/z=z;7/+/new=n;7/+/nd/;"
		"7/+/nd/s>../a;");
	end();
}

static void an_empty_tree_gives_all_that_it_has(void)
{
	begin(NULL, 0);
	make("d", DJ_VFS_DIR, NULL);
	put("d/f", "1");
	eq_u64(pack(MAX), DJ_OK);
	eq_str(listed(), "7/+/d/;7/+/d/f=1;");
	end();
}

static void what_is_gone_is_named_folders_first(void)
{
	begin_full();
	take_out("d/e/c", false);
	take_out("d/e", true);
	take_out("l", false);
	eq_u64(pack(MAX), DJ_OK);
	eq_str(listed(), "7/-/d/e=;7/-/d/e/c=;7/-/l=;");
	end();
}

static void what_moved_is_gone_there_and_new_here(void)
{
	begin_full();
	move("d", "m");
	eq_u64(pack(MAX), DJ_OK);
	eq_str(listed(),
		"7/-/d=;7/-/d/b=;7/-/d/e=;7/-/d/e/c=;7/+/m/;7/+/m/b=;"
		"7/+/m/e/;7/+/m/e/c=c;");
	end();
}

static void a_file_in_anothers_place_is_not_the_same(void)
{
	begin_full();
	move("a", "t");
	move("implied/x", "a");
	move("t", "implied/x");
	eq_u64(pack(MAX), DJ_OK);
	eq_str(listed(), "7/+/implied/x=contents of a;7/+/a=x;");
	end();
}

static void a_folder_in_a_files_place_takes_it_away_first(void)
{
	begin_full();
	take_out("a", false);
	make("a", DJ_VFS_DIR, NULL);
	take_out("d/e/c", false);
	take_out("d/e", true);
	put("d/e", "now a file");
	eq_u64(pack(MAX), DJ_OK);
	eq_str(listed(),
		"7/-/a=;7/-/d/e=;7/-/d/e/c=;7/+/d/e=now a file;7/+/a/;");
	end();
}

static void a_file_cut_and_written_as_it_was_comes_back(void)
{
	begin_full();
	eq_u64(dj_vfs_resize(&vfs, at("a").node, 0), DJ_ESUCCESS);
	eq_u64(dj_vfs_resize(&vfs, at("a").node, 13), DJ_ESUCCESS);
	eq_u64(pack(MAX), DJ_OK);
	ok(strncmp(listed(), "7/+/a=", 6) == 0);
	end();
}

static void a_second_name_is_a_second_file(void)
{
	struct dj_vfs_at b;

	begin_full();
	b = at("two");
	eq_u64(dj_vfs_link(&vfs, at("a").node, &b), DJ_ESUCCESS);
	eq_u64(pack(MAX), DJ_OK);
	eq_str(listed(), "7/+/two=contents of a;");
	end();
}

static void times_that_were_set_come_back(void)
{
	struct dj_untar_member m;
	struct dj_untar t;

	begin_full();
	at("a").node->mtim = UINT64_C(77000000000);
	eq_u64(pack(MAX), DJ_OK);
	dj_untar_init(&t, got, got_len);
	eq_u64(dj_untar_next(&t, &m), DJ_OK);
	eq_u64(m.mtime, UINT64_C(77000000000));
	end();
}

static void more_than_may_come_back_is_refused(void)
{
	begin_full();
	put("new", "n");
	eq_u64(pack(2048), DJ_OK);
	end();
	begin_full();
	put("new", "n");
	eq_u64(pack(2047), DJ_E_LIMIT);
	eq_str(changes.what, "what changed is too much to be returned");
	end();
	/* A sparse file: refused before a byte of it is sent. */
	begin_full();
	eq_u64(dj_vfs_resize(&vfs, make("new", DJ_VFS_FILE, NULL),
		       UINT64_C(1) << 40),
		DJ_ESUCCESS);
	eq_u64(pack(MAX), DJ_E_LIMIT);
	eq_u64(got_len, 0);
	end();
}

static void a_path_too_long_is_refused(void)
{
	struct dj_vfs_node *dir;
	struct dj_vfs_at a;
	char name[200];

	memset(name, 'n', sizeof(name));
	for (int deep = 20; deep <= 21; deep++) {
		begin(NULL, 0);
		dir = root;
		for (int i = 0; i < deep; i++) {
			a = (struct dj_vfs_at){ .dir = dir,
				.name = name,
				.name_len = sizeof(name) };
			eq_u64(dj_vfs_create(&vfs, &a, DJ_VFS_DIR, NULL, 0,
				       &dir),
				DJ_ESUCCESS);
		}
		eq_u64(pack(MAX), deep == 20 ? DJ_OK : DJ_E_LIMIT);
		if (deep == 21)
			eq_str(changes.what,
				"a path is too long to be returned");
		end();
	}
}

int main(void)
{
	RUN(a_tree_that_nothing_changed_gives_nothing);
	RUN(what_is_new_or_written_comes_back_whole);
	RUN(an_empty_tree_gives_all_that_it_has);
	RUN(what_is_gone_is_named_folders_first);
	RUN(what_moved_is_gone_there_and_new_here);
	RUN(a_file_in_anothers_place_is_not_the_same);
	RUN(a_folder_in_a_files_place_takes_it_away_first);
	RUN(a_file_cut_and_written_as_it_was_comes_back);
	RUN(a_second_name_is_a_second_file);
	RUN(times_that_were_set_come_back);
	RUN(more_than_may_come_back_is_refused);
	RUN(a_path_too_long_is_refused);
	return done();
}
