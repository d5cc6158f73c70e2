// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/snp.h"

#include "lib/base/wr.h"
#include "lib/base/zero.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define SIGNATURE_P384 1
#define NUMBER_SIZE    72 /* of r and of s */
#define KEY_INFO_BITS  0x1f

/* 48 bytes little-endian, then 24 of zeros. */
static void read_number(struct dj_rd *r, uint8_t ret[static 48])
{
	uint8_t le[48];

	dj_rd_copy(r, le, sizeof(le));
	for (size_t i = 0; i < sizeof(le); i++)
		ret[i] = le[sizeof(le) - 1 - i];
	dj_rd_zero(r, NUMBER_SIZE - sizeof(le));
}

/* Build, minor, major and a reserved byte. */
static void read_version(struct dj_rd *r, uint8_t ret[static 3])
{
	ret[2] = dj_rd_u8(r);
	ret[1] = dj_rd_u8(r);
	ret[0] = dj_rd_u8(r);
	dj_rd_zero(r, 1);
}

static void read_head(struct dj_rd *r, struct dj_snp_report *rep)
{
	uint32_t key;

	rep->version = dj_rd_u32le(r);
	if (rep->version < DJ_SNP_VERSION_MIN ||
		rep->version > DJ_SNP_VERSION_MAX)
		dj_rd_fail(r, DJ_E_UNSUPPORTED);
	rep->guest_svn = dj_rd_u32le(r);
	rep->policy = dj_rd_u64le(r);
	if (rep->policy >> DJ_SNP_POLICY_BITS != 0 ||
		(rep->policy >> DJ_SNP_POLICY_ONE & 1) == 0)
		dj_rd_fail(r, DJ_E_INPUT);
	dj_rd_copy(r, rep->family_id, sizeof(rep->family_id));
	dj_rd_copy(r, rep->image_id, sizeof(rep->image_id));
	rep->vmpl = dj_rd_u32le(r);
	if (dj_rd_u32le(r) != SIGNATURE_P384)
		dj_rd_fail(r, DJ_E_UNSUPPORTED);
	dj_rd_copy(r, rep->current, sizeof(rep->current));
	rep->platform_info = dj_rd_u64le(r);
	key = dj_rd_u32le(r);
	if (key > KEY_INFO_BITS)
		dj_rd_fail(r, DJ_E_INPUT);
	rep->has_author_key = (key & 1) != 0;
	rep->is_chip_key_masked = (key & 2) != 0;
	rep->signing_key = (uint8_t)(key >> 2);
	if (rep->signing_key > DJ_SNP_KEY_VLEK &&
		rep->signing_key != DJ_SNP_KEY_NONE)
		dj_rd_fail(r, DJ_E_INPUT);
	dj_rd_zero(r, 4);
}

static void read_platform(struct dj_rd *r, struct dj_snp_report *rep)
{
	dj_rd_copy(r, rep->reported, sizeof(rep->reported));
	if (rep->version >= 3) {
		rep->family = dj_rd_u8(r);
		rep->model = dj_rd_u8(r);
		rep->stepping = dj_rd_u8(r);
		dj_rd_zero(r, 21);
	} else {
		dj_rd_zero(r, 24);
	}
	dj_rd_copy(r, rep->chip_id, sizeof(rep->chip_id));
	dj_rd_copy(r, rep->committed, sizeof(rep->committed));
	read_version(r, rep->current_version);
	read_version(r, rep->committed_version);
	dj_rd_copy(r, rep->launch, sizeof(rep->launch));
	if (rep->version >= 5) {
		rep->launch_mit = dj_rd_u64le(r);
		rep->current_mit = dj_rd_u64le(r);
	} else {
		dj_rd_zero(r, 16);
	}
	dj_rd_zero(r, DJ_SNP_REPORT_SIGNED - 0x208);
}

dj_status dj_snp_report_parse(const uint8_t *buf, size_t len,
	struct dj_snp_report *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_snp_report rep = { 0 };

	if (len != DJ_SNP_REPORT_SIZE)
		return DJ_E_INPUT;
	read_head(&r, &rep);
	dj_rd_copy(&r, rep.report_data, sizeof(rep.report_data));
	dj_rd_copy(&r, rep.measurement, sizeof(rep.measurement));
	dj_rd_copy(&r, rep.host_data, sizeof(rep.host_data));
	dj_rd_copy(&r, rep.id_key_digest, sizeof(rep.id_key_digest));
	dj_rd_copy(&r, rep.author_key_digest, sizeof(rep.author_key_digest));
	dj_rd_copy(&r, rep.report_id, sizeof(rep.report_id));
	dj_rd_copy(&r, rep.report_id_ma, sizeof(rep.report_id_ma));
	read_platform(&r, &rep);
	read_number(&r, rep.signature);
	read_number(&r, rep.signature + 48);
	dj_rd_zero(&r, 512 - 2 * NUMBER_SIZE);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = rep;
	return DJ_OK;
}

static void write_number(struct dj_wr *w, const uint8_t be[static 48])
{
	for (size_t i = 0; i < 48; i++)
		dj_wr_u8(w, be[47 - i]);
	dj_wr_zero(w, NUMBER_SIZE - 48);
}

static void write_version(struct dj_wr *w, const uint8_t v[static 3])
{
	dj_wr_u8(w, v[2]);
	dj_wr_u8(w, v[1]);
	dj_wr_u8(w, v[0]);
	dj_wr_zero(w, 1);
}

static void write_platform(struct dj_wr *w, const struct dj_snp_report *rep)
{
	dj_wr_bytes(w, rep->reported, sizeof(rep->reported));
	dj_wr_u8(w, rep->family);
	dj_wr_u8(w, rep->model);
	dj_wr_u8(w, rep->stepping);
	dj_wr_zero(w, 21);
	dj_wr_bytes(w, rep->chip_id, sizeof(rep->chip_id));
	dj_wr_bytes(w, rep->committed, sizeof(rep->committed));
	write_version(w, rep->current_version);
	write_version(w, rep->committed_version);
	dj_wr_bytes(w, rep->launch, sizeof(rep->launch));
	dj_wr_le(w, rep->launch_mit, 8);
	dj_wr_le(w, rep->current_mit, 8);
	dj_wr_zero(w, DJ_SNP_REPORT_SIGNED - 0x208);
}

void dj_snp_report_write(const struct dj_snp_report *rep,
	uint8_t dst[static DJ_SNP_REPORT_SIZE])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SNP_REPORT_SIZE);

	dj_wr_le(&w, rep->version, 4);
	dj_wr_le(&w, rep->guest_svn, 4);
	dj_wr_le(&w, rep->policy, 8);
	dj_wr_bytes(&w, rep->family_id, sizeof(rep->family_id));
	dj_wr_bytes(&w, rep->image_id, sizeof(rep->image_id));
	dj_wr_le(&w, rep->vmpl, 4);
	dj_wr_le(&w, SIGNATURE_P384, 4);
	dj_wr_bytes(&w, rep->current, sizeof(rep->current));
	dj_wr_le(&w, rep->platform_info, 8);
	dj_wr_le(&w,
		(uint64_t)rep->signing_key << 2 |
			(uint64_t)rep->is_chip_key_masked << 1 |
			rep->has_author_key,
		4);
	dj_wr_zero(&w, 4);
	dj_wr_bytes(&w, rep->report_data, sizeof(rep->report_data));
	dj_wr_bytes(&w, rep->measurement, sizeof(rep->measurement));
	dj_wr_bytes(&w, rep->host_data, sizeof(rep->host_data));
	dj_wr_bytes(&w, rep->id_key_digest, sizeof(rep->id_key_digest));
	dj_wr_bytes(&w, rep->author_key_digest, sizeof(rep->author_key_digest));
	dj_wr_bytes(&w, rep->report_id, sizeof(rep->report_id));
	dj_wr_bytes(&w, rep->report_id_ma, sizeof(rep->report_id_ma));
	write_platform(&w, rep);
	write_number(&w, rep->signature);
	write_number(&w, rep->signature + 48);
	dj_wr_zero(&w, 512 - 2 * NUMBER_SIZE);
}

const char *dj_snp_product_name(enum dj_snp_product p)
{
	static const char *const names[DJ_SNP_PRODUCTS] = {
		[DJ_SNP_MILAN] = "Milan",
		[DJ_SNP_GENOA] = "Genoa",
		[DJ_SNP_TURIN] = "Turin",
	};

	return names[p];
}

bool dj_snp_product_of(const struct dj_snp_report *r, enum dj_snp_product *ret)
{
	static const struct {
		uint8_t family, first, last;
		enum dj_snp_product product;
	} models[] = {
		{ 0x19, 0x00, 0x0f, DJ_SNP_MILAN },
		{ 0x19, 0x10, 0x1f, DJ_SNP_GENOA },
		{ 0x19, 0xa0, 0xaf, DJ_SNP_GENOA },
		{ 0x1a, 0x00, 0x11, DJ_SNP_TURIN },
	};

	for (size_t i = 0; i < COUNT(models); i++) {
		if (r->family == models[i].family &&
			r->model >= models[i].first &&
			r->model <= models[i].last) {
			*ret = models[i].product;
			return true;
		}
	}
	return false;
}

const char *dj_snp_tcb_name(enum dj_snp_tcb part)
{
	static const char *const names[DJ_SNP_TCB_PARTS] = {
		[DJ_SNP_TCB_FMC] = "fmc",
		[DJ_SNP_TCB_BOOTLOADER] = "bootloader",
		[DJ_SNP_TCB_TEE] = "tee",
		[DJ_SNP_TCB_SNP] = "snp",
		[DJ_SNP_TCB_MICROCODE] = "microcode",
	};

	return names[part];
}

bool dj_snp_tcb_read(enum dj_snp_product p, const uint8_t raw[static 8],
	uint8_t ret[static DJ_SNP_TCB_PARTS])
{
	if (p == DJ_SNP_TURIN) {
		ret[DJ_SNP_TCB_FMC] = raw[0];
		ret[DJ_SNP_TCB_BOOTLOADER] = raw[1];
		ret[DJ_SNP_TCB_TEE] = raw[2];
		ret[DJ_SNP_TCB_SNP] = raw[3];
		ret[DJ_SNP_TCB_MICROCODE] = raw[7];
		return dj_is_zero(raw + 4, 3);
	}
	ret[DJ_SNP_TCB_FMC] = 0;
	ret[DJ_SNP_TCB_BOOTLOADER] = raw[0];
	ret[DJ_SNP_TCB_TEE] = raw[1];
	ret[DJ_SNP_TCB_SNP] = raw[6];
	ret[DJ_SNP_TCB_MICROCODE] = raw[7];
	return dj_is_zero(raw + 2, 4);
}

void dj_snp_tcb_write(enum dj_snp_product p,
	const uint8_t parts[static DJ_SNP_TCB_PARTS], uint8_t ret[static 8])
{
	memset(ret, 0, 8);
	if (p == DJ_SNP_TURIN) {
		ret[0] = parts[DJ_SNP_TCB_FMC];
		ret[1] = parts[DJ_SNP_TCB_BOOTLOADER];
		ret[2] = parts[DJ_SNP_TCB_TEE];
		ret[3] = parts[DJ_SNP_TCB_SNP];
	} else {
		ret[0] = parts[DJ_SNP_TCB_BOOTLOADER];
		ret[1] = parts[DJ_SNP_TCB_TEE];
		ret[6] = parts[DJ_SNP_TCB_SNP];
	}
	ret[7] = parts[DJ_SNP_TCB_MICROCODE];
}

static const struct dj_field fields[] = {
	{ 0x000, 4, DJ_FIELD_NUMBER, "version" },
	{ 0x004, 4, DJ_FIELD_NUMBER, "guest_svn" },
	{ 0x008, 8, DJ_FIELD_NUMBER, "policy" },
	{ 0x010, 16, DJ_FIELD_BYTES, "family_id" },
	{ 0x020, 16, DJ_FIELD_BYTES, "image_id" },
	{ 0x030, 4, DJ_FIELD_NUMBER, "vmpl" },
	{ 0x034, 4, DJ_FIELD_NUMBER, "signature_algo" },
	{ 0x038, 8, DJ_FIELD_BYTES, "current_tcb" },
	{ 0x040, 8, DJ_FIELD_NUMBER, "platform_info" },
	{ 0x048, 4, DJ_FIELD_NUMBER, "key_info" },
	{ 0x04c, 4, DJ_FIELD_RESERVED, "reserved" },
	{ 0x050, 64, DJ_FIELD_BYTES, "report_data" },
	{ 0x090, 48, DJ_FIELD_BYTES, "measurement" },
	{ 0x0c0, 32, DJ_FIELD_BYTES, "host_data" },
	{ 0x0e0, 48, DJ_FIELD_BYTES, "id_key_digest" },
	{ 0x110, 48, DJ_FIELD_BYTES, "author_key_digest" },
	{ 0x140, 32, DJ_FIELD_BYTES, "report_id" },
	{ 0x160, 32, DJ_FIELD_BYTES, "report_id_ma" },
	{ 0x180, 8, DJ_FIELD_BYTES, "reported_tcb" },
	{ 0x188, 1, DJ_FIELD_NUMBER, "cpu_family" },
	{ 0x189, 1, DJ_FIELD_NUMBER, "cpu_model" },
	{ 0x18a, 1, DJ_FIELD_NUMBER, "cpu_stepping" },
	{ 0x18b, 21, DJ_FIELD_RESERVED, "reserved" },
	{ 0x1a0, 64, DJ_FIELD_BYTES, "chip_id" },
	{ 0x1e0, 8, DJ_FIELD_BYTES, "committed_tcb" },
	{ 0x1e8, 1, DJ_FIELD_NUMBER, "current_build" },
	{ 0x1e9, 1, DJ_FIELD_NUMBER, "current_minor" },
	{ 0x1ea, 1, DJ_FIELD_NUMBER, "current_major" },
	{ 0x1eb, 1, DJ_FIELD_RESERVED, "reserved" },
	{ 0x1ec, 1, DJ_FIELD_NUMBER, "committed_build" },
	{ 0x1ed, 1, DJ_FIELD_NUMBER, "committed_minor" },
	{ 0x1ee, 1, DJ_FIELD_NUMBER, "committed_major" },
	{ 0x1ef, 1, DJ_FIELD_RESERVED, "reserved" },
	{ 0x1f0, 8, DJ_FIELD_BYTES, "launch_tcb" },
	{ 0x1f8, 8, DJ_FIELD_NUMBER, "launch_mit" },
	{ 0x200, 8, DJ_FIELD_NUMBER, "current_mit" },
	{ 0x208, 152, DJ_FIELD_RESERVED, "reserved" },
	{ 0x2a0, 72, DJ_FIELD_BYTES, "signature.r" },
	{ 0x2e8, 72, DJ_FIELD_BYTES, "signature.s" },
	{ 0x330, 368, DJ_FIELD_RESERVED, "reserved" },
};

void dj_snp_report_fields(const uint8_t buf[static DJ_SNP_REPORT_SIZE],
	dj_field_say *say, void *ctx)
{
	dj_fields_show(fields, COUNT(fields), buf, say, ctx);
}

#define ENTRY 24

static enum dj_snp_cert_kind kind_of(const uint8_t guid[static 16])
{
	static const struct {
		uint8_t guid[16];
		enum dj_snp_cert_kind kind;
	} kinds[] = {
		{ { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5,
			  0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd },
			DJ_SNP_CERT_VCEK },
		{ { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6,
			  0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1 },
			DJ_SNP_CERT_VLEK },
		{ { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f,
			  0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82 },
			DJ_SNP_CERT_ASK },
		{ { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43,
			  0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae },
			DJ_SNP_CERT_ARK },
		{ { 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff,
			  0xd1, 0x9f, 0x88, 0xdc, 0x67, 0xea },
			DJ_SNP_CERT_CRL },
	};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (memcmp(kinds[i].guid, guid, 16) == 0)
			return kinds[i].kind;
	}
	return DJ_SNP_CERT_OTHER;
}

dj_status dj_snp_certs_parse(const uint8_t *buf, size_t len,
	struct dj_snp_cert ret[static DJ_SNP_CERTS_MAX], size_t *ret_count)
{
	struct dj_rd r = dj_rd_of(buf, len);
	unsigned seen = 0;
	size_t n = 0;

	for (;;) {
		const uint8_t *entry = dj_rd_bytes(&r, ENTRY);
		struct dj_snp_cert c = { 0 };
		struct dj_rd e;
		uint32_t off, size;

		if (entry == NULL)
			return DJ_E_INPUT;
		if (dj_is_zero(entry, ENTRY))
			break;
		if (n == DJ_SNP_CERTS_MAX)
			return DJ_E_LIMIT;
		c.kind = kind_of(entry);
		e = dj_rd_of(entry + 16, ENTRY - 16);
		off = dj_rd_u32le(&e);
		size = dj_rd_u32le(&e);
		if (off > len || size > len - off)
			return DJ_E_INPUT;
		if (c.kind != DJ_SNP_CERT_OTHER && (seen >> c.kind & 1) != 0)
			return DJ_E_INPUT;
		seen |= 1U << c.kind;
		c.p = buf + off;
		c.len = size;
		ret[n++] = c;
	}
	*ret_count = n;
	return DJ_OK;
}

#define HCL_MAGIC   0x414c4348 /* "HCLA" */
#define HCL_REQUEST 2
#define HCL_SNP     2
#define HCL_SHA256  1
#define HCL_RUNTIME 20 /* bytes before the JSON, after the report */

bool dj_snp_hcl_is(const uint8_t *buf, size_t len)
{
	struct dj_rd r = dj_rd_of(buf, len);

	return dj_rd_u32le(&r) == HCL_MAGIC;
}

dj_status dj_snp_hcl_parse(const uint8_t *buf, size_t len,
	struct dj_snp_hcl *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_snp_hcl h = { 0 };
	uint32_t used, type, status, data, version, kind, hash;

	if (dj_rd_u32le(&r) != HCL_MAGIC)
		dj_rd_fail(&r, DJ_E_INPUT);
	h.version = dj_rd_u32le(&r);
	if (h.version != 1 && h.version != 2)
		dj_rd_fail(&r, DJ_E_UNSUPPORTED);
	used = dj_rd_u32le(&r);
	type = dj_rd_u32le(&r);
	status = dj_rd_u32le(&r);
	if (type != HCL_REQUEST || status != 0)
		dj_rd_fail(&r, DJ_E_INPUT);
	dj_rd_zero(&r, 12);
	h.report = dj_rd_bytes(&r, DJ_SNP_REPORT_SIZE);
	data = dj_rd_u32le(&r);
	version = dj_rd_u32le(&r);
	kind = dj_rd_u32le(&r);
	hash = dj_rd_u32le(&r);
	if (version != 1 || kind != HCL_SNP || hash != HCL_SHA256)
		dj_rd_fail(&r, DJ_E_UNSUPPORTED);
	h.json_len = dj_rd_u32le(&r);
	if (data < HCL_RUNTIME || h.json_len != data - HCL_RUNTIME ||
		used < 32 + DJ_SNP_REPORT_SIZE ||
		used - 32 - DJ_SNP_REPORT_SIZE != data)
		dj_rd_fail(&r, DJ_E_INPUT);
	h.json = dj_rd_bytes(&r, h.json_len);
	dj_rd_zero(&r, r.left);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = h;
	return DJ_OK;
}
