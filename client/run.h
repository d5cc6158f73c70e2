// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/judge.h"
#include "client/agent.h"
#include "client/errors.h"
#include "client/http.h"
#include "client/job.h"
#include "client/session.h"

/*
 * Ask for a Keep, attest, verify, seal, run: the whole path. One use:
 *
 *   dj_visit_prepare()   agent or host, policy
 *   dj_visit_keep()      ask for a Keep, open a link, challenge, judge
 *   dj_visit_run()       open the session, run the program
 *   dj_visit_done()      always
 *
 * After dj_visit_keep() the verdict is in v->verdict, good or not.
 */
struct dj_visit_options {
	const char *const *hosts; /* tried in order; none: a private agent */
	size_t host_count;
	struct dj_host_options host; /* certificates and token; url unused */
	const char *policy;          /* file; NULL: that of a first run */
	const char *const *tees;     /* as --tee has them */
	size_t tee_count;

	uint64_t memory;
	uint64_t module_max; /* bytes that are about to be sent */
	uint64_t time_ms;    /* what the program may take; 0: no limit */
	uint8_t time_policy; /* enum dj_time_policy */
	uint64_t time_ns;    /* with DJ_TIME_FIXED */
	const char *owner;   /* key file, or NULL */
	bool one_size;
	bool receipts; /* the Keep is to make one */
	bool verbose_agent;
};

enum dj_visit_phase {
	DJ_VISIT_KEEP,
	DJ_VISIT_EVIDENCE,
	DJ_VISIT_SESSION,
	DJ_VISIT_SEND,
	DJ_VISIT_RUN,
	DJ_VISIT_COUNT
};
extern const char *const dj_visit_phases[DJ_VISIT_COUNT];

/*
 * Told when a phase begins (text NULL) and when it is over (text: what came
 * of it, fit for a terminal). DJ_VISIT_COUNT, before the first of them: keys of
 * an emulated TEE, text, are about to be made, which takes a while and is done
 * once.
 */
typedef void dj_visit_watch(void *ctx, enum dj_visit_phase phase,
	const char *text, int64_t ms);

struct dj_visit {
	struct dj_visit_options options; /* strings borrowed */
	const struct dj_visit_options *o;
	dj_visit_watch *watch; /* may be NULL */
	void *watch_ctx;

	struct dj_agent agent; /* pid 0: a host of others */
	struct dj_host *host;
	struct dj_policy *policy;
	struct dj_judge_tee tees[8]; /* asked for in turn; after dj_visit_keep()
				      * the one that there is */
	size_t tee_count;
	EVP_PKEY *owner;
	uint8_t config_hash[32];

	char keep[80];       /* the host's name for it; "": none */
	char adversary[256]; /* the host says that it attacks it, so; "" */
	struct dj_session session;
	struct dj_verdict verdict;
	bool has_verdict;
	int64_t ms[DJ_VISIT_COUNT];
	int64_t phase_start;
	enum dj_visit_phase phase;
	bool is_released;
	bool is_kept; /* somebody will come back: the Keep stays */

	/* client/stay.h. Called after READY, before anything is sent. */
	bool (*on_ready)(void *ctx, const struct dj_session *s,
		struct dj_err *err);
	/* The same of the steps of the program. May be NULL. */
	dj_job_report *on_step;
	void *ready_ctx;
	const struct dj_resume *resume; /* a reattach to keep_id */
	const uint8_t *keep_id;
};

/* Zeroes *v first. The strings in o must outlive the visit. */
DJ_NODISCARD bool dj_visit_prepare(struct dj_visit *v,
	const struct dj_visit_options *o, dj_visit_watch *watch, void *ctx,
	struct dj_err *err);
/* err has the name of the first failed check where evidence is refused. */
DJ_NODISCARD bool dj_visit_keep(struct dj_visit *v, struct dj_err *err);
/* In place of dj_visit_keep(): the Keep is there, v->resume says which. */
DJ_NODISCARD bool dj_visit_return(struct dj_visit *v, struct dj_err *err);
/* job: judge, report and ctx are set here. */
DJ_NODISCARD bool dj_visit_run(struct dj_visit *v, struct dj_job *job,
	struct dj_outcome *ret, struct dj_err *err);
/* Ends a Keep that was not released, the session, the agent. */
void dj_visit_done(struct dj_visit *v);

/* The bundle KSB1 of what was judged, to be freed; NULL: no memory. */
uint8_t *dj_visit_bundle(const struct dj_visit *v, size_t *ret_len);

/*
 * The launch configuration block (KCF1) for these options; owner may be NULL.
 */
DJ_NODISCARD bool dj_visit_block(const struct dj_visit_options *o,
	EVP_PKEY *owner, uint8_t *dst, size_t cap, size_t *ret_len,
	struct dj_err *err);

/*
 * A word of --tee. tee.unknown with the nearest name; tee.unsupported for
 * those of other builds. any: what the policy accepts, those that protect first;
 * policy NULL, that of a first run: process.
 */
DJ_NODISCARD bool dj_tee_choose(const char *const *words, size_t count,
	const struct dj_policy *policy, struct dj_judge_tee *ret, size_t cap,
	size_t *ret_count, struct dj_err *err);
