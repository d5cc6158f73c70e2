// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "host/agent/agent.h"
#include "host/agent/keep.h"
#include "host/agent/log.h"
#include "host/agent/sgx_host.h"
#include "host/agent/snp_host.h"
#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"
#include "lib/proto/offer.h"

/* Files of an emulated TEE that go with its report, beside what it is. */
static const struct part {
	uint8_t tee; /* 0: all but sgx */
	uint8_t tag; /* enum dj_evidence_tag */
	const char *name;
} parts[] = {
	{ 0, DJ_EVIDENCE_CHAIN, "chain.pem" },
	/* Its chain is in the quote. */
	{ DJ_TEE_SGX, DJ_EVIDENCE_TCB_INFO, "tcb-info.json" },
	{ DJ_TEE_SGX, DJ_EVIDENCE_TCB_CHAIN, "tcb-chain.pem" },
	{ DJ_TEE_SGX, DJ_EVIDENCE_QE_ID, "qe-identity.json" },
	{ DJ_TEE_SGX, DJ_EVIDENCE_ROOT_CRL, "root.crl" },
	{ DJ_TEE_SGX, DJ_EVIDENCE_PCK_CRL, "pck.crl" },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static bool read_part(const struct dj_keep *k, const char *name,
	struct dj_blob *ret)
{
	char path[4096 + 64];

	snprintf(path, sizeof(path), "%s/%s-%s", k->agent->opt.emulation,
		k->kind->name, name);
	return dj_blob_read(ret, path);
}

static void add_parts(struct dj_keep *k, struct dj_evidence *e,
	struct dj_blob blobs[static PARTS])
{
	const uint8_t tee = k->kind->tee == DJ_TEE_SGX ? DJ_TEE_SGX : 0;

	for (size_t i = 0; i < PARTS && k->is_emulated; i++) {
		if (parts[i].tee != tee)
			continue;
		if (!read_part(k, parts[i].name, &blobs[i])) {
			dj_log(DJ_LOG_WARN, "evidence.no_chain", "keep", k->id,
				"tee", k->kind->name, "file", parts[i].name,
				NULL);
			continue;
		}
		e->item[parts[i].tag] =
			(struct dj_evidence_item){ blobs[i].p, blobs[i].len };
	}
}

static struct dj_evidence_item item_of(const struct dj_blob *b)
{
	return (struct dj_evidence_item){ b->p, b->len };
}

/* A report of real hardware, which names a chip and no certificate. */
static void add_snp(struct dj_keep *k, struct dj_evidence *e,
	struct dj_snp_host *host)
{
	const char *folder = k->agent->opt.snp;
	const char *wrong = folder == NULL
		? "donjond has no --snp DIR with the chip's certificates"
		: dj_snp_host_read(folder, host);

	if (wrong != NULL) {
		dj_log(DJ_LOG_WARN, "evidence.no_chain", "keep", k->id, "tee",
			k->kind->name, "why", wrong, NULL);
		dj_keep_say(k, wrong);
	}
	e->item[DJ_EVIDENCE_CHAIN] = item_of(&host->chain);
	e->item[DJ_EVIDENCE_CRLS] = item_of(&host->crls);
}

/* A quote of real hardware has its chain in it, and no collateral. */
static void add_sgx(struct dj_keep *k, struct dj_evidence *e,
	struct dj_sgx_host *host)
{
	const char *folder = k->agent->opt.sgx;
	const char *lacks = folder == NULL ? "--sgx DIR of donjond"
					   : dj_sgx_host_read(folder, host);
	char text[128];

	if (lacks != NULL) {
		snprintf(text, sizeof(text),
			"no collateral for its quote: %.60s is not there",
			lacks);
		dj_log(DJ_LOG_WARN, "evidence.no_chain", "keep", k->id, "tee",
			k->kind->name, "why", text, NULL);
		dj_keep_say(k, text);
	}
	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++)
		if (host->item[i].p != NULL)
			e->item[i] = item_of(&host->item[i]);
}

void dj_keep_pack(struct dj_keep *k, const uint8_t *report, size_t len)
{
	struct dj_evidence e = { .format = k->is_emulated ? k->kind->emulated
							  : k->kind->format,
		.purpose = k->purpose };
	struct dj_blob blobs[PARTS] = { 0 };
	struct dj_snp_host snp = { 0 };
	struct dj_sgx_host sgx = { 0 };
	uint8_t *buf = malloc(DJ_EVIDENCE_MAX);
	size_t n;

	e.item[DJ_EVIDENCE_REPORT] = (struct dj_evidence_item){ report, len };
	add_parts(k, &e, blobs);
	if (k->kind->tee == DJ_TEE_SNP && !k->is_emulated)
		add_snp(k, &e, &snp);
	if (k->kind->tee == DJ_TEE_SGX && !k->is_emulated)
		add_sgx(k, &e, &sgx);
	if (buf != NULL &&
		dj_evidence_write(&e, buf, DJ_EVIDENCE_MAX, &n) == DJ_OK)
		dj_relay_evidence(k, buf, n);
	else
		dj_relay_no_evidence(k);
	for (size_t i = 0; i < PARTS; i++)
		free(blobs[i].p);
	free(snp.chain.p);
	free(snp.crls.p);
	dj_sgx_host_free(&sgx);
	free(buf);
}
