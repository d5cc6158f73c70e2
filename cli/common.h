// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/cli.h"
#include "client/run.h"
#include "client/settings.h"

/* What the verbs share that talk to a Keep. */

/*
 * Settings from all sources, options last (--host, --policy, --tee, --memory,
 * --time, --owner, --ca, --cert, --key, --token-file, those that the verb
 * has). Release with dj_settings_done() in any case.
 */
DJ_NODISCARD bool dj_cli_settings(const struct dj_cli *cli,
	struct dj_settings *ret, struct dj_err *err);

/* The part of them that a visit needs; borrows. config.value. */
DJ_NODISCARD bool dj_cli_visit(const struct dj_cli *cli,
	const struct dj_settings *s, struct dj_visit_options *ret,
	struct dj_err *err);

/* Fills *err: usage.value for an option, config.value for another origin. */
bool dj_cli_bad_setting(const struct dj_settings *s, enum dj_setting which,
	const char *want, struct dj_err *err);

/*
 * A file that is not there yet, nothing is ever overwritten. What cannot be
 * written whole is not left there; false with errno.
 */
DJ_NODISCARD bool dj_cli_write_new(const char *path, const void *p, size_t len);

/* --NAME as a number in [min, max], 0 if it was not given. usage.value. */
DJ_NODISCARD bool dj_cli_number(const struct dj_cli *cli, const char *name,
	uint64_t min, uint64_t max, uint64_t *ret, struct dj_err *err);

/*
 * Progress (a dj_visit_watch, ctx is the struct dj_cli): with -v a line a
 * phase; on a terminal one line that comes after 300 ms and goes; in a pipe
 * nothing.
 */
void dj_cli_watch(void *ctx, enum dj_visit_phase phase, const char *text,
	int64_t ms);
/* Takes the progress line away before something else is written. */
void dj_cli_quiet_line(void);

/* The line that says a Keep is not protected, also with -q. */
void dj_cli_banner(const struct dj_visit *v);
/* The line that says that a host plays an adversary; the banner has it. */
void dj_cli_adversary(const struct dj_visit *v);

/*
 * After dj_visit_keep() failed: prints the error and, for refused evidence,
 * every check, and saves the bundle. Returns the exit status.
 */
int dj_cli_refused(const struct dj_cli *cli, const struct dj_visit *v,
	const struct dj_err *err);
