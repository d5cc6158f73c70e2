// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "emu/emu.h"

/* What `donjon-emu init DIR` and `donjon-emu add TEE DIR ...` run, once it
 * has judged their arguments. */
static int add(char **argv)
{
	uint32_t version = (uint32_t)(argv[4][0] - '0');

	for (int i = 0; i < DJ_SNP_PRODUCTS; i++) {
		enum dj_snp_product p = (enum dj_snp_product)i;

		if (strcmp(argv[3], dj_snp_product_name(p)) == 0)
			return dj_emu_add_snp(argv[2], p, version);
	}
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	if (argc == 2 && argv[1][0] != '-' && argv[1][0] != '\0')
		return dj_emu_init(argv[1]);
	if (argc == 5 && strcmp(argv[1], "add-snp") == 0)
		return add(argv);
	if (argc == 3 && strcmp(argv[1], "add-sgx") == 0)
		return dj_emu_add_sgx(argv[2]);
	(void)fputs("donjon-emu-init: run `donjon-emu init DIR`\n", stderr);
	return EX_USAGE;
}
