// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/shim.h"
#include "keep/shim/snp/snp.h"
#include "lib/base/rd.h"
#include "lib/base/zero.h"
#include "lib/evidence/snp_msg.h"

/*
 * MSG_KEY_REQ: a key of the chip and of measurement, guest policy (so that a
 * guest that may be debugged gets another), guest SVN and TCB. Firmware refuses
 * an SVN above the launch's and a TCB above the committed one.
 *
 * There is no key for "whatever the same key has signed": firmware does not
 * mix the digest of the ID key in, and image and family ids are anybody's to
 * choose.
 */
#define FIELDS                                                               \
	(DJ_SNP_KEY_MEASUREMENT | DJ_SNP_KEY_POLICY | DJ_SNP_KEY_GUEST_SVN | \
		DJ_SNP_KEY_TCB)

/* In a report: the SVN of the guest, and the TCB that firmware committed to. */
#define SVN_OFF       0x004
#define COMMITTED_OFF 0x1e0

dj_status dj_shim_seal_now(struct dj_shim_seal *ret)
{
	/* For nobody: it does not leave this Keep. */
	static const uint8_t nothing[64];
	struct dj_shim_seal s = { .to = DJ_SHIM_SEAL_IMAGE };
	struct dj_snp_msg answer;
	const uint8_t *report;
	size_t len;
	dj_status st;

	st = dj_snp_report_ask(nothing, &answer, &report, &len);
	if (st != DJ_OK || len < COMMITTED_OFF + 8)
		return DJ_E_HOST;
	memcpy(&s.svn, report + SVN_OFF, sizeof(s.svn));
	memcpy(s.platform, report + COMMITTED_OFF, 8);
	*ret = s;
	return DJ_OK;
}

static dj_status key_of(const struct dj_snp_msg *answer, struct dj_key *ret)
{
	struct dj_rd r = dj_rd_of(answer->payload, answer->size);
	uint64_t status = dj_rd_le(&r, 4);

	if (r.err == DJ_OK && status == DJ_SNP_RSP_INVALID)
		return DJ_E_AUTH;
	return dj_snp_key_rsp_parse(answer->payload, answer->size, ret);
}

dj_status dj_shim_seal_key(const struct dj_shim_seal *s, struct dj_key *ret)
{
	struct dj_snp_msg req = { .type = DJ_SNP_MSG_KEY_REQ,
		.size = DJ_SNP_KEY_REQ_SIZE };
	struct dj_snp_key_req q = { .fields = FIELDS, .guest_svn = s->svn };
	struct dj_snp_msg answer;
	dj_status st;

	if (s->to != DJ_SHIM_SEAL_IMAGE)
		return DJ_E_UNSUPPORTED;
	if (!dj_is_zero(s->platform + 8, sizeof(s->platform) - 8))
		return DJ_E_AUTH;
	memcpy(&q.tcb, s->platform, sizeof(q.tcb));
	dj_snp_key_req_write(&q, req.payload);
	st = dj_snp_firmware_ask(&req, &answer);
	if (st == DJ_OK)
		st = key_of(&answer, ret);
	dj_wipe(&answer, sizeof(answer));
	return st;
}
