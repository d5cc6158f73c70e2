// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "client/tar.h"
#include "lib/proto/untar.h"

/*
 * What came back on stream 4 (docs/protocol.md, "Returned trees"), read and
 * judged without a look at any folder. It came from the Keep and is not
 * trusted. Held: every member is N/+/PATH or N/-/PATH of a folder that was
 * asked for; told once; what is gone is told by an empty file; what is above
 * a new member and is told too is a folder, told before it; nothing is new
 * below what is gone.
 *
 * A link's target is relative and has `..` at its front alone, no more of
 * them than there are folders above the link. Whatever other such links it
 * crosses then, it cannot lead out.
 */
#define DJ_CHANGES_MAX DJ_TAR_ENTRIES_MAX

struct dj_change {
	char *path; /* in its folder; owned */
	size_t folder;
	bool is_gone;
	enum dj_untar_type type;
	const char *target; /* links; borrowed, not terminated */
	size_t target_len;
	const uint8_t *data; /* files; borrowed */
	uint64_t size;
	uint64_t mtime; /* ns */
};

struct dj_changes {
	struct dj_change *v; /* as told */
	size_t count, cap;
	struct dj_change **sorted; /* by folder, is_gone, path */
};

/* dir.return, internal.memory. Release with dj_changes_done() in any case. */
DJ_NODISCARD bool dj_changes_read(struct dj_changes *c, const uint8_t *p,
	size_t len, size_t folders, struct dj_err *err);
void dj_changes_done(struct dj_changes *c);

/* The first len bytes of path, new or gone; NULL: not told. */
const struct dj_change *dj_changes_find(const struct dj_changes *c,
	size_t folder, bool is_gone, const char *path, size_t len);
