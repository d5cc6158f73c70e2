// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/cli.h"

/*
 * Reads argv into *ret: common options, the verb (or a module to run: a first
 * operand that ends in .wasm or names a file with the Wasm magic), its
 * options, its operands. Common options may stand on both sides of the verb.
 *
 * False with err: usage.verb, usage.option, usage.operand, usage.value, each
 * with the nearest thing that exists. ret->verb may be set then. With --help
 * or --version nothing else is asked for; look for them first. Release with
 * dj_args_done() in any case.
 */
DJ_NODISCARD bool dj_args_parse(int argc, char **argv, struct dj_cli *ret,
	struct dj_err *err);
void dj_args_done(struct dj_cli *cli);
