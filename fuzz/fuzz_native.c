// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/proto/knc.h"
#include "lib/wasm/native.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What is accepted is written again as it was, and its entries are inside. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *why = NULL;
	struct dj_native n;
	struct dj_knc k;
	uint32_t at;

	if (dj_knc_parse(data, len, &k, &why) == DJ_OK) {
		data = k.image;
		len = (size_t)k.image_len;
	}
	if (dj_native_parse(data, len, &n, &why) != DJ_OK)
		return 0;
	for (uint32_t i = 0; i < n.func_count; i++)
		if (dj_native_func(&n, i) >= n.code_len)
			abort();
	(void)dj_native_site(&n, n.code_len / 2, &at);
	(void)dj_native_forbidden(n.isa, n.body, n.code_len);
	if (dj_native_size(&n) != len)
		abort();
	if (len <= ((size_t)1 << 20)) {
		uint8_t *copy = malloc(len + 1);

		if (copy == NULL || dj_native_write(&n, copy, len) != DJ_OK ||
			memcmp(copy, data, len) != 0)
			abort();
		free(copy);
	}
	return 0;
}
