// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/errors.h"

/*
 * Puts what came back from a Keep (client/changes.h) into folders here, as a
 * whole or not at all:
 *
 *   1. Everything is judged: the archive, then what is in the way of each
 *      member here. Nothing has been changed by then.
 *   2. New files and links are written, whole and synced, into a staging
 *      folder .donjon-XXXXXXXX of mode 0700 beside each folder (inside it,
 *      where beside is another file system or cannot be written).
 *   3. Names are taken away and put in place by renames. If one fails, what
 *      was done is undone. What was replaced stays in the staging folder until
 *      the last rename; if this process is killed in between, the next one
 *      undoes it by the journal that is there (client/undo.h).
 *
 * Nothing is reached through a symbolic link, neither on the way to a name
 * nor at its end. A file replaces a file or a link, never a folder. New files
 * have the mode that umask gives, replaced ones keep theirs.
 */

/*
 * A file without a name to gather the archive in, where folder is or in the
 * place for such files. -1: dir.return.
 */
int dj_apply_spool(const char *folder, struct dj_err *err);

/* fd: the archive, all of the file. dir.return, internal.memory. */
DJ_NODISCARD bool dj_apply(const char *const *folders, size_t count, int fd,
	struct dj_err *err);
