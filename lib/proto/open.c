// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/open.h"
#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/proto/hello.h"

static bool is_sound(const struct dj_open *o)
{
	return o->mode <= DJ_MODE_REATTACH &&
		(o->mode != DJ_MODE_NEW || o->ticket_no == 0) &&
		(o->enc_len == 32 || o->enc_len == DJ_OPEN_ENC_MAX);
}

dj_status dj_open_parse(const uint8_t *buf, size_t len, struct dj_open *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_open o = { 0 };

	dj_rd_copy(&r, o.binding, sizeof(o.binding));
	o.mode = dj_rd_u8(&r);
	dj_rd_zero(&r, 1);
	o.enc_len = dj_rd_u16be(&r);
	o.ticket_no = dj_rd_u32be(&r);
	if (!is_sound(&o))
		dj_rd_fail(&r, DJ_E_INPUT);
	o.enc = dj_rd_bytes(&r, o.enc_len);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = o;
	return DJ_OK;
}

dj_status dj_open_write(const struct dj_open *o, uint8_t *dst, size_t cap,
	size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);

	if (!is_sound(o))
		return DJ_E_INPUT;
	dj_wr_bytes(&w, o->binding, sizeof(o->binding));
	dj_wr_u8(&w, o->mode);
	dj_wr_zero(&w, 1);
	dj_wr_u16be(&w, (uint16_t)o->enc_len);
	dj_wr_u32be(&w, o->ticket_no);
	dj_wr_bytes(&w, o->enc, o->enc_len);
	return dj_wr_end(&w, ret_len);
}
