// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * An image in a memfd that nothing can change any more, measured there: the
 * bytes that were measured are the bytes that start.
 */
struct dj_loaded {
	int fd;            /* sealed, close-on-exec */
	uint64_t writable; /* bytes of writable segments */
	uint8_t measurement[32];
};

/* NULL, or what went wrong, errno set; *ret is then untouched. */
const char *dj_loaded_open(const char *path, struct dj_loaded *ret);
