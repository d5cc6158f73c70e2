// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/sgx_sigstruct.h"

#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/crypto/sha256.h"

#define EXPONENT     3
#define VENDOR_INTEL 0x8086
#define WORDS        ((size_t)DJ_SGX_RSA / 4)

static const uint8_t header1[16] = { 6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1 };
static const uint8_t header2[16] = { 1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0,
	1 };

/* What stands before and after the signature. */
static void read_front(struct dj_rd *r, struct dj_sgx_sigstruct *s)
{
	const uint8_t *h = dj_rd_bytes(r, sizeof(header1));

	if (h != NULL && memcmp(h, header1, sizeof(header1)) != 0)
		dj_rd_fail(r, DJ_E_INPUT);
	s->vendor = dj_rd_u32le(r);
	if (s->vendor != 0 && s->vendor != VENDOR_INTEL)
		dj_rd_fail(r, DJ_E_INPUT);
	s->date = dj_rd_u32le(r);
	h = dj_rd_bytes(r, sizeof(header2));
	if (h != NULL && memcmp(h, header2, sizeof(header2)) != 0)
		dj_rd_fail(r, DJ_E_INPUT);
	s->swdefined = dj_rd_u32le(r);
	dj_rd_zero(r, 84);
}

static void read_body(struct dj_rd *r, struct dj_sgx_sigstruct *s)
{
	s->miscselect = dj_rd_u32le(r);
	s->miscmask = dj_rd_u32le(r);
	dj_rd_zero(r, 4);
	dj_rd_copy(r, s->isvfamilyid, sizeof(s->isvfamilyid));
	s->flags = dj_rd_u64le(r);
	s->xfrm = dj_rd_u64le(r);
	s->flags_mask = dj_rd_u64le(r);
	s->xfrm_mask = dj_rd_u64le(r);
	dj_rd_copy(r, s->mrenclave, sizeof(s->mrenclave));
	dj_rd_zero(r, 16);
	dj_rd_copy(r, s->isvextprodid, sizeof(s->isvextprodid));
	s->isvprodid = dj_rd_u16le(r);
	s->isvsvn = dj_rd_u16le(r);
}

dj_status dj_sgx_sigstruct_parse(const uint8_t *buf, size_t len,
	struct dj_sgx_sigstruct *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_sgx_sigstruct s;

	read_front(&r, &s);
	dj_rd_copy(&r, s.modulus, sizeof(s.modulus));
	if (dj_rd_u32le(&r) != EXPONENT)
		dj_rd_fail(&r, DJ_E_INPUT);
	dj_rd_copy(&r, s.signature, sizeof(s.signature));
	read_body(&r, &s);
	dj_rd_zero(&r, 12);
	dj_rd_copy(&r, s.q1, sizeof(s.q1));
	dj_rd_copy(&r, s.q2, sizeof(s.q2));
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = s;
	return DJ_OK;
}

static void write_front(struct dj_wr *w, const struct dj_sgx_sigstruct *s)
{
	dj_wr_bytes(w, header1, sizeof(header1));
	dj_wr_le(w, s->vendor, 4);
	dj_wr_le(w, s->date, 4);
	dj_wr_bytes(w, header2, sizeof(header2));
	dj_wr_le(w, s->swdefined, 4);
	dj_wr_zero(w, 84);
}

static void write_body(struct dj_wr *w, const struct dj_sgx_sigstruct *s)
{
	dj_wr_le(w, s->miscselect, 4);
	dj_wr_le(w, s->miscmask, 4);
	dj_wr_zero(w, 4);
	dj_wr_bytes(w, s->isvfamilyid, sizeof(s->isvfamilyid));
	dj_wr_le(w, s->flags, 8);
	dj_wr_le(w, s->xfrm, 8);
	dj_wr_le(w, s->flags_mask, 8);
	dj_wr_le(w, s->xfrm_mask, 8);
	dj_wr_bytes(w, s->mrenclave, sizeof(s->mrenclave));
	dj_wr_zero(w, 16);
	dj_wr_bytes(w, s->isvextprodid, sizeof(s->isvextprodid));
	dj_wr_le(w, s->isvprodid, 2);
	dj_wr_le(w, s->isvsvn, 2);
}

void dj_sgx_sigstruct_write(const struct dj_sgx_sigstruct *s,
	uint8_t dst[static DJ_SGX_SIGSTRUCT])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SGX_SIGSTRUCT);

	write_front(&w, s);
	dj_wr_bytes(&w, s->modulus, sizeof(s->modulus));
	dj_wr_le(&w, EXPONENT, 4);
	dj_wr_bytes(&w, s->signature, sizeof(s->signature));
	write_body(&w, s);
	dj_wr_zero(&w, 12);
	dj_wr_bytes(&w, s->q1, sizeof(s->q1));
	dj_wr_bytes(&w, s->q2, sizeof(s->q2));
}

void dj_sgx_sigstruct_signed(const struct dj_sgx_sigstruct *s,
	uint8_t dst[static DJ_SGX_SIGSTRUCT_SIGNED])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SGX_SIGSTRUCT_SIGNED);

	write_front(&w, s);
	write_body(&w, s);
}

/*
 * Numbers of 3072 bits as little-endian words. Public values only: nothing
 * here is constant-time.
 */
struct num {
	uint32_t w[WORDS];
};
struct wide {
	uint32_t w[2 * WORDS];
};

static struct num num_of(const uint8_t bytes[static DJ_SGX_RSA])
{
	struct num n;

	for (size_t i = 0; i < WORDS; i++) {
		n.w[i] = 0;
		for (size_t k = 4; k > 0; k--)
			n.w[i] = n.w[i] << 8 | bytes[4 * i + k - 1];
	}
	return n;
}

static void num_to(const struct num *n, uint8_t bytes[static DJ_SGX_RSA])
{
	for (size_t i = 0; i < DJ_SGX_RSA; i++)
		bytes[i] = (uint8_t)(n->w[i / 4] >> 8 * (i % 4));
}

static bool less(const struct num *a, const struct num *b)
{
	for (size_t i = WORDS; i > 0; i--) {
		if (a->w[i - 1] != b->w[i - 1])
			return a->w[i - 1] < b->w[i - 1];
	}
	return false;
}

static struct wide mul(const struct num *a, const struct num *b)
{
	struct wide r = { 0 };

	for (size_t i = 0; i < WORDS; i++) {
		uint64_t carry = 0;

		for (size_t k = 0; k < WORDS; k++) {
			carry += (uint64_t)a->w[i] * b->w[k] + r.w[i + k];
			r.w[i + k] = (uint32_t)carry;
			carry >>= 32;
		}
		r.w[i + WORDS] = (uint32_t)carry;
	}
	return r;
}

/* a - b; false if that is negative or does not fit in a num. */
static bool sub(const struct wide *a, const struct wide *b, struct num *ret)
{
	struct wide r;
	uint64_t borrow = 0;
	uint32_t high = 0;

	for (size_t i = 0; i < 2 * WORDS; i++) {
		uint64_t d = (uint64_t)a->w[i] - b->w[i] - borrow;

		r.w[i] = (uint32_t)d;
		borrow = d >> 63;
	}
	for (size_t i = WORDS; i < 2 * WORDS; i++)
		high |= r.w[i];
	if (borrow != 0 || high != 0)
		return false;
	memcpy(ret->w, r.w, sizeof(ret->w));
	return true;
}

/* r = r * 2 + bit, less n if that is not below n; r < n. True if it was. */
static bool shift_in(struct num *r, uint32_t bit, const struct num *n)
{
	uint32_t top = r->w[WORDS - 1] >> 31;
	uint64_t borrow = 0;

	for (size_t i = WORDS - 1; i > 0; i--)
		r->w[i] = r->w[i] << 1 | r->w[i - 1] >> 31;
	r->w[0] = r->w[0] << 1 | bit;
	if (top == 0 && less(r, n))
		return false;
	for (size_t i = 0; i < WORDS; i++) {
		uint64_t d = (uint64_t)r->w[i] - n->w[i] - borrow;

		r->w[i] = (uint32_t)d;
		borrow = d >> 63;
	}
	return true;
}

/* a / n, whose quotient fits, and the rest; bit by bit, for the signer. */
static struct num divide(const struct wide *a, const struct num *n,
	struct num *ret_rest)
{
	struct num q = { 0 };
	struct num rest = { 0 };

	for (size_t i = 64 * WORDS; i > 0; i--) {
		size_t at = i - 1;

		if (shift_in(&rest, a->w[at / 32] >> at % 32 & 1, n))
			q.w[at / 32 % WORDS] |= 1u << at % 32;
	}
	*ret_rest = rest;
	return q;
}

/* n has its highest bit, s is below it. */
static bool is_fit(const struct num *n, const struct num *s)
{
	return n->w[WORDS - 1] >> 31 == 1 && less(s, n);
}

bool dj_sgx_sigstruct_quotients(struct dj_sgx_sigstruct *s)
{
	struct num n = num_of(s->modulus);
	struct num sig = num_of(s->signature);
	struct num q, rest;
	struct wide w;

	if (!is_fit(&n, &sig))
		return false;
	w = mul(&sig, &sig);
	q = divide(&w, &n, &rest);
	num_to(&q, s->q1);
	w = mul(&rest, &sig);
	q = divide(&w, &n, &rest);
	num_to(&q, s->q2);
	return true;
}

/* EMSA-PKCS1-v1_5 of a SHA-256 digest, as a little-endian number. */
static void encode(const uint8_t digest[static 32],
	uint8_t ret[static DJ_SGX_RSA])
{
	static const uint8_t info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09,
		0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
		0x00, 0x04, 0x20 };
	uint8_t em[DJ_SGX_RSA];
	struct dj_wr w = dj_wr_of(em, sizeof(em));

	memset(em, 0xff, sizeof(em));
	dj_wr_be(&w, 1, 2);
	(void)dj_wr_room(&w, DJ_SGX_RSA - 3 - sizeof(info) - 32);
	dj_wr_u8(&w, 0);
	dj_wr_bytes(&w, info, sizeof(info));
	dj_wr_bytes(&w, digest, 32);
	for (size_t i = 0; i < DJ_SGX_RSA; i++)
		ret[i] = em[DJ_SGX_RSA - 1 - i];
}

/* a * b - q * n, which is the rest of a division if it is below n. */
static bool rest_of(const struct num *a, const struct num *b,
	const struct num *q, const struct num *n, struct num *ret)
{
	struct wide ab = mul(a, b);
	struct wide qn = mul(q, n);

	return sub(&ab, &qn, ret) && less(ret, n);
}

bool dj_sgx_rsa_verify(const struct dj_sgx_sigstruct *s,
	const uint8_t digest[static 32])
{
	struct num n = num_of(s->modulus);
	struct num sig = num_of(s->signature);
	struct num q1 = num_of(s->q1);
	struct num q2 = num_of(s->q2);
	uint8_t got[DJ_SGX_RSA], want[DJ_SGX_RSA];
	struct num rest;

	if (!is_fit(&n, &sig) || !rest_of(&sig, &sig, &q1, &n, &rest) ||
		!rest_of(&rest, &sig, &q2, &n, &rest))
		return false;
	num_to(&rest, got);
	encode(digest, want);
	return memcmp(got, want, sizeof(want)) == 0;
}

bool dj_sgx_sigstruct_verify(const struct dj_sgx_sigstruct *s)
{
	uint8_t bytes[DJ_SGX_SIGSTRUCT_SIGNED], digest[32];

	dj_sgx_sigstruct_signed(s, bytes);
	dj_sha256(bytes, sizeof(bytes), digest);
	return dj_sgx_rsa_verify(s, digest);
}

void dj_sgx_mrsigner(const struct dj_sgx_sigstruct *s, uint8_t ret[static 32])
{
	dj_sha256(s->modulus, sizeof(s->modulus), ret);
}
