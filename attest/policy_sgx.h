// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/policy_value.h"
#include "attest/toml.h"
#include "lib/base/status.h"

/*
 * [sgx] of a policy: what SGX Keeps must be. donjon-policy(5) has the keys. A
 * policy without the section has the defaults: no debugging, no provisioning
 * or launch keys, any processor, a platform that is UpToDate.
 */
#define DJ_POLICY_SGX_SIGNERS 16
/* x87, SSE, AVX, MPX, AVX-512, PKRU, AMX: what enclaves are seen with. */
#define DJ_POLICY_SGX_XFRM    UINT64_C(0x602ff)

/* An enclave by who signed it, and not by its bytes. */
struct dj_policy_sgx_signer {
	unsigned line;
	uint8_t mrsigner[32];
	uint16_t isvprodid, min_isvsvn;
};

struct dj_policy_sgx {
	unsigned line; /* 0: no such section */
	size_t signer_count;
	struct dj_policy_sgx_signer signers[DJ_POLICY_SGX_SIGNERS];
	struct {
		bool on;
		unsigned line;
	} debug, provision_key, einittoken_key, smt;
	struct dj_policy_set statuses;    /* 1 << enum dj_sgx_status */
	struct dj_policy_list advisories; /* texts */
	bool any_advisory;                /* advisories = "any" */
	struct dj_policy_number min_isvsvn, min_evaluation;
	struct dj_policy_number xfrm;      /* what may be set */
	struct dj_policy_list ppids;       /* 16 bytes each */
	bool any_ppid;                     /* platforms = "any" */
	struct dj_policy_list fmspcs;      /* 6 */
	struct dj_policy_list config_ids;  /* 64 */
	struct dj_policy_list family_ids;  /* 16 */
	struct dj_policy_list product_ids; /* 16: ISVEXTPRODID */
	struct dj_policy_number min_config_svn;
};

/* Defaults, then what the table says; t may be NULL. */
dj_status dj_policy_sgx_read(struct dj_policy_sgx *ret,
	const struct dj_toml_value *t, struct dj_toml_error *err);
