// SPDX-License-Identifier: Apache-2.0
#include "host/agent/collateral.h"

#include <stdio.h>
#include <stdlib.h>

#include "host/agent/sgx_host.h"
#include "host/agent/snp_host.h"
#include "lib/proto/offer.h"

/* Files of an emulated TEE that go with its report. */
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

static bool read_emulated(const struct dj_options *o,
	const struct dj_tee_kind *kind, struct dj_collateral *ret,
	char why[static 160])
{
	const uint8_t tee = kind->tee == DJ_TEE_SGX ? DJ_TEE_SGX : 0;
	char path[4096 + 64];
	bool good = true;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].tee != tee)
			continue;
		snprintf(path, sizeof(path), "%s/%s-%s", o->emulation,
			kind->name, parts[i].name);
		if (dj_blob_read(&ret->item[parts[i].tag], path))
			continue;
		snprintf(why, 160, "%s-%s of --emulation is not there",
			kind->name, parts[i].name);
		good = false;
	}
	return good;
}

/* A report of real hardware names a chip and no certificate. */
static bool read_snp(const struct dj_options *o, struct dj_collateral *ret,
	char why[static 160])
{
	struct dj_snp_host host = { 0 };
	const char *wrong = o->snp == NULL
		? "donjond has no --snp DIR with the chip's certificates"
		: dj_snp_host_read(o->snp, &host);

	ret->item[DJ_EVIDENCE_CHAIN] = host.chain;
	ret->item[DJ_EVIDENCE_CRLS] = host.crls;
	if (wrong != NULL)
		snprintf(why, 160, "%s", wrong);
	return wrong == NULL;
}

/* A quote of real hardware has its chain in it, and no collateral. */
static bool read_sgx(const struct dj_options *o, struct dj_collateral *ret,
	char why[static 160])
{
	struct dj_sgx_host host = { 0 };
	const char *lacks = o->sgx == NULL ? "--sgx DIR of donjond"
					   : dj_sgx_host_read(o->sgx, &host);

	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++)
		ret->item[i] = host.item[i];
	if (lacks != NULL)
		snprintf(why, 160,
			"no collateral for its quote: %.60s is not there",
			lacks);
	return lacks == NULL;
}

bool dj_collateral_read(const struct dj_options *o,
	const struct dj_tee_kind *kind, bool is_emulated,
	struct dj_collateral *ret, char why[static 160])
{
	*ret = (struct dj_collateral){ 0 };
	if (is_emulated)
		return read_emulated(o, kind, ret, why);
	if (kind->tee == DJ_TEE_SNP)
		return read_snp(o, ret, why);
	if (kind->tee == DJ_TEE_SGX)
		return read_sgx(o, ret, why);
	return true;
}

void dj_collateral_free(struct dj_collateral *c)
{
	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++)
		free(c->item[i].p);
	*c = (struct dj_collateral){ 0 };
}

/* ---- for the API ---- */

static const struct {
	const char *name;
	const char *form; /* NULL: hex */
} shown[DJ_EVIDENCE_TAGS] = {
	[DJ_EVIDENCE_CHAIN] = { "chain", "pem" },
	[DJ_EVIDENCE_CRLS] = { "crls", NULL },
	[DJ_EVIDENCE_TCB_INFO] = { "tcb-info", "json" },
	[DJ_EVIDENCE_TCB_CHAIN] = { "tcb-chain", "pem" },
	[DJ_EVIDENCE_QE_ID] = { "qe-identity", "json" },
	[DJ_EVIDENCE_QE_CHAIN] = { "qe-chain", "pem" },
	[DJ_EVIDENCE_ROOT_CRL] = { "root-crl", NULL },
	[DJ_EVIDENCE_PCK_CRL] = { "pck-crl", NULL },
	[DJ_EVIDENCE_PCK_CHAIN] = { "pck-chain", "pem" },
};

static json_t *item_json(size_t tag, const struct dj_blob *b)
{
	const char *form = shown[tag].form;
	json_t *text =
		form == NULL ? NULL : json_stringn((const char *)b->p, b->len);

	/* A file that is no text is told all the same: it is not judged here. */
	if (text == NULL) {
		form = "hex";
		text = dj_blob_hex(b);
	}
	return json_pack("{s:i,s:s,s:o}", "tag", (int)tag, "name",
		shown[tag].name, form, text);
}

json_t *dj_collateral_json(const struct dj_options *o,
	const struct dj_tee_kind *kind)
{
	bool is_emulated = !((kind->tee == DJ_TEE_SNP && o->snp != NULL) ||
		(kind->tee == DJ_TEE_SGX && o->sgx != NULL));
	struct dj_collateral c;
	json_t *items;
	char why[160];

	if (is_emulated && o->emulation == NULL)
		return NULL;
	items = json_array();
	(void)dj_collateral_read(o, kind, is_emulated, &c, why);
	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++)
		if (shown[i].name != NULL && c.item[i].p != NULL)
			(void)json_array_append_new(items,
				item_json(i, &c.item[i]));
	dj_collateral_free(&c);
	if (json_array_size(items) == 0) {
		json_decref(items);
		return NULL;
	}
	return json_pack("{s:s,s:s,s:b,s:o}", "schema", "donjon.collateral/1",
		"tee", kind->name, "emulated", (int)is_emulated, "items",
		items);
}
