// SPDX-License-Identifier: Apache-2.0
/* The smallest program: what starting an engine costs. */
#include <stdio.h>

int main(int argc, char **argv)
{
	printf("hello, %d of them, %s\n", argc, argc > 1 ? argv[1] : "none");
	return 0;
}
