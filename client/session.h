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
#include "lib/session/keys.h"

/*
 * The client's side of a session (docs/protocol.md), in this order:
 *
 *   dj_session_challenge()  HELLO out; OFFER and EVIDENCE in
 *   the judge               (attest/judge.h) on s->hello, offer, evidence
 *   dj_session_open()       OPEN and CLAIM out; READY in
 *   client/job.h            the program, its streams, its end
 *   dj_session_done()
 *
 * Nothing but HELLO leaves before dj_session_open(), and nothing but CLAIM or
 * RESUME before READY has been opened (rule W). Who wants to come back stores
 * s->ticket durably before anything else is sent (rule D). Any failure ends
 * the session: there is no going on.
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
	struct dj_ready ready;
	struct dj_ticket ticket; /* to come back with */
	uint8_t sid[16];         /* the attach's public name */
	uint16_t suite;
};

/* To come back: what the ticket file says, and how far the output is here. */
struct dj_resume {
	struct dj_ticket ticket;
	uint32_t attach_no; /* READY's must be larger */
	/* Next byte wanted, ascending: 1, 2, 3 and those with names. */
	struct dj_resume_stream streams[3 + DJ_NAMED_MAX];
	size_t stream_count;
};

struct dj_challenge {
	const uint16_t *suites;
	size_t suite_count;
	const uint16_t *formats;
	size_t format_count;
	uint8_t minclass;
	const uint8_t *keep_id; /* the Keep to come back to; NULL: a new one */
};

/*
 * Takes the link over. session.host: it was closed, or an ERROR came, or
 * nothing for two minutes; session.offer: not a frame. ERRORs with names of
 * their own, all of them only the host's word: session.owned (KEEP_OWNED),
 * session.wrong-keep (WRONG_KEEP, KEEP_FRESH), session.gone (KEEP_GONE), and
 * from dj_session_open() session.ticket (NO_TICKET).
 */
DJ_NODISCARD bool dj_session_challenge(struct dj_session *s,
	struct dj_link *link, const struct dj_challenge *what,
	struct dj_err *err);

/*
 * Only for a session whose evidence the judge has found good. owner: a P-256
 * private key, or NULL. resume: NULL for a new session, and only then.
 */
DJ_NODISCARD bool dj_session_open(struct dj_session *s, EVP_PKEY *owner,
	const struct dj_resume *resume, struct dj_err *err);

/* Wipes keys and buffers, closes the link. Also right for all zero and for
   one that failed. */
void dj_session_done(struct dj_session *s);

/* Fills *err for an ERROR frame: anyone can have made it. */
bool dj_session_error_frame(const uint8_t *payload, size_t len,
	const char *name, struct dj_err *err);
