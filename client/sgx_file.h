// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/certs.h"
#include "client/errors.h"

/*
 * SGX evidence in the forms that people have saved it in, made into an
 * EVIDENCE payload for the judge. Nothing is trusted and nothing is judged
 * here.
 *
 * The quote: as it is. What follows its end (padding, claims of Open Enclave)
 * is signed by nothing, and cut off.
 *
 * The parts: TCB info and QE identity as served, chains in PEM or DER,
 * revocation lists in DER or PEM. A part whose file has one of the names of
 * lib/evidence/sgx_files.h is that item, whatever is in it; any other is put
 * where its content belongs.
 */
struct dj_sgx_file {
	uint8_t *packed; /* to be freed */
	size_t packed_len;
	size_t cut; /* bytes after the quote's end */
};

/* Errors: evidence.file, internal.memory. */
DJ_NODISCARD bool dj_sgx_file_pack(const struct dj_evidence_part *quote,
	const struct dj_evidence_part *parts, size_t count, bool emulated,
	struct dj_sgx_file *ret, struct dj_err *err);
