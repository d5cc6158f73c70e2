// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: what dj_begin_parse() accepted, dj_begin_next() reads without a
 * failure; both go through read_item().
 */
#include "lib/proto/begin.h"
#include "lib/base/rd.h"
#include "lib/proto/record.h"

#define IGNORED_TAG 0x8000

/* Numbers in use, one bit a stream. */
struct stream_set {
	uint64_t word[4];
};

static bool add_stream(struct stream_set *s, uint8_t stream)
{
	uint64_t bit = UINT64_C(1) << (stream % 64);
	bool is_new = (s->word[stream / 64] & bit) == 0;

	s->word[stream / 64] |= bit;
	return is_new;
}

/* The offset of the first byte c, len if there is none. */
static size_t find(const char *p, size_t len, char c)
{
	size_t i = 0;

	while (i < len && p[i] != c)
		i++;
	return i;
}

static void read_text(struct dj_rd *r, bool may_be_empty,
	struct dj_begin_item *item)
{
	item->text_len = r->left;
	item->text = (const char *)dj_rd_bytes(r, r->left);
	if (r->err != DJ_OK)
		return;
	if ((item->text_len == 0 && !may_be_empty) ||
		find(item->text, item->text_len, '\0') != item->text_len)
		dj_rd_fail(r, DJ_E_INPUT);
}

static void read_env(struct dj_rd *r, struct dj_begin_item *item)
{
	size_t eq;

	read_text(r, false, item);
	if (r->err != DJ_OK)
		return;
	eq = find(item->text, item->text_len, '=');
	if (eq == 0 || eq == item->text_len)
		dj_rd_fail(r, DJ_E_INPUT);
}

static void read_preopen(struct dj_rd *r, struct dj_begin_item *item)
{
	bool has_tree;

	item->kind = dj_rd_u8(r);
	item->flags = dj_rd_u8(r);
	item->stream = dj_rd_u8(r);
	dj_rd_zero(r, 1);
	read_text(r, false, item);

	has_tree = item->kind != DJ_PREOPEN_MEMORY;
	if (item->kind < DJ_PREOPEN_TREE || item->kind > DJ_PREOPEN_OVERLAY ||
		(item->flags & ~DJ_PREOPEN_RETURN) != 0)
		dj_rd_fail(r, DJ_E_INPUT);
	if (has_tree ? item->stream < DJ_STREAM_TREE_FIRST ||
				item->stream > DJ_STREAM_TREE_LAST
		     : item->stream != 0)
		dj_rd_fail(r, DJ_E_INPUT);
}

static void read_stream(struct dj_rd *r, struct dj_begin_item *item)
{
	item->stream = dj_rd_u8(r);
	item->dir = dj_rd_u8(r);
	read_text(r, false, item);
	if (item->stream < DJ_STREAM_NAMED || item->dir < DJ_DIR_IN ||
		item->dir > DJ_DIR_BOTH)
		dj_rd_fail(r, DJ_E_INPUT);
}

static void read_limits(struct dj_rd *r, struct dj_limits *l)
{
	l->fuel = dj_rd_u64be(r);
	l->wall_ms = dj_rd_u64be(r);
	l->open_files = dj_rd_u32be(r);
	l->call_depth = dj_rd_u32be(r);
}

/* One item's value; tag 0 in *ret for one that is to be ignored. */
static dj_status read_item(struct dj_rd v, uint16_t tag,
	struct dj_begin_item *ret, struct dj_limits *ret_limits)
{
	*ret = (struct dj_begin_item){ .tag = (enum dj_begin_tag)tag };
	switch (tag) {
	case DJ_BEGIN_ARG:
		read_text(&v, true, ret);
		break;
	case DJ_BEGIN_ENV:
		read_env(&v, ret);
		break;
	case DJ_BEGIN_PREOPEN:
		read_preopen(&v, ret);
		break;
	case DJ_BEGIN_STREAM:
		read_stream(&v, ret);
		break;
	case DJ_BEGIN_LIMITS:
		read_limits(&v, ret_limits);
		break;
	default:
		if (tag < IGNORED_TAG)
			return DJ_E_UNSUPPORTED;
		ret->tag = 0;
		return DJ_OK;
	}
	return dj_rd_end(&v);
}

static bool name_taken(const struct dj_begin *b, const uint8_t *items,
	const struct dj_begin_item *item)
{
	struct dj_begin so_far = { .items = items, .items_len = b->items_len };
	struct dj_begin_item other;
	size_t at = 0;

	while (dj_begin_next(&so_far, &at, &other))
		if (other.tag == DJ_BEGIN_STREAM &&
			other.text_len == item->text_len &&
			memcmp(other.text, item->text, item->text_len) == 0)
			return true;
	return false;
}

/* Counts an item; b->items_len is what was read before it. */
static dj_status count(struct dj_begin *b, const struct dj_begin_item *item,
	struct stream_set *used, bool *has_limits)
{
	if (item->stream != 0 && !add_stream(used, item->stream))
		return DJ_E_INPUT;
	if (item->tag == DJ_BEGIN_STREAM && name_taken(b, b->items, item))
		return DJ_E_INPUT;
	if (item->tag == DJ_BEGIN_LIMITS && *has_limits)
		return DJ_E_INPUT;
	*has_limits |= item->tag == DJ_BEGIN_LIMITS;
	b->arg_count += item->tag == DJ_BEGIN_ARG;
	b->env_count += item->tag == DJ_BEGIN_ENV;
	b->preopen_count += item->tag == DJ_BEGIN_PREOPEN;
	b->stream_count += item->tag == DJ_BEGIN_STREAM;
	if (item->tag == DJ_BEGIN_ARG)
		b->arg_bytes += item->text_len;
	if (item->tag == DJ_BEGIN_ENV)
		b->env_bytes += item->text_len;
	return DJ_OK;
}

dj_status dj_begin_parse(const uint8_t *buf, size_t len, struct dj_begin *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_begin b = { 0 };
	struct stream_set used = { { 0 } };
	bool has_limits = false;

	if (len > DJ_BEGIN_MAX)
		return DJ_E_LIMIT;
	b.module_len = dj_rd_u64be(&r);
	dj_rd_copy(&r, b.module_hash, sizeof(b.module_hash));
	b.format = dj_rd_u8(&r);
	if (b.format > DJ_MODULE_NATIVE)
		dj_rd_fail(&r, DJ_E_INPUT);
	dj_rd_zero(&r, 7);
	b.items = r.p;
	while (r.left > 0) {
		size_t before = r.left;
		struct dj_begin_item item;
		dj_status st;
		uint16_t tag = dj_rd_u16be(&r);
		uint16_t n = dj_rd_u16be(&r);
		const uint8_t *p = dj_rd_bytes(&r, n);

		if (p == NULL)
			break;
		st = read_item(dj_rd_of(p, n), tag, &item, &b.limits);
		if (st == DJ_OK)
			st = count(&b, &item, &used, &has_limits);
		if (st != DJ_OK)
			dj_rd_fail(&r, st);
		else
			b.items_len += before - r.left;
	}

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = b;
	return DJ_OK;
}

bool dj_begin_next(const struct dj_begin *b, size_t *at,
	struct dj_begin_item *ret)
{
	struct dj_limits ignored;

	while (*at < b->items_len) {
		struct dj_rd r = dj_rd_of(b->items + *at, b->items_len - *at);
		struct dj_begin_item item;
		uint16_t tag = dj_rd_u16be(&r);
		uint16_t n = dj_rd_u16be(&r);
		const uint8_t *p = dj_rd_bytes(&r, n);

		*at += 4 + (size_t)n;
		if (p == NULL ||
			read_item(dj_rd_of(p, n), tag, &item, &ignored) !=
				DJ_OK)
			return false;
		if (item.tag == 0 || item.tag == DJ_BEGIN_LIMITS)
			continue;
		*ret = item;
		return true;
	}
	return false;
}

/* ---- writing ---- */

static void write_item(struct dj_wr *w, enum dj_begin_tag tag,
	const uint8_t *head, size_t head_len, const char *p, size_t len)
{
	if (len > UINT16_MAX - head_len || w->len > DJ_BEGIN_MAX) {
		dj_wr_fail(w, DJ_E_LIMIT);
		return;
	}
	dj_wr_u16be(w, (uint16_t)tag);
	dj_wr_u16be(w, (uint16_t)(head_len + len));
	dj_wr_bytes(w, head, head_len);
	dj_wr_bytes(w, p, len);
	if (w->len > DJ_BEGIN_MAX)
		dj_wr_fail(w, DJ_E_LIMIT);
}

void dj_begin_write_head(struct dj_wr *w, uint64_t module_len,
	const uint8_t module_hash[static 32], enum dj_module_format format)
{
	dj_wr_u64be(w, module_len);
	dj_wr_bytes(w, module_hash, 32);
	dj_wr_u8(w, (uint8_t)format);
	dj_wr_zero(w, 7);
}

void dj_begin_write_arg(struct dj_wr *w, const char *p, size_t len)
{
	write_item(w, DJ_BEGIN_ARG, NULL, 0, p, len);
}

void dj_begin_write_env(struct dj_wr *w, const char *p, size_t len)
{
	write_item(w, DJ_BEGIN_ENV, NULL, 0, p, len);
}

void dj_begin_write_preopen(struct dj_wr *w, enum dj_preopen_kind kind,
	uint8_t flags, uint8_t stream, const char *path, size_t len)
{
	const uint8_t head[4] = { (uint8_t)kind, flags, stream, 0 };

	write_item(w, DJ_BEGIN_PREOPEN, head, sizeof(head), path, len);
}

void dj_begin_write_stream(struct dj_wr *w, uint8_t stream,
	enum dj_stream_dir dir, const char *name, size_t len)
{
	const uint8_t head[2] = { stream, (uint8_t)dir };

	write_item(w, DJ_BEGIN_STREAM, head, sizeof(head), name, len);
}

void dj_begin_write_limits(struct dj_wr *w, const struct dj_limits *l)
{
	uint8_t head[24];
	struct dj_wr v = dj_wr_of(head, sizeof(head));

	dj_wr_u64be(&v, l->fuel);
	dj_wr_u64be(&v, l->wall_ms);
	dj_wr_u32be(&v, l->open_files);
	dj_wr_u32be(&v, l->call_depth);
	write_item(w, DJ_BEGIN_LIMITS, head, sizeof(head), NULL, 0);
}
