// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"
#include "lib/proto/record.h"

/*
 * What evidence and signatures are bound to (session.md 3.3, 3.7, 4, 7).
 * label(x) is ASCII "keep-session-v1 " || x, zeros to 32 bytes; report_data is
 * a hash, then the label of its purpose. These are all labels there are.
 */
enum dj_label {
	DJ_LABEL_OFFER,
	DJ_LABEL_AGAIN,
	DJ_LABEL_RECEIPT,
	DJ_LABEL_OWNER,
	DJ_LABEL_WORKLOAD,
	DJ_LABEL_COUNT
};

#define DJ_REPORT_DATA 64

void dj_label(enum dj_label label, uint8_t ret[static 32]);

/* B over HELLO and OFFER, frame payloads as received, byte for byte. */
void dj_binding(const uint8_t *hello, size_t hello_len, const uint8_t *offer,
	size_t offer_len, uint8_t ret_b[static 32]);
/* b || label: report_data, given its first half. */
void dj_report_data(const uint8_t b[static 32], enum dj_label label,
	uint8_t ret[static DJ_REPORT_DATA]);

/* AGAIN: report_data of a re-attestation; its first half goes in AGAIN_RD. */
void dj_again_report_data(const struct dj_key *again,
	const uint8_t nonce[static 32], uint32_t attach_no,
	uint8_t ret[static DJ_REPORT_DATA]);

/* SHA-256 of what an owner signs: label("owner") || B || auth. */
void dj_owner_digest(const uint8_t b[static 32], const struct dj_key *auth,
	uint8_t ret[static 32]);
/*
 * An owner part (key || signature) against the owner that the launch block
 * names. DJ_E_AUTH: BAD_OWNER.
 */
dj_status dj_owner_verify(const uint8_t part[static DJ_OWNER_PART],
	const uint8_t owner_hash[static 32], const uint8_t b[static 32],
	const struct dj_key *auth);

/*
 * One stream in a receipt. A named one that goes both ways is there twice:
 * what the program was sent, then what it sent.
 */
#define DJ_RECEIPT_STREAMS (5 + 16 + 2 * DJ_NAMED_MAX)
struct dj_receipt_stream {
	uint8_t stream;
	uint64_t len;
	uint8_t hash[32];
};

struct dj_receipt {
	uint8_t keep_id[32];
	uint8_t config_hash[32];
	uint8_t module_hash[32];
	uint8_t begin_hash[32];
	const struct dj_receipt_stream *streams; /* ascending */
	uint8_t stream_count;
	uint8_t exit[8]; /* the first bytes of EXIT */
};

void dj_receipt_report_data(const struct dj_receipt *r,
	uint8_t ret[static DJ_REPORT_DATA]);
