// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * Messages of AESM, Intel's service that has quotes made (aesmd): requests
 * written, replies read. Bytes alone; aesm.h has the socket.
 *
 * A message is its length, u32 little-endian, and a protobuf: one field, whose
 * number says what is asked and whose bytes are the fields below. A reply has
 * the number of its request, and in field 1 an error, 0 for none.
 *
 *   op                  request                       reply
 *   21 KEY_COUNT        9 timeout                     2 number
 *   22 KEYS             1 size wanted, 9              2 bytes: key ids
 *   15 INIT             1 key id, 3 is key id wanted, 2 bytes: target info
 *                       4 size of the key id, 9       3 number: that size
 *   16 QUOTE_SIZE       1 key id, 9                   2 number
 *   17 QUOTE            1 report, 2 key id, 4 size    2 bytes: the quote
 *                       wanted, 9
 *
 * Never met a real aesmd.
 */
enum dj_aesm_op {
	DJ_AESM_INIT = 15,
	DJ_AESM_QUOTE_SIZE = 16,
	DJ_AESM_QUOTE = 17,
	DJ_AESM_KEY_COUNT = 21,
	DJ_AESM_KEYS = 22,
};

#define DJ_AESM_KEY_ID      256 /* bytes of one */
#define DJ_AESM_KEYS_MAX    32
#define DJ_AESM_QUOTE_MAX   0x4000
#define DJ_AESM_PUB_MAX     0x1000
/* A whole message with its length. */
#define DJ_AESM_REQUEST_MAX 1024
#define DJ_AESM_REPLY_MAX   (DJ_AESM_QUOTE_MAX + 1024)

struct dj_aesm_request {
	enum dj_aesm_op op;
	const uint8_t *key_id; /* INIT, QUOTE_SIZE, QUOTE */
	const uint8_t *report; /* QUOTE: 432 bytes */
	uint64_t size;         /* KEYS, QUOTE; INIT: 0 asks for the size */
	uint32_t timeout;
};

/* DJ_E_LIMIT: cap is too small; DJ_AESM_REQUEST_MAX is not. */
dj_status dj_aesm_request_write(const struct dj_aesm_request *q, uint8_t *dst,
	size_t cap, size_t *ret_len);

struct dj_aesm_reply {
	uint32_t error;       /* aesmd's; then nothing else counts */
	uint64_t number;      /* 0: there was none */
	const uint8_t *bytes; /* borrowed; NULL: there were none */
	size_t bytes_len;
};

/*
 * Reads a reply to op, without the length before it. Fields that this does
 * not know are passed over. DJ_E_INPUT: not such a reply: another op's, no
 * error field, a known field twice or of another type, bytes left over.
 */
dj_status dj_aesm_reply_parse(enum dj_aesm_op op, const uint8_t *buf,
	size_t len, struct dj_aesm_reply *ret);

/*
 * The first key for ECDSA over P-256 of a list as KEYS gives it; NULL: there
 * is none, or the list is not whole.
 */
const uint8_t *dj_aesm_key_choose(const uint8_t *list, size_t len);
