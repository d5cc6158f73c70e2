// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/errors.h"
#include "lib/evidence/snp_id.h"

/*
 * An ID block that a host is to launch a Keep with (donjond --snp), judged
 * before it is sent there, and what a policy can then ask for.
 */
struct dj_snp_id_file {
	struct dj_snp_id id;
	uint8_t id_key[48]; /* digests of the keys, as in reports */
	bool has_author;
	uint8_t author_key[48];
};

/* input.file; idblock.invalid: malformed, badly signed, or of another launch
 * than digest. */
DJ_NODISCARD bool dj_snp_id_read(const char *block, const char *auth,
	const uint8_t digest[static 48], struct dj_snp_id_file *ret,
	struct dj_err *err);
