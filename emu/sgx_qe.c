// SPDX-License-Identifier: Apache-2.0
#include "emu/sgx_qe.h"

#include <bearssl.h>
#include <string.h>

#include "lib/base/secret.h"
#include "lib/crypto/sha256.h"

#define PRODID 1
#define AUTH   32

void dj_emu_sgx_qe_signer(uint8_t ret[static 32])
{
	static const char name[] = "donjon emulated quoting enclave";

	dj_sha256(name, sizeof(name) - 1, ret);
}

static const uint8_t *auth(void)
{
	static const uint8_t bytes[AUTH] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
		11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
		27, 28, 29, 30, 31 };

	return bytes;
}

/* Of 32 random bytes; the odds of a value that is no key are 2^-32. */
static bool make_key(struct dj_emu_key *ret, const uint8_t secret[static 32])
{
	br_ec_private_key sk = { .curve = BR_EC_secp256r1,
		.x = ret->secret,
		.xlen = sizeof(ret->secret) };
	br_ec_public_key pk;

	memcpy(ret->secret, secret, sizeof(ret->secret));
	return br_ec_compute_pub(&br_ec_p256_m31, &pk, ret->public_key, &sk) ==
		sizeof(ret->public_key);
}

static void describe(struct dj_emu_sgx_qe *qe)
{
	struct dj_sgx_body *b = &qe->body;
	struct dj_sha256 sha;
	static const char name[] = "donjon emulated quoting enclave, code";

	memset(b, 0, sizeof(*b));
	b->flags = DJ_SGX_ATTR(DJ_SGX_ATTR_INIT) |
		DJ_SGX_ATTR(DJ_SGX_ATTR_MODE64BIT) |
		DJ_SGX_ATTR(DJ_SGX_ATTR_PROVISIONKEY);
	b->xfrm = 3;
	b->isvprodid = PRODID;
	b->isvsvn = DJ_EMU_SGX_QE_SVN;
	dj_sha256(name, sizeof(name) - 1, b->mrenclave);
	dj_emu_sgx_qe_signer(b->mrsigner);
	dj_sha256_init(&sha);
	dj_sha256_update(&sha, qe->key.public_key + 1, 64);
	dj_sha256_update(&sha, auth(), AUTH);
	dj_sha256_final(&sha, b->reportdata);
}

dj_status dj_emu_sgx_qe_init(struct dj_emu_sgx_qe *ret,
	const struct dj_emu_key *pck, const uint8_t secret[static 32],
	const char *chain, size_t chain_len)
{
	uint8_t body[DJ_SGX_REPORT_BODY];

	memset(ret, 0, sizeof(*ret));
	if (!make_key(&ret->key, secret)) {
		dj_wipe(ret, sizeof(*ret));
		return DJ_E_INPUT;
	}
	describe(ret);
	dj_sgx_body_write(&ret->body, body);
	dj_emu_key_sign(pck, body, sizeof(body), ret->signature);
	ret->chain = chain;
	ret->chain_len = chain_len;
	return DJ_OK;
}

dj_status dj_emu_sgx_quote(const struct dj_emu_sgx_qe *qe,
	const struct dj_sgx_body *body, uint8_t *dst, size_t cap,
	size_t *ret_len)
{
	uint8_t signature[64] = { 0 };
	struct dj_sgx_quote q = { .qe_svn = DJ_EMU_SGX_QE_SVN,
		.pce_svn = 13,
		.body = *body,
		.qe = qe->body,
		.signature = signature,
		.key = qe->key.public_key + 1,
		.qe_signature = qe->signature,
		.auth = auth(),
		.auth_len = AUTH,
		.cert_kind = DJ_SGX_CERT_CHAIN,
		.cert = (const uint8_t *)qe->chain,
		.cert_len = (uint32_t)qe->chain_len };
	dj_status st;

	if (qe->chain_len > UINT32_MAX)
		return DJ_E_LIMIT;
	/* First without, to have what is to be signed. */
	st = dj_sgx_quote_write(&q, dst, cap, ret_len);
	if (st != DJ_OK)
		return st;
	dj_emu_key_sign(&qe->key, dst, DJ_SGX_QUOTE_SIGNED, signature);
	return dj_sgx_quote_write(&q, dst, cap, ret_len);
}
