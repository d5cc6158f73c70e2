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
	bool keep; /* in a real Keep */
	bool aot;
	const char *bounds;  /* of native code: guard or checks */
	char here[PATH_MAX]; /* where this program is */
	unsigned passed, failed, skipped;
} all = { .bounds = "guard" };

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

/* The program that runs it, and how its code is run. */
static void add_engine(struct test *t)
{
	char runner[PATH_MAX];

	join(runner, all.here, all.keep ? "donjon" : "wasirun");
	arg(t, runner, "", "");
	if (all.keep) {
		arg(t, "run", "", "");
		arg(t, "--engine", "", "");
		arg(t, all.aot ? "aot" : "interp", "", "");
	} else if (all.aot) {
		arg(t, "--", all.bounds, "");
		arg(t, t->scratch, "/native", "");
	}
}

static bool build_command(struct test *t)
{
	const char *name;
	bool has_tmp = false;
	json_t *v;
	size_t i;

	add_engine(t);
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

static bool write_input(struct test *t, const char *text)
{
	char path[PATH_MAX];
	FILE *f;
	bool good;

	join(path, t->scratch, "in");
	f = fopen(path, "w");
	good = f != NULL && (text == NULL || fputs(text, f) >= 0);
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

/* Runs argv with the files in, out and err of the scratch folder. */
static bool start(struct test *t, char *const *argv, int *ret_status)
{
	char in[PATH_MAX], out[PATH_MAX], err[PATH_MAX];
	pid_t pid;

	join(in, t->scratch, "in");
	join(out, t->scratch, "out");
	join(err, t->scratch, "err");
	pid = fork();
	if (pid < 0)
		return fail(t, "fork", strerror(errno));
	if (pid == 0) {
		point(0, in, O_RDONLY);
		point(1, out, O_WRONLY | O_CREAT | O_TRUNC);
		point(2, err, O_WRONLY | O_CREAT | O_TRUNC);
		(void)alarm(TIMEOUT_S);
		(void)execv(argv[0], argv);
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

/* donjon run compiles by itself. */
static bool compile(struct test *t)
{
	char compiler[PATH_MAX], image[PATH_MAX], *why;
	char bounds[] = "--bounds", o[] = "-o";
	char *argv[] = { compiler, bounds, NULL, o, image, t->module, NULL };
	int status;
	size_t len;
	bool good;

	if (all.keep || !all.aot)
		return true;
	join(compiler, all.here, "donjon-aot");
	join(image, t->scratch, "native");
	argv[2] = strdup(all.bounds);
	good = argv[2] != NULL && start(t, argv, &status);
	free(argv[2]);
	if (good && status != 0) {
		why = slurp(t, "err", &len);
		good = fail(t, "compiling it", why == NULL ? "" : why);
		free(why);
	}
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
	return make_links(t) && build_command(t) &&
		write_input(t, t->spec.input) && compile(t) &&
		start(t, t->argv, &status) && compare(t, status);
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

static void find_programs(void)
{
	char *slash;

	if (readlink("/proc/self/exe", all.here, sizeof(all.here) - 1) < 0)
		exit(2);
	slash = strrchr(all.here, '/');
	if (slash != NULL)
		*slash = '\0';
}

static _Noreturn void usage(void)
{
	fputs("usage: wasitest [--keep] [--engine interp|aot] "
	      "[--bounds guard|checks] DIR...\n",
		stderr);
	exit(2);
}

/* How many of the arguments were options. */
static int options(int argc, char **argv)
{
	bool bounds = false;
	int i = 1;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		const char *v = argv[i + 1];

		if (strcmp(argv[i], "--keep") == 0) {
			all.keep = true;
			continue;
		}
		if (v == NULL)
			usage();
		if (strcmp(argv[i], "--engine") == 0 &&
			(strcmp(v, "aot") == 0 || strcmp(v, "interp") == 0)) {
			all.aot = v[0] == 'a';
		} else if (strcmp(argv[i], "--bounds") == 0 &&
			(strcmp(v, "guard") == 0 || strcmp(v, "checks") == 0)) {
			all.bounds = v;
			bounds = true;
		} else {
			usage();
		}
		i++;
	}
	/* A Keep says itself which it needs. */
	if (i >= argc || (bounds && (all.keep || !all.aot)))
		usage();
	return i;
}

int main(int argc, char **argv)
{
	int i = options(argc, argv);

	find_programs();
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
