// SPDX-License-Identifier: Apache-2.0
/*
 * scan CANARIES FILE...: looks for 8-byte windows of secrets in what a host
 * could see.
 *
 * CANARIES has one secret a line, "NAME HEX"; tests/scan/scanner.h says what
 * is looked for. Prints each hit (file, offset, secret,
 * shape) up to 20 and ends with "N windows in M bytes, K hits"; exit 1 if
 * there was any.
 */
#include <ctype.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scan/scanner.h"

#define SHOWN_MAX 20
#define WINDOW    8

static void read_secrets(const char *path)
{
	char line[2 * SCANNER_SECRET_MAX + 256];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		err(2, "%s", path);
	while (fgets(line, sizeof(line), f) != NULL) {
		char *hex = strchr(line, ' ');
		uint8_t b[SCANNER_SECRET_MAX];
		size_t n = 0;
		char *name;

		if (hex == NULL)
			errx(2, "%s: bad line", path);
		*hex++ = '\0';
		while (n < SCANNER_SECRET_MAX &&
			isxdigit((unsigned char)hex[0]) &&
			isxdigit((unsigned char)hex[1])) {
			unsigned v;

			(void)sscanf(hex, "%2x", &v);
			b[n++] = (uint8_t)v;
			hex += 2;
		}
		name = strdup(line);
		if (name == NULL)
			err(2, "no memory");
		scanner_add(name, b, n);
	}
	fclose(f);
}

static void show(void *path, size_t at, const char *name, const char *shape)
{
	static size_t shown;

	if (shown++ < SHOWN_MAX)
		printf("%s: byte %zu: %s, %s\n", (const char *)path, at, name,
			shape);
}

int main(int argc, char **argv)
{
	size_t total = 0;
	size_t hits = 0;

	if (argc < 3)
		errx(64, "usage: scan CANARIES FILE...");
	read_secrets(argv[1]);
	for (int i = 2; i < argc; i++) {
		struct stat st;
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		void *p;

		if (fd < 0 || fstat(fd, &st) != 0)
			err(2, "%s", argv[i]);
		if (st.st_size >= WINDOW) {
			p = mmap(NULL, (size_t)st.st_size, PROT_READ,
				MAP_PRIVATE, fd, 0);
			if (p == MAP_FAILED)
				err(2, "%s", argv[i]);
			hits += scanner_scan(p, (size_t)st.st_size, show,
				argv[i]);
			total += (size_t)st.st_size;
			munmap(p, (size_t)st.st_size);
		}
		close(fd);
	}
	printf("%u windows in %zu bytes, %zu hits\n", scanner_windows(), total,
		hits);
	return hits == 0 ? 0 : 1;
}
