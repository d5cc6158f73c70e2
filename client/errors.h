// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/status.h"

/*
 * Every error that a person can meet has a name that does not change, one
 * entry in the table of errors.c, a paragraph in donjon-errors(7), which is
 * made from the table, and `donjon help NAME`.
 *
 * Names of failed checks (evidence.*) are those of the judge.
 */
struct dj_err_info {
	const char *name;
	int exit;         /* of every verb but run */
	int run_exit;     /* of run */
	const char *what; /* one line, no full stop */
	const char *why;  /* a paragraph: what it means, what to do */
	const char *hint; /* the next command to type, or NULL */
};

extern const struct dj_err_info dj_errs[];
extern const size_t dj_err_count;

/* NULL: no such name. */
const struct dj_err_info *dj_err_find(const char *name);

/*
 * An error on its way to a person. `text` says what was being done, to what,
 * why not. The client's functions return false with it filled in; nothing in
 * it is secret.
 */
struct dj_err {
	const struct dj_err_info *info; /* NULL: none */
	char text[768];
	char hint[256];   /* "": that of info */
	bool secret_sent; /* had the program or its data left for a Keep? */
};

/*
 * Fills *err and returns false, so that `return dj_err_set(...)` reads
 * well. A name that is not in the table is a bug and aborts. The first error
 * stays: a later one does not replace it. The text is made fit for a terminal,
 * one line and JSON, whatever name of a file is in it (dj_clean()).
 */
bool dj_err_set(struct dj_err *err, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A next command better than the table's. */
void dj_err_hint(struct dj_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Text from a stranger (host, Keep, file name) made fit for a terminal and
 * for one line: control bytes and bytes that are not UTF-8 become `?`.
 * Writes at most cap bytes with the terminating zero; returns dst.
 */
char *dj_clean(char *dst, size_t cap, const char *src, size_t len);

bool dj_is_utf8(const char *text, size_t len);
