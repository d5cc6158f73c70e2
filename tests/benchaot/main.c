// SPDX-License-Identifier: Apache-2.0
/*
 * benchaot guard|checks MODULE IMAGE [0|1|2]: the native image of a module,
 * for tools/bench-engine and wasirun --image, optimised so much (2). One
 * thread, so that its CPU time is the compiler's. With guard pages for what a
 * Keep on this machine offers, with checks for the least, as SGX has it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/aot/aot.h"
#include "tests/support/hostmem.h"
#include "tests/support/hostnative.h"

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "benchaot: %s: %s\n", what, why);
	exit(1);
}

static uint8_t *read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;
	long len;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) < 0)
		die(path, strerror(errno));
	rewind(f);
	*ret_len = (size_t)len;
	p = malloc(*ret_len + 1);
	if (p == NULL || fread(p, 1, *ret_len, f) != *ret_len)
		die(path, "cannot be read");
	fclose(f);
	return p;
}

int main(int argc, char **argv)
{
	struct dj_aot_options options = {
		.bounds = DJ_BOUNDS_CHECKS,
		.optimise = 2,
		.threads = 1,
	};
	struct dj_wasm_error err = { .text = "" };
	struct dj_wasm_module *m;
	struct dj_arena arena;
	uint8_t *bytes, *image;
	size_t len, image_len;
	char why[256] = "";
	FILE *f;

	if (argc < 4 || argc > 5 || (argc == 5 && strspn(argv[4], "012") != 1))
		die("usage", "benchaot guard|checks MODULE IMAGE [0|1|2]");
	if (argc == 5)
		options.optimise = (uint8_t)(argv[4][0] - '0');
	if (strcmp(argv[1], "guard") == 0) {
		options.bounds = DJ_BOUNDS_GUARD;
		options.cpu_level = hostnative_level();
	}
	bytes = read_file(argv[2], &len);
	if (!hostmem_arena(&arena, (size_t)8 << 30))
		die(argv[2], "no memory");
	if (dj_wasm_load(bytes, len, &arena, &m, &err) != DJ_OK)
		die(argv[2], err.text);
	if (dj_aot_compile(m, &options, &image, &image_len, why, sizeof(why)) !=
		DJ_OK)
		die(argv[2], why);
	f = fopen(argv[3], "wb");
	if (f == NULL || fwrite(image, 1, image_len, f) != image_len ||
		fclose(f) != 0)
		die(argv[3], strerror(errno));
	return 0;
}
