// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * Reads a POSIX pax archive in place (session.md 6.4): regular files,
 * directories and symbolic links, with x headers whose keys are path,
 * linkpath, size and mtime. Everything else is refused: other types (hard
 * links, devices, global headers), other keys, wrong checksums, base-256
 * numbers, an end without its two zero blocks, bytes after them that are not
 * zero.
 *
 * Paths come out relative and clean: no empty part, no "." or "..", no
 * leading or trailing slash, UTF-8, no NUL, each part at most
 * DJ_UNTAR_NAME_MAX; "" is the root itself. A link's target is any text of
 * 1..DJ_UNTAR_PATH_MAX bytes: where it leads is judged when it is followed.
 *
 *   dj_untar_init(&t, bytes, len);
 *   while ((st = dj_untar_next(&t, &m)) == DJ_OK && m.type != DJ_UNTAR_END) ...
 */
#define DJ_UNTAR_NAME_MAX 255
#define DJ_UNTAR_PATH_MAX 4096

enum dj_untar_type {
	DJ_UNTAR_END,
	DJ_UNTAR_FILE,
	DJ_UNTAR_DIR,
	DJ_UNTAR_LINK
};

struct dj_untar_member {
	enum dj_untar_type type;
	const char *path; /* until the next call */
	size_t path_len;
	const char *target; /* links; borrowed from the archive */
	size_t target_len;
	const uint8_t *data; /* files; borrowed from the archive */
	uint64_t size;
	uint64_t mtime; /* ns; before 1970 is 0 */
};

struct dj_untar {
	const uint8_t *p;
	size_t left;
	size_t len;
	/* After a failure: what is wrong (constant text), at which offset. */
	const char *what;
	size_t offset;
	char joined[256]; /* prefix and name of a ustar header */
};

void dj_untar_init(struct dj_untar *t, const uint8_t *p, size_t len);

/*
 * DJ_E_INPUT: malformed; DJ_E_UNSUPPORTED: well formed, but not of the kind
 * above; DJ_E_LIMIT: a name or path too long. *ret is set on success, and so
 * far as known (path) on failure.
 */
dj_status dj_untar_next(struct dj_untar *t, struct dj_untar_member *ret);

/* Is [p, p + len) well-formed UTF-8 without NUL? */
bool dj_utf8_ok(const char *p, size_t len);
