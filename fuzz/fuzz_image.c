// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "lib/evidence/image.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

struct seen {
	uint64_t next;
	uint64_t count;
	uint8_t sum;
};

/* Pages ascend, are aligned, never W and X, and their bytes can be read. */
static dj_status see(void *ctx, const struct dj_image_page *page)
{
	struct seen *s = ctx;

	MUST(page->addr % DJ_IMAGE_PAGE == 0 && page->addr >= s->next);
	MUST((page->perm & DJ_IMAGE_R) != 0);
	MUST((page->perm & DJ_IMAGE_W) == 0 || (page->perm & DJ_IMAGE_X) == 0);
	MUST(page->content != NULL || (page->perm & DJ_IMAGE_W) != 0);
	for (size_t i = 0; page->content != NULL && i < DJ_IMAGE_PAGE; i++)
		s->sum ^= page->content[i];
	s->next = page->addr + DJ_IMAGE_PAGE;
	s->count++;
	return DJ_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct seen s = { 0 };
	struct dj_image img;
	uint64_t pages = 0;

	if (dj_image_parse(data, len, &img) != DJ_OK)
		return 0;
	MUST(img.segment_count != 0);
	MUST(img.segment_count <= DJ_IMAGE_SEGMENTS_MAX);
	for (size_t i = 0; i < img.segment_count; i++)
		pages += img.segments[i].mem_size / DJ_IMAGE_PAGE;
	MUST(pages <= DJ_IMAGE_PAGES_MAX);
	MUST(dj_image_walk(&img, see, &s) == DJ_OK);
	MUST(s.count == pages && s.next < UINT64_C(1) << 48);
	return 0;
}
