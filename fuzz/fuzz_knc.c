// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/proto/knc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* What is taken is what would be written, and all of it is used. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[12 + DJ_KNC_ID_MAX + 80];
	const char *why = NULL;
	struct dj_knc k;
	size_t len;

	if (dj_knc_parse(data, size, &k, &why) != DJ_OK) {
		MUST(why != NULL);
		return 0;
	}
	MUST(dj_knc_write_head(&k, head, sizeof(head), &len) == DJ_OK);
	MUST(memcmp(head, data, len) == 0);
	MUST(k.wasm == data + len && k.image == k.wasm + k.wasm_len);
	MUST(len + k.wasm_len + k.image_len == size);
	return 0;
}
