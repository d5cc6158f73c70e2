// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: a live chain's aead and iv are those of number's epoch, and no
 * earlier secret exists any more. One more erasure than the protocol asks
 * for: S[e] is replaced by S[e+1] as soon as S[e]'s key and iv are made, so
 * that a live chain never holds what its present key came from.
 */
#include <string.h>

#include "lib/base/break.h"
#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/crypto/burn.h"
#include "lib/crypto/ct.h"
#include "lib/crypto/hmac.h"
#include "lib/proto/frame.h"
#include "lib/session/chain.h"
#include "lib/session/keys.h"

#define KEY_LABEL  "keep-session-v1 key"
#define IV_LABEL   "keep-session-v1 iv"
#define NEXT_LABEL "keep-session-v1 next"

static void expand(const struct dj_key *s, const char *label, void *dst,
	size_t len)
{
	dj_hkdf_expand(s, label, strlen(label), dst, len);
}

/* Turns S[e] into key and iv of epoch e, and S[e+1]. */
static void enter_epoch(struct dj_chain *c)
{
	DJ_SECRET struct dj_key key, next;

	expand(&c->secret, KEY_LABEL, key.b, sizeof(key.b));
	expand(&c->secret, IV_LABEL, c->iv, sizeof(c->iv));
	expand(&c->secret, NEXT_LABEL, next.b, sizeof(next.b));
	dj_aead_init(&c->aead, c->alg, &key);
	c->secret = next;
	dj_burn_stack();
}

dj_status dj_chain_init(struct dj_chain *c, uint16_t suite,
	const struct dj_key *secret)
{
	dj_status st;

	memset(c, 0, sizeof(*c));
	st = dj_suite_aead(suite, &c->alg);
	if (st != DJ_OK)
		return st;
	c->secret = *secret;
	enter_epoch(c);
	c->is_live = true;
	return DJ_OK;
}

void dj_chain_done(struct dj_chain *c)
{
	dj_wipe(c, sizeof(*c));
}

static bool is_usable(const struct dj_chain *c)
{
	return c->is_live && c->number < DJ_CHAIN_MAX;
}

static void nonce_of(const struct dj_chain *c, uint8_t ret[static 12])
{
	uint64_t n = c->number;

	DJ_BREAK(8, n &= ~UINT64_C(1));
	memcpy(ret, c->iv, sizeof(c->iv));
	for (size_t i = sizeof(c->iv); i > 4; i--, n >>= 8)
		ret[i - 1] ^= (uint8_t)n;
}

static void advance(struct dj_chain *c)
{
	c->number++;
	if (c->number >> DJ_CHAIN_EPOCH_BITS != c->epoch) {
		c->epoch = c->number >> DJ_CHAIN_EPOCH_BITS;
		enter_epoch(c);
	}
}

dj_status dj_chain_frame_size(size_t len, uint8_t minclass, size_t *ret_size)
{
	uint8_t class;
	dj_status st;

	st = dj_class_of(len, minclass, &class);
	if (st != DJ_OK)
		return st;
	*ret_size = DJ_FRAME_HEADER + dj_class_size(class) + DJ_RECORD_TAG;
	return DJ_OK;
}

dj_status dj_chain_seal(struct dj_chain *c, enum dj_kind kind, uint8_t stream,
	uint64_t off, const void *data, size_t len, uint8_t minclass,
	uint8_t *dst, size_t cap, size_t *ret_len)
{
	uint8_t *text = dst + DJ_FRAME_HEADER;
	uint8_t nonce[DJ_AEAD_NONCE];
	size_t size, text_len;
	struct dj_wr w;
	dj_status st;

	if (!is_usable(c))
		return DJ_E_STATE;
	st = dj_chain_frame_size(len, minclass, &size);
	if (st != DJ_OK)
		return st;
	if (size > cap)
		return DJ_E_LIMIT;
	text_len = size - DJ_FRAME_HEADER - DJ_RECORD_TAG;

	if (len > 0 && data != dst + DJ_CHAIN_DATA_OFF)
		memmove(dst + DJ_CHAIN_DATA_OFF, data, len);
	memset(dst + DJ_CHAIN_DATA_OFF + len, 0,
		text_len - DJ_INNER_HEADER - len);
	dj_frame_write(dst, DJ_FRAME_RECORD,
		(uint32_t)(text_len + DJ_RECORD_TAG));
	w = dj_wr_of(text, DJ_INNER_HEADER);
	dj_wr_u8(&w, (uint8_t)kind);
	dj_wr_u8(&w, stream);
	dj_wr_zero(&w, 2);
	dj_wr_u32be(&w, (uint32_t)len);
	dj_wr_u64be(&w, off);

	nonce_of(c, nonce);
	dj_aead_seal(&c->aead, nonce, dst, DJ_FRAME_HEADER, text, text_len,
		text + text_len);
	dj_wipe(nonce, sizeof(nonce));
	advance(c);
	*ret_len = size;
	return DJ_OK;
}

/*
 * Kind and length are what the caller branches on next; the padding's bytes
 * are looked at all, whatever was found before.
 */
static bool read_inner(uint8_t *text, size_t text_len, struct dj_inner *ret)
{
	struct dj_rd r = dj_rd_of(text, DJ_INNER_HEADER);
	struct dj_inner in;
	uint64_t word, any;
	bool is_good;
	size_t i;

	dj_ct_public(text, DJ_INNER_HEADER);
	in.kind = dj_rd_u8(&r);
	in.stream = dj_rd_u8(&r);
	any = dj_rd_u16be(&r);
	in.len = dj_rd_u32be(&r);
	in.off = dj_rd_u64be(&r);
	in.data = text + DJ_INNER_HEADER;
	if (in.len > text_len - DJ_INNER_HEADER)
		return false;
	for (i = DJ_INNER_HEADER + in.len; i < text_len && i % 8 != 0; i++)
		any |= text[i];
	for (; i < text_len; i += 8) {
		memcpy(&word, text + i, 8);
		any |= word;
	}
	is_good = any == 0;
	DJ_BREAK(13, is_good = true);
	dj_ct_public(&is_good, sizeof(is_good));
	if (!is_good)
		return false;
	*ret = in;
	return true;
}

enum dj_error dj_chain_open(struct dj_chain *c, uint8_t *frame, size_t len,
	struct dj_inner *ret)
{
	uint8_t nonce[DJ_AEAD_NONCE];
	struct dj_inner in;
	struct dj_frame f;
	uint8_t *text;
	size_t text_len;
	dj_status st;

	if (!is_usable(c) || len < DJ_FRAME_HEADER ||
		dj_frame_parse(frame, DJ_FRAME_BIT(DJ_FRAME_RECORD), &f) !=
			DJ_OK ||
		f.len != len - DJ_FRAME_HEADER || !dj_record_len_ok(f.len)) {
		dj_chain_done(c);
		return DJ_ERROR_BAD_RECORD;
	}
	text = frame + DJ_FRAME_HEADER;
	text_len = f.len - DJ_RECORD_TAG;
	nonce_of(c, nonce);
	st = dj_aead_open(&c->aead, nonce, frame, DJ_FRAME_HEADER, text,
		text_len, text + text_len);
	dj_wipe(nonce, sizeof(nonce));
	if (st != DJ_OK) {
		dj_chain_done(c);
		return DJ_ERROR_BAD_RECORD;
	}
	if (!read_inner(text, text_len, &in)) {
		dj_wipe(text, text_len);
		dj_chain_done(c);
		return DJ_ERROR_BAD_INNER;
	}
	advance(c);
	*ret = in;
	return DJ_ERROR_NONE;
}
