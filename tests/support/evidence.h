// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/evidence/process.h"
#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"
#include "lib/proto/hello.h"
#include "lib/proto/offer.h"
#include "lib/session/binding.h"

/*
 * Evidence of process Keeps made in a test, good or with faults: ev_good()
 * fills a recipe, the test changes it, ev_build() makes the bytes. Keys are
 * made once a run; a certificate with the same recipe is the same
 * certificate, so that the policy's root is the chain's.
 */
#define EV_TIME INT64_C(1800000000) /* 2027-01-15T08:00:00Z */

enum ev_key_name {
	EV_KEY_ROOT,
	EV_KEY_LEAF,
	EV_KEY_OTHER_ROOT,
	EV_KEY_OTHER_LEAF,
	EV_KEY_P384,
	EV_KEY_K256,     /* secp256k1: 32-byte numbers too */
	EV_KEY_EXPLICIT, /* P-256 by its numbers, not by its name */
	EV_KEYS
};

struct ev_cert {
	const char *subject, *issuer;
	enum ev_key_name key, signer;
	long version; /* as X509_VERSION_3 */
	int64_t from, to;
	const char *constraints, *usage; /* NULL: no such extension */
	const char *unknown;             /* an OID, critical; or NULL */
	bool sha384;
};

struct ev {
	struct ev_cert root, leaf;
	bool swapped, only_leaf, third;
	enum ev_key_name report_key;
	struct dj_process_report report; /* report_data: filled if zero */
	enum dj_label label;
	bool keep_signature; /* report.signature as it is */
	bool keep_platform;
	uint16_t format, purpose;
	uint8_t hello[DJ_HELLO_MAX], offer[DJ_OFFER_MAX];
	size_t hello_len, offer_len;
};

void ev_good(struct ev *ev);
/* The default root, in PEM: for policies. Constant. */
const char *ev_root_pem(void);
/* The certificate of a recipe; borrowed. */
X509 *ev_cert(const struct ev_cert *c);
/* PEM text of DER bytes appended to dst; as OpenSSL writes it. */
void ev_pem(const uint8_t *der, size_t len, char *dst, size_t cap);
/* The report with its signature; 240 bytes. */
void ev_report(struct ev *ev, uint8_t dst[static DJ_PROCESS_REPORT_SIZE]);
/* The chain as the recipe has it. */
void ev_chain(struct ev *ev, char *dst, size_t cap);
/* EVIDENCE's payload of these parts; its length. */
size_t ev_pack(const struct ev *ev, const void *report, size_t report_len,
	const void *chain, size_t chain_len, uint8_t *dst, size_t cap);
/* All of it; the payload's length. */
size_t ev_build(struct ev *ev, uint8_t *dst, size_t cap);
/* HELLO and OFFER anew from structs (ev_good's are the start). */
void ev_hello(struct ev *ev, const struct dj_hello *h);
void ev_offer(struct ev *ev, const struct dj_offer *o);
