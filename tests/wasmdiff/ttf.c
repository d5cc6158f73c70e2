// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/wasmdiff/wasmdiff.h"

#define SEED_BYTES 1500

static bool write_seed(const char *path, uint64_t seed)
{
	FILE *f = fopen(path, "wb");
	uint64_t x = seed * 2 + 1;

	if (f == NULL)
		return false;
	for (unsigned i = 0; i < SEED_BYTES; i++) {
		/* splitmix64 */
		uint64_t z = x += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		fputc((int)(z >> 56), f);
	}
	return fclose(f) == 0;
}

/*
 * No vectors: it would import a function that takes one, which JavaScript
 * cannot give. No references: Debian 12's has them as they were before 2.0.
 */
static bool translate(const char *from, const char *to)
{
	int status, null;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (pid == 0) {
		null = open("/dev/null", O_WRONLY);
		if (null < 0 || dup2(null, 2) < 0)
			_exit(127);
		execlp("wasm-opt", "wasm-opt", from, "-ttf", "--denan",
			"--enable-bulk-memory", "--enable-multivalue",
			"--enable-sign-ext",
			"--enable-nontrapping-float-to-int",
			"--enable-mutable-globals", "-o", to, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

bool ttf_make(uint64_t seed, uint8_t *dst, size_t cap, size_t *ret_len)
{
	char from[] = "/tmp/wasmdiff-XXXXXX", to[sizeof(from) + 5];
	int fd = mkstemp(from);
	FILE *f = NULL;

	if (fd < 0)
		return false;
	close(fd);
	snprintf(to, sizeof(to), "%s.wasm", from);
	if (write_seed(from, seed) && translate(from, to))
		f = fopen(to, "rb");
	if (f != NULL) {
		*ret_len = fread(dst, 1, cap, f);
		fclose(f);
	}
	unlink(from);
	unlink(to);
	return f != NULL && *ret_len < cap;
}
