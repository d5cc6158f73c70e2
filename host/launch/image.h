// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/evidence/image.h"

/*
 * An image in a memfd that nothing can change any more, measured there: the
 * bytes that were measured are the bytes that start.
 */
struct dj_loaded {
	int fd;            /* sealed, close-on-exec */
	uint64_t writable; /* bytes of writable segments */
	uint8_t measurement[32];
};

/*
 * measure: how its TEE measures an image. NULL, or what went wrong, errno
 * set; *ret is then untouched.
 */
typedef dj_status dj_measure_image(const struct dj_image *img,
	uint8_t ret[static 32]);
const char *dj_loaded_open(const char *path, dj_measure_image *measure,
	struct dj_loaded *ret);
