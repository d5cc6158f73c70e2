// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/help.h"

/* A program started with 0, 1 or 2 closed would write into its own files. */
static void fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Tickets and session keys of ours are for no core dump and no debugger. */
static void keep_keys_to_ourselves(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv)
{
	struct dj_err err = { 0 };
	struct dj_cli cli;
	int status;

	fill_standard_descriptors();
	keep_keys_to_ourselves();
	/* A closed pipe is an error with a name, not an end without a word. */
	(void)signal(SIGPIPE, SIG_IGN);

	if (!dj_args_parse(argc, argv, &cli, &err)) {
		status = dj_cli_fail(&cli, &err);
	} else if (cli.verb == NULL) {
		dj_help_all();
		status = dj_cli_end(&cli, dj_cli_has(&cli, "help") ? 0 : 64);
	} else if (dj_cli_has(&cli, "help")) {
		dj_help_verb(cli.verb);
		status = dj_cli_end(&cli, 0);
	} else {
		status = cli.verb->run(&cli);
	}
	dj_args_done(&cli);
	return status;
}
