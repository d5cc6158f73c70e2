// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool value_parse(struct script *s, const json_t *v, union dj_value *ret)
{
	const char *type = text_of(v, "type");
	const char *text = text_of(v, "value");
	uint64_t n = strtoull(text, NULL, 10);

	memset(ret, 0, sizeof(*ret));
	if (strcmp(type, "i32") == 0 || strcmp(type, "f32") == 0) {
		ret->i32 = (uint32_t)n;
	} else if (strcmp(type, "i64") == 0 || strcmp(type, "f64") == 0) {
		ret->i64 = n;
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

static bool ref_matches(const char *name, const json_t *want, uint8_t type,
	union dj_value got)
{
	const json_t *value = json_object_get(want, "value");
	const char *text = text_of(want, "value");
	bool null = strncmp(name, "null", 4) == 0 ||
		strcmp(name, "refnull") == 0 || strcmp(text, "null") == 0;

	if (null)
		return got.ref == NULL;
	if (got.ref == NULL)
		return false;
	if (strcmp(name, "externref") == 0)
		return type == DJ_WASM_EXTERNREF &&
			(value == NULL || got.ref == extern_of(text));
	if (strcmp(name, "funcref") == 0)
		return type == DJ_WASM_FUNCREF;
	return true;
}

static bool either_matches(const json_t *want, uint8_t type, union dj_value got)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(want, "values"), i, one)
	{
		if (value_matches(one, type, got))
			return true;
	}
	return false;
}

bool value_matches(const json_t *want, uint8_t type, union dj_value got)
{
	const char *name = text_of(want, "type");
	const char *text = text_of(want, "value");

	if (strcmp(name, "either") == 0)
		return either_matches(want, type, got);
	if (strcmp(name, "i32") == 0)
		return type == DJ_WASM_I32 &&
			got.i32 == (uint32_t)strtoull(text, NULL, 10);
	if (strcmp(name, "i64") == 0)
		return type == DJ_WASM_I64 &&
			got.i64 == strtoull(text, NULL, 10);
	if (strcmp(name, "f32") == 0)
		return type == DJ_WASM_F32 &&
			float_matches(text, false, got.f32);
	if (strcmp(name, "f64") == 0)
		return type == DJ_WASM_F64 &&
			float_matches(text, true, got.f64);
	if (strstr(name, "ref") != NULL)
		return ref_matches(name, want, type, got);
	return false;
}

void value_print(char *dst, size_t cap, uint8_t type, union dj_value v)
{
	switch (type) {
	case DJ_WASM_I32:
		snprintf(dst, cap, "i32:%" PRIu32, v.i32);
		break;
	case DJ_WASM_I64:
		snprintf(dst, cap, "i64:%" PRIu64, v.i64);
		break;
	case DJ_WASM_F32:
		snprintf(dst, cap, "f32:0x%08" PRIx32, v.f32);
		break;
	case DJ_WASM_F64:
		snprintf(dst, cap, "f64:0x%016" PRIx64, v.f64);
		break;
	default:
		snprintf(dst, cap, "%s:%p",
			type == DJ_WASM_FUNCREF ? "funcref" : "ref", v.ref);
		break;
	}
}
