// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/errors.h"

/*
 * A journal of what dj_apply() is about to do, so that a process killed in
 * between leaves nothing half-done for good: dj_undo_earlier() finds the
 * journal the next time and puts everything back as it was.
 *
 * The journal is the file `j` in the first folder's staging folder; each other
 * one has a file `m` that says where. It is there, synced, before the first
 * name is touched, and taken away (dj_undo_forget(), the moment from which
 * all is applied) after the last. It names what there was to begin with, not
 * what was done: how far the process came is seen from what is where, so that
 * undoing can itself be cut short and begun again. While a process lives, it
 * holds a lock on its staging folders.
 */

/* Of the journal: what stood at a name, or is put there. */
enum dj_undo_kind {
	DJ_UNDO_FILE = 'x',  /* a file or link, which goes: staged as oN */
	DJ_UNDO_DIR = 'd',   /* a folder, which goes; mode */
	DJ_UNDO_MAKE = 'm',  /* a folder is made where there was none */
	DJ_UNDO_PLACE = 'n', /* a file or link is put there; dev and ino of
				 it. What it replaces is staged as rN */
};

struct dj_undo_step {
	enum dj_undo_kind kind;
	size_t folder, item; /* item: the N of staged names */
	mode_t mode;
	uint64_t dev, ino;
	const char *path; /* in the folder, relative and plain */
};

/* Roots and staging folders are open, and stay. In order of doing. */
struct dj_undo_set {
	size_t count;
	const int *roots, *stages;
	const struct dj_undo_step *steps;
	size_t step_count;
};

/*
 * Is it named as staging folders are? What comes back from a Keep may not be:
 * it would be a journal of the program's own making.
 */
bool dj_undo_is_stage(const char *name, size_t len);
/* Locks a staging folder for as long as it is open. */
bool dj_undo_lock(int stage);
/* False: errno; nothing may be touched then. */
bool dj_undo_note(const struct dj_undo_set *s);
/* All is applied, or all is as it was. */
bool dj_undo_forget(const struct dj_undo_set *s);
#define DJ_UNDO_FILES "jm" /* besides staged ones, in a staging folder */

/*
 * Undoes what earlier processes, killed meanwhile, had begun in folder; a
 * staging folder of one that lives is left alone, and so is whatever does not
 * belong to this user or is open to others. A journal speaks of folders beside
 * their staging folder or around it, and of no others. dir.return: it cannot
 * be undone.
 */
DJ_NODISCARD bool dj_undo_earlier(const char *folder, struct dj_err *err);

/*
 * The folder that a path's last part is in, reached from root by plain folders
 * alone; -1: errno. *ret_name is that part. Parts have at most 255 bytes.
 */
int dj_undo_parent(int root, const char *path, const char **ret_name);
