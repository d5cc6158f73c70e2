// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "keep/session.h"
#include "keep/shim.h"
#include "lib/crypto/hmac.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/config.h"
#include "lib/session/binding.h"
#include "tests/support/ksp_client.h"
#include "tests/tap.h"

/* On the heap: the scans of the Keep's memory must not find the client's. */
static struct ksp_client *c;

static void start_with(const struct dj_config *cfg)
{
	uint8_t block[DJ_CONFIG_MAX];
	size_t len = 0;

	if (c == NULL)
		c = calloc(1, sizeof(*c));
	ksp_init(c);
	if (cfg != NULL) {
		eq_u64(dj_config_write(cfg, block, sizeof(block), &len), DJ_OK);
		dj_sha256(block, len, c->config_hash);
	}
	fake_start(dj_keep_main, block, len);
	eq_u64(fake_run(), FAKE_WAITS);
}

static void start(void)
{
	start_with(NULL);
}

static struct dj_config config(void)
{
	return (struct dj_config){
		.max_memory_pages = 256,
		.max_module_bytes = 1 << 20,
		.total_memory = DJ_CONFIG_MEMORY_DEFAULT,
	};
}

/* Sends a frame and takes the answer, which must be an ERROR. */
static uint16_t answer(const uint8_t *frame, size_t len)
{
	struct dj_inner in;

	ksp_send_frame(c, frame, len);
	if (fake.state == FAKE_HALTED)
		return 0xffff;
	(void)ksp_recv(c, &in);
	return c->error;
}

static void set_len(uint8_t *frame, size_t payload)
{
	for (int i = 0; i < 4; i++)
		frame[4 + i] = (uint8_t)(payload >> (24 - 8 * i));
}

/* ---- the way that works ---- */

static void a_handshake_ends_in_READY(void)
{
	struct dj_config cfg = config();
	struct dj_offer_info info;

	for (uint16_t suite = 1; suite <= 2; suite++) {
		start_with(&cfg);
		c->suite = suite;
		ok(ksp_connect(c, DJ_MODE_NEW));
		eq_u64(c->off.suite, suite);
		eq_u64(c->off.tee, 0x41);
		eq_u64(c->off.state, DJ_KEEP_FRESH);
		eq_u64(c->off.attach_no, 0);
		eq_mem(c->off.config_hash, c->config_hash, 32);
		eq_u64(dj_offer_info_parse(c->off.info, c->off.info_len, &info),
			DJ_OK);
		eq_u64(info.max_module, 1 << 20);
		eq_u64(info.max_memory, 256 << 16);
		ok(!info.native_accepted);
		eq_u64(c->ready.attach_no, 1);
		eq_u64(c->ready.ticket_no, 1);
		eq_u64(c->ready.phase, DJ_PHASE_EMPTY);
	}
}

static void an_idle_Keep_holds_less_than_a_quarter_megabyte(void)
{
	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	ok(fake.committed <= 256 << 10);
}

static void each_Keep_and_each_offer_is_another(void)
{
	uint8_t id[32], nonce[32], pk[32];

	start();
	ok(ksp_offered(c, DJ_MODE_NEW));
	memcpy(id, c->off.keep_id, 32);
	memcpy(nonce, c->off.keep_nonce, 32);
	memcpy(pk, c->off.pk, 32);
	ok(ksp_offered(c, DJ_MODE_NEW));
	eq_mem(c->off.keep_id, id, 32);
	ok(memcmp(c->off.keep_nonce, nonce, 32) != 0);
	ok(memcmp(c->off.pk, pk, 32) != 0);
	start();
	fake_start(dj_keep_main, NULL, 0);
	fake.random_state = 2;
	(void)fake_run();
	ok(ksp_offered(c, DJ_MODE_NEW));
	ok(memcmp(c->off.keep_id, id, 32) != 0);
}

static void a_Keep_without_randomness_never_starts(void)
{
	fake_start(dj_keep_main, NULL, 0);
	fake.no_random = true;
	eq_u64(fake_run(), FAKE_HALTED);
	eq_u64(fake.halt, DJ_HALT_RANDOM);

	start();
	fake.no_random = true;
	ksp_make_hello(c, DJ_MODE_NEW);
	eq_u64(answer(c->hello, c->hello_len), 0xffff);
	eq_u64(fake.halt, DJ_HALT_RANDOM);
}

static void a_block_that_does_not_parse_halts_by_name(void)
{
	uint8_t block[DJ_CONFIG_MAX + 1] = "KCF1";
	struct dj_config cfg = config();
	uint32_t len = DJ_CONFIG_MAX + 1;
	size_t n;

	fake_start(dj_keep_main, block, 4);
	eq_u64(fake_run(), FAKE_HALTED);
	eq_u64(fake.halt, DJ_HALT_CONFIG);
	fake_start(dj_keep_main, NULL, 0);
	memcpy(fake.region + DJ_HC_CONFIG_OFF, &len, sizeof(len));
	eq_u64(fake_run(), FAKE_HALTED);
	eq_u64(fake.halt, DJ_HALT_CONFIG);

	cfg.total_memory = 4096;
	eq_u64(dj_config_write(&cfg, block, sizeof(block), &n), DJ_OK);
	fake_start(dj_keep_main, block, n);
	eq_u64(fake_run(), FAKE_HALTED);
	eq_u64(fake.halt, DJ_HALT_MEMORY);
}

static void without_evidence_there_is_no_offer(void)
{
	start();
	fake.no_report = true;
	ksp_make_hello(c, DJ_MODE_NEW);
	eq_u64(answer(c->hello, c->hello_len), DJ_ERROR_NO_EVIDENCE);
	fake.no_report = false;
	ok(ksp_offered(c, DJ_MODE_NEW));
	ok(ksp_make_open(c, DJ_MODE_NEW));
	fake.no_report = true;
	ksp_make_hello(c, DJ_MODE_NEW);
	eq_u64(answer(c->hello, c->hello_len), DJ_ERROR_NO_EVIDENCE);
	eq_u64(answer(c->open, c->open_len), DJ_ERROR_NO_OFFER);
}

/* ---- what is refused, bit by bit ---- */

static void every_truncation_of_HELLO_is_BAD_HELLO(void)
{
	start();
	for (size_t n = 0; n < 200; n++) {
		ksp_make_hello(c, DJ_MODE_NEW);
		if (8 + n == c->hello_len)
			continue;
		set_len(c->hello, n);
		if (8 + n > sizeof(c->hello))
			break;
		eq_u64(answer(c->hello, 8 + n), DJ_ERROR_BAD_HELLO);
	}
}

static void every_bit_of_HELLO_is_refused_or_bound(void)
{
	size_t bits, bound = 0;

	start();
	ksp_make_hello(c, DJ_MODE_NEW);
	bits = (c->hello_len - 8) * 8;
	for (size_t i = 0; i < bits; i++) {
		ksp_make_hello(c, DJ_MODE_NEW);
		c->hello[8 + i / 8] ^= (uint8_t)(1 << i % 8);
		ksp_send_frame(c, c->hello, c->hello_len);
		c->hello[8 + i / 8] ^= (uint8_t)(1 << i % 8);
		/* Nobody who sent the unchanged HELLO takes the offer. */
		ok(!ksp_take_offer(c));
		bound += c->error == 0;
		ok(c->error == 0 || c->error == DJ_ERROR_BAD_HELLO ||
			c->error == DJ_ERROR_NO_SUITE);
	}
	/* The nonce, the formats, minclass: what a Keep cannot judge. */
	ok(bound >= 256 && bound < bits);
}

static uint16_t open_error(size_t bit)
{
	if (bit < 256)
		return DJ_ERROR_STALE_OFFER;
	return bit < 320 ? DJ_ERROR_BAD_OPEN : DJ_ERROR_BAD_RECORD;
}

static void every_bit_of_OPEN_is_refused(void)
{
	start();
	for (size_t i = 0; i < 72 * 8; i++) {
		uint16_t e;

		ok(ksp_offered(c, DJ_MODE_NEW));
		ok(ksp_make_open(c, DJ_MODE_NEW));
		eq_u64(c->open_len, 8 + 72);
		c->open[8 + i / 8] ^= (uint8_t)(1 << i % 8);
		e = answer(c->open, c->open_len);
		if (e == 0) {
			ksp_make_first(c, DJ_MODE_NEW, NULL, NULL, 0);
			e = answer(c->record, c->record_len);
		}
		eq_u64(e, open_error(i));
	}
}

static void every_truncation_of_OPEN_is_refused(void)
{
	start();
	for (size_t n = 0; n <= 80; n++) {
		uint16_t e;

		ok(ksp_offered(c, DJ_MODE_NEW));
		ok(ksp_make_open(c, DJ_MODE_NEW));
		if (n == 72)
			continue;
		set_len(c->open, n);
		e = answer(c->open, 8 + n);
		ok(e == DJ_ERROR_BAD_OPEN);
		c->open_len = 80;
		set_len(c->open, 72);
		/* The offer is gone, whatever was wrong. */
		eq_u64(answer(c->open, c->open_len), DJ_ERROR_NO_OFFER);
	}
}

static void every_bit_of_the_first_record_is_BAD_RECORD(void)
{
	for (size_t i = 0; i < 272 * 8; i++) {
		if (i % 64 == 0)
			start();
		ok(ksp_keyed(c, DJ_MODE_NEW));
		ksp_make_first(c, DJ_MODE_NEW, NULL, NULL, 0);
		c->record[8 + i / 8] ^= (uint8_t)(1 << i % 8);
		eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_RECORD);
		ok(!c->was_fail);
		/* Back to FRESH: the good one comes too late. */
		c->record[8 + i / 8] ^= (uint8_t)(1 << i % 8);
		eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_ORDER);
	}
}

static void every_length_of_the_first_record_is_BAD_RECORD(void)
{
	start();
	for (size_t n = 0; n <= 16400; n += n < 300 || n > 16380 ? 1 : 97) {
		if (n == 272)
			continue;
		ok(ksp_keyed(c, DJ_MODE_NEW));
		ksp_make_first(c, DJ_MODE_NEW, NULL, NULL, 0);
		set_len(c->record, n);
		eq_u64(answer(c->record, 8 + n), DJ_ERROR_BAD_RECORD);
	}
}

static void a_frame_with_a_bad_header_is_BAD_FRAME(void)
{
	static const struct {
		const char *what;
		uint8_t at, value;
		size_t len;
	} cases[] = {
		{ "type 0", 0, 0, 74 },
		{ "OFFER", 0, 2, 74 },
		{ "EVIDENCE", 0, 3, 74 },
		{ "REPORT", 0, 6, 74 },
		{ "type 7", 0, 7, 74 },
		{ "ERROR", 0, 15, 74 },
		{ "type 37", 0, 37, 74 },
		{ "type 255", 0, 255, 74 },
		{ "version 0", 1, 0, 74 },
		{ "version 2", 1, 2, 74 },
		{ "reserved", 2, 1, 74 },
		{ "reserved", 3, 128, 74 },
		{ "HELLO of 105", 0, 1, 105 },
		{ "OPEN of 1161", 0, 4, 1161 },
		{ "RECORD of 16401", 0, 5, 16401 },
	};
	static uint8_t frame[8 + 16401];

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(frame, 0, sizeof(frame));
		frame[0] = 1;
		frame[1] = 1;
		frame[cases[i].at] = cases[i].value;
		set_len(frame, cases[i].len);
		if (!eq_u64(answer(frame, 8 + cases[i].len),
			    DJ_ERROR_BAD_FRAME))
			printf("# %s\n", cases[i].what);
	}
	ok(ksp_connect(c, DJ_MODE_NEW));
	frame[0] = 2;
	set_len(frame, 74);
	eq_u64(answer(frame, 82), DJ_ERROR_BAD_FRAME);
	ksp_seal(c, DJ_KIND_NOOP, 0, 0, NULL, 0);
	eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_ORDER);
}

static void an_OPEN_sent_again_finds_NO_OFFER(void)
{
	uint8_t open[80];

	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	eq_u64(answer(c->open, c->open_len), DJ_ERROR_BAD_ORDER);
	eq_u64(answer(c->open, c->open_len), DJ_ERROR_NO_OFFER);
	memcpy(open, c->open, sizeof(open));
	start();
	eq_u64(answer(open, sizeof(open)), DJ_ERROR_NO_OFFER);
}

static void an_OPEN_for_another_Keep_is_STALE_OFFER(void)
{
	uint8_t open[sizeof(c->open)];

	start();
	ok(ksp_offered(c, DJ_MODE_NEW));
	ok(ksp_make_open(c, DJ_MODE_NEW));
	memcpy(open, c->open, sizeof(open));
	fake_start(dj_keep_main, NULL, 0);
	fake.random_state = 77;
	(void)fake_run();
	ksp_send_frame(c, c->hello, c->hello_len);
	ok(ksp_take_offer(c));
	eq_u64(answer(open, 80), DJ_ERROR_STALE_OFFER);
}

static void what_the_table_lacks_is_BAD_ORDER(void)
{
	static uint8_t record[8 + 272] = { 5, 1, 0, 0, 0, 0, 1, 16 };

	start();
	eq_u64(answer(record, sizeof(record)), DJ_ERROR_BAD_ORDER);
	ok(ksp_offered(c, DJ_MODE_NEW));
	ok(ksp_make_open(c, DJ_MODE_NEW));
	eq_u64(answer(record, sizeof(record)), DJ_ERROR_BAD_ORDER);
	eq_u64(answer(c->open, c->open_len), DJ_ERROR_NO_OFFER);
	ok(ksp_keyed(c, DJ_MODE_NEW));
	eq_u64(answer(c->open, c->open_len), DJ_ERROR_BAD_ORDER);
	ok(ksp_connect(c, DJ_MODE_NEW));
	ksp_send(c, DJ_KIND_DETACH, 0, 0, NULL, 0);
	eq_u64(answer(record, sizeof(record)), DJ_ERROR_BAD_ORDER);
}

static void a_new_session_with_an_owned_Keep_is_KEEP_OWNED(void)
{
	start();
	c->off.keep_id[0] = 1;
	ksp_make_hello(c, DJ_MODE_REATTACH);
	eq_u64(answer(c->hello, c->hello_len), DJ_ERROR_KEEP_FRESH);
	ok(ksp_connect(c, DJ_MODE_NEW));
	ksp_make_hello(c, DJ_MODE_NEW);
	eq_u64(answer(c->hello, c->hello_len), DJ_ERROR_KEEP_OWNED);
	/* HELLO ended the attach all the same. */
	ksp_seal(c, DJ_KIND_NOOP, 0, 0, NULL, 0);
	eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_ORDER);
	ksp_make_hello(c, DJ_MODE_REATTACH);
	c->hello[8 + 40] ^= 1;
	eq_u64(answer(c->hello, c->hello_len), DJ_ERROR_WRONG_KEEP);
}

/* ---- inside records ---- */

static void a_kind_that_is_not_the_clients_is_BAD_ORDER_inside(void)
{
	for (unsigned kind = 0; kind < 256; kind++) {
		if (dj_kind_from_client((uint8_t)kind) &&
			kind != DJ_KIND_CLAIM && kind != DJ_KIND_RESUME)
			continue;
		start();
		ok(ksp_connect(c, DJ_MODE_NEW));
		ksp_seal(c, (enum dj_kind)kind, 0, 0, NULL, 0);
		eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_ORDER);
		ok(c->was_fail);
		ksp_seal(c, DJ_KIND_NOOP, 0, 0, NULL, 0);
		eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_ORDER);
		ok(!c->was_fail);
	}
}

static void the_first_record_must_be_CLAIM(void)
{
	start();
	for (unsigned kind = 2; kind <= 0x0e; kind++) {
		ok(ksp_keyed(c, DJ_MODE_NEW));
		ksp_seal(c, (enum dj_kind)kind, 0, 0, "", 1);
		eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_ORDER);
		ok(c->was_fail);
	}
	ok(ksp_keyed(c, DJ_MODE_NEW));
	ksp_seal(c, DJ_KIND_CLAIM, 0, 0, "\1\1", 2);
	eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_INNER);
	ok(ksp_keyed(c, DJ_MODE_NEW));
	ksp_seal(c, DJ_KIND_CLAIM, 0, 1, "", 1);
	eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_INNER);
	ok(ksp_connect(c, DJ_MODE_NEW));
}

static void data_of_the_wrong_form_is_BAD_INNER_inside(void)
{
	static const struct {
		enum dj_kind kind;
		uint8_t stream;
		uint64_t off;
		size_t len;
	} cases[] = {
		{ DJ_KIND_BEGIN, 2, 0, 48 },
		{ DJ_KIND_BEGIN, 0, 0, 47 },
		{ DJ_KIND_ACK, 1, 0, 7 },
		{ DJ_KIND_ACK, 1, 1, 8 },
		{ DJ_KIND_SIGNAL, 1, 0, 0 },
		{ DJ_KIND_AGAIN, 0, 0, 31 },
		{ DJ_KIND_NOOP, DJ_NOOP_STEADY, DJ_STEADY_MAX_MS + 1, 0 },
	};
	uint8_t zero[64] = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start();
		ok(ksp_connect(c, DJ_MODE_NEW));
		ksp_seal(c, cases[i].kind, cases[i].stream, cases[i].off, zero,
			cases[i].len);
		eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_INNER);
		ok(c->was_fail);
	}
}

static void a_NOOP_changes_nothing(void)
{
	struct dj_inner in;

	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	for (int i = 0; i < 3; i++)
		ksp_send(c, DJ_KIND_NOOP, 0, 77, "whatever", 8);
	ok(!ksp_recv(c, &in));
	eq_u64(c->error, 0);
}

static void a_record_sent_twice_ends_the_attach(void)
{
	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	ksp_send(c, DJ_KIND_NOOP, 0, 0, NULL, 0);
	eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_RECORD);
	ok(!c->was_fail);
}

static void minclass_is_the_size_of_all_that_the_Keep_says(void)
{
	for (uint8_t k = 0; k < 4; k++) {
		start();
		c->minclass = k;
		ok(ksp_connect(c, DJ_MODE_NEW));
		ksp_send(c, DJ_KIND_AGAIN, 0, 0, c->binding, 32);
		ksp_drain(c);
		ok(c->has_again_rd);
		eq_u64(c->sizes[k], 2);
	}
}

static void AGAIN_is_answered_by_a_report_under_its_own_label(void)
{
	uint8_t nonce[32], want[64];

	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	memset(nonce, 7, sizeof(nonce));
	ksp_send(c, DJ_KIND_AGAIN, 0, 0, nonce, sizeof(nonce));
	ksp_drain(c);
	dj_again_report_data(&c->keys.again, nonce, 1, want);
	eq_mem(fake.report_data, want, 64);
	ok(c->has_again_rd);
	eq_mem(c->again_rd, want, 32);

	fake.no_report = true;
	ksp_send(c, DJ_KIND_AGAIN, 0, 0, nonce, sizeof(nonce));
	ksp_drain(c);
	eq_u64(c->error, DJ_ERROR_NO_EVIDENCE);
	ok(c->was_fail);
}

/* ---- owner ---- */

static void sign(EVP_PKEY *key, uint8_t part[DJ_OWNER_PART])
{
	uint8_t tbs[96], der[80];
	size_t len = sizeof(der), pub_len;
	const uint8_t *p = der;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	ECDSA_SIG *sig;

	dj_label(DJ_LABEL_OWNER, tbs);
	memcpy(tbs + 32, c->binding, 32);
	memcpy(tbs + 64, c->keys.auth.b, 32);
	EVP_PKEY_get_octet_string_param(key, "pub", part, 65, &pub_len);
	EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key);
	EVP_DigestSign(md, der, &len, tbs, sizeof(tbs));
	sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), part + 65, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), part + 97, 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(md);
}

static uint16_t claim_by(const uint8_t *part)
{
	struct dj_inner in;

	ok(ksp_keyed(c, DJ_MODE_NEW));
	ksp_make_first(c, DJ_MODE_NEW, part, NULL, 0);
	ksp_send_frame(c, c->record, c->record_len);
	(void)ksp_recv(c, &in);
	return c->error;
}

static void only_the_owner_claims_and_others_leave_it_fresh(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct dj_config cfg = config();
	uint8_t part[DJ_OWNER_PART];
	size_t len;

	EVP_PKEY_get_octet_string_param(key, "pub", part, 65, &len);
	cfg.flags = DJ_CONFIG_OWNER;
	dj_sha256(part, 65, cfg.owner);
	start_with(&cfg);
	eq_u64(claim_by(NULL), DJ_ERROR_BAD_OWNER);
	ok(c->was_fail);
	ok(ksp_keyed(c, DJ_MODE_NEW));
	sign(other, part);
	eq_u64(claim_by(part), DJ_ERROR_BAD_OWNER);
	/* A good signature, but of the session before. */
	ok(ksp_keyed(c, DJ_MODE_NEW));
	sign(key, part);
	eq_u64(claim_by(part), DJ_ERROR_BAD_OWNER);
	eq_u64(c->off.state, DJ_KEEP_FRESH);

	ok(ksp_keyed(c, DJ_MODE_NEW));
	sign(key, part);
	part[128] ^= 1;
	ksp_make_first(c, DJ_MODE_NEW, part, NULL, 0);
	eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_OWNER);

	ok(ksp_keyed(c, DJ_MODE_NEW));
	sign(key, part);
	ksp_make_first(c, DJ_MODE_NEW, part, NULL, 0);
	ksp_send_frame(c, c->record, c->record_len);
	ok(ksp_take_ready(c));
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

/* ---- tickets ---- */

static void the_owner_comes_back_with_the_ticket(void)
{
	struct dj_ticket old;

	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	old = c->ticket;
	ksp_send(c, DJ_KIND_NOOP, 0, 0, NULL, 0);
	for (unsigned n = 2; n < 6; n++) {
		ok(ksp_connect(c, DJ_MODE_REATTACH));
		eq_u64(c->ready.attach_no, n);
		eq_u64(c->ticket.no, n);
		eq_u64(c->off.attach_no, n - 1);
		eq_u64(c->off.state, DJ_KEEP_OWNED);
		ksp_send(c, DJ_KIND_NOOP, 0, 0, NULL, 0);
	}
	c->ticket = old;
	ok(ksp_offered(c, DJ_MODE_REATTACH));
	ok(ksp_make_open(c, DJ_MODE_REATTACH));
	eq_u64(answer(c->open, c->open_len), DJ_ERROR_NO_TICKET);
}

static void a_client_that_dies_after_READY_has_a_ticket_that_works(void)
{
	struct dj_ticket first, second;

	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	ksp_send(c, DJ_KIND_NOOP, 0, 0, NULL, 0);
	first = c->ticket;
	/* READY of attach 2 may or may not have arrived. */
	ok(ksp_connect(c, DJ_MODE_REATTACH));
	second = c->ticket;
	c->ticket = first;
	ok(ksp_connect(c, DJ_MODE_REATTACH));
	eq_u64(c->ready.attach_no, 3);
	c->ticket = first;
	ok(ksp_connect(c, DJ_MODE_REATTACH));
	/* Replaced, never confirmed. */
	c->ticket = second;
	ok(ksp_offered(c, DJ_MODE_REATTACH));
	ok(ksp_make_open(c, DJ_MODE_REATTACH));
	eq_u64(answer(c->open, c->open_len), DJ_ERROR_NO_TICKET);

	/* One that never said a word after READY: what it used is confirmed. */
	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	first = c->ticket;
	for (unsigned n = 2; n < 5; n++) {
		c->ticket = first;
		ok(ksp_connect(c, DJ_MODE_REATTACH));
		eq_u64(c->ready.attach_no, n);
	}
}

static void a_wrong_ticket_is_found_at_the_first_record(void)
{
	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	c->ticket.key.b[0] ^= 1;
	ok(ksp_keyed(c, DJ_MODE_REATTACH));
	ksp_make_first(c, DJ_MODE_REATTACH, NULL, NULL, 0);
	eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_RECORD);
	c->ticket.key.b[0] ^= 1;
	ok(ksp_connect(c, DJ_MODE_REATTACH));
}

static void a_RESUME_that_asks_for_what_never_was_is_BAD_ORDER(void)
{
	struct dj_resume_stream s = { 1, 1 };

	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	ok(ksp_keyed(c, DJ_MODE_REATTACH));
	ksp_make_first(c, DJ_MODE_REATTACH, NULL, &s, 1);
	eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_ORDER);
	s = (struct dj_resume_stream){ 9, 0 };
	ok(ksp_keyed(c, DJ_MODE_REATTACH));
	ksp_make_first(c, DJ_MODE_REATTACH, NULL, &s, 1);
	eq_u64(answer(c->record, c->record_len), DJ_ERROR_BAD_ORDER);
	ok(ksp_connect(c, DJ_MODE_REATTACH));
	eq_u64(c->ready.attach_no, 2);
}

/* ---- erasure ---- */

static void no_key_of_an_attach_outlives_it(void)
{
	static const char next[] = "keep-session-v1 next";
	static const char iv[] = "keep-session-v1 iv";
	struct dj_key *k = calloc(7, sizeof(*k));

	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	k[0] = c->keys.again;
	/* What a chain holds of its first secret, which is gone by now. */
	for (int i = 0; i < 2; i++) {
		const struct dj_key *s = i == 0 ? &c->keys.c2k : &c->keys.k2c;

		dj_hkdf_expand(s, next, sizeof(next) - 1, &k[1 + i], 32);
		dj_hkdf_expand(s, iv, sizeof(iv) - 1, &k[3 + i], 12);
		k[5 + i] = *s;
	}
	for (int i = 0; i < 7; i++)
		eq_u64(fake_memory_has(&k[i], i == 3 || i == 4 ? 12 : 32),
			i < 5);
	ksp_send(c, DJ_KIND_DETACH, 0, 0, NULL, 0);
	for (int i = 0; i < 7; i++) {
		ok(!fake_memory_has(&k[i], i == 3 || i == 4 ? 12 : 32));
		ok(!fake_region_has(&k[i], 12));
	}
	free(k);
}

static void after_RELEASE_nothing_is_left(void)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t *canary = malloc(4096);
	struct dj_key *k = calloc(2, sizeof(*k));

	for (size_t i = 0; i < 4096; i++)
		canary[i] = (uint8_t)(hex[i * i % 16] ^ i * 31);
	start();
	ok(ksp_connect(c, DJ_MODE_NEW));
	k[0] = c->ticket.key;
	k[1] = c->keys.c2k;
	/* The last 40 bytes also wait to be hashed. */
	ksp_send(c, DJ_KIND_DATA, 0, 0, canary, 4072);
	ok(fake_memory_has(canary, 64));
	ok(fake_memory_has(canary + 4032, 40));
	ok(!fake_region_has(canary, 4072));
	ok(fake_memory_has(&k[0], 32));
	ksp_send(c, DJ_KIND_RELEASE, 0, 0, NULL, 0);
	eq_u64(fake.state, FAKE_HALTED);
	eq_u64(fake.halt, DJ_HALT_RELEASED);
	ok(!fake_memory_has(canary, 64));
	ok(!fake_memory_has(canary + 4032, 40));
	ok(!fake_memory_has(&k[0], 32));
	ok(!fake_memory_has(&k[1], 32));
	free(k);
	free(canary);
}

/* ---- steady traffic ---- */

static void steady_traffic_is_one_record_an_interval(void)
{
	struct dj_inner in;
	uint64_t last = 0;

	start();
	c->minclass = 1;
	fake.clock_step = 1;
	ok(ksp_connect(c, DJ_MODE_NEW));
	ksp_send(c, DJ_KIND_NOOP, DJ_NOOP_STEADY, 20, NULL, 0);
	for (int i = 0; i < 10; i++) {
		size_t n = 0;

		while (ksp_recv(c, &in)) {
			eq_u64(in.kind,
				i == 5 ? DJ_KIND_AGAIN_RD : DJ_KIND_NOOP);
			n++;
		}
		eq_u64(n, 1);
		/* The host wakes it too early, then in time. */
		(void)fake_run();
		ok(!ksp_recv(c, &in));
		if (i > 0)
			eq_u64(fake.deadline - last, 20000000);
		last = fake.deadline;
		if (i == 4) {
			ksp_send(c, DJ_KIND_AGAIN, 0, 0, c->binding, 32);
			ok(!ksp_recv(c, &in));
		}
		fake.clock[1] = fake.deadline;
		(void)fake_run();
	}
	eq_u64(c->sizes[1], 11);
	ksp_send(c, DJ_KIND_NOOP, DJ_NOOP_STEADY, 0, NULL, 0);
	(void)ksp_recv(c, &in);
	fake.clock[1] += UINT64_C(1000000000);
	(void)fake_run();
	ok(!ksp_recv(c, &in));
	eq_u64(fake.deadline, 0);
}

int main(void)
{
	RUN(a_handshake_ends_in_READY);
	RUN(an_idle_Keep_holds_less_than_a_quarter_megabyte);
	RUN(each_Keep_and_each_offer_is_another);
	RUN(a_Keep_without_randomness_never_starts);
	RUN(a_block_that_does_not_parse_halts_by_name);
	RUN(without_evidence_there_is_no_offer);
	RUN(every_truncation_of_HELLO_is_BAD_HELLO);
	RUN(every_bit_of_HELLO_is_refused_or_bound);
	RUN(every_bit_of_OPEN_is_refused);
	RUN(every_truncation_of_OPEN_is_refused);
	RUN(every_bit_of_the_first_record_is_BAD_RECORD);
	RUN(every_length_of_the_first_record_is_BAD_RECORD);
	RUN(a_frame_with_a_bad_header_is_BAD_FRAME);
	RUN(an_OPEN_sent_again_finds_NO_OFFER);
	RUN(an_OPEN_for_another_Keep_is_STALE_OFFER);
	RUN(what_the_table_lacks_is_BAD_ORDER);
	RUN(a_new_session_with_an_owned_Keep_is_KEEP_OWNED);
	RUN(a_kind_that_is_not_the_clients_is_BAD_ORDER_inside);
	RUN(the_first_record_must_be_CLAIM);
	RUN(data_of_the_wrong_form_is_BAD_INNER_inside);
	RUN(a_NOOP_changes_nothing);
	RUN(a_record_sent_twice_ends_the_attach);
	RUN(minclass_is_the_size_of_all_that_the_Keep_says);
	RUN(AGAIN_is_answered_by_a_report_under_its_own_label);
	RUN(only_the_owner_claims_and_others_leave_it_fresh);
	RUN(the_owner_comes_back_with_the_ticket);
	RUN(a_client_that_dies_after_READY_has_a_ticket_that_works);
	RUN(a_wrong_ticket_is_found_at_the_first_record);
	RUN(a_RESUME_that_asks_for_what_never_was_is_BAD_ORDER);
	RUN(no_key_of_an_attach_outlives_it);
	RUN(after_RELEASE_nothing_is_left);
	RUN(steady_traffic_is_one_record_an_interval);
	return done();
}
