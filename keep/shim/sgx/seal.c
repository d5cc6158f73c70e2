// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/shim.h"
#include "keep/shim/sgx/sgx.h"
#include "lib/evidence/sgx.h"

/*
 * EGETKEY's SEAL key. Every bit of the attributes and of MISCSELECT counts in
 * it: a debug enclave of the same image gets another. One key of the
 * processor's has 16 bytes, so ours is two, of KEYID 1 and 2.
 */
#define HALF 16

/* EGETKEY's answers (SDM volume 3, chapter 40). */
#define INVALID_CPUSVN 32
#define INVALID_ISVSVN 64

static uint8_t request[DJ_SGX_KEYREQUEST] __attribute__((aligned(512)));
static uint8_t half[HALF] __attribute__((aligned(HALF)));
static uint8_t report[512] __attribute__((aligned(512)));

dj_status dj_shim_seal_now(struct dj_shim_seal *ret)
{
	static const uint8_t target[DJ_SGX_TARGETINFO]
		__attribute__((aligned(512)));
	static const uint8_t data[64] __attribute__((aligned(128)));
	struct dj_shim_seal s = { .to = DJ_SHIM_SEAL_IMAGE };
	struct dj_sgx_body body;

	/* For nobody: what counts is what the processor says in it. */
	(void)dj_sgx_enclu(DJ_SGX_EREPORT, target, data, report);
	if (dj_sgx_body_parse(report, &body) != DJ_OK)
		dj_shim_halt(DJ_HALT_BUG);
	s.svn = body.isvsvn;
	memcpy(s.platform, body.cpusvn, sizeof(s.platform));
	*ret = s;
	return DJ_OK;
}

static dj_status get_half(struct dj_sgx_keyrequest *q, uint8_t keyid,
	uint8_t dst[static HALF])
{
	uint64_t error;

	q->keyid[0] = keyid;
	dj_sgx_keyrequest_write(q, request);
	error = dj_sgx_enclu(DJ_SGX_EGETKEY, request, half, NULL);
	memcpy(dst, half, HALF);
	dj_wipe(half, sizeof(half));
	if (error == INVALID_CPUSVN || error == INVALID_ISVSVN)
		return DJ_E_AUTH;
	return error == 0 ? DJ_OK : DJ_E_UNSUPPORTED;
}

dj_status dj_shim_seal_key(const struct dj_shim_seal *s, struct dj_key *ret)
{
	struct dj_sgx_keyrequest q = { .name = DJ_SGX_KEY_SEAL,
		.policy = s->to == DJ_SHIM_SEAL_SIGNER
			? DJ_SGX_POLICY_MRSIGNER
			: DJ_SGX_POLICY_MRENCLAVE,
		.isvsvn = (uint16_t)s->svn,
		.flags_mask = UINT64_MAX,
		.xfrm_mask = UINT64_MAX,
		.miscmask = UINT32_MAX };
	DJ_SECRET struct dj_key key = { 0 };
	dj_status st;

	if (s->svn > UINT16_MAX)
		return DJ_E_AUTH;
	memcpy(q.cpusvn, s->platform, sizeof(q.cpusvn));
	st = get_half(&q, 1, key.b);
	if (st == DJ_OK)
		st = get_half(&q, 2, key.b + HALF);
	if (st == DJ_OK)
		*ret = key;
	return st;
}
