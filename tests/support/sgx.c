// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sgx.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/sgx_qe.h"
#include "lib/proto/evidence.h"
#include "lib/proto/hello.h"

#define MUST(x)                                             \
	do {                                                \
		if (!(x)) {                                 \
			fprintf(stderr, "sgx.c: %s\n", #x); \
			abort();                            \
		}                                           \
	} while (0)

static struct dj_emu_sgx_pki pki;

void sx_good(struct sx *s)
{
	memset(s, 0, sizeof(*s));
	dj_emu_sgx_recipe(&s->pki, SX_TIME);
	s->body.flags = DJ_SGX_ATTR(DJ_SGX_ATTR_INIT) |
		DJ_SGX_ATTR(DJ_SGX_ATTR_MODE64BIT);
	s->body.xfrm = 7;
	s->body.isvprodid = 3;
	s->body.isvsvn = 5;
	memset(s->body.mrenclave, 0x5a, sizeof(s->body.mrenclave));
	memset(s->body.mrsigner, 0xa5, sizeof(s->body.mrsigner));
	s->format = DJ_FORMAT_EMULATED + DJ_FORMAT_SGX;
}

static void pck_key(struct dj_emu_key *ret)
{
	BIGNUM *n = NULL;

	memset(ret, 0, sizeof(*ret));
	MUST(EVP_PKEY_get_bn_param(pki.pck_key, OSSL_PKEY_PARAM_PRIV_KEY, &n) ==
		1);
	MUST(BN_bn2binpad(n, ret->secret, 32) == 32);
	BN_free(n);
}

static size_t quote(const struct sx *s, uint8_t *dst, size_t cap)
{
	static const uint8_t secret[32] = { 1, 2, 3 };
	struct dj_emu_sgx_qe qe;
	struct dj_emu_key pck;
	size_t len = 0;

	pck_key(&pck);
	MUST(dj_emu_sgx_qe_init(&qe, &pck, secret, (const char *)pki.chain.p,
		     pki.chain.len) == DJ_OK);
	MUST(dj_emu_sgx_quote(&qe, &s->body, dst, cap, &len) == DJ_OK);
	if (s->flip_at != 0)
		dst[s->flip_at] ^= s->flip;
	return len;
}

static void put(struct dj_evidence *e, enum dj_evidence_tag tag, bool left_out,
	const struct dj_emu_sgx_blob *b)
{
	if (left_out)
		return;
	e->item[tag].p = b->p;
	e->item[tag].len = b->len;
}

size_t sx_build(const struct sx *s, uint8_t *dst, size_t cap)
{
	static uint8_t q[16384];
	struct dj_evidence e = { .format = s->format,
		.purpose = DJ_PURPOSE_OFFER };
	size_t len = 0;

	dj_emu_sgx_pki_free(&pki);
	MUST(dj_emu_sgx_pki_new(&s->pki, &pki));
	e.item[DJ_EVIDENCE_REPORT].p = q;
	e.item[DJ_EVIDENCE_REPORT].len = quote(s, q, sizeof(q));
	put(&e, DJ_EVIDENCE_CHAIN, !s->second_chain, &pki.chain);
	put(&e, DJ_EVIDENCE_TCB_INFO, s->no_tcb_info, &pki.tcb_info);
	put(&e, DJ_EVIDENCE_TCB_CHAIN, false, &pki.tcb_chain);
	put(&e, DJ_EVIDENCE_QE_ID, s->no_qe_identity, &pki.qe_identity);
	put(&e, DJ_EVIDENCE_QE_CHAIN, !s->own_qe_chain, &pki.tcb_chain);
	put(&e, DJ_EVIDENCE_ROOT_CRL, s->no_root_crl,
		s->swap_crls ? &pki.pck_crl : &pki.root_crl);
	put(&e, DJ_EVIDENCE_PCK_CRL, s->no_pck_crl,
		s->swap_crls ? &pki.root_crl : &pki.pck_crl);
	MUST(dj_evidence_write(&e, dst, cap, &len) == DJ_OK);
	return len;
}

const char *sx_root(void)
{
	return (const char *)pki.root.p;
}

const char *sx_policy(const char *extra)
{
	static char text[2048];
	char hex[65];

	for (size_t i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "5a");
	(void)snprintf(text, sizeof(text),
		"schema = 1\nname = \"test\"\n[development]\nallow = true\n"
		"root = \"root.pem\"\n[keep]\nmeasurement = [ { tee = \"sgx\", "
		"mrenclave = \"%s\" } ]\n[sgx]\n%s\n",
		hex, extra);
	return text;
}

const struct sx_fault_info sx_faults[FAULTS] = {
#define FAULT(name, change, check, says) { #name, check, says },
#include "tests/unit/sgx_faults.h"
#undef FAULT
};

void sx_break(struct sx *s, enum sx_fault which)
{
	struct dj_emu_sgx_recipe *r = &s->pki;
	struct dj_sgx_body *b = &s->body;

	switch (which) {
#define FAULT(name, change, check, says) \
	case F_##name:                   \
		change;                  \
		break;
#include "tests/unit/sgx_faults.h"
#undef FAULT
	case FAULTS:
		break;
	}
	(void)r;
	(void)b;
}
