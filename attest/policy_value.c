// SPDX-License-Identifier: Apache-2.0
#include "attest/policy_value.h"

#include <stdbool.h>
#include <string.h>

dj_status dj_value_is(const struct dj_toml_value *v, const char *key,
	enum dj_toml_type type, struct dj_toml_error *err)
{
	if (v->type == type)
		return DJ_OK;
	return dj_toml_fail(err, v->line, v->col, "%s: expected %s %s, not %s",
		key,
		type == DJ_TOML_ARRAY || type == DJ_TOML_INTEGER ? "an" : "a",
		dj_toml_type_name(type), dj_toml_type_name(v->type));
}

dj_status dj_value_member(const struct dj_toml_value *table, const char *key,
	enum dj_toml_type type, const struct dj_toml_value **ret,
	struct dj_toml_error *err)
{
	*ret = dj_toml_get(table, key);
	return *ret == NULL ? DJ_OK : dj_value_is(*ret, key, type, err);
}

static bool is_printable(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	}
	return true;
}

dj_status dj_value_text(const struct dj_toml_value *v, const char *key,
	char *dst, size_t cap, struct dj_toml_error *err)
{
	const char *text = dj_toml_text(v);

	if (dj_value_is(v, key, DJ_TOML_STRING, err) != DJ_OK)
		return DJ_E_INPUT;
	if (text == NULL || v->len == 0 || v->len >= cap || !is_printable(text))
		return dj_toml_fail(err, v->line, v->col,
			"%s: expected 1 to %zu bytes of text without control "
			"characters",
			key, cap - 1);
	memcpy(dst, text, v->len + 1);
	return DJ_OK;
}

dj_status dj_value_hex(const struct dj_toml_value *v, const char *key,
	uint8_t *dst, size_t len, struct dj_toml_error *err)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *text = dj_toml_text(v);

	if (dj_value_is(v, key, DJ_TOML_STRING, err) != DJ_OK)
		return DJ_E_INPUT;
	if (text == NULL || v->len != 2 * len || strspn(text, digits) != v->len)
		return dj_toml_fail(err, v->line, v->col,
			"%s: expected %zu hexadecimal digits", key, 2 * len);
	memset(dst, 0, len);
	for (size_t i = 0; i < 2 * len; i++) {
		size_t d = (size_t)(strchr(digits, text[i]) - digits) % 16;

		dst[i / 2] = (uint8_t)(dst[i / 2] << 4 | d);
	}
	return DJ_OK;
}

dj_status dj_value_too_many(const struct dj_toml_value *v, const char *key,
	size_t max, struct dj_toml_error *err)
{
	(void)dj_toml_fail(err, v->line, v->col, "%s: more than %zu", key, max);
	return DJ_E_LIMIT;
}

dj_status dj_value_number(const struct dj_toml_value *v, const char *key,
	int64_t min, int64_t max, int64_t *ret, struct dj_toml_error *err)
{
	if (dj_value_is(v, key, DJ_TOML_INTEGER, err) != DJ_OK)
		return DJ_E_INPUT;
	if (v->integer < min || v->integer > max)
		return dj_toml_fail(err, v->line, v->col,
			"%s: expected %lld to %lld", key, (long long)min,
			(long long)max);
	*ret = v->integer;
	return DJ_OK;
}

dj_status dj_value_list(const struct dj_toml_value *v, const char *key,
	dj_value_each *each, void *ctx, struct dj_toml_error *err)
{
	dj_status st = DJ_OK;

	if (v->type != DJ_TOML_ARRAY)
		return each(ctx, v, key, err);
	if (v->count == 0)
		return dj_toml_fail(err, v->line, v->col,
			"%s: an empty list accepts nothing", key);
	for (v = v->first; v != NULL && st == DJ_OK; v = v->next)
		st = each(ctx, v, key, err);
	return st;
}

struct items {
	struct dj_policy_list *list;
	size_t size;
};

static dj_status add_item(void *ctx, const struct dj_toml_value *v,
	const char *key, struct dj_toml_error *err)
{
	const struct items *to = ctx;
	struct dj_policy_list *l = to->list;
	uint8_t *item;

	if (l->count == DJ_POLICY_LIST_MAX)
		return dj_value_too_many(v, key, DJ_POLICY_LIST_MAX, err);
	item = l->item[l->count++];
	return to->size == 0
		? dj_value_text(v, key, (char *)item, DJ_POLICY_ITEM_MAX, err)
		: dj_value_hex(v, key, item, to->size, err);
}

dj_status dj_value_items(const struct dj_toml_value *table, const char *key,
	size_t size, struct dj_policy_list *ret, struct dj_toml_error *err)
{
	const struct dj_toml_value *v = dj_toml_get(table, key);
	struct items to = { ret, size };

	if (v == NULL)
		return DJ_OK;
	ret->line = v->key_line;
	return dj_value_list(v, key, add_item, &to, err);
}

dj_status dj_value_bound(const struct dj_toml_value *table, const char *key,
	int64_t max, struct dj_policy_number *ret, struct dj_toml_error *err)
{
	const struct dj_toml_value *v = dj_toml_get(table, key);
	int64_t n = 0;

	if (v == NULL)
		return DJ_OK;
	if (dj_value_number(v, key, 0, max, &n, err) != DJ_OK)
		return DJ_E_INPUT;
	ret->line = v->key_line;
	ret->value = (uint64_t)n;
	return DJ_OK;
}

bool dj_policy_lists(const struct dj_policy_list *l, const void *item,
	size_t len)
{
	for (size_t i = 0; i < l->count; i++) {
		if (memcmp(l->item[i], item, len) == 0)
			return true;
	}
	return false;
}
