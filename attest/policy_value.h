// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/toml.h"
#include "lib/base/status.h"

/* What the sections of the TEEs are made of. line 0: the key is not there. */
#define DJ_POLICY_LIST_MAX 64
#define DJ_POLICY_ITEM_MAX 64

/* Byte strings of one length, or texts with NUL; none: anything goes. */
struct dj_policy_list {
	unsigned line;
	size_t count;
	uint8_t item[DJ_POLICY_LIST_MAX][DJ_POLICY_ITEM_MAX];
};

/* Names or numbers as bits. */
struct dj_policy_set {
	unsigned line;
	uint32_t bits;
};

struct dj_policy_number {
	unsigned line;
	uint64_t value;
};

/*
 * Values of the types that a policy is made of. Every failure is an error in
 * *err with the value's place and the key's name.
 */
dj_status dj_value_is(const struct dj_toml_value *v, const char *key,
	enum dj_toml_type type, struct dj_toml_error *err);

/* The member, of this type; DJ_OK and NULL if it is not there. */
dj_status dj_value_member(const struct dj_toml_value *table, const char *key,
	enum dj_toml_type type, const struct dj_toml_value **ret,
	struct dj_toml_error *err);

/* 1 to cap - 1 bytes without control characters, and a NUL. */
dj_status dj_value_text(const struct dj_toml_value *v, const char *key,
	char *dst, size_t cap, struct dj_toml_error *err);

/* Exactly 2 * len hexadecimal digits. */
dj_status dj_value_hex(const struct dj_toml_value *v, const char *key,
	uint8_t *dst, size_t len, struct dj_toml_error *err);

/* An integer of min to max. */
dj_status dj_value_number(const struct dj_toml_value *v, const char *key,
	int64_t min, int64_t max, int64_t *ret, struct dj_toml_error *err);

/*
 * A value or an array of at least one: calls each for all of them, stopping
 * at the first failure.
 */
typedef dj_status dj_value_each(void *ctx, const struct dj_toml_value *v,
	const char *key, struct dj_toml_error *err);
dj_status dj_value_list(const struct dj_toml_value *v, const char *key,
	dj_value_each *each, void *ctx, struct dj_toml_error *err);

/* The member, if it is there: byte strings of that size in hexadecimal (0:
 * texts), one or an array. */
dj_status dj_value_items(const struct dj_toml_value *table, const char *key,
	size_t size, struct dj_policy_list *ret, struct dj_toml_error *err);
/* The member, if it is there: an integer of 0 to max. */
dj_status dj_value_bound(const struct dj_toml_value *table, const char *key,
	int64_t max, struct dj_policy_number *ret, struct dj_toml_error *err);
/* Is the item, of that length, in the list? */
bool dj_policy_lists(const struct dj_policy_list *l, const void *item,
	size_t len);

/* DJ_E_LIMIT: "KEY: more than MAX". */
dj_status dj_value_too_many(const struct dj_toml_value *v, const char *key,
	size_t max, struct dj_toml_error *err);
