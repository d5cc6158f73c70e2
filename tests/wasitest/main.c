// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/wasitest/wasitest.h"

#define TIMEOUT_S  120
#define ARGS_MAX   512
#define OUTPUT_MAX ((size_t)64 << 20)
#define DEPTH_MAX  8

static struct {
	bool keep;             /* in a real Keep */
	char runner[PATH_MAX]; /* beside this program */
	unsigned passed, failed, skipped;
} all;

/* One test: its files and its command. */
struct test {
	const char *folder, *name; /* name has no .wasm */
	char module[PATH_MAX], scratch[PATH_MAX];
	struct wasitest_spec spec;
	char *argv[ARGS_MAX + 1]; /* owned */
	size_t argc;
	bool is_full;
	char why[400];
};

static bool fail(struct test *t, const char *what, const char *detail)
{
	(void)snprintf(t->why, sizeof(t->why), "%.99s%s%.290s", what,
		detail[0] == '\0' ? "" : ": ", detail);
	return false;
}

/* dst = a / b. A path too long for this machine could not be opened either. */
static void join(char dst[static PATH_MAX], const char *a, const char *b)
{
	if (snprintf(dst, PATH_MAX, "%s/%s", a, b) >= PATH_MAX)
		dst[0] = '\0';
}

static void arg(struct test *t, const char *a, const char *b, const char *c)
{
	if (t->argc == ARGS_MAX ||
		asprintf(&t->argv[t->argc], "%s%s%s", a, b, c) < 0) {
		t->is_full = true;
		return;
	}
	t->argc++;
}

static bool make_links(struct test *t)
{
	char path[PATH_MAX], copy[PATH_MAX];
	const char *where;
	json_t *target;

	join(copy, t->scratch, "copy");
	json_object_foreach(t->spec.symlinks, where, target)
	{
		join(path, copy, where);
		if (!json_is_string(target) ||
			symlink(json_string_value(target), path) != 0)
			return fail(t, where, strerror(errno));
	}
	return true;
}

/* What a Keep's program has unless it is told not to. */
static bool is_tmp(const struct wasitest_dir *d)
{
	return d->host == NULL && strcmp(d->guest, "/tmp") == 0;
}

static bool add_folder(struct test *t, size_t i)
{
	const struct wasitest_dir *d = &t->spec.dirs[i];
	char host[PATH_MAX], copy[PATH_MAX], empty[32];

	if (all.keep && is_tmp(d))
		return true;
	join(copy, t->scratch, "copy");
	if (d->host != NULL) {
		join(host, copy, d->host);
	} else {
		(void)snprintf(empty, sizeof(empty), "empty%zu", i);
		join(host, t->scratch, empty);
		if (mkdir(host, 0755) != 0)
			return fail(t, host, strerror(errno));
	}
	arg(t, "--dir", "", "");
	arg(t, host, "::", d->guest);
	return true;
}

static bool build_command(struct test *t)
{
	const char *name;
	bool has_tmp = false;
	json_t *v;
	size_t i;

	arg(t, all.runner, "", "");
	if (all.keep)
		arg(t, "run", "", "");
	for (i = 0; i < t->spec.dir_count; i++)
		has_tmp = has_tmp || is_tmp(&t->spec.dirs[i]);
	if (all.keep && !has_tmp)
		arg(t, "--no-tmp", "", "");
	if (t->spec.arg0 != NULL) {
		arg(t, all.keep ? "--argv0" : "--arg0", "", "");
		arg(t, t->spec.arg0, "", "");
	}
	json_object_foreach(t->spec.env, name, v)
	{
		arg(t, "--env", "", "");
		arg(t, name, "=", json_is_null(v) ? "" : json_string_value(v));
	}
	for (i = 0; i < t->spec.dir_count; i++)
		if (!add_folder(t, i))
			return false;
	arg(t, "--", "", "");
	arg(t, t->module, "", "");
	/* wasirun takes one away here, so that it may be one of these. */
	if (!all.keep)
		arg(t, "--", "", "");
	json_array_foreach(t->spec.args, i, v)
		arg(t, json_string_value(v), "", "");
	return !t->is_full || fail(t, "too many arguments", "");
}

static bool write_input(struct test *t, const char *path)
{
	const char *p = t->spec.input == NULL ? "" : t->spec.input;
	FILE *f = fopen(path, "w");
	bool good = f != NULL && fputs(p, f) >= 0;

	if (f != NULL && fclose(f) != 0)
		good = false;
	return good || fail(t, path, strerror(errno));
}

static void point(int fd, const char *path, int flags)
{
	int n = open(path, flags, 0600);

	if (n < 0 || dup2(n, fd) < 0)
		_exit(127);
}

static bool run(struct test *t, int *ret_status)
{
	char in[PATH_MAX], out[PATH_MAX], err[PATH_MAX];
	pid_t pid;

	join(in, t->scratch, "in");
	join(out, t->scratch, "out");
	join(err, t->scratch, "err");
	if (!write_input(t, in))
		return false;
	pid = fork();
	if (pid < 0)
		return fail(t, "fork", strerror(errno));
	if (pid == 0) {
		point(0, in, O_RDONLY);
		point(1, out, O_WRONLY | O_CREAT | O_TRUNC);
		point(2, err, O_WRONLY | O_CREAT | O_TRUNC);
		(void)alarm(TIMEOUT_S);
		(void)execv(t->argv[0], t->argv);
		_exit(127);
	}
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return fail(t, "waitpid", strerror(errno));
	return true;
}

static char *slurp(const struct test *t, const char *name, size_t *ret_len)
{
	char path[PATH_MAX], *p = NULL;
	struct stat st;
	FILE *f;

	join(path, t->scratch, name);
	f = fopen(path, "r");
	*ret_len = 0;
	if (f != NULL && fstat(fileno(f), &st) == 0 &&
		(size_t)st.st_size < OUTPUT_MAX)
		p = calloc(1, (size_t)st.st_size + 1);
	if (p != NULL)
		*ret_len = fread(p, 1, (size_t)st.st_size, f);
	if (f != NULL)
		(void)fclose(f);
	return p;
}

/* part: the client has lines of its own before or after the program's. */
static bool same(struct test *t, const char *name, const char *want, bool part)
{
	size_t len;
	char *got = slurp(t, name, &len);
	bool good = got != NULL &&
		(part ? strstr(got, want) != NULL
		      : len == strlen(want) && memcmp(got, want, len) == 0);

	if (!good)
		(void)snprintf(t->why, sizeof(t->why),
			"std%s differs, got: %.300s", name,
			got == NULL ? "" : got);
	free(got);
	return good;
}

static bool compare(struct test *t, int status)
{
	size_t len;
	char *err;

	if (!WIFEXITED(status) || WEXITSTATUS(status) != t->spec.exit_code) {
		err = slurp(t, "err", &len);
		(void)snprintf(t->why, sizeof(t->why),
			"%s %d, wanted exit %d: %.300s",
			WIFEXITED(status) ? "exit" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status)
					  : WTERMSIG(status),
			t->spec.exit_code, err == NULL ? "" : err);
		free(err);
		return false;
	}
	return (t->spec.output == NULL ||
		       same(t, "out", t->spec.output, false)) &&
		(t->spec.errors == NULL ||
			same(t, "err", t->spec.errors, all.keep));
}

static bool do_test(struct test *t)
{
	char copy[PATH_MAX];
	int status;

	join(copy, t->scratch, "copy");
	if (!wasitest_copy(t->folder, copy))
		return fail(t, "copying its folder", strerror(errno));
	return make_links(t) && build_command(t) && run(t, &status) &&
		compare(t, status);
}

/* A component begins like a module, but says layer 1. */
static bool is_component(const char *path)
{
	unsigned char head[8] = { 0 };
	FILE *f = fopen(path, "r");
	size_t n = f == NULL ? 0 : fread(head, 1, sizeof(head), f);

	if (f != NULL)
		(void)fclose(f);
	return n == sizeof(head) && head[6] == 1;
}

static void one(const char *folder, const char *name)
{
	struct test *t = calloc(1, sizeof(*t));
	char json[PATH_MAX];
	bool good;

	if (t == NULL)
		exit(2);
	t->folder = folder;
	t->name = name;
	(void)snprintf(t->scratch, sizeof(t->scratch), "/tmp/wasitest.XXXXXX");
	(void)snprintf(t->module, sizeof(t->module), "%s/%s.wasm", folder,
		name);
	(void)snprintf(json, sizeof(json), "%s/%s.json", folder, name);
	good = wasitest_spec_read(&t->spec, json);
	if (!good)
		(void)fail(t, t->spec.why, "");
	if (is_component(t->module))
		t->spec.skip = "a component, not a module";
	if (good && t->spec.skip == NULL) {
		good = mkdtemp(t->scratch) != NULL
			? do_test(t)
			: fail(t, t->scratch, strerror(errno));
		wasitest_remove(t->scratch);
	}
	if (t->spec.skip != NULL)
		printf("skip %s: %s\n", name, t->spec.skip);
	else
		printf("%s %s%s%s\n", good ? "ok" : "FAIL", name,
			good ? "" : ": ", t->why);
	(void)fflush(stdout);
	all.skipped += t->spec.skip != NULL;
	all.passed += t->spec.skip == NULL && good;
	all.failed += t->spec.skip == NULL && !good;
	for (size_t i = 0; i < t->argc; i++)
		free(t->argv[i]);
	wasitest_spec_done(&t->spec);
	free(t);
}

static int shown(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void folder(const char *path, int depth)
{
	struct dirent **list;
	int n = scandir(path, &list, shown, alphasort);

	if (n < 0) {
		fprintf(stderr, "wasitest: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	for (int i = 0; i < n; i++) {
		char *name = list[i]->d_name, sub[PATH_MAX];
		size_t len = strlen(name);
		struct stat st;

		join(sub, path, name);
		if (lstat(sub, &st) == 0 && S_ISDIR(st.st_mode) &&
			depth < DEPTH_MAX) {
			folder(sub, depth + 1);
		} else if (len > 5 && strcmp(name + len - 5, ".wasm") == 0) {
			name[len - 5] = '\0';
			one(path, name);
		}
		free(list[i]);
	}
	free(list);
}

static void find_runner(void)
{
	char self[PATH_MAX] = { 0 };
	char *slash;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		exit(2);
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	join(all.runner, self, all.keep ? "donjon" : "wasirun");
}

int main(int argc, char **argv)
{
	int i = 1;

	if (i < argc && strcmp(argv[i], "--keep") == 0) {
		all.keep = true;
		i++;
	}
	if (i == argc) {
		fputs("usage: wasitest [--keep] DIR...\n", stderr);
		return 2;
	}
	find_runner();
	for (; i < argc; i++) {
		char path[PATH_MAX];

		if (realpath(argv[i], path) == NULL) {
			fprintf(stderr, "wasitest: %s: %s\n", argv[i],
				strerror(errno));
			return 2;
		}
		folder(path, 0);
	}
	printf("%u passed, %u failed, %u skipped\n", all.passed, all.failed,
		all.skipped);
	return all.failed != 0;
}
