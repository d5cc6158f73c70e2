// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/aead.h"
#include "lib/crypto/hpke.h"
#include "lib/session/keys.h"
#include "tests/evil/evil.h"
#include "tests/scan/scanner.h"
#include "tests/support/nonce_log.h"

/*
 * Both sides call these from other files than they are in, so the linker can
 * put the watch between (--wrap): the code that runs is the product's.
 */
#define SECRETS 512
#define AEADS   64
#define PAIRS   8192
#define SEALED  4096
#define CHAINS  64

struct secret {
	char name[24];
	uint8_t b[32];
};

struct sealed {
	uint64_t secret, number, hash;
};

static struct {
	struct secret secrets[SECRETS];
	size_t secret_count;
	struct {
		const void *aead;
		uint64_t key;
	} aeads[AEADS];
	uint64_t pairs[PAIRS]; /* a set; 0: free */
	uint64_t pair_count;
	struct sealed sealed[SEALED];
	size_t sealed_count;
	struct {
		const struct dj_chain *chain;
		uint64_t secret;
	} chains[CHAINS];
	uint64_t kems[64];
	size_t kem_count;
	bool has_ready; /* the client has opened a record of this attach */
	bool must_refuse;
} s;

static uint64_t hash(const void *p, size_t len, uint64_t h)
{
	const uint8_t *b = p;

	h ^= UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 31;
}

static void keep_secret(const char *name, const uint8_t b[static 32])
{
	static const uint8_t zero[32];

	if (s.secret_count == SECRETS || memcmp(b, zero, 32) == 0)
		return;
	for (size_t i = 0; i < s.secret_count; i++)
		if (memcmp(s.secrets[i].b, b, 32) == 0)
			return;
	(void)snprintf(s.secrets[s.secret_count].name,
		sizeof(s.secrets[0].name), "%s", name);
	memcpy(s.secrets[s.secret_count++].b, b, 32);
}

/* The fake shim starts the log of the unit tests; here is one of its own. */
void dj_nonce_log_start(void)
{
}

void watch_begin(void)
{
	memset(&s, 0, sizeof(s));
	keep_secret("module data",
		evil_work.module + evil_work.module_len - 32);
	keep_secret("stdin", evil_work.in);
	keep_secret("stdout", evil_work.out);
	keep_secret("argument", evil_work.begin + evil_work.begin_len - 68);
}

uint64_t watch_end(void)
{
	return s.pair_count;
}

void watch_refuse(void)
{
	s.must_refuse = true;
}

bool watch_is_refused(void)
{
	return s.must_refuse;
}

static void hit(void *ctx, size_t at, const char *name, const char *shape)
{
	evil_fault(EVIL_LEAK, "%s in %s at %#zx, %s", name, (const char *)ctx,
		at, shape);
}

uint64_t watch_scan(const uint8_t *p, size_t len, const char *where)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%s", where);
	scanner_reset();
	for (size_t i = 0; i < s.secret_count; i++)
		scanner_add(s.secrets[i].name, s.secrets[i].b, 32);
	(void)scanner_scan(p, len, hit, name);
	return len;
}

/* ---- O6: keys and nonces ---- */

void __real_dj_aead_init(struct dj_aead *a, enum dj_aead_alg alg,
	const struct dj_key *key);
void __wrap_dj_aead_init(struct dj_aead *a, enum dj_aead_alg alg,
	const struct dj_key *key);
void __wrap_dj_aead_init(struct dj_aead *a, enum dj_aead_alg alg,
	const struct dj_key *key)
{
	size_t i = 0;

	while (i < AEADS - 1 && s.aeads[i].aead != NULL && s.aeads[i].aead != a)
		i++;
	s.aeads[i].aead = a;
	s.aeads[i].key = hash(key->b, sizeof(key->b), alg);
	keep_secret("record key", key->b);
	__real_dj_aead_init(a, alg, key);
}

static void note_pair(const struct dj_aead *a, const uint8_t nonce[static 12])
{
	uint64_t key = 0;
	uint64_t v;
	size_t at;

	for (size_t i = 0; i < AEADS; i++)
		if (s.aeads[i].aead == a)
			key = s.aeads[i].key;
	v = hash(nonce, 12, key) | 1;
	at = v >> 51;
	for (; s.pairs[at] != 0; at = (at + 1) % PAIRS) {
		if (s.pairs[at] != v)
			continue;
		evil_fault(EVIL_REUSE, "a nonce was used twice with a key");
		return;
	}
	if (++s.pair_count == PAIRS / 2)
		abort();
	s.pairs[at] = v;
}

void __real_dj_aead_seal(const struct dj_aead *a,
	const uint8_t nonce[static 12], const void *aad, size_t aad_len,
	uint8_t *data, size_t len, uint8_t ret_tag[static 16]);
void __wrap_dj_aead_seal(const struct dj_aead *a,
	const uint8_t nonce[static 12], const void *aad, size_t aad_len,
	uint8_t *data, size_t len, uint8_t ret_tag[static 16]);
void __wrap_dj_aead_seal(const struct dj_aead *a,
	const uint8_t nonce[static 12], const void *aad, size_t aad_len,
	uint8_t *data, size_t len, uint8_t ret_tag[static 16])
{
	note_pair(a, nonce);
	if (!evil_is_in_keep())
		evil_tenant_bytes(data, len);
	__real_dj_aead_seal(a, nonce, aad, aad_len, data, len, ret_tag);
}

dj_status __real_dj_kem_decap(const struct dj_key *sk,
	const uint8_t enc[static 32], struct dj_key *ret_ss);
dj_status __wrap_dj_kem_decap(const struct dj_key *sk,
	const uint8_t enc[static 32], struct dj_key *ret_ss);
dj_status __wrap_dj_kem_decap(const struct dj_key *sk,
	const uint8_t enc[static 32], struct dj_key *ret_ss)
{
	uint64_t v = hash(sk->b, sizeof(sk->b), 0);

	keep_secret("KEM key", sk->b);
	for (size_t i = 0; i < s.kem_count; i++)
		if (s.kems[i] == v)
			evil_fault(EVIL_REUSE, "a KEM key was used twice");
	if (s.kem_count < 64)
		s.kems[s.kem_count++] = v;
	return __real_dj_kem_decap(sk, enc, ret_ss);
}

dj_status __real_dj_keys_derive(uint16_t suite, const struct dj_key *ss,
	const uint8_t binding[static 32], const uint8_t keep_id[static 32],
	const struct dj_ticket *ticket, struct dj_keys *ret);
dj_status __wrap_dj_keys_derive(uint16_t suite, const struct dj_key *ss,
	const uint8_t binding[static 32], const uint8_t keep_id[static 32],
	const struct dj_ticket *ticket, struct dj_keys *ret);
dj_status __wrap_dj_keys_derive(uint16_t suite, const struct dj_key *ss,
	const uint8_t binding[static 32], const uint8_t keep_id[static 32],
	const struct dj_ticket *ticket, struct dj_keys *ret)
{
	dj_status st =
		__real_dj_keys_derive(suite, ss, binding, keep_id, ticket, ret);

	keep_secret("KEM secret", ss->b);
	if (st != DJ_OK)
		return st;
	keep_secret("c2k", ret->c2k.b);
	keep_secret("k2c", ret->k2c.b);
	keep_secret("ticket", ret->ticket.b);
	keep_secret("auth", ret->auth.b);
	keep_secret("again", ret->again.b);
	return st;
}

/* ---- O2: only what was sealed opens, in order ---- */

dj_status __real_dj_chain_init(struct dj_chain *c, uint16_t suite,
	const struct dj_key *secret);
dj_status __wrap_dj_chain_init(struct dj_chain *c, uint16_t suite,
	const struct dj_key *secret);
dj_status __wrap_dj_chain_init(struct dj_chain *c, uint16_t suite,
	const struct dj_key *secret)
{
	size_t i = 0;

	while (i < CHAINS - 1 && s.chains[i].chain != NULL &&
		s.chains[i].chain != c)
		i++;
	s.chains[i].chain = c;
	s.chains[i].secret = hash(secret->b, sizeof(secret->b), 1);
	if (!evil_is_in_keep())
		s.has_ready = false;
	return __real_dj_chain_init(c, suite, secret);
}

static uint64_t secret_of(const struct dj_chain *c)
{
	for (size_t i = 0; i < CHAINS; i++)
		if (s.chains[i].chain == c)
			return s.chains[i].secret;
	return 0;
}

static void judge_sealed(enum dj_kind kind, uint8_t stream, uint64_t off)
{
	if (kind != DJ_KIND_CLAIM && kind != DJ_KIND_RESUME && !s.has_ready)
		evil_fault(EVIL_ACCEPT, "kind %#x was sent before READY", kind);
	if (kind == DJ_KIND_ACK && stream == 1 && off > evil_durable())
		evil_fault(EVIL_ONCE, "ACK up to %llu, durable are %llu",
			(unsigned long long)off,
			(unsigned long long)evil_durable());
}

dj_status __real_dj_chain_seal(struct dj_chain *c, enum dj_kind kind,
	uint8_t stream, uint64_t off, const void *data, size_t len,
	uint8_t minclass, uint8_t *dst, size_t cap, size_t *ret_len);
dj_status __wrap_dj_chain_seal(struct dj_chain *c, enum dj_kind kind,
	uint8_t stream, uint64_t off, const void *data, size_t len,
	uint8_t minclass, uint8_t *dst, size_t cap, size_t *ret_len);
dj_status __wrap_dj_chain_seal(struct dj_chain *c, enum dj_kind kind,
	uint8_t stream, uint64_t off, const void *data, size_t len,
	uint8_t minclass, uint8_t *dst, size_t cap, size_t *ret_len)
{
	uint64_t number = c->number;
	dj_status st;

	if (!evil_is_in_keep())
		judge_sealed(kind, stream, off);
	st = __real_dj_chain_seal(c, kind, stream, off, data, len, minclass,
		dst, cap, ret_len);
	if (st == DJ_OK && s.sealed_count < SEALED)
		s.sealed[s.sealed_count++] = (struct sealed){ secret_of(c),
			number, hash(dst, *ret_len, 2) };
	return st;
}

static bool was_sealed(uint64_t secret, uint64_t number, uint64_t h)
{
	for (size_t i = 0; i < s.sealed_count; i++)
		if (s.sealed[i].secret == secret &&
			s.sealed[i].number == number && s.sealed[i].hash == h)
			return true;
	return false;
}

enum dj_error __real_dj_chain_open(struct dj_chain *c, uint8_t *frame,
	size_t len, struct dj_inner *ret);
enum dj_error __wrap_dj_chain_open(struct dj_chain *c, uint8_t *frame,
	size_t len, struct dj_inner *ret);
enum dj_error __wrap_dj_chain_open(struct dj_chain *c, uint8_t *frame,
	size_t len, struct dj_inner *ret)
{
	uint64_t h = hash(frame, len, 2);
	uint64_t number = c->number;
	uint64_t secret = secret_of(c);
	enum dj_error e = __real_dj_chain_open(c, frame, len, ret);

	if (e != DJ_ERROR_NONE)
		return e;
	if (!was_sealed(secret, number, h))
		evil_fault(EVIL_ACCEPT,
			"a record opened that was not sealed as number %llu",
			(unsigned long long)number);
	if (!evil_is_in_keep())
		s.has_ready = true;
	return e;
}
