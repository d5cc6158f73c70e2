// SPDX-License-Identifier: Apache-2.0
#include "client/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/changes.h"
#include "client/undo.h"

#define NAME_MAX_LEN 40

struct target {
	const char *name; /* as given */
	int root;
	int beside; /* where the staging folder is */
	int stage;  /* the staging folder */
	char at[NAME_MAX_LEN];
};

enum did {
	DID_TAKE,  /* a file: it is in staging as oN */
	DID_RMDIR, /* an empty folder */
	DID_MKDIR,
	DID_REPLACE, /* the old one is in staging as oN */
	DID_PLACE,   /* there was none */
};

struct step {
	enum did did;
	size_t item; /* of the changes */
	mode_t mode; /* of a folder taken away */
};

struct apply {
	struct target *to;
	size_t count;
	struct dj_changes changes;
	struct step *steps;
	size_t step_count;
	struct dj_undo_set journal;
	struct dj_undo_step *plan;
	int *fds;
	struct dj_err *err;
};

static bool fail(struct apply *a, const struct dj_change *x, const char *what)
{
	char shown[256];

	dj_clean(shown, sizeof(shown), x->path, strlen(x->path));
	return dj_err_set(a->err, "dir.return",
		"taking back %s: %s: %s; nothing was changed",
		a->to[x->folder].name, shown, what);
}

static bool fail_errno(struct apply *a, const struct dj_change *x)
{
	return fail(a, x, strerror(errno));
}

static int parent_of(const struct target *t, const char *path,
	const char **ret_name)
{
	return dj_undo_parent(t->root, path, ret_name);
}

static void staged(char dst[static NAME_MAX_LEN], char kind,
	const struct apply *a, const struct dj_change *x)
{
	(void)snprintf(dst, NAME_MAX_LEN, "%c%zu", kind,
		(size_t)(x - a->changes.v));
}

/* ---- judging what is here ---- */

/* What is at the member's place; false with errno ENOENT: nothing. */
static bool look(const struct target *t, const char *path, struct stat *ret)
{
	const char *name;
	int dir = parent_of(t, path, &name);
	bool good =
		dir >= 0 && fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) == 0;
	int kept = errno;

	if (dir >= 0)
		close(dir);
	errno = kept;
	return good;
}

static bool is_told(const struct apply *a, const struct dj_change *x,
	bool is_gone, size_t len)
{
	return dj_changes_find(&a->changes, x->folder, is_gone, x->path, len) !=
		NULL;
}

static bool judge_new(struct apply *a, const struct dj_change *x)
{
	const struct target *t = &a->to[x->folder];
	const char *slash = strrchr(x->path, '/');
	struct stat st;

	/* Below a folder that is new there can be nothing. */
	if (!look(t, x->path, &st)) {
		if (slash != NULL &&
			is_told(a, x, false, (size_t)(slash - x->path)))
			return true;
		/* What is above it must be here: a missing name alone is
		 * fine. */
		if (slash != NULL) {
			char *up = strndup(x->path, (size_t)(slash - x->path));
			bool good = up != NULL && look(t, up, &st) &&
				S_ISDIR(st.st_mode);

			free(up);
			if (!good)
				return fail(a, x,
					"the folder it is in is not here");
		}
		return true;
	}
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) &&
		!S_ISLNK(st.st_mode))
		return fail(a, x, "a special file is in its way");
	if (S_ISDIR(st.st_mode) != (x->type == DJ_UNTAR_DIR) &&
		!is_told(a, x, true, strlen(x->path)))
		return fail(a, x,
			S_ISDIR(st.st_mode) ? "a folder is in its way"
					    : "a file is in its way");
	return true;
}

static bool judge(struct apply *a)
{
	for (size_t i = 0; i < a->changes.count; i++)
		if (!a->changes.v[i].is_gone && !judge_new(a, &a->changes.v[i]))
			return false;
	return true;
}

/* ---- staging ---- */

static bool make_stage(struct apply *a, struct target *t)
{
	uint8_t r[8];
	struct stat here, there;

	if (RAND_bytes(r, sizeof(r)) != 1)
		return dj_err_set(a->err, "internal.bug",
			"OpenSSL has no random bytes");
	(void)snprintf(t->at, sizeof(t->at),
		".donjon-%02x%02x%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2],
		r[3], r[4], r[5], r[6], r[7]);
	t->beside = openat(t->root, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->beside < 0 || fstat(t->root, &here) != 0 ||
		fstat(t->beside, &there) != 0 || here.st_dev != there.st_dev ||
		mkdirat(t->beside, t->at, 0700) != 0) {
		if (t->beside >= 0)
			close(t->beside);
		t->beside = dup(t->root);
		if (t->beside < 0 || mkdirat(t->beside, t->at, 0700) != 0)
			return dj_err_set(a->err, "dir.return",
				"taking back %s: making a folder for what is new: %s; nothing was changed",
				t->name, strerror(errno));
	}
	t->stage = openat(t->beside, t->at,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return (t->stage >= 0 && dj_undo_lock(t->stage)) ||
		dj_err_set(a->err, "dir.return", "taking back %s: %s", t->name,
			strerror(errno));
}

static bool write_all(int fd, const uint8_t *p, uint64_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p,
			len > (1u << 30) ? (size_t)1 << 30 : (size_t)len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			p += n;
			len -= (uint64_t)n;
		}
	}
	return true;
}

static void times_of(const struct dj_change *x, struct timespec ret[static 2])
{
	ret[0] = (struct timespec){ .tv_nsec = UTIME_NOW };
	ret[1] = (struct timespec){
		.tv_sec = (time_t)(x->mtime / 1000000000),
		.tv_nsec = (long)(x->mtime % 1000000000),
	};
}

static bool stage_file(struct apply *a, const struct dj_change *x,
	const char *name)
{
	const struct target *t = &a->to[x->folder];
	struct timespec times[2];
	struct stat old;
	bool good;
	int fd = openat(t->stage, name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);

	times_of(x, times);
	good = fd >= 0 && write_all(fd, x->data, x->size) &&
		futimens(fd, times) == 0 &&
		(!look(t, x->path, &old) || !S_ISREG(old.st_mode) ||
			fchmod(fd, old.st_mode & 0777) == 0) &&
		fsync(fd) == 0;
	if (!good)
		(void)fail_errno(a, x);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool stage_link(struct apply *a, const struct dj_change *x,
	const char *name)
{
	const struct target *t = &a->to[x->folder];
	char *to = strndup(x->target, x->target_len);
	struct timespec times[2];
	bool good;

	times_of(x, times);
	good = to != NULL && symlinkat(to, t->stage, name) == 0 &&
		utimensat(t->stage, name, times, AT_SYMLINK_NOFOLLOW) == 0;
	if (!good)
		(void)fail_errno(a, x);
	free(to);
	return good;
}

static bool stage(struct apply *a)
{
	char name[NAME_MAX_LEN];

	for (size_t i = 0; i < a->count; i++)
		if (!make_stage(a, &a->to[i]))
			return false;
	for (size_t i = 0; i < a->changes.count; i++) {
		const struct dj_change *x = &a->changes.v[i];

		staged(name, 'n', a, x);
		if (x->is_gone || x->type == DJ_UNTAR_DIR)
			continue;
		if (x->type == DJ_UNTAR_LINK ? !stage_link(a, x, name)
					     : !stage_file(a, x, name))
			return false;
	}
	return true;
}

/* ---- the journal, for whoever comes after this process was killed ---- */

/* What undoes this one; false: nothing is to be undone. */
static bool plan(const struct apply *a, const struct dj_change *x,
	struct dj_undo_step *ret)
{
	const struct target *t = &a->to[x->folder];
	char name[NAME_MAX_LEN];
	struct stat st;
	bool is_here = look(t, x->path, &st);

	*ret = (struct dj_undo_step){ .folder = x->folder,
		.item = (size_t)(x - a->changes.v),
		.path = x->path };
	if (x->is_gone) {
		ret->kind = is_here && S_ISDIR(st.st_mode) ? DJ_UNDO_DIR
							   : DJ_UNDO_FILE;
		ret->mode = is_here ? st.st_mode & 07777 : 0;
		return is_here;
	}
	if (x->type == DJ_UNTAR_DIR) {
		ret->kind = DJ_UNDO_MAKE;
		return !is_here || is_told(a, x, true, strlen(x->path));
	}
	staged(name, 'n', a, x);
	ret->kind = DJ_UNDO_PLACE;
	if (fstatat(t->stage, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	return true;
}

/* In the order of place(). */
static bool make_journal(struct apply *a)
{
	size_t n = 0;

	a->journal.count = a->count;
	a->plan = calloc(a->changes.count + 1, sizeof(*a->plan));
	a->fds = calloc(2 * a->count + 1, sizeof(*a->fds));
	if (a->plan == NULL || a->fds == NULL)
		return dj_err_set(a->err, "internal.memory", "no memory");
	for (size_t i = 0; i < a->count; i++) {
		a->fds[i] = a->to[i].root;
		a->fds[a->count + i] = a->to[i].stage;
	}
	a->journal.roots = a->fds;
	a->journal.stages = a->fds + a->count;
	for (size_t i = a->changes.count; i > 0; i--)
		if (a->changes.v[i - 1].is_gone)
			n += plan(a, &a->changes.v[i - 1], &a->plan[n]);
	for (size_t i = 0; i < a->changes.count; i++)
		if (!a->changes.v[i].is_gone)
			n += plan(a, &a->changes.v[i], &a->plan[n]);
	a->journal.steps = a->plan;
	a->journal.step_count = n;
	return dj_undo_note(&a->journal) ||
		dj_err_set(a->err, "dir.return",
			"taking back %s: writing down what is to change: %s; nothing was changed",
			a->count == 0 ? "nothing" : a->to[0].name,
			strerror(errno));
}

/* ---- renaming, and back ---- */

static void done_step(struct apply *a, enum did did, const struct dj_change *x,
	mode_t mode)
{
	a->steps[a->step_count++] =
		(struct step){ did, (size_t)(x - a->changes.v), mode };
}

static bool take_away(struct apply *a, const struct dj_change *x, int dir,
	const char *name)
{
	char old[NAME_MAX_LEN];
	struct stat st;

	staged(old, 'o', a, x);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT;
	if (S_ISDIR(st.st_mode)) {
		if (unlinkat(dir, name, AT_REMOVEDIR) != 0)
			return false;
		done_step(a, DID_RMDIR, x, st.st_mode & 07777);
		return true;
	}
	if (renameat(dir, name, a->to[x->folder].stage, old) != 0)
		return false;
	done_step(a, DID_TAKE, x, 0);
	return true;
}

static bool put_folder(struct apply *a, const struct dj_change *x, int dir,
	const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = ENOTDIR;
		return S_ISDIR(st.st_mode);
	}
	if (mkdirat(dir, name, 0777) != 0)
		return false;
	done_step(a, DID_MKDIR, x, 0);
	return true;
}

/*
 * The old file gets a second name first, so that there is one under its own
 * at every moment; where that cannot be, it is moved.
 */
static bool put_file(struct apply *a, const struct dj_change *x, int dir,
	const char *name)
{
	int from = a->to[x->folder].stage;
	char new[NAME_MAX_LEN], old[NAME_MAX_LEN];
	struct stat st;

	staged(new, 'n', a, x);
	/* r, not o: the same name may have been taken away before. */
	staged(old, 'r', a, x);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT || renameat(from, new, dir, name) != 0)
			return false;
		done_step(a, DID_PLACE, x, 0);
		return true;
	}
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return false;
	}
	if (linkat(dir, name, from, old, 0) != 0 &&
		renameat(dir, name, from, old) != 0)
		return false;
	done_step(a, DID_REPLACE, x, 0);
	return renameat(from, new, dir, name) == 0;
}

static bool do_step(struct apply *a, const struct dj_change *x)
{
	const char *name;
	int dir = parent_of(&a->to[x->folder], x->path, &name);
	bool good;

	if (dir < 0)
		return (x->is_gone && errno == ENOENT) || fail_errno(a, x);
	if (x->is_gone)
		good = take_away(a, x, dir, name);
	else if (x->type == DJ_UNTAR_DIR)
		good = put_folder(a, x, dir, name);
	else
		good = put_file(a, x, dir, name);
	if (!good)
		(void)fail_errno(a, x);
	close(dir);
	return good;
}

static bool undo_step(const struct apply *a, const struct step *s)
{
	const struct dj_change *x = &a->changes.v[s->item];
	const struct target *t = &a->to[x->folder];
	const char *name;
	char old[NAME_MAX_LEN];
	int dir = parent_of(t, x->path, &name);
	bool good = false;

	if (dir < 0)
		return false;
	staged(old, s->did == DID_REPLACE ? 'r' : 'o', a, x);
	switch (s->did) {
	case DID_TAKE:
	case DID_REPLACE:
		/* Of two names of one file rename(2) leaves both. */
		good = renameat(t->stage, old, dir, name) == 0;
		break;
	case DID_RMDIR:
		good = mkdirat(dir, name, s->mode) == 0;
		break;
	case DID_MKDIR:
		good = unlinkat(dir, name, AT_REMOVEDIR) == 0;
		break;
	case DID_PLACE:
		good = unlinkat(dir, name, 0) == 0;
		break;
	}
	close(dir);
	return good;
}

/* True: all is as it was. */
static bool undo(const struct apply *a)
{
	bool good = true;

	for (size_t i = a->step_count; i > 0; i--)
		good = undo_step(a, &a->steps[i - 1]) && good;
	return good;
}

static bool place(struct apply *a)
{
	bool good = true;

	for (size_t i = a->changes.count; good && i > 0; i--)
		if (a->changes.v[i - 1].is_gone)
			good = do_step(a, &a->changes.v[i - 1]);
	for (size_t i = 0; good && i < a->changes.count; i++)
		if (!a->changes.v[i].is_gone)
			good = do_step(a, &a->changes.v[i]);
	return good;
}

/* ---- all of it ---- */

static void drop_stage(struct apply *a, struct target *t)
{
	char name[NAME_MAX_LEN];

	for (size_t i = 0; i < a->changes.count; i++)
		for (const char *k = "nor"; *k != '\0'; k++) {
			staged(name, *k, a, &a->changes.v[i]);
			(void)unlinkat(t->stage, name, 0);
		}
	for (const char *k = DJ_UNDO_FILES; *k != '\0'; k++) {
		name[0] = *k;
		name[1] = '\0';
		(void)unlinkat(t->stage, name, 0);
	}
	(void)unlinkat(t->beside, t->at, AT_REMOVEDIR);
}

static bool open_targets(struct apply *a, const char *const *folders)
{
	a->to = calloc(a->count + 1, sizeof(*a->to));
	if (a->to == NULL)
		return dj_err_set(a->err, "internal.memory", "no memory");
	for (size_t i = 0; i < a->count; i++)
		a->to[i] = (struct target){ .name = folders[i],
			.root = -1,
			.beside = -1,
			.stage = -1 };
	for (size_t i = 0; i < a->count; i++) {
		a->to[i].root =
			open(folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (a->to[i].root < 0)
			return dj_err_set(a->err, "dir.return",
				"taking back %s: %s; nothing was changed",
				folders[i], strerror(errno));
	}
	return true;
}

static void close_targets(struct apply *a, bool keep_stage)
{
	for (size_t i = 0; a->to != NULL && i < a->count; i++) {
		struct target *t = &a->to[i];

		if (t->stage >= 0) {
			if (!keep_stage)
				drop_stage(a, t);
			close(t->stage);
		}
		if (t->beside >= 0)
			close(t->beside);
		if (t->root >= 0) {
			(void)syncfs(t->root);
			close(t->root);
		}
	}
	free(a->to);
}

static bool apply_all(struct apply *a, const uint8_t *p, size_t len,
	bool *ret_keep)
{
	if (!dj_changes_read(&a->changes, p, len, a->count, a->err))
		return false;
	a->steps = calloc(a->changes.count + 1, sizeof(*a->steps));
	if (a->steps == NULL)
		return dj_err_set(a->err, "internal.memory", "no memory");
	if (!judge(a) || !stage(a) || !make_journal(a))
		return false;
	if (place(a)) {
		/* Those names are on the disk before the journal is gone. */
		for (size_t i = 0; i < a->count; i++)
			(void)syncfs(a->to[i].root);
		if (dj_undo_forget(&a->journal))
			return true;
		(void)dj_err_set(a->err, "dir.return",
			"taking back %s: %s; nothing was changed",
			a->to[0].name, strerror(errno));
	}
	if (!undo(a)) {
		*ret_keep = true;
		(void)dj_err_set(a->err, "dir.return",
			"taking back %s: it failed half-way, and so did undoing it: what was replaced is in %s beside it",
			a->to[0].name, a->to[0].at);
	}
	return false;
}

bool dj_apply(const char *const *folders, size_t count, int fd,
	struct dj_err *err)
{
	struct apply a = { .count = count, .err = err };
	bool good, keep = false;
	struct stat st;
	void *p = MAP_FAILED;

	if (fstat(fd, &st) == 0 && st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			0);
	if (p == MAP_FAILED)
		return dj_err_set(err, "dir.return",
			"taking back a folder: what came back cannot be read; nothing was changed");
	good = open_targets(&a, folders) &&
		apply_all(&a, p, (size_t)st.st_size, &keep);
	close_targets(&a, keep);
	dj_changes_done(&a.changes);
	free(a.steps);
	free(a.plan);
	free(a.fds);
	(void)munmap(p, (size_t)st.st_size);
	return good;
}

int dj_apply_spool(const char *folder, struct dj_err *err)
{
	const char *place = getenv("TMPDIR");
	char path[4096];
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* Some file systems have no files without a name. */
	(void)snprintf(path, sizeof(path), "%s/donjon-XXXXXX",
		place == NULL || place[0] != '/' ? "/tmp" : place);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	else
		(void)dj_err_set(err, "dir.return",
			"making a file for what comes back to %s: %s", folder,
			strerror(errno));
	return fd;
}
