// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/crypto/burn.h"
#include "lib/crypto/hmac.h"
#include "lib/crypto/hpke.h"
#include "lib/crypto/x25519.h"

#define KDF_HKDF_SHA256  0x0001
#define AEAD_EXPORT_ONLY 0xffff

/* RFC 9180 4: "HPKE-v1", suite_id, label go before every input. */
struct suite_id {
	uint8_t b[10];
	size_t len;
};

static const struct suite_id kem_suite = {
	{ 'K', 'E', 'M', DJ_KEM_X25519 >> 8, DJ_KEM_X25519 & 0xff }, 5
};

static struct suite_id hpke_suite(uint16_t kem)
{
	return (struct suite_id){
		{ 'H', 'P', 'K', 'E', (uint8_t)(kem >> 8), (uint8_t)kem,
			KDF_HKDF_SHA256 >> 8, KDF_HKDF_SHA256 & 0xff,
			AEAD_EXPORT_ONLY >> 8, AEAD_EXPORT_ONLY & 0xff },
		10
	};
}

static void labeled(struct dj_hmac *m, const struct suite_id *suite,
	const char *label)
{
	dj_hmac_update(m, "HPKE-v1", 7);
	dj_hmac_update(m, suite->b, suite->len);
	dj_hmac_update(m, label, strlen(label));
}

static void labeled_extract(const struct suite_id *suite, const void *salt,
	size_t salt_len, const char *label, const void *ikm, size_t ikm_len,
	struct dj_key *ret)
{
	struct dj_hmac m;

	dj_hmac_init(&m, salt, salt_len);
	labeled(&m, suite, label);
	dj_hmac_update(&m, ikm, ikm_len);
	dj_hmac_final(&m, ret->b);
	dj_wipe(&m, sizeof(m));
}

/*
 * LabeledExpand, info in two parts. HKDF-Expand with the labels streamed in,
 * so that info of any length needs no buffer.
 */
static void labeled_expand(const struct suite_id *suite,
	const struct dj_key *prk, const char *label, const void *info,
	size_t info_len, const void *info2, size_t info2_len, void *dst,
	size_t len)
{
	const uint8_t l[2] = { (uint8_t)(len >> 8), (uint8_t)len };
	DJ_SECRET struct dj_key t = { 0 };
	struct dj_hmac start, m;
	uint8_t *out = dst, i = 0;
	size_t n;

	if (len > DJ_HKDF_MAX) {
		memset(dst, 0, len);
		return;
	}
	dj_hmac_init(&start, prk->b, sizeof(prk->b));
	for (; len > 0; out += n, len -= n) {
		m = start;
		if (i > 0)
			dj_hmac_update(&m, t.b, sizeof(t.b));
		i++;
		dj_hmac_update(&m, l, sizeof(l));
		labeled(&m, suite, label);
		dj_hmac_update(&m, info, info_len);
		dj_hmac_update(&m, info2, info2_len);
		dj_hmac_update(&m, &i, 1);
		dj_hmac_final(&m, t.b);
		n = len < sizeof(t.b) ? len : sizeof(t.b);
		memcpy(out, t.b, n);
	}
	dj_wipe(&start, sizeof(start));
	dj_wipe(&m, sizeof(m));
}

void dj_kem_derive(const void *ikm, size_t ikm_len, struct dj_key *ret_sk,
	uint8_t ret_pk[static 32])
{
	DJ_SECRET struct dj_key prk;

	labeled_extract(&kem_suite, NULL, 0, "dkp_prk", ikm, ikm_len, &prk);
	labeled_expand(&kem_suite, &prk, "sk", NULL, 0, NULL, 0, ret_sk->b,
		sizeof(ret_sk->b));
	dj_x25519_public(ret_sk, ret_pk);
	dj_burn_stack();
}

static void extract_and_expand(const struct dj_key *dh,
	const uint8_t enc[static 32], const uint8_t pk[static 32],
	struct dj_key *ret_ss)
{
	DJ_SECRET struct dj_key prk;

	labeled_extract(&kem_suite, NULL, 0, "eae_prk", dh->b, sizeof(dh->b),
		&prk);
	labeled_expand(&kem_suite, &prk, "shared_secret", enc, 32, pk, 32,
		ret_ss->b, sizeof(ret_ss->b));
}

dj_status dj_kem_encap(const uint8_t pk[static 32],
	const struct dj_key *ephemeral, uint8_t ret_enc[static 32],
	struct dj_key *ret_ss)
{
	DJ_SECRET struct dj_key dh;
	uint8_t enc[32];
	dj_status st;

	st = dj_x25519(ephemeral, pk, &dh);
	if (st == DJ_OK) {
		dj_x25519_public(ephemeral, enc);
		extract_and_expand(&dh, enc, pk, ret_ss);
		memcpy(ret_enc, enc, sizeof(enc));
	}
	dj_burn_stack();
	return st;
}

dj_status dj_kem_decap(const struct dj_key *sk, const uint8_t enc[static 32],
	struct dj_key *ret_ss)
{
	DJ_SECRET struct dj_key dh;
	uint8_t pk[32];
	dj_status st;

	st = dj_x25519(sk, enc, &dh);
	if (st == DJ_OK) {
		dj_x25519_public(sk, pk);
		extract_and_expand(&dh, enc, pk, ret_ss);
	}
	dj_burn_stack();
	return st;
}

dj_status dj_hpke_setup(struct dj_hpke *h, uint16_t kem, enum dj_hpke_mode mode,
	const struct dj_key *ss, const void *info, size_t info_len,
	const void *psk, size_t psk_len, const void *psk_id, size_t psk_id_len)
{
	const struct suite_id suite = hpke_suite(kem);
	DJ_SECRET struct dj_key secret;
	struct dj_key hash;
	uint8_t ctx[65];

	if ((mode == DJ_HPKE_PSK) != (psk_len > 0) ||
		(psk_len > 0) != (psk_id_len > 0))
		return DJ_E_INPUT;
	ctx[0] = (uint8_t)mode;
	labeled_extract(&suite, NULL, 0, "psk_id_hash", psk_id, psk_id_len,
		&hash);
	memcpy(ctx + 1, hash.b, sizeof(hash.b));
	labeled_extract(&suite, NULL, 0, "info_hash", info, info_len, &hash);
	memcpy(ctx + 33, hash.b, sizeof(hash.b));

	labeled_extract(&suite, ss->b, sizeof(ss->b), "secret", psk, psk_len,
		&secret);
	labeled_expand(&suite, &secret, "exp", ctx, sizeof(ctx), NULL, 0,
		h->exporter.b, sizeof(h->exporter.b));
	h->kem = kem;
	return DJ_OK;
}

void dj_hpke_export_bytes(const struct dj_hpke *h, const void *context,
	size_t context_len, void *dst, size_t len)
{
	const struct suite_id suite = hpke_suite(h->kem);

	labeled_expand(&suite, &h->exporter, "sec", context, context_len, NULL,
		0, dst, len);
}

void dj_hpke_export(const struct dj_hpke *h, const char *context, void *dst,
	size_t len)
{
	dj_hpke_export_bytes(h, context, strlen(context), dst, len);
}
