// SPDX-License-Identifier: Apache-2.0
#include "client/undo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/file.h"

#define MAGIC       "donjon return 1"
#define PREFIX      ".donjon-"
#define STAGED_LEN  24 /* a letter and a number */
#define FOLDERS_MAX 64
#define PART_MAX    255
#define STAGED      "norm" /* first letters of what is in a staging folder */
#define JOURNAL_MAX ((size_t)1 << 30)

int dj_undo_parent(int root, const char *path, const char **ret_name)
{
	char part[PART_MAX + 1];
	int dir = dup(root), next;
	const char *slash;

	while (dir >= 0 && (slash = strchr(path, '/')) != NULL) {
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		next = openat(dir, part,
			O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(dir);
		dir = next;
		path = slash + 1;
	}
	*ret_name = path;
	return dir;
}

bool dj_undo_is_stage(const char *name, size_t len)
{
	size_t n = sizeof(PREFIX) - 1;

	return len == n + 16 && memcmp(name, PREFIX, n) == 0 &&
		strspn(name + n, "0123456789abcdef") >= 16;
}

/* ---- writing it down ---- */

bool dj_undo_lock(int stage)
{
	return flock(stage, LOCK_EX | LOCK_NB) == 0;
}

static bool put_path(FILE *f, int fd)
{
	char link[40], path[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return fwrite(path, 1, (size_t)n + 1, f) == (size_t)n + 1;
}

static bool put_steps(FILE *f, const struct dj_undo_set *s)
{
	for (size_t i = 0; i < s->step_count; i++) {
		const struct dj_undo_step *x = &s->steps[i];

		if (fprintf(f, "%c %zu %zu %o %llu %llu%c%s%c", (int)x->kind,
			    x->folder, x->item, (unsigned)x->mode,
			    (unsigned long long)x->dev,
			    (unsigned long long)x->ino, 0, x->path, 0) < 0)
			return false;
	}
	return true;
}

static FILE *make(int stage, const char *name)
{
	int fd = openat(stage, name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (f == NULL && fd >= 0)
		close(fd);
	return f;
}

/* On the disk, its name too. */
static bool settle(FILE *f, int stage, bool good)
{
	int kept;

	if (f == NULL)
		return false;
	good = good && fflush(f) == 0 && fsync(fileno(f)) == 0;
	kept = errno;
	if (fclose(f) != 0 || !good) {
		errno = good ? errno : kept;
		return false;
	}
	return fsync(stage) == 0;
}

bool dj_undo_note(const struct dj_undo_set *s)
{
	FILE *f;
	bool good;

	for (size_t i = 1; i < s->count; i++) {
		f = make(s->stages[i], "m");
		if (!settle(f, s->stages[i],
			    f != NULL && put_path(f, s->stages[0])))
			return false;
	}
	if (s->count == 0)
		return true;
	f = make(s->stages[0], "j");
	good = f != NULL && fprintf(f, "%s%c%zu%c", MAGIC, 0, s->count, 0) > 0;
	for (size_t i = 0; good && i < s->count; i++)
		good = put_path(f, s->roots[i]) && put_path(f, s->stages[i]);
	good = good && put_steps(f, s) && fprintf(f, "end%c", 0) > 0;
	return settle(f, s->stages[0], good);
}

bool dj_undo_forget(const struct dj_undo_set *s)
{
	if (s->count == 0)
		return true;
	return (unlinkat(s->stages[0], "j", 0) == 0 || errno == ENOENT) &&
		fsync(s->stages[0]) == 0;
}

/* ---- reading it, and undoing ---- */

struct journal {
	char *text;
	size_t len, at;
	int roots[FOLDERS_MAX], stages[FOLDERS_MAX];
	const char *paths[FOLDERS_MAX]; /* of the staging folders */
	size_t count;
	struct dj_undo_step *steps;
	size_t step_count, step_cap;
};

/* The next field, or NULL: there is none. */
static const char *field(struct journal *j)
{
	const char *p = j->text + j->at;
	const char *end = memchr(p, 0, j->len - j->at);

	if (end == NULL)
		return NULL;
	j->at += (size_t)(end - p) + 1;
	return p;
}

/* Relative, no part empty, too long, . or .. */
static bool is_plain(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || n > PART_MAX ||
			(path[0] == '.' &&
				(n == 1 || (n == 2 && path[1] == '.'))))
			return false;
		if (path[n] == '\0')
			return true;
		path += n + 1;
	}
}

/* A staging folder of this user's, closed to all others; -1: it is none. */
static int open_stage(int at, const char *name)
{
	struct stat st;
	int fd = openat(at, name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 &&
		(fstat(fd, &st) != 0 || st.st_uid != geteuid() ||
			(st.st_mode & 077) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * Where apply.c makes them: in the folder itself or beside it. So a journal
 * that a program left in one leads nowhere else.
 */
static bool belongs(int root, int stage, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	struct stat at, in, beside;

	return dj_undo_is_stage(name, strlen(name)) && fstat(root, &in) == 0 &&
		fstatat(root, "..", &beside, 0) == 0 &&
		fstatat(stage, "..", &at, 0) == 0 &&
		(is_same(&at, &in) || is_same(&at, &beside));
}

/* After a blank or at the beginning; *p moves behind it. */
static bool number(const char **p, int base, unsigned long long *ret)
{
	char *end;

	*p += **p == ' ';
	if (**p < '0' || **p > '9')
		return false;
	errno = 0;
	*ret = strtoull(*p, &end, base);
	*p = end;
	return errno == 0;
}

static bool read_step(struct journal *j, const char *head)
{
	unsigned long long folder, item, mode, dev, ino;
	struct dj_undo_step x, *more;
	char kind = *head;

	x.path = field(j);
	if (x.path == NULL || !is_plain(x.path) || kind == '\0' ||
		strchr("xdmn", kind) == NULL)
		return false;
	head++;
	if (!number(&head, 10, &folder) || !number(&head, 10, &item) ||
		!number(&head, 8, &mode) || !number(&head, 10, &dev) ||
		!number(&head, 10, &ino) || *head != '\0' || folder >= j->count)
		return false;
	x.folder = (size_t)folder;
	x.item = (size_t)item;
	x.kind = (enum dj_undo_kind)kind;
	x.mode = (mode_t)(mode & 07777);
	x.dev = dev;
	x.ino = ino;
	if (j->step_count == j->step_cap) {
		j->step_cap = j->step_cap * 2 + 64;
		more = reallocarray(j->steps, j->step_cap, sizeof(*more));
		if (more == NULL)
			return false;
		j->steps = more;
	}
	j->steps[j->step_count++] = x;
	return true;
}

/* False also for folders that are no more. */
static bool read_journal(struct journal *j)
{
	const char *p = field(j);
	const char *n = p == NULL ? NULL : field(j);
	unsigned long long count;

	if (n == NULL || strcmp(p, MAGIC) != 0 || !number(&n, 10, &count) ||
		count > FOLDERS_MAX)
		return false;
	while (j->count < count) {
		const char *root = field(j);
		const char *stage = root == NULL ? NULL : field(j);

		if (stage == NULL)
			return false;
		j->roots[j->count] =
			open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		j->stages[j->count] = open_stage(AT_FDCWD, stage);
		j->paths[j->count] = stage;
		j->count++;
		if (j->roots[j->count - 1] < 0 || j->stages[j->count - 1] < 0 ||
			!belongs(j->roots[j->count - 1],
				j->stages[j->count - 1], stage))
			return false;
	}
	while ((p = field(j)) != NULL && strcmp(p, "end") != 0)
		if (!read_step(j, p))
			return false;
	return p != NULL && j->at == j->len;
}

static void staged(char dst[static STAGED_LEN], char kind, size_t item)
{
	(void)snprintf(dst, STAGED_LEN, "%c%zu", kind, item);
}

static bool exists(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What is staged goes to its place, if it is staged. */
static bool put_back(int stage, char kind, const struct dj_undo_step *x,
	int dir, const char *name)
{
	char old[STAGED_LEN];

	staged(old, kind, x->item);
	/* Of two names of one file rename(2) leaves both. */
	return renameat(stage, old, dir, name) == 0 || errno == ENOENT;
}

static bool take_new(int stage, const struct dj_undo_step *x, int dir,
	const char *name)
{
	char old[STAGED_LEN];
	struct stat st;

	staged(old, 'r', x->item);
	if (exists(stage, old))
		return put_back(stage, 'r', x, dir, name);
	/* The very one that was put there, and nothing else. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT;
	return st.st_dev != x->dev || st.st_ino != x->ino ||
		unlinkat(dir, name, 0) == 0;
}

static bool undo_step(const struct journal *j, const struct dj_undo_step *x)
{
	const char *name;
	int stage = j->stages[x->folder];
	int dir = dj_undo_parent(j->roots[x->folder], x->path, &name);
	bool good = false;

	/* Nothing can have been done in a folder that is not there yet. */
	if (dir < 0)
		return errno == ENOENT || errno == ENOTDIR;
	switch (x->kind) {
	case DJ_UNDO_FILE:
		good = put_back(stage, 'o', x, dir, name);
		break;
	case DJ_UNDO_DIR:
		/* What is there is not touched: it may be a link. */
		good = mkdirat(dir, name, 0700) == 0
			? fchmodat(dir, name, x->mode, 0) == 0
			: errno == EEXIST;
		break;
	case DJ_UNDO_MAKE:
		good = unlinkat(dir, name, AT_REMOVEDIR) == 0 ||
			errno == ENOENT || errno == ENOTDIR;
		break;
	case DJ_UNDO_PLACE:
		good = take_new(stage, x, dir, name);
		break;
	}
	close(dir);
	return good;
}

/* All files of a staging folder that have a letter of letters in front. */
static void empty(int stage, const char *letters)
{
	int copy = dup(stage);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (d == NULL && copy >= 0)
		close(copy);
	if (d == NULL)
		return;
	rewinddir(d);
	while ((e = readdir(d)) != NULL)
		if (strchr(letters, e->d_name[0]) != NULL)
			(void)unlinkat(stage, e->d_name, 0);
	closedir(d);
}

static void close_journal(struct journal *j)
{
	for (size_t i = 0; i < j->count; i++) {
		if (j->roots[i] >= 0)
			close(j->roots[i]);
		if (j->stages[i] >= 0)
			close(j->stages[i]);
	}
	free(j->steps);
	free(j->text);
}

/* Not locked by those who are at it, but by us. */
static bool lock_others(const struct journal *j)
{
	for (size_t i = 1; i < j->count; i++)
		if (!dj_undo_lock(j->stages[i]))
			return false;
	return true;
}

/* master: a staging folder that has a journal, locked. False: errno. */
static bool undo_set(int master)
{
	struct journal j = { 0 };
	char path[64];
	bool good;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/j", master);
	errno = EIO;
	good = dj_file_read(path, JOURNAL_MAX, &j.text, &j.len) == DJ_OK;
	/* Cut short: it was never finished, and nothing was touched. */
	if (good && (j.len < 4 || memcmp(j.text + j.len - 4, "end", 4) != 0)) {
		free(j.text);
		return unlinkat(master, "j", 0) == 0;
	}
	if (good) {
		errno = EINVAL;
		good = read_journal(&j) && lock_others(&j);
	}
	for (size_t i = j.step_count; good && i > 0; i--)
		good = undo_step(&j, &j.steps[i - 1]);
	for (size_t i = 0; good && i < j.count; i++)
		good = syncfs(j.roots[i]) == 0;
	good = good && unlinkat(master, "j", 0) == 0;
	for (size_t i = 0; good && i < j.count; i++) {
		empty(j.stages[i], STAGED);
		(void)rmdir(j.paths[i]);
	}
	close_journal(&j);
	return good;
}

/* Where the journal is that a staging folder belongs to; -1: there is none. */
static int master_of(int stage)
{
	char link[64], *path = NULL;
	size_t len;
	int fd = -1;

	if (exists(stage, "j"))
		return dup(stage);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d/m", stage);
	if (exists(stage, "m") &&
		dj_file_read(link, PATH_MAX, &path, &len) == DJ_OK && len > 0)
		fd = open_stage(AT_FDCWD, path);
	free(path);
	if (fd >= 0 && !exists(fd, "j")) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* False: errno. A folder that somebody works with is left alone. */
static bool look_at(int place, const char *name)
{
	int stage = open_stage(place, name), master;
	bool good = true, free_to = stage >= 0 && dj_undo_lock(stage);

	if (!free_to) {
		if (stage >= 0)
			close(stage);
		return true;
	}
	master = master_of(stage);
	if (master >= 0) {
		/* One lock for both where they are one. */
		(void)flock(stage, LOCK_UN);
		good = !dj_undo_lock(master) || undo_set(master);
		close(master);
	}
	/* Without a journal all of it was done, or nothing begun. */
	if (good) {
		empty(stage, STAGED);
		(void)unlinkat(place, name, AT_REMOVEDIR);
	}
	close(stage);
	return good;
}

static bool look_in(int place)
{
	struct dirent **list;
	char path[40];
	bool good = true;
	int n, kept;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	n = scandir(path, &list, NULL, alphasort);
	if (n < 0)
		return errno == EACCES;
	for (int i = 0; i < n; i++) {
		if (good &&
			dj_undo_is_stage(list[i]->d_name,
				strlen(list[i]->d_name)))
			good = look_at(place, list[i]->d_name);
		kept = errno;
		free(list[i]);
		errno = kept;
	}
	kept = errno;
	free(list);
	errno = kept;
	return good;
}

bool dj_undo_earlier(const char *folder, struct dj_err *err)
{
	int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int beside = root < 0
		? -1
		: openat(root, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* What cannot be opened is somebody else's error. */
	bool good =
		root < 0 || (look_in(root) && (beside < 0 || look_in(beside)));

	if (!good)
		(void)dj_err_set(err, "dir.return",
			"undoing what an earlier run, killed half-way, had begun in %s: %s: what it replaced is in .donjon-* there or beside it",
			folder, strerror(errno));
	if (beside >= 0)
		close(beside);
	if (root >= 0)
		close(root);
	return good;
}
