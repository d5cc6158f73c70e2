// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/crypto/p256.h"
#include "lib/crypto/sha256.h"
#include "lib/session/binding.h"

void dj_label(enum dj_label label, uint8_t ret[static 32])
{
	static const char names[DJ_LABEL_COUNT][32] = {
		[DJ_LABEL_OFFER] = "keep-session-v1 offer",
		[DJ_LABEL_AGAIN] = "keep-session-v1 again",
		[DJ_LABEL_RECEIPT] = "keep-session-v1 receipt",
		[DJ_LABEL_OWNER] = "keep-session-v1 owner",
		[DJ_LABEL_WORKLOAD] = "keep-session-v1 workload",
	};

	memcpy(ret, names[label], 32);
}

static void start(struct dj_sha256 *c, enum dj_label label)
{
	uint8_t l[32];

	dj_label(label, l);
	dj_sha256_init(c);
	dj_sha256_update(c, l, sizeof(l));
}

static void add_u32(struct dj_sha256 *c, uint32_t v)
{
	const uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
		(uint8_t)(v >> 8), (uint8_t)v };

	dj_sha256_update(c, b, sizeof(b));
}

void dj_binding(const uint8_t *hello, size_t hello_len, const uint8_t *offer,
	size_t offer_len, uint8_t ret_b[static 32])
{
	struct dj_sha256 c;

	start(&c, DJ_LABEL_OFFER);
	add_u32(&c, (uint32_t)hello_len);
	dj_sha256_update(&c, hello, hello_len);
	add_u32(&c, (uint32_t)offer_len);
	dj_sha256_update(&c, offer, offer_len);
	dj_sha256_final(&c, ret_b);
}

void dj_report_data(const uint8_t b[static 32], enum dj_label label,
	uint8_t ret[static DJ_REPORT_DATA])
{
	memmove(ret, b, 32);
	dj_label(label, ret + 32);
}

void dj_again_report_data(const struct dj_key *again,
	const uint8_t nonce[static 32], uint32_t attach_no,
	uint8_t ret[static DJ_REPORT_DATA])
{
	struct dj_sha256 c;

	start(&c, DJ_LABEL_AGAIN);
	dj_sha256_update(&c, again->b, sizeof(again->b));
	dj_sha256_update(&c, nonce, 32);
	add_u32(&c, attach_no);
	dj_sha256_final(&c, ret);
	dj_label(DJ_LABEL_AGAIN, ret + 32);
	dj_wipe(&c, sizeof(c));
}

void dj_owner_digest(const uint8_t b[static 32], const struct dj_key *auth,
	uint8_t ret[static 32])
{
	struct dj_sha256 c;

	start(&c, DJ_LABEL_OWNER);
	dj_sha256_update(&c, b, 32);
	dj_sha256_update(&c, auth->b, sizeof(auth->b));
	dj_sha256_final(&c, ret);
	dj_wipe(&c, sizeof(c));
}

dj_status dj_owner_verify(const uint8_t part[static DJ_OWNER_PART],
	const uint8_t owner_hash[static 32], const uint8_t b[static 32],
	const struct dj_key *auth)
{
	uint8_t h[32];

	dj_sha256(part, DJ_P256_PUBLIC, h);
	if (!dj_ct_equal(h, owner_hash, sizeof(h)))
		return DJ_E_AUTH;
	dj_owner_digest(b, auth, h);
	return dj_p256_verify(part, h, part + DJ_P256_PUBLIC);
}

void dj_receipt_report_data(const struct dj_receipt *r,
	uint8_t ret[static DJ_REPORT_DATA])
{
	struct dj_sha256 c;

	start(&c, DJ_LABEL_RECEIPT);
	dj_sha256_update(&c, r->keep_id, sizeof(r->keep_id));
	dj_sha256_update(&c, r->config_hash, sizeof(r->config_hash));
	dj_sha256_update(&c, r->module_hash, sizeof(r->module_hash));
	dj_sha256_update(&c, r->begin_hash, sizeof(r->begin_hash));
	dj_sha256_update(&c, &r->stream_count, 1);
	for (size_t i = 0; i < r->stream_count; i++) {
		const struct dj_receipt_stream *s = &r->streams[i];

		dj_sha256_update(&c, &s->stream, 1);
		add_u32(&c, (uint32_t)(s->len >> 32));
		add_u32(&c, (uint32_t)s->len);
		dj_sha256_update(&c, s->hash, sizeof(s->hash));
	}
	dj_sha256_update(&c, r->exit, sizeof(r->exit));
	dj_sha256_final(&c, ret);
	dj_label(DJ_LABEL_RECEIPT, ret + 32);
}
