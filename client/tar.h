// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"

/*
 * Packs a folder for a Keep (session.md 6.4): a POSIX pax tar of regular
 * files, directories and symbolic links, in order of path, parents first,
 * owner 0, so that the same folder gives the same bytes. x-headers only where
 * ustar has no room, and only path, linkpath, size.
 *
 * dj_tar_open() walks the folder and keeps names and sizes; contents are read
 * when dj_tar_read() comes to them and never all at once in memory.
 */
#define DJ_TAR_ENTRIES_MAX 100000
#define DJ_TAR_DEPTH_MAX   64

struct dj_tar;

/* NULL with err: dir.read, dir.entry (a device, socket or pipe, by name). */
struct dj_tar *dj_tar_open(const char *folder, struct dj_err *err);
void dj_tar_free(struct dj_tar *t);

/*
 * The next bytes, as many as fit; *ret_len == 0 at the end. A file whose size
 * changed since dj_tar_open() is the error dir.read: half a file would be
 * taken for a whole one.
 */
DJ_NODISCARD bool dj_tar_read(struct dj_tar *t, void *buf, size_t cap,
	size_t *ret_len, struct dj_err *err);

/* Bytes of the whole archive. */
uint64_t dj_tar_size(const struct dj_tar *t);
