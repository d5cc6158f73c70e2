// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>

#include "host/aesm/aesm_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The first byte says whose reply follows, or that a list of keys does. */
static const enum dj_aesm_op ops[] = { DJ_AESM_INIT, DJ_AESM_QUOTE_SIZE,
	DJ_AESM_QUOTE, DJ_AESM_KEY_COUNT, DJ_AESM_KEYS };
#define OPS (sizeof(ops) / sizeof(ops[0]))

static bool is_in(const uint8_t *p, size_t n, const uint8_t *data, size_t len)
{
	return p >= data && n <= len && (size_t)(p - data) <= len - n;
}

static void reply(enum dj_aesm_op op, const uint8_t *data, size_t len)
{
	struct dj_aesm_reply r;
	uint8_t *longer;

	if (dj_aesm_reply_parse(op, data, len, &r) != DJ_OK)
		return;
	if (r.bytes != NULL && !is_in(r.bytes, r.bytes_len, data, len))
		abort();
	if (r.bytes == NULL && r.bytes_len != 0)
		abort();
	/* A reply is one message, to the byte: none is the start of another,
	 * and none answers two requests. */
	longer = calloc(1, len + 1);
	if (longer == NULL)
		return;
	for (size_t i = 0; i < len; i++)
		longer[i] = data[i];
	if (dj_aesm_reply_parse(op, longer, len + 1, &r) == DJ_OK ||
		dj_aesm_reply_parse(op, data, len - 1, &r) == DJ_OK)
		abort();
	free(longer);
	for (size_t i = 0; i < OPS; i++) {
		if (ops[i] != op &&
			dj_aesm_reply_parse(ops[i], data, len, &r) == DJ_OK)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *key;

	if (len == 0)
		return 0;
	if (data[0] % (OPS + 1) != OPS) {
		reply(ops[data[0] % (OPS + 1)], data + 1, len - 1);
		return 0;
	}
	key = dj_aesm_key_choose(data + 1, len - 1);
	if (key != NULL && !is_in(key, DJ_AESM_KEY_ID, data + 1, len - 1))
		abort();
	return 0;
}
