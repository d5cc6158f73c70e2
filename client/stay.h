// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/program.h"
#include "client/record.h"
#include "client/run.h"

/*
 * A run that survives its client (session.md 4, 6.3). Around a visit:
 *
 *   dj_stay_make()    the folder
 *   dj_visit_keep()
 *   dj_stay_begin()   what is to be sent, and the ticket file
 *   dj_visit_run()
 *   dj_stay_end()
 *
 * and to come back, in another process:
 *
 *   dj_stay_open()
 *   dj_visit_prepare(), dj_stay_resume(), dj_visit_return(), dj_visit_run()
 *   dj_stay_end()
 *
 * In between, dj_stay_ready() stores the ticket of every attach before
 * anything is sent after READY (rule D), and dj_stay_fact() the result before
 * RELEASE. Without a folder (record.fd -1) only the latter is done.
 */
struct dj_stay {
	struct dj_record record;
	struct dj_ticket_file t;
	struct dj_resume resume;
	struct dj_visit *visit;
	struct dj_job *job;
	/* Makes donjon.outcome/1 of how it ended; to be freed. */
	char *(*describe)(void *ctx, const struct dj_outcome *o);
	void *ctx;

	uint8_t *begin, *module;                      /* owned */
	int fds[DJ_TREES_MAX + 5 + 2 * DJ_NAMED_MAX]; /* owned */
	size_t fd_count;
	struct dj_named named[DJ_NAMED_MAX]; /* coming back */
	bool is_back;                        /* this is a reattach */
	bool is_attached; /* READY came and nobody has said the end of it */
	bool was_running; /* so READY said */
	bool input_lost;  /* nobody has the input any more */
};

/*
 * Can a file that this process has open be found again by another? Its path,
 * and where this process is in it.
 */
bool dj_stay_file(int fd, char ret[static DJ_PATH_MAX], uint64_t *ret_base);

/* Can another process go on with all of them? */
bool dj_stay_named(const struct dj_named *named, size_t count);

/* All but describe and ctx as in a new one, without a folder. */
void dj_stay_init(struct dj_stay *y);
/* is_fixed: this name or none. */
DJ_NODISCARD bool dj_stay_make(struct dj_stay *y, const char *name,
	bool is_fixed, struct dj_err *err);
/* A path for the ticket, made absolute. state.write. */
DJ_NODISCARD bool dj_stay_path(struct dj_stay *y, enum dj_ticket_text which,
	const char *path, struct dj_err *err);
DJ_NODISCARD bool dj_stay_begin(struct dj_stay *y, struct dj_visit *v,
	struct dj_job *job, struct dj_err *err);

DJ_NODISCARD bool dj_stay_open(struct dj_stay *y, const char *name,
	struct dj_err *err);
/* The options of the visit as the ticket has them; tee needs room for one. */
void dj_stay_options(const struct dj_stay *y, struct dj_visit_options *ret,
	const char **host, const char **tee);
/* keep.policy: the file changed. */
DJ_NODISCARD bool dj_stay_policy(const struct dj_stay *y, struct dj_err *err);
/* in: a file with all of the input, or NULL. output.read, input.file. */
DJ_NODISCARD bool dj_stay_resume(struct dj_stay *y, struct dj_visit *v,
	struct dj_job *job, const char *in, struct dj_err *err);

/* Writes the recorded result to the exit file that was asked for. */
DJ_NODISCARD bool dj_stay_publish(struct dj_stay *y, struct dj_err *err);

/*
 * It is over here. finished: the Keep was released, nothing but the result
 * stays. With remove nothing stays.
 */
void dj_stay_end(struct dj_stay *y, bool finished, bool remove);
