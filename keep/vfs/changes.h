// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keep/vfs/vfs.h"
#include "lib/proto/pax.h"
#include "lib/proto/untar.h"

/*
 * What a program changed in its writable trees, as one pax archive (stream 4
 * of session.md 6.4; docs/protocol.md, "Returned trees"). Of tree N:
 *
 *   N/+/PATH   is new or changed, or was touched: a file with all of its
 *              contents, a folder, a link. Folders come before what they hold
 *   N/-/PATH   was in the tar and is no more, or is a folder now and was none,
 *              or the reverse: an empty file. Folders come before what they
 *              held, so these are undone from the last to the first
 *
 * Times are whole seconds; those of folders that were there are not told. A
 * file with two names is two files.
 *
 *   c->put, ctx, now, left = ...
 *   dj_vfs_changes_put(c, v, root, tar, len, N);   each tree
 *   dj_vfs_changes_end(c);
 */
typedef dj_status dj_vfs_put(void *ctx, const void *p, size_t len);

struct dj_vfs_changes {
	dj_vfs_put *put;
	void *ctx;
	uint64_t now;     /* ns, for what changed and was never looked at */
	uint64_t left;    /* bytes that the archive may still have */
	const char *what; /* after DJ_E_LIMIT: constant text */

	/* Private. */
	uint64_t number;
	size_t path_len;
	char path[DJ_PAX_NAME_MAX];
	const struct dj_vfs_name *above[DJ_PAX_NAME_MAX / 2];
	uint8_t block[DJ_PAX_HEADER_MAX]; /* holds a page too */
	struct dj_untar tar;
};
_Static_assert(DJ_PAX_HEADER_MAX >= DJ_VFS_PAGE, "block holds a page");

/*
 * tar: what root was made of, or NULL. DJ_E_LIMIT, see what; or what put said.
 * To be called once per tree.
 */
dj_status dj_vfs_changes_put(struct dj_vfs_changes *c, struct dj_vfs *v,
	struct dj_vfs_node *root, const uint8_t *tar, size_t tar_len,
	uint64_t number);
dj_status dj_vfs_changes_end(struct dj_vfs_changes *c);
