// SPDX-License-Identifier: Apache-2.0
#include "emu/snp.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/base/zero.h"
#include "lib/crypto/hmac.h"
#include "lib/crypto/sha384.h"
#include "lib/evidence/image.h"
#include "lib/evidence/snp_id.h"
#include "lib/evidence/snp_launch.h"
#include "lib/evidence/snp_msg.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define SECRET_KEYS  128 /* four of 32 bytes */
#define VMPL_MAX     3
#define SEV_LEAF     0x8000001f
#define SEV_FEATURES 0x1a /* SEV, SEV-ES, SEV-SNP */
#define C_BIT        51
#define POLICY_ABI   UINT64_C(0xffff) /* major and minor that are needed */

/* What the chips of the emulated products are. */
static const struct chip {
	uint8_t tcb[DJ_SNP_TCB_PARTS];
	uint8_t family, model, stepping;
	uint8_t version[3];
	uint64_t platform_info;
} chips[DJ_SNP_PRODUCTS] = {
	[DJ_SNP_MILAN] = { { 0, 4, 0, 24, 219 }, 0x19, 0x01, 0x01,
		{ 1, 55, 29 }, 0x25 },
	[DJ_SNP_GENOA] = { { 0, 10, 0, 23, 84 }, 0x19, 0x11, 0x01,
		{ 1, 55, 43 }, 0x25 },
	[DJ_SNP_TURIN] = { { 1, 1, 1, 4, 72 }, 0x1a, 0x02, 0x01, { 1, 55, 61 },
		0x67 },
};

static bool take(const char **p, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - *p) < n || memcmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

static bool take_product(const char **p, const char *end,
	enum dj_snp_product *ret)
{
	for (int i = 0; i < DJ_SNP_PRODUCTS; i++) {
		if (take(p, end, dj_snp_product_name((enum dj_snp_product)i))) {
			*ret = (enum dj_snp_product)i;
			return true;
		}
	}
	return false;
}

static bool take_hex(const char **p, const char *end, uint8_t *dst, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	if ((size_t)(end - *p) < 2 * len)
		return false;
	for (size_t i = 0; i < 2 * len; i++, ++*p) {
		const char *d = memchr(digits, **p, 16);

		if (d == NULL)
			return false;
		dst[i / 2] = (uint8_t)(dst[i / 2] << 4 | (d - digits));
	}
	return true;
}

const char *dj_emu_snp_model_parse(const char *text, size_t len,
	struct dj_emu_snp_model *ret)
{
	const char *p = text, *end = text + len;
	struct dj_emu_snp_model m = { 0 };
	bool good = take(&p, end, "product ") &&
		take_product(&p, end, &m.product) &&
		take(&p, end, "\nreport ") && p < end;

	if (good)
		m.version = (uint32_t)(*p++ - '0');
	good = good && take(&p, end, "\nchip ") &&
		take_hex(&p, end, m.chip_id, sizeof(m.chip_id)) &&
		take(&p, end, "\n") && p == end;
	if (!good || (m.version != 2 && m.version != 3 && m.version != 5))
		return "this is not an emulated chip as donjon-emu writes it";
	if (m.product == DJ_SNP_TURIN &&
		(m.version == 2 || !dj_is_zero(m.chip_id + 8, 56)))
		return "there is no such Turin";
	*ret = m;
	return NULL;
}

void dj_emu_snp_tcb(enum dj_snp_product product,
	uint8_t ret[static DJ_SNP_TCB_PARTS])
{
	memcpy(ret, chips[product].tcb, DJ_SNP_TCB_PARTS);
}

void dj_emu_snp_init(struct dj_emu_snp *s, const struct dj_emu_snp_model *m,
	const struct dj_emu_key384 *key,
	const uint8_t random[static DJ_EMU_SNP_RANDOM])
{
	const struct chip *c = &chips[m->product];
	struct dj_snp_report *r = &s->report;

	memset(s, 0, sizeof(*s));
	s->model = *m;
	s->key = *key;
	s->secrets[0] = 3; /* its version */
	memcpy(s->secrets + DJ_SNP_SECRETS_VMPCK0, random, SECRET_KEYS);

	r->version = m->version;
	r->platform_info = c->platform_info;
	dj_snp_tcb_write(m->product, c->tcb, r->current);
	memcpy(r->reported, r->current, 8);
	memcpy(r->committed, r->current, 8);
	memcpy(r->launch, r->current, 8);
	memcpy(r->report_id, random + SECRET_KEYS, 32);
	memset(r->report_id_ma, 0xff, sizeof(r->report_id_ma));
	memcpy(r->chip_id, m->chip_id, sizeof(r->chip_id));
	memcpy(r->current_version, c->version, 3);
	memcpy(r->committed_version, c->version, 3);
	if (m->version >= 3) {
		r->family = c->family;
		r->model = c->model;
		r->stepping = c->stepping;
	}
	if (m->version >= 5)
		r->launch_mit = r->current_mit = 3;
}

void dj_emu_snp_done(struct dj_emu_snp *s)
{
	dj_wipe(s, sizeof(*s));
}

/* ---- launch ---- */

/*
 * What the part has, whatever its hypervisor knows of: instructions that an
 * operating system need not enable. (Below some hypervisors they work without
 * KVM's saying so.)
 */
static void add_features(uint8_t *page, uint64_t n)
{
#ifdef __x86_64__
	const uint32_t one_c = 1U << 1 | 1U << 9 | 1U << 19 | 1U << 20 |
		1U << 23 | 1U << 25 | 1U << 30;
	const uint32_t seven_b = 1U << 18 | 1U << 29;
	unsigned a, b, c, d;

	for (uint64_t i = 0; i < n; i++) {
		uint32_t *e = (uint32_t *)(void *)(page + 16 + 48 * i);

		if (e[0] == 1 && __get_cpuid(1, &a, &b, &c, &d) != 0)
			e[8] |= c & one_c;
		if (e[0] == 7 && e[1] == 0 &&
			__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0)
			e[7] |= b & seven_b;
	}
#else
	(void)page;
	(void)n;
#endif
}

/* The table that was asked for, of at most 64 leaves, and the one that says
 * that this is SEV-SNP. */
static bool make_cpuid(const uint8_t *want, uint8_t ret[static 4096])
{
	struct dj_rd r = dj_rd_of(want, 4096);
	uint64_t n = dj_rd_le(&r, 4);
	struct dj_wr w;

	dj_rd_zero(&r, 12);
	if (r.err != DJ_OK || n > DJ_SNP_CPUID_MAX)
		return false;
	memcpy(ret, want, 4096);
	add_features(ret, n);
	if (dj_snp_cpuid_find(ret, SEV_LEAF, 0).eax != 0)
		return true;
	/* In the last place, if there is no other. */
	if (n == DJ_SNP_CPUID_MAX)
		n--;
	w = dj_wr_of(ret, 16);
	dj_wr_le(&w, n + 1, 4);
	w = dj_wr_of(ret + 16 + 48 * n, 48);
	dj_wr_le(&w, SEV_LEAF, 4);
	dj_wr_zero(&w, 20);
	dj_wr_le(&w, SEV_FEATURES, 4);
	dj_wr_le(&w, C_BIT, 4);
	dj_wr_zero(&w, 16);
	return true;
}

static enum dj_emu_snp_status check_id(struct dj_snp_report *r,
	const uint8_t *block, const uint8_t *auth)
{
	struct dj_snp_id id;
	struct dj_snp_id_auth a;

	if (dj_snp_id_parse(block, &id) != DJ_OK ||
		dj_snp_id_auth_parse(auth, &a) != DJ_OK)
		return DJ_EMU_SNP_INVALID_PARAM;
	if (!dj_snp_id_verify(&a.id, block, DJ_SNP_ID_BLOCK) ||
		(a.has_author &&
			!dj_snp_id_verify(&a.author, a.id.key, DJ_SNP_ID_KEY)))
		return DJ_EMU_SNP_BAD_SIGNATURE;
	if (memcmp(id.digest, r->measurement, 48) != 0)
		return DJ_EMU_SNP_BAD_MEASUREMENT;
	if (id.policy != r->policy)
		return DJ_EMU_SNP_POLICY;
	memcpy(r->family_id, id.family_id, 16);
	memcpy(r->image_id, id.image_id, 16);
	r->guest_svn = id.guest_svn;
	dj_sha384(a.id.key, DJ_SNP_ID_KEY, r->id_key_digest);
	r->has_author_key = a.has_author;
	if (a.has_author)
		dj_sha384(a.author.key, DJ_SNP_ID_KEY, r->author_key_digest);
	return DJ_EMU_SNP_GOOD;
}

/* Does this platform have what the policy insists on? */
static bool policy_holds(const struct dj_snp_report *r)
{
	uint64_t abi =
		(uint64_t)r->current_version[0] << 8 | r->current_version[1];

	return r->policy >> DJ_SNP_POLICY_BITS == 0 &&
		(r->policy >> DJ_SNP_POLICY_ONE & 1) != 0 &&
		(r->policy & POLICY_ABI) <= abi &&
		((r->policy >> DJ_SNP_POLICY_SMT & 1) != 0 ||
			(r->platform_info & 1) == 0) &&
		(r->policy >> DJ_SNP_POLICY_AES_256_XTS & 15) == 0;
}

enum dj_emu_snp_status dj_emu_snp_launch(struct dj_emu_snp *s, const uint8_t *p,
	size_t len, const uint8_t *image, size_t image_len,
	uint8_t ret[static DJ_EMU_SNP_LAUNCHED])
{
	struct dj_rd r = dj_rd_of(p, len);
	struct dj_snp_report rep = s->report;
	struct dj_snp_launch l;
	struct dj_image img;
	const uint8_t *cpuid, *id;
	enum dj_emu_snp_status st = DJ_EMU_SNP_GOOD;

	rep.policy = dj_rd_le(&r, 8);
	dj_rd_copy(&r, rep.host_data, sizeof(rep.host_data));
	cpuid = dj_rd_bytes(&r, 4096);
	id = r.left == 0 ? NULL : dj_rd_bytes(&r, DJ_EMU_SNP_ID);
	if (dj_rd_end(&r) != DJ_OK || s->is_launched ||
		dj_image_parse(image, image_len, &img) != DJ_OK ||
		dj_snp_measure(&img, &l) != DJ_OK ||
		!make_cpuid(cpuid, ret + 48))
		return DJ_EMU_SNP_INVALID_PARAM;
	if (!policy_holds(&rep))
		return DJ_EMU_SNP_POLICY;
	memcpy(rep.measurement, l.digest, 48);
	if (id != NULL)
		st = check_id(&rep, id, id + DJ_SNP_ID_BLOCK);
	if (st != DJ_EMU_SNP_GOOD)
		return st;
	s->report = rep;
	s->is_launched = true;
	memcpy(ret, l.digest, 48);
	memcpy(ret + 48 + 4096, s->secrets, 4096);
	return DJ_EMU_SNP_GOOD;
}

/* ---- guest messages ---- */

static size_t make_report(const struct dj_emu_snp *s,
	const struct dj_snp_msg *req, uint8_t *dst)
{
	struct dj_snp_report_req q = { 0 };
	struct dj_snp_report rep = s->report;
	uint8_t *at = dst + DJ_SNP_RSP_HEAD;
	struct dj_wr w = dj_wr_of(dst, DJ_SNP_RSP_HEAD);

	/* A guest's own VMPL, 0 here, or above; there is no VLEK. */
	if (dj_snp_report_req_parse(req->payload, req->size, &q) != DJ_OK ||
		q.vmpl > VMPL_MAX || q.key_sel == 2) {
		dj_wr_le(&w,
			q.key_sel == 2 ? DJ_SNP_RSP_NO_KEY : DJ_SNP_RSP_INVALID,
			4);
		dj_wr_zero(&w, DJ_SNP_RSP_HEAD - 4);
		return DJ_SNP_RSP_HEAD;
	}
	rep.vmpl = q.vmpl;
	memcpy(rep.report_data, q.data, sizeof(rep.report_data));
	dj_snp_report_write(&rep, at);
	dj_emu_key384_sign(&s->key, at, DJ_SNP_REPORT_SIGNED, rep.signature);
	dj_snp_report_write(&rep, at);
	dj_wr_le(&w, DJ_SNP_RSP_GOOD, 4);
	dj_wr_le(&w, DJ_SNP_REPORT_SIZE, 4);
	dj_wr_zero(&w, DJ_SNP_RSP_HEAD - 8);
	return DJ_SNP_RSP_HEAD + DJ_SNP_REPORT_SIZE;
}

/* Of the chip, and of all that was chosen; of nothing else. */
static void derive(const struct dj_emu_snp *s, const struct dj_snp_key_req *q,
	uint8_t ret[static 32])
{
	const struct dj_snp_report *r = &s->report;
	const struct {
		uint64_t field;
		const void *p;
		size_t len;
	} parts[] = {
		{ DJ_SNP_KEY_POLICY, &r->policy, 8 },
		{ DJ_SNP_KEY_IMAGE_ID, r->image_id, 16 },
		{ DJ_SNP_KEY_FAMILY_ID, r->family_id, 16 },
		{ DJ_SNP_KEY_MEASUREMENT, r->measurement, 48 },
		{ DJ_SNP_KEY_GUEST_SVN, &q->guest_svn, 4 },
		{ DJ_SNP_KEY_TCB, &q->tcb, 8 },
	};
	struct dj_hmac m;

	dj_hmac_init(&m, s->key.secret, sizeof(s->key.secret));
	dj_hmac_update(&m, "donjon emulated snp key", 24);
	dj_hmac_update(&m, &q->fields, sizeof(q->fields));
	dj_hmac_update(&m, &q->vmpl, sizeof(q->vmpl));
	for (size_t i = 0; i < COUNT(parts); i++) {
		if ((q->fields & parts[i].field) != 0)
			dj_hmac_update(&m, parts[i].p, parts[i].len);
	}
	dj_hmac_final(&m, ret);
	dj_wipe(&m, sizeof(m));
}

static bool tcb_is_committed(const struct dj_emu_snp *s, uint64_t tcb)
{
	uint8_t asked[8];
	struct dj_wr w = dj_wr_of(asked, 8);

	dj_wr_le(&w, tcb, 8);
	for (size_t i = 0; i < 8; i++) {
		if (asked[i] > s->report.committed[i])
			return false;
	}
	return true;
}

static size_t make_key(const struct dj_emu_snp *s, const struct dj_snp_msg *req,
	uint8_t *dst)
{
	struct dj_snp_key_req q;

	memset(dst, 0, DJ_SNP_KEY_RSP_SIZE);
	if (dj_snp_key_req_parse(req->payload, req->size, &q) != DJ_OK ||
		q.vmpl > VMPL_MAX || q.guest_svn > s->report.guest_svn ||
		!tcb_is_committed(s, q.tcb))
		dst[0] = DJ_SNP_RSP_INVALID;
	else if (q.root != 0) /* no migration agent, so none of its keys */
		dst[0] = DJ_SNP_RSP_NO_KEY;
	else
		derive(s, &q, dst + 0x20);
	return DJ_SNP_KEY_RSP_SIZE;
}

static enum dj_emu_snp_status respond(struct dj_emu_snp *s,
	const struct dj_snp_msg *req, const struct dj_key *key,
	uint8_t ret[static 4096])
{
	struct dj_snp_msg rsp = { .seqno = req->seqno + 1,
		.type = (uint8_t)(req->type + 1),
		.version = req->version,
		.vmpck = req->vmpck };
	dj_status st;

	if (req->version != 1)
		return DJ_EMU_SNP_INVALID_PARAM;
	if (req->type == DJ_SNP_MSG_REPORT_REQ)
		rsp.size = make_report(s, req, rsp.payload);
	else if (req->type == DJ_SNP_MSG_KEY_REQ)
		rsp.size = make_key(s, req, rsp.payload);
	else
		return DJ_EMU_SNP_INVALID_PARAM;
	st = dj_snp_msg_seal(&rsp, key, ret);
	dj_wipe(&rsp, sizeof(rsp));
	if (st != DJ_OK)
		return DJ_EMU_SNP_INVALID_PARAM;
	s->seqno[req->vmpck] = req->seqno + 1;
	return DJ_EMU_SNP_GOOD;
}

enum dj_emu_snp_status dj_emu_snp_request(struct dj_emu_snp *s,
	const uint8_t request[static 4096], uint8_t ret[static 4096])
{
	struct dj_snp_msg_claim claim;
	DJ_SECRET struct dj_key key;
	struct dj_snp_msg req;
	dj_status st;

	dj_snp_msg_claim(request, &claim);
	if (!s->is_launched || claim.vmpck >= DJ_SNP_SECRETS_VMPCKS)
		return DJ_EMU_SNP_INVALID_PARAM;
	if (s->seqno[claim.vmpck] > UINT64_MAX - 2)
		return DJ_EMU_SNP_AEAD_OVERFLOW;
	if (claim.seqno != s->seqno[claim.vmpck] + 1)
		return DJ_EMU_SNP_INVALID_PARAM;
	memcpy(&key, s->secrets + DJ_SNP_SECRETS_VMPCK0 + 32UL * claim.vmpck,
		sizeof(key));
	st = dj_snp_msg_open(request, &key, &req);
	if (st == DJ_E_AUTH)
		return DJ_EMU_SNP_BAD_MEASUREMENT;
	return st == DJ_OK ? respond(s, &req, &key, ret)
			   : DJ_EMU_SNP_INVALID_PARAM;
}
