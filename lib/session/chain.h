// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"
#include "lib/crypto/aead.h"
#include "lib/proto/error.h"
#include "lib/proto/record.h"

/*
 * One direction of an attach (session.md 6): records with numbers that are
 * not sent, keys that change every 65,536 records and are then erased. A
 * chain that failed is dead and wiped: an attach ends with its first record
 * that does not open.
 */
#define DJ_CHAIN_EPOCH_BITS 16
#define DJ_CHAIN_MAX        (UINT64_C(1) << 48)
/* A whole RECORD frame of the largest class. */
#define DJ_RECORD_FRAME_MAX (8 + 16384 + 16)

struct dj_chain {
	bool is_live;
	enum dj_aead_alg alg;
	uint64_t number;      /* of the next record */
	struct dj_key secret; /* S[e], e = epoch */
	uint64_t epoch;
	uint8_t iv[12];
	struct dj_aead aead;
};

/* DJ_E_UNSUPPORTED: the suite's AEAD is not in this build. */
dj_status dj_chain_init(struct dj_chain *c, uint16_t suite,
	const struct dj_key *secret);
/* Wipes it: a detach. Any later call is refused. */
void dj_chain_done(struct dj_chain *c);

/*
 * Bytes of the frame that seals len bytes of data; DJ_E_LIMIT: too many for
 * a record.
 */
dj_status dj_chain_frame_size(size_t len, uint8_t minclass, size_t *ret_size);

/*
 * Seals one record as a whole frame into dst. data is copied once; it may
 * already be in place at dst + DJ_CHAIN_DATA_OFF, then nothing is copied.
 * DJ_E_LIMIT: data too long or cap too small, nothing done. DJ_E_STATE: the
 * chain is dead or out of numbers; the attach must end.
 */
#define DJ_CHAIN_DATA_OFF 24
dj_status dj_chain_seal(struct dj_chain *c, enum dj_kind kind, uint8_t stream,
	uint64_t off, const void *data, size_t len, uint8_t minclass,
	uint8_t *dst, size_t cap, size_t *ret_len);

/*
 * Opens a whole frame (header and payload) in place; ret->data points into
 * it. BAD_RECORD: before or in the AEAD; BAD_INNER: after it. On either the
 * chain is dead and the payload wiped, and the caller ends the attach.
 */
enum dj_error dj_chain_open(struct dj_chain *c, uint8_t *frame, size_t len,
	struct dj_inner *ret);
