// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "emu/emu.h"
#include "lib/base/status.h"
#include "lib/evidence/sgx_quote.h"

/*
 * The quoting enclave (QE), emulated: it has a key of its own, says so in a
 * report over that key, which the platform's PCK signs, and signs quotes.
 *
 *   dj_emu_sgx_qe_init()   once a Keep; needs no OpenSSL
 *   dj_emu_sgx_quote()     a report body that was checked -> a quote
 *
 * The QE's identity is constant: dj_emu_sgx_pki.h describes it.
 */
#define DJ_EMU_SGX_QE_SVN 8

struct dj_emu_sgx_qe {
	struct dj_emu_key key; /* the attestation key: secret */
	struct dj_sgx_body body;
	uint8_t signature[64]; /* by the PCK */
	const char *chain;     /* PEM, borrowed */
	size_t chain_len;
};

/* The QE's MRSIGNER. */
void dj_emu_sgx_qe_signer(uint8_t ret[static 32]);

/*
 * secret: 32 random bytes, of which the attestation key is made. DJ_E_INPUT:
 * they are no key (try others). chain stays the caller's and in place.
 */
dj_status dj_emu_sgx_qe_init(struct dj_emu_sgx_qe *ret,
	const struct dj_emu_key *pck, const uint8_t secret[static 32],
	const char *chain, size_t chain_len);

/* DJ_E_LIMIT: cap is too small. */
dj_status dj_emu_sgx_quote(const struct dj_emu_sgx_qe *qe,
	const struct dj_sgx_body *body, uint8_t *dst, size_t cap,
	size_t *ret_len);
