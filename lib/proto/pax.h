// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Writes POSIX pax archives of the kind that lib/proto/untar.h reads: the
 * blocks before one member's contents. x-headers only where ustar has no
 * room, and only path, linkpath, size. Owner 0. After the contents come zeros
 * to a whole block, at the end of the archive two blocks of zeros.
 */
#define DJ_PAX_BLOCK      512
#define DJ_PAX_NAME_MAX   4096 /* of a path or a link's target */
/* Two texts of DJ_PAX_NAME_MAX with their keys, a size, two headers. */
#define DJ_PAX_HEADER_MAX ((size_t)20 * DJ_PAX_BLOCK)

struct dj_pax {
	char type;        /* '0' file, '5' directory, '2' symbolic link */
	const char *path; /* a directory's gets a slash behind it */
	size_t path_len;
	const char *target; /* links */
	size_t target_len;
	uint64_t size;  /* files */
	uint64_t mtime; /* s */
	unsigned mode;
};

/* Bytes written, whole blocks; 0: a path or target too long. */
size_t dj_pax_header(const struct dj_pax *m,
	uint8_t dst[static DJ_PAX_HEADER_MAX]);

/* Zeros that follow size bytes of contents. */
static inline size_t dj_pax_padding(uint64_t size)
{
	return (size_t)(-size % DJ_PAX_BLOCK);
}
