// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"
#include "lib/proto/error.h"
#include "lib/proto/hello.h"
#include "lib/proto/offer.h"
#include "lib/session/keys.h"

/*
 * HELLO, OFFER, OPEN: both sides, without any I/O (session.md 3). Each
 * function judges one message and gives the exact code to refuse it with.
 * Randomness comes from the caller.
 */

/*
 * ---- Keep ----
 * The one offer that a Keep holds. All zero: none. Wiped by dj_pending_wipe(),
 * by every HELLO and by every OPEN, so each KEM key sees one decapsulation.
 */
struct dj_pending {
	bool is_live;
	uint8_t mode;
	uint8_t minclass; /* from HELLO: least class towards the client */
	uint16_t suite;
	uint8_t binding[32];
	uint8_t keep_id[32];
	struct dj_key sk;
};

void dj_pending_wipe(struct dj_pending *p);

/* What a Keep says of itself in OFFER. */
struct dj_face {
	uint8_t tee;
	uint8_t state; /* enum dj_keep_state */
	uint32_t attach_no;
	uint8_t keep_id[32];
	uint8_t config_hash[32];
	const uint8_t *info; /* dj_offer_info_write() */
	size_t info_len;
};

/*
 * Takes HELLO; on success writes OFFER (at most DJ_OFFER_MAX bytes) and what
 * its report must cover, and fills *p. The earlier offer is gone in any case.
 * keep_nonce and kem_ikm: fresh random bytes for this call alone; the KEM key
 * is DeriveKeyPair(kem_ikm).
 * BAD_HELLO, NO_SUITE, KEEP_OWNED, KEEP_FRESH, WRONG_KEEP; TOO_BIG: cap.
 */
enum dj_error dj_keep_offer(struct dj_pending *p, const struct dj_face *face,
	const uint8_t *hello, size_t hello_len,
	const uint8_t keep_nonce[static 32], const struct dj_key *kem_ikm,
	uint8_t *offer, size_t cap, size_t *ret_len,
	uint8_t ret_report_data[static 64]);

/* The same with the KEM private key itself: for known answers in tests. */
enum dj_error dj_keep_offer_sk(struct dj_pending *p, const struct dj_face *face,
	const uint8_t *hello, size_t hello_len,
	const uint8_t keep_nonce[static 32], const struct dj_key *sk,
	uint8_t *offer, size_t cap, size_t *ret_len,
	uint8_t ret_report_data[static 64]);

/*
 * Takes OPEN and consumes *p, whatever happens. tickets: the Keep's `cur` and
 * `pend` (entries with no == 0 are empty); in mode 1 *ret_ticket_no says
 * which was used, in mode 0 it is 0. ret_binding is kept for the owner's
 * signature. NO_OFFER, STALE_OFFER, BAD_OPEN, NO_TICKET.
 */
enum dj_error dj_keep_open(struct dj_pending *p, const uint8_t *open,
	size_t len, const struct dj_ticket *tickets, size_t ticket_count,
	struct dj_keys *ret_keys, uint32_t *ret_ticket_no,
	uint8_t ret_binding[static 32]);

/*
 * ---- Client ----
 * HELLO and OFFER are judged by attest/judge.h, with the evidence.
 *
 * Makes OPEN (at most DJ_OPEN_MAX bytes) and the keys. Call it only after the
 * evidence for this very HELLO and OFFER was accepted. ephemeral: fresh
 * random bytes for this call alone. ticket: NULL in mode 0, the stored one in
 * mode 1. BAD_OFFER: the Keep's key is of low order or its suite not in this
 * build; NO_TICKET: mode and ticket do not fit.
 */
enum dj_error dj_client_open(const uint8_t *hello, size_t hello_len,
	const uint8_t *offer, size_t offer_len, const struct dj_key *ephemeral,
	const struct dj_ticket *ticket, uint8_t *open, size_t cap,
	size_t *ret_len, struct dj_keys *ret_keys,
	uint8_t ret_binding[static 32]);
