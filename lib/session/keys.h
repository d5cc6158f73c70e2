// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"
#include "lib/crypto/aead.h"

/*
 * The secrets of one attach (session.md 3.5): HPKE exports for base mode (a
 * new session) and psk mode (a reattach with a ticket).
 */
struct dj_ticket {
	uint32_t no; /* 0: empty */
	struct dj_key key;
};

struct dj_keys {
	uint16_t suite;
	uint8_t mode;
	struct dj_key c2k;    /* first chain secret, client to Keep */
	struct dj_key k2c;    /* first chain secret, Keep to client */
	struct dj_key ticket; /* the next ticket */
	struct dj_key auth;   /* what an owner signs */
	struct dj_key again;  /* re-attestation */
	uint8_t sid[16];      /* public name of this attach: may be logged */
};

/* The record AEAD of a suite; DJ_E_UNSUPPORTED: not in this build. */
dj_status dj_suite_aead(uint16_t suite, enum dj_aead_alg *ret);

/*
 * From the KEM's shared secret. ticket: NULL in mode 0, the one used in
 * mode 1 (DJ_E_INPUT otherwise). DJ_E_UNSUPPORTED: a suite of no known KEM.
 */
dj_status dj_keys_derive(uint16_t suite, const struct dj_key *ss,
	const uint8_t binding[static 32], const uint8_t keep_id[static 32],
	const struct dj_ticket *ticket, struct dj_keys *ret);
void dj_keys_wipe(struct dj_keys *k);
