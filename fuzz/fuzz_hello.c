// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/proto/frame.h"
#include "lib/proto/hello.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t back[DJ_HELLO_MAX];
	struct dj_hello h;
	size_t n = 0;

	if (dj_hello_parse(data, len, &h) != DJ_OK)
		return 0;
	MUST(h.suite_count >= 1 && h.suite_count <= DJ_SUITES_MAX);
	MUST(h.format_count <= DJ_FORMATS_MAX);
	MUST(dj_hello_write(&h, back, sizeof(back), &n) == DJ_OK);
	MUST(n == len && memcmp(back, data, n) == 0);
	return 0;
}
