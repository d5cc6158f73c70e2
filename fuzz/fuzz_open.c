// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/proto/frame.h"
#include "lib/proto/open.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t back[DJ_OPEN_MAX];
	struct dj_open o;
	size_t n = 0;

	if (dj_open_parse(data, len, &o) != DJ_OK)
		return 0;
	MUST(o.mode != 0 || o.ticket_no == 0);
	MUST(dj_open_write(&o, back, sizeof(back), &n) == DJ_OK);
	MUST(n == len && memcmp(back, data, n) == 0);
	return 0;
}
