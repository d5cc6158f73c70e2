// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/reader.h"

struct dj_wasm_rd dj_wasm_rd_of(const uint8_t *bytes, size_t off, size_t len)
{
	return (struct dj_wasm_rd){
		.start = bytes,
		.p = bytes + off,
		.end = bytes + off + len,
		.st = DJ_OK,
		.features = DJ_WASM_ANY,
	};
}

static void fail(struct dj_wasm_rd *r, dj_status st, bool malformed,
	const char *text)
{
	if (r->st == DJ_OK) {
		r->st = st;
		r->err.offset = dj_wasm_rd_off(r);
		r->err.malformed = malformed;
		r->err.text = text;
	}
	r->p = r->end;
}

void dj_wasm_rd_malformed(struct dj_wasm_rd *r, const char *text)
{
	fail(r, DJ_E_INPUT, true, text);
}

void dj_wasm_rd_invalid(struct dj_wasm_rd *r, const char *text)
{
	fail(r, DJ_E_INPUT, false, text);
}

void dj_wasm_rd_refuse(struct dj_wasm_rd *r, dj_status st, const char *text)
{
	fail(r, st, false, text);
}

static const char *const feature_names[] = {
	[DJ_WASM_F_MVP] = "WebAssembly 1.0",
	[DJ_WASM_F_SIGN_EXT] = "sign extension",
	[DJ_WASM_F_SAT_TRUNC] = "saturating truncation",
	[DJ_WASM_F_MULTI_VALUE] = "multiple values",
	[DJ_WASM_F_BULK_MEMORY] = "bulk memory operations",
	[DJ_WASM_F_REF_TYPES] = "reference types",
	[DJ_WASM_F_SIMD] = "SIMD",
	[DJ_WASM_F_MUT_GLOBALS] = "import of mutable globals",
	[DJ_WASM_F_EXTENDED_CONST] = "extended constants",
	[DJ_WASM_F_TAIL_CALL] = "tail calls",
	[DJ_WASM_F_RELAXED_SIMD] = "relaxed SIMD",
	[DJ_WASM_F_MULTI_MEMORY] = "multiple memories",
	[DJ_WASM_F_MEMORY64] = "memory64",
	[DJ_WASM_F_FUNC_REFS] = "typed function references",
	[DJ_WASM_F_GC] = "garbage collection",
	[DJ_WASM_F_EXCEPTIONS] = "exception handling",
	[DJ_WASM_F_LEGACY_EXCEPTIONS] = "legacy exception handling",
	[DJ_WASM_F_WIDE_ARITHMETIC] = "wide arithmetic",
	[DJ_WASM_F_PAGE_SIZES] = "custom page sizes",
	[DJ_WASM_F_THREADS] = "threads",
};

bool dj_wasm_rd_needs(struct dj_wasm_rd *r, enum dj_wasm_feature f,
	const char *malformed)
{
	if (r->st != DJ_OK)
		return false;
	if (!dj_wasm_rd_knows(r, f))
		dj_wasm_rd_malformed(r, malformed);
	else if ((DJ_WASM_HAVE >> f & 1) == 0)
		dj_wasm_rd_refuse(r, DJ_E_UNSUPPORTED, feature_names[f]);
	return r->st == DJ_OK;
}

uint32_t dj_wasm_rd_u32_long(struct dj_wasm_rd *r)
{
	uint32_t v = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t b = dj_wasm_rd_u8(r);

		if (shift == 28 && (b & 0x80) != 0) {
			dj_wasm_rd_malformed(r,
				"integer representation too long");
			return 0;
		}
		if (shift == 28 && (b & 0x70) != 0) {
			dj_wasm_rd_malformed(r, "integer too large");
			return 0;
		}
		v |= (uint32_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0)
			break;
	}
	return v;
}

uint64_t dj_wasm_rd_u64(struct dj_wasm_rd *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t b = dj_wasm_rd_u8(r);

		if (shift == 63 && (b & 0x80) != 0) {
			dj_wasm_rd_malformed(r,
				"integer representation too long");
			return 0;
		}
		if (shift == 63 && b > 1) {
			dj_wasm_rd_malformed(r, "integer too large");
			return 0;
		}
		v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0)
			break;
	}
	return v;
}

/* The unused bits of the last byte must repeat the sign. */
static bool last_ok(uint8_t b, unsigned used)
{
	int top = (int8_t)(b << 1) >> used;

	return top == 0 || top == -1;
}

int64_t dj_wasm_rd_signed(struct dj_wasm_rd *r, unsigned bits)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = dj_wasm_rd_u8(r);
		if (bits - shift < 7) {
			if ((b & 0x80) != 0) {
				dj_wasm_rd_malformed(r,
					"integer representation too long");
				return 0;
			}
			if (!last_ok(b, bits - shift)) {
				dj_wasm_rd_malformed(r, "integer too large");
				return 0;
			}
		}
		v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while ((b & 0x80) != 0);
	if (shift < 64 && (b & 0x40) != 0)
		v |= ~(uint64_t)0 << shift;
	return (int64_t)v;
}

const uint8_t *dj_wasm_rd_bytes(struct dj_wasm_rd *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->st != DJ_OK || dj_wasm_rd_left(r) < len) {
		dj_wasm_rd_malformed(r, "unexpected end");
		return NULL;
	}
	r->p += len;
	return p;
}

uint64_t dj_wasm_rd_bits(struct dj_wasm_rd *r, size_t len)
{
	const uint8_t *p = dj_wasm_rd_bytes(r, len);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = len; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

/* Length of the sequence at p, or 0: overlong, surrogate, too large, cut. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	if (p[0] == 0xed)
		high = 0x9f;
	if (p[0] == 0xf0)
		low = 0x90;
	if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

bool dj_wasm_utf8_ok(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8_len(p + i, len - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

struct dj_wasm_name dj_wasm_rd_name(struct dj_wasm_rd *r)
{
	uint32_t len = dj_wasm_rd_u32(r);
	const uint8_t *p = dj_wasm_rd_bytes(r, len);

	if (p == NULL)
		return (struct dj_wasm_name){ .p = "", .len = 0 };
	if (!dj_wasm_utf8_ok(p, len))
		dj_wasm_rd_malformed(r, "malformed UTF-8 encoding");
	return (struct dj_wasm_name){ .p = (const char *)p, .len = len };
}

uint32_t dj_wasm_rd_count(struct dj_wasm_rd *r, size_t min)
{
	uint32_t n = dj_wasm_rd_u32(r);

	if (n > dj_wasm_rd_left(r) / min) {
		dj_wasm_rd_malformed(r, "unexpected end");
		return 0;
	}
	return n;
}
