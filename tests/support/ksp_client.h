// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/proto/begin.h"
#include "lib/proto/error.h"
#include "lib/proto/frame.h"
#include "lib/proto/hello.h"
#include "lib/proto/offer.h"
#include "lib/proto/record.h"
#include "lib/session/chain.h"
#include "lib/session/handshake.h"
#include "tests/support/fake_shim.h"

/*
 * A scripted client that talks to the core through the fake shim, made from
 * lib/session. It runs the Keep itself: each ksp_* that sends also runs it.
 *
 *   ksp_connect(&c, DJ_MODE_NEW);      HELLO .. READY; true: attached
 *   ksp_send(&c, KIND, stream, off, data, len);
 *   ksp_recv(&c, &in);                 the next record, or false
 *   c.error                            the last ERROR frame or FAIL
 */
#define KSP_FRAME_MAX (8 + 16400)
#define KSP_STREAMS   48

struct ksp_client {
	uint16_t suite;
	uint8_t minclass;
	uint64_t seed; /* of nonces and ephemeral keys; moves */
	uint8_t config_hash[32];

	uint8_t hello[8 + DJ_HELLO_MAX];
	size_t hello_len; /* frames, header and all */
	uint8_t offer[DJ_OFFER_MAX];
	size_t offer_len; /* payload */
	struct dj_offer off;
	uint8_t open[8 + DJ_OPEN_MAX];
	size_t open_len;
	uint8_t binding[32];
	struct dj_keys keys;
	struct dj_chain c2k, k2c;
	struct dj_ticket ticket; /* no 0: none */
	struct dj_ready ready;
	uint8_t again_rd[32];
	bool has_again_rd;

	uint8_t frame[KSP_FRAME_MAX]; /* the last one received */
	size_t frame_len;
	uint8_t record[KSP_FRAME_MAX]; /* the last one sealed */
	size_t record_len;
	uint16_t error;  /* of the last ERROR or FAIL, 0: none */
	bool was_fail;   /* it came inside a record */
	size_t sizes[4]; /* records received, by class */

	/* What came in, by stream. */
	uint8_t *out[KSP_STREAMS];
	uint64_t out_len[KSP_STREAMS];
	uint64_t out_end[KSP_STREAMS]; /* length said by END, or UINT64_MAX */
	uint64_t in_acked[256], in_limit[256]; /* what the Keep's ACKs say */
	bool auto_ack;
	unsigned time_asks;
	uint64_t time_ask; /* of the last */
	bool has_exit;
	unsigned exits;
	struct dj_exit exit;
};

/* Everything zero but defaults; frees what an earlier use left. */
void ksp_init(struct ksp_client *c);
void ksp_done(struct ksp_client *c);

/* The steps of a handshake, each made and sent separately. */
void ksp_make_hello(struct ksp_client *c, enum dj_mode mode);
void ksp_send_frame(struct ksp_client *c, const void *frame, size_t len);
/* Takes OFFER, or the error; checks report_data against the fake's report. */
bool ksp_take_offer(struct ksp_client *c);
bool ksp_make_open(struct ksp_client *c, enum dj_mode mode);
/* owner: 129 bytes or NULL; streams: RESUME's list. */
void ksp_make_first(struct ksp_client *c, enum dj_mode mode,
	const uint8_t *owner, const struct dj_resume_stream *streams,
	size_t count);
/* Takes READY, or the error. */
bool ksp_take_ready(struct ksp_client *c);
bool ksp_connect(struct ksp_client *c, enum dj_mode mode);
/* As ksp_connect, but stops after OFFER or OPEN was taken. */
bool ksp_offered(struct ksp_client *c, enum dj_mode mode);
bool ksp_keyed(struct ksp_client *c, enum dj_mode mode);

void ksp_seal(struct ksp_client *c, enum dj_kind kind, uint8_t stream,
	uint64_t off, const void *data, size_t len);
/* Seals, sends, runs the Keep. */
void ksp_send(struct ksp_client *c, enum dj_kind kind, uint8_t stream,
	uint64_t off, const void *data, size_t len);
/* Sends DATA records; then END if asked. Stops at the Keep's limit: returns
 * how many bytes went. */
size_t ksp_send_stream(struct ksp_client *c, uint8_t stream, uint64_t off,
	const void *data, size_t len, bool end);
void ksp_ack(struct ksp_client *c, uint8_t stream);

/* The next record or ERROR; false: nothing more was sent. */
bool ksp_recv(struct ksp_client *c, struct dj_inner *ret);
/* Receives and runs until the Keep has nothing more to say. */
void ksp_drain(struct ksp_client *c);

/* BEGIN, MODULE (Wasm or KNC1) and RUN. items: written after the head; may be NULL. */
void ksp_load(struct ksp_client *c, const void *module, size_t len,
	void (*items)(struct dj_wr *w));
void ksp_run(struct ksp_client *c);
