// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/config.h"
#include "lib/base/rd.h"
#include "lib/base/wr.h"

#define MAGIC     0x4b434631 /* "KCF1" */
#define ALL_FLAGS (DJ_CONFIG_OWNER | DJ_CONFIG_RECEIPTS | DJ_CONFIG_TRUSTEE)

enum tag {
	TAG_MEMORY = 1,
	TAG_TIME = 2,
};

static bool is_sound(const struct dj_config *c)
{
	uint8_t any = 0;

	for (size_t i = 0; i < sizeof(c->owner); i++)
		any |= c->owner[i];
	return (c->flags & ~ALL_FLAGS) == 0 &&
		((c->flags & DJ_CONFIG_OWNER) != 0) == (any != 0) &&
		c->time_policy <= DJ_TIME_CLIENT && c->total_memory != 0 &&
		(c->time_policy == DJ_TIME_FIXED || c->time_ns == 0);
}

static dj_status read_item(struct dj_rd v, uint16_t tag, struct dj_config *c,
	unsigned *seen)
{
	if (tag != TAG_MEMORY && tag != TAG_TIME)
		return DJ_OK;
	if ((*seen & 1u << tag) != 0)
		return DJ_E_INPUT;
	*seen |= 1u << tag;
	if (tag == TAG_MEMORY) {
		c->total_memory = dj_rd_u64be(&v);
		return dj_rd_end(&v);
	}
	c->time_policy = dj_rd_u8(&v);
	if (c->time_policy == DJ_TIME_FIXED)
		c->time_ns = dj_rd_u64be(&v);
	return dj_rd_end(&v);
}

dj_status dj_config_parse(const uint8_t *buf, size_t len, struct dj_config *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_config c = { .total_memory = DJ_CONFIG_MEMORY_DEFAULT };
	unsigned seen = 0;

	if (len > DJ_CONFIG_MAX)
		return DJ_E_LIMIT;
	if (dj_rd_u32be(&r) != MAGIC)
		dj_rd_fail(&r, DJ_E_INPUT);
	c.flags = dj_rd_u16be(&r);
	dj_rd_zero(&r, 2);
	dj_rd_copy(&r, c.owner, sizeof(c.owner));
	c.max_memory_pages = dj_rd_u32be(&r);
	c.max_module_bytes = dj_rd_u32be(&r);
	while (r.left > 0) {
		uint16_t tag = dj_rd_u16be(&r);
		uint16_t n = dj_rd_u16be(&r);
		const uint8_t *p = dj_rd_bytes(&r, n);

		if (p != NULL &&
			read_item(dj_rd_of(p, n), tag, &c, &seen) != DJ_OK)
			dj_rd_fail(&r, DJ_E_INPUT);
	}
	if (!is_sound(&c))
		dj_rd_fail(&r, DJ_E_INPUT);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = c;
	return DJ_OK;
}

dj_status dj_config_write(const struct dj_config *c, uint8_t *dst, size_t cap,
	size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);

	if (!is_sound(c))
		return DJ_E_INPUT;
	dj_wr_u32be(&w, MAGIC);
	dj_wr_u16be(&w, c->flags);
	dj_wr_zero(&w, 2);
	dj_wr_bytes(&w, c->owner, sizeof(c->owner));
	dj_wr_u32be(&w, c->max_memory_pages);
	dj_wr_u32be(&w, c->max_module_bytes);
	if (c->total_memory != DJ_CONFIG_MEMORY_DEFAULT) {
		dj_wr_u16be(&w, TAG_MEMORY);
		dj_wr_u16be(&w, 8);
		dj_wr_u64be(&w, c->total_memory);
	}
	if (c->time_policy != DJ_TIME_HOST) {
		bool is_fixed = c->time_policy == DJ_TIME_FIXED;

		dj_wr_u16be(&w, TAG_TIME);
		dj_wr_u16be(&w, is_fixed ? 9 : 1);
		dj_wr_u8(&w, c->time_policy);
		if (is_fixed)
			dj_wr_u64be(&w, c->time_ns);
	}
	return dj_wr_end(&w, ret_len);
}
