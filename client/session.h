// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "client/wire.h"
#include "lib/base/secret.h"
#include "lib/proto/frame.h"
#include "lib/proto/hello.h"
#include "lib/proto/record.h"
#include "lib/session/chain.h"

/*
 * The client's side of a session (docs/protocol.md), in this order:
 *
 *   dj_session_challenge()  HELLO out; OFFER and EVIDENCE in
 *   the judge               (attest/judge.h) on s->hello, offer, evidence
 *   dj_session_open()       OPEN and CLAIM out; READY in
 *   client/job.h            the program, its streams, its end
 *   dj_session_done()
 *
 * Nothing but HELLO leaves before dj_session_open(), and nothing but CLAIM
 * before READY has been opened (rule W). Any failure ends the session: there
 * is no going on.
 */
struct dj_session {
	struct dj_wire wire;
	struct dj_chain tx, rx;
	struct dj_key again;
	uint8_t minclass;

	/* Frame payloads, as sent and as received. */
	uint8_t hello[DJ_HELLO_MAX];
	size_t hello_len;
	uint8_t offer[DJ_OFFER_MAX];
	size_t offer_len;
	uint8_t *evidence;
	size_t evidence_len;

	/* From READY. */
	uint32_t attach_no;
	uint8_t keep_id[32];
	uint8_t sid[16]; /* the attach's public name */
	uint16_t suite;
};

struct dj_challenge {
	const uint16_t *suites;
	size_t suite_count;
	const uint16_t *formats;
	size_t format_count;
	uint8_t minclass;
};

/*
 * Takes the link over. session.host: it was closed, or an ERROR came, or
 * nothing for two minutes; session.offer: not a frame.
 */
DJ_NODISCARD bool dj_session_challenge(struct dj_session *s,
	struct dj_link *link, const struct dj_challenge *what,
	struct dj_err *err);

/*
 * Only for a session whose evidence the judge has found good. owner: a P-256
 * private key, or NULL.
 */
DJ_NODISCARD bool dj_session_open(struct dj_session *s, EVP_PKEY *owner,
	struct dj_err *err);

/* Wipes keys and buffers, closes the link. Also right for all zero and for
   one that failed. */
void dj_session_done(struct dj_session *s);

/* Fills *err for an ERROR frame: anyone can have made it. */
bool dj_session_error_frame(const uint8_t *payload, size_t len,
	const char *name, struct dj_err *err);
