// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/hello.h"
#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/proto/record.h"

bool dj_suite_known(uint16_t suite)
{
	return dj_suite_pk_len(suite) != 0;
}

size_t dj_suite_pk_len(uint16_t suite)
{
	switch (suite) {
	case DJ_SUITE_X25519_CHACHA20:
	case DJ_SUITE_X25519_AES256:
		return 32;
	case DJ_SUITE_XWING_CHACHA20:
	case DJ_SUITE_XWING_AES256:
		return 1216;
	default:
		return 0;
	}
}

size_t dj_suite_enc_len(uint16_t suite)
{
	switch (suite) {
	case DJ_SUITE_X25519_CHACHA20:
	case DJ_SUITE_X25519_AES256:
		return 32;
	case DJ_SUITE_XWING_CHACHA20:
	case DJ_SUITE_XWING_AES256:
		return 1120;
	default:
		return 0;
	}
}

static bool is_sound(const struct dj_hello *h)
{
	uint8_t any = 0;

	for (size_t i = 0; i < sizeof(h->keep_id); i++)
		any |= h->keep_id[i];
	return h->suite_count >= 1 && h->suite_count <= DJ_SUITES_MAX &&
		h->format_count <= DJ_FORMATS_MAX &&
		h->mode <= DJ_MODE_REATTACH && h->minclass <= DJ_CLASS_MAX &&
		(h->mode == DJ_MODE_NEW) == (any == 0);
}

dj_status dj_hello_parse(const uint8_t *buf, size_t len, struct dj_hello *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_hello h = { 0 };

	if (dj_rd_u32be(&r) != DJ_KSP_MAGIC)
		dj_rd_fail(&r, DJ_E_INPUT);
	h.suite_count = dj_rd_u8(&r);
	h.format_count = dj_rd_u8(&r);
	h.mode = dj_rd_u8(&r);
	h.minclass = dj_rd_u8(&r);
	dj_rd_copy(&r, h.nonce, sizeof(h.nonce));
	dj_rd_copy(&r, h.keep_id, sizeof(h.keep_id));
	if (!is_sound(&h)) {
		dj_rd_fail(&r, DJ_E_INPUT);
		return r.err;
	}
	for (size_t i = 0; i < h.suite_count; i++)
		h.suites[i] = dj_rd_u16be(&r);
	for (size_t i = 0; i < h.format_count; i++)
		h.formats[i] = dj_rd_u16be(&r);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = h;
	return DJ_OK;
}

dj_status dj_hello_write(const struct dj_hello *h, uint8_t *dst, size_t cap,
	size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);

	if (!is_sound(h))
		return DJ_E_INPUT;
	dj_wr_u32be(&w, DJ_KSP_MAGIC);
	dj_wr_u8(&w, h->suite_count);
	dj_wr_u8(&w, h->format_count);
	dj_wr_u8(&w, h->mode);
	dj_wr_u8(&w, h->minclass);
	dj_wr_bytes(&w, h->nonce, sizeof(h->nonce));
	dj_wr_bytes(&w, h->keep_id, sizeof(h->keep_id));
	for (size_t i = 0; i < h->suite_count; i++)
		dj_wr_u16be(&w, h->suites[i]);
	for (size_t i = 0; i < h->format_count; i++)
		dj_wr_u16be(&w, h->formats[i]);
	return dj_wr_end(&w, ret_len);
}
