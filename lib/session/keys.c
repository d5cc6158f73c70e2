// SPDX-License-Identifier: Apache-2.0
#include "lib/session/keys.h"
#include "lib/base/wr.h"
#include "lib/crypto/burn.h"
#include "lib/crypto/hpke.h"
#include "lib/proto/hello.h"

#define INFO_LABEL "keep-session-v1 open"
#define PSK_LABEL  "keep-session-v1 ticket"

dj_status dj_suite_aead(uint16_t suite, enum dj_aead_alg *ret)
{
	switch (suite) {
	case DJ_SUITE_X25519_CHACHA20:
		*ret = DJ_AEAD_CHACHA20_POLY1305;
		return DJ_OK;
	case DJ_SUITE_X25519_AES256:
		*ret = DJ_AEAD_AES256_GCM;
		return DJ_OK;
	default:
		return DJ_E_UNSUPPORTED;
	}
}

static dj_status setup(const struct dj_key *ss,
	const uint8_t binding[static 32], const uint8_t keep_id[static 32],
	const struct dj_ticket *ticket, struct dj_hpke *h)
{
	uint8_t info[sizeof(INFO_LABEL) - 1 + 32 + 1 + 4];
	uint8_t id[sizeof(PSK_LABEL) - 1 + 32 + 4];
	struct dj_wr wi = dj_wr_of(info, sizeof(info));
	struct dj_wr wp = dj_wr_of(id, sizeof(id));
	uint32_t no = ticket == NULL ? 0 : ticket->no;

	dj_wr_bytes(&wi, INFO_LABEL, sizeof(INFO_LABEL) - 1);
	dj_wr_bytes(&wi, binding, 32);
	dj_wr_u8(&wi, ticket == NULL ? DJ_MODE_NEW : DJ_MODE_REATTACH);
	dj_wr_u32be(&wi, no);
	if (ticket == NULL)
		return dj_hpke_setup(h, DJ_KEM_X25519, DJ_HPKE_BASE, ss, info,
			sizeof(info), NULL, 0, NULL, 0);
	if (no == 0)
		return DJ_E_INPUT;
	dj_wr_bytes(&wp, PSK_LABEL, sizeof(PSK_LABEL) - 1);
	dj_wr_bytes(&wp, keep_id, 32);
	dj_wr_u32be(&wp, no);
	return dj_hpke_setup(h, DJ_KEM_X25519, DJ_HPKE_PSK, ss, info,
		sizeof(info), ticket->key.b, sizeof(ticket->key.b), id,
		sizeof(id));
}

dj_status dj_keys_derive(uint16_t suite, const struct dj_key *ss,
	const uint8_t binding[static 32], const uint8_t keep_id[static 32],
	const struct dj_ticket *ticket, struct dj_keys *ret)
{
	enum dj_aead_alg alg;
	struct dj_hpke h;
	dj_status st;

	st = dj_suite_aead(suite, &alg);
	if (st != DJ_OK)
		return st;
	st = setup(ss, binding, keep_id, ticket, &h);
	if (st != DJ_OK)
		return st;
	ret->suite = suite;
	ret->mode = ticket == NULL ? DJ_MODE_NEW : DJ_MODE_REATTACH;
	dj_hpke_export(&h, "c2k", ret->c2k.b, sizeof(ret->c2k.b));
	dj_hpke_export(&h, "k2c", ret->k2c.b, sizeof(ret->k2c.b));
	dj_hpke_export(&h, "ticket", ret->ticket.b, sizeof(ret->ticket.b));
	dj_hpke_export(&h, "auth", ret->auth.b, sizeof(ret->auth.b));
	dj_hpke_export(&h, "again", ret->again.b, sizeof(ret->again.b));
	dj_hpke_export(&h, "sid", ret->sid, sizeof(ret->sid));
	dj_wipe(&h, sizeof(h));
	dj_burn_stack();
	return DJ_OK;
}

void dj_keys_wipe(struct dj_keys *k)
{
	dj_wipe(k, sizeof(*k));
}
