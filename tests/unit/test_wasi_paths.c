// SPDX-License-Identifier: Apache-2.0
#include "tests/wasi/program.h"

static void paths_do_not_leave_their_preopen(void)
{
	static const struct {
		uint64_t dir;
		const char *path;
		enum dj_errno e;
	} cases[] = {
		{ 4, "dir/file", DJ_ESUCCESS },
		{ 4, "in", DJ_ESUCCESS },
		{ 4, "dir/../in", DJ_ESUCCESS },
		{ 4, "out", DJ_ENOTCAPABLE },
		{ 4, "../tmp", DJ_ENOTCAPABLE },
		{ 4, "/ro/dir/file", DJ_ENOTCAPABLE },
		{ 4, "dir/file/", DJ_ENOTDIR },
		{ 4, "none", DJ_ENOENT },
		{ 4, "", DJ_ENOENT },
		{ 4, "bad\xff", DJ_EILSEQ },
		{ 99, "x", DJ_EBADF },
		{ 0xffffffff, "x", DJ_EBADF },
		{ 1, "x", DJ_ENOTDIR },
	};
	uint32_t fd;

	open_program();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!eq_u64(open_at(cases[i].dir, cases[i].path, 0, R_FD_READ,
				    0, &fd),
			    cases[i].e))
			printf("# %s\n", cases[i].path);
	memset(mem + PATH, 'a', 5000);
	eq_u64(call("path_open", U(4), U(0), U(PATH), U(4097), U(0), U(0), U(0),
		       U(0), U(RES)),
		DJ_ENAMETOOLONG);
	memcpy(mem + PATH, "dir\0x", 5);
	eq_u64(call("path_open", U(4), U(0), U(PATH), U(5), U(0), U(0), U(0),
		       U(0), U(RES)),
		DJ_EILSEQ);
	eq_u64(call("path_symlink", U(PATH), put(PATH, "/abs"), U(3), U(PATH2),
		       put(PATH2, "l")),
		DJ_ENOTCAPABLE);
	close_program();
}

static void directories_are_listed_in_pieces(void)
{
	static const char *const want = ".,..,file,a,bb,ccc,dddd,eeeee,ffffff,";
	uint32_t fd;
	uint32_t dir;

	open_program();
	eq_str(list(4, 1000), "dir,out,in,");
	eq_u64(call("path_open", U(5), U(0), U(PATH), put(PATH, "dir"), U(2),
		       R_FD_READDIR | R_PATH_OPEN | R_PATH_CREATE_FILE, RW,
		       U(0), U(RES)),
		0);
	dir = get32(mem + RES);
	for (char name[8] = "a"; strlen(name) < 7;) {
		size_t n = strlen(name);

		eq_u64(open_at(dir, name, 1, 0, 0, &fd), 0);
		memset(name, 'a' + (int)n, n + 1);
		name[n + 1] = '\0';
	}
	for (uint32_t len = 30; len < 300; len++)
		if (strcmp(list(dir, len), want) != 0) {
			eq_str(list(dir, len), want);
			break;
		}
	eq_u64(call("fd_readdir", U(dir), U(BUF), U(0), U(0), U(RES)), 0);
	eq_u64(get32(mem + RES), 0);
	eq_u64(call("fd_readdir", U(dir), U(BUF), U(99), U(0) - 1, U(RES)), 0);
	eq_u64(get32(mem + RES), 0);
	eq_u64(call("fd_readdir", U(fd), U(BUF), U(99), U(0), U(RES)),
		DJ_ENOTDIR);
	close_program();
}

static void preopens_say_their_names(void)
{
	open_program();
	eq_u64(call("fd_prestat_get", U(3), U(RES)), 0);
	eq_u64(get32(mem + RES), 0);
	eq_u64(get32(mem + RES + 4), 4);
	eq_u64(call("fd_prestat_dir_name", U(3), U(BUF), U(4)), 0);
	eq_mem(mem + BUF, "/tmp", 4);
	eq_u64(call("fd_prestat_dir_name", U(3), U(BUF), U(3)),
		DJ_ENAMETOOLONG);
	eq_u64(call("fd_prestat_get", U(6), U(RES)), DJ_EBADF);
	eq_u64(call("fd_prestat_get", U(0), U(RES)), DJ_EBADF);
	close_program();
}

static void names_are_linked_renamed_and_removed(void)
{
	uint32_t fd;

	open_program();
	eq_u64(open_at(3, "f", 1, RW, 0, &fd), 0);
	eq_u64(write_to(fd, "abc"), 0);
	eq_u64(call("path_link", U(3), U(0), U(PATH), put(PATH, "f"), U(3),
		       U(PATH2), put(PATH2, "g")),
		0);
	eq_u64(call("path_symlink", U(PATH), put(PATH, "g"), U(3), U(PATH2),
		       put(PATH2, "s")),
		0);
	eq_u64(call("path_readlink", U(3), U(PATH), put(PATH, "s"), U(BUF),
		       U(10), U(RES)),
		0);
	eq_u64(get32(mem + RES), 1);
	eq_u64(mem[BUF], 'g');
	eq_u64(call("path_readlink", U(3), U(PATH), put(PATH, "g"), U(BUF),
		       U(10), U(RES)),
		DJ_EINVAL);
	eq_u64(call("path_filestat_get", U(3), U(1), U(PATH), put(PATH, "s"),
		       U(RES)),
		0);
	eq_u64(mem[RES + 16], TYPE_FILE);
	eq_u64(get64(mem + RES + 24), 2);
	eq_u64(call("path_filestat_get", U(3), U(0), U(PATH), U(1), U(RES)), 0);
	eq_u64(mem[RES + 16], TYPE_LINK);
	eq_u64(call("path_filestat_get", U(3), U(2), U(PATH), U(1), U(RES)),
		DJ_EINVAL);
	eq_u64(call("path_rename", U(3), U(PATH), put(PATH, "g"), U(3),
		       U(PATH2), put(PATH2, "h")),
		0);
	eq_u64(call("path_rename", U(3), U(PATH), put(PATH, "h"), U(5),
		       U(PATH2), put(PATH2, "h")),
		DJ_EXDEV);
	eq_u64(call("path_unlink_file", U(3), U(PATH), put(PATH, "h")), 0);
	eq_u64(call("path_unlink_file", U(3), U(PATH), U(1)), DJ_ENOENT);
	eq_u64(call("path_create_directory", U(3), U(PATH), put(PATH, "d")), 0);
	eq_u64(call("path_create_directory", U(3), U(PATH), U(1)), DJ_EEXIST);
	eq_u64(call("path_remove_directory", U(3), U(PATH), U(1)), 0);
	close_program();
}

/* ---- ways out of a preopen, each by every call that takes a path ---- */

/* A call of each kind on a path; what it names must not be there, or be. */
static enum dj_errno by(size_t kind, uint64_t dir, const char *path)
{
	uint64_t len = put(PATH, path), len2 = put(PATH2, "mine");

	switch (kind) {
	case 0:
		return call("path_open", dir, U(1), U(PATH), len, U(0),
			U(R_FD_READ), U(0), U(0), U(RES));
	case 1:
		return call("path_open", dir, U(1), U(PATH), len, U(1),
			U(R_FD_WRITE), U(0), U(0), U(RES));
	case 2:
		return call("path_filestat_get", dir, U(1), U(PATH), len,
			U(RES));
	case 3:
		return call("path_filestat_set_times", dir, U(1), U(PATH), len,
			U(0), U(9), U(4));
	case 4:
		return call("path_link", dir, U(1), U(PATH), len, dir, U(PATH2),
			len2);
	case 5:
		return call("path_create_directory", dir, U(PATH), len);
	case 6:
		return call("path_remove_directory", dir, U(PATH), len);
	case 7:
		return call("path_unlink_file", dir, U(PATH), len);
	case 8:
		return call("path_rename", dir, U(PATH), len, dir, U(PATH2),
			len2);
	case 9:
		return call("path_rename", dir, U(PATH2), put(PATH2, "d"), dir,
			U(PATH), len);
	case 10:
		return call("path_link", dir, U(0), U(PATH2), put(PATH2, "f"),
			dir, U(PATH), len);
	case 11:
		return call("path_symlink", U(PATH2), put(PATH2, "f"), dir,
			U(PATH), len);
	case 12:
		return call("path_readlink", dir, U(PATH), len, U(BUF), U(99),
			U(RES));
	default:
		return call("path_open", dir, U(1), U(PATH), len, U(2), U(0),
			U(0), U(0), U(RES));
	}
}
#define KINDS 14

static enum dj_errno make_link(uint64_t dir, const char *target,
	const char *path)
{
	return call("path_symlink", U(PATH), put(PATH, target), dir, U(PATH2),
		put(PATH2, path));
}

/* 3 has d/e, f, and links that lead out in every way there is. */
static void fill(void)
{
	static const char *const links[][2] = { { "..", "up" },
		{ "../..", "d/up2" }, { "d/../..", "through" },
		{ "up/x", "by_link" }, { "d/up2", "by_deep_link" },
		{ ".//./..", "dots" }, { "d/e/../../../f", "long" } };
	uint32_t fd;

	eq_u64(call("path_create_directory", U(3), U(PATH), put(PATH, "d")), 0);
	eq_u64(call("path_create_directory", U(3), U(PATH), put(PATH, "d/e")),
		0);
	eq_u64(open_at(3, "f", 1, RW, 0, &fd), 0);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		eq_u64(make_link(3, links[i][0], links[i][1]), 0);
}

static void no_call_leads_out_of_a_preopen(void)
{
	static const char *const out[] = { "..", "../f", "../tmp/f", "../",
		"./..", ".//../f", "d/../..", "d/../../f", "d/e/../../../f",
		"/", "/f", "/tmp/f", "//f", "/../f", "/ro/dir/file", "up/f",
		"up/tmp/f", "d/up2/f", "d/up2/tmp/f", "through/f", "by_link/f",
		"by_deep_link/f", "dots/f", "d/e/../up2/f", "up/..",
		"d/up2/." };
	/* The last name is a link: these look at it or make a new one. */
	static const char *const last[] = { "up", "d/up2", "through", "by_link",
		"by_deep_link", "dots", "long" };
	char slash[32];
	enum dj_errno e;

	open_program();
	fill();
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		for (size_t k = 0; k < KINDS; k++)
			if (!eq_u64(by(k, 3, out[i]), DJ_ENOTCAPABLE))
				printf("# %s by %zu\n", out[i], k);
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		for (size_t k = 0; k < 5; k++)
			if (!eq_u64(by(k, 3, last[i]), DJ_ENOTCAPABLE))
				printf("# %s by %zu\n", last[i], k);
	/* Those that do not follow refuse it as no folder. */
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		for (size_t k = 0; k < KINDS; k++) {
			(void)snprintf(slash, sizeof(slash), "%s/", last[i]);
			e = by(k, 3, slash);
			if (!ok(e == DJ_ENOTCAPABLE || e == DJ_ENOTDIR))
				printf("# %s by %zu: %d\n", slash, k, (int)e);
		}
	eq_str(list(3, 4096), "d,f,up,through,by_link,by_deep_link,dots,long,");
	close_program();
}

/* Nothing is resolved before it is used: what moves, moves with its names. */
static void what_moves_while_it_is_held_does_not_widen(void)
{
	uint32_t dir, deep, fd;

	open_program();
	fill();
	eq_u64(call("path_open", U(3), U(0), U(PATH), put(PATH, "d"), U(2),
		       R_DIR, R_ALL & ~R_SOCK, U(0), U(RES)),
		0);
	dir = get32(mem + RES);
	eq_u64(call("path_open", U(3), U(0), U(PATH), put(PATH, "d/e"), U(2),
		       R_DIR, R_ALL & ~R_SOCK, U(0), U(RES)),
		0);
	deep = get32(mem + RES);
	/* The top of each is where it was opened. */
	eq_u64(open_at(dir, "../f", 0, R_FD_READ, 0, &fd), DJ_ENOTCAPABLE);
	eq_u64(open_at(deep, "../up2/f", 0, R_FD_READ, 0, &fd), DJ_ENOTCAPABLE);
	/* e is taken out of d, whose descriptor stays. */
	eq_u64(call("path_rename", U(dir), U(PATH), put(PATH, "e"), U(3),
		       U(PATH2), put(PATH2, "moved")),
		0);
	eq_u64(open_at(dir, "e", 2, 0, 0, &fd), DJ_ENOENT);
	eq_u64(open_at(deep, "new", 1, RW, 0, &fd), 0);
	eq_u64(open_at(deep, "..", 2, 0, 0, &fd), DJ_ENOTCAPABLE);
	eq_u64(open_at(3, "moved/new", 0, R_FD_READ, 0, &fd), 0);
	/* A link that was good where it stood, and is not where it stands. */
	eq_u64(make_link(3, "../f", "d/good"), 0);
	eq_u64(open_at(3, "d/good", 0, R_FD_READ, 0, &fd), 0);
	eq_u64(call("path_rename", U(3), U(PATH), put(PATH, "d/good"), U(3),
		       U(PATH2), put(PATH2, "good")),
		0);
	eq_u64(open_at(3, "good", 0, R_FD_READ, 0, &fd), DJ_ENOTCAPABLE);
	/* A folder becomes a link on the way, and back. */
	eq_u64(call("path_rename", U(3), U(PATH), put(PATH, "d"), U(3),
		       U(PATH2), put(PATH2, "was_d")),
		0);
	eq_u64(make_link(3, "..", "d"), 0);
	eq_u64(open_at(3, "d/f", 0, R_FD_READ, 0, &fd), DJ_ENOTCAPABLE);
	eq_u64(open_at(dir, "x", 1, RW, 0, &fd), 0);
	eq_u64(open_at(3, "was_d/x", 0, R_FD_READ, 0, &fd), 0);
	/* What was removed takes nothing in and has nothing above it. */
	eq_u64(call("path_unlink_file", U(deep), U(PATH), put(PATH, "new")), 0);
	eq_u64(call("path_remove_directory", U(3), U(PATH), put(PATH, "moved")),
		0);
	eq_u64(open_at(deep, "x", 1, RW, 0, &fd), DJ_ENOENT);
	eq_u64(open_at(deep, "..", 2, 0, 0, &fd), DJ_ENOTCAPABLE);
	close_program();
}

/* A folder cannot be put below itself, by any of its names. */
static void no_folder_holds_itself(void)
{
	static const char *const to[] = { "d/x", "d/e/x", "d/./x", "d/e/../x",
		"l/x", "l/e/x" };

	open_program();
	fill();
	eq_u64(make_link(3, "d", "l"), 0);
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		if (!eq_u64(call("path_rename", U(3), U(PATH), put(PATH, "d"),
				    U(3), U(PATH2), put(PATH2, to[i])),
			    DJ_EINVAL))
			printf("# %s\n", to[i]);
	close_program();
}

/* What a path may end in, by each call: none changes what it ends at. */
static void slashes_at_the_end_ask_for_a_folder(void)
{
	static const struct {
		size_t kind;
		const char *path;
		enum dj_errno e;
	} cases[] = {
		{ 0, "f/", DJ_ENOTDIR },
		{ 0, "f//", DJ_ENOTDIR },
		{ 1, "new/", DJ_ENOENT },
		{ 2, "f/", DJ_ENOTDIR },
		{ 2, "d/", DJ_ESUCCESS },
		{ 2, "d///", DJ_ESUCCESS },
		{ 2, "d/.", DJ_ESUCCESS },
		{ 2, "f/.", DJ_ENOTDIR },
		{ 2, "f/..", DJ_ENOTDIR },
		{ 3, "f/", DJ_ENOTDIR },
		{ 4, "f/", DJ_ENOTDIR },
		{ 5, "f/", DJ_ENOTDIR },
		{ 6, "f/", DJ_ENOTDIR },
		{ 6, "d/e/.", DJ_EINVAL },
		{ 7, "f/", DJ_ENOTDIR },
		{ 8, "f/", DJ_ENOTDIR },
		{ 10, "new/", DJ_ENOENT },
		{ 11, "new/", DJ_ENOENT },
		{ 12, "f/", DJ_ENOTDIR },
		{ 0, "loop1", DJ_ELOOP },
		{ 0, "loop1/x", DJ_ELOOP },
		{ 2, "loop2", DJ_ELOOP },
		{ 2, "self", DJ_ELOOP },
	};

	open_program();
	fill();
	eq_u64(make_link(3, "loop2", "loop1"), 0);
	eq_u64(make_link(3, "loop1", "loop2"), 0);
	eq_u64(make_link(3, "self", "self"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!eq_u64(by(cases[i].kind, 3, cases[i].path), cases[i].e))
			printf("# %s by %zu\n", cases[i].path, cases[i].kind);
	close_program();
}

int main(void)
{
	RUN(paths_do_not_leave_their_preopen);
	RUN(directories_are_listed_in_pieces);
	RUN(preopens_say_their_names);
	RUN(names_are_linked_renamed_and_removed);
	RUN(no_call_leads_out_of_a_preopen);
	RUN(what_moves_while_it_is_held_does_not_widen);
	RUN(no_folder_holds_itself);
	RUN(slashes_at_the_end_ask_for_a_folder);
	return done();
}
