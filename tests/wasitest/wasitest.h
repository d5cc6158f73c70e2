// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * build/wasitest [OPTION]... DIR...: runs every module below the folders that
 * has, or needs, no JSON beside it saying otherwise, and compares. Ends with
 * "N passed, N failed, N skipped"; exit 1 if any failed.
 *
 *   main.c   folders, one test from start to end
 *   spec.c   the JSON beside a module, three dialects
 *   scratch.c  fresh copies of folders
 *
 * Each test gets a copy of its folder, made for it and taken away after it.
 * Modules run in build/wasirun, our engine and WASI without a Keep; with
 * --keep in a real one, by build/donjon run. --engine aot: as native code, by
 * build/donjon-aot, with --bounds guard (unless told otherwise) or checks; in
 * a Keep with the bounds that it has.
 */

#define WASITEST_DIRS_MAX 16

struct wasitest_dir {
	const char *host; /* in the test's folder; NULL: a new empty one */
	const char *guest;
};

/* What JSON says; strings are borrowed from it, absent ones are NULL. */
struct wasitest_spec {
	json_t *json, *args, *env, *symlinks;
	const char *arg0, *input, *output, *errors;
	struct wasitest_dir dirs[WASITEST_DIRS_MAX];
	size_t dir_count;
	int exit_code;
	const char *skip; /* why it cannot be run here, or NULL */
	char why[200];    /* after a failure */
};

/*
 * The dialects: Node's (args, arg0, env, preopens, stdin, symlinks,
 * exit_code, stdout), that of wasi-testsuite (args, env, root or dirs,
 * exit_code, stdout, stderr) and its later one (operations: run, read,
 * wait). What is not said is not compared, but the exit code is 0. False with
 * why.
 */
bool wasitest_spec_read(struct wasitest_spec *s, const char *path);
void wasitest_spec_done(struct wasitest_spec *s);

/* Copies a folder without its modules; removes one. False: errno. */
bool wasitest_copy(const char *from, const char *to);
void wasitest_remove(const char *path);
