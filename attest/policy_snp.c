// SPDX-License-Identifier: Apache-2.0
#include "attest/policy_snp.h"

#include <stdio.h>
#include <string.h>

#include "attest/policy_value.h"
#include "attest/suggest.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define BIT(n)    (UINT64_C(1) << (n))
#define NUMBERS   32 /* of a set */
#define DAY       86400
#define CHIP_SIZE 64

const struct dj_policy_snp_demand dj_policy_snp_demands[DJ_SNP_SWITCHES] = {
	[DJ_SNP_DEBUG] = { .key = "debug",
		.policy_clear = BIT(DJ_SNP_POLICY_DEBUG) },
	[DJ_SNP_MIGRATION] = { .key = "migration",
		.policy_clear = BIT(DJ_SNP_POLICY_MIGRATE) },
	[DJ_SNP_SMT] = { .key = "smt",
		.preset = true,
		.policy_clear = BIT(DJ_SNP_POLICY_SMT),
		.info_clear = BIT(DJ_SNP_PLATFORM_SMT) },
	[DJ_SNP_SINGLE_SOCKET] = { .key = "single-socket",
		.when = true,
		.policy_set = BIT(DJ_SNP_POLICY_SINGLE_SOCKET) },
	[DJ_SNP_CXL] = { .key = "cxl",
		.preset = true,
		.policy_clear = BIT(DJ_SNP_POLICY_CXL) },
	[DJ_SNP_AES_256_XTS] = { .key = "aes-256-xts",
		.when = true,
		.policy_set = BIT(DJ_SNP_POLICY_AES_256_XTS) },
	[DJ_SNP_RAPL] = { .key = "rapl",
		.preset = true,
		.policy_set = BIT(DJ_SNP_POLICY_RAPL_DIS),
		.info_set = BIT(DJ_SNP_PLATFORM_RAPL_DIS) },
	[DJ_SNP_CIPHERTEXT_HIDING] = { .key = "ciphertext-hiding",
		.when = true,
		.policy_set = BIT(DJ_SNP_POLICY_CIPHERTEXT_HIDING),
		.info_set = BIT(DJ_SNP_PLATFORM_CIPHERTEXT_HIDING) },
	[DJ_SNP_PAGE_SWAP] = { .key = "page-swap",
		.preset = true,
		.policy_set = BIT(DJ_SNP_POLICY_PAGE_SWAP_DISABLE) },
	[DJ_SNP_ALIAS_CHECK] = { .key = "alias-check",
		.when = true,
		.info_set = BIT(DJ_SNP_PLATFORM_ALIAS_CHECK) },
	[DJ_SNP_TSME] = { .key = "tsme",
		.when = true,
		.info_set = BIT(DJ_SNP_PLATFORM_TSME) },
	[DJ_SNP_ECC] = { .key = "ecc",
		.when = true,
		.info_set = BIT(DJ_SNP_PLATFORM_ECC) },
	[DJ_SNP_PROVISIONAL] = { .key = "provisional", .preset = true },
	[DJ_SNP_MASKED_CHIP] = { .key = "masked-chip", .when = true },
};

/* Sets: a number, or a name that stands for one. */

static const char *const products[NUMBERS + 1] = { "milan", "genoa", "turin" };
static const char *const keys[NUMBERS + 1] = { "vcek", "vlek" };

struct set_reader {
	struct dj_policy_set *set;
	const char *const *names; /* NULL: numbers */
	int64_t min, max;
};

static dj_status add_to_set(void *ctx, const struct dj_toml_value *v,
	const char *key, struct dj_toml_error *err)
{
	const struct set_reader *r = ctx;
	const char *text = dj_toml_text(v);
	int64_t n = 0;

	if (r->names == NULL &&
		dj_value_number(v, key, r->min, r->max, &n, err) != DJ_OK)
		return DJ_E_INPUT;
	if (r->names != NULL) {
		if (dj_value_is(v, key, DJ_TOML_STRING, err) != DJ_OK)
			return DJ_E_INPUT;
		while (r->names[n] != NULL &&
			(text == NULL || strcmp(r->names[n], text) != 0))
			n++;
		if (r->names[n] == NULL)
			return dj_toml_fail(err, v->line, v->col,
				"%s: expected \"%s\", \"%s\"%s", key,
				r->names[0], r->names[1],
				r->names[2] == NULL ? "" : " or \"turin\"");
	}
	r->set->bits |= (uint32_t)1 << n;
	return DJ_OK;
}

static dj_status read_set(const struct dj_toml_value *t, const char *key,
	struct set_reader r, struct dj_toml_error *err)
{
	const struct dj_toml_value *v = dj_toml_get(t, key);

	if (v == NULL)
		return DJ_OK;
	r.set->line = v->key_line;
	r.set->bits = 0;
	return dj_value_list(v, key, add_to_set, &r, err);
}

static dj_status read_sets(struct dj_policy_snp *p,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	dj_status st = read_set(t, "products",
		(struct set_reader){ &p->products, products, 0, 0 }, err);

	if (st == DJ_OK)
		st = read_set(t, "signing-key",
			(struct set_reader){ &p->keys, keys, 0, 0 }, err);
	if (st == DJ_OK)
		st = read_set(t, "report-version",
			(struct set_reader){ &p->versions, NULL,
				DJ_SNP_VERSION_MIN, DJ_SNP_VERSION_MAX },
			err);
	if (st == DJ_OK)
		st = read_set(t, "vmpl",
			(struct set_reader){ &p->vmpl, NULL, 0, 3 }, err);
	return st;
}

/* Lists of byte strings; Turin's chips have names of 8 bytes, which reports
 * pad with zeros. */

static dj_status add_chip(void *ctx, const struct dj_toml_value *v,
	const char *key, struct dj_toml_error *err)
{
	struct dj_policy_list *l = ctx;
	size_t size = v->type == DJ_TOML_STRING && v->len == 16 ? 8 : CHIP_SIZE;

	if (l->count == DJ_POLICY_LIST_MAX)
		return dj_value_too_many(v, key, DJ_POLICY_LIST_MAX, err);
	return dj_value_hex(v, key, l->item[l->count++], size, err);
}

static dj_status read_lists(struct dj_policy_snp *p,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	const struct {
		const char *key;
		struct dj_policy_list *list;
		size_t size;
	} lists[] = {
		{ "host-data", &p->host_data, 32 },
		{ "id-key", &p->id_keys, 48 },
		{ "author-key", &p->author_keys, 48 },
		{ "family-id", &p->family_ids, 16 },
		{ "image-id", &p->image_ids, 16 },
		{ "csp", &p->csps, 0 },
	};
	const struct dj_toml_value *chips = dj_toml_get(t, "chips");
	const char *any = dj_toml_text(chips);
	dj_status st = DJ_OK;

	for (size_t i = 0; i < COUNT(lists) && st == DJ_OK; i++)
		st = dj_value_items(t, lists[i].key, lists[i].size,
			lists[i].list, err);
	if (st != DJ_OK || chips == NULL)
		return st;
	p->any_chip = any != NULL && strcmp(any, "any") == 0;
	p->chips.line = chips->key_line;
	return p->any_chip
		? DJ_OK
		: dj_value_list(chips, "chips", add_chip, &p->chips, err);
}

/* Numbers and the like. */

static dj_status read_tcb(const struct dj_toml_value *t, const char *key,
	struct dj_policy_snp_tcb *tcb, struct dj_toml_error *err)
{
	const char *names[DJ_SNP_TCB_PARTS + 1] = { NULL };
	const struct dj_toml_value *table, *v;
	dj_status st = dj_value_member(t, key, DJ_TOML_TABLE, &table, err);

	if (st != DJ_OK || table == NULL)
		return st;
	for (size_t i = 0; i < DJ_SNP_TCB_PARTS; i++)
		names[i] = dj_snp_tcb_name((enum dj_snp_tcb)i);
	st = dj_toml_check_keys(table, key, names, err);
	tcb->line = table->key_line;
	for (size_t i = 0; i < DJ_SNP_TCB_PARTS && st == DJ_OK; i++) {
		int64_t n = 0;

		v = dj_toml_get(table, names[i]);
		if (v != NULL)
			st = dj_value_number(v, names[i], 0, UINT8_MAX, &n,
				err);
		tcb->min[i] = (uint8_t)n;
	}
	return st;
}

/* Up to max, as decimal digits; moves on. */
static bool decimal(const char **s, unsigned max, unsigned *ret)
{
	unsigned v = 0;
	size_t n = 0;

	for (; **s >= '0' && **s <= '9' && v <= max; (*s)++, n++)
		v = v * 10 + (unsigned)(**s - '0');
	*ret = v;
	return n > 0 && v <= max;
}

/* "1.55.29" */
static dj_status read_firmware(struct dj_policy_snp *p,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	const struct dj_toml_value *v;
	dj_status st =
		dj_value_member(t, "min-firmware", DJ_TOML_STRING, &v, err);
	const char *s = dj_toml_text(v);
	bool good = s != NULL;

	if (st != DJ_OK || v == NULL)
		return st;
	p->min_firmware.line = v->key_line;
	for (int i = 0; i < 3 && good; i++) {
		unsigned n = 0;

		good = (i == 0 || *s++ == '.') && decimal(&s, 255, &n);
		p->min_firmware.value = p->min_firmware.value << 8 | n;
	}
	if (good && *s == '\0')
		return DJ_OK;
	return dj_toml_fail(err, v->line, v->col,
		"min-firmware: expected \"MAJOR.MINOR.BUILD\"");
}

/* "30d" or "12h" */
static dj_status read_age(struct dj_policy_snp *p,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	const struct dj_toml_value *v;
	dj_status st =
		dj_value_member(t, "max-crl-age", DJ_TOML_STRING, &v, err);
	const char *s = dj_toml_text(v);
	unsigned n = 0;

	if (st != DJ_OK || v == NULL)
		return st;
	p->max_crl_age.line = v->key_line;
	if (s != NULL && decimal(&s, 100000, &n) && n > 0 &&
		(strcmp(s, "d") == 0 || strcmp(s, "h") == 0)) {
		p->max_crl_age.value = (uint64_t)n * (*s == 'd' ? DAY : 3600);
		return DJ_OK;
	}
	return dj_toml_fail(err, v->line, v->col,
		"max-crl-age: expected days or hours, as \"30d\" or \"12h\"");
}

static dj_status read_numbers(struct dj_policy_snp *p,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	dj_status st = read_tcb(t, "min-tcb", &p->min_tcb, err);

	for (size_t i = 0; i < DJ_SNP_PRODUCTS && st == DJ_OK; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "min-tcb-%s", products[i]);
		st = read_tcb(t, key, &p->min_tcb_of[i], err);
	}
	if (st == DJ_OK)
		st = dj_value_bound(t, "min-guest-svn", UINT32_MAX,
			&p->min_guest_svn, err);
	if (st == DJ_OK)
		st = dj_value_bound(t, "mit-vector", INT64_MAX, &p->mit_vector,
			err);
	if (st == DJ_OK)
		st = read_firmware(p, t, err);
	if (st == DJ_OK)
		st = read_age(p, t, err);
	return st;
}

static void set_defaults(struct dj_policy_snp *p)
{
	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < DJ_SNP_SWITCHES; i++)
		p->is[i].on = dj_policy_snp_demands[i].preset;
	p->products.bits = (1U << DJ_SNP_PRODUCTS) - 1;
	p->keys.bits = 1U << DJ_SNP_KEY_VCEK | 1U << DJ_SNP_KEY_VLEK;
	for (unsigned v = DJ_SNP_VERSION_MIN; v <= DJ_SNP_VERSION_MAX; v++)
		p->versions.bits |= 1U << v;
	p->vmpl.bits = 1;
}

static dj_status check_names(const struct dj_toml_value *t,
	struct dj_toml_error *err)
{
	static const char *const others[] = { "products", "signing-key",
		"report-version", "vmpl", "min-tcb", "min-tcb-milan",
		"min-tcb-genoa", "min-tcb-turin", "min-firmware",
		"min-guest-svn", "mit-vector", "max-crl-age", "chips",
		"host-data", "id-key", "author-key", "family-id", "image-id",
		"csp" };
	const char *names[COUNT(others) + DJ_SNP_SWITCHES + 1] = { NULL };

	memcpy(names, others, sizeof(others));
	for (size_t i = 0; i < DJ_SNP_SWITCHES; i++)
		names[COUNT(others) + i] = dj_policy_snp_demands[i].key;
	return dj_toml_check_keys(t, "[snp]", names, err);
}

dj_status dj_policy_snp_read(struct dj_policy_snp *ret,
	const struct dj_toml_value *t, struct dj_toml_error *err)
{
	dj_status st;

	set_defaults(ret);
	if (t == NULL)
		return DJ_OK;
	ret->line = t->line;
	st = check_names(t, err);
	for (size_t i = 0; i < DJ_SNP_SWITCHES && st == DJ_OK; i++) {
		const struct dj_toml_value *v;

		st = dj_value_member(t, dj_policy_snp_demands[i].key,
			DJ_TOML_BOOLEAN, &v, err);
		if (st != DJ_OK || v == NULL)
			continue;
		ret->is[i].on = v->boolean;
		ret->is[i].line = v->key_line;
	}
	if (st == DJ_OK)
		st = read_sets(ret, t, err);
	if (st == DJ_OK)
		st = read_lists(ret, t, err);
	if (st == DJ_OK)
		st = read_numbers(ret, t, err);
	return st;
}

const struct dj_policy_snp_tcb *dj_policy_snp_min(const struct dj_policy_snp *p,
	enum dj_snp_product product)
{
	if (p->min_tcb_of[product].line != 0)
		return &p->min_tcb_of[product];
	return p->min_tcb.line != 0 ? &p->min_tcb : NULL;
}
