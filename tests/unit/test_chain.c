// SPDX-License-Identifier: Apache-2.0
/* Chains of records, labels and receipts; the vectors are test_vectors.c. */
#include <openssl/evp.h>

#include "lib/base/wr.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/frame.h"
#include "lib/proto/open.h"
#include "lib/session/binding.h"
#include "lib/session/chain.h"
#include "lib/session/handshake.h"
#include "tests/tap.h"

static const struct dj_key secret = { { 1, 2, 3 } };
static uint8_t frame[DJ_RECORD_FRAME_MAX], data[DJ_RECORD_DATA + 1];
static struct dj_chain tx, rx;
static struct dj_inner in;
static size_t len;

static void pair(uint16_t suite)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + 1);
	ok(dj_chain_init(&tx, suite, &secret) == DJ_OK);
	ok(dj_chain_init(&rx, suite, &secret) == DJ_OK);
}

static dj_status seal(size_t n, uint8_t minclass)
{
	return dj_chain_seal(&tx, DJ_KIND_DATA, 1, 99, data, n, minclass, frame,
		sizeof(frame), &len);
}

static bool is_zero(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= b[i];
	return any == 0;
}

static void records_of_every_length_come_through(void)
{
	static const size_t n[] = { 0, 1, 239, 240, 241, 1008, 1009, 4080, 4081,
		16367, 16368 };

	for (uint16_t suite = 1; suite <= 2; suite++) {
		pair(suite);
		for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
			for (uint8_t c = 0; c < 4; c++) {
				size_t want = 0;

				eq_u64(dj_chain_frame_size(n[i], c, &want),
					DJ_OK);
				eq_u64(seal(n[i], c), DJ_OK);
				eq_u64(len, want);
				ok(len >= dj_class_size(c) + 24);
				eq_u64(dj_chain_open(&rx, frame, len, &in),
					DJ_ERROR_NONE);
				eq_u64(in.kind, DJ_KIND_DATA);
				eq_u64(in.stream, 1);
				eq_u64(in.off, 99);
				eq_u64(in.len, n[i]);
				eq_mem(in.data, data, n[i]);
			}
	}
}

static void data_that_is_in_place_is_sealed_where_it_stands(void)
{
	static uint8_t other[DJ_RECORD_FRAME_MAX];
	size_t other_len = 0;

	pair(2);
	memset(frame, 0xee, sizeof(frame));
	memcpy(frame + DJ_CHAIN_DATA_OFF, data, 500);
	eq_u64(dj_chain_seal(&tx, DJ_KIND_DATA, 1, 99,
		       frame + DJ_CHAIN_DATA_OFF, 500, 0, frame, sizeof(frame),
		       &len),
		DJ_OK);
	eq_u64(dj_chain_seal(&rx, DJ_KIND_DATA, 1, 99, data, 500, 0, other,
		       sizeof(other), &other_len),
		DJ_OK);
	eq_u64(len, other_len);
	eq_mem(frame, other, len);
}

static void too_much_data_or_too_little_room_changes_nothing(void)
{
	struct dj_chain before;

	pair(1);
	before = tx;
	len = 77;
	eq_u64(seal(DJ_RECORD_DATA + 1, 0), DJ_E_LIMIT);
	eq_u64(seal(0, 4), DJ_E_LIMIT);
	eq_u64(dj_chain_seal(&tx, DJ_KIND_DATA, 1, 0, data, 10, 0, frame, 279,
		       &len),
		DJ_E_LIMIT);
	eq_u64(len, 77);
	ok(memcmp(&before, &tx, sizeof(tx)) == 0);
	eq_u64(dj_chain_seal(&tx, DJ_KIND_DATA, 1, 0, data, 10, 0, frame, 280,
		       &len),
		DJ_OK);
}

static void a_lost_record_ends_the_attach(void)
{
	pair(1);
	eq_u64(seal(5, 0), DJ_OK);
	eq_u64(seal(5, 0), DJ_OK);
	eq_u64(dj_chain_open(&rx, frame, len, &in), DJ_ERROR_BAD_RECORD);
	ok(!rx.is_live);
}

static void a_replayed_record_ends_the_attach(void)
{
	static uint8_t copy[DJ_RECORD_FRAME_MAX];

	pair(2);
	eq_u64(seal(5, 0), DJ_OK);
	memcpy(copy, frame, len);
	eq_u64(dj_chain_open(&rx, frame, len, &in), DJ_ERROR_NONE);
	eq_u64(dj_chain_open(&rx, copy, len, &in), DJ_ERROR_BAD_RECORD);
}

static void a_record_of_the_other_direction_does_not_open(void)
{
	struct dj_key other = secret;

	other.b[31] ^= 1;
	pair(1);
	ok(dj_chain_init(&rx, 1, &other) == DJ_OK);
	eq_u64(seal(5, 0), DJ_OK);
	eq_u64(dj_chain_open(&rx, frame, len, &in), DJ_ERROR_BAD_RECORD);
}

static void a_failure_leaves_no_plaintext_and_no_key(void)
{
	pair(2);
	eq_u64(seal(200, 0), DJ_OK);
	frame[len - 1] ^= 1;
	eq_u64(dj_chain_open(&rx, frame, len, &in), DJ_ERROR_BAD_RECORD);
	ok(is_zero(frame + 8, 256));
	ok(is_zero(&rx, sizeof(rx)));
	frame[len - 1] ^= 1;
	eq_u64(dj_chain_open(&rx, frame, len, &in), DJ_ERROR_BAD_RECORD);
	eq_u64(dj_chain_seal(&rx, DJ_KIND_NOOP, 0, 0, NULL, 0, 0, frame,
		       sizeof(frame), &len),
		DJ_E_STATE);
}

static void a_chain_that_is_done_holds_nothing(void)
{
	pair(1);
	dj_chain_done(&tx);
	ok(is_zero(&tx, sizeof(tx)));
	eq_u64(seal(1, 0), DJ_E_STATE);
}

/* A record whose plaintext no honest sender makes: sealed by hand. */
static enum dj_error open_forged(const uint8_t *text, size_t size)
{
	uint8_t nonce[12];

	pair(2);
	dj_frame_write(frame, DJ_FRAME_RECORD, (uint32_t)(size + 16));
	memcpy(frame + 8, text, size);
	memcpy(nonce, tx.iv, sizeof(nonce)); /* number 0 */
	dj_aead_seal(&tx.aead, nonce, frame, 8, frame + 8, size,
		frame + 8 + size);
	return dj_chain_open(&rx, frame, size + 24, &in);
}

static void an_inner_that_breaks_a_rule_is_bad_inner(void)
{
	static uint8_t text[16384];
	static const struct {
		const char *what;
		size_t off;
		uint8_t value;
		enum dj_error want;
	} t[] = {
		{ "as it should be", 0, DJ_KIND_NOOP, DJ_ERROR_NONE },
		{ "zero field", 2, 1, DJ_ERROR_BAD_INNER },
		{ "zero field", 3, 0x80, DJ_ERROR_BAD_INNER },
		{ "as long as can be", 7, 240, DJ_ERROR_NONE },
		{ "one longer", 7, 241, DJ_ERROR_BAD_INNER },
		{ "4 GiB", 4, 0xff, DJ_ERROR_BAD_INNER },
		{ "first byte of the padding", 16, 1, DJ_ERROR_BAD_INNER },
		{ "last byte of the padding", 255, 1, DJ_ERROR_BAD_INNER },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(text, 0, sizeof(text));
		text[t[i].off] = t[i].value;
		if (!tap_eq(open_forged(text, 256), t[i].want, "open", "named",
			    __FILE__, __LINE__))
			printf("# %s\n", t[i].what);
		if (t[i].want == DJ_ERROR_NONE)
			continue;
		ok(is_zero(frame + 8, 256));
		ok(!rx.is_live);
	}
}

static void every_byte_of_the_padding_is_looked_at(void)
{
	static uint8_t text[1024];

	for (size_t n = 0; n < 24; n++)
		for (size_t i = 0; i < 1024; i += i < 80 ? 1 : 61) {
			memset(text, 0, sizeof(text));
			text[7] = (uint8_t)n;
			text[i] |= 0x40;
			if (i >= 16)
				eq_u64(open_forged(text, 1024),
					i < 16 + n ? DJ_ERROR_NONE
						   : DJ_ERROR_BAD_INNER);
		}
}

static void a_length_that_is_no_class_is_refused_before_the_key(void)
{
	static const size_t n[] = { 0, 8, 271, 273, 512, 16384, 16399 };

	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		pair(1);
		memset(frame, 0, sizeof(frame));
		dj_frame_write(frame, DJ_FRAME_RECORD, (uint32_t)n[i]);
		eq_u64(dj_chain_open(&rx, frame, n[i] + 8, &in),
			DJ_ERROR_BAD_RECORD);
	}
	for (size_t i = 0; i < 8; i++) {
		pair(1);
		eq_u64(dj_chain_open(&rx, frame, i, &in), DJ_ERROR_BAD_RECORD);
	}
}

/* Key change: the frame itself is in the vectors; here, what is kept. */
static void keys_change_every_65536_records_and_are_erased(void)
{
	struct dj_key s0;
	uint8_t iv[12];

	pair(1);
	s0 = tx.secret;
	memcpy(iv, tx.iv, sizeof(iv));
	ok(memcmp(s0.b, secret.b, 32) != 0);
	for (uint32_t i = 0; i < 65535; i++)
		if (seal(0, 0) != DJ_OK ||
			dj_chain_open(&rx, frame, len, &in) != DJ_ERROR_NONE) {
			ok(false);
			return;
		}
	eq_mem(tx.secret.b, s0.b, 32);
	eq_u64(seal(1, 0), DJ_OK);
	eq_u64(dj_chain_open(&rx, frame, len, &in), DJ_ERROR_NONE);
	ok(memcmp(tx.secret.b, s0.b, 32) != 0);
	ok(memcmp(tx.iv, iv, 12) != 0);
	eq_u64(tx.epoch, 1);
	eq_u64(seal(1, 0), DJ_OK);
	eq_u64(dj_chain_open(&rx, frame, len, &in), DJ_ERROR_NONE);
	for (size_t i = 0; i + 32 <= sizeof(rx); i++)
		if (!ok(memcmp((uint8_t *)&rx + i, s0.b, 32) != 0))
			break;
}

static void an_attach_has_2_to_the_48_records(void)
{
	pair(2);
	tx.number = rx.number = DJ_CHAIN_MAX - 1;
	eq_u64(seal(1, 0), DJ_OK);
	eq_u64(dj_chain_open(&rx, frame, len, &in), DJ_ERROR_NONE);
	eq_u64(seal(1, 0), DJ_E_STATE);
	eq_u64(dj_chain_open(&rx, frame, len, &in), DJ_ERROR_BAD_RECORD);
}

static void suites_of_other_builds_are_refused(void)
{
	static const uint16_t suite[] = { 0, 3, 0x11, 0x12, 0xffff };
	struct dj_key ss = { { 0 } };
	uint8_t b[32] = { 0 };
	struct dj_keys k;

	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++) {
		eq_u64(dj_chain_init(&tx, suite[i], &secret), DJ_E_UNSUPPORTED);
		eq_u64(seal(1, 0), DJ_E_STATE);
		eq_u64(dj_keys_derive(suite[i], &ss, b, b, NULL, &k),
			DJ_E_UNSUPPORTED);
	}
}

/* ---- handshake rules that the vectors do not show ---- */

static enum dj_error say_hello(const struct dj_hello *h,
	const struct dj_face *f)
{
	uint8_t buf[DJ_HELLO_MAX], nonce[32] = { 0 }, rd[64];
	static uint8_t offer[DJ_OFFER_MAX];
	struct dj_pending p;
	size_t n = 0, offer_len = 0;
	enum dj_error err;

	eq_u64(dj_hello_write(h, buf, sizeof(buf), &n), DJ_OK);
	memset(&p, 0xee, sizeof(p));
	err = dj_keep_offer(&p, f, buf, n, nonce, &secret, offer, sizeof(offer),
		&offer_len, rd);
	ok(err == DJ_ERROR_NONE ? p.is_live : is_zero(&p, sizeof(p)));
	if (err == DJ_ERROR_NONE) {
		struct dj_offer o;

		eq_u64(dj_offer_parse(offer, offer_len, &o), DJ_OK);
		eq_u64(o.suite, p.suite);
	}
	return err;
}

static void a_keep_answers_only_the_hello_of_its_state(void)
{
	struct dj_hello h = { .suite_count = 2, .suites = { 0x11, 2 } };
	struct dj_face f = { .tee = DJ_TEE_PROCESS };

	eq_u64(say_hello(&h, &f), DJ_ERROR_NONE);
	f.state = DJ_KEEP_OWNED;
	eq_u64(say_hello(&h, &f), DJ_ERROR_KEEP_OWNED);
	h.mode = DJ_MODE_REATTACH;
	h.keep_id[0] = 1;
	eq_u64(say_hello(&h, &f), DJ_ERROR_WRONG_KEEP);
	f.keep_id[0] = 1;
	eq_u64(say_hello(&h, &f), DJ_ERROR_NONE);
	f.state = DJ_KEEP_FRESH;
	eq_u64(say_hello(&h, &f), DJ_ERROR_KEEP_FRESH);
	h.suites[1] = 0x12;
	eq_u64(say_hello(&h, &f), DJ_ERROR_NO_SUITE);
}

static void a_client_opens_with_its_ticket_or_without_as_it_said(void)
{
	struct dj_hello h = { .suite_count = 1, .suites = { 1 } };
	struct dj_face f = { .tee = DJ_TEE_PROCESS };
	struct dj_ticket t = { .no = 1 };
	uint8_t hello[DJ_HELLO_MAX], nonce[32] = { 0 }, rd[64], b[32];
	static uint8_t offer[DJ_OFFER_MAX], open[DJ_OPEN_MAX];
	struct dj_pending p;
	struct dj_keys k;
	size_t hello_len = 0, offer_len = 0, n = 0;

	eq_u64(dj_hello_write(&h, hello, sizeof(hello), &hello_len), DJ_OK);
	eq_u64(dj_keep_offer(&p, &f, hello, hello_len, nonce, &secret, offer,
		       sizeof(offer), &offer_len, rd),
		DJ_ERROR_NONE);
	eq_u64(dj_client_open(hello, hello_len, offer, offer_len, &secret, &t,
		       open, sizeof(open), &n, &k, b),
		DJ_ERROR_NO_TICKET);
	/* A key of low order never becomes a session. */
	memset(offer + 114, 0, 32);
	eq_u64(dj_client_open(hello, hello_len, offer, offer_len, &secret, NULL,
		       open, sizeof(open), &n, &k, b),
		DJ_ERROR_BAD_OFFER);
}

static void an_OPEN_is_as_long_as_its_suite_says(void)
{
	static const size_t lens[] = { 32, 1120 };
	struct dj_hello h = { .suite_count = 1, .suites = { 1 } };
	struct dj_face f = { .tee = DJ_TEE_PROCESS };
	uint8_t hello[DJ_HELLO_MAX], nonce[32] = { 0 }, rd[64], b[32];
	static uint8_t offer[DJ_OFFER_MAX], open[DJ_OPEN_MAX], enc[1120];
	struct dj_pending p;
	struct dj_keys k;
	size_t hello_len = 0, offer_len = 0, n = 0;
	uint32_t no;

	eq_u64(dj_hello_write(&h, hello, sizeof(hello), &hello_len), DJ_OK);
	memset(enc, 9, sizeof(enc));
	for (size_t i = 0; i < 2; i++) {
		struct dj_open o = { .enc = enc, .enc_len = lens[i] };

		eq_u64(dj_keep_offer(&p, &f, hello, hello_len, nonce, &secret,
			       offer, sizeof(offer), &offer_len, rd),
			DJ_ERROR_NONE);
		memcpy(o.binding, p.binding, sizeof(o.binding));
		eq_u64(dj_open_write(&o, open, sizeof(open), &n), DJ_OK);
		eq_u64(dj_keep_open(&p, open, n, NULL, 0, &k, &no, b),
			i == 0 ? DJ_ERROR_NONE : DJ_ERROR_BAD_OPEN);
	}
}

/* ---- binding ---- */

static void labels_are_told_apart_and_have_the_fixed_beginning(void)
{
	uint8_t l[DJ_LABEL_COUNT][32];

	for (int i = 0; i < DJ_LABEL_COUNT; i++) {
		dj_label((enum dj_label)i, l[i]);
		eq_mem(l[i], "keep-session-v1 ", 16);
		ok(l[i][16] != 0); /* Trustee's reports have a zero here */
		for (int j = 0; j < i; j++)
			ok(memcmp(l[i], l[j], 32) != 0);
	}
	eq_mem(l[DJ_LABEL_RECEIPT] + 16, "receipt\0\0\0\0\0\0\0\0\0", 16);
}

static void a_receipt_covers_every_field_in_order(void)
{
	struct dj_receipt_stream s[2] = { { .stream = 0, .len = 5 },
		{ .stream = 1, .len = UINT64_C(0x0102030405060708) } };
	struct dj_receipt r = { .streams = s, .stream_count = 2 };
	uint8_t buf[400], want[32], rd[64];
	struct dj_wr w = dj_wr_of(buf, sizeof(buf));

	memset(r.keep_id, 1, 32);
	memset(r.config_hash, 2, 32);
	memset(r.module_hash, 3, 32);
	memset(r.begin_hash, 4, 32);
	memset(s[0].hash, 5, 32);
	memset(s[1].hash, 6, 32);
	memset(r.exit, 7, 8);

	dj_wr_bytes(&w, "keep-session-v1 receipt\0\0\0\0\0\0\0\0\0", 32);
	for (int i = 1; i <= 4; i++)
		memset(dj_wr_room(&w, 32), i, 32);
	dj_wr_bytes(&w, "\2\0\0\0\0\0\0\0\0\5", 10);
	memset(dj_wr_room(&w, 32), 5, 32);
	dj_wr_bytes(&w, "\1\1\2\3\4\5\6\7\10", 9);
	memset(dj_wr_room(&w, 32), 6, 32);
	memset(dj_wr_room(&w, 8), 7, 8);
	ok(EVP_Digest(buf, w.len, want, NULL, EVP_sha256(), NULL) == 1);

	dj_receipt_report_data(&r, rd);
	eq_mem(rd, want, 32);
	eq_mem(rd + 32, buf, 32);
}

int main(void)
{
	dj_crypto_cpu(dj_crypto_cpu_detect());
	RUN(records_of_every_length_come_through);
	RUN(data_that_is_in_place_is_sealed_where_it_stands);
	RUN(too_much_data_or_too_little_room_changes_nothing);
	RUN(a_lost_record_ends_the_attach);
	RUN(a_replayed_record_ends_the_attach);
	RUN(a_record_of_the_other_direction_does_not_open);
	RUN(a_failure_leaves_no_plaintext_and_no_key);
	RUN(a_chain_that_is_done_holds_nothing);
	RUN(an_inner_that_breaks_a_rule_is_bad_inner);
	RUN(every_byte_of_the_padding_is_looked_at);
	RUN(a_length_that_is_no_class_is_refused_before_the_key);
	RUN(keys_change_every_65536_records_and_are_erased);
	RUN(an_attach_has_2_to_the_48_records);
	RUN(suites_of_other_builds_are_refused);
	RUN(a_keep_answers_only_the_hello_of_its_state);
	RUN(a_client_opens_with_its_ticket_or_without_as_it_said);
	RUN(an_OPEN_is_as_long_as_its_suite_says);
	RUN(labels_are_told_apart_and_have_the_fixed_beginning);
	RUN(a_receipt_covers_every_field_in_order);
	return done();
}
