// SPDX-License-Identifier: Apache-2.0
#include "host/aesm/aesm_msg.h"

#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/proto/emu.h"

#define VARINT  0
#define FIXED64 1
#define BYTES   2
#define FIXED32 5

#define F_ERROR   1
#define F_TIMEOUT 9

/* Where a key id says its algorithm, and what is P-256's. */
#define ALGORITHM_OFF 154
#define ECDSA_P256    2

/* Seven bits a byte, least first; ten bytes at most. */
static uint64_t read_varint(struct dj_rd *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = dj_rd_u8(r);

		/* The tenth has one bit left to give. */
		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0)
			return v;
	}
	dj_rd_fail(r, DJ_E_INPUT);
	return 0;
}

static void write_varint(struct dj_wr *w, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		dj_wr_u8(w, (uint8_t)(v | 0x80));
	dj_wr_u8(w, (uint8_t)v);
}

static void write_number(struct dj_wr *w, uint32_t field, uint64_t v)
{
	write_varint(w, (uint64_t)field << 3 | VARINT);
	write_varint(w, v);
}

static void write_bytes(struct dj_wr *w, uint32_t field, const uint8_t *p,
	size_t len)
{
	write_varint(w, (uint64_t)field << 3 | BYTES);
	write_varint(w, len);
	dj_wr_bytes(w, p, len);
}

static void write_fields(struct dj_wr *w, const struct dj_aesm_request *q)
{
	switch (q->op) {
	case DJ_AESM_KEY_COUNT:
		break;
	case DJ_AESM_KEYS:
		write_number(w, 1, q->size);
		break;
	case DJ_AESM_INIT:
		write_bytes(w, 1, q->key_id, DJ_AESM_KEY_ID);
		write_number(w, 3, q->size != 0);
		if (q->size != 0)
			write_number(w, 4, q->size);
		break;
	case DJ_AESM_QUOTE_SIZE:
		write_bytes(w, 1, q->key_id, DJ_AESM_KEY_ID);
		break;
	case DJ_AESM_QUOTE:
		write_bytes(w, 1, q->report, DJ_EMU_REQUEST_MAX);
		write_bytes(w, 2, q->key_id, DJ_AESM_KEY_ID);
		write_number(w, 4, q->size);
		break;
	}
	write_number(w, F_TIMEOUT, q->timeout);
}

dj_status dj_aesm_request_write(const struct dj_aesm_request *q, uint8_t *dst,
	size_t cap, size_t *ret_len)
{
	uint8_t fields[DJ_AESM_REQUEST_MAX];
	uint8_t message[DJ_AESM_REQUEST_MAX];
	struct dj_wr f = dj_wr_of(fields, sizeof(fields));
	struct dj_wr m = dj_wr_of(message, sizeof(message));
	struct dj_wr w = dj_wr_of(dst, cap);

	write_fields(&f, q);
	write_bytes(&m, q->op, fields, f.len);
	dj_wr_le(&w, m.len, 4);
	dj_wr_bytes(&w, message, m.len);
	if (f.err != DJ_OK || m.err != DJ_OK)
		return DJ_E_LIMIT;
	return dj_wr_end(&w, ret_len);
}

/* One field of whatever type. */
struct field {
	uint64_t number;
	uint8_t type;
	uint64_t value;
	const uint8_t *bytes;
	size_t len;
};

static void read_field(struct dj_rd *r, struct field *ret)
{
	uint64_t tag = read_varint(r);
	uint64_t len;

	*ret = (struct field){ .number = tag >> 3, .type = tag & 7 };
	switch (ret->type) {
	case VARINT:
		ret->value = read_varint(r);
		break;
	case FIXED64:
		(void)dj_rd_bytes(r, 8);
		break;
	case FIXED32:
		(void)dj_rd_bytes(r, 4);
		break;
	case BYTES:
		len = read_varint(r);
		ret->bytes = dj_rd_bytes(r, len);
		ret->len = len;
		break;
	default: /* groups, which nobody sends any more */
		dj_rd_fail(r, DJ_E_INPUT);
		break;
	}
	if (ret->number == 0)
		dj_rd_fail(r, DJ_E_INPUT);
}

/* Which fields count in an op's reply; 0: none. */
struct shape {
	uint8_t number, bytes;
};

static struct shape shape_of(enum dj_aesm_op op)
{
	switch (op) {
	case DJ_AESM_KEY_COUNT:
	case DJ_AESM_QUOTE_SIZE:
		return (struct shape){ .number = 2 };
	case DJ_AESM_KEYS:
	case DJ_AESM_QUOTE:
		return (struct shape){ .bytes = 2 };
	case DJ_AESM_INIT:
		return (struct shape){ .number = 3, .bytes = 2 };
	}
	return (struct shape){ 0 };
}

/* The field's bit in what was seen: not twice, and of its type. */
static bool is_new(const struct field *f, uint8_t type, uint64_t *seen)
{
	const uint64_t bit = UINT64_C(1) << f->number;

	if (f->type != type || (*seen & bit) != 0)
		return false;
	*seen |= bit;
	return true;
}

static bool take(const struct field *f, struct shape want, uint64_t *seen,
	struct dj_aesm_reply *ret)
{
	if (f->number == F_ERROR) {
		ret->error = (uint32_t)f->value;
		return is_new(f, VARINT, seen) && f->value <= UINT32_MAX;
	}
	if (want.number != 0 && f->number == want.number) {
		ret->number = f->value;
		return is_new(f, VARINT, seen);
	}
	if (want.bytes != 0 && f->number == want.bytes) {
		ret->bytes = f->bytes;
		ret->bytes_len = f->len;
		return is_new(f, BYTES, seen);
	}
	return true;
}

dj_status dj_aesm_reply_parse(enum dj_aesm_op op, const uint8_t *buf,
	size_t len, struct dj_aesm_reply *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	const struct shape want = shape_of(op);
	struct dj_aesm_reply reply = { 0 };
	struct field outer, f;
	uint64_t seen = 0;
	struct dj_rd in;

	read_field(&r, &outer);
	if (dj_rd_end(&r) != DJ_OK || outer.number != op || outer.type != BYTES)
		return DJ_E_INPUT;
	in = dj_rd_of(outer.bytes, outer.len);
	while (in.err == DJ_OK && in.left != 0) {
		read_field(&in, &f);
		if (in.err == DJ_OK && !take(&f, want, &seen, &reply))
			dj_rd_fail(&in, DJ_E_INPUT);
	}
	if (in.err != DJ_OK || (seen & 1u << F_ERROR) == 0)
		return DJ_E_INPUT;
	*ret = reply;
	return DJ_OK;
}

const uint8_t *dj_aesm_key_choose(const uint8_t *list, size_t len)
{
	if (len % DJ_AESM_KEY_ID != 0)
		return NULL;
	for (size_t off = 0; off < len; off += DJ_AESM_KEY_ID) {
		struct dj_rd r = dj_rd_of(list + off, DJ_AESM_KEY_ID);

		(void)dj_rd_bytes(&r, ALGORITHM_OFF);
		if (dj_rd_u32le(&r) == ECDSA_P256)
			return list + off;
	}
	return NULL;
}
