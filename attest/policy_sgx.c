// SPDX-License-Identifier: Apache-2.0
#include "attest/policy_sgx.h"

#include <string.h>

#include "attest/sgx_doc.h"
#include "attest/suggest.h"

_Static_assert(DJ_SGX_ADVISORY_MAX <= DJ_POLICY_ITEM_MAX, "names fit");

static dj_status add_signer(void *ctx, const struct dj_toml_value *v,
	const char *key, struct dj_toml_error *err)
{
	static const char *const keys[] = { "mrsigner", "isvprodid",
		"min-isvsvn", NULL };
	struct dj_policy_sgx *p = ctx;
	struct dj_policy_sgx_signer *s = &p->signers[p->signer_count];
	struct dj_policy_number prodid = { 0 }, svn = { 0 };
	const struct dj_toml_value *hex;
	dj_status st;

	if (p->signer_count == DJ_POLICY_SGX_SIGNERS)
		return dj_value_too_many(v, key, DJ_POLICY_SGX_SIGNERS, err);
	if (dj_value_is(v, key, DJ_TOML_TABLE, err) != DJ_OK ||
		dj_toml_check_keys(v, key, keys, err) != DJ_OK)
		return DJ_E_INPUT;
	hex = dj_toml_get(v, "mrsigner");
	/* A signer signs many things: which of them must be said. */
	if (hex == NULL || dj_toml_get(v, "isvprodid") == NULL)
		return dj_toml_fail(err, v->line, v->col,
			"%s: expected { mrsigner = \"...\", isvprodid = N, "
			"min-isvsvn = N }",
			key);
	st = dj_value_hex(hex, "mrsigner", s->mrsigner, 32, err);
	if (st == DJ_OK)
		st = dj_value_bound(v, "isvprodid", UINT16_MAX, &prodid, err);
	if (st == DJ_OK)
		st = dj_value_bound(v, "min-isvsvn", UINT16_MAX, &svn, err);
	s->line = v->line;
	s->isvprodid = (uint16_t)prodid.value;
	s->min_isvsvn = (uint16_t)svn.value;
	p->signer_count++;
	return st;
}

static dj_status add_status(void *ctx, const struct dj_toml_value *v,
	const char *key, struct dj_toml_error *err)
{
	struct dj_policy_sgx *p = ctx;
	const char *text = dj_toml_text(v), *near;
	const char *known[DJ_SGX_STATUSES + 1] = { NULL };
	enum dj_sgx_status s;

	if (dj_value_is(v, key, DJ_TOML_STRING, err) != DJ_OK)
		return DJ_E_INPUT;
	if (text != NULL && dj_sgx_status_of(text, &s) && s != DJ_SGX_REVOKED) {
		p->statuses.bits |= 1U << s;
		return DJ_OK;
	}
	for (int i = 0; i < DJ_SGX_REVOKED; i++)
		known[i] = dj_sgx_status_name((enum dj_sgx_status)i);
	near = text == NULL ? NULL : dj_suggest(text, known);
	return dj_toml_fail(err, v->line, v->col,
		"%s: expected a status that can be accepted, as \"%s\"", key,
		near == NULL ? known[0] : near);
}

static dj_status read_switches(struct dj_policy_sgx *p,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	const struct {
		const char *key;
		bool *on;
		unsigned *line;
	} all[] = {
		{ "debug", &p->debug.on, &p->debug.line },
		{ "provision-key", &p->provision_key.on,
			&p->provision_key.line },
		{ "einittoken-key", &p->einittoken_key.on,
			&p->einittoken_key.line },
		{ "smt", &p->smt.on, &p->smt.line },
	};
	dj_status st = DJ_OK;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && st == DJ_OK;
		i++) {
		const struct dj_toml_value *v;

		st = dj_value_member(t, all[i].key, DJ_TOML_BOOLEAN, &v, err);
		if (st != DJ_OK || v == NULL)
			continue;
		*all[i].on = v->boolean;
		*all[i].line = v->key_line;
	}
	return st;
}

/* KEY = "any", or a list. */
static dj_status read_any(const struct dj_toml_value *t, const char *key,
	size_t size, bool *ret_any, struct dj_policy_list *ret,
	struct dj_toml_error *err)
{
	const struct dj_toml_value *v = dj_toml_get(t, key);
	const char *text = dj_toml_text(v);

	*ret_any = text != NULL && strcmp(text, "any") == 0;
	if (!*ret_any)
		return dj_value_items(t, key, size, ret, err);
	ret->line = v->key_line;
	return DJ_OK;
}

static dj_status read_lists(struct dj_policy_sgx *p,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	const struct dj_toml_value *v = dj_toml_get(t, "tcb-status");
	dj_status st = DJ_OK;

	if (v != NULL) {
		p->statuses.line = v->key_line;
		p->statuses.bits = 0;
		st = dj_value_list(v, "tcb-status", add_status, p, err);
	}
	v = dj_toml_get(t, "signers");
	if (st == DJ_OK && v != NULL)
		st = dj_value_list(v, "signers", add_signer, p, err);
	if (st == DJ_OK)
		st = read_any(t, "advisories", 0, &p->any_advisory,
			&p->advisories, err);
	if (st == DJ_OK)
		st = read_any(t, "platforms", 16, &p->any_ppid, &p->ppids, err);
	if (st == DJ_OK)
		st = dj_value_items(t, "fmspc", 6, &p->fmspcs, err);
	if (st == DJ_OK)
		st = dj_value_items(t, "config-id", 64, &p->config_ids, err);
	if (st == DJ_OK)
		st = dj_value_items(t, "family-id", 16, &p->family_ids, err);
	if (st == DJ_OK)
		st = dj_value_items(t, "ext-prod-id", 16, &p->product_ids, err);
	return st;
}

static dj_status read_bounds(struct dj_policy_sgx *p,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	dj_status st = dj_value_bound(t, "min-isvsvn", UINT16_MAX,
		&p->min_isvsvn, err);

	if (st == DJ_OK)
		st = dj_value_bound(t, "min-tcb-evaluation", UINT32_MAX,
			&p->min_evaluation, err);
	if (st == DJ_OK)
		st = dj_value_bound(t, "xfrm", INT64_MAX, &p->xfrm, err);
	if (st == DJ_OK)
		st = dj_value_bound(t, "min-config-svn", UINT16_MAX,
			&p->min_config_svn, err);
	return st;
}

dj_status dj_policy_sgx_read(struct dj_policy_sgx *ret,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	static const char *const keys[] = { "signers", "debug", "provision-key",
		"einittoken-key", "smt", "tcb-status", "advisories",
		"min-isvsvn", "min-tcb-evaluation", "xfrm", "platforms",
		"fmspc", "config-id", "min-config-svn", "family-id",
		"ext-prod-id", NULL };
	dj_status st;

	memset(ret, 0, sizeof(*ret));
	ret->statuses.bits = 1U << DJ_SGX_UP_TO_DATE;
	ret->xfrm.value = DJ_POLICY_SGX_XFRM;
	ret->smt.on = true;
	if (t == NULL)
		return DJ_OK;
	ret->line = t->line;
	st = dj_toml_check_keys(t, "[sgx]", keys, err);
	if (st == DJ_OK)
		st = read_switches(ret, t, err);
	if (st == DJ_OK)
		st = read_lists(ret, t, err);
	if (st == DJ_OK)
		st = read_bounds(ret, t, err);
	return st;
}
