// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * A keep image and the one walk over it. Whoever loads an image and whoever
 * measures it offline call the same function, so they cannot differ.
 *
 * An image is a static ELF64 file at a fixed address, made by our linker
 * script: PT_LOAD segments of whole pages, in the file and in memory, that
 * do not overlap and ascend, none both writable and executable, zero pages
 * at the end of writable ones only, no other segment with a meaning to a
 * loader. dj_image_parse() refuses everything else, so that no byte reaches a
 * Keep that the walk does not show.
 */
#define DJ_IMAGE_PAGE         4096
#define DJ_IMAGE_SEGMENTS_MAX 8
#define DJ_IMAGE_PAGES_MAX    4096

enum dj_image_perm {
	DJ_IMAGE_R = 1,
	DJ_IMAGE_W = 2,
	DJ_IMAGE_X = 4,
};

struct dj_image_segment {
	uint64_t addr;     /* page aligned */
	uint64_t mem_size; /* whole pages */
	uint64_t file_off;
	uint64_t
		file_size; /* whole pages, at most mem_size; the rest is zero */
	uint8_t perm;      /* enum dj_image_perm bits */
};

struct dj_image {
	const uint8_t *file; /* borrowed */
	size_t file_len;
	uint64_t entry;
	size_t segment_count;
	struct dj_image_segment segments[DJ_IMAGE_SEGMENTS_MAX];
	uint64_t
		heap; /* 0; for an SGX1 enclave dj_sgx_heap()'s, by the caller */
};

/* DJ_E_INPUT: not an image as above. Nothing is copied. */
dj_status dj_image_parse(const uint8_t *file, size_t len, struct dj_image *ret);

/* One page, in the order of measurement. content is NULL for a zero page. */
struct dj_image_page {
	uint64_t addr;
	uint8_t perm;
	const uint8_t *content; /* DJ_IMAGE_PAGE bytes, valid in the call */
};
typedef dj_status dj_image_visit(void *ctx, const struct dj_image_page *page);

/* Calls visit for every page, ascending; stops at the first failure. */
dj_status dj_image_walk(const struct dj_image *img, dj_image_visit *visit,
	void *ctx);

/*
 * SHA-256 of the launch configuration block; zero if there is none (len 0):
 * what reports call config_hash (session.md 3.2, 5).
 */
void dj_config_hash(const void *block, size_t len, uint8_t ret[static 32]);

/*
 * The measurement of the development TEEs (process, kvm): SHA-256 chained
 * over the walk; docs/tees/process.md has the bytes.
 */
dj_status dj_image_measure(const struct dj_image *img, uint8_t ret[static 32]);

/*
 * Lets measuring use what this processor has for SHA-256. Hosted programs
 * call it once, first; launcher and emulator hash the image at every start,
 * and it is most of their time without.
 */
void dj_image_use_cpu(void);
