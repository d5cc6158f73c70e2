// SPDX-License-Identifier: Apache-2.0
/*
 * The protocol's own known answers: spec/vectors of the shared data, found by
 * DONJON_SHARED. RFC 9180 A.7 for HPKE, ksp1*.json for everything above it.
 */
#include <jansson.h>
#include <stdio.h>

#include "attest/judge.h"
#include "lib/base/secret.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/hpke.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/frame.h"
#include "lib/session/binding.h"
#include "lib/session/chain.h"
#include "lib/session/handshake.h"
#include "tests/support/shared.h"
#include "tests/tap.h"

struct blob {
	uint8_t b[DJ_RECORD_FRAME_MAX];
	size_t len;
};

static json_t *load(const char *name)
{
	char path[4096];
	json_error_t err;
	json_t *j;

	snprintf(path, sizeof(path), "%s/spec/vectors/%s", shared_dir(), name);
	j = json_load_file(path, 0, &err);
	if (j == NULL)
		skip("no shared data: set DONJON_SHARED");
	return j;
}

static struct blob hex(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	struct blob r = { .len = 0 };
	unsigned byte;

	for (; s != NULL && s[0] != '\0' && r.len < sizeof(r.b); s += 2) {
		if (sscanf(s, "%2x", &byte) != 1)
			break;
		r.b[r.len++] = (uint8_t)byte;
	}
	return r;
}

static struct dj_key key(const json_t *o, const char *name)
{
	struct blob b = hex(o, name);
	struct dj_key k;

	ok(b.len == sizeof(k.b));
	memcpy(k.b, b.b, sizeof(k.b));
	return k;
}

static uint64_t number(const json_t *o, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(o, name));
}

static void hpke_gives_the_values_of_rfc_9180(void)
{
	json_t *doc = load("rfc9180-x25519-sha256-export.json"), *v, *e;
	size_t i, j;

	if (doc == NULL)
		return;
	json_array_foreach(json_object_get(doc, "vectors"), i, v)
	{
		struct blob ikm_e = hex(v, "ikmE"), ikm_r = hex(v, "ikmR");
		struct blob info = hex(v, "info"), psk = hex(v, "psk");
		struct blob psk_id = hex(v, "psk_id");
		struct dj_key sk_e, sk_r, ss, want;
		uint8_t pk_e[32], pk_r[32], enc[32];
		struct dj_hpke h;

		dj_kem_derive(ikm_e.b, ikm_e.len, &sk_e, pk_e);
		dj_kem_derive(ikm_r.b, ikm_r.len, &sk_r, pk_r);
		eq_mem(sk_e.b, hex(v, "skEm").b, 32);
		eq_mem(sk_r.b, hex(v, "skRm").b, 32);
		eq_mem(pk_e, hex(v, "pkEm").b, 32);
		eq_mem(pk_r, hex(v, "pkRm").b, 32);
		eq_u64(dj_kem_encap(pk_r, &sk_e, enc, &ss), DJ_OK);
		eq_mem(enc, hex(v, "enc").b, 32);
		want = key(v, "shared_secret");
		eq_mem(ss.b, want.b, 32);
		eq_u64(dj_kem_decap(&sk_r, enc, &ss), DJ_OK);
		eq_mem(ss.b, want.b, 32);
		eq_u64(dj_hpke_setup(&h, DJ_KEM_X25519,
			       (enum dj_hpke_mode)number(v, "mode"), &ss,
			       info.b, info.len, psk.b, psk.len, psk_id.b,
			       psk_id.len),
			DJ_OK);
		eq_mem(h.exporter.b, key(v, "exporter_secret").b, 32);
		json_array_foreach(json_object_get(v, "exports"), j, e)
		{
			struct blob ctx = hex(e, "exporter_context");
			uint8_t out[256];
			size_t len = number(e, "L");

			dj_hpke_export_bytes(&h, ctx.b, ctx.len, out, len);
			eq_mem(out, hex(e, "exported_value").b, len);
		}
		ok(j == 3);
	}
	ok(i == 2);
	json_decref(doc);
}

static void hpke_takes_a_psk_in_psk_mode_only(void)
{
	struct dj_key ss = { { 1 } };
	struct dj_hpke h;

	eq_u64(dj_hpke_setup(&h, DJ_KEM_X25519, DJ_HPKE_BASE, &ss, "", 0, "p",
		       1, "i", 1),
		DJ_E_INPUT);
	eq_u64(dj_hpke_setup(&h, DJ_KEM_X25519, DJ_HPKE_PSK, &ss, "", 0, "", 0,
		       "", 0),
		DJ_E_INPUT);
	eq_u64(dj_hpke_setup(&h, DJ_KEM_X25519, DJ_HPKE_PSK, &ss, "", 0, "p", 1,
		       "", 0),
		DJ_E_INPUT);
}

/* ---- whole sessions ---- */

static struct dj_face face_of(const json_t *v)
{
	struct blob offer = hex(v, "offer");
	struct dj_offer o;
	struct dj_face f;

	memset(&f, 0, sizeof(f));
	ok(dj_offer_parse(offer.b, offer.len, &o) == DJ_OK);
	f.tee = o.tee;
	f.state = o.state;
	f.attach_no = o.attach_no;
	memcpy(f.keep_id, o.keep_id, 32);
	memcpy(f.config_hash, o.config_hash, 32);
	return f;
}

static struct dj_ticket ticket_of(const json_t *v)
{
	struct dj_ticket t = { 0 };

	if (number(v, "mode") == 1) {
		struct blob open = hex(v, "open");

		t.no = open.b[39];
		t.key = key(v, "psk");
	}
	return t;
}

/* The Keep with the offer of a vector, made by the code under test. */
static void make_offer(const json_t *v, struct dj_pending *p)
{
	struct dj_face f = face_of(v);
	struct blob hello = hex(v, "hello"), offer = hex(v, "offer");
	struct dj_key sk = key(v, "skK");
	uint8_t out[DJ_OFFER_MAX], rd[64];
	size_t len = 0;

	memset(p, 0, sizeof(*p));
	eq_u64(dj_keep_offer_sk(p, &f, hello.b, hello.len, offer.b + 48, &sk,
		       out, sizeof(out), &len, rd),
		DJ_ERROR_NONE);
	eq_u64(len, offer.len);
	eq_mem(out, offer.b, offer.len);
	eq_mem(rd, hex(v, "report_data").b, 64);
}

static enum dj_error open_at_keep(const json_t *v, const struct blob *open,
	struct dj_keys *keys)
{
	struct dj_ticket tickets[2] = { { 0 }, ticket_of(v) };
	struct dj_pending p;
	uint32_t no = 77;
	uint8_t b[32];
	enum dj_error err;

	make_offer(v, &p);
	err = dj_keep_open(&p, open->b, open->len, tickets, 2, keys, &no, b);
	ok(!p.is_live);
	if (err == DJ_ERROR_NONE) {
		eq_u64(no, tickets[1].no);
		eq_mem(b, hex(v, "report_data").b, 32);
	}
	return err;
}

static void check_keys(const json_t *v, const struct dj_keys *k)
{
	const char *ticket = number(v, "mode") == 1 ? "ticket_2" : "ticket_1";

	eq_mem(k->ticket.b, key(v, ticket).b, 32);
	eq_mem(k->auth.b, key(v, "auth").b, 32);
	eq_mem(k->sid, hex(v, "sid").b, 16);
	if (number(v, "mode") == 0) {
		uint8_t rd[64];

		eq_mem(k->again.b, key(v, "again").b, 32);
		eq_mem(k->c2k.b, key(v, "c2k_0").b, 32);
		eq_mem(k->k2c.b, key(v, "k2c_0").b, 32);
		dj_again_report_data(&k->again, hex(v, "again_nonce").b, 1, rd);
		eq_mem(rd, hex(v, "again_report_data").b, 64);
	}
}

static void check_record(const json_t *r, struct dj_chain *seal,
	struct dj_chain *open)
{
	struct blob frame = hex(r, "frame"), data = hex(r, "data");
	uint8_t out[DJ_RECORD_FRAME_MAX], minclass = 0;
	struct dj_inner in = { 0 };
	size_t len = 0;

	if (number(r, "n") == 65535)
		seal->number = open->number = 65535;
	eq_u64(seal->number, number(r, "n"));
	/* The reference asked for class 2 where it shows one. */
	while (dj_class_size(minclass) + 24 != frame.len)
		minclass++;
	eq_u64(dj_chain_seal(seal, (enum dj_kind)number(r, "kind"),
		       (uint8_t)number(r, "stream"), number(r, "off"), data.b,
		       data.len, minclass, out, sizeof(out), &len),
		DJ_OK);
	eq_u64(len, frame.len);
	eq_mem(out, frame.b, frame.len);
	eq_u64(dj_chain_open(open, frame.b, frame.len, &in), DJ_ERROR_NONE);
	eq_u64(in.kind, number(r, "kind"));
	eq_u64(in.stream, number(r, "stream"));
	eq_u64(in.off, number(r, "off"));
	eq_u64(in.len, data.len);
	eq_mem(in.data, data.b, data.len);
}

static void check_records(const json_t *v, const struct dj_keys *client,
	const struct dj_keys *keep)
{
	struct dj_chain c2k[2], k2c[2];
	size_t i;
	json_t *r;

	ok(dj_chain_init(&c2k[0], client->suite, &client->c2k) == DJ_OK);
	ok(dj_chain_init(&c2k[1], keep->suite, &keep->c2k) == DJ_OK);
	ok(dj_chain_init(&k2c[0], keep->suite, &keep->k2c) == DJ_OK);
	ok(dj_chain_init(&k2c[1], client->suite, &client->k2c) == DJ_OK);
	json_array_foreach(json_object_get(v, "records"), i, r)
	{
		const char *dir = json_string_value(json_object_get(r, "dir"));

		if (strcmp(dir, "c2k") == 0)
			check_record(r, &c2k[0], &c2k[1]);
		else
			check_record(r, &k2c[0], &k2c[1]);
	}
	ok(i >= 2);
}

/*
 * As a client does, by the names of the protocol: what the judge finds wrong
 * with an OFFER before it looks at evidence, of which there is none here.
 */
static enum dj_error judge_offer(const struct blob *hello,
	const struct blob *offer, const uint8_t config_hash[static 32])
{
	static const struct {
		const char *check;
		enum dj_error err;
	} names[] = { { "offer.format", DJ_ERROR_BAD_OFFER },
		{ "offer.suite", DJ_ERROR_SUITE },
		{ "offer.state", DJ_ERROR_KEEP_OWNED },
		{ "offer.config", DJ_ERROR_EVIDENCE } };
	static struct dj_policy policy;
	struct dj_judge_input in = { .purpose = DJ_JUDGE_OFFER,
		.hello = hello->b,
		.hello_len = hello->len,
		.offer = offer->b,
		.offer_len = offer->len,
		.policy = &policy,
		.config_hash = config_hash };
	enum dj_error err = DJ_ERROR_NONE;
	struct dj_verdict v = { 0 };
	struct dj_hello h;

	ok(dj_judge(&in, &v) == DJ_E_AUTH && !v.good && v.error != NULL);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(v.error, names[i].check) == 0)
			err = names[i].err;
	if (err == DJ_ERROR_KEEP_OWNED &&
		dj_hello_parse(hello->b, hello->len, &h) == DJ_OK &&
		h.mode == DJ_MODE_REATTACH)
		err = DJ_ERROR_WRONG_KEEP;
	ok(err != DJ_ERROR_NONE || strncmp(v.error, "evidence.", 9) == 0);
	dj_verdict_done(&v);
	return err;
}

static void check_session(const json_t *v)
{
	struct blob hello = hex(v, "hello"), offer = hex(v, "offer");
	struct blob open = hex(v, "open");
	struct dj_ticket t = ticket_of(v);
	struct dj_key sk_e = key(v, "skE");
	struct dj_keys client, keep;
	uint8_t out[DJ_OPEN_MAX], b[32];
	size_t len = 0;

	eq_u64(judge_offer(&hello, &offer, offer.b + 80), DJ_ERROR_NONE);
	eq_u64(dj_client_open(hello.b, hello.len, offer.b, offer.len, &sk_e,
		       t.no == 0 ? NULL : &t, out, sizeof(out), &len, &client,
		       b),
		DJ_ERROR_NONE);
	eq_u64(len, open.len);
	eq_mem(out, open.b, open.len);
	check_keys(v, &client);
	eq_u64(open_at_keep(v, &open, &keep), DJ_ERROR_NONE);
	check_keys(v, &keep);
	check_records(v, &client, &keep);
}

static void every_value_of_the_session_vectors_is_reproduced(void)
{
	json_t *doc = load("ksp1.json"), *v;
	size_t i, done_ones = 0;

	if (doc == NULL)
		return;
	json_array_foreach(json_object_get(doc, "vectors"), i, v)
	{
		if (number(v, "suite") > 2)
			continue;
		for (uint32_t cpu = 0; cpu < 2; cpu++) {
			dj_crypto_cpu(cpu ? dj_crypto_cpu_detect() : 0);
			check_session(v);
		}
		done_ones++;
	}
	eq_u64(done_ones, 3);
	json_decref(doc);
}

static void a_hybrid_offer_parses_but_is_not_opened(void)
{
	json_t *doc = load("ksp1.json"), *v;
	struct blob hello, offer;
	struct dj_key e = { { 1 } };
	struct dj_keys k;
	uint8_t out[DJ_OPEN_MAX], b[32];
	struct dj_offer o;
	size_t i, len;

	if (doc == NULL)
		return;
	json_array_foreach(json_object_get(doc, "vectors"), i, v)
	{
		if (number(v, "suite") != DJ_SUITE_XWING_CHACHA20)
			continue;
		hello = hex(v, "hello");
		offer = hex(v, "offer");
		eq_u64(dj_offer_parse(offer.b, offer.len, &o), DJ_OK);
		eq_u64(o.pk_len, 1216);
		eq_u64(dj_client_open(hello.b, hello.len, offer.b, offer.len,
			       &e, NULL, out, sizeof(out), &len, &k, b),
			DJ_ERROR_BAD_OFFER);
	}
	json_decref(doc);
}

static void the_owner_vector_verifies_and_any_change_does_not(void)
{
	json_t *owner = load("ksp1-owner.json"), *doc = load("ksp1.json"), *v;
	struct blob pub, sig, tbs, rd;
	struct dj_key auth, hash;
	uint8_t part[DJ_OWNER_PART], digest[32], want[32];

	if (owner == NULL || doc == NULL)
		return;
	v = json_array_get(json_object_get(doc, "vectors"), 0);
	pub = hex(owner, "public_key");
	sig = hex(owner, "signature");
	tbs = hex(owner, "signed");
	rd = hex(v, "report_data");
	auth = key(v, "auth");
	hash = key(owner, "owner_key_hash");
	memcpy(part, pub.b, 65);
	memcpy(part + 65, sig.b, 64);

	dj_owner_digest(rd.b, &auth, digest);
	dj_sha256(tbs.b, tbs.len, want);
	eq_mem(digest, want, 32);
	eq_u64(dj_owner_verify(part, hash.b, rd.b, &auth), DJ_OK);
	for (size_t i = 0; i < sizeof(part); i += 3) {
		part[i] ^= 0x10;
		eq_u64(dj_owner_verify(part, hash.b, rd.b, &auth), DJ_E_AUTH);
		part[i] ^= 0x10;
	}
	rd.b[31] ^= 1;
	eq_u64(dj_owner_verify(part, hash.b, rd.b, &auth), DJ_E_AUTH);
	rd.b[31] ^= 1;
	auth.b[0] ^= 1;
	eq_u64(dj_owner_verify(part, hash.b, rd.b, &auth), DJ_E_AUTH);
	auth.b[0] ^= 1;
	hash.b[0] ^= 1;
	eq_u64(dj_owner_verify(part, hash.b, rd.b, &auth), DJ_E_AUTH);
	json_decref(owner);
	json_decref(doc);
}

/* ---- what must be refused ---- */

static enum dj_error give_hello(const json_t *v, const struct blob *b)
{
	struct dj_face f = face_of(v);
	struct dj_key sk = key(v, "skK");
	static const uint8_t nonce[32];
	uint8_t out[DJ_OFFER_MAX], rd[64];
	struct dj_pending p;
	size_t len;

	return dj_keep_offer_sk(&p, &f, b->b, b->len, nonce, &sk, out,
		sizeof(out), &len, rd);
}

/* As a client does: the offer itself, then report_data of the evidence. */
static enum dj_error give_offer(const json_t *v, const struct blob *b)
{
	struct blob hello = hex(v, "hello"), offer = hex(v, "offer");
	enum dj_error err = judge_offer(&hello, b, offer.b + 80);
	uint8_t binding[32];

	if (err != DJ_ERROR_NONE)
		return err;
	dj_binding(hello.b, hello.len, b->b, b->len, binding);
	if (!dj_ct_equal(binding, hex(v, "report_data").b, 32))
		return DJ_ERROR_EVIDENCE;
	return DJ_ERROR_NONE;
}

static enum dj_error give_open(const json_t *v, const struct blob *b)
{
	struct dj_keys k;

	return open_at_keep(v, b, &k);
}

static void the_reject_vectors_are_refused_by_their_names(void)
{
	json_t *doc = load("ksp1.json"), *cases = load("ksp1-reject.json");
	json_t *v, *c;
	size_t i;

	if (doc == NULL || cases == NULL)
		return;
	v = json_array_get(json_object_get(doc, "vectors"), 0);
	json_array_foreach(json_object_get(cases, "cases"), i, c)
	{
		const char *msg =
			json_string_value(json_object_get(c, "message"));
		struct blob b = hex(c, "bytes");
		enum dj_error err;

		err = strcmp(msg, "hello") == 0     ? give_hello(v, &b)
			: strcmp(msg, "offer") == 0 ? give_offer(v, &b)
						    : give_open(v, &b);
		eq_str(dj_error_name((uint16_t)err),
			json_string_value(json_object_get(c, "expect")));
	}
	eq_u64(i, 15);
	json_decref(doc);
	json_decref(cases);
}

static bool among(enum dj_error err, const enum dj_error *list)
{
	while (*list != DJ_ERROR_NONE && *list != err)
		list++;
	return err != DJ_ERROR_NONE && *list == err;
}

static void every_flip_and_cut_of_hello_is_refused_or_unbound(void)
{
	static const enum dj_error names[] = { DJ_ERROR_BAD_HELLO,
		DJ_ERROR_NO_SUITE, DJ_ERROR_KEEP_FRESH, DJ_ERROR_NONE };
	json_t *doc = load("ksp1.json"), *v;
	struct blob hello, offer, rd;
	uint8_t b[32];

	if (doc == NULL)
		return;
	v = json_array_get(json_object_get(doc, "vectors"), 0);
	hello = hex(v, "hello");
	offer = hex(v, "offer");
	rd = hex(v, "report_data");
	for (size_t i = 0; i < hello.len * 8; i++) {
		struct blob m = hello;
		enum dj_error err;

		m.b[i / 8] ^= (uint8_t)(1u << i % 8);
		err = give_hello(v, &m);
		/* What the Keep takes, the client finds in report_data. */
		dj_binding(m.b, m.len, offer.b, offer.len, b);
		ok(!dj_ct_equal(b, rd.b, 32));
		if (err != DJ_ERROR_NONE)
			ok(among(err, names));
	}
	for (size_t n = 0; n < hello.len; n++) {
		struct blob m = hello;

		m.len = n;
		eq_u64(give_hello(v, &m), DJ_ERROR_BAD_HELLO);
	}
	json_decref(doc);
}

static void every_flip_and_cut_of_an_offer_is_refused(void)
{
	static const enum dj_error names[] = { DJ_ERROR_BAD_OFFER,
		DJ_ERROR_SUITE, DJ_ERROR_KEEP_OWNED, DJ_ERROR_EVIDENCE,
		DJ_ERROR_NONE };
	json_t *doc = load("ksp1.json"), *v;
	struct blob offer;

	if (doc == NULL)
		return;
	v = json_array_get(json_object_get(doc, "vectors"), 0);
	offer = hex(v, "offer");
	eq_u64(give_offer(v, &offer), DJ_ERROR_NONE);
	for (size_t i = 0; i < offer.len * 8; i++) {
		struct blob m = offer;

		m.b[i / 8] ^= (uint8_t)(1u << i % 8);
		ok(among(give_offer(v, &m), names));
	}
	for (size_t n = 0; n < offer.len; n++) {
		struct blob m = offer;

		m.len = n;
		eq_u64(give_offer(v, &m), DJ_ERROR_BAD_OFFER);
	}
	json_decref(doc);
}

/* OPEN is judged by itself, or its keys do not open the first record. */
static enum dj_error give_open_and_record(const json_t *v,
	const struct blob *open, const struct blob *record)
{
	struct blob frame = *record;
	struct dj_keys k;
	struct dj_chain c;
	struct dj_inner in;
	enum dj_error err;

	err = open_at_keep(v, open, &k);
	if (err != DJ_ERROR_NONE)
		return err;
	if (dj_chain_init(&c, k.suite, &k.c2k) != DJ_OK)
		return DJ_ERROR_BAD_OPEN;
	err = dj_chain_open(&c, frame.b, frame.len, &in);
	ok(c.is_live == (err == DJ_ERROR_NONE));
	return err;
}

static void every_flip_and_cut_of_open_is_refused(void)
{
	static const enum dj_error names[] = { DJ_ERROR_BAD_OPEN,
		DJ_ERROR_STALE_OFFER, DJ_ERROR_NO_TICKET, DJ_ERROR_BAD_RECORD,
		DJ_ERROR_NONE };
	json_t *doc = load("ksp1.json"), *v, *r;
	struct blob open, rec;

	if (doc == NULL)
		return;
	v = json_array_get(json_object_get(doc, "vectors"), 0);
	r = json_array_get(json_object_get(v, "records"), 0);
	open = hex(v, "open");
	rec = hex(r, "frame");
	eq_u64(give_open_and_record(v, &open, &rec), DJ_ERROR_NONE);
	for (size_t i = 0; i < open.len * 8; i++) {
		struct blob m = open;

		/*
		 * X25519 ignores the top bit of a point; HPKE hashes enc, so
		 * the keys differ all the same.
		 */
		m.b[i / 8] ^= (uint8_t)(1u << i % 8);
		ok(among(give_open_and_record(v, &m, &rec), names));
	}
	for (size_t n = 0; n < open.len; n++) {
		struct blob m = open;

		m.len = n;
		eq_u64(give_open(v, &m), DJ_ERROR_BAD_OPEN);
	}
	json_decref(doc);
}

static void every_flip_and_cut_of_a_first_record_is_refused(void)
{
	json_t *doc = load("ksp1.json"), *v;
	struct blob open, rec;
	size_t which;

	if (doc == NULL)
		return;
	for (which = 0; which < 2; which++) {
		struct dj_keys k;

		v = json_array_get(json_object_get(doc, "vectors"), which);
		open = hex(v, "open");
		rec = hex(json_array_get(json_object_get(v, "records"), 0),
			"frame");
		eq_u64(open_at_keep(v, &open, &k), DJ_ERROR_NONE);
		for (size_t i = 0; i < rec.len * 8 + rec.len; i++) {
			struct blob m = rec;
			struct dj_chain c;
			struct dj_inner in;

			if (i < rec.len * 8)
				m.b[i / 8] ^= (uint8_t)(1u << i % 8);
			else
				m.len = i - rec.len * 8;
			ok(dj_chain_init(&c, k.suite, &k.c2k) == DJ_OK);
			eq_u64(dj_chain_open(&c, m.b, m.len, &in),
				DJ_ERROR_BAD_RECORD);
			ok(!c.is_live);
		}
	}
	json_decref(doc);
}

static void an_open_is_taken_once(void)
{
	json_t *doc = load("ksp1.json"), *v;
	struct dj_pending p;
	struct blob open;
	struct dj_keys k;
	uint32_t no;
	uint8_t b[32];

	if (doc == NULL)
		return;
	v = json_array_get(json_object_get(doc, "vectors"), 0);
	open = hex(v, "open");
	make_offer(v, &p);
	eq_u64(dj_keep_open(&p, open.b, open.len, NULL, 0, &k, &no, b),
		DJ_ERROR_NONE);
	eq_u64(dj_keep_open(&p, open.b, open.len, NULL, 0, &k, &no, b),
		DJ_ERROR_NO_OFFER);
	make_offer(v, &p);
	open.b[0] ^= 1;
	eq_u64(dj_keep_open(&p, open.b, open.len, NULL, 0, &k, &no, b),
		DJ_ERROR_STALE_OFFER);
	/* The shape is judged before the binding, as the reference does. */
	make_offer(v, &p);
	open.b[33] = 1;
	eq_u64(dj_keep_open(&p, open.b, open.len, NULL, 0, &k, &no, b),
		DJ_ERROR_BAD_OPEN);
	open.b[33] = 0;
	open.b[0] ^= 1;
	eq_u64(dj_keep_open(&p, open.b, open.len, NULL, 0, &k, &no, b),
		DJ_ERROR_NO_OFFER);
	json_decref(doc);
}

static void a_reattach_with_an_unknown_ticket_is_refused(void)
{
	json_t *doc = load("ksp1.json"), *v;
	struct dj_ticket t[2] = { { .no = 2 }, { .no = 0 } };
	struct dj_pending p;
	struct dj_keys k;
	struct blob open;
	uint32_t no;
	uint8_t b[32];
	size_t i;

	if (doc == NULL)
		return;
	json_array_foreach(json_object_get(doc, "vectors"), i, v)
	{
		if (number(v, "mode") != 1)
			continue;
		open = hex(v, "open");
		make_offer(v, &p);
		eq_u64(dj_keep_open(&p, open.b, open.len, t, 2, &k, &no, b),
			DJ_ERROR_NO_TICKET);
		/* Number 0 is no ticket, though an empty slot says 0. */
		open.b[39] = 0;
		make_offer(v, &p);
		eq_u64(dj_keep_open(&p, open.b, open.len, t, 2, &k, &no, b),
			DJ_ERROR_NO_TICKET);
	}
	json_decref(doc);
}

int main(void)
{
	RUN(hpke_gives_the_values_of_rfc_9180);
	RUN(hpke_takes_a_psk_in_psk_mode_only);
	RUN(every_value_of_the_session_vectors_is_reproduced);
	RUN(a_hybrid_offer_parses_but_is_not_opened);
	RUN(the_owner_vector_verifies_and_any_change_does_not);
	RUN(the_reject_vectors_are_refused_by_their_names);
	RUN(every_flip_and_cut_of_hello_is_refused_or_unbound);
	RUN(every_flip_and_cut_of_an_offer_is_refused);
	RUN(every_flip_and_cut_of_open_is_refused);
	RUN(every_flip_and_cut_of_a_first_record_is_refused);
	RUN(an_open_is_taken_once);
	RUN(a_reattach_with_an_unknown_ticket_is_refused);
	return done();
}
