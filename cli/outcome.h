// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/cli.h"
#include "client/program.h"
#include "client/run.h"

/*
 * How a run ended, said to people, to --exit-file and with --json on stderr
 * (stdout is the program's). err: NULL if the Keep told it. Returns the exit
 * status.
 */
/*
 * donjon.outcome/1 of a run that ended, before it is reported; to be freed.
 */
char *dj_outcome_text(const struct dj_visit *v,
	const struct dj_program *program, const struct dj_outcome *o);

/*
 * The --exit-file of a run that did not come so far as to have an outcome:
 * donjon.error/1. The error itself was said; returns its status.
 */
int dj_outcome_none(const struct dj_cli *cli, const struct dj_err *err,
	int status);

int dj_outcome_report(const struct dj_cli *cli, const struct dj_visit *v,
	const struct dj_program *program, const struct dj_outcome *o,
	const struct dj_err *err);
