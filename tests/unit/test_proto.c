// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/begin.h"
#include "lib/proto/config.h"
#include "lib/proto/error.h"
#include "lib/proto/evidence.h"
#include "lib/proto/feature.h"
#include "lib/proto/frame.h"
#include "lib/proto/hello.h"
#include "lib/proto/offer.h"
#include "lib/proto/open.h"
#include "lib/proto/record.h"
#include "tests/tap.h"

/* A parser as a question: what does it say to these bytes? */
typedef dj_status judge(const uint8_t *buf, size_t len);

/* One bad byte per rule: put it there, and this must come of it. */
struct bad {
	const char *what;
	size_t off;
	uint8_t value;
	dj_status want;
};

/*
 * The message is taken; from each beginning of it nothing is, but for those
 * lengths where an item ends; a byte more is not; no bad byte is.
 */
static void hold(judge *fn, const uint8_t *good, size_t len,
	const struct bad *bad, size_t bad_count, const size_t *ends,
	size_t end_count)
{
	uint8_t *m = malloc(len + 1);

	eq_u64(fn(good, len), DJ_OK);
	for (size_t n = 0; n < len; n++) {
		bool is_end = false;

		for (size_t i = 0; i < end_count; i++)
			is_end |= ends[i] == n;
		/* An own allocation, so that a sanitizer sees an overrun. */
		uint8_t *cut = malloc(n == 0 ? 1 : n);

		memcpy(cut, good, n);
		if (!tap_eq(fn(cut, n), is_end ? DJ_OK : DJ_E_INPUT, "cut",
			    "expected", __FILE__, (int)n))
			printf("# cut at %zu of %zu\n", n, len);
		free(cut);
	}
	memcpy(m, good, len);
	m[len] = 0;
	ok(fn(m, len + 1) != DJ_OK);
	for (size_t i = 0; i < bad_count; i++) {
		memcpy(m, good, len);
		m[bad[i].off] = bad[i].value;
		if (!tap_eq(fn(m, len), bad[i].want, "bad byte", "refused",
			    __FILE__, __LINE__))
			printf("# %s\n", bad[i].what);
	}
	free(m);
}

#define COUNT(a)                 (sizeof(a) / sizeof((a)[0]))
#define HOLD(fn, good, len, bad) hold(fn, good, len, bad, COUNT(bad), NULL, 0)

/* ---- frames ---- */

static dj_status judge_frame(const uint8_t *h, uint32_t accept)
{
	struct dj_frame f;

	return dj_frame_parse(h, accept, &f);
}

static void a_frame_header_is_read_strictly(void)
{
	const uint32_t all = 0xffffffff;
	uint8_t h[8];
	struct dj_frame f;

	dj_frame_write(h, DJ_FRAME_RECORD, 272);
	eq_mem(h, "\5\1\0\0\0\0\1\x10", 8);
	eq_u64(dj_frame_parse(h, DJ_FRAMES_TO_KEEP, &f), DJ_OK);
	eq_u64(f.type, DJ_FRAME_RECORD);
	eq_u64(f.len, 272);
	h[1] = 2;
	eq_u64(judge_frame(h, all), DJ_E_INPUT);
	h[1] = 1;
	h[3] = 1;
	eq_u64(judge_frame(h, all), DJ_E_INPUT);
	h[3] = 0;
	for (unsigned t = 0; t < 256; t++) {
		bool known = (t >= 1 && t <= 6) || t == 15;

		h[0] = (uint8_t)t;
		h[6] = 0;
		h[7] = 0;
		eq_u64(judge_frame(h, all), known ? DJ_OK : DJ_E_INPUT);
	}
}

static void a_frame_may_have_its_types_limit_and_not_one_more(void)
{
	static const struct {
		uint8_t type;
		uint32_t max;
	} t[] = { { 1, 104 }, { 2, 4096 }, { 3, 262144 }, { 4, 1160 },
		{ 5, 16400 }, { 6, 16384 }, { 15, 256 } };
	uint8_t h[8];

	for (size_t i = 0; i < COUNT(t); i++) {
		eq_u64(dj_frame_max(t[i].type), t[i].max);
		dj_frame_write(h, (enum dj_frame_type)t[i].type, t[i].max);
		eq_u64(judge_frame(h, 0xffffffff), DJ_OK);
		dj_frame_write(h, (enum dj_frame_type)t[i].type, t[i].max + 1);
		eq_u64(judge_frame(h, 0xffffffff), DJ_E_LIMIT);
		dj_frame_write(h, (enum dj_frame_type)t[i].type, UINT32_MAX);
		eq_u64(judge_frame(h, 0xffffffff), DJ_E_LIMIT);
	}
}

static void a_keep_takes_no_evidence_and_a_client_no_hello(void)
{
	static const uint8_t to_keep[] = { 1, 4, 5 };
	static const uint8_t to_client[] = { 2, 3, 5, 15 };
	uint32_t keep = 0, client = 0;
	uint8_t h[8];

	for (uint8_t t = 0; t < 16; t++) {
		dj_frame_write(h, (enum dj_frame_type)t, 0);
		if (judge_frame(h, DJ_FRAMES_TO_KEEP) == DJ_OK)
			keep |= 1u << t;
		if (judge_frame(h, DJ_FRAMES_TO_CLIENT) == DJ_OK)
			client |= 1u << t;
	}
	for (size_t i = 0; i < COUNT(to_keep); i++)
		keep ^= 1u << to_keep[i];
	for (size_t i = 0; i < COUNT(to_client); i++)
		client ^= 1u << to_client[i];
	eq_u64(keep, 0);
	eq_u64(client, 0);
}

/* ---- HELLO ---- */

static dj_status judge_hello(const uint8_t *buf, size_t len)
{
	struct dj_hello h;

	return dj_hello_parse(buf, len, &h);
}

static struct dj_hello a_hello(uint8_t ns, uint8_t nf)
{
	struct dj_hello h = { .suite_count = ns, .format_count = nf };

	memset(h.nonce, 7, sizeof(h.nonce));
	for (uint16_t i = 0; i < 8; i++) {
		h.suites[i] = (uint16_t)(i + 1);
		h.formats[i] = (uint16_t)(0x8001 + i);
	}
	return h;
}

static void a_hello_is_read_back_and_everything_else_refused(void)
{
	static const struct bad bad[] = {
		{ "magic", 0, 'k', DJ_E_INPUT },
		{ "version", 3, '2', DJ_E_INPUT },
		{ "no suites", 4, 0, DJ_E_INPUT },
		{ "one suite more than there is", 4, 3, DJ_E_INPUT },
		{ "nine suites", 4, 9, DJ_E_INPUT },
		{ "nine formats", 5, 9, DJ_E_INPUT },
		{ "mode 2", 6, 2, DJ_E_INPUT },
		{ "mode 1 without a keep id", 6, 1, DJ_E_INPUT },
		{ "class 4", 7, 4, DJ_E_INPUT },
		{ "mode 0 with a keep id", 71, 1, DJ_E_INPUT },
	};
	struct dj_hello h = a_hello(2, 3), r;
	uint8_t buf[DJ_HELLO_MAX];
	size_t len = 0;

	h.minclass = 3;
	eq_u64(dj_hello_write(&h, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, 72 + 10);
	HOLD(judge_hello, buf, len, bad);
	eq_u64(dj_hello_parse(buf, len, &r), DJ_OK);
	eq_u64(r.minclass, 3);
	eq_u64(r.suite_count, 2);
	eq_u64(r.suites[1], 2);
	eq_u64(r.format_count, 3);
	eq_u64(r.formats[2], 0x8003);
	eq_mem(r.nonce, h.nonce, 32);
}

static void a_hello_has_at_most_eight_suites_and_formats(void)
{
	struct dj_hello h = a_hello(8, 8), r;
	uint8_t buf[DJ_HELLO_MAX];
	size_t len = 0;

	h.mode = 1;
	h.keep_id[31] = 1;
	eq_u64(dj_hello_write(&h, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, DJ_HELLO_MAX);
	eq_u64(dj_hello_parse(buf, len, &r), DJ_OK);
	eq_u64(r.formats[7], 0x8008);
	h.suite_count = 9;
	eq_u64(dj_hello_write(&h, buf, sizeof(buf), &len), DJ_E_INPUT);
	h.suite_count = 0;
	eq_u64(dj_hello_write(&h, buf, sizeof(buf), &len), DJ_E_INPUT);
	h.suite_count = 1;
	eq_u64(dj_hello_write(&h, buf, 80, &len), DJ_E_LIMIT);
	h.format_count = 0;
	eq_u64(dj_hello_write(&h, buf, 74, &len), DJ_OK);
	eq_u64(len, 74);
}

/* ---- OFFER ---- */

static dj_status judge_offer(const uint8_t *buf, size_t len)
{
	struct dj_offer o;

	return dj_offer_parse(buf, len, &o);
}

static void an_offer_is_read_back_and_everything_else_refused(void)
{
	static const struct bad bad[] = {
		{ "magic", 3, '2', DJ_E_INPUT },
		{ "suite 0", 5, 0, DJ_E_INPUT },
		{ "an unknown suite", 4, 0x77, DJ_E_INPUT },
		{ "a suite of another key length", 5, 0x11, DJ_E_INPUT },
		{ "state 2", 7, 2, DJ_E_INPUT },
		{ "reserved", 12, 1, DJ_E_INPUT },
		{ "reserved", 15, 1, DJ_E_INPUT },
		{ "key length", 113, 33, DJ_E_INPUT },
		{ "info length", 147, 4, DJ_E_INPUT },
		{ "info length", 147, 2, DJ_E_INPUT },
	};
	uint8_t buf[DJ_OFFER_MAX], pk[32];
	struct dj_offer o = { .suite = DJ_SUITE_X25519_AES256,
		.tee = DJ_TEE_SNP,
		.state = 1,
		.attach_no = 0x01020304,
		.pk = pk,
		.pk_len = 32,
		.info = (const uint8_t *)"abc",
		.info_len = 3 };
	struct dj_offer r;
	size_t len = 0;

	memset(pk, 8, sizeof(pk));
	memset(o.keep_id, 1, 32);
	memset(o.keep_nonce, 2, 32);
	memset(o.config_hash, 3, 32);
	eq_u64(dj_offer_write(&o, buf, sizeof(buf), &len), DJ_OK);
	HOLD(judge_offer, buf, len, bad);
	eq_u64(dj_offer_parse(buf, len, &r), DJ_OK);
	eq_u64(r.suite, o.suite);
	eq_u64(r.tee, DJ_TEE_SNP);
	eq_u64(r.attach_no, o.attach_no);
	eq_mem(r.keep_nonce, o.keep_nonce, 32);
	eq_mem(r.pk, pk, 32);
	eq_u64(r.info_len, 3);
	eq_mem(r.info, "abc", 3);
}

static void offer_info_may_have_1024_bytes_and_not_one_more(void)
{
	static uint8_t buf[DJ_OFFER_MAX + 1], info[1025];
	uint8_t pk[1216] = { 0 };
	struct dj_offer o = { .suite = DJ_SUITE_XWING_AES256,
		.pk = pk,
		.pk_len = 1216,
		.info = info,
		.info_len = 1024 };
	size_t len = 0;

	eq_u64(dj_offer_write(&o, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(judge_offer(buf, len), DJ_OK);
	o.info_len = 1025;
	eq_u64(dj_offer_write(&o, buf, sizeof(buf), &len), DJ_E_INPUT);
	buf[114 + 1216 + 1] = 1; /* 0x0401 */
	eq_u64(judge_offer(buf, len + 1), DJ_E_INPUT);
}

static dj_status judge_info(const uint8_t *buf, size_t len)
{
	struct dj_offer_info i;

	return dj_offer_info_parse(buf, len, &i);
}

static void offer_info_is_read_back_and_unknown_items_are_ignored(void)
{
	static const size_t ends[] = { 0, 12, 24, 36, 48, 60 };
	static const struct bad bad[] = {
		{ "length", 3, 7, DJ_E_INPUT },
		{ "length", 3, 9, DJ_E_INPUT },
		{ "twice", 13, 1, DJ_E_INPUT },
		{ "isa 0", 40, 0, DJ_E_INPUT },
		{ "isa 4", 40, 4, DJ_E_INPUT },
		{ "bounds", 41, 2, DJ_E_INPUT },
		{ "accepted", 42, 2, DJ_E_INPUT },
		{ "reserved", 47, 1, DJ_E_INPUT },
		{ "last length", 63, 1, DJ_E_INPUT },
	};
	struct dj_offer_info i = { .has_max_module = true,
		.has_max_memory = true,
		.has_features = true,
		.has_native = true,
		.has_cpu_level = true,
		.max_module = 1,
		.max_memory = 2,
		.features = 0x7f,
		.native_isa = DJ_ISA_RISCV64,
		.native_bounds = 1,
		.native_accepted = 1,
		.cpu_level = 3 };
	struct dj_offer_info r;
	uint8_t buf[DJ_OFFER_INFO_SIZE + 4];
	size_t len = 0;

	eq_u64(dj_offer_info_write(&i, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, DJ_OFFER_INFO_SIZE);
	memcpy(buf + len, "\0\6\0\0", 4); /* an item of later */
	hold(judge_info, buf, len + 4, bad, COUNT(bad), ends, COUNT(ends));
	eq_u64(dj_offer_info_parse(buf, len, &r), DJ_OK);
	ok(r.has_max_module && r.has_max_memory && r.has_features);
	ok(r.has_native && r.has_cpu_level);
	eq_u64(r.max_module, 1);
	eq_u64(r.max_memory, 2);
	eq_u64(r.features, 0x7f);
	eq_u64(r.native_isa, DJ_ISA_RISCV64);
	eq_u64(r.native_bounds, 1);
	eq_u64(r.native_accepted, 1);
	eq_u64(r.cpu_level, 3);
	eq_u64(dj_offer_info_parse(buf, 12, &r), DJ_OK);
	ok(r.has_max_module && !r.has_features);
}

/* ---- OPEN ---- */

static dj_status judge_open(const uint8_t *buf, size_t len)
{
	struct dj_open o;

	return dj_open_parse(buf, len, &o);
}

static void an_open_is_read_back_and_everything_else_refused(void)
{
	static const struct bad bad[] = {
		{ "mode 2", 32, 2, DJ_E_INPUT },
		{ "mode 0 with a ticket", 32, 0, DJ_E_INPUT },
		{ "reserved", 33, 1, DJ_E_INPUT },
		{ "length", 35, 31, DJ_E_INPUT },
		{ "length", 35, 33, DJ_E_INPUT },
		{ "length", 34, 4, DJ_E_INPUT },
	};
	uint8_t buf[DJ_OPEN_MAX], enc[DJ_OPEN_ENC_MAX];
	struct dj_open o = { .mode = 1,
		.ticket_no = 9,
		.enc = enc,
		.enc_len = 32 };
	struct dj_open r;
	size_t len = 0;

	memset(enc, 5, sizeof(enc));
	memset(o.binding, 6, sizeof(o.binding));
	eq_u64(dj_open_write(&o, buf, sizeof(buf), &len), DJ_OK);
	HOLD(judge_open, buf, len, bad);
	eq_u64(dj_open_parse(buf, len, &r), DJ_OK);
	eq_u64(r.ticket_no, 9);
	eq_mem(r.binding, o.binding, 32);
	eq_mem(r.enc, enc, 32);
	o.enc_len = 1120;
	eq_u64(dj_open_write(&o, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, DJ_OPEN_MAX);
	eq_u64(judge_open(buf, len), DJ_OK);
	o.enc_len = 64;
	eq_u64(dj_open_write(&o, buf, sizeof(buf), &len), DJ_E_INPUT);
	o.enc_len = 32;
	o.mode = 0;
	eq_u64(dj_open_write(&o, buf, sizeof(buf), &len), DJ_E_INPUT);
}

/* ---- EVIDENCE ---- */

static dj_status judge_evidence(const uint8_t *buf, size_t len)
{
	struct dj_evidence e;

	return dj_evidence_parse(buf, len, &e);
}

static void evidence_is_read_back_and_everything_else_refused(void)
{
	static const size_t ends[] = { 4, 14, 22 };
	static const struct bad bad[] = {
		{ "purpose 0", 3, 0, DJ_E_INPUT },
		{ "purpose 4", 3, 4, DJ_E_INPUT },
		{ "tag 0", 5, 0, DJ_E_INPUT },
		{ "tag 11", 23, 11, DJ_E_INPUT },
		{ "tag 0x8001", 22, 0x80, DJ_E_INPUT },
		{ "the same tag twice", 15, 1, DJ_E_INPUT },
		{ "descending", 5, 3, DJ_E_INPUT },
		{ "reserved", 7, 1, DJ_E_INPUT },
		{ "length", 11, 3, DJ_E_INPUT },
		{ "a length of 4 GiB", 8, 0xff, DJ_E_INPUT },
	};
	struct dj_evidence e = { .format = 0x8001,
		.purpose = DJ_PURPOSE_AGAIN };
	struct dj_evidence r;
	uint8_t buf[100];
	size_t len = 0;

	e.item[1] = (struct dj_evidence_item){ (const uint8_t *)"ab", 2 };
	e.item[2] = (struct dj_evidence_item){ (const uint8_t *)"", 0 };
	e.item[10] = (struct dj_evidence_item){ (const uint8_t *)"xyz", 3 };
	eq_u64(dj_evidence_write(&e, buf, sizeof(buf), &len), DJ_OK);
	hold(judge_evidence, buf, len, bad, COUNT(bad), ends, COUNT(ends));
	eq_u64(dj_evidence_parse(buf, len, &r), DJ_OK);
	eq_u64(r.format, 0x8001);
	eq_u64(r.purpose, DJ_PURPOSE_AGAIN);
	eq_u64(r.item[1].len, 2);
	eq_mem(r.item[1].p, "ab", 2);
	ok(r.item[2].p != NULL && r.item[2].len == 0);
	ok(r.item[3].p == NULL);
	eq_mem(r.item[10].p, "xyz", 3);
	eq_u64(dj_evidence_write(&e, buf, len - 1, &len), DJ_E_LIMIT);
}

static void evidence_may_fill_its_frame_and_not_one_byte_more(void)
{
	static uint8_t big[DJ_EVIDENCE_MAX], buf[DJ_EVIDENCE_MAX + 1];
	struct dj_evidence e = { .format = 2, .purpose = DJ_PURPOSE_OFFER };
	size_t len = 0;

	e.item[1] = (struct dj_evidence_item){ big, sizeof(big) - 12 };
	eq_u64(dj_evidence_write(&e, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, DJ_EVIDENCE_MAX);
	eq_u64(judge_evidence(buf, len), DJ_OK);
	eq_u64(judge_evidence(buf, len + 1), DJ_E_LIMIT);
	e.item[1].len++;
	eq_u64(dj_evidence_write(&e, buf, sizeof(buf), &len), DJ_E_LIMIT);
}

static void the_crls_of_an_item_come_one_by_one(void)
{
	uint8_t buf[20];
	struct dj_wr w = dj_wr_of(buf, sizeof(buf));
	struct dj_evidence_item crl;
	struct dj_rd r;
	size_t len = 0;

	dj_evidence_crl_write(&w, "abc", 3);
	dj_evidence_crl_write(&w, "d", 1);
	eq_u64(dj_wr_end(&w, &len), DJ_OK);
	r = dj_rd_of(buf, len);
	ok(dj_evidence_crl(&r, &crl) && crl.len == 3);
	ok(dj_evidence_crl(&r, &crl) && crl.len == 1 && *crl.p == 'd');
	ok(!dj_evidence_crl(&r, &crl));
	eq_u64(dj_rd_end(&r), DJ_OK);
	r = dj_rd_of(buf, len - 1);
	ok(dj_evidence_crl(&r, &crl));
	ok(!dj_evidence_crl(&r, &crl));
	eq_u64(dj_rd_end(&r), DJ_E_INPUT);
}

static dj_status judge_bundle(const uint8_t *buf, size_t len)
{
	struct dj_bundle b;

	return dj_bundle_parse(buf, len, &b);
}

static void a_bundle_is_read_back_and_its_parts_are_bounded(void)
{
	static const struct bad bad[] = {
		{ "magic", 3, '2', DJ_E_INPUT },
		{ "HELLO over its limit", 7, 105, DJ_E_LIMIT },
		{ "OFFER over its limit", 11, 0x10, DJ_E_LIMIT },
	};
	struct dj_bundle b = { .hello = { (const uint8_t *)"he", 2 },
		.offer = { (const uint8_t *)"off", 3 },
		.evidence = { (const uint8_t *)"evid", 4 } };
	struct dj_bundle r;
	uint8_t buf[64];
	size_t len = 0;

	eq_u64(dj_bundle_write(&b, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(dj_bundle_parse(buf, len, &r), DJ_OK);
	eq_u64(r.hello.len, 2);
	eq_u64(r.offer.len, 3);
	eq_u64(r.evidence.len, 4);
	eq_mem(r.evidence.p, "evid", 4);
	/* EVIDENCE is what is left, so every cut in it is a shorter one. */
	for (size_t n = 0; n < 17; n++)
		eq_u64(judge_bundle(buf, n), DJ_E_INPUT);
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint8_t m[64];

		memcpy(m, buf, len);
		m[bad[i].off] = bad[i].value;
		if (i == 2)
			m[12] = 0x10;
		ok(judge_bundle(m, len) != DJ_OK);
	}
	b.hello.len = 105;
	eq_u64(dj_bundle_write(&b, buf, sizeof(buf), &len), DJ_E_LIMIT);
}

/* ---- records ---- */

static void a_record_takes_the_smallest_class_that_fits(void)
{
	static const struct {
		size_t len;
		uint8_t minclass, want;
	} t[] = { { 0, 0, 0 }, { 240, 0, 0 }, { 241, 0, 1 }, { 1008, 0, 1 },
		{ 1009, 0, 2 }, { 4080, 0, 2 }, { 4081, 0, 3 }, { 16368, 0, 3 },
		{ 0, 1, 1 }, { 0, 3, 3 }, { 16368, 3, 3 } };
	uint8_t c = 9;

	for (size_t i = 0; i < COUNT(t); i++) {
		eq_u64(dj_class_of(t[i].len, t[i].minclass, &c), DJ_OK);
		eq_u64(c, t[i].want);
	}
	eq_u64(dj_class_of(16369, 0, &c), DJ_E_LIMIT);
	eq_u64(dj_class_of(0, 4, &c), DJ_E_LIMIT);
	eq_u64(c, 3);
	for (size_t n = 0, lens = 0; n < 17000; n++) {
		lens += dj_record_len_ok(n);
		if (n == 16999)
			eq_u64(lens, 4);
	}
	ok(dj_record_len_ok(272) && dj_record_len_ok(1040) &&
		dj_record_len_ok(4112) && dj_record_len_ok(16400));
}

static void kinds_go_in_their_direction_only(void)
{
	unsigned c = 0, k = 0, named = 0;

	for (unsigned i = 0; i < 256; i++) {
		bool from_c = dj_kind_from_client((uint8_t)i);
		bool from_k = dj_kind_from_keep((uint8_t)i);

		c += from_c;
		k += from_k;
		named += dj_kind_name((uint8_t)i) != NULL;
		ok((from_c || from_k) == (dj_kind_name((uint8_t)i) != NULL));
	}
	eq_u64(c, 14);
	eq_u64(k, 9);
	eq_u64(named, 19);
	ok(!dj_kind_from_client(DJ_KIND_READY));
	ok(!dj_kind_from_keep(DJ_KIND_CLAIM));
	ok(dj_kind_from_keep(DJ_KIND_DATA) && dj_kind_from_client(6));
	eq_str(dj_kind_name(DJ_KIND_AGAIN_RD), "AGAIN_RD");
}

static dj_status judge_claim(const uint8_t *buf, size_t len)
{
	struct dj_claim c;

	return dj_claim_parse(DJ_KIND_CLAIM, buf, len, &c);
}

static dj_status judge_resume(const uint8_t *buf, size_t len)
{
	struct dj_claim c;

	return dj_claim_parse(DJ_KIND_RESUME, buf, len, &c);
}

static void a_claim_has_an_owner_part_or_none(void)
{
	static const struct bad bad[] = {
		{ "length 128", 0, 128, DJ_E_INPUT },
		{ "length 130", 0, 130, DJ_E_INPUT },
		{ "no owner, but bytes", 0, 0, DJ_E_INPUT },
	};
	uint8_t owner[DJ_OWNER_PART], buf[200];
	struct dj_claim c;
	size_t len = 0;

	memset(owner, 4, sizeof(owner));
	eq_u64(dj_claim_write(NULL, NULL, 0, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, 1);
	eq_u64(dj_claim_parse(DJ_KIND_CLAIM, buf, len, &c), DJ_OK);
	ok(c.owner == NULL && c.stream_count == 0);
	eq_u64(dj_claim_write(owner, NULL, 0, buf, sizeof(buf), &len), DJ_OK);
	HOLD(judge_claim, buf, len, bad);
	eq_u64(dj_claim_parse(DJ_KIND_CLAIM, buf, len, &c), DJ_OK);
	eq_mem(c.owner, owner, sizeof(owner));
}

static void a_resume_lists_its_streams_ascending(void)
{
	static const size_t ends[] = { 1, 10 };
	static const struct bad bad[] = {
		{ "the same stream twice", 10, 1, DJ_E_INPUT },
		{ "descending", 10, 0, DJ_E_INPUT },
	};
	struct dj_resume_stream s[2] = { { 1, 1024 }, { 33, UINT64_MAX } };
	struct dj_claim c;
	uint8_t buf[64];
	uint64_t next;
	size_t len = 0;

	eq_u64(dj_claim_write(NULL, s, 2, buf, sizeof(buf), &len), DJ_OK);
	hold(judge_resume, buf, len, bad, COUNT(bad), ends, COUNT(ends));
	eq_u64(dj_claim_parse(DJ_KIND_RESUME, buf, len, &c), DJ_OK);
	eq_u64(c.stream_count, 2);
	eq_u64(dj_claim_stream(&c, 0, &next), 1);
	eq_u64(next, 1024);
	eq_u64(dj_claim_stream(&c, 1, &next), 33);
	eq_u64(next, UINT64_MAX);
	s[1].stream = 1;
	eq_u64(dj_claim_write(NULL, s, 2, buf, sizeof(buf), &len), DJ_E_INPUT);
}

static dj_status judge_ready(const uint8_t *buf, size_t len)
{
	struct dj_ready r;

	return dj_ready_parse(buf, len, &r);
}

static void a_ready_is_read_back_and_everything_else_refused(void)
{
	static const struct bad bad[] = {
		{ "phase 4", 48, 4, DJ_E_INPUT },
		{ "reserved", 49, 1, DJ_E_INPUT },
		{ "reserved", 55, 1, DJ_E_INPUT },
	};
	struct dj_ready m = { .attach_no = 2,
		.ticket_no = 3,
		.stdin_next = 12,
		.phase = DJ_PHASE_EXITED,
		.module_next = 77 };
	struct dj_ready r;
	uint8_t buf[DJ_READY_SIZE];

	memset(m.keep_id, 8, sizeof(m.keep_id));
	dj_ready_write(&m, buf);
	HOLD(judge_ready, buf, sizeof(buf), bad);
	eq_u64(dj_ready_parse(buf, sizeof(buf), &r), DJ_OK);
	eq_u64(r.attach_no, 2);
	eq_u64(r.ticket_no, 3);
	eq_mem(r.keep_id, m.keep_id, 32);
	eq_u64(r.stdin_next, 12);
	eq_u64(r.phase, 3);
	eq_u64(r.module_next, 77);
}

static dj_status judge_exit(const uint8_t *buf, size_t len)
{
	struct dj_exit e;

	return dj_exit_parse(buf, len, &e);
}

static void an_exit_is_read_back_and_everything_else_refused(void)
{
	static const struct bad bad[] = {
		{ "how 6", 0, 6, DJ_E_INPUT },
		{ "a trap without a number", 1, 0, DJ_E_INPUT },
		{ "trap 14", 1, 14, DJ_E_INPUT },
		{ "an exit with a trap", 0, 0, DJ_E_INPUT },
		{ "limit 13", 0, 4, DJ_E_INPUT },
		{ "reserved", 2, 1, DJ_E_INPUT },
	};
	struct dj_exit e = { .how = DJ_EXIT_TRAP,
		.trap = 13,
		.code = 0xfffffffe,
		.stdout_len = 1,
		.stderr_len = 2 };
	struct dj_exit r;
	uint8_t buf[DJ_EXIT_SIZE];

	memset(e.module_hash, 9, 32);
	dj_exit_write(&e, buf);
	HOLD(judge_exit, buf, sizeof(buf), bad);
	eq_u64(dj_exit_parse(buf, sizeof(buf), &r), DJ_OK);
	eq_u64(r.code, 0xfffffffe);
	eq_u64(r.stderr_len, 2);
	eq_mem(r.module_hash, e.module_hash, 32);
	eq_str(dj_exit_trap_name(13), "array out of bounds");
	ok(dj_exit_trap_name(0) == NULL && dj_exit_trap_name(14) == NULL);
	e.how = DJ_EXIT_LIMIT;
	for (e.trap = 0; e.trap < 6; e.trap++) {
		dj_exit_write(&e, buf);
		eq_u64(judge_exit(buf, sizeof(buf)),
			e.trap >= 1 && e.trap <= 3 ? DJ_OK : DJ_E_INPUT);
	}
}

static void the_small_bodies_are_read_strictly(void)
{
	uint8_t buf[33] = { 0 }, nonce[32];
	struct dj_inner in = { .off = 10, .data = buf, .len = 8 };
	uint64_t limit = 0;
	uint16_t code = 0;

	dj_ack_write(11, buf);
	eq_u64(dj_ack_parse(&in, &limit), DJ_OK);
	eq_u64(limit, 11);
	in.off = 11;
	eq_u64(dj_ack_parse(&in, &limit), DJ_OK);
	in.off = 12; /* wants a byte that it does not allow */
	eq_u64(dj_ack_parse(&in, &limit), DJ_E_INPUT);
	in.off = 0;
	in.len = 7;
	eq_u64(dj_ack_parse(&in, &limit), DJ_E_INPUT);
	in.len = 9;
	eq_u64(dj_ack_parse(&in, &limit), DJ_E_INPUT);

	dj_fail_write(DJ_ERROR_BAD_ORDER, buf);
	eq_u64(dj_fail_parse(buf, 2, &code), DJ_OK);
	eq_u64(code, 13);
	eq_u64(dj_fail_parse(buf, 1, &code), DJ_E_INPUT);
	eq_u64(dj_fail_parse(buf, 3, &code), DJ_E_INPUT);
	dj_fail_write(0, buf);
	eq_u64(dj_fail_parse(buf, 2, &code), DJ_E_INPUT);
	dj_fail_write(19, buf);
	eq_u64(dj_fail_parse(buf, 2, &code), DJ_E_INPUT);

	eq_u64(dj_again_parse(buf, 31, nonce), DJ_E_INPUT);
	eq_u64(dj_again_parse(buf, 33, nonce), DJ_E_INPUT);
	eq_u64(dj_again_parse(buf, 32, nonce), DJ_OK);
}

/* ---- BEGIN ---- */

static dj_status judge_begin(const uint8_t *buf, size_t len)
{
	struct dj_begin b;

	return dj_begin_parse(buf, len, &b);
}

static const struct dj_limits some_limits = { 1, 2, 3, 4 };

static size_t a_begin(uint8_t *buf, size_t cap)
{
	static const uint8_t hash[32] = { 1, 2, 3 };
	struct dj_wr w = dj_wr_of(buf, cap);
	size_t len = 0;

	dj_begin_write_head(&w, 1000, hash, DJ_MODULE_WASM);
	dj_begin_write_arg(&w, "a0", 2);                             /* 48 */
	dj_begin_write_arg(&w, "", 0);                               /* 54 */
	dj_begin_write_env(&w, "A=b", 3);                            /* 58 */
	dj_begin_write_preopen(&w, DJ_PREOPEN_TREE, 0, 16, "/t", 2); /* 65 */
	dj_begin_write_preopen(&w, DJ_PREOPEN_MEMORY, 1, 0, "/", 1); /* 75 */
	dj_begin_write_stream(&w, 32, DJ_DIR_BOTH, "n", 1);          /* 84 */
	dj_begin_write_limits(&w, &some_limits);                     /* 91 */
	dj_begin_write_stream(&w, 255, DJ_DIR_IN, "m", 1);           /* 119 */
	eq_u64(dj_wr_end(&w, &len), DJ_OK);
	eq_u64(len, 126);
	return len;
}

static void a_begin_is_read_back_in_order(void)
{
	struct dj_begin_item it = { 0 };
	uint8_t buf[300];
	struct dj_begin b;
	size_t len = a_begin(buf, sizeof(buf)), at = 0;

	eq_u64(dj_begin_parse(buf, len, &b), DJ_OK);
	eq_u64(b.module_len, 1000);
	eq_u64(b.module_hash[2], 3);
	eq_u64(b.arg_count, 2);
	eq_u64(b.arg_bytes, 2);
	eq_u64(b.env_count, 1);
	eq_u64(b.env_bytes, 3);
	eq_u64(b.preopen_count, 2);
	eq_u64(b.stream_count, 2);
	ok(memcmp(&b.limits, &some_limits, sizeof(some_limits)) == 0);
	ok(dj_begin_next(&b, &at, &it) && it.tag == DJ_BEGIN_ARG);
	eq_mem(it.text, "a0", 2);
	ok(dj_begin_next(&b, &at, &it) && it.text_len == 0);
	ok(dj_begin_next(&b, &at, &it) && it.tag == DJ_BEGIN_ENV);
	ok(dj_begin_next(&b, &at, &it) && it.tag == DJ_BEGIN_PREOPEN);
	ok(it.kind == DJ_PREOPEN_TREE && it.stream == 16 && it.flags == 0);
	ok(dj_begin_next(&b, &at, &it) && it.kind == DJ_PREOPEN_MEMORY);
	eq_u64(it.flags, DJ_PREOPEN_RETURN);
	ok(dj_begin_next(&b, &at, &it) && it.tag == DJ_BEGIN_STREAM);
	ok(it.stream == 32 && it.dir == DJ_DIR_BOTH && it.text[0] == 'n');
	ok(dj_begin_next(&b, &at, &it) && it.stream == 255);
	ok(!dj_begin_next(&b, &at, &it));
}

static void everything_else_is_no_begin(void)
{
	static const size_t ends[] = { 48, 54, 58, 65, 75, 84, 91, 119 };
	static const struct bad bad[] = {
		{ "format", 40, 2, DJ_E_INPUT },
		{ "reserved", 41, 1, DJ_E_INPUT },
		{ "reserved", 47, 1, DJ_E_INPUT },
		{ "tag 0", 49, 0, DJ_E_UNSUPPORTED },
		{ "tag 6", 49, 6, DJ_E_UNSUPPORTED },
		{ "tag 0x7f01", 48, 0x7f, DJ_E_UNSUPPORTED },
		{ "NUL in an argument", 53, 0, DJ_E_INPUT },
		{ "an env without =", 63, 'x', DJ_E_INPUT },
		{ "an env without a name", 62, '=', DJ_E_INPUT },
		{ "NUL in an env", 64, 0, DJ_E_INPUT },
		{ "preopen kind 0", 69, 0, DJ_E_INPUT },
		{ "preopen kind 4", 69, 4, DJ_E_INPUT },
		{ "preopen flags", 70, 2, DJ_E_INPUT },
		{ "a tree without a stream", 71, 0, DJ_E_INPUT },
		{ "a tree on stream 15", 71, 15, DJ_E_INPUT },
		{ "a tree on stream 32", 71, 32, DJ_E_INPUT },
		{ "preopen reserved", 72, 1, DJ_E_INPUT },
		{ "NUL in a path", 74, 0, DJ_E_INPUT },
		{ "an empty tree with a stream", 81, 17, DJ_E_INPUT },
		{ "stream 31", 88, 31, DJ_E_INPUT },
		{ "a stream number twice", 88, 255, DJ_E_INPUT },
		{ "a stream name twice", 90, 'm', DJ_E_INPUT },
		{ "direction 0", 89, 0, DJ_E_INPUT },
		{ "direction 4", 89, 4, DJ_E_INPUT },
		{ "limits too short", 94, 23, DJ_E_INPUT },
		{ "an item past the end", 122, 4, DJ_E_INPUT },
		{ "an empty name", 122, 2, DJ_E_INPUT },
	};
	uint8_t buf[300];
	size_t len = a_begin(buf, sizeof(buf));

	hold(judge_begin, buf, len, bad, COUNT(bad), ends, COUNT(ends));
}

static void limits_may_stand_once_and_later_tags_are_ignored(void)
{
	static const uint8_t hash[32];
	struct dj_begin_item it;
	uint8_t buf[300];
	struct dj_wr w = dj_wr_of(buf, sizeof(buf));
	struct dj_begin b;
	size_t len = 0, at = 0;

	dj_begin_write_head(&w, 0, hash, DJ_MODULE_NATIVE);
	dj_wr_bytes(&w, "\x80\0\0\1x\xff\xff\0\0", 9);
	dj_begin_write_limits(&w, &some_limits);
	eq_u64(dj_wr_end(&w, &len), DJ_OK);
	eq_u64(dj_begin_parse(buf, len, &b), DJ_OK);
	ok(!dj_begin_next(&b, &at, &it));
	dj_begin_write_limits(&w, &some_limits);
	eq_u64(dj_wr_end(&w, &len), DJ_OK);
	eq_u64(judge_begin(buf, len), DJ_E_INPUT);
}

static void a_begin_may_have_1_mib_and_not_one_byte_more(void)
{
	static const uint8_t hash[32];
	static uint8_t buf[DJ_BEGIN_MAX + 100000];
	static char arg[65536];
	struct dj_wr w = dj_wr_of(buf, sizeof(buf));
	size_t len = 0, rest;

	memset(arg, 'a', sizeof(arg));
	dj_begin_write_head(&w, 0, hash, DJ_MODULE_WASM);
	while (w.len + 4 + 60000 <= DJ_BEGIN_MAX - 4)
		dj_begin_write_arg(&w, arg, 60000);
	rest = DJ_BEGIN_MAX - w.len - 4;
	dj_begin_write_arg(&w, arg, rest);
	eq_u64(dj_wr_end(&w, &len), DJ_OK);
	eq_u64(len, DJ_BEGIN_MAX);
	eq_u64(judge_begin(buf, len), DJ_OK);
	eq_u64(judge_begin(buf, len + 1), DJ_E_LIMIT);
	dj_begin_write_arg(&w, "", 0);
	eq_u64(dj_wr_end(&w, &len), DJ_E_LIMIT);
	w = dj_wr_of(buf, sizeof(buf));
	dj_begin_write_arg(&w, arg, 65535);
	eq_u64(w.err, DJ_OK);
	dj_begin_write_arg(&w, arg, 65536);
	eq_u64(w.err, DJ_E_LIMIT);
}

/* ---- the launch configuration block ---- */

static dj_status judge_config(const uint8_t *buf, size_t len)
{
	struct dj_config c;

	return dj_config_parse(buf, len, &c);
}

static void a_launch_block_is_read_back_and_everything_else_refused(void)
{
	static const size_t ends[] = { 48, 60 };
	static const struct bad bad[] = {
		{ "magic", 3, '2', DJ_E_INPUT },
		{ "unknown flag", 5, 0x0f, DJ_E_INPUT },
		{ "unknown flag", 4, 1, DJ_E_INPUT },
		{ "an owner that is not required", 5, 6, DJ_E_INPUT },
		{ "reserved", 7, 1, DJ_E_INPUT },
		{ "length of the memory item", 51, 7, DJ_E_INPUT },
		{ "the same item twice", 61, 1, DJ_E_INPUT },
		{ "time policy 4", 64, 4, DJ_E_INPUT },
		{ "a policy without a time, with one", 64, 0, DJ_E_INPUT },
	};
	struct dj_config c = { .flags = 7,
		.max_memory_pages = 100,
		.max_module_bytes = 200,
		.total_memory = 1 << 20,
		.time_policy = DJ_TIME_FIXED,
		.time_ns = 5 };
	struct dj_config r;
	uint8_t buf[200];
	size_t len = 0;

	c.owner[0] = 1;
	eq_u64(dj_config_write(&c, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, 73);
	hold(judge_config, buf, len, bad, COUNT(bad), ends, COUNT(ends));
	eq_u64(dj_config_parse(buf, len, &r), DJ_OK);
	eq_u64(r.flags, 7);
	eq_u64(r.max_memory_pages, 100);
	eq_u64(r.max_module_bytes, 200);
	eq_u64(r.total_memory, 1 << 20);
	eq_u64(r.time_policy, DJ_TIME_FIXED);
	eq_u64(r.time_ns, 5);
	memset(buf + 8, 0, 32);
	eq_u64(judge_config(buf, len), DJ_E_INPUT);
	buf[5] = 0;
	eq_u64(judge_config(buf, len), DJ_OK);
	memset(buf + 52, 0, 8); /* no memory at all */
	eq_u64(judge_config(buf, len), DJ_E_INPUT);
}

static void an_absent_item_of_a_launch_block_has_its_default(void)
{
	struct dj_config c = { .total_memory = DJ_CONFIG_MEMORY_DEFAULT }, r;
	static uint8_t buf[DJ_CONFIG_MAX + 1];
	size_t len = 0;

	eq_u64(dj_config_write(&c, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, DJ_CONFIG_HEAD);
	eq_u64(dj_config_parse(buf, len, &r), DJ_OK);
	eq_u64(r.total_memory, UINT64_C(256) << 20);
	eq_u64(r.time_policy, DJ_TIME_HOST);
	/* An unknown item that fills the block, and one byte more. */
	buf[48] = 0x12;
	buf[50] = (DJ_CONFIG_MAX - 52) >> 8;
	buf[51] = (DJ_CONFIG_MAX - 52) & 0xff;
	eq_u64(judge_config(buf, DJ_CONFIG_MAX), DJ_OK);
	eq_u64(judge_config(buf, DJ_CONFIG_MAX + 1), DJ_E_LIMIT);
	c.flags = 8;
	eq_u64(dj_config_write(&c, buf, sizeof(buf), &len), DJ_E_INPUT);
}

/* Which of two sizes holds must not be a question. */
static void an_item_of_a_launch_block_stands_once(void)
{
	static const uint8_t items[][12] = { { 0, 1, 0, 8, 0, 0, 0, 0, 1 },
		{ 0, 2, 0, 1, DJ_TIME_COUNTING } };
	static const size_t lens[] = { 12, 5 };
	struct dj_config c = { .total_memory = DJ_CONFIG_MEMORY_DEFAULT };
	uint8_t buf[100];
	size_t len = 0;

	eq_u64(dj_config_write(&c, buf, sizeof(buf), &len), DJ_OK);
	for (size_t i = 0; i < COUNT(items); i++) {
		memcpy(buf + len, items[i], lens[i]);
		memcpy(buf + len + lens[i], items[i], lens[i]);
		eq_u64(judge_config(buf, len + lens[i]), DJ_OK);
		eq_u64(judge_config(buf, len + 2 * lens[i]), DJ_E_INPUT);
	}
}

/* ---- errors, names ---- */

static void an_error_says_its_name_and_prints_safely(void)
{
	uint8_t buf[300];
	char text[DJ_ERROR_TEXT_MAX + 1], lng[400];
	struct dj_error_msg m;
	size_t len = 0;

	eq_u64(dj_error_write(DJ_ERROR_BUSY, NULL, buf, sizeof(buf), &len),
		DJ_OK);
	eq_u64(dj_error_parse(buf, len, &m), DJ_OK);
	eq_u64(m.code, 16);
	dj_error_text(&m, text);
	eq_str(text, "BUSY");
	memcpy(buf + 2, "\x1b[2J", 4);
	dj_error_text(&m, text);
	eq_str(text, "?[2J");
	memset(lng, 'x', sizeof(lng));
	lng[399] = '\0';
	eq_u64(dj_error_write(1, lng, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, DJ_ERROR_MAX);
	eq_u64(dj_error_parse(buf, len, &m), DJ_OK);
	dj_error_text(&m, text);
	eq_u64(strlen(text), DJ_ERROR_TEXT_MAX);
	eq_u64(dj_error_parse(buf, len + 1, &m), DJ_E_LIMIT);
	eq_u64(dj_error_parse(buf, 1, &m), DJ_E_INPUT);
	eq_u64(dj_error_parse(buf, 2, &m), DJ_OK);
	eq_str(dj_error_name(34), "EVIDENCE");
	ok(dj_error_name(19) == NULL && dj_error_name(31) == NULL &&
		dj_error_name(35) == NULL && dj_error_name(65535) == NULL);
}

static void tees_and_features_have_names(void)
{
	unsigned tees = 0;

	for (unsigned i = 0; i < 256; i++)
		tees += dj_tee_name((uint8_t)i) != NULL;
	eq_u64(tees, 7);
	eq_str(dj_tee_name(0x41), "process");
	for (unsigned i = 0; i < DJ_FEATURE_COUNT; i++)
		ok(dj_feature_name(i) != NULL);
	ok(dj_feature_name(DJ_FEATURE_COUNT) == NULL);
	eq_str(dj_feature_name(6), "simd");
}

int main(void)
{
	RUN(a_frame_header_is_read_strictly);
	RUN(a_frame_may_have_its_types_limit_and_not_one_more);
	RUN(a_keep_takes_no_evidence_and_a_client_no_hello);
	RUN(a_hello_is_read_back_and_everything_else_refused);
	RUN(a_hello_has_at_most_eight_suites_and_formats);
	RUN(an_offer_is_read_back_and_everything_else_refused);
	RUN(offer_info_may_have_1024_bytes_and_not_one_more);
	RUN(offer_info_is_read_back_and_unknown_items_are_ignored);
	RUN(an_open_is_read_back_and_everything_else_refused);
	RUN(evidence_is_read_back_and_everything_else_refused);
	RUN(evidence_may_fill_its_frame_and_not_one_byte_more);
	RUN(the_crls_of_an_item_come_one_by_one);
	RUN(a_bundle_is_read_back_and_its_parts_are_bounded);
	RUN(a_record_takes_the_smallest_class_that_fits);
	RUN(kinds_go_in_their_direction_only);
	RUN(a_claim_has_an_owner_part_or_none);
	RUN(a_resume_lists_its_streams_ascending);
	RUN(a_ready_is_read_back_and_everything_else_refused);
	RUN(an_exit_is_read_back_and_everything_else_refused);
	RUN(the_small_bodies_are_read_strictly);
	RUN(a_begin_is_read_back_in_order);
	RUN(everything_else_is_no_begin);
	RUN(limits_may_stand_once_and_later_tags_are_ignored);
	RUN(a_begin_may_have_1_mib_and_not_one_byte_more);
	RUN(a_launch_block_is_read_back_and_everything_else_refused);
	RUN(an_absent_item_of_a_launch_block_has_its_default);
	RUN(an_item_of_a_launch_block_stands_once);
	RUN(an_error_says_its_name_and_prints_safely);
	RUN(tees_and_features_have_names);
	return done();
}
