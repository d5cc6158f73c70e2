// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * OPEN, the client's KEM encapsulation (session.md 3.4). Big-endian.
 *
 *    0  32  B, the binding      32  u8 mode      33  u8 zero
 *   34  u16 length of enc: 32 or 1120            36  u32 ticket_no
 *   40      enc
 */
#define DJ_OPEN_HEAD    40
#define DJ_OPEN_ENC_MAX 1120

struct dj_open {
	uint8_t binding[32];
	uint8_t mode;       /* enum dj_mode */
	uint32_t ticket_no; /* 0 in mode 0 */
	const uint8_t *enc; /* borrowed */
	size_t enc_len;
};

/*
 * Whether the length fits the suite is asked by who knows it; a mode 1 ticket
 * number of 0 passes here and is NO_TICKET there. Any failure is BAD_OPEN.
 */
dj_status dj_open_parse(const uint8_t *buf, size_t len, struct dj_open *ret);
dj_status dj_open_write(const struct dj_open *o, uint8_t *dst, size_t cap,
	size_t *ret_len);
