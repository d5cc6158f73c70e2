// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/proto/error.h"

static const char *const names[] = {
	[DJ_ERROR_NONE] = "NONE",
	[DJ_ERROR_BAD_FRAME] = "BAD_FRAME",
	[DJ_ERROR_BAD_HELLO] = "BAD_HELLO",
	[DJ_ERROR_NO_SUITE] = "NO_SUITE",
	[DJ_ERROR_KEEP_OWNED] = "KEEP_OWNED",
	[DJ_ERROR_KEEP_FRESH] = "KEEP_FRESH",
	[DJ_ERROR_WRONG_KEEP] = "WRONG_KEEP",
	[DJ_ERROR_BAD_OPEN] = "BAD_OPEN",
	[DJ_ERROR_NO_OFFER] = "NO_OFFER",
	[DJ_ERROR_STALE_OFFER] = "STALE_OFFER",
	[DJ_ERROR_NO_TICKET] = "NO_TICKET",
	[DJ_ERROR_BAD_RECORD] = "BAD_RECORD",
	[DJ_ERROR_BAD_INNER] = "BAD_INNER",
	[DJ_ERROR_BAD_ORDER] = "BAD_ORDER",
	[DJ_ERROR_BAD_OWNER] = "BAD_OWNER",
	[DJ_ERROR_TOO_BIG] = "TOO_BIG",
	[DJ_ERROR_BUSY] = "BUSY",
	[DJ_ERROR_NO_EVIDENCE] = "NO_EVIDENCE",
	[DJ_ERROR_KEEP_GONE] = "KEEP_GONE",
	[DJ_ERROR_BAD_OFFER] = "BAD_OFFER",
	[DJ_ERROR_SUITE] = "SUITE",
	[DJ_ERROR_EVIDENCE] = "EVIDENCE",
};

const char *dj_error_name(uint16_t code)
{
	return code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;
}

dj_status dj_error_parse(const uint8_t *buf, size_t len,
	struct dj_error_msg *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_error_msg m;

	m.code = dj_rd_u16be(&r);
	m.text_len = r.left;
	m.text = dj_rd_bytes(&r, r.left);
	if (m.text_len > DJ_ERROR_TEXT_MAX)
		dj_rd_fail(&r, DJ_E_LIMIT);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = m;
	return DJ_OK;
}

dj_status dj_error_write(uint16_t code, const char *text, uint8_t *dst,
	size_t cap, size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);
	size_t len;

	if (text == NULL)
		text = dj_error_name(code);
	len = text == NULL ? 0 : strlen(text);
	dj_wr_u16be(&w, code);
	dj_wr_bytes(&w, text,
		len < DJ_ERROR_TEXT_MAX ? len : DJ_ERROR_TEXT_MAX);
	return dj_wr_end(&w, ret_len);
}

void dj_error_text(const struct dj_error_msg *m,
	char dst[static DJ_ERROR_TEXT_MAX + 1])
{
	size_t i;

	for (i = 0; i < m->text_len && i < DJ_ERROR_TEXT_MAX; i++) {
		uint8_t c = m->text[i];

		if (c < 0x20 || c >= 0x7f)
			c = '?';
		dst[i] = (char)c;
	}
	dst[i] = '\0';
}
