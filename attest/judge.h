// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/policy.h"
#include "lib/base/status.h"
#include "lib/proto/evidence.h"
#include "lib/proto/hello.h"
#include "lib/proto/offer.h"

/*
 * The judge: (evidence, policy, time) -> verdict. A pure function: no files,
 * no clock, no network; the same arguments give the same verdict, so a bundle
 * saved today can be judged again in ten years at the stated time.
 *
 * All checks of session.md section 8 that apply are made and listed in its
 * order, also after the first failure, which decides the error's name. A
 * check whose input an earlier failure took away is listed as not applicable.
 *
 *   offer.format         OFFER parses
 *   offer.suite          its suite is one of HELLO's and of the policy's
 *   offer.state          fresh for a new session, owned and this Keep for a
 *                        reattach
 *   offer.config         config_hash is that of the block asked for
 *   offer.tee            a TEE that was asked for
 *   evidence.format      EVIDENCE parses, its format fits the TEE and HELLO
 *   evidence.tee         the very TEE that was asked for, emulated or not
 *   evidence.development a development format only if the policy allows it
 *   evidence.reserved    only the items and values that the format has, no
 *                        byte left over
 *   evidence.chain       certificates, up to a root that the policy names
 *   evidence.validity    all of them valid at the time of judging
 *   evidence.revocation  none of them revoked
 *   evidence.collateral  SGX: TCB info and QE identity are genuine, in force,
 *                        and about this platform
 *   evidence.signature   the report's, under the chain's leaf
 *   evidence.qe          SGX: the quoting enclave is the vendor's
 *   evidence.report_data freshness and channel, all 64 bytes
 *   evidence.measurement one of the policy's
 *   evidence.config      the report names OFFER's config_hash
 *   evidence.mode        not debuggable, not migratable, ...
 *   evidence.tcb         security versions
 *   evidence.platform    this machine's attestation key, and the policy's
 *                        list of platforms
 */
#define DJ_CHECKS_MAX 32

enum dj_check_state {
	DJ_CHECK_OK,
	DJ_CHECK_FAILED,
	DJ_CHECK_NA, /* not applicable here, or its input is missing */
};

struct dj_check {
	const char *name; /* constant */
	enum dj_check_state state;
	char *got; /* text, byte strings in hex; NULL if there is nothing */
	size_t want_count;
	char **want;          /* any of these */
	unsigned policy_line; /* 0: not a matter of the policy */
};

/* What the evidence is for: the EVIDENCE frame's purpose, session.md 3.6. */
enum dj_judge_purpose {
	DJ_JUDGE_ALONE = 0, /* no session: a report by itself */
	DJ_JUDGE_OFFER = DJ_PURPOSE_OFFER,
	DJ_JUDGE_AGAIN = DJ_PURPOSE_AGAIN,
	DJ_JUDGE_RECEIPT = DJ_PURPOSE_RECEIPT,
};

struct dj_judge_tee {
	uint8_t tee; /* enum dj_tee */
	bool emulated;
};

struct dj_judge_input {
	enum dj_judge_purpose purpose;

	/* Frame payloads as sent and received. OFFER: both; AGAIN and RECEIPT:
	 * those of the attach, for TEE, format and config_hash; ALONE, and the
	 * RECEIPT that a stranger to the session judges: NULL. */
	const uint8_t *hello;
	size_t hello_len;
	const uint8_t *offer;
	size_t offer_len;
	const uint8_t *evidence; /* the EVIDENCE frame's payload */
	size_t evidence_len;

	const struct dj_policy *policy;
	int64_t time; /* seconds since 1970, UTC */

	/* The TEEs asked for; none: whatever the policy accepts. */
	const struct dj_judge_tee *tees;
	size_t tee_count;

	/* SHA-256 of the launch configuration block asked for; NULL: none was
	 * given and OFFER's must be zero. config_unknown: the judge of a saved
	 * bundle has no block to compare with. */
	const uint8_t *config_hash;
	bool config_unknown;

	/* A reattach: the ticket's Keep, and the attach that made the ticket;
	 * OFFER's attach_no must not be smaller. NULL: HELLO itself says which
	 * Keep was wanted. */
	const uint8_t *keep_id;
	uint32_t attach_no;

	/* AGAIN, RECEIPT: the 64 bytes that report_data must be. ALONE: those,
	 * or NULL, and then neither freshness nor channel is judged. OFFER:
	 * NULL; it follows from HELLO and OFFER. */
	const uint8_t *report_data;
};

struct dj_verdict {
	bool good;
	const char *error; /* name of the first failed check; NULL if good */
	bool hardware;     /* protection: "hardware"; false: "none" */

	enum dj_judge_purpose purpose;
	uint8_t tee; /* enum dj_tee, 0 if unknown */
	bool emulated;
	uint16_t format;
	int64_t time;
	size_t measurement_len; /* 0: the evidence could not be read */
	uint8_t measurement[64];
	uint8_t report_data[64];
	bool has_platform;
	uint8_t platform[32];
	/* What the vendor's collateral says of the platform, where a TEE has
	 * that: "UpToDate"; NULL otherwise. Advisories sorted, owned. */
	const char *tcb_status;
	char **advisory;
	size_t advisory_count;
	uint8_t evidence_sha256[32];

	char policy_file[DJ_POLICY_PATH_MAX];
	char policy_name[DJ_POLICY_NAME_MAX + 1];
	uint8_t policy_sha256[32];

	size_t check_count;
	struct dj_check checks[DJ_CHECKS_MAX];
};

/*
 * DJ_OK only for good evidence; DJ_E_AUTH if it is refused (ret says why);
 * DJ_E_NOMEM, and then ret is refused without a list. *ret is always set and
 * the caller's to release, whatever was returned.
 */
dj_status dj_judge(const struct dj_judge_input *in, struct dj_verdict *ret);
void dj_verdict_done(struct dj_verdict *v); /* a zeroed one is fine */

/* The check of that name, or NULL. */
const struct dj_check *dj_verdict_check(const struct dj_verdict *v,
	const char *name);

/* The evidence formats that this judge reads for a TEE, for HELLO: fills ret
 * with at most cap and returns how many. Development formats only if the
 * policy allows development. */
size_t dj_judge_formats(const struct dj_policy *policy, uint8_t tee,
	bool emulated, uint16_t *ret, size_t cap);

/*
 * Field by field, for `verify --explain`: calls say for each field of the
 * report inside an EVIDENCE payload that can be read. False if none can.
 */
typedef void dj_judge_field(void *ctx, size_t off, size_t len, const char *name,
	const char *value);
bool dj_judge_explain(const uint8_t *evidence, size_t len, dj_judge_field *say,
	void *ctx);
