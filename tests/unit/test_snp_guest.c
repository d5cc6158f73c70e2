// SPDX-License-Identifier: Apache-2.0
/*
 * What an SEV-SNP guest is launched with and says to the secure processor:
 * launch digest and guest messages, against spec/vectors of the shared data
 * (DONJON_SHARED), which two other programs computed.
 */
#include <jansson.h>
#include <stdio.h>

#include "lib/crypto/sha256.h"
#include "lib/crypto/sha384.h"
#include "lib/evidence/snp_launch.h"
#include "lib/evidence/snp_msg.h"
#include "tests/support/shared.h"
#include "tests/tap.h"

static json_t *load(const char *name)
{
	char path[4096];
	json_t *j;

	snprintf(path, sizeof(path), "%s/spec/vectors/%s", shared_dir(), name);
	j = json_load_file(path, 0, NULL);
	if (j == NULL)
		skip("no shared data: set DONJON_SHARED");
	return j;
}

static size_t unhex(const char *s, uint8_t *dst, size_t cap)
{
	size_t n = 0;
	unsigned byte;

	for (; s != NULL && n < cap && sscanf(s, "%2x", &byte) == 1; s += 2)
		dst[n++] = (uint8_t)byte;
	return n;
}

static void eq_hex(const uint8_t *p, size_t len, const json_t *want)
{
	uint8_t b[4096];

	eq_u64(unhex(json_string_value(want), b, sizeof(b)), len);
	eq_mem(p, b, len);
}

static void vector_page(unsigned k, uint8_t ret[4096])
{
	for (unsigned j = 0; j < 4096; j++)
		ret[j] = (uint8_t)(k * 31 + j * 7 + (j >> 8));
}

/* The two register sets of the sheet, 2.3. */
static const struct dj_snp_segment flat = { 0x18, 0xc93, UINT32_MAX, 0 };
static const struct dj_snp_segment table = { 0, 0, 0xffff, 0 };

static struct dj_snp_vmsa vmsa_long(void)
{
	return (struct dj_snp_vmsa){ .data = flat,
		.cs = { 0x10, 0xa9b, UINT32_MAX, 0 },
		.gdtr = table,
		.idtr = table,
		.ldtr = { 0, 0x82, 0xffff, 0 },
		.tr = { 0, 0x8b, 0xffff, 0 },
		.efer = 0xd00,
		.cr4 = 0x20,
		.cr3 = UINT64_C(1) << 51 | 0x101000,
		.cr0 = 0xe0000011,
		.rflags = 2,
		.rip = 0x100000,
		.rsp = 0x104000,
		.rsi = 0x105000 };
}

static struct dj_snp_vmsa vmsa_reset(void)
{
	return (struct dj_snp_vmsa){ .data = { 0, 0x93, 0xffff, 0 },
		.cs = { 0xf000, 0x9b, 0xffff, 0xffff0000 },
		.gdtr = table,
		.idtr = table,
		.ldtr = { 0, 0x82, 0xffff, 0 },
		.tr = { 0, 0x8b, 0xffff, 0 },
		.cr0 = 0x60000010,
		.rflags = 2,
		.rip = 0xfff0,
		.rdx = 0xa00f11 };
}

static void register_states_are_the_published_pages(void)
{
	json_t *doc = load("snp_launch_digest.json");
	json_t *sums = json_object_get(doc, "sha384");
	struct dj_snp_vmsa v = vmsa_long();
	uint8_t page[DJ_SNP_PAGE], digest[48];

	if (doc == NULL)
		return;
	dj_snp_vmsa_write(&v, page);
	dj_sha384(page, sizeof(page), digest);
	eq_hex(digest, 48, json_object_get(sums, "vmsa_long"));
	v = vmsa_reset();
	dj_snp_vmsa_write(&v, page);
	dj_sha384(page, sizeof(page), digest);
	eq_hex(digest, 48, json_object_get(sums, "vmsa_reset"));
	for (unsigned i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "page%u", i);
		vector_page(i, page);
		dj_sha384(page, sizeof(page), digest);
		eq_hex(digest, 48, json_object_get(sums, name));
	}
	json_decref(doc);
}

static void launch_digests_are_the_published_ones_after_each_page(void)
{
	json_t *doc = load("snp_launch_digest.json"), *v, *step;
	size_t i, k;

	if (doc == NULL)
		return;
	eq_u64(json_array_size(json_object_get(doc, "vectors")), 5);
	json_array_foreach(json_object_get(doc, "vectors"), i, v)
	{
		const char *name =
			json_string_value(json_object_get(v, "name"));
		struct dj_snp_launch l;
		unsigned normal = 0;

		dj_snp_launch_init(&l);
		json_array_foreach(json_object_get(v, "steps"), k, step)
		{
			int type = (int)json_integer_value(
				json_object_get(step, "page_type"));
			uint64_t gpa =
				strtoull(json_string_value(
						 json_object_get(step, "gpa")),
					NULL, 0);
			struct dj_snp_vmsa regs = strcmp(name, "A4") == 0
				? vmsa_reset()
				: vmsa_long();
			uint8_t page[DJ_SNP_PAGE];

			if (type == DJ_SNP_PAGE_VMSA)
				dj_snp_vmsa_write(&regs, page);
			else
				vector_page(normal++, page);
			dj_snp_launch_page(&l, (enum dj_snp_page_type)type, gpa,
				page);
			eq_hex(l.digest, 48, json_object_get(step, "ld_after"));
		}
		eq_u64(l.pages, k);
		eq_hex(l.digest, 48, json_object_get(v, "launch_digest"));
	}
	json_decref(doc);
}

static struct dj_key vmpck(void)
{
	struct dj_key k;

	for (unsigned i = 0; i < 32; i++)
		k.b[i] = (uint8_t)i;
	return k;
}

static struct dj_snp_msg request(void)
{
	struct dj_snp_msg m = { .seqno = 1,
		.type = DJ_SNP_MSG_REPORT_REQ,
		.version = 1,
		.size = DJ_SNP_REPORT_REQ_SIZE };
	struct dj_snp_report_req r = { .vmpl = 0 };

	for (unsigned i = 0; i < 64; i++)
		r.data[i] = (uint8_t)i;
	dj_snp_report_req_write(&r, m.payload);
	return m;
}

static struct dj_snp_msg response(void)
{
	struct dj_snp_msg m = { .seqno = 2,
		.type = DJ_SNP_MSG_REPORT_RSP,
		.version = 1,
		.size = DJ_SNP_RSP_HEAD + 0x4a0 };

	m.payload[4] = 0xa0;
	m.payload[5] = 4;
	return m;
}

static void guest_messages_are_the_published_ones(void)
{
	json_t *doc = load("snp_guest_message.json"), *v;
	struct dj_key key = vmpck();
	struct dj_snp_msg m = request();
	uint8_t page[DJ_SNP_MSG_SIZE], sum[32];

	if (doc == NULL)
		return;
	v = json_object_get(doc, "request");
	eq_u64(dj_snp_msg_seal(&m, &key, page), DJ_OK);
	eq_hex(page, DJ_SNP_MSG_HEADER + DJ_SNP_REPORT_REQ_SIZE,
		json_object_get(v, "message"));
	m = response();
	v = json_object_get(doc, "response");
	eq_u64(dj_snp_msg_seal(&m, &key, page), DJ_OK);
	eq_hex(page, 16, json_object_get(v, "tag"));
	dj_sha256(page,
		(size_t)json_integer_value(json_object_get(v, "message_len")),
		sum);
	eq_hex(sum, 32, json_object_get(v, "message_sha256"));
	json_decref(doc);
}

static void what_was_sealed_opens_and_says_the_same(void)
{
	static uint8_t page[DJ_SNP_MSG_SIZE];
	struct dj_key key = vmpck();
	struct dj_snp_msg m = request(), got;
	struct dj_snp_msg_claim claim;
	struct dj_snp_report_req r;

	m.seqno = UINT64_C(0x1122334455667789);
	m.vmpck = 3;
	eq_u64(dj_snp_msg_seal(&m, &key, page), DJ_OK);
	dj_snp_msg_claim(page, &claim);
	eq_u64(claim.seqno, m.seqno);
	eq_u64(claim.vmpck, 3);
	eq_u64(dj_snp_msg_open(page, &key, &got), DJ_OK);
	eq_u64(got.seqno, m.seqno);
	eq_u64(got.vmpck, 3);
	eq_u64(dj_snp_report_req_parse(got.payload, got.size, &r), DJ_OK);
	eq_u64(r.data[63], 63);
	m.size = DJ_SNP_MSG_PAYLOAD;
	eq_u64(dj_snp_msg_seal(&m, &key, page), DJ_OK);
	eq_u64(dj_snp_msg_open(page, &key, &got), DJ_OK);
	m.size++;
	eq_u64(dj_snp_msg_seal(&m, &key, page), DJ_E_LIMIT);
}

/* Bytes behind the payload are nobody's: not sealed, and not looked at. */
static void no_bit_of_a_message_can_be_changed(void)
{
	static uint8_t page[DJ_SNP_MSG_SIZE];
	struct dj_key key = vmpck();
	struct dj_snp_msg m = request(), got;
	unsigned opened = 0;

	eq_u64(dj_snp_msg_seal(&m, &key, page), DJ_OK);
	for (size_t i = 0; i < 8 * (DJ_SNP_MSG_HEADER + m.size); i++) {
		page[i / 8] ^= (uint8_t)(1 << i % 8);
		opened += dj_snp_msg_open(page, &key, &got) == DJ_OK;
		page[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	eq_u64(opened, 0);
	eq_u64(dj_snp_msg_open(page, &key, &got), DJ_OK);
	key.b[31] ^= 1;
	eq_u64(dj_snp_msg_open(page, &key, &got), DJ_E_AUTH);
	for (size_t i = 0; i < sizeof(got); i++)
		ok(((uint8_t *)&got)[i] == 0);
}

static void only_the_answer_to_this_request_is_one(void)
{
	static const struct {
		size_t off;
		uint8_t value;
	} wrong[] = {
		{ offsetof(struct dj_snp_msg, seqno), 1 },
		{ offsetof(struct dj_snp_msg, seqno), 3 },
		{ offsetof(struct dj_snp_msg, seqno), 4 },
		{ offsetof(struct dj_snp_msg, type), DJ_SNP_MSG_REPORT_REQ },
		{ offsetof(struct dj_snp_msg, type), DJ_SNP_MSG_KEY_RSP },
		{ offsetof(struct dj_snp_msg, version), 2 },
		{ offsetof(struct dj_snp_msg, vmpck), 1 },
	};
	static uint8_t page[DJ_SNP_MSG_SIZE];
	struct dj_key key = vmpck();
	struct dj_snp_msg req = request(), m = response(), got;

	eq_u64(dj_snp_msg_seal(&m, &key, page), DJ_OK);
	eq_u64(dj_snp_msg_answer(page, &key, &req, &got), DJ_OK);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		m = response();
		((uint8_t *)&m)[wrong[i].off] = wrong[i].value;
		eq_u64(dj_snp_msg_seal(&m, &key, page), DJ_OK);
		eq_u64(dj_snp_msg_answer(page, &key, &req, &got), DJ_E_STATE);
	}
	/* The request itself, sent back. */
	eq_u64(dj_snp_msg_seal(&req, &key, page), DJ_OK);
	eq_u64(dj_snp_msg_answer(page, &key, &req, &got), DJ_E_STATE);
}

static void payloads_of_other_lengths_are_refused(void)
{
	struct dj_snp_msg m = response();
	struct dj_snp_report_req req;
	struct dj_snp_key_req k = { .fields = 63, .guest_svn = 7 }, k2;
	uint8_t p[DJ_SNP_KEY_RSP_SIZE + 1] = { 0 };
	const uint8_t *report;
	struct dj_key key;
	size_t len;

	eq_u64(dj_snp_report_rsp_parse(m.payload, m.size, &report, &len),
		DJ_OK);
	eq_u64(len, 0x4a0);
	for (size_t i = 0; i < m.size; i++)
		ok(dj_snp_report_rsp_parse(m.payload, i, &report, &len) !=
			DJ_OK);
	ok(dj_snp_report_rsp_parse(m.payload, m.size + 1, &report, &len) !=
		DJ_OK);
	m.payload[0] = DJ_SNP_RSP_INVALID;
	eq_u64(dj_snp_report_rsp_parse(m.payload, m.size, &report, &len),
		DJ_E_HOST);

	dj_snp_key_req_write(&k, p);
	eq_u64(dj_snp_key_req_parse(p, DJ_SNP_KEY_REQ_SIZE, &k2), DJ_OK);
	eq_u64(k2.fields, 63);
	eq_u64(k2.guest_svn, 7);
	p[8] = 64;
	eq_u64(dj_snp_key_req_parse(p, DJ_SNP_KEY_REQ_SIZE, &k2), DJ_E_INPUT);
	memset(p, 0, sizeof(p));
	eq_u64(dj_snp_key_rsp_parse(p, DJ_SNP_KEY_RSP_SIZE, &key), DJ_OK);
	eq_u64(dj_snp_key_rsp_parse(p, DJ_SNP_KEY_RSP_SIZE + 1, &key),
		DJ_E_INPUT);
	p[0] = DJ_SNP_RSP_NO_KEY;
	eq_u64(dj_snp_key_rsp_parse(p, DJ_SNP_KEY_RSP_SIZE, &key), DJ_E_HOST);
	m = request();
	eq_u64(dj_snp_report_req_parse(m.payload, m.size, &req), DJ_OK);
	m.payload[0x44] = 3;
	eq_u64(dj_snp_report_req_parse(m.payload, m.size, &req), DJ_E_INPUT);
	m.payload[0x44] = 0;
	m.payload[0x5f] = 1;
	eq_u64(dj_snp_report_req_parse(m.payload, m.size, &req), DJ_E_INPUT);
}

static void cpuid_leaves_are_found_in_the_page_alone(void)
{
	static uint8_t page[4096];
	struct dj_snp_cpuid c;

	page[0] = 2;
	page[0x10] = 7; /* leaf 7, sub 0 */
	page[0x10 + 28] = 0x80;
	page[0x40] = 7; /* leaf 7, sub 1 */
	page[0x44] = 1;
	page[0x40 + 24] = 9;
	c = dj_snp_cpuid_find(page, 7, 0);
	eq_u64(c.ebx, 0x80);
	c = dj_snp_cpuid_find(page, 7, 1);
	eq_u64(c.eax, 9);
	c = dj_snp_cpuid_find(page, 7, 2);
	eq_u64(c.eax | c.ebx | c.ecx | c.edx, 0);
	/* A count that is too large ends with the page's room. */
	memset(page, 0xff, 4);
	c = dj_snp_cpuid_find(page, 0x12345, 0);
	eq_u64(c.eax, 0);
	page[0] = 0;
	memset(page + 1, 0, 3);
	c = dj_snp_cpuid_find(page, 7, 0);
	eq_u64(c.ebx, 0);
}

int main(void)
{
	RUN(register_states_are_the_published_pages);
	RUN(launch_digests_are_the_published_ones_after_each_page);
	RUN(guest_messages_are_the_published_ones);
	RUN(what_was_sealed_opens_and_says_the_same);
	RUN(no_bit_of_a_message_can_be_changed);
	RUN(only_the_answer_to_this_request_is_one);
	RUN(payloads_of_other_lengths_are_refused);
	RUN(cpuid_leaves_are_found_in_the_page_alone);
	return done();
}
