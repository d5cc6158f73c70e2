// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/cli.h"
#include "client/native.h"
#include "client/program.h"
#include "client/run.h"
#include "client/settings.h"

/* Native code as run, start and build have it. */

/* keep.engine is a word that is known; config.value, usage.value. */
DJ_NODISCARD bool dj_cli_engine(const struct dj_settings *s,
	struct dj_err *err);
bool dj_cli_is_native(const struct dj_settings *s);

/*
 * Compiles with progress on a terminal, and says with -v what it took.
 * want->progress and ctx are set here.
 */
DJ_NODISCARD bool dj_cli_compile(const struct dj_cli *cli, const char *name,
	const uint8_t *wasm, size_t len, struct dj_native_want *want,
	struct dj_native_made *ret, struct dj_err *err);

/*
 * After dj_visit_keep(): with --engine aot the program becomes native code
 * for what the Keep's OFFER says; a program that is native code is asked to
 * fit it. native.unfit and all of dj_native_make().
 */
DJ_NODISCARD bool dj_cli_make_native(const struct dj_cli *cli,
	const struct dj_settings *s, const struct dj_visit *v,
	struct dj_program *p, struct dj_err *err);
