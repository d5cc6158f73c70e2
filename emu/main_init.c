// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <sysexits.h>

#include "emu/emu.h"

/* What `donjon-emu init DIR` runs, once it has judged its arguments. */
int main(int argc, char **argv)
{
	if (argc == 2 && argv[1][0] != '-' && argv[1][0] != '\0')
		return dj_emu_init(argv[1]);
	(void)fputs("donjon-emu-init: run `donjon-emu init DIR`\n", stderr);
	return EX_USAGE;
}
