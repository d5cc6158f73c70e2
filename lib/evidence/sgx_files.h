// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>

#include "lib/proto/evidence.h"

/*
 * What the files of SGX collateral in a folder are called, and which item of
 * EVIDENCE each is: as donjon collateral writes them, donjon verify and donjond
 * --sgx read them. Not in any Keep.
 */
struct dj_sgx_named {
	const char *name;
	enum dj_evidence_tag tag;
	bool is_needed; /* the others may be part of their neighbours */
};

#define DJ_SGX_FILES 7
extern const struct dj_sgx_named dj_sgx_files[DJ_SGX_FILES];
