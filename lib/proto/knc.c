// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/knc.h"

#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/wr.h"

static const char magic[4] = { 'K', 'N', 'C', '1' };

static bool is_printable(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	return true;
}

/* The named length's bytes, which must be there; NULL and a reason if not. */
static const uint8_t *part(struct dj_rd *r, uint64_t len, const char *text,
	const char **why)
{
	const uint8_t *p = NULL;

	if (r->err == DJ_OK && len > r->left) {
		*why = text;
		dj_rd_fail(r, DJ_E_INPUT);
	}
	if (r->err == DJ_OK)
		p = dj_rd_bytes(r, (size_t)len);
	return p;
}

dj_status dj_knc_parse(const uint8_t *buf, size_t len, struct dj_knc *ret,
	const char **ret_why)
{
	struct dj_rd r = dj_rd_of(buf, len);
	const uint8_t *m = dj_rd_bytes(&r, sizeof(magic)), *id;
	const char *why = "the envelope of native code is cut off";
	struct dj_knc k = { 0 };

	if (m != NULL && memcmp(m, magic, sizeof(magic)) != 0) {
		why = "not an envelope of native code";
		dj_rd_fail(&r, DJ_E_INPUT);
	}
	k.isa = dj_rd_u8(&r);
	k.bounds = dj_rd_u8(&r);
	k.cpu_level = dj_rd_u8(&r);
	if (dj_rd_u8(&r) != 0) {
		why = "the envelope's reserved byte is not zero";
		dj_rd_fail(&r, DJ_E_INPUT);
	}
	k.compiler_len = dj_rd_u32be(&r);
	if (k.compiler_len > DJ_KNC_ID_MAX) {
		why = "the compiler's name is too long";
		dj_rd_fail(&r, DJ_E_INPUT);
		k.compiler_len = 0;
	}
	id = dj_rd_bytes(&r, k.compiler_len);
	if (id != NULL && !is_printable(id, k.compiler_len)) {
		why = "the compiler's name is not text";
		dj_rd_fail(&r, DJ_E_INPUT);
	}
	k.compiler = (const char *)id;
	k.wasm_len = dj_rd_u64be(&r);
	dj_rd_copy(&r, k.wasm_hash, sizeof(k.wasm_hash));
	k.image_len = dj_rd_u64be(&r);
	dj_rd_copy(&r, k.image_hash, sizeof(k.image_hash));
	k.wasm = part(&r, k.wasm_len, "the envelope's Wasm is cut off", &why);
	k.image = part(&r, k.image_len, "the envelope's native code is cut off",
		&why);
	if (r.err == DJ_OK && r.left != 0)
		why = "something follows the native code";
	if (dj_rd_end(&r) != DJ_OK) {
		*ret_why = why;
		return r.err;
	}
	*ret = k;
	return DJ_OK;
}

dj_status dj_knc_write_head(const struct dj_knc *k, uint8_t *dst, size_t cap,
	size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);

	if (k->compiler_len > DJ_KNC_ID_MAX)
		return DJ_E_LIMIT;
	dj_wr_bytes(&w, magic, sizeof(magic));
	dj_wr_u8(&w, k->isa);
	dj_wr_u8(&w, k->bounds);
	dj_wr_u8(&w, k->cpu_level);
	dj_wr_u8(&w, 0);
	dj_wr_u32be(&w, (uint32_t)k->compiler_len);
	dj_wr_bytes(&w, k->compiler, k->compiler_len);
	dj_wr_u64be(&w, k->wasm_len);
	dj_wr_bytes(&w, k->wasm_hash, sizeof(k->wasm_hash));
	dj_wr_u64be(&w, k->image_len);
	dj_wr_bytes(&w, k->image_hash, sizeof(k->image_hash));
	return dj_wr_end(&w, ret_len);
}
