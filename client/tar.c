// SPDX-License-Identifier: Apache-2.0
#include "client/tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proto/pax.h"

#define BLOCK ((size_t)DJ_PAX_BLOCK)

struct entry {
	char *path; /* from the folder, no leading slash */
	char *link; /* of a symbolic link */
	uint64_t size;
	int64_t mtime;
	char type; /* '0' file, '5' directory, '2' symbolic link */
	bool is_executable;
};

struct dj_tar {
	char *folder;
	int root;
	struct entry *entries;
	size_t count, cap;

	/* What is being read. */
	size_t at;     /* next entry to begin */
	int file;      /* -1: none */
	uint64_t left; /* of its contents */
	size_t padding;
	uint8_t head
		[DJ_PAX_HEADER_MAX]; /* headers, then at the end two zero blocks */
	size_t head_len, head_at;
	bool ended;
};

void dj_tar_free(struct dj_tar *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->count; i++) {
		free(t->entries[i].path);
		free(t->entries[i].link);
	}
	free(t->entries);
	free(t->folder);
	if (t->root >= 0)
		close(t->root);
	if (t->file >= 0)
		close(t->file);
	free(t);
}

static bool fail_read(const struct dj_tar *t, const char *path,
	struct dj_err *err)
{
	char shown[512];

	dj_clean(shown, sizeof(shown), path, strlen(path));
	return dj_err_set(err, "dir.read", "packing %s: %s%s%s", t->folder,
		shown, shown[0] == '\0' ? "" : ": ", strerror(errno));
}

static struct entry *add(struct dj_tar *t)
{
	if (t->count == DJ_TAR_ENTRIES_MAX) {
		errno = EFBIG;
		return NULL;
	}
	if (t->count == t->cap) {
		size_t cap = t->cap == 0 ? 64 : t->cap * 2;
		void *p = reallocarray(t->entries, cap, sizeof(*t->entries));

		if (p == NULL)
			return NULL;
		t->entries = p;
		t->cap = cap;
	}
	t->entries[t->count] = (struct entry){ 0 };
	return &t->entries[t->count++];
}

static bool add_link(int dir, const char *name, struct entry *e)
{
	ssize_t n;

	e->link = calloc(1, PATH_MAX + 1);
	if (e->link == NULL)
		return false;
	n = readlinkat(dir, name, e->link, PATH_MAX);
	if (n < 0)
		return false;
	e->size = 0;
	return true;
}

static int visible(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool walk(struct dj_tar *t, int dir, const char *prefix, int depth,
	struct dj_err *err);

static bool visit(struct dj_tar *t, int dir, const char *prefix,
	const char *name, int depth, struct dj_err *err)
{
	struct stat st;
	struct entry *e = add(t);
	char *path = NULL;
	int sub;
	bool good;

	if (e == NULL || asprintf(&path, "%s%s", prefix, name) < 0)
		return fail_read(t, name, err);
	e->path = path;
	if (!dj_is_utf8(name, strlen(name))) {
		char shown[512];

		dj_clean(shown, sizeof(shown), path, strlen(path));
		return dj_err_set(err, "dir.entry",
			"packing %s: the name of %s is not UTF-8, as programs expect it",
			t->folder, shown);
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_read(t, path, err);
	e->mtime = st.st_mtim.tv_sec < 0 ? 0 : st.st_mtim.tv_sec;
	if (S_ISREG(st.st_mode)) {
		e->type = '0';
		e->size = (uint64_t)st.st_size;
		e->is_executable = (st.st_mode & 0111) != 0;
		return true;
	}
	if (S_ISLNK(st.st_mode)) {
		e->type = '2';
		return add_link(dir, name, e) || fail_read(t, path, err);
	}
	if (!S_ISDIR(st.st_mode)) {
		char shown[512];

		dj_clean(shown, sizeof(shown), path, strlen(path));
		return dj_err_set(err, "dir.entry",
			"packing %s: %s is neither a file, a folder nor a symbolic link",
			t->folder, shown);
	}
	e->type = '5';
	if (depth == DJ_TAR_DEPTH_MAX) {
		errno = ELOOP;
		return fail_read(t, path, err);
	}
	sub = openat(dir, name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0 || asprintf(&path, "%s/", e->path) < 0) {
		if (sub >= 0)
			close(sub);
		return fail_read(t, e->path, err);
	}
	good = walk(t, sub, path, depth + 1, err);
	free(path);
	close(sub);
	return good;
}

static bool walk(struct dj_tar *t, int dir, const char *prefix, int depth,
	struct dj_err *err)
{
	struct dirent **list;
	int n = scandirat(dir, ".", &list, visible, by_bytes);
	bool good = true;

	if (n < 0)
		return fail_read(t, prefix, err);
	for (int i = 0; i < n; i++) {
		good = good &&
			visit(t, dir, prefix, list[i]->d_name, depth, err);
		free(list[i]);
	}
	free(list);
	return good;
}

struct dj_tar *dj_tar_open(const char *folder, struct dj_err *err)
{
	struct dj_tar *t = calloc(1, sizeof(*t));

	if (t != NULL) {
		t->root = t->file = -1;
		t->folder = strdup(folder);
	}
	if (t == NULL || t->folder == NULL) {
		(void)dj_err_set(err, "internal.memory",
			"packing %s: no memory", folder);
		goto fail;
	}
	t->root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->root < 0) {
		(void)fail_read(t, "", err);
		goto fail;
	}
	if (!walk(t, t->root, "", 0, err))
		goto fail;
	return t;

fail:
	dj_tar_free(t);
	return NULL;
}

/* All blocks before an entry's contents; 0: names too long to be packed. */
static size_t entry_headers(const struct entry *e,
	uint8_t dst[static DJ_PAX_HEADER_MAX])
{
	const struct dj_pax m = {
		.type = e->type,
		.path = e->path,
		.path_len = strlen(e->path),
		.target = e->link,
		.target_len = e->link == NULL ? 0 : strlen(e->link),
		.size = e->size,
		.mtime = (uint64_t)e->mtime,
		.mode = e->type == '5' || e->is_executable ? 0755 : 0644,
	};

	return dj_pax_header(&m, dst);
}

uint64_t dj_tar_size(const struct dj_tar *t)
{
	uint8_t head[DJ_PAX_HEADER_MAX];
	uint64_t total = 2 * BLOCK;

	for (size_t i = 0; i < t->count; i++) {
		const struct entry *e = &t->entries[i];

		total += entry_headers(e, head) +
			(e->size + BLOCK - 1) / BLOCK * BLOCK;
	}
	return total;
}

/* Sets up the next entry's headers, or the end of the archive. */
static bool next_entry(struct dj_tar *t, struct dj_err *err)
{
	struct entry *e;
	struct stat st;

	t->head_at = 0;
	if (t->at == t->count) {
		memset(t->head, 0, 2 * BLOCK);
		t->head_len = 2 * BLOCK;
		t->ended = true;
		return true;
	}
	e = &t->entries[t->at++];
	t->head_len = entry_headers(e, t->head);
	if (t->head_len == 0) {
		errno = ENAMETOOLONG;
		return fail_read(t, e->path, err);
	}
	if (e->type != '0')
		return true;
	t->file = openat(t->root, e->path,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (t->file < 0 || fstat(t->file, &st) < 0)
		return fail_read(t, e->path, err);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != e->size) {
		errno = ESTALE;
		return fail_read(t, e->path, err);
	}
	t->left = e->size;
	t->padding = dj_pax_padding(e->size);
	return true;
}

static bool read_file(struct dj_tar *t, void *buf, size_t cap, size_t *ret_len,
	struct dj_err *err)
{
	size_t want = t->left < cap ? (size_t)t->left : cap;
	ssize_t n = want == 0 ? 0 : read(t->file, buf, want);

	if (n < 0 || (n == 0 && want != 0)) {
		errno = n < 0 ? errno : ESTALE;
		return fail_read(t, t->entries[t->at - 1].path, err);
	}
	t->left -= (uint64_t)n;
	*ret_len = (size_t)n;
	if (t->left == 0) {
		close(t->file);
		t->file = -1;
		memset(t->head, 0, t->padding);
		t->head_at = 0;
		t->head_len = t->padding;
	}
	return true;
}

bool dj_tar_read(struct dj_tar *t, void *buf, size_t cap, size_t *ret_len,
	struct dj_err *err)
{
	uint8_t *p = buf;
	size_t len = 0, n = 0;

	while (len < cap) {
		if (t->head_at < t->head_len) {
			n = t->head_len - t->head_at;
			n = n < cap - len ? n : cap - len;
			memcpy(p + len, t->head + t->head_at, n);
			t->head_at += n;
			len += n;
		} else if (t->file >= 0) {
			if (!read_file(t, p + len, cap - len, &n, err))
				return false;
			len += n;
		} else if (t->ended) {
			break;
		} else if (!next_entry(t, err)) {
			return false;
		}
	}
	*ret_len = len;
	return true;
}
