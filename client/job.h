// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "client/session.h"
#include "client/tar.h"
#include "lib/proto/record.h"
#include "lib/session/binding.h"

/*
 * One program in an opened session: BEGIN, MODULE, trees, RUN, then streams
 * both ways until EXIT, which is checked against what was written here, then
 * RELEASE. A single thread around poll(2).
 */
#define DJ_TREES_MAX 16

/* A named stream: descriptors of this side, -1 where it does not go. */
struct dj_named {
	char name[64];
	uint8_t number;
	int in_fd;  /* read for the program, from where it stands */
	int out_fd; /* what the program writes */
};

/* Evidence of a running Keep: false with err if it does not hold. */
typedef bool dj_job_judge(void *ctx, const struct dj_session *s,
	const uint8_t *evidence, size_t len,
	const uint8_t report_data[static 64], struct dj_err *err);

enum dj_job_step {
	DJ_JOB_SENT,     /* all of the program is on its way, RUN too */
	DJ_JOB_ATTESTED, /* a re-attestation held */
};
typedef void dj_job_report(void *ctx, enum dj_job_step step);

/*
 * What must be on the disk before the session goes on: the input's length
 * and hash when it has ended; how the program ended, before RELEASE.
 */
enum dj_job_fact {
	DJ_JOB_INPUT,
	DJ_JOB_RESULT,
};
struct dj_outcome;
typedef bool dj_job_record(void *ctx, enum dj_job_fact fact,
	const struct dj_outcome *o, struct dj_err *err);

struct dj_job {
	const uint8_t *module;
	size_t module_len;
	uint8_t module_hash[32];
	const uint8_t *begin; /* BEGIN's whole body */
	size_t begin_len;
	struct dj_tar *trees[DJ_TREES_MAX]; /* streams 16.. */
	size_t tree_count;
	/* Durable: a regular file per tree in place of the above. */
	int tree_fds[DJ_TREES_MAX];
	/*
	 * Folders whose changes come back on stream 4: into returned_fd, at
	 * most returned_max bytes, and applied before RELEASE. Not durable.
	 */
	const char *const *returned;
	size_t returned_count;
	int returned_fd;
	uint64_t returned_max;

	const struct dj_named *named;
	size_t named_count;

	int in_fd; /* -1: the program's input is empty, or known to be there */
	int out_fd, err_fd;
	/*
	 * Durable: output is acknowledged when it is on the disk, and SIGHUP
	 * detaches. Resumed: s is a reattach, and streams go on where READY
	 * and the files say. *_base: where a stream begins in its file.
	 */
	bool is_durable, is_resumed;
	int diag_fd; /* durable only: the file of stream 3 */
	uint64_t in_base, out_base, err_base;
	bool out_floats, err_floats; /* discarded, and some was before */
	bool leaves;                 /* detach once all input is there */
	bool detaches;               /* signals detach, they do not stop */
	bool stops;                  /* ask the program to stop, first thing */
	bool receipts; /* the launch block asks for one: wait for it */
	uint8_t config_hash[32], begin_hash[32];
	/* Resumed: what an earlier attach has recorded of the input. */
	bool has_input;
	uint64_t input_len;
	uint8_t input_hash[32];
	uint64_t time_ms;   /* 0: no limit */
	uint32_t steady_ms; /* 0: records as they come */
	uint32_t again_ms;  /* 0: no re-attestation; else every so often */

	dj_job_judge *judge;
	dj_job_judge *judge_receipt; /* with receipts */
	dj_job_record *record;       /* may be NULL */
	void *record_ctx;
	dj_job_report *report; /* may be NULL */
	void *ctx;
};

/* Set as far as things went, also when dj_job_run() is false. */
struct dj_outcome {
	bool has_exit; /* the Keep said how it ended, and the output is right */
	struct dj_exit exit;
	bool timed_out;        /* by this client's clock */
	bool stopped;          /* we asked it to stop */
	bool killed;           /* a second signal came */
	bool detached;         /* left to run on; has_exit is false */
	bool sent;             /* RUN has left */
	uint64_t in, out, err; /* bytes of the streams */
	uint32_t attested;     /* re-attestations that held */
	char *diag;            /* stream 3: JSON lines; owned, may be NULL */
	size_t diag_len;
	bool has_input; /* the input's length and hash are known */
	uint64_t input_len;
	uint8_t input_hash[32];
	/* With receipts, from EXIT on. */
	struct dj_receipt_stream streams[DJ_RECEIPT_STREAMS];
	uint8_t stream_count;
	uint8_t *receipt; /* EVIDENCE; owned */
	size_t receipt_len;
	int64_t sent_ms; /* from the call to RUN */
	int64_t run_ms;  /* from RUN to EXIT */
	/* To the program's first output, by which it has begun; or to EXIT. */
	int64_t first_ms;
};

/*
 * True: the Keep said how the program ended and all its output was written
 * and is what the program wrote. What the program did is in ret->exit. False
 * with err otherwise: session.*, output.*, input.read, again.refused,
 * limit.time and program.killed (no word from the Keep), dir.read, dir.return,
 * receipt.missing, receipt.refused. Also true: ret->detached.
 *
 * SIGINT, SIGTERM and SIGHUP are taken for the time of the call: the first
 * asks the program to stop, the second ends the session.
 */
DJ_NODISCARD bool dj_job_run(struct dj_session *s, const struct dj_job *job,
	struct dj_outcome *ret, struct dj_err *err);
void dj_outcome_done(struct dj_outcome *o);

/*
 * What an EXIT record means to a shell; *ret_name is the error's, NULL for a
 * program that ended by itself.
 */
int dj_outcome_status(const struct dj_exit *e, const char **ret_name);
