// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/offer.h"
#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/proto/hello.h"

enum info_tag {
	INFO_MAX_MODULE = 1,
	INFO_MAX_MEMORY = 2,
	INFO_FEATURES = 3,
	INFO_NATIVE = 4,
	INFO_CPU_LEVEL = 5,
};

const char *dj_tee_name(uint8_t tee)
{
	switch (tee) {
	case DJ_TEE_SGX:
		return "sgx";
	case DJ_TEE_SNP:
		return "snp";
	case DJ_TEE_TDX:
		return "tdx";
	case DJ_TEE_SANCTUM:
		return "sanctum";
	case DJ_TEE_PEF:
		return "pef";
	case DJ_TEE_KVM:
		return "kvm";
	case DJ_TEE_PROCESS:
		return "process";
	default:
		return NULL;
	}
}

dj_status dj_offer_parse(const uint8_t *buf, size_t len, struct dj_offer *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_offer o = { 0 };

	if (dj_rd_u32be(&r) != DJ_KSP_MAGIC)
		dj_rd_fail(&r, DJ_E_INPUT);
	o.suite = dj_rd_u16be(&r);
	if (!dj_suite_known(o.suite))
		dj_rd_fail(&r, DJ_E_INPUT);
	o.tee = dj_rd_u8(&r);
	o.state = dj_rd_u8(&r);
	if (o.state > DJ_KEEP_OWNED)
		dj_rd_fail(&r, DJ_E_INPUT);
	o.attach_no = dj_rd_u32be(&r);
	dj_rd_zero(&r, 4);
	dj_rd_copy(&r, o.keep_id, sizeof(o.keep_id));
	dj_rd_copy(&r, o.keep_nonce, sizeof(o.keep_nonce));
	dj_rd_copy(&r, o.config_hash, sizeof(o.config_hash));
	o.pk_len = dj_rd_u16be(&r);
	if (o.pk_len != dj_suite_pk_len(o.suite))
		dj_rd_fail(&r, DJ_E_INPUT);
	o.pk = dj_rd_bytes(&r, o.pk_len);
	o.info_len = dj_rd_u16be(&r);
	if (o.info_len > DJ_OFFER_INFO_MAX)
		dj_rd_fail(&r, DJ_E_INPUT);
	o.info = dj_rd_bytes(&r, o.info_len);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = o;
	return DJ_OK;
}

dj_status dj_offer_write(const struct dj_offer *o, uint8_t *dst, size_t cap,
	size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);

	if (!dj_suite_known(o->suite) || o->state > DJ_KEEP_OWNED ||
		o->pk_len != dj_suite_pk_len(o->suite) ||
		o->info_len > DJ_OFFER_INFO_MAX)
		return DJ_E_INPUT;
	dj_wr_u32be(&w, DJ_KSP_MAGIC);
	dj_wr_u16be(&w, o->suite);
	dj_wr_u8(&w, o->tee);
	dj_wr_u8(&w, o->state);
	dj_wr_u32be(&w, o->attach_no);
	dj_wr_zero(&w, 4);
	dj_wr_bytes(&w, o->keep_id, sizeof(o->keep_id));
	dj_wr_bytes(&w, o->keep_nonce, sizeof(o->keep_nonce));
	dj_wr_bytes(&w, o->config_hash, sizeof(o->config_hash));
	dj_wr_u16be(&w, (uint16_t)o->pk_len);
	dj_wr_bytes(&w, o->pk, o->pk_len);
	dj_wr_u16be(&w, (uint16_t)o->info_len);
	dj_wr_bytes(&w, o->info, o->info_len);
	return dj_wr_end(&w, ret_len);
}

static void read_native(struct dj_rd *r, struct dj_offer_info *info)
{
	info->native_isa = dj_rd_u8(r);
	info->native_bounds = dj_rd_u8(r);
	info->native_accepted = dj_rd_u8(r);
	dj_rd_zero(r, 5);
	if (info->native_isa < DJ_ISA_X86_64 ||
		info->native_isa > DJ_ISA_PPC64LE ||
		info->native_bounds > DJ_BOUNDS_GUARD ||
		info->native_accepted > 1)
		dj_rd_fail(r, DJ_E_INPUT);
}

/* Marks an item as seen; a second one is a failure. */
static void once(struct dj_rd *r, bool *has)
{
	if (*has)
		dj_rd_fail(r, DJ_E_INPUT);
	*has = true;
}

static dj_status read_item(struct dj_rd v, uint16_t tag,
	struct dj_offer_info *info)
{
	switch (tag) {
	case INFO_MAX_MODULE:
		once(&v, &info->has_max_module);
		info->max_module = dj_rd_u64be(&v);
		break;
	case INFO_MAX_MEMORY:
		once(&v, &info->has_max_memory);
		info->max_memory = dj_rd_u64be(&v);
		break;
	case INFO_FEATURES:
		once(&v, &info->has_features);
		info->features = dj_rd_u64be(&v);
		break;
	case INFO_NATIVE:
		once(&v, &info->has_native);
		read_native(&v, info);
		break;
	case INFO_CPU_LEVEL:
		once(&v, &info->has_cpu_level);
		info->cpu_level = dj_rd_u64be(&v);
		break;
	default:
		return DJ_OK;
	}
	return dj_rd_end(&v);
}

dj_status dj_offer_info_parse(const uint8_t *buf, size_t len,
	struct dj_offer_info *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_offer_info info = { 0 };

	if (len > DJ_OFFER_INFO_MAX)
		return DJ_E_LIMIT;
	while (r.left > 0) {
		uint16_t tag = dj_rd_u16be(&r);
		uint16_t n = dj_rd_u16be(&r);
		const uint8_t *p = dj_rd_bytes(&r, n);

		if (p != NULL && read_item(dj_rd_of(p, n), tag, &info) != DJ_OK)
			dj_rd_fail(&r, DJ_E_INPUT);
	}
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = info;
	return DJ_OK;
}

static void write_u64(struct dj_wr *w, bool has, enum info_tag tag, uint64_t v)
{
	if (!has)
		return;
	dj_wr_u16be(w, (uint16_t)tag);
	dj_wr_u16be(w, 8);
	dj_wr_u64be(w, v);
}

dj_status dj_offer_info_write(const struct dj_offer_info *info, uint8_t *dst,
	size_t cap, size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);

	write_u64(&w, info->has_max_module, INFO_MAX_MODULE, info->max_module);
	write_u64(&w, info->has_max_memory, INFO_MAX_MEMORY, info->max_memory);
	write_u64(&w, info->has_features, INFO_FEATURES, info->features);
	if (info->has_native) {
		dj_wr_u16be(&w, INFO_NATIVE);
		dj_wr_u16be(&w, 8);
		dj_wr_u8(&w, info->native_isa);
		dj_wr_u8(&w, info->native_bounds);
		dj_wr_u8(&w, info->native_accepted);
		dj_wr_zero(&w, 5);
	}
	write_u64(&w, info->has_cpu_level, INFO_CPU_LEVEL, info->cpu_level);
	return dj_wr_end(&w, ret_len);
}
