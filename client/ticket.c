// SPDX-License-Identifier: Apache-2.0
#include "client/ticket.h"

#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/crypto/sha256.h"

#define MAGIC   UINT32_C(0x444a5431) /* "DJT1" */
#define FAMILY  UINT32_C(0x444a5400)
#define SUM_LEN 32

static void read_head(struct dj_rd *r, struct dj_ticket_file *t)
{
	uint32_t magic = dj_rd_u32be(r);

	if (magic != MAGIC)
		dj_rd_fail(r,
			(magic & ~UINT32_C(0xff)) == FAMILY ? DJ_E_UNSUPPORTED
							    : DJ_E_INPUT);
	t->ticket.no = dj_rd_u32be(r);
	dj_rd_copy(r, t->ticket.key.b, sizeof(t->ticket.key.b));
	t->attach_no = dj_rd_u32be(r);
	dj_rd_copy(r, t->keep_id, 32);
	dj_rd_copy(r, t->config_hash, 32);
	dj_rd_copy(r, t->policy_hash, 32);
	dj_rd_copy(r, t->module_hash, 32);
	dj_rd_copy(r, t->begin_hash, 32);
	t->module_len = dj_rd_u64be(r);
	t->begun = dj_rd_u64be(r);
}

static void read_rest(struct dj_rd *r, struct dj_ticket_file *t)
{
	uint8_t emulated;

	t->tee = dj_rd_u8(r);
	emulated = dj_rd_u8(r);
	t->trees = dj_rd_u8(r);
	dj_rd_zero(r, 1);
	t->flags = dj_rd_u32be(r);
	t->in_base = dj_rd_u64be(r);
	t->out_base = dj_rd_u64be(r);
	t->err_base = dj_rd_u64be(r);
	t->input_len = dj_rd_u64be(r);
	dj_rd_copy(r, t->input_hash, 32);
	t->emulated = emulated == 1;
	/* Attach n makes ticket n, and an unclaimed Keep has neither. */
	if (emulated > 1 || t->trees > DJ_TICKET_TREES_MAX ||
		(t->flags & ~(uint32_t)DJ_TICKET_FLAGS) != 0 ||
		t->attach_no != t->ticket.no)
		dj_rd_fail(r, DJ_E_INPUT);
}

static void read_texts(struct dj_rd *r, struct dj_ticket_file *t)
{
	for (size_t i = 0; i < DJ_TICKET_TEXTS; i++) {
		size_t len = dj_rd_u16be(r);
		const uint8_t *p;

		if (len >= sizeof(t->text[i]))
			dj_rd_fail(r, DJ_E_INPUT);
		p = dj_rd_bytes(r, len);
		if (p == NULL || memchr(p, 0, len) != NULL) {
			dj_rd_fail(r, DJ_E_INPUT);
			return;
		}
		memcpy(t->text[i], p, len);
		t->text[i][len] = '\0';
	}
	if (t->text[DJ_TICKET_HOST][0] == '\0' ||
		t->text[DJ_TICKET_KEEP][0] == '\0')
		dj_rd_fail(r, DJ_E_INPUT);
}

dj_status dj_ticket_parse(const uint8_t *buf, size_t len,
	struct dj_ticket_file *ret)
{
	uint8_t sum[SUM_LEN], want[SUM_LEN];
	struct dj_rd r = dj_rd_of(buf, len);

	memset(ret, 0, sizeof(*ret));
	read_head(&r, ret);
	read_rest(&r, ret);
	read_texts(&r, ret);
	dj_rd_copy(&r, sum, sizeof(sum));
	if (dj_rd_end(&r) == DJ_OK) {
		dj_sha256(buf, len - SUM_LEN, want);
		if (memcmp(sum, want, sizeof(sum)) != 0)
			dj_rd_fail(&r, DJ_E_INPUT);
	}
	if (r.err != DJ_OK)
		dj_wipe(ret, sizeof(*ret));
	return r.err;
}

dj_status dj_ticket_write(const struct dj_ticket_file *t, uint8_t *dst,
	size_t cap, size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);
	uint8_t sum[SUM_LEN];

	dj_wr_u32be(&w, MAGIC);
	dj_wr_u32be(&w, t->ticket.no);
	dj_wr_bytes(&w, t->ticket.key.b, sizeof(t->ticket.key.b));
	dj_wr_u32be(&w, t->attach_no);
	dj_wr_bytes(&w, t->keep_id, 32);
	dj_wr_bytes(&w, t->config_hash, 32);
	dj_wr_bytes(&w, t->policy_hash, 32);
	dj_wr_bytes(&w, t->module_hash, 32);
	dj_wr_bytes(&w, t->begin_hash, 32);
	dj_wr_u64be(&w, t->module_len);
	dj_wr_u64be(&w, t->begun);
	dj_wr_u8(&w, t->tee);
	dj_wr_u8(&w, t->emulated);
	dj_wr_u8(&w, t->trees);
	dj_wr_zero(&w, 1);
	dj_wr_u32be(&w, t->flags);
	dj_wr_u64be(&w, t->in_base);
	dj_wr_u64be(&w, t->out_base);
	dj_wr_u64be(&w, t->err_base);
	dj_wr_u64be(&w, t->input_len);
	dj_wr_bytes(&w, t->input_hash, 32);
	for (size_t i = 0; i < DJ_TICKET_TEXTS; i++) {
		size_t len = strnlen(t->text[i], sizeof(t->text[i]));

		dj_wr_u16be(&w, (uint16_t)len);
		dj_wr_bytes(&w, t->text[i], len);
	}
	if (w.err != DJ_OK)
		return w.err;
	dj_sha256(dst, w.len, sum);
	dj_wr_bytes(&w, sum, sizeof(sum));
	return dj_wr_end(&w, ret_len);
}
