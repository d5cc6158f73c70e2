// SPDX-License-Identifier: Apache-2.0
#include "emu/sgx/keys.h"

#include <bearssl.h>
#include <string.h>

#include "emu/sgx/cpu.h"
#include "lib/base/secret.h"
#include "lib/base/wr.h"
#include "lib/crypto/hmac.h"

const uint8_t dj_emu_cpusvn[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1 };

void dj_emu_sgx_key(const uint8_t fuses[static 32],
	const struct dj_emu_key_input *in, uint8_t ret[static 16])
{
	uint8_t buf[256], digest[32];
	struct dj_wr w = dj_wr_of(buf, sizeof(buf));
	struct dj_hmac mac;

	dj_wr_le(&w, in->name, 2);
	dj_wr_le(&w, in->policy, 2);
	dj_wr_le(&w, in->isvsvn, 2);
	dj_wr_le(&w, in->isvprodid, 2);
	dj_wr_bytes(&w, in->cpusvn, sizeof(in->cpusvn));
	dj_wr_le(&w, in->flags, 8);
	dj_wr_le(&w, in->xfrm, 8);
	dj_wr_le(&w, in->flags_mask, 8);
	dj_wr_le(&w, in->xfrm_mask, 8);
	dj_wr_le(&w, in->misc, 4);
	dj_wr_le(&w, in->miscmask, 4);
	dj_wr_bytes(&w, in->mrenclave, 32);
	dj_wr_bytes(&w, in->mrsigner, 32);
	dj_wr_bytes(&w, in->keyid, 32);
	dj_hmac_init(&mac, fuses, 32);
	dj_hmac_update(&mac, buf, w.len);
	dj_hmac_final(&mac, digest);
	memcpy(ret, digest, 16);
	dj_wipe(&mac, sizeof(mac));
	dj_wipe(digest, sizeof(digest));
}

void dj_emu_sgx_report_key(const uint8_t fuses[static 32],
	const struct dj_sgx_targetinfo *target,
	const uint8_t keyid[static DJ_SGX_KEYID], uint8_t ret[static 16])
{
	struct dj_emu_key_input in = { .name = DJ_SGX_KEY_REPORT,
		.flags = target->flags,
		.xfrm = target->xfrm,
		.misc = target->miscselect };

	memcpy(in.cpusvn, dj_emu_cpusvn, sizeof(in.cpusvn));
	memcpy(in.mrenclave, target->mrenclave, 32);
	memcpy(in.keyid, keyid, 32);
	dj_emu_sgx_key(fuses, &in, ret);
}

/* One block under AES, by counter mode: its first key stream block is it. */
static void encrypt(const br_aes_ct64_ctr_keys *k, const uint8_t in[static 16],
	uint8_t ret[static 16])
{
	uint8_t out[16] = { 0 };
	uint32_t counter = (uint32_t)in[12] << 24 | (uint32_t)in[13] << 16 |
		(uint32_t)in[14] << 8 | in[15];

	br_aes_ct64_ctr_run(k, in, counter, out, sizeof(out));
	memcpy(ret, out, sizeof(out));
}

void dj_emu_cmac(const uint8_t key[static 16], const uint8_t *p, size_t blocks,
	uint8_t ret[static 16])
{
	br_aes_ct64_ctr_keys k;
	uint8_t sub[16] = { 0 }, x[16] = { 0 };
	uint8_t high;

	br_aes_ct64_ctr_init(&k, key, 16);
	encrypt(&k, sub, sub);
	high = sub[0] >> 7;
	for (size_t i = 0; i < 16; i++)
		sub[i] =
			(uint8_t)(sub[i] << 1 | (i < 15 ? sub[i + 1] >> 7 : 0));
	sub[15] ^= (uint8_t)(high * 0x87);
	for (size_t b = 0; b < blocks; b++) {
		for (size_t i = 0; i < 16; i++)
			x[i] ^= (uint8_t)(p[16 * b + i] ^
				(b + 1 == blocks ? sub[i] : 0));
		encrypt(&k, x, x);
	}
	memcpy(ret, x, 16);
	dj_wipe(&k, sizeof(k));
}
