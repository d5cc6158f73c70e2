// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/wasitest/wasitest.h"

#define OPEN_DIRS 16

static bool copy_file(const char *from, const char *to, mode_t mode)
{
	char buf[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		(mode & 0777) | 0200);
	bool good = in >= 0 && out >= 0;
	ssize_t n = 1;

	while (good && n != 0) {
		n = read(in, buf, sizeof(buf));
		good = n >= 0 && write(out, buf, (size_t)n) == n;
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return good;
}

static bool copy_link(const char *from, const char *to)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return symlink(target, to) == 0;
}

static bool is_module(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".wasm") == 0;
}

static bool copy_entry(const char *from, const char *to, const char *name)
{
	char a[PATH_MAX], b[PATH_MAX];
	struct stat st;

	if (snprintf(a, sizeof(a), "%s/%s", from, name) >= (int)sizeof(a) ||
		snprintf(b, sizeof(b), "%s/%s", to, name) >= (int)sizeof(b) ||
		lstat(a, &st) != 0)
		return false;
	if (S_ISDIR(st.st_mode))
		return wasitest_copy(a, b);
	if (S_ISLNK(st.st_mode))
		return copy_link(a, b);
	return !S_ISREG(st.st_mode) || copy_file(a, b, st.st_mode);
}

bool wasitest_copy(const char *from, const char *to)
{
	struct dirent *d;
	DIR *dir = opendir(from);
	bool good = dir != NULL && mkdir(to, 0755) == 0;

	while (good && (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") != 0 &&
			strcmp(d->d_name, "..") != 0 && !is_module(d->d_name))
			good = copy_entry(from, to, d->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	return good;
}

static int remove_one(const char *path, const struct stat *st, int type,
	struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void wasitest_remove(const char *path)
{
	(void)nftw(path, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS);
}
