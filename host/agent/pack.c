// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "host/agent/agent.h"
#include "host/agent/collateral.h"
#include "host/agent/keep.h"
#include "host/agent/log.h"
#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"

void dj_keep_pack(struct dj_keep *k, const uint8_t *report, size_t len)
{
	struct dj_evidence e = { .format = k->is_emulated ? k->kind->emulated
							  : k->kind->format,
		.purpose = k->purpose };
	struct dj_collateral c;
	char why[160];
	uint8_t *buf = malloc(DJ_EVIDENCE_MAX);
	size_t n;

	e.item[DJ_EVIDENCE_REPORT] = (struct dj_evidence_item){ report, len };
	if (!dj_collateral_read(&k->agent->opt, k->kind, k->is_emulated, &c,
		    why)) {
		dj_log(DJ_LOG_WARN, "evidence.no_chain", "keep", k->id, "tee",
			k->kind->name, "why", why, NULL);
		dj_keep_say(k, why);
	}
	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++)
		if (c.item[i].p != NULL)
			e.item[i] = (struct dj_evidence_item){ c.item[i].p,
				c.item[i].len };
	if (buf != NULL &&
		dj_evidence_write(&e, buf, DJ_EVIDENCE_MAX, &n) == DJ_OK)
		dj_relay_evidence(k, buf, n);
	else
		dj_relay_no_evidence(k);
	dj_collateral_free(&c);
	free(buf);
}
