// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/base/break.h"
#include "lib/crypto/hpke.h"
#include "lib/crypto/x25519.h"
#include "lib/proto/frame.h"
#include "lib/proto/open.h"
#include "lib/session/binding.h"
#include "lib/session/handshake.h"

void dj_pending_wipe(struct dj_pending *p)
{
	dj_wipe(p, sizeof(*p));
}

/* ---- Keep ---- */

/* The first of the client's list that this build has; 0: none. */
static uint16_t choose_suite(const struct dj_hello *h)
{
	enum dj_aead_alg alg;

	for (size_t i = 0; i < h->suite_count; i++)
		if (dj_suite_aead(h->suites[i], &alg) == DJ_OK)
			return h->suites[i];
	return 0;
}

static enum dj_error judge_hello(const struct dj_face *face,
	const struct dj_hello *h)
{
	if (choose_suite(h) == 0)
		return DJ_ERROR_NO_SUITE;
	if (face->state == DJ_KEEP_OWNED && h->mode == DJ_MODE_NEW)
		return DJ_ERROR_KEEP_OWNED;
	if (face->state == DJ_KEEP_FRESH && h->mode == DJ_MODE_REATTACH)
		return DJ_ERROR_KEEP_FRESH;
	if (h->mode == DJ_MODE_REATTACH &&
		memcmp(h->keep_id, face->keep_id, sizeof(h->keep_id)) != 0)
		return DJ_ERROR_WRONG_KEEP;
	return DJ_ERROR_NONE;
}

enum dj_error dj_keep_offer_sk(struct dj_pending *p, const struct dj_face *face,
	const uint8_t *hello, size_t hello_len,
	const uint8_t keep_nonce[static 32], const struct dj_key *sk,
	uint8_t *offer, size_t cap, size_t *ret_len,
	uint8_t ret_report_data[static 64])
{
	struct dj_offer o = { .tee = face->tee,
		.state = face->state,
		.attach_no = face->attach_no,
		.info = face->info,
		.info_len = face->info_len };
	struct dj_hello h;
	uint8_t pk[32];
	enum dj_error err;
	size_t len;

	dj_pending_wipe(p);
	if (dj_hello_parse(hello, hello_len, &h) != DJ_OK)
		return DJ_ERROR_BAD_HELLO;
	err = judge_hello(face, &h);
	if (err != DJ_ERROR_NONE)
		return err;

	dj_x25519_public(sk, pk);
	o.suite = choose_suite(&h);
	o.pk = pk;
	o.pk_len = sizeof(pk);
	memcpy(o.keep_id, face->keep_id, sizeof(o.keep_id));
	memcpy(o.keep_nonce, keep_nonce, sizeof(o.keep_nonce));
	memcpy(o.config_hash, face->config_hash, sizeof(o.config_hash));
	if (dj_offer_write(&o, offer, cap, &len) != DJ_OK)
		return DJ_ERROR_TOO_BIG;

	dj_binding(hello, hello_len, offer, len, p->binding);
	p->mode = h.mode;
	p->minclass = h.minclass;
	p->suite = o.suite;
	memcpy(p->keep_id, face->keep_id, sizeof(p->keep_id));
	p->sk = *sk;
	p->is_live = true;
	dj_report_data(p->binding, DJ_LABEL_OFFER, ret_report_data);
	*ret_len = len;
	return DJ_ERROR_NONE;
}

enum dj_error dj_keep_offer(struct dj_pending *p, const struct dj_face *face,
	const uint8_t *hello, size_t hello_len,
	const uint8_t keep_nonce[static 32], const struct dj_key *kem_ikm,
	uint8_t *offer, size_t cap, size_t *ret_len,
	uint8_t ret_report_data[static 64])
{
	DJ_SECRET struct dj_key sk;
	uint8_t pk[32];

	dj_kem_derive(kem_ikm->b, sizeof(kem_ikm->b), &sk, pk);
	return dj_keep_offer_sk(p, face, hello, hello_len, keep_nonce, &sk,
		offer, cap, ret_len, ret_report_data);
}

static const struct dj_ticket *find_ticket(const struct dj_ticket *tickets,
	size_t count, uint32_t no)
{
	for (size_t i = 0; i < count && no != 0; i++)
		if (tickets[i].no == no)
			return &tickets[i];
	return NULL;
}

/* p is the copy that was taken out of the Keep's slot. */
static enum dj_error judge_open(const struct dj_pending *p, const uint8_t *buf,
	size_t len, const struct dj_ticket *tickets, size_t ticket_count,
	struct dj_keys *ret_keys, uint32_t *ret_ticket_no)
{
	DJ_SECRET struct dj_key ss;
	const struct dj_ticket *ticket = NULL;
	struct dj_open o;

	if (!p->is_live)
		return DJ_ERROR_NO_OFFER;
	if (len < DJ_OPEN_HEAD || buf[33] != 0)
		return DJ_ERROR_BAD_OPEN;
	if (!dj_ct_equal(buf, p->binding, sizeof(p->binding)))
		return DJ_ERROR_STALE_OFFER;
	if (dj_open_parse(buf, len, &o) != DJ_OK || o.mode != p->mode ||
		o.enc_len != dj_suite_enc_len(p->suite))
		return DJ_ERROR_BAD_OPEN;
	if (o.mode == DJ_MODE_REATTACH) {
		ticket = find_ticket(tickets, ticket_count, o.ticket_no);
		if (ticket == NULL)
			return DJ_ERROR_NO_TICKET;
	}
	if (dj_kem_decap(&p->sk, o.enc, &ss) != DJ_OK)
		return DJ_ERROR_BAD_OPEN;
	if (dj_keys_derive(p->suite, &ss, p->binding, p->keep_id, ticket,
		    ret_keys) != DJ_OK)
		return DJ_ERROR_BAD_OPEN;
	*ret_ticket_no = o.ticket_no;
	return DJ_ERROR_NONE;
}

enum dj_error dj_keep_open(struct dj_pending *p, const uint8_t *open,
	size_t len, const struct dj_ticket *tickets, size_t ticket_count,
	struct dj_keys *ret_keys, uint32_t *ret_ticket_no,
	uint8_t ret_binding[static 32])
{
	struct dj_pending taken = *p;
	enum dj_error err;

	dj_pending_wipe(p);
	DJ_BREAK(12, *p = taken);
	err = judge_open(&taken, open, len, tickets, ticket_count, ret_keys,
		ret_ticket_no);
	if (err == DJ_ERROR_NONE)
		memcpy(ret_binding, taken.binding, sizeof(taken.binding));
	dj_pending_wipe(&taken);
	return err;
}

/* ---- client ---- */

enum dj_error dj_client_open(const uint8_t *hello, size_t hello_len,
	const uint8_t *offer, size_t offer_len, const struct dj_key *ephemeral,
	const struct dj_ticket *ticket, uint8_t *open, size_t cap,
	size_t *ret_len, struct dj_keys *ret_keys,
	uint8_t ret_binding[static 32])
{
	DJ_SECRET struct dj_key ss;
	struct dj_open m = { .ticket_no = ticket == NULL ? 0 : ticket->no };
	struct dj_hello h;
	struct dj_offer o;
	uint8_t enc[32];

	if (dj_hello_parse(hello, hello_len, &h) != DJ_OK)
		return DJ_ERROR_BAD_HELLO;
	if (dj_offer_parse(offer, offer_len, &o) != DJ_OK || o.pk_len != 32)
		return DJ_ERROR_BAD_OFFER;
	if ((h.mode == DJ_MODE_REATTACH) != (ticket != NULL) ||
		(ticket != NULL && ticket->no == 0))
		return DJ_ERROR_NO_TICKET;
	if (dj_kem_encap(o.pk, ephemeral, enc, &ss) != DJ_OK)
		return DJ_ERROR_BAD_OFFER;

	dj_binding(hello, hello_len, offer, offer_len, m.binding);
	m.mode = h.mode;
	m.enc = enc;
	m.enc_len = sizeof(enc);
	if (dj_open_write(&m, open, cap, ret_len) != DJ_OK)
		return DJ_ERROR_TOO_BIG;
	if (dj_keys_derive(o.suite, &ss, m.binding, o.keep_id, ticket,
		    ret_keys) != DJ_OK)
		return DJ_ERROR_BAD_OFFER;
	memcpy(ret_binding, m.binding, sizeof(m.binding));
	return DJ_ERROR_NONE;
}
