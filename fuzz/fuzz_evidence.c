// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t back[DJ_BUNDLE_MAX];
	struct dj_evidence_item crl;
	struct dj_evidence e;
	struct dj_bundle b;
	struct dj_rd r;
	size_t n = 0, sum = 0;

	if (dj_bundle_parse(data, len, &b) == DJ_OK) {
		MUST(dj_bundle_write(&b, back, sizeof(back), &n) == DJ_OK);
		MUST(n == len && memcmp(back, data, n) == 0);
	}
	if (dj_evidence_parse(data, len, &e) != DJ_OK)
		return 0;
	MUST(len <= DJ_EVIDENCE_MAX);
	MUST(dj_evidence_write(&e, back, sizeof(back), &n) == DJ_OK);
	MUST(n == len && memcmp(back, data, n) == 0);
	if (e.item[DJ_EVIDENCE_CRLS].p == NULL)
		return 0;
	r = dj_rd_of(e.item[DJ_EVIDENCE_CRLS].p, e.item[DJ_EVIDENCE_CRLS].len);
	while (dj_evidence_crl(&r, &crl))
		sum += 4 + crl.len;
	MUST(sum <= e.item[DJ_EVIDENCE_CRLS].len);
	MUST(dj_rd_end(&r) != DJ_OK || sum == e.item[DJ_EVIDENCE_CRLS].len);
	return 0;
}
