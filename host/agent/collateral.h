// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host/agent/keep.h"
#include "host/agent/options.h"
#include "host/agent/tees.h"
#include "lib/proto/evidence.h"

/*
 * What goes with the reports of a TEE: the files of --snp or --sgx for real
 * hardware, those of --emulation for an emulated one. session.md 3.6 numbers
 * the items; EVIDENCE and GET /v1/collateral/TEE have the same. Read anew each
 * time. Nothing is believed here: the client judges all of it.
 */
struct dj_collateral {
	struct dj_blob item[DJ_EVIDENCE_TAGS]; /* by tag; may be absent */
};

/* False: something lacks, why says what, and ret has what there is. Free in
 * either case. */
bool dj_collateral_read(const struct dj_options *o,
	const struct dj_tee_kind *kind, bool is_emulated,
	struct dj_collateral *ret, char why[static 160]);
void dj_collateral_free(struct dj_collateral *c);
/* donjon.collateral/1, of the hardware where there is a folder for it; NULL:
 * there is none. docs/api.md. */
json_t *dj_collateral_json(const struct dj_options *o,
	const struct dj_tee_kind *kind);
