// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/proto/frame.h"
#include "lib/proto/hello.h"
#include "lib/proto/offer.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t back[DJ_OFFER_MAX];
	struct dj_offer_info info, again;
	struct dj_offer o;
	size_t n = 0;

	if (dj_offer_info_parse(data, len, &info) == DJ_OK) {
		MUST(dj_offer_info_write(&info, back, DJ_OFFER_INFO_SIZE, &n) ==
			DJ_OK);
		MUST(dj_offer_info_parse(back, n, &again) == DJ_OK);
		MUST(again.features == info.features &&
			again.max_module == info.max_module &&
			again.cpu_level == info.cpu_level);
	}
	if (dj_offer_parse(data, len, &o) != DJ_OK)
		return 0;
	MUST(o.pk_len == dj_suite_pk_len(o.suite));
	MUST(o.info_len <= DJ_OFFER_INFO_MAX);
	MUST(dj_offer_write(&o, back, sizeof(back), &n) == DJ_OK);
	MUST(n == len && memcmp(back, data, n) == 0);
	return 0;
}
