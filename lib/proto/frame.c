// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/frame.h"
#include "lib/base/rd.h"
#include "lib/base/wr.h"

uint32_t dj_frame_max(uint8_t type)
{
	static const uint32_t max[] = {
		[DJ_FRAME_HELLO] = DJ_HELLO_MAX,
		[DJ_FRAME_OFFER] = DJ_OFFER_MAX,
		[DJ_FRAME_EVIDENCE] = DJ_EVIDENCE_MAX,
		[DJ_FRAME_OPEN] = DJ_OPEN_MAX,
		[DJ_FRAME_RECORD] = DJ_RECORD_MAX,
		[DJ_FRAME_REPORT] = DJ_REPORT_MAX,
		[DJ_FRAME_ERROR] = DJ_ERROR_MAX,
	};

	return type < sizeof(max) / sizeof(max[0]) ? max[type] : 0;
}

dj_status dj_frame_parse(const uint8_t header[static DJ_FRAME_HEADER],
	uint32_t accept, struct dj_frame *ret)
{
	struct dj_rd r = dj_rd_of(header, DJ_FRAME_HEADER);
	struct dj_frame f;
	uint32_t max;

	f.type = dj_rd_u8(&r);
	max = dj_frame_max(f.type);
	if (max == 0 || (accept & DJ_FRAME_BIT(f.type)) == 0)
		dj_rd_fail(&r, DJ_E_INPUT);
	if (dj_rd_u8(&r) != DJ_FRAME_VERSION)
		dj_rd_fail(&r, DJ_E_INPUT);
	dj_rd_zero(&r, 2);
	f.len = dj_rd_u32be(&r);
	if (f.len > max)
		dj_rd_fail(&r, DJ_E_LIMIT);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = f;
	return DJ_OK;
}

void dj_frame_write(uint8_t header[static DJ_FRAME_HEADER],
	enum dj_frame_type type, uint32_t len)
{
	struct dj_wr w = dj_wr_of(header, DJ_FRAME_HEADER);

	dj_wr_u8(&w, (uint8_t)type);
	dj_wr_u8(&w, DJ_FRAME_VERSION);
	dj_wr_zero(&w, 2);
	dj_wr_u32be(&w, len);
}
