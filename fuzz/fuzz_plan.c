// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "host/agent/plan.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

/* What a plan's text means survives being written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[DJ_PLAN_TEXT], again[DJ_PLAN_TEXT];
	struct dj_plan p, q;
	unsigned line = 0;

	if (dj_plan_parse((const char *)data, len, &p, &line) != DJ_OK)
		return 0;
	MUST(p.count <= DJ_PLAN_STEPS);
	MUST(dj_plan_write(&p, text, sizeof(text)) == DJ_OK);
	MUST(dj_plan_parse(text, strlen(text), &q, &line) == DJ_OK);
	MUST(q.seed == p.seed && q.count == p.count);
	MUST(dj_plan_write(&q, again, sizeof(again)) == DJ_OK);
	MUST(strcmp(text, again) == 0);
	return 0;
}
