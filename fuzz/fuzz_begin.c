// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/proto/begin.h"
#include "lib/proto/record.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t at = 0, args = 0, envs = 0, trees = 0, streams = 0, bytes = 0;
	struct dj_begin_item it;
	struct dj_begin b;

	if (dj_begin_parse(data, len, &b) != DJ_OK)
		return 0;
	MUST(b.items == data + DJ_BEGIN_HEAD);
	MUST(b.items_len == len - DJ_BEGIN_HEAD);
	while (dj_begin_next(&b, &at, &it)) {
		args += it.tag == DJ_BEGIN_ARG;
		envs += it.tag == DJ_BEGIN_ENV;
		trees += it.tag == DJ_BEGIN_PREOPEN;
		streams += it.tag == DJ_BEGIN_STREAM;
		if (it.tag == DJ_BEGIN_ARG || it.tag == DJ_BEGIN_ENV)
			bytes += it.text_len;
		MUST(it.text >= (const char *)data);
		MUST(it.text + it.text_len <= (const char *)data + len);
		MUST(memchr(it.text, 0, it.text_len) == NULL);
		MUST(it.tag != DJ_BEGIN_STREAM || it.stream >= DJ_STREAM_NAMED);
	}
	MUST(at == b.items_len);
	MUST(args == b.arg_count && envs == b.env_count);
	MUST(trees == b.preopen_count && streams == b.stream_count);
	MUST(bytes == b.arg_bytes + b.env_bytes);
	return 0;
}
