// SPDX-License-Identifier: Apache-2.0
/* Writes argv[1] MiB to standard output. */
#include <stdlib.h>
#include <unistd.h>

static char buf[1 << 18];

int main(int argc, char **argv)
{
	long left = argc > 1 ? atol(argv[1]) * 4 : 4;

	for (; left > 0; left--) {
		size_t at = 0;

		while (at < sizeof(buf)) {
			ssize_t n = write(1, buf + at, sizeof(buf) - at);

			if (n < 0)
				return 1;
			at += (size_t)n;
		}
	}
	return 0;
}
