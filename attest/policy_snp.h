// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/policy_value.h"
#include "attest/toml.h"
#include "lib/base/status.h"
#include "lib/evidence/snp.h"

/*
 * [snp] of a policy: what SEV-SNP Keeps must be. donjon-policy(5) has the
 * keys. A policy without the section has the defaults: no debugging, no
 * migration, VMPL 0, every product, any chip.
 */

/* The keys that are true or false. */
enum dj_policy_snp_switch {
	DJ_SNP_DEBUG,
	DJ_SNP_MIGRATION,
	DJ_SNP_SMT,
	DJ_SNP_SINGLE_SOCKET,
	DJ_SNP_CXL,
	DJ_SNP_AES_256_XTS,
	DJ_SNP_RAPL,
	DJ_SNP_CIPHERTEXT_HIDING,
	DJ_SNP_PAGE_SWAP,
	DJ_SNP_ALIAS_CHECK,
	DJ_SNP_TSME,
	DJ_SNP_ECC,
	DJ_SNP_PROVISIONAL,
	DJ_SNP_MASKED_CHIP,
	DJ_SNP_SWITCHES
};

/* What a switch demands of a report, where it stands at `when`. */
struct dj_policy_snp_demand {
	const char *key;
	bool preset, when;
	uint64_t policy_set, policy_clear; /* bits of POLICY */
	uint64_t info_set, info_clear;     /* bits of PLATFORM_INFO */
};
extern const struct dj_policy_snp_demand dj_policy_snp_demands[DJ_SNP_SWITCHES];

struct dj_policy_snp_tcb {
	unsigned line; /* 0: not given */
	uint8_t min[DJ_SNP_TCB_PARTS];
};

struct dj_policy_snp {
	unsigned line; /* 0: no such section */
	struct {
		bool on;
		unsigned line;
	} is[DJ_SNP_SWITCHES];
	struct dj_policy_set products; /* 1 << enum dj_snp_product */
	struct dj_policy_set keys;     /* 1 << enum dj_snp_key */
	struct dj_policy_set versions; /* 1 << version */
	struct dj_policy_set vmpl;     /* 1 << vmpl */
	/* Of all products, and for one of them in its place. */
	struct dj_policy_snp_tcb min_tcb, min_tcb_of[DJ_SNP_PRODUCTS];
	struct dj_policy_number min_firmware; /* major << 16 | minor << 8 |
						     build */
	struct dj_policy_number min_guest_svn, mit_vector;
	struct dj_policy_number max_crl_age;         /* seconds */
	struct dj_policy_list chips;                 /* 64 bytes each */
	bool any_chip;                               /* chips = "any" */
	struct dj_policy_list host_data;             /* 32 */
	struct dj_policy_list id_keys, author_keys;  /* 48 */
	struct dj_policy_list family_ids, image_ids; /* 16 */
	struct dj_policy_list csps; /* text with NUL, of VLEKs */
};

/* Defaults, then what the table says; t may be NULL. */
dj_status dj_policy_snp_read(struct dj_policy_snp *ret,
	const struct dj_toml_value *t, struct dj_toml_error *err);

/* The minimum that holds for a product, or NULL. */
const struct dj_policy_snp_tcb *dj_policy_snp_min(const struct dj_policy_snp *p,
	enum dj_snp_product product);
