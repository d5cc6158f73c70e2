// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * A frame: every message on a link (session.md 2). Big-endian.
 *
 *   0  u8   type       1  u8  version, 1       2  u16 zero
 *   4  u32  n, payload length                  8  payload
 *
 * Read the 8 bytes, parse them, and only then reserve memory for n.
 */
#define DJ_FRAME_HEADER  8
#define DJ_FRAME_VERSION 1

enum dj_frame_type {
	DJ_FRAME_HELLO = 1,
	DJ_FRAME_OFFER = 2,
	DJ_FRAME_EVIDENCE = 3,
	DJ_FRAME_OPEN = 4,
	DJ_FRAME_RECORD = 5,
	DJ_FRAME_REPORT = 6, /* not on the shared-region link */
	DJ_FRAME_ERROR = 15,
};

#define DJ_HELLO_MAX    104
#define DJ_OFFER_MAX    4096
#define DJ_EVIDENCE_MAX 262144
#define DJ_OPEN_MAX     1160
#define DJ_RECORD_MAX   16400
#define DJ_REPORT_MAX   16384
#define DJ_ERROR_MAX    256

/* Types as bits, for who may receive what. */
#define DJ_FRAME_BIT(type) (1u << (type))
#define DJ_FRAMES_TO_KEEP                                             \
	(DJ_FRAME_BIT(DJ_FRAME_HELLO) | DJ_FRAME_BIT(DJ_FRAME_OPEN) | \
		DJ_FRAME_BIT(DJ_FRAME_RECORD))
#define DJ_FRAMES_TO_CLIENT                                               \
	(DJ_FRAME_BIT(DJ_FRAME_OFFER) | DJ_FRAME_BIT(DJ_FRAME_EVIDENCE) | \
		DJ_FRAME_BIT(DJ_FRAME_RECORD) | DJ_FRAME_BIT(DJ_FRAME_ERROR))

struct dj_frame {
	uint8_t type;
	uint32_t len; /* of the payload, within the type's limit */
};

/* The limit of a type, 0 for one that is none. */
uint32_t dj_frame_max(uint8_t type);

/*
 * DJ_E_INPUT: version, zero field, or a type that is none or not in accept
 * (DJ_FRAME_BITs). DJ_E_LIMIT: too long for its type. All are BAD_FRAME.
 */
dj_status dj_frame_parse(const uint8_t header[static DJ_FRAME_HEADER],
	uint32_t accept, struct dj_frame *ret);
void dj_frame_write(uint8_t header[static DJ_FRAME_HEADER],
	enum dj_frame_type type, uint32_t len);
