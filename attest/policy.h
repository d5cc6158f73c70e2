// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/policy_sgx.h"
#include "attest/policy_snp.h"
#include "attest/toml.h"
#include "lib/base/status.h"
#include "lib/proto/offer.h"

/*
 * A policy: what a tenant accepts. donjon-policy(5) describes the file.
 *
 * The judge does no I/O, so a policy is made in two steps: dj_policy_parse()
 * on the file's text, then, for each of policy->roots, dj_policy_set_root()
 * with the bytes of the file it names (a path that is not absolute is meant
 * from the policy file's folder). A root that was not set accepts nothing.
 * client/policy_file.h does both.
 *
 * Everything is in place: no part of a policy is allocated.
 */
#define DJ_POLICY_SIZE_MAX      ((size_t)256 << 10)
#define DJ_POLICY_NAME_MAX      64
#define DJ_POLICY_PATH_MAX      1024
#define DJ_POLICY_ROOTS_MAX     8
#define DJ_POLICY_ROOT_DER_MAX  2048
#define DJ_POLICY_MEASURES_MAX  64
#define DJ_POLICY_SUITES_MAX    8
#define DJ_POLICY_PLATFORMS_MAX 64

struct dj_policy_root {
	char path[DJ_POLICY_PATH_MAX]; /* as written */
	unsigned line;
	size_t der_len; /* 0: not set */
	uint8_t der[DJ_POLICY_ROOT_DER_MAX];
	uint8_t sha256[32]; /* of der, shown */
};

struct dj_policy_measure {
	uint8_t tee; /* enum dj_tee */
	uint8_t len; /* 32 or 48 or 64 */
	uint8_t bytes[64];
	unsigned line;
};

struct dj_policy_platform {
	uint8_t sha256[32];
	unsigned line;
};

struct dj_policy {
	char file[DJ_POLICY_PATH_MAX]; /* as shown to people */
	char name[DJ_POLICY_NAME_MAX + 1];
	uint8_t sha256[32]; /* of the file's text */

	bool development; /* [development] allow */
	unsigned development_line;
	size_t root_count;
	struct dj_policy_root roots[DJ_POLICY_ROOTS_MAX];

	size_t measure_count;
	struct dj_policy_measure measures[DJ_POLICY_MEASURES_MAX];
	unsigned measures_line;

	size_t suite_count; /* 0: any that this client offers */
	uint16_t suites[DJ_POLICY_SUITES_MAX];
	unsigned suites_line;
	uint8_t minclass; /* 0..3, for HELLO.minclass */
	unsigned minclass_line;

	/* [process] platforms: attestation keys of development TEEs, SHA-256
	 * of their SPKI. */
	size_t platform_count; /* 0: any under the root */
	struct dj_policy_platform platforms[DJ_POLICY_PLATFORMS_MAX];
	unsigned platforms_line;

	struct dj_policy_snp snp;
	struct dj_policy_sgx sgx;
};

/*
 * Reads a policy file's text; file is its name for messages and verdicts.
 * On failure err has the place and *ret is empty: it accepts nothing.
 * DJ_E_UNSUPPORTED: the policy asks for what this build cannot judge (a TEE's
 * section, a release's measurements); it is never ignored.
 */
dj_status dj_policy_parse(const char *text, size_t len, const char *file,
	struct dj_policy *ret, struct dj_toml_error *err);

/*
 * The certificate of policy->roots[i], as PEM: exactly one that
 * dj_cert_is_root().
 * DJ_E_INPUT with a reason in err (line: that of the policy) otherwise.
 */
dj_status dj_policy_set_root(struct dj_policy *policy, size_t i,
	const char *pem, size_t len, struct dj_toml_error *err);

/*
 * The policy for a Keep of an agent that `donjon run` has itself started and
 * given this development root: that root and that measurement, nothing else.
 * root_pem NULL: for hardware, whose root the judge knows. The measurement
 * has as many bytes as one of that TEE has: 32, or snp's 48.
 */
dj_status dj_policy_first_run(const char *root_pem, size_t root_len,
	uint8_t tee, const uint8_t *measurement, struct dj_policy *ret,
	struct dj_toml_error *err);

/*
 * What a careful reader would point out, each with the line it is about (0:
 * the whole file). Calls say for each; returns how many there were.
 */
typedef void dj_policy_say(void *ctx, unsigned line, const char *text);
size_t dj_policy_warnings(const struct dj_policy *policy, dj_policy_say *say,
	void *ctx);

/* Does the policy know a measurement of this TEE at all? */
bool dj_policy_wants_tee(const struct dj_policy *policy, uint8_t tee);

/* The number of dj_tee_name(), or 0 for a name that is no TEE's. */
uint8_t dj_tee_number(const char *name);
