// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/process.h"
#include "lib/base/rd.h"
#include "lib/base/wr.h"

#define MAGIC   0x444a5052 /* "DJPR" */
#define VERSION 1

dj_status dj_process_report_parse(const uint8_t *buf, size_t len,
	struct dj_process_report *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_process_report rep = { 0 };

	if (dj_rd_u32be(&r) != MAGIC)
		dj_rd_fail(&r, DJ_E_INPUT);
	if (dj_rd_u16be(&r) != VERSION)
		dj_rd_fail(&r, DJ_E_UNSUPPORTED);
	rep.tee = dj_rd_u16be(&r);
	dj_rd_copy(&r, rep.measurement, sizeof(rep.measurement));
	dj_rd_copy(&r, rep.config_hash, sizeof(rep.config_hash));
	dj_rd_copy(&r, rep.report_data, sizeof(rep.report_data));
	dj_rd_copy(&r, rep.platform, sizeof(rep.platform));
	rep.svn = dj_rd_u64be(&r);
	dj_rd_copy(&r, rep.signature, sizeof(rep.signature));

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = rep;
	return DJ_OK;
}

void dj_process_report_write(const struct dj_process_report *rep,
	uint8_t dst[static DJ_PROCESS_REPORT_SIZE])
{
	struct dj_wr w = dj_wr_of(dst, DJ_PROCESS_REPORT_SIZE);

	dj_wr_u32be(&w, MAGIC);
	dj_wr_u16be(&w, VERSION);
	dj_wr_u16be(&w, rep->tee);
	dj_wr_bytes(&w, rep->measurement, sizeof(rep->measurement));
	dj_wr_bytes(&w, rep->config_hash, sizeof(rep->config_hash));
	dj_wr_bytes(&w, rep->report_data, sizeof(rep->report_data));
	dj_wr_bytes(&w, rep->platform, sizeof(rep->platform));
	dj_wr_u64be(&w, rep->svn);
	dj_wr_bytes(&w, rep->signature, sizeof(rep->signature));
}
