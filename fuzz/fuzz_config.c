// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/proto/config.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t back[DJ_CONFIG_MAX];
	struct dj_config c, again;
	size_t n = 0;

	if (dj_config_parse(data, len, &c) != DJ_OK)
		return 0;
	MUST(len <= DJ_CONFIG_MAX);
	MUST(dj_config_write(&c, back, sizeof(back), &n) == DJ_OK);
	MUST(n <= len);
	MUST(memcmp(back, data, DJ_CONFIG_HEAD) == 0);
	MUST(dj_config_parse(back, n, &again) == DJ_OK);
	MUST(again.total_memory == c.total_memory &&
		again.time_policy == c.time_policy &&
		again.time_ns == c.time_ns);
	return 0;
}
