// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * HELLO, the client's first message (session.md 3.1). Big-endian.
 *
 *    0   4  "KSP1"               4  u8 ns (1..8)     5  u8 nf (0..8)
 *    6  u8  mode                 7  u8 minclass (0..3)
 *    8  32  client nonce        40  32 keep_id: zero in mode 0 and only there
 *   72      ns suites u16, best first, then nf evidence formats u16
 */
#define DJ_KSP_MAGIC   0x4b535031 /* "KSP1" */
#define DJ_SUITES_MAX  8
#define DJ_FORMATS_MAX 8

enum dj_mode {
	DJ_MODE_NEW = 0,      /* HPKE base */
	DJ_MODE_REATTACH = 1, /* HPKE psk */
};

/* HPKE KEM and record AEAD, as 3.1 has them. */
enum dj_suite {
	DJ_SUITE_X25519_CHACHA20 = 0x0001,
	DJ_SUITE_X25519_AES256 = 0x0002,
	DJ_SUITE_XWING_CHACHA20 = 0x0011, /* not in this build */
	DJ_SUITE_XWING_AES256 = 0x0012,   /* not in this build */
};

/* Is it one of the four ids that the protocol knows? */
bool dj_suite_known(uint16_t suite);
/* Public key and encapsulation lengths of a known suite's KEM. */
size_t dj_suite_pk_len(uint16_t suite);
size_t dj_suite_enc_len(uint16_t suite);

/* Evidence formats (HELLO, EVIDENCE). */
enum dj_format {
	DJ_FORMAT_SGX = 1,
	DJ_FORMAT_SNP = 2,
	DJ_FORMAT_TDX = 3,
	DJ_FORMAT_SANCTUM = 4,
	DJ_FORMAT_PEF = 5,
	DJ_FORMAT_PROCESS = 0x8001, /* from here on: development */
	DJ_FORMAT_KVM = 0x8002,
	DJ_FORMAT_EMULATED = 0x8100, /* plus the format it imitates */
};

static inline bool dj_format_is_development(uint16_t format)
{
	return format >= 0x8000;
}

struct dj_hello {
	uint8_t mode; /* enum dj_mode */
	uint8_t minclass;
	uint8_t nonce[32];
	uint8_t keep_id[32];
	uint8_t suite_count;
	uint8_t format_count;
	uint16_t suites[DJ_SUITES_MAX];
	uint16_t formats[DJ_FORMATS_MAX];
};

/* Any failure is BAD_HELLO. */
dj_status dj_hello_parse(const uint8_t *buf, size_t len, struct dj_hello *ret);
/* DJ_E_INPUT: the struct breaks a rule that the parser would refuse. */
dj_status dj_hello_write(const struct dj_hello *h, uint8_t *dst, size_t cap,
	size_t *ret_len);
