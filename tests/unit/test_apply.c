// SPDX-License-Identifier: Apache-2.0
/* What comes back from a Keep that lies, and from one that does not. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/apply.h"
#include "client/changes.h"
#include "client/undo.h"
#include "tests/support/mktar.h"
#include "tests/tap.h"

static char top[64], folder[80], other[80];
static struct mktar tar;

static int remove_one(const char *path, const struct stat *st, int type,
	struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ok(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void make_top(void)
{
	/* What is synced there costs nothing. */
	(void)snprintf(top, sizeof(top), "%s/donjon-apply.XXXXXX",
		access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	ok(mkdtemp(top) != NULL && chdir(top) == 0);
}

/* TOP/in has a, d/b, d/e/c and a link out; TOP/secret is outside. */
static void fill(void)
{
	(void)snprintf(folder, sizeof(folder), "%s/in", top);
	(void)snprintf(other, sizeof(other), "%s/two", top);
	ok(mkdir("in", 0755) == 0 && mkdir("two", 0755) == 0);
	ok(mkdir("in/d", 0755) == 0 && mkdir("in/d/e", 0755) == 0);
	put("in/a", "a");
	put("in/d/b", "b");
	put("in/d/e/c", "c");
	put("secret", "secret");
	ok(symlink("../secret", "in/out") == 0);
	ok(symlink("..", "in/up") == 0);
}

static void start(void)
{
	make_top();
	fill();
}

static void end(void)
{
	ok(chdir("/") == 0);
	ok(nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
	mktar_free(&tar);
}

static char listing[8192];

static int list_one(const char *path, const struct stat *st, int type,
	struct FTW *ftw)
{
	char text[256] = "";
	size_t n = strlen(listing);
	FILE *f;

	(void)type;
	(void)ftw;
	if (S_ISLNK(st->st_mode)) {
		ssize_t k = readlink(path, text, sizeof(text) - 1);

		text[k < 0 ? 0 : k] = '\0';
	} else if (S_ISREG(st->st_mode)) {
		f = fopen(path, "r");
		text[f == NULL ? 0 : fread(text, 1, 255, f)] = '\0';
		if (f != NULL)
			(void)fclose(f);
	}
	(void)snprintf(listing + n, sizeof(listing) - n, "%s%s%s\n",
		path + strlen(top),
		S_ISDIR(st->st_mode)           ? "/"
			: S_ISLNK(st->st_mode) ? ">"
					       : "=",
		text);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything below top, in order; to be freed. */
static char *state(void)
{
	char *lines[256], *copy, *out;
	size_t n = 0;

	listing[0] = '\0';
	ok(nftw(top, list_one, 8, FTW_PHYS) == 0);
	copy = strdup(listing);
	out = calloc(1, sizeof(listing));
	if (copy == NULL || out == NULL)
		abort();
	for (char *p = strtok(copy, "\n"); p != NULL && n < 256;
		p = strtok(NULL, "\n"))
		lines[n++] = p;
	qsort(lines, n, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < n; i++) {
		strcat(out, lines[i]);
		strcat(out, "\n");
	}
	free(copy);
	return out;
}

static bool apply_tar(size_t count, struct dj_err *err)
{
	const char *folders[] = { folder, other };
	int fd = dj_apply_spool(folder, err);
	bool good = fd >= 0 && write(fd, tar.p, tar.len) == (ssize_t)tar.len &&
		dj_apply(folders, count, fd, err);

	if (fd >= 0)
		close(fd);
	return good;
}

static void refused(const char *what)
{
	struct dj_err err = { 0 };
	char *before = state(), *after;

	mktar_end(&tar);
	ok(!apply_tar(1, &err));
	eq_str(err.info == NULL ? "" : err.info->name, "dir.return");
	if (strstr(err.text, what) == NULL)
		printf("# %s\n", err.text);
	ok(strstr(err.text, what) != NULL);
	after = state();
	eq_str(after, before);
	free(before);
	free(after);
	mktar_free(&tar);
}

static void what_changed_is_put_in_place(void)
{
	struct dj_err err = { 0 };
	struct stat st;
	char *now;

	start();
	ok(chmod("in/a", 0750) == 0);
	mktar_file(&tar, "0/-/d/e", "");
	mktar_file(&tar, "0/-/d/e/c", "");
	mktar_file(&tar, "0/-/never", "");
	mktar_file(&tar, "0/+/a", "new a");
	mktar_header(&tar, "0/+/n/", '5', 0, NULL);
	mktar_file(&tar, "0/+/n/f", "f");
	mktar_header(&tar, "0/+/n/l", '2', 0, "../d/b");
	mktar_file(&tar, "0/+/out", "a file now");
	mktar_file(&tar, "1/+/x", "in the other");
	mktar_end(&tar);
	ok(apply_tar(2, &err));
	eq_str(err.text, "");
	now = state();
	eq_str(now,
		"/\n/in/\n/in/a=new a\n/in/d/\n/in/d/b=b\n/in/n/\n/in/n/f=f\n"
		"/in/n/l>../d/b\n/in/out=a file now\n/in/up>..\n"
		"/secret=secret\n/two/\n/two/x=in the other\n");
	free(now);
	ok(stat("in/a", &st) == 0 && (st.st_mode & 0777) == 0750);
	end();
}

static void kinds_may_change_where_the_old_is_told_as_gone(void)
{
	struct dj_err err = { 0 };
	char *now;

	start();
	mktar_file(&tar, "0/-/a", "");
	mktar_file(&tar, "0/-/d/e", "");
	mktar_file(&tar, "0/-/d/e/c", "");
	mktar_header(&tar, "0/+/a/", '5', 0, NULL);
	mktar_file(&tar, "0/+/a/in", "1");
	mktar_file(&tar, "0/+/d/e", "2");
	mktar_end(&tar);
	ok(apply_tar(1, &err));
	eq_str(err.text, "");
	now = state();
	eq_str(now,
		"/\n/in/\n/in/a/\n/in/a/in=1\n/in/d/\n/in/d/b=b\n/in/d/e=2\n"
		"/in/out>../secret\n/in/up>..\n/secret=secret\n/two/\n");
	free(now);
	end();
}

static void names_outside_the_folder_are_refused(void)
{
	static const char *const names[] = { "/etc/x", "0/+//etc/x", "../x",
		"0/+/../x", "0/+/d/../../x", "0/+/..", "0/+/.", "0/+/./x", "x",
		"0/x", "0/+", "0/*/x", "0/+x", "00/+/x", "1/+/x", "-1/+/x",
		"18446744073709551616/+/x", "/+/x", "0//x", "0/-/../secret",
		"0/-/" };

	start();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		mktar_file(&tar, "0/+/good", "never written");
		mktar_file(&tar, names[i], "");
		refused("nothing was changed");
	}
	end();
}

static void nothing_goes_through_a_link(void)
{
	start();
	mktar_file(&tar, "0/+/up/secret", "overwritten");
	refused("not here");
	mktar_file(&tar, "0/+/up/new", "x");
	refused("not here");
	mktar_header(&tar, "0/+/up/new/", '5', 0, NULL);
	refused("not here");
	/* A link of its own, and then something below it. */
	mktar_header(&tar, "0/+/l", '2', 0, "d");
	mktar_file(&tar, "0/+/l/x", "x");
	refused("above it is no folder");
	mktar_file(&tar, "0/+/f", "f");
	mktar_file(&tar, "0/+/f/x", "x");
	refused("above it is no folder");
	end();
}

static void removing_never_goes_through_a_link(void)
{
	struct dj_err err = { 0 };
	char *now;

	start();
	mktar_file(&tar, "0/-/up/secret", "");
	refused("Not a directory");
	/* The link itself may go; what it leads to stays. */
	mktar_file(&tar, "0/-/out", "");
	mktar_end(&tar);
	ok(apply_tar(1, &err));
	now = state();
	ok(strstr(now, "/secret=secret\n") != NULL);
	ok(strstr(now, "/in/out") == NULL);
	free(now);
	end();
}

static void a_file_replaces_a_link_and_not_what_it_leads_to(void)
{
	struct dj_err err = { 0 };
	char *now;

	start();
	mktar_file(&tar, "0/+/out", "new");
	mktar_end(&tar);
	ok(apply_tar(1, &err));
	now = state();
	ok(strstr(now, "/secret=secret\n") != NULL);
	ok(strstr(now, "/in/out=new\n") != NULL);
	free(now);
	end();
}

static void links_that_may_lead_out_are_refused(void)
{
	static const char *const bad[] = { "/etc/passwd", "..", "../x", "d/..",
		"d/../..", "d/../a", "./..", "a/../../x", "/", "//x",
		"./d/../x" };
	static const char *const good[] = { "a", "./a", "d/e/c", "d//b",
		"nowhere", "...", "..x", "d/", "." };

	start();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mktar_header(&tar, "0/+/l", '2', 0, bad[i]);
		refused("lead out");
	}
	mktar_header(&tar, "0/+/d/l", '2', 0, "../../secret");
	refused("lead out");
	/* Where e is a link itself, e/.. is another place. */
	mktar_header(&tar, "0/+/d/l", '2', 0, "e/..");
	refused("lead out");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct dj_err err = { 0 };

		mktar_header(&tar, "0/+/d/e/l", '2', 0, good[i]);
		mktar_header(&tar, "0/+/d/e/m", '2', 0, "../../a");
		mktar_end(&tar);
		ok(apply_tar(1, &err));
		eq_str(err.text, "");
		mktar_free(&tar);
	}
	end();
}

static void what_is_told_twice_is_refused(void)
{
	start();
	mktar_file(&tar, "0/+/n", "1");
	mktar_file(&tar, "0/+/m", "1");
	mktar_file(&tar, "0/+/n", "2");
	refused("told twice");
	mktar_header(&tar, "0/+/d/", '5', 0, NULL);
	mktar_header(&tar, "0/+/d/", '5', 0, NULL);
	refused("told twice");
	mktar_file(&tar, "0/-/a", "");
	mktar_file(&tar, "0/-/a", "");
	refused("told twice");
	end();
}

static void what_does_not_fit_together_is_refused(void)
{
	start();
	mktar_file(&tar, "0/+/n/f", "comes first");
	mktar_header(&tar, "0/+/n/", '5', 0, NULL);
	refused("comes later");
	mktar_file(&tar, "0/+/none/f", "x");
	refused("not here");
	mktar_file(&tar, "0/-/d/e", "");
	mktar_file(&tar, "0/-/d/e/c", "");
	mktar_file(&tar, "0/+/d/e/n", "x");
	refused("is gone");
	mktar_file(&tar, "0/-/a", "contents");
	refused("has contents");
	mktar_header(&tar, "0/-/a/", '5', 0, NULL);
	refused("has contents");
	mktar_file(&tar, "0/+/d", "x");
	refused("a folder is in its way");
	mktar_header(&tar, "0/+/a/", '5', 0, NULL);
	refused("a file is in its way");
	ok(mkfifo("in/pipe", 0600) == 0);
	mktar_file(&tar, "0/+/pipe", "x");
	refused("a special file");
	end();
}

static void what_is_no_archive_is_refused(void)
{
	static const char types[] = "1346gLKx";

	start();
	for (const char *t = types; *t != '\0'; t++) {
		mktar_file(&tar, "0/+/good", "g");
		mktar_header(&tar, "0/+/n", *t, 0, "a");
		refused("nothing was changed");
	}
	mktar_file(&tar, "0/+/good", "g");
	mktar_end(&tar);
	for (size_t len = tar.len - 1; len > 0; len -= len > 700 ? 171 : 1) {
		struct dj_changes c;
		struct dj_err err = { 0 };

		ok(!dj_changes_read(&c, tar.p, len, 1, &err));
		dj_changes_done(&c);
	}
	end();
}

/* A folder that got a file since it was packed is not emptied by force. */
static void a_failure_half_way_is_undone(void)
{
	start();
	mktar_file(&tar, "0/-/a", "");
	mktar_file(&tar, "0/-/d", "");
	mktar_file(&tar, "0/-/d/b", "");
	mktar_file(&tar, "0/-/d/e", "");
	mktar_file(&tar, "0/-/d/e/c", "");
	mktar_header(&tar, "0/+/n/", '5', 0, NULL);
	put("in/d/mine", "made meanwhile");
	refused("Directory not empty");
	end();
}

static void change_a_lot(void)
{
	mktar_file(&tar, "0/-/d/e", "");
	mktar_file(&tar, "0/-/d/e/c", "");
	mktar_file(&tar, "0/-/out", "");
	mktar_file(&tar, "0/+/a", "replaced");
	mktar_file(&tar, "0/+/placed", "new");
	mktar_header(&tar, "0/+/m/", '5', 0, NULL);
	mktar_file(&tar, "0/+/m/f", "new");
	mktar_file(&tar, "0/+/d/b", "replaced");
	mktar_header(&tar, "0/+/n/", '5', 0, NULL);
	mktar_header(&tar, "0/+/n/o/", '5', 0, NULL);
	mktar_header(&tar, "0/+/n/l", '2', 0, "../a");
	mktar_end(&tar);
}

/* A file system of so many nodes; false: this process may not mount. */
static bool apply_with(unsigned nodes, bool *ret_good)
{
	struct dj_err err = { 0 };
	char option[32], *before, *after;

	make_top();
	(void)snprintf(option, sizeof(option), "nr_inodes=%u", nodes);
	if (mount("tmpfs", top, "tmpfs", 0, option) != 0)
		return false;
	ok(chdir(top) == 0);
	fill();
	change_a_lot();
	before = state();
	*ret_good = apply_tar(1, &err);
	after = state();
	ok(*ret_good == (strcmp(before, after) != 0));
	if (!*ret_good) {
		eq_str(after, before);
		ok(strstr(err.text, "nothing was changed") != NULL);
	}
	free(before);
	free(after);
	mktar_free(&tar);
	ok(chdir("/") == 0 && umount2(top, MNT_DETACH) == 0 && rmdir(top) == 0);
	return true;
}

/* Each place at which the disk can be full, from none to room enough. */
static void a_disk_that_is_full_at_any_step_leaves_all_as_it_was(void)
{
	unsigned nodes = 11, failed = 0;
	bool good = false;

	if (unshare(CLONE_NEWNS) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		skip("no mounts");
		return;
	}
	while (!good && nodes < 40) {
		if (!apply_with(nodes++, &good)) {
			ok(chdir("/") == 0 && rmdir(top) == 0);
			skip("no mounts");
			return;
		}
		failed += !good;
	}
	ok(good);
	ok(failed > 8);
}

/* ---- this process is killed in between ---- */

/* Of the calls that leave something: files, names, what is on the disk. */
static bool leaves_something(uint64_t nr)
{
	static const long calls[] = { SYS_renameat, SYS_renameat2, SYS_linkat,
		SYS_symlinkat, SYS_unlinkat, SYS_mkdirat, SYS_openat, SYS_write,
		SYS_fsync, SYS_syncfs };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (nr == (uint64_t)calls[i])
			return true;
	return false;
}

static _Noreturn void be_traced(void)
{
	struct dj_err err = { 0 };
	bool good;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(9);
	(void)raise(SIGSTOP);
	good = apply_tar(2, &err);
	_exit(good ? 0 : 1);
}

/* Kills it before its n-th such call; how it ended, as wait(2) says. */
static int killed_before(unsigned n)
{
	struct __ptrace_syscall_info info;
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		be_traced();
	ok(waitpid(pid, &status, 0) == pid);
	if (WIFSTOPPED(status))
		(void)ptrace(PTRACE_SETOPTIONS, pid, NULL,
			PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	while (WIFSTOPPED(status)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) >
				0 &&
			info.op == PTRACE_SYSCALL_INFO_ENTRY &&
			leaves_something(info.entry.nr) && n-- == 0)
			(void)kill(pid, SIGKILL);
		(void)ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) != pid)
			abort();
	}
	return status;
}

static void prepare(void)
{
	start();
	put("two/was", "a file");
	mktar_file(&tar, "0/-/d/e", "");
	mktar_file(&tar, "0/-/d/e/c", "");
	mktar_file(&tar, "0/-/out", "");
	mktar_file(&tar, "0/+/a", "replaced");
	mktar_file(&tar, "0/+/placed", "new");
	mktar_header(&tar, "0/+/m/", '5', 0, NULL);
	mktar_file(&tar, "0/+/m/f", "new");
	mktar_header(&tar, "0/+/out/", '5', 0, NULL);
	mktar_file(&tar, "1/-/was", "");
	mktar_header(&tar, "1/+/was/", '5', 0, NULL);
	mktar_file(&tar, "1/+/was/b", "a folder now");
	mktar_end(&tar);
}

/* The next run finds all of it or nothing, whichever folder it looks at. */
static void a_kill_at_any_step_leaves_all_or_nothing(void)
{
	unsigned n = 0, undone = 0, applied = 0;
	char *before, *after;
	struct dj_err err = { 0 };
	int status = 0;
	bool same;

	do {
		prepare();
		before = state();
		status = killed_before(n);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 9) {
			skip("no ptrace");
			free(before);
			end();
			return;
		}
		ok(dj_undo_earlier(n % 2 == 0 ? folder : other, &err));
		ok(dj_undo_earlier(folder, &err));
		after = state();
		same = strcmp(after, before) == 0;
		undone += same;
		applied += !same;
		/* From the one to the other once, and all of it at once. */
		if (!ok(strstr(after, ".donjon") == NULL) ||
			!ok(same ? applied == 0
				 : strstr(after, "/in/a=replaced") != NULL &&
						strstr(after, "/in/out/") !=
							NULL &&
						strstr(after, "/two/was/b=") !=
							NULL &&
						strstr(after, "/in/d/e") ==
							NULL))
			printf("# killed before call %u:\n%s", n, after);
		free(before);
		free(after);
		end();
		n++;
	} while (WIFSIGNALED(status));
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ok(undone > 20);
	printf("# %u places, undone at %u of them\n", n, undone);
}

/* A staging folder that anybody could have made, or somebody works in. */
static void journals_of_others_are_left_alone(void)
{
	static const char journal[] = "donjon return 1\0";
	struct dj_err err = { 0 };
	int fd, stage;

	start();
	ok(mkdir("in/.donjon-0123456789abcdef", 0755) == 0);
	fd = open("in/.donjon-0123456789abcdef/j", O_WRONLY | O_CREAT, 0600);
	ok(write(fd, journal, sizeof(journal)) > 0 && close(fd) == 0);
	ok(dj_undo_earlier(folder, &err));
	ok(access("in/.donjon-0123456789abcdef/j", F_OK) == 0);
	/* Closed, and still another's; only root can make it so. */
	if (geteuid() == 0) {
		ok(chmod("in/.donjon-0123456789abcdef", 0700) == 0);
		ok(chown("in/.donjon-0123456789abcdef", 1, 1) == 0);
		ok(dj_undo_earlier(folder, &err));
		ok(access("in/.donjon-0123456789abcdef/j", F_OK) == 0);
		ok(chown("in/.donjon-0123456789abcdef", 0, 0) == 0);
	}
	/* One's own, and at work. */
	ok(chmod("in/.donjon-0123456789abcdef", 0700) == 0);
	stage = open("in/.donjon-0123456789abcdef", O_RDONLY | O_DIRECTORY);
	ok(dj_undo_lock(stage));
	ok(dj_undo_earlier(folder, &err));
	ok(access("in/.donjon-0123456789abcdef/j", F_OK) == 0);
	/* Not finished: nothing had been touched. */
	ok(close(stage) == 0);
	ok(dj_undo_earlier(folder, &err));
	ok(access("in/.donjon-0123456789abcdef", F_OK) != 0);
	end();
}

/* Whoever wrote it, a journal says nothing about what is outside. */
static void a_journal_does_not_lead_out(void)
{
	static const char *const paths[] = { "../secret", "/etc/passwd", "..",
		"d/../../secret", "up/secret", "", "d//b", "./a" };
	struct dj_err err = { 0 };
	char *after;
	FILE *f;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		start();
		ok(mkdir(".donjon-0123456789abcdef", 0700) == 0);
		put(".donjon-0123456789abcdef/o0", "evil");
		f = fopen(".donjon-0123456789abcdef/j", "w");
		ok(f != NULL &&
			fprintf(f, "donjon return 1%c1%c%s%c%s%s%c", 0, 0,
				folder, 0, top, "/.donjon-0123456789abcdef",
				0) > 0 &&
			fprintf(f, "x 0 0 0 0 0%c%s%cend%c", 0, paths[i], 0,
				0) > 0 &&
			fclose(f) == 0);
		ok(!dj_undo_earlier(folder, &err) || i == 4);
		after = state();
		if (!ok(strstr(after, "/secret=secret\n") != NULL) ||
			!ok(strstr(after, "/in/d/b=b\n") != NULL))
			printf("# %s\n", paths[i]);
		free(after);
		end();
	}
}

static void put_journal(const char *stage, const char *root, const char *named)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/o0", stage);
	put(path, "evil");
	(void)snprintf(path, sizeof(path), "%s/j", stage);
	f = fopen(path, "w");
	ok(f != NULL &&
		fprintf(f, "donjon return 1%c1%c%s%c%s%c", 0, 0, root, 0, named,
			0) > 0 &&
		fprintf(f, "x 0 0 0 0 0%csecret%cend%c", 0, 0, 0) > 0 &&
		fclose(f) == 0);
}

/* A program in a Keep may write one, but not for other folders. */
static void a_journal_speaks_of_the_folder_it_is_in(void)
{
	static const char at[] = ".donjon-0123456789abcdef";
	char stage[128];
	struct dj_err err = { 0 };
	char *after;

	start();
	(void)snprintf(stage, sizeof(stage), "%s/%s", folder, at);
	ok(mkdir(stage, 0700) == 0);
	put_journal(stage, top, stage);
	ok(!dj_undo_earlier(folder, &err));
	after = state();
	ok(strstr(after, "/secret=secret\n") != NULL);
	free(after);
	end();

	/* Nor is another folder of this user's a staging folder. */
	start();
	(void)snprintf(stage, sizeof(stage), "%s/%s", folder, at);
	ok(mkdir(stage, 0700) == 0 && mkdir("in/private", 0700) == 0);
	put("in/private/notes", "mine");
	put("in/private/o0", "mine");
	(void)snprintf(stage, sizeof(stage), "%s/private", folder);
	put_journal("in/.donjon-0123456789abcdef", folder, stage);
	ok(!dj_undo_earlier(folder, &err));
	ok(access("in/private/notes", F_OK) == 0);
	ok(access("in/private/o0", F_OK) == 0);
	end();
}

static void no_journal_comes_back_from_a_keep(void)
{
	mode_t mask = umask(077);

	start();
	mktar_header(&tar, "0/+/.donjon-0123456789abcdef/", '5', 0, NULL);
	mktar_file(&tar, "0/+/.donjon-0123456789abcdef/j", "donjon return 1");
	refused("donjon's own");
	mktar_file(&tar, "0/+/d/.donjon-0123456789abcdef", "");
	refused("donjon's own");
	mktar_file(&tar, "0/-/d/.donjon-0123456789abcdef/x", "");
	refused("donjon's own");
	end();
	(void)umask(mask);
}

int main(void)
{
	RUN(what_changed_is_put_in_place);
	RUN(kinds_may_change_where_the_old_is_told_as_gone);
	RUN(names_outside_the_folder_are_refused);
	RUN(nothing_goes_through_a_link);
	RUN(removing_never_goes_through_a_link);
	RUN(a_file_replaces_a_link_and_not_what_it_leads_to);
	RUN(links_that_may_lead_out_are_refused);
	RUN(what_is_told_twice_is_refused);
	RUN(what_does_not_fit_together_is_refused);
	RUN(what_is_no_archive_is_refused);
	RUN(a_failure_half_way_is_undone);
	RUN(a_disk_that_is_full_at_any_step_leaves_all_as_it_was);
	RUN(a_kill_at_any_step_leaves_all_or_nothing);
	RUN(journals_of_others_are_left_alone);
	RUN(a_journal_does_not_lead_out);
	RUN(a_journal_speaks_of_the_folder_it_is_in);
	RUN(no_journal_comes_back_from_a_keep);
	return done();
}
