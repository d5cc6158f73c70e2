// SPDX-License-Identifier: Apache-2.0
#include "client/policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT_PEM_MAX ((size_t)16 << 10)

/* Reads to the end; false with errno, EFBIG for more than max bytes. */
static bool read_all(int fd, size_t max, char **ret, size_t *ret_len)
{
	size_t cap = 4096, len = 0;
	char *buf = malloc(cap), *more;

	while (buf != NULL) {
		ssize_t n = read(fd, buf + len, cap - len - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || len + (size_t)n > max) {
			if (n > 0)
				errno = EFBIG;
			if (n != 0)
				break;
			buf[len] = '\0';
			*ret = buf;
			*ret_len = len;
			return true;
		}
		len += (size_t)n;
		if (cap - len > 1)
			continue;
		more = realloc(buf, cap * 2);
		if (more == NULL)
			break;
		buf = more;
		cap *= 2;
	}
	free(buf);
	return false;
}

dj_status dj_file_read(const char *path, size_t max, char **ret,
	size_t *ret_len)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool good = false;
	int saved;

	if (fd < 0)
		return DJ_E_SYS;
	if (fstat(fd, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			errno = EISDIR;
		else
			good = read_all(fd, max, ret, ret_len);
	}
	saved = errno;
	if (!is_stdin)
		(void)close(fd);
	errno = saved;
	if (good)
		return DJ_OK;
	return errno == EFBIG ? DJ_E_LIMIT : DJ_E_SYS;
}

static dj_status cannot_read(const char *path, size_t max, dj_status st,
	struct dj_toml_error *err)
{
	int saved = errno;

	if (st == DJ_E_LIMIT)
		(void)dj_toml_fail(err, 0, 0, "%.120s: more than %zu bytes",
			path, max);
	else
		(void)dj_toml_fail(err, 0, 0, "%.120s: %s", path,
			strerror(saved));
	errno = saved;
	return st;
}

/* Where a root is that a policy file names. */
static void root_path(const char *policy, const char *root, char *dst,
	size_t cap)
{
	const char *slash = strrchr(policy, '/');

	if (root[0] == '/' || slash == NULL)
		(void)snprintf(dst, cap, "%s", root);
	else
		(void)snprintf(dst, cap, "%.*s/%s", (int)(slash - policy),
			policy, root);
}

static dj_status load_root(const char *path, struct dj_policy *p, size_t i,
	struct dj_toml_error *err)
{
	char where[2 * DJ_POLICY_PATH_MAX];
	char *pem = NULL;
	size_t len = 0;
	dj_status st;

	root_path(path, p->roots[i].path, where, sizeof(where));
	st = dj_file_read(where, ROOT_PEM_MAX, &pem, &len);
	if (st != DJ_OK) {
		st = cannot_read(where, ROOT_PEM_MAX, st, err);
		err->line = p->roots[i].line;
		err->col = 1;
		return st;
	}
	st = dj_policy_set_root(p, i, pem, len, err);
	free(pem);
	return st;
}

dj_status dj_policy_load(const char *path, struct dj_policy *ret,
	struct dj_toml_error *err)
{
	char *text = NULL;
	size_t len = 0;
	dj_status st = dj_file_read(path, DJ_POLICY_SIZE_MAX, &text, &len);

	memset(ret, 0, sizeof(*ret));
	if (st != DJ_OK)
		return cannot_read(path, DJ_POLICY_SIZE_MAX, st, err);
	st = dj_policy_parse(text, len, path, ret, err);
	free(text);
	for (size_t i = 0; st == DJ_OK && i < ret->root_count; i++)
		st = load_root(path, ret, i, err);
	if (st != DJ_OK)
		memset(ret, 0, sizeof(*ret));
	return st;
}
