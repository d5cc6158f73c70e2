// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/errors.h"
#include "lib/base/secret.h"
#include "lib/proto/record.h"

/*
 * The owner of a Keep: a P-256 key whose public half the launch block names
 * by its hash (session.md 4).
 */

/* A private key in PEM, not encrypted. NULL with err: owner.key. */
EVP_PKEY *dj_owner_load(const char *path, struct dj_err *err);

/* SHA-256 of the uncompressed point: KCF1's owner. */
DJ_NODISCARD bool dj_owner_hash(EVP_PKEY *key, uint8_t ret[static 32],
	struct dj_err *err);

/* Key and signature for CLAIM. */
DJ_NODISCARD bool dj_owner_sign(EVP_PKEY *key, const uint8_t binding[static 32],
	const struct dj_key *auth, uint8_t ret[static DJ_OWNER_PART],
	struct dj_err *err);
