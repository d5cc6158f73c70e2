// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/certs.h"
#include "client/errors.h"

/*
 * SEV-SNP evidence in the forms that people have saved it in, made into an
 * EVIDENCE payload for the judge. Nothing is trusted and nothing is judged
 * here.
 *
 * The report: its 1184 bytes (as configfs-tsm's outblob is), an Azure HCL
 * report around them, or JSON with "outblob" and perhaps "auxblob" in
 * base64url. The parts, in any order: certificates and revocation lists, DER
 * or PEM, many in one file or not, and certificate tables (auxblob). Of the
 * certificates the key's, its issuer's and that one's issuer are taken; those
 * of AMD's that are missing are added (client/snp_certs.h), but not to
 * emulated evidence.
 */
struct dj_snp_file {
	uint8_t *packed; /* to be freed */
	size_t packed_len;
	/* An HCL report says what report_data must be: that of its JSON. */
	bool is_bound;
	uint8_t report_data[64];
};

/* Errors: evidence.file, internal.memory. */
DJ_NODISCARD bool dj_snp_file_pack(const struct dj_evidence_part *report,
	const struct dj_evidence_part *parts, size_t count, bool emulated,
	struct dj_snp_file *ret, struct dj_err *err);
