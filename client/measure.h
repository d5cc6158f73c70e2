// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "client/paths.h"

/*
 * The measurement that a Keep image will have, computed here, without
 * hardware, by the walk that launchers use (lib/evidence/image.h).
 */
struct dj_measured {
	uint8_t tee; /* enum dj_tee */
	char path[DJ_PATH_MAX];
	size_t pages;
	size_t len; /* of digest: 32 or 48 */
	uint8_t digest[48];
	const char *name; /* of it, in policies: sha256, sha384 */
};

/* The TEEs that this build has images of; an installation may lack some. */
#define DJ_MEASURED_COUNT 4
extern const uint8_t dj_measured_tees[DJ_MEASURED_COUNT];

/*
 * file: an image, or NULL for that of this installation (dj_path_images(),
 * TEE.elf). sgx1: 0, or the memory of a Keep on a processor with SGX1 alone,
 * where it is measured (DJ_TEE_SGX only). Errors: image.read, image.invalid; tee.unsupported for a TEE that
 * this build has no image of.
 */
DJ_NODISCARD bool dj_measure(uint8_t tee, const char *file, uint64_t sgx1,
	struct dj_measured *ret, struct dj_err *err);
