// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/rd.h"
#include "lib/base/status.h"
#include "lib/base/wr.h"

/*
 * EVIDENCE, packed by the host (session.md 3.6). Big-endian.
 *
 *   0  u16 format   2  u16 purpose   4  items: u16 tag, u16 zero,
 *                                       u32 length, value
 *
 * Tags ascend, so each is there at most once; unknown ones are refused.
 */
enum dj_purpose {
	DJ_PURPOSE_OFFER = 1,
	DJ_PURPOSE_AGAIN = 2,
	DJ_PURPOSE_RECEIPT = 3,
};

enum dj_evidence_tag {
	DJ_EVIDENCE_REPORT = 1,     /* report or quote */
	DJ_EVIDENCE_CHAIN = 2,      /* PEM, leaf first */
	DJ_EVIDENCE_CRLS = 3,       /* DER, each after a u32 length */
	DJ_EVIDENCE_TCB_INFO = 4,   /* JSON */
	DJ_EVIDENCE_TCB_CHAIN = 5,  /* PEM */
	DJ_EVIDENCE_QE_ID = 6,      /* JSON */
	DJ_EVIDENCE_QE_CHAIN = 7,   /* PEM */
	DJ_EVIDENCE_ROOT_CRL = 8,   /* DER */
	DJ_EVIDENCE_PCK_CRL = 9,    /* DER */
	DJ_EVIDENCE_PCK_CHAIN = 10, /* PEM */
	DJ_EVIDENCE_TAGS
};

struct dj_evidence_item {
	const uint8_t *p; /* borrowed; NULL: absent */
	size_t len;
};

struct dj_evidence {
	uint16_t format;
	uint16_t purpose;                               /* enum dj_purpose */
	struct dj_evidence_item item[DJ_EVIDENCE_TAGS]; /* by tag; [0] unused */
};

/* DJ_E_LIMIT: longer than DJ_EVIDENCE_MAX. A present item may be empty. */
dj_status dj_evidence_parse(const uint8_t *buf, size_t len,
	struct dj_evidence *ret);
/* Items with p == NULL are left out. */
dj_status dj_evidence_write(const struct dj_evidence *e, uint8_t *dst,
	size_t cap, size_t *ret_len);

/*
 * The CRLs inside item 3, one by one:
 *
 *   struct dj_rd r = dj_rd_of(item->p, item->len);
 *   while (dj_evidence_crl(&r, &crl)) ...
 *   if (dj_rd_end(&r) != DJ_OK) ... malformed
 */
bool dj_evidence_crl(struct dj_rd *r, struct dj_evidence_item *ret);
void dj_evidence_crl_write(struct dj_wr *w, const void *der, size_t len);

/*
 * A saved bundle: "KSB1" || u32 len HELLO || HELLO || u32 len OFFER || OFFER
 * || EVIDENCE payload, to be judged later and without a network. Parsing
 * bounds the parts; each is parsed by its own function.
 */
#define DJ_BUNDLE_MAX (12 + 104 + 4096 + 262144)

struct dj_bundle {
	struct dj_evidence_item hello, offer, evidence; /* borrowed */
};

dj_status dj_bundle_parse(const uint8_t *buf, size_t len,
	struct dj_bundle *ret);
dj_status dj_bundle_write(const struct dj_bundle *b, uint8_t *dst, size_t cap,
	size_t *ret_len);
