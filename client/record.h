// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "client/paths.h"
#include "client/ticket.h"

/*
 * What this client keeps of a Keep it can come back to: a folder
 * STATE/keeps/NAME, mode 0700, with
 *
 *   ticket        client/ticket.h; gone once the Keep was released
 *   begin module tree-N   what is to be sent, until it is known to be there
 *   streams               files of the named streams
 *   diag stderr   output streams that have no file of the caller's
 *   result        donjon.outcome/1: how it ended, written once
 *   about         the ticket file without its secret: it stays
 *   evidence      the bundle KSB1 that the last attach was judged by
 *   events traffic   client/journal.h: what happened, what could be seen
 *
 * Whoever has the folder open has it to himself: the lock is on the folder
 * and goes with the process.
 */
struct dj_record {
	char name[64];
	char dir[DJ_PATH_MAX];
	int fd; /* of the folder, locked; -1: none */
};

/* Letters, digits, `.`, `_`, `-`; first a letter or digit; at most 63. */
bool dj_record_is_name(const char *name);

/*
 * A new folder. is_fixed: this name or none (keep.name); else the first free
 * one of NAME, NAME.2, ... state.write.
 */
DJ_NODISCARD bool dj_record_make(struct dj_record *r, const char *name,
	bool is_fixed, struct dj_err *err);
/* An old one. keep.unknown; keep.busy: another process has it. */
DJ_NODISCARD bool dj_record_open(struct dj_record *r, const char *name,
	struct dj_err *err);
/* The same without the lock, to look at. keep.unknown. */
DJ_NODISCARD bool dj_record_peek(struct dj_record *r, const char *name,
	struct dj_err *err);
void dj_record_close(struct dj_record *r);
/* Removes the folder with all in it, and closes. */
void dj_record_remove(struct dj_record *r);

/*
 * Durably and at once: written beside, fsync, renamed, fsync of the folder.
 * After a crash the file is the old or the new one. state.write.
 */
DJ_NODISCARD bool dj_record_write(struct dj_record *r, const char *file,
	const void *p, size_t len, struct dj_err *err);
/* The same for any path. output.write. */
DJ_NODISCARD bool dj_durable_write(const char *path, const void *p, size_t len,
	struct dj_err *err);
/* NULL: not there, or more than max bytes; to be freed. A NUL follows. */
uint8_t *dj_record_read(const struct dj_record *r, const char *file, size_t max,
	size_t *ret_len);
bool dj_record_has(const struct dj_record *r, const char *file);
void dj_record_drop(struct dj_record *r, const char *file);
/* Path of a file in it; false: too long. */
bool dj_record_path(const struct dj_record *r, const char *file,
	char ret[static DJ_PATH_MAX]);

/* keep.ticket: unreadable; keep.none: there is none. */
DJ_NODISCARD bool dj_record_load(const struct dj_record *r,
	struct dj_ticket_file *ret, struct dj_err *err);
DJ_NODISCARD bool dj_record_store(struct dj_record *r,
	const struct dj_ticket_file *t, struct dj_err *err);

/*
 * What the last attach was about, also after the end: as the ticket file, but
 * the ticket's key is zero. Writing it is not durable and cannot fail the run.
 */
bool dj_record_about(const struct dj_record *r, struct dj_ticket_file *ret);
void dj_record_set_about(struct dj_record *r, const struct dj_ticket_file *t);

/* Names of all folders, sorted, to be freed one by one; NULL-ended. */
char **dj_record_list(void);
void dj_record_list_free(char **names);

/* Makes sure that this process leaves no core dump: it holds tickets. */
void dj_no_core(void);
