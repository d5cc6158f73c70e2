// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/engine/gc.h"
#include "tests/spectest/spectest.h"

static const char *text_of(const json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));

	return s == NULL ? "" : s;
}

/* externref N is any pointer that is not NULL and tells N. */
static void *extern_of(const char *text)
{
	return (void *)(uintptr_t)(strtoull(text, NULL, 10) + 1);
}

/* Lanes of a v128: their width in bits, and are they floats? */
static unsigned lane_bits(const json_t *v, bool *ret_float)
{
	const char *type = text_of(v, "lane_type");

	*ret_float = type[0] == 'f';
	return (unsigned)strtoul(type[0] == '\0' ? "8" : type + 1, NULL, 10);
}

static uint64_t parse_lane(const char *text)
{
	return text[0] == '-' ? (uint64_t)strtoll(text, NULL, 10)
			      : strtoull(text, NULL, 10);
}

static void parse_lanes(const json_t *v, union dj_value ret[2])
{
	const json_t *lane;
	bool is_float;
	unsigned bits = lane_bits(v, &is_float);
	uint8_t bytes[16] = { 0 };
	size_t i;

	json_array_foreach(json_object_get(v, "value"), i, lane)
	{
		const char *text = json_string_value(lane);
		uint64_t n = parse_lane(text == NULL ? "" : text);

		if ((i + 1) * bits <= 128)
			memcpy(bytes + i * bits / 8, &n, bits / 8);
	}
	memcpy(&ret[0].i64, bytes, 8);
	memcpy(&ret[1].i64, bytes + 8, 8);
}

bool value_parse(struct script *s, const json_t *v, union dj_value ret[2],
	size_t *ret_count)
{
	const char *type = text_of(v, "type");
	const char *text = text_of(v, "value");
	uint64_t n = strtoull(text, NULL, 10);

	memset(ret, 0, sizeof(*ret));
	*ret_count = 1;
	if (strcmp(type, "i32") == 0 || strcmp(type, "f32") == 0) {
		ret->i32 = (uint32_t)n;
	} else if (strcmp(type, "i64") == 0 || strcmp(type, "f64") == 0) {
		ret->i64 = n;
	} else if (strcmp(type, "v128") == 0) {
		parse_lanes(v, ret);
		*ret_count = 2;
	} else if (strcmp(type, "refnull") == 0 || strcmp(text, "null") == 0) {
		ret->ref = NULL;
	} else if (strcmp(type, "externref") == 0) {
		ret->ref = extern_of(text);
	} else {
		snprintf(s->why, sizeof(s->why), "arguments of type %s", type);
		return false;
	}
	return true;
}

static bool float_matches(const char *text, bool is64, uint64_t bits)
{
	uint64_t quiet = is64 ? 0x7ff8000000000000 : 0x7fc00000;
	uint64_t sign = is64 ? UINT64_C(1) << 63 : UINT64_C(1) << 31;

	if (strcmp(text, "nan:canonical") == 0)
		return (bits & ~sign) == quiet;
	if (strcmp(text, "nan:arithmetic") == 0)
		return (bits & quiet) == quiet;
	return bits == strtoull(text, NULL, 10);
}

/* "anyref" and so on: what there is inside. */
static bool is_of(const struct dj_store *store, const char *name, uint64_t ref)
{
	static const struct {
		const char *name;
		uint32_t type;
	} names[] = { { "anyref", DJ_WASM_ANYREF }, { "eqref", DJ_WASM_EQREF },
		{ "i31ref", DJ_WASM_I31REF },
		{ "structref", DJ_WASM_STRUCTREF },
		{ "arrayref", DJ_WASM_ARRAYREF },
		{ "exnref", DJ_WASM_EXNREF } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i].name) == 0)
			return dj_ref_is(store, ref, names[i].type);
	return false;
}

static bool ref_matches(const struct dj_store *store, const char *name,
	const json_t *want, uint32_t type, union dj_value got)
{
	const json_t *value = json_object_get(want, "value");
	const char *text = text_of(want, "value");
	uint32_t heap = type & ~DJ_WASM_NON_NULL;
	bool null = strncmp(name, "null", 4) == 0 ||
		strcmp(name, "refnull") == 0 || strcmp(text, "null") == 0;

	if (null)
		return got.ref == NULL;
	if (got.ref == NULL)
		return false;
	if (strcmp(name, "externref") == 0)
		return heap == DJ_WASM_EXTERNREF &&
			(value == NULL || got.ref == extern_of(text));
	if (strcmp(name, "funcref") == 0)
		return heap == DJ_WASM_FUNCREF || dj_wasm_is_typed(heap);
	return is_of(store, name, got.i64);
}

static bool lanes_match(const json_t *want, const union dj_value got[2])
{
	const json_t *lane;
	bool is_float;
	unsigned bits = lane_bits(want, &is_float);
	uint8_t bytes[16];
	size_t i;

	memcpy(bytes, &got[0].i64, 8);
	memcpy(bytes + 8, &got[1].i64, 8);
	json_array_foreach(json_object_get(want, "value"), i, lane)
	{
		const char *text = json_string_value(lane);
		uint64_t have = 0, due;

		if (text == NULL || (i + 1) * bits > 128)
			return false;
		memcpy(&have, bytes + i * bits / 8, bits / 8);
		due = parse_lane(text);
		if (is_float && strncmp(text, "nan:", 4) == 0) {
			if (!float_matches(text, bits == 64, have))
				return false;
		} else if (memcmp(&have, &due, bits / 8) != 0) {
			return false;
		}
	}
	return true;
}

static bool either_matches(const struct dj_store *store, const json_t *want,
	uint32_t type, const union dj_value got[2])
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(want, "values"), i, one)
	{
		if (value_matches(store, one, type, got))
			return true;
	}
	return false;
}

bool value_matches(const struct dj_store *store, const json_t *want,
	uint32_t type, const union dj_value got[2])
{
	const char *name = text_of(want, "type");
	const char *text = text_of(want, "value");

	if (strcmp(name, "either") == 0)
		return either_matches(store, want, type, got);
	if (strcmp(name, "i32") == 0)
		return type == DJ_WASM_I32 &&
			got[0].i32 == (uint32_t)strtoull(text, NULL, 10);
	if (strcmp(name, "i64") == 0)
		return type == DJ_WASM_I64 &&
			got[0].i64 == strtoull(text, NULL, 10);
	if (strcmp(name, "f32") == 0)
		return type == DJ_WASM_F32 &&
			float_matches(text, false, got[0].f32);
	if (strcmp(name, "f64") == 0)
		return type == DJ_WASM_F64 &&
			float_matches(text, true, got[0].f64);
	if (strcmp(name, "v128") == 0)
		return type == DJ_WASM_V128 && lanes_match(want, got);
	if (strstr(name, "ref") != NULL)
		return ref_matches(store, name, want, type, got[0]);
	return false;
}

void value_print(char *dst, size_t cap, uint32_t type,
	const union dj_value v[2])
{
	switch (type) {
	case DJ_WASM_I32:
		snprintf(dst, cap, "i32:%" PRIu32, v[0].i32);
		break;
	case DJ_WASM_I64:
		snprintf(dst, cap, "i64:%" PRIu64, v[0].i64);
		break;
	case DJ_WASM_F32:
		snprintf(dst, cap, "f32:0x%08" PRIx32, v[0].f32);
		break;
	case DJ_WASM_F64:
		snprintf(dst, cap, "f64:0x%016" PRIx64, v[0].f64);
		break;
	case DJ_WASM_V128:
		snprintf(dst, cap, "v128:0x%016" PRIx64 "%016" PRIx64, v[1].i64,
			v[0].i64);
		break;
	default:
		snprintf(dst, cap, "%s:%p",
			type == DJ_WASM_FUNCREF ? "funcref" : "ref", v[0].ref);
		break;
	}
}
